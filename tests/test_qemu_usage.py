# SPDX-License-Identifier: Apache-2.0
"""qemu/: what the tools say when their command line is wrong. None of these starts a machine."""

import re
import subprocess

import pytest
from cli_device import TOP, USAGE, call

QEMU = TOP / "qemu"


def usage(program, *args):
    done = call(QEMU / program, *args, code=USAGE, timeout=60, stdin=subprocess.DEVNULL)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("program", ["run", "bootloop", "imagetest", "mkdisk", "mkroot", "kernel", "demo", "deps",
                                     "mkdebianroot", "mkdebiandisk", "demo-debian", "hawkbit"])
def test_an_argument_that_nobody_knows_is_a_usage_error(program):
    assert "usage" in usage(program, "--frobnicate", "x", "y").lower() or program == "deps"


@pytest.mark.parametrize("program, args", [("run", []), ("run", ["--dry-run"]), ("bootloop", ["--mark", "login:"])])
def test_a_machine_with_nothing_to_boot_says_what_to_give(program, args):
    assert f"qemu/{program}: nothing to boot: missing option: --initrd FILE, --disk FILE" in usage(program, *args)


def test_a_kernel_of_another_suite_has_a_folder_of_its_own():
    """Else every machine would run it from then on."""
    assert "--suite needs a --dir of its own" in usage("kernel", "--suite", "bookworm-backports")


def test_the_demo_of_debian_12_is_not_begun_with_programs_of_a_newer_one(tmp_path):
    """Its first command would end with packages that cannot be installed."""
    (tmp_path / "dpkg-query").write_text("#!/bin/sh\nprintf 2.41-12\n")
    (tmp_path / "dpkg-query").chmod(0o755)
    told = call(QEMU / "demo-debian", tmp_path / "disks", code=1, timeout=60, stdin=subprocess.DEVNULL,
                env={"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"}).stderr
    assert "has libc6 2.41-12" in told and "build and start it on a Debian 12" in told
    assert not (tmp_path / "disks").exists()


def test_the_guide_has_the_keys_of_the_desk():
    """Those of qemu/interact.py, each with its row."""
    text = re.search(r'HELP = """\\\n(.*?)"""', (QEMU / "interact.py").read_text(), re.S)[1]
    keys = re.findall(r"(?:^Ctrl-\] and then: |  )([a-z?])  ", text, re.M)
    guide = (QEMU.parent / "docs/INTEGRATE.md").read_text()
    assert len(keys) == 8 and [key for key in keys if f"| `{key}` | " not in guide] == []
    assert "Ctrl-]" in guide
