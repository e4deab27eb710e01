"""naive.py - what may leave, to whom, when: a second evaluator of the policy, written from the text of
the specification and not from the gate. Slow, obvious, one function for each paragraph.

A case is a dict (see README). decide(case) gives (outcome, rule, until); cut(case) what is left.
"""
import datetime
import re

NEVER = "never"          # held, and no time opens it
TLPS = ["clear", "green", "amber", "amber+strict", "red"]        # least strict first
PAPS = ["clear", "green", "amber", "red"]
CLASSES = ["own", "partner", "sector", "public"]                 # narrowest first
SENSORS = ("feed", "export", "stream")

# Section 2: zero is always the strictest value.
NOBODY = {"kind": "nobody", "org": None, "tlp": "clear", "pap": "clear", "class": "public",
          "jurisdiction": "overseas", "vendor_of": [], "profile": "indicators", "internal": False,
          "suspended_until": None}
SHIPPED_PEER = dict(NOBODY, tlp="amber", **{"class": "partner"}, profile="technical",
                    jurisdiction="domestic")
SHIPPED_MEMBER = dict(NOBODY, tlp="red", pap="red", **{"class": "partner"}, profile="full",
                      jurisdiction="domestic")


def seconds(text):
    """An RFC 3339 time with an offset, in whole seconds, never early; None when it is not one."""
    m = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text)
    if not m:
        return None
    year, month, day, hour, minute, second = (int(m.group(i)) for i in range(1, 7))
    leap = second == 60
    try:
        at = datetime.datetime(year, month, day, hour, minute, 59 if leap else second)
    except ValueError:
        return None
    total = int((at - datetime.datetime(1970, 1, 1)).total_seconds())
    # second 60 is over when the next minute begins, and a fraction of a second has not begun it
    total += 1 if leap or (m.group(7) and int(m.group(7)[1:] or 0)) else 0
    zone = m.group(8)
    if zone not in "Zz":
        if int(zone[1:3]) > 23 or int(zone[4:6]) > 59:
            return None
        away = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        total -= away if zone[0] == "+" else -away
    return total


def machine_tag(name):
    """(namespace, predicate, value), without quotes; lower case where case does not count."""
    m = re.fullmatch(r"([^:]*):([^=]*?)(?:=(.*))?", name, re.S)
    if not m:
        return (name.lower(), None, None)
    value = m.group(3)
    if value is not None:
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
    return (m.group(1).strip().lower(), m.group(2).strip().strip('"').lower(), value)


def names(entity):
    return [t["name"] for t in entity.get("Tag", [])]


# ---- who it is (section 2) ----------------------------------------------------------------------

class Who:
    """The audience of a case, with what the specification derives from it."""

    def __init__(self, case):
        policy, who, event = case["policy"], case["who"], case["event"]
        self.case, self.policy, self.event = case, policy, event
        self.weighing = False
        self.classes = policy.get("classes", CLASSES)
        self.now, self.trusted = case["facts"]["now"], case["facts"]["trusted"]
        self.row_name, row = self.find_row(policy, who)
        self.row = row
        self.kind = who.get("kind") or row["kind"]
        self.compat = "misp-compat" in policy.get("use", [])
        # misp-compat: operator, member and peer get MISP's own rules only, and profile full
        self.misp = self.compat and self.kind in ("operator", "member", "peer")
        self.org_id = who.get("org_id", 0)
        self.org = who.get("org") or row.get("org")
        self.admin = self.kind == "operator"
        self.push = bool(who.get("push"))
        self.internal = bool(who.get("internal")) or bool(row.get("internal"))
        self.tlp, self.pap = row["tlp"], row["pap"]
        self.profile = "full" if self.misp else row["profile"]
        # a profile of the policy says what is different from its base
        self.given_profile = self.profile
        self.own_profile = policy.get("profiles", {}).get(self.profile)
        if self.own_profile:
            self.profile = self.own_profile["base"]
        self.domestic = row["jurisdiction"] == "domestic"
        self.vendor_of = row.get("vendor_of") or []
        self.suspended_until = row.get("suspended_until")
        self.perm_sync, self.perm_audit = bool(who.get("perm_sync")), bool(who.get("perm_audit"))
        # "own org": whose organisation owns the event here (org_id)
        self.owner = bool(self.org_id) and self.org_id == event.get("org_id")
        self.relaxed = bool(case.get("relaxed"))
        self.own = self.admin or self.owner and self.kind == "member"
        self.cls = "own" if self.own or self.of_host() else row["class"]

        # a profile that changes a field gives its copies UUIDs of their own
        said = (self.own_profile or {}).get("fields", {}).get("attribute")
        self.pseudonyms = isinstance(said, dict) and said.get("comment") == "pseudonymise"
        self.shell = self.is_shell()
        if self.shell:
            self.profile, self.own_profile = "indicators", None

    def is_shell(self):
        """elements_may_relax: for what is published by name, under shipped profiles; a folder keeps one UUID."""
        if not self.policy.get("elements_may_relax") or self.own_profile or self.misp:
            return False
        if self.kind not in ("export", "stream") and not (self.kind == "feed" and rewriting(self.profile)):
            return False
        return self.lacks_tlp() or self.lacks_pap()

    def lacks_tlp(self):
        return not may_hold_tlp(self, marking(self.event, "tlp", TLPS) or self.policy.get("default_tlp", "amber"))

    def lacks_pap(self):
        return not may_hold_pap(self, marking(self.event, "pap", PAPS) or self.policy.get("default_pap", "clear"))

    def of_host(self):
        """Users of the organisation that runs the node are its own."""
        return self.kind == "member" and self.org_id == self.case["facts"]["host_org_id"]

    @staticmethod
    def find_row(policy, who):
        rows = policy.get("audiences", {})
        if who.get("row"):
            return who["row"], dict(NOBODY, **rows[who["row"]])
        kind = who["kind"]
        if kind == "operator":
            return None, dict(SHIPPED_MEMBER, **{"class": "own"})
        # found by user, url, name or organisation, in this order
        for key, given in (("user", who.get("name")), ("url", who.get("url")),
                           (None, who.get("name")), ("org", who.get("org"))):
            for name, row in rows.items():
                if row["kind"] == kind and given and given == (row.get(key) if key else name):
                    return name, dict(NOBODY, **row)
        if kind == "peer" and who.get("internal"):
            # both ends are the host organisation: its own, unless a row says otherwise
            return None, dict(SHIPPED_MEMBER, **{"class": "own"})
        if kind == "peer":
            return None, dict(SHIPPED_PEER, **policy.get("default_peer", {}))
        if kind == "member":
            return None, dict(SHIPPED_MEMBER, **policy.get("default_member", {}))
        return None, dict(NOBODY, kind=kind)


# ---- section 3, in its order ----------------------------------------------------------------------

def rule_suspended(w):
    if w.suspended_until and (w.now < seconds(w.suspended_until) or not w.trusted):
        return "deny"
    return None


def rule_blocked(w):
    p = w.policy
    if w.kind == "operator":    # has to see what is blocked; nothing is released by that
        return None
    if w.case.get("blocked") or w.event["uuid"] in p.get("blocked_events", []):
        return "deny"
    orgc = w.case.get("orgc") or {}
    if orgc.get("uuid") in p.get("blocked_orgs", []):
        return "deny"
    return None if may_exchange(w) else "deny"


def may_exchange(w):
    """Compartments: from which to which connections are opened; peers without one exchange nothing."""
    reach = w.policy.get("can_reach")
    if reach is None or w.kind != "peer":
        return True
    here, there = w.policy["compartment"], w.row.get("compartment")
    if w.internal and w.row_name is None:   # one of our own nodes
        there = here
    opens, opened = (here, there) if w.push else (there, here)      # who opens the connection
    if there is None or opened not in reach.get(opens, []):
        return False
    if not w.case.get("from_peer"):
        return True
    came = w.policy.get("audiences", {}).get(w.case.get("from_row"), {}).get("compartment")
    # where it came from must meet where it goes, in either direction
    return came is not None and (there in reach.get(came, []) or came in reach.get(there, []))


def rule_unpublished(w):
    if w.event.get("published") or w.kind == "operator":
        return None
    if w.kind == "member" or w.misp and not w.push:
        # MISP's setting decides for those who do not own it
        return "deny" if w.case["facts"].get("unpublished_private") and not w.owner else None
    return "deny"


def in_group(w, group_id):
    return group_id in w.case["facts"]["groups"]


def push_to_group(w):
    """Section 4.4 of the protocol: stricter for whole events."""
    group = w.case.get("group")
    if not group:
        return False
    listed = any(s["server_id"] == w.case["facts"].get("link_id") for s in
                 group.get("SharingGroupServer", []))
    member = any(o["uuid"] == w.org for o in group.get("SharingGroupOrg", []))
    return member and bool(group.get("roaming") or w.internal or listed)


def reaches(w, level, group_id, of_event):
    """MISP's distribution (protocol, sections 3.4, 4.4, 6.1 and 6.2)."""
    if level > 5:
        return False
    if level == 5 and of_event:
        return False
    if w.kind == "operator":
        return True
    if w.push:
        if w.internal and not of_event:
            return True
        if level in (0, 1):
            return False        # also not over an internal link, for whole events (correction 2)
        if level == 4:
            return in_group(w, group_id)
        return True
    if w.kind in ("member", "peer"):
        if w.owner:
            return True
        if level == 4:
            return in_group(w, group_id)
        return level != 0
    if level == 4:
        return in_group(w, group_id)
    return reaches_sensors(w, level)


def reaches_sensors(w, level):
    """Feeds, exports, streams: nothing that stays in the organisation; what goes out goes far."""
    if w.cls == "own":
        return level != 0
    return level in (2, 3, 5) if covers(w, "partner", w.cls, narrower=True) else level in (3, 5)


def rule_distribution(w):
    return None if w.event["distribution"] == 4 or \
        reaches(w, w.event["distribution"], 0, True) else "deny"


def rule_sharing_group(w):
    if w.event["distribution"] != 4 or w.kind == "operator":
        return None
    if not w.push and w.kind in ("member", "peer") and w.owner:
        return None
    if not in_group(w, w.event.get("sharing_group_id", 0)):
        return "deny"
    return None if not w.push or push_to_group(w) else "deny"


# ---- section 4 -------------------------------------------------------------------------------------

def marking(entity, space, order):
    """The strictest marking among the tags; None: there is none. Unknown values are red."""
    found = []
    for name in names(entity):
        ns, value, rest = machine_tag(name)
        if ns != space or value is None:
            continue
        value = "clear" if value == "white" and space == "tlp" else value
        found.append(value if value in order and rest is None else order[-1])
    return max(found, key=order.index) if found else None


def recipients(entity):
    out = []
    for name in names(entity):
        ns, predicate, value = machine_tag(name)
        if ns == "tocsin" and predicate == "recipient" and value:
            out.append(value.lower())
    return out


def may_hold_tlp(w, tlp, element=None):
    if w.own:
        return True
    # audiences that the event names; an element can but name fewer
    named = w.org is not None and w.org in recipients(w.event)
    if element is not None and recipients(element):
        named = named and w.org in recipients(element)
    high = tlp in ("red", "amber+strict")
    if w.kind == "member":
        if high and w.policy.get("tlp_for_members") == "strict":
            return False
    elif w.kind == "peer":
        if high and not named:
            return False
    elif w.kind in SENSORS:
        if tlp == "red" or tlp == "amber+strict" and w.cls != "own":
            return False
        if w.cls == "public" and tlp != "clear":
            return False        # a public feed
    else:
        return False
    return TLPS.index(tlp) <= TLPS.index(w.tlp)


def rewriting(profile):
    return profile in ("technical", "indicators")


def rule_tlp(w):
    if w.shell and shell_filled(w):
        return None
    tlp = marking(w.event, "tlp", TLPS) or w.policy.get("default_tlp", "amber")
    return None if may_hold_tlp(w, tlp) else "deny"


def may_hold_pap(w, pap):
    if w.own:
        return True
    return PAPS.index(pap) <= PAPS.index(w.pap)


def shell_filled(w):
    """Is there an element that is marked by itself and leaves? Without one there is no shell."""
    import cut
    every = [(a, None) for a in w.case["attributes"]] + [(a, o) for o in w.case["objects"] for a in o["attributes"]]
    return any(cut.withheld_attr(w, a, o) is None and not (o and o.get("deleted")) for a, o in every)


def rule_pap(w):
    if w.shell and shell_filled(w):
        return None
    pap = marking(w.event, "pap", PAPS) or w.policy.get("default_pap", "clear")
    return None if may_hold_pap(w, pap) else "deny"


# ---- section 5 -------------------------------------------------------------------------------------

def remedy_available(entity_tags):
    return any(machine_tag(t) in (("rmsv", "remedy", "patch"), ("rmsv", "remedy", "mitigation"))
               for t in entity_tags)


def embargo_of(w, entity):
    """When the embargoes of this entity open for the class: None: none, a time, or NEVER."""
    latest = None
    if w.cls == "own":
        return None
    for name in names(entity):
        ns, predicate, value = machine_tag(name)
        if ns != "embargo":
            continue
        opens = NEVER           # anything unreadable holds for ever, and for all classes but own
        at = seconds(value or "")
        if predicate in ["until"] + w.classes[1:] and at is not None:
            opens = at
            if predicate != "until" and not covers(w, predicate, w.cls):
                continue
        elif predicate == "release-on" and value == "remedy-available":
            if remedy_available(names(w.event)):
                continue
        latest = later(latest, opens)
    return latest


def covers(w, predicate, cls, narrower=False):
    """Nobody gets in a wider class what a narrower one may not have yet. narrower: the other direction."""
    a, b = w.classes.index(cls), w.classes.index(predicate)
    return a <= b if narrower else a >= b


def later(a, b):
    if a is None or b is None:
        return b if a is None else a
    return NEVER if NEVER in (a, b) else max(a, b)


def shut(w, opens):
    """Does an embargo that opens then still hold? Without a trusted clock nothing opens."""
    return opens is not None and (opens == NEVER or not w.trusted or w.now < opens)


def rule_embargo(w):
    opens = embargo_of(w, w.event)
    return ("hold", until(w, opens)) if shut(w, opens) else None


def until(w, opens):
    """What has ended by a clock that nobody vouches for is not opened by time."""
    return opens if opens == NEVER or opens > w.now else NEVER


# ---- section 8: rules of the policy file -------------------------------------------------------------

def in_list(w, who):
    """Names of audiences, kinds, classes, or * for everybody."""
    return any(x == "*" or x == w.kind or x == w.cls or x == w.row_name and w.row_name for x in who)


def is_for(w, rule):
    if "to" in rule:
        if not in_list(w, aslist(rule["to"])):
            return False
    elif w.cls == "own":
        return False            # without `to`: everybody but the class own
    if in_list(w, aslist(rule.get("except", []))):
        return False
    if "class" in rule:         # this class and wider ones
        return covers(w, rule["class"], w.cls)
    return True


def aslist(x):
    return x if isinstance(x, list) else [x]


def tag_like(pattern, name):
    pattern, name = pattern.lower(), name.lower()
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def taxonomy(name):
    """What stands before the colon."""
    return name.split(":", 1)[0].strip().lower() if ":" in name else ""


def galaxy(name):
    """The type of misp-galaxy:TYPE="value"."""
    m = re.match(r"misp-galaxy:([^=]*)", name, re.I)
    return m.group(1).strip().lower() if m else ""


def tag_names(w, level, element):
    if level in ("tag", "galaxy"):
        return [element["name"]]
    return names(w.event if level == "event" else element)


def last_seen_or_changed(w, level, element):
    if level in ("attribute", "object"):
        return max(element.get("timestamp", 0), element.get("last_seen", 0) // 1000000)
    if level == "sighting":
        return element.get("date_sighting", 0)
    return (w.event if level in ("event", "tag", "galaxy") else element).get("timestamp", 0)


def matches(patterns, text):
    return any(re.search(p, text or "") for p in aslist(patterns))


# Each condition: does it hold? `how` is when, require or allow; lists of tags differ by it.
def condition(w, key, want, how, level, element, obj):
    of = w.event if level == "event" else element
    if key in ("tag", "taxonomy", "galaxy"):
        if key == "tag" and level in ("tag",) and how == "allow":
            how = "when"        # of a single tag: it is one of these
        return tags_hold(key, aslist(want), how, tag_names(w, level, element))
    if key == "event_tag":
        return tags_hold("tag", aslist(want), how, names(w.event))
    if key == "confidence_below":
        sure = confidence(of)
        sure = confidence(w.event) if sure is None else sure
        return None if sure is None else sure < want
    if key == "sharing_group":
        if level == "galaxy":
            return False        # of the public libraries: for everybody
        group = "c0000000-0000-4000-8000-%012x" % of.get("sharing_group_id", 0)
        return of["distribution"] == 4 and group in aslist(want)
    if key == "value" and level == "galaxy":
        return matches(want, machine_tag(element["name"])[2])
    if key == "orgc" and level == "galaxy":
        return False            # nobody's
    if key == "orgc":
        return (w.case.get("orgc") or {}).get("uuid") in aslist(want)
    if key == "published":
        return bool(w.event.get("published")) == want
    if key == "to_ids":
        return bool(element.get("to_ids")) == want
    if key in ("category", "type"):
        return element.get(key) in aslist(want)
    if key in ("distribution", "threat_level", "analysis"):
        return of.get({"threat_level": "threat_level_id"}.get(key, key), 0) in aslist(want)
    if key in ("value", "comment", "info"):
        return matches(want, of.get(key))
    if key == "text":
        return matches(want, element.get("content")) or matches(want, element.get("name"))
    if key == "relation":
        return element.get("object_relation") in aslist(want)
    if key in ("object_name", "object_template"):
        named = element if level == "object" else obj
        return named is not None and named.get({"object_name": "name"}.get(key, "template_uuid")) in aslist(want)
    age = w.now - last_seen_or_changed(w, level, element)
    if key == "older_than":
        return age > duration(want)
    assert key == "younger_than"
    # a clock that nobody vouches for may be behind: what is not young may be young after all
    return age < duration(want) or not w.trusted and how == "when"


def tags_hold(key, want, how, have):
    part = {"tag": lambda n: n, "taxonomy": taxonomy, "galaxy": galaxy}[key]
    parts = [part(n) for n in have if part(n)]

    def is_one(p, wanted=want):
        return any(tag_like(x, p) for x in wanted)
    if how == "require":        # all of the list must be there
        return all(any(tag_like(x, p) for p in parts) for x in want)
    if how == "allow":          # nothing else; of tags, nothing else of their taxonomies
        mine = {taxonomy(x) for x in want}
        return all(is_one(p) for p in parts if key != "tag" or taxonomy(p) in mine)
    return any(is_one(p) for p in parts)


def applies(w, rule, element, obj):
    def answers(how):
        """True, False, or None: it cannot be answered, which counts against the release."""
        return [condition(w, k, v, how, rule["level"], element, obj) for k, v in rule.get(how, {}).items()]
    if any(a is False for a in answers("when")):
        return False
    if rule.get("unless") and all(a is True for a in answers("unless")):
        return False
    if not rule.get("require") and not rule.get("allow"):
        return True
    return any(a is not True for a in answers("require") + answers("allow"))


def duration(text):
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]


def policy_rules(w, level, element=None, obj=None):
    """None, "deny", or ("hold", when it opens) of all rules of a level."""
    if w.misp:
        return None
    held = None
    for rule in w.policy.get("rules", []):
        if rule["effect"] == "deny_event" and w.weighing:
            continue
        if rule["level"] != level or not is_for(w, rule) or not applies(w, rule, element, obj):
            continue
        if rule["effect"] in ("deny", "drop", "deny_event"):
            return "deny"
        opens = None
        if "for" in rule:       # counted from the publication; before it nothing counts
            at = w.event.get("publish_timestamp", 0)
            opens = at + duration(rule["for"]) if at else NEVER
        if "until" in rule:
            opens = later(opens, seconds(rule["until"]))
        opens = NEVER if opens is None else opens
        if shut(w, opens):
            held = later(held, until(w, opens))
    return None if held is None else ("hold", held)


def condemns(w):
    """deny_event: does one of the elements that would leave withhold the whole event?"""
    import cut
    rules = [r for r in w.policy.get("rules", []) if r["effect"] == "deny_event" and is_for(w, r)]
    if not rules or w.misp:
        return False
    w.weighing = True
    every = [("attribute", a, None, cut.withheld_attr(w, a, None)) for a in w.case["attributes"]]
    for o in w.case["objects"]:
        every.append(("object", o, None, cut.withheld_object(w, o)))
        every += [("attribute", a, o, cut.withheld_attr(w, a, o)) for a in o["attributes"]]
    every += [("report", r, None, cut.withheld_report(w, r)) for r in w.case["reports"]]
    w.weighing = False
    return any(kept is None and r["level"] == level and applies(w, r, e, o)
               for level, e, o, kept in every for r in rules)


def rule_policy(w):
    answer = policy_rules(w, "event")
    return "deny" if answer != "deny" and condemns(w) else answer


# Percentages as the public taxonomies have them; an unknown word of theirs is 0.
CONFIDENCE = {
    ("admiralty-scale", "source-reliability"): {"a": 100, "b": 75, "c": 50, "d": 25, "e": 0, "f": 50, "g": 0},
    ("admiralty-scale", "information-credibility"): {"1": 100, "2": 75, "3": 50, "4": 25, "5": 0, "6": 50},
    ("misp", "confidence-level"): {"completely-confident": 100, "usually-confident": 75, "fairly-confident": 50,
                                   "rarely-confident": 25, "unconfident": 0, "confidence-cannot-be-evaluated": 50},
    ("estimative-language", "likelihood-probability"): {
        "almost-no-chance": 5, "very-unlikely": 20, "unlikely": 45, "roughly-even-chance": 55, "likely": 80,
        "very-likely": 95, "almost-certain": 99},
    ("estimative-language", "confidence-in-analytic-judgment"): {"low": 20, "moderate": 55, "high": 95}}


def confidence(entity):
    """The least of what its tags say, in percent; None: they say nothing."""
    found = []
    for ns, predicate, value in map(machine_tag, names(entity)):
        words = CONFIDENCE.get((ns, predicate))
        if words is not None:
            found.append(words.get((value or "").lower(), 0))
    return min(found) if found else None


def rule_protected(w):
    if not w.event.get("protected") or w.kind not in ("peer", "feed"):
        return None
    return None if w.profile == "full" and not w.own_profile else "deny"


def vuln_rule(name):
    def ask(w):
        import cut      # what leaves of the remedy is a question about elements
        import vuln
        return vuln.event_rule(w, name, cut.remedy_leaves)
    return ask


EVENT_RULES = [("suspended", rule_suspended), ("blocked", rule_blocked),
               ("unpublished", rule_unpublished), ("distribution", rule_distribution),
               ("sharing_group", rule_sharing_group), ("tlp", rule_tlp), ("pap", rule_pap),
               ("embargo", rule_embargo)] + [
                   (n, vuln_rule(n)) for n in ("vuln_remedy_first", "vuln_with_remedy", "vuln_no_exaggeration",
                                               "vuln_event_freeze", "vuln_overseas")] + [
               ("policy", rule_policy), ("protected", rule_protected)]
# what is left of the rules when only MISP's own count
MISP_RULES = {"suspended", "unpublished", "distribution", "sharing_group"}


def decide(case):
    """The first rule that denies decides; holds combine, the latest time wins."""
    w = Who(case)
    held = None
    for name, rule in EVENT_RULES:
        if w.misp and name not in MISP_RULES:
            continue
        answer = rule(w)
        if answer == "deny":
            return ("deny", name, None)
        if answer and (held is None or later(held[1], answer[1]) != held[1]):
            held = (name, answer[1])
    return ("hold", held[0], held[1]) if held else ("release", "", None)
