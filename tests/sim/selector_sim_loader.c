/* SPDX-License-Identifier: Apache-2.0 */
/* The boot loader, which starts one of the pairs before anything of ours runs. */
#include "tests/sim/selector_sim.h"

#include "selector/pair.h"

static bool comes_up(const struct sim_world *w, unsigned pair)
{
	enum sim_truth t = pair < SIM_SLOTS ? sim_truth_of(w, (int)pair) : SIM_NOTHING;

	return t != SIM_NOTHING && t != SIM_PART && t != SIM_DEAD;
}

int sim_loader_start(struct sim_boot *b)
{
	unsigned once = b->w.once;

	if (once != SIM_NONE) {
		b->w.once = SIM_NONE;
		sim_boot_emit(b, SIM_POWER,
			      "power cut once the loader had forgotten what it starts once");
		if (comes_up(&b->w, once))
			return (int)once;
		b->w.event = SIM_SOFT; /* as if nothing had been */
	}
	if (!comes_up(&b->w, b->w.preset))
		sim_walk_violate("I10: what the loader starts does not come up", &b->w);
	return b->w.preset;
}

enum kb_err sim_loader_ask(void *ctx, int slot, char *reason)
{
	struct sim_boot *b = ctx;
	bool is_first;
	uint8_t how = sim_boot_way(b, &is_first);

	reason[0] = '\0';
	b->tried |= (choose_mask)(1u << slot);
	if (is_first)
		sim_boot_emit(b, SIM_POWER, "power cut before the loader was asked");
	if (how != SIM_WRITE_LOST)
		b->w.once = (uint8_t)slot;
	if (how != SIM_WRITE_OK)
		return KB_EIO;
	b->handed = true;
	return KB_OK;
}

void sim_loader_secure(struct sim_boot *b, const struct state *s, enum plan_mode mode)
{
	int preset = pair_safe_preset(s, sim_world_mountable(b->cfg, &b->w), mode, b->w.preset,
				      b->a.running);

	b->w.once = SIM_NONE;
	if (preset == b->w.preset)
		return;
	b->w.preset = (uint8_t)preset;
	sim_boot_emit(b, SIM_POWER, "power cut before an install, with another preset");
}
