# SPDX-License-Identifier: Apache-2.0
"""docs/TROUBLE.md: what the console says is what the programs say."""
import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
PAGE = (TOP / "docs/TROUBLE.md").read_text()
SOURCES = "".join(path.read_text() for folder in ("initramfs", "update")
                  for path in sorted((TOP / folder).rglob("*.c")))
VARIES = re.compile(r"/dev/…|…|slot a|squashfs|\b30 s")        # what the device fills in


def lines() -> list:
    table = PAGE[PAGE.index("| the console says"):PAGE.index("\n\n", PAGE.index("| the console says"))]
    return re.findall(r"^\| `([^`]+)`", table, re.M)


def test_each_line_is_one_that_a_program_prints():
    assert len(lines()) >= 10
    for line in lines():
        parts = [part for part in VARIES.split(line) if len(part.strip()) > 1]
        assert parts, line
        for part in parts:
            assert part.strip() in SOURCES, (line, part)
