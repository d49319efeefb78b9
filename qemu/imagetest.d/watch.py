# SPDX-License-Identifier: Apache-2.0
"""One boot of a machine, by what its console says: which slot Keelboot chose, whether the system came up, how it
ended."""

import re
import time
from dataclasses import dataclass, field

from console import PATIENCE

SLOT = re.compile(r"keelboot: slot (\w): ([^,\n]+), (\w+)(?:, tries left: (\d+))?(?=[,\n ]|$)")
KEELBOOT = re.compile(r"^(?:\[ *\d+\.\d+\] )?(?:<\d+>)?.*?\b(keelboot(?:-[a-z]+)?(?:\[\d+\])?: .*)$", re.M)
# A person could log in, or work.
UP = re.compile(r"\blogin: ?$|^[^\n]{0,60}[#$] $|Please press Enter to activate this console|"
                r"Reached target (?:\S+ - )?Multi-User|^system \S+ is ready", re.M)
KERNEL = re.compile(r"Linux version |^\[ *\d+\.\d{6}\] ", re.M)
# What a boot ends in that does not end: what was said, and what is wrong.
DEAD_ENDS = (
    (r"Kernel panic - not syncing: VFS: Unable to mount root fs", "the kernel found no root file system"),
    (r"No working init found", "the kernel found no init"),
    (r"\(initramfs\) ?$", "the initramfs ended in a shell"),
    (r"dracut:/# ?$", "the initramfs ended in a shell"),
    (r"Give root password for maintenance|Press Enter for maintenance", "systemd ended in its emergency mode"),
    (r"grub rescue> ?$|^grub> ?$", "the boot loader GRUB found nothing to boot"),
    (r"No bootable device|BdsDxe: No bootable option or device was found|Shell> ?$",
     "the firmware found nothing to boot"),
    (r"Boot failed: not a bootable disk", "the firmware found nothing to boot"))
RESCUE = re.compile(r"keelboot: rescue: no slot can be booted")
AGAINST = re.compile(r"keelboot: (slot (\w): [^\r\n]+)")
# What `keelboot health` says on the console of the check that failed, and what comes of it.
CHECK = re.compile(r"keelboot: check (\S+): ([^\r\n]+); (?:this release is rejected|"
                   r"this boot is not a trial|(there is no other slot to boot))")
PASSED = re.compile(r"\bAll (?:required checks|\d+ checks) passed\b|\bThe check passed\.")
CHECK_TODO = "mend what the check found, or its settings: `keelboot check` in the system runs it alone (docs/HOOKS.md)"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
QUIET = 15.0        # seconds without a word after which a system that is in its slot is taken to be up
SILENT = 100.0      # without any word since the start
STUCK = 5.0         # a shell that nothing follows on for so long


@dataclass
class Boot:
    """up: "" or how that was seen. ended: "" while it runs, or why it does not. dead: why it never will be up."""
    number: int
    cause: str
    at: float = 0.0             # seconds since the scenario began
    seconds: float = 0.0        # until it was up, or over
    slot: str = ""
    version: str = ""
    status: str = ""
    up: str = ""
    ended: str = ""
    dead: str = ""
    silent: bool = False
    check: str = ""             # a check of `keelboot health` that failed, and what it printed
    unfit: bool = False         # for that the trial cannot become good, and no other slot can take its place
    text: str = ""
    lines: list = field(default_factory=list)

    def read(self, text: str) -> None:
        """Takes in what the boot has said by now."""
        self.text = text
        chosen = SLOT.findall(text)
        if chosen:
            self.slot, self.version, self.status = chosen[-1][:3]
        self.lines = list(dict.fromkeys(KEELBOOT.findall(text)))
        self.check, self.unfit = failed_check(self.after_slot())

    def after_slot(self) -> str:
        """What was said after Keelboot chose."""
        found = list(SLOT.finditer(self.text))
        return self.text[found[-1].end():] if found else self.text

    def __str__(self) -> str:
        where = f"slot {self.slot}: {self.version}, {self.status}" if self.slot else "no slot"
        return f"{where}; {'up' if self.up else self.dead or self.ended or 'not up'}"


def failed_check(text: str) -> tuple[str, bool]:
    """Which check failed in the last run of them, and why; and whether the trial goes on without it."""
    text = ESCAPES.sub("", text)
    found = list(CHECK.finditer(text))
    if not found or PASSED.search(text, found[-1].end()):
        return "", False
    name, why, goes_on = found[-1].groups()
    return f"the check {name} failed: {why}", goes_on is not None


def no_slot(text: str) -> str:
    """What stands against the slots, if Keelboot chose none and waits for a medium."""
    chosen = list(SLOT.finditer(text))
    rescue = RESCUE.search(text, chosen[-1].end() if chosen else 0)
    if not rescue:
        return ""
    against = {slot: line for line, slot in AGAINST.findall(text[:rescue.start()])}
    return "Keelboot found no slot that can be booted" + "".join(f"; {line}" for line in against.values())


def dead_end(text: str) -> str:
    """What a boot ended in, if these are its last words."""
    tail = text[-600:]
    return next((why for pattern, why in DEAD_ENDS if re.search(pattern, tail, re.M)), "") or no_slot(text)


class Watcher:
    """Follows a boot of `vm`. is_good(slot): whether the state says that the slot is good, asked seldom."""

    def __init__(self, vm, boot: Boot, is_good):
        self.vm, self.boot, self.is_good = vm, boot, is_good
        self._grown = self._asked = time.monotonic()
        self._length = 0

    def _text(self) -> str:
        return self.vm.boot_text(self.boot.number) if self.vm.boots else ""

    def _over(self) -> str:
        if len(self.vm.boots) > self.boot.number:
            return f"reset by {self.vm.boots[self.boot.number].cause}"
        return self.vm.ended()

    def _seen_up(self, quiet: float) -> str:
        boot = self.boot
        mark = UP.search(boot.after_slot())
        if boot.status == "trial":
            if time.monotonic() - self._asked < 2.0:
                return ""
            self._asked = time.monotonic()
            return "it was marked good" if self.is_good(boot.slot) else ""
        if mark:
            return f"it said {mark.group(0).strip()[:40]!r}"
        if boot.slot and quiet > QUIET * PATIENCE:
            return f"it was quiet for {QUIET:g} s in its slot"
        return ""

    def _look(self, start: float, limit: float) -> bool:
        """True if this boot is decided."""
        now = time.monotonic()
        text = self._text()
        if len(text) != self._length:
            self._length, self._grown = len(text), now
        self.boot.read(text)
        quiet = now - self._grown
        self.boot.ended = self._over()
        if self.boot.ended:
            return True
        self.boot.up = self._seen_up(quiet)
        if not self.boot.up and self.boot.unfit:
            self.boot.dead = self.boot.check
        elif quiet > STUCK and not self.boot.up:
            self.boot.dead = dead_end(text)
        self.boot.silent = not text.strip() and now - start > min(SILENT, limit) * PATIENCE
        return bool(self.boot.up or self.boot.dead or self.boot.silent)

    def follow(self, limit: float) -> Boot:
        """Until the system is up, the boot is over, or `limit` seconds have passed."""
        start = self.vm.boots[self.boot.number - 1].at
        while not self._look(start, limit) and time.monotonic() - start < (limit + 1) * PATIENCE:
            length = self._length
            self.vm.console.wait_for(lambda: len(self.vm.text) > length + self.vm.boots[self.boot.number - 1].start
                                     or self._over(), 0.5 / PATIENCE)
        self.boot.seconds = round(time.monotonic() - start, 1)
        return self.boot
