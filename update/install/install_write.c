/* SPDX-License-Identifier: Apache-2.0 */
/* What the slot holds, compared with what it should hold; only blocks that differ are written. */
#include "update/install/install_write.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "update/install/install_check.h"
#include "update/install/install_seal.h"

#include <string.h>

#define ZERO_RUN      (64u << 10) /* shorter runs of zeroes are written like data */
#define ZERO_MAX      (16u << 20) /* zeroed at once: a slow device writes them */
#define FOREIGN_AFTER 8u	  /* chunks in a row make a slot foreign */
#define FOREIGN_EVERY 16u	  /* one of so many is looked at then */
#define FOREIGN_HELD  16u	  /* and of what was looked at the slot held one of so many */
#define DISCARD_ALIGN (1u << 20)
#define DISCARD_PIECE (256u << 20) /* so that a slow device still shows progress */

static uint8_t old[MANIFEST_CHUNK_MAX] __attribute__((aligned(BDEV_ALIGN)));
static const uint8_t zeroes[ZERO_RUN] __attribute__((aligned(BDEV_ALIGN)));

static uint64_t offset_of_chunk(const struct install_job *j, const struct reader_chunk *c)
{
	return (uint64_t)c->index * j->now->im->chunk;
}

/*
 * Reads what the slot holds into old. False: it cannot be read. Then all of it differs: writing a
 * sector anew is what heals it.
 */
static bool read_old(struct install_job *j, const struct install_job_part *p, uint64_t off,
		     size_t len)
{
	if (bdev_read(p->dev, off, old, len) == KB_OK)
		return true;
	if (!j->warned)
		log_warn("install: slot %c: %s cannot be read at byte %llu; it is written again",
			 state_slot_letter(j->in->target), p->im->name, (unsigned long long)off);
	j->warned = true;
	return false;
}

bool install_write_has(void *job, const struct reader_chunk *c)
{
	struct install_job *j = job;
	uint64_t off = offset_of_chunk(j, c);
	uint8_t got[DIGEST_LEN];

	/* Under the seal the slot holds zeroes, whatever it held before. */
	if (!j->expect_same || (j->sealed && off < INSTALL_SEAL_LEN))
		return false;
	/* A chunk that is stored is hardly ever all zero. */
	if (bdev_is_zero(j->now->dev, off, c->len) || !read_old(j, j->now, off, c->len) ||
	    digest_buf(&j->digest, old, c->len, got) != KB_OK)
		j->expect_same = false;
	else
		j->expect_same = memcmp(got, c->hash, sizeof(got)) == 0;
	return j->expect_same;
}

bool install_write_has_lacking(void *job, const struct reader_chunk *c)
{
	struct install_job *j = job;
	uint64_t off = offset_of_chunk(j, c);
	uint8_t got[DIGEST_LEN];

	return off >= INSTALL_SEAL_LEN && read_old(j, j->now, off, c->len) &&
	       digest_buf(&j->digest, old, c->len, got) == KB_OK &&
	       memcmp(got, c->hash, sizeof(got)) == 0;
}

enum kb_err install_write_held(void *job, const struct reader_chunk *c, void *buf)
{
	struct install_job *j = job;
	uint64_t off = offset_of_chunk(j, c), under = INSTALL_SEAL_LEN - off;

	enum kb_err err = bdev_read(j->now->dev, off, buf, c->len);

	if (err != KB_OK)
		return install_job_storage_failed(j, j->now, err, "%s cannot be read at byte %llu",
						  j->now->name, (unsigned long long)off);
	if (j->sealed && off < INSTALL_SEAL_LEN)
		memcpy(buf, j->now->head + off, under < c->len ? under : c->len);
	return KB_OK;
}

/* Of a write at off. */
static enum kb_err check_write(struct install_job *j, uint64_t off, enum kb_err err)
{
	if (err == KB_OK)
		return KB_OK;
	return install_job_storage_failed(j, j->now, err, "%s cannot be written at byte %llu",
					  j->now->name, (unsigned long long)off);
}

/* Bytes from `at` on, up to end, whose blocks all differ (or all do not) from what is wanted. */
static uint32_t run_length(const uint8_t *want, uint32_t at, uint32_t end, bool differ)
{
	uint32_t i = at;

	while (i < end &&
	       (memcmp(old + i, want != NULL ? want + i : zeroes, INSTALL_BLOCK) != 0) == differ)
		i += INSTALL_BLOCK;
	return i - at;
}

static enum kb_err note_zeroed(struct install_job *j, uint64_t off, uint64_t len)
{
	while (len > 0) {
		uint32_t n = len < MANIFEST_CHUNK_MAX ? (uint32_t)len : MANIFEST_CHUNK_MAX;

		if (install_readback_add(&j->rb, j->now->readback, off, n, NULL, true) != KB_OK)
			return install_job_readback_failed(j);
		off += n;
		len -= n;
	}
	return KB_OK;
}

enum kb_err install_write_end(struct install_job *j)
{
	uint64_t off = j->zero_off, len = j->zero_len;

	j->zero_len = 0;
	if (len == 0)
		return KB_OK;
	TRY(check_write(j, off, bdev_zero(j->now->dev, off, len)));
	return note_zeroed(j, off, len);
}

static enum kb_err write_zeroes(struct install_job *j, uint64_t off, uint32_t len)
{
	if (len < ZERO_RUN) {
		TRY(check_write(j, off, bdev_write(j->now->dev, off, zeroes, len)));
		return note_zeroed(j, off, len);
	}
	if (j->zero_off + j->zero_len != off || j->zero_len >= ZERO_MAX)
		TRY(install_write_end(j));
	if (j->zero_len == 0)
		j->zero_off = off;
	j->zero_len += len;
	return KB_OK;
}

/* data NULL: zeroes. */
static enum kb_err write_run(struct install_job *j, uint64_t off, const uint8_t *data, uint32_t len)
{
	j->in->bytes_written += len;
	if (data == NULL)
		return write_zeroes(j, off, len);
	return check_write(j, off, bdev_write(j->now->dev, off, data, len));
}

/* Writes the differing runs of a chunk, from byte `from` of it on. */
static enum kb_err write_runs(struct install_job *j, uint64_t off, uint32_t from, uint32_t len,
			      const uint8_t *plain, bool known)
{
	uint32_t at = from;

	while (at < len) {
		uint32_t same = known ? run_length(plain, at, len, false) : 0;
		uint32_t diff;

		j->in->bytes_skipped += same;
		if (plain == NULL)
			TRY(note_zeroed(j, off + at, same));
		at += same;
		diff = known ? run_length(plain, at, len, true) : len - at;
		if (diff > 0)
			TRY(write_run(j, off + at, plain != NULL ? plain + at : NULL, diff));
		at += diff;
	}
	return KB_OK;
}

/* The chunk that begins under the seal is read back with the head, before that is written; zeroes
 * were noted run by run. */
static enum kb_err note_written(struct install_job *j, const struct reader_chunk *c, uint64_t off)
{
	if (off < INSTALL_SEAL_LEN || c->form == READER_ZERO)
		return KB_OK;
	if (install_readback_add(&j->rb, j->now->readback, off, c->len, c->hash, false) != KB_OK)
		return install_job_readback_failed(j);
	return KB_OK;
}

static void note_head(struct install_job_part *p, const struct reader_chunk *c, uint64_t off)
{
	struct install_readback_item *it;

	if (off >= INSTALL_SEAL_LEN || p->nhead == INSTALL_HEAD_CHUNKS)
		return;
	it = &p->head_chunk[p->nhead++];
	*it = (struct install_readback_item){ .off = off, .len = c->len };
	memcpy(it->hash, c->hash, sizeof(it->hash));
}

bool install_write_is_blind(const struct install_job *j)
{
	return j->foreign >= FOREIGN_AFTER && (j->foreign - FOREIGN_AFTER) % FOREIGN_EVERY != 0 &&
	       j->held * FOREIGN_HELD <= j->seen;
}

/* Of a chunk, so many bytes were in the slot already. Zeroes are everywhere. */
static void note_held(struct install_job *j, const struct reader_chunk *c, uint64_t held)
{
	bool foreign = held <= c->len / FOREIGN_HELD, blind = install_write_is_blind(j);

	if (c->form == READER_ZERO)
		return;
	j->resumed &= !foreign || offset_of_chunk(j, c) < INSTALL_SEAL_LEN;
	if (!blind && !j->resumed) {
		j->seen += c->len;
		j->held += held;
	}
	j->foreign = foreign ? j->foreign + 1 : 0;
}

static bool is_same(struct install_job *j, const struct install_pipe_chunk *pc, uint64_t off,
		    bool *known)
{
	*known = true;
	if (pc->had)
		return true;
	if (pc->plain == NULL && bdev_is_zero(j->now->dev, off, pc->c.len))
		return true;
	*known = (pc->plain == NULL || !install_write_is_blind(j)) &&
		 read_old(j, j->now, off, pc->c.len);
	if (!*known)
		return false;
	if (pc->plain == NULL)
		return bytes_all(old, pc->c.len, 0);
	return memcmp(old, pc->plain, pc->c.len) == 0;
}

/* The first block that differs, or one of many; zeroes need nothing of the payload. */
static enum kb_err begin_to_write(struct install_job *j)
{
	TRY(install_check_payload(j));
	return install_seal_put_on(j);
}

enum kb_err install_write_chunk(struct install_job *j, const struct install_pipe_chunk *pc)
{
	uint64_t off = offset_of_chunk(j, &pc->c);
	uint64_t skipped = j->in->bytes_skipped;
	uint32_t from = 0;
	bool known, same = is_same(j, pc, off, &known);

	note_head(j->now, &pc->c, off);
	/* Zero chunks tell nothing about whether the image is the one that is there. */
	if (pc->plain != NULL)
		j->expect_same = same;
	if (!same)
		TRY(begin_to_write(j));
	if (j->sealed && !pc->had)
		install_seal_keep(j->now, off, pc->plain, pc->c.len);
	if (same) {
		note_held(j, &pc->c, pc->c.len);
		j->in->bytes_skipped += pc->c.len;
		/* There is no hash that says so, and a lazy medium reads as zeroes once. */
		return pc->c.form == READER_ZERO ? note_zeroed(j, off, pc->c.len) : KB_OK;
	}
	if (off < INSTALL_SEAL_LEN)
		from = INSTALL_SEAL_LEN - off < pc->c.len ? (uint32_t)(INSTALL_SEAL_LEN - off)
							  : pc->c.len;
	TRY(write_runs(j, off, from, pc->c.len, pc->plain, known));
	note_held(j, &pc->c, j->in->bytes_skipped - skipped);
	return note_written(j, &pc->c, off);
}

/* Whole MiB only: some cards round to erase groups, and not always inwards. */
static void discard_behind(struct install_job *j, struct install_job_part *p, uint64_t from,
			   uint64_t to)
{
	from = (from + DISCARD_ALIGN - 1) / DISCARD_ALIGN * DISCARD_ALIGN;
	to -= to % DISCARD_ALIGN;
	while (from < to) {
		uint64_t n = to - from < DISCARD_PIECE ? to - from : DISCARD_PIECE;

		if (bdev_discard(p->dev, from, n) != KB_OK)
			return; /* it was advice */
		install_job_tick(j, n / INSTALL_BLOCK);
		from += n;
	}
}

enum kb_err install_write_rest(struct install_job *j, struct install_job_part *p)
{
	uint64_t size = p->dev->size, tail = size > INSTALL_TAIL ? size - INSTALL_TAIL : 0;
	uint64_t from = p->im->size > tail ? p->im->size : tail;
	uint32_t len = (uint32_t)(size - from);
	bool clean = len == 0 || bdev_is_zero(p->dev, from, len) ||
		     (read_old(j, p, from, len) && bytes_all(old, len, 0));

	j->now = p;
	if (!clean)
		TRY(begin_to_write(j));
	if (j->sealed)
		discard_behind(j, p, p->im->size, from);
	if (clean)
		return note_zeroed(j, from, len);
	TRY(write_run(j, from, NULL, len));
	return install_write_end(j);
}
