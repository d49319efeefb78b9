/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a program of UEFI, with two sections. */
#pragma once

#include "lib/bytes.h"

#include <string.h>

#define PROGRAM_AT 128u /* its headers */

/* The last section ends at `end`; signatures of so many bytes, 0 for none, lie at `at`. */
static inline void program_make(uint8_t *head, uint32_t end, uint32_t at, uint32_t signatures)
{
	uint8_t *coff = head + PROGRAM_AT, *optional = coff + 24, *section = optional + 240;

	memset(head, 0, 1024);
	memcpy(head, "MZ", 2);
	bytes_put32(head + 60, PROGRAM_AT);
	memcpy(coff, "PE\0\0", 4);
	bytes_put16(coff + 4, 0x8664);
	bytes_put16(coff + 6, 2);
	bytes_put16(coff + 20, 240);
	bytes_put16(optional, 0x20b);
	bytes_put32(optional + 60, 1024);
	bytes_put32(optional + 108, 16);
	bytes_put32(optional + 112 + 8 * 4, at);
	bytes_put32(optional + 112 + 8 * 4 + 4, signatures);
	memcpy(section, ".text", 5);
	bytes_put32(section + 16, 512);
	bytes_put32(section + 20, 1024);
	memcpy(section + 40, ".linux", 6);
	bytes_put32(section + 40 + 16, end - 2048);
	bytes_put32(section + 40 + 20, 2048);
}

/* And n symbols, with their names behind them, at `at`. */
static inline void program_symbols(uint8_t *head, uint32_t at, uint32_t n)
{
	bytes_put32(head + PROGRAM_AT + 12, at);
	bytes_put32(head + PROGRAM_AT + 16, n);
}
