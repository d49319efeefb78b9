/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state/state_json.h"

json_object *state_json_slot(const struct state *s, int i)
{
	const struct state_slot *slot = &s->slot[i];
	json_object *o = json_object_new_object();

	output_json_slot(o, "slot", i);
	output_json_text(o, "state", state_st_name(slot->st));
	output_json_text(o, "version", slot->version);
	output_json_number(o, "sequence", slot->sequence);
	if (slot->has_release)
		output_json_hex(o, "release", slot->release, STATE_ID_LEN);
	else
		output_json_text(o, "release", NULL);
	output_json_number(o, "tries", slot->tries);
	output_json_number(o, "grace", slot->grace);
	output_json_number(o, "streak", slot->streak);
	output_json_bool(o, "trusted", state_is_trusted(slot));
	output_json_number(o, "retry_after", slot->st == STATE_GOOD ? slot->wait : 0);
	output_json_bool(o, "ever_good", slot->ever_good);
	output_json_text(o, "reason", slot->reason);
	return o;
}

json_object *state_json_staged(const struct state *s)
{
	json_object *o;

	if (s->staged.source == STATE_SRC_NONE)
		return NULL;
	o = json_object_new_object();
	output_json_text(o, "source", state_source_name(s->staged.source));
	output_json_hex(o, "release", s->staged.release, STATE_ID_LEN);
	output_json_number(o, "fails", s->staged.fails);
	return o;
}

static json_object *ledger_json(const uint8_t (*ids)[STATE_LEDGER_ID_LEN], unsigned n)
{
	json_object *list = output_json_list();

	for (unsigned i = 0; i < n && i < STATE_LEDGER_LEN; i++) {
		json_object *one = json_object_new_object();

		output_json_hex(one, "release", ids[i], STATE_LEDGER_ID_LEN);
		output_json_append(list, one);
	}
	return list;
}

json_object *state_json_rejected(const struct state *s)
{
	return ledger_json(s->rejected, s->nrejected);
}

static json_object *applies_json(const struct state *s)
{
	json_object *o = json_object_new_object();

	for (int i = 0; i < STATE_SRC_COUNT; i++) {
		json_object *one = json_object_new_object();

		output_json_number(one, "count", s->apply[i].count);
		output_json_number(one, "grace", s->apply[i].excused);
		output_json_add(o, state_source_name((enum state_source)i), one);
	}
	return o;
}

static json_object *unwritable_json(const struct state *s)
{
	json_object *list = output_json_list();

	for (unsigned i = 0; i < s->nunwritable; i++) {
		json_object *one = json_object_new_object();

		output_json_hex(one, "release", s->unwritable[i].release, STATE_LEDGER_ID_LEN);
		output_json_number(one, "count", s->unwritable[i].count);
		output_json_append(list, one);
	}
	return list;
}

json_object *state_json(const struct state *s)
{
	json_object *o = output_json_new(), *slots = output_json_list();

	output_json_number(o, "sequence", s->seq);
	output_json_number(o, "format", s->format);
	output_json_bool(o, "newer", s->newer);
	for (int i = 0; i < s->nslots; i++)
		output_json_append(slots, state_json_slot(s, i));
	output_json_add(o, "slots", slots);
	output_json_slot(o, "preferred", s->pref);
	output_json_slot(o, "last", s->last);
	output_json_slot(o, "open", s->open);
	output_json_number(o, "open_token", s->open_token);
	output_json_bool(o, "clean", s->clean);
	output_json_slot(o, "oneshot", s->oneshot);
	output_json_slot(o, "last_resort", s->lr);
	output_json_number(o, "last_resort_count", s->lr_count);
	output_json_add(o, "staged", state_json_staged(s));
	output_json_add(o, "apply", applies_json(s));
	output_json_number(o, "installs", s->installs);
	output_json_bool(o, "rebuilt", s->rebuilt);
	output_json_number(o, "floor", s->floor);
	output_json_number(o, "back", s->back);
	output_json_text(o, "disk", s->disk);
	output_json_add(o, "applied", ledger_json(s->applied, s->napplied));
	output_json_add(o, "rejected", state_json_rejected(s));
	output_json_number(o, "rejected_max", s->rejected_max);
	output_json_number(o, "forgotten_max", s->forgotten_max);
	output_json_add(o, "unwritable", unwritable_json(s));
	return o;
}
