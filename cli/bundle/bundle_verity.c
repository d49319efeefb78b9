/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_verity.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "update/crypto/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK	   BUNDLE_VERITY_BLOCK
#define PER_BLOCK  (BLOCK / DIGEST_LEN)
#define LEVELS_MAX 10
#define READ_LEN   (1u << 20)

struct tree {
	struct bundle_source *source;
	struct manifest_verity *v;
	struct digest digest;
	/* blocks */
	uint64_t ndata;
	unsigned nlevels;
	/* of each level; 0 is the one over the data */
	uint64_t nblocks[LEVELS_MAX];
	/* where each begins in the tree, in blocks */
	uint64_t first[LEVELS_MAX];
	uint64_t total;
	uint8_t *bytes;
	/* hash of a block of zeroes: holes cost nothing */
	uint8_t zero[DIGEST_LEN];
};

static enum kb_err hash_blocks(struct tree *t, const uint8_t *block, uint8_t out[DIGEST_LEN])
{
	TRY(digest_begin(&t->digest));
	TRY(digest_add(&t->digest, t->v->salt, t->v->salt_len));
	TRY(digest_add(&t->digest, block, BLOCK));
	return digest_end(&t->digest, out);
}

static enum kb_err lay_out_levels(struct tree *t)
{
	uint64_t n = t->ndata;

	while (n > 1 && t->nlevels < LEVELS_MAX) {
		n = (n + PER_BLOCK - 1) / PER_BLOCK;
		t->nblocks[t->nlevels++] = n;
	}
	for (unsigned i = t->nlevels; i > 0; i--) {
		t->first[i - 1] = t->total;
		t->total += t->nblocks[i - 1];
	}
	if (t->nlevels == 0 || n != 1)
		return KB_EINVAL;
	/* bound: a 127th of the image, whose size has passed check_size() of bundle_build.c */
	t->bytes = calloc((size_t)t->total, BLOCK);
	return t->bytes != NULL ? KB_OK : KB_ENOMEM;
}

static uint8_t *hash_level(const struct tree *t, unsigned i)
{
	return t->bytes + t->first[i] * BLOCK;
}

static enum kb_err hash_data(struct tree *t)
{
	static uint8_t buf[READ_LEN];
	uint64_t size = t->ndata * BLOCK;
	uint8_t *out = hash_level(t, 0);

	for (uint64_t at = 0; at < size; at += READ_LEN) {
		size_t len = size - at < READ_LEN ? (size_t)(size - at) : READ_LEN;
		bool hole;

		TRY(bundle_source_read(t->source, at, buf, len, &hole));
		for (size_t i = 0; i < len; i += BLOCK, out += DIGEST_LEN) {
			if (hole)
				memcpy(out, t->zero, DIGEST_LEN);
			else
				TRY(hash_blocks(t, buf + i, out));
		}
	}
	return KB_OK;
}

static enum kb_err build_tree(struct tree *t)
{
	static const uint8_t zeroes[BLOCK];

	TRY(hash_blocks(t, zeroes, t->zero));
	TRY(hash_data(t));
	for (unsigned i = 1; i < t->nlevels; i++) {
		for (uint64_t k = 0; k < t->nblocks[i - 1]; k++)
			TRY(hash_blocks(t, hash_level(t, i - 1) + k * BLOCK,
					hash_level(t, i) + k * DIGEST_LEN));
	}
	t->v->root_hash_len = DIGEST_LEN;
	return hash_blocks(t, hash_level(t, t->nlevels - 1), t->v->root_hash);
}

static enum kb_err make_salt(struct tree *t, const char *device, const char *image)
{
	char text[160];
	int len = snprintf(text, sizeof(text), "keelboot verity salt v1%c%s%c%s", 0, device, 0,
			   image);

	if (t->v->salt_len > 0)
		return KB_OK;
	t->v->salt_len = DIGEST_LEN;
	return digest_buf(&t->digest, text, (size_t)len, t->v->salt);
}

/* dm-verity gives out blocks of 4096 bytes, and ext4 asks for its own: the kernel refuses others.
 */
static enum kb_err check_image(struct tree *t)
{
	uint8_t head[BLOCK];
	bool hole;

	if (t->ndata < 2) {
		log_err("image %s: too small for --verity", t->source->path);
		return KB_EINVAL;
	}
	TRY(bundle_source_read(t->source, 0, head, sizeof(head), &hole));
	if (!hole && bytes_get16(head + 1080) == 0xef53 && bytes_get32(head + 1048) != 2) {
		log_err("image %s: ext4 with blocks of %u bytes does not mount through dm-verity; make it with `mke2fs -b 4096`",
			t->source->path, 1024u << (bytes_get32(head + 1048) & 7));
		return KB_EINVAL;
	}
	return KB_OK;
}

static enum kb_err make_tree(struct tree *t, const char *device, const char *image)
{
	TRY(digest_init(&t->digest));
	TRY(check_image(t));
	TRY(make_salt(t, device, image));
	TRY(lay_out_levels(t));
	return build_tree(t);
}

enum kb_err bundle_verity_add(struct bundle_source *s, struct manifest_image *im,
			      const char *device)
{
	struct tree t = { .source = s, .v = &im->verity, .ndata = s->size / BLOCK };
	enum kb_err err;

	if (im->verity.root_hash_len > 0) {
		log_err("image %s: --verity and verity-root-hash= are both given; remove one",
			s->path);
		return KB_EINVAL;
	}
	err = make_tree(&t, device, im->name);
	digest_free(&t.digest);
	if (err != KB_OK) {
		free(t.bytes);
		if (err == KB_ENOMEM)
			log_err("image %s: no memory for its dm-verity tree", s->path);
		return err;
	}
	im->verity.present = true;
	snprintf(im->verity.algorithm, sizeof(im->verity.algorithm), "sha256");
	im->verity.data_block = im->verity.hash_block = BLOCK;
	im->verity.tree_off = s->size;
	bundle_source_append(s, t.bytes, t.total * BLOCK);
	return KB_OK;
}
