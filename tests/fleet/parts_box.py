# SPDX-License-Identifier: Apache-2.0
"""A device whose slots have most of a release, and the release, each of whose chunks is a frame."""
import random
import struct

from channel_site import private_key
from cli_device import KIB, MIB, OK, run
from keelreader import crc32c

CHUNK = 64 * KIB
CHUNKS = 64


def create(factory, image, version, sequence, *options):
    out = image.parent / f"acme-{version}.keel"
    run("bundle", "create", "-o", out, "--compatible", "test-board", "--version", version, "--sequence", sequence,
        "--level", 3, "--chunk-size", "64K", "--frame-size", "64K", "--sig-capacity", "1K",
        "--image", f"root={image}", "--key", private_key(factory), *options, code=OK)
    return out


def make_release(factory, folder, version="2.0", sequence=20):
    """A release of 4 MiB, each of whose chunks is a frame of about 21 KiB."""
    rng = random.Random(3)
    new = b"".join(rng.randbytes(CHUNK // 2) + b"text %d " % i * 9000 for i in range(CHUNKS + 1))[:CHUNK * CHUNKS]
    (folder / "new.img").write_bytes(new)
    return create(factory, folder / "new.img", version, sequence)


def make_delta(factory, folder, versions, sequences):
    """A release, and the next one as a delta of it beside the whole: all behind a quarter of it moved by some bytes."""
    rng = random.Random(4)
    new = rng.randbytes(CHUNK * CHUNKS)
    (folder / "new.img").write_bytes(new)
    (folder / "old.img").write_bytes(new[:16 * CHUNK] + b"a shift" + new[16 * CHUNK:-4096] + bytes(4089))
    old = create(factory, folder / "old.img", versions[0], sequences[0])
    return old, create(factory, folder / "new.img", versions[1], sequences[1], "--from", old)


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


def index_of_size(size, total):
    """A header that nobody signed: all of this is index."""
    head = struct.pack("<8sHHIQQQIIQQQQQ", b"KEELBNDL", 1, 1, 512, 0, 0, total, 0, 512, 512, 1024, size - 1024, size,
                       total - size).ljust(508, b"\0")
    return (head + struct.pack("<I", crc32c(head))).ljust(total, b"?")
