# SPDX-License-Identifier: Apache-2.0
"""What a machine reports about itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Boot:
    """How one boot began: cause is power-on (first start, or after a clean shutdown), power-cut, watchdog,
    guest (reboot, panic=N), or host (reset()). `start` is the console's text position, `at` the time."""
    number: int
    cause: str
    start: int
    at: float


@dataclass(frozen=True)
class Stats:
    """What the guest asked of one disk since QEMU was started. Resets of the guest do not clear it."""
    reads: int
    writes: int
    discards: int
    flushes: int
    read_bytes: int
    written_bytes: int
    failed: int
