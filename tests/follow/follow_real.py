"""follow_real.py - a node with subscriptions: what is published reaches Unbound, nft and files, and what is
retracted leaves them; over restarts of the node, another format, and a subscription that is made anew."""
import hashlib
import os
import shutil
import sys
import time
import types
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import node as nodes  # noqa: E402
from follow_packets import Namespace, nft_elements  # noqa: E402
from follow_unbound import FREE, GONE, HOST, PATH, Unbound, seen  # noqa: E402
from suricata import Suricata  # noqa: E402
from world import Folder, Follower, ok, once, same, skip  # noqa: E402

POLICY = '''use: [default]
audiences:
  edge-sensors: {kind: export, tlp: amber+strict, pap: red, class: own, profile: full}
'''
EXPORTS = {'names': 'unbound', 'addresses': 'nftables', 'list': 'domain-list', 'dataset': 'suricata-dataset-domain'}


class World:
    def __init__(self, folder):
        folder.write('policy.yaml', POLICY)
        self.node = nodes.Node(folder('node'), extra=['--policy', folder('policy.yaml')])
        self.node.start()
        self.api = self.node.client(timeout=120)

    def subscribe(self, name, format, **more):
        a = self.api.post('/tocsin/subscriptions/add', dict(more, name=name, audience='edge-sensors', format=format))
        return a if a.status == 200 else ok(False, 'subscription ' + name, a.body)

    def event(self, *attributes):
        body = {'Event': {'uuid': str(uuid.uuid4()), 'info': 'follow', 'distribution': '0', 'threat_level_id': '2',
                          'analysis': '2', 'published': True, 'Tag': [{'name': 'tlp:green'}],
                          'Attribute': [{'type': t, 'category': 'Network activity', 'value': v, 'to_ids': True,
                                         'distribution': '5'} for t, v in attributes]}}
        a = self.api.post('/events/add', body)
        number = a.json()['Event']['id'] if a.status == 200 else ok(False, 'an event', a.body)
        self.api.post('/events/publish/' + number)
        return number

    def target(self, name):
        """What world.Follower wants to know of a node."""
        return types.SimpleNamespace(url=self.node.url, export=types.SimpleNamespace(name=name))


def until(f, check, patience=60):
    """Wait through the follower's events until the consumer is as wanted."""
    end = time.monotonic() + patience
    while not check() and time.monotonic() < end:
        f.wait('applied', patience=0.05)
    return check()


def timed(f, what, check):
    start = time.monotonic()
    good = until(f, check)
    took = time.monotonic() - start
    ok(good, '%s (%.2f s)' % (what, took))
    return took


def unbound(w, folder):
    if not shutil.which('unbound', path=PATH):
        return skip('Unbound', 'none here')
    with Unbound(folder) as u, Follower(w.target('names'), folder, 'unbound:' + folder('unbound.conf'),
                                        key=w.node.key, env=u.env, state='names.state') as f:
        f.wait('applied', change='whole')
        same(seen(u, 'evil.example', 'www.evil.example', 'host.example', 'fine.example'), [GONE, GONE, HOST, FREE],
             'what was published before is blocked')
        took = []
        for i in range(3):
            number = w.event(('domain', 'new%d.example' % i))
            took.append(timed(f, 'a published name is blocked', lambda: u.ask('x.new%d.example' % i) == GONE))
            w.api.post('/events/delete/' + number)
            took.append(timed(f, 'and free when it is deleted', lambda: u.ask('x.new%d.example' % i) == FREE))
        ok(min(took) < 2, 'within two seconds, where the machine is not loaded', took)
        w.node.kill()
        ok(f.problem('127.0.0.1'), 'a node that is away is told')
        same(seen(u, 'evil.example'), [GONE], 'and what it said stands')
        w.node.start()
        w.api = w.node.client(timeout=120)
        w.event(('domain', 'after.example'))
        timed(f, 'when it is there again, it goes on', lambda: u.ask('after.example') == GONE)
        a = w.api.post('/tocsin/subscriptions/edit/names', {'options': {'type': 'always_refuse'}})
        same(a.status, 200, 'the subscription has another option')
        timed(f, 'and Unbound follows', lambda: u.ask('evil.example') == 'REFUSED')
        f.stop()
    return None


def packets(w, folder):
    with Namespace(folder, 'nft') as ns:
        if not ns.good or ns.run('nft', 'list', 'ruleset') is None:
            return skip('nft', 'no network namespace here')
        with Follower(w.target('addresses'), folder, 'nft', key=w.node.key, env=ns.env, state='nft.state') as f:
            f.wait('applied', change='whole')
            same(nft_elements(ns), ['192.0.2.1', '2001:db8::/32'], 'addresses are in the kernel')
            number = w.event(('ip-dst', '198.51.100.7'))
            timed(f, 'a published address too', lambda: '198.51.100.7' in nft_elements(ns))
            w.api.post('/events/delete/' + number)
            timed(f, 'and not when it is deleted', lambda: '198.51.100.7' not in nft_elements(ns))
            f.stop()
    return None


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def files(w, folder):
    path = folder('list')
    with Follower(w.target('list'), folder, 'file:' + path, key=w.node.key, state='list.state') as f:
        f.wait('applied')
        number = w.event(('domain', 'listed.example'))
        timed(f, 'a file has what is published', lambda: b'listed.example\n' in read(path))
        a = w.api.get('/exports/list')
        same(hashlib.sha256(read(path)).hexdigest(), hashlib.sha256(a.body).hexdigest(), 'and is what the node has')
        w.api.post('/events/delete/' + number)
        timed(f, 'and has it no more', lambda: b'listed.example\n' not in read(path))
        w.api.post('/tocsin/subscriptions/delete/list')
        ok(f.problem('no such export'), 'a subscription that is gone is told')
        w.subscribe('list', 'domain-list', filter={'value': 'evil.example'})
        timed(f, 'made anew, it is followed', lambda: read(path) == b'evil.example\n')
        f.stop()


def suricata(w, folder):
    with Suricata(folder('s'), {'tocsin-domain': 'string'}) as s, \
            Follower(w.target('dataset'), folder, 'suricata:' + folder('s'), '--set', 'tocsin-domain:string',
                     key=w.node.key, state='dataset.state') as f:
        f.wait('applied', change='whole')
        ok(b'evil.example' in s.sets['tocsin-domain'], 'Suricata has the set', s.sets)
        number = w.event(('domain', 'seen.example'))
        timed(f, 'and what is published', lambda: b'seen.example' in s.sets['tocsin-domain'])
        w.api.post('/events/delete/' + number)
        timed(f, 'and not what is deleted', lambda: b'seen.example' not in s.sets['tocsin-domain'])
        ok(s.commands.count('dataset-clear') == 1, 'by changes', s.commands)
        same(s.faults, [], 'as documented')
        f.stop()


def run():
    if not nodes.have_daemon():
        return skip('a real node', 'the daemon is not built')
    with Folder() as folder:
        w = World(folder)
        try:
            w.event(('domain', 'evil.example'), ('hostname', 'host.example'), ('ip-dst', '192.0.2.1'),
                    ('ip-dst', '2001:db8::/32'))
            for name, format in EXPORTS.items():
                w.subscribe(name, format)
            p = once(w.target('names'), folder, 'exec:cat', key='x' * 40)
            same(p.returncode, 1, 'a wrong key is refused')
            unbound(w, folder)
            packets(w, folder)
            suricata(w, folder)
            files(w, folder)
        finally:
            w.node.kill()
    return None
