"""A MISP feed from a web server: looked into, taken in whole or one event, switched with others."""
import functools
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
    manifest, orgc = {}, {"name": "Remote Reef", "uuid": uid()}
    for n in range(3):
        event = {"uuid": uid(), "info": "from the feed %d" % n, "date": "2026-01-01", "timestamp": "1767225600",
                 "analysis": "2", "threat_level_id": "3", "distribution": "3", "Orgc": orgc,
                 "Attribute": [{"uuid": uid(), "type": "domain", "category": "Network activity",
                                "value": "f%s.example.org" % uid()[:8], "to_ids": True, "timestamp": "1767225600"}]}
        (folder / (event["uuid"] + ".json")).write_text(json.dumps({"Event": event}))
        manifest[event["uuid"]] = {"Orgc": orgc, "info": event["info"], "date": event["date"],
                                   "timestamp": event["timestamp"]}
    manifest["no uuid"] = {"info": "x"}
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
    assert len(after) == before + 2 and not any(f.enabled for f in after)
    admin.load_default_feeds()
    assert len(admin.feeds()) == before + 2
