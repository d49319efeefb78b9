/* SPDX-License-Identifier: Apache-2.0 */
/* How one chunk is stored, by the numbers of docs/FORMAT.md. */
#pragma once

enum reader_form {
	READER_ZERO = 0,
	READER_RAW = 1,
	READER_ZSTD = 2,
	READER_COPY = 3,
	READER_PATCH = 4,
	READER_ZSTD_NEXT = 5 /* goes on in the frame of the chunk before */
};
