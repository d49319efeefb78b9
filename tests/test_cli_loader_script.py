# SPDX-License-Identifier: Apache-2.0
"""`keelboot doctor` and what a boot loader was set up with: grub.cfg, U-Boot's script and variables, loader.conf,
config.txt, the firmware's menu, and who arms a watchdog before the kernel."""
import json
import re
import struct
import zlib

import pytest
from cli_device import FAILURE, OK, TOP
from test_cli_doctor import Board
from test_cli_loader import AUTOBOOT, Grub, SystemdBoot, Tryboot, told

LOADERS = TOP / "kernel-cmdline/loaders"
PAIRS = "".join(f"[slot.{slot}]\nroot=PARTLABEL=root-{slot}\nboot=PARTLABEL=boot-{slot}\n" for slot in "ab")
UEFI = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
EARLY = ("note", "watchdog-early")


@pytest.fixture(name="board")
def make_board(dev, factory):
    dev.trust(factory.public)
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10)
    board = Board(dev)
    board.put("proc/cmdline", "gpt panic=10 keelboot.pair=a,counted")
    return board


def facts(board) -> dict:
    return json.loads(board.doctor("--json").stdout)["loader"]


def of_loader(board) -> set:
    return {one for one in board.findings() if one[1].startswith("loader")}


def unproven(board):
    """Nothing on the command line says that Keelboot's script ran."""
    board.put("proc/cmdline", "gpt panic=10")


# ---------------------------------------------------------------- GRUB

@pytest.fixture(name="grub")
def make_grub(board):
    board.grub = Grub(board.dev)
    board.dev.configure(PAIRS + "[loader]\nkind=grub\nenvironment=PARTLABEL=grubenv\n")
    for name, number in (("vda2", 2), ("vda3", 3), ("vda4", 4)):
        board.put(f"sys/class/block/{name}/partition", str(number))
    board.grub.runs("a", "slot a boot /dev/vda2", "slot b boot /dev/vda3")
    board.script = (LOADERS / "grub.cfg").read_text()
    board.put("boot/grub/grub.cfg", board.script)
    return board


def test_the_script_itself_is_found_and_has_all(grub):
    for folder in ("boot/grub", "boot/grub2", "efi/EFI/acme", "boot/efi/EFI/debian"):
        (grub.sys / "boot/grub/grub.cfg").unlink(missing_ok=True)
        grub.put(f"{folder}/grub.cfg", grub.script)
        assert of_loader(grub) == set()
        assert facts(grub) == {"name": "GRUB", "falls_back": True, "counts": "starts of its preset", "watchdog": None,
                               "configuration": f"/{folder}/grub.cfg"}
        (grub.sys / folder / "grub.cfg").unlink()


@pytest.mark.parametrize("word, why", [
    ("load_env", "GRUB never reads what Keelboot writes"),
    ("keelboot_default", "GRUB does not fall back to the kernel that proved itself"),
    ("keelboot_once", "no release with a kernel is ever tried"),
    ("save_env", "a kernel that was asked for once and hangs is started again and again"),
    ("keelboot.pair=", "init does not know whose kernel runs"),
])
def test_what_is_missing_in_the_script_is_an_error_with_the_line_to_add(grub, word, why):
    """In comments, it is missing as well."""
    lines = [f"# {line}" if word in line else line for line in grub.script.splitlines()]
    grub.put("boot/grub/grub.cfg", "\n".join(lines))
    assert ("error", "loader-script") in of_loader(grub)
    texts = told(grub, "loader-script")
    assert f"/boot/grub/grub.cfg has no {word}: {why}" in texts
    fixes = [one["fix"] for one in grub.told("loader-script")]
    assert any(word in fix for fix in fixes)
    assert facts(grub)["falls_back"] is False


def test_a_script_that_takes_in_others_is_not_called_wrong(grub):
    grub.put("boot/grub/grub.cfg", "source $prefix/more.cfg\nset keelboot_a=gpt2 keelboot_b=gpt3\n")
    assert of_loader(grub) == {("note", "loader-script-unclear")}
    assert facts(grub)["falls_back"] is None
    grub.put("boot/grub/grub.cfg", grub.script + "echo 'no end")
    assert of_loader(grub) == set(), "what is there is there"


def test_what_debian_takes_in_from_beside_it_counts(grub):
    takes_in = "menuentry x {\n}\nif [ -f $prefix/custom.cfg ]; then\n source $prefix/custom.cfg\nfi\n"
    grub.put("boot/grub/grub.cfg", takes_in)
    grub.put("boot/grub/custom.cfg", grub.script)
    assert of_loader(grub) == set() and facts(grub)["configuration"] == "/boot/grub/grub.cfg"
    unproven(grub)
    grub.put("boot/grub/grub.cfg", takes_in.replace("custom.cfg", "other.cfg"))
    assert ("note", "loader-script-unseen") in of_loader(grub)
    grub.put("boot/grub/grub.cfg", "menuentry x {\n}\n")
    assert "has nothing of Keelboot's" in told(grub, "loader-script")[0], "nobody takes custom.cfg in"


def test_a_configuration_of_somebody_else_is_an_error_where_nothing_says_otherwise(grub):
    grub.put("boot/grub/grub.cfg", "menuentry x {\n linux /vmlinuz\n}\n")
    assert of_loader(grub) == set(), "Keelboot's script ran: it has counted this start"
    unproven(grub)
    assert ("error", "loader-script") in of_loader(grub)
    assert "/boot/grub/grub.cfg has nothing of Keelboot's" in told(grub, "loader-script")[0]
    grub.put("boot/grub/grub.cfg", "configfile (hd0,gpt1)/grub.cfg\n")
    assert ("note", "loader-script-unseen") in of_loader(grub)


def test_a_configuration_that_is_nowhere_is_said(grub):
    (grub.sys / "boot/grub/grub.cfg").unlink()
    assert of_loader(grub) == set() and facts(grub)["configuration"] is None
    grub.put("proc/cmdline", "gpt panic=10 keelboot.pair=a")
    assert ("note", "loader-script-unseen") in of_loader(grub)


@pytest.mark.parametrize("line, text", [
    ("set keelboot_b=gpt9", "has keelboot_b=gpt9, but slot b's kernel is partition 3 (/dev/vda3)"),
    ("set keelboot_a=msdos1", "has keelboot_a=msdos1, but slot a's kernel is partition 2 (/dev/vda2)"),
])
def test_a_number_that_is_another_partition_is_an_error(grub, line, text):
    grub.put("boot/grub/grub.cfg", re.sub(rf"^{line.split('=')[0]}=.*$", line, grub.script, flags=re.M))
    assert of_loader(grub) == {("error", "loader-script")}
    assert told(grub, "loader-script") == [f"/boot/grub/grub.cfg {text}"]


def test_a_slot_that_the_script_does_not_know_is_an_error(grub):
    grub.put("boot/grub/grub.cfg", grub.script.replace("keelboot_b", "keelboot_x"))
    assert ("error", "loader-script") in of_loader(grub)
    assert "names no partition of slot b's kernel" in told(grub, "loader-script")[0]


def test_a_menu_of_grub_that_waits_for_a_person_is_an_error(grub):
    grub.put("boot/grub/grub.cfg", grub.script + "set timeout=-1\nmenuentry x {\n}\n")
    assert of_loader(grub) == {("error", "loader-menu")}
    grub.put("boot/grub/grub.cfg", grub.script + "set timeout=-1\nset timeout=5\nmenuentry x {\n}\n")
    assert of_loader(grub) == set()


def test_a_name_on_an_esp_that_is_no_plain_one_is_not_printed(grub):
    (grub.sys / "boot/grub/grub.cfg").unlink()
    grub.put("efi/EFI/x\x1b[2J/grub.cfg", grub.script)
    assert "\x1b" not in grub.doctor().stdout and facts(grub)["configuration"] is None


# ---------------------------------------------------------------- U-Boot

class Uboot:
    """A device whose U-Boot has a redundant environment, in two files that were collected there."""

    SIZE = 8192

    def __init__(self, board):
        self.board = board
        board.put("etc/fw_env.config", "".join(f"/dev/env{n} 0x0 0x{self.SIZE:x}\n" for n in range(2)))
        (board.sys / "dev").mkdir(exist_ok=True)
        board.dev.configure(PAIRS + "[loader]\nkind=u-boot\n")
        (board.dev.run / "devices").write_text("disk /dev/vda\nloader u-boot /etc/fw_env.config\npair a\n")
        self.put()
        board.put("boot/boot.scr", (LOADERS / "boot.cmd").read_text())

    def put_copy(self, n, count, **variables):
        variables = {"bootcmd": "run distro_bootcmd", "keelboot_default": "a", **variables}
        data = b"".join(f"{name}={value}".encode() + b"\0" for name, value in variables.items()).ljust(self.SIZE - 5,
                                                                                                       b"\0")
        (self.board.sys / f"dev/env{n}").write_bytes(struct.pack("<IB", zlib.crc32(data), count) + data)

    def put(self, **variables):
        for n in range(2):
            self.put_copy(n, 1 - n, **variables)


@pytest.fixture(name="uboot")
def make_uboot(board):
    board.uboot = Uboot(board)
    return board


def test_ubots_script_is_found_beside_the_kernel_or_in_the_environment(uboot):
    script = (LOADERS / "boot.cmd").read_text()
    assert of_loader(uboot) == set()
    assert facts(uboot) == {"name": "U-Boot", "falls_back": True, "counts": "starts of its preset", "watchdog": None,
                            "configuration": "/boot/boot.scr"}
    (uboot.sys / "boot/boot.scr").write_bytes(struct.pack(">I", 0x27051956).ljust(72, b"\0") + script.encode())
    assert of_loader(uboot) == set()
    (uboot.sys / "boot/boot.scr").unlink()
    uboot.uboot.put(keelboot=script)
    assert told(uboot, "loader-script") == [] and of_loader(uboot) == set()
    assert facts(uboot)["configuration"] == "U-Boot's environment"


def test_ubots_environment_is_that_of_the_device_and_not_of_the_machine_that_looks(uboot):
    """What the device lacks is named by its place below the root, and not looked for beside it."""
    uboot.uboot.put(keelboot_starts="11", bootdelay="-1")
    assert of_loader(uboot) == {("error", "loader-menu"), ("error", "loader-starts")}
    (uboot.dev.path / "dev").mkdir()
    for n in range(2):
        (uboot.sys / f"dev/env{n}").rename(uboot.dev.path / f"dev/env{n}")
    uboot.put("etc/fw_env.config", "".join(f"{uboot.dev.path}/dev/env{n} 0x0 0x2000\n" for n in range(2)))
    assert of_loader(uboot) == {("error", "loader-store")}
    assert f"{uboot.sys}{uboot.dev.path}/dev/env0: not found".startswith(
        told(uboot, "loader-store")[0].removeprefix("the boot loader's store: "))
    config = uboot.dev.path / "fw_env.config"
    (uboot.sys / "etc/fw_env.config").rename(config)
    uboot.dev.configure(PAIRS + f"[loader]\nkind=u-boot\nenvironment={config}\n")
    assert of_loader(uboot) == {("error", "loader-store")}
    assert told(uboot, "loader-store")[0].startswith(f"the boot loader's store: {uboot.sys}{config}: not found")


@pytest.mark.parametrize("words, why", [
    (["keelboot_default"], "U-Boot does not fall back to the kernel that proved itself"),
    (["keelboot_once"], "no release with a kernel is ever tried"),
    (["saveenv", "keelboot_save"], "a kernel that was asked for once and hangs is started again and again"),
    (["keelboot.pair="], "init does not know whose kernel runs"),
])
def test_what_is_missing_in_ubots_script_is_an_error(uboot, words, why):
    lines = (LOADERS / "boot.cmd").read_text().splitlines()
    uboot.put("boot/boot.scr", "\n".join(line for line in lines if not any(word in line for word in words)))
    assert of_loader(uboot) == {("error", "loader-script")}
    assert f"/boot/boot.scr has no {words[0]}: {why}" in told(uboot, "loader-script")


def test_a_bootcmd_that_starts_a_kernel_by_itself_is_an_error(uboot):
    uboot.uboot.put(bootcmd="load mmc 0:1 ${kernel_addr_r} Image; booti ${kernel_addr_r} - ${fdt_addr_r}")
    assert of_loader(uboot) == {("error", "loader-script")}
    assert told(uboot, "loader-script")[0].startswith("U-Boot's bootcmd starts a kernel by itself")
    uboot.uboot.put(bootcmd="source ${scriptaddr}; booti ${kernel_addr_r}")
    assert of_loader(uboot) == set()


def test_a_script_of_uboot_that_is_nowhere_is_said(uboot):
    (uboot.sys / "boot/boot.scr").unlink()
    assert of_loader(uboot) == set()
    uboot.put("proc/cmdline", "gpt panic=10 keelboot.pair=a")
    assert ("note", "loader-script-unseen") in of_loader(uboot)


def test_an_extlinux_in_place_of_the_script_is_an_error(uboot):
    uboot.put("boot/extlinux/extlinux.conf", "label x\n")
    (uboot.sys / "boot/boot.scr").unlink()
    assert of_loader(uboot) == set(), "Keelboot's script has counted this start"
    unproven(uboot)
    assert ("error", "loader-script") in of_loader(uboot)
    assert "U-Boot starts what /boot/extlinux/extlinux.conf says" in told(uboot, "loader-script")[0]


def test_a_prompt_of_uboot_that_waits_for_a_person_is_an_error(uboot):
    uboot.uboot.put(bootdelay="-1")
    assert of_loader(uboot) == {("error", "loader-menu")}
    uboot.uboot.put(bootdelay="-2")
    assert of_loader(uboot) == set()


def test_a_count_of_uboot_that_nobody_answers_is_said(uboot):
    uboot.uboot.put(bootlimit="3")
    assert of_loader(uboot) == {("error", "loader-bootlimit")}
    assert "altbootcmd, which is missing: nothing starts" in told(uboot, "loader-bootlimit")[0]
    uboot.uboot.put(bootlimit="3", altbootcmd="run recovery")
    assert of_loader(uboot) == {("warning", "loader-bootlimit")}
    uboot.uboot.put(bootlimit="3", altbootcmd="run bootcmd")
    assert of_loader(uboot) == set()
    uboot.dev.configure(PAIRS + "[loader]\nkind=u-boot\ncounter=u-boot\n")
    uboot.uboot.put(bootlimit="3", altbootcmd="run recovery", upgrade_available="1")
    assert of_loader(uboot) == set(), "mark good answers it"
    uboot.uboot.put(bootlimit="3", upgrade_available="1")
    assert of_loader(uboot) == {("error", "loader-bootlimit")}


@pytest.mark.parametrize("offset, found", [
    ("0x80000", ""), ("0xfe000", ""), ("0xff000", "/dev/vda1"), ("0x100000", "/dev/vda1"), ("0x8ff000", "/dev/vda1"),
    ("0x900000", ""), ("0x1000000", ""), ("-0x4000", "/dev/vda7")])
def test_an_environment_in_a_partition_of_ours_is_an_error(uboot, offset, found):
    """Also in its first or last byte. vda2 is nobody's."""
    (uboot.dev.run / "devices").write_text("disk /dev/vda\ndata /dev/vda7\nloader u-boot /etc/fw_env.config\npair a\n"
                                           "slot a boot /dev/vda1\n")
    uboot.put("sys/class/block/vda/size", "262144")
    for name, start, size in (("vda1", 2048, 16384), ("vda2", 32768, 2048), ("vda7", 200000, 62144)):
        uboot.put(f"sys/class/block/vda/{name}/start", str(start))
        uboot.put(f"sys/class/block/vda/{name}/size", str(size))
    uboot.put("etc/fw_env.config", f"/dev/vda {offset} 0x2000\n/dev/env1 0x0 0x2000\n")
    said = told(uboot, "loader-environment")
    assert len(said) == bool(found)
    assert all(f"of /dev/vda lies in {found}: U-Boot writes over that" in one for one in said)


def test_two_copies_that_differ_and_have_one_count_are_named(uboot):
    """A factory may write one image to both places: they do not differ."""
    for count in (0, 7, 255):
        uboot.uboot.put_copy(0, count)
        uboot.uboot.put_copy(1, count)
        assert told(uboot, "loader-copies") == []
        uboot.uboot.put_copy(1, count, more="1")
        assert told(uboot, "loader-copies") == [
            f"/etc/fw_env.config: both copies of U-Boot's environment have the count {count}, and differ: U-Boot and "
            "Keelboot take the first"]
        assert ("warning", "loader-copies") in uboot.findings()
    damaged = bytearray((uboot.sys / "dev/env1").read_bytes())
    damaged[99] ^= 1
    (uboot.sys / "dev/env1").write_bytes(damaged)
    assert told(uboot, "loader-copies") == []
    uboot.uboot.put_copy(1, 0, more="1")
    assert told(uboot, "loader-copies") == []


def test_ubots_watchdog_is_known_by_its_script_alone(uboot):
    assert EARLY in uboot.findings()
    uboot.put("boot/boot.scr", "wdt dev wdt0; wdt start 60000\n" + (LOADERS / "boot.cmd").read_text())
    assert EARLY not in uboot.findings()
    assert facts(uboot)["watchdog"] is True


# ---------------------------------------------------------------- systemd-boot, and the firmware's menu

@pytest.fixture(name="entries")
def make_entries(board):
    board.entries = SystemdBoot(board)
    return board


def test_a_preferred_entry_may_go_before_the_preset(entries):
    entries.put("efi/loader/loader.conf", "#preferred x\ntimeout 0\ndefault other.efi\n")
    assert of_loader(entries) == {("warning", "loader-uncounted")}, "the variable goes before `default`"
    assert facts(entries)["configuration"] == "/efi/loader/loader.conf"
    entries.put("efi/loader/loader.conf", "timeout 0\npreferred other.efi\n")
    assert ("warning", "loader-preferred") in of_loader(entries)


def test_the_file_is_read_where_nobody_has_mounted_it(entries):
    """A folder stands for the partition."""
    entries.put("dev/vda5/loader/loader.conf", "timeout menu-force\n")
    assert ("error", "loader-menu") in of_loader(entries)
    assert facts(entries)["configuration"] == "loader/loader.conf of /dev/vda5"


@pytest.mark.parametrize("seconds, found", [(0xffff, True), (5, False), (0, False)])
def test_a_menu_of_the_firmware_that_waits_for_a_person_is_an_error(entries, seconds, found):
    file = entries.sys / f"sys/firmware/efi/efivars/Timeout-{UEFI}"
    file.write_bytes(b"\7\0\0\0" + struct.pack("<H", seconds))
    assert (("error", "loader-menu") in of_loader(entries)) is found


# ---------------------------------------------------------------- a Raspberry Pi

@pytest.fixture(name="pi")
def make_pi(board):
    board.pi = Tryboot(board)
    board.pi.put(AUTOBOOT.format(2, 2))
    return board


def pair(board, number, config="kernel_watchdog_timeout=60\n", line="gpt panic=10"):
    """A folder stands for the partition."""
    board.put(f"dev/mmcblk0p{number}/config.txt", config)
    board.put(f"dev/mmcblk0p{number}/cmdline.txt", line)


def test_what_config_says_of_the_watchdog(pi):
    assert EARLY in pi.findings(), "neither can be read"
    assert facts(pi)["watchdog"] is None
    pair(pi, 2)
    pair(pi, 3)
    assert EARLY not in pi.findings() and facts(pi)["watchdog"] is True
    for config in ("#kernel_watchdog_timeout=60", "kernel_watchdog_timeout=0", ""):
        pair(pi, 3, config)
        assert ("warning", "watchdog-early") in pi.findings() and facts(pi)["watchdog"] is False
    for config in ("include more.txt", "[pi4]\nkernel_watchdog_timeout=60\n[pi5]\nkernel_watchdog_timeout=0",
                   "[pi4]\nkernel_watchdog_timeout=60",
                   "kernel_watchdog_timeout=60\n[tryboot]\nkernel_watchdog_timeout=0"):
        pair(pi, 3, config)
        assert EARLY in pi.findings() and facts(pi)["watchdog"] is None


def test_the_line_of_the_other_slot_wants_panic_as_well(pi):
    pair(pi, 2, line="none: /proc/cmdline has that of the slot that runs")
    pair(pi, 3)
    assert of_loader(pi) == {("warning", "loader-uncounted")}
    pair(pi, 3, line="gpt console=ttyS0")
    assert ("error", "loader-panic") in of_loader(pi)
    assert "cmdline.txt of slot b's kernel has no panic=" in told(pi, "loader-panic")[0]


@pytest.mark.parametrize("first", ["", "/dev/vda1 / ext4 ro 0 0\n"])
def test_a_store_that_is_mounted_is_an_error(pi, first):
    pi.put("proc/mounts", first + "/dev/mmcblk0p1 /boot/firmware vfat rw 0 0")
    assert ("error", "loader-mounted") in of_loader(pi)
    pi.put("proc/mounts", first + "/dev/mmcblk0p12 /x vfat rw 0 0")
    assert ("error", "loader-mounted") not in of_loader(pi)


# ---------------------------------------------------------------- the watchdog, and no loader at all

def test_a_watchdog_before_the_kernel_is_not_known_of_grub(grub):
    assert EARLY in grub.findings(OK)
    assert "GRUB arms no watchdog" in told(grub, "watchdog-early")[0]


def test_a_kernel_that_feeds_the_loaders_watchdog_forever_is_said(pi):
    pair(pi, 2)
    pair(pi, 3)
    pi.put("sys/module/watchdog/parameters/handle_boot_enabled", "Y")
    pi.put("sys/module/watchdog/parameters/open_timeout", "0")
    assert EARLY in pi.findings()
    assert pi.told("watchdog-early")[0]["fix"].startswith("add watchdog.open_timeout=120")
    pi.put("sys/module/watchdog/parameters/open_timeout", "120")
    assert EARLY not in pi.findings()


def test_a_device_that_names_no_loader_is_no_silence(board):
    assert facts(board) == {"name": "one kernel for all slots, whoever starts it", "falls_back": False, "counts": None,
                            "watchdog": None, "configuration": None}
    board.dev.configure(PAIRS)
    assert ("error", "loader-none") in board.findings(FAILURE)


def test_the_facts_are_said_in_text_as_well(grub):
    assert grub.doctor().stdout.splitlines()[-1] == (
        "Boot loader: GRUB. Falls back from a kernel on trial that does not start: yes. Counts: starts of its preset. "
        "Watchdog before the kernel: not known. Configuration: /boot/grub/grub.cfg.")
