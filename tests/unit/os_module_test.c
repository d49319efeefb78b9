/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam's modules, with a kernel that hangs, crashes or refuses. */
#include "lib/os.h"
#include "tests/unit/folder.h"
#include "tests/unit/syscall.h"

#include <poll.h>

static enum { LOADS, IS_THERE, REFUSES_IT, CRASHES, HANGS } kernel;

static pid_t test;
static volatile int *over; /* set at the end of a case, for those that hang */

static void hang(void)
{
	while (!*over && getppid() == test)
		usleep(10000);
}

static long refuse(int errnum)
{
	errno = errnum;
	return -1;
}

/* What a driver's init does to the process that loads it. A kernel that unpacks takes the flag for
 * it. */
static bool syscall_answers(long number, const long arg[6], long *result)
{
	*result = 0;
	if (number != SYS_finit_module)
		return false;
	switch (kernel) {
	case LOADS:
		if (strcmp((const char *)arg[1], "packed") == 0 && arg[2] != 4)
			*result = refuse(ENOEXEC);
		break;
	case IS_THERE:
		*result = refuse(EEXIST);
		break;
	case REFUSES_IT:
		*result = refuse(ENODEV);
		break;
	case CRASHES:
		kill(getpid(), SIGKILL);
		break;
	case HANGS:
		hang();
		break;
	}
	return true;
}

static void set_up(void)
{
	if (over == NULL)
		over = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(over != MAP_FAILED);
	*over = 0;
	test = getpid();
	folder_make();
}

static void tidy_up(void)
{
	*over = 1;
	while (waitpid(-1, NULL, 0) > 0)
		;
	folder_remove();
}

TEST(it_is_loaded_or_the_kernels_word_is_kept)
{
	folder_bytes("a.ko", "x", 1);
	folder_bytes("a.ko.xz", "x", 1);
	kernel = LOADS;
	OK(os_finit_module(folder_at("a.ko"), ""));
	OK(os_finit_module(folder_at("a.ko.xz"), "packed"));
	kernel = IS_THERE;
	OK(os_finit_module(folder_at("a.ko"), ""));
	kernel = REFUSES_IT;
	FAILS(os_finit_module(folder_at("a.ko"), ""), KB_ENODEV);
	assert_int_equal(errno, ENODEV);
	FAILS(os_finit_module(folder_at("none.ko"), ""), KB_ENOENT);
	assert_int_equal(errno, ENOENT);
}

TEST(a_child_that_dies_has_not_loaded)
{
	folder_bytes("a.ko", "x", 1);
	kernel = CRASHES;
	assert_int_not_equal(os_finit_module(folder_at("a.ko"), ""), KB_OK);
	assert_int_equal(errno, EFAULT);
}

TEST(an_init_that_does_not_end_is_left_behind)
{
	uint64_t start, took = UINT64_MAX;

	folder_bytes("a.ko", "x", 1);
	kernel = HANGS;
	for (unsigned tries = 0; took > 10000; tries++) {
		assert_true(tries < 5); /* a busy machine may need some */
		start = os_now_ms();
		FAILS(os_finit_module(folder_at("a.ko"), ""), KB_ETIMEDOUT);
		took = os_now_ms() - start;
		assert_true(took >= 3900);
	}
}

TEST(several_are_loaded_at_once_and_each_gives_its_own_answer)
{
	int fds[3];
	bool ready[3];

	folder_bytes("a.ko", "x", 1);
	kernel = REFUSES_IT;
	OK(os_module_begin(folder_at("a.ko"), "", &fds[0]));
	kernel = HANGS;
	OK(os_module_begin(folder_at("a.ko"), "", &fds[1]));
	kernel = CRASHES;
	OK(os_module_begin(folder_at("a.ko"), "", &fds[2]));
	OK(os_poll(&fds[2], ready, 1, TEST_LONG_MS));
	FAILS(os_module_end(&fds[2]), KB_EIO);
	OK(os_poll(fds, ready, 2, TEST_LONG_MS));
	assert_true(ready[0] && !ready[1]);
	FAILS(os_module_end(&fds[0]), KB_ENODEV);
	assert_int_equal(errno, ENODEV);
	FAILS(os_module_end(&fds[1]), KB_ETIMEDOUT);
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(fds[0] == -1 && fds[1] == -1 && fds[2] == -1);
}

TEST(processors_are_those_that_this_process_may_run_on)
{
	cpu_set_t all, one;
	int cpu = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(os_processors(), CPU_COUNT(&all));
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(os_processors(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

/* It would keep the watchdog from the system that is started. */
TEST(an_init_that_does_not_end_holds_nothing_of_ours)
{
	int fds[2];
	struct pollfd ours = { .events = POLLIN };

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	folder_bytes("a.ko", "x", 1);
	kernel = HANGS;
	FAILS(os_finit_module(folder_at("a.ko"), ""), KB_ETIMEDOUT);
	close(fds[1]);
	ours.fd = fds[0];
	assert_int_equal(poll(&ours, 1, TEST_LONG_MS), 1);
	assert_int_equal(ours.revents, POLLHUP);
	close(fds[0]);
}

TEST_MAIN("os_module", .set_up = set_up, .tear_down = tidy_up)
