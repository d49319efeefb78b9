# SPDX-License-Identifier: Apache-2.0
"""What no way can be better than: the bytes that must be written, and the time that the storage alone needs.

`moved` is what a run moved: {device: (bytes read, bytes written)}.
"""

import subprocess
import time
from pathlib import Path

import measure
from storage import MB, MIB, SPEEDS, run

BLOCK = 4096
PROBE = 512 * MIB       # at most, of an image: it is in the page cache when it is written


def differing(before: Path | None, new: Path) -> int:
    """Bytes of the 4 KiB blocks of `new` that a slot lacks which holds `before`, and zeroes behind it."""
    count = 0
    with open(new, "rb") as wanted, open(before or "/dev/null", "rb") as held:
        while part := wanted.read(MIB):
            there = held.read(MIB).ljust(len(part), b"\0")
            if part != there:
                count += sum(part[at:at + BLOCK] != there[at:at + BLOCK] for at in range(0, len(part), BLOCK))
    return count * BLOCK


def least_seconds(moved: dict, storage: str, rates: tuple | None) -> float | None:
    """What the storage alone needs for these bytes, if reading and writing overlap wholly. A throttle is one for each
    device; on fast storage all devices are one disk, whose bytes per second `rates` has: (read, written)."""
    if SPEEDS[storage]:
        read, write = (speed * MB for speed in SPEEDS[storage])
        return max((max(got / read, put / write) for got, put in moved.values()), default=None)
    if not rates:
        return None
    return max(sum(got for got, _ in moved.values()) / rates[0], sum(put for _, put in moved.values()) / rates[1])


def writing_seconds(moved: dict, storage: str) -> float | None:
    """What the writes to slot b alone need at the speed of a throttled storage."""
    return moved["b"][1] / (SPEEDS[storage][1] * MB) if SPEEDS[storage] else None


def timed(*command) -> float:
    start = time.monotonic()
    run(*command, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def probe(slot: Path, image: Path) -> tuple:
    """Bytes per second that a plain dd reads from the slot, and writes to it from memory, until they are on it."""
    size = min(image.stat().st_size, PROBE)
    count = ("bs=1M", "iflag=count_bytes,fullblock", f"count={size}")
    run("dd", f"if={image}", "of=/dev/null", *count, stderr=subprocess.DEVNULL)
    written = timed("dd", f"if={image}", f"of={slot}", *count, "conv=fsync")
    measure.drop_caches()
    return size / timed("dd", f"if={slot}", "of=/dev/null", *count), size / written


def figures(moved: dict, seconds: float, storage: str, rates: tuple | None) -> dict:
    """Of a row: the least time, how far the way is from it, and what the writes alone need."""
    least, writing = least_seconds(moved, storage, rates), writing_seconds(moved, storage)
    more = {"limit": round(least, 4), "to_limit": round(seconds / least, 3)} if least else {}
    return {**more, "writing": round(writing, 4)} if writing else more
