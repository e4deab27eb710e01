"""A random store: organisations, callers, a group, events with all that searches look at."""
import random
import time
import uuid

VALUES = {
    "ip-dst": ["203.0.113.%d" % i for i in range(1, 9)] + ["2001:db8::1", "10.0.0.0/8"],
    "ip-src": ["203.0.113.%d" % i for i in range(5, 12)],
    "domain": ["isle.example.net", "skerry.example.net", "SKERRY.example.org", "a_b.example.com",
               "axb.example.com"],
    "url": ["http://isle.example.net/drop?x=1", "https://skerry.example.net/100%25"],
    "md5": ["%032x" % (i * 0x1111111) for i in range(1, 5)],
    "text": ["Ærø island", "ærø Island", "aero", "100% sure", "100 x sure", "back\\slash",
             "naïve", "naive", "tail "],
    "comment": ["seen in logs", "Seen In Logs"],
    "filename": ["boat.exe", "tides.txt"],
    "filename|md5": ["boat.exe|%032x" % 0x1111111, "keel.bin|%032x" % 0x2222222],
    "domain|ip": ["isle.example.net|203.0.113.7"],
    "email-src": ["crew@example.net"],
    "email": ["crew@example.net", "mate@example.org"],
    "size-in-bytes": ["4096"],
    "port": ["443", "8080"],
}
CATEGORY = {"ip-dst": "Network activity", "ip-src": "Network activity", "domain": "Network activity",
            "url": "Network activity", "md5": "Payload delivery", "text": "Other",
            "comment": "Other", "filename": "Payload delivery", "filename|md5": "Payload delivery",
            "domain|ip": "Network activity", "email-src": "Payload delivery",
            "email": "Social network", "size-in-bytes": "Other", "port": "Network activity"}
TAGS = ["tlp:green", "tlp:amber", "skerry:net", "skerry:people", "skerry:100% odd name", "Skerry:Net",
        "skerry_net"]
INFOS = ["Skerry invented: network", "skerry invented: files", "Tides and people", "100% of it",
         "Ærø report", "Tides"]
COMMENTS = ["", "", "seen", "Seen twice", "50% done"]
OBJECTS = [("file", "688c46fb-5edb-40a3-8273-1af7923e2215", "24"),
           ("file", "688c46fb-5edb-40a3-8273-1af7923e2215", "25"),
           ("network-connection", "af16764b-f8e5-4603-9de1-de34d272f80b", "3"),
           ("url", "60efb77b-40b5-4c46-871b-ed1ed999fce5", "10")]
RELATIONS = ["ip-dst", "filename", "url", "text"]


def must(ans, what):
    if ans.status != 200:
        raise SystemExit("%s: %d %s" % (what, ans.status, ans.text()[:300]))
    return ans.json()


class World:
    def __init__(self, node, seed, n_events=45):
        self.r = random.Random(seed)
        self.node = node
        self.admin = node.client()
        self.now = int(time.time())
        self.clients = {"admin": self.admin}
        self.make_people()
        self.uuids = []
        for _ in range(n_events):
            self.make_event()
        self.change()
        self.read_back()

    def uuid(self):
        return str(uuid.UUID(int=self.r.getrandbits(128), version=4))

    def make_people(self):
        host = must(self.admin.get("/users/view/me"), "me")
        self.orgs = [{"id": host["Organisation"]["id"], "name": host["Organisation"]["name"],
                      "uuid": must(self.admin.get("/organisations/view/1"), "org")
                      ["Organisation"]["uuid"]}]
        for name, who in (("Harbour", "member"), ("Lighthouse of Lundy", "outsider")):
            org = must(self.admin.post("/admin/organisations/add",
                                       {"name": name, "uuid": self.uuid(), "local": True}),
                       "org")["Organisation"]
            self.orgs.append({k: org[k] for k in ("id", "name", "uuid")})
            user = must(self.admin.post("/admin/users/add", {
                "email": who + "@example.net", "org_id": org["id"], "role_id": "4",
                "change_pw": False}), "user")
            self.clients[who] = self.node.client(key=user["User"]["authkey"])
        group = must(self.admin.post("/sharing_groups/add", {
            "name": "Tide group", "releasability": "x", "active": True,
            "SharingGroupOrg": [{"extend": True, "Organisation": {"uuid": o["uuid"]}}
                                for o in self.orgs[:2]]}), "group")
        self.group = group["SharingGroup"]["id"]

    # ---- documents

    def level(self, inherit):
        x = self.r.choice([0, 1, 1, 3, 3, 4] + [5] * 8 * inherit)
        return {"distribution": str(x), **({"sharing_group_id": self.group} if x == 4 else {})}

    def stamp(self):
        return str(self.now - self.r.choice([3600, 86400, 400 * 86400]) - self.r.randrange(9) * 977)

    def iso(self):
        return "2025-01-%02dT00:00:00+00:00" % self.r.randrange(1, 20)

    def attribute(self, in_object=False):
        r = self.r
        kind = r.choice(list(VALUES))
        a = {"uuid": self.uuid(), "type": kind, "category": CATEGORY[kind],
             "value": r.choice(VALUES[kind]), "to_ids": r.random() < .5,
             "comment": r.choice(COMMENTS), "timestamp": self.stamp(), **self.level(1)}
        if r.random() < .3:
            a["first_seen"] = self.iso()
        if r.random() < .3:
            a["last_seen"] = a.get("first_seen", self.iso())
        if in_object or r.random() < .1:
            a["object_relation"] = r.choice(RELATIONS)
        if r.random() < .3:
            a["Tag"] = [{"name": t} for t in r.sample(TAGS, r.randrange(1, 3))]
        return a

    @staticmethod
    def once(attrs):
        had, out = set(), []
        for a in attrs:
            key = (a["type"], a["value"].lower().strip(), a["category"])
            if key not in had:
                had.add(key)
                out.append(a)
        return out

    def make_event(self):
        r = self.r
        e = {"uuid": self.uuid(), "info": r.choice(INFOS), "date": "2025-%02d-11" % r.randrange(1, 13),
             "threat_level_id": str(r.randrange(1, 5)), "analysis": str(r.randrange(3)),
             "timestamp": self.stamp(), **self.level(0)}
        e["Tag"] = [{"name": t} for t in r.sample(TAGS, r.choice([0, 0, 1, 2]))]
        e["Attribute"] = self.once(self.attribute() for _ in range(r.randrange(0, 14)))
        e["Object"] = []
        for _ in range(r.choice([0, 0, 1, 2])):
            name, template, version = r.choice(OBJECTS)
            o = {"uuid": self.uuid(), "name": name, "meta-category": "misc", "description": "x",
                 "template_uuid": template, "template_version": version, "comment": "",
                 "timestamp": self.stamp(), **self.level(1),
                 "Attribute": self.once(self.attribute(True) for _ in range(r.randrange(1, 4)))}
            if r.random() < .4:
                o["first_seen"] = o["last_seen"] = self.iso()
            e["Object"].append(o)
        who = r.choice(["admin", "admin", "member", "outsider"])
        if who == "outsider" and e["distribution"] == "4":
            who = "member"
        if who == "outsider":
            for x in e["Attribute"] + e["Object"] + [a for o in e["Object"] for a in o["Attribute"]]:
                if x["distribution"] == "4":
                    x["distribution"] = "5"
        must(self.clients[who].post("/events/add", {"Event": e}), "event")
        self.uuids.append(e["uuid"])
        if e["Attribute"] and r.random() < .6:
            must(self.admin.post("/events/publish/" + e["uuid"]), "publish")

    def change(self):
        """Edits put rows out of their order; some attributes die; some are seen."""
        r = self.r
        attrs = []
        for u in self.uuids:
            e = must(self.admin.get("/events/view/" + u), "view")["Event"]
            attrs += [a for a in e["Attribute"]]
            attrs += [a for o in e["Object"] for a in o["Attribute"]]
        for a in r.sample(attrs, len(attrs) // 8):
            must(self.admin.post("/attributes/edit/" + a["id"],
                                 {"comment": r.choice(COMMENTS), "to_ids": r.random() < .5}), "edit")
        for a in r.sample(attrs, len(attrs) // 12):
            must(self.admin.post("/attributes/delete/" + a["id"]), "delete")
        for a in r.sample(attrs, len(attrs) // 6):
            who = r.choice(["admin", "member", "outsider"])
            self.clients[who].post("/sightings/add/" + a["id"], {
                "type": r.choice(["0", "0", "1", "2"]), "source": r.choice(["", "honey", "analyst"]),
                "timestamp": self.now - r.randrange(90) * 86400})

    # ---- what each sees

    def read_back(self):
        self.seen, self.sightings, self.tags = {}, {}, {}
        for who, c in self.clients.items():
            events = []
            for u in self.uuids:
                ans = c.post("/events/view/" + u, {"deleted": [0, 1]})
                if ans.status == 200:
                    events.append(ans.json()["Event"])
            self.seen[who] = events
            ans = must(c.post("/sightings/restSearch", {"last": "0"}), "sightings")
            self.sightings[who] = [x["Sighting"] for x in ans["response"]]
            self.tags[who] = sorted({(t["id"], t["name"]) for e in events
                                     for x in self.elements(e) for t in x.get("Tag", [])})

    @staticmethod
    def elements(e):
        yield e
        for a in e.get("Attribute", []):
            yield a
        for o in e.get("Object", []):
            yield from o.get("Attribute", [])
