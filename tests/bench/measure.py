"""Measuring: memory of a daemon while something runs, tools' JSON lines, the machine's facts."""
import json
import os
import platform
import re
import socket
import subprocess
import threading
import time


class Peak:
    """Highest anonymous memory of a node while the block runs, above what it had before."""

    def __init__(self, node, every_s=0.02):
        self.node, self.every_s = node, every_s
        self.idle = self.top = 0

    def __enter__(self):
        self.pid = self.node.pid()
        self.idle = self.top = anon_bytes(self.pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self):
        while not self._stop.wait(self.every_s):
            try:
                self.top = max(self.top, anon_bytes(self.pid))
            except (OSError, AttributeError):
                return

    def __exit__(self, *exc):
        self._stop.set()
        self._thread.join()

    @property
    def above_mib(self):
        return (self.top - self.idle) / 2**20


def anon_bytes(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return int(re.search(r"^Anonymous:\s+(\d+) kB", f.read(), re.M).group(1)) * 1024


def tool(argv, **kw):
    """Run a tool that prints one JSON line; a failed one raises with its output."""
    p = subprocess.run(argv, capture_output=True, text=True, **kw)
    try:
        out = json.loads(p.stdout.strip().split("\n")[-1])
    except ValueError:
        raise RuntimeError("%s: %s %s" % (argv[0], p.stdout[-300:], p.stderr[-300:])) from None
    if out.get("errors"):
        raise RuntimeError("%s: %d errors, last status %s" % (
            os.path.basename(argv[0]), out["errors"], out.get("last_bad_status")))
    return out


def send_file(port, key, target, path):
    """POST a file as it is; returns (seconds, status, head of the body). Does not hold the file."""
    size = os.path.getsize(path)
    t0 = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=600) as s, open(path, "rb") as f:
        s.sendall(("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n"
                   "Accept: application/json\r\nContent-Type: application/json\r\n"
                   "Connection: close\r\nContent-Length: %d\r\n\r\n"
                   % (target, key, size)).encode())
        s.sendfile(f)
        status, head, _, _ = _drain(s, t0)
    return time.monotonic() - t0, status, head


def import_files(port, key, files, connections):
    """Stream many event files into /tocsin/import, each connection one body; (seconds, totals)."""
    lots = [files[i::connections] for i in range(connections)]
    totals, errors = {}, []

    def one(lot):
        try:
            answer = _import_lot(port, key, lot)
            for k, v in answer.items():
                if isinstance(v, int):
                    totals[k] = totals.get(k, 0) + v
            if answer.get("failed") or answer.get("error"):
                errors.append(str(answer)[:300])
        except (OSError, ValueError) as e:
            errors.append(str(e))
    threads = [threading.Thread(target=one, args=(lot,)) for lot in lots if lot]
    t0 = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise RuntimeError("import: " + errors[0])
    return time.monotonic() - t0, totals


def _import_lot(port, key, lot):
    size = sum(os.path.getsize(f) for f in lot)
    with socket.create_connection(("127.0.0.1", port), timeout=600) as s:
        s.sendall(("POST /tocsin/import HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n"
                   "Accept: application/json\r\nContent-Type: application/json\r\n"
                   "Connection: close\r\nContent-Length: %d\r\n\r\n" % (key, size)).encode())
        for name in lot:
            with open(name, "rb") as f:
                s.sendfile(f)
        status, head, _, _ = _drain(s, time.monotonic())
    if status != 200:
        raise ValueError("import answered %d %r" % (status, head[:200]))
    return json.loads(head)


def fetch(port, key, target, body=None):
    """One request; returns (seconds, seconds to the first body byte, status, bytes, head)."""
    t0 = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=600) as s:
        data = b"" if body is None else json.dumps(body).encode()
        s.sendall(("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n"
                   "Accept: application/json\r\nContent-Type: application/json\r\n"
                   "User-Agent: PyMISP 2.5.1 - Python 3.11\r\nConnection: close\r\n"
                   "Content-Length: %d\r\n\r\n" % ("GET" if body is None else "POST", target, key,
                                                   len(data))).encode() + data)
        status, head, first, total = _drain(s, t0)
    if status != 200:
        raise RuntimeError("%s answered %d %r" % (target, status, head[:200]))
    return time.monotonic() - t0, first, status, total, head


def _drain(s, t0):
    """Read to the end without keeping it: (status, first 500 body bytes, seconds to it, bytes)."""
    head, body, first, total = b"", b"", None, 0
    buf = bytearray(1 << 20)
    while True:
        n = s.recv_into(buf)
        if n == 0:
            break
        part = memoryview(buf)[:n]
        if first is None:
            head += bytes(part)
            at = head.find(b"\r\n\r\n")
            if at < 0 or len(head) == at + 4:
                continue
            first = time.monotonic() - t0
            body, total = head[at + 4:at + 504], len(head) - at - 4
        else:
            total += n
    status = int(head[9:12]) if len(head) > 12 else 0
    return status, body, first or 0.0, total


def machine():
    """Facts for the head of a results file."""
    cpu = "?"
    with open("/proc/cpuinfo") as f:
        m = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
        cpu = m.group(1) if m else cpu
    with open("/proc/meminfo") as f:
        mem = int(re.search(r"^MemTotal:\s+(\d+)", f.read(), re.M).group(1)) / 2**20
    return "%d x %s, %.0f GiB, Linux %s, %s" % (os.cpu_count(), cpu, mem, platform.release(),
                                               platform.machine())
