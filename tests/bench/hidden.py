#!/usr/bin/env python3
"""hidden.py - can what is hidden be told from what is not there by how long the answer takes?

usage: hidden.py [--samples N] [--out FILE]      (daemon from TOCSIN_RUN_NODE or TOCSIND, as the black-box tests)

Events of the administrator's organisation alone, and a user of another one. Each question is put about a hidden
thing and about one that is not there, in random order, over one kept connection. For both the slowest tenth is left
out. Told are the medians, their difference, and A: how often a hidden one took longer than an absent one (0.5 is
no difference; Vargha and Delaney), with z of the Mann-Whitney test, and the difference
where a tenth was faster, which other work on the machine moves least. An answer that differs in bytes ends it.
"""
import argparse
import math
import os
import random
import re
import socket
import statistics
import sys
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lib"))
import node as lib  # noqa: E402

EVENTS, ATTRIBUTES = 20, 100
HEAD = ("| question | hidden, us | absent, us | difference | of the fastest tenth | A | z |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n")
POLICY = ("default_tlp: amber\njurisdiction: CN\n"
          "audiences:\n  shut: {kind: export, tlp: green, class: partner, profile: full}\n")
TAXII = "/taxii2/api/collections/5a4e8c4e-7d0f-4a66-9a25-3d1c2f6b8e01/objects/"


class Line:
    """A kept connection, as lean as can be."""

    def __init__(self, port, key):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.key = key

    def ask(self, method, path, body=b""):
        """(nanoseconds, answer without what names the thing)."""
        data = (f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {self.key}\r\nUser-Agent: PyMISP\r\n"
                f"Accept: application/json, application/taxii+json\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                ).encode() + body
        t0 = time.perf_counter_ns()
        self.sock.sendall(data)
        got = self.sock.recv(65536)
        t1 = time.perf_counter_ns()
        if not got:
            sys.exit("the daemon hung up")
        head, _, rest = got.partition(b"\r\n\r\n")
        while b"chunked" in head and not rest.endswith(b"0\r\n\r\n"):
            rest += self.sock.recv(65536)
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:") and method != "HEAD":
                while len(rest) < int(line[15:]):
                    rest += self.sock.recv(65536)
        return t1 - t0, (head.split(b"\r\n")[0], rest)


def rank_test(a, b):
    """A and z of Mann-Whitney, ties halved."""
    both = sorted([(x, 0) for x in a] + [(x, 1) for x in b])
    ranks, i = 0.0, 0
    while i < len(both):
        k = i
        while k < len(both) and both[k][0] == both[i][0]:
            k += 1
        ranks += sum((i + k + 1) / 2 for j in range(i, k) if both[j][1] == 0)
        i = k
    n, m = len(a), len(b)
    u = ranks - n * (n + 1) / 2
    return u / (n * m), (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


def fill(node):
    """Hidden things: [(event id, uuid, attribute id, uuid, value, object uuid, export)]"""
    admin, out = node.client(), []
    for e in range(EVENTS):
        attrs = [{"type": "domain", "uuid": str(uuid.uuid4()), "value": f"h{e}-{i}.example"}
                 for i in range(ATTRIBUTES)]
        obj = str(uuid.uuid4())
        doc = {"uuid": str(uuid.uuid4()), "info": f"hidden {e}", "distribution": "0", "threat_level_id": "1",
               "analysis": "0", "date": "2024-01-01", "published": True, "Attribute": attrs,
               "Tag": [{"name": f"hidden:tag-{e}"}],
               "Object": [{"uuid": obj, "name": "file", "template_uuid": "688c46fb-5edb-40a3-8273-1af7923e2215",
                           "template_version": "24", "Attribute": [
                               {"type": "filename", "object_relation": "filename", "value": f"h{e}.exe"}]}]}
        got = admin.post("/events/add", {"Event": doc})
        if got.status != 200:
            sys.exit(f"events/add: {got.status} {got.text()[:300]}")
        event = got.json()["Event"]
        for a in event["Attribute"]:
            out.append((event["id"], event["uuid"], a["id"], a["uuid"], a["value"], obj, "shut"))
    got = admin.post("/tocsin/subscriptions/add", {"name": "shut", "format": "domain-list", "audience": "shut"})
    if got.status != 200:
        sys.exit(f"subscriptions/add: {got.status} {got.text()[:300]}")
    return out


def reader(node):
    admin = node.client()
    org = admin.post("/admin/organisations/add", {"name": "Other", "uuid": str(uuid.uuid4()), "local": True}).json()
    user = admin.post("/admin/users/add", {"email": "user@other.test", "org_id": org["Organisation"]["id"],
                                           "role_id": "3"}).json()
    key = admin.post("/auth_keys/add/" + user["User"]["id"], {}).json()
    return key["AuthKey"]["authkey_raw"]


PROBES = {
    "events/view by UUID": lambda t: ("GET", f"/events/view/{t[1]}", b""),
    "events/view by number": lambda t: ("GET", f"/events/view/{t[0]}", b""),
    "HEAD events/view by UUID": lambda t: ("HEAD", f"/events/view/{t[1]}", b""),
    "attributes/view by UUID": lambda t: ("GET", f"/attributes/view/{t[3]}", b""),
    "attributes/view by number": lambda t: ("GET", f"/attributes/view/{t[2]}", b""),
    "objects/view by UUID": lambda t: ("GET", f"/objects/view/{t[5]}", b""),
    "attributes/restSearch by value": lambda t: ("POST", "/attributes/restSearch",
                                                 f'{{"value":"{t[4]}"}}'.encode()),
    "events/restSearch by value": lambda t: ("POST", "/events/restSearch", f'{{"value":"{t[4]}"}}'.encode()),
    "events/restSearch by UUID": lambda t: ("POST", "/events/restSearch", f'{{"uuid":"{t[1]}"}}'.encode()),
    "values/lookup": lambda t: ("GET", f"/values/lookup/{t[4]}", b""),
    "taxii2, a report by id": lambda t: ("GET", TAXII + f"report--{t[1]}/", b""),
    "taxii2, an indicator by id": lambda t: ("GET", TAXII + f"indicator--{t[3]}/", b""),
    "exports of others": lambda t: ("GET", "/exports/" + t[6], b""),
    "sightings/add by value": lambda t: ("POST", "/sightings/add", f'{{"value":"{t[4]}"}}'.encode()),
}


def absent(hidden):
    """What nobody has: as many, of the same lengths, alike in what they share (a processor learns)."""
    new, out = {}, []
    for t in hidden:
        for k in (0, 1, 5):
            new.setdefault(t[k], str(int(t[k]) + 9 * 10 ** len(t[k])) if k == 0 else str(uuid.uuid4()))
        out.append((new[t[0]], new[t[1]], str(90000 + int(t[2])), str(uuid.uuid4()), "a" + t[4][1:], new[t[5]],
                    "shot"))
    return out


def neutral(answer, thing):
    status, body = answer
    for word in sorted(thing, key=len, reverse=True):
        body = re.sub(rb"(?<![0-9A-Za-z])" + re.escape(word.encode()) + rb"(?![0-9A-Za-z])", b"#", body)
    return status, body


def probe(line, make, hidden, samples):
    times = ([], [])
    missing = absent(hidden)
    for n in range(samples + 50):
        pair = [(0, random.choice(hidden)), (1, random.choice(missing))]
        random.shuffle(pair)
        answers = {}
        for which, thing in pair:
            ns, answer = line.ask(*make(thing))
            answers[which] = neutral(answer, thing)
            if n >= 50:  # the first ones warm up
                times[which].append(ns)
        if answers[0] != answers[1]:
            sys.exit(f"answers differ: {answers}")
    return [sorted(t)[:len(t) * 9 // 10] for t in times]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--samples", type=int, default=3000)
    p.add_argument("--out")
    o = p.parse_args()
    rows = []
    node = lib.Node()
    policy = node.folder + "-policy.yaml"
    with open(policy, "w", encoding="utf-8") as f:
        f.write(POLICY)
    node.extra += ["--policy", policy]
    with node:
        key, hidden = reader(node), fill(node)
        for name, make in PROBES.items():
            line = Line(node.port, key)  # anew: a connection takes so many requests
            h, a = probe(line, make, hidden, o.samples)
            effect, z = rank_test(h, a)
            rows.append(f"| {name} | {statistics.median(h) / 1000:.1f} | {statistics.median(a) / 1000:.1f} | "
                        f"{(statistics.median(h) - statistics.median(a)) / 1000:+.1f} | "
                        f"{(h[len(h) // 10] - a[len(a) // 10]) / 1000:+.2f} | {effect:.3f} | {z:+.1f} |")
            print(rows[-1], flush=True)
    if o.out:
        with open(o.out, "w", encoding="utf-8") as f:
            f.write(HEAD)
            f.write("\n".join(rows) + "\n")


main()
