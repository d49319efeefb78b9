# SPDX-License-Identifier: Apache-2.0
"""docs/SCENARIOS.md: each of the 24 ways to fail has a test that is run, and a scenario that exists."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "docs" / "SCENARIOS.md"
TESTS = (TOP / "tests" / "trace" / "selectors_test.c").read_text()
SCENARIO = re.compile(r"\[([^]]+)\]\(\.\./([^)#]+)\) `(test_\w+)`")


def rows() -> list:
    """[[number, what failed, what Keelboot does, trace test, scenario]]"""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].isdigit():
            found.append(cells)
    return found


def test_there_are_24():
    assert [int(row[0]) for row in rows()] == list(range(1, 25))
    assert all(len(row) == 5 and all(row) for row in rows())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_row_names_a_test_and_a_scenario(row):
    name = row[3].strip("`")
    # Defined under its number.
    assert re.search(rf"^/\* {row[0]}\. [^/]*(?:/[^/]+)*?\*/\nTEST\({name}\)$", TESTS, re.M)
    text, path, function = SCENARIO.fullmatch(row[4]).groups()
    assert Path(path).name == text and path.startswith("tests/boot/")
    assert re.search(rf"^def {function}\(", (TOP / path).read_text(), re.M), function


def test_files_that_the_tests_mention_exist():
    comments = re.findall(r"/\* \d+\..*?\*/", TESTS, re.S)
    assert len(comments) == 24
    for comment in comments:
        names = re.findall(r"(?:tests/(?:boot/)?)?test_\w+\.py", comment)
        assert names, comment
        for name in names:
            base = Path(name).name
            assert any((TOP / d / base).is_file() for d in ("tests", "tests/boot")), name


def test_no_check_that_is_on_asks_the_network():
    """Row 11: what a check could reach the network with is not in it. Names of units reach nothing."""
    on, = re.findall(r"^HEALTH := (.*)$", (TOP / "Makefile").read_text(), re.M)
    health = [TOP / "hooks/health" / name.partition("-")[2] for name in on.split()]
    checks = sorted((TOP / "hooks" / "checks").iterdir())
    assert checks and health
    words = re.compile(r"\b(ping|curl|wget|nc|nslookup|dig|getent|ntp\w*|ssh|/dev/tcp)\b")
    for check in (*checks, *health):
        assert not words.search(re.sub(r"\S+\.service", "", check.read_text())), check.name
