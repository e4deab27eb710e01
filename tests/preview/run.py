#!/usr/bin/env python3
"""run.py - previews beside what is really sent. See README."""
import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import node as nodelib  # noqa: E402
import sink as sinklib  # noqa: E402
import world  # noqa: E402

COUNT = [0, 0]
SEEN = {}
RULES = {}


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    if not good:
        print("not ok - %s\n# %s" % (what, str(detail)[:1500].replace("\n", "\n# ")))
    return good


def must(answer, what):
    if answer.status != 200:
        print("Bail out! %s: %d %s" % (what, answer.status, answer.text()[:500]))
        sys.exit(1)
    return answer


class World:
    def __init__(self, folder):
        self.policy = os.path.join(folder, "policy.yaml")
        self.write_policy("use: [default]\n")
        self.node = nodelib.Node(folder=os.path.join(folder, "node"), extra=["--policy", self.policy])
        self.node.start()
        self.admin = self.node.client()
        self.sink = sinklib.Sink()
        org = self.org("Other")
        user = must(self.admin.post("/admin/users/add", {
            "email": "pull@other.example", "org_id": org, "role_id": "5",
            "password": "Lantern-5-keel-Harbour"}), "user").json()
        self.puller = self.node.client(user["User"]["authkey"])
        self.link = must(self.admin.post("/servers/add", {
            "url": self.sink.url, "authkey": "k" * 40, "name": "sinkhole", "push": True, "pull": False,
            "remote_org_id": self.org("Sink")}), "link").json()["Server"]["id"]

    def org(self, name):
        return must(self.admin.post("/admin/organisations/add", {"name": name, "local": True}),
                    name).json()["Organisation"]["id"]

    def write_policy(self, text):
        with open(self.policy + ".new", "w") as f:
            f.write(text)
        os.rename(self.policy + ".new", self.policy)

    def take_policy(self, text):
        self.write_policy(text)
        must(self.admin.post("/tocsin/policyReload"), "policy")

    def add(self, event):
        made = must(self.admin.post("/events/add", {"Event": event}), "event").json()["Event"]
        if event["published"]:
            must(self.admin.post("/events/publish/" + made["id"]), "publish")
        return made

    # ---- previews ----

    def preview(self, audience, **more):
        q = urllib.parse.urlencode(dict(more, audience=audience))
        text = must(self.admin.get("/tocsin/preview?" + q), "preview of " + audience).text()
        lines = [json.loads(x) for x in text.splitlines()]
        ok("result" in lines[-1], "a preview ends with its result", lines[-1])
        items = [x["item"] for x in lines if "item" in x]
        for i in items:
            for rule in [i.get("rule", i.get("verdict"))] + list(i.get("by", {})):
                RULES[rule] = RULES.get(rule, 0) + 1
        return {i["event"]: i for i in items if "event" in i}, lines[-1].get("result", {})

    def document(self, audience, event=None, **more):
        q = dict(more, audience=audience)
        if event:
            q["event"] = event
        return must(self.admin.get("/tocsin/previewDocument?" + urllib.parse.urlencode(q)),
                    "document for " + audience).body


def same(way, event, shown, sent, item=None):
    SEEN[way] = SEEN.get(way, 0) + 1
    at = next((i for i, (a, b) in enumerate(zip(shown, sent)) if a != b), min(len(shown), len(sent)))
    ok(shown == sent, "%s, event %s: %d bytes shown, %d sent" % (way, event, len(shown), len(sent)),
       "at %d\nshown %r\nsent  %r" % (at, shown[max(0, at - 150):at + 150], sent[max(0, at - 150):at + 150]))
    if item:
        ok((item["bytes"], item["sha256"]) == (len(sent), hashlib.sha256(sent).hexdigest()),
           "%s, event %s: bytes and digest of the preview" % (way, event), item)


def by_uuid(w, audience, items):
    """The documents that a preview shows, by the UUID that they bear."""
    out = {}
    for event, item in items.items():
        if item["sent"]:
            shown = w.document(audience, event)
            out[json.loads(shown)["Event"]["uuid"]] = (event, shown, item)
    return out


def pushed(w):
    for name in ("sinkhole", "peer:sinkhole"):
        items, result = w.preview(name)
        ok(result.get("way") == "push", "it is a push", result)
    shown = by_uuid(w, "sinkhole", items)
    ok(not w.sink.taken(), "a preview sends nothing")
    must(w.admin.post("/servers/push/%s/full?all=1" % w.link), "push")
    sent = w.sink.taken()
    ok(set(shown) == set(sent), "push: the events of the preview",
       "only shown %s\nonly sent %s" % (set(shown) - set(sent), set(sent) - set(shown)))
    for u in set(shown) & set(sent):
        same("push", shown[u][0], shown[u][1], sent[u], shown[u][2])


def pulled(w):
    items, _ = w.preview("user:pull@other.example")
    for event, item in items.items():
        real = w.puller.get("/events/view/" + event)
        ok((real.status == 200) == item["sent"], "pull, event %s: %d" % (event, real.status), item)
        if real.status == 200:
            same("pull", event, w.document("user:pull@other.example", event), real.body, item)
    for event in [e for e, i in items.items() if i["sent"]][:5]:
        options = "deleted[]:0/deleted[]:1/excludeGalaxy:1/includeEventCorrelations:0/excludeLocalTags:1"
        q = "/deleted[]:0/deleted[]:1/excludeGalaxy:1/includeEventCorrelations:0/excludeLocalTags:1"
        shown = must(w.admin.get("/tocsin/previewDocument%s?%s" % (q, urllib.parse.urlencode(
            {"audience": "user:pull@other.example", "event": event}))), "document").body
        same("pull by MISP", event, shown, w.puller.get("/events/view/%s/%s" % (event, options)).body)


def fed(w):
    items, _ = w.preview("folder")
    shown = by_uuid(w, "folder", items)
    end, listed = time.monotonic() + 60, None
    while time.monotonic() < end:
        m = w.admin.raw("GET", "/feed/folder/manifest.json", {"Accept": "*/*", "Authorization": w.node.key})
        listed = set(m.json()) if m.status == 200 else None
        if listed == set(shown):
            files = {u: w.admin.raw("GET", "/feed/folder/%s.json" % u, {"Accept": "*/*", "Authorization": w.node.key})
                     for u in shown}
            if all(f.status == 200 and f.body == shown[u][1] for u, f in files.items()):
                break
        time.sleep(0.2)
    ok(listed == set(shown), "feed: the events of the preview", (listed, set(shown)))
    for u, (event, text, item) in shown.items():
        got = w.admin.raw("GET", "/feed/folder/%s.json" % u, {"Accept": "*/*", "Authorization": w.node.key})
        same("feed", event, text, got.body, item)


def exported(w):
    for fmt, path in (("json", "/events/restSearch"), ("csv", "/attributes/restSearch"),
                      ("suricata", "/attributes/restSearch"), ("text", "/attributes/restSearch")):
        items, result = w.preview("sensors", format=fmt)
        ok(result.get("way") == "export", "it is an export", result)
        q = {"returnFormat": fmt, "tocsin_audience": "sensors"}
        same("export " + fmt, "all", w.document("sensors", format=fmt), must(w.admin.post(path, q), fmt).body)
        for event in list(items)[:6]:
            real = must(w.admin.post(path, dict(q, eventid=event)), fmt).body
            shown = w.document("sensors", event, format=fmt)
            same("export " + fmt, event, shown, real, items[event] if items[event]["verdict"] == "released" else None)
    ok(w.puller.post("/events/restSearch", {"tocsin_audience": "sensors", "returnFormat": "json"}).status == 403,
       "only administrators make exports for others")


def explained(w, some):
    """explain and preview say the same, for every kind of audience."""
    for audience in ("sinkhole", "user:pull@other.example", "folder", "sensors"):
        items, _ = w.preview(audience, event=some)
        said = must(w.admin.post("/tocsin/explain", {"event": some, "to": audience}), "explain").json()
        item = items[some]
        ok((said["verdict"], said.get("rule")) == (item["verdict"], item.get("rule")),
           "explain and preview of %s" % audience, (said, item))
    ok(w.admin.get("/tocsin/preview?audience=nobody-there").status == 404, "an unknown audience")
    ok(w.puller.get("/tocsin/preview?audience=folder").status == 403, "previews are for administrators")


def differences(w, audience, events):
    """The counts of a preview are those of its lines, and each says something true."""
    for event in events[:8]:
        q = urllib.parse.urlencode({"audience": audience, "event": event, "diff": 1})
        lines = [json.loads(x) for x in must(w.admin.get("/tocsin/preview?" + q), "diff").text().splitlines()]
        items = [x["item"] for x in lines if "item" in x]
        item = next(i for i in items if "event" in i)
        stays = [i for i in items if "withheld" in i and "diff" in i]
        fields = [i for i in items if "field" in i]
        if not item["sent"]:
            continue
        ok(len(stays) == item["withheld"] == sum(item["by"].values()), "withheld elements are told", item)
        counted = sum(1 if i["field"] not in ("ObjectReference", "ShadowAttribute", "Sighting") else
                      i["was"] - i.get("now", 0) for i in fields)
        ok(counted == item["fields"], "stripped fields are told", (counted, item))
        text = w.document(audience, event).decode()
        for i in stays:
            ok(i["uuid"] not in text, "what stays here is not in the document", i)


def one_round(w, seed):
    m = world.Maker(seed)
    text = m.policy()
    w.take_policy(text)
    made = [w.add(m.event()) for _ in range(12)]
    for e in made[:3]:
        for a in e.get("Attribute", [])[:1]:
            w.admin.post("/sightings/add/" + a["id"], {"source": "here"})
    pushed(w)
    pulled(w)
    exported(w)
    explained(w, made[0]["id"])
    for audience in ("sinkhole", "folder", "user:pull@other.example"):
        differences(w, audience, [e["id"] for e in made])
    fed(w)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--rounds", type=int, default=int(os.environ.get("PREVIEW_ROUNDS", "3")))
    a = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-preview-") as folder:
        w = World(folder)
        try:
            for seed in range(a.seed, a.seed + a.rounds):
                before = COUNT[1]
                one_round(w, seed)
                print("%sok - round of seed %d" % ("" if COUNT[1] == before else "not ", seed))
        finally:
            w.sink.close()
            w.node.stop()
        if COUNT[1]:
            print(w.node.log_tail(1500))
    print("# documents compared: %s" % ", ".join("%s %d" % x for x in sorted(SEEN.items())))
    print("# verdicts and rules: %s" % ", ".join("%s %d" % x for x in sorted(RULES.items())))
    print("1..%d\n# %d of %d failed" % (a.rounds, COUNT[1], COUNT[0]))
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
