"""readers.py - who reads events: a second node with the feed settings of misp-feed.md, and TAXII clients."""
import json
import os
import subprocess
import sys

import machine
from machine import Absent, ok, same, wait_for
from published import Consumer


def misp(hub, root):
    m = Consumer(hub, root, "sensors/misp-feed.md")
    policy = os.path.join(os.path.dirname(hub.node.folder), "policy.yaml")
    with open(policy, "a", encoding="utf-8") as f:
        f.write(m.page.of("yaml")[0])
    hub.must(hub.api.post("/tocsin/policyReload"))
    m.at_node(m.page)
    clear = hub.event(("domain", "clear.example"), ("ip-dst", "192.0.2.55"), tags=("tlp:clear", "PAP:CLEAR"))
    manifest = lambda: (hub.node.client().raw("GET", "/feed/public-feed/manifest.json", {}))  # noqa: E731
    ok(wait_for(lambda: manifest().status == 200 and len(manifest().json()) == 1), "misp-feed.md: the folder has what is clear, to everybody", manifest().text())
    reader = machine.nodelib.Node(os.path.join(root, "reader"))
    reader.start()
    try:
        c = reader.client(timeout=120)
        feeds = []
        for row in json.loads(m.put(m.page.of("json")[0])):
            a = c.post("/feeds/add", row)
            ok(a.status == 200, "misp-feed.md: %s is taken" % row["Feed"]["name"], a.text())
            feeds.append(a.json()["Feed"]["id"])

        def known(value):
            return bool(hub.must(c.post("/attributes/restSearch", {"value": value, "returnFormat": "json"}))["response"]["Attribute"])

        def fetch():
            return all([c.get("/feeds/fetchFromFeed/" + f).status == 200 for f in feeds])

        hub.holds("misp-list", "clear.example")
        ok(fetch() and wait_for(lambda: known("clear.example") and known("192.0.2.55")), "misp-feed.md: fetched, values are known there", reader.log_tail())
        same([known(v) for v in ("evil.example", "red.example", "quiet.example")], [False] * 3, "misp-feed.md: and nothing that is not clear")
        events = hub.must(c.post("/events/index"))
        ok(wait_for(lambda: len(hub.must(c.post("/events/index"))) == 2), "misp-feed.md: one event of the folder, one of the list", events)
        hub.delete(clear)
        ok(hub.holds("misp-list", "clear.example", there=False) and wait_for(lambda: manifest().json() in ({}, [])), "misp-feed.md: retracted, it leaves folder and list")
        more = hub.event(("domain", "more.example"), tags=("tlp:clear", "PAP:CLEAR"))
        hub.holds("misp-list", "more.example")
        wait_for(lambda: manifest().json())
        ok(fetch() and wait_for(lambda: known("more.example")), "misp-feed.md: fetched again, what is new comes")
        of_list = [e["id"] for e in hub.must(c.post("/events/index")) if "list" in e["info"] or e["info"].endswith("feed")]
        got = lambda: [a["value"] for e in of_list for a in hub.must(c.get("/events/view/" + e))["Event"]["Attribute"]]  # noqa: E731
        ok(of_list and wait_for(lambda: got() == ["more.example"]), "misp-feed.md: delta_merge took out what has gone", (of_list, got()))
        hub.delete(more)
    finally:
        reader.stop()


def taxii(hub, root):
    try:
        import taxii2client  # noqa: F401
    except ImportError as e:
        raise Absent("no taxii2-client") from e
    m = Consumer(hub, root, "sensors/taxii-client.md")
    # a second is told when it is over
    ok(wait_for(lambda: m.sh(m.page.at_consumer()[0]).returncode == 0 and "evil.example" in m.read("/var/lib/tocsin-lists/indicators.json").decode()), "taxii-client.md: curl")
    m.fetch()
    got = json.loads(m.read("/var/lib/tocsin-lists/indicators.json"))
    same((json.loads(m.read("/var/lib/tocsin-lists/discovery.json"))["default"].endswith("/taxii2/api/"), {o["type"] for o in got["objects"]}), (True, {"indicator"}), "taxii-client.md: what is asked for")
    bundle = json.loads(m.read("/var/lib/tocsin-lists/bundle.json"))
    ok(bundle["type"] == "bundle" and any("evil.example" in o.get("pattern", "") for o in bundle["objects"]), "taxii-client.md: a bundle")
    script = m.write("/usr/local/sbin/client.py", m.put(m.page.of("python")[0]))
    p = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=dict(m.env, KEY=hub.read_key))
    ok(p.returncode == 0 and "[domain-name:value = 'evil.example']" in p.stdout, "taxii-client.md: taxii2-client prints patterns", p.stdout + p.stderr)


__all__ = ["misp", "taxii"]
