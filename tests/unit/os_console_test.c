/* SPDX-License-Identifier: Apache-2.0 */
/* The consoles that the kernel has, with pseudo terminals in their place. */
#include "lib/os.h"
#include "lib/os_root.h"
#include "tests/unit/folder.h"
#include "tests/unit/raw.h"

#include <sys/ioctl.h>
#include <termios.h>

#define ACTIVE "sys/class/tty/console/active"
#define LINE   "keelboot: slot a\n"
#define SEEN   "keelboot: slot a\r\n"

static int master[2]; /* of ttyS0 and ttyS1 */

/* Time is what was slept: what a busy machine takes beside it is not the console's. Each sleep is a
 * real one, so that the kernel has no less of it. */
static uint64_t slept_ns;

int nanosleep(const struct timespec *ts, struct timespec *rest)
{
	slept_ns += (uint64_t)ts->tv_sec * 1000000000 + (uint64_t)ts->tv_nsec;
	return raw_sleep(ts, rest);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	*ts = (struct timespec){ .tv_sec = (time_t)(slept_ns / 1000000000),
				 .tv_nsec = (long)(slept_ns % 1000000000) };
	return 0;
}

static int open_port(const char *name)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);

	assert_true(fd >= 0);
	assert_int_equal(unlockpt(fd), 0);
	unlink(folder_at(name));
	assert_int_equal(symlink(ptsname(fd), folder_at(name)), 0);
	return fd;
}

static const char *seen(int fd)
{
	static char text[1 << 16];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* The kernel brings it over in its own time: what is awaited gets it. */
static void assert_seen(int fd, const char *want)
{
	static char text[1 << 12];
	struct pollfd p = { .fd = fd, .events = POLLIN };

	text[0] = '\0';
	do
		strcat(text, seen(fd));
	while (strlen(text) < strlen(want) && poll(&p, 1, TEST_LONG_MS) == 1);
	assert_string_equal(text, want);
}

static void say(void)
{
	os_console_write(LINE, strlen(LINE));
}

static void set_up(void)
{
	alarm(600); /* for one that waits forever */
	folder_make();
	folder_run("mkdir -p dev sys/class/tty/console sys/module/printk/parameters sys/kernel");
	os_console_at(folder, folder);
	master[0] = open_port("dev/ttyS0");
	master[1] = open_port("dev/ttyS1");
	folder_put(ACTIVE, "ttyS0\n");
}

static void tear_down(void)
{
	folder_put(ACTIVE, "\n");
	say(); /* lets go of what is open */
	close(master[0]);
	close(master[1]);
	folder_remove();
}

TEST(each_console_gets_the_line_once)
{
	folder_put(ACTIVE, "ttyS0 ttyS1\n");
	say();
	assert_seen(master[0], SEEN);
	assert_seen(master[1], SEEN);
}

TEST(one_that_comes_later_is_found_and_one_that_goes_is_left)
{
	say();
	assert_seen(master[1], "");
	folder_put(ACTIVE, "ttyS1\n");
	say();
	assert_seen(master[1], SEEN);
	assert_seen(master[0], SEEN);
	say();
	assert_seen(master[0], "");
}

/* Nor does a file that has its name grow. */
TEST(a_console_that_is_not_there_is_passed_over)
{
	struct stat st;

	folder_put("dev/ttyS8", "");
	folder_put(ACTIVE, "ttyS9 ttyS8 ../dev/ttyS0 ttyS1\n");
	say();
	assert_seen(master[1], SEEN);
	EQUAL((stat(folder_at("dev/ttyS8"), &st), 0), (st.st_size, 0));
}

TEST(without_any_console_nothing_happens)
{
	folder_put(ACTIVE, "\n");
	say();
	assert_seen(master[0], "");
}

TEST(before_sys_is_there_the_console_is_the_one_of_the_command_line)
{
	int fd = open_port("dev/console");

	unlink(folder_at(ACTIVE));
	say();
	assert_seen(fd, SEEN);
	close(fd);
}

/* Its terminal has pressed Ctrl-S. */
static void hold(int fd, bool on)
{
	int port = open(ptsname(fd), O_RDWR | O_NOCTTY);

	assert_true(port >= 0);
	assert_int_equal(tcflow(port, on ? TCOOFF : TCOON), 0);
	close(port);
}

TEST(a_console_that_takes_nothing_holds_up_nobody)
{
	uint64_t start = os_now_ms(), first;

	folder_put(ACTIVE, "ttyS0 ttyS1\n");
	say();
	assert_seen(master[0], SEEN);
	assert_seen(master[1], SEEN);
	hold(master[0], true);
	say();
	first = os_now_ms() - start;
	assert_true(first < 900);
	assert_seen(master[1], SEEN);
	/* Known by now: twenty more cost less than a second and a half. */
	start = os_now_ms();
	for (int i = 0; i < 20; i++)
		say();
	assert_true(os_now_ms() - start < 1500);
	assert_seen(master[0], "");
	hold(master[0], false);
	say();
	assert_seen(master[0], SEEN);
}

/* Nobody reads, and its buffer is full. */
TEST(a_console_that_is_full_holds_up_nobody)
{
	uint64_t start;

	for (int i = 0; i < 20000; i++) {
		start = os_now_ms();
		say();
		assert_true(os_now_ms() - start < 900);
		if (os_now_ms() - start > 200)
			return;
	}
	fail_msg("it was never full");
}

/* The end of a session hangs up its terminal for all who have it open; here a call does that. */
TEST(one_that_was_hung_up_is_opened_anew)
{
	int port;

	say();
	assert_seen(master[0], SEEN);
	port = open(ptsname(master[0]), O_RDWR | O_NOCTTY);
	assert_true(port >= 0);
	if (ioctl(port, TIOCVHANGUP) < 0) {
		close(port);
		skip(); /* only root may */
	}
	close(port);
	say();
	assert_seen(master[0], SEEN);
}

/* Its other end is gone: no error, no loop. */
TEST(a_dead_console_is_given_up)
{
	uint64_t start = os_now_ms();

	folder_put(ACTIVE, "ttyS0 ttyS1\n");
	say();
	close(master[0]);
	master[0] = -1;
	errno = EXDEV;
	say();
	assert_int_equal(errno, EXDEV);
	assert_true(os_now_ms() - start < 900);
	assert_seen(master[1], SEEN SEEN);
}

TEST(the_level_of_the_kernel_is_asked_each_time)
{
	assert_false(os_console_shows(3)); /* not known */
	folder_put("sys/kernel/printk", "4\t4\t1\t7\n");
	EQUAL((os_console_shows(3), true), (os_console_shows(4), false));
	folder_put("sys/kernel/printk", "15\t4\t1\t7\n"); /* after an oops */
	assert_true(os_console_shows(7));
	folder_put("sys/kernel/printk", "4\t4\t1\t7\n");
	folder_put("sys/module/printk/parameters/ignore_loglevel", "N\n");
	assert_false(os_console_shows(5));
	folder_put("sys/module/printk/parameters/ignore_loglevel", "Y\n");
	assert_true(os_console_shows(7));
}

TEST(a_file_is_not_the_kernels_log)
{
	int fd = open("/dev/null", O_WRONLY);

	EQUAL((os_is_kmsg(fd), false), (os_is_kmsg(-1), false));
	close(fd);
	fd = open("/dev/kmsg", O_WRONLY);
	if (fd >= 0)
		assert_true(os_is_kmsg(fd));
	close(fd);
}

TEST_MAIN("consoles", .set_up = set_up, .tear_down = tear_down)
