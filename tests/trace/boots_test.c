/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many boots are lost before a system that works runs, for each kind of failure: measured here,
 * written to build/report/boots.json, and held to the table of README.md. A boot is lost when it
 * ends in a reset. The worst case is the worst over what the hardware may say of the resets, and
 * over when it changes its mind.
 */
#include "selector/verdict.h"
#include "tests/trace/machine.h"

#define README "README.md"
#define REPORT "build/report/boots.json"
#define MANY   40u /* so many are no bound any more */

static const uint32_t causes[] = { 0, WDIOF_CARDRESET, WDIOF_POWERUNDER };

/* What the hardware says of the nth reset: one thing up to `turn`, then another. */
struct told {
	uint32_t first, then;
	unsigned turn;
};

static const struct told by_watchdog = { WDIOF_CARDRESET, WDIOF_CARDRESET, 0 };
static FILE *report;
static unsigned nreported;

/* ---------------------------------------------------------------- a device that fails */

/* A kind of failure: prepares the next boot; after it, tells whether a system that works runs. */
struct kind {
	const char *name; /* in the table */
	void (*factory)(void);
	void (*before)(void);
	bool (*works)(enum os_sim_end end);
	/* What the running system, or the guardian, still does before the reset; NULL: nothing. */
	void (*after)(unsigned boot);
};

static bool runs(enum os_sim_end end, char slot)
{
	return end == OS_SIM_EXEC && os_sim_text("/run/keelboot/slot")[0] == slot;
}

static bool runs_a(enum os_sim_end end)
{
	return runs(end, 'a');
}

static bool runs_b(enum os_sim_end end)
{
	return runs(end, 'b');
}

static unsigned lost(const struct kind *k, const struct told *told)
{
	cut_disk_free(&machine.state);
	bdev_sim_init(&machine.state, STORE_MIN_SIZE);
	os_sim_reset();
	machine.watchdog.bootstatus = 0;
	k->factory();
	for (unsigned n = 0; n < MANY; n++) {
		enum os_sim_end end;

		if (k->before != NULL)
			k->before();
		end = machine_boot();
		if (k->works(end))
			return n;
		if (k->after != NULL)
			k->after(n);
		machine_restart();
		machine.watchdog.bootstatus = n < told->turn ? told->first : told->then;
	}
	return MANY;
}

static unsigned worst(const struct kind *k)
{
	unsigned most = 0;

	for (unsigned i = 0; i < 9; i++) {
		for (unsigned turn = 0; turn <= STATE_GRACE + 2 * STATE_STREAK_LIMIT; turn++) {
			const struct told t = { causes[i / 3], causes[i % 3], turn };
			unsigned n = lost(k, &t);

			most = n > most ? n : most;
		}
	}
	return most;
}

/* ---------------------------------------------------------------- the table */

static void reported(const char *name, unsigned typical, unsigned most)
{
	fprintf(report, "%s\n    {\"failure\": \"%s\", \"typical\": %u, \"worst\": %u}",
		nreported++ == 0 ? "" : ",", name, typical, most);
	fflush(report);
}

static void holds(const char *name, unsigned typical, unsigned most)
{
	const char *want = strf("| %s | %u | %u |", name, typical, most);
	FILE *f = fopen(README, "re");
	bool found = false;
	char line[1024];

	assert_non_null(f);
	reported(name, typical, most);
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = strncmp(line, want, strlen(want)) == 0;
	fclose(f);
	if (!found)
		fail_msg("the table in " README " lacks the row \"%s\"", want);
}

static void measure(const struct kind *k)
{
	holds(k->name, lost(k, &by_watchdog), worst(k));
}

/* ---------------------------------------------------------------- kinds of failure */

static void on_trial(void)
{
	machine_put(machine_trial());
}

static void does_not_mount(void)
{
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
}

TEST(trial_that_does_not_mount)
{
	const struct kind k = {
		.name = "the slot on trial does not mount, has no init, or a check rejects it",
		.factory = on_trial,
		.before = does_not_mount,
		.works = runs_a
	};

	measure(&k);
}

TEST(trial_that_hangs)
{
	const struct kind k = { .name = "its init hangs, ends, or panics the kernel",
				.factory = on_trial,
				.works = runs_a };

	measure(&k);
}

/* What the guardian does at the deadline. */
static void deadline(unsigned boot)
{
	struct store st;
	struct state s = machine_load(&st);

	if (s.open != 1)
		return;
	OK(verdict_bad(&s, 1, "deadline"));
	OK(store_save(&st, &s));
}

/* At worst its verdict cannot be written, and the reset is not told for what it is. */
TEST(trial_that_nobody_marks_good)
{
	static const char name[] = "it comes up, and nobody marks it good";
	const struct kind k = {
		.name = name, .factory = on_trial, .works = runs_a, .after = deadline
	};
	const struct kind unwritten = { .name = name, .factory = on_trial, .works = runs_a };

	holds(name, lost(&k, &by_watchdog), worst(&unwritten));
}

static unsigned cuts;

static bool runs_b_uncut(enum os_sim_end end)
{
	return runs_b(end) && cuts++ > 0;
}

/* Once: it is booted again. At worst the plug is pulled in each boot, and it is given up. */
TEST(power_cuts_on_trial)
{
	static const char name[] = "power is cut while it is on trial";
	const struct told power = { WDIOF_POWERUNDER, WDIOF_POWERUNDER, 0 };
	const struct kind once = { .name = name, .factory = on_trial, .works = runs_b_uncut };
	const struct kind always = { .name = name, .factory = on_trial, .works = runs_a };

	cuts = 0;
	holds(name, lost(&once, &power), worst(&always));
}

static void both_good(void)
{
	machine_put(machine_good());
}

/* Where hangs and panics are told, the good slot is not counted; else it is, by count=auto. */
TEST(good_slot_that_crashes)
{
	const struct kind k = { .name = "a good slot crashes again and again",
				.factory = both_good,
				.works = runs_b };
	unsigned typical = lost(&k, &by_watchdog);

	machine.no_pstore = true;
	machine.watchdog.options &= ~(uint32_t)WDIOF_CARDRESET;
	holds(k.name, typical, worst(&k));
}

/* `mark good`, as the unit of each boot calls it. */
static void reports(unsigned boot)
{
	struct store st;
	struct state s = machine_load(&st);
	bool committed;

	OK(verdict_good(&s, 0, s.open_token, 0, &committed));
	OK(store_save(&st, &s));
}

TEST(good_slot_that_reports_and_crashes)
{
	const struct kind k = { .name = "it reports good in each boot, and crashes afterwards",
				.factory = both_good,
				.works = runs_b,
				.after = reports };
	unsigned typical = lost(&k, &by_watchdog);

	machine.no_pstore = true;
	machine.watchdog.options &= ~(uint32_t)WDIOF_CARDRESET;
	holds(k.name, typical, worst(&k));
}

static void both_bad(void)
{
	machine_put(machine_both_bad());
}

TEST(both_slots_bad)
{
	static const char name[] = "both slots are bad, and one of them works";
	const struct kind first = { .name = name, .factory = both_bad, .works = runs_a };
	const struct kind second = { .name = name, .factory = both_bad, .works = runs_b };

	holds(name, lost(&first, &by_watchdog), worst(&second));
}

static void staged(void)
{
	machine_put(machine_staged());
}

static void panics_when_looked_at(void)
{
	static const struct os_sim_child stuck = { .argv0 = "keelboot-apply",
						   .stuck = true,
						   .hangs = true };

	os_sim_child(&stuck);
}

TEST(medium_that_crashes_the_kernel)
{
	const struct kind k = { .name = "a stick, or what is staged, crashes the kernel",
				.factory = staged,
				.before = panics_when_looked_at,
				.works = runs_a };

	measure(&k);
}

static void begin_report(void)
{
	if (mkdir("build/report", 0755) == 0)
		print_message("made build/report\n");
	report = fopen(REPORT, "we");
	assert_non_null(report);
	fprintf(report, "{\"schema\": 1, \"lost_boots\": [");
}

static void end_report(void)
{
	fprintf(report, "\n]}\n");
	assert_int_equal(fclose(report), 0);
}

TEST_MAIN("boots until a system works", .set_up = machine_set_up, .tear_down = machine_tear_down,
	  .first = begin_report, .last = end_report)
