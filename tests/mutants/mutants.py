#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plants bugs in the shipped sources, one at a time, and expects the tests that each names to go red.

A check that never fails proves nothing. The bugs are those that the sweep (sweep.py) cannot make: a wrong order, a
missing flush, a wrong rule. planted.py says how planted/*.bugs are written. Each names the tests that must notice:

    Killed by: unit/store_test some_case

The test is tests/unit/store_test.c and the like, the same with sanitizers (san/unit/store_test), the simulations
sim/selector_sim and sim/linear_sim, sim/powercut_sim, sim/ioerr_sim, sim/filecut_sim and sim/fleetcut_sim with one of
their stories, or host/test_cli.py::some_test; the case is optional. Options of the simulation follow it:

    Killed by: sim/ioerr_sim trial --every 20

Several such lines are several tests, each of which must notice. The bug is planted in a private copy of the sources,
only that test is built, and it must fail, and so must the case, which runs alone where that is possible. A bug that
does not fit the sources any more, or does not compile, counts as a failure.

What was killed is kept in build/mutants/planted.json, for as long as the bug, the files that it changes and its test
with all that it is made with (basis.py) stay as they are: a run of all of them can be stopped, and goes on.

Example: tests/mutants/mutants.py                     all of them that are not known yet
         tests/mutants/mutants.py --fresh             all of them
         tests/mutants/mutants.py --quick             those that the small walk of the selector's simulation must notice
         tests/mutants/mutants.py --check             only whether each fits the sources
         tests/mutants/mutants.py seal-left-out       one, by its name
"""

import argparse
import json
import shlex
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import planted
import report
from basis import basis
from private_tree import ROOT, WORK, Red, Tree, check_green, digest, failed_cases, is_green, last_words, prepare

QUICK = "sim/selector_sim --small --stop"     # and a story
# Their cases are stories, each of which can be run alone.
STORIES = ("sim/powercut_sim", "sim/ioerr_sim", "sim/datacut_sim", "sim/filecut_sim", "sim/fleetcut_sim")
HOURS = "sim/powercut_sim"  # its heavy stories take so long where nothing is wrong: they are `make powercut`'s
CACHE = WORK / "planted.json"
COSTS = 3           # seconds of processor time for one, as a rule
CASE_CPU = 60       # seconds of processor time: whoever spins that long in one case hangs


class Killer:
    """One test, one of its cases or None, and options of a simulation."""

    def __init__(self, line: str):
        self.test, *words = shlex.split(line)
        self.case = words.pop(0) if words and not words[0].startswith("--") else None
        self.options = words

    def is_part(self) -> bool:
        """A story, or what options leave of a simulation: nothing else of it is run."""
        return bool(self.options or self.test in STORIES and self.case)

    def run_part(self, tree: Tree) -> str:
        return tree.story(self.test, self.case, self.options)

    def __str__(self) -> str:
        return shlex.join([self.test, *([self.case] if self.case else []), *self.options])


class Pair:
    """A planted bug and one of the tests that must notice it."""

    def __init__(self, bug: planted.Bug, killer: str):
        self.bug = bug
        self.name, self.what = bug.name, bug.what
        self.killer = Killer(killer)

    def key(self) -> str:
        """Changes when anything changes that its verdict rests on."""
        try:
            files = self.bug.files(ROOT)
        except planted.Wrong as wrong:
            return digest(str(wrong))
        return digest(*sorted(files.values()), str(self.killer), basis(self.killer.test, self.killer.case))

    def apply(self, tree: Tree) -> tuple[dict[str, str], str]:
        """The files as the bug leaves them, and an empty text; or why it cannot be planted."""
        try:
            return self.bug.files(tree.top), ""
        except planted.Wrong as wrong:
            return {}, f"does not fit the sources: {wrong}"


class Verdict:
    """What became of a planted bug."""

    def __init__(self, bug: Pair, killed: bool, words: str, cases: list[str]):
        self.bug, self.killed, self.words, self.cases = bug, killed, words, cases

    def entry(self) -> dict:
        return {"name": self.bug.name, "what": self.bug.what, "test": str(self.bug.killer), "killed": self.killed,
                "cases": self.cases, "words": self.words}


def plant(tree: Tree, bug: Pair, alone: bool) -> Verdict:
    killer = bug.killer
    texts, wrong = bug.apply(tree)
    if wrong:
        return Verdict(bug, False, wrong, [])
    with tree.changed(texts):
        built, output = tree.build(killer.test)
        if not built:
            return Verdict(bug, False, "does not build: " + last_words(output), [])
        try:
            if alone:
                tree.test(killer.test, cpu=CASE_CPU, case=killer.case)
        except Red as red:
            return Verdict(bug, True, last_words(str(red)), [killer.case])
        return whole(tree, bug)


def whole(tree: Tree, bug: Pair) -> Verdict:
    """What all of the test, or a story, says of the bug that is planted."""
    killer = bug.killer
    try:
        if killer.is_part():
            killer.run_part(tree)
        else:
            tree.test(killer.test)
    except Red as red:
        cases = failed_cases(str(red))
        if killer.case and killer.case not in cases:
            others = f"{killer.test} went red, but not its {killer.case}: {' '.join(cases[:5]) or last_words(str(red))}"
            return Verdict(bug, False, others, cases)
        return Verdict(bug, True, last_words(str(red)), cases[:8])
    return Verdict(bug, False, f"SURVIVED: {killer} stayed green", [])


def known() -> dict[str, dict]:
    return json.loads(CACHE.read_text()) if CACHE.exists() else {}


def remember(verdict: Verdict) -> None:
    """Kills only."""
    if verdict.killed:
        part = CACHE.with_suffix(".part")
        part.write_text(json.dumps({**known(), verdict.bug.key(): verdict.entry()}, indent=1))
        part.replace(CACHE)


def cases_alone(tree: Tree, killers: list[Killer]) -> dict[str, bool]:
    """Of each killer, whether its case can be run alone. What is red without any bug ends the program."""
    cases = check_green(tree, sorted({k.test for k in killers if not k.is_part() or k.test == HOURS}))
    found = {}
    for k in killers:
        if not k.is_part():
            found[str(k)] = k.case in cases[k.test] and is_green(tree, k.test, k.case,
                                                                 lambda k=k: tree.test(k.test, case=k.case))
            continue
        found[str(k)] = False
        if k.test != HOURS and not is_green(tree, k.test, str(k), lambda k=k: k.run_part(tree)):
            raise SystemExit(f"{k} is red without any mutation")
    return found


def plant_all(bugs: list[Pair], jobs: int) -> list[Verdict]:
    minutes = len(bugs) * COSTS // 60 + 1
    print(f"planted: {len(bugs)} to be tried, about {minutes} minutes of processor time", flush=True)
    trees = prepare(jobs, sorted({bug.killer.test for bug in bugs}))
    alone = cases_alone(trees[0], [bug.killer for bug in bugs])
    free, lock = list(trees), threading.Lock()

    def one(bug: Pair) -> Verdict:
        with lock:
            tree = free.pop()
        try:
            verdict = plant(tree, bug, alone[str(bug.killer)])
        finally:
            with lock:
                free.append(tree)
        with lock:
            remember(verdict)
        word = "killed  " if verdict.killed else "SURVIVED"
        print(f"{word} {bug.name}: {bug.killer}: {verdict.words}", flush=True)
        return verdict

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, bugs))


def verdicts_of(bugs: list[Pair], jobs: int, cached: dict[str, dict]) -> list[Verdict]:
    """What is known, and the rest planted now."""
    entries = {bug: cached.get(bug.key()) for bug in bugs}
    rest = [bug for bug in bugs if entries[bug] is None]
    now = {verdict.bug: verdict for verdict in (plant_all(rest, jobs) if rest else [])}
    return [now.get(p) or Verdict(p, True, entries[p]["words"], entries[p]["cases"]) for p in bugs]


def all_bugs() -> list[Pair]:
    """Each once for each test that has to notice it."""
    try:
        return [Pair(bug, killer) for bug in planted.read(planted.PLANTED) for killer in bug.killers]
    except planted.Wrong as wrong:
        raise SystemExit(str(wrong)) from None


def check() -> int:
    """Whether each fits the sources as they are."""
    found = planted.complaints(planted.PLANTED, ROOT)
    for line in found:
        print(line)
    return 1 if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", type=int, default=2, metavar="JOBS")
    parser.add_argument("--quick", action="store_true", help=f"only those killed by {QUICK} and a story")
    parser.add_argument("--check", action="store_true", help="only say which does not fit the sources")
    parser.add_argument("--fresh", action="store_true", help="forget what is known")
    parser.add_argument("names", nargs="*", help="bugs to plant; default: all")
    args = parser.parse_args()
    if args.check:
        return check()
    bugs = all_bugs()
    unknown = set(args.names) - {bug.name for bug in bugs}
    if unknown:
        parser.error(f"no bug {sorted(unknown)[0]} in {planted.PLANTED.relative_to(ROOT)}/")
    bugs = [p for p in bugs if (not args.names or p.name in args.names) and
            (not args.quick or str(p.killer).startswith(QUICK))]
    if args.fresh:
        CACHE.unlink(missing_ok=True)
    verdicts = verdicts_of(bugs, args.j, {} if args.names or args.quick else known())
    names = {verdict.bug.name for verdict in verdicts}
    survivors = sorted({verdict.bug.name for verdict in verdicts if not verdict.killed})
    killed = len(names) - len(survivors)
    if not args.names and not args.quick:
        report.write(planted=len(names), killed=killed, survived=len(survivors), survivors=survivors,
                     mutants=[verdict.entry() for verdict in verdicts])
    print(f"planted: {killed} passed, {len(survivors)} failed")
    return 0 if killed == len(names) and killed else 1


if __name__ == "__main__":
    sys.exit(main())
