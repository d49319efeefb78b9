/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/inputs.h"
#include "tests/fuzz/fuzz_dir.h"

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX   128u
#define FOLDERS_MAX 16u

static char top[256];
static char files[FILES_MAX][128], folders[FOLDERS_MAX][128];
static unsigned nfiles, nfolders;

static void path_of(char out[PATH_MAX], const char *name)
{
	FUZZ_CHECK(snprintf(out, PATH_MAX, "%s/%s", fuzz_dir(), name) < PATH_MAX);
}

static void remove_all(void)
{
	char path[PATH_MAX];

	fuzz_dir_clear();
	while (nfolders > 0) {
		path_of(path, folders[--nfolders]);
		rmdir(path);
	}
	rmdir(top);
}

const char *fuzz_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (top[0] != '\0')
		return top;
	snprintf(top, sizeof(top), "%s/keelboot-fuzz-XXXXXX", tmp != NULL ? tmp : "/tmp");
	FUZZ_CHECK(mkdtemp(top) != NULL);
	atexit(remove_all);
	return top;
}

void fuzz_dir_make(const char *name)
{
	char path[PATH_MAX];

	path_of(path, name);
	FUZZ_CHECK(nfolders < FOLDERS_MAX && mkdir(path, 0755) == 0);
	snprintf(folders[nfolders++], sizeof(folders[0]), "%s", name);
}

void fuzz_dir_put(const char *name, const void *p, size_t len)
{
	char path[PATH_MAX];
	int fd;

	path_of(path, name);
	FUZZ_CHECK(nfiles < FILES_MAX && strlen(name) < sizeof(files[0]));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	FUZZ_CHECK(fd >= 0 && write(fd, p, len) == (ssize_t)len);
	close(fd);
	snprintf(files[nfiles++], sizeof(files[0]), "%s", name);
}

void fuzz_dir_clear(void)
{
	char path[PATH_MAX];

	while (nfiles > 0) {
		path_of(path, files[--nfiles]);
		unlink(path);
	}
}

/* No output is made here. */
void inputs_note(const char *path)
{
	(void)path;
}
