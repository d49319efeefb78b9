/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_mkfs.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGE_FD 3 /* of BUNDLE_MKFS_IMAGE */

/* Ours, but for the times: the tools understand SOURCE_DATE_EPOCH in different ways, or not. */
static char **make_environment(const char *epoch)
{
	static char fake[48];
	size_t n = 0, k = 0;
	char **env;

	while (environ[n] != NULL)
		n++;
	/* bound: one for each variable of our own environment, which the kernel bounds */
	env = calloc(n + 2, sizeof(*env));
	if (env == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "SOURCE_DATE_EPOCH=", 18) != 0)
			env[k++] = environ[i];
	snprintf(fake, sizeof(fake), "E2FSPROGS_FAKE_TIME=%s", epoch != NULL ? epoch : "");
	if (epoch != NULL)
		env[k] = fake;
	return env;
}

static int set_files(posix_spawn_file_actions_t *a, int in, int image, bool quiet)
{
	int err = in >= 0 ? posix_spawn_file_actions_adddup2(a, in, 0)
			  : posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDONLY, 0);

	if (err == 0)
		err = posix_spawn_file_actions_addopen(a, 1, "/dev/null", O_WRONLY, 0);
	if (err == 0 && quiet)
		err = posix_spawn_file_actions_adddup2(a, 1, 2);
	return err == 0 ? posix_spawn_file_actions_adddup2(a, image, IMAGE_FD) : err;
}

static enum kb_err start_mkfs(const char *const argv[], int in, int image, bool quiet, char **env,
			      pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int err;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return KB_EEXEC;
	err = set_files(&actions, in, image, quiet);
	if (err == 0)
		err = posix_spawn(pid, argv[0], &actions, NULL, (char *const *)argv, env);
	posix_spawn_file_actions_destroy(&actions);
	return err == 0 ? KB_OK : KB_EEXEC;
}

enum kb_err bundle_mkfs_run(const char *const argv[], int in, int image, bool quiet,
			    const char *epoch)
{
	char **env = make_environment(epoch);
	enum kb_err err = KB_EEXEC;
	pid_t pid = -1;
	int status;

	if (env != NULL)
		err = start_mkfs(argv, in, image, quiet, env, &pid);
	free(env);
	TRY(err);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return KB_EIO;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? KB_OK : KB_EIO;
}
