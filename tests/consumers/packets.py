"""packets.py - nftables and ipset hold what is listed, in a network of the test's own; packets are dropped there."""
import sys

from machine import Absent, need, same
from published import Consumer


def nftables(hub, root):
    m = Consumer(hub, root, "sensors/nftables.md")
    need("nft")
    m.wrap("nft", before=m.network())
    if m.sh("nft list ruleset").returncode:
        m.end()
        raise Absent("nft is not permitted")
    m.at_node(m.page)

    def has(address, name="blocked4"):
        return m.sh("nft get element inet tocsin %s '{ %s }'" % (name, address)).returncode == 0

    try:
        m.fetch()
        m.write("/etc/nftables.conf", m.put(m.page.of("nft")[0]))
        m.run("nft -c -f /etc/nftables.conf", "nftables.md: nft -c")
        m.run("nft -f /etc/nftables.conf", "nftables.md: its rules")
        same([has(a) for a in ("198.51.100.7", "203.0.113.77", "198.51.100.66", "198.51.100.77")] + [has("2001:db8:7::1", "blocked6")], [True, True, False, False, True],
             "nftables.md: the sets hold what is listed, not tlp:red and PAP:RED")
        inside = " ".join(m.network())
        m.sh(inside + " ip route add local 198.51.100.0/24 dev lo")
        sent = 'import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("%s", 9))'
        said = [m.sh("%s '%s' -c '%s'" % (inside, sys.executable, sent % a)).returncode for a in ("198.51.100.7", "198.51.100.1")]
        if said[1] == 0:  # there is ip, and a route
            same(said, [1, 0], "nftables.md: a packet to what is listed is dropped, another one is not")
        m.turns("nftables", "address", lambda: has("198.51.100.99"))
        m.followed(m.page.follows()[0], "address", lambda: has("198.51.100.99"))
    finally:
        m.end()


def ipset(hub, root):
    m = Consumer(hub, root, "sensors/ipset.md")
    need("ipset")
    m.wrap("ipset", before=m.network())
    if m.sh("ipset create x hash:net && ipset destroy x").returncode:
        m.end()
        raise Absent("the kernel has no ipset, or it is not permitted")
    m.at_node(m.page)

    def has(address, name="tocsin4"):
        return m.sh("ipset test %s %s" % (name, address)).returncode == 0

    try:
        m.fetch()
        same([has(a) for a in ("198.51.100.7", "203.0.113.77", "198.51.100.66", "198.51.100.77")] + [has("2001:db8:7::1", "tocsin6")], [True, True, False, False, True],
             "ipset.md: the sets hold what is listed, not tlp:red and PAP:RED")
        m.turns("ipset", "address", lambda: has("198.51.100.99"))
        m.followed(m.page.follows()[0], "address", lambda: has("198.51.100.99"))
    finally:
        m.end()
