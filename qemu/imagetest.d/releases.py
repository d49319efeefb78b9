# SPDX-License-Identifier: Apache-2.0
"""The releases that a test gives a device: its own system as an update, and such that fail."""

import os
import shutil
import struct
import subprocess
import threading
from pathlib import Path

import kbtools
from kbdisk import DiskError, mkext4
from kbroot import add_file

# Where a root has its init; systemd in an initramfs starts the systemd of the root.
INITS = ("sbin/init", "usr/sbin/init", "lib/systemd/systemd", "usr/lib/systemd/systemd", "init", "etc/init", "bin/init")
PAUSE = bytes.fromhex("b8220000000f05ebf7")                 # 1: pause(); jmp 1b
EXIT = bytes.fromhex("b83c000000bf010000000f05")            # exit(1): the end of process 1 is a panic
ENDS = {"hang": PAUSE, "panic": EXIT}
BASE = 0x400000
NOISE = 1 << 20         # bytes of a release that has no file system


class ReleaseError(Exception):
    """Says which release cannot be made, and why."""


def program(kind: str, text: str) -> bytes:
    """A static ELF of x86-64 that says `text` and then hangs, or ends."""
    message = text.encode() + b"\n"
    # mov eax, 1; mov edi, 1; lea rsi, [message]; mov edx, length; syscall
    code = bytes.fromhex("b801000000bf01000000488d35") + b"%s" + b"\xba" + struct.pack("<I", len(message)) + b"\x0f\x05"
    tail = ENDS[kind]
    after_lea = len("b801000000bf01000000488d35") // 2 + 4
    length = len(code) - 2 + 4 + len(tail)
    code = code.replace(b"%s", struct.pack("<i", length - after_lea)) + tail + message
    start = 64 + 56
    size = start + len(code)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, BASE + start, 64, 0, 0, 64, 56, 1, 0,
                         0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    return header + segment + code


def is_ext4(image) -> bool:
    with open(image, "rb") as file:
        file.seek(1024 + 56)
        return file.read(2) == b"\x53\xef"


def debugfs(image, lines: list, write: bool = False) -> str:
    """Asks about an ext4 image, or changes it; what debugfs said. What others gave is never opened for writing."""
    env = dict(os.environ, PATH=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin")
    command = ["debugfs", *(["-w"] if write else []), "-f", "-", str(image)]
    try:
        done = subprocess.run(command, input="\n".join(lines) + "\n", text=True, errors="replace",
                              capture_output=True, env=env, check=False)
    except FileNotFoundError:
        raise ReleaseError("debugfs: not found; install e2fsprogs") from None
    return done.stdout + done.stderr


class Releases:
    """Bundles, each made once, whoever asks. root: the image of the next system, or None; bundle: it is one already.
    keys: private ones that the device trusts. compatible: as its system.conf says."""

    def __init__(self, folder: Path, *, compatible: str, keys=(), root=None, bundle=None):
        self.folder, self.compatible, self.keys = Path(folder), compatible, list(keys)
        self.root, self.bundle = root, bundle
        self.sequence, self.version = 0, ""     # of what is installed: set once the device was looked at
        self._lock = threading.Lock()

    def lacks(self, kind: str) -> str:
        """Why this kind cannot be made; "" if it can."""
        if kind == "good" and self.bundle:
            return ""
        if not self.keys:
            return "missing option: --key (a private one that this device trusts), or --initrd, to which a test key " \
                   "is added"
        if not self.compatible:
            return "compatible= of this device is not known; missing option: --compatible"
        if kind == "good" and not self.root:
            return "missing option: --bundle FILE, the next release"
        return ""

    def get(self, kind: str) -> Path:
        """good, broken, hang or panic."""
        with self._lock:
            if why := self.lacks(kind):
                raise ReleaseError(why)
            out = self.folder / f"test-{kind}.keel"
            if kind == "good" and self.bundle:
                shutil.copy(self.bundle, out)
            elif not out.exists():
                self.pack(out, self._image(kind), self.version_of(kind))
            return out

    def version_of(self, kind: str) -> str:
        if kind == "good" and self.bundle:
            return ""
        return f"{self.version or '0'}+test-{kind}"[:32]

    def pack(self, out: Path, image, version: str, sequence=None) -> None:
        signers = [word for key in self.keys for word in ("--key", key)]
        try:
            kbtools.run(kbtools.find("keelboot"), "bundle", "create", "-o", out, "--compatible", self.compatible,
                        "--version", version, "--sequence", self.sequence + 1 if sequence is None else sequence,
                        "--level", "1", "--image", f"root={image}", *signers)
        except RuntimeError as error:
            raise ReleaseError(str(error).splitlines()[-1]) from None

    def _image(self, kind: str) -> Path:
        if kind == "good":
            return self.root
        out = self.folder / f"root-{kind}.img"
        if kind == "broken":
            out.write_bytes(os.urandom(NOISE))
        elif self.root and is_ext4(self.root):
            self._spoil(out, kind)
        else:
            self._tiny(out, kind)
        return out

    def _spoil(self, out: Path, kind: str) -> None:
        """The system itself, with an init that fails."""
        init = self.folder / f"init-{kind}"
        init.write_bytes(program(kind, f"keelboot image test: the init of this release {kind}s"))
        subprocess.run(["cp", "--sparse=always", str(self.root), str(out)], check=True)
        out.chmod(0o600)        # what was given may be read-only
        there = [path for path in INITS if "Inode:" in debugfs(out, [f"stat /{path}"])]
        lines = []
        for path in there:
            lines += [f"rm /{path}", f'write "{init}" /{path}', f"sif /{path} mode 0100755"]
        said = debugfs(out, lines, write=True)
        if not there:
            raise ReleaseError("the system has no init that could be replaced")
        if any(f"Size: {init.stat().st_size}\n" not in debugfs(out, [f"stat /{path}"]) for path in there):
            raise ReleaseError(f"unable to replace init: {said.strip().splitlines()[-1][:200]}")

    def _tiny(self, out: Path, kind: str) -> None:
        """A system that has nothing but such an init; ext4, as the one of the device cannot be changed from here."""
        tree = self.folder / f"tree-{kind}"
        for name in ("proc", "sys", "dev", "run", "tmp"):
            (tree / name).mkdir(parents=True, exist_ok=True)
        for path in ("sbin/init", "usr/lib/systemd/systemd"):
            add_file(tree, path, program(kind, f"keelboot image test: the init of this release {kind}s"))
            (tree / path).chmod(0o755)
        add_file(tree, "etc/os-release", "ID=keelboot-test\n")
        try:
            mkext4(out, "4M", tree, label="root")
        except DiskError as error:
            raise ReleaseError(str(error)) from None
