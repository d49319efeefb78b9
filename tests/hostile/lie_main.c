/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A medium that lies: of all the reads of a bundle each in turn gives something else. What lands in
 * the slot is one of the images that were signed, whole, or nothing is ever booted.
 *
 *	lie HELPER KEYS BUNDLE IMAGE BUNDLE2 IMAGE2 [verify-first]
 *
 * Both bundles are genuine and equally long. A line for each way of lying: its name, how many
 *cases, how many ended with an install; and a line that begins with WRONG for each that broke the
 *rule.
 */
#include "tests/hostile/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum lie {
	FLIP_FIRST,
	FLIP_LAST,
	OTHER_ONCE,
	OTHER_FROM,
	OTHER_UNTIL,
	SHORT,
	FAIL_ONCE,
	GONE,
	LIES
};

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
	enum lie how;
	unsigned at, reads; /* from 1; 0: never */
} medium = { .fd = -1, .other = -1 };

ssize_t __real_pread64(int fd, void *buf, size_t len, off64_t off);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off64_t off);
ssize_t __wrap___pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t room);

static ssize_t fail(int error)
{
	errno = error;
	return -1;
}

static bool from_the_other(void)
{
	switch (medium.how) {
	case OTHER_ONCE:
		return medium.reads == medium.at;
	case OTHER_FROM:
		return medium.reads >= medium.at;
	case OTHER_UNTIL:
		return medium.reads <= medium.at;
	case FLIP_FIRST:
	case FLIP_LAST:
	case SHORT:
	case FAIL_ONCE:
	case GONE:
	case LIES:
		break;
	}
	return false;
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

static const char *broken(const struct world_verdict *v)
{
	bool whole = memcmp(world_slot(), image[0], image_size[0]) == 0 ||
		     memcmp(world_slot(), image[1], image_size[1]) == 0;

	if (v->other_written)
		return "the slot that runs was touched";
	if (!world_holds_only(image, image_size, 2))
		return "something is in the slot that nobody signed";
	if (v->on_trial != (v->err == KB_OK))
		return "what it says is not what the state says";
	if (v->on_trial && !whole)
		return "a mixture would be booted";
	if (v->err != KB_OK && v->why[0] == '\0')
		return "no reason is given";
	return NULL;
}

/* Every read in turn, until there is none any more. */
static void all_reads(enum lie how)
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
		wrong = broken(&v);
		cases++;
		installed += v.err == KB_OK;
		if (wrong != NULL)
			printf("WRONG\t%s, read %u: %s (%s)\n", names[how], medium.at, wrong,
			       v.why);
	}
	medium.at = 0;
	printf("%u\t%u\t%s\n", cases, installed, names[how]);
}

static int open_bundle(const char *path)
{
	uint64_t size;
	uint8_t *p = world_read_file(path, &size);
	int fd = world_memfd(p, size);

	free(p);
	return fd;
}

int main(int argc, char **argv)
{
	world_must(argc >= 7, "how it is called stands in its source");
	world_begin(argv[1], strcmp(argv[argc - 1], "verify-first") == 0);
	world_must(world_keys(argv[2]) == KB_OK, "no keys");
	medium.fd = open_bundle(argv[3]);
	medium.other = open_bundle(argv[5]);
	image[0] = world_read_file(argv[4], &image_size[0]);
	image[1] = world_read_file(argv[6], &image_size[1]);
	for (enum lie how = FLIP_FIRST; how < LIES; how++)
		all_reads(how);
	return 0;
}
