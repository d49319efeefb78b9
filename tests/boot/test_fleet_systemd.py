# SPDX-License-Identifier: Apache-2.0
"""keelboot-fleet by its units under a real systemd, that of a Debian in slot b: the sandbox is on, and the server is
ours, on this host. Only the times of the timer are other ones."""
import hashlib
import os
import re
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "fleet"))

import debian_slot                                                                # noqa: E402
from ddi_server import Server                                                     # noqa: E402
from debian_slot import TOP, log_in                                               # noqa: E402
from kbdisk import Vfat                                                           # noqa: E402
from kbdevice import run                                                          # noqa: E402
from kbroot import add_file                                                       # noqa: E402

SYSTEM = "etc/systemd/system"
EXPORTER = "/run/exporter"
# What systemd-analyze says of each: 0 is a locked cell, 10 all of the machine.
EXPOSURE = {"keelboot-fleet": 4.0, "keelboot-fleet-once": 4.0, "keelboot-fleet-metrics": 2.5}
FILES = {
    "etc/fstab": "PARTLABEL=data /data ext4 nosuid,nodev,x-systemd.device-timeout=600 0 0\n"
                 "/data/fleet.conf /etc/keelboot/system.conf.d/fleet.conf none bind 0 0\n",
    "etc/keelboot/system.conf.d/fleet.conf": "",
    "etc/systemd/network/lan.network": "[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n"
                                       "LinkLocalAddressing=no\nIPv6AcceptRA=no\n",
    f"{SYSTEM}/serial-getty@ttyS0.service.d/login.conf": debian_slot.LOGIN,
    f"{SYSTEM}/keelboot-fleet.timer.d/often.conf":
        "[Timer]\nOnBootSec=\nOnUnitInactiveSec=\nOnBootSec=5\nOnUnitInactiveSec=10\nRandomizedDelaySec=0\n",
    # As docs/FLEET.md says of another folder.
    f"{SYSTEM}/keelboot-fleet-metrics.service.d/folder.conf":
        f"[Service]\nEnvironment=TO={EXPORTER}\nReadWritePaths={EXPORTER}\n",
    "etc/tmpfiles.d/exporter.conf": f"d {EXPORTER} 0755 nobody nogroup\n",
    # A root without anything that it could write to: these are Debian's own failures there.
    "etc/keelboot/health/failed-units": "ignore=logrotate.service dpkg-db-backup.service apt-daily.service\n",
}
# A busy host takes its time, and nothing here is about these.
PATIENT = "[system]\ncommit-deadline=1800\n[watchdog]\ntimeout=240\n"
CONF = f"{PATIENT}[fleet]\nserver=http://10.0.2.2:{{port}}\nid=gw-1\ntoken-file=/data/token\npoll=30\nreboot=yes\n"
# Kernels that are files of a FAT, which is smaller than any.
PAIRS = "".join(f"[slot.{slot}]\\nboot=PARTLABEL=esp:/EFI/Linux/keelboot-{slot}.efi\\n" for slot in "ab") + \
    "[loader]\\nkind=systemd-boot\\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")


def name_of_files() -> str:
    """Changes when anything changes that goes into the system besides the programs of all boots."""
    digest = hashlib.sha256(repr(FILES).encode())
    for path in (TOP / "build/keelboot-fleet", *sorted((TOP / "hooks/fleet").iterdir())):
        digest.update(path.read_bytes())
    return f"fleet-{digest.hexdigest()[:8]}"


def fill(device, tree):
    run("make", "-s", "-C", TOP, "install-device", "install-fleet", f"DESTDIR={tree}")
    run("chroot", tree, "useradd", "--system", "--user-group", "keelboot-fleet")
    (tree / "data").mkdir()
    device.key()
    for path, source in {**FILES, "etc/keelboot/keys": device.work / "keys"}.items():
        add_file(tree, path, source)
    run("systemctl", "--quiet", f"--root={tree}", "enable", "systemd-networkd.service", "keelboot-fleet.timer")


@pytest.fixture(name="server")
def make_server():
    server = Server("gw-1")
    server.sleep = "00:00:30"
    with server.running():
        yield server


@pytest.fixture(name="machine")
def make_machine(bench, server):
    disk = debian_slot.make(bench, "systemd", name_of_files(), lambda tree: fill(bench.device, tree),
                            packages="libcurl4,libjson-c5", extra=[("esp", "2M", Vfat({"EFI/Linux/x.efi": b"x"}))],
                            data={"fleet.conf": CONF.format(port=server.server_port), "token": "secret\n"})
    # A network card has no place in the initramfs but here.
    initrd = bench.conf_initramfs("fleet-systemd", PATIENT, "--module", "virtio_net")
    return bench.machine(disk, initrd=initrd, memory=512, extra=[
        "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="])


def wait_until(is_so, seconds=600):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.5)


def exposure(bench, vm, unit) -> float:
    said = bench.ask(vm, f"systemd-analyze security --no-pager {unit}.service")
    print(said.splitlines()[-1])
    return float(re.search(r"Overall exposure level for .*: (\d+\.\d)", said)[1])


def kernel_without_room(bench):
    image = bench.work / "kernel.efi"
    image.write_bytes(os.urandom(3 << 20))
    return bench.bundle("1.5", options=("--image", f"boot={image}"))


def test_units_update_a_device_in_their_sandbox(bench, server, machine):
    """By the timer a release that does not come up, whose end is reported; then a good one by the service."""
    broken, good = bench.bundle("2.0 exit"), bench.bundle("3.0")
    with machine as vm:
        log_in(vm, 900)
        assert all(exposure(bench, vm, unit) <= bound for unit, bound in EXPOSURE.items())
        bench.ask(vm, "while ! keelboot status | grep -q 'which is good'; do sleep 1; done", 240)
        wait_until(lambda: server.attributes)
        bench.ask(vm, f"cp /data/fleet.conf /data/before && printf '{PAIRS}' >>/data/fleet.conf")
        action = server.assign(kernel_without_room(bench))
        # That is seen where the sandbox lets a process mount the FAT; else it would be staged.
        says = "journalctl -u keelboot-fleet-once | grep 'not staged: .*but there is room for'"
        bench.ask(vm, f"until {says}; do sleep 2; done", 600)
        assert "but there is room for" in bench.ask(vm, "keelboot stage /data/keelboot/fleet/bundle.keel 2>&1; :")
        bench.ask(vm, "cat /data/before >/data/fleet.conf")
        server.cancel(action)
        wait_until(lambda: action.state == "canceled")
        action = server.assign(broken)
        vm.expect(r"system 2\.0: init ends", 400)
        assert "staged; the next boot installs it" in action.messages

        vm.expect(r"slot a is rejected", 400)
        log_in(vm, 900)
        wait_until(lambda: action.state == "error")
        assert "2.0 in slot a fell back" in "\n".join(action.messages)

        bench.ask(vm, "systemctl start keelboot-fleet-metrics.service keelboot-fleet.service")
        assert 'keelboot_slot' in bench.ask(vm, f"cat {EXPORTER}/keelboot.prom")
        assert bench.ask(vm, "systemctl is-active keelboot-fleet keelboot-fleet.timer; :").split() == \
            ["active", "inactive"]
        # A third one is, for a moment, what becomes the command.
        wait_until(lambda: bench.ask(vm, "ps -o user:20= -C keelboot-fleet").split() == ["root", "keelboot-fleet"])
        bench.ask(vm, "systemctl reload keelboot-fleet")
        action = server.assign(good)
        bench.up(vm, "3.0", "a", timeout=400)
        assert "staged; the next boot installs it" in action.messages
