# SPDX-License-Identifier: Apache-2.0
"""hawkBit's update server itself, on the loopback, and what a person does there, by its REST interface."""
import base64
import contextlib
import datetime
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "qemu"))

import kbhawkbit                # noqa: E402
import way                      # noqa: E402
from loopback import stop       # noqa: E402

QUOTA = 20          # status entries of an action; hawkBit's own is 1000
PER_SECOND = 2      # reads, and writes, of an address that is public; hawkBit's own are 200 and 50
CROWDED = "203.0.113.7"
JAVA = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar"]
OPTIONS = ["--server.address=127.0.0.1", "--logging.level.root=WARN", "--server.forward-headers-strategy=native",
           f"--hawkbit.server.security.dos.maxStatusEntriesPerAction={QUOTA}",
           f"--hawkbit.server.security.dos.filter.maxRead={PER_SECOND}",
           f"--hawkbit.server.security.dos.filter.maxWrite={PER_SECOND}"]
ADMIN = "Basic " + base64.b64encode(b"admin:admin").decode()


def missing() -> str:
    """Why there is no such server here; "" if there is."""
    if shutil.which("java") is None:
        return "no java here: qemu/deps fleet"
    if kbhawkbit.jar() is None:
        return kbhawkbit.lacks()
    return ""


def free_ports(number) -> list:
    """Different ones: each is held until all are found."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [one.getsockname()[1] for one in found]


def free_port() -> int:
    return free_ports(1)[0]


def form(bundle, name) -> tuple:
    """A file as browsers send it: the mark between its parts, and all of them."""
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n' \
           "Content-Type: application/octet-stream\r\n\r\n"
    return mark, head.encode() + bundle.read_bytes() + f"\r\n--{mark}--\r\n".encode()


class Refused(Exception):
    """What the server did not want, with its status."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status


class Hawkbit:
    """A server that runs. Names of releases and devices are each test's own."""

    def __init__(self, port, store):
        self.port, self.url, self.store, self.process = port, f"http://127.0.0.1:{port}", store, None

    def __call__(self, method, path, body=None, data=None, kind="application/json"):
        """One request to its REST interface."""
        data = json.dumps(body).encode() if body is not None else data
        request = urllib.request.Request(f"{self.url}/rest/v1/{path}", data, method=method,
                                         headers={"Content-Type": kind, "Authorization": ADMIN})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode()) from None
        return json.loads(text) if text else None

    def content(self, path):
        """All of a list, the oldest first."""
        return self("GET", f"{path}{'&' if '?' in path else '?'}sort=id:ASC&limit=500")["content"]

    def configure(self, key, value):
        self("PUT", f"system/configs/{key}", {"value": value})

    def target(self, name, token):
        self("POST", "targets", [{"controllerId": name, "name": name, "securityToken": token}])

    def module(self, name, version) -> int:
        return self("POST", "softwaremodules", [{"name": name, "version": version, "type": "os"}])[0]["id"]

    def upload(self, module, bundle, name=None) -> int:
        """The number of the artifact."""
        mark, data = form(bundle, name or bundle.name)
        return self("POST", f"softwaremodules/{module}/artifacts", data=data,
                    kind=f"multipart/form-data; boundary={mark}")["id"]

    def distribution(self, name, version, *modules) -> int:
        return self("POST", "distributionsets", [{"name": name, "version": version, "type": "os",
                                                  "modules": [{"id": module} for module in modules]}])[0]["id"]

    def release(self, name, version, *bundles) -> int:
        """A distribution set with these artifacts."""
        module = self.module(name, version)
        for bundle in bundles:
            self.upload(module, bundle)
        return self.distribution(name, version, module)


@contextlib.contextmanager
def running(folder):
    """The server, until the block is left; its log and its files are in the folder."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "hawkbit.log", "wb") as log:
        process = subprocess.Popen(
            [*JAVA, kbhawkbit.jar(), f"--server.port={port}", *OPTIONS,
             f"--org.eclipse.hawkbit.artifact.fs.path={folder}/store"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        server = Hawkbit(port, folder / "store")
        server.process = process
        wait_for(server, process, folder / "hawkbit.log")
        server.configure("authentication.targettoken.enabled", True)
        server.configure("pollingTime", "00:00:30")
        yield server
    finally:
        stop(process)


@contextlib.contextmanager
def running_or_skipped(folder):
    """The same for tests, where there is one."""
    import pytest       # `make demo-fleet` needs none
    why = missing()
    if why:
        pytest.skip(why)
    with running(folder) as server:
        yield server


def wait_for(server, process, log, seconds=300):
    """Its REST interface answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            return server("GET", "system/configs")
        except (OSError, Refused):
            assert process.poll() is None and time.monotonic() < end, log.read_text(errors="replace")[-3000:]
            time.sleep(0.5)


class Action:
    """What the server shows of one action."""

    def __init__(self, shop, number):
        self.shop, self.id = shop, str(number)

    def _get(self, path=""):
        return f"targets/{self.shop.target}/actions/{self.id}{path}"

    @property
    def state(self):
        """In the words of the server of our own."""
        shown = self.shop.hawkbit("GET", self._get())["status"]
        return {"retrieved": "running", "download": "running", "cancel_rejected": "running",
                "warning": "running"}.get(shown, shown)

    @property
    def entries(self):
        """(type, messages of the device), the oldest first; what the server itself notes has messages of its own."""
        return [(one["type"], [text for text in one.get("messages") or () if not text.startswith("Update Server: ")
                               and not text.startswith("Assignment initiated by")])
                for one in self.shop.hawkbit.content(self._get("/status"))]

    @property
    def shown(self):
        return [kind for kind, _ in self.entries]

    @property
    def messages(self):
        return [message for _, texts in self.entries for message in texts]


class Shop:
    """One device on that server: what a person does there for it, in the words that server.Server has, too."""
    name = "hawkbit"
    quota = QUOTA
    closed = 10         # seconds until a window opens
    numbers = itertools.count(1)

    def __init__(self, hawkbit):
        self.hawkbit, self.url, self.token = hawkbit, hawkbit.url, "secret"
        self.target = f"device-{os.getpid()}-{next(self.numbers)}"
        self.modules, self.sets = {}, {}
        hawkbit.target(self.target, self.token)

    def release(self, version, bundle=None) -> int:
        """A distribution set of this name, which is the device's."""
        if version not in self.sets:
            self.modules[version] = self.hawkbit.module(self.target, version)
            if bundle:
                self.hawkbit.upload(self.modules[version], bundle)
            self.sets[version] = self.hawkbit.distribution(self.target, version, self.modules[version])
        return self.sets[version]

    def assign(self, bundle, kind="forced", window=None, confirm=False):
        """window: "closed" (it opens in `closed` seconds), or "short" (for two of them, then)."""
        body = {"id": self.target, "type": kind, "confirmationRequired": confirm}
        if kind == "timeforced":
            body["forcetime"] = int(time.time() * 1000) + 3_600_000
        if window:
            # Its schedule has no seconds before the present one.
            self.opens = time.time() + self.closed
            at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.closed)
            body["maintenanceWindow"] = {"schedule": at.strftime("%S %M %H %d %m ? %Y"),
                                         "duration": "00:00:02" if window == "short" else "00:30:00",
                                         "timezone": "+00:00"}
        version = bundle.name.partition("-")[0]
        done = self.hawkbit("POST", f"distributionsets/{self.release(version, bundle)}/assignedTargets", [body])
        return Action(self, done["assignedActions"][0]["id"])

    def say(self, action, body):
        return way.say(self.url, self.target, self.token, action.id, body)

    @contextlib.contextmanager
    def crowded(self, way, messages=False):
        """Others behind its address ask so often that hawkBit's filter refuses what comes from there: reads, or
        messages."""
        def crowd(method):
            if messages == (method != "GET"):
                self._crowd(method)
        way.address, way.crowd = CROWDED, crowd
        yield
        way.address, way.crowd = None, lambda _: None
        time.sleep(1.1)     # the filter counts the last crowd no longer, also not for the next test

    def _crowd(self, method):
        """The first one begins a second in which the device's own is refused, too."""
        time.sleep(1.1)
        for _ in range(10 * PER_SECOND):
            if way.knock(self.url, CROWDED, method) == 429:
                return
        raise AssertionError("hawkBit's filter refuses nothing")

    def cancel(self, action):
        self.hawkbit("DELETE", action._get())

    def confirm(self, action):
        self.hawkbit("PUT", action._get("/confirmation"), {"confirmation": "confirmed"})

    def wait_for_window(self, _):
        time.sleep(max(0, self.opens - time.time()) + 1)

    def wait_for_lapse(self, _):
        time.sleep(max(0, self.opens - time.time()) + 4)

    @contextlib.contextmanager
    def gateway(self, token):
        """Devices with this token may be any target meanwhile."""
        self.hawkbit.configure("authentication.gatewaytoken.key", token)
        self.hawkbit.configure("authentication.gatewaytoken.enabled", True)
        yield
        self.hawkbit.configure("authentication.gatewaytoken.enabled", False)

    @contextlib.contextmanager
    def certificates(self, authority):
        """A proxy that names this authority is believed meanwhile."""
        self.hawkbit.configure("authentication.header.authority", authority)
        self.hawkbit.configure("authentication.header.enabled", True)
        yield
        self.hawkbit.configure("authentication.header.enabled", False)

    def _file(self):
        """Of the artifact that was uploaded last, in the server's store."""
        artifact = self.hawkbit("GET", f"softwaremodules/{list(self.modules.values())[-1]}/artifacts")[0]
        return next(self.hawkbit.store.rglob(artifact["hashes"]["sha1"]))

    @contextlib.contextmanager
    def lost_file(self, _):
        """Its interface deletes none that is assigned."""
        file, away = self._file(), self.hawkbit.store / "away"
        file.rename(away)
        yield
        away.rename(file)

    def change_file(self, _, data):
        self._file().write_bytes(data)

    def mend_file(self, action, data):
        """data: of the bundle."""
        self.change_file(action, data)

    @contextlib.contextmanager
    def confirmation(self):
        """Actions wait for a person meanwhile, if they are to."""
        self.hawkbit.configure("user.confirmation.flow.enabled", True)
        yield
        self.hawkbit.configure("user.confirmation.flow.enabled", False)

    @property
    def attributes(self):
        return self.hawkbit("GET", f"targets/{self.target}/attributes") or {}

    @property
    def installed(self):
        """Version of the distribution set that it holds for installed."""
        shown = self.hawkbit("GET", f"targets/{self.target}/installedDS")
        return shown and shown["version"]
