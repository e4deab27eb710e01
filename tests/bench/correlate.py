#!/usr/bin/env python3
"""What correlations and the bulk look-up cost; stands alone: correlate.py --build BUILDDIR [--values N]."""
import argparse
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import measure  # noqa: E402
import node as nodes  # noqa: E402

SIZES = (10000, 30000, 100000)
UUID = "7b0e%04x-33aa-4c5e-8d1e-0000000000%02x"


def cpu_s(n):
    with open("/proc/%d/stat" % n.pid()) as f:
        v = f.read().rpartition(")")[2].split()
    return (int(v[11]) + int(v[12])) / os.sysconf("SC_CLK_TCK")


def add(c, n, kind, values, type_="domain"):
    e = {"uuid": UUID % (kind, n % 256), "info": "bench %d" % n, "date": "2026-01-01", "distribution": "3",
         "analysis": "0", "threat_level_id": "2",
         "Attribute": [{"type": type_, "category": "Network activity", "value": v, "distribution": "5"}
                       for v in values]}
    a = c.post("/events/add/metadata:1", {"Event": e})
    if a.status != 200:
        raise SystemExit(a.text()[:300])
    return a.json()["Event"]["id"]


def fill(c):
    """Three events; each value of them stands in one of 100 others as well, and one in 40 in 40 of them."""
    ids = [add(c, k, 1, ["v%d.big%d.example" % (i, k) for i in range(n)]) for k, n in enumerate(SIZES)]
    total = sum(SIZES)
    for part in range(100):
        values = []
        for k, n in enumerate(SIZES):
            values += ["v%d.big%d.example" % (i, k) for i in range(n)
                       if i % 100 == part or (i % 40 == 0 and part < 40)]
        add(c, part, 2, values)
    return ids, total


def ask(n, what, call):
    """The best of three, with the processor's time and the memory above idle."""
    best = None
    for _ in range(3):
        with measure.Peak(n) as peak:
            cpu, t0 = cpu_s(n), time.monotonic()
            size = call()
            got = (time.monotonic() - t0, cpu_s(n) - cpu, size)
        if best is None or got[0] < best[0]:
            best = got + (peak.above_mib,)
    print("| %s | %.0f ms | %.0f ms | %.1f MB | %.1f MiB |" % (what, best[0] * 1e3, best[1] * 1e3, best[2] / 1e6,
                                                              best[3]))
    sys.stdout.flush()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--values", type=int, default=1000000)
    args = p.parse_args()
    os.environ["TOCSIND"] = os.path.join(os.path.abspath(args.build), "tocsind")
    n = nodes.Node(ready_s=300, extra=["--org", "ORGNAME"])
    n.start()
    try:
        c = n.client(timeout=900)
        ids, _ = fill(c)
        print("load average %.1f" % os.getloadavg()[0])
        print("| what | wall | processor | answer | memory above idle |\n| --- | ---: | ---: | ---: | ---: |")
        for size, i in zip(SIZES, ids):
            for name, path in (("without correlations", "/includeEventCorrelations:0"), ("with RelatedEvent", ""),
                               ("with RelatedAttribute", "/includeGranularCorrelations:1")):
                ask(n, "event of %d attributes, %s" % (size, name),
                    lambda: len(c.get("/events/view/%s%s" % (i, path)).body))
        for what, value in (("none known", "w%d.example"), ("each known", "v%d.big2.example")):
            body = "".join(value % (i % SIZES[2]) + "\n" for i in range(args.values)).encode()
            head = {"Authorization": n.key, "Content-Type": "text/plain", "User-Agent": "bench"}
            ask(n, "look-up of %d values, %s" % (args.values, what),
                lambda: len(c.raw("POST", "/values/lookup", head, body).body))
        for path in ("/correlations/top", "/correlations/overCorrelations", "/tocsin/graph/%s" % ids[0]):
            ask(n, path.replace(str(ids[0]), "ID"), lambda: len(c.get(path).body))
        rows = json.loads(c.get("/users/statistics").body)["stats"]["attribute_count"]
        print("\n%s attributes in the store" % rows)
    finally:
        n.stop(120)


if __name__ == "__main__":
    main()
