/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"
#include "tests/unit/test.h"

#include <string.h>

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

TEST(every_default_is_a_value)
{
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++)
		if (key->def[0] != '\0')
			OK(conf_value_set(&c, key, key->def));
}

TEST(every_key_is_fit_for_people)
{
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		assert_true(key->values[0] != '\0');
		assert_int_equal(key->meaning[strlen(key->meaning) - 1], '.');
		assert_ptr_equal(find(key->section, key->key), key); /* no name twice */
	}
}

TEST(jump_is_a_number_or_none)
{
	static const char *const bad[] = {
		"", "0", "-1", "1s", "None", "9223372036854775808", "1 "
	};

	OK(set("install", "max-sequence-jump", "1"));
	assert_int_equal(c.max_jump, 1);
	OK(set("install", "max-sequence-jump", "9223372036854775807"));
	assert_int_equal(c.max_jump, INT64_MAX);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		FAILS(set("install", "max-sequence-jump", bad[i]), KB_EINVAL);
	assert_int_equal(c.max_jump, INT64_MAX);
	OK(set("install", "max-sequence-jump", "none"));
	assert_int_equal(c.max_jump, 0);
}

TEST(every_text_stays_in_its_array)
{
	char longest[300];

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
		FAILS(conf_value_set(&c, key, longest), KB_EINVAL);
		assert_memory_equal(&before, &c, sizeof(c));
		longest[key->max] = '\0';
		OK(conf_value_set(&c, key, longest));
		assert_memory_equal((char *)&c, (char *)&before, key->offset);
		assert_string_equal((char *)&c + key->offset, longest);
		assert_memory_equal((char *)&c + key->offset + key->max + 1,
				    (char *)&before + key->offset + key->max + 1,
				    sizeof(c) - key->offset - key->max - 1);
		memset(longest, 'x', sizeof(longest));
	}
}

TEST(booleans)
{
	static const char *const yes[] = { "yes", "1", "true" };
	static const char *const no[] = { "no", "0", "false" };

	for (int i = 0; i < 3; i++) {
		OK(set("source.usb", "enabled", yes[i]));
		assert_true(c.usb_enabled);
		OK(set("source.usb", "enabled", no[i]));
		assert_false(c.usb_enabled);
	}
	FAILS(set("source.usb", "enabled", "Yes"), KB_EINVAL);
	FAILS(set("source.usb", "enabled", ""), KB_EINVAL);
	FAILS(set("source.usb", "enabled", "2"), KB_EINVAL);
}

TEST(counts)
{
	OK(set("system", "count", "always"));
	assert_int_equal(c.count, CONF_COUNT_ALWAYS);
	OK(set("system", "count", "never"));
	assert_int_equal(c.count, CONF_COUNT_NEVER);
	OK(set("system", "count", "auto"));
	assert_int_equal(c.count, CONF_COUNT_AUTO);
	FAILS(set("system", "count", "sometimes"), KB_EINVAL);
}

TEST(verify_slot_is_boot_or_never)
{
	OK(set("system", "verify-slot", "boot"));
	assert_int_equal(c.verify_slot, CONF_VERIFY_BOOT);
	FAILS(set("system", "verify-slot", "bool"), KB_EINVAL);
	assert_int_equal(c.verify_slot, CONF_VERIFY_BOOT);
	OK(set("system", "verify-slot", "never"));
	assert_int_equal(c.verify_slot, CONF_VERIFY_NEVER);
}

TEST(handovers)
{
	OK(set("watchdog", "handover", "keeper"));
	assert_int_equal(c.handover, CONF_HANDOVER_KEEPER);
	OK(set("watchdog", "handover", "release"));
	assert_int_equal(c.handover, CONF_HANDOVER_RELEASE);
	FAILS(set("watchdog", "handover", "nobody"), KB_EINVAL);
	assert_int_equal(c.handover, CONF_HANDOVER_RELEASE);
	OK(set("watchdog", "handover", "system"));
	assert_int_equal(c.handover, CONF_HANDOVER_SYSTEM);
}

TEST(what_a_watchdog_tells_is_believed_or_not)
{
	OK(set("watchdog", "bootstatus", "ignore"));
	assert_int_equal(c.bootstatus, CONF_BOOTSTATUS_IGNORE);
	FAILS(set("watchdog", "bootstatus", "no"), KB_EINVAL);
	assert_int_equal(c.bootstatus, CONF_BOOTSTATUS_IGNORE);
	OK(set("watchdog", "bootstatus", "trust"));
	assert_int_equal(c.bootstatus, CONF_BOOTSTATUS_TRUST);
}

TEST(file_systems_of_media_are_two_or_none)
{
	static const char *const bad[] = { "",	    "ext4",	 "vfat,ext4", "vfat,",
					   ",vfat", "vfat,vfat", "none,vfat", "VFAT" };

	OK(set("source.usb", "filesystems", "none"));
	assert_int_equal(c.usb_filesystems, 0);
	OK(set("source.usb", "filesystems", "exfat"));
	assert_int_equal(c.usb_filesystems, CONF_FS_EXFAT);
	OK(set("source.usb", "filesystems", "exfat,vfat"));
	assert_int_equal(c.usb_filesystems, CONF_FS_VFAT | CONF_FS_EXFAT);
	OK(set("source.sd", "filesystems", "vfat"));
	assert_int_equal(c.sd_filesystems, CONF_FS_VFAT);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		FAILS(set("source.usb", "filesystems", bad[i]), KB_EINVAL);
	assert_int_equal(c.usb_filesystems, CONF_FS_VFAT | CONF_FS_EXFAT);
}

TEST(times_have_units)
{
	OK(set("system", "timeout", "30"));
	assert_int_equal(c.timeout_s, 30);
	OK(set("system", "timeout", "31s"));
	assert_int_equal(c.timeout_s, 31);
	OK(set("source.usb", "settle", "250ms"));
	assert_int_equal(c.usb_settle_ms, 250);
	OK(set("source.usb", "settle", "3s"));
	assert_int_equal(c.usb_settle_ms, 3000);
	OK(set("source.usb", "settle", "0"));
	assert_int_equal(c.usb_settle_ms, 0);
	OK(set("source.usb", "settle", "60"));
	assert_int_equal(c.usb_settle_ms, 60000);
}

TEST(bad_numbers)
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

	c.timeout_s = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		FAILS(set("system", "timeout", bad[i]), KB_EINVAL);
	assert_int_equal(c.timeout_s, 77);
	FAILS(set("system", "tries", "0"), KB_EINVAL);
	FAILS(set("system", "tries", "10"), KB_EINVAL);
	FAILS(set("system", "tries", "3s"), KB_EINVAL);
	FAILS(set("source.usb", "settle", "61"), KB_EINVAL);
	FAILS(set("source.usb", "settle", "60001ms"), KB_EINVAL);
	FAILS(set("source.usb", "settle", "4294968ms"), KB_EINVAL);
	FAILS(set("source.usb", "settle", "4294968"), KB_EINVAL); /* * 1000 wraps */
}

TEST(partitions)
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

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(conf_value_is_spec(good[i]));
		OK(set("state", "partition", good[i]));
		assert_string_equal(c.state, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(conf_value_is_spec(bad[i]));
		FAILS(set("state", "partition", bad[i]), KB_EINVAL);
	}
}

TEST(paths_stay_where_they_are)
{
	OK(set("system", "init", "/a..b/..c/d.."));
	FAILS(set("system", "init", "bin/init"), KB_EINVAL);
	FAILS(set("system", "init", "/"), KB_EINVAL);
	FAILS(set("system", "init", "/a/../b"), KB_EINVAL);
	FAILS(set("system", "init", "/a/.."), KB_EINVAL);
	OK(set("source.data", "stage", "a/b"));
	FAILS(set("source.data", "stage", ""), KB_EINVAL);
	FAILS(set("source.data", "stage", "/a"), KB_EINVAL);
	FAILS(set("source.data", "stage", "../a"), KB_EINVAL);
	OK(set("watchdog", "device", "/dev/watchdog1"));
	OK(set("watchdog", "device", "off"));
	FAILS(set("watchdog", "device", ""), KB_EINVAL);
	FAILS(set("watchdog", "device", "/tmp/x"), KB_EINVAL);
}

TEST(names)
{
	OK(set("system", "compatible", "acme,roof-2.1_b+"));
	FAILS(set("system", "compatible", ""), KB_EINVAL);
	FAILS(set("system", "compatible", "a b"), KB_EINVAL);
	FAILS(set("system", "compatible", "a/b"), KB_EINVAL);
	OK(set("system", "disk", "")); /* takes a pin away again */
	FAILS(set("system", "disk", "\x1b[2J"), KB_EINVAL);
}

int main(void)
{
	return TEST_RUN("conf_keys");
}
