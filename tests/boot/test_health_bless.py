# SPDX-License-Identifier: Apache-2.0
"""Two that judge a boot: Keelboot judges the slot, systemd-boot its own entry by its counter. systemd's own
systemd-bless-boot.service stands beside Keelboot's units, behind the same boot-complete.target. UEFI (OVMF) starts
systemd-boot, that starts a UKI with Keelboot's initramfs; slot b holds Debian on trial."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import debian_slot
import kbkernel
import kbuki
import pytest
from debian_slot import TOP, log_in
from drives import Drive
from kbdevice import run
from kbdisk import Vfat
from kbroot import add_file
from machine import Machine

OVMF = Path("/usr/share/OVMF")
CODE, VARIABLES = OVMF / "OVMF_CODE_4M.fd", OVMF / "OVMF_VARS_4M.fd"
LINE = "console=ttyS0 gpt panic=10 loglevel=7 no_timer_check"
BOOT_S = 600        # the firmware is emulated, too
CHECK = "#!/bin/sh\n[ ! -e /etc/fails ] || { echo 'the gateway does not answer'; exit 1; }\n"
FILES = {
    "etc/systemd/system/serial-getty@ttyS0.service.d/login.conf": debian_slot.LOGIN,
    "usr/lib/keelboot/check.d/70-gateway": CHECK,
    # The root is read-only, as a slot is: these are Debian's own failures there.
    "etc/keelboot/health/failed-units": "ignore=logrotate.service dpkg-db-backup.service apt-daily.service "
                                        "systemd-boot-update.service systemd-boot-system-token.service\n",
    "etc/fstab": "PARTLABEL=esp /efi vfat defaults 0 0\n",
}
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root"),
    pytest.mark.skipif(not CODE.is_file(), reason="package ovmf is not installed"),
    pytest.mark.skipif(not kbuki.STUBS.is_dir(), reason="package systemd-boot-efi is not installed"),
]


@pytest.fixture(name="machine")
def make_machine(bench):
    def make(fails=False):
        uki = bench.initramfs("--uki", kbkernel.get().bzimage, "--cmdline", LINE, "--module", "efivarfs",
                              "--module", "nls_ascii", "--module", "nls_cp437", name=f"{bench.work.name}.efi")
        esp = {"EFI/BOOT/BOOTX64.EFI": kbuki.STUBS / "systemd-bootx64.efi", "loader/loader.conf": b"timeout 0\n",
               "EFI/Linux/acme+3.efi": uki}

        def fill(tree: Path) -> None:
            run("make", "-s", "-C", TOP, "install-device-strip", f"DESTDIR={tree}")
            for path, text in {**FILES, **({"etc/fails": ""} if fails else {})}.items():
                add_file(tree, path, text)
            (tree / "efi").mkdir()
        disk = debian_slot.make(bench, "systemd", f"bless-{fails}", fill, packages="systemd-boot",
                                extra=[("esp", "64M", Vfat(esp, label="ESP"))])
        variables = bench.work / "variables.fd"
        shutil.copy(VARIABLES, variables)
        extra = ["-machine", "q35", "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={CODE}",
                 "-drive", f"if=pflash,format=raw,unit=1,file={variables}"]
        return Machine(None, drives=[Drive(disk, name="disk")], memory=512, firmware="", watchdog=True, extra=extra,
                       log=str(bench.work / "console.log"))
    return make


def entries(bench) -> list:
    """The UKIs on the disk, by names that have systemd-boot's counter."""
    offset, _ = bench.partition(bench.work / "disk.img", "esp")
    told = subprocess.run(["mdir", "-b", "-i", f"{bench.work / 'disk.img'}@@{offset}", "::/EFI/Linux"], text=True,
                          capture_output=True, check=True)
    return re.findall(r"EFI/Linux/(\S+)", told.stdout)


def test_both_bless_a_boot_that_works(bench, machine):
    with machine() as vm:
        log_in(vm, BOOT_S)
        bench.ask(vm, "systemctl is-active --wait systemd-bless-boot.service keelboot-mark-good.service; "
                      "while ! keelboot status | grep 'which is good'; do sleep 1; done; sync", 300)
        results = bench.ask(vm, "systemctl show -P Result systemd-bless-boot keelboot-check keelboot-mark-good")
        assert results.split() == ["success"] * 3
        assert "good" in bench.ask(vm, "/lib/systemd/systemd-bless-boot status")
        assert bench.ask(vm, "ls /efi/EFI/Linux").split() == ["acme.efi"]
        vm.send("systemctl reboot")
        # The loader does not count an entry that is good, and the slot is no trial.
        vm.expect("slot b: version unknown, good", BOOT_S)
        log_in(vm, BOOT_S)
        assert bench.ask(vm, "ls /efi/EFI/Linux").split() == ["acme.efi"]
    assert entries(bench) == ["acme.efi"]


def test_neither_blesses_a_boot_that_fails_its_check(bench, machine):
    """The slot is left, and the entry, which both slots share, goes on counting."""
    with machine(fails=True) as vm:
        vm.expect("slot b is bad; rebooting", BOOT_S)
        bench.up(vm, "1.0", "a", BOOT_S)
        status = bench.status(vm)
        assert (status["slots"][1]["state"], status["last"]["reason"]) == \
            ("bad", "check 70-gateway: exit 1: the gateway does not answer")
        assert bench.causes(vm) == ["guest"]
    assert entries(bench) == ["acme+1-2.efi"]
