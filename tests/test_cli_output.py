# SPDX-License-Identifier: Apache-2.0
"""What the commands of the host write takes the place of a file: never of a private key, nor of what they read."""
import pytest
import test_format
from cli_device import FAILURE, MIB, OK, TOP, call, run
from test_format import BASE

keys = test_format.keys             # a fixture
MKDISK = TOP / "qemu/mkdisk"


@pytest.fixture(name="place")
def make_place(tmp_path, keys):
    """A folder with one of each: a key, two images, a recipe, a signed bundle, a document, a channel file."""
    for name in "a.key", "a.pem", "b.key":
        (tmp_path / name).write_bytes((keys / name).read_bytes())
    (tmp_path / "root.img").write_bytes(bytes(8192))
    (tmp_path / "old.img").write_bytes(bytes(4096) + bytes(range(256)) * 16)
    (tmp_path / "r.ini").write_text("[bundle]\ncompatible=x\nversion=1\nsequence=1\n[image.root]\nfile=root.img\n")
    run("bundle", "create", "-o", tmp_path / "y.keel", tmp_path / "r.ini", "--key", tmp_path / "a.key", code=OK)
    run("channel", "create", "--name", "s", "-o", tmp_path / "s.json", tmp_path / "y.keel", code=OK)
    run("channel", "sign", tmp_path / "s.json", "--key", tmp_path / "a.key", "-o", tmp_path / "s.channel", code=OK)
    (tmp_path / "sig").write_bytes(bytes(64))
    return tmp_path


def stays(place, output, *words, tool=run):
    """The command is refused because of its output, and every file stays as it is."""
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    said = tool(*(str(word).replace("@", f"{place}/") for word in words), code=FAILURE).stderr
    assert f"{place}/{output}: " in said and "choose another output" in said
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


CREATE = ("bundle", "create", *BASE, "--level", "1")


@pytest.mark.parametrize("output, words", [
    ("a.key", (*CREATE, "--image", "root=@root.img", "--key", "@a.key", "-o", "@a.key")),
    ("b.key", (*CREATE, "--image", "root=@root.img", "--key", "@a.key", "-o", "@b.key")),
    ("r.ini", ("bundle", "create", "@r.ini", "-o", "@r.ini")),
    ("old.img", (*CREATE, "--image", "root=@root.img", "--from", "root=@old.img", "-o", "@old.img")),
    ("y.keel", (*CREATE, "--image", "root=@root.img", "--from", "@y.keel", "-o", "@y.keel")),
    ("b.key", ("bundle", "sign", "@y.keel", "--key", "@b.key", "-o", "@b.key")),
    ("b.key", ("bundle", "sign", "@y.keel", "--key", "@a.key", "-o", "@b.key")),
    ("b.key", ("bundle", "sign", "@y.keel", "--emit-digest", "@b.key")),
    ("y.keel", ("bundle", "sign", "@y.keel", "--emit-digest", "@y.keel")),
    ("b.key", ("bundle", "extract", "@y.keel", "--key", "@a.pem", "-o", "@b.key")),
    ("y.keel", ("bundle", "extract", "@y.keel", "--key", "@a.pem", "-o", "@y.keel")),
    ("a.pem", ("bundle", "extract", "@y.keel", "--key", "@a.pem", "-o", "@a.pem")),
    ("y.keel", ("channel", "create", "--name", "s", "-o", "@y.keel", "@y.keel")),
    ("a.key", ("channel", "create", "--name", "s", "-o", "@a.key", "@y.keel")),
    ("s.json", ("channel", "sign", "@s.json", "--emit-digest", "@s.json")),
    ("s.channel", ("channel", "sign", "@s.channel", "--emit-digest", "@s.channel")),
    ("a.key", ("channel", "sign", "@s.channel", "--emit-digest", "@a.key")),
])
def test_a_key_or_what_is_read_is_no_output(place, output, words):
    stays(place, output, *words)


def test_a_link_to_a_key_is_no_output(place):
    (place / "link").symlink_to("b.key")
    stays(place, "link", *CREATE, "--image", "root=@root.img", "-o", "@link")


def test_a_channel_file_is_not_written_over_its_key(place):
    (place / "k").mkdir()
    (place / "k/s.channel").write_bytes((place / "a.key").read_bytes())
    said = run("channel", "sign", place / "s.json", "--key", place / "a.key", "-o", place / "k/s.channel",
               code=FAILURE).stderr
    assert f"{place}/k/s.channel: " in said
    assert (place / "k/s.channel").read_bytes() == (place / "a.key").read_bytes()


def test_what_is_signed_again_and_an_older_output_are_replaced(place):
    """The bundle of `sign` is its output, with -o as well."""
    for words in (("bundle", "sign", "@y.keel", "--key", "@b.key"),
                  ("bundle", "sign", "@y.keel", "--key", "@b.key", "-o", "@y.keel"),
                  ("channel", "sign", "@s.channel", "--key", "@b.key"),
                  ("channel", "sign", "@s.channel", "--key", "@b.key", "-o", "@s.channel"),
                  (*CREATE, "--image", "root=@root.img", "-o", "@y.keel"),
                  ("bundle", "sign", "@y.keel", "--key", "@b.key"),
                  ("channel", "create", "--name", "s", "-o", "@s.json", "@y.keel")):
        run(*(word.replace("@", f"{place}/") for word in words), code=OK)


def disk(*words, code):
    return call(MKDISK, *words, code=code)


@pytest.mark.parametrize("output, words", [
    ("a.key", ("@a.key", "--size", "4M", "--part", "a:1M")),
    ("a.key", ("@a.key", "--size", "4M", "--fs", "vfat:")),
    ("root.img", ("@root.img", "--part", "a:1M=raw:@root.img")),
    ("a.key", ("@disk.img", "--extract", "a", "@a.key")),
    ("disk.img", ("@disk.img", "--extract", "a", "@disk.img")),
])
def test_a_disk_is_not_written_over_a_key_or_what_it_is_made_of(place, output, words):
    disk(place / "disk.img", "--size", 4 * MIB, "--part", "a:1M", code=OK)
    stays(place, output, *words, tool=disk)
