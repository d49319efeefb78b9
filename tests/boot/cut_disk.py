# SPDX-License-Identifier: Apache-2.0
"""Power cuts behind any write of an update: what a machine writes is recorded once (Drive.log), and the disk made anew
as it was behind so many of them, or in one. That is what killing QEMU there leaves, and each point is hit exactly."""

import shutil
from pathlib import Path

import blklog
import kbdisk

CUTS = 20       # points of one copy
SECTOR = 512


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
        """So many, from the first to the last: arguments of cut(). Where there are fewer writes, also the middle of
        each."""
        entries = self.entries()
        whole = [(one, entries[one].length) for one in self.written()]
        points = whole if len(whole) >= number else [
            (one, part) for one, length in whole for part in (length // 2 // SECTOR * SECTOR, length)]
        assert len(points) >= number, f"{len(whole)} writes"
        return every(points, number)

    def cut(self, entry: int, length: int = None) -> Path:
        """The disk behind so many bytes of that entry. None: behind all of it."""
        blklog.replay(self.log, self.before, self.image, entry)
        one = self.entries()[entry]
        with open(self.log, "rb") as source, open(self.image, "r+b") as disk:
            source.seek(one.data_at)
            disk.seek(one.offset)
            disk.write(source.read(one.length if length is None else length))
        return self.image


def every(points: list, number: int) -> list:
    """So many, from the first to the last."""
    return sorted({points[i * (len(points) - 1) // (number - 1)] for i in range(number)})
