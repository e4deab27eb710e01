"""
Files for sensors, each format on hostile values: counted, read back (rows.py), changed, and given to the
sensor's own parser where there is one (consumers.py). SENSORS_N sets how many ordinary indicators come with the
hostile ones, SENSORS_SEED which; names of formats as arguments
(or "pages", for the manual's) run these alone.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import consumers  # noqa: E402
import idsrules  # noqa: E402,F401 (its rows)
import pages  # noqa: E402
import rows  # noqa: E402
import world  # noqa: E402

BUILD = os.environ.get("top_builddir", ".")
TOOL = os.path.join(BUILD, "tests/sensors/sensor_file")
faults = []
checks = 0


def tool(*args):
    p = subprocess.run([TOOL, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if p.returncode:
        raise rows.Bad("sensor_file %s: %s" % (" ".join(args[:2]), p.stderr.decode(errors="replace")[-2000:]))
    return p.stdout, p.stderr


def check(cond, what):
    global checks
    checks += 1
    if not cond:
        faults.append(what)
        print("not ok:", what[:600])


def indicators(name, file):
    out = []
    for line in tool("list", name, file)[0].decode().split("\n")[:-1]:
        kind, value = line.split("\t")
        out.append((kind, bytes.fromhex(value).decode()))
    return out


def few(counter):
    return [str(k)[:200] for k in list(counter)[:4]]


def one_file(name, row, fmt, lists, params):
    """A whole file: what must be in it is, what cannot be is counted, nothing else is."""
    given = ["%s=%s" % kv for kv in params.items()]
    what = name + (" " + " ".join(given) if given else "")
    raw, told = tool("full", name, lists[0], *given)
    told = json.loads(told.decode().splitlines()[-1])
    text = raw if "binary" in fmt["flags"] else raw.decode("utf-8")
    want, allowed, left_out, maybe = Counter(), Counter(), 0, 0
    for kind, value in fmt["indicators"]:
        keys = row.key(kind, value, params)
        if keys == "maybe":  # so long that it may be left out
            maybe += 1
        elif isinstance(keys, rows.Maybe):
            maybe += 1
            allowed.update(keys)
        elif keys is None:
            left_out += 1
        else:
            want.update(keys)
    got = row.parse(text, params)
    if row.compare:
        wrong = row.compare(got, want)
        check(not wrong, "%s: %s" % (what, wrong))
        got = want
    if allowed:
        got = want & got | (got - want) - allowed
    if maybe:
        got = Counter({k: n for k, n in got.items() if k in want or sum(len(str(f)) for f in k) < 2000})
    check(got == want, "%s: read back, missing %s, too many %s" % (what, few(want - got), few(got - want)))
    check(left_out <= told["left_out"] <= left_out + maybe, "%s: left out %d, should be %d" % (what, told["left_out"], left_out))
    return text


def changes(name, row, fmt, lists, params):
    given = ["%s=%s" % kv for kv in params.items()]
    if "whole" in fmt["flags"]:
        return
    old, new = (tool("full", name, f, *given)[0].decode() for f in lists[1:])
    diff = tool("change", name, *lists[1:], *given)[0].decode()
    if row.change:
        gone, come = row.change(diff, params)
        before, after = (getattr(row, "state", row.parse)(t, params) for t in (old, new))
    else:
        lines = diff.split("\n")[:-1]
        gone, come = (Counter(l[1:] for l in lines if l.startswith(sign)) for sign in "-+")
        check(all(l[:1] in ("-", "+") for l in lines), name + ": each line of a change has its sign")
        before, after = Counter(old.split("\n")), Counter(new.split("\n"))
    check(not gone - before, "%s: only what is there goes: %s" % (name, few(gone - before)))
    check(before - gone + come == after, "%s %s: old and change are new: %s %s" %
          (name, given, few(before - gone + come - after), few(after - (before - gone + come))))
    check(gone or come or before == after, name + ": something changed")


def main():
    n = int(os.environ.get("SENSORS_N", "3000"))
    seed = int(os.environ.get("SENSORS_SEED", "1"))
    formats = {}
    for line in tool("formats")[0].decode().splitlines():
        d = json.loads(line)
        formats[d["name"]] = d
    check(not set(formats) - set(rows.ROWS), "each format has a row in rows.py: %s" % sorted(set(formats) - set(rows.ROWS)))
    check(not set(rows.ROWS) - set(formats), "each row has a format: %s" % sorted(set(rows.ROWS) - set(formats)))
    for name, fmt in formats.items():
        for p, (fallback, doc, good) in fmt["params"].items():
            check(good, "%s: the fallback %r of %s is good" % (name, fallback, p))
            for bad in ("x; y", "a b", "\n", "x\"", "$(id)", "../x"):
                if subprocess.run([TOOL, "full", name, "/dev/null", "%s=%s" % (p, bad)], capture_output=True, check=False).returncode == 0:
                    check(False, "%s: %s takes %r" % (name, p, bad))
    wanted = [f for f in formats if f in rows.ROWS and (not sys.argv[1:] or f in sys.argv[1:])]
    skipped, slow = set(), []
    with tempfile.TemporaryDirectory(prefix="sensors.") as tmp:
        lists = []
        for i, group in enumerate(world.World(seed).lists(n)):
            lists.append(os.path.join(tmp, "list%d" % i))
            with open(lists[-1], "w", encoding="ascii") as f:
                f.write("\n".join(group) + "\n")
        for name in wanted:
            start = time.monotonic()
            row, fmt = rows.ROWS[name], formats[name]
            try:
                fmt["indicators"] = indicators(name, lists[0])
                for i, params in enumerate(row.variants):
                    text = one_file(name, row, fmt, lists, params)
                    if i < 2:
                        changes(name, row, fmt, lists, params)
                    told = consumers.check(name, text, params, tmp)
                    if told:
                        skipped.add(told)
            except Exception as e:  # noqa: BLE001
                if not isinstance(e, (rows.Bad, consumers.Rejected)):
                    import traceback
                    traceback.print_exc()
                check(False, "%s: %s: %s" % (name, type(e).__name__, e))
            slow.append((time.monotonic() - start, name))
        if not sys.argv[1:] or "pages" in sys.argv[1:]:
            pages.run(check, formats, tmp, skipped)
    for s in sorted(skipped):
        print("# not tried:", s)
    print("# slowest:", ", ".join("%s %.1f s" % (b, a) for a, b in sorted(slow, reverse=True)[:5]))
    print("%d formats, %d checks, %d faults" % (len(wanted), checks, len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
