# SPDX-License-Identifier: Apache-2.0
"""What docs/ROOT.md says of Buildroot and of Yocto with sysvinit's scripts: a busybox that starts as theirs do, above
an overlay. With their own files where KEELBOOT_BUILDROOT and KEELBOOT_YOCTO name them, else with lines like those."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kbdisk import Ext4, mkext4
from kbroot import mkroot
from test_root_page import blocks

TOP = Path(__file__).resolve().parents[2]
BUILDROOT, YOCTO = (os.environ.get(f"KEELBOOT_{name}", "") for name in ("BUILDROOT", "YOCTO"))
RELEASES = sorted(path.name for path in Path(YOCTO).iterdir() if (path / "meta").is_dir()) if YOCTO else []
OWN = "lines like theirs"
with_buildroot = pytest.mark.skipif(not BUILDROOT, reason="KEELBOOT_BUILDROOT names no checkout of Buildroot")
with_yocto = pytest.mark.skipif(not RELEASES, reason="KEELBOOT_YOCTO names no folder with OpenEmbedded")
OF_BUILDROOT = (OWN, pytest.param(BUILDROOT, id="its own files", marks=with_buildroot))
OF_YOCTO = (OWN, *(pytest.param(release, marks=with_yocto) for release in RELEASES or ["its own files"]))
PROGRAMS = ("/sbin/e2fsck", "/sbin/fsck", "/usr/bin/dbus-uuidgen")
CONSOLE = "\nttyS0::respawn:-/bin/sh\n"
# The last that starts, and the first that stops.
LAST = "#!/bin/sh\n[ \"$1\" = start ] || exec keelboot mark clean\nwatchdog -T 60 -t 1 /dev/watchdog0\n" \
       "echo \"system {name} is up on slot $(cat /run/keelboot/slot)\"\nkeelboot mark good\n" \
       "echo system {name} is ready\n"
# As the package installs it; and what a release may bring.
EARLY = {"etc/init.d/S00keelboot-early": (TOP / "hooks/system/keelboot-early.init").read_text(),
         "usr/lib/keelboot/migrate.d/10-own": "#!/bin/sh\n[ \"$KEELBOOT_STAGE\" = migrate ] || exit 0\n"
                                              "grep -q ' /srv ' /proc/mounts && echo migrated >/srv/migrated\n"}
DATA_IDS = "cat /srv/keelboot/machine-id /etc/machine-id /var/lib/dbus/machine-id"
SLOW = 240      # beside other boots


def libraries() -> dict:
    """The programs, and what they are linked with, by their paths."""
    said = subprocess.run(["ldd", *PROGRAMS], text=True, capture_output=True, check=True).stdout
    paths = {*PROGRAMS, *re.findall(r"(/\S+) \(0x", said)}
    return {**{path.lstrip("/"): Path(path).resolve() for path in paths}, "sbin/fsck.ext4": Path("/sbin/e2fsck")}


def root(bench, name: str, inittab: str, files: dict) -> Path:
    """The folder of a system with Keelboot."""
    device = bench.device
    return mkroot(bench.work / "rootfs", name=name, inittab=inittab, files={
        **libraries(), "usr/bin/keelboot": device.stripped("keelboot"), "etc/keelboot/system.conf": device.conf,
        "usr/lib/keelboot/keelboot-helper": device.stripped("keelboot-helper"), **files})


def disk_of(bench, tree: Path, b=None, good="ab") -> Path:
    """It is in slot a, and as release b in slot b; the one that is not good is on trial."""
    image = bench.work / "br.img"
    mkext4(image, "36M", tree, label="root", seed="br")
    (bench.work / "empty").mkdir()
    return bench.disk(b=b, good=good, slots=(image, image if b else ...),
                      extra=(("overlay", "16M", Ext4(bench.work / "empty", label="overlay")),))


def machine(bench, disk):
    initrd = bench.conf_initramfs("root-page", "[system]\nroot-overlay=PARTLABEL=overlay\n",
                                  modules=("virtio", "usb", "ext4", "vfat", "overlay"))
    return bench.machine(disk, initrd=initrd)


def up(bench, vm, name: str, slot: str, fail: str = "") -> None:
    bench.up(vm, name, slot, SLOW, fail)
    assert bench.ask(vm, "grep -c '^overlay / overlay rw' /proc/mounts").strip() == "1"
    assert bench.boot_json(vm)["warnings"] == []


def damage(bench, disk, *requests: str) -> None:
    """debugfs changes the data partition; then nobody has unmounted it."""
    offset, _ = bench.partition(disk, "data")
    for request in (*requests, "set_super_value state 2"):
        done = subprocess.run(["debugfs", "-w", "-R", request, f"{disk}?offset={offset}"], text=True,
                              capture_output=True, check=True)
        assert len(done.stderr.splitlines()) <= 1, done.stderr     # its version


def type_data(bench) -> None:
    """What the page says, where the root of the system is."""
    subprocess.run(["sh", "-ec", blocks("sh data")], cwd=bench.work, check=True)


def is_volatile(bench, vm, folder: str) -> bool:
    """What is written there, no overlay gets."""
    return bench.ask(vm, f"mkdir -p {folder} && touch {folder}/x && stat -f -c %T {folder}/x").strip() == "tmpfs"


def data_is_repaired_and_known(bench, disk, name: str, volatile: str) -> None:
    """The data partition through a repair, a power cut and a release; the device stays what it is. /var goes with its
    release, and the volatile folder with each boot."""
    (bench.work / "file").write_text("kept\n")
    damage(bench, disk, f"write {bench.work}/file kept", "set_inode_field kept links_count 5")
    with bench.untouched(disk), machine(bench, disk) as vm:
        up(bench, vm, name, "b")
        assert re.search(r"data: Inode \d+ ref count is 5, should be 1\.  FIXED\.", vm.boot_text()), vm.boot_text()
        assert bench.ask(vm, "cat /srv/kept; stat -c %h /srv/kept").split() == ["kept", "1"]
        ids = bench.ask(vm, DATA_IDS).split()
        assert len(ids) == 3 and len(set(ids)) == 1 and re.fullmatch("[0-9a-f]{32}", ids[0])
        bench.ask(vm, "echo x >/etc/written && echo new >/srv/new && echo x >/var/written && sync")
        assert is_volatile(bench, vm, volatile) and not is_volatile(bench, vm, "/var/lib")
        vm.reset()
        vm.wait_boot(2, SLOW)
        up(bench, vm, name, "b")
        assert "data: recovering journal" in vm.boot_text()
        assert bench.ask(vm, f"cat /etc/written /var/written /srv/new; {DATA_IDS}").split() == ["x", "x", "new", *ids]
        bench.ask(vm, "keelboot switch a")
        vm.send("reboot")
        vm.wait_boot(3, SLOW)
        up(bench, vm, name, "a")
        gone = "test ! -e /etc/written && test ! -e /var/written"
        assert bench.ask(vm, f"cat /srv/new && {gone} && {DATA_IDS}").split() == ["new", *ids]


# ---------------------------------------------------------------- Buildroot

# What its init does, in its order; package/busybox/inittab of Buildroot.
INITTAB = """\
::sysinit:/bin/mount -t proc proc /proc
{remount}
::sysinit:/bin/mkdir -p /dev/pts /dev/shm
::sysinit:/bin/mount -a
::sysinit:/bin/mkdir -p /run/lock/subsys
::sysinit:/bin/hostname -F /etc/hostname
::sysinit:/etc/init.d/rcS
::shutdown:/etc/init.d/rcK
::shutdown:/bin/umount -a -r
"""
# As its skeleton has it.
FSTAB = "/dev/root / ext2 rw,noauto 0 1\nproc /proc proc defaults 0 0\n" \
        "devpts /dev/pts devpts defaults,gid=5,mode=620,ptmxmode=0666 0 0\ntmpfs /dev/shm tmpfs mode=1777 0 0\n" \
        "tmpfs /tmp tmpfs mode=1777 0 0\ntmpfs /run tmpfs mode=0755,nosuid,nodev 0 0\nsysfs /sys sysfs defaults 0 0\n"
ALL = "#!/bin/sh\nfor i in {}; do $i {}; done\n"


def buildroot(bench, source: str, more=None, *, remount=True) -> Path:
    """A root as Buildroot would make it, with more files."""
    files = {"etc/init.d/S99last": LAST.format(name="br"), **(more or {})}
    if source == OWN:
        inittab = INITTAB.format(remount="::sysinit:/bin/mount -o remount,rw /" if remount else "")
        files |= {"etc/fstab": FSTAB, "etc/init.d/rcS": ALL.format("/etc/init.d/S??*", "start"),
                  "etc/init.d/rcK": ALL.format("$(ls -r /etc/init.d/S??*)", "stop"),
                  "etc/init.d/S30dbus-daemon": "#!/bin/sh\nmkdir -p /tmp/dbus\ndbus-uuidgen --ensure\n"}
    else:
        package = Path(source) / "package"
        inittab = (package / "busybox/inittab").read_text()
        files |= {f"etc/init.d/{name}": package / f"initscripts/init.d/{name}" for name in ("rcS", "rcK")}
        files["etc/init.d/S30dbus-daemon"] = (package / "dbus/S30dbus-daemon").read_text()
        assert "ln -sf /tmp/dbus $(TARGET_DIR)/var/lib/dbus" in (package / "dbus/dbus.mk").read_text()
    tree = root(bench, "br", inittab + CONSOLE, files)
    if source != OWN:
        shutil.copytree(package / "skeleton-init-sysv/skeleton", tree, symlinks=True, dirs_exist_ok=True)
    for link, target in (("var/lib/dbus", "/tmp/dbus"), ("var/log", "../tmp")):
        (tree / link).parent.mkdir(parents=True, exist_ok=True)
        (tree / link).unlink(missing_ok=True)
        (tree / link).symlink_to(target)
    return tree


@pytest.mark.parametrize("source, remount", [
    pytest.param(OWN, False, id="as it is"), pytest.param(OWN, True, id="remounted"),
    pytest.param(BUILDROOT, True, id="its own files", marks=with_buildroot)])
def test_busybox_that_starts_as_buildroots_does_has_a_root_to_write_to(bench, source, remount):
    disk = disk_of(bench, buildroot(bench, source, remount=remount))
    ids = []
    with bench.untouched(disk), machine(bench, disk) as vm:
        for number in range(2):
            up(bench, vm, "br", "a")
            assert bench.ask(vm, "cat /etc/written 2>/dev/null || true").strip() == ("kept" if number else "")
            bench.ask(vm, "echo kept >/etc/written && sync")
            ids.append(bench.ask(vm, "cat /var/lib/dbus/machine-id").strip())
            if number == 0:
                vm.send("reboot")
                vm.wait_boot(2, SLOW)
    assert len(set(ids)) == 2, "dbus has made two: the page says why it needs another"


@pytest.mark.parametrize("source", OF_BUILDROOT)
def test_buildroots_data_is_checked_and_its_device_keeps_its_id(bench, source):
    """It is mounted before a program of the release on trial runs: one that fails would reject the trial."""
    tree = buildroot(bench, source, EARLY)
    type_data(bench)
    disk = disk_of(bench, tree, "2.0", good="a")
    data_is_repaired_and_known(bench, disk, "br", "/var/log")
    offset, _ = bench.partition(disk, "data")
    assert subprocess.run(["debugfs", "-R", "cat migrated", f"{disk}?offset={offset}"], text=True, capture_output=True,
                          check=True).stdout == "migrated\n"


def test_data_that_a_person_has_to_repair_is_not_mounted(bench):
    tree = buildroot(bench, OWN)
    type_data(bench)
    disk = disk_of(bench, tree)
    damage(bench, disk, "mkdir one", "link one two")
    with machine(bench, disk) as vm:
        up(bench, vm, "br", "a")
        assert "UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY" in vm.boot_text()
        assert " /srv " not in bench.ask(vm, "cat /proc/mounts")
        repair = bench.ask(vm, "e2fsck -fy /dev/vda2; [ $? = 1 ] && /etc/init.d/S00data start && cat /proc/mounts")
        assert " /srv " in repair


# ---------------------------------------------------------------- Yocto, sysvinit's scripts

# As base-files has it.
OE_FSTAB = "/dev/root / auto defaults 1 1\nproc /proc proc defaults 0 0\n" \
           "devpts /dev/pts devpts mode=0620,ptmxmode=0666,gid=5 0 0\n" \
           "tmpfs /run tmpfs mode=0755,nodev,nosuid,strictatime 0 0\ntmpfs /var/volatile tmpfs defaults 0 0\n"
OE_INITTAB = "::sysinit:/etc/init.d/rcS\n::wait:/etc/init.d/rc5\n::shutdown:/etc/init.d/last stop\n" \
             "::shutdown:/bin/umount -a -r\n"
# What checkroot.sh does with the root.
OE_CHECKROOT = """\
#!/bin/sh
. /etc/default/rcS
if [ "$ENABLE_ROOTFS_FSCK" = yes ] && mount -n -o remount,ro /; then
	fsck -y /
	[ $? -le 1 ] || { echo "fsck failed."; sulogin; reboot -f; }
fi
mount -n -o remount,rw /
"""
OE_DBUS = "#!/bin/sh\nmkdir -p /var/lib/dbus\ndbus-uuidgen --ensure\n"


def oe_scripts(source: str) -> tuple:
    """(files, links in rcS.d) of OpenEmbedded's recipes, by what they say themselves."""
    if source == OWN:
        return {"etc/fstab": OE_FSTAB, "etc/default/rcS": "ENABLE_ROOTFS_FSCK=no\n",
                "etc/init.d/rcS": ALL.format("/etc/rcS.d/S*", "start"),
                "etc/init.d/mountall.sh": "#!/bin/sh\nmount -a\n", "etc/init.d/checkroot.sh": OE_CHECKROOT}, \
            {"S03mountall.sh": "mountall.sh", "S05checkroot.sh": "checkroot.sh"}
    core = Path(YOCTO) / source / "meta/recipes-core"
    scripts, sysvinit = core / "initscripts/initscripts-1.0", core / "sysvinit/sysvinit"
    links = {f"S{number}{name}": name for name, number in re.findall(
        r"^\tupdate-rc\.d -r \$\{D\} (\S+) start (\d\d) S\b", (core / "initscripts/initscripts_1.0.bb").read_text(),
        re.M)}
    assert links["S05checkroot.sh"] == "checkroot.sh" and "S03mountall.sh" in links
    return {"etc/fstab": core / "base-files/base-files/fstab", "etc/default/rcS": sysvinit / "rcS-default",
            "etc/init.d/rcS": (sysvinit / "rcS").read_text(), "etc/init.d/rc": (sysvinit / "rc").read_text(),
            "etc/init.d/functions": scripts / "functions", "etc/default/volatiles/00_core": scripts / "volatiles",
            "etc/default/devpts": scripts / "devpts",
            **{f"etc/init.d/{name}": (scripts / name).read_text() for name in links.values()}}, links


def yocto(bench, source: str) -> Path:
    """A root with OpenEmbedded's scripts of runlevel S, which is to check itself. They are said to run below busybox:
    sysvinit's own init would be sent a signal that halts this one."""
    files, links = oe_scripts(source)
    tree = root(bench, "oe", OE_INITTAB + CONSOLE, {
        **files, "etc/init.d/dbus": OE_DBUS, "etc/init.d/last": LAST.format(name="oe"),
        "etc/init.d/rc5": "#!/bin/sh\n/etc/init.d/dbus start\n/etc/init.d/last start\n"})
    for folder in ("etc/rcS.d", "var/volatile", "srv", "etc/default/volatiles"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    for link, name in links.items():
        (tree / f"etc/init.d/{name}").chmod(0o755)
        (tree / f"etc/rcS.d/{link}").symlink_to(f"../init.d/{name}")
    rcs = tree / "etc/default/rcS"
    rcs.write_text(rcs.read_text().replace("ENABLE_ROOTFS_FSCK=no", "ENABLE_ROOTFS_FSCK=yes")
                   .replace("INIT_SYSTEM=sysvinit", "INIT_SYSTEM=busybox"))
    return tree


def append(tree: Path, kind: str) -> None:
    """What a task of the page's append does to the files that the recipe installed."""
    function, = re.findall(r"^do_install:append\(\) \{\n(.*)^\}$", blocks(f"bitbake {kind}"), re.M | re.S)
    subprocess.run(["sh", "-ec", function.replace("${D}${sysconfdir}", f"{tree}/etc")], check=True)


@pytest.mark.parametrize("source", OF_YOCTO)
def test_yoctos_root_is_not_checked_and_its_data_is(bench, source):
    tree = yocto(bench, source)
    append(tree, "fstab")
    append(tree, "checkroot")
    assert "/dev/root" not in (tree / "etc/fstab").read_text()
    type_data(bench)
    (tree / "etc/init.d/S00data").rename(tree / "etc/init.d/acme-data")
    (tree / "etc/rcS.d/S04acme-data").symlink_to("../init.d/acme-data")
    data_is_repaired_and_known(bench, disk_of(bench, tree, "2.0"), "oe", "/var/volatile")


@pytest.mark.parametrize("source", OF_YOCTO)
def test_yoctos_root_that_is_checked_ends_at_a_prompt(bench, source):
    """Why the page takes checkroot.sh out. If it comes up, the page may say less."""
    disk = disk_of(bench, yocto(bench, source))
    with machine(bench, disk) as vm:
        vm.expect(r"fsck failed\.", SLOW, "system oe is up")
        vm.expect(r"password|Normal startup", SLOW, "system oe is up")
