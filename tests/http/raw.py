"""Raw-socket helper of the HTTP suite: starts httpd_test and reads answers byte by byte."""
import os
import re
import signal
import socket
import ssl
import subprocess
import time


class Server:
    """One httpd_test process; use as a context manager."""

    def __init__(self, *args):
        path = os.path.join(os.environ.get("top_builddir", "."), "tests/http/httpd_test")
        self.proc = subprocess.Popen([path, *args], stdout=subprocess.PIPE, text=True)
        self.ports = {}
        for line in self.proc.stdout:
            if line.strip() == "ready":
                break
            name, port = line.split()
            self.ports[name] = int(port)
        else:
            raise RuntimeError("httpd_test did not start")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    def terminate(self):
        self.proc.send_signal(signal.SIGTERM)

    def stop(self):
        """Stop it; its exit status must be 0 (sanitizers make it something else)."""
        if self.proc.poll() is None:
            self.terminate()
        try:
            out, _ = self.proc.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            raise AssertionError("server did not stop") from None
        assert self.proc.returncode == 0, "exit status %s" % self.proc.returncode
        assert out.endswith("stopped\n"), out

    def connect(self, timeout=10, rcvbuf=None):
        s = socket.socket()
        if rcvbuf:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        s.settimeout(timeout)
        s.connect(("127.0.0.1", self.ports["port"]))
        return Client(s)

    def connect_tls(self, context, timeout=10):
        s = socket.create_connection(("127.0.0.1", self.ports["tls"]), timeout)
        return Client(context.wrap_socket(s, server_hostname="localhost"))

    def get(self, path, headers="", method="GET"):
        with self.connect() as c:
            c.send("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n"
                   % (method, path, headers))
            return c.answer(head_only=method == "HEAD")

    def counters(self):
        import json
        return json.loads(self.get("/test/counters").body)


class Answer:
    def __init__(self, status, headers, body, raw_head):
        self.status = status
        self.headers = headers
        self.body = body
        self.raw_head = raw_head

    def __repr__(self):
        return "<%s %s %r>" % (self.status, self.headers, self.body[:80])


class Closed(Exception):
    pass


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.buf = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def more(self):
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError) as e:
            if isinstance(e, ssl.SSLWantReadError):
                raise
            data = b""
        if not data:
            raise Closed()
        self.buf += data

    def line(self):
        while b"\r\n" not in self.buf:
            self.more()
        line, self.buf = self.buf.split(b"\r\n", 1)
        return line

    def exactly(self, n):
        while len(self.buf) < n:
            self.more()
        data, self.buf = self.buf[:n], self.buf[n:]
        return data

    def answer(self, head_only=False):
        """The next answer, parsed strictly."""
        first = self.line()
        m = re.fullmatch(rb"HTTP/1\.1 ([0-9]{3}) [A-Za-z ]+", first)
        assert m, first
        status = int(m.group(1))
        headers, raw = {}, [first]
        while True:
            line = self.line()
            raw.append(line)
            if not line:
                break
            name, value = line.split(b": ", 1)
            name = name.decode().lower()
            assert name not in headers or name == "vary", "doubled header %s" % name
            headers[name] = value.decode("latin-1")
        assert not ("content-length" in headers and "transfer-encoding" in headers)
        if head_only or status in (100, 204, 304):
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self.chunks()
        elif "content-length" in headers:
            body = self.exactly(int(headers["content-length"]))
        else:
            assert headers.get("connection") == "close", headers
            body = self.rest()
        return Answer(status, headers, body, raw)

    def chunks(self):
        body = b""
        while True:
            size = self.line()
            assert re.fullmatch(rb"[0-9a-f]+", size), size
            n = int(size, 16)
            body += self.exactly(n)
            assert self.line() == b""
            if n == 0:
                return body

    def rest(self):
        try:
            while True:
                self.more()
        except Closed:
            pass
        data, self.buf = self.buf, b""
        return data

    def is_closed(self, within=5):
        """Does the server close (nothing more coming) within so many seconds?"""
        self.sock.settimeout(within)
        try:
            self.more()
        except Closed:
            return True
        except (socket.timeout, TimeoutError):
            return False
        return False

    def finish(self):
        """Everything until the server closes."""
        return self.rest()


def wait_for(check, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.02)
    return False
