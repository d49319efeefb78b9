# SPDX-License-Identifier: Apache-2.0
"""What the demo prints and what README.md shows: what counts as a difference. tests/boot/test_demo.py compares them."""

import re

import pytest

import readme
from cli_device import TOP

TEXT = (TOP / "README.md").read_text()
LINES = readme.told(TEXT)


def test_readme_has_the_good_update_and_the_broken_one():
    assert [line[:3] for line in LINES if line.startswith("(")] == ["(b)", "(c)"]
    assert LINES[-1].startswith("PASS: ")
    assert not any("Watchdog:" in line for line in LINES)


def test_readme_is_read_in_one_sitting():
    assert TEXT.count("\n") <= 165


STORY = ["   0.0s  host      makes a key", "", "(a) The factory", "   1.0s  device    slot a", "", *LINES[:-2], "",
         "(d) A flipped byte", "   9.0s  host      slots a and b are the same", "", LINES[-1]]


@pytest.mark.parametrize("detail", (
    "  33.4s                Watchdog:   /dev/watchdog0, 8 s",
    "  67.4s  device    /dev/sda: x.keel: version 3.0: skipped: this release is installed, or was before"))
def test_the_other_scenes_and_the_details_are_left_out(detail):
    assert readme.cut(STORY) == LINES == readme.cut(LINES)
    assert readme.cut([*STORY[:8], detail, *STORY[8:]]) == LINES
    assert readme.difference(STORY, TEXT) == "" and readme.renewed(STORY, TEXT) == TEXT


def test_a_scene_that_was_not_played_is_a_difference():
    assert readme.difference(STORY[:STORY.index("(d) A flipped byte")], TEXT) != ""


def test_what_readme_says_is_no_difference_to_itself():
    assert readme.difference(LINES, TEXT) == "" and readme.renewed(LINES, TEXT) == TEXT


@pytest.mark.parametrize("pattern, other", (
    (r"^ *\d+\.\d+s", " 137.4s"), (r"20\d\d-\d\d", "2031-01"), (r"\d+ KiB", "7 KiB"),
    (r"[0-9a-f]{16}\.keel", "0123456789abcdef.keel"), (r"\(\d+ s\)", "(3 s)")))
def test_times_and_sizes_are_none(pattern, other):
    lines = [re.sub(pattern, other, line) for line in LINES]
    assert lines != LINES and readme.difference(lines, TEXT) == ""


@pytest.mark.parametrize("one, other", (
    ("chunk 54 cannot be decoded: the bundle is damaged", "chunk 8 is not what was signed: the bundle is damaged"),
    ("State: /dev/vda1, record 4", "State: /dev/vda1, record 99")))
def test_nor_are_chunks_and_records(one, other):
    assert readme.masked(one) == readme.masked(other)


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
