"""Read a recorded tape and fill its templates for the server under test.

A tape is a list of exchanges in the order of `n`; nothing here sends anything.
What cannot be filled raises Unbound, so that a lost variable never hides as a wrong answer.
"""
import base64
import copy
import gzip
import json
import os
import re

# folder: below the folder of recordings; setup: the group that all others of the tape need
TAPES = {
    "functional": {"folder": "client", "setup": "setup"},
    "search": {"folder": "client", "setup": "search-setup"},
    "sync": {"folder": "sync", "setup": "sync-setup"},
    "two-misps": {"folder": "sync", "setup": "two-misps"},
}
SYNC_FILES = {"sync": ("setup.jsonl", "server-role.jsonl"), "two-misps": ("two-misps-to-B.jsonl",)}
WRONG_KEY = "w" * 40  # <KEY:wrong>: well-formed and nobody's
SHORT_KEY = "tooshort"  # <KEY:short>: malformed
ANY_KEY = "0123456789abcdefghijABCDEFGHIJ0123456789"  # <AUTHKEY> in requests

_VAR = re.compile(r"<<([^<>]+)>>")
_TOKEN = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
                    r"|\d{4}-\d\d-\d\d|\d{6,}")


# Clusters of MISP's library named by a number that could be one of ours.
_NO_CLUSTER = re.compile(r"^(/galaxy_clusters/(?:view|edit|delete|unpublish|publish)/)5\b")


class Unbound(Exception):
    """A variable or key that no earlier answer has delivered."""


def load(folder, tape):
    """All exchanges of one tape, ordered by n."""
    if tape in SYNC_FILES:
        return load_sync(folder, tape)
    out = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".jsonl"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                for line in f:
                    rec = json.loads(line)
                    if rec["tape"] == tape:
                        out.append(rec)
    return sorted(out, key=lambda r: r["n"])


def load_sync(folder, tape):
    """The same of the recordings between servers, in the form of the others."""
    out = []
    for name in SYNC_FILES[tape]:
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            for line in f:
                rec = json.loads(line)
                group = tape if tape == "two-misps" else rec["group"]
                rec.update(tape=tape, group="sync-setup" if group == "setup" else group)
                if tape == "two-misps":
                    rec["name"] = "A asks B"
                    for k in ("req_headers", "resp_headers"):
                        rec[k] = {h: v.replace("<B>", "<BASE>") for h, v in rec[k].items()
                                  if h not in ("Host", "Accept-Encoding")}
                out.append(rec)
    return sorted(out, key=lambda r: r["n"])


def recorded_body(folder, rec):
    """The body as MISP sent it, as bytes."""
    if "resp_file" in rec:
        with gzip.open(os.path.join(folder, rec["resp_file"]), "rb") as f:
            return f.read()
    if "resp_base64" in rec:
        return base64.b64decode(rec["resp_base64"])
    return (rec["resp_body"] or "").encode("utf-8", "surrogateescape")


def tokens(text):
    """Everything in a text that looks like a UUID, a date or a long number."""
    return _TOKEN.findall(text)


def pick(doc, path):
    """Follow `Event.Attribute.0.id`; None when the answer has no such member."""
    for step in path.split("."):
        if isinstance(doc, list) and step.isdigit() and int(step) < len(doc):
            doc = doc[int(step)]
        elif isinstance(doc, dict) and step in doc:
            doc = doc[step]
        else:
            return None
    return doc


# Groups that no variable leads to, but what they switched on shows in the answers.
SWITCHED_BY = {"freetext-import": {"warninglists"}}


def needed(groups, records, setup):
    """The groups and those whose saved variables they use, however far back."""
    saved, used = {}, {}
    for rec in records:
        g = rec["group"]
        for var in rec.get("save") or {}:
            saved.setdefault(var, set()).add(g)
        text = json.dumps([rec.get("path_template"), rec.get("req_template")])
        used.setdefault(g, set()).update(_VAR.findall(text))
    want, todo = {setup}, list(groups)
    while todo:
        g = todo.pop()
        if g in want:
            continue
        want.add(g)
        todo += SWITCHED_BY.get(g, ())
        for var in used.get(g, ()):
            owners = saved.get(var, set())
            if owners and not owners & want:
                todo += owners
    return want


class Bindings:
    """What this run knows: variables, keys, and which recorded number is which of ours."""

    def __init__(self, base, keys, feed="http://127.0.0.1:9"):
        self.base = base
        self.host = base.split("//", 1)[1]
        self.feed = feed
        self.peer = "http://127.0.0.1:9"
        self.keys = {"wrong": WRONG_KEY, "short": SHORT_KEY}
        self.keys.update(keys)
        self.vars = {}
        self.pairs = {}  # recorded number -> set of our numbers
        self.ids = {"event": {}, "org": {"1": "1"}}  # recorded id -> our id
        self.given = {}  # token of a recorded request -> token that we sent
        self.etags = {}

    def bind(self, var, recorded, ours, path=""):
        """Keep one variable; the kind of id is told by the path it was saved from."""
        self.vars[var] = ours
        if isinstance(recorded, str) and isinstance(ours, str):
            self.pairs.setdefault(recorded, set()).add(ours)
            if path == "Event.id":
                self.ids["event"][recorded] = ours
            elif path == "Organisation.id":
                self.ids["org"][recorded] = ours
            self.given[recorded] = ours if len(recorded) > 5 else recorded

    def note_request(self, recorded, sent):
        """Remember which UUIDs, dates and long numbers the client itself has named."""
        a, b = tokens(recorded), tokens(sent)
        self.given.update(zip(a, b) if len(a) == len(b) else ((t, t) for t in a))

    def _var(self, match):
        name = match.group(1)
        if name not in self.vars:
            raise Unbound("<<%s>>" % name)
        return str(self.vars[name])

    def _place(self, match):
        kind, _, name = match.group(1).partition(":")
        if kind == "KEY":
            if name not in self.keys:
                raise Unbound("<KEY:%s>" % name)
            return self.keys[name]
        return {"BASE": self.base, "HOST": self.host, "FEED": self.feed, "PEER": self.peer,
                "AUTHKEY": ANY_KEY}.get(kind, match.group(0))

    def fill(self, text):
        """Replace variables and placeholders in a text."""
        text = _VAR.sub(self._var, text)
        return re.sub(r"<([A-Z]+(?::[\w-]+)?)>", self._place, text)

    def fill_json(self, doc):
        """Replace them inside the strings of a JSON template."""
        if isinstance(doc, str):
            return self.fill(doc)
        if isinstance(doc, list):
            return [self.fill_json(v) for v in doc]
        if isinstance(doc, dict):
            return {self.fill(k): self.fill_json(v) for k, v in doc.items()}
        return copy.copy(doc)

    def event_ids(self, value):
        """A filter on event ids (`1`, `"!1"`, `"1|3"`, lists of them) in our numbers.

        The search tape names events by number without templates; ours leave gaps.
        """
        known = self.ids["event"]
        if isinstance(value, list):
            return [self.event_ids(v) for v in value]
        if isinstance(value, dict):
            return {k: self.event_ids(v) for k, v in value.items()}
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            return value
        if isinstance(value, int):
            return int(known.get(str(value), value))
        return re.sub(r"(?<![\w-])\d+(?![\w-])", lambda m: known.get(m[0], m[0]), value)

    def renumber(self, path, body):
        """Path and JSON body with event ids in our numbers."""
        known = self.ids["event"]
        path = re.sub(r"((?:eventid:|/events/view/)!?)(\d+)",
                      lambda m: m[1] + known.get(m[2], m[2]), path)
        try:
            doc = json.loads(body or "")
        except ValueError:
            return path, body
        if isinstance(doc, dict):
            hit = [k for k in doc if k.lower() in ("eventid", "event_id", "searcheventid")]
            for k in hit:
                doc[k] = self.event_ids(doc[k])
            if hit:
                body = json.dumps(doc)
        return path, body

    def orgs_in(self, doc):
        """Organisations that a request names by their recorded number; ours leave gaps, too."""
        known = self.ids["org"]
        if isinstance(doc, list):
            return [self.orgs_in(v) for v in doc]
        if not isinstance(doc, dict):
            return doc
        ours = lambda v: [known.get(str(x), x) for x in v] if isinstance(v, list) else known.get(str(v), v)
        return {k: ours(v) if k in ("org_id", "orgc_id") else self.orgs_in(v) for k, v in doc.items()}

    def orgs_of(self, rec):
        """Path, template and body of a request with organisations in our numbers."""
        path = re.sub(r"((?:/organisations/(?:view|edit|delete)/|searchorg:)!?)(\d+)\b",
                      lambda m: m[1] + self.ids["org"].get(m[2], m[2]), rec.get("path_template") or rec["path"])
        template, body = rec.get("req_template"), rec["req_body"]
        if template:
            return path, self.orgs_in(template), body
        try:
            doc = json.loads(body or "")
        except ValueError:
            return path, template, body
        mapped = self.orgs_in(doc)
        return path, template, body if mapped == doc else json.dumps(mapped)

    def request(self, rec):
        """(method, path, headers, body or None) ready to send."""
        path, template, body = self.orgs_of(rec)
        path = self.fill(path if rec.get("path_template") else _NO_CLUSTER.sub(r"\g<1>999999999", path))
        if template:
            body = json.dumps(self.fill_json(template))
        elif body is not None:
            body = self.fill(body) if re.search(r"<[A-Z]+(:[\w-]+)?>", body) else body
        if rec["tape"] == "search" and not (rec.get("path_template") or rec.get("req_template")):
            path, body = self.renumber(path, body)
        headers = {}
        for name, value in rec["req_headers"].items():
            value = self.fill(value)
            if name == "If-None-Match":
                for theirs, ours in self.etags.items():
                    value = value.replace(theirs, ours)
            headers[name] = value
        self.note_request(rec["path"] + (rec["req_body"] or ""), path + (body or ""))
        return rec["method"], path, headers, body

    def learn(self, rec, recorded, answer):
        """Take the variables that this answer delivers; returns those it failed to."""
        lost = []
        theirs = rec["resp_headers"].get("ETag")
        if theirs and answer.headers.get("etag"):
            self.etags[theirs.strip('"')] = answer.headers["etag"].replace("W/", "").strip('"')
        if not rec.get("save"):
            return lost
        try:
            ours = json.loads(answer.body)
        except ValueError:
            ours = None
        try:
            doc = json.loads(recorded)
        except ValueError:
            doc = None
        for var, path in rec["save"].items():
            value = pick(ours, path)
            if value is None:
                lost += [var] if pick(doc, path) is not None else []
            else:
                self.bind(var, pick(doc, path), value, path)
        return lost
