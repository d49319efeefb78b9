/* SPDX-License-Identifier: Apache-2.0 */
/* What has to hold where each slot has a kernel of its own, which the boot loader starts:
 * docs/KERNEL.md. */
#include "tests/sim/powercut.h"

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

/* NULL: no whole one; STATE_NONE is no slot. */
static const struct bundles_release *pair_in(const struct powercut_image *im, int slot)
{
	int r = slot == STATE_NONE ? POWERCUT_NONE
				   : powercut_view_pair(&im->disk[POWERCUT_BOOT_A + slot]);

	return r == POWERCUT_NONE ? NULL : &powercut_release[r];
}

/* Notes what is wrong, if anything. */
static void note_wrong(struct powercut_walk *w, uint32_t i, const char *wrong)
{
	if (wrong != NULL)
		powercut_walk_fail(w, i, "%s", wrong);
}

void powercut_pairs_check_image(struct powercut_walk *w, uint32_t i, const struct powercut_view *v)
{
	bool dead = w->story->does == POWERCUT_IS_DEAD;
	const struct powercut_image *im = w->node[i].im;
	struct grub_choice is;

	if (!w->story->pairs)
		return;
	powercut_loader_read(w->story, &im->disk[POWERCUT_LOADER], &is);
	w->node[i].preset = (int8_t)is.preset;
	w->node[i].once = (int8_t)is.once;
	/* Where GRUB left the other one, that which it started is the preset as long as it runs. */
	note_wrong(w, i,
		   check_preset(v->found && !w->story->counts ? &v->s : NULL, is.preset,
				pair_in(im, is.preset),
				dead ? &powercut_release[POWERCUT_NEW] : NULL));
	if (v->found)
		note_wrong(w, i, check_once(&v->s, is.once, pair_in(im, is.once)));
	for (int slot = 0; slot < POWERCUT_SLOTS && v->found; slot++)
		note_wrong(w, i, check_pair(&v->s, slot, pair_in(im, slot)));
}

void powercut_pairs_check_op(struct powercut_walk *w, uint32_t i, int running,
			     const struct powercut_op *op)
{
	int slot = powercut_pairs_slot(op->disk);
	struct grub_choice is;

	if (!w->story->pairs || op->kind == CUT_FLUSH || slot == POWERCUT_NONE)
		return;
	powercut_loader_read(w->story, &w->disk[POWERCUT_LOADER].durable, &is);
	note_wrong(w, i, check_pair_touched(slot, running, is.preset, is.once));
}

void powercut_pairs_check_entered(struct powercut_walk *w, uint32_t i, const struct state *s,
				  int slot)
{
	if (w->story->pairs)
		note_wrong(w, i, check_pair_entered(s, slot, w->node[i].im->run.pair));
}

void powercut_pairs_check_rest(struct powercut_walk *w, uint32_t i)
{
	const struct powercut_node *n = &w->node[i];

	if (w->story->pairs)
		note_wrong(w, i, check_pair_rest(n->slot, n->preset, n->once));
}
