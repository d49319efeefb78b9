/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a boot writes, counted by its purpose and held to the table of docs/STATE.md; and that
 * what is written again and again goes round. What commands write is counted by filecut_sim.
 */
#include "lib/util.h"
#include "selector/reset.h"
#include "selector/store_internal.h"
#include "tests/sim/wear_table.h"
#include "tests/trace/machine.h"

#define PANIC "Panic#1 Part1\n<0>[    4.2] Kernel panic - not syncing\n"

static struct wear_table table;

/* "write /dev/vda1 at 8 KiB, 4096 bytes": what is in the trace and did not fail. No other device is
 * changed by process 1. */
static struct wear_table_counts written(void)
{
	struct wear_table_counts c = { 0 };

	for (const char *at = os_sim_trace(); *at != '\0'; at = strchr(at, '\n') + 1) {
		unsigned long long kib, len;
		char verb[16], dev[64];
		int end = 0;

		if (sscanf(at, "%15[a-z] %63[^ ] at %llu KiB, %llu bytes%n", verb, dev, &kib, &len,
			   &end) < 4 ||
		    at[end] != '\n')
			continue;
		if (strcmp(dev, STATE_DEV) == 0)
			wear_table_count(&c, verb, kib * 1024, len);
		else
			c.others++;
	}
	return c;
}

/* One boot from here costs what the row says. */
static void costs(const char *row, enum os_sim_end end)
{
	struct wear_table_counts is;
	const char *why;

	assert_int_equal(machine_boot(), end);
	is = written();
	why = wear_table_check(&table, row, &is);
	if (why != NULL)
		fail_msg("%s\n%s", why, os_sim_trace());
}

/* ---------------------------------------------------------------- the paths */

/* What boots a device in this state, and what stands in its way. */
static const struct {
	const char *row;
	struct state (*from)(void);
	const char *conf, *cmdline, *fails, *file;
	enum kb_err error;
	bool stick;
	int apply; /* how it ends */
} path[] = {
	{ .row = "healthy boot", .from = machine_good },
	{ .row = "healthy boot, `count=always`",
	  .from = machine_good,
	  .conf = "[system]\ncompatible=trace\ncount=always\n" },
	{ .row = "boot of a trial", .from = machine_trial },
	{ .row = "boot with `keelboot.slot=`",
	  .from = machine_trial,
	  .cmdline = "keelboot.slot=b\n" },
	{ .row = "trial that does not mount, a good slot boots",
	  .from = machine_trial,
	  .fails = "mount " SLOT_B_DEV,
	  .error = KB_EMOUNT },
	{ .row = "boot of a trial, the state cannot be written",
	  .from = machine_trial,
	  .fails = "write " STATE_DEV,
	  .error = KB_EIO },
	{ .row = "boot after a crash of a good slot, with a record in pstore",
	  .from = machine_good,
	  .file = "/sys/fs/pstore/dmesg-ramoops-0" },
	{ .row = "last resort", .from = machine_both_bad },
	{ .row = "looking at a medium, a raw bundle or the stage folder",
	  .from = machine_staged,
	  .apply = 2 << 8 },
	{ .row = "looking at a medium, a raw bundle or the stage folder",
	  .from = machine_good,
	  .stick = true,
	  .apply = 2 << 8 },
	{ .row = "looking at a medium on which apply crashes or stalls",
	  .from = machine_good,
	  .stick = true,
	  .apply = 11 },
};

TEST(paths_that_differ_in_one_thing)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(path); i++) {
		machine_anew();
		machine_put(path[i].from());
		if (path[i].conf != NULL)
			machine.conf = path[i].conf;
		if (path[i].cmdline != NULL)
			machine.cmdline = path[i].cmdline;
		if (path[i].fails != NULL)
			os_sim_fail(path[i].fails, 0, path[i].error);
		if (path[i].file != NULL)
			os_sim_file(path[i].file, PANIC);
		if (path[i].stick)
			machine_plug(machine_stick());
		if (path[i].apply != 0)
			machine_child((struct os_sim_child){ .argv0 = "keelboot-apply",
							     .status = path[i].apply });
		costs(path[i].row, OS_SIM_EXEC);
	}
}

TEST(healthy_with_a_region_lost)
{
	machine_put(machine_good());
	bdev_sim_scribble(&machine.state, STORE_REGION(0), (uint64_t)STORE_CELLS * STORE_CELL, 99);
	costs("healthy boot, one region damaged", OS_SIM_EXEC);
}

TEST(first_boot)
{
	machine_blank();
	costs("first boot, the state partition is blank", OS_SIM_EXEC);
}

TEST(rebuild)
{
	machine_put(machine_good());
	for (int r = 0; r < 2; r++)
		bdev_sim_scribble(&machine.state, STORE_REGION(r),
				  (uint64_t)STORE_CELLS * STORE_CELL, 99);
	costs("boot after both regions were lost", OS_SIM_EXEC);
}

TEST(trial_after_a_power_cut)
{
	struct state s = machine_trial();

	s.open = 1;
	s.slot[1].tries--;
	s.warm = true;
	machine_put(s);
	os_sim_file("/dev/pmsg0", "");
	costs("boot of a trial after a power cut", OS_SIM_EXEC);
	assert_int_equal(machine_get().slot[1].grace, STATE_GRACE - 1);
}

TEST(trial_is_given_up)
{
	machine_put(machine_trial_ended(0));
	costs("trial without tries left, a good slot boots", OS_SIM_EXEC);
	assert_int_equal(machine_get().slot[1].st, STATE_BAD);
}

TEST(first_cookie)
{
	os_sim_file("/dev/pmsg0", "");
	os_sim_file("/sys/fs/pstore/pmsg-ramoops-0", "Keelboot was here\n");
	costs("first boot that finds the cookie of the one before, once in a life", OS_SIM_EXEC);
	assert_true(machine_get().warm);
}

TEST(oneshot)
{
	struct state s = machine_good();

	s.oneshot = 1;
	machine_put(s);
	costs("boot of a oneshot", OS_SIM_EXEC);
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "b\n");
}

TEST(taken_out)
{
	struct state s = machine_good();

	s.apply[STATE_SRC_USB].count = STATE_APPLY_LIMIT;
	machine_put(s);
	costs("first boot without a medium that was counted", OS_SIM_EXEC);
}

TEST(left_alone)
{
	struct state s = machine_staged();

	s.apply[STATE_SRC_DATA].count = STATE_APPLY_LIMIT;
	machine_put(s);
	costs("a source that crashed the device three times", OS_SIM_EXEC);
}

TEST(over_budget)
{
	struct state s = machine_staged();

	s.installs = STATE_INSTALLS_LIMIT;
	machine_put(s);
	costs("a staged update that was installed, or failed to be written, too often",
	      OS_SIM_EXEC);
	machine_told("\"slot\":\"a\"");
	assert_once("# update: the staged update is skipped: too many updates were installed");
	s.installs = 0;
	state_add_unwritable(&s, s.staged.release, STATE_FAILS_LIMIT);
	machine_put(s);
	machine_restart();
	machine_boots('a');
	assert_once(
		"# update: the staged update is skipped: writing it to its slot failed three times");
}

TEST(rescue)
{
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	costs("boot on which nothing mounts, up to the restart", OS_SIM_REBOOT);
}

TEST(rescue_again)
{
	for (unsigned i = 0; i < 12; i++) {
		os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		machine_restart();
	}
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	costs("the same, from the second time on", OS_SIM_REBOOT);
}

TEST(every_row_was_measured)
{
	const char *left = wear_table_left(&table, "boot");

	if (left != NULL)
		fail_msg("nothing measures \"%s\"", left);
}

/* ---------------------------------------------------------------- rings */

#define ROUNDS 40

static unsigned cell[2][STORE_CELLS];

static void least_and_most(unsigned *least, unsigned *most)
{
	*least = *most = cell[0][0];
	for (unsigned r = 0; r < 2; r++) {
		for (unsigned i = 0; i < STORE_CELLS; i++) {
			*least = cell[r][i] < *least ? cell[r][i] : *least;
			*most = cell[r][i] > *most ? cell[r][i] : *most;
		}
	}
}

/* One record, by a program that starts anew, as each boot and each command is one. */
static void save_once(struct state *s)
{
	enum store_finding found;
	struct state old;
	struct store st;

	OK(store_load(&st, &machine.state.bdev, &old, &found));
	OK(store_save(&st, s));
	cell[st.region][st.cell]++;
}

TEST(records_go_round)
{
	struct state s = machine_good();
	unsigned least, most;

	memset(cell, 0, sizeof(cell));
	for (unsigned i = 0; i < ROUNDS * 2 * STORE_CELLS; i++)
		save_once(&s);
	least_and_most(&least, &most);
	EQUAL((least, ROUNDS), (most, ROUNDS));
}

/* With cuts that lose, keep or tear the last write: no cell gets much more than another. */
TEST(records_go_round_through_power_cuts)
{
	struct state s = machine_good();
	unsigned least, most;

	memset(cell, 0, sizeof(cell));
	for (uint64_t seed = 1; seed <= ROUNDS * 2 * STORE_CELLS; seed++) {
		machine.state.ignore_flush = seed % 3 == 0;
		save_once(&s);
		machine.state.ignore_flush = false;
		bdev_sim_cut(&machine.state, seed);
	}
	least_and_most(&least, &most);
	print_message("cells written %u to %u times\n", least, most);
	assert_true(least > 0 && most <= 2 * least);
}

TEST(events_go_round)
{
	static unsigned at[STORE_HISTORY_CELLS];
	struct history_event e = { .kind = HISTORY_BOOT, .slot = 0 };
	struct state s = machine_good();

	machine_put(s);
	for (unsigned i = 0; i < 4 * STORE_HISTORY_CELLS; i++) {
		struct store st;

		s = machine_load(&st);
		e.time = i;
		OK(store_history_add(&st, &e));
		at[(st.history_n - 1) % STORE_HISTORY_CELLS]++;
	}
	for (unsigned i = 0; i < STORE_HISTORY_CELLS; i++)
		assert_int_equal(at[i], 4);
}

int main(void)
{
	if (!wear_table_read(&table, "docs/STATE.md"))
		return 1;
	return TEST_RUN("wear", .set_up = machine_set_up, .tear_down = machine_tear_down);
}
