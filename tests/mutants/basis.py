# SPDX-License-Identifier: Apache-2.0
"""What the verdict of a test rests on, as far as it stands in tests/: its case, what its cases share, and the fixtures,
simulations and golden traces that it is made with.
"""

import functools
import re
from pathlib import Path

from private_tree import ROOT, digest

INCLUDE = re.compile(r'^#include "(tests/\w+/\w+\.h)"', re.M)
IMPORT = re.compile(r"^(?:from|import) (\w+)", re.M)
CASE = re.compile(r"^TEST(?:_\w+)?\((\w+)[^)]*\)\n\{.*?^\}\n", re.M | re.S)


def source(test: str) -> Path | None:
    """tests/unit/NAME.c, tests/sim/NAME_main.c, or a file of pytest."""
    stem = ROOT / "tests" / test.removeprefix("san/").removeprefix("host/").partition("::")[0]
    return next((path for path in (Path(f"{stem}.c"), Path(f"{stem}_main.c"), stem) if path.is_file()), None)


def family(header: Path) -> list[Path]:
    """A header stands for all files whose names begin with the same word: os_sim.h for os_sim_files.c too."""
    word = header.stem.split("_")[0]
    return [path for path in sorted(header.parent.glob(f"{word}[_.]*"))
            if path.suffix in (".c", ".h") and not path.stem.endswith(("_test", "_main"))]


def needed(path: Path) -> list[Path]:
    """What of tests/ (and of qemu/, for pytest) this file uses directly."""
    text = path.read_text()
    if path.suffix == ".py":
        folders = (path.parent, ROOT / "tests", ROOT / "qemu")
        return [folder / f"{name}.py" for name in IMPORT.findall(text) for folder in folders]
    return [member for name in INCLUDE.findall(text) for member in family(ROOT / name)]


def made_with(path: Path) -> list[Path]:
    """All of tests/ that a test is made with, besides its own source."""
    found, todo = set(), [path]
    while todo:
        new = [p for p in needed(todo.pop()) if p.is_file() and p != path and p not in found]
        found.update(new)
        todo += new
    return sorted(found.union(path.parent.glob("golden/*")))


@functools.cache
def shared(path: Path) -> str:
    return digest(*(f"{p.relative_to(ROOT)}\0{p.read_text()}" for p in made_with(path)))


def own(text: str, case: str | None) -> str:
    """The source without the other cases; all of it if it has no such case."""
    if case not in CASE.findall(text):
        return text
    return CASE.sub(lambda m: m[0] if m[1] == case else "", text)


def basis(test: str, case: str | None) -> str:
    """Changes when anything in tests/ changes that may turn this case red or green; without one, the whole test."""
    path = source(test)
    return digest(own(path.read_text(), case), shared(path)) if path else ""
