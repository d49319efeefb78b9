# SPDX-License-Identifier: Apache-2.0
"""docs/DEBIAN.md, word by word: a Debian with GRUB is adopted, and leaves a bad update. Each command is typed, and has
to end well."""

import os
import re
import shlex
import shutil
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


def lines(text: str) -> list:
    """What is typed until Return."""
    return text.replace("\\\n", "").splitlines()


def commands(line: str) -> int:
    """Programs that it starts by their names: joined by && or ;, or in a pipe, too."""
    words = list(shlex.shlex(line, posix=True, punctuation_chars=True))
    assert not {"(", "`", "xargs", "env"} & set(words) and "$(" not in line, f"hides a command: {line}"
    return 1 + sum(set(word) <= set("&|;") for word in words)


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


@pytest.mark.parametrize("line, number", [
    ("reboot", 1), ("a && b", 2), ("a; b | c || d", 4), ("a 'b; c' >d", 1), ("a -W '${b}' & c", 2)])
def test_each_command_of_a_line_counts(line, number):
    assert commands(line) == number


def test_there_are_fewer_than_fifteen_commands():
    number = sum(commands(line) for kind, text in blocks() if kind != "console" for line in lines(text))
    assert number == 14 and "It is fourteen commands." in PAGE.read_text()


def test_the_page_leads_to_a_bad_update_that_is_rolled_back(tmp_path, monkeypatch):
    (tmp_path / "keelboot").symlink_to(TOP)
    monkeypatch.setenv("KEELBOOT_DEMO", str(tmp_path))
    (_, host), *rest = blocks()
    said = None         # nobody has logged in
    with alone_with_packages() as building, Desk(host, tmp_path) as desk:
        desk.expect("Ctrl-A X ends QEMU", SLOWEST)
        building.close()
        for kind, text in rest:
            for line in text.splitlines() if kind == "console" else lines(text):
                if kind == "console" and said is not None:
                    assert line in plain(said), said
                elif kind == "console":
                    desk.expect(re.escape(line), SLOW)
                else:
                    if said is None:
                        log_in(desk)
                    said = do(desk, line) or None
    (tmp_path / "debian.img").unlink()
