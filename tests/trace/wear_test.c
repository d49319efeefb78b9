/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a boot writes, counted by its purpose and held to the table of docs/STATE.md; and that
 * what is written again and again goes round. What commands write is counted by filecut_sim.
 */
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

static void from(struct state s)
{
	machine_put(&s);
}

/* ---------------------------------------------------------------- the paths */

static void healthy(void **ctx)
{
	(void)ctx;
	from(machine_good());
	costs("healthy boot", OS_SIM_EXEC);
}

static void healthy_and_counted(void **ctx)
{
	(void)ctx;
	from(machine_good());
	machine.conf = "[system]\ncompatible=trace\ncount=always\n";
	costs("healthy boot, `count=always`", OS_SIM_EXEC);
}

static void healthy_with_a_region_lost(void **ctx)
{
	(void)ctx;
	from(machine_good());
	bdev_sim_scribble(&machine.state, STORE_REGION(0), (uint64_t)STORE_CELLS * STORE_CELL, 99);
	costs("healthy boot, one region damaged", OS_SIM_EXEC);
}

static void first_boot(void **ctx)
{
	(void)ctx;
	costs("first boot, the state partition is blank", OS_SIM_EXEC);
}

static void rebuild(void **ctx)
{
	(void)ctx;
	from(machine_good());
	for (int r = 0; r < 2; r++)
		bdev_sim_scribble(&machine.state, STORE_REGION(r),
				  (uint64_t)STORE_CELLS * STORE_CELL, 99);
	costs("boot after both regions were lost", OS_SIM_EXEC);
}

static void trial(void **ctx)
{
	(void)ctx;
	from(machine_trial());
	costs("boot of a trial", OS_SIM_EXEC);
}

static void trial_after_a_power_cut(void **ctx)
{
	struct state s = machine_trial();

	(void)ctx;
	s.open = 1;
	s.slot[1].tries--;
	s.warm = true;
	from(s);
	os_sim_file("/dev/pmsg0", "");
	costs("boot of a trial after a power cut", OS_SIM_EXEC);
	assert_int_equal(machine_get().slot[1].grace, STATE_GRACE - 1);
}

static void trial_does_not_mount(void **ctx)
{
	(void)ctx;
	from(machine_trial());
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	costs("trial that does not mount, a good slot boots", OS_SIM_EXEC);
}

static void trial_is_given_up(void **ctx)
{
	struct state s = machine_trial();

	(void)ctx;
	s.slot[1].tries = 0;
	s.open = 1;
	from(s);
	costs("trial without tries left, a good slot boots", OS_SIM_EXEC);
	assert_int_equal(machine_get().slot[1].st, STATE_BAD);
}

static void crash(void **ctx)
{
	(void)ctx;
	from(machine_good());
	os_sim_file("/sys/fs/pstore/dmesg-ramoops-0", PANIC);
	costs("boot after a crash of a good slot", OS_SIM_EXEC);
}

static void first_cookie(void **ctx)
{
	(void)ctx;
	from(machine_good());
	os_sim_file("/dev/pmsg0", "");
	os_sim_file("/sys/fs/pstore/pmsg-ramoops-0", "Keelboot was here\n");
	costs("first boot that finds the cookie of the one before, once in a life", OS_SIM_EXEC);
	assert_true(machine_get().warm);
}

static void oneshot(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	s.oneshot = 1;
	from(s);
	costs("boot of a oneshot", OS_SIM_EXEC);
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "b\n");
}

static void last_resort(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	s.slot[0].st = s.slot[1].st = STATE_BAD;
	from(s);
	costs("last resort", OS_SIM_EXEC);
}

static void put_staged(void)
{
	struct state s = machine_good();

	s.staged.source = STATE_SRC_DATA;
	from(s);
}

static void opening(void **ctx)
{
	const struct os_sim_child nothing = { .argv0 = "keelboot-apply", .status = 2 << 8 };

	(void)ctx;
	put_staged();
	os_sim_child(&nothing);
	costs("looking at a medium, a raw bundle or the stage folder", OS_SIM_EXEC);
}

static void stick(void **ctx)
{
	const struct os_sim_child nothing = { .argv0 = "keelboot-apply", .status = 2 << 8 };
	struct os_sim_disk usb = machine_stick();

	(void)ctx;
	from(machine_good());
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_disk(&usb);
	os_sim_child(&nothing);
	costs("looking at a medium, a raw bundle or the stage folder", OS_SIM_EXEC);
}

static void dies(void **ctx)
{
	const struct os_sim_child crashes = { .argv0 = "keelboot-apply", .status = 11 };
	struct os_sim_disk usb = machine_stick();

	(void)ctx;
	from(machine_good());
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_disk(&usb);
	os_sim_child(&crashes);
	costs("looking at a medium on which apply crashes or stalls", OS_SIM_EXEC);
}

static void taken_out(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	s.apply[STATE_SRC_USB].count = STATE_APPLY_LIMIT;
	from(s);
	costs("first boot without a medium that was counted", OS_SIM_EXEC);
}

static void left_alone(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	s.staged.source = STATE_SRC_DATA;
	s.apply[STATE_SRC_DATA].count = STATE_APPLY_LIMIT;
	from(s);
	costs("a source that took the device down three times", OS_SIM_EXEC);
}

static void over_budget(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	s.staged.source = STATE_SRC_DATA;
	s.installs = STATE_INSTALLS_LIMIT;
	from(s);
	costs("a staged update that was installed, or failed to be written, too often",
	      OS_SIM_EXEC);
	machine_told("\"slot\":\"a\"");
}

static void rescue(void **ctx)
{
	(void)ctx;
	from(machine_good());
	os_sim_fail("mount " SLOT_A_DEV, 0, KB_EMOUNT);
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	costs("boot on which nothing mounts, up to the restart", OS_SIM_REBOOT);
}

static void rescue_again(void **ctx)
{
	(void)ctx;
	from(machine_good());
	for (unsigned i = 0; i < 12; i++) {
		os_sim_fail("mount " SLOT_A_DEV, 0, KB_EMOUNT);
		os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		machine_restart();
	}
	os_sim_fail("mount " SLOT_A_DEV, 0, KB_EMOUNT);
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	costs("the same, from the second time on", OS_SIM_REBOOT);
}

static void forced(void **ctx)
{
	(void)ctx;
	from(machine_trial());
	machine.cmdline = "keelboot.slot=b\n";
	costs("boot with `keelboot.slot=`", OS_SIM_EXEC);
}

static void cannot_be_written(void **ctx)
{
	(void)ctx;
	from(machine_trial());
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	costs("boot of a trial, the state cannot be written", OS_SIM_EXEC);
}

static void every_row_was_measured(void **ctx)
{
	const char *left = wear_table_left(&table, "boot");

	(void)ctx;
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

	assert_int_equal(store_load(&st, &machine.state.bdev, &old, &found), KB_OK);
	assert_int_equal(store_save(&st, s), KB_OK);
	cell[st.region][st.cell]++;
}

static void records_go_round(void **ctx)
{
	struct state s = machine_good();
	unsigned least, most;

	(void)ctx;
	memset(cell, 0, sizeof(cell));
	for (unsigned i = 0; i < ROUNDS * 2 * STORE_CELLS; i++)
		save_once(&s);
	least_and_most(&least, &most);
	assert_int_equal(least, ROUNDS);
	assert_int_equal(most, ROUNDS);
}

/* With cuts that lose, keep or tear the last write: no cell gets much more than another. */
static void records_go_round_through_power_cuts(void **ctx)
{
	struct state s = machine_good();
	unsigned least, most;

	(void)ctx;
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

static void events_go_round(void **ctx)
{
	static unsigned at[STORE_HISTORY_CELLS];
	struct history_event e = { .kind = HISTORY_BOOT, .slot = 0 };
	struct state s = machine_good();

	(void)ctx;
	from(s);
	for (unsigned i = 0; i < 4 * STORE_HISTORY_CELLS; i++) {
		enum store_finding found;
		struct store st;

		assert_int_equal(store_load(&st, &machine.state.bdev, &s, &found), KB_OK);
		e.time = i;
		assert_int_equal(store_history_add(&st, &e), KB_OK);
		at[(st.history_n - 1) % STORE_HISTORY_CELLS]++;
	}
	for (unsigned i = 0; i < STORE_HISTORY_CELLS; i++)
		assert_int_equal(at[i], 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(healthy),
		T(healthy_and_counted),
		T(healthy_with_a_region_lost),
		T(first_boot),
		T(rebuild),
		T(trial),
		T(trial_after_a_power_cut),
		T(trial_does_not_mount),
		T(trial_is_given_up),
		T(crash),
		T(first_cookie),
		T(oneshot),
		T(last_resort),
		T(opening),
		T(stick),
		T(dies),
		T(taken_out),
		T(left_alone),
		T(over_budget),
		T(rescue),
		T(rescue_again),
		T(forced),
		T(cannot_be_written),
		T(every_row_was_measured),
		T(records_go_round),
		T(records_go_round_through_power_cuts),
		T(events_go_round),
	};

	if (!wear_table_read(&table, "docs/STATE.md"))
		return 1;
	return cmocka_run_group_tests_name("wear", tests, NULL, NULL);
}
