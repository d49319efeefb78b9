# SPDX-License-Identifier: Apache-2.0
"""`keelboot adopt`: what it makes of an installed Debian, in files that stand for its disk; and each way to cut it."""
import errno
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
from cli_device import FAILURE, HELPER, KEELBOOT, MIB, NOTHING, OK, TOP, USAGE, call, run

KERNEL = "6.1.0-test"
GLUE = "usr/share/initramfs-tools/hooks/keelboot"
# What the command starts: these say what they were asked, and do no more.
TOOLS = {
    "update-initramfs": "#!/bin/sh\n[ ! -e {root}/broken ] || exit 1\n"
                        "while [ -e {root}/slow ] && kill -0 $PPID; do sleep 0.1; done\n"
                        "[ ! -e {root}/deadly ] || {{ kill -9 $PPID; exit 1; }}\n"
                        "echo \"$*\" >>{root}/asked\n"
                        f"echo made >{{root}}/boot/initrd.img-{KERNEL}\n",
    "lsinitramfs": "#!/bin/sh\n! grep -q made \"$1\" || echo etc/keelboot/system.conf\necho scripts/local\n",
}
# dracut-renew itself, on the folders of the system.
RENEW = (TOP / "hooks/dracut/renew").read_text().replace("/lib/modules", "$ROOT/lib/modules")
DRACUT_TOOLS = {
    "sh": "#!/bin/sh\n[ \"$1\" = /usr/lib/keelboot/dracut-renew ] || exec /bin/sh \"$@\"\n"
          "PATH={bin}:$PATH ROOT={root} DRACUT_RENEW_BOOT={root}/boot exec /bin/sh {root}/renew\n",
    "dracut": "#!/bin/sh\nfor word; do image=$version version=$word; done\necho torn >\"$image\"\n"
              "[ ! -e {root}/broken ] || exit 1\necho \"$*\" >>{root}/asked\necho made >\"$image\"\n",
    "lsinitrd": "#!/bin/sh\necho 'drwxr-xr-x 2 root root 0 Jan 1 1970 usr/lib/dracut'\n"
                "! grep -q made \"$1\" || echo '-rw-r--r-- 1 root root 9 Jan 1 1970 etc/keelboot/system.conf'\n",
}
# Glue, tools, the one that lists what an initramfs has, and what the generator is asked for.
GENERATORS = {
    "initramfs-tools": (GLUE, TOOLS, "lsinitramfs", "-u -k all"),
    "dracut": ("usr/lib/dracut/modules.d/50keelboot/module-setup.sh", DRACUT_TOOLS, "lsinitrd",
               f"-q --force {{root}}/boot/initrd.img-{KERNEL}.new {KERNEL}"),
}
# With --sys-root, what is started belongs to the other system.
CHROOT = "#!/bin/sh\n[ \"$1\" = {root} ] || exit 99\nshift\necho \"$*\" >>{bin}/chrooted\nexport PATH={bin}:$PATH\n" \
         "case $1 in lsinit*) exec \"$1\" \"{root}$2\" ;; esac\nexec \"$@\"\n"
by_each_generator = pytest.mark.parametrize("debian", GENERATORS, indirect=True)
# name: MiB, number; what there is in a disk that has all.
PARTS = {"boot": 32, "root": 96, "keelboot-state": 16, "root-b": 96, "keelboot-overlay": 32, "data": 160}
FSTAB = "# the root\nUUID=1234 / ext4 errors=remount-ro 0 1\nUUID=5678 /boot ext4 defaults 0 2\n"
HELD = "keelboot-adopt"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="adopt mounts")


def not_zero(path):
    """The size of a file, and each MiB of it that is not all zeroes: it may be as large as a disk, and have little."""
    found, at = {}, 0
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // MIB * MIB
            except OSError as error:
                assert error.errno == errno.ENXIO       # there are only holes behind it
                break
            data = os.pread(file.fileno(), MIB, at)
            if data.count(0) < len(data):
                found[at] = data
            at += MIB
    return size, found


class Installed:
    """A Debian in files: /dev/vda has the table and file systems; what is written goes into vda1, vda2, …"""

    def __init__(self, path, parts=None, table="gpt", fstype="ext4", boot=True, generator="initramfs-tools"):
        self.root, self.bin, self.system = path / "sys", path / "bin", path / "system"
        self.parts = PARTS if parts is None else parts
        self.mounts = {"root": "/", "boot": "/boot", "data": "/data"}
        if not boot:
            del self.mounts["boot"]
        for folder in ("dev", "proc/self", "sys/dev/block", "sys/class/block", "etc/keelboot/keys", "boot", "data",
                       "usr/lib/keelboot"):
            (self.root / folder).mkdir(parents=True)
        self.system.mkdir()
        for folder, mib in ((self.system, 64), (self.root / "data", 128)):
            call("mount", "-t", "tmpfs", "-o", f"size={mib}M", "tmpfs", folder)
        self.make_disk(table)
        self.make_kernel(fstype)
        self.put("etc/os-release", 'PRETTY_NAME="Debian"\nVERSION_ID="12"\nID=debian\n')
        glue, tools, self.lister, asked = GENERATORS[generator]
        self.asked = asked.format(root=self.root)
        self.put(glue, "#!/bin/sh\n")
        self.put("renew", RENEW)
        if generator == "dracut":
            (self.root / "lib/modules" / KERNEL).mkdir(parents=True)
        self.put("usr/lib/keelboot/keelboot-overlay", "#!/bin/sh\n")
        (self.root / "usr/lib/keelboot/keelboot-overlay").chmod(0o755)
        self.put("usr/sbin/sfdisk", "#!/bin/sh\n")
        (self.root / "usr/sbin/sfdisk").chmod(0o755)
        self.make_system()
        for name, text in {**tools, "chroot": CHROOT}.items():
            self.bin.mkdir(exist_ok=True)
            (self.bin / name).write_text(text.format(root=self.root, bin=self.bin))
            (self.bin / name).chmod(0o755)
        run("key", "generate", "-o", path / "vendor", code=OK)
        self.key = path / "vendor.key"

    def put(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def make_disk(self, table):
        disk, start = self.root / "dev/vda", 1
        lines = [f"label: {table}"]
        for number, (name, mib) in enumerate(self.parts.items(), 1):
            lines.append(f"start={start}MiB, size={mib}MiB" + (f', name="{name}"' if table == "gpt" else ""))
            with open(self.root / f"dev/vda{number}", "wb") as node:
                node.truncate(mib * MIB)
            start += mib
        with open(disk, "wb") as file:
            file.truncate((start + 8) * MIB)
        call("sfdisk", "-q", disk, input="\n".join(lines) + "\n")
        start = 1
        for name, mib in self.parts.items():
            if name in ("boot", "root", "data", "keelboot-overlay"):
                call("mke2fs", "-q", "-t", "ext4", "-E", f"offset={start * MIB}", disk, f"{mib}M")
            start += mib

    def make_kernel(self, fstype):
        lines = []
        for number, name in enumerate(self.parts, 1):
            block = self.root / f"sys/class/block/vda{number}"
            block.mkdir()
            (block / "dev").write_text(f"254:{number}\n")
            (block / "partition").write_text(f"{number}\n")
            (self.root / f"sys/dev/block/254:{number}").symlink_to(f"../../devices/pci/block/vda/vda{number}")
            if name in self.mounts:
                kind = fstype if name == "root" else "ext4"
                lines.append(f"3{number} 1 254:{number} / {self.mounts[name]} rw,relatime shared:1 - {kind} /dev/x rw")
        self.put("proc/self/mountinfo", "\n".join(lines) + "\n")
        self.put("proc/sys/kernel/osrelease", KERNEL + "\n")
        self.put(f"boot/initrd.img-{KERNEL}", "without\n")

    def make_system(self):
        """The root that is made a bundle of: what a snapshot shows."""
        for path, text in {"etc/fstab": FSTAB, "sbin/init": "#!/bin/sh\n", "tmp/passing": "gone", "etc/hostname": "x",
                           "etc/keelboot/README": "", "boot/of-before": "hidden by the mount"}.items():
            (self.system / path).parent.mkdir(parents=True, exist_ok=True)
            (self.system / path).write_text(text)

    def end(self):
        for folder in (self.system, self.root / "data"):
            call("umount", folder)

    def command(self, *options):
        return [KEELBOOT, "adopt", "--sys-root", self.root, "--from", self.system, "--key", self.key, "--run-dir",
                self.root / "run", *options]

    def environ(self):
        return {"PATH": f"{self.bin}:{os.environ['PATH']}", "LC_ALL": "C", "KEELBOOT_HELPER": HELPER}

    def adopt(self, *options, code=OK):
        return call(*self.command(*options), code=code, env=self.environ(), timeout=300, stdin=subprocess.DEVNULL)

    def content(self):
        """All that is there, to see that nothing changes."""
        return {str(p.relative_to(self.root)): not_zero(p) for p in sorted(self.root.rglob("*")) if p.is_file()}

    def node(self, name):
        return self.root / f"dev/vda{list(self.parts).index(name) + 1}"

    def state(self):
        return json.loads(run("--state", self.node("keelboot-state"), "state", "show", "--json", code=OK).stdout)


@pytest.fixture(name="install")
def make_install(tmp_path):
    """Makes one; what it mounted is gone in the end."""
    made = []

    def install(**options):
        made.append(Installed(tmp_path, **options))
        return made[-1]
    yield install
    for one in made:
        one.end()


@pytest.fixture(name="debian")
def make_debian(install, request):
    return install(generator=getattr(request, "param", "initramfs-tools"))


# ---------------------------------------------------------------- what it says

def test_dry_run_tells_all_and_writes_nothing(debian):
    before = debian.content()
    told = debian.adopt("--dry-run").stdout
    for line in (r"/dev/vda2 +96.0 MiB +ext4 +/ +slot a: the system that runs", r"/dev/vda3 .* the state",
                 r"/dev/vda4 .* slot b", r"/dev/vda6 .* data", r"1\. it writes /etc/keelboot/system.conf",
                 r"3\. it writes the first state to /dev/vda3", "Nothing was written"):
        assert re.search(line, told), told
    assert debian.content() == before


def test_without_a_terminal_it_wants_to_be_told(debian):
    before = debian.content()
    assert "--dry-run, or --yes" in debian.adopt(code=USAGE).stderr
    assert debian.content() == before


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\4"], ids=["no", "empty", "end"])
def test_who_says_no_at_the_question_has_nothing_written(debian, answer):
    before = debian.content()
    master, terminal = os.openpty()
    with subprocess.Popen([str(word) for word in debian.command()], stdin=terminal, stdout=subprocess.PIPE,
                          env=debian.environ(), text=True) as child:
        os.write(master, answer)
        told = child.communicate(timeout=60)[0]
    os.close(master)
    os.close(terminal)
    assert child.returncode == FAILURE and "Go on? [y/N]" in told and debian.content() == before


REFUSED = {
    "no-gpt": ({"table": "dos"}, "has no GPT", "sgdisk -g"),
    "btrfs": ({"fstype": "btrfs"}, "subvolumes cannot be slots", "ext4, xfs or f2fs"),
    "boot-inside": ({"boot": False}, "/boot lies inside of the root", "cp -ax /boot/. /run/boot"),
    "no-partitions": ({"parts": {"boot": 32, "root": 96}}, "no partition for the state, slot b, data, and only",
                      "enlarge the disk"),
    "small-b": ({"parts": {**PARTS, "root-b": 12}}, "slot b (/dev/vda4) is too small: it has 12 MiB",
                "sfdisk --delete /dev/vda 4"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_adopted_is_refused_with_what_to_do(install, case):
    options, why, fix = REFUSED[case]
    debian = install(**options)
    before = debian.content()
    told = debian.adopt("--yes", code=FAILURE).stdout
    assert why in told and fix in told
    assert debian.content() == before


# What may be in a partition: offset, bytes. `several` goes over an ext4.
MARKS = {
    "zfs_member": [((128 << 10) + i * 1024, (0xbab10c).to_bytes(8, "little") + bytes(8)) for i in range(8)],
    "swsuspend": [(4086, b"S1SUSPEND\0")],
    "several": [(0, b"hsqs" + bytes(24) + b"\4" + bytes(67))],
    "BitLocker": [(0, b"\xeb\x58\x90-FVE-FS-" + bytes(149) +
                   bytes.fromhex("3bd66749292ed84a8399f6a339e3d001") + (1 << 20).to_bytes(8, "little")),
                  (1 << 20, b"-FVE-FS-")],
    "dos": [(446, bytes.fromhex("00 00 02 00 83 00 00 00 00 08 00 00 00 10 00 00")), (510, b"\x55\xaa")],
}
# From 2.41 on, libblkid looks for the pool's name, which these marks of ZFS do not have; and of two file systems in one
# place it says no more than of a place that it cannot read.
NEWER = [int(n) for n in re.search(r"libblkid (\d+)\.(\d+)", call("blkid", "--version").stdout).groups()] >= [2, 41]
SEVERAL = ("cannot be read, or " if NEWER else "") + "has the marks of several file systems"
FOREIGN = {**{name: f"holds {name}" for name in MARKS if name != "zfs_member" or not NEWER}, "several": SEVERAL}


def mark(debian, name, kind):
    """Puts it into a partition; those of `several` contradict an ext4."""
    start = sum(list(debian.parts.values())[:list(debian.parts).index(name)]) + 1
    call("dd", "if=/dev/zero", f"of={debian.root}/dev/vda", "bs=1M", f"seek={start}", "count=2", "conv=notrunc")
    if kind == "several":
        call("mke2fs", "-q", "-t", "ext4", "-F", "-E", f"offset={start * MIB}", debian.root / "dev/vda", "32M")
    with open(debian.root / "dev/vda", "r+b") as disk:
        for offset, text in MARKS[kind]:
            disk.seek(start * MIB + offset)
            disk.write(text)


@pytest.mark.parametrize("name", ["root-b", "data", "keelboot-state", "keelboot-overlay", "boot"])
def test_what_may_be_somebodys_is_not_written_over(install, name):
    """libblkid knows more than a boot looks for: none of it is a blank partition."""
    parts = {**PARTS, name: 96}     # those of ZFS have 64 MiB or more
    debian = install(parts=parts, boot=name != "boot")
    debian.put("proc/self/mountinfo", "\n".join(
        line for line in (debian.root / "proc/self/mountinfo").read_text().splitlines() if " /data " not in line))
    for kind, words in FOREIGN.items():
        mark(debian, name, kind)
        before = debian.content()
        said = debian.adopt("--yes", code=FAILURE).stdout
        assert f"(/dev/vda{list(parts).index(name) + 1}) {words}: nothing is written there" in said, said
        done = debian.adopt("--commands", code=FAILURE)
        assert done.stdout == "" and "wipefs -a" in done.stderr
        assert debian.content() == before


def test_data_that_is_mounted_is_not_made_anew(debian):
    """An old mark beside that of the file system that is in use."""
    mark(debian, "data", "several")
    done = debian.adopt("--commands", code=FAILURE)
    assert done.stdout == "" and f"the data partition (/dev/vda6) {SEVERAL}" in done.stderr
    assert "wipefs -a -t TYPE /dev/vda6" in done.stderr and "mkfs" not in done.stderr


def test_what_is_left_in_free_space_is_not_taken_for_somebodys(install):
    debian = install(parts={"boot": 32, "root": 96})
    disk = debian.root / "dev/vda"
    os.truncate(disk, 1024 * MIB)
    with open(disk, "r+b") as file:
        file.seek(145 * MIB)        # slot b's, behind 16 MiB of the state
        file.write(b"LUKS\xba\xbe\0\1" + bytes(600))
    call("sh", "-ec", script_of(debian, disk).split("# the data partition")[0])
    assert "LUKS" not in call("blkid", "-p", "-O", str(145 * MIB), "-S", str(96 * MIB), disk, code=None).stdout


def test_a_state_that_the_commands_make_is_blank(install):
    """Blocks of a file that lay there make no signature, but `state init` refuses what is neither blank nor a state."""
    debian = install(parts={"boot": 32, "root": 96})
    disk = debian.root / "dev/vda"
    os.truncate(disk, 1024 * MIB)
    old = b"of an old file, " * (MIB // 16)
    with open(disk, "r+b") as file:
        file.seek(129 * MIB)
        for _ in range(16 + 96):
            file.write(old)
    call("sh", "-ec", script_of(debian, disk).split("# the data partition")[0])
    assert 'start=      264192, size=       32768' in call("sfdisk", "-d", disk).stdout     # the state: 129 MiB, 16 MiB
    assert [at // MIB for at, data in not_zero(disk)[1].items() if data == old] == list(range(145, 241))


def test_the_commands_blank_no_state_that_they_do_not_make(install):
    debian = install(parts={"boot": 32, "root": 96, "keelboot-state": 16})
    os.truncate(debian.root / "dev/vda", 1024 * MIB)
    script = debian.adopt("--commands").stdout
    assert 'name="root-b"' in script and "blkdiscard" not in script


def test_a_partition_that_nothing_is_known_of_is_offered_and_no_other(install):
    debian = install(parts={**PARTS, "one": 96, "two": 96})
    mark(debian, "one", "swsuspend")
    said = debian.adopt("--dry-run").stdout
    assert re.search(r"/dev/vda7 .* not used: it holds swsuspend$", said, re.M), said
    assert re.search(r"/dev/vda8 .* could be slot b \(--slot b:root=/dev/vda8\)$", said, re.M), said


@pytest.mark.parametrize("name", ["root-b", "data", "keelboot-state", "keelboot-overlay"])
def test_what_the_kernel_keeps_for_somebody_is_not_written_over(debian, tmp_path, name):
    """Swap, arrays, volumes, ZFS, Btrfs: mountinfo does not name the partition, but nobody else may have it."""
    image, node = tmp_path / "used", debian.node(name)
    debian.put("proc/self/mountinfo", (debian.root / "proc/self/mountinfo").read_text().replace(" /data ", " /other "))
    call("mke2fs", "-q", "-t", "ext4", image, "8M")
    done = call("losetup", "-f", "--show", image, code=None)
    if done.returncode != OK:
        pytest.skip("no loop device")
    loop, place = done.stdout.strip(), tmp_path / "place"
    place.mkdir()
    try:
        call("mount", loop, place)
        node.unlink()
        node.symlink_to(loop)
        (debian.root / f"sys/class/block/{node.name}/dev").write_text("7:77\n")
        said = debian.adopt("--yes", code=FAILURE).stdout
        assert f"(/dev/{node.name}) is in use (swap, an array" in said, said
    finally:
        call("umount", place, code=None)
        call("losetup", "-d", loop)


def script_of(debian, disk):
    """What is printed, without what only a running system can do: partx, mounts, the boot loader."""
    script = debian.adopt("--commands").stdout
    for word in ("partx -u", "udevadm settle"):
        script = script.replace(word, ":")
    # A file has no nodes of its partitions, and blkdiscard takes only devices.
    script = script.replace("blkdiscard -z /dev/disk/by-partlabel/keelboot-state",
                            "sfdisk -d /dev/vda | sed -n 's/.*start= *\\([0-9]*\\), size= *\\([0-9]*\\),.*"
                            "\"keelboot-state\".*/\\1 \\2/p' | while read -r at size; do "
                            "dd if=/dev/zero of=/dev/vda seek=$at count=$size conv=notrunc status=none; done")
    return script.replace("/dev/vda", str(disk))


def test_the_commands_make_the_partitions_that_are_missing(install):
    debian = install(parts={"boot": 32, "root": 96})
    disk = debian.root / "dev/vda"
    os.truncate(disk, 1024 * MIB)
    call("sh", "-ec", script_of(debian, disk).split("# the data partition")[0])
    names = re.findall(r'name="(.*?)"', call("sfdisk", "-d", disk).stdout)
    assert names == ["boot", "root", "keelboot-state", "root-b", "keelboot-overlay", "data"]


def room_for(debian):
    """The script where there is as much room behind the last partition as adopt asks for, and the disk behind it."""
    disk = debian.root / "dev/vda"
    wanted = int(re.search(r"(\d+) MiB are needed", debian.adopt("--dry-run", code=FAILURE).stdout)[1])
    os.truncate(disk, (1 + sum(debian.parts.values()) + 2 + wanted) * MIB)
    call("sh", "-ec", script_of(debian, disk).split("# the data partition")[0])
    return {name: int(sectors) * 512 for sectors, name in
            re.findall(r'size= *(\d+),.*name="(.*?)"', call("sfdisk", "-d", disk).stdout)}


@pytest.mark.parametrize("mib", [80, 230, 600, 1500, 3000, 20_000, 130_000])
def test_the_data_partition_that_is_asked_for_has_room_for_image_and_bundle(install, tmp_path, mib):
    """A file system takes some per cent, for inodes and its journal. Root and slot b are as large as their content."""
    debian = install(parts={"boot": 32, "root": 96})
    image, loop = tmp_path / "snapshot", call("losetup", "-f").stdout.strip()
    with open(image, "wb") as file:
        file.truncate((mib + mib // 8 + 64) * MIB)
    call("mke2fs", "-q", "-t", "ext4", "-b", "4096", image)
    if call("mount", "-o", "loop", image, debian.system, code=None).returncode != OK:
        pytest.skip(f"no loop device ({loop})")
    try:
        call("fallocate", "-l", f"{mib}M", debian.system / "large")
        (debian.system / "etc/keelboot").mkdir(parents=True)
        at = os.statvfs(debian.system)
        used = (at.f_blocks - at.f_bfree) * at.f_frsize
        sizes = room_for(debian)
    finally:
        call("umount", debian.system)
    data = tmp_path / "data"
    with open(data, "wb") as file:
        file.truncate(sizes["data"])
    call("mkfs.ext4", "-q", data)
    said = call("dumpe2fs", "-h", data).stdout
    free = int(re.search(r"Free blocks: +(\d+)", said)[1]) * int(re.search(r"Block size: +(\d+)", said)[1])
    assert 2 * used <= free <= 2.2 * used + 200 * MIB
    assert sizes["root-b"] >= used + used // 8      # what check_slot_b() wants


def test_the_commands_give_boot_a_partition(install):
    debian = install(parts={"root": 96}, boot=False)
    os.truncate(debian.root / "dev/vda", 2048 * MIB)
    script = debian.adopt("--commands").stdout
    assert script.startswith("set -e\n# no partition for /boot, the state, slot b, data\n")
    assert "'size=512M, name=\"boot\"'" in script and script.rstrip().count("mkfs.ext4 -q /dev/disk/by-partlabel/") == 3
    line = "PARTUUID=$(blkid -o value -s PARTUUID /dev/disk/by-partlabel/boot) /boot ext4 defaults 0 2"
    steps = ["cp -ax /boot/. /run/boot", "\nmount /dev/disk/by-partlabel/boot /boot\n",
             "grub-install --force-extra-removable /dev/vda\nupdate-grub\n", f'echo "{line}" >>/etc/fstab']
    assert [script.index(step) for step in steps] == sorted(script.index(step) for step in steps)
    call("sh", "-n", input=script)


def test_commands_that_failed_at_the_boot_loader_can_be_run_again(install, tmp_path):
    """Until then /boot is the folder that the boot loader reads."""
    debian = install(parts={"root": 96}, boot=False)
    os.truncate(debian.root / "dev/vda", 2048 * MIB)
    part = debian.adopt("--commands").stdout.split("# /boot lies inside")[1].split("\n# ")[0].split("\n", 1)[1]
    fstab, log = tmp_path / "fstab", tmp_path / "log"
    for name in ("mkfs.ext4", "mount", "umount", "cp", "mountpoint", "blkid", "grub-install", "update-grub"):
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f'#!/bin/sh\necho {name} "$@" >>{log}\n[ {name} != "$FAILS" ]\n')
        tool.chmod(0o755)

    def run_it(fails: str, code: int) -> list:
        fstab.write_text("")
        log.write_text("")
        call("sh", "-ec", part.replace("/etc/fstab", str(fstab)), code=code,
             env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "FAILS": fails})
        return log.read_text().splitlines()
    for fails in ("grub-install", "update-grub"):
        assert run_it(fails, 1)[-1] == "umount -R /boot" and fstab.read_text() == ""
    assert "umount -R /boot" not in run_it("none", 0) and " /boot ext4 defaults 0 2\n" in fstab.read_text()


def test_a_partition_with_two_roles_is_a_problem(debian):
    said = debian.adopt("--dry-run", "--state", "/dev/vda4", code=FAILURE).stdout
    assert "/dev/vda4 would be both keelboot-state and root-b" in said


def test_a_label_that_another_disk_has_is_a_problem(install):
    """udev's link may lead to either."""
    debian = install(parts={"root": 96}, boot=False)
    os.truncate(debian.root / "dev/vda", 2048 * MIB)
    debian.put("dev/disk/by-partlabel/data", "of a stick")
    said = debian.adopt("--dry-run", code=FAILURE).stdout
    assert 'another disk has a partition labelled "data"' in said and "unplug that disk" in said


def test_a_swap_file_is_a_problem(debian):
    """The kernel refuses it above an overlay, and a unit that fails rejects the trial."""
    debian.put("etc/fstab", f"{FSTAB}/dev/vda9 none swap sw 0 0\n/swap.img none swap sw 0 0\n")
    said = debian.adopt("--dry-run", code=FAILURE).stdout
    assert "the swap file /swap.img lies in the root" in said and "vda9" not in said


def test_a_swap_file_on_data_stays(debian):
    debian.put("etc/fstab", f"{FSTAB}/data/some/swap.img none swap sw 0 0\n")
    assert "swap file" not in debian.adopt("--dry-run").stdout


def test_a_hold_that_came_back_is_taken_away(debian):
    """Power went before the disk knew that it was gone: the next kernel's initramfs would lack Keelboot."""
    debian.adopt("--yes")
    debian.put(f"boot/{HELD}", "")
    assert "adopted already" not in debian.adopt("--yes").stdout
    assert not (debian.root / "boot" / HELD).exists()
    assert "adopted already" in debian.adopt("--yes", code=NOTHING).stdout


def test_each_kernel_has_keelboot_or_it_is_not_adopted(debian):
    """From the boot loader's menu, an older one would boot root= without it."""
    debian.adopt("--yes")
    debian.put("boot/initrd.img-6.0.0-old", "without\n")
    debian.put("boot/initrd.img-5.0.0-gone", "without\n")
    assert "adopted already" in debian.adopt("--yes", code=NOTHING).stdout
    (debian.root / "lib/modules/6.0.0-old").mkdir(parents=True)
    assert "adopted already" not in debian.adopt("--yes", code=None).stdout


@pytest.mark.parametrize("step, held", [("bundle", True), ("install", True), ("initramfs", None)])
def test_until_all_is_made_nobody_else_puts_it_into_the_initramfs(debian, step, held):
    """A trigger of another package would switch a half adopted system over."""
    kill_at(debian, step)
    if held is not None:
        assert (debian.root / "boot" / HELD).exists() == held
    pack = f"KEELBOOT_BOOT={debian.root}/boot; export KEELBOOT_BOOT; . {TOP}/hooks/lib/pack.sh; keelboot_missing"
    if held:
        assert "has not finished: run it again" in call("sh", "-c", pack).stdout
    completes(debian, code=NOTHING if step == "initramfs" else OK)
    assert not (debian.root / "boot" / HELD).exists()


def test_what_debians_page_says_of_the_script_fits_it(install):
    debian = install(parts={"root": 96}, boot=False)
    os.truncate(debian.root / "dev/vda", 2048 * MIB)
    lines = debian.adopt("--commands").stdout.splitlines()
    said = re.search(r"^- \*\*Without GRUB\*\*, (.*? out of the script)", (TOP / "docs/DEBIAN.md").read_text(),
                     re.M | re.S)[1]
    words = re.findall(r"`(.*?)`", said)
    assert words == ["grub-install", "update-grub"]
    for word in words:
        assert len([line for line in lines if line.startswith(word)]) == 1


def test_without_systemd_its_script_is_linked(debian):
    link = "ln -s /usr/lib/keelboot/keelboot.init /etc/init.d/keelboot"
    debian.put("run/systemd/system/x", "")      # of the machine whose /run a chroot shows
    debian.put("sbin/init", "#!/bin/sh\n")
    assert link not in debian.adopt("--dry-run").stdout
    debian.put("etc/init.d/cron", "")
    assert f"{link}\nupdate-rc.d keelboot defaults\n" in debian.adopt("--commands").stdout
    early = "ln -s /usr/lib/keelboot/keelboot-early.init /etc/init.d/keelboot-early"
    assert f"{early}\nupdate-rc.d keelboot-early defaults\n" in debian.adopt("--commands").stdout
    debian.put("etc/init.d/keelboot", "")
    assert link not in debian.adopt("--dry-run").stdout


@pytest.mark.parametrize("program", ["/lib/systemd/systemd", "../lib/systemd/systemd", "/usr/lib/systemd/systemd"])
def test_a_debian_whose_init_is_systemd_gets_no_scripts_of_sysvinit(debian, program):
    """Inside a chroot systemd runs nothing; the root says what its next boot starts."""
    debian.put("etc/init.d/cron", "")
    (debian.root / "sbin").mkdir()
    (debian.root / "sbin/init").symlink_to(program)
    assert "update-rc.d" not in debian.adopt("--dry-run").stdout
    (debian.root / "sbin/init").unlink()
    (debian.root / "sbin/init").symlink_to("/usr/lib/other/systemd-less")
    assert "update-rc.d" in debian.adopt("--commands").stdout


def test_a_key_on_the_disk_of_the_device_is_warned_of(debian):
    assert "disk of this device" not in debian.adopt("--dry-run").stderr
    place = os.stat(debian.key).st_dev
    number = f"{os.major(place)}:{os.minor(place)}"
    debian.put("sys/class/block/vda6/dev", f"{number}\n")
    with open(debian.root / "proc/self/mountinfo", "a") as mounts:
        mounts.write(f"40 1 {number} / /data rw,relatime shared:1 - ext4 /dev/x rw\n")
    assert f"{debian.key} lies on the disk of this device" in debian.adopt("--dry-run").stderr


def test_apt_has_to_leave_the_kernel_alone_and_grub_where_it_is(debian):
    """Any loader would start a kernel that apt installs, whose modules one overlay alone has."""
    assert re.search(r"'linux-image-\*' \| .* apt-mark hold$", debian.adopt("--dry-run").stdout, re.M)
    debian.put("usr/sbin/update-grub", "")
    said = re.search(r"^ +(.* apt-mark hold)$", debian.adopt("--dry-run").stdout, re.M)[1]
    assert debian.adopt("--commands").stdout.endswith(f"\n{said}\n")


def test_what_apt_has_to_leave_alone_is_held(debian):
    """Packages that are installed, and no others."""
    debian.put("usr/sbin/update-grub", "")
    hold = debian.adopt("--commands").stdout.splitlines()[-1]
    for name, text in (("dpkg-query", "printf 'ii  linux-image-6.1\\nun  linux-image-rt\\nii  grub-common\\n'"),
                       ("apt-mark", f"echo \"$*\" >{debian.root}/held")):
        (debian.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (debian.bin / name).chmod(0o755)
    call("sh", "-ec", hold, env=debian.environ())
    assert (debian.root / "held").read_text() == "hold linux-image-6.1 grub-common\n"
    (debian.root / "held").unlink()
    (debian.bin / "dpkg-query").write_text("#!/bin/sh\nprintf 'hi  linux-image-6.1\\n'\n")
    call("sh", "-ec", hold, env=debian.environ())           # again: all are held
    assert not (debian.root / "held").exists()


def test_a_folder_of_data_that_is_bound_elsewhere_is_not_its_place(debian):
    """What is staged there would lie where no boot looks."""
    with open(debian.root / "proc/self/mountinfo", "a") as mounts:
        mounts.write("41 1 254:6 /acme /var/lib/acme rw,relatime shared:1 - ext4 /dev/x rw\n")
    debian.adopt("--yes")
    assert "\nmount=/data\n" in (debian.root / "etc/keelboot/system.conf").read_text()


def test_data_at_a_place_with_a_blank_is_named_by_it(debian):
    mounts = (debian.root / "proc/self/mountinfo").read_text()
    debian.put("proc/self/mountinfo", mounts.replace(" /data ", " /my\\040data "))
    (debian.root / "my data").symlink_to("data")
    debian.adopt("--yes")
    assert "\nmount=/my data\n" in (debian.root / "etc/keelboot/system.conf").read_text()
    assert (debian.root / "my data/keelboot/first.keel").is_file()


def test_a_var_of_its_own_is_refused(debian):
    """Its package database would describe one slot, and the other one would have it, too."""
    with open(debian.root / "proc/self/mountinfo", "a") as mounts:
        mounts.write("41 1 8:1 / /var rw,relatime shared:1 - ext4 /dev/sda1 rw\n")
    assert "/var is a mount of its own" in debian.adopt("--yes", code=FAILURE).stdout


def test_boot_is_mounted_as_what_its_partition_holds(install):
    debian = install(boot=False)
    start = 1
    call("mkfs.vfat", "-F", "16", "--offset", start * 2048, debian.root / "dev/vda", 32 * 1024)
    assert "/boot vfat defaults 0 2" in debian.adopt("--dry-run", code=FAILURE).stdout


def test_no_script_is_printed_where_a_person_has_to_decide(install):
    debian = install(parts={"boot": 32, "root": 96})        # no room
    done = debian.adopt("--commands", code=FAILURE)
    assert done.stdout == "" and "enlarge the disk" in done.stderr


def test_a_small_debian_installs_sfdisk_before_it_is_called(install):
    debian = install(parts={"boot": 32, "root": 96})
    os.truncate(debian.root / "dev/vda", 1024 * MIB)
    assert "apt-get" not in debian.adopt("--commands").stdout
    (debian.root / "usr/sbin/sfdisk").unlink()
    assert "sfdisk is missing: it makes the partitions" in debian.adopt("--dry-run", code=FAILURE).stdout
    script = debian.adopt("--commands").stdout
    assert script.index("apt-get install -y fdisk") < script.index("sfdisk -q")


def test_commands_of_a_system_that_lacks_nothing_hold_its_kernel_alone(debian):
    assert re.fullmatch(r"set -e\n# apt must .*\n.* apt-mark hold\n", debian.adopt("--commands").stdout)


def test_no_glue_no_key_no_overlay_program(debian):
    (debian.root / GLUE).unlink()
    (debian.root / "usr/lib/keelboot/keelboot-overlay").unlink()
    debian.key.unlink()
    told = debian.adopt("--yes", code=FAILURE).stdout
    assert "apt install keelboot-initramfs-tools" in told and "vendor.key: cannot be read" in told
    assert "keelboot-overlay is missing" in told


def test_a_slot_b_that_is_mounted_is_refused(debian):
    with open(debian.root / "proc/self/mountinfo", "a") as mounts:
        mounts.write("40 1 254:4 / /srv/old rw,relatime shared:1 - ext4 /dev/x rw\n")
    told = debian.adopt("--yes", code=FAILURE).stdout
    assert "slot b (/dev/vda4) is mounted on /srv/old: it would be overwritten" in told


def test_a_configuration_of_somebody_else_stays(debian):
    debian.put("etc/keelboot/system.conf", "[system]\ncompatible=mine\n")
    assert "adopt did not make it" in debian.adopt("--yes", code=FAILURE).stdout
    assert (debian.root / "etc/keelboot/system.conf").read_text() == "[system]\ncompatible=mine\n"


def test_a_root_on_a_mapped_device_is_named(debian):
    link = debian.root / "sys/dev/block/254:2"
    link.unlink()
    link.symlink_to("../../devices/virtual/block/dm-0")
    assert "a volume of LVM, a LUKS container or an array" in debian.adopt("--yes", code=FAILURE).stdout


# ---------------------------------------------------------------- what is wrong on the command line

WRONG_OPTIONS = [("--sequence", "abc", "not a decimal number"), ("--sequence", "0", "too small"),
                 ("--version", "1 beta", "a character that is not allowed"), ("--version", "", "empty"),
                 ("--compatible", "a box", "a character that is not allowed"), ("--compatible", "a,b", "one name"),
                 ("--compatible", "x" * 40, "longer than 31"), ("--from", "/nowhere", "no folder"),
                 ("--from", KEELBOOT, "no folder")]


@pytest.mark.parametrize("option, value, why", WRONG_OPTIONS)
def test_an_option_that_no_bundle_could_have_is_refused_before_the_first_write(debian, option, value, why):
    before = debian.content()
    for way in ("--yes", "--dry-run", "--commands"):
        done = debian.adopt(way, option, value, code=USAGE)
        assert done.stderr.startswith(f"keelboot: {option} {value}: ") and why in done.stderr, done.stderr
    assert debian.content() == before


def test_a_name_of_the_distribution_that_is_none_of_a_device_is_asked_for(debian):
    debian.put("etc/os-release", "ID='debian'\nVERSION_ID='12'\n")
    before = debian.content()
    said = debian.adopt("--yes", code=FAILURE).stdout
    assert "'debian'-'12'" in said and "--compatible NAME" in said and debian.content() == before
    debian.adopt("--yes", "--compatible", "debian-12")


def test_a_snapshot_of_before_the_package_is_refused(debian):
    """The configuration is shown in it at a folder that the package makes."""
    shutil.rmtree(debian.system / "etc/keelboot")
    before = debian.content()
    said = debian.adopt("--yes", code=FAILURE).stdout
    assert f"--from {debian.system} has no /etc/keelboot" in said and debian.content() == before


def broken_key(debian, kind):
    """What cannot sign, or is trusted by nobody; and what is said of it."""
    other = debian.key.with_name("other")
    if kind == "none":
        debian.key.write_text("no key\n")
        return f"--key {debian.key}: no bundle can be signed with it"
    if kind == "encrypted":         # without a terminal there is nobody who could be asked
        call("openssl", "pkey", "-in", debian.key, "-aes256", "-passout", "pass:x", "-out", other)
        other.replace(debian.key)
        return f"--key {debian.key}: no bundle can be signed with it"
    if kind == "rsa":
        call("openssl", "genrsa", "-out", debian.key, "2048")
        return f"--key {debian.key}: no bundle can be signed with it"
    if kind == "token":
        debian.key = "pkcs11:object=none"
        return "--key pkcs11:object=none: no bundle can be signed with it"
    if kind == "alone":
        debian.key.with_suffix(".pem").unlink()
        return f"{debian.key.with_suffix('.pem')} is missing"
    run("key", "generate", "-o", other, code=OK)
    if kind == "of-another":
        other.with_suffix(".pem").replace(debian.key.with_suffix(".pem"))
        return f"{debian.key.with_suffix('.pem')} is not its public half"
    if kind == "not-trusted":
        shutil.copy(other.with_suffix(".pem"), debian.root / "etc/keelboot/keys")
    else:                           # "unreadable"
        debian.put("etc/keelboot/keys/vendor.pem", "no key\n")
    return f"{debian.root}/etc/keelboot/keys has other keys alone"


@pytest.mark.parametrize("kind", ["none", "encrypted", "rsa", "token", "alone", "of-another", "not-trusted",
                                  "unreadable"])
def test_a_key_whose_bundle_no_device_would_take_is_refused_before_the_first_write(debian, kind):
    words = broken_key(debian, kind)
    before = debian.content()
    said = debian.adopt("--yes", code=FAILURE).stdout
    assert words in said, said
    assert debian.content() == before


def test_a_key_that_is_trusted_already_needs_no_public_half_beside_it(debian):
    debian.key.with_suffix(".pem").replace(debian.root / "etc/keelboot/keys/ours.pem")
    debian.adopt("--yes")
    assert [path.name for path in (debian.root / "etc/keelboot/keys").iterdir()] == ["ours.pem"]


# ---------------------------------------------------------------- what another installation left

def installed_anew(debian):
    """The root is made anew; the state and slot b are of before."""
    debian.adopt("--yes", "--version", "0.9")
    for path in ("etc/keelboot/system.conf", "etc/keelboot/keys/vendor.pem"):
        (debian.root / path).unlink()
    debian.put(f"boot/initrd.img-{KERNEL}", "without\n")


def test_the_state_of_another_installation_is_not_taken_for_its_own(debian):
    """The next boot would enter the old system in slot b."""
    installed_anew(debian)
    before = debian.content()
    said = debian.adopt("--yes", code=FAILURE).stdout
    assert "the partition for the state (/dev/vda3) holds the state of another installation" in said
    assert "blkdiscard -z /dev/vda3" in said and debian.content() == before
    assert debian.adopt("--commands", code=FAILURE).stdout == ""
    debian.node("keelboot-state").write_bytes(bytes(16 * MIB))         # as blkdiscard -z does
    debian.adopt("--yes")
    assert [(s["state"], s["version"]) for s in debian.state()["slots"]] == [("good", "as installed"), ("trial", "1.0")]


def test_a_state_that_the_table_shows_is_blanked_by_what_knows_it(install):
    """wipefs does not know a state: it would leave it there."""
    debian = install()
    run("--state", debian.node("keelboot-state"), "state", "init", "--slots", "2", "--good", "a", code=OK)
    start = 1 + PARTS["boot"] + PARTS["root"]
    for name, at in (("keelboot-state", start), ("root-b", start + PARTS["keelboot-state"])):
        call("dd", f"if={debian.node('keelboot-state')}", f"of={debian.root}/dev/vda", "bs=1M", f"seek={at}",
             "conv=notrunc")
        said = debian.adopt("--dry-run", code=FAILURE).stdout
        part = "/dev/vda3" if name == "keelboot-state" else "/dev/vda4"
        assert f"blkdiscard -z {part}" in said and "wipefs" not in said


def test_what_is_no_state_and_not_empty_is_refused_before_the_first_write(debian):
    with open(debian.node("keelboot-state"), "r+b") as node:
        node.write(b"somebody's" * 1000)
    before = debian.content()
    said = debian.adopt("--yes", code=FAILURE).stdout
    assert "(/dev/vda3) holds no valid state, and is not empty" in said and debian.content() == before


@pytest.mark.parametrize("key, role", [("[slot.a] root", "root"), ("[state] partition", "keelboot-state"),
                                       ("[slot.b] root", "root-b"), ("[source.data] partition", "data")])
def test_a_configuration_of_another_disk_is_not_taken_for_its_own(debian, key, role):
    """As a copy of the root has it, or a backup of /etc."""
    debian.adopt("--yes")
    conf = debian.root / "etc/keelboot/system.conf"
    uuid = call("sfdisk", "--part-uuid", debian.root / "dev/vda", list(PARTS).index(role) + 1).stdout.strip().lower()
    text = conf.read_text()
    assert text.count(uuid) == 1
    conf.write_text(text.replace(uuid, "0" * 8 + uuid[8:]))
    before = debian.content()
    said = debian.adopt("--yes", code=FAILURE).stdout
    assert f"has {key}=PARTUUID=00000000{uuid[8:]}, but here that partition is PARTUUID={uuid}" in said, said
    assert f"mv {conf} {conf}.old" in said and "state of another installation" in said
    assert "blkdiscard" not in said         # it may be the state of this one, whose configuration a person changed
    assert debian.content() == before


def test_a_state_beside_a_configuration_that_adopt_did_not_make_is_not_to_be_erased(debian):
    debian.adopt("--yes")
    conf = debian.root / "etc/keelboot/system.conf"
    conf.write_text("# mine\n" + conf.read_text())
    said = debian.adopt("--yes", code=FAILURE).stdout
    assert "adopt did not make it" in said and "state of another installation" in said and "blkdiscard" not in said


def test_other_names_of_the_same_partitions_are_those_of_this_disk(debian):
    """Its owner wrote labels, or a UUID in capitals: the boot takes both."""
    debian.adopt("--yes")
    conf = debian.root / "etc/keelboot/system.conf"
    text = conf.read_text()
    for name, key in (("root-b", r"\[slot.b\]\nroot"), ("keelboot-overlay", "root-overlay"),
                      ("root", r"\[slot.a\]\nroot")):
        label = re.sub(rf"({key})=\S+", rf"\1=PARTLABEL={name}", text)
        assert label != text
        for changed in (label, re.sub(rf"({key}=PARTUUID)=(\S+)", lambda at: f"{at[1]}={at[2].upper()}", text)):
            conf.write_text(changed)
            assert "adopted already" in debian.adopt("--yes", code=NOTHING).stdout
            debian.put(f"boot/{HELD}", "")      # a run that goes on
            assert "Nothing was written" in debian.adopt("--dry-run").stdout
            (debian.root / "boot" / HELD).unlink()
    conf.write_text(re.sub(r"(\[slot.b\]\nroot)=\S+", r"\1=PARTLABEL=root-c", text))
    assert "has [slot.b] root=PARTLABEL=root-c, but here" in debian.adopt("--yes", code=FAILURE).stdout


def test_a_partition_that_its_configuration_names_and_that_is_gone_is_said(install):
    debian = install()
    debian.adopt("--yes")
    call("sfdisk", "--part-label", debian.root / "dev/vda", "4", "other")
    assert "but here that partition is missing" in debian.adopt("--dry-run", code=FAILURE).stdout


def test_a_run_before_that_was_asked_for_another_name_goes_on_with_it(debian):
    """Configuration and bundle have one name, or no update fits."""
    kill_at(debian, "bundle", "--compatible", "acme")
    before = debian.content()
    assert "has [system] compatible=acme; this run would write other" in \
        debian.adopt("--yes", "--compatible", "other", code=FAILURE).stdout
    assert debian.content() == before
    completes(debian)
    assert run("bundle", "inspect", debian.root / "data/keelboot/first.keel", code=OK).stdout.count("acme") > 0


def test_an_overlay_that_came_behind_the_configuration_is_said(install):
    """What is written to the root would go on into memory."""
    debian = install(parts={("was" if name == "keelboot-overlay" else name): mib for name, mib in PARTS.items()})
    kill_at(debian, "bundle")
    call("sfdisk", "--part-label", debian.root / "dev/vda", "5", "keelboot-overlay")
    call("mke2fs", "-q", "-t", "ext4", "-E", f"offset={(1 + 32 + 96 + 16 + 96) * MIB}", debian.root / "dev/vda", "32M")
    assert "has [system] root-overlay=tmpfs; this run would write PARTUUID=" in \
        debian.adopt("--yes", code=FAILURE).stdout


# ---------------------------------------------------------------- what it makes

def image_of(debian, tmp_path, path):
    """A file of slot b."""
    return call("debugfs", "-R", f"cat {path}", debian.node("root-b")).stdout


@by_each_generator
def test_it_makes_configuration_state_bundle_and_initramfs(debian, tmp_path):
    before = debian.node("root").read_bytes()
    debian.adopt("--yes")
    run("--conf-root", debian.root, "check-config", code=OK)
    state = debian.state()
    assert [(s["state"], s["version"]) for s in state["slots"]] == [("good", "as installed"), ("trial", "1.0")]
    assert state["preferred"] == "b" and debian.node("root").read_bytes() == before
    assert (debian.root / "asked").read_text() == f"{debian.asked}\n"
    assert (debian.root / f"boot/initrd.img-{KERNEL}").read_text() == "made\n"
    # The root's line is gone, the others stay; what passes is not in it; the configuration is.
    assert image_of(debian, tmp_path, "/etc/fstab") == "# the root\nUUID=5678 /boot ext4 defaults 0 2\n"
    for folder, file in (("/tmp", "passing"), ("/boot", "of-before")):
        assert file not in call("debugfs", "-R", f"ls {folder}", debian.node("root-b")).stdout
    assert image_of(debian, tmp_path, "/etc/keelboot/system.conf") == \
        (debian.root / "etc/keelboot/system.conf").read_text()
    assert (debian.system / "etc/fstab").read_text() == FSTAB


def test_two_runs_at_once_do_not_share_what_they_work_with(debian):
    """The fstab of one's bundle was empty while the other wrote its own."""
    of_other = pathlib.Path("/run/keelboot-adopt/fstab")
    of_other.mkdir(parents=True, exist_ok=True)
    try:
        debian.adopt("--yes")
    finally:
        of_other.rmdir()


def test_the_second_run_says_so_and_changes_nothing(debian):
    debian.adopt("--yes")
    before = debian.content()
    assert "adopted already" in debian.adopt("--yes", code=NOTHING).stdout
    assert debian.content() == before


def test_without_a_partition_the_overlay_is_memory(install):
    debian = install(parts={name: mib for name, mib in PARTS.items() if name != "keelboot-overlay"})
    assert "goes into memory" in debian.adopt("--yes").stdout
    assert "root-overlay=tmpfs" in (debian.root / "etc/keelboot/system.conf").read_text()


@by_each_generator
def test_the_initramfs_of_another_system_is_made_by_its_own_tools(debian):
    """Those of this machine would make its own anew."""
    debian.adopt("--yes")
    image = f"/boot/initrd.img-{KERNEL}"
    generator = {"lsinitramfs": "update-initramfs -u -k all", "lsinitrd": "sh /usr/lib/keelboot/dracut-renew"}
    calls = (debian.bin / "chrooted").read_text().splitlines()
    assert calls[0] == calls[-1] == f"{debian.lister} {image}" and calls.count(generator[debian.lister]) == 1


def test_another_system_that_this_kernel_runs_is_adopted_from_inside(debian):
    """/proc of the machine names the root of the machine, wherever it is mounted."""
    before = debian.content()
    call("mount", "--bind", "/proc", debian.root / "proc")
    try:
        for way in ("--yes", "--dry-run", "--commands"):
            done = debian.adopt(way, code=USAGE)
            assert f"chroot {debian.root} keelboot adopt" in done.stderr and done.stdout == ""
    finally:
        call("umount", debian.root / "proc")
    assert debian.content() == before


@pytest.mark.parametrize("root", ["/", "//"])
def test_this_machines_own_root_is_no_other_system(root):
    """It is looked at as without the option, whatever that finds here."""
    plain, named = (call(KEELBOOT, "adopt", *words, "--dry-run", code=None) for words in ([], ["--sys-root", root]))
    assert (named.returncode, named.stdout, named.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert plain.returncode != USAGE


def test_another_system_may_be_named_from_here(debian):
    """chroot runs in another working folder."""
    command = [debian.root.name if word == debian.root else word for word in debian.command("--yes")]
    assert debian.root.name in command
    call(*command, env=debian.environ(), timeout=300, stdin=subprocess.DEVNULL, cwd=debian.root.parent)
    assert "adopted already" in debian.adopt("--yes", code=NOTHING).stdout


def test_a_kernel_that_runs_and_is_not_installed_needs_no_initramfs(debian):
    """As in a rescue system, or a container of one."""
    debian.put("proc/sys/kernel/osrelease", "6.12-rescue\n")
    (debian.root / "lib/modules" / KERNEL).mkdir(parents=True, exist_ok=True)
    debian.adopt("--yes")
    assert "adopted already" in debian.adopt("--yes", code=NOTHING).stdout
    debian.put(f"boot/initrd.img-{KERNEL}", "without\n")
    assert "adopted already" not in debian.adopt("--yes").stdout
    (debian.root / f"boot/initrd.img-{KERNEL}").unlink()
    (debian.bin / "update-initramfs").write_text("#!/bin/sh\n")
    assert "left Keelboot out" in debian.adopt("--yes", code=None).stderr


# ---------------------------------------------------------------- cut

def kill_at(debian, step, *options):
    """Killed when it says that this step begins. The last one ends not before."""
    debian.put("slow", "")
    with subprocess.Popen([str(word) for word in debian.command("--yes", *options)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=debian.environ(), text=True) as child:
        for line in child.stdout:
            if line == f"{step} ...\n":
                child.kill()
        assert child.wait(60) == -signal.SIGKILL
    (debian.root / "slow").unlink()


def completes(debian, code=OK):
    assert debian.adopt("--yes", code=None).returncode in (OK, code)
    assert [s["state"] for s in debian.state()["slots"]] == ["good", "trial"]
    assert "made" in (debian.root / f"boot/initrd.img-{KERNEL}").read_text()
    assert "adopted already" in debian.adopt("--yes", code=NOTHING).stdout


@pytest.mark.parametrize("step", ["configuration", "bundle", "state", "install", "initramfs"])
def test_killed_at_any_step_it_boots_as_before_and_a_second_run_completes(debian, step):
    root = debian.node("root").read_bytes()
    kill_at(debian, step)
    if step != "initramfs":
        assert (debian.root / f"boot/initrd.img-{KERNEL}").read_text() == "without\n"
    assert debian.node("root").read_bytes() == root
    # What was started for the last step outlives the command, and may be done by now.
    completes(debian, code=NOTHING if step == "initramfs" else OK)


@pytest.mark.parametrize("tool", ["mke2fs", "update-initramfs"])
def test_killed_in_the_midst_of_a_step_a_second_run_completes(debian, tool):
    if tool == "mke2fs":
        (debian.bin / tool).write_text("#!/bin/sh\nkill -9 $PPID\n")
        (debian.bin / tool).chmod(0o755)
    else:
        debian.put("deadly", "")
    assert debian.adopt("--yes", code=None).returncode == -signal.SIGKILL
    (debian.bin / tool).unlink() if tool == "mke2fs" else (debian.root / "deadly").unlink()
    completes(debian)


@by_each_generator
def test_an_initramfs_that_cannot_be_made_leaves_the_old_one(debian):
    debian.put("broken", "")
    assert "boots as before" in debian.adopt("--yes", code=None).stderr
    assert (debian.root / f"boot/initrd.img-{KERNEL}").read_text() == "without\n"
    assert [path.name for path in (debian.root / "boot").iterdir()] == [f"initrd.img-{KERNEL}"]
    (debian.root / "broken").unlink()
    completes(debian)


@by_each_generator
def test_an_initramfs_without_keelboot_is_a_failure(debian):
    (debian.bin / debian.lister).write_text("#!/bin/sh\necho scripts/local\n")
    said = debian.adopt("--yes", code=None).stderr
    assert "left Keelboot out" in said, said


def test_a_file_that_goes_away_while_the_root_is_read_costs_another_try(debian):
    real = shutil.which("mke2fs", path="/usr/sbin:/sbin")
    (debian.bin / "mke2fs").write_text(f"#!/bin/sh\n[ -e {debian.bin}/once ] || {{ >{debian.bin}/once; exit 1; }}\n"
                                       f"exec {real} \"$@\"\n")
    (debian.bin / "mke2fs").chmod(0o755)
    assert "once more" in debian.adopt("--yes").stderr
