# SPDX-License-Identifier: Apache-2.0
"""The machines of QEMU, by Debian's name of their processor: what differs between them."""

from typing import NamedTuple

# For the command line of a kernel that runs without help of the processor. no_timer_check: a host that is busy delays
# QEMU's timer so much that the kernel takes it for broken, and panics. norandmaps: TCG translates code once for each
# address that it runs at. A page of libc that hundreds of processes had at random ones takes QEMU minutes to forget,
# when the boot after a reset clears it.
TCG_WORDS = "no_timer_check norandmaps"


class Board(NamedTuple):
    """words: for the command line of the kernel, as TCG_WORDS are. build: where the programs of another processor lie
    below those of this one; busybox: below the sources. binutils: how the names of its tools begin."""
    qemu: str
    argv: tuple
    console: str
    firmware: str
    words: str
    build: str
    busybox: str
    binutils: str


BOARDS = {
    "amd64": Board("qemu-system-x86_64", (), "ttyS0", "qboot.rom", TCG_WORDS, ".", "/bin/busybox", ""),
    "arm64": Board("qemu-system-aarch64", ("-machine", "virt", "-cpu", "cortex-a72"), "ttyAMA0", "", "norandmaps",
                   "aarch64", "build/sysroot/arm64/bin/busybox", "aarch64-linux-gnu-"),
    "armhf": Board("qemu-system-arm", ("-machine", "virt,highmem=off", "-cpu", "cortex-a15"), "ttyAMA0", "",
                   "norandmaps", "arm", "build/sysroot/armhf/bin/busybox", "arm-linux-gnueabihf-"),
}
