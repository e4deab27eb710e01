#!/usr/bin/env python3
"""Correlations and the bulk look-up over HTTP and by the tool: what two callers are told of one store."""
import gzip
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import node as nodes  # noqa: E402
from tool import Tool, check, finish, is_equal  # noqa: E402

UUID = "6c0e1f20-33aa-4c5e-8d1e-0000000000%02x"


def attr(type_, value, **more):
    a = {"type": type_, "value": value, "category": "Network activity", "distribution": "5"}
    a.update(more)
    return a


def add(c, n, info, attrs, **more):
    e = {"uuid": UUID % n, "info": info, "date": "2026-01-%02d" % n, "published": False, "distribution": "3",
         "analysis": "0", "threat_level_id": "2", "Attribute": attrs}
    e.update(more)
    a = c.post("/events/add", {"Event": e})
    if a.status != 200:
        raise SystemExit("event %d: %s" % (n, a.text()))
    return a.json()["Event"]["id"]


def other_key(c):
    """A user of another organisation."""
    org = c.post("/admin/organisations/add", {"name": "Remote Reef", "local": True}).json()["Organisation"]["id"]
    u = c.post("/admin/users/add", {"email": "crew@reef.example", "org_id": org, "role_id": 3}).json()
    return u["User"]["authkey"]


def fill(c):
    ids = {}
    ids["harbour"] = add(c, 1, "harbour", [
        attr("ip-dst", "192.0.2.7", to_ids=True), attr("domain", "isle.example"),
        attr("ip-src", "198.51.100.0/24"), attr("text", "crowd", category="Other"),
        attr("domain", "secret.example"), attr("text", "left-out", category="Other"),
        attr("ip-dst|port", "203.0.113.9|8080")], Tag=[{"name": "tlp:green"}])
    ids["reef"] = add(c, 2, "reef", [
        attr("ip-src", "192.0.2.7"), attr("ip-dst", "198.51.100.23"),
        attr("domain", "isle.example", Tag=[{"name": "tlp:amber"}]),
        attr("text", "left-out", category="Other"), attr("text", "8080", category="Other")])
    ids["hidden"] = add(c, 3, "hidden one", [attr("domain", "isle.example"), attr("domain", "secret.example")],
                        distribution="0")
    ids["quiet"] = add(c, 4, "quiet", [attr("domain", "isle.example", disable_correlation=True)])
    ids["off"] = add(c, 5, "off", [attr("domain", "isle.example")], disable_correlation=True)
    for n in range(22):
        add(c, 6 + n, "crowd %d" % n, [attr("text", "crowd", category="Other")],
            distribution="3" if n < 12 else "0")
    ids["partly"] = add(c, 30, "partly", [attr("domain", "secret.example", distribution="0"),
                                          attr("ip-dst", "192.0.2.200")])
    return ids


def related(c, event, **more):
    a = c.get("/events/view/%s%s" % (event, "".join("/%s:%s" % kv for kv in more.items()))).json()
    return sorted(x["Event"]["info"] for x in a["Event"]["RelatedEvent"])


def events(admin, other, ids):
    is_equal(related(admin, ids["harbour"]), ["hidden one", "partly", "reef"],
             "events of equal values and of an address in a network; none by the crowd")
    crowd = ["crowd %d" % n for n in range(12)]
    is_equal(related(other, ids["harbour"]), sorted(crowd + ["reef"]),
             "another caller: nothing hidden, and a crowd that is within the limit for him")
    is_equal(related(admin, ids["quiet"]), [], "correlation off on the attribute")
    is_equal(related(admin, ids["off"]), [], "correlation off on the event")
    is_equal(related(other, ids["partly"]), [], "an attribute that is hidden tells of no event")
    is_equal(related(admin, ids["reef"]), ["harbour", "hidden one"], "a port correlates with nothing")
    check("RelatedAttribute" not in admin.get("/events/view/" + ids["reef"]).text(), "not without asking")
    e = admin.get("/events/view/%s/includeGranularCorrelations:1" % ids["reef"]).json()["Event"]
    got = {a["value"]: sorted(x["value"] for x in a.get("RelatedAttribute", [])) for a in e["Attribute"]}
    is_equal(got, {"192.0.2.7": ["192.0.2.7"], "198.51.100.23": ["198.51.100.0/24"],
                   "isle.example": ["isle.example", "isle.example"], "left-out": ["left-out"], "8080": []},
             "the attributes themselves, for an event")
    for c, infos in ((admin, ["hidden one", "partly"]), (other, [])):
        a = c.post("/attributes/restSearch", {"value": "secret.example", "includeCorrelations": 1,
                                              "eventid": ids["harbour"]}).json()["response"]["Attribute"]
        is_equal([sorted(x["Event"]["info"] for x in y["RelatedAttribute"]) for y in a], [infos],
                 "RelatedAttribute of attributes/restSearch")


def exclusions(admin, ids):
    x = admin.post("/correlation_exclusions/add", {"value": "left-%"}).json()
    e = admin.get("/events/view/%s/includeGranularCorrelations:1" % ids["reef"]).json()["Event"]
    got = [a for a in e["Attribute"] if a["value"] == "left-out"]
    check("RelatedAttribute" not in got[0], "an excluded value does not correlate", got)
    admin.post("/correlation_exclusions/delete/" + x["CorrelationExclusion"]["id"])
    e = admin.get("/events/view/%s/includeGranularCorrelations:1" % ids["reef"]).json()["Event"]
    check([a for a in e["Attribute"] if a["value"] == "left-out"][0].get("RelatedAttribute"), "and does again")


def lists(admin, other):
    top = admin.get("/correlations/top").json()
    is_equal([(x["Correlation"]["value"], x["Correlation"]["count"]) for x in top[:2]],
             [("isle.example", 3), ("secret.example", 3)], "the most correlated values, by pairs")
    check("crowd" not in [x["Correlation"]["value"] for x in top], "what is over the limit does not correlate")
    is_equal(len(admin.get("/correlations/top/limit:2/page:1").json()), 2, "a page of them")
    is_equal(admin.get("/correlations/top/limit:2/page:2").json(), top[2:4], "the next page")
    over = admin.get("/correlations/overCorrelations").json()
    is_equal([(x["OverCorrelatingValue"]["value"], x["OverCorrelatingValue"]["occurrence"]) for x in over],
             [("crowd", "23")], "over-correlating values")
    check(other.get("/correlations/top").status in (403, 405), "for site administrators")


def graph(admin, other, ids, t):
    def infos(g):
        return sorted(n["info"] for n in g["nodes"] if n["kind"] == "event")

    g = admin.get("/tocsin/graph/" + ids["reef"]).json()
    is_equal(infos(g), ["harbour", "hidden one", "reef"], "one step")
    values = {n["id"]: n["value"] for n in g["nodes"] if n["kind"] == "value"}
    near = [e for e in g["edges"] if e["way"] == "network"]
    is_equal([sorted((values[e["from"]], values[e["to"]])) for e in near], [["198.51.100.0/24", "198.51.100.23"]],
             "an address and its network")
    known = {n["id"] for n in g["nodes"]}
    check(all(e["from"] in known and e["to"] in known for e in g["edges"]), "edges end at nodes")
    g = admin.get("/tocsin/graph/%s?depth=2" % ids["reef"]).json()
    is_equal(infos(g), ["harbour", "hidden one", "partly", "reef"], "two steps")
    g = admin.get("/tocsin/graph/%s?depth=4&events=2" % ids["reef"]).json()
    check(g["truncated"] and len(infos(g)) == 2, "no more events than wanted", g)
    g = other.get("/tocsin/graph/" + ids["reef"]).json()
    is_equal(infos(g), ["harbour", "reef"], "another caller gets what he sees")
    check("secret" not in json.dumps(other.get("/tocsin/graph/%s?depth=4" % ids["harbour"]).json()),
          "and no value by which only what is hidden hangs together")
    is_equal((other.get("/tocsin/graph/" + ids["hidden"]).status, other.get("/tocsin/graph/999999").status),
             (404, 404), "hidden is absent")
    d = t.want(0, "event", "graph", ids["reef"], "--depth", "2")
    check(d.out.startswith("graph correlations {") and "style=dashed" in d.out, "the tool writes Graphviz", d)
    if shutil.which("dot"):
        p = subprocess.run(["dot", "-Tsvg"], input=d.out.encode(), capture_output=True, timeout=120)
        check(p.returncode == 0 and b"hidden one" in p.stdout and not p.stderr, "which dot draws", p)
    is_equal(t.json(0, "event", "graph", ids["reef"])["root"], "e0", "as JSON")
    t.want(2, "event", "graph", ids["reef"], "--depth", "deep")


def lines(answer):
    return [json.loads(x) for x in answer.text().splitlines()]


def raw(c, body, type_, **headers):
    h = {"Authorization": c.key, "Content-Type": type_, "User-Agent": "curl/8", "Accept": "application/json"}
    h.update(headers)
    return c.raw("POST", "/values/lookup", h, body)


def lookups(admin, other, ids):
    one = lines(admin.post("/values/lookup", ["isle.example", "192.0.2.7", "nobody.example"]))
    is_equal([(x["value"], x["found"], x["hits"]) for x in one],
             [("isle.example", True, 5), ("192.0.2.7", True, 2), ("nobody.example", False, 0)], "a JSON list")
    is_equal(sorted(one[0]), ["events", "first", "found", "hits", "last", "more", "orgs", "tlp", "to_ids", "types",
                              "value"], "what is told of a known value")
    is_equal((one[0]["tlp"], one[0]["to_ids"], one[1]["tlp"], one[1]["to_ids"], one[0]["orgs"], one[1]["types"]),
             ("amber", True, "green", True, ["ORGNAME"], ["ip-src", "ip-dst"]), "who, TLP, for detection")
    is_equal(set(one[0]["events"]), {ids[k] for k in ("harbour", "reef", "hidden", "quiet", "off")}, "the events")
    theirs = lines(other.post("/values/lookup", ["isle.example", "secret.example", "nobody.example"]))
    is_equal([(x["found"], x["hits"]) for x in theirs], [(True, 4), (True, 1), (False, 0)],
             "another caller is told of what he sees")
    is_equal(other.get("/values/lookup/secret.example").json(), theirs[1], "one value by its path")
    plain = raw(admin, b"isle.example\r\n\n  nobody.example \n\"quoted\"\n{x\nISLE.EXAMPLE", "text/plain")
    is_equal([x["value"] for x in lines(plain)], ["isle.example", "nobody.example", '"quoted"', "{x", "ISLE.EXAMPLE"],
             "plain lines, as they are")
    nd = raw(admin, b'"isle.example"\n{"value":"192.0.2.7"}\nnobody.example\n', "application/x-ndjson")
    is_equal([(x["value"], x["found"]) for x in lines(nd)],
             [("isle.example", True), ("192.0.2.7", True), ("nobody.example", False)], "NDJSON")
    bad = lines(raw(admin, b'["isle.example", 5, "x\xff", "\\u0000", "192.0.2.7", [1]]', "application/json"))
    is_equal([("error" in x, x.get("value")) for x in bad][0:2] + [len(bad) >= 3 and "error" in bad[-1]],
             [(False, "isle.example"), (True, None), True], "what is no value is told in its place")
    cut = lines(raw(admin, b'["isle.example", "192.0.2.7", "x', "application/json"))
    is_equal([x["found"] for x in cut] + ["error" in cut[-1]], [True, True, False, True], "a list that breaks off")
    long = lines(raw(admin, b"isle.example\n" + b"y" * 500000 + b"\n192.0.2.7\n", "text/plain"))
    is_equal([(x["found"], "error" in x) for x in long], [(True, False), (False, True), (True, False)],
             "a value that is too long does not hold up the others")
    is_equal(raw(admin, b"", "text/plain").text(), "", "nothing asked, nothing answered")
    is_equal(raw(admin, b"[]", "application/json").text(), "", "an empty list")


def many(admin):
    n = 300000
    body = b"".join(b"v%d.example\n" % i if i % 1000 else b"isle.example\n" for i in range(n))
    a = raw(admin, gzip.compress(body), "text/plain", **{"Content-Encoding": "gzip", "Accept-Encoding": "gzip"})
    is_equal((a.status, a.headers.get("content-encoding")), (200, "gzip"), "300,000 values, gzip both ways")
    got = gzip.decompress(a.body).decode().splitlines()
    is_equal(len(got), n, "a line for each")
    check(all(json.loads(got[i])["value"] == ("v%d.example" % i if i % 1000 else "isle.example")
              for i in range(0, n, 997)) and sum('"found":true' in x for x in got) == n // 1000,
          "in the order asked")
    listed = json.dumps(["v%d" % i for i in range(100000)]).encode()
    a = raw(admin, listed, "application/json")
    is_equal((len(a.text().splitlines()), json.loads(a.text().splitlines()[-1])["value"]), (100000, "v99999"),
             "a JSON list of 100,000")


def tool(t, folder):
    path = os.path.join(folder, "values")
    with open(path, "w", encoding="utf-8") as f:
        f.write("isle.example\nnobody.example\n\n192.0.2.7\n")
    d = t.want(1, "lookup", "--file", path)
    rows = [x.split("\t") for x in d.out.splitlines()]
    is_equal([(x[0], x[1], x[2], x[3], x[5], x[6]) for x in rows],
             [("known", "isle.example", "5", "ORGNAME", "ids", "amber"), ("-", "nobody.example", "0", "", "", ""),
              ("known", "192.0.2.7", "2", "ORGNAME", "ids", "green")], "a file, as a table")
    t.want(2, "lookup", "--file", path + ".missing")
    t.want(0, "lookup", "nobody.example")
    is_equal([x["found"] for x in t.json(1, "lookup", "--file", path)], [True, False, True], "as JSON")
    stdin = b"".join(b"w%d.example\n" % i for i in range(12000)) + b"isle.example\n"
    d = t.want(1, "lookup", stdin=stdin)
    is_equal(len(d.out.splitlines()), 12001, "more rows than one table holds")


def main():
    if not nodes.have_daemon():
        nodes.skip("the daemon is not built")
    n = nodes.Node(extra=["--org", "ORGNAME"])
    n.start()
    try:
        admin = n.client()
        other = n.client(other_key(admin))
        t = Tool(n)
        ids = fill(admin)
        events(admin, other, ids)
        exclusions(admin, ids)
        lists(admin, other)
        graph(admin, other, ids, t)
        lookups(admin, other, ids)
        many(admin)
        tool(t, os.path.dirname(n.folder))
    finally:
        n.stop()
    finish()


if __name__ == "__main__":
    main()
