/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/guardian/guardian_words.h"

#include "lib/os.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RECORD_MAX 8192 /* the kernel's own limit */
#define ROUND_MAX  8192 /* records at once; a kernel log seldom holds more */
#define LEVEL_ERR  3

/* A number and its comma. NULL: that is missing. */
static const char *take_number(const char *p, uint64_t *value)
{
	if (*p < '0' || *p > '9')
		return NULL;
	for (*value = 0; *p >= '0' && *p <= '9'; p++)
		*value = *value * 10 + (uint64_t)(*p - '0');
	return *p == ',' ? p + 1 : NULL;
}

void guardian_words_add(struct guardian_words *w, const char *record, uint64_t now_ms)
{
	uint64_t level, number, us;
	const char *p = take_number(record, &level);
	char when[40];
	int len;

	p = p != NULL ? take_number(p, &number) : NULL;
	p = p != NULL ? take_number(p, &us) : NULL;
	p = p != NULL ? strchr(p, ';') : NULL;
	if (p == NULL)
		return;
	if (w->tail.len == 0)
		w->since = now_ms;
	w->urgent |= level % 8 <= LEVEL_ERR;
	len = snprintf(when, sizeof(when), "[%5" PRIu64 ".%06" PRIu64 "] ", us / 1000000,
		       us % 1000000);
	tail_add(&w->tail, when, (size_t)len);
	tail_add(&w->tail, p + 1, strcspn(p + 1, "\n"));
	tail_add(&w->tail, "\n", 1);
}

void guardian_words_listen(struct guardian_words *w, int kmsg, uint64_t now_ms)
{
	static char record[RECORD_MAX + 1];
	unsigned failures = 0;
	size_t len;

	for (unsigned i = 0; i < ROUND_MAX; i++) {
		enum kb_err err = os_read(kmsg, record, RECORD_MAX, &len);

		if (err == KB_EBUSY || (err == KB_OK && len == 0))
			return;
		/* EPIPE: records were lost, and the next read gives what is left. */
		if (err != KB_OK && ++failures == 2)
			return;
		if (err != KB_OK)
			continue;
		record[len] = '\0';
		guardian_words_add(w, record, now_ms);
	}
}

bool guardian_words_begin(struct guardian_words *w, uint64_t now_ms)
{
	if (w->tail.len == 0 || w->writes == GUARDIAN_WORDS_MAX ||
	    (!w->urgent && now_ms < w->since + GUARDIAN_WORDS_EVERY_S * UINT64_C(1000)))
		return false;
	w->writes++;
	return true;
}

void guardian_words_forget(struct guardian_words *w)
{
	w->tail.len = 0;
	w->tail.cut = false;
	w->urgent = false;
}
