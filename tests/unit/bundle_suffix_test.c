/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_suffix.h"
#include "tests/unit/test.h"

#define MAX 20000

static uint8_t text[MAX];
static int32_t sorted[MAX];

static bool is_before(int32_t a, int32_t b, int32_t n)
{
	int32_t most = n - (a > b ? a : b);
	int c = memcmp(text + a, text + b, (size_t)most);

	return c < 0 || (c == 0 && a > b); /* the shorter one */
}

static void sorts(int32_t n)
{
	static bool seen[MAX];

	memset(seen, 0, sizeof(seen));
	OK(bundle_suffix_sort(text, (size_t)n, sorted));
	for (int32_t i = 0; i < n; i++) {
		assert_true(sorted[i] >= 0 && sorted[i] < n && !seen[sorted[i]]);
		seen[sorted[i]] = true;
		if (i > 0)
			assert_true(is_before(sorted[i - 1], sorted[i], n));
	}
}

TEST(every_text_of_three_letters_is_sorted)
{
	for (int32_t n = 0; n <= 8; n++) {
		int32_t all = 1;

		for (int32_t i = 0; i < n; i++)
			all *= 3;
		for (int32_t k = 0; k < all; k++) {
			for (int32_t i = 0, left = k; i < n; i++, left /= 3)
				text[i] = (uint8_t)(left % 3 * 127);
			sorts(n);
		}
	}
}

TEST(texts_that_repeat_themselves_are_sorted)
{
	memset(text, 0, sizeof(text));
	sorts(MAX);
	for (unsigned period = 1; period < 40; period += 3) {
		for (int32_t i = 0; i < 3000; i++)
			text[i] = (uint8_t)((unsigned)i % period);
		sorts(3000);
	}
}

TEST(noise_is_sorted)
{
	unsigned seed = 1;

	for (unsigned letters = 2; letters <= 256; letters *= 2) {
		for (int32_t i = 0; i < MAX; i++) {
			seed = seed * 1103515245u + 12345u;
			text[i] = (uint8_t)((seed >> 16) % letters);
		}
		sorts(MAX);
	}
}

TEST_MAIN("bundle_suffix")
