/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_run.h"

#include "lib/log.h"
#include "lib/util.h"
#include "tests/sim/command.h"
#include "tests/sim/filecut_world.h"
#include "tests/sim/report.h"
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

static const struct {
	const char *name, *command;
} verbs[FILECUT_RUN_VERBS] = {
	[FILECUT_RUN_STAGE] = { "stage", "stage new.keel" },
	[FILECUT_RUN_STAGE_OTHER] = { "stage-other", "stage other.keel" },
	[FILECUT_RUN_UNSTAGE] = { "unstage", "unstage" },
	[FILECUT_RUN_GOOD] = { "good", "mark good" },
	[FILECUT_RUN_STATUS] = { "status", "status" },
	[FILECUT_RUN_APPLY] = { "apply", NULL },
};

const char *filecut_run_name(enum filecut_run_verb v)
{
	return verbs[v].name;
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

/* With the options of this device behind the verb. */
static int run_command(const char *verb)
{
	size_t len = strcspn(verb, " ");
	const char *operand = verb[len] == '\0' ? "" : verb + len + 1;
	static struct device_options options;
	char line[4096];

	snprintf(line, sizeof(line),
		 "%.*s --state %s --conf-root %s --run-dir %s --wait 0 --slot %s --slot %s %s",
		 (int)len, verb, bundles_path("state"), bundles_path("root"), bundles_path("run"),
		 slot_options()[0], slot_options()[1],
		 strstr(operand, ".keel") != NULL ? bundles_path(operand) : operand);
	device_options_default(&options);
	return command_run(line, &options);
}

int filecut_run_apply(void)
{
	static char *argv[COMMAND_WORDS + 1];
	char line[4096];

	snprintf(line, sizeof(line),
		 "keelboot-apply --root %s --state %s --source data:%s --slot %s --slot %s",
		 bundles_path("root"), bundles_path("state"), bundles_path("a"), slot_options()[0],
		 slot_options()[1]);
	return apply_main(command_words(line, argv), argv);
}

static void child(const char *command, int (*program)(void), const struct filecut_rec_plan *plan,
		  int out)
{
	const char *data = bundles_path("data");
	int code;

	dup2(out, 1);
	dup2(out, 2);
	log_to(2, 0);
	log_set_level(LOG_LEVEL_NOTICE);
	filecut_rec_begin(rec, plan, data, bundles_path("state"));
	filecut_files_begin(data);
	code = program != NULL ? program() : run_command(command);
	fflush(stdout);
	_exit(code);
}

int filecut_run_program(const char *command, int (*program)(void),
			const struct filecut_rec_plan *plan)
{
	int out = memfd_create("said", MFD_CLOEXEC), status;
	ssize_t n;
	pid_t pid;

	if (rec == NULL)
		rec = report_share(sizeof(*rec));
	bundles_must(out >= 0, "memfd");
	pid = report_fork(HANG_S);
	if (pid == 0)
		child(command, program, plan, out);
	status = report_wait(pid);
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
	return filecut_run_program(verbs[v].command,
				   v == FILECUT_RUN_APPLY ? filecut_run_apply : NULL, plan);
}

const struct filecut_rec *filecut_run_rec(void)
{
	return rec;
}

const char *filecut_run_said(void)
{
	return said;
}
