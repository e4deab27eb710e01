#!/usr/bin/env python3
"""Transfers of a large policy zone from a node, beside knotd with the same zone, in one run.

usage: zones.py --build DIR [--names N]     (an optimised build; N domains are 2 N records)
A reader that looks at heads of messages only takes the whole zone (AXFR) and 100 changes (IXFR) from each, in turn.
Then knotd as a secondary of the node: from the node's new serial to the secondary's.
"""
import argparse
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "dns"), os.path.join(HERE, "..", "lib")]
ZONE = "bench.test."


def question(kind, serial=None):
    name = b"".join(bytes([len(x)]) + x.encode() for x in ZONE.rstrip(".").split(".")) + b"\0"
    soa = b"" if serial is None else (b"\xc0\x0c" + struct.pack(">HHIH", 6, 1, 0, 22) + b"\0\0" +
                                      struct.pack(">IIIII", serial, 0, 0, 0, 0))
    body = struct.pack(">HHHHHH", 4242, 0, 1, 0, 1 if soa else 0, 0) + name + struct.pack(">HH", kind, 1) + soa
    return struct.pack(">H", len(body)) + body


def take(port, kind, serial, records):
    """Seconds until so many records have come, and their bytes."""
    buf = bytearray(1 << 20)
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 60) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(question(kind, serial))
        have = got = total = 0
        first = None
        while got < records:
            n = s.recv_into(memoryview(buf)[have:])
            assert n, "broke off at %d records" % got
            first = first or time.monotonic() - begun
            total, have, at = total + n, have + n, 0
            while have - at >= 2:
                size = buf[at] << 8 | buf[at + 1]
                if have - at - 2 < size:
                    break
                assert buf[at + 5] & 15 == 0, "rcode %d" % (buf[at + 5] & 15)
                got += buf[at + 8] << 8 | buf[at + 9]
                at += 2 + size
            buf[:have - at] = buf[at:have]
            have -= at
    return time.monotonic() - begun, total


def serial_of(port):
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        try:
            s.connect(("127.0.0.1", port))
            s.send(question(6)[2:])
            m = s.recv(4096)
        except OSError:
            return None
    return struct.unpack(">I", m[-20:-16])[0] if m[3] & 15 == 0 and len(m) > 40 else None


def until(fn, seconds=300, step=0.001):
    end = time.monotonic() + seconds
    while True:
        got = fn()
        if got:
            return got
        assert time.monotonic() < end, "not within %d s" % seconds
        time.sleep(step)


def knotd(folder, name, port, zone, notify=None, master=None):
    home = os.path.join(folder.path, name)
    text = "server:\n  listen: 127.0.0.1@%d\n  rundir: %s\nlog:\n  - target: stderr\n    any: warning\n" % (port, home)
    text += "database:\n  storage: %s\nacl:\n  - id: all\n    address: 127.0.0.1\n    action: [transfer, notify]\n" % home
    if master:
        text += "remote:\n  - id: m\n    address: 127.0.0.1@%d\n" % master
    text += "template:\n  - id: default\n    storage: %s\n    semantic-checks: off\nzone:\n  - domain: %s\n" % (home, ZONE)
    text += "    acl: all\n    zonefile-sync: -1\n    journal-content: all\n    journal-max-depth: 100\n"
    text += "    master: m\n    zonefile-load: none\n" if master else "    file: %s\n    zonefile-load: difference\n" % zone
    conf = folder.write(name + "/knot.conf", text)
    return lib.Daemon(folder, name, [shutil.which("knotd") or "/usr/sbin/knotd", "-c", conf]), conf


def event(values):
    import uuid
    return {"Event": {"uuid": str(uuid.uuid4()), "info": "zone", "distribution": "3", "published": True, "date": "2026-01-01",
                      "threat_level_id": "2", "analysis": "2", "Attribute": [
                          {"type": "domain", "category": "Network activity", "to_ids": True, "value": v} for v in values]}}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--names", type=int, default=500000)
    p.add_argument("--rounds", type=int, default=5)
    a = p.parse_args()
    build = os.path.abspath(a.build)
    os.environ["TOCSIND"] = os.path.join(build, "tocsind")
    os.environ["top_builddir"] = build
    global lib, Node
    import lib
    from daemon_lib import Node
    port, k_port, s_port = lib.free_port(), lib.free_port(), lib.free_port()
    with lib.Folder() as folder, Node(folder, listen=["127.0.0.1:%d" % port], zones=[
            "%s from=rpz open=127.0.0.1 notify=127.0.0.1:%d" % (ZONE, s_port)]) as n:
        n.port = port
        source = os.path.join(folder.path, "in")
        os.mkdir(source)
        for i in range(0, a.names, 10000):
            with open(os.path.join(source, "%d.json" % i), "w") as f:
                json.dump(event("h%d.%d.zone-of-names.example" % (k, k % 997) for k in range(i, min(i + 10000, a.names))), f)
        files = [os.path.join(source, x) for x in sorted(os.listdir(source))]
        subprocess.run([os.path.join(build, "tocsin"), "-c", n.node.folder + "/tocsin.yaml", "-q", "import"] + files, check=True)
        begun = time.monotonic()
        n.subscribe(options={"zone": "bench.test"})
        until(lambda: n.admin.get("/tocsin/subscriptions/view/rpz").json().get("Subscription", {}).get("state") == "ready" or
              n.admin.get("/tocsin/subscriptions/view/rpz").json().get("state") == "ready", 600, 0.2)
        print("set of %d names filled in %.1f s" % (a.names, time.monotonic() - begun))
        old, text = n.export()
        zone = folder.write("knot/zone", "$ORIGIN %s\n" % ZONE + text)
        records = 2 * a.names + 3
        daemon, conf = knotd(folder, "knot", k_port, zone)
        with daemon:
            until(lambda: serial_of(k_port) == old & 0xffffffff)
            times = {"tocsin": [], "knotd": []}
            for _ in range(a.rounds):
                for name, at in (("tocsin", port), ("knotd", k_port)):
                    # knotd counts the SOA twice and one NS, as the node does
                    times[name].append(take(at, 252, None, records))
            for name, t in times.items():
                best = min(x[0] for x in t)
                print("AXFR of %d records from %s: best %.2f s, median %.2f s, %.1f MB, %.0f k records/s" % (
                    records, name, best, statistics.median(x[0] for x in t), t[0][1] / 1e6, records / best / 1e3))
            n.event(event("new%d.other.example" % i for i in range(50))["Event"]["Attribute"])
            until(lambda: serial_of(port) != old & 0xffffffff)
            new, text = n.export()
            folder.write("knot/zone", "$ORIGIN %s\n" % ZONE + text)
            knotc = shutil.which("knotc") or "/usr/sbin/knotc"
            subprocess.run([knotc, "-c", conf, "zone-reload", ZONE], check=True, stdout=subprocess.DEVNULL)
            until(lambda: serial_of(k_port) == new & 0xffffffff)
            times = {"tocsin": [], "knotd": []}
            for _ in range(20):
                for name, at in (("tocsin", port), ("knotd", k_port)):
                    times[name].append(take(at, 251, old & 0xffffffff, 104))
            for name, t in times.items():
                print("IXFR of 100 records from %s: best %.2f ms, median %.2f ms, %d bytes" % (
                    name, min(x[0] for x in t) * 1e3, statistics.median(x[0] for x in t) * 1e3, t[0][1]))
        daemon, _ = knotd(folder, "second", s_port, None, master=port)
        with daemon:
            until(lambda: serial_of(s_port) == serial_of(port))
            late = []
            for i in range(10):
                was = serial_of(port)
                n.event(event(["late%d.other.example" % i])["Event"]["Attribute"])
                until(lambda: serial_of(port) != was)
                begun, now = time.monotonic(), serial_of(port)
                until(lambda: serial_of(s_port) == now)
                late.append(time.monotonic() - begun)
            print("a secondary (knotd, NOTIFY and IXFR) has the change after the node: best %.1f ms, median %.1f ms" % (
                min(late) * 1e3, statistics.median(late) * 1e3))


if __name__ == "__main__":
    sys.exit(main())
