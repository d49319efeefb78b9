/* SPDX-License-Identifier: Apache-2.0 */
/* By which path in sysfs disk= names a disk: the one that its place on the board has. */
#pragma once

#define DISK_PATH_LEN 256

/*
 * path: where the kernel has the disk `name`, behind /sys: "/devices/…/nvme0n1". With multipath, an
 * NVMe namespace is below /devices/virtual, and no path of the board leads to it: then path becomes
 * that of its first controller, as it is without multipath. Else, or if sysfs has no
 * controller, it stays. sys_root: what is before /sys; "".
 */
void disk_path_follow(char path[DISK_PATH_LEN], const char *sys_root, const char *name);
