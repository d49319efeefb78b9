/* SPDX-License-Identifier: Apache-2.0 */
/* The few things that every file needs: sizes of arrays, and descriptors that close themselves. */
#pragma once

#include <stddef.h>

#define KB_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Closes *fd unless it is negative, keeping errno. */
void util_close(int *fd);

/* An int that is closed when it leaves its scope. Initialise it, with -1 at least. */
#define KB_CLEANUP_FD __attribute__((cleanup(util_close)))

/* Gives *fd away: returns it, and leaves -1, so that it is not closed. */
int util_take(int *fd);

/*
 * Copies src into dst of size bytes, always ended by NUL, with every byte that is not printable
 * ASCII replaced by '?': text from media and bundles goes to consoles through here.
 */
void util_print_safe(char *dst, size_t size, const char *src);
