"""follow_files.py - files and commands: whole sets, rights, old files, checks, reloads, exit codes."""
import hashlib
import os
import stat

from world import Export, Folder, Follower, Node, once, ok, same, wait_for


def read(path):
    try:
        with open(path, 'rb') as f:
            return f.read()
    except FileNotFoundError:
        return None


def names(*words):
    return [('domain', w) for w in words]


def a_file():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        e, path = node.export, folder('list')
        to = 'file:' + path
        e.set(names('a.example', 'b.example'))
        p = once(node, folder, to)
        same((p.returncode, read(path)), (0, b'a.example\nb.example\n'), 'a first file comes whole')
        same(stat.S_IMODE(os.stat(path).st_mode), 0o644, 'a new file may be read by all')
        same(sorted(os.listdir(folder.path)), ['list', 'state.json', 'state.json.lock'], 'nothing else is left')
        node.asked.clear()
        before = os.stat(path).st_ino
        p = once(node, folder, to)
        same((p.returncode, [k for k, _ in node.asked], os.stat(path).st_ino), (0, ['change'], before),
             'what is current is asked once and left alone')
        os.chmod(path, 0o640)
        e.set(names('b.example', 'c.example'))
        once(node, folder, to, '--keep', '2')
        same((read(path), stat.S_IMODE(os.stat(path).st_mode), read(path + '.1')),
             (b'b.example\nc.example\n', 0o640, b'a.example\nb.example\n'),
             'a change comes, with the rights of the old file, which is kept')
        e.set(names('c.example'))
        once(node, folder, to, '--keep', '2')
        same((read(path), read(path + '.1'), read(path + '.2')),
             (b'c.example\n', b'b.example\nc.example\n', b'a.example\nb.example\n'), 'two old files are kept')
        os.unlink(path)
        p = once(node, folder, to)
        same((p.returncode, read(path)), (0, b'c.example\n'), 'a file that somebody removed comes again')
        with open(path, 'ab') as f:
            f.write(b'stranger.example\n')
        once(node, folder, to)
        same(read(path), b'c.example\n', 'a file that somebody changed comes again')
        e.set([])
        p = once(node, folder, to)
        same((p.returncode, read(path)), (0, b''), 'a set from which all was retracted is empty')


def not_a_file():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        node.export.set(names('a.example'))
        target = folder.write('precious', 'precious\n')
        os.symlink(target, folder('link'))
        p = once(node, folder, 'file:' + folder('link'))
        same((p.returncode, read(target)), (2, b'precious\n'), 'a link is not written through')
        os.symlink(target, folder('.plain.tocsin-new'))
        p = once(node, folder, 'file:' + folder('plain'))
        same((p.returncode, read(target), read(folder('plain'))), (0, b'precious\n', b'a.example\n'),
             'nor a link in the place of the new file')


def commands():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        e, path = node.export, folder('list')
        log = folder('log')
        e.set(names('a.example'))
        p = once(node, folder, 'file:' + path, '--check', 'grep -q zzz "$TOCSIN_FILE"')
        ok(p.returncode == 1 and read(path) is None and 'ended with 1' in p.err,
           'what --check refuses never gets its name', p.err)
        p = once(node, folder, 'file:' + path, '--check', 'cmp - "$TOCSIN_FILE"',
                 '--reload', 'echo "$TOCSIN_EXPORT $TOCSIN_SERIAL" >>' + log)
        same((p.returncode, read(path), read(log)), (0, b'a.example\n', b'bad-names 101\n'),
             '--check sees the file, --reload is run after it')
        once(node, folder, 'file:' + path, '--reload', 'echo again >>' + log)
        same(read(log), b'bad-names 101\n', 'without a change there is no reload')
        e.set(names('b.example'))
        p = once(node, folder, 'file:' + path, '--reload', 'echo too bad; exit 3')
        ok(p.returncode == 1 and read(path) == b'b.example\n' and 'ended with 3: too bad' in p.err,
           'a reload that fails is told', p.err)
        p = once(node, folder, 'file:' + path, '--reload', 'echo late >>' + log)
        same((p.returncode, read(log)), (0, b'bad-names 101\nlate\n'), 'and made up for later')


def exec_target():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        e, log = node.export, folder('log')
        to = 'exec:(echo "$TOCSIN_EXPORT $TOCSIN_CHANGE ${TOCSIN_SINCE:-none} $TOCSIN_SERIAL"; ' \
             'env | grep -c TOCSIN_KEY; cat) >>' + log
        e.set(names('a.example', 'b.example'))
        env = {'TOCSIN_KEY': 'secret'}
        once(node, folder, to, env=env)
        same(read(log), b'bad-names whole none 101\n0\na.example\nb.example\n',
             'a command gets the whole set, and no key')
        os.unlink(log)
        e.set(names('b.example', 'c.example'))
        once(node, folder, to, env=env)
        same(read(log), b'bad-names lines 101 102\n0\n-a.example\n+c.example\n', 'then the change')
        os.unlink(log)
        e.set(names('c.example'))
        p = once(node, folder, 'exec:cat >/dev/null; echo fine', '--whole', env=env, state='said')
        ok('said: fine' in p.err and '1 entry' in p.err, 'what a command prints is told, and how much it was given', p.err)
        bad = once(node, folder, to + '; echo no; exit 9')
        ok(bad.returncode == 1 and 'ended with 9' in bad.err, 'a command that fails is told', bad.err)


def exit_codes():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        node.export.set(names('a.example'))
        to = 'file:' + folder('list')
        p = once(node, folder, to, key='x' * 40)
        ok(p.returncode == 1 and '--key' in p.err and 'k' * 40 not in p.err, 'a wrong key: 1, and what to do', p.err)
        p = once(node, folder, to, name='other')
        ok(p.returncode == 1 and 'no such export' in p.err, 'no such export: 1', p.err)
        node.twist = lambda h, kind, q: node.answer(h, 503, b'{}', Retry_After=7) or True
        p = once(node, folder, to)
        ok(p.returncode == 3 and 'being built' in p.err, 'still being built: 3', p.err)
        node.twist = lambda h, kind, q: node.answer(h, 302, b'', Location='http://192.0.2.1/') or True
        p = once(node, folder, to)
        ok(p.returncode == 1 and 'elsewhere' in p.err, 'a redirect is not followed', p.err)
        node.twist = None
        for args, part in ((['file:' + folder('list'), '--wait', 'soon'], 'duration'), (['floppy:x'], '--targets'),
                           (['nft', '--set', 'x'], 'FAMILY'), (['suricata:/x'], 'NAME:TYPE'), (['nft:x'], 'colon'),
                           (['file:'], 'file:PATH'), (['exec:true', '--keep', '3'], 'files')):
            p = once(node, folder, *args)
            ok(p.returncode == 2 and part in p.err, 'usage: %s: 2' % ' '.join(args)[:40], p.err)
        url = node.url
    with Folder() as folder:
        node.url = url
        p = once(node, folder, 'file:' + folder('list'))
        ok(p.returncode == 3 and '127.0.0.1' in p.err, 'nobody there: 3', p.err)


def two_at_once():
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        node.export.set(names('a.example'))
        with Follower(node, folder, 'file:' + folder('list')) as one:
            one.wait('applied')
            p = once(node, folder, 'file:' + folder('list'))
            ok(p.returncode == 2 and 'in use' in p.err, 'two of them with one state are refused', p.err)
            same(one.stop(), 0, 'TERM ends with 0')


def digest_races():
    """The set changes between the file and its digest."""
    with Folder() as folder, Node(Export('bad-names', 'domain-list')) as node:
        e = node.export
        e.set(names('a.example'))
        left = [2]

        def twist(h, kind, query):
            if kind == 'digest' and left[0]:
                left[0] -= 1
                e.set(names('a.example', 'n%d.example' % left[0]))
            return False
        node.twist = twist
        p = once(node, folder, 'file:' + folder('list'))
        same((p.returncode, hashlib.sha256(read(folder('list'))).hexdigest()),
             (0, hashlib.sha256(e.whole()).hexdigest()), 'a set that changes meanwhile is asked for again')


def run():
    a_file()
    not_a_file()
    commands()
    exec_target()
    exit_codes()
    two_at_once()
    digest_races()
