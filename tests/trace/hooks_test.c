/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks in a boot: where they are called, and what a failure does. */
#include "tests/trace/machine.h"

#include "hooks/hook.h"

#define HOOK(stage) HOOK_DIR "/" stage ".d/50-mine"

static struct {
	unsigned n;
	char last[2 * HISTORY_TEXT_MAX + 8], before[2 * HISTORY_TEXT_MAX + 8];
} events;

static bool note_event(void *ctx, const struct history_event *e)
{
	char *const text[] = { events.last, events.before };

	if (events.n < 2)
		snprintf(text[events.n], sizeof(events.last), "%s; %s", e->reason, e->detail);
	events.n++;
	return true;
}

/* The newest event in the history. */
static const char *newest_event(void)
{
	struct store st;

	memset(&events, 0, sizeof(events));
	machine_load(&st);
	OK(store_history_read(&st, 0, note_event, NULL));
	return events.last;
}

static struct words heard;
static unsigned nheard;

static bool hear(void *ctx, const struct words *w)
{
	(void)ctx;
	heard = *w;
	nheard++;
	return true;
}

/* The last words on the state partition, which are so many pieces. */
static const char *last_words(unsigned pieces)
{
	struct store st;

	nheard = 0;
	memset(&heard, 0, sizeof(heard));
	machine_load(&st);
	store_words_read(&st, hear, NULL);
	assert_int_equal(nheard, pieces);
	return heard.tail.text; /* a NUL follows, but for a full one */
}

static void hook(const char *path, int exit_code, const char *says)
{
	struct os_sim_child c = { .argv0 = path, .status = exit_code << 8 };

	os_sim_exec(path);
	if (says != NULL)
		c.say[0] = (struct os_sim_say){ 0, says, 0 };
	os_sim_child(&c);
}

static void stick_and_apply(void)
{
	machine_plug(machine_stick());
	machine_child((struct os_sim_child){ .argv0 = "keelboot-apply", .status = 2 << 8 });
}

TEST(healthy_boot_runs_the_hooks_of_the_mount_only)
{
	hook(HOOK("pre-update"), 1, NULL);
	hook(HOOK("pre-mount"), 0, NULL);
	hook(HOOK("post-mount"), 0, NULL);
	hook(HOOK("exhausted"), 0, NULL);
	machine_boots_as("hooks_around_the_mount", 'a');
	assert_order("spawn " HOOK("pre-mount"), "mount " SLOT_A_DEV);
	assert_order("mount " SLOT_A_DEV, "spawn " HOOK("post-mount"));
	assert_absent("spawn " HOOK("pre-update"));
	assert_absent("spawn " HOOK("exhausted"));
	assert_int_equal(machine.state.own.ops, 0);
}

TEST(pre_mount_hook_rejects_a_slot_that_is_never_mounted)
{
	struct os_sim_child fails = { .argv0 = HOOK("pre-mount"), .status = 1 << 8, .times = 1 };

	machine_put(machine_trial());
	fails.say[0] = (struct os_sim_say){ 0, "errors in /dev/vda3\n", 0 };
	os_sim_exec(HOOK("pre-mount"));
	os_sim_child(&fails);
	machine_child((struct os_sim_child){ .argv0 = HOOK("pre-mount") });
	machine_boots_as("pre_mount_hook_fails_next_candidate", 'a');
	assert_absent("mount " SLOT_B_DEV);
	assert_string_equal(machine_get().slot[1].reason, "hook 50-mine: exit 1");
	newest_event();
	assert_int_equal(events.n, 2); /* b was passed over, a boots */
	assert_string_equal(last_words(1), "errors in /dev/vda3\nhook 50-mine: exit 1");
	assert_int_equal(heard.kind, WORDS_BOOT);
	assert_int_equal(heard.slot, 1);
}

/* It may fail in each boot, and each would write. */
TEST(hook_that_rejects_a_good_slot_leaves_no_words)
{
	struct os_sim_child fails = { .argv0 = HOOK("pre-mount"), .status = 1 << 8, .times = 1 };

	os_sim_exec(HOOK("pre-mount"));
	os_sim_child(&fails);
	machine_child((struct os_sim_child){ .argv0 = HOOK("pre-mount") });
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	last_words(0);
}

TEST(pre_update_hook_that_fails_keeps_apply_from_starting)
{
	stick_and_apply();
	hook(HOOK("pre-update"), 1, "battery low\n");
	machine_boots_as("pre_update_hook_fails_no_update", 'a');
	assert_absent("spawn keelboot-apply");
	assert_string_equal(newest_event(), "hook 50-mine: exit 1; battery low");
	assert_int_equal(machine_get().apply[STATE_SRC_USB].count, 0);
}

TEST(pre_update_hook_that_passes_lets_apply_start)
{
	stick_and_apply();
	hook(HOOK("pre-update"), 0, NULL);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_order("spawn " HOOK("pre-update"), "spawn keelboot-apply");
}

TEST(exhausted_hook_runs_when_nothing_mounts)
{
	os_sim_fail("mount " SLOT_A_DEV " /sysroot", 0, KB_EMOUNT);
	os_sim_fail("mount " SLOT_B_DEV " /sysroot", 0, KB_EMOUNT);
	hook(HOOK("exhausted"), 1, "the red light is on\n");
	os_sim_log_level(LOG_LEVEL_INFO);
	machine_boot();
	assert_once("# hook 50-mine: the red light is on");
	assert_order("mount " SLOT_B_DEV, "spawn " HOOK("exhausted"));
	assert_once("spawn " HOOK("exhausted"));
}

/* A check that is wrong on this device must not be its end. */
TEST(check_that_rejects_both_slots_is_overruled_in_the_last_resort)
{
	for (unsigned i = 0; i < STATE_STREAK_LIMIT; i++) {
		hook(HOOK("post-mount"), 1, "no licence\n");
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		assert_string_equal(newest_event(), "hook 50-mine: exit 1; no licence");
		machine_restart();
	}
	hook(HOOK("post-mount"), 1, "no licence\n");
	machine_boots_as("check_overruled_in_the_last_resort", 'a');
	assert_absent("umount /sysroot");
	assert_once("# slot a: hook 50-mine: exit 1; booted anyway, as a last resort");
	machine_told("\"tier\":\"last-resort\"");
	machine_told("\"slot a: hook 50-mine: exit 1; it was booted anyway\"");
	newest_event();
	assert_int_equal(events.n, 2 * STATE_STREAK_LIMIT + 2);
	assert_string_equal(events.before, "hook 50-mine: exit 1; booted anyway");
	assert_string_equal(events.last, "; last-resort");
}

TEST(both_stages_are_overruled_and_told)
{
	machine_put(machine_both_bad());
	hook(HOOK("pre-mount"), 1, NULL);
	os_sim_exec(HOOK("post-mount"));
	os_sim_child(&(struct os_sim_child){ .argv0 = HOOK("post-mount"), .status = 2 << 8 });
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told(
		"\"slot a: hook 50-mine: exit 1; it was booted anyway\"},{\"id\":\"slot-despite\",\"text\":\"slot a: hook 50-mine: exit 2; it was booted anyway\"");
	newest_event();
	assert_int_equal(events.n, 3);
}

/* What fails for another reason than a check fails in the last resort too, and is not told as
 * booted. */
TEST(overruled_slot_that_does_not_mount_is_left)
{
	machine_put(machine_both_bad());
	hook(HOOK("pre-mount"), 1, NULL);
	os_sim_fail("mount " SLOT_A_DEV, 0, KB_EMOUNT);
	machine_boots('b');
	machine_told(
		"\"warnings\":[{\"id\":\"slot-despite\",\"text\":\"slot b: hook 50-mine: exit 1; it was booted anyway\"}]");
}

/* No boot could learn from the one before that only the last resort is left. */
TEST(check_that_rejects_both_slots_is_overruled_where_nothing_can_be_written)
{
	machine_put(machine_good());
	machine.state.dead[0].to = machine.state.bdev.size;
	machine.state.dead[0].writes = true;
	hook(HOOK("post-mount"), 1, NULL);
	machine_boots_as("check_overruled_state_unwritable", 'a');
	machine_told("\"slot a: hook 50-mine: exit 1; it was booted anyway\"");
	machine_restart();
	machine.no_state_bdev = true;
	machine.disk.part[0].partlabel = "other";
	hook(HOOK("pre-mount"), 1, NULL);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("\"slot a: hook 50-mine: exit 1; it was booted anyway\"");
}

/* What can be written is no reason to boot what a check rejects: rescue first. */
TEST(other_slot_goes_before_one_that_is_overruled)
{
	machine_put(machine_good());
	machine.state.dead[0].to = machine.state.bdev.size;
	machine.state.dead[0].writes = true;
	os_sim_exec(HOOK("post-mount"));
	machine_child(
		(struct os_sim_child){ .argv0 = HOOK("post-mount"), .status = 1 << 8, .times = 1 });
	machine_child((struct os_sim_child){ .argv0 = HOOK("post-mount") });
	machine_boots('b');
	assert_null(strstr(os_sim_text("/run/keelboot/boot.json"), "anyway"));
}

TEST_MAIN("trace of hooks", .set_up = machine_set_up, .tear_down = machine_tear_down)
