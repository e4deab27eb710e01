#!/usr/bin/env python3
"""Vocabularies from outside: built in ones, searched in two languages, made into tags, and folders of
one's own that are read again without a restart. The shapes are those of MISP's recorded answers."""
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

COUNT = [0, 0]
HEAD = ["id", "namespace", "description", "version", "enabled", "exclusive", "required", "highlighted"]
TAG = ["id", "name", "colour", "exportable", "org_id", "user_id", "hide_tag", "numerical_value",
       "is_galaxy", "is_custom_galaxy", "local_only"]


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))
    if not good and detail != "":
        print("# " + str(detail)[:800].replace("\n", "\n# "))
    return good


def write(folder, namespace, text=None):
    os.makedirs(os.path.join(folder, namespace), exist_ok=True)
    with open(os.path.join(folder, namespace, "machinetag.json"), "w", encoding="utf-8") as f:
        f.write(text or json.dumps({
            "namespace": namespace, "description": "one of ours", "version": 3,
            "predicates": [{"value": "berth", "expanded": "Berth", "colour": "#010203"}],
            "values": [{"predicate": "berth", "entry": [
                {"value": "north", "expanded": "North quay", "numerical_value": 5}]}]}))


def shipped(admin):
    names = sorted(json.load(open(os.path.join(TOP, "taxonomies", d, "machinetag.json")))["namespace"]
                   for d in os.listdir(os.path.join(TOP, "taxonomies"))
                   if os.path.exists(os.path.join(TOP, "taxonomies", d, "machinetag.json")))
    index = admin.get("/taxonomies/index").json()
    got = [x["Taxonomy"]["namespace"] for x in index]
    ok(set(names) <= set(got) and len(names) == 9, "all that are shipped are there", (names, got))
    ok(list(index[0]["Taxonomy"]) == HEAD and list(index[0]) == ["Taxonomy", "total_count",
                                                                "current_count"], "MISP's members",
       index[0])
    tlp = admin.get("/taxonomies/view/tlp").json()
    ok(list(tlp["Taxonomy"]) == HEAD and tlp["entries"][0]["tag"] == "tlp:red" and
       tlp["entries"][0]["existing_tag"] is False, "one by its name", tlp)
    same = admin.get("/taxonomies/view/" + tlp["Taxonomy"]["id"]).json()
    ok(same == tlp, "and by its number")
    a = admin.get("/taxonomies/view/gull")
    ok(a.status == 404 and a.json()["name"] == "Taxonomy not found.", "none", a.text())
    threat = admin.get("/taxonomies/view/cn-threat").json()["entries"]
    tags = {e["tag"]: e for e in threat}
    ok('cn-threat:resource="phishing-site"' in tags and "cn-threat:other" in tags and
       tags['cn-threat:program="trojan"']["expanded_zh"] == "木马", "predicates and values", list(tags))
    export = admin.get("/taxonomies/export/rmsv").json()
    ok(export["namespace"] == "rmsv" and export["predicates"][0]["expanded_zh"], "export")
    return tlp["Taxonomy"]["id"]


def searched(admin):
    for text, tag in (("钓鱼网站", 'cn-threat:resource="phishing-site"'),
                      ("remedy-available", 'embargo:release-on="remedy-available"'),
                      ("Weak password", 'cn-threat:hidden-danger="weak-password"')):
        found = [e["tag"] for e in admin.post("/taxonomies/search", {"value": text}).json()]
        ok(tag in found and len(found) < 20, "found by %s" % text, found)
    some = [x["Taxonomy"]["namespace"] for x in
            admin.post("/taxonomies/index", {"value": "phishing"}).json()]
    ok(some == ["cn-threat"], "the index, restricted", some)


def changed(admin, user, tlp):
    for verb, text in (("enable", "Taxonomy enabled"), ("toggleRequired", "Taxonomy toggleRequireded"),
                       ("addTag", "The tag(s) has been saved.")):
        a = admin.post("/taxonomies/%s/%s" % (verb, tlp))
        ok(a.status == 200 and a.json()["message"] == text and a.json()["id"] == tlp, verb, a.text())
        ok(user.post("/taxonomies/%s/%s" % (verb, tlp)).status == 403, verb + ": not for users")
    a = admin.get("/taxonomies/view/tlp").json()
    ok(a["Taxonomy"]["enabled"] and a["Taxonomy"]["required"], "which lasts", a["Taxonomy"])
    ok(all(list(e["existing_tag"]["Tag"]) == TAG for e in a["entries"]), "its tags are there now",
       a["entries"][0])
    ok(a["entries"][0]["existing_tag"]["Tag"]["colour"] == "#FF2B2B", "with their colours")
    for where in ("enable/pap", "enable/99999", "addTag/99999"):
        b = admin.post("/taxonomies/" + where)
        ok(b.status == 403 and b.json()["errors"] == "Invalid taxonomy.", where, b.text())
    embargo = admin.get("/taxonomies/view/embargo").json()["Taxonomy"]["id"]
    admin.post("/taxonomies/addTag/" + embargo)
    names = [t["name"] for t in admin.get("/tags/index").json()["Tag"]]
    ok('embargo:release-on="remedy-available"' in names and "embargo:until" not in names,
       "what wants a value of its own is no tag by itself", names)
    admin.post("/taxonomies/disableTag/" + tlp)
    t = [t for t in admin.get("/tags/index").json()["Tag"] if t["name"] == "tlp:red"]
    ok(t and t[0]["hide_tag"], "disableTag hides them", t)
    admin.post("/taxonomies/disable/" + tlp)
    ok(not admin.get("/taxonomies/view/tlp").json()["Taxonomy"]["enabled"], "disable")


def own(node, admin, folder):
    e = admin.get("/taxonomies/view/harbour").json()["entries"]
    ok(len(e) == 1 and e[0]["tag"] == 'harbour:berth="north"' and
       e[0]["expanded"] == "Berth: North quay" and e[0]["numerical_value"] == "5" and
       e[0]["colour"] == "#010203", "a folder of one's own", e)
    number = admin.get("/taxonomies/view/harbour").json()["Taxonomy"]["id"]
    write(folder, "aardvark")
    write(folder, "broken", "{")
    write(folder, "strange", '{"namespace": 7}')
    ok(admin.post("/taxonomies/update").status == 200, "update")
    ok(admin.get("/taxonomies/view/aardvark").status == 200, "a new one is there without a restart")
    log = node.log_tail(1 << 20)
    ok("broken/machinetag.json" in log and "strange/machinetag.json" in log, "bad files are told")
    write(folder, "later")
    ok(admin.post("/tocsin/policyReload").status == 200 and
       admin.get("/taxonomies/view/later").status == 200, "a reload reads them as well")
    node.stop()
    node.start()
    ok(node.client().get("/taxonomies/view/harbour").json()["Taxonomy"]["id"] == number,
       "numbers last")


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    with tempfile.TemporaryDirectory(prefix="tocsin-taxo-") as d:
        folder = os.path.join(d, "vocabularies")
        write(folder, "harbour")
        node = nodelib.Node(folder=os.path.join(d, "node"), extra=["--set", "taxonomies=" + folder])
        node.start()
        try:
            admin = node.client()
            made = admin.post("/admin/users/add", {"email": "u@x.example", "org_id": "1",
                                                   "role_id": "3", "password": "Lantern-keel-Harbour1"})
            user = node.client(made.json()["User"]["authkey"])
            ok(len(user.get("/taxonomies/index").json()) >= 9, "users may read them")
            tlp = shipped(admin)
            searched(admin)
            changed(admin, user, tlp)
            own(node, admin, folder)
        finally:
            node.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
