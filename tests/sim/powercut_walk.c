/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/powercut.h"

/* ---------------------------------------------------------------- programs */

/* After a cut every call fails; that has to end, and must not crash. One cut of each node. */
static void clean_up_run(struct powercut_walk *w, uint32_t i, struct powercut_job *job,
			 unsigned nops)
{
	struct powercut_result r;

	if (nops == 0)
		return;
	job->loud = false;
	job->cut_at = 1 + (unsigned)(w->node[i].key >> 8) % nops;
	powercut_child_run(job, w->node[i].im, &r);
	w->reruns++;
	if (r.end == POWERCUT_DIED)
		powercut_walk_fail(w, i, "after a cut at operation %u the program %s (signal %d)",
				   job->cut_at, r.code == 14 ? "hangs" : "crashes", r.code);
	else if (r.nops != job->cut_at)
		powercut_walk_fail(w, i, "cut at operation %u, %u operations are there",
				   job->cut_at, r.nops);
}

/* False: it violates something. */
static bool play(struct powercut_walk *w, uint32_t i, enum powercut_program program,
		 struct powercut_result *r)
{
	struct powercut_job job = {
		.story = w->story,
		.program = program,
		.reset = w->node[i].reset,
		.loud = w->loud,
	};

	powercut_child_run(&job, w->node[i].im, r);
	w->runs++;
	if (r->end == POWERCUT_DIED) {
		powercut_walk_fail(w, i, "the program %s (signal %d)",
				   r->code == 14 ? "hangs" : "crashes", r->code);
		return false;
	}
	w->node[i].nops = r->nops - r->idle;
	w->ranges += r->ranges;
	w->node[i].touches = false;
	powercut_follow(w, i, program, r);
	if (w->violation[0] == '\0' && w->node[i].key % 8 == 3)
		clean_up_run(w, i, &job, r->nops);
	return w->violation[0] == '\0';
}

/* run: of the system that runs now, or NULL. */
static uint32_t ended(struct powercut_walk *w, struct powercut_node *n,
		      enum powercut_program program, const struct powercut_run *run)
{
	n->program = program;
	n->program_ended = true;
	n->up = run != NULL;
	n->im = powercut_node_copy_image(w->disk, run);
	n->key = powercut_node_key_of(n, powercut_hash_image(w->story, n->im));
	return powercut_node_add(w, n);
}

static uint32_t expand_dark(struct powercut_walk *w, uint32_t i)
{
	struct powercut_result r;
	struct powercut_node n;
	uint32_t next;

	if (!play(w, i, POWERCUT_BOOT, &r))
		return w->node[i].next;
	if (r.end == POWERCUT_REBOOT) {
		n = powercut_follow_dark(w, i,
					 r.code == POWERCUT_CRASH ? POWERCUT_CRASH : POWERCUT_WARM);
		return ended(w, &n, POWERCUT_BOOT, NULL);
	}
	n = powercut_follow_dark(w, i, POWERCUT_UNKNOWN);
	n.trials = powercut_check_trials(w, i, &r.run);
	next = ended(w, &n, POWERCUT_BOOT, &r.run);
	powercut_check_entered(w, i, next);
	return next;
}

/* Without power, with what the disks hold now. */
static uint32_t goes_down(struct powercut_walk *w, uint32_t i, enum powercut_reset r)
{
	struct powercut_node n = powercut_follow_dark(w, i, r);

	return ended(w, &n, POWERCUT_PROGRAMS, NULL);
}

static uint32_t reset(struct powercut_walk *w, uint32_t i, enum powercut_reset r)
{
	powercut_follow_start(w, w->node[i].im);
	return goes_down(w, i, r);
}

/* ---------------------------------------------------------------- what a system does */

/* A program of the running system, which goes on behind it; or is restarted, if it says so. */
static uint32_t act(struct powercut_walk *w, uint32_t i, enum powercut_program program)
{
	struct powercut_result r;
	struct powercut_node n;
	uint32_t to;

	if (program >= POWERCUT_PROGRAMS)
		return reset(w, i,
			     program == POWERCUT_CRASH_ITSELF ? POWERCUT_CRASH : POWERCUT_WARM);
	if (!play(w, i, program, &r))
		return POWERCUT_WALK_NONE;
	n = powercut_follow_dark(w, i, POWERCUT_UNKNOWN);
	n.marked = program == POWERCUT_MARK_GOOD || w->node[i].marked;
	n.switched = program == POWERCUT_SWITCH || w->node[i].switched;
	to = ended(w, &n, program, &r.run);
	if (program != POWERCUT_MARK_CLEAN || to == POWERCUT_WALK_NONE)
		return to;
	return goes_down(w, to, POWERCUT_WARM);
}

static uint32_t expand_up(struct powercut_walk *w, uint32_t i)
{
	enum powercut_program first, also[3];
	unsigned n = powercut_check_acts(w, i, &first, also);

	if (!w->uncut)
		reset(w, i, POWERCUT_POWER);
	for (unsigned k = 0; k < n && !w->uncut && w->violation[0] == '\0'; k++)
		act(w, i, also[k]);
	if (w->violation[0] != '\0')
		return w->node[i].next;
	w->node[i].nops = 0;
	w->node[i].touches = false;
	w->node[i].wants_nothing = first == POWERCUT_PROGRAMS;
	return act(w, i, first);
}

/* ---------------------------------------------------------------- what is lost beside */

static void lose(struct powercut_walk *w, uint32_t i, unsigned what)
{
	struct powercut_node n = powercut_follow_dark(w, i, w->node[i].reset);
	struct cut_content *c;

	n.cuts = w->node[i].cuts;
	n.reset = w->node[i].reset;
	n.lost = true;
	n.lost_all = (what & 3) != 1 && (what & 3) != 2;
	powercut_follow_start(w, w->node[i].im);
	c = &w->disk[POWERCUT_STATE].durable;
	for (unsigned r = 0; r < 2; r++)
		if (what >> r & 1)
			cut_content_fill(c, STORE_REGION(r), (uint64_t)STORE_CELLS * STORE_CELL,
					 true);
	if (what & 4)
		cut_content_fill(c, 0, c->size, what & 8);
	ended(w, &n, POWERCUT_PROGRAMS, NULL);
}

static void lose_state(struct powercut_walk *w, uint32_t i)
{
	if (w->node[i].lost || w->node[i].up || w->uncut)
		return;
	if (w->story->events & POWERCUT_LOSES_REGION) {
		lose(w, i, 1);
		lose(w, i, 2);
	}
	if (w->story->events & POWERCUT_LOSES_BOTH) {
		lose(w, i, 3);
		lose(w, i, 4);
		lose(w, i, 4 | 8);
	}
}

/* ---------------------------------------------------------------- the walk */

void powercut_walk_expand(struct powercut_walk *w, uint32_t i)
{
	uint32_t next;

	lose_state(w, i);
	next = w->node[i].up ? expand_up(w, i) : expand_dark(w, i);
	w->node[i].next = next; /* the nodes may have moved */
	w->node[i].looked = true;
}

void powercut_walk_leave(struct powercut_walk *w, uint32_t i)
{
	powercut_node_free_image(w->node[i].im);
	w->node[i].im = NULL;
}

void powercut_walk_begin(struct powercut_walk *w, const struct powercut_story *s)
{
	struct powercut_node n = { .parent = POWERCUT_WALK_NONE, .program = POWERCUT_PROGRAMS };

	w->story = s;
	cut_power_init(&w->power);
	powercut_media_make(s);
	powercut_child_begin();
	powercut_map_begin(s);
	n.im = cut_content_must(calloc(1, sizeof(*n.im)));
	powercut_media_first(s, n.im);
	for (unsigned i = 0; i < POWERCUT_DISKS; i++) {
		cut_disk_init(&w->disk[i], &w->power, n.im->disk[i].size);
		w->disk[i].unit = s->unit;
		w->disk[i].discarded = s->discarded;
		/* As the block's first sector is believed to be: selector/loader/loader_block.h. */
		w->disk[i].atomic = i == POWERCUT_LOADER && !s->uboot;
	}
	w->cut = (struct powercut_cut){ .story = s, .disk = w->disk };
	n.reset = s->blind ? POWERCUT_UNKNOWN : POWERCUT_WARM;
	n.key = powercut_node_key_of(&n, powercut_hash_image(s, n.im));
	powercut_node_add(w, &n);
}

void powercut_walk_run(struct powercut_walk *w)
{
	uint32_t i = 0;

	while (w->violation[0] == '\0' && (w->limit == 0 || w->n < w->limit) &&
	       (i = powercut_queue_next(w)) != POWERCUT_WALK_NONE) {
		w->done++;
		powercut_walk_expand(w, i);
		powercut_walk_leave(w, i);
	}
	w->fixpoint = w->done == w->n;
	if (w->violation[0] == '\0')
		powercut_apart_play(w);
	if (w->violation[0] == '\0')
		powercut_end_settle(w);
	if (w->violation[0] == '\0')
		powercut_end_check(w);
}
