/* SPDX-License-Identifier: Apache-2.0 */
/* A file in a partition, as system.conf names it: "PARTLABEL=esp:/EFI/Linux/keelboot-a.efi". PURE.
 */
#pragma once

#include "lib/conf.h"

#define CONF_PLACE_CLASS "boot" /* the one image of a slot that may be a file */
#define CONF_PLACE_FILE	 63	/* bytes of its path */
#define CONF_PLACE_NAME	 31 /* bytes of its name, which a boot loader takes for that of an entry */

/* Such a file's path, in spec, with the slash it begins with; NULL: spec names no file. part gets
 * the partition, which is all of spec where there is none. */
const char *conf_place_split(const char *spec, conf_spec part);

/* That file with the colon before it, to be put behind the partition's device; "": there is none.
 */
const char *conf_place_tail(const char *spec);

/* Whether systemd-boot makes an entry of such a file, which has one name only, and in which it
 * counts nothing: in /EFI/Linux, of small letters, digits, '.', '_' and '-', with ".efi" at its
 * end. */
bool conf_place_is_valid(const char *path);

/* Whether a file of that name is the same entry for systemd-boot, which counts in it: for "x.efi",
 * "x+3.efi" and "x+2-1.efi". */
bool conf_place_is_counted(const char *path, const char *name);

/* Its name, without folders. */
const char *conf_place_name(const char *path);

/* Whether both are one entry for systemd-boot, in whatever partitions they are. */
bool conf_place_is_same(const char *path, const char *other);
