#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A second reader of bundles, made from docs/FORMAT.md alone: it shares no code with Keelboot.

Standard library, plus the `openssl` command (signatures) and libzstd (chunks).

Example: keelreader.py acme-2.1.keel --key release.pem --extract root=rootfs.ext4
(--seed OLD.ext4, which may be repeated: an image that encodings may be made from)
prints what is in the bundle as JSON, having checked all of it; exit code 1 and a line when it is
refused.
"""

import argparse
import base64
import ctypes
import hashlib
import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import remake

KIB = 1024
PAGE = 64 * KIB
DOMAIN = b"keelboot bundle v1\0"
FORMS = ["zero", "raw", "zstd", "copy", "patch", "zstd-next", *remake.NAMES.values()]
SEEDED = {"copy", "patch", *remake.NAMES.values()}
INT64_MAX = (1 << 63) - 1


class Refused(Exception):
    """The bundle is not one, or not what was signed."""


class Newer(Refused):
    """The bundle is for a newer reader."""


def must(condition: bool, why: str) -> None:
    if not condition:
        raise Refused(why)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# ---------------------------------------------------------------- section 2: header

class Header:
    def __init__(self, raw: bytes):
        must(len(raw) == 512 and raw[:8] == b"KEELBNDL", "no bundle")
        must(struct.unpack_from("<I", raw, 508)[0] == crc32c(raw[:508]), "header damaged")
        (version, min_reader, header_len, _compat, incompat, self.total_len, self.sig_cap,
         self.manifest_len, self.manifest_off, self.tables_off, self.tables_len, self.payload_off,
         self.payload_len, self.manifest_digest) = struct.unpack_from("<HHIQQQIIQQQQQ32s", raw, 8)
        if min_reader > 1 or incompat:
            raise Newer("made for a newer reader")
        must(version >= 1 and min_reader == 1 and header_len == 512, "header: version")
        must(not any(raw[120:508]), "header: reserved bytes")
        must(self.sig_cap <= 128 * KIB and 1 <= self.manifest_len <= 64 * KIB, "header: limits")
        must(self.manifest_off == 512 + self.sig_cap, "header: manifest_off")
        must(self.tables_off == self.manifest_off + self.manifest_len, "header: tables_off")
        must(self.payload_off == self.tables_off + self.tables_len, "header: payload_off")
        must(self.total_len == self.payload_off + self.payload_len <= INT64_MAX, "header: total_len")


# ---------------------------------------------------------------- section 3: signatures

def signatures(area: bytes):
    """(algorithm, key id, signature) of each entry with tag 1."""
    at, count, found = 0, 0, []
    while len(area) - at >= 4:
        tag, length = struct.unpack_from("<HH", area, at)
        if tag == 0:
            break
        count += 1
        must(count <= 64, "more than 64 signature entries")
        value = area[at + 4:at + 4 + length]
        must(len(value) == length, "a signature entry runs over the end")
        if tag == 1:
            must(length > 18 and value[1] == 0, "a signature entry is malformed")
            found.append((value[0], value[2:18], value[18:]))
        at += 4 + length
    must(not any(area[at:]), "bytes behind the last signature")
    return found


FIELD = 2**255 - 19
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER = {0, 1, ORDER_8, FIELD - ORDER_8, FIELD - 1, FIELD, FIELD + 1}


class PublicKey:
    PREFIXES = {  # SubjectPublicKeyInfo: what stands before the key itself
        1: bytes.fromhex("302a300506032b6570032100"),
        2: bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"),
    }

    def __init__(self, path: Path):
        self.path = path
        text = path.read_text(encoding="ascii")
        match = re.search("-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", text, re.S)
        must(match is not None, f"{path}: no public key")
        must(text.count("-----BEGIN") == text.count("-----END") == 1, f"{path}: more than one key")
        der = base64.b64decode(match.group(1))
        algorithms = [a for a, prefix in self.PREFIXES.items() if der.startswith(prefix)]
        must(len(algorithms) == 1, f"{path}: neither Ed25519 nor P-256")
        self.algorithm = algorithms[0]
        must(self.algorithm != 1 or int.from_bytes(der[-32:], "little") % 2**255 not in SMALL_ORDER,
             f"{path}: a point of small order")
        self.id = sha256(der)[:16]

    def fits(self, signature: bytes) -> bool:
        return len(signature) == 64 if self.algorithm == 1 else len(signature) <= 80

    def verify(self, message: bytes, signature: bytes) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            text, sig = Path(folder, "message"), Path(folder, "signature")
            text.write_bytes(message)
            sig.write_bytes(signature)
            if self.algorithm == 1:
                command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", self.path,
                           "-rawin", "-in", text, "-sigfile", sig]
            else:
                command = ["openssl", "dgst", "-sha256", "-verify", self.path, "-signature", sig, text]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0


def check_signature(header: bytes, area: bytes, keys: list) -> str:
    """The name of the file of the key that signed."""
    tried = {}
    for algorithm, key_id, signature in signatures(area):
        for key in keys:
            if (key.id, key.algorithm) != (key_id, algorithm) or not key.fits(signature):
                continue
            tried[key_id] = tried.get(key_id, 0) + 1
            if tried[key_id] <= 2 and key.verify(DOMAIN + header, signature):
                return key.path.name
    raise Refused("not signed by a trusted key")


# ---------------------------------------------------------------- section 4: manifest

def number(text: str, least: int, most: int = INT64_MAX) -> int:
    must(re.fullmatch("0|[1-9][0-9]*", text) is not None, f"no number: {text}")
    must(least <= int(text) <= most, f"out of range: {text}")
    return int(text)


def digest(text: str) -> bytes:
    must(re.fullmatch("[0-9a-fA-F]{64}", text) is not None, f"no digest: {text}")
    return bytes.fromhex(text)


def pattern(regex: str):
    def check(text: str) -> str:
        must(re.fullmatch(regex, text) is not None, f"not allowed: {text}")
        return text
    return check


def names(text: str) -> list:
    found = text.split(",")
    must("" not in found and len(found) == len(set(found)), f"names: {text}")
    return found


def devices(text: str) -> list:
    found = names(text)
    must(len(found) <= 8, "more than 8 names")
    for name in found:
        pattern("[A-Za-z0-9._+-]{1,48}")(name)
    return found


def chunk_size(text: str) -> int:
    size = number(text, 16 * KIB, 1024 * KIB)
    must(size & size - 1 == 0, "chunk-size: no power of two")
    return size


def block_size(text: str) -> int:
    size = number(text, 512, 4096)
    must(size & size - 1 == 0, "verity: no power of two")
    return size


def image_size(text: str) -> int:
    size = number(text, 4096)
    must(size % 4096 == 0, "size: no multiple of 4096")
    return size


def hexadecimal(text: str) -> bytes:
    must(re.fullmatch("([0-9a-fA-F]{2}){1,64}", text) is not None, f"not hexadecimal: {text}")
    return bytes.fromhex(text)


def major_minor(text: str) -> str:
    major, dot, minor = text.partition(".")
    must(dot == ".", f"not MAJOR.MINOR: {text}")
    if number(major, 1) > 1:
        raise Newer("the manifest is for a newer reader")
    number(minor, 0)
    return text


def time(text: str) -> str:
    match = re.fullmatch("[0-9]{4}-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z", text)
    must(match is not None, f"no time: {text}")
    month, day, hour, minute, second = map(int, match.groups())
    must(1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 60, f"no time: {text}")
    return text


def tree_length(values: dict) -> int:
    """Bytes of a dm-verity tree."""
    blocks, length = values["verity-tree-offset"] // values["verity-data-block"], 0
    while blocks > 1:
        blocks = -(-blocks * len(values["verity-root-hash"]) // values["verity-hash-block"])
        length += blocks * values["verity-hash-block"]
    return length


OFFSET = LENGTH = lambda text: number(text, 0)
KEYS = {  # section: key: (required, reader of its value)
    "bundle": {
        "format": (True, major_minor), "compatible": (True, devices),
        "processor": (False, devices),
        "version": (True, pattern("[A-Za-z0-9._~^+-]{1,48}")),
        "sequence": (True, lambda text: number(text, 1)), "floor": (True, OFFSET),
        "allow-downgrade": (True, pattern("yes|no")), "build": (False, pattern(".{1,48}")),
        "created": (False, time),
        "description": (False, pattern(".{1,160}"))},
    "image": {
        "size": (True, image_size), "chunk-size": (True, chunk_size),
        "filesystem": (False, pattern("[A-Za-z0-9._-]{1,48}")), "digest": (True, digest),
        "hashes-offset": (True, OFFSET), "hashes-length": (True, LENGTH),
        "hashes-digest": (True, digest), "verity-root-hash": (False, hexadecimal),
        "verity-algorithm": (False, pattern("sha256|sha512")),
        "verity-data-block": (False, block_size), "verity-hash-block": (False, block_size),
        "verity-salt": (False, hexadecimal), "verity-tree-offset": (False, OFFSET)},
    "encoding": {
        "image": (True, str), "kind": (True, str), "forms": (True, names),
        "seed": (False, digest), "seed-version": (False, pattern("[A-Za-z0-9._~^+-]{1,48}")),
        "table-offset": (True, OFFSET), "table-length": (True, LENGTH), "table-digest": (True, digest),
        "payload-offset": (True, OFFSET), "payload-length": (True, LENGTH), "payload-digest": (True, digest)},
}


class Manifest:
    def __init__(self, data: bytes):
        self.bundle, self.images, self.encodings = {}, {}, []
        must(re.fullmatch(rb"([ -:<-~]{0,189}\n)*", data) is not None, "manifest: characters")
        section = None
        for line in data.decode("ascii").splitlines():
            if line.startswith("["):
                section = self.start(line)
            elif line:
                self.key(section, line)
        must(self.images != {}, "no image")
        for kind, values in self.sections():
            self.finish(kind, values)
        self.check()

    def sections(self):
        yield "bundle", self.bundle
        yield from (("image", values) for values in self.images.values())
        yield from (("encoding", values) for values in self.encodings)

    def start(self, line: str):
        if line == "[bundle]":
            must(self.bundle == {}, "[bundle] twice")
            return "bundle", self.bundle
        match = re.fullmatch(r"\[image[.]([a-z0-9_][a-z0-9_-]{0,30})\]", line)
        if match:
            must(self.bundle != {} and not self.encodings, "images: wrong place")
            must(match.group(1) not in self.images and len(self.images) < 4, "images")
            return "image", self.images.setdefault(match.group(1), {})
        must(line == f"[encoding.{len(self.encodings) + 1}]", f"unknown section {line}")
        must(self.images != {} and len(self.encodings) < 16, "encodings: wrong place")
        self.encodings.append({"unknown": False})
        return "encoding", self.encodings[-1]

    @staticmethod
    def key(section, line: str) -> None:
        match = re.fullmatch(r"([a-z][a-z0-9-]*)=([^ ].*[^ ]|[^ ])", line)
        must(match is not None and section is not None, f"neither section nor key: {line}")
        key, value = match.groups()
        kind, values = section
        if key.startswith("x-"):
            return
        if key not in KEYS[kind]:
            must(kind == "encoding", f"unknown key {key}")
            values["unknown"] = True
            return
        must(key not in values, f"{key} twice")
        must(kind != "bundle" or values or key == "format", "[bundle] must begin with format")
        values[key] = KEYS[kind][key][1](value)

    @staticmethod
    def finish(kind: str, values: dict) -> None:
        for key, (required, _) in KEYS[kind].items():
            must(not required or key in values, f"no {key}")
        if kind == "encoding":
            values["usable"] = values["kind"] in ("full", "seed") and set(values["forms"]) <= set(FORMS)
            if values["usable"]:
                must(not values["unknown"], "unknown key in an encoding")
                must(("seed" in values) == (values["kind"] == "seed"), "seed")
                must("seed-version" not in values or values["kind"] == "seed", "seed-version")
                must(values["kind"] == "seed" or not SEEDED & set(values["forms"]), "forms that need a seed")
        verity = {key for key in values if key.startswith("verity-")} - {"verity-salt"}
        must(len(verity) in (0, 5) and (verity or "verity-salt" not in values), "verity-")
        if verity:
            want = 32 if values["verity-algorithm"] == "sha256" else 64
            must(len(values["verity-root-hash"]) == want, "verity-root-hash")
            tree = values["verity-tree-offset"]
            must(0 < tree < values["size"] and tree % values["verity-hash-block"] == 0 and
                 tree % values["verity-data-block"] == 0 and
                 tree + tree_length(values) <= values["size"], "verity-tree-offset")

    def check(self) -> None:
        must(self.bundle["floor"] <= self.bundle["sequence"], "floor above sequence")
        places = list(self.images)
        for encoding in self.encodings:
            must(encoding["image"] in places, "encoding of no image")
        order = [places.index(encoding["image"]) for encoding in self.encodings]
        must(order == sorted(order), "encodings: order")
        must(set(order) == set(range(len(places))), "an image without encoding")
        self.tables_len = self.payload_len = 0
        for name, image in self.images.items():
            chunks = -(-image["size"] // image["chunk-size"])
            must(chunks <= 1 << 22, "too many chunks")
            must(image["hashes-length"] == 32 * (chunks + -(-chunks // 2048)), "hashes-length")
            self.advance("tables_len", image["hashes-offset"], image["hashes-length"])
            for encoding in self.encodings:
                if encoding["image"] == name:
                    self.advance("tables_len", encoding["table-offset"], encoding["table-length"])
        for encoding in self.encodings:
            self.advance("payload_len", encoding["payload-offset"], encoding["payload-length"])

    def advance(self, what: str, offset: int, length: int) -> None:
        must(offset == getattr(self, what), f"{what}: a gap or an overlap")
        setattr(self, what, offset + length)

    def release_id(self) -> bytes:
        def n(value: int) -> bytes:
            return struct.pack("<Q", value)

        def s(text: str) -> bytes:
            return n(len(text)) + text.encode("ascii")

        out = b"keelboot release v1\0" + n(len(self.bundle["compatible"]))
        out += b"".join(map(s, self.bundle["compatible"]))
        out += s(self.bundle["version"]) + n(self.bundle["sequence"]) + n(len(self.images))
        for name, image in self.images.items():
            out += s(name) + n(image["size"]) + n(image["chunk-size"]) + image["hashes-digest"]
        return sha256(out)


# ---------------------------------------------------------------- section 5: tables

def hash_table(tables: bytes, image: dict) -> list:
    """The SHA-256 of each chunk."""
    table = tables[image["hashes-offset"]:][:image["hashes-length"]]
    chunks = -(-image["size"] // image["chunk-size"])
    pages = -(-chunks // 2048)
    must(sha256(table[:32 * pages]) == image["hashes-digest"], "list of hash pages damaged")
    found = []
    for i in range(pages):
        page = table[32 * pages + i * PAGE:][:PAGE]
        must(sha256(page) == table[32 * i:32 * i + 32], "a page of hashes damaged")
        found += [page[at:at + 32] for at in range(0, len(page), 32)]
    return found


def varint(page: bytes, at: int):
    value = shift = 0
    while True:
        must(at < len(page) and shift < 35, "varint runs over")
        byte = page[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            break
    must((byte != 0 or shift == 7) and value < 1 << 32, "varint not canonical")
    return value, at


def record_table(tables: bytes, encoding: dict) -> list:
    """(form, stored length) of each chunk."""
    table = tables[encoding["table-offset"]:][:encoding["table-length"]]
    pages = -(-len(table) // (PAGE + 32))
    must(0 < 32 * pages <= PAGE, "table of records: length")
    must(sha256(table[:32 * pages]) == encoding["table-digest"], "list of record pages damaged")
    found, payload = [], 0
    for i in range(pages):
        page = table[32 * pages + i * PAGE:][:PAGE]
        must(sha256(page) == table[32 * i:32 * i + 32], "a page of records damaged")
        must(len(page) > 16, "a page of records without records")
        first, count, offset = struct.unpack_from("<IIQ", page)
        must(first == len(found) and count > 0 and offset == payload, "page out of place")
        at = 16
        for _ in range(count):
            must(at < len(page), "records run over")
            form = page[at]
            stored, at = varint(page, at + 1)
            params, at = varint(page, at)
            must(form < len(FORMS) and FORMS[form] in encoding["forms"], "unknown form")
            must(params == 0, "parameters")
            found.append((FORMS[form], stored))
            payload += stored
        must(at == len(page) if i + 1 == pages else not any(page[at:]), "bytes behind records")
    must(payload == encoding["payload-length"], "payload-length")
    return found


# ---------------------------------------------------------------- section 6: payload

FRAME_MAX, HISTORY = 4096 * KIB, 4096 * KIB
ZSTD = ctypes.CDLL("libzstd.so.1")
ZSTD.ZSTD_createDCtx.restype = ctypes.c_void_p
ZSTD.ZSTD_decompress.restype = ZSTD.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
ZSTD.ZSTD_decompressStream.restype = ZSTD.ZSTD_DCtx_refPrefix.restype = ctypes.c_size_t


class Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer."""
    _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]


def check_blocks(data: bytes) -> None:
    """Whole blocks, none of which is the last of its frame (RFC 8878, 3.1.1.2)."""
    at = 0
    while at < len(data):
        must(at + 3 <= len(data), "zstd: cut")
        head = int.from_bytes(data[at:at + 3], "little")
        last, kind, length = head & 1, head >> 1 & 3, head >> 3
        must(not last, "zstd: the last block")
        must(kind != 3, "zstd: block type")
        at += 3 + (1 if kind == 1 else length)
    must(at == len(data), "zstd: a block is cut")


class Frames:
    """The text of an encoding, chunk by chunk."""

    def __init__(self) -> None:
        self.context, self.text, self.length, self.prefix = ctypes.c_void_p(ZSTD.ZSTD_createDCtx()), b"", 0, None

    def begin(self, data: bytes) -> None:
        must(data[:5] == b"\x28\xb5\x2f\xfd\0" and len(data) > 5 and data[5] <= 0x60, "zstd: header")
        self.text = self.prefix = self.text[-HISTORY:]
        ZSTD.ZSTD_DCtx_reset(self.context, 1)
        ZSTD.ZSTD_DCtx_refPrefix(self.context, self.prefix, ctypes.c_size_t(len(self.prefix)))
        self.length = 0

    def chunk(self, form: str, data: bytes, plain: int) -> bytes:
        if form == "zstd":
            self.begin(data)
        must(self.prefix is not None, "zstd-next: no frame")
        self.length += plain
        must(self.length <= FRAME_MAX, "zstd: more than a frame")
        check_blocks(data[6:] if form == "zstd" else data)
        room = ctypes.create_string_buffer(plain + 1)
        into = Buffer(ctypes.cast(room, ctypes.c_void_p), plain + 1, 0)
        source = Buffer(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data), 0)
        while source.pos < len(data):
            before = (source.pos, into.pos)
            left = ZSTD.ZSTD_decompressStream(self.context, ctypes.byref(into), ctypes.byref(source))
            must(left < 1 << 63 and before != (source.pos, into.pos), "zstd does not decode")
        must(into.pos == plain, "zstd: another length")
        self.text += room.raw[:plain]
        return room.raw[:plain]

    def close(self) -> None:
        ZSTD.ZSTD_freeDCtx(self.context)


class Stream:
    """Some bytes, read from the front."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, length: int) -> bytes:
        must(length <= len(self.data) - self.at, "patch: a stream is too short")
        self.at += length
        return self.data[self.at - length:self.at]

    def number(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            must(shift < 63 or byte <= 1, "patch: a number above 64 bits")
            value |= (byte & 127) << shift
            if byte < 128:
                must(byte > 0 or shift == 0, "patch: a number that is not in its shortest form")
                return value
        raise Refused("patch: a number that is too long")

    def check_end(self) -> None:
        must(self.at == len(self.data), "patch: bytes are left over")


def add_words(data: bytearray, gaps: Stream, words: Stream) -> None:
    at = 0
    while (gap := gaps.number()) > 0:
        at += gap - 1
        must(at < len(data), "patch: a word outside of its command")
        length = min(4, len(data) - at)
        total = int.from_bytes(data[at:at + length], "little") + int.from_bytes(words.take(4), "little")
        data[at:at + length] = (total % (1 << 32)).to_bytes(4, "little")[:length]
        at += length


class Making:
    """Bytes made from a seed, piece by piece. streams: commands; of a patch also gaps, words, literals."""

    def __init__(self, streams: list, seed: bytes, offset: int, commands: int):
        self.streams, self.seed, self.expected, self.left = streams, seed, offset, commands

    def command(self, room: int) -> bytes:
        commands, *others = self.streams
        must(self.left > 0, "patch: too many commands")
        self.left -= 1
        command = commands.number()
        length, kind = command >> 2, command & 3
        must(0 < length <= room, "patch: length")
        if kind == 1:
            zigzag = commands.number()
            start = (self.expected + (zigzag >> 1 ^ -(zigzag & 1))) % (1 << 64)
            must(start + length <= len(self.seed), "patch: outside of the seed")
            piece = bytearray(self.seed[start:start + length])
            self.expected = start
            if others:
                add_words(piece, others[0], others[1])
        else:
            must(kind == 3 or (kind == 2 and others != []), "patch: command")
            piece = bytes(length) if kind == 3 else others[2].take(length)
        self.expected = (self.expected + length) % (1 << 64)
        return bytes(piece)

    def make(self, length: int) -> bytes:
        out = bytearray()
        while len(out) < length:
            out += self.command(length - len(out))
        return bytes(out)

    def check_end(self) -> None:
        for stream in self.streams:
            stream.check_end()


def make_from_seed(streams: list, seed: bytes, offset: int, plain: int) -> bytes:
    """A chunk that is at offset in its image."""
    making = Making(streams, seed, offset, plain // 16)
    out = making.make(plain)
    making.check_end()
    return out


class Remade:
    """A chunk in which compressed blocks are made again."""

    def __init__(self, form: int, data: bytes, seed: bytes):
        self.library, self.seed, self.text_left = remake.LIBRARIES[form], seed, 8 << 20
        self.sources, self.pieces, *self.streams = patch_streams(data, (2 << 20) - 4096, 6)

    def unpacked(self) -> bytes:
        """The blocks of the seed that the chunk names, behind each other."""
        at, view = 0, bytearray()
        while self.sources.at < len(self.sources.data):
            gap, stored, plain = (self.sources.number() for _ in range(3))
            at += gap
            must(0 < stored <= 1 << 20 and at + stored <= len(self.seed), "remake: a block outside of the seed")
            must(0 < plain <= 1 << 20 and len(view) + plain <= 4 << 20, "remake: blocks that are too long")
            view += self.library.unpack(self.seed[at:at + stored], plain)
            at += stored
        return bytes(view)

    def piece(self, making: Making, room: int) -> bytes:
        number = self.pieces.number()
        kind, length = number & 3, number >> 2
        must(length > 0 and kind < 3, "remake: piece")
        if kind == 0:
            must(length <= room, "remake: length")
            return making.make(length)
        must(length <= min(self.text_left, 1 << 20), "remake: too much text")
        self.text_left -= length
        making.left += length // 16
        numbers = [self.pieces.number() for _ in range(4 if kind == 1 else 3)]
        how, size = numbers[-2:]
        must(how < 1 << 32 and size < 1 << 32, "remake: parameters")
        if kind == 2:
            must(self.library is remake.Lz4 and 0 < numbers[0] * size <= room, "remake: filled blocks")
            return remake.Lz4.fill(making.make(length), how, size, numbers[0])
        skip, take = numbers[:2]
        must(0 < take <= room, "remake: length")
        block = self.library.pack(making.make(length), how, size)
        must(skip + take <= len(block), "remake: more than the block")
        return block[skip:skip + take]

    def make(self, offset: int, plain: int) -> bytes:
        out = bytearray()
        try:
            making = Making(self.streams, self.seed + self.unpacked(), offset, plain // 16)
            while self.pieces.at < len(self.pieces.data):
                out += self.piece(making, plain - len(out))
        except remake.Unfit as error:
            raise Refused("remake: a block that cannot be made") from error
        making.check_end()
        must(len(out) == plain, "remake: another length")
        return bytes(out)


def patch_streams(data: bytes, plain: int, count: int = 4) -> list:
    must(data[:5] == b"\x28\xb5\x2f\xfd\0" and len(data) > 6 and data[5] <= 0x58, "patch: header")
    must(ZSTD.ZSTD_findFrameCompressedSize(data, ctypes.c_size_t(len(data))) == len(data), "patch: not one frame")
    room = ctypes.create_string_buffer(plain + 4096)
    length = ZSTD.ZSTD_decompress(room, ctypes.c_size_t(plain + 4096), data, ctypes.c_size_t(len(data)))
    must(length <= plain + 4096, "patch: does not decode")
    whole = Stream(room.raw[:length])
    lengths = [whole.number() for _ in range(count)]
    streams = [Stream(whole.take(length)) for length in lengths]
    whole.check_end()
    return streams


def decode(payload: bytes, image: dict, records: list, seed: bytes = b"") -> list:
    """The plain chunks, unchecked."""
    chunks, at, frames = [], 0, Frames()
    must(len(records) == -(-image["size"] // image["chunk-size"]), "number of records")
    try:
        for i, (form, stored) in enumerate(records):
            plain = min(image["chunk-size"], image["size"] - i * image["chunk-size"])
            data = payload[at:at + stored]
            at += stored
            must({"zero": stored == 0, "raw": stored == plain, "zstd": 0 < stored <= plain + 4096,
                  "zstd-next": 0 < stored <= plain + 4096, "copy": 0 < stored <= plain + 4096,
                  "patch": 0 < stored <= plain + 4096}.get(form, 0 < stored <= plain + 4096), "stored length")
            if form.startswith("zstd"):
                data = frames.chunk(form, data, plain)
            elif form in ("copy", "patch"):
                streams = [Stream(data)] if form == "copy" else patch_streams(data, plain)
                data = make_from_seed(streams, seed, i * image["chunk-size"], plain)
            elif form in SEEDED:
                data = Remade(FORMS.index(form), data, seed).make(i * image["chunk-size"], plain)
            chunks.append(bytes(plain) if form == "zero" else data)
    finally:
        frames.close()
    return chunks


def payload_digest(stored: bytes) -> bytes:
    return sha256(b"".join(sha256(stored[at:at + 1024 * KIB]) for at in range(0, len(stored), 1024 * KIB)))


def image_digest(data: bytes) -> bytes:
    return sha256(b"".join(sha256(data[at:at + 16 * KIB]) for at in range(0, len(data), 16 * KIB)))


# ---------------------------------------------------------------- the whole

class Bundle:
    def __init__(self, data: bytes, keys: list, seeds: tuple = ()):
        """Checks all but the payload. keys: list of PublicKey; seeds: images that there are."""
        self.data, self.seeds = data, {image_digest(seed): seed for seed in seeds}
        self.header = head = Header(data[:512])
        must(len(data) == head.total_len, "truncated, or bytes behind the end")
        self.signer = check_signature(data[:512], data[512:512 + head.sig_cap], keys)
        text = data[head.manifest_off:head.tables_off]
        must(sha256(text) == head.manifest_digest, "manifest damaged")
        self.manifest = Manifest(text)
        must(self.manifest.tables_len == head.tables_len, "tables_len")
        must(self.manifest.payload_len == head.payload_len, "payload_len")
        self.tables = data[head.tables_off:head.payload_off]

    def read_encoding(self, encoding: dict) -> bytes:
        image = self.manifest.images[encoding["image"]]
        start = self.header.payload_off + encoding["payload-offset"]
        payload = self.data[start:start + encoding["payload-length"]]
        must(payload_digest(payload) == encoding["payload-digest"], "digest of the payload")
        hashes = hash_table(self.tables, image)
        chunks = decode(payload, image, record_table(self.tables, encoding), self.seeds.get(encoding.get("seed"), b""))
        for i, (chunk, want) in enumerate(zip(chunks, hashes)):
            must(sha256(chunk) == want, f"chunk {i} damaged")
        data = b"".join(chunks)
        must(image_digest(data) == image["digest"], "digest of the image")
        return data

    def read_image(self, name: str) -> bytes:
        """The image, which each encoding that this reader can use must give."""
        found = None
        for encoding in self.manifest.encodings:
            if encoding["image"] == name and encoding["usable"] and encoding.get("seed") in (None, *self.seeds):
                found = self.read_encoding(encoding)
        if found is not None:
            return found
        raise Newer(f"image {name}: no encoding of a known kind")

    def summary(self) -> dict:
        def plain(values: dict) -> dict:
            return {key: value.hex() if isinstance(value, bytes) else value for key, value in values.items()}

        return {"release": self.manifest.release_id().hex(), "signer": self.signer,
                "bundle": plain(self.manifest.bundle),
                "images": {name: plain(image) for name, image in self.manifest.images.items()},
                "encodings": [plain(encoding) for encoding in self.manifest.encodings]}


def read(path, key_paths, seed_paths=()) -> Bundle:
    return Bundle(Path(path).read_bytes(), [PublicKey(Path(key)) for key in key_paths],
                  tuple(Path(seed).read_bytes() for seed in seed_paths))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--key", action="append", default=[], metavar="FILE.pem", required=True)
    parser.add_argument("--seed", action="append", default=[], metavar="FILE")
    parser.add_argument("--extract", action="append", default=[], metavar="CLASS=FILE")
    args = parser.parse_args()
    try:
        bundle = read(args.bundle, args.key, args.seed)
        images = {name: bundle.read_image(name) for name in bundle.manifest.images}
    except Refused as refusal:
        print(f"{args.bundle}: {refusal}", file=sys.stderr)
        return 1
    for wanted in args.extract:
        name, _, path = wanted.partition("=")
        Path(path).write_bytes(images[name])
    print(json.dumps(bundle.summary(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
