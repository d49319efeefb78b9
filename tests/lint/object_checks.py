# SPDX-License-Identifier: Apache-2.0
"""Checks that ask the compilers, and look at what they made."""

import re
from pathlib import PurePosixPath

from libc import PROCESS_1, plain, wanted
from tree import LintError, folders_of, listed

# What is linked into /init beside our own archives.
LIBRARIES_1 = {"libinih.a", "libc.a", "libgcc.a", "libgcc_eh.a"}
# In folders of process 1, but in none of its objects: ends that are for others (seam.BESIDE), and the cage's inside.
BESIDE_1 = re.compile(r"lib/(bdev_(boot|ranges)|os_(file|lend|memory|mounts|clock|command|select|tree|tree_meta|"
                      r"worker|worker_child)|"
                      r"cage|cage_filter)\.c$")
PURE_FOLDERS = ("kernel-cmdline/", "selector/")
NOT_PURE = re.compile(r"selector/(store\w*|loader/loader(?!_(block|option|why)\.)\w*)\.[ch]$")
IO_HEADERS = re.compile(
    r"(unistd|fcntl|dirent|poll|signal|syslog|termios|dlfcn|pthread|threads|spawn|mntent|time)\.h$"
    r"|sys/|linux/|net|arpa/|lib/(os|log|bdev)\.h$")
# Of stdio only what works on memory.
MEMORY_STDIO = {"snprintf", "vsnprintf", "__snprintf_chk", "__vsnprintf_chk", "sscanf"}
IO_CALLS = re.compile(
    r"^(log_\w+|os_\w+|bdev_\w+|_?_?v?f?printf(_chk)?|puts|putc\w*|fput\w+|f?write|f?read"
    r"|fopen\w*|fclose|fflush|getenv|secure_getenv|open\w*|close|ioctl|time|clock_gettime"
    r"|gettimeofday|std(in|out|err)|perror|strerror|exit|_exit|abort|system|fork|exec\w+|rand\w*"
    r"|srand\w*|strtok|setlocale)$")
READ_ONLY = re.compile(r"^\.(rodata|data\.rel\.ro|text|eh_frame|comment|note|debug)")


def compilers(tree) -> list:
    """gcc and clang have nothing to say about any source."""
    flags = tree.flags
    needed = ("-Wall", "-Wextra", "-Wshadow", "-Wswitch-enum", "-Wvla")
    found = [f"Makefile:1: the compiler flags lack {flag}" for flag in needed if flag not in flags]
    for done in tree.compile(tree.sources()).values():
        found += done.messages
    return sorted(set(found))


def stems(tree, name: str) -> list:
    """What exported names may begin with: the file's name, or a header's of which the file is a
    part (keyring_load.c of keyring.h)."""
    path = PurePosixPath(name)
    words = path.stem.split("_")
    parts = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
    return parts[:1] + [part for part in parts[1:] if str(path.parent / f"{part}.h") in tree.files]


def exported_names(tree) -> list:
    """Exported names begin with the stem of their file. LEAN takes the place of others, by their names."""
    found = []
    sources = tree.sources(shipped=True)
    tree.compile(sources)
    for name in sources:
        allowed = stems(tree, name)
        for symbol in tree.symbols(name) if name not in listed(tree, "LEAN") else ():
            if symbol.kind not in "TDBRGSCVW" or symbol.section == "*UND*" or symbol.name == "main":
                continue
            if not any(symbol.name == stem or symbol.name.startswith(stem + "_") for stem in allowed):
                at = line_of(tree, name, symbol.name)
                found.append(f"{name}:{at}: {symbol.name} is exported: call it {allowed[0]}_…, or make it static")
    return found


def line_of(tree, name: str, symbol: str) -> int:
    """The line where the symbol is defined: one that is not indented, else the first use."""
    pattern = re.compile(rf"^[^\s#/*].*\b{re.escape(symbol)}\b")
    return next((number for number, line in enumerate(tree.lines(name), 1)
                 if pattern.search(line)), call_of(tree, name, symbol))


def linked_sources(tree, program: str) -> tuple:
    """(our sources that the linker took into build/PROGRAM, libraries that it took from)."""
    path = tree.root / "build" / f"{program}.map"
    if not path.exists():
        raise LintError(f"build/{program}.map: not there; run make first")
    # The first part of a map lists each archive member that was pulled in, and why.
    text = path.read_text(errors="replace").split("\nMemory Configuration")[0] + "\n" + "\n".join(
        line for line in path.read_text(errors="replace").splitlines() if line.startswith("LOAD "))
    members = set(re.findall(r"^(\S*/[\w-]+\.a)\(([^)]+)\)", text, re.M))
    mine = re.compile(r"(^|/)(archives/[\w-]+|libreal)\.a$")
    ours = {member for library, member in members if mine.search(library)}
    direct = {match for match in re.findall(r"^LOAD \S*?/obj/(\S+)\.o$", text, re.M)}
    names = [name for name in tree.sources(shipped=True)
             if PurePosixPath(name).stem + ".o" in ours or name[:-2] in direct]
    return names, {library.rsplit("/", 1)[1] for library, _ in members}


def process_1_calls(tree) -> list:
    """What process 1 calls of a library is on a list, and nothing there allocates; no other library is linked in."""
    linked, libraries = linked_sources(tree, "init")
    if not linked:
        return ["build/init.map:1: none of our objects is in it: is it a map of this tree?"]
    ours = {folder.replace("/", "-") + ".a" for folder in folders_of(tree, "OF_INIT")} | {"libreal.a"}
    found = [f"build/init.map:1: {library} is linked into /init" for library in sorted(libraries - ours - LIBRARIES_1)]
    folders = folders_of(tree, "OF_INIT")
    archived = {name for name in tree.sources(shipped=True)
                if str(PurePosixPath(name).parent) in folders and not BESIDE_1.match(name)}
    for name in sorted({*linked, *archived}):
        found += [f"{name}:{call_of(tree, name, symbol)}: {call} is not on the list of what process 1 may call "
                  "(tests/lint/libc.py): does it allocate?"
                  for call, symbol in wanted(tree, name).items() if call not in PROCESS_1]
    return found


def call_of(tree, name: str, symbol: str) -> int:
    """The line where the symbol is used: the first indented one, else the first that has it."""
    word = plain(symbol)
    lines = [(number, line) for number, line in enumerate(tree.lines(name), 1)
             if re.search(rf"\b{re.escape(word)}\b", line)]
    indented = [number for number, line in lines if line.startswith("\t")]
    return (indented + [number for number, _ in lines] + [1])[0]


def is_pure(name: str) -> bool:
    return name.startswith(PURE_FOLDERS) and not NOT_PURE.match(name)


def pure(tree) -> list:
    """PURE code does no I/O, has no variable that outlives a call, does not log."""
    found = []
    for name in filter(is_pure, tree.sources(shipped=True, headers=True)):
        for number, line in enumerate(tree.lines(name), 1):
            match = re.match(r'\s*#\s*include\s+[<"]([^>"]*)[>"]', line)
            if match and IO_HEADERS.match(match[1]):
                found.append(f"{name}:{number}: PURE code must not include {match[1]}")
    names = list(filter(is_pure, tree.sources(shipped=True)))
    tree.compile(names)
    for name in names:
        for symbol in tree.symbols(name):
            if symbol.section == "*UND*":
                if IO_CALLS.match(symbol.name) and symbol.name not in MEMORY_STDIO:
                    found.append(f"{name}:{call_of(tree, name, symbol.name)}: PURE code must not "
                                 "use "
                                 f"{symbol.name}")
            elif symbol.kind.upper() in "BDCGS" and not READ_ONLY.match(symbol.section):
                variable = symbol.name.split(".")[0]
                found.append(f"{name}:{line_of(tree, name, variable)}: PURE code must not keep "
                             f"{variable} ({symbol.section}); make it const")
    return found
