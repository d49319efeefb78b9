/* SPDX-License-Identifier: Apache-2.0 */
/* A shared folder, in which somebody else has a file where the output is made. */
#include "cli/bundle/bundle_output.h"
#include "tests/unit/folder.h"

#define STRANGER 65534

static char path[128], tmp[128], other[128];
static struct bundle_output o;

static void assert_holds(const char *file, const char *text)
{
	char got[64] = "";
	int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	assert_string_equal(got, text);
	close(fd);
}

/* ---------------------------------------------------------------- what lies there already */

static void plant_file(void)
{
	folder_put("out.tmp", "planted");
	if (geteuid() == 0)
		assert_int_equal(chown(tmp, STRANGER, STRANGER), 0);
}

static void plant_hard_link(void)
{
	folder_put("other", "planted");
	assert_int_equal(link(other, tmp), 0);
}

static void plant_link(void)
{
	folder_put("other", "planted");
	assert_int_equal(symlink(other, tmp), 0);
}

static void plant_link_to_nothing(void)
{
	assert_int_equal(symlink(other, tmp), 0);
}

static void (*const plants[])(void) = { plant_file, plant_hard_link, plant_link,
					plant_link_to_nothing };
static void (*between)(void); /* is done behind the next unlink() */

int unlink(const char *file)
{
	void (*now)(void) = between;
	int rc = unlinkat(AT_FDCWD, file, 0);

	between = NULL;
	if (now != NULL)
		now();
	return rc;
}

static void setup(void)
{
	snprintf(path, sizeof(path), "%s/out", folder);
	snprintf(tmp, sizeof(tmp), "%s/out.tmp", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	between = NULL;
	unlink(path);
	unlink(tmp);
	unlink(other);
}

/* ---------------------------------------------------------------- the tests */

TEST(what_lies_there_is_not_taken_over)
{
	for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
		KB_CLEANUP_FD int owner = -1;
		struct stat st;

		setup();
		plants[i]();
		owner = open(tmp, O_RDWR | O_CLOEXEC); /* who made it keeps it open */
		OK(bundle_output_begin(&o, path));
		OK(bundle_output_write(&o, "verified", 8));
		OK(bundle_output_commit(&o));
		if (owner >= 0)
			assert_int_equal(pwrite(owner, "modified", 8, 0), 8);
		assert_holds(path, "verified");
		assert_int_equal(lstat(path, &st), 0);
		assert_true(S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid());
		if (plants[i] == plant_link_to_nothing)
			assert_int_equal(access(other, F_OK), -1);
	}
}

TEST(what_a_link_led_to_stays)
{
	for (unsigned i = 1; i < 3; i++) {
		setup();
		plants[i]();
		OK(bundle_output_begin(&o, path));
		OK(bundle_output_write(&o, "verified", 8));
		bundle_output_abort(&o);
		assert_holds(other, "planted");
		EQUAL((access(path, F_OK), -1), (access(tmp, F_OK), -1));
	}
}

TEST(what_comes_in_between_is_refused)
{
	for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
		setup();
		between = plants[i];
		assert_int_not_equal(bundle_output_begin(&o, path), KB_OK);
		assert_int_equal(o.fd, -1);
		bundle_output_abort(&o);
		if (plants[i] == plant_file)
			assert_holds(tmp, "planted");
		else if (plants[i] != plant_link_to_nothing)
			assert_holds(other, "planted");
		else
			assert_int_equal(access(other, F_OK), -1);
	}
}

/* By another run, or by whoever may write to the folder. */
TEST(what_took_its_place_is_not_given_the_name)
{
	for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
		struct stat st;

		setup();
		OK(bundle_output_begin(&o, path));
		OK(bundle_output_write(&o, "verified", 8));
		assert_int_equal(unlinkat(AT_FDCWD, tmp, 0), 0);
		plants[i]();
		assert_int_not_equal(bundle_output_commit(&o), KB_OK);
		bundle_output_abort(&o);
		assert_int_equal(access(path, F_OK), -1);
		assert_int_equal(lstat(tmp, &st), 0);
	}
}

static void remove_folder(void)
{
	setup();
	assert_int_equal(rmdir(folder), 0);
}

TEST_MAIN("tests", .set_up = setup, .first = folder_make, .last = remove_folder)
