#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plants bugs in the shipped sources, one patch at a time, and expects the test that each patch names to go red.

A check that never fails proves nothing. Each planted/*.patch begins with

    name: what it breaks
    Killed by: unit/store_test some_case

The test is tests/unit/store_test.c and the like, the same with sanitizers (san/unit/store_test), the simulations
sim/selector_sim, sim/filecut_sim and sim/linear_sim, sim/powercut_sim and sim/ioerr_sim with one of their stories, or
host/test_cli.py::some_test; the case is optional. What follows it are options of the simulation:

    Killed by: sim/ioerr_sim trial --every 20

Several such lines are several tests, each of which has to notice. The patch is applied to a private copy of the
sources, only that test is built, and it has to fail, and so does the case, which runs alone where that is possible.
A patch that does not apply any more, or does not compile, counts as a failure.

What was killed is kept in build/mutants/planted.json, for as long as the patch, the files that it changes and its test
with all that it is made with (basis.py) stay as they are: a run of all of them can be stopped, and goes on.

Example: tests/mutants/mutants.py                     all of them that are not known yet
         tests/mutants/mutants.py --fresh             all of them
         tests/mutants/mutants.py --quick             those that the selector's simulation has to notice
         tests/mutants/mutants.py seal-left-out       one, by its name
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import report
from basis import basis
from private_tree import ROOT, WORK, Red, Tree, check_green, digest, failed_cases, is_green, last_words, prepare

PATCHES = Path(__file__).parent / "planted"
QUICK = "sim/selector_sim"
STORIES = ("sim/powercut_sim", "sim/ioerr_sim")     # their cases are stories, each of which can be run alone
HOURS = "sim/powercut_sim"  # its heavy stories take so long where nothing is wrong: they are `make powercut`'s
CACHE = WORK / "planted.json"
COSTS = 3           # seconds of processor time for one, as a rule
CASE_CPU = 60       # seconds of processor time: whoever spins that long in one case hangs
HEADER = re.compile(r"^(?P<name>[a-z0-9-]+): (?P<what>.+)\n(?P<killers>(?:Killed by: \S.*\n)+)")


class Killer:
    """One test, one of its cases or None, and options of a simulation."""

    def __init__(self, line: str):
        self.test, *words = line.removeprefix("Killed by: ").split()
        self.case = words.pop(0) if words and not words[0].startswith("--") else None
        self.options = words

    def is_part(self) -> bool:
        """A story, or what options leave of a simulation: nothing else of it is run."""
        return bool(self.options or self.test in STORIES and self.case)

    def run_part(self, tree: Tree) -> str:
        return tree.story(self.test, self.case, self.options)

    def __str__(self) -> str:
        return " ".join([self.test, *([self.case] if self.case else []), *self.options])


class Patch:
    """A planted bug: its header, and the files that it changes; and one of those that have to notice."""

    def __init__(self, path: Path, number: int = 0):
        text = path.read_text()
        match = HEADER.match(text)
        if not match or match["name"] != path.stem:
            raise SystemExit(f"{path.relative_to(ROOT)}: does not begin with '{path.stem}: what it breaks' and "
                             "'Killed by: test'")
        self.path = path
        self.name, self.what = match["name"], match["what"]
        self.killers = [Killer(line) for line in match["killers"].splitlines()]
        self.killer = self.killers[number]
        self.files = re.findall(r"^\+\+\+ b/(\S+)", text, re.M)
        self.text = text

    def key(self) -> str:
        """Changes when anything changes that its verdict rests on."""
        there = [path.read_text() for path in (ROOT / name for name in self.files) if path.exists()]
        return digest(self.text, *there, str(self.killer), basis(self.killer.test, self.killer.case))

    def apply(self, tree: Tree) -> tuple[dict[str, str], str]:
        """The files as the patch leaves them, and an empty text; or why it does not apply."""
        with tempfile.TemporaryDirectory(prefix="keelboot-mutant-") as tmp:
            for name in self.files:
                if not (tree.top / name).exists():
                    return {}, f"does not apply: there is no {name} any more"
                (Path(tmp) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(tmp) / name).write_bytes((tree.top / name).read_bytes())
            done = subprocess.run(["patch", "-p1", "-s", "-F1", "-i", self.path], cwd=tmp, capture_output=True,
                                  text=True)
            if done.returncode != 0 or not self.files:
                return {}, "does not apply any more: " + " ".join(done.stdout.split())[:200]
            return {name: (Path(tmp) / name).read_text() for name in self.files}, ""


class Verdict:
    """What became of a planted bug."""

    def __init__(self, patch: Patch, killed: bool, words: str, cases: list[str]):
        self.patch, self.killed, self.words, self.cases = patch, killed, words, cases

    def entry(self) -> dict:
        return {"name": self.patch.name, "what": self.patch.what, "test": str(self.patch.killer),
                "killed": self.killed,
                "cases": self.cases, "words": self.words}


def plant(tree: Tree, patch: Patch, alone: bool) -> Verdict:
    killer = patch.killer
    texts, wrong = patch.apply(tree)
    if wrong:
        return Verdict(patch, False, wrong, [])
    with tree.changed(texts):
        built, output = tree.build(killer.test)
        if not built:
            return Verdict(patch, False, "does not build: " + last_words(output), [])
        try:
            if alone:
                tree.test(killer.test, cpu=CASE_CPU, case=killer.case)
        except Red as red:
            return Verdict(patch, True, last_words(str(red)), [killer.case])
        return whole(tree, patch)


def whole(tree: Tree, patch: Patch) -> Verdict:
    """What all of the test, or a story, says of the bug that is planted."""
    killer = patch.killer
    try:
        if killer.is_part():
            killer.run_part(tree)
        else:
            tree.test(killer.test)
    except Red as red:
        cases = failed_cases(str(red))
        if killer.case and killer.case not in cases:
            others = f"{killer.test} went red, but not its {killer.case}: {' '.join(cases[:5]) or last_words(str(red))}"
            return Verdict(patch, False, others, cases)
        return Verdict(patch, True, last_words(str(red)), cases[:8])
    return Verdict(patch, False, f"SURVIVED: {killer} stayed green", [])


def known() -> dict[str, dict]:
    return json.loads(CACHE.read_text()) if CACHE.exists() else {}


def remember(verdict: Verdict) -> None:
    """Kills only."""
    if verdict.killed:
        part = CACHE.with_suffix(".part")
        part.write_text(json.dumps({**known(), verdict.patch.key(): verdict.entry()}, indent=1))
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


def plant_all(patches: list[Patch], jobs: int) -> list[Verdict]:
    minutes = len(patches) * COSTS // 60 + 1
    print(f"planted: {len(patches)} to be tried, about {minutes} minutes of processor time", flush=True)
    trees = prepare(jobs, sorted({patch.killer.test for patch in patches}))
    alone = cases_alone(trees[0], [patch.killer for patch in patches])
    free, lock = list(trees), threading.Lock()

    def one(patch: Patch) -> Verdict:
        with lock:
            tree = free.pop()
        try:
            verdict = plant(tree, patch, alone[str(patch.killer)])
        finally:
            with lock:
                free.append(tree)
        with lock:
            remember(verdict)
        word = "killed  " if verdict.killed else "SURVIVED"
        print(f"{word} {patch.name}: {patch.killer}: {verdict.words}", flush=True)
        return verdict

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, patches))


def verdicts_of(patches: list[Patch], jobs: int, cached: dict[str, dict]) -> list[Verdict]:
    """What is known, and the rest planted now."""
    entries = {patch: cached.get(patch.key()) for patch in patches}
    rest = [patch for patch in patches if entries[patch] is None]
    now = {verdict.patch: verdict for verdict in (plant_all(rest, jobs) if rest else [])}
    return [now.get(p) or Verdict(p, True, entries[p]["words"], entries[p]["cases"]) for p in patches]


def all_patches() -> list[Patch]:
    """Each once for each test that has to notice it."""
    first = [Patch(path) for path in sorted(PATCHES.glob("*.patch"))]
    return [Patch(patch.path, number) for patch in first for number in range(len(patch.killers))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", type=int, default=2, metavar="JOBS")
    parser.add_argument("--quick", action="store_true", help=f"only those killed by {QUICK}")
    parser.add_argument("--fresh", action="store_true", help="forget what is known")
    parser.add_argument("names", nargs="*", help="patches to plant; default: all")
    args = parser.parse_args()
    patches = all_patches()
    unknown = set(args.names) - {patch.name for patch in patches}
    if unknown:
        parser.error(f"no patch {sorted(unknown)[0]} in {PATCHES.relative_to(ROOT)}/")
    patches = [p for p in patches
               if (not args.names or p.name in args.names) and (not args.quick or p.killer.test == QUICK)]
    if args.fresh:
        CACHE.unlink(missing_ok=True)
    verdicts = verdicts_of(patches, args.j, {} if args.names or args.quick else known())
    names = {verdict.patch.name for verdict in verdicts}
    survivors = sorted({verdict.patch.name for verdict in verdicts if not verdict.killed})
    killed = len(names) - len(survivors)
    if not args.names and not args.quick:
        report.write(planted=len(names), killed=killed, survived=len(survivors), survivors=survivors,
                     mutants=[verdict.entry() for verdict in verdicts])
    print(f"planted: {killed} passed, {len(survivors)} failed")
    return 0 if killed == len(names) and killed else 1


if __name__ == "__main__":
    sys.exit(main())
