# SPDX-License-Identifier: Apache-2.0
"""Deltas of images that are compressed by themselves: squashfs and erofs, made by their own tools."""
import random
import re
import resource
import shutil
import subprocess

import cli_device
import keelreader
import pytest
import remake
from cli_device import INCOMPATIBLE, KIB, MIB, NOTHING, OK, TOP, USAGE, edit, flip, run
from test_format import limit

pytestmark = pytest.mark.long
BASE = ["--compatible", "box", "--sequence", "2", "--level", "3", "--sig-capacity", "1K"]
SQUASHFS = ["mksquashfs", "{tree}", "{image}", "-quiet", "-no-progress", "-noappend", "-all-root", "-all-time", "0",
            "-mkfs-time", "0", "-processors", "1"]
EROFS = ["mkfs.erofs", "--quiet", "-T0", "-Uc0ffee00-0000-4000-8000-000000000000"]
MAKE = {    # the form, and how the image is made
    "gzip": (6, [*SQUASHFS, "-comp", "gzip"]),
    "gzip-6": (6, [*SQUASHFS, "-comp", "gzip", "-Xcompression-level", "6", "-b", "64K"]),
    "xz": (7, [*SQUASHFS, "-comp", "xz"]),
    "xz-bcj": (7, [*SQUASHFS, "-comp", "xz", "-Xbcj", "x86", "-b", "256K", "-Xdict-size", "50%"]),
    "zstd": (8, [*SQUASHFS, "-comp", "zstd"]),
    "zstd-3": (8, [*SQUASHFS, "-comp", "zstd", "-Xcompression-level", "3", "-no-fragments"]),
    "lz4": (9, [*SQUASHFS, "-comp", "lz4"]),
    "lz4hc": (9, [*SQUASHFS, "-comp", "lz4", "-Xhc"]),
    "erofs-lz4": (9, [*EROFS, "-zlz4", "{image}", "{tree}"]),
    "erofs-lz4hc": (9, [*EROFS, "-zlz4hc", "{image}", "{tree}"]),
    "erofs-full-index": (9, [*EROFS, "-zlz4hc", "-Elegacy-compress", "{image}", "{tree}"]),
}
PROGRAMS = TOP / "build/recompress"
FORMS = {name: remake.NAMES[form] for name, (form, _) in MAKE.items()}


@pytest.fixture(scope="module", autouse=True)
def with_compressors():
    """The programs of `make RECOMPRESS=yes`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli_device, "KEELBOOT", str(PROGRAMS / "keelboot"))
        patch.setattr(cli_device, "HELPER", str(PROGRAMS / "keelboot-helper"))
        yield


@pytest.fixture
def without_compressors(monkeypatch):
    """Those of `make`."""
    monkeypatch.setattr(cli_device, "KEELBOOT", str(TOP / "build/keelboot"))
    monkeypatch.setattr(cli_device, "HELPER", str(TOP / "build/keelboot-helper"))


def good(*args, **kwargs):
    return run(*args, code=OK, **kwargs)


def prose(rng, words, length):
    return " ".join(rng.choice(words) for _ in range(length)).encode()


def make_trees(folder):
    """Programs, texts, noise, links and folders; of version 2 some words, a piece and a file are others."""
    rng = random.Random(8)
    words = [rng.randbytes(rng.randrange(2, 6)).hex() for _ in range(400)]
    old, new = folder / "old", folder / "new"
    old.mkdir()
    for number in range(12):
        name = old / f"d{number % 3}" / f"file{number}"
        name.parent.mkdir(exist_ok=True)
        name.write_bytes(prose(rng, words, rng.choice([20, 900, 20_000])) + bytes(rng.randrange(30_000)))
    table = b"".join((rng.randrange(1 << 18) * 8).to_bytes(4, "little") + rng.choice(words).encode() * 3
                     for _ in range(30_000))
    (old / "program").write_bytes(b"\x7fELF" + table)
    (old / "noise").write_bytes(rng.randbytes(150_000))
    (old / "empty").write_bytes(b"")
    (old / "link").symlink_to("program")
    shutil.copytree(old, new, symlinks=True)
    moved = bytearray(table)
    for at in range(0, len(moved), 64):
        moved[at:at + 4] = (int.from_bytes(moved[at:at + 4], "little") + 16).to_bytes(4, "little")
    (new / "program").write_bytes(b"\x7fELF" + prose(rng, words, 500) + moved)
    text = (new / "d1" / "file4").read_bytes()
    (new / "d1" / "file4").write_bytes(text[:1000] + b"changed" + text[1000:])
    (new / "d2" / "more").write_bytes(prose(rng, words, 3000))


def image_of(folder, kind, version):
    out = folder / f"{kind}-{version}.img"
    if not out.exists():
        subprocess.run([part.format(tree=folder / version, image=out) for part in MAKE[kind][1]], check=True,
                       stdout=subprocess.DEVNULL)
        with open(out, "r+b") as file:
            file.truncate(-(-out.stat().st_size // 4096) * 4096)
    return out


@pytest.fixture(scope="module", name="made")
def make(tmp_path_factory):
    """A folder with the trees old and new, k.key and k.pem."""
    folder = tmp_path_factory.mktemp("remake")
    make_trees(folder)
    good("key", "generate", "-o", folder / "k")
    return folder


def create(made, name, kind, *options, version="new", older="old", base=BASE, recompress="yes"):
    good("bundle", "create", "-o", made / name, *base, "--version", "2.0", "--key", made / "k.key",
         "--recompress", recompress,
         "--image", f"root={image_of(made, kind, version)}", "--from", image_of(made, kind, older), *options)
    return made / name


def create_says(made, kind, version):
    return good("bundle", "create", "-o", made / "said.keel", *BASE, "--version", "2.0", "--key", made / "k.key",
                "--recompress", "yes", "--full", "no", "--image", f"root={image_of(made, kind, version)}",
                "--from", image_of(made, kind, "old")).stdout


def delta_of(made, bundle):
    return keelreader.read(bundle, [made / "k.pem"]).manifest.encodings[-1]


@pytest.mark.parametrize("kind", MAKE)
def test_both_readers_make_the_blocks_again(made, kind):
    """In every chunk that holds a block which changed; what is stored is less than half of a delta of the image."""
    bundle = create(made, f"{kind}.keel", kind, "--full", "no", "--chunk-size", "64K")
    assert FORMS[kind] in delta_of(made, bundle)["forms"]
    old, new = image_of(made, kind, "old"), image_of(made, kind, "new").read_bytes()
    assert keelreader.read(bundle, [made / "k.pem"], [old]).read_image("root") == new
    good("bundle", "verify", bundle, "--key", made / "k.pem", "--from", old)
    good("bundle", "extract", bundle, "--key", made / "k.pem", "-o", made / "out.img", "--from", old)
    assert (made / "out.img").read_bytes() == new
    plain = create(made, "plain.keel", kind, "--full", "no", "--chunk-size", "64K", recompress="no")
    assert not FORMS[kind] in delta_of(made, plain)["forms"]
    assert delta_of(made, bundle)["payload-length"] * 2 < delta_of(made, plain)["payload-length"]


@pytest.mark.parametrize("chunk", ["16K", "1M"])
def test_a_block_may_lie_in_several_chunks(made, chunk):
    bundle = create(made, "x.keel", "gzip", "--full", "no", "--chunk-size", chunk)
    assert FORMS["gzip"] in delta_of(made, bundle)["forms"]
    read = keelreader.read(bundle, [made / "k.pem"], [image_of(made, "gzip", "old")])
    assert read.read_image("root") == image_of(made, "gzip", "new").read_bytes()


def test_the_same_bytes_by_any_number_of_threads(made):
    made_by = [create(made, f"{threads}.keel", "xz", "--full", "no", "--chunk-size", "16K", "--threads",
                      threads).read_bytes()[2 * KIB:] for threads in ("1", "3")]
    assert made_by[0] == made_by[1]


@pytest.mark.parametrize("kind", ["gzip", "erofs-lz4hc"])
@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("file,smaller", [("program", "remade"), ("noise", "plain")])
def test_the_smaller_of_a_plain_delta_and_a_remade_one_is_kept(made, kind, threads, file, smaller):
    """A change in a block that is compressed, and in one that is not: there, a plain delta has less to say."""
    changed = made / f"changed-{file}"
    if not changed.exists():
        shutil.copytree(made / "old", changed, symlinks=True)
        data = bytearray((changed / file).read_bytes())
        for at in range(5000, len(data) if file == "program" else 5001, 7000):
            data[at] ^= 1
        (changed / file).write_bytes(data)
    made_by = {}
    for option in ("yes", "no"):
        create(made, f"{option}.keel", kind, "--full", "no", "--threads", threads, version=changed.name,
               recompress=option)
        made_by[option] = delta_of(made, made / f"{option}.keel")
    told = create_says(made, kind, changed.name)
    assert (FORMS[kind] in made_by["yes"]["forms"]) == (smaller == "remade")
    if smaller == "plain":
        assert (made / "yes.keel").read_bytes()[2 * KIB:] == (made / "no.keel").read_bytes()[2 * KIB:]
        assert re.search(r"^image root: a plain delta: \d+ bytes; with blocks compressed again it has ", told)
    else:
        assert made_by["yes"]["payload-length"] < made_by["no"]["payload-length"]
        assert re.search(r"^image root: blocks are compressed again: [\d.]+ \w+; a plain delta has ", told)
    read = keelreader.read(made / "yes.keel", [made / "k.pem"], [image_of(made, kind, "old")])
    assert read.read_image("root") == image_of(made, kind, changed.name).read_bytes()


def test_the_tree_of_dm_verity_lies_behind_the_blocks(made):
    old = made / "old-verity.keel"
    good("bundle", "create", "-o", old, *BASE, "--version", "1.0", "--verity", "--key", made / "k.key",
         "--image", f"root={image_of(made, 'zstd', 'old')}")
    bundle = made / "verity.keel"
    good("bundle", "create", "-o", bundle, *BASE, "--version", "2.0", "--verity", "--key", made / "k.key",
         "--image", f"root={image_of(made, 'zstd', 'new')}", "--from", old, "--full", "no", "--recompress", "yes")
    assert FORMS["zstd"] in delta_of(made, bundle)["forms"]
    good("bundle", "verify", bundle, "--key", made / "k.pem", "--from", old)


@pytest.mark.parametrize("older,newer", [("gzip", "xz"), ("erofs-lz4hc", "lz4hc"), ("xz", "gzip")])
def test_images_of_two_compressors_give_the_delta_of_before(made, older, newer):
    both = []
    for option in ("yes", "no"):
        bundle = made / f"other-{option}.keel"
        good("bundle", "create", "-o", bundle, *BASE, "--version", "2.0", "--key", made / "k.key", "--full", "no",
             "--image", f"root={image_of(made, newer, 'new')}", "--from", image_of(made, older, "old"),
             "--recompress", option)
        both.append(bundle.read_bytes()[2 * KIB:])
    if older[:5] != "erofs":    # the compressor is the same, and so blocks may be
        assert both[0] == both[1]
    assert len(both[0]) <= len(both[1])


@pytest.mark.parametrize("at", [12, 16, 28, 48, 64, 72, 80, 88, 1024 + 14, 1024 + 40, 1024 + 80])
@pytest.mark.parametrize("kind", ["gzip", "erofs-lz4hc"])
def test_an_image_that_is_damaged_is_an_image_still(made, kind, at):
    """Its blocks are not found, or some of them; the delta is right all the same."""
    bent = made / "bent.img"
    data = bytearray(image_of(made, kind, "old").read_bytes())
    for place in (at, at + 5 if kind == "gzip" else at + 1):
        data[place] ^= 0x5a
    bent.write_bytes(data)
    bundle = made / "bent.keel"
    good("bundle", "create", "-o", bundle, *BASE, "--version", "2.0", "--key", made / "k.key", "--full", "no",
         "--image", f"root={image_of(made, kind, 'new')}", "--from", bent, "--recompress", "yes")
    good("bundle", "verify", bundle, "--key", made / "k.pem", "--from", bent)


def test_a_file_of_many_names_is_read_once(made, tmp_path):
    """Else an image of some MB makes a list of millions of blocks."""
    for version in ("old", "new"):
        tree = tmp_path / version
        (tree / "names").mkdir(parents=True)
        rng = random.Random(version)
        (tree / "file").write_bytes(prose(rng, [rng.randbytes(4).hex() for _ in range(9999)], 400_000))
        for name in range(20_000):
            (tree / "names" / str(name)).hardlink_to(tree / "file")
    image_of(tmp_path, "erofs-lz4", "old")
    image_of(tmp_path, "erofs-lz4", "new")
    good("bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--version", "2.0", "--recompress", "yes",
         "--threads", "1", "--image", f"root={tmp_path}/erofs-lz4-new.img", "--from", tmp_path / "erofs-lz4-old.img",
         limits=limit(resource.RLIMIT_AS, 800 * MIB))


def test_a_damaged_head_asks_for_no_memory(made, tmp_path):
    """Of a squashfs, it says where the folders begin, and so how long the table before them is."""
    old = tmp_path / "old.img"
    data = bytearray(image_of(made, "gzip", "old").read_bytes() + bytes(64 * MIB))
    data[72:80] = len(data).to_bytes(8, "little")
    old.write_bytes(data)
    good("bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--version", "2.0", "--recompress", "yes",
         "--threads", "1", "--image", f"root={image_of(made, 'gzip', 'new')}", "--from", old,
         limits=limit(resource.RLIMIT_AS, 800 * MIB))


def test_what_recompress_takes(made):
    told = run("bundle", "create", "-o", made / "x.keel", *BASE, "--version", "2.0",
               "--image", f"root={image_of(made, 'gzip', 'new')}", "--recompress", "maybe", code=USAGE).stderr
    assert "expected yes or no" in told


def test_without_the_compressors_nothing_is_made_for_them(made, without_compressors):
    images = ("--image", f"root={image_of(made, 'gzip', 'new')}", "--from", image_of(made, "gzip", "old"))
    told = run("bundle", "create", "-o", made / "x.keel", *BASE, "--version", "2.0", *images, "--recompress", "yes",
               code=USAGE).stderr
    assert "this keelboot has no compressors; build it, and that of the devices, with make RECOMPRESS=yes" in told
    good("bundle", "create", "-o", made / "plain.keel", *BASE, "--version", "2.0", "--key", made / "k.key", *images)
    assert not FORMS["gzip"] in delta_of(made, made / "plain.keel")["forms"]


# ---------------------------------------------------------------- on a device

DEVICE = ["--compatible", "test-board", "--sig-capacity", "1K", "--level", "3"]


@pytest.fixture(name="installed")
def make_installed(made, dev):
    """installed(kind): a device that runs version 1.0, of that image, in slot b; slot a is free."""
    def install(kind):
        first = made / f"{kind}-device.keel"
        good("bundle", "create", "-o", first, *DEVICE, "--sequence", "2", "--version", "1.0", "--key", made / "k.key",
             "--image", f"root={image_of(made, kind, 'old')}")
        dev.trust(made / "k.pem")
        dev.init("--slots", 2, "--good", "a", "--version", "0.9", "--sequence", 1)
        dev.boot("a")
        dev("install", first)
        edit(dev, open="b", token=37, pref="b", b_tries=2)
        dev.boot("b", token=37, status="trial")
        dev("mark", "good")
        dev.boot("b")
        return dev
    return install


def for_device(made, name, kind, *options):
    return create(made, name, kind, *options, base=[*DEVICE, "--sequence", "3"])


def holds_new(dev, made, kind):
    return dev.slots["a"].read_bytes().startswith(image_of(made, kind, "new").read_bytes())


@pytest.mark.parametrize("kind", ["gzip", "xz-bcj", "zstd", "lz4hc", "erofs-lz4hc"])
def test_a_device_makes_the_blocks_again_in_the_cage(made, installed, kind):
    dev = installed(kind)
    bundle = for_device(made, "device.keel", kind, "--full", "no")
    assert FORMS[kind] in delta_of(made, bundle)["forms"]
    assert "is staged" in dev("stage", bundle).stdout
    dev("unstage")
    assert "It was made from slot b" in dev("install", bundle).stdout
    assert holds_new(dev, made, kind)
    assert "nothing to do" in dev("install", bundle, code=NOTHING).stderr


def test_a_device_without_the_compressors_takes_the_whole_image_or_says_so(made, installed, without_compressors,
                                                                           monkeypatch):
    dev = installed("gzip")
    with monkeypatch.context() as patch:
        patch.setattr(cli_device, "KEELBOOT", str(PROGRAMS / "keelboot"))
        patch.setattr(cli_device, "HELPER", str(PROGRAMS / "keelboot-helper"))
        delta = for_device(made, "only.keel", "gzip", "--full", "no")
        both = for_device(made, "both.keel", "gzip")
    assert "root is stored for compressors that this Keelboot lacks, or has in another version; use a full bundle" in \
        dev("install", delta, code=INCOMPATIBLE).stderr
    assert "It was made from" not in dev("install", both).stdout
    assert holds_new(dev, made, "gzip")


def rot(dev):
    """Other bytes all over slot b."""
    old = bytearray(dev.slots["b"].read_bytes())
    for at in range(5000, len(old), 9000):
        old[at] ^= 0xff
    dev.slots["b"].write_bytes(old)


@pytest.mark.parametrize("first", ["yes", "no"])
def test_blocks_that_do_not_unpack_any_more_come_whole(made, installed, first):
    dev = installed("gzip")
    dev.configure(f"[install]\nverify-first={first}\n")
    rot(dev)
    told = dev("install", for_device(made, "whole.keel", "gzip")).stdout
    assert holds_new(dev, made, "gzip")
    assert re.search(r"\d+ chunks? came whole", told)


def test_blocks_that_do_not_unpack_any_more_are_said(made, installed):
    dev = installed("gzip")
    before = dev.slots["a"].read_bytes()
    rot(dev)
    told = dev("install", for_device(made, "rot.keel", "gzip", "--full", "no"), code=INCOMPATIBLE).stderr
    assert "the slot that holds the version before has changed" in told
    assert dev.slots["a"].read_bytes() == before


def test_every_flipped_byte_of_a_remade_chunk_is_found(made):
    bundle = create(made, "flips.keel", "erofs-lz4", "--full", "no", "--chunk-size", "16K")
    old = image_of(made, "erofs-lz4", "old")
    start = keelreader.read(bundle, [made / "k.pem"]).header.payload_off
    rng = random.Random(9)
    for _ in range(25):
        flip(bundle, made / "bent.keel", rng.randrange(start, bundle.stat().st_size))
        assert run("bundle", "verify", made / "bent.keel", "--key", made / "k.pem", "--from", old, code=None).returncode
        with pytest.raises(keelreader.Refused):
            keelreader.read(made / "bent.keel", [made / "k.pem"], [old]).read_image("root")
