# SPDX-License-Identifier: Apache-2.0
"""Compiles one changed source and links it into tests, by the commands of the Makefile, without touching what is built:
the object stands before the library that has the unchanged one.
"""

import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from private_tree import Tree, program, run


class Bench:
    """Commands of make, asked for once. Several threads may use it."""

    def __init__(self, tree: Tree):
        self.tree = tree
        self.recipes = {}
        self.lock = threading.Lock()

    def recipe(self, rule: str, target: str, newer: str, san: bool) -> list[str]:
        """The command for a target; what a rule of the Makefile does for one it does for all."""
        with self.lock:
            if (rule, san) not in self.recipes:
                words = shlex.split(self.tree.recipe(target, newer, san))
                self.recipes[rule, san] = [{target: "TARGET", newer: "NEWER"}.get(word, word) for word in words]
            return [{"TARGET": target, "NEWER": newer}.get(word, word) for word in self.recipes[rule, san]]

    def compile(self, file: str, text: str, out: Path, san: bool = False) -> bool:
        """Compiles the text as if the file had it."""
        target = f"build/{'san/' if san else ''}obj/{Path(file).with_suffix('.o')}"
        words = [word for word in self.recipe("compile", target, file, san) if word not in ("-MMD", "-MP")]
        words[words.index("-o") + 1] = str(out)
        words[words.index(file):] = ["-x", "c", "-"]
        done = subprocess.run(words, cwd=self.tree.top, input=f'# 1 "{file}"\n{text}', text=True, capture_output=True)
        return done.returncode == 0

    def link(self, test: str, obj: Path, out: Path) -> bool:
        target = str(program(test))
        san = test.startswith("san/")
        kind, name = test.removeprefix("san/").split("/")
        main, rule = ("_main", test) if kind == "sim" else ("", kind)
        words = self.recipe(rule, target, f"build/{'san/' if san else ''}obj/tests/{kind}/{name}{main}.o", san)
        words[words.index("-o") + 1] = str(out)
        library = next(i for i, word in enumerate(words) if re.search(r"(^|/)libkb\.a$", word))
        return run([*words[:library], obj, *words[library:]], self.tree.top, 600)[0] == 0

    @staticmethod
    def code(obj: Path) -> bytes:
        """An object without what is for the debugger."""
        bare = obj.with_suffix(".bare")
        subprocess.run(["objcopy", "--strip-debug", obj, bare], check=True)
        return bare.read_bytes()


class Piece:
    """A changed source on the bench: its objects and programs, made when they are asked for."""

    def __init__(self, bench: Bench, file: str, text: str):
        self.bench, self.file, self.text = bench, file, text

    def __enter__(self) -> "Piece":
        self.dir = Path(tempfile.mkdtemp(prefix="keelboot-mutant-"))
        self.made = {}
        return self

    def __exit__(self, *_) -> None:
        shutil.rmtree(self.dir, ignore_errors=True)

    def object(self, san: bool = False) -> Path | None:
        if san not in self.made:
            path = self.dir / ("san.o" if san else "plain.o")
            self.made[san] = path if self.bench.compile(self.file, self.text, path, san) else None
        return self.made[san]

    def program(self, test: str) -> Path | None:
        if test not in self.made:
            obj, path = self.object(test.startswith("san/")), self.dir / test.replace("/", "-")
            self.made[test] = path if obj and self.bench.link(test, obj, path) else None
        return self.made[test]
