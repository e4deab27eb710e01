"""What goes in and comes out in other forms than MISP's JSON: texts, files, XML."""
import pytest

from builders import small_event


@pytest.fixture
def event(admin):
    e = small_event()
    e.attributes = []
    return admin.add_event(e, pythonify=True)


# ---- free text ----

def test_freetext_meta(admin, event):
    found = admin.freetext(event, "beacons to hxxp://evil[.]example[.]com:8080/x and 198.51.100.7:443",
                           returnMetaAttributes=True)
    assert [(f["default_type"], f["value"]) for f in found] == [
        ("url", "http://evil.example.com:8080/x"), ("ip-dst|port", "198.51.100.7|443")]
    assert not admin.get_event(event.id, pythonify=True).attributes


def test_freetext_import(admin, event):
    saved = admin.freetext(event, "CVE-2024-12345, lantern.example.org:443; 192.0.2.9 192.0.2.9",
                           pythonify=True)
    assert [(a.type, a.value) for a in saved] == [
        ("vulnerability", "CVE-2024-12345"), ("hostname", "lantern.example.org"), ("ip-dst", "192.0.2.9")]
    assert saved[1].comment == "On port 443"
    view = admin.get_event(event.id, pythonify=True)
    assert {a.uuid for a in view.attributes} == {a.uuid for a in saved}
    assert admin.freetext(event, "192.0.2.9") == []


def test_freetext_many(admin, event):
    """More than one transaction takes, all in one answer and in order."""
    text = "\n".join("10.%d.%d.1" % (i // 250, i % 250) for i in range(1234))
    saved = admin.freetext(event, text)
    assert [s["Attribute"]["value"] for s in saved] == text.split()
    assert all(s["Attribute"]["original_value"] == s["Attribute"]["value"] for s in saved)


def test_freetext_proposes(admin, publisher, event):
    admin.update_event({"distribution": 1}, event.id)
    admin.publish(event)
    made = publisher.freetext(event, "mole.example.net")
    assert made[0]["ShadowAttribute"]["value"] == "mole.example.net"
    assert not [a for a in admin.get_event(event.id, pythonify=True).attributes
                if a.value == "mole.example.net"]


def test_freetext_hidden(admin, publisher, event):
    """An event that the caller does not see is as one that is not there."""
    admin.update_event({"distribution": 0}, event.id)
    hidden, absent = (publisher.freetext(i, "a.example.net") for i in (event.id, 99999999))
    assert hidden["errors"][0] == absent["errors"][0] == 404
    assert hidden["errors"][1]["message"] == absent["errors"][1]["message"]
