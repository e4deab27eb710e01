"""Write down every HTTP exchange of this process, for tests/openapi/answers.py to judge.

Active when TOCSIN_ANSWERS names a folder; each process appends to a file of its own there. It hooks
http.client, so that PyMISP, requests and the clients of the tests are all seen. Connections with a member
is_no_node, to other servers, are passed over.
"""
import base64
import http.client
import json
import os

BODY_MAX = 8 << 20  # longer answers are judged by their head alone


def install():
    """Begin to write; safe to call more than once."""
    folder = os.environ.get("TOCSIN_ANSWERS")
    if not folder or hasattr(http.client, "tocsin_answers"):
        return
    os.makedirs(folder, exist_ok=True)
    http.client.tocsin_answers = Recorder(folder)


class Recorder:
    def __init__(self, folder):
        self.folder, self.pid, self.file = folder, None, None
        put, get, close = (http.client.HTTPConnection.putrequest,
                           http.client.HTTPConnection.getresponse,
                           http.client.HTTPResponse._close_conn)
        recorder = self

        def putrequest(conn, method, url, *args, **kw):
            conn.tocsin_asked = None if hasattr(conn, "is_no_node") else (method, url)
            return put(conn, method, url, *args, **kw)

        def getresponse(conn, *args, **kw):
            answer = get(conn, *args, **kw)
            inner = getattr(answer, "_original_response", answer)  # urllib3 wraps it
            if isinstance(inner, http.client.HTTPResponse):
                inner.tocsin_asked = getattr(conn, "tocsin_asked", None)
                inner.tocsin_left = -1
                if inner.fp is None:
                    recorder.write(inner, b"")
                else:
                    inner.fp = Tee(inner.fp, inner, recorder)
            return answer

        def close_conn(answer):
            fp = answer.fp
            close(answer)
            if isinstance(fp, Tee):
                fp.ended()

        http.client.HTTPConnection.putrequest = putrequest
        http.client.HTTPConnection.getresponse = getresponse
        http.client.HTTPResponse._close_conn = close_conn

    def write(self, answer, body):
        if answer.tocsin_asked is None:
            return
        method, path = answer.tocsin_asked
        row = {"method": method, "path": path, "status": answer.status,
               "type": answer.headers.get("Content-Type"),
               "coding": answer.headers.get("Content-Encoding"),
               "server": answer.headers.get("Server")}
        if body is None:
            row["long"] = True
        else:
            row["body"] = base64.b64encode(body).decode()
        if self.pid != os.getpid():
            self.pid = os.getpid()
            self.file = open(os.path.join(self.folder, "%d.jsonl" % self.pid), "a")
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()


class Tee:
    """A response's file that keeps what is read from it."""

    def __init__(self, fp, answer, recorder):
        self.fp, self.answer, self.recorder = fp, answer, recorder
        self.kept, self.done = bytearray(), False

    def keep(self, data):
        if self.kept is not None:
            self.kept += data
            if len(self.kept) > 2 * BODY_MAX:
                self.kept = None
        return data

    def read(self, *args):
        return self.keep(self.fp.read(*args))

    def read1(self, *args):
        return self.keep(self.fp.read1(*args))

    def readline(self, *args):
        return self.keep(self.fp.readline(*args))

    def readinto(self, room):
        n = self.fp.readinto(room)
        if n:
            self.keep(bytes(memoryview(room)[:n]))
        return n

    def ended(self):
        if self.done:
            return
        self.done = True
        body = self.kept
        if body is not None and self.answer.chunked:
            body = dechunk(bytes(body))
        self.recorder.write(self.answer, None if body is None else bytes(body))

    def __getattr__(self, name):
        return getattr(self.fp, name)


def dechunk(raw):
    """The body of a chunked answer; None when it broke off."""
    out, at = bytearray(), 0
    while True:
        end = raw.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(raw[at:end].split(b";")[0], 16)
        if size == 0:
            return bytes(out)
        out += raw[end + 2:end + 2 + size]
        at = end + 2 + size + 2
