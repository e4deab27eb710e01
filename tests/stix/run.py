#!/usr/bin/env python3
"""STIX as others read it, and as we read it: see README."""
import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import node as nodelib  # noqa: E402
import readback  # noqa: E402
import stix1  # noqa: E402
import world  # noqa: E402

COUNT = [0, 0]
TLP = {"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "tlp:green",
       "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "tlp:amber"}


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what), flush=True)
    if not good and detail:
        print("# " + str(detail)[:2500].replace("\n", "\n# "))
    return good


def export(c, uuid, version="2.1", **more):
    a = c.post("/events/restSearch", dict({"returnFormat": "stix2", "stix-version": version, "uuid": uuid,
                                           "withAttachments": 1}, **more))
    ok(a.status == 200, "export %s of %s" % (version, uuid[-12:]), a.text())
    return a.body


def upload(c, body, path="/events/upload_stix/2"):
    return c.raw("POST", path, {"Authorization": c.key, "Accept": "application/json",
                                "Content-Type": "application/json"}, body)


def event(c, uuid):
    return c.get("/events/view/" + uuid).json()["Event"]


def facts(e, reports=True):
    """What has to be the same behind a journey, as a set of rows."""
    keys = ("uuid", "type", "category", "value", "to_ids", "comment", "first_seen", "last_seen", "object_relation",
            "timestamp", "disable_correlation", "deleted")
    out = {("event", k, str(e[k])) for k in ("uuid", "info", "date", "threat_level_id", "analysis", "timestamp")}
    out.add(("creator", e["Orgc"]["uuid"]))

    def attribute(a, of):
        out.add((of,) + tuple(str(a.get(k)) for k in keys) + tuple(sorted(t["name"] for t in a.get("Tag", []))) +
                (len(a.get("data") or ""),))
    for a in e["Attribute"]:
        attribute(a, "attribute")
    for o in e["Object"]:
        out.add(("object",) + tuple(str(o[k]) for k in ("uuid", "name", "meta-category", "comment", "description",
                                                        "template_uuid", "template_version", "timestamp")) +
                tuple(sorted((r["referenced_uuid"], r["relationship_type"], r["comment"]) for r in o["ObjectReference"])))
        for a in o["Attribute"]:
            attribute(a, o["uuid"])
    for t in e.get("Tag", []):
        out.add(("tag", t["name"]))
    for r in e.get("EventReport", []) if reports else []:
        out.add(("report", r["uuid"], r["name"], r["content"]))
    return out


def equal(a, b, what):
    left, right = sorted(a - b, key=str), sorted(b - a, key=str)
    ok(not left and not right, what, "\n".join(["- %s" % (x,) for x in left[:5]] + ["+ %s" % (x,) for x in right[:5]]))


def documents():
    """The events that are exported: ours, and real ones where they are."""
    out = [("hostile values", world.hostile()), ("all types", world.typed()), ("all types, not for detection", world.typed(False)), ("files", world.files())]
    for part in (("data", "misp-events"), ("wire", "client", "corpus")):
        folder = nodelib.shared(*part)
        for name in sorted(glob.glob(os.path.join(folder, "*.json"))) if folder else []:
            with open(name, encoding="utf-8") as f:
                j = json.load(f)
            for e in j.get("response", [j]) if isinstance(j, dict) else []:
                e = e.get("Event", e)
                if "uuid" in e and "info" in e:
                    out.append((os.path.basename(name), {"Event": e}))
    if len(out) < 5:
        print("# no folder with real events (TOCSIN_SHARED): only invented ones")
    return out


# ---- the validator of OASIS ----

def validate(path, version, what):
    try:
        import stix2validator
    except ImportError:
        print("# stix2-validator is not installed: %s is not validated" % what)
        return
    # 101, 103: names of properties and objects that are MISP's; 2.0: custom ones have to be allowed by all means
    options = stix2validator.ValidationOptions(version=version, disabled="all", silent=True)
    for r in stix2validator.validate_file(path, options).object_results:
        if r.errors:
            ok(False, "%s %s is valid" % (what, version), "\n".join(str(e) for e in r.errors[:5]))
            return
    ok(True, "%s %s is valid" % (what, version))


# ---- the tests ----

def test_out(one, two, folder):
    docs = documents()
    for name, doc in docs:
        uuid = doc["Event"]["uuid"]
        a = one.post("/tocsin/import", doc)
        if not ok(a.status == 200 and a.json()["failed"] == 0, "%s is stored" % name, a.text()):
            continue
        before = event(one, uuid)
        body = {v: export(one, uuid, v) for v in ("2.1", "2.0")}
        for version, text in body.items():
            path = os.path.join(folder, "%s-%s.json" % (uuid, version))
            with open(path, "wb") as f:
                f.write(text)
            validate(path, version, name)
        if name != "hostile values":  # misp-stix takes quoted text for comparisons
            readback.compare(ok, name, before, os.path.join(folder, uuid + "-2.1.json"))
        a = upload(two, body["2.1"])
        if not ok(a.status == 200, "%s comes back" % name, a.text()):
            continue
        counts = json.loads(a.headers["x-import-result"])
        ok(not counts["left_out"] and not counts["kept_as_text"] and not counts["kept_as_patterns"],
           "all of %s was read" % name, counts)
        equal(facts(before), facts(event(two, uuid)), "%s is equal, from 2.1" % name)
        a = two.post("/events/delete/" + uuid)
        two.post("/eventBlocklists/delete/" + uuid)
    ok(export(one, docs[0][1]["Event"]["uuid"]) == export(one, docs[0][1]["Event"]["uuid"]),
       "the same event, the same bytes")


def test_stix1(one, two):
    """The same events by STIX 1; they are on the second node by STIX 2 already, and go first."""
    uuids = [(name, world.STATIC % n) for name, n in
             (("all types", 900002), ("hostile values", 900000), ("what was seen", 950002), ("files", 900001))]
    for name, uuid in uuids:
        two.post("/events/delete/" + uuid, {})
        two.post("/eventBlocklists/delete/" + uuid, {})
    stix1.test(ok, one, two, event, uuids)
    stix1.refused(ok, two)


def test_old_version(one):
    """2.0 has neither notes nor versions of UUIDs but the fourth; else it is the same."""
    uuid = world.typed()["Event"]["uuid"]
    text = export(one, uuid, "2.0")
    with nodelib.Node() as node:
        c = node.client()
        a = upload(c, text)
        ok(a.status == 200, "2.0 comes back", a.text())
        equal(facts(event(one, uuid), reports=False), facts(event(c, uuid), reports=False), "and is equal")
        node.stop()


def test_properties(one):
    objects = {o["id"]: o for o in json.loads(export(one, world.typed()["Event"]["uuid"]))["objects"]}
    first = objects["indicator--" + world.STATIC % 1]
    ok(first["valid_from"] == "2024-01-01T10:00:00Z" and first["valid_until"] == "2024-06-01T10:00:00Z",
       "first and last seen are the time for which it is valid", first)
    ok([TLP.get(m) for m in first["object_marking_refs"]] == ["tlp:amber"] and "x:y=\"z\"" in first["labels"],
       "TLP is a marking, other tags are labels", first)
    event_of = [o for o in objects.values() if o["type"] in ("report", "grouping")]
    ok(len(event_of) == 1 and [TLP.get(m) for m in event_of[0]["object_marking_refs"]] == ["tlp:green"],
       "so it is for the event", event_of)
    ok(all(r in objects for o in objects.values() for r in o.get("object_refs", [])), "all references are there")
    one.post("/attributes/delete/" + world.STATIC % 1)
    again = {o["id"]: o for o in json.loads(export(one, world.typed()["Event"]["uuid"], deleted=[0, 1]))["objects"]}
    gone = again.get("indicator--" + world.STATIC % 1)
    ok(gone and gone.get("revoked") is True and gone["modified"] > first["modified"], "what is deleted is revoked", gone)
    with nodelib.Node() as node:
        c = node.client()
        upload(c, json.dumps({"type": "bundle", "objects": list(objects.values())}).encode())
        a = upload(c, json.dumps({"type": "bundle", "objects": list(again.values())}).encode())
        ok(a.status == 200, "the newer bundle is taken", a.text())
        left = [x["uuid"] for x in event(c, world.typed()["Event"]["uuid"])["Attribute"]]
        ok(world.STATIC % 1 not in left and world.STATIC % 2 in left, "and what it revokes is deleted")
        node.stop()


def test_foreign(c):
    text, objects = world.foreign()
    a = upload(c, text)
    if not ok(a.status == 200, "a foreign bundle is taken", a.text()):
        return
    e, counts = a.json()["Event"], json.loads(a.headers["x-import-result"])
    ok(counts["objects"] == len(objects) and counts["kept_as_patterns"] == 1 and counts["left_out"] == 1 and
       counts["left_out_types"] == "relationship 1", "what was not read is counted", counts)
    ok(counts["kept_as_text"] == 4, "or kept as text: two types, a language, a value", counts)
    ok(e["uuid"] == objects[-1]["id"][-36:] and e["info"] == "The 'report'", "the event is the report", e["info"])
    by = {x["uuid"]: x for x in e["Attribute"]}
    first = by.get(objects[1]["id"][-36:], {})
    tags = [t["name"] for t in first.get("Tag", [])]
    ok(first.get("type") == "ip-dst" and first["to_ids"] and first["last_seen"][:10] == "2025-01-01" and
       {"tlp:amber", "malicious-activity", "misp-galaxy:malware=\"Emotet\"",
        "misp:confidence-level=\"usually-confident\""} <= set(tags), "an indicator with all that is said of it", first)
    ok(len(first.get("Sighting", [])) == 1 and len(first.get("Note", [])) == 1 and len(first.get("Opinion", [])) == 1,
       "sighting, note and opinion", first)
    ok([o["name"] for o in e["Object"]] == ["file"] and
       e["Object"][0]["ObjectReference"][0]["referenced_uuid"] == first.get("uuid"), "an object and its reference")
    names = {t["name"] for t in e["Tag"]}
    ok({"misp-galaxy:mitre-attack-pattern=\"Phishing - T1566\"", "misp-galaxy:threat-actor=\"APT'28'\"",
        "misp-galaxy:producer=\"Acme\""} <= names and "misp-galaxy:malware=\"Emotet\"" not in names,
       "clusters of the event", names)
    kinds = sorted(x["type"] for x in e["Attribute"])
    ok(kinds == sorted(["ip-dst", "domain", "domain", "stix2-pattern", "yara", "text", "text", "text", "text", "text",
                        "vulnerability"]), "the attributes", kinds)
    ok(len(e["EventReport"]) == 1 and e["EventReport"][0]["content"] == "Long text", "its description is a report")
    a = upload(c, text)
    ok(a.status == 200 and a.json()["Event"]["id"] == e["id"] and
       len(a.json()["Event"]["Attribute"]) == len(e["Attribute"]), "the same bundle is the same event")
    a = upload(c, text, "/tocsin/importDocument?as=stix2")
    ok(a.json()["unchanged"] == 1 and a.json()["added"] == 0, "and changes nothing", a.text())


def test_refused(c):
    for what, body in (("no JSON", b"hello"), ("half", b"{\"type\":\"bundle\",\"objects\":[{"), ("an event", b"{\"Event\":{}}"),
                       ("deep", b"{\"type\":\"bundle\",\"objects\":[" + b"[" * 100000 + b"]" * 100000 + b"]}"),
                       ("deep objects", b"{\"type\":\"bundle\",\"objects\":[" + b"{\"a\":" * 5000 + b"1" + b"}" * 5000 + b"]}")):
        a = upload(c, body)
        ok(a.status == 400, "refused: %s" % what, "%d %s" % (a.status, a.text()[:200]))
    a = upload(c, b"{\"type\":\"bundle\",\"objects\":[]}")
    ok(a.status == 405, "an empty bundle is no event", a.text())


def test_openioc(one, two):
    world_event = {"Event": {"info": "ioc", "distribution": "3", "published": True, "Attribute": [
        {"type": t, "value": v, "to_ids": True, "category": k} for t, v, k in (
            ("md5", world.H32, "Payload delivery"), ("domain", "o.example", "Network activity"),
            ("url", "http://o.example/?a='&b=<>\"", "Network activity"),
            ("filename|sha256", "a<b>.exe|" + world.H64, "Payload delivery"),
            ("ip-dst", "192.0.2.77", "Network activity"))]}}
    one.post("/events/add", world_event)
    a = one.post("/attributes/restSearch", {"returnFormat": "openioc", "eventinfo": "ioc", "published": 1})
    b = upload(two, a.body, "/events/addIOC")
    ok(b.status == 200, "our OpenIOC is taken", b.text())
    got = {(x["type"], x["value"]) for x in b.json()["Event"]["Attribute"] if x["type"] != "attachment"}
    want = {(x["type"], x["value"]) for x in world_event["Event"]["Attribute"]}
    equal(want, got, "and says the same")
    into = two.post("/events/add", {"info": "into", "distribution": "0"}).json()["Event"]["id"]
    b = upload(two, a.body, "/events/addIOC/" + into).json()["Event"]
    ok(b["info"] == "into" and len(b["Attribute"]) == len(want) + 1, "into an event that is there", b)
    bomb = b"<!DOCTYPE ioc [<!ENTITY a \"x\">]><ioc><definition>&a;</definition></ioc>"
    ok(upload(two, bomb, "/events/addIOC").status == 400, "entities are refused")


def test_tool(node, c, folder):
    tool = os.path.join(os.path.dirname(os.environ["TOCSIND"]), "tocsin")
    if not os.access(tool, os.X_OK):
        print("# no tool beside the daemon")
        return
    text, _ = world.foreign()
    path = os.path.join(folder, "tool.json")
    with open(path, "wb") as f:
        f.write(text)
    r = subprocess.run([tool, "--url", "http://127.0.0.1:%d" % node.port, "--key", c.key, "--json", "import", "--as", "stix2",
                        path], capture_output=True, text=True, timeout=120, check=False)
    ok(r.returncode == 0 and json.loads(r.stdout)[0]["unchanged"] == 1, "tocsin import --as stix2", r.stdout + r.stderr)


def main():
    if not nodelib.have_daemon():
        nodelib.skip("no daemon")
    with tempfile.TemporaryDirectory() as folder, nodelib.Node() as first, nodelib.Node() as second:
        one, two = first.client(timeout=300), second.client(timeout=300)
        test_out(one, two, folder)
        test_old_version(one)
        test_stix1(one, two)
        test_properties(one)
        test_foreign(two)
        test_refused(two)
        test_openioc(one, two)
        test_tool(second, two, folder)
        ok(first.alive() and second.alive(), "the nodes are alive")
        first.stop()
        second.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
