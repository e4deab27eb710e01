#!/usr/bin/env python3
"""Check the replayer itself: a fake server that plays the recordings back must match in full,
and one that answers with other types, orders, texts or statuses must be caught.
"""
import http.server
import json
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import compare
import node as nodelib
import run as runs
import tape as tapes

COUNT = [0, 0]


def ok(good, what):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))


def comparer():
    b = tapes.Bindings("http://127.0.0.1:8099", {"admin": "k" * 40})
    b.bind("ev", "5", "12", "Event.id")
    b.note_request('{"uuid":"5c0a1e01-71aa-4b0d-9e2f-000000000001","timestamp":"1600000000"}',
                   '{"uuid":"5c0a1e01-71aa-4b0d-9e2f-000000000001","timestamp":"1600000000"}')
    return compare.Comparer(b, 1795322635, 1800000000)


def same(r, g):
    return not comparer().body(json.dumps(r).encode(), json.dumps(g).encode())


def unit():
    ok(same({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}), "member order is free")
    ok(not same({"b": [1, 2]}, {"b": [2, 1]}), "list order is not")
    ok(not same({"published": False}, {"published": "0"}), "types are strict")
    ok(not same({"a": 1}, {"a": True}), "1 is not true")
    ok(not same({"a": None}, {}), "an absent member is seen")
    ok(not same({}, {"a": None}), "an extra member is seen")
    ok(same({"id": "7"}, {"id": "99"}), "unknown ids may differ")
    ok(not same({"id": "7"}, {"id": 99}), "but not in type")
    ok(not same({"object_id": "0"}, {"object_id": "3"}), "no id stays no id")
    ok(same({"event_id": "5"}, {"event_id": "12"}), "a bound id is translated")
    ok(not same({"event_id": "5"}, {"event_id": "13"}), "and held to")
    ok(not same({"Event": {"id": "5"}}, {"Event": {"id": "5"}}), "also as Event.id")
    ok(not same({"org_id": "1"}, {"org_id": "2"}), "the host organisation stays 1")
    ok(not same({"threat_level_id": "1"}, {"threat_level_id": "2"}), "threat levels are values")
    uu = "5c0a1e01-71aa-4b0d-9e2f-00000000000%d"
    ok(not same({"uuid": uu % 1}, {"uuid": uu % 2}), "a UUID sent must come back")
    ok(same({"uuid": uu % 3}, {"uuid": uu % 4}), "a UUID made by the server may differ")
    ok(not same({"uuid": uu % 3}, {"uuid": "x"}), "but must be one")
    ok(not same({"timestamp": "1600000000"}, {"timestamp": "1600000001"}), "a time sent is kept")
    ok(same({"timestamp": "1795322640"}, {"timestamp": "1800000003"}), "server time may differ")
    ok(not same({"publish_timestamp": "0"}, {"publish_timestamp": "1800000003"}), "never stays 0")
    ok(same({"url": "/events/view/5"}, {"url": "/events/view/12"}), "ids in urls")
    ok(not same({"message": "5 tags"}, {"message": "6 tags"}), "counts in texts are compared")
    ok(not same({"n": "5"}, {"n": "12"}), "a count is never taken for an id")
    ok(same({"u": "<BASE>/x"}, {"u": "http://127.0.0.1:8099/x"}), "the base URL")
    ok(same({"a": [{"authkey": "x"}]}, {"a": [{}]}), "authkey may be missing")
    ok(not same([], {}), "an empty list is not an empty object")
    c = comparer()
    xml = b'<?xml version="1.0"?><r><Event><id>%d</id><info>%s</info></Event></r>'
    ok(not c.body(xml % (5, b"a"), xml % (12, b"a")), "XML: the same rules")
    ok(c.body(xml % (5, b"a"), xml % (12, b"b")), "XML: a text differs")
    ok(c.body(b"a,b\n1,2\n", b"a,b\n"), "lines missing from a text")
    ok(c.headers({"X-Result-Count": "5"}, {"x-result-count": "12"}), "counts in headers")
    ok(not c.headers({"Content-Type": "application/json; charset=UTF-8"},
                     {"content-type": "application/json; charset=utf-8"}), "charset case")
    try:
        comparer().b.fill("/events/view/<<none>>")
        ok(False, "an unbound variable is an error")
    except tapes.Unbound:
        ok(True, "an unbound variable is an error")


class Fake(http.server.BaseHTTPRequestHandler):
    """Answers with the recorded exchanges in their order."""
    protocol_version = "HTTP/1.1"
    queue, change, steps = [], None, 0

    def log_message(self, *args):
        pass

    def _any(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        status, headers, data = self.answer(body)
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k, v.replace("<BASE>", Fake.base))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def answer(self, body):
        path = self.path.replace("%20", " ")
        if "matrix-free" in path or not Fake.queue:
            return 404, {}, b"{}"
        rec = Fake.queue[0]
        if self.unrecorded(path, rec):
            return self.made(path, body)
        Fake.queue.pop(0)
        if Fake.lines is not None:
            Fake.lines.append((rec["n"], path == rec["path"]))
        data = tapes.recorded_body(Fake.folder, rec)
        data = data.replace(b"<BASE>", Fake.base.encode())
        if Fake.change:
            data = Fake.change(data)
        return rec["status"], rec["resp_headers"], data

    def unrecorded(self, path, rec):
        if path == "/admin/users/add" and rec["path"].startswith("/admin/users/view/2"):
            return True
        return path.startswith(("/users/view/me", "/organisations/view/")) and rec["n"] == 5

    def made(self, path, body):
        if path == "/admin/users/add":
            Fake.users += 1
            doc = {"User": {"id": str(1 + Fake.users), "authkey": "u%039d" % Fake.users}}
        else:
            doc = {"Organisation": {"uuid": "7d3f0b10-2a64-4c39-8e55-a1b2c3d4000%s" % path[-1]}}
        return 200, {"Content-Type": "application/json"}, json.dumps(doc).encode()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = _any


def replay_fake(folder, groups, change=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fake)
    server.daemon_threads = True
    port = server.server_address[1]
    Fake.base, Fake.folder, Fake.change, Fake.users = "http://127.0.0.1:%d" % port, folder, None, 0
    Fake.lines = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    n = nodelib.Node(folder="unused", port=port, key="k" * 40)
    run = runs.Run(folder, "functional", n, None)
    want = tapes.needed(groups, run.records, "setup")
    Fake.queue = [r for r in run.records if r["group"] in want]
    Fake.change = change
    results = run.play(groups)
    server.shutdown()
    server.server_close()
    return results, run


def main():
    unit()
    folder = nodelib.shared("wire", "client")
    if folder is None:
        print("# no recordings (TOCSIN_SHARED): the playback checks are left out")
    else:
        groups = ["connect", "events", "tags"]
        results, run = replay_fake(folder, groups)
        bad = [r for r in results if not (r.status and r.body and r.headers)
               and not any("not sent" in str(d[2]) for d in r.diffs)]
        for r in bad[:10]:
            print("# n=%d %s %s" % (r.n, r.rec["name"], r.diffs[:2]))
        ok(len(results) > 250 and not bad, "played back, all %d exchanges match" % len(results))
        ok(all(good for _, good in Fake.lines), "every template is filled as it was recorded")
        results, _ = replay_fake(folder, ["connect"], lambda b: b.replace(b"true", b"1"))
        ok(any(not r.body for r in results), "a changed type is caught")
        results, _ = replay_fake(folder, ["connect"], lambda b: b.replace(b"2.5.1", b"2.5.2"))
        ok(sum(not r.body for r in results) > 5, "a changed text is caught")
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
