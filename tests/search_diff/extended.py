#!/usr/bin/env python3
"""events/view with extended and searchFor: what stands in it is what the caller sees in each event by itself."""
import os
import sys
import urllib.parse
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import node as nodelib  # noqa: E402
import world as worlds  # noqa: E402

failed = 0
SECTIONS = ["Attribute", "ShadowAttribute", "Object", "EventReport"]


def ok(good, what):
    global failed
    failed += not good
    print(("ok - " if good else "not ok - ") + what)


def event(i, level, extends=None, n=3):
    return {"Event": {
        "uuid": str(uuid.UUID(int=(0x11 << 120) + i, version=4)), "info": "extended %d" % i,
        "distribution": level, **({"extends_uuid": extends} if extends else {}),
        "Attribute": [{"type": "domain", "category": "Network activity", "value": "a%d-%d.example" % (i, k),
                       "comment": "Reef" if k % 3 == 0 else "", "distribution": str(k % 2 * 5),
                       "Tag": [{"name": "skerry:net"}] if k % 4 == 1 else []} for k in range(n)],
        "Object": [{"name": "file", "meta-category": "file", "template_uuid": worlds.OBJECTS[0][1],
                    "template_version": "24", "distribution": "5",
                    "Attribute": [{"type": "filename", "category": "Payload delivery", "object_relation": "filename",
                                   "value": "o%d-%d.exe" % (i, k)}]} for k in range(2)],
        "EventReport": [{"name": "report %d" % i, "content": "x", "distribution": "5"}]}}


def proposals(c, e):
    worlds.must(c.post("/shadow_attributes/add/" + e, {
        "ShadowAttribute": {"type": "domain", "category": "Network activity",
                            "value": "p" + e[-4:] + ".example"}}), "proposal")


def ids(doc, section):
    return [x["id"] for x in doc.get(section, [])]


def check(w, who, main, others):
    c = w.clients[who]
    alone = {}
    for u in [main] + others:
        ans = c.get("/events/view/" + u)
        if ans.status == 200:
            alone[u] = ans.json()["Event"]
    got = worlds.must(c.get("/events/view/%s/extended:1" % main), "extended")["Event"]
    seen = [u for u in others if u in alone]
    ok(sorted(got.get("extensionEvents", {})) == sorted(alone[u]["id"] for u in seen),
       "%s: names of what extends it: %s" % (who, sorted(got.get("extensionEvents", {}))))
    for s in SECTIONS:
        want = ids(alone[main], s) + [i for u in seen for i in ids(alone[u], s)]
        ok(ids(got, s) == want, "%s: %d of %s" % (who, len(want), s))
    inside = [[a["value"] for a in o["Attribute"]] for o in got["Object"]]
    want = [[a["value"] for a in o["Attribute"]] for u in [main] + seen for o in alone[u]["Object"]]
    ok(inside == want, "%s: attributes of objects" % who)
    ok(got["attribute_count"] == alone[main]["attribute_count"], "%s: its own count" % who)
    found = worlds.must(c.post("/events/restSearch", {"eventid": main, "extended": 1}), "search")
    ok(all(ids(found["response"][0]["Event"], s) == ids(got, s) for s in SECTIONS[:1] + SECTIONS[2:]),
       "%s: the same by restSearch" % who)
    for text in ("REEF", "a1-7.", "skerry:net", ".exe", "no such"):
        got = worlds.must(c.get("/events/view/%s/searchFor:%s" % (main, urllib.parse.quote(text))), "text")["Event"]
        want = [a["id"] for a in alone[main]["Attribute"]
                if text.lower() in " ".join([a["value"], a["comment"], a["type"], a["category"]] +
                                            [t["name"] for t in a.get("Tag", [])]).lower()]
        ok(ids(got, "Attribute") == want, "%s: %d attributes hold %s" % (who, len(want), text))
        ok(len(got["Object"]) == (2 if text == ".exe" else 0), "%s: objects that hold %s" % (who, text))


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    node = nodelib.Node()
    node.start()
    try:
        w = worlds.World(node, 5, n_events=3)
        first = event(1, "1", n=2000)
        head = first["Event"]["uuid"]
        worlds.must(w.admin.post("/events/add", first), "event")
        others = []
        for i, (who, level, of) in enumerate([("admin", "1", head), ("member", "0", head), ("member", "1", head),
                                              ("outsider", "0", head), ("admin", "1", None)], 2):
            doc = event(i, level, of, n=700 if i == 4 else 5)
            worlds.must(w.clients[who].post("/events/add", doc), "event")
            if of:
                others.append(doc["Event"]["uuid"])
        proposals(w.clients["outsider"], head)
        proposals(w.clients["outsider"], others[0])
        for who in w.clients:
            check(w, who, head, others)
        ok("extensionEvents" not in worlds.must(w.admin.get("/events/view/" + head), "view")["Event"],
           "nothing of it when it is not asked for")
        return bool(failed)
    finally:
        node.stop()


if __name__ == "__main__":
    sys.exit(main())
