"""Attributes: add (single, list), edit, delete, restore; refused values."""
import pytest
from pymisp import MISPAttribute

from builders import small_event


@pytest.fixture
def event(admin):
    return admin.add_event(small_event(), pythonify=True)


def attribute(kind="ip-dst", value="198.51.100.1", **more):
    a = MISPAttribute()
    a.from_dict(type=kind, value=value, **more)
    return a


def test_add(admin, event):
    a = attribute(comment="second stage", to_ids=False)
    got = admin.add_attribute(event, a, pythonify=True)
    assert got.value == "198.51.100.1" and got.comment == "second stage" and got.to_ids is False
    view = admin.get_attribute(got.uuid, pythonify=True)
    assert view.category == "Network activity" and str(view.event_id) == str(event.id)
    assert admin.attribute_exists(got.uuid)


def test_add_list(admin, event):
    got = admin.add_attribute(event, [attribute(value="198.51.100.%d" % i) for i in range(2, 12)])
    assert "errors" not in got, got
    assert len(admin.get_event(event.id, pythonify=True).attributes) == 15


def test_add_many(admin, event):
    rows = [attribute("domain", "w%d.example.com" % i) for i in range(1000)]
    assert "errors" not in admin.add_attribute(event, rows)
    assert len(admin.get_event(event.id, pythonify=True).attributes) == 1005


def test_duplicate_is_refused(admin, event):
    assert "errors" not in admin.add_attribute(event, attribute())
    again = admin.add_attribute(event, attribute())
    assert again["errors"][0] == 403
    assert "similar attribute already exists" in str(again["errors"])


@pytest.mark.parametrize("kind,value", [
    ("md5", "xyz"), ("ip-dst", "300.1.1.1"), ("sha256", "00"), ("domain", "no dots here"),
    ("port", "70000"), ("email-src", "nobody"), ("ip-dst|port", "192.0.2.1")])
def test_bad_value(admin, event, kind, value):
    ans = admin.add_attribute(event, attribute(kind, value))
    assert ans["errors"][0] == 403, ans
    assert len(admin.get_event(event.id, pythonify=True).attributes) == 5


@pytest.mark.parametrize("kind,value,stored", [
    ("md5", "ABCDEF0123456789ABCDEF0123456789", "abcdef0123456789abcdef0123456789"),
    ("domain", "UPPER.Example.COM", "upper.example.com"),
    ("ip-src", "2001:DB8:0:0::1", "2001:db8::1"),
    ("text", "  spaces around  ", "spaces around")])
def test_normalised_value(admin, event, kind, value, stored):
    got = admin.add_attribute(event, attribute(kind, value), pythonify=True)
    assert got.value == stored


def test_edit(admin, event):
    a = event.attributes[0]
    a.comment, a.to_ids = "changed", False
    got = admin.update_attribute(a, pythonify=True)
    assert got.comment == "changed" and got.to_ids is False
    again = [x for x in admin.get_event(event.id, pythonify=True).attributes if x.uuid == a.uuid]
    assert again[0].comment == "changed"


def test_edit_value_is_found_by_search(admin, event):
    a = event.attributes[0]
    a.value = "203.0.113.99"
    admin.update_attribute(a)
    hits = admin.search(controller="attributes", value="203.0.113.99", eventid=event.id)
    assert [h["uuid"] for h in hits["Attribute"]] == [a.uuid]
    assert admin.search(controller="attributes", value="192.0.2.44",
                        eventid=event.id)["Attribute"] == []


def test_delete_and_restore(admin, event):
    a = event.attributes[1]
    assert "errors" not in admin.delete_attribute(a)
    live = admin.get_event(event.id, pythonify=True).attributes
    assert a.uuid not in {x.uuid for x in live}
    gone = admin.get_event(event.id, deleted=[0, 1], pythonify=True).attributes
    assert [x.deleted for x in gone if x.uuid == a.uuid] == [True]
    try:
        admin.restore_attribute(a.id)
    except Exception:  # MISP answers with a redirect to a page; only the effect counts
        pass
    live = admin.get_event(event.id, pythonify=True).attributes
    assert a.uuid in {x.uuid for x in live}


def test_delete_hard(admin, event):
    a = event.attributes[1]
    assert "errors" not in admin.delete_attribute(a, hard=True)
    every = admin.get_event(event.id, deleted=[0, 1], pythonify=True).attributes
    assert a.uuid not in {x.uuid for x in every}
    assert not admin.attribute_exists(a.uuid)


def test_attribute_count(admin, event):
    admin.delete_attribute(event.attributes[0])
    assert admin.get_event(event.id)["Event"]["attribute_count"] == "4"


def test_attachment(admin, event):
    """The bytes come back as sent, also when they are many."""
    import base64
    import io
    import random
    data = random.Random(7).randbytes(300000)
    a = attribute("attachment", "chart.bin", data=io.BytesIO(data), category="External analysis")
    got = admin.add_attribute(event, a)
    assert "errors" not in got, got
    doc = admin.get_event(event.id)["Event"]
    sent = [x for x in doc["Attribute"] if x["type"] == "attachment"][0]
    assert base64.b64decode(sent["data"]) == data


def test_delete_selected(admin, publisher):
    event = small_event()
    event.distribution = 0
    event = admin.add_event(event, pythonify=True)
    other = admin.add_attribute(admin.add_event(small_event(), pythonify=True),
                                {"type": "text", "value": "elsewhere"}, pythonify=True)
    made = [admin.add_attribute(event, {"type": "text", "value": "sel%d" % i}, pythonify=True)
            for i in range(5)]
    path = "attributes/deleteSelected/%s" % event.id

    def ask(misp, ids, **more):
        return misp._prepare_request("POST", path, data={"id": ids, **more})

    gone = ask(admin, [made[0].id, made[1].uuid, other.id])
    assert gone.status_code == 200 and gone.json()["message"] == "2 attributes deleted."
    assert ask(admin, made[2].id, allow_hard_delete=1).json()["message"] == "1 attribute deleted."
    for nothing in ([made[0].id], [], "[%s]" % made[3].id, [other.uuid], [99999999]):
        answer = ask(admin, nothing)
        assert (answer.status_code, answer.json()["message"]) == (404, "No matching attributes found.")
    assert admin.attribute_exists(other)
    values = {a.value for a in admin.get_event(event, deleted=True, pythonify=True).attributes}
    assert {"sel0", "sel1", "sel3", "sel4"} <= values and "sel2" not in values
    hidden, absent = ask(publisher, "all"), publisher._prepare_request(
        "POST", "attributes/deleteSelected/99999999", data={"id": "all"})
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json()["message"] == absent.json()["message"]
    assert "attributes deleted." in ask(admin, "all").json()["message"]
    left = admin.get_event(event, pythonify=True)
    assert not left.attributes and not any(o.attributes for o in left.objects)
    assert int(left.attribute_count) == 0


def test_edit_field(admin):
    event = admin.add_event(small_event(), pythonify=True)
    a = admin.add_attribute(event, {"type": "ip-dst", "value": "192.0.2.55"}, pythonify=True)
    path = "attributes/editField/%s" % a.id
    answer = admin._prepare_request("POST", path, data={"Attribute": {"comment": "by field"}}).json()
    assert answer == {"saved": True, "success": "Field updated.", "check_publish": True}
    answer = admin._prepare_request("POST", path, data={"value": "nonsense"}).json()
    assert answer == {"saved": False, "errors": {"value": ["IP address has an invalid format."]}}
    now = admin.get_attribute(a, pythonify=True)
    assert (now.comment, now.value) == ("by field", "192.0.2.55")


def test_no_modules(admin, publisher):
    event = small_event()
    event.distribution = 0
    event = admin.add_event(event, pythonify=True)
    assert admin.direct_call("modules/index") == []
    assert admin.enrich_event(event, "dns")["errors"][0] == 405
    assert admin.enrich_attribute(event.attributes[0], "dns")["errors"][0] == 405
    for ask, ident in ((publisher.enrich_event, event.id), (publisher.enrich_attribute, event.attributes[0].id)):
        assert ask(ident, "dns")["errors"][0] == ask(99999999, "dns")["errors"][0] == 404


def test_tags_of_new_attribute(admin):
    event = admin.add_event(small_event(), pythonify=True)
    answer = admin._prepare_request("POST", "attributes/add/%s" % event.id, data={
        "type": "text", "value": "tagged", "Tag": [{"name": "harbour:one"}, {"name": "harbour:two"}]}).json()
    assert sorted(t["Tag"]["name"] for t in answer["AttributeTag"]) == ["harbour:one", "harbour:two"]
    assert {t["attribute_id"] for t in answer["AttributeTag"]} == {answer["Attribute"]["id"]}
