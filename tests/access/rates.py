"""Rate limits of roles."""
from world import check, is_equal, must, refused

SEARCH = {"returnFormat": "json", "limit": 1}


def limited(w):
    role = w.role(permission="1", perm_auth=True, enforce_rate_limit=True, rate_limit_count="3")
    uid, key, _ = w.user(role=role)
    c, again = w.client(key), w.client(w.key(uid)["authkey_raw"])
    for left in (2, 1):
        a = c.post("/events/restSearch", SEARCH)
        is_equal((a.status, a.headers.get("x-rate-limit-limit"), a.headers.get("x-rate-limit-remaining")),
                 (200, "3", str(left)), "%d left" % left)
        check(0 < int(a.headers["x-rate-limit-reset"]) <= 900, "and until when", a.headers)
    a = again.post("/attributes/restSearch", SEARCH)
    is_equal((a.status, a.headers.get("x-rate-limit-remaining")), (200, "0"), "its other keys count as well")
    a = c.get("/events/restSearch")
    refused(a, 429, "Rate limit exceeded.", "then no more")
    is_equal(a.headers.get("x-rate-limit-remaining"), "0", "with the headers")
    is_equal(c.get("/events/index").status, 200, "other calls are free")
    check("x-rate-limit-limit" not in c.get("/events/index").headers, "and say nothing of it")
    must(w.admin.post("/admin/roles/edit/" + role, {"permission": "1", "rate_limit_count": "5"}))
    is_equal(c.post("/events/restSearch", SEARCH).status, 200, "a raised limit counts at once")
    _, other, _ = w.user(role=role)
    is_equal(w.client(other).post("/events/restSearch", SEARCH).status, 200, "each account has its own")
    check(w.metric("tocsin_auth_rate_limited_total") >= 1, "it is counted")


def none_at_all(w):
    role = w.role(permission="1", perm_auth=True, enforce_rate_limit=True, rate_limit_count="0")
    _, key, _ = w.user(role=role)
    refused(w.client(key).post("/events/restSearch", SEARCH), 405,
            "API searches are not allowed for this user role.", "a limit of 0 is no searches")
    free = w.role(permission="1", perm_auth=True, enforce_rate_limit=False, rate_limit_count="0")
    _, key, _ = w.user(role=free)
    a = w.client(key).post("/events/restSearch", SEARCH)
    check(a.status == 200 and "x-rate-limit-limit" not in a.headers, "unless it is not enforced", a.headers)


ALL = (limited, none_at_all)
