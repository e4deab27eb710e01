"""Tag collections: kept, shown by organisation, attached in one call."""
import uuid

import pytest

from builders import small_event


def ask(misp, path, data=None):
    return misp._prepare_request("GET" if data is None else "POST", "tag_collections/" + path, data=data)


def names(row):
    return [t["Tag"]["name"] for t in row["TagCollectionTag"]]


@pytest.fixture
def collection(admin):
    row = ask(admin, "add", {"TagCollection": {"name": "Harbour", "description": "of the harbour"}}).json()
    for tag in ("harbour:red", "harbour:blue", "tlp:green"):
        assert ask(admin, "addTag/%s" % row["TagCollection"]["id"], {"tag": tag}).json() == {
            "saved": True, "success": "Tag added."}
    return row["TagCollection"]


def test_kept(admin, collection):
    row = ask(admin, "view/" + collection["id"]).json()
    assert row == ask(admin, "view/" + collection["uuid"]).json()
    assert names(row) == ["harbour:red", "harbour:blue", "tlp:green"]
    assert row["TagCollection"]["description"] == "of the harbour" and row["TagCollection"]["all_orgs"] is False
    assert row in ask(admin, "index").json()
    again = ask(admin, "addTag/" + collection["id"], {"tag": "harbour:red"}).json()
    assert again["saved"] is False and "already" in again["errors"]
    tag = row["TagCollectionTag"][1]["tag_id"]
    assert ask(admin, "removeTag/%s/%s" % (collection["id"], tag), {}).json()["saved"] is True
    assert ask(admin, "removeTag/%s/%s" % (collection["id"], tag), {}).json()["saved"] is False
    changed = ask(admin, "edit/" + collection["id"], {"name": "Quay", "uuid": str(uuid.uuid4())}).json()
    assert changed["TagCollection"]["name"] == "Quay"
    assert changed["TagCollection"]["uuid"] == collection["uuid"]
    assert names(changed) == ["harbour:red", "tlp:green"]
    assert ask(admin, "add", {"description": "x"}).status_code == 403
    assert ask(admin, "delete/" + collection["id"], {}).json()["message"] == "TagCollection deleted."
    assert ask(admin, "view/" + collection["id"]).status_code == 404


def test_whose(admin, publisher, collection):
    """Those of other organisations are hidden until they are for all, and never theirs to change."""
    assert ask(publisher, "view/" + collection["id"]).status_code == 404
    assert collection["id"] not in [c["TagCollection"]["id"] for c in ask(publisher, "index").json()]
    ask(admin, "edit/" + collection["id"], {"all_orgs": True})
    assert ask(publisher, "view/" + collection["id"]).json()["TagCollection"]["name"] == "Harbour"
    for path in ("edit/", "delete/", "addTag/", "removeTag/"):
        assert ask(publisher, path + collection["id"], {"name": "mine", "tag": "tlp:green"}).status_code == 403
    assert ask(admin, "view/" + collection["id"]).json()["TagCollection"]["name"] == "Harbour"


def test_attached(admin, publisher, collection):
    event = admin.add_event(small_event(), pythonify=True)
    had = {t.name for t in event.tags}
    path = "events/addTag/%s/collection_%s" % (event.id, collection["id"])
    assert admin._prepare_request("POST", path).json() == {
        "saved": True, "success": "Tag(s) added.", "check_publish": True}
    assert {t.name for t in admin.get_event(event, pythonify=True).tags} == had | {
        "harbour:red", "harbour:blue", "tlp:green"}
    assert admin._prepare_request("POST", path).json()["saved"] is False
    attribute = event.attributes[0]
    done = admin._prepare_request("POST", "attributes/addTag/%s" % attribute.id,
                                  data={"tag": "collection_" + collection["id"]}).json()
    assert done["saved"] is True
    assert len(admin.get_attribute(attribute, pythonify=True).tags) >= 3
    mine = publisher.add_event(small_event(), pythonify=True)
    hidden, absent = (publisher._prepare_request("POST", "events/addTag/%s/collection_%s" % (mine.id, i)).json()
                      for i in (collection["id"], "99999999"))
    assert hidden == absent and hidden["saved"] is False


def test_import(admin):
    doc = [{"TagCollection": {"name": "In %d" % i, "uuid": str(uuid.uuid4())},
            "TagCollectionTag": [{"Tag": {"name": "in:%d" % i}}, {"Tag": {"name": "tlp:amber"}}]} for i in range(2)]
    assert ask(admin, "import", doc).json()["message"] == "2 new tag collections added."
    rows = {r["TagCollection"]["uuid"]: r for r in ask(admin, "index").json()}
    for d in doc:
        assert names(rows[d["TagCollection"]["uuid"]]) == [t["Tag"]["name"] for t in d["TagCollectionTag"]]
    assert ask(admin, "import", doc).status_code == 403
