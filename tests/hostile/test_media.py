# SPDX-License-Identifier: Apache-2.0
"""Media that lie, end, come back as something else; bundles that are made to cost."""
import json
import os
import shutil
import struct

import keelreader
import pytest

from frames import Frame, compressed
from hostile import CHUNK, FAILED, FAILURE, KEELBOOT, MIB, OK, VERIFY, Forge, driver, flipped, is_damaged, start

# ---------------------------------------------------------------- threats 21, 22


@pytest.mark.threat(21, 22, 2, 9)
@pytest.mark.parametrize("verify_first", [True, False])
def test_t21_each_read_in_turn_gives_something_else(tmp_path, keys, image, cases, verify_first):
    """Eight ways to lie, at each of the reads of an install: what lands is one of the signed images, whole, or
    nothing is ever booted; no block of the slot is anything that nobody signed."""
    other = bytes(reversed(image))
    for name, content, version in (("one", image, "2.0"), ("two", other, "3.0")):
        (tmp_path / name).write_bytes(content)
        Forge(keys, content, lines={"bundle version": version}).write(tmp_path / f"{name}.keel")
    lines = driver("lie", keys.ring, *(tmp_path / name for name in ("one.keel", "one", "two.keel", "two")),
                   verify_first=verify_first)
    assert [line for line in lines if line[0] == "WRONG"] == []
    assert len(lines) == 8 and all(int(line[0]) >= 12 for line in lines)
    installed = {line[2]: int(line[1]) for line in lines}
    for way in ("the first byte differs", "the last byte differs", "a read ends in the middle", "a read fails",
                "the medium is gone"):
        assert installed[way] == 0, way
    cases(sum(int(line[0]) for line in lines))


def test_t22_medium_that_ends_while_it_is_written(target, keys, genuine, image, cases):
    """The file becomes shorter between two installs: the first leaves half of it, the next one goes on."""
    target.configure("[source.media]\nverify-first=no\n")
    data = genuine.read_bytes()
    bad = target.path / "bad.keel"
    for cut in (1, CHUNK, len(data) // 2):
        bad.write_bytes(flipped(data, len(data) - cut))
        target.apply_refuses(bad, f"version 2.0: not installed: {is_damaged((len(image) - cut) // CHUNK)}", code=FAILED,
                             written=True)
        target.only_signed(image)
        assert target.slot("b")["state"] == "writing"
        assert target.json("status")["next"] == "a"
    assert target.apply(genuine).code == 0
    assert target.slots["b"].read_bytes()[:len(image)] == image
    cases(4)


# ---------------------------------------------------------------- threat 36


def test_t36_resume_with_another_bundle(target, keys, image, cases):
    """Whatever half of what was left there: the next install ends with its own image, byte for byte."""
    target.configure("[install]\nverify-first=no\n")
    others = [bytes(reversed(image)), image[:CHUNK] + b"z" * (len(image) - CHUNK), b"q" * 4096]
    bundles = [Forge(keys, content, lines={"bundle version": f"{i + 2}.0", "bundle sequence": 20 + i})
               for i, content in enumerate([image, *others])]
    tried = 0
    for half, whole in (0, 1), (1, 2), (2, 0), (0, 3), (3, 0):
        data = bundles[half].data()
        bad = target.path / "half.keel"
        bad.write_bytes(flipped(data, len(data) - 1))
        last = (len(bundles[half].image) - 1) // CHUNK
        target.go("install", bad, "--progress=none").ends(VERIFY, f"{bad}: {is_damaged(last)}")
        good = bundles[whole].write(target.path / "whole.keel")
        want = [image, *others][whole]
        target.installs(good, want)
        rest = target.slots["b"].read_bytes()[len(want):]
        assert not any(block in data for block in (rest[at:at + 4096] for at in range(0, len(rest), 4096))
                       if block.strip(b"\0\xb5")), "something of the other one is left behind it"
        tried += 1
        target.begin()
        target.slots["b"].write_bytes(target.before["b"])
    cases(tried)


# ---------------------------------------------------------------- threat 31

def frame(descriptor: int, rest: bytes) -> bytes:
    return b"\x28\xb5\x2f\xfd" + bytes([descriptor]) + rest


def rle(byte: bytes, size: int, last: bool = False) -> bytes:
    return struct.pack("<I", size << 3 | 2 | last)[:3] + byte


PLAIN = b"\0" * CHUNK
BOMBS = {
    "a thousand times as much": compressed(bytes(16 * MIB)),
    "one byte more": compressed(bytes(CHUNK + 1)),
    "one byte less": compressed(bytes(CHUNK - 1)),
    "blocks without end": frame(0, b"\x58" + rle(b"\0", 128 * 1024) * 1000 + rle(b"\0", 1)),
    "content size of 2^64 - 1": frame(0xc0, b"\x58" + b"\xff" * 8 + rle(b"\0", CHUNK)),
    "content size of nearly nothing": frame(0x60, struct.pack("<H", 0) + rle(b"\0", CHUNK)),
    "a window of 4.5 MiB": frame(0, b"\x61" + rle(b"\0", CHUNK)),
    "a window of 8 MiB": frame(0, b"\x68" + rle(b"\0", CHUNK)),
    "a window of 128 MiB": frame(0, b"\x88" + rle(b"\0", CHUNK)),
    "the largest window there is": frame(0, b"\xff" + rle(b"\0", CHUNK)),
    "two frames": compressed(bytes(8192)) * 2,
    "a last block": frame(0, b"\x58" + rle(b"\0", CHUNK, True)),
    "an empty last block": frame(0, b"\x58" + rle(b"\0", CHUNK) + b"\1\0\0"),
    "a block that is cut": compressed(bytes(range(256)) * 64)[:-1],
    "a part of a block's header": frame(0, b"\x58" + rle(b"\0", CHUNK) + b"\0"),
    "no blocks": frame(0, b"\x58"),
    "a skippable frame first": struct.pack("<II", 0x184d2a50, 4) + b"skip" + compressed(PLAIN),
    "a skippable frame alone": struct.pack("<II", 0x184d2a50, 4) + b"skip",
    "a skippable frame of 4 GiB": struct.pack("<II", 0x184d2a50, 2 ** 32 - 1) + b"skip",
    "a dictionary": frame(1, b"\x58\x07" + rle(b"\0", CHUNK)),
    "a reserved bit": frame(8, b"\x58" + rle(b"\0", CHUNK)),
    "a reserved block": frame(0, b"\x58" + struct.pack("<I", CHUNK << 3 | 6)[:3]),
    "a checksum": frame(4, b"\x58" + rle(b"\0", CHUNK)),
    "what is not there": Frame(bytes(range(1, 255)) * 60).put(bytes(range(1, 255)) * 60),
    "nothing but a magic": b"\x28\xb5\x2f\xfd",
    "an older format": b"\x27\xb5\x2f\xfd" + bytes(20),
    "rubbish": bytes(range(1, 200)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_t31_bombs(target, keys, image, name):
    """Chunk 1 is a bomb; its hash is that of the plain bytes it stands for. Nobody has more memory for it than for
    any other, and the slot holds nothing else than what is signed."""
    forge = Forge(keys, image[:CHUNK] + PLAIN + image[:4096])
    chunks = [forge.chunks[0], (2, BOMBS[name], PLAIN), forge.chunks[2]]
    bad = target.forge(forge.image, chunks)
    target.gives_up(bad, "image root: chunk 1 cannot be decoded: the bundle is damaged")
    target.only_signed(forge.image)
    at = keelreader.Header(bad.read_bytes()[:512]).payload_off + CHUNK
    start([KEELBOOT, "bundle", "verify", bad, "--key", keys.public("signer")]).ends(
        VERIFY, f"{bad}: image root, chunk 1 (byte {at} of the file): malformed or damaged data; copy it again")


@pytest.mark.parametrize("window_log", [14, 21, 22])
def test_t31_frames_that_are_allowed(target, keys, image, window_log):
    forge = Forge(keys, image)
    chunks = [(2, Frame(window_log=window_log).put(plain), plain) for _, _, plain in forge.chunks]
    target.installs(Forge(keys, image, chunks).write(target.path / "good.keel"), image)


@pytest.mark.parametrize("name, forms", [("first", "55"), ("behind raw", "15"), ("behind zero", "05")])
def test_t31_chunks_that_go_on_in_no_frame(target, keys, name, forms):
    plain = bytes(range(256)) * (CHUNK // 256)
    stored = {"0": (0, b"", bytes(CHUNK)), "1": (1, plain, plain), "5": (5, Frame().put(plain)[6:], plain)}
    chunks = [stored[form] for form in forms]
    bad = target.forge(b"".join(chunk[2] for chunk in chunks), chunks)
    target.refuses(bad, VERIFY, f"BUNDLE: image root: the record of chunk {forms.index('5')} is invalid")


def test_t31_a_frame_of_more_than_4_mib(target, keys):
    """One chunk more than a frame may have; without it, it is good."""
    shared, plain = Frame(), [b"%04d" % n * (CHUNK // 4) for n in range(4 * MIB // CHUNK + 1)]
    chunks = [(5 if n else 2, shared.put(text), text) for n, text in enumerate(plain)]
    for length, code in ((len(chunks), VERIFY), (len(chunks) - 1, OK)):
        bundle = Forge(keys, b"".join(plain[:length]), chunks[:length]).write(target.path / "frame.keel")
        result = start([KEELBOOT, "bundle", "verify", bundle, "--key", keys.public("signer")])
        assert result.code == code, result.err
        assert not code or result.last == f"{bundle}: image root: the record of chunk {length - 1} is invalid"


# ---------------------------------------------------------------- threat 32


@pytest.mark.parametrize("name", ["../root", "/etc/passwd", "root/../x", ".", "..", "a.b", "-root", "r" * 32, "",
                                  "Root", "ro%2fot", "root\\x"])
def test_t32_names_of_images_are_no_paths(target, keys, image, name):
    forge = Forge(keys, image)
    text = forge.manifest(forge.hash_table(), forge.record_table(), b"".join(s for _, s, _ in forge.chunks))
    text = text.replace(b"[image.root]", b"[image." + name.encode() + b"]").replace(
        b"image=root", b"image=" + name.encode())
    bad = target.forge(image, manifest=text)
    wrong = "1 to 31 characters long" if not 0 < len(name) < 32 else "made of a-z, 0-9, '_' and '-'"
    says = f"manifest line 8: [image.{name}]: name not {wrong}"
    target.refuses(bad, VERIFY, f"BUNDLE: {says}")
    out = target.path / "extracted"
    start([KEELBOOT, "bundle", "extract", bad, "--key", keys.public("signer"), "-o", out]).ends(
        VERIFY, f"{bad}: {says}")
    assert not out.exists()


def staged_name(bundle) -> str:
    return json.loads(start([KEELBOOT, "bundle", "inspect", bundle, "--json"]).out)["release"][:16] + ".keel"


def test_t32_stage_follows_no_link_out_of_its_folder(target, genuine, image):
    """Somebody who may write to the data partition put a link where the copy is made."""
    victim = target.path / "victim"
    victim.write_bytes(b"precious")
    folder = target.data / "keelboot/stage"
    folder.mkdir(parents=True)
    name = staged_name(genuine)
    for path in (name, f"{name}.part"):
        os.symlink(victim, folder / path)
    assert target.go("stage", genuine, "--progress=none").code == OK
    assert victim.read_bytes() == b"precious"
    assert not (folder / name).is_symlink() and (folder / name).read_bytes() == genuine.read_bytes()


def victims(target, name):
    """Somewhere else, with files that are called like ours."""
    victim = target.path / "victim"
    (victim / "stage").mkdir(parents=True)
    for path in (victim, victim / "stage"):
        for file in (name, f"{name}.part", "precious.keel"):
            (path / file).write_bytes(b"precious")
    return victim, {path: path.read_bytes() for path in victim.rglob("*.keel*")}


@pytest.mark.parametrize("link", ["keelboot", "keelboot/stage"])
def test_t32_link_in_place_of_the_stage_folder(target, genuine, link, cases):
    """Put there by who wrote to the data partition elsewhere: every verb that works in the folder stays out."""
    victim, before = victims(target, staged_name(genuine))

    def unharmed():
        assert {path: path.read_bytes() for path in victim.rglob("*.keel*")} == before

    at = target.data / link
    at.parent.mkdir(exist_ok=True)
    at.symlink_to(victim)
    wrong = (f"{at}: not a folder (links are not followed); remove it, or set [source.data] stage= in "
             "system.conf, in the initramfs too")
    target.go("stage", genuine, "--progress=none").ends(FAILURE, wrong)
    unharmed()
    target.untouched()
    # The link came after the update was staged: the state says that there is something to remove.
    for verb in ("unstage",), ("mark", "good"):
        at.unlink()
        assert target.go("stage", genuine, "--progress=none").code == OK
        shutil.rmtree(at)
        at.symlink_to(victim)
        if verb[0] == "mark":       # which it does when what is staged was installed
            assert target.go("install", genuine, "--progress=none").code == OK
            target.boot("b", version="2.0")
        target.go(*verb).ends(OK, wrong)
        unharmed()
    cases(3)
