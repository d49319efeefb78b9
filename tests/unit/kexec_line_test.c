/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/kexec/kexec_line.h"
#include "kernel-cmdline/cmdline.h"
#include "tests/unit/test.h"

static char line[KEXEC_LINE_MAX + 1];

static void makes(const char *base, const char *words, const char *wanted)
{
	OK(kexec_line_make(line, base, words, 'b', ""));
	assert_string_equal(line, wanted);
}

TEST(words_of_the_base_come_before_those_of_the_slot)
{
	makes("console=ttyS0 quiet panic=10\n", "quiet loglevel=3\nisolcpus=1\n",
	      "keelboot.pair=b console=ttyS0 quiet panic=10 quiet loglevel=3 isolcpus=1");
	makes("", "", "keelboot.pair=b");
}

TEST(pair_stands_there_once)
{
	makes("keelboot.pair=a \"keelboot.pair=a\" keelboot.pair quiet", "keelboot.pair=c",
	      "keelboot.pair=b quiet");
	makes("keelboot.pairs=1", "", "keelboot.pair=b keelboot.pairs=1");
}

/* The line of a boot loader says nothing of them, nor does a slot. */
TEST(keys_of_the_base_stand_there_once)
{
	OK(kexec_line_make(line, "keelboot.base-keys=00000000 quiet", "keelboot.base_keys=none ok",
			   'b', "1a2b3c4d,5e6f7a8b"));
	assert_string_equal(line, "keelboot.pair=b keelboot.base-keys=1a2b3c4d,5e6f7a8b quiet ok");
	makes("keelboot.base_keys=00000000 quiet", "", "keelboot.pair=b quiet");
}

/* Only a finding depends on them: a slot that has booted goes on to boot. */
TEST(keys_without_room_are_left_out)
{
	static char base[KEXEC_LINE_MAX + 1];
	size_t room = KEXEC_LINE_MAX - sizeof("keelboot.pair=b keelboot.base-keys=none ") + 1;

	memset(base, 'x', room);
	OK(kexec_line_make(line, base, "", 'b', "none"));
	assert_int_equal(strlen(line), KEXEC_LINE_MAX);
	assert_non_null(strstr(line, "keelboot.base-keys=none x"));
	base[room] = 'x';
	OK(kexec_line_make(line, base, "", 'b', "none"));
	assert_string_equal(line, strf("keelboot.pair=b %s", base));
}

TEST(what_a_boot_loader_said_of_itself_is_left_out)
{
	makes("BOOT_IMAGE=/vmlinuz initrd=\\x.img ro", "", "keelboot.pair=b ro");
}

/* It would undo what the device's maker decided, or what guards the boot. */
TEST(slot_says_nothing_of_keelboot_and_of_panics)
{
	makes("panic=10",
	      "panic=0 panic \"panic=0\" keelboot.enable=0 \"keelboot.slot=a\" panic_print=1 ok",
	      "keelboot.pair=b panic=10 panic_print=1 ok");
}

TEST(words_of_init_stay_at_the_end)
{
	makes("quiet -- single keelboot.pair=a\n", "more -- evil",
	      "keelboot.pair=b quiet more -- single keelboot.pair=a");
}

TEST(spaces_in_quotes_belong_to_a_word)
{
	makes("a=\"x  panic=3\"", "b=\"1 2\"", "keelboot.pair=b a=\"x  panic=3\" b=\"1 2\"");
}

TEST(quote_without_an_end_is_refused)
{
	assert_int_equal(kexec_line_make(line, "quiet", "a=\"x", 'b', ""), KB_EFORMAT);
	assert_int_equal(kexec_line_make(line, "a=\"x", "", 'b', ""), KB_EFORMAT);
	assert_int_equal(kexec_line_make(line, "quiet", "a\x01", 'b', ""), KB_EFORMAT);
}

TEST(line_that_would_be_too_long_is_refused)
{
	static char base[KEXEC_LINE_MAX + 1];
	size_t room = KEXEC_LINE_MAX - sizeof("keelboot.pair=b ") + 1;

	memset(base, 'x', room);
	OK(kexec_line_make(line, base, "", 'b', ""));
	assert_int_equal(strlen(line), KEXEC_LINE_MAX);
	base[room] = 'x';
	assert_int_equal(kexec_line_make(line, base, "", 'b', ""), KB_ENOSPC);
	assert_int_equal(kexec_line_make(line, "quiet", base, 'b', ""), KB_ENOSPC);
}

/* However it is written, init reads what was meant. */
TEST(init_reads_the_slot)
{
	static const char *const bases[] = { "quiet keelboot.pair=a", "\"keelboot.pair=a\" -- x",
					     "keelboot.pair=\"a\"", "x=\"keelboot.pair=a\"" };
	struct cmdline c;

	for (unsigned i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		OK(kexec_line_make(line, bases[i], bases[i], 'c', ""));
		cmdline_parse(&c, line);
		assert_int_equal(c.pair, 2);
	}
}

TEST_MAIN("kexec_line")
