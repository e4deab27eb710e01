"""Events: add, view, edit, publish, delete."""
import time

from builders import file_object, plain, small_event, uid


def added(misp, ev):
    got = misp.add_event(ev, pythonify=True)
    assert getattr(got, "id", None), got
    return got


def test_add_and_get(admin):
    ev = small_event()
    got = added(admin, ev)
    assert got.uuid == ev.uuid and got.info == ev.info
    assert len(got.attributes) == 5
    again = admin.get_event(ev.uuid, pythonify=True)
    assert {a.value for a in again.attributes} == {a.value for a in ev.attributes}
    assert {a.uuid for a in again.attributes} == {a.uuid for a in ev.attributes}
    assert str(again.distribution) == "1" and again.published is False
    assert admin.event_exists(ev.uuid) and not admin.event_exists(uid())


def test_get_by_id_equals_by_uuid(admin):
    got = added(admin, small_event())
    assert admin.get_event(got.id) == admin.get_event(got.uuid)


def test_add_again_is_refused(admin):
    ev = small_event()
    added(admin, ev)
    again = admin.add_event(ev)
    assert again["errors"][0] == 404
    assert "already exists" in again["errors"][1]["message"]


def test_no_info_is_refused(admin):
    ev = small_event()
    ev.info = "x"
    doc = plain(ev)
    del doc["info"]
    ans = admin._check_json_response(admin._prepare_request("POST", "events/add", data=doc))
    assert ans["errors"][0] == 403


def test_update(admin):
    got = added(admin, small_event())
    got.info = "Fog has lifted"
    got.analysis = 2
    got.add_attribute("ip-src", "203.0.113.5")
    after = admin.update_event(got, pythonify=True)
    assert after.info == "Fog has lifted" and str(after.analysis) == "2"
    again = admin.get_event(got.uuid, pythonify=True)
    assert len(again.attributes) == 6
    assert again.info == "Fog has lifted"


def test_update_older_is_refused(admin):
    got = added(admin, small_event())
    doc = plain(got)
    doc["timestamp"] = "1500000000"
    doc["info"] = "from the past"
    ans = admin._check_json_response(
        admin._prepare_request("POST", "events/edit/%s" % got.id, data=doc))
    assert "errors" in ans
    assert admin.get_event(got.id)["Event"]["info"] != "from the past"


def test_update_does_not_lose_what_is_not_sent(admin):
    got = added(admin, small_event())
    ans = admin._check_json_response(
        admin._prepare_request("POST", "events/edit/%s" % got.id, data={"analysis": "2"}))
    assert "errors" not in ans
    again = admin.get_event(got.id, pythonify=True)
    assert len(again.attributes) == 5 and str(again.analysis) == "2"


def test_publish_unpublish(admin):
    got = added(admin, small_event())
    ans = admin.publish(got)
    assert "errors" not in ans
    now = admin.get_event(got.id, pythonify=True)
    assert now.published is True
    assert abs(now.publish_timestamp.timestamp() - time.time()) < 120
    assert "errors" not in admin.unpublish(got)
    assert admin.get_event(got.id, pythonify=True).published is False


def test_edit_unpublishes(admin):
    got = added(admin, small_event())
    admin.publish(got)
    admin.add_attribute(got.id, _attr("198.51.100.77"))
    assert admin.get_event(got.id, pythonify=True).published is False


def _attr(value):
    from pymisp import MISPAttribute
    a = MISPAttribute()
    a.type, a.value = "ip-dst", value
    return a


def test_delete(admin):
    ev = small_event()
    ev.add_object(file_object())
    got = added(admin, ev)
    attribute = got.attributes[0].uuid
    assert "errors" not in admin.delete_event(got)
    assert not admin.event_exists(ev.uuid)
    assert not admin.attribute_exists(attribute)
    assert admin.get_event(ev.uuid)["errors"][0] == 404
    assert admin.search(controller="attributes", uuid=attribute)["Attribute"] == []


def test_deleted_event_stays_away(admin):
    """A deleted event is on the block list: the same UUID is not taken again."""
    ev = small_event()
    got = added(admin, ev)
    admin.delete_event(got)
    ans = admin.add_event(ev)
    assert "errors" in ans
    assert not admin.event_exists(ev.uuid)


def test_metadata_answer(admin):
    ans = admin.add_event(small_event(), metadata=True)
    assert not ans["Event"].get("Attribute")


def test_index(admin):
    ev = small_event("An info that only this one has " + uid())
    added(admin, ev)
    rows = admin.search_index(eventinfo=ev.info)
    assert [r["uuid"] for r in rows] == [ev.uuid]
    rows = admin.search_index(minimal=True)
    mine = [r for r in rows if r["uuid"] == ev.uuid]
    assert len(mine) == 1
    assert set(mine[0]) == {"id", "timestamp", "sighting_timestamp", "published", "uuid",
                            "orgc_uuid"}


def test_info_is_kept_as_written(admin):
    ev = small_event("<b>Ærøskøbing & \"quotes\"</b> ✓ / slash \\ back 🐟")
    added(admin, ev)
    assert admin.get_event(ev.uuid)["Event"]["info"] == ev.info
