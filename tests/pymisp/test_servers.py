"""Peers by PyMISP's own calls: a node that is linked with itself."""
import json

from pymisp import MISPServer

KEY = "k" * 40


def server(admin, **more):
    s = MISPServer()
    s.from_dict(**dict({"name": "self", "url": admin.root_url, "authkey": KEY, "remote_org_id": "1"}, **more))
    return s


def test_add_change_and_remove(admin):
    made = admin.add_server(server(admin, pull=True), pythonify=True)
    assert made.name == "self" and made.pull and not made.push, made.to_dict()
    assert [s.id for s in admin.servers(pythonify=True) if s.id == made.id]
    assert all("authkey" not in s.to_dict() or not s.authkey for s in admin.servers(pythonify=True))
    made.push, made.name = True, "other"
    changed = admin.update_server(made, pythonify=True)
    assert changed.push and changed.name == "other"
    rules = json.loads(changed.pull_rules)
    assert rules["tags"] == {"OR": [], "NOT": []}, rules
    assert "errors" in admin.add_server(server(admin, url="nowhere"))
    assert "errors" in admin.add_server(server(admin, authkey="short"))
    assert "errors" in admin.add_server(server(admin, remote_org_id="99999"))
    assert admin.delete_server(made)["message"] == "Server deleted"
    assert "errors" in admin.delete_server(made)


def test_a_wrong_key_is_told(admin):
    made = admin.add_server(server(admin, pull=True, push=True), pythonify=True)
    assert admin.test_server(made)["status"] == 4
    assert "API key" in admin.server_pull(made)["errors"][1]["errors"]
    assert "API key" in admin.server_push(made)["errors"][1]["errors"]
    admin.delete_server(made)


def test_linked_with_itself(admin):
    made = admin.add_server(server(admin, authkey=admin.key, pull=True, push=True), pythonify=True)
    assert admin.test_server(made)["status"] == 1
    assert admin.server_pull(made)["message"].startswith("Pull completed. 0 events pulled")
    assert admin.server_push(made)["message"].startswith("Push complete. 0 events pushed")
    admin.update_server({"pull": False}, made.id)
    assert "errors" in admin.server_pull(made)
    admin.delete_server(made)


def test_settings_handed_over(admin):
    assert "errors" in admin.get_sync_config()  # site administrators have none
    made = admin.import_server({
        "url": "https://imported.example", "authkey": KEY, "uuid": "6e4f7b20-88bb-4b6f-8d2f-0000000000f1",
        "Organisation": {"name": "Imported", "uuid": "6e4f7b20-88bb-4b6f-8d2f-0000000000f2"}}, pythonify=True)
    assert made.url == "https://imported.example" and not made.pull and not made.push
    admin.delete_server(made)
