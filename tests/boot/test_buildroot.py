# SPDX-License-Identifier: Apache-2.0
"""hooks/buildroot, with Buildroot's own makefiles and checks; KEELBOOT_BUILDROOT names a checkout of it. It would fetch
compilers and libraries first: those of this machine stand in their place. What comes out boots."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import kbkernel
from drives import Drive
from kbdisk import mkext4
from machine import Machine

TOP = Path(__file__).resolve().parents[2]
TREE = TOP / "hooks/buildroot"
SOURCE = os.environ.get("KEELBOOT_BUILDROOT", "")
PYTHON = "/usr/bin/python3"     # Buildroot's check wants python3-magic and flake8
DEFCONFIGS = sorted(path.name for path in (TREE / "configs").iterdir())
CROSS = "x86_64-buildroot-linux-gnu-gcc"
BOOT = "#!/bin/sh\n/etc/init.d/S99keelboot start\necho \"Buildroot is up on slot $(cat /run/keelboot/slot)\"\n"
# The init script leaves the console to others while the checks take their time.
WHEN_GOOD = "dmesg -n 1; for i in $(seq 60); do keelboot status | grep -q 'which is good' && break; sleep 1; done; " \
            "keelboot status"
pytestmark = pytest.mark.skipif(not SOURCE, reason="KEELBOOT_BUILDROOT names no checkout of Buildroot")


def run(*command, cwd=SOURCE, env=None) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, text=True, capture_output=True, timeout=900, check=False,
                          env={**os.environ, **(env or {})})
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def make(out: Path, *arguments) -> str:
    return run("make", "-s", f"O={out}", f"BR2_EXTERNAL={TREE}", *arguments)


def test_check_package_has_no_complaints():
    files = [path for path in TREE.rglob("*") if path.is_file()]
    run(PYTHON, "utils/check-package", "-b", *files, env={"BR2_EXTERNAL": str(TREE)})


@pytest.mark.parametrize("name", DEFCONFIGS)
def test_defconfig_is_what_it_says(name, tmp_path):
    """Each of its lines holds: what Buildroot's Kconfig does not know, or what others forbid, would be gone."""
    make(tmp_path / "out", name)
    make(tmp_path / "out", "savedefconfig", f"BR2_DEFCONFIG={tmp_path}/saved")
    saved, ours = (path.read_text().splitlines() for path in (tmp_path / "saved", TREE / "configs" / name))
    assert sorted(saved) == sorted(ours)


@pytest.mark.parametrize("without", ("BR2_SHARED_LIBS=y", "BR2_TOOLCHAIN_BUILDROOT_MUSL=y"))
def test_system_that_cannot_have_it_does_not_offer_it(without, tmp_path):
    text = (TREE / "configs" / DEFCONFIGS[-1]).read_text()
    if "LIBS" in without:
        text = text.replace("BR2_SHARED_STATIC_LIBS=y\n", "")
    (tmp_path / "defconfig").write_text(f"{text}{without}\n")
    make(tmp_path / "out", "defconfig", f"BR2_DEFCONFIG={tmp_path}/defconfig")
    assert "BR2_PACKAGE_KEELBOOT=y" not in (tmp_path / "out/.config").read_text()


class Output:
    """Buildroot's output folder, with this machine's compiler where it would have built one."""

    def __init__(self, folder: Path):
        self.folder = folder
        make(folder, "keelboot_qemu_x86_64_defconfig")
        self.source = folder / "build/keelboot"
        self.source.mkdir(parents=True)
        files = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=True).stdout
        subprocess.run(["xargs", "-0", "cp", "--parents", "-t", self.source], input=files, cwd=TOP, check=True)
        (folder / "host/bin").mkdir(parents=True, exist_ok=True)
        for name, program in ((CROSS, "gcc"), (f"{CROSS}-ar", "ar"), ("pkg-config", "pkg-config")):
            (folder / "host/bin" / name).symlink_to(shutil.which(program))
        self.environment = {
            "BR2_CONFIG": str(folder / ".config"), "BASE_DIR": str(folder), "HOST_DIR": str(folder / "host"),
            "TARGET_DIR": str(folder / "target"), "BINARIES_DIR": str(folder / "images")}

    def do(self, step: str) -> None:
        """What Buildroot would do in that step of the package, as it expands it."""
        commands = make(self.folder, "printvars", f"VARS={step}").split("=", 1)[1]
        run("sh", "-ec", commands, cwd=self.source)

    def script(self, name: str, argument: Path) -> None:
        run(TREE / "board/qemu" / name, argument, env=self.environment, cwd=self.folder)


def test_packages_and_scripts_make_a_disk_that_boots(tmp_path):
    out, kernel = Output(tmp_path / "out"), kbkernel.get()
    target, images = tmp_path / "out/target", tmp_path / "out/images"
    (tmp_path / "boot").write_text(BOOT)
    run(TOP / "qemu/mkroot", target, "--name", "Buildroot", "--boot", tmp_path / "boot")
    (target / "usr/lib").mkdir(parents=True, exist_ok=True)
    (target / "usr/lib/os-release").write_text("NAME=Buildroot\nVERSION_ID=2026.08\n")
    for step in ("HOST_KEELBOOT_BUILD_CMDS", "HOST_KEELBOOT_INSTALL_CMDS"):
        out.do(step)
    shutil.rmtree(out.source / "build")
    for step in ("KEELBOOT_BUILD_CMDS", "KEELBOOT_INSTALL_TARGET_CMDS", "KEELBOOT_INSTALL_IMAGES_CMDS",
                 "KEELBOOT_INSTALL_INIT_SYSV"):
        out.do(step)
    assert not (tmp_path / "out/host/lib/keelboot/init").exists()
    out.script("post-build.sh", target)
    mkext4(images / "rootfs.ext4", "160M", target, label="root", seed="buildroot")
    # Debian's kernel, which has its drivers in modules, stands in for the one of linux.fragment.
    known = kernel.bzimage.with_name(f"config-{kernel.version}").read_text()
    wanted = re.findall(r"(?m)^CONFIG_\w+=", (TREE / "board/qemu/linux.fragment").read_text())
    assert wanted and not [name for name in wanted if name not in known]
    (target / "lib/modules").mkdir(parents=True, exist_ok=True)
    (target / "lib/modules" / kernel.version).symlink_to(kernel.modules)
    out.script("post-image.sh", images)
    with Machine(kernel.vmlinux, images / "initramfs.img", "console=ttyS0 gpt panic=10 loglevel=7",
                 drives=(Drive(images / "disk.img"),), watchdog=True, log=str(tmp_path / "console.log")) as vm:
        vm.expect(r"keelboot: slot a: 2026\.08, trial", 120)
        vm.expect(r"Buildroot is up on slot a", 120)
        status, said = vm.shell(WHEN_GOOD, 120)
        assert status == 0 and "Slot a runs 2026.08, which is good." in said, said
    shutil.rmtree(tmp_path / "out")
