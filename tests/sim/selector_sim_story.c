/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named courses of events whose boots are counted: more of them than the walk, which cuts distances
 * off, can tell apart.
 */
#include "tests/sim/selector_sim.h"

#include "selector/store.h"
#include "selector/verdict.h"
#include "tests/sim/bdev_sim.h"

#define ALL 3 /* slots mount */

/* A device with a real store. Both slots mount: a story says what reports and what crashes. */
static struct device {
	struct cut_disk disk;
	struct store store;
	struct state s; /* as saved or loaded last */
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

static enum kb_err op_enter(void *ctx, int slot, char *reason)
{
	(void)ctx;
	(void)slot;
	reason[0] = '\0';
	return KB_OK;
}

static const struct attempt_ops ops = { .save = op_save, .preflight = op_enter, .mount = op_enter };

static void save(void)
{
	EXPECT(store_save(&d.store, &d.s) == KB_OK);
}

/* Power comes: load, and settle. */
static void wake(enum reset_cause cause)
{
	enum store_finding found;

	bdev_sim_cut(&d.disk, 1);
	EXPECT(store_load(&d.store, &d.disk.bdev, &d.s, &found) == KB_OK && found == STORE_FOUND);
	d.a.disk = d.s;
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

/* Installs it there, as the engine does. */
static void put(int slot, const struct plan_release *r)
{
	plan_install_begin(&d.s, slot, plan_back(&d.s, ALL));
	EXPECT(store_save_both(&d.store, &d.s) == KB_OK);
	plan_install_end(&d.s, slot, r, PLAN_AUTOMATIC, 0);
	save();
	d.a.disk = d.s;
}

/* A release's number is also its sequence. */
static struct plan_release release(unsigned n)
{
	struct plan_release r = { .sequence = n };

	memset(r.id, (int)n, sizeof(r.id));
	return r;
}

static void install(unsigned n)
{
	const struct plan_terms terms = { .mode = PLAN_AUTOMATIC,
					  .mountable = ALL,
					  .floor_bound = UINT64_MAX };
	const struct plan_release r = release(n);
	int target = 0;

	EXPECT(plan_accept(&d.s, &r, &terms, &target) == KB_OK);
	put(target, &r);
}

/* Release 10 in slot a, which is good, preferred and proven. */
static void factory(void)
{
	const struct plan_release r = release(10);
	enum store_finding found;

	EXPECT(store_load(&d.store, &d.disk.bdev, &d.s, &found) == KB_OK);
	state_init(&d.s, 2);
	put(0, &r);
	EXPECT(boot(RESET_POWER) == 0);
	good();
	live();
}

/* And release 11 in slot b, which is good, preferred and proven. */
static void two_good(void)
{
	factory();
	install(11);
	EXPECT(boot(RESET_CLEAN) == 1);
	good();
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
		install(n);
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

static const struct {
	const char *name;
	void (*tell)(void);
} stories[] = {
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
	cut_disk_free(&d.disk);
}
