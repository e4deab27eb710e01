"""resolvers.py - dnsmasq, hosts files, Unbound, BIND, Knot DNS and PowerDNS Recursor answer as the pages say."""
import os

from machine import Upstream, free_port, lookup, need, ok, program, same, wait_for
from published import Consumer

LISTED = {"evil.example": "NXDOMAIN", "www.evil.example": "NXDOMAIN", "fine.example": "192.0.2.99", "red.example": "192.0.2.99", "quiet.example": "192.0.2.99"}


def judged(page, what, port, want):
    ok(wait_for(lambda: {n: lookup(port, n) for n in want} == want), "%s: %s answers for what is listed, and for nothing else" % (page, what), {n: lookup(port, n) for n in want})


def dnsmasq(hub, root):
    m = Consumer(hub, root, "sensors/dnsmasq.md")
    need("dnsmasq")
    m.at_node(m.page)
    lists, hosts = m.page.at_consumer()
    m.write("/etc/hosts", "127.0.0.1 localhost\n")
    m.fetch("fetched for the first time", [lists])
    up, port = Upstream(), free_port()
    conf = m.write("/etc/dnsmasq.conf", m.put(m.page.of("dnsmasq")[0]) +
        "port=%d\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\nserver=127.0.0.1#%d\npid-file=\nuser=root\n" % (port, up.port))
    m.service("dnsmasq", program("dnsmasq"), "-k", "-C", conf)
    try:
        m.systemctl("start", "dnsmasq")
        judged("dnsmasq.md", "dnsmasq", port, {**LISTED, "host.example": "0.0.0.0"})
        m.turns("dnsmasq", "name", lambda: lookup(port, "x.new.example") == "NXDOMAIN", "new.example", lambda: m.fetch(blocks=[lists]))
        m.fetch(blocks=[hosts])
        text = m.read("/etc/hosts").decode()
        ok(text.startswith("127.0.0.1 localhost\n") and "0.0.0.0 evil.example\n" in text and "0.0.0.0 host.example\n" in text and "red.example" not in text, "dnsmasq.md: a hosts file", text)
        m.service("with-hosts", program("dnsmasq"), "-k", "-C", m.write("/etc/two.conf", m.put("addn-hosts=/var/lib/tocsin-lists/hosts\n") +
            "port=%d\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\nserver=127.0.0.1#%d\npid-file=\nuser=root\n" % (port + 0, up.port)))
        m.systemctl("stop", "dnsmasq")
        m.services.remove("dnsmasq")
        m.systemctl("start", "with-hosts")
        judged("dnsmasq.md", "dnsmasq with addn-hosts", port, {"evil.example": "0.0.0.0", "www.evil.example": "192.0.2.99", "host.example": "0.0.0.0", "red.example": "192.0.2.99"})
        number = hub.event(("hostname", "again.example"))
        hub.holds("hosts", "again.example")
        m.fetch(blocks=[hosts])
        m.systemctl("reload", "with-hosts")
        ok(wait_for(lambda: lookup(port, "again.example") == "0.0.0.0"), "dnsmasq.md: read again on SIGHUP")
        hub.delete(number)
    finally:
        m.end()
        up.close()


def unbound_conf(m, port, up, block):
    """The page's lines behind those of the test."""
    own = m.path("/run/unbound.ctl")
    return m.write("/etc/unbound/unbound.conf", """server:
	interface: 127.0.0.1
	port: %d
	directory: "%s"
	pidfile: ""
	username: ""
	chroot: ""
	use-syslog: no
	do-not-query-localhost: no
	do-ip6: no
	module-config: "iterator"
remote-control:
	control-enable: yes
	control-use-cert: no
	control-interface: %s
forward-zone:
	name: "."
	forward-addr: 127.0.0.1@%d
""" % (port, m.path("/etc/unbound"), own, up) + m.put(block).replace("respip validator iterator", "respip iterator"))


def unbound(hub, root):
    m = Consumer(hub, root, "sensors/unbound.md")
    need("unbound")
    conf = m.path("/etc/unbound/unbound.conf")
    m.wrap("unbound-control", "-c", conf)
    m.at_node(m.page)
    up, port = Upstream(), free_port()
    up.other["points-there.example"] = "198.51.100.7"
    _, zone, local = m.page.of("unbound")
    by_zone, by_local = m.page.at_consumer()
    try:
        m.fetch("fetched for the first time", [by_zone, by_local])
        m.service("unbound", program("unbound"), "-d", "-c", conf)
        for what, block, fetch, want in (("policy zone", zone, by_zone, {**LISTED, "host.example": "NXDOMAIN", "points-there.example": "NXDOMAIN"}),
                                         ("local zones", local, by_local, {**LISTED, "host.example": "0.0.0.0"})):
            unbound_conf(m, port, up.port, block)
            m.run("unbound-checkconf " + conf, "unbound.md: unbound-checkconf")
            m.systemctl("start", "unbound")
            judged("unbound.md", what, port, want)
            name = "unbound-zone" if fetch is by_zone else "unbound"
            m.turns(name, "name", lambda: lookup(port, "x.new.example") == "NXDOMAIN", "new.example", lambda: m.fetch(blocks=[fetch]))
            m.systemctl("stop", "unbound")
        unbound_conf(m, port, up.port, "")
        m.systemctl("start", "unbound")
        wait_for(lambda: lookup(port, "fine.example") == "192.0.2.99")
        m.followed(m.page.follows()[0], "name", lambda: lookup(port, "x.new.example") == "NXDOMAIN")
    finally:
        m.end()
        up.close()
