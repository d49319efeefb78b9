# SPDX-License-Identifier: Apache-2.0
"""The staged file is damaged after `keelboot stage` has verified it."""


def test_given_up_after_three_boots_and_a_good_copy_is_taken(bench):
    disk = bench.disk("1.0", data={"2.0.keel": bench.bundle("2.0")})
    size = bench.bundle("2.0").stat().st_size
    with bench.untouched(disk, "a"), bench.machine(disk) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, "keelboot stage /data/2.0.keel --progress=none")
        bench.ask(vm, f"f=$(ls /data/keelboot/stage/*.keel); printf DAMAGED | dd of=$f bs=1 "
                      f"seek={size * 2 // 3} conv=notrunc 2>/dev/null; sync")
        for said in ("failure 1 of 3 of this copy", "failure 2 of 3 of this copy",
                     "dropped after 3 boots; stage it again"):
            vm.send("reboot")
            vm.expect(rf"keelboot-apply: staged update: .*{said}")
            bench.up(vm, "1.0", "a")
            assert bench.status(vm)["slots"][1]["state"] == "empty"
        assert bench.status(vm)["staged"] is None
        assert any(e["kind"] == "refused" and e["version"] == "2.0" for e in bench.history(vm))
        # The copy was at fault, not the release.
        bench.ask(vm, "keelboot stage /data/2.0.keel --progress=none")
        vm.send("reboot")
        bench.up(vm, "2.0", "b")
        assert bench.causes(vm) == ["guest"] * 4
    assert bench.holds_release(disk, "b", "2.0")
