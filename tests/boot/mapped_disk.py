# SPDX-License-Identifier: Apache-2.0
"""Disks whose slots are volumes of LVM, LUKS containers or MD arrays. The tools of a distribution's own initramfs make
them, at its prompt in QEMU: no kernel of a build host has to."""

import shutil
from pathlib import Path

from drives import Drive
from kbdisk import Disk, Ext4

KEY = "0123456789abcdef0123456789abcdef"
LUKS = "cryptsetup --key-file=/slot.key"
CRYPTTAB = "root-a {0}root-a /etc/slot.key luks,initramfs,x-initrd.attach\n" \
           "root-b {0}root-b /etc/slot.key luks,initramfs,x-initrd.attach\n"
POOL = "pool {0}pool /etc/slot.key luks,initramfs,x-initrd.attach\n"
KINDS = {"LVM": "lvm", "LUKS": "luks", "MD": "md", "LVM on LUKS": "lvm-luks"}
UUIDS = {slot: f"6b65656c:626f6f74:00000000:0000000{slot}" for slot in "ab"}
# What makes the devices, before they are filled.


def group(device: str) -> tuple:
    return (f"lvm pvcreate -qq {device}", f"lvm vgcreate -qq kb {device}",
            *(f"lvm lvcreate -qq -y -Wn -Zn -n root-{slot} -L 232M kb" for slot in "ab"))


def container(part: int, name: str) -> tuple:
    return (f"{LUKS} luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/vda{part}",
            f"{LUKS} open /dev/vda{part} {name}")


CRYPT = ("modprobe dm-crypt", f"printf {KEY} >/slot.key")
# An array lies on two disks; the second one is vdd here.
MAKE = {
    "lvm": group("/dev/vda3"),
    "luks": (*CRYPT, *container(3, "root-a"), *container(4, "root-b")),
    "md": ("modprobe raid1",
           *(f"mdadm --create {node} -q --run --assume-clean --level=1 --raid-devices=2 --metadata=1.2 "
             f"--homehost=any --name=root-{slot} --uuid={UUIDS[slot]} /dev/vda{part} /dev/vdd{part - 2}"
             for slot, node, part in (("a", "/dev/md/root-a", 3), ("b", "/dev/md1", 4)))),
    "lvm-luks": (*CRYPT, *container(3, "pool"), *group("/dev/mapper/pool")),
}
# The device of each slot; and how system.conf names it: in each way that docs/INTEGRATE.md allows.
NODES = {"lvm": {"a": "/dev/mapper/kb-root--a", "b": "/dev/mapper/kb-root--b"},
         "luks": {"a": "/dev/mapper/root-a", "b": "/dev/mapper/root-b"},
         "md": {"a": "/dev/md/root-a", "b": "/dev/md1"}}
NODES["lvm-luks"] = NODES["lvm"]
VOLUMES = {"a": "/dev/mapper/kb-root--a", "b": "/dev/kb/root-b"}
NAMES = {**NODES, "lvm": VOLUMES, "lvm-luks": VOLUMES}
PARTITIONS = {"lvm": [("pool", "520M")], "luks": [("root-a", "250M"), ("root-b", "250M")],
              "md": [(f"root-{slot}-1", "240M") for slot in "ab"], "lvm-luks": [("pool", "540M")]}
MDADM = "HOMEHOST <ignore>\n" + "".join(
    f"ARRAY {node} metadata=1.2 UUID={UUIDS[slot]}\n" for slot, node in NODES["md"].items())
# The distribution's own settings, for its own tools.
FILES = {
    "lvm": {},
    "luks": {"etc/crypttab": CRYPTTAB.format("PARTLABEL="), "etc/slot.key": KEY,
             "etc/cryptsetup-initramfs/conf-hook": 'KEYFILE_PATTERN="/etc/*.key"\n',
             "etc/dracut.conf.d/luks.conf": 'install_items+=" /etc/crypttab /etc/slot.key "\n',
             "etc/mkosi-initrd/mkosi.extra/etc/slot.key": KEY},
    "md": {"etc/mdadm/mdadm.conf": MDADM, "etc/dracut.conf.d/md.conf": 'mdadmconf="yes"\n',
           "etc/mkosi-initrd/mkosi.conf": "[Content]\nPackages=mdadm\n",
           "etc/mkosi-initrd/mkosi.extra/etc/mdadm/mdadm.conf": MDADM},
}
FILES["lvm-luks"] = {**FILES["luks"], "etc/crypttab": POOL.format("PARTLABEL=")}


def files(kind: str, target: str) -> dict:
    """The settings; dracut without systemd reads no PARTLABEL= there."""
    if "shell" not in target or "luks" not in kind:
        return FILES[kind]
    lines = POOL if kind == "lvm-luks" else CRYPTTAB
    return {**FILES[kind], "etc/crypttab": lines.format("/dev/disk/by-partlabel/")}


def append(kind: str, target: str) -> str:
    """What dracut wants to be told. systemd, where it is in the initramfs, opens what /etc/crypttab lists."""
    asked = kind == "md" or "luks" in kind and "systemd" not in target
    return "rd.auto=1" if asked else ""


def conf(kind: str, text: str) -> str:
    """system.conf for slots of that kind."""
    return text + "".join(f"[slot.{slot}]\nroot={NAMES[kind][slot]}\n" for slot in "ab")


def second(board) -> Drive:
    """The other disk of the arrays that make() made."""
    return Drive(board.work / "second.img", name="second")


def make(board, maker, kind: str, a: str, b=None, data=()) -> Path:
    """A disk with those slots; `maker`: the target whose initramfs has the tools. data: files for that partition."""
    images = board.factory(a, b, good="a")
    (board.work / "mapped-data").mkdir()
    for file in data:
        shutil.copy(file, board.work / "mapped-data")
    disk = Disk(seed=kind)
    disk.add("keelboot-state", "16M", images[0])
    disk.add("data", "200M", Ext4(board.work / "mapped-data", label="data"))
    for name, size in PARTITIONS[kind]:
        disk.add(name, size)
    path = board.work / "mapped.img"
    disk.build(path)
    content = []
    for slot, image in zip("ab", images[1:]):
        shutil.copy(image, board.work / f"content-{slot}.img")
        content.append(Drive(board.work / f"content-{slot}.img", name=f"content-{slot}"))
    if kind == "md":
        other = Disk(seed="second")
        for slot in "ab":
            other.add(f"root-{slot}-2", "240M")
        other.build(second(board).file)
        content.append(second(board))
    with board.machine(path, initrd=maker.initramfs(board.device, files=FILES[kind]), drives=content, memory=900,
                       append="break=premount keelboot.enable=0") as vm:
        vm.expect(r"\(initramfs\)", 240)
        for step in MAKE[kind]:
            board.ask(vm, step, 240)
        for slot, drive in zip("ab", "bc"):
            board.ask(vm, f"dd if=/dev/vd{drive} of={NODES[kind][slot]} bs=1M", 300)
        board.ask(vm, "sync")
        vm.power_cut()
    return path
