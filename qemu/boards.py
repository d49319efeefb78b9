# SPDX-License-Identifier: Apache-2.0
"""The machines of QEMU, by Debian's name of their processor: what differs between them."""

from typing import NamedTuple

# For the command line of a kernel that runs without help of the processor. no_timer_check: a host that is busy delays
# QEMU's timer so much that the kernel takes it for broken, and panics. norandmaps: TCG translates code once for each
# address that it runs at. A page of libc that hundreds of processes had at random ones takes QEMU minutes to forget,
# when the boot after a reset clears it. cryptomgr.notests: the kernel's tests of its own ciphers are a tenth of a boot.
TCG_WORDS = "no_timer_check norandmaps cryptomgr.notests"
ARM_WORDS = "norandmaps cryptomgr.notests"


class Board(NamedTuple):
    """A machine. All from cpus on is for boards whose chip has what they need."""
    qemu: str
    argv: tuple
    console: str
    firmware: str
    words: str              # for the command line of the kernel, as TCG_WORDS are
    build: str              # where its programs lie, below those of this machine's processor
    busybox: str            # below the sources
    binutils: str           # how the names of its tools begin
    processor: str          # as Debian calls it
    cpus: int = 0           # that cannot be chosen
    memory: int = 0         # MiB that cannot be chosen
    dtb: str = ""           # its device tree, of Debian's kernel; or a source of one, which lies here: *.dts
    port: int = 0           # which of its serial ports is the console
    card: str = ""          # the size of its disk, which is a card
    usb: str = "xhci.0"     # the bus for sticks
    bus: str = "virtio"     # of its disk
    sets: tuple = ()        # of modules, for its disk
    virtio: str = "virtio-blk-pci"      # QEMU's name of a disk on that bus
    watchdog: str = "i6300esb"          # and of the watchdog, where the chip has none; "": nor has QEMU
    watchdog_driver: str = "i6300esb"   # as the kernel calls it
    accel: str = ""                     # words for "-accel tcg"


BINARIES = {
    "amd64": (".", "/bin/busybox", "", "amd64"),
    "arm64": ("aarch64", "build/sysroot/arm64/bin/busybox", "aarch64-linux-gnu-", "arm64"),
    "armhf": ("arm", "build/sysroot/armhf/bin/busybox", "arm-linux-gnueabihf-", "armhf"),
    "riscv64": ("riscv64", "build/sysroot/riscv64/bin/busybox", "riscv64-linux-gnu-", "riscv64"),
    "s390x": ("s390x", "build/sysroot/s390x/bin/busybox", "s390x-linux-gnu-", "s390x"),
}


BOARDS = {
    "amd64": Board("qemu-system-x86_64", (), "ttyS0", "qboot.rom", TCG_WORDS, *BINARIES["amd64"]),
    "arm64": Board("qemu-system-aarch64", ("-machine", "virt", "-cpu", "cortex-a72"), "ttyAMA0", "", ARM_WORDS,
                   *BINARIES["arm64"]),
    "armhf": Board("qemu-system-arm", ("-machine", "virt,highmem=off", "-cpu", "cortex-a15"), "ttyAMA0", "",
                   ARM_WORDS, *BINARIES["armhf"]),
    # Debian's kernel has no driver for a watchdog of QEMU's, so the kernel counts itself.
    "riscv64": Board("qemu-system-riscv64", ("-machine", "virt"), "ttyS0", "", ARM_WORDS, *BINARIES["riscv64"],
                     watchdog="", watchdog_driver="softdog"),
    # A mainframe: its devices are on channels, its watchdog is a call of the hypervisor's. QEMU forgets code that it
    # translated when it has 16 MiB of it: else, behind a reset, each byte that the kernel unpacks over the one before
    # makes it look at all of that one's code, which takes minutes.
    "s390x": Board("qemu-system-s390x", ("-machine", "s390-ccw-virtio"), "ttysclp0", "", ARM_WORDS, *BINARIES["s390x"],
                   virtio="virtio-blk-ccw", watchdog="diag288", watchdog_driver="diag288_wdt", accel=",tb-size=16"),
    # QEMU's watchdog of this chip resets the machine when it is started.
    "raspi3b": Board("qemu-system-aarch64", ("-machine", "raspi3b"), "ttyS1", "", f"{ARM_WORDS} keelboot.watchdog=off",
                     *BINARIES["arm64"], cpus=4, memory=1024, dtb="broadcom/bcm2837-rpi-3-b.dtb", port=1, card="512M",
                     usb="usb-bus.0", sets=("sd",)),
    "mcimx6ul-evk": Board("qemu-system-arm", ("-machine", "mcimx6ul-evk"), "ttymxc0", "", ARM_WORDS,
                          *BINARIES["armhf"], memory=512, dtb="imx6ul-14x14-evk.dtb", card="512M",
                          usb="usb-bus.1", sets=("soc", "sd")),
    "orangepi-pc": Board("qemu-system-arm", ("-machine", "orangepi-pc"), "ttyS0", "", ARM_WORDS,
                         *BINARIES["armhf"], cpus=4, memory=1024, dtb="sun8i-h3-orangepi-pc.dtb", card="512M",
                         usb="usb-bus.0", sets=("soc", "sd")),
    # A server by Arm's rules. Without its firmware, QEMU itself plays PSCI, by which Linux restarts, if it is asked to.
    "sbsa-ref": Board("qemu-system-aarch64", ("-machine", "sbsa-ref", "-cpu", "cortex-a72",
                                              "-global", "arm-cpu.psci-conduit=1"), "ttyAMA0", "", ARM_WORDS,
                      *BINARIES["arm64"], cpus=1, dtb="sbsa-ref.dts", usb="usb-bus.0", bus="sata", sets=("sata",)),
}
