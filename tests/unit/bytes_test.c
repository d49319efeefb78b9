/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

TEST(numbers_are_little_endian)
{
	const uint8_t in[] = { 0xff, 0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88 };
	uint8_t out[16];

	assert_int_equal(bytes_get16(in + 1), 0x8201); /* unaligned on purpose */
	EQUAL((bytes_get32(in + 1), 0x84038201), (bytes_get64(in + 1), 0x8807860584038201));
	memset(out, 0xa5, sizeof(out));
	bytes_put16(out + 1, 0x8201);
	assert_memory_equal(out + 1, in + 1, 2);
	assert_int_equal(out[3], 0xa5);
	bytes_put32(out + 1, 0x84038201);
	assert_memory_equal(out + 1, in + 1, 4);
	assert_int_equal(out[5], 0xa5);
	bytes_put64(out + 1, 0x8807860584038201);
	assert_memory_equal(out + 1, in + 1, 8);
	EQUAL((out[9], 0xa5), (out[0], 0xa5));
}

/* RFC 3720 (iSCSI), B.4, and the check value of the catalogue of CRCs. */
TEST(crc32c_gives_the_published_values)
{
	uint8_t buf[32];

	assert_int_equal(bytes_crc32c(0, "123456789", 9), 0xe3069283);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(bytes_crc32c(0, buf, 32), 0x8a9136aa);
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(bytes_crc32c(0, buf, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		buf[i] = (uint8_t)i;
	assert_int_equal(bytes_crc32c(0, buf, 32), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		buf[i] = (uint8_t)(31 - i);
	EQUAL((bytes_crc32c(0, buf, 32), 0x113fdb5c), (bytes_crc32c(0, "", 0), 0));
}

TEST(crc32c_continues)
{
	const char *text = "123456789";

	for (size_t cut = 0; cut <= 9; cut++)
		EQUAL((bytes_crc32c(bytes_crc32c(0, text, cut), text + cut, 9 - cut), 0xe3069283));
}

/* By the definition, a bit at a time. */
static uint32_t crc32c_by_bits(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < 8 * len; i++) {
		uint32_t bit = (crc ^ (uint32_t)p[i / 8] >> i % 8) & 1;

		crc = crc >> 1 ^ (bit ? 0x82f63b78 : 0);
	}
	return ~crc;
}

TEST(crc32c_is_that_of_the_definition_for_each_byte_at_each_place_and_length)
{
	uint8_t buf[21];

	for (int value = 0; value < 256; value++) {
		for (size_t at = 0; at < sizeof(buf); at++) {
			memset(buf, 0x5a, sizeof(buf));
			buf[at] = (uint8_t)value;
			for (size_t from = 0; from < 4; from++)
				EQUAL((bytes_crc32c(0, buf + from, sizeof(buf) - from),
				       crc32c_by_bits(buf + from, sizeof(buf) - from)));
			EQUAL((bytes_crc32c(0, buf, at), crc32c_by_bits(buf, at)));
		}
	}
}

TEST(crc32_gives_the_published_value_and_continues)
{
	const char *text = "123456789";

	EQUAL((bytes_crc32(0, "", 0), 0));
	for (size_t cut = 0; cut <= 9; cut++)
		EQUAL((bytes_crc32(bytes_crc32(0, text, cut), text + cut, 9 - cut), 0xcbf43926));
}

TEST(all_of_one_value)
{
	uint8_t buf[100];

	memset(buf, 0xff, sizeof(buf));
	EQUAL((bytes_all(buf, sizeof(buf), 0xff), true), (bytes_all(buf, sizeof(buf), 0), false));
	EQUAL((bytes_all(buf, 1, 0xff), true), (bytes_all(buf, 0, 0), true));
	for (size_t i = 0; i < sizeof(buf); i++) {
		buf[i] = 0xfe;
		assert_false(bytes_all(buf, sizeof(buf), 0xff));
		buf[i] = 0xff;
	}
}

TEST(hexadecimal_there_and_back)
{
	uint8_t bytes[256], back[256];
	char text[513];

	for (int i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	bytes_hex(text, bytes, 256);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102", 6);
	assert_string_equal(text + 506, "fdfeff");
	OK(bytes_unhex(back, 256, text));
	assert_memory_equal(back, bytes, 256);
	OK(bytes_unhex(back, 2, "aBCd"));
	EQUAL((back[0], 0xab), (back[1], 0xcd));
	bytes_hex(text, bytes, 0);
	assert_string_equal(text, "");
	OK(bytes_unhex(back, 0, ""));
}

TEST(what_is_not_hexadecimal_is_refused)
{
	static const char *const bad[] = { "",	   "a",	   "abc",  "abcde", "abcg", "gbcd",
					   "ab d", "0xab", "ab\n", "abc/",  "abc:", "abc@" };
	uint8_t out[2];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		FAILS(bytes_unhex(out, 2, bad[i]), KB_EFORMAT);
}

TEST(decimal_numbers)
{
	uint64_t v = 7;

	OK(bytes_decimal(&v, "0", 0));
	assert_true(v == 0);
	OK(bytes_decimal(&v, "18446744073709551615", UINT64_MAX));
	assert_true(v == UINT64_MAX);
	OK(bytes_decimal(&v, "007", 9));
	assert_true(v == 7);
}

TEST(bad_decimal_numbers_leave_the_result)
{
	static const char *const bad[] = {
		"", " 1", "1 ", "-1", "+1", "1a", "0x1", "1.0", "/", ":"
	};
	uint64_t v = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		FAILS(bytes_decimal(&v, bad[i], UINT64_MAX), KB_EFORMAT);
	FAILS(bytes_decimal(&v, "18446744073709551616", UINT64_MAX), KB_EINVAL);
	FAILS(bytes_decimal(&v, "99999999999999999999999", UINT64_MAX), KB_EINVAL);
	FAILS(bytes_decimal(&v, "10", 9), KB_EINVAL);
	assert_true(v == 7);
}

TEST(bytes_take_units)
{
	static const struct {
		const char *text;
		uint64_t want;
	} right[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "1K", 1024 },
		{ "16M", 16u << 20 },
		{ "3G", UINT64_C(3) << 30 },
		{ "2T", UINT64_C(2) << 40 },
		{ "18446744073709551615", UINT64_MAX },
		{ "16777215T", UINT64_C(16777215) << 40 },
	};
	uint64_t n;

	for (size_t i = 0; i < KB_ARRAY_LEN(right); i++) {
		OK(bytes_size(&n, right[i].text, UINT64_MAX));
		assert_true(n == right[i].want);
	}
}

TEST(bytes_refuse_what_is_no_number_or_too_large)
{
	static const char *const wrong[] = { "",	  "K",
					     "1k",	  "1KB",
					     "-1",	  " 1",
					     "0x10",	  "1.5M",
					     "16777216T", "18446744073709551616",
					     "1MM",	  "999999999999999999999999999999999" };
	uint64_t n = 7;

	for (size_t i = 0; i < KB_ARRAY_LEN(wrong); i++)
		assert_int_not_equal(bytes_size(&n, wrong[i], UINT64_MAX), KB_OK);
	assert_true(n == 7);
}

TEST_MAIN("bytes")
