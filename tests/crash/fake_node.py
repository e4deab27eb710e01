#!/usr/bin/env python3
"""A tiny node for the crash test's own check: events in a journal file, run-node's contract.

FAKE_FAULT makes it lie: `lose` acknowledges before writing, `half` writes an event in two steps.
"""
import argparse
import http.server
import json
import os
import time

FAULT = os.environ.get("FAKE_FAULT", "")


class Store:
    """Events in memory; every change is a line in the journal before it is acknowledged."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, "journal")
        self.events = {}
        if os.path.exists(self.path):
            with open(self.path) as f:
                for line in f:
                    if line.endswith("\n"):
                        self.apply(json.loads(line))
        self.out = open(self.path, "a", buffering=1 << 20)

    def apply(self, change):
        uuid, doc = change
        if doc is None:
            self.events.pop(uuid, None)
        else:
            self.events[uuid] = doc

    def save(self, uuid, doc):
        steps = [doc]
        if FAULT == "half" and doc and len(doc["attributes"]) > 1:
            some = dict(list(doc["attributes"].items())[:-1])
            steps = [dict(doc, attributes=some), doc]
        for step in steps:
            self.out.write(json.dumps([uuid, step]) + "\n")
            if FAULT != "lose":
                self.out.flush()
            if len(steps) > 1:
                time.sleep(0.05)
        self.apply([uuid, doc])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = None

    def log_message(self, *args):
        pass

    def answer(self, doc, status=200):
        data = json.dumps(doc).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        ev = self.store.events.get(self.path.rsplit("/", 1)[1])
        if ev is None:
            self.answer({}, 404)
            return
        self.answer({"Event": {"info": ev["info"], "published": ev["published"], "Attribute": [
            {"uuid": u, "value": v, "deleted": False} for u, v in ev["attributes"].items()]}})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        what, _, target = self.path.strip("/").rpartition("/")
        events = self.store.events
        if self.path == "/events/index":
            self.answer([{"uuid": u} for u in events])
        elif self.path == "/events/restSearch":
            self.answer({"response": [{"Event": {"uuid": u}} for u in events]})
        elif self.path == "/attributes/restSearch":
            hits = [{"uuid": u} for ev in list(events.values()) for u, v in ev["attributes"].items()
                    if body.get("value") == v or body.get("uuid") == u]
            self.answer({"response": {"Attribute": hits}})
        elif self.path == "/events/add":
            self.store.save(body["uuid"], {"info": body["info"], "published": False, "attributes": {
                a["uuid"]: a["value"] for a in body["Attribute"]}})
            self.answer({})
        elif what == "attributes/delete":
            for uuid, ev in list(events.items()):
                if target in ev["attributes"]:
                    rest = {u: v for u, v in ev["attributes"].items() if u != target}
                    self.store.save(uuid, dict(ev, attributes=rest, published=False))
            self.answer({})
        else:
            self.store.save(target, self.changed(what, dict(events[target]), body))
            self.answer({})

    @staticmethod
    def changed(what, ev, body):
        if what == "events/delete":
            return None
        ev["published"] = what == "events/publish"
        rows = body if isinstance(body, list) else [body]
        if what == "events/edit":
            ev["info"] = body["info"]
            rows = body.get("Attribute", [])
        if what != "events/publish":
            ev["attributes"] = {**ev["attributes"], **{a["uuid"]: a["value"] for a in rows}}
        return ev


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--dir", required=True)
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--key")
    p.add_argument("--set", action="append")
    args = p.parse_args()
    Handler.store = Store(args.dir)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", args.port), Handler)
    server.daemon_threads = True
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
