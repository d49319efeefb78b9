/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of copies and patches, as docs/FORMAT.md has them. */
#pragma once

/* The low bits of a command; its length stands above them. */
enum delta_type {
	DELTA_SEED = 1,	   /* bytes of the seed, with words added in a patch */
	DELTA_LITERAL = 2, /* bytes of the patch */
	DELTA_ZERO = 3
};

#define DELTA_TYPE_MASK	    3u
#define DELTA_LEN_SHIFT	    2u
#define DELTA_WORD	    4u	  /* bytes that are added as one number */
#define DELTA_COMMAND_BYTES 16u	  /* of a chunk, for each command that it may have */
#define DELTA_MORE	    4096u /* by so much may the streams exceed the chunk */
#define DELTA_WINDOW	    0x58u /* of a patch's zstd frame: 2 MiB */
