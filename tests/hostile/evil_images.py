# SPDX-License-Identifier: Apache-2.0
"""File systems as somebody would make them who wants to break the kernel, or libblkid: good images, damaged where their
readers look. The same kind and seed give the same image.

Example: evil("vfat", good, 17)           the 17th damaged form of a good vfat image
         evil("vfat-files", good, 17)     of one whose superblock stays as it is, so that it is mounted
"""
import random
import struct

SECTOR = 512
HUGE = (0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x0ffffff7,
        0x0fffffff, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
NAMES = (b"\x1b[2J\x1b]0;owned\x07", b"..", b".", b"/", b"\0", b"\xff\xfe\xfd", b"A" * 11, b"KEELBOOT   ", b"%n%s%n%s")


class Image:
    """Bytes that are being damaged, with the dice of one seed."""

    def __init__(self, data: bytes, dice: random.Random):
        self.data, self.dice = bytearray(data), dice

    def get(self, at: int, form: str) -> int:
        return struct.unpack_from("<" + form, self.data, at)[0]

    def put(self, at: int, form: str, value: int) -> None:
        size = struct.calcsize(form)
        if 0 <= at <= len(self.data) - size:
            struct.pack_into("<" + form, self.data, at, value & (1 << 8 * size) - 1)

    def odd(self, near: int = 0) -> int:
        """A number that a parser may not expect."""
        return self.dice.choice((*HUGE, near, near + 1, max(near - 1, 0), near * 2, self.dice.getrandbits(32)))

    def field(self, fields) -> None:
        at, form = self.dice.choice(fields)
        self.put(at, form, self.odd(self.get(at, form)))

    def noise(self, start: int, end: int) -> None:
        end = min(end, len(self.data))
        if start >= end:
            return
        at = self.dice.randrange(start, end)
        flipped = self.data[at] ^ 1 << self.dice.randrange(8)
        self.data[at] = self.dice.choice((0, 0xff, self.dice.randrange(256), flipped))

    def cut(self) -> None:
        """A medium that ends before its file system does."""
        del self.data[self.dice.randrange(SECTOR, len(self.data)):]


# ---------------------------------------------------------------- vfat

VFAT_FIELDS = ((11, "H"), (13, "B"), (14, "H"), (16, "B"), (17, "H"), (19, "H"), (21, "B"), (22, "H"), (24, "H"),
               (26, "H"), (28, "I"), (32, "I"), (36, "I"), (40, "H"), (42, "H"), (44, "I"), (48, "H"), (50, "H"))


class Fat:
    """Where the parts of a FAT file system are."""

    def __init__(self, image: Image):
        self.image = image
        self.cluster = image.get(13, "B") * SECTOR
        self.fat = image.get(14, "H") * SECTOR
        small = image.get(22, "H")
        fats = image.get(16, "B") * (small or image.get(36, "I")) * SECTOR
        self.root = self.fat + fats
        self.heap = self.root + (image.get(17, "H") * 32 + SECTOR - 1) // SECTOR * SECTOR
        self.copies = [self.fat + i * (small or image.get(36, "I")) * SECTOR for i in range(image.get(16, "B"))]
        self.wide = not small

    def link(self, cluster: int, to: int) -> None:
        for copy in self.copies:
            if self.wide:
                self.image.put(copy + 4 * cluster, "I", to)
            else:
                self.image.put(copy + 2 * cluster, "H", to)

    def entries(self) -> list:
        """Offsets of directory entries, of the root and of the first clusters."""
        ends = [self.root + 32 * n for n in range(16)] + [self.heap + 32 * n for n in range(64)]
        return [at for at in ends if at + 32 <= len(self.image.data) and self.image.data[at] not in (0, 0xe5)]


def vfat_loop(image: Image) -> None:
    """A chain that comes back to itself: a folder without an end."""
    fat, dice = Fat(image), image.dice
    for _ in range(dice.randint(1, 4)):
        cluster = dice.randrange(2, 12)
        fat.link(cluster, dice.choice((cluster, 2, 3, dice.randrange(2, 12), 0x0ffffff0, 1, 0)))


def vfat_entry(image: Image) -> None:
    places = Fat(image).entries()
    if not places:
        return
    at, dice = image.dice.choice(places), image.dice
    what = dice.randrange(6)
    if what == 0:
        image.put(at + 28, "I", image.odd())                           # size
    elif what == 1:
        image.put(at + 26, "H", dice.choice((0, 1, 2, 3, 0xffff, 0xfff7)))     # cluster
        image.put(at + 20, "H", dice.choice((0, 0x0fff, 0xffff)))
    elif what == 2:
        image.data[at + 11] = dice.choice((0x08, 0x0f, 0x10, 0x18, 0x3f, 0xff))     # kind
    elif what == 3:
        image.data[at:at + 11] = dice.choice(NAMES).ljust(11)[:11]
    elif what == 4:
        image.data[at] = dice.choice((0x01, 0x41, 0x7f, 0x94, 0xd4, 0xff))     # a part of a long name
        image.data[at + 11] = 0x0f
    else:
        image.data[at:at + 32] = bytes(dice.getrandbits(8) for _ in range(32))


def vfat(image: Image) -> None:
    ways = (lambda i: i.field(VFAT_FIELDS), lambda i: i.field(VFAT_FIELDS), vfat_loop, vfat_loop, vfat_entry,
            vfat_entry, vfat_entry, lambda i: i.noise(0, 90), lambda i: i.noise(90, 65536))
    image.dice.choice(ways)(image)


# ---------------------------------------------------------------- exfat

EXFAT_FIELDS = ((64, "Q"), (72, "Q"), (80, "I"), (84, "I"), (88, "I"), (92, "I"), (96, "I"), (104, "H"), (106, "H"),
                (108, "B"), (109, "B"), (110, "B"), (111, "B"), (112, "B"))


class Heap:
    """Where the parts of an exFAT file system are."""

    def __init__(self, image: Image):
        self.image = image
        self.fat = image.get(80, "I") * SECTOR
        self.heap = image.get(88, "I") * SECTOR
        self.cluster = SECTOR << image.get(109, "B") % 24
        self.root = self.heap + (image.get(96, "I") - 2) * self.cluster

    def entries(self) -> list:
        """Offsets of directory entries: of the root, and of what may be a folder."""
        starts = [self.root] + [self.heap + n * self.cluster for n in range(2, 6)]
        places = [start + 32 * n for start in starts for n in range(24)]
        return [at for at in places if 0 <= at <= len(self.image.data) - 32
                and self.image.data[at] in (0x81, 0x82, 0x83, 0x85, 0xc0, 0xc1)]


def checksum(image: Image) -> None:
    """Made right again, so that what was damaged is read at all."""
    for start in (0, 12 * SECTOR):
        total = 0
        for at in range(11 * SECTOR):
            if at not in (106, 107, 112):
                total = ((total << 31 | total >> 1) + image.data[start + at]) & 0xffffffff
        image.data[start + 11 * SECTOR:start + 12 * SECTOR] = struct.pack("<I", total) * (SECTOR // 4)


def exfat_entry(image: Image) -> None:
    places = Heap(image).entries()
    if not places:
        return
    at, dice = image.dice.choice(places), image.dice
    kind = image.data[at]
    if kind == 0x85:
        image.data[at + 1] = dice.choice((0, 1, 2, 18, 19, 0xff))          # entries that belong to it
        image.put(at + 4, "H", dice.choice((0x10, 0x20, 0x08, 0xffff)))
    elif kind == 0xc0:
        image.data[at + 1] = dice.choice((0, 1, 2, 3, 0xff))               # in one piece, or chained
        image.data[at + 3] = dice.choice((0, 1, 254, 255))                 # length of the name
        image.put(at + 20, "I", dice.choice((0, 1, 2, 3, 4, 5, 0xffffffff, 0xfffffff7)))
        image.put(at + dice.choice((8, 24)), "Q", image.odd(image.get(at + 24, "Q")))
    elif kind == 0xc1:
        image.data[at + 2:at + 32] = bytes(dice.getrandbits(8) for _ in range(30))
    else:
        image.put(at + 20, "I", dice.choice((0, 1, 2, 5, 0xffffffff)))
        image.put(at + 24, "Q", image.odd(image.get(at + 24, "Q")))


def exfat_loop(image: Image) -> None:
    heap, dice = Heap(image), image.dice
    for _ in range(dice.randint(1, 4)):
        cluster = dice.randrange(2, 8)
        image.put(heap.fat + 4 * cluster, "I", dice.choice((cluster, 2, 3, dice.randrange(2, 8), 0, 1, 0xfffffff7)))
    # Folders that are looked for in the table, and not in one piece.
    for at in heap.entries():
        if image.data[at] == 0xc0 and dice.random() < 0.5:
            image.data[at + 1] = 1


def exfat_boot(image: Image) -> None:
    image.field(EXFAT_FIELDS)
    if image.dice.random() < 0.9:
        checksum(image)


def exfat(image: Image) -> None:
    ways = (exfat_boot, exfat_boot, exfat_entry, exfat_entry, exfat_entry, exfat_loop, exfat_loop,
            lambda i: i.noise(0, 24 * SECTOR))
    image.dice.choice(ways)(image)


def exfat_bitmap(image: Image) -> None:
    """What is read after the superblock was believed: the map of free clusters, too small or gone."""
    for at in Heap(image).entries():
        if image.data[at] == 0x81 and image.dice.random() < 0.5:
            image.put(at + 24, "Q", image.dice.choice((0, 1, 7, 64)))
        elif image.data[at] == 0x81:
            image.data[at] = 0xa1


def rotate_add(data: bytes, skip=()) -> int:
    total = 0
    for at, byte in enumerate(data):
        if at not in skip:
            total = ((total << 15 | total >> 1) + byte) & 0xffff
    return total


def entry_of(name: str) -> bytes:
    """An empty file, as a folder has it."""
    text = name.encode("utf-16-le")
    one = bytearray(struct.pack("<BBHHxxIII12x", 0x85, 2, 0, 0x20, 0, 0, 0))
    one += struct.pack("<BBxBHxxQ4xIQ", 0xc0, 1, len(name), rotate_add(name.upper().encode("utf-16-le")), 0, 0, 0)
    one += b"\xc1\0" + text.ljust(30, b"\0")
    struct.pack_into("<H", one, 2, rotate_add(one, (2, 3)))
    return bytes(one)


def exfat_crowd(name: str, number: int) -> bytes:
    """The content of a folder with so many entries, all of one name of at most 15 characters."""
    return entry_of(name) * number


def exfat_as_folder(good: bytes, name: str) -> bytes:
    """A file of that name, at the top of an image, becomes a folder: its content is what lies in it."""
    image = Image(good, random.Random(0))
    heap, text = Heap(image), name.encode("utf-16-le")
    at = next(at for at in heap.entries() if image.data[at] == 0xc1 and image.data[at + 2:at + 2 + len(text)] == text)
    first = at - 64
    length = image.get(first + 32 + 24, "Q")
    whole = -(-length // heap.cluster) * heap.cluster
    image.put(first + 4, "H", 0x10)
    image.put(first + 32 + 8, "Q", whole)
    image.put(first + 32 + 24, "Q", whole)
    image.put(first + 2, "H", rotate_add(image.data[first:first + 96], (2, 3)))
    return bytes(image.data)


# ---------------------------------------------------------------- superblocks, for libblkid

SUPERBLOCKS = {                                 # where they lie
    "squashfs": ((0, 96),),
    "erofs": ((1024, 1152),),
    "ext4": ((1024, 2048),),
    "gpt": ((446, 512), (512, 604), (1024, 2048)),
    "mbr": ((0, 512),),
    "swap": ((1024, 1100), (4086, 4096)),
}


def superblock(kind: str):
    def damage(image: Image) -> None:
        start, end = image.dice.choice(SUPERBLOCKS[kind])
        if image.dice.random() < 0.5:
            image.noise(start, end)
        else:
            image.put(image.dice.randrange(start, end) & ~3, image.dice.choice("HIQ"), image.odd())
    return damage


def files(*ways):
    return lambda image: image.dice.choice(ways)(image)


# A kind, or a part of one behind its superblock.
KINDS = {"vfat": vfat, "vfat-files": files(vfat_loop, vfat_entry), "exfat": exfat,
         "exfat-files": files(exfat_entry, exfat_loop), "exfat-bitmap": exfat_bitmap,
         **{kind: superblock(kind) for kind in SUPERBLOCKS}}


def evil(kind: str, good: bytes, seed: int) -> bytes:
    """A good image of this kind, damaged in one to eight places."""
    dice = random.Random(f"{kind} {seed}")
    image = Image(good, dice)
    for _ in range(dice.choice((1, 1, 2, 3, 5, 8))):
        KINDS[kind](image)
    if "-" not in kind and dice.random() < 0.1:
        image.cut()
    return bytes(image.data)
