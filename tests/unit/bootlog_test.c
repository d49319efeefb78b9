/* SPDX-License-Identifier: Apache-2.0 */
/* How a child of process 1 comes to log as process 1 does. */
#include "lib/bootlog.h"
#include "lib/os.h"
#include "tests/unit/test.h"

static char console[400];
static int fds[2];

/* In place of the seam: a kernel that shows nothing, and whose log is standard error or is not. */
static bool stderr_is_kmsg;

bool os_is_kmsg(int fd)
{
	return fd == 2 && stderr_is_kmsg;
}

bool os_console_shows(int level)
{
	return false;
}

void os_console_write(const char *line, size_t len)
{
	strncat(console, line, len);
}

static void set_up(void)
{
	unsetenv("KEELBOOT_LOG");
	log_set_level(LOG_LEVEL_INFO);
	log_show(LOG_LEVEL_NONE);
	assert_int_equal(pipe(fds), 0);
	log_to(fds[1], 0);
	console[0] = '\0';
	stderr_is_kmsg = false;
}

static void tear_down(void)
{
	log_to(2, 0);
	log_show(LOG_LEVEL_NONE);
	assert_int_equal(close(fds[0]) + close(fds[1]), 0);
}

/* What a child with the environment that process 1 gives brings to the consoles. */
static const char *child_says(enum log_level max, enum log_level shown)
{
	const char *const *env;

	bootlog_set(max, shown);
	env = bootlog_env();
	assert_string_equal(env[0], "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	assert_null(env[2]);
	log_show(LOG_LEVEL_NONE);
	log_set_level(LOG_LEVEL_INFO);
	assert_int_equal(putenv((char *)env[1]), 0);
	bootlog_inherit();
	log_err("e");
	log_notice("n");
	log_info("i");
	log_debug("d");
	return console;
}

TEST(a_child_shows_what_process_1_shows)
{
	EQUAL((child_says(LOG_LEVEL_INFO, LOG_LEVEL_NOTICE), "keelboot: e\nkeelboot: n\n"));
	console[0] = '\0';
	assert_string_equal(child_says(LOG_LEVEL_DEBUG, LOG_LEVEL_DEBUG),
			    "keelboot: e\nkeelboot: n\nkeelboot: i\nkeelboot: d\n");
}

TEST(a_program_of_nobody_elses_stays_as_it_is)
{
	static const char *const values[] = { "", "6", "65x", "9a", "24" };
	char got[64];

	bootlog_inherit();
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		setenv("KEELBOOT_LOG", values[i], 1);
		bootlog_inherit();
	}
	log_err("x");
	assert_string_equal(console, "");
	assert_int_equal(read(fds[0], got, sizeof(got)), 12);
}

TEST_MAIN("bootlog", .set_up = set_up, .tear_down = tear_down)
