/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data_run.h"

#include "initramfs/boot_data.h"
#include "initramfs/follow.h"
#include "initramfs/hardware_need.h"
#include "lib/bootlog.h"
#include "lib/bytes.h"
#include "lib/os.h"
#include "lib/util.h"

#include <string.h>
#include <sys/wait.h>

#define WHOLE_LIMIT_MS (15u * 60 * 1000) /* a copy on the slowest card, of the largest size */

static const char *const verbs[] = {
	[DATA_JOB_CHECK] = "check", [DATA_JOB_MAKE] = "make", [DATA_JOB_BACK] = "back",
	[DATA_JOB_DROP] = "drop",   [DATA_JOB_LOOK] = "look", [DATA_JOB_FILL] = "fill",
	[DATA_JOB_WIPE] = "wipe",
};

/* What of the answer came so far. */
struct reading {
	size_t used;
	uint8_t *at;
};

static uint64_t data_limit_ms(const void *ctx, uint64_t stall_ms)
{
	(void)ctx;
	(void)stall_ms;
	return WHOLE_LIMIT_MS;
}

/* Signs of life, and then the answer; more than that is none. */
static enum follow_taken take_bytes(void *ctx, const char *buf, size_t len)
{
	struct reading *r = ctx;

	for (size_t i = 0; i < len; i++) {
		if (r->used == 0 && buf[i] == DATA_WIRE_ALIVE)
			continue;
		if (r->used == sizeof(struct data_wire))
			return FOLLOW_REFUSED;
		r->at[r->used++] = (uint8_t)buf[i];
	}
	return FOLLOW_MOVED;
}

static void report_data_stopped(const void *ctx, uint64_t idle_ms)
{
	(void)ctx;
	if (idle_ms > 0)
		log_err("data: no progress for %u s; stopped", (unsigned)(idle_ms / 1000));
	else
		log_err("data: not done in %u minutes; stopped", WHOLE_LIMIT_MS / 60000);
}

static bool is_whole(struct data_wire *a, const struct reading *r)
{
	if (r->used != sizeof(*a) || a->magic != DATA_WIRE_MAGIC || a->end > DATA_WIRE_FAILED)
		return false;
	a->how[sizeof(a->how) - 1] = '\0';
	a->why[sizeof(a->why) - 1] = '\0';
	return true;
}

/* One that only looks harms nobody, wherever the kernel holds it. */
static bool writes(enum data_job job)
{
	return job != DATA_JOB_CHECK && job != DATA_JOB_LOOK;
}

static enum kb_err follow_data(struct boot *b, enum data_job job, pid_t pid, int fd,
			       struct reading *r)
{
	static const struct follow_ops ops = { data_limit_ms, take_bytes, report_data_stopped };
	int status = 0;

	switch (follow_child(b, pid, fd, &ops, r, &status)) {
	case FOLLOW_ENDED:
		return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? KB_OK : KB_ECHILD;
	case FOLLOW_KILLED:
		return KB_ECHILD;
	case FOLLOW_UNSTOPPABLE:
		break;
	}
	if (!writes(job)) {
		log_err("data: keelboot-data cannot be stopped; it is left running");
		return KB_ECHILD;
	}
	/* Only a reset ends that; the count of such boots bounds how often. */
	log_err("data: keelboot-data cannot be stopped; restarting");
	os_reboot();
	return KB_ECHILD;
}

enum kb_err data_run(struct boot *b, enum data_job job, const struct state_data *whose,
		     struct data_wire *answer)
{
	char slot[2] = { whose->slot >= 0 ? state_slot_letter(whose->slot) : 'a', '\0' };
	char release[2 * STATE_LEDGER_ID_LEN + 1];
	const char *const argv[] = {
		"keelboot-data", verbs[job], b->dev.data, slot, release, NULL
	};
	struct os_spawn sp = { .path = os_executable(BOOT_DATA) ? BOOT_DATA : BOOT_HELPER,
			       .argv = argv,
			       .own_mounts = true };
	struct reading r = { .at = (uint8_t *)answer };
	enum kb_err err;
	int fds[2];
	pid_t pid;

	memset(answer, 0, sizeof(*answer));
	hardware_need_data(b);
	bytes_hex(release, whose->release, STATE_LEDGER_ID_LEN);
	if (!os_executable(sp.path) || os_pipe(fds) != KB_OK)
		return KB_EEXEC;
	sp.envp = bootlog_env();
	sp.fd3 = fds[1];
	err = os_spawn(&sp, &pid);
	os_close(&fds[1]);
	if (err == KB_OK)
		err = follow_data(b, job, pid, fds[0], &r);
	os_close(&fds[0]);
	return err != KB_OK || is_whole(answer, &r) ? err : KB_ECHILD;
}
