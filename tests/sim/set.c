/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/set.h"

#include "tests/sim/cut_content.h"

#include <stdlib.h>
#include <string.h>

struct set_entry {
	uint64_t key; /* 0: free */
	uint32_t number;
};

uint64_t set_key(const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint64_t h = 0x9e3779b97f4a7c15u ^ len, v;

	for (; len > 0; p += 8, len = len > 8 ? len - 8 : 0) {
		v = 0;
		memcpy(&v, p, len < 8 ? len : 8);
		h = (h ^ v) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	h *= 0xc4ceb9fe1a85ec53u;
	return (h ^ h >> 29) | 1;
}

static struct set_entry *place(const struct set *s, uint64_t key)
{
	size_t i = key >> 8 & (s->size - 1);

	while (s->entry[i].key != 0 && s->entry[i].key != key)
		i = (i + 1) & (s->size - 1);
	return &s->entry[i];
}

static void grow(struct set *s)
{
	struct set old = *s;

	s->size = old.size == 0 ? 1u << 14 : 2 * old.size;
	s->entry = cut_content_must(calloc(s->size, sizeof(*s->entry)));
	for (size_t i = 0; i < old.size; i++)
		if (old.entry[i].key != 0)
			*place(s, old.entry[i].key) = old.entry[i];
	free(old.entry);
}

uint32_t set_find(const struct set *s, uint64_t key)
{
	const struct set_entry *at = s->n > 0 ? place(s, key) : NULL;

	return at == NULL || at->key == 0 ? SET_NONE : at->number;
}

bool set_add(struct set *s, uint64_t key, uint32_t number)
{
	struct set_entry *at;

	if (s->n * 2 >= s->size)
		grow(s);
	at = place(s, key);
	if (at->key != 0)
		return false;
	*at = (struct set_entry){ key, number };
	s->n++;
	return true;
}
