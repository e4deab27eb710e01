"""subsworld.py - a node with exports in its policy, events that change, subscriptions, TAP."""
import json
import os
import random
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), os.path.join(os.path.dirname(HERE), "sensors")]
import node as nodelib  # noqa: E402

PATIENCE = float(os.environ.get("SUBS_PATIENCE", "120"))  # for what happens in less than a second when nothing else runs
SEED = int(os.environ.get("SUBS_SEED", "1"))
checked = 0
failures = []

EDGE = "{kind: export, tlp: amber+strict, pap: red, class: own, profile: full}"
OPEN = "{kind: export, tlp: clear, pap: clear, class: public, profile: full}"
POLICY = "use: [default]\ndefault_tlp: clear\ndefault_pap: clear\naudiences:\n%s"


def ok(good, what, detail=""):
    global checked
    checked += 1
    print("%s %d - %s" % ("ok" if good else "not ok", checked, what))
    if not good:
        failures.append(what)
        for line in str(detail)[:3000].splitlines():
            print("#   " + line)
    sys.stdout.flush()
    return good


def same(got, want, what):
    return ok(got == want, what, "got  %r\nwant %r" % (got, want))


def wait_for(condition, patience=PATIENCE):
    """The condition's value as soon as it is true; its last one when patience ends."""
    end = time.monotonic() + patience
    pause = 0.01
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def finish():
    print("1..%d" % checked)
    print("# seed %d" % SEED)
    return 1 if failures else 0


class World:
    def __init__(self, audiences=None, **more):
        self.tmp = tempfile.TemporaryDirectory(prefix="tocsin-subs-")
        self.policy_path = os.path.join(self.tmp.name, "policy.yaml")
        self.audiences = audiences or {"edge": EDGE, "open": OPEN}
        self.write_policy()
        self.node = nodelib.Node(os.path.join(self.tmp.name, "node"), extra=["--policy", self.policy_path], **more)
        self.node.start()
        self.c = self.node.client()
        self.rnd = random.Random(SEED)
        self.files = os.path.join(self.node.folder, "exports")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0]:
            print("# " + self.node.log_tail().replace("\n", "\n# "))
        self.node.stop()
        self.tmp.cleanup()

    # ---- policy

    def write_policy(self, more=""):
        with open(self.policy_path + ".new", "w") as f:
            f.write(POLICY % "".join("  %s: %s\n" % i for i in self.audiences.items()) + more)
        os.rename(self.policy_path + ".new", self.policy_path)

    def reload(self, more="", **audiences):
        """Other audiences (None: not there any more), in force when this returns."""
        for name, text in audiences.items():
            self.audiences[name] = text
            if text is None:
                del self.audiences[name]
        self.write_policy(more)
        self.must(self.c.post("/tocsin/policyReload"), "policy reload")

    # ---- events

    def must(self, answer, what=""):
        if answer.status != 200:
            raise AssertionError("%s: %d %s" % (what, answer.status, answer.text()[:500]))
        return answer.json()

    def event(self, attributes, tags=(), publish=True, info="world", **more):
        """attributes: (type, value) or (type, value, {members}). The event as the node has it."""
        rows = [dict({"type": a[0], "value": a[1], "to_ids": True, "distribution": "5"}, **(a[2] if len(a) > 2 else {})) for a in attributes]
        e = dict({"info": info, "distribution": "3", "threat_level_id": "2", "analysis": "0", "published": False, "Attribute": rows,
                  "Tag": [{"name": t} for t in tags]}, **more)
        made = self.must(self.c.post("/events/add", {"Event": e}), "events/add")["Event"]
        if publish:
            self.publish(made["id"])
        return made

    def publish(self, event):
        self.must(self.c.post("/events/publish/%s" % event), "publish")

    # ---- subscriptions

    def subscribe(self, name, fmt, audience="edge", wait=True, **more):
        row = dict({"name": name, "format": fmt, "audience": audience}, **more)
        self.must(self.c.post("/tocsin/subscriptions/add", {"Subscription": row}), "subscribe " + name)
        if wait:
            self.ready(name)

    def edit(self, row, **more):
        return self.must(self.c.post("/tocsin/subscriptions/edit/" + row, {"Subscription": more}), "edit " + row)

    def status(self, name):
        return self.must(self.c.get("/tocsin/subscriptions/view/" + name), name)["Subscription"]

    def ready(self, name):
        wait_for(lambda: self.status(name)["state"] == "ready")
        s = self.status(name)
        if s["state"] != "ready":
            raise AssertionError("%s is not filled: %s\n%s" % (name, json.dumps(s), self.node.log_tail()))
        return s

    def get(self, name, tail="", **kw):
        return self.c.get("/exports/" + name + tail, **kw)

    def whole(self, name):
        """Serial and bytes."""
        a = wait_for(lambda: self.got(name))
        return int(a.headers["x-tocsin-serial"]), a.body

    def got(self, name, tail=""):
        a = self.get(name, tail)
        if a.status not in (200, 204, 503):
            raise AssertionError("%s%s: %d %s" % (name, tail, a.status, a.text()[:300]))
        return a if a.status != 503 else None

    def lines(self, name):
        return self.whole(name)[1].decode().splitlines()

    def becomes(self, name, want, what):
        """The set's lines are these, at last; in any order."""
        want = sorted(want)
        wait_for(lambda: sorted(self.lines(name)) == want)
        return same(sorted(self.lines(name)), want, what)

    def search(self, fmt, audience="edge", **more):
        q = dict({"returnFormat": fmt, "tocsin_audience": audience}, **more)
        a = self.c.post("/attributes/restSearch", q)
        if a.status != 200:
            raise AssertionError("search %s: %d %s" % (fmt, a.status, a.text()[:300]))
        return a.body
