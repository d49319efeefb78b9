# SPDX-License-Identifier: Apache-2.0
"""Sticks whose file system was mounted, and on which lies what no honest person put there; and files that change while
they are read. keelboot-apply is the shipped one; only the mount is a folder (stick_main.c)."""
import fcntl
import os
import re
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from console import PATIENCE
from hostile import CHUNK, CONTROL, FAILED, HELPER, INSTALLED, KIB, MEMORY, MIB, NOTHING, OK, TOP, Forge, flipped, start

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a mount")
STICK = TOP / "build/tests/hostile/stick"
HEADER = "refused: not a bundle, or its header is damaged; copy it again"
FLAGS = 0x1 | 0x2 | 0x4 | 0x8 | 0x100             # ro, nosuid, nodev, noexec, nosymfollow


@pytest.fixture(name="folder")
def make_folder(tmp_path):
    folder = tmp_path / "stick"
    (folder / "keelboot").mkdir(parents=True)
    return folder


def command(target, source="usb") -> list:
    device = target.path / "sdx"
    device.write_bytes(bytes(64 * KIB))
    return target.apply_command([f"{source}:{device}"])


def apply(target, folder, timeout=60 * PATIENCE):
    result = start(command(target), timeout, executable=STICK, env={"STICK_FOLDER": str(folder)})
    assert not CONTROL.search(result.err), "a terminal would obey this"
    return result.code, result.err.decode("ascii")


def told(target, said) -> set:
    """What a log says of the stick; there must be nothing else in it but the mount."""
    start = f"keelboot-apply: {target.path}/sdx: "
    lines = [line for line in said.splitlines() if line != f"mount {target.path}/sdx vfat {FLAGS:#x}"]
    assert all(line.startswith(start) for line in lines), said
    return {line.removeprefix(start) for line in lines}


def held(target, image) -> bool:
    return target.slots["b"].read_bytes()[:len(image)] == image


# ---------------------------------------------------------------- what lies there


@pytest.mark.threat(25, 32)
def test_t25_stick_is_mounted_with_nothing_but_reading(target, folder, genuine, image):
    os.link(genuine, folder / "keelboot/good.keel")
    code, said = apply(target, folder)
    assert code == INSTALLED and held(target, image)
    asked = re.findall(r"^mount \S+ (\w+) (0x\w+)$", said, re.M)
    assert asked and {(kind, int(flags, 16)) for kind, flags in asked} == {("vfat", FLAGS)}
    assert not os.path.ismount("/run/keelboot/media"), "the mount is apply's own"


def test_t25_filesystems_none_mounts_nothing(target, folder, genuine, image):
    os.link(genuine, folder / "keelboot/good.keel")
    target.configure("[source.media]\nfilesystems=none\n")
    code, said = apply(target, folder)
    assert (code, told(target, said)) == (NOTHING, {"ignored: no raw bundle, and none is mounted (filesystems=none)"})
    target.untouched()
    assert target.apply(genuine).code == INSTALLED          # raw


def odd_things(folder, genuine) -> dict:
    """name: what the log has to say of it"""
    at = folder / "keelboot"
    os.mkfifo(at / "fifo.keel")
    os.mknod(at / "char.keel", stat.S_IFCHR | 0o600, os.makedev(1, 5))      # zeroes without end
    os.mknod(at / "block.keel", stat.S_IFBLK | 0o600, os.makedev(4095, 1))
    (at / "folder.keel").mkdir()
    (at / "link.keel").symlink_to(genuine)
    (at / "loop.keel").symlink_to("loop.keel")
    (at / "zero.keel").symlink_to("/dev/zero")
    (at / "up.keel").symlink_to("../../../../../../etc/passwd")
    (at / "empty.keel").touch()
    (at / "short.keel").write_bytes(genuine.read_bytes()[:511])
    with open(at / "huge.keel", "wb") as file:
        file.write(genuine.read_bytes())
        file.truncate(8 << 40)
    with open(at / "hole.keel", "wb") as file:
        file.truncate(1 << 40)
    irregular = ("fifo", "char", "block", "folder", "link", "loop", "zero", "up")
    more = (8 << 40) - genuine.stat().st_size
    return {**dict.fromkeys(irregular, "ignored: not a regular file"), "hole": HEADER,
            **dict.fromkeys(("empty", "short"), "refused: shorter than the header of a bundle; copy it again"),
            "huge": f"refused: {more} extra bytes behind its end; copy it again"}


def test_t32_odd_files_are_named_and_skipped(target, folder, genuine, image, cases):
    odd = odd_things(folder, genuine)
    code, said = apply(target, folder)
    assert (code, told(target, said)) == (NOTHING, {f"keelboot/{name}.keel: {why}" for name, why in odd.items()})
    target.untouched()
    os.link(genuine, folder / "keelboot/zz.keel")
    code, said = apply(target, folder)
    assert code == INSTALLED and held(target, image), said
    cases(2 * len(odd))


@pytest.mark.parametrize("what", ["link", "file", "fifo", "nothing", "device"])
def test_t32_folder_that_is_none(target, folder, genuine, what):
    at = folder / "keelboot"
    at.rmdir()
    if what == "link":
        (folder / "elsewhere").mkdir()
        os.link(genuine, folder / "elsewhere/good.keel")
        at.symlink_to("elsewhere")
    elif what == "file":
        at.write_bytes(genuine.read_bytes())
    elif what == "fifo":
        os.mkfifo(at)
    elif what == "device":
        os.mknod(at, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    code, said = apply(target, folder)
    assert (code, told(target, said)) == (NOTHING, {"no folder keelboot/"})
    target.untouched()


@pytest.mark.parametrize("link", ["keelboot", "keelboot/stage"])
def test_t32_boot_follows_no_link_to_a_staged_copy(target, genuine, image, link):
    """Neither to the whole stage folder nor to what it is in."""
    target.configure("filesystem=vfat\n")
    assert target.go("stage", genuine, "--progress=none").code == OK
    at = target.data / link
    at.rename(target.data / "elsewhere")
    at.symlink_to(target.data / "elsewhere")
    whole, env = command(target, "data"), {"STICK_FOLDER": str(target.data)}
    start(whole, executable=STICK, env=env).ends(
        FAILED, "staged update: the stage folder is missing; failure 1 of 3 of this copy")
    at.unlink()
    (target.data / "elsewhere").rename(at)
    assert start(whole, executable=STICK, env=env).code == INSTALLED
    assert held(target, image)


def test_t33_names_that_a_terminal_obeys(target, folder, genuine, image, cases):
    names = [b"\x1b[2J\x1b]0;owned\x07.keel", b"line\nbreak: slot a is bad.keel", b"\r\x1b[1A\x1b[2K.keel",
             b"%s%n%n.keel", b"\xff\xfe\xc3\x28.keel", b"\x9b31m.keel", b"\xe2\x80\xae.keel", b"x" * 250 + b".keel",
             b"\x7f\x08\x08.keel", b"\x1b[8m litter", b"<6>not a bundle", b"-rf.keel", b" .keel"]
    for name in names:
        with open(os.fsencode(folder) + b"/keelboot/" + name, "wb") as file:
            file.write(b"no bundle\n\x1b[31m")
    os.link(genuine, folder / "keelboot/good.keel")
    code, said = apply(target, folder)
    assert code == INSTALLED and held(target, image)
    assert all(line.startswith(("keelboot-apply: ", "mount ", "verified ")) for line in said.splitlines()), said
    assert said.count("ignored: ") + said.count("refused: ") >= len(names)
    cases(len(names))


@pytest.mark.threat(22, 25)
def test_t25_crowds_cost_a_bounded_time(target, folder, genuine, image, cases):
    """Names beyond a bound are not looked at, bundles beyond a bound not opened; what is looked at is still taken."""
    at = folder / "keelboot"
    (at / "0").touch()
    for i in range(5000):
        os.link(at / "0", at / f"holiday-{i:05}.jpg")
    code, said = apply(target, folder)
    assert code == NOTHING and "only the first 4096 files, and 256 bundles, of keelboot/ are examined" in \
        told(target, said)
    assert len(said) < 10000, "the log is flooded"
    target.untouched()
    for entry in at.iterdir():
        entry.unlink()
    other = at / "other.keel"
    other.write_bytes(flipped(genuine.read_bytes(), 20))
    for i in range(700):
        os.link(other, at / f"{i:05}.keel")
    code, said = apply(target, folder)
    assert code == NOTHING and said.count(f".keel: {HEADER}\n") == 256
    target.untouched()
    cases(2)


def verified(said) -> int:
    return int(re.search(r"^verified (\d+)$", said, re.M)[1])


@pytest.mark.threat(22, 25)
def test_t25_forged_signatures_cost_a_bounded_time(target, folder, genuine, image, cases):
    """256 bundles, each of which names the trusted key 64 times: it is asked twice for each. Then the genuine one is
    taken, and each look was progress, so that nobody took it for a stall."""
    at, data = folder / "keelboot", bytearray(genuine.read_bytes())
    length = 4 + int.from_bytes(data[514:516], "little")
    forged = flipped(bytes(data[512:512 + length]), length - 1)
    data[512:512 + 64 * length] = 64 * forged
    (at / "0.keel").write_bytes(data)
    for i in range(1, 255):
        os.link(at / "0.keel", at / f"{i:03}.keel")
    os.link(genuine, at / "genuine.keel")
    looks, into = os.pipe()                     # which holds all that is told
    result = start(command(target), 60, executable=STICK, env={"STICK_FOLDER": str(folder), "STICK_COUNT": "yes"},
                   close_fds=False, preexec_fn=lambda: os.dup2(into, 3))
    os.close(into)
    with open(looks, "rb") as pipe:
        heard = pipe.read()
    assert result.code == INSTALLED and held(target, image)
    said = result.err.decode("ascii")
    assert verified(said) <= 255 * 2 + 2 and said.count(".keel: refused: ") == 255
    assert heard.count(b"P 0 look ") == 1 + 256
    cases(256)


# ---------------------------------------------------------------- what changes while it is read


def memory_of(pid) -> int:
    """How many bytes it had at most so far; 0 when it has ended."""
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text("ascii"), re.M)
    return int(peak[1]) * KIB if peak else 0


class Reader:
    """keelboot-apply on a stick, which stands still when it says that it has come to a phase."""

    def __init__(self, target, folder, phase):
        self.out, into = os.pipe()
        self.log = open(target.path / "log", "w+b")
        environ = {"PATH": os.environ["PATH"], "KEELBOOT_HELPER": HELPER, "STICK_FOLDER": str(folder)}
        self.child = subprocess.Popen([str(part) for part in command(target)], executable=STICK, env=environ,
                                      stderr=self.log, close_fds=False, preexec_fn=lambda: os.dup2(into, 3))
        os.close(into)
        self.heard = b""
        while f"P 1 {phase} ".encode() not in self.heard:
            block = os.read(self.out, 4096)
            assert block, f"it ended before {phase}: {self.heard}"
            self.heard += block
        self.child.send_signal(signal.SIGSTOP)

    def hear(self):
        try:
            self.heard += os.read(self.out, 65536)
        except BlockingIOError:
            pass

    def end(self):
        """(exit code, log)"""
        self.child.send_signal(signal.SIGCONT)
        fcntl.fcntl(self.out, fcntl.F_SETFL, os.O_NONBLOCK)
        limit = time.monotonic() + 60 * PATIENCE
        while self.child.poll() is None:
            assert time.monotonic() < limit, "hangs"
            assert memory_of(self.child.pid) < MEMORY, "memory grows"
            self.hear()
            time.sleep(0.01)
        self.hear()
        os.close(self.out)
        self.log.seek(0)
        return self.child.returncode, self.log.read().decode("ascii")


def grows(path, data):
    with open(path, "ab") as file:
        file.write(os.urandom(64 * KIB))


def shrinks(path, data):
    os.truncate(path, len(data) * 2 // 3)


def vanishes(path, data):
    path.unlink()


def is_replaced(path, data):
    new = path.with_name("new")
    new.write_bytes(os.urandom(len(data)))
    new.rename(path)


def becomes_a_fifo(path, data):
    path.unlink()
    os.mkfifo(path)


def changes(path, data):
    with open(path, "r+b") as file:
        for at in range(len(data) // 2, len(data), 64 * KIB):
            file.seek(at)
            file.write(b"not what was signed")


def has_another_header(path, data):
    with open(path, "r+b") as file:
        file.write(bytes(512))


# What is open stays open: these have to end well. The others may not.
HARMLESS = (grows, vanishes, is_replaced, becomes_a_fifo, has_another_header)
REFUSED = (shrinks, changes)


@pytest.mark.threat(21, 22)
@pytest.mark.parametrize("verify_first", [True, False])
@pytest.mark.parametrize("way", [*HARMLESS, *REFUSED])
def test_t22_file_that_changes_while_it_is_read(target, folder, keys, way, verify_first):
    image = os.urandom(100 * CHUNK)
    for name, file in target.slots.items():
        file.write_bytes(b"\xb5" * (2 * MIB))
        target.before[name] = file.read_bytes()
    target.configure(f"[source.media]\nverify-first={'yes' if verify_first else 'no'}\n")
    path = Forge(keys, image).write(folder / "keelboot/update.keel")
    data = path.read_bytes()
    reader = Reader(target, folder, "check" if verify_first else "write")
    way(path, data)
    code, said = reader.end()
    assert not CONTROL.search(said.encode())
    target.only_signed(image)
    if way in HARMLESS or code == INSTALLED:    # it was quicker
        assert code == INSTALLED and held(target, image), said
        return
    assert code == FAILED, said
    assert re.search(r"/sdx: keelboot/update\.keel: version 2\.0: not installed: image root: (chunk \d+|its payload) "
                     r"(is not what was signed: the bundle is damaged|cannot be read\b.*: the medium is bad or gone)",
                     said), said
    assert target.slot("b")["state"] != "trial"
    if b"P 1 write" not in reader.heard:          # it had not been verified whole by then
        target.untouched()
    for entry in (folder / "keelboot").iterdir():
        entry.unlink()
    path.write_bytes(data)                      # the genuine one is taken after it
    code, said = apply(target, folder)
    assert code == INSTALLED and held(target, image), said
