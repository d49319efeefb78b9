# SPDX-License-Identifier: Apache-2.0
"""One scenario as it runs: machines on an overlay, what they did, and what must be true. Everything has a limit."""

import json
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import images
import kbtools
from console import PATIENCE
from drives import Drive
from kbdisk import DiskError, mkvfat
from releases import ReleaseError
from watch import CHECK_TODO, Boot, Watcher

SHUTDOWN = 60.0     # seconds for a system to shut down in order
SLOW = 8            # seconds in which a slow medium is read once
MIB = 1 << 20


class Failed(Exception):
    """A scenario failed: why, and what to do about it."""

    def __init__(self, why: str, todo: str = ""):
        super().__init__(why)
        self.why, self.todo = why, todo


class Skipped(Exception):
    """A scenario cannot be played with what is there."""


@dataclass
class Result:
    """result: pass, fail, skip (cannot be played), error (the test itself failed)."""
    name: str
    result: str = ""
    why: str = ""
    todo: str = ""
    seconds: float = 0.0
    started: float = 0.0
    boots: list = field(default_factory=list)
    events: list = field(default_factory=list)      # (seconds since its begin, text)
    evidence: list = field(default_factory=list)
    log: str = ""
    doing: str = ""


def state_of(disk, part, folder: Path) -> dict:
    """What `keelboot status --json` says of the state partition of an image; {} if it says nothing."""
    try:
        copy = images.read_range(disk, part.offset, part.size, folder / "state.img")
    except images.ImageError:
        return {}
    empty = folder / "no-conf"
    empty.mkdir(exist_ok=True)
    done = subprocess.run([kbtools.find("keelboot"), "status", "--json", "--state", copy, "--conf-root", empty,
                           "--run-dir", empty], text=True, capture_output=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return {}


def slot_in(state: dict, letter: str) -> dict:
    return next((slot for slot in state.get("slots", ()) if slot["slot"] == letter), {})


class Run:
    """lab: what all scenarios share (see lab.py). base: the disk that it begins with."""

    def __init__(self, lab, name: str, base):
        self.lab, self.subject, self.name = lab, lab.subject, name
        self.folder = lab.folder / name
        self.folder.mkdir()
        self.disk = images.overlay(base, self.folder / "disk.qcow2")
        self.result = Result(name, log=str(lab.output / f"{name}.log"))
        Path(self.result.log).unlink(missing_ok=True)
        self.began = time.monotonic()
        self.deadline = self.began + (lab.limit + 2 * self.subject.soak_s) * PATIENCE
        self.vm = None
        self.machines = 0

    # --- what is shown --------------------------------------------------------------------------

    def now(self) -> float:
        return round(time.monotonic() - self.began, 1)

    def note(self, text: str) -> None:
        self.result.events.append((self.now(), text))
        self.doing(text)

    def doing(self, text: str) -> None:
        self.result.doing = text

    def left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Failed(f"the scenario took more than {self.lab.limit:g} s",
                         "--limit SECONDS gives it more; the log shows where the time went")
        return left

    # --- machines -------------------------------------------------------------------------------

    def machine(self, drives=(), faults=(), gdb: bool = False):
        """Switches a new machine on, on this scenario's disk; the one before is switched off."""
        self.off()
        self.left()
        extra = []
        if gdb:
            extra = ["-chardev", f"socket,id=gdb,path={self.folder / 'gdb'},server=on,wait=off", "-gdb", "chardev:gdb"]
        self.vm = self.subject.machine(self.disk, drives=drives, faults=faults, log=self.result.log, extra=extra)
        self.machines += 1
        self.note("power on" + (f", with {', '.join(d.name for d in drives if d.plugged)}" if drives else ""))
        self.vm.start()
        return self.vm

    def off(self) -> None:
        if self.vm is not None:
            self.vm.close()
            self.vm = None

    def boot(self) -> Boot:
        """Follows the latest boot of the machine until it is up or over."""
        vm = self.vm
        number, limit = len(vm.boots), self.lab.boot_limit + self.subject.soak_s
        begun = vm.boots[number - 1]
        boot = Boot(number, begun.cause, round(begun.at - self.began, 1))
        self.result.boots.append(boot)
        self.doing(f"boot {len(self.result.boots)} ({boot.cause})")
        Watcher(vm, boot, self.is_good).follow(min(limit, self.left() / PATIENCE))
        self.note(f"boot {len(self.result.boots)}: {boot}")
        return boot

    def next_boot(self, limit: float) -> None:
        """Waits until the machine has restarted by itself. Failed if it does not."""
        vm, number = self.vm, len(self.vm.boots)
        if not vm.console.wait_for(lambda: len(vm.boots) > number or vm.ended(), min(limit, self.left() / PATIENCE)):
            raise Failed(f"the machine did not restart within {limit:g} s")

    def power_cut(self, why: str) -> None:
        """Cuts the power in a boot that nobody follows, and switches on again."""
        begun = self.vm.boots[-1]
        boot = Boot(begun.number, begun.cause, round(begun.at - self.began, 1), ended="power cut by the test")
        boot.seconds = round(time.monotonic() - begun.at, 1)
        boot.read(self.vm.boot_text())
        self.result.boots.append(boot)
        self.note(f"power cut {why}")
        self.vm.power_cut()
        self.vm.start()

    def shut_down(self) -> str:
        """In order, and off: by Ctrl-Alt-Del, else by the power button; how, or "" if it reacted to neither or hung."""
        vm = self.vm
        for how, press in (("Ctrl-Alt-Del", lambda: vm.press("ctrl-alt-delete")), ("power button", vm.power_button)):
            count = len(vm.boots)
            self.doing(f"shutdown by {how}")
            press()
            if vm.console.wait_for(lambda: len(vm.boots) > count or vm.ended(),
                                   min(SHUTDOWN, self.left() / PATIENCE)):
                if len(vm.boots) > count and vm.boots[-1].cause == "watchdog":
                    self.note(f"the shutdown by {how} hung until the watchdog ended it")
                    self.off()
                    return ""
                self.note(f"shut down by {how}")
                self.off()
                return how
        self.note("reacted neither to Ctrl-Alt-Del nor to the power button: power cut")
        self.off()
        return ""

    # --- what is on the disk --------------------------------------------------------------------

    def state(self) -> dict:
        part = self.subject.part("state")
        return state_of(self.disk, part, self.folder) if part else {}

    def slot(self, letter: str) -> dict:
        return slot_in(self.state(), letter)

    def is_good(self, letter: str) -> bool:
        return self.slot(letter).get("state") == "good"

    def installs(self) -> int:
        """How many installs the history has."""
        if not self.subject.part("state"):
            return 0
        self.state()
        done = subprocess.run([kbtools.find("keelboot"), "history", "--json", "--state", self.folder / "state.img",
                               "--conf-root", self.folder / "no-conf"], text=True, capture_output=True, check=False)
        try:
            return sum(event["kind"].startswith("install") for event in json.loads(done.stdout)["events"])
        except (ValueError, KeyError):
            return 0

    # --- media ----------------------------------------------------------------------------------

    def medium(self, kind: str, bus: str = "usb", slow: bool = False) -> Drive:
        """A stick or a card with the release of that kind on it; slow: so that something can happen meanwhile."""
        try:
            bundle = self.lab.releases.get(kind)
        except ReleaseError as error:
            raise Skipped(str(error)) from None
        name = "card" if bus == "sd" else "stick"
        size = bundle.stat().st_size + 40 * MIB
        size = 1 << (size - 1).bit_length() if bus == "sd" else -(-size // MIB) * MIB
        try:
            image = mkvfat(self.folder / f"{name}.img", size, {f"keelboot/{bundle.name}": bundle}, label="TEST")
        except DiskError as error:
            raise Skipped(str(error)) from None
        return Drive(image, bus=bus, name=name, bps=max(bundle.stat().st_size // SLOW, 64 << 10) if slow else 0)

    # --- what must be true ----------------------------------------------------------------------

    def must(self, true: bool, why: str, todo: str = "") -> None:
        if not true:
            raise Failed(why, todo)

    def must_be_up(self, boot: Boot, slot: str, what: str) -> None:
        """The boot must have come up in that slot."""
        if boot.up and boot.slot == slot:
            return
        if boot.up:
            raise Failed(f"{what}: slot {boot.slot} came up, not slot {slot}", refusal(boot))
        if boot.silent:
            raise Failed(f"{what}: it said nothing")
        if boot.check and boot.slot == slot:
            raise Failed(f"{what}: {boot.check}", CHECK_TODO)
        if boot.dead or boot.ended:
            raise Failed(f"{what}: {boot.dead or boot.ended}", refusal(boot))
        if boot.slot == slot and boot.status == "trial":
            raise Failed(f"{what}: slot {slot} was not marked good in {boot.seconds:g} s",
                         "its system must call `keelboot health` (keelboot-mark-good.service), or `keelboot mark "
                         "good`; if it does, a check fails or hangs: `keelboot check` in it says which")
        raise Failed(f"{what}: it was not up after {boot.seconds:g} s", "--boot-limit SECONDS gives a boot more time")

    def finish(self, result: str, why: str = "", todo: str = "") -> Result:
        done = self.result
        done.result, done.why, done.todo, done.seconds, done.doing = result, why, todo, self.now(), ""
        if result in ("fail", "error") and done.boots:
            done.evidence = done.boots[-1].lines[-8:] or done.boots[-1].text.strip().splitlines()[-8:]
        self.off()
        for path in self.folder.glob("*.img"):
            path.unlink()
        return done

    def drop(self) -> None:
        """Removes its disk: there may be many, and /tmp may be in memory."""
        shutil.rmtree(self.folder, ignore_errors=True)


def refusal(boot: Boot) -> str:
    """What Keelboot said about an update that it did not install."""
    said = [line for line in boot.lines if any(word in line for word in
                                               ("not installed", "skipped", "rejected", "failed", "cannot", "ignored"))]
    return f"Keelboot said: {said[-1]}" if said else ""
