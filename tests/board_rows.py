# SPDX-License-Identifier: Apache-2.0
"""Of which code each row of `make check-boards` was."""

import functools

from distro_rows import TOP, digest_of

# What meets the chips of a board, and how QEMU is started.
SOURCES = ("initramfs/disks/*.[ch]", "initramfs/hardware*.[ch]", "initramfs/modules*.[ch]", "initramfs/watchdog/*.[ch]",
           "qemu/boards.py", "qemu/*.dts")


@functools.cache
def glue(_board: str) -> str:
    """Changes with these."""
    return digest_of(path for pattern in SOURCES for path in TOP.glob(pattern))
