#!/usr/bin/env python3
"""run.py - each target against the scripted node. Names of topics on the command line choose."""
import importlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world  # noqa: E402

TOPICS = ['files', 'loop', 'hostile', 'packets', 'suricata', 'unbound', 'real']

if __name__ == '__main__':
    for topic in sys.argv[1:] or TOPICS:
        print('# ' + topic)
        importlib.import_module('follow_' + topic).run()
    world.finish()
