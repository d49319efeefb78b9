/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's calls for threads, in front of the C library: only for the one program that is
 * made for it. Threads are coroutines: the thread that reads back runs when somebody waits for it,
 * so that each run goes the same way; that what it flushes is flushed late leaves more images,
 * never fewer.
 */
#pragma once

#include "lib/conf.h"
#include "tests/sim/powercut_child.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>

/* In place of the one in lib/, which reads the files of the machine that runs the test. */
void conf_load(struct conf *c, const char *root, bool *found, conf_warn_fn warn, void *ctx)
{
	(void)root;
	conf_defaults(c);
	conf_parse(c, powercut_world_conf(), "system.conf", warn, ctx);
	*found = true;
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
