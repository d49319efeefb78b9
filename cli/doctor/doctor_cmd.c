/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state/boot_json.h"
#include "cli/doctor/doctor_checks.h"
#include "cli/doctor/doctor_facts.h"
#include "cli/verbs.h"

#include <stdio.h>

enum { JSON = 1, SYS_ROOT };

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ "sys-root", 0, true, SYS_ROOT },
	{ .name = NULL },
};

static const struct {
	const char *name;
	enum output_colour colour;
} severities[] = {
	[DOCTOR_NOTE] = { "note", OUTPUT_DIM },
	[DOCTOR_WARNING] = { "warning", OUTPUT_YELLOW },
	[DOCTOR_ERROR] = { "error", OUTPUT_RED },
};

static void look_at_device(struct doctor *doc, json_object *boot)
{
	static char text[CMDLINE_READ_SIZE];

	if (doctor_is_guarded(doc)) {
		doctor_guard(doc);
		return;
	}
	status_collect(&doc->st, doc->d, boot);
	(void)doctor_read(doc, "/proc/cmdline", text, sizeof(text));
	cmdline_parse_heeded(&doc->cmd, text, doc->d->conf.command_line);
	doctor_watchdog(doc);
	doctor_unlock(doc);
	doctor_opened(doc);
	doctor_kernel(doc);
	doctor_version(doc);
	doctor_state(doc);
	doctor_slots(doc);
	doctor_mounts(doc);
	doctor_overlay(doc);
	doctor_update(doc);
	doctor_data(doc);
	doctor_loader(doc);
	doctor_emmc(doc);
	doctor_measure(doc);
	doctor_boot(doc); /* last: it skips what was found */
}

static unsigned count_findings(const struct doctor *doc, enum doctor_severity severity)
{
	unsigned n = 0;

	for (unsigned i = 0; i < doc->n; i++)
		n += doc->finding[i].severity == severity;
	return n;
}

static enum kb_err print_findings_text(const struct doctor *doc)
{
	/* What matters most first; within that in the order in which it was found. */
	for (int s = DOCTOR_ERROR; s >= DOCTOR_NOTE; s--) {
		for (unsigned i = 0; i < doc->n; i++) {
			const struct doctor_finding *f = &doc->finding[i];

			if ((int)f->severity != s)
				continue;
			printf("%s%s%s [%s]: %s\n", output_colour(stdout, severities[s].colour),
			       severities[s].name, output_colour(stdout, OUTPUT_PLAIN), f->id,
			       f->text);
			printf("    fix: %s\n", f->fix);
		}
	}
	printf("%u error%s, %u warning%s, %u note%s.\n", count_findings(doc, DOCTOR_ERROR),
	       count_findings(doc, DOCTOR_ERROR) == 1 ? "" : "s",
	       count_findings(doc, DOCTOR_WARNING),
	       count_findings(doc, DOCTOR_WARNING) == 1 ? "" : "s",
	       count_findings(doc, DOCTOR_NOTE), count_findings(doc, DOCTOR_NOTE) == 1 ? "" : "s");
	doctor_facts_print(&doc->facts);
	return output_flush();
}

static enum kb_err print_findings_json(const struct doctor *doc)
{
	json_object *o = output_json_new(), *list = output_json_list();

	for (unsigned i = 0; i < doc->n; i++) {
		const struct doctor_finding *f = &doc->finding[i];
		json_object *one = json_object_new_object();

		output_json_text(one, "severity", severities[f->severity].name);
		output_json_text(one, "id", f->id);
		output_json_text(one, "text", f->text);
		output_json_text(one, "fix", f->fix);
		output_json_append(list, one);
	}
	output_json_number(o, "errors", count_findings(doc, DOCTOR_ERROR));
	output_json_number(o, "warnings", count_findings(doc, DOCTOR_WARNING));
	output_json_add(o, "loader", doctor_facts_json(&doc->facts));
	output_json_add(o, "findings", list);
	return output_json_print(o, false);
}

int doctor_cmd(struct args *a, struct device_options *o)
{
	static struct doctor doc = { .sys_root = "" };
	static struct device d;
	static char whole[DEVICE_ROOT_MAX];
	bool json = false;
	json_object *boot;
	enum kb_err err;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == JSON)
			json = true;
		else if (id != SYS_ROOT)
			return args_wrong(a, id, "doctor");
		else if (device_options_root(a->option, a->value, whole, &doc.sys_root) != KB_OK)
			return OUTPUT_USAGE;
	}
	device_init(&d, o);
	doc.d = &d;
	boot = boot_json_read(o);
	look_at_device(&doc, boot);
	err = json ? print_findings_json(&doc) : print_findings_text(&doc);
	json_object_put(boot);
	device_close(&d);
	return err == KB_OK && count_findings(&doc, DOCTOR_ERROR) == 0 ? OUTPUT_OK : OUTPUT_FAILURE;
}
