"""appliances.py - firewalls that fetch from a web server beside them, pf, and plain lists with curl."""
import hashlib
import ipaddress
import re
import sys

import rows
from machine import TOP, Page, ask, free_port, need, ok, program, same, wait_for
from published import SAMPLE, Consumer, digest

LIST = "/var/lib/tocsin-lists/"


class Beside:
    """The web server of the README, which gives the fetched lists to the firewall."""

    def __init__(self, hub, root, page):
        need("nginx")
        self.m = m = Consumer(hub, root, page)
        self.port = free_port()
        block = m.put(Page("sensors/README.md").of("nginx")[0], **{"127.0.0.1:8088": "127.0.0.1:%d" % self.port, "192.0.2.10;": "127.0.0.1;"})
        temp = "".join("%s_temp_path %s;\n" % (n, m.path("/var/" + n)) for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf = m.write("/etc/nginx/nginx.conf", "user root;\npid %s;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n%s%s}\n" % (m.path("/run/nginx.pid"), temp, block))
        m.service("nginx", program("nginx"), "-c", conf, "-p", m.path("/etc/nginx/"), "-g", "daemon off;")
        m.at_node(m.page)
        m.fetch()
        m.systemctl("start", "nginx")
        ok(wait_for(lambda: self.fetched(re.search(r"fetch-list -e \S+/exports/(\S+)|for l in (\S+)", m.page.text).group(2) or "x") is not None), m.page.name + ": the web server beside it", m.log("nginx"))

    def fetched(self, name):
        """As a firewall does: no header of ours."""
        status, body = ask(self.port, "127.0.0.1:%d" % self.port, "/lists/" + name)
        return body.decode() if status == 200 else None

    def entries(self, name, format_=None):
        return {str(k) for k in rows.ROWS[format_ or name].parse(self.fetched(name), {})}


def judge(b, want):
    """want: list, what must be in it; nothing of what is held ever is."""
    for name, entries in want.items():
        got = b.entries(name)
        same((sorted(set(entries) - got), [g for g in got if "red.example" in g or "quiet" in g or "198.51.100.66" in g or "198.51.100.77" in g]), ([], []), "%s: %s" % (b.m.page.name, name))
        same(hashlib.sha256(b.fetched(name).encode()).hexdigest(), b.m.hub.api.get("/exports/%s.sha256" % name).text()[:64], "%s: %s as the node has it" % (b.m.page.name, name))


def run(hub, root, page, want, export, kind):
    b = Beside(hub, root, page)
    try:
        judge(b, want)
        from published import NEW
        b.m.turns(export, kind, lambda: NEW[kind][1] in b.fetched(export))
        return b
    finally:
        b.m.end()


NETS = ["198.51.100.7/32", "203.0.113.0/24", "2001:db8:7::/48"]


def paloalto(hub, root):
    run(hub, root, "sensors/paloalto.md", {"paloalto-ip": NETS, "paloalto-domain": ["('at', 'evil.example')", "('below', 'evil.example')", "('at', 'host.example')"],
        "paloalto-url": ["bad.example/a/b?c=d", "evil.example/", "*.evil.example/"]}, "paloalto-domain", "name")


def fortinet(hub, root):
    run(hub, root, "sensors/fortinet.md", {"fortinet-address": NETS, "fortinet-domain": ["('at', 'evil.example')", "('below', 'evil.example')", "('at', 'host.example')"],
        "fortinet-category": ["bad.example/a/b?c=d"], "fortinet-hash": [digest("sha256", SAMPLE), digest("md5", SAMPLE)]}, "fortinet-hash", "hash")


def cisco(hub, root):
    b = Beside(hub, root, "sensors/cisco.md")
    try:
        judge(b, {"cisco-ip": NETS, "cisco-domain": ["('at', 'evil.example')"], "cisco-url": ["bad.example/a/b?c=d"]})
        for name in ("cisco-ip", "cisco-domain", "cisco-url"):
            same(b.fetched(name + ".md5").strip(), hashlib.md5(b.fetched(name).encode()).hexdigest(), "cisco.md: the digest that is asked first: " + name)
        before = b.fetched("cisco-ip.md5")
        b.m.turns("cisco-ip", "address", lambda: "198.51.100.99" in b.fetched("cisco-ip") and b.fetched("cisco-ip.md5") != before)
    finally:
        b.m.end()


def checkpoint(hub, root):
    run(hub, root, "sensors/checkpoint.md", {"checkpoint-ip": NETS, "checkpoint": ["('Domain', 'evil.example')", "('IP', '198.51.100.7')", "('IP Range', '203.0.113.0-203.0.113.255')",
        "('SHA256', '%s')" % digest("sha256", SAMPLE)]}, "checkpoint", "name")


PFCTL = """exec %s - "$@" <<'X'
import ipaddress, sys
assert sys.argv[1:6] == ["-t", "tocsin", "-T", "replace", "-f"], sys.argv
with open(sys.argv[6]) as f:
    rows = [str(ipaddress.ip_network(l.rstrip("\\n"), strict=True)) for l in f]
assert len(rows) == len(set(rows))
with open(%r, "w") as f:
    f.write("\\n".join(rows) + "\\n")
X"""


def pf(hub, root):
    m = Consumer(hub, root, "sensors/pf.md")
    m.script("pfctl", PFCTL % (sys.executable, m.path("/run/table")))
    m.at_node(m.page)
    m.fetch()
    held = lambda: m.read("/run/table").decode().split()  # noqa: E731
    same((set(NETS) - set(held()), "198.51.100.66/32" in held(), "198.51.100.77/32" in held()), (set(), False, False), "pf.md: the table holds what is listed")
    ok(m.put('"/var/lib/tocsin-lists/pf"') in m.put(m.page.of("pf")[0]), "pf.md: and the rules read that file")
    m.turns("pf", "address", lambda: "198.51.100.99/32" in held())


def plain(hub, root):
    m = Consumer(hub, root, "sensors/plain.md")
    need("curl", "sha256sum")
    m.at_node(m.page)
    m.fetch("fetched for the first time")
    held = {n: m.read(LIST + n).decode().split("\n")[:-1] for n in ("all-values", "bad-ips", "bad-names", "bad-urls", "bad-files")}
    same((sorted(held["bad-names"]), sorted(held["bad-urls"]), "198.51.100.7" in held["bad-ips"], [i for i in held["bad-ips"] if not ipaddress.ip_address(i)]),
         (["*.evil.example", "evil.example", "host.example"], ["http://bad.example/a/b?c=d"], True, []), "plain.md: lists to block")
    ok("quiet.example" in held["all-values"] and "red.example" not in held["all-values"] and held["bad-files"] == [digest("sha256", SAMPLE)], "plain.md: lists to look for")
    by_curl = [b for b in m.page.at_consumer() if "curl" in b]
    m.fetch("curl, when nothing has changed", by_curl)
    m.turns("bad-names", "name", lambda: b"\nnew.example\n" in b"\n" + m.read(LIST + "bad-names"), fetch=lambda: m.fetch("curl", by_curl))


def units(hub, root):
    """The timer of the README: systemd takes the units, and what the service starts fetches."""
    m = Consumer(hub, root, "sensors/plain.md")
    if hub.api.get("/exports/bad-names").status == 404:  # else plain() was here
        m.at_node(m.page)
    m.write("/etc/tocsin/fetch/plain", m.put(m.page.at_consumer()[0]))
    for name in ("tocsin-fetch@.service", "tocsin-fetch@.timer"):
        with open(TOP + "/contrib/systemd/" + name, encoding="utf-8") as f:
            text = m.write("/run/units/" + name, f.read())
        if name.endswith("service"):
            start = re.search(r"^ExecStart=(.*)$", open(text, encoding="utf-8").read(), re.M).group(1).replace("%i", "plain")
    m.run(start, "tocsin-fetch@.service: what it starts")
    ok(b"evil.example" in m.read(LIST + "bad-names"), "tocsin-fetch@.service: fetches")
    need("systemd-analyze")
    p = m.sh("systemd-analyze verify --man=no /run/units/tocsin-fetch@.service /run/units/tocsin-fetch@.timer")
    ok(p.returncode == 0 and "tocsin-fetch" not in p.stdout, "tocsin-fetch@: systemd-analyze verify", p.stdout)


__all__ = ["paloalto", "fortinet", "cisco", "checkpoint", "pf", "plain", "units"]
