#!/usr/bin/env python3
"""Notes, opinions and relationships between two nodes, by pull and by push, in both directions.

What is looked at: that they arrive once, as they were and with their creator; that levels are lowered;
that a change travels and an idle pass asks for nothing; that what was made here is not overwritten; and
that a note is not seen further than what it is about.
"""
import os
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import node as nodelib  # noqa: E402
import parts  # noqa: E402
from parts import must, new_event, ok, same  # noqa: E402


class Site(parts.Site):
    def link_to(self, other):
        super().link_to(other)
        row = must(self.admin.get("/servers/index"), "servers/index")[-1]["Server"]
        must(self.admin.post("/servers/edit/" + self.link, {
            "push_analyst_data": True, "pull_analyst_data": True, "url": row["url"],
            "name": row["name"]}), "servers/edit")

    def add(self, kind, about, what, **members):
        return must(self.admin.post("/analyst_data/add/%s/%s/%s" % (kind, about, what), members),
                    "add " + kind)[kind]

    def edit(self, kind, u, **members):
        return must(self.admin.post("/analyst_data/edit/%s/%s" % (kind, u), members), "edit")[kind]

    def get(self, kind, u):
        r = self.admin.get("/analyst_data/view/%s/%s" % (kind, u))
        return r.json()[kind] if r.status == 200 else None

    def pulled(self):
        return int(self.pull().split(" analyst data pulled")[0].split()[-1])

    def requests(self):
        return sum(self.asked("/analyst_data/" + p) for p in ("indexMinimal", "index/",
                                                             "filter", "push"))


def by_pull(a, b):
    e = new_event(a)
    attrs = sorted(e["Attribute"], key=lambda x: x["value"])
    b.pull()
    note = a.add("Note", e["uuid"], "Event", note="line\n\u00e4 \"q\"", distribution="2")
    answer = a.add("Opinion", note["uuid"], "Note", opinion="85", comment="yes", distribution="3")
    about = a.add("Note", attrs[1]["uuid"], "Attribute", note="on an attribute", distribution="3")
    hidden = a.add("Note", attrs[0]["uuid"], "Attribute", note="on a hidden one", distribution="3")
    own = a.add("Note", e["uuid"], "Event", note="own", distribution="0")
    rel = a.add("Relationship", e["uuid"], "Event", relationship_type="follows", distribution="3",
                related_object_uuid=attrs[1]["uuid"], related_object_type="Attribute")
    same(b.pulled(), 4, "what may be seen arrives")
    got = b.get("Note", note["uuid"])
    same((got["note"], got["distribution"], got["locked"], got["authors"], got["modified"]),
         (note["note"], "1", True, note["authors"], note["modified"]), "the note as it was, a level lower")
    same(got["Orgc"]["uuid"], a.org_uuid, "with its creator")
    same([x["uuid"] for x in got["Opinion"]], [answer["uuid"]], "and the answer to it")
    same(b.get("Opinion", answer["uuid"])["opinion"], "85", "which says the same")
    same(b.get("Relationship", rel["uuid"])["related_object_uuid"], attrs[1]["uuid"], "a relationship")
    same((b.get("Note", hidden["uuid"]), b.get("Note", own["uuid"])), (None, None),
         "neither what is the other's own, nor what is about it")
    here = b.event(e["uuid"])
    same(sorted(x["uuid"] for x in here["Note"]), [note["uuid"]], "the event shows its note")
    same([x["uuid"] for x in here["Note"][0]["Opinion"]], [answer["uuid"]], "with the answer")
    on = {x["uuid"]: x for x in here["Attribute"]}[attrs[1]["uuid"]]
    same([x["uuid"] for x in on["Note"]], [about["uuid"]], "and the attribute its own")
    fetched = a.asked("/analyst_data/index/")
    same(b.pulled(), 0, "a second pull brings nothing")
    same(a.asked("/analyst_data/index/"), fetched, "and fetches nothing")
    time.sleep(1.1)
    a.edit("Note", note["uuid"], note="changed")
    same(b.pulled(), 1, "a change arrives")
    same(b.get("Note", note["uuid"])["note"], "changed", "as it is now")
    # what was made here is not overwritten: b cannot edit a's, so it pushes nothing back
    r = b.admin.post("/analyst_data/delete/Note/" + note["uuid"])
    same(r.status, 200, "an administrator deletes it here")
    same(b.pulled(), 0, "and it does not come back")
    same([x["analyst_data_uuid"] for x in must(b.admin.get("/analystDataBlocklists/index"), "list")],
         [note["uuid"]], "because it is on the block list")
    return e


def by_push(a, b):
    e = new_event(a)
    b.pull()
    a.push("full")
    # until now everything of a's that b may have is there
    note = a.add("Note", e["uuid"], "Event", note="pushed", distribution="2")
    more = [a.add("Note", e["uuid"], "Event", note="n%d" % i, distribution="3") for i in range(130)]
    own = a.add("Note", e["uuid"], "Event", note="community", distribution="1")
    a.push("incremental")
    got = b.get("Note", note["uuid"])
    ok(got is not None, "a note arrives by push")
    same((got["note"], got["distribution"], got["locked"]), ("pushed", "1", True),
         "a level lower, locked")
    same(got["Orgc"]["uuid"], a.org_uuid, "with its creator")
    same(sum(b.get("Note", n["uuid"]) is not None for n in more), len(more), "so do many")
    same(b.get("Note", own["uuid"]), None, "what is for the community stays")
    before = b.requests()
    a.push("incremental")
    same(b.requests(), before, "an idle push asks nothing about analyst data")
    time.sleep(1.1)
    a.edit("Note", note["uuid"], note="pushed again")
    pushed = b.asked("/analyst_data/pushAnalystData")
    a.push("incremental")
    same(b.get("Note", note["uuid"])["note"], "pushed again", "a change is pushed")
    same(b.asked("/analyst_data/pushAnalystData"), pushed + 1, "by one request")
    # the other way, about the same event
    reply = b.add("Note", note["uuid"], "Note", note="reply", distribution="3")
    b.push("full")
    same(a.get("Note", reply["uuid"])["Orgc"]["uuid"], b.org_uuid, "an answer comes back")
    same([x["uuid"] for x in a.get("Note", note["uuid"])["Note"]], [reply["uuid"]],
         "and hangs at its note")
    return e


def published_later(a, b):
    """A note about a draft waits for the event, though nothing of the note changes then."""
    e = {"uuid": str(uuid.uuid4()), "info": "draft", "distribution": "3", "Attribute": [
        {"type": "domain", "category": "Network activity", "value": "draft.example", "to_ids": True}]}
    e = must(a.admin.post("/events/add", {"Event": e}), "events/add")["Event"]
    note = a.add("Note", e["uuid"], "Event", note="early", distribution="3")
    a.push("incremental")
    same(b.get("Note", note["uuid"]), None, "a note about a draft is not pushed")
    must(a.admin.post("/events/publish/" + e["id"]), "publish")
    a.push("incremental")
    ok(b.get("Note", note["uuid"]), "but when the event is published")


def looked_at_first(a, b):
    """A preview says what would travel and changes nothing; what the operator holds stays."""
    e = new_event(a)
    a.push("incremental")
    note = a.add("Note", e["uuid"], "Event", note="held", distribution="3")

    def lines(site, direction):
        text = site.admin.get("/tocsin/peers/preview/%s/%s" % (site.link, direction)).text()
        return [x for x in text.split("\n") if note["uuid"] in x]
    ok(any("added" in x for x in lines(a, "push")), "a preview of a push names it", lines(a, "push"))
    ok(any("added" in x for x in lines(b, "pull")), "so does one of a pull", lines(b, "pull"))
    same(b.get("Note", note["uuid"]), None, "neither moves it")
    must(a.admin.post("/tocsin/peers/hold/" + a.link, {"events": [e["uuid"]], "reason": "wait"}), "hold")
    a.push("full")
    same(b.get("Note", note["uuid"]), None, "a note about an event that is held stays")
    must(a.admin.post("/tocsin/peers/release/" + a.link, {"events": [e["uuid"]]}), "release")
    a.push("full")
    ok(b.get("Note", note["uuid"]), "until it is released")


def round_trip(a, b):
    """Out with the event of one node, into the other by hand: nothing is lost."""
    e = new_event(a)
    attr = e["Attribute"][1]
    a.add("Note", e["uuid"], "Event", note="n", distribution="3", language="fr", authors="x@y.example")
    a.add("Opinion", attr["uuid"], "Attribute", opinion="10", comment="c", distribution="3")
    doc = a.event(e["uuid"])
    must(b.admin.post("/events/add", {"Event": doc}), "events/add")

    def kept(n):
        return {k: n[k] for k in ("uuid", "object_uuid", "object_type", "authors", "created",
                                  "modified", "distribution", "note_type")}
    got = b.event(e["uuid"])
    same([kept(n) for n in got["Note"]], [kept(n) for n in doc["Note"]], "notes of an event")
    same(got["Note"][0]["language"], "fr", "with their language")

    def opinions(d):
        return [(n["opinion"], n["comment"], kept(n)) for x in d["Attribute"]
                for n in x.get("Opinion", [])]
    same(opinions(got), opinions(doc), "opinions on its attributes")
    same(len(opinions(got)), 1, "there is one")


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    with tempfile.TemporaryDirectory() as folder:
        a = Site(folder, "Alpha", "6e4f7b20-88bb-4b6f-8d2f-00000000000a")
        b = Site(folder, "Beta", "6e4f7b20-88bb-4b6f-8d2f-00000000000b")
        try:
            a.link_to(b)
            b.link_to(a)
            by_pull(a, b)
            by_push(a, b)
            published_later(a, b)
            looked_at_first(a, b)
            round_trip(a, b)
        finally:
            for s in (a, b):
                alive = s.node.alive()
                s.node.stop()
                ok(alive, "the node lives")
    print("1..%d" % parts.COUNT[0])
    return 1 if parts.COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
