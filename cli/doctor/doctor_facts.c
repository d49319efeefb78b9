/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor/doctor_facts.h"

#include <stdio.h>

static const char *const known[] = {
	[DOCTOR_UNKNOWN] = "not known",
	[DOCTOR_NO] = "no",
	[DOCTOR_YES] = "yes",
};

void doctor_facts_print(const struct doctor_facts *f)
{
	if (f->loader == NULL)
		return;
	printf("Boot loader: %s. Falls back from a kernel on trial that does not start: %s. Counts: %s. Watchdog before the kernel: %s.",
	       f->loader, known[f->falls_back], f->counts != NULL ? f->counts : "nothing",
	       known[f->watchdog]);
	if (f->config[0] != '\0')
		printf(" Configuration: %s.", f->config);
	printf("\n");
}

static void add_known(json_object *o, const char *key, enum doctor_known value)
{
	if (value == DOCTOR_UNKNOWN)
		output_json_add(o, key, NULL);
	else
		output_json_bool(o, key, value == DOCTOR_YES);
}

json_object *doctor_facts_json(const struct doctor_facts *f)
{
	json_object *o;

	if (f->loader == NULL)
		return NULL;
	o = json_object_new_object();
	output_json_text(o, "name", f->loader);
	add_known(o, "falls_back", f->falls_back);
	output_json_text(o, "counts", f->counts);
	add_known(o, "watchdog", f->watchdog);
	output_json_text(o, "configuration", f->config[0] != '\0' ? f->config : NULL);
	return o;
}
