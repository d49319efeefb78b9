/* SPDX-License-Identifier: Apache-2.0 */
/* The boot loader, which starts one of the pairs before anything of ours runs. */
#include "tests/sim/selector_sim.h"

#include "selector/pair.h"

static bool comes_up(const struct sim_world *w, unsigned pair)
{
	enum sim_truth t = pair < SIM_SLOTS ? sim_truth_of(w, (int)pair) : SIM_NOTHING;

	return t != SIM_NOTHING && t != SIM_PART && t != SIM_DEAD;
}

bool sim_loader_has_loaded(const struct sim_world *w)
{
	return w->once != SIM_NONE && comes_up(w, w->once);
}

/* One that does not come up hangs, until the watchdog brings the base. */
static void start_by_kexec(struct sim_boot *b)
{
	unsigned loaded = b->w.once;

	b->a.role = ATTEMPT_BASE;
	b->a.running = STATE_NONE;
	b->w.once = SIM_NONE;
	if (loaded == SIM_NONE)
		return;
	if (comes_up(&b->w, loaded)) {
		b->a.role = ATTEMPT_BY_BASE;
		b->a.running = (int)loaded;
		return;
	}
	sim_boot_emit(b, SIM_POWER, "power cut while the kernel of a slot hung");
	b->w.event = SIM_CRASH;
}

/* It was counted, and another one is started, whose init makes it the preset. */
static int start_instead(struct sim_boot *b)
{
	for (unsigned i = 0; i < b->cfg->nslots; i++) {
		if (!comes_up(&b->w, i))
			continue;
		b->w.event = SIM_CRASH;
		sim_boot_emit(b, SIM_POWER, "power cut before the pair that came up is the preset");
		b->w.preset = (uint8_t)i;
		b->instead = true;
		return (int)i;
	}
	return b->w.preset;
}

static int start_by_loader(struct sim_boot *b)
{
	unsigned once = b->w.once;

	if (once != SIM_NONE) {
		b->w.once = SIM_NONE;
		sim_boot_emit(b, SIM_POWER,
			      "power cut once the loader had forgotten what it starts once");
		b->by_once = comes_up(&b->w, once) && !b->cfg->mute;
		if (comes_up(&b->w, once))
			return (int)once;
		b->w.event = SIM_SOFT; /* as if nothing had been */
	}
	if (comes_up(&b->w, b->w.preset))
		return b->w.preset;
	if (!b->cfg->decay || b->cfg->rescue)
		sim_walk_violate("I10: what the loader starts does not come up", &b->w);
	return start_instead(b);
}

void sim_loader_start(struct sim_boot *b)
{
	b->a.role = ATTEMPT_LOADER;
	b->a.running = STATE_NONE;
	b->instead = b->by_once = b->unheard = false;
	if (b->cfg->kexec)
		start_by_kexec(b);
	else if (b->cfg->pairs)
		b->a.running = start_by_loader(b);
}

/* The base mounts the slot, to load what is in it. */
static enum kb_err hand_over_by_kexec(struct sim_boot *b, int slot)
{
	b->handed = b->a.role == ATTEMPT_BY_BASE;
	if (b->handed)
		return KB_OK;
	b->tried |= (choose_mask)(1u << slot);
	if (sim_truth_of(&b->w, slot) == SIM_PART)
		sim_walk_violate("I6: the kernel of a half-written slot is started", &b->w);
	if (sim_truth_of(&b->w, slot) == SIM_NOMNT)
		return KB_EMOUNT;
	b->w.once = (uint8_t)slot;
	b->handed = true;
	return KB_OK;
}

/* Its store can be read, or cannot. By kexec there is none. */
enum kb_err sim_loader_look(void *ctx, int slot, char *reason)
{
	struct sim_boot *b = ctx;
	bool is_first;

	(void)slot;
	reason[0] = '\0';
	if (b->cfg->kexec || b->no_writes || sim_boot_way(b, &is_first) == SIM_WRITE_OK)
		return KB_OK;
	b->write_failed = b->unheard = true;
	return KB_ENODEV;
}

/* Nothing was written, and the store can be read: I8 asks that it costs nothing. */
static bool is_refused(struct sim_boot *b)
{
	bool is_first;

	b->write_failed = b->unheard = true;
	return sim_boot_way(b, &is_first) == SIM_WRITE_OK;
}

enum kb_err sim_loader_ask(void *ctx, int slot, char *reason)
{
	struct sim_boot *b = ctx;
	bool is_first;
	uint8_t how;

	reason[0] = '\0';
	if (b->cfg->kexec)
		return hand_over_by_kexec(b, slot);
	how = sim_boot_way(b, &is_first);
	if (how == SIM_WRITE_LOST && is_refused(b))
		return KB_EPERM;
	b->tried |= (choose_mask)(1u << slot);
	if (is_first)
		sim_boot_emit(b, SIM_POWER, "power cut before the loader was asked");
	if (how != SIM_WRITE_LOST)
		b->w.once = (uint8_t)slot;
	if (how != SIM_WRITE_OK) {
		b->write_failed = b->unheard = true;
		return KB_EIO;
	}
	b->handed = true;
	return KB_OK;
}

static bool will_start(const struct sim_boot *b, int slot)
{
	return b->by_once && b->w.once == SIM_NONE && b->w.preset == slot;
}

bool sim_loader_go_back(void *ctx, int slot)
{
	struct sim_boot *b = ctx;

	b->handed = will_start(b, slot);
	return b->handed;
}

void sim_loader_secure(struct sim_boot *b, const struct state *s, enum plan_mode mode)
{
	int preset;

	if (b->cfg->kexec)
		return;
	preset = pair_safe_preset(s, sim_world_mountable(b->cfg, &b->w), mode, b->w.preset,
				  b->a.running);
	b->w.once = SIM_NONE;
	if (preset == b->w.preset)
		return;
	b->w.preset = (uint8_t)preset;
	sim_boot_emit(b, SIM_POWER, "power cut before an install, with another preset");
}

/* A slot that the device trusts, and whose kernel and root both come up. */
static bool is_sound(const struct sim_boot *b, const struct sim_world *before, int slot)
{
	return state_is_trusted(&b->settled.slot[slot]) && sim_truth_of(before, slot) == SIM_WORK;
}

static void check_sound(const struct sim_boot *b, const struct sim_world *before)
{
	int running = b->a.running;

	for (int i = 0; i < b->cfg->nslots; i++)
		if (i != b->a.chosen.slot && is_sound(b, before, i) &&
		    (i == running || !b->write_failed))
			sim_walk_violate(
				"I11: a root is entered with a kernel that is not its own, though a sound slot is there",
				before);
}

/* It came up, and its root would, so that a restart would only cost it something. */
static void check_restart(const struct sim_boot *b, const struct sim_world *before)
{
	int running = b->a.running;

	if (b->a.role == ATTEMPT_BY_BASE && sim_truth_of(before, running) == SIM_WORK &&
	    (b->a.arrived || state_is_trusted(&b->settled.slot[running])))
		sim_walk_violate("I11: a kernel goes back though its slot works", before);
	if (will_start(b, b->a.chosen.slot) && !b->write_failed)
		sim_walk_violate("I11: a kernel goes back though nothing failed", before);
}

/* Another one's kernel enters a root only as docs/KERNEL.md has it: as a last resort, or where a
 * write failed. What the base started has tried its own root before. */
void sim_loader_check(const struct sim_boot *b, const struct sim_world *before)
{
	int running = b->a.running;

	if (b->handed)
		check_restart(b, before);
	if (!b->booted || !b->cfg->pairs || running == b->a.chosen.slot)
		return;
	check_sound(b, before);
	if (b->a.chosen.tier == CHOOSE_LAST_RESORT)
		return;
	if (!b->write_failed)
		sim_walk_violate("I11: a root is entered with a kernel that is not its own",
				 before);
	if (b->a.role == ATTEMPT_LOADER && !b->unheard && will_start(b, b->a.chosen.slot))
		sim_walk_violate("I11: the loader would start the own kernel of a root by itself",
				 before);
	if (b->a.role == ATTEMPT_BY_BASE && !(b->tried >> running & 1))
		sim_walk_violate("I11: a root is entered before that of the kernel that runs",
				 before);
	if (b->a.role == ATTEMPT_BY_BASE && b->a.arrived)
		sim_walk_violate("I11: a kernel whose start was charged does not go back", before);
}
