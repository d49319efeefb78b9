/* SPDX-License-Identifier: Apache-2.0 */
#include "libkeelboot/keelboot_work.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 1024

static bool read_of(char text[TEXT_MAX], const char *pid, const char *name)
{
	char path[64];
	ssize_t len = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, text, TEXT_MAX - 1);
		close(fd);
	}
	text[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/* Its group, and the processor time that it has taken. false: it has gone. */
static bool look_at_process(const char *pid, pid_t *group, uint64_t *ticks)
{
	char text[TEXT_MAX];
	unsigned long user, kernel;
	const char *end;
	int g;

	/* Behind the name, in which there may be anything. */
	if (!read_of(text, pid, "stat") || (end = strrchr(text, ')')) == NULL ||
	    sscanf(end, ") %*c %*d %d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &g, &user,
		   &kernel) != 3)
		return false;
	*group = g;
	*ticks = (uint64_t)user + kernel;
	return true;
}

/* Each line is "NAME: N". */
static bool count_bytes(const char *pid, uint64_t *bytes)
{
	char text[TEXT_MAX];

	*bytes = 0;
	if (!read_of(text, pid, "io"))
		return false;
	for (const char *at = strchr(text, ':'); at != NULL; at = strchr(at + 1, ':'))
		*bytes += strtoull(at + 1, NULL, 10);
	return true;
}

bool keelboot_work_done(pid_t group, uint64_t *sum)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	bool found = false;

	*sum = 0;
	while (proc != NULL && (e = readdir(proc)) != NULL) {
		uint64_t ticks, bytes;
		pid_t of;

		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    !look_at_process(e->d_name, &of, &ticks) || of != group)
			continue;
		*sum += count_bytes(e->d_name, &bytes) ? bytes : ticks;
		found = true;
	}
	if (proc != NULL)
		closedir(proc);
	return found;
}
