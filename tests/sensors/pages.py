"""
The pages of contrib/doc/sensors: links lead somewhere, each format is told of, each page says what it was tried with and
what its audience sees; the table of formats is current; fetch-list fetches from a server of our own. What the pages say
is done in tests/consumers.
"""
import hashlib
import http.server
import os
import re
import stat
import subprocess
import sys
import threading

import consumers

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
PAGES = os.path.join(TOP, "contrib/doc/sensors")


def server_run(folder, check, skipped):
    """fetch-list against a server that knows ETag, Authorization and digests."""
    state = {"body": b"one\n", "asked": 0, "sum": None, "sent": 0}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state["asked"] += 1
            body, tag = state["body"], '"%s"' % hashlib.md5(state["body"]).hexdigest()
            if self.headers.get("Authorization") != "k3y":
                return self.send_error(403)
            if self.path.endswith(".sha256"):
                body = ((state["sum"] or hashlib.sha256(body).hexdigest()) + "  list\n").encode()
                tag = '"sum"'
            elif self.headers.get("If-None-Match") == tag:
                self.send_response(304)
                return self.end_headers()
            else:
                state["sent"] += 1
            self.send_response(200)
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return None

        def log_message(self, *args):
            pass

    try:
        consumers.program("curl")
        consumers.program("sha256sum")
    except consumers.Missing as e:
        skipped.add("fetch-list: %s" % e)
        return
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d/list" % server.server_address[1]
    place = os.path.join(folder, "fetched")
    os.makedirs(place, exist_ok=True)
    key, file = consumers.put(folder, "list.key", "Authorization: k3y\n"), os.path.join(place, "list.txt")

    def fetch(*args):
        return subprocess.run(["/bin/sh", os.path.join(TOP, "contrib/sensors/fetch-list"), "-k", key, *args, url, file], capture_output=True, text=True, check=False,
                              env=dict(os.environ, http_proxy="", no_proxy="*"), timeout=60)

    def holds():
        with open(file, "rb") as f:
            return f.read()

    mark = os.path.join(folder, "reloaded")
    check(fetch("-r", "false").returncode == 0 and holds() == b"one\n", "fetch-list: the first time the consumer may not run yet")
    os.unlink(file)
    state["sent"] = 0
    p = fetch("-c", "grep -q one", "-r", "touch " + mark)
    check(p.returncode == 0 and holds() == b"one\n" and os.path.exists(mark), "fetch-list: fetched, checked, told: %s" % p.stderr)
    check(stat.S_IMODE(os.stat(file).st_mode) == 0o644, "fetch-list: readable")
    os.unlink(mark)
    p = fetch("-r", "touch " + mark)
    check(p.returncode == 0 and state["sent"] == 1 and not os.path.exists(mark), "fetch-list: nothing new, nothing sent: %s" % p.stderr)
    state["body"] = b"one\n1\n"
    p = fetch("-r", "false")
    check(p.returncode != 0 and holds() == b"one\n1\n", "fetch-list: who was not told is a fault")
    p = fetch("-r", "touch " + mark)
    check(p.returncode == 0 and os.path.exists(mark), "fetch-list: and told by the next run: %s" % p.stderr)
    state["body"] = b"one\n"
    check(fetch().returncode == 0, "fetch-list: as before")
    state["body"] = b"two\n"
    p = fetch("-c", "grep -q one {}")
    check(p.returncode != 0 and holds() == b"one\n", "fetch-list: what the check refuses is not taken")
    state["sum"] = "0" * 64
    p = fetch()
    check(p.returncode != 0 and holds() == b"one\n", "fetch-list: another digest is not taken")
    state["sum"] = None
    check(fetch("-c", "test -s").returncode == 0 and holds() == b"two\n", "fetch-list: taken the next time")
    state["body"] = b""
    check(fetch().returncode != 0 and holds() == b"two\n", "fetch-list: nothing is a fault")
    check(fetch("-e").returncode == 0 and holds() == b"", "fetch-list: or not, if one says so")
    state["body"] = b"three\n"
    check(fetch().returncode == 0 and holds() == b"three\n", "fetch-list: and comes back")
    consumers.put(folder, "list.key", "Authorization: wrong\n")
    state["body"] = b"four\n"
    check(fetch().returncode != 0 and holds() == b"three\n", "fetch-list: refused, the last good one stays")
    check(sorted(os.listdir(place)) == ["list.txt", "list.txt.etag"], "fetch-list: leaves nothing: %s" % os.listdir(place))
    server.shutdown()


def run(check, formats, folder, skipped):
    told = set()
    with open(os.path.join(PAGES, "README.md"), encoding="utf-8") as f:
        index = f.read()
    for page in sorted(os.listdir(PAGES)):
        with open(os.path.join(PAGES, page), encoding="utf-8") as f:
            text = f.read()
        for link in re.findall(r"\]\(([a-z0-9]+\.md)\)", text):
            check(os.path.exists(os.path.join(PAGES, link)), "%s: no page %s" % (page, link))
        if page != "README.md":
            for words in ("**Audience and TLP.**", "\nTried with: ", "tocsin subscription add ", "`tests/consumers"):
                check(words in text, "%s says nothing of %r" % (page, words))
            check("(%s)" % page in index, "%s: not in the README" % page)
        known = [n for n in re.findall(r"`([a-z0-9-]+)`", text) if n in formats]
        told |= set(known) if page != "README.md" else set()
        told |= set(re.findall(r"^ *tocsin subscription add \S+ ([a-z0-9-]+)", text, re.M))
    told |= {"suricata-dataset-" + s for s in ("domain", "hostname", "user-agent", "ja3", "cert-sha1", "ip", "filename")}
    told |= {"suricata-file" + s for s in ("md5", "sha1", "sha256")}
    plain = {"values", "ip-list", "domain-list", "url-list", "hash-list", "suricata-dataset-md5", "suricata-dataset-sha256"}
    check(set(formats) <= told | plain, "formats that no page tells: %s" % sorted(set(formats) - told - plain))
    p = subprocess.run([sys.executable, os.path.join(TOP, "contrib/dev/sensor-table"), os.environ.get("top_builddir", "."), "--check"], capture_output=True, text=True, check=False)
    check(p.returncode == 0, "the table in contrib/doc/sensors/README.md is current (contrib/dev/sensor-table BUILD) %s" % p.stderr[-300:])
    server_run(folder, check, skipped)
