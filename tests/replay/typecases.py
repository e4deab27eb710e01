"""The table of attribute types: every recorded value sent; what is stored or refused is compared.

One event holds them all; a saved attribute is deleted for good before the next case, as recorded.
Status counts in `status`, the stored value or the messages in `body`.
"""
import base64
import json
import os

import node as nodelib
import run as runs

DATA = base64.b64encode(b"invented sample").decode()  # what was sent as data is not recorded
DEVIATIONS = os.path.join(nodelib.TOP, "tests", "unit", "model", "types_deviations.json")
CLOCK = ("yesterday",)  # values whose result moves with the clock


def play(folder, node):
    """All cases on a fresh node; one result each."""
    run = runs.Run(folder, "functional", node, nodelib.shared("data"))
    event = run.quiet("POST", "/events/add", {"info": "types"}).json()["Event"]["id"]
    with open(os.path.join(folder, "types-table.json")) as f:
        types = json.load(f)["types"]
    with open(DEVIATIONS) as f:
        wanted = {(d["type"], str(d["value"])): d["reason"] for d in json.load(f)}
    cases = ((t, c, wanted.get((t["type"], str(c["value"])))) for t in types for c in t["cases"])
    return [one(run, event, *case, n) for n, case in enumerate(cases, 1)]


def one(run, event, kind, case, wanted, n):
    body = {"type": kind["type"], "category": kind["default_category"], "value": case["value"]}
    if kind["type"] in ("attachment", "malware-sample"):
        body["data"] = DATA
    rec = {"group": "types-table", "n": n, "name": kind["type"], "method": "POST",
           "path": "/attributes/add", "req_body": json.dumps(body), "status": case["status"]}
    res = runs.Result(rec)
    if case["status"] == 500:
        res.excused = "recorded fault (500)"
    elif wanted:
        res.excused = "wanted: " + wanted
    elif case["value"] in CLOCK:
        res.excused = "moves with the clock"
    try:
        ans = run.client.post("/attributes/add/" + event, body)
    except Exception as e:
        res.miss("no answer: %s" % e)
        run.revive("%s %r: %s" % (kind["type"], case["value"], e))
        return res
    judge(res, case, ans)
    if ans.status == 200:
        try:
            uuid = ans.json()["Attribute"]["uuid"]
        except (ValueError, KeyError, TypeError):
            return res
        run.client.post("/attributes/delete/" + uuid, {"hard": 1})
    return res


def judge(res, case, ans):
    res.got_status = ans.status
    res.status = ans.status == case["status"]
    if not res.status:
        res.diffs.append(("(status)", case["status"], "%d %s" % (ans.status, ans.text()[:150])))
    res.headers = res.status
    try:
        doc = ans.json()
    except ValueError:
        doc = {}
    if case["status"] == 200:
        got = doc.get("Attribute") or {}
        pairs = [("value", case["saved"])] + [
            (k, case[k]) for k in ("value1", "value2", "to_ids", "disable_correlation")]
    else:
        got, pairs = doc, [("errors", case["errors"])]
    for name, want in pairs:
        if got.get(name) != want:
            res.diffs.append((name, want, got.get(name)))
    res.body = res.status and not res.diffs
