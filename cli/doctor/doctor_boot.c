/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot warned of, unless doctor has found that too, and knows more of it. */
#include "cli/doctor/doctor_checks.h"
#include "cli/state/boot_json.h"

#include "lib/util.h"

#include <string.h>

/* What a boot alone can find, and what to do about it. */
static const struct known {
	const char *id, *fix;
	enum doctor_severity severity;
} known[] = {
	{ "slot-container",
	  "make each slot a partition with a file system of its own: LUKS, LVM and RAID are not opened by this initramfs",
	  DOCTOR_ERROR },
	{ "partition-shared", "name a partition of its own for each slot in system.conf",
	  DOCTOR_ERROR },
};

static const struct known other = { "boot-warned",
				    "the kernel's log has more: dmesg | grep keelboot",
				    DOCTOR_WARNING };

static const struct known *look_up(const char *id)
{
	for (size_t i = 0; i < KB_ARRAY_LEN(known); i++)
		if (strcmp(known[i].id, id) == 0)
			return &known[i];
	return &other;
}

static bool has_found(const struct doctor *doc, const char *id)
{
	for (unsigned i = 0; i < doc->n; i++)
		if (strcmp(doc->finding[i].id, id) == 0)
			return true;
	return false;
}

static bool is_reported(const struct doctor *doc, const char *id)
{
	/* one that came after the boot is a finding of its own */
	return has_found(doc, id) ||
	       (strcmp(id, "watchdog-none") == 0 && has_found(doc, "watchdog-late"));
}

void doctor_boot(struct doctor *doc)
{
	json_object *list = boot_json_warnings(doc->st.boot);

	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		json_object *one = json_object_array_get_idx(list, i);

		const struct known *k = look_up(boot_json_text(one, "id"));

		if (!is_reported(doc, boot_json_text(one, "id")))
			doctor_report(doc, k->severity, k->id, k->fix, "%s",
				      boot_json_text(one, "text"));
	}
}
