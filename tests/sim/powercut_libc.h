/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's calls that keelboot-apply and the command make past the two seams, in front of
 * the C library: only for the one program that is made for it. Threads are coroutines: the thread
 * that reads back runs when somebody waits for it, so that each run goes the same way; that what it
 * flushes is flushed late leaves more images, never fewer.
 */
#pragma once

#include "lib/conf.h"
#include "tests/sim/powercut_child.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* In place of the one in lib/, which reads the files of the machine that runs the test. */
void conf_load(struct conf *c, const char *root, bool *found, conf_warn_fn warn, void *ctx)
{
	(void)root;
	conf_defaults(c);
	conf_parse(c, powercut_world_conf(), "system.conf", warn, ctx);
	*found = true;
}

int open64(const char *path, int flags, ...);
int open64(const char *path, int flags, ...)
{
	int fd = powercut_child_open(path, flags);
	unsigned mode = 0;
	va_list ap;

	if (fd != -2)
		return fd;
	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, unsigned);
	va_end(ap);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* The checked variant of a compiler that knows the arguments. */
int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t off);
ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t off)
{
	if (powercut_child_pwrite(fd, buf, len, off))
		return syscall(SYS_pwrite64, fd, buf, len, off);
	errno = EIO;
	return -1;
}

int fsync(int fd)
{
	if (powercut_child_fsync(fd))
		return 0;
	errno = EIO;
	return -1;
}

int unlink(const char *path)
{
	return powercut_child_unlink(path) ? 0 : (int)syscall(SYS_unlink, path);
}

/* Mounts and folders are the simulation's; time stands still. */
int unshare(int flags);
int unshare(int flags)
{
	(void)flags;
	return 0;
}

int rmdir(const char *path)
{
	(void)path;
	return 0;
}

time_t time(time_t *t)
{
	if (t != NULL)
		*t = 1700000000;
	return 1700000000;
}

/* ---------------------------------------------------------------- threads */

static struct {
	ucontext_t here, there;
	void *(*fn)(void *arg);
	void *arg;
	bool inside, ended;
	char stack[256u << 10];
} thread;

static void thread_start(void)
{
	thread.fn(thread.arg);
	thread.ended = true;
}

int pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *arg), void *arg)
{
	(void)attr;
	*id = pthread_self();
	thread.fn = fn;
	thread.arg = arg;
	thread.ended = thread.inside = false;
	getcontext(&thread.there);
	thread.there.uc_stack.ss_sp = thread.stack;
	thread.there.uc_stack.ss_size = sizeof(thread.stack);
	thread.there.uc_link = &thread.here;
	makecontext(&thread.there, thread_start, 0);
	return 0;
}

/* To the other of the two. */
static void thread_switch(pthread_mutex_t *m)
{
	bool was = thread.inside;

	pthread_mutex_unlock(m);
	thread.inside = !was;
	if (was)
		swapcontext(&thread.there, &thread.here);
	else if (!thread.ended)
		swapcontext(&thread.here, &thread.there);
	thread.inside = was;
	pthread_mutex_lock(m);
}

int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	(void)c;
	thread_switch(m);
	return 0;
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *t)
{
	(void)c;
	(void)t;
	thread_switch(m);
	return 0;
}

int pthread_join(pthread_t id, void **result)
{
	(void)id;
	(void)result;
	thread.inside = true;
	if (!thread.ended)
		swapcontext(&thread.here, &thread.there);
	thread.inside = false;
	return 0;
}
