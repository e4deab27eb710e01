"""What the parts of this test share: people with keys, and calls that must work."""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import node as nodes  # noqa: E402
from tool import Tool, check, finish, is_equal  # noqa: E402,F401

NO_KEY = ("Authentication failed. Please make sure you pass the API key of an API enabled user along in the "
          "Authorization header.")
DENIED = "You do not have permission to use this functionality."
ADMIN, ORG_ADMIN, USER, PUBLISHER, SYNC, READ_ONLY = "123456"


def must(answer, status=200):
    if answer.status != status:
        raise AssertionError("%d %s" % (answer.status, answer.text()[:400]))
    return answer.json() if answer.body[:1] in b"[{" else answer.text()


def refused(answer, status, text, what):
    try:
        message = answer.json().get("message")
    except ValueError:
        message = answer.text()
    return is_equal((answer.status, message), (status, text), what)


class World:
    """A node and what was made on it."""

    def __init__(self, node):
        self.node, self.admin, self.n = node, node.client(), 0

    def org(self, name):
        for o in must(self.admin.get("/organisations/index/scope:all")):
            if o["Organisation"]["name"] == name:
                return o["Organisation"]["id"]
        return must(self.admin.post("/admin/organisations/add", {"name": name}))["Organisation"]["id"]

    def user(self, role=USER, org="1", **more):
        """(id, key, e-mail) of a new account; `role` by number."""
        self.n += 1
        body = {"email": "who%d@access.example" % self.n, "role_id": role, "org_id": org}
        u = must(self.admin.post("/admin/users/add", dict(body, **more)))["User"]
        return u["id"], u["authkey"], u["email"]

    def role(self, **more):
        self.n += 1
        return must(self.admin.post("/admin/roles/add", dict({"name": "role %d" % self.n}, **more)))["Role"]["id"]

    def key(self, user_id, **limits):
        return must(self.admin.post("/auth_keys/add/" + user_id, limits))["AuthKey"]

    def client(self, key):
        return nodes.Client(self.node.port, key)

    def metric(self, line):
        for text in self.node.client().raw("GET", "/metrics", {"Authorization": self.node.key}).text().splitlines():
            if text.startswith(line + " "):
                return float(text.split()[-1])
        return None


def exhaust(attempt, tries=200, least=6):
    """Fail until one has to wait for `least` seconds, so that a slow machine does not see the end of it."""
    for _ in range(tries):
        a = attempt()
        if a.status == 429 and int(a.headers["retry-after"]) >= least:
            return a
        if a.status == 429:
            time.sleep(int(a.headers["retry-after"]))
    return a
