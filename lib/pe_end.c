/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/pe_end.h"

#include "lib/bytes.h"

#include <string.h>

#define COFF_LEN    24u /* with the mark "PE\0\0" before it */
#define SECTION_LEN 40u
#define SYMBOL_LEN  18u
#define SECURITY    4u /* directory of the signatures, the only one by its place in the file */

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Directories begin behind the fields of PE32, or of PE32+; 0: it is neither. */
static uint32_t directories_at(const uint8_t *optional)
{
	uint16_t magic = bytes_get16(optional);

	return magic == 0x20b ? 112 : magic == 0x10b ? 96 : 0;
}

static uint64_t end_of_signatures(const uint8_t *optional, uint32_t len)
{
	uint32_t at = directories_at(optional);

	if (at == 0 || len < at + 8 * (SECURITY + 1) || bytes_get32(optional + at - 4) <= SECURITY)
		return 0;
	at += 8 * SECURITY;
	return (uint64_t)bytes_get32(optional + at) + bytes_get32(optional + at + 4);
}

static uint64_t end_of_symbols(const uint8_t *coff)
{
	uint32_t at = bytes_get32(coff + 12);

	return at == 0 ? 0 : at + (uint64_t)bytes_get32(coff + 16) * SYMBOL_LEN;
}

uint64_t pe_end(const uint8_t *head, size_t len, uint64_t *names)
{
	uint32_t at = len >= 64 && memcmp(head, "MZ", 2) == 0 ? bytes_get32(head + 60) : 0;
	uint32_t sections, optional;
	uint64_t end;

	*names = 0;
	if (at < 64 || at > len - COFF_LEN || memcmp(head + at, "PE\0\0", 4) != 0)
		return 0;
	sections = bytes_get16(head + at + 6);
	optional = bytes_get16(head + at + 20);
	*names = end_of_symbols(head + at);
	at += COFF_LEN;
	if (optional < 64 || sections == 0 || at + optional + sections * SECTION_LEN > len ||
	    directories_at(head + at) == 0)
		return 0;
	end = larger(bytes_get32(head + at + 60), end_of_signatures(head + at, optional));
	end = larger(end, *names);
	for (at += optional; sections > 0; sections--, at += SECTION_LEN)
		end = larger(end,
			     (uint64_t)bytes_get32(head + at + 16) + bytes_get32(head + at + 20));
	return end;
}
