/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/parts.h"

#include "tests/unit/partial.h"

static struct {
	const struct bundles_release *is, *target, *other;
	uint32_t chunk;
	/* chunks that are not in the bundle */
	unsigned in_target, in_other;
} now;

static bool holds(const struct bundles_release *slot, const struct reader_chunk *c)
{
	uint64_t off = (uint64_t)c->index * now.chunk;

	return memcmp(slot->data + off, now.is->data + off, c->len) == 0;
}

static bool is_fetched(const struct reader_chunk *c)
{
	bool sealed = (uint64_t)c->index * now.chunk < INSTALL_SEAL_LEN;

	if (!sealed && holds(now.target, c)) {
		now.in_target++;
		return false;
	}
	if (!holds(now.other, c))
		return true;
	now.in_other++;
	return false;
}

static int make_whole(const struct bundles_release *r, uint32_t chunk, bool raw)
{
	const struct fixture_image im = { "root", r->data, r->size, chunk, raw };
	const struct fixture_bundle b = { .image = &im,
					  .nimages = 1,
					  .version = r->version,
					  .sequence = r->sequence,
					  .key = &bundles_key,
					  .per_frame = 1 };

	return fixture_make(&b);
}

void parts_make(struct bundles_release *r, uint32_t chunk, bool raw,
		const struct bundles_release *target, const struct bundles_release *other)
{
	static struct partial_form form;
	static struct reader whole;
	int fd = make_whole(r, chunk, raw);

	now.is = r;
	now.target = target;
	now.other = other;
	now.chunk = chunk;
	now.in_target = now.in_other = 0;
	fixture_ok(reader_open(&whole, fd, false, (uint64_t)lseek(fd, 0, SEEK_END),
			       &bundles_key.ring));
	partial_begin(&form, &whole);
	partial_chunks(&form, &whole, 0, is_fetched);
	r->bundle = partial_make(&form, &whole);
	reader_close(&whole);
	close(fd);
	if (now.in_target == 0 || now.in_other == 0) {
		fprintf(stderr, "parts: of %u chunks in the target, and %u in the other slot\n",
			now.in_target, now.in_other);
		exit(1);
	}
	bundles_take(r);
}
