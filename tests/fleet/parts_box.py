# SPDX-License-Identifier: Apache-2.0
"""A device whose slots have most of a release, and the release, each of whose chunks is a frame."""
import random

from channel_site import private_key
from cli_device import KIB, MIB, OK, run

CHUNK = 64 * KIB
CHUNKS = 64


def make_release(factory, folder, version="2.0", sequence=20):
    """A release of 4 MiB, each of whose chunks is a frame of about 21 KiB."""
    rng = random.Random(3)
    new = b"".join(rng.randbytes(CHUNK // 2) + b"text %d " % i * 9000 for i in range(CHUNKS + 1))[:CHUNK * CHUNKS]
    (folder / "new.img").write_bytes(new)
    out = folder / f"acme-{version}.keel"
    run("bundle", "create", "-o", out, "--compatible", "test-board", "--version", version, "--sequence", sequence,
        "--level", 3, "--chunk-size", "64K", "--frame-size", "64K", "--sig-capacity", "1K",
        "--image", f"root={folder / 'new.img'}", "--key", private_key(factory), code=OK)
    return out


def fill(slot, release, differs):
    """The slot has the image but for these chunks."""
    data = bytearray((release.parent / "new.img").read_bytes())
    for i in differs:
        data[i * CHUNK + 5] ^= 1
    slot.write_bytes(bytes(data) + bytes(8 * MIB - len(data)))


def index_of(bundle):
    return int.from_bytes(bundle.read_bytes()[72:80], "little")


def is_installed(box, release):
    new = (release.parent / "new.img").read_bytes()
    return box.dev.slots["b"].read_bytes()[:len(new)] == new


def head_of(partial):
    """How many bytes a partial bundle has before those of the bundle."""
    return 28 + 16 * int.from_bytes(partial.read_bytes()[12:16], "little")
