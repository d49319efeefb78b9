# SPDX-License-Identifier: Apache-2.0
"""Bundles with what differs from an older version: made by the command, read by it and by the second reader."""
import json
import random
import re

import keelreader
import pytest
from cli_device import FAILURE, INCOMPATIBLE, KIB, NOTHING, OK, USAGE, VERIFY, document, edit, flip, run

BASE = ["--compatible", "box", "--sequence", "2", "--level", "3", "--sig-capacity", "1K"]


def good(*args, **kwargs):
    return run(*args, code=OK, **kwargs)


def old_image(size=3_000_000):
    """Noise, text and zeroes, in pieces that do not end with blocks."""
    rng = random.Random(5)
    data = bytearray()
    while len(data) < size:
        data += rng.randbytes(rng.randrange(90_000)) + b"text %d " % len(data) * rng.randrange(4000)
        data += bytes(rng.randrange(50_000))
    return bytes(data[:size // 4096 * 4096])


def new_image(old):
    """As a file system that was made anew: blocks moved, pieces shifted, words changed, some of it new."""
    rng = random.Random(6)
    data = bytearray(old[409_600:800_000] + b"a shift" + old[800_000:2_000_000] + rng.randbytes(70_000) + bytes(300_000)
                     + old[:409_600] + old[2_000_000:])
    for at in range(100_001, 900_000, 777):
        data[at:at + 4] = ((int.from_bytes(data[at:at + 4], "little") + 0x1040) % 2**32).to_bytes(4, "little")
    return bytes(data[:len(data) // 4096 * 4096])


@pytest.fixture(scope="module", name="made")
def make(tmp_path_factory):
    """A folder with old.img, new.img, k.key, k.pem, old.keel (version 1.0)."""
    folder = tmp_path_factory.mktemp("delta")
    old = old_image()
    (folder / "old.img").write_bytes(old)
    (folder / "new.img").write_bytes(new_image(old))
    good("key", "generate", "-o", folder / "k")
    create(folder, "old.keel", "--version", "1.0", image="old.img")
    return folder


def create(folder, name, *options, image="new.img"):
    good("bundle", "create", "-o", folder / name, *BASE, "--image", f"root={folder / image}", "--key", folder / "k.key",
         *options)
    return folder / name


def extracted(made, bundle, *options):
    good("bundle", "extract", bundle, "--key", made / "k.pem", "-o", made / "out.img", *options)
    return (made / "out.img").read_bytes()


@pytest.mark.parametrize("chunk", ["16K", "256K", "1M"])
def test_a_delta_gives_the_new_image_to_both_readers(made, chunk):
    bundle = create(made, "x.keel", "--version", "2.0", "--chunk-size", chunk,
                    "--from", f"{made}/old.img,version=1.0~rc1")
    new, pem = (made / "new.img").read_bytes(), made / "k.pem"
    read = keelreader.read(bundle, [pem], [made / "old.img"])
    full, delta = read.manifest.encodings
    assert (full["kind"], delta["kind"], delta["seed-version"]) == ("full", "seed", "1.0~rc1")
    assert read.read_encoding(full) == read.read_encoding(delta) == new
    assert {"copy", "patch"} <= set(delta["forms"])
    assert delta["payload-length"] < full["payload-length"] / 8
    assert good("bundle", "verify", bundle, "--key", pem, "--from", made / "old.img").stderr == ""
    told = run("bundle", "verify", bundle, "--key", pem, code=OK).stderr
    assert "encoding 2 was not checked: it is made from version 1.0~rc1" in told


def test_a_bundle_of_deltas_only(made):
    bundle = create(made, "x.keel", "--version", "2.0", "--full", "no", "--from", made / "old.keel")
    new, pem = (made / "new.img").read_bytes(), made / "k.pem"
    assert extracted(made, bundle, "--from", made / "old.img") == new
    assert extracted(made, bundle, "--from", f"root={made}/old.keel") == new
    out = ["extract", "-o", made / "out.img"]
    for verb, *options in ["verify"], out, [*out, "--from", made / "new.img"]:
        told = run("bundle", verb, bundle, "--key", pem, *options, code=INCOMPATIBLE).stderr
        assert re.search(r"only the differences from version 1\.0, image \w+, which nobody named: --from OLD$", told)
    with pytest.raises(keelreader.Newer):
        keelreader.read(bundle, [pem]).read_image("root")


def test_what_inspect_says_of_a_delta(made):
    bundle = create(made, "x.keel", "--version", "2.0", "--from", made / "old.keel", "--from", made / "new.img")
    told = document("bundle", "inspect", bundle)["encodings"]
    assert [one["kind"] for one in told] == ["full", "seed", "seed"]
    assert [one.get("seed_version") for one in told] == [None, "1.0", None]
    assert told[2]["chunks"].keys() == {"copy"}     # from itself
    assert [one.get("chosen") for one in told] == [None] * 3
    for old, chosen in ("old.img", 1), ("new.img", 2), ("k.pem", 0):
        told = document("bundle", "inspect", bundle, "--from", made / old)["encodings"]
        assert [one["chosen"] for one in told] == [i == chosen for i in range(3)]
    text = good("bundle", "inspect", bundle, "--from", made / "old.keel").stdout
    assert "made from version 1.0, image" in text and "of encoding 2, for " in text


def test_the_same_bytes_by_any_number_of_threads(made):
    made_by = [create(made, f"{threads}.keel", "--version", "2.0", "--full", "no", "--from", made / "old.img",
                      "--threads", threads).read_bytes()[2 * KIB:] for threads in ("1", "3")]
    assert made_by[0] == made_by[1]


def test_several_images(made):
    """Each is made from the one of its class."""
    both = ["--image", f"root={made}/new.img", "--image", f"boot={made}/old.img", "--key", made / "k.key"]
    good("bundle", "create", "-o", made / "first.keel", *BASE, "--version", "1.0", "--image", f"root={made}/old.img",
         "--image", f"boot={made}/new.img", "--key", made / "k.key")
    each = ["--from", f"root={made}/old.img", "--from", f"boot={made}/new.img"]
    for options in (["--from", made / "first.keel"], each):
        good("bundle", "create", "-o", made / "x.keel", *BASE, "--version", "2.0", *both, "--full", "no", *options)
        read = keelreader.read(made / "x.keel", [made / "k.pem"], [made / "old.img", made / "new.img"])
        assert read.read_image("root") == (made / "new.img").read_bytes()
        assert read.read_image("boot") == (made / "old.img").read_bytes()
    told = run("bundle", "create", "-o", made / "x.keel", *BASE, "--version", "2.0", *both,
               "--from", made / "old.img").stderr
    assert "of which image? Use --from CLASS=FILE" in told
    told = run("bundle", "create", "-o", made / "x.keel", *BASE, "--version", "2.0", *both, "--full", "no",
               "--from", f"root={made}/old.img").stderr
    assert "image boot: no --from has an older one" in told


@pytest.mark.parametrize("options,says", [
    (["--full", "no"], "--full no needs an older version: --from OLD"),
    (["--full", "maybe"], "expected yes or no"),
    (["--from", "x"] * 13, "more than 12 older versions"),
    (["--from", "old.img,version=" + "9" * 49], "version too long"),
])
def test_what_create_refuses(made, options, says):
    told = run("bundle", "create", "-o", made / "x.keel", *BASE, "--version", "2.0", "--image", f"root={made}/new.img",
               *options, code=USAGE).stderr
    assert says in told


def test_an_older_version_that_cannot_be_read(made):
    for old in "nothing.img", "damaged.keel":
        if old == "damaged.keel":
            flip(made / "old.keel", made / old, -5000)
        run("bundle", "create", "-o", made / "x.keel", *BASE, "--version", "2.0", "--image", f"root={made}/new.img",
            "--from", made / old, code=FAILURE)


def test_every_flipped_byte_of_a_patch_is_found(made):
    bundle = create(made, "x.keel", "--version", "2.0", "--full", "no", "--chunk-size", "16K",
                    "--from", made / "old.img")
    read = keelreader.read(bundle, [made / "k.pem"])
    start = read.header.payload_off
    rng = random.Random(7)
    for _ in range(40):
        at = rng.randrange(start, bundle.stat().st_size)
        flip(bundle, made / "bent.keel", at)
        run("bundle", "verify", made / "bent.keel", "--key", made / "k.pem", "--from", made / "old.img", code=VERIFY)
        with pytest.raises(keelreader.Refused):
            keelreader.read(made / "bent.keel", [made / "k.pem"], [made / "old.img"]).read_image("root")


# ---------------------------------------------------------------- on a device

DEVICE = ["--compatible", "test-board"]


@pytest.fixture(name="runs_old")
def make_runs_old(made, dev):
    """A device that runs version 1.0, of old.img, in slot b; slot a is free."""
    if not (made / "device.keel").exists():
        create(made, "device.keel", "--version", "1.0", *DEVICE, image="old.img")
    dev.trust(made / "k.pem")
    dev.init("--slots", 2, "--good", "a", "--version", "0.9", "--sequence", 1)
    dev.boot("a")
    dev("install", made / "device.keel")
    edit(dev, open="b", token=37, pref="b", b_tries=2)
    dev.boot("b", token=37, status="trial")
    dev("mark", "good")
    dev.boot("b")
    return dev


@pytest.fixture(name="delta", scope="module")
def make_delta(made):
    """delta(name, *options): a bundle of version 2.0 for the device, made once."""
    def delta(name, *options):
        if not (made / name).exists():
            create(made, name, "--version", "2.0", "--sequence", 3, *DEVICE, "--from", made / "old.keel", *options)
        return made / name
    return delta


def holds_new(dev, made):
    new = (made / "new.img").read_bytes()
    return dev.slots["a"].read_bytes()[:len(new)] == new


def damage_seed(dev, *places):
    """Other bytes in slot b, as if somebody had written to it; no zeroes, since nothing is made from them."""
    old = dev.slots["b"].read_bytes()
    with open(dev.slots["b"], "r+b") as slot:
        for at in places:
            while not any(old[at:at + 6]):
                at += 6
            slot.seek(at)
            slot.write(b"ROTTEN")


@pytest.mark.parametrize("options", [[], ["--full", "no"]])
def test_a_device_that_has_the_older_version_installs_by_the_delta(runs_old, made, delta, options):
    told = runs_old("install", delta(f"d{len(options)}.keel", *options)).stdout
    assert holds_new(runs_old, made)
    assert "It was made from slot b and " in told
    assert "nothing to do" in runs_old("install", made / f"d{len(options)}.keel", code=NOTHING).stderr


@pytest.mark.parametrize("first", ["yes", "no"])
@pytest.mark.parametrize("places", [[1_500_000], range(0, 2_900_000, 50_000)])
def test_chunks_of_a_seed_that_changed_come_whole(runs_old, made, delta, first, places):
    runs_old.configure(f"[install]\nverify-first={first}\n")
    damage_seed(runs_old, *places)
    told = runs_old("install", delta("d0.keel")).stdout
    assert holds_new(runs_old, made)
    assert "came whole" in told


@pytest.mark.parametrize("first", ["yes", "no"])
def test_a_seed_that_changed_without_whole_images_is_said(runs_old, made, delta, first):
    runs_old.configure(f"[install]\nverify-first={first}\n")
    damage_seed(runs_old, 1_500_000)
    before = runs_old.slots["a"].read_bytes()
    told = runs_old("install", delta("d2.keel", "--full", "no"), code=INCOMPATIBLE).stderr
    assert "the slot that holds the version before has changed" in told
    assert "; it needs the signed version 1.0; use a full bundle" in told
    assert runs_old.slots["a"].read_bytes() == before
    assert runs_old.slot("b")["state"] == "good"
    runs_old("install", delta("d0.keel"))   # another bundle of the release
    assert holds_new(runs_old, made)


def test_without_the_older_version_nothing_is_written(made, delta, ready):
    ready.trust(made / "k.pem")
    before = [file.read_bytes() for file in (*ready.slots.values(), ready.state)]
    told = ready("install", delta("d2.keel", "--full", "no"), code=INCOMPATIBLE).stderr
    assert "has only the differences from version 1.0, image" in told and "use a full bundle" in told
    assert [file.read_bytes() for file in ready.slots.values()] == before[:2]
    ready("install", delta("d0.keel"))      # the whole image
    assert ready.slots["b"].read_bytes()[:3_000_000] == (made / "new.img").read_bytes()[:3_000_000]


def test_a_damaged_delta_writes_nothing(runs_old, made, delta):
    bundle = delta("d2.keel", "--full", "no")
    flip(bundle, made / "bent.keel", bundle.stat().st_size - 3000)
    before = runs_old.slots["a"].read_bytes()
    told = runs_old("install", made / "bent.keel", code=None)
    assert told.returncode in (INCOMPATIBLE, VERIFY) and "damaged" in told.stderr
    assert runs_old.slots["a"].read_bytes() == before


@pytest.mark.parametrize("options", [[], ["--full", "no"]])
def test_a_delta_is_staged_if_the_next_boot_can_use_it(runs_old, made, delta, options):
    name = f"d{len(options)}.keel"
    bundle = delta(name, *options)
    assert "is staged" in runs_old("stage", bundle).stdout
    assert "staged already" in runs_old("stage", bundle, code=NOTHING).stderr
    runs_old("unstage")
    damage_seed(runs_old, 1_500_000)
    if options:
        told = runs_old("stage", bundle, code=INCOMPATIBLE).stderr
        assert "the slot that holds the version before has changed" in told
    else:       # as for an install, the whole image has what the slot does not give
        assert "is staged" in runs_old("stage", bundle).stdout
        runs_old("unstage")
    flip(bundle, made / "bent.keel", bundle.stat().st_size - 3000)
    assert runs_old("stage", made / "bent.keel", code=None).returncode in (INCOMPATIBLE, VERIFY)


def test_a_delta_from_the_slot_that_is_written_is_not_staged(runs_old, made, delta):
    """Slot a holds the version that runs, and slot b, which comes next, the one that the delta is made from."""
    runs_old("install", delta("d0.keel"))
    runs_old.boot("a", status="trial")
    runs_old("mark", "good")
    create(made, "third.keel", "--version", "3.0", "--sequence", 4, *DEVICE, "--full", "no",
           "--from", made / "old.keel")
    for verb in "stage", "install":
        assert "which no slot has" in runs_old(verb, made / "third.keel", code=INCOMPATIBLE).stderr


def test_a_damage_of_the_whole_image_that_nobody_needs_costs_nothing(runs_old, made, delta):
    """One chunk comes whole, and another of the whole image is damaged: the delta gives that one."""
    bundle = delta("d0.keel")
    full = keelreader.read(bundle, [made / "k.pem"]).manifest.encodings[0]
    end = keelreader.Header(bundle.read_bytes()[:512]).payload_off + full["payload-length"]
    flip(bundle, made / "bent.keel", end - 2000)
    damage_seed(runs_old, 1_500_000)
    assert "1 chunk came whole" in runs_old("install", made / "bent.keel").stdout
    assert runs_old.slots["a"].read_bytes().startswith((made / "new.img").read_bytes())


def test_a_slot_whose_key_is_not_trusted_is_no_older_version(runs_old, made, delta):
    """What another key signed is not even looked at."""
    good("key", "generate", "-o", made / "other")
    runs_old.trust(made / "other.pem")
    bundle = made / "resigned.keel"
    bundle.write_bytes(delta("d2.keel", "--full", "no").read_bytes())
    good("bundle", "sign", bundle, "--key", made / "other.key")
    assert "which no slot has" in runs_old("install", bundle, code=INCOMPATIBLE).stderr


def test_an_install_that_was_interrupted_goes_on(runs_old, made, delta):
    """What is right in the slot already is neither made again nor written."""
    new = (made / "new.img").read_bytes()
    half = len(new) // 2
    with open(runs_old.slots["a"], "r+b") as slot:
        slot.seek(262_144)
        slot.write(new[262_144:half])
    edit(runs_old, a_st="writing")
    told = json.loads(runs_old("install", delta("d2.keel", "--full", "no"), "--progress=json").stdout.splitlines()[-1])
    assert holds_new(runs_old, made)
    assert told["made_from"] == "b" and told["skipped"] >= half - 2 * 262_144


def test_the_tree_of_dm_verity_is_part_of_what_is_made(made):
    good("bundle", "create", "-o", made / "v1.keel", *BASE, "--version", "1.0", "--verity",
         "--image", f"root={made}/old.img,fs=ext4",
         "--key", made / "k.key")
    bundle = create(made, "v2.keel", "--version", "2.0", "--verity", "--full", "no", "--from", made / "v1.keel")
    got = extracted(made, bundle, "--from", made / "v1.keel")
    new = (made / "new.img").read_bytes()
    assert got[:len(new)] == new and len(got) > len(new)
