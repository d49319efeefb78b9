/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of EFI Boot Guard: which bytes are believed, and which change.
 * tests/test_loader.py does the same with its own tools. */
#include "selector/loader/loader_bgenv.h"
#include "tests/unit/test.h"

#define FILE_A	"C:EBG-A:\\EFI\\Linux\\keelboot-a.efi"
#define AT_WORD 510u
#define AT_BUSY 1020u
#define AT_CRC	(LOADER_BGENV_SIZE - 4)

static uint8_t data[LOADER_BGENV_SIZE];
static struct loader_bgenv e;

static void put_text(size_t at, const char *text)
{
	for (size_t i = 0; i <= strlen(text); i++)
		bytes_put16(data + at + 2 * i, (uint8_t)text[i]);
}

static void sum_up(void)
{
	bytes_put32(data + AT_CRC, bytes_crc32(0, data, AT_CRC));
}

/* What bg_setenv 0.13 makes with -r 2 -w 60, --kernel=FILE_A and no words. */
static void set_up(void)
{
	memset(data, 0, sizeof(data));
	put_text(0, FILE_A);
	data[AT_BUSY + 2] = 60;
	data[AT_BUSY + 4] = 2;
	bytes_put32(data + AT_CRC, 0x08d58c5b);
}

static void parse(void)
{
	loader_bgenv_parse(&e, data, sizeof(data));
}

static char pair_of(const char *words)
{
	memset(data + AT_WORD, 0, 510);
	put_text(AT_WORD, words);
	sum_up();
	parse();
	return e.pair;
}

TEST(file_of_bg_setenv_is_read)
{
	parse();
	EQUAL((e.sound, true), (e.in_progress, false), (e.ustate, LOADER_BGENV_OK),
	      (e.watchdog, 60), (e.revision, 2), (e.file, FILE_A), (e.pair, 0));
}

TEST(each_bit_that_differs_makes_it_unsound)
{
	static const size_t at[] = { 0, AT_WORD, AT_BUSY, AT_BUSY + 1, AT_BUSY + 7, 9999, AT_CRC };

	for (unsigned i = 0; i < KB_ARRAY_LEN(at); i++) {
		set_up();
		data[at[i]] ^= 0x10;
		parse();
		EQUAL((e.sound, false), (e.file, ""));
	}
}

TEST(shorter_file_is_unsound_and_what_follows_is_nothing)
{
	static const size_t lengths[] = { 0, 4, 1028, LOADER_BGENV_SIZE - 1 };

	for (unsigned i = 0; i < KB_ARRAY_LEN(lengths); i++) {
		loader_bgenv_parse(&e, data, lengths[i]);
		assert_false(e.sound);
	}
	loader_bgenv_parse(&e, data, sizeof(data) + 4);
	assert_true(e.sound);
}

/* The loader cuts such a text, and starts what is left of it. */
TEST(text_without_an_end_names_nothing)
{
	memset(data, 'x', 510);
	sum_up();
	parse();
	EQUAL((e.sound, true), (e.file, ""));
	set_up();
	memset(data + AT_WORD, 'x', 510);
	sum_up();
	parse();
	EQUAL((e.sound, true), (e.file, ""));
}

TEST(longest_text_is_read)
{
	for (size_t i = 0; i < 254; i++)
		bytes_put16(data + 2 * i, 'x');
	sum_up();
	parse();
	EQUAL((strlen(e.file), 254));
}

TEST(text_that_is_no_ascii_names_nothing)
{
	static const uint16_t units[] = { 0x7f, 0x1f, 0x100, 0xd800 };

	for (unsigned i = 0; i < KB_ARRAY_LEN(units); i++) {
		set_up();
		bytes_put16(data + 4, units[i]);
		sum_up();
		parse();
		EQUAL((e.sound, true), (e.file, ""));
	}
}

TEST(only_one_means_in_progress)
{
	for (unsigned i = 0; i < 3; i++) {
		data[AT_BUSY] = (uint8_t)i;
		sum_up();
		parse();
		assert_true(e.in_progress == (i == 1));
	}
}

TEST(words_say_whose_pair_it_is)
{
	EQUAL((pair_of("quiet"), 0), (pair_of("keelboot.pair=b"), 'b'),
	      (pair_of("x keelboot.pair=a y"), 'a'), (pair_of("keelboot.pair=a,counted"), 'a'));
	EQUAL((pair_of("keelboot.pair=a keelboot.pair=b"), 'b'), (pair_of("xkeelboot.pair=b"), 0),
	      (pair_of("keelboot.pair="), 0), (pair_of("keelboot.pair=bb"), '?'));
}

TEST(what_is_started_changes_and_all_else_stays)
{
	static uint8_t before[LOADER_BGENV_SIZE];

	(void)pair_of("quiet keelboot.pair=a panic=10");
	data[5000] = 'u';
	memcpy(before, data, sizeof(data));
	OK(loader_bgenv_rename(data, "C:EBG-B:\\b.efi", 'b'));
	loader_bgenv_seal(data, LOADER_BGENV_INSTALLED, 0x01020304);
	parse();
	EQUAL((e.sound, true), (e.file, "C:EBG-B:\\b.efi"), (e.pair, 'b'), (e.watchdog, 60),
	      (e.ustate, LOADER_BGENV_INSTALLED), (e.revision, 0x01020304), (e.in_progress, false));
	assert_memory_equal(before + AT_BUSY + 8, data + AT_BUSY + 8, AT_CRC - AT_BUSY - 8);
	put_text(AT_WORD, "quiet keelboot.pair=a panic=10");
	assert_memory_equal(before + AT_WORD, data + AT_WORD, 510);
}

TEST(seal_ends_what_was_in_progress)
{
	data[AT_BUSY] = 1;
	loader_bgenv_seal(data, LOADER_BGENV_OK, 7);
	parse();
	EQUAL((e.sound, true), (e.in_progress, false), (e.revision, 7));
}

TEST(name_that_is_too_long_changes_nothing)
{
	char name[300];

	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	FAILS(loader_bgenv_rename(data, name, 'b'), KB_ENOSPC);
	parse();
	EQUAL((e.sound, true), (e.file, FILE_A));
}

TEST_MAIN("loader_bgenv", .set_up = set_up)
