/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real ends of the two seams when the kernel fails: each call that they make fails once, with
 * each error, or does only half. What comes of it is the error, or all of the effect; never half an
 * effect that is called a success, a descriptor that stays open, or an endless loop.
 */
#include "lib/bdev.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/os_worker.h"
#include "tests/unit/raw.h"
#include "tests/unit/syscall.h"

#include <sys/socket.h>
#include <sys/file.h>

#define CALLS_MAX 5000

/* ---------------------------------------------------------------- calls that fail */

static struct {
	bool on;
	unsigned calls, nth;
	int errnum; /* 0: only half of it is done, where there are halves */
	bool fired;
	char call[16];
	long pid; /* of this process */
	bool in_child;
} fault;

/* True: this call fails, and errno is set. */
static bool fails(const char *call)
{
	if (!fault.on || (syscall(SYS_getpid) != fault.pid) != fault.in_child)
		return false;
	if (++fault.calls > CALLS_MAX) {
		fprintf(stderr, "%s is called forever\n", call);
		abort();
	}
	if (fault.calls != fault.nth)
		return false;
	fault.fired = true;
	snprintf(fault.call, sizeof(fault.call), "%s", call);
	errno = fault.errnum;
	return fault.errnum != 0;
}

static size_t half(size_t len)
{
	return fault.on && fault.calls == fault.nth && fault.errnum == 0 && len > 1 ? len / 2 : len;
}

#define DO(name, type, ...) (fails(#name) ? -1 : (type)syscall(SYS_##name, __VA_ARGS__))

/* In front of the C library's. */
#define SHIM(head, ...)             \
	head                        \
	{                           \
		return __VA_ARGS__; \
	}

SHIM(ssize_t read(int fd, void *buf, size_t len),
     fails("read") ? -1 : syscall(SYS_read, fd, buf, half(len)))

ssize_t __read_chk(int fd, void *buf, size_t len, size_t size);
SHIM(ssize_t __read_chk(int fd, void *buf, size_t len, size_t size),
     read(fd, buf, len < size ? len : size))
SHIM(ssize_t write(int fd, const void *buf, size_t len),
     fails("write") ? -1 : syscall(SYS_write, fd, buf, half(len)))
SHIM(ssize_t pread64(int fd, void *buf, size_t len, off64_t off),
     fails("pread") ? -1 : raw_pread(fd, buf, half(len), off))
SHIM(ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t off),
     fails("pwrite") ? -1 : raw_pwrite(fd, buf, half(len), off))
SHIM(int fsync(int fd), DO(fsync, int, fd))

/* The mode counts only where a file is made. */
#define SHIM_OPEN(head, at, name)                                  \
	head                                                       \
	{                                                          \
		va_list ap;                                        \
		unsigned mode;                                     \
                                                                   \
		va_start(ap, flags);                               \
		mode = flags & O_CREAT ? va_arg(ap, unsigned) : 0; \
		va_end(ap);                                        \
		return DO(openat, int, at, name, flags, mode);     \
	}

SHIM_OPEN(int open64(const char *path, int flags, ...), AT_FDCWD, path)
int __open64_2(const char *path, int flags);
SHIM(int __open64_2(const char *path, int flags), open64(path, flags))
SHIM_OPEN(int openat64(int at, const char *name, int flags, ...), at, name)
int __openat64_2(int at, const char *name, int flags);
SHIM(int __openat64_2(int at, const char *name, int flags), openat64(at, name, flags))
SHIM(int fallocate64(int fd, int mode, off64_t off, off64_t len),
     fails("fallocate") ? -1 : TEST_REAL(fallocate64)(fd, mode, off, len))
SHIM(int mkdirat(int at, const char *name, mode_t mode), DO(mkdirat, int, at, name, mode))
SHIM(int renameat(int from_at, const char *from, int to_at, const char *to),
     fails("renameat") ? -1 : renameat2(from_at, from, to_at, to, 0))
SHIM(int unlinkat(int at, const char *name, int flags), DO(unlinkat, int, at, name, flags))
SHIM(int pipe2(int fds[2], int flags), DO(pipe2, int, fds, flags))
SHIM(int mkdir(const char *path, mode_t mode), DO(mkdirat, int, AT_FDCWD, path, mode))
SHIM(int unlink(const char *path), DO(unlinkat, int, AT_FDCWD, path, 0))
SHIM(ssize_t readlink(const char *path, char *buf, size_t size),
     DO(readlinkat, ssize_t, AT_FDCWD, path, buf, size))

int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return fails("fcntl") ? -1 : raw_fcntl(fd, cmd, arg);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return fails("ppoll") ? -1 : raw_poll(fds, n, timeout * 1000ll);
}

int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
SHIM(int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size), poll(fds, n, timeout))
SHIM(pid_t waitpid(pid_t pid, int *status, int options),
     fails("waitpid") ? -1 : (pid_t)syscall(SYS_wait4, pid, status, options, NULL))
SHIM(int socket(int domain, int type, int protocol), DO(socket, int, domain, type, protocol))
SHIM(int bind(int fd, const struct sockaddr *addr, socklen_t len), DO(bind, int, fd, addr, len))
SHIM(ssize_t recvmsg(int fd, struct msghdr *msg, int flags), DO(recvmsg, ssize_t, fd, msg, flags))
SHIM(int flock(int fd, int how), DO(flock, int, fd, how))
SHIM(int memfd_create(const char *name, unsigned flags), DO(memfd_create, int, name, flags))
SHIM(int ftruncate64(int fd, off64_t len),
     fails("ftruncate") ? -1 : TEST_REAL(ftruncate64)(fd, len))
SHIM(int socketpair(int domain, int type, int protocol, int fds[2]),
     DO(socketpair, int, domain, type, protocol, fds))
SHIM(int dup2(int from, int to), from == to ? to : DO(dup3, int, from, to, 0))
SHIM(int execve(const char *name, char *const *argv, char *const *envp),
     DO(execve, int, name, argv, envp))
SHIM(ssize_t send(int fd, const void *buf, size_t len, int flags),
     syscall(SYS_sendto, fd, buf, len, flags, NULL, 0))
SHIM(ssize_t recv(int fd, void *buf, size_t len, int flags),
     syscall(SYS_recvfrom, fd, buf, len, flags, NULL, NULL))

/* The worker's own side makes these calls itself. */
static bool syscall_answers(long number, const long arg[6], long *result)
{
	const char *call = number == SYS_sendto	    ? "sendto"
			   : number == SYS_recvfrom ? "recvfrom"
						    : NULL;

	*result = -1;
	return call != NULL && fails(call);
}

/* ---------------------------------------------------------------- what is tried */

#define LEN (3u * BDEV_ALIGN)

static char dir[64], path[128];
static uint8_t data[LEN] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t back[LEN] __attribute__((aligned(BDEV_ALIGN)));

/* Unless something failed before. */
#define THEN(call) err = err == KB_OK ? (call) : err

/* Past the faults. */
static size_t content(const char *name, void *buf, size_t size)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
	long n = fd < 0 ? 0 : syscall(SYS_read, fd, buf, size);

	if (fd >= 0)
		close(fd);
	return n < 0 ? 0 : (size_t)n;
}

static enum kb_err try_write_file(void)
{
	enum kb_err err = os_write_file(path, (const char *)data, LEN);

	if (err == KB_OK) {
		assert_int_equal(content(path, back, LEN), LEN);
		assert_memory_equal(back, data, LEN);
	}
	return err;
}

static enum kb_err try_read_file(void)
{
	char buf[LEN + 1];
	size_t len;
	enum kb_err err = os_read_file(path, buf, sizeof(buf), &len);

	if (err != KB_OK) {
		assert_int_equal(buf[0], 0);
		return err;
	}
	assert_int_equal(len, LEN);
	assert_memory_equal(buf, data, LEN);
	return err;
}

static enum kb_err try_bdev(void)
{
	struct bdev_file f;
	enum kb_err err = bdev_file_open(&f, path, BDEV_FILE_WRITE);

	if (err != KB_OK) {
		assert_int_equal(f.fd, -1);
		return err;
	}
	err = bdev_write(&f.bdev, 0, data, LEN);
	THEN(bdev_flush(&f.bdev));
	THEN(bdev_read(&f.bdev, 0, back, LEN));
	if (err == KB_OK) {
		assert_memory_equal(back, data, LEN);
		assert_int_equal(content(path, back, LEN), LEN);
		assert_memory_equal(back, data, LEN);
	}
	bdev_file_close(&f);
	return err;
}

/* As a bundle is staged. */
static enum kb_err stage_file(int in)
{
	static uint8_t seen[LEN];
	int fd = -1;
	size_t got = 0;
	enum kb_err err = os_file_create(in, "part", &fd);

	THEN(os_file_reserve(fd, LEN));
	THEN(os_file_write(fd, data, LEN));
	THEN(os_file_sync(fd));
	util_close(&fd);
	THEN(os_file_rename(in, "part", "whole"));
	THEN(os_file_sync(in));
	THEN(os_file_open(in, "whole", &fd));
	THEN(os_file_read(fd, 0, seen, LEN, &got));
	util_close(&fd);
	if (err == KB_OK) {
		assert_int_equal(got, LEN);
		assert_memory_equal(seen, data, LEN);
	}
	return err;
}

static enum kb_err try_media_files(void)
{
	int at = -1, lock = -1;
	enum kb_err err = os_file_folder(dir, &at);

	THEN(os_file_mkdir(at, "stage", 0755));
	THEN(os_file_enter(&at, "stage"));
	THEN(os_file_private(at, ".lock", &lock));
	THEN(stage_file(at));
	util_close(&lock);
	util_close(&at);
	fault.on = false;
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unlinkat(at, "stage/part", 0);
	unlinkat(at, "stage/whole", 0);
	unlinkat(at, "stage/.lock", 0);
	unlinkat(at, "stage", AT_REMOVEDIR);
	close(at);
	return err;
}

static enum kb_err try_folders(void)
{
	char sub[160], link[160];
	enum kb_err err;

	snprintf(sub, sizeof(sub), "%s/sub", dir);
	err = os_mkdir(sub, 0755);
	THEN(os_mkdir(sub, 0755));
	THEN(os_readlink("/proc/self/exe", link, sizeof(link)));
	THEN(os_unlink(path));
	if (err == KB_OK)
		assert_false(os_exists(path));
	rmdir(sub);
	return err;
}

static enum kb_err try_pipe(void)
{
	bool ready = false;
	char buf[8];
	size_t len = 0;
	int fds[2];
	enum kb_err err = os_pipe(fds);

	if (err != KB_OK) {
		EQUAL((fds[0], -1), (fds[1], -1));
		return err;
	}
	assert_int_equal(syscall(SYS_write, fds[1], "abcd", 4), 4);
	err = os_poll(fds, &ready, 1, TEST_LONG_MS);
	THEN(os_read(fds[0], buf, 4, &len));
	if (err == KB_OK)
		assert_true(ready && len > 0 && memcmp(buf, "abcd", len) == 0);
	os_close(&fds[0]);
	os_close(&fds[1]);
	return err;
}

/* A child that starts is one that os_wait() knows; one that does not leaves nothing. */
static enum kb_err try_spawn(void)
{
	static const char *const argv[] = { "true", NULL };
	const struct os_spawn sp = { .path = "/bin/true", .argv = argv, .fd3 = -1 };
	int status = -1;
	pid_t pid;
	enum kb_err err = os_spawn(&sp, &pid);

	if (err != KB_OK) {
		assert_int_equal(pid, -1);
		return err;
	}
	err = os_wait(pid, TEST_LONG_MS, &status);
	if (err == KB_OK)
		assert_int_equal(status, 0);
	fault.on = false;
	if (err != KB_OK)
		OK(os_kill(pid));
	return err;
}

static const char question[] = "what is there?", answer[] = "enough of it";

/* This test is its own worker. */
static int be_worker(void)
{
	char asked[sizeof(question)];
	uint8_t *shared;

	if (os_worker_memory(LEN, &shared) != KB_OK ||
	    os_worker_reply(answer, sizeof(answer)) != KB_OK ||
	    os_worker_take(asked, sizeof(asked)) != KB_OK)
		return 1;
	memcpy(shared, asked, sizeof(asked));
	return os_worker_reply(answer, sizeof(answer)) == KB_OK ? 0 : 2;
}

static enum kb_err ask_worker(struct os_worker *w)
{
	char said[sizeof(answer)];
	int status = -1;

	TRY(os_worker_receive(w, said, sizeof(said), 20000));
	TRY(os_worker_send(w, question, sizeof(question)));
	TRY(os_worker_receive(w, said, sizeof(said), 20000));
	assert_memory_equal(said, answer, sizeof(answer));
	assert_memory_equal(w->shared, question, sizeof(question));
	TRY(os_worker_wait(w, 20000, &status));
	assert_int_equal(status, 0);
	return KB_OK;
}

static enum kb_err try_worker(void)
{
	struct os_worker w;
	enum kb_err err = os_worker_start(&w, TEST_SELF, "keelboot-decoder", LEN, 0);

	THEN(ask_worker(&w));
	fault.on = false;
	os_worker_stop(&w);
	assert_int_equal(syscall(SYS_wait4, -1, NULL, WNOHANG, NULL), -1);
	return err;
}

static enum kb_err try_lock(void)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0),
	    other = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	enum kb_err err = os_lock(fd);

	fault.on = false;
	assert_int_equal(syscall(SYS_flock, other, LOCK_EX | LOCK_NB), err == KB_OK ? -1 : 0);
	close(fd);
	close(other);
	return err;
}

static enum kb_err try_uevents(void)
{
	char buf[512];
	size_t len;
	int fd;
	enum kb_err err = os_uevent_open(&fd);

	if (err != KB_OK) {
		assert_int_equal(fd, -1);
		return err;
	}
	err = os_uevent_read(fd, buf, sizeof(buf), &len);
	os_close(&fd);
	return err == KB_EBUSY ? KB_OK : err; /* nothing is plugged in just now */
}

/* ---------------------------------------------------------------- each call of it fails */

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += syscall(SYS_fcntl, fd, F_GETFD, 0) >= 0;
	return n;
}

static void prepare(void)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			      0600);

	assert_int_equal(syscall(SYS_write, fd, data, LEN), LEN);
	close(fd);
}

static enum kb_err run(enum kb_err (*try)(void), unsigned nth, int errnum, bool in_child)
{
	unsigned fds = open_fds();
	enum kb_err err;

	prepare();
	memset(&fault, 0, sizeof(fault));
	fault.pid = syscall(SYS_getpid);
	fault.in_child = in_child;
	fault.nth = nth;
	fault.errnum = errnum;
	fault.on = true;
	err = try();
	fault.on = false;
	if (open_fds() != fds)
		fail_msg("%s, call %u, errno %d: a descriptor stays open", fault.call, nth, errnum);
	return err;
}

/* After a signal, and after half of it, these go on. */
static bool goes_on(const char *call)
{
	static const char *const calls[] = { "read",  "write",	 "pread",  "pwrite",
					     "ppoll", "waitpid", "recvmsg" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(calls); i++) {
		if (strcmp(call, calls[i]) == 0)
			return true;
	}
	return false;
}

static void each_call_fails(enum kb_err (*try)(void))
{
	static const int errors[] = { 0,      EIO,   ENOMEM, EINTR,	EAGAIN,
				      ENOSPC, EPERM, EROFS,  ETIMEDOUT, ENFILE };
	unsigned calls, fired = 0;

	OK(run(try, 0, EIO, false));
	calls = fault.calls;
	assert_true(calls > 0);
	for (unsigned nth = 1; nth <= calls; nth++) {
		for (unsigned i = 0; i < KB_ARRAY_LEN(errors); i++) {
			enum kb_err err = run(try, nth, errors[i], false);

			/* How often a child is asked for depends on how soon it ends. */
			fired += fault.fired;
			if (!fault.fired && err != KB_OK)
				fail_msg("call %u was not made: %s", nth, err_text(err));
			if (errors[i] == 0 || (errors[i] == EINTR && goes_on(fault.call))) {
				if (err != KB_OK)
					fail_msg("call %u, %s, errno %d: %s", nth, fault.call,
						 errors[i], err_text(err));
			}
		}
	}
	assert_true(2 * fired > calls * KB_ARRAY_LEN(errors));
}

TEST(a_file_is_written_whole_or_it_is_an_error)
{
	each_call_fails(try_write_file);
}

TEST(a_file_is_read_whole_or_it_is_an_error)
{
	each_call_fails(try_read_file);
}

TEST(a_device_is_written_and_read_whole_or_it_is_an_error)
{
	each_call_fails(try_bdev);
}

TEST(a_file_on_a_medium_is_whole_or_it_is_an_error)
{
	each_call_fails(try_media_files);
}

TEST(folders_and_links)
{
	each_call_fails(try_folders);
}

TEST(a_pipe_is_made_whole_and_read)
{
	each_call_fails(try_pipe);
}

TEST(a_child_is_known_or_was_never_there)
{
	each_call_fails(try_spawn);
}

/* Between fork and exec: a program that was not started is not said to run. */
TEST(a_child_that_fails_before_its_program_says_so)
{
	static const int errors[] = { EIO, EMFILE, EINTR, EAGAIN };
	unsigned failed = 0;

	for (unsigned nth = 1; nth <= 24; nth++) {
		for (unsigned i = 0; i < KB_ARRAY_LEN(errors); i++)
			failed += run(try_spawn, nth, errors[i], true) != KB_OK;
	}
	assert_true(failed > 0);
}

TEST(a_worker_answers_or_is_gone)
{
	each_call_fails(try_worker);
}

TEST(a_worker_that_fails_before_its_program_is_an_error)
{
	static const int errors[] = { EIO, EMFILE, ENOENT };

	for (unsigned nth = 1; nth <= 7; nth++) {
		for (unsigned i = 0; i < KB_ARRAY_LEN(errors); i++)
			assert_int_not_equal(run(try_worker, nth, errors[i], true), KB_OK);
	}
	FAILS(run(try_worker, 7, ENOENT, true), KB_EEXEC); /* the program itself */
}

TEST(a_lock_is_held_or_it_is_an_error)
{
	each_call_fails(try_lock);
}

TEST(uevents_are_heard_or_it_is_said)
{
	each_call_fails(try_uevents);
}

static void make_dir(void)
{
	for (unsigned i = 0; i < LEN; i++)
		data[i] = (uint8_t)(i * 7 + i / 256 + 1);
	snprintf(dir, sizeof(dir), "/tmp/keelboot-errors-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
}

static void remove_dir(void)
{
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

TEST_MAIN("os_errors", .first = make_dir, .last = remove_dir, .decoder = be_worker)
