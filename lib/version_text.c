/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/version_text.h"

#include <string.h>

static bool goes_on(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
	       (byte >= 'A' && byte <= 'Z') || (byte != '\0' && strchr("+-._~", byte) != NULL);
}

bool version_text_in(const char *text, const uint8_t *bytes, size_t len, bool is_end)
{
	const uint8_t *at = bytes, *end = bytes + len;
	size_t n = strlen(text);

	if (n < VERSION_TEXT_MIN)
		return false;
	while ((at = memmem(at, (size_t)(end - at), text, n)) != NULL) {
		if (at + n == end ? is_end : !goes_on(at[n]))
			return true;
		at++;
	}
	return false;
}
