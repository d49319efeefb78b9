/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/factory.h"

#include "lib/bytes.h"

#include <string.h>

/* A text that is known again, no secret; 0 is none. */
static uint64_t hash_of(const char *token)
{
	uint64_t hash = bytes_hash(BYTES_HASH_START, token, strlen(token));

	return hash != 0 ? hash : 1;
}

void factory_ask(struct state *s)
{
	s->factory = 1;
}

static unsigned find(const struct state *s, uint64_t hash)
{
	unsigned i = 0;

	while (i < STATE_MARKERS_LEN && s->markers[i] != hash)
		i++;
	return i;
}

/* The oldest one falls out if it was not there. */
static void move_to_front(struct state *s, unsigned at, uint64_t hash)
{
	if (at == STATE_MARKERS_LEN)
		at--;
	memmove(&s->markers[1], &s->markers[0], at * sizeof(hash));
	s->markers[0] = hash;
}

bool factory_note(struct state *s, const char *token)
{
	uint64_t hash = hash_of(token);
	unsigned at = find(s, hash);

	/* Those of the newer half stay, else markers that stay would change the state each time. */
	if (at >= STATE_MARKERS_LEN / 2)
		move_to_front(s, at, hash);
	return at == STATE_MARKERS_LEN;
}

bool factory_ask_once(struct state *s, const char *token)
{
	if (!factory_note(s, token))
		return false;
	factory_ask(s);
	return true;
}

void factory_forget(struct state *s)
{
	s->factory = 0;
	s->factory_fill = 0;
}

bool factory_begin(struct state *s)
{
	if (s->factory > FACTORY_TRIES) {
		factory_forget(s);
		return false;
	}
	s->factory++;
	return true;
}

void factory_deleted(struct state *s)
{
	s->factory = 0;
	s->factory_fill = 1;
}

void factory_kept(struct state *s)
{
	s->factory_refill = s->factory_fill > 0;
}

void factory_put_back(struct state *s)
{
	if (s->factory_refill)
		s->factory_fill = 1;
	s->factory_refill = false;
}

bool factory_begin_fill(struct state *s)
{
	if (s->factory_fill > FACTORY_TRIES) {
		s->factory_fill = 0;
		return false;
	}
	s->factory_fill++;
	return true;
}
