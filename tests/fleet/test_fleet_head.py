# SPDX-License-Identifier: Apache-2.0
"""Of a bundle that comes as a whole, too, header, signature, manifest and index are verified before the rest is
fetched: one that this device would not install costs its head."""
import random
import re
import struct

import pytest
from channel_site import private_key
from cli_device import FAILURE, KIB, MIB, OK, REBOOT, VERIFY, flip, run
from ddi_server import cut_after
from keelreader import crc32c
from hostile import Forge, Keys
from large import create, enlarge
from parts_box import index_of

SIZE = 12 * MIB         # of what is not to come, about
HEAD_MAX = MIB          # more than any head here, and what lies in the kernel beside it


def claim_all_is_index(bundle, out):
    """By the words of its header, which nobody has signed."""
    data = bytearray(bundle.read_bytes())
    total, tables = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<Q", data, 56)[0]
    struct.pack_into("<QQQ", data, 64, total - tables, total, 0)
    struct.pack_into("<I", data, 508, crc32c(bytes(data[:508])))
    out.write_bytes(data)
    return out


def claim_a_newer_reader(bundle, out):
    data = bytearray(bundle.read_bytes())
    struct.pack_into("<H", data, 10, 2)
    struct.pack_into("<I", data, 508, crc32c(bytes(data[:508])))
    out.write_bytes(data)
    return out


@pytest.fixture(name="wrong", scope="module")
def make_wrong(factory, tmp_path_factory):
    """Large bundles that no device of ours takes, by what is wrong with them."""
    folder = tmp_path_factory.mktemp("wrong")
    run("key", "generate", "-o", folder / "stranger", code=OK)
    data, key = random.Random(1).randbytes(SIZE), private_key(factory)
    small = ("--chunk-size", "16K")     # so that their index is long
    made = {"stranger": create(folder, "stranger.keel", folder / "stranger.key", data, *small),
            "foreign": create(folder, "foreign.keel", key, data, *small, "--compatible", "another-board"),
            "old": create(folder, "old.keel", key, data, *small, "--sequence", 5)}
    good = create(folder, "good.keel", key, data, *small)
    made["index"] = flip(good, folder / "index.keel", index_of(good) - 1)
    made["newer"] = claim_a_newer_reader(good, folder / "newer.keel")
    made["all-index"] = claim_all_is_index(made["stranger"], folder / "all.keel")
    return made


def without_ranges(handler):
    data = handler.server.actions[-1].bundle.read_bytes()
    handler.send_as_read(["HTTP/1.1 200 OK", f"Content-Length: {len(data)}"], data)


def with_ranges(handler, data=None, tag="x"):
    data = data or handler.server.actions[-1].bundle.read_bytes()
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    more = [f'ETag: "{tag}"', "Accept-Ranges: bytes"]
    if not wanted or handler.headers.get("If-Range", f'"{tag}"') != f'"{tag}"':
        handler.send_as_read(["HTTP/1.1 200 OK", f"Content-Length: {len(data)}", *more], data)
        return
    begin, end = int(wanted[1]), int(wanted[2] or len(data) - 1) + 1
    handler.send_as_read(["HTTP/1.1 206 Partial Content", f"Content-Length: {end - begin}",
                          f"Content-Range: bytes {begin}-{end - 1}/{len(data)}", *more], data[begin:end])


# What partial= has all of a bundle fetched, of which server.
WAYS = {"no-plain": ("no", without_ranges), "no-ranges": ("no", with_ranges), "auto": ("auto", without_ranges)}
# What is wrong, how often it is fetched, and how that ends.
WRONG = {"stranger": (2, "no bundle for this device"), "foreign": (1, "was refused"), "old": (1, "was refused"),
         "newer": (2, "no bundle for this device: made for a newer Keelboot; update Keelboot first"),
         "index": (2, "no bundle for this device"), "all-index": (2, "no bundle for this device")}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("way", WAYS)
def test_a_bundle_that_is_not_wanted_costs_its_head(fleet, server, wrong, way, what):
    (partial, answer), (times, says) = WAYS[way], WRONG[what]
    fleet.configure(partial=partial)
    enlarge(fleet.dev, SIZE)
    action = server.assign(wrong[what])
    server.on["artifact"] = lambda handler: answer(handler)
    for time in range(times):
        assert says in fleet.once(code=FAILURE if time + 1 < times else OK)
    assert action.told[-1] == "closed/failure" and not fleet.staged
    assert server.sent < times * HEAD_MAX
    before = server.sent
    fleet.once()
    assert server.sent == before


def test_so_it_is_with_parts_of_one_for_a_newer_keelboot(fleet, server, wrong):
    fleet.configure(partial="require")
    server.assign(wrong["newer"])
    for code in (FAILURE, OK):
        assert "made for a newer Keelboot; update Keelboot first" in fleet.once(code=code)
    assert server.sent < HEAD_MAX


@pytest.mark.parametrize("partial", ["no", "auto"])
@pytest.mark.parametrize("bent, says", [
    ("encoding.1 kind=hologram", "2.0 was refused: image root is stored in a way that needs a newer Keelboot"),
    ("bundle format=2.0", "newer.keel was refused: ")], ids=["encoding", "manifest"])
def test_the_end_of_one_for_a_newer_keelboot_names_it(fleet, server, tmp_path, partial, bent, says):
    """Signed so. Its version is said, if this program can read it."""
    (tmp_path / "keys").mkdir()
    keys = Keys(tmp_path / "keys")
    fleet.dev.trust(keys.public("signer"))
    fleet.configure(partial=partial)
    where, _, value = bent.partition("=")
    action = server.assign(Forge(keys, random.Random(3).randbytes(MIB), lines={where: value})
                           .write(tmp_path / "newer.keel"))
    assert says in fleet.once() and "update Keelboot first" in fleet.said
    assert action.told[-1] == "closed/failure" and any(text.startswith(says) for text in action.messages)


@pytest.mark.parametrize("partial", ["no", "auto"])
def test_one_that_fell_back_here_ends_so_again_once_the_record_is_lost(fleet, server, bundle, partial):
    fleet.configure(partial=partial)
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.fall_back("modem does not register")
    (fleet.folder / "action.json").unlink()
    fleet.once()
    assert action.told[-1] == "closed/failure"
    assert "2.0 in slot b fell back: modem does not register" in "\n".join(action.statuses[-1][2])


@pytest.mark.parametrize("answer", [without_ranges, with_ranges])
def test_a_bundle_that_is_wanted_comes_in_one_request(fleet, server, factory, tmp_path, answer):
    data = random.Random(1).randbytes(6 * MIB)
    bundle = create(tmp_path, "good.keel", private_key(factory), data, "--chunk-size", "16K")
    server.assign(bundle)
    server.on["artifact"] = lambda handler: answer(handler)
    fleet.once(code=REBOOT)
    assert fleet.staged and len(server.requests("artifact")) == 1


# ---------------------------------------------------------------- cuts


@pytest.mark.parametrize("first", [100, 511, 512, 2000, 40000, 70000])
def test_a_cut_within_the_head_changes_nothing_of_that(fleet, server, wrong, first):
    """None of these lengths has a whole signature, or none that is good."""
    enlarge(fleet.dev, SIZE)
    bundle = wrong["index" if first > 2000 else "stranger"]
    server.assign(bundle)
    server.on["artifact"] = [cut_after(first, '"x"'), lambda handler: handler.error(503)]
    fleet.once(code=FAILURE)
    assert fleet.record["durable"] in (first, 0)
    server.on["artifact"] = lambda handler: with_ranges(handler)
    fleet.once(code=None)
    assert "no bundle for this device" in fleet.said and server.sent < HEAD_MAX


def test_what_was_fetched_before_is_looked_at_before_more_is_asked_for(fleet, server, bundle):
    """An older program may have fetched it, or a disk has changed it."""
    action = server.assign(bundle)
    server.on["artifact"] = [cut_after(300 * KIB), lambda handler: handler.error(503)]
    fleet.once(code=FAILURE)
    server.on.clear()
    before = len(server.requests("artifact"))
    here = fleet.folder / "bundle.keel"
    data = bytearray(here.read_bytes())
    data[530] ^= 1              # of the signature
    here.write_bytes(data)
    assert "is no bundle for this device" in fleet.once(code=FAILURE)
    assert len(server.requests("artifact")) == before
    fleet.once(code=REBOOT)
    assert server.requests("artifact")[-1].get("Range") is None and "closed/failure" not in action.told


def test_another_file_that_takes_its_place_is_looked_at_anew(fleet, server, bundle):
    """Of the first one, the head was good."""
    server.assign(bundle)
    server.on["artifact"] = [cut_after(300 * KIB, '"x"')]
    changed = bytearray(bundle.read_bytes())
    changed[530] ^= 1           # of the signature
    server.on["artifact"].append(lambda handler: with_ranges(handler, bytes(changed), "y"))
    assert "is no bundle for this device" in fleet.once(code=FAILURE)
    assert server.sent < 512 * KIB


def test_where_it_cannot_be_looked_at_nothing_more_is_asked_for(fleet, server, bundle):
    """It is this device's error, so what is here stays, and eight contacts try it."""
    action = server.assign(bundle)
    with fleet.where_fails("stage --index", fleet.dev.path / "sign"):
        (fleet.dev.path / "sign").touch()
        assert "not staged: " in fleet.once(code=FAILURE)
        before, here = len(server.requests("artifact")), (fleet.folder / "bundle.keel").stat().st_size
        fleet.once(code=FAILURE)
        assert len(server.requests("artifact")) == before and fleet.record["tries"] == 2
        (fleet.dev.path / "sign").unlink()
        fleet.once(code=REBOOT)
    assert server.requests("artifact")[-1]["Range"] == f"bytes={here}-" and "closed/failure" not in action.told


# ---------------------------------------------------------------- the command


def begin_of(bundle, length, folder):
    (folder / "begin.keel").write_bytes(bundle.read_bytes()[:length])
    return folder / "begin.keel"


def test_the_command_looks_at_a_bundle_that_is_still_coming(ready, factory, tmp_path):
    data = random.Random(2).randbytes(3 * MIB)
    bundle = create(tmp_path, "good.keel", private_key(factory), data, "--chunk-size", "16K")
    tables = struct.unpack_from("<Q", bundle.read_bytes(), 56)[0]
    for length in (tables, index_of(bundle) - 1, index_of(bundle), bundle.stat().st_size):
        told = ready("stage", "--index", begin_of(bundle, length, tmp_path)).stdout
        assert '"version":"2.0","sequence":20' in told
    assert "cannot be read" in ready("stage", "--index", begin_of(bundle, tables - 1, tmp_path), code=FAILURE).stderr
    assert "truncated" in ready("stage", begin_of(bundle, index_of(bundle), tmp_path), code=VERIFY).stderr
    more = begin_of(bundle, bundle.stat().st_size, tmp_path)
    more.write_bytes(more.read_bytes() + b"x")
    ready("stage", "--index", more, code=VERIFY)
    ready("stage", "--index", begin_of(bundle, 100, tmp_path), code=VERIFY)
    # Its tables count as soon as they are here.
    damaged = flip(bundle, tmp_path / "damaged.keel", index_of(bundle) - 1)
    ready("stage", "--index", begin_of(damaged, index_of(bundle) - 1, tmp_path))
    ready("stage", "--index", begin_of(damaged, index_of(bundle), tmp_path), code=VERIFY)
    assert not list(ready.data.rglob("*.keel"))
