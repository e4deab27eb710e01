"""world.py - random events and policies for the test of previews; a round is made from its seed alone."""
import base64
import datetime
import json
import random
import uuid

ATTRIBUTES = [
    ("domain", "Network activity", "evil%d.example"), ("ip-dst", "Network activity", "192.0.2.%d"),
    ("url", "Network activity", "https://evil.example/%d"), ("sha256", "Payload delivery", "%064x"),
    ("filename", "Payload installation", "drop%d.exe"), ("email-src", "Payload delivery", "bad%d@evil.example"),
    ("email-dst", "Payload delivery", "victim%d@corp.example"), ("comment", "Other", "what we saw, %d"),
    ("text", "Other", "free text %d"), ("target-machine", "Targeting data", "PC-%d"),
    ("threat-actor", "Attribution", "Group %d"), ("text", "Internal reference", "ticket %d"),
    ("first-name", "Person", "First%d"), ("link", "External analysis", "https://blog.example/%d"),
    ("attachment", "Payload delivery", "shot%d.png"), ("yara", "Payload installation", "rule r%d { condition: true }"),
    ("vulnerability", "External analysis", "CVE-2026-1%04d"),
]
TAGS = ["tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red", "PAP:GREEN", "PAP:RED",
        "kill-chain:delivery", 'misp-galaxy:mitre-attack-pattern="Phishing - T1566"', "type:OSINT",
        'misp-galaxy:threat-actor="Sofacy"', "customer-77", 'workflow:todo="review"']
RMSV = ["rmsv:record", 'rmsv:disclosure="undisclosed"', 'rmsv:disclosure="disclosed"', 'rmsv:remedy="patch"',
        'rmsv:remedy="none"', 'rmsv:exploit-tool', "rmsv:in-use-system"]
PROFILES = ["full", "partner", "technical", "indicators"]
TLPS = ["clear", "green", "amber", "amber+strict", "red"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def some(self, p):
        return self.r.random() < p

    def uuid(self):
        return str(uuid.UUID(int=self.r.getrandbits(128), version=4))

    def embargo(self):
        # hours away: nothing opens while the test looks
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=self.r.choice([-30, -3, 3, 50]))
        return 'embargo:%s="%s"' % (self.r.choice(["until", "partner", "sector", "public"]),
                                    at.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def tags(self, n, embargo=0.0, vuln=0.0):
        out = []
        for _ in range(n):
            name = self.embargo() if self.some(embargo) else self.r.choice(RMSV if self.some(vuln) else TAGS)
            if name not in out:
                out.append(name)
        return [{"name": t} for t in out]

    def attribute(self):
        kind, category, form = self.r.choice(ATTRIBUTES)
        a = {"uuid": self.uuid(), "type": kind, "category": category, "value": form % self.r.randint(1, 200),
             "to_ids": self.some(0.5) and kind not in ("comment", "text", "attachment", "vulnerability"),
             "distribution": self.r.choice(["0", "1", "2", "3", "5", "5", "5", "5"]),
             "comment": self.r.choice(["", "seen by us", "[internal] only for us"]),
             "Tag": self.tags(self.r.choice([0, 0, 1, 2]), 0.15, 0.1)}
        if kind == "attachment":
            a["data"] = base64.b64encode(self.r.randbytes(self.r.randint(1, 3000))).decode()
        if self.some(0.2):
            a["first_seen"] = "2026-01-02T03:04:05.678901+00:00"
        if self.some(0.1):
            a["deleted"] = True
        return a

    def object(self):
        name, inside = self.r.choice([
            ("file", [("filename", "filename", "f%d.exe"), ("md5", "md5", "%032x"), ("text", "state", "Malicious %d")]),
            ("domain-ip", [("domain", "domain", "d%d.example"), ("ip", "ip-dst", "198.51.100.%d")]),
            ("vulnerability", [("id", "vulnerability", "CVE-2026-2%04d"), ("summary", "text", "how it works %d")]),
            ("email", [("subject", "email-subject", "Invoice %d"), ("to", "email-dst", "v%d@corp.example")])])
        o = {"uuid": self.uuid(), "name": name, "meta-category": "file", "template_uuid": self.uuid(),
             "template_version": "1", "description": "as we use it", "comment": self.r.choice(["", "[internal] x"]),
             "distribution": self.r.choice(["0", "1", "3", "5", "5", "5"]), "Attribute": []}
        for relation, kind, form in inside:
            a = self.attribute()
            a.pop("data", None)
            a.update(type=kind, category="External analysis" if kind in ("vulnerability",) else
                     "Other" if kind == "text" else "Network activity" if kind in ("domain", "ip-dst") else "Payload delivery",
                     value=form % self.r.randint(1, 200), object_relation=relation, to_ids=False)
            o["Attribute"].append(a)
        return o

    def event(self):
        r = self.r
        e = {"uuid": self.uuid(), "info": "an incident at Corp %d" % r.randint(1, 999), "published": True,
             "distribution": r.choice(["0", "1", "2", "3", "3", "3", "3"]), "threat_level_id": str(r.randint(1, 4)),
             "analysis": str(r.randint(0, 2)), "date": "2026-01-0%d" % r.randint(1, 9),
             "Tag": self.tags(r.choice([0, 1, 2, 3]), 0.12, 0.12),
             "Attribute": [self.attribute() for _ in range(r.choice([1, 3, 6]))],
             "Object": [self.object() for _ in range(r.choice([0, 0, 1, 2]))],
             "EventReport": [{"uuid": self.uuid(), "name": "Report", "content": "text " * r.randint(1, 9) +
                              r.choice(["", "[internal]"]), "distribution": r.choice(["0", "3", "5"])}
                             for _ in range(r.choice([0, 0, 1]))]}
        objects = e["Object"]
        if len(objects) == 2 and self.some(0.7):
            objects[0]["ObjectReference"] = [{"uuid": self.uuid(), "referenced_uuid": objects[1]["uuid"],
                                              "relationship_type": "drops", "comment": "[internal] how"}]
        return e

    def how(self):
        r = self.r
        out = {"tlp": r.choice(TLPS[2:]), "pap": r.choice(["amber", "red"]),
               "class": r.choice(["own", "partner", "sector", "public"]), "profile": r.choice(PROFILES),
               "jurisdiction": r.choice(["domestic", "overseas"])}
        return out

    def policy(self):
        r = self.r
        p = {"use": [r.choice(["default", "default", "cn-rmsv"])], "default_tlp": r.choice(TLPS[:4]),
             "pseudonymous_origin": self.some(0.3),
             "audiences": {"sinkhole": dict(self.how(), kind="peer"),
                           "puller": dict(self.how(), kind="peer", user="pull@other.example"),
                           "folder": dict(self.how(), kind="feed"),
                           "sensors": dict(self.how(), kind="export")}}
        rules = []
        if self.some(0.5):
            rules.append({"name": "no-urls", "level": "attribute", "when": {"type": r.sample(["url", "domain", "sha256"], 2)},
                          "effect": "drop", "to": r.sample(["sinkhole", "puller", "folder", "sensors"], 2)})
        if self.some(0.4):
            rules.append({"name": "osint", "level": "event", "when": {"tag": ["type:osint"]},
                          "effect": r.choice(["deny", "hold"]), "to": ["*"], "except": ["own"]})
        if self.some(0.3):
            rules.append({"name": "later", "level": "event", "effect": "hold", "for": "72h", "class": "sector"})
        if rules:
            p["rules"] = rules
        return json.dumps(p, indent=1)
