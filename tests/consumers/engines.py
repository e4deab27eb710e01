"""engines.py - Suricata, Snort and Zeek: their pages' lines, with stand-ins that read as strictly as documented."""
import os
import re
import sys
from collections import Counter

import idsrules
import rows
from machine import TESTS, Follow, ok, same, wait_for
from published import Consumer

sys.path.append(os.path.join(TESTS, "follow"))

CHECKER = """#!%s
# reads the rules as tests/sensors/idsrules.py does; the last word is the file
import sys
sys.path[:0] = [%r]
import idsrules, rows
with open(sys.argv[-1], encoding="utf-8") as f:
    got = rows.ROWS[%r].parse(f.read(), %r)
sys.exit(0 if got else 1)
"""


def checker(m, name, format_, params=None):
    path = os.path.join(m.bin, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(CHECKER % (sys.executable, os.path.join(TESTS, "sensors"), format_, params or {}))
    os.chmod(path, 0o755)


def read(m, format_, file, params=None):
    """What a strict reader finds, as text."""
    return " ".join(str(k) for k in rows.ROWS[format_].parse(m.read(file).decode(), params or {}))


def suricata(hub, root):
    from suricata import Suricata
    m = Consumer(hub, root, "sensors/suricata.md")
    for d in ("/var/lib/suricata/data", "/etc/suricata/rules", "/etc/suricata/iprep", "/run/suricata"):
        os.makedirs(m.path(d), exist_ok=True)
    checker(m, "suricata", "suricata-rules")
    m.script("suricatasc", "echo \"$@\" >>%s" % m.path("/run/suricatasc.log"))
    m.at_node(m.page)
    m.fetch("fetched for the first time")
    data = {s: read(m, "suricata-dataset-" + s, "/var/lib/suricata/data/tocsin-%s.lst" % s) for s in ("domain", "hostname", "user-agent", "ja3", "cert-sha1", "ip", "filename")}
    same((data["domain"].split(), data["hostname"], "198.51.100.7" in data["ip"], "198.51.100.77" in data["ip"], "198.51.100.66" in data["ip"]),
         (sorted(["evil.example", "quiet.example"], key=data["domain"].split().index), "host.example", True, True, False),
         "suricata.md: datasets hold what may be looked for (PAP:RED, too), not tlp:red")
    ok("Evil/1.0" in data["user-agent"] and "Red/1.0" not in data["user-agent"] and "evil, \"x\".exe" in data["filename"] and data["ja3"] and data["cert-sha1"], "suricata.md: the other sets", data)
    lists = {s: read(m, "suricata-file" + s, "/etc/suricata/rules/tocsin-%s.lst" % s) for s in ("md5", "sha1", "sha256")}
    ok(all(len(v.split()) == 1 for v in lists.values()), "suricata.md: digests of files", lists)
    rules = m.read("/etc/suricata/rules/tocsin.rules").decode()
    loaded = re.findall(r"load ([^ ,;]+)", rules) + re.findall(r"file(?:md5|sha1|sha256):([^;]+);", rules)
    there = set(os.listdir(m.path("/var/lib/suricata/data"))) | set(os.listdir(m.path("/etc/suricata/rules")))
    ok(loaded and not set(loaded) - there, "suricata.md: each file that the rules name is there", sorted(set(loaded) - there))
    each = m.read("/etc/suricata/rules/tocsin-each.rules").decode()
    ok("evil" in each and "red" not in re.findall(r"[a-z]+(?=\.example)", each) and "sid:5;" not in each, "suricata.md: a rule for each, and theirs by a number of ours")
    same(m.read("/run/suricatasc.log").decode().split("\n")[:2], ["-c ruleset-reload-nonblocking"] * 2, "suricata.md: Suricata is told")
    conf = m.page.of("suricata")[0]
    same(len(list(idsrules.parse_suricata(conf)) if hasattr(idsrules, "parse_suricata") else conf.splitlines()), 2, "suricata.md: rules of the page")
    ok("198.51.100.7/32" in read(m, "suricata-iprep", "/etc/suricata/iprep/tocsin.list") and "evil.example" in read(m, "suricata-datarep", "/var/lib/suricata/data/tocsin-rep.lst"),
       "suricata.md: reputation")
    same(m.read("/etc/suricata/iprep/categories.txt").decode().split(",")[:2], ["1", "tocsin"], "suricata.md: its category")
    m.turns("suricata-domain", "name", lambda: b"bmV3LmV4YW1wbGU=" in m.read("/var/lib/suricata/data/tocsin-domain.lst"), "bmV3LmV4YW1wbGU=")
    with Suricata(m.path("/run/suricata/suricata-command.socket"), {"tocsin-domain": "string"}) as s:
        with Follow(m, m.page.follows()[0]) as f:
            ok(wait_for(lambda: {b"evil.example", b"quiet.example"} == set(s.sets["tocsin-domain"])), "suricata.md: the socket's set is filled", f.said())
            number = hub.event(("domain", "new.example"))
            ok(wait_for(lambda: b"new.example" in s.sets["tocsin-domain"]), "suricata.md: and followed", f.said())
            hub.delete(number)
            ok(wait_for(lambda: b"new.example" not in s.sets["tocsin-domain"]), "suricata.md: also back", f.said())
        same(s.faults, [], "suricata.md: as documented")


def snort3(hub, root):
    m = Consumer(hub, root, "sensors/snort3.md")
    for d in ("/etc/snort/rules", "/etc/snort/lists"):
        os.makedirs(m.path(d))
    checker(m, "snort", "snort3-rules")
    m.service("snort3", "sleep", "7200", reload="0")  # stands in for a process that can be told
    m.systemctl("start", "snort3")
    try:
        m.at_node(m.page)
        m.fetch()
        got = read(m, "snort3-reputation", "/etc/snort/lists/tocsin.blf")
        same(["198.51.100.7" in got, "198.51.100.66" in got, "198.51.100.77" in got], [True, False, False], "snort3.md: the list blocks what is listed, not tlp:red and PAP:RED")
        name = m.read("/etc/snort/lists/interface.info").decode().strip()
        same(name, "tocsin.blf,1,block", "snort3.md: its manifest names the file of the page")
        rules = m.read("/etc/snort/rules/tocsin.rules").decode()
        ok("evil" in rules and "quiet" in rules and "|03|red" not in rules, "snort3.md: rules", rules[:500])
        ok("blocklist = 'tocsin.blf'" in m.page.of("lua")[0], "snort3.md: and so does its configuration")
        m.turns("snort-reputation", "address", lambda: b"198.51.100.99" in m.read("/etc/snort/lists/tocsin.blf"))
    finally:
        m.end()


def zeek(hub, root):
    m = Consumer(hub, root, "sensors/zeek.md")
    m.at_node(m.page)
    m.fetch()
    file = "/var/lib/tocsin-lists/tocsin.intel"
    got = rows.ROWS["zeek-intel"].parse(m.read(file).decode(), {})
    want = Counter({("DOMAIN", "evil.example"): 1, ("DOMAIN", "quiet.example"): 1, ("ADDR", "198.51.100.7"): 1, ("SUBNET", "203.0.113.0/24"): 1, ("URL", "bad.example/a/b?c=d"): 1})
    same(want - got, Counter(), "zeek.md: what may be looked for is there (PAP:RED, too)")
    ok(not [k for k in got if "red.example" in k[1] or k[1] == "198.51.100.66"], "zeek.md: tlp:red is not")
    ok(m.put('"/var/lib/tocsin-lists/tocsin.intel"') in m.put(m.page.of("zeek")[0]), "zeek.md: the script reads that file")
    ok(b"consumers; \"quoted\"" in m.read(file), "zeek.md: the title is told, as the page says")
    m.turns("zeek", "name", lambda: b"\nnew.example\t" in m.read(file))
