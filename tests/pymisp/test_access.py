"""Who sees and may do what: another organisation, a reader, tags and attributes inside."""
import pytest
from pymisp import MISPAttribute, MISPOrganisation

from builders import small_event, uid
from conftest import connect


def test_organisations(admin, other_org):
    rows = admin.organisations(scope="all", pythonify=True)
    assert other_org.uuid in {o.uuid for o in rows}
    got = admin.get_organisation(other_org.uuid, pythonify=True)
    assert got.name == "Breakwater" and got.local is True
    org = MISPOrganisation()
    org.name = "Breakwater"
    assert "errors" in admin.add_organisation(org)


def test_users(admin, other, other_org):
    rows = admin.users(pythonify=True)
    mine = [u for u in rows if u.email == "user@breakwater.example"]
    assert len(mine) == 1 and str(mine[0].org_id) == str(other_org.id)
    assert other.get_user(pythonify=True).email == "user@breakwater.example"
    assert "errors" in other.users()


@pytest.mark.parametrize("distribution,seen", [(0, False), (1, True), (2, True), (3, True)])
def test_distribution(admin, other, distribution, seen):
    ev = small_event(distribution=distribution)
    got = admin.add_event(ev, pythonify=True)
    admin.publish(got)
    assert other.event_exists(ev.uuid) is seen
    hits = other.search(eventid=got.id)
    assert len(hits) == (1 if seen else 0)
    rows = other.search(controller="attributes", eventid=got.id)["Attribute"]
    assert len(rows) == (5 if seen else 0)
    index = [r["uuid"] for r in other.search_index(eventinfo=ev.info)]
    assert (ev.uuid in index) is seen


def test_attribute_of_own_organisation_only(admin, other):
    ev = small_event()
    secret = "s%s.example.com" % uid()[:8]
    a = ev.add_attribute("domain", secret)
    a.distribution = 0
    got = admin.add_event(ev, pythonify=True)
    admin.publish(got)
    view = other.get_event(ev.uuid, pythonify=True)
    assert len(view.attributes) == 5
    assert secret not in str(other.get_event(ev.uuid))
    assert other.search(controller="attributes", value=secret)["Attribute"] == []
    assert other.search(value=secret) == []
    assert len(admin.search(controller="attributes", value=secret)["Attribute"]) == 1


def test_foreign_event_cannot_be_changed(admin, other):
    ev = small_event()
    got = admin.add_event(ev, pythonify=True)
    admin.publish(got)
    seen = other.get_event(ev.uuid, pythonify=True)
    seen.info = "mine now"
    assert other.update_event(seen)["errors"][0] == 403
    assert "errors" in other.delete_event(seen)
    assert "proposal" in other.delete_attribute(seen.attributes[0])["success"] # as at any MISP
    assert "errors" in other.tag(ev.uuid, "tlp:green")
    after = admin.get_event(ev.uuid, pythonify=True)
    assert after.info == ev.info and len(after.attributes) == 5 and after.tags == []


def test_own_event(other, publisher, admin, other_org):
    ev = other.add_event(small_event(), pythonify=True)
    assert str(ev.orgc_id) == str(other_org.id)
    assert "errors" in other.publish(ev)
    assert "errors" not in publisher.publish(ev)
    assert admin.get_event(ev.uuid, pythonify=True).published is True


def test_creator_organisation_cannot_be_forged(other, admin, other_org):
    ev = small_event()
    ev.orgc_id = 1
    got = other.add_event(ev, pythonify=True)
    assert str(got.orgc_id) == str(other_org.id)


def test_reader(readonly, admin):
    assert readonly.add_event(small_event())["errors"][0] == 403
    ev = admin.add_event(small_event(), pythonify=True)
    admin.publish(ev)
    assert readonly.get_event(ev.uuid, pythonify=True).info == ev.info
    a = MISPAttribute()
    a.from_dict(type="ip-dst", value="198.51.100.3")
    assert readonly.add_attribute(ev, a)["errors"][0] == 403


def test_key_works_at_once(admin, node, other_org):
    from conftest import new_user
    misp = new_user(admin, node, "late@breakwater.example", other_org.id, 3)
    assert connect(node, misp.key).get_user(pythonify=True).email == "late@breakwater.example"


def test_known_uuid_overwrites_nothing(admin, other):
    """An attribute sent under the UUID of another one changes nothing, whoever sends it."""
    theirs = admin.add_event(small_event(), pythonify=True)
    admin.publish(theirs)
    mine = other.add_event(small_event(), pythonify=True)
    for who, event in ((admin, theirs), (other, mine), (other, theirs)):
        a = MISPAttribute()
        a.from_dict(uuid=theirs.attributes[0].uuid, type="domain",
                    value="w%s.example.com" % uid()[:8])
        who.add_attribute(event.id, a)
        seen = admin.get_attribute(theirs.attributes[0].uuid, pythonify=True)
        assert (seen.type, seen.value) == ("ip-dst", "192.0.2.44")
        assert str(seen.event_id) == str(theirs.id)
