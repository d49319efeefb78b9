# SPDX-License-Identifier: Apache-2.0
"""The text of planted bugs (planted/*.bugs), and how each is put into the sources.

A bug is a block of lines between blank lines. Comments, with # before them, stand between the blocks:

    trial-before-manifest: the slot is on trial before its manifest is written
    Killed by: unit/install_test after_any_power_cut_it_goes_on_and_ends_well
    In install_seal_commit of install_seal.c:
      replace `e = write_manifest(in);` by `e = KB_OK;`
      delete `TRY(bdev_flush(p->dev));`
      move `a();` before `b();`
      add `c();` after `d();`

An expression may go on in the next line. "In media.h:" means what stands outside of all functions. The file is found by
its base name, in whatever folder it is. Blanks and comments do not count: the tokens of C are compared. Each expression
must stand exactly once in its function, as the function is without the bug.
"""

import re
from pathlib import Path

import c_mutations

PLANTED = Path(__file__).parent / "planted"
FOLDERS = ("channel", "cli", "fleet", "hooks", "initramfs", "kernel-cmdline", "lib", "libkeelboot", "selector",
           "update")
HEADER = re.compile(r"(?P<name>[a-z0-9-]+): (?P<what>.+)\n(?P<killers>(?:Killed by: \S.*\n)+)(?P<places>(?:.|\n)+)")
PLACE = re.compile(r"^In (?:(?P<function>\w+) of )?(?P<file>[\w.]+):\n(?P<edits>(?: .*\n)+)", re.M)
EDIT = re.compile(r"\s+(?:replace `([^`]+)`\s+by `([^`]*)`|delete `([^`]+)`"
                  r"|(move|add) `([^`]+)`\s+(before|after) `([^`]+)`)\n")
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|(?P<token>"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|[A-Za-z_]\w*'
                   r"|\.?\d(?:[eEpP][+-]|[\w.])*|->|\+\+|--|<<=|>>=|<<|>>|[<>=!]=|&&|\|\||[-+*/%&|^]=|\.\.\.|##|\S)",
                   re.S)
Span = tuple[int, int]


class Wrong(Exception):
    """A bug that cannot be planted: it says why."""


def tokens(text: str, start: int = 0, end: int | None = None) -> list[tuple[str, int, int]]:
    """Each token of C, and where it begins and ends. Comments and blanks are none."""
    return [(m["token"], *m.span("token")) for m in TOKEN.finditer(text, start, len(text) if end is None else end)
            if m["token"]]


class Source:
    """A file, and what of it is in which function."""

    def __init__(self, text: str):
        self.text = text
        found = c_mutations.bodies(c_mutations.blanked(text))
        self.bodies = {c_mutations.function(text, start + 1): (start, end + 1) for start, end in found}
        ends = [0, *(place for body in found for place in (body[0], body[1] + 1)), len(text)]
        self.outside = list(zip(ends[::2], ends[1::2]))

    def place(self, wanted: str, function: str | None) -> Span:
        """Where these tokens stand, in a function or outside of all."""
        spans = [self.bodies[function]] if function else self.outside
        words = [token for token, _, _ in tokens(wanted)]
        found = []
        for span in spans:
            there = tokens(self.text, *span)
            texts = [token for token, _, _ in there]
            found += [(there[i][1], there[i + len(words) - 1][2]) for i in range(len(texts) - len(words) + 1)
                      if texts[i:i + len(words)] == words]
        if len(found) != 1:
            raise Wrong(f"`{wanted}` stands {len(found) or 'no'} time{'s' * (len(found) != 1)} "
                        f"{'in ' + function if function else 'outside of functions'}, not once")
        return found[0]


def changes(source: Source, function: str | None, edit: tuple) -> list[tuple[int, int, str]]:
    """What an edit puts where: from, to, text."""
    old, new, gone, verb, what, side, anchor = edit
    if gone or old:
        return [(*source.place(gone or old, function), new)]
    at = source.place(anchor, function)[side == "after"]
    if verb == "add":
        return [(at, at, f" {what} ")]
    start, end = source.place(what, function)
    return [(start, end, ""), (at, at, f" {source.text[start:end]} ")]


def edited(text: str, function: str | None, edits: list[tuple]) -> str:
    source = Source(text)
    if function and function not in source.bodies:
        raise Wrong(f"there is no function {function}")
    todo = sorted(change for edit in edits for change in changes(source, function, edit))
    if any(a[1] > b[0] for a, b in zip(todo, todo[1:])):
        raise Wrong("two of its changes overlap")
    for start, end, new in reversed(todo):
        text = text[:start] + new + text[end:]
    return text


class Bug:
    """A planted bug, as it is written down: its name, what it breaks, who notices, and where it changes what."""

    def __init__(self, block: str, path: Path, line: int):
        self.at = f"tests/mutants/planted/{path.name}:{line}"
        head = HEADER.fullmatch(block)
        places = PLACE.findall(head["places"]) if head else []
        if not head or PLACE.sub("", head["places"]):
            raise Wrong(f"{self.at}: not 'name: what it breaks', 'Killed by: test', 'In function of file:' and edits")
        self.name, self.what = head["name"], head["what"]
        self.killers = [line.removeprefix("Killed by: ") for line in head["killers"].splitlines()]
        self.places = [(function or None, file, EDIT.findall(edits)) for function, file, edits in places]
        for (_, file, edits), (_, _, lines) in zip(self.places, places):
            if not edits or EDIT.sub("", lines):
                raise Wrong(f"{self.at}: {self.name}: {file}: neither replace, delete, move nor add: "
                            f"{EDIT.sub('', lines).strip()}")

    def files(self, top: Path) -> dict[str, str]:
        """Each file that it changes, by its path from the top: as the bug leaves it. Raises Wrong."""
        found = {}
        for function, file, edits in self.places:
            name = find_file(top, file)
            try:
                found[name] = edited(found.get(name) or (top / name).read_text(), function, edits)
            except Wrong as wrong:
                raise Wrong(f"{self.at}: {self.name}: {name}: {wrong}") from None
        return found


def find_file(top: Path, base: str) -> str:
    paths = [path for folder in FOLDERS for path in (top / folder).rglob(base)]
    if len(paths) != 1:
        raise Wrong(f"{base}: {len(paths) or 'no'} file{'s' * (len(paths) != 1)} of that name in {', '.join(FOLDERS)}")
    return str(paths[0].relative_to(top))


def read(folder: Path) -> list[Bug]:
    """All bugs of a folder, in the order of their names. Raises Wrong."""
    found = {}
    for path in sorted(folder.glob("*.bugs")):
        text = re.sub(r"^#.*", "", path.read_text(), flags=re.M)
        for m in re.finditer(r"(?:^.+\n)+", text, re.M):
            bug = Bug(m[0], path, text.count("\n", 0, m.start()) + 1)
            if bug.name in found:
                raise Wrong(f"{bug.at}: {bug.name}: stands in {found[bug.name].at} too")
            found[bug.name] = bug
    return [found[name] for name in sorted(found)]


def complaints(folder: Path, top: Path) -> list[str]:
    """What keeps which bug from being planted."""
    found = []
    try:
        bugs = read(folder)
    except Wrong as wrong:
        return [str(wrong)]
    for bug in bugs:
        try:
            bug.files(top)
        except Wrong as wrong:
            found.append(str(wrong))
    return found
