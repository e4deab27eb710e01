"""follow_loop.py - the service: changes as they come, restarts, back-off, signals, events, what is told."""
import json
import os
import signal
import socket
import subprocess
import time

from world import Export, Folder, Follower, Node, command, environment, ok, once, same, wait_for


def names(*words):
    return [('domain', w) for w in words]


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def live():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        e, path = node.export, folder('list')
        e.set(names('a.example'))
        with Follower(node, folder, 'file:' + path) as f:
            first = f.wait('applied', change='whole')
            ok(first and first['serial'] == 101 and first['entries'] == 1, 'the service begins with the whole set', first)
            took = []
            for i in range(5):
                start = time.monotonic()
                serial = e.set(names('a.example', 'n%d.example' % i))
                f.wait('applied', serial=serial)
                took.append(time.monotonic() - start)
            same(read(path), b'a.example\nn4.example\n', 'each change is brought')
            # under load it may be slow once, not each time
            ok(min(took) < 2, 'a change is there within two seconds', took)
            asked = [q.get('wait') for k, q in node.asked if k == 'change']
            ok(asked and set(asked) == {'55'}, 'by questions that the node may hold back', asked)
            start = time.monotonic()
            same(f.stop(), 0, 'TERM during such a question ends with 0')
            ok(time.monotonic() - start < 20, 'and at once')
            same(f.wait('stop')['serial'], e.serial, 'and tells the serial')
        node.asked.clear()
        e.set(names('z.example'))
        with Follower(node, folder, 'file:' + path) as f:
            f.wait('applied', serial=e.serial)
            same(node.asked[0][0], 'change', 'a restart goes on where it was')
            node.asked.clear()
            f.process.send_signal(signal.SIGHUP)
            ok(f.wait('applied', change='whole') and f.process.poll() is None, 'HUP brings the whole set')
            f.stop(signal.SIGINT)


def goes_on():
    """exec sees changes: none is lost or doubled over restarts and failures."""
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        e, log, fails = node.export, folder('log'), folder('fails')
        to = 'exec:test ! -e %s && { echo "$TOCSIN_CHANGE $TOCSIN_SINCE"; cat; } >>%s' % (fails, log)
        e.set(names('a.example'))
        with Follower(node, folder, to) as f:
            f.wait('applied')
            e.set(names('a.example', 'b.example'))
            f.wait('applied', serial=102)
            same(read(log), b'whole \na.example\nlines 101\n+b.example\n', 'a change follows the whole set')
            folder.write('fails', '')
            e.set(names('b.example'))
            event = f.problem('ended with 1')
            ok(event and event['retry_ms'] > 0, 'a failure is told, and when it is tried again', event)
            os.unlink(fails)
            os.unlink(log)
            f.wait('applied', change='whole')
            same(read(log), b'whole \nb.example\n', 'after a failure comes the whole set')
            ok(f.wait('well'), 'and it is told that it works again')
            f.stop()
        os.unlink(log)
        e.set(names('b.example', 'c.example'))
        e.set(names('c.example'))
        with Follower(node, folder, to) as f:
            f.wait('applied')
            same(read(log), b'lines 103\n-b.example\n+c.example\n', 'what changed while it was stopped is one change')
            f.stop()
        with Node(e) as other:
            os.unlink(log)
            p = once(other, folder, to)
            same((p.returncode, read(log)), (0, b'whole \nc.example\n'), 'a state is of one node: another begins anew')
        os.unlink(log)
        folder.write('state.json', '{"serial": 1')
        once(node, folder, to)
        same(read(log), b'whole \nc.example\n', 'a damaged state begins anew')


def back_off():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        e, busy = node.export, [True]
        e.set(names('a.example'))

        def twist(h, kind, query):
            return busy[0] and (node.answer(h, 503, b'{}', Retry_After=2) or True)
        node.twist = twist
        with Follower(node, folder, 'file:' + folder('list')) as f:
            p = f.problem('being built')
            ok(p and p['retry_ms'] >= 2000, 'Retry-After is kept to', p)
            wait_for(lambda: len(node.asked) > 2)
            busy[0] = False
            ok(f.wait('applied'), 'then the set comes')
            told = [x for x in f.events if x['event'] == 'problem']
            same(len(told), 1, 'the same problem is told once')
            f.stop()
        # a node that does not hold back answers is not asked all the time
        node.twist = lambda h, kind, q: kind == 'change' and (node.change(h, int(q['since']), 0) or True)
        node.asked.clear()
        with Follower(node, folder, 'file:' + folder('list')) as f:
            wait_for(lambda: node.asked)
            time.sleep(1.5)
            ok(len(node.asked) <= 4, 'a node that does not wait is not asked all the time', len(node.asked))
            f.stop()
        node.twist = None
        with Follower(node, folder, 'exec:cat >/dev/null', '--pause', '5s', state='other') as f:
            first = f.wait('applied')
            e.set(names('b.example'))
            second = f.wait('applied')
            ok(first and second and second['time'] - first['time'] >= 3, '--pause is kept', (first, second))
            f.stop()


def told():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        node.export.set(names('secret.example'))
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(folder('notify'))
        notify.settimeout(60)
        p = subprocess.Popen(command(node, folder, 'file:' + folder('list')), stderr=subprocess.PIPE,
                             env=environment(NOTIFY_SOCKET=folder('notify')))
        same(notify.recv(400).split(b'\n')[0], b'READY=1', 'the service manager is told')
        ok(notify.recv(400).startswith(b'STATUS=Serial 101'), 'and what serial is there')
        p.terminate()
        err = p.communicate(timeout=60)[1].decode()
        ok('following at' in err and 'serial 101: the whole set, 1 entry, is in file' in err and
           'stopped at serial 101' in err and 'secret' not in err, 'lines for people, without values', err)
        p = once(node, folder, 'file:' + folder('list'), '--json')
        event = json.loads(p.out)
        same((event['event'], event['serial'], event['export'], event['target']),
             ('current', 101, 'bad-names', 'file'), 'events for programs')
        p = once(node, folder, 'file:' + folder('list'), '--quiet')
        same((p.out, p.err), ('', ''), '--quiet says nothing when all is well')


def run():
    live()
    goes_on()
    back_off()
    told()
