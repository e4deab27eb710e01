"""cases.py - random events, policies, audiences and clocks. A case is made from its seed alone."""
import datetime
import random

import cut

NOW = 1780000000
ORGS = {n: "a0000000-0000-4000-8000-%012x" % n for n in range(1, 7)}
ORG_NAMES = {1: "HOST", 2: "OWNER", 3: "CREATOR", 4: "STRANGER", 5: "VENDOR", 6: "OTHER"}

ATTRIBUTES = [
    ("domain", "Network activity", "evil%d.example"), ("ip-dst", "Network activity", "192.0.2.%d"),
    ("url", "Network activity", "https://evil.example/%d"), ("sha256", "Payload delivery", "%064x"),
    ("md5", "Artifacts dropped", "%032x"), ("filename", "Payload installation", "drop%d.exe"),
    ("email-src", "Payload delivery", "bad%d@evil.example"), ("mutex", "Artifacts dropped", "Global-%d"),
    ("email-dst", "Payload delivery", "victim%d@corp.example"), ("comment", "Other", "what we saw, %d"),
    ("text", "Other", "free text %d"), ("other", "Other", "other %d"), ("link", "External analysis", "https://blog.example/%d"),
    ("target-machine", "Targeting data", "PC-%d"), ("target-org", "Targeting data", "Corp %d"),
    ("target-user", "Targeting data", "user%d"), ("threat-actor", "Attribution", "Group %d"),
    ("campaign-name", "Attribution", "Campaign %d"), ("text", "Internal reference", "ticket %d"),
    ("link", "Internal reference", "https://wiki.corp.example/%d"), ("iban", "Financial fraud", "DE%020d"),
    ("btc", "Financial fraud", "1Bc%d"), ("first-name", "Person", "First%d"),
    ("passport-number", "Person", "P%d"), ("phone-number", "Person", "+%d"),
    ("whois-registrant-email", "Attribution", "reg%d@evil.example"),
    ("attachment", "Payload delivery", "shot%d.png"),
    ("yara", "Payload installation", "rule r%d {condition: true}"), ("user-agent", "Network activity", "agent %d"),
    ("port", "Network activity", "%d"), ("AS", "Network activity", "%d"),
    ("github-username", "Social network", "user%d"), ("jabber-id", "Social network", "x%d@jabber.example"),
    ("windows-service-name", "Artifacts dropped", "svc%d"), ("regkey", "Persistence mechanism", "HKLM\\%d"),
    ("email-subject", "Payload delivery", "Invoice %d"), ("pgp-private-key", "Person", "key %d"),
    ("datetime", "Other", "2026-01-01T00:00:%02d"), ("snort", "Network activity", "alert %d"),
]
OBJECTS = [("file", "file"), ("domain-ip", "network"), ("email", "network"), ("person", "misc"),
           ("bank-account", "financial"), ("url", "network"), ("script", "misc")]
TAGS = ["tlp:clear", "tlp:white", "TLP:GREEN", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red",
        "tlp:violet", "tlp:ex:chr", "PAP:GREEN", "PAP:AMBER", "pap:red", "PAP:CLEAR", "PAP:blue",
        "kill-chain:delivery", 'misp-galaxy:mitre-attack-pattern="Phishing - T1566"',
        'misp-galaxy:tool="Mimikatz"', 'misp-galaxy:ransomware="Locky"', 'misp-galaxy:threat-actor="Sofacy"',
        'misp-galaxy:sector="Energy"', 'admiralty-scale:source-reliability="b"', "workflow:todo=\"review\"",
        "customer-77", "type:OSINT", 'misp:confidence-level="fairly-confident"', 'admiralty-scale:information-credibility="9"',
        'estimative-language:likelihood-probability="likely"', "tlp:clear"]
RMSV = ["rmsv:record", 'rmsv:disclosure="undisclosed"', 'rmsv:disclosure="disclosed"', 'rmsv:remedy="patch"',
        'rmsv:remedy="mitigation"', 'rmsv:remedy="none"', 'rmsv:remedy="workaround"', 'rmsv:early-release="MIIT-7"',
        "rmsv:early-release", 'rmsv:freeze-approval="MPS-3"', 'rmsv:severity="confirmed"']
RMSV_ELEMENT = ['rmsv:exploit-tool', "rmsv:in-use-system", 'rmsv:in-use-system="a0000000-0000-4000-8000-000000000004"',
                'rmsv:remedy="patch"', 'rmsv:disclosure="disclosed"', 'rmsv:disclosure="coordinated"']
VULN_RULES = ["vuln_remedy_first", "vuln_in_use_system", "vuln_no_exploit", "vuln_with_remedy",
              "vuln_no_exaggeration", "vuln_event_freeze", "vuln_overseas"]
VULN_ATTRIBUTES = [("vulnerability", "External analysis", "CVE-2026-1%04d"), ("vulnerability", "Payload delivery", "CVE-2026-2%04d"),
                   ("malware-sample", "Payload delivery", "x%d.exe|d41d8cd98f00b204e9800998ecf8427e"),
                   ("attachment", "Payload delivery", "poc%d.py"), ("target-machine", "Targeting data", "HOST-%d"),
                   ("link", "External analysis", "https://vendor.example/%d")]
VULN_OBJECTS = [("vulnerability", "vulnerability"), ("exploit", "misc"), ("exploit-poc", "vulnerability"),
                ("in-use-system", "misc"), ("course-of-action", "misc")]
PROFILES = ["full", "partner", "technical", "indicators"]
CLASSES = ["own", "partner", "sector", "public"]
TLPS = ["clear", "green", "amber", "amber+strict", "red"]
PAPS = ["clear", "green", "amber", "red"]


class Case:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.next_uuid = 0
        self.seed = seed
        self.profiles = {}
        self.classes = CLASSES
        self.vuln = self.some(0.3)      # about a vulnerability

    def some(self, p):
        return self.r.random() < p

    def uuid(self):
        self.next_uuid += 1
        return "b%07x-%04x-4000-9000-%012x" % (self.seed & 0xfffffff, self.seed >> 28 & 0xffff, self.next_uuid)

    def time(self, around=NOW, spread=100000):
        """RFC 3339, in many spellings."""
        r = self.r
        at = around + r.choice([r.randint(-spread, spread), r.randint(-2, 2), 0])
        zone = r.choice(["Z", "Z", "+00:00", "+08:00", "-05:30", "z"])
        away = 0 if zone in "Zz" else (1 if zone[0] == "+" else -1) * (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60)
        text = (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=at + away)).strftime("%Y-%m-%dT%H:%M:%S")
        return text + r.choice(["", "", "", ".5", ".000", ".000001"]) + zone

    def embargo(self):
        r = self.r
        if self.some(0.08):
            return r.choice(['embargo:until="tomorrow"', "embargo:until", 'embargo:sometime="x"', "embargo:",
                             'embargo:public="2026-13-01T00:00:00Z"', 'embargo:until="2026-12-01T00:00:00"',
                             'embargo:release-on="vendor-consent"', 'embargo:release-on="remedy-available"'])
        return 'embargo:%s="%s"' % (r.choice(["until"] + self.classes[1:] + (["cert"] if self.some(0.05) else [])), self.time())

    def tags(self, n, embargo, rmsv=()):
        r, out = self.r, []
        for _ in range(n):
            name = r.choice(TAGS)
            if self.vuln and rmsv and self.some(0.5):
                name = r.choice(rmsv)
            elif self.some(embargo):
                name = self.embargo()
            elif self.some(0.06):
                name = 'tocsin:recipient="%s"' % ORGS[r.choice([2, 4, 5])]
            if name in [t["name"] for t in out]:
                continue
            t = {"id": len(out) + 100, "name": name, "colour": "#112233", "exportable": not self.some(0.06)}
            if self.some(0.08):
                t["local"] = True
            if name.startswith("misp-galaxy:"):
                t["is_galaxy"] = True
            out.append(t)
        return out

    # ---- elements ----

    def level(self, e, of_event=False):
        r = self.r
        e["distribution"] = r.choice([0, 1, 2, 3, 3, 3, 4] if of_event else [0, 1, 2, 3, 4, 5, 5, 5, 5])
        if e["distribution"] == 4:
            e["sharing_group_id"] = r.choice([11, 12, 13])

    def text(self):
        return self.r.choice(["seen by us", "[internal] only for us", "", "x [INTERNAL]", "plain"])

    def attribute(self, number, obj=None):
        r = self.r
        vuln = self.vuln and self.some(0.5)
        kind, category, form = r.choice(VULN_ATTRIBUTES if vuln else ATTRIBUTES)
        a = {"id": number, "event_id": 7, "uuid": self.uuid(), "type": kind, "category": category,
             "value": form % r.randint(1, 99), "to_ids": self.some(0.5), "timestamp": NOW - r.randint(0, 100000)}
        if obj is not None:
            a["object_id"] = obj["id"]
            a["object_relation"] = r.choice(["text", "value", "domain", "filename", "patch"])
        self.level(a)
        a["comment"] = self.text()
        a["deleted"] = self.some(0.1)
        a["disable_correlation"] = self.some(0.1)
        if self.some(0.3):
            a["first_seen"] = (NOW - r.randint(0, 10 ** 7)) * 1000000 + r.randint(0, 999999)
        if self.some(0.3):
            a["last_seen"] = (NOW - r.randint(0, 10 ** 6)) * 1000000
        a["Tag"] = self.tags(r.choice([0, 0, 0, 1, 2]), 0.15, RMSV_ELEMENT)
        if self.some(0.25):
            a["sightings"] = [self.sighting(number * 10 + i, a) for i in range(r.randint(1, 3))]
        return a

    def sighting(self, number, attr):
        r = self.r
        org_id = r.choice([1, 2, 4, 5])
        return {"id": number, "uuid": self.uuid(), "attribute_id": attr["id"], "event_id": 7, "org_id": org_id,
                "date_sighting": NOW - r.choice([0, 999, 1000, 1001, 5000, 90000]), "type": r.choice([0, 1, 2]),
                "source": r.choice(["", "our sensor"]), "attribute_uuid": attr["uuid"], "who": org(org_id)}

    def object(self, number):
        r = self.r
        name, meta = r.choice(VULN_OBJECTS if self.vuln and self.some(0.5) else OBJECTS)
        o = {"id": number, "event_id": 7, "uuid": self.uuid(), "name": name, "meta-category": meta,
             "description": "as we use it", "template_uuid": ORGS[6], "template_version": "3",
             "timestamp": NOW - r.randint(0, 100000), "comment": self.text(), "deleted": self.some(0.1)}
        self.level(o)
        o["attributes"] = [self.attribute(number * 10 + i, o) for i in range(r.choice([0, 1, 2, 3]))]
        return o

    def report(self, number):
        e = {"id": number, "uuid": self.uuid(), "event_id": 7, "name": "Report %d" % number,
             "content": "What happened. " + self.text(), "timestamp": NOW - 50, "deleted": self.some(0.1)}
        self.level(e)
        return e

    def event(self):
        r = self.r
        e = {"id": 7, "uuid": self.uuid(), "org_id": 2, "orgc_id": r.choice([2, 3, 4, 5]), "date": 20260101,
             "info": "an incident at Corp %d" % r.randint(1, 99), "threat_level_id": r.randint(1, 4),
             "analysis": r.randint(0, 2), "published": self.some(0.85), "timestamp": NOW - 1000,
             "publish_timestamp": NOW - r.choice([0, 1, 900, 3600, 200000, 300000]),
             "disable_correlation": self.some(0.1), "protected": self.some(0.05), "locked": self.some(0.5)}
        if not e["published"] and self.some(0.7):
            e["publish_timestamp"] = 0
        self.level(e, True)
        e["Tag"] = self.tags(r.choice([0, 1, 1, 2, 3]), 0.12, RMSV + RMSV_ELEMENT[:3])
        return e

    # ---- policies ----

    def how(self):
        r, out = self.r, {}
        for key, values in (("tlp", TLPS), ("pap", PAPS), ("class", self.classes), ("profile", PROFILES),
                            ("jurisdiction", ["domestic", "overseas"])):
            if self.some(0.75):
                # most have room, or nothing would ever leave
                out[key] = r.choice(values + values[-2:] * 2 if key in ("tlp", "pap") else values)
        if self.profiles and self.some(0.4):
            out["profile"] = r.choice(list(self.profiles))
        if self.some(0.05):
            out["suspended_until"] = self.time()
        if self.some(0.1):
            out["vendor_of"] = r.sample(["acme-router", "Acme", "widget"], r.randint(1, 2))
        return out

    def conditions(self, level, p):
        """Some of the conditions that rules of this level may have."""
        r, out = self.r, {}
        tags = ["tlp:*", "type:osint", "CUSTOMER-*", "kill-chain:delivery", "workflow:*", "tlp:clear", "tlp:green"]
        kinds = [
            ("EATG", "tag", lambda: r.sample(tags, r.randint(1, 2))),
            ("EAT", "taxonomy", lambda: r.sample(["tlp", "PAP", "kill-chain", "type", "misp-galaxy"], r.randint(1, 3))),
            ("EATG", "galaxy", lambda: r.sample(["tool", "ransomware", "threat-actor", "sector"], r.randint(1, 2))),
            ("AOTRS", "event_tag", lambda: r.sample(tags, r.randint(1, 2))),
            ("EAOTRGS", "orgc", lambda: r.sample([ORGS[n] for n in (2, 3, 4, 5)], r.randint(1, 2))),
            ("EAOR", "distribution", lambda: r.sample(range(0, 4 if level == "event" else 6), r.randint(1, 3))),
            ("EAOTRGS", "published", lambda: self.some(0.5)),
            ("E", "threat_level", lambda: r.sample([1, 2, 3, 4], 2)), ("E", "analysis", lambda: r.sample([0, 1, 2], 2)),
            ("E", "info", lambda: r.choice(["Corp [1-4]", "(?i)INCIDENT", "^nothing$"])),
            ("A", "category", lambda: r.sample(["Targeting data", "Network activity", "Payload delivery", "Other"], r.randint(1, 2))),
            ("A", "type", lambda: r.sample(["domain", "ip-dst", "sha256", "comment", "link"], r.randint(1, 3))),
            ("A", "to_ids", lambda: self.some(0.5)),
            ("A", "value", lambda: r.choice([r"\.example$", "^192", "(?i)EVIL[0-9]", "[0-9]{3}", "x"])),
            ("AO", "comment", lambda: r.choice(["internal", "(?i)SEEN by", "^$", "plain|x"])),
            ("R", "text", lambda: r.choice(["What happened", "only for us", "Report 9[01]"])),
            ("A", "relation", lambda: r.sample(["text", "value", "domain", "filename", "patch"], 2)),
            ("AO", "object_name", lambda: r.sample(["file", "person", "email", "url"], r.randint(1, 2))),
            ("AO", "object_template", lambda: r.sample([ORGS[5], ORGS[6]], 1)),
            ("EAORG", "sharing_group", lambda: r.sample(["c0000000-0000-4000-8000-%012x" % n for n in (11, 12, 13)], r.randint(1, 2))),
            ("EA", "confidence_below", lambda: r.choice([1, 50, 51, 75, 80, 100])),
            ("G", "value", lambda: r.choice(["Mimi", "(?i)^energy$", "T1566", "."])),
            ("EAORS", "older_than", lambda: r.choice(["1000s", "999s", "12h", "1d"])),
            ("EAORS", "younger_than", lambda: r.choice(["1000s", "1001s", "12h", "1d"]))]
        mine = [(k, f) for levels, k, f in kinds if level[0].upper() in levels]
        for k, f in mine:
            if self.some(p / len(mine)):
                out[k] = f()
        return out

    def rule(self, number, rows):
        r = self.r
        level = r.choice(["event", "attribute", "attribute", "object", "report", "tag", "galaxy", "sighting"])
        rule = {"name": "rule-%d" % number, "level": level}
        for how, p in (("when", 1.6), ("unless", 0.7), ("require", 0.5), ("allow", 0.4)):
            some = self.conditions(level, p)
            if some:
                rule[how] = some
        rule["effect"] = r.choice(["deny", "hold"]) if level == "event" else r.choice(["drop", "drop", "deny", "hold"] +
                                                                            (
                                                                                ["deny_event"] if level in ("attribute", "object", "report") else []))
        if rule["effect"] == "hold":
            if self.some(0.6):
                rule["for"] = r.choice(["900s", "1h", "72h", "5d", "15m"])
            if self.some(0.4):
                rule["until"] = self.time()
            if self.some(0.4):
                rule["class"] = r.choice(self.classes)
        words = ["*", "member", "peer", "feed", "export"] + self.classes + list(rows)
        if self.some(0.5):
            rule["to"] = r.sample(words, r.randint(1, 3))
        if self.some(0.3):
            rule["except"] = r.sample(words[1:], r.randint(1, 2))
        return rule

    def policy(self):
        r, p = self.r, {}
        if self.some(0.25):
            self.classes = p["classes"] = self.site_classes()
        if self.some(0.25):
            self.profiles = p["profiles"] = {"mine-%d" % i: self.profile() for i in range(r.randint(1, 2))}
            p["pseudonym_key"] = "a key of the oracle's own"
        if self.some(0.4):
            p["default_tlp"] = r.choice(TLPS)
        if self.some(0.3):
            p["default_pap"] = r.choice(PAPS)
        if self.some(0.25):
            p["elements_may_relax"] = True
        if self.some(0.3):
            p["tlp_for_members"] = r.choice(["misp", "strict"])
        if self.some(0.15):
            p["use"] = ["misp-compat"]
        elif self.some(0.3):
            p["use"] = ["cn-rmsv"]
        if self.vuln and self.some(0.4):
            p["vuln_rules"] = {n: r.choice(["on", "off"]) for n in r.sample(VULN_RULES, r.randint(1, 4))}
        if self.vuln and self.some(0.4):
            p["freeze"] = [self.window(i) for i in range(r.randint(1, 2))]
        if self.some(0.5):
            p["internal_marker"] = "[internal]"
        if self.some(0.3):
            p["default_peer"] = self.how()
        if self.some(0.2):
            p["default_member"] = self.how()
        rows = {}
        for i in range(r.randint(0, 4)):
            kind = r.choice(["member", "peer", "peer", "feed", "export", "stream"])
            rows["row-%d" % i] = dict(self.how(), kind=kind)
            if kind in ("member", "peer") and self.some(0.7):
                rows["row-%d" % i]["org"] = ORGS[r.choice([2, 4, 5])]
            if kind == "peer" and self.some(0.1):
                rows["row-%d" % i]["internal"] = True
        if rows:
            p["audiences"] = rows
        if rows and self.some(0.15):
            self.compartments(p, rows)
        p["rules"] = [self.rule(i, rows) for i in range(r.choice([0, 0, 1, 2, 4]))]
        if self.some(0.05):
            p["blocked_orgs"] = [ORGS[r.choice([3, 4])]]
        return p

    def profile(self):
        """One that says what is different from a shipped one. Taking more away needs no new UUIDs."""
        r, out = self.r, {"base": self.r.choice(PROFILES)}
        if self.some(0.4):
            out["types"] = {"drop": r.sample(["domain", "url", "sha256", "comment", "link"], 2)}
        if self.some(0.3):
            out["categories"] = {"drop": r.sample(["Network activity", "Other", "External analysis"], 1)}
        if self.some(0.3):
            out["objects"] = {"drop": r.sample(["url", "file", "script"], 1)}
        if self.some(0.4):
            out["tags"] = {"drop": r.sample(["customer-*", "type:osint", "kill-chain:*"], 1)}
            if self.some(0.5):
                out["tags"]["keep"] = r.sample(["workflow:*", "customer-*", "admiralty-scale:*"], 1)
        if self.some(0.5):
            out["fields"] = {"attribute": {k: "drop" for k in r.sample(["comment", "first_seen", "last_seen"], 2)}}
            if out["base"] != "indicators":     # which has no objects
                out["fields"]["object"] = {"comment": "drop"}
            if self.some(0.4):
                out["fields"]["report"] = "drop"
            if out["base"] != "indicators" and self.some(0.5):
                out["fields"]["attribute"]["comment"] = "pseudonymise"
        if self.some(0.15):
            out["to_ids_only"] = True
        return out

    def site_classes(self):
        """Some of its own between the shipped ones, the narrowest first."""
        r, out, names = self.r, ["own"], ["cert", "ministry", "isac-1", "isac-2", "press"]
        r.shuffle(names)
        for shipped in CLASSES[1:]:
            for _ in range(r.choice([0, 0, 1, 1, 2])):
                if names:
                    out.append(names.pop())
            out.append(shipped)
        return out

    def compartments(self, p, rows):
        """Most reach most, or nothing would go anywhere."""
        r, all_ = self.r, ["core", "gov", "energy"]
        p["compartment"] = "core"
        p["can_reach"] = {c: [x for x in all_ if self.some(0.6)] for c in all_}
        peers = [row for row in rows.values() if row["kind"] == "peer"]
        for row in peers + ([p["default_peer"]] if "default_peer" in p else []):
            if self.some(0.8):
                row["compartment"] = r.choice(all_)

    def relax(self, case):
        """An event that most may not hold, with elements that are marked by themselves."""
        r, e = self.r, case["event"]

        def tag(name):
            return {"id": 150, "name": name, "colour": "#112233", "exportable": True}
        e.update(published=True, distribution=3, protected=False)
        case["blocked"] = False
        case.pop("group", None)
        e["Tag"] = [t for t in e["Tag"] if not t["name"].lower().startswith(("tlp:", "pap:", "embargo:"))]
        e["Tag"].append(tag(r.choice(["tlp:red", "tlp:red", "tlp:amber+strict", "tlp:clear"])))
        if self.some(0.4):
            e["Tag"].append(dict(tag(r.choice(["PAP:RED", "PAP:AMBER"])), id=151))
        for a in case["attributes"] + [a for o in case["objects"] for a in o["attributes"]]:
            if self.some(0.7):
                a.update(to_ids=True, deleted=False, distribution=r.choice([3, 5]))
                a["Tag"] = [t for t in a["Tag"] if not t["name"].lower().startswith("tlp:")]
                a["Tag"].append(tag(r.choice(["tlp:clear", "tlp:clear", "tlp:green", "tlp:red"])))
                if self.some(0.5):
                    a["Tag"].append(dict(tag("PAP:CLEAR"), id=151))

    def window(self, number):
        r = self.r
        begins = NOW + r.choice([-100000, -5, 0, 3, 50000])
        return {"name": "window %d" % number, "from": rfc3339(begins),
                "until": rfc3339(begins + r.choice([1, 5, 6, 60000, 200000]))}

    def vuln_facts(self, case):
        """What egress gathers of the elements (facts.h)."""
        r = self.r
        every = [(a, None) for a in case["attributes"]] + [(a, o) for o in case["objects"] for a in o["attributes"]]
        said = [[t["name"] for t in a["Tag"] if t["name"].startswith("rmsv:disclosure")] for a, _ in every
                if a["type"] == "vulnerability"]
        facts = {"has_object": any(o["name"] == "vulnerability" for o in case["objects"]),
                 "attr_silent": any(not s for s in said),
                 "attr_shut": any(n != 'rmsv:disclosure="disclosed"' for s in said for n in s),
                 "names": r.choice(["", "|Acme Router|", "|widget|acme|", "|other|"]),
                 "has_cvss": self.some(0.5), "cvss_max": r.choice([0, 20, 39, 40, 98]),
                 "cvss_unreadable": self.some(0.05), "cvss_outside": self.some(0.05)}
        facts["remedies"] = [{"attr": a, "object": o} for a, o in every
                             if cut.is_remedy(a, o) and not a["deleted"] and not (o and o["deleted"])][:4]
        return facts

    # ---- who asks ----

    def who(self, policy):
        r = self.r
        rows = [n for n, a in policy.get("audiences", {}).items() if a["kind"] in ("feed", "export", "stream")]
        if rows and self.some(0.4):
            return {"row": r.choice(rows)}
        kind = r.choice(["operator", "member", "member", "peer", "peer", "peer", "peer"])
        org = 1 if kind == "operator" else r.choice([1, 2, 3, 4, 4, 5])
        w = {"kind": kind, "org_id": org, "org": ORGS[org], "user_id": 5}
        if kind == "operator":
            w["site_admin"] = True
        if kind == "peer":
            w["perm_sync"] = True
            if self.some(0.4):
                w["push"] = True
            if self.some(0.1):
                w["internal"] = True
        named = [n for n, a in policy.get("audiences", {}).items() if a["kind"] == kind]
        if named and self.some(0.3):
            w["name"] = r.choice(named)
        return w

    def group(self, number):
        r = self.r
        return {"id": number, "name": "group %d" % number, "uuid": "c0000000-0000-4000-8000-%012x" % number,
                "roaming": self.some(0.3),
                "SharingGroupOrg": [{"org_id": n, "uuid": ORGS[n], "name": ORG_NAMES[n]}
                                    for n in r.sample([1, 2, 3, 4, 5], r.randint(1, 4))],
                "SharingGroupServer": [{"server_id": n, "all_orgs": self.some(0.3)}
                                       for n in r.sample([0, 21, 22], r.randint(0, 2))]}

    def make(self):
        r = self.r
        policy = self.policy()
        event = self.event()
        if policy.get("blocked_orgs") is None and self.some(0.02):
            policy["blocked_events"] = [event["uuid"]]
        who = self.who(policy)
        groups = {n: self.group(n) for n in (11, 12, 13)}
        case = {"n": self.seed, "policy": policy, "who": who, "event": event,
                "facts": {"now": NOW, "trusted": not self.some(0.1), "host_org_id": 1,
                          "unpublished_private": self.some(0.3),
                          "groups": [n for n in groups if is_in(who, groups[n])], "link_id": 21,
                          "sightings_policy": r.randint(0, 3), "anonymise": self.some(0.3),
                          "all_groups": [{"id": n, "uuid": groups[n]["uuid"]} for n in sorted(groups)]},
                "host": org(1), "org": org(2), "orgc": org(event["orgc_id"]),
                "blocked": self.some(0.02), "all_tags": self.some(0.1), "no_local_tags": self.some(0.1)}
        if policy.get("can_reach") and self.some(0.5):
            case["from_peer"] = True
            peers = [n for n, a in policy["audiences"].items() if a["kind"] == "peer"]
            if peers:
                case["from_row"] = r.choice(peers)
        if event["distribution"] == 4:
            case["group"] = groups[event["sharing_group_id"]]
        case["own_sighting"] = self.some(0.3)
        case["attributes"] = [self.attribute(200 + i) for i in range(r.choice([0, 1, 3, 6]))]
        case["objects"] = [self.object(50 + i) for i in range(r.choice([0, 0, 1, 2]))]
        if policy.get("elements_may_relax") and who.get("row") and self.some(0.8):
            self.relax(case)
        case["vuln"] = self.vuln_facts(case)
        case["reports"] = [self.report(90 + i) for i in range(r.choice([0, 0, 1, 2]))]
        return case


def rfc3339(at):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_in(who, group):
    """Sections 6.4 (reading), 6.5 and 4.4 (pushing over link 21) of the protocol."""
    member = who.get("org") in [o["uuid"] for o in group["SharingGroupOrg"]]
    servers = group["SharingGroupServer"]
    if not who.get("push"):
        return member or any(s["server_id"] == 0 and s["all_orgs"] for s in servers)
    # all_orgs does not replace the link's organisation: so for events (4.4), and here for elements too
    listed = any(s["server_id"] == 21 for s in servers)
    return member and bool(group["roaming"] or not servers or listed or who.get("internal"))


def org(n):
    return {"id": n, "uuid": ORGS[n], "name": ORG_NAMES[n]}


def make(seed):
    return Case(seed).make()
