"""The tool's part: passwords, one-time codes, sessions."""
from login import PASSWORD, Browser, code
from world import Tool, check, is_equal, must


def passwords(w):
    t = Tool(w.node)
    uid, _, email = w.user()
    t.want(0, "user", "password", email, stdin=(PASSWORD + "\n").encode())
    b = Browser(w)
    is_equal(must(b.login(email))["change_pw"], True, "a password by the tool, to be changed")
    t.want(0, "user", "password", uid, "--final", stdin=PASSWORD.encode())
    is_equal(must(Browser(w).login(email))["change_pw"], False, "or not")
    is_equal(b.call("GET", "/users/view/me").status, 403, "sessions before end")
    t.want(1, "user", "password", email, stdin=b"short\n")
    t.want(2, "user", "password", email, stdin=b"")
    t.want(1, "user", "password", "nobody@access.example", stdin=PASSWORD.encode())
    made = t.json(0, "user", "password", email, "--random")["User"]["password"]
    is_equal(Browser(w).login(email, made).status, 200, "a random one")
    d = t.terminal("user", "password", email, "--random")
    check("password" in d.out, "shown", d)


def codes(w):
    t = Tool(w.node)
    uid, _, email = w.user(password=PASSWORD, change_pw=False)
    made = t.json(0, "user", "totp", email)["Totp"]
    check(made["uri"].startswith("otpauth://totp/") and len(made["recovery_codes"]) == 10, "a secret by the tool", made)
    is_equal(Browser(w).login(email).status, 403, "codes are asked for")
    is_equal(Browser(w).login(email, otp=code(made["secret"])).status, 200, "and work")
    t.want(1, "user", "totp", email)
    t.want(0, "user", "totp", email, "--remove")
    d = t.want(0, "user", "totp", email)
    check("otpauth://" in d.out and d.out.count("-") >= 30, "printed for people", d)
    t.want(0, "user", "totp", uid, "--remove")
    is_equal(Browser(w).login(email).status, 200, "no codes any more")


def sessions(w):
    t = Tool(w.node)
    uid, _, email = w.user(password=PASSWORD, change_pw=False)
    b = Browser(w)
    must(b.login(email))
    is_equal([s["Session"]["ip"] for s in t.json(0, "user", "sessions", email)], ["127.0.0.1"], "sessions by the tool")
    check("127.0.0.1" in t.terminal("user", "sessions", email).out, "as a table")
    t.want(0, "user", "sessions", email, "--end")
    is_equal(t.json(0, "user", "sessions", email), [], "ended")
    is_equal(b.call("GET", "/users/view/me").status, 403, "for the browser, too")


ALL = (passwords, codes, sessions)
