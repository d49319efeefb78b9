# SPDX-License-Identifier: Apache-2.0
"""A partial bundle at a boot: it has only the chunks that the running slot lacks."""
import struct

import keelreader


def cut(whole, old, keys):
    """Of a bundle, what the image of an older one lacks in its place: as docs/FORMAT.md has it."""
    read = keelreader.read(whole, keys)
    encoding = read.manifest.encodings[0]
    plain, before = read.read_encoding(encoding), keelreader.read(old, keys).read_image("root")
    size = read.manifest.images["root"]["chunk-size"]
    begin = read.header.payload_off
    ranges, at = [[0, begin]], begin + encoding["payload-offset"]
    for i, (_, stored) in enumerate(keelreader.record_table(read.tables, encoding)):
        if stored and plain[i * size:i * size + size] != before[i * size:i * size + size]:
            if sum(ranges[-1]) == at:
                ranges[-1][1] += stored
            else:
                ranges.append([at, stored])
        at += stored
    head = struct.pack("<8sHHI4sI", b"KEELPART", 1, 0, len(ranges), b"\1\0\0\0", 0)
    head += b"".join(struct.pack("<QQ", *pair) for pair in ranges)
    data = whole.read_bytes()
    return head + struct.pack("<I", keelreader.crc32c(head)) + b"".join(data[a:a + n] for a, n in ranges)


def test_what_a_partial_bundle_lacks_comes_from_the_slot_that_runs(bench):
    whole = bench.bundle("2.0", name="frames", options=("--chunk-size", "16K", "--frame-size", "16K"))
    part = bench.work / "part.keel"
    keys = sorted((bench.device.work / "keys").glob("*.pem"))
    part.write_bytes(cut(whole, bench.bundle("1.0"), keys))
    assert part.stat().st_size < whole.stat().st_size / 2
    disk = bench.disk("1.0")
    with bench.machine(disk, drives=[bench.stick(part)]) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "slot b holds version 2.0 on trial" in text
        assert bench.causes(vm) == []
    assert bench.holds_release(disk, "b", "2.0")
