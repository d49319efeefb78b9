# SPDX-License-Identifier: Apache-2.0
"""A whole life on each kernel that Debian 11, 12 and its backports have as a package: docs/KERNELS.md calls these
tested. One that cannot be fetched fails: a kernel that nobody booted is none of them."""

import json

import pytest

import conftest
import kbkernel
from drives import Drive

MODULES = ("virtio", "usb", "ext4", "vfat", "verity")
SUITES = ("bullseye", "bookworm", "bookworm-backports")


def kernel_of(suite):
    """Debian 12's is the one that all tests have."""
    return kbkernel.get() if suite == "bookworm" else kbkernel.get(conftest.TOP / f"build/kernel-{suite}", suite=suite)


@pytest.fixture(name="on", params=SUITES)
def make_on(request, device, tmp_path):
    """A bench with the shared systems and bundles, whose machines run this kernel."""
    kernel = kernel_of(request.param)
    bench = conftest.Bench(device, tmp_path)
    bench.kernel, bench.other = kernel, device.with_kernel(kernel, watchdog=30)
    yield bench
    for path in tmp_path.glob("*.img"):
        path.unlink()


def start(on, disk, *, drives=(), **options):
    initrd = on.other.initramfs("--module", "i6300esb", "--level", "3", name="lean", modules=MODULES)
    on.machines += 1
    return on.other.machine(disk, initrd=initrd, drives=drives, append="loglevel=7",
                            log=str(on.work / f"console-{on.machines}.log"), **options)


def test_a_stick_updates_a_slot_behind_dm_verity_and_a_healthy_boot_writes_nothing(on):
    bundle = on.device.bundle("5.0", image=on.device.system("5.0", "still"), options=("--verity",))
    disk = on.disk("1.0", "2.0", good="a")
    with start(on, None, drives=[Drive(disk, name="own"), on.stick(bundle)]) as vm:
        vm.expect(r"slot b holds version 5\.0 on trial", 120)
        vm.expect(r"keelboot: slot b: dm-verity on /dev/vda4")
        on.up(vm, "5.0", "b")
        assert on.ask(vm, "uname -r").strip() == on.kernel.version
        status = on.status(vm)
        assert status["slots"][1]["state"] == "good" and on.causes(vm) == []
        findings = json.loads(on.ask(vm, "keelboot doctor --json || true"))["findings"]
        assert not {"slot-container", "kernel-lacks", "kernel-old"} & {one["id"] for one in findings}
        vm.power_cut()
    with start(on, disk) as vm:
        on.up(vm, "5.0", "b")
        before = vm.writes()        # that the stick is gone, for one
        vm.send("reboot -f")
        vm.wait_boot(2)
        on.up(vm, "5.0", "b")
        assert vm.writes() == before, vm.stats()


def test_a_trial_that_hangs_is_ended_by_the_watchdog_and_the_old_system_comes_back(on):
    disk = on.disk("1.0", "3.0 hang", good="a")
    with start(on, disk) as vm:
        vm.expect(r"system 3\.0: init hangs")
        on.up(vm, "1.0", "a", 240)
        assert set(on.causes(vm)) == {"watchdog"}
        assert on.status(vm)["slots"][1]["state"] == "bad"


def test_the_running_system_installs_a_bundle_and_its_trial_is_kept(on):
    """The cages of apply and decoder, whose lists of calls are those of one kernel."""
    disk = on.disk("1.0", data={"incoming/4.0.keel": on.bundle("4.0")})
    with start(on, disk) as vm:
        on.up(vm, "1.0", "a")
        on.ask(vm, "keelboot install /data/incoming/4.0.keel", 120)
        vm.send("reboot")
        vm.wait_boot(2)
        on.up(vm, "4.0", "b")
        assert [slot["state"] for slot in on.status(vm)["slots"]] == ["good", "good"]
