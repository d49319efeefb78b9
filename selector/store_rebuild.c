/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/store_internal.h"

#include <string.h>

static void make_trial(struct state_slot *t)
{
	*t = (struct state_slot){
		.st = STATE_TRIAL,
		.tries = STATE_TRIES,
		.grace = STATE_GRACE,
	};
	state_set_text(t->reason, "state lost, rebuilt");
}

static void name_trial(struct state_slot *t, const struct store_manifest *m)
{
	t->has_release = true;
	t->sequence = m->sequence;
	memcpy(t->release, m->release, STATE_ID_LEN);
	memcpy(t->version, m->version, sizeof(t->version));
}

/* A named trial goes before an unnamed one, a higher sequence before a lower one. */
static bool is_better(const struct state_slot *t, const struct state_slot *than)
{
	if (t->st != than->st)
		return t->st == STATE_TRIAL;
	if (t->has_release != than->has_release)
		return t->has_release;
	return t->sequence > than->sequence;
}

enum kb_err store_rebuild(struct store *st, unsigned nslots, uint8_t mountable, struct state *s)
{
	struct store_manifest m;

	if (nslots < 1 || nslots > STATE_SLOTS_MAX)
		return KB_EINVAL;
	state_init(s, nslots);
	s->rebuilt = true;
	for (unsigned i = 0; i < nslots; i++) {
		bool named = store_manifest_read(st, (int)i, &m, NULL, 0) == KB_OK;

		if (!named && !(mountable >> i & 1))
			continue;
		make_trial(&s->slot[i]);
		if (!named)
			continue;
		name_trial(&s->slot[i], &m);
		if (m.floor > s->floor)
			s->floor = m.floor;
	}
	for (unsigned i = 1; i < nslots; i++)
		if (is_better(&s->slot[i], &s->slot[s->pref]))
			s->pref = (int8_t)i;
	return KB_OK;
}
