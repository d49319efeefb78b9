/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz_cells.h"

#include "lib/bytes.h"

#include <string.h>

#define SIZE 4096u

/* What can be wrong with a cell. */
enum { HARM_NONE, HARM_CRC, HARM_MAGIC, HARM_SIZE, HARM_LEN, HARM_BLANK, HARM_KINDS };

bool fuzz_cells_next(struct fuzz_in *in, struct fuzz_cell *c)
{
	uint8_t seq_kind;
	size_t len;

	if (in->left == 0)
		return false;
	c->harm = (uint8_t)(fuzz_u8(in) % 32);
	c->region = fuzz_u8(in);
	c->index = fuzz_u16(in);
	/* Small numbers, so that they meet; and the largest. */
	seq_kind = fuzz_u8(in);
	c->seq = seq_kind < 0xf0 ? seq_kind : UINT64_MAX - (seq_kind & 0x0f);
	c->min_reader = fuzz_u8(in) % 4;
	len = fuzz_u16(in);
	c->payload = fuzz_take(in, len < SIZE - CELL_HEADER ? len : SIZE - CELL_HEADER, &c->len);
	return true;
}

bool fuzz_cells_seal(const struct fuzz_cell *c, const char *magic, uint8_t *cell)
{
	struct cell_info info = { .format = 1,
				  .min_reader = c->min_reader,
				  .len = (uint32_t)c->len,
				  .size = SIZE,
				  .region = c->region,
				  .index = c->index,
				  .seq = c->seq };

	memset(cell, c->harm == HARM_BLANK ? 0xff : 0, SIZE);
	if (c->harm == HARM_BLANK)
		return false;
	fuzz_copy(cell + CELL_HEADER, c->len, c->payload, c->len);
	cell_seal(cell, magic, &info);
	if (c->harm == HARM_CRC)
		cell[32] ^= 0x10;
	if (c->harm == HARM_MAGIC)
		cell[1] ^= 0x10;
	if (c->harm == HARM_SIZE)
		bytes_put32(cell + 16, 2 * SIZE);
	if (c->harm == HARM_LEN)
		bytes_put32(cell + 12, SIZE - CELL_HEADER + 1);
	/* With a checksum that would be right: over the byte behind the cell too. */
	if (c->harm == HARM_SIZE)
		cell_put_crc(cell, bytes_crc32c(cell_crc_start(cell), cell + CELL_HEADER, c->len));
	if (c->harm == HARM_LEN)
		cell_put_crc(cell, bytes_crc32c(cell_crc_start(cell), cell + CELL_HEADER,
						SIZE - CELL_HEADER + 1));
	return c->harm == HARM_NONE || c->harm >= HARM_KINDS;
}
