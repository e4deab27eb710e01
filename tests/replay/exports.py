"""Compare every recorded export: status, headers and body after normalising what is volatile.

The state is the one of the recording: the corpus loaded and published, then four bigger events.
One table row per format, so that a new exporter shows up by itself.
"""
import gzip
import hashlib
import json
import os
import re
import xml.etree.ElementTree as ElementTree

import compare
import node as nodelib
import run as runs

# text that differs in every run of the same server
VOLATILE = [
    (re.compile(rb"^# Generated:.*$", re.M), b"# Generated:"),
    # rows of the event index: the event's number, the organisation's, and the time of publication
    (re.compile(rb'^\d+(?=,"\d{4}-)', re.M), b"ID"),
    (re.compile(rb',\d+,("[^"]*","[0-9a-f-]{36}",\d{10},\d,\d+,\d),\d+,"', re.M), rb',ORG,\1,TIME,"'),
    (re.compile(rb"\(\d{10} (?=\w+ \w+ \w+ \w+\))"), b"(SERIAL "),
    (re.compile(rb'(last-modified|published|created)="[^"]*"'), rb'\1=""'),
    (re.compile(rb"<authored_date>[^<]*<"), b"<authored_date><"),
    (re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?(?=</(published|last))"),
     b"TIME"),
]
# STIX 1: its ids and the times of what has none
VOLATILE += [
    (re.compile(rb'timestamp="[^"]*\.\d{6}(\+00:00)?"'), b'timestamp=""'),
    (re.compile(rb'(?<=^\t id="ORGNAME:STIXPackage-)[0-9a-f-]{36}', re.M), b"ID"),
    (re.compile(rb'(?<=<incident:External_ID source="MISP Event">)\d+'), b"ID"),
    (re.compile(rb"(?<=<incident:Incident_Reported precision=.second.>)[^<]*"), b"TIME"),
    (re.compile(rb'(?<=xmlns:ORGNAME=")[^"]*'), b"BASE"),
]
# pages of HTML that no node copies
NOT_COPIED = ("attack", "context")


def md5(text):
    return hashlib.md5(text.encode()).hexdigest().encode()


# Places where what reads the export would refuse MISP's form, or where MISP is wrong: the recorded
# text is made what it should be, so that the rest is still compared byte by byte.
MENDED = [
    (("rpz", "legacy"), re.compile(rb"\b24\.77\.2\.0\.192\.rpz-ip"), b"24.0.2.0.192.rpz-ip",
     "BIND refuses a zone with host bits in a network"),
    (("rpz", "legacy"), re.compile(rb"^(\.mast\.example\.org)", re.M), rb"; not a name: \1",
     "no name begins with a dot: BIND refuses the zone"),
    (("cache",), re.compile(md5("httpS://fjord.example.org/B?q=1")), md5("https://fjord.example.org/B?q=1"),
     "MISP's refanging makes HXXPS:// httpS://"),
    (("suricata", "snort"), re.compile(rb"^(# not a rule.*|(?!alert |#).*)\n", re.M), b"",
     "shared rules that are only words, at which the engine stops; here they are remarks"),
    (("legacy",), re.compile(rb"^(# not a rule.*|quay|two lines)\n", re.M), b"", "the same"),
    (("netfilter",), re.compile(rb"^iptables(?= .* -s [0-9a-f]*:)", re.M), b"ip6tables",
     "iptables takes no IPv6"),
    (("bro",), re.compile(rb"^(httpS://)?fjord\.example\.org/B.*\n", re.M), b"", "the same"),
    (("suricata", "snort", "legacy"), re.compile(rb"^.*Outgoing.*URL:? https\|3a\|//fjord\.example\.org/B.*\n",
                                                 re.M | re.I), b"",
     "the same, and so it takes the address for one without a scheme"),
]
# Their lines come in the order of one of MISP's indexes, or are sorted in memory; who reads them does
# not mind, and ours come as they are found.
ANY_ORDER = ("netfilter", "bro")


def play(run, folder):
    """Set the scene with the search tape's setup and try all exports; returns their results."""
    run.play(["search-setup"])
    run.load_corpus(24, 28)
    for row in run.load_order["load_order"][24:28]:
        run.quiet("POST", "/events/publish/" + run.bind.ids["event"].get(row["id"], "0"))
    with open(os.path.join(folder, "exports", "index.json")) as f:
        index = json.load(f)["exports"]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "excused.json")) as f:
        rows = json.load(f)["exports"]
    excuses = {(n, e.get("path")): e["why"] for e in rows for n in e["n"]}
    return [one(run, folder, i + 1, e, excuses) for i, e in enumerate(index)]


def kind(entry):
    """The format: the returnFormat asked for, or `legacy` for the old download URLs."""
    if entry["path"].endswith("/restSearch") and entry["body"]:
        return str(entry["body"].get("returnFormat", "json"))
    return "bro" if "/bro/" in entry["path"] else "legacy"


def one(run, folder, n, entry, excuses):
    rec = {"group": "exports-" + kind(entry), "n": n, "name": entry["scope"] + " " + entry["name"],
           "method": entry["method"], "path": entry["path"], "status": entry["status"],
           "req_body": None if entry["body"] is None else json.dumps(entry["body"])}
    res = runs.Result(rec)
    if entry["status"] == 500:
        res.excused = "recorded fault (500)"
    elif kind(entry) in NOT_COPIED and entry["length"] > 1000000:
        res.excused = "a page of HTML"
    res.excused = excuses.get((n, None), res.excused)
    with gzip.open(os.path.join(folder, "exports", entry["file"]), "rb") as f:
        recorded = f.read()
    if not readable(recorded):
        res.excused = "the recording is not well-formed XML"
    headers = {"User-Agent": nodelib.USER_AGENT, "Authorization": run.bind.keys[entry["key"]]}
    if entry["accept"]:
        headers["Accept"] = entry["accept"]
    path, body = run.bind.renumber(entry["path"], rec["req_body"])
    path = re.sub(r"(?<=/download/)((?:[a-z]+/null/)?)(\d+)(?=/|$)",
                  lambda m: m.group(1) + run.bind.ids["event"].get(m.group(2), "0"), path)
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        ans = run.client.raw(entry["method"], path, headers, body and body.encode())
    except Exception as e:
        res.miss("no answer: %s" % e)
        run.revive("export %d %s: %s" % (n, entry["path"], e))
        return res
    judge(run, res, entry, recorded, ans, {path for i, path in excuses if i == n})
    return res


def readable(recorded):
    """MISP writes elements named <0>, and the recording has <PATH>: that is no XML."""
    try:
        return not recorded.startswith(b"<?xml") or ElementTree.fromstring(recorded) is not None
    except ElementTree.ParseError:
        return False


def with_paths(recorded, got):
    """The recording with our text in lines that fit but for <PATH> and the number of the event."""
    ours = got.split(b"\n")
    lines = recorded.split(b"\n")
    for i, line in enumerate(lines[:len(ours)]):
        if b"<PATH>" in line:
            fits = re.sub(rb",\d+,", b",[0-9]+,", re.escape(line), count=1)
            fits = fits.replace(b"<PATH>", b"[^\"' ]+")
            lines[i] = ours[i] if re.fullmatch(fits, ours[i]) else line
    return b"\n".join(lines)


def in_order(text):
    return b"\n".join(sorted(text.split(b"\n")))


def judge(run, res, entry, recorded, ans, known):
    res.got_status = ans.status
    res.status = ans.status == entry["status"]
    if not res.status:
        res.diffs.append(("(status)", entry["status"], ans.status))
    head = [d for d in run.cmp.headers(entry["headers"], ans.headers) if d[0] not in known]
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
    for kinds, pattern, text, _ in MENDED:
        if kind(entry) in kinds:
            recorded, body = pattern.sub(text, recorded), pattern.sub(text, body)
    if kind(entry) == "csv":
        recorded = with_paths(recorded, body)
    if kind(entry) in ANY_ORDER:
        recorded, body = in_order(recorded), in_order(body)
    diffs = [d for d in run.cmp.body(recorded, body) if compare.generalise(d[0]) not in known]
    res.headers, res.body = not head, not diffs
    res.diffs += head + diffs
