#!/usr/bin/env python3
"""Rules that only time changes: an answer that is remembered is not the answer of before, and a feed folder
loses what a freeze window takes, although nothing was written to the store.
"""
import glob
import os
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402
from e2e import COUNT, iso, must, ok  # noqa: E402

POLICY = """use: [default]
vuln_rules: {vuln_remedy_first: off, vuln_with_remedy: off, vuln_no_exaggeration: off, vuln_event_freeze: on}
audiences:
  folder: {kind: feed, tlp: clear, class: public, profile: indicators}
  ally: {kind: peer, user: sync@ally.example, tlp: amber, class: partner, profile: full, jurisdiction: domestic}
rules:
  - {name: not-yet, level: event, when: {younger_than: %ds, tag: [wait]}, effect: deny, to: [ally]}
freeze:
  - {from: %s, until: 2090-01-01T00:00:00Z, name: a big day}
"""


def index(client, tag):
    a = client.call("POST", "/events/index", {"minimal": True, "published": True},
                    headers={"If-None-Match": tag or "none"})
    return a.status, a.headers.get("ETag") or a.headers.get("etag"), a.text()


def run(folder):
    policy = os.path.join(folder, "policy.yaml")
    freeze = int(time.time()) + 14
    with open(policy, "w") as f:
        f.write(POLICY % (8, iso(freeze)))
    with nodelib.Node(folder=os.path.join(folder, "node"), extra=["--policy", policy]) as node:
        admin = node.client()
        org = must(admin.post("/admin/organisations/add", {"name": "Ally", "local": True}), "org")["Organisation"]["id"]
        user = must(admin.post("/admin/users/add", {"email": "sync@ally.example", "org_id": org, "role_id": "5",
                                                    "password": "Lantern-5-keel-Harbour"}), "user")
        ally = node.client(user["User"]["authkey"])
        u, record = str(uuid.uuid4()), str(uuid.uuid4())
        for uid, tags in ((u, ["tlp:clear", "wait"]), (record, ["tlp:clear", "rmsv:record"])):
            e = must(admin.post("/events/add", {"Event": {
                "uuid": uid, "info": "by time", "distribution": "3", "published": True, "threat_level_id": "1",
                "analysis": "2", "Tag": [{"name": t} for t in tags], "Attribute": [{
                    "type": "domain", "category": "Network activity", "to_ids": True,
                    "value": "%s.example" % uid[:8]}]}}), "add")["Event"]
            must(admin.post("/events/publish/" + e["id"]), "publish")
        # the rest must not write: nothing but time passes
        status, tag, text = index(ally, None)
        ok(status == 200 and u not in text and record in text, "too young", text)
        ok(index(ally, tag)[0] == 304, "unchanged")

        def published():
            files = glob.glob(os.path.join(folder, "node", "**", "folder", "*.json"), recursive=True)
            return sum(1 for f in files if os.path.basename(f).count("-") == 4)
        for _ in range(50):
            if published() == 2:
                break
            time.sleep(0.1)
        ok(published() == 2 or time.time() >= freeze, "both are in the folder", published())
        end = time.time() + 20
        while time.time() < end and index(ally, tag)[0] == 304:
            time.sleep(0.2)
        status, tag, text = index(ally, tag)
        ok(status == 200 and u in text, "with the same tag: old enough now, and another answer", (status, text))
        while time.time() < freeze + 1.5:
            time.sleep(0.1)
        end = time.time() + 10
        while time.time() < end and published() != 1:
            time.sleep(0.2)
        ok(published() == 1, "the window begins: the record leaves the folder", published())


def main():
    if not nodelib.have_daemon():
        nodelib.skip("no daemon to try")
    with tempfile.TemporaryDirectory(prefix="tocsin-clock-rules-") as folder:
        run(folder)
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
