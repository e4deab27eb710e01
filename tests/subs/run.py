#!/usr/bin/env python3
"""Export subscriptions as their consumers see them; topics as arguments run these alone."""
import importlib
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import subsworld as world  # noqa: E402

TOPICS = ("formats", "rules", "doors", "turns", "late", "crashes")


def main():
    for name in sys.argv[1:] or TOPICS:
        start = time.monotonic()
        importlib.import_module(name).run()
        print("# %s: %.1f s" % (name, time.monotonic() - start))
    return world.finish()


if __name__ == "__main__":
    sys.exit(main())
