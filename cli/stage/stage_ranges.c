/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_ranges.h"

#include "cli/output/output.h"

#include <stdlib.h>

#define GAP_MIN	  64u /* bytes */
#define GAP_MAX	  (1u << 30)
#define GAP_SHARE 100u /* of what is wanted, all gaps are one such part at most */

struct ranges {
	struct reader *r;
	const struct apply_seeds *seeds;
	int target;
	const struct install_lack *lack;
	struct digest digest;
	/* ranges with less between them are one */
	uint64_t gap;
	/* bytes that are wanted, and those between */
	uint64_t wanted, between;
	bool too_many;
	struct partial_form form;
};

static struct reader_walk walk;
static uint8_t plain[MANIFEST_CHUNK_MAX] __attribute__((aligned(BDEV_ALIGN)));
/* owned: a bit for each chunk of an image, which a slot has */
static uint8_t *held[MANIFEST_IMAGES_MAX];

static bool is_held(unsigned image, uint32_t chunk)
{
	return held[image][chunk / 8] >> chunk % 8 & 1;
}

/* Any encoding says what each chunk is. */
static enum kb_err look_at_slots(struct ranges *x, unsigned image)
{
	const struct manifest_encoding *enc = x->r->m.encoding;
	struct reader_chunk c;
	enum kb_err err;

	/* bound: MANIFEST_CHUNKS_MAX bits */
	held[image] = calloc(1, manifest_chunks(&x->r->m.image[image]) / 8 + 1);
	if (held[image] == NULL)
		return KB_ENOMEM;
	while (enc->image != image || !incoming_can_use(enc, x->seeds, x->target))
		enc++;
	TRY(reader_walk_begin(&walk, x->r, image, enc));
	while ((err = reader_walk_next(&walk, &c)) == KB_OK) {
		if (c.form == READER_ZERO)
			continue;
		err = install_lack_find(x->lack, &x->digest, walk.im, &c, plain);
		if (err == KB_OK)
			held[image][c.index / 8] |= (uint8_t)(1u << c.index % 8);
		else if (err != KB_ENOENT && err != KB_EIO) /* else it is fetched */
			return err;
	}
	return err == KB_ENOENT ? KB_OK : err;
}

/* ---------------------------------------------------------------- ranges */

static void add(struct ranges *x, uint64_t off, uint64_t end)
{
	struct partial_form_range *last = &x->form.range[x->form.n - 1];
	uint64_t before = x->form.n > 0 ? last->off + last->len : 0;

	if (end <= before)
		return;
	if (off < before)
		off = before;
	x->wanted += end - off;
	if (x->form.n > 0 && off - before <= x->gap) {
		x->between += off - before;
		last->len = end - last->off;
		return;
	}
	x->too_many |= x->form.n == PARTIAL_FORM_MAX;
	if (!x->too_many)
		x->form.range[x->form.n++] =
			(struct partial_form_range){ .off = off, .len = end - off };
}

/* A chunk that goes on in a frame wants all of that before it. */
static enum kb_err add_encoding(struct ranges *x, const struct manifest_encoding *enc)
{
	struct reader_chunk c;
	uint64_t frame = 0;
	enum kb_err err = reader_walk_begin(&walk, x->r, enc->image, enc);

	while (err == KB_OK && (err = reader_walk_next(&walk, &c)) == KB_OK) {
		if (c.form == READER_ZSTD)
			frame = c.off;
		if (c.stored > 0 && !is_held(enc->image, c.index))
			add(x, c.form == READER_ZSTD_NEXT ? frame : c.off, c.off + c.stored);
	}
	return err == KB_ENOENT ? KB_OK : err;
}

static void begin(struct ranges *x, uint64_t gap)
{
	x->form.n = 0;
	x->gap = gap;
	x->wanted = x->between = 0;
	x->too_many = false;
}

/* Of an image, the encoding of which least is missing. */
static enum kb_err choose(struct ranges *x, unsigned image)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < x->r->m.nencodings; i++) {
		const struct manifest_encoding *enc = &x->r->m.encoding[i];

		if (enc->image != image || !incoming_can_use(enc, x->seeds, x->target))
			continue;
		begin(x, 0);
		TRY(add_encoding(x, enc));
		if (x->wanted >= least)
			continue;
		least = x->wanted;
		x->form.encoding[image] = (uint8_t)(i + 1);
	}
	return KB_OK;
}

static enum kb_err collect(struct ranges *x, uint64_t gap)
{
	begin(x, gap);
	add(x, 0, x->r->h.payload_off);
	for (unsigned i = 0; i < x->r->m.nimages; i++)
		TRY(add_encoding(x, &x->r->m.encoding[x->form.encoding[i] - 1]));
	return KB_OK;
}

/* The largest gaps that cost little; larger ones if there are too many ranges otherwise. */
static enum kb_err merge(struct ranges *x)
{
	uint64_t best = 0, gap = GAP_MIN;

	for (; gap <= GAP_MAX; gap *= 2) {
		TRY(collect(x, gap));
		if (!x->too_many && x->between > x->wanted / GAP_SHARE)
			break;
		best = gap;
	}
	TRY(collect(x, best));
	for (gap = best > 0 ? best : GAP_MIN; x->too_many && gap <= GAP_MAX; gap *= 2)
		TRY(collect(x, gap));
	return x->too_many ? KB_ENOSPC : KB_OK;
}

static enum kb_err find_ranges(struct ranges *x)
{
	TRY(digest_init(&x->digest));
	for (unsigned i = 0; i < x->r->m.nimages; i++) {
		TRY(look_at_slots(x, i));
		TRY(choose(x, i));
	}
	return merge(x);
}

/* ---------------------------------------------------------------- JSON */

static enum kb_err print(const struct ranges *x)
{
	json_object *o = output_json_new(), *ranges = output_json_list(),
		    *encodings = output_json_list();

	output_json_hex(o, "release", x->r->release.id, STATE_ID_LEN);
	output_json_text(o, "version", x->r->m.version);
	output_json_number(o, "sequence", x->r->m.sequence);
	output_json_number(o, "total", x->r->h.total_len);
	output_json_number(o, "bytes", x->wanted + x->between);
	for (unsigned i = 0; i < x->r->m.nimages; i++)
		output_json_append(encodings, json_object_new_int(x->form.encoding[i]));
	output_json_add(o, "encodings", encodings);
	for (uint32_t i = 0; i < x->form.n; i++) {
		json_object *pair = output_json_list();

		output_json_append(pair, json_object_new_int64((int64_t)x->form.range[i].off));
		output_json_append(pair, json_object_new_int64((int64_t)x->form.range[i].len));
		output_json_append(ranges, pair);
	}
	output_json_add(o, "ranges", ranges);
	return output_json_print(o, true);
}

enum kb_err stage_ranges_print(struct reader *r, const struct apply_seeds *seeds, int target,
			       const struct install_lack *lack, const char *name)
{
	static struct ranges x;
	enum kb_err err;

	x.r = r;
	x.seeds = seeds;
	x.target = target;
	x.lack = lack;
	err = find_ranges(&x);
	digest_free(&x.digest);
	for (unsigned i = 0; i < MANIFEST_IMAGES_MAX; i++)
		free(held[i]);
	if (err == KB_OK)
		return print(&x);
	return output_fail(r->why, sizeof(r->why), name, err, "its ranges cannot be found: %s",
			   err == KB_ENOSPC ? "there are too many" : err_text(err));
}
