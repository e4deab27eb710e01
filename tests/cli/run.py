#!/usr/bin/env python3
"""Every command of the tool against a node: exit codes, --json, tables, colour, damage."""
import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import node as nodes  # noqa: E402
import peers  # noqa: E402
import tool  # noqa: E402
from tool import Tool, check, commands, finish, is_equal  # noqa: E402

SAMPLE = os.path.join(nodes.TOP, "contrib", "sample-feed")
UUID = "5d3f6a10-77aa-4a5e-9c1e-0000000000%02x"


def event(n, info, values, **more):
    e = {"uuid": UUID % n, "info": info, "date": "2026-01-02", "published": True, "distribution": "3",
         "Attribute": [{"type": "domain", "category": "Network activity", "value": v, "to_ids": True}
                       for v in values]}
    e.update(more)
    return {"Event": e}


def usage():
    t = Tool()
    t.want(2)
    t.want(2, "nonsense")
    t.want(2, "import")
    t.want(2, "search", "--no-such-option")
    t.want(2, "search", "--color", "mauve")
    t.want(0, "help")
    t.want(0, "--version")
    for name in commands():
        d = t.want(0, "help", *name)
        check("Usage: tocsin " + " ".join(name) in d.out, "help of " + " ".join(name), d)
    Tool.used.clear()


def unreachable():
    with tempfile.TemporaryDirectory() as d:
        conf = os.path.join(d, "tocsin.yaml")
        with open(conf, "w") as f:
            f.write("data_dir: '%s'\n" % d)
        t = Tool(env={"TOCSIN_CONFIG": conf})
        t.want(3, "status")
        j = t.json(3, "status")
        check(j and j["exit"] == 3 and j["error"], "an error in JSON", j)
        t.want(3, "status", "--url", "http://127.0.0.1:1", "--key", "x")
        t.want(2, "status", "-c", os.path.join(d, "missing.yaml"))


def init_and_damage():
    """A store made by the tool, without run-node; then broken."""
    with tempfile.TemporaryDirectory() as d:
        conf = os.path.join(d, "tocsin.yaml")
        with open(conf, "w") as f:
            f.write("data_dir: '%s/data'\n" % d)
        t = Tool(env={"TOCSIN_CONFIG": conf})
        j = t.json(0, "init", "--email", "first@example.org")
        check(j and len(j["key"]) == 40 and j["administrator"] == "first@example.org", "init", j)
        t.want(1, "init")
        t.want(0, "check")
        t.want(0, "backup", os.path.join(d, "copy"))
        t.want(0, "compact")
        t.want(1, "restore", os.path.join(d, "copy"))
        with open(os.path.join(d, "new.yaml"), "w") as f:
            f.write("data_dir: '%s/other'\n" % d)
        os.makedirs(os.path.join(d, "other"), mode=0o700)
        t.want(0, "restore", os.path.join(d, "copy"), "-c", os.path.join(d, "new.yaml"))
        t.want(0, "check", "-c", os.path.join(d, "new.yaml"))
        files = glob.glob(os.path.join(d, "data", "store", "*.mdb"))
        data = [f for f in files if "lock" not in os.path.basename(f)]
        if check(len(data) == 1, "one store file", files):
            with open(data[0], "r+b") as f:
                f.write(b"\xa5" * os.path.getsize(data[0]))
            t.want(4, "check")
            is_equal(t.json(4, "check")["exit"], 4, "damage in JSON")


def import_and_look(n, t):
    d = t.want(0, "import", SAMPLE)
    check(d.out.startswith("8 events added"), "the sample feed", d)
    j = t.json(0, "import", SAMPLE)
    is_equal((j["added"], j["unchanged"], j["files"]), (0, 8, 8), "again: nothing new")
    two = json.dumps(event(1, "one", ["one.example"])) + "\n" + json.dumps(event(2, "two", ["two.example"]))
    j = t.json(0, "import", "-", stdin=two.encode())
    is_equal((j["added"], j["elements"]), (2, 2), "two events from standard input")
    broken = json.dumps(event(3, "three", ["three.example"]))
    j = t.json(1, "import", "-", stdin=(broken + "\n" + broken[:-20]).encode())
    is_equal((j["added"], len(j["problems"])), (1, 1), "the good one before a broken one")
    is_equal(j["problems"][0]["line"], 2, "the place of the fault")
    t.want(1, "import", os.path.join(n.folder, "missing.json"))
    path = os.path.join(os.path.dirname(n.folder), "four.json.gz")
    subprocess.run(["gzip", "-c"], input=json.dumps(event(4, "four", ["four.example"])).encode(),
                   stdout=open(path, "wb"), check=True)
    is_equal(t.json(0, "import", path)["added"], 1, "a gzip file")
    j = t.json(0, "status")
    is_equal((j["ready"], j["store"]["events"]), (True, 12), "status")
    check("12" in t.want(0, "status").out, "status for people")


def search_and_export(n, t):
    j = t.json(0, "search", "two.example")
    is_equal([a["value"] for a in j["response"]["Attribute"]], ["two.example"], "search for a value")
    d = t.want(0, "search", "type=domain", "limit=3")
    is_equal([len(x.split("\t")) for x in d.out.splitlines()], [8, 8, 8], "lines with tabs")
    j = t.json(0, "search", "--events", "tags=tlp:clear")
    is_equal(len(j["response"]), 8, "events of a tag")
    is_equal(t.json(0, "search", "nobody.example")["response"]["Attribute"], [], "nothing found")
    t.want(2, "search", "one", "two")
    t.want(0, "search", "save", "domains", "type=domain", "limit=3")
    is_equal([s["SavedSearch"]["name"] for s in t.json(0, "search", "list")], ["domains"], "a saved search")
    is_equal(len(t.json(0, "search", "run", "domains", "limit=1")["response"]["Attribute"]), 1, "run, but for one")
    t.want(0, "search", "delete", "domains")
    is_equal(t.json(0, "search", "list"), [], "and deleted")
    t.want(1, "search", "run", "domains")
    is_equal(t.json(0, "lookup", "nobody.example")[0]["found"], False, "an unknown value")
    j = t.json(1, "lookup", "one.example", "nobody.example", 'quoted "value"')
    is_equal([x["found"] for x in j], [True, False, False], "look-ups in order")
    d = t.want(1, "lookup", "--hits", stdin=b"one.example\n\nnobody.example\ntwo.example\n")
    is_equal([x.split("\t")[1] for x in d.out.splitlines()], ["one.example", "two.example"],
             "only what is known, from standard input")
    is_equal(t.json(0, "lookup", stdin=b""), [], "no value at all")
    many = b"".join(b"v%d.example\n" % i for i in range(60000)) + b"one.example\n"
    j = t.json(1, "lookup", "--hits", stdin=many)
    is_equal([x["value"] for x in j], ["one.example"], "60,001 values in batches")
    d = t.want(0, "export", "text", "type=domain", "eventid=" + UUID % 1)
    is_equal(d.out.split(), ["one.example"], "text export")
    check("alert dns" in t.want(0, "export", "suricata", "to_ids=1").out, "suricata export")
    formats = t.json(0, "export", "--list")
    names = [f["name"] for f in formats]
    check(len(names) > 30 and len(set(names)) == len(names), "formats are listed, each once", names)
    is_equal(t.want(0, "-q", "export", "--list").out.split(), names, "their names alone, for completion")
    for f in formats:
        check(f["doc"] and f["drops"] and f["scopes"], "%s says what it is and drops" % f["name"], f)
        check(f["all_types"] or f["types"], "%s carries something" % f["name"], f)
        t.want(0, "export", f["name"], "limit=5")
    check("domain|ip" in t.want(0, "export", "--list", "rpz").out, "all about one format")
    t.want(1, "export", "--list", "no-such-format")
    out = os.path.join(os.path.dirname(n.folder), "out.json")
    j = t.json(0, "export", "json", "-o", out)
    with open(out, encoding="utf-8") as f:
        is_equal(len(json.load(f)["response"]), 12, "json export to a file")
    is_equal(j["bytes"], os.path.getsize(out), "its size")
    check(not os.path.exists(out + ".new"), "no file left over")
    fifo = out + ".fifo"
    os.mkfifo(fifo)
    reader = subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE)
    t.want(0, "export", "text", "type=domain", "eventid=" + UUID % 1, "-o", fifo)
    is_equal(reader.communicate(timeout=60)[0].split(), [b"one.example"], "a pipe stays a pipe")
    d = t.run("export", "no-such-format", "-o", out + "2")
    check(d.code != 0 and not os.path.exists(out + "2"), "an unknown format makes no file", d)
    t.want(2, "export", "csv", "--scope", "planets")
    j = t.json(0, "event", "show", UUID % 1)
    is_equal(j["Event"]["info"], "one", "event show")
    check("one.example" in t.want(0, "event", "show", j["Event"]["id"]).out, "event show for people")
    j = t.json(1, "event", "show", UUID % 99)
    is_equal(j["exit"], 1, "no such event")


def terminal(n, t):
    """Tables and colour; text of others cannot drive the terminal."""
    evil = event(5, "evil \x1b[31mred\x07 \u202eturned", ["esc.example"])
    t.json(0, "import", "-", stdin=json.dumps(evil).encode())
    d = t.terminal("search", "esc.example")
    check("\x1b[1m" in d.out and "EVENT" in d.out, "heading and colour on a terminal", repr(d.out))
    check("\x1b[31m" not in d.out and "\x07" not in d.out and "\u202e" not in d.out,
          "control characters are shown, not obeyed", repr(d.out))
    d = t.terminal("search", "esc.example", env={"NO_COLOR": "1"})
    check("\x1b[" not in d.out and "EVENT" in d.out, "NO_COLOR", repr(d.out))
    d = t.terminal("search", "esc.example", "--color", "never")
    check("\x1b[" not in d.out, "--color never", repr(d.out))
    d = t.want(0, "event", "show", UUID % 5, "--color", "always")
    check("\x1b[1m" in d.out, "--color always in a pipe", repr(d.out))
    big = os.path.join(os.path.dirname(n.folder), "big.json")
    with open(big, "w", encoding="utf-8") as f:
        json.dump(event(6, "big", ["b%d.example" % i for i in range(20000)]), f)
    d = t.terminal("import", big)
    check("import [" in d.out and d.code == 0, "progress on a terminal", repr(d.out[-500:]))
    d = t.terminal("import", big, "--quiet")
    check("import [" not in d.out, "no progress with --quiet", repr(d.out))


def accounts(n, t):
    j = t.json(0, "org", "add", "Gannet CERT", "--uuid", UUID % 0x20)
    is_equal(j["Organisation"]["uuid"], UUID % 0x20, "org add")
    check("Gannet CERT" in t.want(0, "org", "list").out, "org list")
    t.json(0, "org", "list")
    j = t.json(0, "user", "add", "diver@gannet.example", "--org", "gannet cert", "--role", "Sync user")
    key = j["User"]["authkey"]
    is_equal((j["User"]["role_id"], len(key)), ("5", 40), "user add")
    is_equal(n.client(key).get("/users/view/me").json()["User"]["email"], "diver@gannet.example",
             "the key works")
    check("diver@gannet.example" in t.want(0, "user", "list").out, "user list")
    t.json(0, "user", "list")
    t.want(1, "user", "add", "x@gannet.example", "--org", "no such organisation")
    bound_user(n, t)
    j = t.json(0, "key", "add", "diver@gannet.example", "--comment", "second", "--read-only")
    second = j["AuthKey"]["authkey_raw"]
    is_equal(n.client(second).get("/users/view/me").status, 200, "the second key works")
    check("second" in t.want(0, "key", "list").out, "key list")
    t.json(0, "key", "list")
    t.want(0, "key", "remove", j["AuthKey"]["id"])
    is_equal(n.client(second).get("/users/view/me").status, 403, "a removed key is dead")
    t.want(1, "key", "remove", "99999")
    # over TCP with the key: a user is no administrator
    u = Tool(env={"TOCSIN_URL": n.url, "TOCSIN_KEY": key})
    u.want(0, "search", "one.example")
    u.want(1, "status")
    t.want(0, "user", "password", "diver@gannet.example", stdin=b"Correct Horse 7 Battery\n")
    check(t.json(0, "user", "totp", "diver@gannet.example")["Totp"]["confirmed"], "user totp")
    t.want(0, "user", "totp", "diver@gannet.example", "--remove")
    is_equal(t.json(0, "user", "sessions", "diver@gannet.example"), [], "user sessions")
    t.want(0, "user", "remove", "diver@gannet.example")
    is_equal(n.client(key).get("/users/view/me").status, 403, "a removed user is out")
    t.want(0, "org", "remove", "Gannet CERT")
    t.want(1, "org", "remove", "Gannet CERT")


def bound_user(n, t):
    """A user that stands for a peer, and createSync handed to import."""
    key = n.client(t.json(0, "key", "add", "diver@gannet.example")["AuthKey"]["authkey_raw"])
    sync = key.get("/servers/createSync").json()
    is_equal(sync["Server"]["authkey"], key.key, "createSync hands out the caller's own key")
    peer = n.client().post("/servers/import", sync).json()["Server"]
    is_equal((peer["push"], peer["pull"], peer["pull_rules"]), (False, False, "[]"), "import")
    t.want(1, "user", "edit", "diver@gannet.example", "--peer", "no such peer")
    t.want(2, "user", "edit", "diver@gannet.example")
    t.want(2, "user", "edit", "diver@gannet.example", "--disabled", "perhaps")
    t.json(0, "user", "edit", "diver@gannet.example", "--peer", peer["name"])
    rows = n.client().get("/servers/index").json()
    is_equal([u["email"] for r in rows for u in r["User"]], ["diver@gannet.example"], "bound user")
    t.want(0, "user", "edit", "diver@gannet.example", "--peer", "none", "--disabled", "yes")
    is_equal(n.client().get("/servers/index").json()[0]["User"], [], "and free again")
    is_equal(key.get("/users/view/me").status, 403, "a disabled user's key is refused")
    t.want(0, "user", "edit", "diver@gannet.example", "--disabled", "no")
    t.want(0, "peer", "remove", peer["name"])


def pgp(t):
    """The node's OpenPGP key; without gpg only that it is told."""
    j = t.json(1, "pgp", "show")
    check(not j["usable"] and j["reason"], "pgp show: no key", j)
    t.want(1, "pgp", "import", "-", stdin=b"words")
    if t.run("pgp", "make", "Node <node@example.test>").code:
        check("gpg" in j["reason"].lower(), "pgp make fails only without gpg", j)
        return
    d = t.want(0, "pgp", "show")
    check("node@example.test" in d.out, "pgp show tells whose key it is", d)
    d = t.want(0, "pgp", "show", "--armor")
    check(d.out.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----"), "pgp show --armor", d)
    d = t.want(1, "pgp", "make")
    check("already" in d.err, "one key is enough", d)
    t.want(1, "pgp", "import", "/nonexistent")


def policy_and_clock(n, t):
    good = os.path.join(os.path.dirname(n.folder), "policy.yaml")
    with open(good, "w") as f:
        f.write("no_such_key: 1\n")
    d = t.want(1, "policy", "check", good)
    check("line 1" in d.err or ":1:" in d.err, "the place of the fault", d)
    is_equal(t.json(1, "policy", "check", good)["good"], False, "policy check in JSON")
    t.want(0, "policy", "check", os.path.join(nodes.TOP, "contrib", "policy", "policy.yaml"))
    t.want(0, "policy", "reload")
    t.json(0, "policy", "reload")
    d = t.want(1, "policy", "diff", good)
    check("1:1" in d.err, "a policy with a fault is not tried", d)
    with open(good, "w") as f:
        f.write("default_member: {tlp: clear}\n")
    d = t.run("policy", "diff", good, "--list")
    check("other users" in d.out and d.code in (0, 1), "what another policy would change", d)
    check("audiences" in (t.json(0, "policy", "diff", good) if d.code == 0 else
                          t.json(1, "policy", "diff", good)), "the same in JSON", d)
    d = t.want(1, "policy", "import-misp-guard", good)
    check("not JSON" in d.err, "misp-guard's configurations are JSON", d)
    d = t.json(1, "explain", UUID % 1, "nobody-of-that-name")
    is_equal(d["exit"], 1, "explain to an unknown audience")
    pgp(t)
    j = t.json(0, "clock") if t.run("clock").code == 0 else t.json(1, "clock")
    check("trusted" in j and "alarm" in j, "clock", j)
    t.want(0, "clock", "accept")
    is_equal(t.json(0, "clock")["trusted"], True, "the clock is trusted then")


def approvals(n, t):
    """What needs two persons: the tool over the socket is the first, a key of another user the second."""
    tag = 'embargo:until="2090-01-01T00:00:00Z"'
    j = t.json(0, "user", "add", "mate@harbour.example", "--org", "1", "--role", "Publisher")
    second = Tool(env={"TOCSIN_URL": n.url, "TOCSIN_KEY": j["User"]["authkey"]})
    is_equal(t.json(0, "approvals", "list"), [], "nothing waits")
    check("Nothing" in t.want(0, "approvals", "list").out, "which is said")
    doc = event(0x70, "two persons", ["twokeys.example"], Tag=[{"name": tag}, {"name": "a"}])
    t.json(0, "import", "-", stdin=json.dumps(doc).encode())
    admin, u = n.client(), doc["Event"]["uuid"]
    for _ in range(2):
        d = admin.post("/tags/removeTagFromObject", {"uuid": u, "tag": tag})
        is_equal(d.status, 403, "refused")
    check("tocsin approve 1" in d.text(), "the answer tells how it goes on", d.text())
    check(tag in t.want(0, "approvals", "list").out, "approvals list")
    is_equal(t.json(0, "approvals", "show", "1")["state"], "pending", "approvals show")
    t.want(0, "approvals", "show", "1")
    d = t.want(1, "approve", "1")
    check("another person" in d.err, "not the same person", d)
    t.want(1, "approvals", "show", "77")
    t.want(2, "approve", "one")
    is_equal(second.json(0, "approve", "1")["state"], "approved", "approve")
    second.want(1, "approvals", "approve", "1")
    admin.post("/tags/attachTagToObject", {"uuid": u, "tag": 'rmsv:freeze-approval="1"'})
    is_equal(second.json(0, "approvals", "reject", "2")["state"], "rejected", "reject")
    is_equal(len(t.json(0, "approvals", "list", "--all")), 2, "approvals list --all")
    t.want(0, "approvals", "list", "--all")


def audit(t):
    """More of it in tests/audit."""
    check(t.json(0, "audit", "search", "action=account")["records"], "audit search")
    t.want(0, "audit", "actions")
    out = t.want(0, "audit", "export").out
    t.want(0, "audit", "verify", "-", stdin=out.encode())
    t.want(0, "audit", "verify")


def ledger(t):
    """More of it in tests/ledger."""
    nobody = "00000000-0000-4000-8000-00000000dead"
    is_equal(t.json(0, "ledger", "who", nobody)["audiences"], [], "nobody was given it")
    is_equal(t.json(0, "retract", "list", "--state", "pending"), [], "nothing was taken back")
    is_equal(t.json(0, "retract", "retry", nobody)["retried"], 0, "and nothing to be tried again")
    is_equal(t.json(0, "ledger", "what")["more"], False, "ledger what")
    check(t.json(0, "ledger", "log")["leaves"][-1]["kind"] == "key", "the log begins with the key")
    key = t.want(0, "ledger", "key").out.strip()
    size = t.want(0, "ledger", "checkpoint").out.split("\n")[1]
    for words in (("prove", "0"), ("growth", size), ("export",)):
        text = t.want(0, "ledger", *words).out
        t.want(0, "ledger", "verify", "--offline", "-", "--trust", key, stdin=text.encode())
    check(t.run("ledger", "verify", "--offline", "-", stdin=b"nonsense").code != 0, "nonsense is no proof")
    t.want(0, "ledger", "verify")


def quarantine(t):
    """More of it in tests/quarantine."""
    is_equal(t.json(0, "quarantine", "list")["waiting"], [], "quarantine list")
    for verb in ("show", "accept", "reject"):
        t.want(1, "quarantine", verb, "7")


def explain():
    """With a policy that names an audience."""
    with tempfile.TemporaryDirectory() as d:
        policy = os.path.join(d, "policy.yaml")
        with open(policy, "w") as f:
            f.write(peers.POLICY)
        t = Tool()
        if t.run("policy", "check", policy).code != 0:
            check(False, "the test's policy is good", t.run("policy", "check", policy))
            return
        check(True, "the test's policy is good")
        with nodes.Node(os.path.join(d, "node"), extra=["--policy", policy]) as n:
            t = Tool(n)
            doc = event(1, "open", ["a.example"], Tag=[{"name": "tlp:clear"}])
            t.json(0, "import", "-", stdin=json.dumps(doc).encode())
            doc = event(2, "shut", ["b.example"], published=False)
            t.json(0, "import", "-", stdin=json.dumps(doc).encode())
            j = t.json(0, "explain", UUID % 1, "reef-cert")
            is_equal(j["verdict"], "released", "a clear event goes")
            j = t.json(1, "explain", UUID % 2, "reef-cert")
            check(j["verdict"] != "released", "an unpublished one does not", j)
            t.want(0, "explain", UUID % 1, "--to", "reef-cert")
            check("verdict" in t.want(1, "explain", UUID % 2, "reef-cert").out, "explain for people")
            dot = t.want(0, "event", "graph", UUID % 1).out
            check("graph " in dot and dot.rstrip().endswith("}"), "what correlates, for Graphviz", dot)
            t.want(1, "event", "graph", UUID % 999)
            preview(t)


def preview(t):
    """More of it in tests/preview."""
    out = t.want(0, "preview", "reef-cert").out
    check("sent" in out and UUID % 1 in out and "Nothing was sent" in out, "preview for people", out)
    lines = [json.loads(x) for x in t.want(0, "--json", "preview", "reef-cert").out.splitlines()]
    is_equal(lines[-1]["result"]["events"], len(lines) - 1, "a line for each event")
    doc = t.want(0, "preview", "reef-cert", UUID % 1, "--document").out
    sent = [x for x in lines if x.get("uuid") == UUID % 1]
    is_equal(sent[0]["bytes"], len(doc), "the document has the bytes of the preview")
    t.want(0, "preview", "reef-cert", UUID % 1, "--diff")
    t.want(1, "preview", "nobody-of-that-name")
    t.want(2, "preview")


def lists(n, t):
    """import --as: lists, tables and texts."""
    names = [f["format"] for f in t.json(0, "import", "--list")]
    check({"list", "csv", "freetext"} <= set(names), "formats to import", names)
    t.want(2, "import", "--as", "no-such-format", "-", stdin=b"")
    text = b"# mine\nlist-one.example.org\n198.51.100.77:8080\nno value here\n0.0.0.0 list-two.example.org\n"
    d = t.want(1, "import", "--as", "list", "--dry-run", "-", stdin=text)
    is_equal([x.split("\t")[1] for x in d.out.splitlines() if "\t" in x],
             ["list-one.example.org", "198.51.100.77|8080", "list-two.example.org"], "a dry run shows what would come")
    check("standard input:4: no indicator: no value here" in d.err, "the line that holds none", d.err)
    is_equal(t.json(0, "search", "list-one.example.org")["response"]["Attribute"], [], "and nothing came")
    j = t.json(1, "import", "--as", "list", "--info", "My list", "--tags", "tlp:green", "-", stdin=text)[0]
    is_equal((j["made"], j["values"]["new"], j["problems"][0]["line"]), (True, 3, 4), "a new event")
    e = t.json(0, "event", "show", j["event_uuid"])["Event"]
    is_equal((e["info"], e["published"], [x["name"] for x in e["Tag"]]), ("My list", False, ["tlp:green"]), "its head")
    is_equal(sorted((a["type"], a["to_ids"], a["comment"]) for a in e["Attribute"]),
             [("hostname", True, ""), ("hostname", True, ""), ("ip-dst|port", True, "On port 8080")], "its values")
    table = os.path.join(os.path.dirname(n.folder), "table.csv.gz")
    with gzip.open(table, "wb") as f:
        f.write(b'"host";"sum"\nlist-one.example.org;d41d8cd98f00b204e9800998ecf8427e\n"no host";xyz\n')
    j = t.json(1, "import", "--as", "csv", "--columns", "1:hostname,2", "--delimiter", ";", "--no-ids", table,
               "--event", e["uuid"])[0]
    is_equal((j["made"], j["event_id"], j["values"]["new"], j["values"]["current"]), (False, int(e["id"]), 1, 1),
             "a table into an event that is there")
    is_equal([(p["line"], p["value"]) for p in j["problems"]], [(3, "no host"), (3, "xyz")],
             "its fields without a value, not its heading")
    e = t.json(0, "event", "show", e["uuid"])["Event"]
    is_equal([a["to_ids"] for a in e["Attribute"] if a["type"] == "md5"], [False], "not for detection")
    j = t.json(0, "import", "--as", "freetext", table, "-", stdin=b"see hxxp://list-three[.]example[.]org/a, list-one.example.org")
    is_equal([x["values"]["new"] for x in j], [2, 2], "free text of two files, an event each")
    j = t.json(0, "import", "--as", "csv", "--type", "comment", "--exclude", "/^a/", "-", stdin=b"abc,def\n")[0]
    is_equal((j["values"]["new"], j["values"]["excluded"]), (1, 1), "a type that is given, and an exclusion")
    for wrong in (["--event", "99999"], ["--type", "gull"], ["--columns", "0"], ["--exclude", "/(/"], ["--distribution", "4"],
                  ["--warninglists", "gull"]):
        t.want(1, "import", "--as", "csv", table, *wrong)
    d = t.want(1, "import", "--as", "list", "--dry-run", "-", stdin=b"1.2.3.4\na\0b c\n")
    check("1 values" in d.out and "stopped" not in d.err, "a line with NUL is told like others", d)
    d = t.want(1, "import", "--as", "stix2", "-", stdin=b'{"a": 1}')
    check("&quot;" not in d.err and '"objects"' in d.err, "errors are for people, not for pages", d)
    t.want(1, "import", "--as", "list", os.devnull)
    t.want(1, "import", "--as", "list", os.path.join(n.folder, "missing"))
    for as_ in names:
        t.want(1, "import", "--as", as_, "-", stdin=b"\0\xff" * 3000)


POLICY = """use: [default]
default_tlp: clear
audiences:
  edge: {kind: export, tlp: amber+strict, pap: red, class: own, profile: full}
"""


def subscriptions():
    """Export subscriptions, from the first row to a change that is watched."""
    with tempfile.TemporaryDirectory(prefix="tocsin-cli-") as d:
        policy = os.path.join(d, "policy.yaml")
        with open(policy, "w") as f:
            f.write(POLICY)
        with nodes.Node(os.path.join(d, "node"), extra=["--policy", policy]) as n:
            t = Tool(n)
            check("subscription add" in t.want(0, "subscription", "list").out, "how to begin")
            t.want(0, "import", "-", stdin=json.dumps(event(1, "one", ["a%02d.example" % i for i in range(20)])).encode())
            t.want(2, "subscription", "add", "names", "domain-list")
            for wrong in (["--audience", "gull"], ["--audience", "edge", "--filter", "page=1"],
                          ["--audience", "edge", "--option", "zone=x"], ["--audience", "edge", "--path", "../x"],
                          ["--audience", "edge", "--decay-model", "gull"]):
                d_ = t.want(1, "subscription", "add", "names", "domain-list", *wrong)
                check("status 403): " not in d_.err and wrong[-2][2:].split("-")[0] in d_.err, "what is wrong is said", d_)
            for wrong in (["--max-age", "old"], ["--max-entries", "many"], ["--warninglists", "maybe"], ["--filter", "{"], ["--option", "x"]):
                t.want(2, "subscription", "add", "names", "domain-list", "--audience", "edge", *wrong)
            j = t.json(0, "subscription", "add", "names", "domain-list", "--audience", "edge", "--filter", "type=domain",
                       "--filter", '{"tags": "!tlp:red"}', "--option", "below=star", "--max-entries", "5", "--priority", "severest",
                       "--max-age", "30d", "--warninglists", "on", "--path", "names.txt", "--description", "a test")
            is_equal([j.get(k) for k in ("state", "entries", "eligible", "events", "filter", "options", "max_age", "enforceWarninglist")],
                     ["ready", 5, 20, 1, {"type": "domain", "tags": "!tlp:red"}, {"below": "star"}, "2592000", True], "filled when it returns")
            is_equal(t.want(0, "-q", "subscription", "list").out, "names\n", "its name alone, for completion")
            line = t.want(0, "subscription", "list").out.rstrip("\n").split("\t")
            is_equal((line[1:3], line[4], line[6:8]), (["names", "ready"], "5", ["domain-list", "edge"]), "the list")
            shown = t.want(0, "subscription", "show", "names").out
            check("5 of 20 that are eligible, from 1 events" in shown and "5, the severest first" in shown and "30d" in shown, "all of it", shown)
            j = t.json(0, "subscription", "edit", "names", "--option", "below=", "--max-entries", "0", "--filter", "none", "--max-age", "none")
            is_equal([j.get(k) for k in ("state", "entries", "options", "filter")], ["ready", 20, {}, {}], "edited, and filled anew")
            t.want(2, "subscription", "edit", "names")
            path = os.path.join(d, "names.txt")
            t.want(0, "subscription", "get", "names", "--output", path)
            with open(path) as f:
                is_equal(f.read().split(), ["a%02d.example" % i for i in range(20)], "the whole set")
            check(subprocess.run(["sha256sum", path], capture_output=True, check=True).stdout[:64].decode() in
                  t.want(0, "subscription", "get", "names", "--digest", "sha256").out, "its digest")
            serial = str(j["serial"])
            check("nothing has changed" in t.want(0, "subscription", "get", "names", "--since", serial).err, "no change yet")
            t.want(2, "subscription", "get", "names", "--since", "yesterday")
            watch = subprocess.Popen([tool.TOOL, "subscription", "watch", "names", "--changes", "1", "--json", "--since", serial],
                                     env=t.env, stdout=subprocess.PIPE)
            t.want(0, "import", "-", stdin=json.dumps(event(2, "two", ["new.example"])).encode())
            j = json.loads(watch.communicate(timeout=120)[0])
            is_equal((j["change"], j["lines"]), ("lines", ["+new.example"]), "a change that is watched")
            is_equal(t.want(0, "subscription", "get", "names", "--since", serial).out, "+new.example\n", "and fetched")
            t.want(0, "subscription", "watch", "names", "--changes", "1", "--since", serial)
            check(t.json(0, "subscription", "edit", "names", "--enabled", "off")["state"] == "disabled", "switched off")
            t.want(1, "subscription", "get", "names")
            t.want(0, "subscription", "remove", "names")
            for verb in ("show", "edit", "remove", "get", "watch"):
                t.want(1, "subscription", verb, "names", *(["--max-entries", "1"] if verb == "edit" else []))


def taxii(n, t):
    """The node reads a collection of its own; the rest of it is in tests/taxii."""
    everything = "5a4e8c4e-7d0f-4a66-9a25-3d1c2f6b8e01"
    t.want(2, "taxii", "add", n.url)
    t.want(0, "taxii", "add", n.url, everything, "-", "--name", "own", stdin=n.key.encode() + b"\n")
    check(everything in t.want(0, "taxii", "collections", "own").out, "taxii collections")
    t.want(1, "taxii", "pull", "own")  # events of its own are refused
    listed = t.want(0, "taxii", "list").out
    check("own" in listed and n.key not in listed, "taxii list", listed)
    t.want(0, "taxii", "push")  # nothing has an audience
    t.want(1, "taxii", "push", "own")  # it has none either
    t.want(0, "taxii", "remove", "own")
    check("own" not in t.want(0, "taxii", "list").out, "taxii remove")


def followers():
    """The rest of tocsin follow is in tests/follow."""
    t = Tool()
    targets = t.want(0, "follow", "--targets").out
    check(all(x in targets for x in ("file:PATH", "nft", "ipset", "suricata:", "unbound:", "exec:")), "targets", targets)
    t.want(2, "follow", "x")


def all_used():
    """Was every command of the help called with success or finding?"""
    names = {" ".join(n) for n in commands()}
    used = {" ".join(u) for u in Tool.used} | {u[0] for u in Tool.used if u}
    is_equal(sorted(names - used), [], "no command was forgotten")


def main():
    usage()
    unreachable()
    init_and_damage()
    with tempfile.TemporaryDirectory(prefix="tocsin-cli-") as d:
        with nodes.Node(os.path.join(d, "node")) as n:
            t = Tool(n)
            import_and_look(n, t)
            search_and_export(n, t)
            terminal(n, t)
            accounts(n, t)
            policy_and_clock(n, t)
            approvals(n, t)
            audit(t)
            ledger(t)
            quarantine(t)
            lists(n, t)
            peers.feeds(n, t)
            taxii(n, t)
    explain()
    subscriptions()
    peers.two_nodes()
    peers.administration()
    peers.asked_of_peers()
    peers.by_itself()
    peers.warnings()
    peers.recorded_misp()
    followers()
    all_used()
    return finish()


if __name__ == "__main__":
    sys.exit(main())
