/* SPDX-License-Identifier: Apache-2.0 */
/* Slots whose kernels are files in one partition, started by systemd-boot. */
#include "tests/trace/pairs.h"

#define WHERE "a=/dev/vda5:keelboot-a.efi,b=/dev/vda5:keelboot-b.efi"
#define ASKS  "spawn " LOADER " systemd-boot " WHERE " "
#define CONF                                                                              \
	"[system]\ncompatible=trace\n"                                                    \
	"[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=esp:/EFI/Linux/keelboot-a.efi\n" \
	"[slot.b]\nroot=PARTLABEL=root-b\nboot=PARTLABEL=esp:/EFI/Linux/keelboot-b.efi\n" \
	"[loader]\nkind=systemd-boot\n"

static void has_files(const char *conf)
{
	machine.conf = conf;
	add_partition("esp", "vfat");
}

static void set_up(void)
{
	machine_set_up();
	has_files(CONF);
}

TEST(loader_is_asked_whose_kernel_runs_by_the_names_of_the_files)
{
	loader_says("booted", "booted=a\n", 0);
	machine_boots('a');
	assert_once(ASKS "booted");
	machine_told("\"pair\":\"a\"");
	devices_have("loader systemd-boot " WHERE "\npair a\n");
	devices_have("slot b boot /dev/vda5:/EFI/Linux/keelboot-b.efi\n");
}

TEST(trial_is_handed_over_to_its_file)
{
	machine_put(machine_trial());
	loader_says("booted", "booted=a\n", 0);
	loader_says("once", "default=a once=b\n", 0);
	loader_says("get", "default=a once=-\n", 0);
	machine_reboots_as("file_is_handed_over");
	assert_order(ASKS "once b", "reboot");

	machine_restart();
	loader_says("booted", "booted=b\n", 0);
	machine_boots_as("file_has_come_up", 'b');
	assert_true(machine_get().handed == 0);
}

TEST(preset_is_made_safe_before_a_file_is_written)
{
	machine_put(machine_staged());
	loader_says("booted", "booted=a\n", 0);
	loader_says("get", "default=- once=-\n", 0);
	loader_says("default", "default=a once=-\n", 0);
	machine_child(apply(2, NULL));
	machine_boots_as("file_preset_is_made_safe", 'a');
	assert_order(ASKS "default a", "spawn " APPLY);
	assert_once(
		"spawn " APPLY
		" --state /dev/vda1 --slot a:root=/dev/vda2 --slot a:boot=/dev/vda5:/EFI/Linux/keelboot-a.efi --slot b:root=/dev/vda3 --slot b:boot=/dev/vda5:/EFI/Linux/keelboot-b.efi --mountable 3 --in-use 1 ");
	assert_absent("mount /dev/vda5");
}

TEST(nothing_is_installed_where_another_entry_was_started)
{
	machine_put(machine_staged());
	loader_says("booted", "systemd-boot started debian.conf, which is no pair's entry\n", 1);
	machine_child(apply(0, NULL));
	machine_boots('a');
	assert_absent("spawn " APPLY);
	machine_told("systemd-boot does not say that it started a slot's kernel");
}

TEST(entry_whose_partition_is_missing_keeps_its_name)
{
	machine.disk.nparts--;
	loader_says("booted", "the partition of slot a's kernel is missing\n", 1);
	machine_boots('a');
	assert_once("spawn " LOADER " systemd-boot a=keelboot-a.efi,b=keelboot-b.efi booted");
}

/* Of another loader, a file is no pair; and of this one, a partition is none. */
TEST(file_is_a_pair_of_this_loader_only)
{
	static char conf[600];
	static const char *const kinds[] = { "uefi", "grub\nenvironment=PARTLABEL=x" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(kinds); i++) {
		machine_anew();
		snprintf(conf, sizeof(conf), "%s[loader]\nkind=%s\n", CONF, kinds[i]);
		has_files(conf);
		machine_boots('a');
		assert_once(
			"# boot loader: system.conf names one, but no slot has a partition for boot=");
	}
	machine_anew();
	has_files("[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=esp\n"
		  "[loader]\nkind=systemd-boot\n");
	machine_boots('a');
	assert_once("# boot loader: system.conf names one, but no slot has a file for boot=");
}

/* The loader knows the text, and an install the files. */
TEST(files_of_a_text_are_an_entry_of_its_name)
{
	machine_anew();
	has_files("[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=esp:/keelboot-a/vmlinuz\n"
		  "initrd=PARTLABEL=esp:/keelboot-a/initrd.img\n"
		  "[slot.b]\nroot=PARTLABEL=root-b\nboot=PARTLABEL=esp:/keelboot-b/vmlinuz\n"
		  "initrd=PARTLABEL=esp:/keelboot-b/initrd.img\n"
		  "[loader]\nkind=systemd-boot\n");
	machine_put(machine_staged());
	loader_says("booted", "booted=a\n", 0);
	loader_says("get", "default=a once=-\n", 0);
	machine_child(apply(2, NULL));
	machine_boots('a');
	assert_once("spawn " LOADER
		    " systemd-boot a=/dev/vda5:keelboot-a.conf,b=/dev/vda5:keelboot-b.conf booted");
	assert_once(
		"spawn " APPLY
		" --state /dev/vda1 --slot a:root=/dev/vda2 --slot a:boot=/dev/vda5:/keelboot-a/vmlinuz --slot a:initrd=/dev/vda5:/keelboot-a/initrd.img --slot b:root=/dev/vda3 --slot b:boot=/dev/vda5:/keelboot-b/vmlinuz --slot b:initrd=/dev/vda5:/keelboot-b/initrd.img --mountable 3 --in-use 1 ");
	devices_have("slot b initrd /dev/vda5:/keelboot-b/initrd.img\n");
}

TEST_MAIN("pairs_sdboot", .set_up = set_up, .tear_down = machine_tear_down)
