"""world.py - a scripted node that serves one export with its history, the follower as a process, and TAP."""
import hashlib
import http.server
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

TOOL = os.environ.get('TOCSIN', 'tocsin')
SENSOR_FILE = os.environ.get('SENSOR_FILE', 'sensor_file')
KEY = 'k' * 40
PATIENCE = 60.0  # for things that happen at once on a machine that is not busy
checked = 0
failures = []


def ok(good, what, detail=''):
    global checked
    checked += 1
    print('%s %d - %s' % ('ok' if good else 'not ok', checked, what))
    if not good:
        failures.append(what)
        for line in str(detail)[:3000].splitlines():
            print('#   ' + line)
    sys.stdout.flush()
    return good


def same(got, want, what):
    return ok(got == want, what, 'got  %r\nwant %r' % (got, want))


def skip(what, why):
    global checked
    checked += 1
    print('ok %d - %s # SKIP %s' % (checked, what, why))


def wait_for(condition, patience=PATIENCE):
    """The condition's value as soon as it is true; its last one when patience ends."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def finish():
    print('1..%d' % checked)
    sys.exit(1 if failures else 0)


class Folder:
    def __init__(self):
        self.path = tempfile.mkdtemp(prefix='tocsin-follow-')

    def __call__(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text, mode=None):
        data = text if isinstance(text, bytes) else text.encode()
        with open(self(name), 'wb') as f:
            f.write(data)
        if mode:
            os.chmod(self(name), mode)
        return self(name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


# ---- exports, by the formats themselves ----

class Export:
    """Sets of (kind, value) by serial, as one format writes them."""

    def __init__(self, name, format, *options, first=100):
        self.name, self.format, self.options = name, format, options
        self.first = self.serial = first  # older serials are not known any more
        self.sets = {first: []}
        self.changed = threading.Condition()

    def set(self, items, serial=None):
        with self.changed:
            self.serial = self.serial + 1 if serial is None else serial
            self.sets[self.serial] = list(items)
            self.changed.notify_all()
        return self.serial

    def _lists(self, folder, *sets):
        paths = []
        for i, items in enumerate(sets):
            paths.append(os.path.join(folder, 'list%d' % i))
            with open(paths[-1], 'w') as f:
                for kind, value in items:
                    f.write('%s\t%s\n' % (kind, value.encode().hex()))
        return paths

    def _run(self, *args):
        p = subprocess.run([SENSOR_FILE] + list(args), capture_output=True, check=False)
        if p.returncode:
            raise RuntimeError(p.stderr.decode())
        return p.stdout

    def whole(self, serial=None):
        with tempfile.TemporaryDirectory() as folder:
            paths = self._lists(folder, self.sets[self.serial if serial is None else serial])
            return self._run('full', self.format, paths[0], *self.options)

    def change(self, since, to):
        with tempfile.TemporaryDirectory() as folder:
            paths = self._lists(folder, self.sets[since], self.sets[to])
            return self._run('change', self.format, *paths, *self.options)


LINES = ('values', 'ip-list', 'domain-list', 'hash-list', 'hosts')


class Node:
    """Serves one export as the node does. `twist(handler, kind, query)` may answer instead: it returns True."""

    def __init__(self, export):
        self.export = export
        self.twist = None
        self.asked = []
        node = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *_):
                pass

            def do_GET(self):
                try:
                    node.serve(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(('127.0.0.1', 0), Handler)
        self.url = 'http://127.0.0.1:%d' % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, h, status, body=b'', **headers):
        h.send_response(status)
        for name, value in headers.items():
            h.send_header(name.replace('_', '-'), str(value))
        if status not in (204, 304):
            h.send_header('Content-Length', str(len(body)))
        h.end_headers()
        h.wfile.write(body)

    def whole(self, h, **more):
        e = self.export
        serial = e.serial
        self.answer(h, 200, e.whole(serial), X_Tocsin_Serial=serial, ETag='"%d"' % serial,
                    Content_Type='text/plain', **more)

    def serve(self, h):
        e = self.export
        url = urllib.parse.urlsplit(h.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        kind = 'change' if 'since' in query else 'digest' if url.path.endswith('.sha256') else 'whole'
        self.asked.append((kind, query))
        if h.headers.get('Authorization') != KEY:
            return self.answer(h, 403, b'{"message":"Authentication failed."}')
        if url.path not in ('/exports/' + e.name, '/exports/%s.sha256' % e.name):
            return self.answer(h, 404, b'{"message":"Not found"}')
        if self.twist and self.twist(h, kind, query):
            return None
        if kind == 'digest':
            serial = e.serial
            text = '%s  %s\n' % (hashlib.sha256(e.whole(serial)).hexdigest(), e.name)
            return self.answer(h, 200, text.encode(), X_Tocsin_Serial=serial)
        if kind == 'whole':
            return self.whole(h)
        return self.change(h, int(query['since']), float(query.get('wait', 0)))

    def change(self, h, since, wait):
        e = self.export
        with e.changed:
            e.changed.wait_for(lambda: e.serial != since, timeout=wait)
            serial = e.serial
        if serial == since:
            return self.answer(h, 204, X_Tocsin_Serial=serial)
        if since not in e.sets or since > serial:
            return self.whole(h, X_Tocsin_Change='whole')
        return self.answer(h, 200, e.change(since, serial), X_Tocsin_Serial=serial,
                           X_Tocsin_Change='lines' if e.format in LINES else 'own')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


# ---- the follower ----

def command(node, folder, to, *args, key=KEY, name=None, state='state.json'):
    return [TOOL, 'follow', name or node.export.name, '--to', to, '--url', node.url, '--key', key,
            '--state', folder(state)] + list(args)


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('TOCSIN_', 'NOTIFY_'))}
    env.update(more)
    return env


def once(node, folder, to, *args, env=None, **kw):
    p = subprocess.run(command(node, folder, to, '--once', *args, **kw), capture_output=True, timeout=300,
                       env=environment(**(env or {})))
    p.out, p.err = p.stdout.decode('utf-8', 'replace'), p.stderr.decode('utf-8', 'replace')
    return p


class Follower:
    """tocsin follow --json; its events can be waited for."""

    def __init__(self, node, folder, to, *args, env=None, **kw):
        self.process = subprocess.Popen(command(node, folder, to, '--json', *args, **kw),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment(**(env or {})))
        self.events = []
        self.more = queue.Queue()
        self.seen = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            self.more.put(event)

    def wait(self, kind, patience=PATIENCE, **members):
        """The next event of that kind with these members; None when none comes."""
        end = time.monotonic() + patience
        while True:
            try:
                event = self.more.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                return None
            if event['event'] == kind and all(event.get(k) == v for k, v in members.items()):
                return event

    def problem(self, part, patience=PATIENCE):
        end = time.monotonic() + patience
        while True:
            event = self.wait('problem', max(0.01, end - time.monotonic()))
            if event is None or part in event['text']:
                return event

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            self.code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.code = None
        self.stderr = self.process.stderr.read().decode('utf-8', 'replace')
        return self.code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]
