/* SPDX-License-Identifier: Apache-2.0 */
/* How one chunk is stored, by the numbers of docs/FORMAT.md. */
#pragma once

#include <stdbool.h>

enum reader_form {
	READER_ZERO = 0,
	READER_RAW = 1,
	READER_ZSTD = 2,
	READER_COPY = 3,
	READER_PATCH = 4,
	READER_ZSTD_NEXT = 5, /* goes on in the frame of the chunk before */
	/* with compressed blocks that are made again, by their compressor */
	READER_REMAKE_ZLIB = 6,
	READER_REMAKE_XZ = 7,
	READER_REMAKE_ZSTD = 8,
	READER_REMAKE_LZ4 = 9
};

#define READER_FORMS 10u

/* With blocks that are compressed again. */
static inline bool reader_form_is_remade(enum reader_form form)
{
	return form >= READER_REMAKE_ZLIB;
}

/* Made from the seed. */
static inline bool reader_form_is_seeded(enum reader_form form)
{
	return form == READER_COPY || form == READER_PATCH || reader_form_is_remade(form);
}
