"""follow_unbound.py - local zones of a real Unbound, whose control socket is a unix socket: what it answers to
questions before and after each change. Nothing is asked of the Internet: names that are not blocked are asked of the test."""
import os
import shutil
import socket
import struct
import subprocess
import threading

from world import Export, Folder, Follower, Node, free_port, ok, once, same, skip, wait_for

PATH = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'


class Unbound:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.upstream = socket.socket(type=socket.SOCK_DGRAM)
        self.upstream.bind(('127.0.0.1', 0))
        threading.Thread(target=self.answer, daemon=True).start()
        self.conf = folder.write('unbound.conf', '''
server:
	interface: 127.0.0.1@%d
	port: %d
	username: ""
	chroot: ""
	directory: "%s"
	pidfile: ""
	use-syslog: no
	logfile: ""
	do-ip6: no
	num-threads: 1
	module-config: "iterator"
	local-zone: "mine.example." always_refuse
	local-zone: "ip6.mine.example." static
	do-not-query-localhost: no
forward-zone:
	name: "."
	forward-addr: 127.0.0.1@%d
remote-control:
	control-enable: yes
	control-use-cert: no
	control-interface: %s
''' % (self.port, self.port, folder.path, self.upstream.getsockname()[1], folder('control')))
        self.env = {'PATH': PATH}
        self.process = None
        self.start()

    def answer(self):
        """Each name has the address 192.0.2.99."""
        while True:
            try:
                wire, peer = self.upstream.recvfrom(4096)
            except OSError:
                return
            end = 12
            while wire[end]:
                end += wire[end] + 1
            a = wire[end + 1:end + 3] == b'\0\1'
            self.upstream.sendto(wire[:2] + b'\x84\x80\0\1' + struct.pack('>HHH', a, 0, 0) + wire[12:end + 5] +
                                 (b'\xc0\x0c\0\1\0\1\0\0\0\0\0\4\xc0\0\2\x63' if a else b''), peer)

    def control(self, *args):
        return subprocess.run(['unbound-control', '-c', self.conf] + list(args), capture_output=True,
                              env=dict(os.environ, PATH=PATH))

    def start(self):
        self.process = subprocess.Popen(['unbound', '-d', '-c', self.conf], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=dict(os.environ, PATH=PATH))
        self.up = wait_for(lambda: self.control('status').returncode == 0 or self.process.poll() is not None)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()

    def ask(self, name):
        """'A 192.0.2.99' or the name of the error."""
        wire = struct.pack('>HHHHHH', 7, 0x100, 1, 0, 0, 0)
        for label in name.split('.'):
            wire += bytes([len(label)]) + label.encode()
        wire += b'\0' + struct.pack('>HH', 1, 1)
        with socket.socket(type=socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            s.sendto(wire, ('127.0.0.1', self.port))
            got = s.recv(4096)
        rcode, answers = got[3] & 15, struct.unpack('>H', got[6:8])[0]
        if rcode:
            return {2: 'SERVFAIL', 3: 'NXDOMAIN', 5: 'REFUSED'}.get(rcode, rcode)
        return 'A ' + '.'.join(str(b) for b in got[-4:]) if answers else 'nothing'

    def zones(self):
        return self.control('list_local_zones').stdout.decode().splitlines()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.upstream.close()


def domains(*words):
    return [('domain', w) for w in words]


def seen(unbound, *names):
    return [unbound.ask(n) for n in names]


FREE, GONE, HOST = 'A 192.0.2.99', 'NXDOMAIN', 'A 0.0.0.0'


def live():
    with Folder() as folder, Unbound(folder) as unbound, Node(Export('bad-names', 'unbound')) as node:
        e, to = node.export, 'unbound:' + folder('unbound.conf')
        same(seen(unbound, 'a.example', 'www.a.example', 'mine.example'), [FREE, FREE, 'REFUSED'],
             'before: nothing is blocked but what the operator blocks')
        e.set(domains('a.example', 'b.example') + [('hostname', 'www.h.example')])
        with Follower(node, folder, to, env=unbound.env, ) as f:
            f.wait('applied', change='whole')
            same(seen(unbound, 'a.example', 'www.a.example', 'b.example', 'www.h.example', 'h.example', 'c.example'),
                 [GONE, GONE, GONE, HOST, FREE, FREE], 'the whole set is blocked')
            e.set(domains('b.example', 'c.example', 'www.h.example'))
            event = f.wait('applied')
            same(seen(unbound, 'a.example', 'b.example', 'c.example', 'www.h.example', 'x.www.h.example'),
                 [FREE, GONE, GONE, GONE, GONE], 'a change is there: what went resolves, what came is blocked')
            same((event or {}).get('change'), 'own', 'and it came as a change')
            e.set([('hostname', 'c.example')])
            f.wait('applied')
            same(seen(unbound, 'b.example', 'c.example', 'www.h.example'), [FREE, HOST, FREE],
                 'a domain that becomes a host name')
            e.set(domains('d.example'))
            f.wait('applied')
            same(seen(unbound, 'c.example', 'd.example', 'mine.example'), [FREE, GONE, 'REFUSED'], 'and goes')
            f.stop()
        e.sets = {}  # all is too old now
        e.set(domains('e.example'), serial=500)
        with Follower(node, folder, to, '--wait', '1s', env=unbound.env) as f:
            f.wait('applied', change='whole')
            same(seen(unbound, 'd.example', 'e.example'), [FREE, GONE],
                 'a whole set after a stop takes out what was given before')
            unbound.control('reload')
            ok(f.wait('applied', change='whole'), 'a reload of Unbound is noticed')
            same(seen(unbound, 'e.example'), [GONE], 'and the set is there again')
            unbound.stop()
            ok(f.problem('unbound-control'), 'an Unbound that is away is told')
            unbound.start()
            f.wait('applied', change='whole')
            same(seen(unbound, 'e.example', 'mine.example'), [GONE, 'REFUSED'], 'and filled when it is there again')
            f.stop()


def types():
    with Folder() as folder, Unbound(folder) as unbound, Node(Export('bad-names', 'unbound')) as node:
        e, to = node.export, 'unbound:' + folder('unbound.conf')
        for kind, want in (('always_refuse', 'REFUSED'), ('always_nodata', 'nothing'), ('always_null', 'A 0.0.0.0')):
            e.options = ('type=' + kind,)
            e.set(domains('a.example'))
            p = once(node, folder, to, '--whole', env=unbound.env)
            same((p.returncode, unbound.ask('a.example')), (0, want), 'zones of type ' + kind)


def many():
    with Folder() as folder, Unbound(folder) as unbound, Node(Export('bad-names', 'unbound')) as node:
        e, to = node.export, 'unbound:' + folder('unbound.conf')
        e.set(domains(*('n%d.example' % i for i in range(20000))))
        p = once(node, folder, to, env=unbound.env)
        same((p.returncode, seen(unbound, 'n0.example', 'n19999.example')), (0, [GONE, GONE]), '20,000 names')
        before = len(unbound.zones())
        e.sets = {}
        e.set(domains(*('n%d.example' % i for i in range(1, 20000, 2))), serial=900)
        p = once(node, folder, to, env=unbound.env)
        same((p.returncode, seen(unbound, 'n0.example', 'n1.example'), before - len(unbound.zones())),
             (0, [FREE, GONE], 10000), 'half of them in a whole set: the others go')


def hostile():
    bad = ['local_zone . always_nxdomain', 'local_zone com. always_nxdomain', 'local_zone a.example. redirect',
           'local_data a.example. A 192.0.2.66', 'local_data a.example. CNAME b.example.', 'stop', 'reload', 'local_zone_remove .',
           'local_zone a.example. always_nxdomain extra', 'local_zone a..example. always_nxdomain', 'flush_zone .',
           'local_zone a$(id).example. always_nxdomain', 'set_option local-zone: x', 'local_zone localhost. always_null', '',
           'local_zone -c.exa;mple. always_nxdomain', 'load_cache', 'local_zone ' + 'a' * 64 + '.example. always_nxdomain', 'z' * 70000]
    with Folder() as folder, Unbound(folder) as unbound, Node(Export('bad-names', 'unbound')) as node:
        e, to, line, passed = node.export, 'unbound:' + folder('unbound.conf'), [''], []
        e.set(domains('a.example'))
        once(node, folder, to, env=unbound.env)
        before = unbound.zones()
        node.twist = lambda h, kind, q: kind == 'change' and (
            node.answer(h, 200, ('local_zone z.example. always_nxdomain\n' + line[0] + '\n').encode(),
                        X_Tocsin_Serial=e.serial + 1, X_Tocsin_Change='own') or True)
        for line[0] in bad:
            p = once(node, folder, to, env=unbound.env)
            if p.returncode != 1 or 'line 2 is' not in p.err:
                passed.append((line[0][:80], p.err))
        same(passed, [], '%d kinds of hostile changes are refused whole' % len(bad))
        same(unbound.zones(), before, 'and nothing was done')


def run():
    if not shutil.which('unbound', path=PATH) or not shutil.which('unbound-control', path=PATH):
        return skip('unbound', 'no Unbound here')
    live()
    types()
    many()
    hostile()
    return None
