# SPDX-License-Identifier: Apache-2.0
"""What pages link to is there: the file, and the heading in it; and each decision has its form."""

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


@pytest.mark.parametrize("page", sorted(TOP.glob("docs/decisions/*.md")), ids=lambda page: page.name)
def test_a_decision_is_a_question_a_choice_and_short(page):
    text = page.read_text()
    assert re.match(rf"# {int(page.name[:4])}\. .*\n\n20\d\d-\d\d-\d\d", text)
    assert 0 < text.find("\n**Question.**") < text.find("\n**Choice")
    assert text.count("\n") < 40
