/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_uboot.h"

#include "lib/bdev.h"
#include "lib/os.h"
#include "lib/util.h"
#include "selector/loader/loader_fwenv.h"
#include "selector/loader/loader_ubcopy.h"
#include "selector/loader/loader_why.h"
#include "selector/state.h"

#include <errno.h>
#include <libuboot.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRESET "keelboot_default"
#define ONCE   "keelboot_once"
#define STARTS "keelboot_starts"
#define COUNT  "bootcount" /* U-Boot's own, and whether it counts at all */
#define COUNTS "upgrade_available"

static enum kb_err refused(struct loader *l, int rc, const char *what)
{
	return loader_why(l, err_errno(-rc), "%s: cannot %s U-Boot's environment: %s", l->where,
			  what, err_text(err_errno(-rc)));
}

/* ---------------------------------------------------------------- fw_env.config */

static enum kb_err check_copies(struct loader *l, const struct loader_fwenv *env, uint64_t bytes)
{
	if (env->n == LOADER_FWENV_COPIES && env->copy[0].size == env->copy[1].size &&
	    loader_fwenv_apart(env, bytes))
		return KB_OK;
	return loader_why(
		l, KB_EINVAL,
		"%s names %u copies of U-Boot's environment: two apart are needed, or a power cut loses it",
		l->where, env->n);
}

/* What libubootenv will read, as far as we depend on it. */
static enum kb_err read_config(struct loader *l, struct loader_fwenv *env)
{
	enum kb_err err = loader_fwenv_read(env, l->where);

	if (err == KB_EINVAL)
		return loader_why(l, err, "%s: expected two lines DEVICE OFFSET SIZE", l->where);
	if (err != KB_OK)
		return loader_why(l, err, "%s: %s; docs: fw_env.config(5)", l->where,
				  err_text(err));
	if (!loader_fwenv_below(env, l->root))
		return loader_why(l, KB_EINVAL, "%s: a device in it has a name that is too long",
				  l->where);
	return check_copies(l, env, 0);
}

/* "/dev/ubi0:env", as libubootenv names a volume: no file has that name, but an MTD what is before
 * the colon. */
static bool is_in_ubi(const char *dev)
{
	char base[2 * LOADER_FWENV_NAME];
	const char *colon = strchr(dev, ':');
	struct bdev_file f;
	bool is_mtd;

	if (colon == NULL)
		return false;
	snprintf(base, sizeof(base), "%.*s", (int)(colon - dev), dev);
	is_mtd = bdev_file_open(&f, base, 0) == KB_EINVAL;
	bdev_file_close(&f);
	return is_mtd;
}

/* So that reading asks the medium. An MTD has no cache; its size stays 0, not known. One that is
 * missing may come. */
static enum kb_err settle(struct loader *l, const char *dev, uint64_t *bytes)
{
	struct bdev_file f;
	enum kb_err err = bdev_file_open(&f, dev, 0);

	*bytes = 0;
	if (err == KB_EINVAL || (err == KB_ENOENT && is_in_ubi(dev)))
		return KB_OK;
	if (err == KB_OK)
		err = bdev_flush(&f.bdev);
	if (err == KB_OK)
		err = bdev_drop_cache(&f.bdev, 0, f.bdev.size);
	if (err == KB_OK)
		*bytes = f.bytes;
	bdev_file_close(&f);
	if (err == KB_OK)
		return KB_OK;
	return loader_why(l, err == KB_ENOENT ? KB_ENODEV : err, "%s: %s", dev, err_text(err));
}

static enum kb_err settle_copies(struct loader *l, const struct loader_fwenv *env)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < env->n; i++)
		TRY(settle(l, env->copy[i].dev, &bytes));
	/* Where it is one device, both places are known now. */
	return check_copies(l, env, bytes);
}

/* ---------------------------------------------------------------- the library */

static void close_library(struct uboot_ctx **ctx)
{
	if (*ctx == NULL)
		return;
	libuboot_close(*ctx);
	libuboot_exit(*ctx);
	*ctx = NULL;
}

#define CLEANUP_LIBRARY __attribute__((cleanup(close_library)))

/* The library wants a lock there, and an initramfs has no such folder. Failing, it says so. */
static bool make_lock_folder(void)
{
	return os_mkdir("/var", 0755) == KB_OK && os_mkdir("/var/lock", 0755) == KB_OK;
}

/* It reads the file itself, but for devices below a root: then it takes two copies, which
 * check_copies() has asked for. */
static int configure(struct loader *l, struct loader_fwenv *env, struct uboot_ctx *ctx)
{
	struct uboot_env_device copy[LOADER_FWENV_COPIES] = { { .devname = NULL } };

	if (l->root[0] == '\0')
		return libuboot_read_config(ctx, l->where);
	for (unsigned i = 0; i < env->n; i++)
		copy[i] = (struct uboot_env_device){ .devname = env->copy[i].dev,
						     .offset = env->copy[i].offset,
						     .envsize = env->copy[i].size };
	return libuboot_configure(ctx, copy);
}

static enum kb_err open_both(struct loader *l, struct loader_fwenv *env, struct uboot_ctx **ctx)
{
	int rc;

	TRY(read_config(l, env));
	TRY(settle_copies(l, env));
	if (!make_lock_folder())
		return loader_why(
			l, KB_EIO,
			"/var/lock: cannot make the folder: %m; libubootenv wants its lock there: make it a link to /run/lock");
	rc = libuboot_initialize(ctx, NULL);
	if (rc != 0)
		return refused(l, rc, "make room for");
	rc = configure(l, env, *ctx);
	if (rc != 0)
		return loader_why(l, KB_EINVAL,
				  "%s: libubootenv does not understand it, or lacks a device",
				  l->where);
	rc = libuboot_open(*ctx);
	if (rc == -ENODATA)
		return loader_why(
			l, KB_EFORMAT,
			"%s: both copies of U-Boot's environment are damaged: saveenv in U-Boot makes it anew",
			l->where);
	return rc == 0 ? KB_OK : refused(l, rc, "read");
}

/* A power cut may leave a copy that cannot be read. U-Boot takes the other one then, and the
 * library none. What is sound stays as it is. False: that was not it. */
static bool mend(struct loader *l, const struct loader_fwenv *env)
{
	struct loader_ubcopy is;

	for (unsigned i = 0; i < env->n && l->mends; i++) {
		if (loader_ubcopy_read(&is, &env->copy[i]) == KB_EIO &&
		    loader_ubcopy_read(&is, &env->copy[1 - i]) == KB_OK && is.sound)
			return loader_ubcopy_clear(&env->copy[i]) == KB_OK;
	}
	return false;
}

static enum kb_err open_library(struct loader *l, struct loader_fwenv *env, struct uboot_ctx **ctx)
{
	enum kb_err err = open_both(l, env, ctx);

	if (err != KB_EIO || !mend(l, env))
		return err;
	close_library(ctx); /* it has the lock */
	env->n = 0;
	return open_both(l, env, ctx);
}

static enum kb_err slot_of_variable(struct loader *l, struct uboot_ctx *ctx, const char *name,
				    int8_t *slot)
{
	char *value = libuboot_get_env(ctx, name);
	enum kb_err err = loader_why_slot(value == NULL ? "" : value, slot);

	if (err != KB_OK)
		err = loader_why(l, err, "%s: %s=%.16s: expected a slot, a to h", l->where, name,
				 value);
	free(value);
	return err;
}

static enum kb_err count_of_variable(struct loader *l, struct uboot_ctx *ctx, uint8_t *count)
{
	char *value = libuboot_get_env(ctx, STARTS);
	enum kb_err err = loader_why_count(value == NULL ? "" : value, count);

	if (err != KB_OK)
		err = loader_why(l, err, "%s: " STARTS "=%.16s: expected a 1 for each start",
				 l->where, value);
	free(value);
	return err;
}

enum kb_err loader_uboot_read(struct loader *l, struct loader_choice *c)
{
	CLEANUP_LIBRARY struct uboot_ctx *ctx = NULL;
	struct loader_fwenv env = { .n = 0 };

	TRY(open_library(l, &env, &ctx));
	TRY(slot_of_variable(l, ctx, PRESET, &c->preset));
	TRY(slot_of_variable(l, ctx, ONCE, &c->once));
	return count_of_variable(l, ctx, &c->starts);
}

/* "": the variable goes. */
static enum kb_err set_variable(struct loader *l, struct uboot_ctx *ctx, const char *name,
				const char *value)
{
	int rc = libuboot_set_env(ctx, name, value[0] == '\0' ? NULL : value);

	return rc == 0 ? KB_OK : refused(l, rc, "change");
}

static enum kb_err set_slot_variable(struct loader *l, struct uboot_ctx *ctx, const char *name,
				     int slot)
{
	char value[2] = { slot == STATE_NONE ? '\0' : loader_why_letter(slot), '\0' };

	return set_variable(l, ctx, name, value);
}

/* Of the line `.flags` that the library makes, "x:sa," for each that has attributes. NULL: nobody
 * knows which have some. */
static size_t room_of_flags(struct uboot_ctx *ctx, const char *flags)
{
	size_t len = 0;

	for (void *v = libuboot_iterator(ctx, NULL); v != NULL; v = libuboot_iterator(ctx, v)) {
		if (flags == NULL || loader_ubcopy_has(flags, libuboot_getname(v)))
			len += strlen(libuboot_getname(v)) + strlen(":sa,");
	}
	return len == 0 ? 0 : len + strlen(".flags=");
}

/* The library says neither what they are nor which copy it has read. On an MTD that is not looked
 * at, any variable may have some. */
static size_t room_for_flags(struct uboot_ctx *ctx, const struct loader_fwenv *env)
{
	struct loader_ubcopy is;
	bool known = false;
	size_t most = 0, len;

	for (unsigned i = 0; i < env->n; i++) {
		if (loader_ubcopy_read(&is, &env->copy[i]) != KB_OK || !is.sound)
			continue;
		known = true;
		len = room_of_flags(ctx, is.flags);
		most = len > most ? len : most;
	}
	return known ? most : room_of_flags(ctx, NULL);
}

/* The library finds out as well, and forgets memory then; but for `.flags`, for which it writes
 * beyond the end of its memory. */
static enum kb_err check_room(struct loader *l, struct uboot_ctx *ctx,
			      const struct loader_fwenv *env)
{
	size_t len = LOADER_FWENV_OVERHEAD + 1 + room_for_flags(ctx, env);

	for (void *v = libuboot_iterator(ctx, NULL); v != NULL; v = libuboot_iterator(ctx, v))
		len += strlen(libuboot_getname(v)) + strlen(libuboot_getvalue(v)) + 2;
	if (len <= env->copy[0].size)
		return KB_OK;
	return loader_why(l, KB_ENOSPC,
			  "%s: U-Boot's environment is full: remove variables from it", l->where);
}

static enum kb_err store(struct loader *l, struct uboot_ctx *ctx, const struct loader_fwenv *env)
{
	int rc;

	TRY(check_room(l, ctx, env));
	rc = libuboot_env_store(ctx);
	return rc == 0 ? KB_OK : refused(l, rc, "write");
}

/* One store for both: the copy that is not in use is written, whole. */
enum kb_err loader_uboot_write(struct loader *l, const struct loader_choice *c)
{
	CLEANUP_LIBRARY struct uboot_ctx *ctx = NULL;
	struct loader_fwenv env = { .n = 0 };

	TRY(open_library(l, &env, &ctx));
	TRY(set_slot_variable(l, ctx, PRESET, c->preset));
	TRY(set_slot_variable(l, ctx, ONCE, c->once));
	TRY(set_variable(l, ctx, STARTS, loader_why_ones(c->starts)));
	return store(l, ctx, &env);
}

/* ---------------------------------------------------------------- its own count */

/* As env_get_ulong() of U-Boot reads it: digits up to what is none; 0 without any. */
static unsigned number_of_variable(struct uboot_ctx *ctx, const char *name)
{
	char *value = libuboot_get_env(ctx, name);
	unsigned long number = value == NULL ? 0 : strtoul(value, NULL, 10);

	free(value);
	return number > UINT_MAX ? UINT_MAX : (unsigned)number;
}

enum kb_err loader_uboot_count(struct loader *l, struct loader_uboot_count *count)
{
	CLEANUP_LIBRARY struct uboot_ctx *ctx = NULL;
	struct loader_fwenv env = { .n = 0 };

	*count = (struct loader_uboot_count){ .is_on = false };
	TRY(open_library(l, &env, &ctx));
	count->is_on = number_of_variable(ctx, COUNTS) != 0;
	count->starts = number_of_variable(ctx, COUNT);
	return KB_OK;
}

static enum kb_err write_zero(struct loader *l)
{
	CLEANUP_LIBRARY struct uboot_ctx *ctx = NULL;
	struct loader_fwenv env = { .n = 0 };

	TRY(open_library(l, &env, &ctx));
	TRY(set_variable(l, ctx, COUNT, "0"));
	return store(l, ctx, &env);
}

enum kb_err loader_uboot_reset_count(struct loader *l, bool *changed)
{
	struct loader_uboot_count count;

	*changed = false;
	TRY(loader_uboot_count(l, &count));
	if (count.starts == 0)
		return KB_OK;
	*changed = true;
	TRY(write_zero(l));
	TRY(loader_uboot_count(l, &count));
	return count.starts == 0 ? KB_OK
				 : loader_why(l, KB_EIO, "%s: wrote " COUNT "=0, but reads back %u",
					      l->where, count.starts);
}

enum kb_err loader_uboot_each(struct loader *l, loader_uboot_visit visit, void *ctx)
{
	CLEANUP_LIBRARY struct uboot_ctx *uboot = NULL;
	struct loader_fwenv env = { .n = 0 };

	TRY(open_library(l, &env, &uboot));
	for (void *v = libuboot_iterator(uboot, NULL); v != NULL; v = libuboot_iterator(uboot, v))
		visit(ctx, libuboot_getname(v), libuboot_getvalue(v));
	return KB_OK;
}
