/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seal: from before the first write to a slot until all of it was read back, nothing says that
 * the slot can be booted: neither the state, nor the manifest cell, nor a superblock. Of several
 * partitions root's goes first and comes last: where it stands, the others are whole.
 */
#include "update/install/install_seal.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"

#include <string.h>

static uint8_t scratch[MANIFEST_CHUNK_MAX] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t block[INSTALL_BLOCK] __attribute__((aligned(BDEV_ALIGN)));
static const uint8_t zeroes[INSTALL_SEAL_LEN] __attribute__((aligned(BDEV_ALIGN)));

static size_t head_len(const struct install_job_part *p)
{
	return p->dev->size < INSTALL_SEAL_LEN ? (size_t)p->dev->size : INSTALL_SEAL_LEN;
}

/* Of the head, what the image fills. */
static size_t head_used(const struct install_job_part *p)
{
	return p->im->size < INSTALL_SEAL_LEN ? (size_t)p->im->size : INSTALL_SEAL_LEN;
}

static enum kb_err mark_writing(struct install_job *j)
{
	static struct state before;
	struct install *in = j->in;
	enum kb_err err;

	before = *in->s;
	plan_install_begin(in->s, in->target, in->back);
	err = store_save_both(in->store, in->s);
	if (err == KB_OK)
		err = store_manifest_clear(in->store, in->target);
	if (err == KB_OK)
		return KB_OK;
	/* The slot is untouched, and stays what the state said before: on the medium, too, where
	 * `writing` may have come already. No boot would use it. */
	before.seq = in->s->seq;
	*in->s = before;
	if (store_save(in->store, in->s) != KB_OK)
		return install_job_fail(
			j, INSTALL_BLAME_STATE, err,
			"the state partition cannot be written, so the slot stays as it is; but the state may have it as half written: then install again");
	return install_job_fail(
		j, INSTALL_BLAME_STATE, err,
		"the state partition cannot be written, so the slot stays as it is");
}

static enum kb_err write_and_compare(struct install_job_part *p, uint64_t off, const uint8_t *data,
				     size_t len)
{
	TRY(bdev_write(p->dev, off, data, len));
	TRY(bdev_flush(p->dev));
	TRY(bdev_drop_cache(p->dev, off, len));
	TRY(bdev_read(p->readback, off, scratch, len));
	return memcmp(scratch, data, len) == 0 ? KB_OK : KB_EIO;
}

/* Where superblocks begin: squashfs and others at 0, ext4, erofs and f2fs at 1024. */
static const size_t marks[] = { 0, 1024 };
#define MARK 512u /* bytes of a sector: no write leaves part of one */

static enum kb_err first_of(enum kb_err one, enum kb_err other)
{
	return one != KB_OK ? one : other;
}

/*
 * Removes every superblock from the first block, which is where nearly every file system has its
 * own. A cut may leave any sector as it was: so the sector with a superblock goes by itself, before
 * anything else. If one write fails, the others follow all the same: it may be theirs that mounts.
 * What seems to be gone already is written once more: one read is no proof.
 */
static enum kb_err zero_first(struct install_job_part *p)
{
	enum kb_err err = KB_OK;
	bool some = false;

	if (bdev_read(p->dev, 0, block, sizeof(block)) != KB_OK)
		return write_and_compare(p, 0, zeroes,
					 sizeof(block)); /* nothing mounts what cannot be read */
	for (unsigned i = 0; i < KB_ARRAY_LEN(marks); i++) {
		if (bytes_all(block + marks[i], MARK, 0))
			continue;
		memset(block + marks[i], 0, MARK);
		some = true;
		err = first_of(err, write_and_compare(p, 0, block, sizeof(block)));
	}
	if (!some || !bytes_all(block, sizeof(block), 0))
		err = first_of(err, write_and_compare(p, 0, zeroes, sizeof(block)));
	return err;
}

/* The other way round: the sectors with superblocks come alone, after everything else, and the
 * first of them last. */
static enum kb_err restore_first(struct install_job_part *p)
{
	memcpy(block, p->head, sizeof(block));
	for (unsigned i = 0; i < KB_ARRAY_LEN(marks); i++)
		memset(block + marks[i], 0, MARK);
	if (!bytes_all(block, sizeof(block), 0)) /* as the seal has left it */
		TRY(write_and_compare(p, 0, block, sizeof(block)));
	for (unsigned i = KB_ARRAY_LEN(marks); i-- > 0;) {
		if (bytes_all(p->head + marks[i], MARK, 0))
			continue;
		memcpy(block + marks[i], p->head + marks[i], MARK);
		TRY(write_and_compare(p, 0, block, sizeof(block)));
	}
	return KB_OK;
}

static enum kb_err note_head_written(struct install_job *j, const struct install_job_part *p,
				     size_t len, enum kb_err err)
{
	if (err != KB_OK)
		return install_job_storage_failed(
			j, p, err, "the first blocks of %s cannot be written", p->name);
	j->in->bytes_written += len;
	return KB_OK;
}

/* Zeroes a head, and makes sure that the medium has it: the first block, then the rest. */
static enum kb_err zero_head(struct install_job *j, struct install_job_part *p)
{
	size_t len = head_len(p), first = INSTALL_BLOCK;
	enum kb_err err = zero_first(p);

	if (len > first)
		err = first_of(err, write_and_compare(p, first, zeroes + first, len - first));
	return note_head_written(j, p, len, err);
}

/* Writes a head, and makes sure that the medium has it: the first block last. */
static enum kb_err restore_head(struct install_job *j, struct install_job_part *p)
{
	size_t len = head_used(p), first = INSTALL_BLOCK;
	enum kb_err err = KB_OK;

	if (len > first)
		err = write_and_compare(p, first, p->head + first, len - first);
	if (err == KB_OK)
		err = restore_first(p);
	return note_head_written(j, p, len, err);
}

/* Sealed already, and durably so; by a read of its own, since one is no proof. */
static enum kb_err is_sealed(struct install_job_part *p, size_t len, bool *sealed)
{
	*sealed = false;
	if (!bytes_all(p->head, len, 0))
		return KB_OK;
	TRY(bdev_flush(p->dev));
	*sealed = bdev_drop_cache(p->dev, 0, len) == KB_OK &&
		  bdev_read(p->readback, 0, scratch, len) == KB_OK && bytes_all(scratch, len, 0);
	return KB_OK;
}

static enum kb_err seal_part(struct install_job *j, struct install_job_part *p)
{
	size_t len = head_len(p);
	bool sealed = false;
	enum kb_err err = KB_OK;

	/* What cannot be read was not found to be right either: all of it will be obtained. */
	memset(p->head, 0, INSTALL_SEAL_LEN);
	if (bdev_read(p->dev, 0, p->head, len) != KB_OK)
		memset(p->head, 0, INSTALL_SEAL_LEN);
	else
		err = is_sealed(p, len, &sealed);
	if (err != KB_OK)
		return install_job_storage_failed(j, p, err, "%s cannot be flushed", p->name);
	return sealed ? KB_OK : zero_head(j, p);
}

enum kb_err install_seal_put_on(struct install_job *j)
{
	if (j->sealed)
		return KB_OK;
	log_info("install: slot %c: version %s: writing", state_slot_letter(j->in->target),
		 j->in->r->release.version);
	TRY(mark_writing(j));
	j->sealed = true;
	for (unsigned i = 0; i < j->nparts; i++)
		TRY(seal_part(j, &j->part[i]));
	return KB_OK;
}

void install_seal_keep(struct install_job_part *p, uint64_t off, const uint8_t *plain, uint32_t len)
{
	size_t n;

	if (off >= INSTALL_SEAL_LEN)
		return;
	n = INSTALL_SEAL_LEN - off < len ? (size_t)(INSTALL_SEAL_LEN - off) : len;
	if (plain != NULL)
		memcpy(p->head + off, plain, n);
	else
		memset(p->head + off, 0, n);
}

/* Hashes a chunk as it will be once the head is written: the rest of it from the medium. */
static enum kb_err check_head_chunk(struct install_job *j, struct install_job_part *p,
				    const struct install_readback_item *it)
{
	size_t n = INSTALL_SEAL_LEN - it->off < it->len ? (size_t)(INSTALL_SEAL_LEN - it->off)
							: it->len;
	uint8_t got[DIGEST_LEN];

	TRY(bdev_drop_cache(p->readback, it->off, it->len));
	TRY(bdev_read(p->readback, it->off, scratch, it->len));
	memcpy(scratch, p->head + it->off, n);
	TRY(digest_buf(&j->digest, scratch, it->len, got));
	return memcmp(got, it->hash, sizeof(got)) == 0 ? KB_OK : KB_EIO;
}

static enum kb_err check_heads(struct install_job *j, struct install_job_part *p)
{
	enum kb_err err = bdev_flush(p->dev);

	for (unsigned i = 0; i < p->nhead && err == KB_OK; i++)
		err = check_head_chunk(j, p, &p->head_chunk[i]);
	if (err == KB_OK)
		return KB_OK;
	return install_job_storage_failed(j, p, err, "reading back the first chunks of %s failed",
					  p->name);
}

enum kb_err install_seal_take_off(struct install_job *j)
{
	for (unsigned i = 0; i < j->nparts; i++)
		TRY(check_heads(j, &j->part[i]));
	for (unsigned i = j->nparts; i-- > 0;) {
		struct install_job_part *p = &j->part[i];
		enum kb_err err = restore_head(j, p);

		if (err == KB_OK)
			continue;
		/* It may be there all the same, and must not look whole if the state gets lost. */
		for (unsigned k = i; k < j->nparts; k++)
			if (zero_head(j, &j->part[k]) != KB_OK)
				log_err("install: slot %c: %s could not be sealed again",
					state_slot_letter(j->in->target), j->part[k].name);
		return err;
	}
	return KB_OK;
}

static enum kb_err write_manifest(const struct install *in)
{
	static uint8_t blob[READER_HEADER_LEN + READER_SIG_CAP_MAX + MANIFEST_MAX];
	const struct reader *r = in->r;
	struct store_manifest m = { .sequence = r->release.sequence, .floor = in->s->floor };
	uint8_t *p = blob;

	memcpy(m.release, r->release.id, sizeof(m.release));
	state_set_text(m.version, r->release.version);
	memcpy(p, r->header, READER_HEADER_LEN);
	p += READER_HEADER_LEN;
	memcpy(p, r->sig, r->h.sig_cap);
	p += r->h.sig_cap;
	memcpy(p, r->text, r->h.manifest_len);
	p += r->h.manifest_len;
	m.len = (size_t)(p - blob);
	return store_manifest_write(in->store, in->target, &m, blob);
}

/* By an install that a cut ended. The cell is cleared when both regions have been written. */
static bool is_marked_writing(const struct install *in)
{
	struct store_manifest m;

	return in->s->slot[in->target].st == STATE_WRITING &&
	       store_manifest_read(in->store, in->target, &m, NULL, 0) == KB_EBLANK;
}

enum kb_err install_seal_commit(struct install_job *j)
{
	static struct state before;
	struct install *in = j->in;
	enum kb_err err;

	/* No block differed, but the slot has another release's name: it says writing until it has
	 * the new one whole. */
	if (!j->sealed && !is_marked_writing(in))
		TRY(mark_writing(j));
	err = write_manifest(in);
	before = *in->s;
	if (err == KB_OK) {
		plan_install_end(in->s, in->target, &in->r->release, in->mode, in->tries);
		err = store_save(in->store, in->s);
	}
	if (err == KB_OK)
		return KB_OK;
	before.seq = in->s->seq;
	*in->s = before;
	return install_job_fail(
		j, INSTALL_BLAME_STATE, err,
		"the state partition cannot be written, although the slot is complete; install again to finish");
}
