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
