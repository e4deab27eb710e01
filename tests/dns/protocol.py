#!/usr/bin/env python3
"""protocol.py - what the server answers, asked by dnspython and by hand: transfers in both forms, TSIG good,
bad, late and replayed, who may have what, limits, slow readers, and messages that are none."""
import random
import struct

import lib
from lib import Folder, Key, Server, dns, ok, socket, threading, time, wait_for
from transfer import (Refused, apply, as_zone, make_xfr, messages, rcode_of, receive, soa_serials, xfr)

ZONE = dns.name.from_text('rpz.test.')


# ---- transfers ----

def transfers(folder):
    key = Key(folder, 'k1')
    with Server(['rpz.test from=gen:1000 key=k1'], [key], serial=0xfffffffe) as s:
        base = xfr(s, key=key)
        ok(base[0] == base[-1] and base[0][1] == 'SOA' and len(base) == 2003, 'AXFR begins and ends with the SOA')
        ok(base[1][1] == 'NS', 'and has a name server')
        zone, serial = as_zone(base), soa_serials(base)[0]
        ok(serial == 0xfffffffe, 'serial of the source')
        ok(xfr(s, 'IXFR', serial=serial, key=key) == [base[0]], 'IXFR of who is current: one SOA')
        ok(xfr(s, 'IXFR', serial=serial + 1, key=key) == [base[0]], 'and of who is ahead')
        for _ in range(4):
            s.command('churn rpz.test 10')
            s.command('commit rpz.test')
        new = as_zone(xfr(s, key=key))
        steps = xfr(s, 'IXFR', serial=serial, key=key)
        ok(soa_serials(steps) == [2, 0xfffffffe, 0xffffffff, 0xffffffff, 0, 0, 1, 1, 2, 2],
           'IXFR in steps, round the end of the serials')
        ok(apply(zone, steps) == new and len(steps) == 10 + 80, 'and makes the new zone of the old')
        part = xfr(s, 'IXFR', serial=0, key=key)
        ok(soa_serials(part) == [2, 0, 1, 1, 2, 2], 'from a step between')
        s.command('condense rpz.test 1')
        short = xfr(s, 'IXFR', serial=serial, key=key)
        ok(soa_serials(short) == [2, 0xfffffffe, 2, 2] and apply(zone, short) == new, 'condensed')
        s.command('condense rpz.test 0')
        s.command('commit rpz.test')
        ok(soa_serials(xfr(s, 'IXFR', serial=2, key=key)) == [3, 2, 3, 3], 'a step that changes nothing')
        s.command('forget rpz.test')
        whole = xfr(s, 'IXFR', serial=serial, key=key)
        ok(whole[1][1] == 'NS' and as_zone(whole) == new, 'too old: the whole zone')
        s.command('ready rpz.test 0')
        ok(rcode_of(s, key=key) == 'SERVFAIL', 'not ready')
        s.command('ready rpz.test 1')
        lines = wait_for(lambda: [t for t in s.transfer_lines() if t['kind'] == 'ixfr'])
        ok(lines and lines[0]['key'] == 'k1.' and lines[0]['records'] == '80' and lines[0]['result'] == 'ok',
           'each transfer is reported')
        ok(s.number('held rpz.test') == 0, 'no snapshot is left')


def whole_transfers(folder):
    """dnspython's own client, which checks the form of IXFR and AXFR."""
    key = Key(folder, 'k2', 'hmac-sha512', 64)
    with Server(['rpz.test from=gen:300 key=k2'], [key]) as s:
        zone = dns.zone.Zone(ZONE)
        ring = dns.tsigkeyring.from_text({'k2': ('hmac-sha512', key.secret)})
        q, _ = dns.xfr.make_query(zone, keyring=ring)
        dns.query.inbound_xfr('127.0.0.1', zone, q, port=s.port)
        ok(len(zone.nodes) == 601, 'AXFR with hmac-sha512')
        s.command('churn rpz.test 50')
        s.command('commit rpz.test')
        s.command('churn rpz.test 50')
        s.command('commit rpz.test')
        q, serial = dns.xfr.make_query(zone, keyring=ring)
        dns.query.inbound_xfr('127.0.0.1', zone, q, port=s.port)
        fresh = dns.zone.Zone(ZONE)
        q, _ = dns.xfr.make_query(fresh, keyring=ring)
        dns.query.inbound_xfr('127.0.0.1', fresh, q, port=s.port)
        ok(serial == 1 and zone == fresh, 'IXFR leads to the same zone')
        ok({t['kind'] for t in s.transfer_lines()} == {'axfr', 'ixfr'}, 'by both kinds')


def unsound():
    """Rows that would make a resolver refuse the zone are left out, in both forms."""
    with Server(['rpz.test from=gen:2 open=127.0.0.1']) as s:
        zone = as_zone(xfr(s))
        for owner in ('outside.example.', 'xrpz.test.', '@', 'fine.example'):
            s.command(f'add rpz.test {owner} .')
        s.command('commit rpz.test')
        new = as_zone(xfr(s))
        ok({r[0] for r in new - zone} == {'fine.example.rpz.test.'}, 'AXFR: outside of the zone, or its top')
        ok(apply(zone, xfr(s, 'IXFR', serial=1)) == new, 'IXFR likewise')


def while_it_changes():
    with Server(['rpz.test from=gen:20000 open=127.0.0.1'], limits=['message=4000']) as s:
        old = as_zone(xfr(s))
        with socket.create_connection(('127.0.0.1', s.port), 30) as c:
            c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            q, _ = make_xfr('AXFR', 'rpz.test.', 0)
            wire = q.to_wire()
            c.sendall(struct.pack('>H', len(wire)) + wire)
            ok(wait_for(lambda: s.number('held rpz.test') == 1), 'a snapshot is held')
            s.command('churn rpz.test 20000')
            s.command('commit rpz.test')
            got = [(str(r.name), dns.rdatatype.to_text(r.rdtype), str(r[0])) for m in messages(c, q)
                   for r in m.answer]
        ok(as_zone(got) == old and soa_serials(got) == [1, 1], 'a transfer is of one moment')
        ok(soa_serials(xfr(s))[0] == 2, 'the next one is of another')
        ok(wait_for(lambda: s.number('held rpz.test') == 0), 'no snapshot is left')


# ---- TSIG and access ----

def signed_query(key, kind='AXFR', at=None, fudge=300, zone='rpz.test.'):
    q, _ = make_xfr(kind, zone, 0)
    q.use_tsig(key.ring(), fudge=fudge)
    real = time.time
    if at is not None:
        time.time = lambda: at
    try:
        wire = q.to_wire()
    finally:
        time.time = real
    return q, wire


def ask(server, wire, tcp=True):
    """The first message that comes back, as bytes."""
    if not tcp:
        with socket.socket(type=socket.SOCK_DGRAM) as u:
            u.settimeout(10)
            u.sendto(wire, ('127.0.0.1', server.port))
            return u.recv(65535)
    with socket.create_connection(('127.0.0.1', server.port), 10) as s:
        s.settimeout(10)
        s.sendall(struct.pack('>H', len(wire)) + wire)
        n, = struct.unpack('>H', receive(s, 2))
        return receive(s, n)


def tsig_error(wire):
    """(rcode, TSIG error, MAC length, other data) of an answer, read without checking it."""
    flags, = struct.unpack('>H', wire[2:4])
    m = dns.message.from_wire(wire, ignore_trailing=True, keyring=False)
    t = m.tsig[0] if m.tsig else None
    return dns.rcode.to_text(flags & 15), t and int(t.error), t and len(t.mac), t and t.other


def signatures(folder):
    good, other, stranger = Key(folder, 'k1'), Key(folder, 'k2', 'hmac-sha512', 64), Key(folder, 'k3')
    with Server(['rpz.test from=gen:10 key=k1', 'two.test from=gen:10 key=k2 open=127.0.0.1',
                 'three.test from=gen:10'], [good, other]) as s:
        now = int(time.time())
        ok(rcode_of(s, key=good) == 'NOERROR', 'the right key')
        ok(rcode_of(s) == 'REFUSED', 'no key')
        ok(rcode_of(s, key=other) == 'REFUSED', 'a key for another zone, told under that key')
        ok(rcode_of(s, zone='three.test.', key=good) == 'REFUSED', 'a zone that nobody may have')
        ok(rcode_of(s, zone='four.test.', key=good) == 'REFUSED', 'one that is not there: the same')
        ok(rcode_of(s, zone='two.test.') == 'NOERROR', 'by address')
        ok(rcode_of(s, zone='two.test.', key=good) == 'NOERROR', 'by address, signed')
        ok(tsig_error(ask(s, signed_query(stranger)[1])) == ('NOTAUTH', 17, 0, b''), 'an unknown key: BADKEY')
        false = Key(folder, 'false')
        false.name = 'k1'
        ok(tsig_error(ask(s, signed_query(false)[1])) == ('NOTAUTH', 16, 0, b''), 'a wrong secret: BADSIG')
        false = Key(folder, 'false', 'hmac-sha512', 64)
        false.name = 'k1'
        ok(tsig_error(ask(s, signed_query(false)[1]))[:2] == ('NOTAUTH', 17), 'another algorithm: BADKEY')
        wire = bytearray(signed_query(good)[1])
        wire[13] ^= 0x01
        ok(tsig_error(ask(s, bytes(wire)))[:2] == ('NOTAUTH', 16), 'a changed question: BADSIG')
        for off, name in ((-400, 'late'), (400, 'early')):
            q, wire = signed_query(good, at=now + off, fudge=36000)
            rcode, error, mac, data = tsig_error(ask(s, wire))
            ok((rcode, error, mac) == ('NOTAUTH', 18, 32) and abs(int.from_bytes(data, 'big') - now) < 300,
               f'{name}: BADTIME, signed and with our time')
        q, wire = signed_query(good, at=now + 200)
        ok(tsig_error(ask(s, wire))[:2] == ('NOERROR', 0), 'within the window')
        q, wire = signed_query(good)
        first, second = tsig_error(ask(s, wire)), tsig_error(ask(s, wire))
        ok(first[:2] == ('NOERROR', 0) and second[:2] == ('NOTAUTH', 18), 'a request is good once')
        q, wire = signed_query(good)
        head = bytearray(wire)
        head[0] ^= 0xff
        ok(tsig_error(ask(s, wire))[:2] == ('NOERROR', 0) and tsig_error(ask(s, bytes(head)))[:2] == ('NOTAUTH', 18),
           'also under another id')
        soa = dns.message.make_query('rpz.test.', 'SOA')
        soa.use_tsig(good.ring())
        for tcp in (False, True):
            answer = ask(s, soa.to_wire(), tcp)
            m = dns.message.from_wire(answer, keyring=good.ring(), request_mac=soa.mac)
            ok(m.had_tsig and m.answer[0][0].serial == 1, f'SOA, {"TCP" if tcp else "UDP"}')
        s.command('reload')
        ok(tsig_error(ask(s, wire))[:2] == ('NOTAUTH', 18), 'a reload forgets none of it')
        ok(rcode_of(s, key=good) == 'NOERROR', 'and serves on')


def refusals():
    with Server(['rpz.test from=gen:10 open=127.0.0.1']) as s:
        def code(name, kind, tcp=False, edit=None):
            q = dns.message.make_query(name, kind)
            if edit:
                edit(q)
            return dns.rcode.to_text(dns.message.from_wire(ask(s, q.to_wire(), tcp)).rcode())
        ok(code('rpz.test', 'SOA') == 'NOERROR', 'SOA')
        ok(code('RPZ.Test', 'SOA') == 'NOERROR', 'in any case')
        ok(code('rpz.test', 'NS') == 'REFUSED', 'NS')
        ok(code('9e3779b9-0.top.rpz.test', 'CNAME') == 'REFUSED', 'a record of the zone')
        ok(code('9e3779b9-0.top.rpz.test', 'SOA') == 'REFUSED', 'SOA below the zone')
        ok(code('example.com', 'A', True) == 'REFUSED', 'the Internet')
        ok(code('version.bind', 'TXT', edit=lambda q: setattr(q.question[0], 'rdclass', 3)) == 'REFUSED', 'CHAOS')
        ok(code('rpz.test', 'AXFR') == 'REFUSED', 'AXFR over UDP')
        ok(code('rpz.test', 'SOA', edit=lambda q: q.set_opcode(4)) == 'NOTIMP', 'a NOTIFY to us')
        ok(code('rpz.test', 'SOA', edit=lambda q: q.set_opcode(5)) == 'NOTIMP', 'an update')
        ok(code('rpz.test', 'SOA', edit=lambda q: q.use_edns(1)) == 'BADVERS', 'EDNS 1')
        q = dns.message.make_query('rpz.test', 'SOA', use_edns=0, payload=4096, want_dnssec=True,
                                   options=[dns.edns.GenericOption(10, b'12345678')])
        m = dns.message.from_wire(ask(s, q.to_wire(), False))
        ok(m.edns == 0 and m.answer, 'EDNS with options')
        q, _ = make_xfr('IXFR', 'rpz.test.', 0)
        m = dns.message.from_wire(ask(s, q.to_wire(), False))
        ok(len(m.answer) == 1 and m.answer[0][0].serial == 1, 'IXFR over UDP: the SOA')


# ---- limits ----

def pipelined():
    """Many questions at once, cut anywhere: answers in order."""
    with Server(['rpz.test from=gen:2000 open=127.0.0.1']) as s:
        qs = [dns.message.make_query('rpz.test', 'SOA' if i % 5 else 'AXFR') for i in range(40)]
        data = b''.join(struct.pack('>H', len(q.to_wire())) + q.to_wire() for q in qs)
        with socket.create_connection(('127.0.0.1', s.port), 30) as c:
            def feed():
                at = 0
                while at < len(data):
                    n = random.randint(1, 90)
                    c.sendall(data[at:at + n])
                    at += n
                    time.sleep(0.001)
            t = threading.Thread(target=feed)
            t.start()
            ids = []
            for q in qs:
                if q.question[0].rdtype == dns.rdatatype.AXFR:
                    ids += {m.id for m in messages(c, q)}
                else:
                    n, = struct.unpack('>H', receive(c, 2))
                    ids.append(dns.message.from_wire(receive(c, n)).id)
            t.join()
        ok(ids == [q.id for q in qs], '40 questions in one connection, answered in order')


def limits():
    with Server(['rpz.test from=gen:10 open=127.0.0.1'],
                limits=['connections=6', 'per_address=4', 'idle_ms=1500']) as s:
        def is_closed(c):
            c.settimeout(0.05)
            try:
                return c.recv(1) == b''
            except ConnectionResetError:
                return True
            except socket.timeout:
                return False
        held = [socket.create_connection(('127.0.0.1', s.port), 10) for _ in range(4)]
        fifth = socket.create_connection(('127.0.0.1', s.port), 10)
        ok(wait_for(lambda: is_closed(fifth)), 'the fifth connection of an address is closed')
        ok(not is_closed(held[0]), 'the first is not')
        ok(wait_for(lambda: all(is_closed(c) for c in held)), 'idle ones are closed')
        for wire, name in ((b'\x00\x05hello', 'less than a head'), (b'\xff\xffxx', 'more than a question'),
                           (b'\x00\x0c' + b'\x12\x34\x80' + b'\0' * 9, 'an answer')):
            with socket.create_connection(('127.0.0.1', s.port), 10) as c:
                c.sendall(wire)
                ok(wait_for(lambda: is_closed(c)), f'{name}: closed')
        ok(rcode_of(s) == 'NOERROR', 'and it goes on')


def slow_readers():
    """Who asks for a big zone and reads nothing costs two messages, and is closed in the end."""
    with Server(['rpz.test from=gen:300000 open=127.0.0.0/8'],
                limits=['stall_ms=4000', 'per_address=50', 'connections=100']) as s:
        before, conns = s.number('rss'), []
        wire = make_xfr('AXFR', 'rpz.test.', 0)[0].to_wire()
        for _ in range(40):
            c = socket.socket()
            c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.connect(('127.0.0.1', s.port))
            c.sendall(struct.pack('>H', len(wire)) + wire)
            conns.append(c)
        ok(wait_for(lambda: s.number('held rpz.test') == 40), '40 slow readers')
        grown = s.number('rss') - before
        ok(grown < 40 * 256, f'cost {grown} kB in all')
        ok(wait_for(lambda: s.number('held rpz.test') == 0), 'and are closed when they take nothing')
        ok(wait_for(lambda: len(s.transfer_lines()) == 40) and
           {t['result'] for t in s.transfer_lines()} == {'timeout'}, 'reported as such')
        for c in conns:
            c.close()


# ---- what is no message ----

def garbage(seed):
    rnd = random.Random(seed)
    with Folder() as folder:
        key = Key(folder, 'k1')
        with Server(['rpz.test from=gen:10 open=127.0.0.1 key=k1'], [key], limits=['per_address=100']) as s:
            seeds = [dns.message.make_query('rpz.test', 'SOA').to_wire(),
                     make_xfr('IXFR', 'rpz.test.', 0)[0].to_wire(), signed_query(key)[1],
                     dns.message.make_query('a.b.c.rpz.test', 'TXT', use_edns=0, payload=900).to_wire()]
            u = socket.socket(type=socket.SOCK_DGRAM)
            u.setblocking(False)
            for i in range(4000):
                w = bytearray(rnd.choice(seeds))
                for _ in range(rnd.randint(0, 6)):
                    how = rnd.randint(0, 3)
                    at = rnd.randrange(len(w)) if w else 0
                    if how == 0 and w:
                        w[at] = rnd.choice((0, 1, 0x3f, 0x40, 0xc0, 0xff, rnd.randrange(256)))
                    elif how == 1:
                        del w[at:]
                    elif how == 2:
                        w[at:at] = bytes(rnd.randrange(256) for _ in range(rnd.randint(1, 20)))
                    elif w:
                        del w[at:at + rnd.randint(1, 9)]
                try:
                    u.sendto(bytes(w), ('127.0.0.1', s.port))
                    if i % 10 == 0:
                        with socket.create_connection(('127.0.0.1', s.port), 10) as c:
                            c.sendall(struct.pack('>H', len(w)) + bytes(w))
                except OSError:
                    pass
            u.close()
            ok(rcode_of(s) == 'NOERROR', f'it stands after 4,000 broken messages (seed {seed})')


def main():
    with Folder() as folder:
        transfers(folder)
        whole_transfers(folder)
        unsound()
        while_it_changes()
        signatures(folder)
        refusals()
        pipelined()
        limits()
        slow_readers()
        garbage(random.randrange(1 << 30))
    lib.done()


main()
