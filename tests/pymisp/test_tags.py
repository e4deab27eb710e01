"""Tags on events and attributes; the tag list."""
import pytest
from pymisp import MISPTag

from builders import small_event, uid


@pytest.fixture
def event(admin):
    return admin.add_event(small_event(), pythonify=True)


def names(misp, event):
    return {t.name for t in misp.get_event(event.id, pythonify=True).tags}


def test_add_tag(admin):
    tag = MISPTag()
    tag.name, tag.colour, tag.exportable = "quay:" + uid(), "#123456", True
    got = admin.add_tag(tag, pythonify=True)
    assert got.name == tag.name and got.colour == "#123456"
    assert tag.name in {t.name for t in admin.tags(pythonify=True)}


def test_attach_detach_event(admin, event):
    assert "errors" not in admin.tag(event, "tlp:green")
    assert names(admin, event) == {"tlp:green"}
    again = admin.tag(event, "tlp:green")
    assert "errors" not in again and "already" in str(again)
    assert "errors" not in admin.untag(event, "tlp:green")
    assert names(admin, event) == set()
    assert admin.untag(event, "tlp:green")["errors"][0] == 404


def test_attach_detach_attribute(admin, event):
    a = event.attributes[0]
    assert "errors" not in admin.tag(a, "quay:sensor=\"7\"")
    view = admin.get_event(event.id, pythonify=True)
    mine = [x for x in view.attributes if x.uuid == a.uuid][0]
    assert [t.name for t in mine.tags] == ["quay:sensor=\"7\""]
    assert "errors" not in admin.untag(a, "quay:sensor=\"7\"")
    view = admin.get_event(event.id, pythonify=True)
    assert [x for x in view.attributes if x.uuid == a.uuid][0].tags == []


def test_local_tag(admin, event):
    assert "errors" not in admin.tag(event, "quay:ours", local=True)
    tag = admin.get_event(event.id, pythonify=True).tags[0]
    assert tag.name == "quay:ours" and tag.local in (True, 1, "1")


def test_global_tag_unpublishes_local_does_not(admin, event):
    admin.publish(event)
    admin.tag(event, "quay:ours2", local=True)
    assert admin.get_event(event.id, pythonify=True).published is True
    admin.tag(event, "tlp:amber")
    assert admin.get_event(event.id, pythonify=True).published is False


def test_tag_by_unknown_target(admin):
    ans = admin.tag("5c0a2e01-71aa-4b0d-9e2f-00000000dead", "tlp:green")
    assert ans["errors"][0] == 404


def test_tags_sent_with_the_event(admin):
    ev = small_event()
    ev.add_tag("tlp:clear")
    ev.attributes[0].add_tag("quay:inner")
    got = admin.add_event(ev, pythonify=True)
    assert [t.name for t in got.tags] == ["tlp:clear"]
    assert [t.name for a in got.attributes for t in a.tags] == ["quay:inner"]


def test_search_by_tag(admin, event):
    name = "quay:" + uid()
    admin.tag(event, name)
    hits = admin.search(tags=[name], metadata=True)
    assert [h["Event"]["uuid"] for h in hits] == [event.uuid]
    admin.untag(event, name)
    assert admin.search(tags=[name], metadata=True) == []
