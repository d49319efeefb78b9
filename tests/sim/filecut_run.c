/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut.h"

#include "fleet/folder.h"
#include "cli/output/output.h"
#include "initramfs/guardian/guardian_record.h"
#include "lib/log.h"
#include "tests/sim/command.h"
#include "update/apply/apply.h"

#include <fcntl.h>
#include <sys/wait.h>

#define HANG_S 120 /* of real time: then it hangs */

struct filecut_rec *filecut_run_rec;
char filecut_run_said[16384];

static const struct {
	const char *name, *line;
} verbs[FILECUT_RUN_VERBS] = {
	[FILECUT_RUN_STAGE] = { "stage", "stage new.keel" },
	[FILECUT_RUN_STAGE_OTHER] = { "stage-other", "stage other.keel" },
	[FILECUT_RUN_UNSTAGE] = { "unstage", "unstage" },
	[FILECUT_RUN_BY_FLEET] = { "by-fleet", "by-fleet" },
	[FILECUT_RUN_GOOD] = { "good", "mark good" },
	[FILECUT_RUN_STATUS] = { "status", "status" },
	[FILECUT_RUN_APPLY] = { "apply", "apply" },
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

/* Behind the folder of keelboot-fleet. */
static int run_by_fleet(void)
{
	KB_CLEANUP_FD int dir = -1;
	char why[256];

	if (folder_open(&dir, bundles_path("data"), true, 0, 0, why, sizeof(why)) != KB_OK) {
		puts(why);
		return OUTPUT_FAILURE;
	}
	return run_command("stage new.keel --by-fleet");
}

static int run_apply(void)
{
	static char *argv[COMMAND_WORDS + 1];
	char line[4096];

	snprintf(line, sizeof(line),
		 "keelboot-apply --root %s --state %s --source data:%s --slot %s --slot %s",
		 bundles_path("root"), bundles_path("state"), bundles_path("a"), slot_options()[0],
		 slot_options()[1]);
	return apply_main(command_words(line, argv), argv);
}

/* What the guardian writes of slot b. */
static int run_guardian(bool proven)
{
	const struct guardian_attempt attempt = { .slot = 1, .token = 1 };
	int fd = open(bundles_path("state"), O_RDWR | O_DSYNC | O_CLOEXEC);

	if (proven)
		return guardian_record_proven(fd, &attempt) == GUARDIAN_GOOD ? 0 : 1;
	return guardian_record_bad(fd, &attempt, 0) == GUARDIAN_RECORDED ? 0 : 1;
}

static void child(const char *line, const struct filecut_rec_plan *plan, int out)
{
	int code;

	dup2(out, 1);
	dup2(out, 2);
	log_to(2, 0);
	log_set_level(LOG_LEVEL_NOTICE);
	filecut_rec_begin(filecut_run_rec, plan, bundles_path("data"), bundles_path("state"));
	if (strncmp(line, "guardian ", 9) == 0)
		code = run_guardian(strcmp(line + 9, "proven") == 0);
	else if (strcmp(line, "by-fleet") == 0)
		code = run_by_fleet();
	else
		code = strcmp(line, "apply") == 0 ? run_apply() : run_command(line);
	fflush(stdout);
	_exit(code);
}

int filecut_run_line(const char *line, const struct filecut_rec_plan *plan)
{
	int out = memfd_create("said", MFD_CLOEXEC), status;
	ssize_t n;
	pid_t pid;

	if (filecut_run_rec == NULL)
		filecut_run_rec = report_share(sizeof(*filecut_run_rec));
	bundles_must(out >= 0, "memfd");
	pid = report_fork(HANG_S);
	if (pid == 0)
		child(line, plan, out);
	status = report_wait(pid);
	n = pread(out, filecut_run_said, sizeof(filecut_run_said) - 1, 0);
	filecut_run_said[n > 0 ? n : 0] = '\0';
	close(out);
	if (filecut_run_rec->odd != NULL) {
		fprintf(stderr, "filecut: %s, which the model does not know\n%s",
			filecut_run_rec->odd, filecut_run_said);
		exit(1);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : FILECUT_RUN_SIGNAL + WTERMSIG(status);
}

int filecut_run_do(enum filecut_run_verb v, const struct filecut_rec_plan *plan)
{
	return filecut_run_line(verbs[v].line, plan);
}
