# SPDX-License-Identifier: Apache-2.0
"""For which processor a file is, and what can be known of one that does not run here."""

import os
import re
import struct

# e_machine of elf.h.
NAMES = {3: "i386", 8: "MIPS", 20: "PowerPC", 21: "64-bit PowerPC", 22: "S/390", 40: "ARM", 62: "x86-64",
         183: "AArch64", 243: "RISC-V", 258: "LoongArch"}
# Kernels of these start programs of those, too.
STARTS = {62: (62, 3), 183: (183, 40)}
HERE = {"x86_64": 62, "aarch64": 183, "i686": 3, "armv7l": 40, "riscv64": 243, "s390x": 22}
APPLETS = re.compile(rb"\[\0(?:[\[a-zA-Z0-9_.+-]{1,31}\0){20,}")


def of(data: bytes) -> int:
    """0: not an ELF file, or one that is damaged."""
    if data[:4] != b"\x7fELF" or len(data) < 20 or data[4] not in (1, 2) or data[5] not in (1, 2) or data[6] != 1:
        return 0
    return struct.unpack_from("<H" if data[5] == 1 else ">H", data, 18)[0]


def name(processor: int) -> str:
    return NAMES.get(processor, f"processor {processor}")


def starts(kernel: int, program: int) -> bool:
    """Could a kernel for one processor start a program for the other? 0 is unknown, and could be any."""
    return not kernel or not program or program in STARTS.get(kernel, (kernel,))


def is_here(data: bytes) -> bool:
    return of(data) == HERE.get(os.uname().machine, -1)


def applets(busybox: bytes) -> list:
    """The names of its applets, without running it: they stand in it in their order, one behind the other."""
    best = []
    for found in APPLETS.finditer(busybox):
        names = found[0].rstrip(b"\0").split(b"\0")
        end = next((at for at in range(1, len(names)) if names[at] <= names[at - 1]), len(names))
        best = max(best, names[:end], key=len)
    return [one.decode() for one in best]
