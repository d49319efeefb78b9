# SPDX-License-Identifier: Apache-2.0
"""Who signed what, and what it covers."""
import itertools
import re
import struct
import subprocess

import keelreader
import pytest

from hostile import DAMAGED, FAILURE, KEELBOOT, OK, TOP, VERIFY, Forge, driver, flipped, sha256, signature_entry
from hostile import start

NOBODY = "not signed by any of the 2 trusted keys"
UNSIGNED = f"BUNDLE: {NOBODY}"
AREA = "its signature area is damaged; copy it again"


# ---------------------------------------------------------------- threat 3


@pytest.mark.parametrize("how, says", [
    ({"signed": []}, NOBODY), ({"cap": 0, "signed": []}, NOBODY), ({"cap": 3, "signed": []}, NOBODY),
    ({"signed": ["stranger"]}, NOBODY), ({"signed": ["stranger", "foreign"]}, NOBODY),
    ({"area": lambda header: signature_entry(1, bytes(16), b"")}, AREA),
    ({"area": lambda header: b"\xff" * 512}, AREA),
    ({"area": lambda header: struct.pack("<HH", 9, 0) * 65}, AREA),
    ({"area": lambda header: struct.pack("<HH", 1, 509) + bytes(508)}, AREA),
])
def test_t03_stripped_empty_or_of_strangers(target, image, how, says):
    target.unsigned(target.forge(image, **how), says)


@pytest.mark.parametrize("ring", ["missing", "empty", "rubbish", "private", "a file"])
def test_t03_without_a_keyring_nothing_is_trusted(target, keys, genuine, ring):
    folder = target.root / "etc/keelboot/keys"
    for file in folder.iterdir():
        file.unlink()
    if ring in ("missing", "a file"):
        folder.rmdir()
    if ring == "a file":
        folder.write_bytes(keys.public("signer").read_bytes())
    if ring == "rubbish":
        (folder / "signer.pem").write_bytes(b"-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n")
    if ring == "private":
        (folder / "signer.pem").write_bytes(keys.private("signer").read_bytes())
    target.refuses(genuine, FAILURE, f"keyring {folder}: no usable key, so no bundle can be verified; put a public key "
                   "(*.pem) there")
    target.apply_stops(genuine, f"no usable public key in {folder}: no update can be verified or installed")


# ---------------------------------------------------------------- threat 9


def test_t09_parts_of_two_bundles(target, keys, image, cases):
    """Every mixture of the five parts of two genuine bundles that are alike but for what is in them."""
    other = bytes(reversed(image))
    data = [Forge(keys, part, lines={"bundle version": version}).data()
            for part, version in ((image, "2.0"), (other, "3.0"))]
    head = keelreader.Header(data[0][:512])
    assert len(data[0]) == len(data[1]) and keelreader.Header(data[1][:512]).payload_off == head.payload_off
    cuts = [0, 512, head.manifest_off, head.tables_off, head.payload_off, len(data[0])]
    bad = target.path / "bad.keel"
    says = {0: UNSIGNED, 1: UNSIGNED, 2: "BUNDLE: its manifest is damaged; copy it again",
            3: "BUNDLE: image root: the list of its hash pages is damaged; copy it again",
            4: f"BUNDLE: {DAMAGED}"}
    mixtures = [mix for mix in itertools.product((0, 1), repeat=5) if len(set(mix)) > 1]
    for mix in mixtures:
        bad.write_bytes(b"".join(data[which][cuts[i]:cuts[i + 1]] for i, which in enumerate(mix)))
        # The first part that does not belong to those before it is what says no.
        first = next(i for i in range(1, 5) if mix[i] != mix[0])
        target.refuses(bad, VERIFY, says[first], verbs=("install",))
    cases(len(mixtures))


# ---------------------------------------------------------------- threat 10


def test_t10_every_set_of_signatures_against_every_keyring(tmp_path, keys, image, cases):
    """A bundle is taken if, and only if, one of those who signed it is in the keyring."""
    names = ("signer", "second", "stranger", "foreign")
    tried = 0
    for signed in itertools.chain.from_iterable(itertools.combinations(names, n) for n in range(4)):
        bundle = Forge(keys, image, signed=list(signed)).write(tmp_path / "x.keel")
        for ring in itertools.chain.from_iterable(itertools.combinations(names, n) for n in (1, 2)):
            options = [word for name in ring for word in ("--key", keys.public(name))]
            says = f"{bundle}: not signed by {'the one trusted key' if len(ring) == 1 else 'any of the 2 trusted keys'}"
            start([KEELBOOT, "bundle", "verify", bundle, *options]).ends(
                *((OK, "") if set(signed) & set(ring) else (VERIFY, says)))
            tried += 1
    cases(tried)


def test_t10_key_that_was_taken_away_is_trusted_no_more(target, keys, genuine, image):
    """Threat 10 with a device whose keyring changes: `install` reads it anew each time."""
    (target.root / "etc/keelboot/keys/signer.pem").unlink()
    target.refuses(genuine, VERIFY, "BUNDLE: not signed by the one trusted key")
    both = Forge(keys, image, signed=["signer", "second"]).write(target.path / "both.keel")
    target.installs(both, image)


# ---------------------------------------------------------------- threat 14


def test_t14_entry_that_claims_another_algorithm(target, keys, image, cases):
    """The key fixes the algorithm: of 256 numbers one is taken, for each key."""
    bad = target.path / "bad.keel"
    for name, own in (("signer", 1), ("second", 2)):
        good = Forge(keys, image, signed=[name]).data()
        assert good[516] == own
        for number in (*range(8), 16, 64, 128, 254, 255):
            if number == own:
                continue
            bad.write_bytes(good[:516] + bytes([number]) + good[517:])
            target.refuses(bad, VERIFY, UNSIGNED, verbs=("install",))
    cases(2 * 12)


def test_t14_sha_1_is_no_signature(target, keys, image):
    bad = target.forge(image, area=lambda header: keys.entry("second", header, digest="-sha1"))
    target.refuses(bad, VERIFY, UNSIGNED)


def test_t14_signature_of_another_key_under_a_trusted_id(target, keys, image):
    def swapped(header):
        entry = keys.entry("stranger", header)
        return entry[:6] + keelreader.PublicKey(keys.public("signer")).id + entry[22:]

    target.refuses(target.forge(image, area=swapped), VERIFY, UNSIGNED)


@pytest.mark.parametrize("kind", [
    "RSA -pkeyopt rsa_keygen_bits:1024", "RSA -pkeyopt rsa_keygen_bits:2048", "EC -pkeyopt ec_paramgen_curve:P-384",
    "EC -pkeyopt ec_paramgen_curve:secp256k1", "ED448", "X25519"])
def test_t14_keys_of_other_kinds_are_no_keys(target, genuine, kind):
    """In the keyring they are passed over, and named; alone there, nothing is trusted."""
    folder = target.root / "etc/keelboot/keys"
    private = target.path / "weak.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", *kind.split(), "-out", private], check=True,
                   capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", folder / "weak.pem"], check=True)
    for name in ("signer", "second"):
        (folder / f"{name}.pem").unlink()
    result = target.go("install", genuine, "--progress=none")
    assert result.code == FAILURE
    assert result.err.decode().splitlines() == [f"keelboot: {line}" for line in (
        f'keyring: {folder}/weak.pem skipped: malformed or damaged data; expected one PEM "PUBLIC KEY", Ed25519 or '
        "P-256 with the uncompressed point, in each file",
        f"keyring {folder}: no usable key, so no bundle can be verified; put a public key (*.pem) there")]
    target.untouched()


@pytest.mark.parametrize("s", ["zero", "order", "huge", "negative", "trailing"])
def test_t14_malformed_ecdsa_values(target, keys, image, s):
    """What OpenSSL's own reader of DER gets to see of a stranger's, and no more."""
    order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551

    def integer(value: bytes) -> bytes:
        return b"\x02" + bytes([len(value)]) + value

    def area(header):
        first = integer(b"\x01")
        values = {"zero": first + integer(b"\0"), "order": first + integer(b"\0" + order.to_bytes(32, "big")),
                  "huge": first + integer(b"\x7f" * 60), "negative": first + integer(b"\xff" * 32),
                  "trailing": first + first + b"\0\0"}
        der = b"\x30" + bytes([len(values[s])]) + values[s]
        return signature_entry(2, keelreader.PublicKey(keys.public("second")).id, der)

    target.refuses(target.forge(image, area=area), VERIFY, UNSIGNED)


# ---------------------------------------------------------------- threat 8


def test_t08_what_is_not_signed_changes_nothing(tmp_path, keys, image, cases):
    """Extra entries, other signers, another capacity: the same release, the same content."""
    told = set()
    ways = [{}, {"signed": ["second"]}, {"signed": ["stranger", "signer"]}, {"cap": 4096}, {
        "area": lambda header: struct.pack("<HH", 0x7777, 5) + b"floor" + keys.entry("signer", header)}]
    for i, how in enumerate(ways):
        data = Forge(keys, image, **how).write(tmp_path / f"{i}.keel").read_bytes()
        read = keelreader.Bundle(data, [keelreader.PublicKey(keys.public(name)) for name in ("signer", "second")])
        result = start([KEELBOOT, "bundle", "inspect", tmp_path / f"{i}.keel", "--key", keys.public("signer"), "--key",
                        keys.public("second"), "--json"])
        assert result.code == OK, result.err
        release = re.search(rb'"release": ?"(\w+)"', result.out)[1]
        assert release == read.manifest.release_id().hex().encode()
        told.add((release, sha256(read.read_image("root"))))
    assert len(told) == 1
    cases(len(ways))


# ---------------------------------------------------------------- threat 15


@pytest.mark.parametrize("verify_first", [True, False])
def test_t15_each_call_of_openssl_fails_in_turn(tmp_path, keys, image, cases, verify_first):
    (tmp_path / "image").write_bytes(image)
    data = Forge(keys, image, signed=["stranger", "second", "signer"]).data()
    head = keelreader.Header(data[:512])
    bundles = {"genuine": data, "unsigned": Forge(keys, image, signed=[]).data(),
               "stranger": Forge(keys, image, signed=["stranger", "foreign"]).data(),
               "manifest": flipped(data, head.manifest_off + 20), "hashes": flipped(data, head.tables_off + 40),
               "list": flipped(data, head.tables_off), "records": flipped(data, head.payload_off - 1),
               "payload": flipped(data, head.payload_off + 9), "signature": flipped(flipped(data, 700), 620)}
    for name, content in bundles.items():
        (tmp_path / name).write_bytes(content)
    lines = driver("fail", keys.ring, tmp_path / "image", *(tmp_path / name for name in bundles),
                   verify_first=verify_first)
    assert [line for line in lines if line[0] == "WRONG"] == []
    assert [line[2].rsplit("/", 1)[1] for line in lines] == list(bundles)
    # Of the genuine one nearly all are refused; a call whose failure was for nothing may not matter.
    assert int(lines[0][0]) > 200 and int(lines[0][1]) < int(lines[0][0]) / 4
    assert all(int(line[0]) > 50 and int(line[1]) == 0 for line in lines[1:])
    cases(sum(int(line[0]) for line in lines))


@pytest.mark.threat(10)
def test_t15_retired_key_stays_retired_whatever_fails(tmp_path, keys, image, cases):
    """It lies among the trusted ones too: only retired.d keeps it from being one."""
    ring = tmp_path / "ring"
    (ring / "retired.d").mkdir(parents=True)
    for folder, names in ((ring, ("signer", "stranger", "foreign")), (ring / "retired.d", ("stranger", "foreign"))):
        for name in names:
            (folder / f"{name}.pem").write_bytes(keys.public(name).read_bytes())
    (tmp_path / "image").write_bytes(image)
    genuine = Forge(keys, image).write(tmp_path / "genuine")
    retired = Forge(keys, image, signed=["stranger", "foreign"]).write(tmp_path / "retired")
    lines = driver("fail", ring, tmp_path / "image", genuine, retired, verify_first=True)
    assert [line for line in lines if line[0] == "WRONG"] == []
    assert [int(line[1]) > 0 for line in lines] == [True, False]
    cases(sum(int(line[0]) for line in lines))


@pytest.mark.parametrize("content", [b"", b"rubbish", b"-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----\n"])
def test_t10_retired_key_that_cannot_be_read_leaves_none_trusted(target, genuine, content):
    folder = target.root / "etc/keelboot/keys"
    (folder / "retired.d").mkdir()
    (folder / "retired.d/old.pem").write_bytes(content)
    target.refuses(genuine, VERIFY, f"keyring {folder}: the keys cannot be read: malformed or damaged data")
    target.apply_stops(genuine, f"no usable public key in {folder}: no update can be verified or installed")


def test_t15_every_call_that_verifies_is_among_them():
    """What update/ wants of OpenSSL, but for what cannot fail. ossl.o is for the start of a program, which ends there
    when it fails."""
    wanted = set()
    for path in set((TOP / "build/obj/update").rglob("*.o")) - {TOP / "build/obj/update/crypto/ossl.o"}:
        wanted.update(re.findall(r" U ((?:EVP|OSSL|OPENSSL|ERR|EC|BN|d2i|i2d|PEM|BIO|X509)_\w+)",
                                 subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout))
    wrapped = set(re.findall(r"^WRAP\([^,]*, (\w+),", (TOP / "tests/hostile/fail_main.c").read_text(), re.M))
    cannot_fail = {name for name in wanted
                   if name.endswith("_free") or name.startswith(("OSSL_PARAM_construct", "ERR_"))}
    assert wanted and not wanted - cannot_fail - wrapped
