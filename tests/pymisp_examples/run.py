#!/usr/bin/env python3
"""PyMISP's example scripts, unmodified, against a fresh node: each must end well and have done its work."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

warnings.simplefilter("ignore")
COUNT = [0, 0]
LIMIT_S = 120
# scripts that cannot run here, and why
LEFT_OUT = {
    "add_email_object": "needs a library for Outlook files", "add_file_object": "needs LIEF",
    "generate_file_objects": "needs LIEF", "add_github_user": "asks GitHub", "add_gitlab_user": "asks GitLab",
    "add_vehicle_object": "asks a service about vehicles", "asciidoc_generator": "needs a theme of its own",
    "copy_list": "needs two servers", "sync_sighting": "needs two servers", "lookup": "needs a package of galaxies",
    "cytomic_orion": "asks Cytomic", "proofpoint_tap": "asks Proofpoint", "proofpoint_vap": "asks Proofpoint",
    "trustar_misp": "asks TruSTAR", "vmray_automation": "asks VMRay", "vt_to_misp": "asks VirusTotal",
    "test_sign": "signs by a key of its own, without a server", "generate_meta_feed": "reads feeds of the network",
    "server_sync_check_conn": "asks a server by its own id 1", "stats_report": "needs mail options to end",
    "fetch_events_feed": "needs a feed of the network", "yara_dump": "runs without end",
    "show_sightings": "writes to a folder of its author's",
    # written for an older PyMISP: they call what the library has not got, or read answers that it does not give
    "edit_user": "calls edit_user", "yara": "calls get_yara", "search_sighting": "calls with id",
    "search": "reads response", "search_attributes_yara": "reads response", "misp2cef": "reads a map",
    "fetch_warninglist_hits": "reads response",
    "openioc_to_misp": "needs BeautifulSoup", "warninglists": "needs the package of warning lists",
}


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what), flush=True)
    if not good and detail:
        print("# " + str(detail)[-1500:].replace("\n", "\n# "))


class World:
    """A node with an event to work on, and the client that looks afterwards."""

    def __init__(self, node, folder):
        from pymisp import MISPEvent, MISPObject, MISPOrganisation, MISPUser, PyMISP
        self.folder = folder
        self.misp = PyMISP(node.url, node.key, False)
        event = MISPEvent()
        event.info, event.distribution = "Example", 1
        a = event.add_attribute("ip-dst", "192.0.2.31", to_ids=True)
        a.add_tag("harbour:deep")
        event.add_attribute("domain", "beacon.example", to_ids=True)
        event.add_attribute("hostname", "www.beacon.example", to_ids=True)
        event.add_attribute("md5", "0" * 31 + "1", to_ids=True)
        event.add_attribute("yara", "rule lantern { condition: true }", to_ids=True)
        objects = []
        for name in ("one.bin", "two.bin"):
            ob = MISPObject("file")
            ob.add_attribute("filename", name)
            objects.append(event.add_object(ob).uuid)
        self.event = self.misp.add_event(event, pythonify=True)
        assert getattr(self.event, "id", None), self.event
        self.misp.publish(self.event)
        org, user = MISPOrganisation(), MISPUser()
        org.name, org.local = "Example Org", True
        self.org = self.misp.add_organisation(org, pythonify=True)
        user.email, user.org_id, user.role_id = "old@example.org", self.org.id, 3
        self.user = self.misp.add_user(user, pythonify=True)
        self.spare = self.new_event("spare")
        self.misp.add_sighting({"value": "192.0.2.31", "type": "1"})
        self.names = {
            "event": self.event.id, "uuid": self.event.uuid, "spare": self.spare.id, "org": self.org.id,
            "user": self.user.id, "object": objects[0], "target": objects[1],
            "attribute": self.event.attributes[0].id, "dir": folder, "url": node.url}
        self.files()

    def new_event(self, info):
        from pymisp import MISPEvent
        event = MISPEvent()
        event.info = info
        return self.misp.add_event(event, pythonify=True)

    def files(self):
        def write(name, text):
            with open(os.path.join(self.folder, name), "w") as f:
                f.write(text)
        write("attributes.csv", "198.51.100.77;Network activity;ip-dst;by csv;1;;;harbour:csv\n")
        write("filetypes.csv", "%s;%s;%s;%s\n" % ("t.pdf", "1" * 40, "2" * 32, "3" * 64))
        write("orgs.csv", "Csv Org,Iceland,Shipping,CSIRT,c,5c0a2e01-71aa-4b0d-9e2f-0000000000cc,1,\n")
        write("text.txt", "hxxp://lamp[.]example[.]net/x and 203.0.113.99\n")
        write("files.csv", "filename,md5\nby-loader.bin,%s\n" % ("4" * 32))
        write("sample.txt", "a file to upload\n")
        write("keys", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC0 someone@example\n")
        doc = self.misp.get_event(self.spare.id)
        doc["Event"]["info"] = "spare, again"
        doc["Event"].pop("timestamp")
        write("event.json", json.dumps(doc["Event"]))

    # what is looked at afterwards
    def attributes(self, event=None):
        return self.misp.get_event(event or self.event.id, pythonify=True).attributes

    def has_value(self, value):
        return any(a.value == value for a in self.attributes())

    def objects(self, name):
        return [o for o in self.misp.get_event(self.event.id, pythonify=True).objects if o.name == name]

    def file(self, name):
        with open(os.path.join(self.folder, name)) as f:
            return f.read()


def references(w):
    return [r.relationship_type for o in w.misp.get_event(w.event.id, pythonify=True).objects
            for r in o.references]


def tags(w, event=None):
    return {t.name for t in w.misp.get_event(event or w.event.id, pythonify=True).tags}


# script, arguments, what must be true (of the world and what the script printed)
ROWS = [
    ("add_attributes_from_csv", "-e {uuid} -f {dir}/attributes.csv", lambda w, out: w.has_value("198.51.100.77")),
    ("add_filetype_object_from_csv", "-e {uuid} -f {dir}/filetypes.csv",
     lambda w, out: any(a.value == "3" * 64 for o in w.objects("file") for a in o.attributes)),
    ("add_generic_object", ["-e", "{event}", "-t", "email", "-l", '[{"subject": "by generic"}]'],
     lambda w, out: w.objects("email")),
    ("add_named_attribute", "-e {event} -t domain -v named.example", lambda w, out: w.has_value("named.example")),
    ("add_fail2ban_object", "-b 192.0.2.66 -a ssh -t harbour:fail2ban -n",
     lambda w, out: w.misp.search(value="192.0.2.66", controller="attributes")["Attribute"]),
    ("add_object_relationship", "-o {object} -t {target} -r contains --type Object",
     lambda w, out: "MISPRelationship" in out or "related_object_uuid" in out),
    ("add_object_reference", "-o {object} -t {target} -r drops", lambda w, out: "drops" in references(w)),
    ("add_organisations", "-c {dir}/orgs.csv",
     lambda w, out: w.misp.get_organisation("5c0a2e01-71aa-4b0d-9e2f-0000000000cc")["Organisation"]["name"] == "Csv Org"),
    ("add_ssh_authorized_keys", "-e {event} -p {dir}/keys", lambda w, out: w.objects("ssh-authorized-keys")),
    ("add_user", "-e new@example.org -o {org} -r 3",
     lambda w, out: "new@example.org" in [u.email for u in w.misp.users(pythonify=True)]),
    ("addtag2", "-e {event} -t harbour:added", lambda w, out: "harbour:added" in tags(w)),
    ("addtag2", "-u {uuid} -t harbour:byuuid", lambda w, out: "harbour:byuuid" in tags(w)),
    ("add_feed", "-f misp -u https://feed.example.net/ -n Afeed -i network -p Someone",
     lambda w, out: "Afeed" in [f.name for f in w.misp.feeds(pythonify=True)]),
    ("cache_all", "", lambda w, out: True),
    ("copyTagsFromAttributesToEvent", "-e {event} -y", lambda w, out: "harbour:deep" in tags(w)),
    ("create_events", ["-d", "0", "-i", "made by example", "-a", "0", "-t", "1"],
     lambda w, out: w.misp.search_index(eventinfo="made by example")),
    ("edit_organisation", "-i {org} -e contact@example.org", lambda w, out: True),
    ("falsepositive_disabletoids", "", lambda w, out: True),
    ("freetext", "-e {event} -i {dir}/text.txt", lambda w, out: w.has_value("http://lamp.example.net/x")),
    ("get", "-e {event} -o {dir}/got.json", lambda w, out: "192.0.2.31" in w.file("got.json")),
    ("get_csv", "-e {event} -a type value -f {dir}/got.csv", lambda w, out: "beacon.example" in w.file("got.csv")),
    ("get_csv", "-e {event} -c -f {dir}/got2.csv", lambda w, out: "event_info" in w.file("got2.csv")),
    ("get_network_activity", "--event {event} --domain --hostname --no-ids-only",
     lambda w, out: "beacon.example" in out and "198.51.100.77" in out),
    ("last", "-l 5d -o {dir}/last.json", lambda w, out: "Example" in w.file("last.json")),
    ("load_csv", "-n file -p {dir}/files.csv -u {event}",
     lambda w, out: any(a.value == "by-loader.bin" for o in w.objects("file") for a in o.attributes)),
    ("misp2clamav", "", lambda w, out: True),
    ("sharing_groups", "", lambda w, out: out.strip().startswith("[")),
    ("tags", "", lambda w, out: "harbour:deep" in out),
    ("up", "-e {spare} -i {dir}/event.json",
     lambda w, out: w.misp.get_event(w.spare.id, pythonify=True).info == "spare, again"),
    ("upload", "-u {dir}/sample.txt -e {event} -c uploaded -d 0",
     lambda w, out: any(a.type == "attachment" for a in w.attributes())),
    ("upload", "-u {dir}/sample.txt -e {event} -m", lambda w, out: any(
        a.type == "malware-sample" for a in w.attributes())),
    ("users_list", "", lambda w, out: "MISPUser" in out),
    ("del", "-a {attribute}", lambda w, out: not w.has_value("192.0.2.31")),
    ("del", "-e {spare}", lambda w, out: not w.misp.event_exists(w.spare.id)),
    ("delete_user", "-i {user}", lambda w, out: not [u for u in w.misp.users(pythonify=True) if u.id == w.user.id]),
]


def run(w, scripts, name, args):
    words = args.split() if isinstance(args, str) else args
    argv = [a if a.startswith("[") else a.format(**w.names) for a in words]  # braces of JSON are no names
    done = subprocess.run([sys.executable, os.path.join(scripts, name + ".py")] + argv, cwd=w.folder,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=LIMIT_S, env=dict(os.environ, PYTHONWARNINGS="ignore"))
    return done.returncode, done.stdout.decode("utf-8", "replace")


def examples():
    folder = os.environ.get("TOCSIN_PYMISP_EXAMPLES")
    if not folder:
        found = glob.glob(os.path.join(HERE, "..", "..", ".venv", "pymisp-*", "examples"))
        folder = found[0] if found else None
    if not folder or not os.path.isdir(folder):
        nodelib.skip("no examples of PyMISP (contrib/check fetches them; or set TOCSIN_PYMISP_EXAMPLES)")
    return folder


def main():
    source = examples()
    only = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="tocsin-examples-") as top:
        scripts, folder = os.path.join(top, "examples"), os.path.join(top, "work")
        shutil.copytree(source, scripts)
        os.mkdir(folder)
        node = nodelib.Node()
        node.start()
        try:
            with open(os.path.join(scripts, "keys.py"), "w") as f:
                f.write("misp_url = %r\nmisp_key = %r\nmisp_verifycert = False\nmisp_client_cert = ''\n"
                        % (node.url + "/", node.key))
            w = World(node, folder)
            for name, args, check in ROWS:
                if only and name not in only:
                    continue
                if not os.path.exists(os.path.join(scripts, name + ".py")):
                    print("# %s is not among them" % name)
                    continue
                try:
                    code, out = run(w, scripts, name, args)
                    good = code == 0 and "Traceback" not in out and check(w, out)
                except Exception as e:  # what is looked at afterwards is not as it should be
                    code, out, good = "-", "%s: %s" % (type(e).__name__, e), False
                ok(good, "%s %s" % (name, args if isinstance(args, str) else " ".join(args)),
                   "exit %s\n%s" % (code, out))
            ok(node.alive(), "the node is alive")
        finally:
            node.kill()
    known = {r[0] for r in ROWS} | set(LEFT_OUT) | {"__init__", "keys"}
    new = sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(source, "*.py")))
    for name in new:
        if name not in known:
            print("# not run: " + name)
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
