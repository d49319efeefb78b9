# SPDX-License-Identifier: Apache-2.0
"""Bundles made from what a slot holds, by somebody whose key is trusted: what breaks a rule is refused in the cage,
and nothing gets into a slot that was not signed."""
import random
import zlib

import hostile
import pytest
import remake
from cli_device import edit
from frames import patch_frame as frame_of
from hostile import CHUNK, INCOMPATIBLE, VERIFY, Forge, varint
from keelreader import image_digest

OLD = random.Random(3).randbytes(3 * CHUNK)
PLAIN = OLD[CHUNK + 5:2 * CHUNK + 5]            # chunk 1 of the new image: a piece of the old one, moved
NEW = OLD[:CHUNK] + PLAIN + OLD[:4096]


def command(kind: int, length: int, behind=None) -> bytes:
    """behind: where it begins in the seed, counted from where it is expected."""
    zigzag = b"" if behind is None else varint(behind * 2 if behind >= 0 else -behind * 2 - 1)
    return varint(length << 2 | kind) + zigzag


def patch(commands: bytes, gaps=b"", words=b"", literals=b"", lengths=None) -> bytes:
    """The content of its frame."""
    streams = (commands, gaps, words, literals)
    return b"".join(map(varint, lengths or map(len, streams))) + b"".join(streams)


ALL = command(1, CHUNK, 5)
MANY = command(1, 1, 5) + command(1, 1, 0) * (CHUNK // 16 - 1) + command(1, CHUNK - CHUNK // 16, 0)
GOOD = {
    "copy": (3, ALL),
    "copy in pieces": (3, command(1, 7, 5) + command(1, CHUNK - 7, 0)),
    "patch": (4, frame_of(patch(ALL, b"\0"))),
    "literals": (4, frame_of(patch(command(2, CHUNK), literals=PLAIN))),
}
BAD = {     # chunk 1, whose hash is that of what it stands for
    "copy outside of the seed": (3, command(1, CHUNK, CHUNK + 1)),
    "copy from before the seed": (3, command(1, CHUNK, -CHUNK - 1)),
    "copy from the end of all numbers": (3, command(1, CHUNK, (1 << 64) - CHUNK - 1)),
    "copy of more than the chunk": (3, command(1, CHUNK + 1, 5)),
    "copy of less than the chunk": (3, command(1, CHUNK - 1, 5)),
    "copy of nothing": (3, command(1, 0, 5) + ALL),
    "copy with more behind it": (3, ALL + b"\0"),
    "copy with literals": (3, command(2, CHUNK)),
    "copy of a type that is none": (3, command(0, CHUNK)),
    "copy with too many commands": (3, MANY),
    "copy that is a frame": (3, GOOD["patch"][1]),
    "patch that is no frame": (4, ALL),
    "patch in two frames": (4, GOOD["patch"][1] * 2),
    "patch with a larger window": (4, frame_of(patch(ALL, b"\0"))[:5] + b"\x59" + frame_of(patch(ALL, b"\0"))[6:]),
    "patch without streams": (4, frame_of(b"\x80")),
    "patch with a stream beyond its end": (4, frame_of(patch(ALL, b"\0", lengths=(1 << 62, 1, 0, 0)))),
    "patch with lengths that wrap": (4, frame_of(patch(ALL, b"\0", lengths=((1 << 64) - 1, len(ALL) + 2, 0, 0)))),
    "patch with gaps left": (4, frame_of(patch(ALL, b"\0\0"))),
    "patch with words left": (4, frame_of(patch(ALL, b"\0", bytes(4)))),
    "patch with literals left": (4, frame_of(patch(ALL, b"\0", b"", b"x"))),
    "patch without end of gaps": (4, frame_of(patch(ALL))),
    "patch with a word behind the chunk": (4, frame_of(patch(ALL, varint(CHUNK + 1) + b"\0", bytes(4)))),
    "patch with a word that is cut": (4, frame_of(patch(ALL, b"\1\0", bytes(3)))),
    "patch with too few literals": (4, frame_of(patch(command(2, CHUNK), literals=PLAIN[:-1]))),
    "patch that is a bomb": (4, frame_of(bytes(16 << 20))),
    "patch with a gap of all numbers": (4, frame_of(patch(ALL, varint((1 << 64) - 1) + b"\0", bytes(4)))),
}


# ---------------------------------------------------------------- chunks whose blocks are made again

TEXT = (b"a text of some length; " * 900)[:CHUNK + 500]
BLOCK = zlib.compress(TEXT, 9)
SOURCE = varint(CHUNK) + varint(len(BLOCK)) + varint(len(TEXT))    # in chunk 1 of the old image
ROOM = CHUNK - len(BLOCK)
PACKED = BLOCK + OLD[:ROOM]                     # chunk 1 of the new image, then
PACKED_OLD = OLD[:CHUNK] + BLOCK + OLD[CHUNK + len(BLOCK):]


def remade(sources=SOURCE, pieces=None, commands=None, gaps=b"\0\0", words=b"", literals=b"", lengths=None) -> bytes:
    """By default: the block of the seed, made again, and the begin of the seed as it is."""
    if pieces is None:
        pieces = block() + varint(ROOM << 2)
    if commands is None:
        commands = command(1, len(TEXT), len(OLD) - CHUNK) + command(1, ROOM, -len(OLD) - len(TEXT))
    streams = (sources, pieces, commands, gaps, words, literals)
    return frame_of(b"".join(map(varint, lengths or map(len, streams))) + b"".join(streams))


def block(text=len(TEXT), skip=0, take=len(BLOCK), how=9, size=15, kind=1) -> bytes:
    return varint(text << 2 | kind) + b"".join(map(varint, (skip, take, how, size)))


REST = varint(ROOM << 2)
BAD_REMADE = {
    "a source behind the seed": remade(varint(len(OLD)) + varint(1) + varint(1)),
    "a source at the end of all numbers": remade(varint((1 << 64) - 1) + varint(2) + varint(1)),
    "a source of nothing": remade(SOURCE + varint(0) * 3),
    "a source that is no block": remade(varint(5) + SOURCE[len(varint(CHUNK)):]),
    "a source of another length": remade(varint(CHUNK) + varint(len(BLOCK)) + varint(len(TEXT) - 1)),
    "a source that is a bomb": remade(varint(CHUNK) + varint(len(BLOCK)) + varint(1 << 40)),
    "half a source": remade(SOURCE[:-1]),
    "a text that is a bomb": remade(pieces=block(text=1 << 40) + REST),
    "a text of nothing": remade(pieces=block(text=0) + REST),
    "more than its block": remade(pieces=block(skip=1) + REST),
    "a skip that wraps": remade(pieces=block(skip=(1 << 64) - 1) + REST),
    "a block that takes all numbers": remade(pieces=block(take=(1 << 64) - 1) + REST),
    "a block over the end of the chunk": remade(pieces=block(take=CHUNK + 1) + REST),
    "parameters that are none": remade(pieces=block(how=0) + REST),
    "parameters above 32 bits": remade(pieces=block(how=1 << 32 | 9) + REST),
    "filled blocks of another compressor": remade(pieces=varint(len(TEXT) << 2 | 2) + varint(1) + varint(0) +
                                                  varint(CHUNK)),
    "a piece of a type that is none": remade(pieces=block(kind=3) + REST),
    "a chunk that is cut": remade(pieces=block()),
    "a chunk that is too long": remade(pieces=block() + varint(ROOM + 1 << 2)),
    "streams that wrap": remade(lengths=((1 << 64) - 1, 2, 0, 0, 0, 0)),
    "gaps left": remade(gaps=bytes(3)),
    "streams that are a bomb": frame_of(bytes(16 << 20)),
}


@pytest.fixture(name="seeded")
def make_seeded(target, keys, request):
    """A device that runs what holds OLD, in slot b; or what the test is given."""
    image = getattr(request, "param", OLD)
    old = Forge(keys, image, lines={"bundle version": "1.5", "bundle sequence": 15})
    target.installs(old.write(target.path / "old.keel"), image)
    edit(target, open="b", token=37, pref="b", b_tries=2)
    target.boot("b", token=37, status="trial")
    target("mark", "good")
    target.boot("b")
    target.remember()
    return target


def delta(target, chunk, plain=PLAIN):
    """Chunk 1 is this one, and stands for these bytes."""
    forge = Forge(target.keys, NEW)
    lines = {"encoding.1 kind": "seed", "encoding.1 forms": "raw,copy,patch",
             "encoding.1 seed": image_digest(OLD).hex()}
    return target.forge(NEW[:CHUNK] + plain + NEW[2 * CHUNK:],
                        [forge.chunks[0], (*chunk, plain), forge.chunks[2]], lines=lines)


@pytest.mark.parametrize("name", GOOD)
def test_t31_a_delta_that_keeps_the_rules_is_installed(seeded, name):
    result = seeded.go("install", delta(seeded, GOOD[name]), "--progress=none")
    assert result.code == 0, result.err
    assert seeded.slots["a"].read_bytes()[:len(NEW)] == NEW


@pytest.mark.parametrize("name", BAD)
def test_t31_a_delta_that_breaks_a_rule_is_refused_in_the_cage(seeded, name):
    seeded.refuses(delta(seeded, BAD[name]), VERIFY,
                   "BUNDLE: image root: chunk 1 cannot be decoded: the bundle is damaged")


@pytest.mark.parametrize("name", GOOD)
def test_t31_a_delta_to_other_bytes_than_were_signed_writes_nothing(seeded, name):
    seeded.refuses(delta(seeded, GOOD[name], bytes(range(256)) * (CHUNK // 256)), INCOMPATIBLE,
                   "BUNDLE: image root: chunk 1 is not what was signed: the slot that holds the version before has "
                   "changed, or the bundle is damaged; use a full bundle")


@pytest.fixture
def compressors(monkeypatch):
    """The programs of `make RECOMPRESS=yes`."""
    monkeypatch.setattr(hostile, "KEELBOOT", str(hostile.TOP / "build/recompress/keelboot"))
    monkeypatch.setattr(hostile, "HELPER", str(hostile.TOP / "build/recompress/keelboot-helper"))


def remade_bundle(target, stored, name=remake.NAMES[6], plain=PACKED):
    """Chunk 1 is of form 6."""
    new = OLD[:CHUNK] + plain + OLD[:4096]
    forge = Forge(target.keys, new)
    lines = {"encoding.1 kind": "seed", "encoding.1 forms": f"raw,{name}",
             "encoding.1 seed": image_digest(PACKED_OLD).hex()}
    return target.forge(new, [forge.chunks[0], (6, stored, plain), forge.chunks[2]], lines=lines)


@pytest.mark.parametrize("seeded", [PACKED_OLD], indirect=True, ids=["packed"])
def test_t31_a_block_that_is_made_again_is_installed(compressors, seeded):
    result = seeded.go("install", remade_bundle(seeded, remade()), "--progress=none")
    assert result.code == 0, result.err
    assert seeded.slots["a"].read_bytes().startswith(OLD[:CHUNK] + PACKED)


@pytest.mark.parametrize("seeded", [PACKED_OLD], indirect=True, ids=["packed"])
@pytest.mark.parametrize("name", BAD_REMADE)
def test_t31_a_remade_chunk_that_breaks_a_rule_is_refused_in_the_cage(compressors, seeded, name):
    seeded.refuses(remade_bundle(seeded, BAD_REMADE[name]), INCOMPATIBLE,
                   "BUNDLE: image root: chunk 1 is not what was signed: the slot that holds the version before has "
                   "changed, or the bundle is damaged; use a full bundle")


@pytest.mark.parametrize("seeded", [PACKED_OLD], indirect=True, ids=["packed"])
def test_t31_a_remade_chunk_to_other_bytes_than_were_signed_writes_nothing(compressors, seeded):
    seeded.refuses(remade_bundle(seeded, remade(), plain=PACKED[::-1]), INCOMPATIBLE,
                   "BUNDLE: image root: chunk 1 is not what was signed: the slot that holds the version before has "
                   "changed, or the bundle is damaged; use a full bundle")


@pytest.mark.parametrize("seeded", [PACKED_OLD], indirect=True, ids=["packed"])
@pytest.mark.parametrize("name, says", [
    (remake.NAMES[6] + ".1", "for compressors that this Keelboot lacks, or has in another version; use a full bundle"),
    ("fold", "in a way that needs a newer Keelboot; update Keelboot first")])
def test_a_form_that_is_not_known_is_named_by_what_it_takes(compressors, seeded, name, says):
    seeded.refuses(remade_bundle(seeded, remade(), name), INCOMPATIBLE, f"BUNDLE: image root is stored {says}")


@pytest.mark.parametrize("seeded", [PACKED_OLD], indirect=True, ids=["packed"])
def test_a_remade_chunk_is_not_for_those_without_compressors(seeded):
    seeded.refuses(remade_bundle(seeded, remade()), INCOMPATIBLE,
                   "BUNDLE: image root is stored for compressors that this Keelboot lacks, or has in another version; "
                   "use a full bundle")
