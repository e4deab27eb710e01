"""Start, stop and talk to a node under test.

Knows only the contract of contrib/dev/run-node and plain HTTP on loopback.
A node is always killed by its process group, never by name.
"""
import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import answers  # noqa: E402

answers.install()

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
USER_AGENT = "PyMISP 2.5.1 - Python 3.11"  # MISP answers this client in compact JSON
SKIP = 77


def skip(why):
    """End the program as `skipped` for the Automake test driver."""
    print("SKIP: " + why)
    sys.stdout.flush()
    sys.exit(SKIP)


def run_node_path():
    """The starter script, or None when this tree has none."""
    path = os.environ.get("TOCSIN_RUN_NODE", os.path.join(TOP, "contrib", "dev", "run-node"))
    return path if os.access(path, os.X_OK) else None


def have_daemon():
    """True when a starter exists and, if the build tells where the daemon is, that is built too."""
    daemon = os.environ.get("TOCSIND")
    if daemon and not os.access(daemon, os.X_OK):
        return False
    return run_node_path() is not None


def shared(*parts):
    """A path inside the folder of shared recordings and data, or None when it is not there."""
    top = os.environ.get("TOCSIN_SHARED", os.path.join(TOP, "..", "shared"))
    path = os.path.join(top, *parts)
    return path if os.path.exists(path) else None


def free_port():
    """A TCP port on loopback that nobody listened on a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class NodeDied(Exception):
    """The node ended although nobody asked it to."""


class Answer:
    """One HTTP answer: status, headers (first of each name) and the whole body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def text(self):
        return self.body.decode("utf-8", "surrogateescape")

    def json(self):
        return json.loads(self.body)


class Client:
    """A keep-alive connection that sends exactly the headers it is given."""

    def __init__(self, port, key=None, timeout=60):
        self.port, self.key, self.timeout = port, key, timeout
        self.conn = None

    def close(self):
        if self.conn:
            self.conn.close()
        self.conn = None

    def raw(self, method, path, headers, body=None):
        """Send one request; retry once when a kept-alive connection turned out to be closed."""
        for attempt in (0, 1):
            fresh = self.conn is None
            if fresh:
                self.conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
            try:
                self.conn.putrequest(method, path, skip_accept_encoding=True)
                for name, value in headers.items():
                    self.conn.putheader(name, value)
                if body is not None or method in ("POST", "PUT", "DELETE"):
                    self.conn.putheader("Content-Length", str(len(body or b"")))
                self.conn.endheaders(body)
                r = self.conn.getresponse()
                data = r.read()
                ans = Answer(r.status, {k.lower(): v for k, v in reversed(r.getheaders())}, data)
                if r.will_close:
                    self.close()
                return ans
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
                if fresh or attempt:
                    raise
            except (OSError, http.client.HTTPException):
                self.close()
                raise
        raise AssertionError("not reached")

    def call(self, method, path, body=None, key=None, headers=None):
        """Send JSON as a client library would."""
        h = {"User-Agent": USER_AGENT, "Accept": "application/json",
             "Content-Type": "application/json"}
        if key or self.key:
            h["Authorization"] = key or self.key
        h.update(headers or {})
        data = None if body is None else json.dumps(body).encode()
        return self.raw(method, path, h, data)

    def post(self, path, body=None, **kw):
        return self.call("POST", path, {} if body is None else body, **kw)

    def get(self, path, **kw):
        return self.call("GET", path, **kw)


# Peers run when a test asks for it, lest a run of the schedule be counted by one.
BY_HAND = ("peer_interval=0", "push_delay=0")


class Node:
    """A node in a folder of its own. start() and kill() may alternate on the same folder. Peers run
    only when asked for, unless `extra` sets peer_interval or push_delay."""

    def __init__(self, folder=None, port=None, key=None, extra=(), ready_s=None, env=None):
        self._tmp = None
        if folder is None:
            self._tmp = tempfile.TemporaryDirectory(prefix="tocsin-test-")
            folder = os.path.join(self._tmp.name, "node")
        self.folder = folder
        self.port = port or free_port()
        self.key = key or secrets.token_hex(20)
        self.extra = list(extra)
        for setting in BY_HAND:
            if not any(x.startswith(setting.partition("=")[0] + "=") for x in self.extra):
                self.extra += ["--set", setting]
        # sanitizer builds are slow to start
        self.ready_s = ready_s or float(os.environ.get("TOCSIN_READY_SECONDS", "60"))
        self.env = env
        self.proc = None
        self.log_path = folder.rstrip("/") + ".log"

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def client(self, key=None, timeout=60):
        return Client(self.port, key or self.key, timeout)

    def start(self):
        """Start and wait for `ready`; returns seconds it took."""
        starter = run_node_path()
        if starter is None:
            raise FileNotFoundError("no contrib/dev/run-node")
        os.makedirs(os.path.dirname(os.path.abspath(self.folder)), exist_ok=True)
        argv = [starter, "--dir", self.folder, "--port", str(self.port), "--key", self.key]
        env = dict(os.environ)
        env.update(self.env or {})
        log = open(self.log_path, "ab")
        t0 = time.monotonic()
        self.proc = subprocess.Popen(argv + self.extra, stdin=subprocess.DEVNULL, env=env,
                                     stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        log.close()
        self._ready = threading.Event()
        threading.Thread(target=self._read_stdout, args=(self.proc.stdout,), daemon=True).start()
        while not self._ready.wait(0.02):
            if self.proc.poll() is not None:
                self._ready.wait(0.2)
                raise NodeDied("node ended with %s before it was ready; log:\n%s"
                               % (self.proc.returncode, self.log_tail()))
            if time.monotonic() - t0 > self.ready_s:
                self.kill()
                raise NodeDied("node not ready after %g s; log:\n%s"
                               % (self.ready_s, self.log_tail()))
        return time.monotonic() - t0

    def _read_stdout(self, pipe):
        with open(self.log_path, "ab") as log:
            for line in pipe:
                if line.strip() == b"ready":
                    self._ready.set()
                log.write(line)
                log.flush()

    def log_tail(self, size=4000):
        try:
            with open(self.log_path, "rb") as f:
                f.seek(max(0, os.path.getsize(self.log_path) - size))
                return f.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def pid(self):
        """The daemon's own process id: the starter itself, or its child if the starter stays."""
        pids = self._group()
        daemons = [p for p in pids if _comm(p).startswith("tocsind")]
        return daemons[0] if daemons else self.proc.pid

    def _group(self):
        out = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open("/proc/%s/stat" % name) as f:
                        if int(f.read().rpartition(")")[2].split()[2]) == self.proc.pid:
                            out.append(int(name))
                except (OSError, IndexError, ValueError):
                    pass
        return sorted(out)

    def kill(self):
        """kill -9 of the whole process group, as a power cut would end it."""
        self._signal(signal.SIGKILL, 30)

    def stop(self, timeout_s=60):
        """Ask politely; returns the exit status (negative: ended by that signal)."""
        if self.proc is None:
            return None
        status = self._signal(signal.SIGTERM, timeout_s)
        if status is None:
            self.kill()
        return status

    def _signal(self, sig, timeout_s):
        if self.proc is None:
            return None
        try:
            os.killpg(self.proc.pid, sig)
        except ProcessLookupError:
            pass
        try:
            status = self.proc.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        end = time.monotonic() + timeout_s
        while self._group() and time.monotonic() < end:
            time.sleep(0.01)
        self.proc = None
        return status

    def anon_bytes(self):
        """Anonymous memory of the daemon now (private, not backed by a file)."""
        with open("/proc/%d/smaps_rollup" % self.pid()) as f:
            return int(re.search(r"^Anonymous:\s+(\d+) kB", f.read(), re.M).group(1)) * 1024

    def clean(self):
        self.stop()
        if self._tmp:
            self._tmp.cleanup()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.clean()


def _comm(pid):
    try:
        with open("/proc/%d/comm" % pid) as f:
            return f.read().strip()
    except OSError:
        return ""
