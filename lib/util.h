/* SPDX-License-Identifier: Apache-2.0 */
/* The few things that every file needs: sizes of arrays, descriptors that close themselves, safe
 * texts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KB_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Closes *fd unless it is negative, keeping errno. */
void util_close(int *fd);

/* An int that is closed when it leaves its scope. Initialise it, with -1 at least. */
#define KB_CLEANUP_FD __attribute__((cleanup(util_close)))

/* Gives *fd away: returns it, and leaves -1, so that it is not closed. */
int util_take(int *fd);

/* Can a process of this processor map so many bytes? Where they do not fit into a size_t, mmap()
 * would map fewer, and say nothing. */
static inline bool util_maps(uint64_t size)
{
	return (size_t)size == size;
}

/* The next name of a path, without its slashes, taken off the path. False: none is left, or it has
 * no room in name, which is of size bytes. */
bool util_path_part(const char **path, char *name, size_t size);

/*
 * Copies src into dst of size bytes, always ended by NUL, with every byte that is not printable
 * ASCII replaced by '?': text from media and bundles goes to consoles through here.
 */
void util_print_safe(char *dst, size_t size, const char *src);
