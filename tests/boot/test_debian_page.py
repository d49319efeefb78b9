# SPDX-License-Identifier: Apache-2.0
"""docs/DEBIAN.md, word by word: a Debian with GRUB is adopted, and leaves a bad update. Each command is typed, and has
to end well."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import alone_with_packages
from test_integrate import TOP, Desk

PAGE = TOP / "docs/DEBIAN.md"
FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
PROMPT = r"root@\S+# "
# Emulated, beside other tests. It makes an initramfs with all modules, twice.
SLOW, SLOWEST = 600, 2700
pytestmark = [pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dpkg-buildpackage"),
                                 reason="wants root, and dpkg-buildpackage (qemu/deps deb)"),
              pytest.mark.skipif(not FIRMWARE.exists(), reason="ovmf is not installed")]


def plain(text: str) -> str:
    """Without what only a terminal takes."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def commands(text: str) -> list:
    """A line is a command, unless it goes on."""
    return text.replace("\\\n", "").splitlines()


def blocks() -> list:
    """(kind, text) in the page's order."""
    return re.findall(r"^```(sh|device|console)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def do(desk: Desk, command: str) -> str:
    """What it says. One that ends the system says nothing that matters."""
    desk.send(command + "\r")
    if command.endswith("reboot"):
        desk.expect("reboot: Restarting system", SLOWEST)
        return ""
    if command.startswith("keelboot adopt") and "--commands" not in command:
        desk.expect(re.escape("Go on? [y/N] "), SLOW)
        desk.send("y\r")
    said = desk.expect(PROMPT, SLOWEST)
    desk.send("echo \"end=$?\"\r")
    assert re.search(r"end=0\r*\n", desk.expect(PROMPT, SLOW)), said
    return said


def log_in(desk: Desk) -> None:
    desk.expect("debian login: ", SLOW)
    desk.send("root\r")
    desk.expect(PROMPT, SLOW)
    desk.send("stty cols 1000\r")
    desk.expect(PROMPT, SLOW)


def test_there_are_fewer_than_fifteen_commands():
    assert len([line for kind, text in blocks() if kind != "console" for line in commands(text)]) < 15


def test_the_page_leads_to_a_bad_update_that_is_rolled_back(tmp_path):
    (tmp_path / "keelboot").symlink_to(TOP)
    (_, host), *rest = blocks()
    *before, qemu = commands(host)
    with alone_with_packages():
        subprocess.run(["sh", "-ec", "\n".join(before)], cwd=tmp_path, check=True, timeout=SLOW,
                       stdin=subprocess.DEVNULL)
    said = None         # nobody has logged in
    with Desk(qemu, tmp_path) as desk:
        for kind, text in rest:
            for line in text.splitlines() if kind == "console" else commands(text):
                if kind == "console" and said is not None:
                    assert line in plain(said), said
                elif kind == "console":
                    desk.expect(re.escape(line), SLOW)
                else:
                    if said is None:
                        log_in(desk)
                    said = do(desk, line) or None
    (tmp_path / "debian.img").unlink()
