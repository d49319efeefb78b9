/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts, and what is staged. */
#include "libkeelboot/keelboot_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Above the 10 s for which the command waits for another one. */
#define CHANGE_TIMEOUT_S 60
#define REASON_MAX	 1024

/* An error number if there is no such slot. */
static int name_slot(struct keelboot *kb, int slot, char name[8])
{
	if (slot != KEELBOOT_BOOTED && (slot < 'a' || slot > 'z'))
		return keelboot_fail(kb, -EINVAL, "%d: no slot", slot);
	if (slot == KEELBOOT_BOOTED)
		snprintf(name, 8, "booted");
	else
		snprintf(name, 8, "%c", slot);
	return 0;
}

static int change(struct keelboot *kb, const char *const *words)
{
	const struct keelboot_program p = { .words = words, .timeout_s = CHANGE_TIMEOUT_S };

	return keelboot_program_run(kb, &p, NULL);
}

int keelboot_mark_good(struct keelboot *kb, int slot)
{
	char name[8];
	const char *const words[] = { "mark", "good", name, NULL };
	int err = name_slot(kb, slot, name);

	return err != 0 ? err : change(kb, words);
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
	return change(kb, words);
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

	return change(kb, words);
}
