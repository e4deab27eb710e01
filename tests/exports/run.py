#!/usr/bin/env python3
"""Every format on values made to break it, read by what reads it: parsers of consumers where they are
installed, strict readers of our own elsewhere. usage: run.py WRITE_EXPORT [PLAIN]"""
import collections
import csv
import html.parser
import io
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import rules

WRITE, PLAIN = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "500"
TMP = tempfile.mkdtemp(prefix="tocsin-exports-")
checks = failed = 0


def ok(good, what, detail=""):
    global checks, failed
    checks += 1
    failed += not good
    print("%s %d - %s" % ("ok" if good else "not ok", checks, what))
    if not good:
        print("\n".join("# " + line[:300] for line in str(detail).splitlines()[:12]))


def export(name, scope="attributes"):
    p = subprocess.run([WRITE, name, scope, PLAIN], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    ok(p.returncode == 0, "%s, %s: is written" % (name, scope), p.stderr.decode("utf-8", "replace"))
    return p.stdout


def text_of(data, what):
    """As UTF-8; where it is none, the bytes stay as they are."""
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        ok(False, "%s: is UTF-8" % what, e)
        return data.decode("utf-8", "replace")


def program(what, argv, data, name):
    """Does a consumer take the file? Skipped when it is not installed."""
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    exe = shutil.which(argv[0], path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not exe:
        print("# %s is not installed" % argv[0])
        return
    p = subprocess.run([exe] + [a.replace("FILE", path) for a in argv[1:]], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    ok(p.returncode == 0, "%s: %s takes it" % (what, argv[0]), p.stdout.decode("utf-8", "replace"))


def each_line(what, lines, read):
    """All lines pass a reader that raises; their results."""
    bad, out = [], []
    for line in lines:
        try:
            out.append(read(line))
        except (rules.Bad, ValueError) as e:
            bad.append("%s: %r" % (e, line))
    ok(not bad, "%s: each of %d lines is taken" % (what, len(out)), "\n".join(bad))
    ok(out, "%s: there are some" % what)
    return out


# ---- sensors ----

def ids(name):
    for scope in ("events", "attributes"):
        what = "%s, %s" % (name, scope)
        text = text_of(export(name, scope), what)
        lines = [x for x in text.split("\n") if x and not x.startswith("#")]
        sids = each_line(what, lines, lambda x: rules.rule(x, shared="snort-rule | " in x or "[] \"" in x))
        double = [s for s, n in collections.Counter(sids).items() if n > 1]
        ok(not double, "%s: no number twice" % what, double[:10])
        try:
            import suricataparser
        except ImportError:
            print("# suricataparser is not installed")
            continue
        lost = [x for x in lines if suricataparser.parse_rule(x) is None]
        ok(not lost, "%s: suricataparser reads each" % what, "\n".join(lost))


def rpz():
    data = export("rpz")
    program("rpz", ["named-checkzone", "-q", "-i", "local", "rpz.example", "FILE"], data, "zone")
    program("rpz", ["kzonecheck", "-o", "rpz.example", "FILE"], data, "zone")
    path = os.path.join(TMP, "unbound.conf")
    with open(path, "w") as f:
        f.write('server:\n\tmodule-config: "respip validator iterator"\n\tchroot: ""\n\tdirectory: "%s"\n'
                'rpz:\n\tname: rpz.example\n\tzonefile: "%s/zone"\n' % (TMP, TMP))
    program("rpz", ["unbound-checkconf", path], data, "zone")
    owners = {x.split(" ")[0] for x in text_of(data, "rpz").splitlines() if " CNAME " in x and x[0] != ";"}
    for want in ("24.0.2.0.192.rpz-ip", "32.zz.db8.2001.rpz-ip", "domain0.example", "*.domain0.example",
                 "xn--mnchen-3ya.example"):
        ok(want in owners, "rpz: %s is there" % want)
    ok(not [o for o in owners if o.startswith("0.") or o.endswith(".")], "rpz: not everything, nothing outside")


def netfilter():
    def line(x):
        m = re.fullmatch(r"(ip6?tables) -A INPUT -s ([0-9A-Fa-f.:/]+) -j DROP", x)
        rules.need(m, "form")
        net = ipaddress.ip_network(m[2], strict=False)
        rules.need(net.version == (6 if m[1] == "ip6tables" else 4), "version")
        rules.need(net.prefixlen > 0, "everything")
    data = export("netfilter")
    each_line("netfilter", text_of(data, "netfilter").split("\n")[:-1], line)
    program("netfilter", ["sh", "-n", "FILE"], data, "netfilter.sh")


def hosts():
    def line(x):
        m = re.fullmatch(r"0\.0\.0\.0 ([A-Za-z0-9_.-]{1,253})", x)
        rules.need(m and all(0 < len(p) < 64 for p in m[1].rstrip(".").split(".")), "name")
    each_line("hosts", [x for x in text_of(export("hosts"), "hosts").split("\n")[:-1] if x[0] != "#"], line)


def zeek():
    lines = text_of(export("bro"), "bro").split("\n")
    def line(x):
        parts = x.split("\t")
        rules.need(len(parts) == 7 and all(parts), "fields")
        rules.need(not re.search(r"[\x00-\x08\x0b-\x1f]", x), "control characters")
        rules.need(re.fullmatch(r"Intel::[A-Z_0-9]+", parts[1]), "type")
        rules.need(parts[1] != "Intel::ADDR" or ipaddress.ip_address(parts[0]), "address")
        rules.need(parts[1] != "Intel::SUBNET" or ipaddress.ip_network(parts[0], strict=False), "network")
    ok(lines[0].startswith("#fields\tindicator\tindicator_type\t"), "bro: its head")
    each_line("bro", lines[1:-1], line)


def yara():
    for scope in ("events", "attributes"):
        data = export("yara", scope)
        program("yara, " + scope, ["yara", "-w", "FILE", "/dev/null"], data, "rules.yara")
        names = re.findall(r"^\s*(?:private )?rule (\w+)", text_of(data, "yara"), re.M)
        ok(len(names) == len(set(names)) and names, "yara, %s: %d rules, no name twice" % (scope, len(names)))
        ok("g" not in names, "yara: no global rule")
        doc = json.loads(export("yara-json", scope))
        ok({x["valid"] for x in doc["as-is"]} == {True, False} or not any(
            x["valid"] for x in doc["as-is"]), "yara-json: says which are broken")
        try:
            import yara as lib
        except ImportError:
            print("# yara-python is not installed")
            continue
        lib.compile(source="\n".join(x["value"] for x in doc["generated"] + doc["as-is"] if x["valid"]))
        ok(True, "yara-json: all that is valid compiles together")


# ---- documents ----

def table(values):
    rows = list(csv.reader(io.StringIO(text_of(export("csv"), "csv"), newline="")))
    rows = [r for r in rows if r]
    ok({len(r) for r in rows} == {len(rows[0])}, "csv: all lines have the same columns")
    ok(len(rows) - 1 == len(values) + int(PLAIN), "csv: a line each", len(rows))
    ok([r[4] for r in rows[1:len(values) + 1]] == values, "csv: the values come back")


def documents():
    for name, scope in (("json", "events"), ("json", "attributes"), ("kunai", "attributes"),
                        ("attack-navigator", "events"), ("attack-sightings", "attributes"),
                        ("opendata", "events"), ("stix2", "events")):
        try:
            json.loads(export(name, scope))
            ok(True, "%s: is JSON" % name)
        except ValueError as e:
            ok(False, "%s: is JSON" % name, e)
    for name, scope in (("xml", "events"), ("xml", "attributes"), ("openioc", "events")):
        try:
            ElementTree.fromstring(export(name, scope))
            ok(True, "%s: is XML" % name)
        except ElementTree.ParseError as e:
            ok(False, "%s: is XML" % name, e)


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.names = set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.names.update(k for k, _ in attrs if k.startswith("on"))


def pages():
    known = {"div", "h2", "h4", "code", "i", "ul", "li", "span", "strong", "a", "table", "thead", "tbody", "tr",
             "th", "td"}
    for name in ("attack", "context", "context-markdown"):
        t = Tags()
        t.feed(text_of(export(name, "events"), name))
        ok(t.names <= known, "%s: no elements but ours" % name, t.names - known)


def lists():
    lines = text_of(export("cache"), "cache").split("\n")[:-1]
    ok(all(re.fullmatch("[0-9a-f]{32}", x) for x in lines), "cache: digests")
    ok(re.fullmatch(rb"\d+", export("count")), "count: a number")


def main():
    doc = json.loads(subprocess.run([WRITE, "--values"], stdout=subprocess.PIPE, check=True).stdout)
    values = [a["value"] for a in doc["response"][0]["Event"]["Attribute"]]
    try:
        for name in ("suricata", "snort"):
            ids(name)
        for test in (rpz, netfilter, hosts, zeek, yara, documents, pages, lists):
            test()
        table(values)
    finally:
        shutil.rmtree(TMP)
    print("1..%d" % checks)
    print("# %d checks over %d values and %s plain ones, %d failed" % (checks, len(values), PLAIN, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
