# SPDX-License-Identifier: Apache-2.0
"""keelboot image test, used as others would: on busybox systems, on Debian's with its own initramfs, and on systems
that were not made for Keelboot. What it is given stays as it was, byte for byte."""

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import kbkernel
import kbuki
from cli_device import FAILURE, OK, call
from conftest import TOP
from console import PATIENCE
from distro import DRACUT_SYSTEMD, IT, debian_bench
from kbdisk import Disk, Vfat
from kbtools import run

FAILED = 2
FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
ALL = {"boot", "update", "broken", "hang", "panic", "powercut", "watchdog", "usb", "sd", "flicker", "io-error"}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")


def digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def runs(pid: int) -> bool:
    """Not so a process that has ended, and for which nobody has asked."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Report:
    """What one run left."""

    def __init__(self, folder: Path, done):
        self.folder, self.done = folder, done
        self.json = json.loads((folder / "report.json").read_text())
        self.page = (folder / "index.html").read_text()
        self.results = {one["name"]: one["result"] for one in self.json["scenarios"]}
        self.findings = {one["id"] for one in self.json["findings"]}

    def scenario(self, name: str) -> dict:
        return next(one for one in self.json["scenarios"] if one["name"] == name)


def image_test(folder: Path, *words, code=OK, jobs=1, keelboot=TOP / "build/keelboot") -> Report:
    """Runs it on TCG."""
    done = call(keelboot, "image", "test", "-o", folder / "report", "--accel", "tcg", "--jobs", jobs, *words, code=code,
                timeout=3600, stdin=subprocess.DEVNULL, cwd=folder)
    report = Report(folder / "report", done)
    cases = ET.parse(folder / "report/junit.xml").getroot().findall("testsuite/testcase")
    assert [case.get("name") for case in cases] == list(report.results)
    return report


def system(bench, *release) -> Path:
    """Made by one test, while the others that run beside it wait."""
    with bench.device.lock():
        return bench.device.system(*release)


@pytest.fixture(name="roots")
def make_roots(bench):
    """The images of two systems that mark themselves good."""
    return system(bench, "1.0"), system(bench, "2.0")


# ---------------------------------------------------------------- systems that are made for it

def test_update_of_two_roots_passes_and_they_are_only_read(roots, tmp_path):
    before = [digest(root) for root in roots]
    report = image_test(tmp_path, "--roots", *roots, "--scenario", "update")
    assert report.results == {"boot": "pass", "update": "pass"} and report.json["result"] == "pass"
    first, second = report.scenario("update")["boots"]
    assert (first["slot"], first["status"], second["slot"], second["status"]) == ("b", "trial", "b", "good")
    assert any("staged on the data partition" in event["text"] for event in report.scenario("update")["events"])
    assert "system 2.0 is ready" in (tmp_path / "report/update.log").read_text()
    assert [digest(root) for root in roots] == before
    assert not list(tmp_path.glob("*.qcow2"))


def test_update_of_64_mib_takes_less_than_90_seconds(bench, tmp_path):
    """On two cores that are free, without KVM. The roots are nearly full, half of that hardly compresses."""
    dice, files = random.Random(64), {"usr/lib/packed": tmp_path / "packed", "usr/lib/lines": tmp_path / "lines"}
    files["usr/lib/packed"].write_bytes(dice.randbytes(22 << 20))
    words = [f"{dice.getrandbits(24):06x} is a word" for _ in range(4096)]
    files["usr/lib/lines"].write_text("\n".join(dice.choices(words, k=(22 << 20) // 18)))
    with bench.device.lock():
        roots = [bench.device.system(version, files=files, size="64M") for version in ("6.4", "7.4")]
    report = image_test(tmp_path, "--roots", *roots, "--scenario", "update", jobs=2)
    assert report.results == {"boot": "pass", "update": "pass"}, report.done.stdout
    assert report.json["seconds"] < 90 * PATIENCE


def test_each_scenario_passes_on_a_minimal_system(roots, tmp_path):
    report = image_test(tmp_path, "--roots", *roots, jobs=2)
    assert report.results == dict.fromkeys(ALL, "pass"), report.done.stdout
    hangs = report.scenario("hang")["boots"]
    assert [boot["ended"] for boot in hangs] == ["reset by watchdog"] * 3 + [""] and hangs[-1]["slot"] == "a"
    cuts = [boot for boot in report.scenario("powercut")["boots"] if "power cut" in boot["ended"]]
    assert len(cuts) == 3
    assert "slot b: " in " ".join(report.scenario("io-error")["events"][1]["text"].split()) or \
        any("not installed" in event["text"] for event in report.scenario("io-error")["events"])


def test_disk_with_its_kernel_is_tested_and_stays_as_it_was(bench, tmp_path):
    """qcow2; the initramfs of the test trusts a key that theirs does not."""
    disk = tmp_path / "theirs.qcow2"
    initrd = bench.initramfs(modules=("virtio", "usb", "sd", "ext4", "vfat"), name="it")
    run("qemu-img", "convert", "-O", "qcow2", bench.disk("1.0", good=""), disk)
    before = digest(disk), digest(initrd)
    report = image_test(tmp_path, "--kernel", bench.device.kernel.bzimage, "--initrd", initrd, "--append", "panic=10",
                        "--scenario", "update,usb,broken", disk)
    assert report.results == dict.fromkeys(("boot", "update", "usb", "broken"), "pass"), report.done.stdout
    assert (digest(disk), digest(initrd)) == before


@pytest.mark.skipif(not FIRMWARE.is_file() or not kbuki.STUBS.is_dir(), reason="no package ovmf, or systemd-boot-efi")
def test_disk_that_starts_by_itself_with_the_key_of_a_test_build(bench, tmp_path):
    """Without the key nothing can be signed for it: it is only frozen."""
    uki = bench.initramfs("--uki", kbkernel.get().bzimage, "--cmdline", "console=ttyS0 gpt panic=10 no_timer_check",
                          name="it.efi")
    disk = bench.disk("1.0", good="", extra=[("esp", "64M", Vfat({"EFI/BOOT/BOOTX64.EFI": uki}, label="ESP"))])
    before = digest(disk)
    report = image_test(tmp_path, "--key", bench.device.key(), "--scenario", "update,hang", disk)
    assert report.results == dict.fromkeys(("boot", "update", "hang"), "pass"), report.done.stdout
    shutil.rmtree(tmp_path / "report")
    report = image_test(tmp_path, "--scenario", "watchdog,update", disk)
    assert report.results["boot"] == report.results["watchdog"] == "pass", report.done.stdout
    assert report.results.get("update") != "pass" and digest(disk) == before


def test_what_is_installed_works_without_the_source(roots, bench, tmp_path):
    """As the package has it. The kernel is given: else it would be fetched."""
    run("make", "-s", "-C", TOP, "install-host", f"DESTDIR={tmp_path / 'sys'}")
    report = image_test(tmp_path, "--roots", *roots, "--scenario", "broken", "--kernel", bench.device.kernel.bzimage,
                        "--modules-dir", bench.device.kernel.modules, keelboot=tmp_path / "sys/usr/bin/keelboot")
    assert report.results == {"boot": "pass", "broken": "pass"}, report.done.stdout


@needs_root
@pytest.mark.parametrize("target", (IT, DRACUT_SYSTEMD), ids=lambda target: target.name)
def test_debian_with_the_initramfs_of_its_distribution(target, tmp_path):
    with debian_bench(tmp_path) as board:
        disk = board.disk("1.0", good="")
        initrd = target.initramfs(board.device)
        report = image_test(tmp_path, "--kernel", board.device.kernel.bzimage, "--initrd", initrd, "--memory", "640",
                            "--append", "root=/dev/nothing quiet loglevel=4", "--limit", "1500",
                            "--scenario", "update,broken,panic", disk)
    assert report.results == dict.fromkeys(("boot", "update", "broken", "panic"), "pass"), report.done.stdout


# ---------------------------------------------------------------- systems that fail

def test_update_that_nobody_marks_good_fails_and_says_why(bench, roots, tmp_path):
    report = image_test(tmp_path, "--roots", roots[0], system(bench, "3.0", "nomark"), "--scenario", "update",
                        "--boot-limit", "60", code=FAILED)
    failed = report.scenario("update")
    assert failed["result"] == "fail" and "slot b was not marked good" in failed["why"]
    assert "keelboot health" in failed["todo"] and failed["todo"] in report.page
    assert "update: the update: slot b was not marked good" in report.done.stdout


def test_check_that_fails_ends_the_wait_at_once_and_is_named_with_its_output(bench, tmp_path):
    check = {"usr/lib/keelboot/check.d/10-licence": "#!/bin/sh\necho no licence\nexit 1\n"}
    with bench.device.lock():
        root = bench.device.system("8.0", "health", files=check)
    report = image_test(tmp_path, "--roots", root, root, "--scenario", "update", code=FAILED)
    first = report.scenario("boot")
    assert first["why"] == "the check 10-licence failed: exit 1: no licence" and "keelboot check" in first["todo"]
    assert first["seconds"] < 120 * PATIENCE and report.results["update"] == "skip"


def test_machine_without_a_watchdog_never_leaves_a_hang_and_the_test_ends(roots, tmp_path):
    hang = image_test(tmp_path, "--roots", *roots, "--scenario", "hang", "--no-watchdog", "--boot-limit", "60",
                      code=FAILED).scenario("hang")
    assert "was not ended by a reset" in hang["why"] and "i6300esb" in hang["todo"]


def test_disk_that_says_nothing_ends_with_advice(tmp_path):
    """A boot sector that stands still, started by a BIOS that is silent, too."""
    sector = b"\xfa\xf4\xeb\xfd".ljust(440, b"\0")
    disk = tmp_path / "silent.img"
    Disk("8M", table="mbr").add("one", "1M").build(disk)
    with open(disk, "r+b") as file:
        file.write(sector)
    report = image_test(tmp_path, "--firmware", "bios", "--boot-limit", "20", "--scenario", "update", disk, code=FAILED)
    assert "says nothing on its serial console" in report.scenario("boot")["why"]
    assert "console=ttyS0" in report.scenario("boot")["todo"] and report.results["update"] == "skip"


def test_disk_without_a_slot_that_boots_ends_with_the_reason(bench, tmp_path):
    """Long before the limit: Keelboot waits for a stick that never comes."""
    disk = bench.disk("1.0", "2.0", state=bench.factory("1.0", "2.0")[0], slots=(None, None))
    report = image_test(tmp_path, "--kernel", bench.device.kernel.vmlinux, "--initrd", bench.initramfs(),
                        "--scenario", "boot", disk, code=FAILED)
    boot = report.scenario("boot")
    assert "Keelboot found no slot that can be booted; slot " in boot["why"]
    assert "slot a: no file system on /dev/vda3" in boot["why"]
    assert boot["seconds"] < 120 * PATIENCE


@needs_root
def test_debian_that_was_not_made_for_keelboot_is_told_what_is_missing(tmp_path):
    """With the layout of a cloud image, started by UEFI and GRUB."""
    disk = TOP / "build/debian/fresh.img"
    run(TOP / "qemu/mkdebiandisk", "--from", kbkernel.mirror(), disk)
    before = digest(disk)
    report = image_test(tmp_path, "--scenario", "update,hang", disk, code=FAILED)
    assert report.results == {"boot": "fail", "update": "skip", "hang": "skip"}
    assert {"no-keelboot", "no-state", "no-slots", "no-command", "no-watchdog-driver"} <= report.findings
    assert "Keelboot" in report.scenario("boot")["why"] and report.scenario("boot")["todo"]
    assert re.search(r"error +.*no Keelboot|Keelboot says nothing", report.done.stdout)
    assert digest(disk) == before


def test_who_ends_the_test_ends_its_machines(roots, tmp_path):
    """As a CI does that cancels a job."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([TOP / "build/keelboot", "image", "test", "--roots", *roots, "--accel", "tcg",
                                "--scenario", "update"], cwd=tmp_path, stdout=subprocess.DEVNULL, env=environment)
    log = tmp_path / "keelboot-image-test/boot.log"
    while not (log.exists() and log.stat().st_size > 100):
        assert process.poll() is None
        time.sleep(0.2)
    qemu = [int(pid) for pid in run("pgrep", "-P", process.pid).split()]
    process.terminate()
    assert process.wait(20) == 130
    time.sleep(1)
    assert qemu and not [pid for pid in qemu if runs(pid)]
    assert not list(tmp_path.glob("keelboot-image-test-*"))


def test_without_qemu_the_test_cannot_be_made(roots, tmp_path):
    done = call(TOP / "build/keelboot", "image", "test", "--roots", *roots, code=FAILURE, cwd=tmp_path,
                env={"PATH": "/nonexistent"})
    assert "qemu-system-x86_64: not found" in done.stderr and shutil.which("qemu-system-x86_64")
