# SPDX-License-Identifier: Apache-2.0
"""docs/ROOT.md, word by word: Debian with systemd above a read-only slot, typed between two sections of
docs/INTEGRATE.md."""

import os
import re
import subprocess

import pytest

import test_integrate
from debian_slot import LOGIN
from drives import Drive
from kbdevice import run
from test_integrate import TOP, Debian, from_the_factory, tidy

PAGE = TOP / "docs/ROOT.md"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")


def blocks(kind: str, text: str = "") -> str:
    """Those of this kind, behind each other."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", text or PAGE.read_text(), re.M | re.S)
    assert found, f"no block of {kind}"
    return "\n".join(found)


def script() -> str:
    """What a person types: the page stands before "The image" of the other one, and the initramfs is built anew."""
    before, image = test_integrate.PAGE.read_text().split("\n### The image\n")
    image, after = image.split("\n## 7. ")
    kinds = "sh(?: systemd)?"
    return "\n".join(["set -eu", blocks(kinds, before), blocks("sh systemd"), blocks(kinds, image),
                      blocks("sh systemd initramfs"), blocks(kinds, "## 7. " + after)])


@pytest.fixture(name="made", scope="module")
def make_debian(tmp_path_factory):
    folder = tmp_path_factory.mktemp("debian")
    run(TOP / "qemu/mkdebianroot", "systemd", TOP / "build/debian/systemd")
    run("cp", "-a", TOP / "build/debian/systemd", folder / "rootfs")
    login = folder / "rootfs/etc/systemd/system/serial-getty@ttyS0.service.d/login.conf"
    login.parent.mkdir()
    login.write_text(LOGIN)
    (folder / "keelboot").symlink_to(TOP)
    done = subprocess.run(["bash", "-c", script()], cwd=folder, text=True, capture_output=True, timeout=900,
                          check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    yield folder
    tidy(folder)


def healthy(dev) -> None:
    assert dev.state() == "running", dev.ask("systemctl --failed; systemctl list-jobs")
    assert dev.ask("findmnt -no FSTYPE /").split()[-1] == "overlay"
    assert "0 errors" in dev.ask("keelboot doctor || true")


@as_root
def test_the_page_leads_to_a_debian_that_writes_to_its_root(made, tmp_path):
    from_the_factory(made, tmp_path)
    with Debian(made, tmp_path, (Drive(made / "stick.img", bus="usb", name="stick", plugged=False),)) as dev:
        dev.up()
        healthy(dev)
        ident = dev.ask("cat /etc/machine-id").strip()
        assert re.fullmatch(r"[0-9a-f]{32}", ident) and dev.ask("cat /srv/keelboot/machine-id").strip() == ident
        # As a package would: a user, a file of /etc, one of /var; and what has to last.
        dev.ask("useradd acme && echo one >/etc/written && echo kept >/var/lib/acme/kept && "
                "echo one >/var/lib/written && sync")
        # fsck of data, which was not mounted yet; none of the root, which is no device.
        fsck = dev.ask("systemctl list-units --all --plain --no-legend 'systemd-fsck*'")
        assert "systemd-fsck@dev-disk-by" in fsck and "failed" not in fsck
        dev.vm.send("reboot")
        dev.vm.wait_boot(2, 120)
        dev.up()
        healthy(dev)
        assert dev.ask("cat /etc/machine-id /etc/written; id -un acme").split() == [ident, "one", "acme"]
        assert len(re.findall(r"^ *-?\d ", dev.ask("journalctl --no-pager --list-boots"), re.M)) == 2
        # An update: another root, the same device.
        dev.vm.plug("stick")
        dev.vm.send("reboot")
        dev.vm.wait_boot(3, 120)
        dev.up()
        healthy(dev)
        assert "Slot b runs 2.0, which is good." in dev.ask("keelboot status")
        assert dev.ask("cat /etc/machine-id /var/lib/acme/kept").split() == [ident, "kept"]
        dev.ask("test ! -e /etc/written && test ! -e /var/lib/written && ! id acme")
    (tmp_path / "disk.img").unlink()


@as_root
def test_a_debian_whose_overlay_does_not_mount_is_repaired_as_the_page_says(made, tmp_path):
    from_the_factory(made, tmp_path)
    with open(tmp_path / "disk.img", "r+b") as disk:
        disk.seek((801 << 20) + 1024)
        disk.write(bytes(1024))            # the first superblock; its copies are whole
    with Debian(made, tmp_path) as dev:
        dev.up()
        assert dev.ask("findmnt -no FSTYPE,OPTIONS /").split()[-2] == "ext4"
        assert "without its overlay: no file system on /dev/nvme0n1p5" in dev.ask("keelboot doctor || true")
        repair, = re.findall(r"`(e2fsck -fy [^`]+)`", PAGE.read_text())
        dev.ask(repair, code=1)
        dev.vm.send("reboot")
        dev.vm.wait_boot(2, 120)
        dev.up()
        healthy(dev)
    (tmp_path / "disk.img").unlink()
