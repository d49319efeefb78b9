# SPDX-License-Identifier: Apache-2.0
"""What README, docs/ and the pages beside the tests link to is there: the file, and the heading in it."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
PAGES = sorted([*TOP.glob("*.md"), TOP / "kernel-cmdline/keys.md", *TOP.glob("docs/**/*.md"),
                *TOP.glob("tests/**/*.md")])


def anchors(page: Path) -> set:
    """As the forges make them: lower case, blanks are hyphens, all other marks are gone."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    return {re.sub(r"[^\w -]", "", title.strip().lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target
