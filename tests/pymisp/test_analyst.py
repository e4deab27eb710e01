"""Notes, opinions and relationships with unmodified PyMISP."""
import pytest
from pymisp import MISPNote, MISPOpinion, MISPRelationship

from builders import small_event, uid


def note_for(about, text, kind="Event", **more):
    n = MISPNote()
    n.from_dict(note=text, object_uuid=about.uuid, object_type=kind, distribution=1, **more)
    return n


def test_note(admin):
    ev = admin.add_event(small_event(), pythonify=True)
    made = admin.add_note(note_for(ev, "watch \u00fc \"this\"", language="fr"), pythonify=True)
    assert (made.note, made.language, made.object_uuid) == ("watch \u00fc \"this\"", "fr", ev.uuid)
    got = admin.get_note(made, pythonify=True)
    assert (got.uuid, got.note, got.authors) == (made.uuid, made.note, made.authors)
    got.note = "closer"
    changed = admin.update_note(got, pythonify=True)
    assert changed.note == "closer" and changed.modified >= made.modified
    assert "errors" not in admin.delete_note(changed)
    assert "errors" in admin.get_note(made)


def test_opinion_and_relationship(admin):
    ev, to = (admin.add_event(small_event(), pythonify=True) for _ in range(2))
    o = MISPOpinion()
    o.from_dict(opinion=80, comment="likely", object_uuid=ev.attributes[0].uuid,
                object_type="Attribute", distribution=1)
    o = admin.add_opinion(o, pythonify=True)
    assert (int(o.opinion), o.comment) == (80, "likely")
    assert admin.get_opinion(o, pythonify=True).uuid == o.uuid
    r = MISPRelationship()
    r.from_dict(relationship_type="follows", object_uuid=ev.uuid, object_type="Event",
                related_object_uuid=to.uuid, related_object_type="Event", distribution=1)
    r = admin.add_relationship(r, pythonify=True)
    assert (r.related_object_uuid, r.relationship_type) == (to.uuid, "follows")
    assert "errors" not in admin.delete_relationship(r)
    assert "errors" not in admin.delete_opinion(o)


def test_embedded(admin):
    """What PyMISP sends inside of an event is there, and comes back where it was."""
    ev = small_event()
    ev.add_note(note="on the event", distribution=1)
    ev.attributes[0].add_opinion(opinion=30, comment="doubtful", distribution=1)
    ev = admin.add_event(ev, pythonify=True)
    got = admin.get_event(ev, pythonify=True)
    assert [n.note for n in got.notes] == ["on the event"]
    assert [(int(n.opinion), n.comment) for a in got.attributes for n in a.opinions] == \
        [(30, "doubtful")]
    reply = admin.add_note(note_for(got.notes[0], "reply", "Note"), pythonify=True)
    # PyMISP lifts answers up to the event
    again = admin.get_event(ev)["Event"]["Note"]
    assert [n["note"] for n in again] == ["on the event"]
    assert [n["uuid"] for n in again[0]["Note"]] == [reply.uuid]


def test_search(admin):
    ev = small_event()
    ev.add_note(note="found", distribution=1)
    ev = admin.add_event(ev, pythonify=True)
    plain = admin.search(eventid=ev.id)[0]["Event"]
    asked = admin.search(eventid=ev.id, includeAnalystData=1)[0]["Event"]
    assert "Note" not in plain and [n["note"] for n in asked["Note"]] == ["found"]


def test_others(admin, other, readonly):
    ev = small_event()
    ev.distribution = 1
    ev = admin.add_event(ev, pythonify=True)
    mine = admin.add_note(note_for(ev, "mine"), pythonify=True)
    own = note_for(ev, "own")
    own.distribution = 0
    own = admin.add_note(own, pythonify=True)
    assert other.get_note(mine, pythonify=True).note == "mine"
    assert "errors" in other.get_note(own)
    assert other.update_note(mine)["errors"][0] == 405
    assert other.delete_note(mine)["errors"][0] == 405
    reply = other.add_note(note_for(mine, "reply", "Note"), pythonify=True)
    assert reply.note == "reply"
    assert readonly.add_note(note_for(ev, "x"))["errors"][0] == 403
    seen = other.get_event(ev)["Event"]["Note"]
    assert [n["note"] for n in seen] == ["mine"]


@pytest.mark.parametrize("body, status", [
    ({"uuid": "no"}, 403), ({"note": "x" * 5000000}, 413), ({"note": "x" * 1000000}, 200)])
def test_refused(admin, body, status):
    ev = admin.add_event(small_event(), pythonify=True)
    r = admin._prepare_request("POST", "analyst_data/add/Note/%s/Event" % ev.uuid, data=body)
    assert r.status_code == status, r.text[:200]


def test_known_uuid(admin):
    ev = admin.add_event(small_event(), pythonify=True)
    u = uid()
    for status in (200, 403):
        r = admin._prepare_request("POST", "analyst_data/add/Note/%s/Event" % ev.uuid,
                                   data={"uuid": u, "note": "x"})
        assert r.status_code == status, r.text[:200]


def test_big_event(admin):
    """A document that is staged: notes below its attributes are kept as well."""
    u = uid()
    doc = {"Event": {"uuid": u, "info": "big", "distribution": "1", "Attribute": [
        dict({"type": "text", "category": "Other", "value": "v%d" % i},
             **({"Note": [{"note": "n%d" % i, "distribution": "1"}]} if i % 1000 == 0 else {}))
        for i in range(21000)]}}
    r = admin._prepare_request("POST", "events/add/metadata:1", data=doc)
    assert r.status_code == 200, r.text[:200]
    attrs = admin.get_event(u)["Event"]["Attribute"]
    assert len(attrs) == 21000
    notes = {a["value"]: a["Note"][0]["note"] for a in attrs if "Note" in a}
    assert notes == {"v%d" % i: "n%d" % i for i in range(0, 21000, 1000)}
