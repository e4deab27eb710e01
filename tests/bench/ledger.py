"""What the ledger costs: the same answers of one node, for an operator (not recorded) and for a peer."""
import json
import os
import subprocess
import time

import links
import measure
from sync import cpu_s, row, settle

RUNS = 5
AT_ONCE = 5000  # UUIDs in a request


def ask(node, key, path, bodies):
    """All requests in turn: (wall s, CPU s of the node, bytes)."""
    c = node.client(key, timeout=600)
    cpu, t0, size = cpu_s(node), time.monotonic(), 0
    for b in bodies:
        ans = c.post(path, b)
        if ans.status != 200:
            raise RuntimeError("%s: %d %s" % (path, ans.status, ans.text()[:200]))
        size += len(ans.body)
    return time.monotonic() - t0, cpu_s(node) - cpu, size


def median(v, at):
    return sorted(x[at] for x in v)[len(v) // 2]


def compare(node, peer, what, path, bodies):
    """Operator and peer by turns. The first answer to the peer names everything for the first time."""
    ask(node, node.key, path, bodies)  # warm
    first = ask(node, peer, path, bodies)
    without, with_it = [], []
    for _ in range(RUNS):
        without.append(ask(node, node.key, path, bodies))
        with_it.append(ask(node, peer, path, bodies))
    a, b = ([median(v, k) for k in (0, 1)] for v in (without, with_it))
    note = ("CPU %.0f ms with, %.0f ms without; %.0f ms wall with, %.0f ms without; first time %.0f ms CPU, "
            "%.0f ms wall; %.1f MB; medians of %d" % (b[1] * 1e3, a[1] * 1e3, b[0] * 1e3, a[0] * 1e3,
                                                       first[1] * 1e3, first[0] * 1e3,
                                                       with_it[0][2] / 1e6, RUNS))
    return row(what + ": what the ledger adds to the wall time", (b[0] / a[0] - 1) * 100, "%", None,
               note=note)


def ledger(b):
    n = b.count(10000)
    node = links.make(os.path.join(b.tmp, "ledger"), "a", ready_s=600)
    node.start()
    try:
        measure.tool(b.load(node, node.key, "-c", 32, "-t", 3600, "-n", n, "-s", 7, "-a", 5, "-f", 0,
                            "events"))
        settle(node)
        admin = node.client()
        links.ok(admin.post("/admin/organisations/add", {"name": "CERT B", "local": True}))
        org = [o["Organisation"]["id"] for o in admin.get("/organisations/index/scope:all").json()
               if o["Organisation"]["name"] == "CERT B"][0]
        made = admin.post("/admin/users/add", {"email": "sync@b.test", "org_id": org, "role_id": "5"})
        key = admin.post("/auth_keys/add", {"user_id": made.json()["User"]["id"]})
        key = key.json()["AuthKey"]["authkey_raw"]
        rows = admin.post("/events/index", {"minimal": 1}).json()
        uuids = [e["uuid"] for e in rows]
        out = [compare(node, key, "pull of %d events" % len(uuids), "/tocsin/events",
                       [{"uuid": uuids[i:i + AT_ONCE]} for i in range(0, len(uuids), AT_ONCE)]),
               compare(node, key, "minimal index of %d events" % len(uuids), "/events/index",
                       [{"minimal": 1}])]
        tool = os.path.join(b.build, "tocsin")
        env = dict(os.environ, TOCSIN_CONFIG=os.path.join(node.folder, "tocsin.yaml"))
        rep = json.loads(subprocess.run([tool, "ledger", "verify", "--json"], env=env,
                                        capture_output=True, check=True).stdout)
        out.append(row("leaves after that", rep["leaves"], "leaves", None,
                       note="%d things named; intact: %s" % (rep["named"], rep["intact"])))
    finally:
        node.stop(600)
    return out


WORKLOADS = {"ledger": ledger}
