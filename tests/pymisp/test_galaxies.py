"""Galaxies and galaxy clusters: pushed as a peer does, made, changed, related, attached, deleted."""
import json
import uuid

import pytest
from pymisp import MISPGalaxyCluster, MISPGalaxyClusterRelation

from builders import small_event, uid
from conftest import new_user

GALAXY = {"uuid": "698774c7-8022-42c4-917f-8d6e4f06ada3", "name": "Threat Actor",
          "type": "threat-actor", "description": "Who does it.", "version": "3",
          "icon": "user-secret", "namespace": "misp",
          "kill_chain_order": {"phases": ["first", "second"]}}
REEF = {"name": "Gull Rock", "uuid": "7d3f0b10-2a64-4c39-8e55-a1b2c3d4a003"}


def new_uuid():
    return str(uuid.uuid4())


def sent(**more):
    c = {"uuid": new_uuid(), "type": "threat-actor", "value": "REEF EEL " + uid(),
         "tag_name": "nonsense", "description": "d", "distribution": "3", "version": "1750000000",
         "default": False, "published": True, "source": "reef", "authors": ["x", "y"],
         "collection_uuid": "", "extends_uuid": "", "extends_version": "0", "locked": True,
         "deleted": False, "Orgc": REEF, "Org": REEF, "Galaxy": GALAXY,
         "GalaxyElement": [{"key": "synonyms", "value": "Eel"}, {"key": "country", "value": "IS"}],
         "GalaxyClusterRelation": []}
    c.update(more)
    return {"GalaxyCluster": c}


def push(misp, *clusters):
    return misp.direct_call("galaxies/pushCluster", list(clusters))


@pytest.fixture(scope="module")
def peer(admin, node, other_org):
    """A sync user (role 5) of the other organisation; it brings the galaxy."""
    p = new_user(admin, node, "sync@breakwater.example", other_org.id, 5)
    assert push(p, sent())["saved"] is True
    return p


@pytest.fixture
def cluster(peer, admin):
    c = MISPGalaxyCluster()
    c.value, c.description, c.distribution = "SKERRY " + uid(), "invented actor", 1
    c.source, c.authors = "quay", ["keeper"]
    c.add_cluster_element("synonyms", "White Bird")
    c.add_cluster_element("country", "IS")
    made = admin.add_galaxy_cluster(GALAXY["uuid"], c, pythonify=True)
    assert getattr(made, "id", None), made
    return made


def view(misp, uuid):
    return misp.direct_call("galaxy_clusters/view/" + uuid)


# ---- as a peer does

def test_pushed_and_viewed(peer):
    doc = sent()
    got = push(peer, doc)
    assert got["name"] == "Galaxy clusters imported. 1 imported, 0 ignored, 0 failed. "
    assert got["url"] == "/galaxies/pushCluster"
    c = view(peer, doc["GalaxyCluster"]["uuid"])["GalaxyCluster"]
    for key in ("uuid", "value", "description", "distribution", "version", "source", "authors",
                "extends_uuid", "extends_version", "published", "deleted", "default"):
        assert c[key] == doc["GalaxyCluster"][key], key
    assert c["tag_name"] == 'misp-galaxy:threat-actor="%s"' % c["uuid"]
    assert c["locked"] is True and c["sharing_group_id"] is None
    assert c["Orgc"]["uuid"] == REEF["uuid"] and c["Org"]["name"] == "Breakwater"
    assert [(e["key"], e["value"]) for e in c["GalaxyElement"]] == [("synonyms", "Eel"),
                                                                   ("country", "IS")]
    assert c["Galaxy"]["kill_chain_order"] == GALAXY["kill_chain_order"]


def test_pushed_again(peer):
    doc = sent()
    push(peer, doc)
    again = push(peer, doc)
    assert "0 imported, 1 ignored, 0 failed" in again["name"]
    doc["GalaxyCluster"].update(version="1750000001", description="newer", GalaxyElement=[])
    assert "1 imported" in push(peer, doc)["name"]
    c = view(peer, doc["GalaxyCluster"]["uuid"])["GalaxyCluster"]
    assert c["description"] == "newer" and len(c["GalaxyElement"]) == 2
    doc["GalaxyCluster"].update(version="1750000000", description="older")
    assert "1 ignored" in push(peer, doc)["name"]


def test_refused_pushes(peer, other, readonly):
    bad = push(peer, sent(default=True))
    assert bad["errors"][0] == 403 and "1 failed" in bad["errors"][1]["errors"]
    assert "non-default" in bad["errors"][1]["errors"]
    strange = sent()
    strange["GalaxyCluster"]["Galaxy"] = {"uuid": new_uuid()}
    assert "1 failed" in str(push(peer, strange))
    both = push(peer, sent(default=True), sent())
    assert both["saved"] is True and "1 imported, 0 ignored, 1 failed" in both["name"]
    for misp in (other, readonly):
        got = push(misp)
        assert got["errors"][0] == 403
        assert got["errors"][1]["message"] == "You do not have permission to use this functionality."


def test_local_ones_stay(peer, admin, cluster):
    admin.publish_galaxy_cluster(cluster)
    got = push(peer, sent(uuid=cluster.uuid, version="9999999999"))
    assert got["errors"][0] == 403
    assert "created locally" in got["errors"][1]["errors"]
    assert view(admin, cluster.uuid)["GalaxyCluster"]["value"] == cluster.value


def test_creator_defaults_to_the_caller(peer):
    doc = sent()
    del doc["GalaxyCluster"]["Orgc"]
    push(peer, doc)
    c = view(peer, doc["GalaxyCluster"]["uuid"])["GalaxyCluster"]
    assert c["Orgc"]["name"] == "Breakwater"


# ---- searches

def search(misp, **body):
    return misp.direct_call("galaxy_clusters/restSearch", body)  # takes "response" off


def test_search_minimal(peer):
    doc = sent(published=False)
    out = sent()
    push(peer, doc, out)
    mine = [doc["GalaxyCluster"]["uuid"], out["GalaxyCluster"]["uuid"]]
    rows = search(peer, published=1, minimal=1, custom=1)
    listed = [r["GalaxyCluster"]["uuid"] for r in rows]
    assert mine[1] in listed and mine[0] not in listed
    assert set(rows[0]["GalaxyCluster"]) == {"uuid", "version"}
    assert search(peer, custom=1, minimal=1, uuid=mine) == [
        {"GalaxyCluster": {"uuid": u, "version": "1750000000"}} for u in mine]
    assert search(peer, published=1, minimal=1, custom=1, uuid=[]) == []
    assert search(peer, custom=0) == []


def test_search_members(peer):
    doc = sent(value="Lonely " + uid(), GalaxyElement=[{"key": "lair", "value": "Cave " + uid()}])
    c = doc["GalaxyCluster"]
    push(peer, doc)
    for body in ({"value": c["value"]}, {"uuid": c["uuid"]},
                 {"tag_name": 'misp-galaxy:threat-actor="%s"' % c["uuid"]},
                 {"elements": {"lair": c["GalaxyElement"][0]["value"]}},
                 {"galaxy_uuid": GALAXY["uuid"], "value": [c["value"], "nothing"]}):
        rows = search(peer, **body)
        assert [r["GalaxyCluster"]["uuid"] for r in rows] == [c["uuid"]], body
    assert search(peer, value="!" + c["value"], uuid=c["uuid"]) == []
    assert len(search(peer, limit=1)) == 1


def test_search_by_event(peer, admin, cluster):
    event = admin.add_event(small_event(), pythonify=True)
    assert search(admin, eventid=event.id) == []
    admin.attach_galaxy_cluster(event, cluster)
    admin.attach_galaxy_cluster(event.attributes[0], cluster)
    rows = search(admin, eventid=event.uuid, minimal=1)
    assert [r["GalaxyCluster"]["uuid"] for r in rows] == [cluster.uuid]


# ---- made here

def test_made_and_changed(cluster, admin):
    row = view(admin, cluster.uuid)["GalaxyCluster"]
    assert row["authors"] == ["keeper"] and row["locked"] is False and row["published"] is False
    assert row["extends_uuid"] is None and row["extends_version"] is None
    before = int(row["version"])
    cluster.description = "changed"
    cluster.default = False
    got = admin.update_galaxy_cluster(cluster, pythonify=True)
    assert got.description == "changed" and int(got.version) > before
    assert len(got.cluster_elements) == 2


def test_who_may_change(cluster, other, readonly):
    doc = {"GalaxyCluster": {"description": "x"}}
    got = other.direct_call("galaxy_clusters/edit/%s" % cluster.id, doc)
    assert got["errors"][0] == 405
    assert got["errors"][1]["message"] == "Only the creator organisation can modify the galaxy cluster"
    got = readonly.direct_call("galaxy_clusters/add/" + GALAXY["uuid"], {"value": "x"})
    assert got["errors"][0] == 403
    got = other.direct_call("galaxy_clusters/add/99999", {"value": "x"})
    assert got["errors"][0] == 403 and got["errors"][1]["errors"] == "Galaxy not found"


def test_own_ones_are_hidden(admin, other, peer):
    c = MISPGalaxyCluster()
    c.value, c.distribution = "HIDDEN " + uid(), 0
    made = admin.add_galaxy_cluster(GALAXY["uuid"], c, pythonify=True)
    for misp in (other, peer):
        assert view(misp, made.uuid)["errors"][0] == 404
        assert search(misp, value=c.value) == [] and search(misp, uuid=made.uuid) == []
        assert misp.search_galaxy_clusters(GALAXY["uuid"], searchall=c.value) == []
        listed = json.dumps(misp.get_galaxy(GALAXY["uuid"]))
        assert c.value not in listed


def test_published_and_not(cluster, admin):
    got = admin.publish_galaxy_cluster(cluster)
    assert got["name"] == "GalaxyCluster published"
    assert got["url"] == "/galaxy_clusters/publish/%s" % cluster.id
    assert view(admin, cluster.uuid)["GalaxyCluster"]["published"] is True
    got = admin.direct_call("galaxy_clusters/unpublish/%s" % cluster.id, {})
    assert got["name"] == "GalaxyCluster unpublished"


def test_deleted(cluster, admin, node, other):
    got = admin.delete_galaxy_cluster(cluster)
    assert got["message"] == "Galaxy cluster successfuly soft deleted."
    assert view(other, cluster.uuid)["errors"][0] == 404
    listed = admin.search_galaxy_clusters(GALAXY["uuid"], context="deleted")
    assert cluster.uuid in [c["GalaxyCluster"]["uuid"] for c in listed]
    admin.direct_call("galaxy_clusters/restore/%s" % cluster.id, {})
    assert view(other, cluster.uuid)["GalaxyCluster"]["deleted"] is False
    got = admin.delete_galaxy_cluster(cluster, hard=True)
    assert got["message"] == ("Galaxy cluster successfuly hard deleted and added to the block "
                              "list.")
    assert view(admin, cluster.uuid)["errors"][0] == 404
    blocked = admin.direct_call("galaxyClusterBlocklists/index")
    mine = [b for b in blocked if b["cluster_uuid"] == cluster.uuid]
    assert mine and mine[0]["cluster_info"] == cluster.value and mine[0]["comment"] == ""


def test_blocked_ones_do_not_come_back(cluster, admin, peer):
    admin.delete_galaxy_cluster(cluster, hard=True)
    got = push(peer, sent(uuid=cluster.uuid))
    assert got["saved"] is True and "0 imported, 1 ignored, 0 failed" in got["name"]
    assert view(admin, cluster.uuid)["errors"][0] == 404


def test_fork(cluster, admin):
    got = admin.fork_galaxy_cluster(GALAXY["uuid"], cluster, pythonify=True)
    assert got.uuid != cluster.uuid and got.extends_uuid == cluster.uuid
    assert got.value == cluster.value


# ---- relations

@pytest.fixture
def pair(admin, cluster):
    c = MISPGalaxyCluster()
    c.value, c.distribution = "SKERRY TERN " + uid(), 1
    return cluster, admin.add_galaxy_cluster(GALAXY["uuid"], c, pythonify=True)


def relate(a, b, level=1, **more):
    r = MISPGalaxyClusterRelation()
    r.galaxy_cluster_uuid, r.referenced_galaxy_cluster_uuid = a.uuid, b.uuid
    r.referenced_galaxy_cluster_type, r.distribution = "similar", level
    for k, v in more.items():
        setattr(r, k, v)
    return r


def relations(misp, c):
    return view(misp, c.uuid)["GalaxyCluster"]["GalaxyClusterRelation"]


def test_relation(admin, other, pair):
    a, b = pair
    r = relate(a, b)
    r.add_tag('estimative-language:likelihood-probability="likely"')
    before = int(view(admin, a.uuid)["GalaxyCluster"]["version"])
    got = admin.add_galaxy_cluster_relation(r)
    assert got.get("saved") is True, got
    (row,) = relations(other, a)
    assert row["galaxy_cluster_uuid"] == a.uuid and row["referenced_galaxy_cluster_uuid"] == b.uuid
    assert row["referenced_galaxy_cluster_id"] == str(b.id) and row["galaxy_cluster_id"] == str(a.id)
    assert row["referenced_galaxy_cluster_type"] == "similar" and row["default"] is False
    assert [t["name"] for t in row["Tag"]] == ['estimative-language:likelihood-probability="likely"']
    assert int(view(admin, a.uuid)["GalaxyCluster"]["version"]) > before
    again = admin.add_galaxy_cluster_relation(relate(a, b, 3))
    assert again.get("saved") is True and len(relations(admin, a)) == 1
    change = MISPGalaxyClusterRelation()
    change.id, change.distribution = row["id"], 2
    change.referenced_galaxy_cluster_type = "used-by"
    assert admin.update_galaxy_cluster_relation(change).get("saved") is True
    (row,) = relations(admin, a)
    assert row["referenced_galaxy_cluster_type"] == "used-by" and row["distribution"] == "2"
    assert admin.delete_galaxy_cluster_relation(row["id"]).get("saved") is True
    assert relations(admin, a) == []


def test_relation_is_hidden(admin, other, pair):
    a, b = pair
    admin.add_galaxy_cluster_relation(relate(a, b, 0))
    assert len(relations(admin, a)) == 1 and relations(other, a) == []


def test_relation_to_hidden(admin, other, cluster):
    c = MISPGalaxyCluster()
    c.value, c.distribution = "HIDDEN TERN " + uid(), 0
    hidden = admin.add_galaxy_cluster(GALAXY["uuid"], c, pythonify=True)
    admin.add_galaxy_cluster_relation(relate(cluster, hidden, 3))
    assert len(relations(admin, cluster)) == 1
    assert relations(other, cluster) == [], "a relation names what the caller may not know"


def test_relation_to_unknown(admin, cluster):
    r = relate(cluster, cluster)
    r.referenced_galaxy_cluster_uuid = "5c0a1e57-71aa-4b0d-9e2f-000000000599"
    got = admin.add_galaxy_cluster_relation(r)
    assert got["errors"][0] == 403
    assert "Invalid referenced galaxy cluster" in str(got["errors"][1])


def test_relations_come_with_pushes(peer, admin):
    a, b = sent(), sent()
    to = b["GalaxyCluster"]["uuid"]
    a["GalaxyCluster"]["GalaxyClusterRelation"] = [
        {"galaxy_cluster_uuid": a["GalaxyCluster"]["uuid"], "referenced_galaxy_cluster_uuid": to,
         "referenced_galaxy_cluster_type": "similar", "distribution": "3",
         "Tag": [{"name": "tlp:green", "colour": "#339900"}]},
        {"referenced_galaxy_cluster_uuid": to, "referenced_galaxy_cluster_type": "similar",
         "distribution": "3"},
        {"referenced_galaxy_cluster_uuid": "x", "referenced_galaxy_cluster_type": "similar"}]
    assert "2 imported" in push(peer, a, b)["name"]
    (row,) = view(admin, a["GalaxyCluster"]["uuid"])["GalaxyCluster"]["GalaxyClusterRelation"]
    assert row["referenced_galaxy_cluster_uuid"] == to and row["Tag"][0]["name"] == "tlp:green"


# ---- galaxies

def test_lists(admin, cluster):
    galaxies = admin.galaxies(pythonify=True)
    mine = [g for g in galaxies if g.uuid == GALAXY["uuid"]]
    assert mine and mine[0].type == "threat-actor"
    assert [g["Galaxy"]["uuid"] for g in admin.search_galaxy("threat actor")] == [GALAXY["uuid"]]
    assert admin.search_galaxy("nothing like it") == []
    got = admin.get_galaxy(GALAXY["uuid"], withCluster=True, pythonify=True)
    assert cluster.uuid in [c.uuid for c in got.clusters]
    assert admin.direct_call("galaxies/view/9999")["errors"][0] == 404


def test_export_and_import(admin, cluster, other):
    got = admin.direct_call("galaxies/export/" + GALAXY["uuid"],
                            {"Galaxy": {"default": False, "custom": True, "distribution": "1",
                                        "format": "misp", "download": 0}})
    mine = [c for c in got if c["GalaxyCluster"]["uuid"] == cluster.uuid]
    assert mine and "id" not in mine[0]["GalaxyCluster"]
    copy = json.loads(json.dumps(mine[0]))
    copy["GalaxyCluster"]["uuid"] = new_uuid()
    assert "1 imported" in other.direct_call("galaxies/import", [copy])["name"]
    row = view(other, copy["GalaxyCluster"]["uuid"])["GalaxyCluster"]
    assert row["Orgc"]["name"] == "Breakwater" and row["locked"] is False


# ---- on events

def test_attach(admin, other, cluster):
    event = admin.add_event(small_event(), pythonify=True)
    path = "galaxies/attachCluster/%s/event/local:0" % event.id
    body = {"Galaxy": {"target_id": cluster.id}}
    assert admin.direct_call(path, body) == {"saved": True, "success": "Cluster attached.",
                                             "check_publish": True}
    assert admin.direct_call(path, body)["success"] == "Cluster already attached."
    got = admin.direct_call(path, {"Galaxy": {"target_id": "999999"}})
    assert got["errors"][0] == 404 and got["errors"][1]["message"] == "Invalid Galaxy cluster"
    got = admin.direct_call("galaxies/attachCluster/99999/event/local:0", body)
    assert got["errors"][1]["message"] == "Invalid event."
    got = other.direct_call(path, body)
    assert got["errors"][0] in (403, 404)
    seen = admin.get_event(event.id)["Event"]
    tag = 'misp-galaxy:threat-actor="%s"' % cluster.uuid
    assert [t["name"] for t in seen["Tag"]] == [tag] and seen["Tag"][0]["is_custom_galaxy"] is True
    shown = seen["Galaxy"][0]["GalaxyCluster"][0]
    assert shown["uuid"] == cluster.uuid and shown["meta"]["synonyms"] == ["White Bird"]


def test_version_tells_the_right(admin, peer, readonly):
    for misp, may in ((admin, True), (peer, True), (readonly, False)):
        assert misp.direct_call("servers/getVersion")["perm_galaxy_editor"] is may


def test_attach_to_tag_collection(admin, publisher, cluster):
    """A cluster stands in a collection as its tag, and comes with it onto events."""
    row = admin.direct_call("tag_collections/add", {"TagCollection": {"name": "Lamps", "all_orgs": True}})["TagCollection"]
    path = "galaxies/attachCluster/%s/tag_collection" % row["id"]
    body = {"Galaxy": {"target_id": cluster.id}}
    assert admin.direct_call(path, body) == {"saved": True, "success": "Cluster attached.", "check_publish": True}
    assert admin.direct_call(path, body)["success"] == "Cluster already attached."
    by_uuid = "galaxies/attachCluster/%s/tag_collection" % row["uuid"]
    assert admin.direct_call(by_uuid, body)["success"] == "Cluster already attached."
    tag = 'misp-galaxy:threat-actor="%s"' % cluster.uuid
    kept = admin.direct_call("tag_collections/view/" + row["id"])
    assert [t["Tag"]["name"] for t in kept["TagCollectionTag"]] == [tag]
    event = admin.add_event(small_event(), pythonify=True)
    admin.direct_call("events/addTag/%s/collection_%s" % (event.id, row["id"]), {})
    seen = admin.get_event(event.id)["Event"]
    assert tag in [t["name"] for t in seen["Tag"]] and seen["Galaxy"][0]["GalaxyCluster"][0]["uuid"] == cluster.uuid
    # neither without the collection, nor without the right, nor an unknown cluster
    assert admin.direct_call("galaxies/attachCluster/999999/tag_collection", body)["errors"][0] == 404
    assert admin.direct_call(path, {"Galaxy": {"target_id": "999999"}})["errors"][0] == 404
    assert publisher.direct_call(path, body)["errors"][0] in (403, 404)
    assert [t["Tag"]["name"] for t in admin.direct_call("tag_collections/view/" + row["id"])["TagCollectionTag"]] == [tag]
