#!/usr/bin/env python3
"""Pulls of proposals and sightings from a scripted peer that speaks as the recorded MISP 2.5.1 does.

What is asked and how often: pages of a thousand proposals, 90 days back once and then from the last
answer on; sightings in chunks of twenty events by an index with its ETag; a chunk that cannot be had is
asked for event by event; an answer with many sightings passes with bounded memory.
"""
import http.server
import json
import os
import re
import sys
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402
from parts import COUNT, must, ok, same  # noqa: E402

REEF = "7d3f0b10-2a64-4c39-8e55-a1b2c3d40003"
MANY = 60000


class Peer:
    """Answers from tables that the test changes; keeps what it was asked."""

    def __init__(self):
        self.seen, self.rows, self.proposals, self.sightings = [], [], [], {}
        self.broken = set()  # events whose sightings cannot be had
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.seen.append((self.command, self.path, body, dict(self.headers)))
                outer.answer(self, body)

            do_GET = do_POST = do_HEAD = do

            def log_message(self, *args):
                pass

            def send(self, status, body=b"", **headers):
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                for k, v in headers.items():
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, h, body):
        path = h.path
        if path.startswith("/servers/getVersion"):
            h.send(200, json.dumps({"version": "2.5.1", "pymisp_recommended_version": "2.5.1",
                                    "perm_sync": True, "perm_sighting": True,
                                    "perm_galaxy_editor": False, "perm_analyst_data": False,
                                    "request_encoding": [], "filter_sightings": True}).encode())
        elif path.startswith("/events/index"):
            text = json.dumps(self.rows).encode()
            etag = '"%x"' % hash(text)
            if h.headers.get("If-None-Match") == etag:
                h.send(304, ETag=etag)
            else:
                h.send(200, text, ETag=etag)
        elif path.startswith("/shadow_attributes/index"):
            since = int(re.search(r"timestamp:(\d+)", path).group(1))
            page = int(re.search(r"page:(\d+)", path).group(1))
            rows = [p for p in self.proposals
                    if not isinstance(p, dict) or "timestamp" not in p.get("ShadowAttribute", {}) or
                    int(p["ShadowAttribute"]["timestamp"]) >= since]
            h.send(200, json.dumps(rows[(page - 1) * 1000:page * 1000]).encode())
        elif path.startswith("/sightings/restSearch/event"):
            uuids = json.loads(body)["uuid"]
            if self.broken & set(uuids):
                h.send(500, b'{"name":"An Internal Error Has Occurred."}')
                return
            rows = [s for u in uuids for s in self.sightings.get(u, [])]
            h.send(200, ("{\"response\": [" + ",".join(json.dumps({"Sighting": s}) for s in rows) +
                         "]}\n").encode())
        else:
            h.send(404, b'{"name":"Not Found"}')

    def asked(self, start):
        return [x for x in self.seen if x[1].startswith(start)]


def row(e, sighted=0):
    return {"id": "1", "timestamp": e["timestamp"], "sighting_timestamp": str(sighted),
            "published": True, "uuid": e["uuid"], "orgc_uuid": REEF}


def proposal(event, n, timestamp, **more):
    return {"ShadowAttribute": dict({
        "id": str(n), "old_id": "0", "event_id": "9", "type": "domain", "category": "Network activity",
        "uuid": str(uuid.uuid4()), "to_ids": True, "value": "p%d.example" % n, "comment": "",
        "org_id": "7", "timestamp": str(timestamp), "first_seen": None, "last_seen": None,
        "deleted": False, "proposal_to_delete": False, "disable_correlation": False, "org_uuid": REEF,
        "event_uuid": event, "Org": {"id": "7", "name": "Remote Reef", "uuid": REEF}}, **more)}


def sighting(e, n, **more):
    return dict({"id": str(n), "attribute_id": "1", "event_id": "1", "date_sighting": str(1750000000 + n),
                 "uuid": str(uuid.uuid4()), "source": "s%d" % n, "type": "0", "value": "x",
                 "attribute_uuid": e["Attribute"][0]["uuid"], "event_uuid": e["uuid"]}, **more)


class World:
    def __init__(self, node, peer):
        self.node, self.peer, self.admin = node, peer, node.client(timeout=300)
        org = must(self.admin.post("/admin/organisations/add", {"name": "Remote Reef", "uuid": REEF}),
                   "organisation")["Organisation"]["id"]
        s = must(self.admin.post("/servers/add", {
            "url": peer.url, "name": "reef", "authkey": "k" * 40, "pull": True, "push": False,
            "remote_org_id": org}), "servers/add")
        self.link = s["Server"]["id"]

    def pull(self):
        return must(self.admin.post("/servers/pull/%s/full" % self.link), "pull")["message"]

    def event(self):
        e = {"uuid": str(uuid.uuid4()), "info": "i", "distribution": "1", "threat_level_id": "2",
             "analysis": "1", "Attribute": [{"uuid": str(uuid.uuid4()), "type": "domain",
                                             "category": "Network activity", "value": str(uuid.uuid4())[:8] +
                                             ".example"}]}
        return must(self.admin.post("/events/add", {"Event": e}), "events/add")["Event"]


def proposals(w):
    e = w.event()
    now = int(time.time())
    w.peer.rows = [row(e)]
    w.peer.proposals = [proposal(e["uuid"], n, now - 1000) for n in range(1001)] + [
        proposal(e["uuid"], 5000, now - 100 * 86400), proposal(str(uuid.uuid4()), 5001, now)]
    text = w.pull()
    ok("1001 proposals pulled" in text, "all of the last 90 days for events that are here", text)
    asked = w.peer.asked("/shadow_attributes/index")
    same(len(asked), 2, "in pages of a thousand")
    ok(re.fullmatch(r"/shadow_attributes/index/all:1/timestamp:\d+/limit:1000/page:1/deleted\[\]:0/"
                    r"deleted\[\]:1\.json", asked[0][1]), "asked for as recorded", asked[0][1])
    since = int(re.search(r"timestamp:(\d+)", asked[0][1]).group(1))
    ok(abs(now - 90 * 86400 - since) < 30, "90 days back", since)
    ok("0 proposals pulled" in w.pull(), "a second pull brings none")
    asked = w.peer.asked("/shadow_attributes/index")[2:]
    since = int(re.search(r"timestamp:(\d+)", asked[0][1]).group(1))
    ok(len(asked) == 1 and abs(now - since) < 1200, "and asks from the last answer on", asked)
    was = w.peer.proposals[0]["ShadowAttribute"]
    w.peer.proposals = [{"ShadowAttribute": dict(was, deleted=True, timestamp=str(now + 1))},
                        proposal(e["uuid"], 6000, now, uuid=e["Attribute"][0]["uuid"], old_id="77"),
                        {"ShadowAttribute": {"uuid": "x"}}, 17, {}]
    text = w.pull()
    ok("2 proposals pulled" in text, "one that was closed there and one about an attribute", text)
    rows = must(w.admin.get("/shadow_attributes/index/%s" % e["id"]), "index")
    rows = {r["ShadowAttribute"]["uuid"]: r["ShadowAttribute"] for r in rows}
    same(rows[was["uuid"]]["deleted"], True, "it is closed here")
    same(rows[e["Attribute"][0]["uuid"]]["old_id"], e["Attribute"][0]["id"], "the other is about it here")
    same(len(rows), 1002, "none is there twice")
    w.peer.proposals = []


def sightings(w):
    events = [w.event() for _ in range(25)]
    w.peer.rows = [row(e, 1750000000) for e in events]
    w.peer.sightings = {e["uuid"]: [sighting(e, 1, org_id="4", Organisation={
        "id": "4", "name": "Remote Reef", "uuid": REEF}), sighting(e, 2)] for e in events}
    bad = events[3]["uuid"]
    w.peer.broken = {bad}
    before = len(w.peer.seen)
    text = w.pull()
    ok("48 sightings pulled" in text, "those of all events but one", text)
    asked = [json.loads(x[2]) for x in w.peer.seen[before:] if "restSearch" in x[1]]
    same(asked[0].keys() - {"uuid"}, {"returnFormat", "last", "includeUuid"}, "asked for as recorded")
    same(sorted(len(x["uuid"]) for x in asked), [1] * 20 + [5, 20], "in twenties; the bad one's one by one")
    got = must(w.admin.post("/sightings/restSearch/event", {"uuid": [events[0]["uuid"]], "last": 0}),
               "restSearch")["response"]
    named = sorted(bool(r["Sighting"].get("Organisation")) for r in got)
    same(named, [False, True], "who is not named stays nobody")
    before = len(w.peer.seen)
    w.pull()
    asked = [json.loads(x[2]) for x in w.peer.seen[before:] if "restSearch" in x[1]]
    same([x["uuid"] for x in asked], [[bad]], "the next time only what failed is asked for")
    w.peer.broken = set()
    ok("2 sightings pulled" in w.pull(), "until it can be had")
    before = len(w.peer.seen)
    ok("0 sightings pulled" in w.pull(), "then nothing is new")
    asked = [x for x in w.peer.seen[before:] if "restSearch" in x[1]]
    same(len(asked), 0, "and nothing is asked for")
    etags = [x[3].get("If-None-Match") for x in w.peer.seen[before:] if x[1].startswith("/events/index")]
    ok(any(etags), "the index is asked for with its ETag", etags)
    return events[0]


def many(w, e):
    """An answer that no tree should be made of."""
    w.peer.rows = [row(e, 1760000000)]
    w.peer.sightings = {e["uuid"]: [sighting(e, n) for n in range(MANY)]}
    before = w.node.anon_bytes()
    text = w.pull()
    grown = (w.node.anon_bytes() - before) / (1 << 20)
    ok("%d sightings pulled" % MANY in text, "%d sightings in one answer" % MANY, text)
    ok(grown < 150, "memory does not follow them (%.0f MiB)" % grown)
    w.peer.sightings = {e["uuid"]: [{"uuid": "x" * 70000}]}
    w.peer.rows = [row(e, 1760000001)]
    ok("0 sightings pulled" in w.pull(), "nonsense is passed over")


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    env = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
    with nodelib.Node(env=env) as n:
        w = World(n, Peer())
        proposals(w)
        e = sightings(w)
        many(w, e)
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
