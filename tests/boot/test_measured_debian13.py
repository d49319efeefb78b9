# SPDX-License-Identifier: Apache-2.0
"""docs/MEASURED.md word by word on Debian 13 with its own kernel: systemd-cryptenroll binds LUKS data to a release, and
/etc/crypttab opens it at a boot, for that release alone."""

import hashlib
import os
import re
import shutil
import textwrap
from pathlib import Path

import pytest

import conftest
import kbkernel
import tpm
from debian_slot import LOGIN, TOP, log_in
from kbdevice import run
from kbdisk import Disk, Ext4, mkext4, parse_size
from kbroot import add_file

PAGE = (TOP / "docs/MEASURED.md").read_text()


def block(word: str) -> str:
    """The commands or lines of the page that have it."""
    found, = (text for text in re.findall(r"(?m)(?:^ {7}.*\n)+", PAGE) if word in text)
    return textwrap.dedent(found)


PACKAGES = ",".join(re.findall(r"`([\w.-]+)`", re.search(r"(?s)Debian 13's packages are(.*?)\n\n", PAGE)[1]))
ENROLL, KEEP_ONE = block("enroll trial"), block("--wipe-slot=tpm2")
DEVICE = "/dev/disk/by-partlabel/secret"
FILES = {
    "etc/crypttab": block("headless=yes"),
    "etc/fstab": "PARTLABEL=data /data ext4 nosuid,nodev,nofail 0 0\n" + block("/srv ext4"),
    "etc/systemd/system/serial-getty@ttyS0.service.d/login.conf": LOGIN,
    # A busy host takes its time.
    "etc/systemd/system.conf.d/patient.conf": "[Manager]\nDefaultDeviceTimeoutSec=900\nDefaultTimeoutStartSec=900\n",
}
CONF = block("[measure]") + "[system]\ncommit-deadline=1800\n[watchdog]\ntimeout=240\n"
SLOT, PASSPHRASE = "400M", "of the workshop"
UNIT = "systemd-cryptsetup@secret"
PATIENT = 400

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mmdebstrap"), reason="mmdebstrap needs root")


@pytest.fixture(name="bench")
def make_bench(device, tmp_path):
    """One whose machines have Debian 13's kernel."""
    try:
        kernel = kbkernel.get(TOP / "build/kernel-trixie", suite="trixie")
    except kbkernel.KernelError as error:
        pytest.skip(str(error))
    yield conftest.Bench(device.with_kernel(kernel, watchdog=30), tmp_path)
    for path in tmp_path.glob("*.img"):
        path.unlink()


def system(bench, version: str) -> Path:
    """A Debian 13 as the page wants it. Its modules come from the initramfs."""
    device = bench.device
    name = hashlib.sha256(repr((FILES, CONF, PACKAGES)).encode()).hexdigest()[:8]
    image, tree = device.work / f"measured13-{version}-{name}.img", device.work / "measured13"
    with device.lock():
        if image.exists():
            return image
        base = TOP / f"build/debian/13-{PACKAGES}"
        run(TOP / "qemu/mkdebianroot", "--from", kbkernel.mirror(), "--suite", "trixie", "--with",
            f"{PACKAGES},e2fsprogs,login", "systemd", base)
        shutil.rmtree(tree, ignore_errors=True)
        run("cp", "-a", base, tree)
        device.key()
        for path, source in {**FILES, "usr/bin/keelboot": device.stripped("keelboot"),
                             "usr/lib/keelboot/keelboot-helper": device.stripped("keelboot-helper"),
                             "etc/keelboot/system.conf": device.conf, "etc/keelboot/system.conf.d/measure.conf": CONF,
                             "etc/keelboot/keys": device.work / "keys", "etc/version": f"{version}\n"}.items():
            add_file(tree, path, source)
        (tree / "data").mkdir()
        mkext4(image.with_suffix(".new"), "320M", tree, label="root", seed=version)
        shutil.rmtree(tree)
        return image.with_suffix(".new").rename(image)


def bundle(bench, version: str) -> Path:
    return bench.device.bundle(version, image=system(bench, version), options=("--verity",))


def make_disk(bench, old: Path, new: Path) -> Path:
    """The old release in slot b, good; the new one as /data/next.keel. The header of LUKS has a passphrase alone."""
    state, slot, secret = (bench.work / f"{name}.img" for name in ("state", "slot", "secret"))
    bench.command("state", "init", state, "--slots", 2, "--trial", "a")
    for path, size in ((slot, SLOT), (secret, "48M")):
        path.touch()
        os.truncate(path, parse_size(size))
    bench.command("install", old, "--progress=none", "--state", state, "--slot", f"b:root={slot}")
    bench.command("mark", "good", "b", "--state", state)
    (bench.work / "key").write_text(PASSPHRASE)
    run("/usr/sbin/cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2",
        "--pbkdf-force-iterations", 1000, secret, bench.work / "key")
    add_file(bench.work / "data", "next.keel", new)
    disk = Disk(seed="measured13")
    for part in (("keelboot-state", "16M", state), ("data", "256M", Ext4(bench.work / "data", label="data")),
                 ("root-a", SLOT, None), ("root-b", SLOT, slot), ("secret", "48M", secret)):
        disk.add(*part)
    disk.build(bench.work / "disk.img")
    return bench.work / "disk.img"


def up(bench, vm, version: str, measured: str) -> None:
    """This release, and what was measured of it. Nobody is asked for a passphrase."""
    vm.expect(rf"measured into PCR 13 \(sha1,sha256\): {measured}, root sha256:[0-9a-f]{{64}}", PATIENT)
    log_in(vm, PATIENT)
    assert re.fullmatch(version, bench.ask(vm, "cat /etc/version").strip())
    assert "passphrase" not in vm.boot_text()


def opens(bench, vm) -> None:
    """By itself."""
    assert "kept" in bench.ask(vm, "until findmnt -n /srv >/dev/null; do sleep 1; done; cat /srv/file", PATIENT)


def is_refused(bench, vm) -> None:
    """The key, by the TPM. The system comes up without the data."""
    bench.ask(vm, f"until systemctl is-failed -q {UNIT}; do sleep 1; done", PATIENT)
    assert re.search(r"Failed to start \S*systemd-cryptsetup", vm.boot_text())
    said = bench.ask(vm, f"journalctl --no-pager -o cat -b -u {UNIT}")
    assert "Failed to unseal secret using TPM2: Operation not permitted" in said
    assert "Password querying disabled via 'headless' option." in said
    bench.ask(vm, "! findmnt /srv && test ! -e /dev/mapper/secret && systemctl is-active multi-user.target")


def slots(bench, vm) -> list:
    return bench.ask(vm, f"systemd-cryptenroll {DEVICE}").split()[2:]


def first_enrolment(bench, vm) -> None:
    """And what a failure of `keelboot measure` costs: nothing is enrolled."""
    command = KEEP_ONE.replace("--unlock-tpm2-device=auto ", "")
    assert command != KEEP_ONE
    bench.refused(vm, f"export PASSWORD='{PASSPHRASE}'\n{command.replace('$(cat /run/keelboot/slot)', 'missing')}")
    assert slots(bench, vm) == ["0", "password"]
    bench.ask(vm, f"{command}\nunset PASSWORD", 120)
    assert slots(bench, vm) == ["0", "password", "1", "tpm2"]
    bench.ask(vm, f"systemctl start {UNIT} && mkfs.ext4 -q /dev/mapper/secret && systemctl start srv.mount && "
                  "echo kept >/srv/file && sync", PATIENT)


def test_luks_data_is_for_one_release_alone(bench, tmp_path):
    """Enrolled in release 51 for 52 before its first boot: opened at the boot of 52 on trial and good. Then no more for
    51, which comes back, nor for a last resort; there a person opens it."""
    disk = make_disk(bench, bundle(bench, "51.0"), bundle(bench, "52.0"))
    initrd = bench.conf_initramfs("measured13", CONF, "--module", "dm-crypt", "--module", "xts",
                                  modules=(*conftest.LEAN, "verity"))
    with tpm.Tpm(tmp_path) as chip, bench.machine(disk, initrd=initrd, extra=chip.extra, memory=640) as vm:
        up(bench, vm, "51.0", "good")
        first_enrolment(bench, vm)
        vm.send("systemctl start data.mount; cd /data\n" + ENROLL)
        up(bench, vm, "52.0", "trial")
        opens(bench, vm)
        vm.send("keelboot mark good && reboot")
        up(bench, vm, "52.0", "good")
        opens(bench, vm)
        assert slots(bench, vm) == ["0", "password", "1", "tpm2", "2", "tpm2", "3", "tpm2"]
        bench.ask(vm, KEEP_ONE, 120)
        assert slots(bench, vm) == ["0", "password", "3", "tpm2"]
        vm.send("keelboot mark bad && reboot")
        up(bench, vm, "51.0", "good")
        is_refused(bench, vm)
        vm.send("keelboot mark bad && reboot")
        up(bench, vm, "5[12].0", "last-resort")
        is_refused(bench, vm)
        vm.send(f"systemd-cryptsetup attach secret {DEVICE}")
        vm.expect("enter passphrase", 60)
        vm.send(PASSPHRASE)
        opens(bench, vm)
