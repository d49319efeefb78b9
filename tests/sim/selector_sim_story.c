/* SPDX-License-Identifier: Apache-2.0 */
/* Named courses of events, told in full: with releases, sources and the whole state. */
#include "tests/sim/selector_sim.h"

#include "selector/plan.h"
#include "selector/store.h"
#include "selector/verdict.h"
#include "tests/sim/bdev_sim.h"

#include <stdio.h>
#include <string.h>

/* A device with a real store, and slots that behave as told. */
static struct device {
	struct bdev_sim disk;
	struct store store;
	struct state s; /* as saved or loaded last */
	enum sim_truth truth[STATE_SLOTS_MAX];
	bool charge_good;
	struct attempt a;
	struct report_line *line;
} d;

#define EXPECT(cond) expect(cond, #cond, __LINE__)
static void expect(bool holds, const char *what, int line)
{
	if (!holds)
		report_violation(d.line, "", "line %d: %s does not hold", line, what);
}

static enum kb_err op_save(void *ctx, struct state *s)
{
	(void)ctx;
	return store_save(&d.store, s);
}

static enum kb_err op_preflight(void *ctx, int slot, char *reason)
{
	(void)ctx;
	snprintf(reason, STATE_STR_MAX, "no file system");
	if (d.truth[slot] == SIM_NOTHING)
		return KB_ENODEV;
	return d.truth[slot] == SIM_PART || d.truth[slot] == SIM_UNFIT ? KB_EFORMAT : KB_OK;
}

static enum kb_err op_mount(void *ctx, int slot, char *reason)
{
	(void)ctx;
	snprintf(reason, STATE_STR_MAX, "does not mount");
	return d.truth[slot] == SIM_NOMNT ? KB_EMOUNT : KB_OK;
}

static const struct attempt_ops ops = { op_save, op_preflight, op_mount, NULL, NULL };

static choose_mask mountable(void)
{
	choose_mask m = 0;

	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (d.truth[i] == SIM_WORK || d.truth[i] == SIM_HANG || d.truth[i] == SIM_NOMNT)
			m |= (choose_mask)(1u << i);
	return m;
}

static void save(void)
{
	EXPECT(store_save(&d.store, &d.s) == KB_OK);
}

/* Power comes: load, or make anew, and settle. */
static void wake(enum reset_cause cause)
{
	enum store_finding found;

	bdev_sim_cut(&d.disk, 1);
	EXPECT(store_load(&d.store, &d.disk.bdev, &d.s, &found) == KB_OK);
	if (found == STORE_FOUND)
		d.a.disk = d.s;
	else
		EXPECT(store_rebuild(&d.store, 2, mountable(), &d.s) == KB_OK);
	if (found != STORE_FOUND)
		memset(&d.a.disk, 0, sizeof(d.a.disk));
	reset_settle(&d.s, cause, d.charge_good);
}

/* The slot that runs, or STATE_NONE. */
static int start(void)
{
	d.a.forced = STATE_NONE;
	d.a.charge_good = d.charge_good;
	if (attempt_run(&d.a, &d.s, &ops, NULL) != KB_OK)
		return STATE_NONE;
	return d.a.chosen.slot;
}

static int boot(enum reset_cause cause)
{
	wake(cause);
	return start();
}

static void good(void)
{
	int slot = d.a.chosen.slot;
	uint64_t floor = d.s.slot[slot].sequence;
	bool committed;

	EXPECT(verdict_good(&d.s, slot, d.a.token, floor, &committed) == KB_OK);
	save();
}

/* It goes on running. */
static void live(void)
{
	EXPECT(verdict_proven(&d.s, d.a.chosen.slot, d.a.token) == KB_OK);
	save();
}

/* Releases are told apart by their number, which is also their sequence. */
static struct plan_release release(unsigned n)
{
	struct plan_release r = { .sequence = n };

	memset(r.id, (int)n, sizeof(r.id));
	return r;
}

static enum kb_err offer(unsigned n, enum plan_mode mode, int *target)
{
	const struct plan_release r = release(n);
	const struct plan_terms terms = { .mode = mode,
					  .mountable = mountable(),
					  .floor_bound = UINT64_MAX };

	return plan_accept(&d.s, &r, &terms, target);
}

/* As the install engine does it. */
static enum kb_err install(unsigned n, enum sim_truth truth, enum plan_mode mode)
{
	struct plan_release r = release(n);
	struct store_manifest m = { .sequence = n, .floor = d.s.floor };
	int target;
	enum kb_err err = offer(n, mode, &target);

	if (err != KB_OK)
		return err;
	memcpy(m.release, r.id, sizeof(m.release));
	plan_begin(&d.s, target, plan_back(&d.s, mountable()));
	EXPECT(store_save_both(&d.store, &d.s) == KB_OK);
	EXPECT(store_manifest_clear(&d.store, target) == KB_OK);
	d.truth[target] = truth;
	EXPECT(store_manifest_write(&d.store, target, &m, "") == KB_OK);
	plan_end(&d.s, target, &r, mode);
	save();
	d.a.disk = d.s;
	return KB_OK;
}

/* Slot a works, runs, is good, holds release 10. */
static void factory(void)
{
	struct plan_release r = release(10);
	enum store_finding found;

	EXPECT(store_load(&d.store, &d.disk.bdev, &d.s, &found) == KB_OK);
	state_init(&d.s, 2);
	plan_end(&d.s, 0, &r, PLAN_COMMAND);
	d.truth[0] = SIM_WORK;
	save();
	EXPECT(boot(RESET_POWER) == 0);
	good();
	live();
}

/* Releases 10 in slot a and 11 in slot b, both good, b preferred; it has just reported. */
static void two_reported(void)
{
	factory();
	EXPECT(install(11, SIM_WORK, PLAN_COMMAND) == KB_OK);
	EXPECT(boot(RESET_CLEAN) == 1);
	good();
}

static void good_hangs_unknown_cause_other_good(void)
{
	int n = 0;

	two_reported();
	d.truth[1] = SIM_HANG; /* it wore out */
	d.charge_good = true;
	while (n < 20 && boot(n == 0 ? RESET_POWER : RESET_UNKNOWN) == 1)
		n++;
	EXPECT(n <= 2 * STATE_STREAK_LIMIT + 1);
	EXPECT(d.a.chosen.slot == 0);
	good();
	EXPECT(boot(RESET_POWER) == 0);
}

static void two_good(void)
{
	two_reported();
	live();
}

/* Boots of b that end like this, up to the first of a. */
static unsigned boots_of_b(enum reset_cause first, enum reset_cause cause)
{
	unsigned n = 0;

	while (n < 60 && boot(n == 0 ? first : cause) == 1) {
		good(); /* it reports, and crashes */
		n++;
	}
	return n;
}

static void reports_good_in_each_boot_and_crashes(void)
{
	two_good();
	EXPECT(boots_of_b(RESET_POWER, RESET_CRASH) == STATE_STREAK_LIMIT);
	EXPECT(d.a.chosen.slot == 0 && d.a.chosen.tier == CHOOSE_NORMAL);
	d.charge_good = true; /* the same where nothing is told */
	EXPECT(verdict_switch(&d.s, 1, false, true, STATE_TRIES) == KB_OK);
	save();
	EXPECT(boots_of_b(RESET_CLEAN, RESET_UNKNOWN) == 2 * STATE_STREAK_LIMIT);
	EXPECT(d.a.chosen.slot == 0 && d.a.chosen.tier == CHOOSE_NORMAL);
}

/* b crashes forever; a lives each time. What b still gets grows with the logarithm. */
static void retries_of_a_slot_that_crashes_are_bounded(void)
{
	unsigned lost = 0, healthy = 0, since = 0, longest = 0;

	two_good();
	for (enum reset_cause cause = RESET_POWER; healthy < 1000 && lost < 1000; since++) {
		if (boot(cause) == 1) {
			lost++;
			longest = since > longest ? since : longest;
			since = 0;
			cause = RESET_CRASH;
			continue;
		}
		good();
		live();
		healthy++;
		cause = RESET_CLEAN;
	}
	EXPECT(lost == STATE_STREAK_LIMIT + 9); /* after 1, 2, 4 … 256 healthy ones */
	EXPECT(longest == 257);
}

/* Somebody pulls the plug before it is up, n times in turn; then it lives. Nothing is told. */
static void cut(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		boot(RESET_UNKNOWN);
	boot(RESET_UNKNOWN);
	good();
	live();
}

static void impatient_user_gets_the_preferred_slot_back(void)
{
	unsigned away = 0;

	two_good();
	d.charge_good = true;
	cut(3); /* three times took it away for good */
	EXPECT(d.a.chosen.slot == 1);
	cut(2 * STATE_STREAK_LIMIT);
	EXPECT(d.a.chosen.slot == 0);
	cut(0);
	EXPECT(d.a.chosen.slot == 1 && state_is_trusted(&d.s.slot[1]));
	for (unsigned i = 0; i < 1000; i++) { /* a plug that is pulled now and then, and again */
		static const unsigned in_turn[] = { 0, 1, 0, 2, 0, 0, 7, 0, 1, 0, 0, 4, 0 };

		cut(in_turn[i % 13]);
		EXPECT(d.a.chosen.tier != CHOOSE_LAST_RESORT);
		away += d.a.chosen.slot == 0;
	}
	EXPECT(away <= 1000 / 8); /* a seven of each turn takes it away for a boot or two */
}

/* It reports, and is switched off at the plug: each time, soon after. Boots not of the preferred
 * slot. */
static unsigned short_uses(enum reset_cause cause, unsigned n)
{
	unsigned away = 0;

	for (unsigned i = 0; i < n; i++) {
		away += boot(cause) != d.s.pref;
		EXPECT(d.a.chosen.tier != CHOOSE_LAST_RESORT);
		good();
	}
	return away;
}

static void healthy_device_that_is_never_on_for_long(void)
{
	static const enum reset_cause causes[] = { RESET_UNKNOWN, RESET_POWER };

	d.charge_good = true;
	two_good();
	for (unsigned i = 0; i < 2; i++) {
		/* Six of the one, six of the other, or with the grace as well; then they are
		 * nobody's. */
		short_uses(causes[i], 2 * (2 * STATE_STREAK_LIMIT + STATE_GRACE));
		EXPECT(short_uses(causes[i], 1000) <= 10);
		boot(causes[i]);
		good();
		live();
		EXPECT(short_uses(causes[i], 1000) <= 10);
	}
	/* Its updates come, though it never proves itself. */
	for (unsigned n = 12; n < 12 + 2 * STATE_INSTALLS_LIMIT; n++) {
		wake(RESET_UNKNOWN);
		EXPECT(install(n, SIM_WORK, PLAN_AUTOMATIC) == KB_OK);
		start();
		good();
		short_uses(RESET_UNKNOWN, 20);
	}
}

static void only_slot_that_is_never_on_for_long(void)
{
	d.charge_good = true;
	factory();
	EXPECT(short_uses(RESET_UNKNOWN, 100) == 0);
	EXPECT(state_is_trusted(&d.s.slot[0]));
	EXPECT(boot(RESET_CRASH) == 0); /* what is told weighs as before */
	EXPECT(!state_is_trusted(&d.s.slot[0]));
}

/* b hangs before it reports; a works, and is never on for long. b comes back less and less. */
static void slot_that_hangs_beside_one_that_is_never_on_for_long(void)
{
	unsigned hung = 0;

	d.charge_good = true;
	two_good();
	for (unsigned i = 0; i < 1000; i++) {
		EXPECT(boot(RESET_UNKNOWN) != STATE_NONE);
		EXPECT(d.a.chosen.tier != CHOOSE_LAST_RESORT);
		if (d.a.chosen.slot == 1)
			hung++;
		else
			good();
	}
	EXPECT(hung <= 2 * STATE_STREAK_LIMIT + 10);
}

/* Both were never on for long; then the preferred one crashes after each report, and the other
 * lives. */
static void slot_that_crashes_after_short_uses_is_left(void)
{
	d.charge_good = true;
	two_good();
	short_uses(RESET_UNKNOWN, 100);
	for (unsigned i = 0; i < 100; i++) {
		boot(RESET_UNKNOWN);
		good();
		if (d.a.chosen.slot == 0)
			live();
	}
	EXPECT(state_is_trusted(&d.s.slot[0]) && !state_is_trusted(&d.s.slot[1]));
}

static void release_that_lost_its_trust_may_be_installed_again(void)
{
	int target;

	two_good();
	EXPECT(boots_of_b(RESET_POWER, RESET_CRASH) == STATE_STREAK_LIMIT);
	wake(RESET_POWER);
	EXPECT(offer(11, PLAN_COMMAND, &target) == KB_OK && target == 1);
	EXPECT(offer(11, PLAN_AUTOMATIC, &target) == KB_OK && target == 1);
	EXPECT(offer(10, PLAN_AUTOMATIC, &target) == KB_EAPPLIED);
	/* It crashes again: a stick that is left in gets no more chances than the slot does. */
	EXPECT(install(11, SIM_WORK, PLAN_AUTOMATIC) == KB_OK);
	EXPECT(start() == 1);
	good();
	EXPECT(boots_of_b(RESET_CRASH, RESET_CRASH) == STATE_STREAK_LIMIT - 1);
	good();
	live();
	wake(RESET_CLEAN);
	EXPECT(offer(11, PLAN_AUTOMATIC, &target) == KB_EWAITS);
	EXPECT(start() == 0);
	good();
	live();
	wake(RESET_CLEAN);
	EXPECT(offer(11, PLAN_AUTOMATIC, &target) == KB_OK && target == 1);
}

static void both_bad_after_both_regions_lost_then_good_stick(void)
{
	int boots = 0;

	factory();
	EXPECT(install(11, SIM_HANG, PLAN_COMMAND) == KB_OK);
	d.truth[0] = SIM_HANG;
	for (int r = 0; r < 2; r++)
		bdev_sim_scribble(&d.disk, (uint64_t)r * STORE_REGION_APART,
				  STORE_CELLS * STORE_CELL, (uint64_t)r + 1);
	/* Neither works. While they have tries they are asked first; then the stick is taken. */
	for (;;) {
		int slot;

		wake(RESET_CRASH);
		EXPECT(d.s.rebuilt);
		if (install(12, SIM_WORK, PLAN_AUTOMATIC) == KB_OK)
			break;
		slot = start();
		EXPECT(slot != STATE_NONE);
		if (++boots > 2 * STATE_TRIES)
			break;
	}
	EXPECT(boots == 2 * STATE_TRIES);
	EXPECT(d.truth[start()] == SIM_WORK);
	good();
	EXPECT(!d.s.rebuilt && d.s.floor == 12);
}

static void nine_bad_bundles_in_turn(void)
{
	unsigned taken = 0;

	factory();
	for (unsigned n = 11; n < 11 + 9; n++) {
		wake(RESET_POWER);
		if (install(n, SIM_HANG, PLAN_AUTOMATIC) != KB_OK)
			break;
		taken++;
		for (int i = 0; i < STATE_TRIES; i++) {
			EXPECT(start() == 1);
			wake(RESET_CRASH);
		}
		EXPECT(start() == 0);
	}
	EXPECT(taken == STATE_INSTALLS_LIMIT);
	EXPECT(boot(RESET_POWER) == 0);
	good();
	wake(RESET_POWER);
	EXPECT(install(40, SIM_WORK, PLAN_AUTOMATIC) == KB_OK);
	EXPECT(start() == 1);
}

static void failed_full_comes_back_resigned(void)
{
	int target;

	factory();
	EXPECT(install(11, SIM_HANG, PLAN_AUTOMATIC) == KB_OK);
	for (int i = 0; i < STATE_TRIES; i++)
		EXPECT(boot(i == 0 ? RESET_CLEAN : RESET_CRASH) == 1);
	EXPECT(boot(RESET_CRASH) == 0);
	good();
	/* Signed anew, packed as a delta: the release id is the same. */
	wake(RESET_POWER);
	EXPECT(offer(11, PLAN_AUTOMATIC, &target) == KB_EREJECTED);
	EXPECT(offer(11, PLAN_RESCUE, &target) == KB_EREJECTED);
	state_del_rejected(&d.s, release(11).id); /* install --again */
	EXPECT(offer(11, PLAN_AUTOMATIC, &target) == KB_OK);
}

static void damaged_payload_then_genuine(void)
{
	bool dropped = false;
	int fails = 0;

	factory();
	d.s.staged.source = STATE_SRC_DATA;
	memcpy(d.s.staged.release, release(11).id, STATE_ID_LEN);
	save();
	while (!dropped && fails < 10) {
		int target;

		wake(RESET_POWER);
		EXPECT(offer(11, PLAN_AUTOMATIC, &target) == KB_OK);
		EXPECT(plan_apply_begin(&d.s, STATE_SRC_DATA));
		save();
		plan_apply_end(&d.s, STATE_SRC_DATA);
		plan_staged_failed(&d.s, &dropped);
		save();
		d.a.disk = d.s;
		EXPECT(start() == 0);
		fails++;
	}
	EXPECT(fails == STATE_FAILS_LIMIT);
	EXPECT(d.s.staged.source == STATE_SRC_NONE);
	wake(RESET_POWER); /* the genuine one, on a stick */
	EXPECT(install(11, SIM_WORK, PLAN_AUTOMATIC) == KB_OK);
	EXPECT(start() == 1);
	good();
	EXPECT(boot(RESET_POWER) == 1);
}

static void target_when_preferred_hangs_and_worse_works(void)
{
	int target, boots = 0;

	factory();
	EXPECT(install(11, SIM_HANG, PLAN_AUTOMATIC) == KB_OK);
	for (int i = 0; i < STATE_TRIES; i++)
		EXPECT(boot(RESET_CRASH) == 1);
	EXPECT(boot(RESET_CRASH) == 0); /* b is bad */
	good();
	d.truth[0] = SIM_HANG; /* now a wears out, and b, it turns out, works */
	d.truth[1] = SIM_WORK;
	while (boots < 20 && boot(RESET_CRASH) == 0)
		boots++;
	EXPECT(d.a.chosen.slot == 1);
	EXPECT(d.a.chosen.tier == CHOOSE_LAST_RESORT);
	EXPECT(offer(12, PLAN_AUTOMATIC, &target) == KB_OK);
	EXPECT(target == 0); /* never the one that works */
}

static void power_flicker_spares_a_trial(void)
{
	factory();
	EXPECT(install(11, SIM_WORK, PLAN_AUTOMATIC) == KB_OK);
	for (int i = 0; i <= STATE_GRACE; i++)
		EXPECT(boot(RESET_POWER) == 1);
	EXPECT(d.s.slot[1].tries == STATE_TRIES - 1);
	good();
}

static void late_report_does_not_undo_the_deadline(void)
{
	bool committed;

	factory();
	EXPECT(install(11, SIM_WORK, PLAN_AUTOMATIC) == KB_OK);
	EXPECT(boot(RESET_CLEAN) == 1);
	EXPECT(verdict_bad(&d.s, 1, "deadline") == KB_OK);
	save();
	EXPECT(verdict_good(&d.s, 1, d.a.token, 0, &committed) == KB_ESTALE);
	EXPECT(boot(RESET_CLEAN) == 0);
}

static void oneshot_is_for_once(void)
{
	two_reported();
	d.s.oneshot = 0;
	save();
	EXPECT(boot(RESET_CLEAN) == 0);
	EXPECT(boot(RESET_POWER) == 1);
}

static enum kb_err offer_late(unsigned n)
{
	int target;
	enum kb_err at_once = offer(n, PLAN_AUTOMATIC, &target);

	EXPECT(at_once != KB_OK);
	return offer(n, PLAN_LAST_RESORT, &target);
}

static bool is_last_resort(void)
{
	struct choose_list l;

	choose_candidates(&d.s, &l);
	return l.n > 0 && l.c[0].tier == CHOOSE_LAST_RESORT;
}

static bool any_good(void)
{
	return d.s.slot[0].st == STATE_GOOD || d.s.slot[1].st == STATE_GOOD;
}

/* Somebody has the power switch, and sticks with genuine releases, which work. He plugs one in when
 * it is a good slot that would be overwritten. */
static void old_releases_and_a_power_switch(void)
{
	unsigned next = 11;
	int boots = 0, target;

	two_reported();
	d.s.floor = 1; /* its maker does not raise it */
	d.charge_good = true;
	save();
	while (any_good() && boots++ < 60) {
		wake(boots == 1 ? RESET_POWER : RESET_UNKNOWN);
		EXPECT(offer_late(9) == KB_EDOWNGRADE);
		if (is_last_resort() && offer(next, PLAN_LAST_RESORT, &target) == KB_OK &&
		    d.s.slot[target].st == STATE_GOOD)
			EXPECT(install(next++, SIM_WORK, PLAN_LAST_RESORT) == KB_OK);
		start();
	}
	EXPECT(!any_good() && boots < 60);
	for (int i = 0; i < 12; i++) {
		wake(RESET_UNKNOWN);
		EXPECT(offer_late(9) == KB_EDOWNGRADE);
		start();
	}
	EXPECT(d.s.back >= 10);
	good();
	EXPECT(d.s.back == 0);
}

static void healthy_boots_write_nothing(void)
{
	bool committed;

	factory();
	for (int i = 0; i < 5; i++) {
		struct state before;

		EXPECT(boot(i % 2 ? RESET_POWER : RESET_UNKNOWN) == 0);
		before = d.s;
		EXPECT(verdict_good(&d.s, 0, d.a.token, 99, &committed) == KB_OK);
		EXPECT(state_same(&before, &d.s));
		EXPECT(d.disk.ops == 0);
	}
}

static const struct {
	const char *name;
	void (*tell)(void);
} stories[] = {
	{ "good-hangs-unknown-cause-other-good", good_hangs_unknown_cause_other_good },
	{ "reports-good-in-each-boot-and-crashes", reports_good_in_each_boot_and_crashes },
	{ "retries-of-a-slot-that-crashes-are-bounded",
	  retries_of_a_slot_that_crashes_are_bounded },
	{ "impatient-user-gets-the-preferred-slot-back",
	  impatient_user_gets_the_preferred_slot_back },
	{ "healthy-device-that-is-never-on-for-long", healthy_device_that_is_never_on_for_long },
	{ "only-slot-that-is-never-on-for-long", only_slot_that_is_never_on_for_long },
	{ "slot-that-hangs-beside-one-that-is-never-on-for-long",
	  slot_that_hangs_beside_one_that_is_never_on_for_long },
	{ "slot-that-crashes-after-short-uses-is-left",
	  slot_that_crashes_after_short_uses_is_left },
	{ "release-that-lost-its-trust-may-be-installed-again",
	  release_that_lost_its_trust_may_be_installed_again },
	{ "both-bad-after-both-regions-lost-then-good-stick",
	  both_bad_after_both_regions_lost_then_good_stick },
	{ "nine-bad-bundles-in-turn", nine_bad_bundles_in_turn },
	{ "failed-full-comes-back-resigned", failed_full_comes_back_resigned },
	{ "damaged-payload-then-genuine", damaged_payload_then_genuine },
	{ "target-when-preferred-hangs-and-worse-works",
	  target_when_preferred_hangs_and_worse_works },
	{ "power-flicker-spares-a-trial", power_flicker_spares_a_trial },
	{ "late-report-does-not-undo-the-deadline", late_report_does_not_undo_the_deadline },
	{ "oneshot-is-for-once", oneshot_is_for_once },
	{ "old-releases-and-a-power-switch", old_releases_and_a_power_switch },
	{ "healthy-boots-write-nothing", healthy_boots_write_nothing },
};

const char *sim_story_name(unsigned i)
{
	return i < sizeof(stories) / sizeof(stories[0]) ? stories[i].name : NULL;
}

void sim_story_run(unsigned i, struct report_line *l)
{
	memset(&d, 0, sizeof(d));
	d.line = l;
	bdev_sim_init(&d.disk, STORE_MIN_SIZE);
	stories[i].tell();
	bdev_sim_free(&d.disk);
}
