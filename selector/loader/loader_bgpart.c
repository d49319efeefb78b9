/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_bgpart.h"

#include "lib/bytes.h"
#include "lib/os_file.h"
#include "lib/os_lend.h"
#include "lib/util.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>

#define FILE_ "BGENV.DAT"
#define LABEL "EFILABEL"

static enum kb_err failed_to(struct loader *l, const struct loader_bgpart *part, enum kb_err err,
			     const char *what)
{
	return err == KB_OK
		       ? KB_OK
		       : loader_why(l, err, "%s: cannot %s: %s", part->dev, what, err_text(err));
}

/* ---------------------------------------------------------------- its top folder */

struct lent {
	struct os_lend lend;
	int dir;
};

static void give_back(struct lent *from)
{
	util_close(&from->dir);
	if (from->lend.sock < 0)
		return;
	os_lend_give_back(&from->lend);
	os_lend_end(&from->lend);
}

#define CLEANUP_LENT __attribute__((cleanup(give_back)))

static enum kb_err borrow(struct lent *to, const char *path, bool write)
{
	struct os_lend_list list = { .n = 1 };

	if (strlen(path) >= OS_LEND_PATH)
		return KB_EINVAL;
	snprintf(list.dev[0], OS_LEND_PATH, "%s", path);
	TRY(os_lend_begin(&to->lend, &list));
	TRY(os_lend_ask(&to->lend, path, false, &to->dir));
	if (!write)
		return KB_OK;
	util_close(&to->dir);
	return os_lend_ask(&to->lend, path, true, &to->dir);
}

static enum kb_err open_top(struct loader *l, const struct loader_bgpart *part, bool write,
			    struct lent *top)
{
	char path[sizeof(conf_spec) + 100];
	enum kb_err err;

	*top = (struct lent){ .lend = { .sock = -1 }, .dir = -1 };
	snprintf(path, sizeof(path), "%.99s%s", l->root, part->dev);
	if (os_file_folder(path, &top->dir) == KB_OK)
		return KB_OK;
	err = borrow(top, path, write);
	if (err == KB_EMOUNT)
		return loader_why(l, err,
				  "%s: cannot be mounted: it is no FAT, or the kernel has no vfat",
				  part->dev);
	return failed_to(l, part, err, "mount it");
}

/* ---------------------------------------------------------------- its files */

/* From the medium. KB_OK with *got 0 for one that is missing. */
static enum kb_err read_file(int dir, const char *name, void *buf, size_t size, size_t *got)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = os_file_open(dir, name, &fd);

	*got = 0;
	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	os_file_forget(fd);
	return os_file_read(fd, 0, buf, size, got);
}

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
	CLEANUP_LENT struct lent top;
	size_t len;

	TRY(open_top(l, part, false, &top));
	TRY(failed_to(l, part, read_file(top.dir, LABEL, text, sizeof(text), &len), "read " LABEL));
	take_label(part, text, len);
	return failed_to(l, part,
			 read_file(top.dir, FILE_, part->env, sizeof(part->env), &part->len),
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
	CLEANUP_LENT struct lent top;
	enum kb_err err;

	TRY(open_top(l, part, true, &top));
	err = write_file(part, top.dir);
	if (err == KB_ENOSPC)
		return loader_why(l, err,
				  "%s is full: remove files from it, for " FILE_ " (%u bytes)",
				  part->dev, LOADER_BGENV_SIZE);
	TRY(failed_to(l, part, err, "write " FILE_));
	TRY(failed_to(l, part, read_file(top.dir, FILE_, back, sizeof(back), &part->len),
		      "read " FILE_));
	if (part->len == sizeof(back) && memcmp(back, part->env, sizeof(back)) == 0)
		return KB_OK;
	return loader_why(l, KB_EIO, "%s: " FILE_ " reads back other bytes than were written",
			  part->dev);
}
