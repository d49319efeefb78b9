# SPDX-License-Identifier: Apache-2.0
"""The commands that docs/FLEET.md shows, in their order: what both ways begin with, and those of each way."""
import re
import subprocess

from cli_device import TOP

PAGE = (TOP / "docs/FLEET.md").read_text()
MOST = 14       # of one way, from an empty machine on


def blocks(section: str) -> list:
    """Lines that are to be typed, or written into a file."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0].split("\n### ")[0]
    found = [match[0] for match in re.finditer(r"^(?: {4,}\S.*\n)+", text, re.M)]
    return [re.sub(rf"^{re.match(' +', block)[0]}", "", block, flags=re.M) for block in found]


def commands(section: str) -> list:
    """A command goes on until the shell has all of it."""
    words = []
    for block in blocks(section):
        rest = ""
        for line in block.splitlines() if not block.startswith("[") else ():
            rest += f"{line}\n"
            if subprocess.run(["sh", "-n", "-c", rest], capture_output=True, check=False).returncode == 0:
                words.append(rest)
                rest = ""
        assert not rest
    return words


def way(section: str) -> list:
    """All of them, from an empty machine on: under 15."""
    words = commands("Begin") + commands(section)
    assert len(words) <= MOST
    return words
