/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder/decoder_frame.h"

#include "lib/bytes.h"

#define MAGIC 0xfd2fb528u

bool decoder_frame_is_head(const uint8_t *src, size_t stored, uint8_t window)
{
	return stored > DECODER_FRAME_HEAD && bytes_get32(src) == MAGIC && src[4] == 0 &&
	       src[5] <= window;
}
