# SPDX-License-Identifier: Apache-2.0
"""Debian systems in the slots, started by the initramfs of a distribution's own generator."""

import pytest

from conftest import CACHE, Bench, name_of_programs
from distro import MEMORY, TARGETS, DebianDevice


@pytest.fixture(scope="session", params=["systemd"])
def debian(request):
    work = CACHE / f"{name_of_programs()}-{request.param}"
    work.mkdir(parents=True, exist_ok=True)
    return DebianDevice(work, request.param)


@pytest.fixture(params=TARGETS)
def board(request, debian, tmp_path):
    bench = Bench(debian, tmp_path)
    bench.target = TARGETS[request.param]
    yield bench
    for path in tmp_path.glob("*.img"):
        path.unlink()


def machine(board, disk, append="root=/dev/nothing", conf="", files=None, **options):
    return board.machine(disk, initrd=board.target.initramfs(board.device, conf=conf, files=files),
                         append=append, memory=MEMORY, **options)


def test_trial_comes_up_and_is_marked_good(board):
    disk = board.disk("1.0", "2.0", good="a")
    with machine(board, disk, watchdog=True) as vm:
        vm.expect(r"keelboot: slot b: 2\.0, trial, tries left: 1", 180)
        board.up(vm, "2.0", "b", 240)
        status = board.status(vm)
        assert status["slots"][1]["state"] == "good"
        print(board.ask(vm, "cat /run/keelboot/root.env; ps ax | tail -n 20; dmesg | grep -i keelboot"))
