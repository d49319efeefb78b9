/* SPDX-License-Identifier: Apache-2.0 */
/* In which order the record of `keelboot guard` becomes durable: calls for files only take notes
 * here. */

#include "cli/guard/guard_record.h"
#include "lib/os_file.h"
#include "tests/unit/test.h"

enum { DIR_FD = 1000, FILE_FD };

static struct fake {
	char notes[512];
	/* the call that fails, counted from 1; 0: none */
	unsigned fails, calls;
	bool missing; /* /var/lib/keelboot, and what is above it */
} fake;

static enum kb_err note(const char *what)
{
	strncat(fake.notes, what, sizeof(fake.notes) - strlen(fake.notes) - 1);
	return ++fake.calls == fake.fails ? KB_EIO : KB_OK;
}

enum kb_err os_file_folder(const char *path, int *dir)
{
	*dir = DIR_FD;
	return fake.missing && strcmp(path, "/") != 0 ? KB_ENOENT : KB_OK;
}

enum kb_err os_file_enter(int *dir, const char *name)
{
	assert_int_equal(*dir, DIR_FD);
	return note("enter ");
}

enum kb_err os_file_mkdir(int dir, const char *name, unsigned mode)
{
	assert_int_equal(dir, DIR_FD);
	return note("mkdir ");
}

enum kb_err os_file_unlink(int dir, const char *name)
{
	return KB_ENOENT;
}

enum kb_err os_file_create(int dir, const char *name, int *fd)
{
	*fd = FILE_FD;
	return note("create ");
}

enum kb_err os_file_write(int fd, const void *buf, size_t len)
{
	assert_int_equal(fd, FILE_FD);
	return note("write ");
}

enum kb_err os_file_sync(int fd)
{
	return note(fd == FILE_FD ? "sync-file " : "sync-folder ");
}

enum kb_err os_file_rename(int dir, const char *from, const char *to)
{
	assert_string_equal(to, "guard.json");
	return note("rename ");
}

enum kb_err os_file_private(int dir, const char *name, int *fd)
{
	return KB_EIO;
}

static const struct device_options options = { .conf_root = "", .run_dir = "/nonexistent" };
static struct guard_record record;

static void set_up(void)
{
	memset(&fake, 0, sizeof(fake));
	memset(&record, 0, sizeof(record));
	guard_record_add(&record, "a");
}

#define WRITTEN "create write sync-file rename sync-folder "

/* A power cut leaves the old record or the new one, and what follows relies on the new one. */
TEST(record_is_durable_when_it_is_saved)
{
	OK(guard_record_save(&record, &options));
	assert_string_equal(fake.notes, WRITTEN);
}

TEST(folders_that_were_made_are_durable_too)
{
	fake.missing = true;
	OK(guard_record_save(&record, &options));
	assert_string_equal(fake.notes, "mkdir sync-folder enter mkdir sync-folder enter "
					"mkdir sync-folder enter " WRITTEN);
}

TEST(no_failure_is_lost)
{
	for (unsigned i = 1; i <= 14; i++) {
		set_up();
		fake.missing = true;
		fake.fails = i;
		assert_int_equal(guard_record_save(&record, &options), KB_EIO);
		assert_int_equal(fake.calls, i);
	}
}

TEST_MAIN("guard_record", .set_up = set_up, .quiet = true)
