/* SPDX-License-Identifier: Apache-2.0 */
/* What the running system is told of its boot. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/export.h"
#include "tests/unit/test.h"

#include <json-c/json.h>

static struct boot b;

static void booted(void)
{
	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_WARNING);
	memset(&b, 0, sizeof(b));
	conf_defaults(&b.conf);
	state_init(&b.rec.s, 2);
	b.rec.s.slot[1].st = STATE_TRIAL;
	b.rec.s.slot[1].tries = 2;
	snprintf(b.rec.s.slot[1].version, sizeof(b.rec.s.slot[1].version), "2.0");
	snprintf(b.dev.disk, DEVICES_NAME, "/dev/vda");
	snprintf(b.dev.diskid, sizeof(b.dev.diskid), "cid-1");
	snprintf(b.dev.state, DEVICES_NAME, "/dev/vda1");
	snprintf(b.dev.slot[1].part[0], DEVICES_NAME, "/dev/vda3");
	snprintf(b.wdt.dev, sizeof(b.wdt.dev), "/dev/watchdog0");
	b.wdt.armed = true;
	b.wdt.info.timeout_s = 60;
	b.attempt.forced = STATE_NONE;
	b.attempt.chosen = (struct choose_candidate){ .slot = 1, .tier = CHOOSE_NORMAL };
	b.attempt.counted = true;
	b.attempt.token = 37;
	b.rec.cause = RESET_POWER;
}

static struct json_object *json;

static void forget_json(void)
{
	json_object_put(json);
	json = NULL;
}

/* boot.json, as it is written now. */
static void export_json(void)
{
	forget_json();
	export_boot(&b);
	json = json_tokener_parse(os_sim_text("/run/keelboot/boot.json"));
	assert_non_null(json);
}

static const char *text_of(const char *key)
{
	return json_object_get_string(json_object_object_get(json, key));
}

/* A member of an object that is a member. */
static const char *text_in(const char *key, const char *inner)
{
	return json_object_get_string(
		json_object_object_get(json_object_object_get(json, key), inner));
}

TEST(the_files_are_those_of_the_page)
{
	export_write(&b);
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "b\n");
	assert_string_equal(os_sim_text("/run/keelboot/token"), "b 37\n");
	EQUAL((os_sim_text("/run/keelboot/devices"),
	       "disk /dev/vda\ndiskid cid-1\nstate /dev/vda1\nslot b root /dev/vda3\n"));
}

TEST(a_second_disk_that_is_alike_is_told_of)
{
	snprintf(b.dev.equal, DEVICES_NAME, "/dev/vdb");
	b.dev.warning[b.dev.nwarnings++] = (struct devices_warning){ "x", "two \"disks\"" };
	export_write(&b);
	assert_string_equal(os_sim_text("/run/keelboot/devices"),
			    "disk /dev/vda\ndiskid cid-1\nambiguous /dev/vdb\n"
			    "state /dev/vda1\nslot b root /dev/vda3\n");
	export_json();
	EQUAL((text_of("ambiguous"), "true"),
	      (text_of("warnings"), "[ { \"id\": \"x\", \"text\": \"two \\\"disks\\\"\" } ]"));
}

TEST(boot_json_is_json_with_every_field)
{
	export_json();
	EQUAL((text_of("slot"), "b"), (text_of("tier"), "normal"), (text_of("status"), "trial"));
	EQUAL((text_of("tries"), "2"), (text_of("token"), "37"), (text_of("counted"), "true"));
	EQUAL((text_of("cause"), "power"), (text_of("version"), "2.0"));
	assert_string_equal(text_of("state"), "found");
}

TEST(watchdog_and_who_feeds_it_are_told)
{
	export_json();
	assert_string_equal(text_in("watchdog", "device"), "/dev/watchdog0");
	EQUAL((text_in("watchdog", "timeout"), "60"), (text_in("watchdog", "handover"), "system"));
	assert_string_equal(text_in("watchdog", "feeder"), "system");
	b.wdt.handover = CONF_HANDOVER_RELEASE;
	export_json();
	assert_string_equal(text_in("watchdog", "handover"), "release");
	assert_string_equal(text_in("watchdog", "feeder"), "nobody");
	b.wdt.handover = CONF_HANDOVER_KEEPER; /* whose guardian did not start */
	export_json();
	assert_string_equal(text_in("watchdog", "feeder"), "nobody");
	os_sim_file("/sys/class/watchdog/watchdog0/nowayout", "1\n");
	export_json();
	assert_string_equal(text_in("watchdog", "feeder"), "system");
	b.wdt = (struct wdt){ .fd = -1 };
	export_json();
	EQUAL((text_in("watchdog", "device"), ""), (text_in("watchdog", "feeder"), "nobody"));
}

TEST(the_guardian_is_told)
{
	export_json();
	assert_null(json_object_object_get(json, "guardian"));
	b.guard = (struct guard){
		.pid = 164, .mode = "trial", .deadline_s = 300, .due_ms = 312999, .stable_s = 600
	};
	export_json();
	assert_string_equal(text_of("guardian"), "{ \"pid\": 164, \"mode\": \"trial\", "
						 "\"deadline\": 300, \"due\": 312, "
						 "\"stable\": 600 }");
	b.guard = (struct guard){ .pid = 164, .mode = "keeper", .due_ms = 12999 };
	b.wdt.kept = true;
	export_json();
	assert_string_equal(text_of("guardian"), "{ \"pid\": 164, \"mode\": \"keeper\", "
						 "\"deadline\": null, \"due\": null, "
						 "\"stable\": 0 }");
	assert_string_equal(text_in("watchdog", "feeder"), "guardian");
}

TEST(a_guardian_that_did_not_start_is_a_warning)
{
	b.guard.failed = true;
	b.dev.warning[b.dev.nwarnings++] = (struct devices_warning){ "x", "another one" };
	export_json();
	assert_int_equal(json_object_array_length(json_object_object_get(json, "warnings")), 2);
	assert_non_null(strstr(text_of("warnings"), "guardian: not started"));
}

TEST(a_forced_slot_is_told_as_forced)
{
	b.attempt.forced = 1;
	export_json();
	assert_string_equal(text_of("tier"), "forced");
}

/* Whatever the command line and a release hold, the file stays JSON and whole. */
TEST(no_text_breaks_the_json)
{
	static char longest[WDT_ABSENT_MAX];
	b.cmd.nwarnings = CMDLINE_WARNINGS_MAX;
	for (unsigned i = 0; i < CMDLINE_WARNINGS_MAX; i++) {
		memset(b.cmd.warning[i], i % 2 == 0 ? '"' : '\\', CMDLINE_TEXT_MAX);
		b.cmd.warning[i][3] = '\x01';
		b.cmd.warning[i][5] = (char)0xff;
	}
	for (b.skipped.n = 0; b.skipped.n < STATE_SLOTS_MAX; b.skipped.n++) {
		b.skipped.slot[b.skipped.n].slot = (int)b.skipped.n;
		memset(b.skipped.slot[b.skipped.n].reason, 0x22, STATE_STR_MAX);
	}
	memset(b.skipped.outlook, '\\', WHY_OUTLOOK_MAX);
	for (; b.dev.nwarnings < DEVICES_WARNINGS_MAX; b.dev.nwarnings++)
		memset(b.dev.warning[b.dev.nwarnings].text, '"', DEVICES_WARNING_LEN - 1);
	for (; b.ndespite < BOOT_DESPITE_MAX; b.ndespite++)
		memset(b.despite[b.ndespite], '"', STATE_STR_MAX);
	memset(longest, '"', sizeof(longest) - 1);
	while (b.wdt.nfindings < WDT_FINDINGS_MAX)
		wdt_report(&b.wdt, "watchdog-stop-on-reboot", longest);
	b.keys.ntrusted = b.keys.nretired = KEYRING_SURVEY_MAX;
	b.guard.failed = true;
	memset(b.rec.s.slot[1].version, '\\', STATE_STR_MAX);
	export_json();
	EQUAL((json_object_array_length(json_object_object_get(json, "warnings")),
	       CMDLINE_WARNINGS_MAX + DEVICES_WARNINGS_MAX + BOOT_DESPITE_MAX + WDT_FINDINGS_MAX +
		       1));
	assert_int_equal(strlen(text_of("reason")), SKIPPED_TEXT_MAX - 7);
}

TEST(slots_that_may_be_written_to_are_said)
{
	export_json();
	assert_null(json_object_object_get(json, "writable"));
	b.conf.slots = CONF_SLOTS_WRITABLE;
	export_json();
	assert_string_equal(text_of("writable"), "true");
}

TEST(a_full_run_stops_nothing)
{
	os_sim_fail("write /run/keelboot", 0, KB_ENOSPC);
	os_sim_fail("mkdir /run/keelboot", 0, KB_ENOSPC);
	export_write(&b);
	export_boot(&b);
	assert_int_equal(os_sim_count("# export: unable to write"), 4);
}

TEST_MAIN("export", .set_up = booted, .tear_down = forget_json)
