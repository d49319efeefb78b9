/* SPDX-License-Identifier: Apache-2.0 */
/* What may follow once a slot was booted: resets, verdicts, installs, orders; and decay. */
#include "tests/sim/selector_sim.h"

#include "selector/verdict.h"

/* Not the product's: this is what it is held against. */
static bool is_trusted(const struct state_slot *t)
{
	return t->st == STATE_GOOD && t->streak < STATE_STREAK_LIMIT;
}

/* A good slot beside this one that is trusted and starts. */
static bool has_fallback(const struct sim_config *cfg, const struct sim_world *w,
			 const struct state *s, int slot)
{
	for (int i = 0; i < cfg->nslots; i++)
		if (i != slot && is_trusted(&s->slot[i]) && sim_starts(sim_truth_of(w, i)))
			return true;
	return false;
}

void sim_after_check_target(const struct sim_config *cfg, const struct sim_world *w,
			    const struct state *s, int target, unsigned release)
{
	const struct state_slot *t = &s->slot[target];
	bool other = false;

	for (int i = 0; i < cfg->nslots; i++)
		other = other || (i != target && is_trusted(&s->slot[i]) &&
				  sim_world_mountable(cfg, w) >> i & 1);
	if (is_trusted(t) && sim_world_mountable(cfg, w) >> target & 1 && !other)
		sim_walk_violate("I7: the only trusted slot is overwritten", w);
	if (s->lr == target && !other && sim_world_mountable(cfg, w) >> target & 1)
		sim_walk_violate("I7: the last resort that booted is overwritten", w);
	if (t->st == STATE_TRIAL && t->tries > 0 && t->has_release && release <= t->sequence)
		sim_walk_violate("target: a trial gives way to what is not newer", w);
}

static bool is_made(const struct sim_config *cfg, enum sim_truth image)
{
	return (image != SIM_UNFIT || cfg->unfit) && (image != SIM_LATE || cfg->late) &&
	       (image != SIM_DEAD || cfg->pairs);
}

/* From the running slot k, which is good. */
static void install(const struct sim_boot *booted, const struct sim_world *good,
		    const struct state *s, int k)
{
	static const enum sim_truth images[] = { SIM_WORK,  SIM_HANG, SIM_NOMNT,
						 SIM_UNFIT, SIM_LATE, SIM_DEAD };
	const struct sim_config *cfg = booted->cfg;
	const struct plan_release r = { .sequence = 0 };
	unsigned mounted =
		1u << k | (booted->a.running != STATE_NONE ? 1u << booted->a.running : 0);
	int target =
		choose_target(s, sim_world_mountable(cfg, good), (choose_mask)mounted, 1, false);

	if (target == STATE_NONE)
		return;
	sim_after_check_target(cfg, good, s, target, 0);
	for (unsigned i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		struct sim_boot b = { .cfg = cfg, .w = *good, .a.running = booted->a.running };
		struct state ended = *s;

		if (!is_made(cfg, images[i]))
			continue;
		(void)sim_boot_install(&b, &ended, target, &r, PLAN_COMMAND, images[i]);
		sim_walk_emit(&b.w, SIM_SOFT, "installed, rebooted");
	}
}

static void order_oneshot(const struct sim_config *cfg, const struct sim_world *good,
			  const struct state *s)
{
	for (int i = 0; i < cfg->nslots; i++) {
		struct sim_world w = *good;
		struct state t = *s;

		if (s->slot[i].st == STATE_EMPTY)
			continue;
		t.oneshot = (int8_t)i;
		sim_boot_land(cfg, &w, &t);
		sim_walk_emit(&w, SIM_SOFT, "operator asked for a slot, once");
	}
}

static void check_good_is_quiet(const struct sim_boot *b, const struct sim_world *w,
				const struct state *was, const struct state *is, int k)
{
	if (b->writes > 0 || b->write_failed || b->a.charge_good || was->slot[k].st != STATE_GOOD ||
	    was->pref != k || was->last != k || was->lr != STATE_NONE || was->rebuilt ||
	    was->slot[k].streak != 0 || b->cfg->stick[0] != 0)
		return;
	if (!state_same(was, is))
		sim_walk_violate("I4: mark good of a healthy slot writes", w);
}

/* What they said goes with a report only where no other slot is better off: none is trusted, or
 * those that are have one reset left. */
static void check_resets_count(const struct sim_world *w, const struct state *was,
			       const struct state *is, int k)
{
	bool lost = !is_trusted(&was->slot[k]);

	if (is->slot[k].streak == was->slot[k].streak && is->slot[k].doubt == was->slot[k].doubt)
		return;
	if (was->slot[k].doubt == 0)
		sim_walk_violate("I1: a report wipes a crash that was told", w);
	for (int i = 0; i < was->nslots; i++)
		if (i != k && is_trusted(&was->slot[i]) &&
		    !(lost && was->slot[i].streak == STATE_STREAK_LIMIT - 1))
			sim_walk_violate("I1: a report wipes what the resets say", w);
}

bool sim_after_report(const struct sim_boot *b, struct sim_world *w, bool *committed)
{
	const struct sim_config *cfg = b->cfg;
	int k = b->a.chosen.slot;
	struct state was, is;
	uint64_t floor;

	sim_world_unpack(cfg, &w->new, &was);
	is = was;
	/* One below itself, so that the floor does not do the work of the sequence. */
	floor = was.slot[k].sequence > 0 ? was.slot[k].sequence - 1 : 0;
	if (verdict_good(&is, k, b->a.token, floor, committed) != KB_OK)
		return false;
	if (was.slot[k].st == STATE_GOOD)
		check_resets_count(w, &was, &is, k);
	check_good_is_quiet(b, w, &was, &is, k);
	if (*committed)
		w->killed = 0;
	if (*committed && is.slot[k].has_release) {
		w->committed |= (uint8_t)(1u << is.slot[k].sequence);
		w->failed &= (uint8_t) ~(1u << is.slot[k].sequence);
		if (is.slot[k].sequence > w->top)
			w->top = (uint8_t)is.slot[k].sequence;
	}
	if (!state_same(&was, &is))
		sim_boot_land(cfg, w, &is);
	if (w->fresh == k)
		w->fresh = SIM_NONE;
	w->run = 0;
	return true;
}

/* It has run for a while. */
static bool prove(const struct sim_boot *b, struct sim_world *w)
{
	struct state was, is;

	sim_world_unpack(b->cfg, &w->new, &was);
	is = was;
	if (verdict_proven(&is, b->a.chosen.slot, b->a.token) != KB_OK)
		return false;
	check_good_is_quiet(b, w, &was, &is, b->a.chosen.slot);
	if (!state_same(&was, &is))
		sim_boot_land(b->cfg, w, &is);
	return true;
}

static void mark_good(const struct sim_boot *b, const struct sim_world *booted, int k)
{
	const struct sim_config *cfg = b->cfg;
	struct sim_world w = *booted;
	struct state is;
	bool committed;

	if (!sim_after_report(b, &w, &committed))
		return;
	sim_walk_emit(&w, SIM_POWER, "marked good, power cut soon after");
	sim_walk_emit(&w, SIM_CRASH, "marked good, crashed soon after");
	sim_walk_emit(&w, SIM_SOFT, "marked good, rebooted soon after");
	if (cfg->pairs && b->a.running == k && w.preset != k) {
		w.preset = (uint8_t)k;
		sim_walk_emit(&w, SIM_POWER, "its pair became the preset, power cut");
		sim_walk_emit(&w, SIM_CRASH, "its pair became the preset, crashed");
	}
	if (sim_truth_of(&w, k) == SIM_LATE)
		return;
	sim_world_unpack(cfg, &w.new, &is);
	if (cfg->installs)
		install(b, &w, &is, k);
	if (!prove(b, &w)) {
		sim_walk_violate("a slot that reported cannot prove itself", &w);
		return;
	}
	sim_walk_emit(&w, SIM_POWER, "proved itself, power cut");
	sim_walk_emit(&w, SIM_CRASH, "proved itself, crashed later");
	sim_walk_emit(&w, SIM_SOFT, "proved itself, rebooted");
	sim_world_unpack(cfg, &w.new, &is);
	if (cfg->oneshots)
		order_oneshot(cfg, &w, &is);
}

static void mark_clean(const struct sim_boot *b, const struct sim_world *booted, int k)
{
	struct sim_world w = *booted;
	struct state s;

	sim_world_unpack(b->cfg, &w.new, &s);
	if (b->a.token == 0 || verdict_clean(&s, k, b->a.token) != KB_OK)
		return;
	sim_boot_land(b->cfg, &w, &s);
	sim_walk_emit(&w, SIM_SOFT, "orderly reboot before it was marked good");
	sim_walk_emit(&w, SIM_CRASH, "the same, but it hung");
}

/* The guardian, at the commit deadline. */
static void deadline(const struct sim_boot *b, const struct sim_world *booted, int k)
{
	struct sim_world w = *booted;
	struct state s;

	sim_world_unpack(b->cfg, &w.new, &s);
	if (b->a.token == 0 || s.slot[k].st != STATE_TRIAL || !has_fallback(b->cfg, &w, &s, k) ||
	    verdict_bad(&s, k, "deadline") != KB_OK)
		return;
	sim_boot_land(b->cfg, &w, &s);
	sim_walk_emit(&w, SIM_SOFT, "not good at the deadline, rebooted");
}

static void check_run(const struct sim_boot *b, const struct sim_world *before, int k, unsigned run)
{
	unsigned allowed = STATE_TRIES + b->cfg->grace + before->lost;

	if (b->settled.slot[k].ever_good || b->a.chosen.tier != CHOOSE_NORMAL ||
	    !has_fallback(b->cfg, before, &b->settled, k))
		return;
	if (run > allowed)
		sim_walk_violate("I1: a slot that never was good boots forever", before);
	if (!b->a.counted && !(b->tried & ~(1u << k)))
		sim_walk_violate("I1: a trial boots uncounted though a good slot is there", before);
}

/* True the first time that this is what a boot led to. */
static bool is_new(const struct sim_boot *b, const struct sim_world *w, int k)
{
	static struct set seen;
	uint8_t bytes[sizeof(*w) + 2];

	memcpy(bytes, w, sizeof(*w));
	bytes[sizeof(*w)] = (uint8_t)k;
	bytes[sizeof(*w) + 1] = (uint8_t)((b->a.token != 0) | (b->writes > 0) << 1);
	return set_add(&seen, set_key(bytes, sizeof(bytes)), 0);
}

void sim_after(const struct sim_boot *b, const struct sim_world *before)
{
	int k = b->a.chosen.slot;
	bool normal = b->a.chosen.tier == CHOOSE_NORMAL;
	struct sim_world w = b->w;
	unsigned run = w.run;

	if (w.fresh == k)
		run += normal;
	else if (normal)
		run = 0;
	if (w.fresh == k)
		check_run(b, before, k, run);
	w.run = (uint8_t)(run > 12 ? 12 : run);
	w.killed = b->cfg->stick_stalls ? (uint8_t)(w.killed + b->died) : 0;
	if (w.killed > STATE_APPLY_LIMIT * (1 + w.lost))
		sim_walk_violate("I9: one stick holds up boot after boot", &w);
	w.event = 0;
	if (!is_new(b, &w, k))
		return;
	sim_walk_emit(&w, SIM_POWER, "booted, power cut");
	sim_walk_emit(&w, SIM_CRASH, "booted, crashed or hung");
	deadline(b, &w, k);
	if (sim_truth_of(&w, k) != SIM_WORK && sim_truth_of(&w, k) != SIM_LATE)
		return;
	sim_walk_emit(&w, SIM_SOFT, "booted, rebooted without a mark");
	mark_clean(b, &w, k);
	mark_good(b, &w, k);
}

void sim_after_handed(const struct sim_boot *b, const struct sim_world *before)
{
	int k = b->a.chosen.slot;
	struct sim_world w = b->w;

	/* One that comes up is counted there; and of a kernel that was loaded a cut leaves nothing.
	 */
	if (w.fresh == k && b->a.role != ATTEMPT_BY_BASE && sim_truth_of(&w, k) == SIM_DEAD) {
		w.run++;
		check_run(b, before, k, w.run);
	}
	sim_walk_emit(&w, SIM_SOFT, "handed over, restarted");
	w.once = b->cfg->kexec ? SIM_NONE : w.once;
	sim_walk_emit(&w, SIM_POWER, "handed over, power cut");
}

void sim_after_rot(const struct sim_config *cfg, const struct sim_world *w)
{
	static const enum sim_truth roots[] = { SIM_HANG, SIM_NOMNT, SIM_UNFIT },
				    pairs[] = { SIM_DEAD, SIM_NOMNT };
	const enum sim_truth *worse = cfg->pairs ? pairs : roots;
	struct sim_world x;

	for (int i = 0; cfg->decay && w->decayed == 0 && i < cfg->nslots; i++)
		for (unsigned j = cfg->rescue; j < (cfg->unfit ? 3 : 2); j++) {
			x = *w;
			x.decayed = 1;
			sim_world_set_truth(&x, i, worse[j]);
			if (sim_truth_of(w, i) == SIM_WORK)
				sim_walk_emit(&x, (enum sim_event)w->event, "a slot decayed");
		}
	if (w->lost >= cfg->losses || w->new.lost)
		return;
	x = *w;
	x.lost++;
	x.new = x.old;
	if (x.new.lost)
		x.run = x.killed = 0;
	sim_walk_emit(&x, (enum sim_event)w->event, "the newest record was lost");
	memset(&x.new, 0, sizeof(x.new));
	x.new.lost = true;
	x.old = x.new;
	x.run = x.killed = 0; /* all counts begin anew */
	sim_walk_emit(&x, (enum sim_event)w->event, "both regions were lost");
}
