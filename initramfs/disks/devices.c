/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/devices.h"

#include "initramfs/disks/containers.h"
#include "initramfs/disks/devices_rank.h"
#include "initramfs/disks/devices_report.h"
#include "initramfs/disks/nodisk.h"
#include "initramfs/disks/sources.h"
#include "lib/conf_data.h"
#include "lib/conf_place.h"
#include "lib/container.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STEP_MS	   100
#define MISSING_MS 5000u		    /* a stick on a real hub takes up to four seconds */
#define PROBERS_MS (5u * PROBE_DEADLINE_MS) /* a prober and its second try */

static void set_name(char dst[DEVICES_NAME], const struct prober_part *part)
{
	dst[0] = '\0';
	if (part != NULL)
		snprintf(dst, DEVICES_NAME, "%s", part->dev);
}

static void set_unless_container(char dst[DEVICES_NAME], const char *what,
				 const struct prober_part *part)
{
	set_name(dst, containers_allow(what, part) ? part : NULL);
}

static bool is_unreadable(const struct probe_disk *disk, const struct prober_part *part)
{
	return disk->state == PROBE_UNREADABLE || part->flags & PROBER_PART_UNREADABLE;
}

/* What a prober could not look into may be whole nevertheless: then mounting tells. */
static void set_fstype(struct devices_slot *s, const struct probe_disk *disk,
		       const struct prober_part *part)
{
	bool ambiguous = part->flags & PROBER_PART_AMBIGUOUS;
	bool unsure = ambiguous || is_unreadable(disk, part);
	const char *type = part->fstype[0] == '\0' && unsure ? DEVICES_FSTYPE_UNSURE : part->fstype;

	s->seen = (part->fstype[0] != '\0' && !container_is(part->fstype)) || ambiguous;
	snprintf(s->fstype, sizeof(s->fstype), "%s", type);
}

static void take_slot(struct devices_slot *s, const struct probe *p, const struct probe_disk *disk,
		      const struct conf_slot *conf)
{
	for (unsigned c = 0; c < conf->nclasses; c++) {
		conf_spec spec;
		const char *file = conf_place_split(conf->cls[c].part, spec);
		const struct prober_part *part = probe_find(p, disk, spec);
		set_name(s->part[c], part);
		if (part != NULL && file == NULL && strcmp(conf->cls[c].name, "root") == 0)
			set_fstype(s, disk, part);
	}
}

/* It is written to, so of several file systems none is taken. */
static const char *overlay_fstype(const struct probe_disk *disk, const struct prober_part *part)
{
	if (part->fstype[0] != '\0')
		return part->fstype;
	if (part->flags & PROBER_PART_AMBIGUOUS)
		return DEVICES_FSTYPE_SEVERAL;
	return is_unreadable(disk, part) ? DEVICES_FSTYPE_UNSURE : "";
}

static void take_overlay(struct devices *d, const struct probe *p, const struct probe_disk *disk,
			 const struct conf *conf)
{
	const struct prober_part *part =
		conf_value_is_spec(conf->overlay) ? probe_find(p, disk, conf->overlay) : NULL;

	set_name(d->overlay, part);
	d->overlay_fstype[0] = '\0';
	if (part != NULL)
		snprintf(d->overlay_fstype, sizeof(d->overlay_fstype), "%s",
			 overlay_fstype(disk, part));
}

static void adopt_disk(struct devices *d, const struct probe *p, const struct probe_disk *disk,
		       const struct conf *conf)
{
	snprintf(d->disk, sizeof(d->disk), "%s", disk->dev);
	snprintf(d->diskid, sizeof(d->diskid), "%s", disk->id);
	d->firm = devices_rank_firm(conf, disk);
	set_name(d->state, containers_state(probe_find(p, disk, conf->state)));
	set_unless_container(d->data, "data",
			     conf->data_enabled || conf_data_is_needed(conf)
				     ? probe_find(p, disk, conf->data_part)
				     : NULL);
	set_unless_container(d->raw, "raw",
			     conf->raw_enabled ? probe_find(p, disk, conf->raw_part) : NULL);
	set_name(d->loader, conf_loader_has_partition(conf)
				    ? probe_find(p, disk, conf->loader_environment)
				    : NULL);
	take_overlay(d, p, disk, conf);
	for (unsigned i = 0; i < conf->nslots; i++)
		take_slot(&d->slot[i], p, disk, &conf->slot[i]);
}

static enum probe_worth worth_of_disk(void *conf, const struct probe *p,
				      const struct probe_disk *disk)
{
	return devices_rank_worth(p, conf, disk);
}

static const char *name_in_conf(void *conf, const char *name)
{
	return devices_rank_mapped(conf, name);
}

/*
 * Whether no disk that may still come could be better. Nobody waits for a disk that need not exist.
 * But a removable disk waits for a fixed one, and a copy for its original as long as for any
 * device. All wait for the disks that are being probed.
 */
static bool is_decided(const struct devices_rank *r, const struct conf *conf, uint64_t waited)
{
	if (r->disk == NULL || !r->complete || r->waits)
		return false;
	if (r->copy && conf->disk[0] == '\0')
		return false;
	return (r->firm && !r->more) || waited >= PROBE_DEADLINE_MS;
}

/* What came in time gets the time of its probers, which have a bound of their own. */
static bool is_in_time(const struct probe *p, const struct devices_wait *wait, uint64_t waited)
{
	uint64_t limit = wait->timeout_s * UINT64_C(1000) + containers_wait_ms(p);

	return waited < limit || (probe_pending(p) > 0 && waited < limit + PROBERS_MS);
}

static bool is_missing(const struct devices_rank *r, const struct probe *p,
		       const struct devices_wait *wait, uint64_t waited)
{
	uint64_t half = wait->timeout_s * UINT64_C(500);

	return (r->disk == NULL || !r->complete) && probe_pending(p) == 0 &&
	       waited >= (half < MISSING_MS ? half : MISSING_MS);
}

enum kb_err devices_find(struct devices *d, struct probe *p, const struct conf *conf,
			 const struct devices_wait *wait)
{
	uint64_t start = os_now_ms(), waited = 0;
	void (*missing)(void *ctx) = wait->missing;
	struct sources_wait media = { .why = NULL };
	struct devices_rank r;

	p->worth = worth_of_disk;
	p->mapped_as = devices_rank_any_mapped(conf) ? name_in_conf : NULL;
	p->ctx = (void *)conf;
	probe_start(p);
	while (true) { /* bound: is_in_time(), or for media, settle= and 5 s: sources_awaited() */
		bool loading = wait->loading != NULL && wait->loading(wait->ctx);
		bool over = !is_in_time(p, wait, waited);

		media.loading = loading;
		devices_rank(&r, p, conf);
		if (over && r.disk == NULL)
			break;
		if ((over || (!loading && is_decided(&r, conf, waited))) &&
		    sources_awaited(p, conf, wait->sources, &media, waited) == NULL)
			break;
		if (!loading && missing != NULL && is_missing(&r, p, wait, waited)) {
			missing(wait->ctx);
			missing = NULL;
		}
		wait->idle(wait->ctx);
		if (probe_step(p, STEP_MS) == KB_ETIMEDOUT)
			log_debug("devices: waiting for disks");
		waited = os_now_ms() - start;
	}
	devices_rank(&r, p, conf);
	probe_stop(p);
	if (r.disk == NULL) {
		log_err("devices: no disk with %s and slots within %u s (system.conf: [state], [slot.a], disk=, usb-disk=)",
			conf->state, wait->timeout_s + (unsigned)(containers_wait_ms(p) / 1000));
		nodisk_report(p);
		return KB_ENODEV;
	}
	adopt_disk(d, p, r.disk, conf);
	sources_take(d, p, wait->sources);
	devices_report(d, p, &r, conf);
	return KB_OK;
}

/* Another disk may have come under its name, and another one may have its id. */
static bool is_still_there(const struct devices *d, const struct probe *p)
{
	const struct probe_disk *disk = probe_disk_by_dev(p, d->disk);

	return disk != NULL && d->diskid[0] != '\0' && strcmp(disk->id, d->diskid) == 0;
}

bool devices_returned(struct devices *d, const struct probe *p, const struct conf *conf, bool *gone)
{
	struct devices_rank r;

	/* Who has its old one open keeps the name: it comes back under another one. */
	if (!is_still_there(d, p))
		*gone = true;
	if (!*gone)
		return false;
	devices_rank(&r, p, conf);
	if (r.disk == NULL || !r.complete || r.equal != NULL || (r.copy && conf->disk[0] == '\0'))
		return false;
	/* A card is not the fixed disk that went. */
	if (d->firm && !r.firm)
		return false;
	*gone = false;
	adopt_disk(d, p, r.disk, conf);
	return true;
}

void devices_refresh(struct devices *d, struct probe *p, const struct conf *conf,
		     const struct devices_wait *wait)
{
	uint64_t end = os_now_ms() + PROBERS_MS;
	const struct probe_disk *disk;

	probe_start(p);
	while (probe_pending(p) > 0 && os_now_ms() < end) {
		wait->idle(wait->ctx);
		if (probe_step(p, STEP_MS) == KB_ETIMEDOUT)
			log_debug("devices: waiting for %s", d->disk);
	}
	disk = probe_disk_by_dev(p, d->disk);
	/* Another one may have come under its name. */
	if (disk != NULL && disk->state == PROBE_READY && strcmp(disk->id, d->diskid) == 0)
		adopt_disk(d, p, disk, conf);
	else
		log_warn("devices: unable to look at %s again after the install", d->disk);
	probe_stop(p);
}
