# SPDX-License-Identifier: Apache-2.0
"""A stick with its switch on "lock"."""

from dataclasses import replace


def test_write_protected_stick_brings_an_update(bench):
    stick = replace(bench.stick(bench.bundle("2.0")), readonly=True)
    with bench.machine(bench.disk("1.0"), drives=[stick]) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "Write Protect is on" in text and "slot b holds version 2.0 on trial" in text
        assert bench.causes(vm) == []
