/* SPDX-License-Identifier: Apache-2.0 */
/* The forms by name. Another release of a library makes other bytes, so its version is in the name:
 * a form of another is one that is not known. */
#include "update/bundle/manifest.h"

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

const char *const manifest_forms[READER_FORMS] = {
	"zero",
	"raw",
	"zstd",
	"copy",
	"patch",
	"zstd-next",
	MANIFEST_REMAKE "zlib-" ZLIB_VERSION,
	MANIFEST_REMAKE "xz-" LZMA_VERSION_STRING,
	MANIFEST_REMAKE "zstd-" ZSTD_VERSION_STRING,
	MANIFEST_REMAKE "lz4-" LZ4_VERSION_STRING,
};
