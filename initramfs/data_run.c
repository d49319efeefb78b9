/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data_run.h"

#include "initramfs/boot_data.h"
#include "lib/bootlog.h"
#include "lib/bytes.h"
#include "lib/os.h"
#include "lib/stall.h"
#include "lib/util.h"

#include <string.h>
#include <sys/wait.h>

#define WHOLE_LIMIT_MS (15u * 60 * 1000) /* a copy on the slowest card, of the largest size */
#define STEP_MS	       500u
#define EXIT_MS	       5000u

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

/* False: more than an answer came. */
static bool take_bytes(struct reading *r, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (r->used == 0 && buf[i] == DATA_WIRE_ALIVE)
			continue;
		if (r->used == sizeof(struct data_wire))
			return false;
		r->at[r->used++] = buf[i];
	}
	return true;
}

/* Follows it to the end of its pipe. False: it stalls, takes too long, or says what it must not. */
static bool follow(struct boot *b, int fd, struct reading *r)
{
	uint64_t start = os_now_ms(), moved = start, now = start;
	uint64_t limit = stall_limit_ms(&b->conf, wdt_timeout_s(&b->wdt));
	uint8_t buf[256];
	size_t len;
	bool ready;

	while (now - moved < limit && now - start < WHOLE_LIMIT_MS) {
		enum kb_err err = os_poll(&fd, &ready, 1, STEP_MS);

		now = os_now_ms();
		if (err == KB_ETIMEDOUT)
			continue;
		err = err == KB_OK ? os_read(fd, buf, sizeof(buf), &len) : err;
		if (err == KB_EBUSY)
			continue;
		if (err != KB_OK || len == 0)
			return err == KB_OK;
		if (!take_bytes(r, buf, len))
			return false;
		moved = now;
		wdt_feed(&b->wdt);
	}
	log_err("data: no progress; stopped");
	return false;
}

static bool is_whole(struct data_wire *a, const struct reading *r)
{
	if (r->used != sizeof(*a) || a->magic != DATA_WIRE_MAGIC || a->end > DATA_WIRE_FAILED)
		return false;
	a->how[sizeof(a->how) - 1] = '\0';
	a->why[sizeof(a->why) - 1] = '\0';
	return true;
}

static enum kb_err end_child(struct boot *b, pid_t pid, bool ended)
{
	int status = 0;

	wdt_feed(&b->wdt);
	if (ended && os_wait(pid, EXIT_MS, &status) == KB_OK)
		return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? KB_OK : KB_ECHILD;
	if (os_kill(pid) == KB_OK)
		return KB_ECHILD;
	/* It may still write. Only a reset ends that. */
	log_err("data: " BOOT_DATA " cannot be stopped; restarting");
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
	struct os_spawn sp = { .path = BOOT_DATA, .argv = argv, .own_mounts = true };
	struct reading r = { .at = (uint8_t *)answer };
	enum kb_err err;
	int fds[2];
	pid_t pid;
	bool ended;

	memset(answer, 0, sizeof(*answer));
	bytes_hex(release, whose->release, STATE_LEDGER_ID_LEN);
	if (!os_executable(BOOT_DATA) || os_pipe(fds) != KB_OK)
		return KB_EEXEC;
	sp.envp = bootlog_env();
	sp.fd3 = fds[1];
	err = os_spawn(&sp, &pid);
	os_close(&fds[1]);
	if (err == KB_OK) {
		ended = follow(b, fds[0], &r);
		err = end_child(b, pid, ended);
	}
	os_close(&fds[0]);
	return err != KB_OK || is_whole(answer, &r) ? err : KB_ECHILD;
}
