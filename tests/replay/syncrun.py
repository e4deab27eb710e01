"""The recordings between servers: what a pushing and pulling MISP asks of this node.

`sync` is a scripted sync user against one MISP. In `two-misps` the node plays server B; what B's own people
did in between is on no tape and is done here at its place, from what the recorded answers show of it.
"""
import copy
import gzip
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import node as nodelib
import run as runs
import tape as tapes

SYNC_USER = "sync-a@mispb.test"
ORG_A = {"name": "ORGA", "uuid": "aaaaaaaa-0000-4000-8000-00000000000a", "local": True}
ORG_B = {"name": "ORGB", "uuid": "bbbbbbbb-0000-4000-8000-00000000000b", "local": True}
HOSTS = {"two-misps": ["--org", ORG_B["name"], "--org-uuid", ORG_B["uuid"]]}
LIKELY = ("almost-certain", "likely", "roughly-even-chance", "unlikely", "very-likely")
RICH, GROUPED = "ddbf1ca8-e538-4477-82b0-370541527a9c", "8f994a70-70df-4082-b6e6-a7b74dd95c31"
CLUSTER = "d4b92b1e-232d-43a9-af3a-dffa51256dc5"
FIRST_ATTRIBUTE, LATE_ATTRIBUTE = ("e6bc5479-63bd-45ec-a2f2-24494aac7735",
                                   "cc4c745f-162d-49ee-8259-2d1fc5519cab")


class SyncRun(runs.Run):
    """`sync`: compressed bodies, and event ids that are bound by their UUIDs."""

    def read_load_order(self):
        return {"now": 1795322896, "load_order": []}

    def add_users(self):
        here, self.folder = self.folder, os.path.join(self.folder, "..", "client")
        super().add_users()
        self.folder = here
        self.library()

    @staticmethod
    def wire(rec, body):
        data = runs.Run.wire(rec, body)
        packed = "gzip-compressed" in rec.get("note", "") or rec["tape"] == "two-misps"
        if data is not None and packed and rec["req_headers"].get("Content-Encoding") == "gzip":
            return gzip.compress(data)
        return data

    def exchange(self, rec):
        kept = self.bind.learn

        def learn(rec, recorded, answer):
            self.bind_events(recorded, answer.body)
            return kept(rec, recorded, answer)

        self.bind.learn = learn
        try:
            return super().exchange(rec)
        finally:
            self.bind.learn = kept

    def bind_events(self, recorded, got):
        """Which of our numbers is which recorded one, by UUID."""
        ours = {e["uuid"]: e["id"] for e in events_of(got)}
        for e in events_of(recorded):
            if e["uuid"] in ours:
                self.bind.ids["event"].setdefault(e["id"], ours[e["uuid"]])


def events_of(body):
    """Every event with an id and a UUID in an answer: one, or rows of an index."""
    try:
        doc = json.loads(body)
    except ValueError:
        return []
    rows = doc if isinstance(doc, list) else [doc]
    out = [r.get("Event", r) for r in rows if isinstance(r, dict)]
    return [e for e in out if isinstance(e, dict) and "uuid" in e and "id" in e
            and ("orgc_id" in e or "orgc_uuid" in e)]


class TwoMisps(SyncRun):
    """`two-misps`: B's people act between A's requests."""

    def read_load_order(self):
        return {"now": 1795319755, "load_order": []}

    def unrecorded(self, before, n):
        for at, act in ((1, self.before_a), (4, self.rich_event), (32, self.b_edits), (59, self.b_deletes)):
            if before < at <= n:
                act()

    AHEAD = 60  # seconds: what A sends must stay younger than what B's people do here

    def clocked(self, rec, text, ahead=AHEAD):
        """What was said at the time of the recording is said now, in the same order."""
        for tok in {t for t in tapes.tokens(text) if t.isdigit() and len(t) == 10}:
            if abs(int(tok) - self.then) < 3600:
                ours = str(int(tok) - self.then + self.now + ahead)
                self.bind.given[tok] = ours
                text = text.replace(tok, ours)
        return text

    def answer(self, n):
        rec = next(r for r in self.records if r["n"] == n)
        return json.loads(rec["resp_body"])

    def event(self, n, **more):
        """An event as B's people must have entered it, from the answer to exchange n.

        What B does itself later happens at the node's own clock.
        """
        e = copy.deepcopy(self.answer(n)["Event"])
        for k in ("id", "org_id", "orgc_id", "Org", "Orgc", "Note", "publish_timestamp", "published",
                  "attribute_count", "sharing_group_id", "Galaxy", "RelatedEvent", "SharingGroup",
                  "CryptographicKey", "locked", "proposal_email_lock"):
            e.pop(k, None)
        for a in e["Attribute"] + e["EventReport"]:
            for k in ("id", "event_id", "object_id", "sharing_group_id"):
                a.pop(k, None)
        e.update(more)
        return {"Event": self.told(e)}

    def told(self, doc, ahead=-10):
        """A document as it is entered; its tokens are known from then on."""
        sent = self.clocked(None, json.dumps(doc), ahead)
        self.bind.note_request(json.dumps(doc), sent)
        return json.loads(sent)

    def before_a(self):
        """B as it was: A's organisation and sync user, tags, and three events of earlier tests."""
        made = self.quiet("POST", "/admin/organisations/add", ORG_A)
        ours = tapes.pick(made.json(), "Organisation.id") if made else "0"
        self.bind.ids["org"]["2"] = ours
        user = self.quiet("POST", "/admin/users/add", {
            "email": SYNC_USER, "org_id": ours, "role_id": "5", "change_pw": "0", "termsaccepted": "1",
            "nids_sid": "7520581", "password": "Lantern-05-keel-Harbour"})
        self.bind.keys["B-sync-user"] = tapes.pick(user.json(), "User.authkey") if user else "0" * 40
        for name in LIKELY:
            self.quiet("POST", "/tags/add",
                       {"name": 'estimative-language:likelihood-probability="%s"' % name,
                        "colour": "#123456", "exportable": True})
        self.quiet("POST", "/tags/add", {"name": "tlp:green", "colour": "#fa4c22", "exportable": True})
        rows = {r["uuid"]: r for r in self.answer(55)}
        for minimal in self.answer(9)[:3]:
            self.old_event(rows[minimal["uuid"]])

    def old_event(self, row):
        e = {k: row[k] for k in ("uuid", "info", "date", "timestamp", "analysis", "threat_level_id",
                                 "distribution", "extends_uuid", "published")}
        e["Tag"] = [{"name": "tlp:green", "colour": "#fa4c22"}]
        e["Attribute"] = [{"type": "domain", "category": "Network activity", "timestamp": row["timestamp"],
                           "value": "old%d.%s.example" % (i, row["id"])} for i in (1, 2)]
        e = self.told(e, self.AHEAD if row["orgc_id"] == "2" else -10)
        if row["orgc_id"] == "2":
            self.quiet("POST", "/events/add/metadata:1", {"Event": dict(e, locked=True, Orgc=ORG_A)},
                       key="B-sync-user")
        else:
            self.quiet("POST", "/events/add", {"Event": e})

    def rich_event(self):
        cluster = self.answer(6)["GalaxyCluster"]
        galaxy = self.galaxy(cluster["Galaxy"]["uuid"])
        if galaxy:
            self.quiet("POST", "/galaxy_clusters/add/" + galaxy, {"GalaxyCluster": {
                k: cluster[k] for k in ("uuid", "value", "description", "source", "authors",
                                        "distribution", "version")
            } | {"GalaxyElement": [{"key": "synonyms", "value": "REF-ddbf1ca8"}]}})
            self.quiet("POST", "/galaxy_clusters/publish/" + CLUSTER)
        group = self.event_group()
        obj = {"uuid": "b7e0e0a1-53b4-4d0c-9d4b-30b6f0a3d001", "name": "file", "meta-category": "file",
               "description": "a file", "template_uuid": "688c46fb-5edb-40a3-8273-1af7923e2215",
               "template_version": "24", "distribution": "0", "Attribute": [
                   {"object_relation": "filename", "type": "filename", "value": "a.bin",
                    "category": "Payload delivery"},
                   {"object_relation": "md5", "type": "md5", "value": "1" * 32,
                    "category": "Payload delivery"}]}
        self.quiet("POST", "/events/add", self.event(11, Object=[obj]))
        self.quiet("POST", "/sightings/add/" + FIRST_ATTRIBUTE, {"type": "0"})
        note = self.answer(11)["Event"]["Note"][0]
        self.quiet("POST", "/analystData/add/Note/%s/Event" % RICH,
                   {"Note": {"uuid": note["uuid"], "note": note["note"], "language": "en",
                             "distribution": "3", "authors": note["authors"]}})
        self.quiet("POST", "/events/publish/" + RICH)
        self.quiet("POST", "/events/add", self.event(10, sharing_group_id=group))
        self.quiet("POST", "/events/publish/" + GROUPED)

    def galaxy(self, uuid):
        """The id of the galaxy of the recorded cluster; made from what B's answer says of it."""
        self.library()
        ans = self.client.get("/galaxies/view/" + uuid)
        return tapes.pick(ans.json(), "Galaxy.id") if ans.status == 200 else uuid

    def event_group(self):
        sg = self.answer(10)["Event"]["SharingGroup"]
        made = self.quiet("POST", "/sharing_groups/add", {"SharingGroup": {
            "name": sg["name"], "uuid": sg["uuid"], "releasability": sg["releasability"],
            "description": "", "roaming": False, "active": True, "SharingGroupServer": [],
            "SharingGroupOrg": [{"uuid": ORG_B["uuid"], "name": "ORGB", "extend": True},
                                {"uuid": ORG_A["uuid"], "name": "ORGA", "extend": False}]}})
        return tapes.pick(made.json(), "SharingGroup.id") if made and made.status == 200 else "0"

    def b_edits(self):
        late = next(a for a in self.answer(35)["Event"]["Attribute"] if a["uuid"] == LATE_ATTRIBUTE)
        self.bind.note_request(LATE_ATTRIBUTE, LATE_ATTRIBUTE)
        self.quiet("POST", "/attributes/delete/" + FIRST_ATTRIBUTE)
        self.quiet("POST", "/attributes/add/" + RICH, {
            k: late[k] for k in ("uuid", "type", "category", "value", "to_ids", "comment", "distribution")})
        self.quiet("POST", "/events/publish/" + RICH)

    def b_deletes(self):
        self.quiet("POST", "/events/delete/" + RICH)


RUNS = {"sync": SyncRun, "two-misps": TwoMisps}
