/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of one slot; what it can not read becomes what trusts least. */
#include "selector/state_decode.h"

#include "lib/bytes.h"
#include "lib/util.h"

#include <string.h>

bool state_decode_id(uint8_t *out, size_t len, const char *val, size_t val_len)
{
	char hex[2 * STATE_ID_LEN + 1];

	if (val_len != 2 * len)
		return false;
	memcpy(hex, val, val_len);
	hex[val_len] = '\0';
	return bytes_unhex(out, len, hex) == KB_OK;
}

static void get_st(struct state_slot *t, const struct text_line *l)
{
	t->st = STATE_BAD;
	for (unsigned i = STATE_EMPTY; i <= STATE_BAD; i++)
		if (text_equals(l->val, l->val_len, state_st_name((enum state_st)i)))
			t->st = (enum state_st)i;
}

static void get_tries(struct state_slot *t, const struct text_line *l)
{
	t->tries = (uint8_t)text_value(l, STATE_TRIES_MAX, 0);
}

static void get_grace(struct state_slot *t, const struct text_line *l)
{
	t->grace = (uint8_t)text_value(l, STATE_GRACE, 0);
}

static void get_streak(struct state_slot *t, const struct text_line *l)
{
	t->streak = (uint8_t)text_value(l, STATE_STREAK_LIMIT, STATE_STREAK_LIMIT);
}

static void get_doubt(struct state_slot *t, const struct text_line *l)
{
	t->doubt = (uint8_t)text_value(l, 1, 1);
}

static void get_retries(struct state_slot *t, const struct text_line *l)
{
	t->retries = (uint8_t)text_value(l, STATE_RETRIES_MAX, STATE_RETRIES_MAX);
}

static void get_wait(struct state_slot *t, const struct text_line *l)
{
	t->wait = (uint16_t)text_value(l, 1u << STATE_RETRIES_MAX, 1u << STATE_RETRIES_MAX);
}

static void get_ever(struct state_slot *t, const struct text_line *l)
{
	t->ever_good = text_value(l, 1, 0) == 1;
}

static void get_release(struct state_slot *t, const struct text_line *l)
{
	t->has_release = state_decode_id(t->release, STATE_ID_LEN, l->val, l->val_len);
}

static void get_sequence(struct state_slot *t, const struct text_line *l)
{
	t->sequence = text_value(l, UINT64_MAX, 0);
}

static void get_version(struct state_slot *t, const struct text_line *l)
{
	text_copy(t->version, sizeof(t->version), l->val, l->val_len);
}

static void get_reason(struct state_slot *t, const struct text_line *l)
{
	text_copy(t->reason, sizeof(t->reason), l->val, l->val_len);
}

static const struct {
	const char *name; /* behind "x." */
	bool core;
	void (*get)(struct state_slot *t, const struct text_line *l);
} slot_keys[] = {
	{ "st", true, get_st },
	{ "tries", true, get_tries },
	{ "grace", true, get_grace },
	{ "streak", true, get_streak },
	{ "ever", false, get_ever },
	{ "doubt", false, get_doubt },
	{ "retries", false, get_retries },
	{ "wait", false, get_wait },
	{ "release", false, get_release },
	{ "version", false, get_version },
	{ "sequence", false, get_sequence },
	{ "reason", false, get_reason },
};

bool state_decode_slot_key(struct state_slot *t, const struct text_line *l, bool core_only)
{
	for (size_t i = 0; i < KB_ARRAY_LEN(slot_keys); i++) {
		if (!text_equals(l->line + 2, l->key_len - 2, slot_keys[i].name))
			continue;
		if (core_only && !slot_keys[i].core)
			return false;
		slot_keys[i].get(t, l);
		return true;
	}
	return false;
}
