/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of barebox's state, as its raw format has it on a disk; numbers are in the order of the
 * processor:
 *
 *	At 0: magic of a copy.
 *	At 4: how many bytes follow behind 8.
 *	At 8: magic of this state.
 *	At 14: length of the variables, in 2 bytes.
 *	At 16: CRC-32 of the variables.
 *	At 20: CRC-32 of the 12 bytes from 8 on.
 *	At 24: the variables.
 *
 * barebox takes the first copy that is sound, and makes the others like it. PURE.
 */
#pragma once

#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

#define LOADER_BBCOPY_HEAD 24u	 /* bytes before the variables */
#define LOADER_BBCOPY_MAX  4096u /* bytes of a copy: barebox allows more, and nobody needs them */

enum loader_bbcopy_is {
	LOADER_BBCOPY_DAMAGED, /* barebox goes past it, and so do we */
	LOADER_BBCOPY_SOUND,
	/* barebox believes it, or may; and Keelboot does not write such: */
	LOADER_BBCOPY_OLD,    /* without the first 8 bytes */
	LOADER_BBCOPY_SIGNED, /* something follows the variables: an HMAC */
};

/* What data, of one stride, is for a state with this magic. Of one that is sound, *len gets the
 * bytes of its variables. */
enum loader_bbcopy_is loader_bbcopy_look(const uint8_t *data, size_t size, uint32_t magic,
					 size_t *len);

/* Makes the checksums right for variables that were changed. */
void loader_bbcopy_seal(uint8_t *data, size_t len);

/* Numbers in the order of the processor: as barebox has them there. */
uint32_t loader_bbcopy_get(const uint8_t *p);
void loader_bbcopy_put(uint8_t *p, uint32_t value);
