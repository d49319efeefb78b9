# SPDX-License-Identifier: Apache-2.0
"""initramfs/mkinitramfs: what a real machine needs besides: suppliers, firmware, a compression that it reads."""

import gzip
import lzma
import re
import struct
from pathlib import Path

import pytest

import kbcompress
import kbfirmware
import kbkconfig
import kbkernel
import kbmachine
import kbmodules
from cli_device import USAGE, call
from test_mkinitramfs import add_modules, conf, content, listing, loader_conf, make, modules, order, static

__all__ = ["conf", "make", "modules", "static"]

ZSTD, GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"


def module_with(*strings: str, processor: int = 62) -> bytes:
    """An ELF file whose .modinfo has these strings, as each machine's kernel has it."""
    modinfo = b"".join(text.encode() + b"\0" for text in strings)
    names = b"\0.modinfo\0.shstrtab\0"
    head = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 1, processor, 1, 0, 0,
                       64 + len(modinfo) + len(names), 0, 64, 0, 0, 64, 3, 2)
    section = [struct.pack("<II8x8xQQ24x", name, 1, at, size) for name, at, size in
               ((0, 0, 0), (1, 64, len(modinfo)), (10, 64 + len(modinfo), len(names)))]
    return head + modinfo + names + b"".join(section)


# ---------------------------------------------------------------- suppliers, by folders

def board_kernel(folder: Path) -> None:
    add_modules(folder, """
        kernel/drivers/clk/rockchip/clk-rk.ko:
        kernel/drivers/clk/clk-test.ko:
        kernel/drivers/regulator/fan53555.ko: kernel/drivers/base/regmap/regmap-i2c.ko
        kernel/drivers/base/regmap/regmap-i2c.ko:
        kernel/drivers/mfd/viperboard.ko:
        kernel/drivers/gpio/gpio-viperboard.ko: kernel/drivers/mfd/viperboard.ko
        kernel/drivers/gpio/gpio-sim.ko:
        kernel/drivers/i2c/busses/i2c-elektor.ko:
        kernel/drivers/i2c/busses/i2c-rk3x.ko:
        kernel/drivers/mmc/host/dw_mmc-rockchip.ko:
        kernel/drivers/net/phy/marvell.ko:
        kernel/drivers/phy/rockchip/phy-rockchip-pcie.ko:
    """)
    with open(folder / "modules.alias", "a", encoding="ascii") as file:
        file.write("alias of:N*T*Crockchip,rk3399-cruC* clk_rk\n"
                   "alias of:N*T*Crockchip,rk3399-cru clk_rk\n"
                   "alias i2c:fan53555 fan53555\nalias of:N*T*Cfcs,fan53555C* fan53555\n"
                   "alias usb:v2058p1005d*dc*dsc*dp*ic*isc*ip*in* viperboard\n"
                   "alias platform:viperboard-gpio gpio_viperboard\n"
                   "alias of:N*T*Cgpio-simulator gpio_sim\n"
                   "alias of:N*T*Crockchip,rk3399-i2cC* i2c_rk3x\n"
                   "alias of:N*T*Crockchip,rk3288-dw-mshcC* dw_mmc_rockchip\n"
                   "alias mdio:0000 marvell\n"
                   "alias of:N*T*Crockchip,rk3399-pcie-phyC* phy_rockchip_pcie\n")


def test_suppliers_are_packed_by_their_folders(make, modules):
    """Neither tests nor what looks for an ISA card by itself, nor what hangs on USB, nor phys of networks."""
    board_kernel(modules)
    assert order(make("--modules-dir", modules, "--module-set", "soc").image) == [
        "clk-rk", "i2c-rk3x", "regmap-i2c", "fan53555", "phy-rockchip-pcie", "dw_mmc-rockchip"]


def test_a_kernel_with_all_suppliers_built_in_needs_none(make, modules, conf):
    result = make("-v", "--conf", conf, "--modules-dir", modules, "--module-set", "soc")
    assert order(result.image) == [] and "warning" not in result.stderr
    assert "set soc: this kernel has no such drivers as modules" in result.stderr


# One of each folder of Debian 12's linux-image-arm64 (6.1.192) that has some as modules, and where others were or are.
PLACES = """
    bus/moxtet.ko clk/qcom/camcc-sdm845.ko reset/reset-imx7.ko soc/qcom/rpmpd.ko firmware/arm_scpi.ko dma/imx-sdma.ko
    interconnect/imx/imx8mq-interconnect.ko mailbox/imx-mailbox.ko rpmsg/qcom_glink_rpm.ko irqchip/irq-imx-mu-msi.ko
    pinctrl/pinctrl-axp209.ko gpio/gpio-sl28cpld.ko spi/spi-rockchip.ko i2c/busses/i2c-rk3x.ko
    i2c/muxes/i2c-mux-pca954x.ko mfd/axp20x-i2c.ko regulator/fan53555.ko pwm/pwm-rockchip.ko
    nvmem/nvmem-imx-ocotp.ko mux/mux-mmio.ko
    extcon/extcon-ptn5150.ko phy/rockchip/phy-rockchip-pcie.ko pci/controller/dwc/pci-meson.ko ufs/host/ufs_qcom.ko
    mmc/host/sdhci-of-dwcmshc.ko usb/phy/phy-tegra-usb.ko usb/dwc3/dwc3-imx8mp.ko usb/chipidea/usbmisc_imx.ko
    usb/host/xhci-plat-hcd.ko usb/dwc2/dwc2.ko usb/musb/sunxi.ko
    scsi/ufs/ufs-qcom.ko pci/host/pcie-rockchip.ko pci/dwc/pci-imx6.ko pmdomain/qcom/rpmpd.ko
    """.split()


def test_the_folders_are_those_in_which_kernels_have_suppliers():
    folders = kbmodules.read_sets()["soc"].folders
    assert [place for place in PLACES if not any(place.startswith(f"{folder}/") for folder in folders)] == []


def test_no_folder_brings_what_a_stranger_plugs_in():
    """Of a real kernel: nothing that binds to a device on USB, and nothing that needs such a driver."""
    kernel = kbmodules.Modules(kbkernel.get().modules)
    found = kernel.in_folders(kbmodules.read_sets()["soc"].folders)
    assert "i2c_designware_platform" in found or kernel.is_builtin("i2c_designware_platform")
    on_usb = {line.split()[2] for line in (kernel.folder / "modules.alias").read_text().splitlines()
              if line.startswith("alias usb:")}
    packed = {kbmodules.normal(kbmodules.file_name(path)) for path in kernel.order(found)}
    assert len(found) > 20 and on_usb & packed <= {"usbcore"}


# ---------------------------------------------------------------- this machine

class Board:
    """A /sys: devices by their path, links between them."""

    def __init__(self, folder: Path):
        self.sys = folder
        (folder / "devices").mkdir(parents=True)

    def device(self, path: str, modalias="", driver="", module=""):
        device = self.sys / "devices" / path
        device.mkdir(parents=True, exist_ok=True)
        if modalias:
            (device / "modalias").write_text(modalias + "\n")
        if driver:
            home = self.sys / "bus/platform/drivers" / driver
            home.mkdir(parents=True, exist_ok=True)
            (device / "driver").symlink_to(home)
            if module:
                (self.sys / "module" / module).mkdir(parents=True, exist_ok=True)
                if not (home / "module").exists():
                    (home / "module").symlink_to(self.sys / "module" / module)
        return device

    def entry(self, kind: str, device: Path) -> None:
        (self.sys / kind).mkdir(parents=True, exist_ok=True)
        (self.sys / kind / device.name).symlink_to(device)

    def supplies(self, supplier: Path, consumer: Path) -> None:
        link = self.sys / f"devices/virtual/devlink/{supplier.name}--{consumer.name}"
        link.mkdir(parents=True)
        (link / "supplier").symlink_to(supplier)
        (link / "consumer").symlink_to(consumer)
        (consumer / f"supplier:{supplier.name}").symlink_to(link)
        (self.sys / "class/devlink").mkdir(parents=True, exist_ok=True)


@pytest.fixture(name="board")
def make_board(tmp_path, modules):
    """A disk on MMC; its controller wants a clock, and a regulator on a bus that wants that clock, too."""
    board_kernel(modules)
    board = Board(tmp_path / "sys")
    disk = board.device("platform/fe320000.mmc/mmc_host/mmc1/mmc1:0001/block/mmcblk1")
    board.entry("class/block", disk)
    board.entry("class/block", board.device("virtual/block/loop0"))
    mmc = board.device("platform/fe320000.mmc", "of:NmmcT(null)Crockchip,rk3399-dw-mshcCrockchip,rk3288-dw-mshcC",
                       "dwmmc_rockchip", "dw_mmc_rockchip")
    clock = board.device("platform/ff760000.clock-controller", "of:Nclock-controllerT(null)Crockchip,rk3399-cruC")
    bus = board.device("platform/ff3c0000.i2c", "of:Ni2cT(null)Crockchip,rk3399-i2cC", "rk3x-i2c", "i2c_rk3x")
    regulator = board.device("platform/ff3c0000.i2c/i2c-0/0-0040", "of:NregulatorT(null)Cfcs,fan53555C")
    board.supplies(clock, mmc)
    board.supplies(regulator, mmc)
    board.supplies(clock, bus)
    board.device("platform/other.phy", "of:NphyT(null)Crockchip,rk3399-pcie-phyC")
    return board


def test_a_machine_gets_the_drivers_of_its_disk_and_their_suppliers(make, modules, board, conf):
    result = make("-v", "--conf", conf, "--modules-dir", modules, "--for-this-machine", "--sys", board.sys, "--module",
                  "top")
    assert order(result.image)[:5] == ["clk-rk", "i2c-rk3x", "regmap-i2c", "fan53555", "dw_mmc-rockchip"]
    assert "phy-rockchip-pcie" not in order(result.image)
    assert "note: clk_rk is needed by /devices/platform/ff760000.clock-controller" in result.stderr
    assert "warning" not in result.stderr


def test_without_a_set_a_machine_gets_those_that_are_no_drivers_of_disks(make, modules, board):
    result = make("--modules-dir", modules, "--for-this-machine", "--sys", board.sys)
    assert "module set watchdog: this kernel has none" in result.stderr and "module set nvme" not in result.stderr


def test_suppliers_in_a_circle_end(make, modules, board):
    devices = board.sys / "devices/platform"
    board.supplies(devices / "fe320000.mmc", devices / "ff760000.clock-controller")
    image = make("--modules-dir", modules, "--for-this-machine", "--sys", board.sys, "--module", "top").image
    assert {"clk-rk", "dw_mmc-rockchip"} <= set(order(image))


def test_a_driver_that_the_kernel_of_the_image_lacks_is_named(make, modules, board):
    """The running kernel is not always the one that boots the image."""
    board.device("platform/fe330000.mmc", "of:NmmcT(null)Cacme,mmcC", "acme", "acme_mmc")
    board.entry("class/mmc_host", board.device("platform/fe330000.mmc/mmc_host/mmc0"))
    result = make("--modules-dir", modules, "--for-this-machine", "--sys", board.sys, "--module", "top")
    assert f"/devices/platform/fe330000.mmc: its driver acme_mmc is not in {modules}" in result.stderr


def test_both_controllers_of_a_namespace_with_multipath_are_found(modules, board):
    """Its head is virtual, its controllers are not."""
    add_modules(modules, "kernel/drivers/nvme/host/nvme.ko:")
    board.entry("class/block", board.device("virtual/nvme-subsystem/nvme-subsys0/nvme0n1"))
    board.device("pci0000:00/0000:00:1d.0", "pci:v00001", "nvme", "nvme")
    board.entry("class/nvme", board.device("pci0000:00/0000:00:1d.0/nvme/nvme0"))
    assert "nvme" in kbmachine.modules(board.sys, kbmodules.Modules(modules))[0]


def test_a_slot_for_cards_without_a_card_gets_their_driver(make, modules, board):
    """An update may come on one."""
    add_modules(modules, "kernel/drivers/mmc/core/mmc_block.ko:")
    (board.sys / "class/block/mmcblk1").unlink()
    board.entry("class/mmc_host", board.device("platform/fe320000.mmc/mmc_host/mmc1"))
    result = make("-v", "--modules-dir", modules, "--for-this-machine", "--sys", board.sys, "--module", "top")
    assert "mmc_block" in order(result.image) and "note: mmc_block is needed by cards" in result.stderr


def test_links_that_go_once_a_device_has_its_driver_are_no_reason_for_silence(make, modules, tmp_path):
    """As with Linux 5.12, or fw_devlink=permissive: the folder of links is there."""
    board = Board(tmp_path / "sys")
    (board.sys / "firmware/devicetree/base").mkdir(parents=True)
    (board.sys / "class/devlink").mkdir(parents=True)
    board.entry("class/block", board.device("platform/fe320000.mmc/mmc_host/mmc1/mmc1:0001/block/mmcblk1"))
    result = make("--modules-dir", modules, "--for-this-machine", "--sys", board.sys, "--module", "top")
    assert "names few suppliers of a device, or none" in result.stderr


def test_few_suppliers_of_a_kernel_that_names_some_are_no_reason_for_silence(make, modules, board):
    """Linux 5.10 to 5.12 name those alone that a driver asked for by itself, unless fw_devlink=on."""
    (board.sys / "firmware/devicetree/base").mkdir(parents=True)
    options = ("--modules-dir", modules, "--for-this-machine", "--sys", board.sys, "--module", "top")
    assert "names few suppliers of a device, or none" in make(*options).stderr
    # Only a kernel that names all of them keeps this, on devices without a driver.
    (board.sys / "devices/platform/other.phy/waiting_for_supplier").write_text("0\n")
    assert "suppliers" not in make(*options, name="b.img").stderr


def test_a_kernel_that_tells_no_suppliers_is_no_reason_for_silence(make, modules, tmp_path):
    board = Board(tmp_path / "old")
    (board.sys / "firmware/devicetree/base").mkdir(parents=True)
    result = make("--modules-dir", modules, "--for-this-machine", "--sys", board.sys)
    assert "the running kernel names few suppliers of a device, or none (fw_devlink=on names all, the default since " \
        "Linux 5.13): add --module-set soc if a disk of this board needs any" in result.stderr


def test_a_folder_that_is_no_sys_is_refused(make, modules, tmp_path):
    said = make("--modules-dir", modules, "--for-this-machine", "--sys", tmp_path, expect=1).stderr
    assert f"{tmp_path}: not the /sys of a machine" in said
    said = make("--for-this-machine", "--sys", tmp_path, expect=USAGE, name="b.img").stderr
    assert "--for-this-machine needs --modules-dir, as --sys is of another machine" in said


def test_this_host_is_a_machine():
    """Whatever it is: what is found is in the kernel, each once."""
    kernel = kbmodules.Modules(kbkernel.get().modules)
    names, _, _ = kbmachine.modules(Path("/sys"), kernel)
    assert len(names) == len(set(names)) and all(kernel.known(name) for name in names)


# ---------------------------------------------------------------- firmware

@pytest.fixture(name="firmware")
def make_firmware(tmp_path, modules):
    """Modules that name firmware, and a folder that has some of it."""
    (modules / "kernel/fs/top.ko").write_bytes(module_with(
        "license=GPL", "firmware=usb/plain.mem", "firmware=imx/packed.bin", "firmware=board/*.txt",
        "firmware=absent.bin"))
    folder = tmp_path / "firmware"
    for path, data in (("usb/plain.mem", b"plain"), ("board/one.txt", b"1"), ("other", b"-"),
                       ("imx/packed.bin.xz", lzma.compress(b"packed", check=lzma.CHECK_CRC32)),
                       ("board/two.txt.zst", kbcompress.compress(b"2", "zstd"))):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_firmware_that_modules_name_is_packed_and_what_is_absent_is_listed(make, modules, firmware):
    result = make("--modules-dir", modules, "--module", "top", "--firmware-dir", firmware)
    files = {name for name in listing(result.image) if name.startswith("lib/firmware/") and "." in name}
    assert files == {"lib/firmware/usb/plain.mem", "lib/firmware/imx/packed.bin", "lib/firmware/board/one.txt",
                     "lib/firmware/board/two.txt"}
    # A kernel without CONFIG_FW_LOADER_COMPRESS reads it, too.
    assert content(result.image, "lib/firmware/imx/packed.bin") == b"packed"
    assert content(result.image, "lib/firmware/board/two.txt") == b"2"
    assert "warning: module top names firmware that is not packed: absent.bin\n" in result.stderr


def test_firmware_of_the_first_folder_counts(make, modules, firmware, tmp_path):
    (tmp_path / "own/usb").mkdir(parents=True)
    (tmp_path / "own/usb/plain.mem").write_bytes(b"own")
    image = make("--modules-dir", modules, "--module", "top", "--firmware-dir", tmp_path / "own", "--firmware-dir",
                 firmware).image
    assert content(image, "lib/firmware/usb/plain.mem") == b"own"


def test_without_a_folder_firmware_is_a_note(make, modules, firmware, conf):
    result = make("-v", "--conf", conf, "--modules-dir", modules, "--module", "top")
    assert "note: module top names firmware that is not packed: absent.bin, board/*.txt, imx/packed.bin, " in \
        result.stderr
    assert "warning" not in result.stderr
    assert "no such folder" in make("--firmware-dir", firmware / "nowhere", expect=1, name="b.img").stderr


def test_firmware_of_a_driver_that_is_built_in_is_packed(make, modules, firmware):
    (modules / "modules.builtin.modinfo").write_bytes(
        b"ext4.license=GPL\0ext4.firmware=usb/plain.mem\0virtio_pci.firmware=board/one.txt\0")
    image = make("--modules-dir", modules, "--module-set", "ext4", "--firmware-dir", firmware).image
    files = listing(image)
    assert "lib/firmware/usb/plain.mem" in files and "lib/firmware/board/one.txt" not in files


def build_in(modules: Path, *paths: str) -> None:
    """Drivers into the kernel, each of which names the firmware NAME.bin."""
    with open(modules / "modules.builtin", "a", encoding="ascii") as file:
        file.writelines(f"kernel/{path}.ko\n" for path in paths)
    names = [kbmodules.normal(path.rsplit("/", 1)[1]) for path in paths]
    (modules / "modules.builtin.modinfo").write_bytes(
        b"".join(f"{name}.license=GPL\0{name}.firmware={name}.bin\0".encode() for name in names))


@pytest.mark.parametrize("option, path", [
    ("--module-set=nvme", "drivers/pci/controller/vmd"),                # a helper
    ("--module-set=usb", "drivers/usb/dwc3/dwc3"),                      # of a system on a chip
    ("--module-set=soc", "drivers/soc/qcom/rpm-pd"),                    # by its folder
    ("--module=acme-disk", "drivers/block/acme-disk")])
def test_firmware_of_a_built_in_driver_is_packed_whatever_asks_for_it(make, modules, firmware, option, path):
    others = ("drivers/net/tg3", "drivers/gpio/gpio-sim")       # which nothing asks for, and one of "without"
    build_in(modules, path, *others)
    names = [kbmodules.normal(one.rsplit("/", 1)[1]) for one in (path, *others)]
    for name in names:
        (firmware / f"{name}.bin").write_bytes(b"-")
    image = make("--modules-dir", modules, option, "--firmware-dir", firmware).image
    assert [f"lib/firmware/{name}.bin" in listing(image) for name in names] == [True, False, False]


def test_firmware_of_what_a_machine_s_kernel_has_built_in_is_packed(make, modules, board, firmware):
    """A supplier of a disk, whose driver is not a module."""
    build_in(modules, "drivers/clk/acme/clk-acme")
    board.device("platform/ff760000.clock-controller", "", "acme-clk", "clk_acme")
    (firmware / "clk_acme.bin").write_bytes(b"-")
    options = ("--modules-dir", modules, "--for-this-machine", "--sys", board.sys, "--module", "top", "--firmware-dir")
    assert "lib/firmware/clk_acme.bin" in listing(make(*options, firmware).image)
    (firmware / "clk_acme.bin").unlink()
    assert "warning: module clk_acme names firmware that is not packed: clk_acme.bin\n" in \
        make(*options, firmware, name="b.img").stderr


def test_links_in_the_folder_of_firmware_are_followed(make, modules, firmware, tmp_path):
    """To the folder itself, from folder to folder, and in a circle."""
    (firmware / "usb").rename(firmware / "real")
    (firmware / "usb").symlink_to("real")
    (firmware / "board").rename(tmp_path / "boards")
    (firmware / "board").symlink_to(tmp_path / "boards")
    (firmware / "real/circle").symlink_to("..")
    (firmware / "imx/packed.bin.xz").rename(firmware / "packed.xz")
    (firmware / "imx/packed.bin.xz").symlink_to("../packed.xz")
    (tmp_path / "link").symlink_to("firmware")
    image = make("--modules-dir", modules, "--module", "top", "--firmware-dir", tmp_path / "link").image
    names = ("usb/plain.mem", "board/one.txt", "board/two.txt", "imx/packed.bin")
    assert [content(image, f"lib/firmware/{name}") for name in names] == [b"plain", b"1", b"2", b"packed"]


def test_a_name_that_leads_out_of_the_folder_is_absent(make, modules, firmware):
    (modules / "kernel/fs/top.ko").write_bytes(module_with("firmware=../secret", f"firmware={firmware}/other",
                                                           "firmware=**/plain.mem", "firmware="))
    (firmware.parent / "secret").write_bytes(b"-")
    result = make("--modules-dir", modules, "--module", "top", "--firmware-dir", firmware)
    assert f"not packed: , ../secret, {firmware}/other\n" in result.stderr
    assert [name for name in listing(result.image) if name.startswith("lib/firmware/")] == [
        "lib/firmware/usb", "lib/firmware/usb/plain.mem"]


def test_real_modules_name_their_firmware():
    kernel = kbmodules.Modules(kbkernel.get().modules)
    named = kbfirmware.named_by(kernel.read(kernel.depends["tg3"][0]))
    assert "tigon/tg3.bin" in named
    assert kbfirmware.named_by(b"\x7fELF") == [] == kbfirmware.named_by(b"\x7fELF" + bytes(70))


# ---------------------------------------------------------------- compression

def kernel_folder(tmp_path, release: str, config=None) -> Path:
    folder = tmp_path / "lib/modules" / release
    add_modules(folder, "kernel/a.ko:")
    if config is not None:
        (tmp_path / "boot").mkdir()
        (tmp_path / f"boot/config-{release}").write_text(config)
    return folder


def packed(tmp_path, static, *options) -> tuple:
    """(the image, what mkinitramfs said), where nobody asked for a compression"""
    out = tmp_path / "out.img"
    said = call(kbkernel.HERE.parent / "initramfs/mkinitramfs", "-o", out, "--init", static / "static", "--helper",
                static / "static", "--guardian", static / "static", *options).stderr
    return out.read_bytes(), said


@pytest.mark.parametrize("release, config, magic", [
    ("6.1.0-18-amd64", None, ZSTD), ("5.9.0", None, ZSTD), ("5.8.18", None, GZIP), ("4.14.336", None, GZIP),
    ("6.1.0", "CONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\n", GZIP),
    ("5.4.0", "CONFIG_RD_GZIP=y\nCONFIG_RD_ZSTD=y\n", ZSTD),                # a vendor's kernel has it, too
    ("6.1.0", "CONFIG_RD_XZ=y\n", b"\xfd7zXZ"), ("6.1.0", "CONFIG_BLK_DEV_INITRD=y\n", b"070701")])
def test_the_compression_is_one_that_the_kernel_reads(tmp_path, static, release, config, magic):
    folder = kernel_folder(tmp_path, release, config)
    assert packed(tmp_path, static, "--modules-dir", folder, "--module", "a")[0].startswith(magic)


def test_a_compression_that_the_kernel_cannot_read_is_refused(make, tmp_path):
    folder = kernel_folder(tmp_path, "4.19.0")
    said = make("--compress", "zstd", "--modules-dir", folder, "--module", "a", expect=1).stderr
    assert "--compress zstd: Linux 4.19.0 is older than 5.9" in said and "use --compress gzip" in said
    folder = kernel_folder(tmp_path / "b", "6.1.0", "CONFIG_RD_GZIP=y\n")
    said = make("--compress", "xz", "--modules-dir", folder, "--module", "a", expect=1, name="b.img").stderr
    assert re.search(r"boot/config-6\.1\.0 has no CONFIG_RD_XZ=y, .* use --compress gzip", said)
    assert gzip.decompress(make("--compress", "gzip", "--modules-dir", folder, "--module", "a", name="c.img"
                                ).image.read_bytes()).startswith(b"070701")


def test_the_configuration_of_debians_kernel_is_found():
    kernel = kbkconfig.kernel_of(kbkernel.get().modules)
    assert kernel.config and kernel.name.endswith(f"boot/config-{kbkernel.get().version}")
    assert kbkconfig.choose(kernel, None) == "zstd"


@pytest.mark.parametrize("folder", [None, "modules"])
def test_a_kernel_that_is_not_known_gets_what_each_can_read(tmp_path, static, folder):
    """zstd would end in a panic before Linux 5.9. Neither a folder's name nor a configuration says the version."""
    options = ("--modules-dir", kernel_folder(tmp_path, folder), "--module", "a") if folder else ()
    data, said = packed(tmp_path, static, *options)
    assert data.startswith(GZIP)
    assert "mkinitramfs: packed with gzip, which each kernel reads, since the version of the kernel is not known; " \
        "with Linux 5.9 or later --compress zstd makes it smaller\n" in said
    data, said = packed(tmp_path, static, *options, "--compress", "zstd")
    assert data.startswith(ZSTD) and "the kernel is not known" not in said


def test_a_kernel_that_is_known_is_no_reason_for_a_word(tmp_path, static):
    assert "packed with" not in packed(tmp_path, static, "--modules-dir", kernel_folder(tmp_path, "5.8.18"),
                                       "--module", "a")[1]


RD = "CONFIG_RD_ZSTD=y\n"


@pytest.mark.parametrize("kind, config, told", [
    ("kexec", RD + "# CONFIG_KEXEC_FILE is not set\nCONFIG_KEXEC=y\n", True),
    ("kexec", RD + "CONFIG_KEXEC_FILE=y\n", False), ("kexec", None, False), ("grub", RD, False)])
def test_a_first_kernel_without_kexec_file_is_warned_of(make, tmp_path, kind, config, told):
    """Only warned of: the kernel of a slot has the same system.conf, and starts no other."""
    folder = kernel_folder(tmp_path, "6.1.0", config)
    said = make(*loader_conf(tmp_path, f"kind={kind}"), "--modules-dir", folder, "--module", "a").stderr
    assert bool(re.search(r"warning: \[loader\] kind=kexec: \S+/boot/config-6\.1\.0 has no CONFIG_KEXEC_FILE=y: as the "
                          r"first kernel, it starts the kernel of no slot, and nothing is installed; take another "
                          r"kernel, or another layout \(docs/KERNEL\.md\)", said)) == told
    assert ("CONFIG_KEXEC_FILE" in said) == told


def test_a_first_kernel_that_is_too_old_to_start_another_is_warned_of(make, tmp_path):
    """It has the call, but not openat2()."""
    folder = kernel_folder(tmp_path, "5.4.0", "CONFIG_RD_ZSTD=y\nCONFIG_KEXEC_FILE=y\n")
    said = make(*loader_conf(tmp_path, "kind=kexec"), "--modules-dir", folder, "--module", "a").stderr
    assert "boot/config-5.4.0 is older than 5.6: as the first kernel, it starts the kernel of no slot" in said


def test_debians_kernel_starts_another():
    assert kbkconfig.why_starts_none(kbkconfig.kernel_of(kbkernel.get().modules)) == ""
