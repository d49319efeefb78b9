/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/overlay/overlay_upper.h"

#include "initramfs/overlay/overlay.h"
#include "initramfs/overlay/overlay_report.h"
#include "lib/os.h"
#include "lib/os_owner.h"
#include "lib/os_room.h"

#include <stdio.h>

#define TEXT_MAX  320
#define FULL_PART 20 /* less than a twentieth is left; ext4 keeps up to 2 % for itself */

bool overlay_upper_is_read_only(void)
{
	struct os_room room;

	return os_room(OVERLAY_UPPER, &room) == KB_OK && room.read_only;
}

void overlay_upper_report_room(const struct overlay_plan *p)
{
	char text[TEXT_MAX];
	struct os_room room;

	if (os_room(OVERLAY_UPPER, &room) != KB_OK)
		return;
	if (room.free_bytes <= room.bytes / FULL_PART) {
		snprintf(text, sizeof(text),
			 "the overlay on %s is full: %llu of %llu KiB are left; delete files",
			 p->upper, (unsigned long long)room.free_bytes >> 10,
			 (unsigned long long)room.bytes >> 10);
		overlay_report(text);
	}
	if (room.files > 0 && room.free_files <= room.files / FULL_PART) {
		snprintf(text, sizeof(text),
			 "the overlay on %s is full: %llu of %llu inodes are left; delete files",
			 p->upper, (unsigned long long)room.free_files,
			 (unsigned long long)room.files);
		overlay_report(text);
	}
}

void overlay_upper_take_owner(const char *path)
{
	enum kb_err err = os_owner_copy("/", path);
	char text[TEXT_MAX];

	if (err == KB_OK)
		return;
	snprintf(text, sizeof(text),
		 "unable to give %s owner and mode of the slot's root: %s; use chown and chmod",
		 path, err_text(err));
	overlay_report(text);
}
