/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor/doctor_config.h"

#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define UNPACK_MS 10000

static char config[768 * 1024];

static bool read_to_end(int fd, uint64_t end)
{
	size_t used = 0, len;
	bool ready;

	while (used < sizeof(config) - 1 && os_now_ms() < end) {
		enum kb_err err = os_read(fd, config + used, sizeof(config) - 1 - used, &len);

		if (err == KB_EBUSY) {
			(void)!os_poll(&fd, &ready, 1, 100);
			continue;
		}
		if (err != KB_OK)
			return false;
		if (len == 0) {
			config[used] = '\0';
			return used > 0;
		}
		used += len;
	}
	return false;
}

/* By gzip, which every system with a /proc/config.gz has a use for. */
static bool unpack(const char *path)
{
	const char *const argv[] = { "gzip", "-dc", path, NULL };
	const char *const programs[] = { "/bin/gzip", "/usr/bin/gzip", "/bin/busybox" };
	struct os_spawn sp = { .argv = argv, .capture = true };
	uint64_t end = os_now_ms() + UNPACK_MS;
	int fds[2], status = 1;
	pid_t pid = -1;
	bool read;

	for (unsigned i = 0; i < 3 && sp.path == NULL; i++)
		if (os_executable(programs[i]))
			sp.path = programs[i];
	if (sp.path == NULL || os_pipe(fds) != KB_OK)
		return false;
	sp.fd3 = fds[1];
	if (os_spawn(&sp, &pid) != KB_OK)
		pid = -1;
	os_close(&fds[1]);
	read = pid > 0 && read_to_end(fds[0], end);
	os_close(&fds[0]);
	if (pid > 0 && os_wait(pid, read ? 1000 : 0, &status) != KB_OK)
		(void)!os_kill(pid);
	return read && status == 0;
}

const char *doctor_config_text(const struct doctor *doc)
{
	char release[128], path[DEVICE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc/config.gz", doc->sys_root);
	if (os_exists(path) && unpack(path))
		return config;
	if (!doctor_read(doc, "/proc/sys/kernel/osrelease", release, sizeof(release)))
		return NULL;
	snprintf(path, sizeof(path), "/boot/config-%s", release);
	return doctor_read(doc, path, config, sizeof(config)) ? config : NULL;
}

const char *doctor_config_value(const char *text, const char *name)
{
	char line[64];
	size_t len = (size_t)snprintf(line, sizeof(line), "CONFIG_%s=", name);

	for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line))
		if (at == text || at[-1] == '\n')
			return at + len;
	return NULL;
}
