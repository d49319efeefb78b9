# SPDX-License-Identifier: Apache-2.0
"""A device as it comes from the factory: one slot on trial, the other empty."""


def test_first_system_proves_itself_and_boots_again(bench):
    disk = bench.disk("1.0", good="")
    with bench.untouched(disk), bench.machine(disk) as vm:
        vm.expect(r"keelboot: slot a: 1\.0, trial, tries left: 2")
        bench.up(vm, "1.0", "a")
        status = bench.status(vm)
        assert status["booted"]["slot"] == "a" and status["booted"]["status"] == "trial"
        assert status["booted"]["token"] > 0 and status["booted"]["counted"]
        assert status["slots"][0]["state"] == "good" and status["slots"][1]["state"] == "empty"
        assert status["last"]["kind"] == "good" and status["last"]["version"] == "1.0"
        # Without panic= on the command line, a panic must not be the end.
        assert bench.ask(vm, "cat /proc/sys/kernel/panic").strip() == "10"
        vm.send("reboot")
        vm.expect(r"keelboot: slot a: 1\.0, good")
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["token"] == 0
        assert bench.causes(vm) == ["guest"]
