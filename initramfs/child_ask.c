/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/child_ask.h"

#include "initramfs/boot_data.h"
#include "initramfs/follow.h"
#include "lib/bootlog.h"
#include "lib/log.h"
#include "lib/os.h"

#include <string.h>
#include <sys/wait.h>

static uint64_t ask_limit_ms(const void *ctx, uint64_t stall_ms)
{
	(void)stall_ms;
	return ((const struct child_said *)ctx)->limit_ms;
}

static enum follow_taken take_text(void *ctx, const char *buf, size_t len)
{
	struct child_said *s = ctx;

	if (len > sizeof(s->text) - 1 - s->len)
		return FOLLOW_REFUSED;
	memcpy(s->text + s->len, buf, len);
	s->len += len;
	return FOLLOW_MOVED;
}

static void report_ask_stopped(const void *ctx, uint64_t idle_ms)
{
	(void)idle_ms;
	log_err("%s does not end; stopped", ((const struct child_said *)ctx)->name);
}

static enum kb_err follow_answer(struct boot *b, pid_t pid, int fd, struct child_said *said,
				 int *code)
{
	static const struct follow_ops ops = { ask_limit_ms, take_text, report_ask_stopped };
	int status = 0;

	if (follow_child(b, pid, fd, &ops, said, &status) != FOLLOW_ENDED)
		return KB_ETIMEDOUT;
	*code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return *code < 0 ? KB_ECHILD : KB_OK;
}

enum kb_err child_ask(struct boot *b, const char *const *argv, unsigned limit_ms,
		      struct child_said *said, int *code)
{
	struct os_spawn sp = {
		.path = BOOT_HELPER, .argv = argv, .capture = true, .own_mounts = true
	};
	enum kb_err err;
	int fds[2];
	pid_t pid;

	*said = (struct child_said){ .name = argv[0], .limit_ms = limit_ms };
	TRY(os_pipe(fds));
	sp.envp = bootlog_env();
	sp.fd3 = fds[1];
	err = os_spawn(&sp, &pid);
	os_close(&fds[1]);
	if (err == KB_OK)
		err = follow_answer(b, pid, fds[0], said, code);
	os_close(&fds[0]);
	said->text[strcspn(said->text, "\n")] = '\0';
	return err;
}
