/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard_command.h"

#include "lib/capture.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define SHELL	     "/bin/sh"
#define CANNOT_START 126 /* of the shell, and above: it found no program, or that was killed */

/* Of the part that was kept: a command that floods has no better one. */
static void take_last_line(char *text, char said[GUARD_SAID_MAX + 1])
{
	size_t len = strlen(text);
	const char *line;

	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	line = strrchr(text, '\n');
	util_print_safe(said, GUARD_SAID_MAX + 1, line != NULL ? line + 1 : text);
}

static void tell_end(struct guard_command_end *end, enum kb_err err, int status)
{
	if (err == KB_ETIMEDOUT)
		snprintf(end->what, sizeof(end->what), "timed out");
	else if (status == CAPTURE_NO_END)
		snprintf(end->what, sizeof(end->what), "cannot be started");
	else if (WIFEXITED(status))
		snprintf(end->what, sizeof(end->what), "exit %d", WEXITSTATUS(status));
	else
		snprintf(end->what, sizeof(end->what), "signal %d", WTERMSIG(status));
}

void guard_command_run(const struct device *d, const char *command,
		       const struct guard_command_for *about, struct guard_command_end *end)
{
	char deployment[GUARD_ID_MAX + 32], good[GUARD_ID_MAX + 32], reason[GUARD_REASON_MAX + 32];
	const char *const argv[] = { SHELL, "-c", command, NULL };
	const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", deployment, good, reason,
				     NULL };
	char text[8192];
	enum kb_err err;
	int status;

	*end = (struct guard_command_end){ .ok = false };
	snprintf(deployment, sizeof(deployment), "KEELBOOT_DEPLOYMENT=%s",
		 about != NULL ? about->deployment : "");
	snprintf(good, sizeof(good), "KEELBOOT_GOOD=%s",
		 about != NULL && about->good != NULL ? about->good : "");
	snprintf(reason, sizeof(reason), "KEELBOOT_REASON=%s", about != NULL ? about->reason : "");
	err = capture_run_with(argv, envp, d->conf.guard_timeout_s * 1000, text, sizeof(text),
			       &status);
	end->ok = err == KB_OK;
	end->answered = err != KB_ETIMEDOUT && status != CAPTURE_NO_END && WIFEXITED(status) &&
			WEXITSTATUS(status) < CANNOT_START;
	take_last_line(text, end->said);
	tell_end(end, err, status);
}
