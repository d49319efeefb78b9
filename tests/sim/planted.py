#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Weakens the selector on purpose, one patch at a time, and expects the simulation to notice.

A check that never fails proves nothing. Each tests/sim/planted/*.patch begins with a line
"name: what it breaks"; it is applied to a copy of the sources, only the simulation is built, and
that has to fail. A patch that does not apply any more, or does not compile, counts as a failure.

usage: planted.py [-j JOBS] [NAME ...]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATCHES = ROOT / "tests/sim/planted"
SOURCES = ["selector/*.c", "tests/sim/selector_sim*.c", "tests/sim/bdev_sim.c",
           "lib/bdev.c", "lib/bytes.c", "lib/err.c"]
FLAGS = ["-std=gnu11", "-O2", "-I.", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64"]
CC = os.environ.get("CC", "gcc")


def sources(tree: Path) -> list[Path]:
    return sorted(p.relative_to(tree) for pattern in SOURCES for p in tree.glob(pattern))


def copy_tree(to: Path) -> None:
    for folder in ("selector", "lib", "tests/sim"):
        shutil.copytree(ROOT / folder, to / folder,
                        ignore=shutil.ignore_patterns("planted", "__pycache__"))


def compile_one(tree: Path, source: Path) -> Path:
    obj = tree / source.with_suffix(".o")
    subprocess.run([CC, *FLAGS, "-c", "-o", obj, source], cwd=tree, check=True,
                   capture_output=True, text=True)
    return obj


def link(objs: list[Path], program: Path) -> None:
    subprocess.run([CC, "-o", program, *objs], check=True, capture_output=True, text=True)


def last_words(output: str) -> str:
    """The line that says what was violated, for the report."""
    for line in output.splitlines():
        if "FAILED" in line or (": " in line and line.count(":") >= 2 and "states" not in line):
            return line.strip()
    return output.strip().splitlines()[-1] if output.strip() else "no output"


def simulate(program: Path) -> subprocess.CompletedProcess[str]:
    """Most weakenings show in the small walk; the full one is for the rest."""
    for args in (["--small", "--stop"], ["--stop"]):
        run = subprocess.run([program, *args], capture_output=True, text=True, timeout=170)
        if run.returncode != 0:
            break
    return run


def plant(patch: Path, base: Path, objs: dict[Path, Path], work: Path) -> tuple[bool, str]:
    """True and what was noticed, or False and why not."""
    tree = work / patch.stem
    copy_tree(tree)
    applied = subprocess.run(["patch", "-p1", "-s", "-F0", "-i", patch], cwd=tree,
                             capture_output=True, text=True)
    if applied.returncode != 0:
        return False, "does not apply: " + applied.stdout.strip()
    mine = []
    try:
        for source, obj in objs.items():
            changed = (tree / source).read_bytes() != (base / source).read_bytes()
            mine.append(compile_one(tree, source) if changed else obj)
        link(mine, tree / "sim")
    except subprocess.CalledProcessError as e:
        return False, "does not compile: " + e.stderr.strip()
    try:
        run = simulate(tree / "sim")
    except subprocess.TimeoutExpired:
        return False, "ran too long"
    finally:
        shutil.rmtree(tree)
    if run.returncode == 1 and "selector_sim: " in run.stdout:
        return True, last_words(run.stdout)
    return False, "survived" if run.returncode == 0 else f"ended with {run.returncode}"


def main() -> int:
    parser = argparse.ArgumentParser(description="plant bugs, expect them to be caught")
    parser.add_argument("-j", type=int, default=2, metavar="JOBS")
    parser.add_argument("names", nargs="*", help="patches to plant; default: all")
    args = parser.parse_args()
    patches = [p for p in sorted(PATCHES.glob("*.patch"))
               if not args.names or p.stem in args.names]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="keelboot-planted-") as tmp:
        work = Path(tmp)
        base = work / "base"
        copy_tree(base)
        with ThreadPoolExecutor(args.j) as pool:
            names = sources(base)
            objs = dict(zip(names, pool.map(lambda s: compile_one(base, s), names)))
            results = pool.map(lambda p: plant(p, base, objs, work), patches)
            for patch, (caught, words) in zip(patches, results):
                print(f"{'caught  ' if caught else 'SURVIVED'} {patch.stem}: {words}", flush=True)
                passed += caught
                failed += not caught
    print(f"planted: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
