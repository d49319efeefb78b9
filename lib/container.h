/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between a disk and a file system, and is not opened by Keelboot's init. PURE. */
#pragma once

#include <stdbool.h>

/* A type of libblkid that is no file system but holds one: "crypto_LUKS", "LVM2_member",
 * "linux_raid_member". */
bool container_is(const char *fstype);

/* What kind of device a path below /dev names that is no partition of a disk ("a loop device"), or
 * NULL. */
const char *container_of_path(const char *path);
