/* SPDX-License-Identifier: Apache-2.0 */
/* What the command tells the guardian: initramfs/guardian.h has the other end. */
#include "cli/mark.h"

#include "cli/output.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"
#include "selector/verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PID_MAX 4194304 /* the kernel's own limit */

pid_t mark_guardian_find(const struct device *d)
{
	char path[DEVICE_PATH_MAX + 16], text[32];
	uint64_t pid;

	snprintf(path, sizeof(path), "%s/guardian", d->opts->run_dir);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (bytes_decimal(&pid, text, PID_MAX) != KB_OK || pid <= 1)
		return 0;
	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/comm", pid);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK ||
	    strcmp(text, "keelboot-guardi\n") != 0) /* as much of its name as the kernel keeps */
		return 0;
	return (pid_t)pid;
}

static void tell(const struct device *d, int sig)
{
	pid_t pid = mark_guardian_find(d);

	if (pid > 0 && kill(pid, sig) < 0)
		log_warn("unable to tell the guardian (process %d): %m", (int)pid);
}

void mark_guardian_nudge(const struct device *d)
{
	tell(d, SIGUSR1);
}

static bool is_open(const struct device *d)
{
	return d->finding == STORE_FOUND && d->run_found && d->state.open == d->booted &&
	       d->state.open_token == d->token && d->token != 0;
}

/* A look first: without an open attempt, nothing is opened for writing at every shutdown. */
static enum kb_err write_clean(struct device *d)
{
	bool open;

	TRY(device_open(d));
	open = is_open(d) && !d->state.clean;
	device_close(d);
	if (!open)
		return KB_OK;
	TRY(device_open_state(d));
	if (!is_open(d) || verdict_clean(&d->state, d->booted, d->token) != KB_OK) {
		device_close(d); /* a verdict came in between */
		return KB_OK;
	}
	if (device_save(d) != KB_OK) {
		device_close(d);
		return KB_EIO;
	}
	device_close(d);
	return KB_OK;
}

int mark_clean(const struct device_options *o)
{
	static struct device d;
	enum kb_err e;

	device_init(&d, o);
	if (!d.run_found && d.run_err == KB_OK)
		return OUTPUT_OK;
	e = d.run_found ? write_clean(&d) : KB_OK;
	/* In this order: once the flag is there, no deadline is held against the slot. */
	tell(&d, SIGUSR2);
	if (e == KB_OK && d.run_err != KB_OK) {
		log_err("%s cannot be read: %s; the shutdown is not noted", o->run_dir,
			err_text(d.run_err));
		e = d.run_err;
	}
	return e == KB_OK ? OUTPUT_OK : output_exit_code(e);
}
