/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel-cmdline/cmdline_word.h"

bool cmdline_word_space(char c)
{
	return (c >= '\t' && c <= '\r') || c == ' ' || (unsigned char)c == 0xa0;
}

size_t cmdline_word_spaces(const char *s)
{
	size_t n = 0;

	while (cmdline_word_space(s[n]))
		n++;
	return n;
}

size_t cmdline_word_len(const char *s)
{
	bool quoted = false;
	size_t len = 0;

	for (; s[len] != '\0' && (quoted || !cmdline_word_space(s[len])); len++)
		quoted = quoted != (s[len] == '"');
	return len;
}

bool cmdline_word_equal(const char *a, size_t alen, const char *b, size_t blen)
{
	if (alen != blen)
		return false;
	for (size_t i = 0; i < alen; i++) {
		char x = a[i] == '-' ? '_' : a[i], y = b[i] == '-' ? '_' : b[i];

		if (x != y)
			return false;
	}
	return true;
}
