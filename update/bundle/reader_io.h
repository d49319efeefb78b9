/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader's files share. */
#pragma once

#include "update/bundle/reader.h"

/* Notes what is wrong in r->why, and returns err. */
enum kb_err reader_io_fail(struct reader *r, enum kb_err err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4))) KB_MUST_CHECK;

/* Reads exactly len bytes at off. KB_EIO. */
enum kb_err reader_io_read(const struct reader *r, uint64_t off, void *buf,
			   size_t len) KB_MUST_CHECK;
