"""sink.py - a peer that wants every event and keeps what it was posted."""
import http.server
import json
import re
import threading

VERSION = {"version": "2.5.1", "pymisp_recommended_version": "2.5.1", "perm_sync": True,
           "perm_sighting": True, "perm_galaxy_editor": True, "perm_analyst_data": True,
           "uuid": "d0000000-0000-4000-8000-000000000001", "request_encoding": [],
           "filter_sightings": True}


class Sink:
    def __init__(self):
        self.posted = []        # (UUID, body)
        self.lock = threading.Lock()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def body(self):
                if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
                    out = b""
                    while True:
                        n = int(self.rfile.readline().split(b";")[0], 16)
                        out += self.rfile.read(n)
                        self.rfile.readline()
                        if n == 0:
                            return out
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            def tell(self):
                status, doc = sink.answer(self.command, self.path, self.body())
                text = json.dumps(doc).encode()
                self.send_response_only(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_POST = do_HEAD = tell

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, path, body):
        if path.startswith("/servers/getVersion"):
            return 200, VERSION
        if path.startswith("/events/filterEventIdsForPush"):
            return 200, [e["Event"]["uuid"] for e in json.loads(body)]
        if path.startswith("/eventReports/add"):
            return 200, {"name": "/event_reports/add API description", "description": "takes reports"}
        if method == "POST" and re.match(r"/events/(add|edit)", path):
            uuid = json.loads(body)["Event"]["uuid"]
            with self.lock:
                self.posted.append((uuid, body))
            return 200, {"Event": {"uuid": uuid}}
        if path.startswith("/sightings/filterSightingUuidsForPush"):
            return 200, []
        return 404, {"name": "Not Found", "message": "Not Found", "url": path}

    def taken(self):
        with self.lock:
            out, self.posted = self.posted, []
        return dict(out)
