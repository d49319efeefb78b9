/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/devices.h"

#include "initramfs/sources.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define STEP_MS	   500
/* A prober and its second try. */
#define REFRESH_MS (5u * PROBE_DEADLINE_MS)

static void set_name(char dst[DEVICES_NAME], const struct prober_part *part)
{
	dst[0] = '\0';
	if (part != NULL)
		snprintf(dst, DEVICES_NAME, "%s", part->dev);
}

int devices_root_class(const struct conf *conf, unsigned slot)
{
	if (slot >= conf->nslots)
		return -1;
	for (unsigned i = 0; i < conf->slot[slot].nclasses; i++) {
		if (strcmp(conf->slot[slot].cls[i].name, "root") == 0)
			return (int)i;
	}
	return -1;
}

choose_mask devices_mountable(const struct devices *d, const struct conf *conf)
{
	choose_mask mask = 0;

	for (unsigned i = 0; i < conf->nslots; i++) {
		int root = devices_root_class(conf, i);

		if (root >= 0 && d->slot[i].part[root][0] != '\0' &&
		    (d->slot[i].fstype[0] != '\0' || conf->fstype[0] != '\0'))
			mask |= (choose_mask)(1u << i);
	}
	return mask;
}

static bool looked_at(const struct probe_disk *disk)
{
	return disk->state == PROBE_READY || disk->state == PROBE_UNREADABLE;
}

/* May slots and state live on this disk? A stick never, unless disk= names it. */
static bool eligible(const struct conf *conf, const struct probe_disk *disk)
{
	if (!looked_at(disk))
		return false;
	if (conf->disk[0] != '\0')
		return fnmatch(conf->disk, disk->path, 0) == 0;
	return !disk->usb;
}

/* How much of the device is on this disk; the state counts more than all slots. */
static unsigned score(const struct probe *p, const struct conf *conf, const struct probe_disk *disk)
{
	unsigned points = probe_find(p, disk, conf->state) != NULL ? 2 * CONF_SLOTS_MAX : 0;

	for (unsigned i = 0; i < conf->nslots; i++) {
		const char *part = conf_slot_part(conf, i, "root");

		if (part != NULL && probe_find(p, disk, part) != NULL)
			points++;
	}
	return points;
}

/* Fixed before removable, then the order of the buses. */
static bool ranks_before(const struct probe_disk *a, const struct probe_disk *b)
{
	if (a->removable != b->removable)
		return !a->removable;
	return strcmp(a->path, b->path) < 0;
}

static const struct probe_disk *pick_disk(const struct probe *p, const struct conf *conf,
					  unsigned *points)
{
	const struct probe_disk *best = NULL;

	*points = 0;
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		const struct probe_disk *disk = &p->disk[i];
		unsigned n = eligible(conf, disk) ? score(p, conf, disk) : 0;

		if (n == 0)
			continue;
		if (best == NULL || n > *points || (n == *points && ranks_before(disk, best))) {
			best = disk;
			*points = n;
		}
	}
	return best;
}

/* What a prober could not look into may be whole nevertheless: then mounting tells. */
static void set_fstype(struct devices_slot *s, const struct probe_disk *disk,
		       const struct prober_part *part)
{
	bool unsure = disk->state == PROBE_UNREADABLE ||
		      part->flags & (PROBER_PART_UNREADABLE | PROBER_PART_AMBIGUOUS);
	const char *type = part->fstype[0] == '\0' && unsure ? DEVICES_FSTYPE_UNSURE : part->fstype;

	snprintf(s->fstype, sizeof(s->fstype), "%s", type);
}

static void take_slot(struct devices_slot *s, const struct probe *p, const struct probe_disk *disk,
		      const struct conf_slot *conf)
{
	for (unsigned c = 0; c < conf->nclasses; c++) {
		const struct prober_part *part = probe_find(p, disk, conf->cls[c].part);

		set_name(s->part[c], part);
		if (part == NULL || strcmp(conf->cls[c].name, "root") != 0)
			continue;
		set_fstype(s, disk, part);
		s->size = part->size;
	}
}

static void take_disk(struct devices *d, const struct probe *p, const struct probe_disk *disk,
		      const struct conf *conf)
{
	snprintf(d->disk, sizeof(d->disk), "%s", disk->dev);
	set_name(d->state, probe_find(p, disk, conf->state));
	set_name(d->data, conf->data_enabled ? probe_find(p, disk, conf->data_part) : NULL);
	set_name(d->raw, conf->raw_enabled ? probe_find(p, disk, conf->raw_part) : NULL);
	for (unsigned i = 0; i < conf->nslots; i++)
		take_slot(&d->slot[i], p, disk, &conf->slot[i]);
}

static void tell_missing(const struct devices *d, const struct conf *conf)
{
	if (d->state[0] == '\0')
		log_warn("devices: %s not found on %s", conf->state, d->disk);
	for (unsigned i = 0; i < conf->nslots; i++) {
		int root = devices_root_class(conf, i);

		if (root < 0)
			log_warn("devices: slot %c has no class root in system.conf", 'a' + (int)i);
		else if (d->slot[i].part[root][0] == '\0')
			log_warn("devices: slot %c: %s not found on %s", 'a' + (int)i,
				 conf->slot[i].cls[root].part, d->disk);
	}
}

/* What came in time gets the time of its probers, which have a bound of their own. */
static bool in_time(const struct probe *p, const struct devices_wait *wait, uint64_t waited)
{
	uint64_t limit = wait->timeout_s * UINT64_C(1000);

	return waited < limit || (probe_pending(p) > 0 && waited < limit + REFRESH_MS);
}

enum kb_err devices_find(struct devices *d, struct probe *p, const struct conf *conf,
			 const struct devices_wait *wait)
{
	unsigned complete = 2 * CONF_SLOTS_MAX + conf->nslots, points = 0;
	unsigned media = sources_allowed(conf, wait->media);
	uint64_t start = os_now_ms(), waited = 0;
	const struct probe_disk *disk = NULL;

	probe_start(p);
	while (in_time(p, wait, waited)) {
		disk = pick_disk(p, conf, &points);
		if (disk != NULL && points >= complete && sources_settled(p, conf, media, waited))
			break;
		wait->idle(wait->ctx);
		if (probe_step(p, STEP_MS / 5) == KB_ETIMEDOUT)
			log_debug("devices: waiting for disks");
		waited = os_now_ms() - start;
	}
	disk = pick_disk(p, conf, &points);
	if (disk == NULL) {
		log_err("devices: no disk with %s and slots within %u s (system.conf: [state], "
			"[slot.a], disk=)",
			conf->state, wait->timeout_s);
		return KB_ENODEV;
	}
	take_disk(d, p, disk, conf);
	sources_take(d, p, media);
	probe_stop(p);
	if (points < complete)
		tell_missing(d, conf);
	return KB_OK;
}

void devices_refresh(struct devices *d, struct probe *p, const struct conf *conf,
		     const struct devices_wait *wait)
{
	uint64_t end = os_now_ms() + REFRESH_MS;
	const struct probe_disk *disk;

	probe_start(p);
	while (probe_pending(p) > 0 && os_now_ms() < end) {
		wait->idle(wait->ctx);
		if (probe_step(p, STEP_MS / 5) == KB_ETIMEDOUT)
			log_debug("devices: waiting for %s", d->disk);
	}
	disk = probe_disk_by_dev(p, d->disk);
	if (disk != NULL && disk->state == PROBE_READY)
		take_disk(d, p, disk, conf);
	else
		log_warn("devices: unable to look at %s again after the install", d->disk);
	probe_stop(p);
}
