#!/usr/bin/env python3
"""Scores of decaying models beside an evaluator of its own: random models, tags with values, sightings; each
caller's scores must follow from what that caller sees, and from nothing else."""
import csv
import io
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import node as nodelib  # noqa: E402
import world as worlds  # noqa: E402

PATH = "/attributes/restSearch"
NAMES = ['estimate:likely="sure"', 'estimate:likely="hardly"', 'estimate:source="a"', "age:old", "age:new",
         "plain", 'estimate:likely="odd"x', "estimate:likely=none"]
failed = checked = 0


def wrong(what, *more):
    global failed
    failed += 1
    if failed < 20:
        print("not ok -", what, *more)


# ---- the evaluator

def base_name(tag):
    """Namespace and predicate when there is a value, the namespace when there is none, else the whole tag."""
    parts = tag.split(":")
    if len(parts) != 2 or not parts[0] or set(parts[0]) & set('="'):
        return tag
    ns, rest = parts
    if rest and not set(rest) & set('="'):
        return ns
    halves = rest.split("=")
    if len(halves) == 2 and halves[0] and '"' not in halves[0] and len(halves[1]) > 2:
        inner = halves[1][1:-1]
        if halves[1] == '"' + inner + '"' and '"' not in inner:
            return ns + ":" + halves[0]
    return tag


def base_score(model, event_tags, attr_tags, value):
    """Tags of the attribute take the place of those of the event that have the same base."""
    config = model["parameters"].get("base_score_config", {})
    used = [(base_name(t), t) for t in event_tags]
    for t in attr_tags:
        base = base_name(t)
        places = [i for i, x in enumerate(used) if x and x[0] == base and i < len(event_tags)]
        if not places:
            used.append((base, t))
        else:
            used[places[0]] = (base, t)
            for i in places[1:]:
                used[i] = None
    used = [(b, value[t]) for b, t in filter(None, used) if b in config and value.get(t) is not None]
    total = sum(config[b] for b, _ in used)
    if not total:
        return model["parameters"].get("default_base_score", 0)
    return sum(config[b] / total * v for b, v in used)


def seconds(iso):
    import datetime
    return int(datetime.datetime.fromisoformat(iso).timestamp())


def since(attr):
    changed = int(attr["timestamp"])
    fallback = seconds(attr["last_seen"]) if attr["last_seen"] else changed
    times = [int(s["date_sighting"]) for s in attr.get("Sighting", []) if s["type"] == "0"]
    newest = max(times, default=None)
    return fallback if newest is None or changed > newest else newest


def score(model, base, elapsed):
    p = model["parameters"]
    if elapsed < -60:
        return 0.0
    elapsed = max(elapsed, 0)
    return max(0.0, base * (1 - (elapsed / (p["lifetime"] * 86400.0)) ** (1.0 / p["decay_speed"])))


def close(got, low, high):
    slack = 1e-6 * (1 + abs(high))
    return low - slack <= got <= high + slack


# ---- the world

def make_tags(w, r):
    value = {}
    for name in NAMES + worlds.TAGS[2:4]:
        v = r.choice([None, r.randrange(0, 101), r.randrange(0, 101)])
        tag = worlds.must(w.admin.post("/tags/add", {"name": name, "exportable": True}), "tag")["Tag"]
        worlds.must(w.admin.post("/tags/edit/" + tag["id"], {
            "name": name, "exportable": True, "numerical_value": "" if v is None else str(v)}), "tag")
        value[name] = v
    return value


def attach(w, r):
    for u in w.uuids:
        e = worlds.must(w.admin.get("/events/view/" + u), "view")["Event"]
        things = [e["uuid"]] + [a["uuid"] for a in w.elements(e) if "value" in a]
        for t in things:
            for name in r.sample(NAMES, r.choice([0, 0, 1, 2, 3])):
                w.admin.post("/tags/attachTagToObject", {"uuid": t, "tag": name})


def make_models(w, r):
    models = []
    for i in range(6):
        config = {b: r.choice([0.25, 0.5, 1, 3]) for b in
                  r.sample(["estimate:likely", "estimate:source", "age", "plain", "skerry"], r.randrange(0, 4))}
        p = {"lifetime": r.choice([0.5, 30, 400, 3000]), "decay_speed": r.choice([0.3, 1, 2.5, 10]),
             "threshold": r.randrange(0, 80), "default_base_score": r.choice([0, 50, 100])}
        if config or r.random() < .5:
            p["base_score_config"] = config
        by = "admin" if i < 3 else r.choice(["admin", "member"])
        doc = {"name": "model %d" % i, "parameters": p, "enabled": i % 4 != 3, "all_orgs": i % 3 != 2,
               "attribute_types": r.sample(list(worlds.VALUES), 8)}
        m = worlds.must(w.clients[by].post("/decayingModel/add", doc), "model")["DecayingModel"]
        m["by"] = by
        m["attribute_types"] = doc["attribute_types"]
        m["parameters"] = p
        models.append(m)
    return models


def may_see(m, who):
    return who == "admin" or m["all_orgs"] or m["by"] == who


# ---- comparing

def wanted(w, who, models, value, asked, overrides):
    """attribute id -> [(model, base, since)]"""
    out = {}
    for e in w.seen[who]:
        for a in w.elements(e):
            if "value" not in a or a["deleted"]:
                continue
            rows = []
            for m in models:
                if not may_see(m, who) or (m["id"] not in asked if asked else not m["enabled"]):
                    continue
                if not asked and a["type"] not in m["attribute_types"]:
                    continue
                m = {**m, "parameters": {**m["parameters"], **overrides}}
                tags = [[t["name"] for t in x.get("Tag", [])] for x in (e, a)]
                rows.append((m, base_score(m, *tags, value), since(a)))
            out[a["id"]] = rows
    return out


def judge(row, t0, t1):
    m, base, start = row
    a, b = score(m, base, t1 - start), score(m, base, t0 - start)
    return min(a, b), max(a, b)


def compare(w, who, models, value, q, asked=(), overrides=None):
    global checked
    want = wanted(w, who, models, value, asked, overrides or {})
    t0 = int(time.time()) - 10  # the daemon's clock may be a little behind
    ans = w.clients[who].post(PATH, {**q, "includeDecayScore": 1})
    t1 = int(time.time()) + 1
    got = {a["id"]: a.get("decay_score", []) for a in worlds.must(ans, "search")["response"]["Attribute"]}
    where = "%s %r" % (who, q)
    if not q.get("excludeDecayed") and set(got) != set(want):
        wrong(where, "other attributes", set(got) ^ set(want))
    for i, rows in want.items():
        scores = [judge(row, t0, t1) for row in rows]
        sure = [high < row[0]["parameters"]["threshold"] for row, (_, high) in zip(rows, scores)]
        fresh = [low >= row[0]["parameters"]["threshold"] for row, (low, _) in zip(rows, scores)]
        checked += 1
        if q.get("excludeDecayed"):
            if i in got and rows and all(sure):
                wrong(where, "attribute", i, "is decayed and shown")
            if i not in got and (not rows or any(fresh)):
                wrong(where, "attribute", i, "is not decayed and left out", [(r[0]["id"], r[1], s) for r, s in zip(rows, scores)])
        if i not in got:
            continue
        if [s["DecayingModel"]["id"] for s in got[i]] != [r[0]["id"] for r in rows]:
            wrong(where, "attribute", i, "other models", got[i])
            continue
        for s, row, (low, high), old, new in zip(got[i], rows, scores, sure, fresh):
            if not close(s["base_score"], row[1], row[1]) or not close(s["score"], low, high) or \
                    (old and not s["decayed"]) or (new and s["decayed"]):
                wrong(where, "attribute", i, s, "wanted", row[1], low, high)
    return ans


def check_csv(w, who, models, value):
    cols = ["uuid", "decay_score_score", "decay_score_decayed"]
    js = worlds.must(w.clients[who].post(PATH, {"includeDecayScore": 1}), "search")["response"]["Attribute"]
    ans = w.clients[who].post(PATH, {"includeDecayScore": 1, "returnFormat": "csv",
                                     "requested_attributes": ["uuid"]})
    rows = list(csv.reader(io.StringIO(ans.text())))
    if rows[0] != cols:
        wrong("csv columns", rows[0])
    lines = {r[0]: r[1:] for r in rows[1:] if r}
    for a in js:
        d = a.get("decay_score", [])
        mean = sum(s["score"] for s in d) / len(d) if d else 0
        line = lines.get(a["uuid"])
        if not line or abs(float(line[0]) - mean) > 0.1 or line[1] != str(int(any(s["decayed"] for s in d))):
            wrong("csv line", a["uuid"], line, mean)


def check_paging(w, who):
    """Pages are shorter for what is left out, and do not move."""
    q = {"excludeDecayed": 1, "limit": 7}
    all_ids = [a["id"] for a in worlds.must(w.clients[who].post(PATH, {"limit": 100000}), "all")
               ["response"]["Attribute"]]
    kept = [a["id"] for a in worlds.must(w.clients[who].post(PATH, {"excludeDecayed": 1}), "kept")
            ["response"]["Attribute"]]
    pages, skipped = [], 0
    for page in range(1, len(all_ids) // 7 + 2):
        ans = w.clients[who].post(PATH, {**q, "page": page})
        ids = [a["id"] for a in ans.json()["response"]["Attribute"]]
        if ids != [i for i in all_ids[(page - 1) * 7:page * 7] if i in kept]:
            wrong("page", page, ids)
        skipped += int(ans.headers["x-skipped-elements-count"])
        pages += ids
    if pages != kept or skipped != len(all_ids) - len(kept):
        wrong("pages", len(pages), len(kept), skipped)


def check_events(w, who, models, value):
    """The same scores inside events, and what is left out there."""
    for q in ({"includeDecayScore": 1}, {"excludeDecayed": 1}):
        one = {a["id"]: [(s["DecayingModel"]["id"], s["decayed"], s["base_score"])
                         for s in a.get("decay_score", [])]
               for a in worlds.must(w.clients[who].post(PATH, q), "search")["response"]["Attribute"]}
        events = worlds.must(w.clients[who].post("/events/restSearch", {**q, "includeScoresOnEvent": 1}),
                             "events")["response"]
        two = {}
        for e in events:
            for a in w.elements(e["Event"]):
                if "value" in a:
                    two[a["id"]] = [(s["DecayingModel"]["id"], s["decayed"], s["base_score"])
                                    for s in a.get("decay_score", [])]
            scores = e["Event"].get("event_scores", [])
            mine = [m for m in models if may_see(m, who) and m["enabled"]]
            if [s["DecayingModel"]["id"] for s in scores] != [m["id"] for m in mine]:
                wrong("event scores", scores)
            for s, m in zip(scores, mine):
                base = base_score(m, [t["name"] for t in e["Event"].get("Tag", [])], [], value)
                now = int(time.time()) - int(e["Event"]["publish_timestamp"])
                if not close(s["base_score"], base, base) or \
                        not close(s["score"], score(m, base, now + 60), score(m, base, now - 60)):
                    wrong("score of an event", s, base)
        if one != two:
            wrong(who, q, "events and attributes differ", [k for k in set(one) | set(two)
                                                           if one.get(k) != two.get(k)][:5])


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    seed = int(os.environ.get("SEARCH_DIFF_SEED") or random.randrange(1 << 30))
    print("seed", seed)
    r = random.Random(seed)
    node = nodelib.Node()
    node.start()
    try:
        w = worlds.World(node, seed, n_events=20)
        value = make_tags(w, r)
        attach(w, r)
        models = make_models(w, r)
        w.read_back()
        for who in w.clients:
            compare(w, who, models, value, {})
            compare(w, who, models, value, {"excludeDecayed": 1})
            compare(w, who, models, value, {"score": 50, "excludeDecayed": True}, overrides={"threshold": 50})
            compare(w, who, models, value, {"modelOverrides": {"lifetime": 700, "decay_speed": 2}},
                    overrides={"lifetime": 700, "decay_speed": 2})
            mine = [m for m in models if may_see(m, who)]
            named = [m["id"] for m in mine[::2]]
            compare(w, who, models, value, {"decayingModel": named}, asked=named)
            compare(w, who, models, value, {"decayingModel": mine[1]["uuid"], "excludeDecayed": 1},
                    asked=[mine[1]["id"]])
            hidden = [m["id"] for m in models if m not in mine] + ["4711"]
            for i in hidden:
                if w.clients[who].post(PATH, {"includeDecayScore": 1, "decayingModel": i}).status != 404:
                    wrong(who, "asks for model", i)
            check_csv(w, who, models, value)
            check_paging(w, who)
            check_events(w, who, models, value)
        # what a tag is worth to one user
        mine = {**value, NAMES[0]: 7, NAMES[3]: 93}
        worlds.must(w.clients["member"].post("/userSettings/setSetting", {
            "setting": "tag_numerical_value_override", "value": {NAMES[0]: "7", NAMES[3]: 93, "plain": "x"}}), "setting")
        compare(w, "member", models, mine, {})
        compare(w, "outsider", models, value, {})
        full = worlds.must(w.admin.post(PATH, {"includeDecayScore": 1, "includeFullModel": 1, "limit": 50}),
                           "full")["response"]["Attribute"]
        whole = [s["DecayingModel"] for a in full for s in a.get("decay_score", [])]
        if not whole or "lifetime" not in whole[0]["parameters"]:
            wrong("the full model", whole[:1])
        if not checked or not any(s for s in whole):
            wrong("nothing was compared")
        print("%s - %d scores compared" % ("not ok" if failed else "ok", checked))
        return bool(failed)
    finally:
        node.stop()


if __name__ == "__main__":
    sys.exit(main())
