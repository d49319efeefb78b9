/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health_rollback.h"

#include "cli/health/health_root.h"
#include "cli/health/health_run.h"
#include "cli/output/output.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define BEGUN	  "began to migrate data"
#define BACK	  "migrated data back"
#define FAILED	  "could not migrate data back"
#define TRIES_MAX 3 /* of another's programs, one in each boot */

/* ---------------------------------------------------------------- what is on record */

struct record {
	const struct state_slot *slot;
	int letter;
	/* it was begun, and neither undone nor marked good */
	bool begun;
	/* since then */
	unsigned failures;
};

/* Newest first. */
static bool look_back(void *ctx, const struct history_event *e)
{
	struct record *r = ctx;

	if (e->slot != r->letter || e->sequence != r->slot->sequence ||
	    strcmp(e->version, r->slot->version) != 0)
		return true;
	if (e->kind == HISTORY_GOOD || e->kind == HISTORY_INSTALL)
		return false;
	if (e->kind != HISTORY_MIGRATE)
		return true;
	r->begun = strcmp(e->reason, BEGUN) == 0;
	if (strcmp(e->reason, FAILED) != 0)
		return false;
	r->failures++;
	return true;
}

/* Of the release in that slot. */
static struct record look_up(struct device *d, int slot)
{
	struct record r = { .slot = &d->state.slot[slot], .letter = slot };

	if (store_history_read(&d->store, 0, look_back, &r) != KB_OK)
		log_warn(
			"the history cannot be read: data that was migrated stays so; migrate it back by hand");
	return r;
}

static enum kb_err note(struct device *d, int slot, const char *what, const char *detail)
{
	enum kb_err err;

	TRY(device_open_to_change(d));
	err = device_history(d, HISTORY_MIGRATE, slot, what, detail);
	device_close(d);
	return err;
}

enum kb_err health_rollback_arm(struct device *d)
{
	struct record r;

	TRY(device_open_to_read(d));
	r = look_up(d, d->booted);
	device_close(d);
	return r.begun && r.failures == 0 ? KB_OK : note(d, d->booted, BEGUN, "");
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
	if (note(d, slot, ok ? BACK : FAILED, ok ? "" : reason) != KB_OK)
		log_warn("that cannot be recorded; the next boot tries it again");
}

void health_rollback_own(struct device *d)
{
	struct record r;

	if (device_open_to_read(d) != KB_OK)
		return;
	r = look_up(d, d->booted);
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
	if (note(d, slot, FAILED, why) != KB_OK)
		log_warn("that cannot be recorded");
	return false;
}

int health_rollback_others(struct device *d)
{
	choose_mask begun = 0;
	int code = OUTPUT_OK;

	if (device_open_to_read(d) != KB_OK)
		return OUTPUT_FAILURE;
	for (int i = 0; d->finding == STORE_FOUND && i < d->state.nslots; i++) {
		struct record r = look_up(d, i);

		if (i != d->booted && r.begun && r.failures < TRIES_MAX)
			begun |= (choose_mask)(1u << i);
	}
	device_close(d);
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if ((begun >> i & 1) != 0 && !undo_other(d, i))
			code = OUTPUT_FAILURE;
	return code;
}
