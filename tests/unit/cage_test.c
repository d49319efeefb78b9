/* SPDX-License-Identifier: Apache-2.0 */
/* What a process can still do in the cage. Each case happens in a child, which tells by its end, or
 * by what it writes. */
#include "lib/cage.h"

#include "tests/unit/child.h"

#include <sys/socket.h>

#define MIB  (1ull << 20)
#define USER 65531u

static const struct cage plain = {
	.who = "test",
	.user = USER,
	.memory = CAGE_MEMORY(256 * MIB),
	.cpu_s = 60,
	.files = 8,
	.nkeep = 4,
	.keep = { 0, 1, 2, 5 },
};

static const struct cage_rule rules[] = { { SYS_exit_group, CAGE_ALWAYS, 0, 0 },
					  { SYS_getppid, CAGE_ALWAYS, 0, 0 },
					  { SYS_write, CAGE_EQUAL, 0, 1 },
					  { SYS_write, CAGE_EQUAL, 0, 2 },
					  { SYS_mprotect, CAGE_WITHOUT, 2, PROT_EXEC },
					  { SYS_openat, CAGE_ABSENT, 0, 0 },
					  { SYS_uname, CAGE_ALWAYS, 0, 0 },
					  CAGE_SANITIZER };

static void cage(void)
{
	must(cage_enter(&plain) == KB_OK, 101);
}

/* ---------------------------------------------------------------- rights */

TEST_CHILD_OF_ROOT(its_root_is_empty)
{
	struct stat st;

	cage();
	must(stat("/etc", &st) < 0 && errno == ENOENT, 1);
	must(stat("/proc/self", &st) < 0 && errno == ENOENT, 2);
	must(open("/x", O_WRONLY | O_CREAT, 0600) < 0, 3);
	must(mkdir("/x", 0700) < 0, 4);
	must(chdir("..") == 0 && stat("etc", &st) < 0 && errno == ENOENT, 5);
	must(stat("/", &st) == 0 && st.st_nlink == 0, 6); /* deleted already */
}

TEST(leaves_nothing_behind)
{
	/* Those of a process that lives are another test's. */
	static const char look[] =
		"for d in /run /tmp /dev/shm; do for d in $d/.keelboot-cage-*; do "
		"[ -e \"$d\" ] && ! [ -e \"/proc/${d##*-}\" ] && exit 1; "
		"done; done; exit 0";
	struct stat st;

	assert_int_equal(system(look), 0);
	assert_int_equal(stat("/", &st), 0);
}

TEST_CHILD(only_what_is_kept_stays_open)
{
	for (int fd = 3; fd <= 40; fd++)
		must(dup2(2, fd) == fd, 1);
	cage();
	for (int fd = 0; fd <= 40; fd++)
		must((fcntl(fd, F_GETFD) >= 0) == (fd <= 2 || fd == 5), 10 + fd);
}

TEST_CHILD_OF_ROOT(root_becomes_a_user_of_its_own)
{
	uid_t u[3];
	gid_t g[3];

	cage();
	must(getresuid(&u[0], &u[1], &u[2]) == 0 && getresgid(&g[0], &g[1], &g[2]) == 0, 1);
	for (int i = 0; i < 3; i++)
		must(u[i] == USER && g[i] == USER, 2);
	must(getgroups(0, NULL) == 0, 3);
	must(setuid(0) < 0 && setgid(0) < 0 && chroot("/") < 0, 4);
	must(unshare(CLONE_NEWNS) < 0, 5);
}

TEST_CHILD(nothing_can_be_had_without_end)
{
	struct rlimit r;

	cage();
	must(prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, 1);
	must(dup(2) >= 0, 2);
	while (dup(2) >= 0)
		;
	must(errno == EMFILE, 3);
	must(getrlimit(RLIMIT_FSIZE, &r) == 0 && r.rlim_max == 0, 4);
	must(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0, 5);
	must(getrlimit(RLIMIT_MEMLOCK, &r) == 0 && r.rlim_max == 0, 6);
	must(getrlimit(RLIMIT_NPROC, &r) == 0 && r.rlim_max == 0, 7);
	if (geteuid() == USER)
		must(fork() < 0 && errno == EAGAIN, 8);
	if (CAGE_MEMORY(0) == 0)
		must(mmap(NULL, 512 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			     MAP_FAILED,
		     9);
}

/* Ends by itself when it has had far too much. */
static void think_for_ever(const void *arg)
{
	struct cage c = plain;
	struct timespec used = { 0 };

	c.cpu_s = 1;
	must(cage_enter(&c) == KB_OK, 101);
	while (used.tv_sec < 8)
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
}

TEST(thinking_has_an_end)
{
	int status = end_of(think_for_ever, NULL);

	assert_true(WIFSIGNALED(status));
	assert_true(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGXCPU);
}

TEST_CHILD(limits_that_are_lower_stay)
{
	struct rlimit r = { 7, 7 };

	must(setrlimit(RLIMIT_NOFILE, &r) == 0, 1);
	cage();
	must(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max == 7, 2);
}

/* The middle one ends while the last one sleeps: the pipe that both hold is closed soon. */
TEST(dies_with_its_parent)
{
	struct pollfd p;
	int fds[2];
	pid_t pid;
	char c;

	pid = fork_with_pipe(fds);
	if (pid == 0) {
		must(dup2(fds[1], 5) == 5, 1);
		if (fork() == 0) {
			cage();
			must(write(5, "x", 1) == 1, 1);
			for (;;)
				pause();
		}
		for (;;)
			pause();
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	p = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	assert_int_equal(poll(&p, 1, TEST_LONG_MS), 1);
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
}

/* ---------------------------------------------------------------- system calls */

static void filtered(void)
{
	cage();
	must(cage_filter(rules, KB_ARRAY_LEN(rules)) == KB_OK, 102);
}

static void call(const void *arg)
{
	const long *c = arg;

	filtered();
	syscall(c[0], c[1], c[2], c[3], c[4], c[5], c[6]);
}

#define ROW(call) { call },
TEST(what_no_rule_allows_kills)
{
	static const long calls[][7] = {
		{ SYS_getpid },
		{ SYS_clone, SIGCHLD },
		{ SYS_execve },
		{ SYS_socket, AF_INET, SOCK_STREAM },
		{ SYS_kill, 0, 0 },
		{ SYS_ptrace },
		{ SYS_mount },
		{ SYS_unshare, CLONE_NEWUSER },
		{ SYS_setresuid },
		{ SYS_prctl, PR_SET_DUMPABLE, 1 },
		{ SYS_ioctl, 0 },
		{ SYS_openat2 },
		{ SYS_nanosleep },
		{ SYS_write, 5 },
		{ SYS_write, 0 },
		{ SYS_mprotect, 0, 0, PROT_READ | PROT_EXEC },
		CAGE_X32(ROW, SYS_exit_group){ -1 },
	};

	for (size_t i = 0; i < KB_ARRAY_LEN(calls); i++) {
		int status = end_of(call, calls[i]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("call %ld: status %#x", calls[i][0], (unsigned)status);
	}
}

TEST_CHILD(what_a_rule_allows_goes)
{
	filtered();
	must(syscall(SYS_getppid) >= 0, 1);
	must(syscall(SYS_write, 1, "", 0) == 0, 2);
	must(syscall(SYS_write, 2, "", 0) == 0, 3);
	must(syscall(SYS_mprotect, NULL, 0, PROT_READ | PROT_WRITE) == 0, 4);
	must(syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY) == -1 && errno == ENOENT, 5);
	must(syscall(SYS_uname, NULL) == -1 && errno == EFAULT, 6);
}

/* As a kernel that lacks what PR_SET_SECCOMP wants: it says so with this errno. */
static void without_filters(const void *arg)
{
	cage();
	must(refuse_call(SYS_prctl, PR_SET_SECCOMP, *(const int *)arg), 1);
	_exit(cage_filter(rules, KB_ARRAY_LEN(rules)) == KB_ENOENT ? 40 : 50);
}

TEST(a_kernel_without_filters_is_told_from_one_that_refuses)
{
	static const int none = EINVAL, denied = EACCES;

	assert_int_equal(WEXITSTATUS(end_of(without_filters, &none)), 40);
	assert_int_equal(WEXITSTATUS(end_of(without_filters, &denied)), 50);
}

TEST(more_rules_than_fit_are_refused)
{
	FAILS(cage_filter(rules, CAGE_RULES_MAX + 1), KB_EPERM);
}

TEST_MAIN("cage", .quiet = true)
