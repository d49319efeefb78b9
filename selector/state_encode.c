/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bytes.h"
#include "selector/state_keys.h"
#include "selector/text.h"

#include <string.h>

static void put_letter(struct text_out *o, const char *key, int slot)
{
	char val[2] = { state_slot_letter(slot), '\0' };

	text_put(o, key, val);
}

#define HASH_HEX (2 * sizeof(uint64_t))

static void hex_of_hash(char hex[HASH_HEX + 1], uint64_t hash)
{
	uint8_t bytes[sizeof(hash)];

	bytes_put64(bytes, __builtin_bswap64(hash));
	bytes_hex(hex, bytes, sizeof(bytes));
}

static void put_hash(struct text_out *o, const char *key, uint64_t hash)
{
	char hex[HASH_HEX + 1];

	hex_of_hash(hex, hash);
	text_put(o, key, hex);
}

static void put_markers(struct text_out *o, const char *key, const uint64_t *hashes)
{
	char val[STATE_MARKERS_LEN * (HASH_HEX + 1) + 1];
	size_t len = 0;

	for (unsigned i = 0; i < STATE_MARKERS_LEN && hashes[i] != 0; i++) {
		if (i > 0)
			val[len++] = ',';
		hex_of_hash(val + len, hashes[i]);
		len += HASH_HEX;
	}
	text_put(o, key, val);
}

static void put_release(struct text_out *o, const char *key, const uint8_t *release)
{
	char hex[2 * STATE_ID_LEN + 1];

	bytes_hex(hex, release, STATE_ID_LEN);
	text_put(o, key, hex);
}

/* "source,release,failures" */
static void put_staged(struct text_out *o, const char *key, const struct state_staged *g)
{
	char val[16 + 2 * STATE_ID_LEN + 24];
	struct text_out v = { .buf = val, .size = sizeof(val) };

	v.len = strlen(state_source_name(g->source));
	memcpy(val, state_source_name(g->source), v.len);
	val[v.len++] = ',';
	bytes_hex(val + v.len, g->release, STATE_ID_LEN);
	v.len += (size_t)2 * STATE_ID_LEN;
	val[v.len++] = ',';
	text_decimal(val + v.len, g->fails);
	text_put(o, key, val);
}

/* "phase,slot,release,begun" */
static void put_data(struct text_out *o, const char *key, const struct state_data *d)
{
	char val[24 + 2 * STATE_LEDGER_ID_LEN + 1];
	struct text_out v = { .buf = val, .size = sizeof(val) };

	v.len = strlen(state_data_name(d->phase));
	memcpy(val, state_data_name(d->phase), v.len);
	val[v.len++] = ',';
	val[v.len++] = state_slot_letter(d->slot);
	val[v.len++] = ',';
	bytes_hex(val + v.len, d->release, STATE_LEDGER_ID_LEN);
	v.len += (size_t)2 * STATE_LEDGER_ID_LEN;
	val[v.len++] = ',';
	text_decimal(val + v.len, d->begun);
	text_put(o, key, val);
}

/* "count,excused,open" */
static void put_apply(struct text_out *o, const char *key, const struct state_apply *a)
{
	char val[64];
	size_t n = text_decimal(val, a->count);

	val[n++] = ',';
	n += text_decimal(val + n, a->excused);
	val[n++] = ',';
	text_decimal(val + n, a->open);
	text_put(o, key, val);
}

static void put_ledger(struct text_out *o, const char *key,
		       const uint8_t (*ids)[STATE_LEDGER_ID_LEN], unsigned n)
{
	char val[STATE_LEDGER_LEN * (2 * STATE_LEDGER_ID_LEN + 1) + 1];
	size_t len = 0;

	for (unsigned i = 0; i < n && i < STATE_LEDGER_LEN; i++) {
		if (i > 0)
			val[len++] = ',';
		bytes_hex(val + len, ids[i], STATE_LEDGER_ID_LEN);
		len += (size_t)2 * STATE_LEDGER_ID_LEN;
	}
	text_put(o, key, val);
}

/* "hex:count", commas between */
static void put_unwritable(struct text_out *o, const char *key, const struct state *s)
{
	char val[STATE_UNWRITABLE_LEN * (2 * STATE_LEDGER_ID_LEN + 8)];
	size_t len = 0;

	for (unsigned i = 0; i < s->nunwritable && i < STATE_UNWRITABLE_LEN; i++) {
		if (i > 0)
			val[len++] = ',';
		bytes_hex(val + len, s->unwritable[i].release, STATE_LEDGER_ID_LEN);
		len += (size_t)2 * STATE_LEDGER_ID_LEN;
		val[len++] = ':';
		len += text_decimal(val + len, s->unwritable[i].count);
	}
	text_put(o, key, val);
}

static uint64_t number_of(const struct state_key *key, const void *field)
{
	uint16_t half;
	uint64_t whole;

	if (key->size == sizeof(uint8_t))
		return *(const uint8_t *)field;
	if (key->size == sizeof(half)) {
		memcpy(&half, field, sizeof(half));
		return half;
	}
	memcpy(&whole, field, sizeof(whole));
	return whole;
}

/* Not as in an empty state. */
static bool is_set(const struct state *s, const struct state_key *key, const void *field)
{
	const struct state_apply *a = field;

	switch (key->kind) {
	case STATE_KIND_LETTER:
		return *(const int8_t *)field != STATE_NONE;
	case STATE_KIND_TEXT:
		return *(const char *)field != '\0';
	case STATE_KIND_STAGED:
		return s->staged.source != STATE_SRC_NONE;
	case STATE_KIND_DATA:
		return s->data.phase != STATE_DATA_NONE;
	case STATE_KIND_APPLY:
		return a->count != 0 || a->excused != 0 || a->open;
	case STATE_KIND_APPLIED:
		return s->napplied > 0;
	case STATE_KIND_REJECTED:
		return s->nrejected > 0;
	case STATE_KIND_UNWRITABLE:
		return s->nunwritable > 0;
	case STATE_KIND_MARKERS:
		return s->markers[0] != 0;
	case STATE_KIND_NSLOTS:
	case STATE_KIND_SLOTS:
	case STATE_KIND_NUMBER:
	case STATE_KIND_LIMIT:
	case STATE_KIND_TOKEN:
	case STATE_KIND_HASH:
	case STATE_KIND_ST:
	case STATE_KIND_RELEASE:
		break; /* a number, or never asked */
	}
	return number_of(key, field) != 0;
}

static void put_field(struct text_out *o, const char *name, const struct state *s,
		      const struct state_key *key, const void *field)
{
	switch (key->kind) {
	case STATE_KIND_NSLOTS:
	case STATE_KIND_NUMBER:
	case STATE_KIND_LIMIT:
		text_put_number(o, name, number_of(key, field));
		break;
	case STATE_KIND_TOKEN:
		text_put_number(o, name, s->open == STATE_NONE ? 0 : number_of(key, field));
		break;
	case STATE_KIND_HASH:
		put_hash(o, name, number_of(key, field));
		break;
	case STATE_KIND_MARKERS:
		put_markers(o, name, field);
		break;
	case STATE_KIND_LETTER:
		put_letter(o, name, *(const int8_t *)field);
		break;
	case STATE_KIND_TEXT:
		text_put(o, name, field);
		break;
	case STATE_KIND_STAGED:
		put_staged(o, name, field);
		break;
	case STATE_KIND_DATA:
		put_data(o, name, field);
		break;
	case STATE_KIND_APPLY:
		put_apply(o, name, field);
		break;
	case STATE_KIND_APPLIED:
		put_ledger(o, name, s->applied, s->napplied);
		break;
	case STATE_KIND_REJECTED:
		put_ledger(o, name, s->rejected, s->nrejected);
		break;
	case STATE_KIND_UNWRITABLE:
		put_unwritable(o, name, s);
		break;
	case STATE_KIND_ST:
		text_put(o, name, state_st_name(*(const enum state_st *)field));
		break;
	case STATE_KIND_RELEASE:
		put_release(o, name, field);
		break;
	case STATE_KIND_SLOTS:
		break; /* has no line of its own */
	}
}

/* Those keys of a slot that are core, or those that are not. */
static void put_slot(struct text_out *o, const struct state *s, unsigned slot, bool core)
{
	const struct state_slot *t = &s->slot[slot];
	char name[16] = { state_slot_letter((int)slot), '.' };

	for (const struct state_key *key = state_keys_of_slot; key->name != NULL; key++) {
		const void *field = (const uint8_t *)t + key->offset;

		if ((key->when == STATE_WHEN_CORE) != core ||
		    (key->when == STATE_WHEN_SET && !is_set(s, key, field)) ||
		    (key->when == STATE_WHEN_RELEASE && !t->has_release))
			continue;
		memcpy(name + 2, key->name, strlen(key->name) + 1);
		put_field(o, name, s, key, field);
	}
}

static void put_key(struct text_out *o, const struct state *s, const struct state_key *key)
{
	const void *field = (const uint8_t *)s + key->offset;

	if (key->kind == STATE_KIND_SLOTS) {
		for (unsigned i = 0; i < s->nslots; i++)
			put_slot(o, s, i, key->when == STATE_WHEN_CORE);
		return;
	}
	if (key->when == STATE_WHEN_CORE || is_set(s, key, field))
		put_field(o, key->name, s, key, field);
}

enum kb_err state_encode(const struct state *s, char *buf, size_t size, size_t *len)
{
	struct text_out o = { .buf = buf, .size = size };
	const char *pos = s->extra;
	struct text_line l;

	for (const struct state_key *key = state_keys; key->name != NULL; key++)
		if (key->when == STATE_WHEN_CORE || !s->newer)
			put_key(&o, s, key);
	*len = o.len;
	if (o.full)
		return KB_ENOSPC;
	while (text_next(&pos, s->extra + s->extra_len, &l))
		text_put_raw(&o, l.line, l.line_len);
	*len = o.len;
	return KB_OK;
}

bool state_same(const struct state *a, const struct state *b)
{
	char ta[STATE_PAYLOAD_MAX], tb[STATE_PAYLOAD_MAX];
	size_t na, nb;

	if (state_encode(a, ta, sizeof(ta), &na) != KB_OK ||
	    state_encode(b, tb, sizeof(tb), &nb) != KB_OK)
		return false;
	return na == nb && memcmp(ta, tb, na) == 0;
}
