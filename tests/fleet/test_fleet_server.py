# SPDX-License-Identifier: Apache-2.0
"""The server of these tests is held to the truth by a client of others: Debian's swupdate polls it, fetches an update
from it, installs that, and closes its action."""
import contextlib
import hashlib
import shutil
import subprocess
import time

import pytest
from cli_device import call
from console import PATIENCE

pytestmark = pytest.mark.skipif(shutil.which("swupdate") is None, reason="no swupdate here")
DESCRIPTION = """software = {{ version = "1.0"; hardware-compatibility: [ "1.0" ];
    files: ( {{ filename = "x"; path = "{path}"; sha256 = "{digest}"; }} ); }}
"""


@pytest.fixture(name="swu")
def make_swu(tmp_path):
    """A signed update of one file, which ends up at installed."""
    def openssl(*words):
        call("openssl", *words, cwd=tmp_path)
    (tmp_path / "x").write_bytes(b"hello\n" * 1000)
    digest = hashlib.sha256((tmp_path / "x").read_bytes()).hexdigest()
    (tmp_path / "sw-description").write_text(DESCRIPTION.format(path=tmp_path / "installed", digest=digest))
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "9",
            "-subj", "/CN=test")
    openssl("cms", "-sign", "-in", "sw-description", "-out", "sw-description.sig", "-signer", "cert.pem", "-inkey",
            "key.pem", "-outform", "DER", "-nosmimecap", "-binary")
    done = subprocess.run(["cpio", "-o", "-H", "crc"], input=b"sw-description\nsw-description.sig\nx\n", cwd=tmp_path,
                          capture_output=True, check=True)
    (tmp_path / "x.swu").write_bytes(done.stdout)
    return tmp_path / "x.swu"


@contextlib.contextmanager
def swupdate(server, folder, *options):
    """It runs until the block ends; gives its log."""
    scratch, log = folder / "scratch", folder / "log"       # it empties the first
    scratch.mkdir(exist_ok=True)
    with open(log, "wb") as out, subprocess.Popen(
            ["swupdate", "-k", "cert.pem", "-H", "board:1.0", "-u",
             " ".join(["-t DEFAULT -i device-1 -k secret -p 1 -u", server.url, *options])], cwd=folder,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(scratch)}) as process:
        try:
            yield log
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_until(is_so, log):
    end = time.monotonic() + 60 * PATIENCE
    while not is_so():
        assert time.monotonic() < end, log.read_text()[-3000:]
        time.sleep(0.1)


@pytest.mark.parametrize("dialect", ["1.x", "0.x"])
def test_swupdate_updates_from_it(server, swu, tmp_path, dialect):
    """It closes an action at its next start: by the environment of a boot loader, or by -c, which stands for that."""
    server.dialect, server.sleep = dialect, "00:00:30"
    action = server.assign(swu)
    with swupdate(server, tmp_path) as log:
        wait_until(lambda: "All Chunks Installed." in action.messages, log)
    assert (tmp_path / "installed").read_bytes() == (tmp_path / "x").read_bytes()
    assert action.retrieved and [kind for kind, _ in server.seen].count("artifact") == 1
    assert set(action.told) == {"proceeding/none"}
    with swupdate(server, tmp_path, "-c 2") as log:
        wait_until(lambda: not action.active, log)
    assert action.state == "finished" and action.told[-1] == "closed/success"
