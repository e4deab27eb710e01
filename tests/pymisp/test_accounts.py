"""Accounts as PyMISP sees them: keys with limits, passwords, roles with rates, registrations."""
from pymisp import MISPRole, MISPUser, PyMISP

from builders import uid
from conftest import new_user


def made_user(admin, role=3):
    u = MISPUser()
    u.email, u.org_id, u.role_id = "%s@accounts.example" % uid(), 1, role
    return admin.add_user(u, pythonify=True)


def test_new_key_for_another(admin, node):
    user = made_user(admin)
    key = admin.get_new_authkey(user)
    assert len(key) == 40
    mine = PyMISP(node.url, key)
    assert mine._current_user.email == user.email
    assert len(mine.get_new_authkey()) == 40


def test_read_only_key(admin, node):
    user = made_user(admin)
    key = admin.direct_call("auth_keys/add/%s" % user.id, {"read_only": True})["AuthKey"]["authkey_raw"]
    mine = PyMISP(node.url, key)
    assert mine.search(eventid=987654321) == []
    got = mine.change_user_password("Something Long Enough 7")
    assert got["errors"][0] == 403
    assert mine.direct_call("auth_keys/add", {})["errors"][0] == 403


def test_change_password(admin, node):
    user = made_user(admin)
    mine = PyMISP(node.url, user.authkey)
    assert mine.change_user_password("Correct Horse 7 Battery")["message"] == "Password Changed."
    assert mine.change_user_password("short")["errors"][0] == 403


def test_rate_limit(admin, node):
    role = MISPRole()
    role.name, role.permission, role.perm_auth = "rates " + uid(), 1, True
    role.enforce_rate_limit, role.rate_limit_count = True, 2
    role = admin.add_role(role, pythonify=True)
    mine = PyMISP(node.url, made_user(admin, role.id).authkey)
    assert mine.search(eventid=987654321) == []
    assert mine.search(controller="attributes", eventid=987654321)["Attribute"] == []
    assert mine.search(limit=1)["errors"] == (429, {"name": "Rate limit exceeded.", "message": "Rate limit exceeded.",
                                                    "url": "/events/restSearch"})


def test_disabled_user(admin, node):
    mine = new_user(admin, node, "%s@accounts.example" % uid(), 1, 3)
    user = mine._current_user
    assert admin.update_user({"disabled": True}, user.id, pythonify=True).disabled is True
    assert mine.get_user("me")["errors"][1]["message"].endswith("has been disabled.")


def test_registrations(admin):
    assert admin.user_registrations() == []
    assert admin.discard_user_registration(77)["message"] == "0 registration(s) discarded."
    got = admin.accept_user_registration(77, organisation=1, role=3)
    assert got["errors"][1]["message"] == "0 registration(s) accepted, 1 failed."


def test_heartbeat(admin):
    assert admin.users_heartbeat() == {"message": "Additional supply depots required."}
