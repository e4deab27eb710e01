#!/usr/bin/env python3
"""Writing over TAXII: what is posted to the inbox is taken in like an upload, each object's fate is in a status that
only its poster sees and that outlives the node, and what cannot be taken is refused as the specification says."""
import gzip
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402
import server  # noqa: E402
from server import ALL, API, COUNT, TYPE, collections, ok, taxii  # noqa: E402

INBOX = API + "collections/5a4e8c4e-7d0f-4a66-9a25-3d1c2f6b8e02/"
STATUS = API + "status/%s/"
TIME = "2026-02-03T04:05:06.789Z"
POLICY = """use: [misp-compat]
admission:
- {name: looked-at, from: [member, operator], when: {tag: ['check:me']}, effect: quarantine}
- {name: no-samples, type: [malware-sample, attachment], effect: refuse}
"""


def uid(kind, n):
    return "%s--7d0f1e00-1b0c-4000-8000-%012d" % (kind, n)


def indicator(n, **more):
    return dict({"type": "indicator", "spec_version": "2.1", "id": uid("indicator", n), "created": TIME,
                 "modified": TIME, "pattern": "[domain-name:value = 'in%d.example']" % n, "pattern_type": "stix",
                 "valid_from": TIME}, **more)


def report(n, refs, **more):
    return dict({"type": "report", "spec_version": "2.1", "id": uid("report", n), "created": TIME, "modified": TIME,
                 "name": "posted %d" % n, "published": TIME, "object_refs": refs}, **more)


def post(c, objects, path=INBOX + "objects/", body=None, **headers):
    head = {"Authorization": c.key, "Accept": TYPE, "Content-Type": TYPE}
    head.update({k.replace("_", "-"): v for k, v in headers.items()})
    body = json.dumps({"objects": objects}).encode() if body is None else body
    return c.raw("POST", path, {k: v for k, v in head.items() if v is not None}, body)


def whole(s):
    """Do counts and lists of a status agree?"""
    parts = [("success_count", "successes"), ("failure_count", "failures"), ("pending_count", "pendings")]
    return (s["total_count"] == sum(s[n] for n, _ in parts) and
            all(len(s.get(names, [])) == s[n] for n, names in parts) and
            (s["status"] == "complete") == (s["pending_count"] == 0))


def user(c, email, role, org="1"):
    u = c.post("/admin/users/add", {"email": email, "org_id": org, "role_id": role}).json()["User"]
    return c.post("/auth_keys/add/" + u["id"], {"comment": "x"}).json()["AuthKey"]["authkey_raw"]


def view(c, uuid):
    a = c.get("/events/view/" + uuid)
    return a.json()["Event"] if a.status == 200 else None


def test_collection(c, reader, writer):
    titles = {x["title"]: x for x in collections(writer)}
    box = titles.get("Inbox", {})
    ok(box.get("can_write") is True and box.get("can_read") is False, "there is an inbox", titles)
    ok("Inbox" not in {x["title"] for x in collections(reader)}, "not for who may not add events")
    ok(taxii(reader, INBOX).status == 404 and post(reader, [indicator(1)]).status == 404, "nor is it there for him")
    for path in ("objects/", "manifest/", "objects/%s/" % uid("indicator", 1)):
        ok(taxii(writer, INBOX + path).status == 403, "it is not read: %s" % path)
    ok(taxii(c, API).json()["max_content_length"] == 64 << 20, "the API root says how long an envelope may be")


def test_post(c, writer):
    a = post(writer, [report(1, [uid("indicator", 1), uid("indicator", 2)]), indicator(1), indicator(2)])
    s = a.json()
    ok(a.status == 202 and a.headers["content-type"] == TYPE and whole(s) and s["status"] == "complete" and
       s["success_count"] == 3, "objects are taken in", a.text())
    ok({(x["id"], x["version"]) for x in s.get("successes", [])} ==
       {(uid("report", 1), TIME), (uid("indicator", 1), TIME), (uid("indicator", 2), TIME)}, "each is named", s)
    ev = view(writer, uid("report", 1).partition("--")[2])
    ok(ev and ev["info"] == "posted 1" and sorted(x["value"] for x in ev["Attribute"]) == ["in1.example", "in2.example"]
       and not ev["published"], "as an event of his", ev)
    b = taxii(writer, STATUS % s["id"])
    ok(b.status == 200 and b.json() == s, "the status can be asked for", b.text())
    for who, what in ((c, "the administrator"), (None, "nobody")):
        a = taxii(who, STATUS % s["id"]) if who else writer.raw("GET", STATUS % s["id"], {"Accept": TYPE})
        ok(a.status == (404 if who else 401), "%s does not see it" % what, a.text())
    gone = taxii(writer, STATUS % "6ba7b810-9dad-41d1-80b4-00c04fd430c8")
    ok(gone.status == 404 and gone.body == taxii(c, STATUS % s["id"]).body, "somebody else's is as one that is not there")
    again = post(writer, [report(1, [uid("indicator", 1), uid("indicator", 2)]), indicator(1), indicator(2)]).json()
    ok(again["success_count"] == 3 and again["id"] != s["id"], "the same again is no failure", again)
    body = gzip.compress(json.dumps({"objects": [report(2, [uid("indicator", 3)]), indicator(3)]}).encode())
    a = post(writer, None, body=body, Content_Encoding="gzip")
    ok(a.status == 202 and a.json()["success_count"] == 2, "packed", a.text())
    later = TIME.replace("2026", "2027")
    a = post(writer, [report(2, [uid("indicator", 3)], modified=later), indicator(3, modified=later, revoked=True)])
    ev = view(writer, uid("report", 2).partition("--")[2])
    ok(a.json()["success_count"] == 2 and ev["Attribute"] == [], "what is revoked is deleted", (a.text(), ev["Attribute"]))
    a = post(writer, [indicator(n, created=TIME) for n in range(4, 7)] + [
        {"type": "marking-definition", "spec_version": "2.1", "id": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
         "created": "2017-01-20T00:00:00.000Z", "definition_type": "tlp", "name": "TLP:GREEN", "definition": {"tlp": "green"}}])
    ok(whole(a.json()) and a.json()["success_count"] == 4, "without a report", a.text())
    a = post(writer, [report(3, [uid("indicator", 8)]), indicator(8)], INBOX + "objects/?publish=1&distribution=1")
    ev = view(writer, uid("report", 3).partition("--")[2])
    ok(a.status == 202 and ev["published"] and ev["distribution"] == "1", "published, if he says so", ev)
    return s


def test_failures(c, writer, other):
    """Reasons by object: an event of others, values that are none."""
    a = post(other, [report(1, [uid("indicator", 1), uid("indicator", 9)], modified="2027-01-01T00:00:00Z"),
                     indicator(9), report(20, [uid("indicator", 20)]), indicator(20)])
    s = a.json()
    ok(a.status == 202 and whole(s) and (s["failure_count"], s["success_count"]) == (2, 2) and
       {x["id"] for x in s["failures"]} == {uid("report", 1), uid("indicator", 9)} and
       all(x["message"] for x in s["failures"]), "what may not be changed fails, and nothing else", a.text())
    twin = indicator(31, pattern=indicator(30)["pattern"])
    a = post(writer, [report(30, [uid("indicator", 30), twin["id"]]), indicator(30), twin])
    s = a.json()
    ok(whole(s) and [x["id"] for x in s.get("failures", [])] == [twin["id"]] and s["success_count"] == 2 and
       "similar" in s["failures"][0]["message"], "what the event has already is told", a.text())
    a = post(writer, [{"type": "marking-definition", "spec_version": "2.1", "created": TIME, "definition_type": "statement",
                       "id": uid("marking-definition", 31), "definition": {"statement": "x"}}])
    ok(whole(a.json()) and a.json()["failure_count"] == 1, "what makes no event is not kept", a.text())
    a = post(writer, [report(32, [uid("indicator", 32)]), indicator(32),
                      {"type": "note", "spec_version": "2.1", "id": uid("note", 32), "created": TIME, "modified": TIME,
                       "content": "x", "object_refs": [uid("indicator", 999)]}])
    ok(whole(a.json()) and [x["id"] for x in a.json().get("failures", [])] == [uid("note", 32)],
       "what is said of something else", a.text())
    many = [report(100, [uid("indicator", 10000 + i) for i in range(3000)])] + [indicator(10000 + i) for i in range(3000)]
    s = post(writer, many).json()
    ok(s["total_count"] == s["success_count"] == 3001 and "successes" not in s, "of very many only the count is told",
       {k: v for k, v in s.items() if k != "successes"})
    s = post(other, many).json()
    ok(s["failure_count"] == 3001 and "failures" not in s and len(s["x_tocsin_first_failures"]) == 100,
       "and the first failures", {k: v for k, v in s.items() if "fail" not in k})


def test_refusals(c, writer):
    good = json.dumps({"objects": [indicator(40)]}).encode()
    events = len(writer.post("/events/index", {"minimal": 1}).json())

    def refused(status, what, a, text=""):
        ok(a.status == status and (a.headers["content-type"] != TYPE or a.json()["http_status"] == str(status)) and
           text in a.text(), "%s: %d" % (what, status), (a.status, a.text()))
    refused(415, "JSON of no kind", post(writer, None, body=good, Content_Type="application/json"))
    refused(415, "TAXII 2.0", post(writer, None, body=good, Content_Type="application/taxii+json;version=2.0"))
    refused(415, "no type", post(writer, None, body=good, Content_Type=None))
    refused(406, "an answer of another type", post(writer, None, body=good, Accept="text/html"))
    refused(401, "nobody", post(writer, None, body=good, Authorization=None))
    refused(403, "a collection that is read", post(writer, None, ALL + "objects/", good))
    refused(404, "a collection that is not", post(writer, None, API + "collections/6ba7b810-9dad-41d1-80b4-00c04fd430c8/objects/", good))
    refused(404, "the manifest", post(writer, None, INBOX + "manifest/", good))
    refused(405, "an object", post(writer, None, INBOX + "objects/%s/" % uid("indicator", 1), good))
    refused(400, "no JSON", post(writer, None, body=b'{"objects": [\n{"type": "indicator",\n "id": nothing}]}'), "line 2")
    refused(400, "half of it", post(writer, None, body=good[:-5]), "line 1, column")
    refused(400, "a list of numbers", post(writer, None, body=b'{"objects":[{"type":"x-a","id":"x-a--7d0f1e00-1b0c-4000-8000-000000000001"},\n 5]}'),
            "object 2 of the list is no object (line 2")
    refused(400, "other JSON", post(writer, None, body=b'{"name": "x"}'))
    refused(400, "nothing", post(writer, None, body=b""))
    refused(422, "an empty envelope", post(writer, []))
    refused(422, "an object without id", post(writer, [indicator(41), {"type": "indicator"}]), "object 2 of the list")
    refused(422, "an id of another type", post(writer, [indicator(41, id=uid("malware", 41))]), "object 1")
    a = post(writer, None, body=b'{"objects":[{"type":"x-a","id":"x-a--1","x":"' + b"A" * (65 << 20) + b'"}]}')
    refused(413, "an envelope that is too long", a)
    bomb = gzip.compress(b'{"objects":[' + b" " * (80 << 20) + b"]}")
    refused(413, "or is when unpacked", post(writer, None, body=bomb, Content_Encoding="gzip"))
    head = {"Authorization": writer.key, "Accept": TYPE}
    one = "objects/%s/" % uid("indicator", 1)
    refused(403, "deleting where it is read", writer.raw("DELETE", ALL + one, head))
    a = writer.raw("DELETE", INBOX + one, head)
    refused(405, "deleting where it is written", a)
    ok("allow" in a.headers, "says what is allowed", dict(a.headers))
    ok(len(writer.post("/events/index", {"minimal": 1}).json()) == events, "nothing of all this was kept")


def test_quarantine(c, writer):
    a = post(writer, [report(50, [uid("indicator", 50)], labels=["check:me"]), indicator(50),
                      report(51, [uid("indicator", 51)]), indicator(51)])
    s = a.json()
    ok(whole(s) and s["status"] == "pending" and {x["id"] for x in s.get("pendings", [])} ==
       {uid("report", 50), uid("indicator", 50)}, "what waits for a decision is pending", a.text())
    post(writer, [report(52, [uid("indicator", 52)], labels=["check:me"]), indicator(52)])
    t = post(writer, [report(53, [uid("indicator", 53)], labels=["check:me"]), indicator(53)]).json()
    waits = c.get("/tocsin/quarantine/index").json()["waiting"]
    by = {x["uuid"]: x["number"] for x in waits}
    ok(len(waits) == 3, "in quarantine", waits)
    c.post("/tocsin/quarantine/accept/%d" % by[uid("report", 50)[8:]])
    c.post("/tocsin/quarantine/reject/%d" % by[uid("report", 53)[8:]])
    s = taxii(writer, STATUS % s["id"]).json()
    ok(whole(s) and s["status"] == "complete" and s["success_count"] == 4, "when it is accepted it is complete", s)
    t = taxii(writer, STATUS % t["id"]).json()
    ok(whole(t) and t["failure_count"] == 2 and "rejected" in t["failures"][0]["message"], "or has failed", t)
    ok(view(c, uid("report", 50)[8:]) and not view(c, uid("report", 53)[8:]), "as the events say")


def test_client(node, key):
    try:
        from taxii2client.v21 import Collection, Server
    except ImportError:
        print("# skipped: Python has no taxii2-client")
        return
    root = Server(node.url + "/taxii2/", user="x", password=key).default
    box = next(x for x in root.collections if x.can_write)
    ok(box.title == "Inbox" and not box.can_read, "taxii2-client: finds the collection to write to")
    st = box.add_objects({"objects": [report(60, [uid("indicator", 60)]), indicator(60)]}, wait_for_completion=True, timeout=30)
    ok(st.status == "complete" and st.success_count == 2 and not st.failures, "taxii2-client: add_objects", st._raw)
    st.refresh()
    ok(st.total_count == 2 and root.get_status(st.id).success_count == 2, "taxii2-client: Status")
    st = box.add_objects({"objects": [report(61, [uid("indicator", 61)], labels=["check:me"]), indicator(61)]},
                         wait_for_completion=True, poll_interval=0.2, timeout=1)
    ok(st.status == "pending" and st.pending_count == 2, "taxii2-client: waits while it is pending", st._raw)
    other = Collection(node.url + ALL, user="x", password=key)
    try:
        other.add_objects({"objects": []})
        ok(False, "taxii2-client: other collections are not written to")
    except Exception as e:
        ok("writing" in str(e), "taxii2-client: other collections are not written to", e)


def test_bounds(writer, first):
    for i in range(103):
        last = post(writer, [report(200 + i, [])]).json()["id"]
    ok(taxii(writer, STATUS % first["id"]).status == 404, "a user's oldest statuses go")
    ok(taxii(writer, STATUS % last).status == 200, "and the newest stay")
    return last


def main():
    if not nodelib.have_daemon():
        nodelib.skip("no daemon")
    with tempfile.TemporaryDirectory() as tmp:
        policy = os.path.join(tmp, "policy.yaml")
        with open(policy, "w") as f:
            f.write(POLICY)
        with nodelib.Node(extra=["--policy", policy]) as node:
            c = node.client(timeout=180)
            org = c.post("/admin/organisations/add", {"name": "another", "local": True}).json()["Organisation"]
            key = user(c, "writer@x.test", "4")
            writer, reader = node.client(key, timeout=180), node.client(user(c, "reader@x.test", "6"))
            other = node.client(user(c, "other@x.test", "3", org["id"]), timeout=180)
            test_collection(c, reader, writer)
            first = test_post(c, writer)
            test_failures(c, writer, other)
            test_refusals(c, writer)
            test_quarantine(c, writer)
            test_client(node, key)
            last = test_bounds(writer, first)
            node.kill()
            node.start()
            ok(taxii(node.client(key), STATUS % last).status == 200, "a status is there after a crash")
            node.stop()
        with nodelib.Node(extra=["--set", "taxii.inbox=false"]) as node:
            c = node.client()
            ok(not any(x["can_write"] for x in collections(c)) and post(c, [indicator(1)]).status == 404, "it can be switched off")
            node.stop()
        with nodelib.Node(extra=["--set", "taxii.publish=true"]) as node:
            c = node.client()
            post(c, [report(1, [uid("indicator", 1)]), indicator(1)])
            ok(view(c, uid("report", 1)[8:])["published"], "what is posted can be published")
            node.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
