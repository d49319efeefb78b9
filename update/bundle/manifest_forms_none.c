/* SPDX-License-Identifier: Apache-2.0 */
/* The forms by name, without those of compressors: see RECOMPRESS in the Makefile. */
#include "update/bundle/manifest.h"

#include <stddef.h>

const char *const manifest_forms[READER_FORMS] = {
	"zero", "raw", "zstd", "copy", "patch", "zstd-next",
};

const char *(*const manifest_forms_versions[READER_FORMS])(void) = { NULL };
