"""What is on the first node: one event for each level, full of elements of each level, and how an
event as a node shows it is brought into the same form."""
import base64
import uuid

NAMESPACE = uuid.UUID("5a5a0000-0000-4000-8000-000000000000")
T0 = 1767600000
FILE = b"harbour pilot's notes\x00\x01\x02" * 40


def uid(*words):
    return str(uuid.uuid5(NAMESPACE, "/".join(str(w) for w in words)))


def level_name(level):
    return "g" + level[1]["name"] if level[0] == 4 else str(level[0])


def attribute(event, name, level, **more):
    a = {"uuid": uid(event, "attribute", name), "type": "domain", "category": "Network activity",
         "value": "%s-%s.example" % (event, name), "to_ids": True, "comment": "about " + name,
         "timestamp": T0, "level": level, "deleted": False, "tags": [], "relation": None,
         "data": None}
    a.update(more)
    return a


def event(name, level, levels):
    """An event with elements of each of `levels`."""
    e = {"uuid": uid(name), "info": "event " + name, "level": level, "timestamp": T0,
         "tags": ["chain:event", "local:event"], "attributes": [], "objects": [], "reports": []}
    for x in levels:
        n = level_name(x)
        e["attributes"].append(attribute(name, "plain" + n, x, tags=["chain:attribute", "local:a"]))
        e["reports"].append({"uuid": uid(name, "report", n), "name": "report " + n, "level": x,
                             "content": "# about " + n, "timestamp": T0, "deleted": False})
        e["objects"].append({
            "uuid": uid(name, "object", n), "name": "file", "level": x, "timestamp": T0,
            "deleted": False, "attributes": [
                attribute(name, "in%s-%s" % (n, level_name(y)), y, type="filename",
                          category="Payload delivery", relation="filename")
                for y in [(5, None)] + ([z for z in levels if z[0] != 5] if x[0] == 3 else [])]})
    e["attributes"].append(attribute(name, "gone", (5, None), deleted=True))
    e["attributes"].append(attribute(name, "file", (5, None), type="attachment", to_ids=False,
                                     category="External analysis", value=name + ".bin", data=FILE))
    return e


# ---- as a document to be sent ----

def _level(doc, spec):
    doc["distribution"] = str(spec["level"][0])
    if spec["level"][0] == 4:
        doc["sharing_group_id"] = spec["level"][1]["id"]
    return doc


def _tags(spec):
    return [dict({"name": t, "colour": "#112233"}, **({"local": True} if t.startswith("local:") else {}))
            for t in spec.get("tags", [])]


def _attribute(a):
    doc = _level({k: a[k] for k in ("uuid", "type", "category", "value", "to_ids", "comment",
                                    "deleted")}, a)
    doc.update(timestamp=str(a["timestamp"]), Tag=_tags(a))
    if a["relation"]:
        doc["object_relation"] = a["relation"]
    if a["data"] is not None:
        doc["data"] = base64.b64encode(a["data"]).decode()
    return doc


def document(e, published=True):
    doc = _level({"uuid": e["uuid"], "info": e["info"], "timestamp": str(e["timestamp"]),
                  "date": "2026-01-02", "threat_level_id": "2", "analysis": "1",
                  "published": published, "Tag": _tags(e)}, e)
    doc["Attribute"] = [_attribute(a) for a in e["attributes"]]
    doc["Object"] = [_level({"uuid": o["uuid"], "name": o["name"], "meta-category": "file",
                             "description": "a file", "template_version": "24",
                             "template_uuid": "688c46fb-5edb-40a3-8273-1af7923e2215",
                             "timestamp": str(o["timestamp"]), "deleted": o["deleted"],
                             "Attribute": [_attribute(a) for a in o["attributes"]]}, o)
                     for o in e["objects"]]
    doc["EventReport"] = [_level({"uuid": r["uuid"], "name": r["name"], "content": r["content"],
                                  "timestamp": str(r["timestamp"]), "deleted": r["deleted"]}, r)
                          for r in e["reports"]]
    return {"Event": doc}


# ---- both sides in one form ----

def flat_spec(e):
    """A spec as {uuid: {member: value}}."""
    out = {e["uuid"]: {"is": "event", "info": e["info"], "level": e["level"][0],
                       "timestamp": str(e["timestamp"]), "tags": sorted(e["tags"])}}
    for a in e["attributes"]:
        out[a["uuid"]] = _flat_attribute(a)
    for o in e["objects"]:
        out[o["uuid"]] = {"is": "object", "name": o["name"], "level": o["level"][0],
                          "timestamp": str(o["timestamp"]), "deleted": o["deleted"]}
        for a in o["attributes"]:
            out[a["uuid"]] = _flat_attribute(a, o["uuid"])
    for r in e["reports"]:
        out[r["uuid"]] = {"is": "report", "name": r["name"], "content": r["content"],
                          "level": r["level"][0], "timestamp": str(r["timestamp"]),
                          "deleted": r["deleted"]}
    return out


def _flat_attribute(a, parent=None):
    return {"is": "attribute", "in": parent, "type": a["type"], "category": a["category"],
            "value": a["value"], "to_ids": a["to_ids"], "comment": a["comment"],
            "timestamp": str(a["timestamp"]), "level": a["level"][0], "deleted": a["deleted"],
            "tags": sorted(a["tags"]), "relation": a["relation"],
            "data": None if a["data"] is None else base64.b64encode(a["data"]).decode()}


def flat_shown(doc):
    """What a node shows, likewise."""
    e = doc["Event"]
    names = lambda x: sorted(t["name"] for t in x.get("Tag", []))
    out = {e["uuid"]: {"is": "event", "info": e["info"], "level": int(e["distribution"]),
                       "timestamp": e["timestamp"], "tags": names(e)}}

    def attribute_of(a, parent=None):
        out[a["uuid"]] = {"is": "attribute", "in": parent, "type": a["type"],
                          "category": a["category"], "value": a["value"], "to_ids": a["to_ids"],
                          "comment": a["comment"], "timestamp": a["timestamp"],
                          "level": int(a["distribution"]), "deleted": a["deleted"],
                          "tags": names(a), "relation": a["object_relation"],
                          "data": a.get("data")}
    for a in e.get("Attribute", []):
        attribute_of(a)
    for o in e.get("Object", []):
        out[o["uuid"]] = {"is": "object", "name": o["name"], "level": int(o["distribution"]),
                          "timestamp": o["timestamp"], "deleted": o["deleted"]}
        for a in o.get("Attribute", []):
            attribute_of(a, o["uuid"])
    for r in e.get("EventReport", []):
        out[r["uuid"]] = {"is": "report", "name": r["name"], "content": r["content"],
                          "level": int(r["distribution"]), "timestamp": r["timestamp"],
                          "deleted": r["deleted"]}
    return out


def differences(want, got):
    """Lines that say how two forms differ."""
    out = []
    for u in sorted(set(want) | set(got)):
        a, b = want.get(u), got.get(u)
        if a is None or b is None:
            x = a or b
            out.append("%s %s (%s, level %s)" % (x["is"], "is missing" if b is None else "is too much",
                                                 x.get("value") or x.get("name") or x.get("info"),
                                                 x["level"]))
            continue
        out += ["%s %s: %s is %r, should be %r" % (a["is"], a.get("value") or a.get("name") or "", k,
                                                   b.get(k), a[k])
                for k in a if a[k] != b.get(k)]
    return out
