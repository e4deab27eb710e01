#!/usr/bin/env python3
"""misp_guard.py - random misp-guard configurations, imported, against a naive reading of their rules.

    misp_guard.py --tocsind PROGRAM --eval PROGRAM [--first N] [--configs N] [--events N]

naive() says what misp-guard does with a document that is sent, one rule after the other. Tags compare
without regard to case, which is a difference that the manual names. The gate is asked by tests/oracle/gate_eval with the policy that the import wrote. The peer owns
the events, so that no level keeps them from it; markings are such that misp-guard's rules alone decide.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

TAGS = ["tlp:clear", "tlp:green", "tlp:amber", "pap:clear", "workflow:state=\"draft\"", "a:b", "a:c",
        "plain", "admiralty-scale:source-reliability=\"a\"", "it's:quoted", "PAP:GREEN"]
TYPES = ["md5", "domain", "ip-dst", "url", "passport-number", "comment"]
CATEGORIES = ["Network activity", "Person", "Payload delivery", "Other"]
OBJECTS = ["file", "person", "domain-ip", "victim"]
GROUPS = [{"id": i, "uuid": "%08d-0000-4000-8000-000000000000" % i} for i in (11, 12, 13)]
TAXONOMIES = ["tlp", "pap", "a", "workflow", "admiralty-scale"]
PEER = "a0000000-0000-4000-8000-000000000002"


def some(r, values, most, chance=0.5):
    return r.sample(values, r.randint(1, most)) if r.random() < chance else []


def a_config(r):
    """One instance is this node, the other one the peer that asks or is pushed to."""
    comps = ["core", "gov", "energy"]
    required = some(r, TAXONOMIES, 2, 0.3)
    guard = {
        "taxonomies_rules": {
            "required_taxonomies": required,
            "allowed_tags": {t: some(r, TAGS, 3, 0.7) for t in some(r, TAXONOMIES, 3)},
            "blocked_tags": some(r, TAGS, 2, 0.4)},
        "blocked_distribution_levels": some(r, list("012345"), 2, 0.4),
        "blocked_sharing_groups_uuids": some(r, [g["uuid"] for g in GROUPS], 1, 0.4),
        "blocked_attribute_types": some(r, TYPES + ["no-such-type"], 2, 0.4),
        "blocked_attribute_categories": some(r, CATEGORIES, 1, 0.3),
        "blocked_object_types": some(r, OBJECTS, 1, 0.3)}
    reach = {c: r.sample(comps, r.randint(2, 3)) for c in comps if r.random() < 0.9}
    one = {"ip": "192.0.2.1", "host": "one.example", "port": 443, "compartment_id": r.choice(comps),
           "affiliation": "x", **guard}
    two = {"ip": "192.0.2.2", "host": "two.example", "port": r.choice([443, 8443]),
           "compartment_id": r.choice(comps), "affiliation": "x", **guard}
    return {"compartments_rules": {"can_reach": reach}, "instances": {"one": one, "two": two}}


# ---- documents ----------------------------------------------------------------------------------

def tags(r, chance=0.6):
    return [{"tag_id": TAGS.index(t) + 1, "name": t, "exportable": True} for t in some(r, TAGS, 4, chance)]


def level(r, push, inherit=True):
    levels = [2, 3] if push else [0, 1, 2, 3, 4]
    if inherit and r.random() < 0.6:
        return {"distribution": 5}
    d = r.choice(levels)
    return {"distribution": d, "sharing_group_id": r.choice(GROUPS)["id"]} if d == 4 else {"distribution": d}


def an_attr(r, n, push, object_id=0):
    a = {"id": n, "uuid": "%08d-0001-4000-8000-000000000000" % n, "type": r.choice(TYPES),
         "category": r.choice(CATEGORIES), "value": "v%d" % n, "to_ids": True, "timestamp": 1700000000,
         "Tag": tags(r), **level(r, push)}
    if object_id:
        a["object_id"] = object_id
    if r.random() < 0.15:
        a["proposals"] = [{"id": n, "uuid": a["uuid"], "type": r.choice(TYPES),
                           "category": r.choice(CATEGORIES), "value": "w"}]
    return a


def a_document(r, push):
    group = r.choice(GROUPS)
    e = {"id": 7, "uuid": "00000007-0000-4000-8000-000000000000", "org_id": 2, "orgc_id": 3, "info": "x",
         "published": True, "timestamp": 1700000000, "publish_timestamp": 1700000001, "date": 20260101,
         "threat_level_id": 1, "analysis": 0, "Tag": tags(r, 0.8), **level(r, push, False)}
    if e["distribution"] == 4:
        e["sharing_group_id"] = group["id"]
    many = r.choice([0, 0, 1, 2])
    doc = {"event": e, "attributes": [an_attr(r, 10 + i, push) for i in range(many)], "objects": [], "reports": []}
    if e["distribution"] == 4:
        doc["group"] = {"id": group["id"], "uuid": group["uuid"], "name": "g"}
    if r.random() < 0.4:
        o = {"id": 5, "uuid": "00000005-0000-4000-8000-000000000000", "name": r.choice(OBJECTS),
             "meta-category": "x", "template_uuid": "43b3b146-77eb-4931-b4cc-b66c60f28734",
             "template_version": "1", "timestamp": 1700000000, **level(r, push)}
        o["attributes"] = [an_attr(r, 30 + i, push, 5) for i in range(r.choice([0, 1]))]
        doc["objects"].append(o)
    if r.random() < 0.2:
        doc["reports"].append({"id": 6, "uuid": "00000006-0000-4000-8000-000000000000", "name": "r",
                               "content": "c", "timestamp": 1700000000, **level(r, push)})
    return doc


# ---- the naive reading --------------------------------------------------------------------------

def group_uuid(thing):
    for g in GROUPS:
        if thing.get("distribution") == 4 and thing.get("sharing_group_id") == g["id"]:
            return g["uuid"]
    return None


def names(thing):
    return [t["name"].lower() for t in thing.get("Tag", [])]


def lower(tags):
    return [t.lower() for t in tags]


def lacks_taxonomy(rules, thing):
    for taxonomy in rules["required_taxonomies"]:
        allowed = lower(rules["allowed_tags"].get(taxonomy, []))
        good = False
        for name in names(thing):
            if name.startswith(taxonomy + ":") and (not allowed or name in allowed):
                good = True
        if not good:
            return True
    return False


def level_blocked(guard, thing):
    if str(thing.get("distribution", "none")) in guard["blocked_distribution_levels"]:
        return True
    return group_uuid(thing) in guard["blocked_sharing_groups_uuids"]


def attr_blocked(guard, a):
    if a["category"] in guard["blocked_attribute_categories"]:
        return "category"
    if a["type"] in guard["blocked_attribute_types"]:
        return "type"
    if level_blocked(guard, a):
        return "attribute level"
    if any(n in lower(guard["taxonomies_rules"]["blocked_tags"]) for n in names(a)):
        return "attribute tag"
    if lacks_taxonomy(guard["taxonomies_rules"], a):
        return "attribute taxonomy"
    for p in a.get("proposals", []):
        why = attr_blocked(guard, p)
        if why:
            return "proposal " + why
    return None


def naive(config, doc, push):
    me, peer = config["instances"]["one"], config["instances"]["two"]
    src, dst = (me, peer) if push else (peer, me)
    reach = config["compartments_rules"]["can_reach"]
    if dst["compartment_id"] not in reach.get(src["compartment_id"], []):
        return "compartment"
    e = doc["event"]
    if any(n in lower(me["taxonomies_rules"]["blocked_tags"]) for n in names(e)):
        return "event tag"
    if lacks_taxonomy(me["taxonomies_rules"], e):
        return "event taxonomy"
    if level_blocked(me, e):
        return "event level"
    for a in doc["attributes"]:
        why = attr_blocked(me, a)
        if why:
            return why
    for o in doc["objects"]:
        if level_blocked(me, o):
            return "object level"
        if o["name"] in me["blocked_object_types"]:
            return "object type"
        for a in o["attributes"]:
            why = attr_blocked(me, a)
            if why:
                return "object " + why
    for p in doc["reports"]:
        if level_blocked(me, p):
            return "report level"
    return None


# ---- comparing ----------------------------------------------------------------------------------

def imported(tocsind, config, folder):
    path = os.path.join(folder, "guard.json")
    with open(path, "w") as f:
        json.dump(config, f)
    done = subprocess.run([tocsind, "--import-misp-guard", path, "--instance", "one"],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit("import failed: " + done.stderr)
    return done.stdout


def a_case(policy, config, doc, push, n):
    peer = config["instances"]["two"]
    url = "https://" + peer["host"] + (":%d" % peer["port"] if peer["port"] != 443 else "")
    who = {"kind": "peer", "org_id": 2, "org": PEER, "url": url, "perm_sync": True, "push": push}
    return {"n": n, "policy": policy, "who": who,
            "facts": {"now": 1780000000, "trusted": True, "host_org_id": 1, "groups": [], "all_groups": GROUPS},
            "host": {"id": 1, "name": "HOST", "uuid": "a0000000-0000-4000-8000-000000000001"},
            "org": {"id": 2, "name": "PEER", "uuid": PEER},
            "orgc": {"id": 3, "name": "C", "uuid": "a0000000-0000-4000-8000-000000000003"},
            "proposals": [], **doc}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--tocsind", required=True)
    p.add_argument("--eval", required=True)
    p.add_argument("--first", type=int, default=1)
    p.add_argument("--configs", type=int, default=40)
    p.add_argument("--events", type=int, default=60)
    a = p.parse_args()
    wrong, counts, total = 0, {}, 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(a.first, a.first + a.configs):
            r = random.Random(seed)
            config = a_config(r)
            policy = imported(a.tocsind, config, folder)
            cases, wanted = [], []
            for n in range(a.events):
                push = r.random() < 0.5
                doc = a_document(r, push)
                cases.append(a_case(policy, config, doc, push, n))
                wanted.append(naive(config, doc, push))
            done = subprocess.run([a.eval], input="".join(json.dumps(c) + "\n" for c in cases),
                                  capture_output=True, text=True)
            if done.returncode:
                sys.exit("gate_eval: " + done.stderr[:2000] + "\n" + policy)
            for case, want, line in zip(cases, wanted, done.stdout.splitlines()):
                got = json.loads(line)
                blocked = got["outcome"] != "release"
                rule = {"compartment": "blocked"}.get(want, "policy")
                total += 1
                counts[want] = counts.get(want, 0) + 1
                if blocked != (want is not None) or (want and got["rule"] != rule) or "odd" in got:
                    wrong += 1
                    if wrong <= 5:
                        print("seed %d: misp-guard: %s, gate: %s" % (seed, want, line[:300]))
                        print(json.dumps({k: case[k] for k in ("who", "event", "attributes", "objects")}))
                        print(policy)
    print("%d documents, %d differ; %s" % (total, wrong, json.dumps(counts, sort_keys=True, default=str)
                                           if None not in counts else counts))
    return 1 if wrong or len(counts) < 8 else 0


if __name__ == "__main__":
    sys.exit(main())
