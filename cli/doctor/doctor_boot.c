/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot warned of, unless doctor has found that too, and knows more of it. */
#include "cli/state/boot_json.h"
#include "cli/doctor/doctor_checks.h"

#include "lib/util.h"

#include <string.h>

/* A part of the boot's own words, and the finding that means the same. */
static const struct {
	const char *words, *id;
} same[] = {
	{ "may stop it at a reboot", "watchdog-stop-on-reboot" },
	{ "not the one that [watchdog] device= names", "watchdog-other" },
	{ "only a software one", "watchdog-software" },
	{ "watchdog: none", "watchdog-none" },
	{ "watchdog: none", "watchdog-late" },
	{ "the driver stops it on close", "watchdog-stops-on-close" },
	{ "stops it when the guardian is killed", "watchdog-stops-on-close" },
	{ "nowayout; handover=keeper is used", "watchdog-nowayout" },
	{ "could both be this device's disk", "disk-ambiguous" },
	{ "belongs to disk", "disk-moved" },
	{ "it is published", "key-published" },
	{ "guardian: not started", "guardian-gone" },
};

static bool has_found(const struct doctor *doc, const char *id)
{
	for (unsigned i = 0; i < doc->n; i++)
		if (strcmp(doc->finding[i].id, id) == 0)
			return true;
	return false;
}

static bool is_reported(const struct doctor *doc, const char *text)
{
	for (size_t i = 0; i < KB_ARRAY_LEN(same); i++)
		if (strstr(text, same[i].words) != NULL && has_found(doc, same[i].id))
			return true;
	return false;
}

void doctor_boot(struct doctor *doc)
{
	json_object *list;

	if (doc->st.boot == NULL || !json_object_object_get_ex(doc->st.boot, "warnings", &list) ||
	    !json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(list, i));

		if (text != NULL && !is_reported(doc, text))
			doctor_report(doc, DOCTOR_WARNING, "boot-warned",
				      "the kernel's log has more: dmesg | grep keelboot", "%s",
				      text);
	}
}
