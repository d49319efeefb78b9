/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lib/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

/*
 * No parser gets an input of more than some 100 KiB, for which it takes milliseconds. This is the
 * processor's time, so that a busy machine does not matter.
 */
#define CPU_SECONDS 5

static int log_fd = -1;
static volatile sig_atomic_t running;

_Noreturn void fuzz_fail(const char *file, int line, const char *cond)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, cond);
	abort();
}

static void too_long(int sig)
{
	static const char text[] = "fuzz: the input takes too long\n";

	(void)sig;
	if (!running)
		return;
	if (write(2, text, sizeof(text) - 1) < 0)
		_exit(1);
	abort();
}

/* Lines go to a file in memory, which is looked at after each input: text of a stranger that would
 * reach a terminal as it is, is a failure. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	signal(SIGVTALRM, too_long);
	log_fd = memfd_create("log", MFD_CLOEXEC);
	FUZZ_CHECK(log_fd >= 0);
	log_to(log_fd, 0);
	log_set_level(LOG_LEVEL_DEBUG);
	return 0;
}

static void check_log(void)
{
	static char text[1 << 16];
	off_t end = lseek(log_fd, 0, SEEK_CUR);
	ssize_t n;

	if (end <= 0)
		return;
	n = pread(log_fd, text, sizeof(text), 0);
	for (ssize_t i = 0; i < n; i++)
		FUZZ_CHECK((text[i] >= ' ' && text[i] <= '~') || text[i] == '\n');
	FUZZ_CHECK(ftruncate(log_fd, 0) == 0 && lseek(log_fd, 0, SEEK_SET) == 0);
}

static void watch(bool on)
{
	const struct itimerval t = { .it_value = { .tv_sec = on ? CPU_SECONDS : 0 } };

	running = on;
	setitimer(ITIMER_VIRTUAL, &t, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);

	FUZZ_CHECK(copy != NULL || size == 0);
	fuzz_copy(copy, size, data, size);
	watch(true);
	fuzz_one(copy, size);
	watch(false);
	free(copy);
	check_log();
	return 0;
}

/* ---------------------------------------------------------------- taking an input apart */

const uint8_t *fuzz_take(struct fuzz_in *in, size_t len, size_t *got)
{
	const uint8_t *p = in->p;

	*got = len < in->left ? len : in->left;
	in->p += *got;
	in->left -= *got;
	return p;
}

uint64_t fuzz_u64(struct fuzz_in *in)
{
	uint32_t low = fuzz_u32(in);

	return low | (uint64_t)fuzz_u32(in) << 32;
}

uint32_t fuzz_u32(struct fuzz_in *in)
{
	uint32_t low = fuzz_u16(in);

	return low | (uint32_t)fuzz_u16(in) << 16;
}

uint16_t fuzz_u16(struct fuzz_in *in)
{
	uint16_t low = fuzz_u8(in);

	return (uint16_t)(low | fuzz_u8(in) << 8);
}

uint8_t fuzz_u8(struct fuzz_in *in)
{
	size_t got;
	const uint8_t *p = fuzz_take(in, 1, &got);

	return got == 1 ? *p : 0;
}

char *fuzz_string(const uint8_t *p, size_t len)
{
	size_t n = len > 0 ? strnlen((const char *)p, len) : 0;
	char *s = malloc(n + 1);

	FUZZ_CHECK(s != NULL);
	fuzz_copy(s, n, p, n);
	s[n] = '\0';
	return s;
}

size_t fuzz_copy(void *to, size_t max, const uint8_t *data, size_t size)
{
	size_t len = size < max ? size : max;

	if (len > 0)
		memcpy(to, data, len);
	return len;
}

unsigned fuzz_lines(const char *text)
{
	unsigned n = 1;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* ---------------------------------------------------------------- asserting */

bool fuzz_ended(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

bool fuzz_printable(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\0')
			return true;
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return false;
}
