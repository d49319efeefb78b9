/* SPDX-License-Identifier: Apache-2.0 */
/* The first block of a bundle. docs/FORMAT.md describes it. PURE. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READER_HEADER_LEN  512u
#define READER_SIG_CAP_MAX (128u << 10)
#define READER_MAGIC_LEN   8u

/* The header, parsed. Parts lie one behind the other without gaps, in this order, up to total_len.
 */
struct reader_header {
	/* feature bits: unknown compat ones are ignored, incompat ones refused */
	uint64_t compat, incompat;
	uint64_t total_len;
	uint32_t sig_cap, manifest_len;
	uint64_t manifest_off, tables_off, tables_len, payload_off, payload_len;
	uint8_t manifest_digest[32];
};

/* PURE. KB_EDIGEST: no header, or a damaged one. KB_ENEWER: min_reader or an incompatible feature
 * is above us. KB_EFORMAT: as it was made, it breaks the format. */
enum kb_err reader_header_parse(struct reader_header *h,
				const uint8_t raw[READER_HEADER_LEN]) KB_MUST_CHECK;
/* The same of what begins with other letters, and is laid out so as well: a channel file. */
enum kb_err reader_header_parse_as(struct reader_header *h, const uint8_t raw[READER_HEADER_LEN],
				   const char magic[READER_MAGIC_LEN]) KB_MUST_CHECK;
/* True when raw begins as a bundle does, however damaged it is behind that. PURE. */
bool reader_header_is(const uint8_t raw[READER_HEADER_LEN]);
/* The same of the bytes that are here already, of which there may be fewer. PURE. */
bool reader_header_begins(const void *bytes, size_t len);
/* The format's version and the oldest reader's are those that this program writes; CRC included. */
void reader_header_write(const struct reader_header *h, uint8_t raw[READER_HEADER_LEN]);
void reader_header_write_as(const struct reader_header *h, uint8_t raw[READER_HEADER_LEN],
			    const char magic[READER_MAGIC_LEN]);
