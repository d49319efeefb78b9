/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_bgpart.h"

#include "lib/bytes.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "selector/loader/loader_top.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>

#define FILE_ "BGENV.DAT"
#define LABEL "EFILABEL"

/* UTF-16, as a rule without an end. What is not printable, or would end a name of the loader's, is
 * no label. */
static void take_label(struct loader_bgpart *part, const uint8_t *text, size_t len)
{
	memset(part->label, 0, sizeof(part->label));
	for (size_t n = 0; n < len / 2; n++) {
		uint16_t c = bytes_get16(text + 2 * n);

		if (c == 0 || c == '\n')
			return;
		if (c <= 0x20 || c >= 0x7f || c == ':') {
			part->label[0] = '\0';
			return;
		}
		part->label[n] = (char)c;
	}
}

enum kb_err loader_bgpart_read(struct loader *l, struct loader_bgpart *part)
{
	uint8_t text[2 * (LOADER_BGPART_LABEL - 1)];
	LOADER_TOP_CLEANUP struct loader_top top;
	size_t len;

	TRY(loader_top_open(l, part->dev, false, &top));
	TRY(loader_top_said(l, part->dev, loader_top_read(&top, LABEL, text, sizeof(text), &len),
			    "read " LABEL));
	take_label(part, text, len);
	return loader_top_said(
		l, part->dev,
		loader_top_read(&top, FILE_, part->env, sizeof(part->env), &part->len),
		"read " FILE_);
}

/* A file of another size is made anew: FAT has no journal, and one that was cut is not grown. */
static enum kb_err open_to_write(const struct loader_bgpart *part, int dir, int *fd)
{
	enum kb_err err;

	if (part->len == LOADER_BGENV_SIZE)
		return os_file_change(dir, FILE_, fd);
	err = os_file_unlink(dir, FILE_);
	if (err != KB_OK && err != KB_ENOENT)
		return err;
	return os_file_create(dir, FILE_, fd);
}

static enum kb_err write_file(const struct loader_bgpart *part, int dir)
{
	KB_CLEANUP_FD int fd = -1;

	TRY(open_to_write(part, dir, &fd));
	TRY(os_file_write(fd, part->env, sizeof(part->env)));
	TRY(os_file_sync(fd));
	return os_file_sync(dir);
}

enum kb_err loader_bgpart_write(struct loader *l, struct loader_bgpart *part)
{
	static uint8_t back[LOADER_BGENV_SIZE];
	LOADER_TOP_CLEANUP struct loader_top top;
	enum kb_err err;

	TRY(loader_top_open(l, part->dev, true, &top));
	err = write_file(part, top.dir);
	if (err == KB_ENOSPC)
		return loader_why(l, err,
				  "%s is full: remove files from it, for " FILE_ " (%u bytes)",
				  part->dev, LOADER_BGENV_SIZE);
	TRY(loader_top_said(l, part->dev, err, "write " FILE_));
	TRY(loader_top_said(l, part->dev,
			    loader_top_read(&top, FILE_, back, sizeof(back), &part->len),
			    "read " FILE_));
	if (part->len == sizeof(back) && memcmp(back, part->env, sizeof(back)) == 0)
		return KB_OK;
	return loader_why(l, KB_EIO, "%s: " FILE_ " reads back other bytes than were written",
			  part->dev);
}
