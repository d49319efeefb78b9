# SPDX-License-Identifier: Apache-2.0
"""Devices in QEMU that ask a server on this host for updates, each by itself: what the rollouts are made of, in the
tests and in the demo."""
import contextlib
import os
import re
import subprocess
import time
import uuid
from pathlib import Path

from kbdevice import run
from kbdisk import mkext4
from kbroot import mkroot

TOP = Path(__file__).resolve().parents[2]
PROGRAM = TOP / "build/keelboot-fleet"
LEAN = ("virtio", "ext4")
# The release that works asks every few seconds, and reboots when keelboot-fleet says so.
BOOT = """\
#!/bin/sh
data=$(sed -n 's/^data //p' /run/keelboot/devices)
mount -t ext4 -o nosuid,nodev "$data" /data
mount --bind /data/fleet.conf /etc/keelboot/system.conf.d/fleet.conf
[ -c /dev/watchdog0 ] && watchdog -T 60 -t 5 /dev/watchdog0
ip link set lo up; ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.2.2
echo "system {version} is up on slot $(cat /run/keelboot/slot)"
contact() {{
    keelboot-fleet once >/tmp/said 2>&1; code=$?
    sed 's/^/fleet: /' /tmp/said
}}
contact
keelboot health
(while :; do
    contact; sleep 3
    [ $code != 4 ] || exec reboot
done) &
echo "system {version} is ready"
"""
CHECK = "#!/bin/sh\n{}\n"
BROKEN = "echo 'modem0: firmware 2.1 does not register'; exit 1"
CONF = """\
[system]
stable-after=0
[fleet]
server=http://10.0.2.2:{port}
id={name}
token-file=/data/token
distribution={distribution}
timeout=20
"""


def libraries(program) -> dict:
    """What it is linked with, by its path."""
    text = subprocess.run(["ldd", program], text=True, capture_output=True, check=True).stdout
    return {path.lstrip("/"): Path(path).resolve() for path in re.findall(r"(/\S+) \(0x", text)}


class Fleet:
    """Releases and disks. The devices' ids begin with `name`, so do the distribution sets. conf: of a device; boot:
    what a release does; files: more of its root."""

    def __init__(self, bench, conf=CONF, boot=BOOT, files=None):
        self.bench, self.name, self.conf = bench, f"gw-{uuid.uuid4().hex[:6]}", conf
        self.boot, self.files = boot, files or {}

    def image(self, version, check="exit 0", ballast=0):
        """The system of a release, whose health check is this; ballast: MiB that do not shrink."""
        device, tree = self.bench.device, self.bench.work / f"tree-{version}"
        program = self.bench.work / PROGRAM.name
        run("strip", "-o", program, PROGRAM)
        device.key()
        files = {"usr/bin/keelboot": device.stripped("keelboot"), "usr/bin/keelboot-fleet": program,
                 "usr/lib/keelboot/keelboot-helper": device.stripped("keelboot-helper"),
                 "etc/keelboot/system.conf": device.conf, "etc/keelboot/keys": device.work / "keys",
                 "etc/keelboot/system.conf.d/fleet.conf": "", "etc/keelboot/check.d/10-modem": CHECK.format(check),
                 **libraries(PROGRAM), **self.files}
        if ballast:
            files["usr/share/ballast"] = os.urandom(ballast << 20)
        mkroot(tree, name="Gateway", version=version, boot=self.boot.format(version=version), files=files)
        out = self.bench.work / f"system-{version}.img"
        mkext4(out, f"{39 + ballast * 9 // 8}M", tree, label="root", seed=f"fleet-{version}")
        return out

    def bundle(self, version, check="exit 0", ballast=0, options=()):
        return self.bench.device.bundle(version, image=self.image(version, check, ballast), name=version,
                                        options=options)

    def disk(self, name, port, first, more="", data=None):
        """Of a device with that release in slot a; first: its image; more: lines of its [fleet]; data: files of its
        data partition."""
        conf, token = self.bench.work / f"{name}.conf", self.bench.work / f"{name}.token"
        conf.write_text(self.conf.format(port=port, name=name, distribution=self.name) + more)
        token.write_text(f"secret-{name}\n")
        return self.bench.disk("1.0", name=name, slots=(first, ...),
                               data={"fleet.conf": conf, "token": token, **(data or {})})

    def machine(self, disk, *extra):
        """With the network of a device behind a router: this host is 10.0.2.2. extra: words of QEMU."""
        # A network card has no place in the initramfs but here.
        initrd = self.bench.initramfs("--module", "virtio_net", name="fleet", modules=LEAN)
        return self.bench.machine(disk, initrd=initrd, memory=192, extra=[
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=", *extra])


def targets(hawkbit, names) -> None:
    for name in names:
        hawkbit.target(name, f"secret-{name}")


class Rollout:
    """One on hawkBit, in groups of which each waits for the one before; an error pauses it."""

    def __init__(self, hawkbit, fleet, distribution, groups, errors=50):
        self.hawkbit, body = hawkbit, {
            "name": f"{fleet.name}-{distribution}", "distributionSetId": distribution, "amountGroups": groups,
            "targetFilterQuery": f"controllerid=={fleet.name}-*", "type": "forced",
            "successCondition": {"condition": "THRESHOLD", "expression": "100"},
            "successAction": {"action": "NEXTGROUP", "expression": ""},
            "errorCondition": {"condition": "THRESHOLD", "expression": str(errors)},
            "errorAction": {"action": "PAUSE", "expression": ""}}
        self.id = hawkbit("POST", "rollouts", body)["id"]
        self.wait("ready")
        hawkbit("POST", f"rollouts/{self.id}/start")
        self.wait("running")

    @property
    def shown(self):
        return self.hawkbit("GET", f"rollouts/{self.id}")

    @property
    def groups(self):
        return self.hawkbit("GET", f"rollouts/{self.id}/deploygroups?sort=id:ASC")["content"]

    def members(self, group):
        """Ids of its devices."""
        path = f"rollouts/{self.id}/deploygroups/{group['id']}/targets"
        return sorted(target["controllerId"] for target in self.hawkbit("GET", path)["content"])

    def wait(self, *states, seconds=60):
        """Until it is in one of these states."""
        end = time.monotonic() + seconds
        while self.shown["status"] not in states:
            assert time.monotonic() < end, self.shown
            time.sleep(0.5)
        return self.shown["status"]


def wait_for_version(hawkbit, name, version, seconds=240) -> None:
    """Until the device has said that it runs this."""
    end = time.monotonic() + seconds
    while (hawkbit("GET", f"targets/{name}/attributes") or {}).get("keelboot.version") != version:
        assert time.monotonic() < end, hawkbit("GET", f"targets/{name}/attributes")
        time.sleep(1)


def actions(hawkbit, name) -> list:
    """Of a device, with what the server has of each: its state, and what was said."""
    return [{**one, "entries": hawkbit.content(f"targets/{name}/actions/{one['id']}/status")}
            for one in hawkbit.content(f"targets/{name}/actions")]


@contextlib.contextmanager
def running(machines):
    """All of them at once."""
    with contextlib.ExitStack() as stack:
        for machine in machines:
            stack.enter_context(machine)
        yield machines
