"""daemon_lib.py - a node that serves zones: its policy, its keys, its export subscription and events."""
import os
import sys
import uuid

import lib
from lib import dns, ok, wait_for

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import node as nodelib  # noqa: E402

POLICY = '''use: [default]
audiences:
  sensors: {kind: export, tlp: amber, pap: red, class: own, profile: full}
'''
# what takes the audience away
OTHER = '''use: [default]
audiences:
  others: {kind: export, tlp: amber, pap: red, class: own, profile: full}
'''


def yaml_text(text):
    return "'" + text.replace("'", "''") + "'"


def conf(listen, keys, zones):
    """The section of tocsin.yaml."""
    lines = ['dns:', '  listen: [%s]' % ', '.join(map(yaml_text, listen))]
    for name, what in (('keys', keys), ('zones', zones)):
        lines += ['  %s:' % name] + ['    - ' + yaml_text(w) for w in what] if what else []
    return '\n'.join(lines) + '\n'


def must(answer, what=''):
    if answer.status != 200:
        print('Bail out! %s %d %s' % (what, answer.status, answer.text()[:400]))
        sys.exit(1)
    return answer.json()


def attribute(value, kind='domain', **more):
    return dict({'type': kind, 'category': 'Network activity', 'value': value, 'to_ids': True}, **more)


class Node:
    """`name` is a folder in `folder` (lib.Folder); port 0 of DNS is `port`."""

    def __init__(self, folder, name='node', keys=(), zones=(), policy=POLICY, listen=None, extra=()):
        self.folder, self.name = folder, name
        self.keys, self.zones = list(keys), list(zones)
        self.port = lib.free_port()
        self.listen = listen or ['127.0.0.1:%d' % self.port]
        self.policy = folder.write(name + '-policy.yaml', policy)
        self.conf = folder.write(name + '-dns.yaml', conf(self.listen, [k.line for k in self.keys], self.zones))
        self.node = nodelib.Node(folder=os.path.join(folder.path, name),
                                 extra=['--policy', self.policy, '--conf', self.conf] + list(extra))

    def __enter__(self):
        self.node.start()
        self.admin = self.node.client(timeout=300)
        return self

    def __exit__(self, kind, *_):
        status = self.node.stop()
        ok(status == 0, '%s ended well (%s)' % (self.name, status))
        if kind or lib.failed:
            print('\n'.join('# %s: %s' % (self.name, x) for x in self.node.log_tail(12000).splitlines()))
        self.node.clean()

    def reconfigure(self, keys=None, zones=None, policy=None):
        """What a reload finds. Nothing is reloaded yet."""
        path = os.path.join(self.node.folder, 'tocsin.yaml')
        with open(path, encoding='utf-8') as f:
            text = f.read()
        if policy is not None:
            self.folder.write(self.name + '-policy.yaml', policy)
        self.keys = self.keys if keys is None else keys
        self.zones = self.zones if zones is None else zones
        text = text[:text.index('dns:')] + conf(self.listen, [k.line for k in self.keys], self.zones)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)

    def reload(self):
        return self.admin.post('/tocsin/policyReload')

    def subscribe(self, name='rpz', audience='sensors', fmt='rpz', **more):
        return must(self.admin.post('/tocsin/subscriptions/add', dict(
            {'name': name, 'audience': audience, 'format': fmt}, **more)), 'subscription')

    def event(self, attributes, published=True, **more):
        e = must(self.admin.post('/events/add', {'Event': dict({
            'uuid': str(uuid.uuid4()), 'info': 'a test', 'distribution': '3', 'published': published,
            'threat_level_id': '1', 'analysis': '2', 'Attribute': attributes}, **more)}), 'event')['Event']
        if published:
            must(self.admin.post('/events/publish/' + e['id']), 'publish')
        return e

    def export(self, name='rpz'):
        """(serial, text), or None while it is not ready."""
        a = self.admin.get('/exports/' + name)
        return (int(a.headers['x-tocsin-serial']), a.text()) if a.status == 200 else None

    def export_with(self, value, there=True, name='rpz'):
        """The export once it holds the value, or no longer."""
        def look():
            got = self.export(name)
            return got if got and (('\n%s ' % value) in got[1]) is there else None
        return wait_for(look)

    def log(self):
        with open(self.node.log_path, encoding='utf-8', errors='replace') as f:
            return f.read()


def zone_of(text, name='rpz.test.'):
    """The records of a zone file, as a set as transfer.as_zone() makes it, SOA and NS left out."""
    z = dns.zone.from_text(text, origin=name, relativize=False, check_origin=False)
    return {(str(n), dns.rdatatype.to_text(s.rdtype), str(r)) for n, d in z.nodes.items() for s in d.rdatasets
            for r in s if s.rdtype not in (dns.rdatatype.SOA, dns.rdatatype.NS)}
