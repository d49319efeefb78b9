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

/* ---- restarts */

#define STARTS_MAX \
	24 /* of any kernel, until a root is entered: tries, grace and crashes end them */

enum broken {
	BROKEN_ALL,   /* nothing can be written any more */
	BROKEN_SLOTS, /* nothing by the kernels of the slots */
	BROKEN_APART, /* these have a state of their own */
	BROKEN_WAYS,
};

static void swap_states(struct sim_world *w, struct sim_state *new, struct sim_state *old)
{
	struct sim_state n = w->new, o = w->old;

	w->new = *new;
	w->old = *old;
	*new = n;
	*old = o;
}

static bool enters_a_root(const struct sim_config *cfg, const struct sim_world *w,
			  enum broken broken)
{
	static struct sim_boot b;
	struct sim_state new = w->old, old = w->old;

	b = (struct sim_boot){ .cfg = cfg, .w = *w, .quiet = true };
	for (unsigned n = 0; n < STARTS_MAX; n++) {
		bool of_slot = sim_loader_has_loaded(&b.w),
		     apart = of_slot && broken == BROKEN_APART;

		b.no_writes = broken == BROKEN_ALL || (broken == BROKEN_SLOTS && of_slot);
		b.nchoices = 0;
		b.w.lost = 2;
		b.w.top = 7;
		b.w.killed = 0;
		if (apart)
			swap_states(&b.w, &new, &old);
		sim_boot_run(&b);
		if (apart)
			swap_states(&b.w, &new, &old);
		if (!b.handed && !b.killed)
			return true;
		b.w.event = b.handed ? SIM_SOFT : SIM_CRASH;
	}
	return false;
}

const char *sim_live_restarts(const struct sim_config *cfg, const struct sim_world *w)
{
	static struct set ends[BROKEN_WAYS];
	static const char *const what[] = {
		[BROKEN_ALL] = "I11: nothing can be written, and restarts do not end",
		[BROKEN_SLOTS] = "I11: slots' kernels write nothing, and restarts do not end",
		[BROKEN_APART] = "I11: slots' kernels have another state, and restarts do not end",
	};
	uint8_t bytes[sizeof(w->new) + sizeof(w->old) + sizeof(w->truth) + 3];
	/* a loader is no kernel of ours */
	unsigned ways = cfg->kexec ? BROKEN_WAYS : BROKEN_ALL + 1;

	memcpy(bytes, &w->new, sizeof(w->new));
	memcpy(bytes + sizeof(w->new), &w->old, sizeof(w->old));
	memcpy(bytes + sizeof(w->new) + sizeof(w->old), w->truth, sizeof(w->truth));
	bytes[sizeof(bytes) - 3] = w->preset;
	bytes[sizeof(bytes) - 2] = w->once;
	bytes[sizeof(bytes) - 1] = w->event;
	for (unsigned i = 0; i < ways; i++)
		if (set_add(&ends[i], set_key(bytes, sizeof(bytes)), 0) &&
		    !enters_a_root(cfg, w, (enum broken)i))
			return what[i];
	return NULL;
}
