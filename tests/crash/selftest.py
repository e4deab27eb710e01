#!/usr/bin/env python3
"""Check the crash test's own judgement: each kind of loss must be noticed."""
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import damage
import model

COUNT = [0, 0]


def ok(good, what):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))


def event(now=None, pending=None):
    e = model.Event("u")
    e.now = now
    if pending is not False:
        e.begin("step", pending)
    return e


def kills(fault, rounds=4):
    """Exit status and output of the crash test against the little fake node."""
    env = dict(os.environ, TOCSIN_RUN_NODE=os.path.join(HERE, "fake_node.py"), FAKE_FAULT=fault)
    env.pop("TOCSIND", None)
    p = subprocess.run([sys.executable, os.path.join(HERE, "kill9.py"), "--rounds", str(rounds),
                        "--seed", "7", "--connections", "3", "--seconds", "0.5", "--big", "0"],
                       env=env, capture_output=True, text=True)
    return p.returncode, p.stdout + p.stderr


def main():
    one = model.state("a", False, {"x": "1", "y": "2"})
    two = model.state("b", False, {"x": "1", "y": "2", "z": "3"})
    half = model.state("b", False, {"x": "1", "y": "2"})
    ok(event(one, False).check(one) == [], "the acknowledged state is right")
    ok(event(one, False).check(None), "a lost event is seen")
    ok(event(None, False).check(one), "a deleted event that came back is seen")
    ok(event(one, two).check(one) == [], "a pending step may be missing")
    e = event(one, two)
    ok(e.check(two) == [] and e.now == two and e.pending is None, "or be there, and is then kept")
    ok(event(one, two).check(half), "but not by half")
    ok(event(one, None).check(None) == [], "a pending deletion may have happened")
    ok(event(None, two).check(half), "half an event is seen")
    gone = model.state("a", False, {"x": "1"})
    ok("lost" in event(one, False).check(gone)[0], "a lost attribute is named")
    other = model.state("a", False, {"x": "1", "y": "9"})
    ok("another value" in event(one, False).check(other)[0], "a changed value is named")
    e = event(one, two)
    e.refused()
    ok(e.check(two), "what was refused must not be there")
    with tempfile.TemporaryDirectory() as top:
        os.makedirs(os.path.join(top, "index", "a"))
        for name in ("data.mdb", "index/one", "index/a/two"):
            with open(os.path.join(top, name), "wb") as f:
                f.write(b"x" * 5000)
        rng, old, kinds = random.Random(1), {}, set()
        for _ in range(60):
            for line in damage.damage(rng, top, old):
                kinds.add(line.split()[0])
            for name in ("index/one", "index/a/two"):
                with open(os.path.join(top, name), "wb") as f:
                    f.write(b"y" * 5000)
        with open(os.path.join(top, "data.mdb"), "rb") as f:
            ok(f.read() == b"x" * 5000, "the truth is never damaged")
        ok(kinds == set(damage.KINDS), "every kind of damage happens")
    for fault, wanted in (("", 0), ("lose", 1), ("half", 1)):
        status, out = kills(fault)
        ok(status == wanted, "a fake node that %s is %s" % (
            {"": "keeps its promises", "lose": "acknowledges too early",
             "half": "stores by halves"}[fault], "passed" if wanted == 0 else "caught"))
        if status != wanted:
            print("# " + out.replace("\n", "\n# "))
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
