#!/usr/bin/env python3
"""Are files served as fast as nginx serves the same ones? Feed folder files and an export, plain, packed, and unchanged (304).

usage: serve.py --build DIR [--seconds N] [--rounds N]     (an optimised build; needs wrk and nginx)
All serve the same files, in turns, with as many threads as there are cores; the median of the rounds counts, and
processor time for each request, which other work on the machine does not change. nginx is there twice: `bare` checks
nobody and writes no log; `equal` compares the key (map) and writes the access log that distributions have it write.
Ours checks the key as of the store's last commit, the audience as of the policy, counts and audits.
"""
import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import feedout
import node as nodelib
import refs

NGINX = """daemon off; pid %(d)s/pid; error_log %(d)s/error.log; worker_processes auto;
events { worker_connections 1024; }
http { sendfile on; tcp_nopush on; gzip_static on; keepalive_requests 1000000000;
 types { application/json json; text/csv csv; } default_type text/plain;
 client_body_temp_path %(d)s/a; proxy_temp_path %(d)s/b; fastcgi_temp_path %(d)s/c; uwsgi_temp_path %(d)s/e; scgi_temp_path %(d)s/f;
 map $http_authorization $known { default 0; "%(key)s" 1; }
 server { listen 127.0.0.1:%(bare)d; access_log off; location /feeds/ { alias %(feeds)s/; } }
 server { listen 127.0.0.1:%(equal)d; access_log %(d)s/access.log; location /feeds/ { if ($known = 0) { return 403; } alias %(feeds)s/; } } }
"""


def processes(pid):
    """A process and those below it."""
    out = [pid]
    for p in os.listdir("/proc"):
        try:
            with open("/proc/%s/stat" % p) as f:
                if p.isdigit() and int(f.read().rsplit(") ", 1)[1].split()[1]) == pid:
                    out += processes(int(p))
        except OSError:
            pass
    return out


def cpu(pids):
    return sum(feedout.cpu(p) for p in pids)


def load(url, headers, seconds, pids):
    argv = ["wrk", "-t1", "-c16", "-d%ds" % seconds]
    for h in headers:
        argv += ["-H", h]
    before = cpu(pids)
    said = subprocess.run(argv + [url], stdout=subprocess.PIPE, text=True, check=True).stdout
    used = cpu(pids) - before
    n = int(re.search(r"(\d+) requests in", said).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if bad or "Socket errors" in said or not n:
        raise RuntimeError(said)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1)), used / n * 1e6


def head(url, headers):
    argv = ["curl", "-s", "-D", "-", "-o", "/dev/null"]
    for h in headers:
        argv += ["-H", h]
    return subprocess.run(argv + [url], stdout=subprocess.PIPE, text=True, check=True).stdout


def export(c, name, folder, **more):
    """A subscription of all there is; its file and the packed one for nginx."""
    a = c.post("/tocsin/subscriptions/add", dict({"name": name, "audience": "out", "format": "values"}, **more))
    assert a.status == 200, a.text()
    feedout.until(lambda: c.get("/tocsin/subscriptions/view/" + name).json()["Subscription"]["state"] == "ready", 600)
    for end, headers in (("", {}), (".gz", {"Accept-Encoding": "gzip"})):
        a = c.get("/exports/" + name, headers=headers)
        assert a.status == 200 and (a.headers.get("content-encoding") == "gzip") == bool(end), a.headers
        with open(os.path.join(folder, name + end), "wb") as f:
            f.write(a.body)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--seconds", type=int, default=3)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--attributes", type=int, default=50000)
    a = p.parse_args()
    if not shutil.which("wrk") or not refs.which("nginx"):
        print("wrk or nginx is not installed")
        return 77
    os.environ["TOCSIND"] = os.path.abspath(os.path.join(a.build, "tocsind"))
    key = []
    with tempfile.TemporaryDirectory(prefix="tocsin-serve-") as tmp:
        os.chmod(tmp, 0o755)
        source, policy = os.path.join(tmp, "source"), os.path.join(tmp, "policy.yaml")
        subprocess.run([os.path.join(a.build, "tests/bench/bench_gen"), "-n", str(a.attributes), "-s", "1", "feed",
                        source], check=True, stdout=subprocess.DEVNULL)
        with open(policy, "w") as f:
            f.write(feedout.FEED + "  out: {kind: export, tlp: red, pap: red, class: own, profile: full}\n")
        with nodelib.Node(folder=os.path.join(tmp, "node"), ready_s=120, extra=["--policy", policy]) as n:
            key.append("Authorization: " + n.key)  # nginx gets the same bytes
            to = [os.path.join(a.build, "tocsin"), "-c", n.folder + "/tocsin.yaml", "-q"]
            subprocess.run(to + ["import", source], check=True)
            made = os.path.join(n.folder, "feeds", "bench")
            events = len([x for x in os.listdir(source) if re.match(r"[0-9a-f-]{36}\.json$", x)])
            feedout.until(lambda: feedout.listed(made) == events, 600)
            # a copy, which does not change and which nginx may read
            www = os.path.join(tmp, "www")
            shutil.copytree(made, os.path.join(www, "bench"))
            export(n.client(timeout=600), "all", os.path.join(www, "bench"))
            export(n.client(timeout=600), "few", os.path.join(www, "bench"), max_entries=100)
            subprocess.run(["chmod", "-R", "a+rX", www], check=True)
            sizes = sorted((os.path.getsize(os.path.join(made, x)), x) for x in os.listdir(made) if len(x) == 41)
            bare, equal = nodelib.free_port(), nodelib.free_port()
            d = os.path.join(tmp, "nginx")
            os.mkdir(d)
            with open(d + "/conf", "w") as f:
                f.write(NGINX % {"d": d, "bare": bare, "equal": equal, "feeds": www, "key": n.key})
            ngx = subprocess.Popen([refs.which("nginx"), "-c", d + "/conf", "-e", d + "/error.log"], start_new_session=True)
            try:
                time.sleep(1)
                pids = {"tocsin": [feedout.daemon_of(n.folder)], "bare": processes(ngx.pid), "equal": processes(ngx.pid)}
                base = {"tocsin": "http://127.0.0.1:%d/feed/bench/" % n.port, "bare": "http://127.0.0.1:%d/feeds/bench/" % bare,
                        "equal": "http://127.0.0.1:%d/feeds/bench/" % equal}
                cases = [("small event", sizes[0][1], []), ("middle event", sizes[len(sizes) // 2][1], []),
                         ("middle event, gzip", sizes[len(sizes) // 2][1], ["Accept-Encoding: gzip"]),
                         ("middle event, 304", sizes[len(sizes) // 2][1], "tag"), ("manifest", "manifest.json", []),
                         ("manifest, gzip", "manifest.json", ["Accept-Encoding: gzip"]), ("hashes", "hashes.csv", []),
                         ("export of 100", "few", []), ("export", "all", []), ("export, gzip", "all", ["Accept-Encoding: gzip"]),
                         ("export, 304", "all", "tag")]
                print("| file | bytes | tocsin /s | us of CPU | nginx /s | us of CPU | nginx, key and log /s | us of CPU |\n"
                      "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
                for name, file, headers in cases:
                    got = {who: [] for who in base}
                    url = {who: base[who] + file for who in base}
                    if name.startswith("export"):
                        url["tocsin"] = n.url + "/exports/" + file
                    for _ in range(a.rounds):
                        for who in got:
                            sent = key if headers == "tag" else key + headers
                            if headers == "tag":
                                tag = re.search(r"(?im)^etag: (\S+)", head(url[who], key)).group(1)
                                sent = key + ["If-None-Match: " + tag]
                            got[who].append(load(url[who], sent, a.seconds, pids[who]))
                    m = [statistics.median(x[i] for x in got[who]) for who in got for i in (0, 1)]
                    path = os.path.join(www, "bench", file + (".gz" if "gzip" in name else ""))
                    print("| %s | %d | %.0f | %.1f | %.0f | %.1f | %.0f | %.1f |" % (name, 0 if "304" in name else os.path.getsize(path), *m), flush=True)
            finally:
                os.killpg(ngx.pid, signal.SIGTERM)
                ngx.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
