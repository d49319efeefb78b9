/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health_rollback.h"

#include "cli/health/health_record.h"
#include "cli/health/health_root.h"
#include "cli/health/health_run.h"
#include "cli/output/output.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define TRIES_MAX 3 /* of another's programs, one in each boot */

enum kb_err health_rollback_arm(struct device *d)
{
	struct health_record r;

	TRY(device_open_to_read(d));
	r = health_record_of_slot(d, d->booted);
	device_close(d);
	return r.begun && r.failures == 0
		       ? KB_OK
		       : health_record_add(d, d->booted, HEALTH_RECORD_BEGUN, "");
}

/* ---------------------------------------------------------------- how it is undone */

static void turn_around(struct check_list *l)
{
	for (unsigned i = 0; i < l->n / 2; i++) {
		struct check_found moved = l->check[i];

		l->check[i] = l->check[l->n - 1 - i];
		l->check[l->n - 1 - i] = moved;
	}
}

/* root: of another release, or NULL. Each one runs, whatever becomes of the others. */
static void undo(struct device *d, int slot, const char *root)
{
	const struct health_run run = { .stage = "rollback",
					.root = root,
					.slot = slot,
					.version = d->state.slot[slot].version,
					.timeout_s = d->conf.migrate_timeout_s };
	char reason[HEALTH_REASON_MAX];
	static struct check_list list;
	static struct check_table t;
	struct tail words;
	bool ok = false;

	if (check_find_in(&list, root != NULL ? root : d->opts->conf_root, HEALTH_MIGRATE_DIR) ==
	    KB_OK) {
		turn_around(&list);
		health_run(d, &list, &run, &t);
		ok = t.failed == 0;
		if (!ok)
			health_run_reason(&t, "rollback", reason, &words);
	} else {
		snprintf(reason, sizeof(reason), "%s", list.why);
	}
	if (!ok)
		log_err("slot %c: data could not be migrated back: %s", state_slot_letter(slot),
			reason);
	if (health_record_add(d, slot, ok ? HEALTH_RECORD_BACK : HEALTH_RECORD_FAILED,
			      ok ? "" : reason) != KB_OK)
		log_warn("that cannot be recorded; the next boot tries it again");
}

void health_rollback_own(struct device *d)
{
	struct health_record r;

	if (device_open_to_read(d) != KB_OK)
		return;
	r = health_record_of_slot(d, d->booted);
	device_close(d);
	if (r.begun)
		undo(d, d->booted, NULL);
}

/* False: reported, and recorded as a failure. */
static bool undo_other(struct device *d, int slot)
{
	char root[DEVICE_PATH_MAX], why[HISTORY_TEXT_MAX + 1];

	printf("Slot %c (%s) had begun to migrate data: it is migrated back.\n",
	       state_slot_letter(slot), d->state.slot[slot].version);
	(void)!output_flush();
	if (health_root_enter(d, slot, root, why)) {
		undo(d, slot, root);
		health_root_leave(root);
		return true;
	}
	log_err("slot %c: data is not migrated back: %s", state_slot_letter(slot), why);
	if (health_record_add(d, slot, HEALTH_RECORD_FAILED, why) != KB_OK)
		log_warn("that cannot be recorded");
	return false;
}

/* Its programs are gone with its slot: a stick was faster than the boot that would have run them.
 */
static void tell_lost(struct device *d, const struct history_event *e)
{
	log_err("slot %c: %s began to migrate data, and was overwritten before that was undone: its data may be half-migrated; migrate it back by hand",
		state_slot_letter(e->slot), e->version);
	if (health_record_add_for(d, e, HEALTH_RECORD_FAILED, "its slot was overwritten") != KB_OK)
		log_warn("that cannot be recorded; the next boot tells it again");
}

int health_rollback_others(struct device *d)
{
	static struct history_event lost[HEALTH_RECORD_LOST_MAX];
	choose_mask begun = 0;
	unsigned nlost = 0;
	int code = OUTPUT_OK;

	if (device_open_to_read(d) != KB_OK)
		return OUTPUT_FAILURE;
	for (int i = 0; d->finding == STORE_FOUND && i < d->state.nslots; i++) {
		struct health_record r = health_record_of_slot(d, i);

		if (i != d->booted && r.begun && r.failures < TRIES_MAX)
			begun |= (choose_mask)(1u << i);
	}
	if (d->finding == STORE_FOUND)
		nlost = health_record_lost(d, lost);
	device_close(d);
	for (unsigned i = 0; i < nlost; i++)
		tell_lost(d, &lost[i]);
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if ((begun >> i & 1) != 0 && !undo_other(d, i))
			code = OUTPUT_FAILURE;
	return code;
}
