#!/usr/bin/env python3
"""resolvers.py - BIND, Knot, Unbound and PowerDNS take a policy zone from the server: whole at first, then a
change by NOTIFY and IXFR within two seconds, and what is blocked follows. Names on the command line choose.

What a resolver blocks is asked of itself; the names that are not blocked come from a zone of the test's own
upstream, as nothing may be asked of the Internet."""
import os
import shutil
import socket
import sys
import threading
import time

import lib
from lib import Daemon, Folder, Key, Server, dns, free_port, lookup, ok, wait_for

SOON = 2.0  # what the specification promises
LOADED = float(os.environ.get('TOCSIN_DNS_LOADED', '20'))  # on machines under load


class Upstream:
    """Authoritative for everything: each name has the address 192.0.2.99."""

    def __init__(self):
        self.port = free_port()
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', self.port))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                wire, peer = self.socket.recvfrom(4096)
                q = dns.message.from_wire(wire)
            except (OSError, dns.exception.DNSException):
                if self.socket.fileno() < 0:
                    return
                continue
            r = dns.message.make_response(q)
            r.flags |= dns.flags.AA | dns.flags.RA
            name, kind = q.question[0].name, q.question[0].rdtype
            if kind == dns.rdatatype.A:
                r.answer.append(dns.rrset.from_text(name, 0, 'IN', 'A', '192.0.2.99'))
            self.socket.sendto(r.to_wire(), peer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


# ---- each resolver: how it is set up; what it serves as RPZ or as a zone ----

class Resolver:
    """tsig: whether it can sign; policy: whether it blocks (else it serves the zone); notify: port for NOTIFY."""
    tsig = policy = notify = True
    incremental = True

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()

    def found(self):
        return shutil.which(self.program) or next(
            (p for p in (f'/usr/sbin/{self.program}', f'/usr/local/sbin/{self.program}') if os.path.exists(p)), None)


class Knot(Resolver):
    name, program, policy = 'knot', 'knotd', False

    def start(self, server, key, upstream):
        del upstream
        conf = self.folder.write('knot/knot.conf', f'''
server:
    listen: 127.0.0.1@{self.port}
    rundir: {self.folder.path}/knot
log:
  - target: stderr
    any: info
database:
    storage: {self.folder.path}/knot
key:
  - id: {key.name}
    algorithm: {key.algorithm}
    secret: {key.secret}
remote:
  - id: tocsin
    address: 127.0.0.1@{server.port}
    key: {key.name}
acl:
  - id: notify
    address: 127.0.0.1
    key: {key.name}
    action: notify
template:
  - id: default
    storage: {self.folder.path}/knot
    semantic-checks: off
zone:
  - domain: rpz.test
    master: tocsin
    acl: notify
    zonefile-sync: -1
    zonefile-load: none
    journal-content: all
''')
        return Daemon(self.folder, self.name, [self.found(), '-c', conf])


class Bind(Resolver):
    name, program = 'bind', 'named'

    def start(self, server, key, upstream):
        home = f'{self.folder.path}/bind'
        conf = self.folder.write('bind/named.conf', f'''
key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};
server 127.0.0.1 {{ }};
options {{
    directory "{home}";
    pid-file none; session-keyfile "{home}/session.key"; lock-file none;
    listen-on port {self.port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion yes; allow-query {{ any; }};
    forward only; forwarders {{ 127.0.0.1 port {upstream.port}; }};
    dnssec-validation no; qname-minimization off;
    response-policy {{ zone "rpz.test"; }} qname-wait-recurse no break-dnssec yes min-update-interval 0;
}};
controls {{ }};
zone "rpz.test" {{
    type secondary;
    primaries {{ 127.0.0.1 port {server.port} key "{key.name}"; }};
    allow-notify {{ key "{key.name}"; }};
    file "rpz.test.db";
}};
''')
        os.chmod(home, 0o777)
        return Daemon(self.folder, self.name, [self.found(), '-g', '-c', conf, '-n', '1'])


class Unbound(Resolver):
    name, program, tsig = 'unbound', 'unbound', False

    def start(self, server, key, upstream):
        del key
        conf = self.folder.write('unbound/unbound.conf', f'''
server:
    interface: 127.0.0.1
    port: {self.port}
    directory: "{self.folder.path}/unbound"
    pidfile: ""
    username: ""
    chroot: ""
    use-syslog: no
    verbosity: 2
    do-not-query-localhost: no
    do-ip6: no
    module-config: "respip iterator"
    access-control: 127.0.0.0/8 allow
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{upstream.port}
rpz:
    name: rpz.test
    primary: 127.0.0.1@{server.port}
    allow-notify: 127.0.0.1
    zonefile: "rpz.test.zone"
''')
        return Daemon(self.folder, self.name, [self.found(), '-d', '-p', '-c', conf])


class Recursor(Resolver):
    """Learns of changes by asking again (refresh)."""
    name, program, notify = 'pdns', 'pdns_recursor', False

    def start(self, server, key, upstream):
        script = self.folder.write('pdns/rpz.lua', f'''
rpzPrimary("127.0.0.1:{server.port}", "rpz.test", {{refresh=1, tsigname="{key.name}",
    tsigalgo="{key.algorithm}", tsigsecret="{key.secret}"}})
''')
        home = f'{self.folder.path}/pdns'
        return Daemon(self.folder, self.name, [
            self.found(), '--daemon=no', f'--config-dir={home}', f'--socket-dir={home}', '--local-address=127.0.0.1',
            f'--local-port={self.port}', f'--lua-config-file={script}', '--dnssec=off', '--write-pid=no',
            '--threads=1', '--disable-packetcache=yes', f'--forward-zones-recurse=.=127.0.0.1:{upstream.port}',
            '--dont-query=', '--security-poll-suffix=', '--qname-minimization=no', '--loglevel=6'])


RESOLVERS = (Knot, Bind, Unbound, Recursor)


def blocked(r, name):
    """Does the resolver say that the name does not exist, by policy? None: no answer."""
    if r.policy:
        m = lookup(r.port, name)
        if m is None or m.rcode() not in (dns.rcode.NXDOMAIN, dns.rcode.NOERROR):
            return None
        return m.rcode() == dns.rcode.NXDOMAIN
    m = lookup(r.port, f'{name}.rpz.test.', 'CNAME')
    if m is None or m.rcode() not in (dns.rcode.NXDOMAIN, dns.rcode.NOERROR):
        return None
    return bool(m.answer)


def change(server, r, lines, name, want):
    """Seconds from the commit until the resolver has it."""
    for line in lines:
        server.command(line)
    began = time.monotonic()
    server.command('commit rpz.test')
    got = wait_for(lambda: blocked(r, name) is want, LOADED, 0.01)
    return time.monotonic() - began if got else None


def took(times, seconds, what):
    ok(seconds is not None, f'{what}: {"never" if seconds is None else f"{seconds:.2f} s"}')
    times.append(seconds or LOADED)


def run(r_class, n, key_name='k1'):
    with Folder() as folder, Upstream() as upstream:
        r = r_class(folder)
        if not r.found():
            print(f'# {r.program} is not installed: left out')
            return False
        print(f'# {r.name}, {n} names')
        key = Key(folder, key_name)
        access = f'key={key_name}' if r.tsig else 'open=127.0.0.1'
        sign = f'/{key_name}' if r.tsig else ''
        notify = f'notify=127.0.0.1:{r.port}{sign}' if r.notify else ''
        with Server([f'rpz.test from=gen:{n} {access} {notify} refresh=60 retry=1'], [key],
                    limits=['notify_retry_ms=100']) as s:
            for line in ('add rpz.test listed.example .', 'add rpz.test *.listed.example .',
                         'add rpz.test pass.example rpz-passthru.', 'commit rpz.test'):
                s.command(line)
            with r.start(s, key, upstream) as daemon:
                check(r, s, daemon, n)
    return True


def check(r, s, daemon, n):
    began, times = time.monotonic(), []
    if not ok(wait_for(lambda: blocked(r, 'listed.example') or daemon.process.poll() is not None, 120) and
              daemon.process.poll() is None, f'{r.name} has the zone ({time.monotonic() - began:.1f} s)'):
        return
    ok(blocked(r, 'other.example') is False, f'{r.name}: another name is not blocked')
    if r.policy:
        ok(blocked(r, 'www.listed.example') is True and blocked(r, 'pass.example') is False,
           f'{r.name}: names below it are, a pass rule is heeded')
    took(times, change(s, r, ['add rpz.test new.example .'], 'new.example', True), f'{r.name} blocks what is added')
    took(times, change(s, r, ['del rpz.test new.example'], 'new.example', False), f'{r.name} unblocks what is removed')
    before = len(s.transfer_lines())
    took(times, change(s, r, ['churn rpz.test 100', 'add rpz.test mark.example .'], 'mark.example', True),
         f'{r.name}: 100 removed, 100 added')
    last = wait_for(lambda: s.transfer_lines()[before:])
    ok(last and last[0]['kind'] == 'ixfr' and int(last[0]['bytes']) < 20000,
       f'{r.name}: by an IXFR of {last and last[0]["bytes"]} bytes, of a zone of {2 * n} records')
    if n <= 100000:  # with more the resolver's own work takes longer
        ok(min(times) < SOON, f'{r.name}: under {SOON:.0f} s')  # the best: others use this machine, too
    s.command('forget rpz.test')
    s.command('add rpz.test late.example .')
    s.command('commit rpz.test')
    ok(wait_for(lambda: blocked(r, 'late.example') is True, 60), f'{r.name}: goes on')
    if r.notify:
        ok(all(t['result'] == 'ok' for t in s.transfer_lines()), f'{r.name}: no transfer broke off')


def main():
    chosen = [c for c in RESOLVERS if c.name in sys.argv[1:]] or RESOLVERS
    n = int(os.environ.get('TOCSIN_DNS_NAMES', '2000'))
    if not [c for c in chosen if run(c, n)]:
        lib.skip('no resolver is installed')
    lib.done()


if __name__ == '__main__':
    main()
