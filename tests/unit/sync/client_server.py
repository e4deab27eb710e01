#!/usr/bin/env python3
"""client_server.py - answers for test_client_curl, by path.

usage: client_server.py [CERTIFICATE KEY]

Prints its port; with a certificate, that of a second listener with TLS too. Ends with its input.
"""
import gzip
import http.server
import json
import ssl
import sys
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

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

    def do_GET(self):
        path = self.path
        if path.startswith("/hop/"):
            n = int(path[5:])
            self.answer(302, Location="/hop/%d" % (n - 1) if n else "/plain")
        elif path == "/file":
            self.answer(302, Location="file:///etc/passwd")
        elif path == "/gzip":
            self.answer(200, gzip.compress(b"packed " * 1000), Content_Encoding="gzip")
        elif path == "/bomb":
            self.answer(200, gzip.compress(b"\0" * (64 << 20)), Content_Encoding="gzip")
        elif path == "/garbage":
            self.answer(200, b"this is no gzip", Content_Encoding="gzip")
        elif path == "/etag":
            if self.headers.get("If-None-Match") == '"one"':
                self.answer(304, ETag='"one"')
            else:
                self.answer(200, b"body", ETag='"one"')
        elif path.startswith("/status/"):
            self.answer(int(path[8:]), b"why it failed " * 100)
        elif path == "/stall":
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"half")
            self.wfile.flush()
            time.sleep(20)
        elif path == "/headers":
            self.answer(200, json.dumps(dict(self.headers)).encode(), X_Result_Count="7")
        else:
            self.answer(200, b"plain")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.body()
        if self.path == "/post-hop":
            return self.answer(302, Location="/landed")
        self.answer(200, self.command.encode() + b" " + body)

    do_DELETE = do_POST


def serve(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    print(serve(), flush=True)
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        print(serve(context), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
