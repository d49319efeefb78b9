# SPDX-License-Identifier: Apache-2.0
"""The part of the demo that README.md shows: compared with what the demo prints now, or brought up to date."""

import difflib
import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
BEFORE = "This is (b) and (c), shortened:\n\n"
SCENES = ("b", "c")
# Lines that README leaves out: some of `keelboot status`, and what a try says of a stick only if it appears in time.
DETAIL = re.compile(r"^ *\d+\.\d+s +((Staged|Floor|State|Guardian|Watchdog|Compatible|Warning):|"
                    r".*: skipped: this release is installed, or was before$)")
INDENT = "    "
# What differs from run to run, or with the size of the programs; and what is put in its place.
VARIES = (
    (r"^ *\d+\.\d+s", "TIME"),
    (r"\(\d+ s\)$", "(TIME)"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "DATE"),
    (r"\b[0-9a-f]{16}\b", "RELEASE"),
    (r"\b\d+ KiB\b", "SIZE"),
    (r"\bchunk \d+ (is not what was signed|cannot be decoded): ", "chunk N: "),    # where the flipped byte falls
    (r"\brecord \d+\b", "record N"),
)


class ReadmeError(Exception):
    """Says what is wrong with README.md."""


def place(text: str) -> tuple:
    """(begin, end) of the block in README's text."""
    begin = text.find(BEFORE)
    if begin < 0:
        raise ReadmeError(f"{README.name} has no {BEFORE.strip()!r}")
    begin += len(BEFORE)
    block = re.compile(rf"(?:{INDENT}.*\n|\n)*{INDENT}.*\n").match(text, begin)
    if not block:
        raise ReadmeError(f"{README.name} has nothing behind {BEFORE.strip()!r}")
    return begin, block.end()


def masked(line: str) -> str:
    for pattern, word in VARIES:
        line = re.sub(pattern, word, line)
    return line


def told(text: str) -> list:
    """The lines of README's block."""
    begin, end = place(text)
    return [line.removeprefix(INDENT) for line in text[begin:end].splitlines()]


def cut(lines: list) -> list:
    """What README shows of these lines: its scenes without the details, and the last line."""
    shown, scene = [], None
    for line in lines:
        begin = re.match(r"\((\w)\) ", line)
        scene = begin[1] if begin else scene
        if scene in SCENES and not DETAIL.match(line):
            shown.append(line)
    while shown and not shown[-1]:
        shown.pop()
    last = lines[-1:] if lines and lines[-1].startswith(("PASS", "FAIL")) else []
    return shown if shown[-1:] == last else [*shown, "", *last]


def difference(lines: list, text: str) -> str:
    """How what was printed differs from what README shows of it; "" when it does not."""
    return "\n".join(difflib.unified_diff([masked(line) for line in told(text)],
                                          [masked(line) for line in cut(lines)],
                                          README.name, "this run", lineterm="", n=1))


def renewed(lines: list, text: str) -> str:
    """README's text with its part of these lines."""
    begin, end = place(text)
    return text[:begin] + "".join(f"{INDENT}{line}".rstrip() + "\n" for line in cut(lines)) + text[end:]
