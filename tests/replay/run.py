"""Replay one tape against one node and judge every exchange.

The unrecorded steps (users, corpus, publishing) are made here, at the place where they belong.
A node that dies is started again on its folder, and the death is counted.
"""
import functools
import http.server
import json
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import compare
import node as nodelib
import tape as tapes

FEW = 6  # public events published after the load, as recorded


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def serve_feed(folder):
    """The recorded feeds, served for as long as this process lives; an address where nothing is without."""
    feed = os.path.join(folder, "feed")
    if not os.path.isdir(feed):
        return "http://127.0.0.1:9"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=feed))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "http://127.0.0.1:%d" % server.server_address[1]


class Result:
    """One exchange: what matched and what did not."""

    def __init__(self, rec):
        self.rec = rec
        self.group, self.n = rec["group"], rec["n"]
        self.status = self.body = self.headers = False
        self.excused = ""
        self.got_status = None
        self.diffs = []

    def miss(self, why):
        self.diffs.append(("(exchange)", self.rec["status"], why))


class Run:
    """A node, its client and everything bound so far."""

    def __init__(self, folder, tape, node, data=None, verbose=False):
        self.folder, self.tape, self.node, self.data = folder, tape, node, data
        self.records = tapes.load(folder, tape)
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "excused.json")) as f:
            excused = json.load(f)
        self.excuses = {n: e["why"] for e in excused["exchanges"] if e["tape"] == tape
                        for n in e["n"]}
        self.members = {(n, e["path"]) for e in excused["members"] if e["tape"] == tape
                        for n in e["n"]}
        self.load_order = self.read_load_order()
        self.client = node.client(timeout=30)
        self.bind = tapes.Bindings(node.url, {"admin": node.key}, serve_feed(folder))
        self.deaths = []
        self.problems = []
        self.verbose = verbose
        now, then = int(time.time()), self.load_order["now"]
        for name, back in (("now", 0), ("now_1h", 3600), ("now_3h", 10800), ("now_2d", 172800)):
            self.bind.vars[name] = str(now - back)
            self.bind.given[str(then - back)] = str(now - back)
        self.now, self.then = now, then
        self.cmp = compare.Comparer(self.bind, then, now)

    def read_load_order(self):
        with open(os.path.join(self.folder, "corpus", "load-order.json")) as f:
            return json.load(f)

    def groups(self):
        seen = []
        for rec in self.records:
            if rec["group"] not in seen:
                seen.append(rec["group"])
        return seen

    def play(self, groups):
        """Replay the groups (and what they need); returns the results of all groups played."""
        setup = tapes.TAPES[self.tape]["setup"]
        want = tapes.needed(groups, self.records, setup)
        out = []
        before = 0
        for rec in self.records:
            if rec["group"] in want:
                self.unrecorded(before, rec["n"])
                out.append(self.exchange(rec))
                before = rec["n"]
        return out

    def unrecorded(self, before, n):
        """The steps that fall between two recorded exchanges."""
        if before < 5 <= n:
            self.add_users()
        if any(r["group"] == "galaxies" and before < r["n"] <= n and r["path"] == "/galaxies/index"
               for r in self.records):
            self.library("/galaxy_clusters/add/")
        if self.tape == "search" and before < 20 <= n:
            self.known_values()
        if self.tape == "search" and before < 46 <= n:
            self.load_corpus(0, 24)
        if self.tape == "search" and before < 56 <= n:
            for row in self.load_order["load_order"][5:5 + FEW]:
                self.quiet("POST", "/events/publish/" + self.bind.ids["event"].get(row["id"], "0"))

    def library(self, told_by="/galaxy_clusters/view/"):
        """A MISP has the public galaxies; ours learns the one of the recorded clusters."""
        for rec in self.records:
            if told_by in rec["path"] and rec["status"] == 200:
                galaxy = json.loads(rec["resp_body"])["GalaxyCluster"]["Galaxy"]
                made = {"uuid": "5d0a1e30-71aa-4b0d-9e2f-000000000001", "type": galaxy["type"],
                        "value": "none", "version": "1", "Galaxy": galaxy}
                self.quiet("POST", "/galaxies/pushCluster", [{"GalaxyCluster": made}])
                self.quiet("POST", "/galaxy_clusters/delete/" + made["uuid"], {"hard": 1})
                gone = self.client.get("/galaxyClusterBlocklists/index").json()[0]["id"]
                self.quiet("POST", "/galaxyClusterBlocklists/delete/" + gone, {})
                return

    def known_values(self):
        """A MISP has the public warning lists; ours learns the two that the recordings tell of."""
        for name, kind, types, entry in (
                ("List of known google domains", "hostname", ["domain", "hostname"], "google.com"),
                ("List of known IPv4 public DNS resolvers", "cidr", ["ip-src", "ip-dst"],
                 "8.8.8.8/32")):
            self.quiet("POST", "/warninglists/add", {"Warninglist": {
                "name": name, "description": name, "type": kind, "category": "false_positive",
                "entries": [entry], "matching_attributes": types}})

    def quiet(self, method, path, body=None, key=None):
        """A step nobody compares; a failure is kept as a problem of the run."""
        try:
            ans = self.client.call(method, path, body, key=self.bind.keys.get(key or "admin"))
        except Exception as e:  # any transport failure is a problem of the node
            self.revive("%s %s: %s" % (method, path, e))
            return None
        if ans.status != 200:
            self.problems.append("%s %s: %d %s" % (method, path, ans.status, ans.text()[:160]))
        return ans

    def add_users(self):
        with open(os.path.join(self.folder, "setup-users.json")) as f:
            users = json.load(f)["users"]
        host = self.client.get("/users/view/me").json()
        self.bind.vars["orguuid_host"] = tapes.pick(host, "Organisation.uuid")
        for var in ("quay", "far", "rem"):
            org = self.client.get("/organisations/view/" + self.bind.vars.get("org_" + var, "0"))
            if org.status == 200:
                self.bind.vars["orguuid_" + var] = tapes.pick(org.json(), "Organisation.uuid")
        for user in users:
            name = user["key"][5:-1]
            body = dict(user["body"])
            body["org_id"] = self.bind.ids["org"].get(body["org_id"], body["org_id"])
            self.bind.note_request(json.dumps(user["body"]), json.dumps(body))
            ans = self.quiet(user["method"], user["path"], body)
            doc = ans.json() if ans is not None and ans.status == 200 else {}
            if tapes.pick(doc, "User.authkey"):
                self.bind.keys[name] = tapes.pick(doc, "User.authkey")
                self.bind.bind("uid_" + name, user["expected_id"], tapes.pick(doc, "User.id"))

    def load_corpus(self, start, end):
        """Add the documents of the recording in their order; binds c1.. and the event ids."""
        for i, row in enumerate(self.load_order["load_order"][start:end], start + 1):
            doc = self.document(row["file"])
            if doc is None:
                self.problems.append("no " + row["file"])
                continue
            ans = self.quiet("POST", "/events/add", doc, row["key"])
            ours = tapes.pick(ans.json(), "Event.id") if ans and ans.status == 200 else None
            if ours is None:
                continue
            self.bind.bind("c%d" % i, row["id"], ours, "Event.id")
            count = tapes.pick(ans.json(), "Event.attribute_count")
            if count != row["attribute_count"]:
                self.problems.append("%s: attribute_count %s, recorded %s"
                                     % (row["file"], count, row["attribute_count"]))

    def document(self, name):
        top = self.folder if name.startswith("corpus/") else self.data
        if top is None or not os.path.exists(os.path.join(top, name)):
            return None
        with open(os.path.join(top, name), encoding="utf-8") as f:
            text = f.read()
        doc = json.loads(self.bind.fill(text) if name.startswith("corpus/") else text)
        while isinstance(doc.get("response"), (list, dict)):
            doc = doc["response"][0] if isinstance(doc["response"], list) else doc["response"]
        sent = json.dumps(doc)
        self.bind.note_request(sent, sent)
        return doc

    def exchange(self, rec):
        """Send one recorded request and judge the answer."""
        res = Result(rec)
        if rec["status"] == 500:
            res.excused = "recorded fault (500)"
        res.excused = self.excuses.get(rec["n"], res.excused)
        recorded = tapes.recorded_body(self.folder, rec)
        try:
            method, path, headers, body = self.bind.request(rec)
        except tapes.Unbound as e:
            res.miss("not sent: %s is unbound" % e)
            return res
        if body:
            body = self.clocked(rec, body)
        headers.setdefault("User-Agent", nodelib.USER_AGENT)
        path = path.replace(" ", "%20")
        try:
            data = self.wire(rec, body)
            ans = self.client.raw(method, path.encode().decode("latin-1"), headers, data)
        except Exception as e:
            res.miss("no answer: %s" % e)
            self.revive("n=%d %s %s: %s" % (rec["n"], method, path, e))
            return res
        res.got_status = ans.status
        res.status = ans.status == rec["status"]
        if not res.status:
            res.diffs.append(("(status)", rec["status"], ans.status))
        # the user of another clock: bind first, so that ids named in this very answer are known
        lost = self.bind.learn(rec, recorded, ans)
        head = self.cmp.headers(rec["resp_headers"], ans.headers, not recorded)
        asked = (rec["req_body"] or "") + rec["path"]
        self.cmp.ordered = '"order"' in asked or "sort" in asked
        diffs = [] if rec["status"] == 304 else self.cmp.body(recorded, ans.body)
        head, diffs = ([d for d in found if (rec["n"], d[0]) not in self.members]
                       for found in (head, diffs))
        res.headers, res.body = not head, not diffs
        res.diffs += head + diffs
        if lost:
            res.diffs.append(("(save)", ", ".join(lost), compare.ABSENT))
        if self.verbose:
            mark = "ok" if res.body else "-"
            print("%5d %-28s %s %s" % (rec["n"], rec["group"], ans.status, mark))
        return res

    @staticmethod
    def wire(rec, body):
        """The body as bytes, compressed where the recorded one was."""
        return None if body is None else body.encode("utf-8", "surrogateescape")

    def clocked(self, rec, body):
        """The body with the clock readings of this run."""
        return self.shift(body, rec["group"] == "search-setup") if self.tape == "search" else body

    def shift(self, body, setup):
        """Move the clock readings of the recorded load to this run's clock.

        Dates of events do not move, so a span that counts back to one grows with time.
        """
        days = (self.now - self.then) // 86400
        body = re.sub(r'("date": ")(\d+)d"', lambda m: '%s%dd"' % (m[1], int(m[2]) + days), body)
        if not setup:
            return body
        for tok in set(tapes.tokens(body)):
            if tok.isdigit() and len(tok) == 10 and 0 <= self.then - int(tok) < 100 * 86400:
                ours = str(int(tok) - self.then + self.now)
                body = body.replace(tok, ours)
                self.bind.given[tok] = ours
        return body

    def revive(self, why):
        """Note a death or a hang; a dead node is started again on the same folder."""
        self.client.close()
        if self.node.proc is not None and not self.node.alive():
            self.deaths.append(why)
            self.node.proc = None
            self.node.start()
        else:
            self.problems.append("no answer: " + why)
