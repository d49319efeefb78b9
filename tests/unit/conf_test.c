/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_keys.h"
#include "tests/unit/garbage.h"
#include "tests/unit/test.h"

static struct conf c;
static char said[16][300]; /* "LINE: TEXT" */
static unsigned nsaid;

static void listen(void *ctx, const char *file, int line, const char *text)
{
	assert_ptr_equal(ctx, said);
	assert_string_equal(file, "test.conf");
	if (nsaid < 16)
		snprintf(said[nsaid], sizeof(said[0]), "%d: %s", line, text);
	nsaid++;
}

static void more(const char *text, unsigned warnings)
{
	char *copy = strdup(text); /* exact, for the address sanitizer */

	nsaid = 0;
	memset(said, 0, sizeof(said));
	conf_parse(&c, copy, "test.conf", listen, said);
	free(copy);
	for (unsigned i = warnings; i < nsaid; i++)
		print_message("unexpected: %s\n", said[i]);
	assert_int_equal(nsaid, warnings);
}

static void parse(const char *text, unsigned warnings)
{
	memset(&c, 0xa5, sizeof(c));
	conf_defaults(&c);
	more(text, warnings);
}

static void assert_said(unsigned i, const char *what)
{
	if (strstr(said[i], what) == NULL)
		fail_msg("warning '%s' does not say '%s'", said[i], what);
}

TEST(defaults_are_those_of_the_header)
{
	parse("", 0);
	EQUAL((c.compatible, ""), (c.disk, ""), (c.count, CONF_COUNT_AUTO), (c.timeout_s, 30));
	EQUAL((c.commit_deadline_s, 300), (c.tries, 3), (c.init, "/sbin/init"));
	EQUAL((c.state, "PARTLABEL=keelboot-state"), (c.nslots, 2));
	assert_string_equal(conf_slot_part(&c, 0, "root"), "PARTLABEL=root-a");
	EQUAL((conf_slot_part(&c, 1, "root"), "PARTLABEL=root-b"), (c.fstype, ""));
	EQUAL((c.mount_options, ""), (c.data_enabled, true), (c.data_part, "PARTLABEL=data"));
	EQUAL((c.data_fstype, "ext4"), (c.data_stage, "keelboot/stage"), (c.data_mount, "/data"));
	EQUAL((c.media_enabled, CONF_MEDIA_USB | CONF_MEDIA_SD), (c.media_wait_ms, 1000));
	EQUAL((c.data_verify_first, true), (c.raw_verify_first, true));
	EQUAL((c.media_verify_first, true), (c.install_verify_first, true));
	EQUAL((c.progress_deadline_s, 60), (c.watchdog, "auto"), (c.watchdog_timeout_s, 60));
	EQUAL((c.hook_timeout_s, 10), (c.keyring, "/etc/keelboot/keys"));
}

static void parse_a_whole_file(void)
{
	parse("# what this device is\n"
	      "[system]\n"
	      "compatible = acme-roof-2\n"
	      "disk=*/mmc_host/mmc0/*\n"
	      "count=always\n"
	      "timeout=7s\n"
	      "commit-deadline = 60 ; a minute\n"
	      "tries=1\n"
	      "init=/lib/systemd/systemd\n"
	      "root-filesystem=squashfs\n"
	      "mount-options=noatime,errors=panic\n"
	      "[state]\n"
	      "partition=/dev/mmcblk0p1\n"
	      "[slot.a]\n"
	      "root=PARTLABEL=sys-a\n"
	      "boot=PARTUUID=1234\n"
	      "[slot.b]\n"
	      "root=LABEL=sys-b\n"
	      "boot=UUID=5678\n"
	      "[slot.c]\n"
	      "root=/dev/disk/x\n"
	      "[source.data]\n"
	      "enabled=no\n"
	      "partition=LABEL=store\n"
	      "filesystem=btrfs\n"
	      "stage=updates\n"
	      "mount=/var\n"
	      "[source.media]\n"
	      "enabled=0\n"
	      "settle=2\n"
	      "verify-first=false\n"
	      "[install]\n"
	      "progress-deadline=120\n"
	      "[watchdog]\n"
	      "device=off\n"
	      "timeout=15\n"
	      "[hooks]\n"
	      "timeout=3\n"
	      "[keyring]\n"
	      "path=/keys\n",
	      0);
}

TEST(a_whole_file_is_read)
{
	parse_a_whole_file();
	EQUAL((c.compatible, "acme-roof-2"), (c.disk, "*/mmc_host/mmc0/*"));
	EQUAL((c.count, CONF_COUNT_ALWAYS), (c.timeout_s, 7), (c.commit_deadline_s, 60));
	EQUAL((c.tries, 1), (c.init, "/lib/systemd/systemd"), (c.fstype, "squashfs"));
	EQUAL((c.mount_options, "noatime,errors=panic"), (c.state, "/dev/mmcblk0p1"));
	EQUAL((c.nslots, 3), (conf_slot_part(&c, 0, "boot"), "PARTUUID=1234"));
	assert_string_equal(conf_slot_part(&c, 1, "root"), "LABEL=sys-b");
	assert_string_equal(conf_slot_part(&c, 2, "root"), "/dev/disk/x");
	assert_null(conf_slot_part(&c, 2, "boot"));
	assert_null(conf_slot_part(&c, 3, "root"));
	assert_null(conf_slot_part(&c, 99, "root"));
	EQUAL((c.data_enabled, false), (c.data_part, "LABEL=store"), (c.data_fstype, "btrfs"));
	EQUAL((c.data_stage, "updates"), (c.data_mount, "/var"), (c.media_enabled, 0));
	EQUAL((c.media_wait_ms, 2000), (c.data_verify_first, true), (c.raw_verify_first, true));
	EQUAL((c.media_verify_first, false), (c.install_verify_first, true));
	EQUAL((c.progress_deadline_s, 120), (c.watchdog, "off"), (c.watchdog_timeout_s, 15));
	EQUAL((c.hook_timeout_s, 3), (c.keyring, "/keys"));
}

TEST(a_later_text_overrides_single_keys)
{
	parse("[system]\ntimeout=5\ntries=2\n[slot.a]\nroot=/dev/a\nboot=/dev/A\n"
	      "[slot.b]\nroot=/dev/b\n",
	      0);
	more("[system]\ntries=4\n[slot.b]\nroot=/dev/bb\n[slot.c]\nroot=/dev/c\n", 0);
	EQUAL((c.timeout_s, 5), (c.tries, 4), (c.nslots, 3));
	assert_string_equal(conf_slot_part(&c, 0, "boot"), "/dev/A");
	assert_string_equal(conf_slot_part(&c, 1, "root"), "/dev/bb");
}

TEST(a_bad_value_leaves_what_was)
{
	parse("[system]\ntimeout=5\ntimeout=soon\n[state]\npartition=x\n", 2);
	EQUAL((c.timeout_s, 5), (c.state, "PARTLABEL=keelboot-state"));
	assert_said(0, "3: [system] timeout=soon: expected SECONDS (1..3600)");
	assert_said(
		1,
		"5: [state] partition=x: expected PARTLABEL=x, PARTUUID=x, LABEL=x, UUID=x or /dev/x; ");
}

TEST(a_bad_value_that_decides_what_is_trusted_trusts_least)
{
	unsigned strict = 0;

	parse("[keyring]\nsignatures-required=two\n[source.media]\nfilesystems=vfat, ext4\n"
	      "enabled=usb, sd\n[system]\ncommand-line=quiet panic\n"
	      "[fleet]\nbandwidth=1MB\ndaily-bytes=10 M\npartial=yes\n"
	      "[measure]\npcr=16\nrequired=ja\n",
	      9);
	EQUAL((c.signatures_required, 16), (c.media_filesystems, 0), (c.media_enabled, 0));
	EQUAL((c.fleet_bandwidth, 64 << 10), (c.fleet_daily_bytes, 8 << 20));
	assert_int_equal(c.fleet_partial, CONF_PARTIAL_AUTO);
	EQUAL((c.measure_pcr, 13), (c.measure_required, true));
	assert_string_equal(c.command_line, "none");
	assert_said(0, "signatures-required=two: expected NUMBER (1..16); read as 16");
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		if (key->bad == NULL)
			continue;
		strict++;
		OK(conf_value_set(&c, key, key->bad));
	}
	assert_int_equal(strict, 11);
}

/* Firmware's own, and those that any root resets, are none. */
TEST(pcr_is_one_that_no_system_resets)
{
	static const char *const wrong[] = { "0", "7", "16", "23", "13s", "", "-1", "off" };

	parse("[measure]\npcr=8\npcr=15\n", 0);
	EQUAL((c.measure_pcr, 15), (c.measure_required, false));
	parse("[measure]\npcr=8\npcr=none\n", 0);
	EQUAL((c.measure_pcr, 0));
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "[measure]\npcr=%s\n", wrong[i]);
		parse(text, 1);
		EQUAL((c.measure_pcr, 13));
	}
}

/* It must not be taken for a rule that keeps nothing. */
TEST(a_bad_value_that_decides_which_data_is_lost_is_remembered)
{
	parse("[data]\nkeep=/ids,etc/keys\npaths=app,app/db\ntemplate=usr/share/x\n", 3);
	assert_said(0, "2: [data] keep=: \"/ids\" begins with /");
	assert_said(0, "; no data is reset until it is mended");
	assert_said(1,
		    "\"app/db\" is in another one of the list, or has one in it; no trial boots");
	assert_said(2, "expected PATH; no data is reset until it is mended");
	assert_true(conf_is_bad(&c, c.data_keep) && conf_is_bad(&c, c.data_paths) &&
		    conf_is_bad(&c, c.data_template) && !conf_is_bad(&c, &c.data_method));
	more("[data]\nkeep=ids, etc/keys\npaths=\ntemplate=/usr/share/x\n", 0);
	assert_false(conf_is_bad(&c, c.data_keep) || conf_is_bad(&c, c.data_paths) ||
		     conf_is_bad(&c, c.data_template));
	more("[data]\nkeep=a,,b\n", 1);
	assert_true(conf_is_bad(&c, c.data_keep));
}

TEST(a_value_in_a_line_that_is_too_long_is_a_bad_value)
{
	char text[600] = "[data]\nkeep=ids,";

	memset(text + 16, 'k', 200);
	strcpy(text + 216, "\n[keyring]\nsignatures-required=");
	memset(text + strlen(text), '1', 200);
	parse(text, 2);
	assert_said(0, "2: longer than 198 bytes: [data] keep=: no data is reset");
	assert_said(1, "4: longer than 198 bytes: [keyring] signatures-required=: read as 16");
	assert_true(conf_is_bad(&c, c.data_keep));
	EQUAL((c.signatures_required, 16));
}

/* What is left of them would be good values. */
TEST(half_a_value_is_none)
{
	char text[700] = "[data]\nkeep=ids";
	size_t len = strlen(text);

	memset(text + len, ' ', 250);
	strcpy(text + len + 250, ",etc\n[keyring]\nsignatures-required=2");
	len = strlen(text);
	memset(text + len, ' ', 250);
	strcpy(text + len + 250, "x\n");
	parse(text, 2);
	assert_true(conf_is_bad(&c, c.data_keep) && c.data_keep[0] == '\0');
	EQUAL((c.signatures_required, 16));
}

TEST(a_comment_may_be_as_long_as_it_likes)
{
	char text[600] = "[data]\nkeep=ids ; ";
	size_t len = strlen(text);

	memset(text + len, 'x', 300);
	strcpy(text + len + 300, "\n");
	parse(text, 0);
	assert_string_equal(c.data_keep, "ids");
	assert_false(conf_is_bad(&c, c.data_keep) || c.lost);
}

TEST(what_is_not_understood_may_have_been_any_key)
{
	parse("[data]\nkeep ids\n", 1);
	assert_true(c.lost);
	parse("[data]\nkep=ids\n", 1);
	assert_true(c.lost);
	parse("[dta]\nkeep=ids\n", 1);
	assert_true(c.lost);
	parse("[data\nkeep=ids\n", 2);
	assert_true(c.lost);
	parse("[data]\nkeep=ids\n", 0);
	assert_false(c.lost);
}

TEST(a_list_that_is_too_long_says_so)
{
	char text[300] = "[data]\npaths=";

	for (int i = 0; i < 6; i++)
		sprintf(text + strlen(text), "%s%d%029d", i > 0 ? "," : "", i, 0);
	strcat(text, "\n");
	parse(text, 1);
	assert_said(0, "2: [data] paths=: longer than 171 bytes; no trial boots");
}

TEST(what_nobody_knows_is_named)
{
	parse("early=1\n[system]\nspeed=9\n[sytem]\ntries=2\n[slot.i]\nroot=/dev/i\n[slot.]\nx=1\n"
	      "[slot.ab]\nroot=/dev/x\n",
	      6);
	assert_said(0, "1: [] early: unknown section");
	assert_said(1, "3: [system] speed: unknown key");
	assert_said(2, "5: [sytem] tries: unknown section");
	assert_said(3, "7: [slot.i] root: unknown section");
	EQUAL((c.tries, 3), (c.nslots, 2));
}

TEST(lines_that_say_nothing_are_named)
{
	parse("[system]\ntries\n\n  \n# tries\n; tries\ntimeout\n", 2);
	assert_said(0, "2: neither");
	assert_said(1, "7: neither");
}

TEST(a_heading_without_an_end_takes_its_keys_with_it)
{
	parse("[watchdog]\n[hooks\ntimeout=3\n[hooks]\ntimeout=4\n", 2);
	assert_said(0, "2: section name without ']'");
	assert_said(1, "3: [?] timeout");
	EQUAL((c.watchdog_timeout_s, 60), (c.hook_timeout_s, 4));
}

TEST(a_line_that_is_too_long_is_not_split)
{
	char text[1000] = "[system]\ntries=2\n";

	/* inih would take what stands behind its 199th byte for a line: here, a good one. */
	memset(text + 17, ' ', 900);
	memcpy(text + 17, "init=/x", 7);
	memcpy(text + 17 + 250, "tries=9", 7);
	memcpy(text + 17 + 600, "\ntimeout=4\n", 12);
	parse(text, 1);
	assert_said(0, "3: longer than 198 bytes");
	EQUAL((c.tries, 2), (c.init, "/sbin/init"), (c.timeout_s, 4));
}

TEST(a_line_of_the_greatest_length_is_read)
{
	char text[300] = "[system]\nmount-options=";

	memset(text + 23, ' ', CONF_LINE_MAX - 14);
	text[9 + CONF_LINE_MAX - 1] = 'x';
	text[9 + CONF_LINE_MAX] = '\n';
	strcpy(text + 9 + CONF_LINE_MAX + 1, "tries=2");
	parse(text, 0);
	EQUAL((c.mount_options, "x"), (c.tries, 2));
	memmove(text + 24, text + 23, strlen(text + 23) + 1); /* one byte more */
	parse(text, 1);
	EQUAL((c.mount_options, ""), (c.tries, 2));
}

TEST(a_long_heading_or_comment_is_handled)
{
	char text[600];

	memset(text, '#', 300);
	strcpy(text + 300, "\n[watchdog]\n[");
	memset(text + 313, 'x', 200);
	strcpy(text + 513, "]\ntimeout=5\n");
	parse(text, 2);
	assert_said(0, "3: longer");
	assert_int_equal(c.watchdog_timeout_s, 60);
}

TEST(indented_lines_are_lines)
{
	parse("[system]\ntimeout=5\n\ttries=2\n  # c\n  init=/x\n", 0);
	EQUAL((c.timeout_s, 5), (c.tries, 2), (c.init, "/x"));
}

TEST(files_from_other_systems_are_read)
{
	parse("\xef\xbb\xbf[system]\r\ntries=2\r\ninit=/x\r\n\r\n[hooks]\r\ntimeout=4", 0);
	EQUAL((c.tries, 2), (c.init, "/x"), (c.hook_timeout_s, 4));
}

TEST(given_slots_replace_the_defaults)
{
	parse("[slot.a]\nroot=/dev/x\n", 0);
	EQUAL((c.nslots, 1), (conf_slot_part(&c, 0, "root"), "/dev/x"));
	assert_null(conf_slot_part(&c, 1, "root"));
}

TEST(a_gap_ends_the_slots)
{
	parse("[slot.a]\nroot=/dev/a\n[slot.c]\nroot=/dev/c\n", 1);
	assert_said(0, "0: slot.b has no root=");
	assert_int_equal(c.nslots, 1);
	more("[slot.b]\nroot=/dev/b\n", 0); /* a drop-in that fills it */
	assert_int_equal(c.nslots, 3);
}

/* With a good slot a. */
static void slot_b_refused(const char *text, const char *says)
{
	parse(strf("[slot.a]\nroot=/dev/a\n[slot.b]\n%s", text), 1);
	assert_said(0, says);
	assert_int_equal(c.nslots, 1);
}

TEST(a_slot_needs_a_root)
{
	slot_b_refused("boot=/dev/b\n", "slot.b has no root=");
}

TEST(no_usable_slot_means_the_default_ones)
{
	parse("[slot.b]\nroot=/dev/b\n", 2);
	assert_said(1, "none is usable");
	EQUAL((c.nslots, 2), (conf_slot_part(&c, 1, "root"), "PARTLABEL=root-b"));
}

TEST(one_partition_has_one_use)
{
	slot_b_refused("root=/dev/a\n", "slot.b root=/dev/a is also the partition of a slot");
	slot_b_refused("root=/dev/b\nboot=/dev/a\n", "is also");
	parse("[slot.a]\nroot=/dev/a\nboot=/dev/a\n", 2);
	assert_string_equal(conf_slot_part(&c, 0, "root"), "PARTLABEL=root-a");
	slot_b_refused("root=/dev/s\n[state]\npartition=/dev/s\n",
		       "is also the partition of the state");
	slot_b_refused("root=PARTLABEL=data\n", "is also the partition of data");
	slot_b_refused("root=/dev/g\n[loader]\nkind=grub\nenvironment=/dev/g\n",
		       "is also the partition of the boot loader");
}

/* Whoever looks for one heeds no case. */
TEST(two_spellings_of_one_uuid_are_one_place)
{
	slot_b_refused("root=PARTUUID=5F0C6A2E-02\n[state]\npartition=PARTUUID=5f0c6a2e-02\n",
		       "is also the partition of the state");
	slot_b_refused("root=UUID=ab-cd\n[source.data]\npartition=UUID=AB-CD\n",
		       "is also the partition of data");
	parse("[slot.a]\nroot=PARTUUID=aa-1\n[slot.b]\nroot=PARTUUID=AA-1\n", 1);
	assert_said(0, "is also the partition of a slot");
	parse("[slot.a]\nroot=/dev/a\nboot=PARTUUID=e1:/a/vmlinuz\ninitrd=PARTUUID=E1:/a/initrd\n",
	      0);
	parse("[slot.a]\nroot=PARTLABEL=x\n[slot.b]\nroot=PARTLABEL=X\n", 0);
	parse("[slot.a]\nroot=LABEL=x\n[slot.b]\nroot=LABEL=X\n", 0);
	parse("[slot.a]\nroot=UUID=x\n[slot.b]\nroot=PARTUUID=X\n", 0);
}

TEST(two_files_of_one_partition_are_two_uses)
{
	parse("[slot.a]\nroot=/dev/a\nboot=/dev/e:/EFI/Linux/a.efi\n"
	      "[slot.b]\nroot=/dev/b\nboot=/dev/e:/EFI/Linux/b.efi\n",
	      0);
	EQUAL((c.nslots, 2), (conf_slot_part(&c, 1, "boot"), "/dev/e:/EFI/Linux/b.efi"));
	/* There is one entry for both, wherever they are. */
	parse("[slot.a]\nroot=/dev/a\nboot=/dev/e:/EFI/Linux/x.efi\n"
	      "[slot.b]\nroot=/dev/b\nboot=/dev/x:/EFI/Linux/x.efi\n",
	      1);
	assert_said(0, "is also");
	slot_b_refused("root=/dev/b\nboot=/dev/a:/EFI/Linux/x.efi\n",
		       "is also the partition of a slot");
	slot_b_refused("root=/dev/b\nboot=PARTLABEL=data:/EFI/Linux/x.efi\n",
		       "is also the partition of data");
}

TEST(files_of_one_entry_lie_in_one_folder_beside_the_kernel)
{
	parse("[slot.a]\nroot=/dev/a\nboot=/dev/e:/a/vmlinuz\ninitrd=/dev/e:/a/initrd.img\n"
	      "[slot.b]\nroot=/dev/b\ninitrd=/dev/e:/b/initrd.img\nboot=/dev/e:/b/vmlinuz\n",
	      0);
	EQUAL((c.nslots, 2), (conf_slot_part(&c, 1, "initrd"), "/dev/e:/b/initrd.img"));
	slot_b_refused("root=/dev/b\nboot=/dev/e:/b/vmlinuz\ninitrd=/dev/x:/b/initrd\n",
		       "slot.b initrd=/dev/x:/b/initrd is no file beside that of boot=; this slot");
	slot_b_refused("root=/dev/b\nboot=/dev/e:/b/vmlinuz\ninitrd=/dev/e:/c/initrd\n",
		       "is no file beside that of boot=");
	slot_b_refused("root=/dev/b\nboot=/dev/e:/EFI/Linux/b.efi\ninitrd=/dev/e:/b/initrd\n",
		       "is no file beside that of boot=");
	slot_b_refused("root=/dev/b\nboot=/dev/f\ninitrd=/dev/e:/b/initrd\n",
		       "is no file beside that of boot=");
	slot_b_refused("root=/dev/b\ninitrd=/dev/e:/b/initrd\n", "is no file beside that of boot=");
	slot_b_refused("root=/dev/b\nboot=/dev/e:/b/vmlinuz\ninitrd=/dev/e:/b/vmlinuz\n",
		       "is also the partition of a slot");
	/* One entry is of one slot. */
	parse("[slot.a]\nroot=/dev/a\nboot=/dev/e:/x/vmlinuz-a\n"
	      "[slot.b]\nroot=/dev/b\nboot=/dev/f:/x/vmlinuz-b\n",
	      1);
	assert_said(0, "is also the partition of a slot");
}

TEST(file_has_a_partition_and_a_root_is_none)
{
	parse("[slot.a]\nroot=/dev/a\nboot=PARTLABEL=:/EFI/Linux/x.efi\n", 1);
	assert_null(conf_slot_part(&c, 0, "boot"));
	parse("[slot.a]\nroot=/dev/a:/a/root.img\n", 1);
	parse("[slot.a]\nroot=/dev/a:/EFI/Linux/x.efi\n", 1);
	EQUAL((conf_slot_part(&c, 0, "root"), "PARTLABEL=root-a"));
	parse("[slot.a]\nroot=/dev/a\nboot=/dev/e:/EFI/Linux/a+3.efi\n", 1);
	assert_null(conf_slot_part(&c, 0, "boot"));
	parse("[slot.a]\nroot=/dev/a\nboot=/dev/e:/EFI/BOOT/a.efi\n", 1);
	assert_null(conf_slot_part(&c, 0, "boot"));
	parse("[slot.a]\nroot=/dev/a\nmore=/dev/e:/EFI/Linux/a.efi\n", 1);
	assert_null(conf_slot_part(&c, 0, "more"));
	parse("[loader]\nkind=systemd-boot\n", 0);
	EQUAL((c.loader, CONF_LOADER_SYSTEMD), (conf_loader_environment(&c), ""));
	parse("[loader]\nkind=efibootguard\n", 0);
	EQUAL((c.loader, CONF_LOADER_EFIBG), (conf_loader_environment(&c), ""));
	parse("[loader]\nkind=tryboot\nenvironment=PARTLABEL=autoboot\n", 0);
	EQUAL((c.loader, CONF_LOADER_TRYBOOT), (conf_loader_environment(&c), "PARTLABEL=autoboot"),
	      (conf_loader_has_partition(&c), true));
	EQUAL((conf_use_of(&c, "PARTLABEL=autoboot"), "the boot loader"));
	parse("[loader]\nkind=barebox\nenvironment=PARTLABEL=state\nlayout=1:512,a=s:0:4\n", 0);
	EQUAL((c.loader, CONF_LOADER_BAREBOX), (conf_loader_environment(&c), "PARTLABEL=state"),
	      (conf_loader_has_partition(&c), true), (c.loader_layout, "1:512,a=s:0:4"));
}

TEST(a_loader_has_an_environment)
{
	parse("[loader]\n", 0);
	EQUAL((c.loader, CONF_LOADER_NONE), (conf_loader_environment(&c), ""));
	parse("[loader]\nkind=u-boot\n", 0);
	EQUAL((conf_loader_environment(&c), "/etc/fw_env.config"));
	parse("[loader]\nkind=u-boot\nenvironment=/etc/env\n", 0);
	EQUAL((conf_loader_environment(&c), "/etc/env"));
	parse("[loader]\nkind=grub\nenvironment=PARTLABEL=env\n", 0);
	EQUAL((conf_loader_environment(&c), "PARTLABEL=env"));
	parse("[loader]\nkind=uefi\nenvironment=/dev/x\n", 0);
	EQUAL((c.loader, CONF_LOADER_UEFI), (conf_loader_environment(&c), ""));
	parse("[loader]\nkind=grub\nenvironment=/dev/../x\n", 1);
	EQUAL((conf_loader_environment(&c), ""));
	parse("[loader]\nkind=lilo\n", 1);
	EQUAL((c.loader, CONF_LOADER_NONE));
}

TEST(counter_of_a_loader_is_in_an_environment_of_u_boot)
{
	parse("[loader]\nkind=kexec\n", 0);
	EQUAL((c.loader_counter, CONF_COUNTER_NONE));
	parse("[loader]\nkind=kexec\ncounter=u-boot\n", 0);
	EQUAL((c.loader_counter, CONF_COUNTER_UBOOT), (conf_loader_has_counter(&c), true),
	      (conf_loader_counter(&c), "/etc/fw_env.config"), (conf_loader_environment(&c), ""));
	parse("[loader]\nkind=kexec\ncounter=u-boot\nenvironment=/etc/env\n", 0);
	EQUAL((conf_loader_counter(&c), "/etc/env"), (conf_loader_environment(&c), ""));
	parse("[loader]\nkind=grub\ncounter=u-boot\nenvironment=PARTLABEL=env\n", 0);
	EQUAL((conf_loader_counter(&c), "/etc/fw_env.config"));
	EQUAL((conf_loader_has_counter(&c), true));
	parse("[loader]\nkind=grub\nenvironment=PARTLABEL=env\n", 0);
	EQUAL((conf_loader_has_counter(&c), false));
	parse("[loader]\nkind=u-boot\n", 0);
	EQUAL((conf_loader_has_counter(&c), true));
	parse("[loader]\nenvironment=/etc/env\n", 0);
	EQUAL((conf_loader_has_counter(&c), true));
	parse("[loader]\n", 0);
	EQUAL((conf_loader_has_counter(&c), false));
	parse("[loader]\ncounter=grub\n", 1);
	EQUAL((c.loader_counter, CONF_COUNTER_NONE));
}

TEST(kernel_for_kexec_has_paths_in_the_slot)
{
	parse("[loader]\nkind=kexec\n", 0);
	EQUAL((c.loader, CONF_LOADER_KEXEC), (conf_loader_environment(&c), ""),
	      (c.loader_kernel, ""), (c.loader_initramfs, ""), (c.loader_words, ""));
	parse("[loader]\nkernel=/k\ninitramfs=/i\nkernel-words=/w\n", 0);
	EQUAL((c.loader_kernel, "/k"), (c.loader_initramfs, "/i"), (c.loader_words, "/w"));
	parse("[loader]\nkernel=k\ninitramfs=/../i\n", 2);
	EQUAL((c.loader_kernel, ""), (c.loader_initramfs, ""));
}

TEST(bad_slot_lines_do_not_replace_the_defaults)
{
	parse("[slot.a]\nroot=sda1\nRoot=/dev/a\n=/dev/a\n", 3);
	assert_said(0, "2: [slot.a] root=sda1");
	EQUAL((c.nslots, 2), (conf_slot_part(&c, 0, "root"), "PARTLABEL=root-a"));
}

TEST(a_slot_has_four_partitions)
{
	parse("[slot.a]\nroot=/dev/1\nb=/dev/2\nc=/dev/3\nd=/dev/4\ne=/dev/5\nd=/dev/6\n", 1);
	assert_said(0, "6: [slot.a] e: a slot has at most 4");
	EQUAL((c.slot[0].nclasses, 4), (conf_slot_part(&c, 0, "d"), "/dev/6"));
}

TEST(boot_loader_is_of_no_slot)
{
	parse("[slot.a]\nroot=/dev/1\nloader=/dev/mmcblk0boot0\n[loader]\ncopies=/dev/mmcblk0\n",
	      1);
	assert_said(0, "3: loader= is of no slot");
	EQUAL((c.slot[0].nclasses, 1), (c.loader_copies, "/dev/mmcblk0"));
}

TEST(all_eight_slots_fit)
{
	char text[1000] = "", *p = text;

	for (int i = 0; i < CONF_SLOTS_MAX; i++)
		p += sprintf(p, "[slot.%c]\nroot=/dev/r%d\nboot=/dev/b%d\n", 'a' + i, i, i);
	parse(text, 0);
	EQUAL((c.nslots, 8), (conf_slot_part(&c, 7, "boot"), "/dev/b7"));
}

TEST(nobody_has_to_listen)
{
	conf_defaults(&c);
	conf_parse(&c, "nonsense\n[x]\ny=z\n[slot.b]\nroot=/dev/b\n", "f", NULL, NULL);
	assert_int_equal(c.nslots, 2);
}

static void ignore(void *ctx, const char *file, int line, const char *text)
{
	EQUAL((line >= 0, true), (strlen(text) < 256, true));
	++*(unsigned *)ctx;
}

TEST(garbage_never_leaves_its_bounds)
{
	static const char *const bits[] = {
		"[system]\n", "[slot.a]\n", "root=",	  "PARTLABEL=", "\n",  "=",   "timeout",
		"[",	      "]",	    "[slot.b]\n", "/dev/",	"500", " ;",  "#",
		"[state]\n",  "partition=", "\r\n",	  "x",		"ms",  "yes", "enabled=",
	};
	unsigned complaints = 0;

	for (int round = 0; round < 20000; round++) {
		char text[3000];

		garbage_text(text, round % 20 == 0 ? sizeof(text) : 400, bits, KB_ARRAY_LEN(bits),
			     5);
		if (round % 3 == 0)
			conf_defaults(&c);
		conf_parse(&c, text, "f", ignore, &complaints);
		assert_true(c.nslots >= 1 && c.nslots <= CONF_SLOTS_MAX);
		for (unsigned i = 0; i < c.nslots; i++)
			assert_true(conf_value_is_spec(conf_slot_part(&c, i, "root")));
		assert_true(conf_value_is_spec(c.state));
		assert_true(c.timeout_s >= 1 && c.timeout_s <= 3600);
	}
	assert_true(complaints > 20000);
}

TEST_MAIN("conf")
