# SPDX-License-Identifier: Apache-2.0
"""A private copy of the sources, built by their own Makefile, in which one file at a time is changed.

Only the object of the changed file is compiled, and only the test that is asked for is linked. Of a cmocka program
one case can be run alone (tests/unit/filter.c).
"""

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build/mutants"
GREEN = WORK / "green.json"     # seconds of the tests that were green, by the hash of their program
FILES = ("Makefile", "README.md")
FOLDERS = ("channel", "cli", "fleet", "hooks", "initramfs", "kernel-cmdline", "lib", "libkeelboot", "qemu", "selector",
           "tests", "update", "docs")
BUILT = ("obj", "tests", "archives", "libkb.a", "libreal.a", "libsim.a", "init", "keelboot", "keelboot-helper",
         "keelboot-guardian", "keelboot-fleet", "san/obj", "san/libkb.a", "san/libreal.a", "san/libsim.a")
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
# A simulation is asked for little first, and for all only when that noticed nothing.
RUNS = {"sim/selector_sim": (["--small", "--stop"], ["--stop"]),
        "sim/ioerr_sim": (["--every", "8", "--jobs", "1"],),
        "sim/powercut_sim": (["--jobs", "1"],)}
SMALL = {**RUNS, "sim/selector_sim": (["--small", "--stop"],)}
LIBC = ctypes.CDLL(None)
WALL_SECONDS = 120      # and so many times what the test takes: for one that sleeps forever; one that spins is
WALL_TIMES = 20         # stopped by its own time
CASE_TIME = re.compile(r'<testcase name="(\w+)" time="([\d.]+)"')


class Red(Exception):
    """What a test said when it failed."""


def leave_out(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__" or name.endswith(".pyc")}


def limits(cpu: int):
    """Soft limits only: the decoder sets its own, and may not raise a hard one. And who runs it does not outlive us."""
    def apply() -> None:
        LIBC.prctl(1, signal.SIGKILL)           # PR_SET_PDEATHSIG
        for what, limit in ((resource.RLIMIT_CPU, cpu), (resource.RLIMIT_CORE, 0)):
            resource.setrlimit(what, (limit, resource.getrlimit(what)[1]))
    return apply


def start(command: list, **options) -> subprocess.Popen:
    """A program that was written a moment ago is busy for as long as another thread's child, between its fork and its
    exec, holds what it was written through."""
    for _ in range(100):
        try:
            return subprocess.Popen(command, **options)
        except OSError as error:
            if error.errno != errno.ETXTBSY:
                raise
            time.sleep(0.05)
    return subprocess.Popen(command, **options)


def run(command: list, cwd: Path, wall: float, cpu: int = 3600, env: dict | None = None) -> tuple[int, str]:
    """Runs a command in a session of its own; what it leaves there is ended with it. It writes to a file: a pipe would
    be held open by what it leaves elsewhere."""
    with tempfile.TemporaryFile() as out:
        child = start([str(c) for c in command], cwd=cwd, env={**os.environ, **(env or {})}, start_new_session=True,
                      preexec_fn=limits(cpu), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            status = child.wait(wall)
        except subprocess.TimeoutExpired:
            status = -1
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
        out.seek(0)
        output = out.read().decode(errors="replace")
    return status, output if status != -1 else f"did not end within {wall:.0f} s\n{output}"


def failed_cases(output: str) -> list[str]:
    """The cases of a cmocka program that failed, those of pytest, or stories."""
    cases = re.findall(r"^\[  FAILED  \] (\w+)$", output, re.M) + re.findall(r"^FAILED \S+::(\S+)", output, re.M)
    cases += re.findall(r"^story ([^:]+): ", output, re.M)                              # of a simulation
    return list(dict.fromkeys(cases))


def last_words(output: str) -> str:
    """The line that says what was violated, for the report."""
    simulation = re.search(r"^story [^:]+: .*", output, re.M)
    if simulation:
        return simulation[0][:200]
    for line in output.splitlines():
        if "FAILED" in line or (": " in line and line.count(":") >= 2 and "states" not in line):
            return line.strip()[:200]
    return output.strip().splitlines()[-1][:200] if output.strip() else "no output"


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def program(test: str) -> Path:
    """unit/NAME, trace/NAME and sim/NAME, and with san/ before it the same with the sanitizers."""
    return Path("build/san/tests" if test.startswith("san/") else "build/tests") / test.removeprefix("san/")


class Tree:
    """One copy; `number` tells apart those that work side by side."""

    def __init__(self, number: int):
        self.top = WORK / str(number)

    def sync(self) -> None:
        """Makes the copy the same as the sources; what did not change keeps its time."""
        self.top.mkdir(parents=True, exist_ok=True)
        if not (self.top / "build").exists():
            self.seed()
        for name in FILES:
            self.sync_file(ROOT / name, self.top / name)
        for folder in FOLDERS:
            self.sync_folder(ROOT / folder, self.top / folder)

    def sync_folder(self, source: Path, target: Path) -> None:
        target.mkdir(exist_ok=True)
        names = sorted(os.listdir(source))
        names = [name for name in names if name not in leave_out(str(source), names)]
        for gone in set(os.listdir(target)) - set(names):
            path = target / gone
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for name in names:
            here, there = source / name, target / name
            if here.is_dir() and not here.is_symlink():
                self.sync_folder(here, there)
            else:
                self.sync_file(here, there)

    @staticmethod
    def sync_file(source: Path, target: Path) -> None:
        if source.is_symlink():
            target.unlink(missing_ok=True)
            target.symlink_to(os.readlink(source))
        elif not target.exists():
            shutil.copy2(source, target)        # its time says whether what was built is newer
        elif target.read_bytes() != source.read_bytes():
            shutil.copy(source, target)

    def seed(self) -> None:
        """Takes what is built already, with its times, so that only what is older is built again."""
        (self.top / "build").mkdir()
        for name in BUILT:
            source, target = ROOT / "build" / name, self.top / "build" / name
            target.parent.mkdir(exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            elif source.exists():
                shutil.copy2(source, target)

    def make(self, *targets: str, jobs: int = 1, san: bool = False) -> tuple[bool, str]:
        command = ["make", "--no-print-directory", f"-j{jobs}", *(["SAN=1"] if san else []), *targets]
        status, output = run(command, self.top, 3600)
        return status == 0, output

    def build(self, test: str) -> tuple[bool, str]:
        """Builds what a test is, or needs; and what make said."""
        if test.startswith("host/"):
            return self.make(*of_host([test]))
        return self.make(str(program(test)), san=test.startswith("san/"))

    def command(self, test: str, arguments: list[str]) -> list:
        if test.startswith("host/"):
            return [*PYTEST, "tests/" + test.removeprefix("host/")]
        return [self.top / program(test), *arguments]

    def story(self, test: str, name: str | None, options: list[str]) -> str:
        """Runs one story of a simulation, or the simulation with these options: what it said, or raises Red."""
        return self.attempt(self.command(test, [*(["--story", name] if name else []), *options]), 600)

    def test(self, test: str, cpu: int = 600, small: bool = False, case: str | None = None, usual: float = 60) -> str:
        """Runs a test that is built, or one case of it; what it said, or raises Red with that. It takes some seconds
        as a rule."""
        said = ""
        for arguments in (SMALL if small else RUNS).get(test, ([],)):
            said += self.attempt(self.command(test, arguments), cpu, case, usual)
        return said

    def attempt(self, command: list, cpu: int, case: str | None = None, usual: float = 60, xml: bool = False) -> str:
        env = {"KEELBOOT_TESTS": case} if case else {}
        env |= {"CMOCKA_MESSAGE_OUTPUT": "XML"} if xml else {}
        status, output = run(command, self.top, WALL_SECONDS + WALL_TIMES * usual, cpu, env)
        if status != 0:
            raise Red(f"exit {status}\n{output}")
        return output

    def cases(self, test: str) -> dict[str, float]:
        """The seconds that each case of a test takes, all of them green, or raises Red; of a simulation all in one."""
        if test in RUNS or test.startswith(("host/", "sim/")):
            start = time.monotonic()
            self.test(test, small=True)
            return {"": time.monotonic() - start}
        try:
            output, took = self.times(test)
        except Red:
            self.test(test)                     # says what failed in words; and nothing, if it was the load
            output, took = self.times(test)
        found = {name: float(seconds) for name, seconds in CASE_TIME.findall(output)}
        wrong = max(1, sum(found.values()) / took)          # cmocka's clock jumps where a test forks
        return {name: seconds / wrong for name, seconds in found.items()} or {"": took}

    def times(self, test: str) -> tuple[str, float]:
        start = time.monotonic()
        return self.attempt(self.command(test, []), 600, xml=True), time.monotonic() - start

    def recipe(self, target: str, newer: str, san: bool = False) -> str:
        """The command by which make would build a target, were `newer` the only thing that changed."""
        command = ["make", "-n", "V=1", "--no-print-directory", *(["SAN=1"] if san else []), "-W", newer, target]
        output = run(command, self.top, 600)[1]
        lines = [line for line in output.splitlines() if f" -o {target} " in line]
        if len(lines) != 1:
            raise SystemExit(f"make does not say how it builds {target}:\n{output[-2000:]}")
        return lines[0]

    def objects(self, name: str) -> list[Path]:
        obj = Path(name).with_suffix(".o")
        return [path for path in (self.top / "build/obj" / obj, self.top / "build/san/obj" / obj) if path.exists()]

    def is_current(self, obj: Path) -> bool:
        """By what it was made of, as the compiler has written it down."""
        sources = [self.top / name for name in re.findall(r"[^\s:\\]+\.[ch]\b", obj.with_suffix(".d").read_text())]
        return all(path.exists() and path.stat().st_mtime_ns <= obj.stat().st_mtime_ns for path in sources)

    @contextmanager
    def changed(self, texts: dict[str, str]):
        """Files with another content, until the end of the block."""
        saved = {}
        for name, text in texts.items():
            path = self.top / name
            built = {obj: obj.read_bytes() if self.is_current(obj) else None for obj in self.objects(name)}
            saved[name] = path.read_bytes(), path.stat(), built
            path.write_text(text)
        try:
            yield
        finally:
            for name, (content, stat, built) in saved.items():
                (self.top / name).write_bytes(content)
                if name.endswith(".c"):
                    os.utime(self.top / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))
                for obj, code in built.items() if name.endswith(".c") else []:
                    if code is None:
                        obj.unlink(missing_ok=True)
                    else:
                        obj.write_bytes(code)   # newer than what was linked with the changed one


def check_green(tree: Tree, tests: list[str]) -> dict[str, dict[str, float]]:
    """The seconds that each case of each test takes. One that is red anyway would kill everything: that ends the
    program. What was green is not asked again, as long as its program is the same."""
    known = json.loads(GREEN.read_text()) if GREEN.exists() else {}
    found = {}
    for test in tests:
        path = tree.top / program(test)
        key = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
        if key is not None and isinstance(known.get(key), dict):
            found[test] = known[key]
            continue
        try:
            found[test] = tree.cases(test)
        except Red as red:
            raise SystemExit(f"{test} is red without any mutation:\n{str(red)[-3000:]}") from red
        if key is not None:
            known[key] = found[test]
            GREEN.write_text(json.dumps(known))
    return found


def is_green(tree: Tree, test: str, label: str, attempt: Callable[[], str]) -> bool:
    """Whether a part of a test is green by itself, without any mutation; label: what tells it from the other parts."""
    known = json.loads(GREEN.read_text()) if GREEN.exists() else {}
    key = hashlib.sha256((tree.top / program(test)).read_bytes()).hexdigest() + " " + label
    if known.get(key):
        return True
    try:
        attempt()
    except Red:     # not kept: the host may have been slow
        return False
    GREEN.write_text(json.dumps({**known, key: True}))
    return True


def hold_alone() -> None:
    """Waits until nobody else uses the copies; held until the program ends."""
    WORK.mkdir(parents=True, exist_ok=True)
    lock = os.open(WORK / "lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another run uses build/mutants: waiting for its end", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


def of_host(tests: list[str]) -> list[str]:
    """What make builds for those that run the product's programs."""
    return ["all"] * any(t.startswith("host/") for t in tests) + \
        ["hostile-programs"] * any(t.startswith("host/hostile/") for t in tests)


def build_all(tree: Tree, tests: list[str]) -> None:
    """Builds all these tests. Ends the program if that fails."""
    kinds = [[str(program(t)) for t in tests if not t.startswith(("host/", "san/"))],
             [str(program(t)) for t in tests if t.startswith("san/")],
             of_host(tests)]
    for number, targets in enumerate(kinds):
        built, output = tree.make(*targets, jobs=2, san=number == 1) if targets else (True, "")
        if not built:
            raise SystemExit(f"the sources as they are do not build:\n{output[-3000:]}")


def prepare(jobs: int, tests: list[str]) -> list[Tree]:
    """The copies, with all these tests built."""
    hold_alone()
    trees = [Tree(number) for number in range(jobs)]
    for tree in trees:
        if tree is not trees[0] and not tree.top.exists():
            shutil.copytree(trees[0].top, tree.top, symlinks=True)
        tree.sync()
        build_all(tree, tests)
    return trees
