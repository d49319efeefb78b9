# SPDX-License-Identifier: Apache-2.0
"""Whoever may not read the configuration or the record hears that, and not that there is no server."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from cli_device import FAILURE, NOTHING
from conftest import FLEET

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root takes the rights of others")


@pytest.fixture(name="place")
def make_place():
    """A device's files where any user may go, and a copy of the program."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        shutil.copy(FLEET, place / "keelboot-fleet")
        for folder in ("etc/keelboot/system.conf.d", "data/keelboot/fleet", "run"):
            (place / folder).mkdir(parents=True)
        (place / "data/keelboot/fleet").chmod(0o700)
        (place / "etc/keelboot/system.conf").write_text(
            f"[source.data]\nmount={place}/data\n[fleet]\nserver=http://updates.example.com\nid=device-1\n")
        yield place


def status(place, user, *words):
    command = [place / "keelboot-fleet", "status", "--conf-root", place, "--run-dir", place / "run", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, user=user, group=user, extra_groups=[],
                          timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("words", [[], ["--json"], ["--metrics"]])
@pytest.mark.parametrize("closed, mode", [
    ("etc/keelboot/system.conf", 0o600), ("etc/keelboot", 0o700), ("etc/keelboot/system.conf.d/10.conf", 0o600),
    ("etc/keelboot/system.conf.d", 0o700)])
def test_a_user_who_may_not_read_the_configuration_hears_that(place, closed, mode, words):
    if closed.endswith("10.conf"):
        (place / closed).write_text("[fleet]\nreboot=yes\n")
    (place / closed).chmod(mode)
    code, said = status(place, NOBODY, *words)
    assert code == FAILURE and f"{place}/{closed}" in said and "this user may not read it; run as root" in said
    assert "No server" not in said and "{" not in said and status(place, 0)[0] == NOTHING


def test_a_user_who_may_not_read_the_record_hears_that(place):
    code, said = status(place, NOBODY)
    assert code == FAILURE and said == f"keelboot-fleet: {place}/data/keelboot/fleet: Permission denied; run as root\n"
    code, said = status(place, 0)
    assert code == NOTHING and "offered nothing yet" in said


def test_without_a_server_it_says_so_still(place):
    (place / "etc/keelboot/system.conf").write_text(f"[source.data]\nmount={place}/data\n")
    (place / "data/keelboot/fleet").chmod(0o755)
    code, said = status(place, NOBODY)
    assert code == NOTHING and said == "No server: set [fleet] server= or channel= in system.conf.\n"
