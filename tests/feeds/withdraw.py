#!/usr/bin/env python3
"""Withdrawals from the public feed while a big import runs.

An import keeps the node busy from beginning to end. Meanwhile events that the feed has are unpublished,
deleted, marked red, narrowed, and lose single attributes: file, manifest and digests must be without
them within ten seconds. An embargo that ends must open in its second. What is imported may come late,
but has to come. TOCSIN_LATE_SECONDS is what the machine itself may be late.
"""
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

LATE = float(os.environ.get("TOCSIN_LATE_SECONDS", "1"))
WITHIN_S = 10
ADDED_WITHIN_S = 60
POLICY = """use: [default]
audiences:
  public-feed: {kind: feed, tlp: clear, class: public, profile: full}
"""
COUNT = [0, 0]


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what), flush=True)
    if not good and detail:
        print("# " + str(detail)[:600].replace("\n", "\n# "))
    return good


def must(answer, what):
    if answer.status != 200:
        print("Bail out! %s: %d %s" % (what, answer.status, answer.text()[:300]))
        sys.exit(1)
    return answer.json()


def event(value, tags, attributes=1, **more):
    return {"Event": dict({
        "uuid": str(uuid.uuid4()), "info": "feed test", "date": "2026-01-02", "distribution": "3",
        "threat_level_id": "2", "analysis": "1", "published": True,
        "Tag": [{"name": t} for t in tags],
        "Attribute": [{"type": "domain", "category": "Network activity", "to_ids": True,
                       "uuid": str(uuid.uuid4()), "value": "%d.%s" % (i, value)}
                      for i in range(attributes)]}, **more)}


class Importer(threading.Thread):
    """Events without end, as tocsin import sends them."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.stop_now, self.sent = node, threading.Event(), 0
        self.failed = None

    def run(self):
        c = self.node.client(timeout=300)
        while not self.stop_now.is_set():
            docs = [event("%s.import.example" % uuid.uuid4(), ["tlp:clear"], 10)
                    for _ in range(200)]
            ans = c.raw("POST", "/tocsin/import", {
                "Authorization": self.node.key, "Accept": "application/json",
                "Content-Type": "application/json"}, "\n".join(map(json.dumps, docs)).encode())
            if ans.status != 200 or ans.json()["added"] != len(docs):
                self.failed = "%d %s" % (ans.status, ans.text()[:300])
                return
            self.sent += len(docs)
            time.sleep(0.5)


class World:
    def __init__(self, folder):
        policy = os.path.join(folder, "policy.yaml")
        with open(policy, "w") as f:
            f.write(POLICY)
        self.node = nodelib.Node(folder=os.path.join(folder, "node"), extra=["--policy", policy])
        self.node.start()
        self.admin = self.node.client()

    def add(self, value, tags=("tlp:clear",)):
        doc = event(value, tags, 2)
        made = must(self.admin.post("/events/add", doc), "events/add")["Event"]
        must(self.admin.post("/events/publish/%s" % made["id"]), "publish")
        return made

    def feed(self, name):
        return self.admin.raw("GET", "/feed/public-feed/" + name, {"Accept": "*/*"})

    def manifest(self):
        ans = self.feed("manifest.json")
        return ans.json() if ans.status == 200 else {}

    def event_is_out(self, made):
        """None when nothing of the event is there, else what is."""
        u = made["uuid"]
        if self.feed(u + ".json").status != 404:
            return "file"
        if u in self.feed("manifest.json").text():
            return "manifest"
        return "digests" if u in self.feed("hashes.csv").text() else None

    def attribute_is_out(self, made):
        """Likewise for the first attribute alone; the other one must stay."""
        first, other = (a["value"] for a in made["Attribute"])
        text = self.feed(made["uuid"] + ".json").text()
        if first in text:
            return "file"
        if other not in text:
            return "file without the other one"
        line = "%s,%s" % (hashlib.md5(first.encode()).hexdigest(), made["uuid"])
        return "digest" if line in self.feed("hashes.csv").text() else None


def wait(what, limit_s):
    """Seconds until what() is None, and what it was last."""
    begun = time.monotonic()
    left = what()
    while left and time.monotonic() - begun < limit_s:
        time.sleep(0.1)
        left = what()
    return time.monotonic() - begun, left


def withdrawals(w, made):
    a = w.admin
    red = must(a.post("/tags/add", {"name": "tlp:red", "colour": "#ff0000"}), "tag")["Tag"]["id"]
    attr = made["attribute marked red"]["Attribute"][0]["id"]
    gone = made["attribute deleted"]["Attribute"][0]["id"]
    todo = {
        "unpublished": lambda m: a.post("/events/unpublish/" + m["id"]),
        "deleted": lambda m: a.post("/events/delete/" + m["id"]),
        "marked red": lambda m: a.post("/events/addTag/%s/%s" % (m["id"], red)),
        "narrowed": lambda m: a.post("/events/edit/" + m["id"], {"Event": {"distribution": "0"}}),
        "attribute marked red": lambda m: a.post("/attributes/addTag/%s/%s" % (attr, red)),
        "attribute deleted": lambda m: a.post("/attributes/delete/" + gone),
    }
    assert sorted(todo) == sorted(made)
    for name, act in todo.items():
        begun = time.monotonic()
        must(act(made[name]), name)
        if name in ("narrowed", "attribute marked red", "attribute deleted"):
            # an edit takes the event back; as the operator would, publish what is left of it
            must(a.post("/events/publish/" + made[name]["id"]), "publish")
        one = w.attribute_is_out if name.startswith("attribute") else w.event_is_out
        _, left = wait(lambda: one(made[name]), WITHIN_S + LATE)
        took = time.monotonic() - begun
        ok(not left and took <= WITHIN_S + LATE, "%s: out of the feed after %.1f s" % (name, took),
           "still there: %s" % left)


def opening(w):
    at = int(time.time()) + 4
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    made = w.add("embargo.example", ["tlp:clear", 'embargo:until="%s"' % until])
    early = w.feed(made["uuid"] + ".json").status
    ok(early == 404 or time.time() >= at, "an event under embargo is not in the feed", early)
    while time.time() < at:
        time.sleep(0.05)
    wait(lambda: w.feed(made["uuid"] + ".json").status != 200, 30)
    took = time.time() - at
    ok(took <= 1 + LATE, "it opens in its second: file there after %.2f s" % took)
    wait(lambda: made["uuid"] not in w.manifest(), 30)
    took = time.time() - at
    ok(took <= WITHIN_S + LATE, "and in the manifest after %.2f s" % took)


def additions(w, imp, begun, long):
    sent, ran = imp.sent, time.monotonic() - begun
    rate = sent / ran
    listed = len(w.manifest())
    print("# imported %d events in %.0f s (%.0f/s), of which %d are listed" % (sent, ran, rate, listed))
    if long:
        ok(listed > 10, "what has waited for a minute is published beside the import")
    elif rate > 150 and ran < ADDED_WITHIN_S - 5:
        ok(listed < sent / 2, "additions stand back behind the import", "%d of %d" % (listed, sent))
    else:
        print("# too slow here to call it a big import, or too long: standing back is not judged")
    imp.stop_now.set()
    imp.join()
    ok(not imp.failed, "the import went through", imp.failed)
    before, at = -1, time.monotonic()
    while len(w.manifest()) < imp.sent and time.monotonic() - at < ADDED_WITHIN_S:
        if len(w.manifest()) > before:
            before, at = len(w.manifest()), time.monotonic()
        time.sleep(1)
    listed = len(w.manifest())
    ok(listed >= imp.sent, "afterwards all of it is published: %d events" % listed, imp.sent)


def main():
    long = "--long" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        w = World(folder)
        try:
            names = ("unpublished", "deleted", "marked red", "narrowed", "attribute marked red",
                     "attribute deleted")
            made = {n: w.add("%d.example" % i) for i, n in enumerate(names)}
            _, left = wait(lambda: [n for n, m in made.items() if m["uuid"] not in w.manifest()], 60)
            ok(not left, "what is published is in the feed", left)
            imp = Importer(w.node)
            begun = time.monotonic()
            imp.start()
            time.sleep(100 if long else 3)
            withdrawals(w, made)
            opening(w)
            additions(w, imp, begun, long)
        finally:
            w.node.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
