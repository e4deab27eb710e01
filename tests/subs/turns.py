"""turns.py - while consumers poll, the policy or the row changes: nothing of before comes from then on, over HTTP or in files."""
import os
import threading
import time

from subsworld import EDGE, World, ok, same, wait_for

SECRET = "secret.example"


class Pollers:
    """Threads that fetch all the time and note when they asked and what they were given."""

    def __init__(self, w, name, since):
        self.seen, self.stop = [], threading.Event()
        tails = ("", "?since=0", "?since=%d" % since, "?since=%d&wait=2" % since)
        self.threads = [threading.Thread(target=self.poll, args=(w, "/exports/" + name + t), daemon=True) for t in tails * 2]
        for t in self.threads:
            t.start()

    def poll(self, w, path):
        c = w.node.client(timeout=60)
        while not self.stop.is_set():
            t = time.monotonic()
            a = c.get(path)
            self.seen.append((t, a.status, SECRET in a.text(), path))

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(90)

    def after(self, t):
        return [s for s in self.seen if s[0] > t]


def judge(p, since, what):
    """Asked after it was in force."""
    old = [s for s in p.after(since) if s[2]]
    ok(not old and p.after(since), "%s: nothing old in %d answers" % (what, len(p.after(since))), old[:3])


def files_of(w):
    return sorted(os.listdir(w.files)) if os.path.isdir(w.files) else []


def run():
    with World() as w:
        w.subscribe("it", "domain-list", path="it.txt")
        w.event([("domain", "n%d.example" % i) for i in range(400)], ["tlp:clear"])
        w.event([("domain", SECRET)], ["tlp:amber"])
        all_of = ["n%d.example" % i for i in range(400)] + [SECRET]
        w.becomes("it", all_of, "a set with something amber")
        names = ["it.txt" + s for s in ("", ".gz", ".md5", ".sha256")]
        ok(wait_for(lambda: files_of(w) == names and
                    SECRET in open(os.path.join(w.files, "it.txt"), encoding="utf-8").read()), "its file", files_of(w))
        serial, body = w.whole("it")
        turns = (("narrower TLP", lambda: w.reload(edge=EDGE.replace("amber+strict", "green"))),
                 ("no audience", lambda: w.reload(edge=None)),
                 ("another kind of audience", lambda: w.reload(edge=EDGE.replace("export", "stream"))),
                 ("another filter", lambda: w.edit("it", filter={"value": "n%"})),
                 ("another name", lambda: w.edit("it", name="that")),
                 ("switched off", lambda: w.edit("it", enabled=False)))
        for what, turn in turns:
            p = Pollers(w, "it", serial - 1)
            wait_for(lambda: len(p.seen) > 30 and any(s[2] for s in p.seen))
            ok(any(s[2] for s in p.seen), what + ": before, it comes")
            turn()
            t = time.monotonic()
            wait_for(lambda: len(p.after(t)) > 40)
            time.sleep(0.5)
            p.end()
            judge(p, t, what)
            gone = "name" not in what  # a new name is not a new set
            wait_for(lambda: not gone or "it.txt" not in files_of(w) or SECRET not in open(os.path.join(w.files, "it.txt"), encoding="utf-8").read())
            ok(not gone or "it.txt" not in files_of(w) or SECRET not in open(os.path.join(w.files, "it.txt"), encoding="utf-8").read(), what + ": nor is it in the file")
            if "off" in what or what == "no audience":
                same(files_of(w), [], what + ": no file is left")
            # and all as before
            w.reload(edge=EDGE)
            w.edit("that" if "name" in what else "it", name="it", filter={}, enabled=True)
            w.becomes("it", all_of, what + ": and back")
            last, (serial, now) = serial, w.whole("it")
            ok(serial >= last and now == body, what + ": the same set, the serial has not gone back", (last, serial))
        w.edit("it", path="other.txt")
        wait_for(lambda: len(files_of(w)) == 4 and files_of(w)[0] == "other.txt")
        same(files_of(w), [n.replace("it", "other", 1) for n in names], "a file of another name, instead")
        a = w.c.post("/tocsin/subscriptions/add", {"name": "two", "format": "values", "audience": "edge", "path": "other.txt"})
        ok(a.status == 403 and "Another subscription" in a.text(), "a file belongs to one", a.text())
        for bad in ({"tagz": "tlp:green"}, {"comment": "x"}, {"request": {"value": "x"}}, {"last": "7d"}):
            a = w.c.post("/tocsin/subscriptions/add", {"name": "two", "format": "values", "audience": "edge", "filter": bad})
            ok(a.status == 403 and '"filter"' in a.text(), "no filter that a search would pass over: %s" % bad, a.text())
        for bad in ("../x", "a/b", ".x", "x.gz", "x.md5", "x.sha256", "-x", "x\n"):
            same(w.c.post("/tocsin/subscriptions/add", {"name": "two", "format": "values", "audience": "edge", "path": bad}).status, 403, "no name of a file: %r" % bad)
        p = Pollers(w, "it", serial - 1)
        wait_for(lambda: len(p.seen) > 30)
        w.must(w.c.post("/tocsin/subscriptions/delete/it"), "delete")
        t = time.monotonic()
        wait_for(lambda: len(p.after(t)) > 30)
        p.end()
        judge(p, t, "deleted")
        wait_for(lambda: not files_of(w))
        same(files_of(w), [], "deleted: no file is left")
