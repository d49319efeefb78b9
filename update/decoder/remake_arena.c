/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder/remake_pack.h"

#define ALIGN 64u

void *remake_arena_take(struct remake_arena *a, size_t len)
{
	uint8_t *p = a->p + a->used;

	if (len > a->size - a->used)
		return NULL;
	len = (len + ALIGN - 1) / ALIGN * ALIGN;
	a->used = len < a->size - a->used ? a->used + len : a->size;
	return p;
}
