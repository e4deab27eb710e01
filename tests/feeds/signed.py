#!/usr/bin/env python3
"""Signatures in a feed folder, verified by gpg: the manifest's, that of a protected event, and the digests
that the manifest names. Without gpg, or with a daemon that was built without GPGME, it is skipped."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

POLICY = """use: [default]
audiences:
  public-feed: {kind: feed, tlp: clear, class: public, profile: full}
"""
UUID = "5c0a1e00-5160-4000-8000-00000000000%d"
FEED = "/feed/public-feed/"
COUNT = [0, 0]


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what), flush=True)
    if not good and detail:
        print("# " + str(detail)[:600].replace("\n", "\n# "))
    return good


def event(i):
    return {"Event": {"uuid": UUID % i, "info": "signed", "date": "2026-01-02", "distribution": "3",
                      "threat_level_id": "2", "analysis": "1", "published": True,
                      "Tag": [{"name": "tlp:clear"}],
                      "Attribute": [{"type": "domain", "category": "Network activity", "to_ids": True,
                                     "value": "s%d.example" % i}]}}


def wait(what, fn, seconds=60):
    """What fn returns as soon as it is true."""
    end = time.monotonic() + seconds
    while True:
        got = fn()
        if got or time.monotonic() > end:
            ok(got, what)
            return got
        time.sleep(0.2)


def get(c, name):
    a = c.raw("GET", FEED + name, {})
    return a.body if a.status == 200 else None


def gpg(home, *args, data=None):
    return subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", "--no-tty"] + list(args), input=data,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def verifies(folder, home, body, asc):
    paths = [os.path.join(folder, n) for n in ("body", "body.asc")]
    for path, data in zip(paths, (body, asc)):
        with open(path, "wb") as f:
            f.write(data)
    return gpg(home, "--verify", paths[1], paths[0])


def signed_pair(c, folder, home, name, asc):
    """Both files, of one moment: they are renamed one behind the other."""
    def both():
        body, signature = get(c, name), get(c, asc)
        return body and signature and verifies(folder, home, body, signature).returncode == 0 and body
    return wait("gpg verifies %s by %s" % (name, asc), both)


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    if not shutil.which("gpg"):
        nodelib.skip("no gpg")
    with tempfile.TemporaryDirectory(prefix="tocsin-signed-") as folder:
        policy = os.path.join(folder, "policy.yaml")
        with open(policy, "w") as f:
            f.write(POLICY)
        home = os.path.join(folder, "gpg")
        os.makedirs(home, 0o700)
        with nodelib.Node(extra=["--policy", policy]) as n:
            c = n.client(timeout=60)
            made = c.post("/tocsin/pgpMake")
            if made.status != 200:
                nodelib.skip("no OpenPGP: " + made.text()[:100])
            key = c.get("/gpg.asc").body
            ok(gpg(home, "--import", data=key).returncode == 0, "the node's key")
            for i in (1, 2):
                ok(c.post("/events/add", event(i)).status == 200, "an event")
            protect = c.post("/events/protect/" + UUID % 1)
            ok(protect.status == 200, "one is protected", protect.text())
            a = c.post("/cryptographicKeys/add/Event/" + UUID % 1,
                       {"CryptographicKey": {"type": "pgp", "key_data": key.decode()}})
            ok(a.status == 200, "under the node's key", a.text())
            c.post("/events/publish/" + UUID % 1)
            wait("both are in the feed",
                 lambda: all(get(c, UUID % i + ".json") for i in (1, 2)) and
                 len(json.loads(get(c, "manifest.json") or "{}")) == 2)
            body = signed_pair(c, folder, home, UUID % 1 + ".json", UUID % 1 + ".asc")
            manifest = signed_pair(c, folder, home, "manifest.json", "manifest.json.asc")
            ok(get(c, UUID % 2 + ".asc") is None, "what is not protected has no signature")
            if body and manifest:
                ok(json.loads(manifest)[UUID % 1]["integrity:sha256"] == hashlib.sha256(body).hexdigest(),
                   "the manifest names its digest")
                bad = verifies(folder, home, manifest + b" ", get(c, "manifest.json.asc"))
                ok(bad.returncode != 0, "and not those of another file")
            c.post("/events/delete/" + UUID % 1)
            wait("a withdrawn event's signature leaves with it",
                 lambda: get(c, UUID % 1 + ".asc") is None and get(c, UUID % 1 + ".json") is None)
            signed_pair(c, folder, home, "manifest.json", "manifest.json.asc")
    print("1..%d" % COUNT[0])
    return COUNT[1] > 0


if __name__ == "__main__":
    sys.exit(main())
