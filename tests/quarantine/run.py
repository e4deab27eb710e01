#!/usr/bin/env python3
"""What waits for a decision: nobody finds it, accepting and rejecting, senders that come again."""
import json
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import node as nodes  # noqa: E402
from tool import Tool, check, finish, is_equal  # noqa: E402

SECRET = "zq901zq"
UUID = "9c1d2e90-77aa-4a5e-9c1e-0000000000%02x"
WAITS = "The event waits for a decision of the receiving organisation."
POLICY = """use: [default]
default_peer: {tlp: red, pap: red, class: partner, profile: full}
admission:
- {name: no-tlp, require: {taxonomy: [tlp]}, effect: quarantine}
- {name: large, attributes_above: 1000, effect: quarantine}
- {name: no-samples, type: [malware-sample, attachment], effect: refuse}
- {name: looked-at, from: [member], when: {tag: ['check:me']}, effect: quarantine}
"""


def event(n, stamp=None, tags=(), **more):
    e = {"uuid": UUID % n, "info": SECRET, "distribution": "1", "published": True,
         "timestamp": str(stamp or 1700000000), "Tag": [{"name": t} for t in tags],
         "Attribute": [{"uuid": UUID.replace("9c1d", "9c1e") % n, "type": "domain",
                        "value": "%s-%d.example" % (SECRET, n)}]}
    e.update(more)
    return {"Event": e}


def must(answer):
    if answer.status != 200:
        print("Bail out! %d %s" % (answer.status, answer.text()[:300]))
        sys.exit(1)
    return answer.json()


def user(admin, email, role, org):
    must(admin.post("/admin/users/add", {"email": email, "org_id": org, "role_id": str(role)}))
    uid = [u["User"]["id"] for u in must(admin.get("/admin/users/index"))
           if u["User"]["email"] == email][0]
    return must(admin.post("/auth_keys/add", {"user_id": uid}))["AuthKey"]["authkey_raw"]


def waiting(t):
    return t.json(0, "quarantine", "list")["waiting"]


def found(c):
    """Everything that a search may say about it."""
    out = [must(c.post("/attributes/restSearch", {"value": SECRET + "%"}))["response"]["Attribute"],
           must(c.post("/events/restSearch", {"eventinfo": SECRET}))["response"],
           must(c.post("/events/index", {"eventinfo": SECRET}))]
    return sum(len(x) for x in out)


def pushed(n, t, sync):
    a = n.client()
    r = sync.post("/events/add", event(1))
    is_equal((r.status, r.json()["message"]), (403, WAITS), "a pushed event without TLP waits")
    w = waiting(t)
    is_equal([(x["uuid"], x["rules"], x["sender"], x["attributes"]) for x in w],
             [(UUID % 1, "no-tlp", "sync@ally.example", 1)], "it is listed with its reason")
    is_equal(found(a), 0, "not even the administrator finds it by searching")
    is_equal(a.get("/events/view/" + UUID % 1).status, 404, "nor by its UUID")
    kept = t.want(0, "quarantine", "show", "1", "--content").out
    is_equal(json.loads(kept), event(1), "it is kept as it came")
    ids = sync.post("/events/filterEventIdsForPush", [
        {"Event": {"uuid": UUID % 1, "timestamp": "1700000000"}},
        {"Event": {"uuid": UUID % 2, "timestamp": "1700000000"}}])
    is_equal(must(ids), [UUID % 2], "a peer is told not to send it again")
    r = sync.post("/events/add", event(1))
    is_equal((r.status, r.json()["message"]), (403, WAITS), "if it does, it is told the same")
    is_equal(len(waiting(t)), 1, "and there is one")
    must(sync.post("/events/filterEventIdsForPush",
                   [{"Event": {"uuid": UUID % 1, "timestamp": "1700000009"}}]))
    is_equal(sync.post("/events/add", event(1, 1700000009)).status, 403, "a newer version")
    w = waiting(t)
    is_equal([(x["number"], x["timestamp"]) for x in w], [(2, 1700000009)], "takes its place")
    r = sync.post("/events/add", event(3, tags=["tlp:green"], Attribute=[
        {"type": "attachment", "value": "a.bin", "data": "AAAA"}]))
    is_equal((r.status, len(waiting(t))), (403, 1), "what is refused does not wait")
    must(sync.post("/events/add", event(4, tags=["tlp:green"])))
    many = [{"type": "text", "value": "%s %d" % (SECRET, i)} for i in range(1500)]
    is_equal(sync.post("/events/add", event(5, tags=["tlp:green"], Attribute=many)).status, 403,
             "too many attributes")
    is_equal(waiting(t)[-1]["rules"], "large", "by their number")


def members(n, t, member, sync):
    before = len(waiting(t))
    is_equal(sync.post("/events/add", event(9, 2000000000)).status, 403, "a version of the future")
    is_equal(member.post("/events/add", event(9)).status, 200,
             "what waits of one sender shuts out nobody else")
    t.want(0, "quarantine", "reject", str(waiting(t)[-1]["number"]))
    must(member.post("/events/add", event(6)))
    is_equal(len(waiting(t)), before, "members are not asked for a TLP")
    r = member.post("/events/add", event(7, tags=["check:me"]))
    is_equal((r.status, r.json()["message"]), (403, WAITS), "but by rules that name them")


def decided(n, t, sync):
    a = n.client()
    first = waiting(t)[0]["number"]
    j = t.json(0, "quarantine", "accept", str(first))
    is_equal((j[0]["outcome"], j[0]["uuid"], j[0]["elements"]), ("added", UUID % 1, 1), "accepted")
    e = must(a.get("/events/view/" + UUID % 1))["Event"]
    is_equal((e["info"], e["timestamp"], e["Org"]["name"], e["event_creator_email"]),
             (SECRET, "1700000009", "Ally", "sync@ally.example"), "it is there as from its sender")
    is_equal(must(sync.post("/events/add", event(30, tags=["tlp:green"])))["Event"]["Org"]["name"],
             "Ally", "as what came in directly")
    t.want(1, "quarantine", "accept", str(first))
    large = [x for x in waiting(t) if x["rules"] == "large"][0]
    t.want(0, "quarantine", "reject", str(large["number"]))
    is_equal(a.get("/events/view/" + UUID % 5).status, 404, "what is rejected is not there")
    many = [{"type": "text", "value": "%s %d" % (SECRET, i)} for i in range(1500)]
    r = sync.post("/events/add", event(5, tags=["tlp:green"]))
    is_equal((r.status, [x for x in waiting(t) if x["uuid"] == UUID % 5]), (403, []),
             "and does not come again, whatever is in it")
    is_equal(must(sync.post("/events/filterEventIdsForPush",
                            [{"Event": {"uuid": UUID % 5, "timestamp": "1700000000"}}])), [],
             "nor is asked for")
    r = sync.post("/events/add", event(5, 1700000077, tags=["tlp:green"], Attribute=many))
    is_equal([x["timestamp"] for x in waiting(t) if x["uuid"] == UUID % 5], [1700000077],
             "a newer version is judged anew")
    t.want(0, "quarantine", "reject", str(waiting(t)[-1]["number"]))
    log = t.json(0, "audit", "search", "action=quarantine", "order=oldest")["records"]
    acts = [(x["actor"], x["text"]) for x in log if x.get("object") == UUID % 1]
    is_equal([x[1] for x in acts if x[1] in ("no-tlp", "accepted")], ["no-tlp", "no-tlp", "accepted"],
             "all of it is in the audit log")
    check(SECRET not in json.dumps(log), "without values")


def restart(n, t, sync):
    """What waits survives, also a big one in a file of its own."""
    rows = [{"type": "comment", "value": "%s %d %s" % (SECRET, i, "x" * 800)} for i in range(4000)]
    is_equal(sync.post("/events/add", event(8, tags=["tlp:green"], Attribute=rows)).status, 403,
             "a big one")
    before = waiting(t)
    check(before[-1]["bytes"] > 3000000, "it is big", before[-1])
    n.kill()
    n.start()
    is_equal(waiting(t), before, "after kill -9")
    t.want(0, "check")
    kept = t.want(0, "quarantine", "show", str(before[-1]["number"]), "--content").out
    is_equal(json.loads(kept), event(8, tags=["tlp:green"], Attribute=rows), "its bytes as they came")
    j = t.json(0, "quarantine", "accept", str(before[-1]["number"]))
    is_equal(j[0]["elements"], 4000, "all of it comes in")


def pulled(n, t, folder):
    """A peer's event waits; the next pull does not fetch it again; accepted it is the peer's."""
    with nodes.Node(os.path.join(folder, "other")) as m:
        b = m.client()
        org = must(b.post("/admin/organisations/add", {"name": "Puller"}))["Organisation"]["id"]
        key = user(b, "puller@x.example", 5, org)
        must(b.post("/events/add", event(20, distribution="2")))
        must(b.post("/events/add", event(21, distribution="3", Tag=[{"name": "tlp:green"}])))
        t.json(0, "peer", "add", m.url, key, "--name", "reef")
        r = t.run("peer", "pull", "reef", "--json")
        w = [x for x in waiting(t) if x["sender"] == "reef"]
        is_equal([(x["uuid"], x["from"]) for x in w], [(UUID % 20, "peer")], "pulled, it waits")
        a = n.client()
        is_equal(a.get("/events/view/" + UUID % 20).status, 404, "and is not there")
        is_equal(a.get("/events/view/" + UUID % 21).status, 200, "the other one is")
        r = t.run("peer", "pull", "reef", "--json")
        w2 = [x for x in waiting(t) if x["sender"] == "reef"]
        is_equal(w2, w, "another pull changes nothing")
        got = json.loads(r.out or "{}")
        check("\"failed\": 0" in r.out or "failed" not in r.out, "nor fails", got)
        t.want(0, "quarantine", "accept", str(w[0]["number"]))
        e = must(a.get("/events/view/" + UUID % 20))["Event"]
        is_equal((e["distribution"], e["locked"]), ("1", True), "accepted, it is as pulled")


def full(folder):
    policy = os.path.join(folder, "p2.yaml")
    with open(policy, "w") as f:
        f.write(POLICY)
    with nodes.Node(os.path.join(folder, "small"),
                    extra=["--policy", policy, "--set", "quarantine.documents=2"]) as n:
        t = Tool(n)
        a = n.client()
        org = must(a.post("/admin/organisations/add", {"name": "Ally"}))["Organisation"]["id"]
        sync = n.client(user(a, "sync@ally.example", 5, org))
        codes = [sync.post("/events/add", event(i)).status for i in (1, 2, 3)]
        is_equal(codes, [403, 403, 503], "when it is full, senders may try again")
        is_equal(len(waiting(t)), 2, "what was there stays")
        t.want(0, "quarantine", "reject", "1")
        is_equal(sync.post("/events/add", event(3)).status, 403, "there is room again")
        is_equal(n.client(user(a, "m@x.example", 2, "1")).get("/tocsin/quarantine/index").status, 403,
                 "nobody else may look")


def main():
    with tempfile.TemporaryDirectory(prefix="tocsin-quarantine-") as d:
        policy = os.path.join(d, "policy.yaml")
        with open(policy, "w") as f:
            f.write(POLICY)
        with nodes.Node(os.path.join(d, "node"), extra=["--policy", policy]) as n:
            t = Tool(n)
            a = n.client()
            org = must(a.post("/admin/organisations/add", {"name": "Ally"}))["Organisation"]["id"]
            sync = n.client(user(a, "sync@ally.example", 5, org))
            member = n.client(user(a, "member@home.example", 4, "1"))
            pushed(n, t, sync)
            members(n, t, member, sync)
            decided(n, t, sync)
            restart(n, t, sync)
            pulled(n, t, d)
        full(d)
    return finish()


if __name__ == "__main__":
    start = time.time()
    code = main()
    print("# %.0f s" % (time.time() - start))
    sys.exit(code)
