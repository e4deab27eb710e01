"""A MISP feed from a web server: looked into, taken in whole or one event, switched with others."""
import functools
import hashlib
import http.server
import json
import threading

import pytest
from pymisp import MISPFeed

from builders import uid


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("feed")
    manifest, orgc = {}, {"name": "Feed Reef", "uuid": uid()}
    for n in range(3):
        event = {"uuid": uid(), "info": "from the feed %d" % n, "date": "2026-01-01", "timestamp": "1767225600",
                 "analysis": "2", "threat_level_id": "3", "distribution": "3", "Orgc": orgc,
                 "Attribute": [{"uuid": uid(), "type": "domain", "category": "Network activity",
                                "value": "f%s.example.org" % uid()[:8], "to_ids": True, "timestamp": "1767225600"}]}
        (folder / (event["uuid"] + ".json")).write_text(json.dumps({"Event": event}))
        manifest[event["uuid"]] = {"Orgc": orgc, "info": event["info"], "date": event["date"],
                                   "timestamp": event["timestamp"]}
    manifest["no uuid"] = {"info": "x"}
    uuids = list(manifest)[:3]
    for name, values in (("hashes.csv", ("one", "two", "three", "two")), ("b/hashes.csv", ("two", "four"))):
        (folder / "b").mkdir(exist_ok=True)
        rows = ["%s,%s" % (hashlib.md5(v.encode()).hexdigest(), uuids[i % 3]) for i, v in enumerate(values)]
        (folder / name).write_text("\n".join(rows + ["no digest,x", "x" * 1000]) + "\n" + rows[0])
    (folder / "manifest.json").write_text(json.dumps(manifest))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:%d" % server.server_address[1], [u for u in manifest if u != "no uuid"]
    server.shutdown()


@pytest.fixture(scope="module")
def feed(admin, site):
    f = MISPFeed()
    f.name, f.provider, f.url, f.source_format = "Reef", "reef", site[0], "misp"
    f.input_source, f.distribution, f.enabled = "network", 1, False
    return admin.add_feed(f, pythonify=True)


def test_preview(admin, other, site, feed):
    listed = admin.direct_call("feeds/previewIndex/%s" % feed.id)
    assert sorted(listed) == sorted(site[1])
    event = admin.direct_call("feeds/previewEvent/%s/%s" % (feed.id, site[1][0]))["Event"]
    assert event["distribution"] == "1" and event["Attribute"][0]["distribution"] == 5
    assert not admin.event_exists(site[1][0])
    assert other.direct_call("feeds/previewIndex/%s" % feed.id)["errors"][0] == 403
    assert admin.direct_call("feeds/previewEvent/%s/%s" % (feed.id, uid()))["errors"][0] in (404, 502)


def test_one_event(admin, site, feed):
    got = admin.direct_call("feeds/getEvent/%s/%s" % (feed.id, site[1][1]), {})
    assert got["result"] == "Event added."
    assert admin.event_exists(site[1][1]) and not admin.event_exists(site[1][0])
    assert admin.direct_call("feeds/getEvent/%s/%s" % (feed.id, uid()), {})["errors"][0] == 404


def test_all(admin, site, feed):
    toggled = admin.direct_call("feeds/toggleSelected/1/0/[%s]" % feed.id, {})
    assert toggled["message"] == "1 feed(s) enabled." and admin.get_feed(feed.id, pythonify=True).enabled is True
    got = admin.fetch_feeds() if hasattr(admin, "fetch_feeds") else admin.direct_call("feeds/fetchFromAllFeeds", {})
    assert got["result"] == "Fetching the feed has successfully completed."
    assert all(admin.event_exists(u) for u in site[1])
    admin.direct_call("feeds/toggleSelected/0/0/[%s]" % feed.id, {})


def test_defaults(admin):
    before = len(admin.feeds())
    assert "loaded" in admin.load_default_feeds()["message"]
    after = admin.feeds(pythonify=True)
    added = len(after) - before
    assert added > 50 and not any(f.enabled for f in after[before:])
    admin.load_default_feeds()
    assert len(admin.feeds()) == before + added


def test_caches(admin, other, site, feed):
    b = MISPFeed()
    b.name, b.provider, b.url, b.source_format = "Reef B", "reef", site[0] + "/b", "misp"
    b.input_source, b.lookup_visible, b.caching_enabled = "network", True, True
    b = admin.add_feed(b, pythonify=True)
    assert admin.search_feeds(value="two") == []
    assert admin.cache_feed(feed.id)["message"] == "Caching the feeds has successfully completed."
    assert admin.cache_all_feeds()["message"] == "Caching the feeds has successfully completed."
    hits = admin.search_feeds(value="two")
    assert sorted(h["Feed"]["name"] for h in hits) == ["Reef", "Reef B"]
    assert sorted(len(h["Feed"]["uuid"]) for h in hits) == [1, 2]
    assert [h["Feed"]["name"] for h in other.search_feeds(value="two")] == ["Reef B"]
    assert admin.search_feeds(value=["four", "nothing"])[0]["Feed"]["id"] == b.id
    assert admin.search_feeds(value="nothing") == []
    compared = {row["Feed"]["name"]: row["Feed"] for row in admin.compare_feeds()}
    assert compared["Reef"]["values"] == 3 and compared["Reef B"]["values"] == 2
    assert compared["Reef"]["ComparedFeed"][0]["overlap_count"] == 1
    view = admin.get_feed(b.id)["Feed"]
    assert view["cached_elements"] == 2 and view["coverage_by_other_feeds"] == "50%"
    assert other.cache_all_feeds()["errors"][0] == 403
    admin.delete_feed(b.id)
    assert [h["Feed"]["name"] for h in admin.search_feeds(value="two")] == ["Reef"]
    assert admin.search_feeds(value="four") == []
