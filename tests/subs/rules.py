"""rules.py - budgets with each priority, age, decay, warning lists and embargoes, beside a model in Python."""
import random
import time

from subsworld import SEED, World, ok, same, wait_for

PRIORITIES = ("newest", "severest", "last_seen")


class Model:
    """Attributes as they were put: value -> (event, time, last_seen or None)."""

    def __init__(self):
        self.levels, self.rows, self.made = {}, {}, 0

    def best(self, priority, n):
        def score(v):
            event, at, seen = self.rows[v]
            if priority == "severest":
                return (-self.levels[event], at)
            return (seen or at,) if priority == "last_seen" else (at,)
        return sorted(self.rows, key=score, reverse=True)[:n]


def iso(t):
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(t))


def fill(w, m, rnd, now, n, level):
    """An event of n names, each with a time of its own."""
    rows = []
    for _ in range(n):
        k, m.made = m.made, m.made + 1
        at = now - 86400 - 3600 * (7919 * (k + 1) % 10007)
        seen = min(at + 60 * 86400 * rnd.randrange(2) * (k % 3), now - 60 * k)
        rows.append(("domain", "n%d.example" % k, {"timestamp": str(at), **({"last_seen": iso(seen), "first_seen": iso(at)} if seen != at else {})}))
    e = w.event(rows, threat_level_id=str(level))
    m.levels[e["id"]] = level
    for a in e["Attribute"]:
        k = int(a["value"][1:].split(".")[0])
        at = now - 86400 - 3600 * (7919 * (k + 1) % 10007)
        given = [r for r in rows if r[1] == a["value"]][0][2]
        same(int(a["timestamp"]), at, "the time of an attribute is taken") if k == 0 else None
        seen = None
        if "last_seen" in given:
            seen = int(time.mktime(time.strptime(given["last_seen"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone)
        m.rows[a["value"]] = (e["id"], at, seen)
    return e


def budgets():
    with World() as w:
        rnd, m, now = random.Random(SEED), Model(), int(time.time())
        events = [fill(w, m, rnd, now, 15, level) for level in (1, 2, 3, 4)]
        for p in PRIORITIES:
            w.subscribe(p, "domain-list", max_entries=17, priority=p)
        w.subscribe("few", "domain-list", max_entries=1)
        serials = {p: w.whole(p)[0] for p in PRIORITIES}
        check = lambda what: [w.becomes(p, m.best(p, 17), "%s: %s" % (p, what)) for p in PRIORITIES]  # noqa: E731
        check("the 17 first of 60")
        same(w.status("newest")["eligible"], 60, "60 are eligible")
        gone = [v for v in m.best("newest", 9) if rnd.random() < 0.7]
        for e in events:
            for a in e["Attribute"]:
                if a["value"] in gone:
                    w.must(w.c.post("/attributes/delete/" + a["id"]), "delete")
                    del m.rows[a["value"]]
            w.publish(e["id"])
        check("others take the places of those that went")
        events.append(fill(w, m, rnd, now, 10, 1))
        check("ten more, of the highest level")
        w.must(w.c.post("/events/delete/" + events[0]["id"]), "delete")
        m.rows = {v: r for v, r in m.rows.items() if r[0] != events[0]["id"]}
        check("an event less")
        w.edit("newest", max_entries=3)
        w.becomes("newest", m.best("newest", 3), "a smaller budget")
        w.becomes("few", m.best("newest", 1), "one")
        for p in PRIORITIES[1:]:
            a = w.get(p, "?since=%d" % serials[p])
            ok(a.status == 200 and a.headers["x-tocsin-change"] == "lines", p + ": the way from its first serial is known", a.text()[:300])


def ages():
    with World() as w:
        now = int(time.time())
        old = [("domain", "old.example", {"timestamp": str(now - 40 * 86400)}),
               ("domain", "seen.example", {"timestamp": str(now - 40 * 86400), "last_seen": iso(now - 60)}),
               ("domain", "past.example", {"timestamp": str(now - 60), "last_seen": iso(now - 40 * 86400)}),
               ("domain", "ends.example", {"timestamp": str(now - 86400 * 30 + 8)}), ("domain", "new.example")]
        w.subscribe("month", "domain-list", max_age=30 * 86400)
        w.subscribe("ever", "domain-list")
        serial = w.whole("month")[0]
        e = w.event(old)
        stay = ["new.example", "seen.example"]
        w.becomes("ever", [a[1] for a in old], "without an age all stay")
        wait_for(lambda: set(stay) <= set(w.lines("month")))
        ok(set(w.lines("month")) - {"ends.example"} == set(stay), "what is too old does not come; what was seen last counts", w.lines("month"))
        w.becomes("month", stay, "and what becomes too old leaves by itself")
        ok(w.whole("month")[0] > serial, "with another serial")
        by_value = {a["value"]: a["id"] for a in e["Attribute"]}
        w.must(w.c.post("/attributes/edit/" + by_value["old.example"], {"last_seen": iso(now)}), "edit")
        w.publish(e["id"])
        w.becomes("month", stay + ["old.example"], "seen again: it comes back")
        w.edit("month", max_age=10 * 86400 * 365)
        w.becomes("month", [a[1] for a in old], "a longer age")


def lists():
    with World() as w:
        now = int(time.time())
        model = w.must(w.c.post("/decayingModel/add", {
            "name": "brief", "enabled": True, "all_orgs": True, "attribute_types": ["domain"],
            "parameters": {"lifetime": 30, "decay_speed": 1, "threshold": 20, "default_base_score": 100}}), "model")["DecayingModel"]
        w.subscribe("decay", "domain-list", decay_model=int(model["id"]))
        w.subscribe("lists", "domain-list", enforceWarninglist=True)
        w.event([("domain", "old.example", {"timestamp": str(now - 60 * 86400)}), ("domain", "new.example"), ("domain", "listed.example"),
                 ("domain", "sub.listed.example")])
        names = ["listed.example", "new.example", "sub.listed.example"]
        w.becomes("decay", names, "what has decayed does not come")
        w.becomes("lists", names + ["old.example"], "no list yet")
        a = w.must(w.c.post("/warninglists/add", {"Warninglist": {
            "name": "ours", "description": "x", "type": "hostname", "enabled": True, "category": "false_positive",
            "entries": ["listed.example"], "matching_attributes": ["domain"]}}), "list")
        number = a["Warninglist"]["id"]
        if not a["Warninglist"].get("enabled"):
            w.must(w.c.post("/warninglists/toggleEnable", {"id": number, "enabled": True}), "enable")
        w.becomes("lists", ["new.example", "old.example"], "what a list holds goes when the list is there")
        w.must(w.c.post("/warninglists/toggleEnable", {"id": number, "enabled": False}), "disable")
        w.becomes("lists", names + ["old.example"], "and comes back when it is off")
        w.must(w.c.post("/decayingModel/edit/" + model["id"], {"parameters": {
            "lifetime": 3000, "decay_speed": 1, "threshold": 20, "default_base_score": 100}}), "model")
        w.becomes("decay", names + ["old.example"], "a slower model lets it in")


def embargoes():
    with World() as w:
        w.subscribe("open", "domain-list", audience="open")
        w.subscribe("own", "domain-list")
        ends = int(time.time()) + 5
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
        w.event([("domain", "free.example")], ["tlp:clear"])
        w.event([("domain", "held.example")], ["tlp:clear", 'embargo:public="%s"' % stamp])
        w.event([("domain", "green.example")], ["tlp:green"])
        w.becomes("own", ["free.example", "green.example", "held.example"], "the own class has all")
        before = [w.lines("open")]
        if time.time() < ends - 1:
            same(before, [["free.example"]], "the public one what is free")
        first = wait_for(lambda: time.time() if "held.example" in w.lines("open") else None)
        ok(first and first >= ends, "and what was under an embargo when that has ended, not before", (first, ends))
        w.becomes("open", ["free.example", "held.example"], "no more than that")


def run():
    budgets()
    ages()
    lists()
    embargoes()
