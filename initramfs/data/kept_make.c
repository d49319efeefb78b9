/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/kept_make.h"

#include "initramfs/data/kept_volume.h"
#include "lib/log.h"
#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROBE "probe"
/* Beside what is copied: for names and folders, and so that the trial does not begin on a full
 * disk. */
#define SPARE (4u << 20)

struct making {
	struct tree_job *job;
	int top, home, dir, links;
	const struct conf *c;
	struct kept_list *l;
	/* of paths, by how they were made */
	unsigned snapshots;
};

/* ---------------------------------------------------------------- what the file system can */

static bool write_probe(int dir)
{
	static const uint8_t block[4096];
	KB_CLEANUP_FD int fd = -1;

	return os_file_create(dir, PROBE "1", &fd) == KB_OK &&
	       os_file_write(fd, block, sizeof(block)) == KB_OK;
}

/* Two files of a block are cheaper than a copy that was not wanted. */
static bool can_share(int dir)
{
	KB_CLEANUP_FD int from = -1, to = -1;
	bool can = write_probe(dir) && os_file_open(dir, PROBE "1", &from) == KB_OK &&
		   os_file_create(dir, PROBE "2", &to) == KB_OK && os_tree_clone(from, to) == KB_OK;

	(void)!os_tree_unlink(dir, PROBE "1");
	(void)!os_tree_unlink(dir, PROBE "2");
	return can;
}

static bool may_snapshot(const struct making *m, const struct os_tree_stat *st, int dir,
			 const char *name)
{
	KB_CLEANUP_FD int fd = -1;

	if (m->c->data_method != CONF_DATA_AUTO && m->c->data_method != CONF_DATA_BTRFS)
		return false;
	return st->kind == OS_TREE_SUBVOLUME && os_tree_open(dir, name, &fd) == KB_OK &&
	       !os_tree_has_subvolumes(fd);
}

/* ---------------------------------------------------------------- room */

static enum kb_err refuse_size(struct making *m, const char *what, uint64_t needs, uint64_t has)
{
	snprintf(m->job->why, sizeof(m->job->why),
		 "a copy needs %" PRIu64 " MiB, but %s %" PRIu64 " MiB",
		 (needs + (1u << 20) - 1) >> 20, what, has >> 20);
	errno = ENOSPC;
	return KB_ENOSPC;
}

/* Before anything is written: filling the disk would find out as well. */
static enum kb_err check_room(struct making *m)
{
	uint64_t needs = 0, room;

	for (unsigned i = 0; i < m->l->n; i++) {
		KB_CLEANUP_FD int dir = -1;
		const char *name;
		struct os_tree_stat st;

		if (kept_list_walk(m->top, m->l->path[i], false, &dir, &name) == KB_OK &&
		    os_tree_look(dir, name, &st) == KB_OK && !may_snapshot(m, &st, dir, name))
			TRY(tree_measure(m->job, dir, name, &needs));
	}
	if (needs > m->job->limit)
		return refuse_size(m, "[data] limit= is", needs, m->job->limit);
	TRY(os_tree_room(m->dir, &room));
	if (needs + needs / 16 + SPARE > room)
		return refuse_size(m, "the data partition has", needs + needs / 16 + SPARE, room);
	return KB_OK;
}

/* ---------------------------------------------------------------- one path */

enum kb_err kept_make_note(struct tree_job *job, int dir, const char *name)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = os_file_create(dir, name, &fd);

	return err == KB_OK ? KB_OK : tree_job_failed(job, err, name, "cannot be made");
}

static enum kb_err note_absent(struct making *m, unsigned i)
{
	char name[24];

	m->l->absent[i] = true;
	snprintf(name, sizeof(name), "%u" KEPT_ABSENT, i);
	return kept_make_note(m->job, m->dir, name);
}

static enum kb_err take_snapshot(struct making *m, int dir, const char *last, const char *name)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = os_tree_open(dir, last, &fd);

	if (err == KB_OK)
		err = os_tree_snapshot(fd, m->dir, name);
	m->snapshots++;
	return err == KB_OK ? KB_OK : tree_job_failed(m->job, err, last, "no snapshot");
}

/* What lies in another subvolume could not be moved back from here. */
static enum kb_err check_place(struct making *m, int dir, const char *path)
{
	struct os_tree_stat here, there;

	if (m->l->inside)
		return KB_OK; /* of a snapshot of all: looked at when that was made */
	TRY(os_tree_look(m->dir, ".", &here));
	TRY(os_tree_look(dir, ".", &there));
	if (here.dev == there.dev)
		return KB_OK;
	errno = EXDEV;
	return tree_job_failed(
		m->job, KB_EINVAL, path,
		"in another subvolume than keelboot/: make the path itself a subvolume");
}

static enum kb_err make_one(struct making *m, unsigned i)
{
	const char *path = m->l->path[i], *last;
	KB_CLEANUP_FD int dir = -1;
	struct os_tree_stat st;
	char name[24];
	enum kb_err err = kept_list_walk(m->top, path, false, &dir, &last);

	snprintf(name, sizeof(name), "%u", i);
	if (err == KB_OK)
		err = os_tree_look(dir, last, &st);
	if (err == KB_ENOENT)
		return note_absent(m, i);
	if (err != KB_OK)
		return tree_job_failed(m->job, err, path, "cannot be opened");
	if (may_snapshot(m, &st, dir, last))
		return take_snapshot(m, dir, last, name);
	if (m->c->data_method == CONF_DATA_BTRFS) {
		errno = EINVAL;
		return tree_job_failed(m->job, KB_EINVAL, path,
				       "no subvolume, or one that others begin in (method=btrfs)");
	}
	TRY(check_place(m, dir, path));
	return tree_copy(m->job, dir, last, m->dir, name, m->links);
}

/* ---------------------------------------------------------------- all */

static enum kb_err choose_way(struct making *m)
{
	bool share = m->c->data_method != CONF_DATA_COPY && can_share(m->dir);

	m->job->limit = (uint64_t)m->c->data_limit_mib << 20;
	if (m->c->data_method == CONF_DATA_REFLINK && !share) {
		errno = EOPNOTSUPP;
		return tree_job_failed(m->job, KB_EINVAL, "method=reflink",
				       "this file system cannot");
	}
	m->job->how = m->c->data_method == CONF_DATA_REFLINK ? TREE_SHARE
		      : share				     ? TREE_SHARE_OR_COPY
							     : TREE_COPY;
	return share ? KB_OK : check_room(m);
}

static enum kb_err make_all(struct making *m)
{
	TRY(choose_way(m));
	for (unsigned i = 0; i < m->l->n; i++)
		TRY(make_one(m, i));
	return KB_OK;
}

static const char *method_of(const struct making *m)
{
	if (m->job->copied > 0 || (m->job->shared == 0 && m->snapshots == 0))
		return "copy";
	return m->job->shared > 0 ? "reflink" : "btrfs";
}

/* What a failed lvm left: nothing, or a part that stays noted until it can be removed. */
static void forget_volume(const struct making *m)
{
	struct tree_job own = { .progress = m->job->progress };

	if (kept_volume_drop(&own, m->home) != KB_OK)
		log_warn("data: %s", own.why);
}

static enum kb_err make_volume(struct making *m, unsigned thick_mib)
{
	enum kb_err err;

	TRY(kept_lvm_find(m->job, m->l->lvm));
	TRY(kept_volume_note(m->job, m->home, m->l->lvm));
	err = kept_lvm_make(m->job, m->l->lvm, thick_mib);
	if (err != KB_OK)
		forget_volume(m);
	return err;
}

/* Thin, it costs nothing; so it goes before a copy where nothing else was asked for. */
static enum kb_err try_volume(struct making *m)
{
	bool asked = m->c->data_method == CONF_DATA_LVM;
	enum kb_err err;

	if (!asked && m->c->data_method != CONF_DATA_AUTO)
		return KB_EINVAL;
	err = make_volume(m, asked ? m->c->data_limit_mib : 0);
	m->l->inside = err == KB_OK;
	if (err == KB_OK)
		return KB_OK;
	if (!asked)
		m->job->why[0] = '\0';
	else if (err == KB_EINVAL)
		snprintf(
			m->job->why, sizeof(m->job->why),
			"method=lvm: the data partition is no logical volume, or this initramfs has no lvm");
	return err;
}

static enum kb_err with_links(struct making *m, enum kb_err (*make)(struct making *))
{
	enum kb_err err = os_tree_make(m->dir, KEPT_LINKS);

	if (err == KB_OK)
		err = os_tree_open(m->dir, KEPT_LINKS, &m->links);
	if (err != KB_OK)
		return tree_job_failed(m->job, err, KEPT_LINKS, "cannot be made");
	err = make(m);
	util_close(&m->links);
	return err == KB_OK ? tree_remove(m->job, m->dir, KEPT_LINKS) : err;
}

static enum kb_err copy_all(struct making *m)
{
	m->job->limit = UINT64_MAX;
	m->job->how = TREE_COPY;
	TRY(check_room(m));
	for (unsigned i = 0; i < m->l->n; i++)
		TRY(make_one(m, i));
	return KB_OK;
}

enum kb_err kept_make_copies(struct tree_job *job, int top, int dir, struct kept_list *l)
{
	static const struct conf c = { .data_method = CONF_DATA_COPY };
	struct making m = { .job = job, .top = top, .home = -1, .dir = dir, .links = -1, .c = &c };

	m.l = l;

	return with_links(&m, copy_all);
}

/* Nothing was there, since a reset has deleted it: put back, it is to be filled as well. */
static enum kb_err note_fill(const struct making *m)
{
	struct os_tree_stat st;

	if (os_tree_look(m->home, KEPT_FILL, &st) != KB_OK &&
	    os_tree_look(m->home, KEPT_FILL_NAMED, &st) != KB_OK)
		return KB_OK;
	return kept_make_note(m->job, m->dir, KEPT_FILL);
}

enum kb_err kept_make_paths(struct tree_job *job, int top, int home, int dir, const struct conf *c,
			    struct kept_list *l, kept_method how)
{
	struct making m = { .job = job, .top = top, .home = home, .dir = dir, .links = -1, .c = c };
	enum kb_err err;

	m.l = l;
	TRY(note_fill(&m));
	err = try_volume(&m);
	if (err == KB_OK || c->data_method == CONF_DATA_LVM) {
		snprintf(how, sizeof(kept_method), "lvm");
		return err;
	}
	err = with_links(&m, make_all);
	snprintf(how, sizeof(kept_method), "%s", method_of(&m));
	return err;
}
