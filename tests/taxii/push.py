#!/usr/bin/env python3
"""Pushing over TAXII: a collection elsewhere holds what the gate lets go to its audience, no more, and no longer. Another
node takes it in; a scripted server says yes, not yet, no, and nothing at all."""
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402
from client import view  # noqa: E402
from inbox import user  # noqa: E402
from server import COUNT, SECRET, TYPE, event, ok, publish  # noqa: E402

INBOX = "5a4e8c4e-7d0f-4a66-9a25-3d1c2f6b8e02"
POLICY = """use: [default]
audiences:
  soc: {kind: export, tlp: green, pap: green, class: partner, profile: full}
"""
HEADLESS = {"identity", "marking-definition", "extension-definition", "x-misp-galaxy-cluster", "domain-name", "ipv4-addr",
            "vulnerability", "malware"}


def add(c, url, **more):
    row = dict({"name": "far", "baseurl": url, "api_root": "/taxii2/api/", "collection": INBOX, "pull": False,
                "push": True, "audience": "soc"}, **more)
    a = c.post("/taxii_servers/add", row)
    return a.json().get("TaxiiServer", {}).get("id") or ok(False, "a row", a.text())


def push(c, ident, **more):
    return c.post("/taxii_servers/push/%s" % ident, more)


def result(a):
    return a.json()["result"] if a.status == 200 else {"status": a.status, "text": a.text()}


def counts(r, *names):
    return tuple(r.get(n) for n in names)


def made(c, i, **more):
    ev = event(i, uuid="5c0a1e00-9054-4000-8000-%012d" % i, **more)
    ev["Event"]["Attribute"][0]["uuid"] = "5c0a1e01-9054-4000-8000-%012d" % i
    return publish(c, ev)


def in_ledger(c, uuid):
    a = c.get("/tocsin/ledger/who/" + uuid)
    return "soc" in a.text()


def test_node(near, far, c, d):
    """To another node's inbox."""
    key = user(d, "from-near@x.test", "4")
    ident = add(c, far.url, api_key=key)
    ok(key not in c.get("/taxii_servers/index").text(), "the key is not told")
    for bad in ({"audience": ""}, {"audience": "nobody"}):
        a = c.post("/taxii_servers/add", dict({"name": "x", "baseurl": far.url, "collection": INBOX, "push": True}, **bad))
        ok(a.status == 403 and "audience" in a.text(), "%r is refused" % bad, a.text())
    evs = [made(c, i) for i in range(1, 5)]
    red = made(c, 8, Tag=[{"name": "tlp:red"}], info=SECRET)
    mine = made(c, 9, distribution="0", info=SECRET)
    c.post("/events/add", event(10, info="a draft " + SECRET))
    a = push(c, ident)
    r = result(a)
    ok(counts(r, "sent", "refused", "revoked", "failure") == (4, 0, 0, 0) and r["success"] == r["objects"],
       "what the audience may have is sent", a.text())
    ok(all(view(d, e["uuid"]) and view(d, e["uuid"])["info"] == e["info"] for e in evs), "and is there")
    one, there = view(c, evs[0]["uuid"]), view(d, evs[0]["uuid"])
    ok({x["value"] for x in one["Attribute"]} == {x["value"] for x in there["Attribute"]} and
       {x["uuid"] for x in one["Attribute"]} == {x["uuid"] for x in there["Attribute"]}, "with its attributes", there)
    ok(not view(d, red["uuid"]) and not view(d, mine["uuid"]) and
       SECRET not in d.post("/events/restSearch", {"returnFormat": "json"}).text(), "what it may not have is not")
    ok(in_ledger(c, evs[0]["uuid"]) and not in_ledger(c, red["uuid"]), "the ledger knows",
       c.get("/tocsin/ledger/who/" + evs[0]["uuid"]).text())
    ok(counts(result(push(c, ident)), "events", "sent") == (0, 0), "nothing has changed, nothing is looked at")
    r = result(push(c, ident, again=1))
    ok(counts(r, "sent", "refused", "failure") == (4, 0, 0), "again: all", r)
    # changes
    c.post("/attributes/add/" + evs[1]["id"], {"type": "domain", "value": "later.example", "to_ids": True,
                                               "category": "Network activity"})
    r = result(push(c, ident))
    ok(counts(r, "sent", "revoked") == (0, 0), "what is edited waits until it is published again", r)
    c.post("/events/publish/" + evs[1]["id"])
    r = result(push(c, ident))
    ok(counts(r, "events", "sent") == (1, 1) and "later.example" in json.dumps(view(d, evs[1]["uuid"])), "then it goes", r)
    # an attribute that may not be there any more: deleted, and withdrawn by a tag
    gone = "5c0a1e01-9054-4000-8000-%012d" % 1
    c.post("/attributes/delete/" + gone)
    held = "5c0a1e01-9054-4000-8000-%012d" % 3
    c.post("/tags/attachTagToObject", {"uuid": held, "tag": "tlp:red"})
    for e in (evs[0], evs[2]):
        c.post("/events/publish/" + e["id"])
    time.sleep(1.1)
    r = result(push(c, ident))
    ok(counts(r, "sent", "refused") == (2, 0), "attributes are taken back", r)
    ok(gone not in json.dumps(view(d, evs[0]["uuid"])["Attribute"]), "one that was deleted")
    ok(held not in json.dumps(view(d, evs[2]["uuid"])["Attribute"]) and view(d, evs[2]["uuid"])["Attribute"],
       "one that is hidden now", view(d, evs[2]["uuid"])["Attribute"])
    # events that may not be there any more: hidden, deleted
    c.post("/tags/attachTagToObject", {"uuid": evs[2]["uuid"], "tag": "tlp:red"})
    c.post("/events/delete/" + evs[3]["id"])
    time.sleep(1.1)
    r = result(push(c, ident))
    ok(counts(r, "revoked", "refused") == (2, 0), "events are taken back", r)
    ok(not view(d, evs[2]["uuid"]) and not view(d, evs[3]["uuid"]) and view(d, evs[0]["uuid"]), "and are gone there")
    ok(counts(result(push(c, ident, again=1)), "sent", "revoked") == (2, 0), "once")
    st = c.get("/taxii_servers/view/" + ident).json()["TaxiiServer"]["tocsin"]["push"]
    ok(st["last_success"] > 0 and st["last_error"] == "", "the row says how it went", st)
    test_tool(near)
    rows = [json.loads(x) for x in c.get("/tocsin/preview?audience=taxii:far").text().splitlines()]
    by = {x["item"]["uuid"]: x["item"]["sent"] for x in rows if "item" in x}
    ok([by.get(e["uuid"]) for e in (evs[0], evs[1], red, mine)] == [True, True, False, False] and
       rows[-1]["result"]["way"] == "taxii" and rows[-1]["result"]["sent"] == 2, "it can be previewed", rows[-1])
    a = c.get("/tocsin/preview?audience=taxii:nobody")
    ok(a.status == 404, "of a server that is not there there is nothing to preview", a.text())
    return ident, evs


def test_tool(near):
    tool = os.environ.get("TOCSIN")
    if not tool or not os.access(tool, os.X_OK):
        print("# skipped: the tool is not built")
        return
    p = subprocess.run([tool, "--url", near.url, "--key", near.key, "taxii", "push", "far"], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=120)
    ok(p.returncode == 0 and "0 events sent" in p.stdout, "tocsin taxii push", (p.returncode, p.stdout))


class Scripted(http.server.BaseHTTPRequestHandler):
    """What it does is said by Scripted.mode; what it was given stands in Scripted.got."""
    protocol_version = "HTTP/1.1"
    mode, got, statuses, heads, content_max, polls = "fine", [], {}, [], 1 << 20, 0

    def log_message(self, *args):
        pass

    def answer(self, doc, status=200):
        body = doc if isinstance(doc, bytes) else json.dumps(doc).encode()
        self.send_response(status)
        self.send_header("Content-Type", TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        cls = Scripted
        if "/status/" in self.path:
            cls.polls += 1
            st = dict(cls.statuses[self.path.rstrip("/").rpartition("/")[2]])
            if cls.mode == "never" or cls.polls < 3:
                return self.answer(dict(st, status="pending", pending_count=st["total_count"], success_count=0))
            return self.answer(st)
        if "/collections/" in self.path:
            return self.answer({"id": INBOX, "title": "x", "can_read": False, "can_write": cls.mode != "readonly"})
        self.answer({"title": "x", "versions": [TYPE], "max_content_length": cls.content_max})

    def do_POST(self):
        cls = Scripted
        if self.headers.get("Transfer-Encoding"):
            return self.answer({"title": "length wanted", "http_status": "411"}, 411)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        cls.heads.append((self.path, dict(self.headers)))
        if cls.mode == "cut":
            self.close_connection = True
            self.connection.shutdown(2)
            return
        objects = json.loads(body)["objects"]
        n = len(objects)
        if cls.mode in ("400", "413", "422", "503", "401"):
            return self.answer({"title": "no: " + cls.mode, "http_status": cls.mode}, int(cls.mode))
        if cls.mode == "html":
            return self.answer(b"<html>", 202)
        ident = "7d0f1e00-0000-4000-8000-%012d" % len(cls.got)
        cls.got.append(objects)
        st = {"id": ident, "status": "complete", "total_count": n, "success_count": n, "failure_count": 0, "pending_count": 0}
        if cls.mode == "some":
            st.update(success_count=n - 1, failure_count=1,
                      failures=[{"id": objects[0]["id"], "version": "x", "message": "I do not like it"}])
        cls.statuses[ident] = st
        if cls.mode in ("slow", "never"):
            cls.polls = 0
            return self.answer(dict(st, status="pending", success_count=0, pending_count=n), 202)
        self.answer(st, 202)


def held():
    """What a server that keeps the newest version of each object has that is not revoked."""
    have = {}
    for objects in Scripted.got:
        for o in objects:
            if o.get("modified", "") >= have.get(o["id"], {}).get("modified", ""):
                have[o["id"]] = o
    return {i: o for i, o in have.items() if not o.get("revoked")}


def valid(objects):
    try:
        from stix2validator import ValidationOptions, validate_instance
    except ImportError:
        return True, "skipped"
    bad = []
    for o in objects:
        r = validate_instance(o, ValidationOptions(version="2.1", enforce_refs=False))
        if not r.is_valid:
            bad.append((o["type"], [str(e) for e in r.errors]))
    return not bad, bad[:2]


def test_scripted(near, c, evs):
    S = Scripted
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), S)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d" % web.server_port
    ident = add(c, url, name="scripted", api_root="/api/", collection=INBOX, user="me", api_key="pw 1")

    def ends(mode, what):
        S.mode = mode
        a = push(c, ident)
        st = c.get("/taxii_servers/view/" + ident).json()["TaxiiServer"]["tocsin"]["push"]
        ok(a.status in (400, 502) and st["last_error"] and not st["last_success"], "%s ends the push" % what, a.text())
        return a.text()
    ok("write" in ends("readonly", "a collection that is only read"), "and says so")
    ends("503", "a server that is busy")
    ends("401", "a key that is none")
    ends("html", "a page for people")
    ends("cut", "a connection that is cut")
    ok(S.heads[0][0] == "/api/collections/%s/objects/" % INBOX and S.heads[0][1]["Content-Type"] == TYPE and
       S.heads[0][1]["Authorization"].startswith("Basic "), "posts go where they should", S.heads[0])
    S.mode = "some"
    r = result(push(c, ident))
    ok(counts(r, "sent", "refused", "failure") == (0, 2, 2) and "I do not like it" in r["problems"][0],
       "objects that are refused are told", r)
    S.mode, n = "fine", len(S.got)
    ok(counts(result(push(c, ident)), "sent", "refused") == (0, 0) and len(S.got) == n, "and not sent again as they are")
    for mode in ("400", "413", "422"):
        S.mode = mode
        r = result(push(c, ident, again=1))
        ok(counts(r, "sent", "refused") == (0, 2) and "no: " + mode in r["problems"][0], "HTTP %s is about an event" % mode, r)
    S.mode = "slow"
    r = result(push(c, ident, again=1))
    ok(counts(r, "sent", "refused", "pending") == (2, 0, 0) and S.polls >= 3, "a status is asked for until it is complete", r)
    S.mode, S.content_max = "fine", 65536
    big = made(c, 20)
    c.post("/attributes/add/" + big["id"], [{"type": "domain", "category": "Network activity", "to_ids": True,
                                             "value": "a%d.big.example" % i} for i in range(400)])
    c.post("/events/publish/" + big["id"])
    r = result(push(c, ident))
    ok(counts(r, "sent", "refused") == (0, 1) and "more than the server takes" in r["problems"][0], "what is too long for it is told", r)
    S.content_max = 8 << 20
    r = result(push(c, ident, again=1))
    ok(counts(r, "sent", "refused") == (3, 0), "and goes when it is not", r)
    ok(all(valid(o)[0] for o in S.got), "all that is sent is valid STIX", [valid(o) for o in S.got if not valid(o)[0]][:1])
    reports = {i for i in held() if i.startswith("report--")}
    ok(reports == {"report--" + e["uuid"] for e in (evs[0], evs[1], big)}, "the server has three events", reports)
    # all of an event is revoked, in pieces, by valid objects
    n = len(S.got)
    c.post("/events/delete/" + big["id"])
    r = result(push(c, ident))
    ok(counts(r, "revoked", "refused") == (1, 0), "an event is taken back", r)
    left = [i for i in held() if i.startswith(("indicator--", "relationship--", "observed-data--")) and
            "big" in json.dumps(held()[i])]
    ok(not left and "report--" + big["uuid"] not in held(), "nothing of it is left", left[:3])
    ok(all(valid(o)[0] for o in S.got[n:]) and all(x.get("revoked") for o in S.got[n:] for x in o), "by valid objects",
       [valid(o) for o in S.got[n:] if not valid(o)[0]][:1])
    ok("big.example" not in json.dumps(S.got[n:]), "that say nothing again")
    # the policy changes while the server is away: everything it may not have goes when it is back
    return ident, web


def test_policy(near, c, ident, evs, path):
    """A stricter policy takes back what went under the one before; a server that fails meanwhile is asked again."""
    with open(path, "w") as f:
        f.write(POLICY.replace("tlp: green", "tlp: clear"))
    a = c.post("/tocsin/policyReload", {})
    ok(a.status == 200, "another policy", a.text())
    Scripted.mode = "503"
    a = push(c, ident)
    ok(a.status == 502, "the server is away", a.text())
    near.kill()
    near.start()
    c = near.client(timeout=180)
    Scripted.mode = "fine"
    r = result(push(c, ident))
    ok(counts(r, "revoked", "refused") == (2, 0), "what the audience may not have any more is taken back, after a crash", r)
    ok(not [i for i in held() if i.startswith(("report--", "indicator--"))], "nothing is left", sorted(held())[:5])
    c.post("/taxii_servers/delete/" + ident)
    ok(push(c, ident).status == 404, "a row that is gone")


def main():
    if not nodelib.have_daemon():
        nodelib.skip("no daemon")
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "policy.yaml")
        with open(path, "w") as f:
            f.write(POLICY)
        extra = ["--set", "feed_interval=0", "--set", "limits.peer_stall=5s"]
        with nodelib.Node(extra=extra + ["--policy", path]) as near, nodelib.Node(extra=["--set", "taxii.publish=true"]) as far:
            c, d = near.client(timeout=180), far.client(timeout=180)
            _, evs = test_node(near, far, c, d)
            ident, web = test_scripted(near, c, evs)
            test_policy(near, c, ident, evs, path)
            ok(near.alive() and far.alive(), "the nodes are alive")
            near.stop()
            far.stop()
            web.shutdown()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
