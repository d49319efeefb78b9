/* SPDX-License-Identifier: Apache-2.0 */
/* The table of aliases, and the name of a device that is compared with it: a line before the table.
 * Half of the tables get an end that is right. */
#include "initramfs/alias_table.h"
#include "lib/bytes.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct alias_table t;

static void look(void *ctx, const char *module, size_t len)
{
	const char *end = t.text + sizeof(t.text);

	(*(unsigned *)ctx)++;
	FUZZ_CHECK(module >= t.text && module + len < end);
	FUZZ_CHECK(memchr(module, ' ', len) == NULL && memchr(module, 0, len) == NULL);
}

/* As it is, and as the plainest of all matchers would see it. */
static void check_fit(const char *pattern, const char *name)
{
	bool fits = alias_table_fits(pattern, name);

	if (strpbrk(pattern, "*?[") == NULL)
		FUZZ_CHECK(!fits || strlen(pattern) == strlen(name));
	if (strcmp(pattern, name) == 0 && strpbrk(pattern, "[") == NULL)
		FUZZ_CHECK(fits);
	if (strspn(pattern, "*") == strlen(pattern) && pattern[0] != '\0')
		FUZZ_CHECK(fits);
}

static size_t put_end(size_t len)
{
	unsigned lines = 0;
	uint32_t crc = bytes_crc32c(0, t.text, len);

	for (size_t i = 0; i < len; i++)
		lines += t.text[i] == '\n';
	return len + (size_t)snprintf(t.text + len, 64, "end %u %08x\n", lines, crc);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	bool whole = fuzz_u8(&in) & 1;
	const uint8_t *feed = in.left > 0 ? memchr(in.p, '\n', in.left) : NULL;
	size_t first = feed != NULL ? (size_t)(feed - in.p) : in.left, len, got;
	char *name = fuzz_string(in.p, first);
	unsigned line, asked = 0;
	const char *why = "";

	fuzz_take(&in, feed != NULL ? first + 1 : first, &got);
	len = in.left < sizeof(t.text) - 65 ? in.left : sizeof(t.text) - 65;
	memcpy(t.text, in.p, len);
	t.text[len] = '\0';
	len = strlen(t.text);
	if (whole)
		len = put_end(len);
	if (alias_table_parse(&t, len, &line, &why) != KB_OK) {
		FUZZ_CHECK(t.n == 0 && why != NULL && line >= 1);
	} else {
		FUZZ_CHECK(why == NULL && t.n <= ALIAS_TABLE_LINES);
		for (unsigned i = 0; i < t.n; i++) {
			FUZZ_CHECK(t.line[i].plain <= strlen(t.line[i].pattern));
			check_fit(t.line[i].pattern, name);
			check_fit(name, t.line[i].pattern);
		}
	}
	alias_table_ask(&t, name, look, &asked);
	FUZZ_CHECK(t.n > 0 || asked == 0);
	(void)alias_table_has_bus(&t, name);
	free(name);
}
