/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/cell.h"
#include "lib/bytes.h"

#include <string.h>

enum {
	AT_FORMAT = 8,
	AT_MIN_READER = 10,
	AT_LEN = 12,
	AT_SIZE = 16,
	AT_REGION = 20,
	AT_INDEX = 22,
	AT_SEQ = 24,
	AT_CRC = 32,
	AT_SECOND = 40,
};

void cell_put_header(uint8_t *cell, const char *magic, const struct cell_info *info)
{
	memset(cell, 0, CELL_HEADER);
	memcpy(cell, magic, CELL_MAGIC_LEN);
	bytes_put16(cell + AT_FORMAT, info->format);
	bytes_put16(cell + AT_MIN_READER, info->min_reader);
	bytes_put32(cell + AT_LEN, info->len);
	bytes_put32(cell + AT_SIZE, info->size);
	cell[AT_REGION] = info->region;
	bytes_put16(cell + AT_INDEX, info->index);
	bytes_put64(cell + AT_SEQ, info->seq);
	bytes_put64(cell + AT_SECOND, info->second);
}

uint32_t cell_crc_start(const uint8_t *cell)
{
	uint8_t header[CELL_HEADER];

	memcpy(header, cell, CELL_HEADER);
	bytes_put32(header + AT_CRC, 0);
	return bytes_crc32c(0, header, CELL_HEADER);
}

void cell_put_crc(uint8_t *cell, uint32_t crc)
{
	bytes_put32(cell + AT_CRC, crc);
}

uint32_t cell_get_crc(const uint8_t *cell)
{
	return bytes_get32(cell + AT_CRC);
}

bool cell_get_header(struct cell_info *info, const uint8_t *cell, const char *magic)
{
	if (memcmp(cell, magic, CELL_MAGIC_LEN) != 0)
		return false;
	info->format = bytes_get16(cell + AT_FORMAT);
	info->min_reader = bytes_get16(cell + AT_MIN_READER);
	info->len = bytes_get32(cell + AT_LEN);
	info->size = bytes_get32(cell + AT_SIZE);
	info->region = cell[AT_REGION];
	info->index = bytes_get16(cell + AT_INDEX);
	info->seq = bytes_get64(cell + AT_SEQ);
	info->second = bytes_get64(cell + AT_SECOND);
	return true;
}

void cell_seal(uint8_t *cell, const char *magic, const struct cell_info *info)
{
	cell_put_header(cell, magic, info);
	cell_put_crc(cell, bytes_crc32c(cell_crc_start(cell), cell + CELL_HEADER, info->len));
}

enum kb_err cell_open(struct cell_info *info, const uint8_t *cell, const char *magic, size_t size)
{
	if (!cell_get_header(info, cell, magic))
		return bytes_all(cell, size, 0x00) || bytes_all(cell, size, 0xff) ? KB_EBLANK
										  : KB_EFORMAT;
	if (info->size != size || info->len > size - CELL_HEADER)
		return KB_EFORMAT;
	if (bytes_crc32c(cell_crc_start(cell), cell + CELL_HEADER, info->len) != cell_get_crc(cell))
		return KB_EFORMAT;
	return KB_OK;
}
