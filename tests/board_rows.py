# SPDX-License-Identifier: Apache-2.0
"""The scenarios of `make check-boards`, by the names that its report has; and of which code each was."""

import functools

from distro_rows import TOP, collected, digest_of

FILE = "tests/boot/test_boards.py"
# What meets the chips of a board, and how QEMU is started.
SOURCES = ("initramfs/disks/*.[ch]", "initramfs/hardware*.[ch]", "initramfs/modules*.[ch]", "initramfs/watchdog/*.[ch]",
           "qemu/boards.py", "qemu/*.dts")


@functools.cache
def glue(_board: str) -> str:
    """Changes with these."""
    return digest_of(path for pattern in SOURCES for path in TOP.glob(pattern))


def row(_file: str, scenario: str, parameters: str) -> dict:
    """What a test is called: its name; the board is its parameter."""
    return {"board": parameters, "scenario": scenario}


@functools.cache
def planned() -> list:
    """(board, scenario) of each test that is there."""
    return [(one["board"], one["scenario"]) for one in (row(*case) for case in collected([FILE]))]
