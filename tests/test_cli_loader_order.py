# SPDX-License-Identifier: Apache-2.0
"""`keelboot doctor` and configurations of boot loaders as they are found on devices: those that distributions make, and
those that somebody wrote by hand and that have the right words in the wrong place."""
import json
import shutil
import subprocess

import pytest
from test_cli_loader import told
from test_cli_loader_script import facts, make_board, make_grub, make_uboot, of_loader, unproven

_ = make_board, make_grub, make_uboot
ERROR, UNSEEN, UNCLEAR = ("error", "loader-script"), ("note", "loader-script-unseen"), ("note", "loader-script-unclear")

# ---------------------------------------------------------------- GRUB: what grub-mkconfig writes, shortened

HEAD = """
### BEGIN /etc/grub.d/00_header ###
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod efi_gop
  fi
}
terminal_output gfxterm
if [ "${recordfail}" = 1 ] ; then
  set timeout=30
else
  set timeout=5
fi
### END /etc/grub.d/00_header ###
"""

LINUX = """
### BEGIN /etc/grub.d/10_linux ###
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-0123' {
        load_video
        insmod gzio
        if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
        search --no-floppy --fs-uuid --set=root 01234567-89ab-cdef-0123-456789abcdef
        echo    'Loading Linux 6.1.0-28-amd64 ...'
        linux   /boot/vmlinuz-6.1.0-28-amd64 root=UUID=01234567-89ab-cdef-0123-456789abcdef ro  quiet
        initrd  /boot/initrd.img-6.1.0-28-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-0123' {
        menuentry 'Debian GNU/Linux, with Linux 6.1.0-28-amd64 (recovery mode)' --class debian {
                linux   /boot/vmlinuz-6.1.0-28-amd64 root=UUID=01234567-89ab-cdef-0123-456789abcdef ro single
                initrd  /boot/initrd.img-6.1.0-28-amd64
        }
}
### END /etc/grub.d/10_linux ###
### BEGIN /etc/grub.d/30_uefi-firmware ###
if [ "$grub_platform" = "efi" ]; then
        fwsetup --is-supported
        if [ "$?" = 0 ]; then
                menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
                        fwsetup
                }
        fi
fi
### END /etc/grub.d/30_uefi-firmware ###
"""

TAIL = """
### BEGIN /etc/grub.d/41_custom ###
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
### END /etc/grub.d/41_custom ###
"""

DEBIAN = HEAD + LINUX + TAIL

UBUNTU = HEAD.replace("function load_video", """function recordfail {
  set recordfail=1
  if [ -n "${have_grubenv}" ]; then if [ -z "${boot_once}" ]; then save_env recordfail; fi; fi
}
function load_video""") + LINUX.replace("        load_video\n", "        recordfail\n        load_video\n") + TAIL

FEDORA = HEAD + """
### BEGIN /etc/grub.d/10_linux ###
insmod part_gpt
insmod ext2
set root='hd0,gpt2'
set kernelopts="root=UUID=0123 ro rhgb quiet"
insmod blscfg
blscfg
if [ "${menu_auto_hide}" = 1 ]; then set timeout=1; fi
### END /etc/grub.d/10_linux ###
""" + TAIL

# On the ESP; the rest is elsewhere.
STUB = """search.fs_uuid 01234567-89ab-cdef-0123-456789abcdef root hd0,gpt2
set prefix=($root)'/boot/grub'
configfile $prefix/grub.cfg
"""

# By hand, in 40_custom: GRUB's own menu is to choose.
ENTRIES = """
menuentry 'slot a' --id keelboot-a {
        linux (hd0,gpt2)/vmlinuz gpt panic=10 keelboot.pair=a
        initrd (hd0,gpt2)/initramfs.img
}
menuentry 'slot b' --id keelboot-b {
        linux (hd0,gpt3)/vmlinuz gpt panic=10 keelboot.pair=b
        initrd (hd0,gpt3)/initramfs.img
}
"""
LOAD = "set envfile=(hd0,gpt4)/grubenv\nload_env --file=$envfile keelboot_default keelboot_once\n"
CHOOSE = """set default="keelboot-${keelboot_default}"
if [ -n "${keelboot_once}" ]; then
        set default="keelboot-${keelboot_once}"
        set keelboot_once=
        save_env --file=$envfile keelboot_once
fi
"""
MENU = LOAD + CHOOSE + "set timeout=0\n" + ENTRIES
# The same without a menu.
DIRECT = LOAD + """
set slot="${keelboot_default}"
if [ -n "${keelboot_once}" ]; then
        set slot="${keelboot_once}"
        CLEAR
fi
set part=gpt2
if [ "${slot}" = b ]; then set part=gpt3; fi
linux (hd0,$part)/vmlinuz gpt panic=10 keelboot.pair=$slot
initrd (hd0,$part)/initramfs.img
boot
"""
CLEAR = "set keelboot_once=\n        save_env --file=$envfile keelboot_once"
AGAIN = "a kernel that was asked for once and hangs is started again and again"
NOTHING = "has nothing of Keelboot's: GRUB tries no release, and falls back to none"


GRUBS = {
    "Debian's own": (DEBIAN, ERROR, NOTHING),
    "Ubuntu's own, with recordfail": (UBUNTU, ERROR, NOTHING),
    "Fedora's own, whose entries are files": (FEDORA, UNSEEN, None),
    "the ESP's, which goes on elsewhere": (STUB, UNSEEN, None),
    "Debian's, with entries for slots and nothing else": (
        HEAD + LINUX + ENTRIES + TAIL, ERROR, "has no keelboot_once: no release with a kernel is ever tried"),
    "Debian's load_env and save_env, and a choice that is never forgotten": (
        HEAD + LINUX + 'set default="keelboot-${keelboot_default}"\n'
        'if [ "${keelboot_once}" ]; then set default="keelboot-${keelboot_once}"; fi\n' + ENTRIES + TAIL, ERROR,
        f"never saves keelboot_once: {AGAIN}"),
    "chosen by a menu, as it should be": (MENU, None, None),
    "without a menu, as it should be": (DIRECT.replace("CLEAR", CLEAR), None, None),
    "saved behind the start": (DIRECT.replace("CLEAR", "true") + CLEAR, ERROR,
                               "starts a kernel before it has saved that keelboot_once is cleared"),
    "saved, and then cleared": (
        DIRECT.replace("CLEAR", "save_env --file=$envfile keelboot_once\n        set keelboot_once="), ERROR,
        f"does not clear keelboot_once before it saves it: {AGAIN}"),
    "another variable is saved": (
        DIRECT.replace("CLEAR", CLEAR.replace("$envfile keelboot_once", "$envfile once")), ERROR,
        f"never saves keelboot_once: {AGAIN}"),
    "saved in a comment": (
        DIRECT.replace("CLEAR", "set keelboot_once=\n        # save_env --file=$envfile keelboot_once"), ERROR,
        "has no save_env: " + AGAIN),
    "saved in a text": (
        DIRECT.replace("CLEAR", 'set keelboot_once=\n        echo "save_env keelboot_once"'), ERROR,
        "has no save_env: " + AGAIN),
    "saved in a function that nobody calls": (
        "function forget {\n set keelboot_once=\n save_env keelboot_once\n}\n" + DIRECT.replace("CLEAR", "true"), ERROR,
        "has no save_env: " + AGAIN),
    "saved in a function that is called": (
        f"function forget {{\n {CLEAR}\n}}\n" + DIRECT.replace("CLEAR", "forget"), None, None),
    "cleared before it is looked at": (
        LOAD + CLEAR + "\n" + DIRECT.partition("\n\n")[2].replace("CLEAR", "true"), ERROR,
        "uses keelboot_once when it is cleared already: no release"),
    "chosen before load_env": (MENU.replace(LOAD, "") + LOAD, ERROR,
                               "looks at keelboot_once before load_env: no release with a kernel is ever tried"),
    "saved in an entry of the menu": (
        LOAD + CHOOSE.replace("save_env", "true") + ENTRIES.replace("linux", f"{CLEAR}\n linux"), UNCLEAR,
        "if a condition holds or an entry of a menu is chosen"),
    "saved where a key is pressed": (
        DIRECT.replace("CLEAR", "if keystatus --shift; then\n" + CLEAR + "\nfi"), UNCLEAR, "if a condition holds"),
    "the other slot is started whatever the default is": (
        DIRECT.replace("CLEAR", CLEAR).replace('"${keelboot_default}"', "a # ${keelboot_default}"), ERROR,
        "never uses the value of keelboot_default"),
}


def hold_to(board, path, cases):
    """{what it is: (its text, the one finding or None, what that says or None)}"""
    unproven(board)
    for name, (text, finding, says) in cases.items():
        board.put(path, text)
        found = [one for one in json.loads(board.doctor("--json").stdout)["findings"]
                 if one["id"].startswith("loader-script")]
        assert {(one["severity"], one["id"]) for one in found} == ({finding} if finding else set()), name
        assert says is None or any(says in one["text"] for one in found), (name, found)


def test_what_is_found_in_a_grub_cfg(grub):
    hold_to(grub, "boot/grub/grub.cfg", GRUBS)


@pytest.mark.skipif(shutil.which("grub-script-check") is None, reason="no grub-script-check (Debian: grub-common)")
def test_each_grub_cfg_is_one(tmp_path):
    """These are the mistakes of people, and no errors of syntax."""
    for name, (text, *_rest) in GRUBS.items():
        (tmp_path / "grub.cfg").write_text(text)
        subprocess.run(["grub-script-check", str(tmp_path / "grub.cfg")], check=True)
        assert name


def test_keelboots_own_script_in_debians_custom_cfg(grub):
    grub.put("boot/grub/grub.cfg", DEBIAN)
    grub.put("boot/grub/custom.cfg", grub.script)
    assert of_loader(grub) == set()
    assert facts(grub)["configuration"] == "/boot/grub/grub.cfg" and facts(grub)["falls_back"] is True


@pytest.mark.parametrize("old, new, says", [
    ('if save_env --file="$keelboot_env" keelboot_starts; then', "if true; then",
     "counts starts, and never saves the count"),
    ('if [ "$keelboot_starts" -ge "$keelboot_limit" ]; then', "if false; then",
     "counts starts, and looks at the count behind the start of the kernel, or never"),
    ("# Counted on the disk", 'keelboot_start "$keelboot_default"\n# Counted on the disk',
     "starts the kernel of keelboot_default before its count is saved"),
])
def test_a_count_that_comes_to_nothing_is_said(grub, old, new, says):
    assert grub.script.count(old) == 1
    text = grub.script.replace(old, new).replace('if [ -n "$keelboot_starts" ]; then', "if true; then")
    grub.put("boot/grub/grub.cfg", text)
    assert of_loader(grub) == {("warning", "loader-uncounted")}
    assert says in told(grub, "loader-uncounted")[0]
    assert facts(grub)["falls_back"] is True, "of a trial, nothing is wrong"


# ---------------------------------------------------------------- U-Boot

# As flash-kernel's, shortened.
FLASH_KERNEL = """
if test -n "${console}"; then
  setenv bootargs "${bootargs} console=${console}"
fi
setenv bootargs @@LINUX_KERNEL_CMDLINE_DEFAULTS@@ ${bootargs} quiet
@@UBOOT_ENV_EXTRA@@
if test -z "${fk_kvers}"; then
   setenv fk_kvers '6.1.0-28-arm64'
fi
if test -n "${distro_bootpart}"; then setenv bootpart "${distro_bootpart}"; else setenv bootpart 1; fi
for pathprefix in "${prefix}" "/boot/" "/"; do
  for kvers in "${fk_kvers}"; do
    load ${devtype} ${devnum}:${bootpart} ${kernel_addr_r} ${pathprefix}vmlinuz-${kvers} \\
    && load ${devtype} ${devnum}:${bootpart} ${fdt_addr_r} ${pathprefix}dtb-${kvers} \\
    && load ${devtype} ${devnum}:${bootpart} ${ramdisk_addr_r} ${pathprefix}initrd.img-${kvers} \\
    && echo "Booting Debian ${kvers} from ${devtype} ${devnum}:${bootpart}..." \\
    && booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr_r}
  done
done
"""

# As Ubuntu's for a Raspberry Pi, shortened.
UBUNTU_PI = """
setenv bootargs " ${bootargs} quiet splash"
if fdt get value bootargs /chosen bootargs; then setenv bootargs ${bootargs}; fi
load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} initrd.img
setenv initrd_size ${filesize}
load ${devtype} ${devnum}:${distro_bootpart} ${kernel_addr_r} vmlinuz
booti ${kernel_addr_r} ${ramdisk_addr_r}:${initrd_size} ${fdt_addr}
"""

# As Armbian's, shortened.
ARMBIAN = """
# DO NOT EDIT THIS FILE
setenv load_addr "0x45000000"
setenv rootdev "/dev/mmcblk0p1"
echo "Boot script loaded from ${devtype}"
if test -e ${devtype} ${devnum} ${prefix}armbianEnv.txt; then
    load ${devtype} ${devnum} ${load_addr} ${prefix}armbianEnv.txt
    env import -t ${load_addr} ${filesize}
fi
setenv bootargs "root=${rootdev} rootwait panic=10 ${extraargs}"
load ${devtype} ${devnum} ${fdt_addr_r} ${prefix}dtb/${fdtfile}
load ${devtype} ${devnum} ${ramdisk_addr_r} ${prefix}uInitrd
load ${devtype} ${devnum} ${kernel_addr_r} ${prefix}Image
booti ${kernel_addr_r} ${ramdisk_addr_r} ${fdt_addr_r}
# Recompile with: mkimage -C none -A arm -T script -d /boot/boot.cmd /boot/boot.scr
"""

# With the variables of RAUC: another updater's.
RAUC = """
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
setenv bootpart
for slot in "${BOOT_ORDER}"; do
  if test "x${bootpart}" = "x" && test "x${slot}" = "xA" && test ${BOOT_A_LEFT} -gt 0; then
    setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
    setenv bootpart 2
  fi
done
saveenv
load mmc 0:${bootpart} ${kernel_addr_r} Image
booti ${kernel_addr_r} - ${fdt_addr_r}
"""

# By hand. It counts in a variable that nobody saves.
COUNTS = """
setexpr bootcount ${bootcount} + 1
setenv slot ${keelboot_default}
if test -n "${keelboot_once}"; then setenv slot ${keelboot_once}; fi
if test ${bootcount} -gt 3; then run altbootcmd; fi
setenv bootargs "gpt panic=10 keelboot.pair=${slot}"
load mmc 0:2 ${kernel_addr_r} Image
booti ${kernel_addr_r} - ${fdt_addr_r}
"""

BY_HAND = """
setenv slot ${keelboot_default}
if test -n "${keelboot_once}"; then
  setenv slot ${keelboot_once}
  CLEAR
fi
setenv bootargs "gpt panic=10 keelboot.pair=${slot}"
part number mmc 0 boot-${slot} p
load mmc 0:${p} ${kernel_addr_r} Image && booti ${kernel_addr_r} - ${fdt_addr_r}
AFTER
"""


def by_hand(clear, after=""):
    return BY_HAND.replace("CLEAR", clear).replace("AFTER", after)


NOT_OURS = "has nothing of Keelboot's: U-Boot tries no release, and falls back to none"
SCRIPTS = {
    "Debian's, by flash-kernel": (FLASH_KERNEL, ERROR, "/boot/boot.scr " + NOT_OURS),
    "Ubuntu's, for a Raspberry Pi": (UBUNTU_PI, ERROR, "/boot/boot.scr " + NOT_OURS),
    "Armbian's": (ARMBIAN, ERROR, "/boot/boot.scr " + NOT_OURS),
    "RAUC's": (RAUC, ERROR, "/boot/boot.scr " + NOT_OURS),
    "one that counts, and saves nothing": (
        COUNTS.replace("run altbootcmd", "reset"), ERROR, "has no saveenv: " + AGAIN),
    "one that runs what cannot be seen": (COUNTS, UNCLEAR, "has no saveenv, but cannot be searched whole"),
    "the same, which saves too late": (
        COUNTS + "setenv keelboot_once; saveenv\n", UNCLEAR,
        "what can be seen of /boot/boot.scr starts a kernel before"),
    "by hand, as it should be": (by_hand("setenv keelboot_once; saveenv"), None, None),
    "by hand, with env": (by_hand("env delete keelboot_once\n  env save"), None, None),
    "by hand, by a variable that is run": (
        "setenv forget 'setenv keelboot_once; saveenv'\n" + by_hand("run forget"), None, None),
    "by a variable that nobody runs": (
        "setenv forget 'setenv keelboot_once; saveenv'\n" + by_hand("true"), ERROR, "has no saveenv: " + AGAIN),
    "cleared in the shell, and not in the environment": (
        by_hand("keelboot_once=; saveenv"), ERROR, f"does not clear keelboot_once before it saves it: {AGAIN}"),
    "saved behind the start": (by_hand("setenv keelboot_once", "saveenv"), ERROR,
                               "starts a kernel before it has saved that keelboot_once is cleared"),
    "saved, and then cleared": (by_hand("saveenv; setenv keelboot_once"), ERROR,
                                f"does not clear keelboot_once before it saves it: {AGAIN}"),
    "saved where a pin says so": (by_hand("setenv keelboot_once\n if gpio input 5; then saveenv; fi"), UNCLEAR,
                                  "if a condition holds"),
    "its words behind the start": (
        by_hand("setenv keelboot_once; saveenv").replace(" keelboot.pair=${slot}", "")
        + "setenv bootargs keelboot.pair=${slot}\n", ERROR, "has keelboot.pair= behind the start of the kernel"),
}


def test_what_is_found_in_a_boot_script(uboot):
    hold_to(uboot, "boot/boot.scr", SCRIPTS)


def test_an_extlinux_beside_the_script_goes_first(uboot):
    uboot.put("boot/extlinux/extlinux.conf", "label l0\n linux /boot/vmlinuz\n append root=/dev/mmcblk0p1\n")
    assert of_loader(uboot) == set(), "Keelboot's script has counted this start"
    unproven(uboot)
    assert ERROR in of_loader(uboot)
    assert "U-Boot starts what /boot/extlinux/extlinux.conf says" in told(uboot, "loader-script")[0]


def test_a_bootcmd_that_runs_variables_to_a_kernel_is_an_error(uboot):
    uboot.uboot.put(bootcmd="run findfdt; run mmcboot", findfdt="setenv fdtfile x.dtb",
                    mmcboot="load mmc 0:1 ${kernel_addr_r} Image && booti ${kernel_addr_r} - ${fdt_addr_r}")
    assert of_loader(uboot) == {ERROR}
    uboot.uboot.put(bootcmd="run findfdt; run mmcboot", mmcboot="booti ${kernel_addr_r}")
    assert of_loader(uboot) == set(), "findfdt may be anything"


def test_commands_of_the_environment_are_followed(uboot):
    (uboot.sys / "boot/boot.scr").unlink()
    start = "part number mmc 0 boot-${slot} p; load mmc 0:${p} ${kernel_addr_r} Image; booti ${kernel_addr_r}"
    good = {"bootcmd": "run choose; run start",
            "choose": "setenv slot ${keelboot_default}; if test -n \"${keelboot_once}\"; then setenv slot "
                      "${keelboot_once}; setenv keelboot_once; saveenv; fi; "
                      "setenv bootargs panic=10 keelboot.pair=${slot}",
            "start": start}
    uboot.uboot.put(**good)
    assert of_loader(uboot) == set() and facts(uboot)["configuration"] == "U-Boot's environment"
    uboot.uboot.put(**{**good, "choose": good["choose"].replace("saveenv; ", ""), "start": start + "; saveenv"})
    assert "U-Boot's environment starts a kernel before" in told(uboot, "loader-script")[0]


def test_a_watchdog_that_is_armed_behind_the_start_is_none(uboot):
    uboot.put("boot/boot.scr", by_hand("setenv keelboot_once; saveenv", "wdt dev wdt0; wdt start 60000"))
    assert facts(uboot)["watchdog"] is None
    uboot.put("boot/boot.scr", 'echo "wdt start 60000"\n' + by_hand("setenv keelboot_once; saveenv"))
    assert facts(uboot)["watchdog"] is None
    uboot.put("boot/boot.scr", "wdt dev wdt0; wdt start 60000\n" + by_hand("setenv keelboot_once; saveenv"))
    assert facts(uboot)["watchdog"] is True
