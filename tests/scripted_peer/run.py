#!/usr/bin/env python3
"""A node that pulls from and pushes to a scripted peer: its requests beside those of a real MISP.

The actions of client-role-actions.jsonl are made in their order on a node that has gone through setup and
server-role before, as the recorded MISP had. Answers to the actions (what was stored, what is said about
it) are compared as the replayer does. Exit: 0 fine, 1 below the baseline, 77 nothing to run against.
"""
import argparse
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "replay"), os.path.join(HERE, "..", "lib")]
import judge
import node as nodelib
import peer as peers
import syncrun

HOST = ["--org", "ORGNAME", "--org-uuid", "cccccccc-0000-4000-8000-00000000000c"]
# nothing of itself but the push after a publication, and that at once
OPTIONS = ["--set", "peer_interval=0", "--set", "push_delay=50ms"]
GROUP = "client-role-actions"
SLACK = 4


class PeerRun(syncrun.SyncRun):
    """The sync tape with the actions behind it, and what the peer saw during each."""

    def __init__(self, folder, node, peer):
        self.peer = peer
        super().__init__(folder, "sync", node)
        with open(os.path.join(folder, GROUP + ".jsonl"), encoding="utf-8") as f:
            for line in f:
                rec = json.loads(line)
                rec.update(tape="sync", group=GROUP)
                self.records.append(rec)
        self.bind.peer = self.cmp.peer = peer.url
        self.client = node.client(timeout=120)
        self.steps = []

    def exchange(self, rec):
        if rec["group"] != GROUP:
            return super().exchange(rec)
        self.peer.step(rec["name"])
        recorded = [r for r in self.peer.records if r["step"] == rec["name"]]
        res = super().exchange(rec)
        made = self.settle(len(recorded), rec["name"].startswith(("publish", "edit")))
        if recorded or made:
            self.steps.append((rec["name"], recorded, made))
        return res

    def settle(self, expected, later):
        """Wait until the node asks no more; a push after a publication begins a little later."""
        end = time.monotonic() + (6 if expected and later else 0.6 if later else 0.15)
        n, quiet = -1, time.monotonic()
        while time.monotonic() < end or time.monotonic() - quiet < 0.15:
            now = len(self.peer.taken())
            if now != n:
                n, quiet = now, time.monotonic()
            if n >= expected > 0 and time.monotonic() - quiet > 0.15:
                break
            time.sleep(0.02)
        return self.peer.taken()


def play(folder, keep=None):
    peer = peers.Peer(peers.load(os.path.join(folder, "client-role-seen-by-peer.jsonl")))
    node = nodelib.Node(folder=keep, extra=HOST + OPTIONS)
    node.start()
    try:
        run = PeerRun(folder, node, peer)
        results = [r for r in run.play(["sync-setup", "server-role", GROUP]) if r.group == GROUP]
        table = judge.Table()
        steps = [judge.judge(table, run.cmp, *s) for s in run.steps]
        return run, results, steps, table
    finally:
        node.clean()
        peer.close()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--markdown", metavar="FILE")
    p.add_argument("--baseline", metavar="FILE")
    p.add_argument("--update-baseline", action="store_true")
    p.add_argument("--misses", action="store_true", help="print what differs and is not wanted")
    p.add_argument("--wanted", action="store_true", help="print the deliberate differences met")
    p.add_argument("--stored", action="store_true", help="print how answers to actions differ")
    p.add_argument("--step", metavar="NAME", help="only this step in what is printed")
    p.add_argument("--keep", metavar="DIR")
    args = p.parse_args()
    folder = nodelib.shared("wire", "sync")
    if folder is None:
        nodelib.skip("no recordings (TOCSIN_SHARED)")
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built (contrib/dev/run-node, TOCSIND)")
    run, results, steps, table = play(folder, args.keep)
    rows = [(s.name, len(s.recorded), len(s.made), s.same, len(s.wanted), len(s.misses))
            for s in steps]
    total = ("**total**",) + tuple(sum(r[i] for r in rows) for i in range(1, 6))
    counts = {"status": sum(r.status for r in results), "body": sum(r.status and r.body for r in results),
              "same": total[3], "misses": total[5]}
    print_steps(rows + [total])
    print("actions: %d, answered as recorded: %d by status, %d by body" % (
        len(results), counts["status"], counts["body"]))
    show(args, run, results, steps)
    for row in table.rows:
        if not row["used"]:
            print("note: no such difference any more: " + row["why"])
    if args.markdown:
        write_markdown(args.markdown, rows + [total], len(results), counts, table)
    failed = baseline(args, counts) + ["node died: " + d for d in run.deaths]
    for line in failed:
        print("FAIL: " + line)
    return 1 if failed else 0


def print_steps(rows):
    print("%-50s %8s %6s %6s %8s %8s" % ("action", "recorded", "made", "same", "wanted", "misses"))
    for row in rows:
        print("%-50s %8d %6d %6d %8d %8d" % row)


def show(args, run, results, steps):
    for line in run.problems:
        print("note: " + line)
    for s in steps:
        if args.step and s.name != args.step:
            continue
        for lines in (s.misses if args.misses else [], s.wanted if args.wanted else []):
            for line in lines:
                print("%s: %s" % (s.name, line))
    for r in results if args.stored else []:
        if not args.step or r.rec["name"] == args.step:
            for path, a, b in r.diffs[:8]:
                print("n=%d %s: %s: %s, ours %s" % (r.n, r.rec["name"], path, judge.short(a),
                                                   judge.short(b)))


def baseline(args, counts):
    """Same may only grow and misses only fall, but for what hangs on the moment (retries, pushes)."""
    if not args.baseline:
        return []
    with open(args.baseline) as f:
        base = json.load(f)
    failed = ["%s: %d, baseline %d" % (k, counts[k], v) for k, v in base.items()
              if (counts[k] > v + SLACK if k == "misses" else counts[k] < v - SLACK)]
    if args.update_baseline:
        base = {k: min(v, counts[k]) if k == "misses" else max(v, counts[k]) for k, v in base.items()}
        with open(args.baseline, "w") as f:
            json.dump(base, f, indent=1, sort_keys=True)
            f.write("\n")
    return failed


def write_markdown(path, rows, actions, counts, table):
    out = ["# Client role against a scripted peer", "",
           "Written by `tests/scripted_peer/run.py --markdown`; do not edit. The peer plays the answers "
           "that a real", "MISP 2.5.1 was given; its requests are compared with ours, action by action.",
           "`wanted`: differences listed below, `misses`: all others.", "",
           "| action | recorded | ours | same | wanted | misses |",
           "| --- | ---: | ---: | ---: | ---: | ---: |"]
    out += ["| %s | %d | %d | %d | %d | %d |" % row for row in rows]
    out += ["", "Answers to the %d actions (what was stored and what is said of it): %d as recorded by "
            "status, %d by body." % (actions, counts["status"], counts["body"]), "",
            "## Deliberate differences", "", "| what | request | member | why |", "| --- | --- | --- | --- |"]
    for row in table.rows:
        out.append("| %s | `%s` | `%s` | %s |" % tuple(
            str(row.get(k, "any")).replace("|", "\\|") for k in ("what", "request", "member", "why")))
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    sys.exit(main())
