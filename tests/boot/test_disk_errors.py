# SPDX-License-Identifier: Apache-2.0
"""Reads and writes fail under an update: on the state, on the slot, on the data partition, on the
stick; at boot and under the running system. 2.0 runs from slot b, slot a holds 1.0, 3.0 comes."""

import struct

import pytest

from drives import Drive, Fault
from kbdisk import read_partition

RING, CELL, APART = 64, 4096, 8 << 20
PATIENCE = 240          # seconds: for a host that has other things to do

# Without this all of a bundle is read before the first write.
AT_ONCE = ("cp -a /etc/keelboot /tmp/conf && printf '[install]\\nverify-first=no\\n' >> /tmp/conf/system.conf "
           "&& mount --bind /tmp/conf /etc/keelboot")


class Update:
    """A disk with 2.0, and 3.0 to come; what has to hold whatever fails."""

    def __init__(self, bench):
        self.bench = bench
        self.bundle = bench.bundle("3.0")
        self.disk = bench.disk("1.0", "2.0", data={"3.0.keel": self.bundle})
        self.before = bench.slots(self.disk)

    def machine(self, **options):
        return self.bench.machine(self.disk, **options)

    def up(self, vm) -> str:
        return self.bench.up(vm, "2.0", "b", PATIENCE)

    def states(self, vm) -> list:
        return [slot["state"] for slot in self.bench.status(vm)["slots"]]

    def refused(self, vm, command: str, *says: str) -> None:
        """The command fails, and its message has all of that."""
        said = self.bench.refused(vm, command, PATIENCE)
        assert [words for words in says if words not in said] == [], said

    def in_slot(self, iotype: str, where: str) -> Fault:
        """In the first block, or in the last one that 3.0 changes."""
        offset = 0
        if where == "middle":
            new = self.bench.device.system("3.0").read_bytes()
            old = read_partition(self.disk, "root-a", 0, len(new))
            offset = max(at for at in range(0, len(new), CELL) if new[at:at + CELL] != old[at:at + CELL])
            assert offset > 1 << 20
        return Fault(iotype, self.bench.partition(self.disk, "root-a")[0] + offset)

    def saves_from(self, number: int) -> list:
        """From the number-th save of the state on (1 is the next one), all fail."""
        start = self.bench.partition(self.disk, "keelboot-state")[0]
        newest = [self._newest(region) for region in (0, 1)]
        # They alternate, beginning with the region that does not hold the newest record.
        first = int(newest[0][0] > newest[1][0])
        faults = []
        for region, before in ((first, number // 2), (1 - first, (number - 1) // 2)):
            cell = newest[region][1] + 1 + before
            assert cell < RING
            faults.append(Fault("write", start + region * APART + cell * CELL, (RING - cell) * CELL))
        return faults

    def _newest(self, region: int) -> tuple:
        """(sequence, number) of the newest cell"""
        ring = read_partition(self.disk, "keelboot-state", region * APART, RING * CELL)
        return max((struct.unpack_from("<Q", ring, at + 24)[0], at // CELL)
                   for at in range(0, len(ring), CELL) if ring[at:at + 8] == b"KEELSTAT")

    def find(self, image, at: float = 0.6) -> int:
        """Where in an image the middle of the bundle lies, in the last copy of it."""
        data, disk = self.bundle.read_bytes(), image.read_bytes()
        piece = int(len(data) * at) & ~511
        found = disk.rfind(data[piece:piece + 512])
        assert found >= 0
        return found & ~4095

    def all_but_its_head(self, image) -> Fault:
        """What is right in a slot already is not read of the bundle: somewhere behind its head is what differs."""
        start, size = self.find(image, 0.05), self.bundle.stat().st_size
        assert self.find(image, 0.95) - start < size, "it is in one piece"
        return Fault("read", start, int(size * 0.95) & ~4095)

    def old_boots(self, vm, *, touched: bool) -> None:
        """2.0 runs, its slot is what it was, and the other is whole or cannot be booted."""
        assert "keelboot: slot a:" not in self.up(vm), "it is not even tried"
        self.unharmed(vm, touched=touched)

    def unharmed(self, vm, *, touched: bool) -> None:
        now = self.bench.slots(self.disk)
        assert now["b"] == self.before["b"]
        assert self.states(vm) == ["writing" if touched else "good", "good"]
        assert touched or now["a"] == self.before["a"]

    def then_it_works(self, drives=()) -> None:
        """What failed works again: the next boot takes the update."""
        with self.machine(drives=drives) as vm:
            self.bench.up(vm, "3.0", "a", PATIENCE)
            assert self.states(vm) == ["good", "good"]
        assert self.bench.holds_release(self.disk, "a", "3.0")
        assert self.bench.slots(self.disk)["b"] == self.before["b"]


@pytest.fixture
def update(bench):
    return Update(bench)


def staged(update) -> None:
    """3.0 is staged, for the next boot."""
    with update.machine() as vm:
        update.up(vm)
        update.bench.ask(vm, "keelboot stage /data/3.0.keel --progress=none && rm /data/3.0.keel && "
                             "umount /data && sync", PATIENCE)
    assert update.bench.slots(update.disk) == update.before


# --- the state ----------------------------------------------------------------------------------

@pytest.mark.parametrize("number, said, touched", [
    (1, r"update: skipped: the count of attempts cannot be saved", False),
    (2, r"the state partition cannot be written, so the slot stays as it is", False),
    (4, r"the state partition cannot be written, although the slot is complete", True),
], ids=["count", "begin", "end"])
def test_state_fails_in_an_apply(update, number, said, touched):
    stick = update.bench.stick(update.bundle)
    with update.machine(drives=[stick], faults=update.saves_from(number)) as vm:
        vm.expect(said, PATIENCE)
        update.old_boots(vm, touched=touched)
        assert vm.stats()["disk"].failed > 0
    update.then_it_works([stick])


def test_no_flush_comes_through(update):
    """The medium takes every write and confirms none: what cannot be made durable is not begun."""
    with update.machine(drives=[update.bench.stick(update.bundle)], faults=[Fault("flush")]) as vm:
        vm.expect(r"update: skipped: the count of attempts cannot be saved", PATIENCE)
        update.old_boots(vm, touched=False)
        update.refused(vm, "keelboot mark bad a")
        # Nor does a stage: the kernel does not even mount the data partition to be written.
        assert vm.shell("grep -q ' /data ' /proc/mounts", PATIENCE)[0] == 1


def test_state_fails_at_the_charge_of_the_trial(update):
    """What cannot be counted is not tried; once it can be, it is."""
    with update.machine(drives=[update.bench.stick(update.bundle)], faults=update.saves_from(5)) as vm:
        vm.expect(r"slot a holds version 3\.0 on trial", PATIENCE)
        vm.expect(r"keelboot: state: unable to write", PATIENCE)
        update.up(vm)
        assert update.states(vm) == ["trial", "good"]
    update.then_it_works()


@pytest.mark.parametrize("number, said, touched", [
    (1, r"the state partition cannot be written, so the slot stays as it is", False),
    (3, r"the state partition cannot be written, although the slot is complete", True),
], ids=["begin", "end"])
def test_state_fails_in_an_install_under_the_system(update, number, said, touched):
    with update.machine(faults=update.saves_from(number)) as vm:
        update.up(vm)
        update.refused(vm, "keelboot install /data/3.0.keel --progress=none", said.replace("\\", ""))
        update.unharmed(vm, touched=touched)
        vm.send("reboot")
        update.old_boots(vm, touched=touched)


def test_commit_that_cannot_be_written_is_no_commit(update):
    with update.machine(drives=[update.bench.stick(update.bundle)], faults=update.saves_from(6)) as vm:
        assert "is good and committed" not in update.bench.up(vm, "3.0", "a", PATIENCE)
        update.refused(vm, "keelboot mark good", "/dev/vda1")
        assert update.states(vm) == ["trial", "good"]
        # No boot of the trial can be counted any more, so there is none.
        vm.send("reboot")
        update.up(vm)
    assert update.bench.slots(update.disk)["b"] == update.before["b"]


# --- the slot -----------------------------------------------------------------------------------

SLOT_FAULTS = {
    "seal": ("write", "first", r"the first blocks of /dev/vda3 cannot be written: the storage is failing"),
    "middle": ("write", "middle", r"/dev/vda3: reading back what was written failed"),
    "read-back": ("read", "middle", r"/dev/vda3: reading back what was written failed"),
}


@pytest.mark.parametrize("where", SLOT_FAULTS)
def test_slot_fails_in_an_apply(update, where):
    iotype, place, said = SLOT_FAULTS[where]
    stick = update.bench.stick(update.bundle)
    with update.machine(drives=[stick], faults=[update.in_slot(iotype, place)]) as vm:
        vm.expect(rf"slot a: {said}", PATIENCE)
        update.old_boots(vm, touched=True)
    update.then_it_works([stick])


@pytest.mark.parametrize("where", SLOT_FAULTS)
def test_slot_fails_in_an_install_under_the_system(update, where):
    iotype, place, said = SLOT_FAULTS[where]
    with update.machine(faults=[update.in_slot(iotype, place)]) as vm:
        update.up(vm)
        vm.send("keelboot install /data/3.0.keel --progress=none; echo exit $?")
        vm.expect(rf"slot a: {said}", PATIENCE)
        assert vm.expect(r"exit (\d)\n", PATIENCE)[1] == "1"
        update.unharmed(vm, touched=True)
        vm.send("reboot")
        update.old_boots(vm, touched=True)


# --- the data partition -------------------------------------------------------------------------

def test_staged_file_cannot_be_read_at_boot(update):
    staged(update)
    with update.machine(faults=[update.all_but_its_head(update.disk)]) as vm:
        vm.expect(r"staged update: .*cannot be read.*failure 1 of 3 of this copy", PATIENCE)
        update.old_boots(vm, touched=False)
    update.then_it_works()


def test_bundle_cannot_be_read_under_the_system(update):
    with update.machine(faults=[update.all_but_its_head(update.disk)]) as vm:
        update.up(vm)
        for first, verb, touched in (("true", "stage", False), ("true", "install", False), (AT_ONCE, "install", True)):
            update.bench.ask(vm, first)
            update.refused(vm, f"keelboot {verb} /data/3.0.keel --progress=none", "/data/3.0.keel", "cannot be read")
            update.unharmed(vm, touched=touched)
        assert update.bench.status(vm)["staged"] is None
        vm.send("reboot")
        update.old_boots(vm, touched=True)


def test_nothing_is_staged_on_a_partition_that_cannot_be_written(update):
    begin, size = update.bench.partition(update.disk, "data")
    faults = [Fault("write", begin + (1 << 20), size - (1 << 20), step=64 << 10)]
    with update.machine(faults=faults) as vm:
        update.up(vm)
        update.refused(vm, "keelboot stage /data/3.0.keel --progress=none", "/data/keelboot/stage")
        assert update.bench.status(vm)["staged"] is None
        vm.send("reboot -f")
        update.old_boots(vm, touched=False)


# --- the stick ----------------------------------------------------------------------------------

def test_stick_cannot_be_read_at_boot(update):
    """All of it is read before the first write, so it costs nothing."""
    good = update.bench.stick(update.bundle)
    bad = Drive(good.file, bus="usb", name="stick", faults=(Fault("read", update.find(good.file)),))
    with update.machine(drives=[bad]) as vm:
        vm.expect(r"/dev/sd\w.*3\.0-ok\.keel.*cannot be read: the medium is bad or gone", PATIENCE)
        update.old_boots(vm, touched=False)
    update.then_it_works([good])


def test_stick_fails_in_an_install_under_the_system(update):
    good = update.bench.stick(update.bundle)
    bad = Drive(good.file, bus="usb", name="stick", plugged=False, faults=(update.all_but_its_head(good.file),))
    with update.machine(drives=[bad]) as vm:
        update.up(vm)
        vm.plug("stick")
        update.bench.ask(vm, AT_ONCE)
        update.bench.ask(vm, "until [ -b /dev/sda ]; do sleep 1; done; mount -t vfat /dev/sda /mnt", PATIENCE)
        file = "/mnt/keelboot/3.0-ok.keel"
        update.refused(vm, f"keelboot install {file} --progress=none", file, "cannot be read")
        update.unharmed(vm, touched=True)
        vm.unplug("stick")
        vm.send("reboot -f")
        update.old_boots(vm, touched=True)


def test_stick_that_fails_writes_is_as_good_as_any(update):
    """Nothing is ever written to one."""
    stick = update.bench.stick(update.bundle)
    update.then_it_works([Drive(stick.file, bus="usb", name="stick", faults=(Fault("write"),))])
