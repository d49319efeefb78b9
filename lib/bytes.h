/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as they lie on media: little-endian numbers, CRC32C, hexadecimal. PURE. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint16_t bytes_get16(const uint8_t *p);
uint32_t bytes_get32(const uint8_t *p);
uint64_t bytes_get64(const uint8_t *p);
void bytes_put16(uint8_t *p, uint16_t v);
void bytes_put32(uint8_t *p, uint32_t v);
void bytes_put64(uint8_t *p, uint64_t v);

/* CRC32C (Castagnoli) of len bytes, continuing from crc; start with 0. Finds accidents, not
 * attackers. */
uint32_t bytes_crc32c(uint32_t crc, const void *buf, size_t len);

/* The same with the polynomial of zlib, Ethernet and UEFI. */
uint32_t bytes_crc32(uint32_t crc, const void *buf, size_t len);

/* FNV-1a of len bytes, continuing from h; start with BYTES_HASH_START. Tells texts apart, and keeps
 * nobody out. */
#define BYTES_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t bytes_hash(uint64_t h, const void *buf, size_t len);

/* True when all len bytes equal value. */
bool bytes_all(const void *buf, size_t len, uint8_t value);

/* Writes 2 * len lower-case digits and a NUL into out, which has room for them. */
void bytes_hex(char *out, const uint8_t *in, size_t len);

/* Reads exactly 2 * len digits, of either case, and the end of the string. KB_EFORMAT otherwise. */
enum kb_err bytes_unhex(uint8_t *out, size_t len, const char *hex) KB_MUST_CHECK;

/*
 * Reads a decimal number that fills the whole string, at most max. No sign, no space, no empty
 * string. KB_EFORMAT, or KB_EINVAL when it is above max; *out is untouched then.
 */
enum kb_err bytes_decimal(uint64_t *out, const char *text, uint64_t max) KB_MUST_CHECK;

/* The same of a number of bytes: behind its digits there may be one of K M G T (of 1024). */
enum kb_err bytes_size(uint64_t *out, const char *text, uint64_t max) KB_MUST_CHECK;
