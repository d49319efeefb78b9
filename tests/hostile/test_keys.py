# SPDX-License-Identifier: Apache-2.0
"""Which keys a device trusts, which it trusts no more, and how many of them must have signed."""
import itertools
import json
import shutil

import pytest

from hostile import FAILURE, INSTALLED, KEELBOOT, OK, VERIFY, Forge, start

NAMES = ("signer", "second", "stranger")        # Ed25519, P-256, Ed25519


def ring(target, trusted, retired=()):
    """The keyring of the device anew: files that are named as the keys."""
    folder = target.root / "etc/keelboot/keys"
    shutil.rmtree(folder)
    folder.mkdir()
    for name in trusted:
        shutil.copy(target.keys.public(name), folder / f"{name}.pem")
    if retired:
        (folder / "retired.d").mkdir()
    for name in retired:
        shutil.copy(target.keys.public(name), folder / f"retired.d/{name}-2020.pem")
    return folder


def no_keys(folder) -> str:
    return f"no usable public key in {folder}: no update can be verified or installed"


def is_unreadable(target, bundle) -> None:
    """What is among the retired keys may be one: none of the others is trusted."""
    folder = target.root / "etc/keelboot/keys"
    target.refuses(bundle, VERIFY, f"keyring {folder}: the keys cannot be read: malformed or damaged data")
    target.apply_stops(bundle, no_keys(folder))


def signed(target, keys, image, *names):
    return Forge(keys, image, signed=list(names)).write(target.path / f"by-{'-'.join(names)}.keel")


# ---------------------------------------------------------------- threat 10


@pytest.mark.parametrize("name", ["signer", "second"])
@pytest.mark.parametrize("still_there", [False, True])
def test_t10_retired_key_signs_nothing_and_is_named(target, keys, image, name, still_there, cases):
    """Also when nobody took it away from the others; for every way by which a bundle comes in."""
    others = [other for other in ("signer", "second") if other != name]
    folder = ring(target, [*others, *([name] if still_there else [])], [name])
    bundle = signed(target, keys, image, name)
    says = f'signed by the retired key "{name}-2020", which this device no longer trusts'
    target.refuses(bundle, VERIFY, f"BUNDLE: {says}")
    for rescue in False, True:
        target.apply_refuses(bundle, f"refused: {says}", rescue=rescue)
    target.refuses(bundle, VERIFY, f"BUNDLE: {says}", verbs=("install --again",))
    for result in (*(target.go(verb, bundle, "--progress=json") for verb in ("install", "stage")),
                   start([KEELBOOT, "bundle", "verify", "--json", bundle, "--keys", folder])):
        told = json.loads(result.out)
        assert (told["error"], told["exit"]) == (says, VERIFY)
    for verb in "verify", "inspect", "extract":
        extra = ["-o", target.path / "out"] if verb == "extract" else []
        start([KEELBOOT, "bundle", verb, bundle, "--keys", folder, *extra]).ends(VERIFY, f"{bundle}: {says}")
    cases(10)
    # What another key signed too is as good as ever.
    target.installs(signed(target, keys, image, name, *others), image)


def test_t10_retired_key_is_one_whatever_its_file_is_called(target, keys, image, cases):
    told = {"old.pem": "old", ".old.pem": ".old", "\u2026": "???"}
    names = ["old.pub", "old.PEM", "old.pem.bak", "old", "...", "-", "o ld", *told]
    bundle = signed(target, keys, image, "signer")
    for name in names:
        folder = ring(target, ["signer", "second"], ["signer"])
        (folder / "retired.d/signer-2020.pem").rename(folder / "retired.d" / name)
        shown = told.get(name, name)
        target.unsigned(bundle, f'signed by the retired key "{shown}", which this device no longer trusts')
    cases(3 * len(names))


def test_t10_what_is_no_key_among_the_retired_leaves_none_trusted(target, keys, image, cases):
    """It may have been meant to be one."""
    bundle = signed(target, keys, image, "second")
    for name in "why.txt", ".keep", "older", "link":
        path = ring(target, ["signer", "second"], ["signer"]) / "retired.d" / name
        if name == "older":
            path.mkdir()
        elif name == "link":
            path.symlink_to("nowhere")
        else:
            path.write_text("lost in 2020")
        is_unreadable(target, bundle)
    cases(12)


def test_t10_two_keys_in_one_file_are_none(target, keys, image, cases):
    """Retired was the first of them, and the second trusted on."""
    bundle = signed(target, keys, image, "signer")
    two = keys.public("second").read_bytes() + keys.public("signer").read_bytes()
    path = ring(target, ["signer"], ["second"]) / "retired.d/second-2020.pem"
    path.write_bytes(two)
    is_unreadable(target, bundle)
    # Among the trusted ones neither counts.
    folder = ring(target, ["second"])
    (folder / "both.pem").write_bytes(two)
    target.unsigned(bundle, "not signed by the one trusted key")
    cases(4)


def test_t10_nobody_is_accused_of_a_signature_that_is_none(target, keys, image):
    """An entry that only names the retired key, with another's signature: it is of nobody."""
    ring(target, ["second"], ["signer"])

    def area(header):
        other = keys.entry("stranger", header)
        return other[:6] + keys.entry("signer", header)[6:22] + other[22:]

    bundle = Forge(keys, image, area=area).write(target.path / "accused.keel")
    target.refuses(bundle, VERIFY, "BUNDLE: not signed by the one trusted key")


@pytest.mark.parametrize("by, required, retired", [(["signer"], 1, ["signer"]), (["second"], 2, [])])
def test_t16_a_rescue_remembers_what_was_signed_by_less(target, keys, image, by, required, retired):
    """The slots hold what a key signed that is retired since, or one where two have to by now: it was genuine when it
    came, and a floor that was reached with it is no forged one."""
    own = Forge(keys, image, lines={"bundle sequence": 10, "bundle floor": 10}, signed=by)
    own = own.write(target.path / "own.keel")
    target("state", "init", "--force", "--slots", 2, "--good", "a", "--bundle", own, "--floor", 10)
    ring(target, ["signer", "second", "stranger"], retired)
    target.configure(f"[keyring]\nsignatures-required={required}\n")
    target.remember()
    for sequence, refused in (9, True), (11, False):
        lines = {"bundle sequence": sequence, "bundle version": f"1.{sequence}"}
        bundle = Forge(keys, image, lines=lines, signed=["second", "stranger"]).write(target.path / f"{sequence}.keel")
        if refused:
            target.apply_refuses(bundle, f"version 1.{sequence}: skipped: below this device's rollback "
                                 "floor; use a newer release", rescue=True)
        else:
            assert target.apply(bundle, rescue=True).code == INSTALLED
    assert target.json("status")["floor"] == 10


def test_t10_keyring_of_retired_keys_alone_trusts_nothing(target, keys, image):
    folder = ring(target, [], ["signer"])
    bundle = signed(target, keys, image, "signer")
    target.refuses(bundle, FAILURE, f"keyring {folder}: no usable key, so no bundle can be verified; put a public key "
                   "(*.pem) there")
    target.apply_stops(bundle, no_keys(folder))


def test_t10_so_many_different_keys_must_have_signed(tmp_path, keys, image, cases):
    """Every set of signers, in every order and with each signing twice, against every keyring and number."""
    n = 0
    bundles = {}
    for count in range(len(NAMES) + 1):
        for signers in itertools.permutations(NAMES, count):
            for times in 1, 2:
                path = tmp_path / f"{'-'.join(signers)}-{times}.keel"
                bundles[signers, times] = Forge(keys, image, signed=list(signers) * times, cap=2048).write(path)
    for trusted in (("signer",), ("signer", "second"), NAMES):
        public = [arg for name in trusted for arg in ("--key", keys.public(name))]
        for required in range(1, len(trusted) + 2):
            for (signers, _), bundle in bundles.items():
                valid = [name for name in trusted if name in signers]
                ring_of = "the one trusted key" if len(trusted) == 1 else f"any of the {len(trusted)} trusted keys"
                who = f"{len(valid)} trusted key{'' if len(valid) == 1 else 's'} ({', '.join(valid)})"
                says = f"signed by {who}, but {required} must sign" if valid else f"not signed by {ring_of}"
                wanted = (OK, "") if len(valid) >= required else (VERIFY, f"{bundle}: {says}")
                start([KEELBOOT, "bundle", "inspect", bundle, *public, "--signatures-required", required]).ends(*wanted)
                n += 1
    cases(n)


@pytest.mark.parametrize("trusted", ["second", "y" * 60])
@pytest.mark.parametrize("retired", ["signer-2020", "x" * 60])
def test_t10_retired_key_hides_not_how_many_have_to_sign(target, keys, image, retired, trusted):
    """Of two signatures one is good, and one more is wanted: whoever reads only of the other takes it out, in vain."""
    folder = ring(target, ["second", "stranger"], ["signer"])
    (folder / "second.pem").rename(folder / f"{trusted}.pem")
    (folder / "retired.d/signer-2020.pem").rename(folder / f"retired.d/{retired}.pem")
    target.configure("[keyring]\nsignatures-required=2\n")
    bundle = signed(target, keys, image, "second", "signer")
    says = (f'signed by 1 trusted key ({trusted[:40]}), but 2 must sign; the retired key "{retired[:30]}" '
            "does not count")
    target.unsigned(bundle, says)
    told = json.loads(start([KEELBOOT, "bundle", "verify", "--json", bundle, "--keys", folder, "--signatures-required",
                             "2"]).out)
    assert (told["error"], told["exit"]) == (says, VERIFY)
    # Of the retired one alone it is enough to say that.
    target.refuses(signed(target, keys, image, "signer"), VERIFY,
                   f'BUNDLE: signed by the retired key "{retired[:40]}", which this device no longer trusts')
    assert target.apply(signed(target, keys, image, "second", "stranger", "signer")).code == INSTALLED


def test_t10_one_key_under_two_names_is_one(target, keys, image):
    folder = ring(target, ["signer", "second"])
    shutil.copy(keys.public("signer"), folder / "another.pem")
    target.configure("[keyring]\nsignatures-required=2\n")
    bundle = signed(target, keys, image, "signer", "signer")
    target.unsigned(bundle, "signed by 1 trusted key (another), but 2 must sign")
    assert target.apply(signed(target, keys, image, "second", "signer")).code == INSTALLED


def test_t10_number_that_no_keyring_reaches_refuses_all(target, keys, image):
    folder = ring(target, ["signer", "second"], ["second"])     # one of the two is left
    target.configure("[keyring]\nsignatures-required=2\n")
    bundle = signed(target, keys, image, "signer", "second")
    target.refuses(bundle, FAILURE, f"keyring {folder}: signatures-required=2, but only 1 key: no bundle can be "
                   "verified; put more public keys (*.pem) there")
    target.apply_stops(bundle, no_keys(folder))
