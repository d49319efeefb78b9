/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/guard.h"

#include "initramfs/boot_data.h"
#include "initramfs/export.h"
#include "initramfs/guardian/guardian.h"
#include "lib/bootlog.h"
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
		if (state_is_fit(s))
			return true;
	}
	return false;
}

static bool is_trial(const struct boot *b)
{
	return b->rec.s.slot[b->attempt.chosen.slot].st == STATE_TRIAL;
}

/* To its deadline: a trial that a reboot would leave for something better. */
static bool has_deadline(const struct boot *b)
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

static bool feeds_watchdog(const struct boot *b)
{
	return b->wdt.armed && (b->wdt.handover == CONF_HANDOVER_KEEPER || is_not_released(b));
}

/* Crashes, or an attempt that is open, are held against the slot until it has proved itself. With
 * stable-after=0 its report is the proof. */
static bool must_report_proof(const struct boot *b)
{
	const struct attempt *a = &b->attempt;
	const struct state_slot *s = &b->rec.s.slot[a->chosen.slot];

	if (b->conf.stable_after_s == 0 || !a->counted || a->forced == a->chosen.slot)
		return false;
	return a->token != 0 || (s->st == STATE_GOOD && (s->streak > 0 || s->doubt > 0));
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

/* What it is started for. */
struct duty {
	bool held, feed, prove;
};

static bool is_of_slot(const struct boot *b, const struct duty *d)
{
	return awaits_verdict(b) || d->prove;
}

static enum kb_err start_guardian(const struct boot *b, const int *fds, const struct duty *d,
				  pid_t *pid)
{
	char slot[2] = { '-', '\0' }, token[24] = "0", deadline[16] = "0", watchdog[16] = "0";
	char shutdown[16], stable[16] = "0";
	bool good = b->rec.s.slot[b->attempt.chosen.slot].st == STATE_GOOD;
	/* "@" as in https://systemd.io/ROOT_STORAGE_DAEMONS/: systemd spares it when it kills. */
	const char *const argv[] = {
		"@keelboot-guardian",
		slot,
		token,
		is_of_slot(b, d) && !good ? "trial" : "good",
		deadline,
		stable,
		shutdown,
		watchdog,
		is_not_released(b) ? "release" : "keep",
		bootlog_levels(),
		NULL,
	};

	snprintf(shutdown, sizeof(shutdown), "%" PRIu32, b->conf.shutdown_deadline_s);
	if (is_of_slot(b, d)) {
		slot[0] = state_slot_letter(b->attempt.chosen.slot);
		snprintf(token, sizeof(token), "%" PRIu64, b->attempt.token);
	}
	if (d->prove)
		snprintf(stable, sizeof(stable), "%" PRIu32, b->conf.stable_after_s);
	if (d->held)
		snprintf(deadline, sizeof(deadline), "%" PRIu32, b->conf.commit_deadline_s);
	if (d->feed) /* where the driver does not tell its timeout, feed often */
		snprintf(watchdog, sizeof(watchdog), "%u",
			 b->wdt.info.timeout_s != 0 ? b->wdt.info.timeout_s : 1);
	return os_detach(GUARD_PROGRAM, argv, fds, AT(GUARDIAN_FD_END), pid);
}

static void note_guardian(struct boot *b, pid_t pid, const struct duty *d)
{
	static const char *const modes[] = {
		[CONF_HANDOVER_SYSTEM] = "trial",
		[CONF_HANDOVER_KEEPER] = "keeper",
		[CONF_HANDOVER_RELEASE] = "release",
	};
	uint32_t deadline_s = d->held ? b->conf.commit_deadline_s : 0;

	b->guard = (struct guard){
		.pid = pid,
		.mode = b->wdt.kept   ? modes[b->wdt.handover]
			: is_trial(b) ? "trial"
				      : "stable",
		.deadline_s = deadline_s,
		.due_ms = os_now_ms() + deadline_s * UINT64_C(1000),
		.stable_s = d->prove ? b->conf.stable_after_s : 0,
	};
}

void guard_start(struct boot *b)
{
	const struct duty duty = { has_deadline(b), feeds_watchdog(b), must_report_proof(b) };
	int fds[AT(GUARDIAN_FD_END)] = { -1, -1, -1, -1, -1, -1 };
	enum kb_err err;
	pid_t pid;

	if (!duty.held && !duty.feed && !duty.prove)
		return;
	/* It shares our open file: so the exec, which closes ours, is not the last close, which
	 * would wake udev. */
	fds[AT(GUARDIAN_FD_STATE)] = is_of_slot(b, &duty) ? b->rec.part.file.fd : -1;
	open_at(fds, GUARDIAN_FD_KMSG, "/dev/kmsg", O_RDWR | O_NONBLOCK);
	open_at(fds, GUARDIAN_FD_PROC, "/proc", O_RDONLY | O_DIRECTORY);
	open_at(fds, GUARDIAN_FD_RUN, EXPORT_DIR, O_RDONLY | O_DIRECTORY);
	open_at(fds, GUARDIAN_FD_SYSRQ, "/proc/sysrq-trigger", O_WRONLY);
	fds[AT(GUARDIAN_FD_WATCHDOG)] = duty.feed ? b->wdt.fd : -1;
	err = start_guardian(b, fds, &duty, &pid);
	for (int i = AT(GUARDIAN_FD_KMSG); i <= AT(GUARDIAN_FD_SYSRQ); i++)
		os_close(&fds[i]);
	if (err != KB_OK) {
		log_err("guardian: unable to start %s: %m; nothing enforces the deadline of a trial, or records that a good slot has proved itself",
			GUARD_PROGRAM);
		b->guard.failed = true;
		return;
	}
	b->wdt.kept = duty.feed;
	note_guardian(b, pid, &duty);
	write_pid(EXPORT_DIR "/" GUARDIAN_PID_FILE, pid);
	if (os_mkdir(GUARD_OMIT_DIR, 0755) == KB_OK)
		write_pid(GUARD_OMIT_DIR "/keelboot", pid);
	if (duty.held)
		log_info("guardian: slot %c has %u s to be marked good",
			 state_slot_letter(b->attempt.chosen.slot), b->conf.commit_deadline_s);
}
