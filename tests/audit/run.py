#!/usr/bin/env python3
"""Who did what when: what requests leave in the audit log, and that it cannot be changed unseen."""
import hashlib
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import node as nodes  # noqa: E402
from tool import Tool, check, finish, is_equal  # noqa: E402

SECRET = "zq900zq"
UUID = "7c1d2e90-77aa-4a5e-9c1e-0000000000%02x"


def search(t, *args):
    return t.json(0, "audit", "search", *args)["records"]


def event(n, **more):
    return dict({"uuid": UUID % n, "info": SECRET, "Attribute": [
        {"type": "domain", "value": SECRET + ".example", "comment": SECRET}]}, **more)


def must(answer):
    if answer.status != 200:
        print("Bail out! %d %s" % (answer.status, answer.text()[:300]))
        sys.exit(1)
    return answer.json()


def user(admin, email, role, org="1"):
    must(admin.post("/admin/users/add", {"email": email, "org_id": org, "role_id": str(role)}))
    made = must(admin.post("/auth_keys/add", {"user_id": ids(admin, email)}))
    return made["AuthKey"]["authkey_raw"]


def ids(admin, email):
    return [u["User"]["id"] for u in must(admin.get("/admin/users/index"))
            if u["User"]["email"] == email][0]


def requests(n, t):
    """One of each kind, and its record."""
    a = n.client()
    e = must(a.post("/events/add", event(1)))["Event"]
    got = search(t, "object=" + UUID % 1)
    is_equal([(r["action"], r["outcome"], r["actor"], r["name"], r["kind"], r["text"]) for r in got],
             [("write", "ok", "user", "admin@admin.test", "event", "/events/add")], "an event added")
    is_equal(str(got[0]["id"]), e["id"], "its number")
    check(got[0]["key"] and got[0]["address"] == "127.0.0.1", "key and address", got)
    must(a.post("/events/publish/" + e["id"]))
    must(a.post("/attributes/add/" + e["id"], {"type": "ip-dst", "value": "192.0.2.77"}))
    must(a.call("DELETE", "/events/delete/" + e["id"]))
    acts = [r["action"] for r in search(t, "object=" + UUID % 1, "order=oldest")]
    is_equal(acts, ["write", "publish", "delete"], "its life, by UUID")
    is_equal([r["kind"] for r in search(t, "action=write", "limit=1")], ["attribute"],
             "an attribute is the attribute's record")
    is_equal(a.post("/events/delete/987654").status, 403, "what is not there")
    r = search(t, "object=event:987654")[0]
    is_equal((r["action"], r["outcome"], r["status"]), ("delete", "refused", 403),
             "what fails is recorded too")
    for path, body, action in (("/events/view/12345", None, "read"),
                               ("/attributes/restSearch", {"value": SECRET}, "export"),
                               ("/events/index", {"searchall": SECRET}, "read")):
        a.call("POST" if body else "GET", path, body)
        r = search(t, "action=" + action, "actor=admin@admin.test", "limit=1")
        check(r and path.startswith(r[0]["text"].split("/:")[0]), "%s is %s" % (path, action), r)
    a.get("/attributes/restSearch/value:" + SECRET)
    a.get("/tags/search/" + SECRET)
    t.want(0, "search", SECRET)
    check(search(t, "actor=tool", "action=export"), "the tool's own searches")


def strangers(n, t):
    for i in range(200):
        nodes.Client(n.port, "k%039d" % i).get("/events/index")
    nodes.Client(n.port).get("/events/index")
    got = search(t, "action=key_refused")
    is_equal(sum(r.get("count", 1) for r in got if r["actor"] == "nobody"), len(got) and
             sum(r.get("count", 1) for r in got), "refused keys are nobody's")
    check(1 <= len(got) <= 4, "few records for many refusals of one address", got)
    check("k000" not in json.dumps(got), "no key stands in the log")


def who_sees_what(n, t):
    a = n.client()
    other = must(a.post("/admin/organisations/add", {"name": "Reef"}))["Organisation"]["id"]
    keys = {who: user(a, who + "@x.example", role, org)
            for who, role, org in (("plain", 3, "1"), ("chief", 2, "1"), ("else", 2, other))}
    c = {who: n.client(key) for who, key in keys.items()}
    must(c["plain"].post("/events/add", event(2)))
    must(c["else"].post("/events/add", event(3)))
    seen = {who: must(x.post("/tocsin/audit/search", {"limit": 1000}))["records"]
            for who, x in c.items()}
    is_equal({r["name"] for r in seen["plain"]}, {"plain@x.example"}, "users see what they did")
    check(all("seq" not in r and "prev" not in r and r["time"] and r["action"]
              for who in seen for r in seen[who]), "without numbers that count what others do")
    check({"plain@x.example", "admin@admin.test"} <= {r["name"] for r in seen["chief"]} and
          {r["org"] for r in seen["chief"]} == {seen["plain"][0]["org"]},
          "organisation administrators see their organisation", seen["chief"][:3])
    is_equal({r["name"] for r in seen["else"]}, {"else@x.example"}, "and no other")
    for path in ("/tocsin/audit/verify", "/tocsin/audit/export"):
        is_equal(c["chief"].get(path).status, 403, path + " is for site administrators")
    r = search(t, "action=refused", "actor=chief@x.example")
    check(r and r[0]["outcome"] == "refused", "who asks for what he may not is recorded", r)
    logs = must(c["plain"].post("/admin/logs/index", {"limit": 5}))
    is_equal([(x["Log"]["model"], x["Log"]["action"], x["Log"]["email"]) for x in logs],
             [("Event", "add", "plain@x.example")], "MISP's own log")
    is_equal(logs[0]["Log"]["id"], "1", "numbered for him alone")
    is_equal(must(a.post("/admin/logs/index", {"model": "Event", "action": "add",
                                               "email": "else@x.example"}))[0]["Log"]["org"], "Reef",
             "with its filters")
    is_equal(must(a.post("/admin/logs/index", {"title": "%no such%"})), [], "that find nothing")
    is_equal(must(a.post("/admin/logs/index", {"created": "1h", "limit": 2, "page": 2}))[0]["Log"]["id"],
             must(a.post("/admin/logs/index", {"limit": 3}))[2]["Log"]["id"], "and pages")


def administration(n, t):
    a = n.client()
    t.json(0, "org", "add", "Quay")
    t.json(3, "peer", "add", "http://127.0.0.1:1", "k" * 40, "--name", "quay")
    t.json(0, "policy", "reload")
    t.json(0, "clock", "accept")
    must(a.post("/eventBlocklists/add", {"uuids": [UUID % 99]}))
    for action, kind in (("account", "user"), ("key", "key"), ("organisation", "organisation"),
                         ("peer", "peer"), ("policy", None), ("clock", None),
                         ("blocklist", "blocklist")):
        r = search(t, "action=" + action)
        check(r and any(x.get("kind") == kind or not kind for x in r), action + " is recorded", r[:2])


def reception(n, t):
    a = n.client()
    must(a.post("/events/add", event(10, Tag=[{"name": "rmsv:record"}])))
    must(a.post("/events/add", event(11, Attribute=[{"type": "vulnerability",
                                                     "value": "CVE-2026-9999"}])))
    must(a.post("/events/add", event(12, Tag=[{"name": "rmsv:record"},
                                              {"name": 'rmsv:disclosure="disclosed"'}])))
    must(a.post("/events/add", event(13)))
    got = search(t, "chain=reception", "order=oldest")
    is_equal([r["object"] for r in got], [UUID % 10, UUID % 11], "reports of vulnerabilities received")
    check(all(r["action"] == "reception" and r["text"].startswith("received sha256:") for r in got),
          "with the digest of what came", got)


def lines_of(path):
    with open(path, "rb") as f:
        return f.read().splitlines()


def chain_by_hand(lines):
    """The verification that anybody can write."""
    before = {}
    for line in lines:
        j = json.loads(line)
        if j["prev"] != before.get(j["chain"], "0" * 64):
            return False
        before[j["chain"]] = hashlib.sha256(line).hexdigest()
    return before


def exported(n, t, folder):
    out = os.path.join(folder, "audit.ndjson")
    t.want(0, "audit", "export", "--output", out)
    lines = lines_of(out)
    check(len(lines) > 40, "%d lines" % len(lines))
    tips = chain_by_hand(lines)
    check(tips, "each line's prev is the SHA-256 of the line before")
    j = t.json(0, "audit", "verify", out)
    is_equal({c["chain"]: c["digest"] for c in j["chains"]}, tips, "the tool comes to the same")
    check(SECRET.encode() not in b"".join(lines), "no value of intelligence stands in the log")
    j = t.json(0, "audit", "verify")
    check(j["intact"] and all(c["intact"] for c in j["chains"]), "the node's own verification", j)
    for what, change in (("changed", lambda v: v[:7] + [v[7].replace(b'"ok"', b'"no"')] + v[8:]),
                         ("gone", lambda v: v[:7] + v[8:]),
                         ("moved", lambda v: v[:7] + [v[8], v[7]] + v[9:]),
                         ("doubled", lambda v: v[:8] + v[7:])):
        bad = os.path.join(folder, "bad.ndjson")
        with open(bad, "wb") as f:
            f.write(b"\n".join(change(list(lines))) + b"\n")
        j = t.json(4, "audit", "verify", bad)
        check(not j["intact"], "a line that is %s is found" % what, j)
    with open(bad, "wb") as f:
        f.write(b"nonsense\n")
    t.want(4, "audit", "verify", bad)
    check("WHO" not in t.want(0, "audit", "search", "action=key").out, "a table for programs")
    t.want(1, "audit", "search", "action=nonsense")
    t.want(1, "audit", "search", "from=yesterday")
    is_equal(t.json(0, "audit", "search", "until=2001-01-01")["records"], [], "by time")
    check(t.json(0, "audit", "actions")["actions"], "audit actions")
    return tips


def killed(n, t, tips):
    """What was acknowledged is in the log, whatever happens then."""
    a = n.client()
    seen = []
    for i in range(20, 40):
        must(a.post("/events/add", event(i)))
        seen.append(UUID % i)
    n.kill()
    n.start()
    got = {r.get("object") for r in search(t, "action=write", "limit=1000")}
    is_equal([u for u in seen if u not in got], [], "every acknowledged change after kill -9")
    j = t.json(0, "audit", "verify")
    check(j["intact"], "the chain goes on", j)
    check(any(r["action"] == "start" for r in search(t, "actor=system")), "starts are recorded")


def main():
    with tempfile.TemporaryDirectory(prefix="tocsin-audit-") as d:
        with nodes.Node(os.path.join(d, "node")) as n:
            t = Tool(n)
            requests(n, t)
            strangers(n, t)
            who_sees_what(n, t)
            administration(n, t)
            reception(n, t)
            tips = exported(n, t, d)
            killed(n, t, tips)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
