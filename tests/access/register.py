"""Requests for accounts by strangers, on a node that lets them (see settings.py for one that does not)."""
from world import DENIED, check, is_equal, must, nodes, refused

ORG_UUID = "5c0a1e62-71aa-4b0d-9e2f-000000000610"


def ask(w, email, source="198.51.100.1", **more):
    """As a stranger behind the proxy, from that address."""
    h = {"User-Agent": nodes.USER_AGENT, "Accept": "application/json", "Content-Type": "application/json",
         "X-Forwarded-For": source}
    import json
    body = dict({"email": email, "org_name": "Buoy", "org_uuid": ORG_UUID, "message": "let me in"}, **more)
    return nodes.Client(w.node.port).raw("POST", "/users/register", h, json.dumps(body).encode())


def asked(w):
    return must(w.admin.get("/users/registrations/index"))


def registrations(w):
    a = ask(w, "new@buoy.example", perm_sync=True, admin="1", data="x", role_id="1")
    is_equal((a.status, a.json()["saved"]), (200, True), "a stranger asks")
    rows = asked(w)
    is_equal(len(rows), 1, "one waits")
    x = rows[0]["Inbox"]
    is_equal((x["type"], x["ip"], x["title"], x["comment"], x["deleted"]),
             ("registration", "198.51.100.1", "User registration for new@buoy.example.", "let me in", False), "who and whence")
    is_equal(x["data"], {"email": "new@buoy.example", "org_name": "Buoy", "org_uuid": ORG_UUID, "message": "let me in",
                         "gpgkey": "", "custom_perms": False, "perm_publish": False, "perm_admin": False, "perm_sync": True},
             "what, and nothing that nobody asked about")
    _, key, _ = w.user(role="2")
    for path in ("/users/registrations/index", "/users/acceptRegistrations/1", "/users/discardRegistrations/1"):
        refused(w.client(key).post(path), 403, DENIED, "for site administrators alone: " + path)
    refused(w.admin.post("/users/acceptRegistrations/" + x["id"], {"User": {"role_id": "3"}}), 405,
            "No organisation selected. Supply an Organisation ID", "an organisation is needed")
    refused(w.admin.post("/users/acceptRegistrations/" + x["id"], {"User": {"org_id": "999"}}), 404, "Invalid organisation",
            "that exists")
    refused(w.admin.post("/users/acceptRegistrations/" + x["id"], {"User": {"org_id": "1", "role_id": "99"}}), 405, "Invalid role",
            "and a role")
    made = must(w.admin.post("/users/acceptRegistrations/" + x["id"], {"User": {"org_id": "1"}}))
    is_equal(made["message"], "1 registration(s) accepted.", "accepted")
    u = made["data"][0]["User"]
    is_equal((u["email"], u["role_id"], u["org_id"], u["change_pw"]), ("new@buoy.example", "3", "1", True), "with the default role")
    is_equal(w.client(u["authkey"]).get("/users/view/me").status, 200, "its key works")
    is_equal(asked(w), [], "nothing waits")
    again = ask(w, "new@buoy.example", source="198.51.100.2")
    is_equal((again.status, again.json()["message"]), (200, a.json()["message"]), "who has an account hears the same")
    x = asked(w)[0]["Inbox"]
    b = w.admin.post("/users/acceptRegistrations/" + x["uuid"], {"User": {"org_id": "1"}})
    is_equal((b.status, b.json()["saved"]), (403, False), "but gets no second one")
    is_equal(must(w.admin.post("/users/discardRegistrations/" + x["uuid"]))["message"], "1 registration(s) discarded.", "discarded")
    is_equal(must(w.admin.post("/users/discardRegistrations/" + x["uuid"]))["message"], "0 registration(s) discarded.", "once")
    for i in range(3):
        must(ask(w, "many%d@buoy.example" % i, source="198.51.100.%d" % (10 + i)))
    ids = [r["Inbox"]["id"] for r in asked(w)]
    is_equal(must(w.admin.post("/users/discardRegistrations", {"User": {"id": ids}}))["message"], "3 registration(s) discarded.",
             "several at once")
    for bad in ({"email": "fog"}, {"email": ""}, {"org_uuid": "fog"}):
        a = ask(w, **dict({"email": "x@buoy.example"}, **bad))
        is_equal(a.status, 403, "refused: %s" % bad)
    is_equal(asked(w), [], "and not kept")


def many(w):
    got = [ask(w, "flood%d@buoy.example" % i, source="198.51.100.77").status for i in range(8)]
    is_equal((got[:3], got[-1]), ([200] * 3, 429), "one address asks a few times")
    is_equal(ask(w, "calm@buoy.example", source="198.51.100.78").status, 200, "others are not concerned")
    long = ask(w, "long@buoy.example", source="198.51.100.79", message="x" * 50000)
    is_equal(long.status, 200, "long texts are cut")
    check(max(len(r["Inbox"]["comment"]) for r in asked(w)) == 4096, "to 4096 characters")


def no_mail(w):
    uid, _, _ = w.user()
    a = w.admin.post("/users/initiatePasswordReset/" + uid)
    check(a.status == 403 and "no e-mail" in a.text(), "nobody is told that an e-mail went out", a.text())
    _, key, _ = w.user()
    refused(w.client(key).post("/users/initiatePasswordReset/" + uid), 403, DENIED, "nor may users ask for it")


ALL = (registrations, many, no_mail)
