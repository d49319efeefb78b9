# SPDX-License-Identifier: Apache-2.0
"""A device in a folder with the real command, keelboot-fleet on it, and a server on the loopback."""
import contextlib
import fcntl
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_device import FAILURE, HELPER, KEELBOOT, OK, REBOOT, TOP, VERIFY, call, edit, flip  # noqa: E402
from channel_site import Publisher, Site, private_key                     # noqa: E402
from console import PATIENCE                                              # noqa: E402
from ddi_server import STATUSES, Server                                   # noqa: E402
from killed import kill_all                                               # noqa: E402
from way import Way                                                       # noqa: E402
import authority                                                          # noqa: E402
import goose                                                              # noqa: E402
import goose_dialect                                                      # noqa: E402
import hawkbit                                                            # noqa: E402
import nginx                                                              # noqa: E402
import own_shop                                                           # noqa: E402
import own_web                                                            # noqa: E402
import parts_box                                                          # noqa: E402
import raptor                                                             # noqa: E402
import raptor_dialect                                                     # noqa: E402

FLEET = os.environ.get("KEELBOOT_FLEET", str(TOP / "build/keelboot-fleet"))
CODES = {"ok": OK, "failure": FAILURE, "reboot": REBOOT}
SHOPS = {"shop", "goose", "raptor"}     # fixtures of servers that speak DDI


def pytest_addoption(parser):
    parser.addoption("--servers", default="own",
                     help="of the stories that several play: own,hawkbit,goosebit,raptor,channel")


def pytest_generate_tests(metafunc):
    for fixture, theirs in (("shop", "hawkbit"), ("goose", "goosebit"), ("raptor", "raptor"), ("webs", "channel")):
        if fixture in metafunc.fixturenames:
            servers = [one for one in metafunc.config.getoption("--servers").split(",") if one in ("own", theirs)]
            metafunc.parametrize(fixture, servers, indirect=True)


class Fleet:
    """One device and its server: once() is a contact."""

    def __init__(self, dev, server, folder, id="device-1"):
        self.id, self.dev, self.server, self.folder = id, dev, server, dev.data / "keelboot/fleet"
        self.token = folder / "token"
        self.token.write_text("secret\n")
        self.said, self.keelboot, self.path, self.user = "", KEELBOOT, os.environ["PATH"], "nobody"
        self.more, self.took = {}, 0            # of its environment; seconds of the last call
        self.configure()

    def configure(self, url=None, timeout=5, partial="no", **keys):
        """Keys of [fleet] with "_" for "-". One request brings a bundle, unless partial= says else; None: the default
        holds."""
        keys = {"user": self.user, **self.ours(url), "timeout": timeout, **({"partial": partial} if partial else {}),
                **{key.replace("_", "-"): value for key, value in keys.items()}}
        self.dev.configure("[fleet]\n" + "".join(f"{key}={value}\n" for key, value in keys.items()))

    def ours(self, url):
        """Keys that say who asks whom."""
        return {"server": url or self.server.url, "id": self.id, "token-file": self.token}

    def command(self, *words):
        """The program as it is called, before the options of keelboot."""
        options = self.dev.options()
        own = [word for name in ("--conf-root", "--run-dir") for word in options[options.index(name):][:2]]
        return [FLEET, *words, *own, "--keelboot", self.keelboot, "--", *(word for word in options if word not in own)]

    def environment(self, **more):
        return {"PATH": self.path, "LC_ALL": "C", "KEELBOOT_HELPER": HELPER, **self.more, **more}

    def __call__(self, *words, code=OK, **options):
        begin = time.monotonic()
        done = call(*self.command(*words), code=code, env=self.environment(), timeout=120, **options)
        self.took = time.monotonic() - begin
        self.said = done.stdout + done.stderr
        return self.said

    def once(self, code=OK):
        return self("once", code=code)

    @contextlib.contextmanager
    def where_fails(self, verb, sign=None):
        """This verb of keelboot does, while the file `sign` is there."""
        broken, real = self.dev.path / "broken-keelboot", self.keelboot
        broken.write_text(f'#!/bin/sh\ncase " $* " in *" {verb} "*) test ! -e {sign or broken} || exit 1 ;; esac\n'
                          f'exec {real} "$@"\n')
        broken.chmod(0o755)
        self.keelboot = broken
        yield
        self.keelboot = real

    def was_within(self, seconds):
        """The last call; a busy machine is given more."""
        return self.took < seconds * PATIENCE

    def cut(self, seconds):
        """A run that ends after this time, with all of its processes."""
        with subprocess.Popen(self.command("once"), env=self.environment(), start_new_session=True,
                              stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
            time.sleep(seconds)
            kill_all(running)

    def killed_when(self, is_so):
        """A contact that is killed at some time behind that; it ends by nothing else. Who flushes holds the lock until
        the disk has answered."""
        with subprocess.Popen(self.command("once"), env=self.environment(), stderr=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL) as run:
            end = time.monotonic() + 60
            try:
                while not is_so():
                    assert time.monotonic() < end and run.poll() is None
                    time.sleep(0.02)
            finally:
                run.kill()
        with open(self.folder / "lock", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    @property
    def record(self):
        return json.loads((self.folder / "action.json").read_text())

    def change(self, **record):
        """Its record, as another run may have left it."""
        (self.folder / "action.json").write_text(json.dumps({**self.record, **record}))

    @property
    def noted(self):
        """What a timer's contact left for the next one: its uptime in seconds, and how many in a row failed."""
        note = self.dev.run / "fleet-due"
        return tuple(map(int, note.read_text().split())) if note.exists() else (0, 0)

    def note(self, due=0, failures=None):
        """As another one may have left it; 0: the next one may ask."""
        (self.dev.run / "fleet-due").write_text(f"{due} {self.noted[1] if failures is None else failures}\n")

    @property
    def staged(self):
        staged = self.dev.json("status")["staged"]
        return staged and staged["next"] == "install"

    def reboot(self, slot="b"):
        """The boot installs what is staged, into this slot, which does not run, and starts it."""
        self.dev("install", self.dev.json("status")["staged"]["path"])
        self.dev("unstage")
        self.start(slot)

    def start(self, name="b"):
        """This slot, with an attempt that is open."""
        slot, token = self.dev.slot(name), self.dev.json("status")["state"]["sequence"]
        edit(self.dev, open=name, token=token, **{f"{name}_tries": slot["tries"] - 1})
        self.dev.boot(name, token, status="trial", version=slot["version"])

    def half_written(self, bundle):
        """An install of it into slot b ended midway: what the engine leaves then."""
        conf = self.dev.root / "etc/keelboot/system.conf"
        before = conf.read_text()
        conf.write_text(f"{before}[install]\nverify-first=no\n")
        self.dev("install", flip(Path(bundle), self.dev.path / "damaged.keel", -1), code=VERIFY)
        conf.write_text(before)
        slot = self.dev.slot("b")
        assert (slot["state"], slot["release"], slot["version"], slot["sequence"]) == ("writing", None, "", 0)

    def good(self, slot="b"):
        self.dev("mark", "good", slot)

    def by_stick(self, bundle):
        """A boot installs it from a stick, and it is good."""
        self.dev("install", bundle)
        self.start()
        self.good()

    def updates(self, server, bundle):
        """The server's action brings this bundle, and has ended well."""
        action = server.assign(bundle)
        self.once(code=REBOOT)
        self.reboot()
        self.good()
        self.once()
        assert action.told[-1] == "closed/success"
        return action

    def fall_back(self, reason):
        self.dev("mark", "bad", "b", "--reason", reason)
        self.dev.boot("a", version="1.0", reason="b: rejected")


@pytest.fixture(name="server")
def make_server():
    with Server().running() as server:
        yield server


@pytest.fixture(name="fleet")
def make_fleet(ready, server, tmp_path):
    return Fleet(ready, server, tmp_path)


@pytest.fixture(name="rebooted")
def make_rebooted(fleet):
    """`reboot` notes that it ran."""
    tools, noted = fleet.dev.path / "bin", fleet.dev.path / "rebooted"
    tools.mkdir()
    (tools / "reboot").write_text(f"#!/bin/sh\necho rebooted >>{noted}\n")
    (tools / "reboot").chmod(0o755)
    fleet.path = f"{tools}:{fleet.path}"
    return lambda: len(noted.read_text().split()) if noted.exists() else 0


@pytest.fixture(name="bundle")
def make_bundle(factory):
    return factory("2.0", 20)


@pytest.fixture(name="release", scope="module")
def make_release(factory, tmp_path_factory):
    return parts_box.make_release(factory, tmp_path_factory.mktemp("partial"))


@pytest.fixture(name="box")
def make_box(fleet, release):
    """Slot a lacks a few chunks of the release, slot b others; both lack 0, 20 and 40."""
    fleet.configure(partial="auto")
    parts_box.fill(fleet.dev.slots["a"], release, [0, 20, 40, 41, 42])
    parts_box.fill(fleet.dev.slots["b"], release, [0, *range(20, 31), 40, 50])
    return fleet


@pytest.fixture(name="hawkbit", scope="session")
def make_hawkbit(tmp_path_factory):
    """hawkBit itself, once for all stories."""
    with hawkbit.running_or_skipped(tmp_path_factory.mktemp("hawkbit")) as server:
        yield server


@pytest.fixture(name="shop")
def make_shop(request):
    """What a person sees and does on a server: ours, or hawkBit."""
    if request.param == "hawkbit":
        yield hawkbit.Shop(request.getfixturevalue("hawkbit"))
        return
    with Server(dialect="1.x").running() as server:
        yield own_shop.Shop(server, hawkbit.QUOTA)


@pytest.fixture(name="goosebit", scope="session")
def make_goosebit(tmp_path_factory):
    with goose.running_or_skipped(tmp_path_factory.mktemp("goosebit")) as server:
        yield server


@pytest.fixture(name="goose")
def make_goose(request):
    """As shop, of goosebit's dialect."""
    if request.param == "goosebit":
        yield goose.Shop(request.getfixturevalue("goosebit"))
        return
    with goose_dialect.Goose().running() as server:
        yield goose_dialect.Shop(server)


@pytest.fixture(name="raptors", scope="session")
def make_raptors(tmp_path_factory):
    with raptor.running_or_skipped(tmp_path_factory.mktemp("raptor")) as server:
        yield server


@pytest.fixture(name="raptor")
def make_raptor(request):
    """As shop, of raptor's dialect."""
    if request.param == "raptor":
        yield raptor.Shop(request.getfixturevalue("raptors"))
        return
    with raptor_dialect.Raptor().running() as server:
        yield own_shop.Shop(server, STATUSES)


@pytest.fixture(name="way")
def make_way(request):
    names = set(request.fixturenames) & SHOPS
    with Way(request.getfixturevalue(names.pop()).url).running() as way:
        yield way


class ByChannel(Fleet):
    """The same device with a channel in place of a server."""

    def ours(self, url):
        return {"channel": url or f"{self.server.url}/stable.channel", "id": "device-1"}

    @property
    def seen(self):
        """Its record of the channel."""
        return json.loads((self.folder / "channel.json").read_text())


@pytest.fixture(name="site")
def make_site():
    with Site().running() as site:
        yield site


@pytest.fixture(name="publish")
def make_publisher(site, factory, tmp_path):
    folder = tmp_path / "publisher"
    folder.mkdir()
    return Publisher(site, folder, private_key(factory))


@pytest.fixture(name="device")
def make_device(request, ready, tmp_path):
    """As fleet: behind a way to one of the servers, or with a channel."""
    names = SHOPS & set(request.fixturenames)
    if not names:
        return ByChannel(ready, request.getfixturevalue("site"), tmp_path)
    shop = request.getfixturevalue(names.pop())
    device = Fleet(ready, request.getfixturevalue("way"), tmp_path, shop.target)
    device.configure(distribution=shop.target)
    return device


@pytest.fixture(name="authority", scope="session")
def make_authority(tmp_path_factory):
    return authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(name="webs")
def make_webs(request, tmp_path):
    """Makes web servers: ours, or nginx; how: TLS, as nginx.Nginx has it."""
    make, numbers = {"own": own_web.running, "channel": nginx.running_or_skipped}[request.param], itertools.count(1)
    with contextlib.ExitStack() as stack:
        yield lambda **how: stack.enter_context(make(tmp_path / f"web-{next(numbers)}", **how))
