/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"
#include "cli/stage/incoming.h"
#include "cli/stage/stage_boot.h"
#include "cli/stage/stage_copy.h"
#include "cli/stage/stage_files.h"
#include "cli/stage/stage_fits.h"
#include "cli/stage/stage_index.h"
#include "cli/stage/stage_owner.h"
#include "cli/stage/stage_ranges.h"

#include "lib/log.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "selector/refused.h"
#include "update/apply/apply_lacks.h"

#include <stdio.h>
#include <string.h>

enum { PROGRESS = 1, RANGES, INDEX, BY_FLEET };

static const struct args_option table[] = {
	{ "progress", 0, true, PROGRESS },
	{ "ranges", 0, false, RANGES },
	{ "index", 0, false, INDEX },
	{ "by-fleet", 0, false, BY_FLEET },
	{ .name = NULL },
};

struct job {
	const char *file;
	/* nothing is staged: RANGES, what is to be fetched is printed; INDEX, which release it is,
	 * of which only the begin may be here */
	int looks;
	/* the tables are not all here */
	bool no_tables;
	/* keelboot-fleet stages, whose server may take it back; else a person */
	bool by_fleet;
	/* the file has only what slots lack */
	bool partial;
	struct output_progress progress;
	struct keyring keys;
	struct plan_release release;
	/* what was reported about the bundle; empty or NULL when it is not its fault */
	char *why;
	/* the stage folder; what keeps others out of it */
	int dir, lock;
	char path[DEVICE_PATH_MAX], temp_path[DEVICE_PATH_MAX];
};

/* Large, and one at a time. */
static struct reader reader, copy; /* the file that was given; what lies in the stage folder */
static struct device d;
static struct apply_seeds seeds; /* of all slots */
static struct apply_lacks lacks; /* the same, for a partial bundle */

static int read_stage_args(struct args *a, struct device_options *o, struct job *job)
{
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == PROGRESS) {
			if (output_progress_parse(&job->progress, a->value) != KB_OK)
				return OUTPUT_USAGE;
		} else if (id == RANGES || id == INDEX) {
			job->looks = id;
		} else if (id == BY_FLEET) {
			job->by_fleet = true;
		} else if (id != ARGS_OPERAND || job->file != NULL) {
			return args_wrong(a, id, "stage");
		} else {
			job->file = a->value;
		}
	}
	if (job->file == NULL)
		return args_missing("stage", "the FILE of a bundle");
	if (strcmp(job->file, "-") == 0) {
		log_err("stage: a bundle cannot come from a pipe; save it to a file first");
		return OUTPUT_USAGE;
	}
	return OUTPUT_OK;
}

/* Whether the bundle at path, in the stage folder, is the one that was looked at, whole; name is
 * for the messages. */
static enum kb_err verify_copy(const struct job *job, const char *path, const char *name,
			       struct output_progress *p)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = stage_files_open(&d.conf, path, &fd);
	uint64_t size = 0;

	if (err == KB_OK)
		err = os_file_size(fd, &size);
	if (err != KB_OK) {
		log_err("%s: %s", path, err_text(err));
		return err;
	}
	TRY(incoming_look(&copy, &d, &job->keys, fd, size, name));
	err = KB_EDIGEST;
	if (memcmp(copy.release.id, job->release.id, STATE_ID_LEN) == 0)
		err = incoming_verify(&copy, &seeds, &lacks.lack, name, p);
	else
		log_err("%s: changed while it was checked: it does not hold %s; stage it again",
			name, job->release.version);
	reader_close(&copy);
	return err;
}

/* The state, as it was read last. */
static bool state_names_it(const struct job *job)
{
	const struct state_staged *staged = &d.state.staged;

	return staged->source == STATE_SRC_DATA &&
	       memcmp(staged->release, job->release.id, STATE_ID_LEN) == 0;
}

/* What failed at a boot is made anew. Whoever made it may have died before its name was durable. */
static bool is_staged(const struct job *job)
{
	struct output_progress none = { .mode = OUTPUT_PROGRESS_NONE };

	if (!state_names_it(job) || d.state.staged.fails != 0 ||
	    !stage_files_exists(&d.conf, job->path))
		return false;
	return verify_copy(job, job->path, job->path, &none) == KB_OK &&
	       stage_files_sync(&d.conf) == KB_OK;
}

/* Where the next boot installs it. Nothing is mounted then. Errors of plan_accept(). */
static enum kb_err find_target(const struct job *job, int *target)
{
	const struct plan_terms terms = {
		.mode = PLAN_AUTOMATIC,
		.mountable = device_whole(&d.state),
		.mounted = (choose_mask)(~0u << d.conf.nslots), /* slots that system.conf lacks are
								   no target */
		.max_jump = d.conf.max_jump,
	};

	/* Saved with what is staged. */
	state_del_unwritable(&d.state, job->release.id);
	return plan_accept(&d.state, &job->release, &terms, target);
}

/* Would the next boot take it, after a person asked for it anew? */
static enum kb_err check_accepted(const struct job *job)
{
	int target;
	enum kb_err err = find_target(job, &target);

	if (err != KB_OK) {
		incoming_report_refused(&d.state, &job->release, PLAN_AUTOMATIC, err);
		return err;
	}
	TRY(stage_fits(job->why, &d, &reader.m, target));
	return incoming_readable(&reader, &seeds, target, job->file);
}

/* What the slots hold now is what the next boot finds there, but for the one that it writes to. */
static void open_slots(const struct job *job)
{
	static struct apply_slot slot[STATE_SLOTS_MAX];
	const struct apply_seeds_place place = { &d.store, &job->keys, slot, STATE_NONE };
	int target;

	incoming_slots(&d, slot);
	apply_seeds_open(&seeds, &place, &reader.m);
	if ((job->looks == RANGES || job->partial) && find_target(job, &target) == KB_OK)
		apply_lacks_open(&lacks, slot, target, &reader.m);
}

static enum kb_err check_with_state(const struct job *job)
{
	char text[REFUSED_SOURCE_MAX + 1];
	enum kb_err err;
	bool lifts;

	TRY(device_open_to_read(&d));
	err = device_need_state(&d);
	lifts = err == KB_OK && state_is_unwritable(&d.state, job->release.id);
	if (err == KB_OK)
		open_slots(job); /* and forgets that */
	if (err == KB_OK && !lifts && is_staged(job)) {
		log_warn("%s is staged already; nothing to do", job->release.version);
		/* A person's from now on, also where a server had it staged. */
		err = job->by_fleet || stage_owner_claim(&d.conf) == KB_OK ? KB_EAPPLIED : KB_EIO;
	}
	if (err == KB_OK)
		err = check_accepted(job);
	if (err == KB_OK && plan_source_skipped(&d.state, STATE_SRC_DATA))
		log_warn("%s; to end that: %s", refused_source(&d.state, STATE_SRC_DATA, text),
			 refused_source_remedy(&d.state, STATE_SRC_DATA));
	device_close(&d);
	return err;
}

/* Header, signature and tables of the file, before anything is written for its sake. */
static enum kb_err look_at_file(struct job *job, int fd, uint64_t size)
{
	enum kb_err err;

	job->why = reader.why;
	TRY(incoming_look(&reader, &d, &job->keys, fd, size, job->file));
	job->release = reader.release;
	err = stage_boot_tries(&reader, &d, job->file);
	if (err == KB_OK && !job->no_tables)
		err = incoming_tables(&reader, job->file);
	job->partial = reader_is_partial(&reader);
	reader_close(&reader); /* its manifest stays readable */
	TRY(err);
	TRY(stage_files_path(&d.conf, job->release.id, job->path, sizeof(job->path)));
	if (snprintf(job->temp_path, sizeof(job->temp_path), "%s.part", job->path) >=
	    (int)sizeof(job->temp_path))
		return KB_ENOSPC;
	return KB_OK;
}

/* The copy is what the next boot reads: it is the copy that is verified, off the medium. */
static enum kb_err make_copy(struct job *job, int fd, uint64_t size)
{
	TRY(stage_copy(fd, job->file, size, job->dir, job->temp_path, &job->progress));
	copy.why[0] = '\0';
	job->why = copy.why;
	TRY(verify_copy(job, job->temp_path, job->file, &job->progress));
	return stage_files_rename(job->dir, job->temp_path, job->path);
}

/*
 * What a power cut left in the folder takes the room that the copy needs. The state is read under
 * the folder's lock, so nobody stages anything meanwhile. The file that was given may lie there,
 * and be the only one of its owner: it goes when it is staged.
 */
static enum kb_err remove_litter(const struct job *job, int given)
{
	const struct state_staged *staged = &d.state.staged;
	enum kb_err err;

	TRY(device_open_to_read(&d));
	err = device_need_state(&d);
	if (err == KB_OK)
		stage_files_clean(job->dir, &d.conf,
				  staged->source == STATE_SRC_DATA ? staged->release : NULL, given);
	device_close(&d);
	return err;
}

/* saved: whether it came to a save. */
static enum kb_err save_staged(struct job *job, bool *saved)
{
	static char owner_why[STAGE_OWNER_WHY];
	enum kb_err err;

	job->why = owner_why;
	TRY(device_open_to_change(&d));
	err = check_accepted(job);
	if (err == KB_OK && !stage_files_exists(&d.conf, job->path)) {
		log_err("%s: another process removed the copy; stage it again", job->path);
		err = KB_ENOENT;
	}
	/* The copy took minutes, in which a person may have staged something. Cut behind this, what
	 * a server had staged stays until a person unstages it. */
	if (err == KB_OK)
		err = job->by_fleet ? stage_owner_lend(&d.conf, &d.state.staged, job->release.id,
						       owner_why)
				    : stage_owner_claim(&d.conf);
	if (err == KB_OK) {
		d.state.staged = (struct state_staged){ .source = STATE_SRC_DATA };
		memcpy(d.state.staged.release, job->release.id, STATE_ID_LEN);
		*saved = true;
		err = device_save(&d);
	}
	if (err == KB_OK) {
		device_history_release(&d, HISTORY_STATE, &job->release, STAGE_FILES_EVENT, "");
		stage_files_clean(job->dir, &d.conf, job->release.id, -1);
	}
	device_close(&d);
	return err;
}

static enum kb_err stage_file(struct job *job, int fd, uint64_t size)
{
	bool saved = false, named;
	enum kb_err err;

	TRY(device_may_install(&d));
	TRY(look_at_file(job, fd, size));
	TRY(check_with_state(job));
	TRY(stage_boot_finds(&d));
	TRY(stage_files_open_locked(&d.conf, d.opts->lock_wait_ms, &job->dir, &job->lock));
	TRY(remove_litter(job, fd));
	named = state_names_it(job); /* now, since the state may not be readable later */
	err = make_copy(job, fd, size);
	if (err != KB_OK && os_file_unlink(job->dir, stage_files_name(job->temp_path)) != KB_OK)
		log_debug("%s: not removed", job->temp_path);
	TRY(err);
	err = save_staged(job, &saved);
	/* Not when the state may name it: a save that failed can still have arrived. Then it only
	 * takes room, until the next one is staged. */
	if (err != KB_OK && !saved && !named)
		stage_files_remove(&d.conf, job->release.id);
	return err;
}

/* Of which ranges of the bundle this device would need: FILE has its tables, if nothing else. */
static enum kb_err print_ranges(struct job *job, int fd, uint64_t size)
{
	int target = STATE_NONE;
	enum kb_err err;

	TRY(find_target(job, &target));
	TRY(incoming_look(&reader, &d, &job->keys, fd, size, job->file));
	err = stage_ranges_print(&reader, &seeds, target, &lacks.lack, job->file);
	reader_close(&reader);
	return err;
}

/* Would it be staged, for all that its index says? */
static enum kb_err look_only(struct job *job, int fd, uint64_t size)
{
	enum kb_err err;

	TRY(device_may_install(&d));
	if (job->looks == INDEX)
		TRY(stage_index_measure(fd, job->file, &size, &job->no_tables));
	err = look_at_file(job, fd, size);
	/* Whoever signed it said so; what is refused has a name, too. */
	if (job->looks == INDEX && reader.release.version[0] != '\0')
		TRY(stage_index_print(&reader.release));
	TRY(err);
	TRY(device_open_to_read(&d));
	err = device_need_state(&d);
	if (err == KB_OK) {
		open_slots(job);
		err = check_accepted(job);
	}
	if (err == KB_OK && job->looks == RANGES)
		err = print_ranges(job, fd, size);
	device_close(&d);
	return err;
}

static void print_staged_result(const struct job *job, enum kb_err err)
{
	int code = output_exit_code(err);
	json_object *o;

	if (job->progress.mode != OUTPUT_PROGRESS_JSON) {
		if (err == KB_OK)
			printf("%s is staged%s.\n", job->release.version, stage_boot_promise(&d));
		return;
	}
	o = output_json_new();
	output_json_text(o, "verb", "stage");
	output_json_text(o, "result",
			 err == KB_OK	      ? "staged"
			 : err == KB_EAPPLIED ? "nothing"
					      : "failed");
	output_json_text(o, "version", job->release.version);
	output_json_number(o, "sequence", job->release.sequence);
	output_json_text(o, "path", err == KB_OK ? job->path : NULL);
	output_json_text(o, "error",
			 err == KB_OK				   ? NULL
			 : job->why != NULL && job->why[0] != '\0' ? job->why
								   : err_text(err));
	/* A slot has changed since it was fetched. */
	output_json_bool(o, "again", err == KB_ESEED && job->partial);
	output_progress_result(o, code);
}

int stage_cmd(struct args *a, struct device_options *o)
{
	static struct job job = { .dir = -1, .lock = -1 };
	KB_CLEANUP_FD int fd = -1;
	uint64_t size;
	enum kb_err err;
	int code = read_stage_args(a, o, &job);

	if (code != OUTPUT_OK)
		return code;
	device_init(&d, o);
	err = incoming_open(job.file, &fd, &size);
	if (err == KB_OK)
		err = incoming_keys(&d, &job.keys);
	if (err == KB_OK)
		err = job.looks != 0 ? look_only(&job, fd, size) : stage_file(&job, fd, size);
	apply_seeds_close(&seeds);
	apply_lacks_close(&lacks);
	util_close(&job.dir);
	util_close(&job.lock);
	keyring_free(&job.keys);
	if (job.looks == 0)
		print_staged_result(&job, err);
	if (err == KB_OK)
		err = output_flush();
	return output_exit_code(err);
}
