/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_barebox.h"

#include "lib/os.h"
#include "lib/util.h"
#include "selector/loader/loader_bbcopy.h"
#include "selector/loader/loader_bbvars.h"
#include "selector/loader/loader_disk.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>

#define COPIES 3 /* barebox makes so many, no more and no less */
#define SECTOR 512u
#define LINE   4096u /* bytes of the kernel's command line that are looked at */
#define ACTIVE "bootchooser.active="

struct copy {
	enum loader_bbcopy_is is;
	/* of the variables */
	size_t len;
	uint8_t bytes[LOADER_BBCOPY_MAX];
};

static struct loader_bbvars vars;
static struct copy copies[COPIES];

/* ---------------------------------------------------------------- the copies */

static bool is_same(const struct copy *x, const struct copy *y)
{
	return x->is == LOADER_BBCOPY_SOUND && y->is == LOADER_BBCOPY_SOUND && x->len == y->len &&
	       memcmp(x->bytes, y->bytes, LOADER_BBCOPY_HEAD + x->len) == 0;
}

/* From the medium: barebox has no cache of ours. */
static enum kb_err read_copies(struct loader *l, struct bdev *dev)
{
	size_t size = vars.stride < LOADER_BBCOPY_MAX ? vars.stride : LOADER_BBCOPY_MAX;

	if (dev->size < (uint64_t)COPIES * vars.stride)
		return loader_why(
			l, KB_EINVAL,
			"%s has no room for three copies of barebox's state, %u bytes apart",
			l->where, vars.stride);
	TRY(loader_disk_settle(l, dev));
	for (unsigned i = 0; i < COPIES; i++) {
		struct copy *copy = &copies[i];

		TRY(loader_disk_said(
			l, loader_disk_read(dev, (uint64_t)i * vars.stride, copy->bytes, size),
			"read"));
		copy->is = loader_bbcopy_look(copy->bytes, size, vars.magic, &copy->len);
	}
	return KB_OK;
}

static const struct copy *no_copy(struct loader *l, const char *why)
{
	(void)!loader_why(l, KB_EFORMAT, "%s %s", l->where, why);
	return NULL;
}

/* The one that barebox takes. What it may take, and Keelboot does not write, is refused wherever it
 * lies. */
static const struct copy *find_copy(struct loader *l)
{
	const struct copy *used = NULL;

	for (unsigned i = COPIES; i-- > 0;) {
		if (copies[i].is == LOADER_BBCOPY_OLD)
			return no_copy(
				l,
				"holds a state of an old barebox: barebox-state -s writes it anew");
		if (copies[i].is == LOADER_BBCOPY_SIGNED)
			return no_copy(
				l,
				"holds a state with an HMAC, whose key Keelboot does not have: remove algo from its node of the device tree");
		if (copies[i].is == LOADER_BBCOPY_SOUND)
			used = &copies[i];
	}
	if (used == NULL)
		(void)!loader_why(
			l, KB_EFORMAT,
			"%s holds no state with the magic 0x%08x, or each copy is damaged: barebox-state -s makes it anew",
			l->where, vars.magic);
	return used;
}

/* A copy that is cut in between has a wrong checksum. */
static enum kb_err write_copy(struct loader *l, struct bdev *dev, unsigned number,
			      const struct copy *from)
{
	size_t all = LOADER_BBCOPY_HEAD + from->len;

	for (size_t at = 0; at < all; at += SECTOR)
		TRY(loader_disk_write(l, dev, (uint64_t)number * vars.stride + at, from->bytes + at,
				      all - at < SECTOR ? all - at : SECTOR));
	copies[number] = *from;
	return KB_OK;
}

/* In the order in which barebox reads them. */
static enum kb_err write_all(struct loader *l, struct bdev *dev, const struct copy *from)
{
	for (unsigned i = 0; i < COPIES; i++)
		if (!is_same(&copies[i], from))
			TRY(write_copy(l, dev, i, from));
	return KB_OK;
}

/* ---------------------------------------------------------------- its words */

static enum kb_err read_state(struct loader *l, struct bdev *dev, struct loader_choice *c)
{
	const struct copy *used;

	TRY(read_copies(l, dev));
	used = find_copy(l);
	if (used == NULL)
		return KB_EFORMAT;
	return loader_bbvars_read(l, &vars, used->bytes + LOADER_BBCOPY_HEAD, used->len, c);
}

/* First all copies are what counts now: while the first one is written, the next one counts, and an
 * older one might name a pair that is overwritten. */
static enum kb_err write_state(struct loader *l, struct bdev *dev, const struct loader_choice *c)
{
	static struct copy old, new;
	const struct copy *used;

	TRY(read_copies(l, dev));
	used = find_copy(l);
	if (used == NULL)
		return KB_EFORMAT;
	old = new = *used;
	TRY(loader_bbvars_set(l, &vars, new.bytes + LOADER_BBCOPY_HEAD, new.len, c));
	loader_bbcopy_seal(new.bytes, new.len);
	TRY(write_all(l, dev, &old));
	return write_all(l, dev, &new);
}

/* A reason names the partition, and not all of the list. */
static enum kb_err with_state(struct loader *l, struct loader_choice *c,
			      const struct loader_choice *want)
{
	const char *where = l->where;
	struct bdev_file f;
	enum kb_err err;

	TRY(loader_bbvars_take(l, &vars));
	l->where = vars.dev;
	err = loader_disk_open(l, &f, vars.dev, want != NULL ? BDEV_FILE_WRITE : 0);
	if (err == KB_OK)
		err = want != NULL ? write_state(l, &f.bdev, want) : read_state(l, &f.bdev, c);
	bdev_file_close(&f);
	l->where = where;
	return err;
}

enum kb_err loader_barebox_read(struct loader *l, struct loader_choice *c)
{
	return with_state(l, c, NULL);
}

enum kb_err loader_barebox_write(struct loader *l, const struct loader_choice *c)
{
	return with_state(l, NULL, c);
}

/* ---------------------------------------------------------------- what was started */

/* Of each word: of two that differ, nobody knows which one is barebox's. */
static int slot_of_line(const char *line)
{
	int slot = STATE_NONE;
	bool any = false;

	while (*line != '\0') {
		size_t len = strcspn(line, " \n"), skip = sizeof(ACTIVE) - 1;

		if (len > skip && strncmp(line, ACTIVE, skip) == 0) {
			int is = loader_bbvars_slot(&vars, line + skip, len - skip);

			if (any && is != slot)
				return STATE_NONE;
			slot = is;
			any = true;
		}
		line += len + strspn(line + len, " \n");
	}
	return slot;
}

enum kb_err loader_barebox_booted(struct loader *l, int *slot)
{
	static char line[LINE];
	char path[192];

	TRY(loader_bbvars_take(l, &vars));
	snprintf(path, sizeof(path), "%.160s/proc/cmdline", l->root);
	if (os_read_file(path, line, sizeof(line), NULL) == KB_OK)
		*slot = slot_of_line(line);
	if (*slot != STATE_NONE)
		return KB_OK;
	return loader_why(
		l, KB_ENOENT,
		"no boot target of a slot is on the command line as " ACTIVE
		": bootchooser did not start this, or [loader] layout= names other targets");
}

enum loader_start loader_barebox_start(struct loader *l, int slot)
{
	struct loader_choice c = { STATE_NONE, STATE_NONE, 0 };
	const struct copy *used;

	/* It may count: init answers then, and says why it cannot. */
	if (loader_barebox_read(l, &c) != KB_OK)
		return LOADER_START_COUNTED;
	used = find_copy(l);
	if (used == NULL)
		return LOADER_START_COUNTED;
	return loader_bbvars_start(&vars, used->bytes + LOADER_BBCOPY_HEAD, &c, slot);
}
