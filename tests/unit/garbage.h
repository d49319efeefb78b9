/* SPDX-License-Identifier: Apache-2.0 */
/* Texts for a parser that have no meaning, but some of its words. The same ones in each run. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint64_t garbage_seed = 7;

static inline uint32_t garbage_number(void)
{
	garbage_seed = garbage_seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(garbage_seed >> 33);
}

/* At most max bytes of these words; one byte of `odd` pieces is any but 0. */
static inline void garbage_text(char *text, size_t max, const char *const *words, size_t n,
				unsigned odd)
{
	size_t len = 0, want = garbage_number() % (max - 100);

	while (len < want) {
		const char *word = words[garbage_number() % n];

		if (garbage_number() % odd == 0)
			text[len++] = (char)(garbage_number() % 255 + 1);
		else if (len + strlen(word) < max) {
			memcpy(text + len, word, strlen(word));
			len += strlen(word);
		}
	}
	text[len] = '\0';
}
