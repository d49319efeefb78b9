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

#define LINKS	 "fill.links"
#define PATH_LEN (2 * (OS_FILE_NAME_MAX + 1))

/* A path, seen from a list of paths. */
enum where { OUTSIDE, INSIDE, ABOVE };

/* ---------------------------------------------------------------- what stays */

/* Whether `path` is in one of the list, or one of the list in it. */
static enum where by_list(const char *list, const char *path)
{
	char one[CONF_PATHS_LEN + 1];
	enum where found = OUTSIDE;

	while (conf_paths_next(&list, one, sizeof(one))) {
		if (!conf_paths_overlap(one, path))
			continue;
		if (strlen(one) <= strlen(path))
			return INSIDE;
		found = ABOVE;
	}
	return found;
}

static enum where of(const struct conf *c, const char *path)
{
	enum where kept = by_list(c->data_keep, path), staged = by_list(c->data_stage, path);

	if (strcmp(path, KEPT_HOME) == 0 || kept == INSIDE || staged == INSIDE)
		return INSIDE;
	return kept == ABOVE || staged == ABOVE ? ABOVE : OUTSIDE;
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
	return by_list(c->data_paths, path) != OUTSIDE;
}

static enum kb_err wipe_one(struct tree_job *job, const struct conf *c, int dir, const char *folder,
			    const char *name)
{
	KB_CLEANUP_FD int sub = -1;
	char path[PATH_LEN];
	struct os_tree_stat st;
	enum where stays;

	join(path, folder, name);
	stays = of(c, path);
	if (stays == INSIDE)
		return KB_OK;
	TRY(os_tree_look(dir, name, &st));
	if (st.kind == OS_TREE_SUBVOLUME && (folder[0] == '\0' || is_named(c, path)))
		stays = ABOVE;
	if (stays == OUTSIDE || (st.kind != OS_TREE_FOLDER && st.kind != OS_TREE_SUBVOLUME))
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

static enum kb_err forget_fill(int home)
{
	enum kb_err err = os_tree_unlink(home, KEPT_FILL);

	if (err == KB_OK || err == KB_ENOENT)
		err = os_tree_unlink(home, KEPT_FILL_NAMED);
	return err == KB_ENOENT ? KB_OK : err;
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
		err = forget_fill(home);
	if (err == KB_OK && c->data_template[0] != '\0')
		err = os_file_create(home, KEPT_FILL, &fd);
	if (err == KB_OK)
		err = os_tree_sync(top);
	return err == KB_OK ? KB_OK : tree_job_failed(job, err, KEPT_FILL, "cannot be written");
}

/* ---------------------------------------------------------------- filling */

struct filling {
	struct tree_job *job;
	const struct conf *c;
	int links;
	/* Only what [data] paths= names: the rest is in use since the reset. */
	bool named;
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
	enum where due = INSIDE;
	char path[PATH_LEN];
	enum kb_err err;

	join(path, folder, name);
	if (f->named)
		due = by_list(f->c->data_paths, path);
	if (due == OUTSIDE)
		return KB_OK;
	err = os_tree_look(to, name, &there);
	if (err == KB_OK && of(f->c, path) == INSIDE)
		return KB_OK;
	TRY(os_tree_look(from, name, &st));
	if (err == KB_OK && is_folder(&st) && is_folder(&there))
		return fill_into(f, from, to, path, name, &st);
	if (due == ABOVE) {
		if (err != KB_ENOENT || !is_folder(&st))
			return KB_OK;
		TRY(os_tree_make(to, name));
		return fill_into(f, from, to, path, name, &st);
	}
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
static enum kb_err fill_all(struct filling *f, int top, int home, int root)
{
	KB_CLEANUP_FD int from = -1;
	enum kb_err err = anew_open_template(root, f->c->data_template, &from);

	if (err != KB_OK) {
		tree_job_failed(f->job, err, f->c->data_template, "not in the slot");
		return KB_EINVAL;
	}
	TRY(tree_remove(f->job, home, LINKS));
	TRY(os_tree_make(home, LINKS));
	TRY(os_tree_open(home, LINKS, &f->links));
	err = fill_folder(f, from, top, "");
	util_close(&f->links);
	if (err == KB_OK)
		err = tree_remove(f->job, home, LINKS);
	return err;
}

enum kb_err anew_fill(struct tree_job *job, int top, int root, const struct conf *c)
{
	struct filling f = { .job = job, .c = c, .links = -1 };
	KB_CLEANUP_FD int home = -1;
	struct os_tree_stat st;
	enum kb_err err;

	TRY(os_tree_open(top, KEPT_HOME, &home));
	f.named = os_tree_look(home, KEPT_FILL, &st) == KB_ENOENT;
	if (f.named)
		TRY(os_tree_look(home, KEPT_FILL_NAMED, &st));
	job->limit = UINT64_MAX;
	err = fill_all(&f, top, home, root);
	/* What failed is not tried again once the system has written there. */
	if (os_tree_sync(top) != KB_OK || forget_fill(home) != KB_OK || os_tree_sync(top) != KB_OK)
		return tree_job_failed(job, err == KB_OK ? KB_EIO : err, KEPT_FILL,
				       "cannot be removed");
	return err;
}
