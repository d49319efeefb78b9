/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_keys.h"
#include "tests/unit/test.h"

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

#define TAKES(section, key, value, field, is)  \
	do {                                   \
		OK(set(section, key, value));  \
		assert_int_equal(c.field, is); \
	} while (0)

/* And what was there stays. */
static void refuses(const char *section, const char *name, const char *value)
{
	struct conf before;

	memcpy(&before, &c, sizeof(c));
	FAILS(set(section, name, value), KB_EINVAL);
	assert_memory_equal(&before, &c, sizeof(c));
}

static void refuses_each(const char *section, const char *name, const char *const *value)
{
	for (; *value != NULL; value++)
		refuses(section, name, *value);
}

#define REFUSES(section, name, ...) \
	refuses_each(section, name, (const char *const[]){ __VA_ARGS__, NULL })

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
		assert_ptr_equal(find(key->section, key->key), key); /* no name twice */
	}
}

TEST(jump_is_a_number_or_none)
{
	TAKES("install", "max-sequence-jump", "1", max_jump, 1);
	TAKES("install", "max-sequence-jump", "9223372036854775807", max_jump, INT64_MAX);
	REFUSES("install", "max-sequence-jump", "", "0", "-1", "1s", "None", "9223372036854775808",
		"1 ");
	TAKES("install", "max-sequence-jump", "none", max_jump, 0);
}

TEST(bytes_have_the_suffixes_of_sizes)
{
	TAKES("fleet", "max-bytes", "1", fleet_max_bytes, 1);
	TAKES("fleet", "max-bytes", "64K", fleet_max_bytes, 65536);
	TAKES("fleet", "max-bytes", "3M", fleet_max_bytes, 3145728);
	TAKES("fleet", "max-bytes", "2G", fleet_max_bytes, 2147483648);
	TAKES("fleet", "max-bytes", "9223372036854775807", fleet_max_bytes, INT64_MAX);
	TAKES("fleet", "max-bytes", "8589934591G", fleet_max_bytes, 8589934591ull << 30);
	TAKES("fleet", "max-bytes", "0", fleet_max_bytes, 0);
	REFUSES("fleet", "max-bytes", "", "K", "-1", "1KB", "1k", "1 M", "1%", "1T", "8589934592G",
		"9223372036854775808", "00000000000000000001");
	TAKES("fleet", "bandwidth", "1K", fleet_bandwidth, 1024);
	TAKES("fleet", "bandwidth", "0", fleet_bandwidth, 0);
	REFUSES("fleet", "bandwidth", "1023", "1", "64KB");
	TAKES("fleet", "daily-bytes", "64K", fleet_daily_bytes, 65536);
	REFUSES("fleet", "daily-bytes", "65535", "20");
}

TEST(partial_is_one_of_three_words)
{
	TAKES("fleet", "partial", "require", fleet_partial, CONF_PARTIAL_REQUIRE);
	TAKES("fleet", "partial", "auto", fleet_partial, CONF_PARTIAL_AUTO);
	REFUSES("fleet", "partial", "", "yes", "true", "Auto");
	TAKES("fleet", "partial", "no", fleet_partial, CONF_PARTIAL_NO);
}

TEST(every_text_stays_in_its_array)
{
	char longest[300];

	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		struct conf before;

		if (key->kind < CONF_KIND_TEXT)
			continue;
		memset(&c, 0xa5, sizeof(c));
		memcpy(&before, &c, sizeof(c));
		memset(longest, 'x', sizeof(longest));
		memcpy(longest, "/dev/", 5);
		if (key->kind == CONF_KIND_NAME || key->kind == CONF_KIND_COMPATIBLE ||
		    key->kind == CONF_KIND_SUBPATH || key->kind == CONF_KIND_SUBPATHS)
			memcpy(longest, "xxxxx", 5);
		if (key->kind == CONF_KIND_URL)
			memcpy(longest, "http://", 7);
		if (key->kind == CONF_KIND_SUBPATHS)
			longest[100] = ','; /* no path is that long */
		if (key->kind == CONF_KIND_SIZE) {
			memset(longest, '1', sizeof(longest));
			longest[key->max - 1] = longest[key->max] = 'M';
		}
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
		OK(set("source.data", "enabled", yes[i]));
		assert_true(c.data_enabled);
		OK(set("source.data", "enabled", no[i]));
		assert_false(c.data_enabled);
		TAKES("source.media", "enabled", yes[i], media_enabled,
		      CONF_MEDIA_USB | CONF_MEDIA_SD);
		TAKES("source.media", "enabled", no[i], media_enabled, 0);
	}
	REFUSES("source.data", "enabled", "Yes", "", "2", "usb");
}

TEST(updates_may_come_from_one_kind_of_medium_alone)
{
	TAKES("source.media", "enabled", "usb", media_enabled, CONF_MEDIA_USB);
	TAKES("source.media", "enabled", "sd", media_enabled, CONF_MEDIA_SD);
	TAKES("source.media", "enabled", "usb,sd", media_enabled, CONF_MEDIA_USB | CONF_MEDIA_SD);
	TAKES("source.media", "enabled", "sd,usb", media_enabled, CONF_MEDIA_USB | CONF_MEDIA_SD);
	REFUSES("source.media", "enabled", "", "Yes", "2", "none", "usb,", "usb,usb", "sd,data",
		"yes,sd");
}

TEST(counts)
{
	TAKES("system", "count", "always", count, CONF_COUNT_ALWAYS);
	TAKES("system", "count", "never", count, CONF_COUNT_NEVER);
	TAKES("system", "count", "auto", count, CONF_COUNT_AUTO);
	refuses("system", "count", "sometimes");
}

TEST(verify_slot_is_boot_or_never)
{
	TAKES("system", "verify-slot", "boot", verify_slot, CONF_VERIFY_BOOT);
	refuses("system", "verify-slot", "bool");
	TAKES("system", "verify-slot", "never", verify_slot, CONF_VERIFY_NEVER);
}

TEST(handovers)
{
	TAKES("watchdog", "handover", "keeper", handover, CONF_HANDOVER_KEEPER);
	TAKES("watchdog", "handover", "release", handover, CONF_HANDOVER_RELEASE);
	refuses("watchdog", "handover", "nobody");
	TAKES("watchdog", "handover", "system", handover, CONF_HANDOVER_SYSTEM);
}

TEST(what_a_watchdog_tells_is_believed_or_not)
{
	TAKES("watchdog", "bootstatus", "ignore", bootstatus, CONF_BOOTSTATUS_IGNORE);
	refuses("watchdog", "bootstatus", "no");
	TAKES("watchdog", "bootstatus", "trust", bootstatus, CONF_BOOTSTATUS_TRUST);
}

TEST(file_systems_of_media_are_two_or_none)
{
	TAKES("source.media", "filesystems", "none", media_filesystems, 0);
	TAKES("source.media", "filesystems", "exfat", media_filesystems, CONF_FS_EXFAT);
	TAKES("source.media", "filesystems", "exfat,vfat", media_filesystems,
	      CONF_FS_VFAT | CONF_FS_EXFAT);
	TAKES("source.media", "filesystems", "vfat", media_filesystems, CONF_FS_VFAT);
	REFUSES("source.media", "filesystems", "", "ext4", "vfat,ext4", "vfat,", ",vfat",
		"vfat,vfat", "none,vfat", "VFAT");
}

TEST(times_have_units)
{
	TAKES("system", "timeout", "30", timeout_s, 30);
	TAKES("system", "timeout", "31s", timeout_s, 31);
	TAKES("source.media", "settle", "250ms", media_wait_ms, 250);
	TAKES("source.media", "settle", "3s", media_wait_ms, 3000);
	TAKES("source.media", "settle", "0", media_wait_ms, 0);
	TAKES("source.media", "settle", "60", media_wait_ms, 60000);
}

TEST(bad_numbers)
{
	c.timeout_s = 77;
	REFUSES("system", "timeout", "", "-1", "+1", " 1", "1 ", "0x10", "0", "s", "5ms", "5min",
		"3601", "1.5", "1 s", "abc", "99999999999", "4294967297", "18446744073709551617",
		"00000000001");
	REFUSES("system", "tries", "0", "10", "3s");
	REFUSES("source.media", "settle", "61", "60001ms", "4294968ms");
	refuses("source.media", "settle", "4294968"); /* * 1000 wraps */
}

TEST(partitions)
{
	static const char *const good[] = {
		"PARTLABEL=a b", "PARTUUID=1-2", "LABEL==",
		"UUID=x",	 "/dev/vda",	 "/dev/disk/by-path/x"
	};
	static const char *const bad[] = {
		"",	     "PARTLABEL=", "LABEL",	 "partlabel=x",
		"/dev/",     "/dev",	   "vda",	 "/dev/../etc/passwd",
		"ID=x",	     "/etc/x",	   "LABEL=a\nb", "LABEL=\xff",
		"/dev/x/..", "/dev//x",	   "//dev/x",	 "/dev/./x",
		"/dev/x/",   "/dev/x/.",   "/dev/m//x",	 "/dev/x//"
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(conf_value_is_spec(good[i]));
		OK(set("state", "partition", good[i]));
		assert_string_equal(c.state, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(conf_value_is_spec(bad[i]));
		refuses("state", "partition", bad[i]);
	}
}

TEST(paths_stay_where_they_are)
{
	OK(set("system", "init", "/a..b/..c/d.."));
	REFUSES("system", "init", "bin/init", "/", "/a/../b", "/a/..");
	OK(set("source.data", "stage", "a/b"));
	REFUSES("source.data", "stage", "", "/a", "../a");
	OK(set("watchdog", "device", "/dev/watchdog1"));
	OK(set("watchdog", "device", "off"));
	REFUSES("watchdog", "device", "", "/tmp/x");
}

TEST(names)
{
	OK(set("system", "compatible", "acme-roof-2.1_b+"));
	REFUSES("system", "compatible", "", "a b", "a/b", "acme,roof-2");
	OK(set("system", "disk", "")); /* takes a pin away again */
	refuses("system", "disk", "\x1b[2J");
}

TEST(overlay_is_off_in_memory_or_on_a_partition)
{
	OK(set("system", "root-overlay", "tmpfs"));
	OK(set("system", "root-overlay", "PARTLABEL=overlay"));
	REFUSES("system", "root-overlay", "", "no", "yes", "TMPFS", "overlay", "/run/x");
	OK(set("system", "root-overlay", "off"));
}

TEST(size_of_an_overlay_has_a_unit_and_a_bound)
{
	static const char *const good[] = { "1K", "64M", "1G", "1%", "90%", "4294967295K" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		OK(set("system", "root-overlay-size", good[i]));
	REFUSES("system", "root-overlay-size", "", "64", "0M", "0%", "91%", "M", "%", "64m", "1T",
		"64MB", "64 M", "-1M", "1.5G", "20%,nr_inodes=1", "99999999999999999M");
}

TEST_MAIN("conf_keys")
