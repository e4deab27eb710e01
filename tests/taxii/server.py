#!/usr/bin/env python3
"""The TAXII 2.1 server: whatever the size of the pages, all objects come, and nothing that is hidden does."""
import json
import os
import re
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

TYPE = "application/taxii+json;version=2.1"
API = "/taxii2/api/"
ALL = API + "collections/5a4e8c4e-7d0f-4a66-9a25-3d1c2f6b8e01/"
SECRET = "nobody-else-knows"
# what several events share, and a page therefore may hold again
SHARED = {"identity", "marking-definition", "extension-definition", "x-misp-galaxy-cluster"}
COUNT = [0, 0]


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what), flush=True)
    if not good and detail:
        print("# " + str(detail)[:1500].replace("\n", "\n# "))
    return good


def taxii(c, path, **params):
    query = urllib.parse.urlencode({k: v for k, v in params.items() if v is not None})
    return c.raw("GET", path + ("?" + query if query else ""),
                 {"Authorization": c.key, "Accept": TYPE})


def settle():
    """What was published is told when its second is over."""
    time.sleep(1.02 - time.time() % 1)


def key_of(o):
    return o["id"], o.get("modified", o.get("created", ""))


def pages(c, path, limit, **params):
    """Every page, checked against the limit."""
    token = None
    while True:
        a = taxii(c, path, limit=limit, next=token, **params)
        if a.status != 200:
            ok(False, "page of %s" % path, a.text())
            return
        page = a.json()
        objects = page.get("objects", [])
        if len(objects) > limit or ("next" in page) != bool(page.get("more")):
            ok(False, "a page of at most %d" % limit, (len(objects), page.get("more")))
        if "objects" in page and not objects:
            ok(False, "an empty list is left out")
        yield objects, a
        if not page.get("more"):
            return
        token = page["next"]


def walk(c, path, limit, **params):
    return [o for objects, _ in pages(c, path, limit, **params) for o in objects]


def attribute(kind, value, **more):
    return dict({"type": kind, "value": value}, **more)


def event(i, distribution="3", **more):
    head = {"info": "event %d" % i, "distribution": distribution, "date": "2026-01-02", "threat_level_id": "2",
            "analysis": "1", "Tag": [{"name": "tlp:green"}, {"name": "kind:%d" % (i % 3)}],
            "Attribute": [attribute("domain", "d%d-%d.example" % (i, k), to_ids=bool(k % 2), category="Network activity")
                          for k in range(i % 4 + 1)] +
                         [attribute("comment", "text of %d" % i, category="Other")],
            "Object": [{"name": "domain-ip", "meta-category": "network", "distribution": "5",
                        "template_uuid": "43b3b146-77eb-4931-b4cc-b66c60f28734", "template_version": "10",
                        "Attribute": [attribute("domain", "o%d.example" % i, object_relation="domain", to_ids=True),
                                      attribute("ip-dst", "198.51.100.%d" % (i + 1), object_relation="ip",
                                                to_ids=True)]}],
            "EventReport": [{"distribution": "5", "name": "report %d" % i, "content": "what happened"}]}
    head.update(more)
    return {"Event": head}


def publish(c, ev):
    made = c.post("/events/add", ev).json()["Event"]
    c.post("/events/publish/" + made["id"])
    return made


def fill(c):
    """Events of all kinds; the last one is for the organisation alone."""
    made = [publish(c, event(i)) for i in range(9)]
    attr = made[0]["Attribute"][0]
    c.post("/sightings/add/" + attr["id"], {"type": "0"})
    c.post("/analyst_data/add/Note/%s/Attribute" % attr["uuid"], {"note": "look at it", "distribution": "3"})
    gone = made[1]["Attribute"][0]
    c.post("/attributes/delete/" + gone["id"])
    c.post("/events/publish/" + made[1]["id"])
    made.append(publish(c, event(9, "0", info=SECRET)))
    c.post("/events/add", event(10, info="a draft"))
    settle()
    return made, gone


def another_user(c):
    org = c.post("/admin/organisations/add", {"name": "reader", "local": True}).json()["Organisation"]
    user = c.post("/admin/users/add", {"email": "reader@reader.test", "org_id": org["id"],
                                       "role_id": "6"}).json()["User"]
    key = c.post("/auth_keys/add/" + user["id"], {"comment": "taxii"}).json()["AuthKey"]["authkey_raw"]
    return org, key


def collections(c):
    return taxii(c, API + "collections/").json()["collections"]


def test_discovery(c):
    a = taxii(c, "/taxii2/")
    ok(a.status == 200 and a.headers["content-type"] == TYPE and a.json()["default"] == API, "discovery", a.text())
    a = taxii(c, API)
    ok(a.status == 200 and a.json()["versions"] == [TYPE], "the API root", a.text())
    all_of = collections(c)
    one = taxii(c, API + "collections/%s/" % all_of[0]["id"])
    ok(one.json() == all_of[0] and all_of[0]["can_read"] and not all_of[0]["can_write"], "a collection", one.text())


def test_refusals(c, base):
    def status(path, headers, method="GET", body=None):
        a = c.raw(method, path, headers, body)
        return a.status, a
    auth = {"Authorization": c.key}
    got, a = status("/taxii2/", {"Accept": TYPE})
    ok(got == 401 and "www-authenticate" in a.headers and a.json()["http_status"] == "401", "nobody is asked to log in", a.text())
    got, a = status("/taxii2/", {"Authorization": "Basic !", "Accept": TYPE})
    ok(got == 401, "nor who sends nonsense", got)
    for scheme in ("Token " + c.key, "Basic " + __import__("base64").b64encode(("x:" + c.key).encode()).decode()):
        got, a = status("/taxii2/", {"Authorization": scheme, "Accept": TYPE})
        ok(got == 200, "a key may come by %s" % scheme.split()[0], a.text())
    for accept, want in (("text/html", 406), ("application/taxii+json;version=2.0", 406), ("*/*", 200),
                         ("application/taxii+json", 200), ("text/html, application/taxii+json; version=2.1", 200)):
        got, a = status("/taxii2/", dict(auth, Accept=accept))
        ok(got == want, "Accept: %s is %d" % (accept, want), got)
    for query in ("limit=0", "limit=x", "added_after=yesterday", "added_after=2026-01-01T00:00:00", "next=abc",
                  "match[version]=newest"):
        got, a = status(base + "objects/?" + query, auth)
        ok(got == 400 and a.json()["http_status"] == "400", "%s is refused" % query, a.text())
    for path in (API + "collections/6ba7b810-9dad-11d1-80b4-00c04fd430c8/objects/", base + "nothing/", API + "nothing/",
                 base + "objects/indicator--6ba7b810-9dad-41d1-80b4-00c04fd430c8/",
                 base + "objects/identity--6ba7b810-9dad-41d1-80b4-00c04fd430c8/", base + "objects/x/", API + "status/x/"):
        got, a = status(path, auth)
        ok(got == 404 and a.headers["content-type"] == TYPE, "%s is not there" % path, (got, a.text()))
    got, a = status(base + "objects/", dict(auth, **{"Content-Type": TYPE}), "POST", b"{}")
    ok(got == 403, "nothing can be written", a.text())


def test_pages(c, base):
    """The same objects, whatever the pages."""
    full = walk(c, base + "objects/", 10000)
    have = {key_of(o) for o in full}
    ok(len(full) > 80 and len(have) == len(full), "all objects in one page", len(full))
    for limit in (1, 2, 3, 7, 50):
        got = walk(c, base + "objects/", limit)
        ok({key_of(o) for o in got} == have, "the same in pages of %d" % limit,
           (len(got), have ^ {key_of(o) for o in got}))
        own = [key_of(o) for o in got if o["type"] not in SHARED]
        ok(len(own) == len(set(own)), "and each once", [k for k in own if own.count(k) > 1])
    text = {o["id"]: json.dumps(o, sort_keys=True) for o in full}
    small = walk(c, base + "objects/", 2)
    ok(all(text[o["id"]] == json.dumps(o, sort_keys=True) for o in small), "objects are whole in small pages",
       [o for o in small if text[o["id"]] != json.dumps(o, sort_keys=True)][:1])
    for limit in (1, 6, 10000):
        rows = walk(c, base + "manifest/", limit)
        ok({(r["id"], r["version"]) for r in rows} ==
           {(o["id"], o.get("modified", o.get("created", "2017-01-01T00:00:00.000Z"))) for o in full},
           "the manifest in pages of %d" % limit, rows[:2])
        dates = [r["date_added"] for r in rows]
        ok(dates == sorted(dates) and all(re.fullmatch(r"[-0-9]{10}T[0-9:]{8}\.\d{6}Z", d) for d in dates),
           "in the order of their dates", dates[:5])
    return full


def test_dates(c, base, made):
    """What is asked by date alone is complete, too."""
    *_, (objects, a) = pages(c, base + "objects/", 10000)
    last = a.headers["x-taxii-date-added-last"]
    ok(a.headers["x-taxii-date-added-first"] <= last, "dates in the head", dict(a.headers))
    a = taxii(c, base + "objects/", added_after=last)
    ok(a.status == 200 and a.json() == {}, "nothing is newer than the last", a.text())
    ok("x-taxii-date-added-last" not in a.headers, "and no date stands in the head", dict(a.headers))
    new = [publish(c, event(20 + i))["uuid"] for i in range(3)]
    settle()
    got = walk(c, base + "objects/", 5, added_after=last)
    ok({o["id"] for o in got if o["type"] == "report"} == {"report--" + u for u in new},
       "what was published meanwhile, in the same second or not", [o["id"] for o in got if o["type"] == "report"])
    # each event by the date of the one before
    reports = [r for r in walk(c, base + "manifest/", 10000) if r["id"].startswith("report--")]
    good = True
    for before, after in zip(reports, reports[1:]):
        rest = walk(c, base + "manifest/", 10000, added_after=before["date_added"])
        names = [r["id"] for r in rest if r["id"].startswith("report--")]
        good &= names == [r["id"] for r in reports[reports.index(after):]]
    ok(good, "added_after cuts between any two events")
    # an event that changes while it is read comes whole, later
    first = reports[0]["id"]
    a = taxii(c, base + "objects/", limit=3).json()
    ev = next(e for e in made if first.endswith(e["uuid"]))
    c.post("/attributes/add/" + ev["id"], {"type": "domain", "value": "late.example", "to_ids": True,
                                           "category": "Network activity"})
    c.post("/events/publish/" + ev["id"])
    settle()
    seen, token = a["objects"], a["next"]
    while token:
        a = taxii(c, base + "objects/", limit=1000, next=token).json()
        seen += a.get("objects", [])
        token = a.get("next")
    newest = {}
    for o in seen:
        newest[o["id"]] = o
    ok({key_of(o) for o in walk(c, base + "objects/", 10000)} <= {key_of(o) for o in newest.values()},
       "an event that changed between two pages comes again whole")
    ok(any("late.example" in o.get("pattern", "") for o in seen), "with what is new in it")


def test_single(c, base, full, gone):
    tried = {}
    for o in full:
        tried.setdefault(o["type"], []).append(o)
    for kind, objects in sorted(tried.items()):
        o = objects[len(objects) // 2]
        a = taxii(c, base + "objects/%s/" % o["id"])
        ok(a.status == 200 and [x["id"] for x in a.json()["objects"]] == [o["id"]] and "more" not in a.json(),
           "objects/ of type %s by id" % kind, a.text())
        v = taxii(c, base + "objects/%s/versions/" % o["id"])
        want = o.get("modified", o.get("created", "2017-01-01T00:00:00.000Z"))
        ok(v.status == 200 and v.json() == {"versions": [want]}, "its versions", v.text())
    o = tried["indicator"][0]
    for version, want in (("last", 200), ("first", 200), ("all", 200), (o["modified"], 200),
                          ("2001-01-01T00:00:00.000Z", 404)):
        a = taxii(c, base + "objects/%s/" % o["id"], **{"match[version]": version})
        ok(a.status == want, "version %s of it is %d" % (version, want), a.text())
    a = taxii(c, base + "objects/", **{"match[id]": gone["uuid"] and "observed-data--" + gone["uuid"]}).json()
    ok([x.get("revoked") for x in a.get("objects", [])] == [True], "what was deleted is revoked", a)


def test_match(c, base, full):
    def ids(limit=10000, **params):
        return {o["id"] for o in walk(c, base + "objects/", limit, **params)}
    for types in ("indicator", "report,identity", "malware"):
        want = {o["id"] for o in full if o["type"] in types.split(",")}
        for limit in (2, 10000):
            got = ids(limit, **{"match[type]": types})
            ok(got >= want and {i.split("--")[0] for i in got} <= set(types.split(",")),
               "match[type]=%s in pages of %d" % (types, limit), (len(got), len(want)))
    some = [o["id"] for o in full if o["type"] in ("indicator", "report", "identity", "domain-name")][::4]
    ok(ids(**{"match[id]": ",".join(some)}) == set(some), "match[id]")
    some = [o["id"] for o in full if o["type"] in ("indicator", "report")][::3]
    ok(ids(2, **{"match[id]": ",".join(some)}) == set(some), "match[id] of elements, in pages")
    ok(ids(**{"match[spec_version]": "2.1,2.0"}) >= {o["id"] for o in full}, "match[spec_version]=2.1")
    ok(ids(**{"match[spec_version]": "2.0"}) == set(), "there is nothing of 2.0")


def test_audience(c, reader, secret, org):
    base = ALL
    texts, names = "", set()
    for limit in (3, 10000):
        for objects, a in pages(reader, base + "objects/", limit):
            texts += a.text()
            names |= {o["id"] for o in objects}
    ok(SECRET not in texts and secret["uuid"] not in texts and "a draft" not in texts, "what is hidden is in no page")
    ok(len(names) > 80, "and the rest is", len(names))
    for path in ("objects/report--%s/", "objects/report--%s/versions/"):
        a = taxii(reader, base + path % secret["uuid"])
        b = taxii(reader, base + path % "6ba7b810-9dad-41d1-80b4-00c04fd430c8")
        ok(a.status == b.status == 404 and a.body == b.body, "a hidden object is absent", a.text())
    a = taxii(reader, base + "objects/", **{"match[id]": "report--" + secret["uuid"]})
    ok(a.status == 200 and a.json() == {}, "also in a list", a.text())
    # a collection of tags, and a group that the reader is in
    tag = c.post("/tags/add", {"name": "kind:1"}).json()
    tag_id = tag.get("Tag", {}).get("id") or next(
        t["id"] for t in c.get("/tags/index").json()["Tag"] if t["name"] == "kind:1")
    coll = c.post("/tag_collections/add", {"name": "ones", "all_orgs": True}).json()["TagCollection"]
    c.post("/tag_collections/addTag/%s/%s" % (coll["id"], tag_id))
    own = c.post("/tag_collections/add", {"name": "of my own", "all_orgs": False}).json()["TagCollection"]
    group = c.post("/sharing_groups/add", {"name": "few", "releasability": "x"}).json()["SharingGroup"]
    c.post("/sharing_groups/addOrg/%s/%s" % (group["id"], org["id"]))
    in_group = publish(c, event(30, "4", sharing_group_id=group["id"]))["uuid"]
    settle()
    titles = {x["title"]: x["id"] for x in collections(reader)}
    ok(set(titles) == {"All events", "Tags: ones", "Sharing group: few"}, "collections that the reader may know", titles)
    ok("Tags: of my own" in {x["title"] for x in collections(c)}, "others are their organisation's")
    a = taxii(reader, API + "collections/%s/objects/" % own["uuid"])
    ok(a.status == 404, "they are not there for him", a.text())
    reports = {o["name"] for o in walk(reader, API + "collections/%s/objects/" % titles["Tags: ones"], 4)
               if o["type"] == "report"}
    ok(reports == {"event %d" % i for i in (1, 4, 7, 22)}, "events by tag", reports)
    got = {o["id"] for o in walk(reader, API + "collections/%s/objects/" % titles["Sharing group: few"], 4)}
    ok("report--" + in_group in got and sum(i.startswith("report--") for i in got) == 1, "events by group", got)


def test_client(node, base):
    try:
        from taxii2client.v21 import Collection, Server, as_pages
    except ImportError:
        print("# skipped: Python has no taxii2-client")
        return
    server = Server(node.url + "/taxii2/", user="x", password=node.key)
    root = server.default
    first = root.collections[0]
    ok(server.title == "tocsin" and first.title == "All events", "taxii2-client: discovery to collections")
    full = {o["id"] for o in first.get_objects(limit=10000)["objects"]}
    for size in (2, 9):
        got = {o["id"] for page in as_pages(first.get_objects, per_request=size) for o in page.get("objects", [])}
        ok(got == full, "taxii2-client: pages of %d" % size, len(got ^ full))
    got = {o["id"] for page in as_pages(first.get_manifest, per_request=9) for o in page.get("objects", [])}
    ok(got == full, "taxii2-client: the manifest")
    one = Collection(node.url + base, user="x", password=node.key).get_object(sorted(full)[0])
    ok(len(one["objects"]) == 1, "taxii2-client: an object")


def test_valid(full):
    try:
        from stix2validator import ValidationOptions, validate_instance
    except ImportError:
        print("# skipped: Python has no stix2-validator")
        return
    bad = []
    for o in full:
        result = validate_instance(o, ValidationOptions(version="2.1", enforce_refs=False))
        if not result.is_valid:
            bad.append((o["type"], [str(e) for e in result.errors]))
    ok(not bad, "every object is valid STIX 2.1", bad[:2])
    named = {o["id"] for o in full}
    missing = {r for o in full for k, v in o.items() if k.endswith(("_ref", "_refs"))
               for r in (v if isinstance(v, list) else [v])} - named
    ok(not missing, "what they refer to is there", missing)


def main():
    if not nodelib.have_daemon():
        nodelib.skip("no daemon")
    with nodelib.Node() as node:
        c = node.client()
        made, gone = fill(c)
        org, key = another_user(c)
        base = ALL
        test_discovery(c)
        test_refusals(c, base)
        full = test_pages(c, base)
        test_valid(full)
        test_single(c, base, full, gone)
        test_dates(c, base, made)
        test_match(c, base, full)
        test_audience(c, node.client(key), made[-1], org)
        test_client(node, base)
        ok(node.alive(), "the node is alive")
        node.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
