#!/usr/bin/env python3
"""Who may come in: keys, rates, passwords, sessions, registrations. run.py [NAME...]"""
import os
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import keys  # noqa: E402
import login  # noqa: E402
import rates  # noqa: E402
from world import World, check, finish, nodes  # noqa: E402

PARTS = (keys, rates, login)


def run(w, parts, wanted):
    for part in parts:
        if wanted and part.__name__ not in wanted:
            continue
        print("# " + part.__name__)
        try:
            part(w)
        except Exception:
            check(False, part.__name__ + " came to its end", traceback.format_exc())


def main():
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="tocsin-access-") as d:
        with nodes.Node(folder=os.path.join(d, "n")) as n:
            w = World(n)
            for p in PARTS:
                run(w, p.ALL, wanted)
            for p in PARTS:  # what leaves the node in a bad mood
                run(w, getattr(p, "LAST", ()), wanted)
    return finish()


sys.exit(main())
