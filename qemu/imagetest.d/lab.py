# SPDX-License-Identifier: Apache-2.0
"""What all scenarios share: the subject, its releases, and what its first boot showed. And the pool that plays them."""

import concurrent.futures
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import diagnosis
import images
import kbconf
import kbcpio
import kbtools
import unpack
from drives import DriveError
from kbdisk import DiskError
from machine import ExpectError, MachineError, QmpError
from releases import ReleaseError, Releases, is_ext4
from scenario import Failed, Result, Run, Skipped, slot_in
from scenarios import SCENARIOS, play
from subject import SubjectError, settings

FIRST = "boot"          # the scenario that goes before all others
TROUBLE = (MachineError, ExpectError, QmpError, DriveError, DiskError, images.ImageError, ReleaseError,
           SubjectError, kbtools.ToolError, OSError, RuntimeError)


@dataclass
class Lab:
    """home: the slot that booted, other: the one for updates; tries: of a trial. Known once `prove` has run."""
    subject: object
    releases: Releases
    folder: Path
    output: Path
    boot_limit: float = 240.0
    limit: float = 900.0
    home: str = ""
    other: str = ""
    tries: int = 3
    base: object = None
    findings: list = field(default_factory=list)
    public_keys: dict = field(default_factory=dict)

    def find(self, findings: list) -> None:
        """Adds what was found, each once."""
        known = {finding.id for finding in self.findings}
        self.findings += [finding for finding in findings if finding.id not in known]
        self.findings.sort(key=lambda finding: diagnosis.LEVELS.index(finding.level))


# ---------------------------------------------------------------- keys

def make_keys(lab: Lab) -> None:
    """Keys of the test, and an initramfs that trusts them too; the one that was given stays as it is."""
    entries = lab.subject.entries
    needed = lab.subject.conf.get(("keyring", "signatures-required"), "1")
    archive = kbcpio.Archive(0)
    keyring = kbconf.keyring(entries)
    for number in range(int(needed) if needed.isdigit() else 1):
        name = f"image-test-{number + 1}"
        kbtools.run(kbtools.find("keelboot"), "key", "generate", "-o", lab.folder / name)
        public = (lab.folder / f"{name}.pem").read_bytes()
        lab.public_keys[f"{name}.pem"] = public
        archive.file(f"{keyring}/{name}.pem", public)
        lab.releases.keys.append(lab.folder / f"{name}.key")
    lab.subject.initrd = unpack.append(lab.subject.initrd, archive.pack(), lab.folder / "initramfs")


def use_keys(lab: Lab, keys: list) -> None:
    """Somebody's keys; the public halves lie beside them, or staging is not tried."""
    lab.releases.keys += keys
    for key in keys:
        public = Path(key).with_suffix(".pem")
        if public.is_file():
            lab.public_keys[public.name] = public.read_bytes()


def find_compatible(lab: Lab) -> None:
    """compatible= of the device, from its initramfs or from a slot, and with it what else system.conf says there. An
    option goes before the name alone."""
    subject, name = lab.subject, ("system", "compatible")
    for part in [] if name in subject.conf else subject.slots().values():
        conf = settings(subject.read_files(part, ["etc/keelboot/system.conf", "usr/lib/keelboot/system.conf"]))
        if name in conf:
            subject.conf = {**conf, **subject.conf}
            break
    lab.releases.compatible = lab.releases.compatible or subject.conf.get(name, "").split(",")[0].strip()


# ---------------------------------------------------------------- the first boot

def _file_system_size(image: Path) -> int:
    """Bytes of the ext4 or squashfs in a partition's image, or of all of it."""
    with open(image, "rb") as file:
        head = file.read(2048)
    if is_ext4(image):
        blocks = int.from_bytes(head[1028:1032], "little")
        return blocks << (10 + int.from_bytes(head[1048:1052], "little"))
    if head[:4] == b"hsqs":
        return -(-int.from_bytes(head[40:48], "little") // 4096) * 4096
    return image.stat().st_size


def take_root(lab: Lab, run: Run) -> None:
    """The next release is the running one, if no other was given."""
    part = lab.subject.slots().get(lab.home)
    if lab.releases.root or part is None:
        return
    image = images.read_range(run.disk, part.offset, part.size, lab.folder / "root.img")
    with open(image, "r+b") as file:
        file.truncate(min(_file_system_size(image), part.size))
    lab.releases.root = image


def prove(run: Run) -> None:
    """The system as it is comes up, is good, and shuts down: what all others begin with."""
    lab, subject = run.lab, run.subject
    run.machine()
    boot = run.boot()
    lab.find(diagnosis.of_console(subject, boot))
    worst = diagnosis.worst(lab.findings)
    if boot.silent:
        raise Failed(diagnosis.SILENT.what, diagnosis.SILENT.todo)
    if worst and not (boot.up and boot.slot):
        raise Failed(worst.what, worst.todo)
    if not boot.up:
        run.must_be_up(boot, boot.slot, "the first boot")
    if run.is_good(boot.slot):
        good = True
    else:
        good = False
        run.note(f"slot {boot.slot} is not good")
    how = run.shut_down()
    lab.find(diagnosis.of_first(subject, boot, good, how))
    if not good:
        raise Failed(f"nothing marked slot {boot.slot} good", "the system must call `keelboot health` once it is up")
    _learn(lab, run, boot)


def _learn(lab: Lab, run: Run, boot) -> None:
    state = run.state()
    slot = slot_in(state, boot.slot)
    others = [one["slot"] for one in state.get("slots", ()) if one["slot"] != boot.slot]
    lab.home, lab.other, lab.base = boot.slot, (others or [""])[0], run.disk
    lab.releases.sequence, lab.releases.version = slot.get("sequence", 0), slot.get("version", "")
    tries = lab.subject.conf.get(("system", "tries"), "")
    lab.tries = int(tries) if tries.isdigit() else 3
    if lab.releases.keys:
        take_root(lab, run)


# ---------------------------------------------------------------- playing

def perform(lab: Lab, name: str, base, function, on_start) -> Result:
    """One scenario, whatever becomes of it; its disk goes, but for the one that others begin with."""
    run = Run(lab, name, base)
    on_start(run.result)
    try:
        return end(run, function)
    finally:
        if name != FIRST:
            run.drop()


def end(run: Run, function) -> Result:
    """How it ended."""
    try:
        function(run)
        return run.finish("pass")
    except Failed as error:
        return run.finish("fail", error.why, error.todo)
    except Skipped as error:
        return run.finish("skip", str(error))
    except TROUBLE as error:
        return run.finish("error", str(error).splitlines()[0][:500] if str(error) else type(error).__name__)
    except Exception:       # pylint: disable=broad-except # the others go on; the page shows where it was
        return run.finish("error", traceback.format_exc().strip().splitlines()[-1])


class Board:
    """The results as they come, for those who show them."""

    def __init__(self, names: list, show):
        self.results = {name: Result(name) for name in names}
        self.begun, self._show, self._lock = time.monotonic(), show, threading.Lock()

    def update(self, result: Result) -> None:
        with self._lock:
            if not result.result:
                result.started = round(time.monotonic() - self.begun, 1)
            self.results[result.name] = result
            self._show(self, result)


def play_all(lab: Lab, names: list, jobs: int, board: Board) -> None:
    """The first boot, then the scenarios, `jobs` at a time. If the first boot fails, none of them is played."""
    first = perform(lab, FIRST, lab.subject.disk, prove, board.update)
    board.update(first)
    if first.result != "pass":
        for name in names:
            board.update(Result(name, "skip", "the system did not pass its first boot"))
        return

    def one(name: str) -> None:
        board.update(perform(lab, name, lab.base, lambda run: play(run, SCENARIOS[name]), board.update))

    pool = concurrent.futures.ThreadPoolExecutor(max_workers=jobs)
    try:
        for future in [pool.submit(one, name) for name in names]:
            future.result()
    finally:
        # Who interrupts does not wait for the others.
        pool.shutdown(wait=False, cancel_futures=True)
