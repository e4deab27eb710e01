"""An export read by misp-stix, MISP's own converter, and compared with the event."""
import json
import re

KEYS = ("uuid", "type", "category", "value", "to_ids")
# What it adds to the tags of its own exports, too.
ADDED = ("Threat-Report", "misp:tool=", "misp-galaxy:producer=")


def read(path):
    """The event as misp-stix makes it; None: it is not installed."""
    try:
        import stix2
        from misp_stix_converter import InternalSTIX2toMISPParser
    except ImportError:
        return None
    with open(path, encoding="utf-8") as f:
        bundle = stix2.parse(f.read(), allow_custom=True)
    parser = InternalSTIX2toMISPParser()
    parser.load_stix_bundle(bundle)
    parser.parse_stix_bundle()
    return json.loads(parser.misp_event.to_json())


def row(a):
    """One attribute. It writes AS before numbers of systems, and reads no comments of observed data."""
    out = {k: str(a.get(k)) for k in KEYS}
    if a["type"] == "AS" and not out["value"].startswith("AS"):
        out["value"] = "AS" + out["value"]
    if a["type"] == "datetime":
        out["value"] = out["value"][:19]  # two forms of one time
    return tuple(out.values()) + (str(a.get("comment") or "") if a["to_ids"] else "",)


def tags(e):
    """Names of tags; it appends ids of CAPEC to those of techniques."""
    names = {re.sub(r" - CAPEC-\d+\"$", "\"", t["name"]) for t in e.get("Tag", [])}
    return {n for n in names if not n.startswith(ADDED)}


def compare(ok, name, event, path):
    try:
        back = read(path)
    except Exception as e:  # whatever it raises, the export is what made it
        ok(False, "misp-stix reads %s" % name, repr(e))
        return
    if back is None:
        print("# misp-stix is not installed: %s is not read by it" % name)
        return
    ok(back["uuid"] == event["uuid"] and back["info"] == event["info"], "misp-stix: %s is the same event" % name)
    want, got = {row(a) for a in event["Attribute"]}, {row(a) for a in back.get("Attribute", [])}
    ok(want == got, "misp-stix: attributes of %s" % name,
       "\n".join(["- %s" % (x,) for x in sorted(want - got)[:9]] + ["+ %s" % (x,) for x in sorted(got - want)[:9]]))
    want = {(o["uuid"], o["name"]) for o in event["Object"]}
    got = {(o["uuid"], o["name"]) for o in back.get("Object", [])}
    ok(want == got, "misp-stix: objects of %s" % name, "%s %s" % (sorted(want - got)[:9], sorted(got - want)[:9]))
    want, got = tags(event), tags(back)
    ok(want == got, "misp-stix: tags of %s" % name, "- %s + %s" % (want - got, got - want))
