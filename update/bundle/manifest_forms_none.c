/* SPDX-License-Identifier: Apache-2.0 */
/* The forms by name, without compressors: make RECOMPRESS=no. */
#include "update/bundle/manifest.h"

const char *const manifest_forms[READER_FORMS] = {
	"zero", "raw", "zstd", "copy", "patch", "zstd-next",
};
