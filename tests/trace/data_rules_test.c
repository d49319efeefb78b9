/* SPDX-License-Identifier: Apache-2.0 */
/* A rule of [data] that cannot be read is not taken for one that names nothing: no data is lost by
 * it. */
#include "tests/trace/machine.h"
#include "update/wire/data_wire.h"

#define DATA "keelboot-data"

static void set_up(void)
{
	machine_set_up();
}

static void conf_has(const char *conf)
{
	machine.conf = conf;
	os_sim_exec(BOOT_HELPER); /* where it is no program of its own */
}

static void add_child(enum data_wire_end end)
{
	static struct data_wire a;

	a = (struct data_wire){ .magic = DATA_WIRE_MAGIC, .end = (uint8_t)end };
	machine_child((struct os_sim_child){
		.argv0 = DATA, .say = { { 10, &a, sizeof(a) } }, .duration_ms = 20 });
}

static void boots(char slot)
{
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_int_equal(os_sim_text("/run/keelboot/slot")[0], slot);
}

static struct state asked(struct state s)
{
	s.factory = 1;
	return s;
}

TEST(reset_whose_rule_cannot_be_read_is_refused_once)
{
	static const char *const bad[] = { "keep=/ids,etc/keys", "paths=app/", "template=share" };
	char conf[128];

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++) {
		machine_restart();
		snprintf(conf, sizeof(conf), "[system]\ncompatible=trace\n[data]\n%s\n", bad[i]);
		conf_has(conf);
		machine_put(asked(machine_good()));
		add_child(DATA_WIRE_DONE);
		boots('a');
		assert_absent("spawn " DATA);
		machine_told("not made anew, as it was asked for: [data] ");
		machine_told("cannot be read");
		assert_int_equal(machine_get().factory, 0);
	}
}

TEST(reset_whose_rule_is_good_is_done)
{
	conf_has("[system]\ncompatible=trace\n[data]\nkeep=ids, etc/keys\n");
	machine_put(asked(machine_good()));
	add_child(DATA_WIRE_DONE);
	boots('a');
	assert_once("# data: made anew");
	assert_int_equal(machine_get().factory, 0);
}

TEST(trial_whose_data_cannot_be_named_is_refused)
{
	conf_has("[system]\ncompatible=trace\n[source.data]\nenabled=no\n[data]\npaths=/app\n");
	machine_put(machine_trial());
	add_child(DATA_WIRE_CANNOT);
	boots('a');
	assert_once("# slot b: data cannot be kept in this way");
	assert_int_equal(machine_get().slot[1].tries, machine_trial().slot[1].tries - 1);
	machine_told("\"paths\":null");
}

/* A trial that began with a reset goes back, in a boot that a person may have forced. */
static void puts_back(bool refill, bool forced)
{
	struct state s = machine_trial();

	machine_restart();
	conf_has("[system]\ncompatible=trace\n[data]\npaths=app\ntemplate=/share\n");
	machine.cmdline = forced ? "keelboot.slot=a\n" : "quiet\n";
	s.slot[1].st = STATE_BAD;
	s.pref = 0;
	s.data = (struct state_data){ .phase = STATE_DATA_BACK, .slot = 1 };
	memcpy(s.data.release, s.slot[1].release, sizeof(s.data.release));
	s.factory_refill = refill;
	machine_put(s);
	add_child(DATA_WIRE_DONE);
	boots('a');
	assert_once("spawn " DATA " back");
	assert_int_equal(os_sim_count("spawn " DATA " fill"), refill);
	EQUAL((machine_get().factory_refill, refill && forced), (machine_get().factory_fill, 0));
}

TEST(what_goes_back_of_a_reset_is_filled_before_the_slot_runs)
{
	puts_back(false, false);
	puts_back(true, false);
	puts_back(true, true);
}

TEST_MAIN("data_rules", .set_up = set_up, .tear_down = machine_tear_down)
