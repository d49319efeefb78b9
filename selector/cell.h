/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header that stands before everything in the state partition: 64 bytes, little endian, with a
 * CRC32C over itself and what follows. docs/STATE.md has the offsets. PURE.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CELL_HEADER    64
#define CELL_MAGIC_LEN 8

struct cell_info {
	uint16_t format;
	uint16_t min_reader;
	/* bytes of payload behind the header */
	uint32_t len;
	/* bytes of the whole cell: its geometry, with region and index */
	uint32_t size;
	/* region, or copy */
	uint8_t region;
	/* place in the ring, or slot */
	uint16_t index;
	uint64_t seq;
	/* bytes: where region 1 begins; 0: at 8 MiB, where it always was once */
	uint64_t second;
};

/* Writes header and CRC before the payload of info->len bytes that stands at cell + CELL_HEADER. */
void cell_seal(uint8_t *cell, const char *magic, const struct cell_info *info);

/*
 * Reads a cell of size bytes. KB_OK: magic, size, length and CRC are right. KB_EBLANK: all of it is
 * 00, or FF. KB_EFORMAT: anything else.
 */
enum kb_err cell_open(struct cell_info *info, const uint8_t *cell, const char *magic,
		      size_t size) KB_MUST_CHECK;

/* The same in parts, for a payload that is not in one piece: the header without its CRC; ... */
void cell_put_header(uint8_t *cell, const char *magic, const struct cell_info *info);
/* ... the CRC of the header, to be continued over the payload; and that in its place. */
uint32_t cell_crc_start(const uint8_t *cell);
void cell_put_crc(uint8_t *cell, uint32_t crc);
/* False when the magic differs. The caller must check the CRC. */
bool cell_get_header(struct cell_info *info, const uint8_t *cell, const char *magic);
uint32_t cell_get_crc(const uint8_t *cell);
