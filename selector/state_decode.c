/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bytes.h"
#include "lib/util.h"
#include "selector/state_decode.h"

#include <string.h>

static int8_t slot_value(const struct state *s, const struct text_line *l)
{
	if (l->val_len != 1 || l->val[0] < 'a' || l->val[0] >= 'a' + s->nslots)
		return STATE_NONE;
	return (int8_t)(l->val[0] - 'a');
}

/* ---- one function for each kind of value; what it can not read becomes what trusts least */

static void get_pref(struct state *s, const struct text_line *l)
{
	int8_t slot = slot_value(s, l);

	s->pref = slot == STATE_NONE ? 0 : slot;
}

static void get_last(struct state *s, const struct text_line *l)
{
	s->last = slot_value(s, l);
}

static void get_open(struct state *s, const struct text_line *l)
{
	s->open = slot_value(s, l);
}

static void get_token(struct state *s, const struct text_line *l)
{
	s->open_token = text_value(l, UINT64_MAX, 0);
}

static void get_clean(struct state *s, const struct text_line *l)
{
	s->clean = text_value(l, 1, 0) == 1;
}

static void get_lr(struct state *s, const struct text_line *l)
{
	s->lr = slot_value(s, l);
}

static void get_lr_count(struct state *s, const struct text_line *l)
{
	s->lr_count = (uint8_t)text_value(l, STATE_LR_COUNT_MAX, STATE_LR_COUNT_MAX);
}

static void get_oneshot(struct state *s, const struct text_line *l)
{
	s->oneshot = slot_value(s, l);
}

static void get_staged(struct state *s, const struct text_line *l)
{
	const char *pos = l->val, *end = l->val + l->val_len, *item;
	struct state_staged g = { .source = STATE_SRC_NONE };
	uint64_t fails;
	size_t len;

	s->staged = g;
	if (!text_item(&pos, end, &item, &len))
		return;
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++)
		if (text_equals(item, len, state_source_name((enum state_source)i)))
			g.source = (enum state_source)i;
	if (!text_item(&pos, end, &item, &len) ||
	    !state_decode_id(g.release, STATE_ID_LEN, item, len) ||
	    !text_item(&pos, end, &item, &len))
		return;
	text_number(&fails, item, len, STATE_FAILS_LIMIT, STATE_FAILS_LIMIT);
	g.fails = (uint8_t)fails;
	if (g.source != STATE_SRC_NONE)
		s->staged = g;
}

/* "apply.SOURCE" */
static void get_apply(struct state *s, const struct text_line *l)
{
	const char *pos = l->val, *end = l->val + l->val_len, *item = "";
	uint64_t v[3] = { STATE_APPLY_LIMIT, STATE_APPLY_DIED, 1 };
	static const uint64_t max[3] = { STATE_APPLY_LIMIT, STATE_APPLY_DIED, 1 };
	size_t len = 0;

	for (unsigned i = 0; i < 3 && text_item(&pos, end, &item, &len); i++)
		text_number(&v[i], item, len, max[i], max[i]);
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++)
		if (text_equals(l->line + 6, l->key_len - 6,
				state_source_name((enum state_source)i)))
			s->apply[i] =
				(struct state_apply){ (uint8_t)v[0], (uint8_t)v[1], v[2] == 1 };
}

static void get_installs(struct state *s, const struct text_line *l)
{
	s->installs = (uint8_t)text_value(l, STATE_INSTALLS_LIMIT, STATE_INSTALLS_LIMIT);
}

static void get_rebuilt(struct state *s, const struct text_line *l)
{
	s->rebuilt = text_value(l, 1, 1) == 1;
}

/* One that is no number must not open the way back, nor bar every release for ever: the caller
 * raises it to what is installed. */
static void get_limit(struct state *s, const struct text_line *l)
{
	uint64_t *v = text_is(l, "floor")	   ? &s->floor
		      : text_is(l, "back")	   ? &s->back
		      : text_is(l, "rejected.max") ? &s->rejected_max
						   : &s->forgotten_max;

	*v = text_value(l, UINT64_MAX - 1, UINT64_MAX);
}

/* A bad value: no power cut is told by it, so that nothing is excused. */
static void get_warm(struct state *s, const struct text_line *l)
{
	s->warm = text_value(l, 1, 0) == 1;
}

static void get_ps(struct state *s, const struct text_line *l)
{
	uint8_t ps[sizeof(s->ps)];

	s->ps = state_decode_id(ps, sizeof(ps), l->val, l->val_len)
			? __builtin_bswap64(bytes_get64(ps))
			: 0;
}

static void get_disk(struct state *s, const struct text_line *l)
{
	text_copy(s->disk, sizeof(s->disk), l->val, l->val_len);
}

static void get_ledger(struct state *s, const struct text_line *l)
{
	const char *pos = l->val, *end = l->val + l->val_len, *item;
	uint8_t id[STATE_ID_LEN] = { 0 };
	size_t len;

	while (text_item(&pos, end, &item, &len))
		if (state_decode_id(id, STATE_LEDGER_ID_LEN, item, len))
			(text_is(l, "applied") ? state_add_applied : state_add_rejected)(s, id);
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
		if (len <= hex || !state_decode_id(id, STATE_LEDGER_ID_LEN, item, hex))
			continue;
		text_number(&n, item + hex + 1, len - hex - 1, STATE_FAILS_LIMIT,
			    STATE_FAILS_LIMIT);
		state_del_unwritable(s, id);
		state_add_unwritable(s, id, n > 0 ? (unsigned)n : STATE_FAILS_LIMIT);
	}
}

static const struct {
	const char *name;
	bool core;
	void (*get)(struct state *s, const struct text_line *l);
} global_keys[] = {
	{ "pref", true, get_pref },
	{ "last", true, get_last },
	{ "open", true, get_open },
	{ "token", true, get_token },
	{ "clean", true, get_clean },
	{ "lr", true, get_lr },
	{ "lr.count", false, get_lr_count },
	{ "oneshot", false, get_oneshot },
	{ "staged", false, get_staged },
	{ "apply.data", false, get_apply },
	{ "apply.raw", false, get_apply },
	{ "apply.sd", false, get_apply },
	{ "apply.usb", false, get_apply },
	{ "apply.command", false, get_apply },
	{ "installs", false, get_installs },
	{ "rebuilt", false, get_rebuilt },
	{ "floor", false, get_limit },
	{ "back", false, get_limit },
	{ "ps", false, get_ps },
	{ "warm", false, get_warm },
	{ "disk", false, get_disk },
	{ "applied", false, get_ledger },
	{ "rejected", false, get_ledger },
	{ "rejected.max", false, get_limit },
	{ "forgotten.max", false, get_limit },
	{ "unwritable", false, get_unwritable },
};

/* ---- the whole */

static bool read_slot_key(struct state *s, const struct text_line *l)
{
	if (l->key_len < 3 || l->line[1] != '.' || l->line[0] < 'a' ||
	    l->line[0] >= 'a' + s->nslots)
		return false;
	return state_decode_slot_key(&s->slot[l->line[0] - 'a'], l, s->newer);
}

static bool read_key(struct state *s, const struct text_line *l)
{
	if (text_equals(l->line, l->key_len, "nslots"))
		return true;
	for (size_t i = 0; i < KB_ARRAY_LEN(global_keys); i++) {
		if (!text_equals(l->line, l->key_len, global_keys[i].name))
			continue;
		if (s->newer && !global_keys[i].core)
			return false;
		global_keys[i].get(s, l);
		return true;
	}
	return read_slot_key(s, l);
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
	if (s->open == STATE_NONE) {
		s->open_token = 0;
		s->clean = false;
	}
	for (unsigned i = 0; i < s->nslots; i++) {
		struct state_slot *t = &s->slot[i];

		if (!t->has_release) {
			memset(t->release, 0, sizeof(t->release));
			memset(t->version, 0, sizeof(t->version));
			t->sequence = 0;
		}
	}
	need_number(s, &s->floor);
	need_number(s, &s->back);
	need_number(s, &s->rejected_max);
	need_number(s, &s->forgotten_max);
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
