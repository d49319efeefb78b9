# SPDX-License-Identifier: Apache-2.0
"""The units: what they leave to the process of root is what its work takes. Not run under systemd here."""
import os
import re

import pytest
from cli_device import REBOOT, TOP

UNITS = [TOP / f"hooks/fleet/keelboot-fleet{name}.service" for name in ("", "-once")]


def value(unit, key):
    found = re.findall(rf"^{key}=(.*)$", unit.read_text(), re.M)
    assert len(found) == 1, (unit, key)
    return found[0]


def capabilities(unit):
    return [word.lower().removeprefix("cap_") for word in value(unit, "CapabilityBoundingSet").split()]


def bound(fleet, names):
    """It runs with these capabilities and no others, as in a unit."""
    made = fleet.command
    fleet.command = lambda *words: ["setpriv", "--bounding-set", ",".join(["-all", *(f"+{name}" for name in names)]),
                                    "--no-new-privs", *made(*words)]


def test_both_units_leave_the_same():
    assert capabilities(UNITS[0]) == capabilities(UNITS[1])
    # A kernel for each slot may be a file of a FAT, whose room is looked at in a mount of its own.
    assert "sys_admin" in capabilities(UNITS[0]) and {value(unit, "RestrictNamespaces") for unit in UNITS} == {"mnt"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities")
def test_an_update_takes_no_more_than_the_units_leave(fleet, server, bundle):
    bound(fleet, capabilities(UNITS[0]))
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    assert fleet.staged
    server.cancel(action)
    fleet.once()
    assert not fleet.staged and action.state == "canceled"
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities")
@pytest.mark.parametrize("name", ["chown", "dac_override", "setgid", "setuid"])
def test_each_of_these_is_needed(fleet, server, bundle, name):
    bound(fleet, [one for one in capabilities(UNITS[0]) if one != name])
    server.assign(bundle)
    fleet.once(code=None)
    assert not fleet.staged
