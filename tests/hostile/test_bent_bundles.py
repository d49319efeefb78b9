# SPDX-License-Identifier: Apache-2.0
"""Every byte of a bundle bent, and every length of it: who says no, for which reason, and what was written."""
import struct

import pytest

from hostile import (CHUNK, DAMAGED, FAILURE, NOTHING, OK, VERIFY, Forge, cut_reason, driver, flipped, is_damaged,
                     keelreader, start)

HEADER = "not a bundle, or its header is damaged; copy it again"
RULES = "its header is whole, but breaks the format: the bundle was made wrongly; make it again"
AREA = "its signature area is damaged; copy it again"
UNSIGNED = "not signed by any of the # trusted keys"
NEWER = "made for a newer Keelboot; update Keelboot first"
MANIFEST = "its manifest is damaged; copy it again"
FORMAT, SIGNATURE, DIGEST, TOO_NEW = ("malformed or damaged data", "not signed by a trusted key",
                                      "content differs from its signed hash", "written by a newer Keelboot")
RAW, FIXED, FORGED, SIGNED = range(4)          # how much of what stands above a bent byte is made right again


@pytest.fixture(scope="module", name="files")
def make_files(tmp_path_factory, keys, image):
    folder = tmp_path_factory.mktemp("bent")
    (folder / "image").write_bytes(image)
    Forge(keys, image[:20480]).write(folder / "small.keel")
    (folder / "small").write_bytes(image[:20480])
    Forge(keys, image[:20480], signed=["signer", "stranger"]).write(folder / "two.keel")
    return folder


class Parts:
    """Where the parts of a bundle begin and end."""

    def __init__(self, path):
        data = path.read_bytes()
        self.size = len(data)
        cap, _, self.manifest, self.tables, _, self.payload = struct.unpack_from("<IIQQQQ", data, 40)
        self.area = 512
        assert self.manifest == 512 + cap


def bent(files, keys, name, start_at, end, level, bits=255, step=1, verify_first=True) -> dict:
    """{(error, what was written, reason): count}"""
    return judged(driver("bend", keys.ring, files / f"{name}.keel", files / "small", "flip", start_at, end, bits, level,
                         step, verify_first=verify_first))


def judged(lines: list) -> dict:
    found = {}
    for line in lines:
        if line[0] == "grown":
            assert int(line[1]) < 4096, "memory grows with the number of bundles"
            continue
        count, error, written, _, why = line
        why = cut_reason(why)
        assert "OTHER" not in written and "STRAY" not in written, line
        assert ("trial" in written) == (error == "ok") and ("whole" in written) == (error == "ok"), line
        key = (error, " ".join(written.split()), why)
        found[key] = found.get(key, 0) + int(count)
    return found


def total(found: dict, allowed: dict) -> int:
    """All results are among these {(error, reason): may it touch the state's history}; none has touched a slot."""
    for error, written, why in found:
        assert (error, why) in allowed, (error, written, why)
        assert "slot" not in written.split() or error == "ok"
        assert "state" not in written.split() or allowed[error, why] or error == "ok"
    return sum(found.values())


# ---------------------------------------------------------------- flips


# docs/FORMAT.md, section 2: where a field begins, and how many of its bits are refused for which reason.
HEADER_FIELDS = [
    (0, {HEADER: 64}),                          # magic
    (8, {RULES: 1, UNSIGNED: 15}),              # format: only 0 is none
    (10, {RULES: 1, NEWER: 15}),                # min_reader
    (12, {RULES: 32}),                          # header_len
    (16, {UNSIGNED: 64}),                       # features that may be ignored
    (24, {NEWER: 64}),                          # features that may not
    (32, {RULES: 448}),                         # total_len to payload_len
    (88, {UNSIGNED: 256}),                      # digest of the manifest
    (120, {RULES: 388 * 8})]                    # zeroes


def test_t05_every_bit_of_the_header(files, keys, cases):
    """As it is, the checksum says no (the words of a damaged stick). With the checksum made right, the fields say
    no, or the signature, which covers all of it."""
    plain = bent(files, keys, "small", 0, 512, RAW)
    assert total(plain, {(FORMAT, HEADER): False}) == 512 * 8
    error = {HEADER: FORMAT, RULES: FORMAT, UNSIGNED: SIGNATURE, NEWER: TOO_NEW}
    for (begin, refused), end in zip(HEADER_FIELDS, [field[0] for field in HEADER_FIELDS[1:]] + [508]):
        assert bent(files, keys, "small", begin, end, FIXED) == \
            {(error[why], "", why): count for why, count in refused.items()}, begin
    cases(512 * 8 + 508 * 8)


def test_t03_every_bit_of_the_signature_area(files, keys, cases):
    """Harmless: a bit that makes an empty entry of unknown tag of the zeroes behind the last one. The area is not
    signed, so that signatures can be added; entries of unknown tag decide nothing (docs/FORMAT.md, section 3)."""
    parts = Parts(files / "small.keel")
    found = bent(files, keys, "small", 512, parts.manifest, RAW)
    count = total(found, {(FORMAT, AREA): False, (SIGNATURE, UNSIGNED): False, ("ok", ""): True})
    harmless = sum(n for (error, _, _), n in found.items() if error == "ok")
    assert count == 512 * 8
    assert harmless == 15, "the tag of the next entry, but for the bit that makes a signature of it"
    cases(count)


def test_t08_signature_of_a_stranger_beside_a_good_one_decides_nothing(files, keys, cases):
    """Whatever becomes of the second entry: if the area is still well-formed, the same is installed."""
    at = 512 + 4 + 18 + 64
    found = bent(files, keys, "two", at, at + 4 + 18 + 64, RAW, bits=0)
    count = total(found, {(FORMAT, AREA): False, ("ok", ""): True})
    harmless = sum(n for (error, _, _), n in found.items() if error == "ok")
    assert count == 4 + 18 + 64
    assert harmless >= 1 + 16 + 64, "algorithm, key id and signature of an entry that is not ours"
    cases(count)


def test_t02_every_bit_of_the_manifest(files, keys, cases):
    """Its digest says no, and with that made right, the signature over the digest."""
    parts = Parts(files / "small.keel")
    size = parts.tables - parts.manifest
    assert total(bent(files, keys, "small", parts.manifest, parts.tables, RAW), {(DIGEST, MANIFEST): False}) == size * 8
    forged = bent(files, keys, "small", parts.manifest, parts.tables, FORGED)
    assert total(forged, {(SIGNATURE, UNSIGNED): False}) == size * 8
    cases(16 * size)


def test_t02_every_bit_of_a_manifest_that_is_signed_again(files, keys, cases):
    """Somebody who may sign made a mistake. It is refused by what is wrong with it, before anything is written, or
    it is another release whose image is right: that is what was signed."""
    parts = Parts(files / "small.keel")
    found = bent(files, keys, "small", parts.manifest, parts.tables, SIGNED)
    for error, written, why in found:
        assert error in ("ok", FORMAT, DIGEST, TOO_NEW, "made for another device",
                         "not newer than what is installed"), (error, why)
        assert error == "ok" or "slot" not in written.split(), (error, written, why)
        assert error == "ok" or why
    assert sum(n for (error, _, _), n in found.items() if error == "ok") < sum(found.values()) / 3
    cases(sum(found.values()))


def test_t01_every_bit_of_the_index(files, keys, cases):
    """Of one page of hashes, of two chunks, and one of records: section 5 of docs/FORMAT.md."""
    parts = Parts(files / "small.keel")
    at = parts.tables
    for what, end in (("the list of its hash pages", at + 32), ("a page of its hashes", at + 96),
                      ("the list of its record pages", at + 128), ("a page of its records", parts.payload)):
        found = bent(files, keys, "small", at, end, RAW)
        assert total(found, {(DIGEST, f"image root: {what} is damaged; copy it again"): True}) == (end - at) * 8 > 0
        at = end
    cases((parts.payload - parts.tables) * 8)


@pytest.mark.parametrize("verify_first, step", [(True, 5), (False, 127)])
def test_t01_bytes_all_over_the_payload(files, keys, cases, verify_first, step):
    """Verified first, the slot is as it was; else it holds blocks that were signed, and cannot be booted."""
    parts = Parts(files / "small.keel")
    found = bent(files, keys, "small", parts.payload, parts.size, RAW, bits=0, step=step, verify_first=verify_first)
    for error, written, why in found:
        assert (error, why) == (DIGEST, DAMAGED if verify_first else is_damaged("#"))
        assert not verify_first or "slot" not in written.split()
    assert sum(found.values()) == len(range(parts.payload, parts.size, step))
    cases(sum(found.values()))


# ---------------------------------------------------------------- lengths


@pytest.mark.parametrize("kind", ["file", "raw"])
def test_t06_every_length(files, keys, cases, kind):
    parts = Parts(files / "small.keel")
    found = judged(driver("bend", keys.ring, files / "small.keel", files / "small", "cut", 0, parts.size, kind,
                          verify_first=True))
    assert found == {
        (FORMAT, "", "shorter than the header of a bundle; copy it again"): 512,
        (FORMAT, "", "truncated: # bytes present, # expected; copy it again"): parts.size - 512}
    cases(parts.size)


def test_t06_what_follows_the_end(target, genuine, image, cases):
    """In a file nothing may follow; on a raw medium anything may, and is ignored."""
    data = genuine.read_bytes()
    more = [b"\0", b"x" * 511, bytes(1 << 20), data]
    for extra in more:
        bad = target.path / "more.keel"
        bad.write_bytes(data + extra)
        target.refuses(bad, VERIFY, f"BUNDLE: {len(extra)} extra bytes behind its end; copy it again")
    cases(2 * len(more))


# ---------------------------------------------------------------- the shipped programs


def chunks(bundle, keys) -> list:
    """(form, stored length) of each chunk of the one image, by the reader that is written after docs/FORMAT.md."""
    read = keelreader.read(bundle, [keys.public("signer")])
    return keelreader.record_table(read.tables, read.manifest.encodings[0])


def test_t01_first_middle_and_last_byte_of_each_chunk(target, keys, image, tmp_path, cases):
    """By the programs as they ship, raw and compressed chunks."""
    (tmp_path / "i.img").write_bytes(image)
    tried = 0
    for compress in "none", "zstd":
        bundle = tmp_path / f"{compress}.keel"
        keys.create(bundle, tmp_path / "i.img", "--level", 3, "--chunk-size", "16K", "--compress", compress)
        data, at = bundle.read_bytes(), Parts(bundle).payload
        stored = chunks(bundle, keys)
        assert len(stored) == -(-len(image) // CHUNK) > 2
        for number, (form, length) in enumerate(stored):
            assert form == {"none": "raw", "zstd": "zstd-next" if number else "zstd"}[compress] and length > 5
            for place in {at, at + length // 4, at + length // 2, at + length - 1}:
                bad = tmp_path / "bad.keel"
                bad.write_bytes(flipped(data, place))
                result = target.go("install", bad, "--progress=none")
                result.ends(VERIFY, f"{bad}: {DAMAGED}")
                target.untouched()
                tried += 1
            at += length
        assert at == len(data)
    # Nobody holds it against the release.
    target.installs(bundle, image)
    cases(tried + 1)


def test_t01_damaged_on_a_medium_that_is_not_verified_first(target, keys, genuine, image, cases):
    target.configure("[install]\nverify-first=no\n")
    data = genuine.read_bytes()
    bad = target.path / "bad.keel"
    bad.write_bytes(flipped(data, len(data) - 5))
    target.go("install", bad, "--progress=none").ends(VERIFY, f"{bad}: {is_damaged(2)}")
    target.only_signed(image)
    assert target.slot("b")["state"] == "writing" and target.slot("a")["state"] == "good"
    assert target.json("status")["next"] == "a"
    target.installs(genuine, image)
    cases(2)


def test_t22_medium_that_is_gone_or_short(target, genuine, cases):
    """A file that vanishes, a folder, a fifo that nobody writes to, a device without a medium."""
    gone = target.path / "gone.keel"
    target.refuses(gone, FAILURE, "BUNDLE: No such file or directory")
    target.refuses(target.data, FAILURE, "BUNDLE: not a file; use the path of a .keel file")
    assert start(["mkfifo", target.path / "pipe.keel"]).code == OK
    target.refuses(target.path / "pipe.keel", FAILURE, "BUNDLE: not a file; use the path of a .keel file")
    target.apply(gone).ends(NOTHING, f"{gone}: empty")
    target.untouched()
    cases(7)
