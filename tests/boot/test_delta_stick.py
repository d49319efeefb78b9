# SPDX-License-Identifier: Apache-2.0
"""A stick that has only what differs from the version that runs."""


def test_a_delta_on_a_stick_is_installed_from_the_slot_that_runs(bench):
    whole = bench.bundle("2.0")
    delta = bench.bundle("2.0", name="delta", options=("--full", "no", "--from", str(bench.bundle("1.0"))))
    assert delta.stat().st_size < whole.stat().st_size / 4
    disk = bench.disk("1.0")
    with bench.machine(disk, drives=[bench.stick(delta)]) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "KiB that differ from slot a; the bundle has nothing else" in text
        assert "slot b holds version 2.0 on trial" in text
        assert bench.causes(vm) == []
    assert bench.holds_release(disk, "b", "2.0")
