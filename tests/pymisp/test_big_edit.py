"""Events too big for one job are staged: added and edited as a whole, references and index too."""
import uuid

STORED = "1700000000"
NEWER = "1700000100"
COUNT = 24000  # above INGEST_ONE_JOB_MAX


def document(seed):
    """An event with many attributes, and objects that refer to some of them."""
    def uid(kind, i):
        return str(uuid.UUID(int=(seed << 96) + (kind << 64) + i, version=4))

    attributes = [{"uuid": uid(1, i), "type": "text", "value": f"{seed:x} value {i}",
                   "timestamp": STORED} for i in range(COUNT)]
    objects = [{"uuid": uid(2, i), "name": "file", "meta-category": "file", "description": "file",
                "template_uuid": "688c46fb-5edb-40a3-8273-1af7923e2215", "template_version": "24",
                "timestamp": STORED,
                "Attribute": [{"uuid": uid(3, i), "type": "filename", "object_relation": "filename",
                               "value": f"{seed:x}-{i}.bin", "timestamp": STORED}],
                "ObjectReference": [{"uuid": uid(4, i), "object_uuid": uid(2, i),
                                     "referenced_uuid": uid(1, i * 7), "timestamp": STORED,
                                     "relationship_type": "related-to"}]} for i in range(50)]
    return {"uuid": uid(0, 0), "info": "staged", "timestamp": STORED, "distribution": "1",
            "Attribute": attributes, "Object": objects}


def view(admin, event):
    return admin.direct_call(f"events/view/{event['uuid']}/includeEventCorrelations:0")["Event"]


def test_add_and_edit(admin):
    doc = document(uuid.uuid4().int >> 100)
    got = admin.direct_call("events/add/metadata:1", doc)
    assert got["Event"]["attribute_count"] == str(COUNT + 50), got
    stored = view(admin, doc)
    assert len(stored["Attribute"]) == COUNT
    assert all(len(o["ObjectReference"]) == 1 for o in stored["Object"])
    assert {o["ObjectReference"][0]["referenced_uuid"] for o in stored["Object"]} == \
        {doc["Attribute"][i * 7]["uuid"] for i in range(50)}

    doc["timestamp"] = NEWER
    for a in doc["Attribute"][:COUNT // 2]:
        a["value"] += " changed"
        a["timestamp"] = NEWER
    doc["Attribute"].append({"uuid": str(uuid.uuid4()), "type": "text", "value": "appended later",
                             "timestamp": NEWER})
    got = admin.direct_call(f"events/edit/{doc['uuid']}/metadata:1", doc)
    assert got["Event"]["attribute_count"] == str(COUNT + 51), got
    stored = view(admin, doc)
    assert sum(a["value"].endswith("changed") for a in stored["Attribute"]) == COUNT // 2
    assert all(len(o["ObjectReference"]) == 1 for o in stored["Object"])

    # the index follows: new values are found, the replaced ones are not
    for value, hits in ((doc["Attribute"][0]["value"], 1),
                        (doc["Attribute"][0]["value"].removesuffix(" changed"), 0),
                        (doc["Attribute"][COUNT - 1]["value"], 1)):
        found = admin.search(controller="attributes", value=value, eventid=doc["uuid"])
        assert len(found["Attribute"]) == hits, value

    # not newer: refused, nothing changes
    again = admin.direct_call(f"events/edit/{doc['uuid']}/metadata:1", doc)
    assert again["errors"][0] == 403
    assert "not newer" in again["errors"][1]["errors"]
