/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/hook.h"

#include "lib/guest.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define ENV_MAX	   12
#define ENV_LEN	   320
#define LINE_LEN   240
#define LINES_MAX  200 /* of one hook; a flood would push the boot out of the kernel's log */
#define STEP_MS	   500
#define REMAINS_MS 50 /* how soon the end of a hook is seen whose children keep its output open */

struct output {
	const char *name;
	char line[LINE_LEN];
	/* the line before */
	char last[LINE_LEN];
	size_t len;
	unsigned lines;
	/* or NULL */
	struct tail *tail;
};

struct vars {
	char text[ENV_MAX][ENV_LEN];
	const char *v[ENV_MAX + 1];
	unsigned n;
};

static void add_var(struct vars *vars, const char *name, const char *value)
{
	if (vars->n == ENV_MAX)
		return;
	snprintf(vars->text[vars->n], ENV_LEN, "%s=%s", name, value != NULL ? value : "");
	vars->v[vars->n] = vars->text[vars->n];
	vars->n++;
	vars->v[vars->n] = NULL;
}

static void make_vars(struct vars *vars, const char *stage, const struct hook_env *env)
{
	vars->n = 0;
	add_var(vars, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
	add_var(vars, "KEELBOOT_STAGE", stage);
	add_var(vars, "KEELBOOT_SLOT", env->slot);
	add_var(vars, "KEELBOOT_STATUS", env->status);
	add_var(vars, "KEELBOOT_VERSION", env->version);
	add_var(vars, "KEELBOOT_DEVICE", env->device);
	add_var(vars, "KEELBOOT_ROOT", env->root);
	add_var(vars, "KEELBOOT_DATA", env->data);
	add_var(vars, "KEELBOOT_DATA_FILESYSTEM", env->data_fstype);
	add_var(vars, "KEELBOOT_SOURCE", env->source);
}

static void end_line(struct output *o)
{
	o->line[o->len] = '\0';
	if (o->len > 0 && o->lines < LINES_MAX)
		log_info("hook %s: %s", o->name, o->line);
	if (o->len > 0 && o->lines == LINES_MAX)
		log_warn("hook %s: more than %d lines of output; the rest is dropped", o->name,
			 LINES_MAX);
	if (o->len > 0 && o->lines <= LINES_MAX)
		o->lines++;
	if (o->len > 0)
		memcpy(o->last, o->line, o->len + 1);
	o->len = 0;
}

static void take_output(struct output *o, const char *text, size_t len)
{
	if (o->tail != NULL)
		tail_add(o->tail, text, len);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			end_line(o);
			continue;
		}
		if (o->len == LINE_LEN - 1)
			end_line(o);
		o->line[o->len++] = text[i];
	}
}

/* Reads what is there. False: there will be no more. */
static bool drain_output(struct output *o, int fd, uint64_t end)
{
	char buf[512];
	enum kb_err err;
	size_t len;

	/* Who prints without a pause does not get more time for it. */
	while (os_now_ms() < end) {
		err = os_read(fd, buf, sizeof(buf), &len);
		if (err == KB_EBUSY)
			return true;
		if (err != KB_OK || len == 0)
			return false;
		take_output(o, buf, len);
	}
	return true;
}

/* Follows the hook to its end, or to the end of its time: KB_ETIMEDOUT. */
static enum kb_err follow_hook(const struct hook_env *env, struct output *o, pid_t pid, int fd,
			       unsigned timeout_s, int *status)
{
	uint64_t end = os_now_ms() + (uint64_t)timeout_s * 1000, now = os_now_ms();
	bool open = true, ready;

	while (now < end) {
		unsigned step = end - now < STEP_MS ? (unsigned)(end - now) : STEP_MS;
		enum kb_err err;

		if (env->idle != NULL)
			env->idle(env->idle_ctx);
		if (open && os_poll(&fd, &ready, 1, step < REMAINS_MS ? step : REMAINS_MS) == KB_OK)
			open = drain_output(o, fd, end);
		err = os_wait(pid, open ? 0 : step, status);
		if (err != KB_ETIMEDOUT) {
			if (open)
				drain_output(o, fd, end);
			return err;
		}
		now = os_now_ms();
	}
	return KB_ETIMEDOUT;
}

static enum kb_err fail_hook(char *reason, const char *name, const char *what)
{
	/* The end says what happened: a long name is cut instead. */
	int room = HOOK_REASON_MAX - (int)strlen(what) - (int)strlen("hook : ");

	snprintf(reason, HOOK_REASON_MAX + 1, "hook %.*s: %s", room > 0 ? room : 0, name, what);
	log_err("hook %s: %s", name, what);
	return KB_ECHECK;
}

static enum kb_err verdict_of_exit(char *reason, const char *name, enum kb_err err, int status)
{
	char what[32];

	if (err == KB_ETIMEDOUT)
		return fail_hook(reason, name, "timed out");
	if (err != KB_OK)
		return fail_hook(reason, name, "lost");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return KB_OK;
	if (WIFEXITED(status))
		snprintf(what, sizeof(what), "exit %d", WEXITSTATUS(status));
	else
		snprintf(what, sizeof(what), "signal %d", WTERMSIG(status));
	return fail_hook(reason, name, what);
}

static enum kb_err run_hook(const char *dir, const char *name, const struct vars *vars,
			    const struct hook_env *env, unsigned timeout_s, char *reason)
{
	char path[192];
	const char *const argv[] = { path, NULL };
	struct os_spawn sp = {
		.path = path,
		.argv = argv,
		.envp = vars->v,
		.capture = true,
		.cpu_s = timeout_s,
		.own_mounts = true,
		.guest = true,
	};
	struct output out = { .name = name, .tail = env->tail };
	/* Nothing of it may hold the slot's file system. */
	struct guest guest = {
		.kind = "hook ", .name = name, .idle = env->idle, .idle_ctx = env->idle_ctx
	};
	int fds[2], status = 0;
	enum kb_err err;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%.63s", dir, name);
	if (os_pipe(fds) != KB_OK)
		return fail_hook(reason, name, "cannot be started");
	sp.fd3 = fds[1];
	guest_begin(&guest);
	err = os_spawn(&sp, &pid);
	os_close(&fds[1]);
	if (err != KB_OK) {
		os_close(&fds[0]);
		log_err("hook %s: cannot be started: %m; is its interpreter in the initramfs?",
			name);
		guest_end(&guest, pid, false);
		return fail_hook(reason, name, "cannot be started");
	}
	err = follow_hook(env, &out, pid, fds[0], timeout_s, &status);
	end_line(&out);
	os_close(&fds[0]);
	guest_end(&guest, pid, err == KB_ETIMEDOUT);
	err = verdict_of_exit(reason, name, err, status);
	if (err != KB_OK && env->said != NULL)
		util_print_safe(env->said, HOOK_SAID_MAX + 1, out.last);
	if (err == KB_OK && env->tail != NULL)
		*env->tail = (struct tail){ .len = 0 };
	return err;
}

static bool is_hook(const char *dir, const char *name)
{
	char path[192];

	if (name[0] == '.' || name[strlen(name) - 1] == '~')
		return false;
	snprintf(path, sizeof(path), "%s/%.63s", dir, name);
	if (os_executable(path))
		return true;
	log_warn("hook %s: not an executable file; ignored", path);
	return false;
}

static enum kb_err run_dir(const char *stage, const struct hook_env *env, unsigned timeout_s,
			   char *reason)
{
	char names[HOOK_MAX + 1][HOOK_NAME_MAX + 2], dir[96];
	struct vars vars;
	enum kb_err err;
	unsigned n = 0;

	snprintf(dir, sizeof(dir), HOOK_DIR "/%.40s.d", stage);
	err = os_list(dir, names, KB_ARRAY_LEN(names), &n);
	if (err != KB_OK && err != KB_ENOENT) /* a slot is not left for one failed read */
		err = os_list(dir, names, KB_ARRAY_LEN(names), &n);
	if (err == KB_ENOENT)
		return KB_OK;
	if (err != KB_OK)
		return fail_hook(reason, stage, "folder cannot be read");
	if (n > HOOK_MAX)
		return fail_hook(reason, stage, "too many hooks");
	for (unsigned i = 0; i < n; i++)
		if (strlen(names[i]) > HOOK_NAME_MAX)
			return fail_hook(reason, names[i], "name too long");
	make_vars(&vars, stage, env);
	for (unsigned i = 0; i < n; i++) {
		if (is_hook(dir, names[i]))
			TRY(run_hook(dir, names[i], &vars, env, timeout_s, reason));
	}
	return KB_OK;
}

enum kb_err hook_run_dir(const char *stage, const struct hook_env *env, unsigned timeout_s,
			 char *reason)
{
	char why[HOOK_REASON_MAX + 1] = "";
	enum kb_err err = run_dir(stage, env, timeout_s, why);

	if (err == KB_OK || (env->overrule != NULL && env->overrule(env, why)))
		return KB_OK;
	memcpy(reason, why, sizeof(why));
	return err;
}
