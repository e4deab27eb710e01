#!/usr/bin/env python3
"""events/contact: the operator's program gets one message; it holds nothing of the event but its UUID."""
import email
import email.policy
import glob
import os
import sys
import tempfile
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import node as nodelib  # noqa: E402

COUNT = [0, 0]
PROGRAM = ('#!/bin/sh\ncat >"$HOME/$$.eml"; grep -q FAIL-PLEASE "$HOME"/switch 2>/dev/null && exit 7; '
           'cat "$HOME/../peer.key" >/dev/null 2>&1 && touch "$HOME/saw-the-key"; exit 0')


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what), flush=True)
    if not good and detail:
        print("# " + str(detail)[:600].replace("\n", "\n# "))


def is_(got, want, what):
    ok(got == want, what, "got %r, want %r" % (got, want))


class World:
    """A node with two organisations besides its own."""

    def __init__(self, node):
        self.node = node
        self.c = node.client()
        self.orgs = [self.must("/admin/organisations/add", {"name": n, "local": True})["Organisation"]["id"]
                     for n in ("Quay", "Reef")]

    def must(self, path, body, key=None):
        answer = self.c.post(path, body, key=key)
        assert answer.status == 200, (path, answer.status, answer.text())
        return answer.json()

    def user(self, mail, org, **more):
        made = self.must("/admin/users/add", dict({"email": mail, "org_id": org, "role_id": 4,
                                                   "password": "Lantern-keel-Harbour-9"}, **more))
        return made["User"]["authkey"]

    def event(self, key, **more):
        body = dict({"info": "zq-secret-info", "distribution": 1, "uuid": str(uuid.uuid4()),
                     "Attribute": [{"type": "ip-dst", "value": "192.0.2.219"}]}, **more)
        event = self.must("/events/add", body, key=key)["Event"]
        self.must("/events/publish/%s" % event["id"], {}, key=key)
        return event

    def box(self):
        """What the program has got since the last time."""
        out = []
        for path in sorted(glob.glob(os.path.join(self.node.folder, "**", "mail", "*.eml"), recursive=True)):
            with open(path, "rb") as f:
                out.append(email.message_from_bytes(f.read(), policy=email.policy.default))
            os.unlink(path)
        return out


def with_program(node):
    w = World(node)
    asker = w.user("asker@reef.example", w.orgs[1])
    maker = w.user("maker@quay.example", w.orgs[0])
    w.user("told@quay.example", w.orgs[0], contactalert=True)
    w.user("gone@quay.example", w.orgs[0], contactalert=True, disabled=True)
    w.user("quiet@quay.example", w.orgs[0])
    event = w.event(maker)
    path = "/events/contact/%s" % event["id"]
    words = "Ahoj \u00e4\u20ac,\r\n.\r\nBcc: victim@example.net\r\n" + "x" * 300

    answer = w.c.post(path, {"message": words}, key=asker)
    is_((answer.status, answer.json().get("message")), (200, "Email sent to the reporter."), "sent")
    box = w.box()
    is_(len(box), 1, "one message")
    m = box[0]
    is_(sorted(a.addr_spec for a in m["To"].addresses), ["maker@quay.example", "told@quay.example"],
        "to who made it and who takes such mail")
    is_((m["From"].addresses[0].addr_spec, m["Reply-To"].addresses[0].addr_spec),
        ("node@example.com", "asker@reef.example"), "from the node, answers to who asks")
    ok(m["Bcc"] is None and m["Cc"] is None, "nobody is slipped in")
    text = m.get_content()
    ok("Ahoj \u00e4\u20ac," in text and "x" * 300 in text and event["uuid"] in text, "the words and the UUID", text)
    ok("zq-secret" not in m.as_string() + text and "192.0.2.219" not in text, "nothing of the event")

    answer = w.c.post(path, {"message": "hi", "person": 1}, key=asker)
    is_([a.addr_spec for a in w.box()[0]["To"].addresses], ["maker@quay.example"], "only to who made it")
    is_(w.c.post(path, {"message": " "}, key=asker).status, 403, "without words")
    is_(w.c.post(path, {"message": "x" * 40000}, key=asker).status, 403, "with too many")

    hidden = w.event(maker, distribution=0)
    a, b = (w.c.post("/events/contact/%s" % i, {"message": "hi"}, key=asker) for i in (hidden["id"], "99999999"))
    is_((a.status, a.json()["message"]), (b.status, b.json()["message"]), "a hidden event is an absent one")
    is_(w.box(), [], "and nothing is sent")

    folder = os.path.dirname(glob.glob(os.path.join(node.folder, "**", "mail"), recursive=True)[0])
    with open(os.path.join(folder, "mail", "switch"), "w") as f:
        f.write("FAIL-PLEASE")
    is_(w.c.post(path, {"message": "hi"}, key=asker).status, 403, "a program that fails")
    os.unlink(os.path.join(folder, "mail", "switch"))
    w.box()
    statuses = [w.c.post(path, {"message": "hi"}, key=asker).status for _ in range(12)]
    ok(statuses[0] == 200 and statuses[-1] == 429, "who writes too much has to wait", statuses)
    is_(w.c.post(path, {"message": "hi"}, key=maker).status, 200, "and nobody else")
    ok(len(w.box()) == statuses.count(200) + 1, "what was answered as sent was sent")
    if "landlock=0" not in node.log_tail(100000):
        ok(not os.path.exists(os.path.join(folder, "mail", "saw-the-key")), "the program sees no key of the node")


def without_program(node):
    c = node.client()
    event = c.post("/events/add", {"info": "x"}).json()["Event"]
    answer = c.post("/events/contact/%s" % event["id"], {"message": "hi"})
    is_((answer.status, answer.json()["errors"]), (403, "This node sends no e-mail."), "said that it is not")


def main():
    with tempfile.TemporaryDirectory(prefix="tocsin-mail-") as folder:
        program = os.path.join(folder, "post")
        with open(program, "w") as f:
            f.write(PROGRAM)
        os.chmod(program, 0o755)
        for run, extra in ((with_program, ["--set", "mail.command=" + program, "--set",
                                           "mail.from=node@example.com"]), (without_program, [])):
            node = nodelib.Node(extra=extra)
            node.start()
            try:
                run(node)
            finally:
                node.kill()
    print("1..%d" % COUNT[0])
    return 1 if COUNT[1] else 0


if __name__ == "__main__":
    sys.exit(main())
