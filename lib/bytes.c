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

/* The CRC of each nibble under the reflected polynomial 0x82F63B78; then of that nibble with one
 * nibble of zeroes behind it, with two, and so on. The eight nibbles of a word are looked up at
 * once: none waits for the one before. */
static const uint32_t crc32c_nibble[8][16] = {
	{ 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362,
	  0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab,
	  0xe330a81a, 0xf36e6f75 },
	{ 0x00000000, 0xf26b8303, 0xe13b70f7, 0x1350f3f4, 0xc79a971f, 0x35f1141c, 0x26a1e7e8,
	  0xd4ca64eb, 0x8ad958cf, 0x78b2dbcc, 0x6be22838, 0x9989ab3b, 0x4d43cfd0, 0xbf284cd3,
	  0xac78bf27, 0x5e133c24 },
	{ 0x00000000, 0x3fc5f181, 0x7f8be302, 0x404e1283, 0xff17c604, 0xc0d23785, 0x809c2506,
	  0xbf59d487, 0xfbc3faf9, 0xc4060b78, 0x844819fb, 0xbb8de87a, 0x04d43cfd, 0x3b11cd7c,
	  0x7b5fdfff, 0x449a2e7e },
	{ 0x00000000, 0x13a29877, 0x274530ee, 0x34e7a899, 0x4e8a61dc, 0x5d28f9ab, 0x69cf5132,
	  0x7a6dc945, 0x9d14c3b8, 0x8eb65bcf, 0xba51f356, 0xa9f36b21, 0xd39ea264, 0xc03c3a13,
	  0xf4db928a, 0xe7790afd },
	{ 0x00000000, 0x70a27d8a, 0xe144fb14, 0x91e6869e, 0xc76580d9, 0xb7c7fd53, 0x26217bcd,
	  0x56830647, 0x8b277743, 0xfb850ac9, 0x6a638c57, 0x1ac1f1dd, 0x4c42f79a, 0x3ce08a10,
	  0xad060c8e, 0xdda47104 },
	{ 0x00000000, 0xa541927e, 0x4f6f520d, 0xea2ec073, 0x9edea41a, 0x3b9f3664, 0xd1b1f617,
	  0x74f06469, 0x38513ec5, 0x9d10acbb, 0x773e6cc8, 0xd27ffeb6, 0xa68f9adf, 0x03ce08a1,
	  0xe9e0c8d2, 0x4ca15aac },
	{ 0x00000000, 0xe964b13d, 0xd725148b, 0x3e41a5b6, 0xaba65fe7, 0x42c2eeda, 0x7c834b6c,
	  0x95e7fa51, 0x52a0c93f, 0xbbc47802, 0x8585ddb4, 0x6ce16c89, 0xf90696d8, 0x106227e5,
	  0x2e238253, 0xc747336e },
	{ 0x00000000, 0xdd45aab8, 0xbf672381, 0x62228939, 0x7b2231f3, 0xa6679b4b, 0xc4451272,
	  0x1900b8ca, 0xf64463e6, 0x2b01c95e, 0x49234067, 0x9466eadf, 0x8d665215, 0x5023f8ad,
	  0x32017194, 0xef44db2c },
};

/* The CRC of each nibble under 0xEDB88320. */
static const uint32_t crc32_nibble[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
	0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
	0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

static inline uint32_t crc_of(const uint32_t nibble[16], uint32_t crc, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc = nibble[(crc ^ p[i]) & 15] ^ crc >> 4;
		crc = nibble[(crc ^ (uint32_t)p[i] >> 4) & 15] ^ crc >> 4;
	}
	return crc;
}

static inline uint32_t crc32c_of_word(uint32_t word)
{
	return crc32c_nibble[7][word & 15] ^ crc32c_nibble[6][word >> 4 & 15] ^
	       crc32c_nibble[5][word >> 8 & 15] ^ crc32c_nibble[4][word >> 12 & 15] ^
	       crc32c_nibble[3][word >> 16 & 15] ^ crc32c_nibble[2][word >> 20 & 15] ^
	       crc32c_nibble[1][word >> 24 & 15] ^ crc32c_nibble[0][word >> 28];
}

uint32_t bytes_crc32c(uint32_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	crc = ~crc;
	for (; len >= 4; len -= 4, p += 4)
		crc = crc32c_of_word(crc ^ bytes_get32(p));
	return ~crc_of(crc32c_nibble[0], crc, p, len);
}

uint32_t bytes_crc32(uint32_t crc, const void *buf, size_t len)
{
	return ~crc_of(crc32_nibble, ~crc, buf, len);
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
