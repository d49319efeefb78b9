# SPDX-License-Identifier: Apache-2.0
"""docs/FLEET.md says what a server can and cannot do that was taken over: each line of both tables names its tests."""
import re

import pytest
from cli_device import TOP

PAGE = (TOP / "docs/FLEET.md").read_text()
SECTIONS = {"A server that was taken over": 11, "A web server that was taken over": 8}      # lines, at least
PLAYED = {name for pattern, glob in ((r"^def test_(\w+)\(", "*.py"), (r"^TEST\((\w+)\)", "*_test.c"))
          for path in (TOP / "tests/fleet").glob(glob) for name in re.findall(pattern, path.read_text(), re.M)}


def rows(section):
    """The cells of each line below the head of its first table."""
    text = re.split(r"^##+ ", PAGE.split(f"# {section}\n")[1], flags=re.M)[0]
    table = re.search(r"^\| it can \| it cannot \| tests.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def faults(lines):
    """What is wrong with them."""
    found = []
    for cells in lines:
        tests = names(cells[-1])
        found += [f"{' | '.join(cells[:-1])}: no test"] if len(cells) != 3 or not tests else []
        found += [f"{name}: no such test in tests/fleet" for name in tests if name not in PLAYED]
    return found


@pytest.mark.parametrize("section", SECTIONS)
def test_each_line_of_the_page_names_tests_that_are_there(section):
    assert len(rows(section)) >= SECTIONS[section]
    assert faults(rows(section)) == []


def test_a_line_without_a_test_and_a_test_that_is_gone_are_found():
    assert faults([["withhold", "forge", ""]]) == ["withhold | forge: no test"]
    assert faults([["", "forge", "`it_cannot_mix`"]]) == []
    assert faults([["", "forge", "`it_cannot_be`, `it_cannot_mix`"]]) == ["it_cannot_be: no such test in tests/fleet"]
    assert faults([["", "forge"]]) == [": no test"]
