/* SPDX-License-Identifier: Apache-2.0 */
/* A rescue: nothing mounts, and a person comes with a stick (initramfs/rescue.c). */
#include "tests/sim/selector_sim.h"

static void check_target(const struct sim_boot *b, const struct state *s, int target)
{
	unsigned bit = 1u << b->cfg->stick[0];

	if (target == b->a.running)
		sim_walk_violate("I10: a rescue overwrites the pair that runs", &b->w);
	if (sim_bootable(&s->slot[target]) && sim_truth_of(&b->w, target) == SIM_WORK)
		sim_walk_violate("I7: a rescue overwrites a slot that works", &b->w);
	if (b->w.lost == 0 && b->w.failed & bit)
		sim_walk_violate("I7: a rescue installs a release that failed", &b->w);
}

static bool install(struct sim_boot *b, struct state *s)
{
	struct plan_release r = { .sequence = b->cfg->stick[0] };
	const struct plan_terms terms = {
		.mode = PLAN_RESCUE,
		.mountable = sim_world_mountable(b->cfg, &b->w) & (choose_mask)~b->a.no_fallback,
		.mounted = b->a.running != STATE_NONE ? (choose_mask)(1u << b->a.running) : 0,
	};
	int target;

	memset(r.id, (int)r.sequence, sizeof(r.id));
	if (plan_accept(s, &r, &terms, &target) != KB_OK)
		return false;
	check_target(b, s, target);
	return sim_boot_install(b, s, target, &r, PLAN_RESCUE, b->cfg->stick_truth[0]);
}

bool sim_rescue_install(struct sim_boot *b, struct state *s)
{
	if (plan_source_skipped(s, STATE_SRC_USB) || !plan_apply_count(s, STATE_SRC_USB) ||
	    sim_boot_save(b, s) != KB_OK)
		return false;
	b->rescued = install(b, s);
	plan_apply_forget(s, STATE_SRC_USB);
	if (sim_boot_save(b, s) == KB_OK)
		b->a.disk = *s;
	return b->rescued;
}

/* But for a release that failed here, or a stick on which too many applies ended with the power. */
static bool may_help(const struct sim_boot *b)
{
	uint8_t id[STATE_ID_LEN];

	memset(id, b->cfg->stick[0], sizeof(id));
	return b->cfg->stick_truth[0] == SIM_WORK && !state_is_rejected(&b->settled, id) &&
	       !plan_source_skipped(&b->settled, STATE_SRC_USB);
}

void sim_rescue_check(const struct sim_boot *b, const struct sim_world *before)
{
	if (b->cfg->rescue && !b->booted && !b->handed && may_help(b))
		sim_walk_violate("I3: a stick that works does not end a rescue", before);
}
