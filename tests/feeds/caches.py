#!/usr/bin/env python3
"""Caches of feeds and peers: from hashes.csv, from events, from values, from a peer; how much they share, and with the
store; what is told of each feed's runs; rules by time."""
import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

COUNT = [0, 0]
SAMPLE = os.path.join(nodelib.TOP, "contrib", "sample-feed")


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what), flush=True)
    if not good and detail:
        print("# " + str(detail)[:900].replace("\n", "\n# "))
    return good


def add_feed(c, url, fmt="misp", **more):
    row = dict({"name": os.path.basename(url), "provider": "p", "url": url, "source_format": fmt, "enabled": True,
                "input_source": "local", "distribution": "0", "fixed_event": True, "settings": {}}, **more)
    return c.post("/feeds/add", {"Feed": row}).json()["Feed"]["id"]


def add_event(c, info, values):
    e = {"info": info, "distribution": "3", "published": True,
         "Attribute": [{"type": "domain", "category": "Network activity", "value": v} for v in values]}
    return c.post("/events/add", {"Event": e}).json()["Event"]


def overlap(c, store=1):
    j = c.get("/tocsin/feedOverlap?store=%d" % store).json()
    return {s["name"]: s for s in j["sources"]}, {(p["a"], p["b"]): p["values"] for p in j["pairs"]}


def digests(folder):
    with open(os.path.join(folder, "hashes.csv"), encoding="ascii") as f:
        return {line.split(",")[0] for line in f}


def feeds(c, folder):
    hashed, plain = os.path.join(folder, "hashed"), os.path.join(folder, "plain")
    for to in (hashed, plain):
        shutil.copytree(SAMPLE, to)
    os.unlink(os.path.join(plain, "hashes.csv"))
    with open(os.path.join(folder, "list.txt"), "w", encoding="ascii") as f:
        f.write("one.example.org\ntwo.example.org\nthree.example.org\n")
    ids = {n: add_feed(c, os.path.join(folder, n), "freetext" if n == "list.txt" else "misp")
           for n in ("hashed", "plain", "list.txt")}
    ok(overlap(c) == ({}, {}), "nothing is cached")
    for name, n in ids.items():
        j = c.post("/feeds/cacheFeeds/%s" % n).json()
        ok(j.get("success"), "%s is cached" % name, j)
    want = len(digests(SAMPLE))
    s, p = overlap(c)
    ok((s["hashed"]["values"], s["list.txt"]["values"]) == (want, 3), "as many as hashes.csv has, and the list", s)
    ok(s["plain"]["values"] >= want and s["plain"]["others"] == want, "events give what their hashes.csv would", s)
    ok(p == {("feed:%s" % ids["hashed"], "feed:%s" % ids["plain"]): want}, "which is what the two share", p)
    ok([s[n]["here"] for n in ids] == [0, 0, 0], "nothing of it is here")
    ok("here" not in overlap(c, 0)[0]["plain"], "or it is not asked")
    add_event(c, "mine", ["one.example.org", "two.example.org", "four.example.org"])
    e = add_event(c, "gone", ["three.example.org"])
    ok(overlap(c)[0]["list.txt"]["here"] == 3, "three are here")
    c.post("/attributes/delete/%s" % e["Attribute"][0]["id"])
    ok(overlap(c)[0]["list.txt"]["here"] == 2, "two, when one was deleted")
    with open(os.path.join(plain, "manifest.json"), "r+", encoding="utf-8") as f:
        m = json.load(f)
        uuids = sorted(m)
        f.seek(0)
        f.truncate()
        f.write(json.dumps(m))
    with open(os.path.join(plain, uuids[0] + ".json"), "w", encoding="ascii") as f:
        f.write("{broken")
    os.unlink(os.path.join(plain, uuids[1] + ".json"))
    ok(c.post("/feeds/cacheFeeds/%s" % ids["plain"]).json().get("success"), "an event that is broken, one that is missing")
    s = overlap(c)[0]
    ok(0 < s["plain"]["values"] < want, "hold up no others", s["plain"])
    return ids


def runs(c, ids):
    """What is told of the runs."""
    c.post("/feeds/fetchFromFeed/%s" % ids["hashed"])
    f = [x["Feed"] for x in c.get("/feeds/index?tocsin=1").json() if x["Feed"]["id"] == ids["hashed"]][0]
    t = f["tocsin"]
    ok((t["runs"], t["failed"], t["entries"], t["added"]) == (1, 0, 8, 8) and t["bytes"] > 1000, "numbers of a run", t)
    lines = dict(x.rsplit(" ", 1) for x in c.get("/metrics").text().splitlines() if x.startswith("tocsin_feed_"))
    ok(lines.get('tocsin_feed_entries{feed="%s"}' % ids["hashed"]) == "8" and
       lines.get('tocsin_feed_failed_runs_total{feed="%s"}' % ids["hashed"]) == "0" and
       int(lines.get('tocsin_feed_last_success_timestamp_seconds{feed="%s"}' % ids["hashed"], 0)) >= t["last_success"],
       "and metrics of the feed", lines)
    s = overlap(c)[0]["hashed"]
    ok(s["here"] == s["values"], "all that it knows is here now", s)


def rules(c, folder):
    """url_params: a lower bound of the events' time."""
    with open(os.path.join(SAMPLE, "manifest.json"), encoding="utf-8") as f:
        times = sorted(int(e["timestamp"]) for e in json.load(f).values())
    limit = times[len(times) // 2]
    wanted = sum(t >= limit for t in times)
    shutil.copytree(SAMPLE, os.path.join(folder, "late"))
    for text, filtered in (('{"timestamp": %d}' % limit, len(times) - wanted), ('{"timestamp": "1s"}', len(times)), ("", 0)):
        n = add_feed(c, os.path.join(folder, "late"), rules={"tags": {}, "orgs": {}, "url_params": text})
        lines = c.post("/feeds/fetchFromFeed/%s?progress=1" % n).text().splitlines()
        got = json.loads(lines[-1])["result"]
        ok(got["filtered"] == filtered, "url_params %s: %d are left out" % (text, filtered), got)
        c.post("/feeds/delete/%s" % n)
    n = add_feed(c, os.path.join(folder, "late"), rules={"url_params": '{"timestamp": "gull"}'})
    said = c.post("/feeds/fetchFromFeed/%s" % n).json()["result"]
    ok("timestamp is a time" in said, "what is no time is told", said)


def peers(c, ids, other):
    o = other.client()
    add_event(o, "theirs", ["one.example.org", "five.example.org", "six.example.org"])
    row = {"name": "other", "url": other.url, "authkey": other.key, "remote_org_id": "1", "caching_enabled": True}
    n = c.post("/servers/add", row).json()["Server"]["id"]
    server = [s["Server"] for s in c.get("/servers/index").json() if s["Server"]["id"] == n][0]
    ok(server["cache_timestamp"] is False, "a peer that is not cached")
    ok(c.post("/servers/cache/%s" % n).json().get("success"), "is cached")
    server = [s["Server"] for s in c.get("/servers/index").json() if s["Server"]["id"] == n][0]
    ok(int(server["cache_timestamp"]) > 0, "and tells when", server)
    s, p = overlap(c)
    ok((s["other"]["kind"], s["other"]["values"], s["other"]["here"], s["other"]["others"]) == ("server", 3, 1, 1),
       "what the peer knows, how much is here, and elsewhere", s["other"])
    ok(p.get(("feed:%s" % ids["list.txt"], "server:%s" % n)) == 1, "a feed and a peer share one", p)
    body = {"returnFormat": "json", "value": "one.example.org", "includeServerCorrelations": 1}
    found = c.post("/attributes/restSearch", body).json()["response"]["Attribute"][0]
    ok([x["name"] for x in found.get("Server", [])] == ["other"], "searches tell it", found)
    ok(c.post("/servers/cache/all").json().get("success"), "all of them")
    other.stop()
    said = c.post("/servers/cache/%s" % n).json()
    ok(not said.get("success") and overlap(c)[0]["other"]["values"] == 3, "a peer that is gone keeps its cache", said)
    ok(c.post("/servers/cache/999").status == 404, "there is no such peer")
    c.post("/servers/delete/%s" % n)
    ok("other" not in overlap(c)[0], "a peer that was removed has none")


def main():
    with tempfile.TemporaryDirectory(prefix="tocsin-caches-") as folder:
        node = nodelib.Node(extra=["--set", "feed_interval=0", "--set", "readable=%s" % folder])
        other = nodelib.Node()
        node.start()
        other.start()
        try:
            c = node.client(timeout=120)
            ids = feeds(c, folder)
            runs(c, ids)
            rules(c, folder)
            peers(c, ids, other)
        finally:
            node.kill()
            other.kill()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
