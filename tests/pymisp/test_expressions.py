"""The allowed list keeps values out of searches; import rules rewrite what is entered."""
from pymisp import MISPAttribute

from builders import small_event, uid


def call(client, path, body=None):
    return client.direct_call(path, body if body is not None else {})


def test_allowed_list(admin, other):
    value = "calm-%s.example.com" % uid()[:8]
    ev = small_event(distribution=1)
    ev.add_attribute("domain", value)
    ev = admin.add_event(ev, pythonify=True)
    admin.publish(ev)
    row = call(admin, "admin/allowedlists/add", {"Allowedlist": {"name": "/^%s$/i" % value.upper().replace(".", "[.]")}})
    number = row["Allowedlist"]["id"]
    assert call(other, "admin/allowedlists/add", {"name": "/x/"})["errors"][0] == 403
    assert call(admin, "admin/allowedlists/add", {"name": "/bad(/"})["errors"][0] == 403
    assert number in [r["Allowedlist"]["id"] for r in other.direct_call("allowedlists/index")]
    for client in (admin, other):
        assert client.search("attributes", value=value)["Attribute"] == []
        found = client.search(eventid=ev.id, pythonify=True)
        assert len(found) == 1 and value not in [a.value for a in found[0].attributes]
        assert value not in client.search("attributes", return_format="text", eventid=ev.id)
        assert value in [a.value for a in client.get_event(ev.uuid, pythonify=True).attributes]
    assert "deleted" in call(admin, "admin/allowedlists/delete/" + number)["message"]
    assert len(admin.search("attributes", value=value)["Attribute"]) == 1


def test_import_rules(admin, other):
    made = [call(admin, "admin/regexp/add", {"Regexp": r})["Regexp"]["id"] for r in (
        {"regexp": "/kittiwake/i", "replacement": "tern", "all": 1},
        {"regexp": "/^(.+)@old[.]example$/", "replacement": "$1@new.example", "type": "email-src"},
        {"regexp": "/forbidden-word/", "replacement": "", "type": "text"})]
    ev = other.add_event(small_event(), pythonify=True)

    def add(kind, value):
        a = MISPAttribute()
        a.from_dict(type=kind, value=value)
        return other.add_attribute(ev, a)

    assert add("text", "a Kittiwake here")["Attribute"]["value"] == "a tern here"
    assert add("email-src", "deck@old.example")["Attribute"]["value"] == "deck@new.example"
    assert add("email-dst", "deck@old.example")["Attribute"]["value"] == "deck@old.example"
    refused = add("text", "a forbidden-word")
    assert refused["errors"][0] == 403 and "import filters" in str(refused)
    for number in made:
        call(admin, "admin/regexp/delete/" + number)
    assert admin.direct_call("regexp/index") == []
    assert add("text", "another kittiwake")["Attribute"]["value"] == "another kittiwake"
