"""Custom clusters between two nodes, over links in both directions: lossless, lowered, only what changed."""
import json
import uuid

import node as nodelib
import pytest
from pymisp import MISPGalaxyCluster, MISPGalaxyClusterRelation, PyMISP

from builders import small_event
from test_galaxies import GALAXY, push, search, sent, view

ORGS = {"a": "c1a00000-71aa-4b0d-9e2f-00000000000a", "b": "c1a00000-71aa-4b0d-9e2f-00000000000b"}


class Side:
    """A node with its administrator, and the link from it to the other one."""

    def __init__(self, name):
        self.name = name
        self.node = nodelib.Node(extra=["--org", "Node " + name, "--org-uuid", ORGS[name]])
        self.node.start()
        self.misp = PyMISP(self.node.url, self.node.key, ssl=False, timeout=120)
        self.link = None

    def user_for(self, other):
        """A sync user for the other side; (its key, number of the other's organisation here)."""
        org = self.misp.direct_call("admin/organisations/add",
                                    {"name": "Node " + other.name, "uuid": ORGS[other.name],
                                     "local": True})["Organisation"]["id"]
        user = self.misp.direct_call("admin/users/add", {
            "email": "sync@%s.example" % other.name, "org_id": org, "role_id": 5,
            "password": "Lantern-5-keel-Harbour"})
        return user["User"]["authkey"], org

    def connect(self, other, key, org):
        got = self.misp.direct_call("servers/add", {
            "name": "node " + other.name, "url": other.node.url, "authkey": key,
            "remote_org_id": org, "push": True, "pull": True, "push_galaxy_clusters": True,
            "pull_galaxy_clusters": True})
        self.link = got["Server"]["id"]

    def run(self, what, technique="full"):
        return self.misp.direct_call("servers/%s/%s/%s" % (what, self.link, technique))

    def cluster(self, u):
        return view(self.misp, u)["GalaxyCluster"]

    def has(self, u):
        return "GalaxyCluster" in view(self.misp, u)

    def add(self, level=3, **more):
        c = MISPGalaxyCluster()
        c.value, c.description, c.distribution = "EEL " + str(uuid.uuid4())[:8], "von hier é", level
        c.source, c.authors = "quay", ["keeper", "other"]
        c.add_cluster_element("synonyms", "White Bird")
        c.add_cluster_element("synonyms", "Grey Bird")
        c.add_cluster_element("country", "IS")
        for k, v in more.items():
            setattr(c, k, v)
        got = self.misp.add_galaxy_cluster(GALAXY["uuid"], c, pythonify=True)
        assert getattr(got, "id", None), got
        return got

    def publish(self, *clusters):
        for c in clusters:
            assert self.misp.publish_galaxy_cluster(c).get("saved") is True

    def relate(self, a, b, level=3, kind="similar"):
        r = MISPGalaxyClusterRelation()
        r.galaxy_cluster_uuid, r.referenced_galaxy_cluster_uuid = a.uuid, b.uuid
        r.referenced_galaxy_cluster_type, r.distribution = kind, level
        r.add_tag('estimative-language:likelihood-probability="likely"')
        assert self.misp.add_galaxy_cluster_relation(r).get("saved") is True


@pytest.fixture(scope="module")
def sides():
    a, b = Side("a"), Side("b")
    try:
        key_b, a_on_b = b.user_for(a)
        key_a, b_on_a = a.user_for(b)
        a.connect(b, key_b, b_on_a)
        b.connect(a, key_a, a_on_b)
        assert push(a.misp, sent())["saved"] is True  # the galaxy
        yield a, b
        assert a.node.alive() and b.node.alive()
    finally:
        for s in (a, b):
            s.node.stop()
            s.node.clean()


SAME = ("uuid", "type", "value", "tag_name", "description", "source", "authors", "version", "default",
        "extends_uuid", "extends_version", "published", "deleted", "collection_uuid")


def same(a, b):
    for key in SAME:
        assert a[key] == b[key], key
    assert [(e["key"], e["value"]) for e in a["GalaxyElement"]] == \
           [(e["key"], e["value"]) for e in b["GalaxyElement"]]
    assert a["Orgc"]["uuid"] == b["Orgc"]["uuid"]
    for key in ("uuid", "name", "type", "description", "version", "icon", "namespace",
                "kill_chain_order"):
        assert a["Galaxy"][key] == b["Galaxy"][key], key


def relations(c):
    return [(r["galaxy_cluster_uuid"], r["referenced_galaxy_cluster_uuid"],
             r["referenced_galaxy_cluster_type"], r["distribution"], [t["name"] for t in r["Tag"]])
            for r in c["GalaxyClusterRelation"]]


def test_pull_is_lossless_and_lowered(sides):
    a, b = sides
    every, near, local = a.add(3), a.add(2), a.add(1)
    own, draft = a.add(0), a.add(3)
    a.relate(every, near, 2)
    a.relate(every, local, 1, "used-by")
    a.relate(every, own, 3, "names-what-is-hidden")
    a.relate(near, every, 0)
    a.publish(every, near, local, own)
    got = b.run("pull")
    assert "clusters pulled" in got["name"], got
    for c, level in ((every, "3"), (near, "1"), (local, "0")):
        theirs, ours = a.cluster(c.uuid), b.cluster(c.uuid)
        same(theirs, ours)
        assert ours["distribution"] == level and ours["locked"] is True
        assert ours["Org"]["uuid"] == ORGS["b"]
    assert not b.has(own.uuid) and not b.has(draft.uuid)
    likely = ['estimative-language:likelihood-probability="likely"']
    # newest relation first
    assert relations(b.cluster(every.uuid)) == [
        (every.uuid, local.uuid, "used-by", "0", likely),
        (every.uuid, near.uuid, "similar", "1", likely)]
    assert relations(b.cluster(near.uuid)) == []
    assert own.uuid not in json.dumps(b.cluster(every.uuid))


def test_pull_brings_only_what_is_newer(sides):
    a, b = sides
    c = a.add(3)
    a.publish(c)
    assert " 1 clusters pulled" in b.run("pull")["name"]
    assert " 0 clusters pulled" in b.run("pull")["name"]
    c.description = "changed there"
    a.misp.update_galaxy_cluster(c)
    assert " 0 clusters pulled" in b.run("pull")["name"], "not published again yet"
    a.publish(c)
    assert " 1 clusters pulled" in b.run("pull", "update")["name"]
    same(a.cluster(c.uuid), b.cluster(c.uuid))
    assert b.cluster(c.uuid)["description"] == "changed there"


def test_update_takes_nothing_new(sides):
    a, b = sides
    c = a.add(3)
    a.publish(c)
    b.run("pull", "update")
    assert not b.has(c.uuid)
    b.run("pull")
    assert b.has(c.uuid)


def test_relevant_ones_only(sides):
    a, b = sides
    named, other = a.add(3), a.add(3)
    a.publish(named, other)
    tag = 'misp-galaxy:threat-actor="%s"' % named.uuid
    assert "errors" not in b.misp.tag(b.misp.add_event(small_event(), pythonify=True), tag)
    b.run("pull", "pull_relevant_clusters")
    assert b.has(named.uuid) and not b.has(other.uuid)


def test_blocked_and_own_ones_stay_out(sides):
    a, b = sides
    blocked = a.add(3)
    a.publish(blocked)
    b.misp.direct_call("galaxyClusterBlocklists/add", {"uuids": [blocked.uuid]})
    b.run("pull")
    assert not b.has(blocked.uuid)
    mine = b.add(3)
    b.publish(mine)
    before = b.cluster(mine.uuid)
    doc = dict(before, version="9999999999", description="stolen", locked=True)
    doc = {k: v for k, v in doc.items() if k not in ("id", "galaxy_id", "RelationshipInbound")}
    push(a.misp, {"GalaxyCluster": doc})
    b.run("pull")
    assert b.cluster(mine.uuid)["description"] == before["description"]


def test_push_full(sides):
    a, b = sides
    every, near, local = a.add(3), a.add(2), a.add(1)
    a.relate(every, near, 2)
    a.relate(every, near, 1, "stays-here")
    a.relate(near, every, 3)
    a.publish(every, near, local)
    a.run("push")
    for c, level in ((every, "3"), (near, "1")):
        theirs, ours = a.cluster(c.uuid), b.cluster(c.uuid)
        same(theirs, ours)
        assert ours["distribution"] == level and ours["locked"] is True
    assert not b.has(local.uuid)
    likely = ['estimative-language:likelihood-probability="likely"']
    assert relations(b.cluster(every.uuid)) == [(every.uuid, near.uuid, "similar", "1", likely)]
    assert relations(b.cluster(near.uuid)) == [(near.uuid, every.uuid, "similar", "3", likely)]
    # what was pushed may be pushed again, when it is newer
    every.description = "changed once more"
    a.misp.update_galaxy_cluster(every)
    a.publish(every)
    a.run("push")
    assert b.cluster(every.uuid)["description"] == "changed once more"


def test_push_with_an_event(sides):
    a, b = sides
    a.run("push")
    c, other = a.add(3), a.add(3)
    event = a.misp.add_event(small_event(distribution=3), pythonify=True)
    assert a.misp.attach_galaxy_cluster(event.attributes[0], c).get("saved") is True
    a.publish(c, other)
    a.misp.publish(event)
    a.run("push", event.uuid)
    assert b.has(c.uuid) and not b.has(other.uuid)
    seen = b.misp.get_event(event.uuid)["Event"]
    shown = seen["Attribute"][0]["Galaxy"][0]["GalaxyCluster"][0]
    assert shown["uuid"] == c.uuid and shown["value"] == c.value


def test_back_again_changes_nothing(sides):
    a, b = sides
    c = a.add(3)
    a.publish(c)
    b.run("pull")
    before = a.cluster(c.uuid)
    b.run("push")
    a.run("pull")
    assert a.cluster(c.uuid) == before


def test_deleted_ones_stay_there(sides):
    """As in MISP: a deletion unpublishes, so it does not travel."""
    a, b = sides
    c = a.add(3)
    a.publish(c)
    b.run("pull")
    a.misp.delete_galaxy_cluster(c)
    b.run("pull")
    assert b.cluster(c.uuid)["deleted"] is False
    assert c.uuid not in [r["GalaxyCluster"]["uuid"]
                          for r in search(a.misp, published=1, minimal=1, custom=1)]


def group(side, *orgs, roaming=True):
    made = side.misp.direct_call("sharing_groups/add", {
        "name": "Group " + str(uuid.uuid4())[:8], "releasability": "members", "roaming": roaming,
        "description": "", "active": True})
    sg = made["SharingGroup"]
    for org in (ORGS[side.name],) + orgs:
        org = side.misp.direct_call("organisations/view/" + org)["Organisation"]["id"]
        side.misp.direct_call("sharing_groups/addOrg/%s/%s" % (sg["id"], org), {})
    return sg


def test_groups_travel_with_clusters(sides):
    a, b = sides
    both, alone = group(a, ORGS["b"]), group(a)
    shared = a.add(4, sharing_group_id=both["id"])
    hidden = a.add(4, sharing_group_id=alone["id"])
    related = a.add(3)
    r = MISPGalaxyClusterRelation()
    r.galaxy_cluster_uuid, r.referenced_galaxy_cluster_uuid = related.uuid, shared.uuid
    r.referenced_galaxy_cluster_type, r.distribution = "similar", 4
    r.sharing_group_id = both["id"]
    assert a.misp.add_galaxy_cluster_relation(r).get("saved") is True
    a.publish(shared, hidden, related)
    assert a.cluster(shared.uuid)["SharingGroup"]["uuid"] == both["uuid"]
    for way, side in (("push", a), ("pull", b)):
        side.run(way)
        ours = b.cluster(shared.uuid)
        assert ours["distribution"] == "4" and ours["SharingGroup"]["uuid"] == both["uuid"], way
        (row,) = b.cluster(related.uuid)["GalaxyClusterRelation"]
        assert row["distribution"] == "4" and row["SharingGroup"]["name"] == both["name"], way
        assert not b.has(hidden.uuid), way
        if way == "push":
            for c in (shared, related):
                b.misp.direct_call("galaxy_clusters/delete/" + c.uuid, {"hard": 1})
                row = [x for x in b.misp.direct_call("galaxyClusterBlocklists/index")
                       if x["cluster_uuid"] == c.uuid]
                b.misp.direct_call("galaxyClusterBlocklists/delete/" + row[0]["id"], {})


def preview(side, direction):
    text = side.misp.direct_call("tocsin/peers/preview/%s/%s" % (side.link, direction))
    return [json.loads(line) for line in text.splitlines()]


def test_preview_says_and_moves_nothing(sides):
    a, b = sides
    new, stays = a.add(3), a.add(1)
    a.publish(new, stays)
    said = {list(line.values())[0].get("uuid"): list(line.values())[0] for line in preview(a, "push")}
    assert said[new.uuid]["error"] == "added" and said[new.uuid]["bytes"] > 100
    assert said[stays.uuid]["error"] == "held" and "distribution" in said[stays.uuid]["text"]
    assert not b.has(new.uuid)
    said = {list(line.values())[0].get("uuid"): list(line.values())[0] for line in preview(b, "pull")}
    assert said[new.uuid]["error"] == "added" and not b.has(new.uuid)
