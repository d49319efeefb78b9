/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a partition is free to be written to: what it holds, and who uses it. */
#include "cli/adopt/adopt.h"

#include "lib/container.h"
#include "lib/os.h"
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* The boot knows others only so that it makes no state over them. */
static bool is_of_a_system(const char *fstype)
{
	static const char *const others[] = { "swap", "DM_verity_hash", "bcachefs",
					      "jfs",  "reiserfs",	"BitLocker" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(others); i++)
		if (strcmp(fstype, others[i]) == 0)
			return false;
	return fstype[0] != '\0' && !container_is(fstype);
}

enum adopt_content adopt_content(const struct prober_part *p)
{
	if (p->flags & (PROBER_PART_UNREADABLE | PROBER_PART_AMBIGUOUS | PROBER_PART_FOREIGN))
		return ADOPT_OTHER;
	if (p->fstype[0] == '\0')
		return p->flags & PROBER_PART_STATE ? ADOPT_RECORD : ADOPT_BLANK;
	return is_of_a_system(p->fstype) ? ADOPT_FILE_SYSTEM : ADOPT_OTHER;
}

void adopt_content_words(const struct prober_part *p, char out[ADOPT_WORDS_LEN])
{
	/* libblkid from 2.41 on says the same of both. */
	if (p->flags & PROBER_PART_UNREADABLE)
		snprintf(out, ADOPT_WORDS_LEN,
			 "cannot be read, or has the marks of several file systems");
	else if (p->flags & PROBER_PART_AMBIGUOUS)
		snprintf(out, ADOPT_WORDS_LEN, "has the marks of several file systems");
	else if (p->fstype[0] != '\0')
		snprintf(out, ADOPT_WORDS_LEN, "holds %s", p->fstype);
	else if (p->flags & PROBER_PART_STATE)
		snprintf(out, ADOPT_WORDS_LEN, "holds a state of Keelboot");
	else if (p->flags & PROBER_PART_FOREIGN)
		snprintf(out, ADOPT_WORDS_LEN, "holds something that adopt does not know");
	else
		snprintf(out, ADOPT_WORDS_LEN, "has no file system that adopt knows");
}

/* Swap, an array, a volume, a pool of ZFS, or Btrfs, whose mounts name no device: the kernel says
 * only that somebody has it. */
static bool is_claimed(const struct adopt *ad, const struct prober_part *p)
{
	KB_CLEANUP_FD int fd = -1;
	char path[DEVICE_PATH_MAX];

	adopt_path(ad, path, p->dev);
	return os_open(path, O_RDONLY | O_EXCL, &fd) == KB_EBUSY;
}

bool adopt_in_use(const struct adopt *ad, const struct prober_part *p, char out[ADOPT_WORDS_LEN])
{
	struct adopt_mount m;

	if (adopt_mount_of(ad, p, &m))
		snprintf(out, ADOPT_WORDS_LEN, "is mounted on %s", m.place);
	else if (is_claimed(ad, p))
		snprintf(
			out, ADOPT_WORDS_LEN,
			"is in use (swap, an array, a volume, or a file system of several devices)");
	else
		return false;
	return true;
}

/* wipefs knows no state of Keelboot. */
void adopt_foreign(struct adopt *ad, const struct prober_part *p, const char *what)
{
	char words[ADOPT_WORDS_LEN], fix[ADOPT_FIX_LEN];

	adopt_content_words(p, words);
	if (p->flags & (PROBER_PART_AMBIGUOUS | PROBER_PART_UNREADABLE))
		snprintf(
			fix, sizeof(fix),
			"take another partition; or take away the marks that are old: wipefs %s lists them, wipefs -a -t TYPE %s removes one",
			p->dev, p->dev);
	else if (adopt_content(p) == ADOPT_RECORD)
		snprintf(fix, sizeof(fix), ADOPT_ERASE, p->dev, p->dev);
	else
		snprintf(
			fix, sizeof(fix),
			"take another partition; or look what it is (wipefs %s), and if nobody needs it: wipefs -a %s",
			p->dev, p->dev);
	adopt_problem(ad, fix, "%s (%s) %s: nothing is written there", what, p->dev, words);
}
