#!/usr/bin/env python3
"""Feeds of values (CSV, free text) from a server that means harm: whatever it answers, nothing that came in
before goes, and the row says in words what was wrong. Also what left, what people deleted, and packed files."""
import gzip
import http.server
import io
import os
import sys
import threading
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

COUNT = [0, 0]
ANSWER = {}  # how the server answers just now
ASKED = []  # headers of each request


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what), flush=True)
    if not good and detail:
        print("# " + str(detail)[:900].replace("\n", "\n# "))
    return good


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        ASKED.append(dict(self.headers))
        a = dict(ANSWER)
        if a.get("etag") and self.headers.get("If-None-Match") == a["etag"]:
            a = {"status": 304}
        body = a.get("body", b"")
        self.send_response(a.get("status", 200))
        for name, value in a.get("headers", {}).items():
            self.send_header(name, value)
        if a.get("etag"):
            self.send_header("ETag", a["etag"])
        self.send_header("Content-Length", str(a.get("length", len(body))))
        if a.get("length", len(body)) != len(body):
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass


def table(n, first=1):
    return "".join("%d,203.0.113.%d\n" % (i, i) for i in range(first, first + n)).encode()


def zipped(data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("list.csv", data)
    return out.getvalue()


class Feed:
    def __init__(self, client, url, **row):
        self.c = client
        row = dict({"name": "v", "provider": "p", "url": url, "source_format": "csv", "enabled": True,
                    "input_source": "network", "distribution": "0", "fixed_event": True,
                    "settings": {"csv": {"value": "2", "delimiter": ","}}}, **row)
        self.id = client.post("/feeds/add", {"Feed": row}).json()["Feed"]["id"]

    def fetch(self, again=False):
        r = self.c.post("/feeds/fetchFromFeed/%s%s" % (self.id, "?again=1" if again else ""))
        return r.json()["result"]

    def row(self):
        return [f["Feed"] for f in self.c.get("/feeds/index?tocsin=1").json()
                if f["Feed"]["id"] == self.id][0]

    def values(self, deleted=False):
        e = self.c.get("/events/view/%s%s" % (self.row()["event_id"], "/deleted:1" if deleted else ""))
        return e.json()["Event"]

    def live(self):
        return sorted(a["value"] for a in self.values()["Attribute"])


def hostile(f, url):
    before = f.live()
    bomb = gzip.compress(b"0" * 8192, 9)
    bomb = b"".join(bomb for _ in range(70000))  # 560 MB of noughts
    cases = [
        ("nothing at all", {"body": b""}, "no values"),
        ("no values", {"body": b"# all gone\nnothing,here\n"}, "value"),
        ("HTML with status 200", {"body": b"<!DOCTYPE html><html><a href='http://203.0.113.9/'>x</a>"}, "HTML"),
        ("an error page", {"status": 500, "body": b"203.0.113.9"}, "500"),
        ("not there", {"status": 404, "body": b""}, "not there"),
        ("a truncated gzip", {"body": gzip.compress(table(200))[:-9]}, "too early"),
        ("a damaged zip", {"body": zipped(table(200))[:60]}, "too early"),
        ("a zip bomb", {"body": bomb}, "larger than"),
        ("304 without a question", {"status": 304}, "not modified"),
        ("a body that breaks off", {"body": table(3), "length": 4000}, ""),
        ("redirects in a circle", {"status": 302, "headers": {"Location": url}}, ""),
    ]
    for what, answer, words in cases:
        ANSWER.clear()
        ANSWER.update(answer)
        said = f.fetch(again=True)
        row = f.row()
        ok("failed" in said and words in row["tocsin"]["last_error"],
           "%s: %s" % (what, row["tocsin"]["last_error"]), said)
        ok(f.live() == before, "and nothing is emptied")


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d/list.csv" % server.server_port
    node = nodelib.Node(extra=["--set", "feed_interval=0"])
    node.start()
    try:
        c = node.client()
        f = Feed(c, url, delta_merge=True, publish=True)
        ANSWER.update(body=b"# a list\nid,ip\n" + table(5), etag='"one"')
        ok("success" in f.fetch(), "the first fetch")
        e = f.values()
        ok(len(e["Attribute"]) == 5 and e["published"] and e["info"] == "v feed", "an event of five", e)
        stamp = e["timestamp"]
        node.kill()
        node.start()
        c.close()
        ok("success" in f.fetch() and ASKED[-1].get("If-None-Match") == '"one"',
           "after a restart it asks for what changed", ASKED[-1])
        ok(f.values()["timestamp"] == stamp, "which is nothing")

        hand = c.post("/attributes/add/%s" % e["id"], {"type": "domain", "value": "by-hand.example.com"})
        ok(hand.status == 200, "somebody adds a value")
        ANSWER.update(body=gzip.compress(table(5, 3)), etag='"two"')
        f.fetch()
        ok(f.live() == sorted(["by-hand.example.com"] + ["203.0.113.%d" % i for i in range(3, 8)]),
           "two left, two came, what was added by hand stays (gzip)", f.live())
        mine = [a for a in f.values()["Attribute"] if a["value"] == "203.0.113.4"][0]
        c.post("/attributes/delete/%s" % mine["id"])
        ANSWER.update(body=zipped(table(7)), etag='"three"')
        f.fetch()
        ok("203.0.113.1" in f.live() and "203.0.113.2" in f.live(), "what left is back (zip)", f.live())
        ok("203.0.113.4" not in f.live(), "what somebody deleted is not")
        ones = [a for a in f.values(True)["Attribute"] if a["value"] == "203.0.113.1"]
        ok(len(ones) <= 1, "and it is the same attribute as before", ones)
        hostile(f, url)
        ANSWER.clear()
        ANSWER.update(body=table(8))
        ok("success" in f.fetch() and not f.row()["tocsin"]["last_error"], "then all is well again")

        g = Feed(c, url, name="t", source_format="freetext", override_ids=True, settings={})
        ANSWER.update(body=b'{"a": ["203.0.113.77", "see bad.example.com"]}')
        g.fetch()
        ok(g.live() == ["203.0.113.77", "bad.example.com"], "texts of a JSON document", g.live())
        ok(not any(a["to_ids"] for a in g.values()["Attribute"]), "override_ids")
        ANSWER.update(body="\ufeffNote,Wert\nM\u00fcller,203.0.113.79\n".encode("utf-16-le"))
        u = Feed(c, url, name="u")
        u.fetch()
        ok(u.live() == ["203.0.113.79"], "a table in UTF-16", u.row())
        e = c.post("/events/add", {"Event": {"info": "target", "distribution": "0"}}).json()["Event"]
        for name, target in (("by number", e["id"]), ("by UUID", e["uuid"])):
            ANSWER.update(body=("x,203.0.113.8%d" % len(name)).encode())
            u = Feed(c, url, name=name, target_event=target)
            u.fetch()
            ok(u.row()["event_id"] == e["id"], "target_event, " + name, u.row())
        ok(len(u.live()) == 2, "both into the event that was there", u.live())
        c.post("/feeds/edit/%s" % u.id, {"Feed": {"caching_enabled": True}})
        c.post("/feeds/cacheFeeds/%s" % u.id)
        hit = c.post("/feeds/searchCaches", {"value": u.live()[0]}).json()
        ok(len(hit) == 1 and hit[0]["Feed"]["uuid"] == [] and hit[0]["Feed"]["direct_urls"][0]["url"].endswith("/feeds/previewIndex/" + u.id),
           "a cached value of a feed without events names the feed", hit)
        told = [f for f in c.get("/feeds/index").json() if f["Feed"]["name"] == "v"]
        told[0]["Feed"].update(url="https://feed.example.org/other.csv", enabled=True)
        told += [{"Feed": {"name": "w", "provider": "w", "url": "https://feed.example.org/misp", "settings": {"disable_correlation": "1"}},
                  "Tag": {"name": "from:w", "colour": "#112233", "exportable": True}}]
        r = c.post("/feeds/importFeeds", told)
        ok(r.status == 200 and "2 new feeds" in r.text() and "0 new feeds" in c.post("/feeds/importFeeds", told).text(), "feeds of another node", r.text())
        rows = {f["Feed"]["url"]: f for f in c.get("/feeds/index").json()}
        new = rows["https://feed.example.org/misp"]
        ok(new["Tag"]["name"] == "from:w" and new["Feed"]["source_format"] == "misp" and "disable_correlation" in new["Feed"]["settings"],
           "with settings and tag", new)
        new = rows["https://feed.example.org/other.csv"]["Feed"]
        ok(not new["enabled"] and new["delta_merge"] and new["publish"] and '"value":"2"' in new["settings"], "switched off", new)
        for bad in ({}, [], [{"Feed": {"name": "x"}}], [{"Feed": {"name": "x", "provider": "y", "url": "file:///etc/passwd"}}]):
            ok(c.post("/feeds/importFeeds", bad).status in (403, 405), "no list of feeds: %s" % bad)
        row = {"name": "x", "provider": "x", "url": url, "source_format": "csv"}
        for member, bad in (("settings", {"csv": {"value": "a,0"}}), ("settings", {"common": {"excluderegex": "/(/"}}),
                            ("headers", "no colon"), ("target_event", "999999"),
                            ("target_event", "7d8a1f5e-0000-4000-8000-000000000000")):
            r = c.post("/feeds/add", {"Feed": dict(row, **{member: bad})})
            ok(r.status == 403 and member in r.json()["errors"], "refused at once: %s %s" % (member, bad), r.text())
        c.post("/events/delete/%s" % g.row()["event_id"])
        ANSWER.update(body=b"203.0.113.78")
        ok("not there any more" in g.fetch(), "an event that is gone is said to be")
    finally:
        node.kill()
        server.shutdown()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
