/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/known.h"

#include "lib/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_LEN 16 /* digits */

/* The places of the hashes: what runs, its release, by which way; then each slot, by its name. */
enum { BOOTED, RAN, TIER, SLOTS, KNOWN = SLOTS + FACTS_SLOTS_MAX };

_Static_assert(KNOWN *HASH_LEN == ACTION_KNOWN_LEN, "one text has them all");

static uint64_t hash_text(uint64_t h, const char *text)
{
	return bytes_hash(h, text, strlen(text) + 1);
}

/* NULL: there is no slot of this number. */
static const struct facts_slot *find_slot(const struct facts *f, unsigned number)
{
	for (unsigned i = 0; i < f->nslots; i++)
		if (f->slot[i].name[0] == (char)('a' + number))
			return &f->slot[i];
	return NULL;
}

static uint64_t hash_slot(const struct facts_slot *s)
{
	uint64_t h;

	if (s == NULL)
		return 0;
	h = hash_text(BYTES_HASH_START, s->release);
	return hash_text(hash_text(h, s->version), s->state);
}

static uint64_t hash_release(const char *release)
{
	return hash_text(BYTES_HASH_START, release);
}

static void collect(uint64_t n[KNOWN], const struct facts *f)
{
	const struct facts_slot *booted = facts_booted(f);

	n[BOOTED] = hash_text(BYTES_HASH_START, f->booted);
	n[RAN] = hash_release(booted != NULL ? booted->release : "");
	n[TIER] = hash_text(BYTES_HASH_START, f->tier);
	for (unsigned i = 0; i < FACTS_SLOTS_MAX; i++)
		n[SLOTS + i] = hash_slot(find_slot(f, i));
}

void known_write(char text[ACTION_KNOWN_LEN + 1], const struct facts *f)
{
	uint64_t n[KNOWN];

	collect(n, f);
	for (unsigned i = 0; i < KNOWN; i++)
		snprintf(text + (size_t)i * HASH_LEN, HASH_LEN + 1, "%016" PRIx64, n[i]);
}

/* false: it is none of ours. */
static bool read_known(uint64_t n[KNOWN], const char *text)
{
	char digits[HASH_LEN + 1] = "";

	if (strlen(text) != ACTION_KNOWN_LEN)
		return false;
	for (unsigned i = 0; i < KNOWN; i++) {
		memcpy(digits, text + (size_t)i * HASH_LEN, HASH_LEN);
		if (strspn(digits, "0123456789abcdef") != HASH_LEN)
			return false;
		n[i] = strtoull(digits, NULL, 16);
	}
	return true;
}

static bool is_of_action(const struct action *a, const struct facts_slot *s)
{
	return s != NULL && a->release[0] != '\0' && strcmp(s->release, a->release) == 0;
}

/* Its report has what runs; and why that is so, if it is its trial, or the fallback from it. */
static bool explains_booted(const struct action *a, const struct facts *f, const uint64_t *before)
{
	return action_owes(a) && (is_of_action(a, facts_booted(f)) ||
				  (a->phase == ACTION_FAILED && a->release[0] != '\0' &&
				   before[RAN] == hash_release(a->release)));
}

/* No slot says of which release a half of it is: of what is staged, or was until it failed. The
 * next boot goes on, and until then it is no news. */
static bool is_begun_by(const struct action *a, const struct facts *f, const struct facts_slot *s)
{
	return s != NULL && facts_is_half_written(s) && a->release[0] != '\0' &&
	       (a->phase == ACTION_FAILED
			? action_owes(a) && strcmp(a->own.release, a->release) == 0
			: strcmp(f->staged, a->release) == 0);
}

static bool explains_slot(const struct action *a, const struct facts *f, const struct facts_slot *s)
{
	return (is_of_action(a, s) && action_owes(a)) || is_begun_by(a, f, s);
}

bool known_is_old(const struct action *a, const struct facts *f)
{
	uint64_t before[KNOWN], now[KNOWN];

	if (!read_known(before, a->device_known))
		return false;
	collect(now, f);
	if (before[TIER] != now[TIER] && !action_owes(a))
		return true;
	if (before[BOOTED] != now[BOOTED] && !explains_booted(a, f, before))
		return true;
	for (unsigned i = 0; i < FACTS_SLOTS_MAX; i++)
		if (before[SLOTS + i] != now[SLOTS + i] && !explains_slot(a, f, find_slot(f, i)))
			return true;
	return false;
}
