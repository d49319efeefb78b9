/* SPDX-License-Identifier: Apache-2.0 */
/* A disk with a GPT, /dev/vda, and what sysfs says of it, in the folder of folder.h. */
#pragma once

#include "lib/bytes.h"
#include "tests/unit/folder.h"

#define GPT_BLOCKS 4096u

static uint8_t gpt_image[GPT_BLOCKS * 512];

/* The GUID of the partition is sixteen times the seed. */
static inline void gpt_entry(uint64_t table, unsigned number, uint64_t start, uint64_t end,
			     uint8_t seed)
{
	uint8_t *e = gpt_image + table * 512 + (number - 1) * 128;

	memset(e, 0x11, 16);
	memset(e + 16, seed, 16);
	bytes_put64(e + 32, start);
	bytes_put64(e + 40, end);
}

static inline void gpt_header(uint64_t at, uint64_t table)
{
	uint8_t *h = gpt_image + at * 512;

	memcpy(h, "EFI PART", 8);
	bytes_put64(h + 72, table);
	bytes_put32(h + 80, 128);
	bytes_put32(h + 84, 128);
}

static inline void gpt_put(void)
{
	folder_bytes("dev/vda", gpt_image, sizeof(gpt_image));
}

/* /dev/vda2 and /dev/vda3, in both copies of the table. */
static inline void gpt_make(void)
{
	memset(gpt_image, 0, sizeof(gpt_image));
	gpt_header(1, 2);
	gpt_header(GPT_BLOCKS - 1, GPT_BLOCKS - 33);
	gpt_entry(2, 2, 100, 199, 0xa1);
	gpt_entry(2, 3, 200, 399, 0xb2);
	gpt_entry(GPT_BLOCKS - 33, 2, 100, 199, 0xa1);
	gpt_entry(GPT_BLOCKS - 33, 3, 200, 399, 0xb2);
}

static inline void gpt_sysfs(unsigned number, unsigned start, unsigned size)
{
	folder_run("mkdir -p sys/devices/vda/vda%u && cd sys/devices/vda/vda%u && "
		   "echo %u >partition && echo %u >start && echo %u >size && "
		   "ln -s ../../devices/vda/vda%u ../../../class/block/",
		   number, number, number, start, size, number);
}

static inline void gpt_disk(void)
{
	folder_run("mkdir -p dev sys/class/block sys/devices/vda/queue && "
		   "echo 512 >sys/devices/vda/queue/logical_block_size");
	gpt_sysfs(2, 100, 100);
	gpt_sysfs(3, 200, 200);
	gpt_make();
	gpt_put();
}
