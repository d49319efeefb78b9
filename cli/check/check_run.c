/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check/check_run.h"

#include "lib/bytes.h"
#include "lib/guest.h"
#include "lib/log.h"
#include "lib/os.h"
#include "selector/state.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define STEP_MS 200
#define BASH	"/bin/bash"

struct running {
	const char *name;
	char line[CHECK_RUN_SAID_MAX + 1];
	size_t len;
	struct check_run_result *r;
};

bool check_run_timeout(const char *text, uint64_t *seconds)
{
	if (bytes_decimal(seconds, text, 3600) == KB_OK && *seconds > 0)
		return true;
	log_err("--timeout %s: expected seconds, from 1 to 3600", text);
	return false;
}

static void end_line(struct running *run)
{
	run->line[run->len] = '\0';
	if (run->len == 0)
		return;
	log_info("%s: %s", run->name, run->line);
	memcpy(run->r->said, run->line, run->len + 1);
	run->len = 0;
}

static void take_output(struct running *run, const char *text, size_t len)
{
	tail_add(&run->r->tail, text, len);
	for (size_t i = 0; i < len; i++) {
		bool printable = text[i] >= 0x20 && text[i] <= 0x7e;

		if (text[i] == '\n') {
			end_line(run);
			continue;
		}
		if (run->len < CHECK_RUN_SAID_MAX)
			run->line[run->len++] = printable ? text[i] : '?';
	}
}

/* False: it has closed its output. */
static bool drain_check(struct running *run, int fd, uint64_t end)
{
	char buf[512];
	size_t len;

	while (os_now_ms() < end) {
		enum kb_err err = os_read(fd, buf, sizeof(buf), &len);

		if (err == KB_EBUSY)
			return true;
		if (err != KB_OK || len == 0)
			return false;
		take_output(run, buf, len);
	}
	return true;
}

static enum kb_err follow_check(struct running *run, pid_t pid, int fd, uint64_t end, int *status)
{
	bool open = true, ready;

	while (os_now_ms() < end) {
		enum kb_err err;

		if (open && os_poll(&fd, &ready, 1, STEP_MS / 4) == KB_OK)
			open = drain_check(run, fd, end);
		err = os_wait(pid, open ? 0 : STEP_MS, status);
		if (err == KB_ETIMEDOUT)
			continue;
		if (open)
			drain_check(run, fd, end);
		return err;
	}
	return KB_ETIMEDOUT;
}

static void judge_end(struct check_run_result *r, enum kb_err err, int status)
{
	r->ok = err == KB_OK && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (err == KB_ETIMEDOUT)
		snprintf(r->what, sizeof(r->what), "timed out");
	else if (err != KB_OK)
		snprintf(r->what, sizeof(r->what), "lost");
	else if (WIFEXITED(status))
		snprintf(r->what, sizeof(r->what), "exit %d", WEXITSTATUS(status));
	else
		snprintf(r->what, sizeof(r->what), "signal %d", WTERMSIG(status));
}

static void run_spawned(struct running *run, const struct os_spawn *sp, int fds[2],
			unsigned timeout_s)
{
	uint64_t end = os_now_ms() + (uint64_t)timeout_s * 1000;
	struct guest guest = { .kind = "", .name = run->name };
	int status = 0;
	enum kb_err err;
	pid_t pid;

	guest_begin(&guest);
	err = os_spawn(sp, &pid);
	os_close(&fds[1]);
	if (err != KB_OK) {
		log_err("%s: %m (missing interpreter?)", run->name);
		snprintf(run->r->what, sizeof(run->r->what), "cannot be started");
		guest_end(&guest, pid, false);
		return;
	}
	err = follow_check(run, pid, fds[0], end, &status);
	end_line(run);
	guest_end(&guest, pid, err == KB_ETIMEDOUT);
	judge_end(run->r, err, status);
}

static bool can_run(const struct check_run_env *env, const char *seen, const char *path)
{
	return env->root != NULL ? os_executable_in(env->root, seen) : os_executable(path);
}

void check_run(const char *path, bool by_bash, const struct check_run_env *env,
	       struct check_run_result *r)
{
	char stage[32], slot[32], status[48], version[96], limit[32];
	const char *root = env->root != NULL ? env->root : "";
	const char *seen = path + strlen(root); /* by the program itself */
	const char letter[2] = { env->slot != STATE_NONE ? state_slot_letter(env->slot) : '\0' };
	/* -C: as greenboot does; no redirection overwrites a file */
	const char *const argv[] = { BASH, "-C", seen, NULL };
	const char *const envp[] = {
		"PATH=" CHECK_RUN_PATH, stage, slot, status, version, limit, NULL
	};
	struct os_spawn sp = { .path = by_bash ? BASH : seen,
			       .argv = by_bash ? argv : argv + 2,
			       .envp = envp,
			       .capture = true,
			       .root = env->root,
			       .cpu_s = env->timeout_s };
	struct running run = { .name = path, .r = r };
	uint64_t begin = os_now_ms();
	int fds[2];

	*r = (struct check_run_result){ .ok = false };
	snprintf(stage, sizeof(stage), "KEELBOOT_STAGE=%.16s", env->stage);
	snprintf(slot, sizeof(slot), "KEELBOOT_SLOT=%.1s", letter);
	snprintf(status, sizeof(status), "KEELBOOT_STATUS=%.16s", env->status);
	snprintf(version, sizeof(version), "KEELBOOT_VERSION=%.48s", env->version);
	snprintf(limit, sizeof(limit), "KEELBOOT_TIMEOUT=%u", env->timeout_s);
	if (!by_bash && !can_run(env, seen, path)) {
		snprintf(r->what, sizeof(r->what), "not an executable file");
		return;
	}
	if (os_pipe(fds) != KB_OK) {
		snprintf(r->what, sizeof(r->what), "cannot be started");
		return;
	}
	sp.fd3 = fds[1];
	run_spawned(&run, &sp, fds, env->timeout_s);
	os_close(&fds[0]);
	r->ms = os_now_ms() - begin;
}
