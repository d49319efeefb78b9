/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of 64-bit keys, each good for one walk: what was done once need not be done again. */
#include "tests/sim/selector_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t sim_set_key(const void *buf, size_t len)
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

static uint64_t *place(const struct sim_set *s, uint64_t key)
{
	size_t i = key >> 1 & (s->size - 1);

	while (s->keys[i] != 0 && s->keys[i] != key)
		i = (i + 1) & (s->size - 1);
	return &s->keys[i];
}

static void grow(struct sim_set *s)
{
	struct sim_set old = *s;

	s->size = old.size == 0 ? 1u << 14 : 2 * old.size;
	s->keys = calloc(s->size, sizeof(*s->keys));
	if (s->keys == NULL) {
		fputs("selector_sim: out of memory\n", stderr);
		exit(1);
	}
	for (size_t i = 0; i < old.size; i++)
		if (old.keys[i] != 0)
			*place(s, old.keys[i]) = old.keys[i];
	free(old.keys);
}

static void renew(struct sim_set *s)
{
	if (s->walk == sim_walk_number)
		return;
	s->walk = sim_walk_number;
	s->n = 0;
	if (s->keys != NULL)
		memset(s->keys, 0, s->size * sizeof(*s->keys));
}

bool sim_set_has(struct sim_set *s, uint64_t key)
{
	renew(s);
	return s->n > 0 && *place(s, key) != 0;
}

bool sim_set_add(struct sim_set *s, uint64_t key)
{
	uint64_t *at;

	renew(s);
	if (s->n * 2 >= s->size)
		grow(s);
	at = place(s, key);
	if (*at != 0)
		return false;
	*at = key;
	s->n++;
	return true;
}
