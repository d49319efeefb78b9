/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the disk that a power cut may leave, from what a real kernel told its disk: a log of QEMU's
 * blklogwrites (or dm-log-writes), and the disk before it. The images are chosen by the same code
 *as those of the simulated runs.
 *
 *	cutlog_sim LOG BASE OUT ENTRIES SORT WHICH OFFSET:SIZE:UNIT:GARBAGE…
 *
 * The power goes when ENTRIES of the log were issued. SORT and WHICH: see cut_image.h, and `torn`:
 *all has landed, and of the last write only its first WHICH sectors. For each partition: the
 *sectors that are written as one (1, or 8 of 512 bytes), and whether one of them may be garbage:
 *`no`, `data`, or `bad` (cannot be read either). What is written outside of them all is an error.
 *
 * Says what it did: "dirty N images M hash H", then "bad OFFSET" for each sector that cannot be
 *read.
 */
#include "lib/bytes.h"
#include "tests/sim/cut_image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC	    0x6a736677736872u
#define LOG_FLUSH   1u
#define LOG_FUA	    2u
#define LOG_DISCARD 4u
#define LOG_MARK    8u

struct file {
	const char *path;
	const uint8_t *data;
	uint64_t len;
};

struct part {
	struct cut_disk disk;
	uint64_t off, size;
	enum cut_garbage garbage; /* the worst that may be in it */
};

struct run {
	struct file log, base;
	struct part part[CUT_IMAGE_DISKS];
	unsigned nparts;
	struct cut_power power;
	unsigned last_part; /* of the last write */
	uint64_t last_off, last_len;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "cutlog_sim: %s: %s\n", what, why);
	exit(1);
}

static struct file map(const char *path)
{
	struct file f = { .path = path };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0)
		die(path, fd < 0 ? strerror(errno) : "empty");
	f.len = (uint64_t)st.st_size;
	p = mmap(NULL, f.len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die(path, strerror(errno));
	close(fd);
	f.data = p;
	return f;
}

/* ---------------------------------------------------------------- the disk before */

static void add_part(struct run *r, const char *text)
{
	static const char *const names[] = { "no", "data", "bad" };
	struct part *p = &r->part[r->nparts];
	struct cut_content before;
	char garbage[8];
	unsigned unit;

	if (r->nparts == CUT_IMAGE_DISKS)
		die(text, "too many partitions");
	if (sscanf(text, "%" SCNu64 ":%" SCNu64 ":%u:%7s", &p->off, &p->size, &unit, garbage) != 4)
		die(text, "expected OFFSET:SIZE:UNIT:GARBAGE");
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(garbage, names[i]) == 0)
			p->garbage = (enum cut_garbage)i;
	if (p->off % BDEV_ALIGN != 0 || p->size % BDEV_ALIGN != 0 || p->off > r->base.len ||
	    p->size > r->base.len - p->off)
		die(text, "the partition is not on the disk, or not in blocks of 4 KiB");
	cut_disk_init(&p->disk, &r->power, p->size);
	p->disk.unit = unit;
	cut_content_init(&before, p->size, 0);
	for (uint64_t at = 0; at < p->size; at += CUT_SECTOR) {
		if (!bytes_all(r->base.data + p->off + at, CUT_SECTOR, 0))
			cut_content_put(&before, at / CUT_SECTOR, r->base.data + p->off + at);
	}
	cut_disk_start(&p->disk, &before);
	cut_content_free(&before);
	r->nparts++;
}

/* ---------------------------------------------------------------- the log */

static struct part *part_of(struct run *r, uint64_t off, uint64_t len)
{
	for (unsigned i = 0; i < r->nparts; i++) {
		struct part *p = &r->part[i];

		if (off >= p->off && off - p->off <= p->size && len <= p->size - (off - p->off))
			return p;
	}
	die(r->log.path, "writes to what is no partition");
	return NULL;
}

/* data NULL: a discard */
static void change(struct run *r, uint64_t off, uint64_t len, const uint8_t *data)
{
	struct part *p = part_of(r, off, len);
	enum kb_err err = data != NULL ? cut_disk_write(&p->disk, off - p->off, data, len)
				       : cut_disk_discard(&p->disk, off - p->off, len);

	if (err != KB_OK)
		die(r->log.path, "the simulated disk does not take a write");
	r->last_part = (unsigned)(p - r->part);
	r->last_off = off - p->off;
	r->last_len = len;
}

/* The header counts what was there at the last flush; what was issued since stands behind it. */
static void replay(struct run *r, uint64_t entries)
{
	uint64_t at, sector;

	if (r->log.len < CUT_SECTOR || bytes_get64(r->log.data) != MAGIC ||
	    bytes_get64(r->log.data + 8) != 1)
		die(r->log.path, "not a log of blklogwrites");
	sector = bytes_get64(r->log.data + 24) & UINT32_MAX;
	if (sector < CUT_SECTOR || sector % CUT_SECTOR != 0)
		die(r->log.path, "a sector size that makes no sense");
	at = sector;
	for (uint64_t i = 0; i < entries; i++) {
		const uint8_t *entry = r->log.data + at;
		uint64_t first, len, flags;

		if (at > r->log.len || r->log.len - at < sector)
			die(r->log.path, "has fewer entries");
		first = bytes_get64(entry);
		flags = bytes_get64(entry + 16);
		if (__builtin_mul_overflow(bytes_get64(entry + 8), sector, &len))
			die(r->log.path, "an entry that makes no sense");
		at += sector;
		for (unsigned k = 0; k < r->nparts && (flags & LOG_FLUSH) != 0; k++)
			if (cut_disk_flush(&r->part[k].disk) != KB_OK)
				die(r->log.path, "the simulated disk does not flush");
		if ((flags & (LOG_FUA | LOG_MARK)) != 0)
			die(r->log.path, "FUA or a mark: QEMU writes neither");
		if (len == 0)
			continue;
		if ((flags & LOG_DISCARD) == 0 && (at > r->log.len || len > r->log.len - at))
			die(r->log.path, "ends in the middle of an entry");
		change(r, first * sector, len,
		       (flags & LOG_DISCARD) != 0 ? NULL : r->log.data + at);
		at += (flags & LOG_DISCARD) != 0 ? 0 : len;
	}
}

/* ---------------------------------------------------------------- the image */

static void choose_torn(struct cut_image *im, const struct run *r, uint64_t sectors)
{
	uint64_t from = r->last_off + sectors * CUT_SECTOR, end = r->last_off + r->last_len;

	cut_image_choose(im, CUT_IMAGE_ALL, 0);
	for (unsigned i = 0; i < im->n; i++) {
		const struct cut_place *p = &im->place[i];

		if (p->disk == r->last_part && p->off >= from && p->off < end && im->pick[i] > 0)
			im->pick[i]--;
	}
}

/* What must not be garbage is not; another place is, for the sorts that want one. */
static void bound_garbage(struct cut_image *im, const struct run *r, bool another)
{
	for (unsigned i = 0; i < im->n && im->garbage != CUT_GARBAGE_NONE && another; i++) {
		const struct cut_place *p = &im->place[im->garbage_at];

		if (!p->trim && r->part[p->disk].garbage != CUT_GARBAGE_NONE)
			break;
		im->garbage_at = (im->garbage_at + 1) % im->n;
	}
	if (im->garbage == CUT_GARBAGE_NONE)
		return;
	if (im->garbage > r->part[im->place[im->garbage_at].disk].garbage)
		im->garbage = r->part[im->place[im->garbage_at].disk].garbage;
}

static void choose(struct cut_image *im, const struct run *r, const char *sort, uint64_t which)
{
	static const char *const names[] = {
		[CUT_IMAGE_NONE] = "none",	     [CUT_IMAGE_ALL] = "all",
		[CUT_IMAGE_ONE_MISSING] = "missing", [CUT_IMAGE_ONE_LANDED] = "landed",
		[CUT_IMAGE_ONE_GARBAGE] = "garbage", [CUT_IMAGE_ONE_BAD] = "bad",
		[CUT_IMAGE_RANDOM] = "random",
	};

	if (strcmp(sort, "torn") == 0) {
		choose_torn(im, r, which);
		return;
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(sort, names[i]) != 0)
			continue;
		cut_image_choose(im, (enum cut_image_sort)i, which);
		bound_garbage(im, r, i != CUT_IMAGE_RANDOM);
		return;
	}
	die(sort, "no such sort of image");
}

/* What stands there on the disk: in a partition what the image has of it, else what was before.
 * NULL: zeroes. */
static const uint8_t *page_at(const struct run *r, const struct cut_content *c, uint64_t at)
{
	for (unsigned i = 0; i < r->nparts; i++)
		if (at >= r->part[i].off && at - r->part[i].off < r->part[i].size)
			return cut_content_page(&c[i], (at - r->part[i].off) / BDEV_ALIGN);
	return r->base.data + at;
}

static void write_pages(const struct run *r, const struct cut_content *c, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	bool ok = fd >= 0 && ftruncate(fd, (off_t)r->base.len) == 0;

	for (uint64_t at = 0; at < r->base.len && ok; at += BDEV_ALIGN) {
		uint64_t left = r->base.len - at, len = left < BDEV_ALIGN ? left : BDEV_ALIGN;
		const uint8_t *page = page_at(r, c, at);

		if (page != NULL && !bytes_all(page, len, 0))
			ok = pwrite(fd, page, len, (off_t)at) == (ssize_t)len;
	}
	if (!ok || close(fd) != 0)
		die(path, strerror(errno));
}

static void write_image(struct run *r, const char *path, const char *sort, uint64_t which)
{
	struct cut_disk *disks[CUT_IMAGE_DISKS];
	struct cut_content c[CUT_IMAGE_DISKS];
	struct cut_image im;
	uint64_t hash = 0;

	for (unsigned i = 0; i < r->nparts; i++)
		disks[i] = &r->part[i].disk;
	cut_image_take(&im, disks, r->nparts);
	choose(&im, r, sort, which);
	for (unsigned i = 0; i < r->nparts; i++) {
		cut_content_init(&c[i], r->part[i].size, 0);
		cut_image_put(&im, i, &c[i]);
		for (unsigned k = 0; k < c[i].nbad; k++)
			printf("bad %" PRIu64 "\n", r->part[i].off + c[i].bad[k] * CUT_SECTOR);
		hash = (hash << 13 | hash >> 51) ^ c[i].hash;
	}
	write_pages(r, c, path);
	printf("dirty %u images %" PRIu64 " hash %016" PRIx64 "\n", im.n, cut_image_count(&im),
	       hash);
}

int main(int argc, char **argv)
{
	static struct run r;
	uint64_t entries, which;

	if (argc < 8 || sscanf(argv[4], "%" SCNu64, &entries) != 1 ||
	    sscanf(argv[6], "%" SCNu64, &which) != 1) {
		fputs("usage: cutlog_sim LOG BASE OUT ENTRIES SORT WHICH "
		      "OFFSET:SIZE:UNIT:GARBAGE...\n",
		      stderr);
		return 3;
	}
	cut_power_init(&r.power);
	r.log = map(argv[1]);
	r.base = map(argv[2]);
	for (int i = 7; i < argc; i++)
		add_part(&r, argv[i]);
	replay(&r, entries);
	write_image(&r, argv[3], argv[5], which);
	return 0;
}
