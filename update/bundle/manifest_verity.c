/* SPDX-License-Identifier: Apache-2.0 */
/* What an image says of its dm-verity tree. */
#include "update/bundle/manifest.h"

#include <string.h>

/* Bytes of the tree over so many data blocks: none over a single one, whose hash is the root's. */
static uint64_t tree_len(const struct manifest_verity *v)
{
	uint64_t n = v->tree_off / v->data_block, blocks = 0;
	uint64_t each = v->hash_block / v->root_hash_len;

	while (n > 1) {
		n = n / each + (n % each != 0);
		blocks += n;
	}
	return blocks * v->hash_block;
}

const char *manifest_verity_check(const struct manifest_image *im)
{
	const struct manifest_verity *v = &im->verity;
	size_t want = strcmp(v->algorithm, "sha512") == 0 ? 64 : 32;

	if (!v->present)
		return NULL;
	if (v->root_hash_len == 0 || v->algorithm[0] == '\0' || v->data_block == 0 ||
	    v->hash_block == 0 || v->tree_off == 0)
		return "verity: needs root-hash, algorithm, data-block, hash-block and tree-offset";
	if (v->root_hash_len != want)
		return "verity-root-hash: not as long as a hash of verity-algorithm";
	if (v->tree_off % v->hash_block != 0 || v->tree_off % v->data_block != 0)
		return "verity-tree-offset: not a multiple of both blocks";
	if (v->tree_off >= im->size || tree_len(v) > im->size - v->tree_off)
		return "verity-tree-offset: the tree does not fit into the image";
	return NULL;
}

uint32_t manifest_verity_block(const struct manifest_image *im)
{
	const struct manifest_verity *v = &im->verity;

	if (!v->present)
		return UINT32_MAX;
	return v->data_block < v->hash_block ? v->data_block : v->hash_block;
}
