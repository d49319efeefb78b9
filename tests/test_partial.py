# SPDX-License-Identifier: Apache-2.0
"""Partial bundles: `keelboot stage --ranges` says what a device needs; stage and install take the rest from slots."""
import json
import random
import struct

import keelreader
import pytest
from cli_device import INCOMPATIBLE, KIB, MIB, NOTHING, OK, VERIFY, document, edit, flip, run

CHUNK = 64 * KIB
CHUNKS = 64


def partial(bundle, ranges, encodings) -> bytes:
    """Those ranges of a bundle, as docs/FORMAT.md has them."""
    head = struct.pack("<8sHHI4sI", b"KEELPART", 1, 0, len(ranges), bytes(encodings).ljust(4, b"\0"), 0)
    head += b"".join(struct.pack("<QQ", *pair) for pair in ranges)
    head += struct.pack("<I", keelreader.crc32c(head))
    return head + b"".join(bundle[at:at + length] for at, length in ranges)


def index_of(bundle) -> int:
    """Where the payload begins."""
    return struct.unpack_from("<Q", bundle, 72)[0]


def differing(file, key, *slots) -> int:
    """The stored bytes of all chunks that none of these slots has in its place, of the first encoding."""
    read = keelreader.read(file, [key])
    encoding = read.manifest.encodings[0]
    image = read.manifest.images[encoding["image"]]
    plain, size = read.read_encoding(encoding), image["chunk-size"]
    records = keelreader.record_table(read.tables, encoding)
    places = range(0, len(plain), size)
    return sum(record[1] for at, record in zip(places, records)
               if not any(slot[at:at + size] == plain[at:at + size] for slot in slots))


@pytest.fixture(name="made", scope="module")
def make(tmp_path_factory):
    """Release 2.0, of which slots hold all but a few chunks: of both, 4 in 16 are in the other slot only."""
    folder = tmp_path_factory.mktemp("partial")
    rng = random.Random(3)
    run("key", "generate", "-o", folder / "k", code=OK)
    new = b"".join(rng.randbytes(CHUNK // 2) + b"text %d " % i * 9000 for i in range(CHUNKS + 1))
    (folder / "new.img").write_bytes(new[:CHUNK * CHUNKS])
    return folder


def create(made, name, *options):
    run("bundle", "create", "-o", made / name, "--compatible", "test-board", "--version", "2.0", "--sequence", 20,
        "--level", 3, "--chunk-size", "64K", "--image", f"root={made / 'new.img'}", "--key", made / "k.key", *options,
        code=OK)
    return (made / name).read_bytes()


def fill(slot, new, differs):
    """The slot has the image but for these chunks."""
    data = bytearray(new)
    for i in differs:
        data[i * CHUNK + 5] ^= 1
    slot.write_bytes(bytes(data) + bytes(8 * MIB - len(data)))


@pytest.fixture(name="box")
def make_box(good, made):
    """Slot a lacks chunks 0, 1, 20 and 40 to 42, slot b 0, 20 to 30 and 40."""
    good.trust(made / "k.pem")
    new = (made / "new.img").read_bytes()
    fill(good.slots["a"], new, [0, 1, 20, 40, 41, 42])
    fill(good.slots["b"], new, [0, *range(20, 31), 40])
    return good


def ask(box, bundle):
    """What is to be fetched, if the index is here."""
    index = box.path / "index.keel"
    index.write_bytes(partial(bundle, [(0, index_of(bundle))], []))
    return json.loads(box("stage", "--ranges", index).stdout)


def fetch(box, bundle):
    told = ask(box, bundle)
    file = box.path / "part.keel"
    file.write_bytes(partial(bundle, told["ranges"], told["encodings"]))
    return file, told


SMALL = ["--frame-size", "64K"]


def image_of(box, slot):
    return box.slots[slot].read_bytes()[:CHUNK * CHUNKS]


def test_no_more_is_fetched_than_what_differs_and_the_index(box, made):
    bundle = create(made, "x.keel", *SMALL)
    file, told = fetch(box, bundle)
    a, b = image_of(box, "a"), image_of(box, "b")
    # What an install seals is of no use there: chunk 1.
    missing = differing(made / "x.keel", made / "k.pem", a, bytes(128 * KIB) + b[128 * KIB:])
    assert told["bytes"] == sum(length for _, length in told["ranges"])
    assert told["bytes"] <= 1.02 * (missing + index_of(bundle))
    assert told["bytes"] < len(bundle) / 8
    assert file.stat().st_size == told["bytes"] + 28 + 16 * len(told["ranges"])
    assert (told["total"], told["version"], told["encodings"]) == (len(bundle), "2.0", [1])


def test_a_whole_bundle_may_be_asked_about(box, made):
    bundle = create(made, "x.keel", *SMALL)
    told = json.loads(box("stage", "--ranges", made / "x.keel").stdout)
    assert told == ask(box, bundle)
    assert not list(box.data.rglob("*.keel"))


@pytest.mark.parametrize("options", [SMALL, [], ["--compress", "none"], ["--chunk-size", "16K"]])
def test_what_was_fetched_is_staged_and_installed(box, made, options):
    file, told = fetch(box, create(made, "x.keel", *options))
    assert "2.0 is staged" in box("stage", file).stdout
    assert "2.0 is staged already" in box("stage", file, code=NOTHING).stderr
    staged = next(box.data.rglob("*.keel"))
    assert staged.read_bytes() == file.read_bytes()
    status = box.json("status")["staged"]
    assert status["next"] == "install"
    assert status["partial"] == {"bytes": told["bytes"], "total": told["total"]}
    assert " from source data; " in box("status").stdout and "the rest must be in slots\n" in box("status").stdout
    told = box("install", staged).stdout
    assert "2.0 is in slot b" in told
    assert image_of(box, "b") == (made / "new.img").read_bytes()


def test_a_part_that_no_slot_took_is_staged_anew(box, made):
    """The storage of its slot failed three times: a whole one is in test_cli.py."""
    file, _ = fetch(box, create(made, "x.keel", *SMALL))
    box("stage", file)
    edit(box, unwritable=f"{box.json('status')['staged']['release'][:32]}:3")
    assert box.json("status")["staged"]["next"] == "skip"
    assert "2.0 is staged" in box("stage", file).stdout
    assert box.json("status")["staged"]["next"] == "install"


def test_frames_are_fetched_from_their_beginning(box, made):
    """With the frames of 4 MiB that bundles have by default, much more than what differs."""
    large = ask(box, create(made, "x.keel"))
    small = ask(box, create(made, "x.keel", *SMALL))
    assert large["bytes"] > 4 * small["bytes"]


def test_a_slot_that_changed_in_between_is_found_before_anything_is_written(box, made):
    file, _ = fetch(box, create(made, "x.keel", *SMALL))
    new = (made / "new.img").read_bytes()
    before = box.slots["b"].read_bytes()
    fill(box.slots["a"], new, [0, 1, 20, 25, 40, 41, 42])
    says = "chunk 25 is neither in the partial bundle nor in a slot: a slot has changed; fetch it again"
    assert says in box("stage", file, code=INCOMPATIBLE).stderr
    done = box("stage", "--progress=json", file, code=INCOMPATIBLE)
    assert json.loads(done.stdout.splitlines()[-1])["again"] is True
    assert says in box("install", file, code=INCOMPATIBLE).stderr
    assert box.slots["b"].read_bytes() == before
    assert not list(box.data.rglob("*.keel*"))


def test_any_damage_is_found_where_it_is_staged(box, made):
    file, told = fetch(box, create(made, "x.keel", *SMALL))
    before = box.slots["b"].read_bytes()
    head = 28 + 16 * len(told["ranges"])
    for at in [3, 13, 16, 24, head - 1, head + 100, head + 514, *range(head + 19000, file.stat().st_size, 7001)]:
        box("stage", flip(file, box.path / "bad.keel", at), code=VERIFY)
    box("stage", flip(file, box.path / "bad.keel", 30), code=VERIFY)
    cut = box.path / "cut.keel"
    cut.write_bytes(file.read_bytes()[:-1])
    assert "fetch it again" in box("stage", cut, code=VERIFY).stderr
    assert box.slots["b"].read_bytes() == before


def test_the_index_alone_is_no_bundle(box, made):
    bundle = create(made, "x.keel", *SMALL)
    ask(box, bundle)
    assert "carries no encoding" in box("stage", box.path / "index.keel", code=VERIFY).stderr
    index = box.path / "index.keel"
    index.write_bytes(partial(bundle, [(0, index_of(bundle))], [1]))
    assert "neither in the partial bundle nor in a slot" in box("stage", index, code=INCOMPATIBLE).stderr


def test_nothing_is_asked_for_what_would_be_refused(box, made):
    """As it is without a download: the index says all that is needed for that."""
    bundle = create(made, "x.keel", *SMALL)
    (box.root / "etc/keelboot/keys/release.pem").unlink()
    run("key", "generate", "-o", box.path / "other", code=OK)
    box.trust(box.path / "other.pem")
    index = box.path / "index.keel"
    index.write_bytes(partial(bundle, [(0, index_of(bundle))], []))
    assert box("stage", "--ranges", index, code=VERIFY).stdout == ""
    box.trust(made / "k.pem")
    bundle = create(made, "old.keel", "--sequence", "5")
    index.write_bytes(partial(bundle, [(0, index_of(bundle))], []))
    assert "refused" in box("stage", "--ranges", index, code=INCOMPATIBLE).stderr


def test_of_a_delta_only_what_is_missing_comes(box, made):
    """The smallest of what the device can use; its seed is in the slot that runs."""
    old = made / "old.img"
    new = (made / "new.img").read_bytes()
    old.write_bytes(new[:20 * CHUNK] + b"a shift" + new[20 * CHUNK:-4096] + bytes(4089))
    run("bundle", "create", "-o", made / "old.keel", "--compatible", "test-board", "--version", "1.5", "--sequence", 15,
        "--image", f"root={old}", "--chunk-size", "64K", "--key", made / "k.key", code=OK)
    box("install", made / "old.keel")
    box("mark", "good", "--slot", "b", code=None)
    bundle = create(made, "x.keel", *SMALL, "--from", made / "old.keel")
    box.boot("b", version="1.5")
    box("mark", "good")
    told = ask(box, bundle)
    assert told["encodings"] == [2]
    file, _ = fetch(box, bundle)
    assert told["bytes"] < index_of(bundle) + 60 * CHUNKS
    box("stage", file)
    box("install", file)
    assert image_of(box, "a") == new


def test_no_delta_is_made_from_a_part(box, made):
    file, _ = fetch(box, create(made, "x.keel", *SMALL))
    done = run("bundle", "create", "-o", made / "d.keel", "--compatible", "test-board", "--version", "3.0",
               "--sequence", 30, "--image", f"root={made / 'new.img'}", "--key", made / "k.key",
               "--from", f"root={file}", code=None)
    assert done.returncode != 0 and "it is a partial bundle; use the whole one" in done.stderr
    assert not (made / "d.keel").exists()


def test_of_a_whole_bundle_status_says_that_nothing_lacks(box, made):
    create(made, "x.keel", *SMALL)
    box("stage", made / "x.keel")
    assert box.json("status")["staged"]["partial"] is None
    assert "the rest must be" not in box("status").stdout
    # It is looked at by everybody: what is damaged there is no reason to say nothing.
    staged = next(box.data.rglob("*.keel"))
    for content in (b"", b"KEELPART", partial(b"", [(0, 9)], [1]), b"KEELPART" + bytes(600)):
        staged.write_bytes(content)
        assert box.json("status")["staged"]["partial"] is None


def test_inspect_says_what_is_there(box, made):
    file, told = fetch(box, create(made, "x.keel", *SMALL))
    shown = document("bundle", "inspect", file)
    assert shown["partial"]["bytes"] == told["bytes"]
    assert "partial" in run("bundle", "inspect", file, code=OK).stdout
    whole = document("bundle", "inspect", made / "x.keel")
    assert whole["partial"] is None
    for verb in (["verify"], ["extract", "-o", box.path / "out"]):
        assert "a partial bundle" in run("bundle", *verb, file, "--key", made / "k.pem", code=None).stderr
