# SPDX-License-Identifier: Apache-2.0
"""goosebit, on the loopback, and what a person does there, by its REST interface."""
import contextlib
import itertools
import json
import os
import secrets
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from hawkbit import Refused, form, free_port
from loopback import stop

TOP = Path(__file__).resolve().parents[2]
VERSION = "0.2.12"
FOLDER = TOP / f"build/fleet/goosebit-{VERSION}"
PASSWORD = secrets.token_hex()


def install() -> Path:
    """The Python of a venv that has it, made once. subprocess.CalledProcessError: it cannot be had here."""
    python = FOLDER / "bin/python"
    if not (FOLDER / "complete").exists():
        import venv     # Debian has a package for it
        venv.create(FOLDER, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"goosebit=={VERSION}"], check=True)
        (FOLDER / "complete").touch()
    return python


def install_or_skip() -> Path:
    import pytest
    try:
        return install()
    except (subprocess.CalledProcessError, ImportError) as error:
        pytest.skip(f"no venv with goosebit {VERSION} can be made: {error}"[:160])


class Goosebit:
    """A server that runs."""

    def __init__(self, port):
        self.port, self.url, self.token = port, f"http://127.0.0.1:{port}", None

    def __call__(self, method, path, body=None, data=None, kind="application/json"):
        data = json.dumps(body).encode() if body is not None else data
        headers = {"Content-Type": kind, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        request = urllib.request.Request(f"{self.url}/{path}", data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode()) from None

    def log_in(self):
        """As its first user."""
        self.token = self("POST", "setup", data=urllib.parse.urlencode(
            {"username": "admin@example.com", "password": PASSWORD}).encode(),
            kind="application/x-www-form-urlencoded")["access_token"]


@contextlib.contextmanager
def running_or_skipped(folder):
    """The server, until the block is left."""
    python, port = install_or_skip(), free_port()
    with open(folder / "goosebit.log", "wb") as log:
        process = subprocess.Popen(
            [python, TOP / "docs/examples/goosebit_keel.py", str(port)], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, env={"PATH": os.environ["PATH"], "GOOSEBIT_DB_URI": f"sqlite://{folder}/db.sqlite3",
                                         "GOOSEBIT_ARTIFACTS_DIR": str(folder / "artifacts"),
                                         "GOOSEBIT_DEVICE_AUTH": '{"enable": true, "mode": "strict"}'})
    try:
        server, end = Goosebit(port), time.monotonic() + 120
        while not server.token:
            try:
                server.log_in()
            except (OSError, Refused):
                assert process.poll() is None and time.monotonic() < end, (folder / "goosebit.log").read_text()[-3000:]
                time.sleep(0.5)
        yield server
    finally:
        stop(process)


class Shop:
    """One device on that server. Of an action it shows no more than the device's state and its log."""
    name = "goosebit"
    numbers = itertools.count(1)

    def __init__(self, goosebit, target=None, token="secret"):
        self.goosebit, self.url, self.token = goosebit, goosebit.url, token
        self.target = target or f"device-{os.getpid()}-{next(self.numbers)}"
        goosebit("PUT", "api/v1/devices", {"devices": [self.target], "auth_token": self.token})

    def assign(self, bundle):
        """The number of the software, which is that of the action, too."""
        known = [one for one in self.goosebit("GET", "api/v1/software")["software"] if one["name"] == bundle.name]
        if known:
            number = known[0]["id"]
        else:
            mark, data = form(bundle, bundle.name)
            number = self.goosebit("PUT", "api/v1/software", data=data,
                                   kind=f"multipart/form-data; boundary={mark}")["id"]
        self.goosebit("PATCH", "api/v1/devices", {"devices": [self.target], "software": str(number)})
        return str(number)

    def force(self):
        """A person has it offered again, whatever became of it."""
        self.goosebit("PATCH", "api/v1/devices", {"devices": [self.target], "force_update": True})

    def withdraw(self):
        """It is pinned to what it runs."""
        self.goosebit("PATCH", "api/v1/devices", {"devices": [self.target], "pinned": True})

    @property
    def shown(self):
        return next(one for one in self.goosebit("GET", "api/v1/devices")["devices"] if one["id"] == self.target)

    @property
    def state(self):
        return self.shown["last_state"].lower()

    @property
    def version(self):
        return self.shown["sw_version"]

    @property
    def log(self):
        return self.goosebit("GET", f"api/v1/devices/{self.target}/log")["log"] or ""
