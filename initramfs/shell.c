/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/shell.h"

#include "initramfs/boot_data.h"
#include "initramfs/watchdog.h"
#include "initramfs/measure.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define CONSOLES "/sys/class/tty/console/active" /* the last is the one that /dev/console means */
#define STEP_MS	 500

void shell_look(struct boot *b)
{
	b->shell.packed = os_exists(SHELL_MARKER);
	if (b->shell.packed)
		log_warn(
			"this initramfs has a debug shell (keelboot image build --debug-shell): keelboot.shell=1 gives root to anybody at the console; do not ship it");
	if (shell_finding(b) != NULL)
		log_warn("%s", shell_finding(b));
}

const char *shell_finding(const struct boot *b)
{
	return b->cmd.shell && !b->shell.packed
		       ? "keelboot.shell=1: this initramfs has no shell; ignored; to get one: keelboot image build --debug-shell"
		       : NULL;
}

/* A terminal of its own, not /dev/console, which can be no session's: without one a shell has no
 * Ctrl-C. */
static void find_console(char *path, size_t size)
{
	char text[128] = "", *name;

	if (os_read_file(CONSOLES, text, sizeof(text), NULL) != KB_OK)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	name = strrchr(text, ' ');
	snprintf(path, size, "/dev/%.32s", name != NULL ? name + 1 : text);
	if (text[0] == '\0' || !os_exists(path))
		snprintf(path, size, "/dev/console");
}

void shell_open(struct boot *b)
{
	static const char *const argv[] = { "sh", "-i", NULL };
	static const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
					    "TERM=vt102", "PS1=keelboot# ", NULL };
	char tty[48];
	struct os_spawn sp = {
		.path = SHELL_PROGRAM, .argv = argv, .envp = envp, .fd3 = -1, .tty = tty
	};

	if (!b->shell.packed || !b->cmd.shell || b->shell.opened)
		return;
	b->shell.opened = true;
	if (measure_none(b, "a shell") != KB_OK)
		return; /* said there */
	find_console(tty, sizeof(tty));
	/* For the person before it, whatever `quiet` says. */
	log_err("shell: on %s; the boot continues beside it, and a restart waits for its `exit`, at most %u min",
		tty, SHELL_LIMIT_S / 60);
	if (os_spawn(&sp, &b->shell.pid) != KB_OK) {
		b->shell.pid = 0;
		log_err("shell: unable to start %s on %s: %m", SHELL_PROGRAM, tty);
		return;
	}
	b->shell.end_ms = os_now_ms() + SHELL_LIMIT_S * UINT64_C(1000);
}

void shell_await(struct boot *b)
{
	int status;

	if (b->shell.pid > 0 && os_wait(b->shell.pid, 0, &status) == KB_ETIMEDOUT)
		log_err("shell: still open; the restart waits for its `exit`");
	else
		b->shell.pid = 0;
	while (b->shell.pid > 0 && os_wait(b->shell.pid, STEP_MS, &status) == KB_ETIMEDOUT) {
		watchdog_feed(b);
		if (os_now_ms() < b->shell.end_ms)
			continue;
		log_err("shell: stopped after %u min", SHELL_LIMIT_S / 60);
		shell_end(b);
	}
	b->shell.pid = 0;
}

void shell_end(struct boot *b)
{
	if (b->shell.pid <= 0)
		return;
	watchdog_feed(b);
	if (os_kill(b->shell.pid) == KB_ETIMEDOUT)
		log_warn("shell: it cannot be killed; the boot continues");
	b->shell.pid = 0;
}
