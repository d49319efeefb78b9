# SPDX-License-Identifier: Apache-2.0
"""Checks that read the text of files."""

import re
from pathlib import PurePosixPath

import planted
from tree import folders_of, run, without_comments

COLUMNS = 120 # of Python; C is wrapped at 100 by clang-format
FUNCTION_LINES = 60
FILE_LINES = 400
LICENCE = "SPDX-License-Identifier: Apache-2.0"

# Headers that say how one talks to a program, or to the one above: for files of other folders, too.
CONTRACTS = {"cli/verbs.h", "initramfs/guardian/guardian.h", "initramfs/prober/prober.h"}
# By its type, by what it is set to (KB_OK, ERR_get_error()), or by what it is cast to.
ERROR_CALLED_E = re.compile(r"\benum kb_err (?:\w+(?: = \w+)?, )*(e)\b(?!\w)"
                            r"|\be = (?:KB_[EO]|ERR_get|err_|errno)|\(enum kb_err\) ?e\b")
# The line that opens a struct or union: no function, no initializer.
STRUCT = re.compile(r"^(?:typedef |static |const )*(?:struct|union)\b[^();=]*\{")
# Written in pieces, so that these files do not find themselves.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
PLACES = re.compile(
    r"/work" r"/(main|shared)|/ro" r"ot/|/ho" r"me/[a-z]|/tmp" r"/(kb|bash_jobs)"
    r"|https?://[^\s\"']*(registry|artifactory|nexus|proxy|mirror)"
    r"|\b(pypi" r"\.org|npm" r"js|crates" r"\.io|docker" r"\.io|ghcr" r"\.io)|--index" r"-url")


def find(tree, names, pattern, message: str) -> list:
    """One message for each line in which the pattern is; {} in message is what was found."""
    return [f"{name}:{number}: {message.format(match[0])}" for name in names
            for number, line in enumerate(tree.lines(name), 1)
            for match in [pattern.search(line)] if match]


def clang_format(tree) -> list:
    """C is formatted as .clang-format says."""
    names = [name for name in tree.sources(headers=True) if name in tree.touched]
    if not names:
        return []
    done = run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", *names], tree.root)
    return [line for line in done.stderr.splitlines() if ": error:" in line]


def shellcheck(tree) -> list:
    """Shell scripts pass shellcheck."""
    names = [name for name in tree.scripts("(?:ba|da|a)?sh") if name in tree.touched]
    if not names:
        return []
    return run(["shellcheck", "-f", "gcc", *names], tree.root).stdout.splitlines()


def python(tree) -> list:
    """Python passes pyflakes and has no line above 120 columns."""
    names = [name for name in tree.python() if name in tree.touched]
    done = run(["pyflakes3", *names], tree.root) if names else None
    # pyflakes does not know flake8's "noqa"; a line that has it says why an import stands late.
    found = done.stdout.splitlines() + done.stderr.splitlines() if done else []
    return found + find(tree, names, re.compile(rf"^.{{{COLUMNS + 1},}}"), f"longer than {COLUMNS} columns")


def function_length(tree) -> list:
    """No function has more than 60 lines, comments included; lists of tests excepted."""
    found = []
    for name in tree.sources() + tree.python():
        for function, first, last in tree.functions(name):
            listing = name.startswith("tests/") and function == "main"
            if last - first + 1 > FUNCTION_LINES and not listing:
                found.append(f"{name}:{first}: {function} has {last - first + 1} lines, at most "
                             f"{FUNCTION_LINES} are allowed")
    return found


def file_length(tree) -> list:
    """No file that is shipped has more than 400 lines. Tests are lists, and may."""
    found = []
    for name in tree.sources(headers=True) + tree.python():
        lines = tree.text(name).count("\n")
        if lines > FILE_LINES and not name.startswith("tests/"):
            found.append(f"{name}:{FILE_LINES + 1}: {lines} lines, at most {FILE_LINES} are allowed")
    return found


def folders_behind(tree) -> dict:
    """For each folder of the OF_ lists in the Makefile those that stand behind it."""
    behind = {}
    for name in re.findall(r"^OF_\w+", tree.text("Makefile"), re.M):
        folders = folders_of(tree, name)
        for i, folder in enumerate(folders):
            behind.setdefault(folder, set()).update(folders[i:])
    return behind


def include_direction(tree) -> list:
    """Includes by full paths, of what stands behind the own folder in the Makefile's OF_ lists; contracts excepted."""
    found, behind = [], folders_behind(tree)
    for name in tree.sources(shipped=True, headers=True):
        folder = str(PurePosixPath(name).parent)
        if folder not in behind:
            found.append(f"{name}:1: {folder}/ is in no OF_ list of the Makefile")
            continue
        for number, line in enumerate(tree.lines(name), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]*)"', line)
            if not match or match[1] in CONTRACTS:
                continue
            target = str(PurePosixPath(match[1]).parent)
            if target not in behind:
                found.append(f'{name}:{number}: include "{match[1]}" by its path from the top')
            elif target not in behind[folder]:
                found.append(f"{name}:{number}: {folder}/ may not include {match[1]}: {target}/ does not stand behind "
                             "it in the Makefile's OF_ lists")
    return found


def unfinished(tree) -> list:
    """Nothing is left for later."""
    return find(tree, [name for name in tree.files if name != "LICENSE"], UNFINISHED,
                "{}: finish it, or write an issue")


def forbidden_c(tree) -> list:
    """No goto; no conditional compilation in a .c but lib/os_*.c."""
    found = []
    for name in tree.sources(headers=True):
        conditional = name.endswith(".c") and not re.match(r"lib/os_\w*\.c$", name)
        for number, line in enumerate(without_comments(tree.text(name)).split("\n"), 1):
            if re.search(r"\bgoto\b", line):
                found.append(f"{name}:{number}: goto; use TRY and KB_CLEANUP_FD")
            if conditional and re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line):
                found.append(f"{name}:{number}: conditional compilation belongs in lib/os_*.c")
    return found


def licence(tree) -> list:
    """The licence stands in the first line, or behind '#!'."""
    found = []
    scripts = {name for name in tree.files if tree.text(name).startswith("#!")}
    for name in sorted(set(tree.sources(headers=True)) | set(tree.python()) | scripts
                       | ({"Makefile"} & set(tree.files))):
        at = 1 if name in scripts else 0
        lines = tree.lines(name)
        if len(lines) <= at or LICENCE not in lines[at]:
            found.append(f"{name}:{at + 1}: has to be: {LICENCE}")
    return found


def places(tree) -> list:
    """No path of somebody's machine, no host of a package registry."""
    return find(tree, [name for name in tree.files if name != "LICENSE"], PLACES,
                "{}: exists only on somebody's machine")


def unique_names(tree) -> list:
    """No two shipped sources have one name: they meet in one archive, which keeps the last."""
    seen, found = {}, []
    for name in tree.sources(shipped=True):
        base = PurePosixPath(name).name
        if base in seen:
            found.append(f"{name}:1: {seen[base]} has the same name")
        seen.setdefault(base, name)
    return found


def shared_names(tree) -> list:
    """No two functions of one folder share a name, static ones neither; but X_none.c stands in place of X.c."""
    homes, found = {}, []
    for name in tree.sources(shipped=True):
        folder = str(PurePosixPath(name).parent)
        for function, line, _ in tree.functions(name):
            other = homes.setdefault((folder, function), name)
            if name not in (other, other.replace(".c", "_none.c")) and function != "main":
                found.append(f"{name}:{line}: {function} is also a function of {other}")
    return found


def error_names(tree) -> list:
    """What is of type enum kb_err is called err, or what it is the error of; never e."""
    return find(tree, tree.sources(headers=True), ERROR_CALLED_E, "{}: call it err")


def member_comments(tree) -> list:
    """The comment of a member of a struct or union stands above it, where it has the whole line."""
    found = []
    for name in tree.sources(shipped=True, headers=True):
        depth = 0
        for number, line in enumerate(tree.lines(name), 1):
            if depth > 0 and re.search(r"[;{]\s*/\*", line):
                found.append(f"{name}:{number}: put the comment above the member")
            code = re.sub(r"/\*.*", "", line)
            if depth > 0 or STRUCT.match(code):
                depth += code.count("{") - code.count("}")
    return found


def planted_bugs(tree) -> list:
    """Each planted bug (tests/mutants/planted) fits the sources: what it changes is there, once."""
    return planted.complaints(tree.root / "tests/mutants/planted", tree.root)
