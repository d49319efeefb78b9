/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks in a boot: where they are called, and what a failure does. */
#include "tests/trace/machine.h"

#include "hooks/hook.h"

#define HOOK(stage) HOOK_DIR "/" stage ".d/50-mine"

static struct {
	unsigned n;
	char last[160];
} events;

static bool note_event(void *ctx, const struct history_event *e)
{
	(void)ctx;
	if (events.n++ == 0)
		snprintf(events.last, sizeof(events.last), "%s; %s", e->reason, e->detail);
	return true;
}

/* The newest event in the history. */
static const char *newest_event(void)
{
	enum store_finding found;
	struct state s;
	struct store st;

	memset(&events, 0, sizeof(events));
	assert_int_equal(store_load(&st, &machine.state.bdev, &s, &found), KB_OK);
	assert_int_equal(store_history_read(&st, 0, note_event, NULL), KB_OK);
	return events.last;
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
	struct os_sim_child apply = { .argv0 = "keelboot-apply", .status = 2 << 8 };
	struct os_sim_disk stick = machine_stick();

	os_sim_disk(&stick);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_child(&apply);
}

static void healthy_boot_runs_the_hooks_of_the_mount_only(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	hook(HOOK("pre-update"), 1, NULL);
	hook(HOOK("pre-mount"), 0, NULL);
	hook(HOOK("post-mount"), 0, NULL);
	hook(HOOK("exhausted"), 0, NULL);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("hooks_around_the_mount");
	assert_order("spawn " HOOK("pre-mount"), "mount " SLOT_A_DEV);
	assert_order("mount " SLOT_A_DEV, "spawn " HOOK("post-mount"));
	assert_absent("spawn " HOOK("pre-update"));
	assert_absent("spawn " HOOK("exhausted"));
	assert_int_equal(machine.state.ops, 0);
}

static void pre_mount_hook_rejects_a_slot_that_is_never_mounted(void **ctx)
{
	struct os_sim_child passes = { .argv0 = HOOK("pre-mount") };
	struct os_sim_child fails = { .argv0 = HOOK("pre-mount"), .status = 1 << 8, .times = 1 };
	struct state s = machine_trial();

	(void)ctx;
	machine_put(&s);
	fails.say[0] = (struct os_sim_say){ 0, "errors in /dev/vda3\n", 0 };
	os_sim_exec(HOOK("pre-mount"));
	os_sim_child(&fails);
	os_sim_child(&passes);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("pre_mount_hook_fails_next_candidate");
	assert_absent("mount " SLOT_B_DEV);
	assert_string_equal(machine_get().slot[1].reason, "hook 50-mine: exit 1");
	newest_event();
	assert_int_equal(events.n, 2); /* b was passed over, a boots */
}

static void pre_update_hook_that_fails_keeps_apply_from_starting(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	stick_and_apply();
	hook(HOOK("pre-update"), 1, "battery low\n");
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("pre_update_hook_fails_no_update");
	assert_absent("spawn keelboot-apply");
	assert_string_equal(newest_event(), "hook 50-mine: exit 1; battery low");
	assert_int_equal(machine_get().apply[STATE_SRC_USB].count, 0);
}

static void pre_update_hook_that_passes_lets_apply_start(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	stick_and_apply();
	hook(HOOK("pre-update"), 0, NULL);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_order("spawn " HOOK("pre-update"), "spawn keelboot-apply");
}

static void exhausted_hook_runs_when_nothing_mounts(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	os_sim_fail("mount " SLOT_A_DEV " /sysroot", 0, KB_EMOUNT);
	os_sim_fail("mount " SLOT_B_DEV " /sysroot", 0, KB_EMOUNT);
	hook(HOOK("exhausted"), 1, "the red light is on\n");
	os_sim_log_level(LOG_LEVEL_INFO);
	machine_boot();
	assert_once("# hook 50-mine: the red light is on");
	assert_order("mount " SLOT_B_DEV, "spawn " HOOK("exhausted"));
	assert_once("spawn " HOOK("exhausted"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(healthy_boot_runs_the_hooks_of_the_mount_only),
		T(pre_mount_hook_rejects_a_slot_that_is_never_mounted),
		T(pre_update_hook_that_fails_keeps_apply_from_starting),
		T(pre_update_hook_that_passes_lets_apply_start),
		T(exhausted_hook_runs_when_nothing_mounts),
	};

	return cmocka_run_group_tests_name("trace of hooks", tests, NULL, NULL);
}
