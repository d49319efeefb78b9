/* SPDX-License-Identifier: Apache-2.0 */
/* What an update needs: a name, keys (doctor_keys.c), and room where it is staged. */
#include "cli/doctor/doctor_checks.h"

#include "lib/os_room.h"

#define ROOM_MIN (64u << 20) /* bytes: where the size of a bundle is unknown */

static void check_configuration(struct doctor *doc)
{
	const struct device *d = doc->d;

	if (!d->conf_found)
		doctor_report(doc, DOCTOR_ERROR, "conf-missing",
			      "write /etc/keelboot/system.conf; keelboot-system.conf(5)",
			      "no system.conf: defaults are used");
	if (d->conf.compatible[0] == '\0')
		doctor_report(doc, DOCTOR_ERROR, "conf-compatible",
			      "set [system] compatible= of system.conf",
			      "system.conf has no compatible=: no bundle is installed");
}

/* What another file system has room for says nothing of it. */
static void check_data_partition(struct doctor *doc)
{
	const struct device *d = doc->d;
	char free_text[OUTPUT_TIME_LEN];
	struct os_room room;

	if (os_room(d->conf.data_mount, &room) != KB_OK) {
		doctor_report(
			doc, DOCTOR_ERROR, "staging-missing",
			"mount the data partition there, or set [source.data] mount= (enabled=no if there is none)",
			"%s is missing: nothing can be staged", d->conf.data_mount);
		return;
	}
	if (device_data_is_elsewhere(d)) {
		doctor_report(
			doc, DOCTOR_ERROR, "staging-elsewhere",
			"mount the data partition there (with nofail in /etc/fstab, a mount that fails is only in the log), or set [source.data] mount=",
			"%.100s: the data partition (%.60s) is not mounted there: nothing can be staged",
			d->conf.data_mount, d->data_path);
		return;
	}
	if (room.read_only) {
		doctor_report(
			doc, DOCTOR_ERROR, "staging-read-only",
			"mount the data partition there for writing; after an error of its file system (errors=remount-ro, see the kernel's log), mend that by fsck first",
			"%s is read-only: nothing can be staged", d->conf.data_mount);
		return;
	}
	output_size(free_text, room.free_bytes);
	if (room.free_bytes < ROOM_MIN)
		doctor_report(doc, DOCTOR_WARNING, "staging-space", "make room on it",
			      "%s has only %s left: a bundle may not fit", d->conf.data_mount,
			      free_text);
}

static void check_staging(struct doctor *doc)
{
	if (!doc->d->conf.data_enabled)
		return;
	if (doc->st.staged_path[0] != '\0' && !doc->st.have_staged_file)
		doctor_report(doc, DOCTOR_ERROR, "staged-missing",
			      "stage it again, or run keelboot unstage",
			      "%.150s is staged, but the file is missing", doc->st.staged_path);
	check_data_partition(doc);
}

static void check_sources(struct doctor *doc)
{
	const struct conf *c = &doc->d->conf;

	if (!c->data_enabled && c->media_enabled == 0 && !c->raw_enabled)
		doctor_report(
			doc, DOCTOR_WARNING, "sources-none",
			"switch one on: enabled=yes in [source.data], [source.media], …",
			"all sources of updates are switched off: only `keelboot install` updates, and nothing repairs a device that does not boot");
}

void doctor_update(struct doctor *doc)
{
	check_configuration(doc);
	doctor_keys(doc);
	check_staging(doc);
	check_sources(doc);
}
