"""Links between nodes under test, made by the calls that an administrator of a MISP would make."""
import os

import node as nodelib

ORGS = {"a": "aaaaaaaa-0000-4000-8000-00000000000a", "b": "bbbbbbbb-0000-4000-8000-00000000000b",
        "c": "cccccccc-0000-4000-8000-00000000000c"}
SYNC_ROLE = "5"


def ok(ans, what=""):
    """The answer's document; an error when it is none."""
    if ans.status == 200:
        return ans.json()
    raise RuntimeError("%s %d %s" % (what, ans.status, ans.text()[:400]))


def make(folder, letter, **kw):
    """A node of organisation `Org <letter>` in a folder of its own; its links run when told to."""
    extra = list(kw.pop("extra", [])) + ["--set", "peer_interval=0", "--set", "push_delay=0", "--org",
                                         "Org " + letter, "--org-uuid", ORGS[letter]]
    n = nodelib.Node(folder=os.path.join(folder, letter), extra=extra, **kw)
    n.letter = letter
    return n


def org_id(node, letter):
    """Local number of an organisation, made when it is not known."""
    c = node.client()
    got = c.get("/organisations/view/" + ORGS[letter])
    if got.status != 200:
        got = c.post("/admin/organisations/add", {"name": "Org " + letter, "uuid": ORGS[letter],
                                                  "local": False})
    return ok(got, "organisation")["Organisation"]["id"]


def user(node, letter, role=SYNC_ROLE):
    """A new user of that organisation; its key."""
    c = node.client()
    u = ok(c.post("/admin/users/add", {"email": "u%s@%s.example" % (os.urandom(4).hex(), letter),
                                       "org_id": org_id(node, letter), "role_id": role}), "user")
    return ok(c.post("/auth_keys/add/" + u["User"]["id"], {}), "key")["AuthKey"]["authkey_raw"]


def link(at, to, port=None, **flags):
    """A row on node `at` for `to`, with a sync user of at's organisation there; its id."""
    body = {"url": "http://127.0.0.1:%d" % (port or to.port), "authkey": user(to, at.letter),
            "name": "%s-%d" % (to.letter, port or to.port), "push": False, "pull": False,
            "remote_org_id": org_id(at, to.letter),
            "json": "{\"id\": %s, \"name\": \"Org %s\", \"uuid\": \"%s\"}" % (
                org_id(at, to.letter), to.letter, ORGS[to.letter])}
    body.update(flags)
    return ok(at.client().post("/servers/add", body), "link")["Server"]["id"]


def run(at, what, link_id, timeout=600, technique="full"):
    """Pull or push over a link and wait; MISP's sentence about it."""
    return ok(at.client(timeout=timeout).post("/servers/%s/%s/%s" % (what, link_id, technique)),
              what).get("message", "")
