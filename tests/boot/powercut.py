# SPDX-License-Identifier: Apache-2.0
"""What a device's disk is told during an update, recorded in QEMU, cut anywhere, and booted again.

Recordings come from a real kernel: `Lab.record()`. The images that a cut may leave are made by
build/tests/sim/cutlog_sim, with the code that makes them for the simulated disk. `Lab.settle()` boots one of them until
the device is at rest, and says what is wrong with that."""

import json
import os
import random
import re
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import blklog
import kbkernel
from console import ExpectError
from drives import Drive, Fault
from kbdevice import CONF, Device, run
from kbdisk import mkext4, parse_size, partition, read_partition
from kbroot import mkroot
from machine import TCG_WORDS, Machine

TOP = Path(__file__).resolve().parents[2]
CUTLOG = TOP / "build/tests/sim/cutlog_sim"
# Sectors that are written as one (0: as the cut says), and whether one of them may be garbage. On the data
# partition ext4 takes for granted that its blocks are not torn.
PARTITIONS = {"keelboot-state": (0, "bad"), "data": (8, "no"), "root-a": (0, "data"), "root-b": (0, "data")}
OLDER, OLD, NEW = "1.0", "2.0", "3.0"
SLOT = "24M"
PATIENCE = 300          # seconds: for a host that has other things to do
RECORDINGS = ("staged", "running", "staged-cut", "running-cut")
ONLY_FLUSHES = 1 << 30  # bring the log's count of entries up to date: what was not flushed stands behind
NEVER = 1 << 62
MOST_BOOTS = 4          # of one power cut: apply and trial in the first; a source is looked at 3 times at most
BOOT = """\
#!/bin/sh
dmesg -n 1
data=$(sed -n 's/^data //p' /run/keelboot/devices)
mount -t ext4 -o nosuid,nodev "$data" /data
echo "system {version} is up on slot $(cat /run/keelboot/slot)"
keelboot mark good
echo "status: $(keelboot status --json | tr -d '\\n ')"
echo "system {version} is ready"
"""
# Four files on the data partition, written over again and again, each time durably.
WRITER = """\
i=0; while [ -e /run/busy ]; do i=$((i+1)); \
dd if=/dev/urandom of=/data/busy$((i%4)).new bs=32k count=3 conv=fsync 2>/dev/null; \
mv /data/busy$((i%4)).new /data/busy$((i%4)); done &"""


class Wrong(Exception):
    """What an image, or the device that booted it, is not as promised."""


@dataclass
class Recording:
    """A log, and the disk before it. kept: when the log had this size, the update had been acknowledged:
    from then on it must not be lost any more."""
    name: str
    base: str
    log: str
    kept: int = NEVER
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @staticmethod
    def load(path: Path) -> "Recording":
        return Recording(**json.loads(path.read_text()))


@dataclass(frozen=True)
class Cut:
    """One image. entries: how many of the log were issued when the power went; sort, which: what of that
    landed (see tests/sim/cut_image.h); unit: sectors of 512 bytes that are written as one."""
    recording: str
    stratum: str
    entries: int
    sort: str
    which: int = 0
    unit: int = 1

    def __str__(self) -> str:
        return f"{self.recording}:{self.stratum}:{self.entries}:{self.sort}:{self.which}:{self.unit}"

    @staticmethod
    def parse(text: str) -> "Cut":
        recording, stratum, entries, sort, which, unit = text.split(":")
        return Cut(recording, stratum, int(entries), sort, int(which), int(unit))


@dataclass(frozen=True)
class Image:
    """hash: of what it holds; choices: how many images that cut may leave; bad: sectors that cannot be read."""
    hash: str
    choices: int
    bad: tuple


@dataclass
class Outcome:
    """How the device came to rest."""
    version: str
    boots: int
    reason: str


def ask(vm, command: str) -> str:
    """The output of a command in the device, which has to succeed."""
    status, output = vm.shell(command, PATIENCE)
    if status != 0:
        raise Wrong(f"{command}: exit {status}\n{output}")
    return output


def up(vm, version: str) -> dict:
    """Waits for a system, and returns the status that it gives."""
    found = vm.expect(r"status: (\{.*\})\nsystem (\S+) is ready", PATIENCE)
    if found[2] != version:
        raise Wrong(f"system {found[2]} is up, {version} was expected")
    return json.loads(found[1])


def cut_in_the_middle(vm, made: Recording) -> None:
    """Takes the power when the slot is written: half a megabyte of it is on its way, and not flushed."""
    begin, size = partition(made.base, "root-b")
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        pending = 0
        # Its header comes with the first flush.
        begun = os.stat(made.log).st_size > 0 and Path(made.log).open("rb").read(1) != b"\0"
        for entry in blklog.entries(made.log, tail=True) if begun else ():
            if entry.kind == "flush":
                pending = 0
            elif begin <= entry.offset < begin + size:
                pending += entry.length
        if pending > 1 << 19:
            vm.power_cut()
            return
        time.sleep(0.02)
    raise Wrong(f"the slot was not written in {PATIENCE} s\n{vm.text[-6000:]}")


def why_old(status: dict) -> str:
    """What the device itself says of an update that it has not taken."""
    other = next(slot for slot in status["slots"] if not slot["booted"])
    if other["state"] == "writing":
        return "an install was interrupted"
    if other["state"] == "good":
        return "none was begun"
    if other["reason"]:
        return f"slot {other['slot']} is {other['state']}: {other['reason']}"
    raise Wrong(f"status gives no reason: {json.dumps(status)}")


class Lab:
    """A device that boots quickly: small systems, few modules, no sources but the data partition."""

    def __init__(self, work: Path, build=TOP / "build"):
        self.work = Path(work)
        conf = CONF.format(compatible="cut-board", watchdog=60, tries=3, count="never")
        conf = conf.replace("[source.media]\nenabled=yes\n", "[source.media]\nenabled=no\n")
        self.work.mkdir(parents=True, exist_ok=True)
        # Nothing that is built meanwhile changes what is under test.
        self.cutlog = self.work / "cutlog_sim"
        if not self.cutlog.exists():
            shutil.copy(CUTLOG, self.cutlog)
        self.device = Device(self.work, build=build, compatible="cut-board", conf=conf)

    def system(self, version: str) -> Path:
        """An image; each version has 2 MiB of its own in the middle of what all have."""
        image = self.work / f"root-{version}.img"
        if image.exists():
            return image
        self.device.key()
        files = {"usr/bin/keelboot": self.device.stripped("keelboot"),
                 "etc/keelboot/system.conf": self.device.conf, "etc/keelboot/keys": self.work / "keys",
                 "usr/share/ballast": random.Random(version).randbytes(2 << 20)}
        if version != NEW:
            files["usr/lib/keelboot/keelboot-helper"] = self.device.stripped("keelboot-helper")
        tree = self.work / f"root-{version}"
        mkroot(tree, name="Cut", version=version, boot=BOOT.format(version=version), files=files)
        return mkext4(image, "22M", tree, label="root", seed=f"root-{version}")

    def bundle(self, version: str = NEW) -> Path:
        return self.device.bundle(version, image=self.system(version), name=version, options=("--level", "1"))

    def command(self, *arguments) -> str:
        """`keelboot` on the host, with the device's configuration."""
        root = self.work / "conf-root"
        if not root.exists():
            shutil.copytree(self.work / "keys", root / "etc/keelboot/keys")
            (root / "etc/keelboot/system.conf").write_text(self.device.conf)
        env = {**os.environ, "KEELBOOT_HELPER": str(self.device.build / "keelboot-helper")}
        return run(self.device.keelboot, *arguments, "--conf-root", root, env=env)

    def initramfs(self) -> Path:
        return self.device.initramfs("--compress", "none", modules=("virtio", "ext4"))

    def factory(self) -> Path:
        """The disk that everything begins with: OLD runs from slot a, OLDER is good in b, NEW lies on the
        data partition."""
        path = self.work / "factory.img"
        if path.exists():
            return path
        self.initramfs()
        state, a = self.work / "state.img", self.work / "slot-a.img"
        state.unlink(missing_ok=True)
        self.command("state", "init", state, "--slots", 2, "--good", "b", "--bundle", self.bundle(OLDER))
        a.write_bytes(b"")
        os.truncate(a, parse_size(SLOT))
        self.command("install", self.bundle(OLD), "--progress=none", "--state", state, "--slot", f"a:root={a}")
        self.command("mark", "good", "a", "--state", state)
        self.device.slot_size, self.device.data_size = SLOT, "40M"
        new = self.device.disk(a, self.system(OLDER), state=state, name="factory.new", data={"new.keel": self.bundle()})
        return new.rename(path)

    def machine(self, disk, *, log=None, bps=0, console=None, bad=()) -> Machine:
        faults = tuple(Fault("read", offset, 512) for offset in bad)
        drive = Drive(disk, name="disk", log=log, log_count=ONLY_FLUSHES, bps=bps, faults=faults)
        return Machine(kbkernel.get().vmlinux, self.initramfs(), f"quiet {TCG_WORDS} loglevel=7 panic=1",
                       drives=[drive], log=console)

    # --- recordings -----------------------------------------------------------------------------

    def recording(self, name: str) -> Recording:
        """Of that name, made if it is not there: see RECORDINGS."""
        note = self.work / f"{name}.json"
        if not note.exists():
            since = time.monotonic()
            made = getattr(self, f"_record_{name.replace('-', '_')}")(name)
            made.seconds = round(time.monotonic() - since, 1)
            made.save(note)
        return Recording.load(note)

    def _start(self, name: str, before: Path, **options) -> tuple:
        base, disk, log = (self.work / f"{name}.{what}" for what in ("base", "disk", "log"))
        log.unlink(missing_ok=True)
        for copy in (base, disk):
            run("cp", "--sparse=always", before, copy)
        vm = self.machine(disk, log=log, console=self.work / f"{name}.console", **options)
        return vm, Recording(name, str(base), str(log))

    def _record_staged(self, name: str) -> Recording:
        """Staged by the running system, applied at boot, tried, marked good."""
        vm, made = self._start(name, self.factory())
        with vm:
            up(vm, OLD)
            ask(vm, "keelboot stage /data/new.keel --progress=none")
            made.kept = os.stat(made.log).st_size
            vm.send("reboot")
            up(vm, NEW)
            ask(vm, "sync")
        return made

    def _record_running(self, name: str) -> Recording:
        """Installed by the running system, while others write to the data partition."""
        vm, made = self._start(name, self.factory())
        with vm:
            up(vm, OLD)
            ask(vm, f"touch /run/busy; {WRITER}")
            ask(vm, "keelboot install /data/new.keel --progress=none")
            made.kept = os.stat(made.log).st_size
            ask(vm, "rm /run/busy; wait; sync")
            vm.send("reboot")
            up(vm, NEW)
            ask(vm, "sync")
        return made

    def _record_staged_cut(self, name: str) -> Recording:
        """A device that lost its power in the middle of an apply loses it again, in the next one."""
        first = self.recording("staged")
        before = self.work / f"{name}.before"
        entries = blklog.entries(first.log, tail=True)
        # The largest epoch is that in which the slot is written.
        ends = [i for i, entry in enumerate(entries) if entry.kind == "flush"]
        size, end = max((entries[b].at - entries[a].at, b) for a, b in zip(ends, ends[1:])
                        if entries[a].at > first.kept)
        self.image(Cut("staged", "epoch", end, "random", 1), before)
        vm, made = self._start(name, before, bps=8 << 20)
        before.unlink()
        with vm:
            cut_in_the_middle(vm, made)
        made.kept = 0
        return made

    def _record_running_cut(self, name: str) -> Recording:
        """The power is lost in the middle of an install under the running system."""
        vm, made = self._start(name, self.factory(), bps=16 << 20)
        with vm:
            up(vm, OLD)
            ask(vm, f"touch /run/busy; {WRITER}")
            vm.send("keelboot install /data/new.keel --progress=none")
            cut_in_the_middle(vm, made)
        return made

    # --- what a cut leaves ----------------------------------------------------------------------

    def image(self, cut: Cut, target: Path) -> Image:
        """Writes the disk that is left."""
        made = self.recording(cut.recording)
        words = []
        for name, (unit, garbage) in PARTITIONS.items():
            offset, size = partition(made.base, name)
            words.append(f"{offset}:{size}:{unit or cut.unit}:{garbage}")
        said = run(self.cutlog, made.log, made.base, target, cut.entries, cut.sort, cut.which, *words)
        bad = tuple(map(int, re.findall(r"^bad (\d+)$", said, re.M)))
        return Image(re.search(r"hash (\w+)$", said, re.M)[1], int(re.search(r"images (\d+)", said)[1]), bad)

    def kept(self, cut: Cut) -> bool:
        """Had the update been acknowledged by then?"""
        made = self.recording(cut.recording)
        entries = blklog.entries(made.log, tail=True)
        return made.kept < NEVER and all(entry.at >= made.kept for entry in entries[cut.entries:])

    def check(self, image: Path) -> None:
        """Before anything is booted: what the state calls good, or on trial, is whole; Wrong if not."""
        offset, size = partition(image, "keelboot-state")
        state = json.loads(self.command("state", "show", "--json", "--state", image, "--offset", offset,
                                        "--size", size))
        self._intact(image, state["slots"])
        if not any(slot["state"] == "good" for slot in state["slots"]):
            raise Wrong(f"no slot is good: {json.dumps(state['slots'])}")

    def _intact(self, image: Path, slots: list) -> None:
        for slot in slots:
            if slot["state"] in ("good", "trial") and not self.holds(image, slot["slot"], slot["version"]):
                raise Wrong(f"slot {slot['slot']} is {slot['state']} and does not hold {slot['version']}")

    # --- … booted --------------------------------------------------------------

    def settle(self, image: Path, kept: bool, bad=(), console=None) -> Outcome:
        """Boots a disk (and changes it) until the device is at rest. kept: that has to be with NEW.
        Wrong says what is not as promised."""
        self.check(image)
        with self.machine(image, console=console, bad=bad) as vm:
            status, boots = self._rest(vm)
            text = vm.text
            vm.power_cut()
        booted = status["booted"]
        version = booted["version"]
        try:
            self._judge(image, status, kept)
        except Wrong as error:
            raise Wrong(f"{error}\nstatus: {json.dumps(status)}\n{text[-6000:]}") from None
        reason = "committed" if version == NEW else why_old(status)
        return Outcome(version, boots, reason)

    def _rest(self, vm) -> tuple:
        """(status, boots) when nothing is left to be done."""
        number = 1
        while True:
            try:
                found = vm.expect(r"status: (\{.*\})\nsystem (\S+) is ready", PATIENCE)
            except ExpectError as error:
                raise Wrong(f"no system is up: {error}\n{vm.text[-6000:]}") from None
            status, number = json.loads(found[1]), len(vm.boots)
            if number > MOST_BOOTS:
                raise Wrong(f"not at rest after {MOST_BOOTS} boots: {found[1]}\n{vm.text[-6000:]}")
            if found[2] != status["booted"]["version"]:
                raise Wrong(f"system {found[2]} runs, and status says {found[1]}")
            trial = any(slot["state"] == "trial" for slot in status["slots"])
            if not status["staged"] and not trial:
                return status, number
            vm.send("reboot")

    def _judge(self, image: Path, status: dict, kept: bool) -> None:
        slot = next(s for s in status["slots"] if s["booted"])
        if slot["state"] != "good" or not slot["preferred"]:
            raise Wrong(f"slot {slot['slot']} runs, and is {slot['state']}")
        if slot["version"] not in ((NEW,) if kept else (OLD, NEW)):
            raise Wrong(f"{slot['version']} runs" + (", the update that was promised is lost" if kept else ""))
        self._intact(image, status["slots"])

    def holds(self, disk: Path, slot: str, version: str) -> bool:
        data = self.system(version).read_bytes()
        return read_partition(disk, f"root-{slot}", 0, len(data)) == data


# --- which images -------------------------------------------------------------------------------

STRATA = {
    "state": "a record of the state, a manifest's cell or a line of history: lost, torn, or garbage",
    "flush": "each flush: just after it, and one write before it",
    "epoch": "of what was written since the last flush, any part",
    "tail": "the same, where the recording itself was cut: what stands behind the count of the log",
}


def plan(lab: Lab, name: str, seed: int) -> list:
    """All cuts of one recording that stand for the others, each stratum in the order of the log."""
    made = lab.recording(name)
    entries = blklog.entries(made.log, tail=True)
    begin, size = partition(made.base, "keelboot-state")
    chance = random.Random(f"{seed} {name}")
    cuts = []
    before = -1             # the last flush
    for i, entry in enumerate(entries):
        if entry.kind == "flush":
            cuts.append(Cut(name, "flush", i + 1, "all"))
            if i - before > 2:
                cuts.append(Cut(name, "flush", i - 1, "all"))
            if i - before > 1:
                cuts.append(Cut(name, "epoch", i, "random", chance.getrandbits(32), chance.choice((1, 1, 8))))
            before = i
        elif begin <= entry.offset < begin + size:
            cuts += [Cut(name, "state", i + 1, "none"),
                     Cut(name, "state", i + 1, "torn", chance.randrange(1, entry.length // 512)),
                     Cut(name, "state", i + 1, chance.choice(("garbage", "bad")), chance.getrandbits(32))]
    if before < len(entries) - 1:
        sorts = ("none", "all", "missing", "landed", "garbage", "torn", *["random"] * 6)
        cuts += [Cut(name, "tail", len(entries), sort, chance.getrandbits(8 if sort == "torn" else 32), unit)
                 for sort, unit in zip(sorts, (1, 1, 1, 8) * len(sorts))]
    return cuts


def spread(cuts: list, most: int, chance: random.Random) -> list:
    """At most so many of them, evenly from all strata of all recordings; the rest of a stratum is passed over
    at even distances."""
    groups = {}
    for cut in cuts:
        groups.setdefault((cut.stratum, cut.recording), []).append(cut)
    left, chosen = most, []
    # The small ones first: what they do not need is left for the others.
    for number, group in enumerate(sorted(groups.values(), key=len)):
        share = min(len(group), left // (len(groups) - number))
        step, offset = len(group) / max(share, 1), chance.random()
        chosen += [group[int((i + offset) * step)] for i in range(share)]
        left -= share
    return chosen
