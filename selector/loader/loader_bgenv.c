/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_bgenv.h"

#include "lib/bytes.h"

#include <string.h>

#define UNITS	 255u /* of 16 bits, of a text with its end */
#define AT_FILE	 0u
#define AT_WORDS (2 * UNITS)
#define AT_BUSY	 (4 * UNITS)
#define AT_STATE (AT_BUSY + 1)
#define AT_DOG	 (AT_BUSY + 2)
#define AT_REV	 (AT_BUSY + 4)
#define AT_CRC	 (LOADER_BGENV_SIZE - 4)

static const char pair_word[] = "keelboot.pair=";

static uint16_t unit(const uint8_t *text, size_t i)
{
	return bytes_get16(text + 2 * i);
}

/* Units before its end; UNITS: it has none. */
static size_t length_of(const uint8_t *text)
{
	size_t n = 0;

	while (n < UNITS && unit(text, n) != 0)
		n++;
	return n;
}

/* "" where it is not printable ASCII. */
static void take_ascii(const uint8_t *text, char out[LOADER_BGENV_TEXT])
{
	size_t n = length_of(text);

	out[0] = '\0';
	if (n == UNITS)
		return;
	for (size_t i = 0; i < n; i++) {
		uint16_t c = unit(text, i);

		if (c < 0x20 || c > 0x7e) {
			out[0] = '\0';
			return;
		}
		out[i] = (char)c;
	}
	out[n] = '\0';
}

static bool is_word_at(const uint8_t *words, size_t n, size_t at)
{
	size_t len = sizeof(pair_word) - 1;

	if (at + len >= n || (at > 0 && unit(words, at - 1) != ' '))
		return false;
	for (size_t i = 0; i < len; i++)
		if (unit(words, at + i) != (uint8_t)pair_word[i])
			return false;
	return true;
}

/* Where the letter of the next keelboot.pair= stands, from unit `from` on; 0: there is none. */
static size_t find_pair(const uint8_t *words, size_t from)
{
	size_t n = length_of(words);

	for (size_t at = from; at < n; at++)
		if (is_word_at(words, n, at))
			return at + sizeof(pair_word) - 1;
	return 0;
}

/* The kernel takes the last one; what is more than a letter is none of ours. */
static char take_pair(const uint8_t *words)
{
	char pair = '\0';

	for (size_t at = find_pair(words, 0); at != 0; at = find_pair(words, at)) {
		uint16_t c = unit(words, at), next = unit(words, at + 1);

		pair = c > 0x20 && c < 0x7f && (next == 0 || next == ' ' || next == ',') ? (char)c
											 : '?';
	}
	return pair;
}

void loader_bgenv_parse(struct loader_bgenv *e, const uint8_t *data, size_t len)
{
	memset(e, 0, sizeof(*e));
	if (len < LOADER_BGENV_SIZE || bytes_get32(data + AT_CRC) != bytes_crc32(0, data, AT_CRC))
		return;
	e->sound = true;
	e->in_progress = data[AT_BUSY] == 1;
	e->ustate = data[AT_STATE];
	e->watchdog = bytes_get16(data + AT_DOG);
	e->revision = bytes_get32(data + AT_REV);
	if (length_of(data + AT_WORDS) == UNITS)
		return;
	take_ascii(data + AT_FILE, e->file);
	e->pair = take_pair(data + AT_WORDS);
}

enum kb_err loader_bgenv_rename(uint8_t data[LOADER_BGENV_SIZE], const char *file, char pair)
{
	uint8_t *words = data + AT_WORDS;
	size_t n = strlen(file);

	if (n >= UNITS)
		return KB_ENOSPC;
	memset(data + AT_FILE, 0, 2 * UNITS);
	for (size_t i = 0; i < n; i++)
		bytes_put16(data + AT_FILE + 2 * i, (uint8_t)file[i]);
	for (size_t at = find_pair(words, 0); at != 0; at = find_pair(words, at))
		bytes_put16(words + 2 * at, (uint8_t)pair);
	return KB_OK;
}

void loader_bgenv_seal(uint8_t data[LOADER_BGENV_SIZE], uint8_t ustate, uint32_t revision)
{
	data[AT_BUSY] = 0;
	data[AT_STATE] = ustate;
	bytes_put32(data + AT_REV, revision);
	bytes_put32(data + AT_CRC, bytes_crc32(0, data, AT_CRC));
}
