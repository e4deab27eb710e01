#!/usr/bin/env python3
"""How long does a feed folder of a million attributes take to build, and one more event afterwards?

usage: feedout.py --build DIR [--attributes N]     (an optimised build)
The node takes in a generated feed, then gets a policy with a feed: from its reload to the manifest with all
events in place. `work` is the processor time of the node in it; where the machine has other work to do, that of
the busier of the two threads that write says what it would take alone (disks aside).
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import node as nodelib

BEFORE = "use: [default]\n"
FEED = "use: [default]\naudiences:\n  bench: {kind: feed, tlp: red, class: own, profile: full}\n"


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def lanes(pid, most):
    """Processor time of the publisher's threads, of those that have ended as it was seen last."""
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/stat" % (pid, task)) as f:
                name, fields = f.read().split("(", 1)[1].rsplit(") ", 1)
        except OSError:
            continue
        if name.startswith("publisher"):
            fields = fields.split()
            most[task] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return most


def daemon_of(folder):
    out = subprocess.run(["pgrep", "-f", "tocsind -c " + folder + "/"], stdout=subprocess.PIPE, text=True).stdout
    return min(int(x) for x in out.split())


def listed(folder):
    try:
        with open(os.path.join(folder, "manifest.json")) as f:
            return len(json.load(f))
    except (OSError, ValueError):
        return 0


def until(fn, seconds):
    end = time.monotonic() + seconds
    while not fn():
        if time.monotonic() > end:
            raise RuntimeError("not within %d s" % seconds)
        time.sleep(0.01)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--attributes", type=int, default=1000000)
    a = p.parse_args()
    os.environ["TOCSIND"] = os.path.abspath(os.path.join(a.build, "tocsind"))
    cli = os.path.abspath(os.path.join(a.build, "tocsin"))
    with tempfile.TemporaryDirectory(prefix="tocsin-feedout-") as tmp:
        source, policy = os.path.join(tmp, "source"), os.path.join(tmp, "policy.yaml")
        subprocess.run([os.path.join(a.build, "tests/bench/bench_gen"), "-n", str(a.attributes), "-s", "1", "feed",
                        source], check=True)
        with open(policy, "w") as f:
            f.write(BEFORE)
        with nodelib.Node(folder=os.path.join(tmp, "node"), ready_s=120,
                          extra=["--policy", policy]) as n:
            to = [cli, "-c", n.folder + "/tocsin.yaml"]
            subprocess.run(to + ["-q", "import", source], check=True)
            with open(policy, "w") as f:
                f.write(FEED)
            pid, out = daemon_of(n.folder), os.path.join(n.folder, "feeds", "bench")
            seen, before = {}, lanes(pid, {})
            work, begun = cpu(pid), time.monotonic()
            subprocess.run(to + ["-q", "policy", "reload"], check=True)
            until(lambda: lanes(pid, seen) and listed(out), 600)
            seconds, work = time.monotonic() - begun, cpu(pid) - work
            count = listed(out)
            size = sum(os.path.getsize(os.path.join(out, x)) for x in os.listdir(out) if x.endswith(".json"))
            longest = max(s - before.get(t, 0) for t, s in seen.items())
            packed = sum(os.path.exists(os.path.join(out, x + ".gz")) for x in os.listdir(out) if x.endswith(".json"))
            assert packed == count + 1, "each file has its .gz"
            print("%d attributes in %d events, %.0f MB of JSON: %.1f s, work %.1f s, of the busier thread %.1f s" % (
                a.attributes, count, size / 1e6, seconds, work, longest))
            uuid = "5c0a1e00-0b0b-4000-8000-000000000001"
            doc = {"Event": {"uuid": uuid, "info": "one more", "date": "2026-01-02", "distribution": "3",
                             "threat_level_id": "2", "analysis": "1", "published": True,
                             "Attribute": [{"type": "domain", "value": "one.more.example"}]}}
            time.sleep(5)  # its rest
            work, begun = cpu(pid), time.monotonic()
            assert n.client().post("/events/add", doc).status == 200
            until(lambda: listed(out) == count + 1, 60)
            seconds = time.monotonic() - begun
            print("one event more is in the folder after %.2f s, work %.2f s" % (seconds, cpu(pid) - work))


if __name__ == "__main__":
    sys.exit(main())
