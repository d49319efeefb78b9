/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status/status.h"

#include "cli/failure/failure.h"
#include "cli/health/health_record.h"
#include "cli/state/boot_json.h"
#include "cli/state/mark.h"
#include "cli/stage/stage_files.h"
#include "lib/util.h"
#include "selector/plan.h"
#include "selector/refused.h"
#include "update/wire/keyring_survey.h"

#include <stdio.h>
#include <string.h>

static bool same_release(const struct history_event *a, const struct history_event *b)
{
	return a->version[0] != '\0' && strcmp(a->version, b->version) == 0 &&
	       a->sequence == b->sequence;
}

/* That a release is not installed again is no news, if it failed before. */
static bool take_cause(struct status *st, const struct history_event *e)
{
	if (e->kind == HISTORY_BAD && same_release(e, &st->last))
		st->last = *e;
	return e->kind == HISTORY_BOOT ||
	       (e->kind == HISTORY_REFUSED && same_release(e, &st->last));
}

/* Boots are the background; what decided something is the news. */
static bool pick_last_event(void *ctx, const struct history_event *e)
{
	struct status *st = ctx;
	bool news = e->kind != HISTORY_MIGRATE && (e->kind != HISTORY_BOOT || e->reason[0] != '\0');

	if (st->have_last && st->last.kind == HISTORY_REFUSED)
		return take_cause(st, e);
	if (!st->have_last || news)
		st->last = *e;
	st->have_last = true;
	return !news || e->kind == HISTORY_REFUSED;
}

static void collect_last(struct status *st)
{
	if (store_history_read(&st->d->store, 0, pick_last_event, st) != KB_OK)
		status_warn(st, "the history cannot be read");
}

static void collect_migration(struct status *st)
{
	struct history_event e;

	if (health_record_failed(st->d, &e))
		status_warn(st,
			    "%s could not migrate its data back, which may be half-migrated: %s",
			    e.version, e.detail);
}

static void collect_why(struct status *st)
{
	static struct failure_list list;

	failure_collect(&list, st->d);
	if (st->have_last)
		st->why = failure_number(&list, &st->last);
	if (st->why == 0)
		st->why = failure_unjudged(&list, &st->d->state);
}

static void collect_regions(struct status *st)
{
	const struct store *store = &st->d->store;

	for (int i = 0; i < 2; i++)
		st->region[i] = store->region_dead[i]  ? STATUS_REGION_UNREADABLE
				: store->has_record[i] ? STATUS_REGION_OK
						       : STATUS_REGION_NO_RECORD;
}

static bool take_staged_version(void *ctx, const struct history_event *e)
{
	struct status *st = ctx;

	if (e->kind != HISTORY_STATE || strcmp(e->reason, STAGE_FILES_EVENT) != 0)
		return true;
	snprintf(st->staged_version, sizeof(st->staged_version), "%s", e->version);
	return false;
}

static void collect_staged(struct status *st)
{
	const struct state_staged *staged = &st->d->state.staged;
	KB_CLEANUP_FD int fd = -1;

	if (staged->source != STATE_SRC_DATA)
		return;
	if (stage_files_path(&st->d->conf, staged->release, st->staged_path,
			     sizeof(st->staged_path)) != KB_OK)
		return;
	/* The id says which release it is; its version is only for people. */
	if (store_history_read(&st->d->store, 0, take_staged_version, st) != KB_OK)
		st->staged_version[0] = '\0';
	st->have_staged_file = stage_files_open(&st->d->conf, st->staged_path, &fd) != KB_ENOENT;
	status_part_collect(st);
	if (!st->have_staged_file)
		status_warn(
			st,
			"%s is staged, but the file is missing (is %s mounted?); stage it again, or run `keelboot unstage`",
			st->staged_path, st->d->conf.data_mount);
}

static void warn_of_booted(struct status *st)
{
	const struct state *s = &st->d->state;

	if (st->d->run_found && st->d->booted >= s->nslots)
		status_warn(st, "%s/slot names slot %c, but the state has %u slots",
			    st->d->opts->run_dir, state_slot_letter(st->d->booted), s->nslots);
}

static void warn_of_boot(struct status *st)
{
	const struct device *d = st->d;
	json_object *list, *value;

	if (!d->conf_found)
		status_warn(
			st,
			"no system.conf in %s/etc/keelboot or %s/usr/lib/keelboot: defaults are used",
			d->opts->conf_root, d->opts->conf_root);
	if (!d->run_found && d->aside[0] != '\0')
		status_warn(st, "this boot went on without Keelboot: %s; see keelboot doctor",
			    d->aside);
	else if (!d->run_found)
		status_warn(
			st,
			"Keelboot did not boot the running system (no %s/slot): its initramfs must contain Keelboot's init",
			d->opts->run_dir);
	if (st->boot == NULL) {
		if (d->run_found)
			status_warn(st,
				    "%s/boot.json cannot be read: nothing is known about this boot",
				    d->opts->run_dir);
		return;
	}
	if (json_object_object_get_ex(st->boot, "counted", &value) &&
	    !json_object_get_boolean(value) && strcmp(status_boot_text(st, "status"), "trial") == 0)
		status_warn(
			st,
			"this boot of a trial could not be counted: the state was not writable");
	st->debug_shell = json_object_object_get_ex(st->boot, "shell", &value) &&
			  json_object_get_boolean(value);
	if (st->debug_shell)
		status_warn(st, "the initramfs has a debug shell: not for a release");
	list = boot_json_warnings(st->boot);
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++)
		status_warn(st, "%s", boot_json_text(json_object_array_get_idx(list, i), "text"));
}

/* Anybody can sign with such a key: more than a warning of `doctor`, which few people run. */
static void warn_of_keys(struct status *st)
{
	static struct keyring_survey keys;
	const struct keyring_survey_key *key;
	char dir[DEVICE_PATH_MAX];

	snprintf(dir, sizeof(dir), "%s%s", st->d->opts->conf_root, st->d->conf.keyring);
	keyring_survey_read(&keys, dir);
	key = keyring_survey_published(&keys);
	if (key != NULL)
		status_warn(st, "%.80s/%.63s is %s, which is published: %s", dir, key->name,
			    key->published,
			    keyring_pem_published_means(st->d->conf.signatures_required));
}

void status_collect(struct status *st, struct device *d, json_object *boot)
{
	memset(st, 0, sizeof(*st));
	st->d = d;
	st->boot = boot;
	st->protected = STATE_NONE;
	st->next = st->next_proven = STATE_NONE;
	st->opened = device_open_to_read(d);
	st->have_state = st->opened == KB_OK && device_need_state(d) == KB_OK;
	warn_of_keys(st);
	warn_of_boot(st);
	status_guard_collect(st);
	status_data_collect(st);
	if (st->opened != KB_OK)
		return;
	collect_regions(st);
	status_check_regions(st);
	collect_last(st);
	collect_migration(st);
	if (!st->have_state)
		return;
	collect_why(st);
	status_trial_collect(st);
	st->protected = choose_fallback(&d->state, device_whole(&d->state));
	st->next_proven = device_next_boot(&d->state, true);
	st->next = d->run_found ? device_next_boot(&d->state, mark_reported(d)) : st->next_proven;
	collect_staged(st);
	status_check_usable(st);
	warn_of_booted(st);
	status_check_updates(st);
}
