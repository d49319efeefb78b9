#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plants bugs in the shipped sources, one patch at a time, and expects the test that each patch names to go red.

A check that never fails proves nothing. Each planted/*.patch begins with

    name: what it breaks
    Killed by: unit/store_test some_case

The test is tests/unit/store_test.c and the like, the same with sanitizers (san/unit/store_test), the simulation
sim/selector_sim, sim/powercut_sim with one of its stories, or host/test_cli.py::some_test; the case is
optional. The patch is applied to a private copy of the
sources, only that test is built, and it has to fail, and so does the case, which runs alone where that is possible.
A patch that does not apply any more, or does not compile, counts as a failure.

What was killed is kept in build/mutants/planted.json, for as long as the patch, the files that it changes and its test
stay as they are: a run of all of them can be stopped, and goes on.

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
from private_tree import ROOT, WORK, Red, Tree, case_source, check_green, digest, failed_cases, green_alone, last_words
from private_tree import prepare

PATCHES = Path(__file__).parent / "planted"
QUICK = "sim/selector_sim"
STORIES = "sim/powercut_sim"        # its cases are stories, each of which can be run alone
CACHE = WORK / "planted.json"
COSTS = 3           # seconds of processor time for one, as a rule
HEADER = re.compile(r"^(?P<name>[a-z0-9-]+): (?P<what>.+)\nKilled by: (?P<test>\S+)(?: (?P<case>\S+))?\n")


class Patch:
    """A planted bug: its header, and the files that it changes."""

    def __init__(self, path: Path):
        text = path.read_text()
        match = HEADER.match(text)
        if not match or match["name"] != path.stem:
            raise SystemExit(f"{path.relative_to(ROOT)}: does not begin with '{path.stem}: what it breaks' and "
                             "'Killed by: test'")
        self.path = path
        self.name, self.what, self.test, self.case = match["name"], match["what"], match["test"], match["case"]
        self.files = re.findall(r"^\+\+\+ b/(\S+)", text, re.M)
        self.text = text

    def key(self) -> str:
        """Changes when anything changes that its verdict rests on."""
        there = [path.read_text() for path in (ROOT / name for name in self.files) if path.exists()]
        return digest(self.text, *there, case_source(self.test, [self.case] if self.case else []))

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
        return {"name": self.patch.name, "what": self.patch.what, "test": self.patch.test, "killed": self.killed,
                "cases": self.cases, "words": self.words}


def plant(tree: Tree, patch: Patch, alone: bool) -> Verdict:
    texts, wrong = patch.apply(tree)
    if wrong:
        return Verdict(patch, False, wrong, [])
    with tree.changed(texts):
        built, output = tree.build(patch.test)
        if not built:
            return Verdict(patch, False, "does not build: " + last_words(output), [])
        try:
            if alone:
                tree.test(patch.test, case=patch.case)
        except Red as red:
            return Verdict(patch, True, last_words(str(red)), [patch.case])
        return whole(tree, patch)


def whole(tree: Tree, patch: Patch) -> Verdict:
    """What all of the test says of the bug that is planted."""
    try:
        if patch.test == STORIES and patch.case:
            tree.story(patch.case)
        else:
            tree.test(patch.test)
    except Red as red:
        cases = failed_cases(str(red))
        if patch.case and patch.case not in cases:
            others = f"{patch.test} went red, but not its {patch.case}: {' '.join(cases[:5])}"
            return Verdict(patch, False, others, cases)
        return Verdict(patch, True, last_words(str(red)), cases[:8])
    return Verdict(patch, False, f"SURVIVED: {patch.test} stayed green", [])


def known() -> dict[str, dict]:
    return json.loads(CACHE.read_text()) if CACHE.exists() else {}


def remember(verdict: Verdict) -> None:
    """Kills only."""
    if verdict.killed:
        part = CACHE.with_suffix(".part")
        part.write_text(json.dumps({**known(), verdict.patch.key(): verdict.entry()}, indent=1))
        part.replace(CACHE)


def plant_all(patches: list[Patch], jobs: int) -> list[Verdict]:
    minutes = len(patches) * COSTS // 60 + 1
    print(f"planted: {len(patches)} to be tried, about {minutes} minutes of processor time", flush=True)
    tests = sorted({patch.test for patch in patches})
    trees = prepare(jobs, tests)
    cases = check_green(trees[0], tests)
    alone = {p.name: p.case in cases[p.test] and green_alone(trees[0], p.test, p.case) for p in patches}
    free, lock = list(trees), threading.Lock()

    def one(patch: Patch) -> Verdict:
        with lock:
            tree = free.pop()
        try:
            verdict = plant(tree, patch, alone[patch.name])
        finally:
            with lock:
                free.append(tree)
        with lock:
            remember(verdict)
        print(f"{'killed  ' if verdict.killed else 'SURVIVED'} {patch.name}: {patch.test}: {verdict.words}", flush=True)
        return verdict

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, patches))


def verdicts_of(patches: list[Patch], jobs: int, cached: dict[str, dict]) -> list[Verdict]:
    """What is known, and the rest planted now."""
    entries = {patch.name: cached.get(patch.key()) for patch in patches}
    rest = [patch for patch in patches if entries[patch.name] is None]
    now = {verdict.patch.name: verdict for verdict in (plant_all(rest, jobs) if rest else [])}
    return [now.get(p.name) or Verdict(p, True, entries[p.name]["words"], entries[p.name]["cases"]) for p in patches]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", type=int, default=2, metavar="JOBS")
    parser.add_argument("--quick", action="store_true", help=f"only those killed by {QUICK}")
    parser.add_argument("--fresh", action="store_true", help="forget what is known")
    parser.add_argument("names", nargs="*", help="patches to plant; default: all")
    args = parser.parse_args()
    patches = [Patch(path) for path in sorted(PATCHES.glob("*.patch"))]
    unknown = set(args.names) - {patch.name for patch in patches}
    if unknown:
        parser.error(f"no patch {sorted(unknown)[0]} in {PATCHES.relative_to(ROOT)}/")
    patches = [p for p in patches if (not args.names or p.name in args.names) and (not args.quick or p.test == QUICK)]
    if args.fresh:
        CACHE.unlink(missing_ok=True)
    verdicts = verdicts_of(patches, args.j, {} if args.names or args.quick else known())
    killed = sum(verdict.killed for verdict in verdicts)
    if not args.names and not args.quick:
        report.write(planted=len(verdicts), killed=killed, survived=len(verdicts) - killed,
                     survivors=[v.patch.name for v in verdicts if not v.killed], mutants=[v.entry() for v in verdicts])
    print(f"planted: {killed} passed, {len(verdicts) - killed} failed")
    return 0 if killed == len(verdicts) and killed else 1


if __name__ == "__main__":
    sys.exit(main())
