"""peer.py - a peer that looks like a MISP until it does not.

One server (http, and one for each certificate) for all scenarios: the first segment of the path
names the scenario, the rest is MISP's. What a scenario does not define is answered as a MISP with
no data would. Requests are kept, so that tests can say what was never sent.
"""
import http.server
import json
import os
import socket
import ssl
import sys
import threading
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import coding  # noqa: E402

VERSION = {"version": "2.5.1", "pymisp_recommended_version": "2.5.1", "perm_sync": True,
           "perm_sighting": True, "perm_galaxy_editor": True, "perm_analyst_data": True,
           "uuid": "7e6b0d4e-0000-4000-8000-00000000f0e5", "request_encoding": ["gzip"],
           "filter_sightings": True}
ORG = {"id": "1", "name": "Elsewhere", "uuid": "7e6b0d4e-0000-4000-8000-0000000000aa"}


def row(uuid, timestamp="1700000000", published="1"):
    return {"uuid": uuid, "timestamp": timestamp, "sighting_timestamp": "0", "published": published,
            "orgc_uuid": ORG["uuid"]}


def event(uuid, info="an event", timestamp="1700000000", orgc=ORG, **more):
    e = {"id": "1", "uuid": uuid, "info": info, "date": "2024-01-02", "timestamp": timestamp,
         "publish_timestamp": timestamp, "published": True, "distribution": "3", "analysis": "2",
         "threat_level_id": "2", "locked": False, "org_id": "1", "orgc_id": "1", "Org": ORG, "Orgc": orgc,
         "Attribute": [{"uuid": uuid[:-1] + "0", "type": "domain", "category": "Network activity",
                        "value": uuid + ".example", "distribution": "5", "timestamp": timestamp,
                        "to_ids": True}]}
    e.update(more)
    return {"Event": e}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    # ---- answers

    def json(self, doc, status=200, **headers):
        self.plain(json.dumps(doc).encode(), status, **headers)

    def plain(self, body, status=200, **headers):
        self.head(status, len(body), **headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def head(self, status=200, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def endless(self, begin=b"", piece=b" " * 65536, seconds=120):
        """A body without an end; at most so long, should nobody hang up."""
        self.head()
        self.wfile.write(begin)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.wfile.write(piece)

    def drip(self, body=b"{" + b" " * 1000, every=0.2):
        self.head(length=len(body))
        for i in range(len(body)):
            self.wfile.write(body[i:i + 1])
            time.sleep(every)

    def silence(self, seconds=60):
        time.sleep(seconds)
        self.close_connection = True

    def hang_up(self):
        self.close_connection = True

    def short(self, body=b'{"version":', announced=100000):
        self.head(length=announced)
        self.wfile.write(body)
        self.close_connection = True

    def long(self, body, announced):
        """More than what was announced."""
        self.head(length=announced)
        self.wfile.write(body)
        self.close_connection = True

    def redirect(self, to, status=302):
        self.plain(b"", status, Location=to)

    def bomb(self, unit=b" " * (1 << 20), times=512, prefix=b""):
        """Half a gigabyte of gzip that is half a megabyte."""
        self.head(Content_Encoding="gzip")
        z = zlib.compressobj(9, zlib.DEFLATED, 31)
        self.wfile.write(z.compress(prefix))
        for _ in range(times):
            self.wfile.write(z.compress(unit))
        self.wfile.write(z.flush())

    def huge_head(self, lines=200000):
        self.send_response(200)
        for i in range(lines):
            self.send_header("X-%d" % i, "x" * 200)
            if i % 500 == 499:
                self.flush_headers()
        self.end_headers()

    def endless_1xx(self):
        while True:
            self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100)

    def endless_trailers(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        while True:
            self.wfile.write(b"X-More: and more\r\n" * 100)

    # ---- who asks for what

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while True:
                n = int(self.rfile.readline(), 16)
                body += self.rfile.read(n)
                self.rfile.readline()
                if not n:
                    break
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return coding.decode(self.headers.get("Content-Encoding", "identity"), body)

    def do(self):
        peer = self.server.peer
        path = self.path
        if path.startswith("http://"):  # as a proxy is asked
            path = "/" + path[7:].partition("/")[2]
        scenario, _, path = path.lstrip("/").partition("/")
        script = peer.scripts.get(scenario, {})
        chosen = None
        for name, what in script.items():
            if ("/" + path).startswith(name) and (chosen is None or len(name) > len(chosen[0])):
                chosen = (name, what)
        early = chosen and getattr(chosen[1], "early", False)
        body = b"" if early else self.body()
        with peer.lock:
            peer.seen.append((self.server.server_address[1], scenario, self.command, "/" + path,
                              dict(self.headers), body))
        self.text, self.path_in = body, "/" + path
        try:
            if chosen:
                if early:
                    self.close_connection = True
                chosen[1](self)
            else:
                self.usual("/" + path)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError, TimeoutError):
            self.close_connection = True

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = do

    def usual(self, path):
        if path.startswith("/servers/getVersion"):
            self.json(VERSION)
        elif path.startswith("/events/index"):
            self.json([])
        elif path.startswith("/events/filterEventIdsForPush"):
            self.json([e["Event"]["uuid"] for e in json.loads(self.text)])
        elif path.startswith("/events/add"):
            self.json(json.loads(self.text))
        elif path.startswith(("/galaxy_clusters/restSearch", "/shadow_attributes/index")):
            self.json({"response": []} if "restSearch" in path else [])
        elif path.startswith("/analyst_data/"):
            self.json({})
        elif path.startswith("/sightings/"):
            self.json([])
        else:
            self.json({"name": "Not Found", "message": "Not Found", "url": path}, 404)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    context = None

    def handle_error(self, request, client_address):
        pass

    def get_request(self):
        s, address = super().get_request()
        if self.context:
            # the handshake belongs into the connection's thread
            s = self.context.wrap_socket(s, server_side=True, do_handshake_on_connect=False)
        return s, address


class Peer:
    """All listeners. `scripts`: scenario -> path prefix -> function(handler)."""

    def __init__(self, certs=None):
        self.scripts, self.seen, self.lock = {}, [], threading.Lock()
        self.ports = {"http": self._serve(), "other": self._serve(), "proxy": self._serve()}
        self.mute = socket.create_server(("127.0.0.1", 0))
        self.ports["mute"] = self.mute.getsockname()[1]
        if certs:
            for name in ("server", "expired", "othername", "selfsigned"):
                self.ports[name] = self._serve(self._context(certs, name))
            self.ports["wantscert"] = self._serve(self._context(certs, "server", True))

    def _context(self, certs, name, want_client=False):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(certs[name])
        if want_client:
            c.verify_mode = ssl.CERT_REQUIRED
            c.load_verify_locations(certs.ca)
        return c

    def _serve(self, context=None):
        s = Server(("127.0.0.1", 0), Handler)
        s.peer, s.context = self, context
        threading.Thread(target=s.serve_forever, daemon=True).start()
        return s.server_address[1]

    def url(self, scenario, listener="http"):
        tls = listener not in ("http", "other", "mute")
        return "http%s://127.0.0.1:%d/%s" % ("s" if tls else "", self.ports[listener], scenario)

    def requests(self, scenario=None, listener=None):
        with self.lock:
            return [s for s in self.seen if (scenario is None or s[1] == scenario)
                    and (listener is None or s[0] == self.ports[listener])]
