#!/usr/bin/env python3
"""What a pull with nothing new costs at a MISP: requests and bytes, heads and both directions.

A node pulls from the scripted peer over a counting proxy, by its schedule. Once everything is here a pass
may take four requests (five by hand) and 2,000 bytes with every kind switched on, and nothing is asked of kinds that are
switched off. The peer's heads are as short as the recordings have them; those of
a MISP behind Apache are longer, by what its administrator lets it say.
"""
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import node as nodelib
import peer as peers
import wire as wirelib

BYTES_MAX = 2000
PASSES = 3  # that are counted
COUNT = [0, 0]
ALL = {"pull_galaxy_clusters": True, "pull_analyst_data": True}
CASES = (("all kinds", ALL, 4),
         ("without clusters", {"pull_analyst_data": True}, 3),
         ("events alone", {}, 2))


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what), flush=True)
    if not good and detail:
        print("# " + str(detail)[:1500].replace("\n", "\n# "))


def must(answer, what):
    if answer.status != 200:
        print("Bail out! %s: %d %s" % (what, answer.status, answer.text()[:300]))
        sys.exit(1)
    return answer.json()


def remote_org(node):
    org = {"name": "Remote Reef", "uuid": "7d3f0b10-2a64-4c39-8e55-a1b2c3d40003"}
    made = must(node.client().post("/admin/organisations/add", org), "organisation")
    return dict(org, id=made["Organisation"]["id"])


def link(node, peer, org, flags):
    wire = wirelib.Wire(int(peer.url.rsplit(":", 1)[1]))
    c = node.client(timeout=120)
    row = dict({"url": "http://127.0.0.1:%d" % wire.port, "authkey": "K" * 40, "name": "misp",
                "pull": True, "push": False, "remote_org_id": org["id"],
                "json": json.dumps(org)}, **flags)
    made = must(c.post("/servers/add", row), "servers/add")
    return made["Server"]["id"], wire, c


def indexes(peer):
    return sum(m.path == "/events/index" for m in peer.taken())


def wait_passes(peer, n):
    """Until n more passes of the schedule are through; how many requests had been made before, and after."""
    goal, end = indexes(peer) + n, time.monotonic() + 60
    while indexes(peer) < goal and time.monotonic() < end:
        time.sleep(0.02)
    seen, quiet = -1, 0
    while quiet < 4 and time.monotonic() < end:  # the rest of the pass; the next one is a second away
        quiet = quiet + 1 if len(peer.taken()) == seen else 0
        seen = len(peer.taken())
        time.sleep(0.05)
    return len(peer.taken())


def case(node, peer, org, name, flags, at_most):
    peer.step("pull full")
    number, wire, c = link(node, peer, org, flags)
    must(c.post("/servers/pull/%s/full" % number), "pull")
    ok(indexes(peer) > 0, "%s: the first pull asks for the events" % name)
    wait_passes(peer, 2)
    before = len(peer.taken())
    must(c.post("/servers/pull/%s/full" % number), "pull")
    by_hand = [m for m in peer.taken()[before:]]
    wait_passes(peer, 1)
    wire.reset()
    before, first = len(peer.taken()), indexes(peer)
    wait_passes(peer, PASSES)
    made, passes = peer.taken()[before:], indexes(peer) - first
    paths = "; ".join("%s %s" % (m.method, m.path[:50]) for m in made[:8])
    total = (wire.up + wire.down) / passes
    print("# %s: %.1f requests, %d bytes (%d sent, %d received): %s" % (
        name, len(made) / passes, total, wire.up / passes, wire.down / passes, paths))
    ok(0 < len(made) <= at_most * passes, "%s: at most %d requests in a pass (%.1f)" % (
        name, at_most, len(made) / passes), paths)
    ok(0 < total <= BYTES_MAX, "%s: at most %d bytes (%d)" % (name, BYTES_MAX, total), paths)
    ok(0 < len(by_hand) <= 2 * (at_most + 1), "%s: by hand one more at most, for the version" % name,
       [m.path for m in by_hand])
    asked = {"galaxy_clusters": "pull_galaxy_clusters", "analyst_data": "pull_analyst_data"}
    for path, flag in asked.items():
        there = any(m.path.startswith("/" + path) for m in made)
        ok(there == bool(flags.get(flag)), "%s: %s %s" % (
            name, path, "is asked" if flags.get(flag) else "is not asked"), paths)
    must(c.post("/servers/delete/%s" % number), "delete")
    wire.close()


def main():
    folder = nodelib.shared("wire", "sync")
    if folder is None:
        nodelib.skip("no recordings (TOCSIN_SHARED)")
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built (contrib/dev/run-node, TOCSIND)")
    peer = peers.Peer(peers.load(os.path.join(folder, "client-role-seen-by-peer.jsonl")), live=True)
    node = nodelib.Node(extra=["--set", "peer_interval=1s"])
    node.start()
    try:
        org = remote_org(node)
        for name, flags, at_most in CASES:
            case(node, peer, org, name, flags, at_most)
    finally:
        node.clean()
        peer.close()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
