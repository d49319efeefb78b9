/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr.h"

#include "selector/store_internal.h"

#include <linux/watchdog.h>

#define SETTLE_BOOTS 10

/* ---------------------------------------------------------------- how they begin */

/* Slot b holds the new release, on trial. */
static void put_trial(struct state *s, uint8_t tries)
{
	const struct bundles_release *r = ioerr_content_release(IOERR_WORLD_NEW);

	*s = ioerr_world_get();
	ioerr_disk_put(ioerr_world_disk(IOERR_FAULT_SLOT_B), 0, r->data, IOERR_CONTENT_IMAGE);
	bundles_slot(&s->slot[1], r, STATE_TRIAL);
	s->slot[1].tries = tries;
	s->slot[1].grace = STATE_GRACE;
	s->pref = 1;
}

static void trial(struct ioerr_world *w)
{
	static struct state s;

	(void)w;
	put_trial(&s, STATE_TRIES);
	ioerr_world_put(&s);
}

/* Its last try is under way, and the watchdog fires. */
static void failed_trial(struct ioerr_world *w)
{
	static struct state s;

	put_trial(&s, 0);
	s.open = 1;
	ioerr_world_put(&s);
	w->bootstatus = WDIOF_CARDRESET;
}

static void staged(struct ioerr_world *w)
{
	static struct state s;

	(void)w;
	s = ioerr_world_get();
	s.staged.source = STATE_SRC_DATA;
	memcpy(s.staged.release, ioerr_content_release(IOERR_WORLD_NEW)->id, STATE_ID_LEN);
	ioerr_world_put(&s);
}

static void stick(struct ioerr_world *w)
{
	w->stick = true;
}

static void raw(struct ioerr_world *w)
{
	w->raw = true;
	ioerr_content_raw();
}

/* Nothing mounts; a stick comes after a while. */
static void rescue(struct ioerr_world *w)
{
	static struct state s;

	s = ioerr_world_get();
	s.slot[1] = (struct state_slot){ .st = STATE_EMPTY };
	ioerr_world_put(&s);
	ioerr_disk_put(ioerr_world_disk(IOERR_FAULT_SLOT_A), 0, cut_content_zeroes(), BDEV_ALIGN);
	ioerr_disk_put(ioerr_world_disk(IOERR_FAULT_SLOT_B), 0, cut_content_zeroes(), BDEV_ALIGN);
	w->stick = true;
	w->stick_ms = 30000;
}

/* Both regions of the state are lost. */
static void lost(struct ioerr_world *w)
{
	static uint8_t garbage[STORE_CELLS * STORE_CELL];

	(void)w;
	memset(garbage, 0x5a, sizeof(garbage));
	for (int r = 0; r < 2; r++)
		ioerr_disk_put(ioerr_world_disk(IOERR_FAULT_STATE), STORE_REGION(r), garbage,
			       sizeof(garbage));
}

static void delta(struct ioerr_world *w)
{
	(void)w;
	ioerr_delta_begin(DELTAS_PLAIN, true, false);
}

static void delta_only(struct ioerr_world *w)
{
	(void)w;
	ioerr_delta_begin(DELTAS_PLAIN, false, false);
}

/* Slot a is not what it was any more. */
static void rotten(struct ioerr_world *w)
{
	(void)w;
	ioerr_delta_begin(DELTAS_PLAIN, true, true);
}

static void rotten_only(struct ioerr_world *w)
{
	(void)w;
	ioerr_delta_begin(DELTAS_PLAIN, false, true);
}

static void parts(struct ioerr_world *w)
{
	(void)w;
	ioerr_delta_parts(false);
}

/* What it lacks is nowhere. */
static void rotten_parts(struct ioerr_world *w)
{
	(void)w;
	ioerr_delta_parts(true);
}

static void squashfs(struct ioerr_world *w)
{
	(void)w;
	ioerr_delta_begin(DELTAS_SQUASHFS, false, false);
}

static void erofs(struct ioerr_world *w)
{
	(void)w;
	ioerr_delta_begin(DELTAS_EROFS, true, false);
}

/* Each slot has a kernel of its own. */
static void pairs(struct ioerr_world *w)
{
	ioerr_pairs_put(w, IOERR_WORLD_NOW, IOERR_WORLD_OLD, 0);
}

static void pair_trial(struct ioerr_world *w)
{
	static struct state s;

	ioerr_pairs_put(w, IOERR_WORLD_NOW, IOERR_WORLD_NEW, 0);
	put_trial(&s, STATE_TRIES);
	ioerr_world_put(&s);
}

static void pair_barebox(struct ioerr_world *w)
{
	w->barebox = true;
	pair_trial(w);
}

/* What the boot loader starts by itself is what an update is written to. */
static void unproven(struct ioerr_world *w)
{
	static struct state s;

	ioerr_pairs_put(w, IOERR_WORLD_NOW, IOERR_WORLD_OLD, 1);
	s = ioerr_world_get();
	s.slot[0].st = STATE_TRIAL;
	s.slot[0].tries = STATE_TRIES;
	s.slot[0].ever_good = false;
	s.slot[1].st = STATE_BAD;
	state_set_text(s.slot[1].reason, "failed before");
	s.pref = 0;
	s.last = STATE_NONE;
	ioerr_world_put(&s);
}

static void unproven_raw(struct ioerr_world *w)
{
	unproven(w);
	raw(w);
}

#define NOW IOERR_WORLD_NOW
#define NEW IOERR_WORLD_NEW

#define PAIRS	 .pairs = true, .thin = 4
#define PAIR	 PAIRS, .narrow = true
#define GUARD(s) .guarded = true, .script = IOERR_WORLD_##s

const struct ioerr_story ioerr_story_all[] = {
	{ .name = "healthy", NULL, 1, NOW },
	{ .name = "trial", trial, 2, NEW },
	{ .name = "mark-bad", trial, 2, NOW, .rejects = true },
	{ .name = "rollback", failed_trial, 1, NOW, .rejects = true },
	{ .name = "data", staged, 2, NEW },
	{ .name = "stick", stick, 2, NEW },
	{ .name = "raw", raw, 3, NEW },
	{ .name = "install", NULL, 2, NEW, .installs = true },
	{ .name = "delta", delta, 2, NEW, .installs = true, .delta = true },
	{ .name = "delta-only", delta_only, 2, NEW, .installs = true, .delta = true },
	{ .name = "rotten", rotten, 2, NEW, .installs = true, .delta = true },
	{ .name = "rotten-only",
	  rotten_only,
	  2,
	  NOW,
	  .installs = true,
	  .delta = true,
	  .keeps = true },
	{ .name = "parts", parts, 2, NEW, .installs = true, .delta = true },
	{ .name = "rotten-parts",
	  rotten_parts,
	  2,
	  NOW,
	  .installs = true,
	  .delta = true,
	  .keeps = true },
	{ .name = "squashfs", squashfs, 2, NEW, .installs = true, .delta = true },
	{ .name = "erofs", erofs, 2, NEW, .installs = true, .delta = true },
	{ .name = "switch", NULL, 2, IOERR_WORLD_OLD, .switches = true, .narrow = true },
	{ .name = "rescue", rescue, 2, NEW, .a_broken = true },
	{ .name = "rebuild", lost, 2, IOERR_STORY_ANY },
	{ .name = "guarded", trial, 2, NEW, GUARD(VERDICT) },
	{ .name = "shutdown", trial, 2, NEW, GUARD(SHUTDOWN), .narrow = true },
	{ .name = "hanging", trial, 2, NEW, GUARD(HANGING), .narrow = true },
	{ .name = "silent", trial, 2, NOW, GUARD(SILENT), .narrow = true, .rejects = true },
	{ .name = "stuck", trial, 2, NOW, GUARD(STUCK), .narrow = true, .rejects = true },
	{ .name = "pair-trial", pair_trial, 2, NEW, PAIRS },
	{ .name = "pair-bad", pair_trial, 2, NOW, PAIR, .rejects = true },
	{ .name = "pair-dead", pair_trial, 1, NOW, PAIR, .dead = true },
	{ .name = "pair-counts", pair_trial, 2, NEW, PAIR, .counts = true },
	{ .name = "pair-barebox", pair_barebox, 2, NEW, PAIR, .counts = true },
	{ .name = "pair-switch", pairs, 2, IOERR_WORLD_OLD, PAIR, .switches = true },
	{ .name = "pair-install", pairs, 2, NEW, PAIR, .installs = true },
	{ .name = "pair-unproven", unproven, 2, NEW, PAIR, .installs = true },
	{ .name = "pair-raw", unproven_raw, 3, NEW, PAIR },
};
const unsigned ioerr_story_count = KB_ARRAY_LEN(ioerr_story_all);

/* ---------------------------------------------------------------- how they go */

static bool is_lie(const struct ioerr_world *w)
{
	return w->fault.fault.kind == IOERR_FAULT_LOST && w->fault.fault.op == IOERR_FAULT_FLUSH;
}

/* A device that says that it has flushed can only be believed; so nothing may cut its power then.
 */
static void start(struct ioerr_world *w)
{
	unsigned before[2];

	memcpy(before, w->fault.written, sizeof(before));
	ioerr_world_boot(w);
	w->bootstatus = w->boot.hung ? WDIOF_CARDRESET : 0;
	if (w->show)
		printf("---- boot %u%s; apply: %d; command: %d\n%s", w->boots,
		       w->fault.mended ? ", nothing fails any more" : "", w->boot.apply,
		       w->boot.command, w->boot.trace);
	if (w->show && w->guard.started)
		printf("---- the guardian: asks at %llu s, resets at %llu s; down at %llu s; the "
		       "watchdog %s\n",
		       (unsigned long long)w->guard.asked_ms / 1000,
		       (unsigned long long)w->guard.forced_ms / 1000,
		       (unsigned long long)w->guard.down_ms / 1000,
		       w->guard.fired ? "fires" : "does not fire");
	ioerr_check_boot(w, before);
	ioerr_check_guardian(w);
	w->unsaid = w->unsaid || (w->guard.started && w->boot.command != 0);
	/* After a shutdown that was clean, or hung, the next boot says that it is good. */
	if (w->guard.started &&
	    (w->guard.script == IOERR_WORLD_SHUTDOWN || w->guard.script == IOERR_WORLD_HANGING))
		w->script = IOERR_WORLD_VERDICT;
	ioerr_world_restart(w, is_lie(w) && !w->fault.mended);
	ioerr_check_claims(w);
}

/* A boot: as many starts as it takes until a system runs, or was to. */
static void step(struct ioerr_world *w)
{
	unsigned starts = 0;

	do
		start(w);
	while (ioerr_pairs_goes_on(w) && w->violation[0] == '\0' && ++starts < IOERR_PAIRS_MAX);
	if (starts == IOERR_PAIRS_MAX && !ioerr_pairs_may_hang(w))
		ioerr_world_fail(w, "no system runs after %u starts", starts);
}

static void settle(const struct ioerr_story *story, struct ioerr_world *w)
{
	static struct state before, after;

	w->fault.mended = true;
	for (unsigned i = 0; i < SETTLE_BOOTS && w->violation[0] == '\0'; i++) {
		before = ioerr_world_get();
		step(w);
		after = ioerr_world_get();
		if (ioerr_check_settled(story, w, &before, &after))
			return;
	}
	ioerr_world_fail(w, "does not settle in %u boots", SETTLE_BOOTS);
}

void ioerr_story_begin(const struct ioerr_story *story, struct ioerr_world *w)
{
	w->fault.mended = true; /* nothing fails, or is counted, before it begins */
	if (story->prepare != NULL)
		story->prepare(w);
	w->story = story;
	w->script = story->script;
	w->entered = story->a_broken ? STATE_NONE : 0;
	w->fault.mended = false;
}

void ioerr_story_play(const struct ioerr_story *story, struct ioerr_world *w)
{
	ioerr_story_begin(story, w);
	for (unsigned i = 0; i < story->boots && w->violation[0] == '\0'; i++)
		step(w);
	/* What is forever stays for two boots more. */
	for (unsigned i = 0; i < 2 && ioerr_fault_is_for_ever(&w->fault.fault); i++)
		step(w);
	settle(story, w);
	ioerr_pairs_check_life(w);
}
