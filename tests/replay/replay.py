#!/usr/bin/env python3
"""Replay recorded exchanges against a fresh node and print how many match, per group.

Exit: 0 fine, 1 below the baseline or the node died, 2 usage, 77 nothing to run against.
"""
import argparse
import collections
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import acl
import compare
import exports
import library
import node as nodelib
import run as runs
import syncrun
import typecases

# Settings of the recorded MISP that differ from our defaults: MISP.enable_advanced_correlations was off.
# And it had somewhere to send mail to.
AS_RECORDED = ["--set", "correlation.networks=false", "--set", "mail.command=/bin/true",
               "--set", "mail.from=misp@example.com"]
HOST_ORG_UUID = "cccccccc-0000-4000-8000-00000000000c"  # of the recorded instance
FIELDS = ("exchanges", "status", "body", "headers", "excused")


def main():
    args = parse_args()
    folder = args.recordings or nodelib.shared("wire", "client")
    if folder is None or not os.path.isdir(folder):
        nodelib.skip("no recordings (TOCSIN_SHARED)")
    if not args.url and not nodelib.have_daemon():
        nodelib.skip("the daemon is not built (contrib/dev/run-node, TOCSIND)")
    with open(os.path.join(HERE, "excused.json")) as f:
        first = json.load(f)["groups_first_part"]
    table, causes, failed = {}, collections.Counter(), []
    for name in runs.tapes.TAPES:
        results, run = play_tape(args, tape_folder(folder, name), name, first[name])
        if run is None:
            continue
        failed += ["%s: node died: %s" % (name, d) for d in run.deaths]
        for problem in run.problems:
            print("note: %s: %s" % (name, problem))
        tabulate(results, table)
        report(args, results, causes)
    if args.acl:
        failed += acl_mode(args, folder, table, causes)
    if args.types:
        failed += types_mode(args, folder, table, causes)
    if args.exports:
        failed += exports_mode(args, folder, table, causes)
    print_table(table)
    if args.causes:
        print_causes(causes, args.causes)
    if args.markdown:
        write_markdown(args.markdown, table)
    failed += baseline(args, table)
    for line in failed:
        print("FAIL: " + line)
    return 1 if failed else 0


def parse_args():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--recordings", metavar="DIR", help="folder of the client recordings")
    p.add_argument("--all", action="store_true", help="all groups, not only the first part")
    p.add_argument("--groups", metavar="A,B", help="these groups (and what they need)")
    p.add_argument("--diff", metavar="GROUP[:N]", action="append", default=[],
                   help="print the differences of a group or of one exchange")
    p.add_argument("--max-diffs", type=int, default=5, help="differences shown of one exchange")
    p.add_argument("--causes", nargs="?", type=int, const=25, help="print the most frequent causes")
    p.add_argument("--acl", action="store_true", help="also replay acl-matrix.json")
    p.add_argument("--types", action="store_true", help="also send the values of types-table.json")
    p.add_argument("--exports", action="store_true", help="also compare exports/index.json")
    p.add_argument("--markdown", metavar="FILE", help="write the table as Markdown")
    p.add_argument("--baseline", metavar="FILE", help="fail when a group has fewer matches")
    p.add_argument("--update-baseline", action="store_true", help="raise the baseline to this run")
    p.add_argument("--url", help="a running node instead of a fresh one (--key)")
    p.add_argument("--key", help="site admin key of --url")
    p.add_argument("--keep", metavar="DIR", help="keep the nodes' folders here")
    p.add_argument("--verbose", action="store_true")
    return p.parse_args()


def tape_folder(folder, name):
    """The recordings of a tape; those between servers lie beside those of clients."""
    return os.path.join(folder, "..", runs.tapes.TAPES[name]["folder"])


def fresh_node(args, name):
    """A fresh node, or the one of --url."""
    if args.url:
        n = nodelib.Node(folder="unused", port=int(args.url.rsplit(":", 1)[1].strip("/")),
                         key=args.key)
        return n
    extra = AS_RECORDED + syncrun.HOSTS.get(name, ["--org", "ORGNAME",
                                                   "--org-uuid", HOST_ORG_UUID])
    shelf = None
    if name == "functional":
        shelf = tempfile.TemporaryDirectory(prefix="tocsin-library-")
        extra = extra + library.make(args.recordings or nodelib.shared("wire", "client"), shelf.name)
    n = nodelib.Node(folder=os.path.join(args.keep, name) if args.keep else None, extra=extra)
    n.shelf = shelf  # lives as long as the node
    n.start()
    return n


def play_tape(args, folder, name, first):
    """Play one tape on its own node: (results, run), or (None, None) when not asked for."""
    asked = (args.groups or "").split(",") if args.groups else None
    if asked is None and args.diff and not (args.all or args.baseline or args.markdown):
        asked = [d.split(":")[0] for d in args.diff]
    if not os.path.isdir(folder):
        return None, None
    probe = runs.tapes.load(folder, name)
    have = {r["group"] for r in probe}
    groups = [g for g in (asked if asked is not None else (have if args.all else first))
              if g in have]
    if not groups:
        return None, None
    node = fresh_node(args, name)
    try:
        kind = syncrun.RUNS.get(name, runs.Run)
        run = kind(folder, name, node, nodelib.shared("data"), args.verbose)
        results = run.play(groups)
    finally:
        if not args.url:
            node.clean()
    return [r for r in results if r.group in groups], run


def tabulate(results, table):
    for r in results:
        row = table.setdefault(r.group, dict.fromkeys(FIELDS, 0))
        row["exchanges"] += 1
        if r.excused:
            row["excused"] += 1
        else:
            row["status"] += r.status
            row["body"] += r.body and r.status
            row["headers"] += r.headers and r.status


def report(args, results, causes):
    """Print what --diff asks for and collect the causes."""
    for r in results:
        for path in {compare.generalise(d[0]) for d in r.diffs if not r.excused}:
            first = next(d for d in r.diffs if compare.generalise(d[0]) == path)
            kind = ("absent" if first[2] is compare.ABSENT
                    else "extra" if first[1] is compare.ABSENT else "differs")
            if path == "(status)":
                kind = "%s -> %s" % first[1:]
            causes[(r.group, path, kind)] += 1
        for want in args.diff:
            group, _, n = want.partition(":")
            if r.group == group and (not n or int(n) == r.n) and r.diffs:
                print_diffs(r, args.max_diffs if not n else 1000)


def print_diffs(r, limit):
    rec = r.rec
    print("%s n=%d %s: %s %s%s" % (r.group, r.n, rec["name"], rec["method"], rec["path"],
                                   "  [excused: %s]" % r.excused if r.excused else ""))
    if rec["req_body"]:
        print("    sent      %s" % compare.show(rec["req_body"], 160))
    for path, recorded, got in r.diffs[:limit]:
        print("    %s\n      recorded  %s\n      got       %s"
              % (path, compare.show(recorded, 200), compare.show(got, 200)))
    if len(r.diffs) > limit:
        print("    ... %d more" % (len(r.diffs) - limit))


def print_table(table):
    if not table:
        return
    print("%-26s %9s %9s %9s %9s %9s" % (("group",) + FIELDS))
    for group, row in list(table.items()) + [("total", total(table))]:
        print("%-26s %9d %9d %9d %9d %9d" % ((group,) + tuple(row[f] for f in FIELDS)))


def total(table):
    return {f: sum(row[f] for row in table.values()) for f in FIELDS}


def print_causes(causes, count):
    """The paths that differ in most exchanges, over all groups and per group."""
    over = collections.Counter()
    where = collections.defaultdict(set)
    for (group, path, kind), k in causes.items():
        over[(path, kind)] += k
        where[(path, kind)].add(group)
    print("\nmost frequent causes (exchanges, what, where):")
    for (path, kind), k in over.most_common(count):
        print("%5d  %-50s %-12s %s" % (k, path, kind, ",".join(sorted(where[(path, kind)]))))


def write_markdown(path, table):
    """The table as it stands in the documentation."""
    rows = ["# Replayed recordings", "",
            "Written by `tests/replay/replay.py --markdown`; do not edit. Recordings: a real MISP "
            "2.5.1.", "`status`, `body` and `headers` count the exchanges that match (bodies and "
            "headers only where the status does);", "excused are recorded faults that a node need "
            "not copy (500 answers and those in `excused.json`).", "",
            "| group | exchanges | status | body | headers | excused |",
            "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for group, row in list(table.items()) + [("**total**", total(table))]:
        rows.append("| %s | %s |" % (group, " | ".join(str(row[f]) for f in FIELDS)))
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(rows) + "\n")


def baseline(args, table):
    """Compare with the baseline, or raise it; returns what fell below."""
    if not args.baseline:
        return []
    try:
        with open(args.baseline) as f:
            base = json.load(f)
    except FileNotFoundError:
        base = {}
    failed = []
    for group, row in table.items():
        old = base.get(group, {})
        for field in ("status", "body", "headers"):
            if row[field] < old.get(field, 0):
                failed.append("%s: %s %d, baseline %d" % (group, field, row[field], old[field]))
            elif row[field] > old.get(field, 0) and old:
                print("better: %s: %s %d, baseline %d" % (group, field, row[field], old[field]))
    if args.update_baseline:
        for group, row in table.items():
            base[group] = {f: row[f] for f in ("exchanges", "status", "body", "headers")}
        with open(args.baseline, "w") as f:
            json.dump(base, f, indent=1, sort_keys=True)
            f.write("\n")
        return []
    return failed


def acl_mode(args, folder, table, causes):
    node = fresh_node(args, "acl")
    try:
        results = acl.play(folder, node)
    finally:
        if not args.url:
            node.clean()
    tabulate(results, table)
    report(args, results, causes)
    return []


def types_mode(args, folder, table, causes):
    node = fresh_node(args, "types")
    try:
        results = typecases.play(folder, node)
    finally:
        if not args.url:
            node.clean()
    tabulate(results, table)
    report(args, results, causes)
    return []


def exports_mode(args, folder, table, causes):
    node = fresh_node(args, "exports")
    try:
        run = runs.Run(folder, "search", node, nodelib.shared("data"))
        results = exports.play(run, folder)
    finally:
        if not args.url:
            node.clean()
    tabulate(results, table)
    report(args, results, causes)
    return ["exports: node died: %s" % d for d in run.deaths]


if __name__ == "__main__":
    sys.exit(main())
