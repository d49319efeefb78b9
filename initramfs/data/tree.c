/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/tree.h"

#include "initramfs/data/tree_file.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum kb_err too_deep(struct tree_job *job, const char *name)
{
	errno = ELOOP;
	return tree_job_failed(job, KB_EINVAL, name, "too many folders inside each other");
}

/* ---------------------------------------------------------------- copying */

/* Where something is copied from, and to. */
struct place {
	int from_dir, to_dir;
	const char *from, *to;
};

static enum kb_err copy_one(struct tree_job *job, const struct place *p, int links, unsigned depth);

static enum kb_err copy_names(struct tree_job *job, int from, int to, int links, unsigned depth)
{
	struct os_file_names list = { .dir = from };
	char name[OS_FILE_NAME_MAX + 1];
	enum kb_err err;

	while ((err = os_file_next(&list, name)) == KB_OK) {
		const struct place p = { from, to, name, name };

		TRY(copy_one(job, &p, links, depth + 1));
	}
	return err == KB_ENOENT ? KB_OK : err;
}

static enum kb_err copy_folder(struct tree_job *job, const struct place *p, int links,
			       unsigned depth)
{
	KB_CLEANUP_FD int from = -1, to = -1;
	enum kb_err err;

	if (depth >= TREE_DEPTH_MAX)
		return too_deep(job, p->from);
	err = os_tree_open(p->from_dir, p->from, &from);
	if (err == KB_OK)
		err = os_tree_make(p->to_dir, p->to);
	if (err == KB_OK)
		err = os_tree_open(p->to_dir, p->to, &to);
	if (err == KB_OK)
		err = copy_names(job, from, to, links, depth);
	return err == KB_OK ? KB_OK : tree_job_failed(job, err, p->from, "cannot be copied");
}

/* A file with several names. Its copy has one more, in the folder `links`, by which it is found
 * again; that this name is there already says that the copy is, too. */
static enum kb_err copy_linked(struct tree_job *job, const struct place *p,
			       const struct os_tree_stat *st, int links, bool *was_there)
{
	char name[48];
	enum kb_err err;

	snprintf(name, sizeof(name), "%llx-%llx", (unsigned long long)st->dev,
		 (unsigned long long)st->inode);
	err = os_tree_link(links, name, p->to_dir, p->to);
	*was_there = err == KB_OK;
	if (err != KB_ENOENT)
		return err;
	TRY(tree_file_copy(job, p->from_dir, p->from, p->to_dir, p->to, st));
	return os_tree_link(p->to_dir, p->to, links, name);
}

static enum kb_err copy_content(struct tree_job *job, const struct place *p,
				const struct os_tree_stat *st, int links, unsigned depth,
				bool *was_there)
{
	switch (st->kind) {
	case OS_TREE_FOLDER:
	case OS_TREE_SUBVOLUME:
		return copy_folder(job, p, links, depth);
	case OS_TREE_FILE:
		if (st->links > 1)
			return copy_linked(job, p, st, links, was_there);
		return tree_file_copy(job, p->from_dir, p->from, p->to_dir, p->to, st);
	case OS_TREE_LINK:
		return os_tree_copy_link(p->from_dir, p->from, p->to_dir, p->to);
	case OS_TREE_NODE:
		return os_tree_make_node(p->to_dir, p->to, st);
	}
	return KB_EINVAL;
}

static enum kb_err copy_one(struct tree_job *job, const struct place *p, int links, unsigned depth)
{
	bool was_there = false;
	struct os_tree_stat st;
	const char *what = "cannot be copied";
	enum kb_err err = os_tree_look(p->from_dir, p->from, &st);

	tree_job_progress(job);
	if (err == KB_OK)
		err = copy_content(job, p, &st, links, depth, &was_there);
	if (err == KB_OK && !was_there) {
		err = os_tree_copy_meta(p->from_dir, p->from, p->to_dir, p->to, &st, &what);
		if (err != KB_OK)
			return tree_job_failed(job, err, p->from, what);
	}
	return err == KB_OK ? KB_OK : tree_job_failed(job, err, p->from, what);
}

enum kb_err tree_copy(struct tree_job *job, int from_dir, const char *from, int to_dir,
		      const char *to, int links)
{
	const struct place p = { from_dir, to_dir, from, to };

	return copy_one(job, &p, links, 0);
}

/* ---------------------------------------------------------------- measuring */

static enum kb_err measure_one(struct tree_job *job, int dir, const char *name, uint64_t *bytes,
			       unsigned depth)
{
	struct os_file_names list = { .dir = -1 };
	char inside[OS_FILE_NAME_MAX + 1];
	struct os_tree_stat st;
	enum kb_err err = os_tree_look(dir, name, &st);

	tree_job_progress(job);
	if (err != KB_OK)
		return tree_job_failed(job, err, name, "cannot be read");
	*bytes += st.stored / (st.links > 1 && st.kind == OS_TREE_FILE ? st.links : 1);
	if (st.kind != OS_TREE_FOLDER && st.kind != OS_TREE_SUBVOLUME)
		return KB_OK;
	if (depth >= TREE_DEPTH_MAX)
		return too_deep(job, name);
	err = os_tree_open(dir, name, &list.dir);
	while (err == KB_OK) {
		err = os_file_next(&list, inside);
		if (err == KB_OK)
			err = measure_one(job, list.dir, inside, bytes, depth + 1);
	}
	util_close(&list.dir);
	return err == KB_ENOENT ? KB_OK : tree_job_failed(job, err, name, "cannot be read");
}

enum kb_err tree_measure(struct tree_job *job, int dir, const char *name, uint64_t *bytes)
{
	return measure_one(job, dir, name, bytes, 0);
}

/* ---------------------------------------------------------------- deleting */

static enum kb_err remove_one(struct tree_job *job, int dir, const char *name, unsigned depth);

static enum kb_err remove_names(struct tree_job *job, int dir, const char *name, unsigned depth)
{
	struct os_file_names list = { .dir = -1 };
	char inside[OS_FILE_NAME_MAX + 1];
	enum kb_err err, first = KB_OK;

	if (depth >= TREE_DEPTH_MAX)
		return too_deep(job, name);
	err = os_tree_open(dir, name, &list.dir);
	if (err != KB_OK)
		return tree_job_failed(job, err, name, "cannot be opened");
	while (first != KB_ETIMEDOUT && (err = os_file_next(&list, inside)) == KB_OK) {
		err = remove_one(job, list.dir, inside, depth + 1);
		first = first == KB_OK || err == KB_ETIMEDOUT ? err : first;
	}
	util_close(&list.dir);
	return first == KB_OK && err != KB_ENOENT ? err : first;
}

/* A subvolume goes in one step, unless another one begins in it. */
static enum kb_err remove_subvolume(struct tree_job *job, int dir, const char *name, unsigned depth)
{
	if (os_tree_delete_subvolume(dir, name) == KB_OK)
		return KB_OK;
	TRY(remove_names(job, dir, name, depth));
	return os_tree_delete_subvolume(dir, name);
}

/* A list of names that is read while they go may leave some out. */
static enum kb_err remove_folder(struct tree_job *job, int dir, const char *name, unsigned depth)
{
	enum kb_err err = os_tree_rmdir(dir, name);

	for (unsigned i = 0; i < 3 && err != KB_OK && errno == ENOTEMPTY; i++) {
		TRY(remove_names(job, dir, name, depth));
		err = os_tree_rmdir(dir, name);
	}
	return err;
}

static enum kb_err remove_one(struct tree_job *job, int dir, const char *name, unsigned depth)
{
	struct os_tree_stat st;
	enum kb_err err;

	tree_job_progress(job);
	if (job->until_ms != 0 && os_now_ms() >= job->until_ms)
		return KB_ETIMEDOUT;
	err = os_tree_look(dir, name, &st);
	if (err != KB_OK)
		return err == KB_ENOENT ? KB_OK : tree_job_failed(job, err, name, "cannot be read");
	if (st.kind == OS_TREE_SUBVOLUME)
		err = remove_subvolume(job, dir, name, depth);
	else if (st.kind == OS_TREE_FOLDER)
		err = remove_folder(job, dir, name, depth);
	else
		err = os_tree_unlink(dir, name);
	if (err == KB_OK || err == KB_ETIMEDOUT)
		return err;
	return tree_job_failed(job, err, name, "cannot be deleted");
}

enum kb_err tree_remove(struct tree_job *job, int dir, const char *name)
{
	return remove_one(job, dir, name, 0);
}
