# SPDX-License-Identifier: Apache-2.0
"""Power cuts behind any write of an update: what a machine writes is recorded once (Drive.log), and the disk made anew
as it was behind so many writes. That is what killing QEMU there leaves, and each point is hit exactly."""

import shutil
from pathlib import Path

import blklog
import kbdisk

CUTS = 20       # points of one copy


class CutDisk:
    """A disk, from before a recording on: `with …machine(log=cuts.log)` records, then points() and cut() look.

    before    the disk as it was; image: as a cut leaves it, or a machine that went on from there
    """

    def __init__(self, disk, work: Path, *partitions: str):
        """partitions: whose writes count, by their labels."""
        self.before, self.image, self.log = (work / name for name in ("before.img", "cut.img", "disk.log"))
        shutil.copy(disk, self.before)
        self.places = [kbdisk.partition(self.before, name) for name in partitions]

    def entries(self) -> list:
        return blklog.entries(self.log, tail=True)

    def written(self) -> list:
        """The numbers of the entries that write to these partitions."""
        return [number for number, one in enumerate(self.entries()) if one.kind == "write" and
                any(offset <= one.offset < offset + size for offset, size in self.places)]

    def points(self, number: int = CUTS) -> list:
        """So many of them, from the first to the last."""
        written = self.written()
        assert len(written) >= number, f"{len(written)} writes"
        return every(written, number)

    def cut(self, point: int) -> Path:
        """The disk behind that entry."""
        blklog.replay(self.log, self.before, self.image, point + 1)
        return self.image


def every(points: list, number: int) -> list:
    """So many, from the first to the last."""
    return sorted({points[i * (len(points) - 1) // (number - 1)] for i in range(number)})
