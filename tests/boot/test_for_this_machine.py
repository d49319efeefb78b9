# SPDX-License-Identifier: Apache-2.0
"""keelboot image build --for-this-machine, with the /sys of a machine that runs: the image boots that machine, and has
the drivers of no other."""

from pathlib import Path

import kbmodules
from kbdevice import run

# What the program reads, a line each: a file with its text, or a link with what it leads to in the end.
LOOK = """\
find /sys/devices -name modalias | while read f; do echo "F $f $(cat $f)"; done
find /sys/devices -type l \\( -name driver -o -name 'supplier*' \\) | while read l; do
  echo "L $l $(readlink -f $l)"
done
for l in /sys/class/block/* /sys/class/nvme/* /sys/class/mmc_host/* /sys/class/watchdog/* /sys/bus/usb/devices/usb* \\
  /sys/bus/*/drivers/*/module; do [ -L $l ] && echo "L $l $(readlink -f $l)"; done
"""


def copy_of_sys(folder: Path, lines: list) -> Path:
    for kind, path, *rest in (line.split(" ", 2) for line in lines if line[:2] in ("F ", "L ")):
        here = folder / path.lstrip("/")
        here.parent.mkdir(parents=True, exist_ok=True)
        if kind == "F":
            here.write_text("".join(rest) + "\n")
        else:
            target = folder / rest[0].lstrip("/")
            target.mkdir(parents=True, exist_ok=True)
            here.symlink_to(target)
    return folder / "sys"


def modules_of(image: Path) -> set:
    text = run("sh", "-c", f"zstd -dcq {image} | cpio -i --quiet --to-stdout etc/keelboot/modules")
    return {kbmodules.normal(kbmodules.file_name(line.split(" ")[0])) for line in text.splitlines()}


def test_an_image_for_a_machine_boots_it_and_has_no_other_disks_driver(bench):
    disk = bench.disk("1.0", "2.0", good="a")
    with bench.machine(disk, bus="nvme", initrd=bench.device.initramfs()) as vm:
        bench.up(vm, "2.0", "b")
        lines = bench.ask(vm, "cat > /tmp/look << 'END'\n" + LOOK + "END\nsh /tmp/look", 180).splitlines()
    tree = copy_of_sys(bench.work / "tree", lines)
    image = bench.initramfs("--for-this-machine", "--sys", tree, name="machine", packed=True,
                            modules=("watchdog", "pstore", "ext4", "vfat"))
    packed = modules_of(image)
    assert "nvme" in packed and not {"virtio_blk", "sd_mod", "usb_storage", "mmc_block"} & packed
    with bench.machine(disk, bus="nvme", initrd=image) as vm:
        bench.up(vm, "2.0", "b")
        assert "disk /dev/nvme0n1" in bench.ask(vm, "cat /run/keelboot/devices")
