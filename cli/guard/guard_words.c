/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard_words.h"

#include "cli/guard/guard_file.h"
#include "lib/capture.h"
#include "cli/output/output.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NAME	   "last-words"
#define ANSWER_MAX 8192
#define ANSWER_MS  5000
#define ANSWERS_MS 25000 /* of all: the guardian's job waits for them */

/* What is asked, of sh. The logs of the boot before tell more of one that crashed or hung. */
static const struct question {
	const char *title, *command;
} questions[] = {
	{ "failed units", "systemctl --failed --plain --no-legend --no-pager | head -c 4000" },
	{ "still being started", "systemctl list-jobs --no-legend --no-pager | head -c 4000" },
	{ "kernel log", "dmesg | tail -n 60 | tail -c 8000" },
	{ "kernel log of a crash",
	  "cat /sys/fs/pstore/dmesg-* /var/lib/systemd/pstore/*/dmesg.txt | tail -c 8000" },
	{ "warnings of this boot",
	  "journalctl -b 0 -p warning -n 40 --no-pager -o short-monotonic | tail -c 8000" },
	{ "journal of the boot before",
	  "journalctl -b -1 -n 40 --no-pager -o short-monotonic | tail -c 8000" },
};

/* Lines that a terminal may get to see. */
static void append_safe(char *text, size_t *len, const char *more, size_t n)
{
	for (size_t i = 0; i < n && more[i] != '\0' && *len + 1 < GUARD_WORDS_MAX; i++)
		text[(*len)++] =
			more[i] == '\n' || (more[i] >= 0x20 && more[i] <= 0x7e) ? more[i] : '?';
	text[*len] = '\0';
}

static void ask(char *text, size_t *len, const struct question *q)
{
	const char *const argv[] = { "/bin/sh", "-c", q->command, NULL };
	char answer[ANSWER_MAX];
	enum kb_err err = capture_run(argv, ANSWER_MS, answer, sizeof(answer));

	if (err == KB_OK && answer[0] == '\0')
		return;
	append_safe(text, len, "\n--- ", SIZE_MAX);
	append_safe(text, len, q->title, SIZE_MAX);
	append_safe(text, len, err == KB_ETIMEDOUT ? ": no answer\n" : "\n", SIZE_MAX);
	append_safe(text, len, answer, SIZE_MAX);
}

static enum kb_err write_words(const struct device_options *o, const char *text)
{
	char path[DEVICE_PATH_MAX];
	int dir = -1;
	enum kb_err err;

	snprintf(path, sizeof(path), "%s" GUARD_FOLDER, o->conf_root);
	TRY(os_file_folder(path, &dir));
	err = guard_file_replace(dir, NAME, text);
	os_close(&dir);
	return err;
}

static void save_words(const struct device_options *o, const char *text)
{
	enum kb_err err = write_words(o, text);

	if (err != KB_OK)
		log_warn("%s" GUARD_FOLDER "/" NAME
			 ": unable to write: %s; the last words are lost",
			 o->conf_root, err_text(err));
}

void guard_words_keep(const struct device *d, const struct guard_entry *e)
{
	static char text[GUARD_WORDS_MAX];
	char when[OUTPUT_TIME_LEN], head[GUARD_ID_MAX + GUARD_REASON_MAX + 160];
	uint64_t end = os_now_ms() + ANSWERS_MS;
	size_t len = 0;

	output_time(when, e->time, false);
	snprintf(head, sizeof(head), "deployment: %s\nrejected: %s\nattempt: %u\nreason: %s\n",
		 e->id, when, e->attempts, e->reason);
	append_safe(text, &len, head, SIZE_MAX);
	/* The reason first: what follows may take its time, and so may the disk. */
	save_words(d->opts, text);
	for (unsigned i = 0; i < KB_ARRAY_LEN(questions) && os_now_ms() < end; i++)
		ask(text, &len, &questions[i]);
	save_words(d->opts, text);
}

bool guard_words_read(const struct device_options *o, char *text)
{
	char path[DEVICE_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s" GUARD_FOLDER "/" NAME, o->conf_root);
	return os_read_file(path, text, GUARD_WORDS_MAX, NULL) == KB_OK;
}

void guard_words_add(const struct device *d, const char *title, const char *more, size_t n)
{
	static char text[GUARD_WORDS_MAX];
	size_t len;

	if (!guard_words_read(d->opts, text))
		return;
	len = strlen(text);
	append_safe(text, &len, "\n--- ", SIZE_MAX);
	append_safe(text, &len, title, SIZE_MAX);
	append_safe(text, &len, "\n", SIZE_MAX);
	append_safe(text, &len, more, n);
	append_safe(text, &len, "\n", SIZE_MAX);
	save_words(d->opts, text);
}
