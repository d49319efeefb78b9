/* SPDX-License-Identifier: Apache-2.0 */
/* [system] root-overlay=: is it there, is there room in it, and does it undo what is signed? */
#include "cli/doctor/doctor_checks.h"
#include "cli/state/boot_json.h"

#include "lib/os.h"
#include "lib/os_room.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FULL_PART 20 /* less than a twentieth is left; ext4 keeps up to 2 % for itself */

/* A line of /proc/mounts is "SOURCE PLACE TYPE …"; what is mounted last on a place covers the
 * rest. False too where that cannot be read: then nothing is known to be wrong. */
static bool root_is_known(const struct doctor *doc, bool *overlay)
{
	static char text[64u << 10];
	char *rest = text, *line;
	bool found = false;

	if (!doctor_read(doc, "/proc/mounts", text, sizeof(text)))
		return false;
	while ((line = strsep(&rest, "\n")) != NULL) {
		const char *place = strchr(line, ' ');

		if (place == NULL || strncmp(place, " / ", 3) != 0)
			continue;
		found = true;
		*overlay = strncmp(place + 3, "overlay ", 8) == 0;
	}
	return found;
}

static bool boot_has_told(const struct doctor *doc)
{
	json_object *list = boot_json_warnings(doc->st.boot);

	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		json_object *one = json_object_array_get_idx(list, i);

		if (strcmp(boot_json_text(one, "id"), "root-overlay") == 0)
			return true;
	}
	return false;
}

static void check_made(struct doctor *doc)
{
	bool overlay;

	if (!doc->d->run_found || !root_is_known(doc, &overlay) || overlay || boot_has_told(doc))
		return;
	doctor_report(
		doc, DOCTOR_ERROR, "overlay-absent",
		"make the initramfs anew, so that it has this system.conf (update-initramfs -u; /usr/lib/keelboot/dracut-renew), and boot again",
		"[system] root-overlay= is set, but nothing has laid an overlay above the root");
}

static void report_full(struct doctor *doc, uint64_t left, uint64_t all, const char *unit)
{
	doctor_report(
		doc, DOCTOR_WARNING, "overlay-full",
		"delete what the system has written to its root, or give it more room ([system] root-overlay-size=, or a larger partition)",
		"the overlay above the root is full: %" PRIu64 " of %" PRIu64 " %s are left", left,
		all, unit);
}

static void check_room(struct doctor *doc)
{
	char root[DEVICE_PATH_MAX];
	struct os_room room;
	bool overlay;

	snprintf(root, sizeof(root), "%s/", doc->sys_root);
	if (!root_is_known(doc, &overlay) || !overlay || os_room(root, &room) != KB_OK)
		return;
	if (room.free_bytes <= room.bytes / FULL_PART)
		report_full(doc, room.free_bytes >> 10, room.bytes >> 10, "KiB");
	if (room.files > 0 && room.free_files <= room.files / FULL_PART)
		report_full(doc, room.free_files, room.files, "inodes");
}

static void check_trust(struct doctor *doc)
{
	const struct conf *c = &doc->d->conf;

	if (c->verify_slot == CONF_VERIFY_ALWAYS && conf_value_is_spec(c->overlay))
		doctor_report(
			doc, DOCTOR_WARNING, "overlay-unsigned",
			"set root-overlay=tmpfs, and mount a data partition where something has to last",
			"verify-slot=always trusts only what is signed, but nobody signs what lies above it on %.60s: whoever can write there replaces any program of the slot",
			c->overlay);
}

/* The initramfs may have a system.conf of its own. */
static bool is_planned(const struct doctor *doc)
{
	char path[DEVICE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/overlay", doc->d->opts->run_dir);
	return os_exists(path) || strcmp(doc->d->conf.overlay, "off") != 0;
}

void doctor_overlay(struct doctor *doc)
{
	if (!is_planned(doc))
		return;
	check_trust(doc);
	check_made(doc);
	check_room(doc);
}
