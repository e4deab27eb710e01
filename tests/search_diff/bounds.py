#!/usr/bin/env python3
"""A search uses no more time and memory than it may, and ends when its client leaves."""
import json
import os
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib")]
import node as nodelib  # noqa: E402

EVENTS, EACH = 12, 1000
PATH = "/attributes/restSearch"
SLOW = {"value": ["%%no%dsuch%%thing%d%%" % (i, i) for i in range(4000)]}
failed = 0


def ok(good, what):
    global failed
    failed += not good
    print(("ok - " if good else "not ok - ") + what)


def fill(c):
    for i in range(EVENTS):
        attrs = [{"type": "text", "category": "Other", "timestamp": str(1700000000 + (k * 7919) % 5000),
                  "value": "a long enough text %d of event %d to be looked through" % (k, i)}
                 for k in range(EACH)]
        ans = c.post("/events/add", {"Event": {"info": "bounds", "distribution": "1",
                                               "Attribute": attrs}})
        if ans.status != 200:
            raise SystemExit(ans.text()[:300])


def leave(port, key, doc, after):
    """Ask, and close the connection while the search is under way."""
    body = json.dumps(doc).encode()
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nAccept: application/json\r\n"
              b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
              % (PATH.encode(), key.encode(), len(body)) + body)
    time.sleep(after)
    s.close()


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    node = nodelib.Node(extra=["--set", "workers=2", "--set", "limits.search_time=4s",
                               "--set", "limits.search_memory=1MiB"])
    node.start()
    try:
        c = node.client()
        fill(c)
        ans = c.post(PATH, {"order": "timestamp desc"})
        ok(ans.status == 413 and "memory" in ans.json()["message"],
           "an order of everything needs more memory than there is: %d" % ans.status)
        ans = c.post(PATH, {})
        ok(ans.status == 200 and len(ans.json()["response"]["Attribute"]) == EVENTS * EACH,
           "everything in its own order does not")
        t0 = time.monotonic()
        ans = c.post(PATH, SLOW)
        took = time.monotonic() - t0
        slow = ans.status == 429
        ok(slow and "longer" in ans.json()["message"],
           "a search that takes too long is ended: %d after %.1f s" % (ans.status, took))
        ok(took < 6, "in time")
        if slow:
            # both workers look for what nobody waits for any more
            two = [threading.Thread(target=leave, args=(node.port, node.key, SLOW, 0.5))
                   for _ in range(2)]
            for t in two:
                t.start()
            for t in two:
                t.join()
            t0 = time.monotonic()
            ans = c.post(PATH, {"limit": 1})
            took = time.monotonic() - t0
            ok(ans.status == 200 and took < 1.5,
               "when the client leaves, its worker is free after %.2f s" % took)
        body = b"x"
        s = socket.create_connection(("127.0.0.1", node.port))
        s.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nAccept: application/json\r\n"
                  b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
                  % (PATH.encode(), node.key.encode()))
        body = s.recv(1000)
        s.close()
        t0 = time.monotonic()
        ans = c.post(PATH, {"limit": 1})
        ok(body.startswith(b"HTTP/1.1 200") and ans.status == 200 and time.monotonic() - t0 < 1.5,
           "so is one whose answer nobody reads to its end")
        return bool(failed)
    finally:
        node.stop()


if __name__ == "__main__":
    sys.exit(main())
