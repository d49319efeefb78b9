/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/follow.h"

#include "lib/os.h"
#include "lib/stall.h"

#define STEP_MS 500u
#define EXIT_MS 10000u /* from the end of its pipe to its own */

/* False: it is to be killed. */
static bool follow_pipe(struct boot *b, int fd, const struct follow_ops *ops, void *ctx,
			uint64_t stall_ms)
{
	uint64_t start = os_now_ms(), moved = start, now = start;
	enum follow_taken taken;
	char buf[256];
	size_t len;
	bool ready;

	while (now - moved < stall_ms && now - start < ops->limit_ms(ctx, stall_ms)) {
		enum kb_err err = os_poll(&fd, &ready, 1, STEP_MS);

		now = os_now_ms();
		if (err == KB_ETIMEDOUT)
			continue;
		err = err == KB_OK ? os_read(fd, buf, sizeof(buf), &len) : err;
		if (err == KB_EBUSY)
			continue;
		if (err != KB_OK || len == 0)
			return true;
		taken = ops->take(ctx, buf, len);
		if (taken == FOLLOW_REFUSED)
			return false;
		if (taken == FOLLOW_SAME)
			continue;
		moved = now;
		wdt_feed(&b->wdt);
	}
	ops->stopped(ctx, now - moved >= stall_ms ? now - moved : 0);
	return false;
}

/* The watchdog is fed once for each step, so that a short timeout does not come before the bound of
 * the step. */
enum follow_end follow_child(struct boot *b, pid_t pid, int fd, const struct follow_ops *ops,
			     void *ctx, int *status)
{
	uint64_t stall_ms = stall_limit_ms(&b->conf, wdt_timeout_s(&b->wdt));
	bool ended = follow_pipe(b, fd, ops, ctx, stall_ms);
	enum kb_err err = KB_ETIMEDOUT;

	wdt_feed(&b->wdt);
	if (ended)
		err = os_wait(pid, stall_ms < EXIT_MS ? (unsigned)stall_ms : EXIT_MS, status);
	wdt_feed(&b->wdt);
	if (err == KB_OK) {
		os_kill_begin(pid);
		return FOLLOW_ENDED;
	}
	return os_kill(pid) == KB_ETIMEDOUT ? FOLLOW_UNSTOPPABLE : FOLLOW_KILLED;
}
