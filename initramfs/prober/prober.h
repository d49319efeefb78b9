/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prober: the one process that lets libblkid read what a stranger wrote on a disk. It answers
 * on descriptor 3 with one struct prober_answer, of which only the parts in use are sent, and ends.
 * Process 1 believes nothing of it before probe.c has checked it.
 *
 * Inside, a worker process does the reading and writes into memory shared with its parent. When the
 * file system of one partition hangs or kills the worker, the parent notes that partition as
 * unreadable and starts another worker behind it: what an update wrote into a slot cannot hide the
 * rest of the disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBER_PARTS_MAX 64
#define PROBER_MAGIC	 0x314f52506c65654bULL /* "KeelPRO1" */

/* What it found out about a partition, or about a whole disk without partitions. Every string is
 * ended by NUL, and printable ASCII ('?' for the rest). What was not found is "". */
struct prober_part {
	/* "/dev/vda2"; "" in an image */
	char dev[32];
	/* name in the GPT; 36 UTF-16 characters */
	char partlabel[112];
	/* as the kernel's PARTUUID=: GUID, or "1234abcd-02" with an MBR */
	char partuuid[40];
	/* "ext4", "squashfs", "vfat", "crypto_LUKS", …; "" : nothing known. With
	 * PROBER_PART_FOREIGN a name of libblkid, which may be "" too */
	char fstype[24];
	/* of the file system; "" too when it would not fit */
	char label[68];
	/* of the file system */
	char uuid[40];
	/* of a state partition: the disk that its state is bound to */
	char pin[52];
	/* bytes from the start of the disk */
	uint64_t start;
	/* bytes */
	uint64_t size;
	/* 1..; 0: the whole disk */
	uint32_t number;
	/* PROBER_PART_* */
	uint32_t flags;
};

#define PROBER_PART_UNREADABLE 1u /* an I/O error, or looking at it took too long or crashed */
#define PROBER_PART_AMBIGUOUS  2u /* several file systems leave their marks: fstype is "" */
#define PROBER_PART_STATE      4u /* it holds a valid state record, of which pin is */
#define PROBER_PART_FOREIGN    8u /* only with PROBER_EVERY: something that the boot does not know */

struct prober_answer {
	uint64_t magic;
	/* bytes of the disk */
	uint64_t size;
	/* "gpt", "dos"; "" : no partition table */
	char table[16];
	/* PROBER_* */
	uint32_t flags;
	/* partitions that follow */
	uint32_t n;
	/* the file system on the bare disk; only without a table */
	struct prober_part whole;
	/* by number; n of them are sent */
	struct prober_part part[PROBER_PARTS_MAX];
};

#define PROBER_TABLE_UNREADABLE 1u /* the partition table could not be read */
#define PROBER_GPT_BACKUP	4u /* the partition table is damaged, its copy at the end is not */
#define PROBER_MEMBER		8u /* the disk is md's: its partitions lie in an array */

/* Bytes that an answer with n partitions takes in the pipe. */
#define PROBER_ANSWER_LEN(n) \
	(offsetof(struct prober_answer, part) + (size_t)(n) * sizeof(struct prober_part))

/* What is looked for in a partition. */
enum prober_types {
	/* what a boot has to do with: marks of anything else do not count */
	PROBER_BOOT,
	/* all that libblkid knows, before somebody writes where nothing was found */
	PROBER_EVERY,
};

/*
 * Looks at the disk, or the image in a regular file, that fd has open for reading; dev is its name,
 * from which those of the partitions are made. Takes at most about budget_ms, unless the kernel
 * holds it in a read. Fills *a, whatever goes wrong on the way.
 */
void prober_look(int fd, const char *dev, unsigned budget_ms, enum prober_types types,
		 struct prober_answer *a);

/*
 * `keelboot-prober DEVICE [MILLISECONDS]`: opens the device read-only, gives up its privileges, and
 * writes the answer to descriptor 3. Exit 0, 1 when it failed, 3 usage.
 */
int prober_main(int argc, char **argv);
