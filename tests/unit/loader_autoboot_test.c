/* SPDX-License-Identifier: Apache-2.0 */
/* autoboot.txt as a text: what the firmware would do by it, and how it is changed. */
#include "selector/loader/loader_autoboot.h"
#include "tests/unit/test.h"

#define PAGE "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"

static struct loader l = { .kind = CONF_LOADER_TRYBOOT, .where = "/dev/mmcblk0p1", .root = "" };
static struct loader_autoboot is;
static uint8_t text[LOADER_AUTOBOOT_MAX];
static size_t len;

static void put(const char *words)
{
	len = strlen(words);
	memcpy(text, words, len);
}

static void reads(const char *words, int preset, int once)
{
	put(words);
	OK(loader_autoboot_read(&l, text, len, &is));
	EQUAL((is.preset, preset), (is.once, once));
}

static void refuses(const char *words, const char *why)
{
	put(words);
	FAILS(loader_autoboot_read(&l, text, len, &is), KB_EFORMAT);
	if (strstr(l.why, why) == NULL)
		fail_msg("%s", l.why);
}

/* Behind that there are empty lines only. */
static void becomes(const char *words, int preset, int once, const char *expected)
{
	const struct loader_autoboot want = { (uint8_t)preset, (uint8_t)once };
	size_t used = strlen(expected);

	put(words);
	OK(loader_autoboot_set(&l, text, len, &want));
	assert_true(used <= len);
	if (memcmp(text, expected, used) != 0)
		fail_msg("%.*s", (int)len, (const char *)text);
	for (size_t i = used; i < len; i++)
		assert_int_equal(text[i], '\n');
}

TEST(file_of_the_firmwares_page_is_read)
{
	reads(PAGE, 2, 3);
	reads("tryboot_a_b=1\nboot_partition=2", 2, 2);
	reads("# ours\n[all]\r\nboot_partition=12\r\ntryboot_a_b=1 \n\n[tryboot]\nboot_partition=62\n",
	      12, 62);
	reads("[tryboot]\n[all]\nboot_partition=2\ntryboot_a_b=1\nother=[all]\n", 2, 2);
}

TEST(file_by_which_a_try_would_not_start_is_refused)
{
	refuses("boot_partition=2\n[tryboot]\nboot_partition=3\n", "lacks tryboot_a_b=1");
	refuses("tryboot_a_b=0\nboot_partition=2\n", "another tryboot_a_b= than 1");
	refuses("tryboot_a_b=11\nboot_partition=2\n", "another tryboot_a_b= than 1");
	refuses("boot_partition=2\n[tryboot]\ntryboot_a_b=1\n", "another tryboot_a_b= than 1");
	refuses("tryboot_a_b=1\ntryboot_a_b=1\nboot_partition=2\n", "another tryboot_a_b= than 1");
	refuses("tryboot_a_b=1\n[tryboot]\nboot_partition=3\n[all]\nboot_partition=2\n",
		"[tryboot] before [all]");
}

TEST(partition_that_is_not_surely_the_firmwares_is_refused)
{
	refuses("tryboot_a_b=1\n", "lacks boot_partition=");
	refuses("", "lacks tryboot_a_b=1");
	refuses("tryboot_a_b=1\nboot_partition=2\nboot_partition=3\n", "twice");
	refuses("tryboot_a_b=1\nboot_partition=0\n", "no number from 1 to 62");
	refuses("tryboot_a_b=1\nboot_partition=63\n", "no number from 1 to 62");
	refuses("tryboot_a_b=1\nboot_partition=4294967298\n", "no number from 1 to 62");
	refuses("tryboot_a_b=1\nboot_partition=\n", "no number from 1 to 62");
	refuses("tryboot_a_b=1\nboot_partition = 2\n", "no number from 1 to 62");
	refuses("tryboot_a_b=1\nboot_partition=2x\n", "no number from 1 to 62");
}

TEST(filter_of_the_unknown_is_refused_only_where_it_matters)
{
	reads("tryboot_a_b=1\nboot_partition=2\n[pi4]\nx=1\n[all]\n[tryboot]\nboot_partition=3\n",
	      2, 3);
	refuses("tryboot_a_b=1\nboot_partition=2\n[pi4]\nboot_partition=3\n", "behind a filter");
	/* both are heeded */
	refuses("tryboot_a_b=1\nboot_partition=2\n[none]\n[tryboot]\nboot_partition=3\n",
		"behind a filter");
	refuses("[none]\ntryboot_a_b=1\n[all]\nboot_partition=2\n", "another tryboot_a_b= than 1");
}

TEST(bytes_that_are_no_text_are_refused)
{
	put(PAGE);
	for (size_t i = 0; i < len; i++) {
		put(PAGE);
		text[i] = 0;
		FAILS(loader_autoboot_read(&l, text, len, &is), KB_EFORMAT);
		text[i] = 0xff;
		FAILS(loader_autoboot_read(&l, text, len, &is), KB_EFORMAT);
	}
	put(PAGE);
	memset(text + len, 0, 10);
	FAILS(loader_autoboot_read(&l, text, len + 10, &is), KB_EFORMAT);
	refuses(" boot_partition=3\n" PAGE, "begins with a blank");
}

TEST(numbers_are_put_in_and_other_lines_stay)
{
	becomes(PAGE, 3, 2,
		"[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n");
	becomes("# ours\nboot_partition=12\ntryboot_a_b=1\n[tryboot]\n# try\nboot_partition=13\nx=1\n",
		2, 9,
		"# ours\nboot_partition=2\ntryboot_a_b=1\n[tryboot]\n# try\nboot_partition=9\nx=1\n\n\n");
	becomes("boot_partition=2\ntryboot_a_b=1\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
		2, 3, "boot_partition=2\ntryboot_a_b=1\n[tryboot]\nboot_partition=3\n");
	becomes(PAGE "\n", 10, 3,
		"[all]\ntryboot_a_b=1\nboot_partition=10\n[tryboot]\nboot_partition=3\n");
}

TEST(section_that_is_not_for_all_is_left_before_another_begins)
{
	char words[200] = "tryboot_a_b=1\nboot_partition=2\n[pi4]\nx=1\n";

	memset(words + strlen(words), '\n', 80);
	put(words);
	OK(loader_autoboot_set(&l, text, len, &(struct loader_autoboot){ 2, 3 }));
	OK(loader_autoboot_read(&l, text, len, &is));
	EQUAL((is.preset, 2), (is.once, 3));
}

TEST(damaged_text_is_made_anew)
{
	char words[128];

	memset(words, 0x5a, sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	put(words);
	OK(loader_autoboot_set(&l, text, len, &(struct loader_autoboot){ 2, 2 }));
	assert_memory_equal(
		text, "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=2\n\n",
		65);
	OK(loader_autoboot_read(&l, text, len, &is));
	EQUAL((is.preset, 2), (is.once, 2));
}

TEST(what_does_not_fit_changes_nothing)
{
	static const char words[] = "tryboot_a_b=1\nboot_partition=2\n";

	put(words);
	FAILS(loader_autoboot_set(&l, text, len, &(struct loader_autoboot){ 2, 3 }), KB_ENOSPC);
	assert_memory_equal(text, words, len);
	EQUAL((l.why,
	       "/dev/mmcblk0p1: autoboot.txt has no room for 58 bytes: make it anew with empty lines at its end (docs/KERNEL.md)"));
	memset(text, 'x', sizeof(text));
	memcpy(text, words, len);
	FAILS(loader_autoboot_set(&l, text, sizeof(text), &(struct loader_autoboot){ 2, 3 }),
	      KB_ENOSPC);
}

TEST_MAIN("loader_autoboot")
