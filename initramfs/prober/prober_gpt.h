/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a disk that the kernel finds no partitions on has a GPT nevertheless: the kernel reads
 * the copy at the end only with `gpt` on its command line. Part of the prober.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* True if the protective MBR, the header behind it or its entries are damaged, and header and
 * entries at the end of the disk are whole. */
bool prober_gpt_needs_backup(int fd, uint64_t size);
