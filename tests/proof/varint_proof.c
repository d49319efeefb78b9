/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers in a table of records, by trying all there is: each string of up to four bytes, and
 * of five where the first three are at an end of their range, up to the end of a page. What is read
 * is what the rule says, and what the writer writes for it; all else is refused.
 */
#include "cli/bundle/bundle_table.c"
#include "update/bundle/reader_walk.c"

#include <inttypes.h>
#include <stdio.h>

#define LONGEST 5

static struct reader_walk walk;
static uint64_t cases, wrong;

/* The rule, in words of its own: little end first, seven bits each, the last without the high bit,
 * no zero byte that adds nothing, at most 32 bits. The bytes that belong to it; 0: none do. */
static unsigned rule(const uint8_t *s, unsigned len, uint64_t *v)
{
	unsigned n = 0;

	while (n < len && s[n] >= 0x80)
		n++;
	if (n == len)
		return 0;
	*v = 0;
	for (unsigned i = n + 1; i-- > 0;)
		*v = *v * 128 + s[i] % 128;
	return (n > 0 && s[n] == 0) || *v >= 1ull << 32 ? 0 : n + 1;
}

static void try_one(const uint8_t *s, unsigned len)
{
	uint8_t written[LONGEST + 1];
	uint32_t got = 0xdeadbeef;
	uint64_t want = 0;
	unsigned n = rule(s, len, &want);
	enum kb_err err;

	memcpy(walk.enc_page, s, len);
	walk.enc_page[len] = 1; /* would end any number, and is not on the page */
	walk.enc_page_len = len;
	walk.enc_pos = 0;
	err = get_varint(&walk, &got);
	cases++;
	if (n == 0 ? err != KB_EFORMAT || got != 0xdeadbeef || walk.enc_pos > len
		   : err != KB_OK || got != want || walk.enc_pos != n)
		wrong++;
	if (n == len && n > 0 && (put_varint(written, got) != n || memcmp(written, s, n) != 0))
		wrong++;
}

static bool at_an_end(const uint8_t *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (memchr("\0\1\x7f\x80\x81\xff", s[i], 6) == NULL)
			return false;
	return true;
}

static void try_all(uint8_t *s, unsigned at, unsigned len)
{
	if (at == len) {
		try_one(s, len);
		return;
	}
	if (len == LONGEST && at == 3 && !at_an_end(s, 3))
		return;
	for (unsigned b = 0; b < 256 && wrong == 0; b++) {
		s[at] = (uint8_t)b;
		try_all(s, at + 1, len);
		/* What follows the end of a number is not its own: one such byte is enough. */
		if (at > 0 && s[at - 1] < 0x80)
			break;
	}
}

int main(void)
{
	uint8_t s[LONGEST];

	for (unsigned len = LONGEST + 1; len-- > 0;)
		try_all(s, 0, len);
	printf("varint: %" PRIu64 " cases, %" PRIu64 " wrong\n", cases, wrong);
	return wrong == 0 ? 0 : 1;
}
