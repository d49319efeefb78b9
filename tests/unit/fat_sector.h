/* SPDX-License-Identifier: Apache-2.0 */
/* The first sector of a FAT12 with sectors of 512 bytes, two tables of two sectors, and room for
 * 512 files in its top folder. */
#pragma once

#include "lib/bytes.h"

#include <stdint.h>
#include <string.h>

/* Of zeroes. size: of all, in bytes; cluster: in sectors. */
static inline void fat_sector_put(uint8_t *bytes, size_t size, uint8_t cluster)
{
	memset(bytes, 0, size);
	bytes_put16(bytes + 11, 512);
	bytes[13] = cluster;
	bytes_put16(bytes + 14, 1);
	bytes[16] = 2;
	bytes_put16(bytes + 17, 512);
	bytes_put16(bytes + 19, (uint16_t)(size / 512));
	bytes_put16(bytes + 22, 2);
	bytes_put16(bytes + 510, 0xaa55);
}
