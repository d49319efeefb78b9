# SPDX-License-Identifier: Apache-2.0
"""A stick that takes the kernel down whenever it is looked at: after three boots it is left alone."""

import pytest
from conftest import LEAN

# In place of keelboot-helper: it passes everything on, but who looks at a stick pulls the trigger.
WRAPPER = """
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "usb:", 4) != 0)
			continue;
		int fd = open("/proc/sysrq-trigger", O_WRONLY);
		while (write(fd, "c", 1) == 1)
			;
	}
	execv("/usr/lib/keelboot/true-helper", argv);
	return 127;
}
"""


def crashing_initramfs(bench):
    wrapper, helper = bench.program("wrapper", WRAPPER), bench.device.target / "keelboot-helper"
    return bench.device.initramfs("--module", "i6300esb", "--level", "3", "--helper", wrapper,
                                  "--add", f"{helper}:/usr/lib/keelboot/true-helper",
                                  name="crash", modules=LEAN)


@pytest.mark.threat(25)
def test_three_panics_then_the_protected_slot(bench):
    disk = bench.disk("1.0")
    initrd, stick = crashing_initramfs(bench), bench.stick(bench.bundle("2.0"))
    with bench.untouched(disk), bench.machine(disk, initrd=initrd, drives=[stick], append="panic=1") as vm:
        for number in (2, 3, 4):
            vm.expect(r"sysrq: Trigger a crash", 90)
            vm.wait_boot(number)
        told = bench.up(vm, "1.0", "a")
        assert "source usb is skipped: its updates crashed the device 3 times; to end that: keelboot mark good" in told
        assert len(bench.causes(vm)) == 3
        assert bench.status(vm)["slots"][0]["state"] == "good"
