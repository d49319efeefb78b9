# SPDX-License-Identifier: Apache-2.0
"""The firmware that packed modules ask the kernel for: what `modinfo -F firmware` prints, read without kmod."""

import fnmatch
import struct
from pathlib import Path

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


def _listing(folder: Path) -> dict:
    """{name without the suffix of a compressor: path} of a folder's files."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        suffix = next((end for end in SUFFIXES[1:] if name.endswith(end)), "")
        if path.is_file() and (not suffix or name[:-len(suffix)] not in files):
            files[name[:-len(suffix)] if suffix else name] = path
    return files


class Firmware:
    """The folders of --firmware-dir; of two files with one name, that of the first folder counts."""

    def __init__(self, folders: list):
        self.files, self.absent, self.packed = {}, {}, set()
        for folder in folders:
            if not Path(folder).is_dir():
                raise FirmwareError(f"{folder}: no such folder; it is usually /lib/firmware")
            self.files = {**_listing(Path(folder)), **self.files}

    def _matches(self, name: str) -> list:
        """A driver may name a pattern: one file for each board."""
        if name in self.files:
            return [name]
        return sorted(fnmatch.filter(self.files, name)) if set(name) & set("*?[") else []

    def pack(self, archive, module: str, names: list) -> None:
        """What is there into the archive; what is not is kept for absent."""
        for name in names:
            found = self._matches(name)
            if not found:
                self.absent.setdefault(module, []).append(name)
            for file in (one for one in found if one not in self.packed):
                path = self.files[file]
                archive.file(f"{TARGET}/{file}", kbcompress.decompress(path.read_bytes(), str(path)), source=str(path))
                self.packed.add(file)

    def report(self, note, warn) -> None:
        """Without a folder nothing can be packed: then the list is only a note."""
        for module, names in sorted(self.absent.items()):
            text = f"module {module} names firmware that is not packed: {', '.join(names)}"
            if self.files:
                warn(text)
            else:
                note(f"{text}; pack it with --firmware-dir")
