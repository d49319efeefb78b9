# SPDX-License-Identifier: Apache-2.0
"""raptor itself, on the loopback: a server of others that speaks hawkBit's interfaces, for devices and for persons.
KEELBOOT_RAPTOR names its program."""
import contextlib
import os
import subprocess

import hawkbit
from loopback import stop

CONF = """\
bind = "127.0.0.1:{port}"
database_url = "sqlite://{folder}/raptor.db?mode=rwc"
artifact_dir = "{folder}/artifacts"
[mgmt]
username = "admin"
password_hash = "{hashed}"
"""


@contextlib.contextmanager
def running_or_skipped(folder):
    """The server, until the block is left."""
    import pytest
    program, port = os.environ.get("KEELBOOT_RAPTOR"), hawkbit.free_port()
    if not program:
        pytest.skip("KEELBOOT_RAPTOR names no raptor")
    hashed = subprocess.run([program, "hash-password"], input="admin\n", text=True, capture_output=True, check=True)
    (folder / "raptor.toml").write_text(CONF.format(port=port, folder=folder, hashed=hashed.stdout.strip()))
    with open(folder / "raptor.log", "wb") as log:
        process = subprocess.Popen([program, "serve", "--config", folder / "raptor.toml"], cwd=folder,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        server = hawkbit.Hawkbit(port, folder / "artifacts")
        hawkbit.wait_for(server, process, folder / "raptor.log")
        yield server
    finally:
        stop(process)


class Action(hawkbit.Action):
    """It has hawkBit's word for the state under another name, and kinds of entries of its own."""

    @property
    def state(self):
        return self.shop.hawkbit("GET", self._get())["detailStatus"]


class Shop(hawkbit.Shop):
    """One device on it."""
    name = "raptor"

    def assign(self, bundle, kind="forced"):
        wanted = {"id": self.release(bundle.name.partition("-")[0], bundle), "type": kind}
        done = self.hawkbit("POST", f"targets/{self.target}/assignedDS", wanted)
        return Action(self, done["assignedActions"][0]["id"])

    def force(self, action):
        self.hawkbit("PUT", action._get(), {"forceType": "forced"})
