#!/usr/bin/env python3
"""Run the blocks of contrib/doc/first-steps.md on a fresh node, in order, and compare what they print.

Blocks `sh` run in one shell, blocks `python` in one Python; a block `text` is what the one before it
prints, with "…" for anything. Exit: 0 fine, 1 not, 77 something is missing.
"""
import contextlib
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import node as nodelib  # noqa: E402

PAGE = os.path.join(nodelib.TOP, "contrib", "doc", "first-steps.md")
END = "-- end of block --"


class Shell:
    def __init__(self, folder, env):
        self.p = subprocess.Popen(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  cwd=folder, env=dict(os.environ, **env), text=True)

    def run(self, text):
        text = re.sub(r"(?m)^export (TOCSIN|KEY)=.*\n", "", text)
        self.p.stdin.write(text + "\necho '%s'\n" % END)
        self.p.stdin.flush()
        out = []
        for line in self.p.stdout:
            if line.strip() == END:
                return "".join(out)
            out.append(line)
        raise AssertionError("the shell ended: " + "".join(out))


def blocks():
    with open(PAGE, encoding="utf-8") as f:
        return re.findall(r"(?ms)^```(sh|python|text)\n(.*?)^```$", f.read())


def like(want, got):
    pattern = ".*?".join(re.escape(x) for x in want.strip().split("…"))
    return re.fullmatch(pattern, got.strip(), re.S) is not None


def main():
    for tool in ("curl", "jq"):
        if not shutil.which(tool):
            nodelib.skip("no " + tool)
    if importlib.util.find_spec("pymisp") is None:
        nodelib.skip("no PyMISP")
    failed = n = 0
    with tempfile.TemporaryDirectory(prefix="tocsin-steps-") as folder, nodelib.Node() as node:
        shell = Shell(folder, {"TOCSIN": node.url, "KEY": node.key})
        os.chdir(folder)
        names, said = {}, ""
        for kind, text in blocks():
            if kind == "text":
                n += 1
                good = like(text, said)
                failed += not good
                print("%sok %d - %s" % ("" if good else "not ", n, text.split("\n")[0]))
                if not good:
                    print("# wanted:\n%s# got:\n%s" % (text, said))
            elif kind == "sh":
                said = shell.run(text)
            else:
                for name in ("READER", "ADA", "TOCSIN"):
                    value = shell.run("echo $%s" % {"ADA": "KEY"}.get(name, name)).strip()
                    os.environ[name] = value
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    exec(compile(text, PAGE, "exec"), names)  # the page is ours
                said = out.getvalue()
        shell.p.stdin.close()
        os.chdir("/")
    print("1..%d" % n)
    return 1 if failed or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
