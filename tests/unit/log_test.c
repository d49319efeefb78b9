/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os.h"
#include "tests/unit/test.h"

static int fds[2];
static char got[4096], console[4096];
static int shows_below;

/* In place of the seam: the consoles of a kernel with loglevel=shows_below. */
bool os_console_shows(int level)
{
	return level < shows_below;
}

void os_console_write(const char *line, size_t len)
{
	strncat(console, line, len);
}

static const char *written(void)
{
	ssize_t n = read(fds[0], got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static void set_up(void)
{
	log_set_level(LOG_LEVEL_INFO);
	log_set_name("keelboot");
	log_show(LOG_LEVEL_NONE);
	console[0] = '\0';
	shows_below = 4;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	log_to(fds[1], 0);
}

static void tear_down(void)
{
	log_to(2, 0);
	log_show(LOG_LEVEL_NONE);
	close(fds[0]);
	close(fds[1]);
}

TEST(a_command_prints_name_and_text)
{
	log_err("slot %c: %s", 'b', "gone");
	assert_string_equal(written(), "keelboot: slot b: gone\n");
	log_set_name("keelboot-apply");
	log_info("x");
	assert_string_equal(written(), "keelboot-apply: x\n");
}

TEST(the_kernel_is_told_the_level)
{
	log_to(fds[1], 1);
	log_err("x");
	assert_string_equal(written(), "<3>keelboot: x\n");
	log_warn("x");
	assert_string_equal(written(), "<4>keelboot: x\n");
	log_notice("x");
	assert_string_equal(written(), "<5>keelboot: x\n");
	log_info("x");
	assert_string_equal(written(), "<6>keelboot: x\n");
}

TEST(levels_are_dropped)
{
	log_debug("x");
	assert_string_equal(written(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("x");
	assert_string_equal(written(), "keelboot: x\n");
	log_set_level(LOG_LEVEL_ERR);
	log_warn("x");
	assert_string_equal(written(), "");
}

TEST(one_message_is_one_line)
{
	log_err("a\nkeelboot: forged\x1b[2J%s", "\r\x80");
	assert_string_equal(written(), "keelboot: a?keelboot: forged?[2J??\n");
}

TEST(a_long_line_is_cut_and_still_ends)
{
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_err("%s", text);
	written();
	EQUAL((strlen(got), 10 + 899 + 1), (got[strlen(got) - 1], '\n'));
}

TEST(a_log_that_cannot_be_written_is_no_failure)
{
	log_to(-1, 1);
	log_err("x");
	log_to(9999, 0);
	log_err("x");
	log_to(fds[1], 0);
	for (int i = 0; i < 10000; i++) /* fills the pipe */
		log_err("x");
}

TEST(a_command_writes_to_no_console)
{
	log_warn("x");
	assert_string_equal(console, "");
}

TEST(consoles_have_what_the_kernel_does_not_show)
{
	log_to(fds[1], 1);
	log_show(LOG_LEVEL_NOTICE);
	log_err("shown");
	log_notice("hidden");
	log_info("how");
	EQUAL((written(), "<3>keelboot: shown\n<5>keelboot: hidden\n<6>keelboot: how\n"));
	EQUAL((console, "keelboot: hidden\n"));
}

TEST(consoles_have_what_did_not_reach_the_kernel)
{
	log_to(-1, 0);
	log_show(LOG_LEVEL_NOTICE);
	shows_below = LOG_LEVEL_DEBUG;
	log_err("bad");
	log_info("how");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("step");
	assert_string_equal(console, "keelboot: bad\nkeelboot: how\n");
}

TEST(a_log_that_counts_lines_is_opened_for_each)
{
	char path[] = "/tmp/keelboot-log-XXXXXX";
	int fd = mkstemp(path);
	off_t end;

	assert_true(fd >= 0);
	log_to(fds[1], 1);
	log_to_anew(path);
	log_err("x");
	end = lseek(fd, 0, SEEK_END);
	unlink(path);
	close(fd);
	EQUAL((end, 15), (written(), ""));
	log_err("y"); /* it is gone: better the other than none */
	assert_string_equal(written(), "<3>keelboot: y\n");
}

TEST(errno_stays_what_it_was)
{
	log_show(LOG_LEVEL_NOTICE);
	log_to_anew("/nowhere");
	errno = EXDEV;
	log_err("x");
	assert_int_equal(errno, EXDEV);
}

TEST_MAIN("log", .set_up = set_up, .tear_down = tear_down)
