#!/usr/bin/env python3
"""The Log4Shell day: a vulnerability is found, recorded, told to its vendor overseas, kept from other
peers overseas and from the public until there is a remedy, published with it, released to each class at
its time, and corrected in one detail; then the ledger says who got what and when.

Five daemons: our CERT, the vendor (overseas), another CERT (overseas), a domestic partner, an operator of
the sector; and a reader of the public feed. The manual (contrib/doc/log4shell-day.md) is this day; its
commands are compared with those that ran here.
"""
import json
import os
import re
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import node as nodelib  # noqa: E402
from tool import Tool, check, finish, is_equal  # noqa: E402

LATE = float(os.environ.get("TOCSIN_LATE_SECONDS", "1"))
RECORD = "10945c00-0000-4000-8000-000000044228"
U = "10945c00-0000-4000-8000-0000000000%02x"
ORGS = {"vendor": U % 1, "overseas": U % 2, "ally": U % 3, "grid": U % 4}
WRONG = "wrong.example"  # the detail that is taken back
# by whom it may be known: what stands in the record
PARTS = {"CVE-2021-44228": "the vulnerability", "cG9jIGNvZGU=": "the exploit", "Harbour Power": "who was hit",
         "callback.example": "an indicator", WRONG: "a wrong indicator"}
SECTOR_S, PUBLIC_S = 20, 28  # seconds after the remedy

POLICY = """use: [cn-rmsv]
jurisdiction: CN
audiences:
  vendor:      {kind: peer, org: %s, tlp: amber, pap: red, class: partner, profile: full,
                jurisdiction: overseas, vendor_of: [apache, log4j]}
  overseas:    {kind: peer, org: %s, tlp: amber, pap: red, class: partner, profile: full, jurisdiction: overseas}
  ally:        {kind: peer, org: %s, tlp: amber, pap: red, class: partner, profile: full, jurisdiction: domestic}
  grid:        {kind: peer, org: %s, tlp: amber, pap: red, class: sector, profile: full, jurisdiction: domestic}
  public-feed: {kind: feed, tlp: clear, class: public, profile: indicators}
""" % tuple(ORGS[k] for k in ("vendor", "overseas", "ally", "grid"))


def iso(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def tag(*names, off=()):
    return [{"name": n} for n in names] + [{"name": n, "deleted": True} for n in off]


def record(now):
    """As it was found: details, an exploit, who was hit, and two addresses."""
    return {"Event": {
        "uuid": RECORD, "info": "Remote code execution in Log4j", "date": "2021-12-09", "distribution": "3",
        "threat_level_id": "1", "analysis": "1", "published": True, "timestamp": str(now),
        "Tag": tag("tlp:amber", "rmsv:record", 'rmsv:disclosure="undisclosed"', 'rmsv:remedy="none"',
                   'embargo:release-on="remedy-available"'),
        "Object": [{"uuid": U % 0x10, "name": "vulnerability", "meta-category": "vulnerability",
                    "template_uuid": "81650945-f186-437b-8945-9f31715d32da", "template_version": "8",
                    "distribution": "5", "timestamp": str(now), "Attribute": [
                        {"uuid": U % 0x11, "object_relation": "id", "type": "vulnerability",
                         "value": "CVE-2021-44228"},
                        {"uuid": U % 0x12, "object_relation": "cvss-score", "type": "float", "value": "10.0"},
                        {"uuid": U % 0x13, "object_relation": "cvss-string", "type": "text",
                         "value": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"},
                        {"uuid": U % 0x14, "object_relation": "vulnerable-configuration", "type": "cpe",
                         "value": "cpe:2.3:a:apache:log4j:2.14.1:*:*:*:*:*:*:*"}]}],
        "Attribute": [
            {"uuid": U % 0x20, "type": "attachment", "category": "External analysis", "value": "poc.txt",
             "data": "cG9jIGNvZGU=", "timestamp": str(now)},
            {"uuid": U % 0x21, "type": "target-org", "category": "Targeting data", "value": "Harbour Power",
             "timestamp": str(now)},
            {"uuid": U % 0x22, "type": "domain", "category": "Network activity", "to_ids": True,
             "value": "callback.example", "timestamp": str(now)},
            {"uuid": U % 0x23, "type": "domain", "category": "Network activity", "to_ids": True,
             "value": WRONG, "timestamp": str(now)}]}}


def remedied(now, sector, public):
    """There is a patch: said so, linked, disclosed, for everybody; sector and public later."""
    return {"Event": {
        "uuid": RECORD, "timestamp": str(now), "published": True,
        "Tag": tag('rmsv:remedy="patch"', 'rmsv:disclosure="disclosed"', "tlp:clear",
                   'embargo:sector="%s"' % iso(sector), 'embargo:public="%s"' % iso(public),
                   off=('rmsv:remedy="none"', 'rmsv:disclosure="undisclosed"', "tlp:amber")),
        "Attribute": [{"uuid": U % 0x24, "type": "link", "category": "External analysis",
                       "value": "https://logging.apache.example/2.17.1", "timestamp": str(now),
                       "Tag": tag('rmsv:remedy="patch"')}]}}


def corrected(now):
    return {"Event": {"uuid": RECORD, "timestamp": str(now), "published": True, "Attribute": [
        {"uuid": U % 0x23, "type": "domain", "category": "Network activity", "value": WRONG,
         "timestamp": str(now), "deleted": True}]}}


class Peer:
    """A daemon of somebody else that pulls from ours."""

    def __init__(self, folder, who, cert, tool):
        self.who = who
        self.node = nodelib.Node(folder=os.path.join(folder, who),
                                 extra=["--org", who, "--org-uuid", ORGS[who]])
        self.node.start()
        self.tool = Tool(self.node)
        tool.want(0, "org", "add", who, "--uuid", ORGS[who])
        key = tool.json(0, "user", "add", "sync@%s.example" % who, "--org", who, "--role",
                        "Sync user")["User"]["authkey"]
        self.tool.want(0, "peer", "add", cert.url, key, "--name", "cert", "--org", "Harbour CERT")

    def pull(self):
        self.tool.want(0, "peer", "pull", "cert")

    def has(self):
        """Which parts of the record are there (soft-deleted ones left out)."""
        a = self.node.client().get("/events/view/" + RECORD)
        if a.status != 200:
            return set()
        text = a.text()
        for x in re.findall(r'"id":"(\d+)","type":"attachment"', text):
            data = self.node.client().get("/attributes/view/" + x)
            text += data.text()
        got = {p for p in PARTS if p in text}
        if "poc.txt" in text:
            got.add("cG9jIGNvZGU=")
        return got

    def tags(self):
        e = self.node.client().get("/events/view/" + RECORD).json()["Event"]
        return {t["name"] for t in e.get("Tag", [])}


class Day:
    def __init__(self, folder):
        self.folder = folder
        self.policy = os.path.join(folder, "policy.yaml")
        with open(self.policy, "w") as f:
            f.write(POLICY)
        Tool().want(0, "policy", "check", self.policy)
        self.cert = nodelib.Node(folder=os.path.join(folder, "cert"), extra=[
            "--policy", self.policy, "--org", "Harbour CERT", "--org-uuid", U % 9])
        self.cert.start()
        self.t = Tool(self.cert)
        self.peers = {who: Peer(folder, who, self.cert, self.t) for who in ORGS}
        key = self.t.json(0, "user", "add", "second@harbour.example", "--role",
                          "Publisher")["User"]["authkey"]
        self.second = Tool(env={"TOCSIN_URL": self.cert.url, "TOCSIN_KEY": key})

    def stop(self):
        for p in self.peers.values():
            p.node.stop()
        self.cert.stop()

    def take(self, name, document):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            json.dump(document, f)
        self.t.want(0, "import", path)

    def publish(self):
        a = self.cert.client().post("/events/publish/" + RECORD)
        check(a.status == 200, "published", a.text())

    def pull(self):
        for p in self.peers.values():
            p.pull()

    def feed(self):
        """What a reader of the public feed finds of the record."""
        get = lambda name: self.cert.client().raw("GET", "/feed/public-feed/" + name, {"Accept": "*/*"})
        manifest = get("manifest.json")
        text = ""
        for u in json.loads(manifest.text()) if manifest.status == 200 else {}:
            text += get(u + ".json").text()
        return text

    def verdict(self, to):
        code = self.t.run("explain", RECORD, "--to", to, "--json")
        return json.loads(code.out)


def found(d):
    """Morning: recorded, told to the vendor, kept from the others."""
    d.take("record.json", record(int(time.time())))
    for to, verdict, rule in (("vendor", "released", None), ("overseas", "denied", "vuln_overseas"),
                              ("ally", "held", "embargo"), ("public-feed", "denied", "tlp")):
        v = d.verdict(to)
        if to == "vendor":
            check(v["verdict"] == "held" and v["rule"] == "embargo", "the embargo holds the vendor, too", v)
            continue
        check(v["verdict"] == verdict and v.get("rule") == rule, "%s: %s by %s" % (to, verdict, rule), v)
    d.pull()
    is_equal([p.who for p in d.peers.values() if p.has()], [], "nobody has it yet")


def lift_for_partners(d):
    """The embargo was for all; two persons make it one for sector and public, so that the vendor can be told."""
    d.t.want(0, "import", "-", stdin=json.dumps({"Event": {
        "uuid": RECORD, "timestamp": str(int(time.time()) + 1), "published": True,
        "Tag": tag('embargo:sector="2099-01-01T00:00:00Z"')}}).encode())
    gone = 'embargo:release-on="remedy-available"'
    a = d.cert.client().post("/tags/removeTagFromObject", {"uuid": RECORD, "tag": gone})
    check(a.status == 403 and "two persons" in a.text(), "one person does not lift it", a.text())
    n = str(d.t.json(0, "approvals", "list")[0]["id"])
    d.t.want(1, "approve", n)
    is_equal(d.second.json(0, "approve", n)["state"], "approved", "a second one does")
    d.publish()


def told(d):
    d.pull()
    has = {who: p.has() for who, p in d.peers.items()}
    is_equal(has["vendor"], set(PARTS) - {"Harbour Power"}, "the vendor has it, exploit and all, but not who was hit")
    is_equal(has["overseas"], set(), "nobody else overseas has it")
    is_equal(has["ally"], set(PARTS) - {"cG9jIGNvZGU=", "Harbour Power"},
             "the domestic partner has it, without exploit and victim")
    is_equal(has["grid"], set(), "the sector waits")
    check("CVE-2021-44228" not in d.feed() and "callback.example" not in d.feed(), "the public waits")
    check(not [t for who in ("vendor", "ally") for t in d.peers[who].tags() if t.startswith("embargo")],
          "no embargo tag left the node")
    v = d.verdict("overseas")
    check(v["rule"] == "vuln_overseas", "explained: vuln_overseas", v)
    d.t.want(1, "explain", RECORD, "--to", "overseas")
    d.t.want(1, "explain", RECORD, "--to", "grid")
    d.t.want(0, "explain", RECORD, "--to", "vendor")
    d.t.want(0, "preview", "ally", RECORD)
    early = 'rmsv:early-release="from above"'
    a = d.cert.client().post("/tags/attachTagToObject", {"uuid": RECORD, "tag": early})
    check(a.status == 403 and "two persons" in a.text(), "nobody publishes early alone", a.text())
    n = str(d.t.json(0, "approvals", "list")[0]["id"])
    d.second.want(0, "approvals", "reject", n)


def published(d):
    """Noon: there is a patch."""
    now = int(time.time()) + 3
    sector, public = now + SECTOR_S, now + PUBLIC_S
    d.take("remedy.json", remedied(now, sector, public))
    # the open end for the sector is replaced by a time: that takes the second person again
    a = d.cert.client().post("/tags/removeTagFromObject",
                             {"uuid": RECORD, "tag": 'embargo:sector="2099-01-01T00:00:00Z"'})
    check(a.status == 403, "a shorter embargo takes two", a.text())
    d.second.want(0, "approve", str(d.t.json(0, "approvals", "list")[0]["id"]))
    d.publish()
    d.pull()
    check("CVE-2021-44228" in d.peers["overseas"].has(), "disclosed: the other CERT overseas has it")
    is_equal(d.peers["overseas"].has(), set(PARTS) - {"cG9jIGNvZGU=", "Harbour Power"},
             "without exploit and victim")
    if time.time() < sector - 1:
        is_equal(d.peers["grid"].has(), set(), "the sector waits for its time")
        check("callback.example" not in d.feed(), "so does the public")
    return sector, public


def opens(d, sector, public):
    time.sleep(max(0, sector - time.time()))
    end = time.time() + 1 + LATE
    while time.time() < end and not d.peers["grid"].has():
        d.peers["grid"].pull()
    is_equal(d.peers["grid"].has(), set(PARTS) - {"cG9jIGNvZGU=", "Harbour Power"},
             "the sector has it at its time")
    if time.time() < public - 1:
        check("callback.example" not in d.feed(), "the public has not")
    time.sleep(max(0, public - time.time()))
    end = time.time() + 10 + 5 * LATE
    while time.time() < end and "callback.example" not in d.feed():
        time.sleep(0.2)
    feed = d.feed()
    check("callback.example" in feed, "the public has it at its time", feed[:300])
    check("logging.apache.example" in feed, "with its remedy", feed[:600])
    check("Harbour Power" not in feed and "poc" not in feed, "and nothing else of it")


def taken_back(d):
    """Evening: one address was wrong."""
    check(WRONG in d.feed(), "the wrong address is out")
    d.take("correction.json", corrected(int(time.time()) + 5))
    d.pull()
    for who, p in d.peers.items():
        check(WRONG not in p.has() and "callback.example" in p.has(), "%s takes it back" % who, p.has())
    end = time.time() + 10 + 5 * LATE
    while time.time() < end and WRONG in d.feed():
        time.sleep(0.2)
    check(WRONG not in d.feed() and "callback.example" in d.feed(), "so does the feed")


def ledger(d):
    """Night: who got what, and when?"""
    who = {a["name"]: a for a in d.t.json(0, "ledger", "who", RECORD)["audiences"]}
    is_equal(sorted(who), sorted(["vendor", "ally", "overseas", "grid", "public-feed"]),
             "everybody who was given it, and nobody else")
    first = {n: a["first"]["time"] for n, a in who.items()}
    order = sorted(first, key=lambda n: first[n])
    check(max(first["vendor"], first["ally"]) <= first["overseas"] <= first["grid"] <=
          first["public-feed"], "in the order of the day", (order, first))
    d.t.want(0, "ledger", "who", RECORD)
    what = d.t.want(0, "ledger", "what", "overseas").out
    check(RECORD in what, "ledger what", what)
    d.t.want(0, "ledger", "verify")
    log = d.t.json(0, "audit", "search", "action=approval")["records"]
    both = [r for r in log if r.get("second") == "second@harbour.example"]
    check(len(both) >= 3, "the audit log has both names", log)


def manual():
    """Each command of the tutorial ran here, or is a step of setting up."""
    with open(os.path.join(TOP, "contrib", "doc", "log4shell-day.md"), encoding="utf-8") as f:
        text = f.read()
    used = {" ".join(u) for u in Tool.used} | {u[0] for u in Tool.used if u}
    lines = re.findall(r"^\s+\$ tocsin (.+)$", text, re.M)
    check(len(lines) > 12, "the tutorial has its commands", lines)
    for line in lines:
        words = [w for w in line.split() if not w.startswith("-")]
        check(" ".join(words[:2]) in used or words[0] in used, "tried: tocsin " + line)
    for row in POLICY.splitlines():
        words = row.split()
        if words and words[0].endswith(":") and "{kind" in row:
            check(words[0] in text, "the tutorial's policy has " + words[0])


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    with tempfile.TemporaryDirectory(prefix="tocsin-log4shell-") as folder:
        d = Day(folder)
        try:
            ready = d.cert.client().raw("GET", "/readyz", {})
            if ready.status != 200:
                nodelib.skip("nobody vouches for the clock of this machine: " + ready.text())
            found(d)
            lift_for_partners(d)
            told(d)
            opens(d, *published(d))
            taken_back(d)
            ledger(d)
        finally:
            d.stop()
    manual()
    return finish()


if __name__ == "__main__":
    sys.exit(main())
