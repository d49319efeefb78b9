/* SPDX-License-Identifier: Apache-2.0 */
/* A file system as it will be found once it is the root. */
#pragma once

/*
 * Opens path inside the folder root: links, absolute ones too, stay below it; those of /proc, which
 * lead anywhere, are followed nowhere. flags: O_*, with O_CLOEXEC. A descriptor, or -1 with errno:
 * ENOSYS on Linux before 5.6; EAGAIN: something was renamed or mounted all the time.
 */
int os_inside_open(const char *root, const char *path, int flags);
