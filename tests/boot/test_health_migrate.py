# SPDX-License-Identifier: Apache-2.0
"""A release that migrates data and fails: what it did is undone, by itself or by the system that comes back."""
import pytest

MIGRATES = """#!/bin/sh
case $KEELBOOT_STAGE in
migrate)
	echo v2 >/data/db.v2 && sync
	[ ! -e /data/dies ] || { echo c >/proc/sysrq-trigger; sleep 1000; }
	[ ! -e /data/hangs ] || sleep 1000
	echo 'table users: column 7 is unknown'
	exit 1;;
rollback)
	rm -f /data/db.v2 && sync
	echo "rolled back by slot $(cat /run/keelboot/slot)" >/dev/console;;
esac
"""
VERSION = "8.2"


@pytest.fixture
def disk(bench):
    """1.0 is good; the release on trial migrates once somebody calls `keelboot health`. how: "dies", "hangs"."""
    with bench.device.lock():
        bench.device.system(VERSION, "nomark", files={"usr/lib/keelboot/migrate.d/10-db": MIGRATES})

    def make(how="fails"):
        (bench.work / how).write_text("")
        return bench.disk("1.0", f"{VERSION} nomark", good="a", data={how: bench.work / how})
    return make


def test_migration_that_fails_is_undone_by_the_release_and_told(bench, disk):
    with bench.machine(disk()) as vm:
        vm.expect(r"system 8\.2 is ready")
        vm.shell("keelboot health &")
        vm.expect(r"rolled back by slot b")
        vm.expect(r"keelboot-guardian: slot b is bad; rebooting")
        bench.up(vm, "1.0", "a")
        assert bench.ask(vm, "ls /data/db.v2 2>&1; true").strip().endswith("No such file or directory")
        why = bench.ask(vm, "keelboot why")
        assert f"{VERSION} in slot b was rejected: migrate 10-db: exit 1: table users: column 7 is unknown" in why
        assert "nothing" not in bench.ask(vm, "keelboot health migrate; echo $?")


def test_migration_that_takes_the_kernel_down_is_undone_by_the_system_that_comes_back(bench, disk):
    with bench.machine(disk("dies"), append="panic=1") as vm:
        for _ in range(3):
            vm.expect(r"system 8\.2 is ready")
            vm.shell("keelboot health &")
            vm.expect(r"sysrq triggered crash")
            vm.wait_reset()
        bench.up(vm, "1.0", "a")
        assert bench.ask(vm, "cat /data/db.v2").strip() == "v2", "the old release has data that it cannot read"
        said = bench.ask(vm, "keelboot health migrate")
        assert f"Slot b ({VERSION}) had begun to migrate data: it is migrated back." in said
        assert "rolled back by slot a" in vm.text
        assert bench.ask(vm, "ls /data/db.v2 2>&1; true").strip().endswith("No such file or directory")
        events = [event["reason"] for event in bench.history(vm) if event["kind"] == "migrate"]
        assert events == ["migrated data back", "began to migrate data"]
        vm.send("reboot")
        bench.up(vm, "1.0", "a")
        assert bench.ask(vm, "keelboot health migrate").strip() == "", "once"


def test_migration_whose_power_is_cut_runs_again(bench, disk):
    with bench.machine(disk("hangs")) as vm:
        vm.expect(r"system 8\.2 is ready")
        vm.shell("keelboot health &")
        bench.ask(vm, "while [ ! -e /data/db.v2 ]; do sleep 1; done")
        vm.power_cut()
        vm.start()
        vm.expect(r"system 8\.2 is ready")
        bench.ask(vm, "rm /data/hangs")
        vm.shell("keelboot health &")
        vm.expect(r"rolled back by slot b")
        bench.up(vm, "1.0", "a")
        assert [event["reason"] for event in bench.history(vm) if event["kind"] == "migrate"] == [
            "migrated data back", "began to migrate data"]
