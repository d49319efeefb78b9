/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bytes.h"
#include "selector/state_keys.h"
#include "selector/text.h"

#include <string.h>

static int8_t read_slot(const struct state *s, const struct text_line *l)
{
	if (l->val_len != 1 || l->val[0] < 'a' || l->val[0] >= 'a' + s->nslots)
		return STATE_NONE;
	return (int8_t)(l->val[0] - 'a');
}

static bool read_id(uint8_t *out, size_t len, const char *val, size_t val_len)
{
	char hex[2 * STATE_ID_LEN + 1];

	if (val_len != 2 * len)
		return false;
	memcpy(hex, val, val_len);
	hex[val_len] = '\0';
	return bytes_unhex(out, len, hex) == KB_OK;
}

/* ---- one function for each kind of value */

static void get_number(void *field, const struct state_key *key, const struct text_line *l)
{
	uint64_t v = text_value(l, key->max, key->bad);

	if (key->size == sizeof(uint8_t))
		*(uint8_t *)field = (uint8_t)v;
	else if (key->size == sizeof(uint16_t))
		*(uint16_t *)field = (uint16_t)v;
	else
		*(uint64_t *)field = v;
}

static void get_letter(int8_t *field, const struct state *s, const struct state_key *key,
		       const struct text_line *l)
{
	int8_t slot = read_slot(s, l);

	*field = slot == STATE_NONE ? (int8_t)key->bad : slot;
}

/* 0: it is none. */
static uint64_t read_hash(const char *val, size_t len)
{
	uint8_t hash[sizeof(uint64_t)];

	return read_id(hash, sizeof(hash), val, len) ? __builtin_bswap64(bytes_get64(hash)) : 0;
}

static void get_markers(uint64_t field[STATE_MARKERS_LEN], const struct text_line *l)
{
	const char *pos = l->val, *end = l->val + l->val_len, *item;
	unsigned n = 0;
	size_t len;

	memset(field, 0, STATE_MARKERS_LEN * sizeof(*field));
	while (n < STATE_MARKERS_LEN && text_item(&pos, end, &item, &len)) {
		field[n] = read_hash(item, len);
		n += field[n] != 0;
	}
}

static void get_st(enum state_st *field, const struct state_key *key, const struct text_line *l)
{
	*field = (enum state_st)key->bad;
	for (unsigned i = STATE_EMPTY; i <= STATE_BAD; i++)
		if (text_equals(l->val, l->val_len, state_st_name((enum state_st)i)))
			*field = (enum state_st)i;
}

static void get_staged(struct state_staged *field, const struct text_line *l)
{
	const char *pos = l->val, *end = l->val + l->val_len, *item;
	struct state_staged g = { .source = STATE_SRC_NONE };
	uint64_t fails;
	size_t len;

	*field = g;
	if (!text_item(&pos, end, &item, &len))
		return;
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++)
		if (text_equals(item, len, state_source_name((enum state_source)i)))
			g.source = (enum state_source)i;
	if (!text_item(&pos, end, &item, &len) || !read_id(g.release, STATE_ID_LEN, item, len) ||
	    !text_item(&pos, end, &item, &len))
		return;
	text_number(&fails, item, len, STATE_FAILS_LIMIT, STATE_FAILS_LIMIT);
	g.fails = (uint8_t)fails;
	if (g.source != STATE_SRC_NONE)
		*field = g;
}

/* What cannot be read says only that something may be there: the next boot looks, and deletes it.
 */
static void get_data(struct state_data *field, const struct state *s, const struct text_line *l)
{
	const char *pos = l->val, *end = l->val + l->val_len, *item;
	struct state_data d = { .phase = STATE_DATA_NONE, .slot = STATE_NONE };
	uint64_t begun = 0;
	size_t len;

	*field = (struct state_data){ .phase = STATE_DATA_DROP };
	if (!text_item(&pos, end, &item, &len))
		return;
	for (unsigned i = STATE_DATA_DROP; i <= STATE_DATA_BACK; i++)
		if (text_equals(item, len, state_data_name((enum state_data_phase)i)))
			d.phase = (enum state_data_phase)i;
	if (!text_item(&pos, end, &item, &len) || len != 1 || item[0] < 'a' ||
	    item[0] >= 'a' + s->nslots)
		return;
	d.slot = (int8_t)(item[0] - 'a');
	if (!text_item(&pos, end, &item, &len) ||
	    !read_id(d.release, STATE_LEDGER_ID_LEN, item, len))
		return;
	if (text_item(&pos, end, &item, &len))
		text_number(&begun, item, len, STATE_DATA_BEGUN_MAX, STATE_DATA_BEGUN_MAX);
	d.begun = (uint8_t)begun;
	if (d.phase != STATE_DATA_NONE)
		*field = d;
}

static void get_apply(struct state_apply *field, const struct text_line *l)
{
	const char *pos = l->val, *end = l->val + l->val_len, *item = "";
	uint64_t v[3] = { STATE_APPLY_LIMIT, STATE_APPLY_DIED, 1 };
	static const uint64_t max[3] = { STATE_APPLY_LIMIT, STATE_APPLY_DIED, 1 };
	size_t len = 0;

	for (unsigned i = 0; i < 3 && text_item(&pos, end, &item, &len); i++)
		text_number(&v[i], item, len, max[i], max[i]);
	*field = (struct state_apply){ (uint8_t)v[0], (uint8_t)v[1], v[2] == 1 };
}

static void get_ledger(struct state *s, const struct text_line *l,
		       void (*add)(struct state *s, const uint8_t *release))
{
	const char *pos = l->val, *end = l->val + l->val_len, *item;
	uint8_t id[STATE_ID_LEN] = { 0 };
	size_t len;

	while (text_item(&pos, end, &item, &len))
		if (read_id(id, STATE_LEDGER_ID_LEN, item, len))
			add(s, id);
}

/* A count that cannot be read is at its limit: a person has to ask for that release. */
static void get_unwritable(struct state *s, const struct text_line *l)
{
	const char *pos = l->val, *end = l->val + l->val_len, *item;
	const size_t hex = (size_t)2 * STATE_LEDGER_ID_LEN;
	uint8_t id[STATE_ID_LEN] = { 0 };
	uint64_t n;
	size_t len;

	while (text_item(&pos, end, &item, &len)) {
		if (len <= hex || !read_id(id, STATE_LEDGER_ID_LEN, item, hex))
			continue;
		text_number(&n, item + hex + 1, len - hex - 1, STATE_FAILS_LIMIT,
			    STATE_FAILS_LIMIT);
		state_del_unwritable(s, id);
		state_add_unwritable(s, id, n > 0 ? (unsigned)n : STATE_FAILS_LIMIT);
	}
}

/* t: the slot that a key of a slot is of. */
static void get_field(struct state *s, struct state_slot *t, const struct state_key *key,
		      const struct text_line *l)
{
	void *field = t != NULL ? (uint8_t *)t + key->offset : (uint8_t *)s + key->offset;

	switch (key->kind) {
	case STATE_KIND_NUMBER:
	case STATE_KIND_LIMIT:
	case STATE_KIND_TOKEN:
		get_number(field, key, l);
		break;
	case STATE_KIND_HASH:
		*(uint64_t *)field = read_hash(l->val, l->val_len);
		break;
	case STATE_KIND_MARKERS:
		get_markers(field, l);
		break;
	case STATE_KIND_LETTER:
		get_letter(field, s, key, l);
		break;
	case STATE_KIND_TEXT:
		text_copy(field, key->size, l->val, l->val_len);
		break;
	case STATE_KIND_STAGED:
		get_staged(field, l);
		break;
	case STATE_KIND_DATA:
		get_data(field, s, l);
		break;
	case STATE_KIND_APPLY:
		get_apply(field, l);
		break;
	case STATE_KIND_APPLIED:
		get_ledger(s, l, state_add_applied);
		break;
	case STATE_KIND_REJECTED:
		get_ledger(s, l, state_add_rejected);
		break;
	case STATE_KIND_UNWRITABLE:
		get_unwritable(s, l);
		break;
	case STATE_KIND_ST:
		get_st(field, key, l);
		break;
	case STATE_KIND_RELEASE:
		if (t != NULL)
			t->has_release = read_id(field, STATE_ID_LEN, l->val, l->val_len);
		break;
	case STATE_KIND_NSLOTS:
	case STATE_KIND_SLOTS:
		break;
	}
}

/* ---- the whole */

static const struct state_key *find_key(const struct state_key *keys, const char *name, size_t len)
{
	for (const struct state_key *key = keys; key->name != NULL; key++)
		if (key->kind != STATE_KIND_SLOTS && text_equals(name, len, key->name))
			return key;
	return NULL;
}

static bool is_of_slot(const struct state *s, const struct text_line *l)
{
	return l->key_len >= 3 && l->line[1] == '.' && l->line[0] >= 'a' &&
	       l->line[0] < 'a' + s->nslots;
}

/* False: not known; or the record is a newer one's, and each version has its own such keys. */
static bool read_key(struct state *s, const struct text_line *l)
{
	const struct state_key *key = find_key(state_keys, l->line, l->key_len);
	struct state_slot *t = NULL;

	if (key == NULL && is_of_slot(s, l)) {
		t = &s->slot[l->line[0] - 'a'];
		key = find_key(state_keys_of_slot, l->line + 2, l->key_len - 2);
	}
	if (key == NULL || (s->newer && key->when != STATE_WHEN_CORE))
		return false;
	get_field(s, t, key, l);
	return true;
}

static void keep_line(struct state *s, const struct text_line *l)
{
	bool ended = l->line[l->line_len - 1] == '\n';

	if (s->extra_len + l->line_len + !ended > sizeof(s->extra))
		return;
	memcpy(s->extra + s->extra_len, l->line, l->line_len);
	s->extra_len += l->line_len;
	if (!ended)
		s->extra[s->extra_len++] = '\n';
}

static unsigned find_nslots(const char *buf, size_t len)
{
	const char *pos = buf;
	struct text_line l;
	uint64_t n = 0;

	while (text_next(&pos, buf + len, &l))
		if (text_equals(l.line, l.key_len, "nslots"))
			text_number(&n, l.val, l.val_len, STATE_SLOTS_MAX + 1, 0);
	return (unsigned)n;
}

static void need_number(const struct state *s, uint64_t *v)
{
	if (*v != UINT64_MAX)
		return;
	*v = 0;
	for (unsigned i = 0; i < s->nslots; i++)
		if (s->slot[i].sequence > *v && s->slot[i].sequence <= INT64_MAX)
			*v = s->slot[i].sequence; /* no release has a higher one */
}

/* What follows from the values together. */
static void make_whole(struct state *s)
{
	if (s->open == STATE_NONE)
		state_close_attempt(s);
	if (s->handed != s->open_token) /* an older Keelboot has charged another one since */
		s->handed = 0;
	for (unsigned i = 0; i < s->nslots; i++) {
		struct state_slot *t = &s->slot[i];

		if (!t->has_release) {
			memset(t->release, 0, sizeof(t->release));
			memset(t->version, 0, sizeof(t->version));
			t->sequence = 0;
		}
	}
	for (const struct state_key *key = state_keys; key->name != NULL; key++)
		if (key->kind == STATE_KIND_LIMIT)
			need_number(s, (uint64_t *)((uint8_t *)s + key->offset));
}

enum kb_err state_decode(struct state *s, const char *buf, size_t len, uint16_t min_reader)
{
	unsigned nslots;
	const char *pos = buf;
	struct text_line l;

	if (len > STATE_PAYLOAD_MAX || memchr(buf, '\0', len) != NULL)
		return KB_EFORMAT;
	nslots = find_nslots(buf, len);
	if (nslots < 1 || nslots > STATE_SLOTS_MAX)
		return KB_EFORMAT;
	state_init(s, nslots);
	s->min_reader = min_reader;
	s->newer = min_reader > STATE_FORMAT;
	for (unsigned i = 0; i < nslots; i++)
		s->slot[i] = (struct state_slot){ .st = STATE_BAD, .streak = STATE_STREAK_LIMIT };
	while (text_next(&pos, buf + len, &l))
		if (!read_key(s, &l))
			keep_line(s, &l);
	make_whole(s);
	return KB_OK;
}
