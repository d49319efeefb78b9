# SPDX-License-Identifier: Apache-2.0
"""The Debian packages in the folder of a Debian: installed, upgraded and removed by dpkg. Whatever they do, the
initramfs in /boot boots, and the device's state is kept. test_packages_running.py does it in a Debian that runs."""

import fcntl
import os
import shutil
import subprocess

import pytest

import debian_packages
import kbkernel
from distro import CONF, MEMORY, TARGETS, TOP, WORK, debian_bench
from kbdevice import run
from kbroot import add_file

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dpkg-buildpackage"),
                                reason="wants root, and dpkg-buildpackage (qemu/deps deb)")
SLOW = 240
OWN_ROOT, WRONG = "root=PARTLABEL=root-a ro", "root=/dev/nothing"
GLUE = {"initramfs-tools": "keelboot-initramfs-tools", "dracut-systemd": "keelboot-dracut"}
INITRD = "initrd.img-{}"


class Debian:
    """A system with a generator, a kernel in /boot, and nothing of Keelboot; its dpkg is asked in it."""

    def __init__(self, target, work, packages):
        self.root, self.kernel = work / "debian", kbkernel.get()
        self.glue = GLUE[target.name]
        WORK.mkdir(parents=True, exist_ok=True)
        with open(WORK / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            run("cp", "-ax", target.tree(), self.root)
        run("make", "-s", "-C", TOP, "uninstall", f"DESTDIR={self.root}")
        shutil.rmtree(self.root / "etc/keelboot", ignore_errors=True)
        left = [path for path in (self.root / "usr").rglob("*keelboot*") if path.is_file()]
        assert not left, left
        for name in ("vmlinuz", "config"):
            source = self.kernel.bzimage.with_name(f"{name}-{self.kernel.version}")
            shutil.copy(source, self.root / "boot")
        (self.root / "lib/modules" / self.kernel.version).mkdir(parents=True, exist_ok=True)
        shutil.copytree(packages, self.root / "packages")

    def do(self, command: str, *, boot_of="", code=0) -> str:
        """In the system. boot_of: the size of another /boot, which has what this one has."""
        script = f"""
            set -e
            mount --bind {self.kernel.modules} {self.root}/lib/modules/{self.kernel.version}
            mount -t proc proc {self.root}/proc
            mount -t sysfs sysfs {self.root}/sys
            mount --rbind /dev {self.root}/dev
            if [ -n "{boot_of}" ]; then
                cp -a {self.root}/boot {self.root}/boot.full
                mount -t tmpfs -o size={boot_of or 0} none {self.root}/boot
                cp -a {self.root}/boot.full/. {self.root}/boot
            fi
            export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
            chroot {self.root} /bin/sh -c '{command}' && end=0 || end=$?
            [ -z "{boot_of}" ] || {{ rm -r {self.root}/boot.full; cp -a {self.root}/boot {self.root}/boot.then; }}
            exit $end
        """
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], text=True, capture_output=True, timeout=900,
                              check=False)
        assert (done.returncode == 0) == (code == 0), done.stdout + done.stderr
        return done.stdout + done.stderr

    def initrd(self, folder="boot"):
        return self.root / folder / INITRD.format(self.kernel.version)

    def has_keelboot(self) -> bool:
        tool = "lsinitramfs" if self.glue.endswith("tools") else "lsinitrd"
        return "keelboot-select" in self.do(f"{tool} /boot/{INITRD.format(self.kernel.version)}")


@pytest.fixture(scope="module", name="packages")
def make_packages(tmp_path_factory):
    return debian_packages.make(tmp_path_factory.mktemp("packages"))


@pytest.fixture(name="board")
def make_board(tmp_path):
    with debian_bench(tmp_path) as bench:
        yield bench


@pytest.mark.parametrize("name", GLUE)
def test_initramfs_boots_before_and_after_each_step(name, packages, board, tmp_path):
    system, disk = Debian(TARGETS[name], tmp_path, packages), board.disk("1.0", "2.0", good="ab")

    def boots(append, slot):
        version = "2.0" if slot else "1.0"
        with board.machine(disk, initrd=system.initrd(), append=append, memory=MEMORY, watchdog=True) as vm:
            vm.expect(rf"system {version} is up on slot {slot}\r?\n", SLOW)
            vm.expect(f"system {version} is ready", SLOW)
            history = board.ask(vm, "keelboot history 2>/dev/null | wc -l") if slot else ""
            vm.send("poweroff")
            vm.wait_shutdown(SLOW)
        return history

    make = "update-initramfs -c -k" if "tools" in system.glue else f"dracut -f /boot/{INITRD.format('')}$1"
    system.do(f"set -- {system.kernel.version}; {make} $1")
    assert not system.has_keelboot()
    boots(OWN_ROOT, "")

    # Installed, and not configured: a warning, and the initramfs of before.
    said = system.do(f"dpkg -i /packages/keelboot_0*.deb /packages/{system.glue}_0*.deb")
    assert "there is no /etc/keelboot/system.conf: this initramfs boots without Keelboot" in said
    assert not system.has_keelboot()
    boots(OWN_ROOT, "")

    # Configured: root= does not matter any more.
    add_file(system.root, "etc/keelboot/system.conf", CONF)
    add_file(system.root, "etc/keelboot/keys", board.device.work / "keys")
    system.do(f"dpkg-trigger --no-await update-initramfs && dpkg --configure --pending && ls /boot >&2; "
              f"dpkg-reconfigure {system.glue} >/dev/null 2>&1; dpkg --triggers-only --pending || :")
    assert system.has_keelboot()
    before = boots(WRONG, "b")

    # A /boot that is full: what was there stays, and boots.
    sums = system.initrd().read_bytes()
    full = sum(path.stat().st_size for path in (system.root / "boot").iterdir()) + (4 << 20)
    system.do(f"dpkg -i /packages/keelboot_99.0.deb /packages/{system.glue}_99.0.deb", boot_of=str(full), code=1)
    assert system.initrd("boot.then").read_bytes() == sums

    system.do(f"dpkg -i /packages/keelboot_99.0.deb /packages/{system.glue}_99.0.deb; dpkg --configure -a")
    assert "99.0" in system.do("dpkg -s keelboot")
    assert system.has_keelboot()
    assert int(boots(WRONG, "b")) >= int(before) > 0

    system.do(f"dpkg -r {system.glue} keelboot")
    assert not system.has_keelboot()
    boots(OWN_ROOT, "")
    system.do(f"dpkg -P {system.glue} keelboot")
    assert (system.root / "etc/keelboot/system.conf").exists() and (system.root / "etc/keelboot/keys/dev.pem").exists()
    boots(OWN_ROOT, "")
