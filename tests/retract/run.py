#!/usr/bin/env python3
"""What one node takes back leaves the next two, over pulls and pushes; what it never gave is not named."""
import http.client
import http.server
import json
import os
import sys
import tempfile
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import links

POLICY = """\
default_tlp: green
default_pap: clear
default_peer: {tlp: amber, pap: red, class: partner, profile: PROFILE, jurisdiction: domestic}
audiences:
  world: {kind: feed, tlp: clear, pap: red, class: public, profile: full}
"""
failures, checked = [], 0


def check(good, what, detail=""):
    global checked
    checked += 1
    print("%s %d - %s" % ("ok" if good else "not ok", checked, what))
    if not good:
        failures.append(what)
        for line in str(detail).splitlines()[:20]:
            print("#   " + line[:300])
    sys.stdout.flush()
    return good


def until(ask, seconds=15):
    """The first true answer, or the last one."""
    end = time.time() + seconds
    while True:
        got = ask()
        if got or time.time() > end:
            return got
        time.sleep(0.1)


class Row:
    """Nodes a, b, c; each hands on to the next, by its push or the other's pull."""

    def __init__(self, folder, way, profile):
        self.way, self.profile, self.nodes = way, profile, []
        for x in "abc":
            os.mkdir(os.path.join(folder, x))
            path = os.path.join(folder, x + ".yaml")
            with open(path, "w") as f:
                f.write(POLICY.replace("PROFILE", profile))
            self.nodes.append(links.make(folder, x, extra=["--policy", path]))

    def __enter__(self):
        for n in self.nodes:
            n.start()
        self.links = []
        for giver, taker in zip(self.nodes, self.nodes[1:] if self.way != "none" else []):
            at, to = (taker, giver) if self.way == "pull" else (giver, taker)
            self.links.append((at, links.link(at, to, **{self.way: True})))
        return self

    def __exit__(self, *_):
        for n in self.nodes:
            n.stop()
            n.clean()

    def travel(self):
        for at, link in self.links:
            links.run(at, self.way, link)

    def settle(self):
        """Everybody is told, and has told the next one."""
        for at, link in self.links:
            wait_judged(at if self.way == "push" else self.nodes[self.links.index((at, link))])
            links.run(at, self.way, link)

    def titles(self, i):
        got = links.ok(self.nodes[i].client().post("/events/index", {"limit": 500}))
        return sorted(e["info"] for e in got)

    def values(self, i, what=""):
        got = links.ok(self.nodes[i].client().post("/attributes/restSearch", {
            "returnFormat": "json", "limit": 500}))
        return sorted(a["value"] for a in got["response"]["Attribute"] if what in a["value"])


def retractions(node, **kw):
    return links.ok(node.client().post("/tocsin/retractions/index", kw))


def wait_judged(node):
    """Until the node has looked at all of its change log."""
    time.sleep(0.1)
    last = None
    for _ in range(100):
        now = json.dumps(retractions(node), sort_keys=True)
        if now == last:
            return
        last = now
        time.sleep(0.5)


def add(node, info, attributes, tag="tlp:green", **kw):
    event = {"info": info, "distribution": "3", "published": True, "uuid": str(uuid.uuid4()),
             "Tag": [{"name": tag}] if tag else [],
             "Attribute": [dict({"type": "domain", "category": "Network activity", "to_ids": True,
                                 "uuid": str(uuid.uuid4())}, **a) for a in attributes]}
    event.update(kw)
    return links.ok(node.client().post("/events/add", {"Event": event}), info)["Event"]


def publish(node, event):
    links.ok(node.client().post("/events/publish/" + event["uuid"]), "publish")


def tag(node, what, name):
    links.ok(node.client().post("/tags/attachTagToObject", {"uuid": what, "tag": name}), "tag")


def states(node, what):
    return {(r["what"], r["uuid"]): r["state"] for r in retractions(node)
            if what in (r["uuid"], r.get("event"))}


def scenario(way, profile):
    with tempfile.TemporaryDirectory(prefix="tocsin-retract-") as folder, \
            Row(folder, way, profile) as row:
        a, b, c = row.nodes
        name = "%s, profile %s: " % (way, profile)
        stay = add(a, "stays", [{"value": "stays.example"}])
        gone = add(a, "goes", [{"value": "goes.example"}])
        red = add(a, "turns red", [{"value": "red.example"}])
        parts = add(a, "loses parts", [
            {"value": "kept.example"}, {"value": "hard.example"}, {"value": "soft.example"},
            {"value": "narrow.example"}, {"value": "marked.example"},
            {"value": "never.example", "distribution": "0"}])
        never = add(a, "never goes", [{"value": "own.example"}], distribution="0")
        mine = add(b, "made at b", [{"value": "made-at-b.example"}])
        by = {x["value"]: x for x in parts["Attribute"]}
        row.travel()
        want = ["goes.example", "hard.example", "kept.example", "made-at-b.example", "marked.example",
                "narrow.example", "red.example", "soft.example", "stays.example"]
        check(row.values(2) == want, name + "all arrives at the end of the row", row.values(2))
        wait_judged(a)
        check(retractions(a) == [], name + "nothing is taken back yet", retractions(a))

        links.ok(a.client().post("/events/delete/" + gone["uuid"]), "delete")
        links.ok(a.client().post("/events/delete/" + never["uuid"]), "delete")
        tag(a, red["uuid"], "tlp:red")
        publish(a, red)
        links.ok(a.client().post("/attributes/delete/%s/1" % by["hard.example"]["uuid"]))
        links.ok(a.client().post("/attributes/delete/%s" % by["soft.example"]["uuid"]))
        links.ok(a.client().post("/attributes/delete/%s/1" % by["never.example"]["uuid"]))
        links.ok(a.client().post("/attributes/edit/" + by["narrow.example"]["uuid"],
                                 {"distribution": "0"}))
        tag(a, by["marked.example"]["uuid"], "tlp:red")
        publish(a, parts)
        got = until(lambda: len(retractions(a)) >= 6 and retractions(a))
        named = {r["uuid"] for r in retractions(a)}
        check(gone["uuid"] in named and red["uuid"] in named, name + "events have rows", got)
        check(by["hard.example"]["uuid"] in named and by["narrow.example"]["uuid"] in named and
              by["marked.example"]["uuid"] in named, name + "parts have rows", got)
        check(never["uuid"] not in named and by["never.example"]["uuid"] not in named,
              name + "what was never given has none", got)
        check(stay["uuid"] not in named, name + "nor what stays", got)

        row.settle()
        row.settle()
        for i, who in ((1, "b"), (2, "c")):
            left = row.values(i)
            check(left == ["kept.example", "made-at-b.example", "stays.example"],
                  name + who + " has lost what was taken back, and only that", left)
            check("goes" not in row.titles(i) and len(row.titles(i)) == 3,
                  name + who + " has lost the events", row.titles(i))
        open_ = [r for r in retractions(a) if r["state"] not in ("acknowledged", "delivered")]
        check(open_ == [], name + "the operator sees that all have answered", json.dumps(open_))
        check(states(a, gone["uuid"]).get(("event", gone["uuid"])) == "acknowledged",
              name + "b has acknowledged the event", states(a, gone["uuid"]))

        who = next(r["audience"] for r in retractions(a))
        given = links.ok(a.client().get("/tocsin/ledger/what?audience=" + who))
        check(gone["uuid"] in json.dumps(given), name + "the ledger says what %s was given" % who,
              json.dumps(given))

        # an old copy from elsewhere
        old = dict(gone, timestamp="1600000000", published=True)
        old.pop("id", None)
        key = links.user(b, "c")
        if profile == "full":
            got = b.client(key=key).post("/events/add", {"Event": dict(
                uuid=old["uuid"], info="goes", distribution="3", published=True,
                Attribute=[{"type": "domain", "category": "Network activity",
                            "value": "goes.example"}])})
            check("goes" not in row.titles(1), name + "an old copy does not bring it back",
                  got.text()[:300])
        # whose is what
        got = b.client(key=key).post("/tocsin/retract", {"retractions": [
            {"what": "event", "uuid": mine["uuid"]}, {"what": "event", "uuid": str(uuid.uuid4())}]})
        said = [o["outcome"] for o in links.ok(got)["outcomes"]]
        check(said == ["unknown", "unknown"] and "made at b" in row.titles(1),
              name + "nobody takes back what he did not give, or learns that it is there", said)


class AsMisp(http.server.BaseHTTPRequestHandler):
    """A tocsin that looks like a MISP: it does not say what it is, and has none of our own calls."""
    protocol_version = "HTTP/1.1"
    to = None

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/tocsin/"):
            return self.answer(404, {}, b"{}")
        line = http.client.HTTPConnection("127.0.0.1", self.to, timeout=60)
        heads = {k: v for k, v in self.headers.items()
                 if k.lower() not in ("host", "connection", "accept-encoding")}
        line.request(self.command, self.path, body, heads)
        got = line.getresponse()
        data = got.read()
        if self.path.lower().startswith("/servers/getversion"):
            data = json.dumps({k: v for k, v in json.loads(data).items()
                               if "tocsin" not in k}).encode()
        line.close()
        return self.answer(got.status, {"Content-Type": got.headers.get("Content-Type", ""),
                                        "Location": got.headers.get("Location")}, data)

    def answer(self, status, heads, data):
        self.send_response(status)
        for k, v in heads.items():
            if v:
                self.send_header(k, v)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = forward

    def log_message(self, *_):
        pass


def to_a_misp():
    """Elements go as MISP deletes them; a whole event when it lets us, else the row says so."""
    with tempfile.TemporaryDirectory(prefix="tocsin-retract-") as folder, \
            Row(folder, "none", "full") as row:
        a, b, _ = row.nodes
        handler = type("To", (AsMisp,), {"to": b.port})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        link = links.link(a, b, port=server.server_port, push=True)
        parts = add(a, "loses parts", [
            {"value": "kept.example"}, {"value": "narrow.example"}, {"value": "hard.example"}],
            Object=[thing("o-kept", "f1.example"), thing("o-gone", "f2.example")])
        gone = add(a, "goes", [{"value": "goes.example"}])
        links.run(a, "push", link)
        want = ["f1.example", "f2.example", "goes.example", "hard.example", "kept.example",
                "narrow.example"]
        check(row.values(1) == want, "misp: all arrives", row.values(1))
        by = {x["value"]: x for x in parts["Attribute"]}
        obj = {o["comment"]: o for o in parts["Object"]}
        links.ok(a.client().post("/attributes/edit/" + by["narrow.example"]["uuid"],
                                 {"distribution": "0"}))
        links.ok(a.client().post("/attributes/delete/%s/1" % by["hard.example"]["uuid"]))
        links.ok(a.client().post("/objects/edit/" + obj["o-gone"]["uuid"], {"Object": {
            "distribution": "0"}}))
        publish(a, parts)
        links.ok(a.client().post("/events/delete/" + gone["uuid"]), "delete")
        until(lambda: len(retractions(a)) >= 4)
        links.run(a, "push", link)
        check(until(lambda: row.values(1) == ["f1.example", "kept.example"]),
              "misp: what was narrowed and deleted is marked as deleted there, and only that",
              str(row.values(1)) + "\n" + json.dumps(retractions(a)))
        rows = {r["what"] + " " + r["uuid"]: r["state"] for r in retractions(a)}
        check(rows.get("attribute " + by["narrow.example"]["uuid"]) == "acknowledged" and
              rows.get("object " + obj["o-gone"]["uuid"]) == "acknowledged",
              "misp: and the rows say so", json.dumps(rows))
        check(rows.get("event " + gone["uuid"]) in ("acknowledged", "impossible"),
              "misp: a whole event is deleted there, or cannot be", json.dumps(rows))
        server.shutdown()


def thing(comment, value):
    return {"name": "domain-ip", "meta-category": "network", "description": "d", "comment": comment,
            "template_uuid": "43b3b146-77eb-4931-b4cc-b66c60f28734", "template_version": "1",
            "uuid": str(uuid.uuid4()), "distribution": "5",
            "Attribute": [{"type": "domain", "category": "Network activity", "value": value,
                           "object_relation": "domain", "to_ids": True}]}


def folder_withdraws():
    with tempfile.TemporaryDirectory(prefix="tocsin-retract-") as folder, \
            Row(folder, "pull", "full") as row:
        a = row.nodes[0]
        event = add(a, "in the folder", [{"value": "folder.example"}], tag="tlp:clear")
        path = "/feed/world/%s.json" % event["uuid"]
        manifest = "/feed/world/manifest.json"

        def listed():
            got = a.client().get(manifest)
            return got.status == 200 and event["uuid"] in got.text()
        check(until(listed), "folder: the event is published")
        tag(a, event["uuid"], "tlp:amber")
        publish(a, event)
        check(until(lambda: not listed()), "folder: raised to amber it is gone")
        check(a.client().get(path).status == 404, "folder: and so is its file")
        want = ("event", event["uuid"])
        check(until(lambda: states(a, event["uuid"]).get(want) == "delivered"),
              "folder: the row says so", json.dumps(retractions(a)))


def main():
    for way in ("pull", "push"):
        for profile in ("full", "technical"):
            scenario(way, profile)
    to_a_misp()
    folder_withdraws()
    print("1..%d" % checked)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
