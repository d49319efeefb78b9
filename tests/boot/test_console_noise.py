# SPDX-License-Identifier: Apache-2.0
"""The harness itself: what a command answers is found although the kernel writes to the same console."""


def test_an_answer_survives_kernel_messages_in_the_middle_of_its_marks(bench):
    with bench.machine(bench.disk("1.0", "2.0")) as vm:
        bench.up(vm, "2.0", "b")
        vm.shell("dmesg -n 8; (while :; do echo noise > /dev/kmsg; usleep 3000; done) &")
        for _ in range(60):
            status, answer = vm.shell("echo answer; sh -c 'exit 3'")
            assert status == 3 and "answer" in answer
