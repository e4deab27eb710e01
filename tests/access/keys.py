"""API keys: end, reading only, addresses, lists of keys, what is noted of their use, and back-off."""
import time

from world import DENIED, NO_KEY, check, exhaust, is_equal, must, nodes, refused

ME = "/users/view/me"


def raw(w, path, **headers):
    h = {"User-Agent": nodes.USER_AGENT, "Accept": "application/json"}
    h.update({k.replace("_", "-"): v for k, v in headers.items()})
    return nodes.Client(w.node.port).raw("GET", path, h)


def headers(w):
    _, key, _ = w.user()
    wrong = "x" * 40
    is_equal(raw(w, ME, Authorization=key).status, 200, "a key")
    is_equal(raw(w, ME, X_MISP_AUTH=key).status, 200, "in X-MISP-AUTH")
    is_equal(raw(w, ME, Authorization=wrong, X_MISP_AUTH=key).status, 200, "which goes before Authorization")
    refused(raw(w, ME, Authorization=key, X_MISP_AUTH=wrong), 403, NO_KEY, "also when it is wrong")
    is_equal(raw(w, ME, Authorization=wrong + "," + key).status, 200, "the second of a list")
    is_equal(raw(w, ME, Authorization="  " + wrong + " ,\t" + key + " ").status, 200, "with blanks")
    is_equal(raw(w, ME, Authorization="Basic dXNlcjpwYXNz, " + key).status, 200, "Basic is passed over")
    for bad in ("", ",", "Basic dXNlcjpwYXNz", wrong, key[:-1], key + "x", key.swapcase(), "Bearer " + key,
                ",".join([wrong] * 8 + [key]), "%s;%s" % (wrong, key), key[:20] + "," + key[20:], "'" + key):
        refused(raw(w, ME, Authorization=bad), 403, NO_KEY, "not in: %.30r" % bad)
    refused(raw(w, ME), 403, NO_KEY, "nor without any")


def ends(w):
    uid, _, _ = w.user()
    now = int(time.time())
    soon = w.key(uid, expiration=str(now + 3600))
    a = w.client(soon["authkey_raw"]).get(ME)
    is_equal(a.status, 200, "before its end")
    check(a.headers.get("x-auth-key-expiration", "").startswith("20"), "its end is told", a.headers)
    old = w.key(uid, expiration="2020-01-01")
    refused(w.client(old["authkey_raw"]).get(ME), 403, "Auth key is expired", "after it")
    is_equal(raw(w, ME, Authorization=old["authkey_raw"] + "," + soon["authkey_raw"]).status, 200,
             "a good one behind an expired one counts")
    must(w.admin.post("/auth_keys/edit/" + old["id"], {"expiration": "2035-01-01"}))
    is_equal(w.client(old["authkey_raw"]).get(ME).status, 200, "prolonged")
    for bad in ("tomorrow never", "2030-13-45", "fog"):
        is_equal(w.admin.post("/auth_keys/add/" + uid, {"expiration": bad}).status, 403, "no date: " + bad)


def read_only(w):
    uid, _, _ = w.user(role="1")
    key = w.key(uid, read_only=True)
    c = w.client(key["authkey_raw"])
    me = must(c.get(ME))
    is_equal(me["User"]["id"], uid, "a site administrator's key that only reads")
    is_equal(must(c.get("/servers/getVersion"))["perm_sync"], False, "says what it may: no sync")
    is_equal(c.post("/events/restSearch", {"returnFormat": "json"}).status, 200, "it searches")
    is_equal(c.get("/events/index").status, 200, "and lists")
    for path, body in (
            ("/events/add", {"info": "x"}), ("/users/change_pw", {"password": "Something Long Enough 7"}),
            ("/users/edit", {"autoalert": True}), ("/auth_keys/add", {}), ("/auth_keys/edit/" + key["id"], {"read_only": 0}),
            ("/auth_keys/delete/" + key["id"], {}), ("/users/resetauthkey/me", {}),
            ("/userSettings/setSetting", {"setting": "publish_alert_filter", "value": "{}"}),
            ("/userSettings/setHomePage", {"path": "/x"}), ("/admin/users/add", {"email": "x@access.example"}),
            ("/admin/roles/add", {"name": "x"}), ("/tags/add", {"name": "x"}), ("/eventBlocklists/add", {"uuids": []}),
            ("/orgBlocklists/add", {"uuids": []}), ("/servers/pull/1", {}), ("/sightings/add", {"value": "x"}),
            ("/sharing_groups/add", {"name": "x"}), ("/admin/organisations/add", {"name": "x"})):
        refused(c.post(path, body), 403, DENIED, "it does not change: " + path)
    refused(c.get("/admin/users/index"), 403, DENIED, "nor administers")
    for path in must_change(w):
        for method in path[1]:
            a = c.call(method, path[0].replace(":", ""), {} if method != "GET" else None)
            if a.status != 403:
                check(False, "every endpoint that changes something: " + path[0], (method, a.status, a.text()[:200]))
    check(True, "every endpoint that changes something refuses it")
    must(w.admin.post("/auth_keys/edit/" + key["id"], {"read_only": False}))
    is_equal(c.post("/tags/add", {"name": "now"}).status, 200, "until somebody else lifts it")


def must_change(w):
    import json
    import os
    import subprocess
    text = subprocess.run([os.environ["TOCSIND"], "--list-endpoints"], capture_output=True, check=True).stdout
    rows = [r for r in json.loads(text) if r["changes"] and r["key_needed"]]
    check(len(rows) > 100, "endpoints that change something", len(rows))
    return [(r["path"], r["methods"]) for r in rows]


def addresses(w):
    uid, _, _ = w.user()
    for given, good in ((["127.0.0.0/8"], True), (["192.0.2.0/24", "127.0.0.1"], True), ("127.0.0.1,::1", True),
                        (["::ffff:127.0.0.0/104"], True), (["0.0.0.0/0"], True), (["127.0.0.2"], False),
                        (["::1"], False), (["::/0"], False), (["127.0.0.2/31"], False), (["192.0.2.0/24"], False)):
        c = w.client(w.key(uid, allowed_ips=given)["authkey_raw"])
        if good:
            is_equal(c.get(ME).status, 200, "from 127.0.0.1 with %s" % (given,))
        else:
            refused(c.get(ME), 403, "It is not possible to use this Auth key from your IP address",
                    "not from 127.0.0.1 with %s" % (given,))
    for bad in ("gull", ["127.0.0.1", "gull"], ["10.0.0.0/33"], [7], ["10.0.0.0/"], ["127.0.0.%d" % i for i in range(1, 130)]):
        is_equal(w.admin.post("/auth_keys/add/" + uid, {"allowed_ips": bad}).status, 403, "no networks: %.40s" % (bad,))


def is_used(w):
    uid, _, _ = w.user()
    key = w.key(uid, comment="noted")
    c = w.client(key["authkey_raw"])
    is_equal(key["unique_ips"], [], "nobody has used it")
    c.get(ME)
    for _ in range(50):
        seen = must(w.admin.get("/auth_keys/view/" + key["id"]))["AuthKey"]["unique_ips"]
        if seen:
            break
        time.sleep(0.05)
    is_equal(seen, ["127.0.0.1"], "who used it is noted")
    check(must(w.admin.get("/admin/users/view/" + uid))["User"]["last_api_access"] != "0", "and when")


def accounts(w):
    uid, key, _ = w.user()
    c = w.client(key)
    must(w.admin.post("/admin/users/edit/" + uid, {"disabled": True}))
    refused(c.get(ME), 403, "Authentication failed. Your user account has been disabled.", "a disabled account")
    must(w.admin.post("/admin/users/edit/" + uid, {"disabled": False, "expiration": "2020-01-01"}))
    refused(c.get(ME), 403, "Authentication failed. Your user account has expired.", "an expired one")
    must(w.admin.post("/admin/users/edit/" + uid, {"expiration": "2035-01-01"}))
    is_equal(c.get(ME).status, 200, "not expired yet")
    must(w.admin.post("/admin/users/edit/" + uid, {"expiration": None}))
    role = w.role(permission="1", perm_auth=False)
    must(w.admin.post("/admin/users/edit/" + uid, {"role_id": role}))
    refused(c.get(ME), 403, NO_KEY, "a role without keys")


def at_once(w):
    """What is taken from somebody who calls all the time is gone with his next call."""
    role = w.role(permission="3", perm_auth=True)
    uid, first, _ = w.user(role=role)
    keys = [w.key(uid) for _ in range(3)]

    def hot(key):
        c = w.client(key)
        return c, [c.get(ME).status for _ in range(10)] == [200] * 10

    held = [hot(k["authkey_raw"]) for k in keys]
    check(all(good for _, good in held), "keys that are used all the time")
    must(w.admin.post("/auth_keys/delete/" + keys[0]["id"], {}))
    refused(held[0][0].get(ME), 403, NO_KEY, "one is deleted")
    must(w.admin.post("/auth_keys/edit/" + keys[1]["id"], {"allowed_ips": ["192.0.2.1"]}))
    refused(held[1][0].get(ME), 403, "It is not possible to use this Auth key from your IP address",
            "one is bound to an address")
    c = held[2][0]
    is_equal(c.post("/tags/add", {"name": "x"}).status, 403, "it may not make tags")
    must(w.admin.post("/admin/roles/edit/" + role, {"perm_tag_editor": True}))
    is_equal(c.post("/tags/add", {"name": "hot"}).status, 200, "it may from when its role says so")
    must(w.admin.post("/admin/roles/edit/" + role, {"perm_tag_editor": False}))
    is_equal(c.post("/tags/add", {"name": "hotter"}).status, 403, "and no more")
    must(w.admin.post("/admin/users/edit/" + uid, {"disabled": True}))
    refused(c.get(ME), 403, "Authentication failed. Your user account has been disabled.", "its user is disabled")
    must(w.admin.post("/admin/users/edit/" + uid, {"disabled": False}))
    is_equal([c.get(ME).status, w.client(first).get(ME).status], [200, 200], "and let in again")
    must(w.admin.call("DELETE", "/admin/users/delete/" + uid))
    refused(c.get(ME), 403, NO_KEY, "and deleted")


def guessing(w):
    """Unknown keys are told to wait; good ones are not, from the same address."""
    _, good, _ = w.user()
    wrong = w.client("q" * 40)
    is_equal([wrong.get(ME).status for _ in range(60)], [403] * 60, "a hasty client hears what is wrong")
    a = exhaust(lambda: wrong.get(ME), tries=400)
    is_equal(a.status, 429, "one that goes on has to wait")
    check("unknown keys" in a.json()["message"], "and hears why", a.text())
    is_equal(w.client(good).get(ME).status, 200, "its neighbour with a good key is let in")
    is_equal(w.client("r" * 40).get(ME).status, 429, "another wrong key from there is not looked at")
    check(w.metric('tocsin_auth_held_back_total{way="key"}') >= 1, "it is counted")
    check(w.metric("tocsin_auth_waiting") >= 1, "who waits is counted")


ALL = (headers, ends, read_only, addresses, is_used, accounts, at_once)
LAST = (guessing,)
