#!/usr/bin/env python3
"""Export subscriptions on a node: filling, the file, and 100 changes until a consumer has them.

usage: exports.py --build DIR [--attributes N] [--format NAME]     (an optimised build)
The node takes in a generated feed and is given a subscription with a budget and without. `work` is processor time
of the node, which says what it would take alone where the machine has other work to do. bench_set has the set by itself.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import node as nodelib
from feedout import cpu, daemon_of, until

POLICY = "use: [default]\naudiences:\n  bench: {kind: export, tlp: red, pap: red, class: own, profile: full}\n"


def fill(c, pid, name, **row):
    work, begun = cpu(pid), time.monotonic()
    a = c.post("/tocsin/subscriptions/add", dict({"name": name, "audience": "bench"}, **row))
    assert a.status == 200, a.text()
    status = lambda: c.get("/tocsin/subscriptions/view/" + name).json()["Subscription"]  # noqa: E731
    until(lambda: status()["state"] == "ready", 3600)
    seconds, s = time.monotonic() - begun, status()
    print("%s (%s): %d entries of %d eligible from %d events: %.1f s, work %.1f s, %.0f indicators/s of work" % (
        name, row["format"], s["entries"], s["eligible"], s["events"], seconds, cpu(pid) - work, s["eligible"] / max(cpu(pid) - work, 0.01)))
    work, begun = cpu(pid), time.monotonic()
    a = c.get("/exports/" + name)
    seconds = time.monotonic() - begun
    print("  file: %.1f MB in %.2f s, work %.2f s; once more %.3f s" % (len(a.body) / 1e6, seconds, cpu(pid) - work, again(c, name)))


def again(c, name):
    begun = time.monotonic()
    c.get("/exports/" + name)
    return time.monotonic() - begun


def change(c, name, n, k):
    """An event of n names, until the consumer who waits has it; then the delta by itself."""
    serial = c.get("/exports/" + name + ".sha256").headers["x-tocsin-serial"]
    doc = {"Event": {"info": "change", "distribution": "3", "threat_level_id": "1", "analysis": "1", "published": True,
                     "Attribute": [{"type": "domain", "value": "c%d-%d.change.example" % (k, i), "to_ids": True} for i in range(n)]}}
    assert c.post("/events/add", doc).status == 200
    begun = time.monotonic()
    a = c.get("/exports/%s?since=%s&wait=30" % (name, serial))
    seen = time.monotonic() - begun
    assert a.status == 200 and a.body.count(b"\n+") + a.body.startswith(b"+") >= n, a.text()[:300]
    times = []
    for _ in range(9):
        begun = time.monotonic()
        c.get("/exports/%s?since=%s" % (name, serial))
        times.append(time.monotonic() - begun)
    return seen, statistics.median(times)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--attributes", type=int, default=1000000)
    p.add_argument("--format", default="values")
    a = p.parse_args()
    os.environ["TOCSIND"] = os.path.abspath(os.path.join(a.build, "tocsind"))
    cli = os.path.abspath(os.path.join(a.build, "tocsin"))
    with tempfile.TemporaryDirectory(prefix="tocsin-exports-") as tmp:
        source, policy = os.path.join(tmp, "source"), os.path.join(tmp, "policy.yaml")
        subprocess.run([os.path.join(a.build, "tests/bench/bench_gen"), "-n", str(a.attributes), "-s", "1", "feed", source], check=True)
        with open(policy, "w") as f:
            f.write(POLICY)
        with nodelib.Node(folder=os.path.join(tmp, "node"), ready_s=120, extra=["--policy", policy]) as n:
            subprocess.run([cli, "-c", n.folder + "/tocsin.yaml", "-q", "import", source], check=True)
            pid, c = daemon_of(n.folder), n.client(timeout=3600)
            before = n.anon_bytes()
            fill(c, pid, "all", format=a.format)
            fill(c, pid, "budget", format=a.format, max_entries=a.attributes // 10)
            print("memory: %.0f MB before, %.0f MB after" % (before / 1e6, n.anon_bytes() / 1e6))
            size = subprocess.run(["du", "-sm", os.path.join(n.folder, "subs")], stdout=subprocess.PIPE, text=True, check=False).stdout
            print("on disk: " + size.strip())
            for name in ("all", "budget"):
                got = [change(c, name, 100, k + 100 * (name == "all")) for k in range(5)]
                print("%s: 100 changes are at a waiting consumer %.3f s after they are saved (median of 5; most %.3f); the change itself %.4f s over HTTP" % (
                    name, statistics.median(g[0] for g in got), max(g[0] for g in got), statistics.median(g[1] for g in got)))


if __name__ == "__main__":
    sys.exit(main())
