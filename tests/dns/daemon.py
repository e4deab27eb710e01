#!/usr/bin/env python3
"""daemon.py - the zones of a node: what a transfer brings is what the subscription's file says, before and after
each change; who may have it; reload; and nothing of what another policy withholds, not even to the end of a
transfer that goes on."""
import os
import queue
import signal
import struct
import subprocess
import threading

import lib
from daemon_lib import OTHER, POLICY, Node, attribute, conf, must, zone_of
from lib import Folder, Key, dns, ok, socket, wait_for
from transfer import Refused, apply, as_zone, make_xfr, receive, soa_serials, xfr

ZONE = 'rpz.test. from=rpz key=k1'


def zone(records):
    return {r for r in as_zone(records) if r[1] != 'NS'}


def code(n, **args):
    try:
        xfr(n, **args)
        return 'NOERROR'
    except Refused as e:
        return str(e)
    except (EOFError, dns.exception.DNSException, OSError) as e:
        return type(e).__name__


def soa(n, key=None, name='rpz.test.'):
    """(rcode, serial) of a question over UDP."""
    q = dns.message.make_query(name, 'SOA')
    if key:
        q.use_tsig(key.ring())
    m = dns.query.udp(q, '127.0.0.1', port=n.port, timeout=10)
    return dns.rcode.to_text(m.rcode()), (m.answer[0][0].serial if m.answer else None)


class Resolver:
    """Takes NOTIFY that is signed by the key, and says so."""

    def __init__(self, key):
        self.key = key
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        self.serials = queue.Queue()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                wire, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            m = dns.message.from_wire(wire, keyring=self.key.ring())
            self.socket.sendto(dns.message.make_response(m).to_wire(), peer)
            if m.had_tsig:
                self.serials.put(m.answer[0][0].serial)

    def wait(self, serial):
        while True:
            try:
                got = self.serials.get(timeout=lib.LIMIT)
            except queue.Empty:
                return False
            if got == serial:
                return True


# ---- what is refused at the start ----

def starts(folder, zones, keys=(), listen=('127.0.0.1:5353',)):
    path = folder.write('check.yaml', 'data_dir: %s/check\n%s' % (folder.path, conf(listen, keys, zones)))
    p = subprocess.run([os.environ['TOCSIND'], '--check-config', '-c', path], capture_output=True, text=True, check=False)
    return p.returncode, p.stderr


def configuration(folder, key):
    for what, zones, keys, say in (
            ('that nobody may have', ['rpz.test from=rpz'], [key.line], 'nobody may have it'),
            ('without a subscription', ['rpz.test key=k1'], [key.line], 'from='),
            ('with an unknown key', ['rpz.test from=rpz key=k2'], [key.line], 'no key k2'),
            ('with an unknown word', ['rpz.test from=rpz key=k1 colour=red'], [key.line], 'colour=red'),
            ('whose key has no file', ['rpz.test from=rpz key=k1'], ['k1 hmac-sha256 /nonexistent/k1'], '/nonexistent')):
        status, said = starts(folder, zones, keys)
        ok(status == 1 and say in said, f'a zone {what} is refused: {said.strip()}')
    ok(starts(folder, ['rpz.test from=rpz key=k1'], [key.line], [])[0] == 1, 'zones without an address are refused')
    ok(starts(folder, ['rpz.test from=rpz open=127.0.0.0/8'])[0] == 0, 'a zone that is open to a network is taken')


# ---- the zone and the file ----

VALUES = [
    ('bad.example', 'domain'), ('bad.example', 'hostname'), ('www.bad.example', 'hostname'),
    ('only.host.example', 'hostname'), ('UPPER.Example.', 'domain'), ('m\u00fcnchen.example', 'domain'),
    ('under_score.example', 'hostname'), ('192.0.2.77', 'ip-dst'), ('198.51.100.0/25', 'ip-src'),
    ('2001:db8::77', 'ip-dst'), ('2001:db8:1::/48', 'ip-dst'), ('x' * 60 + '.' + 'y' * 60 + '.' + 'z' * 60 + '.' +
                                                               'w' * 55 + '.example', 'domain'),
]


def check_same(n, key, what, name='rpz', at='rpz.test.', since=None):
    """A transfer is the file; and by the changes since {serial: zone} one comes to the same."""
    serial, text = n.export(name)
    whole = xfr(n, zone=at, key=key)
    want = zone_of(text, at)
    ok(soa_serials(whole)[0] == serial & 0xffffffff, f'{what}: the serial is that of the set')
    ok(zone(whole) == want and len(whole) == len(want) + 3, f'{what}: {len(want)} records, as in the file')
    for old, had in (since or {}).items():
        got = xfr(n, 'IXFR', at, old, key=key)
        if old == serial & 0xffffffff:
            ok(len(got) == 1, f'{what}: nothing new since {old}')
            continue
        ok(got[1][1] == 'SOA' and soa_serials(got)[:2] == [serial & 0xffffffff, old],
           f'{what}: what changed since {old}, by {len(got) - 4} records')
        ok(apply(had, got) == want, f'{what}: and {old} with it is the zone')
    if since is not None:
        since[serial & 0xffffffff] = want


def follows(n, key, resolver):
    """Changes of events arrive as changes of the zone."""
    seen = {}
    e = n.event([attribute(v, t) for v, t in VALUES])
    ok(n.export_with('bad.example'), 'the export holds the event')
    # its answer as it should be: the event is the only thing there
    check_same(n, key, 'first', since=seen)
    text = n.export()[1]
    for want in ('*.bad.example ', 'only.host.example ', 'xn--mnchen-3ya.example ', '32.77.2.0.192.rpz-ip '):
        ok('\n' + want in text, f'the file has {want}')
    ok(resolver.wait(n.export()[0] & 0xffffffff), 'the resolver is told of the serial')

    must(n.admin.post('/attributes/add/' + e['id'], attribute('late.example')), 'attribute')
    must(n.admin.post('/events/publish/' + e['id']), 'publish')
    got = n.export_with('late.example')
    ok(got and resolver.wait(got[0] & 0xffffffff), 'and of a change')
    check_same(n, key, 'one more', since=seen)

    a = [x for x in must(n.admin.get('/events/view/' + e['id']), 'view')['Event']['Attribute']
         if x['value'] == 'bad.example' and x['type'] == 'domain'][0]
    must(n.admin.post('/attributes/delete/' + a['id']), 'delete')
    must(n.admin.post('/events/publish/' + e['id']), 'publish')
    # what it covered comes forth: the host of the same name, and the one below it
    got = n.export_with('*.bad.example', False)
    ok(got and n.export_with('www.bad.example'), 'one less: the domain')
    check_same(n, key, 'one less', since=seen)

    other = n.event([attribute('many%d.example' % i) for i in range(500)])
    ok(n.export_with('many499.example'), '500 more')
    check_same(n, key, '500 more', since=seen)
    must(n.admin.call('DELETE', '/events/delete/' + other['id']), 'delete')
    got = n.export_with('many499.example', False)
    check_same(n, key, '500 less', since=seen)
    ok(got and resolver.wait(got[0] & 0xffffffff), 'the resolver is told')
    return e


def who(n, key, folder):
    """Who may have it, who not."""
    k2, fake = n.keys[1], Key(folder, 'fake/k1')
    fake.name = 'k1'
    ok(code(n, key=key) == 'NOERROR', 'its key may have it')
    ok(code(n) == 'REFUSED', 'nobody without a key')
    ok(code(n, key=k2) == 'REFUSED', 'no other key')
    ok(code(n, key=fake) not in ('NOERROR', 'REFUSED'), f'no other secret ({code(n, key=fake)})')
    ok(code(n, zone='none.test.', key=key) == 'REFUSED', 'a zone that is not there is refused likewise')
    ok(soa(n)[0] == 'REFUSED' and soa(n, k2)[0] == 'REFUSED', 'nor its serial')
    ok(soa(n, key) == ('NOERROR', n.export()[0] & 0xffffffff), 'whose it is may have it')
    ok(code(n, zone='open.test.') == 'NOERROR', 'an open zone needs none')
    ok(code(n, zone='wrong.test.', key=key) == 'SERVFAIL', 'a subscription of another format is no zone')
    ok(code(n, zone='absent.test.', key=key) == 'SERVFAIL', 'nor is one that is not there')


def told(n):
    """Status, audit log, metrics."""
    rows = {z['zone']: z for z in must(n.admin.get('/tocsin/status'), 'status')['zones']}
    z = rows['rpz.test.']
    ok(z['state'] == 'ready' and z['serial'] == n.export()[0] & 0xffffffff and
       [(t['key'], t['address'], t['result']) for t in z['transfers']] == [('k1.', '127.0.0.1', 'ok')],
       f'the status says it: {z}')
    ok(rows['absent.test.']['state'] == 'there is no such subscription' and 'serial' not in rows['wrong.test.'],
       f'also what is amiss: {rows["absent.test."]}, {rows["wrong.test."]}')

    def records():
        got = must(n.admin.post('/tocsin/audit/search', {'action': 'zone', 'limit': 1000}), 'audit')['records']
        texts = [r['text'] for r in got]
        return got if any(' whole ' in t for t in texts) and any(' changes ' in t for t in texts) else None
    got = wait_for(records)
    ok(got and all(r['address'] == '127.0.0.1' for r in got) and any(r.get('name') == 'k1.' for r in got),
       f'the audit log: {got and got[0]}')
    text = n.admin.get('/metrics').text()
    ok('tocsin_dns_transfers_total{' in text and 'tocsin_dns_notifies_total{' in text, 'the metrics')


# ---- reload ----

def replayed(n, key):
    """A signed request, and what the node answers to it now and later."""
    q, _ = make_xfr('AXFR', 'rpz.test.', 0)
    q.use_tsig(key.ring())
    wire = q.to_wire()

    def send():
        with socket.create_connection(('127.0.0.1', n.port), 30) as s:
            s.settimeout(30)
            s.sendall(struct.pack('>H', len(wire)) + wire)
            got, = struct.unpack('>H', receive(s, 2))
            return receive(s, got)[3] & 15
    return send


def reloads(n, key, folder):
    again = replayed(n, key)
    ok(again() == 0, 'a request is served')
    ok(again() == dns.rcode.NOTAUTH, 'once')
    k3 = Key(folder, 'k3', 'hmac-sha512')
    old_keys, old_zones = n.keys, n.zones
    n.reconfigure([key, k3], ['rpz.test from=rpz key=k1 key=k3', 'more.test from=rpz key=k3'])
    must(n.reload(), 'reload')
    ok(wait_for(lambda: code(n, zone='more.test.', key=k3) == 'NOERROR'), 'a reload brings a key and a zone')
    ok(code(n, zone='open.test.') == 'REFUSED', 'and takes one')
    ok(again() == dns.rcode.NOTAUTH, 'what was served before is not served again')
    check_same(n, k3, 'the new zone', at='more.test.')
    n.reconfigure([key, k3], ['rpz.test from=rpz'])
    a = n.reload()
    ok(a.status == 400 and 'nobody may have it' in a.text(), f'what is wrong is said: {a.text().strip()}')
    ok(code(n, zone='more.test.', key=k3) == 'NOERROR', 'and the zones stay')
    n.reconfigure(old_keys, old_zones)
    os.kill(n.node.pid(), signal.SIGHUP)
    ok(wait_for(lambda: code(n, zone='open.test.') == 'NOERROR'), 'SIGHUP reloads, too')


# ---- another policy ----

def slow_transfer(n, key):
    """A transfer that was begun and of which little has been read."""
    q, _ = make_xfr('AXFR', 'rpz.test.', 0)
    q.use_tsig(key.ring())
    wire = q.to_wire()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    s.settimeout(60)
    s.connect(('127.0.0.1', n.port))
    s.sendall(struct.pack('>H', len(wire)) + wire)
    first = receive(s, 2000)
    return s, first


def read_on(s):
    n = 0
    try:
        while True:
            more = s.recv(1 << 16)
            if not more:
                break
            n += len(more)
    except OSError:
        pass
    return n


def withheld(n, key):
    """Without its audience the zone is not answered, and what is on its way breaks off."""
    long = 'a' * 60 + '.' + 'b' * 60 + '.c%d.' + 'd' * 50 + '.example'
    count = int(os.environ.get('TOCSIN_DNS_LONG', '8000'))
    n.event([attribute((long % i).replace('bbbb', '%04x' % (i & 0xffff), 1)) for i in range(count)])
    ok(n.export_with('*.' + (long % (count - 1)).replace('bbbb', '%04x' % (count - 1 & 0xffff), 1)), 'a large zone')
    s, _ = slow_transfer(n, key)
    whole = sum(len(r[0]) for r in xfr(n, key=key))
    before = n.export()[0]
    n.reconfigure(policy=OTHER)
    must(n.reload(), 'reload')
    ok(soa(n, key) == ('SERVFAIL', None), 'without its audience no serial is told')
    ok(code(n, key=key) == 'SERVFAIL', 'no zone is given')
    ok(n.export() is None, 'nor the file')
    try:
        got = xfr(n, 'IXFR', serial=1, key=key)
    except Refused as e:
        got = str(e)
    ok(got == 'SERVFAIL', 'nor changes')
    rest = read_on(s)
    s.close()
    ok(rest < whole, f'a transfer on its way breaks off ({rest} bytes of about {whole})')
    ok('result=stale' in n.log(), 'and the log says so')
    n.reconfigure(policy=POLICY)
    must(n.reload(), 'reload')
    ok(wait_for(lambda: code(n, key=key) == 'NOERROR'), 'with it the zone is back')
    ok(n.export()[0] >= before, 'its serial goes on')
    check_same(n, key, 'then')


def main():
    with Folder() as folder:
        key, k2 = Key(folder, 'k1'), Key(folder, 'k2', 'hmac-sha512')
        configuration(folder, key)
        resolver = Resolver(key)
        zones = ['%s notify=127.0.0.1:%d/k1' % (ZONE, resolver.port), 'open.test from=rpz open=127.0.0.1 key=k2',
                 'wrong.test from=hosts key=k1', 'absent.test from=absent key=k1']
        with Node(folder, keys=[key, k2], zones=zones) as n:
            ok(code(n, key=key) == 'SERVFAIL', 'without a subscription there is no zone')
            n.subscribe(options={'zone': 'rpz.test'})
            n.subscribe('hosts', fmt='hosts')
            ok(wait_for(lambda: soa(n, key)[0] == 'NOERROR'), 'with one there is')
            follows(n, key, resolver)
            who(n, key, folder)
            told(n)
            reloads(n, key, folder)
            withheld(n, key)
    lib.done()


main()
