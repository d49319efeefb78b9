/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/devices_rank.h"

#include "lib/conf_data.h"

#include <fnmatch.h>
#include <string.h>

/* What is compared, the first difference decides; more is better. */
enum merit { KIND, STATE, SLOTS, MERITS };

struct merits {
	unsigned m[MERITS];
};

static bool is_looked_at(const struct probe_disk *disk)
{
	return disk->state == PROBE_READY || disk->state == PROBE_UNREADABLE;
}

static bool named_by_path(const struct conf *conf, const struct probe_disk *disk)
{
	return conf->disk[0] != '\0' && fnmatch(conf->disk, disk->path, 0) == 0 &&
	       (!disk->usb || strstr(conf->disk, "usb") != NULL);
}

static bool is_named(const struct conf *conf, const struct probe_disk *disk)
{
	return fnmatch(conf->disk, disk->path, 0) == 0 ||
	       (disk->name[0] != '\0' && fnmatch(conf->disk, disk->name, 0) == 0);
}

bool devices_rank_allows(const struct conf *conf, const struct probe_disk *disk)
{
	if (disk->mapped != NULL || (conf->disk[0] != '\0' && !is_named(conf, disk)))
		return false;
	return !disk->usb || conf->usb_disk || named_by_path(conf, disk);
}

enum devices_kind devices_rank_kind(const struct probe_disk *disk)
{
	if (disk->usb)
		return DEVICES_KIND_USB;
	if (disk->sd)
		return DEVICES_KIND_CARD;
	return disk->removable ? DEVICES_KIND_REMOVABLE : DEVICES_KIND_FIXED;
}

bool devices_rank_firm(const struct conf *conf, const struct probe_disk *disk)
{
	return devices_rank_kind(disk) == DEVICES_KIND_FIXED || named_by_path(conf, disk);
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

static bool is_own(const struct prober_part *state, const struct probe_disk *disk)
{
	return disk->id[0] != '\0' && strcmp(state->pin, disk->id) == 0;
}

/* 2: it has a state. 1: one that another disk's is a copy of. */
static unsigned judge_state(const struct prober_part *state, const struct probe_disk *disk)
{
	if (state == NULL)
		return 0;
	return state->pin[0] == '\0' || is_own(state, disk) ? 2 : 1;
}

static struct merits judge_disk(const struct probe *p, const struct conf *conf,
				const struct probe_disk *disk)
{
	return (struct merits){ {
		[KIND] = devices_rank_kind(disk),
		[STATE] = judge_state(state_of(p, conf, disk), disk),
		[SLOTS] = count_slots(p, conf, disk),
	} };
}

static bool has_any(const struct merits *a)
{
	return a->m[STATE] > 0 || a->m[SLOTS] > 0;
}

/* > 0: a is the better one. */
static int compare_merits(const struct merits *a, const struct merits *b)
{
	for (unsigned i = 0; i < MERITS; i++) {
		if (a->m[i] != b->m[i])
			return a->m[i] > b->m[i] ? 1 : -1;
	}
	return 0;
}

/* Of two that are equal. Whoever made the other one may have bound it to itself as well: so this
 * decides which of them boots, and not that they can be distinguished. */
static bool goes_before(const struct probe *p, const struct conf *conf, const struct probe_disk *a,
			const struct probe_disk *b)
{
	const struct prober_part *of_a = state_of(p, conf, a), *of_b = state_of(p, conf, b);
	bool own_a = of_a != NULL && is_own(of_a, a), own_b = of_b != NULL && is_own(of_b, b);

	return own_a != own_b ? own_a : strcmp(a->path, b->path) < 0;
}

static void take_if_better(struct devices_rank *r, struct merits *best, const struct probe *p,
			   const struct conf *conf, const struct probe_disk *disk)
{
	struct merits merits = judge_disk(p, conf, disk);
	int better = r->disk != NULL ? compare_merits(&merits, best) : 1;

	if (!has_any(&merits) || better < 0)
		return;
	if (better > 0) {
		r->equal = NULL;
		r->disk = disk;
		*best = merits;
	} else if (goes_before(p, conf, disk, r->disk)) {
		r->equal = r->disk;
		r->disk = disk;
	} else {
		r->equal = disk;
	}
}

bool devices_rank_more(const struct probe *p, const struct conf *conf, enum devices_kind least)
{
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		const struct probe_disk *disk = &p->disk[i];

		if (disk->state == PROBE_WAITING && devices_rank_allows(conf, disk) &&
		    devices_rank_kind(disk) >= least)
			return true;
	}
	return false;
}

/* A volume of its own may come later than the partitions; a trial must not be refused for that. */
static bool waits_for_data(const struct probe *p, const struct conf *conf,
			   const struct probe_disk *disk)
{
	return p->mapped_as != NULL && conf_data_is_kept(conf) && mapped_is_spec(conf->data_part) &&
	       disk != NULL && probe_find(p, disk, conf->data_part) == NULL;
}

void devices_rank(struct devices_rank *r, const struct probe *p, const struct conf *conf)
{
	struct merits best = { .m = { 0 } };

	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		if (is_looked_at(&p->disk[i]) && devices_rank_allows(conf, &p->disk[i]))
			take_if_better(r, &best, p, conf, &p->disk[i]);
	}
	if (r->disk == NULL)
		return;
	r->complete = best.m[STATE] > 0 && best.m[SLOTS] == conf->nslots;
	r->waits = waits_for_data(p, conf, r->disk);
	r->firm = devices_rank_firm(conf, r->disk);
	r->copy = best.m[STATE] == 1;
	r->more = devices_rank_more(p, conf, devices_rank_kind(r->disk));
	/* Two halves are no riddle: the first is taken, and what it lacks is reported. */
	if (!r->complete)
		r->equal = NULL;
}

enum probe_worth devices_rank_worth(const struct probe *p, const struct conf *conf,
				    const struct probe_disk *disk)
{
	bool ok = devices_rank_allows(conf, disk);

	if (disk->mapped != NULL)
		return PROBE_WORTH_OURS;
	if (ok && is_looked_at(disk) &&
	    (state_of(p, conf, disk) != NULL || count_slots(p, conf, disk) > 0))
		return PROBE_WORTH_OURS;
	if (ok && !is_looked_at(disk))
		return PROBE_WORTH_UNKNOWN;
	return disk->usb || disk->sd ? PROBE_WORTH_MEDIUM : PROBE_WORTH_NONE;
}

bool devices_rank_any_mapped(const struct conf *conf)
{
	if (mapped_is_spec(conf->data_part))
		return true;
	for (unsigned i = 0; i < conf->nslots; i++)
		for (unsigned c = 0; c < conf->slot[i].nclasses; c++)
			if (mapped_is_spec(conf->slot[i].cls[c].part))
				return true;
	return false;
}

static bool is_data(const struct conf *conf, const char *name)
{
	return mapped_is_spec(conf->data_part) && mapped_is_named(name, conf->data_part);
}

const char *devices_rank_mapped(const struct conf *conf, const char *name)
{
	if (is_data(conf, name))
		return conf->data_part;
	for (unsigned i = 0; i < conf->nslots; i++) {
		for (unsigned c = 0; c < conf->slot[i].nclasses; c++) {
			const char *spec = conf->slot[i].cls[c].part;

			if (mapped_is_spec(spec) && mapped_is_named(name, spec))
				return spec;
		}
	}
	return NULL;
}
