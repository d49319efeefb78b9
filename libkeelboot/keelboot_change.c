/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts, and what is staged. */
#include "libkeelboot/keelboot_program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Above the 10 s for which the command waits for another one; and the minute that a commit may take
 * to delete what was kept of the data, behind which it takes the lock once more. */
#define CHANGE_TIMEOUT_S 60
#define COMMIT_TIMEOUT_S 180
#define LOCKS		 2
#define WAIT_MAX_S	 3600 /* of --wait= */
#define REASON_MAX	 1024

/* An error number if there is no such slot. */
static int name_slot(struct keelboot *kb, int slot, char name[8])
{
	if (slot != KEELBOOT_BOOTED && (slot < 'a' || slot > 'h'))
		return keelboot_fail(kb, -EINVAL, "%d: no slot", slot);
	if (slot == KEELBOOT_BOOTED)
		snprintf(name, 8, "booted");
	else
		snprintf(name, 8, "%c", slot);
	return 0;
}

/* What the options say of --wait, which the command judges. */
static int longer_wait(const struct keelboot *kb)
{
	long seconds = 0;

	for (size_t i = 0; kb->options != NULL && kb->options[i] != NULL; i++) {
		const char *word = kb->options[i];

		if (strncmp(word, "--wait=", 7) == 0)
			seconds = strtol(word + 7, NULL, 10);
		else if (strcmp(word, "--wait") == 0 && kb->options[i + 1] != NULL)
			seconds = strtol(kb->options[i + 1], NULL, 10);
	}
	return seconds < 0 || seconds > WAIT_MAX_S ? 0 : (int)seconds * LOCKS;
}

static int change(struct keelboot *kb, const char *const *words, int timeout_s)
{
	const struct keelboot_program p = { .words = words,
					    .timeout_s = timeout_s + longer_wait(kb) };

	return keelboot_program_run(kb, &p, NULL);
}

int keelboot_mark_good(struct keelboot *kb, int slot)
{
	char name[8];
	const char *const words[] = { "mark", "good", name, NULL };
	int err = name_slot(kb, slot, name);

	return err != 0 ? err : change(kb, words, COMMIT_TIMEOUT_S);
}

int keelboot_mark_bad(struct keelboot *kb, int slot, const char *reason)
{
	char name[8], option[sizeof("--reason=") + REASON_MAX];
	const char *const words[] = { "mark", "bad", name, reason != NULL ? option : NULL, NULL };
	int err = name_slot(kb, slot, name);

	if (err != 0)
		return err;
	if (reason != NULL)
		snprintf(option, sizeof(option), "--reason=%s", reason);
	return change(kb, words, CHANGE_TIMEOUT_S);
}

struct stage {
	keelboot_progress progress;
	void *data;
	/* what the command said last */
	char phase[16];
	uint64_t done, total;
	/* of its last line */
	char error[KEELBOOT_ERROR_LEN];
};

static uint64_t number_of(json_object *o, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_uint64(value) : 0;
}

static int take_progress(void *data, json_object *document)
{
	struct stage *s = data;
	const char *event = keelboot_text(document, "event");

	if (strcmp(event, "result") == 0) {
		snprintf(s->error, sizeof(s->error), "%s", keelboot_text(document, "error"));
		return 0;
	}
	if (strcmp(event, "progress") == 0) {
		snprintf(s->phase, sizeof(s->phase), "%s", keelboot_text(document, "phase"));
		s->done = number_of(document, "done");
		s->total = number_of(document, "total");
	}
	return s->progress != NULL ? s->progress(s->data, s->phase, s->done, s->total) : 0;
}

int keelboot_stage(struct keelboot *kb, const char *bundle, keelboot_progress progress, void *data)
{
	const char *const words[] = { "stage", "--progress=json", "--", bundle, NULL };
	struct stage s = { .progress = progress, .data = data };
	const struct keelboot_program p = { .words = words, .take = take_progress, .data = &s };
	int code, err = keelboot_program_run(kb, &p, &code);

	/* One sentence that says it, instead of all that was printed. */
	if (err < 0 && code > 0 && s.error[0] != '\0')
		return keelboot_fail(kb, err, "%s", s.error);
	return err;
}

int keelboot_unstage(struct keelboot *kb)
{
	static const char *const words[] = { "unstage", NULL };

	return change(kb, words, CHANGE_TIMEOUT_S);
}
