# SPDX-License-Identifier: Apache-2.0
"""`keelboot guard` on a real ostree: a good deployment, one that fails its check, one that does not come up, and one
that hangs so that only the hardware's watchdog ends it."""

import json
import re

import ostree_system
import pytest
from ostree_system import BOOT_S, Ostree

CONF = "[system]\ntries=2\ncommit-deadline={deadline}\n[watchdog]\ntimeout=30\n[guard]\n" \
       "bad=ostree admin deploy --os=acme $KEELBOOT_GOOD\n" \
       "good=echo $KEELBOOT_DEPLOYMENT is blessed >/dev/console\n"
CHECK = "usr/lib/keelboot/check.d/10-app"
FAILS = "#!/bin/sh\necho 'the modem does not register'\nexit 3\n"
# The trial never comes to its checks.
STUCK = "[Unit]\nBefore=multi-user.target\n[Service]\nType=oneshot\nTimeoutStartSec=infinity\n" \
        "ExecStart=/bin/sh -c 'echo the start hangs >/dev/console; sleep 10000'\n"
# Process 1 freezes itself, and nobody feeds the watchdog any more.
HANG = "[Unit]\nAfter=basic.target\n[Service]\nType=oneshot\nExecStart=/bin/sh -c '" \
       "echo the system hangs >/dev/console; kill -STOP $(cat /run/keelboot/guardian); kill -SEGV 1'\n"
FED_HANG = HANG.replace("echo the system hangs >/dev/console; kill -STOP $(cat /run/keelboot/guardian)",
                        "keelboot guard >/dev/console; echo the system hangs >/dev/console")
FED = {"etc/systemd/system.conf.d/dog.conf": "[Manager]\nRuntimeWatchdogSec=30\n"}
UP = "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nStandardOutput=tty\nTTYPath=/dev/console\n" \
     "ExecStart=/bin/sh -c 'echo \"release $(cat /usr/share/release) is up\"'\n"

# systemd-shutdown, for a guardian that it may not kill.
WAITS = "Waiting for process"

pytestmark = pytest.mark.skipif(not ostree_system.usable, reason="needs root, and the package ostree")


@pytest.fixture(name="system")
def make_system(tmp_path):
    made = []

    def make(deadline=600):
        made.append(Ostree(tmp_path, CONF.format(deadline=deadline)))
        return made[0]
    yield make
    for one in made:
        one.close()


def release(system, name, more=(), **files):
    return system.commit(name, {"etc/systemd/system/up.service": UP, **dict(more),
                                **{f"etc/systemd/system/{unit}.service": text for unit, text in files.items()
                                   if unit != "check"},
                                **({CHECK: files["check"]} if "check" in files else {})})


def trial(system, name, **files):
    """A disk where 1.0 was good, and another release is deployed; returns both commits."""
    good, new = release(system, "1.0"), release(system, name, **files)
    system.deploy("1.0", name)
    system.known_good(good)
    system.build()
    return good, new


def ask(vm, command, timeout=120) -> str:
    code, text = vm.shell(f"dmesg -n 1; {command}", timeout)
    assert code == 0, text
    return text


def status(vm) -> dict:
    text = ask(vm, "keelboot status --json")
    return json.loads(text[text.index("{"):text.rindex("}") + 1])


def verdicts(vm) -> dict:
    return {one["id"]: (one["verdict"], one["attempts"], one["rollbacks"]) for one in status(vm)["deployments"]}


def test_good_deployment_is_marked_good_once(system):
    one = system()
    first, second = release(one, "1.0"), release(one, "2.0")
    one.deploy("1.0")
    one.build()
    vm = one.boot()
    vm.expect(f"deployment {first[:12]} is on trial: attempt 1 of 2; no other deployment was marked good", BOOT_S)
    vm.expect(f"{first} is blessed", BOOT_S)
    ask(vm, "ostree admin deploy --os=acme 2.0", 300)
    vm.send("systemctl reboot")
    vm = one.again()
    vm.expect(f"deployment {second[:12]} is on trial: attempt 1 of 2", BOOT_S)
    # Early in the boot, and while it waits for its verdict.
    vm.expect(r"(?m)^# ", BOOT_S)
    held = ask(vm, "grep -E 'VmRSS|VmHWM' /proc/$(cat /run/keelboot/guardian)/status; "
                   "cat /sys/class/watchdog/watchdog0/state")
    memory = [int(kib) for kib in re.findall(r"Vm\w+:\s+(\d+) kB", held)]
    assert len(memory) == 2 and max(memory) < 1536, held
    assert "\nactive" in held.replace("\r", "")
    vm.expect(f"{second} is blessed", BOOT_S)
    assert verdicts(vm) == {first: ("good", 1, 0), second: ("good", 1, 0)}
    # Nobody feeds the watchdog now, and it is stopped; the guardian has gone.
    assert "inactive" in ask(vm, "sleep 2; cat /sys/class/watchdog/watchdog0/state; ! test -e /run/keelboot/guardian")
    before = ask(vm, "stat -c %i.%Y /var/lib/keelboot/guard.json | grep -o '[0-9.]*$'").split()[-1]
    vm.send("systemctl reboot")
    vm = one.again()
    vm.expect("release 2.0 is up", BOOT_S)
    assert not status(vm)["trial"]
    ask(vm, "systemctl is-active --wait keelboot-mark-good.service; ! test -e /run/keelboot/guardian")
    assert before in ask(vm, "stat -c %i.%Y /var/lib/keelboot/guard.json")
    assert "is on trial" not in vm.boot_text() and "blessed" not in vm.boot_text()


def test_deployment_that_fails_its_check_is_left(system):
    one = system()
    good, bad = trial(one, "2.0", check=FAILS)
    vm = one.boot()
    vm.expect(f"deployment {bad[:12]} is on trial: attempt 1 of 2", BOOT_S)
    vm.expect(f"deployment {bad[:12]} is rejected: check 10-app: exit 3: the modem does not register", BOOT_S)
    vm.expect(r"running \[guard\] bad=, 1 of 2: ostree admin deploy", BOOT_S)
    vm.expect("this deployment is bad; rebooting", BOOT_S)
    vm = one.again()
    assert WAITS not in vm.text
    vm.expect("release 1.0 is up", BOOT_S)
    assert verdicts(vm) == {good: ("good", 1, 0), bad: ("bad", 1, 1)}
    told = ask(vm, "keelboot guard; keelboot guard why")
    assert "check 10-app: exit 3: the modem does not register" in told
    assert f"deployment: {bad}" in told and "--- kernel log" in told and "--- bad=" in told
    assert not status(vm)["trial"] and status(vm)["deployment"] == good


def test_deployment_that_does_not_come_up_is_left_at_the_deadline(system):
    one = system(deadline=90)
    good, bad = trial(one, "2.0", stuck=STUCK)
    vm = one.boot()
    vm.expect("the start hangs", BOOT_S)
    vm.expect(f"deployment {bad[:12]} is rejected: not marked good within 90 s", BOOT_S)
    vm.expect("this deployment was not marked good within 90 s; marked bad; rebooting", BOOT_S)
    vm = one.again()
    vm.expect("release 1.0 is up", BOOT_S)
    assert verdicts(vm) == {good: ("good", 1, 0), bad: ("bad", 1, 1)}
    assert "stuck.service" in ask(vm, "keelboot guard why | grep -A9 'still being started'")


@pytest.mark.parametrize("feeder", ("the guardian", "process 1"))
def test_deployment_that_hangs_is_left_after_its_attempts(system, feeder):
    """The watchdog ends each; the third boot goes back before the hanging part of it starts."""
    one = system()
    fed = feeder == "process 1"
    good, bad = trial(one, "2.0", hang=FED_HANG if fed else HANG, more=FED if fed else ())
    vm = one.boot()
    for number in (1, 2):
        vm.expect(f"deployment {bad[:12]} is on trial: attempt {number} of 2", BOOT_S)
        if fed:
            vm.expect("Watchdog: +process 1 feeds it", BOOT_S)
        vm.expect("the system hangs", BOOT_S)
        vm = one.again()
        assert [name for _, name, _ in vm.events].count("WATCHDOG") == number
    vm.expect(f"deployment {bad[:12]} is rejected: crashed or hung in each of 2 boots", BOOT_S, "the system hangs")
    vm.expect(r"running \[guard\] bad=, 1 of 2", BOOT_S, "the system hangs")
    vm = one.again()
    vm.expect("release 1.0 is up", BOOT_S)
    assert verdicts(vm) == {good: ("good", 1, 0), bad: ("bad", 2, 1)}
