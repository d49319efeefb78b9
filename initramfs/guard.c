/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/guard.h"

#include "initramfs/boot.h"
#include "initramfs/export.h"
#include "initramfs/guardian.h"
#include "lib/log.h"
#include "lib/os.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#define AT(fd) ((fd)-GUARDIAN_FD_STATE)

/* Another slot that a reboot could take, and that is worth more than a last resort. */
static bool has_fallback(const struct boot *b)
{
	choose_mask mountable = devices_mountable(&b->dev, &b->conf);

	for (int i = 0; i < b->rec.s.nslots; i++) {
		const struct state_slot *s = &b->rec.s.slot[i];

		if (i == b->attempt.chosen.slot || !(mountable >> i & 1))
			continue;
		if ((s->st == STATE_GOOD && s->streak < STATE_STREAK_LIMIT) ||
		    (s->st == STATE_TRIAL && s->tries > 0))
			return true;
	}
	return false;
}

static bool is_trial(const struct boot *b)
{
	return b->rec.s.slot[b->attempt.chosen.slot].st == STATE_TRIAL;
}

/* To its deadline: a trial that a reboot would leave for something better. */
static bool is_held(const struct boot *b)
{
	const struct attempt *a = &b->attempt;

	return is_trial(b) && a->counted && a->token != 0 && a->forced != a->chosen.slot &&
	       has_fallback(b);
}

/* Released once the slot is good, and this one is not: a trial, or bad and a last resort. */
static bool is_not_released(const struct boot *b)
{
	return b->wdt.handover == CONF_HANDOVER_RELEASE &&
	       b->rec.s.slot[b->attempt.chosen.slot].st != STATE_GOOD;
}

/* The verdict changes what it does. */
static bool awaits_verdict(const struct boot *b)
{
	return is_trial(b) || is_not_released(b);
}

static bool feeds(const struct boot *b)
{
	return b->wdt.armed && (b->wdt.handover == CONF_HANDOVER_KEEPER || is_not_released(b));
}

static void open_at(int *fds, enum guardian_fd at, const char *path, int flags)
{
	if (os_open(path, flags, &fds[AT(at)]) != KB_OK)
		log_warn("guardian: unable to open %s: %m; going on without", path);
}

static void write_pid(const char *path, pid_t pid)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", (int)pid);

	if (os_write_file(path, text, (size_t)len) != KB_OK)
		log_warn("guardian: unable to write %s: %m", path);
}

static enum kb_err start(const struct boot *b, const int *fds, bool held, bool feed, pid_t *pid)
{
	char slot[2] = { '-', '\0' }, token[24] = "0", deadline[16] = "0", watchdog[16] = "0";
	char shutdown[16];
	/* "@" as in https://systemd.io/ROOT_STORAGE_DAEMONS/: systemd spares it when it kills. */
	const char *const argv[] = {
		"@keelboot-guardian",
		slot,
		token,
		deadline,
		shutdown,
		watchdog,
		b->wdt.handover == CONF_HANDOVER_RELEASE ? "release" : "keep",
		NULL,
	};

	snprintf(shutdown, sizeof(shutdown), "%" PRIu32, b->conf.shutdown_deadline_s);
	if (awaits_verdict(b)) {
		slot[0] = state_slot_letter(b->attempt.chosen.slot);
		snprintf(token, sizeof(token), "%" PRIu64, b->attempt.token);
	}
	if (held)
		snprintf(deadline, sizeof(deadline), "%" PRIu32, b->conf.commit_deadline_s);
	if (feed) /* where the driver does not tell its timeout, feed often */
		snprintf(watchdog, sizeof(watchdog), "%u",
			 b->wdt.info.timeout_s != 0 ? b->wdt.info.timeout_s : 1);
	return os_detach(GUARD_PROGRAM, argv, fds, AT(GUARDIAN_FD_END), pid);
}

static void note(struct boot *b, pid_t pid, bool held)
{
	static const char *const modes[] = {
		[CONF_HANDOVER_SYSTEM] = "trial",
		[CONF_HANDOVER_KEEPER] = "keeper",
		[CONF_HANDOVER_RELEASE] = "release",
	};
	uint32_t deadline_s = held ? b->conf.commit_deadline_s : 0;

	b->guard = (struct guard){
		.pid = pid,
		.mode = b->wdt.kept ? modes[b->wdt.handover] : "trial",
		.deadline_s = deadline_s,
		.due_ms = os_now_ms() + deadline_s * UINT64_C(1000),
	};
}

void guard_start(struct boot *b)
{
	bool held = is_held(b), feed = feeds(b);
	int fds[AT(GUARDIAN_FD_END)] = { -1, -1, -1, -1, -1, -1 };
	enum kb_err err;
	pid_t pid;

	if (!held && !feed)
		return;
	/* The same open file as ours: that one is closed by the exec wakes nobody. */
	fds[AT(GUARDIAN_FD_STATE)] = awaits_verdict(b) ? b->rec.file.fd : -1;
	open_at(fds, GUARDIAN_FD_KMSG, "/dev/kmsg", O_WRONLY);
	open_at(fds, GUARDIAN_FD_PROC, "/proc", O_RDONLY | O_DIRECTORY);
	open_at(fds, GUARDIAN_FD_RUN, EXPORT_DIR, O_RDONLY | O_DIRECTORY);
	open_at(fds, GUARDIAN_FD_SYSRQ, "/proc/sysrq-trigger", O_WRONLY);
	fds[AT(GUARDIAN_FD_WATCHDOG)] = feed ? b->wdt.fd : -1;
	err = start(b, fds, held, feed, &pid);
	for (int i = AT(GUARDIAN_FD_KMSG); i <= AT(GUARDIAN_FD_SYSRQ); i++)
		os_close(&fds[i]);
	if (err != KB_OK) {
		log_err("guardian: unable to start %s: %m; a trial that never reports is left only "
			"when it is restarted",
			GUARD_PROGRAM);
		b->guard.failed = true;
		return;
	}
	b->wdt.kept = feed;
	note(b, pid, held);
	write_pid(EXPORT_DIR "/" GUARDIAN_PID_FILE, pid);
	if (os_mkdir(GUARD_OMIT_DIR, 0755) == KB_OK)
		write_pid(GUARD_OMIT_DIR "/keelboot", pid);
	if (held)
		log_info("guardian: slot %c has %u s to be marked good",
			 state_slot_letter(b->attempt.chosen.slot), b->conf.commit_deadline_s);
}
