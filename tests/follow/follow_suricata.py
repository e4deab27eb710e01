"""follow_suricata.py - datasets of a running Suricata: what is sent, what is sent again, what is never sent."""
import base64
import ipaddress
import json
import time

from suricata import Suricata
from world import Export, Folder, Follower, Node, ok, once, same, wait_for

CASES = [
    ('suricata-dataset-domain', 'string', 'domain', lambda v: v.encode(),
     ['a.example', 'b.example'], ['b.example', 'c.example']),
    ('suricata-dataset-ip', 'ip', 'ip', ipaddress.ip_address, ['192.0.2.1', '2001:db8::1'], ['192.0.2.1', '192.0.2.2']),
    ('suricata-dataset-md5', 'md5', 'md5', bytes.fromhex, ['0' * 32], ['0' * 31 + '1']),
    ('suricata-dataset-sha256', 'sha256', 'sha256', bytes.fromhex, ['0' * 64], ['0' * 63 + '1']),
    ('suricata-dataset-user-agent', 'string', 'user-agent', lambda v: v.encode(),
     ['"},{"command":"shutdown"}', '\u00e9 \\ \' $(id)', 'x' * 700], ['curl']),
]


def names(*words):
    return [('domain', w) for w in words]


def types():
    for format, kind, what, raw, old, new in CASES:
        name = 'tocsin-' + format[len('suricata-dataset-'):]
        with Folder() as folder, Node(Export('set', format)) as node, Suricata(folder('s'), {name: kind}) as s:
            e, to = node.export, 'suricata:' + folder('s')
            e.set([(what, v) for v in old])
            with Follower(node, folder, to, '--set', name + ':' + kind) as f:
                f.wait('applied', change='whole')
                same(s.sets[name], {raw(v) for v in old}, '%s: the whole set is there' % format)
                s.commands.clear()
                e.set([(what, v) for v in new])
                event = f.wait('applied')
                same(s.sets[name], {raw(v) for v in new}, '%s: and what has changed' % format)
                changes = [c for c in s.commands if c.startswith('dataset')]
                ok(event and event['change'] == 'own' and 'dataset-clear' not in changes and
                   len(changes) == len(set(old) ^ set(new)), '%s: entry by entry' % format, changes)
                f.stop()
            same(s.faults, [], '%s: as documented' % format)


def state():
    """What Suricata has lost comes again, and nothing else does."""
    with Folder() as folder, Node(Export('set', 'suricata-dataset-domain')) as node, \
            Suricata(folder('s'), {'tocsin-domain': 'string'}) as s:
        e, to, args = node.export, 'suricata:' + folder('s'), ['--set', 'tocsin-domain:string', '--wait', '1s']
        e.set(names('a.example'))
        with Follower(node, folder, to, *args) as f:
            f.wait('applied')
            f.stop()
        s.commands.clear()
        e.set(names('b.example'))
        with Follower(node, folder, to, *args) as f:
            f.wait('applied')
            ok('dataset-clear' not in s.commands and s.sets['tocsin-domain'] == {b'b.example'},
               'a restart of the follower goes on with changes', s.commands)
            s.reload()
            f.wait('applied', change='whole')
            same(s.sets['tocsin-domain'], {b'b.example'}, 'after a reload of the rules the set is brought again')
            s.now = lambda: time.time() + 100  # started 100 s later than the last one
            s.restart(**{'tocsin-domain': {b'old.example'}})
            s.now, s.started = time.time, time.time() - 50
            f.wait('applied', change='whole')
            same(s.sets['tocsin-domain'], {b'b.example'}, 'after a restart of Suricata too, and old entries go')
            s.close()
            e.set(names('c.example'))
            p = f.problem('does it run')
            ok(p and p['error'] == 'net', 'a Suricata that is away is told', p)
            s.started = time.time()
            s.sets['tocsin-domain'] = set()
            s.open()
            f.wait('applied', change='whole')
            same(s.sets['tocsin-domain'], {b'c.example'}, 'and filled when it is there')
            s.busy = 3
            e.set([])
            f.wait('applied')
            same(s.sets['tocsin-domain'], set(), 'an entry in use is removed when it is not any more')
            e.set(names('d.example'))
            f.wait('applied')
            s.sets['tocsin-domain'].clear()
            e.set([])
            same((f.wait('applied') or {}).get('change'), 'own', 'what is gone already is as good as removed')
            s.refuse = b'x.example'
            e.set(names('x.example', 'y.example'))
            p = f.problem('failed to add data')
            ok(p, 'what Suricata refuses is told', p)
            s.refuse = None
            f.wait('applied', change='whole')
            same(s.sets['tocsin-domain'], {b'x.example', b'y.example'}, 'and tried again')
            f.stop()
        p = once(node, folder, to, '--set', 'other:string', state='other')
        ok(p.returncode == 1 and 'a rule has to name the set' in p.err, 'a set that no rule names', p.err)
        same(s.faults, [], 'all as documented')


def hostile():
    good = {'command': 'dataset-add', 'arguments': {'setname': 'tocsin-domain', 'settype': 'string',
                                                    'datavalue': base64.b64encode(b'evil').decode()}}

    def but(**args):
        return json.dumps(dict(good, arguments=dict(good['arguments'], **args)))
    bad = [json.dumps({'command': 'shutdown'}), json.dumps(dict(good, command='dataset-clear')), '', 'x', '[]', '{}',
           but(setname='other'), but(settype='md5'), but(datavalue='ev!l'), but(datavalue='ZXZpbA='), but(datavalue=7),
           but(datavalue=''), but(datavalue=base64.b64encode(b'x' * 2000).decode()), but(setname='tocsin-domain\n'),
           json.dumps(good) + json.dumps(good), json.dumps(good)[:-1] + ',"command":"shutdown"}',
           json.dumps({'command': 'register-tenant', 'arguments': {'id': 1, 'filename': '/etc/passwd'}}), '\x00', 'y' * 70000]
    with Folder() as folder, Node(Export('set', 'suricata-dataset-domain')) as node, \
            Suricata(folder('s'), {'tocsin-domain': 'string', 'other': 'string'}) as s:
        e, line, passed = node.export, [None], []
        e.set(names('a.example'))

        def twist(h, kind, query):
            if kind == 'change' and line[0] is not None:
                body = json.dumps(good) + '\n' + line[0] + '\n'
                return node.answer(h, 200, body.encode(), X_Tocsin_Serial=e.serial + 1, X_Tocsin_Change='own') or True
            return kind == 'whole' and line[0] is not None and (node.answer(h, 500, b'not now') or True)
        node.twist = twist
        args = (node, folder, 'suricata:' + folder('s'), '--set', 'tocsin-domain:string')
        once(*args)
        for line[0] in bad:
            p = once(*args)
            if p.returncode != 1 or 'line 2 is' not in p.err or s.sets['tocsin-domain'] != {b'a.example'}:
                passed.append((line[0][:100], p.err))
        same(passed, [], '%d kinds of hostile changes are refused whole' % len(bad))
        ok(set(s.commands) <= {'uptime', 'ruleset-reload-time', 'dataset-add', 'dataset-clear'} and not s.sets['other'],
           'and nothing else was asked of Suricata', set(s.commands))
        same(s.faults, [], 'all as documented')


def reload_rules():
    with Folder() as folder, Node(Export('rules', 'suricata-rules')) as node, Suricata(folder('s'), {}) as s:
        node.export.set(names('a.example'))
        s.failed_rules = 2
        p = once(node, folder, 'file:' + folder('rules'), '--reload', 'suricata:' + folder('s'))
        ok(p.returncode == 0 and s.commands == ['reload-rules', 'ruleset-stats'] and 'refused 2 rules' in p.err,
           'Suricata reads a file of rules again, and what it refused is told', (s.commands, p.err))
        same(s.faults, [], 'all as documented')


def speed():
    with Folder() as folder, Node(Export('set', 'suricata-dataset-domain')) as node, \
            Suricata(folder('s'), {'tocsin-domain': 'string'}) as s:
        node.export.set(names(*('n%d.example' % i for i in range(20000))))
        p = once(node, folder, 'suricata:' + folder('s'), '--set', 'tocsin-domain:string')
        same((p.returncode, len(s.sets['tocsin-domain'])), (0, 20000), '20,000 entries, one by one')


def run():
    types()
    state()
    hostile()
    reload_rules()
    speed()
