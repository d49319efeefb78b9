# SPDX-License-Identifier: Apache-2.0
"""The keelboot command, and a device in a folder for it: the fixtures are those of every test (conftest.py).

Runs build/keelboot (KEELBOOT and KEELBOOT_HELPER name others)."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile

import pytest
from keelreader import crc32c

TOP = pathlib.Path(__file__).resolve().parent.parent
KEELBOOT = os.environ.get("KEELBOOT", str(TOP / "build/keelboot"))
HELPER = os.environ.get("KEELBOOT_HELPER", str(TOP / "build/keelboot-helper"))
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
OK, FAILURE, NOTHING, USAGE, REBOOT, VERIFY, INCOMPATIBLE, BUSY = range(8)
REGIONS = (0, 8 * MIB)  # docs/STATE.md: where the two rings begin
RING = 64 * 4096


def call(*command, code=OK, **options):
    """The result of a program, which has to end with this code (None: with any)."""
    done = subprocess.run([str(word) for word in command], check=False, **{"capture_output": True, "text": True,
                                                                          **options})
    assert code in (None, done.returncode), f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def make_dynamic(*arguments) -> None:
    """`make DYNAMIC=1 …`, one at a time: two side by side would write the same programs."""
    lock = TOP / "build/dynamic.lock"
    call("flock", lock, "make", "-s", "-C", TOP, "DYNAMIC=1", *arguments, timeout=1200)


def lacking(program):
    """Words before a command that then does not find this program: `reboot` must not reboot the host."""
    unshare, sh, mount = (shutil.which(name) for name in ("unshare", "sh", "mount"))
    alone = [unshare, "--mount", *(["--map-root-user"] if os.geteuid() else []), "--", sh, "-ec"]
    if call(*alone, f"{mount} --bind /dev/null {KEELBOOT}", code=None).returncode != 0:
        pytest.skip("mounts nothing here")
    places = [f"{folder}/{program}" for folder in ("/usr/sbin", "/sbin", "/usr/bin", "/bin")]
    hide = f'for at in {" ".join(places)}; do test ! -e $at || {mount} --bind /dev/null $at; done; exec "$@"'
    return [*alone, hide, "sh"]


def run(*args, code=None, env=None, user=None, limits=None, within=()):
    """The command's result: code, out, err."""
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C", "KEELBOOT_HELPER": HELPER, **(env or {})}
    return call(*within, KEELBOOT, *args, code=code, env=environ, timeout=300, preexec_fn=limits, user=user, group=user,
                extra_groups=[] if user else None)


def document(*args, code=OK, **options):
    """What the command prints with --json."""
    told = json.loads(run(*args, "--json", code=code, **options).stdout)
    assert told["schema"] == 1
    return told


def let_others_in(*paths):
    """Another user may come to these files; returns him: nobody, where this is root, and else himself."""
    for path in paths:
        for folder in (path, *path.parents):
            if os.geteuid() == 0 and pathlib.Path(tempfile.gettempdir()) in folder.parents:
                folder.chmod(0o755)
    return 65534 if os.geteuid() == 0 else None


def flip(bundle, out, at):
    """A copy with one flipped bit."""
    data = bytearray(bundle.read_bytes())
    data[at] ^= 1
    out.write_bytes(data)
    return out


class Device:
    """A device in a folder: configuration, run folder, state partition, slots, data."""

    def __init__(self, path):
        self.path = path
        self.root, self.run, self.data = path / "root", path / "run", path / "data"
        self.state = path / "state.img"
        for folder in (self.root / "etc/keelboot/keys", self.run, self.data):
            folder.mkdir(parents=True)
        self.slots = {name: path / f"slot-{name}.img" for name in "ab"}
        for file in self.slots.values():
            file.write_bytes(bytes(8 * MIB))
        self.configure()

    def configure(self, extra="", stable_after=0):
        """A report is the proof, however long this host has been up."""
        (self.root / "etc/keelboot/system.conf").write_text(
            f"[system]\ncompatible=test-board\nstable-after={stable_after}\n[source.data]\nmount={self.data}\n{extra}")

    def options(self):
        options = ["--state", self.state, "--conf-root", self.root, "--run-dir", self.run]
        for name, file in self.slots.items():
            options += ["--slot", f"{name}:root={file}"]
        return options

    def __call__(self, *args, code=OK, **kw):
        return run(*self.options(), *args, code=code, **kw)

    def json(self, *args, code=OK):
        return document(*self.options(), *args, code=code)

    def init(self, *args, runs=None):
        """A new state; runs: the slot that was booted."""
        self("state", "init", *args)
        if runs:
            self.boot(runs)

    def trust(self, key):
        """The device trusts this public key."""
        (self.root / "etc/keelboot/keys/release.pem").write_bytes(key.read_bytes())

    def boot(self, slot, token=0, **boot):
        """What init leaves in /run/keelboot."""
        (self.run / "slot").write_text(f"{slot}\n")
        (self.run / "token").write_text(f"{slot} {token}\n")
        facts = {"schema": 1, "slot": slot, "tier": "normal", "status": "good", "counted": True,
                 "cause": "clean", "version": "", "reason": "", "warnings": []}
        (self.run / "boot.json").write_text(json.dumps({**facts, **boot}))

    def damage(self, *regions):
        with open(self.state, "r+b") as file:
            for region in regions:
                file.seek(REGIONS[region])
                file.write(b"\xa5" * RING)

    def slot(self, name):
        return next(s for s in self.json("status")["slots"] if s["slot"] == name)


def newest_record(image) -> tuple:
    """(where it begins, its lines), of a state partition."""
    cells = [at + i * 4096 for at in REGIONS for i in range(64)]
    newest = max((c for c in cells if image[c:c + 8] == b"KEELSTAT"),
                 key=lambda c: struct.unpack_from("<Q", image, c + 24))
    length = struct.unpack_from("<I", image, newest + 12)[0]
    text = bytes(image[newest + 64:newest + 64 + length]).decode()
    return newest, dict(line.split("=", 1) for line in text.splitlines())


def edit(dev, min_reader=1, seq=None, **changes):
    """Rewrites the newest record in place, with lines changed or added, "_" for "." in keys; seq: of its cell."""
    image = bytearray(dev.state.read_bytes())
    newest, lines = newest_record(image)
    lines.update({key.replace("_", "."): str(value) for key, value in changes.items()})
    payload = "".join(f"{key}={value}\n" for key, value in lines.items()).encode()
    image[newest + 64:newest + 4096] = payload.ljust(4096 - 64, b"\0")
    struct.pack_into("<HI", image, newest + 10, min_reader, len(payload))
    if seq is not None:
        struct.pack_into("<Q", image, newest + 24, seq)
    struct.pack_into("<I", image, newest + 32, 0)
    crc = crc32c(image[newest:newest + 64 + len(payload)])
    struct.pack_into("<I", image, newest + 32, crc)
    dev.state.write_bytes(image)


def sealed(magic, n, lines, text=b"") -> bytes:
    """A cell of the state partition with that number, and a checksum that is right."""
    payload = "".join(f"{key}={value}\n" for key, value in lines.items()).encode() + text
    cell = bytearray(4096)
    cell[64:64 + len(payload)] = payload
    struct.pack_into("<8sHHII4xQ", cell, 0, magic, 1, 1, len(payload), 4096, n)
    struct.pack_into("<I", cell, 32, crc32c(cell[:64 + len(payload)]))
    return bytes(cell)


def add_event(dev, kind, **fields):
    """An event of the history, as a boot writes it."""
    image = bytearray(dev.state.read_bytes())
    cells = [3 * MIB + i * 4096 for i in range(256)]
    n = 1 + sum(image[at:at + 8] == b"KEELHIST" for at in cells)
    lines = {"kind": kind, "slot": "-", "time": 1700000000 + n, **fields}
    image[cells[n - 1]:cells[n - 1] + 4096] = sealed(b"KEELHIST", n, lines)
    dev.state.write_bytes(image)


@contextlib.contextmanager
def sleeping_guardian(dev):
    """A process of its name, which a signal ends, also where the tests run under nohup."""
    program = shutil.copy("/bin/sleep", dev.path / "keelboot-guardian")
    with subprocess.Popen([program, "600"], preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)) as process:
        (dev.run / "guardian").write_text(f"{process.pid}\n")
        yield process
        process.kill()


@pytest.fixture(name="dev")
def make_device(tmp_path):
    return Device(tmp_path)


@pytest.fixture(name="good")
def make_good(dev):
    """Slot a runs 1.0 and is good; slot b is empty."""
    dev.init("--slots", 2, "--good", "a", "--version", "1.0", "--sequence", 10)
    dev.boot("a", version="1.0")
    return dev


@pytest.fixture(name="factory", scope="session")
def make_factory(tmp_path_factory):
    """Signs bundles."""
    path = tmp_path_factory.mktemp("factory")
    for key in ("release", "stranger"):
        run("key", "generate", "-o", path / key, code=OK)

    def bundle(version, sequence, key="release", compatible="test-board", floor=0, size=2 * MIB):
        more = f"-{size}" if size != 2 * MIB else ""
        out = path / f"{version}-{sequence}-{key}-{compatible}-{floor}{more}.keel"
        image = path / "root.img"
        if not out.exists():
            text = f"{version} {sequence} ".encode()
            # Half of it does not compress, so that chunks of both forms occur.
            image.write_bytes((text * size)[:size // 2] + os.urandom(size // 2))
            run("bundle", "create", "-o", out, "--compatible", compatible, "--version", version, "--sequence", sequence,
                "--floor", floor, "--image", f"root={image}", "--level", 1, "--key", path / f"{key}.key", code=OK)
            (path / f"{out.name}.img").write_bytes(image.read_bytes())
        return out

    bundle.public = path / "release.pem"
    return bundle


@pytest.fixture(name="ready")
def make_ready(good, factory):
    """As good, and it trusts the factory's key."""
    good.trust(factory.public)
    return good
