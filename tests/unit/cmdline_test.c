/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel-cmdline/cmdline.h"
#include "kernel-cmdline/cmdline_word.h"
#include "tests/unit/garbage.h"
#include "tests/unit/test.h"

static struct cmdline c;

/* Parses text and asserts the number of warnings; what they say is in c. */
static void parse(const char *text, unsigned warnings)
{
	/* An exact copy on the heap lets the address sanitizer see a read beyond the end. */
	char *copy = strdup(text);

	memset(&c, 0xa5, sizeof(c));
	cmdline_parse(&c, copy);
	free(copy);
	for (unsigned i = warnings; i < c.nwarnings; i++)
		print_message("unexpected: %s\n", c.warning[i]);
	assert_int_equal(c.nwarnings, warnings);
}

static void assert_defaults(void)
{
	EQUAL((c.enable, true), (c.slot, -1), (c.sources, CMDLINE_SOURCE_ALL), (c.timeout_s, 0));
	EQUAL((c.watchdog, ""), (c.watchdog_timeout_s, 0), (c.log, CMDLINE_LOG_INFO), (c.root, ""));
	EQUAL((c.rootfstype, ""), (c.rootflags, ""), (c.rw, false), (c.init, ""), (c.panic, 0));
	assert_false(c.has_panic);
}

TEST(an_empty_line_is_all_defaults)
{
	parse("", 0);
	assert_defaults();
	parse(" \t\n", 0);
	assert_defaults();
}

TEST(words_of_others_are_left_alone)
{
	parse("console=ttyS0 earlyprintk slot=b keelboot keel.slot=b xkeelboot.slot=b =a = \"\"\n",
	      0);
	assert_defaults();
}

TEST(cause_of_a_reset_is_one_of_bareboxs_words)
{
	parse("keelboot.reset=BROWNOUT", 0);
	assert_string_equal(c.reset, "BROWNOUT");
	parse("keelboot.reset=unknown", 0);
	assert_string_equal(c.reset, "");
}

TEST(every_key_is_read)
{
	parse("keelboot.enable=0 keelboot.slot=b keelboot.sources=usb,raw keelboot.timeout=7"
	      " keelboot.watchdog=/dev/watchdog1,20 keelboot.log=debug keelboot.shell=1 "
	      "root=/dev/vda2"
	      " rootfstype=ext4 rootflags=noatime,data=ordered rootwait rw init=/bin/sh panic=-1 "
	      "quiet\n",
	      0);
	EQUAL((c.enable, false), (c.slot, 1), (c.sources, CMDLINE_SOURCE_USB | CMDLINE_SOURCE_RAW));
	EQUAL((c.timeout_s, 7), (c.watchdog, "/dev/watchdog1"), (c.watchdog_timeout_s, 20));
	EQUAL((c.log, CMDLINE_LOG_DEBUG), (c.shell, true), (c.root, "/dev/vda2"));
	EQUAL((c.rootfstype, "ext4"), (c.rootflags, "noatime,data=ordered"));
	EQUAL((c.rw, true), (c.init, "/bin/sh"), (c.has_panic, true), (c.panic, -1));
}

TEST(what_is_logged_has_three_levels)
{
	parse("quiet", 0);
	assert_false(c.has_log);
	parse("keelboot.log=quiet", 0);
	EQUAL((c.log, CMDLINE_LOG_QUIET), (c.has_log, true));
	parse("keelboot.log=quiet keelboot.log=loud", 1);
	EQUAL((c.log, CMDLINE_LOG_INFO), (c.has_log, false));
	parse("keelboot.log=quiet keelboot.log=info", 0);
	assert_int_equal(c.log, CMDLINE_LOG_INFO);
	parse("keelboot.log=info keelboot.log=debug", 0);
	assert_int_equal(c.log, CMDLINE_LOG_DEBUG);
}

TEST(every_spelling_of_yes_and_no)
{
	static const char *const no[] = { "0", "no", "off", "n" };
	static const char *const yes[] = { "1", "yes", "on", "y" };

	for (size_t i = 0; i < 4; i++) {
		parse(strf("keelboot.enable=%s", no[i]), 0);
		assert_false(c.enable);
		parse(strf("keelboot.enable=0 keelboot.enable=%s", yes[i]), 0);
		assert_true(c.enable);
	}
	parse("keelboot.enable=0 keelboot.enable", 0);
	assert_true(c.enable);
	parse("keelboot.reset=WDG keelboot.reset=watchdog", 1);
	assert_string_equal(c.reset, "");
	parse("keelboot.reset=WDG keelboot.reset", 1);
	assert_string_equal(c.reset, "");
	parse("keelboot.shell=1 keelboot.shell=/bin/sh", 1);
	assert_false(c.shell);
}

TEST(slots_are_a_to_h)
{
	char text[] = "keelboot.slot=?";

	for (int i = 0; i < 8; i++) {
		text[sizeof(text) - 2] = (char)('a' + i);
		parse(text, 0);
		assert_int_equal(c.slot, i);
	}
}

TEST(keys_of_the_first_kernel_are_marks_or_none)
{
	static const char *const bad[] = {
		"",	     ",",	  "none,1a2b3c4d", "1a2b3c4",
		"1a2b3c4d5", "1a2b3c4d,", "1A2B3C4D",	   "1a2b3c4d 5e6f7a8b"
	};
	char text[512] = CMDLINE_BASE_KEYS "=1a2b3c4d";

	parse("keelboot.base-keys=1a2b3c4d,5e6f7a8b", 0);
	assert_string_equal(c.base_keys, "1a2b3c4d,5e6f7a8b");
	parse("keelboot.base-keys=1a2b3c4d keelboot.base-keys=none", 0);
	assert_string_equal(c.base_keys, "none");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		parse(strf("keelboot.base-keys=1a2b3c4d keelboot.base-keys=\"%s\"", bad[i]), 1);
		assert_string_equal(c.base_keys, "");
	}
	for (unsigned i = 1; i < 16; i++)
		strcat(text, ",1a2b3c4d");
	parse(text, 0);
	assert_int_equal(strlen(c.base_keys), CMDLINE_MARKS_MAX);
	parse(strcat(text, ",1a2b3c4d"), 1);
	assert_string_equal(c.base_keys, "");
}

TEST(pair_says_how_it_was_started)
{
	parse("keelboot.pair=b", 0);
	EQUAL((c.pair, 1), (c.start, CMDLINE_START_PLAIN));
	parse("keelboot.pair=h,counted", 0);
	EQUAL((c.pair, 7), (c.start, CMDLINE_START_COUNTED));
	parse("keelboot.pair=a,instead", 0);
	EQUAL((c.pair, 0), (c.start, CMDLINE_START_INSTEAD));
	parse("keelboot.pair=a,once", 0);
	EQUAL((c.pair, 0), (c.start, CMDLINE_START_ONCE));
	parse("keelboot.pair=a,unsaved", 0);
	EQUAL((c.pair, 0), (c.start, CMDLINE_START_UNSAVED));
	parse("keelboot.pair=a,counted keelboot.pair=a,", 1);
	EQUAL((c.pair, -1), (c.start, CMDLINE_START_PLAIN));
	parse("keelboot.pair=i,counted keelboot.pair=,counted keelboot.pair", 3);
	EQUAL((c.pair, -1), (c.start, CMDLINE_START_PLAIN));
}

TEST(media_are_a_list)
{
	parse("keelboot.sources=none", 0);
	assert_int_equal(c.sources, CMDLINE_SOURCE_NONE);
	parse("keelboot.sources=all", 0);
	assert_int_equal(c.sources, CMDLINE_SOURCE_ALL);
	parse("keelboot.sources=data", 0);
	assert_int_equal(c.sources, CMDLINE_SOURCE_DATA);
	parse("keelboot.sources=sd,data,sd", 0);
	assert_int_equal(c.sources, CMDLINE_SOURCE_SD | CMDLINE_SOURCE_DATA);
}

TEST(watchdog_forms)
{
	parse("keelboot.watchdog=off", 0);
	EQUAL((c.watchdog, "off"), (c.watchdog_timeout_s, 0));
	parse("keelboot.watchdog=/dev/watchdog0", 0);
	EQUAL((c.watchdog, "/dev/watchdog0"), (c.watchdog_timeout_s, 0));
	/* The time of an earlier one does not stick to a later one. */
	parse("keelboot.watchdog=/dev/a,5 keelboot.watchdog=/dev/b", 0);
	EQUAL((c.watchdog, "/dev/b"), (c.watchdog_timeout_s, 0));
}

/* system.conf has no room for more, and the two are merged. */
TEST(path_of_a_watchdog_is_bounded)
{
	char text[64 + CMDLINE_PATH_MAX] = "keelboot.watchdog=/dev/";
	size_t dev = strlen("keelboot.watchdog=");

	memset(text + strlen(text), 'w', dev + CMDLINE_PATH_MAX - strlen(text));
	parse(text, 0);
	assert_int_equal(strlen(c.watchdog), CMDLINE_PATH_MAX);
	text[dev + CMDLINE_PATH_MAX] = 'w';
	parse(text, 1);
	assert_string_equal(c.watchdog, "");
}

TEST(panic_is_what_the_kernel_reads)
{
	parse("panic=0", 0);
	EQUAL((c.has_panic, true), (c.panic, 0));
	parse("panic=2147483647", 0);
	assert_int_equal(c.panic, 2147483647);
}

TEST(a_bad_value_is_the_default_and_is_named)
{
	static const struct {
		const char *word, *says;
	} bad[] = {
		{ "keelboot.enable=maybe", "keelboot.enable=maybe: not one of 0|1" },
		{ "keelboot.enable=", "keelboot.enable=: " },
		{ "keelboot.slot", "keelboot.slot: needs a value: a|b|c" },
		{ "keelboot.slot=", "keelboot.slot=: " },
		{ "keelboot.slot=i", "a|b|c|d|e|f|g|h" },
		{ "keelboot.slot=A", "keelboot.slot=A" },
		{ "keelboot.slot=ab", "keelboot.slot=ab" },
		{ "keelboot.sources", "keelboot.sources: needs a value" },
		{ "keelboot.sources=", "keelboot.sources=" },
		{ "keelboot.sources=usb,", "keelboot.sources=usb," },
		{ "keelboot.sources=,usb", "data,usb,sd,raw" },
		{ "keelboot.sources=usb,none", "none|all|LIST" },
		{ "keelboot.sources=floppy", "keelboot.sources=floppy" },
		{ "keelboot.timeout", "needs a value: SECONDS" },
		{ "keelboot.timeout=0", "keelboot.timeout=0" },
		{ "keelboot.timeout=3601", "1..3600" },
		{ "keelboot.timeout=-1", "keelboot.timeout=-1" },
		{ "keelboot.timeout=1s", "keelboot.timeout=1s" },
		{ "keelboot.timeout=18446744073709551617", "keelboot.timeout=184467" },
		{ "keelboot.watchdog", "needs a value" },
		{ "keelboot.watchdog=", "off|/dev/NAME" },
		{ "keelboot.watchdog=/dev/", "keelboot.watchdog=/dev/" },
		{ "keelboot.watchdog=watchdog0", "keelboot.watchdog=watchdog0" },
		{ "keelboot.watchdog=/dev/watchdog0,", "65535" },
		{ "keelboot.watchdog=/dev/watchdog0,0", ",0" },
		{ "keelboot.watchdog=/dev/watchdog0,65536", ",65536" },
		{ "keelboot.watchdog=off,3", "off,3" },
		{ "keelboot.log=loud", "keelboot.log=loud: not one of debug|info|quiet" },
		{ "keelboot.log", "keelboot.log: needs a value" },
		{ "keelboot.log=", "keelboot.log=: not one of" },
		{ "root", "root: needs a value: DEVICE" },
		{ "root=", "root=: " },
		{ "rootfstype=", "rootfstype" },
		{ "rootflags", "rootflags" },
		{ "ro=1", "ro=1: takes no value" },
		{ "rw=0", "rw=0: takes no value" },
		{ "init=", "init=" },
		{ "init", "init: needs a value: PATH" },
		{ "panic", "panic: needs" },
		{ "panic=-", "panic=-:" },
		{ "panic=soon", "panic=soon: not one of SECONDS" },
		{ "panic=2147483648", "panic=2147483648" },
		{ "keelboot.frobnicate=1", "keelboot.frobnicate: unknown key" },
		{ "keelboot.", "keelboot.: unknown key" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		parse(bad[i].word, 1);
		if (strstr(c.warning[0], bad[i].says) == NULL)
			fail_msg("%s: warning '%s' does not say '%s'", bad[i].word, c.warning[0],
				 bad[i].says);
		assert_defaults();
	}
}

TEST(the_last_one_wins)
{
	parse("keelboot.slot=a keelboot.slot=b", 0);
	assert_int_equal(c.slot, 1);
	parse("ro rw", 0);
	assert_true(c.rw);
	parse("rw ro", 0);
	assert_false(c.rw);
	parse("root=/dev/a root=/dev/b keelboot.sources=usb keelboot.sources=data", 0);
	EQUAL((c.root, "/dev/b"), (c.sources, CMDLINE_SOURCE_DATA));
}

TEST(a_bad_last_one_is_the_default)
{
	parse("keelboot.slot=b keelboot.slot=x keelboot.timeout=5 keelboot.timeout=x"
	      " keelboot.watchdog=off keelboot.watchdog=x panic=5 panic=x keelboot.sources=usb"
	      " keelboot.sources=x keelboot.log=debug keelboot.log=x init=/x init= keelboot.enable=0"
	      " keelboot.enable=x",
	      8);
	assert_defaults();
}

#define EQUAL_NAMES(a, b) cmdline_word_equal(a, strlen(a), b, strlen(b))

TEST(dash_and_underscore_are_one_in_names)
{
	EQUAL((EQUAL_NAMES("keelboot.a-b_c", "keelboot.a_b-c"), true));
	EQUAL((EQUAL_NAMES("--", "__"), true), (EQUAL_NAMES("keelboot.a-b", "keelboot.ab"), false));
	EQUAL((EQUAL_NAMES("keelboot.a-", "keelboot.a"), false));
	EQUAL((EQUAL_NAMES("keelboot.a", "keelboot.a_"), false));
	EQUAL((EQUAL_NAMES("a.b", "a-b"), false));
	/* In values they differ. */
	parse("root=/dev/a-b_c", 0);
	assert_string_equal(c.root, "/dev/a-b_c");
}

TEST(what_follows_two_dashes_is_inits)
{
	parse("keelboot.slot=a -- keelboot.slot=b keelboot.timeout=x", 0);
	assert_int_equal(c.slot, 0);
	parse("--=1 keelboot.slot=b", 0);
	assert_int_equal(c.slot, 1);
	parse("\"--\" keelboot.slot=b", 0);
	assert_int_equal(c.slot, -1);
	parse("--x keelboot.slot=b", 0);
	assert_int_equal(c.slot, 1);
}

TEST(quotes_are_the_kernels)
{
	parse("root=\"PARTLABEL=my root\" rw", 0);
	EQUAL((c.root, "PARTLABEL=my root"), (c.rw, true));
	parse("\"root=PARTLABEL=my root\" rw", 0);
	EQUAL((c.root, "PARTLABEL=my root"), (c.rw, true));
	/* In the middle of a value they group, and stay. */
	parse("rootflags=a\"b c\"d rw", 0);
	EQUAL((c.rootflags, "a\"b c\"d"), (c.rw, true));
	parse("root=\"keelboot.slot=b", 0); /* one that is never closed */
	EQUAL((c.root, "keelboot.slot=b"), (c.slot, -1));
	parse("root=\"", 1);
	parse("root=\"\"", 1);
	parse("\"", 0);
	parse("\"\"", 0);
	parse("\"=\"", 0);
	assert_defaults();
	parse("foo=\"-- rw\" keelboot.slot=b", 0); /* these dashes are quoted */
	EQUAL((c.slot, 1), (c.rw, false));
}

TEST(spaces_are_the_kernels)
{
	parse("\n\t keelboot.slot=b\v\f\rrw\xa0panic=7", 0);
	EQUAL((c.slot, 1), (c.rw, true), (c.panic, 7));
}

TEST(a_text_of_the_greatest_length_is_kept)
{
	char text[CMDLINE_TEXT_MAX + 16] = "root=";

	memset(text + 5, 'x', CMDLINE_TEXT_MAX);
	parse(text, 0);
	assert_int_equal(strlen(c.root), CMDLINE_TEXT_MAX);
	text[5 + CMDLINE_TEXT_MAX] = 'x';
	parse(text, 1);
	assert_string_equal(c.root, "");
}

TEST(a_line_that_is_too_long_is_cut_with_a_warning)
{
	char text[3 * CMDLINE_MAX];

	memset(text, ' ', sizeof(text));
	memcpy(text, "panic=7", 7);
	memcpy(text + sizeof(text) - 4, " rw", 4);
	parse(text, 1);
	EQUAL((c.panic, 7), (c.rw, false));
	assert_non_null(strstr(c.warning[0], "4096"));
}

TEST(a_line_of_exactly_the_limit_is_whole)
{
	char text[CMDLINE_MAX + 2];

	memset(text, ' ', sizeof(text));
	memcpy(text + CMDLINE_MAX - 2, "rw", 3);
	parse(text, 0);
	assert_true(c.rw);
	memcpy(text + CMDLINE_MAX - 2, "rw \0", 4); /* the word is whole, the line is not */
	parse(text, 1);
	assert_true(c.rw);
}

TEST(a_word_that_is_cut_does_not_count)
{
	char text[CMDLINE_MAX + 8];

	memset(text, ' ', sizeof(text));
	memcpy(text + CMDLINE_MAX - 2, "rwx", 4);
	parse(text, 1);
	assert_false(c.rw);
	memset(text, ' ', sizeof(text));
	memcpy(text + CMDLINE_MAX - 17, "root=\"/dev/a /dev/b\"", 21); /* within the quotes */
	parse(text, 1);
	assert_string_equal(c.root, "");
}

TEST(what_is_cut_off_is_what_is_not_read)
{
	char text[CMDLINE_READ_SIZE];

	memset(text, 'x', sizeof(text));
	text[CMDLINE_MAX] = '\0';
	EQUAL((cmdline_cut(text), false), (strlen(text), CMDLINE_MAX));
	memcpy(text + CMDLINE_MAX, "x", 2);
	EQUAL((cmdline_cut(text), true), (text, "")); /* one word */
	memset(text, ' ', CMDLINE_MAX + 1);
	EQUAL((cmdline_cut(text), true), (strlen(text), CMDLINE_MAX));
	memcpy(text, "a \"b", 4);
	memset(text + 4, ' ', CMDLINE_MAX - 3);
	EQUAL((cmdline_cut(text), true), (text, "a ")); /* the quote is open */
}

TEST(many_problems_are_told_of_up_to_a_limit)
{
	parse("keelboot.a keelboot.b keelboot.c keelboot.d keelboot.e keelboot.f keelboot.g"
	      " keelboot.h",
	      CMDLINE_WARNINGS_MAX);
	assert_non_null(strstr(c.warning[7], "keelboot.h"));
	parse("keelboot.a keelboot.b keelboot.c keelboot.d keelboot.e keelboot.f keelboot.g"
	      " keelboot.h keelboot.i keelboot.j",
	      CMDLINE_WARNINGS_MAX);
	assert_non_null(strstr(c.warning[7], "it has more errors"));
}

static void assert_in_bounds(void)
{
	EQUAL((c.slot >= -1, true), (c.slot < 8, true));
	EQUAL(((c.sources & ~(unsigned)CMDLINE_SOURCE_ALL), 0), (c.timeout_s <= 3600, true));
	EQUAL((c.watchdog_timeout_s <= 65535, true), (c.nwarnings <= CMDLINE_WARNINGS_MAX, true));
	EQUAL((strnlen(c.root, sizeof(c.root)) < sizeof(c.root), true));
	EQUAL((strnlen(c.init, sizeof(c.init)) < sizeof(c.init), true));
	EQUAL((strnlen(c.rootflags, sizeof(c.rootflags)) < sizeof(c.rootflags), true));
	EQUAL((strnlen(c.watchdog, sizeof(c.watchdog)) < sizeof(c.watchdog), true));
	for (unsigned i = 0; i < c.nwarnings; i++)
		assert_true(strnlen(c.warning[i], sizeof(c.warning[i])) < sizeof(c.warning[i]));
}

TEST(garbage_never_leaves_its_bounds)
{
	static const char *const bits[] = { "keelboot.", "slot",    "media", "=",	 "\"",
					    " ",	 "root",    "--",    "watchdog", "/dev/",
					    ",",	 "timeout", "usb",   "9999",	 "-",
					    "panic",	 "\n",	    "enable" };

	for (int round = 0; round < 20000; round++) {
		char text[6000];

		garbage_text(text, round % 50 == 0 ? sizeof(text) : 300, bits, KB_ARRAY_LEN(bits),
			     4);
		memset(&c, 0xa5, sizeof(c));
		cmdline_parse(&c, text);
		assert_in_bounds();
	}
}

TEST(only_what_is_heeded_is_read)
{
	static const char text[] = "root=/dev/sda1 init=/bin/sh keelboot.slot=b keelboot.log=debug "
				   "rootwait panic=0 console=ttyS0";

	cmdline_parse_heeded(&c, text, "all");
	EQUAL((c.nwarnings, 0), (c.init, "/bin/sh"));
	cmdline_parse_heeded(&c, text, "none");
	assert_defaults();
	assert_int_equal(c.nwarnings, 6);
	assert_string_equal(c.warning[1], "init: ignored: [system] command-line= does not name it");
	cmdline_parse_heeded(&c, text, "keelboot.log,rootwait");
	EQUAL((c.nwarnings, 4), (c.log, CMDLINE_LOG_DEBUG), (c.init, ""));
	assert_int_equal(c.slot, -1);
	/* A part of a name is no name. */
	cmdline_parse_heeded(&c, text, "keelboot.slo,keelboot.slots,ini,,init2");
	assert_defaults();
}

TEST(keys_are_known_by_their_whole_name)
{
	assert_true(cmdline_is_key("keelboot.slot,quiet", 13));
	assert_false(cmdline_is_key("keelboot.slot", 12));
	EQUAL((cmdline_is_key("keelboot.slots", 14), false), (cmdline_is_key("", 0), false));
}

TEST_MAIN("cmdline")
