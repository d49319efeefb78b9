# SPDX-License-Identifier: Apache-2.0
"""The firmware that packed modules ask the kernel for: what `modinfo -F firmware` prints, read without kmod."""

import re
import struct
from pathlib import Path, PurePosixPath

import kbcompress
import kbimage

SUFFIXES = ("", ".xz", ".zst")      # as distributions pack it; the kernel unpacks it only where it was built so
TARGET = "lib/firmware"             # where each kernel looks


class FirmwareError(Exception):
    """Says which folder or file, and what to do."""


def _values(strings: bytes, key: bytes) -> list:
    """The values of one key, in strings "key=value" that end in NUL."""
    found = (item[len(key) + 1:] for item in strings.split(b"\0") if item.startswith(key + b"="))
    return sorted({value.decode(errors="replace") for value in found})


def named_by(module: bytes) -> list:
    """The names in an unpacked module."""
    try:
        start, length = kbimage.elf_sections(module).get(b".modinfo", (0, 0))
    except (struct.error, ValueError, IndexError):
        return []
    return _values(module[start:start + length], b"firmware")


def named_by_builtin(folder: Path, names: list) -> dict:
    """{name: [firmware]} of drivers that the kernel has built in."""
    try:
        strings = (Path(folder) / "modules.builtin.modinfo").read_bytes()
    except OSError:
        return {}
    found = {name: _values(strings, f"{name}.firmware".encode()) for name in names}
    return {name: values for name, values in found.items() if values}


def _inside(name: str) -> bool:
    """False for a name that leads out of the folder."""
    parts = PurePosixPath(name).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts


def _plain(name: str) -> str:
    """Without the suffix of a compressor."""
    return next((name[:-len(end)] for end in SUFFIXES[1:] if name.endswith(end)), name)


class Firmware:
    """The folders of --firmware-dir; of two files with one name, that of the first folder counts. Links are followed,
    to folders as to files."""

    def __init__(self, folders: list):
        self.folders, self.absent, self.packed = [Path(folder) for folder in folders], {}, set()
        for folder in self.folders:
            if not folder.is_dir():
                raise FirmwareError(f"{folder}: no such folder; it is usually /lib/firmware")

    def _find(self, name: str):
        """The file, maybe packed, or None."""
        places = (folder / f"{name}{suffix}" for folder in self.folders for suffix in SUFFIXES)
        return next((place for place in places if place.is_file()), None)

    def _matches(self, name: str) -> list:
        """A driver may name a pattern: one file for each board."""
        if not _inside(name):
            return []
        if self._find(name):
            return [name]
        if not set(name) & set("*?["):
            return []
        pattern = re.sub(r"\*+", "*", name)     # never one that goes down all folders
        found = (str(path.relative_to(folder)) for folder in self.folders for suffix in SUFFIXES
                 for path in folder.glob(pattern + suffix) if path.is_file())
        return sorted({_plain(one) for one in found})

    def pack(self, archive, module: str, names: list) -> None:
        """What is there into the archive; what is not is kept for absent."""
        for name in names:
            found = self._matches(name)
            if not found:
                self.absent.setdefault(module, []).append(name)
            for file in (one for one in found if one not in self.packed):
                path = self._find(file)
                data = path.read_bytes()
                if path.name != Path(file).name:
                    data = kbcompress.decompress(data, str(path))
                archive.file(f"{TARGET}/{file}", data, source=str(path))
                self.packed.add(file)

    def report(self, note, warn) -> None:
        """Without a folder nothing can be packed: then the list is only a note."""
        for module, names in sorted(self.absent.items()):
            text = f"module {module} names firmware that is not packed: {', '.join(names)}"
            if self.folders:
                warn(text)
            else:
                note(f"{text}; pack it with --firmware-dir")
