/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of the slots that a boot of three does not take: the preferred one first. */
#include "tests/trace/machine.h"

#define SLOT_C_DEV "/dev/vda5"

/* All three are good, b is preferred. */
static struct state three_slots(void)
{
	struct state s = machine_good();

	machine.conf = "[system]\ncompatible=trace\n"
		       "[slot.a]\nroot=PARTLABEL=root-a\n"
		       "[slot.b]\nroot=PARTLABEL=root-b\n"
		       "[slot.c]\nroot=PARTLABEL=root-c\n";
	machine.disk.nparts = 5;
	machine.disk.part[4] =
		(struct os_sim_part){ .partlabel = "root-c", .size = 64 * MIB, .fstype = "ext4" };
	s.nslots = 3;
	states_set(&s, 1, STATE_GOOD, 20);
	states_set(&s, 2, STATE_GOOD, 8);
	state_set_text(s.slot[2].version, "0.8");
	s.pref = 1;
	return s;
}

/* It crashed three times, and waits. */
static void left(struct state *s, int slot)
{
	s->slot[slot].streak = STATE_STREAK_LIMIT;
	s->slot[slot].wait = 2;
	state_set_text(s->slot[slot].reason, "crashed or hung");
}

static void boots_slot_c(struct state *s)
{
	machine_put(*s);
	os_sim_fs_file(SLOT_C_DEV, "/sbin/init", NULL);
	machine_boots('c');
}

static bool keep_newest(void *ctx, const struct history_event *e)
{
	*(struct history_event *)ctx = *e;
	return false;
}

static void assert_newest(const char *reason)
{
	struct history_event e = { .n = 0 };
	struct store st;

	machine_load(&st);
	OK(store_history_read(&st, 0, keep_newest, &e));
	EQUAL((e.kind, HISTORY_BOOT), (e.slot, 2), (e.reason, reason));
}

TEST(preferred_slot_is_told_though_another_one_fails)
{
	struct state s = three_slots();

	left(&s, 1);
	machine.disk.part[1].fstype = NULL;
	boots_slot_c(&s);
	assert_once(
		"# slot b is preferred, but skipped: crashed or hung; tried again after 2 healthy boots");
	assert_once("# slot a: no file system");
	machine_told("\"reason\":\"b: crashed or hung; tried again after 2 healthy boots; slot a: "
		     "no file system\"");
	assert_newest("b: crashed or hung; slot a: no file system");
}

TEST(each_slot_that_fails_is_told)
{
	struct state s = three_slots();

	machine.disk.part[1].fstype = NULL;
	machine.disk.part[2].partlabel = "other";
	boots_slot_c(&s);
	machine_told("\"reason\":\"b: no partition; slot a: no file system\"");
	assert_absent("# slot b is preferred"); /* why is said already */
	assert_newest("b: no partition; slot a: no file system");
}

/* The oneshot fails before it. */
TEST(preferred_slot_is_first_though_it_fails_last)
{
	struct state s = three_slots();

	s.oneshot = 0;
	machine.disk.part[1].fstype = NULL;
	machine.disk.part[2].fstype = NULL;
	boots_slot_c(&s);
	machine_told("\"reason\":\"b: no file system; slot a: no file system\"");
}

TEST(order_that_fails_is_no_reason)
{
	struct state s = three_slots();

	left(&s, 1);
	machine.cmdline = "keelboot.slot=a\n";
	machine.disk.part[1].fstype = NULL;
	boots_slot_c(&s);
	machine_told("\"reason\":\"b: crashed or hung; tried again after 2 healthy boots; slot a: "
		     "no file system\"");
}

/* It fails as the slot that was asked for, and boots as the only one that there is. */
TEST(slot_that_boots_is_not_told)
{
	struct state s = three_slots();

	for (int i = 0; i < 3; i++)
		s.slot[i].st = i == 2 ? STATE_GOOD : STATE_EMPTY;
	machine.cmdline = "keelboot.slot=c\n";
	os_sim_fail("mount " SLOT_C_DEV, 1, KB_EMOUNT);
	os_sim_fail("mount " SLOT_C_DEV, 1, KB_EMOUNT); /* without its options */
	boots_slot_c(&s);
	assert_once("# slot c: no mount");
	machine_told("\"reason\":\"b: keelboot.slot= names another slot\"");
}

/* Its last chance for now was this boot. */
TEST(retry_that_fails_says_when_the_next_one_is)
{
	struct state s = three_slots();

	left(&s, 1);
	s.slot[1].wait = 0;
	s.slot[0].st = STATE_EMPTY;
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	boots_slot_c(&s);
	assert_once("# slot b is preferred, but skipped: no mount");
	machine_told("tried again after 2 healthy boots\"");
}

/* boot.json has all that can be; the history has 200 characters. */
/* The preferred slot is trusted, and yet another one has its turn (decision 74). */
TEST(turn_of_another_slot_is_told)
{
	struct state s = three_slots();

	for (int i = 0; i < 2; i++)
		left(&s, i);
	s.slot[1].streak = STATE_STREAK_LIMIT - 1;
	s.slot[1].doubt = 1;
	left(&s, 2);
	s.slot[2].wait = 0;
	boots_slot_c(&s);
	machine_told("\"tier\":\"retry\"");
	machine_told("\"reason\":\"b: unexplained resets: another slot gets a chance\"");
	assert_once(
		"# slot b is preferred, but skipped: unexplained resets: another slot gets a chance");
	assert_newest("b: unexplained resets: another slot gets a chance");
}

TEST(what_has_no_room_is_left_out_whole)
{
	static const char reason[] = "a reason of 48 characters, which is the longest!";
	static const char end[] = "; slot c: a reason of 48 characters, which is the longest!";
	struct boot *b = &machine.boot;
	char text[SKIPPED_TEXT_MAX + 1];

	assert_int_equal(strlen(reason), STATE_STR_MAX);
	for (int i = 0; i < 2 * STATE_SLOTS_MAX; i++) /* each failed twice */
		skipped_note(b, i % STATE_SLOTS_MAX, reason);
	skipped_text(&b->skipped, text, sizeof(text));
	assert_int_equal(b->skipped.n, STATE_SLOTS_MAX);
	assert_int_equal(strlen(text), STATE_SLOTS_MAX * strlen(end) - strlen("; slot "));
	skipped_text(&b->skipped, text, HISTORY_TEXT_MAX + 1);
	assert_string_equal(text + strlen(text) - strlen(end), end);
	skipped_text(&b->skipped, text, 4);
	assert_string_equal(text, "");
}

TEST_MAIN("slots that are passed over", .set_up = machine_set_up, .tear_down = machine_tear_down)
