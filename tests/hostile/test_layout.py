# SPDX-License-Identifier: Apache-2.0
"""Numbers that lie: lengths, offsets, counts. All of these bundles are signed by a key that the device trusts, so that
nothing but the parsers stands between them and the slot."""
import json
import struct

import keelreader
import pytest

from hostile import (CHUNK, DAMAGED, FAILED, GIB, INCOMPATIBLE, KEELBOOT, MIB, OK, VERIFY, Forge, flipped, is_damaged,
                     start)
from hostile import varint

WRONG = "BUNDLE: its header is whole, but breaks the format: the bundle was made wrongly; make it again"
LENGTHS = ("BUNDLE: its header and its manifest contradict each other about the length: the bundle was made wrongly; "
           "make it again")


# ---------------------------------------------------------------- threat 4


@pytest.mark.parametrize("bend, says", [
    # Bytes of payload or of tables that no encoding, no image names.
    ({"lines": {"encoding.1 payload-length": 1}}, LENGTHS),
    ({"lines": {"encoding.1 payload-offset": 1}}, "manifest line 25: [encoding.1] payload: not where it belongs"),
    ({"lines": {"encoding.1 table-offset": 0}}, "manifest line 25: [encoding.1] table: not where it belongs"),
    ({"lines": {"image.root hashes-offset": 32}}, "manifest line 25: [image.root] hashes: not where they belong"),
    # A hash, a list, a digest that is not there.
    ({"lines": {"image.root hashes-digest": None}}, "manifest line 14: [image.root]: no hashes-digest"),
    ({"lines": {"image.root digest": None}}, "manifest line 14: [image.root]: no digest"),
    ({"lines": {"image.root hashes-length": None}}, "manifest line 14: [image.root]: no hashes-length"),
    ({"lines": {"encoding.1 table-digest": None}}, "manifest line 24: [encoding.1]: no table-digest"),
    ({"lines": {"image.root hashes-length": 64}},
     "manifest line 15: [image.root] hashes-length: does not fit the number of chunks"),
    ({"lines": {"image.root size": 8 * CHUNK}},
     "manifest line 15: [image.root] hashes-length: does not fit the number of chunks"),
    # An image that nothing brings; an encoding of none.
    ({"lines": {"encoding.1 image": "boot"}}, "manifest line 16: [encoding.1] image: no such image"),
    ({"more": b"[script.pre]\nrun=/bin/sh\n"}, "manifest line 25: [script.pre]: unknown section"),
    ({"lines": {"bundle hook": "/bin/sh"}}, "manifest line 8: [bundle] hook: unknown key"),
])
def test_t04_what_is_not_listed_or_has_no_hash(target, image, bend, says):
    target.refuses(target.forge(image, **bend), VERIFY, says if says.startswith("BUNDLE") else f"BUNDLE: {says}")


@pytest.mark.parametrize("extra", [b"x", bytes(4096)])
def test_t04_stored_bytes_without_a_record(target, keys, image, extra):
    """The payload is longer than what its records store, and everything above agrees about that."""
    forge = Forge(keys, image)
    page = struct.pack("<IIQ", 0, 3, 0) + b"".join(b"\x01" + varint(len(s)) + b"\0" for _, s, _ in forge.chunks)
    last = forge.chunks[-1]
    bad = target.forge(image, [*forge.chunks[:-1], (last[0], last[1] + extra, last[2])], records=page)
    target.refuses(bad, VERIFY, "BUNDLE: image root: there are more stored bytes or records than chunks",
                   verbs=("install",))


NEWER = "image root is stored in a way that needs a newer Keelboot; update Keelboot first"


@pytest.mark.parametrize("line", ["kind=hologram", "kind=hologram\nkey-1=light", "forms=light", "forms=zero,raw,light"])
def test_t04_payload_that_this_reader_cannot_read(target, keys, image, line, cases):
    """It is the image that asks for a newer program, not the state; and that is said before a byte is written."""
    key, _, value = line.partition("=")
    bundle = Forge(keys, image, lines={f"encoding.1 {key}": value}).write(target.path / "newer.keel")
    target.refuses(bundle, INCOMPATIBLE, f"BUNDLE: {NEWER}")
    for verb in "install", "stage":
        result = target.go(verb, bundle, "--progress=json")
        assert (result.code, json.loads(result.out)["error"]) == (INCOMPATIBLE, NEWER)
    assert not list(target.data.iterdir()), "the bundle was copied before it was looked at"
    key = ["--key", keys.public("signer")]
    for verb in ["verify"], ["extract", "-o", target.path / "out"]:
        assert start([KEELBOOT, "bundle", *verb, bundle, *key]).ends(INCOMPATIBLE, f"{bundle}: {NEWER}").out == b""
    assert not (target.path / "out").exists()
    target.apply_refuses(bundle, f"version 2.0: not installed: {NEWER}", FAILED)
    cases(7)


# ---------------------------------------------------------------- threat 29

LAST_NUMBER = 2 ** 63 - 1
HUGE = (2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 63 - 1, 2 ** 63, 2 ** 64 - 1)


@pytest.mark.parametrize("field", ["total_len", "manifest_off", "tables_off", "tables_len", "payload_off",
                                   "payload_len"])
def test_t29_numbers_of_the_header(target, image, field, cases):
    """One of them alone never fits the others: they have to lie one behind the other."""
    values = (0, 1, 511, *HUGE)
    for value in values:
        target.refuses(target.forge(image, header={field: value}), VERIFY, WRONG, verbs=("install",))
    cases(len(values))


@pytest.mark.parametrize("header, says", [
    ({"manifest_len": 0}, WRONG), ({"manifest_len": 65537}, WRONG), ({"manifest_len": 2 ** 32 - 1}, WRONG),
    ({"sig_cap": 131073}, WRONG), ({"sig_cap": 2 ** 32 - 1}, WRONG), ({"header_len": 0}, WRONG),
    ({"header_len": 1024}, WRONG), ({"format": 0}, WRONG), ({"min_reader": 0}, WRONG),
    ({"magic": b"KEELSTAT"}, "BUNDLE: not a bundle, or its header is damaged; copy it again"),
    # All parts fit, together, at the end of what a number holds.
    ({"payload_len": 2 ** 63 - 1 - 4096, "total_len": "fits"}, "truncated"),
    ({"payload_len": 2 ** 64 - 1, "total_len": "fits"}, WRONG),
    ({"payload_len": 2 ** 63, "total_len": "fits"}, WRONG),
])
def test_t29_header_fields_alone_and_together(target, keys, image, header, says):
    forge = Forge(keys, image)
    head = keelreader.Header(forge.data()[:512])
    if header.get("total_len") == "fits":
        header = {**header, "total_len": head.payload_off + header["payload_len"] & 2 ** 64 - 1}
    bad = target.forge(image, header=header)
    if says == "truncated":
        says = (f"BUNDLE: truncated: {bad.stat().st_size} bytes present, {header['total_len']} expected; "
                "copy it again")
    target.refuses(bad, VERIFY, says, verbs=("install",))


CHUNKS = "manifest line 15: [image.root] hashes-length: does not fit the number of chunks"
# key: its line, the least and the most that it may be, and what is said of what it may be and does not fit.
NUMBERS = {
    "image.root size": (9, 4096, LAST_NUMBER, CHUNKS),
    "image.root chunk-size": (10, 4096, MIB, None),
    "image.root hashes-offset": (12, 0, LAST_NUMBER, "manifest line 25: [image.root] hashes: not where they belong"),
    "image.root hashes-length": (13, 1, LAST_NUMBER, CHUNKS),
    "encoding.1 table-offset": (19, 0, LAST_NUMBER, "manifest line 25: [encoding.1] table: not where it belongs"),
    "encoding.1 table-length": (20, 0, LAST_NUMBER, LENGTHS[8:]),
    "encoding.1 payload-offset": (22, 0, LAST_NUMBER, "manifest line 25: [encoding.1] payload: not where it belongs"),
    "encoding.1 payload-length": (23, 0, LAST_NUMBER, LENGTHS[8:]),
}


def said_of(key: str, value: str) -> str:
    """What is wrong with it, by docs/FORMAT.md."""
    section, name = key.split()
    line, least, most, misfit = NUMBERS[key]
    wrong = ("not a decimal number without leading zeros" if value[0] == "0" and len(value) > 1 else
             "not a decimal number" if not value.isdigit() else
             "too small" if int(value) < least else "too large" if int(value) > most else
             "not a multiple of 4096" if name == "size" and int(value) % 4096 else "")
    return f"manifest line {line}: [{section}] {name}: {wrong}" if wrong else misfit


def test_t29_numbers_of_the_manifest(target, image, cases):
    """Every number of it, at every edge: refused by the parser, or because it does not fit what is there."""
    tried = 0
    for key in NUMBERS:
        for value in ("0", "1", *map(str, HUGE), str(2 ** 64), str(2 ** 64 + 1), "-1", "+1", "0x10", "00", "1e9", "1 0",
                      "9" * 100):
            if (key, value) in (("image.root hashes-offset", "0"), ("encoding.1 payload-offset", "0")):
                continue            # what stands there anyway
            bad = target.forge(image, lines={key: value})
            target.refuses(bad, VERIFY, f"BUNDLE: {said_of(key, value)}", verbs=("install",))
            tried += 1
    cases(tried)


@pytest.mark.parametrize("value, says", [
    ("0", "too small"), ("-1", "not a decimal number"), ("9223372036854775808", "too large"),
    ("18446744073709551617", "too large"), ("01", "not a decimal number without leading zeros"),
])
def test_t29_sequence(target, image, value, says):
    target.refuses(target.forge(image, lines={"bundle sequence": value}), VERIFY,
                   f"BUNDLE: manifest line 5: [bundle] sequence: {says}")


FULL, LAST = b"\x01" + varint(CHUNK) + b"\0", b"\x01" + varint(4096) + b"\0"


def page(first=0, count=3, offset=0, records=(FULL, FULL, LAST), rest=b"") -> bytes:
    return struct.pack("<IIQ", first, count, offset) + b"".join(records) + rest


# Of chunk 1, which has CHUNK bytes.
INVALID = [
    *(b"\x01" + varint(stored) + b"\0" for stored in (CHUNK - 1, 2 ** 32 - 1, 2 ** 32 + CHUNK)),
    b"\x01" + b"\x80" * 9 + b"\x01\0", b"\x01\x80\x80\x81\x00\0", b"\x01" + varint(CHUNK) + b"\x01x",
    b"\x01" + varint(CHUNK) + varint(2 ** 32 - 1), b"\x00" + varint(CHUNK) + b"\0", b"\x02" + varint(0) + b"\0",
    b"\x02" + varint(CHUNK + 4097) + b"\0", *(form + varint(CHUNK) + b"\0" for form in (b"\x03", b"\x05", b"\xff"))]


@pytest.mark.parametrize("records, says", [
    *((page(**{field: value}), "a page of records is out of place") for field, values in (
        ("first", (1, 2 ** 32 - 1)), ("count", (0, 4, 2 ** 32 - 1)), ("offset", (1, 2 ** 64 - 1))) for value in values),
    (page(count=2), "bytes follow the records of a page"), (page(rest=b"\0"), "bytes follow the records of a page"),
    (page(records=[FULL, FULL]), "the record of chunk 2 is invalid"),
    (page(records=[]), "its table of records has a wrong length"),
    *((page(records=[FULL, record, LAST]), "the record of chunk 1 is invalid") for record in INVALID),
    (page(records=[b"\x00\x00\x00", FULL, LAST]), "there are more stored bytes or records than chunks"),
])
def test_t29_records(target, image, records, says):
    """`install` finds them all before it writes, verified first or not."""
    bad = target.forge(image[:2 * CHUNK + 4096], records=records)
    for first in "yes", "no":
        target.configure(f"[install]\nverify-first={first}\n")
        target.refuses(bad, VERIFY, f"BUNDLE: image root: {says}", verbs=("install",))


def test_t29_zero_chunk_that_is_none(target, keys, image):
    """A record says zeroes, and the signed hash says something else."""
    forge = Forge(keys, image)
    bad = target.forge(image, [forge.chunks[0], (0, b"", forge.chunks[1][2]), *forge.chunks[2:]])
    target.gives_up(bad, is_damaged(1))
    target.only_signed(image)


def test_t29_larger_than_the_slot(target, image):
    """The numbers are right, and there is no room: nothing is written."""
    big = image * 8
    says = (f"image root: {len(big)} bytes, but {target.slots['b']} has only 262144: made for larger slots; use a "
            "bundle for this device")
    target.refuses(target.forge(big), INCOMPATIBLE, f"BUNDLE: {says}", verbs=("install",))


# ---------------------------------------------------------------- threat 7


def end_of(path, size: int, text: bytes) -> None:
    """A sparse file of that size with a text in its last block."""
    with open(path, "wb") as out:
        out.truncate(size)
        out.seek(size - 4096)
        out.write(text)


@pytest.mark.parametrize("size", [2 * GIB - 4096, 2 * GIB, 2 * GIB + 4096, 4 * GIB - 4096, 4 * GIB, 4 * GIB + 4096])
def test_t07_images_around_the_ends_of_32_bits(tmp_path, keys, size, cases):
    """What stands in the last block, beyond 2^31 or 2^32, is covered, and lands there."""
    end_of(tmp_path / "root.img", size, b"the end")
    keys.create(tmp_path / "x.keel", tmp_path / "root.img", "--chunk-size", "1M", "--compress", "none")
    data = (tmp_path / "x.keel").read_bytes()
    key = ["--key", keys.public("signer")]
    extract = [KEELBOOT, "bundle", "extract", "-o", tmp_path / "out", *key]
    assert start([*extract, tmp_path / "x.keel"]).code == OK
    with open(tmp_path / "out", "rb") as out:
        assert out.seek(0, 2) == size
        out.seek(size - 4096)
        assert out.read().rstrip(b"\0") == b"the end"
    (tmp_path / "bad.keel").write_bytes(flipped(data, data.rindex(b"the end") + 3))
    first = keelreader.Header(data[:512]).payload_off       # of the only chunk that is not zero
    start([KEELBOOT, "bundle", "verify", tmp_path / "bad.keel", *key]).ends(
        VERIFY, f"{tmp_path}/bad.keel: image root, chunk {(size - 1) // MIB} (byte {first} of the file): content "
        "differs from its signed hash; copy it again")
    cases(2)


@pytest.mark.parametrize("far", [2 * GIB - 1, 2 * GIB + 1, 4 * GIB - 1, 4 * GIB, 4 * GIB + 1])
def test_t07_payload_behind_the_ends_of_32_bits(target, keys, image, far, cases):
    """An encoding that this reader cannot use takes up `far` bytes, sparse; the chunks lie behind them. In front of
    them, where a truncated offset would look, lie others."""
    forge = Forge(keys, image)
    plain = b"".join(stored for _, stored, _ in forge.chunks)
    hashes, records = forge.hash_table(), forge.record_table()
    strange = ("[encoding.1]\nimage=root\nkind=hologram\nforms=light\n"
               f"table-offset={len(hashes)}\ntable-length=0\ntable-digest={'0' * 64}\n"
               f"payload-offset=0\npayload-length={far}\npayload-digest={'0' * 64}\n")
    text = forge.manifest(hashes, records, plain).decode().replace("[encoding.1]", strange + "[encoding.2]")
    text = text.replace(f"payload-offset=0\npayload-length={len(plain)}\n",
                        f"payload-offset={far}\npayload-length={len(plain)}\n")
    forge = Forge(keys, image, manifest=text.encode())
    payload_off = 1024 + len(text) + len(hashes) + len(records)
    forge.how["header"] = {"payload_len": far + len(plain), "total_len": payload_off + far + len(plain)}
    data = forge.data()
    bundle, last = target.path / "far.keel", payload_off + far + len(plain)
    with open(bundle, "wb") as out:
        out.write(data[:payload_off] + b"\xee" * len(plain))
        out.seek(payload_off + far)
        out.write(plain)
    assert bundle.stat().st_size == last
    with open(bundle, "r+b") as out:
        out.seek(last - 1)
        out.write(bytes([plain[-1] ^ 1]))
        out.flush()
        target.refuses(bundle, VERIFY, f"BUNDLE: {DAMAGED}", verbs=("install",))
        out.truncate(last - 1)
        target.refuses(bundle, VERIFY, f"BUNDLE: truncated: {last - 1} bytes present, {last} expected; copy it "
                       "again", verbs=("install",))
        out.seek(last - 1)
        out.write(plain[-1:])
    target.installs(bundle, image)
    cases(3)


# ---------------------------------------------------------------- threat 30


def test_t30_manifest_of_the_largest_size_and_beyond(target, keys, image, cases):
    """64 KiB are read; one byte more is not even looked at."""
    forge = Forge(keys, image)
    hashes, records = forge.hash_table(), forge.record_table()
    text = forge.manifest(hashes, records, b"".join(stored for _, stored, _ in forge.chunks))
    room = 65536 - len(text)
    filler = b"x-filler=" + b"f" * 180 + b"\n"
    full = filler * (room // len(filler) - 1)
    rest = room - len(full)
    full += b"x-f=" + b"f" * (rest // 2 - 5) + b"\n"
    full += b"x-f=" + b"f" * (room - len(full) - 5) + b"\n"
    largest = Forge(keys, image, manifest=text + full)
    assert len(text + full) == 65536
    more = Forge(keys, image, manifest=text + full[:-1] + b"f\n")
    target.refuses(more.write(target.path / "more.keel"), VERIFY, WRONG)
    target.installs(largest.write(target.path / "largest.keel"), image)
    cases(2)


@pytest.mark.parametrize("more, line, says", [
    (b"x-a=" + b"a" * 186 + b"\n", 25, "longer than 189 characters"),
    (b"x-a=a", 25, "does not end with a line feed"),
    (b"x-a=\0\n", 25, "a character that is not printable ASCII, or ';'"),
    (b"\n" * 60000 + b"[", 60025, "does not end with a line feed"),
    (b"".join(b"[image.i%d]\n" % i for i in range(9)), 25,
     "[image.i0]: images come after [bundle] and before encodings"),
    (b"".join(b"[encoding.%d]\n" % i for i in range(2, 90)), 26, "[encoding.2]: no image"),
])
def test_t30_manifest_that_is_made_to_exhaust(target, image, more, line, says):
    target.refuses(target.forge(image, more=more), VERIFY, f"BUNDLE: manifest line {line}: {says}")
