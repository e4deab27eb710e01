"""doors.py - /exports/NAME over HTTP: tags, times, codings, digests, waiting, serials that lead nowhere; and who may fetch."""
import gzip
import hashlib
import threading
import time

from subsworld import EDGE, OPEN, World, ok, same, wait_for

PARTNER = "{kind: export, org: %s, tlp: green, pap: green, class: partner, profile: full}"


def serial_of(a):
    return int(a.headers["x-tocsin-serial"])


def protocol(w):
    w.subscribe("names", "domain-list")
    e = w.event([("domain", "a%d.example" % i) for i in range(30)])
    w.becomes("names", ["a%d.example" % i for i in range(30)], "a set")
    a = w.get("names")
    same((a.headers["content-type"].split(";")[0], a.headers["x-tocsin-entries"], a.headers["cache-control"]), ("text/plain", "30", "no-cache"), "its head")
    same(w.get("names", headers={"If-None-Match": a.headers["etag"]}).status, 304, "the same tag: 304")
    same(w.get("names", headers={"If-Modified-Since": a.headers["last-modified"]}).status, 304, "not modified since: 304")
    same(w.get("names", headers={"If-None-Match": '"x"'}).body, a.body, "another tag: all of it")
    z = w.get("names", headers={"Accept-Encoding": "gzip"})
    same((z.headers["content-encoding"], gzip.decompress(z.body)), ("gzip", a.body), "the same in gzip")
    ok(z.headers["etag"] != a.headers["etag"], "with a tag of its own")
    same(w.get("names", headers={"Accept-Encoding": "gzip", "If-None-Match": z.headers["etag"]}).status, 304, "which is known, too")
    part = w.get("names", headers={"Range": "bytes=0-9"})
    ok(part.status in (200, 206) and a.body.startswith(part.body), "a part, or all", part.status)
    for name, h in (("md5", hashlib.md5), ("sha256", hashlib.sha256)):
        same(w.get("names." + name).text(), "%s  names\n" % h(a.body).hexdigest(), name)
    s = serial_of(a)
    same([w.get("names", "?since=%d" % s).status, w.get("names", "?since=%d&wait=0" % s).status], [204, 204], "nothing since")
    for lost in (0, 7, s + 1000, 2 ** 63):
        b = w.get("names", "?since=%d" % lost)
        same((b.status, b.headers.get("x-tocsin-change"), b.body), (200, "whole", a.body), "since %d: the whole set" % lost)
    for bad in ("?since=x", "?since=-1", "?since=%d&wait=x" % s, "?since="):
        same(w.get("names", bad).status, 400, "since what? " + bad)
    for absent in ("nobody", "names.sha512", "names/", "../names", "names.gz", ""):
        ok(w.get(absent).status in (400, 404, 405), "there is no " + absent)
    waiting(w, s, e)
    filling(w)


def waiting(w, s, e):
    start = time.monotonic()
    same((w.node.client().get("/exports/names?since=%d&wait=1" % s).status, time.monotonic() - start > 0.9), (204, True), "waits a second for nothing")
    got = []

    def wait():
        a = w.node.client(timeout=120).get("/exports/names?since=%d&wait=60" % s)
        got.append((time.monotonic(), a.status, a.text(), a.headers.get("x-tocsin-change"), serial_of(a)))

    many = [threading.Thread(target=wait) for _ in range(20)]
    for t in many:
        t.start()
    time.sleep(0.5)
    same(got, [], "20 wait")
    w.must(w.c.post("/attributes/add/" + e["id"], {"type": "domain", "value": "late.example", "to_ids": True}), "add")
    w.publish(e["id"])
    for t in many:
        t.join(150)
    # they may have been told of the event while it was not published, which is how MISP adds attributes
    ok(len(got) == 20 and all(g[1] == 200 and g[3] == "lines" and g[4] > s for g in got), "and are all told of a change", got[:2])
    w.becomes("names", ["a%d.example" % i for i in range(30)] + ["late.example"], "the change")
    same(w.get("names", "?since=%d" % s).text(), "+late.example\n", "what has changed since, whatever came between")


def filling(w):
    """A row that is edited is not served until its set is filled by it."""
    before = serial_of(w.get("names"))
    seen = []
    for i in (n % 30 for n in range(60)):
        if len(seen) > 5 and 503 in seen:
            break
        w.edit("names", filter={"value": "a%d.example" % i})
        a = w.get("names")
        seen.append(a.status)
        want = b"a%d.example\n" % i
        if a.status == 200:
            same(a.body, want, "never what another filter has found")
        else:
            same((a.status, "retry-after" in a.headers), (503, True), "filling: try again")
        w.becomes("names", [want.decode().strip()], "filled by the new filter")
        after = serial_of(w.get("names"))
        ok(after > before, "with another serial")
        before = after
    ok(503 in seen, "it was seen while it was filled")


def user(w, org, role):
    o = org and w.must(w.c.post("/admin/organisations/add", {"name": org, "local": True}), org)["Organisation"]
    u = w.must(w.c.post("/admin/users/add", {"email": "%s%d@x.test" % (org or "host", role), "org_id": o["id"] if o else "1", "role_id": str(role)}), "user")["User"]
    key = w.must(w.c.post("/auth_keys/add/" + u["id"], {"comment": "x"}), "key")["AuthKey"]["authkey_raw"]
    return (o or {}).get("uuid"), key


def matrix():
    with World() as w:
        uuid, partner = user(w, "Partner", 3)
        keys = {"admin": w.node.key, "own": user(w, None, 6)[1], "partner": partner, "sync": user(w, "Syncers", 5)[1], "other": user(w, "Other", 3)[1],
                "nobody": None, "wrong": "x" * 40}
        w.reload(ally=PARTNER % uuid, edge=EDGE, open=OPEN)
        for name in ("edge", "open", "ally"):
            w.subscribe("x-" + name, "domain-list", audience=name)
        w.event([("domain", "green.example")], ["tlp:green"])
        w.event([("domain", "clear.example")], ["tlp:clear"])
        both = ["clear.example", "green.example"]
        w.becomes("x-edge", both, "own sensors")
        w.becomes("x-ally", both, "a partner's")
        w.becomes("x-open", ["clear.example"], "the public's")
        for name, may in (("x-edge", {"admin", "own"}), ("x-ally", {"admin", "own", "partner"}), ("x-open", set(keys))):
            got, absent = {}, {}
            for who, key in keys.items():
                c = w.node.client(None)
                c.key = key
                for tail in ("", ".sha256", "?since=1", "?since=1&wait=1"):
                    got.setdefault(who, set()).add(c.get("/exports/" + name + tail).status)
                absent[who] = c.get("/exports/gull").status
            want = {who: {200} if who in may else {403} if who in ("nobody", "wrong") else {404} for who in keys}
            same(got, want, "who may fetch " + name)
        same({who: s for who, s in absent.items()}, {who: 403 if who in ("nobody", "wrong") else 404 for who in keys}, "one that is not there looks the same")
        for who, key in keys.items():
            c = w.node.client(None)
            c.key = key
            s = {c.get("/tocsin/subscriptions/index").status, c.get("/tocsin/subscriptions/view/1").status,
                 c.post("/tocsin/subscriptions/edit/1", {"name": "y"} if who != "admin" else {"name": "x-edge"}).status}
            same(s, {200} if who == "admin" else {403}, "rows are for site administrators: " + who)


def run():
    with World() as w:
        protocol(w)
    matrix()
