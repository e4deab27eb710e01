"""Many events in one body: several are under way at once, yet each counts for itself."""
import json
import uuid


def event(info, timestamp=1700000000, attributes=3, **more):
    return {"Event": dict({
        "uuid": str(uuid.uuid4()), "info": info, "date": "2024-01-02", "distribution": "0",
        "threat_level_id": "2", "analysis": "1", "timestamp": str(timestamp),
        "Attribute": [{"type": "domain", "category": "Network activity", "to_ids": False,
                       "uuid": str(uuid.uuid4()), "timestamp": str(timestamp), "distribution": "5",
                       "value": "%s-%d.import.example" % (uuid.uuid4(), i)}
                      for i in range(attributes)]}, **more)}


def send(node, docs):
    c = node.client(timeout=120)
    try:
        ans = c.raw("POST", "/tocsin/import", {
            "Authorization": node.key, "Accept": "application/json",
            "Content-Type": "application/json"}, "\n".join(map(json.dumps, docs)).encode())
        return ans.status, ans.json()
    finally:
        c.close()


def counts(got):
    return [got[k] for k in ("added", "updated", "unchanged", "failed")]


def stored(admin, doc):
    return admin.get_event(doc["Event"]["uuid"])["Event"]


def test_one_bad_event_among_many(admin, node):
    docs = [event("import %d" % i) for i in range(300)]
    docs[97]["Event"]["info"] = ""
    docs[213]["Event"]["date"] = "no date"
    status, got = send(node, docs)
    assert status == 200 and got["failed"] >= 1, got
    assert got["added"] + got["failed"] == 300 and got["first_error"], got
    for i in (0, 96, 98, 299):
        assert len(stored(admin, docs[i])["Attribute"]) == 3
    assert "Event" not in admin.get_event(docs[97]["Event"]["uuid"])


def test_same_body_again(node):
    docs = [event("again %d" % i) for i in range(200)]
    assert counts(send(node, docs)[1]) == [200, 0, 0, 0]
    assert counts(send(node, docs)[1]) == [0, 0, 200, 0]


def test_versions_in_one_body(admin, node):
    docs = []
    for i in range(50):
        old = event("first %d" % i)
        new = json.loads(json.dumps(old))
        new["Event"].update(info="second %d" % i, timestamp="1700000100")
        docs += [old, new, old]
    assert counts(send(node, docs)[1]) == [50, 50, 50, 0]
    assert stored(admin, docs[30])["info"] == "second 10"


def test_big_and_small_mixed(admin, node):
    docs = [event("mixed %d" % i, attributes=3000 if i % 10 == 5 else 2) for i in range(40)]
    status, got = send(node, docs)
    assert status == 200 and counts(got) == [40, 0, 0, 0], got
    assert got["elements"] == 4 * 3000 + 36 * 2
    for i in (4, 5, 6, 35, 39):
        assert int(stored(admin, docs[i])["attribute_count"]) == len(docs[i]["Event"]["Attribute"])


def test_body_that_is_cut(admin, node):
    docs = [event("cut %d" % i) for i in range(100)]
    c = node.client()
    data = "\n".join(map(json.dumps, docs)).encode()[:-40]
    ans = c.raw("POST", "/tocsin/import", {
        "Authorization": node.key, "Accept": "application/json",
        "Content-Type": "application/json"}, data)
    c.close()
    got = ans.json()
    assert ans.status == 400 and counts(got) == [99, 0, 0, 0] and got["offset"], got
    assert "Event" not in admin.get_event(docs[99]["Event"]["uuid"])
    assert stored(admin, docs[98])["info"] == "cut 98"
