/* SPDX-License-Identifier: Apache-2.0 */
/* The program of `make powercut`. */
#include "tests/sim/powercut.h"

#include "tests/sim/os_sim.h"
#include "update/decoder/decoder_limits.h"
#include "update/decoder/decoder_main.h"

#include <pthread.h>
#include <time.h>
#include <ucontext.h>

/* ---------------------------------------------------------------- in place of what ships */

/*
 * The C library's calls for threads, in front of the C library. Threads are coroutines: the thread
 * that reads back runs when somebody waits for it, so that each run goes the same way; that what it
 * flushes is flushed late leaves more images, never fewer.
 */
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

/* The decoder's cage would be that of the simulation. */
enum kb_err decoder_limits_privileges(void)
{
	return KB_OK;
}

enum kb_err decoder_limits_syscalls(void)
{
	return KB_OK;
}

/* ---------------------------------------------------------------- what is told */

/* What `make powercut` is for: a story that is lost, or a geometry that shrinks, is noticed. */
#define LEAST_CUT_POINTS 200000u
#define LEAST_IMAGES	 2000000u

static const unsigned apart[] = { 20, 100, POWERCUT_APART_MAX }; /* images that are played apart */

static const char *size_name = "small";
static uint64_t w, c, limit, apart_most = UINT64_MAX, seed = 1;

static const struct report_option options[] = {
	{ "--size", .text = &size_name }, { "--w", .number = &w },
	{ "--c", .number = &c },	  { "--limit", .number = &limit },
	{ "--seed", .number = &seed },	  { "--apart", .number = &apart_most },
	{ NULL, .flag = NULL },
};

static enum powercut_size size(void)
{
	return size_name[0] == 'l'   ? POWERCUT_LONG
	       : size_name[0] == 'm' ? POWERCUT_MIDDLE
				     : POWERCUT_SMALL;
}

static const struct powercut_story *get(unsigned i)
{
	static struct powercut_story s;

	if (powercut_story_get(i, size(), &s) == NULL)
		return NULL;
	s.w = w != 0 ? (unsigned)w : s.w;
	s.c = c != 0 ? (unsigned)c : s.c;
	return &s;
}

static const char *story(unsigned i)
{
	return get(i) != NULL ? get(i)->name : NULL;
}

static bool common(unsigned i)
{
	return size() != POWERCUT_SMALL || !get(i)->heavy;
}

static void run(unsigned i, struct report_line *l)
{
	static struct powercut_walk walk;
	const struct powercut_story *s = get(i);

	powercut_walk_begin(&walk, s);
	walk.limit = limit != 0 ? limit : s->limit;
	walk.apart.most = apart_most < POWERCUT_APART_MAX ? (unsigned)apart_most : apart[size()];
	walk.apart.seed = walk.apart.random = seed;
	powercut_walk_run(&walk);
	powercut_report_take(l, &walk);
	powercut_child_end();
}

static bool replay(unsigned i, const char *way)
{
	return powercut_report_replay(get(i), way);
}

static void end(const struct report_line *all, unsigned *passed, unsigned *failed)
{
	uint64_t cut_points = all->number[POWERCUT_REPORT_CUT_POINTS];
	uint64_t raw = all->number[POWERCUT_REPORT_RAW];

	printf("w: sectors that differ in a block; c: blocks behind the head; boots: the most that "
	       "it takes\nto come to rest, left alone; cuts, fixpoint: any number of them, one "
	       "after the other.\n");
	if (size() == POWERCUT_SMALL || report_asked.story != NULL || limit + w + c > 0 ||
	    (cut_points >= LEAST_CUT_POINTS && raw >= LEAST_IMAGES))
		return;
	printf("all stories: %" PRIu64 " cut points and %" PRIu64
	       " raw images; there have to be %u and %u\n",
	       cut_points, raw, LEAST_CUT_POINTS, LEAST_IMAGES);
	(void)passed;
	*failed += 1;
}

int main(int argc, char **argv)
{
	static const struct report r = {
		.name = "powercut",
		.usage = " [--size small|middle|long] [--w N] [--c N]\n"
			 "       [--limit IMAGES] [--apart IMAGES] [--seed N]",
		.options = options,
		.columns = powercut_report_columns,
		.story = story,
		.common = common,
		.run = run,
		.replay = replay,
		.end = end,
	};

	os_sim_worker(decoder_main);
	return report_main(&r, argc, argv);
}
