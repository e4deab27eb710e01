#!/usr/bin/env python3
"""The embargo of one attribute ends: the event is newer for those who may have it from then on, so that a
MISP that compares times pulls it again and takes our push, and nobody else sees a change. A copy with
that time which comes back is not newer.
"""
import json
import os
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "preview"))
import node as nodelib  # noqa: E402
import sink as sinklib  # noqa: E402
from e2e import COUNT, iso, must, ok  # noqa: E402

POLICY = """use: [default]
classes: [own, cert, partner, sector, public]
audiences:
  sinkhole: {kind: peer, user: sync@sink.example, tlp: amber, class: partner, profile: full, jurisdiction: domestic}
  sinkpush: {kind: peer, url: "%s", tlp: amber, class: partner, profile: full, jurisdiction: domestic}
  early: {kind: peer, user: sync@cert.example, tlp: amber, class: cert, profile: full, jurisdiction: domestic}
"""


class Misp(sinklib.Sink):
    """As a MISP: it wants what is newer than what it has."""

    def __init__(self):
        self.has = {}
        super().__init__()

    def answer(self, method, path, body):
        if path.startswith("/events/filterEventIdsForPush"):
            return 200, [e["Event"]["uuid"] for e in json.loads(body)
                         if int(e["Event"]["timestamp"]) > self.has.get(e["Event"]["uuid"], 0)]
        if method == "POST" and "/events/" in path:
            event = json.loads(body)["Event"]
            self.has[event["uuid"]] = int(event["timestamp"])
        return super().answer(method, path, body)


class World:
    def __init__(self, folder):
        self.misp = Misp()
        policy = os.path.join(folder, "policy.yaml")
        with open(policy, "w") as f:
            f.write(POLICY % self.misp.url)
        self.node = nodelib.Node(folder=os.path.join(folder, "node"), extra=["--policy", policy])
        self.node.start()
        self.admin = self.node.client()
        self.peer = self.node.client(self.user("sync@sink.example", self.org("Sink")))
        self.early = self.node.client(self.user("sync@cert.example", self.org("Cert")))
        self.link = must(self.admin.post("/servers/add", {
            "url": self.misp.url, "authkey": "k" * 40, "name": "sinkpush", "push": True, "pull": False,
            "remote_org_id": self.org("Pushed")}), "link")["Server"]["id"]

    def org(self, name):
        return must(self.admin.post("/admin/organisations/add", {"name": name, "local": True}),
                    name)["Organisation"]["id"]

    def user(self, email, org):
        return must(self.admin.post("/admin/users/add", {
            "email": email, "org_id": org, "role_id": "5",
            "password": "Lantern-5-keel-Harbour"}), email)["User"]["authkey"]

    def push(self):
        must(self.admin.post("/servers/push/%s/full" % self.link), "push")
        return {u: json.loads(b)["Event"] for u, b in self.misp.taken().items()}

    def listed(self, client, u):
        rows = must(client.post("/events/index", {"minimal": True, "published": True}), "index")
        return [int(r["timestamp"]) for r in rows if r["uuid"] == u]


def values(event):
    return sorted(a["value"] for a in event["Attribute"])


def run(w):
    u, hidden = str(uuid.uuid4()), str(uuid.uuid4())
    opens = int(time.time()) + 12

    def event(uid, level):
        return {"uuid": uid, "info": "one attribute waits", "distribution": "3", "published": True,
                "threat_level_id": "1", "analysis": "2", "Tag": [{"name": "tlp:clear"}], "Attribute": [
                    {"type": "domain", "category": "Network activity", "value": "now-%s.example" % level,
                     "distribution": "5"},
                    {"type": "domain", "category": "Network activity", "value": "later-%s.example" % level,
                     "distribution": level, "Tag": [{"name": 'embargo:partner="%s"' % iso(opens)}]}]}
    # the second one's attribute stays here: nothing of it may show
    for e in (event(u, "5"), event(hidden, "0")):
        made = must(w.admin.post("/events/add", {"Event": e}), "add")["Event"]
        must(w.admin.post("/events/publish/" + made["id"]), "publish")
    before = w.listed(w.peer, u)[0]
    sent = w.push()
    ok(u in sent and values(sent[u]) == ["now-5.example"], "pushed without what waits", sent)
    ok(not w.push(), "and not again")
    ok(len(must(w.early.get("/events/view/" + u), "view")["Event"]["Attribute"]) == 2, "a narrower class has it all")
    early = w.listed(w.early, u)
    while time.time() < opens + 1:
        ok(w.listed(w.peer, u) == [before], "not newer before") if w.listed(w.peer, u) != [before] and \
            time.time() < opens else time.sleep(0.1)
    ok(w.listed(w.peer, u) == [opens], "the index of a MISP that pulls: newer by the time of the opening",
       "%s, wanted %s" % (w.listed(w.peer, u), opens))
    seen = must(w.peer.get("/events/view/" + u), "view")["Event"]
    ok(seen["timestamp"] == str(opens) and len(seen["Attribute"]) == 2, "the event says the same", seen)
    since = must(w.peer.post("/events/restSearch", {"timestamp": [str(opens - 1), str(opens + 100)]}), "search")
    ok([e["Event"]["uuid"] for e in since["response"]] == [u], "it is found as new, the other is not", since)
    ok(w.listed(w.early, u) == early, "not newer for who had it before")
    stored = must(w.admin.get("/events/view/" + u), "view")["Event"]
    ok(int(stored["timestamp"]) == before, "stored as it was")
    sent = w.push()
    ok(list(sent) == [u] and values(sent[u]) == ["later-5.example", "now-5.example"] and
       sent[u]["timestamp"] == str(opens), "pushed again, with it, newer; the other is not", sent)
    ok(not w.push(), "once")
    copy = dict(seen, info="what a copy says")
    a = w.peer.post("/events/edit/" + u, {"Event": copy})
    ok(a.status in (403, 404), "a copy that comes back changes nothing", a.text())
    a = w.admin.post("/events/edit/" + u, {"Event": copy})
    ok(a.status == 403 and "not newer" in a.text(), "for nobody is it newer", a.text())
    must(w.admin.post("/events/edit/" + u, {"Event": {"info": "an edit", "timestamp": str(opens + 5)}}), "edit")
    must(w.admin.post("/events/publish/" + u), "publish")
    ok(w.listed(w.peer, u)[0] >= opens + 5, "an edit is newer again")
    w.node.stop()
    w.node.start()
    ok(w.listed(w.peer, hidden)[0] < opens and w.listed(w.peer, u)[0] >= opens + 5, "the same after a restart")


def main():
    if not nodelib.have_daemon():
        nodelib.skip("no daemon to try")
    with tempfile.TemporaryDirectory() as folder:
        w = World(folder)
        try:
            run(w)
        finally:
            w.node.stop()
            w.misp.close()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
