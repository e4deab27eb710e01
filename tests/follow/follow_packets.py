"""follow_packets.py - nft and ipset: the kernel's own sets, in a network namespace of the test's own."""
import hashlib
import os
import re
import shutil
import subprocess
import sys

from world import Export, Folder, Follower, Node, ok, once, same, skip

SBIN = '/usr/sbin:/sbin:/usr/bin:/bin'


def addresses(*words):
    return [('ip', w) for w in words]


class Namespace:
    """Programs in it are run through scripts of their names, which come first in PATH."""

    def __init__(self, folder, *programs):
        self.holder = subprocess.Popen(['unshare', '-n', 'sh', '-c', 'echo in; exec sleep 3600'],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.good = self.holder.stdout.readline() == b'in\n'
        os.makedirs(folder('bin'), exist_ok=True)
        for p in programs:
            real = shutil.which(p, path=SBIN)
            folder.write('bin/' + p, '#!/bin/sh\nexec nsenter -t %d -n %s "$@"\n' % (self.holder.pid, real), 0o755)
        self.env = {'PATH': folder('bin') + ':' + os.environ['PATH']}

    def run(self, *args, stdin=b''):
        p = subprocess.run(['nsenter', '-t', str(self.holder.pid), '-n'] + list(args), input=stdin,
                           capture_output=True, env=dict(os.environ, PATH=os.environ['PATH'] + ':' + SBIN))
        return p.stdout.decode() if p.returncode == 0 else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


def nft_elements(ns, set='blocked', table='tocsin'):
    got = []
    for v in '46':
        text = ns.run('nft', 'list', 'set', 'inet', table, set + v)
        if text is None:
            return None
        m = re.search(r'elements = \{(.*?)\}', text, re.S)
        got += [re.sub(r' (timeout|expires).*', '', x.strip()) for x in m.group(1).split(',')] if m else []
    return sorted(got)


def ipset_elements(ns, set='tocsin'):
    got = []
    for v in '46':
        text = ns.run('ipset', 'list', set + v)
        if text is None:
            return None
        got += [line.split(' ')[0] for line in text.split('Members:\n')[1].splitlines()]
    return sorted(got)


OLD = ['192.0.2.1', '198.51.100.0/24', '2001:db8::1']
NEW = ['192.0.2.2', '198.51.100.0/24', '2001:db8:1::/48']


def live(name, format, elements, lose):
    with Folder() as folder, Namespace(folder, name) as ns, Node(Export('bad-ips', format)) as node:
        e = node.export
        if not ns.good or (name == 'ipset' and ns.run('ipset', 'list') is None) or \
                (name == 'nft' and ns.run('nft', 'list', 'ruleset') is None):
            return skip(name, 'no network namespace with %s to be had here' % name)
        e.set(addresses(*OLD))
        with Follower(node, folder, name, env=ns.env) as f:
            event = f.wait('applied')
            same(elements(ns), OLD, '%s: the whole set is in the kernel' % name)
            same(event['entries'] if event else None, 3, '%s: and counted' % name)
            e.set(addresses(*NEW))
            event = f.wait('applied')
            same((event or {}).get('change'), 'own', '%s: a change comes as one' % name)
            same(elements(ns), NEW, '%s: and is in the kernel' % name)
            e.set([])
            f.wait('applied')
            same(elements(ns), [], '%s: what is retracted is gone' % name)
            e.set(addresses(*OLD))
            f.wait('applied')
            f.stop()
        lose(ns)
        e.set(addresses(*NEW))
        with Follower(node, folder, name, env=ns.env) as f:
            f.wait('applied', change='whole')
            same(elements(ns), NEW, '%s: a start brings the whole set' % name)
            lose(ns)
            e.set(addresses(*OLD))
            f.wait('applied', serial=e.serial)
            same(elements(ns), OLD, '%s: sets that others removed come again' % name)
            f.stop()
        return None


def big(name, format, elements):
    with Folder() as folder, Namespace(folder, name) as ns, Node(Export('bad-ips', format)) as node:
        if not ns.good:
            return
        many = ['10.%d.%d.%d' % (i >> 16, i >> 8 & 255, i & 255) for i in range(1, 50000, 2)]
        node.export.set(addresses(*many))
        p = once(node, folder, name, env=ns.env)
        same((p.returncode, len(elements(ns) or [])), (0, len(many)), '%s: %d addresses' % (name, len(many)))


def timeouts():
    for name, format, elements in (('nft', 'nftables', nft_elements), ('ipset', 'ipset', ipset_elements)):
        with Folder() as folder, Namespace(folder, name) as ns, Node(Export('bad-ips', format, 'timeout=4')) as node:
            if not ns.good or not shutil.which(name, path=SBIN):
                continue
            node.export.set(addresses('192.0.2.1'))
            with Follower(node, folder, name, env=ns.env) as f:
                ok(f.wait('applied', change='whole') and f.wait('applied', change='whole'),
                   '%s: entries that end by themselves are brought again' % name)
                same(elements(ns), ['192.0.2.1'], '%s: and are there' % name)
                f.stop()


BAD_NFT = [
    'flush ruleset', 'add element inet filter blocked4 { 192.0.2.1 }', 'add element inet tocsin other4 { 192.0.2.1 }',
    'add element inet tocsin blocked4 { 192.0.2.1 }; flush ruleset', 'add element inet tocsin blocked4 { 0.0.0.0/0 }',
    'add element inet tocsin blocked4 { 192.0.2.1, 192.0.2.2 }', 'add element inet tocsin blocked4 { 2001:db8::1 }',
    'add element inet tocsin blocked6 { ::/0 }', 'include "/etc/passwd"', 'add chain inet tocsin x { type filter hook input priority 0; policy drop; }',
    'add element inet tocsin blocked4 { 192.0.2.1 timeout 1s comment "x" }', 'add element inet tocsin blocked4 { $(id) }',
    'delete table inet tocsin', 'add element inet tocsin blocked4 { 192.0.2.1 }\\', '', 'x' * 70000,
    'add element inet tocsin blocked4 { 192.0.2.1\x00 }', '# comment', 'add element inet tocsin blocked4 {', '192.0.2.1', '}',
    'add element inet tocsin blocked4 {\n192.0.2.1\n}; flush ruleset', 'add element inet tocsin blocked4 {\n192.0.2.1 }\n}']
BAD_IPSET = [
    'destroy', 'flush', 'destroy other', 'add other 192.0.2.1 -exist', 'add tocsin4 0.0.0.0/0 -exist', 'swap tocsin4 other',
    'add tocsin4 192.0.2.1 comment "x" -exist', 'add tocsin4 2001:db8::1 -exist', 'quit', 'create x hash:ip', 'rename tocsin4 x',
    'add tocsin4 192.0.2.1', '-! add tocsin4 192.0.2.1 -exist', '']


def hostile(name, format, elements, bad):
    """Lines that no export has: nothing of such a change is done, and nothing else either."""
    with Folder() as folder, Namespace(folder, name) as ns, Node(Export('bad-ips', format)) as node:
        e = node.export
        if not ns.good or not shutil.which(name, path=SBIN):
            return skip('hostile lines for ' + name, 'no network namespace here')
        if name == 'nft':
            ns.run('nft', 'add table inet filter; add set inet filter blocked4 { type ipv4_addr; }')
        else:
            ns.run('ipset', 'create', 'other', 'hash:ip')

        def all_of_it():
            text = ns.run(name, *(['list', 'ruleset'] if name == 'nft' else ['save']))
            return sorted(re.sub(r' initval \S+', '', line) for line in text.splitlines())
        e.set(addresses(*OLD))
        passed, line = [], [None]
        once(node, folder, name, env=ns.env)
        state = all_of_it()

        def whole():
            return e.whole() + line[0].encode() + b'\n'

        def twist(h, kind, query):
            if kind == 'digest':
                node.answer(h, 200, hashlib.sha256(whole()).hexdigest().encode(), X_Tocsin_Serial=e.serial)
            else:
                node.answer(h, 200, whole(), X_Tocsin_Serial=e.serial)
            return True
        node.twist = twist
        for line[0] in bad:
            p = once(node, folder, name, env=ns.env)
            if p.returncode != 1 or ('nothing was changed' not in p.err and 'longer than' not in p.err):
                passed.append((line[0][:60], p.err))
        same(passed, [], '%s: %d kinds of hostile lines are refused' % (name, len(bad)))
        same(all_of_it(), state, '%s: and nothing was done' % name)
        # the same in changes
        line[0], passed = None, []
        node.twist = lambda h, kind, query: line[0] is not None and (
            node.answer(h, 500, b'not now') if kind == 'whole' else
            node.answer(h, 200, line[0].encode() + b'\n', X_Tocsin_Serial=e.serial + 1, X_Tocsin_Change='own')) is None
        with Follower(node, folder, name, '--wait', '1s', env=ns.env) as f:
            f.wait('applied', change='whole')
            for line[0] in bad[:4]:
                event = f.wait('problem')
                if not event or event['error'] != 'parse':
                    passed.append((line[0][:60], event))
                line[0] = None
                f.wait('applied', change='whole')
            same(passed, [], '%s: and in changes' % name)
            f.stop()
        same(all_of_it(), state, '%s: and nothing was done' % name)
        return None


def least():
    """The rest runs as a user with one capability, in a namespace where the node is, too."""
    p = subprocess.run(['unshare', '-n', sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'least.py')],
                       capture_output=True, timeout=300)
    out = p.stdout.decode()
    if not out:
        return skip('least privilege', 'no network namespace here: ' + p.stderr.decode()[:60])
    return ok(p.returncode == 0 and 'not ok' not in out, 'with CAP_NET_ADMIN alone', out + p.stderr.decode())


def run():
    least()
    live('nft', 'nftables', nft_elements, lambda ns: ns.run('nft', 'flush', 'ruleset'))
    live('ipset', 'ipset', ipset_elements, lambda ns: ns.run('ipset', 'destroy'))
    big('nft', 'nftables', nft_elements)
    big('ipset', 'ipset', ipset_elements)
    timeouts()
    hostile('nft', 'nftables', nft_elements, BAD_NFT)
    hostile('ipset', 'ipset', ipset_elements, BAD_IPSET)
