/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* In quotes; the texts are printable already. */
static void print_label(const char *name, const char *value, const char *behind)
{
	printf("%s=\"", name);
	for (; *value != '\0'; value++)
		printf(*value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	printf("\"%s", behind);
}

static void print_head(const char *name, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void print_slot_numbers(const struct facts *f, const char *name, const char *help,
			       size_t offset)
{
	print_head(name, help);
	for (unsigned i = 0; i < f->nslots; i++) {
		const char *slot = (const char *)&f->slot[i];

		printf("%s{", name);
		print_label("slot", f->slot[i].name, "} ");
		printf("%" PRIu64 "\n", *(const uint64_t *)(slot + offset));
	}
}

static void print_slots(const struct facts *f)
{
	print_head("keelboot_slot_info", "A slot, its release and its state.");
	for (unsigned i = 0; i < f->nslots; i++) {
		const struct facts_slot *s = &f->slot[i];

		printf("keelboot_slot_info{");
		print_label("slot", s->name, ",");
		print_label("state", s->state, ",");
		print_label("version", s->version, ",");
		print_label("booted", strcmp(s->name, f->booted) == 0 ? "yes" : "no", "} 1\n");
	}
	print_slot_numbers(f, "keelboot_slot_sequence", "Sequence of the release in a slot.",
			   offsetof(struct facts_slot, sequence));
	print_slot_numbers(f, "keelboot_slot_crashes", "Crashes of a slot in a row.",
			   offsetof(struct facts_slot, crashes));
	print_slot_numbers(f, "keelboot_slot_tries", "Boots that are left to the trial of a slot.",
			   offsetof(struct facts_slot, tries));
}

static void print_phases(const struct action *a)
{
	print_head("keelboot_fleet_action", "The action of the server: 1 for its phase.");
	for (int i = ACTION_NONE; i < ACTION_PHASES; i++) {
		printf("keelboot_fleet_action{");
		print_label("phase", action_phase_name((enum action_phase)i), "} ");
		printf("%d\n", (int)a->phase == i);
	}
	print_head("keelboot_fleet_unreported", "Whether the server does not know that phase yet.");
	printf("keelboot_fleet_unreported %d\n", action_owes(a));
}

/* What is not known has no sample; 0 lets an alert see a device that was never connected. */
static void print_contacts(const struct outcome *o)
{
	print_head(
		"keelboot_fleet_last_contact_seconds",
		"When the server was last reached, in seconds since 1970; 0 before it ever was.");
	if (o->time > 0 || !o->in_this_boot)
		printf("keelboot_fleet_last_contact_seconds %" PRIu64 "\n", o->time);
	print_head("keelboot_fleet_last_contact_age_seconds",
		   "The same in seconds before this text was written, if it was in this boot.");
	if (o->in_this_boot)
		printf("keelboot_fleet_last_contact_age_seconds %" PRIu64 "\n", o->age);
	print_head("keelboot_fleet_failed_contacts",
		   "Contacts in a row that failed; the last one of this boot counts.");
	printf("keelboot_fleet_failed_contacts %" PRIu64 "\n", o->last.failures);
}

void metrics_print(const struct facts *f, const struct action *a, const struct outcome *o)
{
	print_head("keelboot_booted_info", "How this boot went.");
	printf("keelboot_booted_info{");
	print_label("slot", f->booted, ",");
	print_label("reset", f->reset, ",");
	print_label("reason", f->boot_reason, "} 1\n");
	print_slots(f);
	print_head("keelboot_staged", "Whether the next boot installs a staged release.");
	printf("keelboot_staged %d\n", strcmp(f->staged_next, "install") == 0);
	print_head("keelboot_warnings", "Lines of keelboot status that warn.");
	printf("keelboot_warnings %u\n", f->warnings);
	print_head("keelboot_state_writes", "Writes of the state so far: its wear.");
	printf("keelboot_state_writes %" PRIu64 "\n", f->writes);
	print_head("keelboot_boots", "Boots in which a contact of keelboot-fleet went well.");
	printf("keelboot_boots %" PRIu64 "\n", a->device_boots);
	print_phases(a);
	print_contacts(o);
}
