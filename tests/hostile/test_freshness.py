# SPDX-License-Identifier: Apache-2.0
"""Old releases, releases for others, releases that failed: what a device remembers, and what it does not."""
import os
import re

import pytest
from cli_device import edit
from hostile import (DAMAGED, FAILED, FAILURE, INCOMPATIBLE, INSTALLED, NOTHING, VERIFY, Forge, flipped, is_damaged,
                     keelreader)


PROCESSOR = os.uname().machine      # on those that this suite runs on, a release calls it the same
OLDER = "below this device's rollback floor; use a newer release"
NOT_NEWER = "not newer than what is installed; to go back: keelboot install FILE"
FAILED_HERE = "this release failed on this device before; to try again: keelboot install --again FILE"
BARRED = ("too many releases failed on this device; only newer ones are installed automatically{}; to install this "
          "one: keelboot install FILE")
FAILED_IN_B = FAILED_HERE.replace(";", " (no network);")


def release(target, keys, image, version, sequence, **how):
    lines = {"bundle version": version, "bundle sequence": sequence, **how.pop("lines", {})}
    return Forge(keys, image, lines=lines, **how).write(target.path / f"{version}.keel")


# ---------------------------------------------------------------- threat 16


@pytest.mark.parametrize("sequence", [9, 10, 1])
def test_t16_old_release_is_not_installed_by_itself(target, keys, image, sequence):
    bundle = release(target, keys, image, "0.9", sequence)
    target.refuses(bundle, INCOMPATIBLE, f"0.9 (sequence {sequence}): refused: {NOT_NEWER}", verbs=("stage",))
    target.apply_refuses(bundle, f"version 0.9: skipped: {NOT_NEWER}")


def test_t16_below_the_floor_not_even_a_person(target, keys, image, cases):
    """Not by `install`, not by --again, not by a rescue, not with the signer's permission to go back."""
    own = release(target, keys, image, "1.0", 10, lines={"bundle floor": 10})
    target("state", "init", "--force", "--slots", 2, "--good", "a", "--bundle", own, "--floor", 10)
    target.remember()
    permitted = {"bundle allow-downgrade": "yes"}
    for lines in {}, permitted:
        bundle = release(target, keys, image, "0.9", 9, lines=lines)
        says = "0.9 (sequence 9): refused: below this device's rollback floor (10); use a newer release"
        target.refuses(bundle, INCOMPATIBLE, says, verbs=("install", "stage", "install --again"))
        for rescue in False, True:
            target.apply_refuses(bundle, f"version 0.9: skipped: {OLDER}", rescue=rescue)
    cases(10)


def test_t16_a_rescue_goes_by_the_floor_that_somebody_signed(target, keys, image):
    """The state's own word is a stranger's: neither keeps it the repair out, nor does it open the way behind a floor
    that a trusted key signed."""
    own = release(target, keys, image, "1.0", 10, lines={"bundle floor": 10})
    target("state", "init", "--force", "--slots", 2, "--good", "a", "--bundle", own, "--floor", 10)
    edit(target, floor=1 << 60)
    target.remember()
    target.apply_refuses(release(target, keys, image, "0.9", 9), f"version 0.9: skipped: {OLDER}", rescue=True)
    newer = release(target, keys, image, "1.1", 11)
    target.apply_refuses(newer, f"version 1.1: skipped: {OLDER}")
    assert target.apply(newer, rescue=True).code == INSTALLED


def test_t16_going_back_takes_the_signers_permission_or_a_persons_order(target, keys, image):
    bundle = release(target, keys, image, "0.9", 9, lines={"bundle allow-downgrade": "yes"})
    assert target.apply(bundle).code == INSTALLED
    assert target.slot("b")["sequence"] == 9


# ---------------------------------------------------------------- threat 17


def test_t17_floor_moves_on_commit_only(target, keys, image):
    """A release far ahead that is installed, fails, and is left: the device takes the next honest one."""
    bundle = release(target, keys, image, "9.0", 1000, lines={"bundle floor": 1000})
    target.installs(bundle, image)
    assert target.json("status")["floor"] == 0
    target("mark", "bad", "b", "--reason", "it was a trap")
    assert target.json("status")["floor"] == 0
    honest = release(target, keys, bytes(reversed(image)), "2.0", 20)
    target.installs(honest, bytes(reversed(image)))
    target.boot("b")
    target("mark", "good")
    assert target.json("status")["floor"] == 0


def test_t17_floor_never_leads_its_own_release(target, keys, image):
    bad = release(target, keys, image, "2.0", 20, lines={"bundle floor": 21})
    target.refuses(bad, VERIFY, "BUNDLE: manifest line 8: [bundle] floor: above sequence")


# ---------------------------------------------------------------- threat 19


@pytest.mark.parametrize("names", ["other-board", "test-boar", "test-board2", "TEST-BOARD", "test_board",
                                   "test-board.", "a,b,c,d,e,f,g,h"])
def test_t19_other_models(target, keys, image, names):
    """Names are equal or they are not; nobody's option overrides that."""
    bad = release(target, keys, image, "2.0", 20, lines={"bundle compatible": names})
    first = names.split(",")[0]
    others = " and others" if "," in names else ""
    says = f'made for "{first}"{others}, but this device is "test-board"'
    target.refuses(bad, INCOMPATIBLE, f"BUNDLE: {says}", verbs=("stage", "install", "install --again"))
    for rescue in False, True:
        target.apply_refuses(bad, f"version 2.0: skipped: {says}", rescue=rescue)


@pytest.mark.parametrize("names", ["hexagon", "X86_64,AARCH64", "x86-64,arm64,armv7l,i686", "x86_64-v9"])
def test_t19_other_processors(target, keys, image, names):
    """A name is one of the list, or no device's: nor is it part of one, and no option overrides that."""
    bad = release(target, keys, image, "2.0", 20, lines={"bundle processor": names})
    says = (f"made for processor {names.replace(',', ' or ')}, but this device is {PROCESSOR}: use a bundle for this "
            "device")
    target.refuses(bad, INCOMPATIBLE, f"BUNDLE: {says}", verbs=("stage", "install", "install --again"))
    for rescue in False, True:
        target.apply_refuses(bad, f"version 2.0: skipped: {says}", rescue=rescue)


def test_t19_one_of_the_processors_is_enough(target, keys, image):
    names = f"hexagon,{PROCESSOR}"
    target.installs(release(target, keys, image, "2.0", 20, lines={"bundle processor": names}), image)


NOT_ALLOWED = "has a character that is not allowed here"


@pytest.mark.parametrize("names, says", [
    ("", "empty, or begins or ends with a space"), (",", "empty"), ("test-board,", "empty"), (",test-board", "empty"),
    ("test-board,test-board", "a name twice"), ("test-board x", NOT_ALLOWED), ("*", NOT_ALLOWED),
    ("test-*", NOT_ALLOWED), ("a" * 49, "too long"), (",".join("abcdefghi"), "more than 8 names"),
])
def test_t19_lists_of_models_that_are_none(target, keys, image, names, says):
    bad = release(target, keys, image, "2.0", 20, lines={"bundle compatible": names})
    target.refuses(bad, VERIFY, f"BUNDLE: manifest line 3: [bundle] compatible: {says}")


def test_t19_device_that_does_not_know_what_it_is_takes_nothing(target, genuine):
    (target.root / "etc/keelboot/system.conf").write_text(f"[source.data]\nmount={target.data}\n")
    target.refuses(genuine, FAILURE, "system.conf does not say what this device is; set [system] compatible=")
    target.apply_stops(genuine, "no system.conf, or no compatible= in it: no update is installed")


# ---------------------------------------------------------------- threat 20


@pytest.mark.parametrize("created", [None, "1970-01-01T00:00:00Z", "2038-01-19T03:14:08Z", "2106-02-07T06:28:16Z",
                                     "9999-12-31T23:59:59Z", "0000-01-31T23:59:60Z"])
def test_t20_no_time_decides_anything(target, keys, image, created):
    """`created` is for people, whatever it says; there is no clock in the rules."""
    lines = {"bundle created": created} if created else {}
    target.installs(release(target, keys, image, "2.0", 20, lines=lines), image)


def test_t20_history_of_a_device_without_a_clock(target, keys, genuine, image):
    """Nothing but what people read has a time in it."""
    target.installs(genuine, image)
    text = target("state", "show").stdout
    assert not re.search(r"19[67]\d-|20\d\d-|time", text)


# ---------------------------------------------------------------- beyond the list


def test_damaged_copies_do_not_poison_the_genuine_one(target, keys, genuine, image, cases):
    """Ten boots with a damaged copy of a release, one with a sound one, verified first or not."""
    data = genuine.read_bytes()
    bad = target.path / "damaged.keel"
    for first in "yes", "no":
        target.configure(f"[source.media]\nverify-first={first}\n")
        why = DAMAGED if first == "yes" else is_damaged(2)
        for i in range(10):
            bad.write_bytes(flipped(data, len(data) - 1 - 97 * i))
            target.apply_refuses(bad, f"version 2.0: not installed: {why}", FAILED, written=first == "no")
    shown = target.json("state", "show")
    assert (shown["rejected"], shown["applied"], shown["installs"], shown["unwritable"]) == ([], [], 0, [])
    assert target.apply(bad, genuine).code == INSTALLED
    assert target.slots["b"].read_bytes()[:len(image)] == image
    cases(21)


def test_nine_rejected_releases_make_no_room_for_the_first(target, keys, image, cases):
    """Installed by themselves, rejected, a commit of the good slot between them: then all nine again, on one stick."""
    stick = []
    for i in range(9):
        bundle = release(target, keys, image + bytes([i]) * 4096, f"2.{i}", 20 + i)
        stick.append(bundle)
        assert target.apply(bundle).code == INSTALLED
        target("mark", "bad", "b", "--reason", "it does not work")
        target("mark", "good")
    assert len(target.json("state", "show")["rejected"]) == 8
    target.remember()
    for bundle in stick:
        says = BARRED.format("") if bundle == stick[0] else FAILED_HERE
        target.apply_refuses(bundle, f"version {bundle.stem}: skipped: {says}")
    assert target.apply(*stick).code == NOTHING
    target.go("stage", stick[0], "--progress=none").ends(
        INCOMPATIBLE, "2.0 (sequence 20): refused: " + BARRED.format(" (above sequence 27)"))
    target.untouched()
    # The mended release, and a person's order, are taken as ever.
    target.installs(stick[0], image)
    target("mark", "bad", "b")
    assert target.apply(release(target, keys, image, "3.0", 40)).code == INSTALLED
    cases(30)


def test_other_forms_of_a_rejected_release_stay_rejected(target, keys, image, tmp_path, cases):
    """Signed by somebody else, with another capacity, with other extra keys, chunks stored in another way."""
    first = Forge(keys, image).write(tmp_path / "first.keel")
    target.installs(first, image)
    target("mark", "bad", "b", "--reason", "no network")
    target.remember()
    texts = ({"bundle description": "all is well now", "bundle build": "77"},
             {"bundle created": "2031-01-01T00:00:00Z"}, {"bundle floor": 1}, {"bundle allow-downgrade": "yes"},
             {"bundle format": "1.9"}, {"image.root filesystem": "ext4"}, {"encoding.1 forms": "raw"})
    forms = [{"signed": ["second"]}, {"signed": ["second", "signer"]}, {"cap": 8192}, {"more": b"x-again=yes\n"},
             *({"lines": lines} for lines in texts)]
    for how in forms:
        bundle = target.forge(image, **how)
        target.refuses(bundle, INCOMPATIBLE, f"2.0 (sequence 20): refused: {FAILED_IN_B}", verbs=("install",))
        target.apply_refuses(bundle, f"version 2.0: skipped: {FAILED_HERE}", rescue=True)
    cases(2 * len(forms))


@pytest.fixture
def create(keys, image, tmp_path):
    """Bundles of 2.0, by the shipped command."""
    (tmp_path / "root.img").write_bytes(image)

    def made(name, *options, compatible="test-board,other", chunk="16K", **how):
        return keys.create(tmp_path / name, tmp_path / "root.img", "--chunk-size", chunk, *options,
                           compatible=compatible, **how)
    return made


def test_recompressed_release_stays_rejected(target, image, create):
    target.installs(create("a.keel", "--compress", "none"), image)
    target("mark", "bad", "b", "--reason", "no network")
    target.remember()
    for level in 1, 19:
        target.refuses(create(f"{level}.keel", "--level", level), INCOMPATIBLE,
                       f"2.0 (sequence 20): refused: {FAILED_IN_B}")


def test_same_image_under_another_name_number_or_cut_is_another_release(target, keys, image, create):
    """What docs/FORMAT.md, section 7, puts into the id, its signer can change: the rejected one comes back as another,
    and gets its own tries (docs/LIMITS.md, "Not promised")."""
    def id_of(bundle):
        return keelreader.read(bundle, [keys.public("signer")]).manifest.release_id()

    first = create("first.keel")
    others = [create("cut.keel", chunk="32K"), create("order.keel", compatible="other,test-board"),
              create("fewer.keel", compatible="test-board"), create("version.keel", version="2.0.1"),
              create("number.keel", sequence=21)]
    assert id_of(first) == id_of(create("again.keel", "--level", 19)) and len({*map(id_of, [first, *others])}) == 6
    target.installs(first, image)
    target("mark", "bad", "b", "--reason", "no network")
    target.remember()
    target.apply_refuses(first, f"version 2.0: skipped: {FAILED_HERE}")
    for bundle in others:
        assert target.apply(bundle).code == INSTALLED, bundle
        target("mark", "bad", "b", "--reason", "no network")
        assert target.apply(first, *others[:others.index(bundle) + 1]).code == NOTHING, "each is rejected for itself"
