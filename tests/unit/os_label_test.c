/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of folders, on a file system of this machine: only root may write them. */
#include "lib/os_label.h"

#include "tests/unit/folder.h"
#include "tests/unit/test.h"

#include <sys/xattr.h>

#define NAME  "security.selinux"
#define SLOT  "system_u:object_r:root_t:s0"
#define OTHER "system_u:object_r:etc_t:s0"

static void set_up(void)
{
	folder_make();
	folder_run("mkdir slot upper");
}

/* False: this machine lets nobody do that. */
static bool labelled(const char *path, const char *label)
{
	if (lsetxattr(folder_at(path), NAME, label, strlen(label) + 1, 0) == 0)
		return true;
	assert_true(errno == EPERM || errno == EACCES || errno == EOPNOTSUPP || errno == EINVAL);
	return false;
}

static const char *label_of(const char *path)
{
	static char label[256];
	ssize_t len = lgetxattr(folder_at(path), NAME, label, sizeof(label) - 1);

	label[len < 0 ? 0 : len] = '\0';
	return label;
}

static void copy(void)
{
	char from[256];

	snprintf(from, sizeof(from), "%s", folder_at("slot"));
	OK(os_label_copy(from, folder_at("upper")));
}

TEST(folder_without_a_label_gets_that_of_the_slot)
{
	if (!labelled("slot", SLOT))
		return;
	copy();
	assert_string_equal(label_of("upper"), SLOT);
}

TEST(label_that_is_there_stays)
{
	if (!labelled("slot", SLOT) || !labelled("upper", OTHER))
		return;
	copy();
	assert_string_equal(label_of("upper"), OTHER);
}

/* What a kernel before 5.6 says of a file without a label; it would stay there. */
TEST(word_that_is_no_label_is_none)
{
	if (!labelled("slot", "unlabeled"))
		return;
	copy();
	assert_string_equal(label_of("upper"), "");
}

TEST(slot_without_a_label_gives_none)
{
	copy();
	if (labelled("slot", SLOT) && lremovexattr(folder_at("slot"), NAME) == 0) {
		copy();
		assert_string_equal(label_of("upper"), "");
	}
}

TEST(folder_that_is_missing_is_told)
{
	char from[256];

	snprintf(from, sizeof(from), "%s", folder_at("none"));
	FAILS(os_label_copy(from, folder_at("upper")), KB_ENOENT);
	if (!labelled("slot", SLOT))
		return;
	snprintf(from, sizeof(from), "%s", folder_at("slot"));
	FAILS(os_label_copy(from, folder_at("none")), KB_ENOENT);
}

TEST_MAIN("os_label", .set_up = set_up, .tear_down = folder_remove)
