/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_why.h"

#include "lib/util.h"
#include "selector/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum kb_err loader_why(struct loader *l, enum kb_err err, const char *fmt, ...)
{
	char text[LOADER_WHY];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	util_print_safe(l->why, sizeof(l->why), text);
	return err;
}

char loader_why_letter(int slot)
{
	return slot == STATE_NONE ? '-' : (char)('a' + slot);
}

enum kb_err loader_why_slot(const char *text, int8_t *slot)
{
	*slot = STATE_NONE;
	if (text[0] == '\0')
		return KB_OK;
	if (text[0] < 'a' || text[0] >= 'a' + STATE_SLOTS_MAX || text[1] != '\0')
		return KB_EFORMAT;
	*slot = (int8_t)(text[0] - 'a');
	return KB_OK;
}

enum kb_err loader_why_count(const char *text, uint8_t *count)
{
	size_t ones = strspn(text, "1");

	*count = 0;
	if (text[ones] != '\0' || ones > LOADER_STARTS_MAX)
		return KB_EFORMAT;
	*count = (uint8_t)ones;
	return KB_OK;
}

const char *loader_why_ones(unsigned count)
{
	static const char ones[LOADER_STARTS_MAX + 1] = "111111111";

	return ones + (count < LOADER_STARTS_MAX ? LOADER_STARTS_MAX - count : 0);
}
