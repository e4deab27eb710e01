"""suricata.py - a Suricata for tests: its unix socket with datasets, as strict as its documentation. One command a
line, one answer each; a command before the answer to the last, one over 4,095 bytes, or one that is not asked for
as documented ends the connection and is counted as a fault."""
import base64
import ipaddress
import json
import os
import socket
import threading
import time

ALLOWED = {
    'uptime': set(), 'ruleset-reload-time': set(), 'reload-rules': set(), 'ruleset-stats': set(),
    'dataset-add': {'setname', 'settype', 'datavalue'}, 'dataset-remove': {'setname', 'settype', 'datavalue'},
    'dataset-clear': {'setname', 'settype'},
}


def parse(kind, text):
    """The value, or None when Suricata could not read it."""
    try:
        if kind == 'string':
            return base64.b64decode(text, validate=True) or None
        if kind == 'ip':
            return ipaddress.ip_address(text)
        raw = bytes.fromhex(text)
        return raw if len(raw) == {'md5': 16, 'sha256': 32}[kind] else None
    except ValueError:
        return None


class Suricata:
    def __init__(self, path, sets, now=time.time):
        """sets: {name: type}, empty as after a start without files."""
        self.path, self.types = path, dict(sets)
        self.sets = {n: set() for n in sets}
        self.faults, self.commands = [], []
        self.busy, self.reloads, self.refuse, self.failed_rules = 0, 1, None, 0
        self.now, self.started = now, now()
        self.connections = []
        self.open()

    def open(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                c, _ = listener.accept()
            except OSError:
                return
            self.connections.append(c)
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def close(self):
        """End: the socket goes, and so do connections."""
        for s in [self.listener] + self.connections:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        self.connections = []
        os.unlink(self.path)

    def restart(self, **files):
        """A new process: sets hold what their files hold."""
        self.close()
        self.started = self.now()
        self.reloads = 1
        self.sets = {n: set(files.get(n, ())) for n in self.types}
        self.open()

    def reload(self):
        """Rules are read again: sets with a file to load are made anew from it."""
        self.reloads += 1
        self.sets = {n: set() for n in self.types}

    # ---- a connection ----

    def fault(self, what):
        self.faults.append(what)
        return None

    def serve(self, c):
        try:
            if self.hello(c.recv(200)) is None:
                return c.close()
            c.sendall(b'{"return":"OK"}\n')
            while True:
                data = c.recv(4096)
                if not data:
                    return c.close()
                if len(data) >= 4095 or not data.endswith(b'\n') or data.count(b'\n') != 1:
                    self.fault('not one line: %r' % data[:100])
                    return c.close()
                answer = self.command(data)
                if answer is None:
                    return c.close()
                c.sendall(json.dumps(answer, separators=(',', ':')).encode() + b'\n')
        except OSError:
            return None

    def hello(self, data):
        try:
            return True if json.loads(data)['version'] == '0.2' else self.fault('version')
        except (ValueError, KeyError, TypeError):
            return self.fault('no version: %r' % data)

    def command(self, data):
        try:
            j = json.loads(data)
            name, args = j['command'], j.get('arguments', {})
        except (ValueError, KeyError, TypeError):
            return self.fault('no command: %r' % data[:100])
        if name not in ALLOWED or set(args) != ALLOWED[name] or set(j) - {'command', 'arguments'} or \
                any(not isinstance(v, str) for v in args.values()):
            return self.fault('not asked as documented: %r' % j)
        self.commands.append(name)
        good, message = getattr(self, 'do_' + name.replace('-', '_'))(args)
        return {'message': message, 'return': 'OK' if good else 'NOK'}

    def do_uptime(self, _):
        return True, int(self.now() - self.started)

    def do_ruleset_reload_time(self, _):
        return True, [{'id': 0, 'last_reload': '2026-11-23T10:00:%02d.000000+0000' % self.reloads}]

    def do_reload_rules(self, _):
        self.reload()
        return True, 'done'

    def do_ruleset_stats(self, _):
        return True, [{'id': 0, 'rules_loaded': 10, 'rules_failed': self.failed_rules}]

    def find(self, args):
        return self.sets[args['setname']] if self.types.get(args['setname']) == args['settype'] else None

    def do_dataset_add(self, args):
        found, value = self.find(args), parse(args['settype'], args['datavalue'])
        if found is None:
            return False, 'set not found or wrong type'
        if value is None or value == self.refuse:
            return False, 'failed to add data'
        if value in found:
            return True, 'data already in set'
        found.add(value)
        return True, 'data added'

    def do_dataset_remove(self, args):
        found, value = self.find(args), parse(args['settype'], args['datavalue'])
        if found is None:
            return False, 'set not found or wrong type'
        if value not in found:
            return False, 'failed to remove data'
        if self.busy:
            self.busy -= 1
            return True, 'data is busy, try again'
        found.remove(value)
        return True, 'data removed'

    def do_dataset_clear(self, args):
        found = self.find(args)
        if found is None:
            return False, 'set not found or wrong type'
        found.clear()
        return True, 'dataset cleared'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
