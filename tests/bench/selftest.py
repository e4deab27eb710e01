#!/usr/bin/env python3
"""Check generator and load program: same seed same bytes, counts, keep-alive, chunks."""
import collections
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("top_builddir", os.path.join(HERE, "..", ".."))
TOOLS = os.path.join(BUILD, "tests", "bench")
COUNT = [0, 0]


def ok(good, what):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))


def gen(*args):
    return subprocess.run([os.path.join(TOOLS, "bench_gen")] + [str(a) for a in args], check=True,
                          capture_output=True).stdout


class Fake(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies, paths = [], []

    def log_message(self, *args):
        pass

    def do_POST(self):
        Fake.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        Fake.paths.append(self.path)
        n = len(Fake.paths)
        self.send_response(200)
        if n % 2:
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b"x" * 5000)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"3\r\nabc\r\n", b"1388\r\n" + b"y" * 5000 + b"\r\n", b"0\r\n", b"\r\n"):
                self.wfile.write(part)
                self.wfile.flush()


def load(*args):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fake)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Fake.bodies, Fake.paths = [], []
    p = subprocess.run([os.path.join(TOOLS, "bench_load"), "-p", str(server.server_address[1]),
                        "-k", "k", "-t", "30"] + [str(a) for a in args],
                       capture_output=True, text=True)
    server.shutdown()
    return json.loads(p.stdout), Fake.bodies


def rows_are_the_feeds(tmp):
    """What search.py gives to MariaDB is what it gives to us."""
    options = ("-n", 5000, "-T", 50)
    gen(*options, "feed", os.path.join(tmp, "feed"))
    gen(*options, "sql", os.path.join(tmp, "sql"))

    def rows(name):
        with open(os.path.join(tmp, "sql", name)) as f:
            return [line.rstrip("\n").split("\t") for line in f]
    tags = dict(rows("tags"))
    events = {r[5]: r[0] for r in rows("events")}
    own, wanted, seen, marked = collections.defaultdict(list), set(), set(), set()
    for attr, _, tag in rows("attribute_tags"):
        own[attr].append(tags[tag])
    for r in rows("attributes"):
        seen.add((r[1], r[7], r[4], r[5], r[3], r[6], r[8], r[11], "".join(own.get(r[0], []))))
    for uuid, number in events.items():
        with open(os.path.join(tmp, "feed", uuid + ".json")) as f:
            doc = json.load(f)["Event"]
        marked |= {(number, t["name"]) for t in doc["Tag"]}
        wanted |= {(number, a["uuid"], a["type"], a["value"], a["category"], str(int(a["to_ids"])),
                    a["timestamp"], a["comment"], "".join(t["name"] for t in a.get("Tag", [])))
                   for a in doc["Attribute"]}
    ok(seen == wanted and len(seen) == 5000, "rows for SQL are those of the feed")
    ok(marked == {(e, tags[t]) for e, t in rows("event_tags")}, "and tags of events")
    ok(150 < len(own) < 350, "some attributes have a tag (%d)" % len(own))


def main():
    if not os.access(os.path.join(TOOLS, "bench_load"), os.X_OK):
        print("SKIP: the bench programs are not built")
        return 77
    one = gen("-n", 500, "event")
    ok(one == gen("-n", 500, "event"), "the same seed gives the same bytes")
    ok(one != gen("-n", 500, "-s", 9, "event"), "another seed gives others")
    doc = json.loads(one)["Event"]
    ok(len(doc["Attribute"]) == 500, "as many attributes as asked for")
    values = gen("-n", 100000, "values").decode().split()
    ok(values[:500] == [a["value"] for a in doc["Attribute"]], "programs agree on the values")
    repeated = 1 - len(set(values)) / len(values)
    ok(0.07 < repeated < 0.13, "about a tenth of the values repeat another (%.3f)" % repeated)
    plain = gen("-n", 50000, "-r", 0, "values").split()
    ok(len(set(plain)) > 49950, "and none when asked for none")
    with tempfile.TemporaryDirectory() as tmp:
        said = json.loads(gen("-n", 20000, "feed", os.path.join(tmp, "f")))
        with open(os.path.join(tmp, "f", "manifest.json")) as f:
            manifest = json.load(f)
        sizes = []
        for uuid in manifest:
            with open(os.path.join(tmp, "f", uuid + ".json")) as f:
                sizes.append(len(json.load(f)["Event"]["Attribute"]))
        ok(sum(sizes) == said["attributes"] == 20000 and len(manifest) == said["events"],
           "the feed holds what it says")
        top = sum(sorted(sizes)[-len(sizes) // 10:])
        ok(top > 0.5 * sum(sizes), "sizes follow a power law: a tenth of the events holds most")
    with tempfile.TemporaryDirectory() as tmp:
        rows_are_the_feeds(tmp)
        with open(os.path.join(tmp, "bodies"), "w") as f:
            f.write("{}\n[1]\n")
        r, bodies = load("-c", 1, "-t", 0, "-m", 4, "posts", "/x", f.name)
        ok(bodies == [b"{}", b"[1]"] * 2, "bodies of a file are sent in turn, at least so many")
    r, bodies = load("-c", 4, "-n", 40, "-a", 7, "events")
    ok(r["requests"] == 40 and r["errors"] == 0, "the load program sends what it is asked to")
    ok(len({json.loads(x)["Event"]["uuid"] for x in bodies}) == 40, "each event is a new one")
    ok(all(len(json.loads(x)["Event"]["Attribute"]) == 7 for x in bodies), "of the size asked for")
    ok(r["bytes_in"] > 40 * 5000, "answers with length and in chunks are read to their end")
    r, bodies = load("-c", 2, "-n", 200, "-s", 1, "-v", 100000, "lookup")
    asked = [json.loads(x)["value"] for x in bodies]
    known = collections.Counter(v in set(values) for v in asked)
    ok(90 <= known[True] <= 120, "half of the look-ups ask for known values (%d)" % known[True])
    r, _ = load("-c", 2, "-n", 200, "-s", 1, "-v", 100000, "values")
    asked = [json.loads(x)[0] for x in Fake.bodies]
    ok(90 <= sum(v in set(values) for v in asked) <= 120, "also through the bulk look-up")
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
