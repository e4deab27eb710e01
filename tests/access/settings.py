"""What options change: proxies, validity of keys, ends of sessions, cookies behind TLS, costs of passwords."""
import time

from login import OVER, PASSWORD, WRONG, Browser, code, person
from world import NO_KEY, READ_ONLY, check, is_equal, must, nodes, refused

ME = "/users/view/me"
#: the node that is strict; run.py starts it
STRICT = ["--set", "registration.enabled=true", "--set", "keys.validity=10d", "--set", "trusted_proxies=127.0.0.1,10.0.0.0/8",
          "--set", "login.idle=6s", "--set", "login.end=20s", "--set", "base_url=https://node.example",
          "--set", "login.argon2_memory=1MiB", "--set", "login.argon2_passes=1", "--set", "login.password_length=20"]


def proxies(w):
    uid, _, _ = w.user()
    c = w.client(w.key(uid, allowed_ips=["203.0.113.5"])["authkey_raw"])

    def via(*lines):
        """Status with these X-Forwarded-For lines."""
        import socket
        s = socket.create_connection(("127.0.0.1", w.node.port), 30)
        head = "GET %s HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nAuthorization: %s\r\n" % (ME, c.key)
        s.sendall((head + "".join("X-Forwarded-For: %s\r\n" % x for x in lines) + "Connection: close\r\n\r\n").encode())
        got = b""
        while True:
            piece = s.recv(65536)
            if not piece:
                return int(got.split()[1])
            got += piece
    for lines, status in ((("203.0.113.5",), 200), ((), 403), (("203.0.113.6",), 403), (("fog",), 403), (("",), 403),
                          (("203.0.113.5, 10.1.2.3",), 200), (("203.0.113.5, 203.0.113.6",), 403),
                          (("203.0.113.6, 203.0.113.5",), 200), (("203.0.113.5", "203.0.113.6"), 403),
                          (("203.0.113.6", "203.0.113.5"), 200), (("203.0.113.5", "10.9.9.9"), 200), ((",,,",), 403),
                          (("203.0.113.5, fog",), 403), (("::ffff:203.0.113.5",), 200)):
        is_equal(via(*lines), status, "forwarded for %r" % (lines,))


def validity(w):
    uid, key, _ = w.user()
    now = time.time()
    for asked in (None, "2040-01-01", ""):
        k = w.key(uid, **({} if asked is None else {"expiration": asked}))
        check(abs(int(k["expiration"]) - now - 864000) < 60, "a key ends within ten days: %r" % asked, k["expiration"])
    soon = str(int(now) + 3600)
    is_equal(w.key(uid, expiration=soon)["expiration"], soon, "or before")
    k = w.key(uid)
    b = must(w.admin.post("/auth_keys/edit/" + k["id"], {"expiration": "2040-01-01"}))["AuthKey"]
    check(abs(int(b["expiration"]) - now - 864000) < 60, "editing does not prolong it", b)
    check("x-auth-key-expiration" in w.client(key).get(ME).headers, "the account's own key ends as well")


def strict_passwords(w):
    uid, _, email = w.user()
    is_equal(w.admin.post("/admin/users/edit/" + uid, {"password": "Correct Horse 7 B"}).status, 403, "too short here")
    is_equal(w.admin.post("/admin/users/edit/" + uid, {"password": PASSWORD}).status, 200, "long enough")


def behind_tls(w):
    _, email = person(w)
    b = Browser(w)
    is_equal(b.login(email).status, 200, "a log-in behind TLS")
    names = sorted(c.split("=")[0] for c in b.set_cookies)
    is_equal(names, ["__Host-tocsin", "__Host-tocsin-device"], "cookies of this host alone")
    check(all("; Secure" in c and "Domain" not in c for c in b.set_cookies), "and of TLS", b.set_cookies)
    is_equal(b.call("GET", ME).status, 200, "they work")
    b.cookies = {"tocsin": b.cookies["__Host-tocsin"]}
    refused(b.call("GET", ME), 403, NO_KEY, "a name that others could set does not")


def times(w):
    _, email = person(w)
    idle, busy = Browser(w), Browser(w)
    must(idle.login(email))
    must(busy.login(email))
    begun = time.monotonic()
    while time.monotonic() - begun < 9:
        a = busy.call("GET", ME)
        if a.status != 200:
            break
        time.sleep(0.5)
    is_equal(a.status, 200, "who does something stays in")
    refused(idle.call("GET", ME), 403, OVER, "who does nothing does not")
    while time.monotonic() - begun < 30 and busy.call("GET", ME).status == 200:
        time.sleep(0.5)
    check(18 <= time.monotonic() - begun < 29, "nobody stays for ever", time.monotonic() - begun)


def costs(w):
    """Digests of earlier costs are known, and made anew."""
    uid, email = person(w)
    must(Browser(w).login(email))
    w.node.stop()
    w.node.extra += ["--set", "login.argon2_passes=2"]
    w.node.start()
    must(Browser(w).login(email))
    is_equal(Browser(w).login(email).status, 200, "with new costs, twice")
    with open(w.node.folder + "/store/data.mdb", "rb") as f:
        check(b"m=1024,t=2,p=1" in f.read(), "the digest was made anew")


def demands_codes(w):
    w.node.stop()
    w.node.extra += ["--set", "login.totp_required=true", "--set", "login.idle=1h", "--set", "login.end=12h"]
    w.node.start()
    _, email = person(w)
    b = Browser(w)
    must(b.login(email))
    refused(b.call("GET", "/events/index"), 403, "Set up one-time codes for your log-in first.", "codes are demanded")
    t = must(b.call("POST", "/users/totp_new", {"password": PASSWORD}))["Totp"]
    must(b.call("POST", "/users/totp_new", {"password": PASSWORD, "otp": code(t["secret"])}))
    is_equal(b.call("GET", "/events/index").status, 200, "until they are set up")
    role = w.role(permission="1", perm_auth=True, perm_skip_otp=True)
    _, email = person(w, role=role)
    b = Browser(w)
    must(b.login(email))
    is_equal(b.call("GET", "/events/index").status, 200, "but of roles with perm_skip_otp")


def switched_off(w):
    w.node.stop()
    w.node.extra += ["--set", "login.enabled=false", "--set", "registration.enabled=false"]
    w.node.start()
    _, email = person(w)
    refused(Browser(w).login(email), 404, "Log-in by password is switched off here.", "no log-ins")
    refused(nodes.Client(w.node.port).post("/users/register", {"email": "a@b.example"}), 403, NO_KEY,
            "no registrations, as recorded")


ALL = (proxies, validity, strict_passwords, behind_tls, times)
LAST = (costs, demands_codes, switched_off)
