"""Log-in by password: sessions, their cookies and tokens, their ends, one-time codes, back-off."""
import hashlib
import hmac
import base64
import json
import struct
import subprocess
import time
import urllib.parse

from world import DENIED, NO_KEY, READ_ONLY, Tool, check, exhaust, is_equal, must, nodes, refused

WRONG = "E-mail address, password or one-time code is wrong."
OVER = "Your session is over. Log in again."
NOT_MEANT = "The request does not bring the token of your session."
PASSWORD = "Correct Horse 7 Battery"


class Browser:
    """Keeps cookies, as a browser does."""

    def __init__(self, w, port=None):
        self.c, self.cookies, self.csrf = nodes.Client(port or w.node.port), {}, None

    def call(self, method, path, body=None, token=True, headers=None, form=None):
        h = {"User-Agent": nodes.USER_AGENT, "Accept": "application/json", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        if form is not None:
            h.update({"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"})
            data = urllib.parse.urlencode(form).encode()
        if self.cookies:
            h["Cookie"] = "; ".join("%s=%s" % x for x in self.cookies.items())
        if token and self.csrf:
            h["X-CSRF-Token"] = self.csrf
        h.update(headers or {})
        a = self.c.raw(method, path, {k: v for k, v in h.items() if v is not None}, data)
        return a

    def keep(self, set_cookies):
        for one in set_cookies:
            name, _, value = one.split(";")[0].partition("=")
            if "Max-Age=0" in one:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    def login(self, email, password=PASSWORD, otp=None, **kw):
        body = {"email": email, "password": password}
        if otp is not None:
            body["otp"] = otp
        import http.client
        conn = http.client.HTTPConnection("127.0.0.1", self.c.port, timeout=60)
        h = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": nodes.USER_AGENT}
        if self.cookies:
            h["Cookie"] = "; ".join("%s=%s" % x for x in self.cookies.items())
        h.update(kw.get("headers", {}))
        conn.request("POST", "/users/login", json.dumps(body), h)
        r = conn.getresponse()
        data = r.read()
        self.set_cookies = [v for k, v in r.getheaders() if k.lower() == "set-cookie"]
        a = nodes.Answer(r.status, {k.lower(): v for k, v in r.getheaders()}, data)
        conn.close()
        if a.status == 200:
            self.keep(self.set_cookies)
            self.csrf = a.json()["csrf_token"]
        return a


def person(w, role="3", **more):
    """(id, e-mail) of an account with a password that needs no change."""
    uid, _, email = w.user(role=role, password=PASSWORD, change_pw=False, **more)
    return uid, email


def comes_in(w):
    uid, email = person(w)
    b = Browser(w)
    a = b.login(email)
    is_equal(a.status, 200, "a log-in")
    session = [c for c in b.set_cookies if c.startswith("tocsin=")]
    check(len(session) == 1 and "HttpOnly" in session[0] and "SameSite=Lax" in session[0]
          and "Path=/" in session[0] and "Secure" not in session[0], "its cookie, on plain HTTP", session)
    check(len(b.cookies["tocsin"]) == 64, "is random", b.cookies)
    is_equal(a.headers.get("cache-control"), "no-store", "nothing keeps the answer")
    is_equal(must(b.call("GET", "/users/view/me"))["User"]["id"], uid, "who it is")
    check(must(w.admin.get("/admin/users/view/" + uid))["User"]["current_login"] != "0", "the log-in is noted")
    refused(b.call("POST", "/events/add", {"info": "x"}, token=False), 403, NOT_MEANT, "no change without the token")
    refused(b.call("POST", "/events/add", {"info": "x"}, headers={"X-CSRF-Token": "0" * 64}), 403, NOT_MEANT,
            "nor with another")
    refused(b.call("POST", "/events/add", {"info": "x"}, headers={"Sec-Fetch-Site": "cross-site"}), 403, NOT_MEANT,
            "nor from another site's page")
    refused(b.call("POST", "/events/add", {"info": "x"}, headers={"Origin": "https://other.example"}), 403, NOT_MEANT,
            "by its origin")
    refused(b.call("POST", "/events/restSearch", {"returnFormat": "json"}, token=False), 403, NOT_MEANT,
            "nor any POST")
    made = must(b.call("POST", "/events/add", {"info": "by session"}))["Event"]
    is_equal(must(b.call("GET", "/events/view/" + made["id"]))["Event"]["info"], "by session", "with it")
    origin = "http://127.0.0.1:%d" % w.node.port
    is_equal(b.call("POST", "/events/restSearch", {"returnFormat": "json"}, headers={"Origin": origin}).status, 200,
             "from its own page")
    refused(b.call("GET", "/event_reports/add/" + made["id"], token=False), 403, NOT_MEANT,
            "a GET that changes something wants it as well")
    refused(b.call("GET", "/admin/users/index"), 403, DENIED, "a user's session is a user's")
    other = Browser(w)
    other.login(email)
    other.csrf = b.csrf
    refused(other.call("POST", "/events/add", {"info": "x"}), 403, NOT_MEANT, "a token is of one session")
    _, key, _ = w.user(role=READ_ONLY)
    is_equal(must(b.call("GET", "/users/view/me", headers={"Authorization": key}))["User"]["role_id"], READ_ONLY,
             "a key goes before a cookie")
    is_equal(b.call("POST", "/users/logout", {}).status, 200, "log-out")
    refused(b.call("GET", "/users/view/me"), 403, OVER, "ends it")
    is_equal(other.call("GET", "/users/view/me").status, 200, "and no other")


def stays_out(w):
    uid, email = person(w)
    for name, who, pw in (("a wrong password", email, PASSWORD + "x"), ("no password", email, ""),
                          ("nobody", "nobody@access.example", PASSWORD), ("no name", "", PASSWORD),
                          ("a password too long", email, PASSWORD * 100)):
        refused(Browser(w).login(who, pw), 403, WRONG, name)
    _, keyed, mail = w.user()
    refused(Browser(w).login(mail), 403, WRONG, "an account without a password")
    must(w.admin.post("/admin/users/edit/" + uid, {"disabled": True}))
    refused(Browser(w).login(email), 403, "Authentication failed. Your user account has been disabled.",
            "a disabled account is told to who knows the password")
    refused(Browser(w).login(email, "x"), 403, WRONG, "and to nobody else")
    must(w.admin.post("/admin/users/edit/" + uid, {"disabled": False, "expiration": "2020-01-01"}))
    refused(Browser(w).login(email), 403, "Authentication failed. Your user account has expired.", "an expired one")
    must(w.admin.post("/admin/users/edit/" + uid, {"expiration": None}))
    is_equal(Browser(w).login(email.upper()).status, 200, "case of the address does not matter")
    b = Browser(w)
    refused(b.login(email, headers={"Sec-Fetch-Site": "cross-site"}), 403,
            "The request comes from a page of another site.", "other sites log nobody in")
    refused(b.login(email, headers={"Origin": "null"}), 403, "The request comes from a page of another site.",
            "nor pages without an origin")
    a = b.c.raw("POST", "/users/login", {"Content-Type": "text/plain", "Accept": "*/*"},
                json.dumps({"email": email, "password": PASSWORD}).encode())
    is_equal(a.status, 415, "nor forms that look like JSON")


def cookies(w):
    _, email = person(w)
    b = Browser(w)
    b.login(email)
    good = b.cookies["tocsin"]
    for what, header in (("beside others", "a=b; tocsin=%s; c" % good), ("twice the same", "tocsin=%s; tocsin=%s" % (good, good)),
                         ("with blanks", "  tocsin=%s  ;;; x=" % good)):
        is_equal(b.call("GET", "/users/view/me", headers={"Cookie": header}).status, 200, "the cookie " + what)
    for header in ("tocsin=", "tocsin", "=", ";", "tocsin=" + good[:-1], "tocsin=" + good + "0", "tocsin=" + good.upper(),
                   "Tocsin=" + good, "tocsin=%s; tocsin=%s" % (good, "0" * 64), "xtocsin=" + good, "tocsin =" + good,
                   "tocsin=\"%s\"" % good, "tocsin=" + "0" * 64, "__Host-tocsin=" + good, "x" * 8000, ";" * 4000):
        a = b.call("GET", "/users/view/me", headers={"Cookie": header})
        check(a.status == 403, "no session: %.60s" % header, (a.status, a.text()[:200]))


def ends(w):
    uid, email = person(w)

    def two():
        b = [Browser(w), Browser(w)]
        for x in b:
            must(x.login(email))
        return b

    def is_out(b, what):
        refused(b.call("GET", "/users/view/me"), 403, OVER, what)
    b, c = two()
    refused(b.call("POST", "/users/change_pw", {"password": PASSWORD + "!"}), 403, "Could not change_pw User",
            "a session alone changes no password")
    refused(b.call("POST", "/users/change_pw", {"password": "short", "current_password": PASSWORD}), 403,
            "Could not change_pw User", "nor to a bad one")
    must(b.call("POST", "/users/change_pw", {"password": PASSWORD + "!", "current_password": PASSWORD}))
    is_equal(b.call("GET", "/users/view/me").status, 200, "who changes the password stays in")
    is_out(c, "the account's other sessions end")
    must(w.admin.post("/admin/users/edit/" + uid, {"password": PASSWORD}))
    is_out(b, "all end when an administrator sets one")
    for name, change in (("force_logout", {"force_logout": True}), ("disabled", {"disabled": True})):
        b, c = two()
        must(w.admin.post("/admin/users/edit/" + uid, change))
        check(b.call("GET", "/users/view/me").status == 403 and c.call("GET", "/users/view/me").status == 403, name)
        must(w.admin.post("/admin/users/edit/" + uid, {"disabled": False}))
        is_out(b, "for good")
    b, c = two()
    rows = must(b.call("GET", "/users/sessions"))
    is_equal(sorted((r["Session"]["ip"], r["Session"]["current"]) for r in rows), [("127.0.0.1", False), ("127.0.0.1", True)],
             "one's sessions")
    is_equal(len(must(w.admin.get("/users/sessions/" + uid))), 2, "an administrator sees them")
    _, key, _ = w.user()
    refused(w.client(key).get("/users/sessions/" + uid), 404, "Invalid user", "nobody else does")
    refused(w.client(key).post("/users/endSessions/" + uid), 404, "Invalid user", "or ends them")
    must(b.call("POST", "/users/endSessions", {}))
    is_out(b, "all ended by oneself")
    is_out(c, "on every device")
    b, c = two()
    many = [Browser(w) for _ in range(16)]
    for x in many:
        must(x.login(email))
    is_equal(len(must(w.admin.get("/users/sessions/" + uid))), 16, "an account has 16 at most")
    is_equal(many[-1].call("GET", "/users/view/me").status, 200, "the newest")
    must(w.admin.call("DELETE", "/admin/users/delete/" + uid))
    a = many[-1].call("GET", "/users/view/me")
    is_equal(a.status, 403, "a deleted account's end")


def first_password(w):
    uid, _, email = w.user(password=PASSWORD)
    b = Browser(w)
    is_equal(must(b.login(email))["change_pw"], True, "a password that somebody else has chosen")
    a = b.call("GET", "/events/index", headers={"Accept": "text/html"})
    is_equal((a.status, a.headers.get("location")), (302, "/users/account"), "sends a browser to where it is changed")
    refused(b.call("GET", "/events/index"), 403, "Change your password first.", "gets nowhere")
    must(b.call("POST", "/users/change_pw", {"password": PASSWORD + "?", "current_password": PASSWORD}))
    is_equal(b.call("GET", "/events/index").status, 200, "until it is changed")


def policy(w):
    uid, _, email = w.user()
    name = email.partition("@")[0]
    for bad in ("Short 7", "alllowercase7", "ALLUPPERCASE7", "NoDigitsAtAll", "a" * 20, "x" * 2000):
        is_equal(w.admin.post("/admin/users/edit/" + uid, {"password": bad}).status, 403, "too simple: %.20s" % bad)
    is_equal(w.admin.post("/admin/users/edit/" + uid, {"password": name.capitalize() + "Aa1!" * 2}).status, 200 if len(name) <= 3 else 403,
             "its own name")
    for good in ("Mixed case 12", "sixteen characters", "åäö långa ord räcker"):
        is_equal(w.admin.post("/admin/users/edit/" + uid, {"password": good}).status, 200, "good enough: " + good)


def code(secret, at=None):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int((at or time.time()) // 30)), hashlib.sha1).digest()
    o = mac[-1] & 15
    return "%06d" % ((struct.unpack(">I", mac[o:o + 4])[0] & 0x7fffffff) % 1000000)


def one_time_codes(w):
    uid, email = person(w)
    b = Browser(w)
    must(b.login(email))
    refused(b.call("POST", "/users/totp_new", {}), 403, "Give your password with it (member password).", "not without the password")
    t = must(b.call("POST", "/users/totp_new", {"password": PASSWORD}))["Totp"]
    q = urllib.parse.urlsplit(t["uri"])
    check(q.scheme == "otpauth" and q.netloc == "totp" and email in urllib.parse.unquote(q.path)
          and "secret=" + t["secret"] in q.query, "the address for authenticators", t)
    is_equal(t["confirmed"], False, "waits for a code")
    is_equal(Browser(w).login(email).status, 200, "and is not asked for before")
    refused(b.call("POST", "/users/totp_new", {"password": PASSWORD, "otp": "000000" if code(t["secret"]) != "000000" else "1"}),
            403, "The one-time code is wrong.", "a wrong code")
    now = code(t["secret"])
    done = must(b.call("POST", "/users/totp_new", {"password": PASSWORD, "otp": now}))["Totp"]
    is_equal((done["confirmed"], len(done["recovery_codes"]), "secret" in done), (True, 10, False), "confirmed, with recovery codes")
    is_equal(must(w.admin.get("/admin/users/view/" + uid))["User"]["totp_is_set"], "1", "lists say so")
    refused(Browser(w).login(email), 403, WRONG, "no log-in without a code")
    refused(Browser(w).login(email, otp=now), 403, WRONG, "the code of the set-up was used")
    later = code(t["secret"], time.time() + 30)
    refused(Browser(w).login(email, "wrong", otp=later), 403, WRONG, "a code with a wrong password")
    is_equal(Browser(w).login(email, otp=later).status, 200, "is not used up by that")
    refused(Browser(w).login(email, otp=later), 403, WRONG, "a code is good once")
    spare = done["recovery_codes"][3]
    is_equal(Browser(w).login(email, otp=" %s " % spare).status, 200, "a recovery code")
    refused(Browser(w).login(email, otp=spare), 403, WRONG, "is good once")
    is_equal(Browser(w).login(email, otp=done["recovery_codes"][4]).status, 200, "the next is another")
    refused(b.call("POST", "/users/totp_new", {"password": PASSWORD}), 403,
            "One-time codes are set up. Remove them first (users/totp_delete).", "not replaced in passing")
    refused(b.call("POST", "/users/totp_delete", {}), 403, "Give your password with it (member password).", "nor removed")
    _, key, _ = w.user()
    refused(w.client(key).post("/users/totp_delete/" + uid, {}), 404, "Invalid user", "nor by others")
    must(b.call("POST", "/users/totp_delete", {"password": PASSWORD}))
    is_equal(Browser(w).login(email).status, 200, "removed")
    made = must(w.admin.post("/users/totp_new/" + uid, {}))["Totp"]
    is_equal((made["confirmed"], len(made["recovery_codes"])), (True, 10), "an administrator sets them up at once")
    refused(Browser(w).login(email), 403, WRONG, "then they are asked for")
    is_equal(Browser(w).login(email, otp=code(made["secret"])).status, 200, "and work")
    must(w.admin.post("/users/totp_delete/" + uid, {}))


def parallel(w):
    """One code, many log-ins at once: one of them gets in."""
    from concurrent.futures import ThreadPoolExecutor
    uid, email = person(w)
    made = must(w.admin.post("/users/totp_new/" + uid, {}))["Totp"]
    otp = code(made["secret"])
    with ThreadPoolExecutor(4) as pool:
        got = sorted(a.status for a in pool.map(lambda _: Browser(w).login(email, otp=otp), range(4)))
    is_equal(got.count(200), 1, "a code that comes four times at once (%s)" % got)


def guessing(w):
    uid, email = person(w)
    _, neighbour = person(w)
    mine = Browser(w)
    must(mine.login(email))
    mine.call("POST", "/users/logout", {})
    thief = Browser(w)
    is_equal([thief.login(email, "guess number %d" % i).status for i in range(5)], [403] * 5, "guessing is heard a few times")
    exhaust(lambda: thief.login(email, "guess"), tries=20)
    a = thief.login(email)
    is_equal(a.status, 429, "then not even the right password")
    check(1 <= int(a.headers["retry-after"]) <= 900, "for a while", a.headers)
    refused(Browser(w).login("ghost@access.example", "x"), 403, WRONG, "others are not concerned")
    is_equal(mine.login(email).status, 200, "nor is the browser that was in the account")
    is_equal(Browser(w).login(neighbour).status, 200, "nor a neighbour at the same address")
    stolen = dict(mine.cookies)
    other = Browser(w)
    other.cookies = {"tocsin-device": stolen["tocsin-device"]}
    a = exhaust(lambda: other.login(neighbour, "guess"), tries=20, least=2)
    is_equal(a.status, 429, "the mark of one account is none for another")
    check(w.metric('tocsin_auth_held_back_total{way="password"}') >= 1, "it is counted")
    rows = Tool(w.node).json(0, "audit", "search", "action=login_failed", "limit=50")["records"]
    check(any(r.get("name") == email for r in rows) and any("held back" in (r.get("text") or "") for r in rows),
          "and recorded", rows[:3])


def address_guessing(w):
    """Many accounts from one address; a known browser from there gets in nevertheless."""
    _, email = person(w)
    _, fresh = person(w)
    known = Browser(w)
    must(known.login(email))
    names = iter("spray%d@access.example" % i for i in range(1000))
    a = exhaust(lambda: Browser(w).login(next(names), "Spring 2026!"), tries=60)
    is_equal(a.status, 429, "spraying ends")
    is_equal(Browser(w).login(fresh).status, 429, "a browser that nobody knows has to wait, there")
    is_equal(known.login(email).status, 200, "one that is known does not")


def pages(w):
    uid, email = person(w)
    b = Browser(w)
    a = b.call("GET", "/users/login", headers={"Accept": "text/html"})
    check(a.status == 200 and "text/html" in a.headers["content-type"] and "<form method=\"post\"" in a.text()
          and "<script" not in a.text(), "a page to log in", a.text()[:300])
    check("default-src 'none'" in a.headers["content-security-policy"], "that loads and runs nothing")
    evil = "\"><script>x</script>@access.example"
    a = b.call("POST", "/users/login", form={"email": evil, "password": "x"})
    check(a.status == 403 and "<script" not in a.text() and "&lt;script&gt;" in a.text() and WRONG in a.text(),
          "what was typed comes back escaped", a.text()[:600])
    import http.client
    conn = http.client.HTTPConnection("127.0.0.1", w.node.port, timeout=60)
    conn.request("POST", "/users/login", urllib.parse.urlencode({"email": email, "password": PASSWORD}),
                 {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html",
                  "Origin": "http://127.0.0.1:%d" % w.node.port})
    r = conn.getresponse()
    r.read()
    is_equal((r.status, r.getheader("Location")), (303, "/users/account"), "logged in by the page")
    b.keep([v for k, v in r.getheaders() if k.lower() == "set-cookie"])
    a = b.call("GET", "/users/account", headers={"Accept": "text/html"})
    check(a.status == 200 and email in a.text(), "one's account", a.text()[:200])
    action = a.text().split("action=\"/users/change_pw?")[1].split("\"")[0]
    new = {"current_password": PASSWORD, "password": PASSWORD + " 2"}
    a = b.call("POST", "/users/change_pw", form=new)
    is_equal(a.status, 403, "its form without the token")
    a = b.call("POST", "/users/change_pw?" + action, form=dict(new, current_password="x"))
    check(a.status == 403 and "is wrong" in a.text(), "with a wrong password", a.text()[:300])
    a = b.call("POST", "/users/change_pw?" + action, form=new)
    check(a.status == 200 and "is changed" in a.text(), "the password changed by the page", a.text()[:300])
    is_equal(Browser(w).login(email, PASSWORD + " 2").status, 200, "it holds")
    a = b.call("POST", "/users/logout?" + action, form={})
    is_equal((a.status, a.headers.get("location")), (303, "/users/login"), "logged out by the page")
    refused(b.call("GET", "/users/view/me"), 403, OVER, "it is over")
    b.cookies["tocsin"] = "0" * 64
    a = b.c.raw("GET", "/users/account", {"Accept": "text/html", "Cookie": "tocsin=" + "0" * 64})
    is_equal((a.status, a.headers.get("location", "")[-12:]), (302, "/users/login"), "and the browser is sent to the log-in")


def shown_the_way(w):
    """Who comes without anything: a browser is sent to the log-in, a program hears what is wrong."""
    c = nodes.Client(w.node.port)
    for what, headers in (("no Accept", {}), ("a browser", {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})):
        a = c.raw("GET", "/events/index", headers)
        is_equal((a.status, a.headers.get("location"), a.body), (302, "http://127.0.0.1:%d/users/login" % w.node.port, b""),
                 "sent to the log-in: " + what)
    for what, path, headers in (("JSON", "/events/index", {"Accept": "application/json"}), (".json", "/events/index.json", {}),
                                ("a program", "/events/index", {"Accept": "*/*"}),
                                ("a search", "/events/restSearch", {"Accept": "text/html"}),
                                ("a wrong key", "/events/index", {"Authorization": "w" * 40, "Accept": "text/html"})):
        refused(c.raw("GET", path, headers), 403, NO_KEY, "told: " + what)
    is_equal(must(c.raw("GET", "/users/heartbeat", {})), {"message": "Additional supply depots required."}, "the heartbeat needs no key")


def is_stored(w):
    """Neither tokens nor secrets nor passwords lie in the store."""
    uid, email = person(w)
    b = Browser(w)
    must(b.login(email))
    made = must(w.admin.post("/users/totp_new/" + uid, {}))["Totp"]
    found = []
    secrets = {"token": b.cookies["tocsin"].encode(), "token bytes": bytes.fromhex(b.cookies["tocsin"]),
               "password": PASSWORD.encode(), "otp secret": base64.b32decode(made["secret"]),
               "otp text": made["secret"].encode(), "recovery": made["recovery_codes"][0].encode(),
               "csrf": b.csrf.encode()}
    for path in subprocess.run(["find", w.node.folder, "-type", "f"], capture_output=True, text=True).stdout.split():
        with open(path, "rb") as f:
            data = f.read()
        found += [(name, path) for name, s in secrets.items() if s in data]
    is_equal(found, [], "no secret in the clear on disk")
    with open(w.node.log_path, "rb") as f:
        log = f.read()
    is_equal([n for n, s in secrets.items() if s in log], [], "nor in the log")
    must(w.admin.post("/users/totp_delete/" + uid, {}))


def restarts(w):
    _, email = person(w)
    b = Browser(w)
    must(b.login(email))
    w.node.stop()
    w.node.start()
    is_equal(b.call("GET", "/users/view/me").status, 200, "a session outlives a restart of the node")


ALL = (comes_in, stays_out, cookies, ends, first_password, policy, one_time_codes, parallel, pages,
       shown_the_way, is_stored)
LAST = (restarts, guessing, address_guessing)
