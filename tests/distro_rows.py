# SPDX-License-Identifier: Apache-2.0
"""The scenarios of `make check-distro`, by the names that its report has; and of which glue each initramfs was made."""

import functools
import hashlib
import re
import subprocess
from pathlib import Path

from left_out import left_out

TOP = Path(__file__).resolve().parent.parent
BUILDERS = ("buildroot", "yocto", "uki")        # beside the targets of test_distro.py
FILES = [f"tests/boot/test_{name}.py" for name in ("distro", *BUILDERS)]
GLUE = {"initramfs-tools": ("initramfs-tools",), "dracut": ("dracut", "systemd"),
        "mkosi-initrd": ("mkosi-initrd", "systemd"), "mkinitcpio": ("mkinitcpio", "systemd")}
OWN = {"uki": "initramfs/mkinitramfs.d"}        # made by Keelboot itself


def row(file: str, scenario: str, parameters: str) -> dict:
    """What a test is called: its file without .py, its name and its parameters."""
    target, _, more = parameters.partition("/")
    if file.removeprefix("test_") in BUILDERS:
        target, more = file.removeprefix("test_"), parameters
    if target in OWN:
        more = ""       # which stubs there are differs between machines
    return {"target": target, "scenario": f"{scenario} {more.lstrip('-')}".strip()}


def left(report: Path) -> list:
    """A line for each target of which scenarios skipped themselves."""
    return left_out([report], lambda *case: row(*case)["target"])


def digest_of(files) -> str:
    """Of their names and contents."""
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file() and path.suffix != ".pyc"):
        digest.update(f"{path.relative_to(TOP)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:8]


@functools.cache
def glue(target: str) -> str:
    """Changes with what a target's initramfs has of hooks/, and with initramfs/select/: with no other sources."""
    kind = next((kind for kind in GLUE if target.startswith(kind)), "")
    shared = ["hooks/lib", "initramfs/select"] if kind else []
    folders = [OWN[target]] if target in OWN else [f"hooks/{name}" for name in GLUE.get(kind, (target,))] + shared
    return digest_of(path for folder in folders for path in (TOP / folder).rglob("*"))


def collected(files, *options) -> list:
    """File or class, scenario and parameters of each test in them that is there."""
    pytest = ("/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only")
    said = subprocess.run([*pytest, *options, *files], cwd=TOP, text=True, capture_output=True, check=True).stdout
    cases = re.findall(r"^\S*/(test_\w+)\.py::(?:(\w+)::)?test_(\w+)(?:\[(.*)\])?$", said, re.M)
    return [(within or file, name.replace("_", " "), parameters) for file, within, name, parameters in cases]


@functools.cache
def planned() -> list:
    """(target, scenario) of each test that is there."""
    rows = [row(*case) for case in collected(FILES)]
    return list(dict.fromkeys((one["target"], one["scenario"]) for one in rows))
