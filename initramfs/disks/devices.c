/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/devices.h"

#include "initramfs/disks/containers.h"
#include "initramfs/disks/devices_rank.h"
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

int devices_class(const struct conf *conf, unsigned slot, const char *name)
{
	if (slot >= conf->nslots)
		return -1;
	for (unsigned i = 0; i < conf->slot[slot].nclasses; i++) {
		if (strcmp(conf->slot[slot].cls[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

int devices_root_class(const struct conf *conf, unsigned slot)
{
	return devices_class(conf, slot, "root");
}

choose_mask devices_seen(const struct devices *d, const struct conf *conf)
{
	choose_mask mask = 0;

	for (unsigned i = 0; i < conf->nslots; i++)
		if (d->slot[i].seen)
			mask |= (choose_mask)(1u << i);
	return mask;
}

choose_mask devices_mountable(const struct devices *d, const struct conf *conf)
{
	choose_mask mask = 0;

	for (unsigned i = 0; i < conf->nslots; i++) {
		int root = devices_root_class(conf, i);
		bool there = root >= 0 && d->slot[i].part[root][0] != '\0';

		if (container_is(d->slot[i].fstype))
			continue;
		if (d->slot[i].fstype[0] != '\0' || (there && conf->fstype[0] != '\0'))
			mask |= (choose_mask)(1u << i);
	}
	return mask;
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

static void report_missing_slot(const struct devices *d, const struct probe_disk *disk, char slot,
				const char *spec)
{
	char list[128];
	bool may = containers_may_have(list, sizeof(list), disk, spec);

	log_warn("devices: slot %c: %s not found on %s%s%s", slot, spec, d->disk,
		 may ? "; it may lie in what is not opened here: " : "", list);
}

static void report_missing(const struct devices *d, const struct probe_disk *disk,
			   const struct conf *conf)
{
	if (d->state[0] == '\0')
		log_warn("devices: %s not found on %s", conf->state, d->disk);
	for (unsigned i = 0; i < conf->nslots; i++) {
		int root = devices_root_class(conf, i);

		if (root < 0)
			log_warn("devices: slot %c has no class root in system.conf", 'a' + (int)i);
		else if (d->slot[i].part[root][0] == '\0')
			report_missing_slot(d, disk, state_slot_letter((int)i),
					    conf->slot[i].cls[root].part);
	}
}

static void add_warning(struct devices *d, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void add_warning(struct devices *d, const char *id, const char *fmt, ...)
{
	struct devices_warning w = { .id = id };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w.text, sizeof(w.text), fmt, ap);
	va_end(ap);
	log_warn("devices: %s", w.text);
	if (d->nwarnings < DEVICES_WARNINGS_MAX)
		d->warning[d->nwarnings++] = w;
}

static void report_equal(struct devices *d, const struct devices_rank *r)
{
	d->equal[0] = '\0';
	if (r->equal == NULL)
		return;
	snprintf(d->equal, sizeof(d->equal), "%s", r->equal->dev);
	add_warning(
		d, "disk-ambiguous",
		"%s and %s could both be this device's disk: %s is used, and nothing is installed; name the right one: [system] disk= in system.conf",
		r->disk->dev, r->equal->dev, r->disk->dev);
	log_warn("devices: %s is %s, %s; %s is %s, %s", r->disk->dev, r->disk->path, r->disk->id,
		 r->equal->dev, r->equal->path, r->equal->id);
}

static void report_table(struct devices *d, const struct probe_disk *disk)
{
	if (!disk->gpt_backup)
		return;
	add_warning(
		d, "table-damaged",
		"the partition table of %s is damaged, and the kernel uses the copy at its end; write the table again with gdisk or sfdisk, before the copy fails, too",
		disk->dev);
}

static void report_copy(struct devices *d, const struct devices_rank *r, const char *pin)
{
	if (!r->copy)
		return;
	add_warning(d, "disk-moved",
		    "the state on %s belongs to disk %s, which is missing; the disk in use is %s",
		    d->disk, pin, r->disk->id);
}

static void report_containers(struct devices *d, const struct probe *p,
			      const struct probe_disk *disk, const struct conf *conf)
{
	char list[DEVICES_WARNING_LEN / 2];

	if (containers_of_slots(list, sizeof(list), p, disk, conf))
		add_warning(
			d, "slot-container",
			"slots that are not opened here: %s; a slot is a file system on a partition of %s",
			list, disk->dev);
}

static void report_disk(struct devices *d, const struct probe *p, const struct devices_rank *r,
			const struct conf *conf)
{
	const struct prober_part *state = probe_find(p, r->disk, conf->state);

	d->nwarnings = 0;
	if (!r->firm)
		log_notice(
			"devices: %s is removable, but no fixed disk has the state or a slot; to end the wait of %u s at each boot: [system] disk=%s in system.conf",
			d->disk, PROBE_DEADLINE_MS / 1000, r->disk->path);
	report_table(d, r->disk);
	report_copy(d, r, state != NULL ? state->pin : "");
	report_equal(d, r);
	report_containers(d, p, r->disk, conf);
	if (r->disk->unused > 0)
		log_warn("devices: %s: partitions that are not used, since %s: %u", d->disk,
			 r->disk->n == PROBER_PARTS_MAX ? "only the first 64 are"
							: "/sys says no number or size of them",
			 r->disk->unused);
	if (!r->complete)
		report_missing(d, r->disk, conf);
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
	report_disk(d, p, &r, conf);
	return KB_OK;
}

static const struct probe_disk *disk_by_id(const struct probe *p, const char *id)
{
	for (unsigned i = 0; i < PROBE_DISKS_MAX && id[0] != '\0'; i++) {
		if (p->disk[i].state != PROBE_FREE && strcmp(p->disk[i].id, id) == 0)
			return &p->disk[i];
	}
	return NULL;
}

bool devices_returned(struct devices *d, const struct probe *p, const struct conf *conf, bool *gone)
{
	const struct probe_disk *disk = disk_by_id(p, d->diskid);
	struct devices_rank r;

	/* Who has its old one open keeps the name: it comes back under another one. */
	if (disk == NULL || strcmp(disk->dev, d->disk) != 0)
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
