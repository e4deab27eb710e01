#!/usr/bin/env python3
"""client_server.py - answers for the tests of our HTTP client, by path.

usage: client_server.py FOLDER

Makes certificates in FOLDER, then prints lines "name value": the ports of its listeners (http, and
one for each certificate) and the pin of the server's key. Ends with its input.
"""
import gzip
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lib"))
import coding  # noqa: E402
from certs import Certs  # noqa: E402

PORTS = {}
SENT = {"flood": 0}
BOMBS = {}


def bomb(name):
    # one that knows its size wants a window as large, of which a reader of zstd takes 8 MiB
    return coding.encode(name, b"\0" * ((4 if name == "zstd" else 64) << 20))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while True:
            n = int(self.rfile.readline(), 16)
            body += self.rfile.read(n)
            self.rfile.readline()
            if n == 0:
                return body

    def told(self):
        """What the server saw of this request, for its client."""
        told = {k.lower(): v for k, v in self.headers.items()}
        told["connection"] = self.client_address[1]
        self.answer(200, json.dumps(told).encode(), X_Result_Count="7")

    def do_GET(self):
        path = self.path
        if path.startswith("/hop/"):
            n = int(path[5:])
            self.answer(302, b"look elsewhere", Location="/hop/%d" % (n - 1) if n else "/plain")
        elif path.startswith("/code-hop/"):
            self.answer(int(path[10:]), Location="../told")
        elif path.startswith("/away/"):  # /away/LISTENER/HOST/PATH...
            listener, host, rest = path[6:].split("/", 2)
            scheme = "http" if listener in ("http", "other") else "https"
            self.answer(302, Location="%s://%s:%d/%s" % (scheme, host, PORTS[listener], rest))
        elif path == "/file":
            self.answer(302, Location="file:///etc/passwd")
        elif path == "/nowhere":
            self.answer(302, Location="http://[broken")
        elif path.startswith("/packed/"):
            name = path[8:]
            self.answer(200, coding.encode(name, b"packed " * 1000), Content_Encoding=name)
        elif path.startswith("/bomb/"):
            name = path[6:]
            self.answer(200, BOMBS[name], Content_Encoding=name)
        elif path == "/garbage":
            self.answer(200, b"this is no gzip", Content_Encoding="gzip")
        elif path == "/cut":
            self.answer(200, gzip.compress(b"cut " * 1000)[:-9], Content_Encoding="gzip")
        elif path == "/foam":
            self.answer(200, b"x", Content_Encoding="foam")
        elif path == "/etag":
            if self.headers.get("If-None-Match") == '"one"':
                self.answer(304, ETag='"one"')
            else:
                self.answer(200, b"body", ETag='"one"')
        elif path.startswith("/status/"):
            self.answer(int(path[8:]), b"why it failed " * 100)
        elif path.startswith("/endless-error"):
            self.flood(500, 1 << 30)
        elif path == "/stall":
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"half")
            self.wfile.flush()
            time.sleep(20)
        elif path == "/silent":
            time.sleep(20)
        elif path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b".")
                time.sleep(0.2)
        elif path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"not so long")
            self.close_connection = True
        elif path == "/nothing":
            self.close_connection = True
        elif path == "/one-header":
            self.answer(200, b"", X_Long="x" * 100000)
        elif path == "/many-headers":
            self.send_response(200)
            for i in range(100000):
                self.send_header("X-%d" % i, "x" * 100)
                if i % 1000 == 999:
                    self.flush_headers()
            self.end_headers()
        elif path.startswith("/flood/"):
            self.flood(200, int(path[7:]))
        elif path == "/flood-sent":
            self.answer(200, b"%d" % SENT["flood"])
        elif path == "/tunnels":
            self.answer(200, b"%d" % SENT.get("tunnels", 0))
        elif path == "/told":
            self.told()
        elif path == "/last":
            self.answer(200, b"and that was it", Connection="keep-alive")
            self.close_connection = True  # without saying so
        else:
            self.answer(200, b"plain")

    do_HEAD = do_GET

    def flood(self, status, size):
        piece = b"flood of bytes. " * 4096
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        sent = 0
        while sent < size:
            self.wfile.write(piece[:size - sent])
            sent += min(len(piece), size - sent)
            SENT["flood"] = sent

    def do_POST(self):
        if self.path == "/early":
            self.answer(413, b"not so much", Connection="close")
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            while self.connection.recv(65536):
                pass  # closing with bytes unread would reset the connection, and the answer with it
            self.close_connection = True
            return
        body = self.body()
        if self.path.startswith(("/away/", "/code-hop/")):
            self.do_GET()
        elif self.path == "/post-hop":
            self.answer(302, Location="/landed")
        elif self.path == "/told":
            self.told()
        elif self.path == "/unpack":
            name = self.headers.get("Content-Encoding", "identity")
            plain = coding.decode(name, body)
            self.answer(200, b"%s %d %d %s" % (name.encode(), len(plain), len(body) < len(plain),
                                               b"length" if "Content-Length" in self.headers else b"chunked"))
        else:
            self.answer(200, self.command.encode() + b" " + body)

    do_DELETE = do_POST


class Proxy(Handler):
    """A proxy of its own kind: says that it was asked, or tunnels for TLS."""

    def do_GET(self):
        self.answer(200, b"proxied %s %s" % (self.command.encode(), self.path.encode()),
                    X_Authorization=self.headers.get("Proxy-Authorization", "none"))

    def do_CONNECT(self):
        host, _, port = self.path.rpartition(":")
        there = socket.create_connection((host, int(port)))
        SENT["tunnels"] = SENT.get("tunnels", 0) + 1
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        def pump(a, b):
            try:
                while True:
                    data = a.recv(65536)
                    if not data:
                        break
                    b.sendall(data)
                b.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        back = threading.Thread(target=pump, args=(there, self.connection), daemon=True)
        back.start()
        pump(self.connection, there)
        back.join()
        self.close_connection = True


def serve(context=None, handler=Handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None
    if context:
        # the handshake belongs into the connection's thread
        plain_get = server.get_request

        def get_request():
            s, address = plain_get()
            return context.wrap_socket(s, server_side=True, do_handshake_on_connect=False), address
        server.get_request = get_request
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def context_of(certs, name, want_client=False, tls12=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs[name])
    if want_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certs.ca)
    if tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


NGINX = """
daemon off; worker_processes 1; pid %(dir)s/nginx.pid; error_log %(dir)s/error.log;
events {}
http {
    access_log off;
    client_body_temp_path %(dir)s/t1; proxy_temp_path %(dir)s/t2; fastcgi_temp_path %(dir)s/t3;
    uwsgi_temp_path %(dir)s/t4; scgi_temp_path %(dir)s/t5; client_max_body_size 0;
    server {
        listen 127.0.0.1:%(port)d ssl http2;
        ssl_certificate %(cert)s; ssl_certificate_key %(cert)s;
        location / {
            proxy_pass http://127.0.0.1:%(back)d; proxy_http_version 1.1; proxy_buffering off;
            proxy_request_buffering off; proxy_set_header X-Front $server_protocol/$connection;
        }
    }
}
"""


def http2(folder, certs):
    """nginx, if it is there, between HTTP/2 and us."""
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not nginx:
        return None
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w") as f:
        f.write(NGINX % {"dir": folder, "port": port, "cert": certs["server"], "back": PORTS["http"]})
    front = subprocess.Popen([nginx, "-p", folder, "-c", conf], stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            PORTS["http2"] = port
            return front
        except OSError:
            time.sleep(0.05)
    front.terminate()
    return None


def main():
    front = None
    for name in ("gzip", "deflate", "br", "zstd"):
        if coding.can(name):
            BOMBS[name] = bomb(name)
    PORTS["http"] = serve()
    PORTS["other"] = serve()
    PORTS["proxy"] = serve(handler=Proxy)
    lines = []
    if len(sys.argv) > 1:
        certs = Certs(sys.argv[1])
        for name in ("server", "expired", "othername", "selfsigned"):
            PORTS[name] = serve(context_of(certs, name))
        PORTS["wantscert"] = serve(context_of(certs, "server", True))
        PORTS["wantscert12"] = serve(context_of(certs, "server", True, True))
        lines.append("pin " + certs.pin("server"))
        front = http2(sys.argv[1], certs)
    # somebody who accepts and says nothing: a handshake that never comes
    mute = socket.create_server(("127.0.0.1", 0))
    PORTS["mute"] = mute.getsockname()[1]
    lines += ["%s %d" % item for item in PORTS.items()]
    print("\n".join(lines), flush=True)
    print("end", flush=True)
    sys.stdin.read()
    if front:
        front.terminate()
        front.wait()


if __name__ == "__main__":
    main()
