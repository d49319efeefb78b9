/* SPDX-License-Identifier: Apache-2.0 */
/* From the name of a partition in system.conf to its node on the running system. */
#pragma once

#include "lib/err.h"

#include <stddef.h>

/*
 * Finds spec ("PARTLABEL=x", "PARTUUID=x", "LABEL=x", "UUID=x", "/dev/x"): the first two by the
 * kernel's uevent files below sys_block ("/sys/class/block"), which needs no udev; what these do
 * not tell by udev's links below dev_disk ("/dev/disk"). KB_ENOENT; KB_EAMBIGUOUS: two partitions
 * have that name; KB_EINVAL: no such specification.
 */
enum kb_err device_find(const char *spec, const char *dev_disk, const char *sys_block, char *path,
			size_t size) KB_MUST_CHECK;

/* A name as udev writes it in its links: "a b" is "a\x20b". KB_ENOSPC. */
enum kb_err device_find_encode(const char *name, char *out, size_t size) KB_MUST_CHECK;
