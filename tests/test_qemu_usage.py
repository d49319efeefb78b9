# SPDX-License-Identifier: Apache-2.0
"""qemu/: what the tools say when their command line is wrong. None of these starts a machine."""

import re
import subprocess
from pathlib import Path

import pytest

QEMU = Path(__file__).resolve().parent.parent / "qemu"
USAGE = 3


def usage(program, *args):
    done = subprocess.run([QEMU / program, *args], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == USAGE, done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("program", ["run", "bootloop", "mkdisk", "mkroot", "kernel", "demo", "deps", "mkdebianroot"])
def test_an_argument_that_nobody_knows_is_a_usage_error(program):
    assert "usage" in usage(program, "--frobnicate", "x", "y").lower() or program == "deps"


@pytest.mark.parametrize("program, args", [("run", []), ("run", ["--dry-run"]), ("bootloop", ["--mark", "login:"])])
def test_a_machine_with_nothing_to_boot_says_what_to_give(program, args):
    said = usage(program, *args)
    assert f"qemu/{program}: nothing to boot: give --initrd FILE or --disk FILE" in said


def test_the_guide_has_the_keys_of_the_desk():
    """Those of qemu/interact.py, each with its row."""
    text = re.search(r'HELP = """\\\n(.*?)"""', (QEMU / "interact.py").read_text(), re.S)[1]
    keys = re.findall(r"(?:^Ctrl-\] and then: |  )([a-z?])  ", text, re.M)
    guide = (QEMU.parent / "docs/INTEGRATE.md").read_text()
    assert len(keys) == 8 and [key for key in keys if f"| `{key}` | " not in guide] == []
    assert "Ctrl-]" in guide
