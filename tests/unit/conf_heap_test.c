/* SPDX-License-Identifier: Apache-2.0 */
/* Process 1 reads system.conf by inih, which could allocate, and does not. */
#include "lib/conf_keys.h"
#include "tests/unit/test.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

static struct conf c;
static char text[64 * 1024];
static unsigned warnings;

static void count_warning(void *ctx, const char *file, int line, const char *said)
{
	warnings++;
}

/* Every key, with a value that is taken, and a line that is too long, one without a key and one
 * that nobody knows. */
static void write_whole_file(void)
{
	const char *section = "";
	size_t n = 0;

	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		if (strcmp(section, key->section) != 0)
			n += snprintf(text + n, sizeof(text) - n, "\n[%s]\n", key->section);
		section = key->section;
		n += snprintf(text + n, sizeof(text) - n, "%s = %s\n", key->key, key->def);
	}
	n += snprintf(text + n, sizeof(text) - n,
		      "[slot.a]\nroot = partlabel:a\nunknown = 1\n= 1\n");
	snprintf(text + n, sizeof(text) - n, "root = %5000d\n[no end\nroot = 1\n", 1);
}

static void parse(void)
{
	conf_parse(&c, text, "system.conf", count_warning, NULL);
}

static void allocate(void)
{
	void *volatile p = malloc(8);

	free(p);
}

struct job {
	void (*body)(void);
	bool allocated;
};

/* A thread's first allocation takes memory for the thread's own cache, which stays when the block
 * is freed. */
static void *watch_heap(void *arg)
{
	struct job *job = arg;
	struct mallinfo2 before = mallinfo2(), after;

	job->body();
	after = mallinfo2();
	job->allocated = after.uordblks != before.uordblks || after.hblkhd != before.hblkhd;
	return NULL;
}

static bool allocates(void (*body)(void))
{
	struct job job = { .body = body };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, watch_heap, &job), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return job.allocated;
}

/* The sanitizers have a heap of their own, which counts nothing. */
static bool is_sanitized(void)
{
	return dlsym(RTLD_DEFAULT, "__asan_init") != NULL;
}

TEST(a_whole_file_is_read_without_the_heap)
{
	write_whole_file();
	conf_defaults(&c);
	assert_true(allocates(allocate) || is_sanitized());
	assert_false(allocates(parse));
	assert_true(warnings > 0);
	EQUAL((c.nslots, 2), (c.tries, 3));
}

TEST_MAIN("conf_heap")
