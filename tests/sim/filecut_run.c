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

static const char *const *slot_options(void)
{
	static char slot[2][600];
	static const char *const both[] = { slot[0], slot[1] };

	for (unsigned i = 0; i < 2; i++)
		snprintf(slot[i], sizeof(slot[0]), "%c:root=%s", 'a' + i,
			 bundles_path(i ? "b" : "a"));
	return both;
}

static int run_command(const struct filecut_run_program *p)
{
	static const char *argv[20];
	static struct device_options options;
	struct args a = { .argv = (char **)argv, .at = 1 };
	const char *const fixed[] = {
		"keelboot",
		"--state",
		bundles_path("state"),
		"--conf-root",
		bundles_path("root"),
		"--run-dir",
		bundles_path("run"),
		"--wait",
		"0",
		"--slot",
		slot_options()[0],
		"--slot",
		slot_options()[1],
	};

	memcpy(argv, fixed, sizeof(fixed));
	a.argc = KB_ARRAY_LEN(fixed);
	if (p->operand != NULL)
		argv[a.argc++] =
			strstr(p->operand, ".keel") != NULL ? bundles_path(p->operand) : p->operand;
	device_options_default(&options);
	return p->cmd(&a, &options);
}

int filecut_run_apply(void)
{
	static char source[600];
	const char *argv[] = { "keelboot-apply",
			       "--root",
			       bundles_path("root"),
			       "--state",
			       bundles_path("state"),
			       "--source",
			       source,
			       "--slot",
			       slot_options()[0],
			       "--slot",
			       slot_options()[1] };

	snprintf(source, sizeof(source), "data:%s", bundles_path("a"));
	return apply_main((int)KB_ARRAY_LEN(argv), (char **)argv);
}

static void child(const struct filecut_run_program *p, const struct filecut_rec_plan *plan, int out)
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
	code = p->program != NULL ? p->program() : run_command(p);
	fflush(stdout);
	_exit(code);
}

int filecut_run_program(const struct filecut_run_program *p, const struct filecut_rec_plan *plan)
{
	int out = memfd_create("said", MFD_CLOEXEC), status = 0;
	ssize_t n;
	pid_t pid;

	if (rec == NULL)
		rec = filecut_rec_new();
	bundles_must(out >= 0, "memfd");
	fflush(stdout);
	pid = fork();
	bundles_must(pid >= 0, "fork");
	if (pid == 0)
		child(p, plan, out);
	bundles_must(waitpid(pid, &status, 0) == pid, "waitpid");
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
	static const struct filecut_run_program program[FILECUT_RUN_VERBS] = {
		[FILECUT_RUN_STAGE] = { stage_cmd, "new.keel", NULL },
		[FILECUT_RUN_STAGE_OTHER] = { stage_cmd, "other.keel", NULL },
		[FILECUT_RUN_UNSTAGE] = { .cmd = unstage_cmd },
		[FILECUT_RUN_GOOD] = { mark_cmd, "good", NULL },
		[FILECUT_RUN_STATUS] = { .cmd = status_cmd },
		[FILECUT_RUN_APPLY] = { .program = filecut_run_apply },
	};

	return filecut_run_program(&program[v], plan);
}

const struct filecut_rec *filecut_run_rec(void)
{
	return rec;
}

const char *filecut_run_said(void)
{
	return said;
}
