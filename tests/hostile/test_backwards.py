# SPDX-License-Identifier: Apache-2.0
"""Forwards without bound, and backwards on purpose: sequence, floor, and what an old state partition opens."""
import shutil

import pytest

from hostile import HELPER, INCOMPATIBLE, INSTALLED, NOTHING, OK, Forge, start

LAST = (1 << 63) - 1
JUMP = 10 ** 12
TOO_FAR = ("too far ahead of what proved itself here; to allow it: max-sequence-jump= in system.conf, also in the "
           "initramfs")
TOO_FAR_TO_INSTALL = "{} (sequence {}): refused: " + TOO_FAR
OLDER = "below this device's rollback floor; use a newer release"
NOT_NEWER = "not newer than what is installed; to go back: keelboot install FILE"
UNSIGNED = "not signed by any of the 2 trusted keys"


def release(target, keys, image, version, sequence, floor=0, back=False, **how):
    lines = {"bundle version": version, "bundle sequence": sequence, "bundle floor": floor,
             "bundle allow-downgrade": "yes" if back else "no"}
    return Forge(keys, image, lines=lines, **how).write(target.path / f"{version}.keel")


def boot_apply(target, bundle):
    """As Target.apply(), where both slots can be mounted."""
    return start(target.apply_command([f"usb:{bundle}"], mountable=3), executable=HELPER)


def commit(target, slot):
    target.boot(slot)
    target("mark", "good", slot)


# ---------------------------------------------------------------- threat 17


@pytest.mark.parametrize("sequence", [LAST, LAST - 1, 11 + JUMP, 1 << 62])
def test_t17_sequence_that_would_end_the_numbers_is_refused(target, keys, image, sequence, cases):
    bundle = release(target, keys, image, "9.0", sequence, floor=sequence)
    says = TOO_FAR_TO_INSTALL.format("9.0", sequence)
    target.refuses(bundle, INCOMPATIBLE, says)
    target.apply_refuses(bundle, f"version 9.0: skipped: {TOO_FAR}")
    if sequence > LAST // 2:    # what proved itself is the state's word, which counts for nothing where nothing boots
        target.apply_refuses(bundle, f"version 9.0: skipped: {TOO_FAR}", rescue=True)
    target.refuses(bundle, INCOMPATIBLE, says, verbs=("install --again",))
    cases(5)
    # Beside it on the same stick, what is in bounds is taken.
    assert target.apply(bundle, release(target, keys, image, "2.0", 10 + JUMP)).code == INSTALLED


def test_t17_trials_in_turn_do_not_move_the_bound(target, keys, image):
    """Whoever installs one after the other without any of them being marked good gets no further."""
    target.installs(release(target, keys, image, "2.0", 10 + JUMP), image)
    beyond = release(target, keys, image, "3.0", 11 + JUMP)
    target.go("install", beyond, "--progress=none").ends(INCOMPATIBLE, TOO_FAR_TO_INSTALL.format("3.0", 11 + JUMP))
    commit(target, "b")
    assert target.apply(beyond).code == INSTALLED


def test_t17_device_gets_out_by_its_configuration(target, keys, image):
    target.configure("[install]\nmax-sequence-jump=none\n")
    target.installs(release(target, keys, image, "9.0", LAST), image)


# ---------------------------------------------------------------- threat 16: the way back on purpose


def test_t16_way_back_is_signed_counted_on_commit_and_reported(target, keys, image):
    """1.0 (10) to 2.0 (20, floor 5), back to 0.9 (9) by the signer's permission: a trial like any other."""
    other = bytes(reversed(image))
    target.installs(release(target, keys, other, "2.0", 20, floor=5), other)
    commit(target, "b")
    assert target.json("status")["floor"] == 5
    refused = release(target, keys, image, "0.8", 8)
    result = boot_apply(target, refused)
    assert result.code == NOTHING
    assert f"{refused}: raw bundle: version 0.8: skipped: {NOT_NEWER}\n".encode() in result.err
    back = release(target, keys, image, "0.9", 9, back=True)
    assert boot_apply(target, back).code == INSTALLED
    assert target.slot("a")["state"] == "trial" and target.json("status")["floor"] == 5
    events = target.json("history")["events"]
    assert any(event.get("version") == "0.9" and event.get("sequence") == 9 for event in events), events
    commit(target, "a")
    assert target.json("status")["floor"] == 5, "going back lowers no floor"
    assert target.slot("a")["state"] == "good"


def test_t16_permission_ends_where_the_floor_passes_it(target, keys, image):
    """It is as old as its signature: the release that ends the emergency raises the floor above it."""
    other = bytes(reversed(image))
    back = release(target, keys, image, "0.9", 9, back=True)
    target.installs(release(target, keys, other, "2.0", 20, floor=10), other)
    commit(target, "b")
    target.remember()
    for rescue in False, True:
        target.apply_refuses(back, f"version 0.9: skipped: {OLDER}", rescue=rescue)
    says = "0.9 (sequence 9): refused: below this device's rollback floor (10); use a newer release"
    target.refuses(back, INCOMPATIBLE, says)


# ---------------------------------------------------------------- threat 18


def test_t18_old_state_is_believed_and_opens_nothing_unsigned(target, keys, image):
    """The limit that docs/SECURITY.md names: who can write the state partition can take the floor back, and then
    genuine old releases are taken again; never anything that no key signed, and never one for another device."""
    other = bytes(reversed(image))
    shutil.copy(target.state, target.path / "old.img")
    target.installs(release(target, keys, other, "2.0", 20, floor=20), other)
    commit(target, "b")
    old = release(target, keys, image, "1.5", 15)
    target.apply_refuses(old, f"version 1.5: skipped: {OLDER}", written=True)
    shutil.copy(target.path / "old.img", target.state)
    target.boot("a")
    target.remember()
    stranger = release(target, keys, image, "1.6", 16, signed=["stranger"])
    target.unsigned(stranger, UNSIGNED)
    foreign = Forge(keys, image, lines={"bundle compatible": "other", "bundle sequence": 17})
    target.apply_refuses(foreign.write(target.path / "foreign.keel"),
                         'version 2.0: skipped: made for "other", but this device is "test-board"')
    assert target.go("install", old, "--progress=none").code == OK, "the limit: it is the state that knew better"
