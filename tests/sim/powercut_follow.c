/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has done to the disks, operation by operation, and what comes of it when the power
 * goes between two of them. */
#include "tests/sim/powercut.h"

struct at_cut {
	struct powercut_walk *w;
	uint32_t from;
	struct powercut_node proto;
};

static void found(void *ctx, uint64_t hash, const struct cut_image *im)
{
	struct at_cut *a = ctx;
	struct powercut_node n = a->proto;
	uint32_t is;

	n.key = powercut_node_key_of(&n, hash);
	is = powercut_walk_find(a->w, n.key);
	if (is != POWERCUT_WALK_NONE) {
		powercut_check_edge(a->w, a->from, is, n.program);
		return;
	}
	if (a->w->apart.playing) {
		powercut_walk_fail(a->w, a->from,
				   "played apart, a cut after %u operations leads to what was not "
				   "looked at",
				   n.cut_at);
		return;
	}
	n.im = cut_content_must(calloc(1, sizeof(*n.im)));
	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		cut_image_put(im, i, &n.im->disk[i]);
	powercut_node_add(a->w, &n);
}

struct powercut_node powercut_follow_dark(const struct powercut_walk *w, uint32_t from,
					  enum powercut_reset r)
{
	const struct powercut_node *f = &w->node[from];
	/* Who reboots before the verdict costs a trial what a cut does. */
	bool asked = r == POWERCUT_WARM && f->up && w->story->events & POWERCUT_REBOOTS;

	return (struct powercut_node){
		.parent = from,
		.reset = w->story->blind ? POWERCUT_UNKNOWN : r,
		.lost = f->lost,
		.lost_all = f->lost_all,
		.switched = f->switched,
		.trials = f->trials,
		.hurt = f->passes_hurt,
		.cuts = (uint16_t)(f->cuts + (r == POWERCUT_POWER || asked)),
	};
}

/* A reset, or a panic, after `at` operations of the program: what the disks were told, they have.
 */
static void reset_here(struct powercut_walk *w, uint32_t from, enum powercut_program program,
		       unsigned at)
{
	struct powercut_node n = powercut_follow_dark(w, from, POWERCUT_CRASH);
	uint32_t is;

	n.program = program;
	n.cut_at = (uint16_t)at;
	n.cuts = (uint16_t)(w->node[from].cuts + 1);
	n.im = cut_content_must(calloc(1, sizeof(*n.im)));
	n.key = powercut_node_key_of(&n, powercut_cut_sample(&w->cut, CUT_IMAGE_ALL, n.im));
	is = powercut_walk_find(w, n.key);
	if (is == POWERCUT_WALK_NONE) {
		powercut_node_add(w, &n);
		return;
	}
	powercut_check_edge(w, from, is, program);
	powercut_node_free_image(n.im);
}

/* All that the power may leave when it goes now, after `at` operations of the program. */
static void cut_here(struct powercut_walk *w, uint32_t from, enum powercut_program program,
		     unsigned at)
{
	struct at_cut a = { .w = w,
			    .from = from,
			    .proto = powercut_follow_dark(w, from, POWERCUT_POWER) };

	if (w->uncut)
		return;
	a.proto.program = program;
	a.proto.cut_at = (uint16_t)at;
	w->cut_points++;
	powercut_cut_each(&w->cut, found, &a);
	powercut_apart_offer(w, &a.proto);
	if (w->story->events & POWERCUT_RESETS)
		reset_here(w, from, program, at);
}

void powercut_follow_start(struct powercut_walk *w, const struct powercut_image *im)
{
	cut_power_init(&w->power);
	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		cut_disk_start(&w->disk[i], &im->disk[i]);
}

void powercut_follow(struct powercut_walk *w, uint32_t from, enum powercut_program program,
		     const struct powercut_result *r)
{
	powercut_follow_start(w, w->node[from].im);
	cut_here(w, from, program, 0);
	for (unsigned i = 0; i < r->nops && w->violation[0] == '\0'; i++) {
		const struct powercut_op *op = &r->op[i];

		powercut_check_op(w, from, program, op);
		powercut_pairs_check_op(w, from, r->run.pair, op);
		w->node[from].touches |= powercut_pairs_slot(op->disk) != POWERCUT_NONE;
		if (powercut_child_redo(w->disk, op) != KB_OK)
			abort();
		cut_here(w, from, program, i + 1);
	}
	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		if (w->disk[i].nversions > 0)
			powercut_walk_fail(w, from,
					   "a program ends, and what it wrote to disk %u "
					   "is not flushed",
					   i);
}
