/* SPDX-License-Identifier: Apache-2.0 */
/* The prober's answer to process 1: a struct of a taken-over process, in a pipe, in pieces. */
#include "initramfs/disks/probe_answer.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void fix_part(struct prober_part *p, uint32_t number, unsigned seed)
{
	/* Nothing at its end, so that what is before it counts. */
	p->dev[31] = p->partlabel[111] = p->partuuid[39] = p->fstype[23] = '\0';
	p->label[67] = p->uuid[39] = p->pin[51] = '\0';
	if (seed & 1 && p->dev[0] != '\0')
		memcpy(p->dev, "/dev/", 5);
	p->start &= INT64_MAX >> 1;
	p->size &= INT64_MAX >> 1;
	p->number = number;
}

size_t fuzz_fix(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	struct prober_answer *a = (struct prober_answer *)data;
	const size_t head = PROBER_ANSWER_LEN(0);

	if (size < head || (uintptr_t)data % 8 != 0)
		return size;
	a->magic = PROBER_MAGIC;
	a->size &= INT64_MAX;
	a->table[15] = '\0';
	a->n = (uint32_t)((size - head) / sizeof(struct prober_part));
	if (a->n > PROBER_PARTS_MAX)
		a->n = PROBER_PARTS_MAX;
	fix_part(&a->whole, 0, seed);
	for (uint32_t i = 0; i < a->n; i++)
		fix_part(&a->part[i], i + 1, seed >> 1);
	(void)max;
	return PROBER_ANSWER_LEN(a->n);
}

static void check_part(const struct prober_part *p)
{
	FUZZ_CHECK(fuzz_printable(p->dev, sizeof(p->dev)));
	FUZZ_CHECK(fuzz_printable(p->partlabel, sizeof(p->partlabel)));
	FUZZ_CHECK(fuzz_printable(p->partuuid, sizeof(p->partuuid)));
	FUZZ_CHECK(fuzz_printable(p->fstype, sizeof(p->fstype)));
	FUZZ_CHECK(fuzz_printable(p->label, sizeof(p->label)));
	FUZZ_CHECK(fuzz_printable(p->uuid, sizeof(p->uuid)));
	FUZZ_CHECK(fuzz_printable(p->pin, sizeof(p->pin)));
	FUZZ_CHECK(p->start <= INT64_MAX && p->size <= INT64_MAX - p->start);
	if (p->dev[0] != '\0')
		FUZZ_CHECK(strncmp(p->dev, "/dev/", 5) == 0 && strchr(p->dev + 5, '/') == NULL);
}

static void check_accepted(const struct prober_answer *a, size_t len)
{
	FUZZ_CHECK(a->magic == PROBER_MAGIC && a->n <= PROBER_PARTS_MAX);
	FUZZ_CHECK(len == PROBER_ANSWER_LEN(a->n) && a->size <= INT64_MAX);
	FUZZ_CHECK(fuzz_printable(a->table, sizeof(a->table)));
	check_part(&a->whole);
	FUZZ_CHECK(a->whole.number == 0);
	for (uint32_t i = 0; i < a->n; i++) {
		check_part(&a->part[i]);
		FUZZ_CHECK(a->part[i].size > 0);
		FUZZ_CHECK(i == 0 || a->part[i].number > a->part[i - 1].number);
	}
}

/* What the kernel says of the disk: up to eight partitions, some of them where the answer has them.
 */
static void kernel_says(struct probe_disk *d, const struct prober_answer *a)
{
	memset(d, 0, sizeof(*d));
	d->n = (unsigned)(a->size % 9);
	d->size = 1u << 30;
	memcpy(d->whole.dev, "/dev/vda", 9);
	for (unsigned i = 0; i < d->n; i++) {
		struct prober_part *p = &d->part[i];

		memcpy(p->dev, "/dev/vda1", 10);
		p->dev[8] = (char)('1' + i);
		memcpy(p->partlabel, "kernel", 7);
		p->number = i + 1;
		p->start = i < a->n && i % 3 != 0 ? a->part[i].start : (i + 1) * 1048576u;
		p->size = 1048576;
	}
}

/* Which partitions there are, where, and how large: never the prober's word. */
static void check_merge(const struct prober_answer *a)
{
	static struct probe_disk d, before;

	kernel_says(&d, a);
	memcpy(&before, &d, sizeof(d));
	probe_answer_merge(&d, a);
	FUZZ_CHECK(d.n == before.n && d.size == before.size);
	FUZZ_CHECK(d.has_table == (d.n > 0 || a->table[0] != '\0'));
	FUZZ_CHECK(strcmp(d.whole.dev, before.whole.dev) == 0);
	FUZZ_CHECK(d.whole.size == before.whole.size && d.whole.start == 0);
	for (unsigned i = 0; i < d.n; i++) {
		check_part(&d.part[i]);
		FUZZ_CHECK(strcmp(d.part[i].dev, before.part[i].dev) == 0);
		FUZZ_CHECK(d.part[i].start == before.part[i].start);
		FUZZ_CHECK(d.part[i].size == before.part[i].size);
		FUZZ_CHECK(d.part[i].number == i + 1 && d.part[i].partlabel[0] != '\0');
	}
}

void fuzz_one(const uint8_t *data, size_t size)
{
	static struct prober_answer a, copy;
	size_t len, step = 1 + size / 16;
	bool partial;
	enum kb_err err;

	/* What the pipe has not brought is not looked at. */
	memset(&a, 0xa5, sizeof(a));
	len = fuzz_copy(&a, sizeof(a), data, size);
	memcpy(&copy, &a, sizeof(a));
	err = probe_answer_check(&a, len);
	partial = probe_answer_partial(&a, len);
	FUZZ_CHECK(memcmp(&a, &copy, sizeof(a)) == 0);
	FUZZ_CHECK(err == KB_EFORMAT || (err == KB_OK && !partial));
	if (err != KB_OK)
		return;
	check_accepted(&a, len);
	check_merge(&a);
	FUZZ_CHECK(probe_answer_check(&a, len - 1) == KB_EFORMAT);
	FUZZ_CHECK(probe_answer_check(&a, len + 1) == KB_EFORMAT);
	/* On its way it always was something that could become this. */
	for (size_t part = 0; part < len; part += step)
		FUZZ_CHECK(probe_answer_partial(&a, part));
}
