#!/usr/bin/env python3
"""Protected events from outside. See README."""
import gzip
import http.client
import http.server
import json
import os
import signal
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodes  # noqa: E402
from gpg import Ring  # noqa: E402

UUID = "8d1c2f30-55aa-4b6f-8d2f-%012x"
NO_KEY = "Protected event failed signature validation as no key was provided."
BAD = "Protected event failed signature validation."
MISP = {"User-Agent": "MISP 2.5.1"}

failed = 0
count = 0


def check(cond, name, *more):
    global failed, count
    count += 1
    print("%s %d - %s" % ("ok" if cond else "not ok", count, name))
    if not cond:
        failed += 1
        for m in more:
            print("#  ", str(m)[:800])
    sys.stdout.flush()
    return cond


def same(got, want, name):
    return check(got == want, name, "got  %r" % (got,), "want %r" % (want,))


# ---- setting up -------------------------------------------------------------------------------

class Site:
    """A node with a key, an administrator and, on demand, sync users."""

    def __init__(self, folder, name, **kw):
        self.node = nodes.Node(os.path.join(folder, name), extra=["--org", name] + kw.pop("extra", []),
                               **kw)
        self.name = name
        self.node.start()
        self.admin = self.node.client()

    def post(self, path, body=None, key=None, headers=None):
        return self.admin.call("POST", path, body or {}, key=key, headers=headers)

    def get(self, path, key=None, headers=None):
        return self.admin.get(path, key=key, headers=headers)

    def make_key(self):
        j = self.post("/tocsin/pgpMake").json()
        return j.get("public_key"), j.get("fingerprint"), j

    def sync_user(self, email, org_name):
        org = self.post("/admin/organisations/add", {"name": org_name, "local": True}).json()
        u = self.post("/admin/users/add", {"email": email, "role_id": "5",
                                           "org_id": org["Organisation"]["id"]}).json()
        return u["User"]["authkey"]

    def add_server(self, url, key, org_name, **more):
        body = {"url": url, "name": "peer of " + self.name, "authkey": key,
                "remote_org": None, "pull": True, "push": True}
        org = self.post("/admin/organisations/add", {"name": org_name, "local": False}).json()
        body["remote_org_id"] = org["Organisation"]["id"]
        body.update(more)
        a = self.post("/servers/add", body)
        return a.json()["Server"]["id"]

    def pull(self, server, technique="full"):
        a = self.post("/servers/pull/%s/%s?progress=1" % (server, technique))
        lines = [json.loads(x) for x in a.text().splitlines() if x]
        return lines[-1].get("result", lines[-1]), lines

    def push(self, server, technique="full"):
        a = self.post("/servers/push/%s/%s?progress=1" % (server, technique))
        lines = [json.loads(x) for x in a.text().splitlines() if x]
        return lines[-1].get("result", lines[-1]), lines

    def event(self, uuid, **kw):
        a = self.get("/events/view/" + uuid, **kw)
        return a.json()["Event"] if a.status == 200 else None

    def close(self):
        return self.node.stop()


def document(n, info, keys, timestamp, protected=True, **more):
    e = {"uuid": UUID % n, "info": info, "date": "2026-03-04", "published": True, "distribution": "3",
         "analysis": "0", "threat_level_id": "2", "timestamp": str(timestamp), "locked": True,
         "protected": protected,
         "Orgc": {"name": "Reef", "uuid": "7b6a2d0e-4a0b-4a54-9d7e-2f6c0c1b8a55"},
         "Attribute": [{"uuid": UUID % (n + 0x1000), "type": "domain", "value": "d%x.example" % n,
                        "category": "Network activity", "timestamp": str(timestamp),
                        "comment": "two words", "distribution": "5"}],
         "CryptographicKey": [{"type": "pgp", "key_data": k, "revoked": False,
                               "fingerprint": "0" * 40} for k in keys]}
    e.update(more)
    return {"Event": e}


def body_of(doc, indent=None):
    return json.dumps(doc, indent=indent).encode()


def send(site, path, body, key, signature=None, **headers):
    h = {"Authorization": key, "Accept": "application/json", "Content-Type": "application/json"}
    h.update(MISP)
    if signature is not None:
        h["x-pgp-signature"] = signature
    h.update(headers)
    return site.admin.raw("POST", path, h, body)


def fingerprints(event):
    return sorted(k["fingerprint"] for k in event["CryptographicKey"])


# ---- a peer that pushes -----------------------------------------------------------------------

def pushed(folder, ring):
    s = Site(folder, "receiver")
    try:
        key = s.sync_user("sync@reef.test", "Reef link")
        one, two = ring.public("one"), ring.public("two")
        body = body_of(document(1, "first", [one], 1767600000))
        add, edit = "/events/add/metadata:1", "/events/edit/%s/metadata:1" % (UUID % 1)

        a = send(s, add, body, key)
        same((a.status, a.json()["message"]), (405, NO_KEY), "add without a signature")
        same(a.json()["url"], add, "as MISP says where")
        for sig, what in ((ring.sign("two", body), "another key's signature"),
                          (ring.sign("one", body + b"x"), "a signature over more"),
                          ("QUJD", "words in base64"), ("%%%", "no base64")):
            a = send(s, add, body, key, sig)
            same((a.status, a.json()["message"]), (405, BAD), "add with " + what)
        same(s.event(UUID % 1), None, "nothing of it was stored")

        a = send(s, add, body, key, ring.sign("one", body))
        same(a.status, 200, "add with a signature")
        e = s.event(UUID % 1)
        same((e["protected"], fingerprints(e)), (True, [ring.fingerprint("one")]),
             "protected, and the fingerprint is the key's own")
        k = e["CryptographicKey"][0]
        same(sorted(k), sorted(["id", "uuid", "type", "timestamp", "parent_id", "parent_type",
                                "key_data", "revoked", "fingerprint"]), "the members of a key")
        same((k["parent_id"], k["parent_type"], k["type"], k["revoked"]),
             (e["id"], "Event", "pgp", False), "and what they say")

        # white space is not signed; what is sent may be compressed
        doc = document(1, "second  version", [one], 1767600100)
        sig = ring.sign("one", body_of(doc))
        a = send(s, edit, body_of(doc, indent=4), key, sig)
        same(a.status, 200, "edit, indented after signing")
        doc = document(1, "third", [one], 1767600200)
        a = send(s, edit, gzip.compress(body_of(doc)), key, ring.sign("one", body_of(doc)),
                 **{"Content-Encoding": "gzip"})
        same(a.status, 200, "edit, compressed")
        same(s.event(UUID % 1)["info"], "third", "taken over")

        doc = document(1, "fourth", [two], 1767600300)
        a = send(s, edit, body_of(doc), key)
        same((a.status, a.json()["message"]), (405, NO_KEY), "edit without a signature")
        a = send(s, edit, body_of(doc), key, ring.sign("two", body_of(doc)))
        same((a.status, a.json()["message"]), (405, BAD), "edit signed by a key that it brings along")
        a = send(s, edit, body_of(doc).replace(b"fourth", b"f0urth"), key,
                 ring.sign("one", body_of(doc)))
        same((a.status, a.json()["message"]), (405, BAD), "edit with a tampered body")
        e = s.event(UUID % 1)
        same((e["info"], fingerprints(e)), ("third", [ring.fingerprint("one")]), "nothing changed")
        a = send(s, "/events/edit/" + e["id"], b'{"info":"by sync"}', key)
        same((a.status, a.json()["message"]), (405, NO_KEY), "edit by number, as recorded")

        # keys are replaced by whoever signs
        doc = document(1, "fifth", [one, two], 1767600400)
        a = send(s, edit, body_of(doc), key, ring.sign("one", body_of(doc)))
        same((a.status, len(s.event(UUID % 1)["CryptographicKey"])), (200, 2), "a second key")
        doc = document(1, "sixth", [two], 1767600500)
        a = send(s, edit, body_of(doc), key, ring.sign("two", body_of(doc)))
        same((a.status, fingerprints(s.event(UUID % 1))), (200, [ring.fingerprint("two")]),
             "signed by the second, which drops the first")
        doc = document(1, "seventh", [one, two], 1767600600)
        a = send(s, edit, body_of(doc), key, ring.sign("one", body_of(doc)))
        same((a.status, a.json()["message"]), (405, BAD), "the first has nothing to say any more")
        doc = document(1, "eighth", [], 1767600700)
        doc["Event"]["CryptographicKey"] = [{"type": "pgp", "key_data": one, "revoked": False},
                                            {"type": "pgp", "key_data": two, "revoked": True}]
        a = send(s, edit, body_of(doc), key, ring.sign("two", body_of(doc)))
        same(a.status, 200, "the second revokes itself and names the first")
        doc = document(1, "ninth", [one, two], 1767600800)
        a = send(s, edit, body_of(doc), key, ring.sign("two", body_of(doc)))
        same((a.status, a.json()["message"]), (405, BAD), "a key that the event calls revoked")
        doc = document(1, "tenth", [one, two], 1767600900)
        a = send(s, edit, body_of(doc), key, ring.sign("one", body_of(doc)))
        revoked = {k["fingerprint"]: k["revoked"] for k in s.event(UUID % 1)["CryptographicKey"]}
        same((a.status, revoked[ring.fingerprint("two")]), (200, True), "nobody takes a revocation back")

        doc = document(7, "by RSA", [ring.public("rsa")], 1767600000)
        a = send(s, add, body_of(doc), key, ring.sign("rsa", body_of(doc)))
        same((a.status, fingerprints(s.event(UUID % 7))), (200, [ring.fingerprint("rsa")]), "an RSA key")

        # an administrator here may do without
        a = s.post(edit, document(1, "by hand", [], 1767601000))
        same((a.status, s.event(UUID % 1)["info"]), (200, "by hand"), "an administrator edits without")

        # keys that are dead
        for name, k, sig in (
                ("expired", ring.public("old"), lambda b: ring.sign("old", b, "20200103T000000")),
                ("revoked", ring.gone, lambda b: ring.gone_signs(b))):
            doc = document(2, name, [k], 1767600000)
            a = send(s, add, body_of(doc), key, sig(body_of(doc)))
            same((a.status, a.json()["message"]), (405, BAD), "add with a key that is " + name)
        by_element(s, ring)
        # a plain event does not get keys by an unsigned edit
        doc = document(3, "plain", [], 1767600000, protected=None)
        same(send(s, add, body_of(doc), key).status, 200, "a plain event")
        doc = document(3, "with a key", [two], 1767600100, protected=None)
        same(send(s, "/events/edit/" + UUID % 3, body_of(doc), key).status, 200, "is edited")
        same(fingerprints(s.event(UUID % 3)), [], "and gets no key that way")
        # signed, but not in protected mode: as any other
        doc = document(4, "signed for nothing", [one], 1767600000, protected=False)
        same(send(s, add, body_of(doc), key, "QUJD").status, 200, "a signature that nobody needs")
        hostile_keys(s, key, ring)
    finally:
        same(s.close(), 0, "the receiver ends well")


def by_element(s, ring):
    """A peer of the creator's own organisation does not get round the signature by single elements."""
    org = s.post("/admin/organisations/add", {"name": "Maker", "local": True}).json()["Organisation"]
    keys = {}
    for role, name in (("3", "user"), ("5", "sync")):
        u = s.post("/admin/users/add", {"email": name + "@maker.test", "role_id": role, "org_id": org["id"]})
        keys[name] = u.json()["User"]["authkey"]
    doc = document(6, "made here", [ring.public("one")], 1767600000, locked=False)
    del doc["Event"]["Orgc"]
    e = s.post("/events/add", doc, key=keys["user"]).json()["Event"]
    attr = e["Attribute"][0]["id"]
    body = {"type": "domain", "category": "Network activity", "value": "more.example"}
    calls = [("/attributes/add/" + e["id"], body), ("/attributes/edit/" + attr, {"comment": "changed"}),
             ("/attributes/delete/" + attr, {}), ("/events/delete/" + e["id"], {}),
             ("/events/unprotect/" + e["id"], {}),
             ("/tags/attachTagToObject", {"uuid": e["uuid"], "tag": "tlp:green"}),
             ("/cryptographicKeys/add/Event/" + e["id"], {"key_data": ring.public("two")}),
             ("/cryptographicKeys/delete/" + e["CryptographicKey"][0]["id"], {})]
    for path, body in calls:
        a = s.post(path, body, key=keys["sync"])
        check(a.status in (403, 404, 405), "a sync user without a signature: " + path, a.status, a.text())
    now = s.event(e["uuid"])
    same((now["timestamp"], now["protected"], len(now["Attribute"]), now.get("Tag"),
          fingerprints(now)), (e["timestamp"], True, 1, None, [ring.fingerprint("one")]),
         "the event is as it was")
    same(s.post(calls[0][0], calls[0][1], key=keys["user"]).status, 200, "its users work on it as ever")


def hostile_keys(s, key, ring):
    """Key lists that are nonsense: refused or cut, never a crash."""
    one = ring.public("one")
    add = "/events/add/metadata:1"
    bad = [{"type": "pgp", "key_data": x} for x in (
        "", "x", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n/////////\n-----END PGP PUBLIC KEY BLOCK-----",
        one.replace("m", "n", 3), one * 4000, None, 5)]
    doc = document(5, "hostile", [], 1767600000)
    doc["Event"]["CryptographicKey"] = bad
    a = send(s, add, body_of(doc), key, ring.sign("one", body_of(doc)))
    same(a.status, 405, "no key that could have signed")
    doc["Event"]["CryptographicKey"] = bad + [{"type": "pgp", "key_data": one}] * 300
    a = send(s, add, body_of(doc), key, ring.sign("one", body_of(doc)))
    same((a.status, fingerprints(s.event(UUID % 5))), (200, [ring.fingerprint("one")]),
         "one good key among nonsense counts once")
    a = send(s, "/events/add/metadata:1", b"{", key, "QUJD")
    same(a.status, 405, "no JSON")


# ---- the node's own key -----------------------------------------------------------------------

def own_key(folder, ring):
    s = Site(folder, "owner")
    try:
        same(s.get("/gpg.asc").status, 404, "no key at first")
        j = s.get("/tocsin/pgp").json()
        check(not j["usable"] and "tocsin pgp make" in j["reason"], "and the reason says what to do", j)
        doc = document(1, "mine", [], int(time.time()) - 100, locked=False)
        del doc["Event"]["Orgc"]
        same(s.post("/events/add", doc).status, 200, "a protected event of our own")
        sync = s.sync_user("sync@other.test", "Other")
        a = s.get("/events/view/" + UUID % 1, key=sync, headers=MISP)
        same(a.status, 500, "a peer gets an error when nobody can sign", )
        a = s.get("/events/view/" + UUID % 1)
        same((a.status, a.headers.get("x-pgp-signature")), (200, None), "users get it unsigned")

        public, fpr, j = s.make_key()
        check(public and "BEGIN PGP PUBLIC" in public, "a key is made", j)
        same(s.get("/gpg.asc").text(), public, "and served")
        same(s.admin.raw("GET", "/gpg.asc", {}).status, 200, "to everybody")
        same(s.post("/tocsin/pgpMake").status, 409, "one is enough")
        same(s.post("/tocsin/pgpMake", key=sync).status, 403, "not for a sync user")
        for path in ("/events/view/" + UUID % 1, "/events/view/%s/metadata:1" % (UUID % 1),
                     "/events/view/%s/deleted[]:0/deleted[]:1/excludeGalaxy:1" % (UUID % 1)):
            a = s.get(path, key=sync, headers=MISP)
            check(a.status == 200 and ring.verifies(public, a.body, a.headers["x-pgp-signature"]),
                  "signed: " + path, a.headers)
        a = s.get("/events/view/" + UUID % 1, headers={"User-Agent": "curl"})
        same(a.headers.get("x-pgp-signature"), None, "not for those who are no tool")

        # keys by hand
        a = s.post("/cryptographicKeys/add/Event/" + UUID % 1, {"type": "pgp", "key_data": "x"})
        same((a.status, a.json()["errors"]), (403, {"key_data": ["Invalid key"]}), "not a key")
        s.post("/events/publish/" + UUID % 1)
        before = s.event(UUID % 1)
        a = s.post("/cryptographicKeys/add/Event/" + UUID % 1, {"type": "pgp", "key_data": public})
        k = a.json()["CryptographicKey"]
        same((a.status, k["fingerprint"]), (200, fpr), "a key is added")
        after = s.event(UUID % 1)
        check(before["published"] and not after["published"] and
              int(after["timestamp"]) >= int(before["timestamp"]), "which unpublishes")
        same(s.post("/cryptographicKeys/add/Event/" + UUID % 1, {"key_data": public}).status, 405,
             "not twice")
        same(s.get("/cryptographicKeys/view/" + k["id"]).json(), {"CryptographicKey": k}, "viewed")
        same(s.get("/cryptographic_keys/index/Event/" + UUID % 1).json(), [{"CryptographicKey": k}],
             "listed")
        same(s.post("/cryptographicKeys/delete/" + k["id"], key=sync).status, 403,
             "not deleted by those who may not edit the event")
        hidden = document(8, "hidden", [public], 1767600000, locked=False, distribution="0")
        del hidden["Event"]["Orgc"]
        number = s.post("/events/add", hidden).json()["Event"]["CryptographicKey"][0]["id"]
        same(s.get("/cryptographicKeys/view/" + number).status, 200, "a key of a hidden event")
        for path in ("view/" + number, "index/Event/" + UUID % 8):
            same(s.get("/cryptographicKeys/" + path, key=sync).status, 404, "is not shown: " + path)
        same(s.post("/cryptographicKeys/delete/" + number, key=sync).status, 404, "nor deleted")
        same(s.post("/events/protect/" + UUID % 8, key=sync).status, 404, "nor protected")
        s.post("/events/publish/" + UUID % 1)

        def index(key=None, **headers):
            headers.update(MISP)
            a = s.post("/events/index", {"minimal": 1}, key=key, headers=headers)
            return [r["uuid"] for r in a.json()]
        same(index(sync), [UUID % 1], "peers list it when our key is among its keys")
        same(index(sync, **{"MISP-version": "2.4.155"}), [], "unless they are too old")
        same(index(sync, **{"MISP-version": "2.4.156"}), [UUID % 1], "which 2.4.156 is not")
        a = s.post("/cryptographicKeys/delete/" + k["id"])
        same((a.status, a.json()["message"]), (200, "CryptographicKey deleted."), "deleted")
        s.post("/events/publish/" + UUID % 1)
        same(index(sync), [], "not listed without our key")
        rows = s.post("/events/index", {}).json()
        check(UUID % 1 in [r["uuid"] for r in rows], "but in the index for people")

        a = s.post("/events/unprotect/" + UUID % 1)
        same(a.json()["message"], "Event switched to unprotected mode.", "unprotect")
        e = s.event(UUID % 1)
        same((e["protected"], e["published"]), (None, False), "switched, and unpublished")
        a = s.post("/events/protect/" + e["id"])
        same(a.json(), {"saved": True, "success": True, "name": "Event switched to protected mode.",
                        "message": "Event switched to protected mode.",
                        "url": "/events/protect/" + e["id"], "id": e["id"]}, "protect, as recorded")
        a = s.admin.raw("POST", "/cryptographicKeys/serverSign",
                        {"Authorization": s.node.key}, b"some bytes")
        check(ring.verifies(public, b"some bytes", a.text()), "bytes signed for an administrator", a.text())
        many_at_once(s, ring, public, sync)
        big_answer(s, ring, public, sync)
        taken_over(s, ring)
    finally:
        same(s.close(), 0, "ends well")
    check(not os.path.exists(os.path.join(s.node.folder, "pgp", "S.gpg-agent")),
          "no key agent is left behind")
    mode = os.stat(os.path.join(s.node.folder, "pgp")).st_mode & 0o777
    same(mode, 0o700, "the folder of keys is closed")


def many_at_once(s, ring, public, sync):
    """More than the helper does at a time: the others wait their turn."""
    answers = []

    def ask():
        c = s.node.client()
        for _ in range(4):
            answers.append(c.get("/events/view/" + UUID % 1, key=sync, headers=MISP))
        c.close()
    began = time.monotonic()
    threads = [threading.Thread(target=ask) for _ in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    same({a.status for a in answers}, {200}, "%d answers at once, %.1f s" % (
        len(answers), time.monotonic() - began))
    signatures = {a.headers["x-pgp-signature"] for a in answers}
    check(all(ring.verifies(public, answers[0].body, x) for x in list(signatures)[:5]), "all signed")


def big_answer(s, ring, public, sync):
    """An answer of many megabytes is signed whole, in bounded memory."""
    attrs = [{"type": "domain", "category": "Network activity", "value": "h%d.example" % i,
              "comment": "x" * 300} for i in range(30000)]
    doc = document(9, "big", [public], int(time.time()) - 50, locked=False, Attribute=attrs)
    del doc["Event"]["Orgc"]
    same(s.post("/events/add/metadata:1", doc).status, 200, "a big protected event")
    before = s.node.anon_bytes()
    a = s.get("/events/view/" + UUID % 9, key=sync, headers=MISP)
    after = s.node.anon_bytes()
    check(len(a.body) > 15 << 20, "an answer of %d MB" % (len(a.body) >> 20))
    check(ring.verifies(public, a.body, a.headers["x-pgp-signature"]), "is signed whole")
    # sanitizers keep what is freed
    with open(os.environ["TOCSIND"], "rb") as f:
        daemon = f.read()
    bound = 512 if b"__asan_init" in daemon or b"__tsan_init" in daemon else 64
    check(after - before < bound << 20, "memory grew by %d MB" % ((after - before) >> 20))
    j = a.json()["Event"]
    same(len(j["Attribute"]), 30000, "and complete")


def taken_over(s, ring):
    """A key that the operator has; several keys, of which one is named."""
    a = s.post("/tocsin/pgpImport", {"secret_key": ring.public("two")})
    same(a.status, 400, "a public key cannot sign")
    a = s.post("/tocsin/pgpImport", {"secret_key": ring.secret("two")})
    same(a.status, 200, "a key pair is taken over")
    s.close()
    s.node.extra += ["--set", "pgp.key=two@example.test"]
    s.node.start()
    s.admin = s.node.client()
    same(s.get("/tocsin/pgp").json()["fingerprint"], ring.fingerprint("two"), "pgp.key names it")
    check("PRIVATE" not in s.get("/gpg.asc").text(), "secret keys do not go out")


# ---- two nodes and somebody in between -------------------------------------------------------

class Between:
    """Passes requests on to a node; `change(path, status, headers, body)` may alter an answer."""

    def __init__(self, port):
        self.change = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                h = {k: v for k, v in self.headers.items()
                     if k.lower() not in ("host", "accept-encoding", "connection")}
                c.request(self.command, self.path, body or None, h)
                r = c.getresponse()
                data, headers, status = r.read(), dict(r.getheaders()), r.status
                c.close()
                if outer.change:
                    status, headers, data = outer.change(self.path, status, headers, data)
                self.send_response(status)
                for k, v in headers.items():
                    if k.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                        self.send_header(k, v)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_POST = do_HEAD = do

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def is_view(path):
    return path.startswith("/events/view/")


def signature_name(headers):
    return [k for k in headers if k.lower() == "x-pgp-signature"][0]


def pulled(folder, ring):
    a, b = Site(folder, "alpha"), Site(folder, "beta")
    mid = Between(a.node.port)
    try:
        public, fpr, _ = a.make_key()
        key = a.sync_user("sync@beta.test", "beta link")
        link = b.add_server(mid.url, key, "alpha remote")
        doc = document(1, "one", [public], int(time.time()) - 1000, locked=False)
        del doc["Event"]["Orgc"]
        same(a.post("/events/add", doc).status, 200, "a protected event on alpha")

        def edit(info, **more):
            doc = {"info": info, "published": True, "timestamp": str(edit.at)}
            edit.at += 1
            doc.update(more)
            return a.post("/events/edit/" + UUID % 1, doc)
        edit.at = int(time.time()) - 900

        def spoil(change):
            mid.change = lambda path, status, headers, body: (
                change(status, headers, body) if is_view(path) and status == 200
                else (status, headers, body))

        def without(status, headers, body):
            headers.pop(signature_name(headers), None)
            return status, headers, body

        def tampered(status, headers, body):
            return status, headers, body.replace(b"d1.example", b"e1.example")

        def by_another(status, headers, body):
            headers[signature_name(headers)] = ring.sign("two", body)
            return status, headers, body

        def cut(status, headers, body):
            return status, headers, body.rstrip()[:-1]

        def own_keys(status, headers, body):
            doc = json.loads(body)
            doc["Event"]["info"] = "hijacked"
            doc["Event"]["CryptographicKey"] = [{"type": "pgp", "key_data": ring.public("two")}]
            body = json.dumps(doc).encode()
            headers[signature_name(headers)] = ring.sign("two", body)
            return status, headers, body

        for change, what in ((without, "without a signature"), (tampered, "tampered with"),
                             (by_another, "signed by another key"), (cut, "cut short")):
            spoil(change)
            r, lines = b.pull(link)
            n = r["events"]
            same((n["added"], n["refused"] + n["failed"]), (0, 1), "new, " + what)
            same(b.event(UUID % 1), None, "is not stored")
            b.post("/tocsin/peers/retry/" + link)
        mid.change = None
        r, lines = b.pull(link)
        same((r["events"]["added"], r["events"]["refused"]), (1, 0), "untouched it comes over")
        e = b.event(UUID % 1)
        same((e["protected"], fingerprints(e), e["locked"]), (True, [fpr], True), "with its key")

        at = edit.at
        for change, what in ((without, "without a signature"), (tampered, "tampered with"),
                             (own_keys, "signed by a key that it brings along")):
            same(edit("two").status, 200, "changed on alpha")
            spoil(change)
            r, lines = b.pull(link)
            n = r["events"]
            same((n["updated"], n["refused"] + n["failed"]), (0, 1), "an update, " + what)
            check(any("signature" in json.dumps(x) or "signed" in json.dumps(x) for x in lines),
                  "with a reason", lines)
            e = b.event(UUID % 1)
            same((e["info"], fingerprints(e)), ("one", [fpr]), "changes nothing")
        check(edit.at > at, "alpha went on")
        mid.change = None
        same(edit("three").status, 200, "changed once more")
        r, lines = b.pull(link)
        same((r["events"]["updated"], b.event(UUID % 1)["info"]), (1, "three"), "and comes over")

        # rotation: alpha gets another key, and drops the old one later
        two = ring.public("two")
        same(edit("four", CryptographicKey=[{"type": "pgp", "key_data": two}]).status, 200, "a second key")
        b.pull(link)
        same(len(b.event(UUID % 1)["CryptographicKey"]), 2, "arrives")
        old = [k["id"] for k in a.event(UUID % 1)["CryptographicKey"] if k["fingerprint"] != fpr]
        a.post("/cryptographicKeys/delete/" + old[0])
        a.post("/events/publish/" + UUID % 1)
        b.pull(link)
        same(fingerprints(b.event(UUID % 1)), [fpr], "and goes again")

        # the chain ends where nobody owns a key of the event
        down = b.sync_user("sync@gamma.test", "gamma link")
        rows = b.post("/events/index", {"minimal": 1}, key=down, headers=MISP).json()
        same(rows, [], "beta lists nothing that it could not sign")
        b.make_key()
        rows = b.post("/events/index", {"minimal": 1}, key=down, headers=MISP).json()
        same(rows, [], "nor with a key of its own that the event does not know")
        pushes(folder, a, b, ring)
        killed(a, b, link, edit, ring)
    finally:
        mid.close()
        same((a.close(), b.close()), (0, 0), "both end well")


def pushes(folder, a, b, ring):
    """Alpha pushes to a third node."""
    c = Site(folder, "gamma")
    try:
        key = c.sync_user("sync@alpha.test", "alpha link")
        link = a.add_server(c.node.url, key, "gamma remote")
        r, lines = a.push(link)
        same(r["events"]["added"], 1, "pushed")
        e = c.event(UUID % 1)
        check(e and e["protected"] and e["locked"], "arrived protected", e, lines)
        doc = document(2, "foreign key", [ring.public("two")], int(time.time()) - 100, locked=False)
        del doc["Event"]["Orgc"]
        a.post("/events/add", doc)
        r, lines = a.push(link)
        same((r["events"]["added"], r["events"]["held"] >= 1), (0, True),
             "what alpha's key could not sign is held")
        check("not among" in json.dumps(lines), "with a reason", lines)
        same(c.event(UUID % 2), None, "and does not arrive")
        doc = document(1, "five", [], int(time.time()) + 5)
        same(a.post("/events/edit/" + UUID % 1, {"info": "five", "published": True,
                                                 "timestamp": str(int(time.time()) + 5)}).status, 200,
             "a change")
        r, lines = a.push(link)
        same((r["events"]["updated"], c.event(UUID % 1)["info"]), (1, "five"), "is pushed")
        a.post("/servers/delete/" + link)
    finally:
        same(c.close(), 0, "gamma ends well")


def helper_of(node):
    """pid of the daemon's helper."""
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/status" % name) as f:
                s = f.read()
        except (OSError, ValueError):
            continue
        if s.startswith("Name:\ttocsin-pgp\n") and "PPid:\t%d\n" % node.pid() in s:
            return int(name)
    return None


def children_of(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(x) for x in f.read().split()]
    except (OSError, ValueError):
        return []


def killed(a, b, link, edit, ring):
    """The helper dies in the middle: no signature, a clear reason, and nothing else suffers."""
    keeper = helper_of(a.node)
    check(keeper, "alpha's helper is there")
    pid = children_of(keeper)[0]
    edit.at = int(time.time()) + 100
    same(edit("six").status, 200, "a change")
    # children that die: single requests fail, the next ones do not
    stop = threading.Event()

    def children():
        while not stop.is_set():
            for child in children_of(pid):
                try:
                    os.kill(child, signal.SIGKILL)
                except OSError:
                    pass
    t = threading.Thread(target=children)
    t.start()
    sync = a.sync_user("sync@killer.test", "killer link")
    answers = [a.get("/events/view/" + UUID % 1, key=sync, headers=MISP).status for _ in range(10)]
    stop.set()
    t.join()
    check(500 in answers and set(answers) <= {200, 500}, "while its children are killed", answers)
    same(a.get("/events/view/" + UUID % 1, key=sync, headers=MISP).status, 200, "and afterwards it works")

    # the helper itself is started again
    os.kill(pid, signal.SIGKILL)
    same(a.get("/events/view/" + UUID % 1, key=sync, headers=MISP).status, 200, "alpha's helper killed: the next one signs")
    same(children_of(keeper) not in ([], [pid]), True, "which is another process")

    # b's, and what starts it: a pull fails and is tried again, not refused for good
    os.kill(helper_of(b.node), signal.SIGKILL)
    r, lines = b.pull(link)
    same((r["events"]["updated"], r["events"]["failed"]), (0, 1), "beta cannot verify any more")
    check("died" in json.dumps(lines), "and says why", lines)
    same(b.event(UUID % 1)["info"] != "six", True, "nothing unverified is taken")
    same(b.get("/servers/getVersion").status, 200, "beta lives")
    same(b.close(), 0, "ends well")
    b.node.start()
    b.admin = b.node.client()
    b.post("/tocsin/peers/retry/" + link)
    r, lines = b.pull(link)
    same(b.event(UUID % 1)["info"], "six", "and after a new start it comes over")

    os.kill(keeper, signal.SIGKILL)
    time.sleep(0.1)
    began = time.monotonic()
    same(a.get("/events/view/" + UUID % 1, key=sync, headers=MISP).status, 500, "alpha's helper killed for good")
    check(time.monotonic() - began < 5, "the answer comes at once")
    same(a.get("/events/view/" + UUID % 1).status, 200, "people read on")
    check("died" in a.get("/tocsin/pgp").json().get("reason", "died"), "the status says why")


# ---- switched off -----------------------------------------------------------------------------

def switched_off(folder, ring):
    s = Site(folder, "without", extra=["--set", "pgp.enabled=false"])
    other = Site(folder, "with")
    try:
        public, _, _ = other.make_key()
        link = s.add_server(other.node.url, other.sync_user("sync@without.test", "without link"), "with remote")
        doc = document(1, "protected", [public], int(time.time()) - 100, locked=False)
        del doc["Event"]["Orgc"]
        other.post("/events/add", doc)
        r, lines = s.pull(link)
        same((r["events"]["added"], r["events"]["refused"]), (0, 1), "a pull refuses it")
        check("switched off" in json.dumps(lines), "with the reason", lines)
        key = s.sync_user("sync@reef.test", "Reef link")
        body = body_of(document(1, "first", [ring.public("one")], 1767600000))
        a = send(s, "/events/add/metadata:1", body, key, ring.sign("one", body))
        check(a.status == 501 and "switched off" in a.json()["message"], "refused with the reason", a.text())
        same(send(s, "/events/add/metadata:1", body, key).status, 405, "without a signature as ever")
        same(s.get("/gpg.asc").status, 404, "no key")
        check("switched off" in s.get("/tocsin/pgp").json()["reason"], "status")
        same(helper_of(s.node), None, "and no helper")
    finally:
        same((s.close(), other.close()), (0, 0), "both end well")


PARTS = [pushed, own_key, pulled, switched_off]


def usable():
    """Does the daemon know GPGME at all?"""
    with tempfile.TemporaryDirectory(prefix="tocsin-pgp-") as d:
        s = Site(d, "probe")
        try:
            return s.get("/tocsin/pgp").json().get("reason", "")
        finally:
            s.close()


def main():
    only = sys.argv[2] if len(sys.argv) > 2 and sys.argv[1] == "-k" else ""
    why = usable()
    if "GPGME" in why or "not installed" in why:
        nodes.skip(why)
    with tempfile.TemporaryDirectory(prefix="tocsin-pgp-") as d:
        ring = Ring(os.path.join(d, "gpg"))
        try:
            ring.make("one")
            ring.make("two")
            ring.make("rsa", kind="rsa2048")  # what most MISPs have
            ring.make("gone")
            ring.make("old", "2020-01-05", at="20200101T000000")
            secret = ring.secret("gone")
            ring.gone = ring.revoke("gone")
            # gpg does not sign with a revoked key: a ring that has not heard of it does
            other = Ring(os.path.join(d, "gpg2"))
            other.run("--import", data=secret.encode())
            ring.gone_signs = lambda b: other.sign("gone", b)
            for part in PARTS:
                if only in part.__name__:
                    part(os.path.join(d, part.__name__), ring)
            other.close()
        finally:
            ring.close()
    print("1..%d" % count)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
