/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/root_overlay.h"

#include "initramfs/boot_data.h"
#include "initramfs/hardware.h"
#include "initramfs/hardware_need.h"
#include "initramfs/overlay/overlay.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ID_BYTES 16 /* of a release, in the name of its folder */

static void note_finding(struct boot *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void note_finding(struct boot *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->overlay.finding, sizeof(b->overlay.finding), fmt, ap);
	va_end(ap);
	log_warn("root: %s", b->overlay.finding);
}

/* ---------------------------------------------------------------- where */

/* What else is on the partition, by whatever name; NULL: nothing. */
static const char *other_use(const struct boot *b)
{
	const struct devices *d = &b->dev;

	if (strcmp(d->overlay, d->state) == 0)
		return "the state";
	if (strcmp(d->overlay, d->data) == 0)
		return "data";
	if (strcmp(d->overlay, d->raw) == 0)
		return "raw bundles";
	for (unsigned i = 0; i < b->conf.nslots; i++)
		for (unsigned c = 0; c < b->conf.slot[i].nclasses; c++)
			if (strcmp(d->overlay, d->slot[i].part[c]) == 0)
				return "a slot";
	return NULL;
}

static bool is_last_resort(const struct boot *b)
{
	return b->attempt.chosen.tier == CHOOSE_LAST_RESORT &&
	       b->attempt.forced != b->attempt.chosen.slot;
}

static void take_tmpfs(const struct boot *b, struct overlay_plan *p)
{
	snprintf(p->upper, sizeof(p->upper), OVERLAY_PLAN_TMPFS);
	snprintf(p->size, sizeof(p->size), "%s", b->conf.overlay_size);
}

/*
 * What was written to a root may be what keeps it from running, and each boot would find it there.
 * So a last resort gets an empty overlay, in memory, and leaves the partition as it is.
 */
static bool take_partition(struct boot *b, struct overlay_plan *p)
{
	const char *use = other_use(b);

	if (is_last_resort(b)) {
		take_tmpfs(b, p);
		note_finding(
			b,
			"booted as a last resort: what is written to the root stays in memory, and what is on %s is not used",
			b->conf.overlay);
		return true;
	}
	if (b->dev.overlay[0] == '\0') {
		note_finding(b, "read-only, without its overlay: %s not found on %s",
			     b->conf.overlay, b->dev.disk);
		return false;
	}
	if (use != NULL) {
		note_finding(b, "read-only, without its overlay: %s is also the partition of %s",
			     b->conf.overlay, use);
		return false;
	}
	snprintf(p->upper, sizeof(p->upper), "%s", b->dev.overlay);
	snprintf(p->fstype, sizeof(p->fstype), "%s", b->dev.overlay_fstype);
	return true;
}

static bool take_upper(struct boot *b, struct overlay_plan *p)
{
	if (strcmp(b->conf.overlay, OVERLAY_PLAN_TMPFS) != 0)
		return take_partition(b, p);
	take_tmpfs(b, p);
	return true;
}

/* ---------------------------------------------------------------- which folders */

static void name_folder(const struct state *s, int slot, char name[OVERLAY_PLAN_RELEASE + 1])
{
	char hex[2 * ID_BYTES + 1];

	if (!s->slot[slot].has_release) {
		snprintf(name, OVERLAY_PLAN_RELEASE + 1, "slot-%c", state_slot_letter(slot));
		return;
	}
	bytes_hex(hex, s->slot[slot].release, ID_BYTES);
	snprintf(name, OVERLAY_PLAN_RELEASE + 1, "r-%s", hex);
}

/* A slot whose release is not known may be one that a folder belongs to: then all folders stay. */
static void name_folders(const struct boot *b, struct overlay_plan *p)
{
	const struct state *s = &b->rec.s;

	name_folder(s, b->attempt.chosen.slot, p->release);
	p->sweep = b->rec.health == RECORD_FOUND;
	for (int i = 0; i < s->nslots; i++) {
		if (!state_is_whole(&s->slot[i]))
			continue;
		name_folder(s, i, p->keep[p->nkeep++]);
		p->sweep = p->sweep && s->slot[i].has_release;
	}
}

/* ---------------------------------------------------------------- the plan */

static void save_plan(const struct overlay_plan *p)
{
	char text[OVERLAY_PLAN_MAX];
	size_t len = overlay_plan_format(p, text);
	enum kb_err err = os_write_file(OVERLAY_PLAN_FILE, text, len);

	if (err != KB_OK)
		log_warn("root: unable to write " OVERLAY_PLAN_FILE ": %s", err_text(err));
}

void root_overlay_plan(struct boot *b)
{
	static struct overlay_plan plan;
	const char *init = root_init(&b->root, OVERLAY_PROGRAM);

	memset(&plan, 0, sizeof(plan));
	if (strcmp(b->conf.overlay, "off") == 0 || init == NULL || !take_upper(b, &plan))
		return;
	hardware_need(b, "fs-overlay");
	if (b->dev.overlay[0] != '\0')
		hardware_need_mount(b, b->dev.overlay);
	name_folders(b, &plan);
	snprintf(plan.init, sizeof(plan.init), "%s", init);
	save_plan(&plan);
	b->root.overlay = &plan;
}
