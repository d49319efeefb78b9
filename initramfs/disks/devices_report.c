/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/devices_report.h"

#include "initramfs/disks/containers.h"
#include "initramfs/disks/devices_shared.h"
#include "lib/conf_data.h"
#include "lib/conf_place.h"
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

static void report_shared(struct devices *d, const struct conf *conf)
{
	char text[DEVICES_SHARED_LEN];

	if (devices_shared(d, conf, text) == 0)
		return;
	add_warning(
		d, "partition-shared",
		"%s: nothing is installed to such a slot; name a partition of its own in system.conf",
		text);
}

/* Nothing is mixed up by it, since all take the first; but a person may mean the other one. */
static void report_other(struct devices *d, const struct probe *p, const struct probe_disk *disk,
			 const char *spec)
{
	const struct prober_part *part = probe_find(p, disk, spec);
	const struct prober_part *other = part != NULL ? probe_find_other(disk, spec, part) : NULL;

	if (other != NULL)
		add_warning(d, "partition-ambiguous",
			    "%s and %s both match %s: %s is used; rename the other one", part->dev,
			    other->dev, spec, part->dev);
}

static void report_others(struct devices *d, const struct probe *p, const struct probe_disk *disk,
			  const struct conf *conf)
{
	report_other(d, p, disk, conf->state);
	if (conf->data_enabled || conf_data_is_needed(conf))
		report_other(d, p, disk, conf->data_part);
	if (conf->raw_enabled)
		report_other(d, p, disk, conf->raw_part);
	if (conf_loader_has_partition(conf))
		report_other(d, p, disk, conf->loader_environment);
	if (conf_value_is_spec(conf->overlay))
		report_other(d, p, disk, conf->overlay);
	for (unsigned i = 0; i < conf->nslots; i++) {
		for (unsigned c = 0; c < conf->slot[i].nclasses; c++) {
			conf_spec spec;

			if (conf_place_split(conf->slot[i].cls[c].part, spec) == NULL)
				report_other(d, p, disk, spec);
		}
	}
}

void devices_report(struct devices *d, const struct probe *p, const struct devices_rank *r,
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
	report_shared(d, conf);
	report_others(d, p, r->disk, conf);
	if (r->disk->unused > 0)
		log_warn("devices: %s: partitions that are not used, since %s: %u", d->disk,
			 r->disk->n == PROBER_PARTS_MAX ? "only the first 64 are"
							: "/sys says no number or size of them",
			 r->disk->unused);
	if (!r->complete)
		report_missing(d, r->disk, conf);
}
