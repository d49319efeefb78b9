/* SPDX-License-Identifier: Apache-2.0 */
/* In the place of the process with rights: the command, on a device of two slots. */
#include "tests/sim/fleetcut.h"

#include "fleet/boot_id.h"
#include "fleet/facts.h"

bool boot_id_read(char boot[ACTION_BOOT_LEN + 1])
{
	memset(boot, fleetcut_around_log->now.boots > 0 ? '1' : '0', ACTION_BOOT_LEN);
	boot[ACTION_BOOT_LEN] = '\0';
	return true;
}

/* ---------------------------------------------------------------- what it says */

/* The release of an action; 0: the one of the factory. */
static json_object *describe(unsigned action)
{
	json_object *o = json_object_new_object();
	char text[16];

	snprintf(text, sizeof(text), "%u%u", action, action);
	json_object_object_add(o, "release", json_object_new_string(text));
	snprintf(text, sizeof(text), "%u.0", action);
	json_object_object_add(o, "version", json_object_new_string(text));
	json_object_object_add(o, "sequence", json_object_new_int((int)action + 1));
	return o;
}

static void add_text(json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static json_object *describe_slot(const struct fleetcut_around *is, unsigned slot)
{
	static const char *const states[] = { "empty", "trial", "good", "bad" };
	json_object *o = is->stands[slot] != FLEETCUT_EMPTY ? describe(is->has[slot])
							    : json_object_new_object();

	add_text(o, "slot", slot == 0 ? "a" : "b");
	add_text(o, "state", states[is->stands[slot]]);
	add_text(o, "reason", is->stands[slot] == FLEETCUT_BAD ? "it crashed" : "");
	return o;
}

static json_object *describe_device(const struct fleetcut_around *is)
{
	json_object *o = json_object_new_object(), *slots = json_object_new_array(), *one;

	for (unsigned i = 0; i < 2; i++)
		json_object_array_add(slots, describe_slot(is, i));
	json_object_object_add(o, "slots", slots);
	one = json_object_new_object();
	add_text(one, "slot", is->booted == 0 ? "a" : "b");
	add_text(one, "tier", "normal");
	json_object_object_add(o, "booted", one);
	if (is->staged == 0)
		return o;
	one = describe(is->staged);
	add_text(one, "next", "install");
	json_object_object_add(one, "fleet", json_object_new_boolean(true));
	json_object_object_add(o, "staged", one);
	return o;
}

/* ---------------------------------------------------------------- bundles */

static bool is_bundle(const char *id, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != fleetcut_server_byte(id, i))
			return false;
	return true;
}

/* Of which action the bundle is that is here, or at least so many bytes of it; 0: it is none. */
static unsigned find_bundle(size_t least)
{
	static uint8_t bytes[FLEETCUT_SIZE + 1];
	FILE *f = fopen(bundles_path("data/" FLEETCUT_BUNDLE), "re");
	size_t len = f != NULL ? fread(bytes, 1, sizeof(bytes), f) : 0;

	if (f != NULL)
		fclose(f);
	if (len < least || len > FLEETCUT_SIZE)
		return 0;
	return is_bundle("1", bytes, len) ? 1 : is_bundle("2", bytes, len) ? 2 : 0;
}

static int look_at_bundle(size_t least, json_object **document)
{
	unsigned action = find_bundle(least);

	*document = action > 0 ? describe(action) : NULL;
	return action > 0 ? FACTS_OK : FACTS_VERIFY;
}

static int stage_bundle(void)
{
	unsigned action = find_bundle(FLEETCUT_SIZE);

	if (action == 0)
		return FACTS_VERIFY;
	if (fleetcut_around_log->now.staged == action)
		return FACTS_NOTHING;
	fleetcut_around_stage(action);
	return FACTS_OK;
}

/* ---------------------------------------------------------------- orders */

void fleetcut_device_do(const struct monitor_order *order, struct monitor_result *r,
			json_object **document, int *fd)
{
	json_object *none = NULL;

	document = document != NULL ? document : &none;
	*document = NULL;
	if (order->work == MONITOR_STATUS)
		*document = describe_device(&fleetcut_around_log->now);
	else if (order->work == MONITOR_FOLDER)
		r->code = (int)folder_open(fd, bundles_path("data"), order->flag, 0, 0, r->why,
					   sizeof(r->why));
	else if (order->work == MONITOR_INDEX || order->work == MONITOR_INSPECT)
		r->code = look_at_bundle(
			order->work == MONITOR_INDEX ? FLEETCUT_INDEX : FLEETCUT_SIZE, document);
	else if (order->work == MONITOR_STAGE)
		r->code = stage_bundle();
	else
		/* It has no last words, and no history. */
		*document = json_object_new_object();
}
