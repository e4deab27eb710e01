"""agents.py - osquery, Wazuh, Kunai, Elastic, Splunk, Sigma and the Bloom filter, read by what their documentation says."""
import csv
import http.server
import ipaddress
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import uuid
import xml.etree.ElementTree as ET

from machine import Absent, Follow, need, ok, same, wait_for
from published import RED, SAMPLE, SIGMA, Consumer, digest

LIST = "/var/lib/tocsin-lists/"


def osquery(hub, root):
    m = Consumer(hub, root, "sensors/osquery.md")
    need("sqlite3")
    m.at_node(m.page)
    m.fetch()
    conf = json.loads(m.put(m.page.of("json")[0]))
    table = conf["auto_table_construction"]["tocsin"]

    def matches(file_digest):
        """The scheduled query, with osquery's tables of one process."""
        db = sqlite3.connect(":memory:")
        with sqlite3.connect(table["path"]) as source:
            built = source.execute(table["query"]).fetchall()
        source.close()
        db.execute("CREATE TABLE tocsin(%s)" % ",".join(table["columns"]))
        db.executemany("INSERT INTO tocsin VALUES(?,?,?)", built)
        db.executescript("CREATE TABLE processes(pid, path); CREATE TABLE hash(path, sha256); INSERT INTO processes VALUES(7, '/srv/x');")
        db.execute("INSERT INTO hash VALUES('/srv/x', ?)", (file_digest,))
        return [r[:2] for r in db.execute(conf["schedule"]["tocsin_hashes"]["query"])]

    same([matches(digest("sha256", d)) for d in (SAMPLE, RED, b"x")], [[(7, "/srv/x")], [], []], "osquery.md: the listed file's process is found, no other")
    m.turns("osquery", "hash", lambda: bool(matches(digest("sha256", b"new sample"))))


def cdb(text):
    """A CDB list: key:value, keys with a colon in quotes, one for each key."""
    out = {}
    for line in text.splitlines():
        q = re.fullmatch(r'"([^"]*)":([^:"]*)|([^:"]*):([^:"]*)', line)
        if not q or not (q.group(1) or q.group(3)):
            raise ValueError("no line of a CDB list: %r" % line)
        out[q.group(1) or q.group(3)] = q.group(2) or q.group(4)
    return out


def address_match(keys, address):
    """As the manual says of address_match_key: the address, or a prefix of it that ends with a dot."""
    parts = address.split(".")
    return any(k in keys for k in [address] + [".".join(parts[:n]) + "." for n in (3, 2, 1)])


def wazuh(hub, root):
    m = Consumer(hub, root, "sensors/wazuh.md")
    os.makedirs(m.path("/var/ossec/etc/lists"))
    m.service("wazuh-manager", "sleep", "7200")
    m.systemctl("start", "wazuh-manager")
    try:
        m.at_node(m.page)
        m.fetch()
        conf, rules = (ET.fromstring(t) for t in m.page.of("xml"))
        files = {e.text for e in conf.iter("list")}
        asked = {(r.find("list").get("field"), r.find("list").get("lookup"), r.find("list").text) for r in rules.iter("rule")}
        same(({a[2] for a in asked}, {a[1] for a in asked}), (files, {"address_match_key", "match_key"}), "wazuh.md: rules ask lists that are declared")
        ok(all(os.path.exists(m.path("/var/ossec/" + f)) for f in files), "wazuh.md: and fetched")
        addresses, hashes = (cdb(m.read("/var/ossec/etc/lists/tocsin-" + n).decode()) for n in ("ip", "files"))
        same([address_match(addresses, a) for a in ("198.51.100.7", "203.0.113.200", "198.51.100.77", "198.51.100.66", "192.0.2.1")], [True, True, True, False, False],
             "wazuh.md: addresses and prefixes (PAP:RED, too), not tlp:red")
        same([digest("sha256", d) in hashes for d in (SAMPLE, RED)] + sorted(set(hashes.values())), [True, False, "md5", "sha1", "sha256"], "wazuh.md: digests, and what they are")
        m.turns("wazuh-files", "hash", lambda: digest("sha256", b"new sample") in cdb(m.read("/var/ossec/etc/lists/tocsin-files").decode()))
    finally:
        m.end()


KUNAI = {"type": str, "uuid": str, "source": str, "value": str, "event_uuid": str, "severity": int}
KUNAI_TYPES = {"md5", "sha1", "sha256", "sha512", "domain", "hostname", "ip-dst", "ip-src", "url"}


def kunai_read(text):
    out = set()
    for line in text.splitlines():
        d = json.loads(line)
        if {k: type(v) for k, v in d.items()} != KUNAI or d["type"] not in KUNAI_TYPES or not 0 <= d["severity"] <= 10:
            raise ValueError("no indicator of Kunai: " + line)
        uuid.UUID(d["uuid"]), uuid.UUID(d["event_uuid"])
        if d["type"].startswith("ip"):
            ipaddress.ip_address(d["value"])
        out.add(d["value"])
    return out


def kunai(hub, root):
    m = Consumer(hub, root, "sensors/kunai.md")
    m.service("kunai", "sleep", "7200")
    m.systemctl("start", "kunai")
    try:
        m.at_node(m.page)
        m.fetch()
        ok(LIST + "kunai.json" in m.page.of("yaml")[0], "kunai.md: its configuration names the file")
        got = kunai_read(m.read(LIST + "kunai.json").decode())
        same(({"evil.example", "quiet.example", "host.example", "198.51.100.7", digest("sha256", SAMPLE)} - got, {v for v in got if "red" in v or v == "198.51.100.66"}), (set(), set()),
             "kunai.md: what may be looked for is there, not tlp:red")
        m.turns("kunai", "hash", lambda: digest("sha256", b"new sample") in kunai_read(m.read(LIST + "kunai.json").decode()))
    finally:
        m.end()


class Bulk:
    """_bulk, read strictly; keeps documents."""

    def __init__(self):
        self.docs, self.faults, bulk = {}, [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    bulk.take(self.path, self.headers["Content-Type"], body)
                    answer = b'{"took":1,"errors":false,"items":[]}'
                except (ValueError, KeyError, IndexError) as e:
                    bulk.faults.append(repr(e))
                    answer = b'{"took":1,"errors":true,"items":[]}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]

    def take(self, path, kind, body):
        if path != "/_bulk" or kind != "application/x-ndjson" or not body.endswith(b"\n"):
            raise ValueError("%s %s" % (path, kind))
        lines = body.decode().split("\n")[:-1]
        while lines:
            (action, where), = json.loads(lines.pop(0)).items()
            if set(where) != {"_index", "_id"} or where["_index"] != "threat-tocsin":
                raise ValueError(where)
            if action == "delete":
                self.docs.pop(where["_id"], None)
            elif action == "index":
                doc = json.loads(lines.pop(0))
                if doc["event"]["kind"] != "enrichment" or doc["event"]["id"] != where["_id"] or "@timestamp" not in doc:
                    raise ValueError(doc)
                self.docs[where["_id"]] = doc
            else:
                raise ValueError(action)

    def names(self):
        return {d["threat"]["indicator"].get("url", {}).get("domain") for d in self.docs.values()} - {None}


def elastic(hub, root):
    m = Consumer(hub, root, "sensors/elastic.md")
    need("split")
    bulk = Bulk()
    m.given["https://ELASTIC"] = bulk.url
    m.at_node(m.page)
    m.fetch()
    ok({"evil.example", "quiet.example"} <= bulk.names() and "red.example" not in bulk.names(), "elastic.md: documents are in the index", (bulk.names(), bulk.faults))
    marks = {d["threat"]["indicator"].get("url", {}).get("domain"): d["threat"]["indicator"].get("marking") for d in bulk.docs.values()}
    same(marks["evil.example"], {"tlp": "GREEN"}, "elastic.md: with their marking")
    with Follow(m, m.page.follows()[0]) as f:
        number = hub.event(("domain", "new.example"))
        ok(wait_for(lambda: "new.example" in bulk.names()), "elastic.md: followed, a document comes", f.said())
        hub.delete(number)
        ok(wait_for(lambda: "new.example" not in bulk.names()), "elastic.md: and is deleted", f.said())
    same(bulk.faults, [], "elastic.md: all of it as _bulk wants it")
    bulk.server.shutdown()
    bulk.server.server_close()


def splunk(hub, root):
    m = Consumer(hub, root, "sensors/splunk.md")
    os.makedirs(m.path("/opt/splunk/etc/apps/tocsin/lookups"))
    m.at_node(m.page)
    m.fetch()
    conf = dict(re.findall(r"^(\w+) = (.*)$", m.page.of("ini")[0], re.M))
    file = "/opt/splunk/etc/apps/tocsin/lookups/" + conf["filename"]
    search = re.search(r"lookup (\w+) (\w+) AS dest_host OUTPUT ([\w ]+)", m.page.text)
    columns = search.group(3).split()

    def lookup(dest_host):
        with open(m.path(file), newline="", encoding="utf-8") as f:
            for r in csv.DictReader(f, strict=True):
                if r[search.group(2)].lower() == dest_host.lower():
                    return [r[c] for c in columns]
        return None

    got = lookup("Evil.Example")
    ok(got and got[:3] == ["domain", "3", "consumers; \"quoted\""] and uuid.UUID(got[3]), "splunk.md: a host is looked up, with the event's title", got)
    same((lookup("red.example"), lookup("fine.example")), (None, None), "splunk.md: not tlp:red")
    m.turns("splunk", "name", lambda: lookup("new.example") is not None)


def sigma(hub, root):
    try:
        from sigma.collection import SigmaCollection  # noqa: F401
    except ImportError as e:
        raise Absent("no pySigma") from e
    m = Consumer(hub, root, "sensors/sigma.md")
    m.at_node(m.page)
    m.fetch()
    script = m.write("/usr/local/sbin/rules.py", m.put(m.page.of("python")[0]))
    p = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    same((p.returncode, p.stdout.strip()), (0, "None listed"), "sigma.md: pySigma reads the rule")
    ok(SIGMA.split("detection:")[1].strip() in m.read(LIST + "sigma.yml").decode(), "sigma.md: as its author wrote it")


def bloom(hub, root):
    m = Consumer(hub, root, "sensors/bloom.md")
    m.at_node(m.page)
    m.fetch()
    reader = {}
    exec(compile(m.page.of("python")[0], "bloom.md", "exec"), reader)  # noqa: S102 (the page's own lines)
    path = m.path(LIST + "bloom")

    def has(kind, value):
        return reader["perhaps"](reader["read"](path), kind, value)

    same([has(*v) for v in (("domain", "evil.example"), ("ip", "203.0.113.0/24"), ("sha256", digest("sha256", SAMPLE)), ("domain", "quiet.example"))], [True] * 4, "bloom.md: what is listed is in it")
    ok(sum(has("domain", n) for n in ("red.example", "fine.example", "www.evil.example")) <= 1, "bloom.md: nothing else, but for one in 2,000")
    with open(path, "rb") as f:
        count = int.from_bytes(f.read()[24:32], "little")
    ok(count == int(hub.api.get("/exports/bloom").headers["x-tocsin-entries"]), "bloom.md: as many as the set has", count)
    number = hub.event(("domain", "new.example"))
    hub.at_rest()
    ok(wait_for(lambda: m.run(m.page.at_consumer()[0], "bloom.md: fetched") and has("domain", "new.example")), "bloom.md: what is published")
    hub.delete(number)
    ok(wait_for(lambda: m.run(m.page.at_consumer()[0], "bloom.md: fetched") and not has("domain", "new.example")), "bloom.md: what is retracted")


__all__ = ["osquery", "wazuh", "kunai", "elastic", "splunk", "sigma", "bloom"]
