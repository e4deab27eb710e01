"""
Files of 100,000 entries, hostile values among them, for each format: read back, given to the consumer's own parser, and
changed. Formats of rules have fewer unless SENSORS_ALL=1 (make nightly): each rule is compiled or parsed by itself.
SENSORS_MANY sets how many; names of formats as arguments run these alone.
"""
import hashlib
import ipaddress
import json
import multiprocessing
import os
import sys
import tempfile
import time

import consumers
import rows
import run
import world

FEWER = {"yara-rules": 1000, "sigma": 2000, "suricata-rules": 20000, "snort3-rules": 20000, "squid-url": 20000}
FORMS = {
    "domain": lambda i: "n%d.%s.example" % (i, "ab"[i % 2]), "hostname": lambda i: "h%d.c.test" % i,
    "url": lambda i: "http%s://u%d.example/%x?q=%d" % ("s" * (i % 2), i % 5000, i * 2654435761, i % 7),
    "ip-port": lambda i: "%s|%d" % (ipaddress.ip_address(0x0b000000 + i * 37), 1 + i % 65535),
    "email": lambda i: "m%d@mail.example" % i, "email-src": lambda i: "s%d@mail.example" % i, "email-dst": lambda i: "d%d@mail.example" % i,
    "asn": lambda i: str(4200000000 + i), "jarm": lambda i: (hashlib.sha256(b"%d" % i).hexdigest())[:62],
    "suricata": lambda i: 'alert tcp any any -> any any (msg:"r%d"; content:"%x"; sid:%d; rev:1;)' % (i % 99, i, i % 9 + 1),
    "snort": lambda i: 'alert tcp any any -> any 80 (msg:"s%d"; content:"%x"; sid:%d; rev:1;)' % (i % 99, i, i % 9 + 1),
    "yara": lambda i: 'rule r%d { strings: $a = "value %x" condition: $a }' % (i % 9, i),
    "sigma": lambda i: 'title: t%d\nlogsource:\n  product: windows\ndetection:\n  s:\n    Image: "%x"\n  condition: s\n' % (i % 9, i),
    "zeek": lambda i: "signature s%x { payload /x/ }" % i}


def address(i):
    if i % 4 == 0:
        return "2a0b:db8:%x:%x::%x" % (i >> 16, i & 65535, i % 9 + 1)
    return "%s/30" % ipaddress.ip_address(0x18000000 + i * 4) if i % 10 == 1 else str(ipaddress.ip_address(0x17000000 + i * 3))


def value(kind, i):
    if kind == "ip":
        return address(i)
    if kind in FORMS:
        return FORMS[kind](i)
    n = world.KINDS_HEX.get(kind)
    return hashlib.sha512(b"%s %d" % (kind.encode(), i)).hexdigest()[:n] if n else "word%d %x \\ \"x\"; %s" % (i % 77, i, kind)


def lists(folder, name, kinds, n):
    """All, and two that share most."""
    kinds = [k for k in kinds if k != "zeek"] or kinds
    more = ["\t".join(w.split("\t")) for w in hostile_lines(set(kinds))]
    paths = [os.path.join(folder, "%s.%d" % (name, i)) for i in range(3)]
    out = [open(p, "w", encoding="ascii") for p in paths]
    tail = "\t".join(["Comment \"%d\"; x|y", "An event, with \\ and é", "ORG", "tlp:green"])
    for i in range(n + len(more)):
        if i < n:
            k = kinds[i % len(kinds)]
            text = [t.encode().hex() for t in (tail % i).split("\t")]
            line = "\t".join([k, value(k, i).encode().hex(), str(i), str(i % 5), str(i % 3), *text]) + "\n"
        else:
            line = more[i - n] + "\n"
        out[0].write(line)
        if i % 20:
            out[1].write(line)
        if i % 20 != 7:
            out[2].write(line)
    for f in out:
        f.close()
    return paths


def hostile_lines(kinds):
    w = world.World(1)
    w.numbers = {("", i): 0 for i in range(1 << 20, (1 << 20) + 1)}
    out = []
    for at, (kind, text) in enumerate(world.hostile()):
        if kind in kinds:
            w.numbers[(kind, text)] = (1 << 20) + at
            out.append(w.line(kind, text))
    return out


def one(job):
    """A format: what is wrong, what was not tried, seconds."""
    name, fmt, n, folder = job
    start, row, params = time.monotonic(), rows.ROWS[name], dict(rows.ROWS[name].variants[0])
    run.faults.clear()
    told, entries, paths = None, 0, []
    with tempfile.TemporaryDirectory(dir=folder) as tmp:
        try:
            kinds = [k for k in fmt["kinds"] if row.key(k, value(k, 1), params) != []] if "data" in fmt["params"] else fmt["kinds"]
            paths = lists(tmp, name, kinds, n)
            fmt["indicators"] = run.indicators(name, paths[0])
            entries = len(fmt["indicators"])
            run.check(entries >= n, "%s: %d indicators of %d" % (name, entries, n))
            text = run.one_file(name, row, fmt, paths, params)
            told = consumers.check(name, text, params, tmp)
            run.changes(name, row, fmt, paths, params)
        except Exception as e:  # noqa: BLE001
            run.check(False, "%s: %s: %s" % (name, type(e).__name__, e))
    return name, entries, list(run.faults), told, time.monotonic() - start


def main():
    n, every = int(os.environ.get("SENSORS_MANY", "100000")), os.environ.get("SENSORS_ALL") == "1"
    formats = [json.loads(line) for line in run.tool("formats")[0].decode().splitlines()]
    jobs = [f for f in formats if not sys.argv[1:] or f["name"] in sys.argv[1:]]
    faults = 0
    with tempfile.TemporaryDirectory(prefix="sensors-many.") as tmp, multiprocessing.Pool(min(os.cpu_count() or 1, 8), maxtasksperchild=1) as pool:
        work = [(f["name"], f, n if every else min(n, FEWER.get(f["name"], n)), tmp) for f in jobs]
        work.sort(key=lambda w: w[0] not in FEWER)  # the long ones first
        print("1..%d" % len(work))
        for at, (name, entries, wrong, told, seconds) in enumerate(pool.imap_unordered(one, work)):
            print("%s %d - %s: %d entries, %.1f s" % ("not ok" if wrong else "ok", at + 1, name, entries, seconds))
            for w in wrong[:5]:
                print("#   " + w[:600].replace("\n", "\n#   "))
            if told:
                print("# not tried: " + told)
            faults += bool(wrong)
            sys.stdout.flush()
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
