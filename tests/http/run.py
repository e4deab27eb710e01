#!/usr/bin/env python3
"""The HTTP server seen from the wire. Standard library only; prints TAP."""
import gzip
import hashlib
import json
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../lib")]
import coding  # noqa: E402
from raw import Client, Closed, Server, wait_for  # noqa: E402

TESTS = []


def test(f):
    TESTS.append(f)
    return f


def same(got, want, what=""):
    assert got == want, "%s: got %r, want %r" % (what, got, want)


def body_text(n):
    return bytes(ord("a") + (i // 7) % 26 for i in range(n))


POST = "POST /test/echo HTTP/1.1\r\nHost: x\r\n"
NEXT = "GET /test/hello HTTP/1.1\r\nHost: x\r\n\r\n"

# ---- framing: each of these must be refused, and what follows must not be run as a request

SMUGGLING = {
    "xchunked": POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice in a list": POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": POST + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "gzip, chunked": POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
    "two transfer-encodings": POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked with vertical tab": POST + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "space before colon (TE)": POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "space before colon (CL)": POST + "Content-Length : 3\r\n\r\nabc",
    "tab before colon": POST + "Content-Length\t: 3\r\n\r\nabc",
    "two content-lengths": POST + "Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc",
    "two equal content-lengths": POST + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "content-length list": POST + "Content-Length: 3, 3\r\n\r\nabc",
    "CL and TE": POST + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE and CL": POST + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "CL +3": POST + "Content-Length: +3\r\n\r\nabc",
    "CL -3": POST + "Content-Length: -3\r\n\r\nabc",
    "CL 0x3": POST + "Content-Length: 0x3\r\n\r\nabc",
    "CL empty": POST + "Content-Length:\r\n\r\nabc",
    "CL 3 3": POST + "Content-Length: 3 3\r\n\r\nabc",
    "CL huge": POST + "Content-Length: 99999999999999999999\r\n\r\nabc",
    "CL fullwidth digit": POST + "Content-Length: \xef\xbc\x93\r\n\r\nabc",
    "bare LF": "POST /test/echo HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc",
    "bare LF in one line": POST + "X: y\nContent-Length: 3\r\n\r\nabc",
    "bare CR in a value": POST + "X: y\rContent-Length: 3\r\n\r\n",
    "LF CR": "GET /test/hello HTTP/1.1\n\rHost: x\n\r\n\r",
    "folded header": POST + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "folded first header": "GET /test/hello HTTP/1.1\r\n Host: x\r\n\r\n",
    "NUL in a value": POST + "X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "NUL in a name": POST + "X\0: a\r\nContent-Length: 0\r\n\r\n",
    "NUL in the path": "GET /test/hel\0lo HTTP/1.1\r\nHost: x\r\n\r\n",
    "encoded NUL in the path": "GET /test/show/a%00b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "no Host": "GET /test/hello HTTP/1.1\r\n\r\n",
    "two Hosts": "GET /test/hello HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "empty Host": "GET /test/hello HTTP/1.1\r\nHost:\r\n\r\n",
    "Host with a space": "GET /test/hello HTTP/1.1\r\nHost: a b\r\n\r\n",
    "Host list": "GET /test/hello HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "Host with user": "GET /test/hello HTTP/1.1\r\nHost: u@x\r\n\r\n",
    "header without colon": POST + "Nonsense\r\n\r\n",
    "empty header name": POST + ": x\r\n\r\n",
    "header name with a space": POST + "X Y: z\r\n\r\n",
    "two authorizations": "GET /test/hello HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
    "two content-encodings": POST + "Content-Encoding: gzip\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n",
    "TE in HTTP/1.0": "POST /test/echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two spaces after the method": "GET  /test/hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "tab after the method": "GET\t/test/hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "space before the method": " GET /test/hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "trailing space": "GET /test/hello HTTP/1.1 \r\nHost: x\r\n\r\n",
    "no version": "GET /test/hello\r\nHost: x\r\n\r\n",
    "lower-case http": "GET /test/hello http/1.1\r\nHost: x\r\n\r\n",
    "HTTP/1.10": "GET /test/hello HTTP/1.10\r\nHost: x\r\n\r\n",
    "fragment": "GET /test/hello#a HTTP/1.1\r\nHost: x\r\n\r\n",
    "no slash": "GET test/hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "authority form": "GET x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n",
    "absolute form, other host": "GET http://y/test/hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "absolute form with user": "GET http://u@x/test/hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "absolute form, ftp": "GET ftp://x/test/hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "two empty lines first": "\r\n\r\nGET /test/hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "PRI of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\r\n\r\n",
}


@test
def smuggling_vectors():
    with Server() as s:
        for name, request in SMUGGLING.items():
            with s.connect() as c:
                c.send(request + NEXT + NEXT)
                a = c.answer()
                want = {"PRI of HTTP/2": (400, 505), "HTTP/1.10": (400,)}.get(name, (400,))
                assert a.status in want, "%s: %r" % (name, a)
                rest = c.finish()
                if name != "encoded NUL in the path":
                    assert a.headers.get("connection") == "close", "%s: %r" % (name, a)
                assert b"HTTP/1.1 200" not in rest and b"hello" not in rest, "%s: %r" % (name, rest)
        assert s.counters()["bad"] >= len(SMUGGLING) - 2


@test
def smuggling_byte_by_byte():
    """The same decisions when the bytes trickle in one at a time."""
    with Server() as s:
        for name in ("xchunked", "two content-lengths", "bare LF in one line", "folded header",
                     "CL and TE", "two empty lines first"):
            with s.connect() as c:
                c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    for b in (SMUGGLING[name] + NEXT).encode("latin-1"):
                        c.send(bytes([b]))
                except (BrokenPipeError, ConnectionResetError):
                    pass
                got = c.finish()
                assert got.startswith(b"HTTP/1.1 400"), "%s: %r" % (name, got)
                assert b"hello" not in got, name


BAD_CHUNKS = {
    "sign": "+3\r\nabc\r\n0\r\n\r\n",
    "minus": "-3\r\nabc\r\n0\r\n\r\n",
    "0x": "0x3\r\nabc\r\n0\r\n\r\n",
    "space before": " 3\r\nabc\r\n0\r\n\r\n",
    "space after": "3 \r\nabc\r\n0\r\n\r\n",
    "empty size": "\r\nabc\r\n0\r\n\r\n",
    "bare LF": "3\nabc\r\n0\r\n\r\n",
    "bare LF after data": "3\r\nabc\n0\r\n\r\n",
    "data too long": "3\r\nabcd\r\n0\r\n\r\n",
    "overflow": "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "LF in an extension": "3;a\nb\r\nabc\r\n0\r\n\r\n",
    "NUL in an extension": "3;a\0b\r\nabc\r\n0\r\n\r\n",
    "bad trailer": "3\r\nabc\r\n0\r\nno colon\r\n\r\n",
    "folded trailer": "3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n",
    "bare LF in the trailer": "3\r\nabc\r\n0\r\nA: b\n\r\n",
    "endless extension": "3;" + "a" * 70000 + "\r\nabc\r\n0\r\n\r\n",
    "many extensions": ("1;" + "a" * 500 + "\r\nx\r\n") * 140 + "0\r\n\r\n",
}


@test
def chunk_errors():
    with Server() as s:
        for path in ("/test/echo", "/test/sink"):
            for name, body in BAD_CHUNKS.items():
                with s.connect() as c:
                    c.send("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%s%s"
                           % (path, body, NEXT))
                    a = c.answer()
                    assert a.status == 400, "%s %s: %r" % (path, name, a)
                    rest = c.finish()
                    assert b"200 OK" not in rest, "%s %s: %r" % (path, name, rest)


@test
def chunk_edge_cases():
    with Server() as s, s.connect() as c:
        head = POST + "Transfer-Encoding: chunked\r\n\r\n"
        for body, want in (
            ("0\r\n\r\n", b""),
            ("000\r\n\r\n", b""),
            ("3\r\nabc\r\n0\r\n\r\n", b"abc"),
            ("3;x=1;y=\"a b\"\r\nabc\r\n0\r\n\r\n", b"abc"),
            ("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
            ("A\r\n0123456789\r\na\r\n0123456789\r\n00\r\nTrailer: dropped\r\nB:\r\n\r\n",
             b"0123456789" * 2),
            ("3\r\n\r\n0\r\n0\r\n\r\n", b"\r\n0"),
        ):
            c.send(head + body)
            a = c.answer()
            same((a.status, a.body), (200, want), body)
        # the same, one byte at a time, and the next request behind it
        for b in (head + "3\r\nabc\r\n0\r\nT: x\r\n\r\n" + NEXT).encode():
            c.send(bytes([b]))
        same(c.answer().body, b"abc")
        same(c.answer().body, b"hello\n")


@test
def legal_oddities():
    with Server() as s, s.connect() as c:
        c.send("\r\nGET /test/hello HTTP/1.1\r\nHost: x\r\n\r\n")
        same(c.answer().status, 200, "one empty line first")
        c.send("GET http://X:80/test/hello HTTP/1.1\r\nhost: x:80\r\n\r\n")
        same(c.answer().status, 200, "absolute form")
        c.send("GET /test/hello HTTP/1.1\r\nHost:\t x \t\r\nX-Empty:\r\nX: \xff\xfe\r\n\r\n")
        same(c.answer().status, 200, "white space around values")
        c.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        a = c.answer()
        same(a.status, 204)
        assert "POST" in a.headers["allow"], a
        c.send("POST /test/echo HTTP/1.1\r\nHost: x\r\ncontent-LENGTH: 0003\r\n\r\nabc")
        same(c.answer().body, b"abc")
        c.send("GET /test/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        same(c.answer().status, 200, "GET with a body")
        c.send(NEXT)
        same(c.answer().status, 200, "still in step")


@test
def http_10():
    with Server() as s:
        with s.connect() as c:
            c.send("GET /test/hello HTTP/1.0\r\n\r\n")
            same(c.answer().body, b"hello\n")
            assert c.is_closed()
        with s.connect() as c:
            c.send("GET /test/hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            same(c.answer().headers["connection"], "keep-alive")
            c.send("GET /test/stream/300000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            a = c.answer()
            assert "transfer-encoding" not in a.headers, a
            same(a.body, body_text(300000), "stream to HTTP/1.0")


@test
def versions_and_methods():
    with Server() as s:
        for line, status in (("GET /test/hello HTTP/2.0", 505), ("GET /test/hello HTTP/1.2", 505),
                             ("GET /test/hello HTTP/9.9", 505), ("BREW /test/hello HTTP/1.1", 501),
                             ("TRACE /test/hello HTTP/1.1", 501), ("get /test/hello HTTP/1.1", 501),
                             ("CONNECT x:1 HTTP/1.1", 501)):
            with s.connect() as c:
                c.send(line + "\r\nHost: x\r\n\r\n" + NEXT)
                same(c.answer().status, status, line)
                same(c.finish(), b"", line)
        a = s.get("/test/echo")
        same((a.status, a.headers["allow"]), (405, "POST"))
        a = s.get("/test/hello", method="PUT")
        same(a.status, 200, "MISP takes any method")


# ---- limits

@test
def head_limits():
    with Server("head_ms=60000") as s:
        for request, status in (
            ("GET /" + "a" * 20000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 414),
            ("GET /" + "a" * 200000, 414),
            ("GET /test/hello HTTP/1.1\r\nHost: x\r\nX: " + "a" * 70000 + "\r\n\r\n", 431),
            ("GET /test/hello HTTP/1.1\r\nHost: x\r\nX: " + "a" * 300000, 431),
            ("GET /test/hello HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 120 + "\r\n", 431),
            ("GET /" + "a/" * 2000 + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 414),
            ("GET /test/show/" + "/".join("1" * 20) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 414),
        ):
            with s.connect() as c:
                try:
                    c.send(request)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                same(c.answer().status, status, request[:60])
        with s.connect() as c:
            c.send("GET /test/show/" + "x:" + "a" * 15000 + " HTTP/1.1\r\nHost: x\r\n"
                   + "X-Filler: abc\r\n" * 90 + "\r\n")
            same(c.answer().status, 200, "a long but legal head")
        # 100 UUIDs in the path, as MISP's analyst data pull sends them
        path = "/test/show" + "".join("/uuid[]:00000000-0000-4000-8000-%012d" % i for i in range(100))
        a = s.get(path + ".json", "User-Agent: MISP 2.5.1\r\n")
        same(len(json.loads(a.body)["named"]), 200)


@test
def body_limits():
    with Server("body=1000") as s:
        with s.connect() as c:
            c.send(POST + "Content-Length: 1000\r\n\r\n" + "x" * 1000)
            same(c.answer().status, 200)
            c.send(POST + "Content-Length: 1001\r\n\r\n" + "x" * 1001)
            same(c.answer().status, 413, "announced")
            c.send(NEXT)
            same(c.answer().status, 200, "a short refused body is skipped")
        with s.connect() as c:
            c.send(POST + "Transfer-Encoding: chunked\r\n\r\n" + "100\r\n" + "x" * 256 + "\r\n")
            try:
                for _ in range(10):
                    c.send("100\r\n" + "x" * 256 + "\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass
            same(c.answer().status, 413, "chunked")
            assert c.is_closed()
        with s.connect() as c:
            c.send("POST /test/smallSink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                for _ in range(100):
                    c.send("1000\r\n" + "x" * 4096 + "\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass
            same(c.answer().status, 413, "streamed")
        with s.connect() as c:
            c.send("POST /test/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
            same(c.answer().status, 413, "answered before the body comes")
            assert c.is_closed()


@test
def all_bodies_together():
    """Buffered bodies share a budget: beyond it 503, and it comes back."""
    with Server("body=1000000", "bodies=300000") as s:
        a, b = s.connect(), s.connect()
        a.send(POST + "Content-Length: 250000\r\n\r\n" + "x" * 200000)
        time.sleep(0.2)
        b.send(POST + "Content-Length: 250000\r\n\r\n")
        try:
            b.send("x" * 250000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        same(b.answer().status, 503)
        a.send("x" * 50000)
        same(a.answer().status, 200)
        with s.connect() as c:
            c.send(POST + "Content-Length: 250000\r\n\r\n" + "x" * 250000)
            same(c.answer().status, 200, "the budget is back")
        for i in range(300):  # when the answer is there, not some time later
            with s.connect() as c:
                c.send(POST + "Content-Length: 250000\r\n\r\n" + "x" * 250000)
                same(c.answer().status, 200, "the budget is back, %d" % i)
        a.sock.close()
        b.sock.close()


@test
def refused_early_with_body():
    """404 and 403 to a request with a body: the connection stays in step or is closed."""
    with Server() as s:
        with s.connect() as c:
            for path, status in (("/nothing/here", 404), ("/test/secret", 403)):
                c.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" % path
                       + "GET / HTTP/1.1\r\nHost: x\r\n\r\n".ljust(5000, "z") + NEXT)
                same(c.answer().status, status)
                same(c.answer().body, b"hello\n")
        with s.connect() as c:
            c.send("POST /test/secret HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n")
            try:
                c.send(b"z" * 5000000)
            except (BrokenPipeError, ConnectionResetError):
                pass
            a = c.answer()
            same((a.status, a.headers["connection"]), (403, "close"))
            c.finish()
        a = s.get("/test/secret", "Authorization: good\r\n")
        same(a.status, 200)


@test
def error_documents():
    with Server() as s:
        a = s.get("/lighthouses/index", "User-Agent: PyMISP 2.5.1\r\n")
        same(a.status, 404)
        same(a.body, rb'{"name":"Not Found","message":"Not Found","url":"\/lighthouses\/index"}')
        with s.connect() as c:
            c.send("POST /events/add/metadata:1 HTTP/1.1\r\nHost: x\r\nUser-Agent: MISP 2.5.1\r\n"
                   "Content-Encoding: foam\r\nContent-Length: 2\r\n\r\n{}")
            a = c.answer()
            same(a.status, 400)
            same(a.body, b'{"name":"Unsupported content encoding &#039;foam&#039;.","message":'
                 b'"Unsupported content encoding &#039;foam&#039;.","url":"\\/events\\/add\\/metadata:1"}')
            c.send("POST /events/add/metadata:1 HTTP/1.1\r\nHost: x\r\nUser-Agent: MISP 2.5.1\r\n"
                   "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")
            a = c.answer()
            same(a.status, 400)
            same(a.body, b'{"name":"Invalid compressed data.","message":"Invalid compressed data.",'
                 b'"url":"\\/events\\/add\\/metadata:1"}')
        a = s.get("/test/fails", "User-Agent: MISP\r\n")
        same(a.status, 404)
        assert b"detail" not in a.body
        same(s.get("/test/forgets").status, 500)
        same(s.get("/test/later").body, b"later\n")


# ---- routing, as recorded

@test
def misp_paths():
    with Server() as s:
        def show(path, method="GET", status=200):
            a = s.get(path, "User-Agent: PyMISP\r\n", method)
            same(a.status, status, path)
            return json.loads(a.body)
        same(show("/events/view/12.json")["id"], "12")
        same(show("/events/12")["row"], "/events/view/:id")
        same(show("/events/5c0a1e01-71aa-4b0d-9e2f-000000000001")["id"],
             "5c0a1e01-71aa-4b0d-9e2f-000000000001")
        same(show("/events")["row"], "/events/index")
        same(show("/events", "POST")["row"], "/events/add")
        same(show("/events/15", "DELETE")["row"], "/events/delete/:id")
        same(show("/events/INDEX")["row"], "/events/index")
        same(show("/events/view/12.xml")["ext"], "xml")
        for p in ("/sharingGroups/index", "/sharing_groups/index", "/SharingGroups/index"):
            same(show(p)["row"], "/sharing_groups/index")
        same(show("/admin/users/add")["row"], "/admin/users/add")
        show("/users/add", status=404)
        show("/events/foghorn", status=404)
        d = show("/test/show/a%2Fb+c/deleted[]:0/deleted%5B%5D:1/tag:a%3Ab.json?x=%41&y&z=1=2")
        same(d["args"], ["a/b c"])
        same(d["named"], ["deleted[]", "0", "deleted[]", "1", "tag", "a:b"])
        same(d["query"], ["x", "A", "y", "", "z", "1=2"])
        show("/test/show/%zz", status=400)
        show("/test/show?a=%0", status=400)
        show("/test/local", status=404)


@test
def pretty_printing():
    with Server() as s:
        for ua, pretty in (("curl/7.88.1", True), ("PyMISP 2.5.1 - Python 3.11", False),
                           ("MISP 2.5.1 - #abc", False), ("", True)):
            a = s.get("/test/show/1", "User-Agent: %s\r\n" % ua if ua else "")
            same(b"\n    \"row\": " in a.body, pretty, ua)
            same(a.headers["content-type"], "application/json; charset=UTF-8")
        a = s.get("/test/show/1", "X-Requested-With: XMLHttpRequest\r\n")
        assert b"\n" not in a.body


@test
def etags():
    with Server() as s:
        plain = s.get("/test/show/1", "User-Agent: MISP\r\n")
        assert "etag" not in plain.headers
        tag = '"%s"' % hashlib.sha1(plain.body).hexdigest()
        a = s.get("/test/show/1", "User-Agent: MISP\r\nIf-None-Match:\r\n")
        same((a.status, a.headers["etag"]), (200, tag), "empty If-None-Match")
        for sent in (tag, tag[:-1] + '-gzip"', tag[:-1] + '-br"', '"x", ' + tag, '*'):
            with s.connect() as c:
                c.send("GET /test/show/1 HTTP/1.1\r\nHost: x\r\nUser-Agent: MISP\r\n"
                       "If-None-Match: %s\r\n\r\n" % sent + NEXT)
                a = c.answer()
                same(a.status, 304, sent)
                assert "content-length" not in a.headers, a
                same(c.answer().body, b"hello\n")
        a = s.get("/test/show/1", 'User-Agent: MISP\r\nIf-None-Match: "0000"\r\n')
        same((a.status, a.headers["etag"]), (200, tag))


@test
def etags_of_streams():
    with tempfile.TemporaryDirectory() as spool, Server("spool=" + spool) as s:
        # in memory, in the file, and just at the limit between them
        for n in (0, 1, 1000, 262144 - 32768, 262144, 262145, 5000000):
            tag = '"%s"' % hashlib.sha1(body_text(n)).hexdigest()
            for path in ("/test/stream/%d" % n, "/test/stream/%d/length:1" % n):
                assert "etag" not in s.get(path).headers, "nobody asked"
                a = s.get(path, "If-None-Match:\r\n")
                same((a.status, a.headers.get("etag"), a.body), (200, tag, body_text(n)), path)
                same(a.headers["content-length"], str(n), "it is known now")
                a = s.get(path, "If-None-Match:\r\nAccept-Encoding: gzip\r\n")
                same((a.status, a.headers.get("etag")), (200, tag), path)
                if n >= 1024:
                    same(a.headers["content-encoding"], "gzip")
                    a.body = gzip.decompress(a.body)
                same(a.body, body_text(n))
                for sent in (tag, tag[:-1] + '-gzip"', 'W/' + tag):
                    with s.connect() as c:
                        c.send("GET %s HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n\r\n" % (path, sent)
                               + NEXT)
                        a = c.answer()
                        same((a.status, a.headers["etag"]), (304, tag), path)
                        assert "content-length" not in a.headers and "content-encoding" not in a.headers, a
                        same(c.answer().body, b"hello\n")
        # what waits for something is not waited for
        a = s.get("/test/stream/200000/pause:5", "If-None-Match:\r\n")
        same((a.status, a.body), (200, body_text(200000)), "with pauses")
        assert "etag" not in a.headers
        # a client that leaves meanwhile
        for _ in range(5):
            with s.connect() as c:
                c.send("GET /test/stream/3000000000 HTTP/1.1\r\nHost: x\r\nIf-None-Match:\r\n\r\n")
        same(os.listdir(spool), [], "the file has no name")
    with Server() as s:  # nowhere to put it
        a = s.get("/test/stream/200000", "If-None-Match:\r\n")
        assert "etag" in a.headers
        a = s.get("/test/stream/5000000", "If-None-Match:\r\nAccept-Encoding: gzip\r\n")
        same(gzip.decompress(a.body), body_text(5000000))
        assert "etag" not in a.headers
        a = s.get("/test/stream/5000000/length:1", "If-None-Match:\r\n")
        same((a.headers["content-length"], a.body), ("5000000", body_text(5000000)))


# ---- conversation

@test
def pipelining_in_order():
    with Server() as s, s.connect() as c:
        c.send("GET /test/slow/80 HTTP/1.1\r\nHost: x\r\n\r\n" + NEXT
               + POST + "Content-Length: 3\r\n\r\nabc"
               + "GET /test/stream/200000 HTTP/1.1\r\nHost: x\r\n\r\n"
               + "HEAD /test/hello HTTP/1.1\r\nHost: x\r\n\r\n"
               + POST + "Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n" + NEXT)
        same(c.answer().body, b"slow\n")
        same(c.answer().body, b"hello\n")
        same(c.answer().body, b"abc")
        same(c.answer().body, body_text(200000))
        same(c.answer(head_only=True).headers["content-length"], "6")
        same(c.answer().body, b"xyz")
        same(c.answer().body, b"hello\n")


@test
def pipelining_is_bounded():
    """A thousand requests at once: all answered, in order, and never more than a few at work."""
    with Server() as s, s.connect() as c:
        sender = threading.Thread(target=c.send, args=("".join(
            "GET /test/show/%d HTTP/1.1\r\nHost: x\r\nUser-Agent: MISP\r\n\r\n" % i
            for i in range(1000)),))
        sender.start()
        for i in range(1000):
            same(json.loads(c.answer().body)["id"], str(i))
        sender.join()
        start = time.monotonic()
        c.send("GET /test/slow/100 HTTP/1.1\r\nHost: x\r\n\r\n" * 4)
        for _ in range(4):
            c.answer()
        took = time.monotonic() - start
        assert took < 0.39, "reads of a pipeline overlap (%.2f s)" % took


@test
def writes_do_not_overlap():
    with Server() as s, s.connect() as c:
        start = time.monotonic()
        c.send("POST /test/slow/100 HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        for _ in range(3):
            c.answer()
        assert time.monotonic() - start >= 0.3
        # nor may a read overtake a write
        start = time.monotonic()
        c.send("POST /test/slow/100 HTTP/1.1\r\nHost: x\r\n\r\n"
               "GET /test/slow/100 HTTP/1.1\r\nHost: x\r\n\r\n")
        c.answer()
        c.answer()
        assert time.monotonic() - start >= 0.2


@test
def keep_alive_limits():
    with Server("requests=3", "idle_ms=500") as s:
        with s.connect() as c:
            c.send(NEXT * 5)
            same([c.answer().headers.get("connection") for _ in range(3)], [None, None, "close"])
            assert c.is_closed()
        with s.connect() as c:
            c.send(NEXT)
            c.answer()
            start = time.monotonic()
            assert c.is_closed()
            assert 0.3 < time.monotonic() - start < 3
        with s.connect() as c:
            c.send(NEXT.replace("\r\n\r\n", "\r\nConnection: foo, Close\r\n\r\n") + NEXT)
            same(c.answer().headers["connection"], "close")
            same(c.finish(), b"")


@test
def expect_continue():
    with Server() as s:
        with s.connect() as c:
            c.send(POST + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            same(c.answer().status, 100)
            c.send("abc")
            same(c.answer().body, b"abc")
            c.send(POST + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
            a = c.answer()
            same((a.status, a.body), (200, b"abc"), "body sent without waiting")
        with s.connect() as c:
            c.send("POST /test/secret HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                   "Expect: 100-continue\r\n\r\n")
            a = c.answer()
            same((a.status, a.headers["connection"]), (403, "close"), "refused without the body")
        with s.connect() as c:
            c.send(POST + "Content-Length: 3\r\nExpect: coffee\r\n\r\nabc")
            same(c.answer().status, 417)
        with s.connect() as c:
            c.send("GET /test/slow/50 HTTP/1.1\r\nHost: x\r\n\r\n"
                   + POST + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            same(c.answer().body, b"slow\n")
            same(c.answer().status, 100, "not before its turn")
            c.send("abc")
            same(c.answer().body, b"abc")


@test
def head_requests():
    with Server() as s, s.connect() as c:
        c.send("HEAD /test/big/5000 HTTP/1.1\r\nHost: x\r\n\r\n"
               "HEAD /test/stream/5000 HTTP/1.1\r\nHost: x\r\n\r\n"
               "HEAD /test/stream/5000/length:1 HTTP/1.1\r\nHost: x\r\n\r\n"
               "HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n" + NEXT)
        same(c.answer(head_only=True).headers["content-length"], "5000")
        same(c.answer(head_only=True).status, 200)
        same(c.answer(head_only=True).headers["content-length"], "5000")
        same(c.answer(head_only=True).status, 404)
        same(c.answer().body, b"hello\n")


@test
def half_closed_client():
    with Server() as s, s.connect() as c:
        c.send("GET /test/slow/200 HTTP/1.1\r\nHost: x\r\n\r\n")
        c.sock.shutdown(socket.SHUT_WR)
        same(c.answer().body, b"slow\n")
        assert c.is_closed()


@test
def client_leaves():
    """A client that goes away cancels what is done for it."""
    with Server() as s:
        with s.connect() as c:
            c.send("GET /test/slow/60000 HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.1)
        with s.connect() as c:
            c.send("GET /test/stream/900000000 HTTP/1.1\r\nHost: x\r\n\r\n")
            c.more()
        with s.connect() as c:
            c.send("POST /test/sink HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc")
            time.sleep(0.1)
        assert wait_for(lambda: s.counters()["open"] == 1), s.counters()
        assert wait_for(lambda: s.counters()["freed"] == 1), "the handler's state was not freed"
    # Server.__exit__ has seen a clean stop: nothing hangs on the sixty seconds


# ---- streams

@test
def streamed_answers():
    with Server() as s:
        want = body_text(1000000)
        for extra in ("", "/inline:1", "/length:1", "/length:1/inline:1"):
            a = s.get("/test/stream/1000000" + extra)
            same(a.body, want, extra)
            same("content-length" in a.headers, "length" in extra)
        a = s.get("/test/stream/200000/pause:5")
        same(a.body, want[:200000], "AGAIN and wake")
        a = s.get("/test/stream/200000/pause:5", "Accept-Encoding: gzip\r\n")
        same(zlib.decompress(a.body, 31), want[:200000], "the same compressed")
        same(s.get("/test/stream/0").body, b"")


@test
def aborted_stream():
    with Server() as s:
        for extra in ("", "/length:1", "/inline:1"):
            with s.connect() as c:
                c.send("GET /test/stream/1000000/abort:1%s HTTP/1.1\r\nHost: x\r\n\r\n" % extra + NEXT)
                try:
                    c.answer()
                    raise AssertionError("a broken stream looked complete")
                except Closed:
                    pass


@test
def streamed_bodies():
    def sums(data):
        x = 0
        for b in data:
            x = (x * 31 + b) & 0xffffffff
        return x
    with Server() as s, s.connect(timeout=30) as c:
        data = os.urandom(300000)
        same_sum = sums(data)
        c.send("POST /test/sink HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
        c.send(data)
        d = json.loads(c.answer().body)
        same((d["bytes"], d["sum"]), (300000, same_sum))
        assert d["largest"] <= 65536
        c.send("POST /test/sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        at = 0
        for n in (1, 2, 70000, 5, 100000, 129992):
            c.send(b"%x\r\n" % n + data[at:at + n] + b"\r\n")
            at += n
        c.send("0\r\n\r\n")
        d = json.loads(c.answer().body)
        same((d["bytes"], d["sum"]), (300000, same_sum))
        z = gzip.compress(data)
        c.send("POST /test/sink HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
               "Content-Length: %d\r\n\r\n" % len(z))
        c.send(z)
        d = json.loads(c.answer().body)
        same((d["bytes"], d["sum"]), (300000, same_sum))
        c.send("POST /test/sink HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        same(json.loads(c.answer().body)["bytes"], 0)
        c.send("POST /test/sink/limit:10 HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n" + "x" * 20)
        same(c.answer().status, 400, "the handler refuses")
        c.send(NEXT)
        same(c.answer().status, 200)


@test
def handler_answers_early():
    """An answer before the body is complete: a short rest is skipped, a long one ends it."""
    with Server() as s:
        with s.connect() as c:
            c.send("POST /test/sink/limit:10 HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
                   + "x" * 100)
            a = c.answer()
            same((a.status, a.headers["connection"]), (400, "close"))
            assert c.is_closed()
        with s.connect() as c:
            c.send("POST /test/sink/limit:10 HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n"
                   + "x" * 100)
            a = c.answer()
            assert a.status == 400 and "connection" not in a.headers, a
            c.send("x" * 19900 + NEXT)
            same(c.answer().body, b"hello\n")
        assert wait_for(lambda: s.counters()["freed"] == 2), "the handler's state was not freed"


@test
def flow_control_of_bodies():
    """A slow consumer: the sender is held back, the server keeps little."""
    with Server() as s, s.connect(timeout=0.3) as c:
        c.send("POST /test/sink/slow:50 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        sent, block = 0, b"x" * 65536
        try:
            while sent < 60000000:
                sent += c.sock.send(block)
        except (socket.timeout, TimeoutError):
            pass
        # what was taken: the queue of 512 KiB, a read of 256 KiB, and the kernel's buffers
        assert sent < 12000000, sent
        with open("/proc/%d/status" % s.proc.pid) as f:
            rss = next(int(x.split()[1]) for x in f if x.startswith("RssAnon"))
        assert rss < 200000, "anonymous memory %d kB" % rss


@test
def slow_reader():
    """A reader that stops reading is cut off, and costs bounded memory meanwhile."""
    with Server("stall_ms=1000", "min_rate=10000") as s:
        c = s.connect(rcvbuf=4096)
        c.send("GET /test/stream/900000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.5)
        with open("/proc/%d/status" % s.proc.pid) as f:
            rss = next(int(x.split()[1]) for x in f if x.startswith("RssAnon"))
        assert rss < 200000, "anonymous memory %d kB" % rss
        assert wait_for(lambda: s.counters()["timeouts"] == 1, 6), s.counters()
        c.sock.close()


@test
def slow_senders():
    with Server("head_ms=700", "stall_ms=1000", "min_rate=1000", "idle_ms=60000") as s:
        with s.connect() as c:
            start = time.monotonic()
            try:
                for b in "GET /test/hello HTTP/1.1\r\n" * 3:
                    c.send(b)
                    time.sleep(0.05)
            except (BrokenPipeError, ConnectionResetError):
                pass
            same(c.answer().status, 408, "slow head")
            assert time.monotonic() - start < 4
        with s.connect() as c:
            assert c.is_closed(), "a connection that says nothing"
        with s.connect() as c:
            c.send(NEXT)
            c.answer()
            time.sleep(1.2)
            c.send(NEXT)
            same(c.answer().status, 200, "idle is not slow")
        for path in ("/test/echo", "/test/sink"):
            with s.connect() as c:
                c.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" % path)
                start = time.monotonic()
                try:
                    while time.monotonic() - start < 6:
                        c.send("x")
                        time.sleep(0.05)
                    raise AssertionError("a slow body was let go on")
                except (BrokenPipeError, ConnectionResetError):
                    pass
        with s.connect() as c:
            c.send("POST /test/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n")
            for _ in range(30):
                c.send("x" * 300)
                time.sleep(0.1)
            same(len(c.answer().body), 9000, "slow, but above the minimum")


# ---- encodings

@test
def gzip_answers():
    with Server() as s:
        want = body_text(50000)
        for header in ("gzip", "gzip, deflate, br;q=0.9", "br;q=0.4, GZIP;q=0.5"):
            a = s.get("/test/big/50000", "Accept-Encoding: %s\r\n" % header)
            same(a.headers.get("content-encoding"), "gzip", header)
            same(gzip.decompress(a.body), want)
            assert len(a.body) < 10000
            same(a.headers["vary"], "Accept-Encoding")
        for header in ("", "identity", "gzip;q=0", "deflate", "xgzip"):
            a = s.get("/test/big/50000", "Accept-Encoding: %s\r\n" % header)
            assert "content-encoding" not in a.headers, header
            same(a.body, want)
        a = s.get("/test/big/1023", "Accept-Encoding: gzip\r\n")
        assert "content-encoding" not in a.headers, "too small to pay"
        a = s.get("/test/big/1024", "Accept-Encoding: gzip\r\n")
        same(gzip.decompress(a.body), body_text(1024))
        a = s.get("/test/stream/1000000", "Accept-Encoding: gzip\r\n")
        same(a.headers["content-encoding"], "gzip")
        same(gzip.decompress(a.body), body_text(1000000))
        a = s.get("/test/stream/1000000/length:1", "Accept-Encoding: gzip\r\n")
        same(gzip.decompress(a.body), body_text(1000000))
        # the ETag is that of the plain body
        a = s.get("/test/big/50000", "Accept-Encoding: gzip\r\nIf-None-Match:\r\n")
        same(a.headers["etag"], '"%s"' % hashlib.sha1(want).hexdigest())


@test
def br_and_zstd_answers():
    with Server() as s:
        want = body_text(50000)
        built_in = s.get("/test/big/50000", "Accept-Encoding: br\r\n").headers
        if built_in.get("content-encoding") != "br" or not coding.can("br") or not coding.can("zstd"):
            print("# built without br and zstd, or no library to read them")
            return
        for header, name in (("br", "br"), ("gzip, br", "br"), ("gzip, deflate, br, zstd", "zstd"),
                             ("gzip;q=0.1, br;q=0.1, zstd;q=0.05", "br"), ("*", "zstd"),
                             ("zstd;q=0, *;q=0.1", "br")):
            a = s.get("/test/big/50000", "Accept-Encoding: %s\r\n" % header)
            same(a.headers.get("content-encoding"), name, header)
            same(coding.decode(name, a.body), want, header)
            same(a.headers["vary"], "Accept-Encoding")
            for path in ("/test/stream/1000000", "/test/stream/1000000/length:1",
                         "/test/stream/200000/pause:5"):
                a = s.get(path, "Accept-Encoding: %s\r\n" % header)
                same(a.headers.get("content-encoding"), name, header)
                same(coding.decode(name, a.body), body_text(int(path.split("/")[3])), path)


@test
def compressed_requests():
    with Server("body=100000") as s, s.connect() as c:
        def post(data, coding, path="/test/echo"):
            c.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"
                   % (path, coding, len(data)))
            c.send(data)
            return c.answer()
        data = body_text(90000)
        z = gzip.compress(data)
        for path in ("/test/echo", "/test/echoInline"):
            a = post(z, "gzip", path)
            same((a.status, a.body), (200, data), path)
        for bad, what in ((z[:-1], "cut"), (z[:-8] + b"12345678", "checksum"), (z + b"x", "garbage behind"),
                          (b"", "empty"), (b"\x1f\x8b", "two bytes"), (data, "not compressed"),
                          (zlib.compress(data), "zlib")):
            for path in ("/test/echo", "/test/sink"):
                a = post(bad, "gzip", path)
                same(a.status, 400, what)
                assert b"Invalid compressed data." in a.body, (what, a)
        for coding in ("deflate", "identity", "GZIP", "gzip, gzip", "x-gzip", "foam"):
            a = post(z, coding)
            same(a.status, 400, coding)
            assert b"Unsupported content encoding" in a.body, a
        br = bytes.fromhex("0b028068656c6c6f03")  # "hello"
        a = post(br, "br")
        assert (a.status, a.body) == (200, b"hello") or b"Unsupported" in a.body, a
        if a.status == 200:
            same(post(br[:-2], "br").status, 400)
            same(post(b"hello, this is not brotli", "br").status, 400)
        zs = bytes.fromhex("28b52ffd200529000068656c6c6f")  # "hello", which a MISP does not read
        a = post(zs, "zstd")
        same(a.status, 400)
        assert b"Unsupported content encoding &#039;zstd&#039;." in a.body, a
        c.send(NEXT)
        same(c.answer().status, 200)


@test
def bombs():
    with Server("body=100000") as s:
        bomb = gzip.compress(b"\0" * 60000000)
        for path in ("/test/echo", "/test/smallSink"):
            with s.connect() as c:
                c.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
                       "Content-Length: %d\r\n\r\n" % (path, len(bomb)))
                c.send(bomb)
                same(c.answer().status, 413, path)
        with open("/proc/%d/status" % s.proc.pid) as f:
            rss = next(int(x.split()[1]) for x in f if x.startswith("RssAnon"))
        assert rss < 200000, "anonymous memory %d kB" % rss
        # compressed input that never becomes output: empty stored blocks
        empty = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + b"\0\0\0\xff\xff" * 60000
        with s.connect() as c:
            c.send("POST /test/smallSink HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(empty))
            try:
                c.send(empty)
            except (BrokenPipeError, ConnectionResetError):
                pass
            same(c.answer().status, 413, "empty blocks")


# ---- files

@test
def files():
    with tempfile.TemporaryDirectory() as d:
        big = os.urandom(3000000)
        os.mkdir(d + "/sub")
        for name, data in (("a.json", b"{}"), ("big.bin", big), ("z.json", b"plain"), ("empty", b"")):
            with open(os.path.join(d, name), "wb") as f:
                f.write(data)
        with open(d + "/z.json.gz", "wb") as f:
            f.write(gzip.compress(b"plain"))
        os.symlink("/etc/passwd", d + "/link")
        with Server("files=" + d) as s:
            same(s.get("/files/big.bin").body, big, "sendfile")
            a = s.get("/files/a.json")
            same((a.status, a.body), (200, b"{}"))
            tag, date = a.headers["etag"], a.headers["last-modified"]
            same(s.get("/files/a.json", "If-None-Match: %s\r\n" % tag).status, 304)
            same(s.get("/files/a.json", "If-None-Match: \"x\"\r\n").status, 200)
            same(s.get("/files/a.json", "If-Modified-Since: %s\r\n" % date).status, 304)
            a = s.get("/files/z.json", "Accept-Encoding: gzip\r\n")
            same((a.headers["content-encoding"], gzip.decompress(a.body)), ("gzip", b"plain"))
            same(s.get("/files/z.json").body, b"plain")
            same(s.get("/files/empty").body, b"")
            same(s.get("/files/big.bin", method="HEAD").headers["content-length"], "3000000")
            for path in ("/files/link", "/files/sub", "/files/none", "/files/sub/none"):
                same(s.get(path).status, 404, path)
            for path in ("/files/../etc/passwd", "/files/%2e%2e/%2e%2e/etc/passwd", "/files//etc/passwd",
                         "/files/sub/../a.json", "/files/a%00.json"):
                same(s.get(path).status, 400, path)


# ---- TLS

def make_cert(folder, name, *extra):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=" + name, "-addext",
                    "subjectAltName=DNS:localhost", "-keyout", "%s/%s.key" % (folder, name),
                    "-out", "%s/%s.crt" % (folder, name), *extra], check=True,
                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@test
def tls():
    with tempfile.TemporaryDirectory() as d:
        make_cert(d, "localhost")
        make_cert(d, "client")
        with Server("cert=%s/localhost.crt" % d, "key=%s/localhost.key" % d,
                    "ca=%s/client.crt" % d) as s:
            ctx = ssl.create_default_context(cafile=d + "/localhost.crt")
            ctx.set_alpn_protocols(["h2", "http/1.1"])
            with s.connect_tls(ctx) as c:
                same(c.sock.selected_alpn_protocol(), "http/1.1")
                assert c.sock.version() == "TLSv1.3", c.sock.version()
                c.send(NEXT + POST + "Content-Length: 3\r\n\r\nabc")
                same(c.answer().body, b"hello\n")
                same(c.answer().body, b"abc")
                c.send("GET /test/stream/3000000 HTTP/1.1\r\nHost: x\r\n\r\n")
                same(c.answer().body, body_text(3000000))
                data = os.urandom(2000000)
                c.send("POST /test/sink HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n")
                c.send(data)
                same(json.loads(c.answer().body)["bytes"], 2000000)
                c.send("GET /test/show/1 HTTP/1.1\r\nHost: x\r\n\r\n")
                same(json.loads(c.answer().body)["cert"], None)
            twelve = ssl.create_default_context(cafile=d + "/localhost.crt")
            twelve.maximum_version = ssl.TLSVersion.TLSv1_2
            with s.connect_tls(twelve) as c:
                c.send(NEXT)
                same(c.answer().body, b"hello\n")
            old = ssl.create_default_context(cafile=d + "/localhost.crt")
            old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            try:
                s.connect_tls(old)
                raise AssertionError("TLS 1.1 was accepted")
            except (ssl.SSLError, ConnectionResetError):
                pass
            ctx.load_cert_chain(d + "/client.crt", d + "/client.key")
            with s.connect_tls(ctx) as c:
                c.send("GET /test/show/1 HTTP/1.1\r\nHost: x\r\n\r\n")
                same(json.loads(c.answer().body)["cert"], "/CN=client")
            # plain HTTP to the TLS port, and a handshake that never ends
            plain = socket.create_connection(("127.0.0.1", s.ports["tls"]), 5)
            with Client(plain) as c:
                c.send(NEXT)
                assert b"200" not in c.finish()
            # new certificate: new connections get it, old ones go on
            with s.connect_tls(ctx) as c:
                make_cert(d, "localhost")
                s.proc.send_signal(1)
                fresh = ssl.create_default_context(cafile=d + "/localhost.crt")

                def reloaded():
                    try:
                        with s.connect_tls(fresh):
                            return True
                    except ssl.SSLError:
                        return False
                assert wait_for(reloaded), "certificate not reloaded"
                os.rename(d + "/localhost.key", d + "/gone.key")
                s.proc.send_signal(1)
                time.sleep(0.2)
                assert reloaded(), "a failed reload keeps the old certificate"
                c.send(NEXT)
                same(c.answer().body, b"hello\n")


# ---- the server as a whole

@test
def unix_socket():
    with tempfile.TemporaryDirectory() as d:
        path = d + "/s"
        with Server("unix=" + path) as s:
            same(os.stat(path).st_mode & 0o777, 0o600)
            u = socket.socket(socket.AF_UNIX)
            u.connect(path)
            with Client(u) as c:
                c.send("GET /test/local HTTP/1.1\r\nHost: x\r\n\r\n")
                got = json.loads(c.answer().body)
                same((got["peer"], got["uid"]), ("unix", os.getuid()))
            try:
                Server("unix=" + path)
                raise AssertionError("took a socket that is in use")
            except RuntimeError:
                pass
            same(s.get("/test/hello").status, 200)
        assert not os.path.exists(path)


@test
def graceful_stop():
    s = Server("threads=2")
    busy, idle, pipelined, part = s.connect(), s.connect(), s.connect(), s.connect()
    idle.send(NEXT)
    idle.answer()
    busy.send("GET /test/slow/1600 HTTP/1.1\r\nHost: x\r\n\r\n")
    pipelined.send("GET /test/slow/1500 HTTP/1.1\r\nHost: x\r\n\r\n"
                   "GET /test/stream/500000/pause:20 HTTP/1.1\r\nHost: x\r\n\r\n")
    part.send("POST /test/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
    time.sleep(0.2)
    s.terminate()
    assert idle.is_closed(), "idle connections close at once"
    time.sleep(0.4) # the other thread hears of it by itself
    part.send("def")
    a = part.answer()
    same((a.body, a.headers["connection"]), (b"abcdef", "close"), "a body on its way")
    a = busy.answer()
    same((a.body, a.headers["connection"]), (b"slow\n", "close"), "a request in flight")
    same(pipelined.answer().body, b"slow\n")
    same(pipelined.answer().body, body_text(500000))
    try:
        s.connect()
        raise AssertionError("still accepting")
    except ConnectionRefusedError:
        pass
    s.stop()


@test
def hard_stop():
    """What does not end within the grace is cut off (the test server gives 3 s)."""
    s = Server()
    c = s.connect()
    c.send("GET /test/slow/60000 HTTP/1.1\r\nHost: x\r\n\r\n")
    stuck = s.connect(rcvbuf=4096)
    stuck.send("GET /test/stream/900000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.3)
    start = time.monotonic()
    s.stop()
    took = time.monotonic() - start
    assert 2.5 < took < 8, took


@test
def many_connections():
    with Server("threads=2", "conns=500") as s:
        conns = [s.connect() for _ in range(450)]
        for c in conns:
            c.send(NEXT)
        for c in conns:
            same(c.answer().body, b"hello\n")
        extra = []
        for _ in range(120):
            c = s.connect()
            extra.append(c)
        refused = 0
        for c in extra:
            try:
                c.send(NEXT)
                c.answer()
            except (Closed, BrokenPipeError, ConnectionResetError):
                refused += 1
        assert 70 <= refused <= 71, refused
        for c in conns + extra:
            c.sock.close()
        assert wait_for(lambda: s.counters()["open"] <= 1), s.counters()
        same(s.counters()["refused"], refused)


@test
def concurrent_mix():
    """Several clients at once against two I/O threads and four workers."""
    errors = []
    with Server("threads=2") as s:
        def client(k):
            try:
                with s.connect(timeout=30) as c:
                    for i in range(30):
                        n = (k * 7919 + i * 104729) % 150000
                        c.send("GET /test/stream/%d HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n"
                               % (n, "gzip" if i % 2 else "x")
                               + "POST /test/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n%07d" % i
                               + "GET /test/work HTTP/1.1\r\nHost: x\r\n\r\n")
                        a = c.answer()
                        body = gzip.decompress(a.body) if "content-encoding" in a.headers else a.body
                        assert body == expected[:n], n
                        assert c.answer().body == b"%07d" % i
                        assert c.answer().body == b"hello\n"
            except Exception as e:  # noqa: BLE001 - reported below
                errors.append(repr(e))
        expected = body_text(150000)
        threads = [threading.Thread(target=client, args=(k,)) for k in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    same(errors, [])


STORM = [r.encode("latin-1") for r in (
    NEXT,
    "GET /test/slow/3 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /test/stream/300000 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n",
    "GET /test/stream/300000/inline:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /test/stream/200000/pause:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /test/stream/200000/abort:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "HEAD /test/stream/1000 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /test/later HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /test/forgets HTTP/1.1\r\nHost: x\r\n\r\n",
    POST + "Content-Length: 5\r\n\r\nhello",
    "POST /test/sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + "x" * 4096
    + "\r\n0\r\n\r\n",
    "POST /test/sink/limit:100/slow:1 HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + "y" * 70000,
    "POST /test/smallSink/slow:1 HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n" + "y" * 90000,
)] + [r.encode("latin-1") for r in SMUGGLING.values()]


def storm_client(server, rnd, end):
    """Requests good and broken, cut and mutated, read or not, closed politely or not."""
    while time.monotonic() < end:
        data = b"".join(rnd.choice(STORM) for _ in range(rnd.randint(1, 12)))
        if rnd.random() < 0.3:
            b = bytearray(data)
            for _ in range(rnd.randint(1, 5)):
                b[rnd.randrange(len(b))] = rnd.randrange(256)
            data = bytes(b)
        if rnd.random() < 0.3:
            data = data[:rnd.randrange(len(data) + 1)]
        k = socket.socket()
        k.settimeout(2)
        try:
            k.connect(("127.0.0.1", server.ports["port"]))
            at, whole = 0, rnd.random() < 0.5
            while at < len(data):
                n = len(data) if whole else rnd.choice([1, 3, 100, 5000])
                k.sendall(data[at:at + n])
                at += n
            how = rnd.random()
            if how < 0.3:
                k.shutdown(socket.SHUT_WR)
            until = time.monotonic() + rnd.random() * 0.5
            while how < 0.7 and time.monotonic() < until and k.recv(65536):
                pass
            if rnd.random() < 0.3:
                k.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        k.close()


@test
def storm():
    """Many rude clients at once; afterwards the server answers, holds nothing and stops."""
    with Server("threads=2", "head_ms=500", "stall_ms=500", "min_rate=100000", "idle_ms=500") as s:
        end = time.monotonic() + float(os.environ.get("STORM_SECONDS", "4"))
        threads = [threading.Thread(target=storm_client, args=(s, random.Random(k), end))
                   for k in range(12)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        same(s.get("/test/hello").body, b"hello\n")
        assert wait_for(lambda: s.counters()["open"] == 1), s.counters()


def main():
    only = sys.argv[1:]
    failed = 0
    chosen = [t for t in TESTS if not only or t.__name__ in only]
    print("1..%d" % len(chosen))
    for i, t in enumerate(chosen, 1):
        start = time.monotonic()
        try:
            t()
            print("ok %d - %s # %.1f s" % (i, t.__name__, time.monotonic() - start), flush=True)
        except Exception as e:  # noqa: BLE001 - any failure is a failed test
            failed += 1
            print("not ok %d - %s" % (i, t.__name__))
            line = e.__traceback__
            while line.tb_next and line.tb_next.tb_frame.f_code.co_filename == __file__:
                line = line.tb_next
            print("# line %d: %s: %s" % (line.tb_lineno, type(e).__name__, str(e)[:600]), flush=True)
    return 1 if failed else 0


sys.exit(main())
