/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A medium that lies: of all the reads of a bundle each in turn gives something else. What lands in
 * the slot is one of the images that were signed, whole, or nothing is ever booted.
 *
 *	lie HELPER KEYS BUNDLE IMAGE BUNDLE2 IMAGE2 [verify-first]
 *
 * Both bundles are genuine and equally long. A line for each way of lying: its name, how many
 * cases, how many ended with an install; and a line that begins with WRONG for each that broke the
 * rule.
 */
#include "tests/hostile/world.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { FLIP_FIRST, FLIP_LAST, OTHER_ONCE, OTHER_FROM, OTHER_UNTIL, SHORT, FAIL_ONCE, GONE, LIES };

static const char *const names[LIES] = {
	[FLIP_FIRST] = "the first byte differs",
	[FLIP_LAST] = "the last byte differs",
	[OTHER_ONCE] = "one read gives another bundle",
	[OTHER_FROM] = "another bundle from a read on",
	[OTHER_UNTIL] = "another bundle up to a read",
	[SHORT] = "a read ends in the middle",
	[FAIL_ONCE] = "a read fails",
	[GONE] = "the medium is gone",
};

static struct {
	int fd, other;
	unsigned how, at, reads; /* from 1; 0: never */
} medium = { .fd = -1, .other = -1 };

extern __typeof__(pread64) __real_pread64, __wrap_pread64;
ssize_t __wrap___pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t room);

static ssize_t fail(int error)
{
	errno = error;
	return -1;
}

static bool from_the_other(void)
{
	return (medium.how == OTHER_ONCE && medium.reads == medium.at) ||
	       (medium.how == OTHER_FROM && medium.reads >= medium.at) ||
	       (medium.how == OTHER_UNTIL && medium.reads <= medium.at);
}

ssize_t __wrap_pread64(int fd, void *buf, size_t len, off64_t off)
{
	bool now;
	ssize_t n;

	if (fd != medium.fd || medium.at == 0)
		return __real_pread64(fd, buf, len, off);
	medium.reads++;
	now = medium.reads == medium.at;
	if (medium.how == FAIL_ONCE && now)
		return fail(EIO);
	if (medium.how == GONE && medium.reads >= medium.at)
		return fail(ENXIO);
	if (medium.how == SHORT && medium.reads > medium.at)
		return 0;
	n = __real_pread64(from_the_other() ? medium.other : fd, buf, len, off);
	if (n <= 0 || !now)
		return n;
	if (medium.how == FLIP_FIRST)
		((char *)buf)[0] = (char)(((char *)buf)[0] ^ 1);
	if (medium.how == FLIP_LAST)
		((char *)buf)[n - 1] = (char)(((char *)buf)[n - 1] ^ 1);
	return medium.how == SHORT ? n / 2 : n;
}

ssize_t __wrap___pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t room)
{
	return __wrap_pread64(fd, buf, len < room ? len : room, off);
}

/* ---------------------------------------------------------------- the rule */

static const uint8_t *image[2];
static uint64_t image_size[2];

/* Every read in turn, until there is none any more. */
static void all_reads(unsigned how)
{
	unsigned cases = 0, installed = 0;

	medium.how = how;
	for (medium.at = 1;; medium.at++) {
		struct world_verdict v;
		const char *wrong;

		medium.reads = 0;
		v = world_try(medium.fd, true);
		if (medium.reads < medium.at)
			break;
		wrong = world_broken(&v, image, image_size, 2);
		cases++;
		installed += v.err == KB_OK;
		if (wrong != NULL)
			printf("WRONG\t%s, read %u: %s (%s)\n", names[how], medium.at, wrong,
			       v.why);
	}
	medium.at = 0;
	printf("%u\t%u\t%s\n", cases, installed, names[how]);
}

int main(int argc, char **argv)
{
	world_begin(&argc, argv, 7);
	medium.fd = world_open(argv[3]);
	medium.other = world_open(argv[5]);
	image[0] = world_read_file(argv[4], &image_size[0]);
	image[1] = world_read_file(argv[6], &image_size[1]);
	for (unsigned how = FLIP_FIRST; how < LIES; how++)
		all_reads(how);
	return 0;
}
