#!/usr/bin/env python3
"""Feeds from servers that mean harm or are broken, of each format, fetched and cached: what came in before stays,
caches stay as they are, the row says in words what was wrong, and memory stays bounded."""
import gzip
import json
import os
import socket
import sys
import threading
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

COUNT = [0, 0]
SAMPLE = os.path.join(nodelib.TOP, "contrib", "sample-feed")
LIMIT = 32 << 20  # limits.event of the node
GROWTH = 450 << 20  # what a build with sanitizers may keep of it


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what), flush=True)
    if not good and detail:
        print("# " + str(detail)[:900].replace("\n", "\n# "))
    return good


class Server:
    """Answers each request by a function that is given the socket and the path."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self.answer = None
        self.stop = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(s,), daemon=True).start()

    def one(self, s):
        try:
            with s:
                head = b""
                while b"\r\n\r\n" not in head:
                    more = s.recv(4096)
                    if not more:
                        return
                    head += more
                self.answer(self, s, head.split()[1].decode())
        except OSError:
            pass


def send(s, body, status="200 OK", length=None, more=b""):
    s.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n" %
              (status.encode(), len(body) if length is None else length, more) + body)


def files(server, s, path):
    """A good feed: the sample, a table, a text."""
    name = path.rsplit("/", 1)[1]
    if name == "list.csv":
        send(s, b"id,value\n" + b"".join(b"%d,198.51.100.%d\n" % (i, i) for i in range(1, 9)))
    elif name == "list.txt":
        send(s, b"see hxxp://bad[.]example[.]org/x and 198.51.100.200")
    elif os.path.exists(os.path.join(SAMPLE, name)):
        with open(os.path.join(SAMPLE, name), "rb") as f:
            send(s, f.read())
    else:
        send(s, b"", "404 Not Found")


def always(body, **kw):
    return lambda server, s, path: send(s, body, **kw)


def drip(server, s, path):
    """A byte now and then, for as long as it is listened to."""
    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not server.stop.wait(0.2):
        s.sendall(b"1")


def silent(server, s, path):
    server.stop.wait(60)


def endless(piece, head=b""):
    def answer(server, s, path):
        s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n%s\r\n" % head)
        chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
        while not server.stop.is_set():
            s.sendall(chunk * 64)
    return answer


def long_head(server, s, path):
    s.sendall(b"HTTP/1.1 200 OK\r\n")
    while not server.stop.is_set():
        s.sendall(b"X-Filler: " + b"y" * 4000 + b"\r\n")


def hops(server, s, path):
    """A redirect to another place, each time."""
    n = int(path.rsplit("=", 1)[1]) + 1 if "=" in path else 0
    send(s, b"", "302 Found", more=b"Location: %s?n=%d\r\n" % (path.split("?")[0].encode(), n))


def elsewhere(where):
    return lambda server, s, path: send(s, b"", "302 Found", more=b"Location: %s\r\n" % where)




def bomb(megabytes):
    z = zlib.compressobj(9, wbits=31)
    return b"".join([z.compress(b"0" * (1 << 20)) for _ in range(megabytes)] + [z.flush()])


BOMB = bomb(256)
LINES = b"".join(b"10.%d.%d.%d\n" % (i >> 16, i >> 8 & 255, i & 255) for i in range(4096))
ANYWHERE = [
    ("a slow drip", drip),
    ("silence", silent),
    ("an endless body", endless(LINES)),
    ("an endless line", endless(b"a" * 65536)),
    ("an endless head", long_head),
    ("a gzip bomb", always(BOMB)),
    ("a gzip bomb by Content-Encoding", always(BOMB, more=b"Content-Encoding: gzip\r\n")),
    ("redirects without end", hops),
    ("a redirect to a file", elsewhere(b"file:///etc/passwd")),
    ("an empty answer", always(b"")),
    ("a page of HTML", always(b"<html><body>198.51.100.77 please log in</body></html>")),
    ("a truncated body", always(b"198.51.100.78\n" * 20, length=5000)),
    ("a truncated gzip", always(gzip.compress(LINES)[:-20])),
    ("bytes that are nothing", always(bytes(range(128, 256)) * 300)),
    ("an error", always(b"198.51.100.79\n", status="503 Busy")),
    ("a 204", always(b"", status="204 No Content")),
]
MANIFESTS = [
    ("a manifest without events", always(b"{}")),
    ("a manifest that is cut", always(open(os.path.join(SAMPLE, "manifest.json"), "rb").read()[:500])),
    ("a manifest of another form", always(b'[1, 2, {"uuid": 3}]')),
    ("a manifest that nests", always(b'{"a":' * 100000)),
]


class Feed:
    def __init__(self, c, url, fmt, **more):
        row = dict({"name": fmt, "provider": "p", "url": url, "source_format": fmt, "enabled": True, "caching_enabled": True,
                    "input_source": "network", "distribution": "0", "fixed_event": True, "delta_merge": True,
                    "settings": {"csv": {"value": "2", "delimiter": ","}}}, **more)
        self.c, self.fmt = c, fmt
        self.id = c.post("/feeds/add", {"Feed": row}).json()["Feed"]["id"]

    def fetch(self):
        return self.c.post("/feeds/fetchFromFeed/%s?again=1" % self.id).json()["result"]

    def cache(self):
        return self.c.post("/feeds/cacheFeeds/%s" % self.id).json()

    def row(self):
        return [f["Feed"] for f in self.c.get("/feeds/index?tocsin=1").json() if f["Feed"]["id"] == self.id][0]

    def state(self):
        """What must not change: events, live values, cached digests."""
        r = self.c.post("/attributes/restSearch", {"returnFormat": "json"}).json()["response"]["Attribute"]
        cached = self.c.get("/feeds/view/%s" % self.id).json()["Feed"]["cached_elements"]
        return sorted((a["event_id"], a["value"]) for a in r), cached


def attack(node, f, what, answer, server):
    before = f.state()
    server.stop.clear()
    server.answer = answer
    said = f.fetch()
    row = f.row()
    cached = f.cache()
    server.stop.set()
    error = row["tocsin"]["last_error"] or ""
    may_pass = f.fmt == "misp" and what == "a manifest without events"
    ok(may_pass or ("failed" in said and len(error) > 5), "%s, %s: %s" % (f.fmt, what, error or said), said)
    ok(not cached.get("success"), "nor is it cached: %s" % json.dumps(cached.get("errors"))[:90], cached)
    ok(f.state() == before, "and nothing is emptied", [len(x) if isinstance(x, list) else x for x in f.state()])


def main():
    server = Server()
    node = nodelib.Node(extra=["--set", "feed_interval=0", "--set", "limits.event=%d" % LIMIT,
                               "--set", "limits.peer_stall=1s", "--set", "limits.peer_answer=1s"])
    node.start()
    try:
        c = node.client(timeout=300)
        feeds = [Feed(c, server.url, "misp"), Feed(c, server.url + "/list.csv", "csv"),
                 Feed(c, server.url + "/list.txt", "freetext")]
        server.answer = files
        for f in feeds:
            said, cached = f.fetch(), f.cache()
            ok("success" in said and cached.get("success") and f.state()[1] > 0, "%s: a good feed" % f.fmt, (said, cached))
        start = node.anon_bytes()
        for f in feeds:
            for what, answer in ANYWHERE + (MANIFESTS if f.fmt == "misp" else []):
                attack(node, f, what, answer, server)
        grown = node.anon_bytes() - start
        ok(grown < GROWTH, "memory stays bounded: %d MB more" % (grown >> 20))
        t = feeds[1].row()["tocsin"]
        ok(t["failed_in_a_row"] == len(ANYWHERE) == t["failed"] and t["runs"] == t["failed"] + 1 and t["entries"] == 8,
           "failures are counted, entries are those of the last good run", t)
        server.answer = files
        for f in feeds:
            said = f.fetch()
            ok("success" in said and not f.row()["tocsin"]["last_error"] and not f.row()["tocsin"]["failed_in_a_row"],
               "%s: then all is well again" % f.fmt, said)
        ok(node.alive(), "the daemon is there")
    finally:
        node.kill()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
