/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/util.h"

#include <errno.h>
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

void util_print_safe(char *dst, size_t size, const char *src)
{
	size_t i = 0;

	if (size == 0)
		return;
	for (; src[i] != '\0' && i + 1 < size; i++)
		dst[i] = src[i] >= 0x20 && src[i] < 0x7f ? src[i] : '?';
	dst[i] = '\0';
}
