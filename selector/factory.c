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

bool factory_ask_once(struct state *s, const char *token)
{
	uint64_t hash = hash_of(token);

	if (s->factory_token == hash)
		return false;
	s->factory_token = hash;
	factory_ask(s);
	return true;
}

void factory_note(struct state *s, const char *token)
{
	s->factory_token = hash_of(token);
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

bool factory_begin_fill(struct state *s)
{
	if (s->factory_fill > FACTORY_TRIES) {
		s->factory_fill = 0;
		return false;
	}
	s->factory_fill++;
	return true;
}
