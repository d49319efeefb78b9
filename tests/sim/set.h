/* SPDX-License-Identifier: Apache-2.0 */
/* What a search has seen: keys of 64 bits, each with a number. All zero to begin with; it stays
 * until the process ends, which a story has to itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SET_NONE UINT32_MAX

struct set {
	struct set_entry *entry;
	size_t size, n;
};

/* Never 0. */
uint64_t set_key(const void *buf, size_t len);
/* The number of a key; SET_NONE: it is not there. */
uint32_t set_find(const struct set *s, uint64_t key);
/* False if it was there already: its number stays. Ends the process without memory. */
bool set_add(struct set *s, uint64_t key, uint32_t number);
