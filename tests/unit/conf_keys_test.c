/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct conf c;

static const struct conf_key *find(const char *section, const char *name)
{
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++)
		if (strcmp(key->section, section) == 0 && strcmp(key->key, name) == 0)
			return key;
	fail_msg("no key [%s] %s", section, name);
	return NULL;
}

static enum kb_err set(const char *section, const char *name, const char *value)
{
	return conf_value_set(&c, find(section, name), value);
}

static void every_default_is_a_value(void **state)
{
	(void)state;
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++)
		if (key->def[0] != '\0')
			assert_int_equal(conf_value_set(&c, key, key->def), KB_OK);
}

static void every_key_is_fit_for_people(void **state)
{
	(void)state;
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		assert_true(key->values[0] != '\0');
		assert_int_equal(key->meaning[strlen(key->meaning) - 1], '.');
		assert_ptr_equal(find(key->section, key->key), key); /* no name twice */
	}
}

static void jump_is_a_number_or_none(void **state)
{
	static const char *const bad[] = {
		"", "0", "-1", "1s", "None", "9223372036854775808", "1 "
	};

	(void)state;
	assert_int_equal(set("install", "max-sequence-jump", "1"), KB_OK);
	assert_int_equal(c.max_jump, 1);
	assert_int_equal(set("install", "max-sequence-jump", "9223372036854775807"), KB_OK);
	assert_int_equal(c.max_jump, INT64_MAX);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(set("install", "max-sequence-jump", bad[i]), KB_EINVAL);
	assert_int_equal(c.max_jump, INT64_MAX);
	assert_int_equal(set("install", "max-sequence-jump", "none"), KB_OK);
	assert_int_equal(c.max_jump, 0);
}

static void every_text_stays_in_its_array(void **state)
{
	char longest[300];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		struct conf before;

		if (key->kind < CONF_KIND_TEXT)
			continue;
		memset(&c, 0xa5, sizeof(c));
		memcpy(&before, &c, sizeof(c));
		memcpy(longest, "/dev/", 5);
		if (key->kind == CONF_KIND_NAME || key->kind == CONF_KIND_SUBPATH)
			memcpy(longest, "xxxxx", 5);
		longest[key->max + 1] = '\0';
		assert_int_equal(conf_value_set(&c, key, longest), KB_EINVAL);
		assert_memory_equal(&before, &c, sizeof(c));
		longest[key->max] = '\0';
		assert_int_equal(conf_value_set(&c, key, longest), KB_OK);
		assert_memory_equal((char *)&c, (char *)&before, key->offset);
		assert_string_equal((char *)&c + key->offset, longest);
		assert_memory_equal((char *)&c + key->offset + key->max + 1,
				    (char *)&before + key->offset + key->max + 1,
				    sizeof(c) - key->offset - key->max - 1);
		memset(longest, 'x', sizeof(longest));
	}
}

static void booleans(void **state)
{
	static const char *const yes[] = { "yes", "1", "true" };
	static const char *const no[] = { "no", "0", "false" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(set("source.usb", "enabled", yes[i]), KB_OK);
		assert_true(c.usb_enabled);
		assert_int_equal(set("source.usb", "enabled", no[i]), KB_OK);
		assert_false(c.usb_enabled);
	}
	assert_int_equal(set("source.usb", "enabled", "Yes"), KB_EINVAL);
	assert_int_equal(set("source.usb", "enabled", ""), KB_EINVAL);
	assert_int_equal(set("source.usb", "enabled", "2"), KB_EINVAL);
}

static void counts(void **state)
{
	(void)state;
	assert_int_equal(set("system", "count", "always"), KB_OK);
	assert_int_equal(c.count, CONF_COUNT_ALWAYS);
	assert_int_equal(set("system", "count", "never"), KB_OK);
	assert_int_equal(c.count, CONF_COUNT_NEVER);
	assert_int_equal(set("system", "count", "auto"), KB_OK);
	assert_int_equal(c.count, CONF_COUNT_AUTO);
	assert_int_equal(set("system", "count", "sometimes"), KB_EINVAL);
}

static void verify_slot_is_boot_or_never(void **state)
{
	(void)state;
	assert_int_equal(set("system", "verify-slot", "boot"), KB_OK);
	assert_int_equal(c.verify_slot, CONF_VERIFY_BOOT);
	assert_int_equal(set("system", "verify-slot", "bool"), KB_EINVAL);
	assert_int_equal(c.verify_slot, CONF_VERIFY_BOOT);
	assert_int_equal(set("system", "verify-slot", "never"), KB_OK);
	assert_int_equal(c.verify_slot, CONF_VERIFY_NEVER);
}

static void handovers(void **state)
{
	(void)state;
	assert_int_equal(set("watchdog", "handover", "keeper"), KB_OK);
	assert_int_equal(c.handover, CONF_HANDOVER_KEEPER);
	assert_int_equal(set("watchdog", "handover", "release"), KB_OK);
	assert_int_equal(c.handover, CONF_HANDOVER_RELEASE);
	assert_int_equal(set("watchdog", "handover", "nobody"), KB_EINVAL);
	assert_int_equal(c.handover, CONF_HANDOVER_RELEASE);
	assert_int_equal(set("watchdog", "handover", "system"), KB_OK);
	assert_int_equal(c.handover, CONF_HANDOVER_SYSTEM);
}

static void what_a_watchdog_tells_is_believed_or_not(void **state)
{
	(void)state;
	assert_int_equal(set("watchdog", "bootstatus", "ignore"), KB_OK);
	assert_int_equal(c.bootstatus, CONF_BOOTSTATUS_IGNORE);
	assert_int_equal(set("watchdog", "bootstatus", "no"), KB_EINVAL);
	assert_int_equal(c.bootstatus, CONF_BOOTSTATUS_IGNORE);
	assert_int_equal(set("watchdog", "bootstatus", "trust"), KB_OK);
	assert_int_equal(c.bootstatus, CONF_BOOTSTATUS_TRUST);
}

static void file_systems_of_media_are_two_or_none(void **state)
{
	static const char *const bad[] = { "",	    "ext4",	 "vfat,ext4", "vfat,",
					   ",vfat", "vfat,vfat", "none,vfat", "VFAT" };

	(void)state;
	assert_int_equal(set("source.usb", "filesystems", "none"), KB_OK);
	assert_int_equal(c.usb_filesystems, 0);
	assert_int_equal(set("source.usb", "filesystems", "exfat"), KB_OK);
	assert_int_equal(c.usb_filesystems, CONF_FS_EXFAT);
	assert_int_equal(set("source.usb", "filesystems", "exfat,vfat"), KB_OK);
	assert_int_equal(c.usb_filesystems, CONF_FS_VFAT | CONF_FS_EXFAT);
	assert_int_equal(set("source.sd", "filesystems", "vfat"), KB_OK);
	assert_int_equal(c.sd_filesystems, CONF_FS_VFAT);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(set("source.usb", "filesystems", bad[i]), KB_EINVAL);
	assert_int_equal(c.usb_filesystems, CONF_FS_VFAT | CONF_FS_EXFAT);
}

static void times_have_units(void **state)
{
	(void)state;
	assert_int_equal(set("system", "timeout", "30"), KB_OK);
	assert_int_equal(c.timeout_s, 30);
	assert_int_equal(set("system", "timeout", "31s"), KB_OK);
	assert_int_equal(c.timeout_s, 31);
	assert_int_equal(set("source.usb", "settle", "250ms"), KB_OK);
	assert_int_equal(c.usb_settle_ms, 250);
	assert_int_equal(set("source.usb", "settle", "3s"), KB_OK);
	assert_int_equal(c.usb_settle_ms, 3000);
	assert_int_equal(set("source.usb", "settle", "0"), KB_OK);
	assert_int_equal(c.usb_settle_ms, 0);
	assert_int_equal(set("source.usb", "settle", "60"), KB_OK);
	assert_int_equal(c.usb_settle_ms, 60000);
}

static void bad_numbers(void **state)
{
	static const char *const bad[] = { "",
					   "-1",
					   "+1",
					   " 1",
					   "1 ",
					   "0x10",
					   "0",
					   "s",
					   "5ms",
					   "5min",
					   "3601",
					   "1.5",
					   "1 s",
					   "abc",
					   "99999999999",
					   "4294967297",
					   "18446744073709551617",
					   "00000000001" };

	(void)state;
	c.timeout_s = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(set("system", "timeout", bad[i]), KB_EINVAL);
	assert_int_equal(c.timeout_s, 77);
	assert_int_equal(set("system", "tries", "0"), KB_EINVAL);
	assert_int_equal(set("system", "tries", "10"), KB_EINVAL);
	assert_int_equal(set("system", "tries", "3s"), KB_EINVAL);
	assert_int_equal(set("source.usb", "settle", "61"), KB_EINVAL);
	assert_int_equal(set("source.usb", "settle", "60001ms"), KB_EINVAL);
	assert_int_equal(set("source.usb", "settle", "4294968ms"), KB_EINVAL);
	assert_int_equal(set("source.usb", "settle", "4294968"), KB_EINVAL); /* * 1000 wraps */
}

static void partitions(void **state)
{
	static const char *const good[] = {
		"PARTLABEL=a b", "PARTUUID=1-2", "LABEL==",
		"UUID=x",	 "/dev/vda",	 "/dev/disk/by-path/x"
	};
	static const char *const bad[] = {
		"",	    "PARTLABEL=", "LABEL",	"partlabel=x",
		"/dev/",    "/dev",	  "vda",	"/dev/../etc/passwd",
		"ID=x",	    "/etc/x",	  "LABEL=a\nb", "LABEL=\xff",
		"/dev/x/.."
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(conf_value_is_spec(good[i]));
		assert_int_equal(set("state", "partition", good[i]), KB_OK);
		assert_string_equal(c.state, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(conf_value_is_spec(bad[i]));
		assert_int_equal(set("state", "partition", bad[i]), KB_EINVAL);
	}
}

static void paths_stay_where_they_are(void **state)
{
	(void)state;
	assert_int_equal(set("system", "init", "/a..b/..c/d.."), KB_OK);
	assert_int_equal(set("system", "init", "bin/init"), KB_EINVAL);
	assert_int_equal(set("system", "init", "/"), KB_EINVAL);
	assert_int_equal(set("system", "init", "/a/../b"), KB_EINVAL);
	assert_int_equal(set("system", "init", "/a/.."), KB_EINVAL);
	assert_int_equal(set("source.data", "stage", "a/b"), KB_OK);
	assert_int_equal(set("source.data", "stage", ""), KB_EINVAL);
	assert_int_equal(set("source.data", "stage", "/a"), KB_EINVAL);
	assert_int_equal(set("source.data", "stage", "../a"), KB_EINVAL);
	assert_int_equal(set("watchdog", "device", "/dev/watchdog1"), KB_OK);
	assert_int_equal(set("watchdog", "device", "off"), KB_OK);
	assert_int_equal(set("watchdog", "device", ""), KB_EINVAL);
	assert_int_equal(set("watchdog", "device", "/tmp/x"), KB_EINVAL);
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(set("system", "compatible", "acme,roof-2.1_b+"), KB_OK);
	assert_int_equal(set("system", "compatible", ""), KB_EINVAL);
	assert_int_equal(set("system", "compatible", "a b"), KB_EINVAL);
	assert_int_equal(set("system", "compatible", "a/b"), KB_EINVAL);
	assert_int_equal(set("system", "disk", ""), KB_OK); /* takes a pin away again */
	assert_int_equal(set("system", "disk", "\x1b[2J"), KB_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_is_a_value),
		cmocka_unit_test(every_key_is_fit_for_people),
		cmocka_unit_test(jump_is_a_number_or_none),
		cmocka_unit_test(every_text_stays_in_its_array),
		cmocka_unit_test(booleans),
		cmocka_unit_test(counts),
		cmocka_unit_test(handovers),
		cmocka_unit_test(what_a_watchdog_tells_is_believed_or_not),
		cmocka_unit_test(verify_slot_is_boot_or_never),
		cmocka_unit_test(file_systems_of_media_are_two_or_none),
		cmocka_unit_test(times_have_units),
		cmocka_unit_test(bad_numbers),
		cmocka_unit_test(partitions),
		cmocka_unit_test(paths_stay_where_they_are),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("conf_keys", tests, NULL, NULL);
}
