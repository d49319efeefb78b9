# SPDX-License-Identifier: Apache-2.0
"""Two sticks at once: the newest bundle of both counts."""


def test_newest_of_both_sticks_is_installed(bench):
    old, new = bench.stick(bench.bundle("2.0")), bench.stick(bench.bundle("3.0"), name="second")
    disk = bench.disk("1.0")
    with bench.machine(disk, drives=[old, new]) as vm:
        text = bench.up(vm, "3.0", "b")
        assert "keelboot/2.0-ok.keel: version 2.0: ignored: another one is newer" in text
        assert "slot b holds version 3.0 on trial" in text
        assert not {"stick", "second"} & set(vm.writes())
        assert bench.causes(vm) == []


def test_damaged_stick_makes_room_for_the_other(bench):
    bad = bench.stick(bench.damaged(bench.bundle("3.0"), "bad.keel"))
    good = bench.stick(bench.bundle("2.0"), name="second")
    disk = bench.disk("1.0")
    with bench.machine(disk, drives=[bad, good]) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "keelboot/bad.keel: version 3.0: not installed: " in text
        assert bench.causes(vm) == []
