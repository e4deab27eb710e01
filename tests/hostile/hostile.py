#!/usr/bin/env python3
"""A hostile peer: a real node pulls from it and pushes to it, and must come through.

Each scenario is a link of its own. Asked of all of them: the run ends with a reason in plain words
that the peer's state keeps, the node goes on answering, and its memory stays bounded.
"""
import json
import os
import re
import sys
import tempfile
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import certs as certlib  # noqa: E402
import node as nodelib  # noqa: E402
import peer as peerlib  # noqa: E402
from peer import event, row  # noqa: E402

STALL_S = 2
# under a sanitizer pages that were freed stay in quarantine for a while
MEMORY_MAX = int(os.environ.get("TOCSIN_HOSTILE_MEMORY", str(300 << 20)))
COUNT = [0, 0]


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))
    if not good and detail:
        print("# " + str(detail)[:1500].replace("\n", "\n# "))
    sys.stdout.flush()
    return good


def must(answer, what):
    if answer.status != 200:
        print("Bail out! %s: %d %s" % (what, answer.status, answer.text()[:300]))
        sys.exit(1)
    try:
        return answer.json()
    except ValueError:
        print("# no JSON: " + answer.text()[-900:])
        raise


def new_uuid():
    return str(uuid.uuid4())[:-1] + "1"


class Watch(threading.Thread):
    """Looks all the time: does the node answer, how soon, and how much memory has it?"""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.slowest, self.most, self.end = node, 0.0, 0, False
        self.failures = []

    def run(self):
        c = self.node.client(timeout=20)
        while not self.end:
            t = time.monotonic()
            try:
                a = c.get("/healthz")
                if a.status != 200:
                    self.failures.append("healthz: %d" % a.status)
                self.slowest = max(self.slowest, time.monotonic() - t)
                self.most = max(self.most, self.node.anon_bytes())
            except Exception as e:
                if not self.end:
                    self.failures.append(repr(e))
            time.sleep(0.1)


class World:
    def __init__(self, folder):
        self.certs = certlib.Certs(folder)
        self.peer = peerlib.Peer(self.certs)
        env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16"}
        sets = ("limits.peer_stall=%ds" % STALL_S, "limits.peer_answer=%ds" % STALL_S, "limits.peer_request=60s", "limits.event=4MiB",
                "readable=%s" % folder, "log.level=debug")
        self.node = nodelib.Node(folder=os.path.join(folder, "node"), env=env,
                                 extra=[x for s in sets for x in ("--set", s)])
        self.node.start()
        self.admin = self.node.client(timeout=180)
        self.org = must(self.admin.post("/admin/organisations/add",
                                        dict(peerlib.ORG, local=False)), "organisation")["Organisation"]["id"]

    def link(self, scenario, script, listener="http", **more):
        self.peer.scripts[scenario] = script
        doc = {"name": scenario, "url": self.peer.url(scenario, listener), "authkey": "k" * 40,
               "remote_org_id": self.org, "pull": True, "push": True, "self_signed": False}
        doc.update(more)
        return must(self.admin.post("/servers/add", doc), "servers/add")["Server"]["id"]

    def run(self, link, direction="pull", technique="full", client=None):
        """Run once; the answer's text and the peer's state."""
        a = (client or self.admin).post("/servers/%s/%s/%s" % (direction, link, technique))
        s = must((client or self.admin).get("/tocsin/peers/status/%s" % link), "status")[0]
        return a, s[direction]

    def events(self):
        return {e["uuid"] for e in must(self.admin.post("/events/index", {"minimal": 1}), "index")}

    def has(self, u):
        return self.admin.get("/events/view/%s" % u).status == 200


# ---- the first answer: who are you?

def hello_scenarios(w):
    """name -> (what getVersion answers, words of the reason)"""
    other = w.peer.url("bystander", "other")
    deep = b"[" * 1000000
    return {
        "endless": (lambda h: h.endless(b'{"version":"'), "larger than"),
        "endless-json": (lambda h: h.endless(b'{"version":"2.5.1","x":[', b"1," * 30000), "larger than"),
        "html": (lambda h: h.plain(b"<html>It works!</html>"), "JSON|MISP"),
        "empty": (lambda h: h.plain(b""), "JSON|MISP|version"),
        "no-object": (lambda h: h.json([1, 2]), "JSON|MISP|version"),
        "cut-json": (lambda h: h.plain(b'{"version":"2.5.1","perm_sy'), "JSON|MISP"),
        "deep-json": (lambda h: h.plain(deep), "JSON|MISP|larger|deep"),
        "types": (lambda h: h.json(dict(peerlib.VERSION, version={"a": 1})), "version|MISP"),
        "error-500": (lambda h: h.plain(b"oops" * 1000, 500), "500"),
        "no-key": (lambda h: h.json({"message": "no"}, 403), "API key"),
        "short": (lambda h: h.short(), "ended early"),
        "long": (lambda h: h.long(b'{"version":"2.5.1"}' * 1000, 10), "JSON|MISP"),
        "hang-up": (lambda h: h.hang_up(), "without an answer|broke"),
        "silent": (lambda h: h.silence(), "silent"),
        "drip": (lambda h: h.drip(), "slower than"),
        "loop": (lambda h: h.redirect(h.path), "redirects"),
        "to-file": (lambda h: h.redirect("file:///etc/passwd"), "only http and https"),
        "to-gopher": (lambda h: h.redirect("gopher://127.0.0.1:1/x"), "only http and https"),
        "elsewhere": (lambda h: h.redirect(other + "/servers/getVersion.json"), "another host"),
        "bomb": (lambda h: h.bomb(), "larger than"),
        "huge-head": (lambda h: h.huge_head(), "head of the answer"),
        "endless-1xx": (lambda h: h.endless_1xx(), "head of the answer"),
        "endless-trailers": (lambda h: h.endless_trailers(), "head of the answer"),
        "foam": (lambda h: h.plain(b"{}", Content_Encoding="foam"), "Content-Encoding"),
        "no-gzip": (lambda h: h.plain(b"{}", Content_Encoding="gzip"), "gzip|compressed"),
    }


def test_hello(w):
    w.peer.scripts["bystander"] = {"/servers": lambda h: h.json({"message": "who?"}, 403)}
    for name, (answer, words) in hello_scenarios(w).items():
        link = w.link(name, {"/servers/getVersion": answer})
        t = time.monotonic()
        a, state = w.run(link)
        took = time.monotonic() - t
        text = a.text()
        ok(re.search(words, text) is not None, "%s: says why" % name, text)
        ok(state["last_error"] and re.search(words, state["last_error"]) is not None,
           "%s: and the state keeps it" % name, state)
        ok(took < STALL_S + 15, "%s: in time (%.1f s)" % (name, took))
    for s in w.peer.requests("bystander"):
        ok("Authorization" not in s[4] and "k" * 40 not in json.dumps(s[4]),
           "the key is not shown to who we are sent to", s[4])
    ok(w.peer.requests("bystander"), "who was asked all the same")


# ---- TLS

def test_tls(w):
    ca = {"cert_file": w.certs.ca}
    pin = {"tocsin": {"pin": w.certs.pin("server")}}
    wrong = {"tocsin": {"pin": w.certs.pin("client")}}
    rows = [
        ("good", "server", ca, None),
        ("unknown-ca", "server", {}, "not trusted here"),
        ("expired", "expired", ca, "has expired"),
        ("other-name", "othername", ca, "for another name"),
        ("self-signed", "selfsigned", ca, "signed by itself"),
        ("verify-off", "selfsigned", {"self_signed": True}, None),
        ("pinned", "server", dict(pin, self_signed=True), None),
        ("pinned-and-ca", "server", dict(ca, **pin), None),
        ("pinned-otherwise", "server", dict(ca, **wrong), "not the pinned one"),
        ("pinned-otherwise-unverified", "server", dict(wrong, self_signed=True), "not the pinned one"),
        ("wants-certificate", "wantscert", ca, "client certificate"),
        ("has-certificate", "wantscert", dict(ca, client_cert_file=w.certs["client"]), None),
        ("no-certificate-file", "wantscert", dict(ca, client_cert_file="/nowhere.pem"), "cannot be used"),
        ("no-ca-file", "server", {"cert_file": "/nowhere.pem"}, "cannot be read"),
        ("no-tls", "http", {}, "does not speak TLS"),
        ("no-handshake", "mute", {}, "silent"),
    ]
    for name, listener, more, words in rows:
        url = "https://127.0.0.1:%d/tls-%s" % (w.peer.ports[listener], name)
        link = w.link("tls-" + name, {}, listener, **dict(more, url=url))
        a, state = w.run(link)
        if words is None:
            ok("Pull completed" in a.text() and not state["last_error"], "%s is pulled from" % name, a.text())
        else:
            ok(words in a.text() and words in (state["last_error"] or ""), "%s: says why" % name, a.text())
            ok(not any(s[1] == "tls-" + name for s in w.peer.requests()), "%s: nothing is sent" % name)
    warned = must(w.admin.get("/tocsin/peers/status"), "status")
    warned = [p for p in warned if p["name"] == "tls-verify-off"][0]["warnings"]
    ok(any("not checked" in x for x in warned), "that a certificate is not checked is shown", warned)


# ---- the index

def test_index(w):
    u = new_uuid()
    good = json.dumps([row(u)]).encode()
    big = json.dumps(row(u)).encode()
    rows = {
        "index-cut": (lambda h: h.plain(good[:-5]), "JSON|document|end"),
        "index-middle": (lambda h: h.plain(b"[" + big + b",{]," + big + b"]"), "line|JSON|document"),
        "index-object": (lambda h: h.json({"errors": "no"}), "no index"),
        "index-text": (lambda h: h.plain(b"Fatal error: Allowed memory size"), "line|JSON|document|index"),
        "index-500": (lambda h: h.plain(b"{}", 500), "500"),
        "index-404": (lambda h: h.plain(b"{}", 404), "index"),
        "index-deep": (lambda h: h.plain(b"[" * 200000), "deep|nest|JSON|line"),
        "index-string": (lambda h: h.endless(b'[{"uuid":"'), "long|large|line|limit|silent|60"),
        "index-short": (lambda h: h.short(b"[" + big + b","), "ended early"),
        "index-elsewhere": (lambda h: h.redirect(w.peer.url("bystander2", "other") + "/events/index", 307),
                            "goes to no other host"),
    }
    for name, (answer, words) in rows.items():
        link = w.link(name, {"/events/index": answer})
        a, state = w.run(link)
        ok(re.search(words, state["last_error"] or "") is not None, "%s: says why" % name,
           (state["last_error"], a.text()))
    ok(not w.peer.requests("bystander2"), "no body is sent to another host")


def test_million_rows(w):
    """More rows than anybody has: the node remembers little of each, and a run can be ended."""
    n = int(os.environ.get("TOCSIN_HOSTILE_ROWS", "1000000"))
    fetched = threading.Event()

    def index(h):
        h.head()
        h.wfile.write(b"[")
        for start in range(0, n, 1000):
            part = ",".join('{"uuid":"00000000-0000-4000-8000-%012x","timestamp":"1700000000",'
                            '"sighting_timestamp":"0","published":"1"}' % i for i in range(start, start + 1000))
            h.wfile.write(((",") if start else "").encode() + part.encode())
        h.wfile.write(b"]")

    def view(h):
        fetched.set()
        h.json({"message": "gone"}, 404)

    link = w.link("million", {"/events/index": index, "/events/view": view})
    before, t = w.node.anon_bytes(), time.monotonic()
    c = w.node.client(timeout=300)
    runner = threading.Thread(target=lambda: w.run(link, client=c), daemon=True)
    runner.start()
    got = fetched.wait(240)
    after = w.node.anon_bytes()
    ok(got, "an index of %d rows is read (%.1f s)" % (n, time.monotonic() - t))
    ok(after - before < 200 << 20, "in %d MB" % ((after - before) >> 20))
    return link


# ---- events

def test_events(w):
    other = w.peer.url("bystander3", "other")
    w.peer.scripts["bystander3"] = {"/events": lambda h: h.json({"message": "who?"}, 403)}
    first, last, mine = new_uuid(), new_uuid(), new_uuid()
    own = must(w.admin.post("/events/add", {"Event": {
        "uuid": mine, "info": "made here", "distribution": "3", "date": "2024-01-01",
        "threat_level_id": "1", "analysis": "0"}}), "own event")["Event"]
    stolen = new_uuid()
    middle = new_uuid()
    text = json.dumps(event(middle)).encode()
    big = event(new_uuid())
    bad = {
        "endless": (lambda h: h.endless(b'{"Event":{"info":"'), "large|long"),
        "endless-attributes": (lambda h: h.endless(
            text[:-3] + b",", json.dumps(big["Event"]["Attribute"][0]).encode() + b","), "large|long|limit"),
        "cut": (lambda h: h.plain(text[:-20]), "."),
        "middle": (lambda h: h.plain(text.replace(b'"info"', b'"x":[}, "info"')), "JSON"),
        "text": (lambda h: h.plain(b"Fatal error"), "."),
        "not-asked-for": (lambda h: h.json(event(stolen)), "another|not the|uuid|UUID"),
        "error": (lambda h: h.plain(b"oops", 500), "500"),
        "redirect": (lambda h: h.redirect(other + "/events/view/x"), "another host|403|404"),
        "bomb": (lambda h: h.bomb(prefix=b'{"Event":{"info":"'), "large|long"),
        "drip": (lambda h: h.drip(text), "slower"),
        "short": (lambda h: h.short(text[:200]), "ended early"),
        "hang-up": (lambda h: h.hang_up(), "answer|broke"),
    }
    uuids = {name: new_uuid() for name in bad}
    uuids["middle"] = middle
    script = {
        "/events/index": lambda h: h.json([row(first)] + [row(u) for u in uuids.values()]
                                          + [row(mine, "1900000000"), row(last)]),
        "/events/view/" + first: lambda h: h.json(event(first, "the first")),
        "/events/view/" + last: lambda h: h.json(event(last, "the last")),
        # one that was made here, in a version of theirs
        "/events/view/" + mine: lambda h: h.json(event(mine, "taken over", "1900000000")),
    }
    for name, (answer, _) in bad.items():
        script["/events/view/" + uuids[name]] = answer
    before = w.events()
    link = w.link("events", script)
    a, state = w.run(link)
    ok(w.has(first) and w.has(last), "bad events do not hold up good ones", a.text())
    ok(w.events() - before == {first, last}, "and nothing else came", w.events() - before)
    ok(not w.has(stolen), "an event that was not asked for is not taken")
    now = must(w.admin.get("/events/view/" + mine), "own event")["Event"]
    ok((now["info"], now["Orgc"]["uuid"]) == (own["info"], own["Orgc"]["uuid"]),
       "one that was made here is not overwritten", now)
    ok(not w.peer.requests("bystander3") or all(
        "Authorization" not in s[4] for s in w.peer.requests("bystander3")), "the key stays with the peer")
    problems = problems_of(w, link)
    for name, (_, words) in bad.items():
        said = problems.get(uuids[name], "")
        ok(said and re.search(words, said) is not None, "%s: why it did not come" % name, said or problems)


def problems_of(w, link):
    """uuid -> reason, of what is kept about a peer."""
    found = {}

    def walk(x):
        if isinstance(x, dict):
            if isinstance(x.get("uuid"), str):
                text = " ".join(str(v) for k, v in x.items() if k in ("text", "reason", "why", "message"))
                if text:
                    found[x["uuid"]] = text
            for v in x.values():
                walk(v)
        elif isinstance(x, list):
            for v in x:
                walk(v)
    for path in ("/tocsin/peers/status/%s" % link, "/tocsin/peers/problems/%s" % link):
        a = w.admin.get(path)
        if a.status == 200:
            walk(a.json())
    return found


# ---- galaxy clusters

def cluster(u, value="REEF EEL", **more):
    c = {"uuid": u, "type": "lairs", "value": value, "version": "100", "distribution": "3",
         "published": True, "default": False, "Orgc": dict(peerlib.ORG),
         "Galaxy": {"uuid": "5c0a1e30-71aa-4b0d-9e2f-000000000777", "name": "Lairs", "type": "lairs"},
         "GalaxyElement": [{"key": "synonyms", "value": value}]}
    c.update(more)
    return {"GalaxyCluster": c}


def listing(uuids, version="100"):
    return lambda h: h.json({"response": [{"GalaxyCluster": {"uuid": u, "version": version}} for u in uuids]})


def test_clusters(w):
    first, last, stolen, event_uuid = new_uuid(), new_uuid(), new_uuid(), new_uuid()
    good = json.dumps(cluster(new_uuid())).encode()
    bad = {
        "not-asked-for": (lambda h: h.json(cluster(stolen)), "something else"),
        "endless": (lambda h: h.endless(b'{"GalaxyCluster":{"value":"'), "large|long"),
        "endless-elements": (lambda h: h.endless(
            good[:-3] + b",", b'{"key":"k","value":"%s"},' % (b"v" * 1000)), "large|long|limit"),
        "cut": (lambda h: h.plain(good[:-20]), "."),
        "text": (lambda h: h.plain(b"Fatal error"), "."),
        "list": (lambda h: h.plain(b"[]"), "something else"),
        "error": (lambda h: h.plain(b"oops", 500), "500"),
        "no-galaxy": (lambda h: h.json(cluster(uuids["no-galaxy"], Galaxy=None)), "galaxy"),
        "default": (lambda h: h.json(cluster(uuids["default"], default=True)), "non-default"),
        "nameless": (lambda h: h.json(cluster(uuids["nameless"], " ")), "value"),
        "many": (lambda h: h.json(cluster(uuids["many"], GalaxyElement=[
            {"key": "k", "value": "v"}] * 12000)), "too many elements"),
        "type": (lambda h: h.json(cluster(uuids["type"], type='x"="')), "name"),
    }
    uuids = {name: new_uuid() for name in bad}
    ours = must(w.admin.post("/galaxies/import", [cluster(new_uuid(), "MADE HERE")]), "import")
    mine = must(w.admin.post("/galaxy_clusters/restSearch", {"value": "MADE HERE"}),
                "search")["response"][0]["GalaxyCluster"]["uuid"]
    ok(ours["saved"], "a cluster of our own")
    script = {"/events/index": lambda h: h.json([row(event_uuid)]),
              "/events/view/" + event_uuid: lambda h: h.json(event(event_uuid)),
              "/galaxy_clusters/restSearch": listing([first] + list(uuids.values()) + [mine, last]),
              "/galaxy_clusters/view/" + first: lambda h: h.json(cluster(first)),
              "/galaxy_clusters/view/" + last: lambda h: h.json(cluster(last)),
              "/galaxy_clusters/view/" + mine: lambda h: h.json(cluster(mine, "TAKEN OVER", version="999"))}
    for name, (answer, _) in bad.items():
        script["/galaxy_clusters/view/" + uuids[name]] = answer
    link = w.link("clusters", script, pull_galaxy_clusters=True, push=False)
    a, state = w.run(link)
    there = {u: w.admin.get("/galaxy_clusters/view/" + u).status == 200
             for u in (first, last, stolen, mine) + tuple(uuids.values())}
    ok(there[first] and there[last], "bad clusters do not hold up good ones", a.text())
    ok(not there[stolen] and not any(there[u] for u in uuids.values()), "and none of them came", there)
    ok(w.has(event_uuid), "nor do they hold up events")
    now = must(w.admin.get("/galaxy_clusters/view/" + mine), "own")["GalaxyCluster"]
    ok(now["value"] == "MADE HERE", "one that was made here is not overwritten", now["value"])
    said = " | ".join(x["text"] for x in state["why"] if x["kind"] == "clusters")
    for name, (_, words) in bad.items():
        ok(re.search(words, said) is not None, "%s: why it did not come" % name, said)
    lists = {
        "endless-list": (lambda h: h.endless(b'{"response":[', b'{"GalaxyCluster":{"uuid":"x"}},' * 1000),
                         "more than"),
        "html-list": (lambda h: h.plain(b"<html>"), "JSON"),
        "cut-list": (lambda h: h.plain(b'{"response":[{"GalaxyCluster"'), "JSON|end"),
        "error-list": (lambda h: h.plain(b"oops", 500), "500"),
    }
    for name, (answer, words) in lists.items():
        u = new_uuid()
        link = w.link(name, {"/galaxy_clusters/restSearch": answer,
                             "/events/index": lambda h, u=u: h.json([row(u)]),
                             "/events/view/" + u: lambda h, u=u: h.json(event(u))},
                      pull_galaxy_clusters=True, push=False)
        a, state = w.run(link)
        said = " | ".join(x["text"] for x in state["why"] if x["kind"] == "clusters")
        ok(re.search(words, said) is not None, "%s: why" % name, said)
        ok(w.has(u), "%s: events come all the same" % name, a.text())


# ---- pushing

def test_push(w):
    u = new_uuid()
    secret = "only-for-the-peer.example"
    must(w.admin.post("/events/add", {"Event": {
        "uuid": u, "info": "to be pushed", "distribution": "3", "date": "2024-01-01",
        "threat_level_id": "1", "analysis": "2", "published": True,
        "Attribute": [{"type": "domain", "category": "Network activity", "value": secret,
                       "to_ids": True, "distribution": "5"}]}}), "event")
    must(w.admin.post("/events/publish/" + u), "publish")
    other = w.peer.url("bystander4", "other")

    def early(h):
        h.json({"message": "too much"}, 413)
    early.early = True
    rows = {
        "push-500": {"/events/add": lambda h: h.plain(b"oops", 500)},
        "push-endless": {"/events/add": lambda h: h.endless(b'{"Event":{"info":"')},
        "push-elsewhere": {"/events/add": lambda h: h.redirect(other + "/events/add", 307)},
        "push-early": {"/events/add": early},
        "push-silent": {"/events/add": lambda h: h.silence()},
        "push-hang-up": {"/events/add": lambda h: h.hang_up()},
        "push-filter-text": {"/events/filterEventIdsForPush": lambda h: h.plain(b"<html>")},
        "push-filter-endless": {"/events/filterEventIdsForPush": lambda h: h.endless(b"[")},
        "push-filter-elsewhere": {"/events/filterEventIdsForPush":
                                  lambda h: h.redirect(other + "/events/filterEventIdsForPush", 307)},
        "push-head-loop": {"/events/view": lambda h: h.redirect(h.path),
                           "/events/filterEventIdsForPush": lambda h: h.json({}, 404)},
    }
    for name, script in rows.items():
        link = w.link(name, script)
        t = time.monotonic()
        a, state = w.run(link, "push")
        took = time.monotonic() - t
        reasons = problems_of(w, link)
        ok(state["last_error"] or reasons or "could not be pushed" in a.text(), "%s: a reason is kept" % name,
           (a.text(), state))
        ok(took < 30, "%s: in time (%.1f s)" % (name, took))
    ok(not any(secret.encode() in s[5] for s in w.peer.requests(listener="other")),
       "no event goes to a host that the peer names")


# ---- others are not held up

def test_others(w):
    u = new_uuid()
    good = w.link("good", {"/events/index": lambda h: h.json([row(u)]),
                           "/events/view": lambda h: h.json(event(u))})
    hang = [w.link("hang-%d" % i, s) for i, s in enumerate([
        {"/servers/getVersion": lambda h: h.silence()},
        {"/events/index": lambda h: h.drip(b"[" + b" " * 10000, 0.05)},
        {"/events/index": lambda h: h.endless(b"[")},
        {"/servers/getVersion": lambda h: h.bomb()},
    ])]
    hang.append(w.link("hang-mute", {}, "mute", url="https://127.0.0.1:%d/x" % w.peer.ports["mute"]))
    threads = [threading.Thread(target=lambda k=k: w.run(k, client=w.node.client(timeout=180)), daemon=True)
               for k in hang]
    for t in threads:
        t.start()
    time.sleep(0.5)
    t = time.monotonic()
    a, _ = w.run(good)
    took = time.monotonic() - t
    ok("1 events pulled" in a.text() and took < 5, "while five peers hang, another is pulled from (%.2f s)" % took,
       a.text())
    for t in threads:
        t.join(120)


# ---- the proxy of the configuration

def test_proxy(w):
    u = new_uuid()
    script = {"/events/index": lambda h: h.json([row(u)]), "/events/view": lambda h: h.json(event(u))}
    proxy = "proxy=http://127.0.0.1:%d" % w.peer.ports["proxy"]
    with nodelib.Node(extra=["--set", proxy]) as n:
        for name, skip in (("proxied", False), ("not-proxied", True)):
            w.peer.scripts[name] = script
            link = must(n.client().post("/servers/add", {
                "name": name, "url": w.peer.url(name), "authkey": "k" * 40, "remote_org_id": "1", "pull": True,
                "skip_proxy": skip}), "servers/add")["Server"]["id"]
            a = n.client().post("/servers/pull/%s/full" % link)
            ok("Pull completed" in a.text(), "%s: is pulled from" % name, a.text())
            by_proxy, direct = w.peer.requests(name, "proxy"), w.peer.requests(name, "http")
            ok((by_proxy and not direct) if not skip else (direct and not by_proxy),
               "%s: as its row says" % name, (len(by_proxy), len(direct)))


def main():
    with tempfile.TemporaryDirectory(prefix="tocsin-hostile-") as folder:
        w = World(folder)
        base = w.node.anon_bytes()
        watch = Watch(w.node)
        watch.start()
        only = sys.argv[1:]
        try:
            for test in (test_hello, test_tls, test_index, test_events, test_clusters, test_push, test_others,
                         test_proxy, test_million_rows):
                if not only or test.__name__ in only:
                    test(w)
                    ok(w.node.alive(), "%s: the node lives" % test.__name__, w.node.log_tail())
            watch.end = True
            watch.join()
            ok(not watch.failures, "it answered all the time", watch.failures[:5])
            ok(watch.slowest < 3, "at once (%.2f s at most)" % watch.slowest)
            ok(watch.most - base < MEMORY_MAX, "in bounded memory (%d MB at most, %d at the start)"
               % (watch.most >> 20, base >> 20))
            t = time.monotonic()
            status = w.node.stop(60)
            ok(status == 0, "it ends in order, in the middle of a run", (status, w.node.log_tail()))
            ok(time.monotonic() - t < 20, "and soon (%.1f s)" % (time.monotonic() - t))
        finally:
            watch.end = True
            w.node.kill()
    print("1..%d" % COUNT[0])
    sys.exit(1 if COUNT[1] else 0)


if __name__ == "__main__":
    main()
