/* SPDX-License-Identifier: Apache-2.0 */
/* A file in a partition, as system.conf names it: "PARTLABEL=esp:/EFI/Linux/keelboot-a.efi". PURE.
 */
#pragma once

#include "lib/conf.h"

#define CONF_PLACE_FILE 63 /* bytes of its path */
#define CONF_PLACE_NAME 31 /* bytes of its name, which a boot loader takes for that of an entry */

/* Such a file's path, in spec, with the slash it begins with; NULL: spec names no file. part gets
 * the partition, which is all of spec where there is none. */
const char *conf_place_split(const char *spec, conf_spec part);

/* That file with the colon before it, to be put behind the partition's device; "": there is none.
 */
const char *conf_place_tail(const char *spec);

/*
 * Whether it is a path that FAT has only one name for, and no boot loader counts in: letters,
 * digits,
 * '.', '_' and '-', no part of it begins or ends with a dot. Its name has small letters only, as
 * systemd-boot compares it, and ends in ".efi".
 */
bool conf_place_is_valid(const char *path);

/* Its name, without folders. */
const char *conf_place_name(const char *path);

/* Whether FAT takes both for one path. */
bool conf_place_is_same(const char *path, const char *other);
