/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a state partition is, read from an image of a disk. */
#include "initramfs/prober/prober_state.h"

#include "selector/store.h"
#include "tests/unit/states.h"

#define MIB (1ull << 20)

static int fd;
static struct prober_part part;

/* A disk in memory whose partition at 1 MiB holds `s`; NULL: nothing. */
static void make_disk(struct state *s)
{
	struct bdev_file file;
	enum store_finding found;
	struct state old;
	struct store st;

	fd = memfd_create("disk", 0);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, STORE_MIN_SIZE), 0);
	if (s != NULL) {
		OK(bdev_file_from_fd(&file, fd));
		OK(store_load(&st, &file.bdev, &old, &found));
		OK(store_save_both(&st, s));
	}
	part = (struct prober_part){ .number = 1, .size = STORE_MIN_SIZE };
}

/* Moves what is there to 1 MiB, where a partition begins. */
static void shift_disk(void)
{
	char *all = calloc(1, STORE_MIN_SIZE);

	assert_non_null(all);
	assert_int_equal(pread(fd, all, STORE_MIN_SIZE, 0), STORE_MIN_SIZE);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, all, STORE_MIN_SIZE, MIB), STORE_MIN_SIZE);
	free(all);
	part.start = MIB;
}

static void tear_down(void)
{
	close(fd);
}

static struct state bound(const char *disk)
{
	struct state s;

	states_fresh(&s);
	state_set_text(s.disk, disk);
	return s;
}

TEST(the_disk_that_it_is_bound_to_is_told)
{
	struct state s = bound("wwid-eui.0025385c2140105d");

	make_disk(&s);
	shift_disk();
	prober_state_part(fd, &part);
	EQUAL((part.flags, PROBER_PART_STATE), (part.pin, "wwid-eui.0025385c2140105d"));
}

TEST(an_unbound_state_is_a_state)
{
	struct state s = bound("");

	make_disk(&s);
	prober_state_part(fd, &part);
	EQUAL((part.flags, PROBER_PART_STATE), (part.pin, ""));
}

TEST(one_dead_region_hides_nothing)
{
	struct state s = bound("cid-1");
	char zero[4096] = { 0 };

	make_disk(&s);
	assert_int_equal(pwrite(fd, zero, sizeof(zero), 0), sizeof(zero));
	prober_state_part(fd, &part);
	assert_string_equal(part.pin, "cid-1");
}

TEST(what_is_no_state_tells_nothing)
{
	struct state s = bound("cid-1");
	char junk[4096] = "KEELSTAT and nonsense";

	make_disk(NULL);
	prober_state_part(fd, &part);
	assert_int_equal(part.flags, 0);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 0), sizeof(junk));
	prober_state_part(fd, &part);
	assert_int_equal(part.flags, 0);
	close(fd);
	make_disk(&s);
	part.size = STORE_MIN_SIZE - 4096;
	prober_state_part(fd, &part);
	assert_int_equal(part.flags, 0);
	part.size = STORE_MIN_SIZE;
	part.start = 64 * MIB; /* beyond the end */
	prober_state_part(fd, &part);
	assert_int_equal(part.flags, 0);
	part.start = 0;
	part.flags = PROBER_PART_UNREADABLE;
	prober_state_part(fd, &part);
	assert_string_equal(part.pin, "");
}

TEST(nothing_is_written)
{
	struct state s = bound("cid-1");
	int ro;

	make_disk(&s);
	ro = open(strf("/proc/self/fd/%d", fd), O_RDONLY | O_CLOEXEC);
	assert_true(ro >= 0);
	prober_state_part(ro, &part);
	close(ro);
	assert_string_equal(part.pin, "cid-1");
}

TEST_MAIN("prober_state", .tear_down = tear_down)
