# SPDX-License-Identifier: Apache-2.0
"""More disks than the table of process 1 holds (16)."""

import re

from drives import Drive

BEFORE = 19


def blank(bench, n: int):
    """Small disks with nothing on them, on the bus before the device's own."""
    drives = []
    for i in range(n):
        image = bench.work / f"blank-{i}.img"
        with open(image, "wb") as file:
            file.truncate(1 << 20)
        drives.append(Drive(image, name=f"blank{i}"))
    return drives


def test_device_is_found_behind_more_disks_than_the_table_holds(bench):
    own = Drive(bench.disk("1.0", "2.0", good="a"), name="own")
    name = f"/dev/vd{chr(ord('a') + BEFORE)}"
    with bench.machine(None, drives=[*blank(bench, BEFORE), own]) as vm:
        said = bench.up(vm, "2.0", "b", 240)
        # What had to wait, and what gave its place away.
        assert "disks: more than 16; /dev/vdq and further ones wait" in said, said
        assert re.search(rf"disk /dev/vd[a-p]: makes room for {name}\b", said), said
        devices = bench.ask(vm, "cat /run/keelboot/devices").splitlines()
        assert f"disk {name}" in devices and f"state {name}1" in devices, devices
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert bench.causes(vm) == []
        assert set(vm.writes()) == {"own"}
