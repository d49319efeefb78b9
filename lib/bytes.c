/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bytes.h"

#include <string.h>

uint16_t bytes_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t bytes_get32(const uint8_t *p)
{
	return (uint32_t)bytes_get16(p) | (uint32_t)bytes_get16(p + 2) << 16;
}

uint64_t bytes_get64(const uint8_t *p)
{
	return (uint64_t)bytes_get32(p) | (uint64_t)bytes_get32(p + 4) << 32;
}

void bytes_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

void bytes_put32(uint8_t *p, uint32_t v)
{
	bytes_put16(p, (uint16_t)v);
	bytes_put16(p + 2, (uint16_t)(v >> 16));
}

void bytes_put64(uint8_t *p, uint64_t v)
{
	bytes_put32(p, (uint32_t)v);
	bytes_put32(p + 4, (uint32_t)(v >> 32));
}

/* The CRC of each nibble under the reflected polynomial 0x82F63B78: small, and quick enough for 4
 * KiB. */
static const uint32_t crc32c_nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

/* The same of 0xEDB88320. */
static const uint32_t crc32_nibble[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
	0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
	0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

static inline uint32_t crc_of(const uint32_t nibble[16], uint32_t crc, const uint8_t *p, size_t len)
{
	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc = nibble[(crc ^ p[i]) & 15] ^ crc >> 4;
		crc = nibble[(crc ^ (uint32_t)p[i] >> 4) & 15] ^ crc >> 4;
	}
	return ~crc;
}

uint32_t bytes_crc32c(uint32_t crc, const void *buf, size_t len)
{
	return crc_of(crc32c_nibble, crc, buf, len);
}

uint32_t bytes_crc32(uint32_t crc, const void *buf, size_t len)
{
	return crc_of(crc32_nibble, crc, buf, len);
}

uint64_t bytes_hash(uint64_t h, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

bool bytes_all(const void *buf, size_t len, uint8_t value)
{
	const uint8_t *p = buf;

	if (len == 0)
		return true;
	return p[0] == value && memcmp(p, p + 1, len - 1) == 0;
}

void bytes_hex(char *out, const uint8_t *in, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[2 * len] = '\0';
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum kb_err bytes_unhex(uint8_t *out, size_t len, const char *hex)
{
	if (strlen(hex) != 2 * len)
		return KB_EFORMAT;
	for (size_t i = 0; i < len; i++) {
		int hi = digit_value(hex[2 * i]), lo = digit_value(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return KB_EFORMAT;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return KB_OK;
}

enum kb_err bytes_decimal(uint64_t *out, const char *text, uint64_t max)
{
	uint64_t v = 0;

	if (*text == '\0')
		return KB_EFORMAT;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return KB_EFORMAT;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return KB_EINVAL;
	}
	if (v > max)
		return KB_EINVAL;
	*out = v;
	return KB_OK;
}

enum kb_err bytes_size(uint64_t *out, const char *text, uint64_t max)
{
	static const char units[] = "KMGT";
	size_t len = strlen(text);
	unsigned shift = 0;
	char digits[24];
	uint64_t n;

	if (len == 0 || len >= sizeof(digits))
		return KB_EFORMAT;
	for (unsigned i = 0; units[i] != '\0'; i++)
		if (text[len - 1] == units[i])
			shift = 10 * (i + 1);
	len -= shift != 0;
	memcpy(digits, text, len);
	digits[len] = '\0';
	TRY(bytes_decimal(&n, digits, max >> shift));
	*out = n << shift;
	return KB_OK;
}
