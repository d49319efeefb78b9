# SPDX-License-Identifier: Apache-2.0
"""An update is staged on the data partition by the running system."""


def test_staged_update_is_applied_tried_and_kept(bench):
    disk = bench.disk("1.0", data={"incoming/2.0.keel": bench.bundle("2.0")})
    with bench.untouched(disk, "a"), bench.machine(disk) as vm:
        assert "looking at source" not in bench.up(vm, "1.0", "a")
        said = bench.ask(vm, "keelboot stage /data/incoming/2.0.keel --progress=none")
        assert "2.0 is staged; the next boot installs it." in said
        assert bench.status(vm)["staged"]["present"]
        vm.send("reboot")
        vm.expect(r"update: looking at source data")
        vm.expect(r"version 2\.0 \(sequence 2\), signed by dev: to slot b")
        vm.expect(r"slot b holds version 2\.0 on trial")
        vm.expect(r"keelboot: slot b: 2\.0, trial, tries left: 2")
        bench.up(vm, "2.0", "b")
        status = bench.status(vm)
        assert [slot["state"] for slot in status["slots"]] == ["good", "good"]
        assert status["booted"]["slot"] == "b" and status["staged"] is None
        assert bench.ask(vm, "ls /data/keelboot/stage").strip() == ""
        kinds = [(e["kind"], e["version"]) for e in bench.history(vm)]
        assert kinds[:3] == [("good", "2.0"), ("boot", "2.0"), ("install", "2.0")]
        vm.send("reboot")
        assert "looking at source" not in bench.up(vm, "2.0", "b"), "data is opened only when something is staged"
        assert bench.causes(vm) == ["guest", "guest"]
    assert bench.holds_release(disk, "b", "2.0")


def test_unstaged_update_is_left_alone(bench):
    disk = bench.disk("1.0", data={"incoming/2.0.keel": bench.bundle("2.0")})
    with bench.untouched(disk), bench.machine(disk) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, "keelboot stage /data/incoming/2.0.keel --progress=none && keelboot unstage")
        vm.send("reboot")
        assert "looking at source" not in bench.up(vm, "1.0", "a")
