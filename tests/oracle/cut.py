"""cut.py - which elements of a released event leave, and what is left of their fields (sections 3, 4
and 7 of the specification). Part of the second opinion; see naive.py."""
import datetime

import vuln
from naive import (Who, embargo_of, machine_tag, marking, may_hold_pap, may_hold_tlp, policy_rules,
                   reaches, shut, tag_like, PAPS, TLPS)


def element_level(w, e):
    return reaches(w, e["distribution"], e.get("sharing_group_id", 0), False)


def withheld_attr(w, attr, obj):
    """The rule that withholds it, or None."""
    if obj is not None:
        rule = withheld_container(w, obj)
        if rule:
            return rule
    if not element_level(w, attr):
        return "element_distribution"
    if attr.get("deleted") and not sees_deleted(w):
        return "element_deleted"
    if w.misp:
        return None
    if not marks_allow(w, attr) or w.shell and not relaxes(w, attr):
        return "element_marking"
    if vuln.withheld(w, attr, obj):
        return vuln.withheld(w, attr, obj)
    if policy_rules(w, "attribute", attr, obj):
        return "element_policy"
    if w.shell and not kept_outside(w, attr, obj):
        return "strip"
    return None if profile_keeps_attr(w, attr, obj) or is_kept_remedy(w, attr, obj) else "strip"


def relaxes(w, attr):
    """In a shell: it says itself, and of all that its event keeps from the audience, that it may be held."""
    if attr.get("deleted"):
        return False
    tlp, pap = marking(attr, "tlp", TLPS), marking(attr, "pap", PAPS)
    if w.lacks_tlp() and not (tlp and may_hold_tlp(w, tlp, {"Tag": []})):
        return False
    return not w.lacks_pap() or bool(pap and may_hold_pap(w, pap))


def kept_outside(w, attr, obj):
    """Never more than the audience's own profile gives."""
    profile, w.profile = w.profile, w.given_profile
    kept = profile_keeps_attr(w, attr, obj)
    w.profile = profile
    return kept


def is_remedy(attr, obj):
    said = vuln.values(attr, "remedy")
    if said:
        return "none" not in said and "" not in said
    return attr.get("object_relation") in ("remedy", "patch") or bool(obj) and obj["name"] == "course-of-action"


def is_kept_remedy(w, attr, obj):
    """What is published carries its remedy: that is never stripped."""
    return not w.shell and vuln.switched_on(w, "vuln_with_remedy") and vuln.is_record(w) and is_remedy(attr, obj) and \
        not attr.get("deleted") and not (obj and obj.get("deleted"))


def remedy_leaves(w):
    return any(withheld_attr(w, r["attr"], r.get("object")) is None for r in w.case["vuln"].get("remedies", []))


def withheld_container(w, obj):
    if not element_level(w, obj):
        return "element_distribution"
    if obj.get("deleted") and not sees_deleted(w):
        return "element_deleted"
    if w.misp:
        return None
    if vuln.withheld(w, obj, obj):
        return vuln.withheld(w, obj, obj)
    if policy_rules(w, "object", obj, obj):
        return "element_policy"
    # whose subject is a person or an account, whatever the categories inside; and for technical
    # audiences a message, which names its recipients beside the sender
    if obj["name"] in own(w, "objects", "drop"):
        return "strip"
    if w.profile != "full" and obj["name"] in PEOPLE_AND_MONEY:
        return "strip"
    return "strip" if w.profile in ("technical", "indicators") and obj["name"] == "email" else None


PEOPLE_AND_MONEY = {"person", "bank-account"}


def withheld_object(w, obj):
    rule = withheld_container(w, obj)
    if rule or w.misp:
        return rule
    return "strip" if w.profile == "indicators" else None


def withheld_report(w, report):
    if not element_level(w, report):
        return "element_distribution"
    if report.get("deleted") and not sees_deleted(w):
        return "element_deleted"
    if w.misp:
        return None
    if vuln.withheld(w, {}, None):          # by the event's own tags: the text would tell
        return vuln.withheld(w, {}, None)
    if policy_rules(w, "report", report, None):
        return "element_policy"
    if w.profile in ("indicators", "technical") or (w.own_profile or {}).get("fields", {}).get("report") == "drop":
        return "strip"
    bad = is_internal(w, report.get("content", "")) or is_internal(w, report.get("name", ""))
    return "strip" if w.profile == "partner" and bad else None


def is_internal(w, text):
    """The policy's marker, as shipped when it names none; case does not count."""
    marker = w.policy.get("internal_marker", "[internal]").lower()
    return bool(marker) and marker in text.lower()


def sees_deleted(w):
    """Owners and sync links (protocol, 3.4 and 6.3)."""
    return w.kind == "operator" or w.kind == "peer" or w.kind == "member" and w.owner


def marks_allow(w, e):
    """An element can be more restrictive than its event, never less; embargoes stand on it too."""
    tlp, pap = marking(e, "tlp", TLPS), marking(e, "pap", PAPS)
    if tlp and not may_hold_tlp(w, tlp, e) or pap and not may_hold_pap(w, pap):
        return False
    return not shut(w, embargo_of(w, e))


# ---- section 7 --------------------------------------------------------------------------------------

NOT_PARTNER = {"Targeting data", "Internal reference", "Person", "Financial fraud"}
NOT_TECHNICAL = NOT_PARTNER | {"Attribution"}
TECHNICAL_DROPS_TYPES = {"comment", "attachment", "threat-actor", "campaign-name", "campaign-id",
                         "email-dst", "phone-number", "whois-registrant-email",
                         "whois-registrant-name", "whois-registrant-phone", "whois-registrant-org",
                         "email-dst-display-name", "eppn", "pgp-public-key", "cortex"}
PARTNER_DROPS_TYPES = {"pgp-private-key", "identity-card-number"}
FREE_TEXT = {"text", "other"}      # a feature where a template says so, otherwise the incident


def own(w, key, what):
    """A list of the audience's own profile."""
    return ((w.own_profile or {}).get(key) or {}).get(what, [])


def profile_keeps_attr(w, attr, obj):
    kind, category = attr["type"], attr["category"]
    if kind in own(w, "types", "drop") or category in own(w, "categories", "drop"):
        return False
    if (w.own_profile or {}).get("to_ids_only") and (not attr.get("to_ids") or attr.get("deleted")):
        return False
    if w.profile == "full":
        return True
    if w.profile == "partner":
        return category not in NOT_PARTNER and kind not in PARTNER_DROPS_TYPES
    if category in NOT_TECHNICAL or kind in TECHNICAL_DROPS_TYPES | PARTNER_DROPS_TYPES:
        return False
    if kind in FREE_TEXT:
        return w.profile == "technical" and obj is not None
    return w.profile == "technical" or bool(attr.get("to_ids")) and not attr.get("deleted")


# ---- what is left of the fields --------------------------------------------------------------------

DERIVED = "(derived UUID)"     # name-based, the same for ever
PSEUDONYM = "(pseudonym)"       # the same for the same text
NEUTRAL = "(neutral line)"     # says nothing of the incident

# how to handle it goes with it
TECHNICAL_SPACES = ("tlp", "pap", "kill-chain", "rmsv")
TECHNICAL_GALAXIES = {"mitre-attack-pattern", "mitre-malware", "mitre-tool", "tool", "ransomware"}


TARGETING_GALAXIES = {"sector", "target-information", "country", "region"}


def derives(w):
    return rewrites(w) or w.pseudonyms


def rewrites(w):
    return w.profile in ("technical", "indicators")


def local_user(w):
    return w.kind in ("operator", "member")


def shows_ids(w):
    """Local numbers: for those who may ask for things by them; not in what is sent unasked."""
    return w.kind in ("operator", "member", "peer") and not w.push


def shows_tag(w, tag):
    ns, predicate, _ = machine_tag(tag["name"])
    if not tag.get("exportable") and not (w.case.get("all_tags") and local_user(w)):
        return False
    if tag.get("local"):
        # the attachment flag: stays here, except over internal links
        if w.case.get("no_local_tags") or not (local_user(w) or w.internal):
            return False
    # they would tell that something is there; only the own organisation manages them
    if not (local_user(w) and (w.cls == "own" or w.misp)) and (ns == "embargo" or
                                                   (ns, predicate) == ("tocsin", "recipient")):
        return False
    if policy_rules(w, "tag", tag) or vuln.hides_tag(w, tag["name"]):
        return False
    if ns == "misp-galaxy" and policy_rules(w, "galaxy", tag):
        return False            # a cluster that is withheld withholds the tag that names it
    if w.shell:
        return ns == "tlp" and may_hold_tlp(w, marking({"Tag": [tag]}, "tlp", TLPS), {"Tag": []})
    if any(tag_like(p, tag["name"]) for p in own(w, "tags", "drop")):
        return False
    if w.profile == "full" or any(tag_like(p, tag["name"]) for p in own(w, "tags", "keep")):
        return True
    if w.profile == "partner":
        return not (ns == "misp-galaxy" and predicate in TARGETING_GALAXIES)
    if w.profile == "indicators":
        return ns == "tlp"
    return ns in TECHNICAL_SPACES or ns == "misp-galaxy" and predicate in TECHNICAL_GALAXIES


def tags_out(w, e):
    out = []
    for t in e.get("Tag", []):
        if shows_tag(w, t):
            t = given(t)
            if not shows_ids(w):
                t.pop("id", None)
            if w.profile == "indicators":
                t = only(t, ("name", "colour", "exportable"))
            out.append(t)
    return out


def given(e):
    """Members that are not empty and not elements of their own."""
    return {k: v for k, v in e.items() if v not in (False, "", 0, None, []) and
            k not in ("Tag", "attributes", "refs", "sightings", "proposals", "file", "group")}


IDS = ("id", "event_id", "object_id", "sharing_group_id", "org_id", "orgc_id")


def without_ids(w, o):
    return o if shows_ids(w) else {k: v for k, v in o.items() if k not in IDS}


def lowered(w, o):
    """A push lowers "connected communities", except over an internal link."""
    if w.push and not w.internal and o.get("distribution") == 2:
        o["distribution"] = 1
    return o


def only(o, keys):
    return {k: v for k, v in o.items() if k in keys}


def own_fields(w, entity, o):
    said = (w.own_profile or {}).get("fields", {}).get(entity)
    for k in said if isinstance(said, dict) else []:
        if said[k] == "drop":
            o.pop(k, None)


def day(us):
    return us - us % 86400000000


# of a type that has several
USUAL_CATEGORY = {"sha256": "Payload delivery", "md5": "Payload delivery", "link": "External analysis",
                  "vulnerability": "External analysis", "attachment": "External analysis",
                  "email-dst": "Network activity", "text": "Other",
                  "filename": "Payload delivery", "yara": "Payload installation"}


def alone(level, around):
    """Without its object it must not go further than the object does; groups stay here."""
    return 0 if 4 in (level, around) else min(level, around)


def attr_out(w, attr, obj=None):
    o = lowered(w, without_ids(w, given(attr)))
    if w.profile == "partner" and is_internal(w, o.get("comment", "")):
        del o["comment"]
    if rewrites(w) and not w.pseudonyms:
        o.pop("comment", None)
    if w.pseudonyms and o.get("comment"):
        o["comment"] = PSEUDONYM
    if derives(w):
        o["uuid"] = DERIVED
    if w.profile == "indicators":
        o = only(o, ("uuid", "type", "value", "to_ids", "first_seen", "last_seen") + IDS[:2])
        # what an attribute must have, and nothing is told by
        o.update(category=USUAL_CATEGORY.get(attr["type"], attr["category"]),
                 timestamp=w.event["timestamp"])
        for k in ("first_seen", "last_seen"):
            if k in o:
                o[k] = day(o[k])
        level = alone(attr["distribution"], obj["distribution"] if obj else 5)
        o.update(lowered(w, {"distribution": level}))
        if level == 0:
            del o["distribution"]
    own_fields(w, "attribute", o)
    tags = tags_out(w, attr)
    if tags:
        o["Tag"] = tags
    return o


def object_out(w, obj):
    o = lowered(w, without_ids(w, given(obj)))
    if w.profile == "partner" and is_internal(w, o.get("comment", "")):
        del o["comment"]
    if rewrites(w):
        o.pop("comment", None)
        o["description"] = o["name"]
    if derives(w):
        o["uuid"] = DERIVED
    own_fields(w, "object", o)
    return o


def report_out(w, report):
    o = lowered(w, without_ids(w, given(report)))
    if derives(w):
        o["uuid"] = DERIVED
    return o


def event_out(w):
    o = lowered(w, without_ids(w, given(w.event)))
    if w.profile != "full":
        o.pop("protected", None)
    if derives(w):
        o["uuid"] = DERIVED
    if rewrites(w):
        o["info"] = NEUTRAL
        o["threat_level_id"] = 4          # undefined
        o.pop("analysis", None)
    if w.profile == "indicators":
        o = only(o, ("uuid", "info", "date", "threat_level_id", "distribution", "published",
                     "timestamp", "publish_timestamp", "id"))
        if o.get("distribution") == 4:      # groups stay here, and the copy with whoever has it
            del o["distribution"]
        o["date"] = int(datetime.datetime.fromtimestamp(o["timestamp"], datetime.timezone.utc)
                        .strftime("%Y%m%d"))
    if w.shell:
        o.pop("Tag", None)
        return o
    tags = tags_out(w, w.event)
    if tags:
        o["Tag"] = tags
    return o


def fields(case):
    """(kind, place) -> what is left of it; also ("event", None)."""
    w = Who(case)
    out = {("event", None): event_out(w)}
    for i, a in enumerate(case.get("attributes", [])):
        out["attribute", i] = attr_out(w, a)
    for i, o in enumerate(case.get("objects", [])):
        out["object", i] = object_out(w, o)
        for k, a in enumerate(o.get("attributes", [])):
            out["attribute", (i, k)] = attr_out(w, a, o)
    for i, r in enumerate(case.get("reports", [])):
        out["report", i] = report_out(w, r)
    return out


def sees_sighting(w, s):
    """MISP's Sightings_policy (6.7), after rules and profile."""
    if w.profile == "indicators" or policy_rules(w, "sighting", s):
        return False
    mine = bool(w.org_id) and s["org_id"] == w.org_id
    if w.admin or w.owner:
        return True
    facts = w.case["facts"]
    return {0: mine, 1: mine or w.case.get("own_sighting", False), 2: True,
            3: mine or s["org_id"] == facts["host_org_id"]}[facts["sightings_policy"]]


def sightings_out(w, attr):
    out = []
    for s in attr.get("sightings", []):
        if not sees_sighting(w, s):
            continue
        o = without_ids(w, given({k: v for k, v in s.items() if k != "who"}))
        if not shows_ids(w):
            o.pop("attribute_id", None)
        if derives(w):
            o["uuid"] = DERIVED
            if "attribute_uuid" in o:
                o["attribute_uuid"] = DERIVED
        if rewrites(w):     # counts per day
            o = only(o, ("uuid", "attribute_id", "event_id", "date_sighting", "type", "attribute_uuid"))
            o["date_sighting"] -= o["date_sighting"] % 86400
        if w.case["facts"].get("anonymise") and s["org_id"] != w.org_id and not w.admin:
            o.pop("org_id", None)
        out.append(o)
    return out


# ---- all of a case ----------------------------------------------------------------------------------

def elements(case):
    """(kind, place) -> rule that withholds it or None, for all elements of a case."""
    w = Who(case)
    out = {}
    for i, a in enumerate(case.get("attributes", [])):
        out["attribute", i] = withheld_attr(w, a, None)
    for i, o in enumerate(case.get("objects", [])):
        out["object", i] = withheld_object(w, o)
        for k, a in enumerate(o.get("attributes", [])):
            out["attribute", (i, k)] = withheld_attr(w, a, o)
    for i, r in enumerate(case.get("reports", [])):
        out["report", i] = withheld_report(w, r)
    return out
