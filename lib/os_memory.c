/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_memory.h"

#include "lib/os_file.h"
#include "lib/util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

/* What is free, for a process that sees no /proc. */
static uint64_t free_memory(void)
{
	struct sysinfo s;

	return sysinfo(&s) == 0 ? ((uint64_t)s.freeram + s.bufferram) * s.mem_unit : 0;
}

uint64_t os_memory_available(void)
{
	static const char key[] = "\nMemAvailable:";
	char text[2048];
	KB_CLEANUP_FD int fd = -1;
	const char *at = NULL;
	size_t n = 0;

	if (os_file_open_path("/proc/meminfo", &fd) == KB_OK &&
	    os_file_read(fd, 0, text, sizeof(text) - 1, &n) == KB_OK) {
		text[n] = '\0';
		at = strstr(text, key);
	}
	return at != NULL ? strtoull(at + sizeof(key) - 1, NULL, 10) * 1024 : free_memory();
}
