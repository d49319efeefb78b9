# SPDX-License-Identifier: Apache-2.0
"""The server of these tests is held to the truth by a client of others: Debian's swupdate polls it, fetches an update
from it, installs that, and reports."""
import hashlib
import shutil
import subprocess
import time

import pytest
from cli_device import call

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


@pytest.mark.parametrize("dialect", ["1.x", "0.x"])
def test_swupdate_updates_from_it(server, swu, tmp_path, dialect):
    server.dialect, server.sleep = dialect, "00:00:30"
    action = server.assign(swu)
    scratch = tmp_path / "scratch"       # it empties that
    scratch.mkdir()
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            ["swupdate", "-k", "cert.pem", "-H", "board:1.0", "-u",
             f"-t DEFAULT -i device-1 -u {server.url} -k secret -p 1"], cwd=tmp_path, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(scratch)})
        end = time.monotonic() + 60
        while "All Chunks Installed." not in action.messages and time.monotonic() < end:
            time.sleep(0.1)
        process.terminate()
        process.wait(timeout=20)
    assert "All Chunks Installed." in action.messages, (tmp_path / "log").read_text()[-3000:]
    assert (tmp_path / "installed").read_bytes() == (tmp_path / "x").read_bytes()
    assert action.retrieved and [kind for kind, _ in server.seen].count("artifact") == 1
    assert set(action.told) == {"proceeding/none"}
