/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/prober/prober_gpt.h"

#include "lib/bytes.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define BLOCK	    512u
#define HEADER_LEN  92u
#define ENTRY_LEN   128u
#define ENTRIES_MAX 1024u /* 128 are usual */

enum {
	AT_LEN = 12,
	AT_CRC = 16,
	AT_LBA = 24,
	AT_ENTRIES_LBA = 72,
	AT_ENTRIES = 80,
	AT_ENTRY_LEN = 84,
	AT_ENTRIES_CRC = 88,
	MBR_TYPE = 446 + 4,
	MBR_ENTRY = 16,
	MBR_GPT = 0xee,
};

static bool read_exactly(int fd, void *buf, size_t len, uint64_t off)
{
	return pread(fd, buf, len, (off_t)off) == (ssize_t)len;
}

static bool entries_ok(int fd, const uint8_t *header, uint32_t sector)
{
	uint32_t n = bytes_get32(header + AT_ENTRIES), crc = 0;
	uint64_t lba = bytes_get64(header + AT_ENTRIES_LBA);
	uint8_t block[BLOCK];

	if (bytes_get32(header + AT_ENTRY_LEN) != ENTRY_LEN || n == 0 || n > ENTRIES_MAX ||
	    lba > INT64_MAX / sector / 2)
		return false;
	for (size_t at = 0, all = (size_t)n * ENTRY_LEN; at < all; at += BLOCK) {
		size_t len = all - at < BLOCK ? all - at : BLOCK;

		if (!read_exactly(fd, block, len, lba * sector + at))
			return false;
		crc = bytes_crc32(crc, block, len);
	}
	return crc == bytes_get32(header + AT_ENTRIES_CRC);
}

static bool header_ok(int fd, uint64_t lba, uint32_t sector)
{
	static const uint8_t zero[4];
	uint8_t h[BLOCK];
	uint32_t crc, len;

	if (!read_exactly(fd, h, sizeof(h), lba * sector) || memcmp(h, "EFI PART", 8) != 0)
		return false;
	len = bytes_get32(h + AT_LEN);
	if (len < HEADER_LEN || len > sizeof(h) || bytes_get64(h + AT_LBA) != lba)
		return false;
	crc = bytes_crc32(0, h, AT_CRC);
	crc = bytes_crc32(crc, zero, sizeof(zero));
	crc = bytes_crc32(crc, h + AT_CRC + 4, len - AT_CRC - 4);
	return crc == bytes_get32(h + AT_CRC) && entries_ok(fd, h, sector);
}

enum mbr {
	MBR_DAMAGED, /* or none: what a sector that went bad reads as */
	MBR_PROTECTIVE,
	MBR_OTHER, /* another table, or a file system from the first sector on */
};

static enum mbr look_at_mbr(int fd)
{
	uint8_t mbr[BLOCK];

	if (!read_exactly(fd, mbr, sizeof(mbr), 0) || mbr[510] != 0x55 || mbr[511] != 0xaa)
		return MBR_DAMAGED;
	for (unsigned i = 0; i < 4; i++) {
		if (mbr[MBR_TYPE + i * MBR_ENTRY] == MBR_GPT)
			return MBR_PROTECTIVE;
	}
	return MBR_OTHER;
}

bool prober_gpt_needs_backup(int fd, uint64_t size)
{
	static const uint32_t sectors[] = { 512, 4096 };
	enum mbr mbr = look_at_mbr(fd);

	if (mbr == MBR_OTHER || size < 64u * 4096)
		return false;
	for (unsigned i = 0; i < 2 && mbr == MBR_PROTECTIVE; i++) {
		if (header_ok(fd, 1, sectors[i]))
			return false;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (header_ok(fd, size / sectors[i] - 1, sectors[i]))
			return true;
	}
	return false;
}
