"""zones.py - the policy zone of rpz.md and unbound.md: BIND, Knot DNS, PowerDNS Recursor and Unbound, by transfer and out of files."""
import os
import re

from machine import Hub, Upstream, free_port, lookup, need, ok, program, same, wait_for
from published import NEW, Consumer, publish
from resolvers import LISTED, unbound_conf

HERE = "127.0.0.1"
NAMES = {**LISTED, "host.example": "NXDOMAIN", "points-there.example": "NXDOMAIN"}


class Zones:
    """A node with the page's zones, and the machine of a resolver for each."""

    def __init__(self, root):
        self.root, self.up, self.notify, self.lab = root, Upstream(), free_port(), free_port()
        self.up.other["points-there.example"] = "198.51.100.7"
        os.makedirs(root)
        os.chmod(root, 0o755)
        self.hub = Hub(root)
        publish(self.hub)
        m = self.m = Consumer(self.hub, os.path.join(root, "node-machine"), "sensors/rpz.md")
        m.at_node(m.page)
        self.dns = free_port()
        secret = re.search(r'secret "([^"]+)"', m.read("/etc/tocsin/keys/resolvers.key").decode()).group(1)
        self.given = {"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=": secret, "192.0.2.1:5300": "%s:%d" % (HERE, self.dns), "192.0.2.1@5300": "%s@%d" % (HERE, self.dns),
                      "192.0.2.1 port 5300": "%s port %d" % (HERE, self.dns), "notify=192.0.2.53/": "notify=%s:%d/" % (HERE, self.notify), "open=192.0.2.64/27": "open=127.0.0.1/32",
                      "notify=192.0.2.70": "notify=%s:%d" % (HERE, self.lab), "192.0.2.1": HERE}
        conf = m.write("/etc/tocsin/dns.yaml", m.put(m.page.of("yaml")[0], **self.given))
        self.hub.node.stop()
        self.hub.node.extra += ["--conf", conf]
        self.hub.node.start()
        self.hub.api = self.hub.node.client(timeout=300)

    def machine(self, name, page="sensors/rpz.md"):
        m = Consumer(self.hub, os.path.join(self.root, name), page)
        m.given = self.given
        return m

    def end(self):
        self.up.close()
        ok(self.hub.node.stop() == 0, "rpz.md: the node ends well")


def answers(page, what, port, m, name):
    ok(wait_for(lambda: {n: lookup(port, n) for n in NAMES} == NAMES), "%s: %s answers for what is listed, and for nothing else" % (page, what),
       "%s\n%s" % ({n: lookup(port, n) for n in NAMES}, m.log(name)))


def live(z, page, what, blocked):
    """Nothing is fetched: the node tells, or the resolver asks by itself."""
    number = z.hub.event(NEW["name"])
    ok(wait_for(blocked), "%s: %s blocks what is published" % (page, what))
    z.hub.delete(number)
    ok(wait_for(lambda: not blocked()), "%s: %s frees what is retracted" % (page, what))


def named_options(m, z, port):
    home = m.path("/var/named")
    os.makedirs(home, exist_ok=True)
    os.chmod(home, 0o777)
    return """options {
	directory "%s"; pid-file none; session-keyfile none; lock-file none;
	listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };
	allow-query { any; }; forward only; forwarders { 127.0.0.1 port %d; };
	dnssec-validation no; qname-minimization off;
""" % (home, port, z.up.port)


def bind(z):
    need("named", "named-checkconf", "named-checkzone", "rndc", "tsig-keygen")
    transfer, from_file = z.m.page.of("named")
    m = z.machine("bind")
    conf = m.write("/etc/named.conf", "controls { };\n" + m.put(transfer).replace("options {\n", named_options(m, z, z.notify)))
    m.run("named-checkconf /etc/named.conf", "rpz.md: named-checkconf")
    m.service("named", program("named"), "-g", "-n", "1", "-c", conf)
    try:
        m.systemctl("start", "named")
        answers("rpz.md", "BIND by transfer", z.notify, m, "named")
        live(z, "rpz.md", "BIND by transfer", lambda: lookup(z.notify, "x.new.example") == "NXDOMAIN")
    finally:
        m.end()
    m = z.machine("bind-file")
    port, control = free_port(), free_port()
    key = 'key "rndc" { algorithm hmac-sha256; secret "%s"; };\n' % z.given["c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="]
    rndc = m.write("/etc/rndc.conf", key + 'options { default-server 127.0.0.1; default-port %d; default-key "rndc"; };\n' % control)
    m.wrap("rndc", "-c", rndc)
    fetch = [b for b in m.page.at_consumer() if "rndc" in b]
    m.fetch("fetched for the first time", fetch)
    conf = m.write("/etc/named.conf", key + 'controls { inet 127.0.0.1 port %d allow { 127.0.0.1; } keys { "rndc"; }; };\n' % control
                   + m.put(from_file).replace("options {\n", named_options(m, z, port)))
    m.run("named-checkconf -z /etc/named.conf", "rpz.md: named-checkconf, with its zones")
    m.service("named", program("named"), "-g", "-n", "1", "-c", conf)
    try:
        m.systemctl("start", "named")
        answers("rpz.md", "BIND with a file", port, m, "named")
        m.turns("rpz", "name", lambda: lookup(port, "x.new.example") == "NXDOMAIN", "new.example", lambda: m.fetch(blocks=fetch))
    finally:
        m.end()


def knot(z):
    need("knotd", "knotc")
    transfer, from_file = z.m.page.of("knot")

    def has(port, name):
        """Knot DNS serves the zone."""
        return lookup(port, name + ".tocsin.rpz") not in (None, "NXDOMAIN", "REFUSED")

    def begin(m, port, block):
        os.makedirs(m.path("/var/knot"))
        conf = m.write("/etc/knot.conf", "server:\n    listen: 127.0.0.1@%d\n    rundir: %s\ndatabase:\n    storage: %s\nlog:\n  - target: stderr\n    any: info\n" % (
            port, m.path("/run"), m.path("/var/knot")) + m.put(block))
        m.wrap("knotc", "-c", conf)
        p = m.sh("knotc conf-check")
        ok(p.returncode == 0 and "warning" not in p.stdout, "rpz.md: knotc conf-check", p.stdout)
        m.service("knotd", program("knotd"), "-c", conf)
        m.systemctl("start", "knotd")
        ok(wait_for(lambda: has(port, "*.evil.example") and has(port, "host.example")) and not has(port, "red.example"), "rpz.md: Knot DNS has the zone", m.log("knotd"))

    m = z.machine("knot")
    try:
        begin(m, z.notify, transfer)
        live(z, "rpz.md", "Knot DNS by transfer", lambda: has(z.notify, "new.example"))
    finally:
        m.end()
    m, port = z.machine("knot-file"), free_port()
    fetch = [b for b in m.page.at_consumer() if "knotc" in b]
    m.wrap("knotc", "-c", m.path("/etc/knot.conf"))
    m.fetch("fetched for the first time", fetch)
    try:
        begin(m, port, from_file)
        m.turns("rpz", "name", lambda: has(port, "new.example"), "new.example", lambda: m.fetch(blocks=fetch))
    finally:
        m.end()


def recursor(z):
    need("pdns_recursor", "rec_control")
    transfer, from_file = z.m.page.of("lua")
    for name, block in (("pdns", transfer), ("pdns-file", from_file)):
        m, port = z.machine(name), free_port()
        home = os.path.dirname(m.write("/etc/powerdns/recursor.lua", m.put(block)))
        m.wrap("rec_control", "--config-dir=" + home, "--socket-dir=" + home)
        fetch = [b for b in m.page.at_consumer() if "rec_control" in b]
        if block is from_file:
            m.fetch("fetched for the first time", fetch)
        m.service("pdns", program("pdns_recursor"), "--daemon=no", "--config-dir=" + home, "--socket-dir=" + home, "--local-address=127.0.0.1", "--local-port=%d" % port,
                  "--lua-config-file=" + home + "/recursor.lua", "--dnssec=off", "--write-pid=no", "--threads=1", "--disable-packetcache=yes",
                  "--forward-zones-recurse=.=127.0.0.1:%d" % z.up.port, "--dont-query=", "--security-poll-suffix=", "--qname-minimization=no")
        try:
            m.systemctl("start", "pdns")
            answers("rpz.md", "PowerDNS Recursor (%s)" % name, port, m, "pdns")
            blocked = lambda: lookup(port, "x.new.example") == "NXDOMAIN"  # noqa: E731,B023
            if block is transfer:
                live(z, "rpz.md", "PowerDNS Recursor", blocked)
            else:
                m.turns("rpz", "name", blocked, "new.example", lambda: m.fetch(blocks=fetch))  # noqa: B023
        finally:
            m.end()


def unbound(z):
    need("unbound")
    m = z.machine("unbound-transfer", "sensors/unbound.md")
    os.makedirs(m.path("/var/lib/unbound"))
    conf = unbound_conf(m, z.lab, z.up.port, m.page.of("unbound")[0])
    m.run("unbound-checkconf " + conf, "unbound.md: unbound-checkconf")
    m.service("unbound", program("unbound"), "-d", "-c", conf)
    try:
        m.systemctl("start", "unbound")
        answers("unbound.md", "Unbound by transfer", z.lab, m, "unbound")
        live(z, "unbound.md", "Unbound by transfer", lambda: lookup(z.lab, "x.new.example") == "NXDOMAIN")
        same("listed" in m.log("unbound") or "rpz: applied" in m.log("unbound"), True, "unbound.md: rpz-log tells")
    finally:
        m.end()


def zones(hub, root):
    del hub
    need("tsig-keygen")
    z = Zones(root)
    from machine import Absent, skip
    try:
        for f in (bind, knot, recursor, unbound):
            try:
                f(z)
            except Absent as e:
                skip(f.__name__, e)
    finally:
        z.end()
