"""What goes in and comes out in other forms than MISP's JSON: texts, files, XML."""
import base64
import hashlib
import io
import socket
import time
import xml.etree.ElementTree as ElementTree
import zipfile

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


# ---- files ----

def unpack(data):
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        z.setpassword(b"infected")
        names = z.namelist()
        assert names == [names[0], names[0] + ".filename.txt"]
        return z.read(names[1]), z.read(names[0])


def test_sample_is_packed(admin, node, event):
    raw = b"MZ\x90\x00 lantern " * 50
    a = admin.add_attribute(event, {
        "type": "malware-sample", "category": "Payload delivery", "value": "keel.bin", "encrypt": True,
        "data": base64.b64encode(raw).decode()}, pythonify=True)
    assert a.value == "keel.bin|" + hashlib.md5(raw).hexdigest()
    got = admin.get_attribute(a.uuid, pythonify=True)
    assert unpack(got.data.getvalue()) == (b"keel.bin", raw)
    assert got.malware_binary.getvalue() == raw  # PyMISP opens it by itself
    answer = admin._prepare_request("GET", "attributes/download/%s" % a.id)
    assert answer.headers["Content-Type"] == "application/zip"
    assert 'filename="keel.bin.zip"' in answer.headers["Content-Disposition"]
    assert unpack(answer.content) == (b"keel.bin", raw)


def test_download(admin, publisher, event):
    a = admin.add_attribute(event, {"type": "attachment", "category": "Payload delivery",
                                    "value": "../..\\a\"b\r\n.html", "data": "PGI+aGk8L2I+"},
                            pythonify=True)
    answer = admin._prepare_request("GET", "attributes/downloadAttachment/download/%s" % a.id)
    assert answer.content == b"<b>hi</b>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    name = answer.headers["Content-Disposition"]
    assert "/" not in name and "\\" not in name and name.count('"') == 2
    admin.update_event({"distribution": 0}, event.id)
    hidden, absent = (publisher._prepare_request("GET", "attributes/download/%s" % i)
                      for i in (a.id, 99999999))
    assert hidden.status_code == absent.status_code == 401
    assert hidden.json()["message"] == absent.json()["message"]


def test_upload_sample(admin, event):
    raw = b"rudder"
    answer = admin.direct_call("events/upload_sample/%s" % event.id, {"request": {
        "files": [{"filename": "rudder.bin", "data": base64.b64encode(raw).decode()}],
        "category": "Payload installation", "to_ids": 1, "comment": "up"}})
    assert answer["name"] == "Success", answer
    ob = admin.get_event(event.id, pythonify=True).objects[0]
    values = {a.object_relation: a.value for a in ob.attributes}
    assert ob.name == "file" and values["sha256"] == hashlib.sha256(raw).hexdigest()
    assert values["malware-sample"] == "rudder.bin|" + hashlib.md5(raw).hexdigest()
    assert values["size-in-bytes"] == "6"


def test_upload_sample_makes_event(admin):
    body = {"request": {"files": [{"filename": "keel.bin", "data": base64.b64encode(b"keel").decode()}],
                        "info": "Samples of the day", "distribution": 0, "analysis": "1"}}
    answer = admin.direct_call("events/upload_sample", body)
    assert answer["name"] == "Success", answer
    made = admin.get_event(answer["id"], pythonify=True)
    assert (made.info, made.distribution, made.analysis) == ("Samples of the day", 0, 1)
    assert [o.name for o in made.objects] == ["file"]
    before = len(admin.search_index(eventinfo="Samples of the day"))
    assert admin.direct_call("events/upload_sample", {"request": {"info": "x"}})["errors"][0] == 403
    assert len(admin.search_index(eventinfo="Samples of the day")) == before == 1


def test_batch_import(admin, event):
    made = admin._prepare_request("POST", "attributes/add/%s" % event.id, data={
        "type": "ip-src", "value": "203.0.113.61\r\n\n203.0.113.62\nnonsense", "batch_import": 1}).json()
    assert [a["value"] for a in made["Attribute"]] == ["203.0.113.61", "203.0.113.62"]
    assert list(made["errors"]) == ["attribute_2"]
    assert len(admin.get_event(event.id, pythonify=True).attributes) == 2


# ---- XML ----

def test_xml_view(admin, event):
    admin.add_attribute(event, {"type": "text", "value": "a<b>&\"c\"'\x07d"})
    for path, accept in (("events/view/%s.xml" % event.id, "json"), ("events/view/%s" % event.id, "xml")):
        answer = admin._prepare_request("GET", path, output_type=accept)
        assert answer.headers["Content-Type"] == "application/xml; charset=UTF-8"
        doc = ElementTree.fromstring(answer.content)
        assert doc.findtext("Event/uuid") == event.uuid
        assert doc.findtext("Event/Attribute/value") == "a<b>&\"c\"' d"
    found = admin._prepare_request("POST", "events/restSearch", data={
        "returnFormat": "xml", "eventid": event.id})
    assert ElementTree.fromstring(found.content).findtext("Event/uuid") == event.uuid


def post_xml(misp, path, text, **headers):
    return misp._PyMISP__session.post(
        misp.root_url + "/" + path, data=text.encode() if isinstance(text, str) else text, verify=False,
        headers={"Authorization": misp.key, "Accept": "application/json", "Content-Type": "application/xml",
                 **headers})


def test_xml_event_in(admin):
    made = post_xml(admin, "events/add", "<Event><info>in &lt;XML&gt; \u00e4</info><published>0</published>"
                    "<Attribute><type>ip-dst</type><value>192.0.2.77</value><to_ids>0</to_ids>"
                    "<Tag><name>tlp:green</name></Tag></Attribute>"
                    "<Attribute><type>domain</type><value>mast.example</value></Attribute></Event>")
    event = made.json()["Event"]
    assert event["info"] == "in <XML> \u00e4" and event["published"] is False
    first, second = event["Attribute"]
    assert (first["value"], first["to_ids"], first["Tag"][0]["name"]) == ("192.0.2.77", False, "tlp:green")
    assert second["value"] == "mast.example"
    one = post_xml(admin, "attributes/add/%s" % event["id"],
                   "<request><Attribute><type>text</type><value>a</value></Attribute></request>").json()
    assert one["Attribute"]["value"] == "a"
    found = post_xml(admin, "attributes/restSearch",
                     "<request><value>mast.example</value><value>192.0.2.77</value>"
                     "<eventid>%s</eventid></request>" % event["id"]).json()["response"]["Attribute"]
    assert sorted(a["value"] for a in found) == ["192.0.2.77", "mast.example"]
    edited = post_xml(admin, "events/edit/%s" % event["id"], "<Event><info>new</info></Event>").json()
    assert edited["Event"]["info"] == "new" and len(edited["Event"]["Attribute"]) == 3


def test_xml_there_and_back(admin):
    """Our own XML, posted back, is the event it was."""
    before = admin.add_event(small_event(), pythonify=True)
    text = admin._prepare_request("GET", "events/view/%s.xml" % before.id).content
    admin.delete_event(before)
    admin.delete_event_blocklist(before.uuid)
    answer = post_xml(admin, "events/add", text)
    assert answer.status_code == 200, answer.text
    after = admin.get_event(before.uuid, pythonify=True)
    for what in ("info", "date", "distribution", "threat_level_id", "analysis"):
        assert getattr(after, what) == getattr(before, what), what
    assert ({(a.uuid, a.type, a.value, a.to_ids, tuple(t.name for t in a.tags)) for a in before.attributes} ==
            {(a.uuid, a.type, a.value, a.to_ids, tuple(t.name for t in a.tags)) for a in after.attributes})
    assert ({(o.uuid, o.name, len(o.attributes)) for o in before.objects} ==
            {(o.uuid, o.name, len(o.attributes)) for o in after.objects})
    assert {t.name for t in before.tags} == {t.name for t in after.tags}


@pytest.mark.parametrize("text, status, says", [
    ("<Event><info>x</Event>", 405, "mismatched tag (line 1"),
    ("<!DOCTYPE a [<!ENTITY b 'cc'>]><Event><info>&b;</info></Event>", 405, "document type"),
    ("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><Event/>", 405, "document type"),
    ("<a>" * 100, 413, "too deep"),
    ("{\"info\": \"json\"}", 405, "Invalid XML input"),
])
def test_xml_refused(admin, text, status, says):
    for path in ("events/add", "tags/search", "events/restSearch"):
        answer = post_xml(admin, path, text)
        assert answer.status_code == status and says in answer.json()["message"], answer.text


def test_xml_few_at_once(admin, node):
    """Trees in memory are few; who comes when there are too many is told, and the others are served."""
    body = b"<Event><info>one of many</info></Event>"
    head = ("POST /events/add HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nAccept: application/json\r\n"
            "Content-Type: application/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            % (admin.key, len(body))).encode()
    conns = []
    for _ in range(9):
        s = socket.create_connection(("127.0.0.1", node.port), 60)
        s.sendall(head + body[:10])
        conns.append(s)

    def rest(s):
        s.sendall(body[10:])
        answer = b""
        while True:
            piece = s.recv(65536)
            if not piece:
                return int(answer.split()[1])
            answer += piece

    deadline = time.monotonic() + 60
    while True:  # all heads have been read when one more is refused
        s = socket.create_connection(("127.0.0.1", node.port), 60)
        s.sendall(head + body[:10])
        if rest(s) == 503:
            break
        assert time.monotonic() < deadline
    statuses = [rest(s) for s in conns]
    assert 1 <= statuses.count(200) <= 6 and set(statuses) == {200, 503}, statuses
    assert post_xml(admin, "events/add", body).status_code == 200
