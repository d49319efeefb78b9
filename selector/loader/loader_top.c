/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_top.h"

#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>

#define BUSY_TRIES   20
#define BUSY_STEP_MS 200

enum kb_err loader_top_said(struct loader *l, const char *dev, enum kb_err err, const char *what)
{
	return err == KB_OK ? KB_OK
			    : loader_why(l, err, "%s: cannot %s: %s", dev, what, err_text(err));
}

void loader_top_close(struct loader_top *top)
{
	util_close(&top->dir);
	if (top->lend.sock < 0)
		return;
	os_lend_give_back(&top->lend);
	os_lend_end(&top->lend);
	top->lend.sock = -1;
}

static enum kb_err borrow(struct loader_top *to, const char *path, bool write)
{
	struct os_lend_list list = { .n = 1 };
	size_t len = strlen(path);

	if (len >= OS_LEND_PATH)
		return KB_EINVAL;
	memcpy(list.dev[0], path, len + 1);
	TRY(os_lend_begin(&to->lend, &list));
	TRY(os_lend_ask(&to->lend, path, false, &to->dir));
	if (!write)
		return KB_OK;
	util_close(&to->dir);
	return os_lend_ask(&to->lend, path, true, &to->dir);
}

enum kb_err loader_top_open(struct loader *l, const char *dev, bool write, struct loader_top *top)
{
	char path[sizeof(conf_spec) + 100];
	enum kb_err err;

	*top = (struct loader_top){ .lend = { .sock = -1 }, .dir = -1 };
	snprintf(path, sizeof(path), "%.99s%s", l->root, dev);
	if (os_file_folder(path, &top->dir) == KB_OK)
		return KB_OK;
	err = borrow(top, path, write);
	/* Another Keelboot may read it for a moment, as `doctor` does. */
	for (unsigned i = 0; err == KB_EBUSY && write && i < BUSY_TRIES; i++) {
		loader_top_close(top);
		os_sleep_ms(BUSY_STEP_MS);
		err = borrow(top, path, write);
	}
	/* Not KB_EBUSY: whoever awaits a lock would wait until a person comes. */
	if (err == KB_EBUSY && write)
		return loader_why(
			l, KB_EMOUNT,
			"%s: the system has it mounted read-only: unmount it, or remount it rw",
			dev);
	if (err == KB_EMOUNT)
		return loader_why(l, err,
				  "%s: cannot be mounted: it is no FAT, or the kernel has no vfat",
				  dev);
	return loader_top_said(l, dev, err, "mount it");
}

enum kb_err loader_top_read(const struct loader_top *top, const char *name, void *buf, size_t size,
			    size_t *got)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = os_file_open(top->dir, name, &fd);

	*got = 0;
	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	os_file_forget(fd);
	return os_file_read(fd, 0, buf, size, got);
}
