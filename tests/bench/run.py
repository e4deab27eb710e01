#!/usr/bin/env python3
"""Run the benchmark workloads against fresh nodes and write the table of results.

Each workload is a function that returns rows; figures are what this run measured, nothing else.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import measure
import node as nodelib
import refs
import ledger
import sync

SEED = 1
LOAD_SEED = 2


class Bench:
    """Where the programs and the data are, and how much of everything to use."""

    def __init__(self, args, tmp):
        self.build, self.scale, self.seconds, self.tmp = args.build, args.scale, args.seconds, tmp
        self.tools = os.path.join(args.build, "tests", "bench")
        self.cli = os.environ.get("TOCSIN") or self._find_cli()

    def _find_cli(self):
        for name in ("tocsin", "node/cli/tocsin"):
            path = os.path.join(self.build, name)
            if os.access(path, os.X_OK):
                return path
        return None

    def count(self, n):
        return max(1, int(n * self.scale))

    def gen(self, *args, to=None):
        argv = [os.path.join(self.tools, "bench_gen")] + [str(a) for a in args]
        if to:
            with open(to, "wb") as f:
                subprocess.run(argv, stdout=f, check=True)
            return None
        return measure.tool(argv)

    def load(self, node_or_port, key, *args):
        port = getattr(node_or_port, "port", node_or_port)
        return [os.path.join(self.tools, "bench_load"), "-p", str(port), "-k", key] + [
            str(a) for a in args]

    def jansson(self, files):
        return measure.tool([os.path.join(self.tools, "ref_jansson")] + files)

    def node(self, name):
        """A node that may read the feed folders."""
        return nodelib.Node(folder=os.path.join(self.tmp, name), ready_s=600,
                            extra=["--set", "readable=" + self.tmp])

    def feed(self, attributes):
        """A feed folder of that many attributes, made once."""
        path = os.path.join(self.tmp, "feed-%d" % attributes)
        if not os.path.isdir(path):
            self.gen("-n", attributes, "-s", SEED, "feed", path)
        return path

    def has_feeds(self):
        """Does the tool exist and know feeds?"""
        return self.cli is not None and " feed " in subprocess.run(
            [self.cli, "--help"], capture_output=True, text=True).stdout

    def take_in(self, node, folder):
        """Take in a feed folder: by the tool where it is built, else as import streams.

        Returns (seconds, how).
        """
        if not self.has_feeds():
            files = sorted(glob.glob(os.path.join(folder, "*-*.json")))
            seconds, _ = measure.import_files(node.port, node.key, files, 16)
            return seconds, "16 import streams"
        base = [self.cli] + os.environ.get("TOCSIN_CLI_ARGS", "-c {dir}/tocsin.yaml").format(
            dir=node.folder).split()
        add = subprocess.run(base + ["feed", "add", folder], capture_output=True, text=True)
        t0 = time.monotonic()
        got = subprocess.run(base + ["feed", "fetch"], capture_output=True, text=True)
        if add.returncode or got.returncode:
            raise RuntimeError("feed: %s %s" % (add.stderr[-300:], got.stderr[-300:]))
        return time.monotonic() - t0, "tocsin feed fetch"


def row(name, figure, unit, target=None, peak=None, ref=None, note=""):
    return {"name": name, "figure": figure, "unit": unit, "target": target, "peak": peak,
            "ref": ref, "note": note}


def disk_bytes(folder):
    return sum(os.stat(os.path.join(top, f)).st_blocks * 512
               for top, _, files in os.walk(folder) for f in files)


def attribute_count(node):
    """Live attributes in the store, by a search that counts."""
    ans = node.client(timeout=600).post("/attributes/restSearch", {"returnFormat": "count"})
    return int(ans.text()) if ans.status == 200 and ans.text().strip().isdigit() else None


def feed_ingest(b):
    """A MISP feed of a million attributes; beside it jansson on a tenth, and LOAD DATA."""
    n = b.count(1000000)
    folder = b.feed(n)
    files = sorted(glob.glob(os.path.join(folder, "*-*.json")))
    size = sum(os.path.getsize(f) for f in files)
    node = b.node("ingest")
    node.start()
    try:
        with measure.Peak(node) as peak:
            seconds, how = b.take_in(node, folder)
        stored = attribute_count(node)
        disk = disk_bytes(node.folder) / n
    finally:
        node.stop()
    note = "%s; %d events, %.0f MB of JSON, %s attributes stored" % (
        how, len(files), size / 1e6, stored)
    rate = size / 1e6 / seconds
    parse = b.jansson(files[:len(files) // 10 or 1])
    out = [row("feed ingest", n / seconds, "attributes/s", 300000, peak.above_mib,
               "jansson parse only: %.1f MB/s; this ingest: %.1f MB/s (ratio %.2f)" % (
                   parse["mb_per_s"], rate, rate / parse["mb_per_s"]),
               note),
           row("disk per attribute with all indexes", disk, "bytes", -200)]
    table = os.path.join(b.tmp, "table.tsv")
    b.gen("-n", n, "-s", SEED, "table", to=table)
    loaded = refs.mariadb(b.tmp, table)
    if loaded:
        out.append(row("reference: MariaDB LOAD DATA", loaded, "rows/s", note="same values, "
                       "MISP's usual indexes; ratio %.1f" % (n / seconds / loaded)))
    return out


def big_event(b):
    """One event with a million attributes, in and out."""
    n = b.count(1000000)
    path = os.path.join(b.tmp, "big.json")
    b.gen("-n", n, "-s", SEED, "-r", 0, "event", to=path)
    size = os.path.getsize(path)
    node = b.node("big")
    node.start()
    try:
        with measure.Peak(node) as peak_in:
            seconds, status, head = measure.send_file(node.port, node.key, "/events/add/metadata:1",
                                                      path)
        if status != 200:
            raise RuntimeError("events/add: %d %r" % (status, head[:300]))
        uuid = uuid_of(path)
        with measure.Peak(node) as peak_out:
            took, first, status, total, head = measure.fetch(node.port, node.key,
                                                             "/events/view/" + uuid)
        if status != 200 or total < size * 0.7:
            raise RuntimeError("events/view: %d, %d bytes %r" % (status, total, head[:200]))
    finally:
        node.stop()
    os.unlink(path)
    note = "%.0f MB" % (size / 1e6)
    return [row("one event of %d attributes: in" % n, n / seconds, "attributes/s", None,
                peak_in.above_mib, note=note + "; memory target 64 MiB above idle"),
            row("one event of %d attributes: out" % n, n / took, "attributes/s", None,
                peak_out.above_mib, note="%.0f MB, first byte after %.0f ms; memory target 64 MiB"
                % (total / 1e6, first * 1e3))]


def uuid_of(path):
    with open(path) as f:
        return f.read(100).split('"uuid":"')[1][:36]


def small_events(b):
    """Events of 50 attributes by 32 connections, each answered after it is durable."""
    node = b.node("small")
    node.start()
    try:
        with measure.Peak(node) as peak:
            r = measure.tool(b.load(node, node.key, "-c", 32, "-t", b.seconds, "-s", LOAD_SEED,
                                    "-a", 50, "events"))
        one = measure.tool(b.load(node, node.key, "-c", 1, "-t", b.seconds / 2, "-s", LOAD_SEED,
                                  "-a", 50, "-f", 10000000, "events"))
    finally:
        node.stop()
    return [row("small events (50 attributes), 32 connections", r["rate"], "events/s", 3000,
                peak.above_mib, note=latencies(r)),
            row("small events, 1 connection", one["rate"], "events/s", note=latencies(one))]


def latencies(r):
    return "p50 %.2f ms, p99 %.2f ms; load program used %.1f s CPU of %.1f s" % (
        r["p50_ms"], r["p99_ms"], r["own_cpu_s"], r["seconds"])


def searches(b):
    """Look-ups, a page of a search and a large answer over the feed."""
    n = b.count(1000000)
    node = b.node("search")
    node.start()
    try:
        b.take_in(node, b.feed(n))
        out = []
        for name, mode, goal in (("restSearch of one value", "lookup", None),
                                 ("exact value look-up over HTTP", "values", 50000)):
            with measure.Peak(node) as peak:
                r = measure.tool(b.load(node, node.key, "-c", 16, "-t", b.seconds, "-s", SEED,
                                        "-v", n, mode))
            out.append(row(name + ", 16 connections", r["rate"], "requests/s", goal,
                           peak.above_mib, note=latencies(r)))
        port = nodelib.free_port()
        size = r["bytes_in"] // r["requests"]
        ref = refs.nginx(b.tmp, b"x" * size, port, lambda p: b.load(
            p, "x", "-c", 16, "-t", b.seconds, "get", "/x"))
        if ref:
            out.append(row("reference: nginx, static file of the same size", ref, "requests/s",
                           note="%d bytes; ratio %.2f" % (size, r["rate"] / ref)))
        page = '{"returnFormat":"json","type":"hostname","limit":1000,"page":2}'
        with measure.Peak(node) as peak:
            r = measure.tool(b.load(node, node.key, "-c", 4, "-t", b.seconds, "post",
                                    "/attributes/restSearch", page))
        out.append(row("restSearch page of 1000 by type, 4 connections", r["rate"], "requests/s",
                       None, peak.above_mib, note=latencies(r)))
        with measure.Peak(node, 0.005) as peak:
            took, first, status, total, _ = measure.fetch(
                node.port, node.key, "/attributes/restSearch",
                {"returnFormat": "json", "type": "hostname", "limit": 100000})
        out.append(row("restSearch returning 100 k attributes", took * 1e3, "ms", -200,
                       peak.above_mib, note="status %d, %.1f MB, first byte %.0f ms" % (
                           status, total / 1e6, first * 1e3)))
    finally:
        node.stop()
    return out


def event_index(b):
    """The index of 100,000 events, full and minimal, and when nothing has changed."""
    n = b.count(100000)
    node = b.node("index")
    node.start()
    try:
        measure.tool(b.load(node, node.key, "-c", 32, "-t", 3600, "-n", n, "-s", LOAD_SEED, "-a", 1,
                            "events"))
        out = []
        for name, body in (("minimal", {"minimal": 1}), ("full", {})):
            with measure.Peak(node, 0.005) as peak:
                runs = [measure.fetch(node.port, node.key, "/events/index", body) for _ in range(5)]
            took, first, status, total, _ = sorted(runs)[2]
            out.append(row("event index of %d events, %s" % (n, name), took * 1e3, "ms",
                           -150 if name == "minimal" else None, peak.above_mib,
                           note="status %d, %.1f MB, first byte %.0f ms" % (
                               status, total / 1e6, first * 1e3)))
        out.append(unchanged_index(node))
    finally:
        node.stop()
    return out


def unchanged_index(node):
    c = node.client()
    head = {"If-None-Match": ""}
    tag = c.call("POST", "/events/index", {"minimal": 1}, headers=head).headers.get("etag", "")
    t0 = time.monotonic()
    ans = c.call("POST", "/events/index", {"minimal": 1}, headers={"If-None-Match": tag})
    if ans.status != 304:
        raise RuntimeError("events/index with its own ETag answered %d" % ans.status)
    return row("event index unchanged (ETag)", (time.monotonic() - t0) * 1e3, "ms", -5,
               note="status %d" % ans.status)


def starts(b):
    """Start with ten million attributes after a clean stop and after kill -9 under load."""
    n = b.count(10000000)
    node = b.node("start")
    node.start()
    try:
        b.take_in(node, b.feed(n))
        t0 = time.monotonic()
        node.stop(600)
        stopping = time.monotonic() - t0
        clean = node.start()
        idle = measure.anon_bytes(node.pid()) / 2**20
        load = subprocess.Popen(b.load(node, node.key, "-c", 8, "-t", 5, "-s", LOAD_SEED, "events"),
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(3)
        node.kill()
        load.wait()
        crashed = node.start()
    finally:
        node.stop(600)
    shutil.rmtree(b.feed(n), ignore_errors=True)
    return [row("start with %d attributes, after a clean stop" % n, clean, "s", -2.5,
                note="stopping took %.2f s; idle anonymous memory %.0f MiB" % (stopping, idle)),
            row("start with %d attributes, after kill -9 under load" % n, crashed, "s", -15)]


WORKLOADS = {"feed": feed_ingest, "big": big_event, "small": small_events, "search": searches,
             "index": event_index, "start": starts, **sync.WORKLOADS,
             **ledger.WORKLOADS}


def show(r):
    target = ""
    if r["target"]:
        goal = abs(r["target"])
        met = r["figure"] <= goal if r["target"] < 0 else r["figure"] >= goal
        target = "%s %s (%s)" % ("at most" if r["target"] < 0 else "at least", number(goal),
                                 "met" if met else "missed by a factor of %.1f" % max(
                                     r["figure"] / goal, goal / max(r["figure"], 1e-9)))
    return [r["name"], "%s %s" % (number(r["figure"]), r["unit"]), target,
            "" if r["peak"] is None else "%.1f MiB" % r["peak"],
            "; ".join(x for x in (r["ref"], r["note"]) if x)]


def number(x):
    return "{:,.0f}".format(x) if x >= 100 else "%.3g" % x


def write_results(path, rows, failed, args):
    lines = ["# Benchmark results", "", "Written by `tests/bench/run.py --results`; do not edit.",
             "", "* machine: " + measure.machine(),
             "* when: %s, scale %g" % (time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
                                       args.scale),
             "* other work on the machine: load average %.1f before, %.1f after; a quiet "
             "machine does better" % (args.load, os.getloadavg()[0]),
             "* client and node share the cores; anonymous memory is the peak above idle, sampled",
             "", "| workload | measured | target | memory | beside it |",
             "| --- | ---: | --- | ---: | --- |"]
    lines += ["| " + " | ".join(show(r)) + " |" for r in rows]
    lines += ["", "Not measured:", ""] + ["* " + f for f in failed] if failed else []
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("workload", nargs="*", choices=[[]] + list(WORKLOADS), help="default: all")
    p.add_argument("--build", default=os.environ.get("top_builddir", "."), help="build folder")
    p.add_argument("--scale", type=float, default=1.0, help="share of the full amounts")
    p.add_argument("--seconds", type=float, default=10.0, help="length of a load run")
    p.add_argument("--results", metavar="FILE", help="write the table here")
    p.add_argument("--tmp", help="folder for data (default: a new one in $TMPDIR)")
    args = p.parse_args()
    if not os.access(os.path.join(args.build, "tests", "bench", "bench_load"), os.X_OK):
        nodelib.skip("the bench programs are not built (make bench)")
    args.load = os.getloadavg()[0]
    rows, failed = [], []
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=args.tmp) as tmp:
        b = Bench(args, tmp)
        for name in args.workload or WORKLOADS:
            try:
                new = WORKLOADS[name](b)
            except (RuntimeError, OSError, nodelib.NodeDied, subprocess.SubprocessError) as e:
                failed.append("%s: %s" % (name, str(e).replace("\n", " ")[:300]))
                print("FAIL: " + failed[-1])
                continue
            for r in new:
                print("  ".join(x for x in show(r) if x))
                sys.stdout.flush()
            rows += new
            for entry in os.listdir(tmp):
                if not entry.startswith("feed"):
                    path = os.path.join(tmp, entry)
                    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    if args.results:
        write_results(args.results, rows, failed, args)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
