/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_bbcopy.h"

#include "lib/bytes.h"

#include <stdbool.h>
#include <string.h>

#define COPY_MAGIC 0x2354fdf3u
#define COPY_HEAD  8u  /* bytes of a copy's own, before the state's */
#define HEAD	   16u /* bytes of the state's, before the variables */

/* Behind the state's beginning. */
enum { AT_MAGIC = 0, AT_LEN = 6, AT_DATA_CRC = 8, AT_HEAD_CRC = 12 };

uint32_t loader_bbcopy_get(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

void loader_bbcopy_put(uint8_t *p, uint32_t value)
{
	memcpy(p, &value, sizeof(value));
}

static bool is_state(const uint8_t *state, size_t size, uint32_t magic, size_t *len)
{
	uint16_t n;

	if (size < HEAD || loader_bbcopy_get(state + AT_MAGIC) != magic ||
	    loader_bbcopy_get(state + AT_HEAD_CRC) != bytes_crc32(0, state, AT_HEAD_CRC))
		return false;
	memcpy(&n, state + AT_LEN, sizeof(n));
	*len = n;
	return n <= size - HEAD &&
	       loader_bbcopy_get(state + AT_DATA_CRC) == bytes_crc32(0, state + HEAD, n);
}

enum loader_bbcopy_is loader_bbcopy_look(const uint8_t *data, size_t size, uint32_t magic,
					 size_t *len)
{
	uint32_t written;

	*len = 0;
	if (size < LOADER_BBCOPY_HEAD)
		return LOADER_BBCOPY_DAMAGED;
	if (loader_bbcopy_get(data) != COPY_MAGIC)
		return is_state(data, size, magic, len) ? LOADER_BBCOPY_OLD : LOADER_BBCOPY_DAMAGED;
	written = loader_bbcopy_get(data + 4);
	if (!is_state(data + COPY_HEAD, size - COPY_HEAD, magic, len) || written < HEAD + *len)
		return LOADER_BBCOPY_DAMAGED;
	return written == HEAD + *len ? LOADER_BBCOPY_SOUND : LOADER_BBCOPY_SIGNED;
}

void loader_bbcopy_seal(uint8_t *data, size_t len)
{
	uint8_t *state = data + COPY_HEAD;

	loader_bbcopy_put(state + AT_DATA_CRC, bytes_crc32(0, state + HEAD, len));
	loader_bbcopy_put(state + AT_HEAD_CRC, bytes_crc32(0, state, AT_HEAD_CRC));
}
