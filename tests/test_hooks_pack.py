# SPDX-License-Identifier: Apache-2.0
"""What the hooks of all generators share: the drivers that an initramfs is told about. And the calls
of mkinitcpio's hook."""

import os
import re
import shutil
import subprocess

import pytest

import kbkernel
from cli_device import TOP

LIB = TOP / "hooks/lib"
DEP = """\
kernel/drivers/watchdog/hpwdt.ko.xz: kernel/drivers/watchdog/watchdog.ko.xz
kernel/drivers/char/ipmi/ipmi_si.ko: kernel/drivers/char/ipmi/ipmi_msghandler.ko
kernel/drivers/char/ipmi/ipmi_watchdog.ko:
kernel/drivers/i2c/busses/i2c-i801.ko.zst:
kernel/drivers/watchdog/it87_wdt.ko:
"""
ALIAS = """\
# Aliases extracted from modules themselves.
alias pci:v0000103Cd00003306sv*sd*bc*sc*i* hpwdt
alias acpi*:IPI0001:* ipmi_si
alias platform:dmi-ipmi-si ipmi_si
alias pci:v00008086d00001C22sv*sd*bc*sc*i* i2c_i801
alias platform:iTCO_wdt iTCO_wdt
alias platform:other other
"""


def drivers(awk, folder, names: str, given: str = "") -> list:
    files = (folder / "modules.dep", folder / "modules.alias")
    return subprocess.run([*awk, "-v", f"given={given}", "-f", LIB / "drivers.awk", "-", *files],
                          input=names, text=True, capture_output=True, check=True).stdout.splitlines()


def sets(tmp_path, loaded=(), **env) -> list:
    (tmp_path / "module/squashfs").mkdir(parents=True, exist_ok=True)      # built in, here
    for module in loaded:
        (tmp_path / "module" / module).mkdir(parents=True, exist_ok=True)
        (tmp_path / "module" / module / "initstate").write_text("live\n")
    env = {"PATH": "/usr/bin:/bin", "KEELBOOT_SYS": str(tmp_path), **env}
    return subprocess.run(["sh", "-uc", f". {LIB}/pack.sh; echo $KEELBOOT_SETS"], text=True, capture_output=True,
                          check=True, env=env).stdout.split()


def test_what_only_selects_has_what_the_machine_uses(tmp_path):
    assert sets(tmp_path, KEELBOOT_APPLY="no") == ["watchdog", "efi-pstore", "ext4"]
    assert sets(tmp_path, ("ipmi_si", "ramoops", "erofs", "dm_verity"), KEELBOOT_APPLY="no") == [
        "watchdog", "efi-pstore", "ext4", "watchdog-server", "pstore", "erofs", "verity"]


def test_what_installs_has_all_and_the_maker_may_say_what(tmp_path):
    assert {"watchdog-server", "squashfs", "erofs", "verity", "usb", "sd"} <= set(sets(tmp_path))
    assert sets(tmp_path, ("squashfs",), KEELBOOT_APPLY="no", KEELBOOT_SETS="usb") == ["usb"]


# What the boot reads of a device, and what it must not have: an initramfs is for everybody to read.
READ = ("etc/keelboot/system.conf", "etc/keelboot/system.conf.d/10-a.conf", "usr/lib/keelboot/system.conf.d/20-b.conf",
        "etc/keelboot/keys/vendor.pem", "etc/keelboot/keys/retired.d/old", "etc/keelboot/more keys/own.pem",
        "etc/keelboot/checks/free-space", "usr/lib/keelboot/hooks/check.d/10-own", "etc/keelboot/of-a-hook")
SECRET = ("etc/keelboot/gateway-token", "etc/keelboot/client.key", "etc/keelboot/client.pem",
          "etc/keelboot/keys/vendor.key", "etc/keelboot/keys/both.pem", "etc/keelboot/more keys/token",
          "etc/keelboot/system.conf.d/.token.conf.swp", "etc/keelboot/system.conf.d/old/10-a.conf",
          "etc/keelboot/system.conf.bak", "etc/keelboot/health/token",
          "etc/keelboot/check.d/10-own")
# What each generator gives its hook: a file goes into the folder $OUT.
GENERATORS = {
    "initramfs-tools": ("hook", """take() { mkdir -p "$OUT${1%/*}"; cp "$1" "$OUT$1"; }
copy_file() { take "$2"; }; copy_exec() { :; }; manual_add_modules() { :; }; DESTDIR=$OUT version=0""", ""),
    "dracut": ("50keelboot/module-setup.sh", """set -o pipefail
dracut_module_included() { return 1; }; inst_hook() { :; }
inst() { mkdir -p "$OUT${1%/*}"; cp "$1" "$OUT$1"; }; initdir=$OUT srcmods=/none moddir=/none""",
               "install"),
    "mkinitcpio": ("install/keelboot", """add_binary() { :; }; add_module() { :; }; add_runscript() { :; }
add_file() { [ "$1" = - ] && return; mkdir -p "$OUT${1%/*}"; cp "$1" "$OUT$1"; }; BUILDROOT=$OUT KERNELVERSION=0""",
                   # mkinitcpio does not look at what build returns.
                   'build\n: >"$OUT/made"'),
    "mkosi-initrd": ("mkosi.postinst", "install() { :; }; BUILDROOT=$OUT ARTIFACTDIR=$OUT", ""),
}


SAY = "".join(f'{name}() {{ echo "$@" >&2; }}\n' for name in ("dwarn", "dfatal", "warning", "error"))
# As mkinitcpio's: it ends that, before there is an image.
DIE = 'die() { printf "$@" >&2; exit 1; }\n'


def hooked(generator, tmp_path, stubs: str, library: str = "/usr/lib/keelboot", gives: str = ""):
    """Its hook at work: the files of a device lie in a folder, as those of the initramfs do. gives: more stubs."""
    top, out = tmp_path / "device", tmp_path / generator
    out.mkdir(exist_ok=True)
    hook, of_generator, function = GENERATORS[generator]
    gives = of_generator + gives
    text = f"{(LIB / 'pack.sh').read_text()}{stubs}\n"
    script = "\n".join(line for line in (TOP / "hooks" / generator / hook).read_text().splitlines()
                       if not line.lstrip().startswith(". /usr"))
    for old in ("/etc/keelboot", "/usr/lib/keelboot/hooks", "/usr/lib/keelboot/system.conf"):
        text = text.replace(old, str(top) + old)
    text = text.replace("/etc/crypttab", f"{top}/etc/crypttab").replace("KEELBOOT_LIB=/usr/lib/keelboot",
                                                                        f"KEELBOOT_LIB={library}")
    text = text.replace("/usr/lib/keelboot;", f"{top}/usr/lib/keelboot;")
    return subprocess.run(["bash", "-c", f"{text}{SAY}{DIE}{gives}\n{script}\n{function}"], check=False, text=True,
                          capture_output=True,
                          env={"PATH": "/usr/bin:/bin", "OUT": str(out), "KEELBOOT_BOOT": str(top / "boot")})


def packed_by(generator, tmp_path) -> set:
    """The files of a device that its hook takes."""
    top, out = tmp_path / "device", tmp_path / generator
    done = hooked(generator, tmp_path, "keelboot_missing() { :; }; keelboot_programs() { :; }; KEELBOOT_FILES="
                  "/etc/keelboot/of-a-hook; keelboot_modules() { :; }; keelboot_watchdog_drivers() { :; }")
    assert done.returncode == 0, done.stderr
    return {str(path.relative_to(out / str(top)[1:])) for path in (out / str(top)[1:]).rglob("*") if path.is_file()}


@pytest.mark.parametrize("generator", GENERATORS)
def test_no_secret_of_a_device_is_in_its_initramfs(tmp_path, generator):
    top = tmp_path / "device"
    for path in READ + SECRET:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text("-----BEGIN PUBLIC KEY-----\n" if path.endswith("pem") else "")
    (top / "etc/keelboot/keys/both.pem").write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    (top / "etc/keelboot/system.conf.d/10-a.conf").write_text(
        f"[fleet]\nca-file = {top}/etc/keelboot\n[keyring] ; ours\n path = {top}/etc/keelboot/more keys ; of us\n")
    assert packed_by(generator, tmp_path) == set(READ)


@pytest.mark.parametrize("generator", GENERATORS)
def test_an_initramfs_knows_that_it_may_ask_for_a_passphrase(tmp_path, generator):
    """Else nobody feeds the watchdog meanwhile. Most systems have no crypttab.initramfs; dracut sets pipefail; and
    mkosi shows the script only what the image has."""
    table = tmp_path / ("mkosi-initrd" if generator == "mkosi-initrd" else "device") / "etc/crypttab"
    for keys, asks in (("none", True), ("/etc/slot.key", False)):
        table.parent.mkdir(parents=True)
        table.write_text(f"secret PARTLABEL=secret {keys} luks,initramfs\n")
        assert ("etc/keelboot/unlock" in packed_by(generator, tmp_path)) == asks
        shutil.rmtree(tmp_path / generator)
        shutil.rmtree(table.parent, ignore_errors=True)


def test_dracut_packs_the_libraries_of_the_programs_at_once(tmp_path):
    """By the word of 109 and before, and by that of 110: else nobody can try whether they got room."""
    done = hooked("dracut", tmp_path, """keelboot_missing() { :; }; keelboot_modules() { :; }
keelboot_programs() { echo program target; }; keelboot_watchdog_drivers() { :; }; export DRACUT_RESOLVE_LAZY=1
keelboot_unusable() { inst() { :; }; }""" + "\n", gives="""
inst() { echo "$* by ${DRACUT_RESOLVE_DEPS:+the old }${DRACUT_RESOLVE_LAZY:-and the new}" >&2; }""")
    assert done.returncode == 0 and "program target by the old and the new\n" in done.stderr, done.stderr


def test_a_private_key_among_the_public_ones_is_named(tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/vendor.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    script = f". {LIB}/pack.sh; keelboot_keyrings() {{ echo {tmp_path}/keys; }}; keelboot_keys"
    done = subprocess.run(["sh", "-uc", script], text=True, capture_output=True, check=True,
                          env={"PATH": "/usr/bin:/bin"})
    assert done.stdout == "" and f"{tmp_path}/keys/vendor.pem: a private key, which is left out" in done.stderr


def test_whether_volumes_may_have_to_be_opened(tmp_path):
    def opens(text: str) -> bool:
        (tmp_path / "system.conf").write_text(text)
        return subprocess.run(["sh", "-uc", f". {LIB}/pack.sh; keelboot_confs() {{ echo {tmp_path}/system.conf; }}; "
                               "keelboot_names_paths"], env={"PATH": "/usr/bin:/bin"}).returncode == 0
    assert opens("[slot.a]\nroot = /dev/vg/a\n") and opens("[slot.a]\nroot=/dev/mapper/a\n")
    assert not opens("[slot.a]\nroot=PARTLABEL=root-a\n")


def test_an_initramfs_that_a_trial_makes_is_warned_of(tmp_path):
    """It starts the other slot, too, and is still there when the trial is rejected."""
    def warned() -> str:
        return subprocess.run(["sh", "-uc", f". {LIB}/pack.sh; keelboot_warning"], text=True, check=True,
                              capture_output=True, env={"PATH": "/usr/bin:/bin", "KEELBOOT_RUN": str(tmp_path)}).stdout
    assert warned() == ""
    (tmp_path / "slot").write_text("b\n")
    (tmp_path / "boot.json").write_text('{"slot":"b","status":"good"}\n')
    assert warned() == ""
    (tmp_path / "boot.json").write_text('{"slot":"b","status":"trial"}\n')
    assert warned().startswith("slot b is on trial, and this initramfs starts the other slot, too")
    (tmp_path / "good").write_text("")
    assert warned() == ""


def test_what_is_wrong_in_system_conf_is_warned_of_and_no_failure(tmp_path):
    command = tmp_path / "keelboot"
    command.write_text("#!/bin/sh\necho \"keelboot: $1: one\" >&2\necho keelboot: two >&2\necho no problems\nexit 1\n")
    command.chmod(0o755)
    done = subprocess.run(["sh", "-euc", f". {LIB}/pack.sh; keelboot_warning"], text=True, check=True,
                          capture_output=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin", "KEELBOOT_RUN": str(tmp_path)})
    assert done.stdout == "check-config: one\ntwo\n"


@pytest.mark.parametrize("line, left", [("root=/dev/nfs", True), ("netroot=nfs:x", True), ("root=live:CD", True),
                                        ("root=/dev/vda2", False), ("root=block:/dev/vda2", False), ("", False),
                                        ("enable=1 root=/dev/vda2", True),
                                        ("ignored=1 enable=1 root=/dev/vda2", False)])
def test_dracuts_roots_from_elsewhere_are_left_to_it(tmp_path, line, left):
    """Without systemd: the name of what is no slot is not taken away, nor that of a boot without Keelboot. enable: what
    dracut's getargbool answers to keelboot.enable=0."""
    script = (TOP / "hooks/dracut/50keelboot/cmdline.sh").read_text()
    script = script.replace("/etc/keelboot", str(tmp_path))
    if "ignored" in line:
        (tmp_path / "enable-ignored").touch()
    given = f"getargbool() {{ return ${{enable:-0}}; }}\n{line}\ntake() {{\n{script}\n}}\ntake"
    said = subprocess.run(["sh", "-uc", f"{given}\necho $root"], text=True,
                          capture_output=True, check=True, env={"PATH": "/usr/bin:/bin", "root": ""}).stdout.strip()
    assert (said != "keelboot") == left


OVERLAY, EXT4 = "overlay / overlay rw,lowerdir=/a 0 0", "/dev/vda2 / ext4 rw 0 0"
DOCKER = f"{EXT4}\noverlay /var/lib/docker/overlay2/x/merged overlay rw 0 0"


@pytest.mark.parametrize("modules, mounts, used", [
    ("dep", f"rootfs / rootfs rw 0 0\n{OVERLAY}", "most"), ("dep", EXT4, "dep"), ("dep", DOCKER, "dep"),
    ("most", OVERLAY, "most"), ("list", OVERLAY, "list"), ("", OVERLAY, "")])
def test_an_initramfs_that_asks_for_the_roots_device_is_made_above_an_overlay(tmp_path, modules, mounts, used):
    """initramfs-tools sources this behind its configuration; where it fails, dpkg leaves packages half configured."""
    (tmp_path / "mounts").write_text(f"{mounts}\n")
    text = (TOP / "hooks/initramfs-tools/conf-hook").read_text().replace("/proc/mounts", f"{tmp_path}/mounts")
    done = subprocess.run(["sh", "-euc", f"MODULES={modules}\n{text}\necho $MODULES"], text=True, capture_output=True,
                          check=True, env={"PATH": "/usr/bin:/bin"})
    assert done.stdout.strip() == used and ("MODULES=most" in done.stderr) == (modules != used)


def test_an_initramfs_without_keelboot_gets_what_says_so(tmp_path):
    subprocess.run(["sh", "-euc", f". {LIB}/pack.sh; KEELBOOT_LIB={LIB}; "
                    f"keelboot_pack_missing {tmp_path} 'there is no /etc/keelboot/system.conf'"],
                   check=True, env={"PATH": "/usr/bin:/bin"})
    assert (tmp_path / "etc/keelboot/missing").read_text() == "there is no /etc/keelboot/system.conf\n"
    script = tmp_path / str(LIB)[1:] / "say-missing"
    assert script.stat().st_mode & 0o111
    for shell in (("dash",), ("busybox", "sh")):
        said = tmp_path / "kmsg"
        text = script.read_text().replace("/etc/keelboot", f"{tmp_path}/etc/keelboot").replace("/dev/kmsg", str(said))
        subprocess.run([*shell, "-eu"], input=text, text=True, check=True)
        assert said.read_text() == \
            "<3>keelboot: there is no /etc/keelboot/system.conf: this boot goes on without Keelboot\n"


@pytest.mark.parametrize("awk", [("mawk",), ("busybox", "awk")], ids=" ".join)
def test_drivers_are_told_with_what_hardware_asks_for_them(tmp_path, awk):
    (tmp_path / "modules.dep").write_text(DEP)
    (tmp_path / "modules.alias").write_text(ALIAS)
    assert drivers(awk, tmp_path, "ipmi_si\nhpwdt\nipmi_watchdog\ni2c-i801\niTCO_wdt\nit87_wdt\n") == [
        "ipmi_si acpi*:IPI0001:*", "ipmi_si platform:dmi-ipmi-si",
        "ipmi_si /kernel/drivers/char/ipmi/ipmi_msghandler.ko", "ipmi_si /kernel/drivers/char/ipmi/ipmi_si.ko",
        "hpwdt pci:v0000103Cd00003306sv*sd*bc*sc*i*",
        "hpwdt /kernel/drivers/watchdog/watchdog.ko.xz stop_on_reboot=0", "hpwdt /kernel/drivers/watchdog/hpwdt.ko.xz",
        # The BMC's timer is where the BMC is.
        "ipmi_watchdog acpi*:IPI0001:*", "ipmi_watchdog platform:dmi-ipmi-si",
        "ipmi_watchdog /kernel/drivers/char/ipmi/ipmi_watchdog.ko",
        "i2c_i801 pci:v00008086d00001C22sv*sd*bc*sc*i*", "i2c_i801 /kernel/drivers/i2c/busses/i2c-i801.ko.zst",
        # iTCO_wdt: this kernel has no such module. it87_wdt names no hardware.
        "it87_wdt", "it87_wdt /kernel/drivers/watchdog/it87_wdt.ko"]


@pytest.mark.parametrize("awk", [("mawk",), ("busybox", "awk")], ids=" ".join)
def test_a_module_with_rules_is_left_to_modprobe(tmp_path, awk):
    """And what needs it, too."""
    (tmp_path / "modules.dep").write_text(DEP)
    (tmp_path / "modules.alias").write_text("")
    assert drivers(awk, tmp_path, "ipmi_si\nhpwdt\nit87_wdt\n", "ipmi_msghandler it87-wdt") == [
        "ipmi_si", "hpwdt", "hpwdt /kernel/drivers/watchdog/watchdog.ko.xz stop_on_reboot=0",
        "hpwdt /kernel/drivers/watchdog/hpwdt.ko.xz", "it87_wdt"]


def test_rules_are_those_of_a_person_and_of_the_kernel(tmp_path):
    """Keelboot's own is in the table of the drivers, too."""
    for path, text in {"etc/modprobe.d/keelboot.conf": "options watchdog stop_on_reboot=0\n",
                       "etc/modprobe.d/mine.conf": "# options a b=1\nblacklist hpwdt\noptions iTCO_wdt nowayout=1",
                       "etc/modprobe.d/next.conf": "options sp5100_tco action=1\n",
                       "usr/lib/modprobe.d/x.conf": "install i6300esb /bin/true\n"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "modules.softdep").write_text("softdep ipmi_si pre: x\n")
    said = packs(tmp_path, MEASURE, f"keelboot_ruled_modules {tmp_path} {tmp_path}")
    assert said.split() == ["ipmi_si", "iTCO_wdt", "sp5100_tco", "i6300esb"]


def test_debians_kernel_has_drivers_of_watchdogs_for_qemu_and_for_intel(tmp_path):
    names = subprocess.run(["mawk", "-v", "sets=watchdog-server watchdog", "-f", LIB / "modules.awk",
                            TOP / "initramfs/mkinitramfs.d/module-sets.ini"], text=True, capture_output=True,
                           check=True).stdout
    lines = drivers(("mawk",), kbkernel.get().modules, names)
    told = [line.split()[0] for line in lines]
    assert "i6300esb pci:v00008086d000025ABsv*sd*bc*sc*i*" in lines and "iTCO_wdt platform:iTCO_wdt" in lines
    assert told.index("ipmi_watchdog") < told.index("iTCO_wdt") < told.index("it87_wdt")
    files = [line for line in lines if " /" in line]
    first = next(line for line in files if line.startswith("i6300esb "))     # .ko.xz with Debian 13
    assert re.fullmatch(r"i6300esb /kernel/drivers/watchdog/watchdog\.ko(\.xz)? stop_on_reboot=0", first)
    # As large as keelboot-select reads: TABLE_MAX, PATTERNS_MAX, FILES_MAX and DRIVERS_MAX of drivers.c.
    assert sum(len(line) + 1 for line in lines) < 65536 and len(lines) < 2048 and len(set(told)) < 64
    assert len(files) < 256 and all(len(line.split()) <= 2 for line in lines if line not in files)


# ---------------------------------------------------------------- what a measured boot needs

MEASURE = "[system]\ncompatible=x\n[measure]\n pcr = 13  # of systemd\n"


def packs(tmp_path, conf: str, words: str, **env) -> str:
    """What the shell says with this system.conf, and with all programs."""
    (tmp_path / "system.conf").write_text(conf)
    (tmp_path / "lib").mkdir(exist_ok=True)
    for program in ("keelboot-select", "keelboot-helper"):
        (tmp_path / "lib" / program).write_text("#!/bin/sh\n")
        (tmp_path / "lib" / program).chmod(0o755)
    for name in ("modules.awk", "mkinitramfs.d"):
        if not (tmp_path / "lib" / name).exists():
            (tmp_path / "lib" / name).symlink_to(TOP / ("initramfs" if name.endswith(".d") else "hooks/lib") / name)
    script = (LIB / "pack.sh").read_text().replace("KEELBOOT_LIB=/usr/lib/keelboot", f"KEELBOOT_LIB={tmp_path}/lib") \
        .replace("for folder in /etc/keelboot /usr/lib/keelboot; do", f"for folder in {tmp_path}; do")
    return subprocess.run(["sh", "-euc", f"{script}\n{words}"], text=True, capture_output=True, check=True,
                          env={"PATH": "/usr/bin:/bin", "KEELBOOT_SYS": str(tmp_path), **env}).stdout.strip()


@pytest.mark.parametrize("conf, wanted", [
    (MEASURE, True), ("[measure]\npcr: 13\n", True), ("[measure] ; x\npcr:13", True),
    ("[measure]\npcr: none\n", False), ("[measure]\npcr=l3\n", True), ("[measure]\npcr=none\n", False),
    ("[measure]\n#pcr=13\n", False), ("[other]\npcr=13\n", False), ("", False)])
def test_drivers_of_tpms_are_packed_where_the_boot_measures(tmp_path, conf, wanted):
    for sets_of_the_maker in ({}, {"KEELBOOT_SETS": "usb"}):
        names = packs(tmp_path, conf, "keelboot_modules $KEELBOOT_SETS", **sets_of_the_maker).split()
        assert ({"tpm_tis", "tpm_crb", "tpm_tis_spi"} <= set(names)) == wanted


def test_an_initramfs_that_cannot_measure_is_not_made(tmp_path):
    modules = tmp_path / "modules"
    error = f"keelboot_error {modules}"
    assert packs(tmp_path, MEASURE, error) == ""            # nobody knows what that kernel has
    modules.mkdir()
    (modules / "modules.dep").write_text("kernel/fs/ext4/ext4.ko:\n")
    assert "has no driver of a TPM" in packs(tmp_path, MEASURE, error)
    assert packs(tmp_path, "", error) == ""
    (modules / "modules.builtin").write_text("kernel/drivers/char/tpm/tpm-tis.ko\n")
    assert packs(tmp_path, MEASURE, error) == ""
    assert "KEELBOOT_APPLY=no" in packs(tmp_path, MEASURE, error, KEELBOOT_APPLY="no")
    assert packs(tmp_path, "", error, KEELBOOT_APPLY="no") == ""


def test_debians_kernel_has_drivers_of_tpms(tmp_path):
    assert packs(tmp_path, MEASURE, f"keelboot_error {kbkernel.get().modules}") == ""


REQUIRED = "[initramfs]\nrequired=yes\n"
NO_PROGRAM = "LIBRARY/keelboot-select is missing"
# What system.conf says; what else there is; why there is no Keelboot in the initramfs, and whether that is an error.
WITHOUT = {
    "no program": ("", "", NO_PROGRAM, False),
    "no program, required": (REQUIRED, "", NO_PROGRAM, True),
    "no program, required otherwise": ("[initramfs] ; x\nrequired: true\n", "", NO_PROGRAM, True),
    "no program, verified": ("[system]\nverify-slot=always\n", "", NO_PROGRAM, True),
    "useless program": ("", "program", "keelboot-select does not start in it", False),
    "useless program, required": (REQUIRED, "program", "keelboot-select does not start in it", True),
    "adopting": (REQUIRED, "adopt", "keelboot adopt has not finished", False),
    # A drop-in alone configures nothing: that system gets the initramfs that it had.
    "no system.conf": (REQUIRED, "drop-in", "there is no DEVICE/etc/keelboot/system.conf", False),
}


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("what", WITHOUT)
def test_no_initramfs_is_made_without_keelboot_where_it_is_required(tmp_path, generator, what):
    conf, there, why, error = WITHOUT[what]
    device, library = tmp_path / "device", tmp_path / "lib"
    for folder in ("etc/keelboot/system.conf.d", "boot", "usr/lib/keelboot"):
        (device / folder).mkdir(parents=True)
    (device / "etc/keelboot" / ("system.conf.d/10-a.conf" if there == "drop-in" else "system.conf")).write_text(conf)
    if there == "adopt":
        (device / "boot/keelboot-adopt").write_text("")
    shutil.copytree(LIB, library)
    (library / "mkinitramfs.d").symlink_to(TOP / "initramfs/mkinitramfs.d")
    stubs = ""
    if there == "program":
        (library / "keelboot-select").write_text("#!/bin/sh\n")
        (library / "keelboot-select").chmod(0o755)
        stubs = "keelboot_unusable() { echo keelboot-select does not start in it; }"
    done = hooked(generator, tmp_path, stubs, str(library))
    why = why.replace("LIBRARY", str(library)).replace("DEVICE", str(device))
    notes = [path.read_text().strip() for path in (tmp_path / generator).rglob("etc/keelboot/missing")]
    assert (done.returncode, len(notes)) == ((1, 0) if error else (0, 1)), done.stderr
    assert "".join(notes).startswith("" if error else why)
    ends = ", and system.conf wants no boot without Keelboot" if error else ""
    assert (tmp_path / generator / "made").exists() == (generator == "mkinitcpio" and not error)
    assert f"keelboot: {why}{ends}" in done.stderr and ("boots without Keelboot" in done.stderr) != error


# A program with libraries, as keelboot-select may be one; the generator has copied it and them.
COPIES = """mount -t tmpfs -o OPTIONS none IMAGE
copy() { mkdir -p IMAGE"${1%/*}"; cp -L "$1" IMAGE"$1"; }
copy KEELBOOT/keelboot-select
for file in $(ldd KEELBOOT/keelboot-select | grep -o '/[^ ]*'); do copy "$file"; done
SPOIL
KEELBOOT_LIB=KEELBOOT
said=$(keelboot_unusable IMAGE)
echo "$said"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mount needs root")
@pytest.mark.parametrize("options", ["exec", "noexec"])
@pytest.mark.parametrize("spoil, starts", [
    (":", True), ("truncate -s 4096 IMAGE/KEELBOOT/keelboot-select", False),
    ("truncate -s 4096 IMAGE/lib/*/libc.so.6", False), ("rm IMAGE/lib/*/libc.so.6", False)])
def test_an_initramfs_on_a_disk_where_no_program_starts_is_looked_at(tmp_path, options, spoil, starts):
    """/var/tmp is mounted noexec where administrators harden a system. mkosi's script ends with what fails."""
    library, image = tmp_path / "lib", tmp_path / "image"
    library.mkdir()
    image.mkdir()
    shutil.copy("/usr/bin/true", library / "keelboot-select")
    script = COPIES.replace("SPOIL", spoil).replace("OPTIONS", options).replace("IMAGE", str(image)) \
        .replace("KEELBOOT/", f"{library}/").replace("=KEELBOOT", f"={library}")
    said = subprocess.run(["unshare", "--mount", "sh", "-euc", f". {LIB}/pack.sh\n{script}"], text=True, check=True,
                          stdout=subprocess.PIPE, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}).stdout
    assert said.strip() == ("" if starts else "keelboot-select does not start in it")


@pytest.mark.parametrize("hook, words", [
    ("initramfs-tools/hook", ""), ("mkosi-initrd/mkosi.postinst", ""), ("dracut/50keelboot/module-setup.sh", "install"),
    ("mkinitcpio/install/keelboot", "build; touch packed")])
def test_each_hook_fails_where_it_must_not_make_one(tmp_path, hook, words):
    (tmp_path / "pack.sh").write_text("keelboot_missing() { :; }\nkeelboot_error() { echo no driver; }\n"
                                      "keelboot_warning() { touch packed; }\n")
    (tmp_path / "usr/lib/modules/6.1").mkdir(parents=True)
    script = (TOP / "hooks" / hook).read_text().replace("/usr/lib/keelboot/pack.sh", str(tmp_path / "pack.sh")) \
        .replace("/usr/share/initramfs-tools/hook-functions", "/dev/null")
    stubs = f'dfatal() {{ echo "$@" >&2; }}\nerror() {{ echo "$@" >&2; }}\n{DIE}'
    done = subprocess.run(["bash", "-c", f"{stubs}{script}\n{words}"], text=True, capture_output=True, cwd=tmp_path,
                          env={"PATH": "/usr/bin:/bin", "BUILDROOT": str(tmp_path), "version": "6.1",
                               "KERNELVERSION": "6.1", "DESTDIR": str(tmp_path), "srcmods": str(tmp_path)})
    assert (done.returncode, "keelboot: no driver" in done.stderr) == (1, True)
    assert not (tmp_path / "packed").exists()


@pytest.mark.parametrize("kept, found", [("", False), ("keelboot", False),
                                         ("keelboot/usr/lib/modules/6.1/kernel/ext4.ko", True)])
def test_mkosi_brings_back_the_modules_that_were_kept(tmp_path, kept, found):
    """None where the kernel has them all built in: mkosi.postinst has made the folder then."""
    for folder in ("bin", "artifacts", "root/usr/lib/modules/6.1"):
        (tmp_path / folder).mkdir(parents=True)
    if kept.endswith(".ko"):
        (tmp_path / "artifacts" / kept).parent.mkdir(parents=True)
        (tmp_path / "artifacts" / kept).touch()
    elif kept:
        (tmp_path / "artifacts" / kept).mkdir()
    (tmp_path / "bin/depmod").write_text(f"#!/bin/sh\necho \"$*\" >>{tmp_path}/calls\n")
    (tmp_path / "bin/depmod").chmod(0o755)
    done = subprocess.run([TOP / "hooks/mkosi-initrd/mkosi.finalize"], text=True, capture_output=True,
                          env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "ARTIFACTDIR": str(tmp_path / "artifacts"),
                               "BUILDROOT": str(tmp_path / "root")})
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "root/usr/lib/modules/6.1/kernel/ext4.ko").exists() == found
    assert (tmp_path / "calls").exists() == found


# ---------------------------------------------------------------- mkinitcpio, busybox

def calls(tmp_path, function: str, status: int, mounts: str = "", chosen: str = "") -> list:
    """What the hook does where `choose` and `enter` end with that status. chosen: root.env."""
    program = tmp_path / "keelboot-select"
    program.write_text(f"#!/bin/sh\necho \"$*\" >>{tmp_path}/calls\n[ $1 = fail ] && exit 4\nexit {status}\n")
    program.chmod(0o755)
    (tmp_path / "calls").write_text("")
    (tmp_path / "mounts").write_text(mounts)
    hook = (TOP / "hooks/mkinitcpio/hooks/keelboot").read_text().replace("/usr/lib/keelboot", str(tmp_path)) \
        .replace("/proc/mounts", f"{tmp_path}/mounts").replace("/run/keelboot", str(tmp_path)) \
        .replace("/tmp/cmdline", f"{tmp_path}/cmdline")
    (tmp_path / "root.env").write_text(chosen)
    (tmp_path / "call.sh").write_text((LIB / "call.sh").read_text().replace("/usr/lib/keelboot", str(tmp_path)))
    subprocess.run(["busybox", "ash"], text=True, check=True,
                   input=f"{hook}\nlaunch_interactive_shell() {{ echo prompt >>{tmp_path}/calls; }}\n{function}\n")
    return (tmp_path / "calls").read_text().splitlines()


@pytest.mark.parametrize("status", [2, 3, 4])
def test_mkinitcpio_notes_a_failure_before_its_prompt(tmp_path, status):
    assert calls(tmp_path, "run_hook", status) == ["choose", "fail initramfs cannot choose a root", "prompt"]
    assert calls(tmp_path, "run_latehook", status) == [
        "enter /new_root", "fail initramfs cannot enter it", "prompt"]


def test_mkinitcpio_tells_where_the_root_is_mounted(tmp_path):
    assert calls(tmp_path, "run_hook", 1) == ["choose"]
    assert calls(tmp_path, "run_latehook", 0, "proc /proc proc rw 0 0\n/dev/vda3 /new_root ext4 ro 0 0\n") == [
        "enter /new_root"]
    assert calls(tmp_path, "run_latehook", 0, "/dev/vda3 /sysroot ext4 ro 0 0\n") == ["enter /sysroot"]


# What init does behind the hooks, as mkinitcpio's functions do: by the command line, the last one that is noted.
FSCK = """\
fsck_root() { echo "fsck $(grep -s ^root= TOP/cmdline | tail -1)" >>TOP/calls; }
run_hook
echo "mount $root" >>TOP/calls
fsck_root
"""


@pytest.mark.parametrize("chosen, checked", [("PROTECTED=yes", []), ("PROTECTED=no", ["fsck root=/dev/vda3"])])
def test_mkinitcpio_checks_no_slot_that_is_what_was_signed(tmp_path, chosen, checked):
    """Nor ever the one that root= of the command line names, while another one boots."""
    (tmp_path / "cmdline").write_text("quiet=y\nroot=PARTLABEL=root-a\n")
    chosen = f"KEELBOOT_ROOT=/dev/vda3 KEELBOOT_{chosen}\n"
    assert calls(tmp_path, FSCK.replace("TOP", str(tmp_path)), 0, chosen=chosen) == [
        "choose", "mount /dev/vda3", *checked]


def test_mkinitcpio_checks_as_ever_where_keelboot_steps_aside(tmp_path):
    (tmp_path / "cmdline").write_text("root=PARTLABEL=root-a\n")
    assert calls(tmp_path, FSCK.replace("TOP", str(tmp_path)), 1)[-1] == "fsck root=PARTLABEL=root-a"


def built(tmp_path, systemd: bool, more: str = "") -> list:
    """What the install hook adds, in an initramfs with systemd or without. more: in place of functions of pack.sh."""
    (tmp_path / "usr/lib/systemd").mkdir(parents=True, exist_ok=True)
    if systemd:
        (tmp_path / "usr/lib/systemd/systemd").write_text("")
    hook = (TOP / "hooks/mkinitcpio/install/keelboot").read_text()
    # mkinitcpio counts what such a function ended with; where `return` follows, what the command before it did.
    hook = "set -o functrace\ntrap '(( $? == 0 )) || [[ $FUNCNAME != add_* ]] || echo error in $FUNCNAME' RETURN\n" \
        + hook.replace("/usr/lib/keelboot/pack.sh", f"{LIB}/pack.sh")
    names = ("add_binary", "add_file", "add_module", "add_systemd_unit", "add_symlink", "add_runscript", "error")
    stubs = "".join(f"{name}() {{ echo \"{name} $*\"; }}\n" for name in names)
    pack = "\n".join(("keelboot_missing() { :; }", "keelboot_unusable() { :; }", "keelboot_files() { :; }",
                      "keelboot_modules() { :; }", "keelboot_watchdog_drivers() { :; }", more))
    hook = hook.replace("missing=$(keelboot_missing)", f"{pack}\n\tmissing=$(keelboot_missing)")
    stubs += 'map() { for word in "${@:2}"; do "$1" "$word"; done; }\ndie() { printf "$@"; exit 0; }\n'
    said = subprocess.run(["bash"], text=True, capture_output=True, check=True,
                          input=f"BUILDROOT={tmp_path} KERNELVERSION=1\n{stubs}{hook}\nbuild\n").stdout
    assert "error in" not in said
    return [line.strip() for line in said.splitlines()]


def test_mkinitcpios_systemd_gives_up_a_device_before_the_watchdog_does(tmp_path):
    """Else a container that is gone costs each boot a reset."""
    added = built(tmp_path, systemd=True)
    assert "add_file - /etc/systemd/system.conf.d/zz-keelboot.conf 644" in added and "add_runscript" not in added
    assert sum(line.startswith("add_systemd_unit keelboot-") for line in added) == 4


def test_mkinitcpios_systemd_keeps_the_smaller_programs(tmp_path):
    """add_systemd_unit adds the program that the unit names, in its place."""
    added = [line.split()[:2] for line in built(tmp_path, systemd=True)]
    ours = [at for at, words in enumerate(added) if words == ["add_binary", "/usr/lib/keelboot/call.sh"]]
    assert len(ours) == 2 and ours[1] > max(at for at, words in enumerate(added) if words[0] == "add_systemd_unit")


def test_mkinitcpios_busybox_gets_the_runtime_hook(tmp_path):
    added = built(tmp_path, systemd=False)
    assert "add_runscript" in added and not [line for line in added if "systemd" in line]


def test_mkinitcpios_systemd_brings_the_shell_that_its_units_start(tmp_path):
    """base, which has one, is optional beside systemd."""
    shell = [f"add_binary /usr/bin/{name}" for name in ("sh", "mkdir", "sleep")]
    added = built(tmp_path, systemd=True)
    assert [line for line in added if line in shell] == shell
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin/sh").touch(mode=0o755)
    assert not set(shell) & set(built(tmp_path, systemd=True))
    assert not set(shell) & set(built(tmp_path / "other", systemd=False))


REQUIRED_IS = "keelboot_no_select() { :; }; keelboot_required() { echo"
# As init of mkinitcpio has it, ahead of all hooks.
DISABLES = """\
. TOP/init_functions
for d in $words; do
    [ -e "TOP/hooks/$d" ] && chmod 644 "TOP/hooks/$d"
done
"""


@pytest.mark.parametrize("required, kept", [("always", True), ("yes", False), ("", False)])
@pytest.mark.parametrize("word", ["keelboot", "../hooks/keelboot"])
def test_disablehooks_counts_where_keelboot_enable_does(tmp_path, required, kept, word):
    """Another hook is disabled all the same."""
    for name in ("hooks/keelboot", "hooks/resume", "init_functions"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch(mode=0o755)
    built(tmp_path, systemd=False, more=f"{REQUIRED_IS} {required}; }}")
    functions = tmp_path / "init_functions"
    functions.write_text(functions.read_text().replace("/hooks/", f"{tmp_path}/hooks/").replace("/dev/kmsg",
                                                                                                f"{tmp_path}/kmsg"))
    script = DISABLES.replace("TOP", str(tmp_path))
    subprocess.run(["busybox", "ash", "-c", script], check=True, env={"PATH": "/usr/bin:/bin",
                                                                      "words": f"{word} resume"})
    modes = {name: (tmp_path / "hooks" / name).stat().st_mode & 0o777 for name in ("keelboot", "resume")}
    assert modes == {"keelboot": 0o755 if kept else 0o644, "resume": 0o644}
    assert (tmp_path / "kmsg").exists() == kept


def test_without_base_ahead_of_it_nothing_withstands_disablehooks(tmp_path):
    """So there is no image."""
    added = built(tmp_path, systemd=False, more=f"{REQUIRED_IS} always; }}")
    assert added[-1] == "keelboot: keelboot comes behind base in HOOKS"
