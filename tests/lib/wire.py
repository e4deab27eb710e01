"""A proxy that counts what two nodes say to each other. Standard library only."""
import re
import socket
import threading


class Wire:
    """A proxy that counts: requests, bytes each way (heads too)."""

    def __init__(self, port):
        self.to = port
        self.requests = self.up = self.down = 0
        self.paths = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        self.requests = self.up = self.down = 0
        self.paths = []

    def _accept(self):
        while True:
            try:
                c, _ = self.listener.accept()
                s = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            for a, b, up in ((c, s, True), (s, c, False)):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._move, args=(a, b, up), daemon=True).start()

    def _move(self, a, b, up):
        while True:
            try:
                data = a.recv(1 << 18)
                if not data:
                    break
                self._count(data, up)
                b.sendall(data)
            except OSError:
                break
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _count(self, data, up):
        with self.lock:
            if not up:
                self.down += len(data)
                return
            self.up += len(data)
            for m in re.finditer(rb"(?:^|\n)([A-Z]+ /[^ \r\n]*) HTTP/1\.1\r\n", data):
                self.requests += 1
                self.paths.append(m.group(1).decode("ascii", "replace"))

    def close(self):
        self.listener.close()
