/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of remade chunks, as docs/FORMAT.md has them. */
#pragma once

/* The low bits of a piece; its length stands above them. */
enum remake_type {
	REMAKE_AS_IS = 0, /* bytes of the chunk */
	REMAKE_BLOCK = 1, /* text of a block, of which the chunk has some compressed bytes */
	REMAKE_FILL = 2	  /* text of blocks that are filled, each to a fixed length: LZ4 only */
};

#define REMAKE_TYPE_MASK 3u
#define REMAKE_LEN_SHIFT 2u

/* bytes: of a block, plain or compressed; of all unpacked blocks of the seed that a chunk refers
 * to; of the text of all its blocks; of its streams */
#define REMAKE_BLOCK_MAX   (1u << 20)
#define REMAKE_VIEW_MAX	   (4u << 20)
#define REMAKE_TEXT_MAX	   (8u << 20)
#define REMAKE_STREAMS_MAX (2u << 20)

/* LZ4 works in another way where 64 KiB of text or more are left: with how plus this, so many
 * zeroes stand behind it. */
#define REMAKE_LZ4_LONG	  16u
#define REMAKE_LZ4_LENGTH (128u << 10)

/* What a compressor may take. */
#define REMAKE_MEMORY (6u << 20)
