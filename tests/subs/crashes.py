"""crashes.py - kill -9 in the middle of changes and of fillings: no serial goes back, no change is lost."""
import copy
import os
import random
import threading
import time

from subsworld import SEED, World, ok, same, wait_for

ROUNDS = int(os.environ.get("SUBS_ROUNDS", "3"))


class Writer:
    """Events that come and go until the node dies."""

    def __init__(self, w, rnd):
        self.w, self.rnd, self.n = copy.copy(w), rnd, 0
        self.w.c = w.node.client()  # a connection of its own
        self.events = []

    def run(self):
        try:
            while True:
                self.n += 1
                if self.rnd.random() < 0.7 or len(self.events) < 3:
                    e = self.w.event([("domain", "w%d-%d.example" % (self.rnd.randrange(10 ** 6), i)) for i in range(self.rnd.randrange(1, 40))])
                    self.events.append(e["id"])
                else:
                    self.w.c.post("/events/delete/" + self.events.pop(self.rnd.randrange(len(self.events))))
        except (OSError, AssertionError, Exception):  # noqa: BLE001 (the node is killed under it)
            return


def follow(w, state, name):
    """As a consumer: what has changed since what it has."""
    a = wait_for(lambda: w.got(name, "?since=%d" % state["serial"]))
    serial = int(a.headers["x-tocsin-serial"])
    good = serial >= state["serial"]
    if a.status == 200 and a.headers["x-tocsin-change"] == "whole":
        state["set"], state["wholes"] = set(a.text().split()), state["wholes"] + 1
    elif a.status == 200:
        for line in a.text().splitlines():
            good &= (line[1:] in state["set"]) == (line[0] == "-")
            (state["set"].add if line[0] == "+" else state["set"].discard)(line[1:])
    state["serial"] = serial
    return good


def run():
    with World() as w:
        rnd = random.Random(SEED)
        w.subscribe("all", "domain-list", path="all.txt")
        w.subscribe("few", "domain-list", max_entries=50)
        for n in range(6):
            w.event([("domain", "base%d-%d.example" % (n, i)) for i in range(150)])
        states = {name: {"serial": 0, "set": set(), "wholes": 0} for name in ("all", "few")}
        for name, s in states.items():
            ok(follow(w, s, name), name + ": begun")
        doomed = None
        for r in range(ROUNDS):
            writer = Writer(w, rnd)
            t = threading.Thread(target=writer.run)
            t.start()
            wait_for(lambda: writer.n > 3)
            if r % 3 == 1:  # in the middle of a filling
                w.node.client().post("/tocsin/subscriptions/edit/few", {"max_entries": 40 + r})
            elif r % 3 == 2:  # of a first one, and of a removal
                c = w.node.client()
                c.post("/tocsin/subscriptions/add", {"name": "new%d" % r, "format": "values", "audience": "edge", "path": "new%d.txt" % r})
                if doomed:
                    c.post("/tocsin/subscriptions/delete/" + doomed)
                doomed = "new%d" % r
            for name, s in states.items():
                if w.node.client().get("/exports/" + name).status == 200:
                    s["good"] = follow_with(w, s, name)
            time.sleep(rnd.random() * 0.3)
            w.node.kill()
            t.join(60)
            w.node.start()
            w.c = w.node.client()
            for name, s in states.items():
                was = s["serial"]
                w.ready(name)
                good = follow(w, s, name)
                ok(good, "%d: %s is followed over a crash, %d to %d" % (r, name, was, s["serial"]))
            found = set(w.search("domain-list").decode().split())
            wait_for(lambda: set(w.lines("all")) == found)
            same(sorted(set(w.lines("all")) ^ found), [], "%d: the set is what a search finds" % r)
            follow(w, states["all"], "all")
            same(sorted(states["all"]["set"] ^ found), [], "%d: and what a consumer has by changes" % r)
            # it may be a step behind the other one
            wait_for(lambda: follow(w, states["few"], "few") and states["few"]["set"] == set(w.lines("few")))
            same(sorted(states["few"]["set"] ^ set(w.lines("few"))), [], "%d: also within a budget" % r)
            ok(len(states["few"]["set"]) <= 50, "which holds")
            wait_for(lambda: set(open(os.path.join(w.files, "all.txt"), encoding="utf-8").read().split()) == found)
            same(set(open(os.path.join(w.files, "all.txt"), encoding="utf-8").read().split()), found, "%d: so does its file" % r)
        ok(states["all"]["wholes"] == 1, "changes lead over crashes without a whole set", states["all"]["wholes"])


def follow_with(w, state, name):
    w.c = w.node.client()
    return follow(w, state, name)
