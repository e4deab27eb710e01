"""A MISP that only plays back: it gives the recorded answers and notes what it is asked.

Which answer: the next recorded one of this step for the same method and path, then the last of the step,
then the nearest of any step; to what was never asked a 404.
"""
import gzip
import hashlib
import http.server
import json
import re
import threading
import zlib


# what a MISP says to questions that the recorded one did not ask here
ELSE = (
    (r"/events/pushProposals/.*", {"success": True, "message": "1 Proposal(s) added.", "counter": 1}),
    (r"/sightings/filterSightingUuidsForPush/.*", []),
    (r"/sightings/bulkSaveSightings/.*", {"saved": True, "success": "1 sightings added."}),
)


def load(path):
    """The recorded requests to the peer, in order."""
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def key(method, path):
    """What makes two requests the same question: named parameters in any order, clocks left out."""
    path = re.sub(r"timestamp:\d+", "timestamp:N", path.split("?", 1)[0]).replace("%5B%5D", "[]")
    head, *named = re.split(r"/(?=[\w\[\]]+:)", path)
    ext = ".json" if path.endswith(".json") else ""
    named = sorted(n[:-len(ext)] if ext and n.endswith(ext) else n for n in named)
    return method, "/".join([head[:-len(ext)] if ext and not named else head] + named) + ext


class Seen:
    """One request of ours, its body uncompressed."""

    def __init__(self, method, path, headers, body, wire):
        self.method, self.path, self.headers, self.body, self.wire = method, path, headers, body, wire
        self.key = key(method, path)


class Peer:
    """The server, on a port of its own. step() names the action that runs now."""

    def __init__(self, records, live=False):
        self.records = records
        self.live = live  # answers to our question what the recorded one was not asked: see alive()
        self.lock = threading.Lock()
        self.seen, self.used = [], {}
        self.step_name = ""
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                n = int(self.headers.get("Content-Length") or 0)
                if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
                    wire = self.chunks()
                else:
                    wire = self.rfile.read(n)
                status, headers, body = peer.answer(self.command, self.path, dict(self.headers), wire)
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def chunks(self):
                out = b""
                while True:
                    n = int(self.rfile.readline().split(b";")[0], 16)
                    out += self.rfile.read(n)
                    self.rfile.readline()
                    if n == 0:
                        return out

            do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = answer

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def step(self, name):
        with self.lock:
            self.step_name, self.seen, self.used = name, [], {}

    def taken(self):
        with self.lock:
            return list(self.seen)

    def answer(self, method, path, headers, wire):
        body = unpack(headers, wire)
        asked = Seen(method, path, headers, body, len(wire))
        with self.lock:
            self.seen.append(asked)
            rec = self.find(asked.key)
        if rec is None:
            for pattern, doc in ELSE:
                if re.fullmatch(pattern, path):
                    return 200, {"Content-Type": "application/json; charset=UTF-8"}, \
                        json.dumps(doc).encode()
            text = json.dumps({"name": "Not Found", "message": "Not Found", "url": path}).encode()
            return 404, {"Content-Type": "application/json; charset=UTF-8"}, text
        text = (rec["resp_body"] or "").encode("utf-8", "surrogateescape")
        if path.startswith("/servers/postTest"):
            try:
                doc = json.loads(rec["resp_body"])
                doc["body"] = json.loads(body)
                text = json.dumps(doc).encode()
            except ValueError:
                pass
        status, more = rec["status"], dict(rec["resp_headers"] or {})
        if self.live and status == 200:
            status, text = alive(asked, text, more)
        return status, {"Content-Type": "application/json; charset=UTF-8", **more}, text

    def find(self, k):
        same = [r for r in self.records if key(r["method"], r["path"]) == k]
        here = [r for r in same if r["step"] == self.step_name]
        if here:
            i = self.used.get(k, 0)
            self.used[k] = i + 1
            return here[min(i, len(here) - 1)]
        steps = [r["step"] for r in self.records]
        at = steps.index(self.step_name) if self.step_name in steps else len(steps)
        before = [r for r in same if self.records.index(r) < at]
        return before[-1] if before else same[0] if same else None


def alive(asked, text, headers):
    """What depends on the question: rows since a time, and the ETag of an answer (1.6, 3.7)."""
    since = re.search(r"/timestamp:(\d+)", asked.path)
    if asked.path.startswith("/shadow_attributes/index") and since:
        text = json.dumps([r for r in json.loads(text) if
                           int(r["ShadowAttribute"]["timestamp"]) > int(since.group(1))]).encode()
    if asked.path == "/events/index" and "publish_timestamp" in asked.body:
        text = b"[]"  # the recorded events were published long before any cursor
        headers["X-Result-Count"] = "0"
    had = {k.lower(): v for k, v in asked.headers.items()}.get("if-none-match")
    if had is not None:
        headers["ETag"] = '"%s"' % hashlib.sha1(text).hexdigest()
        if had == headers["ETag"]:
            return 304, b""
    return 200, text


def unpack(headers, wire):
    coding = {k.lower(): v for k, v in headers.items()}.get("content-encoding", "")
    if coding == "gzip":
        wire = gzip.decompress(wire)
    elif coding == "deflate":
        wire = zlib.decompress(wire)
    return wire.decode("utf-8", "surrogateescape")
