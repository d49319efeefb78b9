/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_option.h"

#include "lib/bytes.h"

#include <string.h>

#define ACTIVE	    1u
#define FIXED	    6u /* attributes, and the length of the path */
#define NODE	    4u /* type, subtype, length */
#define MEDIA	    4u
#define MEDIA_DISK  1u
#define MEDIA_FILE  4u
#define DISK_LEN    42u
#define DISK_GPT    2u
#define DISK_GUID   2u
#define PATH_END    0x7fu
#define PATH_ENTIRE 0xffu

/* UTF-16 up to its NUL. Bytes that it takes with that, or 0: nothing ends it. */
static size_t take_text(char out[LOADER_OPTION_TEXT], const uint8_t *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i + 2 <= len; i += 2) {
		uint16_t c = bytes_get16(p + i);

		if (c == 0) {
			out[n] = '\0';
			return i + 2;
		}
		if (n < LOADER_OPTION_TEXT - 1)
			out[n++] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	out[0] = '\0';
	return 0;
}

/* Length of the node, or 0: it is none. */
static size_t node_len(const uint8_t *p, size_t left)
{
	size_t len = left < NODE ? 0 : bytes_get16(p + 2);

	return len >= NODE && len <= left ? len : 0;
}

static bool is_node(const uint8_t *p, unsigned type, unsigned subtype)
{
	return p[0] == type && p[1] == subtype;
}

static void take_disk(struct loader_option *o, const uint8_t *p)
{
	if (p[40] != DISK_GPT || p[41] != DISK_GUID)
		return;
	o->has_part = true;
	o->part.number = bytes_get32(p + 4);
	o->part.start = bytes_get64(p + 8);
	o->part.blocks = bytes_get64(p + 16);
	memcpy(o->part.guid, p + 24, sizeof(o->part.guid));
}

/* Only what we would write ourselves is taken over: a partition, a file, the end of it. */
static void take_path(struct loader_option *o, const uint8_t *p, size_t len)
{
	size_t n = node_len(p, len);

	/* Firmware may put the way to the disk before it. bound: each node has a length */
	while (n != 0 && p[0] != PATH_END && !is_node(p, MEDIA, MEDIA_DISK)) {
		p += n;
		len -= n;
		n = node_len(p, len);
	}
	if (n != DISK_LEN || !is_node(p, MEDIA, MEDIA_DISK))
		return;
	take_disk(o, p);
	p += n;
	len -= n;
	n = node_len(p, len);
	if (n == 0 || !is_node(p, MEDIA, MEDIA_FILE) ||
	    take_text(o->file, p + NODE, n - NODE) != n - NODE)
		return;
	p += n;
	len -= n;
	if (node_len(p, len) != NODE || !is_node(p, PATH_END, PATH_ENTIRE))
		o->file[0] = '\0';
}

enum kb_err loader_option_parse(struct loader_option *o, const uint8_t *data, size_t len)
{
	size_t path, text;

	*o = (struct loader_option){ .active = false };
	if (len < FIXED)
		return KB_EFORMAT;
	o->active = bytes_get32(data) & ACTIVE;
	path = bytes_get16(data + 4);
	text = take_text(o->description, data + FIXED, len - FIXED);
	if (text == 0 || path > len - FIXED - text)
		return KB_EFORMAT;
	take_path(o, data + FIXED + text, path);
	return KB_OK;
}

/* ---------------------------------------------------------------- making */

static size_t put_text(uint8_t *out, const char *text)
{
	size_t n = strlen(text) + 1;

	for (size_t i = 0; i < n; i++)
		bytes_put16(out + 2 * i, (uint8_t)text[i]);
	return 2 * n;
}

static size_t put_node(uint8_t *out, unsigned type, unsigned subtype, size_t len)
{
	out[0] = (uint8_t)type;
	out[1] = (uint8_t)subtype;
	bytes_put16(out + 2, (uint16_t)len);
	return len;
}

static size_t put_disk(uint8_t *out, const struct loader_part *part)
{
	bytes_put32(out + 4, part->number);
	bytes_put64(out + 8, part->start);
	bytes_put64(out + 16, part->blocks);
	memcpy(out + 24, part->guid, sizeof(part->guid));
	out[40] = DISK_GPT;
	out[41] = DISK_GUID;
	return put_node(out, MEDIA, MEDIA_DISK, DISK_LEN);
}

size_t loader_option_make(uint8_t *out, size_t size, const char *description,
			  const struct loader_part *part, const char *file)
{
	size_t text = 2 * (strlen(description) + 1), name = 2 * (strlen(file) + 1);
	size_t path = DISK_LEN + NODE + name + NODE;
	uint8_t *p = out + FIXED;

	if (text > LOADER_OPTION_MAX || name > LOADER_OPTION_MAX || FIXED + text + path > size)
		return 0;
	bytes_put32(out, ACTIVE);
	bytes_put16(out + 4, (uint16_t)path);
	p += put_text(p, description);
	p += put_disk(p, part);
	put_text(p + NODE, file);
	p += put_node(p, MEDIA, MEDIA_FILE, NODE + name);
	put_node(p, PATH_END, PATH_ENTIRE, NODE);
	return FIXED + text + path;
}
