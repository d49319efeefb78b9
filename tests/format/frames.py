# SPDX-License-Identifier: Apache-2.0
"""Frames of zstd as docs/FORMAT.md wants them, made by libzstd, for bundles that tests make.

Example: Frame().put(plain)                 the stored bytes of a chunk alone in its frame
         frame = Frame(text); frame.put(a); frame.put(b)     of two that share one, which refers to the text before
"""
import ctypes
import ctypes.util

from keelreader import Buffer

ZSTD = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
ZSTD.ZSTD_createCCtx.restype = ctypes.c_void_p
ZSTD.ZSTD_compressStream2.restype = ZSTD.ZSTD_CCtx_refPrefix.restype = ctypes.c_size_t
LEVEL, WINDOW_LOG, CONTENT_SIZE, FLUSH, END = 100, 101, 200, 1, 2


class Frame:
    def __init__(self, before: bytes = b"", window_log: int = 22):
        self.context, self.before = ctypes.c_void_p(ZSTD.ZSTD_createCCtx()), before
        for name, value in ((LEVEL, 3), (WINDOW_LOG, window_log), (CONTENT_SIZE, 0)):
            ZSTD.ZSTD_CCtx_setParameter(self.context, name, value)
        ZSTD.ZSTD_CCtx_refPrefix(self.context, before, ctypes.c_size_t(len(before)))

    def __del__(self):
        ZSTD.ZSTD_freeCCtx(self.context)

    def put(self, plain: bytes, how: int = FLUSH) -> bytes:
        """The stored bytes of the next chunk."""
        room = ctypes.create_string_buffer(len(plain) + 65536)
        into = Buffer(ctypes.cast(room, ctypes.c_void_p), len(room), 0)
        source = Buffer(ctypes.cast(ctypes.c_char_p(plain), ctypes.c_void_p), len(plain), 0)
        left = ZSTD.ZSTD_compressStream2(self.context, ctypes.byref(into), ctypes.byref(source), how)
        assert left == 0
        return room.raw[:into.pos]


def compressed(plain: bytes) -> bytes:
    return Frame().put(plain)


def patch_frame(streams: bytes) -> bytes:
    """The stored bytes of a patch: a frame that has an end."""
    return Frame(window_log=21).put(streams, END)
