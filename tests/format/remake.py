# SPDX-License-Identifier: Apache-2.0
"""The compressors of remade chunks, as docs/FORMAT.md names them: the shared libraries of the system.

Example: NAMES[6] is "remake-zlib-1.2.13"; LIBRARIES[6].pack(text, 9, 15), .unpack(block, plain)
"""
import ctypes
import zlib

XZ, ZSTD, LZ4 = (ctypes.CDLL(name) for name in ("liblzma.so.5", "libzstd.so.1", "liblz4.so.1"))
XZ.lzma_version_string.restype = ZSTD.ZSTD_versionString.restype = LZ4.LZ4_versionString.restype = ctypes.c_char_p
ZSTD.ZSTD_compress.restype = ZSTD.ZSTD_decompress.restype = ctypes.c_size_t
BLOCK_MAX = 1 << 20
SIZE, NONE = ctypes.c_size_t, ctypes.c_uint64(-1)


class Unfit(Exception):
    """Not with these parameters, or not this block."""


def must(condition) -> None:
    if not condition:
        raise Unfit


class Zlib:
    version = zlib.ZLIB_RUNTIME_VERSION

    @staticmethod
    def pack(text: bytes, how: int, size: int) -> bytes:
        must(1 <= how % 16 <= 9 and how // 16 <= 4 and 9 <= size <= 15)
        stream = zlib.compressobj(how % 16, zlib.DEFLATED, size, 8, how // 16)
        return stream.compress(text) + stream.flush()

    @staticmethod
    def unpack(block: bytes, plain: int) -> bytes:
        stream = zlib.decompressobj()
        try:
            text = stream.decompress(block, plain + 1)
        except zlib.error as error:
            raise Unfit from error
        must(stream.eof and not stream.unused_data and len(text) == plain)
        return text


class Filter(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint64), ("options", ctypes.c_void_p)]


class Xz:
    version = XZ.lzma_version_string().decode()
    before = [None, 4, 5, 6, 7, 8, 9]   # x86, PowerPC, IA-64, ARM, ARM Thumb, SPARC

    @classmethod
    def pack(cls, text: bytes, how: int, size: int) -> bytes:
        must(how % 16 <= 9 and how // 16 < len(cls.before) and 4096 <= size <= BLOCK_MAX)
        options = (ctypes.c_uint32 * 64)()
        must(not XZ.lzma_lzma_preset(options, how % 16))
        options[0] = size
        chain = [Filter(0x21, ctypes.addressof(options)), Filter(NONE.value, None)]
        if how >= 16:
            chain.insert(0, Filter(cls.before[how // 16], None))
        room, done = ctypes.create_string_buffer(BLOCK_MAX), SIZE(0)
        must(XZ.lzma_stream_buffer_encode((Filter * len(chain))(*chain), 1, None, text, SIZE(len(text)), room,
                                          ctypes.byref(done), SIZE(BLOCK_MAX)) == 0)
        return room.raw[:done.value]

    @staticmethod
    def unpack(block: bytes, plain: int) -> bytes:
        room, read, done, most = ctypes.create_string_buffer(plain), SIZE(0), SIZE(0), ctypes.c_uint64(64 << 20)
        must(XZ.lzma_stream_buffer_decode(ctypes.byref(most), 0, None, block, ctypes.byref(read), SIZE(len(block)),
                                          room, ctypes.byref(done), SIZE(plain)) == 0)
        must(read.value == len(block) and done.value == plain)
        return room.raw


class Zstd:
    version = ZSTD.ZSTD_versionString().decode()

    @staticmethod
    def pack(text: bytes, how: int, size: int) -> bytes:
        must(1 <= how <= 22 and size == 0)
        room = ctypes.create_string_buffer(BLOCK_MAX)
        length = ZSTD.ZSTD_compress(room, SIZE(BLOCK_MAX), text, SIZE(len(text)), how)
        must(length <= BLOCK_MAX)
        return room.raw[:length]

    @staticmethod
    def unpack(block: bytes, plain: int) -> bytes:
        room = ctypes.create_string_buffer(plain)
        must(ZSTD.ZSTD_decompress(room, SIZE(plain), block, SIZE(len(block))) == plain)
        return room.raw


class Lz4:
    version = LZ4.LZ4_versionString().decode()

    @staticmethod
    def pack(text: bytes, how: int, size: int) -> bytes:
        must(how <= 12 and size == 0)
        room = ctypes.create_string_buffer(BLOCK_MAX)
        length = (LZ4.LZ4_compress_HC(text, room, len(text), BLOCK_MAX, how) if how else
                  LZ4.LZ4_compress_default(text, room, len(text), BLOCK_MAX))
        must(length > 0)
        return room.raw[:length]

    @staticmethod
    def unpack(block: bytes, plain: int) -> bytes:
        room = ctypes.create_string_buffer(plain)
        must(LZ4.LZ4_decompress_safe(block, room, len(block), plain) == plain)
        return room.raw

    @staticmethod
    def fill(text: bytes, how: int, size: int, blocks: int) -> bytes:
        """So many blocks of that size, each with as much of the text as fits, behind zeroes."""
        if how >= 16:
            how, text = how - 16, text + bytes(128 << 10)
        must(how <= 12 and 0 < size <= BLOCK_MAX)
        state, out = ctypes.create_string_buffer(LZ4.LZ4_sizeofStateHC()), b""
        for _ in range(blocks):
            room, taken = ctypes.create_string_buffer(size), ctypes.c_int(len(text))
            length = (LZ4.LZ4_compress_HC_destSize(state, text, room, ctypes.byref(taken), size, how) if how else
                      LZ4.LZ4_compress_destSize(text, room, ctypes.byref(taken), size))
            must(length > 0 and taken.value > 0)
            out += bytes(size - length) + room.raw[:length]
            text = text[taken.value:]
        return out


LIBRARIES = {6: Zlib, 7: Xz, 8: Zstd, 9: Lz4}
NAMES = {number: f"remake-{library.__name__.lower()}-{library.version}" for number, library in LIBRARIES.items()}
