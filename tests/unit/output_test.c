/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/output.h"
#include "tests/unit/test.h"

TEST(every_error_has_a_documented_exit_code)
{
	for (int err = KB_OK + 1; err <= KB_ENOCAND; err++) {
		int code = output_exit_code((enum kb_err)err);

		/* Usage, and a reboot that is needed, are no errors of this kind. */
		assert_true(code == 1 || code == 2 || code == 5 || code == 6 || code == 7);
	}
	EQUAL((output_exit_code(KB_OK), 0), (output_exit_code(KB_EAPPLIED), 2));
	EQUAL((output_exit_code(KB_ESIG), 5), (output_exit_code(KB_EDIGEST), 5));
	EQUAL((output_exit_code(KB_ECOMPAT), 6), (output_exit_code(KB_EREJECTED), 6));
	EQUAL((output_exit_code(KB_EBUSY), 7), (output_exit_code(KB_EREBUILT), 7));
	EQUAL((output_exit_code(KB_EAMBIGUOUS), 7), (output_exit_code(KB_EIO), 1));
}

TEST(times_are_utc_and_damage_is_none)
{
	char t[OUTPUT_TIME_LEN];

	output_time(t, 1700000000, false);
	assert_string_equal(t, "2023-11-14 22:13:20Z");
	output_time(t, 1700000000, true);
	assert_string_equal(t, "2023-11-14T22:13:20Z");
	output_time(t, 0, false);
	assert_string_equal(t, "");
	output_time(t, UINT64_MAX, false);
	assert_string_equal(t, "");
	output_time(t, UINT64_C(253402300799), true);
	assert_string_equal(t, "9999-12-31T23:59:59Z");
}

TEST(the_clock_can_be_given)
{
	setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
	assert_int_equal(output_now(), 1700000000);
	setenv("SOURCE_DATE_EPOCH", "tomorrow", 1);
	assert_true(output_now() > 1700000000);
	unsetenv("SOURCE_DATE_EPOCH");
	assert_true(output_now() > 1700000000);
}

TEST(sizes_have_units)
{
	char t[OUTPUT_TIME_LEN];

	output_size(t, 0);
	assert_string_equal(t, "0 bytes");
	output_size(t, 1536);
	assert_string_equal(t, "1.5 KiB");
	output_size(t, UINT64_C(512) << 20);
	assert_string_equal(t, "512.0 MiB");
	output_size(t, UINT64_MAX);
	assert_string_equal(t, "16777216.0 TiB");
}

static const char *sentence(enum history_kind kind, int slot, const char *version,
			    const char *reason, const char *detail)
{
	static char line[OUTPUT_LINE_LEN];
	struct history_event e = { .kind = kind, .slot = (int8_t)slot };

	state_set_text(e.version, version);
	history_set_text(e.reason, reason);
	history_set_text(e.detail, detail);
	output_event_sentence(line, &e);
	return line;
}

TEST(events_are_sentences)
{
	assert_string_equal(sentence(HISTORY_BAD, 1, "3.0", "no tries left", "crash"),
			    "3.0 in slot b was rejected: no tries left (last reset: crash)");
	EQUAL((sentence(HISTORY_BAD, 0, "", "x", "command"), "slot a was rejected: x (command)"));
	assert_string_equal(sentence(HISTORY_INSTALL, 1, "2.0", "", "usb"),
			    "2.0 for slot b was installed (from usb)");
	assert_string_equal(sentence(HISTORY_INSTALL, 1, "2.0", "chunk 7 is damaged", "usb"),
			    "2.0 for slot b could not be installed: chunk 7 is damaged (from usb)");
	assert_string_equal(sentence(HISTORY_REFUSED, STATE_NONE, "", "no key signed it", "data"),
			    "a bundle was refused: no key signed it (from data)");
	assert_string_equal(sentence(HISTORY_GOOD, 1, "2.0", "", "committed"),
			    "2.0 in slot b was marked good (committed)");
	assert_string_equal(sentence(HISTORY_REBUILT, STATE_NONE, "", "both regions damaged", ""),
			    "the state record was lost and rebuilt: both regions damaged");
	assert_string_equal(sentence(HISTORY_STATE, STATE_NONE, "2.0", "staged", ""), "2.0 staged");
}

TEST(boots_tell_failures_and_stand_ins)
{
	EQUAL((sentence(HISTORY_BOOT, 0, "1.0", "", "normal"), "1.0 in slot a was booted"));
	assert_string_equal(sentence(HISTORY_BOOT, 0, "1.0", "", "last-resort"),
			    "1.0 in slot a was booted (last-resort)");
	assert_string_equal(sentence(HISTORY_BOOT, 1, "2.0", "hook 20-mine: exit 1", "no licence"),
			    "2.0 in slot b could not be booted: hook 20-mine: exit 1 (no licence)");
	assert_string_equal(sentence(HISTORY_BOOT, 1, "2.0", "manifest lost", "booted anyway"),
			    "2.0 in slot b was booted anyway: manifest lost");
	assert_string_equal(sentence(HISTORY_BOOT, 1, "2.0", "no file system", "not booted"),
			    "2.0 in slot b could not be booted: no file system");
	assert_string_equal(sentence(HISTORY_BOOT, 0, "1.0", "b: no file system", "normal"),
			    "1.0 in slot a was booted instead of slot b: no file system");
}

TEST(the_longest_event_fits)
{
	char longest[HISTORY_TEXT_MAX + 1];

	memset(longest, 'x', HISTORY_TEXT_MAX);
	longest[HISTORY_TEXT_MAX] = '\0';
	for (int kind = 0; kind < HISTORY_KIND_COUNT; kind++) {
		const char *line = sentence((enum history_kind)kind, 7, longest, longest, longest);

		assert_true(strlen(line) < OUTPUT_LINE_LEN - 1);
		assert_true(kind == HISTORY_STATE || strstr(line, longest) != NULL);
	}
}

TEST(json_keeps_large_numbers_and_missing_slots)
{
	struct history_event e = { .kind = HISTORY_STATE, .slot = STATE_NONE };
	json_object *o, *value;

	e.sequence = UINT64_MAX;
	o = output_event_json(&e);
	assert_true(json_object_object_get_ex(o, "sequence", &value));
	assert_string_equal(json_object_to_json_string(value), "18446744073709551615");
	assert_true(json_object_object_get_ex(o, "slot", &value));
	assert_null(value);
	assert_true(json_object_object_get_ex(o, "time", &value));
	assert_null(value);
	json_object_put(o);
}

/* Names of files are whatever a stick has. */
TEST(json_is_utf_8_without_controls_whatever_a_name_is)
{
	static const struct {
		const char *given, *want;
	} name[] = {
		{ "plain \"quoted\"", "plain \"quoted\"" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2" },
		{ "\xff\xfez", "??z" },
		{ "\x80\xbf", "??" },
		{ "\xc3", "?" },
		{ "\xe2\x82", "??" },
		{ "\xe2\x82z", "??z" },
		{ "\xc0\xaf", "??" },			   /* longer than it need be */
		{ "\xed\xa0\x80", "???" },		   /* half of a pair */
		{ "\xf4\x90\x80\x80", "????" },		   /* beyond the last */
		{ "\xfc\x80\x80\x80", "????" },		   /* of five bytes and more */
		{ "\x7f\xc2\x9b\xc2\xa0", "???\xc2\xa0" }, /* what a terminal obeys */
	};

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		json_object *o = output_json_new(), *value;

		output_json_text(o, "name", name[i].given);
		assert_true(json_object_object_get_ex(o, "name", &value));
		assert_string_equal(json_object_get_string(value), name[i].want);
		json_object_put(o);
	}
}

TEST_MAIN("output")
