# SPDX-License-Identifier: Apache-2.0
"""A system that crashes while it is still soaking: what it would have said later counts for nothing."""


def test_crash_within_the_soak_time_commits_nothing(bench):
    with bench.machine(bench.disk("1.0", "2.0 nomark", good="a"), append="panic=1") as vm:
        for boot in (1, 2, 3):
            vm.wait_boot(boot)
            bench.up(vm, "2.0", "b")
            # What a unit behind boot-complete.target does; the crash comes first.
            vm.send("(sleep 30; keelboot mark good) & sleep 1; echo c > /proc/sysrq-trigger")
            vm.wait_boot(boot + 1)
        assert "slot b is rejected" in bench.up(vm, "1.0", "a")
        slots = bench.status(vm)["slots"]
        assert [slot["state"] for slot in slots] == ["good", "bad"]
        assert bench.ask(vm, "keelboot state show").count("disk=") == 0
