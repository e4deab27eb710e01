"""The access matrix: the same calls by ten kinds of caller, compared by who is refused.

Every cell gets a target of its own, made by the organisation of the recording (quay).
Statuses are compared; the admin cells that failed because of their target are excused.
"""
import json
import os
import uuid

import node as nodelib
import run as runs

OBJECT = {"name": "file", "meta-category": "file", "description": "x",
          "template_uuid": "688c46fb-5edb-40a3-8273-1af7923e2215", "template_version": "24",
          "Attribute": [{"object_relation": "filename", "type": "filename", "value": "a.txt"}]}


class Scene:
    """Makes targets: events of quay, their attributes, and bodies that need their ids."""

    def __init__(self, run):
        self.run = run
        self.count = 0

    def event(self, by, distribution="1"):
        self.count += 1
        doc = {"info": "matrix %d" % self.count, "distribution": distribution, "Attribute": [
            {"type": "ip-dst", "category": "Network activity", "value": "192.0.2.%d"
             % (self.count % 250 + 1)}]}
        ans = self.run.quiet("POST", "/events/add", doc, by)
        return ans.json()["Event"] if ans is not None and ans.status == 200 else None


def galaxy(run):
    """Number of a galaxy: the recorded server had the public ones."""
    run.quiet("POST", "/galaxies/import", [{"GalaxyCluster": {
        "uuid": "5c0a1e63-71aa-4b0d-9e2f-0000000000a1", "type": "acl", "value": "matrix", "description": "x",
        "version": "1", "distribution": "1", "GalaxyElement": [],
        "Galaxy": {"uuid": "5c0a1e63-71aa-4b0d-9e2f-0000000000a0", "name": "acl", "type": "acl", "description": "x",
                   "version": "1", "namespace": "acl", "icon": "x"}}}])
    rows = run.quiet("GET", "/galaxies/index")
    rows = rows.json() if rows is not None and rows.status == 200 else []
    return next((r["Galaxy"]["id"] for r in rows if r["Galaxy"]["type"] == "acl"), "99999")


def quay(run):
    """Number of the organisation of the recording."""
    rows = run.quiet("GET", "/organisations/index/scope:all")
    rows = rows.json() if rows is not None and rows.status == 200 else []
    return next((r["Organisation"]["id"] for r in rows if r["Organisation"]["name"] == "Quayside CERT"), "2")


# call -> (maker of the target, distribution), or absent: no target; and call -> body
TARGETS = {
    "event view (own org: quay)": ("orgadmin", "1"),
    "event view, organisation only, other org: far": ("orgadmin", "0"),
    "event edit (creator: orgadmin of quay)": ("orgadmin", "1"),
    "event edit (creator: user of quay)": ("user", "1"),
}
MAKES_EVENT = ("event publish", "event alert", "event delete", "attribute add", "attribute edit",
               "attribute delete", "object add", "proposal add", "sighting add", "tag attach",
               "note add", "report add", "pushProposals", "bulkSaveSightings", "freeTextImport")


def body_of(call, event, mark, org):
    """The request body of a call on its target."""
    ev = event or {}
    tag = {"uuid": ev.get("uuid"), "tag": "tlp:green"}
    bodies = {
        "event index": {"limit": 1}, "event add": {"info": "by the matrix"},
        "event edit (creator: orgadmin of quay)": {"info": "edited"},
        "event edit (creator: user of quay)": {"info": "edited"},
        "attribute add": {"type": "text", "value": "matrix " + mark},
        "attribute edit": {"comment": "edited"},
        "attributes restSearch": {"returnFormat": "json", "limit": 1},
        "object add": OBJECT,
        "proposal add": {"type": "ip-src", "category": "Network activity", "value": "198.51.100.9"},
        "sighting add": {"type": "0"},
        "tag attach (existing)": tag,
        "tag attach (new)": {**tag, "tag": "acl:new" + mark},
        "tag attach local": {**tag, "local": True},
        "tag add": {"name": "acl:tag" + mark},
        "note add": {"note": "by the matrix"},
        "report add": {"name": "by the matrix", "content": "x"},
        "sharing group add": {"name": "acl " + mark, "releasability": "x"},
        "cluster add": {"value": "acl " + mark, "description": "x"},
        "organisation add": {"name": "acl org " + mark},
        "user add": {"email": "acl%s@quayside.example" % mark, "org_id": org, "role_id": "3"},
        "role add": {"name": "acl role " + mark, "permission": "1"},
        "server add": {"url": "http://127.0.0.1:9", "name": "x"}, "feed add": {"name": "x"},
        "warninglist toggle": {"name": ["none"]}, "logs": {"limit": 1},
        "event blocklist add": {"uuids": [str(uuid.uuid4())]},
        "filterEventIdsForPush": [], "pushProposals": [],
        "bulkSaveSightings": [], "indexMinimal analyst data": {}, "pushCluster": [],
        "postTest": {"a": 1}, "freeTextImport": {"value": "192.0.2.77"},
        "event export csv": {"returnFormat": "csv", "limit": 1},
    }
    return bodies.get(call, {})


def play(folder, node):
    """Run the whole matrix on a fresh node; one result per cell."""
    run = runs.Run(folder, "functional", node, nodelib.shared("data"))
    run.play(["setup"])
    run.quiet("POST", "/tags/add", {"name": "tlp:green"})
    scene = Scene(run)
    scene.galaxy, scene.quay = galaxy(run), quay(run)
    with open(os.path.join(folder, "acl-matrix.json")) as f:
        matrix = json.load(f)
    out = []
    for call in matrix["calls"]:
        for role in matrix["roles"]:
            out.append(cell(run, scene, call, role, len(out) + 1))
    return out


def cell(run, scene, call, role, n):
    name, want = call["call"], call["results"][role]
    event = None
    if name in TARGETS:
        event = scene.event(*TARGETS[name])
    elif name.startswith(MAKES_EVENT):
        event = scene.event("orgadmin")
    path = call["path"]
    if event:
        target = event["id"]
        if name.startswith(("attribute edit", "attribute delete", "sighting add")):
            target = (event.get("Attribute") or [{"id": "0"}])[0]["id"]
        path = path.replace(":id", target).replace(":uuid", event["uuid"])
    if name == "cluster add":
        path = path.replace(":id", scene.galaxy)
    path = path.replace(":id", "99999").replace(":uuid", "5c0a1e63-71aa-4b0d-9e2f-0000000000ff")
    body = body_of(name, event, str(n), scene.quay) if call["method"] == "POST" else None
    rec = {"group": "acl-matrix", "n": n, "name": "%s as %s" % (name, role), "path": path,
           "method": call["method"], "req_body": json.dumps(body), "status": want["status"]}
    res = runs.Result(rec)
    if role == "admin" and want["status"] >= 400:
        res.excused = "comes from the target of the call"
    headers = {"User-Agent": nodelib.USER_AGENT, "Accept": "application/json",
               "Content-Type": "application/json"}
    key = run.bind.keys.get({"no key": "", "wrong": "wrong"}.get(role, role))
    if role != "no key":
        if key is None:
            res.miss("no key of %s" % role)
            return res
        headers["Authorization"] = key
    data = None if body is None else json.dumps(body).encode()
    try:
        ans = run.client.raw(call["method"], path, headers, data)
    except Exception as e:
        res.miss("no answer: %s" % e)
        run.revive("%s: %s" % (rec["name"], e))
        return res
    judge(res, want, ans)
    return res


def judge(res, want, ans):
    """Status must agree; where MISP answered with a text, so must the first words of it."""
    res.got_status = ans.status
    res.status = ans.status == want["status"]
    res.headers = res.status
    if not res.status:
        res.diffs.append(("(status)", want["status"], ans.status))
    res.body = True
    if want["status"] >= 400:
        try:
            doc = ans.json()
            got = doc.get("message") or doc.get("name") if isinstance(doc, dict) else "?"
        except ValueError:
            got = ans.text()[:100]
        res.body = got == want["answer"]
        if not res.body:
            res.diffs.append(("(message)", want["answer"], got))
