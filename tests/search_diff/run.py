#!/usr/bin/env python3
"""Ask a node random searches of every scope and compare with the reference (README)."""
import json
import os
import random
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import node as nodelib  # noqa: E402
import reference  # noqa: E402
import world as worlds  # noqa: E402

PATHS = {"events": "/events/restSearch", "attributes": "/attributes/restSearch",
         "objects": "/objects/restSearch", "sightings": "/sightings/restSearch",
         "index": "/events/index"}


class Asker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    # ---- filters

    def text(self, pool):
        """A word of the pool, whole, in another case, or as a pattern."""
        r = self.r
        s = r.choice(pool)
        way = r.randrange(8)
        if way == 0:
            s = s.upper()
        elif way == 1 and len(s) > 2:
            s = "%" + s[1:-1] + "%"
        elif way == 2 and len(s) > 2:
            s = s[:-2] + "%"
        elif way == 3 and len(s) > 2:
            s = "%" + s[2:]
        elif way == 4:
            s = "nothing " + s
        return s

    def form(self, make, negate=True, every=True):
        """One of the forms of 3.2."""
        r = self.r
        way = r.randrange(8)
        no = "!" if negate and r.random() < .3 else ""
        if way < 3:
            return no + make()
        if way == 3:
            return [make() for _ in range(r.randrange(1, 4))]
        if way == 4:
            return [(no if r.random() < .5 else "") + make() for _ in range(2)]
        if way == 5:
            return "||".join(make() for _ in range(2))
        if way == 6 and every:
            return {"AND": [make() for _ in range(r.randrange(1, 3))]}
        return {"OR": [make() for _ in range(r.randrange(1, 3))],
                **({"NOT": [make()]} if negate and r.random() < .5 else {})}

    def value(self, w):
        pool = [x for v in worlds.VALUES.values() for t in v for x in t.split("|")]
        v = self.form(lambda: self.text(pool), negate=False)
        return v

    def when(self, w):
        r = self.r
        t = [str(w.now - r.choice([1800, 7200, 90000, 200 * 86400, 500 * 86400])),
             r.choice(["2h", "2d", "100d", "500d"]), "2025-05-05", "high tide"]
        if r.random() < .3:
            return [t[0], str(w.now - r.randrange(600) * 86400)]
        return r.choice(t[:3] * 4 + t[3:])

    def iso_range(self):
        r = self.r
        d = ["2025-01-%02d" % r.randrange(1, 22) for _ in range(2)]
        return d if r.random() < .4 else d[0]

    def params(self, w, who):
        r, e = self.r, w.seen[who]
        ids = [x["id"] for x in e] or ["1"]
        events = [x["uuid"] for x in e] or [w.uuids[0]]
        attrs = [a["uuid"] for x in e for a in w.elements(x) if "value" in a] or events
        orgs = [o[k] for o in w.orgs for k in ("id", "name", "uuid")] + ["Nobody"]

        def pick(pool):
            return lambda: r.choice(pool)
        tags = worlds.TAGS + ["skerry%", "%net", "absent:tag"] + [i for i, _ in w.tags[who]][:3]
        return {
            "value": lambda: self.value(w),
            "type": lambda: self.form(pick(list(worlds.VALUES) + ["ip-%", "IP-DST"])),
            "category": lambda: self.form(pick(sorted(set(worlds.CATEGORY.values())) + ["other"])),
            "object_relation": lambda: self.form(pick(worlds.RELATIONS + ["%url"])),
            "to_ids": lambda: r.choice([1, 0, "1", "0", "exclude", [0, 1]]),
            "deleted": lambda: r.choice([1, "only", [0, 1], 0]),
            "tags": lambda: self.form(pick(tags)),
            "event_tags": lambda: self.form(pick(tags)),
            "org": lambda: self.form(pick(orgs), every=False),
            "eventid": lambda: self.form(pick(ids + events), every=False),
            "uuid": lambda: self.form(pick(events + attrs), negate=False, every=False),
            "eventinfo": lambda: self.form(lambda: self.text(worlds.INFOS)),
            "sharinggroup": lambda: r.choice([w.group, "!" + w.group]),
            "from": lambda: "2025-%02d-01" % r.randrange(1, 13),
            "to": lambda: "2025-%02d-28" % r.randrange(1, 13),
            "date": lambda: r.choice(["2025-05-01", ["2025-03-01", "2025-07-30"],
                                      ["2025-09-01", "2025-02-10"]]),
            "timestamp": lambda: self.when(w),
            "event_timestamp": lambda: self.when(w),
            "publish_timestamp": lambda: r.choice(["1d", "2025-01-01", "0"]),
            "last": lambda: r.choice(["1d", "30d"]),
            "published": lambda: r.choice([0, 1, True, False, [0, 1], "1"]),
            "threat_level_id": lambda: r.choice(["1", "2", ["1", "3"], 4]),
            "distribution": lambda: r.choice(["0", "1", ["1", "3"]]),
        }

    EVENTS = ("value type category object_relation to_ids deleted tags event_tags org eventid uuid "
              "eventinfo sharinggroup from to date timestamp event_timestamp publish_timestamp last "
              "published threat_level_id distribution").split()
    ATTRS = [x for x in EVENTS if x not in ("event_tags", "date", "distribution")] + \
        ["first_seen", "last_seen"]
    OBJECTS = [x for x in ATTRS if x not in ("deleted", "sharinggroup")] + \
        ["object_name", "object_template_uuid", "object_template_version"]

    def page(self, q, orders):
        r = self.r
        if r.random() < .4:
            q["limit"] = r.choice([1, 2, 3, 5, 10, 50])
            if r.random() < .6:
                q["page"] = r.randrange(1, 5)
        if orders and r.random() < .3:
            rules = [r.choice(orders) + r.choice(["", " asc", " desc"])
                     for _ in range(r.randrange(1, 3))]
            q["order"] = rules if r.random() < .3 else ",".join(rules)
        return q

    def ask(self, w, who):
        r = self.r
        scope = r.choice(["events", "events", "attributes", "attributes", "attributes", "objects",
                          "objects", "sightings", "index"])
        return scope, getattr(self, "ask_" + scope)(w, who)

    def some(self, w, who, names):
        p = self.params(w, who)
        p["first_seen"] = p["last_seen"] = self.iso_range
        p["object_name"] = lambda: self.form(lambda: self.r.choice(["file", "url", "net%", "x"]))
        p["object_template_uuid"] = lambda: self.form(
            lambda: self.r.choice([o[1] for o in worlds.OBJECTS]))
        p["object_template_version"] = lambda: self.form(lambda: self.r.choice(["24", "3", "9"]))
        n = self.r.choice([0, 1, 1, 1, 2, 2, 3])
        return {k: p[k]() for k in self.r.sample(names, n)}

    def ask_events(self, w, who):
        q = self.some(w, who, self.EVENTS)
        if self.r.random() < .08:
            q = {"searchall": self.text(worlds.INFOS + worlds.TAGS + worlds.COMMENTS[2:] +
                                        worlds.VALUES["text"])}
        q = self.page(q, ["id", "info", "timestamp", "Event.publish_timestamp", "threat_level_id",
                          "analysis", "distribution", "foam"])
        if self.r.random() < .6:
            q["metadata"] = 1
        return q

    def ask_attributes(self, w, who):
        q = self.some(w, who, self.ATTRS)
        for k in ("includeEventTags", "includeEventUuid", "includeContext"):
            if self.r.random() < .1:
                q[k] = 1
        return self.page(q, ["id", "event_id", "object_id", "type", "category", "value",
                             "timestamp", "distribution", "value1"])

    def ask_objects(self, w, who):
        return self.page(self.some(w, who, self.OBJECTS), None)

    def ask_sightings(self, w, who):
        r, q = self.r, {}
        if r.random() < .7:
            q["last"] = r.choice(["0", "40d", "2000d", "10d"])
        elif r.random() < .5:
            q["from"], q["to"] = str(w.now - 80 * 86400), str(w.now - 20 * 86400)
        if r.random() < .4:
            q["type"] = r.choice(["0", "1", 2, ["0", "2"]])
        if r.random() < .3:
            q["source"] = r.choice(["honey", "analyst", "none"])
        if r.random() < .3:
            q["org_id"] = r.choice(["", "!"]) + r.choice(w.orgs)["uuid"]
        return q

    def ask_index(self, w, who):
        r = self.r
        e = w.seen[who]
        ids = [x[k] for x in e for k in ("id", "uuid")] or ["1"]

        def piped(pool, every=True):
            def f():
                items = [("!" if r.random() < .25 else "") + r.choice(pool)
                         for _ in range(r.randrange(1, 3))]
                return "|".join(items)
            return f
        p = {"eventid": piped(ids),
             "eventinfo": piped(["skerry", "TIDES", "Ærø", "of it", "none"]),
             "published": lambda: r.choice([0, 1, 2]),
             "threatlevel": piped(["1", "2", "3"]), "distribution": piped(["0", "1", "3"]),
             "analysis": piped(["0", "1", "2"]),
             "org": piped([o[k] for o in w.orgs for k in ("id", "name", "uuid")]),
             "tags": piped(worlds.TAGS[:5]),
             "datefrom": lambda: "2025-%02d-01" % r.randrange(1, 13),
             "dateuntil": lambda: "2025-%02d-28" % r.randrange(1, 13),
             "attribute": piped(["skerry", "203.0.113", "ISLE", "none", "boat.exe"]),
             "value": lambda: r.choice(["boat.exe", "203.0.113.7", "aero", "none"]),
             "sharinggroup": lambda: w.group,
             "all": lambda: r.choice(["skerry", "LIGHTHOUSE", "twice", "ærø", "none", "amber"]),
             "publish_timestamp": lambda: r.choice(["1d", "2025-01-01"]),
             "timestamp": lambda: self.when(w)}
        q = {k: p[k]() for k in r.sample(sorted(p), r.choice([0, 1, 1, 2, 3]))}
        if r.random() < .4:
            q["limit"] = r.choice([1, 3, 10])
            q["page"] = r.randrange(1, 4)
        if r.random() < .3:
            q["sort"] = r.choice(["id", "info", "timestamp", "threat_level_id"])
            q["direction"] = r.choice(["asc", "desc"])
        return q


# ---- what is compared

ATTR_MEMBERS = ("uuid", "type", "category", "value", "to_ids", "comment", "timestamp", "deleted",
                "object_relation", "event_id", "object_id", "first_seen", "last_seen")


def attr_shape(a):
    return {k: a[k] for k in ATTR_MEMBERS}


def expected(ref, scope, q, sightings):
    if scope == "events":
        rows = ref.events_found(q)
        shown = ref.page(rows, q)
        return ref.count(scope, rows, shown, q), [e["id"] for e in shown], shown
    if scope == "attributes":
        rows = ref.attributes_found(q)
        shown = ref.page(rows, q)
        return ref.count(scope, rows, shown, q), [a["id"] for a in shown], \
            [attr_shape(a) for a in shown]
    if scope == "objects":
        rows = ref.objects_found(q)
        shown = ref.page(rows, q)
        return ref.count(scope, rows, shown, q), [o["id"] for o in shown], \
            [sorted(a["id"] for a in o["Attribute"] if not a["deleted"]) for o in shown]
    if scope == "sightings":
        rows = ref.sightings_found(q, sightings)
        return 0, [s["id"] for s in rows], None
    rows = ref.index_found(q)
    shown = ref.page(rows, q)
    return len(rows), [e["id"] for e in shown], [e["info"] for e in shown]


def answered(scope, q, doc):
    if scope == "events":
        return [e["Event"]["id"] for e in doc["response"]], [e["Event"] for e in doc["response"]]
    if scope == "attributes":
        rows = doc["response"]["Attribute"]
        return [a["id"] for a in rows], [attr_shape(a) for a in rows]
    if scope == "objects":
        rows = [o["Object"] for o in doc["response"]]
        return [o["id"] for o in rows], [sorted(a["id"] for a in o["Attribute"]) for o in rows]
    if scope == "sightings":
        return [s["Sighting"]["id"] for s in doc["response"]], None
    return [e["id"] for e in doc], [e["info"] for e in doc]


def event_output(q, want):
    """Ids of the attributes that an event found is shown with (3.4, output)."""
    dead = [False]
    if "deleted" in q:
        v = q["deleted"]
        dead = [bool(x) for x in v] if isinstance(v, list) else [v in (1, "only")]
    ids = None
    v = q.get("to_ids")
    if v is not None and v != "0":
        ids = {1: [True], "1": [True], 0: [False], "exclude": [False]}.get(
            v if not isinstance(v, list) else None)
    without = reference.groups(q["tags"])["NOT"] if "tags" in q else []
    return sorted(a["id"] for a in want["_attrs"] if a["deleted"] in dead and
                  ("_object" not in a or a["_object"]["deleted"] in dead) and
                  (ids is None or a["to_ids"] in ids) and
                  not any(reference.carries(reference.tag_names(a), x) for x in without))


def named(scope, q):
    """The same in the path (/name:value), where all values are plain texts; else None."""
    flat = {}
    for k, v in q.items():
        if scope in ("index", "sightings") or k in ("searchall", "to_ids", "published", "order") or \
                isinstance(v, (list, dict, bool)) or any(c in str(v) for c in "/:;%\\") or \
                str(v) != str(v).strip():
            return None
        flat[k] = urllib.parse.quote(str(v), safe="")
    return PATHS[scope] + "".join("/%s:%s" % x for x in flat.items()) if flat else None


def difference(scope, q, ref, ans, sightings):
    """None, or what is not as it should be."""
    if ans.status != 200:
        return "status %d %s" % (ans.status, ans.text()[:200])
    total, ids, rows = expected(ref, scope, q, sightings)
    got_ids, got = answered(scope, q, ans.json())
    if scope == "sightings":
        ids, got_ids = sorted(ids, key=int), sorted(got_ids, key=int)
    if ids != got_ids:
        return "ids\n  want %s\n  got  %s" % (ids, got_ids)
    if str(total) != ans.headers.get("x-result-count"):
        return "count: want %s, got %s" % (total, ans.headers.get("x-result-count"))
    if scope == "events":
        if "metadata" in q or "searchall" in q:
            return None
        for want, e in zip(rows, got):
            have = sorted([a["id"] for a in e["Attribute"]] +
                          [a["id"] for o in e["Object"] for a in o["Attribute"]])
            if have != event_output(q, want):
                return "event %s has attributes %s, want %s" % (e["id"], have,
                                                                event_output(q, want))
        return None
    if rows != got:
        return "members\n  want %s\n  got  %s" % (json.dumps(rows)[:600], json.dumps(got)[:600])
    return None


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    seed = int(os.environ.get("SEARCH_DIFF_SEED", "0")) or int(time.time() * 1000) % 10**9
    seconds = float(os.environ.get("SEARCH_DIFF_SECONDS", "20"))
    most = int(os.environ.get("SEARCH_DIFF_ASKS", "0"))
    node = nodelib.Node()
    node.start()
    try:
        w = worlds.World(node, seed)
        asker = Asker(seed)
        refs = {who: reference.World(w.seen[who], w.orgs, w.tags[who], w.now) for who in w.clients}
        n, hits, bad, per = 0, 0, 0, {}
        end = time.monotonic() + seconds
        while time.monotonic() < end and (not most or n < most) and bad < 5:
            who = asker.r.choice(list(w.clients))
            scope, q = asker.ask(w, who)
            refs[who].now = int(time.time())
            path = named(scope, q) if asker.r.random() < .2 else None
            ans = w.clients[who].get(path) if path else w.clients[who].post(PATHS[scope], q)
            n += 1
            per[scope] = per.get(scope, 0) + 1
            why = difference(scope, q, refs[who], ans, w.sightings[who])
            hits += ans.status == 200 and len(ans.body) > 40
            if why:
                bad += 1
                print("not ok - seed %d, question %d: %s asks %s\n  %s\n%s"
                      % (seed, n, who, path or PATHS[scope], json.dumps(q), why))
        print("%s - seed %d: %d searches (%s), %d with answers, %d differ"
              % ("not ok" if bad else "ok", seed, n,
                 ", ".join("%s %d" % x for x in sorted(per.items())), hits, bad))
        if not most and n < 200:
            print("# only %d searches in %g s: the machine is slow" % (n, seconds))
        return bool(bad) or (n >= 200 and hits * 5 < n)
    finally:
        node.stop()


if __name__ == "__main__":
    sys.exit(main())
