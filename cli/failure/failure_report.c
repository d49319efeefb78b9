/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/failure/failure_report.h"

#include "lib/capture.h"
#include "cli/output/output.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define ASK_MS 5000

/* Takes all other lines away; NULL: none. */
static void keep_lines(char *text, const char *with)
{
	char *out = text;

	for (size_t len; with != NULL && *text != '\0'; text += len) {
		const char *found = strstr(text, with);

		len = strcspn(text, "\n");
		len += text[len] == '\n';
		if (found == NULL || found >= text + len)
			continue;
		memmove(out, text, len);
		out += len;
	}
	if (with != NULL)
		*out = '\0';
}

/* A program that is missing says nothing. with: what a line must have, or NULL. */
static void add_output(struct tail *t, const char *head, const char *const *argv, const char *with)
{
	static char text[32768];

	if (!os_executable(argv[0]))
		return;
	if (capture_run(argv, ASK_MS, text, sizeof(text)) != KB_OK)
		log_warn("%s: unable to ask; its part of the last words is missing", argv[0]);
	keep_lines(text, with);
	if (text[0] == '\0')
		return;
	tail_add(t, head, strlen(head));
	tail_add(t, text, strlen(text));
	if (text[strlen(text) - 1] != '\n')
		tail_add(t, "\n", 1);
}

/* What matters most comes last: that is what is kept. */
static void ask_system(struct tail *t)
{
	static const char *const warnings[] = {
		"/bin/journalctl",
		"-b",
		"-p",
		"warning",
		"-n",
		"40",
		"-o",
		"short-monotonic",
		"--no-hostname",
		"--no-pager",
		"--quiet",
		NULL,
	};
	static const char *const jobs[] = { "/bin/systemctl", "list-jobs", "--no-legend",
					    "--no-pager", NULL };
	static const char *const failed[] = {
		"/bin/systemctl", "list-units", "--state=failed", "--plain", "--no-legend",
		"--no-pager",	  NULL,
	};

	if (!os_exists("/run/systemd/system"))
		return;
	add_output(t, "Warnings:\n", warnings, NULL);
	/* Most of the others wait for these. */
	add_output(t, "Still being started:\n", jobs, " running");
	add_output(t, "Failed units:\n", failed, NULL);
}

static void add_words(struct device *d, enum words_kind kind, const struct tail *tail)
{
	static struct words w;

	if (tail == NULL || tail->len == 0)
		return;
	w = (struct words){ .kind = kind, .token = d->token, .time = output_now(), .tail = *tail };
	words_of_slot(&w, &d->state, d->booted);
	if (store_words_add(&d->store, &w) != KB_OK)
		log_warn("unable to write last words to %s; nothing else is lost", d->state_path);
}

void failure_report(const struct device_options *o, const struct tail *check)
{
	static struct device d;
	struct tail system = { .len = 0 };

	ask_system(&system);
	device_init(&d, o);
	if (!d.run_found || device_open_to_change(&d) != KB_OK)
		return;
	if (d.booted < d.state.nslots) {
		add_words(&d, WORDS_CHECK, check);
		add_words(&d, WORDS_SYSTEM, &system);
	}
	device_close(&d);
}
