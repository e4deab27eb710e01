#!/usr/bin/env python3
"""Who may come in: keys, rates, passwords, sessions, registrations. run.py [NAME...]"""
import os
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import commands  # noqa: E402
import fuzz  # noqa: E402
import keys  # noqa: E402
import login  # noqa: E402
import rates  # noqa: E402
import register  # noqa: E402
import settings  # noqa: E402
from world import World, check, finish, is_equal, nodes  # noqa: E402

#: what a node with the default options has to stand, and one with others
PLAIN, STRICT = (keys, rates, commands, login, fuzz), (register, settings)


def run(w, parts, wanted):
    for part in parts:
        if wanted and part.__name__ not in wanted:
            continue
        print("# " + part.__name__)
        try:
            part(w)
        except Exception:
            check(False, part.__name__ + " came to its end", traceback.format_exc())


def node(folder, extra, parts, wanted):
    if wanted and not any(f.__name__ in wanted for p in parts for f in p.ALL + getattr(p, "LAST", ())):
        return
    with nodes.Node(folder=folder, extra=extra) as n:
        w = World(n)
        for p in parts:
            run(w, p.ALL, wanted)
        for p in parts:  # what leaves the node in a bad mood
            run(w, getattr(p, "LAST", ()), wanted)
        is_equal(n.stop(), 0, "the node ends when it is told to")
        with open(n.log_path, errors="replace") as f:
            bad = [x for x in f if "Sanitizer" in x or "runtime error" in x or "event=bug" in x]
        is_equal(bad[:3], [], "and nothing was amiss in it")


def main():
    with tempfile.TemporaryDirectory(prefix="tocsin-access-") as d:
        node(os.path.join(d, "plain"), [], PLAIN, sys.argv[1:])
        node(os.path.join(d, "strict"), settings.STRICT, STRICT, sys.argv[1:])
    return finish()


sys.exit(main())
