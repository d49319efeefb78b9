# SPDX-License-Identifier: Apache-2.0
"""The boot loader's two copies, in the boot areas of QEMU's eMMC. The QEMU of Debian 12 and 13 has none to plug in, so
that of Debian 13's backports is unpacked. It starts no loader from there: what the hardware would do is told by the
test."""

import json

import pytest

from conftest import LEAN, run
from kbqemu import QemuError, newer

AREA = 1 << 20
USER = 64 << 20
OLD, NEW = "acme-loader-2025.01", "acme-loader-2025.10"
CONF = ("mkdir -p /run/c/etc && cp -a /etc/keelboot /run/c/etc/ && "
        "printf '[loader]\\ncopies=/dev/mmcblk0\\n' >>/run/c/etc/keelboot/system.conf")
LOADER = "keelboot --conf-root /run/c loader"


@pytest.fixture(name="qemu", scope="module")
def newer_qemu():
    try:
        return newer("qemu-system-x86_64")
    except QemuError as error:
        pytest.skip(str(error))


def loader_image(version: str, size: int = 300 << 10) -> bytes:
    """What begins with some zeroes, as those of some SoCs do."""
    return (bytes(8192) + version.encode() + bytes(range(256)) * 4096)[:size].ljust(size, b"\xa5")


class Emmc:
    """The file behind it: both areas, then the disk."""

    def __init__(self, bench):
        self.file = bench.work / "emmc.img"
        areas = (loader_image(OLD), loader_image("acme-loader-2024.07"))
        self.file.write_bytes(b"".join(area.ljust(AREA, b"\xff") for area in areas) + bytes(USER))

    def area(self, number: int) -> bytes:
        return self.file.read_bytes()[number * AREA:(number + 1) * AREA]

    def arguments(self, start: int) -> list:
        """start: the area that its register says, 0 or 1."""
        return ["-device", "sdhci-pci", "-drive", f"if=none,id=emmc,format=raw,file={self.file}", "-device",
                f"emmc,drive=emmc,boot-partition-size={AREA},boot-config={8 * (start + 1)}"]


def loader_bundle(bench, version: str):
    image, out = bench.work / f"{version}.bin", bench.work / f"{version}.keel"
    image.write_bytes(loader_image(version))
    run(bench.device.keelboot, "bundle", "create", "-o", out, "--compatible", bench.device.compatible, "--version",
        version, "--sequence", "7", "--image", f"loader={image}", "--key", bench.device.key())
    return out


@pytest.fixture(name="start")
def start_machine(bench, qemu):
    emmc = Emmc(bench)
    disk = bench.disk("1.0", data={"loader.keel": loader_bundle(bench, NEW)})

    def start(area: int, version: str):
        return bench.machine(disk, initrd=bench.initramfs(name="sd", modules=(*LEAN, "sd")), qemu=qemu,
                             append=f"keelboot.loader={version}", extra=emmc.arguments(area))
    start.emmc = emmc
    return start


def status(bench, vm) -> dict:
    return json.loads(bench.ask(vm, f"{LOADER} --json"))


def test_new_loader_goes_to_the_other_copy_and_is_set_last(bench, start):
    with start(0, OLD) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, CONF)
        assert status(bench, vm) | {"room": 0} == {"schema": 1, "disk": "/dev/mmcblk0", "set": 0, "runs": "set",
                                                   "version": OLD, "room": 0}
        before = start.emmc.area(0)
        said = bench.ask(vm, f"{LOADER} install /data/loader.keel")
        assert "is in boot area 1, and starts next" in said
        assert start.emmc.area(1) == loader_image(NEW).ljust(AREA, b"\0")
        assert start.emmc.area(0) == before
        assert bench.ask(vm, "cat /sys/block/mmcblk0boot?/force_ro").split() == ["1", "1"]
        # The register is set, and the old loader still runs: nothing more is written before a restart.
        assert status(bench, vm)["set"] == 1 and status(bench, vm)["runs"] == "other"
        code, text = vm.shell(f"{LOADER} install /data/loader.keel")
        assert code != 0 and "restart to try that one" in text
        # Or it is taken back.
        assert "is set to boot area 0" in bench.ask(vm, f"{LOADER} keep")
        assert status(bench, vm)["runs"] == "set"
        assert any(event["detail"] == "/dev/mmcblk0" for event in bench.history(vm))


def test_loader_that_fell_back_is_told_and_kept(bench, start):
    with start(1, OLD) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, CONF)
        code, text = vm.shell("keelboot --conf-root /run/c doctor")
        assert code != 0 and "[loader-fell-back]" in text and "[emmc-boot-area]" in text and "[emmc-reset]" in text
        code, text = vm.shell(f"{LOADER} install /data/loader.keel")
        assert code != 0 and "keelboot loader keep" in text
        assert "is set to boot area 0" in bench.ask(vm, f"{LOADER} keep")
        assert status(bench, vm)["set"] == 0


def test_bundle_with_a_loader_is_refused_where_there_is_one_copy(bench, start):
    with start(0, OLD) as vm:
        bench.up(vm, "1.0", "a")
        for verb in ("stage", "install"):
            code, text = vm.shell(f"keelboot {verb} /data/loader.keel")
            assert code != 0 and "this device has one copy of its own" in text
        code, text = vm.shell("keelboot loader install /data/loader.keel")
        assert code != 0 and "this device has one copy of its boot loader" in text
        assert start.emmc.area(1).startswith(loader_image("acme-loader-2024.07"))
