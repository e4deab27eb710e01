"""Invented events with documentation addresses, for PyMISP and as plain documents."""
import datetime
import json
import uuid

from pymisp import MISPEvent, MISPObject


def uid():
    return str(uuid.uuid4())


def small_event(info="Fog over the outer roads", distribution=1):
    """An event with a handful of attributes, each of another type."""
    ev = MISPEvent()
    ev.uuid = uid()
    ev.info, ev.distribution, ev.analysis, ev.threat_level_id = info, distribution, 1, 2
    ev.date = datetime.date(2025, 3, 14)
    ev.add_attribute("ip-dst", "192.0.2.44", comment="first stage", to_ids=True)
    ev.add_attribute("domain", "lantern.example.com", to_ids=True)
    ev.add_attribute("sha256", "0f" * 32, to_ids=True)
    ev.add_attribute("text", "plain words", to_ids=False)
    ev.add_attribute("url", "https://buoy.example.net/a?b=1&c=%20", to_ids=True)
    return ev


def file_object(name="invoice.pdf.exe", md5="00112233445566778899aabbccddeeff"):
    """A file object that needs no template on the server."""
    ob = MISPObject("file", standalone=False)
    ob.uuid = uid()
    ob.add_attribute("filename", name)
    ob.add_attribute("md5", md5)
    return ob


def plain(ev):
    return json.loads(ev.to_json())


def _attribute(kind, category, value, **more):
    doc = {"uuid": uid(), "type": kind, "category": category, "value": value, "to_ids": False,
           "distribution": "5", "timestamp": "1700000001", "comment": "", "deleted": False,
           "disable_correlation": False, "sharing_group_id": "0", "object_id": "0",
           "object_relation": None, "first_seen": None, "last_seen": None}
    doc.update(more)
    return doc


def _event(info, **more):
    doc = {"uuid": uid(), "info": info, "date": "2024-02-29", "threat_level_id": "3",
           "analysis": "2", "distribution": "3", "published": False, "timestamp": "1700000000",
           "publish_timestamp": "0", "sharing_group_id": "0", "disable_correlation": False,
           "extends_uuid": "",
           "Orgc": {"name": "Remote Reef", "uuid": "5c0a2e01-71aa-4b0d-9e2f-0000000000bb"}}
    doc.update(more)
    return doc


def invented_documents():
    """(name, Event) pairs that go through the odd corners of the format."""
    info = "Ærøskøbing \u2713 \"quotes\" \\ back / slash \U0001f41f <b>&amp;</b>"
    words = _event(info, Attribute=[
        _attribute("text", "Other", "tab\tand  two spaces, 灯塔, \u202eright to left"),
        _attribute("comment", "Other", "line one\nline two"),
        _attribute("ip-src", "Network activity", "2001:db8::1", to_ids=True,
                   comment="коментар: \"quoted\"")])
    times = _event("times and flags", Attribute=[
        _attribute("domain", "Network activity", "tide.example.org",
                   first_seen="2025-03-01T08:00:00.123456+00:00",
                   last_seen="2025-03-02T08:30:00.000000+00:00"),
        _attribute("hostname", "Network activity", "low.tide.example.org",
                   disable_correlation=True, distribution="0"),
        _attribute("md5", "Payload delivery", "0" * 32, deleted=True)])
    tags = _event("tags everywhere", Tag=[{"name": "tlp:green", "colour": "#339900"},
                                          {"name": "quay:wave=\"1\"", "colour": "#112233"}],
                  Attribute=[_attribute("ip-dst", "Network activity", "198.51.100.7",
                                        Tag=[{"name": "quay:sensor", "colour": "#abcdef"}])])
    one, two = uid(), uid()
    parts = []
    for ob in (one, two):
        parts.append({
            "uuid": ob, "name": "file", "meta-category": "file", "description": "File object",
            "template_uuid": "688c46fb-5edb-40a3-8273-1af7923e2215", "template_version": "24",
            "timestamp": "1700000002", "distribution": "5", "sharing_group_id": "0",
            "comment": "made up", "deleted": False, "first_seen": None, "last_seen": None,
            "ObjectReference": [], "Attribute": [
                _attribute("filename", "Payload delivery", "a-%s.txt" % ob[:4],
                           object_relation="filename")]})
    parts[0]["ObjectReference"] = [{
        "uuid": uid(), "referenced_uuid": two, "relationship_type": "drops", "comment": "then",
        "timestamp": "1700000003", "referenced_type": "1", "deleted": False}]
    objects = _event("objects that refer to each other", Object=parts)
    reports = _event("a report", EventReport=[{
        "uuid": uid(), "name": "Summary", "content": "# Wave\n\nText with | and `code`",
        "distribution": "5", "sharing_group_id": "0", "timestamp": "1700000004",
        "deleted": False}], Attribute=[_attribute("text", "Other", "x")])
    empty = _event("nothing inside", distribution="0")
    many = _event("a thousand attributes", Attribute=[
        _attribute("ip-dst", "Network activity", "198.51.%d.%d" % (i // 250, i % 250))
        for i in range(1000)])
    return [("words", words), ("times", times), ("tags", tags), ("objects", objects),
            ("reports", reports), ("empty", empty), ("thousand", many)]
