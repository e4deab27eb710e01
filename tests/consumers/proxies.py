"""proxies.py - Squid, HAProxy and nginx deny what is listed to a client, and nothing else."""
import http.server
import os
import threading

from machine import ask, free_port, need, ok, program, same, wait_for
from published import Consumer


class Origin:
    """A web server that has everything."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = (self.headers.get("X-Listed") or "-").encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def squid(hub, root):
    m = Consumer(hub, root, "sensors/squid.md")
    m.wrap("squid", "-f", m.path("/etc/squid/squid.conf"))
    m.at_node(m.page)
    m.fetch("fetched for the first time")
    origin, port = Origin(), free_port()
    os.makedirs(m.path("/var/squid"))
    os.chmod(m.path("/var/squid"), 0o777)
    # each host of the test is the test's own server
    conf = m.put(m.page.of("squid")[0]) + """http_access allow all
http_port 127.0.0.1:%d
pid_filename %s
cache_log %s
access_log none
cache_mem 8 MB
cache deny all
coredump_dir %s
shutdown_lifetime 0 seconds
pinger_enable off
workers 1
cache_peer 127.0.0.1 parent %d 0 no-query no-digest default
never_direct allow all
visible_hostname test
""" % (port, *[m.path("/var/squid/" + n) for n in ("pid", "cache.log")], m.path("/var/squid"), origin.port)
    m.write("/etc/squid/squid.conf", conf)
    p = m.sh("squid -k parse 2>&1 | grep -iE 'error|fatal|bungled|warning: empty' && exit 1; exit 0")
    ok(p.returncode == 0, "squid.md: squid -k parse", p.stdout)
    m.service("squid", program("squid"), "-N", "-f", m.path("/etc/squid/squid.conf"))

    def status(host, path="/"):
        return ask(port, host, whole="http://" + host + path)[0]

    try:
        m.systemctl("start", "squid")
        ok(wait_for(lambda: status("fine.example") == 200), "squid.md: Squid runs", m.log("squid"))
        same({h: status(h) for h in ("evil.example", "www.evil.example", "host.example", "red.example", "quiet.example")},
             {"evil.example": 403, "www.evil.example": 403, "host.example": 403, "red.example": 200, "quiet.example": 200}, "squid.md: what is listed is denied, tlp:red and PAP:RED are not listed")
        same([status("bad.example", p) for p in ("/a/b?c=d", "/a", "/")], [403, 200, 200], "squid.md: a URL alone")
        m.turns("squid-names", "name", lambda: status("new.example") == 403)
    finally:
        m.end()
        origin.close()


def haproxy(hub, root):
    m = Consumer(hub, root, "sensors/haproxy.md")
    need("haproxy")
    m.at_node(m.page)
    m.fetch("fetched for the first time")
    origin, port = Origin(), free_port()
    cfg = m.write("/etc/haproxy/haproxy.cfg", m.put(m.page.of("haproxy")[0], **{"127.0.0.1:3129": "127.0.0.1:%d" % port, "127.0.0.1:8080": "127.0.0.1:%d" % origin.port}))
    p = m.sh("haproxy -c -f " + cfg)
    ok(p.returncode == 0 and "warning" not in p.stdout.lower(), "haproxy.md: haproxy -c", p.stdout)
    m.service("haproxy", program("haproxy"), "-W", "-f", cfg, reload="USR2")

    def status(host, path="/"):
        return ask(port, host, path)[0]

    try:
        m.systemctl("start", "haproxy")
        ok(wait_for(lambda: status("fine.example") == 200), "haproxy.md: HAProxy runs", m.log("haproxy"))
        same({h: status(h) for h in ("evil.example", "www.evil.example", "notevil.example", "host.example", "x.host.example", "red.example")},
             {"evil.example": 403, "www.evil.example": 403, "notevil.example": 200, "host.example": 403, "x.host.example": 200, "red.example": 200}, "haproxy.md: what is listed is denied")
        same([status("bad.example", p) for p in ("/a/b?c=d", "/a")], [403, 200], "haproxy.md: a URL alone")
        same(ask(port, "fine.example")[1], b"no", "haproxy.md: who is not in the map")
        m.turns("haproxy-domains", "name", lambda: status("new.example") == 403)
        # the map and the sources, by somebody who asks from 127.0.0.1
        number = hub.event(("ip-src", "127.0.0.1"))
        hub.holds("haproxy-scores", "127.0.0.1")
        hub.holds("haproxy-sources", "127.0.0.1")
        m.fetch()
        ok(wait_for(lambda: status("fine.example") == 403), "haproxy.md: a source that is listed is denied")
        hub.delete(number)
        hub.holds("haproxy-scores", "127.0.0.1", there=False)
        hub.holds("haproxy-sources", "127.0.0.1", there=False)
    finally:
        m.end()
        origin.close()


def nginx(hub, root):
    m = Consumer(hub, root, "sensors/nginx.md")
    m.wrap("nginx", "-c", m.path("/etc/nginx/nginx.conf"), "-p", m.path("/etc/nginx/"))
    m.at_node(m.page)
    m.fetch("fetched for the first time")
    origin, port = Origin(), free_port()
    block = m.put(m.page.of("nginx")[0], **{"127.0.0.1:8089": "127.0.0.1:%d" % port, "127.0.0.1:8080": "127.0.0.1:%d" % origin.port})
    temp = "".join("%s_temp_path %s;\n" % (n, m.path("/var/" + n)) for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    m.write("/etc/nginx/nginx.conf", "user root;\npid %s;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n%s%s}\n" % (m.path("/run/nginx.pid"), temp, block))
    p = m.sh("nginx -t")
    ok(p.returncode == 0 and "[warn]" not in p.stdout.replace('"user" directive', ""), "nginx.md: nginx -t", p.stdout)
    m.service("nginx", program("nginx"), "-c", m.path("/etc/nginx/nginx.conf"), "-p", m.path("/etc/nginx/"), "-g", "daemon off;")

    def status(host):
        return ask(port, host)[0]

    try:
        m.systemctl("start", "nginx")
        ok(wait_for(lambda: status("fine.example") == 200), "nginx.md: nginx runs", m.log("nginx"))
        same({h: status(h) for h in ("evil.example", "www.evil.example", "host.example", "x.host.example", "red.example")},
             {"evil.example": 403, "www.evil.example": 403, "host.example": 403, "x.host.example": 200, "red.example": 200}, "nginx.md: what is listed is denied")
        m.turns("nginx-names", "name", lambda: status("new.example") == 403)
        number = hub.event(("ip-src", "127.0.0.1"))
        hub.holds("nginx-addresses", "127.0.0.1")
        m.fetch()
        ok(wait_for(lambda: status("fine.example") == 403), "nginx.md: a source that is listed is denied")
        hub.delete(number)
        hub.holds("nginx-addresses", "127.0.0.1", there=False)
    finally:
        m.end()
        origin.close()
