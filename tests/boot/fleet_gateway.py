# SPDX-License-Identifier: Apache-2.0
"""A device in QEMU that asks its server every few seconds, by https. Each contact prints where it begins and ends, so a
test sees what whole ones come to while it changes something. Its clock begins in 1970, at each power-on."""
import contextlib
import json
import re
import time
from pathlib import Path

from fleet_devices import Fleet, running
from fleet_sites import ELSEWHERE

PAGE = (Path(__file__).resolve().parents[2] / "docs/FLEET.md").read_text()
CONF = """\
[system]
stable-after=0
[fleet]
server=https://10.0.2.2:{port}
ca-file=/data/ca.pem
id={name}
token-file=/data/token
distribution={distribution}
timeout=20
partial=no
reboot=yes
reboot-inhibit=/data/busy
"""
# It has no clock. Health is judged once it may be.
BOOT = """\
#!/bin/sh
data=$(sed -n 's/^data //p' /run/keelboot/devices)
mount -t ext4 -o nosuid,nodev "$data" /data
mount --bind /data/fleet.conf /etc/keelboot/system.conf.d/fleet.conf
[ -c /dev/watchdog0 ] && watchdog -T 60 -t 5 /dev/watchdog0
ip link set lo up; ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.2.2
echo "system {version} is up on slot $(cat /run/keelboot/slot)"
(while :; do
    echo "fleet: begins"
    keelboot-fleet once >/tmp/said 2>&1; code=$?
    sed 's/^/fleet: /' /tmp/said
    echo "fleet: ends $code"
    sleep 2
done) &
(while [ -e /data/wait ]; do sleep 1; done; keelboot health) &
echo "system {version} is ready"
"""
FILES = {"etc/hosts": f"127.0.0.1 localhost\n10.0.2.2 {ELSEWHERE}\n", "etc/nsswitch.conf": "hosts: files\n",
         "etc/passwd": "root::0:0:root:/root:/bin/sh\nkeelboot-fleet:x:998:998::/:/bin/false\n",
         "etc/group": "root:x:0:\nkeelboot-fleet:x:998:\n"}
AT_1970 = ("-rtc", "base=1970-01-01T00:00:00")
CONTACT = re.compile(r"fleet: begins\n(.*?)fleet: ends (\d+)\n", re.S)
OK, FAILURE = 0, 1
STAGED = "staged; the next boot installs it"
CLOSED = 600        # seconds until a maintenance window opens


def of_page(line) -> str:
    """The line, which the page shows of action 7, and without ports."""
    shown = re.sub(r"(?<=ction )\d+", "7", re.sub(r"(?<=[.]com):\d+", "", line))
    assert f"`{shown}`" in PAGE, shown
    return line


class Gateway:
    """The device, and what its server has of it."""

    def __init__(self, bench, machine, site, bundle):
        self.bench, self.machine, self.site, self.shop, self.way = bench, machine, site, site.shop, site.way
        self.bundle, self.action = bundle, None     # the last action

    def until(self, is_so, seconds=240):
        """What comes within that time, which is so."""
        end = time.monotonic() + seconds
        while not (found := is_so()):
            assert time.monotonic() < end, self.machine.console.tail()
            time.sleep(0.2)
        return found

    # ------------------------------------------------------------ on the device

    def ask(self, command):
        """Its contacts go on meanwhile, and print."""
        return re.sub(r"fleet: .*\n", "", self.bench.ask(self.machine, command))

    def contacts(self, number=1):
        """What the next ones print, each from its beginning, and how they end."""
        begin = len(self.machine.text)

        def whole():
            found = CONTACT.findall(self.machine.text[begin:])
            return found if len(found) >= number else None
        return [("\n".join(re.findall("fleet: (.*)", said)), int(code)) for said, code in self.until(whole)]

    def says(self, line, contacts=2):
        """Each of the next ones fails with this line."""
        for said, code in self.contacts(contacts):
            assert of_page(line) in said and code == FAILURE

    def is_well(self):
        """The next contact goes on as if nothing had been."""
        polls = self.way.answers("poll").count(200)
        (said, code), *_ = self.contacts()
        assert code == OK, said
        assert self.way.answers("poll").count(200) > polls

    def printed(self, line, begin):
        """Behind there."""
        assert of_page(line) in self.machine.text[begin:]

    def set_clock(self):
        self.ask(f"date -s @{int(time.time())}")

    def status(self):
        return json.loads(self.ask("keelboot status --json >/tmp/status; cat /tmp/status"))

    @property
    def staged(self):
        return self.status()["staged"]

    @contextlib.contextmanager
    def untouched(self):
        """It is the same boot, with the same in its slots and the same staged."""
        def shown():
            status = self.status()
            return self.ask("cat /proc/sys/kernel/random/boot_id"), status["slots"], status["staged"]
        before = shown()
        yield
        assert shown() == before

    # ------------------------------------------------------------ what its server has

    def assign(self, **how):
        self.action = self.shop.assign(self.bundle, **how)
        return self.action

    @contextlib.contextmanager
    def unheard(self):
        """It hears nothing of what is done meanwhile."""
        self.way.away = True
        yield
        self.way.away = False

    def is_staged(self, action):
        """That is here, and its server knows it."""
        self.until(lambda: STAGED in action.messages)
        assert self.staged

    def is_cancelled(self, action):
        self.until(lambda: action.state == "canceled")
        line = of_page(f"Action {action.id}: cancelled by the server")
        self.until(lambda: f"fleet: {line}\n" in self.machine.text)

    def is_empty(self):
        """Nothing of an action is here: staged, or fetched."""
        assert self.staged is None
        assert self.ask("ls /data/keelboot/fleet").split().count("bundle.keel") == 0

    def asked(self):
        """Requests that came there."""
        return len(self.way.seen)


@contextlib.contextmanager
def booted(bench, site):
    """It begins in 1970; what it says then is `first`."""
    fleet = Fleet(bench, CONF, BOOT, FILES)
    fleet.name, site.shop.closed = site.shop.target, CLOSED
    data = {name: bench.work / name for name in ("busy", "token", "ca.pem")}
    data["busy"].touch()
    data["token"].write_text(f"{site.shop.token}\n")
    data["ca.pem"].write_bytes((site.folder / "ca.pem").read_bytes())
    bundle, disk = fleet.bundle("2.0"), fleet.disk(fleet.name, site.port, fleet.image("1.0"), data=data)
    with running([fleet.machine(disk, *AT_1970)]) as (vm,):
        gateway = Gateway(bench, vm, site, bundle)
        vm.expect(r"system 1\.0 is ready", 300)
        gateway.first, gateway.asked_first = gateway.contacts(2), gateway.asked()
        gateway.year = gateway.ask("date +%Y").strip()
        gateway.set_clock()
        yield gateway
    for path in bench.work.glob("*.img"):
        path.unlink()
