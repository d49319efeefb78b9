/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_boot.h"

#include "update/crypto/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Whole blocks of digest=. */
#define PIECE	    (4 * MANIFEST_DIGEST_BLOCK)
#define REPORT_EACH (16u * PIECE)

static enum kb_err fail_open(char why[MANIFEST_WHY], enum kb_err err, const char *path)
{
	const char *text = err_fat_text(err);

	snprintf(why, MANIFEST_WHY, "%s: %s", path, text != NULL ? text : err_text(err));
	return err;
}

/* Nobody writes it yet. */
static bool is_kept(const struct apply_boot *b, unsigned i, const struct bdev_boot *but)
{
	return &b->dev[i] != but && !b->dev[i].unlocked;
}

/* As they were. */
static enum kb_err reopen_kept(struct apply_boot *b, const struct bdev_boot *but)
{
	for (unsigned i = 0; i < b->n; i++) {
		int top = -1;

		if (!is_kept(b, i, but))
			continue;
		TRY(os_lend_ask(b->lend, b->lent, true, &top));
		TRY(bdev_boot_reopen(&b->dev[i], top));
	}
	return KB_OK;
}

/* It is mounted anew only if nothing of it is open. What is written already has it so. Of what is
 * kept, the zeroes that were found may be read back meanwhile. */
static enum kb_err unlock(struct bdev_boot *dev)
{
	struct apply_boot *b = dev->ctx;
	enum kb_err err;

	for (unsigned i = 0; i < b->n; i++)
		if (is_kept(b, i, dev))
			bdev_boot_hold_closed(&b->dev[i]);
	err = os_lend_ask(b->lend, b->lent, true, &dev->top);
	if (err == KB_OK)
		err = reopen_kept(b, dev);
	for (unsigned i = 0; i < b->n; i++)
		if (is_kept(b, i, dev))
			bdev_boot_release(&b->dev[i]);
	return err;
}

/* Of len bytes, the blocks of digest=. */
static enum kb_err add_digest_blocks(struct digest *whole, struct digest *block, const uint8_t *p,
				     size_t len)
{
	uint8_t hash[DIGEST_LEN];

	for (size_t at = 0; at < len; at += MANIFEST_DIGEST_BLOCK) {
		size_t left = len - at;

		TRY(digest_buf(block, p + at,
			       left < MANIFEST_DIGEST_BLOCK ? left : MANIFEST_DIGEST_BLOCK, hash));
		TRY(digest_add(whole, hash, sizeof(hash)));
	}
	return KB_OK;
}

/* A slow card takes longer for all of it than process 1 waits for progress. */
static void report_compared(const struct apply_boot *b, uint64_t done, uint64_t total)
{
	if (b->compared != NULL && done % REPORT_EACH == 0)
		b->compared(b->ctx, done, total);
}

static enum kb_err digest_of(const struct apply_boot *b, struct bdev *dev, uint8_t out[DIGEST_LEN])
{
	static uint8_t piece[PIECE] __attribute__((aligned(BDEV_ALIGN)));
	struct digest d = { 0 }, block = { 0 };
	enum kb_err err = digest_init(&d);

	if (err == KB_OK)
		err = digest_init(&block);
	if (err == KB_OK)
		err = digest_begin(&d);
	for (uint64_t off = 0; err == KB_OK && off < dev->size;) {
		size_t n = dev->size - off < PIECE ? (size_t)(dev->size - off) : PIECE;

		report_compared(b, off, dev->size);
		err = bdev_read(dev, off, piece, n);
		if (err == KB_OK)
			err = add_digest_blocks(&d, &block, piece, n);
		off += n;
	}
	if (err == KB_OK)
		err = digest_end(&d, out);
	digest_free(&block);
	digest_free(&d);
	return err;
}

static bool holds_image(const struct apply_boot *b, struct bdev_boot *dev,
			const struct manifest_image *im)
{
	uint8_t digest[DIGEST_LEN];

	return bdev_boot_may_hold(dev) && digest_of(b, &dev->bdev, digest) == KB_OK &&
	       memcmp(digest, im->digest, sizeof(digest)) == 0;
}

/* In whatever order they are written. */
static enum kb_err check_room(struct apply_boot *b, const struct bdev_boot *dev, const char *path,
			      char why[MANIFEST_WHY])
{
	struct bdev_boot_room room;
	enum kb_err err = bdev_boot_room(dev, &room);
	uint64_t is;

	if (err != KB_OK)
		return fail_open(why, err, path);
	is = room.free > b->grows ? room.free - b->grows : 0;
	if (room.takes > room.old)
		b->grows += room.takes - room.old;
	if (room.takes <= is)
		return KB_OK;
	snprintf(
		why, MANIFEST_WHY,
		"%s: the image takes %" PRIu64 " KiB, but there is room for %" PRIu64
		" KiB: remove what is not needed from that partition; fsck.vfat -a finds room that a power cut lost",
		path, room.takes / 1024, is / 1024);
	return KB_ENOSPC;
}

/* That the loader has it, and the system, is no harm: a file is not a partition. */
static enum kb_err lend_top(struct apply_boot *b, struct os_lend *lend, const char *path, int *top,
			    char why[MANIFEST_WHY])
{
	conf_spec dev;
	enum kb_err err;

	(void)conf_place_split(path, dev);
	if (b->n == CONF_CLASSES_MAX || (b->n > 0 && strcmp(b->lent, dev) != 0)) {
		snprintf(why, MANIFEST_WHY, "%s: the slot has another file in %.40s", path,
			 b->lent);
		return KB_EINVAL;
	}
	snprintf(b->lent, sizeof(b->lent), "%s", dev);
	if (lend == NULL) {
		snprintf(
			why, MANIFEST_WHY,
			"%s: the process that mounts its partition could not start: the log says why",
			path);
		return KB_EPERM;
	}
	b->lend = lend;
	err = os_lend_ask(lend, b->lent, false, top);
	return err == KB_OK ? KB_OK : fail_open(why, err, path);
}

enum kb_err apply_boot_open(struct apply_boot *b, struct os_lend *lend, const char *path,
			    const struct manifest_image *im, char why[MANIFEST_WHY])
{
	struct bdev_boot *dev = &b->dev[b->n];
	conf_spec part;
	int top = -1;
	enum kb_err err;

	TRY(lend_top(b, lend, path, &top, why));
	b->n++;
	err = bdev_boot_open(dev, top, conf_place_split(path, part), im->size);
	if (err != KB_OK)
		return fail_open(why, err, path);
	dev->unlock = unlock;
	dev->ctx = b;
	/* The seal writes to a file that holds the image, too, where another image of the slot
	 * differs. */
	if (os_lend_is_fixed(dev->top))
		return fail_open(why, KB_EBUSY, path);
	if (holds_image(b, dev, im))
		return KB_OK;
	bdev_boot_is_foreign(dev);
	return check_room(b, dev, path, why);
}

struct bdev_boot *apply_boot_last(struct apply_boot *b)
{
	return &b->dev[b->n - 1];
}

void apply_boot_close(struct apply_boot *b)
{
	for (; b->n > 0; b->n--)
		bdev_boot_close(apply_boot_last(b));
	if (b->lend != NULL)
		os_lend_give_back(b->lend);
	b->lend = NULL;
}
