"""Sightings: add by attribute and by value, list."""
import time

from pymisp import MISPSighting

from builders import small_event, uid


def test_add_and_list(admin):
    ev = admin.add_event(small_event(), pythonify=True)
    s = MISPSighting()
    s.from_dict(type="0", source="honey", timestamp=int(time.time()) - 60)
    got = admin.add_sighting(s, ev.attributes[0], pythonify=True)
    assert got.source == "honey" and str(got.type) == "0", got
    rows = admin.sightings(ev.attributes[0], pythonify=True)
    assert [r.uuid for r in rows] == [got.uuid]
    assert str(rows[0].attribute_id) == str(ev.attributes[0].id)
    rows = admin.sightings(ev, pythonify=True)
    assert [r.uuid for r in rows] == [got.uuid]


def test_add_by_value(admin):
    ev = small_event()
    value = "w%s.example.com" % uid()[:8]
    ev.add_attribute("domain", value)
    ev = admin.add_event(ev, pythonify=True)
    s = MISPSighting()
    s.from_dict(value=value, type="1", source="analyst")
    assert "errors" not in admin.add_sighting(s)
    rows = admin.sightings(ev, pythonify=True)
    assert [(r.source, str(r.type)) for r in rows] == [("analyst", "1")]


def test_delete(admin):
    ev = admin.add_event(small_event(), pythonify=True)
    s = MISPSighting()
    s.from_dict(type="0")
    got = admin.add_sighting(s, ev.attributes[1], pythonify=True)
    assert "errors" not in admin.delete_sighting(got)
    assert admin.sightings(ev) == []


def test_search(admin, other):
    ev = small_event()
    ev.distribution = 1
    ev = admin.add_event(ev, pythonify=True)
    mine, theirs = MISPSighting(), MISPSighting()
    mine.from_dict(type="0", source="honey", timestamp=int(time.time()) - 40 * 86400)
    theirs.from_dict(type="1", source="analyst")
    mine = admin.add_sighting(mine, ev.attributes[0], pythonify=True)
    theirs = other.add_sighting(theirs, ev.attributes[0], pythonify=True)

    def found(who, **filters):
        rows = who.search_sightings(context="event", context_id=ev.id, **filters)
        return sorted(r["Sighting"]["uuid"] for r in rows)
    assert found(admin, publish_timestamp="90d") == sorted([mine.uuid, theirs.uuid])
    assert found(admin) == [theirs.uuid]  # the last 30 days
    assert found(admin, type_sighting="1") == [theirs.uuid]
    # the policy of a fresh node: of others' events one's own sightings only
    assert found(other, publish_timestamp="90d") == [theirs.uuid]
    rows = other.search_sightings(context="attribute", context_id=ev.attributes[0].id,
                                       include_attribute=True, include_event_meta=True)
    assert rows[0]["Sighting"]["Attribute"]["value"] == ev.attributes[0].value
    assert rows[0]["Sighting"]["Event"]["info"] == ev.info
