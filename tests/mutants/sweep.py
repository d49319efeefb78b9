#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes away, one by one, each call that flushes, saves or verifies and each early return on an error in selector/ and
update/, and expects some test to notice.

A mutation that does not compile, or whose object is the same as before, is none. The others run against the tests that
are linked with their object, those of the same name first, until one is red; last against those with sanitizers. What
survives has to be explained in survivors.txt, in blocks of three lines: file; function and line and what was taken
away; why that does no harm.

What was found out is kept in build/mutants/sweep.json: a kill for as long as the source and the test that killed stay
as they are, a survivor for as long as the source and all its tests do. So it can be stopped, and goes on.

Example: tests/mutants/sweep.py                            everything that is not known yet
         tests/mutants/sweep.py --minutes 20               what can be done in 20 minutes
         tests/mutants/sweep.py selector/store.c           one file
         tests/mutants/sweep.py --list update/reader.c     only show the mutations
"""

import argparse
import hashlib
import json
import queue
import re
import sys
import threading
import time
from pathlib import Path

import c_mutations
import report
from private_tree import ROOT, WORK, Red, Tree, build_all, check_green, failed_cases, last_words, prepare, program, run

SWEPT = ("selector", "update")
SIMULATIONS = ("sim/selector_sim",)
WALKS = ("sim/filecut_sim", "sim/ioerr_sim", "sim/powercut_sim")    # a minute each, so only where asked for
CACHE = WORK / "sweep.json"
EXPLANATIONS = Path(__file__).parent / "survivors.txt"
FIRST = 6           # tests of the first round
GIVE_CPU = 5        # seconds, and four times what the test takes otherwise


def all_tests() -> list[str]:
    found = [path for kind in ("unit", "trace") for path in sorted((ROOT / "tests" / kind).glob("*_test.c"))]
    return [*(f"{path.parent.name}/{path.stem}" for path in found), *SIMULATIONS]


def is_namesake(test: str, file: str) -> bool:
    """unit/store_test and unit/store_errors_test are of selector/store.c, and of selector/store_manifest.c."""
    name, stem = test.rsplit("/", 1)[1].removesuffix("_test"), Path(file).stem
    return name == stem or stem.startswith(name + "_") or name.startswith(stem + "_")


def sanitized(file: str) -> list[str]:
    return ["san/" + test for test in all_tests() if test.startswith("unit/") and is_namesake(test, file)]


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def test_source(test: str) -> str:
    path = ROOT / "tests" / f"{test.removeprefix('san/')}.c"
    return path.read_text() if path.exists() else ""


class Mutant:
    """One mutation of one file, by the text of its line: numbers of lines change too easily."""

    def __init__(self, file: str, text: str, mutation: c_mutations.Mutation):
        begin = text.rfind("\n", 0, mutation.start) + 1
        self.file = file
        self.content = text
        self.mutated = text[:mutation.start] + mutation.new + text[mutation.end:]
        self.number = text.count("\n", 0, mutation.start) + 1
        self.line = text[begin:text.index("\n", mutation.start)].strip()
        self.what = mutation.what
        self.function = c_mutations.function(text, mutation.start)
        self.key = digest(file, self.mutated)

    def name(self) -> str:
        return f"{self.file}:{self.number}: {self.function}: {self.line} [{self.what}]"

    def label(self) -> tuple[str, str]:
        return self.file, f"{self.function}: {self.line} [{self.what}]"


def mutants_of(names: list[str]) -> list[Mutant]:
    known = c_mutations.returns(ROOT)
    found = []
    for name in names:
        text = (ROOT / name).read_text()
        found += [Mutant(name, text, m) for m in c_mutations.find(text, known)]
    return found


def explanations() -> dict[tuple[str, str], str]:
    """(file, line and what was taken away): why it does no harm. A * in the line stands for anything."""
    blocks = [block.strip().splitlines() for block in EXPLANATIONS.read_text().split("\n\n")]
    return {(b[0].strip(), b[1].strip()): " ".join(line.strip() for line in b[2:])
            for b in blocks if len(b) >= 3 and not b[0].startswith("#")}


def explanation(why: dict[tuple[str, str], str], m: Mutant) -> tuple[str, str] | None:
    """The one that fits."""
    file, label = m.label()
    for known_file, line in why:
        pattern = ".*".join(map(re.escape, line.split("*")))
        if known_file == file and re.fullmatch(pattern, label):
            return known_file, line
    return None


class Sweep:
    """The work, its workers and what they know."""

    def __init__(self, trees: list[Tree], deadline: float, walks: tuple[str, ...]):
        self.trees = trees
        self.deadline = deadline
        self.walks = walks
        self.lock = threading.Lock()
        self.known = json.loads(CACHE.read_text()) if CACHE.exists() else {}
        self.tests = {}         # of each file: the tests that are linked with its object
        self.seconds = {}       # of each test
        self.kills = {}         # (file, test): how often
        self.done = self.total = 0

    def find_tests(self, files: list[str]) -> None:
        """Which programs hold a function of the object, and how long they take. All have to be green as they are."""
        tree = self.trees[0]
        symbols = {test: set(self.defined(tree, program(test))) for test in all_tests()}
        for file in files:
            own = set(self.defined(tree, Path("build/obj") / Path(file).with_suffix(".o")))
            self.tests[file] = [test for test in symbols if own & symbols[test]]
        self.seconds = check_green(tree, sorted({t for tests in self.tests.values() for t in tests}))

    @staticmethod
    def defined(tree: Tree, path: Path) -> list[str]:
        status, output = run(["nm", "--defined-only", "-g", path], tree.top, 60)
        return [line.split()[-1] for line in output.splitlines() if " T " in line] if status == 0 else []

    def order(self, file: str) -> list[str]:
        """The most promising tests first: of the same name, then what has killed most here, then the quick ones."""

        def rank(test: str) -> tuple:
            kills = self.kills.get((file, test), 0)
            return test in WALKS, test.startswith("san/"), not is_namesake(test, file), -kills, self.seconds[test]
        return sorted(self.tests[file], key=rank)

    def plain(self, file: str) -> list[str]:
        return [test for test in self.tests[file] if not test.startswith("san/") and test not in WALKS]

    def remembered(self, m: Mutant) -> dict | None:
        entry = self.known.get(m.key)
        if entry is None:
            return None
        tests = [entry["by"]] if entry["result"] == "killed" else self.plain(m.file)
        return entry if entry["tests"] == digest(*map(test_source, tests)) else None

    def try_one(self, tree: Tree, m: Mutant, tests: list[str]) -> dict:
        obj = f"build/obj/{Path(m.file).with_suffix('.o')}"
        before = tree.code(obj)
        with tree.changed({m.file: m.mutated}):
            built, _ = tree.make(obj)
            if not built:
                return {"result": "none", "why": "does not compile"}
            if tree.code(obj) == before:
                return {"result": "none", "why": "the same object"}
            for test in tests:
                built, _ = tree.build(test)
                if not built:
                    return {"result": "none", "why": "does not link"}
                try:
                    tree.test(test, GIVE_CPU + 4 * int(self.seconds[test] + 1), small=True)
                except Red as red:
                    return {"result": "killed", "by": test, "cases": failed_cases(str(red))[:5],
                            "words": last_words(str(red))}
        return {"result": "survived"}

    def keep(self, m: Mutant, entry: dict) -> None:
        with self.lock:
            tests = [entry["by"]] if entry["result"] == "killed" else self.plain(m.file)
            self.known[m.key] = {**entry, "tests": digest(*map(test_source, tests)), "name": m.name()}
            if entry["result"] == "killed":
                self.kills[m.file, entry["by"]] = self.kills.get((m.file, entry["by"]), 0) + 1
            self.done += 1
            part = CACHE.with_suffix(".part")
            part.write_text(json.dumps(self.known, indent=1))
            part.replace(CACHE)

    def work(self, tree: Tree, todo: queue.Queue, last: bool, late: list[Mutant]) -> None:
        """First the tests that promise most; who survives them is late, and meets all others when the rest is done."""
        while time.monotonic() < self.deadline:
            try:
                m = todo.get_nowait()
            except queue.Empty:
                return
            tests = self.order(m.file)
            entry = self.try_one(tree, m, tests if last else tests[:FIRST])
            if entry["result"] == "survived" and not last:
                late.append(m)
                print(f"[...] {m.name()}: survived {len(tests[:FIRST])} tests", flush=True)
                continue
            self.keep(m, entry)
            said = {"killed": f"killed by {entry.get('by')}", "none": f"no mutant: {entry.get('why')}",
                    "survived": "SURVIVED"}[entry["result"]]
            print(f"[{self.done}/{self.total}] {m.name()}: {said}", flush=True)

    def round(self, mutants: list[Mutant], last: bool) -> list[Mutant]:
        todo, late = queue.Queue(), []
        for m in mutants:
            todo.put(m)
        workers = [threading.Thread(target=self.work, args=(tree, todo, last, late)) for tree in self.trees]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return late

    def go(self, mutants: list[Mutant]) -> None:
        unknown = [m for m in mutants if self.remembered(m) is None]
        self.total = len(unknown)
        print(f"sweep: {len(mutants)} mutations, {self.total} to be tried", flush=True)
        late = self.round(unknown, False)
        if late and time.monotonic() < self.deadline:
            self.add_slow(sorted({m.file for m in late}))
        self.round(late, True)

    def add_slow(self, files: list[str]) -> None:
        """The sanitizers and the walks, for what no other test noticed; building and running them takes its time."""
        for file in files:
            self.tests[file] += [*sanitized(file), *self.walks]
        tests = sorted({*self.walks, *(test for file in files for test in sanitized(file))})
        for tree in self.trees:
            build_all(tree, tests)
        self.seconds |= check_green(self.trees[0], tests)


def conclude(sweep: Sweep, mutants: list[Mutant], whole: bool) -> int:
    """Writes the report; the number of survivors that nobody explained, and of what was not tried."""
    why = explanations()
    entries = [(m, sweep.remembered(m)) for m in mutants]
    survived = [m for m, e in entries if e and e["result"] == "survived"]
    fits = {m.key: explanation(why, m) for m in survived}
    open_ones = [m for m in survived if fits[m.key] is None]
    killed = sum(1 for _, e in entries if e and e["result"] == "killed")
    untried = sum(1 for _, e in entries if e is None)
    if whole:
        report.write(sweep={
            "total": killed + len(survived), "killed": killed, "survived": [m.name() for m in open_ones],
            "explained": [{"mutation": m.name(), "why": why[fits[m.key]]} for m in survived if fits[m.key]],
            "not_mutants": sum(1 for _, e in entries if e and e["result"] == "none"), "untried": untried})
        stale = set(why) - set(fits.values())
        for file, label in sorted(stale) if not untried else []:
            print(f"survivors.txt explains what does not survive (any more): {file}: {label}")
    for m in open_ones:
        print(f"SURVIVED {m.name()}")
    print(f"sweep: {killed} killed, {len(survived) - len(open_ones)} explained, {untried} not tried, "
          f"{len(open_ones)} survived")
    return len(open_ones) + untried


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", type=int, default=2, metavar="JOBS")
    parser.add_argument("--minutes", type=float, default=24 * 60, help="stop starting new ones then")
    parser.add_argument("--thorough", action="store_true", help="survivors also meet " + ", ".join(WALKS))
    parser.add_argument("--fresh", action="store_true", help="forget what is known")
    parser.add_argument("--list", action="store_true", help="show the mutations, try none")
    parser.add_argument("files", nargs="*", help="default: all of " + ", ".join(f"{s}/" for s in SWEPT))
    args = parser.parse_args()
    files = args.files or [str(p.relative_to(ROOT)) for s in SWEPT for p in sorted((ROOT / s).glob("*.c"))]
    mutants = mutants_of(files)
    if args.list:
        print("\n".join(m.name() for m in mutants))
        return 0
    if args.fresh:
        CACHE.unlink(missing_ok=True)
    trees = prepare(args.j, all_tests())
    sweep = Sweep(trees, time.monotonic() + args.minutes * 60, WALKS if args.thorough else ())
    sweep.find_tests(files)
    try:
        sweep.go(mutants)
    except KeyboardInterrupt:
        return 130
    return 1 if conclude(sweep, mutants, not args.files) else 0


if __name__ == "__main__":
    sys.exit(main())
