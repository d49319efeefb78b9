/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/selector_sim.h"

#include "tests/sim/check.h"

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static struct sim_slot pack_slot(const struct sim_config *cfg, const struct state_slot *t)
{
	bool counted = t->st != STATE_GOOD || cfg->count == CONF_COUNT_ALWAYS;

	return (struct sim_slot){
		.st = t->st & 7,
		.tries = t->tries & 3,
		.grace = counted ? least(t->grace, cfg->grace) & 7
				 : 0, /* else nothing asks for it */
		.streak = t->streak & 3,
		.ever = t->ever_good,
		.release = cfg->stick[0] != 0 && t->has_release ? t->release[0] & 7 : 0,
		.doubt = t->doubt & 1,
		.retries = least(t->retries, SIM_RETRIES) & 3,
		.wait = least(t->wait, SIM_WAIT) & 7,
	};
}

static void unpack_slot(const struct sim_config *cfg, struct sim_slot p, struct state_slot *t)
{
	*t = (struct state_slot){
		.st = (enum state_st)p.st,
		.tries = p.tries,
		.grace = p.st == STATE_GOOD && cfg->count != CONF_COUNT_ALWAYS ? STATE_GRACE
									       : p.grace,
		.streak = p.streak,
		.ever_good = p.ever,
		.doubt = p.doubt,
		.retries = p.retries,
		.wait = p.wait,
		.has_release = p.release != 0,
		.sequence = p.release,
	};
	memset(t->release, p.release, STATE_ID_LEN);
}

static uint8_t pack_ledger(const uint8_t (*ids)[STATE_LEDGER_ID_LEN], unsigned n)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < n; i++)
		mask |= 1u << (ids[i][0] & 7);
	return (uint8_t)mask;
}

/* Both have them under one name. */
#define EACH(X)	      X(pref) X(last) X(open) X(lr) X(oneshot) X(clean) X(rebuilt) X(handed)
#define PACK(field)   p->field = s->field;
#define UNPACK(field) s->field = p->field;

void sim_world_pack(const struct sim_config *cfg, const struct state *s, struct sim_state *p)
{
	const struct state_apply *a = &s->apply[STATE_SRC_USB];

	memset(p, 0, sizeof(*p));
	for (unsigned i = 0; i < s->nslots; i++)
		p->slot[i] = pack_slot(cfg, &s->slot[i]);
	EACH(PACK)
	if (cfg->stick[0] == 0)
		return;
	p->installs = s->installs;
	p->apply_count = a->count & 3;
	p->apply_excused = a->excused & 7;
	p->apply_open = a->open;
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
	EACH(UNPACK)
	s->open_token = s->open != STATE_NONE;
	s->handed = p->handed;
	s->installs = p->installs;
	s->apply[STATE_SRC_USB] = (struct state_apply){ .count = p->apply_count,
							.excused = p->apply_excused,
							.open = p->apply_open };
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

	/* The seal makes half an image look like nothing. */
	for (int i = 0; i < cfg->nslots; i++)
		if (sim_starts(sim_truth_of(w, i)) || sim_truth_of(w, i) == SIM_NOMNT ||
		    sim_truth_of(w, i) == SIM_DEAD)
			m |= (choose_mask)(1u << i);
	return m;
}

static void print_state(const struct sim_config *cfg, const char *what, const struct sim_state *p)
{
	struct state s;

	printf("    %s:", what);
	if (p->lost) {
		printf(" lost\n");
		return;
	}
	sim_world_unpack(cfg, p, &s);
	check_print_state(&s);
}

void sim_world_print(const struct sim_config *cfg, const struct sim_world *w)
{
	static const char *const truths[] = { "nothing", "half",     "works", "hangs",
					      "late",	 "no-mount", "unfit", "dead" };
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
	if (cfg->pairs)
		printf("    loader: %c, once %c\n", 'a' + w->preset,
		       w->once == SIM_NONE ? '-' : 'a' + w->once);
}
