#!/usr/bin/env python3
"""includeFeedCorrelations: which feeds know a value by their caches, for whom, beside attributes and events."""
import functools
import hashlib
import http.server
import os
import sys
import tempfile
import threading
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import node as nodelib  # noqa: E402
import world as worlds  # noqa: E402

failed = 0
FEEDS = {"open": ["203.0.113.1", "boat.exe", "isle.example.net", "ffff.example"],
         "closed": ["203.0.113.1", "keel.example"], "idle": ["203.0.113.1"]}


def ok(good, what):
    global failed
    failed += not good
    print(("ok - " if good else "not ok - ") + what)


def event_of(feed, value):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, feed + value))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def serve(folder):
    for feed, values in FEEDS.items():
        os.mkdir(os.path.join(folder, feed))
        with open(os.path.join(folder, feed, "hashes.csv"), "w") as f:
            for v in values:
                f.write("%s,%s\n" % (hashlib.md5(v.encode()).hexdigest(), event_of(feed, v)))
        with open(os.path.join(folder, feed, "manifest.json"), "w") as f:
            f.write("{}")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def make(w, url):
    ids = {}
    for name in FEEDS:
        f = worlds.must(w.admin.post("/feeds/add", {"Feed": {
            "name": name, "provider": "reef", "url": "%s/%s" % (url, name), "source_format": "misp",
            "input_source": "network", "lookup_visible": name == "open", "caching_enabled": name != "idle"}}), "feed")
        ids[name] = f["Feed"]["id"]
        if name != "idle":
            worlds.must(w.admin.post("/feeds/cacheFeeds/" + ids[name], {}), "cache")
    return ids


def wanted(a, who):
    parts = {a["value"]} | set(a["value"].split("|") if "|" in a["type"] else [])
    if a["type"] in ("comment", "text", "size-in-bytes", "port") or a["disable_correlation"]:
        return {}
    out = {}
    for feed in ("open", "closed") if who == "admin" else ("open",):
        hits = [event_of(feed, v) for v in FEEDS[feed] if v in parts]
        if hits:
            out[feed] = sorted(hits)
    return out


def told(x):
    return {f["name"]: sorted(f.get("event_uuids", [])) for f in x.get("Feed", [])}


def role_with(w):
    """A role like a publisher's that may see what feeds know, and a user who has it."""
    role = worlds.must(w.admin.post("/admin/roles/add", {
        "name": "watchers", "permission": "3", "perm_auth": True, "perm_view_feed_correlations": True}), "role")["Role"]
    user = worlds.must(w.admin.post("/admin/users/add", {
        "email": "watch@example.net", "org_id": w.orgs[1]["id"], "role_id": role["id"], "change_pw": False}), "user")
    w.clients["watcher"] = w.node.client(key=user["User"]["authkey"])


def check(w, who, allowed):
    c = w.clients[who]
    rows = worlds.must(c.post("/attributes/restSearch", {"includeFeedCorrelations": 1}), "search")["response"]["Attribute"]
    bad = [a["value"] for a in rows if told(a) != (wanted(a, who) if allowed else {})]
    ok(not bad, "%s: %d attributes, %d that feeds know; wrong: %s" %
       (who, len(rows), sum(1 for a in rows if a.get("Feed")), bad[:4]))
    ok(any(a.get("Feed") for a in rows) == allowed, "%s is told: %s" % (who, allowed))
    plain = worlds.must(c.post("/attributes/restSearch", {}), "search")["response"]["Attribute"]
    ok(not any("Feed" in a for a in plain), "%s: nothing unasked" % who)
    for u in w.uuids:
        ans = c.get("/events/view/%s/includeFeedCorrelations:1" % u)
        if ans.status != 200:
            continue
        e = ans.json()["Event"]
        attrs = [a for a in w.elements(e) if "value" in a]
        bad = [a["value"] for a in attrs if told(a) != (wanted(a, who) if allowed else {})]
        union = {}
        for a in attrs:
            for f, hits in (wanted(a, who) if allowed else {}).items():
                union[f] = sorted(set(union.get(f, [])) | set(hits))
        if bad or told(e) != union:
            ok(False, "%s: event %s: %s, %s instead of %s" % (who, e["id"], bad, told(e), union))
    found = worlds.must(c.post("/events/restSearch", {"includeFeedCorrelations": 1}), "events")["response"]
    ok(any(e["Event"].get("Feed") for e in found) == allowed, "%s: events/restSearch" % who)


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    node = nodelib.Node()
    node.start()
    with tempfile.TemporaryDirectory() as folder:
        server = serve(folder)
        try:
            w = worlds.World(node, 11, n_events=15)
            ids = make(w, "http://127.0.0.1:%d" % server.server_address[1])
            role_with(w)
            check(w, "admin", True)
            check(w, "watcher", True)
            check(w, "member", False)
            worlds.must(w.admin.post("/feeds/delete/" + ids["open"], {}), "delete")
            rows = worlds.must(w.clients["watcher"].post("/attributes/restSearch", {"includeFeedCorrelations": 1}),
                               "search")["response"]["Attribute"]
            ok(not any("Feed" in a for a in rows), "a feed that is gone knows nothing")
            return bool(failed)
        finally:
            server.shutdown()
            node.stop()


if __name__ == "__main__":
    sys.exit(main())
