#!/usr/bin/env python3
"""An embargo that opens, a red event that stays, a policy that does not parse: a node from outside.

What a partner and the public must not see yet is compared with an event that does not exist: status,
headers and body must be the same. Times are real: the limits are those of gate.md section 5, plus
what the machine itself was late (TOCSIN_LATE_SECONDS).
"""
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

LATE = float(os.environ.get("TOCSIN_LATE_SECONDS", "1"))
POLICY = """use: [default]
audiences:
  public-feed: {kind: feed, tlp: clear, class: public, profile: indicators}
  ally: {kind: peer, user: sync@ally.example, tlp: amber, class: partner, profile: technical}
"""
COUNT = [0, 0]


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))
    if not good and detail:
        print("# " + str(detail)[:600].replace("\n", "\n# "))
    return good


def must(answer, what):
    if answer.status != 200:
        print("Bail out! %s: %d %s" % (what, answer.status, answer.text()[:300]))
        sys.exit(1)
    return answer.json()


def iso(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


class World:
    """A node with a sync user of another organisation and a member of a third."""

    def __init__(self, folder):
        self.policy = os.path.join(folder, "policy.yaml")
        self.write_policy(POLICY)
        self.node = nodelib.Node(folder=os.path.join(folder, "node"),
                                 extra=["--policy", self.policy])
        self.node.start()
        self.admin = self.node.client()
        self.users = {"ally": self.user("Ally", "sync@ally.example", 5),
                      "member": self.user("Third", "user@third.example", 3)}

    def write_policy(self, text):
        with open(self.policy + ".new", "w") as f:
            f.write(text)
        os.rename(self.policy + ".new", self.policy)

    def user(self, org, email, role):
        made = must(self.admin.post("/admin/organisations/add", {"name": org, "local": True}), org)
        made = must(self.admin.post("/admin/users/add", {
            "email": email, "org_id": made["Organisation"]["id"], "role_id": str(role),
            "password": "Lantern-%s-keel-Harbour" % role}), email)
        return made["User"]["authkey"]

    def client(self, who):
        return self.node.client(self.users[who])

    def add(self, tags, value):
        event = {"uuid": str(uuid.uuid4()), "info": "gate test", "distribution": "3",
                 "threat_level_id": "1", "analysis": "2", "published": True,
                 "Tag": [{"name": t} for t in tags],
                 "Attribute": [{"type": "domain", "category": "Network activity", "to_ids": True,
                                "value": value}]}
        made = must(self.admin.post("/events/add", {"Event": event}), "events/add")["Event"]
        must(self.admin.post("/events/publish/%s" % made["id"]), "publish")
        return made["id"], made["uuid"]

    def feed(self, name):
        return self.admin.raw("GET", "/feed/public-feed/" + name, {"Accept": "*/*"})

    def explain(self, event, to):
        return must(self.admin.post("/tocsin/explain", {"event": event, "to": to}), "explain")

    def status(self):
        return must(self.admin.get("/tocsin/status"), "status")


def plain(answer, *ids):
    """An answer without what differs between any two requests."""
    body = answer.text()
    for i in ids:
        body = body.replace(str(i), "X")
    headers = {k: v for k, v in answer.headers.items() if k != "date"}
    return answer.status, headers, body


# Each way out: is the event (its number, UUID and value) there?
def by_view(c, w, i, u, v):
    return c.get("/events/view/" + i).status == 200


def by_search(c, w, i, u, v):
    found = c.post("/events/restSearch", {"returnFormat": "json", "eventid": i})
    return bool(found.json().get("response"))


def by_attribute(c, w, i, u, v):
    return v in c.post("/attributes/restSearch", {"returnFormat": "text", "value": v}).text()


def by_index(c, w, i, u, v):
    return bool(must(c.post("/events/index", {"minimal": 1, "published": 1, "eventid": i}),
                     "events/index"))


def by_lookup(c, w, i, u, v):
    return c.get("/values/lookup/" + v).json()["found"]


def by_feed(c, w, i, u, v):
    hashes = w.feed("hashes.csv")
    return hashes.status == 200 and hashlib.md5(v.encode()).hexdigest() in hashes.text()


WAYS = {"view": by_view, "restSearch": by_search, "attributes": by_attribute, "index": by_index,
        "look-up": by_lookup}


def indistinguishable(w, who, number, u):
    """A hidden event answers as one that was never there."""
    c = w.client(who)
    other = str(uuid.uuid4())
    pairs = [(u, other)]
    if number:
        pairs.append((number, str(10 ** len(number) - 1)))  # as many digits, so as long an answer
    for method, path in (("GET", "/events/view/%s"), ("HEAD", "/events/view/%s"),
                         ("POST", "/events/view/%s"), ("POST", "/events/publish/%s"),
                         ("POST", "/events/edit/%s"), ("POST", "/events/delete/%s"),
                         ("POST", "/attributes/add/%s"), ("POST", "/tags/attachTagToObject/%s"),
                         ("GET", "/events/restSearch/uuid:%s")):
        for hidden, absent in pairs:
            a, b = (c.call(method, path % x, {"Event": {"info": "x"}} if method == "POST" else None)
                    for x in (hidden, absent))
            ok(plain(a, hidden) == plain(b, absent), "%s: %s %s of a hidden event is that of none"
               % (who, method, path), "%r\n%r" % (plain(a, hidden), plain(b, absent)))


def watch(w, opens, number, u, value, what):
    """Poll every way until it shows the event; none may be early, none late."""
    ways = {("ally", n): f for n, f in WAYS.items()}
    ways.update({("member", n): f for n, f in WAYS.items()})
    ways["public", "feed"] = by_feed
    clients = {who: w.client(who) for who in ("ally", "member")}
    seen, early, rounds = {}, [], 0
    while len(seen) < len(ways) and time.time() < opens + 1 + LATE + 5:
        for key, f in ways.items():
            if key in seen:
                continue
            shown = f(clients.get(key[0]), w, number, u, value)
            t = time.time()
            if shown:
                seen[key] = t
                if t < opens:
                    early.append((key, opens - t))
        rounds += time.time() < opens
        time.sleep(0.02)
    ok(rounds > 2, "%s: asked while it was shut" % what, rounds)
    ok(not early, "%s: no way is early" % what, early)
    for key in ways:
        late = seen[key] - opens if key in seen else None
        ok(late is not None and late <= 1 + LATE,
           "%s: %s by %s after %s s" % (what, key[0], key[1], late and round(late, 2)))


def embargo_opens(w):
    opens = int(time.time()) + 6
    number, u = w.add(["tlp:clear", 'embargo:until="%s"' % iso(opens)], "first.embargo.example")
    ok(by_view(w.admin, w, number, u, ""), "the operator sees an event under embargo")
    before = w.explain(u, "ally")
    ok(before["verdict"] == "held" and before["rule"] == "embargo" and before["until"] == opens,
       "explain: held by the embargo until its time", before)
    indistinguishable(w, "ally", number, u)
    indistinguishable(w, "member", number, u)
    sequence = w.status()["store"]["sequence"]
    if time.time() > opens - 0.5:
        print("# this machine is too slow: the embargo was over before it was watched")
    watch(w, opens, number, u, "first.embargo.example", "embargo")
    ok(w.status()["store"]["sequence"] == sequence + 1, "the opening is one change in the log",
       "%s, was %s" % (w.status()["store"]["sequence"], sequence))
    ok(w.explain(u, "ally")["verdict"] == "released", "explain: released afterwards")
    ally = w.client("ally")
    shown = must(ally.get("/events/view/" + number), "view")["Event"]
    ok("embargo:" not in json.dumps(shown), "the embargo tag does not leave", shown)
    ok(shown["uuid"] != u, "a rewritten copy has a UUID of its own")
    ok(ally.get("/events/view/" + shown["uuid"]).status == 200, "under which it is found")
    for key, there in ((shown["uuid"], True), (u, False)):
        found = ally.post("/events/restSearch", {"returnFormat": "json", "uuid": key}).json()
        ok(bool(found["response"]) == there, "%s by search" % ("and" if there else "and not ours"))
    indistinguishable(w, "ally", None, u)
    for key in ("timestamp", "publish_timestamp"):
        asked = {"returnFormat": "json", key: opens}
        new = [e["Event"]["uuid"] for e in ally.post("/events/restSearch", asked).json()["response"]]
        ok(shown["uuid"] in new, "who asks by %s for what is new since then gets it" % key, new)
        new = w.admin.post("/events/restSearch", asked).json()["response"]
        ok(not new, "who had it before does not get it again", new)


def unreadable_holds(w):
    number, u = w.add(["tlp:clear", 'embargo:until="next week"'], "never.example")
    end = time.time() + 2 + LATE
    while time.time() < end and int(number) not in w.status()["embargo"]["unreadable_events"]:
        time.sleep(0.05)
    ok(int(number) in w.status()["embargo"]["unreadable_events"],
       "an embargo that nobody can read is told to the operator", w.status()["embargo"])
    ok(not by_view(w.client("ally"), w, number, u, ""), "and holds")
    ok("event=%s unreadable" % number in w.node.log_tail(1 << 20), "it is in the log, too")


def red_stays(w):
    number, u = w.add(["tlp:red"], "red.example")
    ok(by_view(w.admin, w, number, u, ""), "the operator sees a red event")
    c = w.client("ally")
    for name, f in WAYS.items():
        ok(not f(c, w, number, u, "red.example"), "a red event does not leave by " + name)
    indistinguishable(w, "ally", number, u)
    time.sleep(1.5)
    ok(not by_feed(None, w, number, u, "red.example"), "nor by the feed")
    ok(w.feed(u + ".json").status == 404, "which has no file of it")
    return number, u


def broken_policy(w, red):
    old = w.status()["policy"]
    w.write_policy(POLICY + "rules: [{name: x, effect: explode}]\n")
    answer = w.admin.post("/tocsin/policyReload")
    ok(answer.status == 400 and "line 5" in answer.text(), "a broken policy is refused, with its line",
       answer.text())
    os.kill(w.node.pid(), signal.SIGHUP)
    time.sleep(1)
    ok(w.node.alive() and w.status()["policy"] == old, "the old one stays in force")
    ok(not by_view(w.client("ally"), w, *red, ""), "and goes on to hide")
    w.write_policy(POLICY.replace("tlp: amber", "tlp: clear"))
    ok(w.admin.post("/tocsin/policyReload").status == 200, "a good one is taken")
    ok(w.status()["policy"] != old, "and in force")
    number, u = w.add(["tlp:green"], "green.example")
    ok(not by_view(w.client("ally"), w, number, u, ""), "it lowers the ceiling")
    w.write_policy(POLICY)
    os.kill(w.node.pid(), signal.SIGHUP)
    for _ in range(100):
        if w.status()["policy"] == old:
            break
        time.sleep(0.05)
    ok(by_view(w.client("ally"), w, number, u, ""), "a signal reloads too: the ceiling is back")


def killed_while_shut(w):
    """Restarting takes a while under sanitizers: twice as long as the first start is enough."""
    t = time.time()
    w.node.kill()
    took = w.node.start()
    opens = int(time.time() + 2 * took + 5)
    number, u = w.add(["tlp:clear", 'embargo:until="%s"' % iso(opens)], "second.embargo.example")
    sequence = w.status()["store"]["sequence"]
    w.node.kill()
    w.node.start()
    ok(time.time() < opens, "killed and started again while it is shut (%.1f s)" % (time.time() - t))
    ok(w.admin.raw("GET", "/readyz", {}).status == 200, "ready again: the clock is trusted")
    watch(w, opens, number, u, "second.embargo.example", "after kill -9")
    ok(w.status()["store"]["sequence"] == sequence + 1, "the opening was written once")


def opens_while_down(w):
    opens = int(time.time()) + 3
    number, u = w.add(["tlp:clear", 'embargo:until="%s"' % iso(opens)], "third.embargo.example")
    sequence = w.status()["store"]["sequence"]
    w.node.kill()
    time.sleep(max(0, opens + 0.5 - time.time()))
    w.node.start()
    end = time.time() + 1 + LATE
    while time.time() < end and w.status()["store"]["sequence"] == sequence:
        time.sleep(0.05)
    ok(by_view(w.client("ally"), w, number, u, ""), "an embargo that ends while the node is down opens")
    ok(w.status()["store"]["sequence"] == sequence + 1, "and is written to the change log")


def main():
    if not nodelib.have_daemon():
        nodelib.skip("the daemon is not built")
    with tempfile.TemporaryDirectory(prefix="tocsin-gate-") as folder:
        w = World(folder)
        try:
            ready = w.admin.raw("GET", "/readyz", {})
            if ready.status != 200:
                nodelib.skip("nobody vouches for the clock of this machine: " + ready.text())
            embargo_opens(w)
            unreadable_holds(w)
            red = red_stays(w)
            broken_policy(w, red)
            killed_while_shut(w)
            opens_while_down(w)
            ok(not by_view(w.client("ally"), w, *red, ""), "red is still red")
            log = w.node.log_tail(1 << 20)
            ok("embargo.example" not in log and "red.example" not in log, "no value is in the log")
        finally:
            w.node.stop()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
