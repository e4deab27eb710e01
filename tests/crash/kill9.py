#!/usr/bin/env python3
"""Kill the daemon at random moments under load and compare everything that was acknowledged.

Exit: 0 nothing lost, 1 a difference or a node that does not open, 77 nothing to run against.
"""
import argparse
import os
import random
import sys
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import damage
import model
import node as nodelib


class Worker(threading.Thread):
    """One connection with events of its own; stops at the first transport error."""

    def __init__(self, node, rng, events, big):
        super().__init__(daemon=True)
        self.client = node.client(timeout=30)
        self.rng, self.events, self.big = rng, events, big
        self.steps = 0
        self.stopping = False
        self.error = None

    def run(self):
        try:
            while not self.stopping:
                self.step()
                self.steps += 1
        except OSError:
            pass  # the kill
        except Exception as e:
            if type(e).__module__ != "http.client":
                self.error = "%s: %s" % (type(e).__name__, e)
        finally:
            self.client.close()

    def step(self):
        live = [e for e in self.events if e.now is not None]
        what = self.rng.random()
        if not live or what < 0.35:
            self.add_event()
            return
        ev = self.rng.choice(live[-40:])
        if what < 0.55:
            self.edit(ev)
        elif what < 0.80:
            self.add_attributes(ev)
        elif what < 0.92:
            self.delete_attribute(ev)
        elif what < 0.96:
            self.publish(ev)
        else:
            self.delete_event(ev)

    def send(self, ev, step, after, path, body):
        """One journalled step: noted before it is sent, acknowledged by a 200."""
        ev.begin(step, after)
        ans = self.client.post(path, body)
        if ans.status == 200:
            ev.done()
        elif ans.status >= 500:
            raise RuntimeError("%s: %d %s" % (step, ans.status, ans.text()[:200]))
        else:
            ev.refused()
            raise RuntimeError("%s refused: %d %s" % (step, ans.status, ans.text()[:200]))

    def attribute(self):
        value = "%s.example.net" % self.rng.randbytes(8).hex()
        return {"uuid": str(uuid.UUID(bytes=self.rng.randbytes(16), version=4)), "type": "domain",
                "category": "Network activity", "value": value, "to_ids": True}

    def add_event(self):
        count = self.rng.choice((0, 1, 5, 20, 60))
        if self.big and self.rng.random() < 0.1:
            count = self.big
        attrs = [self.attribute() for _ in range(count)]
        ev = model.Event(str(uuid.UUID(bytes=self.rng.randbytes(16), version=4)))
        self.events.append(ev)
        info = "crash %08x" % self.rng.getrandbits(32)
        after = model.state(info, False, ((a["uuid"], a["value"]) for a in attrs))
        self.send(ev, "add event", after, "/events/add", {
            "uuid": ev.uuid, "info": info, "distribution": "1", "Attribute": attrs})

    def edit(self, ev):
        """Change the info and one value in a single request: both or neither."""
        info = "edited %08x" % self.rng.getrandbits(32)
        attrs = dict(ev.now["attributes"])
        body = {"info": info}
        fresh = [self.attribute() for _ in range(self.rng.choice((0, 1, 10)))]
        attrs.update((a["uuid"], a["value"]) for a in fresh)
        if fresh:
            body["Attribute"] = fresh
        self.send(ev, "edit", model.state(info, False, attrs), "/events/edit/" + ev.uuid, body)

    def add_attributes(self, ev):
        rows = [self.attribute() for _ in range(self.rng.choice((1, 1, 3, 30)))]
        attrs = dict(ev.now["attributes"])
        attrs.update((a["uuid"], a["value"]) for a in rows)
        self.send(ev, "add %d attributes" % len(rows), model.state(ev.now["info"], False, attrs),
                  "/attributes/add/" + ev.uuid, rows if len(rows) > 1 else rows[0])

    def delete_attribute(self, ev):
        if ev.now["attributes"]:
            gone = self.rng.choice(sorted(ev.now["attributes"]))
            attrs = {u: v for u, v in ev.now["attributes"].items() if u != gone}
            self.send(ev, "delete attribute", model.state(ev.now["info"], False, attrs),
                      "/attributes/delete/" + gone, {})

    def publish(self, ev):
        if ev.now["attributes"]:
            self.send(ev, "publish", model.state(ev.now["info"], True, ev.now["attributes"]),
                      "/events/publish/" + ev.uuid, {})

    def delete_event(self, ev):
        self.send(ev, "delete event", None, "/events/delete/" + ev.uuid, {})


class Crash:
    """The rounds on one folder, and all that was ever acknowledged in it."""

    def __init__(self, args):
        self.args = args
        self.rng = random.Random(args.seed)
        self.node = nodelib.Node(folder=args.dir)
        self.lanes = [[] for _ in range(args.connections)]
        self.failures = []
        self.old = {}
        self.steps = self.damaged = 0
        self.slowest = 0.0

    def all_events(self):
        return [e for lane in self.lanes for e in lane]

    def go(self):
        self.start()
        for i in range(self.args.rounds):
            before = {e.uuid for e in self.all_events()}
            self.load(i)
            if self.failures:
                break
            done = []
            if self.rng.random() < self.args.damage:
                done = damage.damage(self.rng, self.node.folder, self.old)
                self.damaged += bool(done)
            if self.rng.random() < 0.15:
                self.kill_while_starting()
            if not self.start():
                break
            self.verify(i, before, everything=i + 1 == self.args.rounds)
            if self.args.verbose:
                print("# round %d: %d events, %d steps, %s" % (
                    i, len(self.all_events()), self.steps, ", ".join(done) or "no damage"))
            if self.failures:
                print("# round %d; damage before it: %s" % (i, ", ".join(done) or "none"))
                break
        self.end()
        return self.failures

    def start(self):
        try:
            self.slowest = max(self.slowest, self.node.start())
            return True
        except nodelib.NodeDied as e:
            self.failures.append("does not open again: %s" % e)
            return False

    def kill_while_starting(self):
        """A kill in the middle of recovery must not hurt either."""
        timer = threading.Timer(self.rng.uniform(0.0, 0.3), self.node.kill)
        timer.start()
        try:
            self.node.start()
            self.node.kill()
        except (nodelib.NodeDied, AttributeError):
            pass  # that was the intention
        timer.join()
        self.node.kill()

    def load(self, i):
        workers = [Worker(self.node, random.Random("%s/%d/%d" % (self.args.seed, i, w)), lane,
                          self.args.big) for w, lane in enumerate(self.lanes)]
        for w in workers:
            w.start()
        time.sleep(self.rng.uniform(0.02, self.args.seconds))
        if not self.node.alive():
            self.failures.append("the node ended by itself:\n" + self.node.log_tail())
        for w in workers:
            w.stopping = self.args.clean
        self.node.kill()
        for w in workers:
            w.join(60)
            self.steps += w.steps
            if w.error:
                self.failures.append(w.error)

    def verify(self, i, before, everything):
        """Compare the touched events, some old ones, the index and the search."""
        c = self.node.client()
        shown = self.shown(c)
        if shown is None:
            return
        events = self.all_events()
        touched = [e for e in events if e.uuid not in before or e.pending or everything]
        sample = self.rng.sample(events, min(20, len(events)))
        for ev in {e.uuid: e for e in touched + sample}.values():
            ans = c.get("/events/view/" + ev.uuid)
            if ans.status not in (200, 404):
                self.failures.append("event %s: %d %s" % (ev.uuid, ans.status, ans.text()[:200]))
                continue
            seen = model.seen_state(ans.json()) if ans.status == 200 else None
            self.failures += ev.check(seen)
        want = {e.uuid for e in events if e.now is not None}
        for name, uuids in shown.items():
            if uuids != want:
                self.failures.append("%s: %d missing, %d too many"
                                     % (name, len(want - uuids), len(uuids - want)))
        live = [e for e in events if e.now and e.now["attributes"]]
        for ev in self.rng.sample(live, min(10, len(live))):
            self.search(c, ev)
        c.close()

    def shown(self, c):
        """UUIDs that the event index and a search without filters show."""
        out = {}
        for path, body in (("/events/index", {}),
                           ("/events/restSearch", {"returnFormat": "json", "metadata": 1})):
            ans = c.post(path, body)
            if ans.status != 200:
                self.failures.append("%s: %d %s" % (path, ans.status, ans.text()[:200]))
                return None
            rows = ans.json()
            rows = [r["Event"] for r in rows["response"]] if "response" in rows else rows
            out[path] = {r["uuid"] for r in rows}
        return out

    def search(self, c, ev):
        """The derived indexes agree with the truth: by value and by UUID."""
        one = self.rng.choice(sorted(ev.now["attributes"]))
        for field, key in (("value", ev.now["attributes"][one]), ("uuid", one)):
            ans = c.post("/attributes/restSearch", {"returnFormat": "json", field: key})
            rows = ans.json()["response"]["Attribute"] if ans.status == 200 else None
            if rows is None or [r["uuid"] for r in rows] != [one]:
                self.failures.append("search by %s %s: %s" % (
                    field, key, ans.status if rows is None else "%d hits" % len(rows)))

    def end(self):
        if self.node.proc is not None:
            self.node.stop()
        if self.failures:
            print("# folder kept: " + self.node.folder if self.args.dir else
                  "# log:\n" + self.node.log_tail(2000))
        self.node.clean()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=int(os.environ.get("TOCSIN_CRASH_ROUNDS", "30")))
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--connections", type=int, default=6)
    p.add_argument("--seconds", type=float, default=1.2, help="longest load before a kill")
    p.add_argument("--big", type=int, default=3000, help="attributes of the big events, 0: none")
    p.add_argument("--damage", type=float, default=0.5, help="chance of damaged index files")
    p.add_argument("--dir", help="folder to use and keep")
    p.add_argument("--clean", action="store_true", help="let running steps end before the kill")
    p.add_argument("--verbose", action="store_true")
    args = p.parse_args()
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built (contrib/dev/run-node, TOCSIND)")
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(1 << 32)
    print("# seed %d, %d rounds, %d connections" % (args.seed, args.rounds, args.connections))
    sys.stdout.flush()
    crash = Crash(args)
    failures = crash.go()
    for line in failures[:20]:
        print("FAIL: " + line)
    live = sum(e.now is not None for e in crash.all_events())
    print("# %d steps acknowledged, %d live events of %d, index damaged in %d rounds, "
          "slowest start %.2f s" % (crash.steps, live, len(crash.all_events()), crash.damaged,
                                    crash.slowest))
    print("%s 1 - nothing acknowledged was lost in %d kills (seed %d)\n1..1"
          % ("not ok" if failures else "ok", args.rounds, args.seed))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
