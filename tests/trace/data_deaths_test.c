/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-data cannot be killed, since a device holds it: only a reset ends that, and the next
 * boot would begin again. No step does so for ever: a good slot boots without it, and a trial is
 * refused. What only looks is left running.
 */
#include "tests/trace/machine.h"
#include "update/wire/data_wire.h"

#define DATA  "keelboot-data"
#define BOOTS (STATE_DATA_BEGUN_MAX + 3)

static void set_up(void)
{
	machine_set_up();
	machine.conf = "[system]\ncompatible=trace\n[data]\npaths=app\n";
}

/* One that has the verb hangs; the others do their work at once. */
static void add_children(const char *verb)
{
	static struct data_wire done = { .magic = DATA_WIRE_MAGIC, .end = DATA_WIRE_DONE };

	os_sim_exec(BOOT_DATA);
	machine_child(
		(struct os_sim_child){ .argv0 = DATA, .arg = verb, .hangs = true, .stuck = true });
	machine_child((struct os_sim_child){
		.argv0 = DATA, .say = { { 10, &done, sizeof(done) } }, .duration_ms = 20 });
}

/* How many boots restart before one runs a slot. */
static unsigned restarts(const char *verb)
{
	for (unsigned n = 0; n < BOOTS; n++) {
		machine_restart();
		add_children(verb);
		if (machine_boot() == OS_SIM_EXEC)
			return n;
		assert_once("# data: keelboot-data cannot be stopped; restarting");
		assert_absent("WATCHDOG FIRES");
	}
	return BOOTS;
}

static bool runs(char slot)
{
	return os_sim_text("/run/keelboot/slot")[0] == slot;
}

static struct state with_data(struct state s, enum state_data_phase phase)
{
	s.data = (struct state_data){ .phase = phase, .slot = 1 };
	memcpy(s.data.release, s.slot[1].release, sizeof(s.data.release));
	return s;
}

TEST(good_slot_boots_when_putting_back_hangs_in_each_boot)
{
	struct state s = with_data(machine_trial(), STATE_DATA_KEEP);

	s.slot[1].st = STATE_BAD;
	s.pref = 0;
	machine_put(s);
	assert_int_equal(restarts("back"), STATE_DATA_BEGUN_MAX);
	assert_true(runs('a'));
	machine_told("given up");
	assert_int_equal(restarts("back"), 0);
	assert_int_equal(machine_get().slot[0].st, STATE_GOOD);
}

TEST(good_slot_boots_when_deleting_hangs_in_each_boot)
{
	machine_put(with_data(machine_good(), STATE_DATA_DROP));
	assert_int_equal(restarts("drop"), STATE_DATA_BEGUN_MAX);
	assert_true(runs('a'));
}

TEST(trial_is_refused_when_keeping_hangs_in_each_boot)
{
	machine_put(machine_trial());
	assert_int_equal(restarts("make"), STATE_DATA_BEGUN_MAX);
	assert_true(runs('a'));
	assert_int_equal(machine_get().slot[1].tries, machine_trial().slot[1].tries - 1);
}

TEST(what_only_looks_is_left_running)
{
	machine_put(with_data(machine_trial(), STATE_DATA_KEEP));
	assert_int_equal(restarts("check"), 0);
	assert_true(runs('b'));
}

TEST_MAIN("data_deaths", .set_up = set_up, .tear_down = machine_tear_down)
