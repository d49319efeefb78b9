/* SPDX-License-Identifier: Apache-2.0 */
/* [data]: would what it names be kept before the next trial, and go back? */
#include "cli/doctor/doctor_checks.h"
#include "cli/state/boot_json.h"

#include "initramfs/data/anew.h"
#include "initramfs/data/kept_list.h"
#include "lib/conf_keys.h"
#include "lib/conf_paths.h"
#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct looking {
	struct doctor *doc;
	/* open top folder */
	int top;
	struct kept_list list;
	/* what a copy would take */
	uint64_t bytes;
};

static bool is_data_partition(const struct device *d, int top)
{
	struct os_file_at part;

	return d->data_path[0] == '\0' || os_file_look(d->data_path, &part) != KB_OK ||
	       os_tree_is_on(top, part.number);
}

static bool open_top(struct looking *l)
{
	const struct device *d = l->doc->d;

	if (os_file_folder(d->conf.data_mount, &l->top) != KB_OK)
		return false; /* found already, as the place where updates are staged */
	if (is_data_partition(d, l->top))
		return true;
	doctor_report(l->doc, DOCTOR_ERROR, "data-elsewhere",
		      "mount the data partition there, or set [source.data] mount=",
		      "[data] paths=: %.60s is not on the data partition, %.60s",
		      d->conf.data_mount, d->data_path);
	return false;
}

/* *dir is the folder that it is in, under the name *name. */
static enum kb_err find_path(int top, const char *path, int *dir, const char **name,
			     struct os_tree_stat *st)
{
	enum kb_err err = kept_list_walk(top, path, false, dir, name);

	return err == KB_OK ? os_tree_look(*dir, *name, st) : err;
}

static void look_at_path(struct looking *l, const char *path)
{
	struct tree_job job = { .limit = 0 };
	KB_CLEANUP_FD int dir = -1;
	struct os_tree_stat st;
	const char *name;
	enum kb_err err = find_path(l->top, path, &dir, &name, &st);

	if (err == KB_ENOENT)
		doctor_report(
			l->doc, DOCTOR_NOTE, "data-path-missing",
			"nothing to do, if the name is right",
			"[data] paths=: %.80s is missing: it goes away when a trial that makes it is left",
			path);
	else if (err != KB_OK)
		doctor_report(l->doc, DOCTOR_ERROR, "data-path",
			      "name folders; no symbolic link may be on the way",
			      "[data] paths=: %.80s cannot be opened: %s", path, err_text(err));
	else if (l->doc->d->conf.data_method == CONF_DATA_BTRFS && st.kind != OS_TREE_SUBVOLUME)
		doctor_report(l->doc, DOCTOR_ERROR, "data-path",
			      "make it a subvolume, or set method=auto",
			      "[data] method=btrfs: %.80s is no subvolume: no trial boots", path);
	else if (tree_measure(&job, dir, name, &l->bytes) != KB_OK)
		doctor_report(l->doc, DOCTOR_WARNING, "data-path", "look at that file",
			      "[data] paths=: %.120s", job.why);
}

/* As far as the name of the file system tells: to try it out would be to write. */
static bool may_share(const struct conf *c)
{
	return c->data_method != CONF_DATA_COPY &&
	       (strcmp(c->data_fstype, "xfs") == 0 || strcmp(c->data_fstype, "btrfs") == 0 ||
		strcmp(c->data_fstype, "bcachefs") == 0);
}

static void check_size(struct looking *l)
{
	const struct conf *c = &l->doc->d->conf;
	uint64_t limit = (uint64_t)c->data_limit_mib << 20, room;

	if (may_share(c))
		return;
	if (c->data_method == CONF_DATA_REFLINK)
		doctor_report(l->doc, DOCTOR_ERROR, "data-method", "set method=auto",
			      "[data] method=reflink: %.31s shares no blocks: no trial boots",
			      c->data_fstype);
	else if (l->bytes > limit)
		doctor_report(
			l->doc, DOCTOR_ERROR, "data-size",
			"raise [data] limit=, or have a file system that shares blocks (XFS, Btrfs)",
			"[data] paths= has %" PRIu64 " MiB, but limit= is %" PRIu32
			": no trial boots",
			l->bytes >> 20, c->data_limit_mib);
	else if (os_tree_room(l->top, &room) == KB_OK && l->bytes > room)
		doctor_report(l->doc, DOCTOR_ERROR, "data-room", "make room on it",
			      "a copy of [data] paths= needs %" PRIu64
			      " MiB, and %.60s has %" PRIu64 " left: no trial boots",
			      l->bytes >> 20, c->data_mount, room >> 20);
}

/* ---------------------------------------------------------------- the rules */

static const struct conf_key *next_rule(const struct conf_key *key)
{
	while (key->section != NULL && key->stops == NULL)
		key++;
	return key;
}

static const char *value_of(const struct conf *c, const struct conf_key *key)
{
	return (const char *)c + key->offset;
}

/* What the parser says of each rule that it could not read; a later file may have mended it. */
static void take_complaint(void *ctx, const char *file, int line, const char *text)
{
	struct doctor *doc = ctx;
	const struct conf *c = &doc->d->conf;
	char name[64];

	for (const struct conf_key *k = conf_keys; (k = next_rule(k))->section != NULL; k++) {
		snprintf(name, sizeof(name), "[%s] %s=", k->section, k->key);
		if (conf_is_bad(c, value_of(c, k)) && strstr(text, name) != NULL)
			doctor_report(
				doc, DOCTOR_ERROR, "data-rule",
				"mend it, and make the initramfs anew; docs/DATA.md has examples",
				"%s:%d: %s", strrchr(file, '/') + 1, line, text);
	}
}

static void read_again(struct doctor *doc)
{
	static struct conf c;
	bool found;

	conf_load(&c, doc->d->opts->conf_root, &found, take_complaint, doc);
}

static void compare(struct doctor *doc, json_object *data, const struct conf_key *k)
{
	const struct conf *c = &doc->d->conf;
	const char *there = boot_json_text(data, k->key), *here = value_of(c, k);

	if (boot_json_is_null(data, k->key))
		doctor_report(doc, DOCTOR_ERROR, "data-rule",
			      "make the initramfs anew, with a good system.conf",
			      "[data] %s= of the initramfs cannot be read: %s", k->key, k->stops);
	else if (!conf_is_bad(c, here) && strcmp(there, here) != 0)
		doctor_report(
			doc, DOCTOR_ERROR, "data-differs",
			"make the initramfs anew, with the system.conf of this system",
			"[data] %s=%.171s in system.conf, but the initramfs has %s=%.171s, which counts",
			k->key, here, k->key, there);
}

static void compare_all(struct doctor *doc)
{
	json_object *data = NULL;

	if (!doc->d->run_found || doc->st.boot == NULL ||
	    !json_object_object_get_ex(doc->st.boot, "data", &data))
		return;
	for (const struct conf_key *k = conf_keys; (k = next_rule(k))->section != NULL; k++)
		compare(doc, data, k);
}

/* Of the initramfs, which counts, where the boot says what that has. */
static void check_template(struct doctor *doc)
{
	KB_CLEANUP_FD int root = -1, dir = -1;
	const char *path = doc->d->conf.data_template;
	json_object *data = NULL;
	enum kb_err err;

	if (!doc->d->run_found)
		return;
	if (doc->st.boot != NULL && json_object_object_get_ex(doc->st.boot, "data", &data))
		path = boot_json_text(data, "template");
	if (path[0] == '\0')
		return;
	err = os_file_folder(doc->sys_root[0] != '\0' ? doc->sys_root : "/", &root);
	if (err == KB_OK)
		err = anew_open_template(root, path, &dir);
	if (err != KB_OK)
		doctor_report(
			doc, DOCTOR_ERROR, "data-template",
			"add that folder to the next release, or correct template=, and make the initramfs anew",
			"[data] template=%.100s is no folder of this system (%s): a reset would delete the data, and copy nothing",
			path, err_text(err));
}

/* Two names with a blank between them in place of a comma would be deleted. */
static void check_keep(struct doctor *doc)
{
	const struct conf *c = &doc->d->conf;
	const char *rest = c->data_keep, *name;
	char path[CONF_PATHS_LEN + 1];
	KB_CLEANUP_FD int top = -1;
	struct os_tree_stat st;

	if (*rest == '\0' || os_file_folder(c->data_mount, &top) != KB_OK ||
	    !is_data_partition(doc->d, top))
		return;
	while (conf_paths_next(&rest, path, sizeof(path))) {
		KB_CLEANUP_FD int dir = -1;

		if (find_path(top, path, &dir, &name, &st) == KB_ENOENT)
			doctor_report(
				doc, DOCTOR_NOTE, "data-keep-missing",
				"nothing to do, if the name is right; commas separate names",
				"[data] keep=: \"%.80s\" is missing: a reset has nothing of that name to keep",
				path);
	}
}

void doctor_data(struct doctor *doc)
{
	struct looking l = { .doc = doc, .top = -1 };

	read_again(doc);
	compare_all(doc);
	check_template(doc);
	check_keep(doc);
	if (doc->d->conf.data_paths[0] == '\0' ||
	    kept_list_paths(&l.list, doc->d->conf.data_paths) != KB_OK || !open_top(&l)) {
		util_close(&l.top);
		return;
	}
	for (unsigned i = 0; i < l.list.n; i++)
		look_at_path(&l, l.list.path[i]);
	check_size(&l);
	util_close(&l.top);
}
