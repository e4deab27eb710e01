"""One fresh node for the whole run, PyMISP clients for its users, and the documents to use."""
import glob
import json
import logging
import os
import sys
import warnings

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import node as nodelib  # noqa: E402
from pymisp import MISPOrganisation, MISPUser, PyMISP  # noqa: E402

logging.getLogger("pymisp").setLevel(logging.CRITICAL)  # refused calls are part of the tests
warnings.simplefilter("ignore")


def connect(node, key):
    return PyMISP(node.url, key, ssl=False, timeout=120)


@pytest.fixture(scope="session")
def node():
    n = nodelib.Node()
    try:
        n.start()
    except (FileNotFoundError, nodelib.NodeDied) as e:
        pytest.exit("the node does not start: %s" % e, returncode=1)
    yield n
    alive = n.alive()
    status = n.stop()
    tail = n.log_tail(3000)
    n.clean()
    assert alive, "the node died during the run:\n" + tail
    assert status in (0, -15), "the node ended with status %s:\n%s" % (status, tail)


@pytest.fixture(scope="session")
def admin(node):
    return connect(node, node.key)


def new_user(admin, node, email, org_id, role_id):
    """Create a user and connect as it; the key is shown in the answer to the creation only."""
    user = MISPUser()
    user.email, user.org_id, user.role_id = email, org_id, role_id
    user.password = "Lantern-%s-keel-Harbour" % role_id
    made = admin.add_user(user)
    assert "User" in made, made
    return connect(node, made["User"]["authkey"])


@pytest.fixture(scope="session")
def other_org(admin):
    org = MISPOrganisation()
    org.name, org.local, org.uuid = "Breakwater", True, "5c0a2e01-71aa-4b0d-9e2f-0000000000aa"
    made = admin.add_organisation(org, pythonify=True)
    assert getattr(made, "id", None), made
    return made


@pytest.fixture(scope="session")
def other(admin, node, other_org):
    """A plain user (role 3) of another organisation."""
    return new_user(admin, node, "user@breakwater.example", other_org.id, 3)


@pytest.fixture(scope="session")
def publisher(admin, node, other_org):
    """A publisher (role 4) of the other organisation."""
    return new_user(admin, node, "publisher@breakwater.example", other_org.id, 4)


@pytest.fixture(scope="session")
def readonly(admin, node, other_org):
    """A reader (role 6) of the other organisation."""
    return new_user(admin, node, "reader@breakwater.example", other_org.id, 6)


def real_events():
    """(short name, Event as written) of the public events, or nothing when they are not here."""
    folder = nodelib.shared("data", "misp-events")
    out = []
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))) if folder else []:
        with open(path, encoding="utf-8") as f:
            doc = json.load(f)
        if "response" in doc:
            doc = doc["response"][0] if isinstance(doc["response"], list) else doc["response"]
        out.append((os.path.basename(path)[:-5], doc["Event"]))
    return out


def pytest_generate_tests(metafunc):
    if "document" in metafunc.fixturenames:
        from builders import invented_documents
        rows = invented_documents() + real_events()
        metafunc.parametrize("document", [d for _, d in rows], ids=[n for n, _ in rows])
