#!/usr/bin/env python3
"""Proposals, sightings and reports between two nodes, by pull and by push, in both directions.

Each node is the other's peer with MISP's own form fields. What is looked at: that it arrives once, as it
was, that what is anonymous stays so, that nothing is asked for twice, and that what is not for the other
does not arrive.
"""
import os
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

COUNT = [0, 0]


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))
    if not good and detail != "":
        print("# " + str(detail)[:800].replace("\n", "\n# "))


def same(got, want, what):
    ok(got == want, what, "got %r, want %r" % (got, want))


def must(answer, what):
    if answer.status != 200:
        print("Bail out! %s: %d %s" % (what, answer.status, answer.text()[:400]))
        sys.exit(1)
    return answer.json()


class Site:
    """A node with its organisation, a user for its peer, and the peer's row."""

    def __init__(self, folder, name, org_uuid):
        self.name, self.org_uuid = name, org_uuid
        self.node = nodelib.Node(folder=os.path.join(folder, name),
                                 extra=["--org", name, "--org-uuid", org_uuid])
        self.node.start()
        self.admin = self.node.client()

    def user(self, org, org_uuid, email, role):
        made = self.admin.post("/admin/organisations/add", {"name": org, "uuid": org_uuid})
        org_id = made.json()["Organisation"]["id"] if made.status == 200 else self.org_id(org_uuid)
        made = must(self.admin.post("/admin/users/add", {
            "email": email, "org_id": org_id, "role_id": str(role),
            "password": "Lantern-%s-keel-Harbour" % role}), email)
        self.sync_user = made["User"]["id"]
        return made["User"]["authkey"], org_id

    def org_id(self, org_uuid):
        return must(self.admin.get("/organisations/view/" + org_uuid), "org")["Organisation"]["id"]

    def link_to(self, other):
        """`other` gives us a sync user; we enter it as a server."""
        key, _ = other.user(self.name, self.org_uuid, "sync@%s.example" % self.name.lower(), 5)
        made = self.admin.post("/admin/organisations/add",
                               {"name": other.name, "uuid": other.org_uuid})
        theirs = made.json()["Organisation"]["id"] if made.status == 200 else \
            self.org_id(other.org_uuid)
        row = must(self.admin.post("/servers/add", {
            "url": other.node.url, "name": other.name, "authkey": key, "pull": True, "push": True,
            "push_sightings": True, "remote_org_id": theirs, "self_signed": False}), "servers/add")
        self.link = row["Server"]["id"]

    def pull(self, technique="full"):
        return must(self.admin.get("/servers/pull/%s/%s/disable_background_processing:1" % (
            self.link, technique)), "pull")["message"]

    def push(self, technique="full"):
        return must(self.admin.get("/servers/push/%s/%s/disable_background_processing:1" % (
            self.link, technique)), "push")["message"]

    def event(self, u):
        return must(self.admin.get("/events/view/" + u), "events/view")["Event"]

    def sightings(self, u):
        rows = must(self.admin.post("/sightings/restSearch/event", {
            "uuid": [u], "last": 0, "includeUuid": True}), "restSearch")["response"]
        return {r["Sighting"]["uuid"]: r["Sighting"] for r in rows}

    def asked(self, path):
        """How many requests of this kind the node has answered."""
        lines = [x for x in self.admin.get("/metrics").text().split("\n")
                 if x.startswith('tocsin_http_requests_total{endpoint="' + path)]
        return sum(float(x.split()[-1]) for x in lines)

    def proposals(self):
        rows = must(self.admin.get("/shadow_attributes/index/all:1/timestamp:0/deleted[]:0/deleted[]:1"),
                    "shadow_attributes/index")
        return {r["ShadowAttribute"]["uuid"]: r["ShadowAttribute"] for r in rows}


def new_event(site, **more):
    u = str(uuid.uuid4())
    e = dict({"uuid": u, "info": "harbour " + u[:8], "distribution": "3", "threat_level_id": "2",
              "analysis": "1", "Attribute": [
                  {"uuid": str(uuid.uuid4()), "type": "domain", "category": "Network activity",
                   "value": "%s%d.example" % (u[:8], i), "to_ids": True,
                   "distribution": "5" if i else "0"} for i in range(3)]}, **more)
    made = must(site.admin.post("/events/add", {"Event": e}), "events/add")["Event"]
    must(site.admin.post("/events/publish/" + made["id"]), "publish")
    return made


def sighted(a, b):
    """Sightings by pull."""
    e = new_event(a)
    attrs = sorted(e["Attribute"], key=lambda x: x["value"])
    ok("1 events pulled" in b.pull(), "the event arrives")
    one = must(a.admin.post("/sightings/add/" + attrs[1]["id"], {"source": "honey"}), "add")["Sighting"]
    hidden = must(a.admin.post("/sightings/add/" + attrs[0]["id"], {"source": "own"}), "add")["Sighting"]
    ok("0 sightings pulled" in b.pull(), "a sighting that is not published is not fetched")
    must(a.admin.post("/events/publishSightings/" + e["id"]), "publishSightings")
    text = b.pull()
    same(list(b.sightings(e["uuid"])), [],
         "the policy of a fresh node shows others' sightings to nobody: " + text)
    return e, attrs, one, hidden


def policy(a, b):
    """With sightings.policy 2 they travel; without an organisation they stay nobody's."""
    e = new_event(a)
    attrs = sorted(e["Attribute"], key=lambda x: x["value"])
    b.pull()
    one = must(a.admin.post("/sightings/add/" + attrs[1]["id"], {"source": "honey"}), "add")["Sighting"]
    must(a.admin.post("/sightings/add/" + attrs[0]["id"], {"source": "own"}), "add")
    anonymous = str(uuid.uuid4())
    must(a.admin.post("/sightings/bulkSaveSightings/" + e["uuid"], [
        {"uuid": anonymous, "attribute_uuid": attrs[2]["uuid"], "type": "1", "source": "s",
         "date_sighting": "1750000000", "org_id": "0"}]), "bulkSave")
    must(a.admin.post("/events/publishSightings/" + e["id"]), "publishSightings")
    text = b.pull()
    ok("2 sightings pulled" in text, "two sightings arrive; that of a hidden attribute does not", text)
    got = b.sightings(e["uuid"])
    same(set(got), {one["uuid"], anonymous}, "they are those")
    same(got[one["uuid"]]["Organisation"]["uuid"], a.org_uuid, "with their organisation")
    same((got[one["uuid"]]["source"], got[one["uuid"]]["date_sighting"]),
         (one["source"], one["date_sighting"]), "source and time as they were")
    ok("Organisation" not in got[anonymous] and got[anonymous]["type"] == "1",
       "the anonymous one stays so", got[anonymous])
    before = a.asked("/sightings/restSearch")
    ok(before > 0, "sightings were asked for")
    ok("0 sightings pulled" in b.pull(), "a second pull brings nothing")
    ok("0 sightings pulled" in b.pull(), "nor a third")
    same(a.asked("/sightings/restSearch"), before, "and asks for none")
    # and back: b saw something in a's event
    mine = {x["uuid"]: x for x in b.event(e["uuid"])["Attribute"]}[attrs[1]["uuid"]]
    back = must(b.admin.post("/sightings/add/" + mine["id"], {"source": "back"}), "add")["Sighting"]
    must(b.admin.post("/events/publishSightings/" + e["uuid"]), "publishSightings")
    ok("1 sightings pulled" in a.pull(), "one comes back by pull")
    same(a.sightings(e["uuid"])[back["uuid"]]["Organisation"]["uuid"], b.org_uuid, "with its organisation")
    return e


def proposals(a, b):
    e = new_event(a)
    attrs = sorted(e["Attribute"], key=lambda x: x["value"])
    b.pull()
    here = {x["uuid"]: x for x in b.event(e["uuid"])["Attribute"]}
    new = must(b.admin.post("/shadow_attributes/add/" + e["uuid"], {
        "type": "ip-dst", "category": "Network activity", "value": "192.0.2.9", "comment": "new"}),
        "add")["ShadowAttribute"]
    change = must(b.admin.post("/shadow_attributes/edit/" + here[attrs[1]["uuid"]]["id"],
                               {"comment": "typo"}), "edit")["ShadowAttribute"]
    ok("2 proposals pulled" in a.pull(), "two proposals arrive")
    got = a.proposals()
    same(set(got) & {new["uuid"], change["uuid"]}, {new["uuid"], change["uuid"]}, "they are those")
    same(got[new["uuid"]]["Org"]["uuid"], b.org_uuid, "from who made them")
    same(got[change["uuid"]]["old_id"], attrs[1]["id"], "the change is about the attribute here")
    ok("0 proposals pulled" in a.pull(), "a second pull brings nothing")
    must(a.admin.post("/shadow_attributes/accept/" + got[new["uuid"]]["id"]), "accept")
    time.sleep(1.1)
    must(a.admin.post("/shadow_attributes/discard/" + got[change["uuid"]]["id"]), "discard")
    ok("2 proposals pulled" in b.pull(), "the owner's answers go back")
    got = b.proposals()
    same((got[new["uuid"]]["deleted"], got[change["uuid"]]["deleted"]), (True, True), "both are closed")
    return e


def reports(a, b):
    e = new_event(a, EventReport=[{"uuid": str(uuid.uuid4()), "name": "Tide", "content": "# high",
                                   "distribution": "5"}])
    r = e["EventReport"][0]
    b.pull()
    same([x["uuid"] for x in b.event(e["uuid"])["EventReport"]], [r["uuid"]], "a report arrives")

    def again(action, what):
        time.sleep(1.1)
        must(a.admin.post("/event_reports/%s/%s" % (action, r["uuid"])), action)
        must(a.admin.post("/events/publish/" + e["id"]), "publish")
        b.pull()
        got = must(b.admin.get("/EventReports/view/" + r["uuid"]), "view")["EventReport"]
        same(got["deleted"], action == "delete", what)
    again("delete", "its deletion travels")
    again("restore", "and so does its restoring")
    return e


def pushed(a, b):
    """The same by push; nothing goes back to where it came from."""
    e = new_event(a)
    attrs = sorted(e["Attribute"], key=lambda x: x["value"])
    a.push()
    here = {x["uuid"]: x for x in b.event(e["uuid"])["Attribute"]}
    ok(attrs[0]["uuid"] not in here and attrs[1]["uuid"] in here, "the event arrives without its own")
    # sightings
    one = must(a.admin.post("/sightings/add/" + attrs[1]["id"], {"source": "honey"}), "add")["Sighting"]
    must(a.admin.post("/sightings/add/" + attrs[0]["id"], {"source": "own"}), "add")
    a.push()
    same(list(b.sightings(e["uuid"])), [], "a sighting that is not published is not sent")
    must(a.admin.post("/events/publishSightings/" + e["id"]), "publishSightings")
    a.push()
    got = b.sightings(e["uuid"])
    same(list(got), [one["uuid"]], "once it is, it arrives; that of a hidden attribute does not")
    same(got[one["uuid"]]["Organisation"]["uuid"], a.org_uuid, "with its organisation")
    before = b.asked("/sightings/")
    a.push()
    same(b.asked("/sightings/"), before, "a second push asks nothing about sightings")
    before = a.asked("/sightings/bulk")
    b.push()
    same(a.asked("/sightings/bulk"), before, "nothing goes back")
    back = must(b.admin.post("/sightings/add/" + here[attrs[1]["uuid"]]["id"], {"source": "back"}),
                "add")["Sighting"]
    must(b.admin.post("/events/publishSightings/" + e["uuid"]), "publishSightings")
    b.push()
    same(set(a.sightings(e["uuid"])) >= {back["uuid"], one["uuid"]}, True, "what is new there comes back")
    # proposals
    new = must(b.admin.post("/shadow_attributes/add/" + e["uuid"], {
        "type": "ip-dst", "category": "Network activity", "value": "192.0.2.77"}), "add")["ShadowAttribute"]
    change = must(b.admin.post("/shadow_attributes/edit/" + here[attrs[1]["uuid"]]["id"],
                               {"comment": "late"}), "edit")["ShadowAttribute"]
    b.push()
    got = a.proposals()
    ok(new["uuid"] in got and change["uuid"] in got, "proposals are pushed to where the event is from")
    same(got[new["uuid"]]["Org"]["uuid"], b.org_uuid, "and say who made them")
    same(got[change["uuid"]]["old_id"], attrs[1]["id"], "the change is about the attribute there")
    at = b.proposals()[new["uuid"]]["timestamp"]
    n = b.asked("/events/pushProposals")
    a.push()
    same(b.asked("/events/pushProposals"), n, "they do not go back")
    must(a.admin.post("/shadow_attributes/discard/" + got[new["uuid"]]["id"]), "discard")
    a.push()
    got = b.proposals()
    same(got[new["uuid"]]["deleted"], True, "but that one was discarded does")
    ok(int(got[new["uuid"]]["timestamp"]) > int(at), "newer than it was made", got[new["uuid"]])


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    with tempfile.TemporaryDirectory() as folder:
        a = Site(folder, "Alpha", "6e4f7b20-88bb-4b6f-8d2f-00000000000a")
        b = Site(folder, "Beta", "6e4f7b20-88bb-4b6f-8d2f-00000000000b")
        sites = [a, b]
        try:
            a.link_to(b)
            b.link_to(a)
            for s in sites:  # whoever comes with this key is that peer
                must(s.admin.post("/admin/users/edit/" + s.sync_user, {"server_id": s.link}), "bind")
            sighted(a, b)
            reports(a, b)
            proposals(a, b)
            for s in sites:
                s.node.stop()
                s.node.extra = list(s.node.extra) + ["--set", "sightings.policy=2"]
                s.node.start()
                s.admin = s.node.client()
            policy(a, b)
            pushed(a, b)
        finally:
            for s in sites:
                s.node.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
