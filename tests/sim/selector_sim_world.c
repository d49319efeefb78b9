/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/selector_sim.h"

#include "selector/store.h"
#include "tests/sim/bdev_sim.h"
#include "tests/sim/check.h"

#include <stdio.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned pack_slot(const struct sim_config *cfg, const struct state_slot *t)
{
	unsigned grace = t->grace > cfg->grace ? cfg->grace : t->grace;
	unsigned release = cfg->stick[0] != 0 && t->has_release ? t->release[0] : 0;

	if (t->st == STATE_GOOD && cfg->count != CONF_COUNT_ALWAYS)
		grace = 0; /* nothing asks for it */
	return (unsigned)t->st | (unsigned)t->tries << 3 | grace << 5 | (unsigned)t->streak << 8 |
	       (unsigned)t->ever_good << 10 | (release & 7u) << 11 | (unsigned)t->doubt << 14 |
	       least(t->retries, SIM_RETRIES) << 15 | least(t->wait, SIM_WAIT) << 17;
}

static void unpack_slot(const struct sim_config *cfg, unsigned v, struct state_slot *t)
{
	unsigned release = v >> 11 & 7;

	*t = (struct state_slot){
		.st = (enum state_st)(v & 7),
		.tries = v >> 3 & 3,
		.grace = v >> 5 & 7,
		.streak = v >> 8 & 3,
		.ever_good = v >> 10 & 1,
		.doubt = v >> 14 & 1,
		.retries = v >> 15 & 3,
		.wait = v >> 17 & 7,
	};
	if (t->st == STATE_GOOD && cfg->count != CONF_COUNT_ALWAYS)
		t->grace = STATE_GRACE;
	if (release == 0)
		return;
	t->has_release = true;
	t->sequence = release;
	memset(t->release, (int)release, STATE_ID_LEN);
}

static unsigned pack_who(int slot)
{
	return slot == STATE_NONE ? SIM_NONE : (unsigned)slot;
}

static int8_t unpack_who(unsigned v)
{
	return (v & 7) == SIM_NONE ? STATE_NONE : (int8_t)(v & 7);
}

static uint8_t pack_ledger(const uint8_t (*ids)[STATE_LEDGER_ID_LEN], unsigned n)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < n; i++)
		mask |= 1u << (ids[i][0] & 7);
	return (uint8_t)mask;
}

void sim_world_pack(const struct sim_config *cfg, const struct state *s, struct sim_state *p)
{
	const struct state_apply *a = &s->apply[STATE_SRC_USB];

	memset(p, 0, sizeof(*p));
	for (unsigned i = 0; i < s->nslots; i++)
		p->slot[i] = pack_slot(cfg, &s->slot[i]);
	p->who = (uint16_t)(pack_who(s->pref) | pack_who(s->last) << 3 | pack_who(s->open) << 6 |
			    pack_who(s->lr) << 9 | pack_who(s->oneshot) << 12);
	p->flags = (uint8_t)((s->clean ? SIM_F_CLEAN : 0) | (s->rebuilt ? SIM_F_REBUILT : 0));
	if (cfg->stick[0] == 0)
		return;
	p->installs = s->installs;
	p->apply = (uint8_t)(a->count | a->grace << 2 | a->open << 5);
	p->applied = pack_ledger(s->applied, s->napplied);
	p->rejected = pack_ledger(s->rejected, s->nrejected);
	p->floor = s->floor & 15;
	p->back = s->back & 15;
}

void sim_world_unpack(const struct sim_config *cfg, const struct sim_state *p, struct state *s)
{
	uint8_t id[STATE_ID_LEN];

	state_init(s, cfg->nslots);
	for (unsigned i = 0; i < cfg->nslots; i++)
		unpack_slot(cfg, p->slot[i], &s->slot[i]);
	s->pref = unpack_who(p->who);
	s->last = unpack_who(p->who >> 3);
	s->open = unpack_who(p->who >> 6);
	s->lr = unpack_who(p->who >> 9);
	s->oneshot = unpack_who(p->who >> 12);
	s->open_token = s->open != STATE_NONE;
	s->clean = p->flags & SIM_F_CLEAN;
	s->rebuilt = p->flags & SIM_F_REBUILT;
	s->installs = p->installs;
	s->apply[STATE_SRC_USB] = (struct state_apply){
		.count = p->apply & 3,
		.grace = p->apply >> 2 & 7,
		.open = p->apply >> 5 & 1,
	};
	s->floor = p->floor;
	s->back = p->back;
	for (int n = 1; n < 8; n++) {
		memset(id, n, sizeof(id));
		if (p->applied >> n & 1)
			state_add_applied(s, id);
		if (p->rejected >> n & 1)
			state_add_rejected(s, id);
	}
}

bool sim_world_codec_holds(const struct sim_config *cfg, const struct state *s)
{
	static struct set seen;
	struct sim_state want, got;
	char text[STATE_PAYLOAD_MAX];
	struct state back;
	size_t len;

	sim_world_pack(cfg, s, &want);
	if (!set_add(&seen, set_key(&want, sizeof(want)), 0))
		return true;
	if (state_encode(s, text, sizeof(text), &len) != KB_OK ||
	    state_decode(&back, text, len, STATE_FORMAT) != KB_OK)
		return false;
	sim_world_pack(cfg, &back, &got);
	return memcmp(&want, &got, sizeof(want)) == 0 && state_same(s, &back);
}

void sim_world_set_truth(struct sim_world *w, int slot, enum sim_truth t)
{
	w->truth[slot] = (uint8_t)((w->truth[slot] & ~7u) | t);
}

void sim_world_set_cell(struct sim_world *w, int slot, bool valid, unsigned release)
{
	w->truth[slot] = (uint8_t)((w->truth[slot] & 7u) | release << 3 | (valid ? SIM_CELL : 0));
}

choose_mask sim_world_mountable(const struct sim_config *cfg, const struct sim_world *w)
{
	choose_mask m = 0;

	for (int i = 0; i < cfg->nslots; i++) {
		enum sim_truth t = sim_truth_of(w, i);

		/* The seal makes half an image look like nothing. */
		if (t == SIM_WORK || t == SIM_HANG || t == SIM_LATE || t == SIM_NOMNT)
			m |= (choose_mask)(1u << i);
	}
	return m;
}

unsigned sim_world_regions_of_both(void)
{
	enum store_finding found;
	struct bdev_sim d;
	struct state s, back;
	struct store st;
	static int held = -1;

	if (held >= 0)
		return (unsigned)held;
	held = 0;
	for (int r = 0; r < 2; r++) {
		bdev_sim_init(&d, STORE_MIN_SIZE);
		state_init(&s, 2);
		if (store_load(&st, &d.bdev, &back, &found) == KB_OK &&
		    store_save(&st, &s) == KB_OK) {
			s.floor = 5;
			if (store_save_both(&st, &s) == KB_OK) {
				bdev_sim_scribble(&d, (uint64_t)r * STORE_REGION_APART,
						  STORE_CELLS * STORE_CELL, 3);
				held += store_load(&st, &d.bdev, &back, &found) == KB_OK &&
					found == STORE_FOUND && back.floor == 5;
			}
		}
		bdev_sim_free(&d);
	}
	return (unsigned)held;
}

static void print_state(const struct sim_config *cfg, const char *what, const struct sim_state *p)
{
	struct state s;

	printf("    %s:", what);
	if (p->flags & SIM_F_LOST) {
		printf(" lost\n");
		return;
	}
	sim_world_unpack(cfg, p, &s);
	check_print_state(&s);
}

void sim_world_print(const struct sim_config *cfg, const struct sim_world *w)
{
	static const char *const truths[] = { "nothing", "half",     "works", "hangs",
					      "late",	 "no-mount", "unfit" };
	static const char *const events[] = { "power", "crash", "soft" };

	print_state(cfg, "newest", &w->new);
	print_state(cfg, "older ", &w->old);
	printf("    really:");
	for (int i = 0; i < cfg->nslots; i++)
		printf(" %c %s%s", state_slot_letter(i), truths[w->truth[i] & 7],
		       w->truth[i] & SIM_CELL ? "+cell" : "");
	printf("; ended by %s; fresh=%c run=%u lost=%u decayed=%u killed=%u failed=%02x "
	       "committed=%02x top=%u\n",
	       events[w->event], w->fresh == SIM_NONE ? '-' : 'a' + w->fresh, w->run, w->lost,
	       w->decayed, w->killed, w->failed, w->committed, w->top);
}
