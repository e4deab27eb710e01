"""late.py - an event that is in the store before searches find it (the index follows the commit): all sets get all of it."""
import subsworld
from subsworld import World, ok, wait_for

SETS = 8
VALUES = 20000


def run():
    with World() as w:
        names = ["s%d" % i for i in range(SETS)]
        for n in names:
            w.subscribe(n, "domain-list")
        want = 0
        for k in range(2):
            body = "".join("h%d.late%d.example.com\n" % (i, k) for i in range(VALUES)).encode()
            a = w.c.raw("POST", "/tocsin/importValues?as=list&publish=1&info=late%d" % k,
                        {"Authorization": w.c.key, "Content-Type": "application/octet-stream", "Accept": "application/json"}, body)
            ok(a.status == 200, "a list of %d names becomes an event" % VALUES, a.text()[:500])
            want += VALUES
            wait_for(lambda: all(w.status(n)["eligible"] == want for n in names))
            got = {n: w.status(n)["eligible"] for n in names}
            ok(set(got.values()) == {want}, "each of %d sets has all of it" % SETS, got)
