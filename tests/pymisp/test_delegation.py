"""An organisation asks another one to take an event over; until then its members see it, nobody else."""
import pytest
from pymisp import MISPOrganisation

from builders import small_event
from conftest import new_user


@pytest.fixture(scope="module", autouse=True)
def switched_on(admin):
    admin.set_server_setting("MISP.delegation", True)
    yield
    admin.set_server_setting("MISP.delegation", False)


@pytest.fixture(scope="module")
def third(admin, node):
    org = MISPOrganisation()
    org.name, org.local = "Lightship", True
    made = admin.add_organisation(org, pythonify=True)
    return new_user(admin, node, "user@lightship.example", made.id, 4)


def offer(client, to, **more):
    ev = client.add_event(small_event(distribution=0), pythonify=True)
    made = client.delegate_event(event=ev.uuid, organisation=to, message="please take", **more)
    assert "EventDelegation" in made, made
    return ev, made["EventDelegation"]["id"]


def test_accept(admin, other, other_org, publisher, third):
    ev, number = offer(publisher, "1", distribution=1)
    assert not third.event_exists(ev.uuid)
    assert number not in str(third.event_delegations())
    rows = admin.event_delegations(pythonify=True)
    assert [d.message for d in rows if d.id == number] == ["please take"]
    assert third.accept_event_delegation(number)["errors"][0] == 404
    assert publisher.accept_event_delegation(number)["errors"][0] == 404
    assert admin.accept_event_delegation(number)["message"] == "Event ownership transferred."
    after = admin.get_event(ev.uuid, pythonify=True)
    assert str(after.orgc_id) == "1" and str(after.org_id) == "1" and int(after.distribution) == 1
    assert after.published is False and len(after.attributes) == 5
    assert "errors" in publisher.update_event(publisher.get_event(ev.uuid, pythonify=True))
    assert number not in str(admin.event_delegations())


def test_offered_is_seen(admin, other, other_org, third):
    ev, number = offer(third, other_org.uuid)
    seen = other.get_event(ev.uuid, pythonify=True)
    assert seen.info == ev.info and len(seen.attributes) == 5
    assert len(other.search(eventid=ev.id)) == 1
    assert ev.info in str(other.event_delegations())
    assert "errors" in other.update_event(seen)
    admin.set_server_setting("MISP.delegation", False)
    assert not other.event_exists(ev.uuid)
    assert other.event_delegations()["errors"][0] == 405
    admin.set_server_setting("MISP.delegation", True)
    assert third.discard_event_delegation(number)["message"] == "Delegation request deleted."
    assert not other.event_exists(ev.uuid)
    assert other.accept_event_delegation(number)["errors"][0] == 404


def test_refused(admin, other, other_org, readonly, third):
    ev, number = offer(third, other_org.uuid)
    assert third.delegate_event(event=ev.uuid, organisation="1")["errors"][0] == 403  # one at a time
    assert other.delegate_event(event=ev.uuid, organisation="1")["errors"][0] == 403  # no role for that
    assert readonly.accept_event_delegation(number)["errors"][0] == 403
    mine = third.add_event(small_event(distribution=0), pythonify=True)
    for wrong in ("999", "5c0a2e01-71aa-4b0d-9e2f-00000000dead"):
        assert third.delegate_event(event=mine.uuid, organisation=wrong)["errors"][0] == 403
    assert other.discard_event_delegation(number)["message"] == "Delegation request deleted."
    assert admin.get_event(ev.uuid, pythonify=True).info == ev.info
