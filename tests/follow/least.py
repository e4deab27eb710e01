#!/usr/bin/env python3
"""least.py - in a network namespace of its own (unshare -n): the follower as a user who has no capability but
CAP_NET_ADMIN and cannot gain any, as systemd starts it, fills the kernel's sets."""
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import Export, Folder, Node, command, environment, finish, ok, same, skip  # noqa: E402

NOBODY = 65534
SBIN = '/usr/sbin:/sbin:/usr/bin:/bin'


def loopback_up():
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack('16sh', b'lo', 1))  # SIOCSIFFLAGS, IFF_UP


def run():
    if not shutil.which('setpriv'):
        return skip('a user with CAP_NET_ADMIN alone', 'no setpriv')
    loopback_up()
    for target, format, show in (('nft', 'nftables', ['nft', 'list', 'ruleset']),
                                 ('ipset', 'ipset', ['ipset', 'save'])):
        if not shutil.which(target, path=SBIN):
            continue
        with Folder() as folder, Node(Export('bad-ips', format)) as node:
            node.export.set([('ip', '192.0.2.1')])
            os.mkdir(folder('state'))
            os.chown(folder('state'), NOBODY, NOBODY)
            os.chmod(folder.path, 0o755)
            drop = ['setpriv', '--reuid', str(NOBODY), '--regid', str(NOBODY), '--clear-groups', '--no-new-privs',
                    '--bounding-set', '-all,+net_admin', '--inh-caps', '-all,+net_admin', '--ambient-caps', '-all,+net_admin']
            words = command(node, folder, target, '--once', state='state/x')
            env = environment(PATH=SBIN, ASAN_OPTIONS='detect_leaks=0')
            p = subprocess.run(drop + words, capture_output=True, env=env)
            if b'setpriv' in p.stderr:
                skip('%s by a user with CAP_NET_ADMIN alone' % target, p.stderr.decode()[:80])
                continue
            got = subprocess.run(show, capture_output=True, env=env).stdout
            ok(p.returncode == 0 and b'192.0.2.1' in got, '%s by a user with CAP_NET_ADMIN alone' % target,
               (p.stderr, got))
            without = [w.replace('+net_admin', '-net_admin') for w in drop]
            p = subprocess.run(without + words + ['--whole'], capture_output=True, env=env)
            same(p.returncode, 1, '%s without it is told' % target)
    return None


if __name__ == '__main__':
    run()
    finish()
