"""Run the tool as a user would, and count what was checked."""
import json
import os
import pty
import select
import subprocess
import sys

TOOL = os.environ.get("TOCSIN", "tocsin")
failures = []
checked = 0


def check(good, what, detail=""):
    """One check; goes on after a failure."""
    global checked
    checked += 1
    print("%s %d - %s" % ("ok" if good else "not ok", checked, what))
    if not good:
        failures.append(what)
        if detail != "":
            print("#   " + str(detail)[:2000].replace("\n", "\n#   "))
    sys.stdout.flush()
    return good


def is_equal(got, want, what):
    return check(got == want, what, "got  %r\nwant %r" % (got, want))


class Done:
    """What one run of the tool gave."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return "exit %s\n%s\n%s" % (self.code, self.out, self.err)


class Tool:
    """The tool for one node."""

    used = set()  # first two words of every call, to see that no command was forgotten

    def __init__(self, node=None, env=None):
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_")}
        if node:
            self.env["TOCSIN_CONFIG"] = os.path.join(node.folder, "tocsin.yaml")
        self.env.update(env or {})

    def run(self, *args, stdin=b"", env=None):
        Tool.used.add(tuple(a for a in args if not a.startswith("-"))[:2])
        e = dict(self.env, **(env or {}))
        p = subprocess.run([TOOL] + list(args), input=stdin, env=e, capture_output=True, timeout=300)
        return Done(p.returncode, p.stdout.decode("utf-8", "replace"),
                    p.stderr.decode("utf-8", "replace"))

    def want(self, code, *args, **kw):
        """Run and check the exit code."""
        d = self.run(*args, **kw)
        check(d.code == code, "%s: exit %d" % (" ".join(args)[:70], code), d)
        return d

    def json(self, code, *args, **kw):
        """Run with --json: exit code, valid JSON; the document."""
        d = self.want(code, *args, "--json", **kw)
        try:
            return json.loads(d.out)
        except ValueError as e:
            check(False, "%s: JSON" % " ".join(args)[:70], "%s\n%r" % (e, d))
            return None

    def terminal(self, *args, env=None):
        """Run on a terminal of 100 columns; what it wrote to both outputs."""
        master, slave = pty.openpty()
        e = dict(self.env, TERM="xterm", COLUMNS="100", **(env or {}))
        p = subprocess.Popen([TOOL] + list(args), stdin=slave, stdout=slave, stderr=slave, env=e,
                             start_new_session=True)
        os.close(slave)
        out = b""
        while True:
            if not select.select([master], [], [], 60)[0]:
                p.kill()
                break
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        os.close(master)
        return Done(p.wait(60), out.decode("utf-8", "replace"), "")


def commands():
    """Names of all commands, from the tool's own help."""
    out = Tool().run("help").out
    part = out.split("\nCommands\n", 1)[1].split("\nOptions\n", 1)[0]
    names = []
    for line in part.splitlines():
        if line.startswith("  ") and not line.startswith("   "):
            words = []
            for w in line.split("  ")[1].split():
                if not w.islower() or not w.isalpha():
                    break
                words.append(w)
            names.append(tuple(words))
    return names


def finish():
    print("1..%d" % checked)
    print("# %d checks, %d failed" % (checked, len(failures)))
    return 1 if failures else 0
