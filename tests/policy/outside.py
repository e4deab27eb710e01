#!/usr/bin/env python3
"""The policy file from outside: own profiles, rules that withhold whole events, trying a policy.

A node with a policy, a sync user who gets an own profile, and the tool. Documents that are cut are
loaded by PyMISP where that is there.
"""
import json
import os
import subprocess
import sys
import tempfile
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

try:
    from pymisp import MISPEvent
except ImportError:
    MISPEvent = None

PARTS = """profiles:
  sector:
    base: partner
    fields:
      event: {info: generalise}
      attribute: {comment: pseudonymise, first_seen: generalise}
      report: drop
    objects: {drop: [person]}
    types: {drop: [phone-number]}
    tags: {drop: ["customer:*"]}
"""
POLICY = """include: [parts.yaml]
default_tlp: green
pseudonym_key: "a key that nobody knows"
audiences:
  ally: {kind: peer, user: sync@ally.example, tlp: amber, pap: red, class: partner, profile: %s}
rules:
  - {name: no-phones, level: attribute, when: {type: whois-registrant-phone}, effect: deny_event, to: [peer]}
%s"""
COUNT = [0, 0]


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))
    if not good and detail != "":
        print("# " + str(detail)[:2000].replace("\n", "\n# "))
    return good


def must(answer, what):
    if answer.status != 200:
        print("Bail out! %s: %d %s" % (what, answer.status, answer.text()[:300]))
        sys.exit(1)
    return answer.json()


class World:
    def __init__(self, folder):
        self.folder = folder
        self.policy = self.write("policy.yaml", POLICY % ("sector", ""))
        self.write("parts.yaml", PARTS)
        self.node = nodelib.Node(folder=os.path.join(folder, "node"), extra=["--policy", self.policy])
        self.node.start()
        self.admin = self.node.client()
        made = must(self.admin.post("/admin/organisations/add", {"name": "Ally", "local": True}), "org")
        made = must(self.admin.post("/admin/users/add", {
            "email": "sync@ally.example", "org_id": made["Organisation"]["id"], "role_id": "5",
            "password": "Lantern-5-keel-Harbour"}), "user")
        self.ally = self.node.client(made["User"]["authkey"])

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def add(self, info, attributes, **more):
        event = {"uuid": str(uuid.uuid4()), "info": info, "distribution": "3", "threat_level_id": "1",
                 "analysis": "2", "published": True, "Attribute": attributes, **more}
        made = must(self.admin.post("/events/add", {"Event": event}), "events/add")["Event"]
        must(self.admin.post("/events/publish/%s" % made["id"]), "publish")
        return made["id"], made["uuid"]

    def tool(self, *args):
        tool = os.environ.get("TOCSIN") or os.path.join(os.path.dirname(os.environ["TOCSIND"]), "tocsin")
        return subprocess.run([tool, "--url", self.node.url, "--key", self.node.key, *args],
                              capture_output=True, text=True,
                              env={**os.environ, "TOCSIND": os.environ["TOCSIND"]})


def attr(kind, value, category="Network activity", **more):
    return {"type": kind, "value": value, "category": category, "to_ids": True, **more}


def whole(name, document):
    """Nothing dangles, nothing is empty, and PyMISP reads it."""
    event = document["Event"]
    uuids = {a["uuid"] for a in event.get("Attribute", [])}
    for o in event.get("Object", []):
        uuids.add(o["uuid"])
        uuids |= {a["uuid"] for a in o["Attribute"]}
        ok(len(o["Attribute"]) > 0, "%s: no empty object" % name)
    for o in event.get("Object", []):
        for ref in o.get("ObjectReference", []):
            ok(ref["referenced_uuid"] in uuids, "%s: a reference leads somewhere" % name)
    if MISPEvent is None:
        print("# no PyMISP here")
        return
    event = json.loads(json.dumps(event))
    loaded = MISPEvent()
    loaded.load(document)
    again = json.loads(loaded.to_json())
    ok(len(again.get("Attribute", [])) == len(event.get("Attribute", [])) and
       len(again.get("Object", [])) == len(event.get("Object", [])), "%s: PyMISP loads it" % name, again)


def an_object(name, attributes, refs=()):
    return {"name": name, "distribution": "5", "meta-category": "network", "template_uuid": str(uuid.uuid4()),
            "template_version": "1", "description": name, "uuid": str(uuid.uuid4()),
            "Attribute": attributes, "ObjectReference": list(refs)}


def profiles(w):
    person = an_object("person", [attr("text", "Somebody", "Person", object_relation="role")])
    inside = attr("domain", "in.example", object_relation="domain", uuid=str(uuid.uuid4()))
    pair = an_object("domain-ip", [inside], [
        {"referenced_uuid": person["uuid"], "relationship_type": "related-to", "uuid": str(uuid.uuid4())},
        {"referenced_uuid": inside["uuid"], "relationship_type": "contains", "uuid": str(uuid.uuid4())}])
    number, real = w.add("the ACME incident", [
        attr("domain", "evil.example", comment="seen at ACME", first_seen="2026-01-02T03:04:05+00:00",
             Tag=[{"name": "customer:acme"}, {"name": "tlp:green"}]),
        attr("phone-number", "+49 30 1234", "Other")], Tag=[{"name": "customer:acme"}, {"name": "tlp:green"}],
        Object=[person, pair], EventReport=[{"name": "r", "distribution": "5", "content": "about ACME"}])
    index = must(w.ally.post("/events/index", {"minimal": 1, "published": 1}), "index")
    derived = [x["uuid"] for x in index]
    ok(len(derived) == 1 and real not in derived, "the index has the derived UUID", index)
    text = w.ally.get("/events/view/" + derived[0])
    document = must(text, "view")
    said = text.text()
    for canary in ("ACME", "acme", "Somebody", "1234", real, "person", "03:04:05"):
        ok(canary not in said, "%s stays here" % canary, said)
    ok(document["Event"]["info"].startswith("Technical features"), "a neutral line")
    ok(len(document["Event"]["Object"]) == 1, "one object",
       must(w.admin.get("/events/view/" + number), "view")["Event"]["Object"])
    ok(len(document["Event"]["Object"][0]["ObjectReference"]) == 1, "one reference")
    mine = document["Event"]["Attribute"][0]
    ok(mine["comment"].startswith("anon-") and mine["first_seen"].startswith("2026-01-02T00:00:00"),
       "a pseudonym and a day", mine)
    whole("sector", document)
    back = w.admin.post("/events/add", document)
    ok(back.status != 200, "our own copy does not come in again", back.text())


def condemned(w):
    bad, u = w.add("with a number", [attr("domain", "x.example"),
                                     attr("whois-registrant-phone", "+1 555", "Attribution")])
    index = must(w.ally.post("/events/index", {"minimal": 1, "published": 1}), "index")
    ok(len(index) == 1, "one of its attributes withholds the event")
    ok(w.ally.get("/events/view/" + bad).status == 404, "as if it were not there")
    found = w.ally.post("/attributes/restSearch", {"returnFormat": "json", "value": "x.example"}).json()
    ok(not found["response"]["Attribute"], "nor is its other attribute found", found)
    steps = must(w.admin.post("/tocsin/explain", {"event": bad, "to": "ally"}), "explain")
    ok(steps["rule"] == "policy" and any("no-phones" in s["text"] for s in steps["steps"]),
       "the explanation names the rule", steps)
    must(w.admin.post("/tags/attachTagToObject", {"uuid": u, "tag": "tlp:green"}), "tag")
    ok(w.ally.get("/events/view/" + bad).status == 404, "and goes on doing so")


def trying(w):
    same = w.tool("policy", "diff", w.policy, "--json")
    ok(same.returncode == 0, "the same policy changes nothing", same.stdout + same.stderr)
    w.write("new.yaml", (POLICY % ("technical", "  - {name: quiet, level: event, when: {info: ACME}, "
                                   "effect: deny, to: [peer]}\n")) +
            "default_member: {tlp: clear}\n")
    done = w.tool("policy", "diff", os.path.join(w.folder, "new.yaml"), "--json", "--elements")
    ok(done.returncode == 1, "another one does", done.stdout + done.stderr)
    said = json.loads(done.stdout)
    sums = {a["audience"]: a for a in said["audiences"]}
    ok(sums["ally"]["was"] == {"released": 1, "held": 0, "denied": 1} and
       sums["ally"]["will"] == {"released": 0, "held": 0, "denied": 2} and
       sums["ally"]["changed"] == 1, "counts for the ally", sums)
    ok(sums["(other users)"]["changed"] == 2, "and for users without a row", sums)
    change = [c for c in said["changes"] if c["audience"] == "ally"][0]
    ok(change["was"]["verdict"] == "released" and change["was"]["profile"] == "sector" and
       change["will"] == {"verdict": "denied", "rule": "policy"}, "which one, and why", change)
    ok("attributes" in change["was"], "with what would have left")
    text = w.tool("policy", "diff", os.path.join(w.folder, "new.yaml"), "--list")
    ok("ally" in text.stdout and "denied by policy" in text.stdout, "in words", text.stdout)
    w.write("bad.yaml", "rules:\n  - {name: x, effect: explode}\n")
    bad = w.tool("policy", "diff", os.path.join(w.folder, "bad.yaml"))
    ok(bad.returncode == 1 and "2:23" in bad.stderr, "a mistake has its place", bad.stderr)
    checked = w.tool("policy", "check", os.path.join(w.folder, "new.yaml"))
    ok(checked.returncode == 0, "policy check agrees", checked.stdout + checked.stderr)
    # what was tried is what comes
    w.write("policy.yaml", open(os.path.join(w.folder, "new.yaml")).read())
    ok(w.tool("policy", "reload").returncode == 0, "put into force")
    ok(must(w.ally.post("/events/index", {"minimal": 1, "published": 1}), "index") == [], "it is so")
    status = must(w.admin.get("/tocsin/status"), "status")
    ok(status["policy"] == said["new_policy"], "the version is that of the trial")


def guard(w):
    config = {"compartments_rules": {"can_reach": {"a": ["b"]}}, "instances": {
        "here": {"host": "here.example", "compartment_id": "a", "taxonomies_rules": {
            "required_taxonomies": ["tlp"], "allowed_tags": {}, "blocked_tags": ["tlp:red"]},
            "blocked_attribute_types": ["passport-number"]},
        "there": {"host": "there.example", "port": 8443, "compartment_id": "b"}}}
    path = w.write("guard.json", json.dumps(config))
    out = os.path.join(w.folder, "guard.yaml")
    done = w.tool("policy", "import-misp-guard", path, "--instance", "here", "--output", out)
    ok(done.returncode == 0 and os.path.exists(out), "a misp-guard configuration is taken", done.stderr)
    ok(w.tool("policy", "check", out).returncode == 0, "and is a policy")
    done = w.tool("policy", "import-misp-guard", path)
    ok(done.returncode != 0 and "--instance" in done.stderr, "which instance has to be said", done.stderr)


def main():
    with tempfile.TemporaryDirectory() as folder:
        w = World(folder)
        try:
            profiles(w)
            condemned(w)
            trying(w)
            guard(w)
        finally:
            w.node.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
