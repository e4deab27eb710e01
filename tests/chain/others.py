"""What travels beside events: sightings, proposals, clusters, analyst data. Each kind says how it is
made on a node and what a node shows of it, as {uuid: level or text}.
"""
import content
import levels
import links

GALAXY = {"uuid": content.uid("galaxy"), "name": "Chain", "type": "chain", "description": "links",
          "version": "1", "icon": "link", "namespace": "chain"}
STRANGER = {"name": "Stranger", "uuid": content.uid("stranger")}


def event_here(node, uuid):
    got = node.client().get("/events/view/%s/deleted[]:0/deleted[]:1" % uuid)
    return got.json()["Event"] if got.status == 200 else {}


# ---- sightings: of an attribute, without a level ----

def sight(node, event, attribute, name):
    """A sighting, published so that peers come for it."""
    c = node.client()
    got = links.ok(c.post("/sightings/add/" + attribute, {"type": "0", "source": name}), "sighting")
    links.ok(c.post("/events/publishSightings/" + event), "publishSightings")
    return (got.get("Sighting") or got[0]["Sighting"])["uuid"]


def sightings(node, event):
    """{uuid: (attribute, source, organisation)}"""
    got = node.client().post("/sightings/restSearch/event", {
        "returnFormat": "json", "uuid": [event], "last": "0", "includeUuid": True})
    rows = got.json().get("response", []) if got.status == 200 else []
    return {r["Sighting"]["uuid"]: (r["Sighting"]["attribute_uuid"], r["Sighting"]["source"],
                                    r["Sighting"].get("Organisation", {}).get("uuid"))
            for r in rows}


# ---- proposals: by somebody of another organisation, who reads only ----

def propose(node, letter, event, value):
    key = links.user(node, letter, role="3")
    got = links.ok(node.client(key=key).post("/shadow_attributes/add/" + event, {
        "type": "domain", "category": "Network activity", "value": value}), "proposal")
    return got["ShadowAttribute"]["uuid"]


def proposals(node, event):
    e = event_here(node, event)
    return {p["uuid"]: p["value"] for p in e.get("ShadowAttribute", [])}


# ---- analyst data: a note on the event, of each level ----

def annotate(node, event, level, text):
    got = links.ok(node.client().post("/analyst_data/add/Note/%s/Event" % event, {
        "note": text, "distribution": str(level), "authors": "chain"}), "note")
    return got["Note"]["uuid"]


def notes(node, event):
    got = node.client().get("/analyst_data/index/Note")
    rows = got.json() if got.status == 200 else []
    return {r["Note"]["uuid"]: (r["Note"]["note"], int(r["Note"]["distribution"]))
            for r in rows if r["Note"]["object_uuid"] == event}


# ---- clusters: in a galaxy of this chain, of each level ----

def cluster(node, level, value):
    """A published custom cluster."""
    c = node.client()
    if not getattr(node, "has_galaxy", False):
        links.ok(c.post("/galaxies/pushCluster", [{"GalaxyCluster": {
            "uuid": content.uid("first", node.letter), "type": GALAXY["type"], "value": "first",
            "tag_name": "", "description": "brings the galaxy", "distribution": "0",
            "version": "1750000000", "default": False, "published": False, "source": "chain",
            "authors": ["chain"], "Galaxy": GALAXY, "Orgc": STRANGER, "Org": STRANGER,
            "GalaxyElement": [{"key": "k", "value": "v"}], "GalaxyClusterRelation": []}}]), "galaxy")
        node.has_galaxy = True
    got = links.ok(c.post("/galaxy_clusters/add/" + GALAXY["uuid"], {"GalaxyCluster": {
        "value": value, "description": "about " + value, "distribution": str(level),
        "source": "chain", "authors": ["chain"],
        "GalaxyElement": [{"key": "synonyms", "value": value.upper()}]}}), "cluster")["GalaxyCluster"]
    links.ok(c.post("/galaxy_clusters/publish/" + got["id"]), "publish cluster")
    return got["uuid"]


def clusters(node, uuids):
    out = {}
    for u in uuids:
        got = node.client().get("/galaxy_clusters/view/" + u)
        if got.status == 200:
            g = got.json()["GalaxyCluster"]
            out[u] = (g["value"], int(g["distribution"]),
                      tuple((e["key"], e["value"]) for e in g["GalaxyElement"]))
    return out


def after(way, level):
    """A note or cluster after a hop: levels as events have them."""
    return levels.EVENT[way][level]
