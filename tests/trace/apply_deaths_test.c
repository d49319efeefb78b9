/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-apply ends, hangs, babbles or lies at each point of what it tells process 1, with the
 * slot as it was, half written, or whole. The boot goes on in a bounded time, with a slot that is
 * whole, and what apply says of itself is not taken for what the state has.
 */
#include "lib/util.h"
#include "selector/store_internal.h"
#include "tests/trace/applies.h"

#define END_MS	   1500u
#define LONGEST_MS 120000u /* the stall limit, the wait for its end, and that for its death */

enum effect { NOTHING, HALF, WHOLE };

static const char *const effects[] = { "nothing", "half", "whole" };

/* What apply has done to the state by then. */
static void work(void *ctx)
{
	enum effect effect = *(enum effect *)ctx;

	if (effect == HALF)
		applies_half();
	if (effect == WHOLE)
		applies_whole(PLAN_AUTOMATIC);
}

/* What is said until it ends; each of these is a point of the protocol. */
static const struct {
	const char *name;
	struct os_sim_say say[6];
} points[] = {
	{ "silent", { { 0, NULL, 0 } } },
	{ "half a line", { { 200, "P 1 che", 0 } } },
	{ "checking", { { 200, "P 1 check 50 100\n", 0 } } },
	{ "checked", { { 200, "P 1 check 100 100\n", 0 } } },
	{ "writing", { { 200, "P 1 check 100 100\n", 0 }, { 400, "P 1 write 1 100\n", 0 } } },
	{ "half a line later", { { 200, "P 1 write 1 100\nP 1 wri", 0 } } },
	{ "written", { { 200, "P 1 write 100 100\n", 0 } } },
	{ "reading back",
	  { { 200, "P 1 write 100 100\n", 0 }, { 300, "P 1 read-back 5 9\n", 0 } } },
	{ "read back", { { 200, "P 1 write 100 100\n", 0 }, { 300, "P 1 read-back 9 9\n", 0 } } },
	{ "backwards",
	  { { 200, "P 1 write 9 100\n", 0 }, { 300, "P 1 check 1 9\nP 1 write 3 100\n", 0 } } },
	{ "numbers",
	  { { 200, "P 1 write 99999999999999999999 1\nP 1 write -1 4\nP 1 write 5 4\n", 0 } } },
	{ "binary", { { 200, "\0\1\2\377\n\n\0P 1 write 1", 19 } } },
	{ "other words",
	  { { 200, "Q 1 write 1 2\nP 1 fly 1 2\nP\nP 1 write\nP 17 write 1 2\n", 0 } } },
};

static const struct {
	const char *name;
	int status;
	bool hangs, stuck, closes;
} ends[] = {
	{ .name = "exit 0", 0 },
	{ .name = "exit 1", 1 << 8 },
	{ .name = "exit 2", 2 << 8 },
	{ .name = "exit 3", 3 << 8 },
	{ .name = "exit 127", 127 << 8 },
	{ .name = "exit 255", 255 << 8 },
	{ .name = "SIGKILL", SIGKILL },
	{ .name = "SIGSEGV", SIGSEGV },
	{ .name = "SIGABRT with a core", SIGABRT | 0x80 },
	{ .name = "hangs", .hangs = true },
	{ .name = "cannot be killed", .hangs = true, .stuck = true },
	{ .name = "closes its pipe and hangs", .hangs = true, .closes = true },
	{ .name = "closes its pipe and works on", 0, .closes = true },
};

static char what[160];

static void begin(unsigned point, unsigned end, enum effect *effect)
{
	struct os_sim_child c = { .argv0 = APPLY,
				  .duration_ms = END_MS,
				  .status = ends[end].status,
				  .hangs = ends[end].hangs,
				  .stuck = ends[end].stuck,
				  .closes_ms = ends[end].closes ? 500 : 0 };
	struct state s = machine_good();

	snprintf(what, sizeof(what), "%s, %s, the slot: %s", points[point].name, ends[end].name,
		 effects[*effect]);
	s.slot[1] = (struct state_slot){ .st = STATE_EMPTY };
	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	memcpy(c.say, points[point].say, sizeof(c.say));
	os_sim_child(&c);
	os_sim_at(450, work, effect);
}

/* One that cannot be killed may still write: only a reset ends that. */
static void check_restart(void)
{
	if (os_sim_ended() != OS_SIM_REBOOT ||
	    os_sim_count("# update: apply cannot be stopped") != 1)
		fail_msg("%s: not restarted, or without a word", what);
	if (!machine_get().apply[STATE_SRC_DATA].open)
		fail_msg("%s: not counted", what);
}

static void check_boot(unsigned end, enum effect effect)
{
	struct state after = machine_get();
	const char *slot = os_sim_text("/run/keelboot/slot");

	if (os_sim_ended() != OS_SIM_EXEC)
		fail_msg("%s: does not boot", what);
	if (strcmp(slot, effect == WHOLE ? "b\n" : "a\n") != 0)
		fail_msg("%s: boots slot %s", what, slot);
	if (effect == HALF && after.slot[1].st != STATE_WRITING)
		fail_msg("%s: slot b is %s", what, state_st_name(after.slot[1].st));
	if (effect == NOTHING && after.slot[1].st != STATE_EMPTY)
		fail_msg("%s: slot b is %s", what, state_st_name(after.slot[1].st));
	if (after.apply[STATE_SRC_DATA].open)
		fail_msg("%s: an apply is open that is not", what);
	/* Who crashes or stalls costs the staged copy a failure; who says what failed has noted it.
	 */
	if (effect != WHOLE &&
	    (ends[end].hangs || ends[end].status == 0 || ends[end].status & 0x7f) &&
	    after.staged.fails != 1)
		fail_msg("%s: %u failures of the copy", what, after.staged.fails);
}

static void try(unsigned point, unsigned end, enum effect effect)
{
	machine_restart();
	begin(point, end, &effect);
	machine_boot();
	if (os_now_ms() > LONGEST_MS)
		fail_msg("%s: takes %u s", what, (unsigned)(os_now_ms() / 1000));
	if (os_sim_count("WATCHDOG FIRES") != 0)
		fail_msg("%s: the watchdog is not fed", what);
	if (ends[end].stuck)
		check_restart();
	else
		check_boot(end, effect);
}

TEST(the_boot_goes_on_wherever_apply_ends)
{
	for (unsigned p = 0; p < KB_ARRAY_LEN(points); p++) {
		for (unsigned e = 0; e < KB_ARRAY_LEN(ends); e++) {
			for (unsigned effect = NOTHING; effect <= WHOLE; effect++)
				try(p, e, (enum effect)effect);
		}
	}
}

TEST_MAIN("apply_deaths", .set_up = machine_set_up, .tear_down = machine_tear_down)
