/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status/status.h"

#include "cli/state/state_json.h"

static json_object *boot_json(const struct status *st)
{
	static const char *const texts[] = { "tier", "status", "cause", "version", "reason" };
	json_object *o, *value;

	if (!st->d->run_found)
		return NULL;
	o = json_object_new_object();
	output_json_slot(o, "slot", st->d->booted);
	output_json_number(o, "token", st->d->token);
	output_json_slot(o, "pair", st->d->pair);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (st->boot != NULL)
			output_json_text(o, texts[i], status_boot_text(st, texts[i]));
	if (st->boot != NULL && json_object_object_get_ex(st->boot, "measured", &value))
		output_json_add(o, "measured", json_object_get(value));
	if (st->boot != NULL && json_object_object_get_ex(st->boot, "counted", &value))
		output_json_bool(o, "counted", json_object_get_boolean(value));
	return o;
}

static json_object *slots_json(const struct status *st)
{
	json_object *list = output_json_list();

	for (int i = 0; st->have_state && i < st->d->state.nslots; i++) {
		json_object *o = state_json_slot(&st->d->state, i);

		output_json_bool(o, "booted", st->d->run_found && i == st->d->booted);
		output_json_bool(o, "preferred", i == st->d->state.pref);
		output_json_bool(o, "protected", i == st->protected);
		output_json_append(list, o);
	}
	return list;
}

static json_object *store_json(const struct status *st)
{
	static const char *const health[] = {
		[STATUS_REGION_OK] = "ok",
		[STATUS_REGION_NO_RECORD] = "no-record",
		[STATUS_REGION_UNREADABLE] = "unreadable",
	};
	static const char *const findings[] = {
		[STORE_FOUND] = "found",
		[STORE_BLANK] = "blank",
		[STORE_LOST] = "lost",
	};
	json_object *o = json_object_new_object(), *regions = output_json_list();

	output_json_text(o, "path", st->d->state_path[0] != '\0' ? st->d->state_path : NULL);
	output_json_text(o, "finding",
			 st->opened == KB_OK	   ? findings[st->d->finding]
			 : st->opened == KB_ENOENT ? "missing"
						   : "unreadable");
	if (st->have_state)
		output_json_number(o, "sequence", st->d->state.seq);
	for (int i = 0; st->opened == KB_OK && i < 2; i++)
		output_json_append(regions, json_object_new_string(health[st->region[i]]));
	output_json_add(o, "regions", regions);
	return o;
}

static json_object *staged_json(const struct status *st)
{
	static const char *const fates[] = {
		[STATUS_INSTALLED] = "install",
		[STATUS_SKIPPED] = "skip",
		[STATUS_FORGOTTEN] = "forget",
	};
	json_object *o = state_json_staged(&st->d->state);
	enum status_fate fate;
	const char *why;

	if (o == NULL)
		return NULL;
	fate = status_staged_fate(st, &why);
	output_json_text(o, "next", fates[fate]);
	output_json_text(o, "why", fate == STATUS_INSTALLED ? NULL : why);
	output_json_bool(o, "lasting", status_staged_lasting(st));
	output_json_text(o, "version", st->staged_version[0] != '\0' ? st->staged_version : NULL);
	if (st->staged_path[0] != '\0') {
		output_json_text(o, "path", st->staged_path);
		output_json_bool(o, "present", st->have_staged_file);
		status_part_json(st, o);
	}
	return o;
}

json_object *status_json(const struct status *st)
{
	json_object *o = output_json_new(), *warnings = output_json_list();

	output_json_add(o, "booted", boot_json(st));
	output_json_add(o, "last", st->have_last ? output_event_json(&st->last) : NULL);
	if (st->why > 0)
		output_json_number(o, "why", st->why);
	output_json_slot(o, "next", st->next);
	output_json_add(o, "slots", slots_json(st));
	output_json_add(o, "staged", st->have_state ? staged_json(st) : NULL);
	if (st->have_state)
		status_data_json(st, o);
	if (st->have_state)
		output_json_number(o, "floor", st->d->state.floor);
	if (st->have_state)
		output_json_add(o, "rejected", state_json_rejected(&st->d->state));
	output_json_text(o, "compatible", st->d->conf.compatible);
	status_trial_json(st, o);
	status_guard_json(st, o);
	output_json_add(o, "state", store_json(st));
	for (unsigned i = 0; i < st->nwarnings; i++)
		output_json_append(warnings, json_object_new_string(st->warning[i]));
	output_json_add(o, "warnings", warnings);
	return o;
}
