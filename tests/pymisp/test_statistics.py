"""Statistics count what the caller sees, and nothing else."""
from builders import small_event, uid


def of(client, name):
    return int((client.attributes_statistics("type") or {}).get(name, 0))


def test_attributes(admin, other):
    before, before_other = of(admin, "ssdeep"), of(other, "ssdeep")
    ev = small_event(distribution=0)
    for n in range(3):
        ev.add_attribute("ssdeep", "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C" + str(n), category="External analysis")
    admin.publish(admin.add_event(ev, pythonify=True))
    assert of(admin, "ssdeep") == before + 3
    assert of(other, "ssdeep") == before_other
    shares = admin.attributes_statistics("category", True)
    assert abs(sum(float(v[:-1]) for v in shares.values()) - 100) < 0.1
    assert all(v.endswith("%") for v in shares.values())


def test_tags(admin, other):
    tag = "quay:stat-" + uid()[:8]
    for distribution in (0, 1):
        ev = small_event(distribution=distribution)
        ev.add_tag(tag)
        admin.publish(admin.add_event(ev, pythonify=True))
    assert admin.tags_statistics()["tags"][tag] == "2"
    assert other.tags_statistics()["tags"][tag] == "1"
    names = list(admin.tags_statistics(name_sort=True)["tags"])
    assert names == sorted(names)


def test_pages(admin, other, other_org):
    orgs = admin.users_statistics("orgs")
    assert orgs["1"]["eventCount"] > 0 and orgs[str(other_org.id)]["userCount"] > 0
    seen = other.users_statistics("orgs")
    assert seen["1"]["eventCount"] < orgs["1"]["eventCount"]
    assert admin.users_statistics("tags")["flatData"][0]["size"] >= 1
    assert admin.users_statistics("attributehistogram")["data"]["ssdeep"]
    assert admin.users_statistics("galaxyMatrix")["maxScore"] >= 0
    assert "event_count" in admin.users_statistics()["stats"]
