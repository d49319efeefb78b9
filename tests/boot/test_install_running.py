# SPDX-License-Identifier: Apache-2.0
"""`keelboot install` from the running system, by the same engine."""


def test_install_reboot_and_prove(bench):
    disk = bench.disk("1.0", data={"2.0.keel": bench.bundle("2.0")})
    with bench.untouched(disk, "a"), bench.machine(disk) as vm:
        bench.up(vm, "1.0", "a")
        said = bench.ask(vm, "keelboot install /data/2.0.keel --progress=plain")
        assert "2.0 is in slot b" in said and "Reboot to try it." in said
        assert bench.holds_release(disk, "b", "2.0")
        vm.send("reboot")
        vm.expect(r"keelboot: slot b: 2\.0, trial, tries left: 2")
        assert "looking at source" not in bench.up(vm, "2.0", "b")
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert vm.shell("keelboot install /data/2.0.keel --progress=none")[0] == 2
        assert bench.causes(vm) == ["guest"]
