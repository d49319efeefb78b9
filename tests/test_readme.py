# SPDX-License-Identifier: Apache-2.0
"""What the demo prints and what README.md shows: what counts as a difference. tests/boot/test_demo.py compares them."""

import re
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "qemu"))

import readme                                                        # noqa: E402

TEXT = (TOP / "README.md").read_text()
LINES = readme.told(TEXT)


def test_readme_has_the_whole_story():
    assert LINES[0].endswith("makes a key, three systems, four bundles, an initramfs and a disk")
    assert LINES[-1].startswith("PASS: ") and sum(line.startswith("(") for line in LINES) == 4


def test_what_readme_says_is_no_difference_to_itself():
    assert readme.difference(LINES, TEXT) == "" and readme.renewed(LINES, TEXT) == TEXT


@pytest.mark.parametrize("pattern, other", (
    (r"^ *\d+\.\d+s", " 137.4s"), (r"20\d\d-\d\d", "2031-01"), (r"\d+ KiB", "7 KiB"), (r"chunk \d+", "chunk 8"),
    (r"chunk \d+ cannot be decoded", "chunk 8 is not what was signed"),
    (r"record \d+", "record 99"), (r"[0-9a-f]{16}\.keel", "0123456789abcdef.keel"), (r"\(\d+ s\)", "(3 s)")))
def test_times_and_sizes_are_none(pattern, other):
    lines = [re.sub(pattern, other, line) for line in LINES]
    assert lines != LINES and readme.difference(lines, TEXT) == ""


@pytest.mark.parametrize("change", (
    lambda lines: lines[:-2], lambda lines: [*lines[:5], "a line more", *lines[5:]],
    lambda lines: [line.replace("which is good", "which works") for line in lines],
    lambda lines: [line.replace("tries left: 1", "tries left: 2") for line in lines]))
def test_a_word_or_a_line_is_one(change):
    assert "README.md" in readme.difference(change(LINES), TEXT)


def test_readme_is_brought_up_to_date():
    lines = [*LINES[:5], "", "a new line", *LINES[5:]]
    renewed = readme.renewed(lines, TEXT)
    assert readme.told(renewed) == lines
    assert renewed.endswith(TEXT[-200:]) and renewed.startswith(TEXT[:200])


def test_a_readme_without_the_block_is_said():
    with pytest.raises(readme.ReadmeError):
        readme.told("# Nothing\n")
