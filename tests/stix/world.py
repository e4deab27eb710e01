"""Events for the tests: hostile values in all types that STIX knows, objects, context, and foreign bundles."""
import base64
import json

H32, H40, H64 = "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "ab" * 32
STATIC = "7b1d0000-0000-4000-8000-%012d"
HOSTILE = ["a' OR 'x' = 'x", "back\\slash\\", "quote\"and'both", "tab\there", "new\nline", "]] AND [", "$1 #2 ^1 @",
           "\u00fcml\u00e4ut \u2603 \U0001f980", "{\"json\": [1]}", "%s%n%d", "</Content><x>", "n" * 300, "-- --"]
TYPED = [
    ("ip-dst", "2001:db8::7"), ("ip-src", "203.0.113.9"), ("ip-dst", "192.0.2.0/24"), ("ip-dst|port", "192.0.2.9|443"),
    ("domain", "xn--mnchen-3ya.example"), ("hostname", "a.b.example"), ("domain|ip", "d.example|192.0.2.4"),
    ("hostname|port", "h.example|8443"), ("url", "https://u.example/?q='\"\\&x=%20"), ("uri", "/path?x='"),
    ("md5", H32), ("sha1", H40), ("sha256", H64), ("filename|md5", "o'b\\x.exe|" + H32), ("ssdeep", "3:AAA:BBB"),
    ("filename|sha256", "a b.dll|" + H64), ("regkey", "HKLM\\Software\\A'B"), ("regkey|value", "HKLM\\Run|a'b"),
    ("email", "a@example.org"), ("email-src", "s@example.org"), ("email-dst", "d@example.org"),
    ("email-subject", "it's \\ \"here\""), ("email-body", "a\nb"), ("email-attachment", "x'.doc"),
    ("mutex", "Global\\m'x"), ("AS", "64500"), ("mac-address", "00:53:aa:bb:cc:dd"), ("user-agent", "Mozilla/5.0 (x; 'y')"),
    ("vulnerability", "CVE-2021-44228"), ("campaign-name", "Op 'X'"), ("size-in-bytes", "42"), ("port", "22"),
    ("yara", "rule a { strings: $a = \"x\" condition: $a }"), ("sigma", "title: x"), ("btc", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
    ("x509-fingerprint-sha1", H40), ("comment", "just a comment"), ("link", "https://l.example/"), ("http-method", "GET"),
]


def attributes(base, to_ids):
    """One of each type."""
    out = [{"uuid": STATIC % (base + n), "type": kind, "value": value, "to_ids": to_ids, "comment": "c %d 'q'" % n,
            "timestamp": str(1700000000 + n)} for n, (kind, value) in enumerate(TYPED, 1)]
    out[0].update(first_seen="2024-01-01T10:00:00.000000+00:00", last_seen="2024-06-01T10:00:00.000000+00:00",
                  Tag=[{"name": "tlp:amber"}, {"name": "x:y=\"z\""}], disable_correlation=True)
    out[1].update(first_seen="2024-01-01T10:00:00.500000+00:00", last_seen="2024-01-02T10:00:00.000000+00:00")
    return out


def hostile_attributes():
    """Values that mean something where they are quoted badly."""
    out, n = [], 10000
    for kind in ("filename", "text", "mutex", "email-subject", "user-agent", "other", "named pipe"):
        for value in HOSTILE:
            n += 1
            out.append({"uuid": STATIC % n, "type": kind, "value": value, "to_ids": n % 2 == 0, "comment": value[:60],
                        "timestamp": str(1700000000 + n)})
    return out


def objects():
    out = []
    for n, (name, meta, template, parts) in enumerate([
            ("file", "file", "688c46fb-5edb-40a3-8273-1af7923e2215",
             [("filename", "filename", "o'b\\x.exe"), ("md5", "md5", H32), ("sha256", "sha256", H64),
              ("size-in-bytes", "size-in-bytes", "77"), ("text", "text", "free 'text'")]),
            ("domain-ip", "network", "43b3b146-77eb-4931-b4cc-b66c60f28734",
             [("domain", "domain", "obj.example"), ("ip-dst", "ip", "198.51.100.9"), ("text", "text", "x")]),
            ("registry-key", "file", "8b3228ad-6d82-4fe6-b2ae-05426308f1d5",
             [("regkey", "key", "HKCU\\Run"), ("text", "data", "d'\\q"), ("text", "name", "n")]),
            ("my-own-thing", "misc", STATIC % 990000, [("text", "what-ever", "v"), ("ip-src", "ip", "203.0.113.77")])]):
        for twice in (0, 1):
            base = 100000 + n * 1000 + twice * 100
            out.append({"uuid": STATIC % base, "name": name, "meta-category": meta, "template_uuid": template,
                        "template_version": "1", "description": "d", "comment": "oc 'x'", "timestamp": "1700000500",
                        "Attribute": [{"uuid": STATIC % (base + 1 + i), "type": t, "object_relation": r, "value": v,
                                       "to_ids": not twice, "timestamp": "1700000500"}
                                      for i, (t, r, v) in enumerate(parts)]})
    out[0]["ObjectReference"] = [{"uuid": STATIC % 200001, "object_uuid": out[0]["uuid"], "referenced_uuid": out[2]["uuid"],
                                  "relationship_type": "communicates-with", "comment": "why"}]
    return out


def typed(to_ids=True):
    """One event with all that STIX has a form for: indicators, or what was seen."""
    base = 0 if to_ids else 50000
    return {"Event": {"uuid": STATIC % (900002 + base), "info": "All types", "date": "2024-03-04", "distribution": "3",
                      "analysis": "2", "threat_level_id": "1", "timestamp": "1700001000", "Tag": [{"name": "tlp:green"}],
                      "Attribute": attributes(base, to_ids), "Object": objects() if to_ids else []}}


def hostile():
    """Values that break what is quoted badly."""
    return {"Event": {"uuid": STATIC % 900000, "info": "Hostile 'values' \\ \"of\" all types", "date": "2024-03-04",
                      "distribution": "3", "analysis": "1", "threat_level_id": "2", "timestamp": "1700001000",
                      "Tag": [{"name": "tlp:green"}, {"name": "misp-galaxy:threat-actor=\"Nobody\""}],
                      "Attribute": hostile_attributes(),
                      "EventReport": [{"uuid": STATIC % 910000, "name": "Rep 'ort'", "content": "# x\n'y' \\ z",
                                       "timestamp": "1700000900", "distribution": "5"}]}}


def files():
    """Attachments travel, too."""
    data = base64.b64encode(b"hello").decode()
    return {"Event": {"uuid": STATIC % 900001, "info": "Files", "date": "2024-03-05", "distribution": "3",
                      "timestamp": "1700001000", "Tag": [{"name": "tlp:clear"}],
                      "Attribute": [{"uuid": STATIC % 920000, "type": "attachment", "value": "a'b.txt", "data": data,
                                     "timestamp": "1700001000", "category": "External analysis", "to_ids": False}]}}


FOREIGN_ID = "%s--7b1d0001-0000-4000-8000-%012d"


def foreign():
    """A bundle of somebody who knows nothing of MISP; every object in it has to end somewhere."""
    t = {"spec_version": "2.1", "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-02T00:00:00.000Z"}
    count = [0]

    def obj(kind, **more):
        count[0] += 1
        return dict({"type": kind, "id": FOREIGN_ID % (kind, count[0])}, **t, **more)

    def indicator(pattern, **more):
        return obj("indicator", pattern=pattern, pattern_type=more.pop("pattern_type", "stix"),
                   valid_from="2024-01-01T00:00:00Z", **more)
    author = obj("identity", name="Acme", identity_class="organization")
    o = [author,
         indicator("[ipv4-addr:value = '192.0.2.1']", name="bad", created_by_ref=author["id"], confidence=80,
                   valid_until="2025-01-01T00:00:00Z", labels=["malicious-activity"],
                   object_marking_refs=["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"]),
         indicator("[file:name = 'a.exe' AND file:hashes.'SHA-256' = '%s']" % H64),
         indicator("[domain-name:value = 'a.example' OR domain-name:value = 'b.example']"),
         indicator("[domain-name:value LIKE '%.example'] FOLLOWEDBY [ipv4-addr:value = '1.1.1.1'] WITHIN 5 SECONDS"),
         indicator("rule x { condition: true }", pattern_type="yara"),
         indicator("index=main", pattern_type="spl"),
         indicator("[ipv4-addr:value = 'not an address']"),
         obj("malware", name="Emotet", is_family=True), obj("threat-actor", name="APT'28'"),
         obj("attack-pattern", name="Phishing", external_references=[{"source_name": "mitre-attack", "external_id": "T1566"}]),
         obj("vulnerability", name="CVE-2021-44228"), obj("infrastructure", name="infra"),
         obj("x-my-own", some="thing"), obj("identity", name="Victim", identity_class="class")]
    o.append(obj("relationship", relationship_type="indicates", source_ref=o[1]["id"], target_ref=o[8]["id"]))
    o.append(obj("relationship", relationship_type="related-to", source_ref=o[2]["id"], target_ref=o[1]["id"]))
    o.append(obj("relationship", relationship_type="uses", source_ref=o[9]["id"], target_ref=o[8]["id"]))
    o.append(obj("note", content="a 'note'", object_refs=[o[1]["id"]]))
    o.append(obj("opinion", opinion="agree", object_refs=[o[1]["id"]]))
    o.append(obj("sighting", sighting_of_ref=o[1]["id"], where_sighted_refs=[author["id"]], last_seen="2024-02-01T00:00:00Z"))
    o.append(obj("report", name="The 'report'", description="Long text", published="2024-01-01T00:00:00Z",
                 created_by_ref=author["id"], object_refs=[x["id"] for x in o[1:12]]))
    return json.dumps({"type": "bundle", "id": FOREIGN_ID % ("bundle", 999), "objects": o}).encode(), o
