/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds of a manifest: also for what never parses one, and checks what another process says.
 */
#pragma once

#define MANIFEST_MAX		65536u /* bytes of text */
#define MANIFEST_IMAGES_MAX	4u
#define MANIFEST_ENCODINGS_MAX	16u
#define MANIFEST_COMPATIBLE_MAX 8u
#define MANIFEST_PROCESSORS_MAX MANIFEST_COMPATIBLE_MAX
#define MANIFEST_STR_MAX	48u  /* names and versions */
#define MANIFEST_IMAGE_NAME_MAX 31u  /* as a class in system.conf */
#define MANIFEST_LINE_MAX	189u /* bytes of a line, without its end: any INI reader takes it */
#define MANIFEST_DESC_MAX	160u
#define MANIFEST_CHUNK_MIN	(16u << 10)
#define MANIFEST_CHUNK_MAX	(1u << 20)
#define MANIFEST_CHUNK_DEFAULT	(256u << 10)
/*
 * Of the plain bytes of zstd chunks: a frame holds so many, and reaches back to so many before it.
 * The decoder has both in memory.
 */
#define MANIFEST_FRAME_MAX	(4u << 20)
#define MANIFEST_HISTORY	(4u << 20)
/*
 * An image is named by the SHA-256 of the SHA-256s of its blocks of this size (the last may be
 * shorter). It does not depend on the chunk size, and holes of gigabytes cost next to nothing.
 */
#define MANIFEST_DIGEST_BLOCK	(16u << 10)
#define MANIFEST_CHUNKS_MAX \
	(1u << 22) /* of one image, so that its list of page digests fits 64 KiB */

/* What dm-verity takes on every kernel and board; the disk has a word, too:
 * manifest_verity_block(). */
#define MANIFEST_VERITY_BLOCK_MIN 512u
#define MANIFEST_VERITY_BLOCK_MAX 4096u
