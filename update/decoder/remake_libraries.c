/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder/remake_pack.h"

const struct remake_library *const remake_libraries[REMAKE_PACKERS] = {
	[REMAKE_ZLIB] = &remake_zlib,
	[REMAKE_XZ] = &remake_xz,
	[REMAKE_ZSTD] = &remake_zstd,
	[REMAKE_LZ4] = &remake_lz4,
};
