#!/usr/bin/env python3
"""Searches over HTTP on 1 M and 10 M attributes, by 1 and 8 connections, beside MariaDB with the same rows.

Stands alone: search.py --build BUILDDIR [--attributes N,N] [--json FILE] [--results FILE] [question...].
Both servers are up at once and asked in turn; the README says what of it is fair.
"""
import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import measure  # noqa: E402
import node as nodelib  # noqa: E402
import refs  # noqa: E402
import run as runner  # noqa: E402

EPOCH = 1700000000
TAGGED = 50  # per mille of the attributes
CONNS = (1, 8)
TOO_LONG_MS = 4000  # what takes MariaDB longer by one connection is not asked by eight
SPAN = 100  # one in so many attributes is in the time range

COLUMNS = ("a.id,a.event_id,a.object_id,a.category,a.type,a.to_ids,a.uuid,a.timestamp,a.distribution,"
           "a.sharing_group_id,a.comment,a.deleted,a.value1,a.value2,e.id,e.info,e.uuid,e.org_id,e.orgc_id,"
           "e.distribution")
FROM = "SELECT %s FROM attributes a JOIN events e ON e.id=a.event_id " % COLUMNS


def attributes(filters, where, join="", limit=None, offset=0):
    """One search of attributes: our body and the statement that finds the same rows."""
    body = dict(filters, returnFormat="json")
    sql = FROM + join + "WHERE a.deleted=0 AND " + where + " ORDER BY a.id"
    if limit:
        body.update(limit=limit)
        sql += " LIMIT %d OFFSET %d" % (limit, offset)
        if offset:
            body.update(page=offset // limit + 1)
    return "/attributes/restSearch", json.dumps(body), sql


def quoted(value):
    return "'" + value.replace("'", "''") + "'"


class Data:
    """Values that are stored and such that are not, and how many attributes there are."""

    def __init__(self, b, n):
        self.n = n
        text = b.gen_lines("-n", n // 10, "-s", runner.SEED, "values")
        step = max(1, len(text) // 1000)
        self.known = text[::step][:1000]
        self.other = b.gen_lines("-n", 2000, "-s", 99, "values")[:1000]
        self.since = EPOCH + (n - n // SPAN) // 50

    def mixed(self):
        return [v for pair in zip(self.known, self.other) for v in pair]


def q_exact(d):
    return [attributes({"value": v}, "(a.value1=%s OR a.value2=%s)" % (quoted(v), quoted(v)))
            for v in d.mixed()]


def q_lookup(d):
    sql = "SELECT a.event_id,a.to_ids,a.timestamp,e.orgc_id FROM attributes a JOIN events e ON e.id=a.event_id " \
          "WHERE a.deleted=0 AND (a.value1=%s OR a.value2=%s)"
    return [("/values/lookup", json.dumps([v]), sql % (quoted(v), quoted(v))) for v in d.mixed()]


def q_substring(d):
    return [attributes({"value": "%%.d%d.ex%%" % k},
                       "(a.value1 LIKE '%%.d{0}.ex%%' OR a.value2 LIKE '%%.d{0}.ex%%')".format(k), limit=100)
            for k in range(7, 4000, 37)]


def q_substring_none(d):
    return [attributes({"value": "%%no-such-%d%%" % k},
                       "(a.value1 LIKE '%%no-such-{0}%%' OR a.value2 LIKE '%%no-such-{0}%%')".format(k))
            for k in range(100)]


def q_type_time(d):
    return [attributes({"type": t, "timestamp": [d.since, d.since + 10**8]},
                       "a.type='%s' AND a.timestamp>=%d" % (t, d.since), limit=1000)
            for t in ("hostname", "ip-dst", "url", "sha256")]


def q_event_tag(d):
    return [attributes({"tags": ['bench:group="%d"' % k]}, "et.tag_id=%d" % (k + 2),
                       "JOIN event_tags et ON et.event_id=a.event_id ", 1000) for k in range(50)]


def q_attr_tag(d):
    return [attributes({"tags": ['bench:mark="%d"' % k]}, "at.tag_id=%d" % (k + 52),
                       "JOIN attribute_tags at ON at.attribute_id=a.id ", 1000) for k in range(20)]


def q_tags_not(d):
    return [attributes({"tags": {"OR": ['bench:group="%d"' % k], "NOT": ['bench:mark="%d"' % (k % 20)]},
                        "type": "url"},
                       "a.type='url' AND et.tag_id=%d AND NOT EXISTS (SELECT 1 FROM attribute_tags at WHERE "
                       "at.attribute_id=a.id AND at.tag_id=%d)" % (k + 2, k % 20 + 52),
                       "JOIN event_tags et ON et.event_id=a.event_id ", 1000) for k in range(50)]


def q_rows(limit):
    return lambda d: [attributes({"type": "hostname"}, "a.type='hostname'", limit=limit)]


def q_page(share):
    """Pages round a place in what type finds, each a jump that nobody made before."""
    def make(d):
        pages = d.n // 4 // 1000  # a quarter are host names
        first = min(int(pages * share), max(0, pages - 42))
        return [attributes({"type": "hostname"}, "a.type='hostname'", limit=1000, offset=1000 * (first + k))
                for k in range(0, 40, 3)]
    return make


def q_walk(d):
    """Page after page from the middle, as who reads everything does."""
    first = d.n // 8 // 1000
    return [attributes({"type": "hostname"}, "a.type='hostname'", limit=1000, offset=1000 * (first + k))
            for k in range(d.n // 8 // 1000 - 10)]


EVENT_ROWS = "SELECT %s FROM events ORDER BY id LIMIT %d"


def q_index_minimal(d):
    return [("/events/index", json.dumps({"minimal": 1, "limit": 100000}),
             EVENT_ROWS % ("id,timestamp,published,uuid,orgc_id", 100000))]


def q_index_full(d):
    sql = "SELECT e.*, t.id, t.name FROM events e LEFT JOIN event_tags et ON et.event_id=e.id LEFT JOIN tags t " \
          "ON t.id=et.tag_id WHERE e.id<=1000 ORDER BY e.id"
    return [("/events/index", json.dumps({"limit": 1000}), sql)]


def q_million(d):
    """A million values, as a JSON list; one in two hundred is there. MariaDB gets 100 lists of 10,000."""
    values = d.known * 5 + ["x%d.y%d.example" % (i, i % 977) for i in range(995000)]
    return [("/values/lookup", json.dumps(values), None)]


def million_sql(d):
    values = d.known * 5 + ["x%d.y%d.example" % (i, i % 977) for i in range(995000)]
    return ["SELECT a.value1,a.event_id,a.to_ids,a.timestamp FROM attributes a WHERE a.value1 IN (%s)" %
            ",".join(quoted(v) for v in values[i:i + 10000]) for i in range(0, len(values), 10000)]


# name, title, questions, seconds of a run, at least so many requests, what must be equal ("rows": answers
# are compared by their number of rows), target of the median by one connection in ms
QUESTIONS = [
    ("exact", "exact value, half of them there", q_exact, 1.0, 1, "rows", None),
    ("lookup", "exact value by /values/lookup", q_lookup, 1.0, 1, None, None),
    ("substring", "%substring%, limit 100", q_substring, 1.0, 1, "rows", None),
    ("substring-none", "%substring% that is not there", q_substring_none, 1.0, 1, "rows", None),
    ("type-time", "type and the last 1 % of time, limit 1,000", q_type_time, 1.0, 1, "rows", None),
    ("event-tag", "tag of events, limit 1,000", q_event_tag, 1.0, 1, "rows", None),
    ("attribute-tag", "tag of attributes, limit 1,000", q_attr_tag, 1.0, 1, "rows", None),
    ("tags-not", "type, tag of events, without tag of attributes, limit 1,000", q_tags_not, 1.0, 1, "rows", None),
    ("rows-1k", "type, 1,000 rows", q_rows(1000), 1.0, 1, "rows", None),
    ("rows-100k", "type, 100,000 rows", q_rows(100000), 2.0, 5, "rows", 200),
    ("page-first", "pages of 1,000 at the start", q_page(0), 1.0, 1, "rows", None),
    ("page-middle", "pages of 1,000 in the middle, jumping", q_page(0.5), 1.0, 1, "rows", None),
    ("page-last", "pages of 1,000 at the end, jumping", q_page(1), 1.0, 1, "rows", None),
    ("page-walk", "pages of 1,000 from the middle on, in turn", q_walk, 1.0, 25, "rows", None),
    ("index-minimal", "index of 100,000 events, minimal", q_index_minimal, 2.0, 5, "rows", 150),
    ("index-full", "index of 1,000 events, full", q_index_full, 1.0, 1, None, None),
    ("million", "look-up of 1,000,000 values in one request", q_million, 3.0, 3, None, 150),
]


class Bench(runner.Bench):
    def node(self, name):
        """Without a feed folder: writing it would go on beside the questions, for an hour."""
        policy = os.path.join(self.tmp, "policy.yaml")
        with open(policy, "w", encoding="utf-8") as f:
            f.write("use: [misp-compat]\naudiences: {}\n")
        return nodelib.Node(folder=os.path.join(self.tmp, name), ready_s=600,
                            extra=["--policy", policy, "--set", "readable=" + self.tmp])

    def gen_lines(self, *args):
        path = os.path.join(self.tmp, "lines")
        self.gen(*args, to=path)
        with open(path, encoding="utf-8") as f:
            return f.read().split("\n")[:-1]

    def ours(self, node, path, bodies, conns, seconds, least):
        name = os.path.join(self.tmp, "bodies")
        with open(name, "w", encoding="utf-8") as f:
            f.write("\n".join(bodies) + "\n")
        return measure.tool(self.load(node, node.key, "-c", conns, "-t", seconds, "-m", least * conns, "posts",
                                      path, name))

    def theirs(self, db, statements, conns, seconds, least=1):
        name = os.path.join(self.tmp, "statements")
        with open(name, "w", encoding="utf-8") as f:
            f.write("\n".join(statements) + "\n")
        return measure.tool([os.path.join(self.tools, "bench_sql"), "-S", db.sock, "-c", str(conns), "-t",
                             str(seconds), "-m", str(least), name])


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        v = f.read().rpartition(")")[2].split()
    return (int(v[11]) + int(v[12])) / os.sysconf("SC_CLK_TCK")


def our_rows(node, path, body):
    c = node.client(timeout=600)
    ans = c.raw("POST", path, {"Authorization": node.key, "Accept": "application/json", "User-Agent": "bench",
                               "Content-Type": "application/json"}, body.encode())
    if ans.status != 200:
        raise RuntimeError("%s answered %d %r" % (path, ans.status, ans.body[:200]))
    doc = ans.json()
    return len(doc["response"]["Attribute"] if isinstance(doc, dict) else doc)


def compare(b, node, db, asked, least):
    """Ask one of the questions on both sides: as many rows, but for one in a hundred?"""
    path, body, sql = asked[len(asked) // 2]
    ours, theirs = our_rows(node, path, body), b.theirs(db, [sql], 1, 0.0, 1)["rows"]
    if abs(ours - theirs) > max(1, max(ours, theirs) // 100):
        raise RuntimeError("%d rows, MariaDB %d: %s" % (ours, theirs, body[:200]))
    return ours


def ask(b, node, db, d, question):
    name, title, make, seconds, least, equal, target = question
    asked = make(d)
    out = {"name": name, "title": title, "attributes": d.n, "target_ms": target, "tocsin": {}, "mariadb": {}}
    if equal and db:
        out["rows"] = compare(b, node, db, asked, least)
    for conns in CONNS:
        cpu = cpu_s(node.pid())
        with measure.Peak(node, 0.005) as peak:
            r = b.ours(node, asked[0][0], [x[1] for x in asked], conns, seconds * b.seconds, least)
        r["memory_mib"] = peak.above_mib
        r["cpu_ms"] = (cpu_s(node.pid()) - cpu) * 1e3 / r["requests"]
        out["tocsin"][conns] = r
        if db and conns > 1 and out["mariadb"][1]["p50_ms"] > TOO_LONG_MS:
            continue
        if db:
            cpu = cpu_s(db.pid())
            sql = million_sql(d) if name == "million" else [x[2] for x in asked]
            r = b.theirs(db, sql, conns, seconds * b.seconds, len(sql) if name == "million" else conns)
            if name == "million":  # a hundred statements are one look-up
                for k in ("p50_ms", "p99_ms", "max_ms"):
                    r[k] *= len(sql)
                r["requests"] /= len(sql)
            r["cpu_ms"] = (cpu_s(db.pid()) - cpu) * 1e3 / r["requests"]
            out["mariadb"][conns] = r
    return out


def store_facts(b, node, n, filling):
    """Start, memory and disk: the node is started anew."""
    node.stop(600)
    disk = runner.disk_bytes(node.folder)
    parts = {}
    for top, _, files in os.walk(node.folder):
        for f in files:
            key = os.path.relpath(top, node.folder).split(os.sep)[0]
            key = f if key in (".", "store") else key
            parts[key] = parts.get(key, 0) + os.stat(os.path.join(top, f)).st_blocks * 512
    started = node.start()
    pid = node.pid()
    with open("/proc/%d/status" % pid) as f:
        rss = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024
    return {"attributes": n, "filling_s": filling, "start_s": started, "idle_rss_mib": rss,
            "idle_anonymous_mib": measure.anon_bytes(pid) / 2**20, "disk_per_attribute": disk / n,
            "disk_parts": {k: round(v / n, 1) for k, v in sorted(parts.items(), key=lambda x: -x[1]) if v > n}}


def open_node(b, n):
    node = b.node("node-%d" % n)
    done = node.folder + ".full"
    if os.path.exists(done):
        with open(done) as f:
            node.key, filling = f.read().split()
        node.start()
        return node, float(filling)
    node.start()
    feed = os.path.join(b.tmp, "feed-%d" % n)
    b.gen("-n", n, "-s", runner.SEED, "-T", TAGGED, "feed", feed)
    filling, _ = b.take_in(node, feed)
    shutil.rmtree(feed)
    with open(done, "w") as f:
        f.write("%s %f" % (node.key, filling))
    return node, filling


def open_db(b, n, pool):
    db = refs.Mariadb(os.path.join(b.tmp, "mariadb-%d" % n), pool)
    if not db.usable():
        print("reference left out: MariaDB is not installed")
        return None
    done = db.root + ".full"
    db.start()
    if not os.path.exists(done):
        rows = os.path.join(b.tmp, "sql-%d" % n)
        b.gen("-n", n, "-s", runner.SEED, "-T", TAGGED, "sql", rows, to=os.devnull)
        db.load_search(rows)
        shutil.rmtree(rows)
        open(done, "w").close()
    return db


def ms(x):
    return "%.0f" % x if x >= 100 else "%.1f" % x if x >= 10 else "%.2f" % x


def table(rows):
    """One line for a question and size: p50 / p99 of both, by 1 and 8 connections, and the ratio of p50."""
    out = ["| attributes | question | tocsin, 1 | tocsin, 8 | MariaDB, 1 | MariaDB, 8 | ratio, 1 / 8 | processor | ratio of it | "
           "memory, 8 |", "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for r in rows:
        cells, ratio = [], []
        for side in ("tocsin", "mariadb"):
            for c in CONNS:
                x = r[side].get(c)
                cells.append("%s / %s" % (ms(x["p50_ms"]), ms(x["p99_ms"])) if x else "-")
        for c in CONNS:
            if r["mariadb"].get(c):
                ratio.append("%.3g" % (r["mariadb"][c]["p50_ms"] / max(r["tocsin"][c]["p50_ms"], 1e-3)))
        ours, theirs = r["tocsin"][1]["cpu_ms"], r["mariadb"].get(1, {}).get("cpu_ms")
        title = r["title"]
        if r["target_ms"]:
            got = r["tocsin"][1]["p50_ms"]
            title += " (target %d: %s)" % (r["target_ms"], "met" if got <= r["target_ms"] else "missed")
        out.append("| %s | %s | %s | %s | %s | %s | %.1f |" % (
            "{:,}".format(r["attributes"]), title, " | ".join(cells), " / ".join(ratio) or "-", ms(ours),
            "%.3g" % (theirs / max(ours, 1e-3)) if theirs else "-", r["tocsin"][8]["memory_mib"]))
    return out


def facts_table(facts):
    out = ["| attributes | start | idle memory, anonymous (resident) | disk per attribute | most of it |",
           "| ---: | ---: | ---: | ---: | --- |"]
    for f in facts:
        out.append("| %s | %.2f s | %.0f MiB (%.0f) | %.0f bytes | %s |" % (
            "{:,}".format(f["attributes"]), f["start_s"], f["idle_anonymous_mib"], f["idle_rss_mib"],
            f["disk_per_attribute"],
            ", ".join("%s %.0f" % (k, v) for k, v in list(f["disk_parts"].items())[:8])))
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("question", nargs="*", choices=[[]] + [q[0] for q in QUESTIONS], help="default: all")
    p.add_argument("--build", default=os.environ.get("top_builddir", "."), help="build folder")
    p.add_argument("--attributes", default="1000000,10000000", help="sizes of the store")
    p.add_argument("--seconds", type=float, default=3.0, help="length of a run (some run longer)")
    p.add_argument("--pool", default="6G", help="MariaDB's buffer pool")
    p.add_argument("--no-mariadb", action="store_true", help="without the reference")
    p.add_argument("--keep", metavar="DIR", help="keep stores and tables here, and use those that are here")
    p.add_argument("--tmp", help="folder for data (default: a new one in $TMPDIR)")
    p.add_argument("--json", metavar="FILE", help="write all figures here")
    p.add_argument("--results", metavar="FILE", help="write the table here")
    args = p.parse_args()
    if not os.access(os.path.join(args.build, "tests", "bench", "bench_sql"), os.X_OK):
        nodelib.skip("the bench programs are not built (make bench-search)")
    os.environ.setdefault("TOCSIND", os.path.join(os.path.abspath(args.build), "tocsind"))
    args.scale, load = 1.0, os.getloadavg()[0]
    tmp = None if args.keep else tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=args.tmp)
    if args.keep:
        os.makedirs(args.keep, exist_ok=True)
    rows, facts, failed = [], [], []
    try:
        b = Bench(args, os.path.abspath(args.keep) if args.keep else tmp.name)
        for n in [int(x) for x in args.attributes.split(",")]:
            one_size(b, args, n, rows, facts, failed)
    finally:
        if tmp:
            tmp.cleanup()
    head = {"machine": measure.machine(), "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "load": [load, os.getloadavg()[0]]}
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(dict(head, stores=facts, searches=rows, failed=failed), f, indent=1)
    if args.results:
        write_results(args.results, head, rows, facts, failed)
    return 1 if failed else 0


def one_size(b, args, n, rows, facts, failed):
    db, node = None, None
    try:
        if not args.no_mariadb:
            db = open_db(b, n, args.pool)
        node, filling = open_node(b, n)
        facts.append(store_facts(b, node, n, filling))
        print("\n".join(facts_table(facts[-1:])))
        d = Data(b, n)
        for i, q in enumerate(q for q in QUESTIONS if not args.question or q[0] in args.question):
            try:
                rows.append(ask(b, node, db, d, q))
                print("\n".join(table(rows[-1:])[0 if i == 0 else 2:]))
            except (RuntimeError, OSError) as e:
                failed.append("%s, %d attributes: %s" % (q[0], n, str(e).replace("\n", " ")[:300]))
                print("FAIL: " + failed[-1])
            sys.stdout.flush()
    finally:
        if node:
            node.stop(600)
        if db:
            db.stop()


def write_results(path, head, rows, facts, failed):
    lines = ["# Searches over HTTP, beside MariaDB", "", "Written by `tests/bench/search.py --results`; do not edit.",
             "", "* machine: " + head["machine"], "* when: " + head["when"],
             "* other work on the machine: load average %.1f before, %.1f after; a quiet machine does better"
             % tuple(head["load"]),
             "* cells: p50 / p99 in milliseconds by 1 and by 8 connections; ratio: p50 of MariaDB / p50 of tocsin, "
             "above 1 tocsin is faster", "* processor: milliseconds of it that tocsin used for a request (1 connection), "
             "and MariaDB's divided by that; these hardly depend on other work on the machine", "* clients and both servers share the cores; memory: anonymous, peak above "
             "idle, MiB", "* what is compared, and where that is not fair: README", ""]
    lines += table(rows) + [""] + facts_table(facts)
    lines += ["", "Not measured:", ""] + ["* " + f for f in failed] if failed else []
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
