/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/probe_table.h"

#include "initramfs/disks/probe_job.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

void probe_table_start(struct probe *p)
{
	for (unsigned i = 0; i < PROBE_SKIPPED_MAX; i++)
		p->skipped[i][0] = '\0';
	p->full = p->full_reported = false;
}

static int index_of(const struct probe *p, const char *name)
{
	for (int i = 0; i < PROBE_DISKS_MAX; i++) {
		if (p->disk[i].state != PROBE_FREE && strcmp(p->disk[i].dev + 5, name) == 0)
			return i;
	}
	return -1;
}

struct probe_disk *probe_table_find(struct probe *p, const char *name)
{
	int i = index_of(p, name);

	return i >= 0 ? &p->disk[i] : NULL;
}

bool probe_table_settled(const struct probe *p, const char *name)
{
	return p->full || index_of(p, name) >= 0 || probe_table_skipped(p, name);
}

bool probe_table_skipped(const struct probe *p, const char *name)
{
	for (unsigned i = 0; i < PROBE_SKIPPED_MAX; i++) {
		if (strcmp(p->skipped[i], name) == 0)
			return true;
	}
	return false;
}

void probe_table_forget(struct probe *p, const char *name)
{
	for (unsigned i = 0; i < PROBE_SKIPPED_MAX; i++) {
		if (strcmp(p->skipped[i], name) == 0)
			p->skipped[i][0] = '\0';
	}
}

/* False: there have been too many already. */
static bool remember_skipped(struct probe *p, const char *name)
{
	for (unsigned i = 0; i < PROBE_SKIPPED_MAX; i++) {
		if (p->skipped[i][0] != '\0')
			continue;
		snprintf(p->skipped[i], sizeof(p->skipped[i]), "%s", name);
		return true;
	}
	return false;
}

static struct probe_disk *find_least_worth(struct probe *p, enum probe_worth below)
{
	struct probe_disk *found = NULL;

	for (unsigned i = 0; i < PROBE_DISKS_MAX && p->worth != NULL; i++) {
		enum probe_worth worth = p->worth(p->ctx, p, &p->disk[i]);

		if (worth >= below)
			continue;
		found = &p->disk[i];
		below = worth;
	}
	return found;
}

struct probe_disk *probe_table_place(struct probe *p, const struct probe_disk *fresh)
{
	struct probe_disk *d;

	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		if (p->disk[i].state == PROBE_FREE)
			return &p->disk[i];
	}
	d = p->worth != NULL ? find_least_worth(p, p->worth(p->ctx, p, fresh)) : NULL;
	if (d != NULL && remember_skipped(p, d->dev + 5)) {
		log_info("disk %s: makes room for %s", d->dev, fresh->dev);
		probe_job_cancel(p, d);
		d->state = PROBE_FREE;
		return d;
	}
	p->full = true;
	if (!p->full_reported)
		log_warn(
			"disks: more than %d; %s and further ones wait until one of these proves useless",
			PROBE_DISKS_MAX, fresh->dev);
	p->full_reported = true;
	return NULL;
}
