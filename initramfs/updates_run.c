/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/updates_run.h"

#include "initramfs/disks/devices_shared.h"
#include "initramfs/follow.h"
#include "initramfs/progress.h"
#include "initramfs/stages.h"
#include "lib/bootlog.h"
#include "lib/conf_place.h"
#include "lib/os.h"
#include "update/wire/apply_wire.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Nobody's update takes longer, and an apply that was taken over may pretend to make progress. */
#define APPLY_LIMIT_MS (4u * 3600 * 1000)
#define LOOK_LIMIT_MS  120000u /* of looking at a source, before anything is installed */
#define ARGS_MAX       128     /* eight slots of four partitions, all media, and the rest */
#define ARG_LEN	       144     /* CONF_NAME_MAX, DEVICES_NAME and CONF_PLACE_FILE */

struct args {
	unsigned n;
	const char *v[ARGS_MAX + 1];
	char text[ARGS_MAX][ARG_LEN];
};

static void add_arg(struct args *a, const char *option, const char *value)
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

static void add_slot_args(struct args *a, const struct boot *b)
{
	char spec[ARG_LEN];

	for (unsigned i = 0; i < b->conf.nslots; i++) {
		for (unsigned c = 0; c < b->conf.slot[i].nclasses; c++) {
			if (b->dev.slot[i].part[c][0] == '\0')
				continue;
			snprintf(spec, sizeof(spec), "%c:%s=%s%s", state_slot_letter((int)i),
				 b->conf.slot[i].cls[c].name, b->dev.slot[i].part[c],
				 conf_place_tail(b->conf.slot[i].cls[c].part));
			add_arg(a, "--slot", spec);
		}
	}
}

/* Slots that must not be written: the pair that runs is one, and what is something else's, too. */
static choose_mask untouchable_slots(const struct boot *b)
{
	char text[DEVICES_SHARED_LEN];
	choose_mask slots = devices_shared(&b->dev, &b->conf, text);

	if (b->pairs.running != STATE_NONE)
		slots |= (choose_mask)(1u << b->pairs.running);
	return slots;
}

static void build_args(struct args *a, const struct boot *b, enum state_source src,
		       enum plan_mode mode)
{
	char spec[ARG_LEN];

	memset(a, 0, sizeof(*a));
	add_arg(a, "keelboot-apply", NULL);
	add_arg(a, "--state", b->dev.state);
	add_slot_args(a, b);
	snprintf(spec, sizeof(spec), "%u",
		 devices_mountable(&b->dev, &b->conf) & ~(unsigned)b->attempt.no_fallback);
	add_arg(a, "--mountable", spec);
	if (untouchable_slots(b) != 0) {
		snprintf(spec, sizeof(spec), "%u", (unsigned)untouchable_slots(b));
		add_arg(a, "--in-use", spec);
	}
	if (mode != PLAN_AUTOMATIC)
		add_arg(a, mode == PLAN_RESCUE ? "--rescue" : "--last-resort", NULL);
	if (src == STATE_SRC_DATA || src == STATE_SRC_RAW) {
		snprintf(spec, sizeof(spec), "%s:%s", state_source_name(src),
			 src == STATE_SRC_DATA ? b->dev.data : b->dev.raw);
		add_arg(a, "--source", spec);
		return;
	}
	for (unsigned i = 0; i < b->dev.nmedia; i++) {
		if (b->dev.medium_is_sd[i] != (src == STATE_SRC_SD))
			continue;
		snprintf(spec, sizeof(spec), "%s:%s", state_source_name(src), b->dev.media[i]);
		add_arg(a, "--source", spec);
	}
}

/* ---------------------------------------------------------------- its progress */

struct applying {
	struct progress p;
	enum plan_mode mode;
	/* the step that was reported last */
	unsigned reported;
};

/* For all of apply. Many short looks would hold up a boot; in a rescue the last one may help. */
static uint64_t whole_limit_ms(const void *ctx, uint64_t stall_ms)
{
	const struct applying *a = ctx;

	if (plan_is_rescue(a->mode) || a->p.candidate > 0)
		return APPLY_LIMIT_MS;
	return stall_ms > LOOK_LIMIT_MS ? stall_ms : LOOK_LIMIT_MS;
}

static enum follow_taken take_progress(void *ctx, const char *buf, size_t len)
{
	struct applying *a = ctx;
	const struct progress *p = &a->p;
	unsigned step;

	if (!progress_take(&a->p, buf, len))
		return FOLLOW_SAME;
	step = (p->candidate * 8 + p->phase) * 1000 + progress_percent(p) / 20 * 20;
	if (p->phase != PROGRESS_LOOK && step != a->reported) {
		a->reported = step;
		log_notice("update: %s, %u %%", progress_phase_name(p->phase), progress_percent(p));
	}
	return FOLLOW_MOVED;
}

static void report_stopped(const void *ctx, uint64_t idle_ms)
{
	const struct applying *a = ctx;

	if (idle_ms > 0)
		log_err("update: no progress for %u s while %s; stopped",
			(unsigned)(idle_ms / 1000), progress_phase_name(a->p.phase));
	else
		log_err("update: %s for too long; stopped", progress_phase_name(a->p.phase));
}

/* ---------------------------------------------------------------- its end */

static enum updates_end end_of(int status)
{
	if (WIFSIGNALED(status))
		log_err("update: apply was ended by signal %d", WTERMSIG(status));
	if (!WIFEXITED(status))
		return UPDATES_CRASHED;
	switch (WEXITSTATUS(status)) {
	case APPLY_INSTALLED:
		return UPDATES_INSTALLED;
	case APPLY_FAILED:
		return UPDATES_FAILED;
	case APPLY_NOTHING:
		return UPDATES_NOTHING;
	default:
		return UPDATES_CRASHED;
	}
}

static enum updates_end follow_apply(struct boot *b, pid_t pid, int fd, enum plan_mode mode)
{
	static const struct follow_ops ops = { whole_limit_ms, take_progress, report_stopped };
	struct applying a = { .p.phase = PROGRESS_NONE, .mode = mode };
	int status = 0;

	switch (follow_child(b, pid, fd, &ops, &a, &status)) {
	case FOLLOW_ENDED:
		return end_of(status);
	case FOLLOW_KILLED:
		return UPDATES_CRASHED;
	case FOLLOW_UNSTOPPABLE:
		break;
	}
	return UPDATES_UNSTOPPABLE;
}

enum updates_end updates_run_apply(struct boot *b, enum state_source src, enum plan_mode mode)
{
	static struct args args;
	struct os_spawn sp = { .path = BOOT_HELPER, .argv = args.v, .own_mounts = true };
	enum updates_end end;
	enum kb_err err;
	int fds[2];
	pid_t pid;

	/* A device that cannot boot has nothing to lose. */
	if (!plan_is_rescue(mode) && !stages_pre_update(b, state_source_name(src)))
		return UPDATES_REFUSED;
	build_args(&args, b, src, mode);
	if (os_pipe(fds) != KB_OK)
		return UPDATES_FAILED;
	sp.envp = bootlog_env();
	sp.fd3 = fds[1];
	err = os_spawn(&sp, &pid);
	os_close(&fds[1]);
	if (err != KB_OK) {
		os_close(&fds[0]);
		log_err("update: unable to start %s: %s", BOOT_HELPER, err_text(err));
		return UPDATES_FAILED;
	}
	end = follow_apply(b, pid, fds[0], mode);
	os_close(&fds[0]);
	return end;
}
