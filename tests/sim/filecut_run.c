/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_run.h"

#include "cli/verbs.h"
#include "lib/log.h"
#include "lib/util.h"
#include "tests/sim/filecut_files.h"
#include "tests/sim/filecut_world.h"
#include "update/apply/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_S 120 /* of real time: then it hangs */

static struct filecut_rec *rec;
static char said[16384];

const char *filecut_run_name(enum filecut_run_verb v)
{
	static const char *const name[FILECUT_RUN_VERBS] = { "stage", "stage-other", "unstage",
							     "good",  "status",	     "apply" };

	return name[v];
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

int filecut_run_cmd(filecut_run_cmd_fn cmd, const char *operand)
{
	static char slot[2][600];
	static const char *argv[20];
	static struct device_options options;
	struct args a = { .argv = (char **)argv, .at = 1 };
	const char *const fixed[] = { "keelboot",
				      "--state",
				      bundles_path("state"),
				      "--conf-root",
				      bundles_path("root"),
				      "--run-dir",
				      bundles_path("run"),
				      "--wait",
				      "0" };
	int n = (int)KB_ARRAY_LEN(fixed);

	memcpy(argv, fixed, sizeof(fixed));
	for (unsigned i = 0; i < 2; i++) {
		snprintf(slot[i], sizeof(slot[0]), "%c:root=%s", 'a' + i,
			 bundles_path(i ? "b" : "a"));
		argv[n++] = "--slot";
		argv[n++] = slot[i];
	}
	if (operand != NULL)
		argv[n++] = operand;
	a.argc = n;
	device_options_default(&options);
	return cmd(&a, &options);
}

int filecut_run_apply(void)
{
	static char slot[2][600], source[600];
	const char *argv[] = { "keelboot-apply",
			       "--root",
			       bundles_path("root"),
			       "--state",
			       bundles_path("state"),
			       "--source",
			       source,
			       "--slot",
			       slot[0],
			       "--slot",
			       slot[1] };

	snprintf(source, sizeof(source), "data:%s", bundles_path("a"));
	for (unsigned i = 0; i < 2; i++)
		snprintf(slot[i], sizeof(slot[0]), "%c:root=%s", 'a' + i,
			 bundles_path(i ? "b" : "a"));
	return apply_main((int)KB_ARRAY_LEN(argv), (char **)argv);
}

static int run_stage(void)
{
	return filecut_run_cmd(stage_cmd, bundles_path("new.keel"));
}

static int run_stage_other(void)
{
	return filecut_run_cmd(stage_cmd, bundles_path("other.keel"));
}

static int run_unstage(void)
{
	return filecut_run_cmd(unstage_cmd, NULL);
}

static int run_good(void)
{
	return filecut_run_cmd(mark_cmd, "good");
}

static int run_status(void)
{
	return filecut_run_cmd(status_cmd, NULL);
}

static void child(int (*program)(void), const struct filecut_rec_plan *plan, int out)
{
	const char *data = bundles_path("data");
	int code;

	dup2(out, 1);
	dup2(out, 2);
	log_to(2, 0);
	log_set_level(LOG_LEVEL_NOTICE);
	filecut_rec_begin(rec, plan, data, bundles_path("state"));
	filecut_files_begin(data);
	alarm(HANG_S);
	code = program();
	fflush(stdout);
	_exit(code);
}

int filecut_run_program(int (*program)(void), const struct filecut_rec_plan *plan)
{
	int out = memfd_create("said", MFD_CLOEXEC), status = 0;
	ssize_t n;
	pid_t pid;

	if (rec == NULL)
		rec = filecut_rec_new();
	must(out >= 0, "memfd");
	fflush(stdout);
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0)
		child(program, plan, out);
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	n = pread(out, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(out);
	if (rec->odd != NULL) {
		fprintf(stderr, "filecut: %s, which the model does not know\n%s", rec->odd, said);
		exit(1);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : FILECUT_RUN_SIGNAL + WTERMSIG(status);
}

int filecut_run_do(enum filecut_run_verb v, const struct filecut_rec_plan *plan)
{
	static int (*const program[FILECUT_RUN_VERBS])(void) = {
		[FILECUT_RUN_STAGE] = run_stage,     [FILECUT_RUN_STAGE_OTHER] = run_stage_other,
		[FILECUT_RUN_UNSTAGE] = run_unstage, [FILECUT_RUN_GOOD] = run_good,
		[FILECUT_RUN_STATUS] = run_status,   [FILECUT_RUN_APPLY] = filecut_run_apply,
	};

	return filecut_run_program(program[v], plan);
}

const struct filecut_rec *filecut_run_rec(void)
{
	return rec;
}

const char *filecut_run_said(void)
{
	return said;
}
