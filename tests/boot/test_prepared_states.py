# SPDX-License-Identifier: Apache-2.0
"""Devices with a record that this Keelboot does not write by itself: of a newer one, or with a slot
preferred that must not be booted."""

import shutil
from types import SimpleNamespace

from cli_device import edit


def disk_with(bench, *systems, min_reader=1, good="ab", **changes):
    """A disk whose record has these lines, "_" for "." in keys."""
    state = bench.work / "state.img"
    shutil.copy(bench.factory(*systems, good=good)[0], state)
    edit(SimpleNamespace(state=state), min_reader=min_reader, **changes)
    return bench.disk(*systems, good=good, state=state)


def test_state_of_a_newer_keelboot_boots_counts_and_takes_no_update(bench):
    disk = disk_with(bench, "1.0", "2.0 nomark", good="a", min_reader=99, future_thing="x")
    with bench.machine(disk, drives=[bench.stick(bench.bundle("3.0"))]) as vm:
        for tries in (2, 1):
            vm.expect(r"state: written by a newer Keelboot; only its core is used")
            vm.expect(r"update: source usb is skipped: the state was written by a newer Keelboot")
            # Its core says what a slot is, not which release it holds.
            vm.expect(rf"keelboot: slot b: version unknown, trial, tries left: {tries}")
            bench.up(vm, "2.0", "b")
            assert "future.thing=x" in bench.ask(vm, "keelboot state show")
            vm.send("reboot -f")
            vm.wait_reset()
        vm.expect(r"tries left: 0")
        bench.up(vm, "2.0", "b")
        bench.ask(vm, "keelboot mark good")
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert "future.thing=x" in bench.ask(vm, "keelboot state show")


def test_what_is_preferred_and_has_no_try_left_is_settled_before_the_choice(bench):
    disk = disk_with(bench, "1.0", "2.0", good="a", pref="b", open="b", b_tries=0)
    with bench.untouched(disk), bench.machine(disk) as vm:
        vm.expect(r"keelboot: slot b is rejected: ")
        assert "keelboot: slot b: 2.0" not in bench.up(vm, "1.0", "a")
        assert bench.status(vm)["slots"][1]["state"] == "bad"
        assert bench.causes(vm) == []
