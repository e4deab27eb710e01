#!/usr/bin/env python3
"""TLS between two daemons: what travels under which options of the link, and why it does not."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]
import certs as certlib  # noqa: E402
import links  # noqa: E402
import node as nodelib  # noqa: E402

failures, checked = [], 0


def check(good, what, *detail):
    global checked
    checked += 1
    print("%s %d - %s" % ("ok" if good else "not ok", checked, what))
    for line in detail if not good else ():
        print("#   " + str(line)[:600])
    if not good:
        failures.append(what)
    sys.stdout.flush()
    return good


def event(node, info):
    u = str(uuid.uuid4())
    links.ok(node.client().post("/events/add", {"Event": {
        "uuid": u, "info": info, "distribution": "3", "published": True, "Attribute": [{
            "type": "domain", "category": "Network activity", "value": u + ".example"}]}}), "event")
    return u


def has(node, u):
    return node.client().get("/events/view/" + u).status == 200


class Pair:
    """`here` links to `there`, which listens twice: with TLS, and plainly on loopback for the test."""

    def __init__(self, folder):
        self.folder = folder
        self.certs = certlib.Certs(folder)
        self.port = nodelib.free_port()
        self.here = links.make(folder, "a", extra=["--set", "readable=" + folder])
        self.there = None
        self.cert = os.path.join(folder, "shown.pem")

    def show(self, name):
        """Which certificate the other one has."""
        shutil.copy(self.certs[name], self.cert)

    def serve(self, *settings):
        """The other one, TLS on every address as on a machine that others reach."""
        if self.there:
            check(self.there.stop() == 0, "the other one ends well")
        sets = ["listen=127.0.0.1:%d,*:%d" % (self.plain, self.port), "tls.cert=" + self.cert,
                "tls.key=" + self.cert, "readable=" + self.folder]
        sets += settings
        self.there = links.make(self.folder, "b", port=self.plain,
                                extra=[x for s in sets for x in ("--set", s)])
        self.there.key = self.key
        self.there.start()

    def __enter__(self):
        self.plain, self.key = nodelib.free_port(), "b" * 40
        self.show("server")
        self.serve()
        self.here.start()
        for n, other in ((self.here, "b"), (self.there, "a")):
            links.org_id(n, other)
        return self

    def __exit__(self, *exc):
        for n in (self.here, self.there):
            n.clean()

    def link(self, name, **more):
        url = "https://127.0.0.1:%d" % self.port
        return links.link(self.here, self.there, name=name, url=url, pull=True, push=True, **more)

    def status(self, link):
        return links.ok(self.here.client().get("/tocsin/peers/status/%s" % link), "status")[0]

    def run(self, link, way):
        """What was said of it, and the reason that is kept."""
        a = self.here.client(timeout=60).post("/servers/%s/%s/full" % (way, link))
        return a.text(), self.status(link)[way]["last_error"] or ""

    def works(self, link, what):
        theirs, ours = event(self.there, "theirs"), event(self.here, "ours")
        said = [self.run(link, way) for way in ("pull", "push")]
        check(has(self.here, theirs), what + ": an event is pulled", said[0])
        check(has(self.there, ours), what + ": an event is pushed", said[1])

    def refused(self, link, words, what):
        theirs, ours = event(self.there, "theirs"), event(self.here, "ours")
        for way in ("pull", "push"):
            text, why = self.run(link, way)
            check(words in text and words in why, "%s: the %s says why" % (what, way), text, why)
        check(not has(self.here, theirs) and not has(self.there, ours), what + ": nothing travels")


def tool_status(p):
    """What `tocsin peer status` shows, when the tool is built."""
    tool = os.path.join(os.path.dirname(os.environ.get("TOCSIND", "")), "tocsin")
    if not os.access(tool, os.X_OK):
        return None
    r = subprocess.run([tool, "--url", p.here.url, "--key", p.here.key, "peer", "status"],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return r.stdout.decode()


def authorities(p):
    plain = p.link("plain options")
    p.refused(plain, "not trusted here", "an authority that is not known")
    p.works(p.link("ca", cert_file=p.certs.ca), "with its CA file")
    check(p.status(plain)["warnings"] == [], "a link that checks has no warning")


def pins(p):
    pinned = p.link("pinned", self_signed=True, tocsin={"pin": p.certs.pin("server")})
    both = p.link("both", cert_file=p.certs.ca, tocsin={"pin": p.certs.pin("server")})
    other = p.link("other", cert_file=p.certs.ca, tocsin={"pin": p.certs.pin("client")})
    p.works(pinned, "with its key pinned")
    p.works(both, "with CA file and pin")
    p.refused(other, "not the pinned one", "with another key pinned")
    p.show("expired")
    p.serve()
    p.refused(both, "has expired", "when its certificate has expired")
    p.refused(pinned, "not the pinned one", "and was made with another key")
    # read again without a restart
    p.show("server")
    os.kill(p.there.pid(), signal.SIGHUP)
    time.sleep(1)
    p.works(both, "with the old one again")


def unchecked(p):
    p.show("selfsigned")
    p.serve()
    off = p.link("unchecked", self_signed=True)
    p.refused(p.link("checked", cert_file=p.certs.ca), "signed by itself", "signed by itself")
    p.works(off, "not checked, as explicitly said")
    for where, warnings in (("one status", p.status(off)["warnings"]), ("all statuses", [
            w for x in links.ok(p.here.client().get("/tocsin/peers/status"), "all")
            if x["name"] == "unchecked" for w in x["warnings"]])):
        check(any("not checked" in w for w in warnings), "the warning is in " + where, warnings)
    text = tool_status(p)
    check(text is None or "not checked" in text, "and in what the tool shows", text)


def clients(p):
    p.show("server")
    p.serve("tls.client_ca=" + p.certs.ca, "tls.client_required=true")
    p.refused(p.link("bare", cert_file=p.certs.ca), "client certificate",
              "one that wants certificates, without")
    p.works(p.link("shown", cert_file=p.certs.ca, client_cert_file=p.certs["client"]), "and with one")
    p.refused(p.link("own", cert_file=p.certs.ca, client_cert_file=p.certs["selfsigned"]),
              "client certificate",
              "and with one of somebody else")


def main():
    with tempfile.TemporaryDirectory(prefix="tocsin-tls-") as folder, Pair(folder) as p:
        for part in (authorities, pins, unchecked, clients):
            print("# " + part.__name__)
            try:
                part(p)
            except (RuntimeError, nodelib.NodeDied) as e:
                check(False, part.__name__ + " could be done", e)
    print("1..%d" % checked)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
