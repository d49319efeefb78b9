/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/devices_rank.h"

#include <fnmatch.h>
#include <string.h>

/* What is compared, the first difference decides; more is better. */
enum merit { BOUND, HAS_STATE, NOT_USB, SLOTS, FIXED, MERITS };

struct merits {
	unsigned m[MERITS];
};

static bool looked_at(const struct probe_disk *disk)
{
	return disk->state == PROBE_READY || disk->state == PROBE_UNREADABLE;
}

/* May slots and state live on this disk? */
static bool allowed(const struct conf *conf, const struct probe_disk *disk)
{
	if (conf->disk[0] == '\0')
		return conf->usb_disk || !disk->usb;
	return fnmatch(conf->disk, disk->path, 0) == 0 ||
	       (disk->name[0] != '\0' && fnmatch(conf->disk, disk->name, 0) == 0);
}

static const struct prober_part *state_of(const struct probe *p, const struct conf *conf,
					  const struct probe_disk *disk)
{
	return probe_find(p, disk, conf->state);
}

static unsigned count_slots(const struct probe *p, const struct conf *conf,
			    const struct probe_disk *disk)
{
	unsigned n = 0;

	for (unsigned i = 0; i < conf->nslots; i++) {
		const char *part = conf_slot_part(conf, i, "root");

		n += part != NULL && probe_find(p, disk, part) != NULL;
	}
	return n;
}

/* 2: its own state is bound to it. 1: that of another disk is. */
static unsigned bound_to(const struct probe *p, const struct conf *conf,
			 const struct probe_disk *disk)
{
	unsigned found = 0;

	for (unsigned i = 0; i < PROBE_DISKS_MAX && disk->id[0] != '\0'; i++) {
		const struct probe_disk *other = &p->disk[i];
		const struct prober_part *state;

		if (!looked_at(other) || !allowed(conf, other))
			continue;
		state = state_of(p, conf, other);
		if (state == NULL || strcmp(state->pin, disk->id) != 0)
			continue;
		if (other == disk)
			return 2;
		found = 1;
	}
	return found;
}

static struct merits judge(const struct probe *p, const struct conf *conf,
			   const struct probe_disk *disk)
{
	return (struct merits){ {
		[BOUND] = bound_to(p, conf, disk),
		[HAS_STATE] = state_of(p, conf, disk) != NULL,
		[NOT_USB] = !disk->usb,
		[SLOTS] = count_slots(p, conf, disk),
		[FIXED] = !disk->removable,
	} };
}

static bool has_any(const struct merits *a)
{
	return a->m[HAS_STATE] > 0 || a->m[SLOTS] > 0;
}

/* > 0: a is the better one. */
static int compare(const struct merits *a, const struct merits *b)
{
	for (unsigned i = 0; i < MERITS; i++) {
		if (a->m[i] != b->m[i])
			return a->m[i] > b->m[i] ? 1 : -1;
	}
	return 0;
}

static void take(struct devices_rank *r, struct merits *best, const struct probe_disk *disk,
		 const struct merits *merits)
{
	int better = r->disk != NULL ? compare(merits, best) : 1;

	if (better < 0)
		return;
	if (better > 0) {
		r->equal = NULL;
		r->disk = disk;
		*best = *merits;
	} else if (strcmp(disk->path, r->disk->path) < 0) {
		r->equal = r->disk;
		r->disk = disk;
	} else {
		r->equal = disk;
	}
}

void devices_rank(struct devices_rank *r, const struct probe *p, const struct conf *conf)
{
	const struct prober_part *state;
	struct merits best = { .m = { 0 } };

	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		const struct probe_disk *disk = &p->disk[i];
		struct merits merits;

		if (disk->state == PROBE_FREE || !allowed(conf, disk))
			continue;
		if (!looked_at(disk)) {
			r->more = true;
			continue;
		}
		merits = judge(p, conf, disk);
		if (has_any(&merits))
			take(r, &best, disk, &merits);
	}
	if (r->disk == NULL)
		return;
	state = state_of(p, conf, r->disk);
	r->complete = state != NULL && best.m[SLOTS] == conf->nslots;
	r->bound = best.m[BOUND] > 0;
	r->copy = !r->bound && state != NULL && state->pin[0] != '\0';
	/* Two halves are no riddle: the first is taken, and what it lacks is told. */
	if (!r->complete)
		r->equal = NULL;
}

enum probe_worth devices_rank_worth(const struct probe *p, const struct conf *conf,
				    const struct probe_disk *disk)
{
	bool ok = allowed(conf, disk);

	if (ok && looked_at(disk) &&
	    (state_of(p, conf, disk) != NULL || count_slots(p, conf, disk) > 0))
		return PROBE_WORTH_OURS;
	if (ok && !looked_at(disk))
		return PROBE_WORTH_UNKNOWN;
	return disk->usb || disk->sd ? PROBE_WORTH_MEDIUM : PROBE_WORTH_NONE;
}
