/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bytes.h"
#include "selector/state.h"
#include "selector/text.h"

#include <string.h>

/* A key of a slot: "a.st". */
struct slot_key {
	char s[16];
};

static struct slot_key slot_key(unsigned slot, const char *name)
{
	struct slot_key k = { { state_slot_letter((int)slot), '.' } };

	memcpy(k.s + 2, name, strlen(name) + 1);
	return k;
}

static void put_letter(struct text_out *o, const char *key, int slot)
{
	char val[2] = { state_slot_letter(slot), '\0' };

	text_put(o, key, val);
}

static void put_core(struct text_out *o, const struct state *s)
{
	text_put_number(o, "nslots", s->nslots);
	put_letter(o, "pref", s->pref);
	put_letter(o, "last", s->last);
	put_letter(o, "open", s->open);
	text_put_number(o, "token", s->open == STATE_NONE ? 0 : s->open_token);
	text_put_number(o, "clean", s->clean);
	put_letter(o, "lr", s->lr);
	for (unsigned i = 0; i < s->nslots; i++) {
		const struct state_slot *t = &s->slot[i];

		text_put(o, slot_key(i, "st").s, state_st_name(t->st));
		text_put_number(o, slot_key(i, "tries").s, t->tries);
		text_put_number(o, slot_key(i, "grace").s, t->grace);
		text_put_number(o, slot_key(i, "streak").s, t->streak);
	}
}

static void put_number_if(struct text_out *o, const char *key, uint64_t v)
{
	if (v != 0)
		text_put_number(o, key, v);
}

static void put_slot(struct text_out *o, const struct state_slot *t, unsigned i)
{
	char hex[2 * STATE_ID_LEN + 1];

	if (t->ever_good)
		text_put(o, slot_key(i, "ever").s, "1");
	put_number_if(o, slot_key(i, "doubt").s, t->doubt);
	put_number_if(o, slot_key(i, "retries").s, t->retries);
	put_number_if(o, slot_key(i, "wait").s, t->wait);
	if (t->has_release) {
		bytes_hex(hex, t->release, STATE_ID_LEN);
		text_put(o, slot_key(i, "release").s, hex);
		text_put_number(o, slot_key(i, "sequence").s, t->sequence);
		text_put(o, slot_key(i, "version").s, t->version);
	}
	if (t->reason[0] != '\0')
		text_put(o, slot_key(i, "reason").s, t->reason);
}

/* "kind,hex,fails" */
static void put_staged(struct text_out *o, const struct state_staged *g)
{
	char val[16 + 2 * STATE_ID_LEN + 24];
	struct text_out v = { .buf = val, .size = sizeof(val) };

	if (g->source == STATE_SRC_NONE)
		return;
	v.len = strlen(state_source_name(g->source));
	memcpy(val, state_source_name(g->source), v.len);
	val[v.len++] = ',';
	bytes_hex(val + v.len, g->release, STATE_ID_LEN);
	v.len += (size_t)2 * STATE_ID_LEN;
	val[v.len++] = ',';
	text_decimal(val + v.len, g->fails);
	text_put(o, "staged", val);
}

/* "count,grace,open" */
static void put_apply(struct text_out *o, const struct state_apply *a, enum state_source src)
{
	char key[24] = "apply.", val[64];
	size_t n;

	if (a->count == 0 && a->grace == 0 && !a->open)
		return;
	memcpy(key + 6, state_source_name(src), strlen(state_source_name(src)) + 1);
	n = text_decimal(val, a->count);
	val[n++] = ',';
	n += text_decimal(val + n, a->grace);
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
	if (n > 0)
		text_put(o, key, val);
}

/* "hex:count", commas between */
static void put_unwritable(struct text_out *o, const struct state *s)
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
	if (len > 0)
		text_put(o, "unwritable", val);
}

static void put_rest(struct text_out *o, const struct state *s)
{
	char hex[2 * sizeof(s->ps) + 1];
	uint8_t ps[sizeof(s->ps)];

	if (s->oneshot != STATE_NONE)
		put_letter(o, "oneshot", s->oneshot);
	put_number_if(o, "lr.count", s->lr_count);
	for (unsigned i = 0; i < s->nslots; i++)
		put_slot(o, &s->slot[i], i);
	put_staged(o, &s->staged);
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++)
		put_apply(o, &s->apply[i], (enum state_source)i);
	put_number_if(o, "installs", s->installs);
	put_number_if(o, "rebuilt", s->rebuilt);
	put_number_if(o, "warm", s->warm);
	put_number_if(o, "floor", s->floor);
	put_number_if(o, "back", s->back);
	if (s->ps != 0) {
		bytes_put64(ps, __builtin_bswap64(s->ps));
		bytes_hex(hex, ps, sizeof(ps));
		text_put(o, "ps", hex);
	}
	if (s->disk[0] != '\0')
		text_put(o, "disk", s->disk);
	put_ledger(o, "applied", s->applied, s->napplied);
	put_ledger(o, "rejected", s->rejected, s->nrejected);
	put_number_if(o, "rejected.max", s->rejected_max);
	put_number_if(o, "forgotten.max", s->forgotten_max);
	put_unwritable(o, s);
}

enum kb_err state_encode(const struct state *s, char *buf, size_t size, size_t *len)
{
	struct text_out o = { .buf = buf, .size = size };
	const char *pos = s->extra;
	struct text_line l;

	put_core(&o, s);
	if (!s->newer)
		put_rest(&o, s);
	*len = o.len;
	if (o.full)
		return KB_ENOSPC;
	while (text_next(&pos, s->extra + s->extra_len, &l))
		text_put_raw(&o, l.line, l.line_len);
	*len = o.len;
	return KB_OK;
}
