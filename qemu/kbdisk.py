# SPDX-License-Identifier: Apache-2.0
"""Disk images without root and without loop devices: partition tables, ext4 and vfat from folders.

    Disk("256M").add("state", "16M").add("slot-a", "64M", Ext4("root-a")).build("disk.img")
    offset, size = partition("disk.img", "slot-a")

Reproducible: with a `seed` every identifier is derived from it, and with SOURCE_DATE_EPOCH in the
environment every time stamp is that time; two builds are then byte-identical, whoever runs them.
"""

import os
import shutil
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import ptable
from kbusage import remedy
from ptable import Part

MIB = 1 << 20
CHUNK = 1 << 20
_NAMESPACE = uuid.UUID("6b65656c-626f-4f74-8000-64697362a6e5")


class DiskError(Exception):
    """Says what could not be built, and why."""


def parse_size(text) -> int:
    """Bytes from 4096, "64K", "16M", "1.5G"."""
    if isinstance(text, int):
        return text
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    value = str(text).strip().upper().removesuffix("B").removesuffix("I")
    factor = units.get(value[-1:], 1)
    try:
        return int(float(value.rstrip("KMGT")) * factor) if factor > 1 else int(value, 0)
    except ValueError:
        raise DiskError(f"size {text!r}: expected bytes, or a number with K, M or G") from None


def identifier(seed, *what) -> str:
    """A UUID: derived from the seed and `what` it is for, random without a seed."""
    if seed is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(_NAMESPACE, "/".join((str(seed), *map(str, what)))))


def _epoch():
    value = os.environ.get("SOURCE_DATE_EPOCH")
    return int(value) if value else None


def _tool(*command, stdin=None) -> str:
    # sbin: an ordinary user's PATH lacks it. UTC and UTF-8: mtools stores local time, and names.
    env = dict(os.environ, PATH=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin",
               LC_ALL="C.UTF-8", TZ="UTC", MTOOLS_SKIP_CHECK="1")
    if _epoch() is not None:
        # e2fsprogs 1.47.0 does not know SOURCE_DATE_EPOCH yet.
        env["E2FSPROGS_FAKE_TIME"] = str(_epoch())
    try:
        result = subprocess.run([str(part) for part in command], input=stdin, env=env, text=True,
                                errors="replace", capture_output=True, check=False)
    except FileNotFoundError:
        raise DiskError(f"{command[0]}: not found; {remedy('run')}") from None
    if result.returncode != 0:
        raise DiskError(f"{command[0]}: {(result.stderr or result.stdout).strip()[-800:]}")
    return result.stdout


def check_target(path, inputs=()) -> None:
    """An image is a file that takes the place of what is there: of a device's node, nothing would be left. Nor would
    of a private key, or of what the image is made of."""
    path = Path(path)
    if os.path.lexists(path) and not path.is_file():
        raise DiskError(f"{path}: no regular file, and not replaced by one; name a file, and copy that onto a device "
                        "with dd")
    if not path.exists():
        return
    with open(path, "rb") as file:
        if b"PRIVATE KEY-----" in file.read(1 << 16):
            raise DiskError(f"{path}: is a private key, and those are never overwritten; choose another output")
    if any(os.path.isfile(source) and os.path.samefile(path, source) for source in inputs):
        raise DiskError(f"{path}: is read by this command, so it is not overwritten; choose another output")


def _fresh(path, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)


# --- file systems -------------------------------------------------------------------------------

def mkext4(path, size, source=None, *, block: int = 4096, label: str = "", seed=None,
           features: str = "", keep_owner: bool = False) -> Path:
    """An ext4 image of `size` with the folder `source` in it, owned by root unless keep_owner.

    4 KiB blocks by default: dm-verity takes nothing else. `features` goes to mke2fs -O.
    """
    path = Path(path)
    _fresh(path, parse_size(size))
    ident = identifier(seed, "ext4")
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", block, "-I", "256", "-m", "0", "-U", ident,
               "-E", f"hash_seed={identifier(seed, 'hash')},root_owner=0:0"]
    if label:
        command += ["-L", label]
    if features:
        command += ["-O", features]
    if source is not None:
        if not Path(source).is_dir():
            raise DiskError(f"{source}: no such folder, to fill {path} from")
        command += ["-d", source]
    try:
        _tool(*command, path)
    except DiskError as error:
        raise DiskError(f"{path}: {error}" + (f" (do the files of {source} fit into {size}?)"
                                              if source else "")) from None
    if source is not None:
        _normalise_inodes(path, keep_owner)
    return path


def _normalise_inodes(image: Path, keep_owner: bool) -> None:
    """mke2fs -d takes owner and times, ctime included, from the files: whoever built the tree, and
    when.

    Inode numbers are dense after mke2fs (it sorts directories), so no path needs quoting here.
    """
    lines = []
    fields = [] if keep_owner else [("uid", "0"), ("gid", "0")]
    if _epoch() is not None:
        fields += [(name, f"@{_epoch()}") for name in ("atime", "ctime", "mtime")]
    if not fields:
        return
    header = dict(line.split(":", 1) for line in _tool("dumpe2fs", "-h", image).splitlines()
                  if ":" in line)
    last = int(header["Inode count"]) - int(header["Free inodes"])
    for inode in [2, *range(11, last + 1)]:
        lines += [f"set_inode_field <{inode}> {name} {value}\n" for name, value in fields]
    with tempfile.NamedTemporaryFile("w", suffix=".debugfs") as script:
        script.writelines(lines)
        script.flush()
        _tool("debugfs", "-w", "-f", script.name, image)


def mkvfat(path, size, files=None, *, label: str = "", sector: int = 512, seed=None) -> Path:
    """A FAT image (12, 16 or 32 as its size asks for) with `files`: a folder, or {name: Path or
    bytes}."""
    path = Path(path)
    _fresh(path, parse_size(size))
    if label and not label.isascii():
        raise DiskError(f"label {label!r}: FAT takes ASCII only")
    volume = uuid.UUID(identifier(seed, "vfat")).int & 0xffffffff
    _tool("mkfs.vfat", "--invariant", "-S", sector, "-i", f"{volume:08x}",
          *(("-n", label[:11].upper()) if label else ()), path)
    try:
        vfat_put(path, files or {})
    except DiskError as error:
        raise DiskError(f"{path}: {error} (the file system has {size})") from None
    return path


def vfat_put(image, files, offset: int = 0) -> None:
    """Copies files into a FAT file system at `offset` of an image; folders are made, files
    replaced."""
    if not isinstance(files, dict):
        root = Path(files)
        if not root.is_dir():
            raise DiskError(f"{root}: no such folder")
        files = {str(p.relative_to(root)): p for p in sorted(root.rglob("*")) if p.is_file()}
    where = f"{image}@@{offset}"
    folders = sorted({str(parent) for name in files
                      for parent in Path(name.lstrip("/")).parents} - {"."})
    with tempfile.TemporaryDirectory() as temp:
        for folder in folders:
            try:
                _tool("mmd", "-D", "s", "-i", where, f"::{folder}")
            except DiskError:
                _tool("mdir", "-i", where, f"::{folder}")   # it was there; else this says what
        for name, source in sorted(files.items()):
            if isinstance(source, bytes):
                (Path(temp) / "bytes").write_bytes(source)
                source = Path(temp) / "bytes"
            _tool("mcopy", "-Q", "-o", "-i", where, source, f"::{name.lstrip('/')}")


def ext4_read(image, name: str, offset: int = 0) -> bytes:
    """One file of an ext4 file system. Does not replay the journal: after a power cut it may show
    the past."""
    with tempfile.TemporaryDirectory() as temp:
        out = Path(temp) / "out"
        where = f"{image}?offset={offset}" if offset else image
        _tool("debugfs", "-R", f'dump "{name}" "{out}"', where)
        if not out.is_file():
            raise DiskError(f"{image}: has no file {name}")
        return out.read_bytes()


# --- bytes of images ----------------------------------------------------------------------------

def copy_into(source, target, offset: int = 0, limit=None) -> int:
    """Copies the file `source` over `target` at `offset`; writes only what differs, so holes stay
    holes."""
    size = os.stat(source).st_size
    if limit is not None and size > limit:
        raise DiskError(f"{source}: {size} bytes, but there is room for {limit}")
    with open(source, "rb") as reader, open(target, "r+b") as writer:
        holes = offset + size > os.fstat(writer.fileno()).st_size
        if holes:
            writer.truncate(offset + size)
        position = 0
        while position < size:
            data = reader.read(CHUNK)
            writer.seek(offset + position)
            if writer.read(len(data)) != data:
                writer.seek(offset + position)
                writer.write(data)
            position += len(data)
    return size


def partitions(image) -> list:
    """The partitions of a disk image, as ptable.Part (number, name, offset, size, type, uuid)."""
    try:
        with open(image, "rb") as file:
            return ptable.read(file, os.fstat(file.fileno()).st_size)
    except (ptable.TableError, OSError) as error:
        raise DiskError(f"{image}: {getattr(error, 'strerror', None) or error}") from None


def partition(image, name) -> tuple:
    """(offset, size) in bytes of the partition with that name or number."""
    parts = partitions(image)
    for part in parts:
        if str(name) in (part.name, str(part.number)):
            return part.offset, part.size
    raise DiskError(f"{image}: no partition {name}; expected one of {', '.join(p.name for p in parts)}")


def read_partition(image, name, start: int = 0, length=None) -> bytes:
    offset, size = partition(image, name)
    with open(image, "rb") as file:
        file.seek(offset + start)
        return file.read(max(0, min(size - start, size if length is None else length)))


def write_partition(image, name, content, start: int = 0) -> None:
    """Replaces bytes of a partition from `start` on: bytes, or a file's path. The rest stays."""
    offset, size = partition(image, name)
    if not isinstance(content, bytes):
        copy_into(content, image, offset + start, size - start)
        return
    if start + len(content) > size:
        raise DiskError(f"{image}: partition {name} has {size} bytes; "
                        f"cannot write up to {start + len(content)}")
    with open(image, "r+b") as file:
        file.seek(offset + start)
        file.write(content)


def extract_partition(image, name, target) -> Path:
    """Writes a partition's bytes to a file of its own, sparsely."""
    offset, size = partition(image, name)
    check_target(target, [image])
    _fresh(target, size)
    with open(image, "rb") as reader, open(target, "r+b") as writer:
        reader.seek(offset)
        for position in range(0, size, CHUNK):
            data = reader.read(min(CHUNK, size - position))
            if any(data):
                writer.seek(position)
                writer.write(data)
    return Path(target)


# --- disks --------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Ext4:
    """Content of a partition: ext4, filled from a folder (or empty)."""
    source: object = None
    label: str = ""
    options: dict = field(default_factory=dict)

    def make(self, path, size: int, sector: int, seed) -> None:
        mkext4(path, size, self.source, label=self.label, seed=seed, **self.options)


@dataclass(frozen=True)
class Vfat:
    """Content of a partition: FAT with a folder's files, or {name: Path or bytes}."""
    files: object = None
    label: str = ""

    def make(self, path, size: int, sector: int, seed) -> None:
        mkvfat(path, size, self.files, label=self.label, sector=sector, seed=seed)


class Disk:
    """A disk image with a partition table. `size` None: as large as its partitions need."""

    def __init__(self, size=None, *, table: str = "gpt", sector: int = 512, align="1M", seed=None):
        if table not in ("gpt", "mbr") or sector not in (512, 4096):
            raise DiskError(f"table {table}, sector {sector}: expected table gpt or mbr, sector 512 or 4096")
        self.size = None if size is None else parse_size(size)
        self.table, self.sector, self.align, self.seed = table, sector, parse_size(align), seed
        self.parts = []         # (Part, content)

    def add(self, name: str, size=None, content=None, *, type: str = "linux",
            offset=None) -> "Disk":
        """Appends a partition. content: None (zeroes), a path or bytes (raw), Ext4(...) or
        Vfat(...). size None: that of the raw content, rounded up. offset None: after the previous
        one, aligned."""
        if size is None:
            if isinstance(content, bytes):
                size = len(content)
            elif isinstance(content, (str, Path)):
                size = os.stat(content).st_size
            else:
                raise DiskError(f"partition {name}: missing size; only raw content brings its own")
        size = parse_size(size) if offset is not None else self._aligned(parse_size(size))
        end = max((p.offset + p.size for p, _ in self.parts), default=self.sector)
        first = self.sector + (ptable.gpt_overhead(self.sector) if self.table == "gpt" else 0)
        start = self._aligned(max(end, first)) if offset is None else parse_size(offset)
        if start < max(end, first) or start % self.sector or size % self.sector or not size:
            raise DiskError(f"partition {name}: {size} bytes at {start} overlap, or are not sectors")
        kind = ptable.type_of(type, self.table)
        ident = identifier(self.seed, "part", name)
        self.parts.append((Part(len(self.parts) + 1, name, start, size, kind, ident), content))
        return self

    def _aligned(self, size: int) -> int:
        return -(-size // self.align) * self.align

    def layout(self) -> list:
        return [part for part, _ in self.parts]

    def build(self, path) -> list:
        """Writes the image (replacing `path` at the end only) and returns the list of Part."""
        path = Path(path)
        check_target(path, [content for _, content in self.parts if isinstance(content, (str, Path))])
        end = max((p.offset + p.size for p, _ in self.parts), default=self.align)
        tail = ptable.gpt_overhead(self.sector) if self.table == "gpt" else 0
        size = self.size or self._aligned(end + tail)
        if end + tail > size:
            raise DiskError(f"{path}: partitions need {end + tail} bytes, the disk has {size}")
        ident = identifier(self.seed, "disk")
        folder = path.resolve().parent      # temporary files beside the target: moving is free
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{path.name}-") as temp:
            image = Path(temp) / "disk"
            _fresh(image, size)
            for part, content in self.parts:
                self._fill(image, part, content, Path(temp) / "part")
            with open(image, "r+b") as file:
                try:
                    if self.table == "gpt":
                        ptable.write_gpt(file, self.layout(), size, self.sector, ident)
                    else:
                        parts = [replace(p, type=str(p.type)) for p in self.layout()]
                        ptable.write_mbr(file, parts, self.sector, ident)
                except ptable.TableError as error:
                    raise DiskError(f"{path}: {error}") from None
            shutil.move(image, path)
        return self.layout()

    def _fill(self, image: Path, part: Part, content, temp: Path) -> None:
        if content is None:
            return
        if isinstance(content, bytes):
            temp.write_bytes(content)
        elif isinstance(content, (str, Path)):
            temp = Path(content)
        else:
            seed = None if self.seed is None else identifier(self.seed, part.name)
            try:
                content.make(temp, part.size, self.sector, seed)
            except DiskError as error:
                raise DiskError(f"partition {part.name}: {error}") from None
        copy_into(temp, image, part.offset, part.size)
