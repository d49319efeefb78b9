# SPDX-License-Identifier: Apache-2.0
"""The units: what they leave to the process of root is what its work takes. tests/boot/test_fleet_systemd.py runs them
under systemd."""
import os
import re
import shlex
import shutil
import subprocess

import pytest
from cli_device import REBOOT, TOP
from page import blocks

UNITS = [TOP / f"hooks/fleet/keelboot-fleet{name}.service" for name in ("", "-once")]


def value(unit, key):
    found = re.findall(rf"^{key}=(.*)$", unit.read_text(), re.M)
    assert len(found) == 1, (unit, key)
    return found[0]


def capabilities(unit):
    return [word.lower().removeprefix("cap_") for word in value(unit, "CapabilityBoundingSet").split()]


def with_only(names):
    """What goes before a command that has these capabilities and no others, as in a unit."""
    return ["setpriv", "--bounding-set", ",".join(["-all", *(f"+{name}" for name in names)]), "--no-new-privs"]


def bound(fleet, names):
    made = fleet.command
    fleet.command = lambda *words: [*with_only(names), *made(*words)]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_the_filter_lets_pages_of_libraries_be_given_back():
    """fleet/idle.c."""
    calls = subprocess.run(["systemd-analyze", "syscall-filter", "@system-service"], check=True, capture_output=True,
                           text=True).stdout
    assert "madvise" in calls.split()


def test_both_units_leave_the_same():
    assert capabilities(UNITS[0]) == capabilities(UNITS[1])
    assert {value(unit, "SystemCallFilter") for unit in UNITS} == {"@system-service @mount reboot"}
    # A filter that ends processes would end updates with them, where a library begins to try something new.
    assert {value(unit, "SystemCallErrorNumber") for unit in UNITS} == {"EPERM"}
    # A kernel for each slot may be a file of a FAT, whose room is looked at in a mount of its own.
    assert "sys_admin" in capabilities(UNITS[0]) and {value(unit, "RestrictNamespaces") for unit in UNITS} == {"mnt"}


def drop_in(word):
    """The one in docs/FLEET.md that has this key, without its sections."""
    (found,) = [block for block in blocks("Set it up") if f"{word}=" in block]
    return [line for line in found.splitlines() if not line.startswith("[")]


def test_the_page_names_each_line_that_knows_where_the_data_is():
    for unit in UNITS:
        lines = [line.split("=") for line in unit.read_text().splitlines() if re.match(r"\w+=.*/data\b", line)]
        wanted = [f"{key}={word}" for key, words in lines for word in words.split() if word.endswith("/data")]
        assert [line.replace("/data", "/srv") for line in wanted] == drop_in("RequiresMountsFor")


@pytest.mark.parametrize("status, rebooted", [(0, False), (1, False), (4, True)])
def test_the_pages_drop_in_reboots_on_4_alone(tmp_path, status, rebooted):
    """systemd takes $$ for $, and says by $EXIT_STATUS how the contact ended."""
    assert value(UNITS[1], "SuccessExitStatus") == "4"
    (line,) = drop_in("ExecStopPost")
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\n')
    (tmp_path / "systemctl").chmod(0o755)
    words = shlex.split(line.partition("=+")[2].replace("$$", "$"))
    subprocess.run(words, env={"PATH": str(tmp_path), "EXIT_STATUS": str(status)}, check=True)
    assert (tmp_path / "asked").exists() == rebooted
    assert not rebooted or (tmp_path / "asked").read_text() == "--no-block reboot\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities")
def test_an_update_takes_no_more_than_the_units_leave(fleet, server, bundle):
    bound(fleet, capabilities(UNITS[0]))
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    assert fleet.staged
    server.cancel(action)
    fleet.once()
    assert not fleet.staged and action.state == "canceled"
    fleet.updates(server, bundle)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities")
@pytest.mark.parametrize("name", ["chown", "dac_override", "setgid", "setuid"])
def test_each_of_these_is_needed(fleet, server, bundle, name):
    bound(fleet, [one for one in capabilities(UNITS[0]) if one != name])
    server.assign(bundle)
    fleet.once(code=None)
    assert not fleet.staged


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities")
def test_the_timer_writes_metrics_of_a_device_whole_or_not(fleet, server, bundle, tmp_path):
    unit = TOP / "hooks/fleet/keelboot-fleet-metrics.service"
    out, program = tmp_path / "exporter", tmp_path / "bin/keelboot-fleet"
    out.mkdir()
    os.chown(out, 65534, 65534)
    program.parent.mkdir()
    server.assign(bundle)
    fleet.once(code=REBOOT)
    for end, code in ("", 0), ("; exit 1", 1):
        program.write_text(f"#!/bin/sh\n{shlex.join(map(str, fleet.command('status', '--metrics')))}{end}\n")
        program.chmod(0o755)
        done = subprocess.run([*with_only(capabilities(unit)), *shlex.split(value(unit, "ExecStart"))], check=False,
                              env=fleet.environment(TO=str(out)) | {"PATH": f"{program.parent}:{fleet.path}"})
        assert done.returncode == code
    assert 'keelboot_fleet_action{phase="staged"} 1\n' in (out / "keelboot.prom").read_text()
    assert (out / "keelboot.prom").stat().st_mode & 0o444 == 0o444
