/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file in a partition, as system.conf names it. PURE. systemd-boot starts it by an entry. That of
 * a unified kernel image, "PARTLABEL=esp:/EFI/Linux/keelboot-a.efi", is the file itself:
 * "keelboot-a.efi". For other files there is a text (type 1): "PARTLABEL=esp:/keelboot-a/vmlinuz"
 * is one of "keelboot-a.conf", in /loader/entries.
 */
#pragma once

#include "lib/conf.h"

#define CONF_PLACE_CLASS "boot" /* the file that is started */
#define CONF_PLACE_FILE	 63	/* bytes of its path */
#define CONF_PLACE_NAME	 31	/* bytes of its name, and of that of an entry */

/* Such a file's path, in spec, with the slash it begins with; NULL: spec names no file. part gets
 * the partition, which is all of spec where there is none. */
const char *conf_place_split(const char *spec, conf_spec part);

/* That file with the colon before it, to be put behind the partition's device; "": there is none.
 */
const char *conf_place_tail(const char *spec);

/* Whether it is one that systemd-boot starts, which has one name only: a unified kernel image, or
 * a file in a folder at the top that has the entry's name. Both of small letters, digits, '.', '_'
 * and '-'. */
bool conf_place_is_valid(const char *path);

/* Whether it is such an image: in /EFI/Linux, with ".efi" at its end. */
bool conf_place_is_image(const char *path);

/* The entry of such a file: "keelboot-a.efi", "keelboot-a.conf". */
void conf_place_entry(const char *path, char entry[CONF_PLACE_NAME + 1]);

/* Whether a file of that name, beside its entry, is the same one for systemd-boot, which counts in
 * it: for "x.efi", "x+3.efi" and "x+2-1.efi". */
bool conf_place_is_counted(const char *path, const char *name);

/* Its name, without folders. */
const char *conf_place_name(const char *path);

/* Whether both are of one entry for systemd-boot, in whatever partitions they are. */
bool conf_place_is_same(const char *path, const char *other);
