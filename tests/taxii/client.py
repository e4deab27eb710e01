#!/usr/bin/env python3
"""TAXII collections as sources: events of one node reach another one equal, once, and only when they have changed;
a hostile server ends a pull with an error, and nothing of it is taken in."""
import http.server
import json
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402
import server  # noqa: E402
from server import ALL, TYPE, COUNT, event, ok, publish  # noqa: E402

COLLECTION = ALL.rstrip("/").rpartition("/")[2]
ANY = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"


def add(c, url, **more):
    row = dict({"name": "far", "owner": "them", "baseurl": url, "api_root": "/taxii2/api/",
                "collection": COLLECTION, "distribution": "1", "publish": True}, **more)
    return c.post("/taxii_servers/add", row)


def pull(c, ident, **more):
    return c.post("/taxii_servers/pull/%s" % ident, more)


def row_of(c, ident):
    return c.get("/taxii_servers/view/%s" % ident).json()["TaxiiServer"]


def attributes(ev):
    """What an event says, at the level of attributes."""
    def plain(a):
        return (a["uuid"], a["type"], a["category"], a["value"], bool(a["to_ids"]), a["timestamp"], a.get("comment", ""),
                a.get("object_relation"))
    return (ev["info"], ev["date"], sorted(t["name"] for t in ev.get("Tag", [])),
            sorted(plain(a) for a in ev["Attribute"]),
            sorted((o["uuid"], o["name"], tuple(sorted(plain(a) for a in o["Attribute"]))) for o in ev["Object"]))


def view(c, uuid):
    a = c.get("/events/view/" + uuid)
    return a.json().get("Event") if a.status == 200 else None


def test_round_trip(far, near):
    """Two nodes: all of one comes to the other, and later what is new."""
    c, d = far.client(), near.client()
    made = [publish(c, event(i, uuid="5c0a1e00-7a11-4000-8000-%012d" % i)) for i in range(6)]
    hidden = publish(c, event(7, "0", info=server.SECRET))
    _, key = server.another_user(c)
    server.settle()
    a = add(d, far.url, api_key=key, tag_id=d.post("/tags/add", {"name": "from:taxii"}).json()["Tag"]["id"])
    row = a.json().get("TaxiiServer", {})
    ok(a.status == 200 and "api_key" not in row, "a server is added, and its key is not told", a.text())
    ok(key not in d.get("/taxii_servers/index").text(), "nor in lists")
    ident = row["id"]
    a = d.post("/taxii_servers/getRoot", {"baseurl": far.url, "api_key": key})
    ok(a.status == 200 and list(a.json()) == ["/taxii2/api/"], "its API roots", a.text())
    a = d.post("/taxii_servers/getCollections", {"baseurl": far.url, "api_root": "/taxii2/api/", "api_key": key})
    ok(a.status == 200 and a.json() == {COLLECTION: "All events"}, "its collections", a.text())
    a = d.get("/taxii_servers/collectionsIndex/" + ident)
    ok(a.status == 200 and [x["id"] for x in a.json()] == [COLLECTION], "and those of a stored one", a.text())
    a = pull(d, ident)
    ok(a.status == 200 and a.json()["result"]["added"] == 6 and a.json()["result"]["failed"] == 0, "a pull", a.text())
    for m in made:
        here, there = view(d, m["uuid"]), view(c, m["uuid"])
        if here:
            here["Tag"] = [t for t in here["Tag"] if t["name"] != "from:taxii"]
        if not ok(here and attributes(here) == attributes(there), "%s is equal" % m["info"],
                  here and [x for x in zip(attributes(here), attributes(there)) if x[0] != x[1]]):
            break
    ok(all("from:taxii" in {t["name"] for t in view(d, m["uuid"]).get("Tag", [])} for m in made if view(d, m["uuid"])),
       "they are tagged")
    ok(view(d, hidden["uuid"]) is None, "what the key may not see does not come")
    a = pull(d, ident)
    ok(a.status == 200 and a.json()["result"]["objects"] == 0, "nothing is new", a.text())
    c.post("/attributes/add/" + made[2]["id"], {"type": "domain", "value": "later.example", "to_ids": True,
                                                "category": "Network activity"})
    c.post("/events/publish/" + made[2]["id"])
    new = publish(c, event(9, uuid="5c0a1e00-7a11-4000-8000-000000000099"))
    server.settle()
    a = pull(d, ident)
    r = a.json().get("result", {})
    ok((r.get("events"), r.get("added"), r.get("updated")) == (2, 1, 1), "what changed comes, and no more", a.text())
    ok("later.example" in [x["value"] for x in view(d, made[2]["uuid"])["Attribute"]], "with what is new in it")
    ok(view(d, new["uuid"]) is not None, "and a new event")
    a = pull(d, ident, again=1)
    ok(a.json()["result"]["events"] == 7 and a.json()["result"]["added"] == 0, "again, from the beginning: nothing twice",
       a.text())
    st = row_of(d, ident)["tocsin"]
    ok(st["last_success"] > 0 and st["last_error"] == "" and st["added_after"], "the row says how it went", st)
    return ident, key, made


def test_tool(far, near, key):
    """The same by tocsin taxii, on the node's machine."""
    tool = os.environ.get("TOCSIN")
    if not tool or not os.access(tool, os.X_OK):
        print("# skipped: the tool is not built")
        return

    def run(*args, text=None):
        p = subprocess.run([tool, "--url", near.url, "--key", near.key, *args], input=text, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=120)
        return p.returncode, p.stdout + p.stderr
    code, out = run("taxii", "add", far.url, COLLECTION, "-", "--name", "by tool", text=key + "\n")
    ok(code == 0 and "added" in out, "tocsin taxii add", out)
    code, out = run("taxii", "collections", "by tool")
    ok(code == 0 and COLLECTION in out and "All events" in out, "tocsin taxii collections", out)
    code, out = run("taxii", "pull", "by tool")
    ok(code == 0 and "events" in out, "tocsin taxii pull", (code, out))
    code, out = run("taxii", "list")
    ok(code == 0 and "by tool" in out and key not in out, "tocsin taxii list", out)
    code, out = run("taxii", "remove", "by tool")
    ok(code == 0 and "by tool" not in run("taxii", "list")[1], "tocsin taxii remove", out)


def test_failures(far, near, ident, made):
    d = near.client()
    before = view(d, made[0]["uuid"])
    far.stop()
    a = pull(d, ident)
    ok(a.status == 502, "a server that is away is told", a.text())
    st = row_of(d, ident)["tocsin"]
    ok(st["last_error"] and st["added_after"], "in the row, which keeps its place", st)
    ok(attributes(view(d, made[0]["uuid"])) == attributes(before), "and everything stays")
    for bad in ({"baseurl": "ftp://x"}, {"baseurl": "http://x/\r\nX: y"}, {"collection": "../users"}, {"distribution": "9"}, {"name": ""}):
        a = add(d, far.url, **{k: v for k, v in bad.items() if k != "baseurl"}) if "baseurl" not in bad else add(d, bad["baseurl"])
        ok(a.status == 403, "%r is refused" % (bad,), (a.status, a.text()))


def stix(n, **more):
    return dict({"type": "indicator", "spec_version": "2.1", "id": "indicator--5c0a1e00-bad0-4000-8000-%012d" % n,
                 "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
                 "pattern": "[domain-name:value = 'bad%d.example']" % n, "pattern_type": "stix",
                 "valid_from": "2026-01-01T00:00:00Z"}, **more)


class Hostile(http.server.BaseHTTPRequestHandler):
    """What it answers is named by the API root."""
    protocol_version = "HTTP/1.0"
    asked = {}
    keys = []

    def log_message(self, *args):
        pass

    def do_GET(self):
        mode = self.path.split("/")[1]
        n = Hostile.asked[mode] = Hostile.asked.get(mode, 0) + 1
        Hostile.keys.append((mode, self.headers.get("Authorization")))
        try:
            getattr(self, mode.replace("-", "_"))(n)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self, body, status=200, kind=TYPE, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.end_headers()
        self.wfile.write(body)

    def endless(self, n):
        self.answer({"objects": [], "more": True, "next": str(n)})

    def stuck(self, n):
        self.answer({"objects": [stix(n)], "more": True, "next": "here"})

    def nowhere(self, n):
        self.answer({"objects": [stix(n)], "more": True})

    def odd_next(self, n):
        self.answer({"objects": [stix(n)], "more": True, "next": "x" * 5000})

    def types(self, n):
        self.answer({"objects": {"more": [1]}, "more": "perhaps", "next": {"a": 5}})

    def html(self, n):
        self.answer(b"<html><body>log in</body></html>", kind="text/html")

    def text(self, n):
        self.answer(b'{"objects":[{"type":"indicator"')

    def second(self, n):
        if n % 2:
            self.answer({"objects": [stix(7)], "more": True, "next": "b"},
                        X_TAXII_Date_Added_Last="2026-01-01T00:00:00.000001Z")
        else:
            self.answer({"title": "no"}, 500)

    def huge(self, n):
        self.send_response(200)
        self.send_header("Content-Type", TYPE)
        self.end_headers()
        self.wfile.write(b'{"objects":[')
        blob = json.dumps(stix(1, description="A" * (1 << 20))).encode()
        for _ in range(1200):
            self.wfile.write(blob + b",")

    def slow(self, n):
        self.send_response(200)
        self.send_header("Content-Type", TYPE)
        self.end_headers()
        for _ in range(600):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.5)

    def away(self, n):
        self.send_response(302)
        self.send_header("Location", "http://localhost:%d/good/collections/x/objects/" % self.server.server_port)
        self.end_headers()

    def good(self, n):
        if "next=" not in self.path:
            self.answer({"more": True, "objects": [stix(1), stix(2, name='{"more":true,"next":"no"}')], "next": "a b&c/d"},
                        X_TAXII_Date_Added_Last="2026-01-01T00:00:00.000001Z")
        elif "next=a%20b%26c%2Fd" in self.path:
            self.answer({"objects": [stix(3)]}, X_TAXII_Date_Added_Last="2026-01-02T00:00:00.000001Z")
        else:
            self.answer({"title": "what?"}, 400)


def test_hostile(near):
    d = near.client(timeout=300)
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d" % web.server_port
    events = len(d.post("/events/index", {"minimal": 1}).json())

    def source(mode, **more):
        return add(d, url, **dict({"api_root": "/%s/" % mode, "collection": ANY, "api_key": "far-key-1"}, **more)).json()["TaxiiServer"]["id"]
    for mode, what in (("endless", "pages without an end"), ("stuck", "a token that comes again"),
                       ("nowhere", "more without a token"), ("odd-next", "a token of any length"),
                       ("types", "members of other types"), ("html", "a page for people"), ("text", "a broken document"),
                       ("second", "a second page that fails"), ("huge", "a body without an end")):
        ident = source(mode)
        began = time.monotonic()
        a = pull(d, ident)
        st = row_of(d, ident)["tocsin"]
        ok(a.status == 502 and st["last_error"] and not st["added_after"] and not st["last_success"],
           "%s: the pull fails (%.1f s)" % (what, time.monotonic() - began), (a.status, a.text()))
    ok(Hostile.asked["endless"] <= 101, "and is given up soon", Hostile.asked)
    ok(len(d.post("/events/index", {"minimal": 1}).json()) == events, "and nothing of it was taken in")
    slow = source("slow")
    began, got = time.monotonic(), []
    t = threading.Thread(target=lambda: got.append(pull(near.client(timeout=300), slow)))
    t.start()
    ident = source("good", filters={"match[type]": "indicator", "limit": "5"})
    a = pull(d, ident)
    ok(a.status == 200 and a.json()["result"]["pages"] == 2 and a.json()["result"]["events"] == 1,
       "beside a slow one a good one is read", a.text())
    st = row_of(d, ident)["tocsin"]
    ok(st["added_after"] == "2026-01-02T00:00:00.000001Z", "up to its last page", st)
    t.join(280)
    ok(got and got[0].status == 502 and time.monotonic() - began < 200, "a slow one is given up", (time.monotonic() - began, got and got[0].text()))
    found = d.post("/attributes/restSearch", {"returnFormat": "json", "value": "bad3.example"}).json()["response"]["Attribute"]
    ok(len(found) == 1 and found[0]["to_ids"], "what came is found", found)
    ok(("good", "Bearer far-key-1") in Hostile.keys, "with its key", Hostile.keys[-3:])
    ident = source("away")
    pull(d, ident)
    elsewhere = [k for m, k in Hostile.keys if m == "good" and k is None]
    ok(elsewhere or ("good", None) in Hostile.keys, "a key does not follow to another host", Hostile.keys[-3:])
    web.shutdown()


class Long(http.server.BaseHTTPRequestHandler):
    """A collection of many pages that know nothing of events; tokens are numbers of pages."""
    protocol_version = "HTTP/1.0"
    pages, asked, fails_at, forgets = [], [], 0, False

    def log_message(self, *args):
        pass

    def do_GET(self):
        cls = Long
        query = self.path.partition("?")[2]
        at = next((int(x[5:]) for x in query.split("&") if x.startswith("next=")), 0)
        cls.asked.append((at, "added_after" in query))
        if cls.fails_at and at >= cls.fails_at or cls.forgets and at:
            code, doc = (400 if cls.forgets else 500), {"title": "not now"}
        elif "added_after" in query:
            code, doc = 200, {}
        else:
            code, doc = 200, dict({"objects": cls.pages[at]} if cls.pages[at] else {},
                                  **({"more": True, "next": str(at + 1)} if at + 1 < len(cls.pages) else {}))
        body = json.dumps(doc).encode()
        self.send_response(code)
        self.send_header("Content-Type", TYPE)
        self.send_header("Content-Length", str(len(body)))
        if code == 200 and doc:
            self.send_header("X-TAXII-Date-Added-Last", "2026-01-01T00:00:%02d.000001Z" % at)
        self.end_headers()
        self.wfile.write(body)


MAKER = "identity--5c0a1e00-10c0-4000-8000-000000000001"
EVENTS, PARTS, PAGE = 60, 20, 80


def long_collection():
    """One identity at the very beginning; reports behind their indicators, anywhere; some of no report at the end."""
    objects = [{"type": "identity", "spec_version": "2.1", "id": MAKER, "created": "2026-01-01T00:00:00.000Z",
                "modified": "2026-01-01T00:00:00.000Z", "name": "Far maker", "identity_class": "organization"}]
    for e in range(EVENTS):
        refs = [stix(e * 100 + i, created_by_ref=MAKER, description="d" * 450) for i in range(PARTS)]
        objects += refs
        objects.append({"type": "report", "spec_version": "2.1", "id": "report--5c0a1e00-10c0-4000-9000-%012d" % e,
                        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "created_by_ref": MAKER,
                        "name": "long %d" % e, "published": "2026-01-01T00:00:00.000Z",
                        "object_refs": [r["id"] for r in refs]})
    objects += [stix(900000 + i) for i in range(3)]
    return [objects[i:i + PAGE] for i in range(0, len(objects), PAGE)] + [[]]


def test_long(node):
    """More than a batch holds: taken in as it comes, gone on with where it broke off."""
    d = node.client(timeout=300)
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Long)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    Long.pages = long_collection()
    n = len(Long.pages)
    ident = add(d, "http://127.0.0.1:%d" % web.server_port, name="long", api_root="/", collection=ANY).json()["TaxiiServer"]["id"]
    Long.fails_at = n - 4
    a = pull(d, ident)
    there = len(d.post("/events/index", {"minimal": 1}).json())
    ok(a.status == 502 and "ended early" in a.text() and 0 < there < EVENTS, "a pull that breaks off has taken in what came (%d)" % there, a.text())
    st = row_of(d, ident)["tocsin"]
    ok(not st["added_after"] and st["last_error"], "and is not done", st)
    node.kill()
    node.start()
    d = node.client(timeout=300)
    Long.forgets, Long.fails_at, Long.asked = True, 0, []
    a = pull(d, ident)
    ok(a.status == 502 and Long.asked[0][0] > 0, "a server that forgot its tokens ends the next one", Long.asked)
    Long.fails_at, Long.forgets, Long.asked = n - 2, False, []
    a = pull(d, ident)
    ok(a.status == 502 and Long.asked[0][0] == 0, "which then begins again", (Long.asked[:2], a.text()))
    Long.fails_at, Long.asked = 0, []
    a = pull(d, ident)
    ok(a.status == 200 and n - 6 < Long.asked[0][0] < n, "it goes on where its last batch ended", (n, Long.asked, a.text()))
    evs = d.post("/events/restSearch", {"returnFormat": "json", "eventinfo": "long %"}).json()["response"]
    evs = [e["Event"] for e in evs]
    ok(len(evs) == EVENTS and all(len(e["Attribute"]) == PARTS for e in evs), "every event is there, whole, once",
       (len(evs), sorted(len(e["Attribute"]) for e in evs)[:5]))
    ok(all('misp-galaxy:producer="Far maker"' in {t["name"] for t in e["Tag"]} for e in evs),
       "with its maker, who came on the first page", evs[-1].get("Tag"))
    ok(len(d.post("/events/index", {"minimal": 1}).json()) == EVENTS + 1, "and what no report names is one more")
    found = d.post("/attributes/restSearch", {"returnFormat": "json", "value": ["bad90000%d.example" % i for i in range(3)]}).json()["response"]["Attribute"]
    ok(len(found) == 3, "with all of it", found)
    Long.asked = []
    a = pull(d, ident)
    ok(a.status == 200 and Long.asked == [(0, True)], "then it asks for what is new", (Long.asked, a.text()))
    web.shutdown()


def main():
    if not nodelib.have_daemon():
        nodelib.skip("no daemon")
    extra = ["--set", "feed_interval=0", "--set", "limits.peer_stall=5s"]
    with nodelib.Node() as far, nodelib.Node(extra=extra) as near:
        ident, key, made = test_round_trip(far, near)
        test_tool(far, near, key)
        test_hostile(near)
        test_failures(far, near, ident, made)
        ok(near.alive(), "the node is alive")
        near.stop()
    with nodelib.Node(extra=extra + ["--set", "taxii.batch=64KiB"]) as node:
        test_long(node)
        node.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
