"""follow_hostile.py - nodes that lie, stop in the middle, never end, or go back; the consumer keeps what it has."""
import os
import socket
import threading
import time

from world import Export, Folder, Follower, Node, ok, once, same, wait_for


def names(*words):
    return [('domain', w) for w in words]


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def endless(node, h, head):
    """Bytes until the follower has enough; how many."""
    h.wfile.write(head)
    sent = 0
    try:
        while sent < 1 << 30:
            h.wfile.write(b'x' * 65536)
            sent += 65536
    except OSError:
        pass
    h.close_connection = True
    return sent


def answers(node, e):
    """(what it does, twist, part of the message)"""
    good = b'HTTP/1.1 200 OK\r\nX-Tocsin-Serial: 200\r\n'

    def raw(data, kinds=('whole', 'change')):
        def twist(h, kind, query):
            if kind not in kinds:
                return False
            h.wfile.write(data)
            h.wfile.flush()
            h.connection.shutdown(socket.SHUT_RDWR)
            h.close_connection = True
            return True
        return twist

    def flood(head):
        def twist(h, kind, query):
            if kind == 'digest':
                return False
            twist.sent = endless(node, h, head)
            return True
        return twist

    def digest(body):
        return lambda h, kind, q: kind == 'digest' and (node.answer(h, 200, body, X_Tocsin_Serial=e.serial) or True)

    def whole(body, **headers):
        return lambda h, kind, q: kind != 'digest' and (node.answer(h, 200, body, **headers) or True)
    return [
        ('half an answer', raw(good + b'Content-Length: 100\r\n\r\nz.example\n'), 'transfer closed'),
        ('half a chunk', raw(good + b'Transfer-Encoding: chunked\r\n\r\n64\r\nz.example\n'), 'transfer'),
        ('no answer', raw(b''), 'Empty reply'),
        ('what is no HTTP', raw(b'SSH-2.0-x\r\n'), ''),
        ('a body without end', flood(good + b'\r\n'), 'larger than'),
        ('a head without end', flood(good + b'X-A: '), ''),
        ('heads without end', flood(b'HTTP/1.1 100 Continue\r\n\r\n' * 4000 + good), ''),
        ('a wrong digest', digest(b'0' * 64 + b'  bad-names\n'), 'not the one whose SHA-256'),
        ('no digest', digest(b'<html>'), 'no SHA-256'),
        ('a digest without end', lambda h, k, q: k == 'digest' and endless(node, h, good + b'\r\n') > 0, ''),
        ('another set than its digest', whole(b'z.example\n', X_Tocsin_Serial=101), 'SHA-256'),
        ('no serial', whole(e.whole()), 'no serial'),
        ('a serial that is none', whole(e.whole(), X_Tocsin_Serial='-1'), 'no serial'),
        ('a serial beyond all numbers', whole(e.whole(), X_Tocsin_Serial='99999999999999999999999'), 'no serial'),
        ('a bomb', raw(good + b'Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n' + b'\x1f\x8b' + b'\0' * 18), ''),
        ('pages of something else', whole(b'<html>log in</html>'), 'no serial'),
    ]


def lies():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        e, path = node.export, folder('list')
        e.set(names('a.example'))
        once(node, folder, 'file:' + path)
        e.set(names('a.example', 'b.example'))
        for what, twist, part in answers(node, e):
            node.twist = twist
            p = once(node, folder, 'file:' + path, '--max', '4')
            ok(p.returncode in (1, 3) and part in p.err and len(p.err) < 1000 and read(path) == b'a.example\n' and
               sorted(os.listdir(folder.path)) == ['list', 'state.json', 'state.json.lock'],
               '%s: the file stays as it is' % what, '%s %s' % (p.returncode, p.err))
            sent = getattr(twist, 'sent', 0)
            if sent:
                ok(sent < 64 << 20, '%s: is not taken in for long' % what, sent)
        node.twist = None
        p = once(node, folder, 'file:' + path)
        same((p.returncode, read(path)), (0, b'a.example\nb.example\n'), 'after all that it goes on')


def going_back():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        e, log = node.export, folder('log')
        to = 'exec:{ echo "$TOCSIN_CHANGE $TOCSIN_SERIAL"; cat; } >>' + log
        e.set(names('a.example'))
        once(node, folder, to)
        # a change that is not newer than what we have
        node.twist = lambda h, kind, q: kind == 'change' and (
            node.answer(h, 200, b'+evil.example\n', X_Tocsin_Serial=50, X_Tocsin_Change='lines') or True)
        once(node, folder, to)
        ok(b'evil' not in read(log), 'a change with an older serial is not taken', read(log))
        node.twist = None
        os.unlink(log)
        e.sets = {}
        e.set(names('b.example'), serial=7)
        p = once(node, folder, to)
        ok(read(log) == b'whole 7\nb.example\n' and 'went back from 101 to 7' in p.err,
           'a node that begins anew is followed, with the whole set', (read(log), p.err))
        # to and fro, all the time
        flip = [7]

        def twist(h, kind, query):
            if kind == 'change':
                flip[0] = 5 if flip[0] == 7 else 7
                e.sets = {flip[0]: names('n%d.example' % flip[0])}
                e.serial = flip[0]
                node.whole(h, X_Tocsin_Change='whole')
                return True
            return False
        node.twist = twist
        node.asked.clear()
        with Follower(node, folder, to) as f:
            f.wait('back')
            f.wait('back')
            count = len(node.asked)
            time.sleep(2)
            ok(len(node.asked) - count <= 3, 'a node that goes to and fro is not run after', len(node.asked) - count)
            same(f.stop(), 0, 'and TERM still ends it')


def silence():
    """A server that takes the connection and says nothing, or a byte now and then, does not hold TERM up."""
    for what, drip in (('silent', b''), ('slow', b'H')):
        listener = socket.socket()
        listener.bind(('127.0.0.1', 0))
        listener.listen(5)
        held = []

        def hold():
            while True:
                try:
                    c, _ = listener.accept()
                    held.append(c)
                    if drip:
                        c.sendall(drip)
                except OSError:
                    return
        threading.Thread(target=hold, daemon=True).start()
        with Folder() as folder:
            node = type('There', (), {'url': 'http://127.0.0.1:%d' % listener.getsockname()[1],
                                      'export': Export('bad-names', 'domain-list')})()
            with Follower(node, folder, 'file:' + folder('list')) as f:
                f.wait('start')
                wait_for(lambda: held)
                start = time.monotonic()
                same(f.stop(), 0, 'a %s server: TERM ends with 0' % what)
                ok(time.monotonic() - start < 20, 'a %s server: and soon' % what)
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for c in held:
            c.close()


def many_changes():
    """A node with a change each time is followed, without growing."""
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        e, n = node.export, [0]

        def twist(h, kind, query):
            if kind == 'change':
                n[0] += 1
                node.answer(h, 200, b'+n%d.example\n' % n[0], X_Tocsin_Serial=int(query['since']) + 1,
                            X_Tocsin_Change='lines')
            return kind == 'change'
        e.set(names('a.example'))
        node.twist = twist
        with Follower(node, folder, 'exec:cat >/dev/null', '--wait', '1s') as f:
            start = time.monotonic()
            wait_for(lambda: n[0] >= 20)
            ok(n[0] >= 20 and time.monotonic() - start >= 0.9, 'changes without end are taken at a measured pace', n)
            f.stop()


def run():
    lies()
    going_back()
    silence()
    many_changes()
