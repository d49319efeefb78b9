/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/probe_answer.h"

#include <string.h>

bool probe_answer_partial(const struct prober_answer *a, size_t len)
{
	if (len < PROBER_ANSWER_LEN(0))
		return true;
	return a->magic == PROBER_MAGIC && a->n <= PROBER_PARTS_MAX &&
	       len < PROBER_ANSWER_LEN(a->n);
}

static bool text_ok(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\0')
			return true;
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	return false;
}

static bool part_ok(const struct prober_part *p)
{
	uint64_t end;

	return text_ok(p->dev, sizeof(p->dev)) && text_ok(p->partlabel, sizeof(p->partlabel)) &&
	       text_ok(p->partuuid, sizeof(p->partuuid)) && text_ok(p->fstype, sizeof(p->fstype)) &&
	       text_ok(p->label, sizeof(p->label)) && text_ok(p->uuid, sizeof(p->uuid)) &&
	       text_ok(p->pin, sizeof(p->pin)) &&
	       (p->dev[0] == '\0' ||
		(strncmp(p->dev, "/dev/", 5) == 0 && strchr(p->dev + 5, '/') == NULL)) &&
	       !__builtin_add_overflow(p->start, p->size, &end) && end <= INT64_MAX;
}

enum kb_err probe_answer_check(const struct prober_answer *a, size_t len)
{
	uint32_t number = 0;

	if (len < PROBER_ANSWER_LEN(0) || a->magic != PROBER_MAGIC || a->n > PROBER_PARTS_MAX ||
	    len != PROBER_ANSWER_LEN(a->n))
		return KB_EFORMAT;
	if (!text_ok(a->table, sizeof(a->table)) || !part_ok(&a->whole) || a->whole.number != 0 ||
	    a->size > INT64_MAX)
		return KB_EFORMAT;
	for (uint32_t i = 0; i < a->n; i++) {
		if (!part_ok(&a->part[i]) || a->part[i].number <= number || a->part[i].size == 0)
			return KB_EFORMAT;
		number = a->part[i].number;
	}
	return KB_OK;
}

static void copy_file_system(struct prober_part *to, const struct prober_part *from)
{
	memcpy(to->fstype, from->fstype, sizeof(to->fstype));
	memcpy(to->label, from->label, sizeof(to->label));
	memcpy(to->uuid, from->uuid, sizeof(to->uuid));
	memcpy(to->pin, from->pin, sizeof(to->pin));
	to->flags = from->flags;
}

static void merge_part(struct prober_part *p, const struct prober_answer *a)
{
	for (uint32_t i = 0; i < a->n; i++) {
		const struct prober_part *from = &a->part[i];

		if (from->number != p->number || from->start != p->start)
			continue;
		if (from->partlabel[0] != '\0')
			memcpy(p->partlabel, from->partlabel, sizeof(p->partlabel));
		memcpy(p->partuuid, from->partuuid, sizeof(p->partuuid));
		copy_file_system(p, from);
		return;
	}
	p->flags = PROBER_PART_UNREADABLE;
}

/* What lies in an array is no partition of the disk, however much it looks like one. */
static void take_member(struct probe_disk *d)
{
	static const char type[] = "linux_raid_member";

	memcpy(d->whole.fstype, type, sizeof(type));
	for (unsigned i = 0; i < d->n; i++)
		memcpy(d->part[i].fstype, type, sizeof(type));
}

void probe_answer_merge(struct probe_disk *d, const struct prober_answer *a)
{
	for (unsigned i = 0; i < d->n; i++)
		merge_part(&d->part[i], a);
	/* A table that the kernel does not understand is no partition to boot from, but it is no
	 * bare file system either. */
	d->has_table = d->n > 0 || a->table[0] != '\0';
	d->gpt_backup = a->flags & PROBER_GPT_BACKUP;
	if (!d->has_table)
		copy_file_system(&d->whole, &a->whole);
	else if (a->flags & PROBER_MEMBER)
		take_member(d);
}
