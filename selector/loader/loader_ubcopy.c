/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_ubcopy.h"

#include "lib/bdev.h"
#include "lib/bytes.h"

#include <string.h>

#define AT_COUNT 4 /* behind the checksum, which is in the processor's order */
#define FLAGS	 ".flags="

/* All of one, and what lies beside it in its first and last page. */
static uint8_t pages[LOADER_FWENV_MAX + 2 * BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

static enum kb_err read_pages(struct bdev_file *f, const struct loader_fwenv_copy *copy,
			      uint8_t **text)
{
	uint64_t begin, from, end;

	if (!loader_fwenv_begin(copy, f->bytes, &begin) || begin > f->bdev.size)
		return KB_EINVAL;
	from = begin - begin % BDEV_ALIGN;
	end = begin + copy->size + BDEV_ALIGN - 1;
	end -= end % BDEV_ALIGN;
	if (end > f->bdev.size)
		return KB_EINVAL;
	*text = pages + (begin - from);
	return bdev_read(&f->bdev, from, pages, (size_t)(end - from));
}

/* The last such line, as libubootenv takes it. */
static const char *find_flags(const char *text, size_t len)
{
	const char *flags = "";

	for (size_t at = 0; at < len && text[at] != '\0'; at += strlen(text + at) + 1) {
		if (strncmp(text + at, FLAGS, strlen(FLAGS)) == 0)
			flags = text + at + strlen(FLAGS);
	}
	return flags;
}

enum kb_err loader_ubcopy_read(struct loader_ubcopy *is, const struct loader_fwenv_copy *copy)
{
	struct bdev_file f;
	uint8_t *text = pages;
	size_t len = copy->size - LOADER_FWENV_OVERHEAD;
	enum kb_err err;

	*is = (struct loader_ubcopy){ .flags = "" };
	err = bdev_file_open(&f, copy->dev, 0);
	if (err == KB_OK)
		err = read_pages(&f, copy, &text);
	bdev_file_close(&f);
	if (err != KB_OK)
		return err;
	memcpy(&is->checksum, text, sizeof(is->checksum));
	is->count = text[AT_COUNT];
	text += LOADER_FWENV_OVERHEAD;
	is->sound = bytes_crc32(0, text, len) == is->checksum;
	text[len] = '\0';
	if (is->sound)
		is->flags = find_flags((const char *)text, len);
	return KB_OK;
}

static enum kb_err write_zeroes(struct bdev_file *f, const struct loader_fwenv_copy *copy)
{
	uint64_t begin;

	if (!loader_fwenv_begin(copy, f->bytes, &begin) || begin % BDEV_ALIGN != 0 ||
	    copy->size % BDEV_ALIGN != 0 || begin > f->bdev.size ||
	    copy->size > f->bdev.size - begin)
		return KB_EINVAL;
	memset(pages, 0, copy->size);
	TRY(bdev_write(&f->bdev, begin, pages, copy->size));
	return bdev_flush(&f->bdev);
}

enum kb_err loader_ubcopy_clear(const struct loader_fwenv_copy *copy)
{
	struct bdev_file f;
	enum kb_err err = bdev_file_open(&f, copy->dev, BDEV_FILE_WRITE);

	if (err == KB_OK)
		err = write_zeroes(&f, copy);
	bdev_file_close(&f);
	return err;
}

bool loader_ubcopy_has(const char *flags, const char *name)
{
	size_t len = strlen(name);

	while (true) {
		if (strncmp(flags, name, len) == 0 && flags[len] == ':')
			return true;
		flags = strchr(flags, ',');
		if (flags == NULL)
			return false;
		flags++;
	}
}
