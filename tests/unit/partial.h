/* SPDX-License-Identifier: Apache-2.0 */
/* Partial bundles for tests, made from whole ones. */
#pragma once

#include "tests/unit/install_fixture.h"

static inline void partial_add(struct partial_form *p, uint64_t off, uint64_t len)
{
	struct partial_form_range *last = &p->range[p->n - 1];

	if (p->n > 0 && last->off + last->len == off)
		last->len += len;
	else
		p->range[p->n++] = (struct partial_form_range){ .off = off, .len = len };
}

/* Begins with all that is signed. */
static inline void partial_begin(struct partial_form *p, const struct reader *whole)
{
	*p = (struct partial_form){ .encoding = { 1, 2, 3, 4 } };
	partial_add(p, 0, whole->h.payload_off);
}

/* And the chunks of one image that are wanted. */
static inline void partial_chunks(struct partial_form *p, struct reader *whole, unsigned image,
				  bool (*wanted)(const struct reader_chunk *c))
{
	static struct reader_walk w;
	struct reader_chunk c;

	fixture_ok(reader_walk_begin(&w, whole, image, &whole->m.encoding[image]));
	while (reader_walk_next(&w, &c) == KB_OK)
		if (c.stored > 0 && wanted(&c))
			partial_add(p, c.off, c.stored);
}

/* The file: a memfd. */
static inline int partial_make(struct partial_form *p, const struct reader *whole)
{
	static uint8_t raw[PARTIAL_FORM_LEN], buf[65536];
	int out = memfd_create("partial", MFD_CLOEXEC);

	fixture_append(out, raw, partial_form_write(p, raw));
	for (uint32_t i = 0; i < p->n; i++) {
		uint64_t left = p->range[i].len, off = p->range[i].off;

		for (size_t n; left > 0; left -= n, off += n) {
			n = left < sizeof(buf) ? (size_t)left : sizeof(buf);
			if (pread(whole->fd, buf, n, (off_t)off) != (ssize_t)n)
				abort();
			fixture_append(out, buf, n);
		}
	}
	return out;
}
