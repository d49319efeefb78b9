/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/anew.h"

#include "initramfs/data/kept.h"
#include "initramfs/data/tree.h"
#include "lib/conf_data.h"
#include "lib/conf_paths.h"
#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILL	 "fill" /* in Keelboot's folder: the second half is due */
#define LINKS	 "fill.links"
#define PATH_LEN (2 * (OS_FILE_NAME_MAX + 1))

enum stays { GOES, STAYS, PART_STAYS };

/* ---------------------------------------------------------------- what stays */

/* Whether `path` is in one of the list, or one of the list in it. */
static enum stays by_list(const char *list, const char *path)
{
	char one[CONF_PATHS_LEN + 1];
	enum stays found = GOES;

	while (conf_paths_next(&list, one, sizeof(one))) {
		if (!conf_paths_overlap(one, path))
			continue;
		if (strlen(one) <= strlen(path))
			return STAYS;
		found = PART_STAYS;
	}
	return found;
}

static enum stays of(const struct conf *c, const char *path)
{
	enum stays kept = by_list(c->data_keep, path), staged = by_list(c->data_stage, path);

	if (strcmp(path, KEPT_HOME) == 0 || kept == STAYS || staged == STAYS)
		return STAYS;
	return kept == PART_STAYS || staged == PART_STAYS ? PART_STAYS : GOES;
}

static void join(char path[PATH_LEN], const char *folder, const char *name)
{
	snprintf(path, PATH_LEN, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", name);
}

/* ---------------------------------------------------------------- deleting */

static enum kb_err wipe_one(struct tree_job *job, const struct conf *c, int dir, const char *folder,
			    const char *name);

static enum kb_err wipe_folder(struct tree_job *job, const struct conf *c, int dir,
			       const char *path)
{
	struct os_file_names list = { .dir = -1 };
	char name[OS_FILE_NAME_MAX + 1];
	enum kb_err err = os_file_reopen(dir, &list.dir), first = KB_OK;

	while (err == KB_OK) {
		err = os_file_next(&list, name);
		if (err == KB_OK) {
			enum kb_err one = wipe_one(job, c, list.dir, path, name);

			first = first == KB_OK ? one : first;
		}
	}
	util_close(&list.dir);
	if (err != KB_ENOENT)
		return tree_job_failed(job, err, path, "cannot be read");
	return first;
}

static bool is_named(const struct conf *c, const char *path)
{
	return by_list(c->data_paths, path) != GOES;
}

static enum kb_err wipe_one(struct tree_job *job, const struct conf *c, int dir, const char *folder,
			    const char *name)
{
	KB_CLEANUP_FD int sub = -1;
	char path[PATH_LEN];
	struct os_tree_stat st;
	enum stays stays;

	join(path, folder, name);
	stays = of(c, path);
	if (stays == STAYS)
		return KB_OK;
	TRY(os_tree_look(dir, name, &st));
	if (st.kind == OS_TREE_SUBVOLUME && (folder[0] == '\0' || is_named(c, path)))
		stays = PART_STAYS;
	if (stays == GOES || (st.kind != OS_TREE_FOLDER && st.kind != OS_TREE_SUBVOLUME))
		return tree_remove(job, dir, name);
	TRY(os_tree_open(dir, name, &sub));
	return wipe_folder(job, c, sub, path);
}

/* Names are read while they go, so some may be left out: until a round finds nothing to do. */
static enum kb_err wipe_all(struct tree_job *job, const struct conf *c, int top)
{
	for (unsigned i = 0; i < 3; i++)
		TRY(wipe_folder(job, c, top, ""));
	return KB_OK;
}

static enum kb_err open_own(int top, int *home)
{
	TRY(os_file_mkdir(top, KEPT_HOME, 0755));
	return os_tree_open(top, KEPT_HOME, home);
}

enum kb_err anew_wipe(struct tree_job *job, int top, const struct conf *c)
{
	KB_CLEANUP_FD int home = -1, fd = -1;
	char what[CONF_DATA_WHAT_MAX + 1];
	enum kb_err err;

	if (conf_data_bars_reset(c, what)) {
		errno = EINVAL;
		return tree_job_failed(job, KB_EINVAL, what, "cannot be read");
	}
	TRY(kept_drop(job, top));
	TRY(wipe_all(job, c, top));
	err = open_own(top, &home);
	if (err == KB_OK)
		err = os_tree_unlink(home, FILL);
	if (err == KB_ENOENT)
		err = KB_OK;
	if (err == KB_OK && c->data_template[0] != '\0')
		err = os_file_create(home, FILL, &fd);
	if (err == KB_OK)
		err = os_tree_sync(top);
	return err == KB_OK ? KB_OK : tree_job_failed(job, err, FILL, "cannot be written");
}

/* ---------------------------------------------------------------- filling */

struct filling {
	struct tree_job *job;
	const struct conf *c;
	int links;
};

static enum kb_err fill_folder(const struct filling *f, int from, int to, const char *path);

/* A folder that is there gets what the template has in it, and its owner and mode. */
static enum kb_err fill_into(const struct filling *f, int from, int to, const char *path,
			     const char *name, const struct os_tree_stat *st)
{
	KB_CLEANUP_FD int inner_from = -1, inner_to = -1;
	const char *what = "";

	TRY(os_tree_open(from, name, &inner_from));
	TRY(os_tree_open(to, name, &inner_to));
	TRY(fill_folder(f, inner_from, inner_to, path));
	return os_tree_copy_meta(from, name, to, name, st, &what);
}

static bool is_folder(const struct os_tree_stat *st)
{
	return st->kind == OS_TREE_FOLDER || st->kind == OS_TREE_SUBVOLUME;
}

static enum kb_err fill_one(const struct filling *f, int from, int to, const char *folder,
			    const char *name)
{
	struct os_tree_stat st, there;
	char path[PATH_LEN];
	enum kb_err err;

	join(path, folder, name);
	err = os_tree_look(to, name, &there);
	if (err == KB_OK && of(f->c, path) == STAYS)
		return KB_OK;
	TRY(os_tree_look(from, name, &st));
	if (err == KB_OK && is_folder(&st) && is_folder(&there))
		return fill_into(f, from, to, path, name, &st);
	if (err == KB_OK)
		err = tree_remove(f->job, to, name);
	if (err != KB_OK && err != KB_ENOENT)
		return err;
	return tree_copy(f->job, from, name, to, name, f->links);
}

static enum kb_err fill_folder(const struct filling *f, int from, int to, const char *path)
{
	struct os_file_names list = { .dir = -1 };
	char name[OS_FILE_NAME_MAX + 1];
	enum kb_err err = os_file_reopen(from, &list.dir);

	while (err == KB_OK) {
		err = os_file_next(&list, name);
		if (err == KB_OK)
			err = fill_one(f, from, to, path, name);
		else if (err == KB_ENOENT)
			break;
	}
	util_close(&list.dir);
	return err == KB_ENOENT ? KB_OK : tree_job_failed(f->job, err, path, "cannot be filled");
}

enum kb_err anew_open_template(int root, const char *path, int *dir)
{
	KB_CLEANUP_FD int at = -1;
	char name[OS_FILE_NAME_MAX + 1];

	TRY(os_file_reopen(root, &at));
	while (util_path_part(&path, name, sizeof(name))) {
		int next;

		TRY(os_tree_open(at, name, &next));
		util_close(&at);
		at = next;
	}
	*dir = util_take(&at);
	return KB_OK;
}

/* What a cut left in between is in the way, and is replaced. */
static enum kb_err fill_all(struct tree_job *job, int top, int home, int root, const struct conf *c)
{
	struct filling f = { .job = job, .c = c, .links = -1 };
	KB_CLEANUP_FD int from = -1;
	enum kb_err err = anew_open_template(root, c->data_template, &from);

	if (err != KB_OK) {
		tree_job_failed(job, err, c->data_template, "not in the slot");
		return KB_EINVAL;
	}
	TRY(tree_remove(job, home, LINKS));
	TRY(os_tree_make(home, LINKS));
	TRY(os_tree_open(home, LINKS, &f.links));
	err = fill_folder(&f, from, top, "");
	util_close(&f.links);
	if (err == KB_OK)
		err = tree_remove(job, home, LINKS);
	return err;
}

enum kb_err anew_fill(struct tree_job *job, int top, int root, const struct conf *c)
{
	KB_CLEANUP_FD int home = -1;
	struct os_tree_stat st;
	enum kb_err err;

	TRY(os_tree_open(top, KEPT_HOME, &home));
	TRY(os_tree_look(home, FILL, &st));
	job->limit = UINT64_MAX;
	err = fill_all(job, top, home, root, c);
	/* What failed is not tried again once the system has written there. */
	if (os_tree_sync(top) != KB_OK || os_tree_unlink(home, FILL) != KB_OK ||
	    os_tree_sync(top) != KB_OK)
		return tree_job_failed(job, err == KB_OK ? KB_EIO : err, FILL, "cannot be removed");
	return err;
}
