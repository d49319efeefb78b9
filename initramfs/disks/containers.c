/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/containers.h"

#include "lib/conf_place.h"
#include "lib/container.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define MORE	 ", and more"
#define ARRAY_MS 20000

/* What does not fit any more is only counted as more. */
static void append(char *out, size_t size, const char *text)
{
	size_t len = strlen(out);
	bool fits = len + strlen(text) + sizeof(", " MORE) <= size;

	if (fits)
		snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", text);
	else if (len < sizeof(MORE) || strcmp(out + len + 1 - sizeof(MORE), MORE) != 0)
		snprintf(out + len, size - len, MORE);
}

static void look_at_class(char *out, size_t size, char slot, const char *spec,
			  const struct prober_part *part)
{
	const char *kind = container_of_path(spec);
	char text[CONF_SPEC_MAX + 64] = "";

	if (part != NULL && container_is(part->fstype))
		snprintf(text, sizeof(text), "%c: %s on %s", slot, part->fstype, part->dev);
	else if (part == NULL && kind != NULL)
		snprintf(text, sizeof(text), "%c: %s is %s", slot, spec, kind);
	if (text[0] != '\0')
		append(out, size, text);
}

bool containers_of_slots(char *out, size_t size, const struct probe *p,
			 const struct probe_disk *disk, const struct conf *conf)
{
	out[0] = '\0';
	for (unsigned i = 0; i < conf->nslots; i++) {
		const struct conf_slot *s = &conf->slot[i];

		for (unsigned c = 0; c < s->nclasses; c++) {
			conf_spec spec;

			(void)conf_place_split(s->cls[c].part, spec);
			look_at_class(out, size, state_slot_letter((int)i), spec,
				      probe_find(p, disk, spec));
		}
	}
	return out[0] != '\0';
}

static void append_part(char *out, size_t size, const struct prober_part *part)
{
	char text[64];

	if (!container_is(part->fstype))
		return;
	snprintf(text, sizeof(text), "%.23s on %.31s", part->fstype, part->dev);
	append(out, size, text);
}

bool containers_may_have(char *out, size_t size, const struct probe_disk *disk, const char *spec)
{
	out[0] = '\0';
	if (strncmp(spec, "UUID=", 5) != 0 && strncmp(spec, "LABEL=", 6) != 0)
		return false;
	for (unsigned i = 0; i < disk->n; i++)
		append_part(out, size, &disk->part[i]);
	return out[0] != '\0';
}

static bool has_member(const struct probe_disk *disk)
{
	for (unsigned i = 0; i < disk->n; i++)
		if (strcmp(disk->part[i].fstype, "linux_raid_member") == 0)
			return true;
	return strcmp(disk->whole.fstype, "linux_raid_member") == 0;
}

uint64_t containers_wait_ms(const struct probe *p)
{
	if (p->mapped_as == NULL)
		return 0;
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++)
		if (p->disk[i].state != PROBE_FREE && has_member(&p->disk[i]))
			return ARRAY_MS;
	return 0;
}

bool containers_allow(const char *what, const struct prober_part *part)
{
	if (part == NULL || !container_is(part->fstype))
		return true;
	log_warn("devices: %s: %s holds %s, which is not opened here; it is not used", what,
		 part->dev, part->fstype);
	return false;
}

const struct prober_part *containers_state(const struct prober_part *part)
{
	/* What an older use left behind counts no more when a state was made over it. */
	if (part == NULL || part->flags & PROBER_PART_STATE)
		return part;
	if (!containers_allow("state", part))
		return NULL;
	if (part->fstype[0] == '\0' && !(part->flags & PROBER_PART_AMBIGUOUS))
		return part;
	log_err("devices: state: %s holds %s and no record: it is not touched; correct [state] partition= in system.conf, or erase it: wipefs --all %s",
		part->dev, part->fstype[0] != '\0' ? part->fstype : "several file systems",
		part->dev);
	return NULL;
}

static void report_part(const struct prober_part *part)
{
	if (container_is(part->fstype))
		log_err("devices: %s holds %s, which is not opened here: what is in it cannot be a slot",
			part->dev, part->fstype);
}

void containers_report(const struct probe_disk *disk)
{
	for (unsigned i = 0; i < disk->n; i++)
		report_part(&disk->part[i]);
	if (!disk->has_table)
		report_part(&disk->whole);
}
