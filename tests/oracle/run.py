#!/usr/bin/env python3
"""run.py - the gate and the second opinion on the same random cases.

    run.py [--first N] [--cases N] [--seconds S] [--seed N] --eval PROGRAM

--seed N tells one case with both answers. Ends with 1 when they differ.
"""
import argparse
import collections
import json
import subprocess
import sys
import time

import cases
import compare


def ask(program, batch):
    lines = []
    for c in batch:
        c = dict(c)
        c["policy"] = json.dumps(c["policy"])
        lines.append(json.dumps(c))
    done = subprocess.run([program], input="\n".join(lines) + "\n", capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr)
        sys.exit("gate_eval ended with %d" % done.returncode)
    return [json.loads(x) for x in done.stdout.splitlines()]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--eval", required=True)
    p.add_argument("--first", type=int, default=1)
    p.add_argument("--cases", type=int, default=100000)
    p.add_argument("--seconds", type=float, default=0)
    p.add_argument("--seed", type=int)
    p.add_argument("--show", type=int, default=10)
    a = p.parse_args()
    if a.seed is not None:
        a.first, a.cases = a.seed, 1
    began, done, wrong, sums = time.monotonic(), 0, [], collections.Counter()
    while done < a.cases and (not a.seconds or time.monotonic() - began < a.seconds):
        batch = [cases.make(a.first + done + i) for i in range(min(500, a.cases - done))]
        answers = ask(a.eval, batch)
        if len(answers) != len(batch):
            sys.exit("%d answers to %d cases" % (len(answers), len(batch)))
        for case, answer in zip(batch, answers):
            faults = compare.differences(case, answer)
            sums.update(compare.summary(case, answer))
            if faults:
                wrong.append((case, answer, faults))
        done += len(batch)
    tell(a, done, wrong, sums, time.monotonic() - began)
    return 1 if wrong else 0


def tell(a, done, wrong, sums, took):
    if a.seed is not None:
        for case, answer, _ in wrong or []:
            print(json.dumps(case, indent=1))
            print(json.dumps(answer, indent=1))
    kinds = collections.Counter()
    for case, _, faults in wrong:
        for f in faults:
            kinds[f[0]] += 1
            if kinds[f[0]] <= a.show:
                print("case %d: %s: %s" % (case["n"], f[0], f[1]))
    for what, n in sorted(kinds.items()):
        print("DIFFERENT %6d  %s" % (n, what))
    print("%d cases in %.1f s, %d differ (%s)" % (done, took, len(wrong), ", ".join(
        "%s %d" % x for x in sorted(sums.items()))))


if __name__ == "__main__":
    sys.exit(main())
