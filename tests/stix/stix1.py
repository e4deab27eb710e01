"""STIX 1: our export read by python-stix and misp-stix, and uploaded again; misp-stix's own export uploaded."""
import io
import json
import warnings

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from misp_stix_converter import InternalSTIX1toMISPParser, MISPtoSTIX1EventsParser
        from stix.core import STIXPackage
except ImportError:
    STIXPackage = None

# What becomes of a type in STIX 1 and back: MISP writes these as the second.
SAME = {"uri": "url", "authentihash": "sha256", "imphash": "md5", "pehash": "sha1", "cdhash": "sha1"}
# Not in misp-stix's form: times that it leaves out; a colour for who reads colours alone.
OURS = ("start_time", "end_time")
# What python-stix adds when it reads, and what it then leaves out.
SAYS_NOTHING = ("scope", "is_known", "is_publicly_acknowledged")
COLORS = (None, "WHITE", "GREEN", "AMBER", "RED")


def export(c, uuid, accept="application/xml", **more):
    return c.raw("POST", "/events/restSearch",
                 {"Authorization": c.key, "Accept": accept, "Content-Type": "application/json"},
                 json.dumps(dict({"returnFormat": "stix", "uuid": uuid, "withAttachments": 1}, **more)).encode())


def upload(c, body, path="/events/upload_stix/1"):
    return c.raw("POST", path, {"Authorization": c.key, "Accept": "application/json",
                                "Content-Type": "application/xml"}, body)


def differ(path, a, b, out):
    """What is in one document and not in the other; empty members say nothing."""
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted(a.keys() | b.keys()):
            x, y = a.get(k), b.get(k)
            if k in OURS + SAYS_NOTHING or (k == "encoded" and not x) or (x in ({}, None) and y in ({}, None)):
                continue
            if k == "observables" and path == "" and not x:
                continue
            if k == "color" and COLORS.index(x) < COLORS.index(y):
                continue  # the strictest of observables that cannot carry it
            differ("%s.%s" % (path, k), x, y, out)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            differ("%s[%d]" % (path, i), x, y, out)
    elif a != b:
        out.append("%s: %r, %r" % (path, a, b))


def rows(event, objects=True):
    """Types and values, as far as STIX 1 can tell them apart."""
    def row(a, of):
        return (of, SAME.get(a["type"], a["type"]), a["value"], bool(a["to_ids"]))
    out = {row(a, "") for a in event.get("Attribute", [])}
    if objects:
        out |= {(o["name"], a["object_relation"], a["value"]) for o in event.get("Object", [])
                for a in o["Attribute"]}
    return out


def show(want, got):
    return "\n".join(["- %s" % (x,) for x in sorted(want - got)[:12]] + ["+ %s" % (x,) for x in sorted(got - want)[:12]])


def theirs(ok, name, event, js, xml):
    """The same package as misp-stix makes, and the event it reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p = MISPtoSTIX1EventsParser("ORGNAME", "1.1.1")
        p.parse_misp_event({"Event": event})
        want, out = json.loads(p.stix_package.to_json()), []
        differ("", want, js, out)
        ok(not out, "stix1: %s is what misp-stix makes of it" % name, "\n".join(out[:12]))
        inner = STIXPackage.from_xml(io.BytesIO(xml)).related_packages[0].item
        mine, out = json.loads(json.dumps(inner.to_dict(), default=str)), []
        differ("", mine, js, out)
        ok(not out, "stix1: %s is the same in XML and JSON" % name, "\n".join(out[:12]))
        back = InternalSTIX1toMISPParser()
        back.load_stix_package(STIXPackage.from_xml(io.BytesIO(xml)))
        back.parse_stix_package()
        again = InternalSTIX1toMISPParser()
        again.load_stix_package(p.stix_package)
        again.parse_stix_package()

        def read(x):
            e = x.misp_event if not isinstance(x.misp_event, list) else x.misp_event[0]
            return rows(json.loads(e.to_json()))
        ok(read(again) <= read(back), "stix1: misp-stix reads as much of ours as of its own: %s" % name,
           show(read(again), read(back)))
        return p.stix_package.to_xml()


def test(ok, one, two, event_of, uuids):
    for name, uuid in uuids:
        event = event_of(one, uuid)
        xml, js = export(one, uuid), export(one, uuid, "application/json")
        ok(xml.status == 200 and xml.body.startswith(b"<stix:STIX_Package"), "stix1: XML of " + name, xml.text()[:300])
        package = js.json()["related_packages"]["related_packages"][0]["package"]
        other = theirs(ok, name, event, package, xml.body) if STIXPackage else None
        if not STIXPackage:
            print("# misp-stix is not installed: %s is not read by it" % name)
        a = upload(two, xml.body)
        got = event_of(two, uuid)
        ok(a.status == 200 and got["info"] == event["info"] and got["date"] == event["date"],
           "stix1: %s comes in" % name, a.text()[:300])
        want = expected(event)
        ok(want == rows(got), "stix1: %s comes back" % name, show(want, rows(got)))
        uu = {x["uuid"] for x in event["Attribute"] if x["type"] not in ("text", "comment", "other")}
        lost = uu - {x["uuid"] for x in got["Attribute"]}
        ok(not lost, "stix1: UUIDs of %s are kept" % name, sorted(lost))
        a = upload(two, xml.body)
        ok(a.status == 200 and rows(event_of(two, uuid)) == rows(got), "stix1: %s again is the same" % name,
           a.text()[:300])
        if other:
            two.post("/events/delete/" + uuid, {})
            two.post("/eventBlocklists/delete/" + uuid, {})
            a = upload(two, other)
            ok(a.status == 200 and rows(event_of(two, uuid)) == want, "stix1: %s as misp-stix wrote it" % name,
               a.text()[:300] + "\n" + show(want, rows(event_of(two, uuid))))


def expected(event):
    """Journal entries and what has no indicator are not for detection."""
    out = set()
    for of, kind, value, *ids in rows(event):
        if of == "":
            plain = kind in ("text", "comment", "other", "vulnerability", "weakness", "campaign-name") or \
                kind.startswith("target-")
            out.add((of, kind, value, ids[0] and not plain))
        else:
            out.add((of, kind, value))
    return out


REFUSED = [
    (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><STIX_Package>&b;</STIX_Package>",
     "an entity bomb"),
    (b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><STIX_Package>&x;</STIX_Package>", "a file from outside"),
    (b"<stix:STIX_Package>", "half a package"),
    (b"<ioc/>", "another document"),
    (b"{}", "JSON"),
]


def refused(ok, c):
    for body, what in REFUSED:
        a = upload(c, body)
        ok(a.status == 400, "stix1: %s is refused" % what, "%s %s" % (a.status, a.text()[:200]))
    a = upload(c, b"<a>\n<b></a>")
    ok(a.status == 400 and "line 2" in a.text(), "stix1: what is wrong is told with its place", a.text())
    a = upload(c, b"<a/>", "/events/upload_stix/3")
    ok(a.status == 405, "stix1: another version is none", a.text()[:200])
