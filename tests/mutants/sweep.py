#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes away, one by one, each call that flushes, saves or verifies and each way out on an error in selector/ and
update/, and expects some test to notice. In the sources of rules (RULES) also each part of a condition, and each
statement that changes the state.

All mutations of a source are compiled at once, each behind a switch (switches.py). One that does not compile, or whose
object is the same as before, is none. The others meet first the cases that killed their neighbours, then the tests of
the same name, one case after the other until one is red, then all that are linked with their object, last those with
sanitizers. What survives has to be explained in survivors.txt, in blocks of three lines: the file's base name; function
and line and what was taken away; why that does no harm. What is explained meets no more than the cases that killed its
neighbours, but for --thorough.

What was found out is kept in build/mutants/sweep.json: a kill for as long as the function and the case that killed,
with all that it is made with (basis.py), stay as they are, a survivor for as long as the function and all its tests
do, or it is explained. So it can be stopped, and goes on. Where one of these changed, the case that killed before is
asked first.

Example: tests/mutants/sweep.py                            everything that is not known yet
         tests/mutants/sweep.py --minutes 20               what can be done in 20 minutes
         tests/mutants/sweep.py selector/store_save.c           one file
         tests/mutants/sweep.py --list update/bundle/reader_open.c     only show the mutations
         tests/mutants/sweep.py --fresh                    everything anew
"""

import argparse
import collections
import contextlib
import json
import queue
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import c_mutations
import report
from basis import basis
from bench import Bench, Piece
from private_tree import ROOT, RUNS, SMALL, WORK, Red, Tree, build_all, check_green, digest, failed_cases
from private_tree import last_words, prepare, program, run
from switches import Board

SWEPT = ("selector", "update")
# Sources of rules: each part of a condition, and each statement that changes the state, goes too.
RULES = ("choose", "plan", "reset", "verdict")
SIMULATIONS = ("sim/selector_sim",)
WALKS = ("sim/filecut_sim", "sim/ioerr_sim", "sim/powercut_sim")    # a minute each, so only where asked for
CACHE = WORK / "sweep.json"
EXPLANATIONS = Path(__file__).parent / "survivors.txt"
COSTS = 1           # second of processor time for one mutation, as a rule
QUICK = 2           # seconds of a test that is run whole
RECENT = 8          # so many cases that killed neighbours come first
GIVE_CPU = 5        # seconds, and four times what the test takes otherwise
Shot = tuple[str, str]      # a test, and one of its cases, or "" for all of it


def all_tests() -> list[str]:
    found = [path for kind in ("unit", "trace") for path in sorted((ROOT / "tests" / kind).glob("*_test.c"))]
    return [*(f"{path.parent.name}/{path.stem}" for path in found), *SIMULATIONS]


def is_namesake(test: str, file: str) -> bool:
    """unit/store_test and unit/store_errors_test are of selector/store_save.c, and of selector/store_manifest.c."""
    return test.rsplit("/", 1)[1].split("_")[0] == Path(file).stem.split("_")[0]


def includes(test: str, file: str) -> bool:
    """It has the source in itself, and so not the object."""
    source = ROOT / "tests" / f"{test}.c"
    return source.exists() and f'#include "{file}"' in source.read_text()


def sanitized(file: str) -> list[str]:
    return ["san/" + test for test in all_tests()
            if test.startswith("unit/") and is_namesake(test, file) and not includes(test, file)]


class Mutant:
    """One mutation of one file. It is known by its function as it is then and what stands around the functions of the
    file: numbers of lines change too easily."""

    def __init__(self, file: str, text: str, mutation: c_mutations.Mutation, bodies: list[tuple[int, int]],
                 switch: int = 1):
        begin = text.rfind("\n", 0, mutation.start) + 1
        body = next((a, b) for a, b in bodies if a < mutation.start < b)
        around = "".join(text[a:b] for a, b in zip([0, *(b for _, b in bodies)], [*(a for a, _ in bodies), len(text)]))
        self.file, self.base, self.switch = file, Path(file).name, switch
        self.mutated = text[:mutation.start] + mutation.new + text[mutation.end:]
        self.number = text.count("\n", 0, mutation.start) + 1
        self.line = text[begin:text.index("\n", mutation.start)].strip()
        self.what = mutation.what
        self.function = c_mutations.function(text, mutation.start)
        self.key = digest(self.base, self.function, around, text[body[0]:mutation.start], mutation.new,
                          text[mutation.end:body[1]])

    def name(self) -> str:
        return f"{self.file}:{self.number}: {self.function}: {self.line} [{self.what}]"

    def label(self) -> tuple[str, str]:
        return self.base, f"{self.function}: {self.line} [{self.what}]"


def mutations_of(file: str, text: str, known: dict[str, str]) -> list[c_mutations.Mutation]:
    return c_mutations.find(text, known, Path(file).stem in RULES)


def mutants_of(names: list[str]) -> list[Mutant]:
    known = c_mutations.returns(ROOT)
    found = []
    for name in names:
        text = (ROOT / name).read_text()
        bodies = c_mutations.bodies(c_mutations.blanked(text))
        found += [Mutant(name, text, m, bodies, n) for n, m in enumerate(mutations_of(name, text, known), 1)]
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
    """The work, and what is known."""

    def __init__(self, tree: Tree, jobs: int, deadline: float, walks: tuple[str, ...]):
        self.tree = tree
        self.bench = Bench(tree)
        self.jobs = jobs
        self.deadline = deadline
        self.walks = walks
        self.lock = threading.Lock()
        self.known = json.loads(CACHE.read_text()) if CACHE.exists() else {}
        self.why = explanations()
        self.tests = {}         # of each file: the tests that are linked with its object
        self.cases = {}         # of each test: the seconds of its cases
        self.kills = {}         # of each file, by its base name: how often each shot killed there
        self.hints = {}         # of each label: the shot that killed it in another state of the sources
        self.boards = {}        # of some files: their programs with switches
        self.users = collections.Counter()      # of each file: who works with its board now
        self.sound = {}         # (file, shot): whether it is green with all switches off
        self.done = self.total = 0
        for entry in self.known.values():
            self.learn(entry)

    def learn(self, entry: dict) -> None:
        if entry["result"] == "killed":
            shot = entry["by"], (entry.get("cases") or [""])[0]
            file, _, label = entry["name"].split(":", 2)
            self.hints[Path(file).name, label.strip()] = shot
            self.kills.setdefault(Path(file).name, collections.Counter())[shot] += 1

    def find_tests(self, files: list[str]) -> None:
        """Which programs hold a function of the object, and how long they take. All have to be green as they are."""
        objects = {file: str(Path("build/obj") / Path(file).with_suffix(".o")) for file in files}
        programs = {test: str(program(test)) for test in all_tests()}
        symbols = self.functions([*objects.values(), *programs.values()])
        for file, obj in objects.items():
            self.tests[file] = [test for test, path in programs.items()
                                if symbols[obj] & symbols[path] and not includes(test, file)]
        self.cases = check_green(self.tree, sorted({t for tests in self.tests.values() for t in tests}))

    def functions(self, paths: list[str]) -> dict[str, set[str]]:
        """What each of them defines for others."""
        found = {path: set() for path in paths}
        for line in run(["nm", "-A", "--defined-only", "-g", *paths], self.tree.top, 600)[1].splitlines():
            path, _, rest = line.partition(":")
            if " T " in rest:
                found[path].add(rest.split()[-1])
        return found

    def seconds(self, test: str) -> float:
        return sum(self.cases[test].values())

    def namesakes(self, file: str) -> list[str]:
        """But for those with sanitizers, which come last: who has met all of these has not met them."""
        return [test for test in self.tests[file]
                if is_namesake(test, file) and test not in RUNS and not test.startswith("san/")]

    def pieces(self, test: str) -> dict[str, float]:
        """The cases of a test, or all of it where that is quick."""
        whole = self.seconds(test)
        return {"": whole} if whole <= QUICK else self.cases[test]

    def shots(self, m: Mutant) -> tuple[list[Shot], list[Shot]]:
        """What is most promising first: the case that killed it once, those that killed most here, the cases of the
        tests of the same name. And all others."""
        first = [self.hints[m.label()]] if m.label() in self.hints else []
        first += [shot for shot, _ in self.kills.get(m.base, collections.Counter()).most_common(RECENT)]
        first = [shot for shot in first if shot[0] in self.tests[m.file] and shot[1] in {"", *self.cases[shot[0]]}]
        names = self.namesakes(m.file)
        if explanation(self.why, m) and not self.walks:
            return list(dict.fromkeys(first)), []
        ours = [(seconds, test, case) for test in names for case, seconds in self.pieces(test).items()]
        first += [(test, case) for _, test, case in sorted(ours)]
        others = [test for test in self.tests[m.file] if test not in names]
        others.sort(key=lambda test: (test in WALKS, test.startswith("san/"), self.seconds(test)))
        return list(dict.fromkeys(first)), [(test, "") for test in others]

    def plain(self, file: str) -> list[str]:
        return [test for test in self.tests[file] if not test.startswith("san/") and test not in WALKS]

    def remembered(self, m: Mutant) -> dict | None:
        entry = self.known.get(m.key)
        if entry is None or (entry["result"] == "survived" and explanation(self.why, m)):
            return entry
        return entry if entry["tests"] == self.tests_digest(m, entry) else None

    def tests_digest(self, m: Mutant, entry: dict) -> str:
        if entry["result"] == "killed":
            return basis(entry["by"], (entry.get("cases") or [None])[0])
        return digest(*(basis(test, None) for test in self.plain(m.file))) if entry["result"] == "survived" else ""

    @contextlib.contextmanager
    def board(self, file: str):
        """A few are kept; one that somebody works with is."""
        with self.lock:
            if file not in self.boards:
                if len(self.boards) > 2 * self.jobs:
                    self.boards.pop(next(name for name in self.boards if not self.users[name])).close()
                text = (self.tree.top / file).read_text()
                mutations = mutations_of(file, text, c_mutations.returns(self.tree.top))
                self.boards[file] = Board(self.bench, file, text, mutations)
            self.users[file] += 1
            board = self.boards[file]
        try:
            yield board
        finally:
            with self.lock:
                self.users[file] -= 1

    def none(self, m: Mutant) -> str:
        """Why it is no mutant, if so."""
        text = (self.tree.top / m.file).read_text()
        with Piece(self.bench, m.file, text) as before, Piece(self.bench, m.file, m.mutated) as piece:
            if piece.object() is None:
                return "does not compile"
            return "the same object" if Bench.code(piece.object()) == Bench.code(before.object()) else ""

    def try_one(self, m: Mutant, shots: list[Shot]) -> dict:
        with self.board(m.file) as board:
            return self.try_on(board, m, shots)

    def try_on(self, board: Board, m: Mutant, shots: list[Shot]) -> dict:
        if m.switch not in board.mutations:
            return {"result": "none", "why": "does not compile"}
        for shot in shots:
            red = self.shoot(board, m.switch, shot)
            if red and self.is_sound(board, m.file, shot):
                cases = failed_cases(red) or ([shot[1]] if shot[1] else [])
                return {"result": "killed", "by": shot[0], "cases": cases[:5], "words": last_words(red)}
        why = self.none(m)
        return {"result": "none", "why": why} if why else {"result": "survived"}

    def is_sound(self, board: Board, file: str, shot: Shot) -> bool:
        with self.lock:
            known = self.sound.get((file, shot))
        if known is None:
            known = self.sound[file, shot] = not self.shoot(board, 0, shot)
        return known

    def shoot(self, board: Board, number: int, shot: Shot) -> str:
        """What the shot says if it is red."""
        test, case = shot
        folder = board.program(test, number)
        if folder is None:
            raise SystemExit(f"{test} does not link with switches")
        usual = self.cases[test].get(case, 0) if case else self.seconds(test)
        with folder as name:
            path = next(Path(name).iterdir())
            for arguments in SMALL.get(test, ([],)):
                try:
                    self.tree.attempt([path, *arguments], GIVE_CPU + 4 * int(usual + 1), case, usual)
                except Red as red:
                    return str(red)
        return ""

    def keep(self, m: Mutant, entry: dict) -> None:
        with self.lock:
            entry = {**entry, "tests": self.tests_digest(m, entry), "name": m.name()}
            self.known[m.key] = entry
            self.learn(entry)
            self.done += 1
            part = CACHE.with_suffix(".part")
            part.write_text(json.dumps(self.known, indent=1))
            part.replace(CACHE)

    def work(self, todo: queue.Queue, last: bool, late: list[Mutant]) -> None:
        """First the shots that promise most; who survives them is late, and meets the others when the rest is done."""
        while time.monotonic() < self.deadline:
            try:
                m = todo.get_nowait()
            except queue.Empty:
                return
            entry = self.try_one(m, self.shots(m)[last])
            if entry["result"] == "survived" and not last and (self.walks or not explanation(self.why, m)):
                late.append(m)
                print(f"[...] {m.name()}: survived the tests of its name", flush=True)
                continue
            self.keep(m, entry)
            said = {"killed": f"killed by {entry.get('by')} {' '.join(entry.get('cases', []))}",
                    "none": f"no mutant: {entry.get('why')}", "survived": "SURVIVED"}[entry["result"]]
            print(f"[{self.done}/{self.total}] {m.name()}: {said}", flush=True)

    def round(self, mutants: list[Mutant], last: bool) -> list[Mutant]:
        todo, late = queue.Queue(), []
        for m in mutants:
            todo.put(m)
        with ThreadPoolExecutor(self.jobs) as pool:
            for worker in [pool.submit(self.work, todo, last, late) for _ in range(self.jobs)]:
                worker.result()     # or what it died of
        return late

    def go(self, mutants: list[Mutant]) -> None:
        unknown = [m for m in mutants if self.remembered(m) is None]
        unknown.sort(key=lambda m: sum(map(self.seconds, self.namesakes(m.file))))      # the quick ones first
        self.total = len(unknown)
        minutes = self.total * COSTS // 60 + 1
        print(f"sweep: {len(mutants)} mutations, {self.total} to be tried, about {minutes} minutes of processor time; "
              "it can be stopped, and goes on", flush=True)
        late = self.round(unknown, False)
        if late and time.monotonic() < self.deadline:
            self.add_slow(sorted({m.file for m in late}))
        self.round(late, True)

    def add_slow(self, files: list[str]) -> None:
        """The sanitizers and the walks, for what no other test noticed; building and running them takes its time."""
        for file in files:
            self.tests[file] += [*sanitized(file), *self.walks]
        tests = sorted({*self.walks, *(test for file in files for test in sanitized(file))})
        build_all(self.tree, tests)
        self.cases |= check_green(self.tree, tests)


def conclude(sweep: Sweep, mutants: list[Mutant], whole: bool) -> int:
    """Writes the report; the number of survivors that nobody explained, and of what was not tried."""
    why = sweep.why
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
    files = args.files or [str(p.relative_to(ROOT)) for s in SWEPT for p in sorted((ROOT / s).rglob("*.c"))]
    mutants = mutants_of(files)
    if args.list:
        print("\n".join(m.name() for m in mutants))
        return 0
    if args.fresh:
        CACHE.unlink(missing_ok=True)
    deadline = time.monotonic() + args.minutes * 60
    sweep = Sweep(prepare(1, all_tests())[0], args.j, deadline, WALKS if args.thorough else ())
    sweep.find_tests(files)
    try:
        sweep.go(mutants)
    except KeyboardInterrupt:
        return 130
    return 1 if conclude(sweep, mutants, not args.files) else 0


if __name__ == "__main__":
    sys.exit(main())
