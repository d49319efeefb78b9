# SPDX-License-Identifier: Apache-2.0
"""The scenarios: functions of a Run, which read as a person would do it by hand. `lab.home` is the slot that the device
booted before, `lab.other` the one that an update goes into."""

import freeze
from drives import Fault
from releases import ReleaseError
from scenario import MIB, Failed, Run, Skipped, refusal
from stage import StageError, stage
from watch import SLOT

FIRST_WRITES = 512 << 10        # bytes: an install is under way
RULE = 64 << 10                 # bytes between two rules of an I/O error: writes of an install are larger
PAIRS = "each slot has a kernel of its own ([loader] kind=): the releases made here have none, and the device " \
        "restarts by itself into that of a trial, which this test takes for a failure"
IDLE = 1.3                      # of the watchdog's timeout: a system that nobody feeds it for is reset meanwhile
IDLE_MORE, RESET = 5.0, 30.0    # seconds behind that; until a reset is seen, behind half as much again


# ---------------------------------------------------------------- what they share

def must_be_good(run: Run, letter: str, version: str = "") -> None:
    slot = run.slot(letter)
    run.must(slot.get("state") == "good", f"slot {letter} is {slot.get('state') or 'unknown'} in the state, not good")
    run.must(not version or slot.get("version") == version,
             f"slot {letter} holds {slot.get('version')}, not {version}")


def comes_up(run: Run, letter: str, what: str) -> None:
    run.must_be_up(run.boot(), letter, what)


def stays(run: Run, letter: str) -> None:
    """Another boot of what is on the disk now, without any medium."""
    run.machine()
    comes_up(run, letter, "the boot after it")
    run.shut_down()


def takes(run: Run, drives: list, what: str) -> None:
    """A machine with these media installs the good release and comes up with it."""
    run.machine(drives)
    comes_up(run, run.lab.other, what)
    must_be_good(run, run.lab.other, run.lab.releases.version_of("good"))


def falls_back(run: Run, kind: str) -> None:
    """The device leaves a release that fails, and does not come back to it."""
    lab = run.lab
    run.machine([run.medium(kind)])
    for _ in range(lab.tries + 2):
        boot = run.boot()
        if boot.ended or boot.slot == lab.other:
            run.must(boot.slot != lab.other or not boot.up, f"the release came up, though its init {kind}s")
            if not boot.ended:
                wait_for_reset(run, kind)
            continue
        run.must_be_up(boot, lab.home, "the fallback")
        break
    else:
        raise Failed(f"slot {lab.other} was booted more often than its {lab.tries} tries",
                     "compare tries= in system.conf with the timeline of boots")
    run.must(any(boot.slot == lab.other for boot in run.result.boots),
             f"the release was not tried: slot {lab.home} came up at once", refusal(boot))
    is_rejected(run)
    run.shut_down()


def wait_for_reset(run: Run, kind: str) -> None:
    limit = run.subject.watchdog_s * 1.5 + 60
    try:
        run.next_boot(limit)
    except Failed:
        raise Failed(f"the release whose init {kind}s was not ended by a reset in {limit:g} s",
                     "a hardware watchdog that Keelboot arms ends a hang: its driver belongs into the initramfs "
                     "(QEMU's is i6300esb); panic=10 on the command line ends a panic") from None


def is_rejected(run: Run) -> None:
    slot = run.slot(run.lab.other)
    run.must(slot.get("state") == "bad", f"slot {run.lab.other} is {slot.get('state') or 'unknown'}, not bad")
    run.note(f"slot {run.lab.other} is rejected: {slot.get('reason') or 'no reason given'}")
    must_be_good(run, run.lab.home)


def moved(run: Run, drive: str, how: str, least: int) -> bool:
    """Waits until so many bytes of a disk were read or written in this boot; False if the system came up first."""
    def count() -> int:
        return getattr(vm.stats()[drive], how)
    vm = run.vm
    begun, number = count(), len(vm.boots)
    while count() - begun < least:
        text = vm.boot_text(number)
        if vm.ended() or len(vm.boots) > number or "on trial" in text or " is up" in text:
            return False
        run.left()
        vm.console.wait_for(lambda: False, 0.05)
    return True


def on_trial(text: str, letter: str) -> bool:
    """Whether Keelboot chose that slot, on trial; what an install says of it is something else."""
    return any(slot == letter and status == "trial" for slot, _, status, _ in SLOT.findall(text))


# ---------------------------------------------------------------- updates

def update(run: Run) -> None:
    """A new release is installed, proves itself, is kept, and is there again after another boot."""
    try:
        drives = []
        stage(run)
        run.note("staged on the data partition")
    except StageError as error:
        run.note(f"not staged on the data partition ({error}): a stick brings it")
        drives = [run.medium("good")]
    takes(run, drives, "the update")
    run.shut_down()
    stays(run, run.lab.other)


def usb(run: Run) -> None:
    """A USB stick brings the release; left in, it is not installed a second time."""
    left_in(run, "usb")


def sd(run: Run) -> None:
    """An SD card brings the release; left in, it is not installed a second time."""
    left_in(run, "sd")


def left_in(run: Run, bus: str) -> None:
    medium = run.medium("good", bus)
    takes(run, [medium], "the update from the stick" if bus == "usb" else "the update from the card")
    run.shut_down()
    installs = run.installs()
    run.machine([medium])
    comes_up(run, run.lab.other, "the boot with the medium left in")
    run.must(run.installs() == installs, "the medium that was left in was installed a second time")
    run.shut_down()


def broken(run: Run) -> None:
    """A release without a file system does not boot: the same boot goes on with the old system."""
    lab = run.lab
    run.machine([run.medium("broken")])
    boot = run.boot()
    run.must_be_up(boot, lab.home, "the fallback")
    slot = run.slot(lab.other)
    run.must(slot.get("version") == lab.releases.version_of("broken"), "the broken release was never installed",
             refusal(boot))
    must_be_good(run, lab.home)
    run.must(not slot.get("trusted"), f"slot {lab.other}, which cannot boot, is trusted")
    run.shut_down()


def hang(run: Run) -> None:
    """A release whose init hangs is ended by the watchdog, as often as it has tries; then the old system comes back."""
    falls_back(run, "hang")
    causes = {boot.ended for boot in run.result.boots if boot.slot == run.lab.other and boot.ended}
    run.must(causes <= {"reset by watchdog"}, f"not only the watchdog ended it: {', '.join(sorted(causes))}")


def panic(run: Run) -> None:
    """A release whose init ends panics the kernel, as often as it has tries; then the old system comes back."""
    falls_back(run, "panic")


# ---------------------------------------------------------------- power, hangs, faults

def powercut(run: Run) -> None:
    """Power is cut twice while the release is written, and once while it is on trial; then it is installed and kept."""
    run.machine([run.medium("good", slow=True)])
    cuts = 1
    for least in (FIRST_WRITES, 4 * MIB):
        if moved(run, "disk", "written_bytes", least):
            run.power_cut(f"after {least >> 10} KiB of the install")
            cuts += 1
        else:
            run.note(f"the install wrote less than {least >> 10} KiB: no cut there")
    number = len(run.vm.boots)
    seen = run.vm.console.wait_for(
        lambda: on_trial(run.vm.boot_text(number), run.lab.other) or len(run.vm.boots) > number,
        min(run.lab.boot_limit, run.left()))
    run.must(bool(seen), f"slot {run.lab.other} was not tried after the cuts")
    run.power_cut("while the release is on trial")
    comes_up(run, run.lab.other, f"the boot after {cuts} power cut{'s' if cuts > 1 else ''}")
    must_be_good(run, run.lab.other)
    run.shut_down()
    stays(run, run.lab.other)


def watchdog(run: Run) -> None:
    """The system that runs is not reset while it works; frozen, it is reset by the watchdog, and comes back."""
    lab, timeout = run.lab, run.subject.watchdog_s
    run.must(run.subject.watchdog, "this machine has no watchdog (--no-watchdog)")
    vm = run.machine(gdb=True)
    comes_up(run, lab.home, "the system")
    boots, idle, limit = len(vm.boots), timeout * IDLE + IDLE_MORE, timeout * 1.5 + RESET
    if idle + limit > run.left():
        raise Skipped(f"the watchdog's {timeout} s are more than --limit {lab.limit:g} leaves; --limit "
                      f"{lab.limit + idle + limit:.0f} is enough")
    run.doing(f"runs for {idle:.0f} s without a reset")
    if vm.console.wait_for(lambda: len(vm.boots) > boots or vm.ended(), min(idle, run.left())):
        raise Failed("the working system was reset: nothing feeds the watchdog",
                     "systemd does with RuntimeWatchdogSec= (Keelboot's drop-in sets it), busybox with `watchdog`; "
                     "else set [watchdog] handover=keeper")
    run.note(f"ran for {idle:.0f} s without a reset")
    try:
        freeze.freeze(run.folder / "gdb")
    except freeze.FreezeError as error:
        raise Skipped(f"the machine cannot be frozen: {error}") from None
    run.note("frozen")
    run.doing("waits for the watchdog")
    if not vm.console.wait_for(lambda: len(vm.boots) > boots, min(limit, run.left())):
        raise Failed(f"the frozen machine was not reset in {limit:.0f} s: no watchdog is armed",
                     "the initramfs needs the driver of the watchdog (QEMU's is i6300esb), and the system must not "
                     "stop it")
    cause = vm.boots[-1].cause
    run.must(cause == "watchdog", f"the frozen machine was reset by {cause}, not by the watchdog")
    comes_up(run, lab.home, "the boot after the hang")
    run.shut_down()


def flicker(run: Run) -> None:
    """The stick is pulled out while it is read: the old system runs, and the stick updates it later."""
    stick = run.medium("good", slow=True)
    vm = run.machine([stick])
    bundle = run.lab.releases.get("good").stat().st_size
    run.must(moved(run, stick.name, "read_bytes", bundle // 3), "the stick was not read", "see scenario usb")
    vm.unplug(stick.name)
    run.note("the stick is pulled out")
    comes_up(run, run.lab.home, "the boot without its stick")
    run.must(run.slot(run.lab.other).get("state") not in ("good", "trial"),
             f"slot {run.lab.other}, half written, is {run.slot(run.lab.other).get('state')}")
    run.shut_down()
    takes(run, [stick], "the update, with the stick in again")
    run.shut_down()


def io_error(run: Run) -> None:
    """Each write to the slot fails: the old system runs. When the disk works again, the update is installed."""
    part = run.subject.slots().get(run.lab.other)
    if part is None:
        raise Skipped(f"the partition of slot {run.lab.other} is not known")
    stick = run.medium("good")
    faults = [Fault(kind, part.offset, part.size, step=RULE) for kind in ("write", "write-zeroes")]
    run.machine([stick], faults=faults)
    boot = run.boot()
    run.must_be_up(boot, run.lab.home, "the boot with a slot that cannot be written")
    state = run.slot(run.lab.other).get("state")
    run.must(state not in ("good", "trial"), "an update that was not written is on trial")
    run.note(refusal(boot) or "the update failed")
    run.shut_down()
    takes(run, [stick], "the update, with a disk that works again")
    run.shut_down()


SCENARIOS = {function.__name__.replace("_", "-"): function for function in (
    update, broken, hang, panic, powercut, watchdog, usb, sd, flicker, io_error)}
NEEDS = {"update": "good", "broken": "broken", "hang": "hang", "panic": "panic", "powercut": "good", "usb": "good",
         "sd": "good", "flicker": "good", "io-error": "good"}


def play(run: Run, function) -> None:
    """One scenario; Failed or Skipped says how else it ended."""
    kind = NEEDS.get(run.name)
    if kind:
        if run.subject.pairs:
            raise Skipped(PAIRS)
        if lacks := run.lab.releases.lacks(kind):
            raise Skipped(lacks)
        try:
            run.doing(f"makes the release: {kind}")
            run.lab.releases.get(kind)
        except ReleaseError as error:
            raise Skipped(str(error)) from None
        if not run.lab.other:
            raise Skipped("the device has one slot")
    function(run)
