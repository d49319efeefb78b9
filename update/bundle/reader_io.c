/* SPDX-License-Identifier: Apache-2.0 */
#include "update/bundle/reader_io.h"

#include "lib/os_file.h"

#include <stdarg.h>
#include <stdio.h>

enum kb_err reader_io_fail(struct reader *r, enum kb_err err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return err;
}

enum kb_err reader_io_read(const struct reader *r, uint64_t off, void *buf, size_t len)
{
	size_t got;

	if (reader_is_partial(r)) {
		const struct partial_form_range *in = partial_form_find(&r->part, off, len);

		if (in == NULL)
			return KB_EIO;
		off = in->at + (off - in->off);
	}
	return os_file_read(r->fd, off, buf, len, &got) == KB_OK && got == len ? KB_OK : KB_EIO;
}
