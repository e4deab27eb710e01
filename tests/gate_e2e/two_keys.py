#!/usr/bin/env python3
"""Two persons: whoever may publish extends an embargo; taking one off, shortening it, and approving a
release before a remedy or in a freeze window wait for a second person, whatever the way.
"""
import os
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402
from e2e import COUNT, POLICY, must, ok  # noqa: E402,F401

EARLY = 'embargo:until="2090-01-01T00:00:00Z"'
PUBLIC = 'embargo:public="2091-01-01T00:00:00Z"'
LATE = 'embargo:until="2091-01-01T00:00:00Z"'


class World:
    def __init__(self, folder):
        policy = os.path.join(folder, "policy.yaml")
        with open(policy, "w") as f:
            f.write(POLICY + "  link: {kind: peer, user: sync@peer.example, tlp: amber, "
                    "class: partner, profile: full, jurisdiction: domestic}\n")
        self.node = nodelib.Node(folder=os.path.join(folder, "node"), extra=["--policy", policy])
        self.node.start()
        self.admin = self.node.client()
        self.second = self.node.client(self.user("1", "second@host.example", 4))
        self.plain = self.node.client(self.user("1", "plain@host.example", 3))
        made = must(self.admin.post("/admin/organisations/add", {"name": "Peer", "local": True}), "org")
        org = made["Organisation"]["id"]
        for tag in (EARLY, LATE, PUBLIC):
            must(self.admin.post("/tags/add", {"name": tag}), "tags/add")
        self.peer = self.node.client(self.user(org, "sync@peer.example", 5))
        self.other = self.node.client(self.user(org, "user@peer.example", 4))

    def user(self, org, email, role):
        return must(self.admin.post("/admin/users/add", {
            "email": email, "org_id": org, "role_id": str(role),
            "password": "Lantern-%s-keel-Harbour" % role}), email)["User"]["authkey"]

    def add(self, tags, attr_tags=(), client=None):
        event = {"uuid": str(uuid.uuid4()), "info": "two keys", "distribution": "3", "published": True,
                 "threat_level_id": "1", "analysis": "2", "Tag": [{"name": t} for t in tags],
                 "Attribute": [{"type": "domain", "category": "Network activity", "to_ids": True,
                                "value": "%s.example" % uuid.uuid4(), "uuid": str(uuid.uuid4()),
                                "Tag": [{"name": t} for t in attr_tags]}]}
        made = (client or self.admin).post("/events/add", {"Event": event})
        if made.status != 200:
            must(made, "add")
        # who may not see it, as it is under embargo, gets nothing to see
        return must(self.admin.get("/events/view/" + event["uuid"]), "view")["Event"]

    def tags(self, event, attr=False):
        e = must(self.admin.get("/events/view/" + event["id"]), "view")["Event"]
        of = e["Attribute"][0] if attr else e
        return sorted(t["name"] for t in of.get("Tag", []))

    def pending(self):
        return must(self.admin.get("/tocsin/approvals/list"), "approvals")

    def attach(self, client, u, tag):
        return client.post("/tags/attachTagToObject", {"uuid": u, "tag": tag})

    def detach(self, client, u, tag):
        return client.post("/tags/removeTagFromObject", {"uuid": u, "tag": tag})


def refused(answer, what):
    return ok(answer.status == 403 and "two persons" in answer.text() and "approval" in answer.text(),
              what, "%d %s" % (answer.status, answer.text()))


def extends(w):
    e = w.add(["tlp:clear", EARLY])
    ok(w.attach(w.second, e["uuid"], LATE).status == 200, "anybody who may publish extends")
    ok(w.detach(w.second, e["uuid"], EARLY).status == 200, "the earlier time goes: the later one holds")
    ok(w.tags(e) == [LATE, "tlp:clear"] and not w.pending(), "nobody was asked")


def lifts(w):
    e = w.add(["tlp:clear", LATE])
    refused(w.detach(w.admin, e["uuid"], LATE), "taking an embargo off waits for a second person")
    ok(LATE in w.tags(e), "it is still on")
    refused(w.detach(w.admin, e["uuid"], LATE), "asking again")
    waiting = w.pending()
    ok(len(waiting) == 1 and waiting[0]["tag"] == LATE and waiting[0]["what"] == "take off" and
       waiting[0]["event_uuid"] == e["uuid"], "it waits once", waiting)
    n = waiting[0]["id"]
    a = w.admin.post("/tocsin/approvals/approve/%s" % n)
    ok(a.status == 403 and "another person" in a.text(), "nobody approves what he asked for", a.text())
    ok(w.plain.post("/tocsin/approvals/approve/%s" % n).status == 403, "nor who may not publish")
    ok(w.other.post("/tocsin/approvals/approve/%s" % n).status == 404,
       "nor a user of another organisation, for whom there is none")
    ok(must(w.other.get("/tocsin/approvals/list"), "list") == [], "who sees none")
    a = w.second.post("/tocsin/approvals/approve/%s" % n)
    ok(a.status == 200 and a.json()["state"] == "approved" and
       a.json()["decided_by"] == "second@host.example", "a second person approves", a.text())
    ok(w.tags(e) == ["tlp:clear"], "and it is done", w.tags(e))
    a = w.second.post("/tocsin/approvals/approve/%s" % n)
    ok(a.status == 403 and "is approved" in a.text(), "once only", a.text())
    log = must(w.admin.post("/tocsin/audit/search", {"action": "approval"}), "audit")["records"]
    both = [r for r in log if "approved %s:" % n in r.get("text", "")]
    ok(both and both[0]["second"] == "second@host.example" and both[0]["name"] != both[0]["second"],
       "the audit log has both names", log)


def other_ways(w):
    e = w.add(["tlp:clear", LATE], [EARLY])
    attr = e["Attribute"][0]["uuid"]
    ids = {t["name"]: t["id"] for t in must(w.admin.get("/tags/index"), "tags")["Tag"]}
    refused(w.admin.post("/events/removeTag/%s/%s" % (e["id"], ids[LATE])), "events/removeTag")
    refused(w.detach(w.admin, attr, EARLY), "an attribute's embargo")
    now = str(int(time.time()) + 5)
    refused(w.admin.post("/events/edit/" + e["id"], {"Event": {
        "timestamp": now, "Tag": [{"name": LATE, "deleted": True}]}}), "events/edit")
    refused(w.admin.post("/events/edit/" + e["id"], {"Event": {"timestamp": now, "Attribute": [
        {"uuid": attr, "type": "domain", "value": e["Attribute"][0]["value"], "timestamp": now,
         "Tag": [{"name": EARLY, "deleted": True}]}]}}), "an attribute in events/edit")
    a = w.admin.post("/tags/delete/" + ids[LATE])
    ok(a.status == 403 and "two persons" in a.text(), "tags/delete", a.text())
    a = w.admin.post("/tags/edit/" + ids[LATE], {"name": "harmless"})
    ok(a.status == 403 and "two persons" in a.text(), "renaming the tag", a.text())
    ok(w.admin.post("/tags/edit/" + ids[LATE], {"name": LATE, "colour": "#123456"}).status == 200,
       "its colour is nobody's business")
    bad = w.admin.post("/tocsin/import", {"Event": dict(
        must(w.admin.get("/events/view/" + e["id"]), "view")["Event"], timestamp=now,
        Tag=[{"name": LATE, "deleted": True}])})
    ok(LATE in w.tags(e) and EARLY in w.tags(e, attr=True), "all of it is still on", bad.text())
    w.peer.post("/events/edit/" + e["uuid"], {"Event": {
        "uuid": e["uuid"], "timestamp": str(int(time.time()) + 50),
        "Tag": [{"name": LATE, "deleted": True}]}})
    ok(LATE in w.tags(e), "a peer shortens nothing")
    waiting = w.pending()
    attr_row = [p for p in waiting if p.get("attribute_uuid") == attr]
    ok(len(waiting) == 2 and len(attr_row) == 1, "event and attribute wait, once each", waiting)
    a = w.admin.post("/tocsin/approvals/reject/%s" % attr_row[0]["id"])
    ok(a.status == 200 and a.json()["state"] == "rejected", "whoever asked may withdraw", a.text())
    rest = [p["id"] for p in w.pending()]
    ok(w.second.post("/tocsin/approvals/reject/%s" % rest[0]).status == 200, "others may reject")
    a = w.second.post("/tocsin/approvals/approve/%s" % rest[0])
    ok(a.status == 403 and "is rejected" in a.text(), "which cannot be approved any more", a.text())


def peers_own(w):
    """An event that a peer brought: what it says later shortens nothing either."""
    e = w.add(["tlp:clear", PUBLIC, 'rmsv:early-release="mine"'], client=w.peer)
    ok(w.tags(e) == [PUBLIC, "tlp:clear"] and not w.pending(),
       "a peer approves no release, and asks nobody", w.tags(e))
    w.peer.post("/events/edit/" + e["uuid"], {"Event": {
        "uuid": e["uuid"], "timestamp": str(int(time.time()) + 50), "info": "changed",
        "Tag": [{"name": PUBLIC, "deleted": True}, {"name": "rmsv:freeze-approval=\"x\""}]}})
    ok(w.tags(e) == [PUBLIC, "tlp:clear"], "nor by an edit", w.tags(e))
    shown = must(w.admin.get("/events/view/" + e["id"]), "view")["Event"]
    ok(shown["info"] == "changed", "the rest of which is taken", shown["info"])


def approves_release(w):
    tag = 'rmsv:early-release="2026-17"'
    e = w.add(["tlp:clear", "rmsv:record", tag])
    waiting = w.pending()
    ok(tag not in w.tags(e) and len(waiting) == 1 and waiting[0]["what"] == "attach",
       "a new event comes without it, and it waits", (w.tags(e), waiting))
    a = w.second.post("/tocsin/approvals/approve/%s" % waiting[0]["id"])
    ok(a.status == 200 and tag in w.tags(e), "until it is approved", a.text())
    refused(w.attach(w.admin, e["uuid"], 'rmsv:freeze-approval="9"'), "freeze-approval")
    refused(w.attach(w.admin, e["uuid"], ['rmsv:freeze-approval="10"']), "in a list of tags")
    ok(w.detach(w.admin, e["uuid"], tag).status == 200, "taking it back needs nobody")


def again(w, e, tags, attr_tags, client=None):
    """The same event once more, with other tags."""
    attr = e["Attribute"][0]
    return (client or w.admin).post("/events/add", {"Event": {
        "uuid": e["uuid"], "info": "again", "distribution": "3", "published": True, "threat_level_id": "1",
        "analysis": "2", "Tag": [{"name": t} for t in tags],
        "Attribute": [{"type": "domain", "category": "Network activity", "to_ids": True, "uuid": attr["uuid"],
                       "value": attr["value"], "Tag": [{"name": t} for t in attr_tags]}]}})


def gone(w, e):
    """For good; and not on the block list, where a deletion puts it."""
    must(w.admin.post("/events/delete/" + e["id"]), "delete")
    for b in must(w.admin.get("/eventBlocklists/index"), "blocked"):
        must(w.admin.post("/eventBlocklists/delete/" + str(b["id"])), "unblock")


def settle(w):
    for one in w.pending():
        w.second.post("/tocsin/approvals/reject/%s" % one["id"])


def made_again(w):
    settle(w)
    e = w.add(["tlp:clear", LATE], [EARLY])
    gone(w, e)
    a = again(w, e, ["tlp:clear"], [])
    now = must(w.admin.get("/events/view/" + e["uuid"]), "view")["Event"]
    ok(a.status == 200 and w.tags(now) == [LATE, "tlp:clear"] and w.tags(now, True) == [EARLY],
       "what is deleted and made again has its embargoes", (a.status, w.tags(now), w.tags(now, True)))
    waiting = w.pending()
    ok(sorted(p["tag"] for p in waiting) == [EARLY, LATE] and all(p["what"] == "take off" for p in waiting),
       "taking them off waits for a second person", waiting)
    for p in waiting:
        ok(w.second.post("/tocsin/approvals/approve/%s" % p["id"]).status == 200, "who approves")
    ok(w.tags(now) == ["tlp:clear"] and w.tags(now, True) == [], "and it is done", w.tags(now))
    gone(w, now)
    again(w, e, ["tlp:clear"], [])
    now = must(w.admin.get("/events/view/" + e["uuid"]), "view")["Event"]
    ok(w.tags(now) == ["tlp:clear"] and not w.pending(), "it counts what was there last", w.tags(now))


def made_shorter(w):
    e = w.add(["tlp:clear", LATE], [])
    gone(w, e)
    again(w, e, ["tlp:clear", EARLY], [])
    now = must(w.admin.get("/events/view/" + e["uuid"]), "view")["Event"]
    ok(w.tags(now) == [EARLY, LATE, "tlp:clear"] and [p["tag"] for p in w.pending()] == [LATE],
       "made again with an earlier time: both stand there, the later one holds", (w.tags(now), w.pending()))
    settle(w)
    gone(w, now)
    again(w, e, ["tlp:clear", LATE, EARLY], [])
    ok(not w.pending(), "with what it had nobody is asked")


def attribute_again(w):
    e = w.add(["tlp:clear"], [EARLY])
    attr = e["Attribute"][0]
    must(w.admin.post("/attributes/delete/%s/1" % attr["id"]), "delete for good")
    a = w.admin.post("/attributes/add/" + e["id"], {
        "type": "domain", "category": "Network activity", "uuid": attr["uuid"], "value": attr["value"]})
    ok(a.status == 200 and w.tags(e, True) == [EARLY], "an attribute that is made again", (a.text(), w.tags(e, True)))
    ok([p["tag"] for p in w.pending()] == [EARLY], "waits, too", w.pending())
    settle(w)


def peers_again(w):
    e = w.add(["tlp:clear", LATE], [EARLY], client=w.peer)
    gone(w, e)
    a = again(w, e, ["tlp:clear"], [], client=w.peer)
    seen = w.admin.get("/events/view/" + e["uuid"])
    ok(seen.status == 404 or LATE in w.tags(seen.json()["Event"]), "a peer brings it back with it or not at all",
       (a.status, seen.text()))
    ok(not w.pending(), "and asks nobody")


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    with tempfile.TemporaryDirectory(prefix="tocsin-two-keys-") as folder:
        w = World(folder)
        try:
            for part in (extends, lifts, other_ways, peers_own, approves_release, made_again,
                         made_shorter, attribute_again, peers_again):
                part(w)
        finally:
            w.node.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
