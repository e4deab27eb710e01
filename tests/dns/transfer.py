"""transfer.py - zone transfers by hand: each message, each signature, what comes first and last."""
import struct

from lib import dns, socket


def xfr(server, kind='AXFR', zone='rpz.test.', serial=0, key=None, use_udp=False, timeout=30):
    """All records of the answer, in order, each as (owner, type, text)."""
    out = []
    q, _ = make_xfr(kind, zone, serial)
    if key:
        q.use_tsig(key.ring())
    with socket.create_connection(('127.0.0.1', server.port), timeout) as s:
        s.settimeout(timeout)
        wire = q.to_wire()
        s.sendall(struct.pack('>H', len(wire)) + wire)
        for m in messages(s, q):
            for rrset in m.answer:
                for rdata in rrset:
                    out.append((str(rrset.name), dns.rdatatype.to_text(rrset.rdtype), str(rdata)))
    return out


def make_xfr(kind, zone, serial):
    q = dns.message.make_query(zone, kind)
    q.flags = 0
    if kind == 'IXFR':
        q.authority.append(dns.rrset.from_text(zone, 0, 'IN', 'SOA', f'. . {serial} 0 0 0 0'))
    return q, q.id


def receive(s, n):
    data = b''
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def serial_lt(a, b):
    return a != b and (b - a) % (1 << 32) < 1 << 31


class End:
    """Where an answer ends: fed with its records."""

    def __init__(self, q):
        self.asked = q.authority[0][0].serial if q.question[0].rdtype == dns.rdatatype.IXFR else None
        self.want, self.state = None, 'first'

    def is_it(self, rrset):
        soa = rrset[0].serial if rrset.rdtype == dns.rdatatype.SOA else None
        if self.state == 'first':
            self.want, self.state = soa, 'second'
            return self.asked is not None and not serial_lt(self.asked, soa)
        if self.state == 'second':
            self.state = 'whole' if self.asked is None or soa is None else 'removing'
        elif soa is not None and self.state == 'removing':
            self.state = 'adding'
        elif soa is not None and self.state == 'adding' and soa != self.want:
            self.state = 'removing'
        elif soa is not None:
            return True
        return False


def messages(s, q):
    """Messages of one answer until its last SOA. dnspython checks each signature."""
    tsig_ctx, end, done = None, End(q), False
    while not done:
        n, = struct.unpack('>H', receive(s, 2))
        m = dns.message.from_wire(receive(s, n), keyring=q.keyring, request_mac=q.mac, xfr=True, origin=None,
                                  tsig_ctx=tsig_ctx, multi=True, one_rr_per_rrset=True)
        tsig_ctx = m.tsig_ctx
        if q.keyring and not m.had_tsig:
            raise dns.exception.DNSException('not signed')
        if m.rcode() != dns.rcode.NOERROR:
            raise Refused(m)
        yield m
        for rrset in m.answer:
            if done:
                raise dns.exception.DNSException('records behind the last SOA')
            done = end.is_it(rrset)


class Refused(Exception):
    def __init__(self, message):
        super().__init__(dns.rcode.to_text(message.rcode()))
        self.message = message


def rcode_of(server, **args):
    try:
        xfr(server, **args)
        return 'NOERROR'
    except Refused as e:
        return str(e)


def soa_serials(records):
    return [int(r[2].split()[2]) for r in records if r[1] == 'SOA']


def as_zone(records):
    """The set of what an AXFR brought."""
    return {r for r in records if r[1] != 'SOA'}


def apply(zone, records):
    """An IXFR's steps on a set; every removal has to be there, every addition has to be new."""
    zone, adding, first = set(zone), True, True
    for r in records[1:-1]:
        if r[1] == 'SOA':
            adding = not adding
        elif adding:
            if r in zone:
                raise AssertionError(f'added twice: {r}')
            zone.add(r)
        else:
            zone.remove(r)
    return zone
