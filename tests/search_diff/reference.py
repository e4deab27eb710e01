"""The reference: what a search means, over documents as events/view gave them to one caller.

Written from rest-api.md section 3 and its corrections 51 to 57, never from the node's code. Slow on
purpose: each rule is one loop over everything.
"""
import ipaddress
import re
import time
import unicodedata

DAY = 86400


class Never(Exception):
    """A condition that nothing meets."""


def fold(s):
    """utf8_unicode_ci as far as it matters here: case, combining marks, trailing spaces."""
    s = unicodedata.normalize("NFD", s)
    return "".join(c for c in s if not unicodedata.combining(c)).lower().rstrip(" ")


def like(pattern, s):
    out, i = "", 0
    while i < len(pattern):
        c = pattern[i]
        if c == "\\" and i + 1 < len(pattern) and pattern[i + 1] in "%_":
            i += 1
            out += re.escape(pattern[i])
        else:
            out += ".*" if c == "%" else "." if c == "_" else re.escape(c)
        i += 1
    return re.fullmatch(out, s, re.S) is not None


def groups(v):
    """3.2: any value form as {OR, AND, NOT} of texts."""
    if isinstance(v, dict):
        g = {k: v.get(k, []) for k in ("OR", "AND", "NOT")}
        return {k: [str(x).strip() for x in (l if isinstance(l, list) else [l])]
                for k, l in g.items()}
    if isinstance(v, str) and v.find("||") > 0:
        v = v.split("||")
    items = v if isinstance(v, list) else str(v).split("&&")
    g = {"OR": [], "AND": [], "NOT": []}
    for x in items:
        x = str(x).strip()
        if x.startswith("!"):
            g["NOT"].append(x[1:])
        elif x:
            g["OR"].append(x)
    return g


def one(item, cols, ci):
    """Does an item match one of the columns?"""
    if ci:
        item, cols = fold(item), [fold(c) for c in cols]
    if item[:1] == "%" or item[-1:] == "%":
        return any(like(item, c) for c in cols)
    return item in cols


def generic(g, cols, ci=False, negate=True):
    cols = [c if c is not None else "" for c in cols]
    if g["OR"] and not any(one(x, cols, ci) for x in g["OR"]):
        return False
    plain = [x for x in g["AND"] if x[:1] != "%" and x[-1:] != "%"]
    rest = [x for x in g["AND"] if x not in plain]
    if plain and not any(one(x, cols, ci) for x in plain):
        return False
    if not all(one(x, cols, ci) for x in rest):
        return False
    return not (negate and any(one(x, cols, ci) for x in g["NOT"]))


def moment(v, now):
    s = str(v).strip()
    if re.fullmatch(r"-?\d+(\.\d+)?", s):
        return int(float(s))
    m = re.fullmatch(r"(\d+)([dhms])", s, re.I)
    if m:
        return now - int(m[1]) * {"d": DAY, "h": 3600, "m": 60, "s": 1}[m[2].lower()]
    m = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", s)
    if m:
        return int(time.mktime((int(m[1]), int(m[2]), int(m[3]), 0, 0, 0, 0, 0, 0)) - time.timezone)
    return now + 1


def between(v, now):
    """3.3: (from, to) of seconds, None open."""
    if isinstance(v, list):
        a, b = sorted((moment(v[0], now), moment(v[1], now)))
        return (a or None, b)
    t = moment(v, now)
    return (t or None, None)


def within(r, t):
    return (r[0] is None or t >= r[0]) and (r[1] is None or t <= r[1])


def epoch(date):
    return moment(date, 0)


def parts(a):
    v = a["value"]
    return v.split("|", 1) if "|" in a["type"] or a["type"] == "malware-sample" else [v, ""]


def compress(x):
    try:
        return str(ipaddress.IPv6Address(x))
    except ValueError:
        return x


def seen(a, key):
    v = a.get(key)
    if not v:
        return None
    return int(time.mktime(time.strptime(v[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone)


def tag_names(x):
    return [(t["id"], t["name"]) for t in x.get("Tag", [])]


def carries(tags, want):
    """One wanted tag (a name is a pattern, a number an id) among (id, name) pairs."""
    return any(want == i or like(want, n) for i, n in tags)


class World:
    """All that one caller may see: events (documents), their elements flat, and known tags."""

    def __init__(self, events, orgs, tags, now):
        self.events = sorted(events, key=lambda e: int(e["id"]))
        self.orgs, self.now = orgs, now
        self.tags = tags
        for e in self.events:
            e["_objects"] = e.get("Object", [])
            e["_attrs"] = list(e.get("Attribute", []))
            for o in e["_objects"]:
                for a in o.get("Attribute", []):
                    a["_object"] = o
                    e["_attrs"].append(a)
            e["_attrs"].sort(key=lambda a: int(a["id"]))

    def known(self, want):
        return any(want == i or like(want, n) for i, n in self.tags)

    # ---- events

    def org_ids(self, names):
        out = set()
        for x in names:
            for o in self.orgs:
                if x in (o["id"], o["name"], o["uuid"]):
                    out.add(o["id"])
        return out

    def event_ok(self, e, q, scope):
        """Conditions on the event itself; those on attributes are elsewhere."""
        now = self.now
        if "eventid" in q and q["eventid"] != "all":
            g = groups(q["eventid"])
            ids = (e["id"], e["uuid"])
            if (g["OR"] or g["AND"]) and not any(x in ids for x in g["OR"] + g["AND"]):
                return False
            if any(x in ids for x in g["NOT"]):
                return False
        if "org" in q:
            g = groups(q["org"])
            if g["OR"] + g["AND"] and e["orgc_id"] not in self.org_ids(g["OR"] + g["AND"]):
                return False
            if e["orgc_id"] in self.org_ids(g["NOT"]):
                return False
        if "eventinfo" in q and not generic(groups(q["eventinfo"]), [e["info"]]):
            return False
        if "sharinggroup" in q and scope != "attributes":
            g = groups(q["sharinggroup"])
            if g["OR"] and e["sharing_group_id"] not in g["OR"]:
                return False
            if e["sharing_group_id"] in g["NOT"]:
                return False
        date = epoch(e["date"])
        if "from" in q and date < epoch(q["from"]) or "to" in q and date > epoch(q["to"]):
            return False
        if "date" in q and scope == "events" and not within(between(q["date"], now), date):
            return False
        for k in ("event_timestamp", "timestamp"):
            if k in q and (k, scope) != ("timestamp", "attributes"):
                if not within(between(q[k], now), int(e["timestamp"])):
                    return False
        for k in ("publish_timestamp", "last"):
            if k in q and not within(between(q[k], now), int(e["publish_timestamp"])):
                return False
        if "published" in q:
            want = q["published"] if isinstance(q["published"], list) else [q["published"]]
            if e["published"] not in [str(x).lower() in ("1", "true") for x in want]:
                return False
        if "threat_level_id" in q:
            if e["threat_level_id"] not in groups(q["threat_level_id"])["OR"]:
                return False
        if "distribution" in q and scope == "events":
            if e["distribution"] not in groups(q["distribution"])["OR"]:
                return False
        if "event_tags" in q and scope == "events":
            if not self.tags_ok(groups(q["event_tags"]), [tag_names(e)], tag_names(e)):
                return False
        if "tags" in q and any(carries(tag_names(e), x) for x in groups(q["tags"])["NOT"]):
            return False
        return True

    def tags_ok(self, g, lists, event_tags):
        """OR and AND over several lists of tags, NOT over the event's own."""
        if g["OR"] and not any(carries(l, x) for x in g["OR"] for l in lists):
            return False
        if not all(any(carries(l, x) for l in lists) for x in g["AND"]):
            return False
        return not any(carries(event_tags, x) for x in g["NOT"])

    # ---- conditions on one attribute: (name, test) for those that are asked

    def attr_tests(self, q, scope):
        out = []
        now = self.now
        if "value" in q:
            g = {k: [compress(x) for x in l] for k, l in groups(q["value"]).items()}
            if g["OR"] or g["AND"]:
                out.append(("value", lambda a, g=g: generic(g, parts(a), True, negate=False)))
        if "type" in q:
            t = groups(q["type"])
            for l in (t["OR"], t["AND"]):
                if any(x in ("email-src", "email-dst") for x in l):
                    l.append("email")
            out.append(("type", lambda a: generic(t, [a["type"]], True)))
        for k in ("category", "object_relation"):
            if k in q:
                out.append((k, lambda a, g=groups(q[k]), k=k: generic(g, [a[k]])))
        if "to_ids" in q:
            v = q["to_ids"]
            want = {"exclude": [False]}.get(v) if isinstance(v, str) else None
            if want is None:
                want = [bool(int(x)) for x in (v if isinstance(v, list) else [v])]
            out.append(("to_ids", lambda a: a["to_ids"] in want))
        dead = None
        if "deleted" in q:
            v = q["deleted"]
            dead = [bool(x) for x in v] if isinstance(v, list) else [v in (1, "1", True, "only")]
        elif scope != "events":
            dead = [False]
        if dead is not None:
            out.append(("deleted", lambda a: a["deleted"] in dead))
        if "timestamp" in q and scope == "attributes":
            out.append(("timestamp",
                        lambda a: within(between(q["timestamp"], now), int(a["timestamp"]))))
        if scope == "attributes":
            for k in ("first_seen", "last_seen"):
                if k in q:
                    out.append((k, lambda a, k=k: self.seen_ok(a, k, q[k])))
            if "sharinggroup" in q:
                g = groups(q["sharinggroup"])
                out.append(("sharinggroup", lambda a, g=g: self.group_ok(a, g)))
        return out

    def seen_ok(self, x, key, v):
        t = seen(x, key)
        if t is None:
            return False
        if isinstance(v, list):
            return within(between(v, self.now), t)
        at = moment(v, self.now)
        return t >= at if key == "first_seen" else t <= at

    @staticmethod
    def group_ok(a, g):
        ids = {a["sharing_group_id"], a["_event"]["sharing_group_id"]} - {"0"}
        return (not g["OR"] or bool(ids & set(g["OR"]))) and not ids & set(g["NOT"])

    # ---- the scopes

    def events_found(self, q):
        if "searchall" in q:
            pattern = groups(q["value"])["OR"][0] if q.get("value") else q["searchall"]
            found = [e for e in self.events if self.wild(e, pattern)]
            return self.ordered(found, q, "Event")
        out = []
        tests = self.attr_tests(q, "events")
        for e in self.events:
            if not self.event_ok(e, q, "events"):
                continue
            if not all(any(t(a) for a in e["_attrs"]) for _, t in tests):
                continue
            if "uuid" in q and not self.uuid_ok(e, q):
                continue
            if "tags" in q and not self.tags_ok(
                    groups(q["tags"]), [tag_names(e)] + [tag_names(a) for a in e["_attrs"]], []):
                continue
            out.append(e)
        return self.ordered(out, q, "Event")

    @staticmethod
    def uuid_ok(e, q):
        g = groups(q["uuid"])
        mine = [e["uuid"]] + [a["uuid"] for a in e["_attrs"]]
        return (not g["OR"] or any(x in mine for x in g["OR"])) and e["uuid"] not in g["NOT"]

    @staticmethod
    def wild(e, p):
        names = [n for x in [e] + e["_attrs"] for _, n in tag_names(x)]
        if like(p, e["info"]) or any(like(p, n) for n in names):
            return True
        return any(like(fold(p), fold(c)) for a in e["_attrs"] for c in parts(a) + [a["comment"]])

    def attributes_found(self, q):
        out = []
        tests = self.attr_tests(q, "attributes")
        for e in self.events:
            if not self.event_ok(e, q, "attributes"):
                continue
            for a in e["_attrs"]:
                a["_event"] = e
                if not all(t(a) for _, t in tests):
                    continue
                if "uuid" in q:
                    g = groups(q["uuid"])
                    if g["OR"] and not {a["uuid"], e["uuid"]} & set(g["OR"]):
                        continue
                    if {a["uuid"], e["uuid"]} & set(g["NOT"]):
                        continue
                if "tags" in q:
                    g = groups(q["tags"])
                    if not self.tags_ok(g, [tag_names(a), tag_names(e)], tag_names(e) + tag_names(a)):
                        continue
                out.append(a)
        out.sort(key=lambda a: int(a["id"]))
        return self.ordered(out, q, "Attribute")

    def objects_found(self, q):
        out = []
        tests = self.attr_tests(q, "objects")
        for e in self.events:
            if not self.event_ok(e, q, "objects"):
                continue
            for o in e["_objects"]:
                if o["deleted"]:
                    continue
                attrs = o.get("Attribute", [])
                if not all(generic(groups(q[k]), [o[f]]) for k, f in
                           (("object_name", "name"), ("object_template_uuid", "template_uuid"),
                            ("object_template_version", "template_version")) if k in q):
                    continue
                if not all(self.seen_ok(o, k, q[k]) for k in ("first_seen", "last_seen") if k in q):
                    continue
                if not all(any(t(a) for a in attrs) for _, t in tests):
                    continue
                if "uuid" in q:
                    want = groups(q["uuid"])["OR"]
                    if want and e["uuid"] not in want and not any(a["uuid"] in want for a in attrs):
                        continue
                if "tags" in q and not self.tags_ok(
                        groups(q["tags"]), [tag_names(e)] + [tag_names(a) for a in attrs], []):
                    continue
                out.append(o)
        return sorted(out, key=lambda o: int(o["id"]))

    # ---- order and pages

    EVENT_ORDER = {"id": int, "info": str, "analysis": int, "threat_level_id": int,
                   "distribution": int, "timestamp": int, "publish_timestamp": int}
    ATTR_ORDER = {"id": int, "event_id": int, "object_id": int, "type": str, "category": str,
                  "value": lambda v: v, "distribution": int, "timestamp": int}

    def ordered(self, rows, q, model):
        rules = self.rules(q.get("order"), model)
        known = self.EVENT_ORDER if model == "Event" else self.ATTR_ORDER
        if rules:
            # what is equal goes by id, in the direction of the first rule
            rows = sorted(rows, key=lambda r: int(r["id"]), reverse=rules[0][1])
        for name, desc in reversed(rules or []):
            if name == "value":
                rows = sorted(rows, key=lambda r: fold(parts(r)[0]).encode(), reverse=desc)
            elif known[name] is str:
                rows = sorted(rows, key=lambda r: r[name].encode(), reverse=desc)
            else:
                rows = sorted(rows, key=lambda r: int(r[name]), reverse=desc)
        return rows

    def rules(self, order, model):
        if not order:
            return None
        out = []
        for r in order if isinstance(order, list) else order.split(","):
            name, _, way = r.strip().partition(" ")
            if model == "Event" and name.startswith("Event."):
                name = name[6:]
            known = self.EVENT_ORDER if model == "Event" else self.ATTR_ORDER
            if name not in known or way.strip().lower() not in ("", "asc", "desc"):
                return None
            out.append((name, way.strip().lower() == "desc"))
        return out

    @staticmethod
    def page(rows, q):
        limit, page = int(q.get("limit", 0)), int(q.get("page", 1))
        if limit <= 0:
            return rows
        return rows[limit * (page - 1):limit * page]

    def count(self, scope, rows, shown, q):
        limit = int(q.get("limit", 0))
        if scope in ("events", "index"):
            return len(rows)
        if scope == "objects":
            return len(shown)
        if limit > 0 and (len(shown) == limit or (not shown and int(q.get("page", 1)) > 1)):
            return len(shown) + 1
        return len(shown)

    # ---- sightings: (sighting, attribute, event)

    def sightings_found(self, q, all_sightings):
        now = self.now
        if "from" in q and "to" in q:
            r = tuple(sorted((moment(q["from"], now), moment(q["to"], now))))
        elif "last" in q:
            t = moment(q["last"], now)
            r = (t or None, None)
        else:
            r = (now - 30 * DAY, None)
        types = [str(x) for x in (q["type"] if isinstance(q.get("type"), list) else
                                  [q["type"]] if "type" in q else [])]
        out = []
        for s in all_sightings:
            if not within(r, int(s["date_sighting"])) or (types and s["type"] not in types):
                continue
            if "source" in q and s["source"] != q["source"]:
                continue
            if "org_id" in q:
                v = q["org_id"]
                uuid = s["Organisation"]["uuid"]
                if v.startswith("!") and uuid == v[1:] or not v.startswith("!") and uuid != v:
                    continue
            out.append(s)
        return out

    # ---- events/index (3.7)

    def index_found(self, q):
        out = []
        for e in self.events:
            if all(getattr(self, "ix_" + k)(e, v) for k, v in q.items()
                   if hasattr(self, "ix_" + k)):
                out.append(e)
        if "sort" in q:
            desc = q.get("direction") == "desc"
            out = sorted(out, key=lambda r: int(r["id"]), reverse=desc)
            if q["sort"] == "info":
                out = sorted(out, key=lambda r: r["info"].encode(), reverse=desc)
            else:
                out = sorted(out, key=lambda r: int(r[q["sort"]]), reverse=desc)
        return out

    @staticmethod
    def piped(v):
        items = v if isinstance(v, list) else str(v).split("|")
        return [x for x in items if x[:1] != "!"], [x[1:] for x in items if x[:1] == "!"]

    def ix_eventid(self, e, v):
        yes, no = self.piped(v)
        mine = (e["id"], e["uuid"])
        return (not yes or any(x in mine for x in yes)) and not any(x in mine for x in no)

    def ix_eventinfo(self, e, v):
        yes, no = self.piped(v)
        info = fold(e["info"])
        return (not yes or any(fold(x) in info for x in yes)) and not any(fold(x) in info for x in no)

    def ix_published(self, e, v):
        return str(v) == "2" or e["published"] == (str(v) == "1")

    def ix_threatlevel(self, e, v):
        yes, no = self.piped(v)
        return (not yes or e["threat_level_id"] in yes) and e["threat_level_id"] not in no

    def ix_distribution(self, e, v):
        yes, no = self.piped(v)
        return (not yes or e["distribution"] in yes) and e["distribution"] not in no

    def ix_analysis(self, e, v):
        yes, no = self.piped(v)
        return (not yes or e["analysis"] in yes) and e["analysis"] not in no

    def ix_org(self, e, v):
        yes, no = self.piped(v)
        same = [o["id"] for o in self.orgs]

        def ids(names):
            return {o["id"] for o in self.orgs for x in names
                    if x in (o["id"], o["uuid"]) or x.lower() == o["name"].lower()}
        assert same
        return (not yes or e["orgc_id"] in ids(yes)) and e["orgc_id"] not in ids(no)

    def ix_tags(self, e, v):
        yes, no = self.piped(v)
        mine = {n for _, n in tag_names(e)} | {i for i, _ in tag_names(e)}
        return (not yes or any(x in mine for x in yes)) and not any(x in mine for x in no)

    def ix_datefrom(self, e, v):
        return e["date"] >= v

    def ix_dateuntil(self, e, v):
        return e["date"] <= v

    def ix_attribute(self, e, v):
        yes, no = self.piped(v)
        cols = [fold(c) for a in e["_attrs"] for c in parts(a)]
        if yes and not any(fold(x) in c for x in yes for c in cols):
            return False
        return not any(fold(x) in c for x in no for c in cols)

    def ix_value(self, e, v):
        return any(fold(v) == fold(c) for a in e["_attrs"] for c in parts(a))

    def ix_sharinggroup(self, e, v):
        yes, no = self.piped(v)
        return (not yes or e["sharing_group_id"] in yes) and e["sharing_group_id"] not in no

    def ix_all(self, e, v):
        names = [e["info"], e["uuid"]] + [n for _, n in tag_names(e)]
        names += [o["name"] for o in self.orgs if o["id"] in (e["org_id"], e["orgc_id"])]
        names += [c for a in e["_attrs"] if not a["deleted"] for c in parts(a) + [a["comment"]]]
        return any(fold(v) in fold(x) for x in names)

    def ix_publish_timestamp(self, e, v):
        return within(between(v, self.now), int(e["publish_timestamp"]))

    def ix_timestamp(self, e, v):
        return within(between(v, self.now), int(e["timestamp"]))
