"""machine.py - a node with an export audience, and a machine of its own in a folder: pages of the manual are run on
both as they are written, with other hosts, keys and paths."""
import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TESTS, "lib"))
sys.path.append(os.path.join(TESTS, "sensors"))
import node as nodelib  # noqa: E402

TOP = os.path.dirname(TESTS)
DOC = os.path.join(TOP, "contrib", "doc")
PATIENCE = float(os.environ.get("CONSUMERS_PATIENCE", "120"))  # for what takes a second when nothing else runs
TOOL = os.environ.get("TOCSIN", "tocsin")
SBIN = "/usr/sbin:/sbin:/usr/bin:/bin"
OWN = re.compile(r"(?<![\w./~-])/(?=(?:etc|var|opt|run|srv|usr/local)/)")  # paths of the machine
checked = 0
failures = []
skipped = []
pages = set()  # that were opened


def ok(good, what, detail=""):
    global checked
    checked += 1
    print("%s %d - %s" % ("ok" if good else "not ok", checked, what))
    if not good:
        failures.append(what)
        for line in str(detail)[-3000:].splitlines():
            print("#   " + line)
    sys.stdout.flush()
    return good


def same(got, want, what):
    return ok(got == want, what, "got  %r\nwant %r" % (got, want))


def skip(what, why):
    skipped.append(what)
    print("# SKIP %s: %s" % (what, why))


def wait_for(condition, patience=None):
    """The condition's value as soon as it is true; its last one when patience ends."""
    end = time.monotonic() + (patience or PATIENCE)
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":" + SBIN)


class Absent(Exception):
    """A program that is not installed here."""


def need(*names):
    for name in names:
        if not program(name):
            raise Absent("%s is not installed" % name)


# ---- pages ----

class Page:
    """Fenced blocks of a page, in order: (language, text)."""

    def __init__(self, name):
        with open(os.path.join(DOC, name), encoding="utf-8") as f:
            self.text = f.read()
        self.name = name
        pages.add(name)
        self.blocks = re.findall(r"^```([a-z0-9]+)\n(.*?)^```$", self.text, re.M | re.S)

    def of(self, language):
        return [t for l, t in self.blocks if l == language]

    def at_node(self):
        return [t for t in self.of("sh") if re.search(r"^tocsin (?!follow)", t, re.M)]

    def at_consumer(self):
        """What is run once and again: without what only follows."""
        return [t for t in self.of("sh") if t not in self.at_node() and "tocsin follow" not in t]

    def follows(self):
        return [t for t in self.of("sh") if "tocsin follow" in t]


# ---- the node ----

class Hub:
    """A node whose policy has the exports of subscriptions.md."""

    def __init__(self, folder, extra=()):
        page = Page("subscriptions.md")
        policy = os.path.join(folder, "policy.yaml")
        with open(policy, "w", encoding="utf-8") as f:
            f.write("use: [default]\n" + page.of("yaml")[0])
        self.node = nodelib.Node(os.path.join(folder, "node"), extra=["--policy", policy, *extra])
        self.node.start()
        self.api = self.node.client(timeout=300)
        org = self.must(self.api.get("/users/view/me"))["User"]["org_id"]
        user = self.must(self.api.post("/admin/users/add", {"email": "sensors@x.test", "org_id": org, "role_id": "6"}))["User"]
        self.read_key = self.must(self.api.post("/auth_keys/add/" + user["id"], {"comment": "sensors", "read_only": True}))["AuthKey"]["authkey_raw"]

    def must(self, a):
        if a.status != 200:
            raise AssertionError("%d %s" % (a.status, a.text()[:500]))
        return a.json()

    def event(self, *attributes, tags=("tlp:green",), info="consumers; \"quoted\""):
        rows = [{"type": t, "value": v, "to_ids": True, "distribution": "5"} for t, v in attributes]
        e = {"info": info, "distribution": "3", "threat_level_id": "1", "analysis": "2", "published": True, "Attribute": rows,
             "Tag": [{"name": t} for t in tags]}
        number = self.must(self.api.post("/events/add", {"Event": e}))["Event"]["id"]
        self.must(self.api.post("/events/publish/" + number))
        return number

    def delete(self, number):
        self.must(self.api.post("/events/delete/" + number))

    def at_rest(self):
        """All subscriptions hold what is published now."""
        def quiet():
            rows = self.must(self.api.get("/tocsin/subscriptions/index"))
            return all(r["Subscription"]["state"] == "ready" and not r["Subscription"].get("behind") for r in rows)
        wait_for(quiet)

    def holds(self, export, text, there=True):
        """Waits until the export has a text, or has it no more."""
        def now():
            a = self.api.get("/exports/" + export)
            return a.status == 200 and (text.encode() in a.body) == there
        return wait_for(now)


# ---- the machine ----

class Machine:
    """Paths of pages lie in `root`; programs that want to be told where are wrapped in `bin`."""

    def __init__(self, hub, root):
        self.hub, self.root, self.given = hub, root, {}
        self.services, self.holder = [], None
        os.makedirs(root, exist_ok=True)
        os.chmod(root, 0o755)
        self.bin = os.path.join(root, "bin")
        os.makedirs(self.bin)
        for d in ("etc", "var/lib", "usr/local/sbin", "usr/local/share", "run", "services"):
            os.makedirs(self.path("/" + d))
        self.env = dict(os.environ, PATH="%s:%s:%s:%s" % (self.bin, self.path("/usr/local/sbin"), os.environ["PATH"], SBIN), KEY=hub.read_key,
                        no_proxy="*", http_proxy="", LC_ALL="C.UTF-8")
        self.script("tocsin", 'exec "%s" "$@"' % os.path.abspath(TOOL))
        self.script("systemctl", 'case $1 in start|stop|restart|reload) exec "%s/services/$2" "$1" ;; esac\nexit 1' % root)

    def path(self, name):
        return self.root + name

    def script(self, name, text):
        path = name if os.path.isabs(name) else os.path.join(self.bin, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)
        return path

    def wrap(self, name, *more, before=()):
        """A program that is given more words than the page says: where its files are."""
        need(name)
        self.script(name, "exec %s" % " ".join([*before, program(name), *more, '"$@"']))

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def put(self, text, **given):
        """A block with the hosts, keys and paths of this machine."""
        text = text.replace("https://NODE", self.hub.node.url).replace("https://node.example", self.hub.node.url)
        for old, new in {**self.given, **given}.items():
            text = text.replace(old, new)
        return OWN.sub(self.root + "/", text)

    def sh(self, text, **given):
        return subprocess.run(["/bin/sh", "-e", "-c", self.put(text, **given)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=self.env, cwd=self.root, timeout=600, check=False, text=True, errors="replace")

    def run(self, text, what, **given):
        p = self.sh(text, **given)
        return ok(p.returncode == 0, what, p.stdout)

    def at_node(self, page):
        env = dict(self.env, TOCSIN_URL=self.hub.node.url, TOCSIN_KEY=self.hub.node.key)
        for block in page.at_node():
            p = subprocess.run(["/bin/sh", "-e", "-c", self.put(block)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env=env, cwd=self.root, timeout=600, check=False, text=True)
            ok(p.returncode == 0, "%s: at the node" % page.name, block + p.stdout)

    # services: started, reloaded and stopped by `systemctl`

    def service(self, name, *argv, reload="HUP"):
        s = self.path("/services/" + name)
        self.script(s, """pid=%s.pid
case $1 in
start) setsid %s >>%s.log 2>&1 </dev/null & echo $! >$pid ;;
stop) p=$(cat $pid); kill $p; while [ -e /proc/$p ] && ! grep -q '^State:.Z' /proc/$p/status; do sleep 0.05; done ;;
restart) $0 stop; $0 start ;;
reload) kill -%s $(cat $pid) ;;
esac""" % (s, " ".join("'%s'" % a for a in argv), s, reload))
        self.services.append(name)

    def systemctl(self, verb, name):
        p = subprocess.run([self.path("/services/" + name), verb], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=120)
        return p.returncode == 0

    def log(self, name):
        try:
            return self.read("/services/%s.log" % name).decode(errors="replace")
        except OSError:
            return "(no log)"

    def network(self):
        """A network of its own: the words before a program that is to run in it."""
        if not self.holder:
            self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up 2>/dev/null; echo in; exec sleep 7200"],
                                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if self.holder.stdout.readline() != b"in\n":
                self.end()
                raise Absent("no network namespace here")
        return ["nsenter", "-t", str(self.holder.pid), "-n"]

    def end(self):
        for name in self.services:
            self.systemctl("stop", name)
        self.services = []
        if self.holder:
            self.holder.kill()
            self.holder.wait()
            self.holder.stdout.close()
            self.holder = None


class Follow:
    """A block of `tocsin follow`, running."""

    def __init__(self, machine, text):
        keyfile = machine.write("/etc/tocsin/follow.key", machine.hub.read_key + "\n")
        os.chmod(keyfile, 0o600)
        env = dict(machine.env, XDG_STATE_HOME=machine.path("/var/lib/state"), HOME=machine.path("/var/lib"))
        self.log = open(machine.path("/services/follow.log"), "w+b")
        text = machine.put(text.replace("@KEYFILE", "@/etc/tocsin/follow.key"))
        self.p = subprocess.Popen(["/bin/sh", "-c", "exec " + text.strip()], stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, env=env, cwd=machine.root)

    def __enter__(self):
        return self

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def __exit__(self, *_):
        self.p.terminate()
        try:
            self.status = self.p.wait(60)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.status = self.p.wait()
        self.log.close()


# ---- who is there to be asked ----

def free_port():
    """Of TCP and UDP."""
    while True:
        with socket.socket() as t, socket.socket(type=socket.SOCK_DGRAM) as u:
            t.bind(("127.0.0.1", 0))
            try:
                u.bind(t.getsockname())
                return t.getsockname()[1]
            except OSError:
                continue


class Upstream:
    """A name server that knows each name: 192.0.2.99, but for those of `other`."""

    def __init__(self):
        self.other = {}
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                q, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            at, labels = 12, []
            while at < len(q) and q[at]:
                labels.append(q[at + 1:at + 1 + q[at]].decode(errors="replace"))
                at += 1 + q[at]
            question = q[12:at + 5]
            address = self.other.get(".".join(labels).lower(), "192.0.2.99")
            answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04" + socket.inet_aton(address) if question[-4:-2] == b"\0\1" else b""
            self.socket.sendto(q[:2] + b"\x85\x80\0\1" + (b"\0\1" if answer else b"\0\0") + b"\0\0\0\0" + question + answer, peer)

    def close(self):
        self.socket.close()


def ask(port, host, path="/", whole=None, **headers):
    """Status and body of an answer of a consumer, or of a server beside it; None while there is none."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    c.is_no_node = True
    try:
        c.putrequest("GET", whole or path, skip_host=True)
        c.putheader("Host", host)
        for k, v in headers.items():
            c.putheader(k, v)
        c.endheaders()
        r = c.getresponse()
        return r.status, r.read()
    except (OSError, http.client.HTTPException):
        return None, b""
    finally:
        c.close()


def lookup(port, name):
    """What a resolver says to a question for an address: NXDOMAIN, REFUSED, an address; None: nothing (yet)."""
    q = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0\0\1\0\1"
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        try:
            s.connect(("127.0.0.1", port))
            s.send(q)
            r = s.recv(4096)
        except OSError:
            return None
    if r[3] & 15:
        return {3: "NXDOMAIN", 5: "REFUSED"}.get(r[3] & 15)
    at = len(q)
    while at + 12 <= len(r) and int.from_bytes(r[6:8], "big"):
        at += 2 if r[at] >= 192 else r[at:].index(0) + 1
        kind, size = int.from_bytes(r[at:at + 2], "big"), int.from_bytes(r[at + 8:at + 10], "big")
        at += 10
        if kind == 1:
            return socket.inet_ntoa(r[at:at + 4])
        at += size
    return "nothing"


def folder():
    tmp = tempfile.TemporaryDirectory(prefix="tocsin-consumers-")
    os.chmod(tmp.name, 0o755)
    return tmp
