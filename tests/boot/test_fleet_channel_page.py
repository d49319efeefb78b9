# SPDX-License-Identifier: Apache-2.0
"""The sections "Begin" and "Without a server" of docs/FLEET.md, word by word, with nginx and three devices in QEMU.
Only its address is another one. Run by `make check-fleet`."""
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "fleet"))

import nginx                                                                      # noqa: E402
from cli_device import document                                                   # noqa: E402
from conftest import Bench, Shared                                                # noqa: E402
from fleet_devices import Fleet, running                                          # noqa: E402
from page import commands, way                                                    # noqa: E402
from test_fleet_channel import share                                              # noqa: E402

TENTH = 10          # percent


class Author:
    """A person with that page, on the build host."""

    def __init__(self, folder, web):
        self.folder, self.web, self.device = folder, web, Shared(folder / "device", compatible="acme-box", watchdog=30)
        (web.folder / "www/acme").mkdir()

    def __call__(self, words):
        for word in words:
            word = word.replace("/srv/www", str(self.web.folder / "www")).replace("/etc/keelboot", str(self.folder))
            word = word.replace("https://cdn.example.com", f"http://10.0.2.2:{self.web.port}")
            done = subprocess.run(["sh", "-ec", word], cwd=self.folder, text=True, capture_output=True, check=False,
                                  env={**os.environ, "PATH": f"{self.device.build}:{os.environ['PATH']}"}, timeout=300)
            assert done.returncode == 0, f"{word}\n{done.stdout}{done.stderr}"

    def trust(self):
        (self.device.work / "keys").mkdir()
        shutil.copy(self.folder / "release.key", self.device.work / "dev.key")
        shutil.copy(self.folder / "release.pem", self.device.work / "keys")


def wait_for_status(bench, machine, says, seconds=300):
    """Contacts go on meanwhile, and print."""
    end = time.monotonic() + seconds
    while not re.search(says, said := bench.ask(machine, "keelboot-fleet status")):
        assert time.monotonic() < end, said
        time.sleep(2)


def is_good(bench, machine, version):
    (slot,) = [one for one in bench.status(machine)["slots"] if one["version"] == version]
    return slot["state"] == "good"


@pytest.mark.parametrize("web", ["channel"])
def test_the_commands_of_the_page_roll_an_update_out_and_withdraw_it(web, tmp_path):
    """From an empty machine, in under 15 commands; the first three built what is tested."""
    key, make, copy, offer, sign, configure, contact, to_all, sign_again, take_back, sign_last = \
        way("Without a server")[len(commands("Begin")):]
    assert web == nginx.Nginx.name and contact == "keelboot-fleet once\n"       # what a device does each few seconds
    with nginx.running_or_skipped(tmp_path / "web") as server:
        author = Author(tmp_path, server)
        author([key])
        author.trust()
        work = tmp_path / "bench"
        work.mkdir()
        fleet = Fleet(bench := Bench(author.device, work))
        first = fleet.image("1.0")
        (tmp_path / "root.img").symlink_to(fleet.image("2.0"))
        author([make, copy, offer, sign, configure])

        release = document("bundle", "inspect", tmp_path / "acme-2.0.keel")["release"]
        names = [f"box-{n}" for n in range(1, 1000)]
        fleet.conf = "[system]\nstable-after=0\n" + (tmp_path / "system.conf").read_text() + "id={name}\n"
        early, late, last = (fleet.machine(fleet.disk(name, 0, first)) for name in (
            next(name for name in names if share(name, release) < TENTH),
            *[name for name in names if share(name, release) >= TENTH][:2]))
        with running([early, late]):
            early.expect(r"system 2\.0 is ready", 600)
            assert is_good(bench, early, "2.0")
            wait_for_status(bench, late, r"2\.0: this device is not in the first 10 %")
            assert "system 2.0" not in late.text
            author([to_all, sign_again])
            late.expect(r"system 2\.0 is ready", 600)
            assert is_good(bench, late, "2.0")
        author([take_back, sign_last])
        with running([last]):
            last.expect(r"system 1\.0 is ready", 300)
            wait_for_status(bench, last, "loses its wifi")
            assert "system 2.0" not in last.text
