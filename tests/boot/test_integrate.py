# SPDX-License-Identifier: Apache-2.0
"""docs/INTEGRATE.md, word by word: every `sh` block is typed in an empty folder, and the result boots.
The device is one that the rest of the tests do not know: NVMe, other labels, other folders."""

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

import debian_slot
import kbkernel
from console import PATIENCE
from drives import Drive
from machine import Machine

TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "docs" / "INTEGRATE.md"


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")


def run(command: list) -> None:
    subprocess.run(command, check=True)


def blocks(*kinds) -> list:
    """Those of these kinds, as they follow each other."""
    return [text for kind, text in re.findall(r"^```([a-z ]+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
            if kind in kinds]


def follow(folder: Path, kind: str) -> None:
    """Types the page. The source is at hand as the page wants it; it is built already."""
    (folder / "keelboot").symlink_to(TOP)
    script = "set -eu\n" + "\n".join(blocks("sh", f"sh {kind}"))
    done = subprocess.run(["bash", "-c", script], cwd=folder, text=True, capture_output=True,
                          timeout=900, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def tidy(folder: Path) -> None:
    for image in (*folder.glob("*.img"), *folder.glob("*.ext4"), *folder.glob("*.keel")):
        image.unlink()
    shutil.rmtree(folder / "rootfs")


def expect_block(machine, text: str) -> None:
    """Each line of what the page says that the console says."""
    for line in text.splitlines():
        machine.expect(re.escape(line), 120)


def ask(vm, command: str, code=0) -> str:
    status, said = vm.shell(command, 120)
    assert status == code, f"{command}: {status}\n{said}"
    return said.replace("\r", "")


class Desk:
    """A person who types a line on a terminal and reads what comes."""

    def __init__(self, line: str, folder: Path):
        self.fd, end = pty.openpty()
        self.process = subprocess.Popen(["bash", "-c", line], cwd=folder, stdin=end, stdout=end, stderr=end,
                                        start_new_session=True)
        os.close(end)
        self.text = ""

    def expect(self, pattern: str, timeout: float) -> str:
        """What came before."""
        end = time.monotonic() + timeout * PATIENCE
        while not (match := re.search(pattern, self.text)):
            assert time.monotonic() < end, f"no {pattern!r} in\n{self.text[-3000:]}"
            if select.select([self.fd], [], [], 1)[0]:
                self.text += os.read(self.fd, 4096).decode(errors="replace")
        said, self.text = self.text[:match.start()], self.text[match.end():]
        return said

    def send(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def __enter__(self):
        return self

    def __exit__(self, *what):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)     # QEMU, too, whoever started it
        self.process.wait(60)
        os.close(self.fd)


def test_the_page_leads_to_the_first_update(tmp_path):
    follow(tmp_path, "busybox")
    (append,), (first, update, bad) = blocks("cmdline"), blocks("console")
    (stage,), (qemu,) = blocks("device"), blocks("sh qemu")
    assert append.strip().removeprefix("console=ttyS0 ") in qemu, "the line of section 7, on the console of QEMU"
    with Desk(qemu, tmp_path) as desk:
        expect_block(desk, first)
        desk.send("\r")
        desk.expect(r"# ", 60)
        desk.send("dmesg -n 1; keelboot status | cat\r")
        desk.expect(r"Slot a runs 1\.0, which is good\.", 60)
        desk.send("\x1dq")
        assert desk.process.wait(60) == 0
    # What brings the third bundle to the device, in place of a network; no folder that is looked into.
    subprocess.run(["mcopy", "-i", tmp_path / "stick.img", tmp_path / "acme-3.0.keel", "::"], check=True)
    stick = Drive(tmp_path / "stick.img", bus="usb", name="stick", plugged=False)
    with Machine(kbkernel.get().vmlinux, tmp_path / "initramfs.img", append.strip() + " loglevel=7",
                 drives=(Drive(tmp_path / "disk.img", bus="nvme"), stick), watchdog=True, usb=True,
                 log=str(tmp_path / "console.log")) as vm:
        vm.expect(r"Acme 1\.0 is up on slot a", 120)
        assert "0 errors" in ask(vm, "dmesg -n 1; keelboot doctor")
        # Init runs it too, and nobody sees its exit code.
        ask(vm, "/etc/init.d/stop")
        vm.plug("stick")
        vm.send("reboot")
        expect_block(vm, update)
        assert "Slot b runs 2.0, which is good." in ask(vm, "dmesg -n 1; keelboot status")
        ask(vm, "mkdir /tmp/stick && mount -t vfat -o ro /dev/sda /tmp/stick && "
                "cp /tmp/stick/acme-3.0.keel /srv/ && umount /tmp/stick")
        vm.send(stage.strip())
        expect_block(vm, bad)
        said = ask(vm, "dmesg -n 1; keelboot status")
        assert "Slot b runs 2.0, which is good." in said and "3.0" in said and "bad" in said
    tidy(tmp_path)


# ---------------------------------------------------------------- systemd on a read-only root


@pytest.fixture(name="made", scope="module")
def make_debian(tmp_path_factory):
    """The folder that the page leads to. Its root is made once for all tests; the page's own command leaves one
    that is there as it is."""
    folder = tmp_path_factory.mktemp("debian")
    run([TOP / "qemu/mkdebianroot", "systemd", TOP / "build/debian/systemd"])
    run(["cp", "-a", TOP / "build/debian/systemd", folder / "rootfs"])
    login = folder / "rootfs/etc/systemd/system/serial-getty@ttyS0.service.d/login.conf"
    login.parent.mkdir()
    login.write_text(debian_slot.LOGIN)
    follow(folder, "systemd")
    yield folder
    tidy(folder)


def from_the_factory(made: Path, here: Path) -> None:
    run(["cp", "--sparse=always", made / "disk.img", here / "disk.img"])


class Debian:
    """The page's device with systemd, and what a person asks it. Its disk is the one in `here`."""

    def __init__(self, made: Path, here: Path, drives=()):
        (append,) = blocks("cmdline")
        self.vm = Machine(kbkernel.get().vmlinux, made / "initramfs.img", append.strip() + " loglevel=4",
                          drives=(Drive(here / "disk.img", bus="nvme"), *drives), watchdog=True, usb=True, memory=512,
                          log=str(here / "console.log"))

    def __enter__(self):
        self.vm.start()
        return self

    def __exit__(self, *what):
        self.vm.stop()

    def up(self) -> None:
        debian_slot.log_in(self.vm)

    def state(self) -> str:
        """When all that is started has come to an end."""
        _, said = self.vm.shell("systemctl is-system-running --wait", 120)
        return said.strip()

    def good(self) -> None:
        """The release has reported, behind the start of the system."""
        self.ask("while ! test -e /run/keelboot/good; do sleep 1; done")

    def ask(self, command: str, code=0) -> str:
        return ask(self.vm, command, code)


@as_root
def test_the_page_leads_to_a_debian_with_a_read_only_root(made, tmp_path):
    from_the_factory(made, tmp_path)
    with Debian(made, tmp_path, (Drive(made / "stick.img", bus="usb", name="stick", plugged=False),)) as dev:
        dev.up()
        assert dev.state() == "running", dev.ask("systemctl --failed; systemctl list-jobs")
        dev.good()
        assert "Slot a runs 1.0, which is good." in dev.ask("keelboot status")
        ident = dev.ask("cat /etc/machine-id").strip()
        assert re.fullmatch(r"[0-9a-f]{32}", ident) and dev.ask("cat /srv/keelboot/machine-id").strip() == ident
        assert "ro," in dev.ask("findmnt -no OPTIONS /") and "rw," in dev.ask("findmnt -no OPTIONS /var")
        dev.ask("test -s /var/lib/dpkg/status && echo kept >/var/lib/kept && sync")
        assert "0 errors" in dev.ask("keelboot doctor")
        # An update, by an orderly reboot: another root, the same device.
        dev.vm.plug("stick")
        dev.vm.send("reboot")
        dev.vm.wait_boot(2, 120)
        dev.up()
        assert dev.state() == "running", dev.ask("systemctl --failed; systemctl list-jobs")
        dev.good()
        assert "Slot b runs 2.0, which is good." in dev.ask("keelboot status")
        assert dev.ask("cat /etc/machine-id").strip() == ident
        assert dev.ask("cat /var/lib/kept").strip() == "kept"
        # The journal is one, and goes back to the first boot.
        assert dev.ask("ls /var/log/journal").split() == [ident]
        assert len(re.findall(r"^ *-?\d ", dev.ask("journalctl --no-pager --list-boots"), re.M)) == 2
        assert "Report to Keelboot that the running release works" in \
            dev.ask("journalctl --no-pager -b -1 -u keelboot-mark-good")
        dev.ask("journalctl --verify 2>&1")
    (tmp_path / "disk.img").unlink()


@as_root
def test_a_debian_whose_data_partition_is_broken_comes_up_and_says_so(made, tmp_path):
    """No emergency shell, which would wait for somebody on the roof; nor is such a release good."""
    from_the_factory(made, tmp_path)
    with open(tmp_path / "disk.img", "r+b") as disk:
        disk.seek(17 << 20)
        disk.write(bytes(8 << 20))
    with Debian(made, tmp_path) as dev:
        dev.up()
        assert dev.state() == "degraded"
        assert re.fullmatch(r"[0-9a-f]{32}\s*", dev.ask("cat /etc/machine-id"))
        said = dev.ask("keelboot check", code=1)
        assert "FAILED  10-data" in said and "output: the data partition is not mounted" in said
        assert "on trial" in dev.ask("keelboot status")
    (tmp_path / "disk.img").unlink()
