/* SPDX-License-Identifier: Apache-2.0 */
/* The forms by name. Another release of a library makes other bytes, so its version is in the name:
 * a form of another is one that is not known. What runs may be another than the headers were, where
 * libraries are shared: manifest_form_name() compares. */
#include "update/bundle/manifest.h"

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

/* LZ4 hashes words of the processor, in its order of bytes: others find other matches. */
#define LZ4_64	    (sizeof(size_t) == 8)
#define LZ4_LITTLE  (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define LZ4_OF(how) MANIFEST_REMAKE "lz4-" how LZ4_VERSION_STRING

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
	LZ4_LITTLE ? (LZ4_64 ? LZ4_OF("") : LZ4_OF("32-"))
		   : (LZ4_64 ? LZ4_OF("be-") : LZ4_OF("be32-")),
};

const char *(*const manifest_forms_versions[READER_FORMS])(void) = {
	[READER_REMAKE_ZLIB] = zlibVersion,
	[READER_REMAKE_XZ] = lzma_version_string,
	[READER_REMAKE_ZSTD] = ZSTD_versionString,
	[READER_REMAKE_LZ4] = LZ4_versionString,
};
