# SPDX-License-Identifier: Apache-2.0
"""The program itself: what it is linked with, how it is installed, and that its pages say what it does."""
import json
import re
import shutil

import pytest
from cli_device import OK, TOP, call, run
from conftest import FLEET
from rollout_svg import PICTURE, RECORDED, draw

UNITS = sorted(path for path in (TOP / "hooks/fleet").iterdir() if path.suffix != ".init")
PAGE = (TOP / "docs/FLEET.md").read_text()
MAN = (TOP / "docs/man/keelboot-fleet.8").read_text()


def test_it_has_its_libraries_from_the_distribution_and_no_others():
    needed = re.findall(r"NEEDED.*\[(.*?)\.so", call("readelf", "-d", FLEET).stdout)
    assert sorted(needed) == ["libc", "libcurl", "libjson-c"]


def test_it_is_hardened():
    headers, dynamic = call("readelf", "-lW", FLEET).stdout, call("readelf", "-d", FLEET).stdout
    assert "DYN (Position-Independent Executable file)" in call("readelf", "-h", FLEET).stdout
    assert "GNU_RELRO" in headers and "BIND_NOW" in dynamic and "TEXTREL" not in dynamic
    assert not re.search(r"GNU_STACK.*RWE|LOAD.*RWE", headers)


def test_what_is_installed_is_uninstalled(tmp_path):
    def make(target):
        call("make", "-s", "-C", TOP, target, f"DESTDIR={tmp_path}")
    make("install-fleet")
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"usr/bin/keelboot-fleet", "usr/share/man/man8/keelboot-fleet.8",
                     "usr/lib/keelboot/keelboot-fleet.init",
                     *(f"usr/lib/systemd/system/{unit.name}" for unit in UNITS)}
    make("uninstall")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_understands_the_units(tmp_path):
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("=keelboot-fleet ", f"={FLEET} "))
    done = call("systemd-analyze", "verify", "--man=no", *(tmp_path / unit.name for unit in UNITS), code=None)
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_both_services_have_the_same_sandbox():
    sandbox = [re.findall(r"^(?:Protect|Restrict|Private|NoNew|Memory|Lock|System|ReadWrite|UMask)\w+=.*$",
                          (TOP / f"hooks/fleet/{name}.service").read_text(), re.M)
               for name in ("keelboot-fleet", "keelboot-fleet-once")]
    assert sandbox[0] == [line for line in sandbox[1]] and len(sandbox[0]) > 15


def test_the_units_wait_for_the_clock_where_a_unit_of_the_distribution_does():
    """systemd.special(7): who needs the clock is ordered behind the target, and does not pull it in."""
    for name in ("keelboot-fleet", "keelboot-fleet-once"):
        unit = (TOP / f"hooks/fleet/{name}.service").read_text()
        assert re.search(r"^After=.*\btime-sync\.target", unit, re.M)
        assert not re.search(r"^(Wants|Requires)=.*time-sync", unit, re.M)
    assert "systemctl enable systemd-time-wait-sync" in PAGE and "`chrony-wait`" in PAGE


def test_the_configuration_of_the_page_is_a_good_one(tmp_path):
    example = re.search(r"^ {7}\[fleet\]\n(?: {7}.*\n)+", PAGE, re.M)[0]
    file = tmp_path / "system.conf"
    file.write_text("[system]\ncompatible=x\n" + example.replace("       ", ""))
    run("check-config", file, code=OK)


def test_the_man_page_has_each_verb_and_option_of_the_help():
    said = call(FLEET, "--help").stdout
    options = set(re.findall(r"^ +(?:-h, )?--([a-z-]+)", said, re.M))
    assert options == set(re.findall(r"^\.It (?:Fl h , )?Fl -([a-z-]+)", MAN, re.M))
    assert {"once", "run", "status"} == set(re.findall(r"^\.It Cm (\w+)$", MAN, re.M))
    assert re.findall(r"^\.It Li (\d)$", MAN, re.M) == re.findall(r"(\d) \w", said.split("Exit: ")[1].split("\n")[0])


def test_the_picture_of_a_rollout_is_what_the_server_showed():
    assert PICTURE.read_text() == draw(json.loads(RECORDED.read_text()))
