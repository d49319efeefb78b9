# SPDX-License-Identifier: Apache-2.0
"""docs/MEASURED.md with systemd-cryptenroll itself: a LUKS header that a TPM opens for one release alone. Where systemd
takes values of PCRs (Debian 13; `tests/debian13 tests/run host -- -k cryptenroll`)."""
import contextlib
import os
import random
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from cli_device import OK, call
from test_cli_measure import Releases

TOOLS = ("systemd-cryptenroll", "cryptsetup", "swtpm", "swtpm_setup", "tpm2")


def version_of_systemd() -> int:
    found = re.match(r"systemd (\d+)", call("systemd-cryptenroll", "--version", code=None).stdout)
    return int(found[1]) if found else 0


pytestmark = pytest.mark.skipif(not all(map(shutil.which, TOOLS)) or version_of_systemd() < 255,
                                reason="systemd before 255 seals to no values of PCRs")


def free_ports() -> int:
    """The first of two, side by side."""
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", port))
            two.bind(("127.0.0.1", port + 1))
            return port


class Tpm:
    """swtpm; each start resets its PCRs."""

    def __init__(self, path):
        self.state = path / "tpm"
        self.state.mkdir()
        call("swtpm_setup", "--tpm2", "--tpmstate", self.state, "--pcr-banks", "sha256")

    @contextlib.contextmanager
    def on(self):
        port = free_ports()
        listening = re.compile(rf"^ *\d+: 0100007F:({port:04X}|{port + 1:04X}) \S+ 0A ", re.M)
        process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state}", "--flags", "not-need-init,startup-clear",
             "--server", f"type=tcp,port={port},disconnect", "--ctrl", f"type=tcp,port={port + 1}"])
        try:
            while len(listening.findall(Path("/proc/net/tcp").read_text())) < 2:
                assert process.poll() is None, "swtpm ended"
                time.sleep(0.02)
            yield f"swtpm:host=127.0.0.1,port={port}"
        finally:
            process.kill()
            process.wait()


def measures(tcti, text, path):
    """What keelboot-tpm does at a boot."""
    (path / "event").write_text(text)
    call("tpm2", "pcrevent", "13", path / "event", env={**os.environ, "TPM2TOOLS_TCTI": tcti})


@pytest.fixture(name="luks")
def make_luks(tmp_path):
    """An image, and its first key."""
    image, key = tmp_path / "luks.img", tmp_path / "key"
    with open(image, "wb") as file:
        file.truncate(32 << 20)
    key.write_text("a passphrase")
    call("cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", 1000,
         image, key)
    return image, key


def test_header_opens_for_the_release_that_it_was_enrolled_for_and_no_other(dev, tmp_path, luks):
    image, key = luks
    releases = Releases(dev)
    new = releases.make("new", "--verity")
    releases.image.write_bytes(releases.image.read_bytes()[::-1])
    old = releases.make("old", "--verity")
    tpm = Tpm(tmp_path)
    with tpm.on() as tcti:
        for tier in ("trial", "good"):
            value = dev("measure", new, "--tier", tier).stdout.strip()
            call("systemd-cryptenroll", image, f"--unlock-key-file={key}", f"--tpm2-device={tcti}",
                 f"--tpm2-pcrs={value}", code=OK)
    for bundle, tier, opens in ((new, "trial", True), (new, "good", True), (new, "last-resort", False),
                                (old, "good", False), (None, None, False)):
        with tpm.on() as tcti:
            if bundle:
                measures(tcti, dev("measure", bundle, "--tier", tier, "--text").stdout, tmp_path)
            told = call("systemd-cryptenroll", image, f"--unlock-tpm2-device={tcti}", "--recovery-key", code=None)
            assert (told.returncode == 0) == opens, (tier, told.stdout, told.stderr)
