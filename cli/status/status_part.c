/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot status`: how much of a bundle is here, where a partial one is staged. */
#include "cli/status/status.h"

#include "cli/stage/stage_files.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "update/wire/partial_form.h"
#include "update/wire/reader_header.h"

#include <stdio.h>

#define BEGIN 24u

static bool read_exactly(int fd, uint64_t off, uint8_t *buf, size_t len)
{
	size_t got;

	return os_file_read(fd, off, buf, len, &got) == KB_OK && got == len;
}

/* As the file says: it was verified when it was staged. */
void status_part_collect(struct status *st)
{
	uint8_t begin[BEGIN], header[READER_HEADER_LEN];
	struct status_part *p = &st->part;
	KB_CLEANUP_FD int fd = -1;
	struct reader_header h;
	uint64_t size;
	size_t head;

	if (stage_files_open(&st->d->conf, st->staged_path, &fd) != KB_OK ||
	    os_file_size(fd, &size) != KB_OK || !read_exactly(fd, 0, begin, sizeof(begin)) ||
	    !partial_form_is(begin))
		return;
	head = partial_form_len(begin);
	if (head == 0 || head > size || !read_exactly(fd, head, header, sizeof(header)) ||
	    reader_header_parse(&h, header) != KB_OK)
		return;
	*p = (struct status_part){ .staged = true, .bytes = size - head, .total = h.total_len };
}

void status_part_text(const struct status *st)
{
	char bytes[OUTPUT_TIME_LEN], total[OUTPUT_TIME_LEN];

	if (!st->part.staged)
		return;
	output_size(bytes, st->part.bytes);
	output_size(total, st->part.total);
	printf("; %s of its %s are here, the rest must be in slots", bytes, total);
}

void status_part_json(const struct status *st, json_object *staged)
{
	json_object *o = NULL;

	if (st->part.staged) {
		o = json_object_new_object();
		output_json_number(o, "bytes", st->part.bytes);
		output_json_number(o, "total", st->part.total);
	}
	output_json_add(staged, "partial", o);
}
