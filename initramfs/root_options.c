/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/root_options.h"

#include "lib/util.h"

#include <linux/mount.h>
#include <stdio.h>
#include <string.h>

#define ATIMES (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

struct general {
	const char *word;
	unsigned long set, clear;
	bool ignored;
};

/* The kernel takes most of these as flags only: as data they are errors. */
static const struct general *find_general(const char *word, size_t len)
{
	static const struct general general[] = {
		{ .word = "defaults" },
		{ .word = "ro" }, /* unless keelboot.enable=0 has rw */
		{ .word = "rw", .ignored = true },
		{ .word = "suid", .clear = MS_NOSUID },
		{ .word = "nosuid", .set = MS_NOSUID },
		{ .word = "dev", .clear = MS_NODEV },
		{ .word = "nodev", .set = MS_NODEV },
		{ .word = "exec" },
		{ .word = "noexec", .ignored = true },
		{ .word = "async", .clear = MS_SYNCHRONOUS },
		{ .word = "sync", .set = MS_SYNCHRONOUS },
		{ .word = "dirsync", .set = MS_DIRSYNC },
		{ .word = "atime", .clear = MS_NOATIME },
		{ .word = "noatime", .set = MS_NOATIME, .clear = ATIMES },
		{ .word = "diratime", .clear = MS_NODIRATIME },
		{ .word = "nodiratime", .set = MS_NODIRATIME },
		{ .word = "relatime", .set = MS_RELATIME, .clear = ATIMES },
		{ .word = "norelatime", .clear = MS_RELATIME },
		{ .word = "strictatime", .set = MS_STRICTATIME, .clear = ATIMES },
		{ .word = "nostrictatime", .clear = MS_STRICTATIME },
		{ .word = "lazytime", .set = MS_LAZYTIME },
		{ .word = "nolazytime", .clear = MS_LAZYTIME },
		{ .word = "silent", .set = MS_SILENT },
		{ .word = "loud", .clear = MS_SILENT },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(general); i++) {
		if (strlen(general[i].word) == len && memcmp(general[i].word, word, len) == 0)
			return &general[i];
	}
	return NULL;
}

static void add_option(char list[ROOT_OPTIONS_MAX + 1], const char *word, size_t len)
{
	size_t used = strlen(list);

	snprintf(list + used, ROOT_OPTIONS_MAX + 1 - used, "%s%.*s", used > 0 ? "," : "", (int)len,
		 word);
}

struct root_options root_options_read(const char *text, bool data)
{
	struct root_options o = { .flags = 0 };
	size_t len;

	/* bound: ROOT_OPTIONS_MAX */
	for (; *text != '\0'; text += len + (text[len] == ',')) {
		const struct general *g;

		len = strcspn(text, ",");
		g = find_general(text, len);
		if (g != NULL)
			o.flags = (o.flags & ~g->clear) | g->set;
		if (g != NULL && g->ignored)
			o.ignored = g->word;
		else if (len > 0 && (g != NULL || data))
			add_option(o.words, text, len);
		if (len > 0 && g == NULL && data)
			add_option(o.data, text, len);
	}
	return o;
}
