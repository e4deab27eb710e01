"""Proposals and event reports: PyMISP's own calls, both sides of them."""
import time

from pymisp import MISPEventReport, MISPShadowAttribute

from builders import small_event


def open_event(admin):
    ev = small_event()
    ev.distribution = 1
    return admin.add_event(ev, pythonify=True)


def proposal(value, **more):
    p = MISPShadowAttribute()
    p.from_dict(type="domain", category="Network activity", value=value, **more)
    return p


def test_new_attribute_is_proposed_and_accepted(admin, other):
    ev = open_event(admin)
    made = other.add_attribute_proposal(ev, proposal("quay.example.com"), pythonify=True)
    assert made.value == "quay.example.com" and str(made.old_id) == "0", made
    seen = admin.get_attribute_proposal(made, pythonify=True)
    assert seen.uuid == made.uuid
    assert [p.uuid for p in admin.attribute_proposals(ev, pythonify=True)] == [made.uuid]
    got = admin.get_event(ev)["Event"]
    assert [p["value"] for p in got["ShadowAttribute"]] == ["quay.example.com"]
    assert admin.accept_attribute_proposal(made)["message"] == "Proposal accepted."
    got = admin.get_event(ev, pythonify=True)
    assert [a.uuid for a in got.attributes if a.value == "quay.example.com"] == [made.uuid]
    assert not got.shadow_attributes and not got.published
    assert "errors" in admin.accept_attribute_proposal(made)


def test_change_and_deletion(admin, other):
    ev = open_event(admin)
    first, second = ev.attributes[:2]
    change = MISPShadowAttribute()
    change.from_dict(type=first.type, category=first.category, value=first.value, comment="typo")
    made = other.update_attribute_proposal(first, change, pythonify=True)
    assert str(made.old_id) == str(first.id) and made.comment == "typo", made
    assert admin.accept_attribute_proposal(made)["message"] == "Proposed change accepted."
    got = admin.get_event(ev, pythonify=True)
    assert [a.comment for a in got.attributes if a.uuid == first.uuid] == ["typo"]
    assert other.delete_attribute_proposal(second)["saved"] is True
    rows = [p for p in admin.attribute_proposals(ev, pythonify=True) if p.proposal_to_delete]
    assert [p.uuid for p in rows] == [second.uuid]
    assert "errors" not in admin.accept_attribute_proposal(rows[0])
    got = admin.get_event(ev, pythonify=True)
    assert second.uuid not in [a.uuid for a in got.attributes]


def test_discard_and_strangers(admin, other):
    ev = open_event(admin)
    made = other.add_attribute_proposal(ev, proposal("pier.example.com"), pythonify=True)
    before = admin.get_event(ev, pythonify=True).timestamp
    assert "accepted" not in str(other.accept_attribute_proposal(made))
    assert admin.discard_attribute_proposal(made)["message"] == "Proposal discarded."
    got = admin.get_event(ev, pythonify=True)
    assert not got.shadow_attributes and got.timestamp == before


def test_hidden_event_has_no_proposals(admin, other):
    ev = small_event()
    ev.distribution = 0
    ev = admin.add_event(ev, pythonify=True)
    made = admin.add_attribute_proposal(ev, proposal("mole.example.com"), pythonify=True)
    assert "errors" in other.get_attribute_proposal(made)
    assert "errors" in other.add_attribute_proposal(ev, proposal("jetty.example.com"))
    rows = other._check_json_response(other._prepare_request(
        "GET", "shadow_attributes/index/all:1/timestamp:0/limit:1000/page:1/deleted[]:0/deleted[]:1.json"))
    assert made.uuid not in str(rows)


def test_reports(admin, other):
    ev = open_event(admin)
    r = MISPEventReport()
    r.from_dict(name="Tide", content="# high", distribution=5)
    made = admin.add_event_report(ev, r, pythonify=True)
    assert made.name == "Tide"
    assert [x.uuid for x in other.get_event_reports(ev.id, pythonify=True)] == [made.uuid]
    made.content = "# low"
    assert admin.update_event_report(made, pythonify=True).content == "# low"
    assert "errors" in other.delete_event_report(made)
    then = admin.get_event_report(made, pythonify=True).timestamp
    time.sleep(1.1)
    assert "errors" not in admin.delete_event_report(made)
    gone = admin.get_event_report(made, pythonify=True)
    assert gone.deleted and gone.timestamp > then
    assert admin.get_event_reports(ev.id) == []
    back = admin._check_json_response(admin._prepare_request("POST", "eventReports/restore/%s" % made.id))
    assert back["message"] == "Event Report %s restored" % made.id, back
    again = admin.get_event_report(made, pythonify=True)
    assert not again.deleted and again.timestamp > gone.timestamp
    assert "errors" not in admin.delete_event_report(made, hard=True)
    assert "errors" in admin.get_event_report(made)


def test_report_texts(admin):
    ev = open_event(admin)
    made = {}
    for name, content in (("Low tide", "the Reef shows"), ("High tide", "nothing to see")):
        report = admin.direct_call("eventReports/add/%s" % ev.id, {"name": name, "content": content})
        made[name] = report["EventReport"]

    def find(**more):
        rows = admin.direct_call("eventReports/index", {"event_id": ev.id, **more})
        return sorted(x["EventReport"]["name"] for x in rows)
    assert find(value="TIDE") == ["High tide", "Low tide"]
    assert find(value="reef") == ["Low tide"] and find(value=made["High tide"]["uuid"]) == ["High tide"]
    assert find(value="no such") == []
    admin.direct_call("eventReports/delete/%s" % made["Low tide"]["id"], {})
    assert find(value="tide") == ["High tide"] and find(value="tide", context="deleted") == ["Low tide"]
    assert find(context="all") == ["High tide", "Low tide"]


def test_report_spellings(admin):
    for path in ("event_reports", "eventReports", "EventReports"):
        said = admin._check_json_response(admin._prepare_request("GET", path + "/add"))
        assert said["description"], path
