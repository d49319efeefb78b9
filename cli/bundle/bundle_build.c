/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_build.h"

#include "cli/bundle/bundle_encode.h"
#include "cli/bundle/bundle_image.h"
#include "cli/bundle/bundle_old.h"
#include "cli/bundle/bundle_output.h"
#include "cli/bundle/bundle_progress.h"
#include "cli/key/key_file.h"
#include "cli/key/key_token.h"
#include "cli/output/output.h"
#include "lib/log.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SAVES_LEAST 25u /* zstd is worth its while if it saves one byte of so many */

struct build {
	struct bundle_spec *s;
	struct bundle_source source[MANIFEST_IMAGES_MAX];
	struct bundle_encode enc[MANIFEST_IMAGES_MAX];
	/* of each encoding of the manifest, all tables that are there */
	struct bundle_table records[MANIFEST_ENCODINGS_MAX];
	struct key_file key[BUNDLE_SPEC_KEYS];
	unsigned nsources, nkeys;
	int spool;
	struct bundle_output out;
	struct digest digest;
	struct bundle_progress progress;
	/* the images are encoded a second time */
	bool again;
	char text[MANIFEST_MAX];
	size_t text_len;
	uint8_t header[READER_HEADER_LEN];
	uint8_t sig[READER_SIG_CAP_MAX];
	struct reader check;
};

/* ---------------------------------------------------------------- before */

static enum kb_err write_manifest_text(struct build *b)
{
	if (manifest_write(&b->s->m, b->text, sizeof(b->text), &b->text_len) == KB_OK)
		return KB_OK;
	log_err("manifest: a line is longer than %u characters; shorten compatible",
		MANIFEST_LINE_MAX);
	return KB_ENOSPC;
}

/* Everything that can go wrong early does, before minutes of compressing. */
static enum kb_err prepare_image(struct build *b)
{
	struct bundle_spec *s = b->s;
	uint64_t total = 0;

	for (; b->nkeys < s->nkeys; b->nkeys++)
		TRY(key_file_load(&b->key[b->nkeys], s->key[b->nkeys]));
	for (unsigned i = 0; i < s->m.nimages; i++) {
		TRY(bundle_image_open(s, i, &b->source[i]));
		b->nsources++;
		total += b->source[i].size;
	}
	if (s->threads == 0) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);

		s->threads = n < 1 ? 1 : (unsigned)n;
	}
	TRY(bundle_old_check(s));
	TRY(write_manifest_text(b));
	TRY(digest_init(&b->digest));
	TRY(bundle_output_begin(&b->out, s->output));
	bundle_progress_begin(&b->progress, "creating", total * (1 + s->nfrom));
	return bundle_output_spool(s->output, &b->spool);
}

/* ---------------------------------------------------------------- images */

/* The next encoding of the manifest, once its payload is there. It takes the records. */
static enum kb_err add_encoding(struct build *b, unsigned image, struct bundle_table *records,
				unsigned forms, uint64_t payload_len,
				const uint8_t payload_digest[DIGEST_LEN])
{
	struct manifest *m = &b->s->m;
	struct manifest_encoding *me = &m->encoding[m->nencodings];

	b->records[m->nencodings++] = *records;
	*records = (struct bundle_table){ 0 };
	me->image = image;
	me->kind = MANIFEST_ENC_FULL;
	me->forms = forms;
	me->payload_len = payload_len;
	memcpy(me->payload_digest, payload_digest, DIGEST_LEN);
	return bundle_table_end(&b->records[m->nencodings - 1], &b->digest, &me->table);
}

/* What was read anew. */
static enum kb_err check_same(const struct build *b, unsigned i, const uint8_t digest[DIGEST_LEN])
{
	if (memcmp(b->s->m.image[i].digest, digest, DIGEST_LEN) == 0)
		return KB_OK;
	log_err("image %s: changed while it was read", b->source[i].path);
	return KB_EIO;
}

/* The hashes of an image, and, unless there are to be deltas only, all of it. */
static enum kb_err encode_image(struct build *b, unsigned i)
{
	struct bundle_spec *s = b->s;
	struct bundle_encode *e = &b->enc[i];
	struct manifest_image *im = &s->m.image[i];

	e->source = &b->source[i];
	e->chunk = s->chunk;
	e->compress = s->compress && s->full;
	e->level = s->level;
	e->frame = s->frame;
	e->threads = s->threads;
	e->payload_fd = s->full ? b->spool : -1;
	e->progress = b->again ? NULL : bundle_progress_image; /* it was all done once */
	e->ctx = &b->progress;
	TRY(bundle_encode_run(e));
	b->progress.before += im->size;
	if (b->again)
		TRY(check_same(b, i, e->digest));
	memcpy(im->digest, e->digest, DIGEST_LEN);
	TRY(bundle_table_end(&e->hashes, &b->digest, &im->hashes));
	if (!s->full)
		return KB_OK;
	return add_encoding(b, i, &e->records, e->forms, e->payload_len, e->payload_digest);
}

static enum kb_err encode_delta(struct build *b, unsigned i, struct bundle_seed *seed, int fd,
				const char *version, struct bundle_way *ways)
{
	struct bundle_delta d = {
		.source = &b->source[i],
		.chunk = b->s->chunk,
		.threads = b->s->threads,
		.payload_fd = b->spool,
		.progress = bundle_progress_image,
		.ctx = &b->progress,
	};
	struct manifest_encoding *me = &b->s->m.encoding[b->s->m.nencodings];
	enum kb_err err;

	err = bundle_way_run(&d, seed, fd, b->s->recompress ? b->s->output : NULL,
			     &ways[b->s->m.nencodings]);
	if (err == KB_OK)
		err = check_same(b, i, d.digest);
	if (err == KB_OK)
		err = add_encoding(b, i, &d.records, d.forms, d.payload_len, d.payload_digest);
	bundle_table_free(&d.records);
	TRY(err);
	me->kind = MANIFEST_ENC_SEED;
	memcpy(me->seed, seed->digest, DIGEST_LEN);
	memcpy(me->seed_version, version, sizeof(me->seed_version));
	return KB_OK;
}

static enum kb_err delta_from(struct build *b, unsigned i, const struct bundle_spec_from *f,
			      struct bundle_way *ways)
{
	struct manifest *m = &b->s->m;
	char version[MANIFEST_STR_MAX + 1];
	struct bundle_seed seed = { .size = 0 };
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err;

	err = bundle_old_open(f, m->image[i].name, m->nimages == 1, b->s->output, &fd, version);
	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	err = bundle_seed_open(&seed, fd);
	if (err != KB_OK)
		log_err("--from %s: %s", f->file, err_text(err));
	else
		err = encode_delta(b, i, &seed, fd, version, ways);
	if (err == KB_OK && (err = bundle_seed_check(&seed)) != KB_OK)
		log_err("--from %s: changed while the delta was made from it", f->file);
	bundle_seed_close(&seed);
	b->progress.before += m->image[i].size;
	return err;
}

static enum kb_err encode_with_deltas(struct build *b, unsigned i, struct bundle_way *ways)
{
	unsigned before = b->s->m.nencodings;

	TRY(encode_image(b, i));
	for (unsigned k = 0; k < b->s->nfrom; k++)
		TRY(delta_from(b, i, &b->s->from[k], ways));
	if (b->s->m.nencodings > before)
		return KB_OK;
	log_err("image %s: no --from has an older one, so --full no leaves nothing",
		b->s->m.image[i].name);
	return KB_EINVAL;
}

/* Of a compressed kernel, or a squashfs, zstd leaves nearly all. If it does so of each image, and
 * no delta wants the decoder either, raw images save its memory: more than half of an install's. */
static bool is_zstd_in_vain(const struct build *b)
{
	const struct bundle_spec *s = b->s;

	if (!s->compress || s->compress_always || !s->full || s->m.nencodings > s->m.nimages)
		return false;
	for (unsigned i = 0; i < s->m.nimages; i++)
		if (b->enc[i].payload_len < b->enc[i].plain_len - b->enc[i].plain_len / SAVES_LEAST)
			return false;
	return true;
}

/* All images anew. What was appended, and noted of it, is gone; but the digests are compared. */
static enum kb_err encode_raw(struct build *b)
{
	struct manifest *m = &b->s->m;

	TRY(bundle_output_cut(b->spool, 0));
	b->s->compress = false;
	b->again = true;
	while (m->nencodings > 0)
		bundle_table_free(&b->records[--m->nencodings]);
	for (unsigned i = 0; i < m->nimages; i++) {
		bundle_table_free(&b->enc[i].hashes);
		b->enc[i] = (struct bundle_encode){ .chunk = 0 };
		TRY(encode_image(b, i));
	}
	return KB_OK;
}

static enum kb_err encode_all(struct build *b, struct bundle_way *ways)
{
	for (unsigned i = 0; i < b->s->m.nimages; i++)
		TRY(encode_with_deltas(b, i, ways));
	return is_zstd_in_vain(b) ? encode_raw(b) : KB_OK;
}

/* Tables image by image, payloads likewise. */
static void place_parts(struct manifest *m)
{
	uint64_t tables = 0, payload = 0;
	unsigned e = 0;

	for (unsigned i = 0; i < m->nimages; i++) {
		m->image[i].hashes.off = tables;
		tables += m->image[i].hashes.len;
		for (; e < m->nencodings && m->encoding[e].image == i; e++) {
			m->encoding[e].table.off = tables;
			tables += m->encoding[e].table.len;
			m->encoding[e].payload_off = payload;
			payload += m->encoding[e].payload_len;
		}
	}
}

/* ---------------------------------------------------------------- the file */

static enum kb_err make_manifest(struct build *b)
{
	struct manifest *m = &b->s->m;
	static struct manifest again;
	char why[160];

	place_parts(m);
	TRY(write_manifest_text(b));
	/* What a device would refuse is found here, not there. */
	if (manifest_parse(&again, b->text, b->text_len, why, sizeof(why)) != KB_OK) {
		log_err("%s", why);
		return KB_EINVAL;
	}
	return KB_OK;
}

static enum kb_err make_header(struct build *b)
{
	struct reader_header h = { .sig_cap = b->s->sig_cap,
				   .manifest_len = (uint32_t)b->text_len };

	h.manifest_off = READER_HEADER_LEN + (uint64_t)h.sig_cap;
	h.tables_off = h.manifest_off + h.manifest_len;
	h.tables_len = manifest_tables_len(&b->s->m);
	h.payload_off = h.tables_off + h.tables_len;
	h.payload_len = manifest_payload_len(&b->s->m);
	h.total_len = h.payload_off + h.payload_len;
	TRY(digest_buf(&b->digest, b->text, b->text_len, h.manifest_digest));
	reader_header_write(&h, b->header);
	return KB_OK;
}

static enum kb_err sign_bundle(struct build *b)
{
	for (unsigned i = 0; i < b->nkeys; i++) {
		enum kb_err err = key_file_sign(&b->key[i], b->header, b->sig, b->s->sig_cap);

		if (err == KB_ENOSPC)
			log_err("the signatures do not fit; use a larger --sig-capacity");
		else if (err != KB_OK)
			log_err("unable to sign with %s: %s", key_token_shown(b->s->key[i]),
				err_text(err));
		TRY(err);
	}
	return KB_OK;
}

static enum kb_err put_table(struct build *b, const struct bundle_table *t)
{
	TRY(bundle_output_write(&b->out, t->list, (size_t)t->npages * DIGEST_LEN));
	return bundle_output_write(&b->out, t->pages, t->len);
}

static enum kb_err put_all(struct build *b)
{
	const struct manifest *m = &b->s->m;

	TRY(bundle_output_write(&b->out, b->header, sizeof(b->header)));
	TRY(bundle_output_write(&b->out, b->sig, b->s->sig_cap));
	TRY(bundle_output_write(&b->out, b->text, b->text_len));
	for (unsigned i = 0, e = 0; i < m->nimages; i++) {
		TRY(put_table(b, &b->enc[i].hashes));
		for (; e < m->nencodings && m->encoding[e].image == i; e++)
			TRY(put_table(b, &b->records[e]));
	}
	return bundle_output_copy(&b->out, b->spool, 0, manifest_payload_len(m));
}

/* Reads it back as a device would, before it gets its name. */
static enum kb_err read_back_bundle(struct build *b, struct bundle_build_result *result)
{
	off_t size = lseek(b->out.fd, 0, SEEK_END);
	const struct keyring *k = b->nkeys > 0 ? &b->key[0].ring : NULL;

	if (size < 0 || reader_open(&b->check, b->out.fd, false, (uint64_t)size, k) != KB_OK) {
		log_err("%s: reading it back failed: %s", b->out.tmp, b->check.why);
		return KB_EIO;
	}
	memcpy(result->release, b->check.release.id, DIGEST_LEN);
	result->bundle_len = (uint64_t)size;
	result->replaced = b->out.replaces;
	result->signatures = key_file_count(b->key, b->nkeys);
	reader_close(&b->check);
	return KB_OK;
}

static enum kb_err build_all(struct build *b, struct bundle_build_result *result)
{
	struct manifest *m = &b->s->m;

	TRY(prepare_image(b));
	output_time(m->created, output_now(), true);
	TRY(encode_all(b, result->way));
	for (unsigned i = 0; i < m->nimages; i++)
		result->images_len += m->image[i].size;
	TRY(make_manifest(b));
	TRY(make_header(b));
	TRY(sign_bundle(b));
	TRY(put_all(b));
	TRY(read_back_bundle(b, result));
	return bundle_output_commit(&b->out);
}

enum kb_err bundle_build(struct bundle_spec *s, struct bundle_build_result *result)
{
	static struct build b;
	enum kb_err err;

	memset(&b, 0, sizeof(b));
	memset(result, 0, sizeof(*result));
	b.s = s;
	b.spool = b.out.fd = -1;
	err = build_all(&b, result);
	bundle_progress_end(&b.progress);
	bundle_output_abort(&b.out);
	util_close(&b.spool);
	digest_free(&b.digest);
	for (unsigned i = 0; i < b.nsources; i++)
		bundle_source_close(&b.source[i]);
	for (unsigned i = 0; i < s->m.nimages; i++) {
		bundle_table_free(&b.enc[i].hashes);
		bundle_table_free(&b.enc[i].records);
	}
	for (unsigned i = 0; i < s->m.nencodings; i++)
		bundle_table_free(&b.records[i]);
	for (unsigned i = 0; i < b.nkeys; i++)
		key_file_free(&b.key[i]);
	return err;
}
