# SPDX-License-Identifier: Apache-2.0
"""A newc archive whose bytes depend on nothing but its content: sorted, owned by root, one time."""

import stat
from dataclasses import dataclass
from pathlib import PurePosixPath

LARGE = 256 * 1024      # bytes


class ArchiveError(Exception):
    """Says what cannot be packed, and why."""


@dataclass(frozen=True)
class Entry:
    mode: int
    data: bytes = b""
    device: tuple = (0, 0)
    source: str = ""


class Archive:
    """Collects entries by path (relative, without a leading '/'); the folders above them are
    added."""

    def __init__(self, time: int):
        self.time = time
        self.entries = {}

    def _add(self, path: str, entry: Entry) -> None:
        pure = PurePosixPath(path.lstrip("/"))
        if not pure.parts or ".." in pure.parts or "\0" in path:
            raise ArchiveError(f"{path!r}: not a path inside the image")
        name = str(pure)
        old = self.entries.get(name)
        if old is not None and not (stat.S_ISDIR(old.mode) and stat.S_ISDIR(entry.mode)):
            raise ArchiveError(f"/{name}: packed twice, from {old.source or 'mkinitramfs'} and from "
                               f"{entry.source or 'mkinitramfs'}")
        for parent in pure.parents:
            if parent.parts:
                above = self.entries.setdefault(str(parent), Entry(stat.S_IFDIR | 0o755))
                if not stat.S_ISDIR(above.mode):
                    raise ArchiveError(f"/{name}: unable to pack: {above.source} is already packed as /{parent}, "
                                       "which is no folder; use another path")
        self.entries[name] = entry

    def folder(self, path: str, mode: int = 0o755) -> None:
        self._add(path, Entry(stat.S_IFDIR | mode))

    def file(self, path: str, data: bytes, executable: bool = False, source: str = "") -> None:
        self._add(path, Entry(stat.S_IFREG | (0o755 if executable else 0o644), data, source=source))

    def link(self, path: str, target: str, source: str = "") -> None:
        self._add(path, Entry(stat.S_IFLNK | 0o777, target.encode(), source=source))

    def node(self, path: str, major: int, minor: int) -> None:
        self._add(path, Entry(stat.S_IFCHR | 0o600, device=(major, minor)))

    def has(self, path: str) -> bool:
        """True if path is there; symbolic links in its last part are followed."""
        for _ in range(8):
            entry = self.entries.get(path.strip("/"))
            if entry is None or not stat.S_ISLNK(entry.mode):
                return entry is not None
            path = str(PurePosixPath("/" + path.strip("/")).parent / entry.data.decode())
        return False

    def source(self, path: str) -> str:
        """The file that was packed as path; "" if none was."""
        entry = self.entries.get(path.strip("/"))
        return str(entry.source) if entry else ""

    def texts(self) -> dict:
        """{path: content} of all files."""
        return {path: entry.data for path, entry in self.entries.items()
                if stat.S_ISREG(entry.mode)}

    def _record(self, inode: int, name: str, entry: Entry) -> bytes:
        encoded = name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(entry.mode) else 1
        fields = (inode, entry.mode, 0, 0, links, self.time, len(entry.data), 0, 0, *entry.device,
                  len(encoded), 0)
        if max(fields) > 0xffffffff:
            raise ArchiveError(f"/{name}: larger than the cpio format allows")
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        return head + bytes(-len(head) % 4) + entry.data + bytes(-len(entry.data) % 4)

    def _place(self, name: str) -> tuple:
        """Sorted by name as bytes, so that a folder comes before what is in it; but large programs
        last, side by side: static ones share much of a C library, and only a compressor's window
        sees that."""
        entry = self.entries[name]
        large = stat.S_ISREG(entry.mode) and bool(entry.mode & 0o100) and len(entry.data) >= LARGE
        return (large, -len(entry.data) if large else 0, name.encode())

    def pack(self) -> bytes:
        """The whole archive."""
        names = sorted(self.entries, key=self._place)
        records = [self._record(inode, name, self.entries[name])
                   for inode, name in enumerate(names, 1)]
        trailer = Archive(0)._record(0, "TRAILER!!!", Entry(0))
        body = b"".join(records) + trailer
        return body + bytes(-len(body) % 512)
