#!/usr/bin/env python3
"""A chain of three daemons; what arrives at its end is compared with the table of levels."""
import os
import random
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import content
import levels
import links
import node as nodelib
import others

WAYS = {"pull": ("pull", "pull"), "push": ("push", "push"), "relay": ("pull", "push"),
        "fetch": ("push", "pull")}
FILLERS = int(os.environ.get("TOCSIN_CHAIN_EVENTS", "60"))
failures, checked = [], 0


def check(good, what, detail=()):
    global checked
    checked += 1
    print("%s %d - %s" % ("ok" if good else "not ok", checked, what))
    for line in list(detail)[:25] if not good else ():
        print("#   " + str(line)[:300])
    if not good:
        failures.append(what)
    sys.stdout.flush()
    return good


class Chain:
    """Nodes a, b, c; two hops, each "pull" (the later node asks) or "push" (the earlier one sends)."""

    def __init__(self, folder, hops):
        self.hops = hops
        # everybody sees all sightings: otherwise they stay with who made them, as in MISP
        extra = ["--set", "sightings.policy=2"]
        self.nodes = [links.make(folder, x, extra=extra) for x in "abc"]
        self.links, self.target, self.named = [], {}, {}

    def __enter__(self):
        for n in self.nodes:
            n.start()
        for n in self.nodes:
            for letter in "abc":
                if letter != n.letter:
                    links.org_id(n, letter)
        for i, way in enumerate(self.hops):
            giver, taker = self.nodes[i], self.nodes[i + 1]
            at, to = (taker, giver) if way == "pull" else (giver, taker)
            flags = {way: True, "push_sightings": way == "push",
                     "push_galaxy_clusters": way == "push", "push_analyst_data": way == "push",
                     "pull_galaxy_clusters": way == "pull", "pull_analyst_data": way == "pull"}
            row = links.link(at, to, **flags)
            self.links.append((at, way, row))
            if at is self.nodes[0]:
                self.target[row] = to
        return self

    def __exit__(self, *exc):
        for n in self.nodes:
            n.clean()

    def run(self):
        """Each hop once; what MISP would say of it."""
        return [links.run(at, way, link) for at, way, link in self.links]

    def group(self, name, letters, **flags):
        """A sharing group on a."""
        c = self.nodes[0].client()
        body = dict({"name": name, "releasability": "the chain", "active": True, "roaming": True,
                     "uuid": content.uid("group", name),
                     "SharingGroupOrg": [{"uuid": links.ORGS[x], "name": "Org " + x,
                                          "extend": False} for x in letters]}, **flags)
        got = links.ok(c.post("/sharing_groups/add", body), "sharing group")
        return {"name": name, "id": got["SharingGroup"]["id"], "orgs": letters}

    def listed(self, name, letters, servers):
        """One that is not roaming and lists these nodes, besides the first."""
        c = self.nodes[0].client()
        group = self.group(name, letters, roaming=False)
        for letter in servers:
            to = self.nodes["abc".index(letter)]
            for server in ("0", self.row_for(to)):
                c.post("/sharing_groups/addServer/%s/%s/0" % (group["id"], server))
        shown = links.ok(c.get("/sharing_groups/view/" + group["id"]), "group")
        if len(shown["SharingGroupServer"]) != len(servers) + 1:
            raise RuntimeError("the group lists %s" % shown["SharingGroupServer"])
        return dict(group, servers=servers)

    def row_for(self, to):
        """A row on the first node that names another one, and does nothing else."""
        for at, _, link in self.links:
            if at is self.nodes[0] and self.target[link] is to:
                return link
        if to.letter not in self.named:
            self.named[to.letter] = links.link(self.nodes[0], to, name="names " + to.letter)
        return self.named[to.letter]


def shown(node, uuid):
    """The event as the node's administrator sees it, deleted elements and files too; or None."""
    got = node.client().get("/events/view/%s/deleted[]:0/deleted[]:1/includeAttachments:1" % uuid)
    return content.flat_shown(got.json()) if got.status == 200 else None


def compare(chain, specs, what):
    """Every node against what the table says."""
    for spec in specs:
        expected = spec
        for i, n in enumerate(chain.nodes):
            if i:
                expected = expected and levels.travel(expected, chain.hops[i - 1], n.letter)
            got = shown(n, spec["uuid"])
            name = "%s: %s on %s" % (what, spec["info"], n.letter)
            if expected is None or got is None:
                check(expected is None and got is None, name,
                      ["is there" if got else "is not there"])
            else:
                diff = content.differences(content.flat_spec(expected), got)
                check(not diff, name, diff)


# ---- the parts ----

def specs_of(chain):
    plain = [(x, None) for x in (0, 1, 2, 3, 5)]
    two, three = chain.group("two", "ab"), chain.group("three", "abc")
    # everybody is a member, but not every node is listed
    near, far = chain.listed("near", "abc", "b"), chain.listed("far", "abc", "bc")
    all_levels = plain + [(4, g) for g in (two, three, near, far)]
    return ([content.event("level%d" % x, (x, None), plain) for x in (0, 1, 2)] +
            [content.event("level3", (3, None), all_levels),
             content.event("two", (4, two), [(3, None), (5, None)]),
             content.event("three", (4, three), [(3, None), (4, two), (5, None)]),
             content.event("near", (4, near), [(3, None), (5, None)]),
             content.event("far", (4, far), [(3, None), (4, near), (5, None)])])


def first_time(chain, specs):
    c = chain.nodes[0].client()
    for s in specs:
        links.ok(c.post("/events/add", content.document(s)), s["info"])
    print("# " + " | ".join(chain.run()))
    compare(chain, specs, "new")


def changes(chain, specs):
    """An attribute changes, one is deleted, one comes back, one is new; the info too."""
    c = chain.nodes[0].client()
    t = content.T0 + 1000
    for s in specs:
        s.update(info=s["info"] + ", changed", timestamp=t)
        by = {a["uuid"]: a for a in s["attributes"]}
        s["attributes"][0].update(value="changed-" + s["attributes"][0]["value"], timestamp=t)
        gone = by[content.uid(s["info"].split(",")[0][6:], "attribute", "gone")]
        gone.update(deleted=False, timestamp=t)
        s["attributes"][1].update(deleted=True, timestamp=t)
        s["objects"][0].update(timestamp=t)
        s["objects"][0]["attributes"][0].update(comment="changed too", timestamp=t)
        s["reports"][0].update(content="rewritten", timestamp=t)
        s["attributes"].append(content.attribute(s["info"].split(",")[0][6:], "late", (5, None),
                                                 timestamp=t))
        links.ok(c.post("/events/edit/" + s["uuid"], content.document(s)), "edit " + s["info"])
        links.ok(c.post("/events/publish/" + s["uuid"]), "publish")
    print("# " + " | ".join(chain.run()))
    compare(chain, specs, "changed")


def quiet(chain):
    """Nothing has changed: nothing travels."""
    for at, way, link in chain.links:
        text = links.run(at, way, link)
        numbers = [int(w) for w in text.replace(",", " ").split() if w.isdigit()]
        check(not any(numbers), "%s: a %s with nothing to do" % (at.letter, way), [text])


def same(got, want, what):
    check(got == want, what, ["%s is %s, should be %s" % (k, got.get(k), want.get(k))
                              for k in sorted(set(got) | set(want)) if got.get(k) != want.get(k)])


def beside(chain):
    """Sightings, proposals, notes and clusters made on the first node, hop by hop."""
    a = chain.nodes[0]
    spec = content.event("beside", (3, None), [(3, None), (5, None)])
    e, attribute = spec["uuid"], spec["attributes"][0]["uuid"]
    links.ok(a.client().post("/events/add", content.document(spec)), "event beside")
    chain.run()
    seen = {others.sight(a, e, attribute, "sensor"): (attribute, "sensor", links.ORGS["a"])}
    proposed = {others.propose(a, "c", e, "proposed.example"): "proposed.example"}
    noted = {others.annotate(a, e, x, "note %d" % x): ("note %d" % x, x) for x in range(4)}
    made = [others.cluster(a, x, "cluster %d" % x) for x in range(4)]
    known = others.clusters(a, made)
    for i, n in enumerate(chain.nodes):
        if i:
            at, way, link = chain.links[i - 1]
            for _ in range(2):
                print("# " + links.run(at, way, link))
            noted, known = ({u: (v[0], others.after(way, v[1])) + v[2:] for u, v in x.items()
                             if others.after(way, v[1]) is not None} for x in (noted, known))
        for kind, got, want in (("sightings", others.sightings(n, e), seen),
                                ("proposals", others.proposals(n, e), proposed),
                                ("notes", others.notes(n, e), noted),
                                ("clusters", others.clusters(n, made), known)):
            same(got, want, "%s on %s" % (kind, n.letter))


def both_ways(chain):
    """Sightings made on every node, over links that pull and push: in the end all have all, once."""
    spec = content.event("seen", (3, None), [(3, None), (5, None)])
    e, attribute = spec["uuid"], spec["attributes"][0]["uuid"]
    links.ok(chain.nodes[0].client().post("/events/add", content.document(spec)), "event seen")
    chain.run()
    for at, _, link in chain.links:
        links.ok(at.client().post("/servers/edit/" + link, {
            "pull": True, "push": True, "push_sightings": True}), "both ways")
    seen = {others.sight(n, e, attribute, "sensor " + n.letter):
            (attribute, "sensor " + n.letter, links.ORGS[n.letter]) for n in chain.nodes}
    for _ in range(2):
        for at, _, link in chain.links:
            print("# %s: %s | %s" % (at.letter, links.run(at, "pull", link), links.run(at, "push", link)))
    for n in chain.nodes:
        same(others.sightings(n, e), seen, "sightings of all nodes on " + n.letter)
    for at, _, link in chain.links:
        text = links.run(at, "pull", link) + " " + links.run(at, "push", link)
        check(not any(int(w) for w in text.replace(",", " ").split() if w.isdigit()),
              "%s: both ways with nothing to do" % at.letter, [text])


def filler(i):
    e = {"uuid": content.uid("filler", i), "info": "filler %d" % i, "level": (3, None),
         "timestamp": content.T0 + i, "tags": ["chain:event"], "objects": [], "reports": []}
    e["attributes"] = [content.attribute("filler%d" % i, "n%d" % k, (5, None)) for k in range(15)]
    return e


def try_run(at, way, link):
    try:
        links.run(at, way, link)
    except (OSError, RuntimeError, ValueError):
        pass


def killed(chain, seed):
    """Both ends of the first hop, then of the second, are killed in the middle."""
    r = random.Random(seed)
    specs = [filler(i) for i in range(FILLERS)]
    c = chain.nodes[0].client()
    for s in specs:
        links.ok(c.post("/events/add", content.document(s)), s["info"])
    for i, (at, way, link) in enumerate(chain.links):
        for victim in (chain.nodes[i + 1], chain.nodes[i], chain.nodes[i + 1]):
            t = threading.Thread(target=try_run, args=(at, way, link))
            t.start()
            time.sleep(r.uniform(0.02, 0.3))
            victim.kill()
            t.join(60)
            victim.start()
        for _ in range(2): # what was answered badly is tried again
            links.run(at, way, link)
    wrong = []
    for n in chain.nodes:
        for s in specs:
            got = shown(n, s["uuid"])
            diff = ["is missing"] if got is None else content.differences(content.flat_spec(s), got)
            wrong += ["%s %s: %s" % (n.letter, s["info"], d) for d in diff]
    check(not wrong, "%d events of 15 attributes through six kill -9" % FILLERS, wrong)


def one_way(name, seed):
    with tempfile.TemporaryDirectory(prefix="tocsin-chain-") as folder, \
            Chain(folder, WAYS[name]) as chain:
        print("# %s: a -%s-> b -%s-> c" % ((name,) + chain.hops))
        sys.stdout.flush()
        specs = specs_of(chain)
        first_time(chain, specs)
        quiet(chain)
        changes(chain, specs)
        quiet(chain)
        beside(chain)
        quiet(chain)
        both_ways(chain)
        killed(chain, seed)
        quiet(chain)


def main():
    seed = int(os.environ.get("TOCSIN_CHAIN_SEED", random.randrange(1 << 30)))
    print("# TOCSIN_CHAIN_SEED=%d" % seed)
    for name in sys.argv[1:] or WAYS:
        try:
            one_way(name, seed)
        except (RuntimeError, nodelib.NodeDied) as e:
            check(False, name + " could be done", [e])
    print("1..%d" % checked)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
