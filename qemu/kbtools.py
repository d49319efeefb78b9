# SPDX-License-Identifier: Apache-2.0
"""Keelboot's own programs, found by the place of this file: in the source tree, or where `make install` puts them
(docs/decisions/0073)."""

import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parent      # of the sources


class ToolError(Exception):
    """A program of Keelboot's is missing."""


def find(name: str) -> Path:
    """keelboot, mkinitramfs, init, keelboot-helper, keelboot-guardian. ToolError says where it is not."""
    places = (HERE.parent / "build" / name, HERE.parent / "initramfs" / name, HERE.parent / name,
              HERE.parents[2] / "bin" / name)
    for place in places:
        if place.is_file():
            return place
    raise ToolError(f"{name}: not found as {', '.join(map(str, places))}; build it (make), or install it")


def run(*command, **options) -> str:
    """Runs a command; its output, or an error that shows what it said."""
    result = subprocess.run([str(part) for part in command], text=True, capture_output=True, **options)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout
