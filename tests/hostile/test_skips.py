# SPDX-License-Identifier: Apache-2.0
"""Threat 44: a fault from outside makes the processor skip a check. Nothing here is hardened against that
(docs/LIMITS.md); these tests pin how far one skipped call gets."""
import os

import keelreader
import pytest

from hostile import CHUNK, HELPER, Forge, Keys, driver, flipped, start

VERIFIED, UNVERIFIED, FOREIGN = 0, 5, 6         # of keelboot-verify
# What one skip is enough for: the bundle is on trial. What keelboot-verify says of that, when it is asked again, before
# the slot is booted (verify-slot=boot or always).
ENOUGH = {
    ("unsigned", "keyring_check"): UNVERIFIED,
    ("forged", "keyring_check"): UNVERIFIED,
    ("forged", "EVP_DigestVerify"): UNVERIFIED,
    ("manifest", "memcmp"): UNVERIFIED,
    ("foreign", "manifest_is_for"): FOREIGN,
    ("old", "plan_accept"): VERIFIED,
    # Nothing is written, and nobody notices: the slot holds what it held. dm-verity does, where there is a root hash.
    ("tables", "install_check_pair"): VERIFIED,
    ("payload", "install_check_pair"): VERIFIED,
    ("last chunk", "install_check_pair"): VERIFIED,
}
UNSIGNED = [case for case, said in ENOUGH.items() if said == UNVERIFIED]
# With a genuine bundle: what the slot held stays where the image should be. A comparison that is skipped says that the
# slot has a block already, or that the sector of a superblock is to stay zero: such a slot does not mount.
STALE = {"memcmp", "bytes_all", "install_check_pair", "install_seal_take_off"}


@pytest.fixture(name="image")
def make_image():
    """Of its ten chunks two lie behind the seal, where they are written before all was checked."""
    return b"".join(bytes([i]) * 2048 + bytes(range(256)) * 8 for i in range(1, 1 + 10 * CHUNK // 4096))


@pytest.fixture(name="bundles")
def make_bundles(tmp_path, keys: Keys, image) -> list:
    other = bytes(reversed(image))
    good, evil = Forge(keys, image).data(), Forge(keys, other).data()
    head = keelreader.Header(good[:512])

    def forged(header):
        entry = keys.entry("signer", header)
        return flipped(entry, len(entry) - 1)

    content = {
        "genuine": good,
        "unsigned": Forge(keys, other, signed=[]).data(),
        "forged": Forge(keys, other, area=forged).data(),
        **{name: good[:at] + evil[at:] for name, at in
           (("manifest", head.manifest_off), ("tables", head.tables_off), ("payload", head.payload_off))},
        "last chunk": flipped(good, len(good) - 1),
        "foreign": Forge(keys, image, lines={"bundle compatible": "other"}).data(),
        "old": Forge(keys, image, lines={"bundle sequence": 1}).data(),
    }
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    return [tmp_path / name for name in content]


def verified(target, state) -> int:
    """What keelboot-verify, as process 1 asks it, says of slot b."""
    with open(os.devnull, "wb") as answer:
        return start(["keelboot-verify", "--state", state, "--slot", "b", "--root", target.root], executable=HELPER,
                     close_fds=False, preexec_fn=lambda: os.dup2(answer.fileno(), 3)).code


@pytest.mark.parametrize("verify_first", [True, False])
def test_t44_one_skipped_call(tmp_path, target, keys, image, bundles, verify_first, cases):
    """A chunk, or a table, that is not what was signed gets nowhere by one skip: each is hashed more than once, the
    chunk in the end from the medium. What is asked once is who signed, whether the manifest is what was signed, for
    which model, and how old it is; the first three of these once more before each boot, if the device is told to."""
    (tmp_path / "image").write_bytes(image)
    lines = driver("skip", keys.ring, tmp_path / "image", tmp_path, *bundles, verify_first=verify_first)
    found = {(bundle, call): tuple(map(int, counts)) for *counts, bundle, call in lines}
    tried, boots, unsigned_boots, stale_boots, unsigned = range(5)
    assert {bundle for bundle, _ in found} == {path.name for path in bundles}

    assert all(counts[tried] > 0 and counts[unsigned] == 0 for case, counts in found.items() if case[0] == "genuine")
    assert {call for (bundle, call), counts in found.items() if bundle == "genuine" and counts[stale_boots]} == STALE

    bad = {case: counts for case, counts in found.items() if case[0] != "genuine"}
    assert {case for case, counts in bad.items() if counts[boots]} == set(ENOUGH)
    assert {case for case, counts in bad.items() if counts[unsigned_boots]} == set(UNSIGNED)
    # A chunk whose hash nobody compared is written, where nobody did before; reading it back is the second line.
    written = {case for case, counts in bad.items() if counts[unsigned] and not counts[boots]}
    assert written == (set() if verify_first else {("last chunk", "memcmp")})
    for (bundle, call), said in ENOUGH.items():
        assert verified(target, tmp_path / f"{bundle}.{call}") == said, (bundle, call)
    cases(sum(counts[tried] for counts in found.values()))
