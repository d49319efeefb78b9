/* SPDX-License-Identifier: Apache-2.0 */
/* An entry of a folder as getdents64() gives it; glibc's readdir() allocates. */
#pragma once

#include <stdint.h>

struct os_dirent {
	uint64_t ino;
	int64_t off;
	/* bytes from here to the next */
	uint16_t reclen;
	uint8_t type;
	/* ended by NUL */
	char name[];
};
