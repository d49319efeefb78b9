/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_index.h"

#include "cli/output/output.h"
#include "lib/log.h"
#include "lib/os_file.h"
#include "update/wire/reader_header.h"

enum kb_err stage_index_measure(int fd, const char *name, uint64_t *size, bool *no_tables)
{
	uint8_t raw[READER_HEADER_LEN];
	struct reader_header h;
	size_t got;
	enum kb_err err = os_file_read(fd, 0, raw, sizeof(raw), &got);

	*no_tables = false;
	if (err != KB_OK) {
		log_err("%s: %s", name, err_text(err));
		return err;
	}
	if (got < sizeof(raw) || reader_header_parse(&h, raw) != KB_OK || *size >= h.total_len)
		return KB_OK;
	*no_tables = *size < h.payload_off;
	*size = h.total_len;
	return KB_OK;
}

enum kb_err stage_index_print(const struct plan_release *r)
{
	json_object *o = output_json_new();

	output_json_hex(o, "release", r->id, sizeof(r->id));
	output_json_text(o, "version", r->version);
	output_json_number(o, "sequence", r->sequence);
	return output_json_print(o, true);
}
