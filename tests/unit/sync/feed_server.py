#!/usr/bin/env python3
"""feed_server.py - serves a folder for test_feed_fetch, with faults.

usage: feed_server.py DIR

Prints its port, and adds the name of each file asked for to DIR/requests.
DIR/faults holds lines "<file name> <fault>", read at each request: 404, 500, cut (half of the body,
with the length of all of it), stall (half, then nothing), slow (in pieces). Ends with its input.
"""
import http.server
import os
import sys
import threading
import time

DIR = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def fault(self, name):
        try:
            with open(os.path.join(DIR, "faults")) as f:
                for line in f:
                    file, what = line.split()
                    if file == name:
                        return what
        except FileNotFoundError:
            pass
        return None

    def do_GET(self):
        name = os.path.basename(self.path)
        with open(os.path.join(DIR, "requests"), "a") as f:
            f.write(name + "\n")
        what = self.fault(name)
        path = os.path.join(DIR, name)
        if what in ("404", "500") or not os.path.exists(path):
            self.send_error(int(what or 404))
            return
        with open(path, "rb") as f:
            body = f.read()
        etag = '"%x-%x"' % (len(body), os.stat(path).st_mtime_ns)
        if self.headers.get("If-None-Match") == etag:
            self.send_response(304)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", etag)
        self.end_headers()
        if what in ("cut", "stall"):
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            if what == "stall":
                time.sleep(30)
            self.close_connection = True
        elif what == "slow":
            for i in range(0, len(body), 97):
                self.wfile.write(body[i:i + 97])
                self.wfile.flush()
        else:
            self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def main():
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
