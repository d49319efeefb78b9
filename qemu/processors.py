# SPDX-License-Identifier: Apache-2.0
"""The processors that Keelboot is built for besides this one, in one table: a new one is a line here, one in boards.py
if its kernel is to run in QEMU, and a block in lib/cage_calls.h."""

from typing import NamedTuple


class Processor(NamedTuple):
    """machine: as the names of its compiler's programs begin. emulator: what runs them here; "" is this kernel.
    suite: of Debian, where that of this system has no such processor. efi: has it systemd's stub? Only
    its tests want the packages of more."""
    machine: str
    emulator: str
    suite: str = ""
    efi: bool = True
    more: tuple = ()

    @property
    def build(self) -> str:
        return self.machine.split("-", 1)[0]


# By Debian's name.
PROCESSORS = {
    "arm64": Processor("aarch64-linux-gnu", "qemu-aarch64-static", more=("grub-efi-arm64-bin",)),
    "armhf": Processor("arm-linux-gnueabihf", "qemu-arm-static"),
    "i386": Processor("i686-linux-gnu", ""),
    "riscv64": Processor("riscv64-linux-gnu", "qemu-riscv64-static", suite="trixie"),
    "s390x": Processor("s390x-linux-gnu", "qemu-s390x-static", efi=False),
}
