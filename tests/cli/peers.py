"""Feeds from a web server, pulls between two nodes, and a pull from a recorded MISP."""
import gzip
import hashlib
import http.server
import json
import os
import tempfile
import threading
import time

import node as nodes
from tool import Tool, check, is_equal

UUID = "6e4f7b20-88bb-4b6f-8d2f-0000000000%02x"
POLICY = """use: [default]
audiences:
  reef-cert: {kind: peer, org: 7b6a2d0e-4a0b-4a54-9d7e-2f6c0c1b8a55, tlp: amber, class: partner,
              profile: full, jurisdiction: domestic}
"""


class Server:
    """A web server of this test on a port of its own; `answer(method, path, body)` gives
    (status, bytes)."""

    def __init__(self, answer):
        self.seen = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.seen.append((self.command, self.path, body, dict(self.headers)))
                status, data = answer(self.command, self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.http.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.http.shutdown()
        self.http.server_close()


def files_of(folder):
    def answer(method, path, body):
        try:
            with open(os.path.join(folder, os.path.basename(path)), "rb") as f:
                return 200, f.read()
        except OSError:
            return 404, b"{}"
    return answer


def feeds(n, t):
    sample = os.path.join(nodes.TOP, "contrib", "sample-feed")
    with Server(files_of(sample)) as s:
        j = t.json(0, "feed", "add", s.url, "harbour", "--distribution", "1")
        is_equal((j["Feed"]["name"], j["Feed"]["enabled"], j["Feed"]["distribution"]),
                 ("harbour", True, "1"), "feed add")
        with nodes.Node(os.path.join(os.path.dirname(n.folder), "eater")) as m:
            u = Tool(m)
            u.json(0, "feed", "add", s.url, "harbour", "--distribution", "1")
            j = u.json(0, "feed", "fetch", "harbour")
            is_equal((j[0]["listed"], j[0]["added"]), (8, 8), "feed fetch")
            before = len(s.seen)
            j = u.json(0, "feed", "fetch")
            is_equal((j[0]["added"], len(s.seen) - before), (0, 1), "a second fetch asks once")
            d = u.want(0, "feed", "list")
            check("harbour" in d.out and "UTC" in d.out, "feed list tells the last success", d)
            rows = u.json(0, "search", "--events")["response"]
            is_equal({r["Event"]["distribution"] for r in rows}, {"1"}, "distribution of the feed")
        t.want(2, "feed", "add", s.url, "other", "--every", "often")
        t.json(0, "feed", "add", s.url, "other", "--every", "6h")
        is_equal([f["Feed"]["tocsin"]["interval_s"] for f in t.json(0, "feed", "list")], [0, 21600],
                 "how often it is fetched")
        t.want(0, "feed", "edit", "other", "--format", "csv", "--columns", "2", "--exclude", "/^a/", "--ids", "off", "--publish", "on",
               "--tag", "from:other", "--header", "A: b", "--header", "C: d:e", "--cache", "on", "--correlation", "off", "--every", "0")
        f = t.json(0, "feed", "show", "other")["Feed"]
        is_equal((f["source_format"], f["override_ids"], f["force_to_ids"], f["publish"], f["headers"], f["caching_enabled"], f["tocsin"]["interval_s"]),
                 ("csv", True, False, True, "A: b\nC: d:e", True, 0), "feed edit")
        is_equal(json.loads(f["settings"]), {"csv": {"value": "2"}, "common": {"excluderegex": "/^a/"}, "disable_correlation": "1"},
                 "its settings")
        t.want(0, "feed", "edit", "other", "--format", "misp", "--exclude", "none", "--ids", "on", "--tag", "none", "--header", "none",
               "--only-tag", "tlp:clear", "--only-tag", "!x", "--only-org", "!ACME", "--since", "30d", "--event", "new")
        f = t.json(0, "feed", "show", "other")["Feed"]
        is_equal((f["override_ids"], f["force_to_ids"], f["tag_id"], f["headers"], f["fixed_event"]), (False, True, "0", None, False), "and back")
        is_equal(json.loads(f["rules"]), {"tags": {"OR": ["tlp:clear"], "NOT": ["x"]}, "orgs": {"OR": [], "NOT": ["ACME"]},
                                          "url_params": '{"timestamp":"30d"}'}, "rules")
        is_equal(json.loads(f["settings"])["csv"], {"value": "2"}, "what was not named stays")
        t.want(0, "feed", "edit", "other", "--only-org", "none")
        is_equal(json.loads(t.json(0, "feed", "show", "other")["Feed"]["rules"])["tags"]["NOT"], ["x"], "one rule goes, others stay")
        for wrong in (["--ids", "some"], ["--publish", "yes"], ["--header", "none of it"], []):
            t.want(2, "feed", "edit", "other", *wrong)
        for wrong in (["--event", "999999"], ["--creator", "nobody"], ["--new-url", "ftp://example.org/"], ["--exclude", "/(/", "--format", "csv"]):
            t.want(1, "feed", "edit", "other", *wrong)
        t.want(0, "feed", "remove", "other")
        t.want(1, "feed", "fetch", "no such feed")
        t.want(0, "feed", "remove", "harbour")
        is_equal(t.json(0, "feed", "list"), [], "feed remove")
    t.json(0, "feed", "add", s.url, "gone")
    t.want(3, "feed", "fetch", "gone")
    check("gone" in t.want(0, "feed", "list").out, "the error is kept")
    t.want(0, "feed", "remove", "gone")
    catalogue(t)


def catalogue(t):
    """The public feeds that the node ships: entered when asked, switched off, never twice."""
    all_ = [f["Feed"] for f in t.json(0, "feed", "defaults")]
    check(len(all_) > 70 and not any(f["id"] for f in all_), "a catalogue, and none of it entered", len(all_))
    t.json(0, "feed", "add", "http://VXvault.net/URL_List.php/", "by hand", "--format", "freetext")
    t.want(0, "feed", "defaults", "--load", "spamhaus drop", "CIRCL OSINT Feed")
    is_equal([f["Feed"]["name"] for f in t.json(0, "feed", "list")], ["by hand", "CIRCL OSINT Feed", "Spamhaus DROP"],
             "named ones are entered")
    t.want(1, "feed", "defaults", "--load", "no such feed")
    loads = [threading.Thread(target=t.run, args=("feed", "defaults", "--load")) for _ in range(3)]
    for x in loads:
        x.start()
    for x in loads:
        x.join()
    rows = [f["Feed"] for f in t.json(0, "feed", "list")]
    is_equal(len(rows), len(all_), "all of them, none twice, not what was entered by hand")
    is_equal([f["name"] for f in rows if f["enabled"] or f["caching_enabled"]], ["by hand"], "none is switched on")
    d = t.want(0, "feed", "defaults", "VXvault - URL List")
    check(d.out.startswith(next(f["id"] for f in rows if f["name"] == "by hand") + "\t"), "by its place", d.out)
    t.want(0, "feed", "enable", "Spamhaus DROP", "VNC RFB")
    is_equal({f["Feed"]["name"] for f in t.json(0, "feed", "list") if f["Feed"]["enabled"]},
             {"by hand", "Spamhaus DROP", "VNC RFB"}, "feed enable")
    t.want(0, "feed", "disable", "Spamhaus DROP", "VNC RFB", "by hand")
    t.want(1, "feed", "enable", "no such feed")
    is_equal([f for f in t.json(0, "feed", "list") if f["Feed"]["enabled"]], [], "feed disable")
    caches(t)


def caches(t):
    """More of it in tests/feeds/caches.py."""
    sample = os.path.join(nodes.TOP, "contrib", "sample-feed")
    t.want(0, "feed", "overlap")
    with Server(files_of(sample)) as s:
        t.json(0, "feed", "add", s.url, "sampled")
        t.json(0, "feed", "add", s.url + "/", "again")
        t.want(0, "feed", "cache", "sampled", "again")
    d = t.want(0, "feed", "overlap")
    rows = [x.split("\t") for x in d.out.splitlines()]
    check(len(rows) == 3 and rows[0][1] == "sampled" and rows[0][6] == rows[0][2] and rows[2][:2] == ["sampled", "again"],
          "a row for each, and for each two", d.out)
    j = t.json(0, "feed", "overlap", "--no-store")
    check(len(j["sources"]) == 2 and "here" not in j["sources"][0], "without the store", j)
    t.want(0, "feed", "cache")
    t.want(0, "peer", "cache")
    t.want(1, "feed", "cache", "no such feed")
    d = t.want(0, "feed", "list")
    check("sampled" in d.out and {len(x.split("\t")) for x in d.out.splitlines()} == {10}, "ten columns", d.out)


def event(n, distribution, **more):
    e = {"uuid": UUID % n, "info": "distribution %d" % distribution, "date": "2026-03-04",
         "published": True, "distribution": str(distribution), "timestamp": "1767600000",
         "Attribute": [{"uuid": UUID % (n + 0x40), "type": "domain", "category": "Network activity",
                        "value": "d%d-%d.example" % (n, d), "distribution": str(d),
                        "timestamp": "1767600000"} if d == 5 else
                       {"type": "domain", "category": "Network activity", "timestamp": "1767600000",
                        "value": "d%d-%d.example" % (n, d), "distribution": str(d)}
                       for d in (0, 1, 2, 3, 5)]}
    e.update(more)
    return e


def stored(tool, uuid):
    """(distribution, locked, {value: distribution}) of an event, or None."""
    d = tool.run("event", "show", uuid, "--json")
    if d.code:
        return None
    e = json.loads(d.out)["Event"]
    return e["distribution"], e["locked"], {a["value"]: a["distribution"] for a in e["Attribute"]}


def lowered(d):
    return {"2": "1", "1": "0"}.get(str(d), str(d))


def key_is_sealed(n, key):
    """Is the peer's key nowhere in the files of the node?"""
    for folder, _, names in os.walk(n.folder):
        for name in names:
            if name == "first-key" or not os.path.isfile(os.path.join(folder, name)):
                continue
            with open(os.path.join(folder, name), "rb") as f:
                if key.encode() in f.read():
                    return check(False, "the peer's key is in the clear in " + name)
    return check(True, "the peer's key is nowhere in the clear")


def two_nodes():
    with tempfile.TemporaryDirectory(prefix="tocsin-cli-") as d:
        with nodes.Node(os.path.join(d, "a"), extra=["--org", "Alpha"]) as a, \
                nodes.Node(os.path.join(d, "b"), extra=["--org", "Beta"]) as b:
            pulls(a, b, Tool(a), Tool(b))


def pulls(a, b, ta, tb):
    docs = "".join(json.dumps({"Event": event(i, i)}) + "\n" for i in range(4))
    is_equal(ta.json(0, "import", "-", stdin=docs.encode())["added"], 4, "four events on a")
    ta.json(0, "org", "add", "Beta", "--remote")
    key = ta.json(0, "user", "add", "sync@beta.example", "--org", "Beta",
                  "--role", "Sync user")["User"]["authkey"]
    j = tb.json(0, "peer", "add", a.url + "/", "-", "--name", "alpha", "--org", "Alpha",
                stdin=key.encode() + b"\n")
    is_equal(j["connection"]["status"], 1, "peer add tries the connection")
    check(key not in json.dumps(j), "the key is not printed again")
    j = tb.json(0, "peer", "pull", "alpha")[0]["events"]
    is_equal((j["listed"], j["added"], j["failed"]), (3, 3, 0), "b pulls what it may see")
    is_equal(stored(tb, UUID % 0), None, "distribution 0 stays on a")
    for i in (1, 2, 3):
        s = stored(tb, UUID % i)
        want = {"d%d-%d.example" % (i, x): lowered(x) for x in (1, 2, 3, 5)}
        is_equal(s, (lowered(i), True, want), "event of distribution %d is lowered" % i)
    check("peer alpha" in tb.want(0, "event", "show", UUID % 2).out, "event show tells the peer")
    h = tb.json(0, "event", "history", UUID % 2)
    is_equal((h[0]["op"], h[0]["from"], h[0]["name"]), ("added", "peer", "alpha"), "and the history")
    check("alpha" in tb.want(0, "event", "history", UUID % 2).out, "in words")
    key_is_sealed(b, key)
    j = tb.json(0, "peer", "pull")[0]["events"]
    is_equal((j["listed"], j["added"], j["updated"]), (0, 0, 0), "a second pull asks what changed: nothing")
    # a change on a comes over
    doc = event(3, 3, timestamp="1767600100", info="changed")
    doc["Attribute"][-1].update(value="new.example", timestamp="1767600100")
    ta.json(0, "import", "-", stdin=json.dumps({"Event": doc}).encode())
    j = tb.json(0, "peer", "pull", "1")[0]["events"]
    is_equal((j["added"], j["updated"]), (0, 1), "a change comes over")
    check("new.example" in stored(tb, UUID % 3)[2], "with its new value", stored(tb, UUID % 3))
    m = b.client().get("/metrics").text()
    for text in ('tocsin_peer_pulls_total{result="ok"} 3', 'tocsin_peer_events_total{direction="in",'
                 'outcome="added"} 3', 'tocsin_peer_requests_total{result="ok"}',
                 'tocsin_peer_bytes_total{direction="in"}'):
        check(text in m, "metrics have " + text, [x for x in m.split("\n") if "peer" in x])
    # types that the link does not bring
    tb.json(0, "peer", "edit", "alpha", "--pull-not-type", "domain")
    doc = event(10, 3)
    doc["Attribute"].append({"type": "md5", "category": "Payload delivery", "distribution": "5",
                             "value": "d41d8cd98f00b204e9800998ecf8427e"})
    ta.json(0, "import", "-", stdin=json.dumps({"Event": doc}).encode())
    tb.json(0, "peer", "pull", "alpha")
    is_equal(list(stored(tb, UUID % 10)[2]), ["d41d8cd98f00b204e9800998ecf8427e"],
             "a rule of the link leaves out a type")
    tb.json(0, "peer", "edit", "alpha", "--pull-rules", "{}")
    # back: a does not take its own events from b, but b's
    tb.json(0, "import", "-", stdin=json.dumps({"Event": event(9, 2)}).encode())
    back = tb.json(0, "user", "add", "sync@alpha.example", "--role", "Sync user")["User"]["authkey"]
    ta.json(0, "peer", "add", b.url, back, "--name", "beta", "--org", "Beta")
    j = ta.json(0, "peer", "pull")[0]["events"]
    is_equal((j["added"], j["updated"]), (1, 0), "a pulls b's own event only")
    is_equal(stored(ta, UUID % 9)[0], "1", "lowered from 2 to 1")
    is_equal(stored(ta, UUID % 3)[:2], ("3", False), "its own event is untouched")
    # only what was published since is asked for, unless somebody wants everything
    tb.json(0, "peer", "pull", "--all")
    j = tb.json(0, "peer", "pull", "--event", UUID % 2)[0]["events"]
    is_equal((j["added"], j["listed"]), (0, 0), "one event without index")
    tb.want(0, "peer", "list")
    a.stop()
    d = tb.want(3, "peer", "pull")
    check("alpha" in tb.want(0, "peer", "list").out, "the list tells the problem", d)
    tb.want(1, "peer", "pull", "no such peer")
    tb.want(0, "peer", "remove", "alpha")
    is_equal(tb.json(0, "peer", "list"), [], "peer remove")
    tb.want(1, "peer", "add", "ftp://x.example", key)
    a.start()


def administration():
    """What MISP lacks: previews, reasons, holding, suspending; and a push that ends where it should."""
    with tempfile.TemporaryDirectory(prefix="tocsin-cli-") as d:
        with nodes.Node(os.path.join(d, "a"), extra=["--org", "Alpha"]) as a, \
                nodes.Node(os.path.join(d, "b"), extra=["--org", "Beta"]) as b:
            ta, tb = Tool(a), Tool(b)
            docs = "".join(json.dumps({"Event": event(i, i)}) + "\n" for i in range(4))
            ta.json(0, "import", "-", stdin=docs.encode())
            tb.json(0, "org", "add", "Alpha", "--remote")
            key = tb.json(0, "user", "add", "sync@alpha.example", "--org", "Alpha",
                          "--role", "Sync user")["User"]["authkey"]
            setting_up(ta, b, key)
            pushes(ta, tb)
            reading(b, ta, tb)
            trouble(a, b, ta, tb)


def by_itself():
    """A push soon after something is published, a pull by the interval, nobody asking."""
    with tempfile.TemporaryDirectory(prefix="tocsin-cli-") as d:
        with nodes.Node(os.path.join(d, "a"), extra=["--org", "Alpha", "--set", "push_delay=300ms"]) as a, \
                nodes.Node(os.path.join(d, "b"), extra=["--org", "Beta"]) as b:
            ta, tb = Tool(a), Tool(b)
            for t, org in ((ta, "Beta"), (tb, "Alpha")):
                t.json(0, "org", "add", org, "--remote")
            keys = [t.json(0, "user", "add", "s@x.example", "--org", org, "--role",
                           "Sync user")["User"]["authkey"] for t, org in ((ta, "Beta"), (tb, "Alpha"))]
            ta.json(0, "peer", "add", b.url, keys[1], "--name", "beta", "--pull", "off", "--push", "on")
            ta.json(0, "import", "-", stdin=json.dumps({"Event": event(1, 3)}).encode())
            check(until(lambda: stored(tb, UUID % 1)), "what is published goes by itself")
            tb.json(0, "peer", "add", a.url, keys[0], "--name", "alpha", "--every", "1s")
            tb.json(0, "peer", "pull", "alpha")
            ta.json(0, "peer", "edit", "beta", "--push", "off")
            ta.json(0, "import", "-", stdin=json.dumps({"Event": event(2, 3)}).encode())
            check(until(lambda: stored(tb, UUID % 2)), "and is pulled by the interval")
            a.stop()
            check(until(lambda: tb.run("peer", "status", "alpha").code == 1), "a failure is noted")
            s = tb.json(1, "peer", "status", "alpha")[0]["pull"]
            check(s["next"]["why"] == "retry" and s["next"]["at"] - s["last_try"] >= 54,
                  "and the next try is later than the interval", s["next"])
            tb.want(0, "peer", "remove", "alpha")


def warnings():
    """What an administrator should look at is told by the status."""
    with tempfile.TemporaryDirectory(prefix="tocsin-cli-") as d:
        with nodes.Node(os.path.join(d, "a"), extra=["--org", "Alpha"]) as a:
            t = Tool(a)
            t.json(0, "user", "add", "s@x.example", "--role", "Sync user")
            day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 5 * 86400))
            key = t.json(0, "key", "add", "s@x.example", "--expires", day)["AuthKey"]["authkey_raw"]
            t.json(0, "peer", "add", a.url, key, "--name", "self")
            check(day in t.want(0, "peer", "test", "self").out, "peer test tells when the key ends")
            t.json(0, "peer", "pull", "self")
            w = t.json(0, "peer", "status", "self")[0]["warnings"]
            check(any("our API key there expires on " + day in x for x in w), "status warns of it", w)
            check(any("not encrypted" in x for x in w), "and of http", w)
            t.json(3, "peer", "edit", "self", "--new-url", "https://127.0.0.1:1", "--verify", "off",
                   "--client-cert", "/nonexistent.pem")
            w = t.json(0, "peer", "status", "self")[0]["warnings"]
            check(any("verify off" in x for x in w), "and of verify off", w)
            check(any("cannot be read" in x for x in w), "and of a certificate that is not there", w)
            d = t.want(3, "peer", "test", "self")
            check("our cert" in d.out and "/nonexistent.pem" in d.out, "peer test tells it too", d)


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.1)
    return False


def setting_up(ta, b, key):
    ta.want(2, "peer", "add", b.url, key, "--push", "perhaps")
    ta.want(2, "peer", "add", b.url, key, "--every", "often")
    ta.want(1, "peer", "add", b.url, key, "--push-org", "no such organisation")
    ta.want(1, "peer", "add", b.url, key, "--pin", "sha256//x")
    j = ta.json(0, "peer", "add", b.url, key, "--name", "beta", "--org", "Beta", "--pull", "off",
                "--push", "on", "--push-tag", "!tlp:red", "--push-tag", "tlp:clear", "--pull-tag", "x",
                "--pull-org", "!Gamma", "--pull-param", "publish_timestamp=30d", "--every", "6h",
                "--push-not-type", "comment", "--internal", "on", "--unpublish", "on")["Server"]
    pull, push = json.loads(j["pull_rules"]), json.loads(j["push_rules"])
    is_equal((pull["tags"], pull["orgs"], json.loads(pull["url_params"])),
             ({"OR": ["x"], "NOT": []}, {"OR": [], "NOT": ["Gamma"]}, {"publish_timestamp": "30d"}),
             "pull rules have names")
    check(all(x.isdigit() for x in push["tags"]["OR"] + push["tags"]["NOT"]), "push rules have numbers",
          push)
    is_equal(push["type_attributes"], {"NOT": ["comment"]}, "types by name")
    is_equal((j["internal"], j["unpublish_event"]), (False, True), "internal only within an organisation")
    d = ta.want(0, "peer", "show", "beta")
    for text in ("only tlp:clear", "not tlp:red", "only x", "not Gamma", "6 h", "events arrive unpublished"):
        check(text in d.out, "peer show says " + text, d)
    ta.json(0, "peer", "show", "1")
    j = ta.json(0, "peer", "edit", "beta", "--push-tag", "none", "--push-not-type", "none", "--pull-tag",
                "none", "--pull-org", "none", "--pull-param", "none", "--unpublish", "off")["Server"]
    is_equal(json.loads(j["push_rules"])["tags"], {"OR": [], "NOT": []}, "none empties a rule")
    is_equal(json.loads(j["pull_rules"])["url_params"], "", "and the parameters")
    ta.want(2, "peer", "edit", "beta")
    j = ta.json(0, "peer", "test", "beta")
    is_equal((j["status"], j["post"], j["mismatch"], j["uuid"] is not None), (1, 1, "proposal", True),
             "peer test")
    check("it works" in ta.want(0, "peer", "test", "beta").out, "in words")


def pushes(ta, tb):
    ta.want(2, "peer", "preview", "beta")
    j = ta.json(0, "peer", "preview", "beta", "--push")
    is_equal((j["events"]["added"], j["events"]["held"]), (2, 2), "preview of a push")
    is_equal({i["uuid"]: i["error"] for i in j["items"]},
             {UUID % 0: "held", UUID % 1: "held", UUID % 2: "added", UUID % 3: "added"}, "event by event")
    check(all(i["text"] for i in j["items"] if i["error"] == "held"), "with the reason")
    is_equal(stored(tb, UUID % 3), None, "a preview pushes nothing")
    check("distribution" in ta.want(0, "peer", "preview", "beta", "--push").out, "the reason in words")
    j = ta.json(1, "peer", "diff", "beta")
    is_equal((j["only_here"], j["only_there"], j["same"]), (4, 0, 0), "diff before the push")
    ta.want(0, "peer", "hold", "beta", UUID % 3, "--reason", "waits for counsel")
    ta.want(1, "peer", "hold", "beta", "999999")
    j = ta.json(0, "peer", "push", "beta")[0]["events"]
    is_equal((j["added"], j["held"]), (1, 3), "what is held by hand stays")
    s = ta.json(0, "peer", "status", "beta")[0]
    is_equal([(n["uuid"], "waits for counsel" in n["text"]) for n in s["push"]["hold"]],
             [(UUID % 3, True)], "status tells what is held")
    is_equal(sum(w["count"] for w in s["push"]["why"] if w["what"] == "held"), 3, "and counts by reason")
    check(s["push"]["last_success"] and s["push"]["requests"] and s["push"]["bytes_out"], "and the cost")
    check("waits for counsel" in ta.want(0, "peer", "status").out, "in words")
    ta.want(0, "peer", "release", "beta", UUID % 3)
    j = ta.json(0, "peer", "push", "beta")[0]["events"]
    is_equal((j["listed"], j["added"]), (1, 1), "what is released goes, and only that is looked at")
    j = ta.json(1, "peer", "diff", "beta")
    is_equal((j["only_here"], j["only_there"], j["same"]), (2, 0, 2), "diff after the push")
    check(all(i.get("why") for i in j["items"]), "diff says why", j)


def reading(b, ta, tb):
    """A user who stands for a peer reads what a push to it would bring, and no more."""
    tb.json(0, "user", "add", "reader@alpha.example", "--org", "Alpha", "--role", "Sync user")
    key = tb.json(0, "key", "add", "reader@alpha.example")["AuthKey"]["authkey_raw"]
    tb.json(3, "peer", "add", "http://127.0.0.1:1", "k" * 40, "--name", "alpha", "--org", "Alpha", "--pull",
            "off", "--push-tag", "!tlp:red", "--push-not-type", "comment")
    red = [{"name": "tlp:red"}]

    def one(n, **more):
        e = event(n, 3, **more)
        e["Attribute"] = [{"type": "domain", "category": "Network activity", "value": "ok%d.example" % n},
                          {"type": "domain", "category": "Network activity", "value": "red%d.example" % n,
                           "Tag": red},
                          {"type": "comment", "category": "Other", "value": "remark %d" % n}]
        return json.dumps({"Event": e}) + "\n"
    tb.json(0, "import", "-", stdin=(one(0x21) + one(0x22, Tag=red)).encode())
    c = b.client(key)

    def seen():
        got = {}
        for n in (0x21, 0x22):
            a = c.get("/events/view/" + UUID % n)
            got[n] = {x["value"] for x in a.json()["Event"]["Attribute"]} if a.status == 200 else None
        index = c.post("/events/index", {"minimal": 1, "published": 1}).json()
        found = c.post("/attributes/restSearch", {"value": ["red33.example", "red34.example"]}).json()["response"]["Attribute"]
        return got, {r["uuid"] for r in index} & {UUID % 0x21, UUID % 0x22}, len(found)
    everything = {n: {"ok%d.example" % n, "red%d.example" % n, "remark %d" % n} for n in (0x21, 0x22)}
    is_equal(seen(), (everything, {UUID % 0x21, UUID % 0x22}, 2), "a user who is not bound reads all of it")
    tb.json(0, "user", "edit", "reader@alpha.example", "--peer", "alpha")
    is_equal(seen(), ({0x21: {"ok33.example"}, 0x22: None}, {UUID % 0x21}, 0), "one who is bound does not")
    names = json.dumps({"tags": {"OR": [], "NOT": ["tlp:red"]}})
    tb.json(3, "peer", "edit", "alpha", "--push-rules", names)
    w = tb.json(0, "peer", "status", "alpha")[0]["warnings"]
    check(any("matches nothing" in x for x in w), "a rule that cannot work is told", w)
    tb.json(0, "user", "edit", "reader@alpha.example", "--peer", "none")
    tb.want(0, "peer", "remove", "alpha")


def trouble(a, b, ta, tb):
    ta.want(2, "peer", "suspend", "beta", "--until", "2001-01-01")
    ta.want(0, "peer", "suspend", "beta", "--until", "3d", "--reason", "moving house")
    check("moving house" in ta.want(1, "peer", "push", "beta").err, "a suspended peer is left alone")
    check("moving house" in ta.want(0, "peer", "status", "beta").out, "status tells why")
    ta.want(0, "peer", "resume", "beta")
    # refused there: kept with the reason, not offered again, tried again when somebody wants it
    block = {"uuids": [UUID % 9]}
    is_equal(b.client().post("/eventBlocklists/add", block).status, 200, "b blocks an event")
    ta.json(0, "import", "-", stdin=json.dumps({"Event": event(9, 3)}).encode())
    ta.json(1, "peer", "push", "beta")
    s = ta.json(0, "peer", "status", "beta")[0]["push"]
    is_equal([n["uuid"] for n in s["refused"]], [UUID % 9], "status tells what the peer refused")
    check(len(s["refused"][0]["text"]) > 5, "and why", s["refused"])
    is_equal(ta.json(0, "peer", "push", "beta")[0]["events"]["refused"], 0, "it is not offered again")
    ta.want(1, "peer", "retry", "beta", UUID % 0x77)
    is_equal(ta.json(1, "peer", "retry", "beta", UUID % 9)[0]["events"]["refused"], 1, "peer retry")
    b.stop()
    ta.want(3, "peer", "flush", "beta")
    s = ta.json(1, "peer", "status", "beta")[0]["push"]
    check(s["failures"] == 1 and s["last_error"], "a failure and its text", s)
    ta.want(3, "peer", "test", "beta")
    b.start()
    ta.want(0, "peer", "flush")
    is_equal(ta.json(0, "peer", "status", "beta")[0]["push"]["failures"], 0, "and it is over")


HELLO = {"version": "2.5.1", "perm_sync": True, "perm_sighting": True, "perm_galaxy_editor": True,
         "perm_analyst_data": True, "uuid": UUID % 0xaa, "request_encoding": ["gzip"]}
MISP_ROW = {"id": "1", "uuid": UUID % 1, "timestamp": "1750000000", "published": True,
            "orgc_uuid": UUID % 2, "sighting_timestamp": "0"}


def asked_of_peers():
    """servers/* that ask a peer, as a MISP administrator does by REST."""
    how = {"hello": (200, HELLO), "post": None}

    def answer(method, path, body):
        if path == "/servers/getVersion":
            status, doc = how["hello"]
        elif path == "/servers/postTest":
            text = json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)["testString"]
            status, doc = 200, {"body": {"testString": text}, "headers": {
                "Content-type": "application/json", "Accept": "application/json", "Authorization": "OK"}}
            if how["post"]:
                how["post"](doc)
        elif path == "/users/view/me.json":
            status, doc = 200, {"User": {"email": "us@peer.example"},
                                "Role": {"name": "Sync user", "perm_sync": True}}
        elif path == "/users/resetauthkey/me":
            status, doc = 200, {"message": "Authkey updated: " + "n" * 40}
        elif path == "/servers/getAvailableSyncFilteringRules":
            status, doc = 200, {"organisations": ["A"], "tags": ["t"]}
        elif path.startswith("/events/index"):
            status, doc = 200, [MISP_ROW]
        elif path == "/events/view/7/metadata:1/excludeGalaxy:1":
            status, doc = 200, {"Event": {"uuid": UUID % 1}}
        elif path.startswith("/events/" + UUID % 1) or path.startswith("/events/view/" + UUID % 1):
            status, doc = 200, {"Event": event(1, 3)}
        else:
            status, doc = 404, {"message": "Invalid event"}
        return status, doc if isinstance(doc, bytes) else json.dumps(doc).encode()

    with tempfile.TemporaryDirectory(prefix="tocsin-cli-") as d, Server(answer) as s, \
            nodes.Node(os.path.join(d, "n")) as n:
        t, c = Tool(n), n.client()
        t.json(0, "peer", "add", s.url, "a" * 40, "--name", "scripted")
        statuses(c, how)
        is_equal(c.get("/servers/getRemoteUser/1").json(),
                 {"User": "us@peer.example", "Role name": "Sync user", "Sync flag": "Yes"}, "remote user")
        is_equal(c.get("/servers/queryAvailableSyncFilteringRules/1").json(),
                 {"error": "", "data": {"organisations": ["A"], "tags": ["t"]}}, "filtering rules")
        is_equal(c.get("/servers/previewIndex/1").json(), [{"Event": dict(
            MISP_ROW, Orgc={"name": None}, Org={"name": None}, EventTag=[])}], "preview of the index")
        check("/events/index/sort:timestamp/direction:desc/page:1/limit:60" in [p for _, p, _, _ in s.seen],
              "asked as MISP asks")
        j = c.get("/servers/previewEvent/1/" + UUID % 1).json()["Event"]
        is_equal((j["uuid"], j["EventTag"]), (UUID % 1, []), "preview of an event")
        is_equal(stored(t, UUID % 1), None, "which is not taken in")
        j = c.get("/servers/compareServers").json()
        is_equal((j["servers"], j["overlap"]), ([{"id": "1", "name": "scripted", "events": 1}], {"1": {}}),
                 "compareServers")
        a = c.get("/servers/pull/1/7")
        is_equal(a.json()["message"].split(",")[0], "Pull completed. 1 events pulled",
                 "an event by its number there")
        a = c.get("/servers/pull/1/incremental")
        is_equal((a.status, a.json()["errors"], a.json()["id"]),
                 (403, "Invalid pull technique `incremental`.", "1"), "a technique that is none")
        is_equal(c.get("/servers/push/1/full").status, 405, "a push that is off")
        is_equal(c.get("/servers/cache/1").json()["saved"], False, "nothing is cached, and that is said")
        is_equal(c.post("/servers/resetRemoteAuthKey/1").json()["message"], "API key updated.", "a new key")
        c.get("/servers/getRemoteUser/1")
        is_equal(s.seen[-1][3]["Authorization"], "n" * 40, "is used from then on")


def statuses(c, how):
    def test():
        return c.post("/servers/testConnection/1").json()
    j = test()
    is_equal(sorted(j), ["client_certificate", "local_version", "mismatch", "newer", "post",
                         "request_encoding", "response_encoding", "status", "uuid", "version"],
             "members of testConnection")
    is_equal((j["status"], j["post"], j["request_encoding"], j["uuid"]), (1, 1, ["gzip"], UUID % 0xaa),
             "a peer that is fine")
    for version, want in (("2.4.190", ("minor", "local")), ("2.6.0", ("minor", "remote")),
                          ("3.0.0", ("major", "remote")), ("2.5.9", ("hotfix", "remote"))):
        how["hello"] = 200, dict(HELLO, version=version)
        j = test()
        is_equal((j["status"], j["mismatch"], j["newer"]), (1,) + want, "version " + version)
    for status, answer in ((4, (403, {"message": "no"})), (5, (405, {"message": "change your password"})),
                           (6, (405, {"message": "accept the terms"})), (3, (500, {"message": "oh"})),
                           (3, (200, b"<html>")), (3, (200, {"not": "a MISP"})),
                           (7, (200, dict(HELLO, perm_sync=False, perm_sighting=False))),
                           (8, (200, dict(HELLO, perm_sync=False)))):
        how["hello"] = answer
        is_equal(test()["status"], status, "status %d for %s" % (status, str(answer)[:50]))
    how["hello"] = 200, HELLO
    for post, spoil in ((9, lambda d: d["body"].update(testString="other")),
                        (10, lambda d: d["headers"].update(Accept="*/*")),
                        (8, lambda d: d.pop("headers"))):
        how["post"] = spoil
        is_equal(test()["post"], post, "POST test: %d" % post)
    how["post"] = None


def recorded_misp():
    """The tape of a scripted MISP, as a real MISP pulled from it; what that stored is the measure."""
    seen = nodes.shared("wire", "sync", "client-role-seen-by-peer.jsonl")
    acts = nodes.shared("wire", "sync", "client-role-actions.jsonl")
    if not seen or not acts:
        print("# no recordings (TOCSIN_SHARED): the pull from a recorded MISP is left out")
        return
    answers, steps = {}, {}
    with open(seen, encoding="utf-8") as f:
        for line in f:
            d = json.loads(line)
            if d["step"] == "pull full":
                answers[d["method"], d["path"]] = d["status"], d["resp_body"].encode()
    with open(acts, encoding="utf-8") as f:
        for line in f:
            d = json.loads(line)
            steps.setdefault(d["name"], d)

    def answer(method, path, body):
        return answers.get((method, path), (404, b'{"name":"Invalid event","message":"Invalid event"}'))

    with tempfile.TemporaryDirectory(prefix="tocsin-cli-") as d, Server(answer) as s, \
            nodes.Node(os.path.join(d, "n"), extra=["--org-uuid",
                       "cccccccc-0000-4000-8000-00000000000c"]) as n:
        from_tape(n, Tool(n), s, steps, answers)


def questions(s):
    """What each pull asked the index for."""
    return [json.loads(b) for m, p, b, _ in s.seen if p == "/events/index"]


def from_tape(n, t, s, steps, answers):
    t.json(0, "peer", "add", s.url, "a" * 40, "--name", "scripted")
    del s.seen[:]
    j = t.json(1, "peer", "pull")[0]["events"]
    is_equal((j["listed"], j["added"], j["failed"] + j["refused"]), (12, 9, 3), "nine come in, three fail")
    index = questions(s)
    is_equal(index, [{"minimal": 1, "published": 1}], "the question for the index is MISP's")
    agent = {h.get("User-Agent", "")[:5] for _, _, _, h in s.seen}
    is_equal(agent, {"MISP "}, "the User-Agent is one of MISP")
    whole(t, answers)
    for name, step in sorted(steps.items()):
        if not name.startswith("stored 1"):
            continue
        uuid = step["path"].split("/")[3]
        got = n.client().get(step["path"])
        is_equal(got.status, step["status"], name + ": status")
        if step["status"] == 200:
            is_equal(brief(got.json()), brief(json.loads(step["resp_body"])), name + ": as MISP stored it")
        check(bool(uuid), name)
    j = t.json(1, "peer", "pull")[0]["events"]
    is_equal((j["added"], j["updated"]), (0, 0), "again: nothing new")
    index = questions(s)
    is_equal(len(index), 2, "the index is asked for once a pull, for events and sightings")
    is_equal(index[1], {"minimal": 1, "published": 1}, "whole, since sightings change old events")
    tags = [h.get("If-None-Match") for m, p, b, h in s.seen if p == "/events/index"]
    check(all(tags), "and only if it has changed")
    views = [p for m, p, b, _ in s.seen if p.startswith("/events/view/")]
    is_equal(len(views), 12 + 3, "what failed is tried again, so is what came unpublished although "
             "the index said otherwise; what was refused is not")
    t.json(1, "peer", "pull", "--all")
    index = questions(s)
    is_equal(index[2], {"minimal": 1, "published": 1}, "everything is asked for with --all")


def whole(t, answers):
    """The origin of what was pulled: peer and digest of the very bytes."""
    n = 0
    for (method, path), (status, body) in answers.items():
        uuid = path.split("/")[3] if path.startswith("/events/view/") else None
        d = t.run("event", "history", uuid, "--json") if uuid else None
        if d and d.code == 0:
            h = json.loads(d.out)[0]
            n += 1
            is_equal((h["name"], h["digest"]), ("scripted", hashlib.sha256(body).hexdigest()),
                     "origin of " + uuid)
    is_equal(n, 9, "each event that came has its origin")


def brief(doc):
    """What a pull decides about an event."""
    e = doc["Event"]

    def attrs(o):
        return sorted((a["type"], a["value"], a["distribution"], a["deleted"], a["to_ids"],
                       tuple(sorted(x["name"] for x in a.get("Tag", []))))
                      for a in o.get("Attribute", []))
    return {"distribution": e["distribution"], "locked": e["locked"], "published": e["published"],
            "timestamp": e["timestamp"], "orgc": e["Orgc"]["uuid"], "attributes": attrs(e),
            "tags": sorted(x["name"] for x in e.get("Tag", [])),
            "objects": sorted((o["name"], o["distribution"], str(attrs(o))) for o in e.get("Object", []))}
