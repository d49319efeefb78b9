# SPDX-License-Identifier: Apache-2.0
"""What docs/FORMAT.md says exactly: a table of signed bundles, each of which the command and the second reader,
tests/format/keelreader.py, judge alike: good, refused, or for a newer reader."""
import os
import resource
import struct

import frames
import keelreader
import pytest
from cli_device import FAILURE, HELPER, INCOMPATIBLE as NEWER, MIB, OK, VERIFY as REFUSED, Device, call, run
from hostile import CHUNK, Forge, Keys, signature_entry

IMAGE = bytes(range(256)) * 144                     # 9 blocks of 4096 bytes, 3 chunks
DIGEST = keelreader.image_digest(IMAGE).hex()
NONE = "00" * 32


class OneKey(Keys):
    def __init__(self, folder):     # pylint: disable=super-init-not-called
        self.folder = folder
        run("key", "generate", "-o", folder / "signer", code=OK)


@pytest.fixture(scope="session", name="keys")
def make_keys(tmp_path_factory):
    return OneKey(tmp_path_factory.mktemp("keys"))


def lines(**values):
    """Keys of a section, "_" for "-"; bundle_created="…" is [bundle] created."""
    names = {"bundle": "bundle", "image": "image.root", "encoding": "encoding.1"}
    out = {}
    for where, value in values.items():
        section, key = where.split("_", 1)
        out[f"{names[section]} {key.replace('_', '-')}"] = value
    return {"lines": out}


# ---------------------------------------------------------------- what bends a bundle


def verity(tree, data=4096, block=4096, algorithm="sha256", **more):
    return lines(image_verity_root_hash="ab" * (32 if algorithm == "sha256" else 64), image_verity_algorithm=algorithm,
                 image_verity_data_block=data, image_verity_hash_block=block, image_verity_tree_offset=tree, **more)


def second(kind="hologram", forms="light", **more):
    """Another encoding of the image, which stores nothing."""
    def how(keys):
        forge = Forge(keys, IMAGE)
        tables = len(forge.hash_table()) + len(forge.record_table())
        values = {"image": "root", "kind": kind, "forms": forms, "table-offset": tables, "table-length": 0,
                  "table-digest": NONE, "payload-offset": len(IMAGE), "payload-length": 0,
                  "payload-digest": NONE,
                  **{key.replace("_", "-"): value for key, value in more.items()}}
        text = "".join(f"{key}={one}\n" for key, value in values.items() if value is not None
                       for one in (value if isinstance(value, list) else [value]))
        return {"more": b"[encoding.2]\n" + text.encode()}
    return how


def raw_manifest(change):
    """The text of the manifest, as `change` makes it."""
    def how(keys):
        forge = Forge(keys, IMAGE)
        payload = b"".join(stored for _, stored, _ in forge.chunks)
        return {"manifest": change(forge.manifest(forge.hash_table(), forge.record_table(), payload))}
    return how


def long_manifest(length):
    def change(text):
        while length - len(text) > 190:
            text += b"x-" + b"a" * 100 + b"=b\n" if length - len(text) > 300 else b"\n"
        return text + b"\n" * (length - len(text))
    return raw_manifest(change)


def area(*entries, cap=32768, end=b""):
    """Signature entries: bytes, or what makes them of (keys, header); end: the area's last bytes."""
    def how(keys):
        def make(header):
            made = b"".join(one if isinstance(one, bytes) else one(keys, header) for one in entries)
            return made.ljust(cap - len(end), b"\0") + end
        return {"area": make, "cap": cap}
    return how


def sig(keys, header):
    return keys.entry("signer", header)


def false(keys, header, algorithm=None, length=None):
    """Names the trusted key, and is no signature of it."""
    tag, size = struct.unpack_from("<HH", sig(keys, header))
    value = sig(keys, header)[4:4 + size]
    return signature_entry(algorithm or value[0], value[2:18], bytes(length or size - 18), tag)


def other(algorithm=None, length=None):
    return lambda keys, header: false(keys, header, algorithm, length)


def unknown_tag(keys, header):
    return struct.pack("<H", 9) + false(keys, header)[2:]


def tag_1(value):
    return struct.pack("<HH", 1, len(value)) + value


UNKNOWN = struct.pack("<HH", 77, 3) + b"abc"
EMPTY = struct.pack("<HH", 77, 0)


def raw_frame(plain, head=b"\x28\xb5\x2f\xfd\0\x60", last=0):
    """A zstd frame of one raw block."""
    return head + struct.pack("<I", len(plain) << 3 | last)[:3] + plain


def zstd(head=b"\x28\xb5\x2f\xfd\0\x60", last=0, more=b""):
    """Each chunk is in a frame of its own."""
    def how(_keys):
        return {"chunks": [(2, raw_frame(IMAGE[at:at + CHUNK], head, last) + more, IMAGE[at:at + CHUNK])
                           for at in range(0, len(IMAGE), CHUNK)]}
    return how


def shared(forms="255", history=None, cut=0):
    """The chunks share frames, which refer to the text before; 1: a chunk that is none of it. The last `cut` bytes of
    the first chunk go to the second."""
    def how(_keys):
        chunks, text, frame = [], b"", None
        for i, form in enumerate(map(int, forms)):
            plain = IMAGE[i * CHUNK:(i + 1) * CHUNK]
            if form == 1:
                chunks.append((1, plain, plain))
                continue
            if form == 2 or frame is None:
                frame = frames.Frame(text if history is None else history)
            chunks.append((form, frame.put(plain), plain))
            text += plain
        if cut:
            (form, first, plain), (after, second, rest) = chunks[:2]
            chunks[:2] = [(form, first[:-cut], plain), (after, first[-cut:] + second, rest)]
        return {"chunks": chunks}
    return how


CASES = {
    "plain": ({}, OK),

    # digest= is binding
    "digest of another image": (lines(image_digest="ab" * 32), REFUSED),
    "digest of zeroes": (lines(image_digest=NONE), REFUSED),

    # format=
    **{f"format {text}": (lines(bundle_format=text), want) for text, want in (
        ("1.1", OK), ("1.65535", OK), ("1.65536", OK), ("1.9223372036854775807", OK),
        ("1.9223372036854775808", REFUSED), ("1.01", REFUSED), ("1.", REFUSED), ("1", REFUSED), ("1.0.0", REFUSED),
        ("0.1", REFUSED), ("01.0", REFUSED), (".1", REFUSED), ("+1.0", REFUSED), ("2", REFUSED),
        ("2.0", NEWER), ("2.", NEWER), ("2.x", NEWER), ("65535.0", NEWER), ("65536.0", NEWER), ("99999999999.0", NEWER),
        ("9223372036854775807.0", NEWER), ("9223372036854775808.0", REFUSED))},

    # created=
    **{f"created {text}": (lines(bundle_created=text), want) for text, want in (
        ("2025-01-02T03:04:05Z", OK), ("0000-01-01T00:00:00Z", OK), ("9999-12-31T23:59:60Z", OK),
        ("2025-02-31T00:00:00Z", OK), ("2025-01-02T03:04:61Z", REFUSED), ("2025-01-02T03:60:05Z", REFUSED),
        ("2025-01-02T24:04:05Z", REFUSED), ("2025-01-32T03:04:05Z", REFUSED), ("2025-01-00T03:04:05Z", REFUSED),
        ("2025-13-02T03:04:05Z", REFUSED), ("2025-00-02T03:04:05Z", REFUSED), ("2025-01-02", REFUSED),
        ("2025-01-02T03:04:05", REFUSED), ("2025-01-02T03:04:05z", REFUSED), ("2025-01-02T03:04:05ZZ", REFUSED),
        ("2025-01-02 03:04:05Z", REFUSED), ("2025-1-2T03:04:05Z", REFUSED), ("20250-01-02T03:04:05Z", REFUSED),
        ("2025-01-02T03:04:05.5Z", REFUSED), ("::", REFUSED))},

    # dm-verity
    "verity that fills the image": (verity(32768), OK),
    "verity of one data block": (verity(4096), OK),
    "verity without room for its tree": (verity(36864 - 512, 512, 512), REFUSED),
    "verity behind the image": (verity(36864), REFUSED),
    "verity at 0": (verity(0), REFUSED),
    "verity 66 of 72 blocks": (verity(66 * 512, 512, 512), OK),
    "verity 67 of 72 blocks": (verity(67 * 512, 512, 512), REFUSED),
    "verity 63 of 72 blocks, sha512": (verity(63 * 512, 512, 512, "sha512"), OK),
    "verity 64 of 72 blocks, sha512": (verity(64 * 512, 512, 512, "sha512"), REFUSED),
    "verity data block 8192": (verity(32768, data=8192), REFUSED),
    "verity hash block 8192": (verity(24576, block=8192), REFUSED),
    "verity hash block 65536": (verity(32768, block=65536), REFUSED),
    "verity data block 256": (verity(32768, data=256), REFUSED),
    "verity data block 3000": (verity(32768, data=3000), REFUSED),
    "verity blocks of 512 and 4096": (verity(32768, data=512), OK),
    "verity blocks of 4096 and 512": (verity(32768, block=512), OK),
    "verity tree at no hash block": (verity(33280, data=512), REFUSED),
    "verity tree at no data block": (verity(33280, block=512), REFUSED),
    "verity salt of 64 bytes": (verity(32768, image_verity_salt="0a" * 64), OK),
    "verity salt of 65 bytes": (verity(32768, image_verity_salt="0a" * 65), REFUSED),
    "verity salt alone": (lines(image_verity_salt="0a"), REFUSED),

    # the processors, which may be any
    "processors": (lines(bundle_processor="x86_64,i386,aarch64,arm,riscv64,s390x"), OK),
    "processors that nobody knows": (lines(bundle_processor="x86_64-v9,hexagon"), OK),
    "8 processors": (lines(bundle_processor="a,b,c,d,e,f,g,h"), OK),
    "9 processors": (lines(bundle_processor="a,b,c,d,e,f,g,h,i"), REFUSED),
    "processor of 48 characters": (lines(bundle_processor="A" * 48), OK),
    "processor of 49 characters": (lines(bundle_processor="A" * 49), REFUSED),
    "a processor twice": (lines(bundle_processor="arm,arm"), REFUSED),
    "an empty processor": (lines(bundle_processor="arm,"), REFUSED),
    "a processor with a blank": (lines(bundle_processor="arm, i386"), REFUSED),
    "no processor": (lines(bundle_processor=""), REFUSED),

    # the header's versions
    "header format 0": ({"header": {"format": 0}}, REFUSED),
    "header format 9": ({"header": {"format": 9}}, OK),
    "min_reader 0": ({"header": {"min_reader": 0}}, REFUSED),
    "min_reader 2": ({"header": {"min_reader": 2}}, NEWER),
    "min_reader 0 and an unknown feature": ({"header": {"min_reader": 0, "incompat": 4}}, NEWER),
    "an unknown compatible feature": ({"header": {"compat": 1 << 63}}, OK),
    "manifest of 65536 bytes": (long_manifest(65536), OK),
    "manifest of 65537 bytes": (long_manifest(65537), REFUSED),

    # the signature area: one bad entry spoils it
    "area: an empty entry of an unknown tag": (area(EMPTY, sig), OK),
    "area: unknown tag behind": (area(sig, UNKNOWN), OK),
    "area: entry over the end behind a good one": (area(sig, end=struct.pack("<HH", 77, 1)), REFUSED),
    "area: bytes behind the end": (area(sig, end=b"\1"), REFUSED),
    "area: fewer than 4 bytes left": (area(sig, struct.pack("<HH", 77, 32768 - 86 - 4 - 3) + bytes(32768 - 86 - 4 - 3),
                                           end=b"\0\0\1"), REFUSED),
    "area: tag 0 with a length": (area(sig, struct.pack("<HH", 0, 3)), REFUSED),
    "area: no signature in an entry behind a good one": (area(sig, tag_1(b"\1\0" + bytes(16))), REFUSED),
    "area: no signature, unknown algorithm": (area(sig, tag_1(b"\x09\0" + bytes(16))), REFUSED),
    "area: second byte not zero, unknown algorithm": (area(sig, tag_1(b"\x09\1" + bytes(18))), REFUSED),
    "area: second byte not zero before a good one": (area(tag_1(b"\1\1" + bytes(18)), sig), REFUSED),
    "area: 64 entries": (area(*[UNKNOWN] * 63, sig), OK),
    "area: 65 entries": (area(*[UNKNOWN] * 64, sig), REFUSED),
    "area: 65 entries, a good one first": (area(sig, *[UNKNOWN] * 64), REFUSED),
    "area: 65 entries, of unknown algorithms": (area(sig, *[signature_entry(9, bytes(16), b"x")] * 64), REFUSED),

    # the same key twice
    "area: a false one before": (area(other(), sig), OK),
    "area: two false ones before": (area(other(), other(), sig), REFUSED),
    "area: the good one and false ones": (area(sig, other(), other(), other()), OK),
    "area: unknown algorithms of the same key before": (area(*[other(9)] * 5, sig), OK),
    "area: another algorithm of the same key before": (area(*[other(2)] * 5, sig), OK),
    "area: wrong lengths of the same key before": (area(*[other(length=63)] * 5, sig), OK),
    "area: unknown tags with the same key before": (area(*[unknown_tag] * 5, sig), OK),

    # an encoding of an unknown kind
    "unknown kind": (second(), OK),
    "unknown kind: unknown key": (second(laser="blue"), OK),
    "unknown kind: unknown key twice": (second(laser=["blue", "red"]), OK),
    "unknown kind: known key twice": (second(forms=["light", "light"]), REFUSED),
    "unknown kind: known key with a bad value": (second(table_length="five"), REFUSED),
    "unknown kind: known key of another kind": (second(seed=DIGEST), OK),
    "unknown kind: seed with a bad value": (second(seed="12"), REFUSED),
    "unknown kind: no forms": (second(forms=None), REFUSED),
    "unknown kind: a form twice": (second(forms="zero,zero"), REFUSED),
    "unknown kind: an unknown form twice": (second(forms="light,light"), REFUSED),
    "unknown kind: two unknown forms": (second(forms="light,lightning"), OK),
    "unknown kind: an empty form": (second(forms="light,"), REFUSED),
    "unknown kind: of no image": (second(image="boot"), REFUSED),
    "unknown kind: a gap": (second(table_offset=1), REFUSED),
    "unknown form: unknown key": (second(kind="full", laser="blue"), OK),
    "known kind: unknown key": (second(kind="seed", forms="copy", seed=DIGEST, laser="blue"), REFUSED),
    "seed that is not needed": (second(kind="full", forms="zero", seed=DIGEST), REFUSED),
    "seed that is missing": (second(kind="seed", forms="copy"), REFUSED),
    "no encoding that can be used": (lines(encoding_kind="hologram"), NEWER),

    # hexadecimal digits
    "upper-case digits": (lines(image_digest=DIGEST.upper()), OK),
    "both cases": (lines(image_digest=DIGEST[:32].upper() + DIGEST[32:]), OK),
    "upper-case digits of verity": (verity(32768, image_verity_salt="0A"), OK),
    "63 digits": (lines(image_digest=DIGEST[1:]), REFUSED),

    # x- keys
    "x- before a section": (raw_manifest(lambda text: b"x-a=1\n" + text), REFUSED),
    "an empty line before a section": (raw_manifest(lambda text: b"\n" + text), OK),
    "x- before format": (raw_manifest(lambda text: text.replace(b"[bundle]\n", b"[bundle]\nx-a=1\nx-a=2\n")), OK),
    "x- in each section": (raw_manifest(lambda text: text.replace(b"]\n", b"]\nx-a=1\nx-a=1\n")), OK),
    "x- without a name": (raw_manifest(lambda text: text + b"x-=1\n"), OK),
    "x- without a value": (raw_manifest(lambda text: text + b"x-a=\n"), REFUSED),
    "x- with a space first": (raw_manifest(lambda text: text + b"x-a= 1\n"), REFUSED),
    "x- with a space last": (raw_manifest(lambda text: text + b"x-a=1 \n"), REFUSED),
    "x- in upper case": (raw_manifest(lambda text: text + b"X-a=1\n"), REFUSED),
    "x- with a capital": (raw_manifest(lambda text: text + b"x-A=1\n"), REFUSED),
    "x without its dash": (raw_manifest(lambda text: text.replace(b"[bundle]\n", b"[bundle]\nx=1\n")), REFUSED),

    # zstd frames
    "zstd": (zstd(), OK),
    "zstd: window of 1 KiB": (zstd(b"\x28\xb5\x2f\xfd\0\0"), REFUSED),
    "zstd: window of 16 KiB": (zstd(b"\x28\xb5\x2f\xfd\0\x20"), OK),
    "zstd: window above 4 MiB": (zstd(b"\x28\xb5\x2f\xfd\0\x61"), REFUSED),
    "zstd: dictionary id 0": (zstd(b"\x28\xb5\x2f\xfd\1\x60\0"), REFUSED),
    "zstd: dictionary id 7": (zstd(b"\x28\xb5\x2f\xfd\1\x60\7"), REFUSED),
    "zstd: reserved bit": (zstd(b"\x28\xb5\x2f\xfd\x08\x60"), REFUSED),
    "zstd: unused bit": (zstd(b"\x28\xb5\x2f\xfd\x10\x60"), REFUSED),
    "zstd: checksum": (zstd(b"\x28\xb5\x2f\xfd\4\x60"), REFUSED),
    "zstd: content size": (zstd(b"\x28\xb5\x2f\xfd\x80\x60" + struct.pack("<I", CHUNK)), REFUSED),
    "zstd: single segment": (zstd(b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", CHUNK)), REFUSED),
    "zstd: a last block": (zstd(last=1), REFUSED),
    "zstd: an empty block more": (zstd(more=bytes(3)), OK),
    "zstd: an empty last block": (zstd(more=b"\1\0\0"), REFUSED),
    "zstd: a part of a block": (zstd(more=b"\0"), REFUSED),
    "zstd: a second frame": (zstd(more=raw_frame(b"")), REFUSED),
    "zstd: one frame": (shared(), OK),
    "zstd: frames that refer back": (shared("222"), OK),
    "zstd: a frame behind a frame": (shared("252"), OK),
    "zstd: a frame goes on behind a raw chunk": (shared("215"), OK),
    "zstd: no text of raw chunks": (shared("212", history=IMAGE[:2 * CHUNK]), REFUSED),
    "zstd: a frame refers to what is not there": (shared("255", history=IMAGE), REFUSED),
    "zstd: no frame to go on in": (shared("555"), REFUSED),
    "zstd: no frame behind a raw chunk": (shared("155"), REFUSED),
    "zstd: a block across chunks": (shared(cut=1), REFUSED),
    "zstd: a block in the wrong chunk": (shared(cut=3), REFUSED),
}


def second_reader(path, key) -> int:
    try:
        assert keelreader.read(path, [key]).read_image("root") == IMAGE
    except keelreader.Newer:
        return NEWER
    except keelreader.Refused:
        return REFUSED
    return OK


def write(name, keys, folder):
    """That case's bundle, and what is to be said of it."""
    how, want = CASES[name]
    return Forge(keys, IMAGE, **(how(keys) if callable(how) else how)).write(folder / "x.keel"), want


@pytest.mark.parametrize("name", CASES)
def test_both_readers_say_the_same(tmp_path, keys, name):
    path, want = write(name, keys, tmp_path)
    done = run("bundle", "verify", path, "--key", keys.public("signer"))
    assert (done.returncode, second_reader(path, keys.public("signer"))) == (want, want), done.stderr


# ---------------------------------------------------------------- the verbs of the device


@pytest.fixture(name="device")
def make_device(tmp_path, keys):
    """Slot a runs 1.0 and is good; slot b is empty."""
    device = Device(tmp_path / "device")
    device.trust(keys.public("signer"))
    device.init("--slots", 2, "--good", "a", "--version", "1.0", "--sequence", 10)
    device.boot("a", version="1.0")
    return device


def apply(device, bundle):
    """keelboot-apply, as process 1 calls it, with the bundle raw on a stick."""
    slots = [word for name, file in device.slots.items() for word in ("--slot", f"{name}:root={file}")]
    return call("keelboot-apply", "--root", device.root, "--state", device.state, "--mountable", "1", *slots,
                "--source", f"usb:{bundle}", executable=HELPER, code=None, timeout=120)


def refuse(device, path, want):
    """The last lines of stage and install, neither of which writes anything; nor does apply."""
    said = [device(verb, path, "--progress=none", code=want).stderr.splitlines()[-1] for verb in ("stage", "install")]
    assert apply(device, path).returncode in (1, 2)     # not: used wrongly
    assert device.slots["b"].read_bytes() == bytes(8 * MIB) and device.slot("b")["state"] == "empty"
    assert not list(device.data.rglob("*.keel*"))
    return said


@pytest.mark.parametrize("name", ["verity hash block 8192", "verity 67 of 72 blocks", "verity tree at no data block",
                                  "format 65536.0", "created ::", "manifest of 65537 bytes", "zstd: dictionary id 7"])
def test_a_device_says_the_same_and_writes_nothing(device, keys, name):
    refuse(device, *write(name, keys, device.path))


def test_a_device_takes_what_both_readers_take(device, keys):
    path = Forge(keys, IMAGE, **verity(32768)).write(device.path / "x.keel")
    device("stage", path, "--progress=none")
    device("install", path, "--progress=none")
    assert device.slots["b"].read_bytes()[:len(IMAGE)] == IMAGE


def test_a_digest_that_is_wrong_is_named(device, keys):
    """By what decodes a whole image before it uses it. An install compares chunks."""
    path = Forge(keys, IMAGE, **lines(image_digest=NONE)).write(device.path / "x.keel")
    says = f"keelboot: {path}: image root: its chunks are right, but digest= in the manifest differs: the bundle was " \
           "made wrongly; make it again"
    assert device("stage", path, "--progress=none", code=REFUSED).stderr.splitlines()[-1] == says
    assert not list(device.data.rglob("*.keel*"))
    assert run("bundle", "verify", path, "--key", keys.public("signer")).stderr.splitlines()[-1] == says


def test_a_header_that_is_whole_and_wrong_is_not_called_damaged(device, keys):
    for how in (long_manifest(65537)(keys), {"header": {"min_reader": 0}}, {"header": {"tables_len": 1}}):
        path = Forge(keys, IMAGE, **how).write(device.path / "x.keel")
        says = (f"keelboot: {path}: its header is whole, but breaks the format: the bundle was made wrongly; make it "
                "again")
        assert refuse(device, path, REFUSED) == [says, says]


TIB = 1 << 40


def huge(device, keys, **how):
    """A bundle whose signed payload has a tebibyte, most of which is a hole of the file."""
    more = TIB - len(IMAGE)
    if "more" in how:
        how["more"] = how["more"].replace(b"payload-length=0", b"payload-length=%d" % more)
    start, = struct.unpack_from("<Q", Forge(keys, IMAGE, **how).data(), 72)     # payload_off
    how["header"] = {"payload_len": TIB, "total_len": start + TIB}
    path = Forge(keys, IMAGE, **how).write(device.path / "x.keel")
    os.truncate(path, start + TIB)
    return path


def test_stage_looks_at_the_structure_before_it_asks_for_room(device, keys):
    path = huge(device, keys, **lines(encoding_payload_length=TIB))
    done = device("stage", path, "--progress=none", code=REFUSED)
    assert done.stderr == f"keelboot: {path}: image root: there are more stored bytes or records than chunks\n"
    assert not list(device.data.rglob("*.keel*"))


def test_stage_looks_for_room_before_it_takes_any(device, keys):
    """What an encoding of an unknown kind stores is within the format. Allocating it would fill the disk first."""
    path = huge(device, keys, **second()(keys))
    run("bundle", "verify", path, "--key", keys.public("signer"), code=OK)

    def limits():                           # any allocation of this length would be the end
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))

    assert ": no room for 10737" in device("stage", path, "--progress=none", code=FAILURE, limits=limits).stderr
    assert not list(device.data.rglob("*.keel*"))
