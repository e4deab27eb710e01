#!/usr/bin/env python3
"""How long does a list of a million values take, as an import, as a feed, and as a cache; and in how much memory?

usage: feedsin.py --build DIR [--values N]     (an optimised build)
The list is half names, a quarter addresses, a quarter MD5; it comes from a folder of this machine. `work` is the
processor time of the node; memory is anonymous, most of it as looked at ten times a second.
"""
import argparse
import hashlib
import os
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def value(i):
    if i % 4 == 0:
        return "%d.%d.%d.%d" % (11 + i % 100, i >> 16 & 255, i >> 8 & 255, i & 255)
    if i % 4 == 1:
        return hashlib.md5(b"%d" % i).hexdigest()
    return "host%d.bench.example.org" % i


class Watch:
    """Most anonymous memory while it runs, beyond what there was."""

    def __init__(self, node):
        self.node, self.start, self.most, self.on = node, node.anon_bytes(), 0, True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.on:
            self.most = max(self.most, self.node.anon_bytes() - self.start)
            time.sleep(0.1)

    def end(self):
        self.on = False
        self.thread.join()
        return self.most / 1e6


def measure(node, what, n, call):
    w, work, began = Watch(node), cpu(node.pid()), time.monotonic()
    r = call()
    took, work = time.monotonic() - began, cpu(node.pid()) - work
    print("| %s | %.2f s | %s/s | %.2f s | %.0f MB | %s |" %
          (what, took, "{:,}".format(int(n / took)), work, w.end(), r), flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--values", type=int, default=1000000)
    a = p.parse_args()
    os.environ["TOCSIND"] = os.path.join(os.path.abspath(a.build), "tocsind")
    import node as nodelib
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        path = os.path.join(folder, "list.txt")
        with open(path, "w", encoding="ascii") as f:
            f.writelines(value(i) + "\n" for i in range(a.values))
        with open(path, "rb") as f:
            body = f.read()
        node = nodelib.Node(extra=["--set", "feed_interval=0", "--set", "readable=%s" % folder])
        node.start()
        try:
            c = node.client(timeout=600)
            head = {"Content-Type": "text/plain", "Authorization": node.key}
            print("| %s values (%.0f MB) | took | rate | work | memory | |\n|---|---|---|---|---|---|" %
                  ("{:,}".format(a.values), len(body) / 1e6))

            def post(query):
                j = c.raw("POST", "/tocsin/importValues?as=list&warninglists=ignore" + query, head, body).json()
                return "%d new, %d here" % (j["values"]["new"], j["values"]["current"])

            def feed(n, path):
                return lambda: c.post("/feeds/%s/%s%s" % (path, n, "?again=1" if path == "fetchFromFeed" else "")).json().get(
                    "result", "cached")
            measure(node, "import, only looked at", a.values, lambda: post("&dry=1"))
            measure(node, "import of a list", a.values, lambda: post(""))
            event = c.post("/events/index", {"limit": 1, "sort": "id", "direction": "desc"}).json()[0]["id"]
            measure(node, "the same list into that event", a.values, lambda: post("&event=%s" % event))
            row = {"name": "bench", "provider": "p", "url": path, "source_format": "freetext", "enabled": True,
                   "input_source": "local", "distribution": "0", "fixed_event": True, "delta_merge": True, "settings": {}}
            n = c.post("/feeds/add", {"Feed": row}).json()["Feed"]["id"]
            measure(node, "a feed of free text, first fetch", a.values, feed(n, "fetchFromFeed"))
            measure(node, "the feed again, nothing new", a.values, feed(n, "fetchFromFeed"))
            measure(node, "cache of the feed", a.values, feed(n, "cacheFeeds"))
            measure(node, "overlap with the store", a.values,
                    lambda: "%d here" % c.get("/tocsin/feedOverlap").json()["sources"][0]["here"])
        finally:
            node.kill()


if __name__ == "__main__":
    main()
