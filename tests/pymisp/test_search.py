"""restSearch of events and attributes with each parameter of the first part."""
import datetime
import time

import pytest

from builders import file_object, small_event, uid

MARK = uid()[:8]


@pytest.fixture(scope="module")
def events(admin):
    """Three events told apart by every parameter."""
    out = []
    for i, (day, tag) in enumerate([("2024-01-10", "srch:one"), ("2024-06-10", "srch:two"),
                                    ("2024-12-10", "srch:two")]):
        ev = small_event("search %s %d" % (MARK, i))
        ev.date = datetime.date.fromisoformat(day)
        ev.add_attribute("hostname", "h%d-%s.example.com" % (i, MARK), to_ids=i != 1)
        ev.add_attribute("comment", "note %d %s" % (i, MARK), category="Other")
        ev.add_tag(tag)
        ev.attributes[0].add_tag("srch:attr%d" % i)
        if i == 2:
            ev.add_object(file_object("f-%s.bin" % MARK, "%032x" % (int(MARK, 16) + 1)))
        out.append(admin.add_event(ev, pythonify=True))
    admin.publish(out[0])
    return out


def found(admin, events, **kw):
    """Which of our three events a search returns."""
    kw.setdefault("eventid", [e.id for e in events])
    ids = {e.uuid: i for i, e in enumerate(events)}
    return [ids[h["Event"]["uuid"]] for h in admin.search(metadata=True, **kw)]


def values(admin, **kw):
    return sorted(a["value"] for a in admin.search(controller="attributes", **kw)["Attribute"])


def test_value(admin, events):
    assert found(admin, events, value="h1-%s.example.com" % MARK, eventid=None) == [1]
    assert found(admin, events, value="%%-%s.example.com" % MARK, eventid=None) == [0, 1, 2]
    assert found(admin, events, value="none-%s.example.com" % MARK, eventid=None) == []
    assert found(admin, events, value="H1-%s.EXAMPLE.com" % MARK, eventid=None) == [1]


def test_type_and_category(admin, events):
    assert found(admin, events, type_attribute="md5") == [2]
    assert found(admin, events, category="Other") == [0, 1, 2]
    assert found(admin, events, type_attribute="ja3-fingerprint-md5") == []


def test_tags(admin, events):
    assert found(admin, events, tags="srch:one") == [0]
    assert found(admin, events, tags=["srch:one", "srch:two"]) == [0, 1, 2]
    assert found(admin, events, tags="srch:attr1") == [1]
    assert found(admin, events, tags=["!srch:one"]) == [1, 2]
    query = admin.build_complex_query(and_parameters=["srch:two", "srch:attr2"])
    assert found(admin, events, tags=query) == [2]


def test_org(admin, events):
    mine = events[0].Orgc
    assert found(admin, events, org=mine.name) == [0, 1, 2]
    assert found(admin, events, org=mine.id) == [0, 1, 2]
    assert found(admin, events, org=mine.uuid) == [0, 1, 2]
    assert found(admin, events, org="Nobody") == []


def test_eventid_uuid(admin, events):
    assert found(admin, events, eventid=events[1].id) == [1]
    assert found(admin, events, eventid=events[1].uuid) == [1]
    assert found(admin, events, uuid=events[2].uuid, eventid=None) == [2]
    assert found(admin, events, uuid=events[2].attributes[0].uuid, eventid=None) == [2]


def test_published(admin, events):
    assert found(admin, events, published=True) == [0]
    assert found(admin, events, published=False) == [1, 2]


def test_to_ids(admin, events):
    want = {"controller": "attributes", "type_attribute": "hostname"}
    ids = [e.id for e in events]
    hits = admin.search(eventid=ids, to_ids=True, **want)["Attribute"]
    assert len(hits) == 2
    hits = admin.search(eventid=ids, to_ids=False, **want)["Attribute"]
    assert [h["value"] for h in hits] == ["h1-%s.example.com" % MARK]


def test_timestamps(admin, events):
    now = int(time.time())
    assert found(admin, events, timestamp=now - 3600) == [0, 1, 2]
    assert found(admin, events, timestamp=now + 3600) == []
    assert found(admin, events, timestamp="1h") == [0, 1, 2]
    assert found(admin, events, timestamp=[now - 7200, now - 3600]) == []
    assert found(admin, events, publish_timestamp="1h") == [0]
    assert found(admin, events, last="1h") == [0]


def test_dates(admin, events):
    assert found(admin, events, date_from="2024-06-01") == [1, 2]
    assert found(admin, events, date_to="2024-06-30") == [0, 1]
    assert found(admin, events, date_from="2024-06-01", date_to="2024-06-30") == [1]


def test_page_and_limit(admin, events):
    assert found(admin, events, limit=2) == [0, 1]
    assert found(admin, events, limit=2, page=2) == [2]
    assert found(admin, events, limit=2, page=3) == []


def test_attribute_pages(admin, events):
    want = {"controller": "attributes", "eventid": [e.id for e in events], "limit": 4}
    seen = []
    for page in range(1, 20):
        rows = admin.search(page=page, **want)["Attribute"]
        seen += [r["uuid"] for r in rows]
        if len(rows) < 4:
            break
    assert len(seen) == len(set(seen)) == 3 * 7 + 2


def test_metadata(admin, events):
    doc = admin.search(eventid=events[0].id, metadata=True)[0]["Event"]
    assert not doc.get("Attribute") and not doc.get("Object")
    doc = admin.search(eventid=events[0].id)[0]["Event"]
    assert len(doc["Attribute"]) == 7


def test_deleted(admin):
    ev = admin.add_event(small_event(), pythonify=True)
    admin.delete_attribute(ev.attributes[0])
    assert len(admin.search(eventid=ev.id)[0]["Event"]["Attribute"]) == 4
    both = admin.search(eventid=ev.id, deleted=[0, 1])[0]["Event"]["Attribute"]
    assert len(both) == 5
    rows = admin.search(controller="attributes", eventid=ev.id, deleted=1)["Attribute"]
    assert [r["uuid"] for r in rows] == [ev.attributes[0].uuid]


def test_event_tags_on_attributes(admin, events):
    want = {"controller": "attributes", "eventid": events[0].id, "type_attribute": "hostname"}
    plain = admin.search(**want)["Attribute"][0]
    assert "Tag" not in plain or plain["Tag"] == []
    rich = admin.search(include_event_tags=True, **want)["Attribute"][0]
    assert [t["name"] for t in rich["Tag"]] == ["srch:one"]


def test_context(admin, events):
    row = admin.search(controller="attributes", eventid=events[0].id, type_attribute="hostname",
                       include_context=True)["Attribute"][0]
    assert row["Event"]["info"] == events[0].info
    assert row["Event"]["Orgc"]["uuid"] == events[0].Orgc.uuid
    assert row["Event"]["date"] == "2024-01-10"


def test_attribute_value_in_object(admin, events):
    assert values(admin, value="f-%s.bin" % MARK) == ["f-%s.bin" % MARK]


def test_same_attribute_rule(admin, events):
    """In attribute scope all filters hold for one attribute; in event scope for any."""
    host = "h0-%s.example.com" % MARK
    assert values(admin, value=host, type_attribute="comment") == []
    assert found(admin, events, value=host, type_attribute="comment") == [0]


def test_no_hit_shapes(admin):
    assert admin.search(value="nowhere-%s" % uid()) == []
    assert admin.search(controller="attributes", value="nowhere-%s" % uid()) == {"Attribute": []}


def test_csv(admin, events):
    text = admin.search(controller="attributes", return_format="csv", eventid=events[0].id)
    assert "h0-%s.example.com" % MARK in text and "uuid" in text.split("\n")[0]
