/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard_watch.h"

#include "cli/output/tool.h"
#include "initramfs/guardian/guardian.h"
#include "initramfs/watchdog/wdt.h"
#include "lib/bootlog.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_clock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AT(fd)	     ((fd)-GUARDIAN_FD_STATE)
#define VERDICT_MS   (60 * 1000) /* of a job, beside the command: its lock, and the last words */
#define LEVELS	     "65"	 /* of lib/bootlog.h: its log, and what is seen on consoles */
#define PROGRAM_SELF "/proc/self/exe"

/* Not `wait_for`: a module that loads late is none of a trial's business. */
#define WATCHDOG_WAIT_MS 2000

static enum kb_err is_watchdog(void *ctx, const char *name)
{
	char path[DEVICE_PATH_MAX + 32], target[64];
	const char *folder = ctx;

	snprintf(path, sizeof(path), "%s/%.16s", folder, name);
	if (os_readlink(path, target, sizeof(target)) == KB_OK &&
	    strncmp(target, "/dev/watchdog", 13) == 0)
		return KB_EBUSY;
	return KB_OK;
}

bool guard_watch_is_fed(const char *root)
{
	char folder[DEVICE_PATH_MAX];

	snprintf(folder, sizeof(folder), "%s/proc/1/fd", root);
	return os_each(folder, is_watchdog, folder) == KB_EBUSY;
}

static void arm(const struct device *d, struct wdt *w, struct guard_boot *b)
{
	*w = (struct wdt){ .fd = -1 };
	if (guard_watch_is_fed("")) {
		snprintf(b->watchdog_note, sizeof(b->watchdog_note), "process 1 feeds it");
		return;
	}
	if (wdt_arm(w, d->conf.watchdog, d->conf.watchdog_timeout_s, WATCHDOG_WAIT_MS) != KB_OK) {
		snprintf(b->watchdog_note, sizeof(b->watchdog_note), "none");
		return;
	}
	/* Nobody else is going to open it, as far as is known: a good system must not be reset. */
	wdt_decide(w,
		   d->conf.handover == CONF_HANDOVER_KEEPER ? CONF_HANDOVER_KEEPER
							    : CONF_HANDOVER_RELEASE,
		   d->conf.shutdown_deadline_s);
	memcpy(b->watchdog, w->dev, sizeof(b->watchdog));
}

static void open_at(int *fds, enum guardian_fd at, const char *path, int flags)
{
	if (os_open(path, flags, &fds[AT(at)]) != KB_OK)
		log_warn("guardian: unable to open %s: %m; going on without", path);
}

static void open_all(const struct device *d, int *fds)
{
	open_at(fds, GUARDIAN_FD_KMSG, "/dev/kmsg", O_WRONLY);
	open_at(fds, GUARDIAN_FD_PROC, "/proc", O_RDONLY | O_DIRECTORY);
	open_at(fds, GUARDIAN_FD_RUN, d->opts->run_dir, O_RDONLY | O_DIRECTORY);
	open_at(fds, GUARDIAN_FD_SYSRQ, "/proc/sysrq-trigger", O_WRONLY);
}

static bool start(const struct device *d, const struct guard_boot *b, bool trial,
		  const struct wdt *w, const int *fds, pid_t *pid)
{
	static const struct tool tool = { "KEELBOOT_GUARDIAN", "keelboot-guardian",
					  "keelboot-guardian", "keelboot" };
	char path[PATH_MAX], self[PATH_MAX], deadline[16], shutdown[16], watchdog[16], verdict[16];
	bool release = trial && w->armed && w->handover == CONF_HANDOVER_RELEASE;
	/* "@" as in an initramfs: it is there until the machine is off. systemd complains that it
	 * runs from the root; it writes nothing there, so that becomes read-only all the same. */
	const char *const argv[] = {
		"@keelboot-guardian",
		"-",
		"0",
		trial ? "trial" : "good",
		deadline,
		"0",
		shutdown,
		watchdog,
		release ? "release" : "keep",
		LEVELS,
		verdict,
		self,
		NULL,
	};

	snprintf(deadline, sizeof(deadline), "%" PRIu32, b->deadline_s);
	snprintf(shutdown, sizeof(shutdown), "%" PRIu32, d->conf.shutdown_deadline_s);
	snprintf(watchdog, sizeof(watchdog), "%u",
		 !w->armed		  ? 0
		 : w->info.timeout_s != 0 ? w->info.timeout_s
					  : 1);
	snprintf(verdict, sizeof(verdict), "%" PRIu32, d->conf.guard_timeout_s + VERDICT_MS / 1000);
	if (!tool_find(&tool, path) || os_readlink(PROGRAM_SELF, self, sizeof(self)) != KB_OK)
		return false;
	if (os_detach(path, argv, fds, AT(GUARDIAN_FD_END), pid) == KB_OK)
		return true;
	log_err("unable to start %s: %m", path);
	return false;
}

static void write_pid(const struct device *d, pid_t pid)
{
	char path[DEVICE_PATH_MAX + 16], text[16];
	int len = snprintf(text, sizeof(text), "%d\n", (int)pid);

	snprintf(path, sizeof(path), "%s/" GUARDIAN_PID_FILE, d->opts->run_dir);
	if (os_write_file(path, text, (size_t)len) != KB_OK)
		log_warn("%s: unable to write: %m", path);
}

bool guard_watch_start(const struct device *d, struct guard_boot *b, bool trial)
{
	int fds[AT(GUARDIAN_FD_END)] = { -1, -1, -1, -1, -1, -1 };
	bool started = false;
	struct wdt w;
	pid_t pid = -1;

	arm(d, &w, b);
	if (trial || w.armed) {
		open_all(d, fds);
		fds[AT(GUARDIAN_FD_WATCHDOG)] = w.fd;
		started = start(d, b, trial, &w, fds, &pid);
		for (int i = AT(GUARDIAN_FD_KMSG); i <= AT(GUARDIAN_FD_SYSRQ); i++)
			os_close(&fds[i]);
	}
	if (started) {
		write_pid(d, pid);
		b->due_s = os_clock_ms() / 1000 + b->deadline_s;
		return true;
	}
	if (w.armed)
		os_wdt_release(&w.fd); /* nobody would feed it */
	b->watchdog[0] = '\0';
	b->deadline_s = 0;
	return false;
}
