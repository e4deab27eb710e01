#!/usr/bin/env python3
"""Who was given what: a peer reads, a feed is published, transfers break, the node is killed; and the
ledger tells, proves and refuses."""
import gzip
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import node as nodes  # noqa: E402
from tool import Tool, check, finish, is_equal  # noqa: E402

UUID = "6d2f1a00-55bb-4c1e-8a3e-0000000000%02x"
BIG = UUID % 0x99
VERIFIER = os.path.join(HERE, "..", "..", "contrib", "ledger-verify")
POLICY = """use: [misp-compat]
audiences:
  open-feed: {kind: feed, tlp: red, class: own, profile: full}
"""


def must(answer):
    if answer.status != 200:
        print("Bail out! %d %s" % (answer.status, answer.text()[:300]))
        sys.exit(1)
    return answer.json()


def event(n, attributes=1):
    return {"Event": {"uuid": UUID % n, "info": "event %d" % n, "distribution": "3", "threat_level_id": "1",
                      "analysis": "0", "published": True, "Attribute": [
                          {"type": "domain", "category": "Network activity", "distribution": "5",
                           "value": "v%d-%d.example" % (n, i), "comment": "c" * 200}
                          for i in range(attributes)]}}


def peer_key(admin):
    must(admin.post("/admin/organisations/add", {"name": "CERT B", "local": True}))
    org = [o["Organisation"]["id"] for o in must(admin.get("/organisations/index/scope:all"))
           if o["Organisation"]["name"] == "CERT B"][0]
    must(admin.post("/admin/users/add", {"email": "sync@b.test", "org_id": org, "role_id": "5"}))
    user = [u["User"]["id"] for u in must(admin.get("/admin/users/index"))
            if u["User"]["email"] == "sync@b.test"][0]
    return must(admin.post("/auth_keys/add", {"user_id": user}))["AuthKey"]["authkey_raw"]


def leaves(t, n=100000):
    """The newest n about transfers: those that vouch for the audit log come by the clock."""
    return [x for x in t.json(0, "ledger", "log", "--limit", str(n + 100))["leaves"] if x["kind"] != "audit"][:n]


def who(t, uuid):
    return t.json(0, "ledger", "who", uuid)["audiences"]


def last_of(t, uuid, kind="peer"):
    got = [a for a in who(t, uuid) if a["kind"] == kind]
    return got[0] if got else None


def sending(n, t, peer):
    """What a peer reads, by several ways."""
    before = len(leaves(t))
    must(n.client().get("/events/view/" + UUID % 1))
    is_equal(len(leaves(t)), before, "what an operator reads is not for the ledger")
    is_equal(last_of(t, UUID % 1), None, "no peer was given the event")
    body = peer.get("/events/view/" + UUID % 1).body
    a = last_of(t, UUID % 1)
    check(a and a["sent"] and a["times"] == 1, "the peer was given it", a)
    is_equal((a["last"]["outcome"], a["last"]["way"], a["last"]["bytes"], a["last"]["sha256"]),
             ("sent", "pull/json", len(body), hashlib.sha256(body).hexdigest()),
             "bytes and digest are those that came")
    peer.get("/events/view/" + UUID % 0x55)
    before = len(leaves(t))
    peer.post("/events/index", {"minimal": 1, "searchall": "nothing has this"})
    is_equal(len(leaves(t)), before, "an answer with no event in it leaves no trace")
    peer.post("/tocsin/events", {"uuid": [UUID % 2, UUID % 3]})
    newest = leaves(t, 2)
    is_equal(sorted(i["uuid"] for i in newest[1]["items"]), [UUID % 2, UUID % 3], "many in one answer")
    is_equal(newest[0]["outcome"], "sent", "and it was closed")
    peer.post("/attributes/restSearch", {"value": "v3-0.example"})
    is_equal([i["uuid"] for i in leaves(t, 2)[1]["items"]], [UUID % 3], "an attribute is of its event")
    is_equal(last_of(t, UUID % 3)["times"], 2, "twice now")


def lists(t, peer):
    """Rows of an index, and those that come again."""
    r = peer.call("POST", "/events/index", {"minimal": 1}, headers={"If-None-Match": '"x"'})
    rows = {i["uuid"]: l for l in leaves(t, 2) if l["kind"] == "intent" for i in l["items"]}
    check(UUID % 4 in rows and rows[UUID % 4]["listing"], "rows are named as rows", rows.keys())
    check(UUID % 1 not in rows, "not those of which the peer has that version")
    g = last_of(t, UUID % 4)
    check(g["sent"] is None and g["listed"], "a row, no contents", g)
    before = len(leaves(t))
    again = peer.call("POST", "/events/index", {"minimal": 1},
                      headers={"If-None-Match": r.headers["etag"]})
    is_equal((again.status, len(leaves(t))), (304, before), "304 is no disclosure")
    for path in ("/events/view/" + UUID % 4, "/events/view/" + BIG):
        r = peer.call("GET", path, headers={"If-None-Match": '"x"'})
        check(last_of(t, path[-36:])["sent"], "contents, asked for with a tag: " + path[-2:])
        before = len(leaves(t))
        again = peer.call("GET", path, headers={"If-None-Match": r.headers.get("etag", "")})
        is_equal((again.status, len(leaves(t))), (304, before), "and not when it has them")


def get_some(n, key, path, want):
    """Read a part of an answer; the socket."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    s.connect(("127.0.0.1", n.port))
    s.sendall(("GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nAccept: application/json\r\n"
               "User-Agent: PyMISP\r\n\r\n" % (path, key)).encode())
    while want > 0:
        piece = s.recv(min(want, 65536))
        if not piece:
            break
        want -= len(piece)
    return s


def broken(n, t, key):
    before = last_of(t, BIG)["times"]
    get_some(n, key, "/events/view/" + BIG, 100000).close()
    for _ in range(100):
        a = last_of(t, BIG)
        if a["last"]["outcome"] == "broken":
            break
        time.sleep(0.1)
    is_equal((a["times"], a["last"]["outcome"]), (before + 1, "broken"), "a transfer that broke off")
    check(100000 <= a["last"]["bytes"], "with the bytes that had been handed over", a["last"])


def killed(n, t, key):
    """kill -9 while an answer is under way."""
    s = get_some(n, key, "/events/view/" + BIG, 100000)
    times = last_of(t, BIG)["times"]
    is_equal(last_of(t, BIG)["last"]["outcome"], "under way", "named before the first byte came")
    n.kill()
    s.close()
    n.start()
    a = last_of(t, BIG)
    is_equal((a["times"], a["last"]["outcome"]), (times, "unknown"), "after the crash: unknown")
    is_equal(t.json(0, "ledger", "verify")["intact"], True, "the ledger is intact")
    n.kill()
    n.start()
    is_equal(last_of(t, BIG)["last"]["outcome"], "unknown", "and closed once")


def folder_is_whole(d):
    """Is all written that there is to write: the events of the list, and no file half way?"""
    try:
        with open(os.path.join(d, "manifest.json"), encoding="utf-8") as f:
            listed = {u + ".json" for u in json.load(f)}
    except (OSError, ValueError):
        return False
    names = set(os.listdir(d))
    return bool(listed) and listed <= names and not any(x.startswith(".new") for x in names)


def feed(n, t):
    """Each file in the folder was named before it was there, with its digest."""
    d = os.path.join(n.folder, "feeds", "open-feed")
    for _ in range(300):
        if folder_is_whole(d):
            break
        time.sleep(0.1)
    given = {}
    for name in sorted(x for x in os.listdir(d) if x.endswith(".json") and x != "manifest.json" and
                       not x.startswith(".")):
        a = last_of(t, name[:36], "feed")
        with open(os.path.join(d, name), "rb") as f:
            given[name] = a and a["last"]["sha256"] == hashlib.sha256(f.read()).hexdigest()
    check(given and all(given.values()), "the files of the feed and their digests", given)
    with open(os.path.join(d, "manifest.json"), "rb") as f:
        manifest = f.read()
    check(all(name[:36].encode() in manifest for name in given), "those in the manifest")


def outside(path, key=None):
    """contrib/ledger-verify."""
    p = subprocess.run([sys.executable, VERIFIER, path] + ([key] if key else []), capture_output=True)
    return p.returncode, p.stdout.decode()


def proofs(t, d):
    key = t.want(0, "ledger", "key").out.strip()
    old = t.want(0, "ledger", "checkpoint").out.split("\n")[1]
    f = os.path.join(d, "text")
    sizes = {}
    for what in (("prove", UUID % 1), ("prove", UUID % 3, "--to", last_of(t, UUID % 3)["name"]),
                 ("prove", "0"), ("export",), ("growth", old)):
        t.want(0, "ledger", *what, "--output", f)
        t.want(0, "ledger", "verify", "--offline", f, "--trust", key)
        is_equal(outside(f, key)[0], 0, "the other verifier says so too: " + what[0])
        check("own word" in outside(f)[1], "without a key it tells")
        with open(f, "rb") as h:
            good = h.read()
        sizes[what[0]] = len(good)
        r = random.Random(7)
        agree = True
        for _ in range(12):
            at, bit = r.randrange(len(good)), 1 << r.randrange(7)
            with open(f, "wb") as h:
                h.write(good[:at] + bytes([good[at] ^ bit]) + good[at + 1:])
            ours = t.run("ledger", "verify", "--offline", f, "--trust", key).code
            theirs = outside(f, key)[0]
            if not ours or not theirs:
                print("# byte %d bit %d: %d %d" % (at, bit, ours, theirs))
                agree = False
        check(agree, "neither takes a changed byte: " + what[0])
    other = key[:-2] + ("A=" if key[-2:] != "A=" else "B=")
    t.want(1, "ledger", "prove", UUID % 0x77)
    t.want(1, "ledger", "prove", "99999999")
    check(t.run("ledger", "verify", "--offline", f, "--trust", other).code != 0, "another key")


def rights(n, t, key):
    paths = ["who/" + UUID % 1, "what", "log", "prove/0", "growth/1", "key", "checkpoint", "verify", "export"]
    is_equal([n.client(key).get("/tocsin/ledger/" + p).status for p in paths], [403] * len(paths),
             "not for peers")
    text = n.client().get("/tocsin/ledger/export").body
    if text[:2] == b"\x1f\x8b":
        text = gzip.decompress(text)
    check(text.startswith(b"tocsin-ledger/1 bundle\n"), "the whole ledger by REST")
    is_equal(os.stat(os.path.join(n.folder, "ledger.key")).st_mode & 0o777, 0o600, "the key file")


def full(d):
    """Without room for the ledger nothing is sent, and that is said."""
    n = nodes.Node(os.path.join(d, "small"))
    n.start()
    admin = n.client()
    must(admin.post("/events/add", event(1)))
    key = peer_key(admin)
    admin.close()
    n.stop()
    n.extra += ["--set", "store.quota=1"]
    n.start()
    r = n.client(key).get("/events/view/" + UUID % 1)
    is_equal(r.status, 507, "the send is refused")
    check("v1-0" not in r.text() and "storage is full" in r.text(), "with a word why", r.text())
    is_equal(n.client().get("/events/view/" + UUID % 1).status, 200, "operators read on")
    n.kill()


def main():
    with tempfile.TemporaryDirectory(prefix="tocsin-ledger-") as d:
        policy = os.path.join(d, "policy.yaml")
        with open(policy, "w") as f:
            f.write(POLICY)
        n = nodes.Node(os.path.join(d, "node"), extra=["--policy", policy])
        n.start()
        try:
            t, admin = Tool(n), n.client()
            for i in (1, 2, 3, 4):
                must(admin.post("/events/add", event(i)))
            must(admin.post("/events/add", event(0x99, 30000)))
            key = peer_key(admin)
            feed(n, t)
            rights(n, t, key)
            sending(n, t, n.client(key))
            lists(t, n.client(key))
            broken(n, t, key)
            killed(n, t, key)
            proofs(t, d)
            n.stop()
            is_equal(t.run("check").code, 0, "tocsin check reads the ledger as well")
        finally:
            n.kill()
        full(d)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
