/* SPDX-License-Identifier: Apache-2.0 */
/* What has to hold where each slot has a kernel of its own, which the boot loader starts:
 * docs/KERNEL.md. */
#include "tests/sim/powercut.h"

static const struct cut_content *pair_of(const struct powercut_image *im, int slot)
{
	return &im->disk[POWERCUT_BOOT_A + slot];
}

int powercut_pairs_slot(enum powercut_disk disk)
{
	switch (disk) {
	case POWERCUT_A:
	case POWERCUT_B:
		return (int)(disk - POWERCUT_A);
	case POWERCUT_BOOT_A:
	case POWERCUT_BOOT_B:
		return (int)(disk - POWERCUT_BOOT_A);
	case POWERCUT_STATE:
	case POWERCUT_RAW:
	case POWERCUT_LOADER:
	case POWERCUT_DISKS:
		break;
	}
	return POWERCUT_NONE;
}

/* What GRUB starts by itself comes up, and its slot is one that may be chosen. */
static void check_preset(struct powercut_walk *w, uint32_t i, const struct powercut_view *v,
			 int preset)
{
	int holds = powercut_view_pair(pair_of(w->node[i].im, preset));
	char letter = state_slot_letter(preset);

	if (holds == POWERCUT_NONE)
		powercut_walk_fail(
			w, i, "the boot loader's preset is %c, whose kernel is not whole", letter);
	if (holds == POWERCUT_NEW && w->story->does == POWERCUT_IS_DEAD)
		powercut_walk_fail(
			w, i, "the boot loader's preset is %c, whose kernel never came up", letter);
	/* Where GRUB left the other one, that which it started is the preset as long as it runs. */
	if (v->found && !w->story->counts &&
	    (v->s.slot[preset].st == STATE_WRITING || v->s.slot[preset].st == STATE_EMPTY))
		powercut_walk_fail(w, i, "the boot loader's preset is %c, which is %s", letter,
				   state_st_name(v->s.slot[preset].st));
}

/* The kernel of what the state calls good, or a trial with tries, is that of its release. */
static void check_claim(struct powercut_walk *w, uint32_t i, const struct state *s, int slot)
{
	const struct state_slot *t = &s->slot[slot];
	int holds = powercut_view_pair(pair_of(w->node[i].im, slot));

	if (t->st != STATE_GOOD && !(t->st == STATE_TRIAL && t->tries > 0))
		return;
	if (holds == POWERCUT_NONE ||
	    (t->has_release && powercut_view_release(t->release) != holds))
		powercut_walk_fail(w, i, "slot %c is %s, and its kernel is %s",
				   state_slot_letter(slot), state_st_name(t->st),
				   holds == POWERCUT_NONE ? "not whole" : "another release's");
}

void powercut_pairs_check_image(struct powercut_walk *w, uint32_t i, const struct powercut_view *v)
{
	struct powercut_loader is;

	if (!w->story->pairs)
		return;
	powercut_loader_read(&w->node[i].im->disk[POWERCUT_LOADER], &is);
	w->node[i].preset = (int8_t)is.preset;
	w->node[i].once = (int8_t)is.once;
	if (is.preset == POWERCUT_NONE)
		powercut_walk_fail(w, i, "the boot loader has no preset");
	else
		check_preset(w, i, v, is.preset);
	for (int slot = 0; slot < POWERCUT_SLOTS && v->found; slot++)
		check_claim(w, i, &v->s, slot);
}

/* What runs is never touched, nor what the boot loader would start if the power went now. */
void powercut_pairs_check_op(struct powercut_walk *w, uint32_t i, int running,
			     const struct powercut_op *op)
{
	int slot = powercut_pairs_slot(op->disk);
	struct powercut_loader is;

	if (!w->story->pairs || op->kind == CUT_FLUSH || slot == POWERCUT_NONE)
		return;
	powercut_loader_read(&w->disk[POWERCUT_LOADER].durable, &is);
	if (slot == running)
		powercut_walk_fail(w, i, "slot %c is written, and its kernel runs",
				   state_slot_letter(slot));
	if (slot == is.preset || slot == is.once)
		powercut_walk_fail(w, i, "slot %c is written, and the boot loader may start it",
				   state_slot_letter(slot));
}

/* As a last resort, a slot that nobody trusts is booted by any kernel. */
void powercut_pairs_check_entered(struct powercut_walk *w, uint32_t i, const struct state *s,
				  int slot)
{
	const struct state_slot *t = &s->slot[slot];
	bool fit = t->st == STATE_TRIAL || (t->st == STATE_GOOD && t->streak < STATE_STREAK_LIMIT);

	if (w->story->pairs && w->node[i].im->run.pair != slot && fit)
		powercut_walk_fail(w, i, "slot %c is entered by the kernel of another one",
				   state_slot_letter(slot));
}

void powercut_pairs_check_rest(struct powercut_walk *w, uint32_t i)
{
	const struct powercut_node *n = &w->node[i];

	if (!w->story->pairs)
		return;
	if (n->preset != n->slot)
		powercut_walk_fail(w, i,
				   "it is settled in slot %c, and the boot loader's preset is "
				   "another one",
				   state_slot_letter(n->slot));
	if (n->once != POWERCUT_NONE)
		powercut_walk_fail(w, i, "it is settled, and the boot loader is still asked for %c",
				   state_slot_letter(n->once));
}
