"""Headers, cookies and bodies that nobody means: nothing falls over, nobody comes in."""
import json
import random
import socket

from login import PASSWORD, Browser, person
from world import check, is_equal, must

ROUNDS = 1500
PIECES = [b",", b";", b"=", b" ", b"\t", b"\"", b"%", b"%00", b"\x80", b"\xff", b"::ffff:", b"Basic ", b"tocsin=", b"tocsin-device=",
          b"0" * 64, b"f" * 40, b".", b"1e9", b"-1", b"99999999999999999999", b"__Host-tocsin=", b"127.0.0.1", b"a" * 300]


def mutated(rnd, seeds):
    s = bytearray(rnd.choice(seeds))
    for _ in range(rnd.randrange(1, 6)):
        at = rnd.randrange(len(s) + 1)
        kind = rnd.randrange(4)
        if kind == 0:
            s[at:at] = rnd.choice(PIECES)
        elif kind == 1 and s:
            del s[at:at + rnd.randrange(1, 8)]
        elif kind == 2 and s:
            s[min(at, len(s) - 1)] ^= 1 << rnd.randrange(8)
        else:
            s += s[:rnd.randrange(len(s) + 1)]
    return bytes(s).replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")[:6000]


def send(port, request):
    with socket.create_connection(("127.0.0.1", port), 30) as s:
        s.sendall(request)
        got = b""
        while True:
            piece = s.recv(65536)
            if not piece:
                return int(got.split()[1]) if got else 0, got
            got += piece


def headers(w):
    rnd = random.Random(7)
    w.node.stop()
    w.node.start()  # it has forgotten who failed
    _, email = person(w)
    b = Browser(w)
    must(b.login(email))
    _, key, _ = w.user()
    token, device = b.cookies["tocsin"], b.cookies["tocsin-device"]
    seeds = {b"Authorization": [key.encode(), (key + "," + key).encode(), b"Basic eDp5"],
             b"X-MISP-AUTH": [key.encode()],
             b"Cookie": [("tocsin=%s; tocsin-device=%s" % (token, device)).encode(), ("tocsin=" + token).encode()],
             b"X-Forwarded-For": [b"203.0.113.5, 10.0.0.1", b"::1"], b"X-CSRF-Token": [b.csrf.encode()],
             b"Origin": [b"http://x", b"null"], b"Sec-Fetch-Site": [b"same-origin"]}
    seen, came_in = {}, []
    for _ in range(ROUNDS):
        names = rnd.sample(sorted(seeds), rnd.randrange(1, 4))
        given = {n: mutated(rnd, seeds[n]) for n in names}
        head = b"".join(n + b": " + v + b"\r\n" for n, v in given.items())
        status, got = send(w.node.port, b"GET /users/view/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head + b"\r\n")
        seen[status] = seen.get(status, 0) + 1
        if status == 200 and not any(key.encode() in v or token.encode() in v for v in given.values()):
            came_in.append(given)
    check(set(seen) <= {200, 302, 400, 403, 429, 431}, "headers by chance: %s" % seen)
    is_equal(came_in, [], "nobody comes in by chance")


def bodies(w):
    rnd = random.Random(8)
    uid, email = person(w)
    good = {"email": email, "password": PASSWORD, "otp": "123456"}
    seeds = [json.dumps(good).encode(), json.dumps({"User": good}).encode(), b"[]", b"null", b"7", b"{\"User\":[[]]}",
             b"{\"email\":{\"a\":1},\"password\":[1]}", b"email=%s&password=x&otp=1" % email.encode()]
    seen = {}
    for i in range(ROUNDS // 5):
        body = mutated(rnd, seeds)
        kind = rnd.choice([b"application/json", b"application/x-www-form-urlencoded", b"text/plain"])
        path = rnd.choice([b"/users/login", b"/users/register", b"/users/change_pw", b"/users/totp_new", b"/users/account"])
        status, got = send(w.node.port, b"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\nCookie: %s\r\n"
                           b"Content-Length: %d\r\n\r\n" % (path, kind, mutated(rnd, [b"tocsin-device=1.2.3"]), len(body)) + body)
        seen[status] = seen.get(status, 0) + 1
    check(set(seen) <= {400, 403, 405, 415, 429, 431, 503}, "bodies by chance: %s" % seen)
    check(w.node.alive(), "the node stands")


LAST = (headers, bodies)
ALL = ()
