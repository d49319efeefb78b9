/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/output_progress.h"
#include "tests/unit/folder.h"

static struct output_progress p;

static void set_up(void)
{
	folder_make();
	p = (struct output_progress){ .mode = OUTPUT_PROGRESS_NONE };
	snprintf(p.file, sizeof(p.file), "%s/progress", folder);
}

static void tear_down(void)
{
	output_progress_end(&p);
	assert_int_equal(rmdir(folder), 0); /* fails if something was left in it */
}

static const char *published(void)
{
	static char line[256];
	int fd = open(p.file, O_RDONLY);
	ssize_t len = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);

	if (fd >= 0)
		close(fd);
	line[len > 0 ? len : 0] = '\0';
	return line;
}

TEST(others_can_read_how_far_it_is)
{
	output_progress_step(&p, "verify", 0, 1000);
	assert_string_equal(published(), "{\"schema\":1,\"phase\":\"verify\",\"percent\":0,"
					 "\"done\":0,\"total\":1000}\n");
	output_progress_step(&p, "verify", 9, 1000); /* less than a percent further */
	assert_non_null(strstr(published(), "\"done\":0,"));
	output_progress_step(&p, "verify", 1000, 1000);
	assert_non_null(strstr(published(), "\"percent\":100,\"done\":1000,"));
	output_progress_step(&p, "write", 1000, 1000);
	assert_non_null(strstr(published(), "\"phase\":\"write\",\"percent\":100,"));
	output_progress_end(&p);
	assert_string_equal(published(), "");
}

TEST(nothing_depends_on_its_folder)
{
	snprintf(p.file, sizeof(p.file), "%s/none/progress", folder);
	output_progress_step(&p, "write", 1, 2);
	output_progress_end(&p);
	p.file[0] = '\0';
	output_progress_step(&p, "write", 2, 2);
	output_progress_end(&p);
}

TEST_MAIN("output_progress", .set_up = set_up, .tear_down = tear_down)
