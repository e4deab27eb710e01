"""Two nodes on loopback: what a pull and a push cost, and what they cost when nothing has changed.

Node `a` has the events, node `b` pulls them (or is pushed to). The figures of both come from one run.
"""
import os
import re
import time

import links
import measure
import wire as wirelib

IDLE_RUNS = 50


def row(name, figure, unit, target=None, peak=None, ref=None, note=""):
    return {"name": name, "figure": figure, "unit": unit, "target": target, "peak": peak,
            "ref": ref, "note": note}


def cpu_s(node):
    """CPU seconds that the daemon has used so far, all threads, those that ended too."""
    with open("/proc/%d/stat" % node.pid()) as f:
        t = f.read().rpartition(")")[2].split()
    return (int(t[11]) + int(t[12])) / os.sysconf("SC_CLK_TCK")


def settle(node, at_most_s=240):
    """Wait until the node rests: it writes its feeds some time after events came in."""
    end = time.monotonic() + at_most_s
    quiet = 0
    while quiet < 12 and time.monotonic() < end:  # between two slices it rests for seconds
        used = cpu_s(node)
        time.sleep(0.5)
        quiet = quiet + 1 if cpu_s(node) - used < 0.03 else 0


class Pair:
    """Nodes a and b, each with a sync user of the other's organisation on it."""

    def __init__(self, bench, name):
        folder = os.path.join(bench.tmp, name)
        self.bench = bench
        self.a, self.b = (links.make(folder, x, ready_s=600) for x in "ab")
        self.wires = []

    def __enter__(self):
        self.a.start()
        self.b.start()
        return self

    def __exit__(self, *exc):
        for w in self.wires:
            w.close()
        self.a.stop(600)
        self.b.stop(600)

    def fill(self, n, per_event, first=0):
        measure.tool(self.bench.load(self.a, self.a.key, "-c", 32, "-t", 3600, "-n", n, "-s", 7,
                                     "-a", per_event, "-f", first, "events"))
        settle(self.a)

    def link(self, at, to, wire=False, **flags):
        """A row on node `at` for the other; its id (and the wire)."""
        if not wire:
            return links.link(at, to, **flags), None
        self.wires.append(wirelib.Wire(to.port))
        return links.link(at, to, port=self.wires[-1].port, **flags), self.wires[-1]

    def run(self, at, what, link, technique="full"):
        """Run a pull or push and wait; (seconds, text)."""
        c = at.client(timeout=3600)
        t0 = time.monotonic()
        ans = c.post("/servers/%s/%s/%s" % (what, link, technique))
        took = time.monotonic() - t0
        if ans.status != 200:
            raise RuntimeError("%s: %d %s" % (what, ans.status, ans.text()[:300]))
        return took, ans.json().get("message", "")

    def events(self, node):
        ans = node.client(timeout=600).post("/events/index", {"minimal": 1})
        return len(ans.json()) if ans.status == 200 else -1


def cost(p, what, fn):
    """Seconds of fn() with CPU of both nodes and their peaks: (seconds, text, note, peak MiB)."""
    cpu = cpu_s(p.a), cpu_s(p.b)
    with measure.Peak(p.a) as pa, measure.Peak(p.b) as pb:
        took, text = fn()
    used = cpu_s(p.a) - cpu[0], cpu_s(p.b) - cpu[1]
    note = "CPU %.1f s of the %s, %.1f s of the other; memory %.1f and %.1f MiB above idle" % (
        used[1], what, used[0], pb.above_mib, pa.above_mib)
    return took, text, note, max(pa.above_mib, pb.above_mib)


def first_number(text):
    m = re.search(r"\d+", text)
    return int(m.group(0)) if m else -1


def idle(p, link, wire_link, wire, n):
    """Runs with nothing to do: wall time, the serving node's CPU, requests and bytes."""
    for _ in range(3):
        p.run(p.b, "pull", link)
    cpu = cpu_s(p.a), cpu_s(p.b)
    times = sorted(p.run(p.b, "pull", link)[0] for _ in range(IDLE_RUNS))
    a_ms, b_ms = ((cpu_s(x) - c) * 1e3 / IDLE_RUNS for x, c in zip((p.a, p.b), cpu))
    p.run(p.b, "pull", wire_link)  # the first run of that link asks for everything
    p.run(p.b, "pull", wire_link)
    wire.reset()
    p.run(p.b, "pull", wire_link)
    paths = ", ".join(x[:60] for x in wire.paths)
    return [row("idle pull, %d events: requests" % n, wire.requests, "requests", -1, note=paths),
            row("idle pull, %d events: bytes on the wire" % n, wire.up + wire.down, "bytes", -1000,
                note="%d sent, %d received, heads counted" % (wire.up, wire.down)),
            row("idle pull, %d events: CPU of the serving node" % n, a_ms, "ms", -5,
                note="CPU of the pulling one %.2f ms; p50 %.2f ms wall, max %.2f ms" % (
                    b_ms, times[len(times) // 2] * 1e3, times[-1] * 1e3))]


def index(p, n):
    """The minimal index of all events, as a MISP asks for it: the serving node's CPU."""
    def ask():
        cpu = cpu_s(p.a)
        t0 = time.monotonic()
        ans = p.a.client(timeout=600).post("/events/index", {"minimal": 1, "published": 1})
        return (cpu_s(p.a) - cpu) * 1e3, (time.monotonic() - t0) * 1e3, len(ans.body)
    runs = sorted(ask() for _ in range(15))
    cpu, wall, size = runs[len(runs) // 2]
    return row("minimal index of %d events: CPU of the serving node" % n, cpu, "ms",
               -150 if n == 100000 else None,
               note="median of 15; %.0f ms wall, %.1f MB" % (wall, size / 1e6))


def change(p, n):
    """Edit that many events of a: one attribute more in each."""
    rows = p.a.client().post("/events/index", {"minimal": 1}).json()[:n]
    c = p.a.client()
    for i, e in enumerate(rows):
        links.ok(c.post("/attributes/add/" + e["uuid"], {
            "type": "domain", "category": "Network activity", "value": "more-%d.example" % i}))
        links.ok(c.post("/events/publish/" + e["uuid"]))


def pull(b, n, per_event, with_idle):
    """A first pull of everything, then one with nothing new, then one of 1 %."""
    out = []
    n = b.count(n)
    with Pair(b, "pull-%d" % n) as p:
        p.fill(n, per_event)
        link, _ = p.link(p.b, p.a, pull=True)
        took, text, note, peak = cost(p, "receiving node", lambda: p.run(p.b, "pull", link))
        got = first_number(text)
        if got != n:
            note = "ONLY %d EVENTS CAME; " % got + note
        target = -15 if n == 100000 and per_event == 5 else None
        out.append(row("pull of %d events of %d attributes" % (n, per_event), took, "s", target,
                       peak, note="%.0f events/s; %s" % (n / took, note)))
        if with_idle:
            wire_link, wire = p.link(p.b, p.a, wire=True, pull=True)
            out += idle(p, link, wire_link, wire, n)
            out.append(index(p, n))
            some = max(1, n // 100)
            change(p, some)
            wire.reset()
            took, text, note, peak = cost(p, "receiving node", lambda: p.run(p.b, "pull", wire_link))
            out.append(row("pull of 1 %% changed of %d events" % n, took * 1e3, "ms", None, peak,
                           note="%d events came, %d requests, %.1f kB; %s" % (
                               first_number(text), wire.requests, (wire.up + wire.down) / 1e3,
                               note)))
    return out


def pushes(b):
    """Events pushed into an empty node, then a push with nothing to do, then one of 1 %."""
    n, per_event = b.count(1000), 40
    with Pair(b, "push") as p:
        p.fill(n, per_event)
        link, wire = p.link(p.a, p.b, wire=True, push=True)
        took, text, note, peak = cost(p, "receiving node", lambda: p.run(p.a, "push", link))
        got = first_number(text)
        if got != n:
            note = "ONLY %d EVENTS WENT; " % got + note
        out = [row("push of %d events of %d attributes" % (n, per_event), took, "s", None, peak,
                   note="%.0f events/s, %d requests, %.1f MB sent, %.1f MB received, through a "
                   "counting proxy; %s" % (n / took, wire.requests, wire.up / 1e6,
                                           wire.down / 1e6, note))]
        for what in ("full", "incremental"):
            p.run(p.a, "push", link, what)
            wire.reset()
            took, _ = p.run(p.a, "push", link, what)
            out.append(row("idle %s push of %d events: bytes on the wire" % (what, n),
                           wire.up + wire.down, "bytes", None,
                           note="%d requests, %.1f ms" % (wire.requests, took * 1e3)))
        some = max(1, n // 100)
        change(p, some)
        wire.reset()
        took, text, note, peak = cost(p, "receiving node",
                                      lambda: p.run(p.a, "push", link, "incremental"))
        out.append(row("push of 1 %% changed of %d events" % n, took * 1e3, "ms", None, peak,
                       note="%d events went, %d requests, %.1f kB; %s" % (
                           first_number(text), wire.requests, (wire.up + wire.down) / 1e3, note)))
    return out


def pulls(b):
    """Pulls between two nodes: as MISP's baseline, and many small events."""
    return (pull(b, 500, 40, True) + pull(b, 10000, 5, True) + pull(b, 100000, 5, True))


def big(b):
    """One event of a million attributes, pulled and pushed."""
    n = b.count(1000000)
    path = os.path.join(b.tmp, "big-sync.json")
    b.gen("-n", n, "-s", 1, "-r", 0, "event", to=path)
    size = os.path.getsize(path)
    out = []
    for what in ("pull", "push"):
        with Pair(b, "big-" + what) as p:
            _, status, head = measure.send_file(p.a.port, p.a.key, "/events/add/metadata:1", path)
            if status != 200:
                raise RuntimeError("events/add: %d %r" % (status, head[:300]))
            at, to = (p.b, p.a) if what == "pull" else (p.a, p.b)
            link, _ = p.link(at, to, **{what: True})
            took, text, note, peak = cost(p, "receiving node", lambda: p.run(at, what, link))
            if first_number(text) != 1:
                note = "NOTHING CAME (%s); " % text + note
            out.append(row("%s of one event of %d attributes" % (what, n), took, "s", None, peak,
                           note="%.0f MB, %.0f attributes/s; memory target 64 MiB; %s" % (
                               size / 1e6, n / took, note)))
    os.unlink(path)
    return out


WORKLOADS = {"pull": pulls, "push": pushes, "sync-big": big}
