/* SPDX-License-Identifier: Apache-2.0 */
#include "update/bundle/reader_partial.h"

#include "update/bundle/reader_io.h"

#include <inttypes.h>

#define BEGIN 24u

static enum kb_err read_head(struct reader *r, size_t len, uint64_t size)
{
	static uint8_t raw[PARTIAL_FORM_LEN];
	enum kb_err err;

	/* Not yet a partial one: these bytes are the file's own. */
	if (len == 0)
		return reader_io_fail(r, KB_EFORMAT,
				      "its list of ranges is damaged; fetch it again");
	if (len > size)
		return reader_io_fail(r, KB_EFORMAT,
				      "truncated in its list of ranges; fetch it again");
	if (reader_io_read(r, 0, raw, len) != KB_OK)
		return reader_io_fail(
			r, KB_EIO, "its list of ranges cannot be read: the medium is bad or gone");
	err = partial_form_parse(&r->part, raw, len);
	if (err == KB_ENEWER)
		return reader_io_fail(r, err, "made by a newer Keelboot; update Keelboot first");
	if (err != KB_OK)
		return reader_io_fail(r, KB_EFORMAT,
				      "its list of ranges is damaged; fetch it again");
	return KB_OK;
}

enum kb_err reader_partial_open(struct reader *r, uint64_t size)
{
	uint8_t begin[BEGIN];
	uint64_t want;

	if (r->raw || size < BEGIN)
		return KB_OK;
	if (reader_io_read(r, 0, begin, sizeof(begin)) != KB_OK)
		return reader_io_fail(r, KB_EIO, "it cannot be read: the medium is bad or gone");
	if (!partial_form_is(begin))
		return KB_OK;
	TRY(read_head(r, partial_form_len(begin), size));
	want = partial_form_size(&r->part);
	if (size == want)
		return KB_OK;
	r->part.n = 0;
	return reader_io_fail(r, KB_EFORMAT,
			      "a partial bundle of %" PRIu64 " bytes, of which %" PRIu64
			      " are expected; fetch it again",
			      size, want);
}

enum kb_err reader_partial_fits(struct reader *r)
{
	const struct partial_form_range *last = &r->part.range[r->part.n - 1];

	if (r->part.range[0].len >= r->h.payload_off && last->off + last->len <= r->h.total_len)
		return KB_OK;
	return reader_io_fail(r, KB_EFORMAT,
			      "its list of ranges is another bundle's; fetch it again");
}

bool reader_is_hole(const struct reader *r, const struct reader_chunk *c)
{
	return reader_is_partial(r) && c->stored > 0 &&
	       partial_form_find(&r->part, c->off, c->stored) == NULL;
}
