/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a mount: flags of mount(2), and what is for the file system. */
#include "initramfs/root_options.h"

#include "tests/unit/test.h"

#include <linux/mount.h>

static struct root_options o;

static unsigned long flags_of(const char *text)
{
	o = root_options_read(text, true);
	return o.flags;
}

TEST(each_word_that_the_kernel_takes_as_a_flag_is_one)
{
	static const struct {
		const char *word, *undone;
		unsigned long flag;
	} words[] = {
		{ "nosuid", "suid", MS_NOSUID },
		{ "nodev", "dev", MS_NODEV },
		{ "sync", "async", MS_SYNCHRONOUS },
		{ "dirsync", NULL, MS_DIRSYNC },
		{ "noatime", "atime", MS_NOATIME },
		{ "nodiratime", "diratime", MS_NODIRATIME },
		{ "relatime", "norelatime", MS_RELATIME },
		{ "strictatime", "nostrictatime", MS_STRICTATIME },
		{ "lazytime", "nolazytime", MS_LAZYTIME },
		{ "silent", "loud", MS_SILENT },
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		EQUAL((flags_of(words[i].word), words[i].flag), (o.data, ""),
		      (o.words, words[i].word));
		if (words[i].undone == NULL)
			continue;
		EQUAL((flags_of(strf("%s,%s", words[i].word, words[i].undone)), 0), (o.data, ""));
		EQUAL((flags_of(strf("%s,%s", words[i].undone, words[i].word)), words[i].flag));
	}
	EQUAL((flags_of("defaults,ro,exec"), 0), (o.data, ""), (o.words, "defaults,ro,exec"));
}

TEST(of_the_times_of_access_the_last_word_counts)
{
	EQUAL((flags_of("noatime,strictatime"), MS_STRICTATIME),
	      (flags_of("strictatime,relatime"), MS_RELATIME),
	      (flags_of("relatime,noatime"), MS_NOATIME));
	assert_int_equal(flags_of("nosuid,noatime,nodev,relatime"),
			 MS_NOSUID | MS_NODEV | MS_RELATIME);
}

TEST(the_rest_is_for_the_file_system_in_its_order)
{
	EQUAL((flags_of("data=ordered,noatime,errors=panic,nosuid"), MS_NOATIME | MS_NOSUID),
	      (o.data, "data=ordered,errors=panic"),
	      (o.words, "data=ordered,noatime,errors=panic,nosuid"));
	/* No word of mount's: a part of one, or more than one. */
	EQUAL((flags_of("noatim,noatimes,NOATIME,nosuid=1"), 0),
	      (o.data, "noatim,noatimes,NOATIME,nosuid=1"));
	EQUAL((flags_of(",,x,,noatime,"), MS_NOATIME), (o.data, "x"), (o.words, "x,noatime"));
	EQUAL((flags_of(""), 0), (o.data, ""), (o.words, ""));
}

TEST(without_data_the_flags_stay)
{
	o = root_options_read("data=ordered,noatime,errors=panic,nosuid", false);
	EQUAL((o.flags, MS_NOATIME | MS_NOSUID), (o.data, ""), (o.words, "noatime,nosuid"));
}

/* Neither is given to who mounts it: a slot is not written to, and its init starts. */
TEST(no_word_lets_a_slot_be_written_or_stops_its_init)
{
	EQUAL((flags_of("rw,nodev"), MS_NODEV), (o.data, ""), (o.words, "nodev"),
	      (o.ignored, "rw"));
	EQUAL((flags_of("nodev,noexec"), MS_NODEV), (o.data, ""), (o.words, "nodev"),
	      (o.ignored, "noexec"));
	EQUAL((flags_of("ro,nodev"), MS_NODEV), (o.words, "ro,nodev"));
	assert_null(o.ignored);
}

TEST(longest_text_is_whole)
{
	char text[ROOT_OPTIONS_MAX + 1];

	memset(text, 'x', sizeof(text));
	memcpy(text, "noload,", 7);
	text[ROOT_OPTIONS_MAX] = '\0';
	EQUAL((flags_of(text), 0), (o.data, text), (o.words, text));
}

TEST_MAIN("options of a root")
