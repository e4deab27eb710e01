"""formats.py - a subscription of every format through random changes: its change makes the new file of the old one,
and the file holds what the same search gives."""
import collections
import ipaddress
import os
import random

import idsrules  # noqa: F401 (its rows)
import rows
import world as sensors
from subsworld import SEED, World, ok, wait_for

STEPS = int(os.environ.get("SUBS_STEPS", "10"))
Counter = collections.Counter
TYPES = {"ip": "ip-dst", "asn": "AS", "ja3": "ja3-fingerprint-md5", "cert-md5": "x509-fingerprint-md5", "cert-sha1": "x509-fingerprint-sha1",
         "cert-sha256": "x509-fingerprint-sha256", "jarm": "jarm-fingerprint", "other-hash": "imphash", "subject": "email-subject",
         "named-pipe": "named pipe", "suricata": "snort"}
# numbers and times of the whole file, which a change does not touch
HEADS = {"rpz": lambda l: l.startswith("@ SOA ") or l.startswith("$TTL") or l.startswith(" NS ")}


# searches under these names give MISP's form, so that they are made of another format's
MISP = ["rpz", "hosts"]


def attribute(kind, value):
    if kind == "ip-port":
        return "ip-dst|port", value.replace("]", "").replace("[", "").rpartition(":")[0] + "|" + value.rpartition(":")[2] if "|" not in value else value
    return TYPES.get(kind, kind), value


def covered(owner, owners):
    """Is there a wider network, or the name itself with all below it? What is within another is left out of a zone."""
    if owner.endswith(".rpz-ip"):
        n = rpz_net(owner)
        return any(o != owner and o.endswith(".rpz-ip") and rpz_net(o).version == n.version and n.subnet_of(rpz_net(o)) for o in owners)
    labels = owner.removeprefix("*.").split(".")
    return any("*." + ".".join(labels[i:]) in owners for i in range(1, len(labels)))


def rpz_net(owner):
    bits, *parts = owner[:-len(".rpz-ip")].split(".")
    parts.reverse()
    if len(parts) == 4 and "zz" not in parts:
        return ipaddress.ip_network(".".join(parts) + "/" + bits)
    text = ":".join("" if p == "zz" else p for p in parts)
    return ipaddress.ip_network((":" * text.startswith(":") + text + ":" * text.endswith(":")) + "/" + bits)


class Changes:
    """Events that change at random."""

    def __init__(self, w):
        self.w, self.rnd = w, random.Random(SEED)
        self.bad = [v for v in sensors.hostile() if v[1].strip() and "\0" not in v[1] and not v[1].isspace()]
        self.events = {}

    def some(self, n):
        return [attribute(*v) for v in self.rnd.sample(self.bad, n) + sensors.ordinary(self.rnd, n, sensors.ALL)]

    def rows(self, n):
        return [(t, v, {"comment": self.rnd.choice(sensors.PEOPLE).replace("\0", "")}) for t, v in self.some(n)]

    def add(self, n=12):
        made = self.w.event(self.rows(n), self.rnd.choice([(), ("tlp:green",), ("tlp:amber",)]), info=self.rnd.choice(["plain", "a;b|c\"d", "x\ty"]))
        self.events[made["id"]] = [a["id"] for a in made["Attribute"]]

    def event(self):
        return self.rnd.choice(sorted(self.events))

    def add_attributes(self):
        e = self.event()
        for t, v in self.some(3):
            a = self.w.c.post("/attributes/add/" + e, {"type": t, "value": v, "to_ids": True})
            if a.status == 200 and "Attribute" in a.json():
                self.events[e].append(a.json()["Attribute"]["id"])
        self.w.publish(e)

    def edit_attributes(self):
        e = self.event()
        for i in self.rnd.sample(self.events[e], min(2, len(self.events[e]))):
            self.w.c.post("/attributes/edit/" + i, self.rnd.choice([{"to_ids": False}, {"comment": "edited"}, {"to_ids": True}]))
        self.w.publish(e)

    def delete_attributes(self):
        e = self.event()
        for i in self.rnd.sample(self.events[e], min(3, len(self.events[e]))):
            self.w.c.post("/attributes/delete/" + i)
            self.events[e].remove(i)
        self.w.publish(e)

    def unpublish(self):
        self.w.c.post("/events/unpublish/" + self.event())

    def publish(self):
        self.w.publish(self.event())

    def delete_event(self):
        if len(self.events) > 2:
            e = self.event()
            self.w.c.post("/events/delete/" + e)
            del self.events[e]

    def mark(self):
        e = self.event()
        self.w.c.post("/events/%s/%s/tlp:red" % (self.rnd.choice(["addTag", "removeTag"]), e))
        self.w.publish(e)

    def mark_attribute(self):
        e = self.event()
        if self.events[e]:
            self.w.c.post("/attributes/addTag/%s/tlp:red" % self.rnd.choice(self.events[e]))
            self.w.publish(e)

    OPS = (add, add_attributes, edit_attributes, delete_attributes, unpublish, publish, delete_event, mark, mark_attribute)


def content(name, body, serial):
    """What a file holds, in a form that does not depend on order, serial and numbers of entries."""
    text = body.decode("utf-8", "surrogateescape")
    if name == "rpz":
        text = text.replace("(%d " % serial, "(7 ").replace("(0 ", "(7 ").replace("(1 ", "(7 ")
        lines = text.splitlines(True)
        lines[1:2] = ["@ SOA a b (7 1 1 1 1)\n"]
        text = "".join(lines)
    row = rows.ROWS[name]
    if name == "bloom":
        return None
    return set(row.parse(text, {}))


def lines_of(name, body):
    head = HEADS.get(name, lambda l: False)
    return Counter(l for l in body.decode("utf-8", "surrogateescape").split("\n") if not head(l))


def apply_change(name, old, change, new):
    """What is wrong, or None."""
    row = rows.ROWS[name]
    text = change.decode("utf-8", "surrogateescape")
    if row.change:
        gone, come = row.change(text, {})
        read = getattr(row, "state", row.parse)
        before, after = read(old.decode(), {}), read(new.decode(), {})
    else:
        signed = text.split("\n")[:-1]
        bad = [l for l in signed if l[:1] not in ("-", "+")]
        if bad:
            return "a line without a sign: %r" % bad[:2]
        gone, come = (Counter(l[1:] for l in signed if l[0] == s) for s in "-+")
        before, after = lines_of(name, old), lines_of(name, new)
    if gone - before:
        return "goes, but is not there: %r" % list((gone - before).items())[:3]
    made = before - gone + come
    if made != after:
        return "missing %r, too many %r" % (list((after - made).items())[:3], list((made - after).items())[:3])
    return None


class Consumer:
    """One subscription, as somebody sees it who has a file and asks for changes."""

    def __init__(self, w, fmt):
        self.w, self.fmt, self.name = w, fmt, fmt.replace("|", "-")
        self.deltas = self.wholes = self.nothings = 0
        w.subscribe(self.name, fmt, wait=False)

    def begin(self):
        self.w.ready(self.name)
        self.serial, self.body = self.w.whole(self.name)

    def is_settled(self):
        """Does the file hold what the search gives?"""
        serial, body = self.w.whole(self.name)
        self.now = content(self.name, body, serial), self.wanted()
        return self.now[0] == self.now[1]

    def wanted(self):
        if self.fmt == "bloom":
            return None
        if self.fmt not in MISP:
            return content(self.name, self.w.search(self.fmt), 0)
        want = set()
        for kind, value in content("splunk", self.w.search("splunk"), 0):
            if kind in (("domain", "hostname", "ip") if self.fmt == "rpz" else ("domain", "hostname")):
                want |= set(rows.ROWS[self.fmt].key(kind, value, {}) or ())
        return want if self.fmt != "rpz" else {o for o in want if not covered(o, want)}

    def step(self):
        """What is wrong after a change, or None."""
        if not wait_for(self.is_settled):
            a, b = self.now
            return "not as the search: missing %r, too many %r" % (list(b - a)[:3], list(a - b)[:3])
        for _ in range(50):
            a = wait_for(lambda: self.w.got(self.name, "?since=%d" % self.serial))
            serial, body = self.w.whole(self.name)
            if int(a.headers["x-tocsin-serial"]) == serial:
                break
        else:
            return "never at rest"
        if serial < self.serial:
            return "the serial goes back, from %d to %d" % (self.serial, serial)
        fault = self.judge(a, serial, body)
        self.serial, self.body = serial, body
        return fault

    def judge(self, a, serial, body):
        if a.status == 204:
            self.nothings += 1
            if serial != self.serial and self.fmt != "bloom":
                same = content(self.name, body, serial) == content(self.name, self.body, self.serial)
                return None if same else "nothing changed, but it did"
            return None if body == self.body else "another file of the same serial"
        if a.headers.get("x-tocsin-change") == "whole":
            self.wholes += 1
            return None if a.body == body else "whole, but another one"
        self.deltas += 1
        if a.headers["x-tocsin-change"] != ("own" if rows.ROWS[self.name].change else "lines"):
            return "said to be " + a.headers["x-tocsin-change"]
        return apply_change(self.name, self.body, a.body, body)


def run():
    with World() as w:
        known = [f["name"] for f in w.must(w.c.get("/tocsin/formats")) if f.get("sensor")] + MISP
        ok(set(known) == set(rows.ROWS) and len(known) > 50, "each format is known here", set(known) ^ set(rows.ROWS))
        ch = Changes(w)
        for _ in range(6):
            ch.add(20)
        all_of = [Consumer(w, f) for f in known]
        for x in all_of:
            x.begin()
        faults = collections.defaultdict(list)
        for step in range(STEPS):
            done = []
            for _ in range(2):
                op = ch.rnd.choice(ch.OPS)
                op(ch)
                done.append(op.__name__)
            if step == STEPS - 1:  # each format is told of something that is new
                ch.add(2 * len(sensors.ALL))
                done.append("all kinds")
            # the last one looks at all; before that each is looked at now and then, over several changes
            look = all_of if step in (0, STEPS - 1) else ch.rnd.sample(all_of, 20)
            for x in look:
                fault = x.step()
                if fault:
                    faults[x.fmt].append("%d (%s): %s" % (step, ", ".join(done), fault))
        for x in all_of:
            if not x.deltas + x.wholes:
                faults[x.fmt].append("was never told of a change")
            ok(not faults[x.fmt], "%s: %d changes, %d times the whole, %d times nothing" % (x.fmt, x.deltas, x.wholes, x.nothings), "\n".join(faults[x.fmt][:4]))
        lines = sum(x.deltas for x in all_of)
        ok(lines > len(all_of), "%d changes in all" % lines)
