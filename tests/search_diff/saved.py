#!/usr/bin/env python3
"""Saved searches: whose they are, who may run them, and that a run finds what the same question finds."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import node as nodelib  # noqa: E402
import world as worlds  # noqa: E402

failed = 0
BASE = "/tocsin/searches/"


def ok(good, what):
    global failed
    failed += not good
    print(("ok - " if good else "not ok - ") + what)


def save(c, name, filter, **more):
    return c.post(BASE + "add", {"SavedSearch": {"name": name, "filter": filter, **more}})


def names(c):
    return [s["SavedSearch"]["name"] for s in worlds.must(c.get(BASE + "index"), "index")]


def same(c, name, scope, filter, what):
    got = c.get(BASE + "run/" + name)
    want = c.post("/%s/restSearch" % scope, filter)
    ok(got.status == 200 and want.status == 200 and got.text() == want.text() and
       got.headers.get("x-result-count") == want.headers.get("x-result-count"), what)
    return got


def people(w):
    """A colleague of member, an administrator of their organisation, and a key that can only read."""
    org = w.orgs[1]["id"]
    for who, role in (("mate", "3"), ("boss", "2"), ("reader", "6")):
        user = worlds.must(w.admin.post("/admin/users/add", {
            "email": who + "@example.net", "org_id": org, "role_id": role, "change_pw": False}), "user")["User"]
        w.clients[who] = w.node.client(key=user["authkey"])
        w.clients[who].id = user["id"]
    key = worlds.must(w.clients["member"].post("/auth_keys/add", {"read_only": True}), "key")
    w.clients["machine"] = w.node.client(key=key["AuthKey"]["authkey_raw"])


def faults(c):
    for doc, member in (({"filter": {}}, "name"), ({"name": "12", "filter": {}}, "name"),
                        ({"name": "a/b", "filter": {}}, "name"), ({"name": "x" * 101, "filter": {}}, "name"),
                        ({"name": "5c0a1e30-71aa-4b0d-9e2f-000000000001", "filter": {}}, "name"),
                        ({"name": "n", "filter": [1]}, "filter"), ({"name": "n"}, "filter"),
                        ({"name": "n", "filter": {"returnFormat": "parchment"}}, "filter"),
                        ({"name": "n", "filter": {}, "scope": "tides"}, "scope"),
                        ({"name": "n", "filter": {"timestamp": ["1d", "2d", "3d"]}}, "filter")):
        ans = c.post(BASE + "add", doc)
        ok(ans.status == 403 and member in ans.json()["errors"], "refused: %s" % json.dumps(doc)[:60])


def rights(w):
    member, mate, boss, out = (w.clients[x] for x in ("member", "mate", "boss", "outsider"))
    f = {"type": ["ip-dst", "domain"], "limit": 10}
    mine = worlds.must(save(member, "addresses", f), "save")["SavedSearch"]
    ok(mine["filter"] == f and mine["own"] and not mine["shared"] and "user_id" not in mine, "saved as it was sent")
    ok(save(member, "addresses", {}).status == 403, "a name is there once for each user")
    ok(save(mate, "addresses", {"type": "url"}).status == 200, "and once for another")
    ok(names(member) == ["addresses"] and names(out) == [], "others do not see it: %s %s" % (names(member), names(out)))
    for c, who in ((mate, "a colleague"), (out, "a stranger"), (w.admin, "the administrator")):
        for verb in ("view", "run", "edit", "delete"):
            ans = c.post(BASE + "%s/%s" % (verb, mine["id"]), {})
            ok(ans.status == 404, "%s: %s of what is not shared: %d" % (who, verb, ans.status))
    gone = out.post(BASE + "run/%s" % mine["uuid"], {})
    never = out.post(BASE + "run/5c0a1e30-71aa-4b0d-9e2f-00000000dead", {})
    ok(gone.status == 404 and gone.json()["message"] == never.json()["message"], "as if it were not there")
    same(member, "addresses", "attributes", f, "run by name")
    same(member, mine["uuid"], "attributes", f, "run by UUID")
    ok(json.loads(mate.get(BASE + "view/addresses").text())["SavedSearch"]["own"], "one's own goes first")

    shared = worlds.must(save(member, "Ebb and flow", {"eventinfo": "%Tides%", "metadata": 1}, scope="events",
                              shared=True), "share")["SavedSearch"]
    ok("Ebb and flow" in names(mate) and "Ebb and flow" not in names(out), "the organisation sees what is shared")
    url = "Ebb%20and%20flow"
    for who in ("member", "mate", "reader", "machine"):
        same(w.clients[who], url, "events", {"eventinfo": "%Tides%", "metadata": 1}, who + " runs it")
    ok(out.get(BASE + "run/" + url).status == 404, "others do not")
    for c, verb in ((mate, "edit"), (mate, "delete")):
        ok(c.post(BASE + "%s/%s" % (verb, shared["id"]), {}).status == 403, "a colleague does not %s it" % verb)
    ans = w.clients["machine"].post(BASE + "add", {"name": "m", "filter": {}})
    ok(ans.status == 403, "a key that can only read saves nothing: %d" % ans.status)
    ok(boss.post(BASE + "edit/" + url, {"description": "by hand"}).status == 200, "their administrator changes it")
    ok(member.get(BASE + "view/" + url).json()["SavedSearch"]["description"] == "by hand", "for all")
    one = mate.post(BASE + "run/" + url, {"metadata": 0, "limit": 1}).json()["response"]
    ok(len(one) == 1 and "Attribute" in one[0]["Event"], "what a run says wins over what is saved")
    csv = member.get(BASE + "run/addresses/returnFormat:csv/requested_attributes:value")
    ok(csv.headers["content-type"].startswith("text/csv") and csv.text().startswith("value\n"), "also in its path")
    ok(member.post(BASE + "edit/addresses", {"name": "places", "shared": True}).status == 200 and
       "places" in names(mate), "renamed and shared")
    ok(worlds.must(member.post(BASE + "delete/places", {}), "delete")["message"] == "Search deleted." and
       "places" not in names(mate), "deleted")


def usual(w):
    """What a user always wants, where a search says nothing (default_restsearch_parameters)."""
    c = w.clients["member"]
    worlds.must(save(c, "usual", {"type": ["ip-dst", "domain"]}), "save")
    worlds.must(c.post("/userSettings/setSetting", {"setting": "default_restsearch_parameters", "value": {
        "AttributesController": {"limit": "2", "type": "url"}, "EventsController": {"metadata": 1}}}), "setting")
    rows = c.post("/attributes/restSearch", {}).json()["response"]["Attribute"]
    ok(len(rows) == 2 and all(a["type"] == "url" for a in rows), "a user's usual parameters count")
    rows = c.post("/attributes/restSearch", {"type": "domain", "limit": 1}).json()["response"]["Attribute"]
    ok(len(rows) == 1 and rows[0]["type"] == "domain", "what the search says wins")
    rows = c.post(BASE + "run/usual").json()["response"]["Attribute"]
    ok(len(rows) == 2 and all(a["type"] != "url" for a in rows), "and so does what is saved")
    rows = c.post("/events/restSearch", {"request": {"limit": 2}}).json()["response"]
    ok(len(rows) == 2 and not any("Attribute" in e["Event"] for e in rows), "by controller")
    ok(c.get("/attributes/restSearch").status == 400, "a GET that asks nothing is still refused")
    rows = w.clients["boss"].post("/attributes/restSearch", {}).json()["response"]["Attribute"]
    ok(len(rows) > 2, "of nobody else")
    worlds.must(c.post("/userSettings/delete", {"setting": "default_restsearch_parameters"}), "delete")
    ok(len(c.post("/attributes/restSearch", {}).json()["response"]["Attribute"]) > 2, "until it is deleted")


def gone_users(w):
    """What a user kept for himself goes with him, what he shared stays."""
    c = w.clients["mate"]
    worlds.must(save(c, "left behind", {"type": "url"}, shared=True), "save")
    worlds.must(w.admin.post("/admin/users/delete/" + c.id, {}), "delete")
    ok("left behind" in names(w.clients["member"]), "what was shared stays")
    ok(w.clients["boss"].post(BASE + "delete/left%20behind", {}).status == 200, "until somebody takes it away")


def tool(w):
    exe = os.path.join(os.environ.get("top_builddir", "."), "tocsin")
    env = {**os.environ, "TOCSIN_URL": "http://127.0.0.1:%d" % w.node.port, "TOCSIN_KEY": w.node.key}

    def run(*args):
        p = subprocess.run([exe, *args], env=env, capture_output=True, text=True, timeout=60)
        return p.returncode, p.stdout, p.stderr
    ok(run("search", "save", "nets", "203.0.113.%", "type=ip-dst", "--share", "--description", "ours")[0] == 0,
       "tocsin search save")
    code, out, _ = run("search", "list")
    ok(code == 0 and "nets" in out and "203.0.113.%" in out and "ours" in out, "tocsin search list")
    code, out, err = run("search", "run", "nets")
    want = w.admin.post("/attributes/restSearch", {"value": "203.0.113.%", "type": "ip-dst", "limit": 50}).json()
    lines = [x for x in out.splitlines() if "203.0.113." in x]
    ok(code == 0 and len(lines) == len(want["response"]["Attribute"]) > 0, "tocsin search run: %d lines" % len(lines))
    code, out, _ = run("search", "run", "nets", "returnFormat=text", "to_ids=1", "published=0", "published=1")
    ok(code == 0 and out.strip() and all(x.startswith("203.0.113.") for x in out.split()), "in another format")
    ok(run("search", "save", "nets", "x")[0] != 0, "a name once")
    ok(run("search", "save", "nets", "eventinfo=%Tides%", "--events", "--replace")[0] == 0, "unless it is replaced")
    code, out, _ = run("search", "run", "nets")
    ok(code == 0 and "Tides" in out, "a search for events")
    ok(run("search", "delete", "nets")[0] == 0 and "nets" not in run("search", "list")[1], "tocsin search delete")
    ok(run("search", "run", "nets")[0] != 0, "then it is not there")
    code, out, _ = run("search", "203.0.113.%")
    ok(code == 0 and "203.0.113." in out, "and tocsin search searches as before")


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    node = nodelib.Node()
    node.start()
    try:
        w = worlds.World(node, 7, n_events=12)
        people(w)
        faults(w.clients["member"])
        rights(w)
        usual(w)
        gone_users(w)
        tool(w)
        return bool(failed)
    finally:
        node.stop()


if __name__ == "__main__":
    sys.exit(main())
