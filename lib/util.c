/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/util.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void util_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int util_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

bool util_path_part(const char **path, char *name, size_t size)
{
	size_t len;

	*path += strspn(*path, "/");
	len = strcspn(*path, "/");
	if (len >= size)
		len = 0;
	memcpy(name, *path, len);
	name[len] = '\0';
	*path += len;
	return len > 0;
}

void util_print_safe(char *dst, size_t size, const char *src)
{
	size_t i = 0;

	if (size == 0)
		return;
	for (; src[i] != '\0' && i + 1 < size; i++)
		dst[i] = src[i] >= 0x20 && src[i] < 0x7f ? src[i] : '?';
	dst[i] = '\0';
}
