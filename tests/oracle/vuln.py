"""vuln.py - the rules about vulnerability records (section 6 of the specification), one function each.
Part of the second opinion. "Published" is what goes to the classes sector and public, and those between.

What elements say of a record (CVSS, products, remedies) comes with the case as `vuln`, as facts.h has it.
"""
from naive import NEVER, aslist, machine_tag, names, seconds

RULES = ["vuln_remedy_first", "vuln_in_use_system", "vuln_no_exploit", "vuln_with_remedy",
         "vuln_no_exaggeration", "vuln_event_freeze", "vuln_overseas"]
DEFAULT = {"vuln_remedy_first", "vuln_with_remedy", "vuln_no_exaggeration"}      # 1, 4 and 5


def switched_on(w, rule):
    use = w.policy.get("use", ["default"])
    on = set(RULES) if "cn-rmsv" in use else set(DEFAULT) if "default" in use else set()
    said = w.policy.get("vuln_rules", {}).get(rule)
    return said == "on" if said is not None else rule in on


def rmsv(entity):
    """[(predicate, value)] of the rmsv tags of an event or element."""
    out = []
    for name in names(entity):
        ns, predicate, value = machine_tag(name)
        if ns == "rmsv":
            out.append((predicate, value or ""))
    return out


def values(entity, predicate):
    return [v.lower() for p, v in rmsv(entity) if p == predicate]


def disclosed(entity):
    """True, False, or None when nothing is said; of several the stricter counts."""
    said = values(entity, "disclosure")
    return None if not said else all(v == "disclosed" for v in said)


def is_record(w):
    """Tagged (any tag of rmsv is about a record), or by an object, or by an undisclosed attribute."""
    facts = w.case["vuln"]
    if rmsv(w.event) or facts.get("has_object") or facts.get("attr_shut"):
        return True
    return bool(facts.get("attr_silent")) and disclosed(w.event) is not True


def is_undisclosed(w):
    return disclosed(w.event) is not True or bool(w.case["vuln"].get("attr_shut"))


def has_remedy(w):
    said = values(w.event, "remedy")
    return any(v in ("patch", "mitigation") for v in said) and "none" not in said and "" not in said


def exempt(w):
    """Its own people are no recipients in this sense."""
    return w.kind in ("operator", "member") and w.cls == "own"


def is_publication(w):
    return w.classes.index(w.cls) >= w.classes.index("sector")


def is_vendor(w):
    """vendor_of matches a product or vendor of the record, without regard to case, hyphens and the like."""
    def plain(s):
        return " ".join(s.lower().replace("_", " ").replace("-", " ").split())
    named = [plain(x) for x in w.case["vuln"].get("names", "").split("|") if x.strip()]
    return any(plain(v) in named for v in w.vendor_of)


def vuln_remedy_first(w):
    if not is_publication(w) or has_remedy(w) or any(v for v in values(w.event, "early-release")):
        return None
    return ("hold", NEVER)


def vuln_with_remedy(w, remedy_leaves):
    if not is_publication(w) or remedy_leaves(w):
        return None
    return ("hold", NEVER)


def vuln_no_exaggeration(w):
    facts = w.case["vuln"]
    if not is_publication(w) or "confirmed" in values(w.event, "severity"):
        return None
    high = w.event.get("threat_level_id") == 1
    wrong = facts.get("cvss_unreadable") or facts.get("cvss_outside") or \
        high and facts.get("has_cvss") and facts.get("cvss_max", 0) < 40
    return ("hold", NEVER) if wrong else None


def vuln_event_freeze(w):
    if not is_publication(w) or any(v for v in values(w.event, "freeze-approval")):
        return None
    if not w.trusted and w.policy.get("freeze"):
        return ("hold", NEVER)  # any of them may be on, also one that seems over
    held = None
    for window in w.policy.get("freeze", []):
        begins, ends = seconds(window["from"]), seconds(window["until"])
        if begins <= w.now < ends:
            held = max(held or 0, ends)
    return ("hold", held) if held else None


def vuln_overseas(w):
    return "deny" if not w.domestic and is_undisclosed(w) and not is_vendor(w) else None


EVENT_RULES = {"vuln_remedy_first": vuln_remedy_first, "vuln_no_exaggeration": vuln_no_exaggeration,
               "vuln_event_freeze": vuln_event_freeze, "vuln_overseas": vuln_overseas}


def event_rule(w, name, remedy_leaves):
    if exempt(w) or not switched_on(w, name) or not is_record(w):
        return None
    return vuln_with_remedy(w, remedy_leaves) if name == "vuln_with_remedy" else EVENT_RULES[name](w)


# ---- elements --------------------------------------------------------------------------------------

def is_operator_of(w, tags):
    """Is the audience the operator that the tags name?"""
    named = [v for p, v in tags if p == "in-use-system"]
    return bool(named) and all(w.org and v.lower() == w.org or w.row_name and v.lower() == w.row_name for v in named)


def in_use_system(w, element, obj):
    if w.cls == "own":
        return False
    for tags in (rmsv(w.event), rmsv(element)):         # both have to be about its own
        if any(p == "in-use-system" for p, _ in tags) and not is_operator_of(w, tags):
            return True
    if any(p == "in-use-system" for p, _ in rmsv(element)):
        return False
    if obj is not None and obj.get("name") == "in-use-system":
        return True
    return element.get("category") == "Targeting data"


def exploit(w, element, obj):
    if w.cls == "own" or is_vendor(w):
        return False
    if element.get("type") in ("attachment", "malware-sample"):
        return True
    if obj is not None and obj.get("name") in ("exploit", "exploit-poc"):
        return True
    return any(p == "exploit-tool" for e in (element, w.event) for p, _ in rmsv(e))


def withheld(w, element, obj):
    """The rule that withholds an attribute (or, with element = obj, an object)."""
    if exempt(w) or not is_record(w):
        return None
    if switched_on(w, "vuln_in_use_system") and in_use_system(w, element, obj):
        return "vuln_in_use_system"
    if switched_on(w, "vuln_no_exploit") and exploit(w, element, obj):
        return "vuln_no_exploit"
    return None


def hides_tag(w, name):
    """No tag names what was removed."""
    ns, predicate, value = machine_tag(name)
    if ns != "rmsv" or w.misp or w.cls == "own" or not is_record(w):
        return False
    if predicate == "in-use-system" and switched_on(w, "vuln_in_use_system"):
        return not is_operator_of(w, [(predicate, value or "")])
    return predicate == "exploit-tool" and switched_on(w, "vuln_no_exploit") and not is_vendor(w)
