/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/kept.h"

#include "initramfs/data/kept_list.h"
#include "initramfs/data/kept_make.h"
#include "initramfs/data/kept_volume.h"
#include "lib/conf_data.h"
#include "lib/log.h"
#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEPT "kept"
#define NEW  "kept.new"
#define GONE "kept.gone"

/* ---------------------------------------------------------------- the folder */

static enum kb_err open_home(struct tree_job *job, int top, bool make, int *home)
{
	enum kb_err err = make ? os_file_mkdir(top, KEPT_HOME, 0755) : KB_OK;

	if (err == KB_OK)
		err = os_tree_open(top, KEPT_HOME, home);
	if (err != KB_OK && err != KB_ENOENT)
		return tree_job_failed(job, err, KEPT_HOME,
				       make ? "cannot be made" : "cannot be opened");
	return err;
}

/* The snapshot that is there. KB_ENOENT: none that is whole. */
static enum kb_err open_kept(int home, int *kept, struct kept_list *l)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = os_tree_open(home, KEPT, &fd);

	if (err == KB_OK)
		err = kept_list_read(fd, l);
	if (err != KB_OK)
		return err == KB_EINVAL ? KB_ENOENT : err;
	*kept = util_take(&fd);
	return KB_OK;
}

static enum kb_err sync_all(struct tree_job *job, int dir)
{
	enum kb_err err = os_tree_sync(dir);

	return err == KB_OK ? KB_OK
			    : tree_job_failed(job, err, KEPT, "cannot be flushed to the disk");
}

/* First it gets another name: what was deleted in part must never be taken for a snapshot. volume:
 * what became of the snapshot of the volume, which must not keep the rest. */
static enum kb_err drop_all(struct tree_job *job, int home, enum kb_err *volume)
{
	enum kb_err err = os_tree_move(home, KEPT, home, GONE);

	if (err == KB_EBUSY) {
		TRY(tree_remove(job, home, GONE));
		err = os_tree_move(home, KEPT, home, GONE);
	}
	if (err != KB_OK && err != KB_ENOENT)
		return tree_job_failed(job, err, KEPT, "cannot be renamed");
	TRY(sync_all(job, home)); /* a cut behind this leaves no snapshot */
	*volume = kept_volume_drop(job, home);
	TRY(tree_remove(job, home, NEW));
	return tree_remove(job, home, GONE);
}

enum kb_err kept_drop(struct tree_job *job, int top)
{
	KB_CLEANUP_FD int home = -1;
	enum kb_err err = open_home(job, top, false, &home), volume = KB_OK;

	if (err != KB_OK)
		return err == KB_ENOENT ? KB_OK : err;
	TRY(drop_all(job, home, &volume));
	return volume;
}

/* ---------------------------------------------------------------- making */

static enum kb_err fill_new(struct tree_job *job, int top, int home, const struct conf *c,
			    struct kept_list *l, kept_method how)
{
	KB_CLEANUP_FD int dir = -1;
	enum kb_err err = os_tree_make(home, NEW);

	if (err == KB_OK)
		err = os_tree_open(home, NEW, &dir);
	if (err != KB_OK)
		return tree_job_failed(job, err, NEW, "cannot be made");
	TRY(kept_make_paths(job, top, home, dir, c, l, how));
	err = kept_list_write(dir, l);
	if (err != KB_OK)
		return tree_job_failed(job, err, KEPT_LIST_NAME, "cannot be written");
	return sync_all(job, dir); /* whole and durable before it has its name */
}

/* Of a trial before: its room may be needed. A volume that stays is noted, and goes another time.
 */
static enum kb_err drop_old(struct tree_job *job, int home)
{
	enum kb_err err, volume = KB_OK;

	err = drop_all(job, home, &volume);
	if (err != KB_OK || volume == KB_OK)
		return err;
	log_warn("data: %s", job->why);
	job->why[0] = '\0';
	return KB_OK;
}

enum kb_err kept_make(struct tree_job *job, int top, const struct conf *c,
		      const struct kept_owner *owner, kept_method how)
{
	struct kept_list l = { .n = 0 };
	KB_CLEANUP_FD int home = -1;
	struct tree_job undo = { .progress = job->progress };
	enum kb_err err;

	if (conf_is_bad(c, c->data_paths)) {
		errno = EINVAL;
		return tree_job_failed(job, KB_EINVAL, "[data] paths= of the initramfs",
				       "cannot be read");
	}
	TRY(kept_list_paths(&l, c->data_paths));
	l.owner = *owner;
	TRY(open_home(job, top, true, &home));
	TRY(drop_old(job, home));
	err = fill_new(job, top, home, c, &l, how);
	if (err == KB_OK) {
		err = os_tree_move(home, NEW, home, KEPT);
		if (err == KB_OK)
			return sync_all(job, home);
		tree_job_failed(job, err, KEPT, "cannot be renamed");
	}
	/* Else the next drop does it. */
	(void)!kept_volume_drop(&undo, home);
	(void)!tree_remove(&undo, home, NEW);
	return err;
}

/* ---------------------------------------------------------------- looking */

static bool is_there(int dir, const char *name)
{
	struct os_tree_stat st;

	return os_tree_look(dir, name, &st) == KB_OK;
}

static void name_of(char name[24], unsigned i, const char *suffix)
{
	snprintf(name, 24, "%u%s", i, suffix);
}

/* Neither "0" nor "0.absent" is there. */
static bool was_put_back(int kept, unsigned i)
{
	char name[24], absent[24];

	name_of(name, i, "");
	name_of(absent, i, KEPT_ABSENT);
	return !is_there(kept, name) && !is_there(kept, absent);
}

/* What the trial had in place of the path was moved away. */
static bool was_moved_away(int kept, unsigned i)
{
	char trial[24];

	name_of(trial, i, KEPT_TRIAL);
	return is_there(kept, trial);
}

enum kb_err kept_check(int top, const struct kept_owner *owner)
{
	KB_CLEANUP_FD int home = -1, kept = -1;
	struct tree_job job = { .limit = 0 };
	struct kept_list l;

	TRY(open_home(&job, top, false, &home));
	TRY(open_kept(home, &kept, &l));
	if (l.owner.slot != owner->slot ||
	    memcmp(l.owner.release, owner->release, sizeof(owner->release)) != 0)
		return KB_ENOENT;
	if (l.inside)
		return kept_lvm_exists(&job, l.lvm);
	for (unsigned i = 0; i < l.n; i++)
		if (was_put_back(kept, i) || was_moved_away(kept, i))
			return KB_ETIMEDOUT;
	return KB_OK;
}

enum kb_err kept_look(int top, struct kept_owner *owner)
{
	KB_CLEANUP_FD int home = -1, kept = -1;
	struct tree_job job = { .limit = 0 };
	struct kept_list l;

	TRY(open_home(&job, top, false, &home));
	TRY(open_kept(home, &kept, &l));
	*owner = l.owner;
	return KB_OK;
}

/* ---------------------------------------------------------------- putting back */

/* What the trial has there moves away. What moved there before is the trial's, and what is in its
 * place now is of a boot in which the rest failed. */
static enum kb_err move_away(struct tree_job *job, int top, int kept, const struct kept_list *l,
			     unsigned i)
{
	KB_CLEANUP_FD int dir = -1;
	const char *last;
	char trial[24];
	enum kb_err err;

	name_of(trial, i, KEPT_TRIAL);
	if (was_put_back(kept, i))
		return KB_OK;
	err = kept_list_walk(top, l->path[i], false, &dir, &last);
	if (err == KB_ENOENT)
		return KB_OK;
	if (err != KB_OK)
		return tree_job_failed(job, err, l->path[i], "the way to it is no folder");
	if (!is_there(dir, last))
		return KB_OK;
	TRY(tree_remove(job, kept, trial));
	err = os_tree_move(dir, last, kept, trial);
	return err == KB_OK ? KB_OK : tree_job_failed(job, err, l->path[i], "cannot be moved away");
}

static enum kb_err move_back(struct tree_job *job, int top, int kept, const struct kept_list *l,
			     unsigned i)
{
	KB_CLEANUP_FD int dir = -1;
	char name[24], absent[24];
	const char *last;
	enum kb_err err;

	name_of(name, i, "");
	name_of(absent, i, KEPT_ABSENT);
	if (is_there(kept, absent))
		return os_tree_unlink(kept, absent);
	if (!is_there(kept, name))
		return KB_OK;
	err = kept_list_walk(top, l->path[i], true, &dir, &last);
	if (err == KB_OK)
		err = os_tree_move(kept, name, dir, last);
	return err == KB_OK ? KB_OK : tree_job_failed(job, err, l->path[i], "cannot be put back");
}

/* What was moved back of a path moves here again, and what was moved away to its place. */
static enum kb_err undo_one(int top, int kept, const struct kept_list *l, unsigned i)
{
	KB_CLEANUP_FD int dir = -1, fd = -1;
	char name[24], absent[24], trial[24];
	const char *last;
	enum kb_err err;

	name_of(name, i, "");
	name_of(absent, i, KEPT_ABSENT);
	name_of(trial, i, KEPT_TRIAL);
	if (was_put_back(kept, i) && l->absent[i])
		TRY(os_file_create(kept, absent, &fd));
	/* The way to it may be missing, if nothing was there. */
	err = kept_list_walk(top, l->path[i], false, &dir, &last);
	if (err != KB_OK)
		return err == KB_ENOENT && l->absent[i] ? KB_OK : err;
	if (was_put_back(kept, i))
		TRY(os_tree_move(dir, last, kept, name));
	if (is_there(kept, trial))
		TRY(os_tree_move(kept, trial, dir, last));
	return KB_OK;
}

static enum kb_err each_path(struct tree_job *job, int top, int kept, const struct kept_list *l,
			     enum kb_err (*step)(struct tree_job *, int, int,
						 const struct kept_list *, unsigned))
{
	for (unsigned i = 0; i < l->n; i++)
		TRY(step(job, top, kept, l, i));
	return sync_all(job, kept);
}

/* No slot may run with a mixture: all is as it was before, and what is kept is whole. */
static void undo_all(int top, int kept, const struct kept_list *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (undo_one(top, kept, l, i) != KB_OK)
			log_err("data: %s: neither put back nor left as it was: %m", l->path[i]);
	if (os_tree_sync(kept) != KB_OK)
		log_err("data: cannot be flushed to the disk: %m");
}

/* What an earlier attempt left of the copies. */
static enum kb_err clear_copies(struct tree_job *job, int kept, const struct kept_list *l)
{
	char name[24];

	for (unsigned i = 0; i < l->n; i++) {
		name_of(name, i, "");
		TRY(tree_remove(job, kept, name));
		name_of(name, i, KEPT_ABSENT);
		TRY(tree_remove(job, kept, name));
	}
	return tree_remove(job, kept, KEPT_LINKS);
}

/* They must not fill the disk of who boots with what the trial left. Where the list knows the
 * snapshot no more, they are all there is. */
static void drop_copies(const struct tree_job *job, int kept, const struct kept_list *l)
{
	struct tree_job undo = { .progress = job->progress };
	struct kept_list now;

	if (kept_list_read(kept, &now) == KB_OK && now.inside &&
	    clear_copies(&undo, kept, l) != KB_OK)
		log_warn("data: %s", undo.why);
}

/* Out of the snapshot of the volume: from then on they are as if they had been copied before. */
static enum kb_err take_out(struct tree_job *job, int kept, const char *fstype, struct kept_list *l)
{
	int source = -1;
	enum kb_err err = clear_copies(job, kept, l);

	if (err == KB_OK)
		err = kept_lvm_open(job, l->lvm, fstype, &source);
	if (err != KB_OK)
		return err;
	err = kept_make_copies(job, source, kept, l);
	kept_lvm_close(job, l->lvm, &source);
	l->inside = false;
	if (err == KB_OK)
		err = sync_all(job, kept);
	if (err == KB_OK)
		err = kept_list_replace(kept, l);
	if (err != KB_OK)
		drop_copies(job, kept, l);
	return err;
}

/* The slot that boots next has not been asked for what it brings. */
static enum kb_err fill_again(struct tree_job *job, int home, int kept)
{
	if (!is_there(kept, KEPT_FILL) || is_there(home, KEPT_FILL) ||
	    is_there(home, KEPT_FILL_NAMED))
		return KB_OK;
	TRY(kept_make_note(job, home, KEPT_FILL_NAMED));
	return sync_all(job, home);
}

enum kb_err kept_put_back(struct tree_job *job, int top, const char *fstype)
{
	KB_CLEANUP_FD int home = -1, kept = -1;
	struct kept_list l;
	struct tree_job whole = *job;
	enum kb_err err, volume = KB_OK;

	whole.until_ms = 0; /* only what is left to delete may wait */
	TRY(open_home(job, top, false, &home));
	TRY(open_kept(home, &kept, &l));
	/* Durable before the step behind it: else a cut could leave both in one place, or none. */
	if (l.inside) {
		err = take_out(&whole, kept, fstype, &l);
		memcpy(job->why, whole.why, sizeof(job->why));
		if (err != KB_OK)
			return err == KB_ENOENT || err == KB_ETIMEDOUT ? KB_EIO : err;
	}
	err = each_path(&whole, top, kept, &l, move_away);
	if (err == KB_OK)
		err = each_path(&whole, top, kept, &l, move_back);
	if (err == KB_OK)
		err = fill_again(&whole, home, kept);
	memcpy(job->why, whole.why, sizeof(job->why));
	if (err != KB_OK) {
		undo_all(top, kept, &l);
		return err == KB_ENOENT || err == KB_ETIMEDOUT ? KB_EIO : err;
	}
	util_close(&kept);
	err = drop_all(job, home, &volume);
	/* All is in its place, durably: what is left to delete only costs room. */
	return err == KB_OK && volume == KB_OK ? KB_OK : KB_ETIMEDOUT;
}
