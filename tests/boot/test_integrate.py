# SPDX-License-Identifier: Apache-2.0
"""docs/INTEGRATE.md, word by word: every `sh` block is typed in an empty folder, and the result boots.
The device is one that the rest of the tests do not know: NVMe, other labels, other folders."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "qemu"))

import kbkernel                         # noqa: E402
from drives import Drive                # noqa: E402
from machine import Machine             # noqa: E402

PAGE = TOP / "docs" / "INTEGRATE.md"


def blocks(kind: str) -> list:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def follow(folder: Path) -> None:
    """Types the page. The source is at hand as the page wants it; it is built already."""
    (folder / "keelboot").symlink_to(TOP)
    script = "set -eu\n" + "\n".join(blocks("sh"))
    done = subprocess.run(["bash", "-c", script], cwd=folder, text=True, capture_output=True,
                          timeout=600, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def expect_block(machine, text: str) -> None:
    """Each line of what the page says that the console says."""
    for line in text.splitlines():
        machine.expect(re.escape(line), 120)


def test_the_page_leads_to_the_first_update(tmp_path):
    follow(tmp_path)
    (append,), (first, update, bad) = blocks("cmdline"), blocks("console")
    (stage,) = blocks("device")
    # What brings the third bundle to the device, in place of a network; no folder that is looked into.
    subprocess.run(["mcopy", "-i", tmp_path / "stick.img", tmp_path / "acme-3.0.keel", "::"], check=True)
    stick = Drive(tmp_path / "stick.img", bus="usb", name="stick", plugged=False)
    with Machine(kbkernel.get().vmlinux, tmp_path / "initramfs.img", append.strip() + " loglevel=7",
                 drives=(Drive(tmp_path / "disk.img", bus="nvme"), stick), watchdog=True, usb=True,
                 log=str(tmp_path / "console.log")) as vm:
        expect_block(vm, first)
        status, said = vm.shell("dmesg -n 1; keelboot status", 60)
        assert status == 0 and "Slot a runs 1.0, which is good." in said
        status, said = vm.shell("keelboot doctor", 60)
        assert status == 0 and "0 errors" in said, said
        # Init runs it too, and nobody sees its exit code.
        status, said = vm.shell("/etc/init.d/stop", 60)
        assert status == 0, said
        vm.plug("stick")
        vm.send("reboot")
        expect_block(vm, update)
        status, said = vm.shell("dmesg -n 1; keelboot status", 60)
        assert status == 0 and "Slot b runs 2.0, which is good." in said
        status, said = vm.shell("mkdir /tmp/stick && mount -t vfat -o ro /dev/sda /tmp/stick && "
                                "cp /tmp/stick/acme-3.0.keel /srv/ && umount /tmp/stick", 60)
        assert status == 0, said
        vm.send(stage.strip())
        expect_block(vm, bad)
        status, said = vm.shell("dmesg -n 1; keelboot status", 60)
        assert status == 0 and "Slot b runs 2.0, which is good." in said
        assert "3.0" in said and "bad" in said
    for image in tmp_path.glob("*.img"):
        image.unlink()
    shutil.rmtree(tmp_path / "rootfs")
