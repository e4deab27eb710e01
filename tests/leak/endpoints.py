#!/usr/bin/env python3
"""Every endpoint of a running node, asked by those who may not see everything.

The rows come from `tocsind --list-endpoints`; each is called with the numbers and UUIDs of hidden and of
visible things, by a member, a reader and a sync user of other organisations, and by nobody. Bodies,
headers, the daemon's log, /metrics and the published feed are looked through for canaries; the table of
who may see which is below. A call about something hidden must answer as one about nothing.
"""
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

POLICY = "use: [default]\naudiences:\n  public-feed: {kind: feed, tlp: clear, class: public, profile: indicators}\n"
POLICY += "  sensors: {kind: export, tlp: clear, class: public, profile: indicators}\n"
# who may see it: m(ember), r(eader), s(ync user), f(eed and everybody)
CANARIES = {
    "zq101zq": ("value in a clear event", "mrsf"),
    "zq102zq": ("info of a clear event", "mr"),
    "zq103zq": ("comment", "mr"),
    "zq104zq": ("attribute of the own organisation", ""),
    "zq105zq": ("object of the own organisation", ""),
    "zq106zq": ("report of the own organisation", ""),
    "zq107zq": ("deleted attribute", "s"),
    "zq108zq": ("local tag", "mr"),
    "zq109zq": ("targeting data", "mr"),
    "zq110zq": ("creator's e-mail", ""),
    "zq111zq": ("report", "mr"),
    "zq112zq": ("tag that no profile but full keeps", "mr"),
    "zq113zq": ("source of a sighting", ""),
    "zq114zq": ("proposal", "mr"),
    "zq115zq": ("proposal about an attribute of the own organisation", ""),
    "zq116zq": ("proposal that was discarded", ""),
    "zq117zq": ("report that was deleted", ""),
    "zq118zq": ("sighting of an attribute of the own organisation", ""),
    "zq120zq": ("event of the own organisation", ""),
    "zq121zq": ("event under embargo", ""),
    "zq122zq": ("tlp:red event", "mr"),
    "zq123zq": ("unpublished event", "mr"),
    "zq130zq": ("cluster for everybody", "mr"),
    "zq131zq": ("cluster of the own organisation", ""),
    "zq132zq": ("relation of the own organisation", ""),
    "zq133zq": ("relation to a hidden cluster", ""),
    "zq134zq": ("name of a galaxy made here", "mr"),
    "embargo:": ("embargo tags", ""),
}
# endpoints that change users or the node itself, and would end the test's own means
LEFT_OUT = re.compile(r"change_pw|resetauthkey|/users/edit$|/auth_?keys/(delete|edit)", re.I)
COUNT = [0, 0]


def ok(good, what, detail=()):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))
    for line in list(detail)[:12] if not good else ():
        print("# " + str(line)[:400].replace("\n", " "))


def must(answer, what):
    if answer.status != 200:
        print("Bail out! %s: %d %s" % (what, answer.status, answer.text()[:300]))
        sys.exit(1)
    return answer.json()


def attribute(value, **more):
    return dict({"uuid": str(uuid.uuid4()), "type": "domain", "category": "Network activity",
                 "to_ids": True, "value": value + ".example"}, **more)


def event(token, level, tags, published=True, **more):
    return dict({"uuid": str(uuid.uuid4()), "info": token, "distribution": level,
                 "threat_level_id": "1", "analysis": "2", "published": published,
                 "Tag": [{"name": t} for t in tags],
                 "Attribute": [attribute(token, comment=token)],
                 "EventReport": [{"name": token, "content": token, "uuid": str(uuid.uuid4())}]}, **more)


def visible_event():
    e = event("zq102zq", "3", ["tlp:clear", "zq:zq112zq"])
    e["Attribute"] = [attribute("zq101zq", comment="zq103zq"),
                      attribute("zq104zq", distribution="0", comment="zq104zq"),
                      attribute("zq107zq"),
                      attribute("zq109zq", type="target-org", category="Targeting data", to_ids=False)]
    e["EventReport"] = [{"name": "zq111zq", "content": "zq111zq", "uuid": str(uuid.uuid4())},
                        {"name": "zq106zq", "content": "zq106zq", "distribution": "0",
                         "uuid": str(uuid.uuid4())},
                        {"name": "zq117zq", "content": "zq117zq", "uuid": str(uuid.uuid4())}]
    e["Object"] = [{"uuid": str(uuid.uuid4()), "name": "file", "meta-category": "file",
                    "template_uuid": "688c46fb-5edb-40a3-8273-1af7923e2215", "template_version": "24",
                    "description": "d", "distribution": "0", "comment": "zq105zq",
                    "Attribute": [{"uuid": str(uuid.uuid4()), "type": "filename",
                                   "category": "Payload delivery", "object_relation": "filename",
                                   "value": "zq105zq"}]}]
    return e


class World:
    def __init__(self, folder):
        policy = os.path.join(folder, "policy.yaml")
        with open(policy, "w") as f:
            f.write(POLICY)
        self.node = nodelib.Node(folder=os.path.join(folder, "node"), extra=["--policy", policy])
        self.node.start()
        self.admin = self.node.client()
        owner = self.user("Alpha", "zq110zq@alpha.example", 4)
        self.keys = {"m": self.user("Beta", "member@beta.example", 3),
                     "r": self.user("Gamma", "reader@gamma.example", 6),
                     "s": self.user("Delta", "sync@delta.example", 5), "nobody": None}
        self.clients = {who: nodelib.Client(self.node.port, key) for who, key in self.keys.items()}
        self.owner = self.node.client(owner)
        self.shown, self.hidden = {}, {}
        self.subscribe("early", "values")  # follows each change
        self.fill()

    def user(self, org, email, role):
        o = must(self.admin.post("/admin/organisations/add", {"name": org, "local": True}), org)
        made = must(self.admin.post("/admin/users/add", {
            "email": email, "org_id": o["Organisation"]["id"], "role_id": str(role),
            "password": "Lantern-%s-keel-Harbour" % role}), email)
        return made["User"]["authkey"]

    def add(self, e, publish=True):
        made = must(self.owner.post("/events/add", {"Event": e}), "events/add")["Event"]
        if publish:
            must(self.owner.post("/events/publish/" + made["id"]), "publish")
        return made

    def subscribe(self, name, fmt):
        must(self.admin.post("/tocsin/subscriptions/add", {
            "name": name, "format": fmt, "audience": "sensors", "path": name + ".txt"}), "subscribe " + name)

    def note(self, made, ids, everything=True):
        """Numbers and UUIDs of an event and of its elements, by kind."""
        ids.setdefault("event", []).append((made["id"], made["uuid"]))
        for kind, key in (("attribute", "Attribute"), ("object", "Object")):
            for x in made.get(key, []) if everything else ():
                ids.setdefault(kind, []).append((x["id"], x["uuid"]))

    def fill(self):
        e = visible_event()
        made = self.add(e)
        self.note(made, self.shown, False)
        by_value = {a["value"]: a for a in made["Attribute"]}
        self.taken = {a["id"] for a in made["Attribute"]}  # deleted ones as well
        first = by_value["zq101zq.example"]
        self.shown["attribute"] = [(first["id"], first["uuid"])]
        own = by_value["zq104zq.example"]
        self.hidden["attribute"] = [(own["id"], own["uuid"])]
        inner = made["Object"][0]
        self.hidden["object"] = [(inner["id"], inner["uuid"])]
        self.hidden["attribute"].append((inner["Attribute"][0]["id"], inner["Attribute"][0]["uuid"]))
        must(self.owner.post("/attributes/delete/" + by_value["zq107zq.example"]["id"]), "delete")
        seen = must(self.owner.post("/sightings/add/" + first["id"], {"source": "zq113zq"}), "sighting")
        own_seen = must(self.owner.post("/sightings/add/" + own["id"], {"source": "zq118zq"}), "sighting")
        for s in (seen, own_seen):
            self.hidden.setdefault("sighting", []).append((s["Sighting"]["id"], s["Sighting"]["uuid"]))
        self.add_proposals(made, first, own)
        reports = {x["name"]: x for x in made["EventReport"]}
        self.shown["report"] = [(reports["zq111zq"]["id"], reports["zq111zq"]["uuid"])]
        self.hidden["report"] = [(reports["zq106zq"]["id"], reports["zq106zq"]["uuid"])]
        must(self.owner.post("/event_reports/delete/" + reports["zq117zq"]["id"]), "delete")
        must(self.admin.post("/tags/add", {"name": "zq:zq108zq", "colour": "#000000",
                                           "exportable": True}), "tags/add")
        self.admin.post("/tags/attachTagToObject",
                        {"uuid": made["uuid"], "tag": "zq:zq108zq", "local": True})
        must(self.owner.post("/events/publish/" + made["id"]), "publish")
        until = 'embargo:until="2041-01-01T00:00:00Z"'
        self.note(self.add(event("zq120zq", "0", ["tlp:clear"])), self.hidden)
        self.note(self.add(event("zq121zq", "3", ["tlp:clear", until])), self.hidden)
        self.red = self.add(event("zq122zq", "3", ["tlp:red"]))
        self.draft = self.add(event("zq123zq", "3", ["tlp:clear"], False), False)
        self.add_clusters()

    def add_proposals(self, made, first, own):
        def propose(action, target, token):
            p = must(self.owner.post("/shadow_attributes/%s/%s" % (action, target), {
                "type": "domain", "category": "Network activity", "value": token + ".example",
                "comment": token}), "propose")["ShadowAttribute"]
            return p["id"]
        self.shown["proposal"] = [(propose("add", made["id"], "zq114zq"),)]
        self.hidden["proposal"] = [(propose("edit", own["id"], "zq115zq"),)]
        must(self.owner.post("/shadow_attributes/discard/" + propose("edit", first["id"], "zq116zq")),
             "discard")

    def add_clusters(self):
        galaxy = {"uuid": str(uuid.uuid4()), "name": "zq134zq", "type": "lairs", "version": "1"}
        seen, own = str(uuid.uuid4()), str(uuid.uuid4())
        relation = {"referenced_galaxy_cluster_uuid": own, "distribution": "0",
                    "referenced_galaxy_cluster_type": "zq132zq"}
        for ident, token, level, relations in (
                (own, "zq131zq", "0", []),
                (seen, "zq130zq", "3", [relation, dict(relation, distribution="3",
                                                       referenced_galaxy_cluster_type="zq133zq")])):
            must(self.owner.post("/galaxies/import", [{"GalaxyCluster": {
                "uuid": ident, "type": "lairs", "value": token, "description": token, "version": "1",
                "distribution": level, "published": True, "Galaxy": galaxy,
                "GalaxyElement": [{"key": "synonyms", "value": token}],
                "GalaxyClusterRelation": relations}}]), "galaxies/import")
        for ids, ident in ((self.shown, seen), (self.hidden, own)):
            row = must(self.owner.get("/galaxy_clusters/view/" + ident), "view")["GalaxyCluster"]
            ids["cluster"] = [(row["id"], ident)]
        assert len(row["GalaxyElement"]) == 1


def rows():
    daemon = os.environ.get("TOCSIND")
    if not daemon:
        nodelib.skip("TOCSIND does not say where the daemon is")
    return json.loads(subprocess.run([daemon, "--list-endpoints"], stdout=subprocess.PIPE,
                                     check=True).stdout)


def kind_of(path, name):
    first = path.strip("/").replace("admin/", "").split("/")[0].lower()
    if name in ("event", "object"):
        return name
    if name == "galaxy":
        return "any"
    if name == "attribute":
        return name
    return {"events": "event", "attributes": "attribute", "objects": "object",
            "galaxy_clusters": "cluster", "shadow_attributes": "proposal", "event_reports": "report",
            "sightings": "any"}.get(first, "any")


def fill_in(path, kind, ident):
    """The path with this identity for the first parameter; the others are left off."""
    head, _, rest = path.partition("/:")
    return head + "/" + ident


def calls(row, world, who):
    """(method, path, body) of every call that is made of a row."""
    path = row["path"]
    body_of = {"POST": {"Event": {"info": "x"}, "name": "x"}, "PUT": {"info": "x"}}
    methods = [m for m in row["methods"] if m in ("GET", "POST")] or row["methods"]
    if who == "s" and "POST" in methods and "/events/add" in path:
        return
    match = re.search(r"/:(\w+)", path)
    for m in methods:
        if not match:
            yield m, path.rstrip("*"), body_of.get(m)
            continue
        kind = kind_of(path, match.group(1))
        idents = [str(n) for n in range(1, 9)] if kind == "any" else []
        for ids in (world.shown, world.hidden):
            for k in ids if kind == "any" else [kind]:
                for pair in ids.get(k, []):
                    idents += pair
        for ident in dict.fromkeys(idents):
            yield m, fill_in(path, kind, ident), body_of.get(m)


FORMATS = ["json", "csv", "text", "suricata", "snort", "hashes", "cache", "count", "openioc", "hosts",
           "netfilter", "xml", "stix", "stix-json", "stix2", "kunai", "rpz", "bro", "yara", "yara-json", "attack",
           "attack-navigator", "attack-sightings", "context", "context-markdown", "opendata"]


def searches():
    for scope in ("events", "attributes"):
        for f in FORMATS:
            for more in ({}, {"deleted": [0, 1], "includeContext": 1, "includeEventTags": 1,
                              "includeAllTags": 1, "withAttachments": 1, "includeSightings": 1,
                              "includeCorrelations": 1, "includeProposals": 1}):
                yield "/%s/restSearch" % scope, dict({"returnFormat": f}, **more)
    for path in ("/events/xml", "/events/csv", "/attributes/text", "/attributes/bro", "/attributes/rpz",
                 "/attributes/returnAttributes"):
        yield path + "/download", {"ignore": 1, "allowNonIDS": 1, "allowNotPublished": 1}
    yield "/events/index", {"minimal": 1}
    yield "/events/index", {}
    yield "/values/lookup", ["shared.example"]
    for f in ("json", "csv", "xml"):
        yield "/sightings/restSearch", {"returnFormat": f, "last": 0, "includeAttribute": 1,
                                        "includeEvent": 1, "includeUuid": 1}
    yield "/shadow_attributes/index/all:1/deleted[]:0/deleted[]:1.json", {}
    yield "/event_reports/index", {"deleted": 2}
    for more in ({}, {"minimal": 1}, {"deleted": 1}, {"custom": 1}):
        yield "/galaxy_clusters/restSearch", more
    yield "/galaxies/index", {}
    for n in ("1", "2"):
        yield "/galaxy_clusters/index/" + n, {"context": "all"}
        yield "/galaxies/export/" + n, {}


def taxii(c):
    """Every page of every collection, small and large, and what leads there."""
    head = {"Accept": "application/taxii+json;version=2.1"}
    time.sleep(1.02 - time.time() % 1)  # what was published is told when its second is over
    top = c.call("GET", "/taxii2/api/collections/", headers=head)
    yield "/taxii2/api/collections/", top
    for row in top.json().get("collections", []) if top.status == 200 else []:
        for what in ("objects/?limit=2", "objects/?limit=10000", "manifest/?limit=10000"):
            base = path = "/taxii2/api/collections/%s/%s" % (row["id"], what)
            while path:
                a = c.call("GET", path, headers=head)
                yield path, a
                path = base + "&next=" + a.json()["next"] if a.status == 200 and a.json().get("more") else None


class Looking:
    def __init__(self, who, letter):
        self.who, self.letter, self.seen, self.leaks = who, letter, set(), []

    def look(self, answer, call):
        text = answer.text() + "\n" + "\n".join("%s: %s" % h for h in answer.headers.items())
        for token, (what, may) in CANARIES.items():
            # what a vocabulary says of embargo tags is no event's
            if token not in text or (token == "embargo:" and "/taxonomies/" in call):
                continue
            self.seen.add(token)
            if self.letter not in may:
                self.leaks.append("%s: %s (%s) in the answer to %s: %s" % (
                    self.who, token, what, call, text[max(0, text.index(token) - 60):][:160]))

    def judge(self):
        ok(not self.leaks, "%s: nothing leaks" % self.who, self.leaks)
        if self.letter != "f":
            missing = [t for t, (_, may) in CANARIES.items() if self.letter in may and t not in self.seen]
            ok(not missing, "%s: and what may be seen is" % self.who, missing)


def everything(world, table):
    names = {"m": "member", "r": "reader", "s": "sync user", "nobody": "nobody"}
    asked = 0
    for who, name in names.items():
        c, l = world.clients[who], Looking(name, who if who != "nobody" else "f")
        for row in table:
            if LEFT_OUT.search(row["path"]):
                continue
            for method, path, body in calls(row, world, who):
                l.look(c.call(method, path, body), "%s %s" % (method, path))
                asked += 1
        for path, body in searches():
            l.look(c.post(path, body), "%s %s" % (path, json.dumps(body)))
        for path, a in taxii(c):
            l.look(a, path)
        if who != "nobody":
            ok(c.get("/users/view/me").status == 200, "%s: still has a key" % name)
        l.judge()
    ok(asked > 500, "%d calls made of %d rows" % (asked, len(table)))


def plain(answer, ident):
    headers = {k: v for k, v in answer.headers.items() if k not in ("date", "etag")}
    return answer.status, headers, re.sub(r"(?<!\w)%s(?!\w)" % re.escape(ident), "X", answer.text())


CONTROLLER = {"cluster": "galaxy_cluster", "proposal": "shadow_attribute", "report": "event_report"}


def nobodys(world, kind, ident):
    """An identity like this one that nothing has; numbers leap, so any of them may be in use."""
    if "-" in ident:
        return str(uuid.uuid4())
    for n in range(10 ** len(ident) - 1, 0, -1):
        if str(n) not in world.taken and len(str(n)) == len(ident) and world.admin.get(
                "/%ss/view/%d" % (CONTROLLER.get(kind, kind), n)).status != 200:
            return str(n)
    raise AssertionError("every number of %d digits is in use" % len(ident))


def hidden_is_absent(world, table):
    """Every row with a parameter: hidden things answer as none."""
    names = {"m": "member", "r": "reader", "s": "sync user"}
    for who, name in names.items():
        different = []
        hidden = {k: list(v) for k, v in world.hidden.items()}
        if who == "s":
            hidden["event"] += [(e["id"], e["uuid"]) for e in (world.red, world.draft)]
        absent = {(k, i): nobodys(world, k, i) for k, pairs in hidden.items() for p in pairs for i in p}
        for row in table:
            match = re.search(r"/:(\w+)", row["path"])
            kind = kind_of(row["path"], match.group(1)) if match else None
            if kind not in hidden:
                continue
            for method in [m for m in row["methods"] if m in ("GET", "POST", "DELETE")]:
                for pair in hidden[kind]:
                    for ident in pair:
                        none = absent[kind, ident]
                        body = {"info": "x"} if method == "POST" else None
                        a, b = (plain(world.clients[who].call(method, fill_in(row["path"], kind, i),
                                                              body), i) for i in (ident, none))
                        if a != b:
                            different.append("%s %s: %r, but %r" % (
                                method, fill_in(row["path"], kind, ident), a, b))
        ok(not different, "%s: hidden things answer as none" % name, different)


def beside(world):
    """What is not an answer: log, metrics, feed."""
    log = world.node.log_tail(64 << 20)
    ok(not [t for t in CANARIES if t in log], "no canary is in the log", [t for t in CANARIES if t in log])
    text = world.admin.raw("GET", "/metrics", {}).text()
    ok(not [t for t in CANARIES if t in text], "nor in the metrics")
    c = nodelib.Client(world.node.port)
    answer = c.raw("GET", "/metrics", {"X-Forwarded-For": "192.0.2.1"})
    ok(answer.status == 403, "which a proxy's client does not get", [answer.status])
    answer = c.raw("GET", "/metrics", {"X-Forwarded-For": "192.0.2.1", "Authorization": world.keys["m"]})
    ok(answer.status == 403, "nor a member", [answer.status])
    answer = world.admin.call("GET", "/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    ok(answer.status == 200, "but an administrator", [answer.status])
    metrics_parse(text)
    leaks = []
    feeds = os.path.join(world.node.folder, "feeds")
    for folder, _, files in os.walk(feeds):
        for name in files:
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read().decode("utf-8", "replace")
            leaks += ["%s in %s" % (t, name) for t, (_, may) in CANARIES.items()
                      if t in data + name and "f" not in may]
    ok(not leaks, "nothing leaks into the feed", leaks)


def exports(world):
    """What subscriptions keep, whole and as changes, for everybody and in files: every format."""
    formats = [f["name"] for f in must(world.admin.get("/tocsin/formats"), "formats") if f.get("sensor")] + ["rpz", "hosts"]
    names = ["early"] + ["x-" + f for f in formats]
    for f in formats:
        world.subscribe("x-" + f, f)
    folder, leaks = os.path.join(world.node.folder, "exports"), []
    end = time.monotonic() + 120
    while time.monotonic() < end:
        rows = [r["Subscription"] for r in must(world.admin.get("/tocsin/subscriptions/index"), "subscriptions")]
        written = os.listdir(folder) if os.path.isdir(folder) else []
        if all(r["state"] == "ready" for r in rows) and {n + ".txt.sha256" for n in names} <= set(written):
            break
        time.sleep(0.2)
    c, look = nodelib.Client(world.node.port), Looking("exports", "f")
    for n in names:
        for tail in ("", ".md5", ".sha256", "?since=0", "?since=1"):
            a = c.get("/exports/" + n + tail)
            if a.status != 200:
                leaks.append("/exports/%s%s: %d" % (n, tail, a.status))
            look.look(a, "/exports/" + n + tail)
    look.judge()
    for name in written:
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        text = (gzip.decompress(data) if name.endswith(".gz") else data).decode("utf-8", "replace")
        leaks += ["%s in %s" % (t, name) for t, (_, may) in CANARIES.items() if t in text + name and "f" not in may]
    ok(not leaks and len(written) == 4 * len(names), "nothing leaks into %d files of exports" % len(written), leaks)


def metrics_parse(text):
    """The text form, version 0.0.4: help and type before samples, no sample twice, sums that fit."""
    bad, types, seen, helped = [], {}, set(), set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split()[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
            if kind not in ("counter", "gauge", "histogram") or name not in helped:
                bad.append(line)
        else:
            m = re.fullmatch(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)*\})? (-?[0-9.e+]+|\+Inf)', line)
            base = m and re.sub(r"_(bucket|sum|count)$", "", m.group(1))
            if not m or (m.group(1) not in types and types.get(base) != "histogram"):
                bad.append(line)
            elif m.group(1, 2) in seen:
                bad.append("twice: " + line)
            else:
                seen.add(m.group(1, 2))
    ok(not bad and len(types) > 20, "the metrics are well-formed", bad)
    for name in ("tocsin_http_requests_total", "tocsin_gate_withheld_total", "tocsin_gate_released_total",
                 "tocsin_gate_bytes_total",
                 "tocsin_ingest_events_total"):
        ok(any(s[0] == name for s in seen), name + " counts")


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    table = rows()
    with tempfile.TemporaryDirectory(prefix="tocsin-leak-") as folder:
        world = World(folder)
        try:
            hidden_is_absent(world, table)
            everything(world, table)
            beside(world)
            exports(world)
            ok(world.node.alive(), "the node lives")
        finally:
            world.node.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
