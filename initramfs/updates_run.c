/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/updates_run.h"

#include "initramfs/progress.h"
#include "initramfs/stages.h"
#include "lib/bootlog.h"
#include "lib/os.h"
#include "lib/stall.h"
#include "update/wire/apply_wire.h"

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
			snprintf(spec, sizeof(spec), "%c:%s=%s", state_slot_letter((int)i),
				 b->conf.slot[i].cls[c].name, b->dev.slot[i].part[c]);
			add_arg(a, "--slot", spec);
		}
	}
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

/* For all of apply. Many short looks would hold up a boot; in a rescue the last one may help. */
static uint64_t whole_limit_ms(const struct progress *p, uint64_t stall, enum plan_mode mode)
{
	if (plan_is_rescue(mode) || p->candidate > 0)
		return APPLY_LIMIT_MS;
	return stall > LOOK_LIMIT_MS ? stall : LOOK_LIMIT_MS;
}

/* Follows the child until its pipe is closed. False: it stalls, or takes too long. */
static bool follow_apply(struct boot *b, int fd, struct progress *p, enum plan_mode mode)
{
	uint64_t start = os_now_ms(), moved = start, now = start;
	uint64_t limit = stall_limit_ms(&b->conf, wdt_timeout_s(&b->wdt));
	unsigned reported = 0, step;
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
		step = (p->candidate * 8 + p->phase) * 1000 + progress_percent(p) / 20 * 20;
		if (p->phase != PROGRESS_LOOK && step != reported) {
			reported = step;
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

/* Waits for the end of apply, or makes it. The watchdog is fed once for each step, so that a short
 * timeout does not come before the bound of the step. */
static enum updates_end end_apply(struct boot *b, pid_t pid, bool ended)
{
	uint64_t limit = stall_limit_ms(&b->conf, wdt_timeout_s(&b->wdt));
	enum kb_err err = KB_ETIMEDOUT;
	int status = 0;

	wdt_feed(&b->wdt);
	if (ended)
		err = os_wait(pid, limit < EXIT_MS ? (unsigned)limit : EXIT_MS, &status);
	wdt_feed(&b->wdt);
	if (err == KB_OK) {
		os_kill_begin(pid); /* what it left behind */
		return end_of(status);
	}
	return os_kill(pid) == KB_ETIMEDOUT ? UPDATES_UNSTOPPABLE : UPDATES_CRASHED;
}

enum updates_end updates_run_apply(struct boot *b, enum state_source src, enum plan_mode mode)
{
	static struct args args;
	struct os_spawn sp = { .path = BOOT_HELPER, .argv = args.v, .own_mounts = true };
	struct progress p = { .phase = PROGRESS_NONE };
	enum kb_err err;
	int fds[2];
	pid_t pid;
	bool ended;

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
	ended = follow_apply(b, fds[0], &p, mode);
	os_close(&fds[0]);
	return end_apply(b, pid, ended);
}
