# SPDX-License-Identifier: Apache-2.0
"""Bundles and keys: what the command makes is read by a second reader, tests/format/keelreader.py,
which was made from docs/FORMAT.md alone; and both refuse the same."""
import base64
import contextlib
import json
import os
import random
import re
import resource
import signal
import stat
import struct
import subprocess
from pathlib import Path

import keelreader
import pytest
from cli_device import (FAILURE, GIB, INCOMPATIBLE, KEELBOOT, KIB, MIB, OK, TOP, USAGE, VERIFY, call, document, flip,
                        let_others_in, run)

FORMAT = TOP / "tests/format"


def good(*args, **kwargs):
    return run(*args, code=OK, **kwargs)


def refused(code, *args, **kwargs):
    """The message of a command that ends with this code."""
    done = run(*args, code=code, **kwargs)
    assert done.stderr.startswith("keelboot: "), done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """A folder with a.key, a.pem (Ed25519), b.key, b.pem (P-256)."""
    folder = tmp_path_factory.mktemp("keys")
    good("key", "generate", "-o", folder / "a")
    good("key", "generate", "-o", folder / "b", "--type", "p256")
    return folder


def mixed(size, seed=1):
    """Some text, some noise, and zeroes."""
    rng = random.Random(seed)
    data = bytearray(size)
    for at in range(0, size, 50_000):
        kind = rng.randrange(3)
        piece = [b"", rng.randbytes(40_000), b"text %d " % at * 4000][kind]
        data[at:at + len(piece)] = piece
    return bytes(data[:size])


def padded(data):
    return data + bytes(-len(data) % 4096)


SMALL = ["--chunk-size", "16K", "--sig-capacity", "1K"]
BASE = ["--compatible", "box", "--version", "2.0", "--sequence", "2", "--level", "3"]


def create(out, image, *options, **kwargs):
    """A bundle of one image."""
    return good("bundle", "create", "-o", out, *BASE, "--image", f"root={image}", *options, **kwargs)


@pytest.fixture(scope="session")
def sample(tmp_path_factory, keys):
    """A signed bundle of one image, and the image."""
    folder = tmp_path_factory.mktemp("sample")
    data = mixed(700_000)
    (folder / "root.img").write_bytes(data)
    create(folder / "s.keel", folder / "root.img", *SMALL, "--key", keys / "a.key")
    return folder / "s.keel", padded(data)


# ---------------------------------------------------------------- the second reader

@pytest.mark.parametrize("name,options", [
    ("ed25519", []), ("p256", []), ("ed25519", ["--compress", "none"]),
    ("p256", ["--chunk-size", "16K", "--level", "19"]), ("ed25519", ["--chunk-size", "1M"]),
    ("ed25519", ["--sig-capacity", "128K"]), ("ed25519", ["--threads", "7"]),
])
@pytest.mark.parametrize("size", [1, 4096, 256 * KIB, 1_234_567])
def test_the_second_reader_reads_what_the_command_makes(tmp_path, keys, name, options, size):
    key = keys / {"ed25519": "a", "p256": "b"}[name]
    data = mixed(size, size)
    (tmp_path / "root.img").write_bytes(data)
    (tmp_path / "boot.img").write_bytes(data[::-1])
    bundle = tmp_path / "x.keel"
    good("bundle", "create", "-o", bundle, *BASE, "--image", f"root={tmp_path}/root.img,fs=ext4",
         "--image", f"boot={tmp_path}/boot.img", "--key", f"{key}.key", *options)
    read = keelreader.read(bundle, [f"{key}.pem"])
    assert read.read_image("root") == padded(data)
    assert read.read_image("boot") == padded(data[::-1])
    assert read.manifest.images["root"]["filesystem"] == "ext4"
    assert document("bundle", "inspect", bundle, "--key", f"{key}.pem")["release"] == read.manifest.release_id().hex()
    assert "good" in good("bundle", "verify", bundle, "--key", f"{key}.pem").stdout
    good("bundle", "extract", bundle, "--key", f"{key}.pem", "--image", "boot", "-o", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == padded(data[::-1])


def spent(saved):
    """An image of which zstd saves this part. Its zeroes count for nothing."""
    text = int(4 * MIB * saved)
    return b"x" * text + random.Random(1).randbytes(4 * MIB - text) + bytes(4 * MIB)


@pytest.mark.parametrize("saved, beside, options, form", [
    ((0.03, 0.03), "nothing", (), "raw"), ((0.03, 0.03), "zeroes", (), "raw"), ((0.03, 0.03), "text", (), "zstd"),
    ((0.03, 0.06), "nothing", (), "zstd"), ((0.06, 0.03), "nothing", (), "zstd"),
    ((0.03, 0.03), "nothing", ("--compress", "zstd"), "zstd"), ((0.03, 0.03), "zeroes", ("--compress", "auto"), "raw"),
    ((0.06, 0.06), "nothing", ("--compress", "none"), "raw"), ((0.03, 0.03), "nothing", ("--from", "root=old"), "zstd"),
])
def test_what_zstd_hardly_makes_smaller_is_stored_as_it_is(tmp_path, keys, saved, beside, options, form):
    """Then a device needs no decoder. If it needs one anyway, for one image or for a delta, all are in zstd."""
    more = {"nothing": {}, "zeroes": {"more": bytes(MIB)}, "text": {"more": b"text " * 200_000}}[beside]
    images = {"boot": spent(saved[0]), "root": spent(saved[1])[::-1], **more}
    for name, data in images.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "old").write_bytes(images["root"][:-4096] + b"o" * 4096)
    bundle = tmp_path / "x.keel"
    good("bundle", "create", "-o", bundle, *BASE, "--threads", "2", "--key", keys / "a.key",
         *(word.replace("=old", f"={tmp_path}/old") for word in options),
         *(word for name in images for word in ("--image", f"{name}={tmp_path}/{name},fs=ext4")))
    encodings = document("bundle", "inspect", bundle)["encodings"]
    found = {one["image"]: {*one["chunks"]} - {"zero", "zstd-next"} for one in encodings if one["kind"] == "full"}
    assert found == {name: {form} if any(data) else set() for name, data in images.items()}
    assert len(encodings) == len(images) + ("--from" in options)
    read = keelreader.read(bundle, [keys / "a.pem"])
    assert all(read.read_image(name) == padded(data) for name, data in images.items())


def test_holes_are_found_anew_when_an_image_is_read_again(tmp_path, keys):
    """It is encoded twice, since zstd does not make it smaller. What of it is no hole is read both times."""
    with open(tmp_path / "i", "wb") as out:
        for at in (0, 5, 9):
            out.seek(at * MIB)
            out.write(random.Random(at).randbytes(MIB))
        out.truncate(12 * MIB)
        assert os.lseek(out.fileno(), 0, os.SEEK_HOLE) < 5 * MIB
    create(tmp_path / "x.keel", f"{tmp_path}/i,fs=ext4", "--key", keys / "a.key")
    [encoding] = document("bundle", "inspect", tmp_path / "x.keel")["encodings"]
    assert {*encoding["chunks"]} == {"zero", "raw"}
    assert keelreader.read(tmp_path / "x.keel", [keys / "a.pem"]).read_image("root") == (tmp_path / "i").read_bytes()


def payload(pid):
    """Bytes that the command has put into its file without a name."""
    with contextlib.suppress(FileNotFoundError):    # one was closed now
        files = [link for link in Path(f"/proc/{pid}/fd").iterdir() if "deleted" in os.readlink(link)]
        return sum(file.stat().st_size for file in files)
    return 0


def maps(pid, file):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return str(file) in Path(f"/proc/{pid}/maps").read_text()
    return False


def made_while_it_changes(tmp_path, args, is_time, most, change):
    """What `bundle create` says whose image changes when is_time() of its process: before it has put so many bytes
    into its file. It makes no bundle."""
    with subprocess.Popen([KEELBOOT, "bundle", "create", "-o", tmp_path / "x.keel", *BASE, *args],
                          stderr=subprocess.PIPE, text=True) as command:
        try:
            while not is_time(command.pid):
                assert command.poll() is None, "ended before that"
            command.send_signal(signal.SIGSTOP)
            assert payload(command.pid) < most, "stopped too late"
            change()
            command.send_signal(signal.SIGCONT)
            said = command.communicate(timeout=100)[1]
        finally:
            command.kill()
    assert command.returncode == FAILURE
    assert not (tmp_path / "x.keel").exists()
    return said


def test_an_image_that_changes_before_its_delta_is_made_makes_no_bundle(tmp_path):
    """No device could install that delta. The older image is mapped when all of the new one was read once."""
    old = random.Random("old").randbytes(48 * MIB)
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "root").write_bytes(old[:-4096] + bytes(4096))

    def change():
        with open(tmp_path / "root", "r+b") as image:
            image.seek(-4096, os.SEEK_END)
            image.write(b"other" * 800)
    args = ["--full", "no", "--image", f"root={tmp_path}/root,fs=ext4", "--from", f"root={tmp_path}/old"]
    said = made_while_it_changes(tmp_path, args, lambda pid: maps(pid, tmp_path / "old"), 1, change)
    assert said == f"keelboot: image {tmp_path}/root: changed while it was read\n"


def test_an_image_that_changes_before_it_is_read_again_makes_no_bundle(tmp_path):
    """Else a mixture would be signed. It changes while the image behind it is compressed, the first time."""
    for name, size in (("boot", 4096), ("root", 8 * MIB)):
        (tmp_path / name).write_bytes(random.Random(name).randbytes(size))

    def change():
        (tmp_path / "boot").write_bytes(random.Random("other").randbytes(4096))
    args = ["--level", "19", "--threads", "1", "--image", f"boot={tmp_path}/boot",
            "--image", f"root={tmp_path}/root,fs=ext4"]
    said = made_while_it_changes(tmp_path, args, lambda pid: payload(pid) >= 4096, 8 * MIB, change)
    assert said == f"keelboot: image {tmp_path}/boot: changed while it was read\n"


def said_in_one_line(*args, limits=None):
    """What the command that fails says, which is one line."""
    lines = run(*args, code=FAILURE, limits=limits).stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def limit(resource_id, value):
    def set_limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource_id, (value, value))
    return set_limit


def test_a_full_disk_is_reported_once_and_by_the_disk(tmp_path):
    (tmp_path / "root.img").write_bytes(os.urandom(700_000))
    (tmp_path / "old.img").write_bytes(os.urandom(700_000))
    create_it = ["bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--image", f"root={tmp_path}/root.img,fs=ext4"]
    for more in ([], ["--from", f"root={tmp_path}/old.img", "--full", "no"]):
        assert "unable to write the payload: File too large" in \
            said_in_one_line(*create_it, *more, limits=limit(resource.RLIMIT_FSIZE, 100_000))


def test_a_full_disk_is_no_fault_of_the_bundle(tmp_path, keys, sample):
    folder = tmp_path / "small"
    folder.mkdir()
    if call("mount", "-t", "tmpfs", "-o", "size=64k", "none", folder, code=None).returncode != 0:
        pytest.skip("nothing may be mounted here")
    try:
        said = said_in_one_line("bundle", "extract", sample[0], "--key", keys / "a.pem", "-o", folder / "out")
        assert said == f"keelboot: {folder}/out.tmp: No space left on device"
    finally:
        call("umount", folder)


def test_too_little_memory_is_named_so(tmp_path):
    (tmp_path / "root.img").write_bytes(os.urandom(700_000))
    said = said_in_one_line("bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--image",
                            f"root={tmp_path}/root.img,fs=ext4", limits=limit(resource.RLIMIT_AS, 60_000 * KIB))
    assert said.endswith("encoding failed: not enough memory")


def test_an_older_file_is_replaced_and_that_is_said(tmp_path):
    (tmp_path / "root.img").write_bytes(bytes(4096))
    for replaced in (False, True):
        told = create(tmp_path / "x.keel", tmp_path / "root.img").stdout
        assert told.endswith("; the older file was replaced\n") == replaced


def test_a_missing_folder_is_named(tmp_path):
    (tmp_path / "root.img").write_bytes(bytes(4096))
    said = refused(FAILURE, "bundle", "create", "-o", tmp_path / "none/x.keel", *BASE, "--image",
                   f"root={tmp_path}/root.img,fs=ext4")
    assert said == f"keelboot: {tmp_path}/none/x.keel: its folder {tmp_path}/none/ is missing; create it, or choose " \
        "another: -o FILE\n"


def test_a_damaged_chunk_is_copied_again(tmp_path, keys, sample):
    said = refused(VERIFY, "bundle", "verify", flip(sample[0], tmp_path / "bad.keel", -1), "--key", keys / "a.pem")
    assert re.search(r"chunk \d+ \(byte \d+ of the file\): .* data; copy it again$", said, re.M)


def test_the_golden_bundle_stays_readable():
    want = json.loads((FORMAT / "golden.json").read_text())
    for key in "ed25519", "p256":
        pem = FORMAT / f"golden-{key}.pem"
        read = keelreader.read(FORMAT / "golden.keel", [pem])
        for name in read.manifest.images:
            read.read_image(name)
        assert read.summary() == {**want, "signer": pem.name}
        good("bundle", "verify", FORMAT / "golden.keel", "--key", pem)
        told = document("bundle", "inspect", FORMAT / "golden.keel", "--key", pem)
        assert told["release"] == want["release"]
        assert told["version"] == "1.0~golden"
        assert [image["digest"] for image in told["images"]] == [image["digest"] for image in want["images"].values()]


def test_tables_of_many_pages(tmp_path, keys):
    """45,056 chunks: 22 pages of hashes, 3 of records."""
    with open(tmp_path / "big.img", "wb") as image:
        image.truncate(704 * MIB)
        for at in range(0, 704 * MIB, 48 * MIB):
            image.seek(at + 5)
            image.write(b"something")
    bundle = tmp_path / "x.keel"
    create(bundle, tmp_path / "big.img", "--chunk-size", "16K", "--key", keys / "a.key")
    read = keelreader.read(bundle, [keys / "a.pem"])
    records = keelreader.record_table(read.tables, read.manifest.encodings[0])
    hashes = keelreader.hash_table(read.tables, read.manifest.images["root"])
    assert len(records) == len(hashes) == 45056
    assert read.manifest.encodings[0]["table-length"] > 2 * 65536
    assert [form for form, _ in records].count("zstd") == 15
    good("bundle", "verify", bundle, "--key", keys / "a.pem")


def test_a_huge_sparse_image_is_quick_and_small(tmp_path, keys):
    def limits():
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        resource.setrlimit(resource.RLIMIT_AS, (256 * MIB, 256 * MIB))

    with open(tmp_path / "huge.img", "wb") as image:
        image.truncate(64 * GIB)
        image.seek(40 * GIB)
        image.write(b"here")
    bundle = tmp_path / "x.keel"
    create(bundle, tmp_path / "huge.img", "--key", keys / "a.key", "--threads", "2", limits=limits)
    assert bundle.stat().st_size < 10 * MIB
    good("bundle", "verify", bundle, "--key", keys / "a.pem", limits=limits)
    good("bundle", "extract", bundle, "--key", keys / "a.pem", "-o", tmp_path / "out", limits=limits)
    out = (tmp_path / "out").stat()
    assert out.st_size == 64 * GIB and out.st_blocks * 512 < MIB


# ---------------------------------------------------------------- damage

def both_refuse(path, data, pem):
    path.write_bytes(data)
    message = refused(VERIFY, "bundle", "verify", path, "--key", pem)
    with pytest.raises(keelreader.Refused):
        keelreader.read(path, [pem]).read_image("root")
    return message


def test_one_flipped_bit_anywhere_is_refused_by_both(tmp_path, keys, sample):
    data = bytearray(sample[0].read_bytes())
    head = keelreader.Header(bytes(data[:512]))
    rng = random.Random(7)
    places = [0, 11, 100, 300, 511, 512, 520, 540, 600, 512 + head.sig_cap - 1]
    for start, end in ((head.manifest_off, head.tables_off), (head.tables_off, head.payload_off),
                       (head.payload_off, head.total_len)):
        places += [start, end - 1] + [rng.randrange(start, end) for _ in range(10)]
    for at in places:
        data[at] ^= 1 << rng.randrange(8)
        both_refuse(tmp_path / "flipped.keel", data, keys / "a.pem")
        data[:] = sample[0].read_bytes()


def test_truncated_and_prolonged_files_are_refused(tmp_path, keys, sample):
    data = sample[0].read_bytes()
    for length in (0, 1, 511, 512, 1000, 5000, len(data) // 2, len(data) - 1):
        both_refuse(tmp_path / "x.keel", data[:length], keys / "a.pem")
    assert "truncated" in both_refuse(tmp_path / "x.keel", data[:-1], keys / "a.pem")
    assert "1 extra bytes" in both_refuse(tmp_path / "x.keel", data + b"\0", keys / "a.pem")


def test_parts_of_two_bundles_do_not_mix(tmp_path, keys, sample):
    first = sample[0].read_bytes()
    (tmp_path / "other.img").write_bytes(bytes(reversed(sample[1])))
    create(tmp_path / "o.keel", tmp_path / "other.img", *SMALL, "--key", keys / "a.key")
    other = (tmp_path / "o.keel").read_bytes()
    head = keelreader.Header(first[:512])
    for cut in (512, head.manifest_off, head.tables_off, head.payload_off):
        both_refuse(tmp_path / "x.keel", (first[:cut] + other[cut:])[:head.total_len], keys / "a.pem")


# ---------------------------------------------------------------- bundles that create cannot make

def forge(path, keys, manifest, tables, payload):
    """A bundle of these parts, signed by a."""
    text = manifest.encode()
    fields = [512 + 1024, 512 + 1024 + len(text), len(tables), 512 + 1024 + len(text) + len(tables), len(payload)]
    raw = struct.pack("<8sHHIQQQIIQQQQQ32s", b"KEELBNDL", 1, 1, 512, 0, 0, fields[3] + fields[4],
                      1024, len(text), *fields, keelreader.sha256(text)).ljust(508, b"\0")
    raw += struct.pack("<I", keelreader.crc32c(raw))
    path.write_bytes(raw + bytes(1024) + text + tables + payload)
    good("bundle", "sign", path, "--key", keys / "a.key")


def forged_with_unknown(path, keys, sample, before):
    """The sample, with an encoding of a kind that nobody knows before or behind the known one."""
    read = keelreader.read(sample[0], [keys / "a.pem"])
    image, known = read.manifest.images["root"], read.manifest.encodings[0]
    text = sample[0].read_bytes()[read.header.manifest_off:read.header.tables_off].decode()
    hashes = read.tables[:image["hashes-length"]]
    table = read.tables[image["hashes-length"]:]
    payload = sample[0].read_bytes()[read.header.payload_off:]
    start = text.index("[encoding.1]")

    def section(number, kind, extra, offset, length, at, stored, digest):
        sums = keelreader.payload_digest(stored).hex()
        return (f"[encoding.{number}]\nimage=root\nkind={kind}\nforms={extra}\n"
                f"table-offset={offset}\ntable-length={length}\ntable-digest={digest}\n"
                f"payload-offset={at}\npayload-length={len(stored)}\npayload-digest={sums}\n")

    here = len(hashes) + (5 if before else 0)
    known_text = section(2 if before else 1, "full", ",".join(known["forms"]), here, len(table),
                         9 if before else 0, payload, known["table-digest"].hex())
    unknown_text = section(1 if before else 2, "hologram", "light\nlaser=blue",
                           len(hashes) + (0 if before else len(table)), 5,
                           0 if before else len(payload), b"123456789", "00" * 32)
    if before:
        forge(path, keys, text[:start] + unknown_text + known_text, hashes + b"12345" + table, b"123456789" + payload)
    else:
        forge(path, keys, text[:start] + known_text + unknown_text, hashes + table + b"12345", payload + b"123456789")


@pytest.mark.parametrize("before", [True, False])
def test_an_encoding_of_unknown_kind_is_passed_over(tmp_path, keys, sample, before):
    path = tmp_path / "x.keel"
    forged_with_unknown(path, keys, sample, before)
    assert "not checked" in good("bundle", "verify", path, "--key", keys / "a.pem").stderr
    good("bundle", "extract", path, "--key", keys / "a.pem", "-o", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == sample[1]
    read = keelreader.read(path, [keys / "a.pem"])
    assert read.read_image("root") == sample[1]
    # It is the same release: only the way to obtain it is another.
    assert read.manifest.release_id() == keelreader.read(sample[0], [keys / "a.pem"]).manifest.release_id()


def test_a_bundle_for_a_newer_reader_says_so(tmp_path, keys, sample):
    data = bytearray(sample[0].read_bytes())
    struct.pack_into("<Q", data, 24, 1)
    struct.pack_into("<I", data, 508, keelreader.crc32c(bytes(data[:508])))
    (tmp_path / "x.keel").write_bytes(data)
    assert "newer" in refused(INCOMPATIBLE, "bundle", "verify", tmp_path / "x.keel", "--key", keys / "a.pem")
    with pytest.raises(keelreader.Newer):
        keelreader.read(tmp_path / "x.keel", [keys / "a.pem"])


# ---------------------------------------------------------------- create

def test_the_same_input_gives_the_same_bytes(tmp_path, keys, sample):
    (tmp_path / "root.img").write_bytes(sample[1])
    bundles = []
    for threads in 1, 2, 9:
        bundle = tmp_path / f"{threads}.keel"
        create(bundle, tmp_path / "root.img", "--key", keys / "a.key", "--threads", threads, "--chunk-size", "16K",
               env={"SOURCE_DATE_EPOCH": "1700000000"})
        bundles.append(bundle.read_bytes())
    assert bundles[0] == bundles[1] == bundles[2]


def test_a_recipe_says_the_same_as_options(tmp_path, keys, sample):
    (tmp_path / "root.img").write_bytes(sample[1])
    (tmp_path / "r.ini").write_text(
        "; a recipe\n[bundle]\ncompatible = box,box-2\nprocessor = arm,s390x\nversion = 1.0\nsequence = 3\nfloor = 1\n"
        f"allow-downgrade = yes\ndescription = some text\nbuild = 9\nkey = {keys}/a.key\n"
        "chunk-size = 64K\nlevel = 3\nsig-capacity = 2K\noutput = from-recipe.keel\n"
        "[image.root]\nfile = root.img\nfilesystem = erofs\n")
    epoch = {"SOURCE_DATE_EPOCH": "1"}
    good("bundle", "create", tmp_path / "r.ini", "--version", "2.0", env=epoch)
    good("bundle", "create", "-o", tmp_path / "o.keel", "--compatible", "box,box-2", "--processor", "arm,s390x",
         "--version", "2.0", "--sequence", "3", "--floor", "1", "--allow-downgrade", "yes", "--description",
         "some text", "--build", "9", "--key", keys / "a.key", "--chunk-size", "64K", "--level",
         "3", "--sig-capacity", "2K", "--image", f"root={tmp_path}/root.img,fs=erofs", env=epoch)
    assert (tmp_path / "from-recipe.keel").read_bytes() == (tmp_path / "o.keel").read_bytes()


@pytest.mark.parametrize("text,because", [
    ("[bundle]\nvershun=1\n", "unknown key"), ("[bundle]\nversion=1 0\n", "not allowed"),
    ("[bundel]\nversion=1\n", "unknown section"), ("[bundle\n", "line 1"),
    ("[image.root]\nsize=many\n", "want a size"),
    ("[image.root]\nchunk-size=16384\n", "unknown key"), ("[image.Root]\nfile=x\n", "a-z"),
    ("[bundle]\nversion=1\nversion=2\n", "twice"), ("[bundle]\ncreated=2025\n", "unknown key"),
    ("[bundle]\nversion=1\n  2\n", "indented"), ("[bundle]\nchunk-size=3K\n", "16K to 1M"),
])
def test_a_wrong_recipe_is_explained(tmp_path, text, because):
    (tmp_path / "r.ini").write_text(text)
    assert because in refused(USAGE, "bundle", "create", tmp_path / "r.ini", "-o", tmp_path / "x.keel")


@pytest.mark.parametrize("without,because", [
    ("--compatible", "--compatible"), ("--version", "--version"), ("--sequence", "--sequence"),
    ("--image", "--image"), ("-o", "-o"),
])
def test_what_is_missing_is_named(tmp_path, without, because):
    options = {"-o": tmp_path / "x.keel", "--compatible": "a", "--version": "1", "--sequence": "1",
               "--image": "root=/dev/null"}
    del options[without]
    args = [word for pair in options.items() for word in pair]
    assert because in refused(USAGE, "bundle", "create", *args)


@pytest.mark.parametrize("option,value", [
    ("--sequence", "0"), ("--sequence", "-1"), ("--sequence", "x"), ("--floor", "3"),
    ("--chunk-size", "8K"), ("--chunk-size", "300K"), ("--chunk-size", "2M"), ("--level", "23"),
    ("--level", "0"), ("--compress", "gzip"), ("--image", "root"), ("--image", "=x"),
    ("--image", "../root=x"), ("--version", "1/2"), ("--compatible", "a,a"),
    ("--compatible", "a b"), ("--description", "a;b"), ("--sig-capacity", "129K"),
    ("--allow-downgrade", "maybe"), ("--processor", "armv7l"), ("--processor", "arm,arm"), ("--threads", "0"),
    ("--frobnicate", "1"),
])
def test_bad_options_are_usage_errors(tmp_path, option, value):
    message = refused(USAGE, "bundle", "create", "-o", tmp_path / "x.keel", "--compatible", "a",
                      "--version", "1", "--sequence", "2", "--image", "root=x", option, value)
    assert "--help" in message or "floor" in message


@pytest.mark.parametrize("image,because", [
    ("missing.img", "No such file"), ("empty.img", "empty"), ("../../../../../../dev/null", "neither a file"),
])
def test_images_that_cannot_be_read_leave_nothing_behind(tmp_path, image, because):
    (tmp_path / "empty.img").write_bytes(b"")
    assert because in refused(FAILURE, "bundle", "create", "-o", tmp_path / "x.keel", *BASE,
                              "--image", f"root={tmp_path}/{image}")
    assert sorted(os.listdir(tmp_path)) == ["empty.img"]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "neither a file" in refused(FAILURE, "bundle", "create", "-o", tmp_path / "x.keel", *BASE,
                                       "--image", f"root={tmp_path}/pipe")
    assert "neither a file" in refused(FAILURE, "bundle", "inspect", tmp_path / "pipe")


def test_the_output_is_never_half_a_bundle(tmp_path, keys):
    (tmp_path / "root.img").write_bytes(random.Random(1).randbytes(4 * MIB))
    (tmp_path / "x.keel").write_bytes(b"the old one")

    def limits():  # as if the disk were full
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))

    args = ["bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--image",
            f"root={tmp_path}/root.img", "--key", keys / "a.key"]
    refused(FAILURE, *args, limits=limits)
    assert (tmp_path / "x.keel").read_bytes() == b"the old one"
    assert sorted(os.listdir(tmp_path)) == ["root.img", "x.keel"]
    good(*args)
    assert (tmp_path / "x.keel").stat().st_size > 4 * MIB
    assert not (tmp_path / "x.keel.tmp").exists()


def test_an_image_is_not_overwritten_by_its_bundle(tmp_path):
    image = tmp_path / "root.img"
    image.write_bytes(b"precious")
    assert "output" in refused(FAILURE, "bundle", "create", "-o", image, *BASE, "--image", f"root={image}")
    assert image.read_bytes() == b"precious"


def test_the_file_system_is_found(tmp_path):
    image = tmp_path / "root.img"
    with open(image, "wb") as out:
        out.truncate(4 * MIB)
    call("mke2fs", "-q", "-t", "ext2", image)
    create(tmp_path / "x.keel", image)
    told = document("bundle", "inspect", tmp_path / "x.keel")
    assert told["images"][0]["filesystem"] == "ext2"
    assert told["signature_checked"] is False and told["signatures"] == []


def test_processors_are_shown_and_need_not_be_said(tmp_path):
    (tmp_path / "root.img").write_bytes(bytes(4096))
    create(tmp_path / "x.keel", tmp_path / "root.img", "--processor", "aarch64,arm")
    assert "\nprocessor    aarch64\n             arm\n" in good("bundle", "inspect", tmp_path / "x.keel").stdout
    assert document("bundle", "inspect", tmp_path / "x.keel")["processor"] == ["aarch64", "arm"]
    create(tmp_path / "y.keel", tmp_path / "root.img")
    assert "\nprocessor" not in good("bundle", "inspect", tmp_path / "y.keel").stdout
    assert document("bundle", "inspect", tmp_path / "y.keel")["processor"] == []
    says = "expected names of x86_64, i386, aarch64, arm, riscv64 or s390x"
    assert says in refused(USAGE, "bundle", "create", "-o", tmp_path / "z.keel", *BASE, "--image",
                           f"root={tmp_path}/root.img", "--processor", "x86-64")


@pytest.mark.parametrize("machine, processors, names", [
    (0x8664, "x86_64", None), (0x8664, "i386,x86_64", None), (0x014c, "x86_64", None), (0x8664, "i386", "x86_64"),
    (0xaa64, "x86_64,arm", "aarch64"), (0x01c2, "aarch64", None), (0x5064, "s390x", "riscv64"), (0x1234, "arm", None)])
def test_a_kernel_that_contradicts_the_processor_goes_into_no_bundle(tmp_path, machine, processors, names):
    """A program of UEFI says for which one it is; one that nobody here knows may be anything."""
    kernel, out = tmp_path / "boot.efi", tmp_path / "x.keel"
    kernel.write_bytes(b"MZ" + bytes(58) + struct.pack("<I4sH", 64, b"PE\0\0", machine) + bytes(100))
    make = ("bundle", "create", "-o", out, *BASE, "--processor", processors, "--image", f"boot={kernel}")
    if names is None:
        good(*make)
    else:
        assert refused(FAILURE, *make) == (
            f"keelboot: image {kernel}: a kernel for {names}, which --processor does not name; correct one of them\n")
        assert not out.exists()
    good("bundle", "create", "-o", out, *BASE, "--image", f"boot={kernel}")     # it is not asked for


def test_an_ext4_image_whose_journal_needs_recovery_is_refused(tmp_path):
    image = tmp_path / "root.ext4"
    call("mke2fs", "-q", "-t", "ext4", image, "8M")
    make = ("bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--image", f"root={image}")
    good(*make)
    (tmp_path / "x.keel").unlink()
    call("debugfs", "-w", "-R", "feature needs_recovery", image)
    said = refused(FAILURE, *make)
    assert f"{image}: its ext4 journal needs recovery" in said and "e2fsck -f" in said
    assert [path.name for path in tmp_path.iterdir()] == ["root.ext4"]
    call("e2fsck", "-f", "-y", image, code=None)
    good(*make)


# ---------------------------------------------------------------- sign

def test_signatures_are_added_and_each_is_enough(tmp_path, keys, sample):
    path = tmp_path / "x.keel"
    path.write_bytes(sample[0].read_bytes())
    refused(VERIFY, "bundle", "verify", path, "--key", keys / "b.pem")
    good("bundle", "sign", path, "--key", keys / "b.key")
    for key in "a", "b":
        good("bundle", "verify", path, "--key", keys / f"{key}.pem")
        assert keelreader.read(path, [keys / f"{key}.pem"]).signer == f"{key}.pem"
    one = path.read_bytes()
    good("bundle", "sign", path, "--key", keys / "a.key")  # again: replaced
    assert len(keelreader.signatures(path.read_bytes()[512:1536])) == 2
    assert one[1536:] == path.read_bytes()[1536:] and one[:512] == path.read_bytes()[:512]


def test_signing_elsewhere_leaves_the_bundle_alone(tmp_path, keys, sample):
    before = sample[0].read_bytes()
    good("bundle", "sign", sample[0], "--key", keys / "b.key", "-o", tmp_path / "x.keel")
    assert sample[0].read_bytes() == before
    good("bundle", "verify", tmp_path / "x.keel", "--key", keys / "b.pem")


def test_a_full_signature_area_is_said_and_nothing_is_lost(tmp_path, keys, sample):
    path = tmp_path / "x.keel"
    path.write_bytes(sample[0].read_bytes())
    for i in range(12):
        good("key", "generate", "-o", tmp_path / str(i))
        before = path.read_bytes()
        done = run("bundle", "sign", path, "--key", tmp_path / f"{i}.key")
        if done.returncode != OK:
            break
    assert done.returncode == FAILURE and "--sig-capacity" in done.stderr
    assert path.read_bytes() == before
    good("bundle", "verify", path, "--key", keys / "a.pem")


def test_an_unsigned_bundle_is_no_good(tmp_path, keys, sample):
    (tmp_path / "root.img").write_bytes(sample[1])
    assert "not signed" in create(tmp_path / "x.keel", tmp_path / "root.img").stderr
    refused(VERIFY, "bundle", "verify", tmp_path / "x.keel", "--key", keys / "a.pem")
    refused(VERIFY, "bundle", "extract", tmp_path / "x.keel", "--key", keys / "a.pem", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert "signature not checked" in good("bundle", "inspect", tmp_path / "x.keel").stdout


# ---------------------------------------------------------------- verify, inspect, extract

def test_a_keyring_folder_does_as_well(tmp_path, keys, sample):
    (tmp_path / "ring").mkdir()
    assert "no usable key" in refused(FAILURE, "bundle", "verify", sample[0], "--keys", tmp_path / "ring")
    for name in "a.pem", "b.pem":
        (tmp_path / "ring" / name).write_bytes((keys / name).read_bytes())
    assert "signed by a" in good("bundle", "verify", sample[0], "--keys", tmp_path / "ring").stdout


def test_nothing_is_trusted_without_a_key(tmp_path, keys, sample):
    assert "--key" in refused(USAGE, "bundle", "verify", sample[0])
    assert "--key" in refused(USAGE, "bundle", "extract", sample[0], "-o", tmp_path / "x")
    assert "PUBLIC KEY" in refused(FAILURE, "bundle", "verify", sample[0], "--key", keys / "a.key")
    refused(FAILURE, "bundle", "verify", sample[0], "--key", keys / "missing.pem")


def test_a_damaged_chunk_is_not_extracted(tmp_path, keys, sample):
    flip(sample[0], tmp_path / "x.keel", -1)
    assert "chunk" in refused(VERIFY, "bundle", "extract", tmp_path / "x.keel", "--key", keys / "a.pem",
                              "-o", tmp_path / "out")
    assert os.listdir(tmp_path) == ["x.keel"]


def test_extract_names_what_it_lacks(tmp_path, keys, sample):
    assert "inspect" in refused(FAILURE, "bundle", "extract", sample[0], "--key", keys / "a.pem",
                                "--image", "boot", "-o", tmp_path / "x")
    assert "regular" in refused(FAILURE, "bundle", "extract", sample[0], "--key", keys / "a.pem", "-o", "/dev/null")


def test_help_has_an_example():
    for verb in ["bundle"], ["key"], ["bundle", "create"], ["bundle", "sign"], \
            ["bundle", "verify"], ["bundle", "inspect"], ["bundle", "extract"]:
        done = good(*verb, "--help")
        assert "Example:\n  keelboot " in done.stdout and done.stderr == ""
    assert "did you mean" in refused(USAGE, "bundle", "verfy")


# ---------------------------------------------------------------- keys

def test_keys_are_secret_and_never_overwritten(tmp_path):
    good("key", "generate", "-o", tmp_path / "k")
    assert stat.S_IMODE((tmp_path / "k.key").stat().st_mode) == 0o600
    before = (tmp_path / "k.key").read_bytes(), (tmp_path / "k.pem").read_bytes()
    assert "never overwritten" in refused(FAILURE, "key", "generate", "-o", tmp_path / "k")
    (tmp_path / "k.key").unlink()
    refused(FAILURE, "key", "generate", "-o", tmp_path / "k")  # the public half is there
    assert (tmp_path / "k.pem").read_bytes() == before[1]
    assert not (tmp_path / "k.key").exists()


def test_openssl_agrees_about_keys(keys):
    for name, kind in ("a", "ed25519"), ("b", "ecdsa-p256"):
        der = call("openssl", "pkey", "-in", keys / f"{name}.key", "-pubout", "-outform", "DER", text=False).stdout
        key_id = keelreader.sha256(der)[:16].hex()
        for half in "key", "pem":
            told = good("key", "show", keys / f"{name}.{half}").stdout
            assert kind in told and key_id in told


def test_keys_of_openssl_sign(tmp_path, sample):
    for i, kind in enumerate((["-algorithm", "ed25519"], ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])):
        call("openssl", "genpkey", *kind, "-out", tmp_path / f"{i}.key")
        call("openssl", "pkey", "-in", tmp_path / f"{i}.key", "-pubout", "-out", tmp_path / f"{i}.pem")
        good("bundle", "sign", sample[0], "--key", tmp_path / f"{i}.key", "-o", tmp_path / "x.keel")
        good("bundle", "verify", tmp_path / "x.keel", "--key", tmp_path / f"{i}.pem")


@pytest.mark.parametrize("y", [
    "00" * 32, "01" + "00" * 31, "01" + "00" * 30 + "80", "ec" + "ff" * 30 + "7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"])
def test_points_of_small_order_are_no_keys(tmp_path, sample, y):
    """For some of them anybody makes a signature of anything."""
    ring = tmp_path / "ring"
    ring.mkdir()
    pem = ring / "small.pem"
    der = bytes.fromhex("302a300506032b6570032100" + y)
    pem.write_text(f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n")
    assert "P-256" in refused(FAILURE, "key", "show", pem)
    refused(FAILURE, "bundle", "verify", sample[0], "--key", pem)
    refused(FAILURE, "bundle", "verify", sample[0], "--keys", ring)
    with pytest.raises(keelreader.Refused):
        keelreader.read(sample[0], [pem])


def test_other_kinds_of_keys_are_refused(tmp_path, sample):
    for name, kind in (("rsa", ["-algorithm", "RSA"]),
                       ("p384", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"])):
        call("openssl", "genpkey", *kind, "-out", tmp_path / name)
        assert "P-256" in refused(FAILURE, "bundle", "sign", sample[0], "--key", tmp_path / name,
                                  "-o", tmp_path / "x.keel")
        assert not (tmp_path / "x.keel").exists()
        refused(FAILURE, "key", "show", tmp_path / name)


# ---------------------------------------------------------------- for programs

def test_verify_tells_programs_what_it_found(keys, sample):
    bundle, _image = sample
    told = document("bundle", "verify", bundle, "--key", keys / "a.pem")
    assert (told["bundle"], told["good"], told["exit"], told["error"]) == (str(bundle), True, OK, None)
    assert told["signer"] == "a"
    seen = document("bundle", "inspect", bundle)
    for name in ("size", "release", "compatible", "processor", "version", "sequence", "floor", "allow_downgrade"):
        assert told[name] == seen[name], name


def test_verify_tells_programs_what_is_wrong(tmp_path, keys, sample):
    damaged = flip(sample[0], tmp_path / "x.keel", -5000)
    for bundle, key, code in ((damaged, "a.pem", VERIFY), (sample[0], "b.pem", VERIFY),
                              (tmp_path / "missing", "a.pem", FAILURE)):
        done = run("bundle", "verify", bundle, "--key", keys / key, "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["good"], told["exit"]) == (code, False, code)
        assert "version" not in told and "signer" not in told
        assert done.stderr == f"keelboot: {bundle}: {told['error']}\n"


def test_show_tells_programs_of_keys(tmp_path, keys):
    files = [str(keys / name) for name in ("a.pem", "b.key")]
    told = document("key", "show", *files)["keys"]
    assert [(key["file"], key["half"], key["algorithm"]) for key in told] == \
        [(files[0], "public", "ed25519"), (files[1], "private", "ecdsa-p256")]
    text = good("key", "show", *files).stdout
    assert all(len(key["id"]) == 32 and key["id"] in text for key in told)
    bad, well = document("key", "show", tmp_path / "none", files[0], code=FAILURE)["keys"]
    assert (bad["file"], set(bad)) == (str(tmp_path / "none"), {"file", "error"})
    assert well == told[0]
    refused(USAGE, "key", "show", "--json")


@pytest.mark.parametrize("args, said", [
    (("generate", "mykey"), 'key generate: unexpected argument "mykey"; use -o mykey'),
    (("generate", "-o", "a", "b"), 'key generate: unexpected argument "b"; leave it out: the name is that of -o, a'),
    (("generate", "-o", "n", "--json"), "key generate: --json is an option of `keelboot key show`; leave it out"),
    (("show", "x.pem", "--type", "p256"), "key show: --type is an option of `keelboot key generate`; leave it out"),
    (("show", "x.pem", "-o", "n"), "key show: --output is an option of `keelboot key generate`; leave it out"),
    (("shwo",), 'key shwo: unknown verb; expected "generate" or "show"')])
def test_key_names_what_its_verb_does_not_take(args, said):
    assert said in refused(USAGE, "key", *args)


# ---------------------------------------------------------------- without permission

@pytest.fixture
def forbidden(tmp_path):
    """A folder into which this user (root: nobody) may not write, and how to be that user."""
    user = let_others_in(tmp_path)
    tmp_path.chmod(0o555)
    return tmp_path, user


def test_a_shared_folder_with_somebody_elses_file_in_the_way(forbidden, sample, keys):
    """What was verified is written to a file that nobody else has open."""
    folder, user = forbidden
    bundle, image = sample
    let_others_in(keys, bundle.parent)
    folder.chmod(0o1777)
    planted = folder / "x.tmp"
    args = ["bundle", "extract", bundle, "--key", keys / "a.pem", "-o", folder / "x"]
    planted.write_bytes(b"of root")
    planted.chmod(0o666)
    if user is not None:  # root, who can be two users
        said = refused(FAILURE, *args, user=user)
        assert said == (f"keelboot: {planted}: Operation not permitted; run as root, or choose "
                        "another folder: -o FILE\n")
        assert planted.read_bytes() == b"of root" and os.listdir(folder) == ["x.tmp"]
        os.chown(planted, user, -1)
    with open(planted, "r+b") as owner:
        good(*args)
        owner.write(b"modified")
    assert (folder / "x").read_bytes() == image
    assert (folder / "x").stat().st_uid == os.geteuid()
    assert os.listdir(folder) == ["x"]


def test_a_folder_that_may_not_be_written_says_the_way_out(forbidden, sample, keys):
    folder, user = forbidden
    bundle, _image = sample
    let_others_in(keys, bundle.parent)
    (keys / "a.key").chmod(0o644)
    for args in [("key", "generate", "-o", folder / "x"),
                 ("bundle", "sign", bundle, "--key", keys / "a.key", "-o", folder / "x"),
                 ("bundle", "extract", bundle, "--key", keys / "a.pem", "-o", folder / "x")]:
        assert "run as root, or choose another folder: -o " in refused(FAILURE, *args, user=user)
    (keys / "a.key").chmod(0o600)
    assert not list(folder.iterdir())
