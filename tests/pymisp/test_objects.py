"""Objects and their references."""
import pytest
from pymisp import MISPObjectReference

from builders import file_object, small_event


@pytest.fixture
def event(admin):
    return admin.add_event(small_event(), pythonify=True)


def test_add_object(admin, event):
    ob = file_object()
    got = admin.add_object(event, ob, pythonify=True)
    assert got.uuid == ob.uuid and got.name == "file"
    assert {a.object_relation for a in got.attributes} == {"filename", "md5"}
    view = admin.get_event(event.id, pythonify=True)
    assert [o.uuid for o in view.objects] == [ob.uuid]
    assert len(view.attributes) == 5
    assert view.to_dict()["attribute_count"] in ("7", 7)


def test_edit_object(admin, event):
    got = admin.add_object(event, file_object(), pythonify=True)
    got.comment = "seen twice"
    got.attributes[0].value = "other-name.exe"
    after = admin.update_object(got, pythonify=True)
    assert "other-name.exe" in {a.value for a in after.attributes}
    view = admin.get_object(got.uuid, pythonify=True)
    assert "other-name.exe" in {a.value for a in view.attributes}
    assert view.comment == "seen twice"


def test_delete_object(admin, event):
    got = admin.add_object(event, file_object(), pythonify=True)
    assert "errors" not in admin.delete_object(got)
    assert admin.get_event(event.id, pythonify=True).objects == []
    assert admin.search(controller="attributes", value="invoice.pdf.exe",
                        eventid=event.id)["Attribute"] == []


def test_delete_object_hard(admin, event):
    got = admin.add_object(event, file_object(), pythonify=True)
    assert "errors" not in admin.delete_object(got, hard=True)
    doc = admin.get_event(event.id, deleted=[0, 1])["Event"]
    assert not doc.get("Object")


def test_reference(admin, event):
    one = admin.add_object(event, file_object("one.exe", "1" * 32), pythonify=True)
    two = admin.add_object(event, file_object("two.dll", "2" * 32), pythonify=True)
    ref = MISPObjectReference()
    ref.from_dict(object_uuid=one.uuid, referenced_uuid=two.uuid, relationship_type="drops",
                  comment="at start")
    got = admin.add_object_reference(ref, pythonify=True)
    assert getattr(got, "relationship_type", None) == "drops", got
    view = admin.get_event(event.id, pythonify=True)
    mine = [o for o in view.objects if o.uuid == one.uuid][0]
    assert [r.referenced_uuid for r in mine.references] == [two.uuid]
    assert "errors" not in admin.delete_object_reference(got)
    view = admin.get_event(event.id, pythonify=True)
    mine = [o for o in view.objects if o.uuid == one.uuid][0]
    assert [r for r in mine.references if not r.deleted] == []


def test_reference_to_attribute(admin, event):
    one = admin.add_object(event, file_object(), pythonify=True)
    ref = one.add_reference(event.attributes[0].uuid, "communicates-with")
    got = admin.add_object_reference(ref, pythonify=True)
    assert str(getattr(got, "referenced_uuid", "")) == event.attributes[0].uuid, got


def test_reference_to_nothing(admin, event):
    one = admin.add_object(event, file_object(), pythonify=True)
    ref = one.add_reference("5c0a2e01-71aa-4b0d-9e2f-00000000dead", "drops")
    assert admin.add_object_reference(ref)["errors"][0] == 404


def test_event_graph(admin, other):
    """What a graph editor asks for: items, relations between them, and nothing of what one may not see."""
    event = small_event(distribution=0)
    event.add_tag("tlp:green")
    event.attributes[0].add_tag("harbour:lamp")
    first, second = file_object(), file_object("second.exe", "ff112233445566778899aabbccddeeff")
    first.add_reference(second.uuid, "drops", comment="then")
    first.add_reference(event.attributes[0].uuid, "connects-to")
    for ob in (first, second):
        event.add_object(ob)
    made = admin.add_event(event, pythonify=True)
    path = "events/getEventGraphReferences/"
    graph = admin._prepare_request("GET", path + str(made.id)).json()
    ids = {i["uuid"]: i["id"] for i in graph["items"]}
    assert set(ids) == {a.uuid for a in event.attributes} | {first.uuid, second.uuid}
    assert ids[first.uuid].startswith("o-")
    assert {(x["from"], x["to"], x["type"], x["comment"]) for x in graph["relations"]} == {
        (ids[first.uuid], ids[second.uuid], "drops", "then"),
        (ids[first.uuid], ids[event.attributes[0].uuid], "connects-to", "")}
    item = [i for i in graph["items"] if i["uuid"] == first.uuid][0]
    assert [(a["object_relation"], a["value"]) for a in item["Attribute"]] == [
        ("filename", "invoice.pdf.exe"), ("md5", "00112233445566778899aabbccddeeff")]
    assert sorted(graph["existing_tags"].values()) == ["harbour:lamp", "tlp:green"]
    assert graph["existing_object_relation"] == {"filename": 0, "md5": 0}
    # one that is gone leads nowhere
    admin.delete_object(second.uuid)
    graph = admin._prepare_request("GET", path + made.uuid).json()
    assert [x["type"] for x in graph["relations"]] == ["connects-to"]
    assert second.uuid not in [i["uuid"] for i in graph["items"]]
    hidden, absent = (other._prepare_request("GET", path + i) for i in (str(made.id), "999999999"))
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json()["name"] == absent.json()["name"] == "Invalid event"
