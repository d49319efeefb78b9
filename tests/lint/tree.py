# SPDX-License-Identifier: Apache-2.0
"""The source tree that is looked at: its files, its compiler flags, its objects."""

import functools
import json
import re
import shlex
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

JOBS = 2
# Folders whose sources are part of what is shipped.
SHIPPED = ("lib", "kernel-cmdline", "selector", "update", "hooks", "initramfs", "cli", "libkeelboot", "channel",
           "fleet")


class LintError(Exception):
    """A check cannot be made: a tool or a build product is missing."""


@dataclass(frozen=True)
class Compiled:
    """What the compilers made of one source."""
    object: Path            # does not exist when it could not be compiled
    messages: tuple         # lines of gcc and clang


@dataclass(frozen=True)
class Symbol:
    name: str
    kind: str               # as nm has it
    section: str


def run(command, root: Path, text: str = None) -> subprocess.CompletedProcess:
    try:
        return subprocess.run([str(word) for word in command], cwd=root, input=text, text=True,
                              errors="replace", capture_output=True, check=False)
    except FileNotFoundError:
        raise LintError(f"{command[0]}: not found; run qemu/deps check") from None


def without_comments(text: str) -> str:
    """C with comments and the inside of strings blanked; lines keep their numbers."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(match):
        word = match[0]
        if word[0] in "\"'":
            return word[0] * 2
        return "\n" * word.count("\n") or " "
    return pattern.sub(blank, text)


def listed(tree, variable: str) -> set:
    """The words of a variable of the Makefile."""
    found = re.search(rf"^{variable} *:= ((?:.*\\\n)*.*)$", tree.text("Makefile"), re.M)
    return set(found[1].replace("\\\n", " ").split()) if found else set()


def folders_of(tree, name: str) -> list:
    """What a list of the Makefile names: the folders of a program, each of which may want those behind it."""
    words = re.search(rf"^{name} *:= (.*)$", tree.text("Makefile"), re.M)[1].split()
    return [folder for word in words for folder in (folders_of(tree, word[2:-1]) if word.startswith("$(") else [word])]


class Tree:
    """A checkout, or, in lint's own tests, a folder that looks like one."""

    def __init__(self, root: Path, changed: bool = False):
        self.root = Path(root).resolve()
        self._changed = changed
        self._temp = tempfile.TemporaryDirectory(prefix="keelboot-lint-")
        self._compiled = {}

    def close(self) -> None:
        self._temp.cleanup()

    @functools.cached_property
    def files(self) -> list:
        """Relative paths: what git knows of, or everything but build/ where there is no git."""
        if (self.root / ".git").exists():
            listed = run(["git", "ls-files", "-z"], self.root).stdout.split("\0")
            return sorted(name for name in listed if name and (self.root / name).is_file())
        paths = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        return sorted(str(path) for path in paths if path.parts[0] != "build" and "__pycache__" not in path.parts)

    @functools.cached_property
    def touched(self) -> set:
        """Of these files the tools that are slow look: all, or those that differ from the last commit."""
        if not self._changed:
            return set(self.files)
        return set(run(["git", "diff", "--name-only", "-z", "HEAD"], self.root).stdout.split("\0"))

    @functools.lru_cache(maxsize=None)
    def text(self, name: str) -> str:
        return (self.root / name).read_text(errors="replace")

    @functools.lru_cache(maxsize=None)
    def lines(self, name: str) -> list:
        return self.text(name).split("\n")

    def sources(self, shipped: bool = False, headers: bool = False) -> list:
        ends = (".c", ".h") if headers else (".c",)
        return [name for name in self.files if name.endswith(ends) and (not shipped or name.split("/")[0] in SHIPPED)]

    def scripts(self, interpreter: str) -> list:
        """Files that begin with a #! of this interpreter."""
        pattern = re.compile(rf"#!.*[/ ]{interpreter}\b")
        return [name for name in self.files if pattern.match(self.lines(name)[0])]

    def python(self) -> list:
        return sorted({name for name in self.files if name.endswith(".py")} | set(self.scripts("python3")))

    def shell(self) -> list:
        return sorted({name for name in self.files if name.endswith(".sh")} | set(self.scripts("(?:ba|da|a)?sh")))

    # ------------------------------------------------------------ compilers

    @functools.cached_property
    def flags(self) -> list:
        """As the Makefile has them."""
        done = run(["make", "-s", "--no-print-directory", "print-cflags"], self.root)
        if done.returncode != 0:
            raise LintError(f"make print-cflags: {done.stderr.strip()}")
        return shlex.split(done.stdout)

    def _compile(self, name: str) -> Compiled:
        target = Path(self._temp.name) / (name.replace("/", "@") + ".o")
        gcc = [flag for flag in self.flags if flag != "-g"]
        # clang 14 wants one more word before it takes this one; it changes no warning.
        clang = [flag for flag in gcc if not flag.startswith("-ftrivial-auto-var-init")]
        messages = []
        for command in (["gcc", *gcc, "-c", "-o", target, name], ["clang", *clang, "-fsyntax-only", name]):
            done = run(command, self.root)
            found = [line for line in done.stderr.splitlines() if re.search(r"(warning|error):", line)]
            if done.returncode != 0 and not found:
                found = [f"{name}:1: {command[0]}: {done.stderr.strip()[:200]}"]
            messages += found
        return Compiled(target, tuple(messages))

    def compile(self, names: list) -> dict:
        """{name: Compiled}; each source is compiled once in a run."""
        todo = [name for name in names if name not in self._compiled]
        if todo:
            self.flags      # once, before there are threads
        with ThreadPoolExecutor(JOBS) as pool:
            self._compiled.update(zip(todo, pool.map(self._compile, todo)))
        return {name: self._compiled[name] for name in names}

    @functools.lru_cache(maxsize=None)
    def symbols(self, name: str) -> list:
        """Of the source's object. Empty if it cannot be compiled, which check `warnings` tells."""
        path = self.compile([name])[name].object
        if not path.exists():
            return []
        result = []
        for line in run(["nm", "-f", "sysv", path], self.root).stdout.splitlines():
            fields = [field.strip() for field in line.split("|")]
            if len(fields) == 7 and fields[0] != "Name" and fields[2]:
                result.append(Symbol(fields[0], fields[2], fields[6]))
        return result

    @functools.cached_property
    def exported(self) -> set:
        """What the shipped sources export: any other symbol comes from a library."""
        names = self.sources(shipped=True)
        self.compile(names)
        return {symbol.name for name in names for symbol in self.symbols(name)
                if symbol.section != "*UND*" and symbol.kind.isupper()}

    # ------------------------------------------------------------ functions

    def functions(self, name: str) -> tuple:
        """(name, first line, last line) of each function, as universal-ctags sees them."""
        return tuple(self._functions.get(name, ()))

    @functools.cached_property
    def _functions(self) -> dict:
        """{source: its functions}: one call for all of a language."""
        found = {}
        for language, kinds, names in (("C", "f", self.sources()), ("Python", "fm", self.python())):
            done = run(["ctags", f"--language-force={language}", f"--kinds-{language}={kinds}", "--fields=+ne",
                        "--sort=no", "--output-format=json", "-o", "-", "-L", "-"], self.root, "\n".join(names))
            if done.returncode != 0:
                raise LintError(f"ctags: {done.stderr.strip()[:200]} (is it universal-ctags?)")
            for tag in map(json.loads, done.stdout.splitlines()):
                found.setdefault(tag["path"], []).append((tag["name"], tag["line"], tag.get("end", tag["line"])))
        return found
