#!/usr/bin/env python3
"""Every parameter of every search with values that nobody should send: an answer below 500, always."""
import json
import os
import random
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import node as nodelib  # noqa: E402
import run as asks  # noqa: E402
import world as worlds  # noqa: E402

TOP = os.path.dirname(os.path.dirname(HERE))
WORDS = ["", " ", "%", "%%", "_", "\\", "\\%", "!", "!!", "&&", "||", "a||", "||a", "a&&!b", "|", "-1",
         "0", "1", "99999999999999999999999", "1e400", "0x10", "NaN", "null", "true", "\u0000",
         "\U0001f980" * 50, "\u0301\u0301", "d", "5d", "99999999999999d", "-5d", "2025-13-45",
         "0000-00-00", "9999-12-31", "yesterday", "desc", "id desc,id desc,id desc,id desc,id desc",
         "Event.", ",,,", "5b4ee3ea-eee3-4c8e-8323-85ae32658754", "5b4ee3ea", "json", "csv", "xml",
         "exclude", "only", "'; drop", "%" * 3000, "%_" * 500 + "x", "[", "{", "x" * 70000]
PATHS = dict(asks.PATHS, clusters="/galaxy_clusters/restSearch", reports="/eventReports/index",
             sight_event="/sightings/restSearch/event", sight_attr="/sightings/restSearch/attribute")


def parameters():
    with open(os.path.join(TOP, "node", "search", "params.inc"), encoding="utf-8") as f:
        names = sorted(set(re.findall(r'^P\("([^"]+)"', f.read(), re.M)))
    return names + ["elements", "galaxy_uuid", "tag_name", "minimal", "custom", "event_id", "score",
                    "decayingModel", "modelOverrides", "request", "tocsin_audience", "foam"]


def value(r, depth=0):
    way = r.randrange(12)
    if way < 6:
        return r.choice(WORDS)
    if way == 6:
        return r.choice([0, 1, -1, 2**31, 2**53, -2**62, 1.5, 1e300])
    if way == 7:
        return r.choice([None, True, False])
    if depth > 2:
        return "deep"
    if way < 10:
        return [value(r, depth + 1) for _ in range(r.choice([0, 1, 2, 3, 40]))]
    return {r.choice(["OR", "AND", "NOT", "or", "x", ""]): value(r, depth + 1)
            for _ in range(r.randrange(4))}


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    seed = int(os.environ.get("SEARCH_DIFF_SEED", "0")) or int(time.time() * 1000) % 10**9
    seconds = float(os.environ.get("SEARCH_GARBAGE_SECONDS", "10"))
    r = random.Random(seed)
    node = nodelib.Node()
    node.start()
    n, bad, seen = 0, 0, {}
    try:
        w = worlds.World(node, seed, n_events=8)
        names = parameters()
        end = time.monotonic() + seconds
        # each parameter in each scope at least once and once with more than a head can carry,
        # then any of them together
        todo = [(p, {k: v}) for k in names for p in PATHS.values() for v in (value(r), "x" * 70000)]
        r.shuffle(todo)
        while time.monotonic() < end and bad < 5:
            path, q = todo.pop() if todo else (
                r.choice(list(PATHS.values())),
                {r.choice(names): value(r) for _ in range(r.randrange(1, 5))})
            who = r.choice(list(w.clients))
            try:
                if r.random() < .1:
                    at = "/".join("%s:%s" % (k, re.sub(r"[^!-.0-~]", "x", str(v))[:200])
                                  for k, v in q.items())
                    ans = w.clients[who].get(path + "/" + re.sub(r"[%?#\\]", "%25", at))
                else:
                    ans = w.clients[who].post(path, q)
                status = ans.status
            except Exception as e:  # any failure of the transport is one of the node
                status = "no answer: %r" % e
            n += 1
            seen[status] = seen.get(status, 0) + 1
            if not isinstance(status, int) or status >= 500:
                bad += 1
                print("not ok - seed %d: %s %s: %s" % (seed, path, json.dumps(q)[:400], status))
            if node.proc.poll() is not None:
                print("not ok - the node has ended\n" + node.log_tail())
                return 1
        print("%s - seed %d: %d searches that make no sense, answered %s%s"
              % ("not ok" if bad else "ok", seed, n, seen,
                 ", %d parameters not reached" % len(todo) if todo else ""))
        return bool(bad)
    finally:
        node.stop()


if __name__ == "__main__":
    sys.exit(main())
