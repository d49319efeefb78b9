# SPDX-License-Identifier: Apache-2.0
"""`bundle create` and its like, where something is not as it was thought: older versions that change or are none,
links, signals, keys that are given twice."""
import os
import random
import signal
import subprocess
import time

import pytest
import test_format
from cli_device import FAILURE, KEELBOOT, MIB, USAGE, document, let_others_in, run
from test_format import BASE, good, made_while_it_changes, maps, payload, refused

keys = test_format.keys             # a fixture


@pytest.fixture(name="images")
def make_images(tmp_path):
    """A folder with old, and root, which has another end."""
    old = random.Random("old").randbytes(48 * MIB)
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "root").write_bytes(old[:-4096] + bytes(4096))
    return tmp_path


def create(folder, *options, call=good, **kwargs):
    return call("bundle", "create", "-o", folder / "x.keel", *BASE, "--level", "1",
                "--image", f"root={folder}/root,fs=ext4", *options, **kwargs)


def is_read(folder):
    """What its digest is was found before; the delta is being made by threads."""
    return lambda pid: maps(pid, folder / "old") and len(os.listdir(f"/proc/{pid}/task")) > 1


def test_an_older_version_that_changes_while_a_delta_is_made_from_it_makes_no_bundle(images):
    """It has what the delta takes from it, and another digest than the bundle says: no device could install that."""
    def change():
        with open(images / "old", "r+b") as image:
            image.write(b"other" * 800)
    args = ["--full", "no", "--threads", "2", "--image", f"root={images}/root,fs=ext4", "--from", f"root={images}/old"]
    said = made_while_it_changes(images, args, is_read(images), 48 * MIB, change)
    assert said == f"keelboot: --from {images}/old: changed while the delta was made from it\n"


def test_an_older_version_that_becomes_shorter_is_said(images):
    args = ["--full", "no", "--threads", "2", "--image", f"root={images}/root,fs=ext4", "--from", f"root={images}/old"]
    said = made_while_it_changes(images, args, is_read(images), 48 * MIB, lambda: os.truncate(images / "old", 0))
    assert said == ("keelboot: a file that is read became shorter, or its medium fails; "
                    "try again with one that nobody changes\n")
    assert {path.name for path in images.iterdir()} == {"old", "root"}


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(images, sig):
    with subprocess.Popen([KEELBOOT, "bundle", "create", "-o", images / "x.keel", *BASE, "--level", "19",
                           "--threads", "1", "--image", f"root={images}/root,fs=ext4"],
                          preexec_fn=lambda: signal.signal(sig, signal.SIG_DFL)) as command:     # as in a terminal
        until = time.monotonic() + 60
        while payload(command.pid) == 0:
            assert command.poll() is None and time.monotonic() < until
        assert (images / "x.keel.tmp").exists()
        command.send_signal(sig)
        assert command.wait(60) == -sig
    assert {path.name for path in images.iterdir()} == {"old", "root"}


def test_a_signal_that_is_ignored_stays_so(images):
    """As behind nohup."""
    with subprocess.Popen([KEELBOOT, "bundle", "create", "-o", images / "x.keel", *BASE, "--level", "1",
                           "--image", f"root={images}/root,fs=ext4"],
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as command:
        while payload(command.pid) == 0:
            assert command.poll() is None
        command.send_signal(signal.SIGHUP)
        assert command.wait(60) == 0
    assert (images / "x.keel").exists()


# ---------------------------------------------------------------------- --from

@pytest.mark.parametrize("option, code, says", [
    ("rot={}/old", FAILURE, "--from rot={}/old: the new bundle has no image rot\n"),
    ("{}/absent", FAILURE, "--from {}/absent: No such file or directory\n"),
    ("{}/other.keel", FAILURE, "--from {}/other.keel: it has none of the images that the new bundle has\n"),
    ("{}/old,version=1 0", USAGE, "has a character that is not allowed here\n"),
])
def test_an_older_version_of_nothing_is_refused_before_the_work(images, option, code, says):
    (images / "boot").write_bytes(b"boot" * 1024)
    good("bundle", "create", "-o", images / "other.keel", *BASE, "--image", f"boot={images}/boot")
    # So slow that it would not be through within the time of a test.
    said = create(images, "--level", "22", "--from", option.format(images), call=refused_with(code))
    assert says.format(images) in said


def test_a_class_that_is_given_twice_is_refused(images):
    """The second file took the place of the first: the application's image was the signed root."""
    said = create(images, "--image", f"root={images}/old", code=USAGE, call=run).stderr
    assert said.startswith(f"keelboot: --image root={images}/old: this class was given before")
    assert not (images / "x.keel").exists()


def test_an_option_still_wins_over_the_image_of_a_recipe(images):
    (images / "r.ini").write_text("[image.root]\nfile=none\nfilesystem=ext4\n")
    create(images, images / "r.ini")


def refused_with(code):
    return lambda *args, **kwargs: refused(code, *args, **kwargs)


def test_an_image_file_beside_a_tree_is_warned_of(images):
    """The older release was made with --verity, too: no slot has that file without its tree."""
    words = ("keelboot: --from {}/old: a delta from an image file without a tree; if the older release has one "
             "(--verity), no device can use it: use its bundle\n").format(images)
    assert words in create(images, "--verity", "--from", images / "old").stderr
    assert words not in create(images, "--from", images / "old").stderr


# ---------------------------------------------------------------------- what else is given

def test_a_key_that_is_set_again_is_refused(images):
    (images / "recipe.ini").write_text("[bundle]\ncompatible=box\nsequence=21\nversion=2.1\nsequence=22\n"
                                       "[image.root]\nfile=root\n")
    said = refused(USAGE, "bundle", "create", "-o", images / "x.keel", images / "recipe.ini")
    assert "[bundle] sequence: set twice" in said


def test_keys_and_older_versions_are_set_several_times(images, keys):
    (images / "recipe.ini").write_text(f"[bundle]\ncompatible=box\nsequence=21\nversion=2.1\nkey={keys}/a.key\n"
                                       f"key={keys}/b.key\nfrom=old\nlevel=1\n"
                                       "[image.root]\nfile=root\nfilesystem=ext4\n")
    said = good("bundle", "create", "-o", images / "x.keel", images / "recipe.ini").stdout
    assert said.endswith(", 2 signatures\n")


def test_a_key_that_is_given_twice_signs_once(images, keys):
    said = create(images, "--key", keys / "a.key", "--key", keys / "b.key", "--key", keys / "a.key").stdout
    assert said.endswith(", 2 signatures\n")
    assert len(document("bundle", "inspect", images / "x.keel")["signatures"]) == 2


def test_a_time_that_is_none_is_refused(images):
    said = create(images, call=refused_with(USAGE), env={"SOURCE_DATE_EPOCH": "2025-01-01"})
    assert "SOURCE_DATE_EPOCH is no number of seconds since 1970" in said


def test_too_long_a_line_is_refused_before_the_work(images):
    names = ",".join(f"{letter}{'x' * 30}" for letter in "abcdefg")
    said = create(images, "--level", "22", "--compatible", names, call=refused_with(FAILURE))
    assert "a line is longer than 189 characters; shorten compatible" in said


def test_what_a_link_names_is_signed(images, keys):
    create(images)
    (images / "latest.keel").symlink_to("x.keel")
    good("bundle", "sign", images / "latest.keel", "--key", keys / "a.key")
    assert (images / "latest.keel").is_symlink()
    good("bundle", "verify", images / "x.keel", "--key", keys / "a.pem")


def test_older_bundles_are_unpacked_where_that_is_possible(images, keys):
    """Beside the bundle, or where the environment says."""
    old = images / "old.keel"
    create(images, "--key", keys / "a.key")
    (images / "x.keel").rename(old)
    create(images, "--key", keys / "a.key", "--from", old)
    user = let_others_in(images, keys)
    words = ["bundle", "verify", images / "x.keel", "--key", keys / "a.pem", "--from", old]
    assert refused(FAILURE, *words, env={"TMPDIR": "/absent"}).startswith("keelboot: /absent/: ")
    images.chmod(0o755)
    good(*words, user=user)
