"""What our client asked beside what MISP asked: a pair for each question, and what differs.

deliberate.json holds the differences that are wanted, each with its reason; everything else is a miss.
"""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "replay")]
import peer as peers

# headers by which a server tells what it talks to; the others are the transport's
HEADERS = ("Accept", "Content-Type", "If-None-Match", "x-pgp-signature")
VOLATILE = ("/servers/postTest",)  # a text of our own


class Table:
    """The deliberate differences: every part of a row is a pattern that must match whole."""

    def __init__(self, path=os.path.join(HERE, "deliberate.json")):
        with open(path, encoding="utf-8") as f:
            self.rows = json.load(f)["differences"]
        for row in self.rows:
            row["used"] = 0

    def reason(self, step, what, key, member=""):
        for row in self.rows:
            if (re.fullmatch(row.get("step", ".*"), step) and re.fullmatch(row["what"], what)
                    and re.fullmatch(row.get("request", ".*"), "%s %s" % key)
                    and re.fullmatch(row.get("member", ".*"), member)):
                row["used"] += 1
                return row["why"]
        return None


class Step:
    """One action: the recorded requests, ours, and the differences (wanted and not)."""

    def __init__(self, name, recorded, made):
        self.name, self.recorded, self.made = name, recorded, made
        self.same, self.wanted, self.misses = 0, [], []

    def note(self, table, what, key, text, member=""):
        why = table.reason(self.name, what, key, member)
        line = "%s: %s %s%s: %s" % (what, key[0], key[1], " " + member if member else "", text)
        (self.wanted if why else self.misses).append(line + (" [%s]" % why if why else ""))


def ordered(doc):
    """Lists of things with UUIDs in the order of these: the order of such lists says nothing."""
    if isinstance(doc, dict):
        return {k: ordered(v) for k, v in doc.items()}
    if isinstance(doc, list):
        rows = [ordered(v) for v in doc]
        if rows and all(isinstance(r, dict) and uuid_in(r) for r in rows):
            # UUIDs that a server made differ: values first
            rows.sort(key=lambda r: (str(r.get("value", "")), str(r.get("type", "")), uuid_in(r)))
        return rows
    return doc


def uuid_in(row):
    inner = row.get("Event") or row.get("GalaxyCluster") or row.get("Note") or row
    uuid = inner.get("uuid", "") if isinstance(inner, dict) else ""
    return uuid if isinstance(uuid, str) else ""


def compare_bodies(cmp, recorded, made):
    """Differences of two request bodies: (member, recorded, ours)."""
    if not recorded and not made:
        return []
    try:
        a, b = json.loads(recorded or "null"), json.loads(made or "null")
    except ValueError:
        return [("(body)", recorded[:80], made[:80])]
    return cmp.body(json.dumps(ordered(a)).encode(), json.dumps(ordered(b)).encode())


def about(key, body):
    """Which event or cluster a document is of: several go to the same address."""
    if key[0] != "POST" or not body or body[0] not in "[{":
        return ""
    try:
        doc = json.loads(body)
    except ValueError:
        return ""
    doc = doc[0] if isinstance(doc, list) and len(doc) == 1 else doc
    return uuid_in(doc) if isinstance(doc, dict) else ""


def header(headers, name):
    return {k.lower(): v for k, v in headers.items()}.get(name.lower())


def judge(table, cmp, name, recorded, made):
    """Pair the requests of one step."""
    step = Step(name, recorded, made)
    left = list(made)
    for rec in recorded:
        k = peers.key(rec["method"], rec["path"])
        of = about(k, rec["req_body"])
        mine = next((m for m in left if m.key == k and about(k, m.body) == of), None)
        if mine is None:
            step.note(table, "not made", k, "MISP asks this " + of)
            continue
        left.remove(mine)
        before = len(step.misses) + len(step.wanted)
        for h in HEADERS:
            r, g = header(rec["req_headers"], h), header(mine.headers, h)
            if (r is None) != (g is None) or (r != g and h not in ("If-None-Match",
                                                                  "x-pgp-signature")):
                step.note(table, "header", k, "%r, ours %r" % (r, g), h)
        agent = header(mine.headers, "User-Agent") or ""
        if not agent.startswith("MISP 2."):
            step.note(table, "header", k, "ours %r" % agent, "User-Agent")
        if len(header(mine.headers, "Authorization") or "") != 40:
            step.note(table, "header", k, "not a key of 40 letters", "Authorization")
        if k[1] not in VOLATILE:
            for member, r, g in compare_bodies(cmp, rec["req_body"], mine.body):
                member = re.sub(r"\[\d+\]", "[]", member)
                step.note(table, "member", k, "%s, ours %s" % (short(r), short(g)), member)
        step.same += len(step.misses) + len(step.wanted) == before
    for mine in left:
        step.note(table, "extra", mine.key, "MISP does not ask this here "
                  + about(mine.key, mine.body))
    return step


def short(value):
    text = value if isinstance(value, str) and value == "(absent)" else json.dumps(value)
    return text if len(text) < 90 else text[:87] + "..."
