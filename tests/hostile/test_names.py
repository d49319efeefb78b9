# SPDX-License-Identifier: Apache-2.0
"""Threat 33: what a stranger wrote, on a terminal, in a log, in JSON. Whatever a bundle or a stick can carry comes out
as printable ASCII (JSON: as valid UTF-8 without control characters), and no line of a log is longer than 1000 bytes."""
import json
import os
import re
import struct

import pytest

from cli_device import crc32c, edit
from hostile import CONTROL, KEELBOOT, NOTHING, OK, VERIFY, Result, start

EVIL = ["\x1b[2J\x1b[31mall is well", "a\nkeelboot: slot b: good", "a\rkeelboot: 100%", "\x07\x08\x7f", "\x9b31m",
        "\u202egnp.exe", "\u00a0\u200b", "\x00", "%s%n%s%n", "';!--\"<x>", "\x1b]0;title\x07", "\t"]


def is_clean(data: bytes) -> None:
    assert not CONTROL.search(data.replace(b"\t", b"\x01")), data
    assert max(map(len, data.splitlines()), default=0) <= 1000


def clean(result) -> Result:
    """Both of its outputs are."""
    is_clean(result.err)
    is_clean(result.out)
    return result


def is_clean_json(data: bytes) -> dict:
    text = data.decode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text), text
    return json.loads(text)


# ---------------------------------------------------------------- what a bundle carries


LINES = {"bundle version": 4, "bundle compatible": 3, "bundle build": 8, "bundle description": 8, "bundle created": 8,
         "image.root filesystem": 15}


def said_of(key: str, evil: str) -> str:
    """What is wrong with that text; "": nothing."""
    section, name = key.split()
    wrong = "not UTC as 2025-01-02T03:04:05Z" if name == "created" else "has a character that is not allowed here"
    misfit = f"[{section}] {name}: {wrong}"
    if "%" in evil and evil.isprintable():
        return "" if name in ("build", "description") else f"manifest line {LINES[key]}: {misfit}"
    if "\n" not in evil:
        return f"manifest line {LINES[key]}: a character that is not printable ASCII, or ';'"
    # What stands in front of it is a value, and what follows is no line of a manifest.
    return (f"manifest line {LINES[key]}: {misfit}" if name == "created" else
            f"manifest line {LINES[key] + 1}: neither [section] nor key=value")


@pytest.mark.parametrize("key", LINES)
def test_t33_text_of_a_manifest(target, keys, image, key, cases):
    """Signed or not, it is refused as soon as it has a character that is not printable ASCII, and what is said about
    that has none; printable rubbish is shown as it is."""
    tried = 0
    for evil in EVIL:
        if any(ord(c) > 255 for c in evil):
            evil = evil.encode("utf-8").decode("latin-1")
        bad = target.forge(image, lines={key: f"1{evil}1"})
        for args in (["install", bad, "--progress=none"], ["stage", bad, "--progress=none"]):
            result = clean(target.go(*args))
            if said_of(key, evil):
                assert result.ends(VERIFY, f"{bad}: {said_of(key, evil)}").out == b"", evil
                target.untouched()
            else:
                result.ends(*{"install": (OK, ""),
                              "stage": (NOTHING, "2.0 (sequence 20): nothing to do: this release is installed, or was "
                                                 "before (slot b, trial)")}[args[0]])
        for args in (["inspect", bad], ["inspect", bad, "--json"], ["verify", bad, "--key", keys.public("signer")]):
            clean(start([KEELBOOT, "bundle", *args]))
        tried += 5
        if target.slot("b")["state"] != "empty":
            target.begin()
            target.slots["b"].write_bytes(target.before["b"])
            for file in target.data.rglob("*.keel*"):
                file.unlink()
            target.remember()
    cases(tried)


# ---------------------------------------------------------------- what a stick carries


@pytest.mark.parametrize("evil", EVIL[:7] + EVIL[8:])
def test_t33_names_of_files(target, keys, genuine, image, evil):
    """In every verb that names the file, on both outputs, good bundle or bad."""
    name = evil.encode("utf-8", "surrogateescape").replace(b"/", b"_")
    for raw in (name, b"\xff\xfe" + name):
        path = os.fsencode(target.path) + b"/" + raw + b".keel"
        for content in (genuine.read_bytes(), b"no bundle"):
            with open(path, "wb") as out:
                out.write(content)
            for args in (["inspect", path], ["verify", path, "--key", keys.public("signer")],
                         ["extract", path, "--key", keys.public("signer"), "-o", target.path / "out"]):
                clean(start([KEELBOOT, "bundle", *args]))
            for args in (["inspect", path, "--json"], ["verify", path, "--key", keys.public("signer"), "--json"]):
                result = start([KEELBOOT, "bundle", *args])
                is_clean(result.err)
                if result.out:
                    is_clean_json(result.out)
        os.unlink(path)
    with open(path, "wb") as out:
        out.write(b"no bundle")
    for verb in "install", "stage":
        result = target.go(verb, path, "--progress=json")
        is_clean(result.err)
        is_clean_json(result.out.splitlines()[-1] if result.out else b"{}")
    is_clean(target.apply(path.decode("utf-8", "surrogateescape")).err)
    target.untouched()


def test_t33_name_of_a_key_file(target, keys, genuine, image):
    folder = target.root / "etc/keelboot/keys"
    for file in folder.iterdir():
        file.unlink()
    for evil in ("\x1b[31mred", "two\nlines", "\x9b"):
        (folder / f"{evil}.pem").write_bytes(keys.public("signer").read_bytes())
        (folder / f"bad{evil}.pem").write_bytes(b"rubbish")
    result = target.go("install", genuine)
    assert result.code == OK
    is_clean(result.err)
    for args in ([], ["--json"]):
        result = start([KEELBOOT, "bundle", "inspect", genuine, "--keys", folder, *args])
        assert result.code == OK
        is_clean(result.out)


# ---------------------------------------------------------------- what comes out later


def forge_event(target, **fields) -> None:
    """Rewrites the newest event of the history in place, with other bytes in its texts."""
    image = bytearray(target.state.read_bytes())
    cells = [at for at in range(3 << 20, 4 << 20, 4096) if image[at:at + 8] == b"KEELHIST"]
    newest = max(cells, key=lambda at: struct.unpack_from("<Q", image, at + 24))
    length = struct.unpack_from("<I", image, newest + 12)[0]
    text = bytes(image[newest + 64:newest + 64 + length])
    lines = dict(line.split(b"=", 1) for line in text.split(b"\n") if b"=" in line)
    for key, value in fields.items():
        lines[key.encode()] = value.encode("latin-1")
    payload = b"".join(key + b"=" + value + b"\n" for key, value in lines.items())
    image[newest + 64:newest + 4096] = payload.ljust(4096 - 64, b"\0")
    struct.pack_into("<I", image, newest + 12, len(payload))
    struct.pack_into("<I", image, newest + 32, 0)
    struct.pack_into("<I", image, newest + 32, crc32c(image[newest:newest + 64 + len(payload)]))
    target.state.write_bytes(image)


@pytest.mark.threat(34)
@pytest.mark.parametrize("evil", ["\x1b[2J\x1b[31mred", "a\rb\tc\x07", "\x9b31m\x80\xff", '"},{"x":"', "\\u001b"])
def test_t33_state_and_history_that_somebody_forged(target, genuine, image, evil):
    target.installs(genuine, image)
    edit(target, a_reason=evil, b_reason=evil, a_release="00" * 32, a_sequence=10, a_version=evil, disk=evil)
    forge_event(target, reason=evil, version=evil, detail=evil)
    for args in (["status"], ["history"], ["state", "show"], ["doctor"]):
        clean(target.go(*args))
    for args in (["status", "--json"], ["history", "--json"], ["state", "show", "--json"]):
        is_clean_json(target.go(*args).out)
