"""lib.py - the program serve as an object, keys, and a zone as a set; for the tests of this folder."""
import base64
import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

LIMIT = 60  # seconds for what should take none; machines under load take longer


def skip(why):
    print(f'SKIP: {why}')
    sys.exit(77)


try:
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.tsig
    import dns.tsigkeyring
    import dns.edns
    import dns.xfr
    import dns.zone
except ImportError:
    skip('no dnspython (contrib/check installs it; or set TOCSIN_PYTHON)')

PROGRAM = os.path.join(os.environ.get('top_builddir', '.'), 'tests/dns/serve')

checks = failed = 0


def ok(condition, name):
    global checks, failed
    checks += 1
    failed += not condition
    print(f'{"ok" if condition else "not ok"} {checks} - {name}', flush=True)
    return condition


def done():
    print(f'1..{checks}')
    sys.exit(1 if failed else 0)


def wait_for(condition, limit=LIMIT, step=0.02):
    """Until the condition gives something true; None when it does not in time."""
    end = time.monotonic() + limit
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            return None
        time.sleep(step)


def free_port():
    """A port that is free for UDP and TCP."""
    for _ in range(50):
        with socket.socket() as t, socket.socket(type=socket.SOCK_DGRAM) as u:
            t.bind(('127.0.0.1', 0))
            try:
                u.bind(t.getsockname())
            except OSError:
                continue
            return t.getsockname()[1]
    raise OSError('no free port')


class Folder:
    """A scratch folder that goes at the end, readable by daemons of other users."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix='tocsin-dns.')
        os.chmod(self.path, 0o777)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def write(self, name, text):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, 0o644)
        return path


class Key:
    def __init__(self, folder, name, algorithm='hmac-sha256', size=32):
        self.name, self.algorithm = name, algorithm
        self.secret = base64.b64encode(os.urandom(size)).decode()
        self.file = folder.write(f'{name}.key', f'key "{name}" {{\n\talgorithm {algorithm};\n'
                                                f'\tsecret "{self.secret}";\n}};\n')
        self.line = f'{name} {algorithm} {self.file}'

    def ring(self):
        return {dns.name.from_text(self.name): dns.tsig.Key(self.name, self.secret, self.algorithm)}


class Server:
    """The program, its commands, and what it said."""

    def __init__(self, zones, keys=(), serial=1, limits=(), listen=('127.0.0.1:0',)):
        if not os.path.exists(PROGRAM):
            skip(f'{PROGRAM} is not built')
        args = [PROGRAM, '-s', str(serial)]
        for flag, values in (('-l', listen), ('-k', [k.line for k in keys]), ('-z', zones), ('-o', limits)):
            for v in values:
                args += [flag, v]
        if os.environ.get('TOCSIN_DNS_VERBOSE'):
            args.append('-v')
        self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines, self.transfers, self.lock = queue.Queue(), [], threading.Lock()
        threading.Thread(target=self.read, daemon=True).start()
        ready = self.lines.get(timeout=LIMIT)
        if not ready.startswith('ready '):
            raise RuntimeError(ready)
        self.ports = [int(p) for p in ready.split()[1:]]
        self.port = self.ports[0]

    def read(self):
        for line in self.process.stdout:
            if line.startswith('transfer '):
                with self.lock:
                    self.transfers.append(dict(re.findall(r'(\w+)=(\S+)', line)))
            else:
                self.lines.put(line.strip())
        self.lines.put('ended')

    def command(self, text):
        """What it answers, without the ok."""
        said = []
        self.process.stdin.write(text + '\n')
        self.process.stdin.flush()
        while True:
            line = self.lines.get(timeout=LIMIT)
            if line == 'ok':
                return said
            if line == 'ended':
                raise RuntimeError(f'the server ended at {text}')
            said.append(line)

    def number(self, text):
        return int(self.command(text)[0].split()[1])

    def transfer_lines(self):
        with self.lock:
            return list(self.transfers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.stdin.write('quit\n')
            self.process.stdin.flush()
            status = self.process.wait(LIMIT)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            status = self.process.wait()
        ok(status == 0, f'the server ended well ({status})')


class Daemon:
    """A resolver in the foreground; its log for when a test fails."""

    def __init__(self, folder, name, args, env=None):
        self.name, self.log = name, os.path.join(folder.path, f'{name}.log')
        with open(self.log, 'w', encoding='utf-8') as out:
            self.process = subprocess.Popen(args, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            cwd=folder.path, env=env)

    def text(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if kind or failed:
            print('\n'.join(f'# {self.name}: {line}' for line in self.text().splitlines()[-60:]))


def lookup(port, name, kind='A', tcp=False, timeout=2.0):
    """The answer of a resolver on this port, or None."""
    q = dns.message.make_query(name, kind)
    try:
        ask = dns.query.tcp if tcp else dns.query.udp
        return ask(q, '127.0.0.1', port=port, timeout=timeout)
    except (dns.exception.DNSException, OSError):
        return None
