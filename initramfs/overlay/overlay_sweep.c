/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/overlay/overlay_sweep.h"

#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 64 /* those that are first by name; later boots see the others */
#define GONE	  ".gone"
#define NAME_MAX  (OVERLAY_PLAN_RELEASE + sizeof(GONE) - 1)

static bool is_kept(const struct overlay_plan *p, const char *name)
{
	if (strcmp(name, p->release) == 0)
		return true;
	for (unsigned i = 0; i < p->nkeep; i++) {
		if (strcmp(name, p->keep[i]) == 0)
			return true;
	}
	return false;
}

/* "r-0123.gone" */
static bool is_gone(const char *name)
{
	size_t len = strlen(name), end = sizeof(GONE) - 1;
	char release[NAME_MAX + 1];

	if (len <= end || len > NAME_MAX || strcmp(name + len - end, GONE) != 0)
		return false;
	snprintf(release, sizeof(release), "%.*s", (int)(len - end), name);
	return overlay_plan_is_release(release);
}

static void remove_folder(const char *path, uint64_t until_ms)
{
	enum kb_err err = os_remove_folder(path, until_ms);

	if (err == KB_ETIMEDOUT)
		log_info("root: %s: the next boot goes on with deleting it", path);
	else if (err != KB_OK)
		log_warn("root: unable to delete %s: %m", path);
}

/*
 * A folder that was deleted in part must never be an overlay again, should its release come back:
 * what hid a file of the slot might be gone, and what replaced it not. So it gets another name
 * first. The file systems that can be an upper one keep the order of these changes, so a power cut
 * leaves the folder whole under the old name, or anything under the new one.
 */
static void sweep_one(const struct overlay_plan *p, const char *dir, const char *name,
		      uint64_t until_ms)
{
	char path[256], gone[256];

	snprintf(path, sizeof(path), "%.180s/%.63s", dir, name);
	snprintf(gone, sizeof(gone), "%.180s/%.63s" GONE, dir, name);
	if (is_gone(name)) {
		remove_folder(path, until_ms);
	} else if (p->sweep && overlay_plan_is_release(name) && !is_kept(p, name)) {
		log_notice("root: what was written above release %s goes with it", name);
		if (os_rename(path, gone) == KB_OK)
			remove_folder(gone, until_ms);
		else
			log_warn("root: unable to rename %s: %m", path);
	}
}

void overlay_sweep(const struct overlay_plan *p, const char *dir)
{
	uint64_t until_ms = os_now_ms() + OVERLAY_SWEEP_MS;
	static char names[NAMES_MAX][64];
	unsigned n = 0;

	if (os_list(dir, names, NAMES_MAX, &n) != KB_OK)
		return;
	for (unsigned i = 0; i < n; i++)
		sweep_one(p, dir, names[i], until_ms);
}
