# SPDX-License-Identifier: Apache-2.0
"""Which scenarios of `make check-loaders` play which of the stories that each loader must survive.
tests/test_support.py makes the table in docs/KERNEL.md of it, and of docs/loaders.json."""

import dataclasses
import re

STORIES = ("a good pair", "panics before init", "garbage as initramfs", "hangs", "cut at 20 points of the copy",
           "no room", "its count wraps", "both bad")
HEAD = "| kernel for each slot, started by | " + " | ".join(STORIES) + " |"
PANIC = "release whose kernel panics is left and says why"
PLUG = "kernel that hangs waits for a reset and then the old one starts"
WATCHDOG = "kernel that hangs in the initramfs is ended by the watchdog"


@dataclasses.dataclass(frozen=True)
class Played:
    """scenarios: their names, each as an expression. note: what a reader must know beside."""
    scenarios: tuple
    note: str = ""

    def said(self, loader: str, found: list) -> str:
        """By the rows of the record."""
        def results(scenario):
            return [row["result"] for row in found
                    if row["loader"] == loader and re.fullmatch(scenario, row["scenario"])]
        of = [results(scenario) for scenario in self.scenarios]
        if not all(of):
            return "not run"
        passed = all(result == "pass" for one in of for result in one)
        return ("yes" if passed else "**fails**") + (f": {self.note}" if self.note else "")


@dataclasses.dataclass(frozen=True)
class Not:
    """Why there can be no such story, or where it is told instead."""
    why: str

    def said(self, _loader: str, _found: list) -> str:
        return f"no: {self.why}"


def played(*scenarios, note="") -> Played:
    return Played(tuple(map(re.escape, scenarios)), note)


def hangs(own: str = "") -> Played:
    """own: behind the names of the scenarios."""
    return played(PLUG + own, WATCHDOG + own, note="the plug ends it, and in the initramfs the watchdog")


def grub(own: str, good: str) -> tuple:
    """own: as above, for the platform."""
    return (
        played(f"release brings its kernel and is committed with it {good}"),
        played(PANIC + own), played(PANIC + own, note="that is the panic"),
        hangs(own),
        played(f"power cut at any write leaves a pair that starts and leads to the release{own}"),
        played(f"pair that is larger than its partition is refused before anything is written{own}"),
        Not("one block, without a count"),
        played(f"both kernels bad are tried every ten seconds until a file is put back{own}",
               f"both pairs panic and take turns until a file is put back{own}"))


def u_boot(good: str) -> tuple:
    return (
        played(good), played(PANIC), played(PANIC, note="that is the panic"), played(PLUG, note="the plug ends it"),
        played("power cut at any write leaves a pair that starts and leads to the release"),
        played("pair that is larger than its partition is refused before anything is written"),
        Played((r"count of the copies wraps \(.*\)",)),
        played("both kernels bad are tried every ten seconds until a file is put back",
               "both pairs panic and take turns until a file is put back"))


UEFI = (
    played("release brings its image and is committed with it"), played(PANIC),
    played("release whose initramfs is garbage is left and says why"), hangs(),
    played("power cut in the copy leaves the other kernel and the install goes on"),
    played("image that is larger than its partition is refused before anything is written"),
    Not("one `BootOrder`, without a count"),
    played("both images bad is the firmwares end and a file that is put back boots"))
SYSTEMD_BOOT = (
    played("release brings its image and is committed with it"), played(PANIC),
    played("release whose initramfs is garbage is left and says why"), hangs(),
    played("power cut in the copy leaves the other kernel and the install goes on"),
    played("full esp is said before anything is written",
           "stage refuses a release whose kernel has no room"),
    Not("one variable, without a count"),
    played("both images bad is the loaders end and a file that is put back boots"))
MODEL = Not("no kernel runs there")
LOADERS = {     # what a reader calls it: the loader of the record, and the stories in their order
    "GRUB, from a BIOS": ("grub", grub("", "i386-pc")),
    "GRUB, from UEFI": ("grub", grub(" x86_64-efi", "x86_64-efi")),
    "GRUB, from UEFI of AArch64": ("grub-arm64", (
        played("release brings its kernel and is committed with it"), played(PANIC),
        played(PANIC, note="that is the panic"), hangs(),
        played("power cut at any write leaves a pair that starts and leads to the release"),
        played("pair that is larger than its partition is refused before anything is written"),
        Not("one block, without a count"),
        played("both kernels bad are tried every ten seconds until a file is put back"))),
    "UEFI itself": ("uefi", UEFI),
    "UEFI itself, on AArch64": ("uefi-arm64", UEFI),
    "systemd-boot": ("systemd-boot", SYSTEMD_BOOT),
    "systemd-boot, on AArch64": ("systemd-boot-arm64", SYSTEMD_BOOT),
    "systemd-boot, by entries of type 1": ("systemd-boot-type1", (
        played("release brings its files and is committed with them"), played(PANIC),
        played("release whose initramfs is garbage is left and says why"), played(PLUG, note="the plug ends it"),
        played("power cut in the copy leaves the other kernel and the install goes on"),
        played("full esp is said before anything is written"),
        Not("one variable, without a count"),
        played("both kernels bad is the loaders end and a file that is put back boots"))),
    "EFI Boot Guard": ("efibootguard", (
        played("release brings its image and becomes the default"), played(PANIC),
        played("release whose initramfs is garbage is left and says why"),
        played("kernel that hangs is ended by the loaders watchdog", note="its watchdog ends it"),
        played("power cut at any write leaves a kernel that starts",
               "power cut in the copy and in the commitment leads to the release"),
        played("full partition is said before anything is written"), played("revision at its end is begun anew"),
        played("both images bad is the loaders end and a file that is put back boots"))),
    "U-Boot": ("u-boot", u_boot("release brings its kernel and is committed with it")),
    "U-Boot, on x86": ("u-boot-x86", u_boot("release brings its kernel to an empty environment and is committed")),
    "a Raspberry Pi: a model": ("tryboot", (
        played("model firmware starts once what it is asked to and then the preset"), MODEL, MODEL, MODEL,
        played("model cut at the write leaves the old preset or the new one",
               "model pair that was cut in its copy is no partition that starts", note="of the write of its file"),
        Not("as with GRUB"), Not("one file, without a count"), MODEL)),
    "barebox: a model": ("barebox", (
        played("model bootchooser starts once what it is asked to and then the preset"),
        played("model preset that nobody answers is left after three starts", note="a start that nobody answers"),
        MODEL, MODEL,
        played("model cut at each write leaves the old choice or the new one", note="of each write of its state"),
        Not("as with GRUB"), Not("its copies are equal"),
        played("model both bad pairs leave what barebox has behind bootchooser"))),
    "init of Linux, by kexec": ("kexec", (
        played("release is started by its own kernel and becomes good"),
        played("release whose own kernel panics is left and says why"),
        played("release whose own kernel panics is left and says why", note="that is the panic"),
        played("release whose kernel hangs is reset by the watchdog that the first one armed",
               note="the base's watchdog ends it"),
        Not("it is copied with its root, as any file of it"), Not("it is in the root"), Not("there is no store"),
        played("both kernels bad are passed over by the base which says so",
               "both kernels panic and the base boots a last resort"))),
}


def text(found: list) -> str:
    """The table, by the rows of the record."""
    lines = [f"| {name} | " + " | ".join(one.said(loader, found) for one in stories) + " |"
             for name, (loader, stories) in LOADERS.items()]
    return "\n".join([HEAD, "|---" * (len(STORIES) + 1) + "|", *lines, ""])
