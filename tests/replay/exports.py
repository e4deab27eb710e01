"""Compare every recorded export: status, headers and body after normalising what is volatile.

The state is the one of the recording: the corpus loaded and published, then four bigger events.
One table row per format, so that a new exporter shows up by itself.
"""
import gzip
import json
import os
import re
import xml.etree.ElementTree as ElementTree

import node as nodelib
import run as runs

# text that differs in every run of the same server
VOLATILE = [
    (re.compile(rb"^# Generated:.*$", re.M), b"# Generated:"),
    (re.compile(rb"\(\d{10} (?=\w+ \w+ \w+ \w+\))"), b"(SERIAL "),
    (re.compile(rb'(last-modified|published|created)="[^"]*"'), rb'\1=""'),
    (re.compile(rb"<authored_date>[^<]*<"), b"<authored_date><"),
    (re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?(?=</(published|last))"),
     b"TIME"),
]
# pages of HTML that no node copies
NOT_COPIED = ("attack", "context")


def play(run, folder):
    """Set the scene with the search tape's setup and try all exports; returns their results."""
    run.play(["search-setup"])
    run.load_corpus(24, 28)
    for row in run.load_order["load_order"][24:28]:
        run.quiet("POST", "/events/publish/" + run.bind.ids["event"].get(row["id"], "0"))
    with open(os.path.join(folder, "exports", "index.json")) as f:
        index = json.load(f)["exports"]
    return [one(run, folder, i + 1, e) for i, e in enumerate(index)]


def kind(entry):
    """The format: the returnFormat asked for, or `legacy` for the old download URLs."""
    if entry["path"].endswith("/restSearch") and entry["body"]:
        return str(entry["body"].get("returnFormat", "json"))
    return "bro" if "/bro/" in entry["path"] else "legacy"


def one(run, folder, n, entry):
    rec = {"group": "exports-" + kind(entry), "n": n, "name": entry["scope"] + " " + entry["name"],
           "method": entry["method"], "path": entry["path"], "status": entry["status"],
           "req_body": None if entry["body"] is None else json.dumps(entry["body"])}
    res = runs.Result(rec)
    if entry["status"] == 500:
        res.excused = "recorded fault (500)"
    elif kind(entry) in NOT_COPIED and entry["length"] > 1000000:
        res.excused = "a page of HTML"
    with gzip.open(os.path.join(folder, "exports", entry["file"]), "rb") as f:
        recorded = f.read()
    if not readable(recorded):
        res.excused = "the recording is not well-formed XML"
    headers = {"User-Agent": nodelib.USER_AGENT, "Authorization": run.bind.keys[entry["key"]]}
    if entry["accept"]:
        headers["Accept"] = entry["accept"]
    path, body = run.bind.renumber(entry["path"], rec["req_body"])
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        ans = run.client.raw(entry["method"], path, headers, body and body.encode())
    except Exception as e:
        res.miss("no answer: %s" % e)
        run.revive("export %d %s: %s" % (n, entry["path"], e))
        return res
    judge(run, res, entry, recorded, ans)
    return res


def readable(recorded):
    """MISP writes elements named <0>, and the recording has <PATH>: that is no XML."""
    try:
        return not recorded.startswith(b"<?xml") or ElementTree.fromstring(recorded) is not None
    except ElementTree.ParseError:
        return False


def judge(run, res, entry, recorded, ans):
    res.got_status = ans.status
    res.status = ans.status == entry["status"]
    if not res.status:
        res.diffs.append(("(status)", entry["status"], ans.status))
    head = run.cmp.headers(entry["headers"], ans.headers)
    body = ans.body
    if not readable(recorded):
        res.headers = not head
        res.diffs += head
        if not readable(body):
            res.excused = None
            res.diffs.append(("(body)", "XML", "not XML"))
        return
    for pattern, text in VOLATILE:
        recorded, body = pattern.sub(text, recorded), pattern.sub(text, body)
    diffs = run.cmp.body(recorded, body)
    res.headers, res.body = not head, not diffs
    res.diffs += head + diffs
