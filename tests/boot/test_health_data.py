# SPDX-License-Identifier: Apache-2.0
"""[data] paths=: what belongs to the release goes back with it, whatever ends the trial; what is not named stays."""

import dataclasses
import os
import shutil

import pytest

from conftest import LEAN
from console import PATIENCE
from kbdevice import run
from drives import Drive
from kbdisk import Disk, mkext4, partition

CONF = "[data]\npaths=app,etc/site,absent\n"
# A file with holes, two names for one file, a link, a folder of another user, an ACL's and a user's attribute.
MAKE = ("mkdir -p /data/app/sub /data/etc /data/other && cd /data/app && echo old >db && ln db sub/same && "
        "ln -s ../db sub/link && dd if=/dev/zero of=hole bs=1 count=1 seek=3M 2>/dev/null && "
        "chown 12:34 sub && chmod 2750 sub && "
        "mknod sub/node c 1 3 && mkfifo sub/pipe && echo site >/data/etc/site && echo stays >/data/other/file && "
        "touch -d '2020-02-02 02:02' db && cd / && sync")
# All that a copy must keep, in a line for each name.
LOOK = ("cd /data && find app etc -exec stat -c '%n %F %a %u %g %s %h %t:%T' {} + | sort; "
        "stat -c '%Y %b' app/db app/hole; cat app/db etc/site; cd /")
MIGRATE = ("rm -rf /data/app/sub && echo new >/data/app/db && echo more >/data/app/more && rm /data/etc/site && "
           "mkdir /data/absent && echo x >/data/absent/x && echo changed >/data/other/file && sync")
KEPT = r"data: kept as it is before slot b boots for the first time \({}"
BACK = r"data: put back as it was before slot b booted"


def initrd_of(bench, name="data", conf=CONF, modules=..., **options):
    return bench.conf_initramfs(f"{name}", conf, **({} if modules is ... else {"modules": modules}))


def of_init(bench, device, version, init):
    """A bundle whose init is this."""
    with device.lock():
        device.system(version)
        tree = bench.work / f"root-{version}"
        shutil.copytree(device.work / f"root-{version}-ok", tree, symlinks=True)
        (tree / "sbin/init").unlink()
        (tree / "sbin/init").write_text(init)
        (tree / "sbin/init").chmod(0o755)
        image = mkext4(bench.work / f"root-{version}.img", "24M", tree, label="root")
    return device.bundle(version, image=image)


def begin(bench, vm, what="keelboot install /data/incoming/2.0.keel --progress=none"):
    """1.0 has its data, and 2.0 is installed; what the data looks like."""
    bench.up(vm, "1.0", "a")
    bench.ask(vm, MAKE)
    looks = bench.ask(vm, LOOK)
    bench.ask(vm, what, 120)
    return looks


def test_data_that_a_trial_changed_goes_back_when_it_is_left(bench):
    """The quick core: a trial that was installed, two boots."""
    db = bench.work / "db"
    db.write_text("old\n")
    disk = bench.disk("1.0", bench.bundle("2.0 nomark"), good="a", data={"app/db": db, "other/file": db})
    with bench.machine(disk, initrd=initrd_of(bench)) as vm:
        vm.expect(KEPT.format("copy, "))
        bench.up(vm, "2.0", "b")
        assert "kept as it was before slot b (2.0) booted" in bench.ask(vm, "keelboot status")
        bench.ask(vm, "echo new | tee /data/app/db >/data/other/file; mkdir /data/absent; keelboot mark bad")
        vm.send("reboot")
        vm.expect(BACK)
        bench.up(vm, "1.0", "a")
        assert bench.ask(vm, "cat /data/app/db /data/other/file; ls /data /data/keelboot").split() == \
            ["old", "new", "/data:", "app", "keelboot", "lost+found", "other", "/data/keelboot:"]
        assert bench.status(vm)["data"] == {"phase": "none", "slot": None, "reset": False}


def test_data_goes_back_with_the_release_and_is_dropped_by_the_commit(bench):
    disk = bench.disk("1.0", data={"incoming/2.0.keel": bench.bundle("2.0 nomark"),
                                   "incoming/3.0.keel": bench.bundle("3.0 nomark")})
    with bench.machine(disk, initrd=initrd_of(bench)) as vm:
        before = begin(bench, vm)
        vm.send("reboot")
        vm.expect(KEPT.format("copy, "))
        bench.up(vm, "2.0", "b")
        assert bench.ask(vm, LOOK) == before, "the trial begins with what was there"
        bench.ask(vm, MIGRATE)
        vm.power_cut()
        vm.start()
        assert "keelboot: data: " not in bench.up(vm, "2.0", "b"), "its second boot keeps the first snapshot"
        assert bench.ask(vm, "cat /data/app/db").strip() == "new"
        bench.ask(vm, "keelboot mark bad --reason 'cannot read it'")
        vm.send("reboot")
        vm.expect(BACK)
        bench.up(vm, "1.0", "a")
        assert bench.ask(vm, LOOK) == before
        assert bench.ask(vm, "ls -d /data/absent /data/keelboot/kept* 2>/dev/null || true").strip() == ""
        assert bench.ask(vm, "cat /data/other/file").strip() == "changed"
        assert any("data was put back" in event["reason"] for event in bench.history(vm))
        vm.send("reboot")
        assert "keelboot: data: " not in bench.up(vm, "1.0", "a")
        bench.ask(vm, "keelboot install /data/incoming/3.0.keel --progress=none", 120)
        vm.send("reboot")
        vm.expect(KEPT.format("copy, "))
        bench.up(vm, "3.0", "b")
        assert bench.ask(vm, "ls /data/keelboot/kept").split() == ["0", "1", "2.absent", "list"]
        bench.ask(vm, MIGRATE)
        bench.ask(vm, "keelboot mark good")
        assert bench.ask(vm, "ls /data/keelboot | grep kept || true").strip() == ""
        vm.send("reboot")
        assert "keelboot: data: " not in bench.up(vm, "3.0", "b")
        assert bench.ask(vm, "cat /data/app/db").strip() == "new"


# ---------------------------------------------------------------- when it cannot be kept


def refused(bench, vm, why):
    """The trial is passed over in the same boot, and everybody says why."""
    vm.expect(rf"slot b: data cannot be kept: {why}")
    bench.up(vm, "1.0", "a")
    assert "data cannot be kept" in bench.ask(vm, "keelboot status").splitlines()[0]
    assert any("data cannot be kept" in event["reason"] for event in bench.history(vm))


def test_full_data_partition_refuses_the_trial_and_never_the_boot(bench):
    disk = bench.disk("1.0", data={"incoming/2.0.keel": bench.bundle("2.0")})
    with bench.machine(disk, initrd=initrd_of(bench)) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, MAKE)
        bench.ask(vm, "dd if=/dev/zero of=/data/app/big bs=1M count=24 2>/dev/null; "
                      "dd if=/dev/zero of=/data/full bs=1M 2>/dev/null; keelboot install /data/incoming/2.0.keel", 200)
        vm.send("reboot")
        refused(bench, vm, r"no room: .*(No space left|the data partition has)")
        assert bench.status(vm)["slots"][1]["state"] == "trial", "it has two tries left"
        bench.ask(vm, "rm /data/full && sync")
        vm.send("reboot")
        vm.expect(KEPT.format("copy, "))
        bench.up(vm, "2.0", "b")
        assert bench.status(vm)["slots"][1]["state"] == "good"


def test_data_above_the_limit_refuses_the_trial_until_it_is_rejected(bench):
    disk = bench.disk("1.0", data={"incoming/2.0.keel": bench.bundle("2.0")})
    initrd = initrd_of(bench, "data-limit", f"{CONF}limit=2\n")
    with bench.machine(disk, initrd=initrd) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, f"{MAKE}; dd if=/dev/zero of=/data/app/big bs=1M count=3 2>/dev/null")
        bench.ask(vm, "keelboot install /data/incoming/2.0.keel", 200)
        for _ in range(3):
            vm.send("reboot")
            refused(bench, vm, r"no room: a copy needs 4 MiB, but \[data\] limit= is 2 MiB")
        vm.send("reboot")
        assert "keelboot: data" not in bench.up(vm, "1.0", "a")
        assert bench.status(vm)["slots"][1]["state"] == "bad"


def test_data_partition_that_does_not_mount_refuses_the_trial(bench):
    disk = bench.disk("1.0", "2.0", good="a")
    offset, size = partition(disk, "data")
    with open(disk, "r+b") as file:
        file.seek(offset)
        file.write(bytes(1 << 20))
    with bench.machine(disk, initrd=initrd_of(bench)) as vm:
        refused(bench, vm, "it does not mount")


def test_only_slot_boots_though_nothing_can_be_kept(bench):
    """Nothing to go back to: the data partition is not even looked at."""
    disk = bench.disk("1.0", good="", data={})
    with bench.machine(disk, initrd=initrd_of(bench)) as vm:
        assert "keelboot: data" not in bench.up(vm, "1.0", "a")


def test_trial_boots_when_nothing_else_does_though_its_data_cannot_be_kept(bench):
    disk = bench.disk("1.0", "2.0", good="a", slots=(None, ...))
    offset, size = partition(disk, "data")
    with open(disk, "r+b") as file:
        file.seek(offset)
        file.write(bytes(1 << 20))
    with bench.machine(disk, initrd=initrd_of(bench)) as vm:
        vm.expect(r"data: nothing is kept of it, since no other slot boots")
        bench.up(vm, "2.0", "b")


# ---------------------------------------------------------------- whatever ends the trial


def test_trial_that_hangs_leaves_the_data_as_it_was(bench, device):
    """Its init migrates, then hangs: three boots, and the watchdog ends each."""
    migrate = ("#!/bin/sh\nmount -t ext4 /dev/vda2 /data && echo new >>/data/app/db && rm -rf /data/app/sub && sync\n"
               "echo 'system 2.0: init hangs'\nwhile :; do sleep 1000; done\n")
    disk = bench.disk("1.0", data={"incoming/2.0.keel": of_init(bench, device, "2.0", migrate)})
    with bench.machine(disk, initrd=initrd_of(bench)) as vm:
        before = begin(bench, vm)
        vm.send("reboot")
        for _ in range(3):
            vm.expect(r"system 2\.0: init hangs", 120)
        vm.expect(BACK, 120)
        bench.up(vm, "1.0", "a")
        assert bench.ask(vm, LOOK) == before


def test_trial_that_deletes_what_is_kept_is_not_left_in_silence(bench):
    """Nor is its own data kept in that place, at its next boot."""
    lost = "what was kept before slot b booted is gone, or damaged"
    disk = bench.disk("1.0", bench.bundle("2.0 nomark"), good="a")
    with bench.machine(disk, initrd=initrd_of(bench)) as vm:
        vm.expect(KEPT.format("copy, "))
        bench.up(vm, "2.0", "b")
        bench.ask(vm, "rm -rf /data/* && mkdir /data/app && echo new >/data/app/db && sync")
        vm.send("reboot")
        text = bench.up(vm, "2.0", "b")
        assert lost in text and "data: kept as it is" not in text
        assert lost in bench.ask(vm, "keelboot status")
        bench.ask(vm, "keelboot mark bad")
        vm.send("reboot")
        text = bench.up(vm, "1.0", "a")
        assert lost in text and "put back as it was" not in text
        assert any(lost in event["reason"] for event in bench.history(vm))
        assert bench.ask(vm, "cat /data/app/db").strip() == "new"


def test_power_cut_while_data_is_kept_and_while_it_is_put_back(bench):
    disk = bench.disk("1.0", data={"incoming/2.0.keel": bench.bundle("2.0 nomark")})
    with bench.machine(disk, initrd=initrd_of(bench)) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, f"{MAKE}; dd if=/dev/urandom of=/data/app/big bs=1M count=20 2>/dev/null; sync", 120)
        before = bench.ask(vm, f"{LOOK}; sha256sum /data/app/big")
        bench.ask(vm, "keelboot install /data/incoming/2.0.keel", 200)
        vm.send("reboot")
        vm.expect(r"data: making a copy of what belongs to the release")
        vm.power_cut()
        vm.start()
        vm.expect(KEPT.format("copy, "))
        bench.up(vm, "2.0", "b")
        assert bench.ask(vm, f"{LOOK}; sha256sum /data/app/big") == before
        bench.ask(vm, f"{MIGRATE}; keelboot switch a")
        vm.send("reboot")
        vm.expect(r"data: putting back what belongs to the release")
        vm.power_cut()
        vm.start()
        bench.up(vm, "1.0", "a")
        assert bench.ask(vm, f"{LOOK}; sha256sum /data/app/big") == before


# ---------------------------------------------------------------- other file systems

SUBVOLUME = """\
#include <fcntl.h>
#include <linux/btrfs.h>
#include <string.h>
#include <sys/ioctl.h>
int main(int n, char **v)
{
	struct btrfs_ioctl_vol_args a = { 0 };
	strcpy(a.name, v[2]);
	return n != 3 || ioctl(open(v[1], O_RDONLY), BTRFS_IOC_SUBVOL_CREATE, &a) != 0;
}
"""


def other_data(bench, kind, size, *command):
    """An image of another file system with the bundle, and with what makes a subvolume."""
    tree, image = bench.work / "other-data", bench.work / f"{kind}.img"
    (tree / "incoming").mkdir(parents=True)
    shutil.copy(bench.bundle("2.0 nomark"), tree / "incoming/2.0.keel")
    (bench.work / "subvolume.c").write_text(SUBVOLUME)
    run("gcc", "-static", "-o", tree / "subvolume", bench.work / "subvolume.c")
    with open(image, "wb") as file:
        file.truncate(size << 20)
    run(*(str(tree) if part == "TREE" else part for part in command), image)
    return image


def conf_of(kind):
    return f"{CONF}[source.data]\nfilesystem={kind}\n"


@pytest.mark.parametrize("method", ["btrfs", "reflink"])
def test_btrfs_takes_a_snapshot_of_subvolumes_and_shares_blocks_of_folders(bench, method):
    image = other_data(bench, "btrfs", 256, "mkfs.btrfs", "-q", "--rootdir", "TREE")
    disk = bench.disk("1.0", data_image=image)
    modules = (*LEAN, "btrfs")
    conf = f"{conf_of('btrfs')}[data]\nmethod={method}\n"
    if method == "btrfs":
        conf = conf.replace("paths=app,etc/site,absent", "paths=app")
    initrd = initrd_of(bench, f"data-btrfs-{method}", conf, modules=modules)
    with bench.machine(disk, initrd=initrd) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, "mount -t btrfs /dev/vda2 /data")
        if method == "btrfs":
            bench.ask(vm, "/data/subvolume /data app")
        bench.ask(vm, f"{MAKE}; dd if=/dev/urandom of=/data/app/big bs=1M count=100 2>/dev/null; sync", 200)
        before = bench.ask(vm, f"{LOOK}; sha256sum /data/app/big", 120)
        bench.ask(vm, "keelboot install /data/incoming/2.0.keel", 200)
        vm.send("reboot")
        assert int(vm.expect(rf"first time \({method}, 0 KiB copied, (\d+) ms\)").group(1)) < 1000 * PATIENCE
        bench.up(vm, "2.0", "b")
        bench.ask(vm, "mount -t btrfs /dev/vda2 /data")
        bench.ask(vm, f"{MIGRATE}; rm /data/app/big; keelboot switch a")
        vm.send("reboot")
        vm.expect(BACK)
        bench.up(vm, "1.0", "a")
        bench.ask(vm, "mount -t btrfs /dev/vda2 /data")
        after = bench.ask(vm, f"{LOOK}; sha256sum /data/app/big", 120)
        if method == "btrfs":
            # [data] names the subvolume only; it is one after it was put back, too.
            assert [line for line in after.splitlines() if "app" in line or line in ("old", "4096")] == \
                [line for line in before.splitlines() if "app" in line or line in ("old", "4096")]
            assert bench.ask(vm, "stat -c %i /data/app").strip() == "256"
        else:
            assert after == before
        assert bench.ask(vm, "ls /data/keelboot").strip() == ""


def test_xfs_shares_blocks(bench):
    image = other_data(bench, "xfs", 400, "mkfs.xfs", "-q", "-m", "reflink=1")
    disk = bench.disk("1.0", data_image=image)
    initrd = initrd_of(bench, "data-xfs", conf_of("xfs"), modules=(*LEAN, "xfs"))
    stick = bench.stick(bench.bundle("2.0 nomark"), plugged=False)
    with bench.machine(disk, initrd=initrd, drives=[stick]) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, f"mount -t xfs /dev/vda2 /data && {MAKE} && "
                      "dd if=/dev/urandom of=/data/app/big bs=1M count=100 2>/dev/null && sync", 200)
        before = bench.ask(vm, f"{LOOK}; sha256sum /data/app/big", 120)
        vm.plug("stick")
        vm.send("reboot")
        assert int(vm.expect(r"first time \(reflink, 0 KiB copied, (\d+) ms\)", 120).group(1)) < 1000 * PATIENCE
        bench.up(vm, "2.0", "b")
        bench.ask(vm, f"mount -t xfs /dev/vda2 /data && {MIGRATE}; keelboot mark bad")
        vm.unplug("stick")
        vm.send("reboot")
        vm.expect(BACK)
        bench.up(vm, "1.0", "a")
        bench.ask(vm, "mount -t xfs /dev/vda2 /data")
        assert bench.ask(vm, f"{LOOK}; sha256sum /data/app/big", 120) == before


# ---------------------------------------------------------------- LVM, in the initramfs of a distribution

THIN = ("lvm pvcreate -qq /dev/vda2", "lvm vgcreate -qq kb /dev/vda2", "modprobe dm-thin-pool",
        "lvm lvcreate -qq -y -L 120M -T kb/pool", "lvm lvcreate -qq -y -Wn -V 96M -T kb/pool -n data")
THICK = ("lvm pvcreate -qq /dev/vda2", "lvm vgcreate -qq kb /dev/vda2", "lvm lvcreate -qq -y -Wn -Zn -L 96M -n data kb")


@pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")
@pytest.mark.parametrize("volume, method", [(THIN, "auto"), (THICK, "lvm")], ids=["thin", "dm-snapshot"])
def test_volume_of_lvm_is_kept_by_a_snapshot_in_a_distributions_initramfs(bench, volume, method):
    from distro import IT           # what it needs takes minutes to make
    maker = dataclasses.replace(IT, packages=f"{IT.packages},thin-provisioning-tools")
    images = bench.factory("1.0", bench.bundle("2.0 nomark"), good="a")
    disk = Disk(seed=method)
    for part in (("keelboot-state", "16M", images[0]), ("pool", "200M"), ("root-a", "40M", images[1]),
                 ("root-b", "40M", images[2])):
        disk.add(*part)
    disk.build(bench.work / "lvm.img")
    tree, content = bench.work / "tree", bench.work / "content.img"
    (tree / "app").mkdir(parents=True)
    (tree / "app/db").write_text("old\n")
    (tree / "other").write_text("old\n")
    mkext4(content, "96M", tree, label="data")
    conf = bench.device.conf.replace("PARTLABEL=data", "/dev/kb/data")
    conf += f"[data]\npaths=app,none\nmethod={method}\nlimit=24\n"
    initrd = maker.initramfs(bench.device, conf=conf)
    with bench.machine(bench.work / "lvm.img", initrd=initrd, drives=[Drive(content, name="content")], memory=900,
                       append="break=premount keelboot.enable=0") as vm:
        vm.expect(r"\(initramfs\)", 240)
        for step in (*volume, "dd if=/dev/vdb of=/dev/mapper/kb-data bs=1M", "sync"):
            bench.ask(vm, step, 240)
    with bench.machine(bench.work / "lvm.img", initrd=initrd, memory=900, append="root=/dev/nothing") as vm:
        vm.expect(r"first time \(lvm, 0 KiB copied, \d+ ms\)", 240)
        bench.up(vm, "2.0", "b", 240)
        bench.ask(vm, "echo new | tee /data/app/db >/data/other; mkdir /data/none; sync; keelboot mark bad")
        vm.send("reboot")
        vm.expect(BACK, 240)
        bench.up(vm, "1.0", "a", 240)
        assert bench.ask(vm, "cat /data/app/db /data/other; ls /data /data/keelboot").split() == \
            ["old", "new", "/data:", "app", "keelboot", "lost+found", "other", "/data/keelboot:"]
        assert bench.ask(vm, "ls /dev/mapper | grep kept || true").strip() == ""
