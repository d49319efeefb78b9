# SPDX-License-Identifier: Apache-2.0
"""What a machine reports about itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Boot:
    """How one boot began: cause is power-on (first start, or after a clean shutdown), power-cut,
    watchdog, guest (reboot, panic=N), or host (reset()). `start` is the console's text position,
    `at` the time."""
    number: int
    cause: str
    start: int
    at: float


@dataclass(frozen=True)
class Stats:
    """What the guest asked of one disk since QEMU was started. Resets of the guest do not clear
    it."""
    reads: int
    writes: int
    discards: int
    flushes: int
    read_bytes: int
    written_bytes: int
    failed: int

    @classmethod
    def of(cls, stats: dict) -> "Stats":
        """From QEMU's own record."""
        return cls(stats["rd_operations"], stats["wr_operations"], stats["unmap_operations"],
                   stats["flush_operations"], stats["rd_bytes"], stats["wr_bytes"],
                   sum(stats[f"failed_{what}_operations"]
                       for what in ("rd", "wr", "flush", "unmap")))


def count_writes(entry: dict) -> int:
    """Writes and discards of one disk in the answer of query-blockstats, failed ones too; at least
    1 if there was any. QEMU's sd-card accounts for nothing, but each node notes how far it was
    written."""
    stats = entry["stats"]
    total = sum(stats[f"{how}{what}_operations"]
                for how in ("", "failed_", "invalid_") for what in ("wr", "unmap"))
    while entry and not total:
        total = int(entry["stats"]["wr_highest_offset"] > 0)
        entry = entry.get("parent")
    return total
