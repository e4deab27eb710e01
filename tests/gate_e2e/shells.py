#!/usr/bin/env python3
"""elements_may_relax: what is marked by itself goes to folders and exports although its event may not, in a
shell that says nothing of the event; peers and users get none, and what is marked higher again is gone.
"""
import glob
import json
import os
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402
from e2e import COUNT, must, ok  # noqa: E402

POLICY = """use: [default]
elements_may_relax: true
audiences:
  folder: {kind: feed, tlp: clear, class: public, profile: indicators}
  sensors: {kind: export, tlp: amber, pap: red, class: own, profile: full}
  ally: {kind: peer, user: sync@ally.example, tlp: amber, class: partner, profile: technical}
"""
SECRETS = ["zqincident", "zqhidden", "zqcomment", "zqcustomer", "zqobject"]


def documents(folder):
    out = {}
    for name in glob.glob(os.path.join(folder, "node", "**", "folder", "*.json"), recursive=True):
        if os.path.basename(name).count("-") == 4:
            with open(name) as f:
                out[os.path.basename(name)[:-5]] = f.read()
    return out


def wait(what, seconds=12):
    end = time.time() + seconds
    while time.time() < end and not what():
        time.sleep(0.2)
    return what()


def run(folder):
    policy = os.path.join(folder, "policy.yaml")
    with open(policy, "w") as f:
        f.write(POLICY)
    with nodelib.Node(folder=os.path.join(folder, "node"), extra=["--policy", policy]) as node:
        admin = node.client()
        org = must(admin.post("/admin/organisations/add", {"name": "Ally", "local": True}), "org")["Organisation"]["id"]
        user = must(admin.post("/admin/users/add", {"email": "sync@ally.example", "org_id": org, "role_id": "5",
                                                    "password": "Lantern-5-keel-Harbour"}), "user")
        ally = node.client(user["User"]["authkey"])
        u, free = str(uuid.uuid4()), str(uuid.uuid4())

        def attr(value, tags, **more):
            return dict({"type": "domain", "category": "Network activity", "to_ids": True, "value": value,
                         "comment": "zqcomment", "Tag": [{"name": t} for t in tags]}, **more)
        e = must(admin.post("/events/add", {"Event": {
            "uuid": u, "info": "zqincident", "distribution": "3", "published": True, "threat_level_id": "1",
            "analysis": "2", "date": "2020-02-02", "Tag": [{"name": "tlp:red"}, {"name": "zqcustomer"}],
            "Attribute": [attr("open.example", ["tlp:clear", "zqcustomer"], uuid=free), attr("zqhidden.example", []),
                          attr("zqhidden2.example", ["tlp:red"]),
                          attr("zqhidden3.example", ["tlp:clear"], to_ids=False)],
            "Object": [{"name": "domain-ip", "meta-category": "network", "comment": "zqobject", "description": "x", "distribution": "5",
                        "template_uuid": "43b3b146-77eb-4931-b4cc-b66c60f28734", "template_version": "9",
                        "Attribute": [attr("inside.example", ["tlp:clear"], object_relation="domain")]}]}}),
            "add")["Event"]
        must(admin.post("/events/publish/" + e["id"]), "publish")
        wait(lambda: documents(folder))
        docs = documents(folder)
        text = "".join(docs.values())
        ok(len(docs) == 1 and u not in docs and u not in text and free not in text, "one shell, under another UUID",
           list(docs))
        shell = json.loads(text)["Event"] if docs else {"Attribute": []}
        ok(sorted(a["value"] for a in shell["Attribute"]) == ["inside.example", "open.example"] and
           not shell.get("Object"), "with what is marked by itself", [shell["Attribute"], shell.get("Object")])
        ok(not any(s in text for s in SECRETS) and not shell.get("Tag"),
           "and nothing of the event", text)
        ok(shell.get("threat_level_id") == "4" and shell.get("analysis") == "0" and shell.get("date") != "2020-02-02",
           "its fields are neutral", shell)

        def export(**more):
            return must(admin.post("/events/restSearch", dict({"returnFormat": "json", "tocsin_audience": "sensors"},
                                                              **more)), "export")["response"]
        got = export()
        ok(len(got) == 1 and got[0]["Event"]["uuid"] != u and
           not any(s in json.dumps(got) for s in SECRETS), "an export of sensors that may have more", got)
        ok(export(eventinfo="zqincident") == [] and export(tags="zqcustomer") == [] and export(tags="tlp:red") == [],
           "no filter finds it by what it hides")
        ok(len(export(value="open.example")) == 1, "but by what it shows")
        flat = must(admin.post("/attributes/restSearch", {"returnFormat": "json", "tocsin_audience": "sensors"}), "flat")
        ok(sorted(a["value"] for a in flat["response"]["Attribute"]) == ["inside.example", "open.example"],
           "attribute by attribute", flat)
        ok(ally.get("/events/view/" + e["id"]).status == 404 and ally.get("/events/view/" + u).status == 404 and
           must(ally.post("/attributes/restSearch", {}), "search")["response"]["Attribute"] == [],
           "a peer gets no shell")
        for a in ("open.example", "inside.example"):
            found = must(admin.post("/attributes/restSearch", {"value": a}), "find")["response"]["Attribute"][0]
            must(admin.post("/tags/attachTagToObject", {"uuid": found["uuid"], "tag": "tlp:red"}), "raise")
        must(admin.post("/events/publish/" + e["id"]), "publish")
        ok(wait(lambda: not documents(folder)) and export() == [], "marked higher again, there is no shell",
           documents(folder))


def main():
    if not nodelib.have_daemon():
        nodelib.skip("no daemon to try")
    with tempfile.TemporaryDirectory(prefix="tocsin-shells-") as folder:
        run(folder)
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
