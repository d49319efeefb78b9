# SPDX-License-Identifier: Apache-2.0
"""The Debian packages in a Debian that runs: installed, upgraded and removed by its dpkg. Whatever they do, and
wherever the power fails, the initramfs in /boot boots, and the device's state is kept.

The host takes each initramfs from the disk, as a boot loader does: without the journal of the file system."""

import contextlib
import dataclasses
import json
import os
import shutil

import pytest

import debian_packages
import kbkernel
from debian_packages import OF_99
from distro import CONF, FILES, LINKS, MEMORY, TOP
from kbdevice import run
from kbdisk import Disk, Ext4, ext4_read, extract_partition, mkext4, partition, read_partition
from kbroot import add_file

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dpkg-buildpackage"),
                                reason="wants root, and dpkg-buildpackage (qemu/deps deb)")
OWN_ROOT, WRONG = "root=PARTLABEL=root-a ro", "root=/dev/nothing"
SLOW, SLOWEST = 300, 1200       # seconds that an emulated Debian takes to come up; and to make an initramfs
REASON = "bad for the test"
# A slot that dpkg writes to.
WRITABLE = CONF.replace("[system]\n", "[system]\nslots=writable\n")
FSTAB = "PARTLABEL=root-a / ext4 defaults 0 1\nPARTLABEL=boot /boot ext4 defaults 0 2\n"
UP = "#!/bin/sh\necho \"system 12 is up on slot $(cat /run/keelboot/slot 2>/dev/null || echo none)\" >/dev/console\n" \
     "echo 'system 12 is ready' >/dev/console\n"
# Emulated, so all that this machine needs, and no more: of modules, services, and files of the initramfs.
MODULES = ("crypto", "drivers/block/virtio_blk.ko", "drivers/virtio", "drivers/watchdog/i6300esb.ko",
           "drivers/watchdog/watchdog.ko", "fs/ext4", "fs/fat", "fs/jbd2", "fs/mbcache.ko", "fs/nls", "lib")
MASKED = ("getty-static.service", "getty@.service", "modprobe@.service", "systemd-journal-flush.service",
          "systemd-random-seed.service")


@dataclasses.dataclass(frozen=True)
class Generator:
    """What makes the initramfs: its packages, ours, its settings, and its commands: for the first one, and for all
    anew."""
    packages: str
    glue: str
    files: tuple
    make: str
    renew: str


OF_INITRAMFS_TOOLS = (("etc/initramfs-tools/conf.d/quick", "MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n"),
                      ("etc/initramfs-tools/modules", "ext4\nvirtio_pci\nvirtio_blk\n"))
OF_DRACUT = (("etc/dracut.conf.d/quick.conf",
              'hostonly="no"\ncompress="zstd -1"\ndrivers=" ext4 virtio_pci virtio_blk "\n'
              'omit_dracutmodules+=" systemd systemd-initrd dracut-systemd "\n'),)
GENERATORS = {
    "initramfs-tools": Generator("initramfs-tools,busybox,zstd,kmod,e2fsprogs", "keelboot-initramfs-tools",
                                 OF_INITRAMFS_TOOLS, "update-initramfs -c -k {}", "update-initramfs -u -k all"),
    "dracut-shell": Generator("dracut,zstd,kmod,e2fsprogs", "keelboot-dracut", OF_DRACUT,
                              "dracut --force /boot/initrd.img-{0} {0}", "/usr/lib/keelboot/dracut-renew"),
}


@pytest.fixture(scope="module", name="packages")
def make_packages(tmp_path_factory):
    return debian_packages.make(tmp_path_factory.mktemp("packages"))


class Debian:
    """A device with a Debian in slot a, and a slot b that is bad. version: of Keelboot's packages in it, if any."""

    def __init__(self, generator, bench, packages, version):
        self.generator, self.bench, self.kernel = generator, bench, kbkernel.get()
        self.initrd = f"initrd.img-{self.kernel.version}"
        self.disk = bench.work / "disk.img"
        self._make_disk(self._make_root(packages, version))

    def _make_root(self, packages, version):
        base = TOP / f"build/debian/systemd-{self.generator.packages}"
        run(TOP / "qemu/mkdebianroot", "--from", kbkernel.mirror(), "--with", self.generator.packages, "systemd", base)
        root = self.bench.work / "root"
        run("cp", "-a", base, root)
        self.bench.device.key()
        for path, source in {**FILES["systemd"], **dict(self.generator.files), "etc/fstab": FSTAB, "etc/up": UP,
                             "packages/etc/system.conf": WRITABLE,
                             "packages/etc/keys": self.bench.device.work / "keys"}.items():
            add_file(root, path, source)
        (root / "etc/systemd/system/keelboot-clean.service").unlink()
        masked = {f"etc/systemd/system/{name}": "/dev/null" for name in MASKED}
        for path, target in {**LINKS["systemd"], **masked}.items():
            if "keelboot" not in path:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).symlink_to(target)
        for name in ("keelboot", self.generator.glue):
            for deb in packages.glob(f"{name}_*.deb"):
                shutil.copy(deb, root / "packages")
        if version:
            shutil.copytree(root / "packages/etc", root / "etc/keelboot")
        self._put_kernel(root)
        packages = self.install(version) if version else ":"
        self._run(root, f"{packages}; {self.generator.make.format(self.kernel.version)}")
        return root

    @staticmethod
    def _run(root, commands: str) -> None:
        """In the folder, as an installer does."""
        mounts = f"mount -t proc proc {root}/proc && mount -t sysfs sysfs {root}/sys && mount --rbind /dev {root}/dev"
        run("unshare", "-m", "sh", "-c", f"export PATH=/usr/sbin:/usr/bin:/sbin:/bin; {mounts} && "
                                         f"chroot {root} /bin/sh -ec '{commands}'")

    def _put_kernel(self, root) -> None:
        """And its modules."""
        modules = root / "lib/modules" / self.kernel.version
        for name in MODULES:
            add_file(modules, f"kernel/{name}", self.kernel.modules / "kernel" / name)
        for path in self.kernel.modules.glob("modules.[bo]*"):
            shutil.copy(path, modules)
        run("depmod", "-b", root, self.kernel.version)
        for name in ("vmlinuz", "config"):
            shutil.copy(self.kernel.bzimage.with_name(f"{name}-{self.kernel.version}"), root / "boot")

    def _make_disk(self, root) -> None:
        boot, image, state = (self.bench.work / name for name in ("boot", "root.img", "state.img"))
        shutil.move(root / "boot", boot)
        (root / "boot").mkdir()
        mkext4(image, "420M", root, label="root", seed="root")
        self.bench.command("state", "init", state, "--slots", "2", "--good", "a", "--trial", "b")
        self.bench.command("mark", "bad", "b", "--reason", REASON, "--state", state)
        (self.bench.work / "data").mkdir()
        disk = Disk(seed="packages")
        disk.add("keelboot-state", "16M", state)
        disk.add("data", "32M", Ext4(self.bench.work / "data", label="data"))
        disk.add("root-a", "420M", image)
        disk.add("root-b", "32M")
        disk.add("boot", "72M", Ext4(boot, label="boot"))
        disk.build(self.disk)
        run("rm", "-r", root, boot, image)

    def install(self, version: str) -> str:
        return "dpkg -i " + " ".join(f"/packages/{name}_{version}*.deb" for name in ("keelboot", self.generator.glue))

    @contextlib.contextmanager
    def boot(self, append, slot, said=""):
        """Started by what is on the disk; and switched off, unless its power was cut."""
        self.kept()
        initrd = self.bench.work / "initrd.img"
        initrd.write_bytes(ext4_read(self.disk, f"/{self.initrd}", partition(self.disk, "boot")[0]))
        with self.bench.machine(self.disk, initrd=initrd, append=append, memory=MEMORY, watchdog=True) as vm:
            assert said in self.bench.up(vm, "12", slot, SLOW)
            assert len(vm.boots) == 1
            yield vm
            if vm.running:
                vm.send("poweroff")
                vm.wait_shutdown(SLOW)
        self.kept()

    def ask(self, vm, command: str, code=0) -> str:
        status, output = vm.shell(f"dmesg -n 1; {command}", SLOWEST)
        assert (status == 0) == (code == 0), output
        return output

    def kept(self) -> None:
        """The device remembers what was marked before Keelboot was installed. The host asks: in the device, the console
        has words of services between those of a long answer."""
        state = extract_partition(self.disk, "keelboot-state", self.bench.work / "state.then")
        said = json.loads(self.bench.command("status", "--json", "--state", state))
        assert [slot["state"] for slot in said["slots"]] == ["good", "bad"]
        assert REASON in self.bench.command("history", "--state", state)

    def cut(self, vm, command: str, moment: str) -> None:
        """The power fails at that moment of the command."""
        vm.send(f"{{ {command}; }} >/dev/null 2>&1 & until {moment} 2>/dev/null; do sleep 0.5; done; echo no\"w\"")
        vm.expect("^now$", SLOWEST)
        vm.power_cut()

    def refuses_in_a_full_boot(self, vm, command: str) -> None:
        """The old initramfs stays as it is, and nothing lies beside it."""
        look = f"ls /boot; sha256sum /boot/{self.initrd}"
        before = self.ask(vm, f"cat /dev/zero >/boot/full 2>/dev/null || :; {look}")
        self.ask(vm, command, code=1)
        assert self.ask(vm, look) == before

    def state(self) -> bytes:
        return read_partition(self.disk, "keelboot-state")


@pytest.fixture(name="debian", params=GENERATORS.values(), ids=GENERATORS)
def make_debian(request, bench, packages):
    def make(version=""):
        return Debian(request.param, bench, packages, version)
    return make


def test_installed_in_a_running_debian(debian):
    """Without a configuration, the initramfs is as it was before."""
    debian = debian()
    with debian.boot(OWN_ROOT, "none") as vm:
        said = debian.ask(vm, debian.install("0"))
        assert "there is no /etc/keelboot/system.conf: this initramfs boots without Keelboot" in said
        assert said.count(": Generating /boot/") == 1
        debian.ask(vm, f"cp -r /packages/etc/. /etc/keelboot && {debian.generator.renew}")
    with debian.boot(WRONG, "a"):
        pass


def test_power_cuts_while_it_is_upgraded(debian):
    """dpkg is cut while it unpacks; then where its scripts make the initramfs: half written, and just renamed."""
    debian = debian("0")
    initrd, again = f"/boot/{debian.initrd}", "dpkg --configure -a"
    for command, moment in ((debian.install("99"), "[ -e /usr/lib/keelboot/keelboot-select.dpkg-new ]"),
                            (debian.install("99"), f"[ -s {initrd}.new ]"),
                            (f"ln {initrd} /boot/old; {again}", f"[ -e /boot/old -a ! {initrd} -ef /boot/old ]")):
        with debian.boot(WRONG, "a") as vm:
            debian.cut(vm, command, moment)
    with debian.boot(WRONG, "a") as vm:
        debian.ask(vm, f"rm -f /boot/old; {again}")
        said = debian.ask(vm, f"dpkg -s keelboot {debian.generator.glue}")
        assert said.count("Status: install ok installed") == said.count("\nVersion: 99.0") == 2, said
    with debian.boot(WRONG, "a", OF_99):
        pass


def test_removed_from_a_running_debian(debian):
    """Not where none but Keelboot finds the root, nor without room for another initramfs."""
    debian = debian("99")
    glue = debian.generator.glue
    with debian.boot(WRONG, "a", OF_99) as vm:
        assert "root=/dev/nothing of the boot loader names nothing" in debian.ask(vm, f"dpkg -r {glue}", code=1)
        debian.refuses_in_a_full_boot(vm, debian.install("99"))
    with debian.boot(OWN_ROOT, "a", OF_99) as vm:
        debian.refuses_in_a_full_boot(vm, f"dpkg -r {glue}")
        debian.ask(vm, f"rm /boot/full; dpkg -r {glue} keelboot")
    before = debian.state()
    with debian.boot(OWN_ROOT, "none") as vm:
        debian.ask(vm, f"dpkg -P {glue} keelboot; test -e /etc/keelboot/system.conf")
    with debian.boot(OWN_ROOT, "none"):
        pass
    assert debian.state() == before
