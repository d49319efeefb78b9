/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a working slot is reached, once no more faults come. */
#include "tests/sim/selector_sim.h"

static struct set live;

/* Only these decide about what is to come. */
static uint64_t key_of(const struct sim_world *w)
{
	uint8_t bytes[sizeof(w->new) + sizeof(w->truth) + 3];

	memcpy(bytes, &w->new, sizeof(w->new));
	memcpy(bytes + sizeof(w->new), w->truth, sizeof(w->truth));
	bytes[sizeof(bytes) - 3] = w->preset;
	bytes[sizeof(bytes) - 2] = w->once;
	bytes[sizeof(bytes) - 1] = w->event;
	return set_key(bytes, sizeof(bytes));
}

/* Nothing tells that a good slot hangs, and it is not counted: then it may stay, and `keelboot
 * status` says so. */
static bool may_stay(const struct sim_config *cfg, const struct state *s, const struct sim_world *w)
{
	if (cfg->count != CONF_COUNT_NEVER ||
	    (cfg->says != SIM_SAYS_POWER && cfg->says != SIM_SAYS_NOTHING))
		return false;
	for (int i = 0; i < cfg->nslots; i++)
		if ((sim_truth_of(w, i) == SIM_HANG || sim_truth_of(w, i) == SIM_LATE ||
		     (cfg->kexec && sim_truth_of(w, i) == SIM_DEAD)) &&
		    s->slot[i].st == STATE_GOOD)
			return true;
	return false;
}

static bool has_working(const struct sim_config *cfg, const struct state *s,
			const struct sim_world *w)
{
	for (int i = 0; i < cfg->nslots; i++)
		if (sim_truth_of(w, i) == SIM_WORK && sim_bootable(&s->slot[i]))
			return true;
	return false;
}

bool sim_live(const struct sim_config *cfg, const struct sim_world *w)
{
	static struct sim_boot b;
	uint64_t path[100];
	bool committed;
	unsigned n = 0;

	for (b.w = *w; n < 100; b.w.event = b.handed ? SIM_SOFT : SIM_CRASH) {
		uint64_t key = key_of(&b.w);

		if (set_find(&live, key) != SET_NONE)
			break;
		path[n++] = key;
		b.cfg = cfg;
		b.quiet = true;
		b.nchoices = 0;
		b.w.lost = 2; /* what is no longer true of the past is not asked here */
		b.w.top = 7;
		b.w.killed = 0;
		sim_boot_run(&b);
		if (!has_working(cfg, &b.settled, &b.w) || may_stay(cfg, &b.settled, &b.w))
			break;
		if (!b.killed && !b.booted && !b.handed)
			return false;
		if (b.booted && sim_truth_of(&b.w, b.a.chosen.slot) == SIM_WORK)
			break;
		if (b.booted && sim_truth_of(&b.w, b.a.chosen.slot) == SIM_LATE)
			(void)sim_after_report(&b, &b.w, &committed);
	}
	for (unsigned i = 0; i < n && n < 100; i++)
		(void)set_add(&live, path[i], 0);
	return n < 100;
}
