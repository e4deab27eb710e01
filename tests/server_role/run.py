#!/usr/bin/env python3
"""What a pushing and pulling MISP meets: merging, sharing groups, tags, block rules, bound readers, ETags."""
import copy
import os
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

REEF = {"name": "Remote Reef", "uuid": "3b1c7a52-0a2f-4a57-9a0e-6a3c3d4f0001"}
NEWER = "Event could not be saved: Event in the request not newer than the local copy."
COUNT = [0, 0]


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))
    if not good and detail != "":
        print("# " + str(detail)[:600].replace("\n", " "))


def same(got, want, what):
    ok(got == want, what, "got %r, want %r" % (got, want))


def new():
    return str(uuid.uuid4())


def attribute(value, t=1000, **more):
    return dict({"uuid": new(), "type": "domain", "category": "Network activity", "value": value,
                 "to_ids": True, "timestamp": str(t), "distribution": "5", "comment": ""}, **more)


def event(t=1000, **more):
    return dict({"uuid": new(), "info": "pushed", "date": "2025-06-15", "timestamp": str(t),
                 "published": True, "analysis": "1", "threat_level_id": "2", "distribution": "3",
                 "locked": True, "Orgc": REEF,
                 "Attribute": [attribute("a.%s.example" % new()[:8])]}, **more)


class World:
    def __init__(self):
        self.node = nodelib.Node(extra=["--set", "block_tags=reef:blocked"])
        self.node.start()
        self.admin = self.node.client()
        org = self.made(self.admin.post("/admin/organisations/add", {"name": "Far", "local": True}))
        self.far = org["Organisation"]
        self.sync = self.user("sync@far.example", 5)

    @staticmethod
    def made(answer):
        if answer.status != 200:
            print("Bail out! %d %s" % (answer.status, answer.text()[:300]))
            sys.exit(1)
        return answer.json()

    def user(self, email, role, **more):
        doc = self.made(self.admin.post("/admin/users/add", dict({
            "email": email, "org_id": self.far["id"], "role_id": str(role),
            "password": "Lantern-%s-keel-Harbour" % role}, **more)))
        return nodelib.Client(self.node.port, doc["User"]["authkey"])

    def push(self, e):
        return self.sync.post("/events/add/metadata:1", {"Event": e})

    def edit(self, e, t, **more):
        """Push the event again as it is then; returns the answer."""
        doc = dict(copy.deepcopy(e), timestamp=str(t), **more)
        return self.sync.post("/events/edit/%s/metadata:1" % e["uuid"], {"Event": doc})

    def look(self, e, path=""):
        return self.made(self.admin.get("/events/view/%s/deleted[]:0/deleted[]:1%s" % (
            e["uuid"], path)))["Event"]

    def attr(self, e, a):
        rows = self.look(e)["Attribute"]
        return next((x for x in rows if x["uuid"] == a["uuid"]), None)


def attributes(w):
    """The table of attribute merging (appendix C)."""
    e = event()
    a = e["Attribute"][0]
    same(w.push(e).status, 200, "an event comes")
    e2 = event()
    w.push(e2)
    same(w.edit(e, 1000).json().get("errors"), NEWER, "the same timestamp is not newer")
    same(w.edit(e, 900).status, 403, "nor an older one")
    old = dict(a, value="older.example", timestamp="900")
    same(w.edit(e, 1100, Attribute=[old]).status, 200, "a newer event with an older attribute")
    same(w.attr(e, a)["value"], a["value"], "leaves the attribute")
    part = {"uuid": a["uuid"], "timestamp": "1200", "comment": "only this"}
    w.edit(e, 1200, Attribute=[part])
    got = w.attr(e, a)
    same((got["comment"], got["value"], got["to_ids"], got["timestamp"]),
         ("only this", a["value"], True, "1200"), "members that are not given stay")
    foreign = dict(e2["Attribute"][0], value="stolen.example", timestamp="5000")
    w.edit(e, 1300, Attribute=[foreign])
    same((w.attr(e, foreign), w.attr(e2, foreign)["value"]), (None, e2["Attribute"][0]["value"]),
         "a UUID of another event is left alone")
    bad = attribute("not an address", type="ip-dst", t=1400)
    late = attribute("late.example", t=123)
    w.edit(e, 1400, Attribute=[bad, late])
    same((w.attr(e, bad), w.attr(e, late)["timestamp"]), (None, "123"),
         "an invalid one is dropped, a new one keeps its timestamp")
    twin = attribute("late.example", t=1500)
    w.edit(e, 1500, Attribute=[twin])
    same(w.attr(e, twin), None, "an equal value under another UUID is dropped")
    nameless = attribute("nameless.example", t=1600)
    del nameless["uuid"]
    w.edit(e, 1600, Attribute=[nameless])
    ok(any(x["value"] == "nameless.example" for x in w.look(e)["Attribute"]), "without a UUID: new")
    hidden = attribute("grouped.example", t=1700, distribution="4",
                       SharingGroup=group([REEF], [("https://elsewhere.example", False)]))
    w.edit(e, 1700, Attribute=[hidden])
    same(w.attr(e, hidden), None, "whose group cannot be resolved is dropped by an edit")
    same(w.edit(e, 1800, Attribute=[]).status, 200, "nothing given")
    same(len(w.look(e)["Attribute"]), 3, "takes nothing away")
    same(w.look(e)["timestamp"], "1800", "the event has the document's timestamp")


def an_object(t, *values, **more):
    return dict({"uuid": new(), "name": "domain-ip", "meta-category": "network", "description": "d",
                 "template_uuid": "43b3b146-77eb-4931-b4cc-b66c60f28734", "template_version": "9",
                 "timestamp": str(t), "distribution": "5",
                 "Attribute": [attribute(v, t, object_relation="domain") for v in values]}, **more)


def objects(w):
    """Objects, references and reports: each by its own timestamp."""
    e = event(Object=[an_object(1000, "in.example")])
    o = e["Object"][0]
    inner = o["Attribute"][0]
    w.push(e)

    def stored():
        return next(x for x in w.look(e)["Object"] if x["uuid"] == o["uuid"])

    w.edit(e, 1100, Object=[dict(o, Attribute=[dict(inner, value="x.example", timestamp="1100")])])
    same(stored()["Attribute"][0]["value"], "in.example", "not newer: its attributes are not looked at")
    w.edit(e, 1200, Object=[dict(o, timestamp="1200",
                                 Attribute=[dict(inner, value="y.example", timestamp="1200")])])
    same(stored()["Attribute"][0]["value"], "y.example", "newer: they are")
    other = an_object(1300, "second.example")
    r = w.edit(e, 1300, Object=[other])
    same((r.status, w.look(e)["timestamp"], w.look(e)["published"]), (200, "1300", True),
         "a new object leaves the event's timestamp and its publication alone")
    same(w.edit(e, 1301).status, 200, "so that the next edit is newer")
    gone = dict(o, timestamp="1400", deleted=True, Attribute=[])
    w.edit(e, 1400, Object=[gone])
    same((stored()["deleted"], stored()["Attribute"][0]["deleted"]), (True, True),
         "an object that is deleted takes its attributes with it")
    report = {"uuid": new(), "name": "r", "content": "one", "timestamp": "1500", "distribution": "5"}
    w.edit(e, 1500, EventReport=[report])
    w.edit(e, 1501, EventReport=[dict(report, content="older", timestamp="1400")])
    same(w.look(e)["EventReport"][0]["content"], "one", "an older report is left")
    w.edit(e, 1502, EventReport=[dict(report, content="two", timestamp="1600")])
    same(w.look(e)["EventReport"][0]["content"], "two", "a newer one taken")


def group(orgs, servers=(), **more):
    return dict({"uuid": new(), "name": "g " + new()[:6], "releasability": "r", "description": "",
                 "active": True, "roaming": False, "organisation_uuid": REEF["uuid"],
                 "Organisation": REEF, "created": "2025-01-01 00:00:00",
                 "modified": "2025-01-01 00:00:00",
                 "SharingGroupOrg": [{"extend": False, "Organisation": o} for o in orgs],
                 "SharingGroupServer": [{"all_orgs": a, "server_id": "0", "Server": {
                     "id": "0", "url": u, "name": u}} for u, a in servers]}, **more)


def sharing_groups(w):
    far = {"name": w.far["name"], "uuid": w.far["uuid"]}
    url = w.node.url

    def level(g, **more):
        e = event(distribution="4", SharingGroup=g, **more)
        w.push(e)
        return w.look(e)

    same(level(group([REEF, far]))["distribution"], "4", "no server named: taken")
    same(level(group([REEF, far], [(url, False)]))["distribution"], "4", "this server named: taken")
    got = level(group([REEF, far], [("https://elsewhere.example", True)]))
    same((got["distribution"], got["sharing_group_id"]), ("0", "0"), "another one: own organisation only")
    same(level(group([REEF], [(url, False)]))["distribution"], "0", "the pusher is not in it")
    same(level(group([REEF], [(url, True)]))["distribution"], "4", "but all of this server are")
    g = group([REEF, far], [(url, True)])
    stored = level(g)["SharingGroup"]
    same([s["all_orgs"] for s in stored["SharingGroupServer"]], [False],
         "open to all is never taken over from elsewhere")
    third = {"name": "Third", "uuid": new()}
    more = dict(g, modified="2026-01-01 00:00:00", name="renamed",
                SharingGroupOrg=[{"extend": True, "Organisation": o} for o in (REEF, third)])
    stored = level(more)["SharingGroup"]
    same((stored["name"], len(stored["SharingGroupOrg"])), ("renamed", 3),
         "a newer one renames and adds, and takes nobody out")
    stored = level(dict(more, name="older", modified="2025-06-01 00:00:00"))["SharingGroup"]
    same(stored["name"], "renamed", "an older one changes nothing")


def organisations(w):
    e = event(Orgc={"name": "Only a name"})
    w.push(e)
    same(w.look(e)["Orgc"]["name"], "Only a name", "a creator by name alone is made")
    e = event(Orgc={"name": "Only a name", "uuid": new()})
    w.push(e)
    name = w.look(e)["Orgc"]["name"]
    ok(name.startswith("Only a name_"), "the same name under another UUID gets a number", name)
    e = event()
    del e["Orgc"]
    w.push(e)
    same(w.look(e)["Orgc"]["name"], "Far", "without one it is the pusher's")


def tags(w):
    w.made(w.admin.post("/tags/add", {"name": "reef:Known", "colour": "#010203", "exportable": True}))
    w.made(w.admin.post("/tags/add", {"name": "reef:ours", "colour": "#010203", "exportable": True,
                                      "org_id": "1"}))
    e = event(Tag=[{"name": "REEF:known", "colour": "#ffffff"}, {"name": "reef:ours"},
                   {"name": "reef:fresh", "colour": "#0a0b0c"}])
    w.push(e)
    got = {t["name"]: t["colour"] for t in w.look(e).get("Tag", [])}
    same(got, {"reef:Known": "#010203", "reef:fresh": "#0a0b0c"},
         "known in any case and not changed, not those of others, unknown ones made")
    w.edit(e, 1100, Tag=[{"name": "reef:added"}])
    w.edit(e, 1200, Tag=[{"name": "reef:fresh", "deleted": True}])
    same(sorted(t["name"] for t in w.look(e)["Tag"]), ["reef:Known", "reef:added"],
         "edits add; only `deleted` takes away")
    a = w.push(event(Tag=[{"name": "Reef:Blocked"}]))
    same((a.status, a.json()["message"]), (403, "Blocked by event block rules."), "a tag that is refused")
    same(w.edit(e, 1300, Tag=[{"name": "reef:blocked"}]).status, 200, "edits are not asked for it")


def index_rows(client, body):
    ans = client.post("/events/index", body)
    return {r["uuid"] for r in ans.json()} if ans.status == 200 else ans.text()


def bound(w):
    """A sync user bound to a link reads what its push rules let through (1.3)."""
    no = w.made(w.admin.post("/tags/add", {"name": "reef:no", "colour": "#000000",
                                           "exportable": True}))["Tag"]["id"]
    plain, tagged = event(), event(Tag=[{"name": "reef:no"}])
    plain["Attribute"].append(attribute("kept.back.example", Tag=[{"name": "reef:no"}]))
    for e in (plain, tagged):
        w.push(e)
    link = w.made(w.admin.post("/servers/add", {
        "name": "Far's", "url": "https://far.example", "authkey": "a" * 40,
        "remote_org_id": w.far["id"],
        "push_rules": '{"tags":{"OR":[],"NOT":[%s]},"orgs":{"OR":[],"NOT":[]}}' % no}))["Server"]["id"]
    reader = w.user("bound@far.example", 5, server_id=link)
    rows = index_rows(reader, {"minimal": 1})
    ok(plain["uuid"] in rows and tagged["uuid"] not in rows, "index: not what the rules leave out", rows)
    ok(tagged["uuid"] in index_rows(w.sync, {"minimal": 1}), "others are not bound")
    same(reader.get("/events/view/" + tagged["uuid"]).status, 404, "view: as absent")
    same(reader.call("HEAD", "/events/view/" + tagged["uuid"]).status, 404, "HEAD likewise")
    same([a["value"] for a in reader.get("/events/view/" + plain["uuid"]).json()["Event"]["Attribute"]],
         [plain["Attribute"][0]["value"]], "attributes with the tag are left out")
    found = reader.post("/attributes/restSearch", {"returnFormat": "json", "value": "kept.back.example"})
    same(found.json()["response"]["Attribute"], [], "and not found")
    found = reader.post("/events/restSearch", {"returnFormat": "json", "uuid": tagged["uuid"]})
    same(found.json()["response"], [], "nor is the event")
    w.made(w.admin.post("/servers/edit/" + link, {
        "push_rules": '{"tags":{"OR":[%s],"NOT":[]},"orgs":{"OR":[],"NOT":[]}}' % no}))
    rows = index_rows(reader, {"minimal": 1})
    ok(plain["uuid"] not in rows and tagged["uuid"] in rows, "a changed rule holds at once", rows)


def views(w):
    """Named parameters of events/view (3.4)."""
    e = event(Tag=[{"name": "reef:plain"}])
    e["Attribute"] = [attribute("all.example", distribution="3"), attribute("inherit.example"),
                      attribute("near.example", distribution="1"),
                      attribute("note.example", to_ids=False), attribute("gone.example", deleted=True)]
    e["EventReport"] = [{"uuid": new(), "name": "r", "content": "c", "distribution": "1",
                         "timestamp": "1000"}]
    w.push(e)

    def values(*named, client=None):
        ans = (client or w.sync).get("/events/view/%s%s" % (e["uuid"], "".join("/" + n for n in named)))
        return sorted(a["value"].split(".")[0] for a in ans.json()["Event"]["Attribute"])

    live = ["all", "inherit", "near", "note"]
    same(values(), live, "live ones")
    same(values("deleted[]:0", "deleted[]:1"), sorted(live + ["gone"]), "both")
    same(values("deleted%5B%5D:0", "deleted%5B%5D:1"), sorted(live + ["gone"]), "brackets encoded")
    same(values("deleted:1"), sorted(live + ["gone"]), "deleted:1: both")
    same(values("deleted[]:1"), ["gone"], "only the deleted")
    same(values("public:1"), ["all", "inherit", "note"], "public: levels 3 and 5")
    same(values("toIDS:1"), ["all", "inherit", "near"], "toIDS")
    doc = w.sync.get("/events/view/%s/public:1/noEventReports:0" % e["uuid"]).json()["Event"]
    same(doc["EventReport"], [], "public: reports too")
    doc = w.sync.get("/events/view/%s/noEventReports:1/includeEventCorrelations:0" % e["uuid"]).json()
    same(("EventReport" in doc["Event"], "RelatedEvent" in doc["Event"]), (False, False),
         "no reports, no correlations")
    low = event(distribution="1")
    w.push(low)
    same(w.sync.get("/events/view/%s/public:1" % low["uuid"]).status, 404, "public: not of level 1")
    same([w.sync.get("/events/checkuuid/" + u).json() for u in (low["uuid"], new())],
         [True, False], "checkuuid: is it here?")


def etags(w):
    head = {"If-None-Match": '""'}
    ask = {"minimal": 1, "published": 1}
    a = w.sync.call("POST", "/events/index", ask, headers=head)
    tag = a.headers.get("etag", "")
    ok(len(tag) == 42, "an ETag for who asks", a.headers)
    ok("etag" not in w.sync.post("/events/index", ask).headers, "and for nobody else")
    for i in range(2):
        b = w.sync.call("POST", "/events/index", ask, headers={"If-None-Match": tag})
        same((b.status, b.body, b.headers.get("x-result-count")), (304, b"", None), "unchanged")
    b = w.sync.call("POST", "/events/index", ask, headers={"If-None-Match": tag[:-1] + '-gzip"'})
    same(b.status, 304, "also behind a server that compresses")
    b = w.admin.call("POST", "/events/index", ask, headers={"If-None-Match": tag})
    same(b.status, 304 if b.headers["etag"] == tag else 200, "another reader has his own answer")
    w.made(w.admin.post("/tags/add", {"name": "reef:else", "colour": "#000000", "exportable": True}))
    b = w.sync.call("POST", "/events/index", ask, headers={"If-None-Match": tag})
    same(b.status, 304, "a change elsewhere leaves it")
    w.push(event())
    b = w.sync.call("POST", "/events/index", ask, headers={"If-None-Match": tag})
    same((b.status, b.headers["etag"] != tag, int(b.headers["x-result-count"]) == len(b.json())),
         (200, True, True), "a new event is seen")


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    w = World()
    try:
        for area in (attributes, objects, sharing_groups, organisations, tags, bound, views, etags):
            print("# " + area.__name__)
            area(w)
        ok(w.node.alive(), "the node lives")
    finally:
        w.node.clean()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
