/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases that happen in a child, which says by its end how it went:
 *
 *	TEST_CHILD(nothing_is_there)
 *	{
 *		cage();
 *		must(access("/etc", F_OK) < 0, 1);
 *	}
 */
#pragma once

#include "lib/cage_calls.h"
#include "lib/os.h"
#include "tests/unit/test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

/* Else the child ends, with this number. */
static inline void must(bool what, int otherwise)
{
	if (!what)
		_exit(otherwise);
}

/* How a child ends that does this: its wait status. */
static inline int end_of(void (*fn)(const void *arg), const void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* With what a child exits that does this. */
#define IN_CHILD(expr)                  \
	({                              \
		pid_t child_ = fork();  \
                                        \
		if (child_ == 0)        \
			_exit(expr);    \
		test_exit_code(child_); \
	})

/* The child has both ends of a pipe; here the one to read from is left. */
static inline pid_t fork_with_pipe(int fds[2])
{
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid != 0)
		close(fds[1]);
	return pid;
}

/* Starts a program whose descriptor 3 is a pipe; the end to read from. */
static inline int spawn_with_pipe(struct os_spawn *sp, pid_t *pid)
{
	int fds[2];

	OK(os_pipe(fds));
	sp->fd3 = fds[1];
	OK(os_spawn(sp, pid));
	os_close(&fds[1]);
	return fds[0];
}

/* Reads until nobody has the other end any more, or it is full; how much that was. Each part comes
 * within timeout_ms. */
static inline size_t read_to_end(int fd, void *buf, size_t size, unsigned timeout_ms)
{
	size_t used = 0, len = 1;
	bool ready;

	while (len > 0 && used < size) {
		OK(os_poll(&fd, &ready, 1, timeout_ms));
		if (os_read(fd, (char *)buf + used, size - used, &len) == KB_OK)
			used += len;
	}
	return used;
}

/* From now on the kernel refuses this call; of prctl only one kind, unless kind is 0. */
static inline bool refuse_call(int nr, int kind, int errnum)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, CAGE_ARG(0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)kind, 0, kind == 0 ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)errnum),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = KB_ARRAY_LEN(code), .filter = code };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0;
}

/* The number behind a name in the text of /proc/PID/status. */
static inline unsigned long long status_number(const char *text, const char *name, int base)
{
	const char *at = strstr(text, name);

	assert_non_null(at);
	return strtoull(at + strlen(name), NULL, base);
}

static inline void assert_no_capabilities(const char *status)
{
	static const char *const sets[] = { "\nCapInh:\t", "\nCapPrm:\t", "\nCapEff:\t",
					    "\nCapBnd:\t", "\nCapAmb:\t" };

	for (size_t i = 0; i < KB_ARRAY_LEN(sets); i++)
		assert_true(status_number(status, sets[i], 16) == 0);
}

static inline void assert_fine(int status)
{
	EQUAL((WIFEXITED(status), true), (WEXITSTATUS(status), 0));
}

static inline void assert_killed(int status, int sig)
{
	EQUAL((WIFSIGNALED(status), true), (WTERMSIG(status), sig));
}

/* Where the child needs root, and there is none, nothing is tested. */
#define TEST_CHILD_IF(possible, name)                    \
	static void name##_child(const void *);          \
	TEST(name)                                       \
	{                                                \
		if (!(possible))                         \
			skip();                          \
		assert_fine(end_of(name##_child, NULL)); \
	}                                                \
	static void name##_child(const void *arg)

#define TEST_CHILD(name)	 TEST_CHILD_IF(true, name)
#define TEST_CHILD_OF_ROOT(name) TEST_CHILD_IF(geteuid() == 0, name)
