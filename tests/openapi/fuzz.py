#!/usr/bin/env python3
"""schemathesis on a node with a small world in it: no server error, nothing undeclared.

usage: fuzz.py [--seconds N] [--seed N]     exit: 0 fine, 1 not, 77 no schemathesis here

As an administrator without the calls that would shut himself out, as a plain user with all calls,
and as nobody. The seed is printed; FUZZ_SEED or --seed repeats a run.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import node as nodelib  # noqa: E402

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# What ends the administrator's own access, or the node's other rows of the run.
SHUTS_OUT = (r"^/(admin/)?(users/(edit|delete|resetauthkey)|roles/(edit|delete)|organisations/(edit|delete))"
             r"|^/auth_keys/(edit|delete)|^/users/change_pw|^/servers/serverSettingsEdit")
# 502 and 504 are the other side's, 503 and 507 pass; 500 and 501 are ours.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 502, 503, 504, 507]
"""


def world(node):
    """Something of each kind, and the identifiers to ask for."""
    admin = node.client()
    org = admin.post("/admin/organisations/add", {"name": "Fuzz", "local": True}).json()["Organisation"]
    user = admin.post("/admin/users/add", {"email": "fuzz@fuzz.example", "org_id": org["id"], "role_id": "3",
                                           "password": "Lantern-3-keel-Harbour"}).json()["User"]
    plain = node.client(user["authkey"])
    ids, events = {"1", "2"}, []
    for n in range(3):
        e = plain.post("/events/add", {
            "info": "event %d" % n, "distribution": "1", "Tag": [{"name": "tlp:clear"}],
            "Attribute": [{"type": "domain", "value": "host%d.example" % n, "category": "Network activity"},
                          {"type": "ip-dst", "value": "192.0.2.%d" % n}],
            "Object": [{"name": "file", "meta-category": "file", "template_version": "24",
                        "template_uuid": "688c46fb-5edb-40a3-8273-1af7923e2215",
                        "Attribute": [{"type": "filename", "object_relation": "filename", "value": "a.exe"}]}],
            "EventReport": [{"name": "report", "content": "text"}]}).json()["Event"]
        events += [e["id"], e["uuid"]]
        for part in e["Attribute"] + e["Object"] + e["EventReport"]:
            ids |= {part["id"], part["uuid"]}
        plain.post("/sightings/add/" + e["Attribute"][0]["id"], {"type": "0"})
        plain.post("/shadow_attributes/add/" + e["id"], {"type": "text", "value": "proposed %d" % n})
        plain.post("/analyst_data/add/Note/%s/Event" % e["uuid"], {"note": "a note"})
    admin.post("/sharing_groups/add", {"name": "group", "releasability": "us"})
    admin.post("/feeds/add", {"Feed": {"name": "feed", "provider": "us", "url": "https://feed.invalid/",
                                       "source_format": "misp"}})
    admin.post("/eventBlocklists/add", {"uuids": ["71ac01c2-5bd2-4c6e-9f10-000000000450"]})
    admin.post("/warninglists/add", {"name": "list", "type": "string", "entries": "a.example",
                                     "matching_attributes": ["domain"]})
    pool = {"id": sorted(ids) + events, "event": events, "type": ["Note", "Opinion", "Relationship", "Event"],
            "object_type": ["Event", "Attribute", "Object"], "user": ["me", "1", "2"],
            "uuid": events[1::2], "object_uuid": events[1::2], "context": ["event", "attribute", "all"]}
    return user["authkey"], pool


def run(name, node, key, seconds, seed, folder, *more):
    """One run of schemathesis; True when it found nothing."""
    argv = [os.path.join(os.path.dirname(sys.executable), "schemathesis"),
            "--config-file", os.path.join(folder, "config.toml"),
            "run", node.url + "/openapi.json", "--checks", CHECKS, "--phases", "fuzzing",
            "--max-time", str(seconds), "--max-examples", "8", "--seed", str(seed), "--workers", "2",
            "--request-timeout", "30", "--max-redirects", "0", "--warnings", "off", "--no-shrink",
            "--continue-on-failure", "--generation-database", "none", "--no-color",
            "--suppress-health-check", "all"] + list(more)
    if key:
        argv += ["-H", "Authorization: " + key]
    env = dict(os.environ, SCHEMATHESIS_HOOKS="hooks", PYTHONPATH=HERE, TOCSIN_FUZZ_SEED=str(seed),
               TOCSIN_FUZZ_IDS=os.path.join(folder, "ids.json"))
    t0 = time.monotonic()
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=folder, text=True)
    cases = [x.strip() for x in p.stdout.splitlines() if "generated" in x]
    print("%s - %s: %s, %.0f s" % ("ok" if p.returncode == 0 else "not ok", name,
                                   cases[-1] if cases else "no cases", time.monotonic() - t0))
    if p.returncode:
        print(p.stdout[-12000:])
    return p.returncode == 0


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seconds", type=int, default=75, help="for all runs together")
    p.add_argument("--seed", type=int, default=int(os.environ.get("FUZZ_SEED", "0")) or int(time.time()) % 1000000)
    args = p.parse_args()
    if subprocess.run([sys.executable, "-c", "import schemathesis"], stderr=subprocess.DEVNULL).returncode:
        nodelib.skip("no schemathesis for Python (contrib/check installs it)")
    print("# seed %d" % args.seed, flush=True)
    fine = True
    with tempfile.TemporaryDirectory(prefix="tocsin-fuzz-") as folder, nodelib.Node() as node:
        key, ids = world(node)
        for name, text in (("ids.json", json.dumps(ids)), ("config.toml", CONFIG)):
            with open(os.path.join(folder, name), "w") as f:
                f.write(text)
        part = args.seconds // 10
        fine &= run("nobody", node, None, 2 * part, args.seed, folder, "--max-examples", "1")
        fine &= run("plain user", node, key, 3 * part, args.seed + 1, folder)
        fine &= run("administrator", node, node.key, 5 * part, args.seed + 2, folder,
                    "--exclude-path-regex", SHUTS_OUT)
        alive = node.alive() and node.client().get("/users/view/me").status == 200
        print("%s - the node lives, and the administrator still has access" % ("ok" if alive else "not ok"))
        bad = [x for x in node.log_tail(1 << 20).splitlines()
               if "level=error" in x or "runtime error" in x or "AddressSanitizer" in x]
        for x in sorted(set(bad))[:20]:
            print("# log: " + x[:300])
        fine &= alive
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
