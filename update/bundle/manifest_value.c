/* SPDX-License-Identifier: Apache-2.0 */
#include "update/bundle/manifest_value.h"

#include "lib/bytes.h"

#include <string.h>

const char *manifest_value_copy(char *out, size_t size, const char *value, const char *allowed)
{
	size_t len = strlen(value);

	if (len == 0)
		return "empty";
	if (len >= size)
		return "too long";
	if (allowed != NULL && strspn(value, allowed) != len)
		return "has a character that is not allowed here";
	for (size_t i = 0; i < len; i++) {
		if (value[i] < 0x20 || value[i] > 0x7e || value[i] == ';')
			return "must be printable ASCII without ';'";
	}
	if (value[0] == ' ' || value[len - 1] == ' ')
		return "begins or ends with a space";
	memcpy(out, value, len + 1);
	return NULL;
}

const char *manifest_value_number(uint64_t *out, const char *value, uint64_t min, uint64_t max)
{
	enum kb_err err;
	uint64_t v;

	if (value[0] == '0' && value[1] != '\0')
		return "not a decimal number without leading zeros";
	err = bytes_decimal(&v, value, max);
	if (err == KB_EINVAL)
		return "too large";
	if (err != KB_OK)
		return "not a decimal number";
	if (v < min)
		return "too small";
	*out = v;
	return NULL;
}

static const char *take_number32(uint32_t *out, const char *value, uint32_t min, uint32_t max)
{
	uint64_t v = 0;
	const char *wrong = manifest_value_number(&v, value, min, max);

	if (wrong == NULL)
		*out = (uint32_t)v;
	return wrong;
}

const char *manifest_value_power_of_two(uint32_t *out, const char *value, uint32_t min,
					uint32_t max)
{
	const char *wrong = take_number32(out, value, min, max);

	return wrong == NULL && (*out & (*out - 1)) != 0 ? "not a power of two" : wrong;
}

bool manifest_value_is_time(const char *value)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	static const struct {
		unsigned at, min, max;
	} part[] = { { 5, 1, 12 }, { 8, 1, 31 }, { 11, 0, 23 }, { 14, 0, 59 }, { 17, 0, 60 } };

	for (unsigned i = 0; i < sizeof(form); i++)
		if (form[i] == 'd' ? value[i] < '0' || value[i] > '9' : value[i] != form[i])
			return false;
	for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		const char *two = value + part[i].at;
		unsigned n = (unsigned)(two[0] - '0') * 10 + (unsigned)(two[1] - '0');

		if (n < part[i].min || n > part[i].max)
			return false;
	}
	return true;
}

const char *manifest_value_sha256(uint8_t out[32], const char *value)
{
	return bytes_unhex(out, 32, value) == KB_OK ? NULL : "not 64 hexadecimal digits";
}

const char *manifest_value_hex(uint8_t *out, size_t max, size_t *len, const char *value)
{
	size_t n = strlen(value);

	if (n == 0 || n % 2 != 0 || n / 2 > max || bytes_unhex(out, n / 2, value) != KB_OK)
		return "not an even number of hexadecimal digits, at most 128";
	*len = n / 2;
	return NULL;
}

const char *manifest_value_yes_no(bool *out, const char *value)
{
	*out = strcmp(value, "yes") == 0;
	return *out || strcmp(value, "no") == 0 ? NULL : "neither yes nor no";
}
