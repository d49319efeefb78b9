/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/updates.h"

#include "initramfs/oops.h"
#include "initramfs/progress.h"
#include "initramfs/sources.h"
#include "initramfs/slot.h"
#include "lib/bootlog.h"
#include "lib/os.h"
#include "lib/stall.h"
#include "update/reader.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Nobody's update takes longer, and an apply that was taken over may pretend to make progress. */
#define APPLY_LIMIT_MS (4u * 3600 * 1000)
#define LOOK_LIMIT_MS  120000u /* of looking at a source, before anything is installed */
#define EXIT_MS	       10000u  /* from the end of its pipe to the end of apply */
#define ARGS_MAX       128     /* eight slots of four partitions, all media, and the rest */
#define ARG_LEN	       80

struct args {
	unsigned n;
	const char *v[ARGS_MAX + 1];
	char text[ARGS_MAX][ARG_LEN];
};

static void add(struct args *a, const char *option, const char *value)
{
	if (a->n + 2 > ARGS_MAX)
		return;
	a->v[a->n++] = option;
	if (value == NULL)
		return;
	snprintf(a->text[a->n], ARG_LEN, "%s", value);
	a->v[a->n] = a->text[a->n];
	a->n++;
}

static void add_slots(struct args *a, const struct boot *b)
{
	char spec[ARG_LEN];

	for (unsigned i = 0; i < b->conf.nslots; i++) {
		for (unsigned c = 0; c < b->conf.slot[i].nclasses; c++) {
			if (b->dev.slot[i].part[c][0] == '\0')
				continue;
			snprintf(spec, sizeof(spec), "%c:%s=%s", state_slot_letter((int)i),
				 b->conf.slot[i].cls[c].name, b->dev.slot[i].part[c]);
			add(a, "--slot", spec);
		}
	}
}

static void build_args(struct args *a, const struct boot *b, enum state_source src,
		       enum plan_mode mode)
{
	char spec[ARG_LEN];

	memset(a, 0, sizeof(*a));
	add(a, "keelboot-apply", NULL);
	add(a, "--state", b->dev.state);
	add_slots(a, b);
	snprintf(spec, sizeof(spec), "%u",
		 devices_mountable(&b->dev, &b->conf) & ~(unsigned)b->attempt.unfit);
	add(a, "--mountable", spec);
	if (mode != PLAN_AUTOMATIC)
		add(a, mode == PLAN_RESCUE ? "--rescue" : "--last-resort", NULL);
	if (src == STATE_SRC_DATA || src == STATE_SRC_RAW) {
		snprintf(spec, sizeof(spec), "%s:%s", state_source_name(src),
			 src == STATE_SRC_DATA ? b->dev.data : b->dev.raw);
		add(a, "--source", spec);
		return;
	}
	for (unsigned i = 0; i < b->dev.nmedia; i++) {
		if (b->dev.medium_is_sd[i] != (src == STATE_SRC_SD))
			continue;
		snprintf(spec, sizeof(spec), "%s:%s", state_source_name(src), b->dev.media[i]);
		add(a, "--source", spec);
	}
}

/* For all of apply. Many short looks would hold up a boot; in a rescue the last one may help. */
static uint64_t whole_limit_ms(const struct progress *p, uint64_t stall, enum plan_mode mode)
{
	if (plan_is_rescue(mode) || p->candidate > 0)
		return APPLY_LIMIT_MS;
	return stall > LOOK_LIMIT_MS ? stall : LOOK_LIMIT_MS;
}

/* Follows the child until its pipe is closed. False: it stalls, or takes too long. */
static bool follow(struct boot *b, int fd, struct progress *p, enum plan_mode mode)
{
	uint64_t start = os_now_ms(), moved = start, now = start;
	uint64_t limit = stall_limit_ms(&b->conf, wdt_timeout_s(&b->wdt));
	unsigned told = 0, tell;
	char buf[256];
	size_t len;
	bool ready;

	while (now - moved < limit && now - start < whole_limit_ms(p, limit, mode)) {
		enum kb_err err = os_poll(&fd, &ready, 1, 500);

		now = os_now_ms();
		if (err == KB_ETIMEDOUT)
			continue;
		err = err == KB_OK ? os_read(fd, buf, sizeof(buf), &len) : err;
		if (err == KB_EBUSY)
			continue;
		if (err != KB_OK || len == 0)
			return true;
		if (!progress_take(p, buf, len))
			continue;
		moved = now;
		wdt_feed(&b->wdt);
		tell = (p->candidate * 8 + p->phase) * 1000 + progress_percent(p) / 20 * 20;
		if (p->phase != PROGRESS_LOOK && tell != told) {
			told = tell;
			log_notice("update: %s, %u %%", progress_phase_name(p->phase),
				   progress_percent(p));
		}
	}
	if (now - moved >= limit)
		log_err("update: no progress for %u s while %s; stopped",
			(unsigned)((now - moved) / 1000), progress_phase_name(p->phase));
	else
		log_err("update: %s for too long; stopped", progress_phase_name(p->phase));
	return false;
}

/* Waits for the end of apply, or makes it. The watchdog is fed once for each step, so that a short
 * timeout does not come before the bound of the step. KB_ETIMEDOUT: it cannot even be killed. */
static enum kb_err end_apply(struct boot *b, pid_t pid, bool ended, int *status)
{
	uint64_t limit = stall_limit_ms(&b->conf, wdt_timeout_s(&b->wdt));
	enum kb_err err = KB_ETIMEDOUT;

	wdt_feed(&b->wdt);
	if (ended)
		err = os_wait(pid, limit < EXIT_MS ? (unsigned)limit : EXIT_MS, status);
	wdt_feed(&b->wdt);
	if (err == KB_OK) {
		os_kill_begin(pid); /* what it left behind */
		return KB_OK;
	}
	TRY(os_kill(pid));
	return KB_ECHILD;
}

/* Runs apply. KB_OK: a slot was installed. KB_ENOENT: nothing to do. KB_EIO: it failed, and has
 * noted why. KB_ECHILD: it crashed or stalled. KB_ETIMEDOUT: it cannot even be killed. KB_ECHECK:
 * a pre-update hook said no; that it is asked after the count bounds what a hook can do, too. */
static enum kb_err run(struct boot *b, enum state_source src, enum plan_mode mode)
{
	static struct args args;
	struct os_spawn sp = { .path = BOOT_HELPER, .argv = args.v, .own_mounts = true };
	struct progress p = { .phase = PROGRESS_NONE };
	int fds[2], status = 0;
	enum kb_err err;
	pid_t pid;
	bool ended;

	/* A device that cannot boot has nothing to lose. */
	if (!plan_is_rescue(mode))
		TRY(slot_before_update(b, state_source_name(src)));
	build_args(&args, b, src, mode);
	TRY(os_pipe(fds));
	sp.envp = bootlog_env();
	sp.fd3 = fds[1];
	err = os_spawn(&sp, &pid);
	os_close(&fds[1]);
	if (err != KB_OK) {
		os_close(&fds[0]);
		log_err("update: unable to start %s: %s", BOOT_HELPER, err_text(err));
		return err;
	}
	ended = follow(b, fds[0], &p, mode);
	os_close(&fds[0]);
	TRY(end_apply(b, pid, ended, &status));
	if (WIFSIGNALED(status))
		log_err("update: apply was ended by signal %d", WTERMSIG(status));
	if (!WIFEXITED(status))
		return KB_ECHILD;
	switch (WEXITSTATUS(status)) {
	case 0:
		return KB_OK;
	case 1:
		return KB_EIO;
	case 2:
		return KB_ENOENT;
	default:
		return KB_ECHILD;
	}
}

/* Looks before anything is counted, so that a boot without a bundle there writes nothing. */
static bool holds_bundle(const char *dev)
{
	char raw[READER_HEADER_LEN + 1];
	size_t len;

	return dev[0] != '\0' && os_read_file(dev, raw, sizeof(raw), &len) == KB_OK &&
	       len == READER_HEADER_LEN && reader_header_is((const uint8_t *)raw);
}

/* The state alone says what there is, and whether it could be installed: else each boot would count
 * an apply that ends with "not now". */
static bool has_staged(const struct boot *b, enum plan_mode mode)
{
	const struct state *s = &b->rec.s;

	if (s->staged.source != STATE_SRC_DATA || b->dev.data[0] == '\0')
		return false;
	if (plan_is_rescue(mode) || !plan_over_budget(s, s->staged.release))
		return true;
	log_notice("update: the staged one is left alone: too many installs, or failures to write "
		   "it; `keelboot mark good` or `keelboot install` ends that");
	return false;
}

/* True if the source holds anything to look at; data is opened only when the state says that
 * something is staged. */
static bool has_something(const struct boot *b, enum state_source src, enum plan_mode mode)
{
	unsigned allowed = sources_allowed(&b->conf, b->cmd.media);

	switch (src) {
	case STATE_SRC_DATA:
		return allowed & CMDLINE_MEDIA_DATA && has_staged(b, mode);
	case STATE_SRC_RAW:
		return allowed & CMDLINE_MEDIA_RAW && holds_bundle(b->dev.raw);
	case STATE_SRC_SD:
		return allowed & CMDLINE_MEDIA_SD && sources_count(&b->dev, src) > 0;
	case STATE_SRC_USB:
		return allowed & CMDLINE_MEDIA_USB && sources_count(&b->dev, src) > 0;
	case STATE_SRC_COMMAND:
	case STATE_SRC_COUNT:
		break;
	}
	return false;
}

/* A staged copy on which apply crashes or stalls is spent like one that cannot be read; what is
 * staged after it is another copy, and not to blame. */
static void spend_staged(struct record *r)
{
	bool dropped;

	plan_staged_failed(&r->s, &dropped);
	if (!dropped)
		return;
	plan_apply_end(&r->s, STATE_SRC_DATA);
	log_warn("update: the staged copy is dropped: it took apply down %d times",
		 STATE_FAILS_LIMIT);
	record_history(r, HISTORY_REFUSED, STATE_NONE, "apply crashed or stalled on it", "data");
}

/* A slot holds something to try that it did not hold. */
static bool has_installed(const struct state_slot *was, const struct state *s)
{
	for (unsigned i = 0; i < s->nslots; i++) {
		const struct state_slot *t = &s->slot[i];

		if (t->st == STATE_TRIAL &&
		    (was[i].st != STATE_TRIAL || was[i].tries != t->tries ||
		     memcmp(was[i].release, t->release, sizeof(t->release)) != 0))
			return true;
	}
	return false;
}

static bool is_removable(enum state_source src)
{
	return src == STATE_SRC_SD || src == STATE_SRC_USB;
}

static void log_skipped(const struct state *s, enum state_source src)
{
	if (s->newer)
		log_warn("update: source %s skipped: the state was written by a newer Keelboot",
			 state_source_name(src));
	else
		log_warn("update: source %s took %s down %d times; skipped until %s",
			 state_source_name(src),
			 s->apply[src].grace == STATE_APPLY_DIED ? "apply" : "the device",
			 STATE_APPLY_LIMIT,
			 plan_apply_forgivable(s, src)
				 ? "a slot is marked good"
				 : "the device starts without it, or an update is committed");
}

/* The medium that took apply down was taken out: the next one is not to blame. */
static void forget_what_is_gone(struct boot *b, enum state_source src)
{
	struct state *s = &b->rec.s;

	if (!is_removable(src) || s->apply[src].count == 0 || sources_count(&b->dev, src) > 0)
		return;
	log_notice("update: nothing is in source %s; what it did before is forgotten",
		   state_source_name(src));
	plan_apply_end(s, src);
}

/*
 * Apply crashed, stalled or took too long: that costs this boot its time, and would cost each one
 * that as long as the medium is there. So it counts like one that took the device down; but not in
 * a rescue, which has no other boot to hold up, and no other way to a good medium.
 */
static void settle_death(struct record *r, enum state_source src, struct state_apply before,
			 enum plan_mode mode)
{
	if (!plan_is_rescue(mode)) {
		plan_apply_died(&r->s, src);
		log_warn("update: source %s: apply did not end by itself, %u of %d times in a row",
			 state_source_name(src), r->s.apply[src].count, STATE_APPLY_LIMIT);
	} else {
		r->s.apply[src] = before;
		r->s.apply[src].open = false;
		if (record_save(r, &r->s) != KB_OK)
			log_warn("update: that it counts no more could not be written");
	}
	if (src == STATE_SRC_DATA)
		spend_staged(r);
}

/*
 * One source: counted durably before its media are opened, so that one that takes the kernel down,
 * or apply, is left alone after STATE_APPLY_LIMIT boots whatever the hardware says about the cause.
 */
static enum kb_err apply_source(struct boot *b, enum state_source src, enum plan_mode mode)
{
	struct record *r = &b->rec;
	struct state_apply before = r->s.apply[src];
	static struct state_slot was[STATE_SLOTS_MAX];
	enum kb_err err;

	if (!plan_apply_begin(&r->s, src)) {
		log_skipped(&r->s, src);
		return KB_ENOENT;
	}
	err = record_save(r, &r->s);
	if (err != KB_OK) {
		log_err("update: not looked at: what is not counted may be tried for ever");
		r->s.apply[src] = before;
		/* The count that failed may be there: it must not stand for an apply that never
		 * was. */
		TRY(record_save(r, &r->s));
		return err;
	}
	memcpy(was, r->s.slot, sizeof(was));
	oops_panics(b);
	err = run(b, src, mode);
	oops_as_before();
	if (err == KB_ETIMEDOUT) {
		/* It may still write. Only a reset ends that; the count bounds how often. */
		log_err("update: apply cannot be stopped; restarting");
		os_reboot();
	}
	if (record_reload(r) != KB_OK) {
		log_err("update: unable to read the state again; going on with the one from "
			"before, and without writing it");
	} else if (err == KB_OK && !has_installed(was, &r->s)) {
		log_err("update: apply says that it has installed, and the state has no trial");
		err = KB_ECHILD;
	}
	if (err == KB_ECHILD)
		settle_death(r, src, before, mode);
	else
		plan_apply_end(&r->s, src);
	return err;
}

bool updates_apply(struct boot *b, enum plan_mode mode)
{
	static const enum state_source order[] = { STATE_SRC_DATA, STATE_SRC_RAW, STATE_SRC_SD,
						   STATE_SRC_USB };
	enum kb_err err;

	if (b->rec.health == RECORD_MISSING || b->rec.health == RECORD_UNWRITABLE)
		return false;
	if (b->dev.equal[0] != '\0') {
		log_warn("update: none as long as it is not known which of %s and %s is this "
			 "device's",
			 b->dev.disk, b->dev.equal);
		return false;
	}
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!has_something(b, order[i], mode)) {
			forget_what_is_gone(b, order[i]);
			continue;
		}
		log_info("update: looking at source %s", state_source_name(order[i]));
		err = apply_source(b, order[i], mode);
		if (err == KB_OK || err == KB_ECHECK)
			return err == KB_OK;
	}
	return false;
}
