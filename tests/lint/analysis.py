# SPDX-License-Identifier: Apache-2.0
"""Checks that look for bugs along the paths of the program: gcc -fanalyzer, clang's static analyzer (what scan-build
runs), cppcheck. What is shipped is looked at, each source by itself.

A finding is mended, or silenced where it is found, with the reason:

    /* lint: deadcode.DeadStores: read by the cleanup of fd */

on the line, or in the comment before it. A silencer that silences nothing is a complaint too. What a tool said of a
source is kept in build/lint/ for as long as that source, the headers that it includes, the flags and the tool stay.
"""

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from tree import JOBS, LintError, run, without_comments

SILENCER = re.compile(r"lint: ([\w.-]+)(?:: (\S.*))?")
CLANG_CHECKERS = ("security",)
CLANG_WITHOUT = ("security.insecureAPI.DeprecatedOrUnsafeBufferHandling",)     # asks for Annex K, which glibc lacks
# Left out: what only makes the system's headers longer or the paths fewer, and what hides a missing initializer.
DROP = re.compile(r"-(g|[UD]_FORTIFY_SOURCE(=.*)?|ftrivial-auto-var-init=.*|fstack-.*|ffile-prefix-map=.*|MM?[DP])$")


def frees_itself(tree, name: str, line: int, text: str) -> bool:
    """A leak of what was declared with KB_CLEANUP_FD: cppcheck does not know the attribute."""
    variable = re.match(r"Resource leak: (\w+)$", text)
    if not variable:
        return False
    for before in reversed(tree.lines(name)[:line]):
        if before.startswith("{"):
            return False
        if re.search(rf"KB_CLEANUP_FD int {variable[1]}\b", before):
            return True
    return False


class Tool:
    """One analyzer: how it is called, and which lines of what it says are findings."""

    def __init__(self, command: list, finding: str, owns: str):
        self.command = command
        self.finding = re.compile(finding)
        self.owns = re.compile(owns)        # the ids that are this tool's

    def line(self, tree, name: str) -> list:
        flags = [flag for flag in tree.flags if not DROP.match(flag)]
        if self.command[0] == "cppcheck":
            flags = [flag for flag in flags if flag[:2] in ("-I", "-D")]
        return [*self.command[:1], *flags, *self.command[1:], name]

    def parse(self, output: str) -> list:
        """[(file, line, id, message)]"""
        found = []
        for line in output.splitlines():
            match = self.finding.match(line)
            if match:
                found.append((match["file"], int(match["line"]), match["id"], match["text"]))
        return found


TOOLS = {
    "gcc-analyzer": Tool(
        # Before the optimizer: it would take away what is wrong, and costs five times the time.
        ["gcc", "-O0", "-fanalyzer", "-fanalyzer-verbosity=0", "-c", "-o", "/dev/null"],
        r"(?P<file>[^:]+):(?P<line>\d+):\d+: warning: (?P<text>.*?) (\[CWE-\d+\] )?\[(?P<id>-Wanalyzer-[\w-]+)\]$",
        r"-Wanalyzer-"),
    "clang-analyzer": Tool(
        ["clang", "--analyze", "-o", "/dev/null",
         *[word for name in CLANG_CHECKERS for word in ("-Xclang", f"-analyzer-checker={name}")],
         *[word for name in CLANG_WITHOUT for word in ("-Xclang", f"-analyzer-disable-checker={name}")]],
        r"(?P<file>[^:]+):(?P<line>\d+):\d+: warning: (?P<text>.*) \[(?P<id>[a-z]\w*\.[\w.]+)\]$",
        r"(core|unix|deadcode|security|nullability)\."),
    "cppcheck": Tool(
        # readdir_r() is what nobody should use any more.
        ["cppcheck", "-q", "--enable=warning,portability,performance", "--library=posix,gnu", "--std=c11",
         "--suppress=readdirCalled",
         "--platform=unix64", "-D__linux__", "-D__x86_64__",
         "--template={file}:{line}:{column}: {message} [{id}]", "--template-location="],
        r"(?P<file>[^:]+):(?P<line>\d+):\d+: (?P<text>.*) \[(?P<id>\w+)\]$",
        r"\w+$"),
}


# ---------------------------------------------------------------- what was found before

def included(tree, name: str, seen: set) -> set:
    """The source, and the headers of this tree that it includes, and they include."""
    if name in seen or not (tree.root / name).is_file():
        return seen
    seen.add(name)
    for header in re.findall(r'^\s*#\s*include\s+"([^"]+)"', tree.text(name), re.M):
        for path in (header, str(PurePosixPath(name).parent / header)):
            included(tree, path, seen)
    return seen


def version(tree, program: str) -> str:
    return run([program, "--version"], tree.root).stdout


def key(tree, tool: Tool, name: str, tool_version: str) -> str:
    digest = hashlib.sha256(repr((tool.line(tree, name), tool_version)).encode())
    for path in sorted(included(tree, name, set())):
        digest.update(f"\0{path}\0{tree.text(path)}".encode())
    return digest.hexdigest()


def look(tree, tool: Tool, name: str, tool_version: str) -> list:
    """What the tool finds in a source; from the cache when nothing has changed."""
    cache = tree.root / "build/lint" / f"{key(tree, tool, name, tool_version)}.json"
    if cache.exists():
        return [tuple(item) for item in json.loads(cache.read_text())]
    done = run(tool.line(tree, name), tree.root)
    found = tool.parse(done.stderr)
    if done.returncode != 0 and not re.search(r"\b(error|warning):", done.stderr):
        raise LintError(f"{tool.command[0]} {name}: {done.stderr.strip()[:300]}")
    if done.returncode == 0:        # what cannot be compiled is told by check `warnings`
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(found))
        temporary.replace(cache)
    return found


# ---------------------------------------------------------------- silencers

def silencers(tree, name: str, tool: Tool) -> list:
    """[(line of the silencer, line that it is for, id, reason)]"""
    if "lint: " not in tree.text(name):
        return []
    bare = [line.strip() for line in without_comments(tree.text(name)).split("\n")]
    found = []
    for number, line in enumerate(tree.lines(name), 1):
        for ident, reason in SILENCER.findall(line):
            if owner(ident) is tool:
                target = next((n for n in range(number, len(bare) + 1) if bare[n - 1]), number)
                found.append((number, target, ident, reason))
    return found


def owner(ident: str) -> Tool:
    """The first whose ids look like this one; cppcheck's look like anything."""
    return next(tool for tool in TOOLS.values() if tool.owns.match(ident))


def analyze(tree, which: str) -> list:
    tool = TOOLS[which]
    names = tree.sources(shipped=True)
    tool_version = version(tree, tool.command[0])
    tree.flags      # once, before there are threads
    with ThreadPoolExecutor(JOBS) as pool:
        per_source = pool.map(lambda name: look(tree, tool, name, tool_version), names)
    findings = sorted({item for found in per_source for item in found
                       if not frees_itself(tree, item[0], item[1], item[3])})
    told, used = [], set()
    every = {name: silencers(tree, name, tool) for name in tree.sources(shipped=True, headers=True)}
    for name, line, ident, text in findings:
        match = [s for s in every.get(name, ()) if s[1] == line and s[2] == ident and s[3]]
        used.update((name, s[0]) for s in match)
        if not match:
            told.append(f"{name}:{line}: {text} ({ident})")
    for name, listed in every.items():
        for line, _, ident, reason in listed:
            if not reason:
                told.append(f"{name}:{line}: {ident} is silenced without a reason")
            elif (name, line) not in used:
                told.append(f"{name}:{line}: {ident} is silenced, and not found there any more")
    return told


def gcc(tree) -> list:
    """gcc -fanalyzer finds nothing, or the line says why that is wrong."""
    return analyze(tree, "gcc-analyzer")


def clang(tree) -> list:
    """clang's static analyzer (scan-build) likewise."""
    return analyze(tree, "clang-analyzer")


def cppcheck(tree) -> list:
    """cppcheck likewise."""
    return analyze(tree, "cppcheck")
