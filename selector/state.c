/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/state.h"
#include "selector/text.h"

#include <string.h>

static const char *const st_names[] = {
	[STATE_EMPTY] = "empty", [STATE_WRITING] = "writing", [STATE_TRIAL] = "trial",
	[STATE_GOOD] = "good",	 [STATE_BAD] = "bad",
};

static const char *const source_names[] = {
	[STATE_SRC_DATA] = "data", [STATE_SRC_RAW] = "raw",	    [STATE_SRC_SD] = "sd",
	[STATE_SRC_USB] = "usb",   [STATE_SRC_COMMAND] = "command", [STATE_SRC_NONE] = "none",
};

void state_init(struct state *s, unsigned nslots)
{
	memset(s, 0, sizeof(*s));
	s->format = STATE_FORMAT;
	s->min_reader = STATE_FORMAT;
	s->nslots = (uint8_t)(nslots < 1 ? 1 : nslots > STATE_SLOTS_MAX ? STATE_SLOTS_MAX : nslots);
	s->last = STATE_NONE;
	s->open = STATE_NONE;
	s->oneshot = STATE_NONE;
	s->lr = STATE_NONE;
	s->staged.source = STATE_SRC_NONE;
}

char state_slot_letter(int slot)
{
	return slot >= 0 && slot < STATE_SLOTS_MAX ? (char)('a' + slot) : '-';
}

int state_slot_by_name(const struct state *s, const char *name)
{
	if (name[0] < 'a' || name[0] >= 'a' + s->nslots || name[1] != '\0')
		return STATE_NONE;
	return name[0] - 'a';
}

const char *state_st_name(enum state_st st)
{
	return (unsigned)st <= STATE_BAD ? st_names[st] : st_names[STATE_BAD];
}

const char *state_data_name(enum state_data_phase phase)
{
	switch (phase) {
	case STATE_DATA_NONE:
		return "none";
	case STATE_DATA_DROP:
		return "drop";
	case STATE_DATA_KEEP:
		return "keep";
	case STATE_DATA_BACK:
		return "back";
	}
	return "none";
}

const char *state_source_name(enum state_source src)
{
	return (unsigned)src <= STATE_SRC_NONE ? source_names[src] : source_names[STATE_SRC_NONE];
}

void state_set_text(char dst[STATE_STR_MAX + 1], const char *text)
{
	text_copy(dst, STATE_STR_MAX + 1, text, strnlen(text, STATE_STR_MAX));
}

/* ---- trust in a good slot */

static void set_wait(struct state_slot *t)
{
	t->wait = (uint16_t)(1u << t->retries);
}

void state_add_crash(struct state_slot *t)
{
	t->doubt = 0;
	if (t->streak >= STATE_STREAK_LIMIT)
		return;
	t->streak++;
	if (t->streak == STATE_STREAK_LIMIT)
		set_wait(t);
}

/* Two of them weigh as much as one crash that is reported: somebody may have pulled the plug. */
void state_add_doubt(struct state_slot *t)
{
	bool second = t->doubt > 0;

	if (second)
		state_add_crash(t);
	t->doubt = !second || !state_is_trusted(t);
}

void state_use_retry(struct state_slot *t)
{
	if (t->retries < STATE_RETRIES_MAX)
		t->retries++;
	set_wait(t);
}

void state_return_retry(struct state_slot *t)
{
	t->retries--;
	t->wait = 0;
}

void state_trust(struct state_slot *t)
{
	t->streak = 0;
	t->doubt = 0;
	t->retries = 0;
	t->wait = 0;
}

int state_on_trial(const struct state *s, const uint8_t release[STATE_ID_LEN])
{
	for (int i = 0; i < s->nslots; i++)
		if (state_has_tries(&s->slot[i]) && state_holds(&s->slot[i], release))
			return i;
	return STATE_NONE;
}

bool state_any_retries(const struct state *s)
{
	for (unsigned i = 0; i < s->nslots; i++)
		if (s->slot[i].retries > 0)
			return true;
	return false;
}

/* ---- ledgers: ids cut to STATE_LEDGER_ID_LEN, oldest first */

typedef uint8_t ledger_id[STATE_LEDGER_ID_LEN];

static int ledger_find(const ledger_id *ids, unsigned n, const uint8_t *release)
{
	for (unsigned i = 0; i < n; i++)
		if (memcmp(ids[i], release, sizeof(ledger_id)) == 0)
			return (int)i;
	return -1;
}

static void ledger_remove(ledger_id *ids, uint8_t *n, int at)
{
	if (at < 0)
		return;
	memmove(ids[at], ids[at + 1], (size_t)(*n - at - 1) * sizeof(ledger_id));
	(*n)--;
	memset(ids[*n], 0, sizeof(ledger_id));
}

static void ledger_add(ledger_id *ids, uint8_t *n, const uint8_t *release)
{
	ledger_remove(ids, n, ledger_find(ids, *n, release));
	if (*n == STATE_LEDGER_LEN)
		ledger_remove(ids, n, 0);
	memcpy(ids[*n], release, sizeof(ledger_id));
	(*n)++;
}

bool state_is_applied(const struct state *s, const uint8_t release[STATE_ID_LEN])
{
	return ledger_find(s->applied, s->napplied, release) >= 0;
}

bool state_is_rejected(const struct state *s, const uint8_t release[STATE_ID_LEN])
{
	return ledger_find(s->rejected, s->nrejected, release) >= 0;
}

void state_add_applied(struct state *s, const uint8_t release[STATE_ID_LEN])
{
	ledger_add(s->applied, &s->napplied, release);
}

void state_add_rejected(struct state *s, const uint8_t release[STATE_ID_LEN])
{
	ledger_add(s->rejected, &s->nrejected, release);
}

void state_del_rejected(struct state *s, const uint8_t release[STATE_ID_LEN])
{
	ledger_remove(s->rejected, &s->nrejected, ledger_find(s->rejected, s->nrejected, release));
}

void state_reject(struct state *s, struct state_slot *t)
{
	t->st = STATE_BAD;
	t->tries = 0;
	set_wait(t);
	if (!t->has_release)
		return;
	if (s->nrejected == STATE_LEDGER_LEN && !state_is_rejected(s, t->release))
		s->forgotten_max = s->rejected_max;
	if (t->sequence > s->rejected_max)
		s->rejected_max = t->sequence;
	state_add_rejected(s, t->release);
}

/* ---- what could not be written */

static int unwritable_find(const struct state *s, const uint8_t *release)
{
	for (unsigned i = 0; i < s->nunwritable; i++)
		if (memcmp(s->unwritable[i].release, release, STATE_LEDGER_ID_LEN) == 0)
			return (int)i;
	return -1;
}

static void unwritable_remove(struct state *s, int at)
{
	struct state_unwritable *u = s->unwritable;

	if (at < 0)
		return;
	memmove(&u[at], &u[at + 1], (size_t)(s->nunwritable - at - 1) * sizeof(*u));
	s->nunwritable--;
	memset(&u[s->nunwritable], 0, sizeof(*u));
}

unsigned state_unwritable(const struct state *s, const uint8_t release[STATE_ID_LEN])
{
	int at = unwritable_find(s, release);

	return at < 0 ? 0 : s->unwritable[at].count;
}

bool state_is_unwritable(const struct state *s, const uint8_t release[STATE_ID_LEN])
{
	return state_fails_exhausted(state_unwritable(s, release));
}

void state_add_unwritable(struct state *s, const uint8_t release[STATE_ID_LEN], unsigned count)
{
	struct state_unwritable *u;

	count += state_unwritable(s, release);
	unwritable_remove(s, unwritable_find(s, release));
	if (s->nunwritable == STATE_UNWRITABLE_LEN)
		unwritable_remove(s, 0);
	u = &s->unwritable[s->nunwritable++];
	memcpy(u->release, release, sizeof(u->release));
	u->count = (uint8_t)(count < STATE_FAILS_LIMIT ? count : STATE_FAILS_LIMIT);
}

void state_del_unwritable(struct state *s, const uint8_t release[STATE_ID_LEN])
{
	unwritable_remove(s, unwritable_find(s, release));
}
