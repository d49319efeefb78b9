/* SPDX-License-Identifier: Apache-2.0 */
/* Slots whose kernels are files in two config partitions, started by EFI Boot Guard. */
#include "tests/trace/pairs.h"

#define WHERE "a=/dev/vda5:/EFI/Linux/keelboot-a.efi,b=/dev/vda6:/EFI/Linux/keelboot-b.efi"
#define ASKS  "spawn " LOADER " efibootguard " WHERE " "
#define CONF                                                                                \
	"[system]\ncompatible=trace\n"                                                      \
	"[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=ebg-a:/EFI/Linux/keelboot-a.efi\n" \
	"[slot.b]\nroot=PARTLABEL=root-b\nboot=PARTLABEL=ebg-b:/EFI/Linux/keelboot-b.efi\n" \
	"[loader]\nkind=efibootguard\n"

static void set_up(void)
{
	machine_set_up();
	machine.conf = CONF;
	for (unsigned i = 0; i < 2; i++)
		add_partition(i == 0 ? "ebg-a" : "ebg-b", "vfat");
}

TEST(stub_says_whose_kernel_runs_and_a_healthy_boot_asks_no_more)
{
	loader_says("booted", "booted=a\n", 0);
	machine_boots('a');
	assert_once("spawn " LOADER);
	assert_once(ASKS "booted");
	machine_told("\"pair\":\"a\"");
	devices_have("loader efibootguard " WHERE "\npair a\n");
}

/* Of a kernel without that stub, the words of its environment say it. */
TEST(words_say_whose_kernel_runs_where_no_stub_does)
{
	loader_says("booted", "UEFI has no variable LoaderImageIdentifier\n", 1);
	machine.cmdline = "keelboot.pair=a";
	machine_boots('a');
	machine_told("\"pair\":\"a\"");
}

TEST(nothing_is_installed_where_nobody_says_it)
{
	machine_put(machine_staged());
	loader_says("booted", "UEFI has no variable LoaderImageIdentifier\n", 1);
	machine_child(apply(0, NULL));
	machine_boots('a');
	assert_absent("spawn " APPLY);
	machine_told("neither the kernel image nor its words say which slot's file was started");
}

TEST(trial_is_handed_over_to_its_file_and_goes_on)
{
	machine_put(machine_trial());
	loader_says("booted", "booted=a\n", 0);
	loader_says("once", "default=a once=b\n", 0);
	loader_says("get", "default=a once=-\n", 0);
	machine_reboots_as("efibg_is_handed_over");
	assert_order(ASKS "once b", "reboot");

	machine_restart();
	loader_says("booted", "booted=b\n", 0);
	machine_boots('b');
	assert_true(machine_get().handed == 0);
}

TEST(damaged_environments_cost_no_try)
{
	machine_put(machine_trial());
	loader_says("booted", "booted=a\n", 0);
	loader_says("get", "both environments are damaged\n", 1);
	machine_boots('a');
	assert_absent("reboot");
	assert_once("# boot loader: get: both environments are damaged");
	machine_told("b: the boot loader cannot be asked for its kernel");
}

TEST(preset_is_made_safe_before_a_file_is_written)
{
	machine_put(machine_staged());
	loader_says("booted", "booted=a\n", 0);
	loader_says("get", "default=- once=-\n", 0);
	loader_says("default", "default=a once=-\n", 0);
	machine_child(apply(2, NULL));
	machine_boots('a');
	assert_order(ASKS "default a", "spawn " APPLY);
}

TEST_MAIN("pairs_efibg", .set_up = set_up, .tear_down = machine_tear_down)
