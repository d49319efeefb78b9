/* SPDX-License-Identifier: Apache-2.0 */
/* Real children: started, awaited, bounded, killed; and as process 1 of a namespace of its own. */
#include "lib/os.h"
#include "tests/unit/child.h"
#include "tests/unit/raw.h"

#include <sys/mount.h>

/* Runs a shell line; what it says comes back. */
static pid_t start(const char *script, int *out, bool capture, unsigned cpu_s)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct os_spawn sp = {
		.path = "/bin/sh", .argv = argv, .capture = capture, .cpu_s = cpu_s
	};
	pid_t pid;

	*out = spawn_with_pipe(&sp, &pid);
	return pid;
}

static void read_all(int fd, char *buf, size_t size)
{
	buf[read_to_end(fd, buf, size - 1, TEST_LONG_MS)] = '\0';
}

TEST(a_child_says_something_on_descriptor_3_and_ends)
{
	char buf[64];
	int fd, status;
	pid_t pid = start("echo hello >&3; exit 7", &fd, false, 0);

	read_all(fd, buf, sizeof(buf));
	assert_string_equal(buf, "hello\n");
	OK(os_wait(pid, TEST_LONG_MS, &status));
	EQUAL((WIFEXITED(status), true), (WEXITSTATUS(status), 7));
	FAILS(os_wait(pid, 0, &status), KB_ECHILD);
	os_close(&fd);
}

TEST(captured_output_comes_from_both_streams)
{
	char buf[64];
	int fd, status;
	pid_t pid = start("echo out; echo err >&2; (echo no >&3) 2>/dev/null || echo closed", &fd,
			  true, 0);

	read_all(fd, buf, sizeof(buf));
	assert_string_equal(buf, "out\nerr\nclosed\n");
	OK(os_wait(pid, TEST_LONG_MS, &status));
	os_close(&fd);
}

TEST(a_guest_writes_no_large_file_and_is_killed_first)
{
	const char *const argv[] = { "sh", "-c", "ulimit -f; cat /proc/self/oom_score_adj", NULL };
	struct os_spawn sp = { .path = "/bin/sh", .argv = argv, .capture = true, .guest = true };
	char buf[64], *end;
	int fd, status;
	pid_t pid;

	fd = spawn_with_pipe(&sp, &pid);
	read_all(fd, buf, sizeof(buf));
	/* In blocks of 512 or of 1024 bytes, as the shell likes. */
	assert_true(strtol(buf, &end, 10) == OS_SPAWN_FILE_MAX / 512 ||
		    strtol(buf, &end, 10) == OS_SPAWN_FILE_MAX / 1024);
	assert_string_equal(end, "\n1000\n");
	OK(os_wait(pid, TEST_LONG_MS, &status));
	os_close(&fd);
}

/* What it says on a terminal of its own, up to its end. */
static void read_terminal(int fd, char *buf, size_t size)
{
	size_t used = 0;
	ssize_t n;

	/* EIO: nobody has the other side open any more. */
	while (used + 1 < size && (n = read(fd, buf + used, size - 1 - used)) > 0)
		used += (size_t)n;
	buf[used] = '\0';
}

TEST(a_child_with_a_terminal_has_it_for_itself)
{
	const char *const argv[] = {
		"sh", "-c",
		"read x; echo got $x >/dev/tty; [ -t 0 ] && [ -t 2 ] && echo t; "
		"for n in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && echo fd$n; done",
		NULL
	};
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status;
	struct os_spawn sp = { .path = "/bin/sh", .argv = argv, .fd3 = -1 };
	char buf[256];
	pid_t pid;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	sp.tty = ptsname(master);
	OK(os_spawn(&sp, &pid));
	assert_int_equal(write(master, "hello\n", 6), 6);
	read_terminal(master, buf, sizeof(buf));
	assert_non_null(strstr(buf, "got hello\r\nt\r\n"));
	assert_null(strstr(buf, "fd"));
	OK(os_wait(pid, TEST_LONG_MS, &status));
	close(master);
	sp.tty = "/dev/no-such-terminal";
	FAILS(os_spawn(&sp, &pid), KB_EEXEC);
	assert_int_equal(errno, ENOENT);
}

TEST(a_child_starts_clean)
{
	char buf[512];
	int fd, status, leak = dup(1), high = fcntl(1, F_DUPFD, 9);
	pid_t pid;

	setenv("SECRET", "x", 1);
	signal(SIGPIPE, SIG_IGN);
	pid = start("pwd; env | grep -v -e ^PWD -e ^SHLVL -e ^_; "
		    "for n in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && printf \"fd$n \"; "
		    "done; echo; "
		    "[ $(ps -o sid= -p $$ 2>/dev/null || echo $$) -eq $$ ] && echo leader; "
		    "grep SigIgn /proc/$$/status; readlink /proc/$$/fd/0; ulimit -c",
		    &fd, true, 0);
	read_all(fd, buf, sizeof(buf));
	OK(os_wait(pid, TEST_LONG_MS, &status));
	assert_non_null(strstr(buf, "/\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n"));
	assert_null(strstr(buf, "SECRET"));
	assert_non_null(strstr(buf, "leader"));
	assert_non_null(strstr(buf, "fd0 fd1 fd2 \n"));
	assert_non_null(strstr(buf, "SigIgn:\t0000000000000000"));
	assert_non_null(strstr(buf, "/dev/null\n0\n"));
	signal(SIGPIPE, SIG_DFL);
	os_close(&fd);
	os_close(&leak);
	os_close(&high);
}

/* Else a child that hangs would hold what it writes to beyond the death of who waits for it. */
TEST(a_child_ends_with_its_parent)
{
	char buf[8];
	int fds[2];
	pid_t parent = fork_with_pipe(fds);
	bool ready;

	if (parent == 0) {
		const char *const argv[] = { "sleep", "100", NULL };
		struct os_spawn sp = { .path = "/bin/sleep", .argv = argv, .fd3 = fds[1] };
		pid_t pid;

		_exit(os_spawn(&sp, &pid) == KB_OK ? 0 : 1);
	}
	assert_int_equal(test_exit_code(parent), 0);
	/* The child has the pipe: its end is the end of the pipe. */
	OK(os_poll(&fds[0], &ready, 1, TEST_LONG_MS));
	assert_int_equal(read(fds[0], buf, sizeof(buf)), 0);
	close(fds[0]);
}

TEST(a_program_that_is_not_there_is_told_at_once)
{
	const char *const argv[] = { "none", NULL };
	struct os_spawn sp = { .path = "/nonexistent/none", .argv = argv, .fd3 = -1 };
	pid_t pid;

	FAILS(os_spawn(&sp, &pid), KB_EEXEC);
	EQUAL((errno, ENOENT), (pid, -1));
	sp.path = "/etc/passwd";
	FAILS(os_spawn(&sp, &pid), KB_EEXEC);
	assert_int_equal(errno, EACCES);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
}

/* A program that somebody has a lease on is not opened until that one gives way: 45 s. */
static int leased_program(char *path, size_t size)
{
	int fd;

	snprintf(path, size, "/tmp/keelboot-leased-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	assert_int_equal(fchmod(fd, 0700), 0);
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	signal(SIGIO, SIG_IGN); /* that somebody waits */
	if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0)
		return fd;
	close(fd);
	unlink(path);
	print_message("no leases here: %s\n", strerror(errno));
	skip();
	return -1;
}

static int asked_ms = -1; /* of poll(), which then waits for a hundredth of it; -1: of a real one */

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	if (asked_ms < 0)
		return raw_poll(fds, n, timeout * 1000ll);
	asked_ms = timeout;
	return raw_poll(fds, n, timeout * 10ll);
}

TEST(a_program_that_does_not_start_in_time_is_given_up)
{
	char path[64];
	int lease = leased_program(path, sizeof(path));
	const char *const argv[] = { "late", NULL };
	struct os_spawn sp = { .path = path, .argv = argv, .fd3 = -1 };
	pid_t pid;

	asked_ms = 0;
	FAILS(os_spawn(&sp, &pid), KB_EEXEC);
	EQUAL((errno, ETIMEDOUT), (pid, -1));
	assert_in_range(asked_ms, 9999, 10000);
	asked_ms = 0;
	FAILS(os_detach(path, argv, NULL, 0, &pid), KB_EEXEC);
	EQUAL((errno, ETIMEDOUT), (pid, -1));
	assert_in_range(asked_ms, 9999, 10000);
	asked_ms = -1;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
	close(lease);
	unlink(path);
	signal(SIGIO, SIG_DFL);
}

TEST(waiting_is_bounded_and_killing_reaches_the_session)
{
	char buf[64];
	int fd, status;
	uint64_t began = os_now_ms();
	/* A child in a process group of its own, which holds the pipe. */
	pid_t pid = start("exec bash -c 'set -m; sleep 100 & echo $! >&3; wait'", &fd, false, 0);
	pid_t grandchild;
	bool ready;
	size_t len;

	FAILS(os_wait(pid, 50, &status), KB_ETIMEDOUT);
	assert_in_range(os_now_ms() - began, 49, 90000);
	OK(os_poll(&fd, &ready, 1, TEST_LONG_MS));
	OK(os_read(fd, buf, sizeof(buf) - 1, &len));
	buf[len] = '\0';
	grandchild = atoi(buf);
	assert_true(grandchild > 1);
	assert_int_equal(kill(grandchild, 0), 0);
	assert_int_equal(getpgid(grandchild), grandchild);
	OK(os_kill(pid));
	read_all(fd, buf, sizeof(buf)); /* ends only when nobody has the pipe any more */
	FAILS(os_wait(pid, 0, &status), KB_ECHILD);
	os_close(&fd);
}

TEST(processor_time_is_limited)
{
	int fd, status;
	pid_t pid = start("while :; do :; done", &fd, false, 1);

	OK(os_wait(pid, 300000, &status));
	assert_true(WIFSIGNALED(status));
	os_close(&fd);
}

TEST(too_many_children_are_refused)
{
	int fd[64], status;
	pid_t pid[64];
	const char *const argv[] = { "true", NULL };
	struct os_spawn sp = { .path = "/bin/true", .argv = argv, .fd3 = -1 };
	unsigned n;

	for (n = 0; n < 64; n++) {
		if (n < 32)
			pid[n] = start("exit 3", &fd[n], false, 0);
		else
			break;
	}
	FAILS(os_spawn(&sp, &pid[n]), KB_EBUSY);
	for (unsigned i = 0; i < n; i++) {
		OK(os_wait(pid[i], TEST_LONG_MS, &status));
		assert_int_equal(WEXITSTATUS(status), 3);
		os_close(&fd[i]);
	}
	OK(os_spawn(&sp, &pid[0]));
	OK(os_wait(pid[0], TEST_LONG_MS, &status));
}

/* One that the kernel holds forever, say: what it leaves is a zombie, here, and no child of ours.
 */
TEST(a_child_that_is_forgotten_takes_no_place)
{
	const char *const argv[] = { "true", NULL };
	struct os_spawn sp = { .path = "/bin/true", .argv = argv, .fd3 = -1 };
	int status;
	pid_t pid;

	for (unsigned n = 0; n < 64; n++) {
		OK(os_spawn(&sp, &pid));
		os_forget(pid);
		FAILS(os_wait(pid, TEST_LONG_MS, &status), KB_ECHILD);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	os_forget(pid);
	os_forget(-1);
}

/* As process 1 of a new namespace. Exit 0, or the number of the step that went wrong. */
static int as_init(bool own_mounts)
{
	const char *const argv[] = { "sh", "-c", "(sleep 0.05; exit 1) & exit 5", NULL };
	const char *const argv2[] = { "sh", "-c", "sleep 0.2; exit 6", NULL };
	const char *const argv3[] = { "sh", "-c", "readlink /proc/self/ns/mnt >&3", NULL };
	struct os_spawn sp = { .path = "/bin/sh", .argv = argv, .fd3 = -1 };
	struct os_spawn sp2 = { .path = "/bin/sh", .argv = argv2, .fd3 = -1 };
	struct os_spawn sp3 = { .path = "/bin/sh", .argv = argv3, .own_mounts = true };
	char mine[64] = "", theirs[64];
	int status, fds[2];
	siginfo_t ended;
	pid_t a, b;

	if (!os_is_init())
		return 1;
	if (os_spawn(&sp, &a) != KB_OK || os_spawn(&sp2, &b) != KB_OK)
		return 2;
	if (waitid(P_PID, (id_t)a, &ended, WEXITED | WNOWAIT) != 0)
		return 11;
	/* The status of one may be taken while the other is awaited. */
	if (os_wait(b, TEST_LONG_MS, &status) != KB_OK || WEXITSTATUS(status) != 6)
		return 3;
	if (os_wait(a, 0, &status) != KB_OK || WEXITSTATUS(status) != 5)
		return 4;
	/* The strangers that each of them leaves are reaped on the way, once they have ended. */
	if (os_spawn(&sp, &a) != KB_OK || os_wait(a, TEST_LONG_MS, &status) != KB_OK)
		return 5;
	for (int i = 0; i < 4 && waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT) == 0; i++) {
		if (os_spawn(&sp2, &a) != KB_OK || os_wait(a, TEST_LONG_MS, &status) != KB_OK)
			return 6;
	}
	if (waitpid(-1, &status, WNOHANG) != -1 || errno != ECHILD)
		return 7;
	if (os_pipe(fds) != KB_OK)
		return 8;
	sp3.fd3 = fds[1];
	if (!own_mounts || readlink("/proc/self/ns/mnt", mine, sizeof(mine) - 1) < 0)
		return 0; /* no /proc of this namespace: nothing to compare */
	if (os_spawn(&sp3, &a) != KB_OK)
		return 9;
	os_close(&fds[1]);
	read_all(fds[0], theirs, sizeof(theirs));
	if (os_wait(a, TEST_LONG_MS, &status) != KB_OK || theirs[0] == '\0' ||
	    strncmp(mine, theirs, strlen(mine)) == 0)
		return 10;
	return 0;
}

TEST(process_1_reaps_strangers_and_keeps_its_own)
{
	int code;
	pid_t pid = fork();

	if (pid == 0) {
		pid_t inner;

		/* Root has a namespace for the asking; others by way of one for users. */
		if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 &&
		    unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) < 0)
			_exit(77);
		inner = fork();
		if (inner == 0) {
			/* Fails in a chroot whose root is no mount: no own mounts there. */
			bool rooted = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;

			mount("proc", "/proc", "proc", 0, NULL);
			_exit(as_init(rooted));
		}
		waitpid(inner, &code, 0);
		_exit(WIFEXITED(code) ? WEXITSTATUS(code) : 99);
	}
	code = test_exit_code(pid);
	if (code == 77) {
		print_message("no namespaces here: not tried as process 1\n");
		skip();
	}
	assert_int_equal(code, 0);
}

TEST_MAIN("os_proc")
