/* SPDX-License-Identifier: Apache-2.0 */
/* Real bundles in memory, and a device that notes what is done to it, for tests of the engine. */
#pragma once

#include "cli/bundle/bundle_table.h"
#include "cli/key/key_file.h"
#include "lib/bytes.h"
#include "tests/sim/bdev_sim.h"
#include "tests/unit/frame.h"
#include "tests/unit/patch.h"
#include "update/bundle/payload_digest.h"
#include "update/install/install.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a test may change about a chunk before it is signed. */
struct fixture_chunk {
	unsigned image;
	uint32_t index, len;
	enum reader_form form;
	uint8_t stored[MANIFEST_CHUNK_MAX + 4096];
	uint32_t nstored;
	uint8_t hash[DIGEST_LEN];
};

struct fixture_image {
	const char *name;
	const uint8_t *data; /* NULL: all zero */
	uint64_t size;
	uint32_t chunk;
	bool raw; /* nothing is compressed */
};

struct fixture_bundle {
	const struct fixture_image *image;
	unsigned nimages;
	const char *version, *compatible;
	const char *processor; /* or NULL */
	uint64_t sequence, floor;
	const struct key_file *key;		/* NULL: not signed */
	void (*twist)(struct fixture_chunk *c); /* or NULL */
	bool lies;				/* payload-digest= is another's */
	bool misnamed;				/* digest= of image 0 is another's */
	uint32_t per_frame; /* chunks that share a frame, which refers back; 0: each is alone */
	uint32_t raw_each;  /* chunks of which the first is not compressed; 0: all are */
	/* An older image 0, of its size: what both have in one place, the delta from it copies.
	 * NULL: there is no delta. */
	const uint8_t *seed;
	bool seed_only; /* image 0 is there as a delta, and not whole */
};

/* Bytes that zstd has something to do with, and none of which is 0. */
static inline void fixture_fill(uint8_t *p, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245u + 12345u;
		p[i] = (uint8_t)(seed >> 24 & 0x1f) + 1;
	}
}

/* Two slots that are good, both with an older release. */
static inline void fixture_good_slots(struct state *s)
{
	state_init(s, 2);
	for (unsigned i = 0; i < 2; i++) {
		s->slot[i].st = STATE_GOOD;
		s->slot[i].ever_good = s->slot[i].has_release = true;
		s->slot[i].sequence = 1;
		state_set_text(s->slot[i].version, "1.0");
		memset(s->slot[i].release, 0x11, STATE_ID_LEN);
	}
	s->last = 0;
}

static inline void fixture_ok(enum kb_err err)
{
	if (err != KB_OK) {
		fprintf(stderr, "fixture: %s\n", err_text(err));
		abort();
	}
}

static inline void fixture_append(int fd, const void *p, size_t len)
{
	if (write(fd, p, len) != (ssize_t)len)
		abort();
}

static inline bool fixture_zero(const uint8_t *p, size_t len)
{
	return p == NULL || bytes_all(p, len, 0);
}

/* The next chunk of frames that refer to what was before. */
static inline void fixture_share(struct fixture_chunk *c, uint32_t per_frame, const uint8_t *p)
{
	static uint8_t text[32u << 20];
	static size_t len;
	static uint32_t n, index;
	static unsigned image;
	static ZSTD_CCtx *z;

	if (c->image != image || c->index < index) /* another text */
		len = n = 0;
	image = c->image;
	index = c->index;
	c->form = n % per_frame == 0 ? READER_ZSTD : READER_ZSTD_NEXT;
	if (c->form == READER_ZSTD) {
		size_t before = len < MANIFEST_HISTORY ? len : MANIFEST_HISTORY;

		ZSTD_freeCCtx(z);
		z = frame_begin(text + len - before, before);
	}
	c->nstored = frame_put(z, c->stored, sizeof(c->stored), p, c->len);
	if (len + c->len > sizeof(text))
		abort();
	memcpy(text + len, p, c->len);
	len += c->len;
	n++;
}

/* The chunk as the older image has it in the same place. False: it has another one there. */
static inline bool fixture_copy(struct fixture_chunk *c, const uint8_t *p, const uint8_t *seed)
{
	static struct patch d;

	if (seed == NULL || memcmp(seed, p, c->len) != 0)
		return false;
	d.commands.n = 0;
	patch_seed(&d, c->len, 0);
	c->form = READER_COPY;
	c->nstored = (uint32_t)d.commands.n;
	memcpy(c->stored, d.commands.p, d.commands.n);
	return true;
}

/* seed: NULL but for a delta. */
static inline void fixture_store(struct fixture_chunk *c, const struct fixture_image *im,
				 const struct fixture_bundle *b, struct digest *d,
				 const uint8_t *seed)
{
	static const uint8_t zeroes[MANIFEST_CHUNK_MAX];
	const uint8_t *p = im->data != NULL ? im->data + (uint64_t)c->index * im->chunk : NULL;
	bool raw = b->raw_each > 0 && c->index % b->raw_each == 0;

	if (fixture_zero(p, c->len)) {
		static uint32_t known;
		static uint8_t hash[DIGEST_LEN];

		if (known != c->len)
			fixture_ok(digest_buf(d, zeroes, c->len, hash));
		known = c->len;
		memcpy(c->hash, hash, sizeof(hash));
		c->form = READER_ZERO;
		c->nstored = 0;
		return;
	}
	fixture_ok(digest_buf(d, p, c->len, c->hash));
	if (fixture_copy(c, p, seed != NULL ? seed + (uint64_t)c->index * im->chunk : NULL))
		return;
	raw |= im->raw;
	c->form = raw ? READER_RAW : READER_ZSTD;
	c->nstored = c->len;
	if (raw)
		memcpy(c->stored, p, c->len);
	else if (b->per_frame > 0)
		fixture_share(c, b->per_frame, p);
	else
		c->nstored = frame_make(c->stored, sizeof(c->stored), p, c->len);
}

/* What digest= says of an image. */
static inline void fixture_digest(struct digest *d, const struct fixture_image *im,
				  uint8_t out[DIGEST_LEN])
{
	static const uint8_t zeroes[MANIFEST_DIGEST_BLOCK];
	struct digest whole;
	uint8_t hash[DIGEST_LEN];
	uint64_t len;

	fixture_ok(digest_init(&whole));
	fixture_ok(digest_begin(&whole));
	for (uint64_t at = 0; at < im->size; at += len) {
		len = im->size - at < MANIFEST_DIGEST_BLOCK ? im->size - at : MANIFEST_DIGEST_BLOCK;
		if (im->data != NULL || at == 0 || len < MANIFEST_DIGEST_BLOCK)
			fixture_ok(digest_buf(d, im->data != NULL ? im->data + at : zeroes, len,
					      hash));
		fixture_ok(digest_add(&whole, hash, sizeof(hash)));
	}
	fixture_ok(digest_end(&whole, out));
	digest_free(&whole);
}

/* The encoding is a delta from this older image. */
static inline void fixture_seed(struct digest *d, struct manifest_encoding *e,
				const struct fixture_image *im, const uint8_t *seed)
{
	const struct fixture_image older = { im->name, seed, im->size, im->chunk, im->raw };

	e->kind = MANIFEST_ENC_SEED;
	e->forms |= MANIFEST_FORM(READER_COPY);
	fixture_digest(d, &older, e->seed);
	snprintf(e->seed_version, sizeof(e->seed_version), "1.0");
}

static inline void fixture_append_table(int fd, struct bundle_table *t)
{
	fixture_append(fd, t->list, (size_t)t->npages * DIGEST_LEN);
	fixture_append(fd, t->pages, t->len);
	bundle_table_free(t);
}

/* A memfd with the whole bundle. */
static inline int fixture_make(const struct fixture_bundle *b)
{
	static struct manifest m;
	static struct fixture_chunk c;
	struct bundle_table hashes[MANIFEST_IMAGES_MAX], records[MANIFEST_IMAGES_MAX + 1];
	int out = memfd_create("bundle", MFD_CLOEXEC), spool = memfd_create("spool", MFD_CLOEXEC);
	uint64_t tables = 0, payload = 0;
	bool both = b->seed != NULL && !b->seed_only; /* of image 0 */
	struct reader_header h = { .sig_cap = 512 };
	uint8_t header[READER_HEADER_LEN], sig[512] = { 0 };
	static char text[MANIFEST_MAX];
	struct payload_digest stored;
	struct digest d;
	size_t len;

	memset(&m, 0, sizeof(m));
	memset(hashes, 0, sizeof(hashes));
	memset(records, 0, sizeof(records));
	fixture_ok(digest_init(&d));
	fixture_ok(payload_digest_init(&stored));
	m.format_major = 1;
	m.ncompatible = 1;
	snprintf(m.compatible[0], sizeof(m.compatible[0]), "%s",
		 b->compatible != NULL ? b->compatible : "box");
	if (b->processor != NULL)
		snprintf(m.processor[m.nprocessors++], sizeof(m.processor[0]), "%s", b->processor);
	snprintf(m.version, sizeof(m.version), "%s", b->version);
	m.sequence = b->sequence;
	m.floor = b->floor;
	m.nimages = b->nimages;
	m.nencodings = b->nimages + both;
	for (unsigned e = 0; e < m.nencodings; e++) {
		unsigned i = both && e > 0 ? e - 1 : e;
		const struct fixture_image *im = &b->image[i];
		struct manifest_image *mi = &m.image[i];
		struct manifest_encoding *me = &m.encoding[e];
		bool first = !both || e != 1; /* of its image; the delta is the second */
		const uint8_t *seed = (b->seed_only && e == 0) || !first ? b->seed : NULL;
		uint64_t at = 0;

		snprintf(mi->name, sizeof(mi->name), "%s", im->name);
		mi->size = im->size;
		mi->chunk = im->chunk;
		fixture_digest(&d, im, mi->digest);
		mi->digest[0] ^= b->misnamed && i == 0 && first;
		me->image = i;
		me->kind = MANIFEST_ENC_FULL;
		me->forms = MANIFEST_FORMS_FULL;
		if (seed != NULL)
			fixture_seed(&d, me, im, seed);
		fixture_ok(payload_digest_begin(&stored));
		for (uint32_t n = 0; n < manifest_chunks(mi); n++) {
			c.image = i;
			c.index = n;
			c.len = manifest_chunk_len(mi, n);
			fixture_store(&c, im, b, &d, seed);
			if (b->twist != NULL)
				b->twist(&c);
			fixture_append(spool, c.stored, c.nstored);
			fixture_ok(payload_digest_add(&stored, c.stored, c.nstored));
			if (first)
				fixture_ok(bundle_table_hash(&hashes[i], c.hash));
			fixture_ok(bundle_table_record(&records[e], n, at, c.form, c.nstored));
			at += c.nstored;
		}
		if (first) {
			fixture_ok(bundle_table_end(&hashes[i], &d, &mi->hashes));
			mi->hashes.off = tables;
			tables += mi->hashes.len;
		}
		fixture_ok(bundle_table_end(&records[e], &d, &me->table));
		me->table.off = tables;
		tables += me->table.len;
		me->payload_off = payload;
		me->payload_len = at;
		fixture_ok(payload_digest_end(&stored, me->payload_digest));
		me->payload_digest[0] ^= b->lies;
		payload += at;
	}
	fixture_ok(manifest_write(&m, text, sizeof(text), &len));
	h.manifest_len = (uint32_t)len;
	h.manifest_off = READER_HEADER_LEN + h.sig_cap;
	h.tables_off = h.manifest_off + len;
	h.tables_len = tables;
	h.payload_off = h.tables_off + tables;
	h.payload_len = payload;
	h.total_len = h.payload_off + payload;
	fixture_ok(digest_buf(&d, text, len, h.manifest_digest));
	reader_header_write(&h, header);
	if (b->key != NULL)
		fixture_ok(key_file_sign(b->key, header, sig, sizeof(sig)));
	fixture_append(out, header, sizeof(header));
	fixture_append(out, sig, sizeof(sig));
	fixture_append(out, text, len);
	for (unsigned e = 0; e < m.nencodings; e++) {
		if (!both || e != 1)
			fixture_append_table(out, &hashes[both && e > 0 ? e - 1 : e]);
		fixture_append_table(out, &records[e]);
	}
	for (uint64_t at = 0; at < payload;) {
		static uint8_t buf[65536];
		ssize_t n = pread(spool, buf, sizeof(buf), (off_t)at);

		if (n <= 0)
			abort();
		fixture_append(out, buf, (size_t)n);
		at += (uint64_t)n;
	}
	close(spool);
	payload_digest_free(&stored);
	digest_free(&d);
	return out;
}

/* A bundle of root alone, version 2.0. */
static inline int fixture_root(const uint8_t *data, uint64_t size, uint32_t chunk, bool raw)
{
	const struct fixture_image im = { "root", data, size, chunk, raw };
	const struct fixture_bundle b = {
		.image = &im, .nimages = 1, .version = "2.0", .sequence = 2
	};

	return fixture_make(&b);
}

/* Opens it instead of the one that was open; -1: none. */
static inline void fixture_open(struct reader *r, int *bundle, int next)
{
	if (*bundle >= 0) {
		reader_close(r);
		close(*bundle);
	}
	*bundle = next;
	fixture_ok(reader_open(r, next, false, (uint64_t)lseek(next, 0, SEEK_END), NULL));
}

static inline void fixture_flip(int fd, uint64_t off)
{
	uint8_t b;

	if (pread(fd, &b, 1, (off_t)off) != 1)
		abort();
	b ^= 0x40;
	if (pwrite(fd, &b, 1, (off_t)off) != 1)
		abort();
}

/* ---------------------------------------------------------------- a device that notes */

enum fixture_op { FIXTURE_WRITE, FIXTURE_ZERO, FIXTURE_DISCARD, FIXTURE_FLUSH };

struct fixture_event {
	unsigned dev;
	enum fixture_op op;
	uint64_t off, len;
	bool zero; /* all bytes of it */
};

#define FIXTURE_EVENTS 8192

struct fixture_log {
	unsigned n;
	struct fixture_event e[FIXTURE_EVENTS];
	unsigned cut_at; /* after so many events the power is gone for all devices; 0: never */
	bool off;
	uint64_t redundant; /* bytes written to a slot that were there already */
};

struct fixture_dev {
	struct bdev bdev;
	struct cut_disk sim;
	struct fixture_log *log;
	unsigned id;
	uint64_t lie_off, lie_len;   /* writes that begin there are lost, and said to be fine */
	uint64_t dead_off, dead_len; /* reads fail until it is written */
	uint64_t nread;		     /* bytes */
	bool no_writes;		     /* KB_EIO */
};

static inline struct fixture_dev *fixture_self(struct bdev *b)
{
	return (struct fixture_dev *)(void *)b;
}

static inline bool fixture_note(struct fixture_dev *d, enum fixture_op op, uint64_t off,
				uint64_t len, bool zero)
{
	struct fixture_log *l = d->log;

	if (l->off)
		return false;
	if (l->n < FIXTURE_EVENTS)
		l->e[l->n] = (struct fixture_event){ d->id, op, off, len, zero };
	l->n++;
	if (l->cut_at != 0 && l->n == l->cut_at)
		l->off = true; /* this one is still issued */
	return true;
}

static inline bool fixture_hit(uint64_t off, uint64_t len, uint64_t from, uint64_t n)
{
	return n > 0 && off < from + n && from < off + len;
}

static inline enum kb_err fixture_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct fixture_dev *d = fixture_self(b);

	if (d->log->off || fixture_hit(off, len, d->dead_off, d->dead_len))
		return KB_EIO;
	d->nread += len;
	return bdev_read(&d->sim.bdev, off, buf, len);
}

static inline void fixture_compare(struct fixture_dev *d, uint64_t off, const uint8_t *p,
				   size_t len)
{
	static uint8_t is[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

	for (size_t i = 0; i < len; i += BDEV_ALIGN)
		if (bdev_read(&d->sim.bdev, off + i, is, BDEV_ALIGN) == KB_OK &&
		    memcmp(is, p + i, BDEV_ALIGN) == 0)
			d->log->redundant += BDEV_ALIGN;
}

static inline enum kb_err fixture_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	struct fixture_dev *d = fixture_self(b);

	if (d->no_writes)
		return KB_EIO;
	if (d->id != 0)
		fixture_compare(d, off, buf, len);
	if (!fixture_note(d, FIXTURE_WRITE, off, len, bytes_all(buf, len, 0)))
		return KB_EIO;
	if (fixture_hit(off, len, d->dead_off, d->dead_len))
		d->dead_len = 0;
	if (fixture_hit(off, len, d->lie_off, d->lie_len))
		return KB_OK;
	return bdev_write(&d->sim.bdev, off, buf, len);
}

static inline enum kb_err fixture_zero_op(struct bdev *b, uint64_t off, uint64_t len)
{
	struct fixture_dev *d = fixture_self(b);

	if (d->no_writes || !fixture_note(d, FIXTURE_ZERO, off, len, true))
		return KB_EIO;
	return bdev_zero(&d->sim.bdev, off, len);
}

static inline enum kb_err fixture_discard(struct bdev *b, uint64_t off, uint64_t len)
{
	struct fixture_dev *d = fixture_self(b);

	if (d->no_writes || !fixture_note(d, FIXTURE_DISCARD, off, len, false))
		return KB_EIO;
	return bdev_discard(&d->sim.bdev, off, len);
}

static inline enum kb_err fixture_flush(struct bdev *b)
{
	struct fixture_dev *d = fixture_self(b);

	if (!fixture_note(d, FIXTURE_FLUSH, 0, 0, false))
		return KB_EIO;
	return bdev_flush(&d->sim.bdev);
}

static const struct bdev_ops fixture_ops = {
	.read = fixture_read,
	.write = fixture_write,
	.flush = fixture_flush,
	.discard = fixture_discard,
	.zero = fixture_zero_op,
};

static inline void fixture_dev_init(struct fixture_dev *d, struct fixture_log *l, unsigned id,
				    uint64_t size)
{
	memset(d, 0, sizeof(*d));
	bdev_sim_init(&d->sim, size);
	d->bdev = (struct bdev){ .ops = &fixture_ops, .size = size, .sector = 512 };
	d->log = l;
	d->id = id;
}

/* Writes that reached a device, of any kind but flushes. */
static inline unsigned fixture_writes(const struct fixture_log *l, unsigned dev)
{
	unsigned n = 0;

	for (unsigned i = 0; i < l->n && i < FIXTURE_EVENTS; i++)
		n += l->e[i].dev == dev && l->e[i].op != FIXTURE_FLUSH;
	return n;
}
