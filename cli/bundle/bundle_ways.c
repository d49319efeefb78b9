/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_ways.h"

#include "update/wire/delta_form.h"

#include <stdlib.h>

#define TRY_BOTH 3u /* chunks */

enum kb_err bundle_ways_alloc(struct bundle_ways *w, size_t room)
{
	for (unsigned i = 0; i < BUNDLE_WAYS; i++) {
		/* bound: what the caller lets a frame have */
		w->frame[i] = malloc(room);
		if (w->frame[i] == NULL)
			return KB_ENOMEM;
	}
	return KB_OK;
}

void bundle_ways_free(struct bundle_ways *w)
{
	for (unsigned i = 0; i < BUNDLE_WAYS; i++) {
		free(w->frame[i]);
		w->frame[i] = NULL;
	}
}

void bundle_ways_begin(struct bundle_ways *w)
{
	w->tried = 0;
	w->sum[0] = w->sum[1] = 0;
}

bool bundle_ways_is_worth(const struct bundle_ways *w, unsigned way)
{
	return w->tried < TRY_BOTH || (w->sum[1] < w->sum[0]) == (way == 1);
}

unsigned bundle_ways_align(unsigned way)
{
	return way == 0 ? 1 : DELTA_WORD;
}

void bundle_ways_note(struct bundle_ways *w, unsigned way, size_t n, uint32_t plain)
{
	if (w->tried < TRY_BOTH)
		w->sum[way] += n > 0 ? n : plain;
}

struct bundle_stored bundle_stored_raw(const uint8_t *plain, uint32_t len)
{
	return (struct bundle_stored){ READER_RAW, plain, len };
}

void bundle_stored_try(struct bundle_stored *s, enum reader_form form, const uint8_t *p, size_t n)
{
	if (n > 0 && n < s->len)
		*s = (struct bundle_stored){ form, p, (uint32_t)n };
}
